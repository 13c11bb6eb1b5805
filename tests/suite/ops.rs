//! Readiness: every reason not to serve is named.

use crate::service::{NOW, STATUS_BASE, TestService};
use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::store::memory::MemoryStore;
use pruefstein::app::ports::{Clock, Entropy, EntropyFailed};
use pruefstein::app::{App, Ports};
use pruefstein::demo::World;
use pruefstein::demo::world::StatusHostFetch;
use pruefstein::domain::trust::TrustAnchors;
use pruefstein::http::Observer as _;
use pruefstein::http::ops::{MetricsObserver, Operations, Readiness};
use pruefstein::telemetry::metrics::Metrics;
use std::sync::Arc;

fn operations(app: &Arc<App>) -> Operations {
    Operations::new(Arc::clone(app), Arc::new(Metrics::new()))
}

/// The names and codes of the checks that failed.
fn failed(readiness: &Readiness) -> Vec<(&'static str, &'static str)> {
    let failed = readiness.checks.iter().filter(|check| check.outcome != "passed");
    failed.map(|check| (check.check, check.code.unwrap().as_str())).collect()
}

#[tokio::test]
async fn a_sound_service_is_ready() {
    let service = TestService::new();
    let readiness = operations(&service.app).readiness().await;
    assert!(readiness.ready, "{readiness:?}");
    assert_eq!(failed(&readiness), []);
}

#[tokio::test]
async fn every_reason_is_named() {
    let service = TestService::new();
    let stopping = operations(&service.app);
    stopping.begin_to_stop();
    let readiness = stopping.readiness().await;
    assert!(!readiness.ready);
    assert_eq!(failed(&readiness), [("running", "not_ready")]);

    // STO-007.
    service.store.close().await.unwrap();
    assert_eq!(failed(&operations(&service.app).readiness().await), [("store", "storage_unavailable")]);

    let service = TestService::with(|tenant| tenant.trust = TrustAnchors::default().into());
    assert_eq!(failed(&operations(&service.app).readiness().await), [("trust", "trust_anchor_set_empty")]);
}

#[tokio::test]
async fn certificates_are_watched() {
    // REQ-017: noted thirty days ahead, not ready after the end and before the beginning.
    let service = TestService::new();
    let operations = operations(&service.app);
    let mut seen = Vec::new();
    for days in 0..4_000 {
        service.clock.set(NOW.plus(days * 86_400));
        let readiness = operations.readiness().await;
        if seen.last() != Some(&(readiness.ready, readiness.notes.len())) {
            seen.push((readiness.ready, readiness.notes.len()));
        }
        if !readiness.ready {
            assert_eq!(failed(&readiness), [("access_certificate", "not_ready")]);
            break;
        }
    }
    assert!(seen.ends_with(&[(true, 1), (false, 0)]), "{seen:?}");
    service.clock.set(NOW.minus(3_650 * 86_400));
    assert_eq!(failed(&operations.readiness().await), [("access_certificate", "not_ready")]);
}

#[tokio::test]
async fn without_randomness_nothing_is_served() {
    // REQ-019.
    struct Broken;
    impl Entropy for Broken {
        fn fill(&self, _: &mut [u8]) -> Result<(), EntropyFailed> {
            Err(EntropyFailed)
        }
    }
    let clock: Arc<dyn Clock> = Arc::new(FixedClock::new(NOW));
    let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
    let ports = Ports {
        clock: Arc::clone(&clock),
        entropy: Arc::new(Broken),
        store: Arc::new(MemoryStore::new(60)),
        fetch: Arc::new(StatusHostFetch::new(Arc::clone(&world.status_host), clock)),
    };
    let app = Arc::new(App::new(ports, "http://127.0.0.1:8080".to_owned(), vec![world.tenant(Vec::new()).unwrap()]));
    assert_eq!(failed(&operations(&app).readiness().await), [("randomness", "not_ready")]);
}

#[test]
fn answers_are_counted_by_outcome_and_code() {
    let metrics = Arc::new(Metrics::new());
    let observer = MetricsObserver(Arc::clone(&metrics));
    for code in ["ok", "kb_nonce_mismatch", "wallet_error_recorded", "status_unavailable"] {
        observer.answered(code, observer.start());
    }
    let text = metrics.text().unwrap();
    for labels in [
        "outcome=\"accepted\",code=\"ok\"",
        "outcome=\"refused\",code=\"kb_nonce_mismatch\"",
        "outcome=\"declined\",code=\"wallet_error_recorded\"",
        "outcome=\"undecided\",code=\"status_unavailable\"",
    ] {
        assert!(text.contains(&format!("pruefstein_answers_total{{{labels}}} 1\n")), "{labels}: {text}");
    }
    assert!(text.contains("pruefstein_answer_seconds_count 4\n"), "{text}");
}

#[tokio::test]
async fn limits_that_do_not_hold_are_noted() {
    // A gateway that names no clients makes the limits for each of them void; the service can serve all the same.
    let service = TestService::new();
    let metrics = Arc::new(Metrics::new());
    let operations =
        Operations::new(Arc::clone(&service.app), Arc::clone(&metrics)).with_notes(["of the set-up".to_owned()]);
    assert_eq!(operations.readiness().await.notes, ["of the set-up"]);
    metrics.clients_unnamed.inc_by(3);
    let readiness = operations.readiness().await;
    assert!(readiness.ready);
    assert!(readiness.notes[1].starts_with("3 requests came through a gateway"), "{:?}", readiness.notes);
}
