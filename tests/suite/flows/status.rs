//! Status lists: how often their hosts are asked, and for whom an answer counts.

use crate::flows::{ordinary_holder, paths, sealed};
use crate::service::{Answer, FORM, NOW, STATUS_BASE, TestService, part, path_of, presentation_path};
use pruefstein::simulator::authority::IssuerName;
use pruefstein::simulator::bad_chains::BadChain;
use pruefstein::simulator::faults::Fault;
use pruefstein::simulator::issuer::{Draft, KeyBinding, present};
use pruefstein::simulator::people::Person;
use pruefstein::simulator::transport::HttpRequest;
use pruefstein::simulator::wallet::Options;
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn deliver(service: Arc<TestService>, request: HttpRequest) -> Answer {
    service.deliver(&request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_answers_at_once_ask_for_a_list_once() {
    // case TSL-033, rule TSL-54.
    let service = Arc::new(TestService::new());
    let mut answers = Vec::new();
    for _ in 0..48 {
        let created = service.create_preset("bewohnerparken").await;
        answers.push(service.composed(&created, service.options()).await.remove(0));
    }
    assert_eq!(service.fetches.load(Ordering::SeqCst), 0);
    let tasks: Vec<_> = answers.into_iter().map(|answer| tokio::spawn(deliver(Arc::clone(&service), answer))).collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().status, 200);
    }
    assert_eq!(service.fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_time_to_live_is_in_seconds() {
    // TSL-50, TSL-51.
    // case TSL-026: the list of the test authority says ttl 3600.
    let service = TestService::new();
    for (advance, fetches) in [(0, 1), (4, 1), (3_590, 1), (6, 2)] {
        service.clock.advance(advance);
        let created = service.create_preset("bewohnerparken").await;
        service.answer(&created, service.options()).await;
        assert_eq!(service.status(&created).await, "verified", "after {advance} seconds more");
        assert_eq!(service.fetches.load(Ordering::SeqCst), fetches, "after {advance} seconds more");
    }
}

#[tokio::test]
async fn a_list_counts_only_for_the_trust_it_was_judged_by() {
    // Two tenants with sources of one name: each has the list judged by its own anchors.
    let service = TestService::with_two_tenants_of(|tenants| {
        let trust = tenants[1].trust.current();
        let foreign = trust.source("test-pid-eu").unwrap().anchors.clone();
        let mut sources = trust.sources().to_vec();
        sources[0].status_anchors = foreign;
        tenants[1].trust = pruefstein::domain::trust::TrustAnchors::new(sources).into();
    });
    for (tenant, status, code) in [("red", 200, None), ("blue", 400, Some("status_token_invalid"))] {
        let wish = serde_json::json!({"preset": "bewohnerparken", "flow": "cross_device"});
        let call = service.call("POST", "/v1/presentations").key(&format!("{tenant}-key")).json(&wish).send().await;
        let created: serde_json::Value = serde_json::from_slice(&call.body).unwrap();
        let answer = service.composed(&created, service.options()).await.remove(0);
        assert_eq!(service.deliver(&answer).await.status, status, "{tenant}");
        let read = service.call("GET", &presentation_path(&created)).key(&format!("{tenant}-key")).send().await;
        let read: serde_json::Value = serde_json::from_slice(&read.body).unwrap();
        assert_eq!(read["error"]["code"].as_str(), code, "{tenant}: {read}");
    }
}

#[tokio::test]
async fn addresses_in_certificates_are_not_asked() {
    // PRV-16, X5C-17.
    // Case X5C-026, rule X5C-12: revocation lists, OCSP and issuers on this machine. The status list is the one thing fetched.
    let service = TestService::new();
    let signer = service.world.authority.bad_chain(BadChain::PointersInside).unwrap();
    let created = service.create_preset("bewohnerparken").await;
    let object = service.raw("GET", &path_of(&created["request_uri"]), None).await;
    let request = part(std::str::from_utf8(&object.body).unwrap(), 1);
    let holder = ordinary_holder(&service);
    let authority = &service.world.authority;
    let mut draft = Draft::new(authority, IssuerName::PidGermany, Person::Ordinary, &holder, STATUS_BASE, NOW).unwrap();
    draft.sign_with(signer);
    let issued = draft.seal(authority.seed()).issue().unwrap();
    let word = |name: &str| request[name].as_str().unwrap();
    let binding = KeyBinding::new(word("client_id"), word("nonce"), NOW);
    let shown = present(&issued, &issued.disclosures_for(&paths(&request)), binding, &holder).unwrap();
    let answer = serde_json::json!({"vp_token": {"pid-de-sdjwt": [shown]}, "state": request["state"]});
    let body = sealed(&request, &answer);
    let told = service.raw("POST", &path_of(&request["response_uri"]), Some((FORM, body))).await;
    assert_eq!(told.status, 200, "{}", String::from_utf8_lossy(&told.body));
    assert_eq!(service.status(&created).await, "verified");
    assert_eq!(service.fetches.load(Ordering::SeqCst), 1);
    let asked = service.asked.lock().unwrap();
    assert!(asked.iter().all(|url| url.starts_with(STATUS_BASE)), "{asked:?}");
}

#[tokio::test]
async fn nobody_is_asked_about_a_credential_that_is_refused_anyway() {
    // TSL-01, TSL-05: expired, signed by a stranger, or shown with a foreign nonce; the good one asks once.
    let service = TestService::new();
    for fault in [Fault::Expired, Fault::IssuerSignatureFlipped, Fault::KbWrongNonce] {
        let created = service.create_preset("bewohnerparken").await;
        service.answer(&created, Options { fault: Some(fault), ..service.options() }).await;
        assert_eq!(service.fetches.load(Ordering::SeqCst), 0, "{}", fault.name());
    }
    let created = service.create_preset("bewohnerparken").await;
    service.answer(&created, service.options()).await;
    assert_eq!((service.status(&created).await.as_str(), service.fetches.load(Ordering::SeqCst)), ("verified", 1));
}
