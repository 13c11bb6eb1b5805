//! The wallet that answers verifiers of every prefix still has rules for each.

use super::*;
use crate::simulator::prefix::Prefixes;
use crate::simulator::request::Rule;
use crate::simulator::wallet::Fetch;

const SAN: &str = "x509_san_dns:verifier.example";

/// A verifier that calls itself `client_id`, in the link and in the request object.
fn named(client_id: &'static str, change: impl Fn(&mut Map<String, Value>) + Send + Sync + 'static) -> FakeVerifier {
    let mut verifier = FakeVerifier::new(resident_parking());
    let hash: String = form_urlencoded::byte_serialize(verifier.client_id().as_bytes()).collect();
    let mine: String = form_urlencoded::byte_serialize(client_id.as_bytes()).collect();
    verifier.link = Box::new(move |link| *link = link.replace(&hash, &mine));
    verifier.claims = Box::new(move |claims| {
        claims.insert("client_id".to_owned(), json!(client_id));
        change(claims);
    });
    verifier
}

async fn refused(verifier: &FakeVerifier, prefixes: Prefixes) -> Option<Rule> {
    match verifier.ask(Options { prefixes, ..Options::at(NOW) }).await {
        Err(WalletError::Refused(refusal)) => Some(refusal.rule),
        Ok(report) => {
            assert!(verifier.link().contains(&*report.client_id.replace(':', "%3A").replace('/', "%2F")));
            None
        }
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_name_of_the_certificate_is_the_host_of_the_answer() {
    // OVP-CID-05.
    let good = named(SAN, |_| {});
    assert_eq!(refused(&good, Prefixes::Any).await, None);
    assert_eq!(refused(&good, Prefixes::HashOnly).await, Some(Rule::ClientIdPrefix), "OVP-CID-03");
    for fetch in [Fetch::Get, Fetch::PostEncrypted] {
        good.ask(Options { prefixes: Prefixes::Any, fetch, ..Options::at(NOW) }).await.unwrap();
    }
    let elsewhere = named(SAN, |claims| {
        claims.insert("response_uri".to_owned(), json!("https://other.example/wallet/responses/abc"));
    });
    assert_eq!(refused(&elsewhere, Prefixes::Any).await, Some(Rule::ClientIdSan));
    let other = named("x509_san_dns:other.example", |claims| {
        claims.insert("response_uri".to_owned(), json!("https://other.example/wallet/responses/abc"));
    });
    assert_eq!(refused(&other, Prefixes::Any).await, Some(Rule::ClientIdSan));
}

#[tokio::test]
async fn agreed_names_are_signed_too() {
    // OVP-CID-12.
    assert_eq!(refused(&named("town-7", |_| {}), Prefixes::Any).await, None);
    assert_eq!(refused(&named("town-7", |_| {}), Prefixes::HashOnly).await, Some(Rule::ClientIdPrefix));
    let mut forged = named("town-7", |_| {});
    forged.token = Box::new(|token| {
        let (input, _) = token.rsplit_once('.').unwrap();
        *token = format!("{input}.{}", "A".repeat(86));
    });
    assert_eq!(refused(&forged, Prefixes::Any).await, Some(Rule::ObjectSignature));
    for strange in ["origin:https://verifier.example", "decentralized_identifier:did:web:verifier.example"] {
        assert_eq!(refused(&named(strange, |_| {}), Prefixes::Any).await, Some(Rule::ClientIdPrefix), "{strange}");
    }
}

/// A request in its link, unsigned; the parameters can be changed.
fn unsigned(change: impl Fn(&mut Vec<(String, String)>)) -> FakeVerifier {
    let mut verifier = FakeVerifier::new(resident_parking());
    let uri = "https://verifier.example/wallet/responses/abc";
    let metadata = json!({
        "jwks": {"keys": [verifier.key.announced_jwk().unwrap().0]},
        "encrypted_response_enc_values_supported": ["A128GCM", "A256GCM"],
        "vp_formats_supported": {"dc+sd-jwt": {"sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}}
    });
    let mut parameters: Vec<(String, String)> = [
        ("client_id", format!("redirect_uri:{uri}")),
        ("response_type", "vp_token".to_owned()),
        ("response_mode", "direct_post.jwt".to_owned()),
        ("response_uri", uri.to_owned()),
        ("nonce", NONCE.to_owned()),
        ("state", STATE.to_owned()),
        ("dcql_query", verifier.query.to_string()),
        ("client_metadata", metadata.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec();
    change(&mut parameters);
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    verifier.link = Box::new(move |link| *link = format!("openid4vp://?{query}"));
    verifier
}

fn with(name: &'static str, value: &'static str) -> FakeVerifier {
    unsigned(|parameters| {
        let place = parameters.iter().position(|(other, _)| other == name);
        let entry = (name.to_owned(), value.to_owned());
        match place {
            Some(place) => parameters[place] = entry,
            None => parameters.push(entry),
        }
    })
}

#[tokio::test]
async fn an_unsigned_request_is_in_its_link() {
    // OVP-CID-06, OVP-CID-07.
    let good = unsigned(|_| {});
    let report = good.ask(Options { prefixes: Prefixes::Any, ..Options::at(NOW) }).await.unwrap();
    assert_eq!(report.client_id, "redirect_uri:https://verifier.example/wallet/responses/abc");
    assert!(report.is_as_expected() && good.received.lock().unwrap().len() == 1, "nothing was collected");
    assert_eq!(refused(&good, Prefixes::HashOnly).await, Some(Rule::LinkParameter));
    for (verifier, rule) in [
        (with("response_uri", "https://verifier.example/elsewhere"), Rule::ClientIdResponseUri),
        (with("redirect_uri", "https://verifier.example/elsewhere"), Rule::ForbiddenClaim),
        (with("request_uri", "https://verifier.example/elsewhere"), Rule::ForbiddenClaim),
        (with("dcql_query", "{"), Rule::LinkParameter),
        (with("dcql_query", "[]"), Rule::QueryForm),
        (with("nonce", "short"), Rule::Nonce),
        (with("wallet_nonce", "not-asked-for-at-all"), Rule::WalletNonce),
        (with("client_metadata", "{}"), Rule::MetadataFormats),
        (unsigned(|parameters| parameters.extend(parameters.last().cloned())), Rule::LinkParameter),
    ] {
        assert_eq!(refused(&verifier, Prefixes::Any).await, Some(rule), "{}", verifier.link());
    }
    let mut mail = unsigned(|_| {});
    let link = mail.link().replace("openid4vp:", "mailto:");
    mail.link = Box::new(move |text| text.clone_from(&link));
    assert_eq!(refused(&mail, Prefixes::Any).await, Some(Rule::LinkScheme));
    // A signed object behind such a name is no request of that prefix.
    let behind = named("redirect_uri:https://verifier.example/wallet/responses/abc", |_| {});
    assert_eq!(refused(&behind, Prefixes::Any).await, Some(Rule::ClientIdResponseUri));
}
