//! Whole presentations through the routes, from the caller's first call to the result.

mod answers;
mod bodies;
mod browsers;
mod creation;
mod pages;
mod paths;
mod presets;
mod profiles;
pub(crate) mod races;
mod reading;
mod refusals;
mod requests;
mod sessions;
mod status;
mod tenants;
mod types;
mod verifications;

use crate::service::{FORM, NOW, RETURN_URL, STATUS_BASE, TestService, part, path_of};
use pruefstein::domain::jose::encrypt::encrypt;
use pruefstein::domain::jose::keys::SigningKey;
use pruefstein::simulator::authority::{IssuerName, PID_DE_TYPE, PID_EU_TYPE};
use pruefstein::simulator::issuer::{Draft, Issued, KeyBinding, holder_key, present};
use pruefstein::simulator::matcher::{Held, Obedience};
use pruefstein::simulator::people::Person;
use pruefstein::simulator::request::RequestObject;
use serde_json::{Map, Value, json};

/// The paths of the first claim set of the first query.
fn paths(request: &Value) -> Vec<Vec<Value>> {
    let claims = request["dcql_query"]["credentials"][0]["claims"].as_array().unwrap();
    claims.iter().map(|claim| claim["path"].as_array().unwrap().clone()).collect()
}

/// A good presentation of what is asked for first, made by hand from the German PID of a person.
fn presentation(service: &TestService, request: &Value, person: Person) -> String {
    let authority = &service.world.authority;
    let holder = holder_key(authority, person, IssuerName::PidGermany).unwrap();
    let draft = Draft::new(authority, IssuerName::PidGermany, person, &holder, STATUS_BASE, NOW).unwrap();
    let issued = draft.seal(authority.seed()).issue().unwrap();
    let binding = KeyBinding::new(request["client_id"].as_str().unwrap(), request["nonce"].as_str().unwrap(), NOW);
    present(&issued, &issued.disclosures_for(&paths(request)), binding, &holder).unwrap()
}

/// The key that the PID of the ordinary person is bound to.
pub(crate) fn ordinary_holder(service: &TestService) -> SigningKey {
    holder_key(&service.world.authority, Person::Ordinary, IssuerName::PidGermany).unwrap()
}

/// A German PID with these claims, held by the ordinary person.
pub(crate) struct CustomPid {
    pub(crate) claims: Map<String, Value>,
}

impl CustomPid {
    pub(crate) fn issue(&self, service: &TestService) -> Issued {
        let authority = &service.world.authority;
        let now = service.app.now();
        let (kind, person) = (IssuerName::PidGermany, Person::Ordinary);
        let mut draft = Draft::new(authority, kind, person, &ordinary_holder(service), STATUS_BASE, now).unwrap();
        draft.claims.clone_from(&self.claims);
        draft.seal(authority.seed()).issue().unwrap()
    }

    /// `vp_token` as the simulated wallet would choose it; `None` if nothing fits.
    pub(crate) fn vp_token(&self, service: &TestService, request: &RequestObject) -> Option<Value> {
        let kind = IssuerName::PidGermany;
        let held =
            Held { kind, types: vec![PID_DE_TYPE.to_owned(), PID_EU_TYPE.to_owned()], claims: self.claims.clone() };
        let issued = self.issue(service);
        let mut entries = Map::new();
        for choice in request.query.choose(&[held], Obedience { ignore_values: false })? {
            let binding = KeyBinding::new(&request.client_id, &request.nonce, service.app.now());
            let shown = issued.disclosures_for(&choice.paths);
            entries.insert(
                choice.query_id,
                json!([present(&issued, &shown, binding, &ordinary_holder(service)).unwrap()]),
            );
        }
        Some(Value::Object(entries))
    }
}

/// How an answer is encrypted.
struct Sealing<'k> {
    jwk: &'k Map<String, Value>,
    enc: &'k str,
}

impl Sealing<'_> {
    fn seal(&self, answer: &Value) -> Vec<u8> {
        let mut header = Map::new();
        header.insert("kid".to_owned(), self.jwk["kid"].clone());
        let token = encrypt(self.jwk, self.enc, &header, answer.to_string().as_bytes()).unwrap();
        format!("response={token}").into_bytes()
    }
}

/// An answer as a form, encrypted to the key of the request.
pub(crate) fn sealed(request: &Value, answer: &Value) -> Vec<u8> {
    let jwk = request["client_metadata"]["jwks"]["keys"][0].as_object().unwrap();
    Sealing { jwk, enc: "A256GCM" }.seal(answer)
}

#[tokio::test]
async fn a_same_device_presentation_from_end_to_end() {
    // OVP-REQ-15, OVP-RESP-05, OVP-RESP-06, OVP-RESP-07, OVP-RESP-14, NON-04.
    let service = TestService::new();
    let created = service
        .create(
            &json!({"preset": "bewohnerparken", "flow": "same_device", "return_url": RETURN_URL, "reference": "A-1"}),
        )
        .await;
    let id = created["id"].as_str().unwrap();
    let object = service.raw("GET", &path_of(&created["request_uri"]), None).await;
    assert_eq!(object.status, 200);
    assert_eq!(object.content_type.as_deref(), Some("application/oauth-authz-req+jwt"));
    let request = part(std::str::from_utf8(&object.body).unwrap(), 1);
    let answer = json!({
        "vp_token": {"pid-de-sdjwt": [presentation(&service, &request, Person::Ordinary)]}, "state": request["state"]
    });
    let response_path = path_of(&request["response_uri"]);
    let (status, next) = service.send("POST", &response_path, Some((FORM, sealed(&request, &answer)))).await;
    assert_eq!(status, 200, "{next} {}", service.get(&format!("/v1/presentations/{id}")).await.1);
    let redirect = next["redirect_uri"].as_str().unwrap();
    let code = redirect.strip_prefix(&format!("{RETURN_URL}?response_code=")).unwrap();

    // SES-001, SES-014: without the code nothing is shown, with it everything.
    let (status, problem) = service.get(&format!("/v1/presentations/{id}")).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("response_code_required")));
    let (status, read) = service.get(&format!("/v1/presentations/{id}?response_code={code}")).await;
    assert_eq!((status, read["status"].as_str()), (200, Some("verified")));
    let credential = &read["result"]["credentials"]["pid-de-sdjwt"][0];
    assert_eq!(credential["status"], "valid");
    assert_eq!(credential["issuer"]["trusted_by"], "test-pid-de");
    assert!(credential["claims"]["address"]["locality"].is_string(), "{credential}");
    assert!(credential["claims"].get("cnf").is_none());
    assert_eq!(read["report"]["outcome"], "accepted");
    let checks = read["report"]["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["outcome"] == "passed"), "{checks:?}");

    // STO-002: the same answer again changes nothing.
    let (status, _) = service.send("POST", &response_path, Some((FORM, sealed(&request, &answer)))).await;
    assert_eq!(status, 409);
}
