//! What operators see of trust lists and status lists while they grow old: readiness, notes and metrics.

use crate::service::{NOW, TestService};
use crate::trust_refresh::{DAY, GRACE, Mode, REFRESH, Scene};
use pruefstein::app::ports::FetchError;
use pruefstein::domain::reason::Code;
use pruefstein::domain::trust::{Basis, TrustAnchors};
use pruefstein::domain::trust_list::plan::Place;
use pruefstein::http::ops::{Operations, Readiness};
use pruefstein::telemetry::metrics::{Metrics, StatusFigures};
use std::sync::Arc;

fn operations(service: &TestService) -> Operations {
    Operations::new(Arc::clone(&service.app), Arc::new(Metrics::new()))
}

/// The checks that failed, each with what it is about and its code.
fn failed(readiness: &Readiness) -> Vec<(&'static str, String, Code)> {
    let failed = readiness.checks.iter().filter(|check| check.outcome == "failed");
    let about = |check: &pruefstein::http::ops::Check| {
        check.list.clone().or_else(|| check.source.clone()).or_else(|| check.tenant.clone()).unwrap_or_default()
    };
    failed.map(|check| (check.check, about(check), check.code.unwrap())).collect()
}

fn unavailable() -> Vec<(&'static str, String, Code)> {
    let failed = |check, about: &str| (check, about.to_owned(), Code::TrustUnavailable);
    vec![failed("trust", "default"), failed("trust_list", "pids"), failed("trust_source", "pid-providers")]
}

/// Whether a note holds all of these words.
fn notes(readiness: &Readiness, words: &[&str]) -> bool {
    readiness.notes.iter().any(|note| words.iter().all(|word| note.contains(word)))
}

/// The value of a metric with these labels.
fn value(text: &str, name: &str) -> Option<i64> {
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("pruefstein_{name} ")))?;
    Some(line.parse().unwrap())
}

#[tokio::test]
async fn a_list_that_was_never_there_is_a_reason_not_to_serve() {
    // TL-18.
    let scene = Scene::new();
    let operations = operations(&scene.service);
    assert_eq!(failed(&operations.readiness().await), unavailable());
    scene.refresh().await;
    let readiness = operations.readiness().await;
    assert_eq!(failed(&readiness), unavailable());
    let list = readiness.checks.iter().find(|check| check.check == "trust_list").unwrap();
    assert!(list.detail.as_ref().unwrap().contains("no answer in time"), "{list:?}");
    let text = operations.metrics_text().unwrap();
    assert_eq!(value(&text, "trust_list_age_seconds{list=\"pids\"}"), None);
    assert_eq!(value(&text, "trust_list_usable_seconds{list=\"pids\"}"), Some(0));
    assert_eq!(value(&text, "trust_list_services{list=\"pids\"}"), Some(0));
}

#[tokio::test]
async fn a_refresh_that_fails_is_noted_while_the_list_is_usable() {
    // TL-18: ready with a note until the end of the grace, not ready after it, ready again with the next good edition.
    let scene = Scene::new();
    let operations = operations(&scene.service);
    scene.serve_and_refresh(scene.list(1, |_| {})).await;
    let readiness = operations.readiness().await;
    assert!(readiness.ready && readiness.notes.is_empty(), "{readiness:?}");
    let named = |name: &str| readiness.checks.iter().filter(|check| check.check == name).count();
    assert_eq!((named("trust_list"), named("trust_source")), (1, 1));

    scene.service.clock.advance(REFRESH);
    scene.host.set(Mode::Fails(FetchError::Timeout));
    scene.refresh().await;
    let readiness = operations.readiness().await;
    assert!(readiness.ready, "{readiness:?}");
    assert!(notes(&readiness, &["pids", "failed", "trust_unavailable", "usable until"]), "{readiness:?}");
    let text = operations.metrics_text().unwrap();
    assert_eq!(value(&text, "trust_list_age_seconds{list=\"pids\"}"), Some(REFRESH));
    assert_eq!(value(&text, "trust_list_usable_seconds{list=\"pids\"}"), Some(GRACE));
    let services = scene.service.app.trust_lists().standings()[0].list.as_ref().unwrap().services.len();
    assert_eq!(value(&text, "trust_list_services{list=\"pids\"}"), Some(i64::try_from(services).unwrap()));

    scene.service.clock.advance(GRACE - 1);
    assert!(operations.readiness().await.ready);
    scene.service.clock.advance(1);
    assert_eq!(failed(&operations.readiness().await), unavailable());
    assert_eq!(value(&operations.metrics_text().unwrap(), "trust_list_usable_seconds{list=\"pids\"}"), Some(0));
    scene.service.clock.advance(1);
    assert_eq!(value(&operations.metrics_text().unwrap(), "trust_list_usable_seconds{list=\"pids\"}"), Some(-1));

    scene.serve_and_refresh(scene.list(2, |_| {})).await;
    let readiness = operations.readiness().await;
    assert!(readiness.ready && readiness.notes.is_empty(), "{readiness:?}");
}

#[tokio::test]
async fn the_end_of_a_list_is_told_a_week_before() {
    let scene = Scene::new();
    let operations = operations(&scene.service);
    scene.serve_and_refresh(scene.list(1, |_| {})).await;
    let mut first = None;
    for day in 0..30 {
        scene.service.clock.set(NOW.plus(day * DAY));
        // The host serves the same edition, which confirms it.
        scene.refresh().await;
        let readiness = operations.readiness().await;
        assert!(readiness.ready, "{readiness:?}");
        if notes(&readiness, &["pids", "ends at"]) {
            first.get_or_insert(day);
        }
    }
    assert_eq!(first, Some(24), "less than seven of thirty days are left");
    scene.service.clock.set(NOW.plus(30 * DAY));
    assert_eq!(failed(&operations.readiness().await), unavailable());
}

#[tokio::test]
async fn a_day_without_a_successful_poll_raises_an_alarm() {
    // TL-16. Lists with a long grace are still usable then.
    let scene = Scene::with_grace(Place::Url(crate::trust_refresh::URL.to_owned()), 10 * DAY);
    let operations = operations(&scene.service);
    scene.serve_and_refresh(scene.list(1, |_| {})).await;
    scene.host.set(Mode::Says(503));
    let alarm = |readiness: &Readiness| notes(readiness, &["pids", "for a day or more"]);
    scene.service.clock.set(NOW.plus(DAY - 1));
    scene.refresh().await;
    let readiness = operations.readiness().await;
    assert!(readiness.ready && !alarm(&readiness), "{readiness:?}");
    scene.service.clock.set(NOW.plus(DAY));
    let readiness = operations.readiness().await;
    assert!(readiness.ready && alarm(&readiness), "{readiness:?}");
    scene.service.clock.advance(900);
    scene.serve_and_refresh(scene.list(1, |_| {})).await;
    scene.serve_and_refresh(scene.list(2, |_| {})).await;
    assert!(!alarm(&operations.readiness().await));
}

#[tokio::test]
async fn nobody_asks_for_what_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let lists = pruefstein::adapters::kept::KeptFolder::new(folder.path().to_owned());
    let scene = Scene::keeping(Arc::new(lists.clone()), Place::Imported);
    let kept = pruefstein::app::ports::Kept {
        document: scene.list(1, |_| {}),
        confirmed_at: NOW,
        validators: pruefstein::app::ports::Validators::default(),
    };
    lists.save_now("pids", &kept).unwrap();
    scene.refresh().await;
    scene.service.clock.advance(8 * DAY);
    scene.refresh().await;
    let readiness = operations(&scene.service).readiness().await;
    assert!(readiness.ready && readiness.notes.is_empty(), "{readiness:?}");
}

#[tokio::test]
async fn a_source_that_nobody_misses_is_noted_only() {
    // Two sources vouch for the European PID; the German one stands alone.
    let service = TestService::new();
    let operations = operations(&service);
    let tenant = Arc::clone(service.app.tenants().next().unwrap());
    let before = tenant.trust.current();
    let without = |name: &str, status_only: bool| {
        let mut sources = before.sources().to_vec();
        for source in sources.iter_mut().filter(|source| source.name == name) {
            let absent = Basis::Absent { list: "states".to_owned() };
            if status_only {
                source.status_basis = Some(absent);
            } else {
                source.basis = absent;
            }
        }
        tenant.trust.replace(TrustAnchors::new(sources));
    };
    for status_only in [false, true] {
        without("test-pid-eu", status_only);
        let readiness = operations.readiness().await;
        assert!(readiness.ready, "{readiness:?}");
        assert!(notes(&readiness, &["test-pid-eu", "cannot be used", "states"]), "{readiness:?}");
        without("test-sozialpass", status_only);
        let missed = ("trust_source", "test-sozialpass".to_owned(), Code::TrustUnavailable);
        assert_eq!(failed(&operations.readiness().await), [missed]);
    }
    tenant.trust.replace(TrustAnchors::clone(&before));
    assert!(operations.readiness().await.notes.is_empty());
}

#[tokio::test]
async fn refreshes_are_counted_by_list_and_outcome() {
    let scene = Scene::new();
    scene.refresh().await;
    for number in [2, 2, 3, 1] {
        scene.service.clock.advance(REFRESH);
        let document = scene.list(number, |draft| {
            draft.issued_at = NOW;
            draft.next_update = Some(NOW.plus(30 * DAY));
        });
        scene.serve_and_refresh(document).await;
    }
    let text = operations(&scene.service).metrics_text().unwrap();
    for (outcome, count) in [("trust_unavailable", 1), ("changed", 2), ("confirmed", 1), ("trust_list_rollback", 1)] {
        let name = format!("trust_list_refreshes_total{{list=\"pids\",outcome=\"{outcome}\"}}");
        assert_eq!(value(&text, &name), Some(count), "{text}");
    }
}

#[tokio::test]
async fn status_lists_are_measured_by_source() {
    // TSL-58. The labels are names of the configuration, never an address.
    let service = TestService::new();
    let operations = operations(&service);
    for seconds in [0, 100] {
        service.clock.advance(seconds);
        let created = service.create_preset("bewohnerparken").await;
        service.answer(&created, service.options()).await;
    }
    let text = operations.metrics_text().unwrap();
    let of = |name: &str| value(&text, &format!("{name}{{source=\"test-pid-de\"}}"));
    assert_eq!((of("status_lists"), of("status_lists_tiny"), of("status_lists_overdue")), (Some(1), Some(0), Some(0)));
    assert_eq!((of("status_lists_oldest_seconds"), of("status_list_needs_total")), (Some(100), Some(2)));
    assert!(of("status_lists_bytes").unwrap() > 16 * 1024, "{text}");
    assert_eq!(value(&text, "status_list_fetches_total{source=\"test-pid-de\",outcome=\"ok\"}"), Some(1), "{text}");
    service.clock.advance(3_600);
    let text = operations.metrics_text().unwrap();
    assert_eq!(value(&text, "status_lists_overdue{source=\"test-pid-de\"}"), Some(1));
    assert!(!text.contains("status.pruefstein.example"), "{text}");
}

#[test]
fn what_stands_no_more_is_not_shown() {
    let metrics = Metrics::new();
    let figures = |source: &str, lists| StatusFigures {
        source: source.to_owned(),
        lists,
        tiny: 0,
        overdue: 0,
        bytes: 0,
        oldest_seconds: None,
        needs: 0,
        fetches: vec![("status_unavailable", 3)],
    };
    metrics.show(Vec::new(), vec![figures("a", 1), figures("b", 2)]);
    metrics.show(Vec::new(), vec![figures("b", 3)]);
    let text = metrics.text().unwrap();
    assert_eq!(value(&text, "status_lists{source=\"a\"}"), None);
    assert_eq!(value(&text, "status_lists{source=\"b\"}"), Some(3));
    let name = "status_list_fetches_total{source=\"b\",outcome=\"status_unavailable\"}";
    assert_eq!(value(&text, name), Some(3), "{text}");
}
