//! The wallet refuses a verifier for each rule, and only for that rule.

use super::*;
use crate::simulator::bad_chains::BadChain;
use crate::simulator::people::Person;
use crate::simulator::registrar::{Draft, IntendedUse};
use crate::simulator::request::Rule;
use crate::simulator::wallet::{Fetch, Show, VerifierInfo};
use std::collections::BTreeSet;

async fn refused_with(options: Options, change: impl FnOnce(&mut FakeVerifier)) -> Option<Rule> {
    let mut verifier = FakeVerifier::new(resident_parking());
    change(&mut verifier);
    match verifier.ask(options).await {
        Err(WalletError::Refused(refusal)) => Some(refusal.rule),
        Ok(_) => None,
        Err(other) => panic!("{other}"),
    }
}

async fn refused(change: impl FnOnce(&mut FakeVerifier)) -> Option<Rule> {
    refused_with(Options::at(NOW), change).await
}

fn claim(name: &'static str, value: Value) -> impl FnOnce(&mut FakeVerifier) {
    move |verifier| {
        verifier.claims = Box::new(move |claims| {
            if value == json!("(remove)") {
                claims.remove(name);
            } else {
                claims.insert(name.to_owned(), value.clone());
            }
        });
    }
}

fn metadata(pointer: &'static str, value: Value) -> impl FnOnce(&mut FakeVerifier) {
    move |verifier| {
        verifier.claims = Box::new(move |claims| {
            *claims["client_metadata"].pointer_mut(pointer).unwrap() = value.clone();
        });
    }
}

fn link(from: &'static str, to: &'static str) -> impl FnOnce(&mut FakeVerifier) {
    move |verifier| {
        verifier.link = Box::new(move |link| {
            assert!(link.contains(from));
            *link = link.replacen(from, to, 1);
        });
    }
}

fn served(change: fn(&mut HttpResponse)) -> impl FnOnce(&mut FakeVerifier) {
    move |verifier| verifier.served = Box::new(change)
}

fn answered(change: fn(&mut HttpResponse)) -> impl FnOnce(&mut FakeVerifier) {
    move |verifier| verifier.answered = Box::new(change)
}

#[tokio::test]
async fn good_requests_are_answered() {
    assert_eq!(refused(|_| {}).await, None);
    for fetch in [Fetch::AsLinked, Fetch::Get, Fetch::PostEncrypted] {
        assert_eq!(refused_with(Options { fetch, ..Options::at(NOW) }, |_| {}).await, None, "{fetch:?}");
    }
    for scheme in ["haip-vp://", "eu-eaap://", "https://wallet.example/"] {
        assert_eq!(refused(link("openid4vp://", scheme)).await, None);
    }
    assert_eq!(refused(link("&request_uri_method=post", "")).await, None);
    assert_eq!(refused(claim("response_mode", json!("direct_post"))).await, None);
    assert_eq!(refused(claim("response_uri", json!("http://localhost:8080/wallet/responses/x"))).await, None);
    assert_eq!(refused(claim("iss", json!("ignored"))).await, None, "OVP-JAR-06");
}

#[tokio::test]
async fn the_link_has_rules() {
    // OVP-JAR-09, OVP-JAR-10, OVP-REQ-11.
    assert_eq!(refused(link("openid4vp://", "mailto://")).await, Some(Rule::LinkScheme));
    assert_eq!(refused(link("request_uri_method", "nonce")).await, Some(Rule::LinkParameter));
    assert_eq!(refused(link("&request_uri=", "&request_uri=x&request_uri=")).await, Some(Rule::LinkParameter));
    assert_eq!(refused(link("request_uri=https", "request_uri=http")).await, Some(Rule::LinkRequestUri));
    assert_eq!(refused(link("abc", "abc%23x")).await, Some(Rule::LinkRequestUri));
    assert_eq!(refused(link("method=post", "method=POST")).await, Some(Rule::LinkMethod), "OVP-RURI-08");
    assert_eq!(refused(link("x509_hash", "x509_san_dns")).await, Some(Rule::ClientIdPrefix), "OVP-CID-03");
}

#[tokio::test]
async fn serving_the_object_has_rules() {
    assert_eq!(refused(served(|response| response.status = 404)).await, Some(Rule::FetchStatus));
    assert_eq!(refused(served(|response| response.status = 302)).await, Some(Rule::FetchStatus), "OVP-RURI-06");
    let json = served(|response| response.content_type = Some("application/jwt".to_owned()));
    assert_eq!(refused(json).await, Some(Rule::FetchMediaType), "OVP-RURI-01");
    assert_eq!(refused(served(|response| response.cache_control = None)).await, Some(Rule::FetchCacheable));
    let plain = |verifier: &mut FakeVerifier| {
        verifier.served = Box::new(|response| response.body = b"a.b.c.d.e".to_vec());
    };
    assert_eq!(refused(plain).await, Some(Rule::ObjectEncryption));
    let encrypted = Options { fetch: Fetch::PostEncrypted, ..Options::at(NOW) };
    assert_eq!(refused_with(encrypted, plain).await, Some(Rule::ObjectEncryption));
}

#[tokio::test]
async fn the_object_has_rules() {
    // OVP-JAR-01, OVP-JAR-03: unsigned or by another algorithm.
    let garbage = |verifier: &mut FakeVerifier| verifier.token = Box::new(|token| *token = "x.y".to_owned());
    assert_eq!(refused(garbage).await, Some(Rule::ObjectForm));
    for typ in ["JWT", "oauth-authz-req", ""] {
        let change = |verifier: &mut FakeVerifier| {
            verifier.header = Box::new(move |header| {
                header.insert("typ".to_owned(), json!(typ));
            });
        };
        assert_eq!(refused(change).await, Some(Rule::ObjectTyp), "OVP-JAR-02 {typ}");
    }
    let alg = |verifier: &mut FakeVerifier| {
        verifier.header = Box::new(|header| {
            header.insert("alg".to_owned(), json!("ES384"));
        });
    };
    assert_eq!(refused(alg).await, Some(Rule::ObjectAlg));
    let unsigned = |verifier: &mut FakeVerifier| {
        verifier.token = Box::new(|token| {
            let cut = token.rfind('.').unwrap() + 1;
            token.truncate(cut);
        });
    };
    assert_eq!(refused(unsigned).await, Some(Rule::ObjectSignature));
}

#[tokio::test]
async fn only_verifiers_of_the_own_authority_are_answered() {
    let stranger = |verifier: &mut FakeVerifier| {
        let other = TestAuthority::for_host([8; 32], NOW, "verifier.example").unwrap();
        verifier.signer = other.access();
    };
    assert_eq!(refused(stranger).await, Some(Rule::ObjectChain));
    let issuer = |verifier: &mut FakeVerifier| {
        verifier.signer = verifier.authority.issuer(crate::simulator::authority::IssuerName::PidGermany);
    };
    assert_eq!(refused(issuer).await, Some(Rule::ObjectChain), "other anchors are no anchors for access");
    for bad in [BadChain::SelfSignedLeaf, BadChain::ExpiredLeaf] {
        let chain = move |verifier: &mut FakeVerifier| verifier.signer = verifier.authority.bad_chain(bad).unwrap();
        assert_eq!(refused(chain).await, Some(Rule::ObjectChain), "{bad:?}");
    }
    let anchor = |verifier: &mut FakeVerifier| {
        verifier.signer.chain.push(verifier.authority.access_root().to_vec());
    };
    assert_eq!(refused(anchor).await, Some(Rule::ObjectChain), "OVP-JAR-12");
    let without = |verifier: &mut FakeVerifier| {
        verifier.header = Box::new(|header| {
            header.remove("x5c");
        });
    };
    assert_eq!(refused(without).await, Some(Rule::ObjectChain));
    let other_hash = "x509_hash%3AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let hash = move |verifier: &mut FakeVerifier| {
        let id = verifier.client_id().replace(':', "%3A");
        verifier.link = Box::new(move |link| *link = link.replace(&id, other_hash));
    };
    assert_eq!(refused(hash).await, Some(Rule::ClientIdHash), "OVP-CID-02");
}

#[tokio::test]
async fn claims_have_rules() {
    // OVP-REQ-05, OVP-REQ-21, OVP-JAR-04, OVP-JAR-07, OVP-JAR-10: each broken alone.
    let remove = || json!("(remove)");
    assert_eq!(refused(claim("client_id", json!("x509_hash:other"))).await, Some(Rule::ClientIdEqual));
    assert_eq!(refused(claim("aud", remove())).await, Some(Rule::Audience), "OVP-JAR-05");
    assert_eq!(refused(claim("aud", json!("https://wallet.example"))).await, Some(Rule::Audience));
    assert_eq!(refused(claim("exp", remove())).await, Some(Rule::Times), "OVP-JAR-16");
    assert_eq!(refused(claim("exp", json!(NOW.0))).await, Some(Rule::Times));
    assert_eq!(refused(claim("exp", json!(NOW.0 * 1_000))).await, Some(Rule::Times));
    assert_eq!(refused(claim("exp", json!("1790000300"))).await, Some(Rule::Times));
    assert_eq!(refused(claim("iat", json!(NOW.0 + 61))).await, Some(Rule::Times));
    assert_eq!(refused(claim("iat", json!(NOW.0 + 60))).await, None);
    assert_eq!(refused(claim("response_type", json!("code"))).await, Some(Rule::ResponseType));
    assert_eq!(refused(claim("response_mode", json!("fragment"))).await, Some(Rule::ResponseMode));
    assert_eq!(refused(claim("response_uri", json!("http://verifier.example"))).await, Some(Rule::ResponseUri));
    assert_eq!(refused(claim("response_uri", remove())).await, Some(Rule::ResponseUri));
    for name in ["redirect_uri", "scope", "request", "request_uri", "request_uri_method", "expected_origins"] {
        assert_eq!(refused(claim(name, json!("x"))).await, Some(Rule::ForbiddenClaim), "{name}");
    }
    let sub = FakeVerifier::new(json!({})).client_id();
    assert_eq!(refused(claim("sub", json!(sub))).await, Some(Rule::ForbiddenClaim), "OVP-JAR-08");
    for nonce in [json!("short"), json!("b0Xc1mJQ2q8m8m0yZ3r6y+"), json!(7), remove()] {
        assert_eq!(refused(claim("nonce", nonce.clone())).await, Some(Rule::Nonce), "NON-02 {nonce}");
    }
    for state in [json!("short"), json!(NONCE), json!("7Qh2rJ8k0m1zV5c2dE9s3="), remove()] {
        assert_eq!(refused(claim("state", state.clone())).await, Some(Rule::State), "NON-05 {state}");
    }
    assert_eq!(refused(claim("wallet_nonce", json!("other"))).await, Some(Rule::WalletNonce), "OVP-RURI-10");
    assert_eq!(refused(claim("wallet_nonce", remove())).await, Some(Rule::WalletNonce));
    let by_get = Options { fetch: Fetch::Get, ..Options::at(NOW) };
    assert_eq!(refused_with(by_get, claim("wallet_nonce", json!("x"))).await, Some(Rule::WalletNonce), "OVP-RURI-11");
    assert_eq!(refused(claim("dcql_query", json!({"credentials": []}))).await, Some(Rule::QueryForm));
    let text = |object: Value| json!([base64::encode_url(object.to_string().as_bytes())]);
    let good = json!({"type": "t", "credential_ids": ["pid-de-sdjwt"]});
    for entries in [
        json!([]),
        json!("x"),
        json!([7]),
        json!(["{}"]),
        json!([good]),
        text(json!({"type": "t", "credential_ids": ["other"]})),
        text(json!({"type": "t", "credential_ids": []})),
        text(json!({"credential_ids": ["pid-de-sdjwt"]})),
        text(json!({"type": "t", "credential_ids": ["pid-de-sdjwt"], "transaction_data_hashes_alg": []})),
    ] {
        assert_eq!(refused(claim("transaction_data", entries)).await, Some(Rule::TransactionData));
    }
    assert_eq!(refused(claim("transaction_data", text(good))).await, None);
    for info in [json!([]), json!({}), json!(["x"]), json!([{"format": "registration_cert"}])] {
        assert_eq!(refused(claim("verifier_info", info)).await, Some(Rule::VerifierInfo));
    }
    assert_eq!(refused(claim("verifier_info", json!([{"format": "other", "data": {}}]))).await, None);
}

/// A certificate of the registrar for what resident parking asks in SD-JWTs.
fn registration(change: impl FnOnce(&mut Draft)) -> String {
    let query = resident_parking();
    let entry = |query: &Value| {
        let paths: Vec<Value> =
            query["claims"].as_array().unwrap().iter().map(|claim| json!({"path": claim["path"]})).collect();
        json!({"format": query["format"], "meta": query["meta"], "claim": paths})
    };
    let credentials: Vec<Value> = query["credentials"].as_array().unwrap().iter().map(entry).collect();
    let wanted = IntendedUse { id: "parking", purpose: ("Parken", "Parking"), credentials: json!(credentials) };
    let authority = TestAuthority::for_host([7; 32], NOW, "verifier.example").unwrap();
    let mut draft = authority.registration(&wanted, NOW);
    change(&mut draft);
    draft.jwt().unwrap()
}

fn with_data(data: &str) -> impl FnOnce(&mut FakeVerifier) + use<> {
    claim("verifier_info", json!([{"format": "registration_cert", "data": data}]))
}

#[tokio::test]
async fn registrations_have_rules() {
    let good = registration(|_| {});
    assert_eq!(refused(with_data(&good)).await, None, "VINFO-03");
    let encoded = base64::encode_url(good.as_bytes());
    assert_eq!(refused(with_data(&encoded)).await, None, "VINFO-03");
    let twice = base64::encode_url(encoded.as_bytes());
    assert_eq!(refused(with_data(&twice)).await, Some(Rule::RegistrationCertificate), "VINFO-03");
    for (members, why) in [
        (json!([{"format": "registration_cert", "data": good, "credential_ids": ["pid-de-sdjwt"]}]), "VINFO-02"),
        (
            json!([{"format": "registration_cert", "data": good}, {"format": "registration_cert", "data": good}]),
            "VINFO-04",
        ),
        (json!([{"format": "registration_cert", "data": good, "more": 1}]), "VINFO-01"),
        (json!([{"format": "registration_cert", "data": {"jwt": good}}]), "VINFO-02"),
        (json!([{"format": "other", "data": 1, "credential_ids": []}]), "VINFO-01"),
        (json!([{"format": "other", "data": 1, "credential_ids": ["nobody"]}]), "VINFO-01"),
        (json!({"format": "registration_cert", "data": good}), "VINFO-01: the object of a national page"),
    ] {
        assert_eq!(refused(claim("verifier_info", members)).await, Some(Rule::VerifierInfo), "{why}");
    }
    let certificate = Some(Rule::RegistrationCertificate);
    let ended = registration(|draft| drop(draft.claims.insert("exp".to_owned(), json!(NOW.0))));
    assert_eq!(refused(with_data(&ended)).await, certificate, "RPC-11");
    let kind = registration(|draft| drop(draft.header.insert("typ".to_owned(), json!("JWT"))));
    assert_eq!(refused(with_data(&kind)).await, certificate, "RPC-10");
    let stranger = registration(|draft| {
        let other = TestAuthority::for_host([8; 32], NOW, "verifier.example").unwrap();
        let theirs = other.registration(&IntendedUse { id: "x", purpose: ("", ""), credentials: json!([]) }, NOW);
        (draft.header, draft.signer) = (theirs.header, theirs.signer);
    });
    assert_eq!(refused(with_data(&stranger)).await, certificate);
    let party = registration(|draft| drop(draft.claims.insert("sub".to_owned(), json!("NTRDE-TEST.2"))));
    assert_eq!(refused(with_data(&party)).await, Some(Rule::RegistrationSubject), "VINFO-08");
    let less = registration(|draft| {
        draft.claims["credentials"][0]["claim"].as_array_mut().unwrap().pop();
    });
    assert_eq!(refused(with_data(&less)).await, Some(Rule::RegistrationCoverage), "RPC-19");
    // VINFO-09: a wallet that does not look at it answers all the same.
    let ignoring = Options { info: VerifierInfo::Ignored, ..Options::at(NOW) };
    assert_eq!(refused_with(ignoring, with_data(&less)).await, None);
}

#[tokio::test]
async fn metadata_has_rules() {
    assert_eq!(refused(claim("client_metadata", json!("(remove)"))).await, Some(Rule::MetadataMembers));
    let old = |verifier: &mut FakeVerifier| {
        verifier.claims = Box::new(|claims| {
            claims["client_metadata"]["authorization_encrypted_response_alg"] = json!("ECDH-ES");
        });
    };
    assert_eq!(refused(old).await, Some(Rule::MetadataMembers), "OVP-META-01");
    assert_eq!(refused(metadata("/jwks/keys", json!([]))).await, Some(Rule::MetadataKey));
    for (name, value) in
        [("kid", json!("")), ("alg", json!("RSA-OAEP")), ("use", json!("sig")), ("crv", json!("P-384"))]
    {
        let pointer: &'static str = match name {
            "kid" => "/jwks/keys/0/kid",
            "alg" => "/jwks/keys/0/alg",
            "use" => "/jwks/keys/0/use",
            _ => "/jwks/keys/0/crv",
        };
        assert_eq!(refused(metadata(pointer, value)).await, Some(Rule::MetadataKey), "OVP-META-07 to 10: {name}");
    }
    let private = |verifier: &mut FakeVerifier| {
        verifier.claims = Box::new(|claims| {
            claims["client_metadata"]["jwks"]["keys"][0]["d"] = json!(base64::encode_url(&[1; 32]));
        });
    };
    assert_eq!(refused(private).await, Some(Rule::MetadataKey), "OVP-META-18");
    let twice = |verifier: &mut FakeVerifier| {
        verifier.claims = Box::new(|claims| {
            let key = claims["client_metadata"]["jwks"]["keys"][0].clone();
            claims["client_metadata"]["jwks"]["keys"].as_array_mut().unwrap().push(key);
        });
    };
    assert_eq!(refused(twice).await, Some(Rule::MetadataKey));
    let reused = |verifier: &mut FakeVerifier| {
        let mut jwk = verifier.authority.access_key().public_jwk();
        for (name, value) in [("kid", "e1"), ("alg", "ECDH-ES"), ("use", "enc")] {
            jwk.insert(name.to_owned(), json!(value));
        }
        verifier.claims = Box::new(move |claims| {
            claims["client_metadata"]["jwks"]["keys"] = json!([jwk]);
        });
    };
    assert_eq!(refused(reused).await, Some(Rule::MetadataKeyReuse), "OVP-JAR-17");
    let one = metadata("/encrypted_response_enc_values_supported", json!(["A256GCM"]));
    assert_eq!(refused(one).await, Some(Rule::MetadataEncryption), "OVP-META-11");
    for formats in [
        json!({}),
        json!({"dc+sd-jwt": {"sd_jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}}),
        json!({"dc+sd-jwt": {"sd-jwt_alg_values": ["ES384"], "kb-jwt_alg_values": ["ES256"]}}),
    ] {
        let refusal = refused(metadata("/vp_formats_supported", formats)).await;
        assert_eq!(refusal, Some(Rule::MetadataFormats), "OVP-META-03");
    }
}

#[tokio::test]
async fn answers_have_rules() {
    // OVP-RESP-05, OVP-RESP-10: what a wallet may expect.
    assert_eq!(refused(answered(|answer| answer.body = b"thanks".to_vec())).await, Some(Rule::AnswerMediaType));
    let html = answered(|answer| answer.content_type = Some("text/html".to_owned()));
    assert_eq!(refused(html).await, Some(Rule::AnswerMediaType));
    assert_eq!(refused(answered(|answer| answer.cache_control = None)).await, Some(Rule::AnswerCacheable));
    assert_eq!(refused(answered(|answer| answer.status = 303)).await, Some(Rule::AnswerRedirect));
    let more = answered(|answer| answer.body = br#"{"redirect_uri":"https://x.example","claims":{}}"#.to_vec());
    assert_eq!(refused(more).await, Some(Rule::AnswerMembers));
    let script = answered(|answer| answer.body = br#"{"redirect_uri":"javascript:alert(1)"}"#.to_vec());
    assert_eq!(refused(script).await, Some(Rule::AnswerReturnUri));
    let leak = answered(|answer| {
        answer.status = 400;
        answer.body = r#"{"error":"invalid_presentation","error_description":"not PRÜFSTEIN"}"#.into();
    });
    assert_eq!(refused(leak).await, Some(Rule::AnswerLeak), "RSP-029");
    assert_eq!(refused(answered(|answer| answer.body = b"{}".to_vec())).await, None);
}

#[test]
fn rules_have_names_of_their_own_and_each_has_a_test() {
    let names: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.name()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
    let source = [include_str!("requests.rs"), include_str!("browser.rs"), include_str!("prefixes.rs")].concat();
    for rule in Rule::ALL {
        let broken = [format!("Some(Rule::{rule:?})"), format!(", Rule::{rule:?})")];
        assert!(broken.iter().any(|text| source.contains(text)), "no test breaks {}", rule.name());
    }
}

#[tokio::test]
async fn people_answer_with_what_they_have() {
    let verifier = FakeVerifier::new(resident_parking());
    let shown = |person| {
        let verifier = &verifier;
        async move { verifier.ask(Options { person, ..Options::at(NOW) }).await.unwrap().shown }
    };
    assert_eq!(shown(Person::Ordinary).await[0].paths.len(), 6);
    assert_eq!(shown(Person::WithoutAddress).await[0].paths.len(), 3);
    let foreign = shown(Person::Foreign).await;
    assert_eq!((foreign[0].query_id.as_str(), foreign[0].paths.len()), ("pid-eu-sdjwt", 3));
    let all = verifier.ask(Options { show: Show::Everything, ..Options::at(NOW) }).await.unwrap();
    assert_eq!(all.shown[0].paths.len(), 14);
    assert_eq!(all.redirect_uri.as_deref(), Some("https://town.example/back?response_code=abc"));
    assert!(all.is_as_expected());
    let strict = FakeVerifier::new(json!({"credentials": [{
        "id": "a", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
        "claims": [{"path": ["picture"]}]
    }]}));
    assert!(matches!(strict.ask(Options::at(NOW)).await, Err(WalletError::NothingFits)));
}
