//! The wallet behind a browser refuses a call for each rule, and only for that rule.

use super::*;
use crate::domain::encoding::base64;
use crate::domain::jose::jwe;
use crate::simulator::dc_api::{BrowserFault, PageCall, read};
use crate::simulator::request::Rule;

const ORIGIN: &str = "https://antrag.stadt.example";

/// A page's call that a test can spoil: the parameters, the header, and what the browser is given.
struct Page {
    verifier: FakeVerifier,
    claims: Value,
    header: Map<String, Value>,
}

impl Page {
    fn new() -> Self {
        let verifier = FakeVerifier::new(resident_parking());
        let claims = json!({
            "response_type": "vp_token", "response_mode": "dc_api.jwt", "client_id": verifier.client_id(),
            "expected_origins": ["https://termin.stadt.example", ORIGIN], "aud": "https://self-issued.me/v2",
            "nonce": NONCE, "iat": NOW.0, "exp": NOW.plus(300).0, "dcql_query": verifier.query,
            "client_metadata": {
                "jwks": {"keys": [verifier.key.announced_jwk().unwrap().0]},
                "encrypted_response_enc_values_supported": ["A128GCM", "A256GCM"],
                "vp_formats_supported": {
                    "dc+sd-jwt": {"sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}
                }
            }
        });
        let mut header = jws::header("oauth-authz-req+jwt");
        header.insert("x5c".to_owned(), json!(verifier.signer.x5c()));
        Self { verifier, claims, header }
    }

    fn set(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name);
        self
    }

    fn token(&self) -> String {
        let SignerKey::P256(key) = &self.verifier.signer.key else { unreachable!() };
        let payload = jws::json(self.claims.as_object().unwrap());
        Jws::unsigned(&self.header, payload).sign(&SignerKey::P256(key.clone())).unwrap().text()
    }

    fn signed(&self) -> Value {
        json!({"protocol": "openid4vp-v1-signed", "data": {"request": self.token()}})
    }

    /// The JSON form, with the client where it belongs.
    fn multi_signed(mut self) -> (Self, Value) {
        let client = self.claims.as_object_mut().unwrap().remove("client_id").unwrap();
        self.header.insert("client_id".to_owned(), client);
        let data = self.general();
        (self, data)
    }

    fn general(&self) -> Value {
        let token = self.token();
        let parts: Vec<&str> = token.split('.').collect();
        json!({"protocol": "openid4vp-v1-multisigned", "data": {"request": {
            "payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]
        }}})
    }

    fn unsigned(self) -> (Self, Value) {
        let page = self.without("client_id").without("expected_origins").without("aud").without("iat").without("exp");
        let data = json!({"protocol": "openid4vp-v1-unsigned", "data": page.claims});
        (page, data)
    }

    fn read(&self, call: &Value) -> Option<Rule> {
        let page =
            PageCall { origin: ORIGIN, anchor: self.verifier.authority.access_root(), registrar: None, now: NOW };
        read(call, &page).err().map(|refusal| refusal.rule)
    }

    fn refuses(&self, requests: &Value) -> Option<Rule> {
        self.read(&json!({"digital": {"requests": requests}}))
    }

    /// As a signed request.
    fn refused(&self) -> Option<Rule> {
        self.refuses(&json!([self.signed()]))
    }
}

#[test]
fn good_calls_are_answered() {
    let page = Page::new();
    assert_eq!(page.refused(), None);
    let signed = page.signed();
    let (page, multi) = page.multi_signed();
    assert_eq!(page.refuses(&json!([multi])), None);
    let (_, unsigned) = Page::new().unsigned();
    assert_eq!(page.refuses(&json!([unsigned, signed, multi])), None);
    assert_eq!(Page::new().set("response_mode", json!("dc_api")).refused(), None);
    assert_eq!(Page::new().set("unknown", json!(1)).refused(), None, "section A.2: unknown parameters are ignored");
}

#[test]
fn the_call_has_rules() {
    let page = Page::new();
    let good = page.signed();
    for wrong in [
        json!(null),
        json!({"requests": [good]}),
        json!({"digital": {"requests": []}}),
        json!({"digital": {"requests": [good], "providers": []}}),
        json!({"digital": {"requests": [good]}, "mediation": "silent"}),
        json!({"digital": {"requests": [good["data"]]}}),
        json!({"digital": {"requests": [{"protocol": "openid4vp-v1-signed", "data": good["data"], "x": 1}]}}),
    ] {
        assert_eq!(page.read(&wrong), Some(Rule::BrowserCall), "{wrong}");
    }
    // DCA-01.
    for name in ["openid4vp", "openid4vp-v1", "org-iso-mdoc", "openid4vp-v2-signed"] {
        let request = json!({"protocol": name, "data": good["data"]});
        assert_eq!(page.refuses(&json!([request])), Some(Rule::BrowserProtocol), "{name}");
    }
    assert_eq!(page.refuses(&json!([good, good])), Some(Rule::BrowserProtocol), "one of them twice");
    for data in [json!("x"), json!({"request": 7}), json!({"request": page.token(), "x": 1}), page.claims.clone()] {
        let request = json!({"protocol": "openid4vp-v1-signed", "data": data});
        assert_eq!(page.refuses(&json!([request])), Some(Rule::BrowserData));
    }
    // One bad request among good ones is enough.
    assert_eq!(page.refuses(&json!([good, {"protocol": "x", "data": {}}])), Some(Rule::BrowserProtocol));
}

#[test]
fn the_request_has_rules() {
    // DCA-04, DCA-06, DCA-07, DCA-10.
    assert_eq!(Page::new().without("expected_origins").refused(), Some(Rule::ExpectedOrigins));
    for origins in [
        json!([]),
        json!(ORIGIN),
        json!(["https://antrag.stadt.example/"]),
        json!(["https://ANTRAG.stadt.example"]),
        json!(["https://antrag.stadt.example:443"]),
        json!([ORIGIN, 7]),
    ] {
        assert_eq!(Page::new().set("expected_origins", origins).refused(), Some(Rule::ExpectedOrigins));
    }
    for name in ["response_uri", "redirect_uri", "state", "scope", "request", "request_uri", "wallet_nonce"] {
        assert_eq!(Page::new().set(name, json!("x")).refused(), Some(Rule::ForbiddenClaim), "{name}");
    }
    for mode in ["direct_post.jwt", "direct_post", "fragment"] {
        assert_eq!(Page::new().set("response_mode", json!(mode)).refused(), Some(Rule::ResponseMode), "{mode}");
    }
    assert_eq!(Page::new().set("response_type", json!("code")).refused(), Some(Rule::ResponseType));
    assert_eq!(Page::new().set("aud", json!(ORIGIN)).refused(), Some(Rule::Audience));
    assert_eq!(Page::new().set("exp", json!(NOW.0)).refused(), Some(Rule::Times));
    assert_eq!(Page::new().set("nonce", json!("short")).refused(), Some(Rule::Nonce));
    assert_eq!(Page::new().set("dcql_query", json!("{}")).refused(), Some(Rule::QueryForm));
    assert_eq!(Page::new().without("client_metadata").refused(), Some(Rule::MetadataMembers));
    assert_eq!(Page::new().set("verifier_info", json!([])).refused(), Some(Rule::VerifierInfo));
    assert_eq!(Page::new().set("client_id", json!("x509_hash:abc")).refused(), Some(Rule::ClientIdHash));
    let mut other = Page::new();
    other.header.insert("typ".to_owned(), json!("JWT"));
    assert_eq!(other.refused(), Some(Rule::ObjectTyp));
    let mut self_made = Page::new();
    self_made.header.insert("x5c".to_owned(), json!(["AAAA"]));
    assert_eq!(self_made.refused(), Some(Rule::ObjectChain));
}

#[test]
fn the_client_has_one_place() {
    // DCA-05, DCA-09.
    assert_eq!(Page::new().without("client_id").refused(), Some(Rule::ClientIdPlace));
    let mut both = Page::new();
    both.header.insert("client_id".to_owned(), json!(both.verifier.client_id()));
    assert_eq!(both.refused(), Some(Rule::ClientIdPlace));
    assert_eq!(both.refuses(&json!([both.general()])), Some(Rule::ClientIdPlace), "in the payload of the JSON form");
    let nowhere = Page::new().without("client_id");
    assert_eq!(nowhere.refuses(&json!([nowhere.general()])), Some(Rule::ClientIdPlace));
    let (page, _) = Page::new().multi_signed();
    let page = page.set("verifier_info", json!([{"format": "x", "data": "y"}]));
    assert_eq!(page.refuses(&json!([page.general()])), Some(Rule::ClientIdPlace), "verifier_info in the payload");
    let (page, good) = Page::new().multi_signed();
    let mut none = good.clone();
    none["data"]["request"]["signatures"] = json!([]);
    assert_eq!(page.refuses(&json!([none])), Some(Rule::BrowserData));
    let bare = json!({"protocol": "openid4vp-v1-multisigned", "data": good["data"]["request"]});
    assert_eq!(page.refuses(&json!([bare])), Some(Rule::BrowserData));
    let mut forged = good;
    forged["data"]["request"]["signatures"][0]["signature"] = json!("A".repeat(86));
    assert_eq!(page.refuses(&json!([forged])), Some(Rule::ObjectSignature));
    for (name, rule) in [("client_id", Rule::ClientIdPlace), ("expected_origins", Rule::ExpectedOrigins)] {
        let (page, mut request) = Page::new().unsigned();
        request["data"][name] = json!([ORIGIN]);
        assert_eq!(page.refuses(&json!([request])), Some(rule));
    }
}

#[test]
fn every_browser_fault_changes_what_the_page_gets() {
    let page = Page::new();
    let call = json!({"digital": {"requests": [page.signed()]}});
    let wallet = Wallet::new(page.verifier.authority.clone(), STATUS_BASE);
    // What is inside, since each encryption differs from every other.
    let seen = |fault: Option<BrowserFault>| -> Vec<(String, Value, Option<Value>)> {
        let answers = wallet.answer_browser(&call, ORIGIN, Options::at(NOW), fault).unwrap();
        let (_, kid) = page.verifier.key.announced_jwk().unwrap();
        let opened = |data: &Value| {
            let token = data.get("response")?.as_str()?;
            let plain = jwe::decrypt(token, &page.verifier.key, &kid).unwrap();
            let content: Value = serde_json::from_slice(&plain).unwrap();
            let text = content["vp_token"]["pid-de-sdjwt"][0].as_str().unwrap().to_owned();
            let proof = text.rsplit('~').next().unwrap().split('.').nth(1).unwrap().to_owned();
            Some(serde_json::from_slice(&base64::decode_url(&proof).unwrap()).unwrap())
        };
        let shape = |mut data: Value| {
            if let Some(response) = data.get_mut("response") {
                *response = json!("");
            }
            data
        };
        answers.into_iter().map(|answer| (answer.protocol, shape(answer.data.clone()), opened(&answer.data))).collect()
    };
    let good = seen(None);
    assert_eq!(good.len(), 1);
    let proof = good[0].2.clone().unwrap();
    assert_eq!(proof["aud"], format!("origin:{ORIGIN}"));
    assert_eq!(proof["nonce"], NONCE);
    for fault in BrowserFault::ALL {
        assert_ne!(seen(Some(*fault)), good, "{} does nothing", fault.name());
    }
}
