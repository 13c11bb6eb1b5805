//! One presentation verified outside of any transaction: `POST /v1/verifications`.

use super::ordinary_holder;
use crate::service::{NOW, STATUS_BASE, TestService};
use pruefstein::domain::encoding::base64;
use pruefstein::domain::x509::Certificate;
use pruefstein::simulator::authority::{IssuerName, TestAuthority};
use pruefstein::simulator::issuer::{Draft, KeyBinding, present};
use pruefstein::simulator::people::Person;
use pruefstein::simulator::status_host::StatusHostMode;
use serde_json::{Value, json};

const NONCE: &str = "the-nonce-that-was-sent";
const AUDIENCE: &str = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk";

/// A presentation of name and birth date; `change` may spoil the credential before it is sealed.
fn made(service: &TestService, change: impl FnOnce(&mut Draft)) -> String {
    let authority = &service.world.authority;
    let holder = ordinary_holder(service);
    let (kind, person) = (IssuerName::PidGermany, Person::Ordinary);
    let mut draft = Draft::new(authority, kind, person, &holder, STATUS_BASE, NOW).unwrap();
    change(&mut draft);
    let issued = draft.seal(authority.seed()).issue().unwrap();
    let shown = issued.disclosures_for(&[vec![json!("family_name")], vec![json!("birthdate")]]);
    present(&issued, &shown, KeyBinding::new(AUDIENCE, NONCE, NOW), &holder).unwrap()
}

fn asking(presentation: &str) -> Value {
    json!({"format": "dc+sd-jwt", "presentation": presentation, "nonce": NONCE, "audience": AUDIENCE})
}

async fn verdict(service: &TestService, body: &Value) -> Value {
    let (status, verdict) = service.post_json("/v1/verifications", body).await;
    assert_eq!(status, 200, "{verdict}");
    let mut names: Vec<&str> = verdict.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["error", "outcome", "report", "result"]);
    assert_eq!(verdict["report"]["outcome"], verdict["outcome"]);
    verdict
}

fn is_refused_as(verdict: &Value, code: &str) {
    assert_eq!(
        (verdict["outcome"].as_str(), verdict["error"]["code"].as_str()),
        (Some("refused"), Some(code)),
        "{verdict}"
    );
    assert_eq!(verdict["result"], Value::Null);
    assert!(!verdict.to_string().contains("PRÜFSTEIN") && !verdict.to_string().contains("1984-01-26"), "{verdict}");
}

#[tokio::test]
async fn a_good_one_is_accepted() {
    let service = TestService::new();
    let verdict = verdict(&service, &asking(&made(&service, |_| {}))).await;
    assert_eq!((verdict["outcome"].as_str(), &verdict["error"]), (Some("accepted"), &Value::Null));
    let credential = &verdict["result"]["credentials"]["presentation"][0];
    assert_eq!(credential["claims"], json!({"family_name": "PRÜFSTEIN", "birthdate": "1984-01-26"}));
    assert_eq!(
        (credential["status"].as_str(), credential["type"].as_str()),
        (Some("valid"), Some("urn:eudi:pid:de:1"))
    );
    let checks = verdict["report"]["checks"].as_array().unwrap();
    assert!(checks.len() > 8 && checks.iter().all(|check| check["outcome"] == "passed"), "{checks:?}");
}

#[tokio::test]
async fn a_refusal_is_a_verdict() {
    let service = TestService::new();
    let good = made(&service, |_| {});
    let flipped = {
        let (jwt, rest) = good.split_once('~').unwrap();
        let (head, signature) = jwt.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        format!("{head}.{first}{}~{rest}", &signature[1..])
    };
    let unbound = format!("{}~", good.rsplit_once('~').unwrap().0);
    for (presentation, code) in
        [(flipped, "jws_signature_invalid"), (unbound, "kb_missing"), ("x".to_owned(), "jws_malformed")]
    {
        is_refused_as(&verdict(&service, &asking(&presentation)).await, code);
    }
    for (name, value, code) in [
        ("nonce", "another", "kb_nonce_mismatch"),
        ("nonce", "The-nonce-that-was-sent", "kb_nonce_mismatch"),
        ("audience", "x509_hash:another", "kb_aud_mismatch"),
        ("audience", &AUDIENCE["x509_hash:".len()..], "kb_aud_mismatch"),
    ] {
        let mut body = asking(&good);
        body[name] = json!(value);
        is_refused_as(&verdict(&service, &body).await, code);
    }
    let revoked = made(&service, |draft| draft.control["status"]["status_list"]["idx"] = json!(1));
    is_refused_as(&verdict(&service, &asking(&revoked)).await, "credential_revoked");
}

#[tokio::test]
async fn another_time_may_be_asked_for() {
    // The credential is valid from the start of its day for two weeks, and its proof for ten minutes.
    let service = TestService::new();
    let good = made(&service, |_| {});
    let at = |text: &str| {
        let mut body = asking(&good);
        body["at"] = json!(text);
        body
    };
    for same in ["2026-11-18T11:06:40Z", "2026-11-18T12:06:40+01:00", "1795000000", "2026-11-18T11:10:00.5Z"] {
        assert_eq!(verdict(&service, &at(same)).await["outcome"], "accepted", "{same}");
    }
    is_refused_as(&verdict(&service, &at("2026-11-18T11:30:00Z")).await, "kb_iat_out_of_window");
    let early = verdict(&service, &at("2026-11-17T00:00:00Z")).await;
    assert_eq!(early["outcome"], "refused");
    // Time goes on: now it is too late, then it was good.
    service.clock.advance(3_600);
    is_refused_as(&verdict(&service, &asking(&good)).await, "kb_iat_out_of_window");
    assert_eq!(verdict(&service, &at("2026-11-18T11:06:40Z")).await["outcome"], "accepted");
    for wrong in ["", "now", "2026-11-18", "2026-13-01T00:00:00Z", "9".repeat(30).as_str()] {
        let (status, problem) = service.post_json("/v1/verifications", &at(wrong)).await;
        assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some("/at")), "{wrong}");
    }
    for far in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "-9223372036854775808", "9223372036854775807"] {
        assert_eq!(verdict(&service, &at(far)).await["outcome"], "refused", "{far}");
    }
}

#[tokio::test]
async fn a_query_may_be_given() {
    let service = TestService::new();
    let good = made(&service, |_| {});
    let with = |claims: Value| {
        let mut body = asking(&good);
        body["dcql_query"] = json!({"credentials": [{
            "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]}, "claims": claims
        }]});
        body
    };
    let narrow = verdict(&service, &with(json!([{"path": ["family_name"]}]))).await;
    assert_eq!(narrow["result"]["credentials"]["presentation"][0]["claims"], json!({"family_name": "PRÜFSTEIN"}));
    is_refused_as(&verdict(&service, &with(json!([{"path": ["given_name"]}]))).await, "claim_missing");
    let mut other_type = with(json!([{"path": ["family_name"]}]));
    other_type["dcql_query"]["credentials"][0]["meta"]["vct_values"] = json!(["urn:eudi:pid:1"]);
    let by_other_name = verdict(&service, &other_type).await;
    assert_eq!(by_other_name["outcome"], "accepted", "the German PID is also known as an EU PID: {by_other_name}");
    other_type["dcql_query"]["credentials"][0]["meta"]["vct_values"] = json!(["urn:example:kommune:sozialpass:1"]);
    is_refused_as(&verdict(&service, &other_type).await, "credential_type_mismatch");
    other_type["dcql_query"]["credentials"][0]["meta"]["vct_values"] = json!(["urn:example:nobody-is-trusted-for"]);
    let (status, problem) = service.post_json("/v1/verifications", &other_type).await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("trust_anchor_set_empty")));
}

#[tokio::test]
async fn every_fault_of_the_call_is_told() {
    let service = TestService::new();
    let body = json!({
        "format": "mso_mdoc", "presentation": "x", "nonce": "", "audience": "", "dcql_query": {"credentials": []}
    });
    let (status, problem) = service.post_json("/v1/verifications", &body).await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("invalid_query")));
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/format", "/nonce", "/audience", "/dcql_query/credentials"]);
    let (status, problem) = service.post_json("/v1/verifications", &json!({"format": "dc+sd-jwt"})).await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("invalid_query")), "{problem}");
}

#[tokio::test]
async fn what_cannot_be_decided_is_no_verdict() {
    // catalogue rule 9: 503 with a time to try again, neither accepted nor refused.
    let service = TestService::new();
    let down = format!("{STATUS_BASE}{}", StatusHostMode::Down.path());
    let token = made(&service, |draft| draft.control["status"]["status_list"]["uri"] = json!(down));
    let answer = service.call("POST", "/v1/verifications").json(&asking(&token)).send().await;
    assert_eq!(answer.problem(), (503, "status_unavailable".to_owned()));
    assert!(answer.header("retry-after").is_some());
    assert!(!answer.text().contains("PRÜFSTEIN"));
}

#[tokio::test]
async fn a_repeated_call_is_made_anew_and_another_body_conflicts() {
    // API-010 on the calls that change nothing.
    let service = TestService::new();
    let presentation = made(&service, |_| {});
    let verify = asking(&presentation);
    let mut other = verify.clone();
    other["nonce"] = json!("another");
    let query = |id: &str| {
        json!({"dcql_query": {"credentials": [
            {"id": id, "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]}}]}})
    };
    for (path, body, other) in
        [("/v1/verifications", verify, other), ("/v1/queries/check", query("pid"), query("pid2"))]
    {
        let call =
            |key: &str, body: &Value| service.call("POST", path).header("idempotency-key", key).json(body).send();
        let first = call("key", &body).await;
        assert_eq!(first.status, 200, "{path}");
        let again = call("key", &body).await;
        assert_eq!((again.status, &again.body), (200, &first.body), "{path}");
        assert_eq!(call("key", &other).await.problem(), (409, "idempotency_conflict".to_owned()), "{path}");
        assert_eq!(call("key", &body).await.status, 200, "{path}: the first one keeps the key");
        assert_eq!(call("key2", &other).await.status, 200, "{path}");
        assert_eq!(call("no blanks", &body).await.problem(), (400, "bad_request".to_owned()), "{path}");
        let twice = service.call("POST", path).header("idempotency-key", "a").header("idempotency-key", "a");
        assert_eq!(twice.json(&body).send().await.problem(), (400, "bad_request".to_owned()), "{path}");
        // A body that cannot be read uses no key up.
        assert_eq!(call("key3", &json!({})).await.status, 422, "{path}");
        assert_eq!(call("key3", &body).await.status, 200, "{path}");
        service.clock.advance(86_400);
        assert_eq!(call("key", &other).await.status, 200, "{path}: a day later it is free");
    }
}

#[tokio::test]
async fn the_authority_that_a_query_names_is_not_thereby_trusted() {
    // OVP-DCQL-23, OVP-DCQL-21: the query names the authority of a stranger, whose credential fits in everything else.
    let service = TestService::new();
    let stranger = TestAuthority::for_host([9; 32], NOW, "127.0.0.1").unwrap();
    let holder = ordinary_holder(&service);
    let ask = async |authority: &TestAuthority| {
        let (kind, person) = (IssuerName::PidGermany, Person::Ordinary);
        let leaf = Certificate::read(&authority.issuer(kind).chain[0]).unwrap();
        let key = base64::encode_url(&leaf.authority_key_identifier.unwrap());
        let draft = Draft::new(authority, kind, person, &holder, STATUS_BASE, NOW).unwrap();
        let issued = draft.seal(authority.seed()).issue().unwrap();
        let shown = issued.disclosures_for(&[vec![json!("family_name")]]);
        let mut body = asking(&present(&issued, &shown, KeyBinding::new(AUDIENCE, NONCE, NOW), &holder).unwrap());
        body["dcql_query"] = json!({"credentials": [{
            "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
            "claims": [{"path": ["family_name"]}], "trusted_authorities": [{"type": "aki", "values": [key]}]
        }]});
        verdict(&service, &body).await
    };
    is_refused_as(&ask(&stranger).await, "x5c_untrusted");
    assert_eq!(ask(&service.world.authority).await["outcome"], "accepted");
}
