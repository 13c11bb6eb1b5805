//! Status lists: how often their hosts are asked, and for whom an answer counts.

use crate::service::{Answer, TestService, presentation_path};
use pruefstein::simulator::transport::HttpRequest;
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
