//! What operators see, on a listener of its own: whether the process lives, whether it may serve, and the metrics.

use super::Observer;
use super::problem::status;
use super::wallet::Started;
use crate::app::ports::RequestSigner;
use crate::app::time_text::rfc3339;
use crate::app::{App, Tenant};
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;
use crate::telemetry::metrics::Metrics;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The media type of OpenMetrics.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Longest time that the store may take to show that it can commit.
const STORE_DEADLINE: Duration = Duration::from_secs(2);
/// From this many seconds before the end of a certificate on, it is noted (REQ-017).
const NOTICE_SECONDS: i64 = 30 * 24 * 3600;

/// What the operations listener looks at.
pub struct Operations {
    app: Arc<App>,
    metrics: Arc<Metrics>,
    stopping: AtomicBool,
    notes: Vec<String>,
}

impl Operations {
    /// For this service.
    pub fn new(app: Arc<App>, metrics: Arc<Metrics>) -> Self {
        Self { app, metrics, stopping: AtomicBool::new(false), notes: Vec::new() }
    }

    /// With notes on how it is set up, for whoever asks whether it is ready.
    #[must_use]
    pub fn with_notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// From now on the service is not ready: it ends. Gateways see it before connections are closed.
    pub fn begin_to_stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Makes every check of readiness. Each faulty one names its code and its reason.
    pub async fn readiness(&self) -> Readiness {
        let now = self.app.now();
        let mut checks = vec![
            Check::of("running", None, self.check_running()),
            Check::of("randomness", None, self.check_randomness()),
            Check::of("store", None, self.check_store().await),
        ];
        let mut notes = self.notes.clone();
        let unnamed = self.metrics.clients_unnamed.get();
        if unnamed > 0 {
            notes.push(format!(
                "{unnamed} requests came through a gateway of service.trusted_proxies without a usable address of the \
                 client; limits for each client did not hold for them. See service.client_address_header"
            ));
        }
        for tenant in self.app.tenants() {
            let name = Some(tenant.id.as_str().to_owned());
            let ends = certificate_period(&*tenant.signer, now);
            if let Ok(ends) = &ends {
                self.metrics.certificate_ends.set(ends.0);
                if ends.since(now) < NOTICE_SECONDS {
                    notes.push(format!("the access certificate of {} ends at {}", tenant.id, rfc3339(*ends)));
                }
            }
            checks.push(Check::of("access_certificate", name.clone(), ends.map(|_| ())));
            checks.push(Check::of("trust", name, check_trust(tenant, now)));
        }
        Readiness { ready: checks.iter().all(|check| check.outcome == "passed"), checks, notes }
    }

    fn check_running(&self) -> Result<(), Reason> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(Reason::new(Code::NotReady, "the service is about to end"));
        }
        Ok(())
    }

    /// REQ-019: without randomness nothing is served.
    fn check_randomness(&self) -> Result<(), Reason> {
        let mut bytes = [0; 16];
        self.app.ports().entropy.fill(&mut bytes).map_err(|error| Reason::new(error.code(), error.to_string()))
    }

    /// STO-007: the store must be able to commit, now.
    async fn check_store(&self) -> Result<(), Reason> {
        match tokio::time::timeout(STORE_DEADLINE, self.app.ports().store.health()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Reason::new(error.code(), error.to_string())),
            Err(_) => Err(Reason::new(Code::StorageUnavailable, "the store does not answer in time")),
        }
    }
}

/// The last second of the whole chain, if it is valid now (REQ-017).
fn certificate_period(signer: &dyn RequestSigner, now: UnixSeconds) -> Result<UnixSeconds, Reason> {
    let chain: Vec<Certificate> =
        signer.certificate_chain().iter().map(|der| Certificate::read(der)).collect::<Result<_, _>>()?;
    let not_ready = |detail: String| Err(Reason::new(Code::NotReady, detail));
    let begins = chain.iter().map(|certificate| certificate.not_before).max();
    let ends = chain.iter().map(|certificate| certificate.not_after).min();
    match (begins, ends) {
        (Some(begins), _) if now < begins => not_ready(format!("it is valid from {} on only", rfc3339(begins))),
        (_, Some(ends)) if now > ends => not_ready(format!("it has ended at {}", rfc3339(ends))),
        (_, Some(ends)) => Ok(ends),
        _ => not_ready("there is none".to_owned()),
    }
}

/// Whether anybody can be trusted for anything at `now`.
fn check_trust(tenant: &Tenant, now: UnixSeconds) -> Result<(), Reason> {
    let trust = tenant.trust.current();
    let types: Vec<String> = trust.sources().iter().flat_map(|source| source.types.clone()).collect();
    trust.check_covered(&types, now)
}

/// Whether the service may serve, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether every check passed.
    pub ready: bool,
    /// All of them.
    pub checks: Vec<Check>,
    /// What will matter soon.
    pub notes: Vec<String>,
}

/// One check of readiness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub check: &'static str,
    /// The tenant it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// `passed` or `failed`.
    pub outcome: &'static str,
    /// The code of a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Cow<'static, str>>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<&'static str>,
}

impl Check {
    fn of(check: &'static str, tenant: Option<String>, result: Result<(), Reason>) -> Self {
        let failure = result.err();
        Self {
            check,
            tenant,
            outcome: if failure.is_none() { "passed" } else { "failed" },
            code: failure.as_ref().map(|reason| reason.code),
            // The hint of not_ready leads to this very page.
            hint: failure.as_ref().map(|reason| reason.code).filter(|code| *code != Code::NotReady).map(Code::hint),
            detail: failure.map(|reason| reason.detail),
        }
    }
}

/// The routes of the operations listener.
pub fn router(operations: Arc<Operations>) -> Router {
    Router::new()
        .route("/health/live", get(|| async { (no_store(), Json(serde_json::json!({ "live": true }))) }))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .with_state(operations)
}

const fn no_store() -> [(header::HeaderName, &'static str); 1] {
    [(header::CACHE_CONTROL, "no-store")]
}

/// `GET /health/ready`: 200 if the service may serve, 503 if not; every check with its outcome.
async fn ready(State(operations): State<Arc<Operations>>) -> Response {
    let readiness = operations.readiness().await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, no_store(), Json(readiness)).into_response()
}

/// `GET /metrics`: the metrics in the OpenMetrics text format.
async fn metrics(State(operations): State<Arc<Operations>>) -> Response {
    match operations.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Counts and measures the answers of wallets.
#[derive(Debug, Clone)]
pub struct MetricsObserver(pub Arc<Metrics>);

impl Observer for MetricsObserver {
    fn start(&self) -> Started {
        #[expect(clippy::disallowed_methods, reason = "a measurement; nothing is decided by it")]
        let now = Instant::now();
        Started::at(now)
    }

    fn answered(&self, code: &'static str, started: Started) {
        let outcome = match Code::from_name(code) {
            None => "accepted",
            Some(Code::WalletErrorRecorded) => "declined",
            Some(code) if status(code) == StatusCode::SERVICE_UNAVAILABLE => "undecided",
            Some(_) => "refused",
        };
        self.0.answer(outcome, code, started.instant().map(|instant| instant.elapsed()));
    }
}
