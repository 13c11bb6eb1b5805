//! What a request must be, rule by rule. All faults are named at once.

use super::Stand;
use super::wallet::{self, Request, certificate, fingerprint};
use crate::service::NOW;
use pruefstein::domain::request::client_id::ClientIdPrefix;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use url::{Host, Url};

/// Members of a request object that OpenID4VP 1.0 and JAR know and that this verifier may send.
const KNOWN: [&str; 15] = [
    "aud",
    "client_id",
    "client_metadata",
    "dcql_query",
    "exp",
    "iat",
    "iss",
    "nonce",
    "response_mode",
    "response_type",
    "response_uri",
    "state",
    "transaction_data",
    "verifier_info",
    "wallet_nonce",
];

/// Everything that is wrong with the request; empty if it is sound.
pub(super) fn faults(stand: &Stand, request: &Request) -> Vec<String> {
    let mut found = Faults(Vec::new());
    match &request.header {
        Some(header) => {
            link_to_object(&request.link, &mut found);
            header_rules(header, &mut found);
            object_rules(request, &mut found);
        }
        None => link_with_request(&request.link, &mut found),
    }
    named(stand, request, &mut found);
    parameters(stand, request, &mut found);
    random(request, &mut found);
    query(request, &mut found);
    metadata(stand, request, &mut found);
    found.0
}

struct Faults(Vec<String>);

impl Faults {
    fn unless(&mut self, holds: bool, rule: &str) {
        if !holds {
            self.0.push(rule.to_owned());
        }
    }
}

fn link_to_object(link: &BTreeMap<String, String>, found: &mut Faults) {
    let names: Vec<&str> = link.keys().map(String::as_str).collect();
    found.unless(
        names == ["client_id", "request_uri", "request_uri_method"],
        "OVP-REQ-10: three parameters in the link",
    );
    let method = link.get("request_uri_method").map(String::as_str);
    found.unless(matches!(method, None | Some("get" | "post")), "OVP-RURI-08: request_uri_method is get or post");
    let uri = link.get("request_uri").map(String::as_str).unwrap_or_default();
    found.unless(is_permitted(uri), "JAR 5.2: request_uri is https without fragment");
    found.unless(uri.len() <= 512, "OVP-RURI-05: request_uri is not longer than 512 characters");
}

fn link_with_request(link: &BTreeMap<String, String>, found: &mut Faults) {
    found.unless(!link.contains_key("request"), "OVP-CID-06: requests of the prefix redirect_uri are not signed");
    for name in ["request_uri", "request_uri_method"] {
        found.unless(!link.contains_key(name), "JAR 5: a request by value has no request_uri");
    }
}

fn header_rules(header: &Map<String, Value>, found: &mut Faults) {
    found.unless(header.get("typ") == Some(&json!("oauth-authz-req+jwt")), "OVP-JAR-02: typ");
    found.unless(header.get("alg") == Some(&json!("ES256")), "OVP-JAR-03: alg is ES256");
    let chain = header.get("x5c").and_then(Value::as_array);
    found.unless(chain.is_some_and(|chain| !chain.is_empty()), "OVP-JAR-11: x5c");
    found.unless(!["jwk", "jku", "x5u", "crit"].iter().any(|name| header.contains_key(*name)), "one way to the key");
}

fn object_rules(request: &Request, found: &mut Faults) {
    let claims = &request.claims;
    found.unless(
        request.link.get("client_id").map(String::as_str) == Some(request.word("client_id")),
        "OVP-CID-01: client_id of link and object",
    );
    found.unless(request.word("aud") == "https://self-issued.me/v2", "OVP-JAR-05: aud");
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    found.unless(time("iat").is_some_and(|iat| (NOW.0 - 300..=NOW.0).contains(&iat)), "OVP-JAR-16: iat is now");
    let (soon, late) = (NOW.0 + 1, NOW.0 + 3_600);
    found.unless(time("exp").is_some_and(|exp| (soon..=late).contains(&exp)), "OVP-JAR-16: exp is in this hour");
    found.unless(!claims.values().any(Value::is_null), "no member is null");
    found.unless(claims.get("sub") != Some(&json!(request.word("client_id"))), "JAR 10.8: sub is not the client");
    if let Some(iss) = claims.get("iss") {
        found.unless(iss.is_string(), "OVP-JAR-06: iss");
    }
}

/// OVP-CID-02, OVP-CID-05, OVP-CID-07, OVP-CID-12.
fn named(stand: &Stand, request: &Request, found: &mut Faults) {
    let client_id = request.word("client_id");
    let leaf = request.header.as_ref().and_then(|header| header.get("x5c")).map(|chain| certificate(&chain[0]));
    let holds = match stand.variant.prefix {
        ClientIdPrefix::X509Hash => leaf.is_some_and(|leaf| client_id == format!("x509_hash:{}", fingerprint(&leaf))),
        ClientIdPrefix::X509SanDns => {
            let host = client_id.strip_prefix("x509_san_dns:").unwrap_or_default();
            let at_host = |uri: &str| Url::parse(uri).is_ok_and(|uri| uri.host_str() == Some(host));
            at_host(request.word("response_uri")) && leaf.is_some_and(|leaf| has_name(&leaf, host))
        }
        ClientIdPrefix::RedirectUri => {
            client_id.strip_prefix("redirect_uri:") == Some(request.word("response_uri")) && leaf.is_none()
        }
        ClientIdPrefix::PreRegistered => client_id == super::AGREED_NAME,
    };
    found.unless(holds, "client_id is that of the prefix");
}

fn has_name(leaf: &[u8], host: &str) -> bool {
    use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};
    let (_, leaf) = X509Certificate::from_der(leaf).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    names.value.general_names.iter().any(|name| matches!(name, GeneralName::DNSName(found) if *found == host))
}

fn parameters(stand: &Stand, request: &Request, found: &mut Faults) {
    let claims = &request.claims;
    found.unless(request.word("response_type") == "vp_token", "OVP-REQ-01: response_type");
    found.unless(request.word("response_mode") == stand.variant.response_mode(), "OVP-REQ-03: response_mode");
    found.unless(is_permitted(request.word("response_uri")), "OVP-REQ-05: response_uri is https without fragment");
    // OVP-REQ-21, OVP-JAR-07, OVP-JAR-08, OVP-REQ-05: what drafts had, and what belongs elsewhere.
    for name in [
        "redirect_uri",
        "request",
        "request_uri",
        "request_uri_method",
        "scope",
        "client_id_scheme",
        "presentation_definition",
        "presentation_definition_uri",
        "client_metadata_uri",
        "expected_origins",
        "transaction_data",
    ] {
        found.unless(!claims.contains_key(name), &format!("{name} is absent"));
    }
    for name in claims.keys() {
        found.unless(KNOWN.contains(&name.as_str()), &format!("{name} is no member of OpenID4VP 1.0"));
    }
    if let Some(info) = claims.get("verifier_info") {
        let entry = |entry: &Value| entry["format"].is_string() && entry.get("data").is_some();
        let sound = info.as_array().is_some_and(|entries| !entries.is_empty() && entries.iter().all(entry));
        found.unless(sound, "VINFO-01: verifier_info has format and data");
    }
}

/// The limits are those of the suite: 16 to 43 characters, and an entropy of 96 bits as counted over the characters.
fn random(request: &Request, found: &mut Faults) {
    for name in ["nonce", "state"] {
        let value = request.word(name);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        found.unless(value.bytes().all(plain), &format!("NON-02, NON-05: characters of {name}"));
        found.unless((22..=43).contains(&value.len()), &format!("NON-01, NON-04: length of {name}"));
    }
    found.unless(entropy(request.word("nonce")) > 96.0, "NON-01: entropy of nonce");
    found.unless(request.word("nonce") != request.word("state"), "NON-07: nonce and state differ");
}

/// Shannon's entropy of a text in bits, with the characters of the text itself as the distribution.
fn entropy(text: &str) -> f64 {
    let mut counts: BTreeMap<char, u32> = BTreeMap::new();
    for character in text.chars() {
        *counts.entry(character).or_default() += 1;
    }
    let length: f64 = counts.values().copied().map(f64::from).sum();
    counts.values().copied().map(f64::from).map(|count| count * (length / count).log2()).sum()
}

fn query(request: &Request, found: &mut Faults) {
    let query = &request.claims.get("dcql_query").cloned().unwrap_or_default();
    let names: Vec<&str> =
        query.as_object().into_iter().flat_map(|members| members.keys().map(String::as_str)).collect();
    found.unless(names == ["credentials"], "OVP-DCQL-01: members of dcql_query");
    let credentials = query["credentials"].as_array().map(Vec::as_slice).unwrap_or_default();
    found.unless(credentials.len() == 1, "CONF: exactly one credential");
    for credential in credentials {
        let known = [
            "id",
            "format",
            "meta",
            "claims",
            "claim_sets",
            "multiple",
            "require_cryptographic_holder_binding",
            "trusted_authorities",
        ];
        let members = credential.as_object().unwrap();
        found.unless(members.keys().all(|name| known.contains(&name.as_str())), "OVP-DCQL-02: members of a credential");
        let id = credential["id"].as_str().unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        found.unless(!id.is_empty() && id.bytes().all(plain), "OVP-DCQL-03: id");
        found.unless(credential["format"] == "dc+sd-jwt", "OVP-DCQL-04: format");
        found.unless(credential["meta"]["vct_values"] == json!([wallet::TYPE]), "OVP-DCQL-06: meta.vct_values");
        let paths = credential["claims"].as_array().map(Vec::as_slice).unwrap_or_default();
        let whole = paths.iter().all(|claim| claim["path"].as_array().is_some_and(|path| !path.is_empty()));
        found.unless(!paths.is_empty() && whole, "OVP-DCQL: paths of claims");
    }
}

fn metadata(stand: &Stand, request: &Request, found: &mut Faults) {
    let metadata = &request.claims.get("client_metadata").cloned().unwrap_or_default();
    let encrypted = stand.variant.encryption.is_some();
    let members: BTreeSet<&str> =
        metadata.as_object().into_iter().flat_map(|members| members.keys().map(String::as_str)).collect();
    let mut wanted = BTreeSet::from(["vp_formats_supported"]);
    if encrypted {
        wanted.extend(["jwks", "encrypted_response_enc_values_supported"]);
    }
    found.unless(members == wanted, "OVP-META-01: members of client_metadata");
    let formats = &metadata["vp_formats_supported"];
    let only = formats.as_object().is_some_and(|formats| formats.keys().eq(["dc+sd-jwt"]));
    found.unless(only, "OVP-META-02: the formats that are asked for");
    for name in ["sd-jwt_alg_values", "kb-jwt_alg_values"] {
        let algorithms = formats["dc+sd-jwt"][name].as_array().map(Vec::as_slice).unwrap_or_default();
        let known =
            algorithms.iter().all(|algorithm| ["ES256", "ES384", "ES512"].iter().any(|known| algorithm == known));
        found.unless(known && algorithms.iter().any(|algorithm| algorithm == "ES256"), &format!("OVP-META-03: {name}"));
    }
    if !encrypted {
        return;
    }
    let offered = &metadata["encrypted_response_enc_values_supported"];
    let both =
        offered.as_array().is_some_and(|names| ["A128GCM", "A256GCM"].iter().all(|name| names.contains(&json!(name))));
    found.unless(both, "OVP-META-11: A128GCM and A256GCM");
    let keys = metadata["jwks"]["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    found.unless(!keys.is_empty(), "OVP-META-10: a key for the answer");
    let mut kids = BTreeSet::new();
    for key in keys {
        found.unless(key["kty"] == "EC" && key["crv"] == "P-256", "OVP-META-10: a key on P-256");
        found.unless(key["alg"] == "ECDH-ES", "OVP-META-08: alg of the key");
        found.unless(key["use"] == "enc", "OVP-META-09: use of the key");
        found.unless(key["kid"].as_str().is_some_and(|kid| !kid.is_empty() && kids.insert(kid)), "OVP-META-07: kid");
        found.unless(key.get("d").is_none(), "OVP-META-18: no private part");
        let length = |name: &str| key[name].as_str().map_or(0, |text| wallet::decode(text).len());
        found.unless(length("x") == 32 && length("y") == 32, "RFC 7518 6.2.1: coordinates of 32 bytes");
    }
}

/// https without fragment, or http on the machine itself.
fn is_permitted(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let local = matches!(url.host(), Some(Host::Domain("localhost")));
    url.fragment().is_none() && (url.scheme() == "https" || (url.scheme() == "http" && local))
}

#[tokio::test]
async fn each_rule_of_a_request_can_be_broken() {
    let variant = super::haip::VARIANTS[0];
    let stand = Stand::new(variant, |_| {}).await;
    let good = wallet::collect(&stand, &stand.begin().await).await;
    assert_eq!(faults(&stand, &good), [""; 0]);
    let broken = |change: &dyn Fn(&mut Request)| {
        let mut request = good.clone();
        change(&mut request);
        faults(&stand, &request)
    };
    let header = |name: &str, value: Value| {
        broken(&|request| {
            request.header.as_mut().unwrap().insert(name.to_owned(), value.clone());
        })
    };
    for (name, value) in [("typ", json!("JWT")), ("alg", json!("ES512")), ("jwk", json!({})), ("crit", json!(["x"]))] {
        assert_eq!(header(name, value).len(), 1, "{name}");
    }
    let claim = |name: &str, value: Value| {
        broken(&|request| {
            request.claims.insert(name.to_owned(), value.clone());
        })
    };
    let state = good.claims["state"].clone();
    for (name, value) in [
        ("aud", json!("https://verifier.example")),
        ("iat", json!(NOW.0 + 60)),
        ("iat", json!(NOW.0 - 86_400)),
        ("exp", json!(NOW.0)),
        ("exp", json!((NOW.0 + 300) * 1_000)),
        ("exp", json!("soon")),
        ("iss", json!(7)),
        ("response_type", json!("vp_token id_token")),
        ("response_mode", json!("direct_post")),
        ("response_uri", json!("http://verifier.example/wallet/responses/x")),
        ("response_uri", json!("https://verifier.example/wallet/responses/x#y")),
        ("verifier_info", json!([])),
        ("nonce", json!("b0Xc1mJQ2q8m8m0yZ3r6y+b0Xc1mJQ2q8m8m0yZ3")),
        ("nonce", json!("abcdefghabcdefghabcdefghabcdefgh")),
        ("nonce", json!("A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8S9t0U1v2")),
        ("state", json!("b0Xc1mJQ")),
        ("dcql_query", json!({"credentials": good.claims["dcql_query"]["credentials"], "x": 1})),
    ] {
        assert_eq!(claim(name, value.clone()).len(), 1, "{name} {value}");
    }
    // The nonce in the place of the state, whose own rules are looser.
    assert!(claim("nonce", state).iter().any(|fault| fault.starts_with("NON-07")));
    for name in [
        "redirect_uri",
        "scope",
        "client_id_scheme",
        "presentation_definition",
        "request_uri_method",
        "transaction_data",
        "unheard_of",
    ] {
        assert!(!claim(name, json!("x")).is_empty(), "{name}");
    }
    for name in ["aud", "iat", "exp", "client_id", "response_uri", "nonce", "state", "dcql_query", "client_metadata"] {
        let without = broken(&|request| {
            request.claims.remove(name);
        });
        assert!(!without.is_empty(), "{name}");
    }
    for (pointer, value) in [
        ("/jwks/keys/0/alg", json!("ECDH-ES+A128KW")),
        ("/jwks/keys/0/use", json!("sig")),
        ("/jwks/keys/0/kid", json!("")),
        ("/jwks/keys/0/crv", json!("P-384")),
        ("/jwks/keys/0/x", json!("AA")),
        ("/jwks/keys", json!([])),
        ("/encrypted_response_enc_values_supported", json!(["A256GCM"])),
        ("/vp_formats_supported", json!({"vc+sd-jwt": {}})),
        ("/vp_formats_supported/dc+sd-jwt/kb-jwt_alg_values", json!(["none"])),
    ] {
        let spoilt =
            broken(&|request| *request.claims["client_metadata"].pointer_mut(pointer).unwrap() = value.clone());
        assert!(!spoilt.is_empty(), "{pointer}");
    }
    for (name, value) in [
        ("request_uri_method", "POST"),
        ("request_uri", "http://verifier.example/x"),
        ("client_id", "x509_hash:other"),
        ("state", "x"),
    ] {
        let spoilt = broken(&|request| {
            request.link.insert(name.to_owned(), value.to_owned());
        });
        assert_eq!(spoilt.len(), 1, "{name}");
    }
}
