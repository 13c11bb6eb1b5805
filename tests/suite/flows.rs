//! Whole presentations through the routes, from the caller's first call to the result.

use crate::service::{NOW, RETURN_URL, TestService, path_of};
use pruefstein::domain::encoding::base64;
use pruefstein::domain::jose::encrypt::encrypt;
use pruefstein::simulator::authority::IssuerName;
use pruefstein::simulator::issuer::{Draft, KeyBinding, holder_key, present};
use pruefstein::simulator::people::Person;
use serde_json::{Map, Value, json};

/// The payload of a request object.
fn payload(object: &[u8]) -> Value {
    let text = std::str::from_utf8(object).unwrap();
    serde_json::from_slice(&base64::decode_url(text.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// The paths of the first claim set of the German query.
fn paths(request: &Value) -> Vec<Vec<Value>> {
    let claims = request["dcql_query"]["credentials"][0]["claims"].as_array().unwrap();
    claims.iter().map(|claim| claim["path"].as_array().unwrap().clone()).collect()
}

fn presentation(service: &TestService, request: &Value, paths: &[Vec<Value>]) -> String {
    let authority = &service.world.authority;
    let holder = holder_key(authority, Person::Ordinary, IssuerName::PidGermany).unwrap();
    let base = service.world.status_host.base();
    let draft = Draft::new(authority, IssuerName::PidGermany, Person::Ordinary, &holder, base, NOW).unwrap();
    let issued = draft.seal(authority.seed()).issue().unwrap();
    let binding = KeyBinding::new(request["client_id"].as_str().unwrap(), request["nonce"].as_str().unwrap(), NOW);
    present(&issued, &issued.disclosures_for(paths), binding, &holder).unwrap()
}

fn sealed(request: &Value, answer: &Value) -> Vec<u8> {
    let jwk = request["client_metadata"]["jwks"]["keys"][0].as_object().unwrap();
    let mut header = Map::new();
    header.insert("kid".to_owned(), jwk["kid"].clone());
    let token = encrypt(jwk, "A256GCM", &header, answer.to_string().as_bytes()).unwrap();
    format!("response={token}").into_bytes()
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_same_device_presentation_from_end_to_end() {
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
    let request = payload(&object.body);
    let answer = json!({
        "vp_token": {"pid-de-sdjwt": [presentation(&service, &request, &paths(&request))]}, "state": request["state"]
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

    // RSP-015, STO-002: the same answer again changes nothing.
    let (status, _) = service.send("POST", &response_path, Some((FORM, sealed(&request, &answer)))).await;
    assert_eq!(status, 409);
}
