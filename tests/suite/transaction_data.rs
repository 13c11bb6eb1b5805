//! Transaction data from the caller's wish to the confirmed entry: what is offered, what is sent, what counts as confirmed.

mod settings;
mod verdicts;

use crate::service::{TestService, part, presentation_path};
use pruefstein::domain::encoding::base64;
use pruefstein::domain::ids::{TenantId, TransactionId};
use pruefstein::domain::jose::hash::HashAlgorithm;
use pruefstein::domain::transaction_data::TransactionDataTypes;
use pruefstein::simulator::authority::{APPROVAL_TYPE, PASS_TYPE};
use pruefstein::simulator::faults::Fault;
use pruefstein::simulator::wallet::Options;
use serde_json::{Value, json};

/// An entry that these credentials may confirm.
fn entry(ids: &[&str], form: &str) -> Value {
    json!({"type": APPROVAL_TYPE, "credential_ids": ids, "form": form})
}

fn pass(id: &str, claim: &str) -> Value {
    json!({"id": id, "format": "dc+sd-jwt", "meta": {"vct_values": [PASS_TYPE]}, "claims": [{"path": [claim]}]})
}

fn wish(credentials: &[Value], entries: &[Value]) -> Value {
    json!({
        "flow": "cross_device", "dcql_query": {"credentials": credentials}, "transaction_data": entries,
        "result": {"delete_after_read": false}
    })
}

/// The faults of a wish that is refused, by place and rule.
async fn faults(service: &TestService, wish: &Value) -> Vec<(String, String)> {
    let (status, problem) = service.post_json("/v1/presentations", wish).await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("invalid_query")), "{problem}");
    let text = |error: &Value, name: &str| error[name].as_str().unwrap_or_default().to_owned();
    problem["errors"].as_array().unwrap().iter().map(|error| (text(error, "pointer"), text(error, "rule"))).collect()
}

async fn refused_at(service: &TestService, wish: &Value, place: &str, rule: &str) {
    assert_eq!(faults(service, wish).await, [(format!("/transaction_data{place}"), rule.to_owned())], "{wish}");
}

fn hash(text: &Value) -> String {
    HashAlgorithm::Sha256.digest_url(text.as_str().unwrap().as_bytes())
}

#[tokio::test]
async fn entries_are_sent_as_they_are_and_confirmed() {
    // TXD-01, TXD-05, TXD-08, OVP-REQ-14: an object that is encoded here, and a text with white space of its own.
    let service = TestService::new();
    let spaced = format!(r#"{{ "form" :"B-2",  "credential_ids":["pass"], "type":"{APPROVAL_TYPE}" }}"#);
    let ready = base64::encode_url(spaced.as_bytes());
    let created =
        service.create(&wish(&[pass("pass", "family_name")], &[entry(&["pass"], "A-17"), json!(ready)])).await;
    let sent = created["transaction_data"].as_array().unwrap().clone();
    assert_eq!(base64::decode_url(sent[0].as_str().unwrap()).unwrap(), entry(&["pass"], "A-17").to_string().as_bytes());
    assert_eq!(sent[1], ready);
    let request = part(&service.fetch(&created).await, 1);
    assert_eq!(request["transaction_data"], created["transaction_data"]);
    let report = service.answer(&created, service.options()).await;
    assert_eq!(report.last_status(), Some(200), "{report:?}");
    let read = service.read(&created).await;
    assert_eq!(read["status"], "verified", "{read}");
    assert_eq!(
        read["result"]["credentials"]["pass"][0]["transaction_data"],
        json!([
            {"index": 0, "type": APPROVAL_TYPE, "algorithm": "sha-256", "hash": hash(&sent[0])},
            {"index": 1, "type": APPROVAL_TYPE, "algorithm": "sha-256", "hash": hash(&sent[1])}
        ])
    );
    let checks = read["report"]["checks"].as_array().unwrap();
    let line = |name: &str| checks.iter().find(|check| check["check"] == name).unwrap();
    let note = line("transaction_data")["note"].as_str().unwrap();
    assert!(note.contains(&format!("entry 0 by sha-256 {}", hash(&sent[0]))), "{note}");
    assert_eq!(line("transaction_data")["credential"], "pass");
    assert_eq!(line("transaction_data_confirmed")["outcome"], "passed");
    // What it was is known to whoever sent it, and is not told again.
    assert!(!read.to_string().contains("A-17") && !read.to_string().contains(&ready), "{read}");
    // It goes with the result.
    let (tenant, id) = (TenantId::default_tenant(), TransactionId::parse(created["id"].as_str().unwrap()).unwrap());
    let kept = || async { service.app.current(&tenant, &id).await.unwrap() };
    assert_eq!(kept().await.request().transaction_data, [sent[0].as_str().unwrap(), &ready]);
    assert_eq!(service.call("DELETE", &presentation_path(&created)).send().await.status, 204);
    assert!(kept().await.request().transaction_data.is_empty());
}

#[tokio::test]
async fn nothing_is_sent_unless_it_is_configured_and_asked_for() {
    // TXD-11
    let without = TestService::with(|tenant| tenant.transaction_data = TransactionDataTypes::default());
    let asking = wish(&[pass("pass", "family_name")], &[entry(&["pass"], "A-17")]);
    refused_at(&without, &asking, "", "TXD-11").await;
    let (_, problem) = without.post_json("/v1/presentations", &asking).await;
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("[[transaction_data_type]]"), "{problem}");
    for service in [without, TestService::new()] {
        let created = service.create_preset("bewohnerparken").await;
        assert!(created.get("transaction_data").is_none());
        assert!(part(&service.fetch(&created).await, 1).get("transaction_data").is_none());
        service.answer(&created, service.options()).await;
        let read = service.read(&created).await;
        assert_eq!(read["status"], "verified", "{read}");
        assert!(!read["result"].to_string().contains("transaction_data"), "{read}");
    }
}

#[tokio::test]
async fn only_credentials_that_may_confirm_can_be_named() {
    let service = TestService::new();
    let mine = pass("pass", "family_name");
    // Case TXD-008, TXD-02: holder binding is off.
    let mut loose = mine.clone();
    loose["require_cryptographic_holder_binding"] = json!(false);
    let found = faults(&service, &wish(&[loose], &[entry(&["pass"], "A-17")])).await;
    assert!(found.contains(&("/transaction_data/0/credential_ids/0".to_owned(), "TXD-02".to_owned())), "{found:?}");
    // TXD-03: the key of a PID signs nothing.
    let pid = json!({"id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
        "claims": [{"path": ["family_name"]}]});
    let found = faults(&service, &wish(&[mine.clone(), pid.clone()], &[entry(&["pass", "pid"], "A-17")])).await;
    assert!(found.contains(&("/transaction_data/0/credential_ids/1".to_owned(), "TXD-03".to_owned())), "{found:?}");
    let preset = json!({"preset": "bewohnerparken", "flow": "cross_device",
        "transaction_data": [entry(&["pid-de-sdjwt"], "A-17")]});
    let found = faults(&service, &preset).await;
    assert!(found.iter().any(|(_, rule)| rule == "TXD-03"), "{found:?}");
    // TXD-01, TXD-04: an unknown id, an unknown type, an object that does not fit its schema.
    refused_at(
        &service,
        &wish(std::slice::from_ref(&mine), &[entry(&["other"], "A-17")]),
        "/0/credential_ids/0",
        "TXD-01",
    )
    .await;
    let mut unknown = entry(&["pass"], "A-17");
    unknown["type"] = json!("urn:example:payment:1");
    refused_at(&service, &wish(std::slice::from_ref(&mine), &[unknown]), "/0/type", "TXD-04").await;
    refused_at(&service, &wish(std::slice::from_ref(&mine), &[entry(&["pass"], "17")]), "/0/form", "schema").await;
    let text = json!(base64::encode_url(entry(&["pass"], "17").to_string().as_bytes()));
    refused_at(&service, &wish(std::slice::from_ref(&mine), &[text]), "/0/form", "schema").await;
    // Beside an entry that names it, a PID may be asked for as ever.
    service.create(&wish(&[mine, pid], &[entry(&["pass"], "A-17")])).await;
}

#[tokio::test]
async fn each_entry_is_confirmed_once_by_whoever_may() {
    // TXD-07: the first entry is for either of two, the second for the other only.
    let service = TestService::new();
    let credentials = [pass("first", "family_name"), pass("second", "given_name")];
    let entries = [entry(&["first", "second"], "A-1"), entry(&["second"], "B-2")];
    let created = service.create(&wish(&credentials, &entries)).await;
    service.answer(&created, service.options()).await;
    let read = service.read(&created).await;
    assert_eq!(read["status"], "verified", "{read}");
    let confirmed = |id: &str| {
        let list = read["result"]["credentials"][id][0]["transaction_data"].as_array().cloned().unwrap_or_default();
        list.iter().map(|entry| entry["index"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!((confirmed("first"), confirmed("second")), (vec![0], vec![1]));
}

#[tokio::test]
async fn a_credential_that_is_left_out_confirms_nothing() {
    // Case TXD-001: the credential that should confirm is in a set that need not be answered.
    let service = TestService::new();
    let mut asked = wish(&[pass("shown", "given_name"), pass("signing", "family_name")], &[entry(&["signing"], "A-1")]);
    asked["dcql_query"]["credential_sets"] =
        json!([{"options": [["shown"]]}, {"options": [["signing"]], "required": false}]);
    let created = service.create(&asked).await;
    service.answer(&created, service.options()).await;
    let read = service.read(&created).await;
    assert_eq!(
        (read["status"].as_str(), read["error"]["code"].as_str()),
        (Some("rejected"), Some("transaction_data_mismatch"))
    );
    let checks = read["report"]["checks"].as_array().unwrap();
    let failed: Vec<&str> = checks
        .iter()
        .filter(|check| check["outcome"] == "failed")
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(failed, ["transaction_data_confirmed"]);
    assert_eq!(read["result"], Value::Null);
}

#[tokio::test]
async fn a_wallet_without_support_declines() {
    // TXD-10, ERR-10
    let service = TestService::new();
    let created = service.create(&wish(&[pass("pass", "family_name")], &[entry(&["pass"], "A-17")])).await;
    let options = Options { fault: Some(Fault::ErrorTransactionData), ..service.options() };
    assert_eq!(service.answer(&created, options).await.last_status(), Some(200));
    let read = service.read(&created).await;
    assert_eq!((read["status"].as_str(), &read["result"]), (Some("declined"), &Value::Null));
    assert!(read["error"]["detail"].as_str().unwrap().contains("invalid_transaction_data"), "{read}");
}

#[tokio::test]
async fn hash_functions_are_those_of_the_policy() {
    // TXD-06
    let offering = |names: Value| {
        let mut entry = entry(&["pass"], "A-17");
        entry["transaction_data_hashes_alg"] = names;
        wish(&[pass("pass", "family_name")], &[entry])
    };
    refused_at(&TestService::new(), &offering(json!(["sha-512"])), "/0/transaction_data_hashes_alg", "TXD-06").await;
    let service = TestService::with(|tenant| {
        tenant.policy.transaction_data_hashes = vec![HashAlgorithm::Sha256, HashAlgorithm::Sha512];
    });
    for (offer, name, length) in [(json!(["sha-512", "sha-256"]), "sha-512", 86), (json!(["sha-256"]), "sha-256", 43)] {
        let created = service.create(&offering(offer)).await;
        service.answer(&created, service.options()).await;
        let read = service.read(&created).await;
        let confirmed = &read["result"]["credentials"]["pass"][0]["transaction_data"][0];
        assert_eq!(
            (confirmed["algorithm"].as_str(), confirmed["hash"].as_str().map(str::len)),
            (Some(name), Some(length)),
            "{read}"
        );
    }
    refused_at(&service, &offering(json!(["sha-384"])), "/0/transaction_data_hashes_alg", "TXD-06").await;
}
