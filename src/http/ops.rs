//! What operators see, on a listener of its own: whether the process lives, whether it may serve, and the metrics.

use super::Observer;
use super::problem::status;
use super::wallet::Started;
use crate::app::ports::RequestSigner;
use crate::app::source_standings::{BesideStanding, SourceStanding};
use crate::app::time_text::rfc3339;
use crate::app::{App, Tenant};
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust_list::plan::Place;
use crate::domain::x509::Certificate;
use crate::telemetry::metrics::{BesideFigures, Metrics, StatusFigures, TrustListFigures};
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
/// From this many seconds before the end of a trust list on, it is noted.
const LIST_NOTICE: i64 = 7 * 24 * 3600;
/// After this many seconds without being confirmed, it is noted of a list that is asked for (TL-16).
const POLL_NOTICE: i64 = 24 * 3600;

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
        let sources = self.app.source_standings();
        self.look_at_lists(&sources, now, &mut checks, &mut notes);
        look_at_sources(sources, &mut checks, &mut notes);
        notes.extend(self.app.beside_standings().iter().filter_map(|standing| note_of(standing, now)));
        for standing in self.app.status_standings().iter().filter(|standing| standing.may_track()) {
            notes.push(format!(
                "the source {} has {} status lists with very few entries: their host can see who is verified",
                standing.source, standing.tiny
            ));
        }
        Readiness { ready: checks.iter().all(|check| check.outcome == "passed"), checks, notes }
    }

    /// One check for each trust list. It fails if a preset cannot be answered for want of it; everything else is noted.
    fn look_at_lists(
        &self,
        sources: &[SourceStanding],
        now: UnixSeconds,
        checks: &mut Vec<Check>,
        notes: &mut Vec<String>,
    ) {
        let lists = self.app.trust_lists();
        let missed: Vec<&String> =
            sources.iter().filter(|source| source.missed).flat_map(|source| &source.lists).collect();
        for standing in lists.standings() {
            let name = &standing.name;
            let plan = lists.plans().iter().find(|plan| plan.name == *name);
            let end = standing.usable_until.filter(|end| now < *end);
            let is_missed = missed.iter().any(|missed| {
                *missed == name || name.strip_prefix(missed.as_str()).is_some_and(|rest| rest.starts_with('/'))
            });
            let fault = standing.fault.as_ref().map(ToString::to_string);
            let result = match (end, &fault) {
                (Some(end), fault) => {
                    if let Some(fault) = fault {
                        let end = rfc3339(end);
                        notes.push(format!(
                            "the last refresh of trust list {name} failed ({fault}); usable until {end}"
                        ));
                    }
                    Ok(())
                }
                (None, fault) => {
                    let last = fault.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default();
                    let detail = format!("trust list {name} cannot be used{last}");
                    if is_missed {
                        Err(Reason::new(Code::TrustUnavailable, detail))
                    } else {
                        notes.push(detail);
                        Ok(())
                    }
                }
            };
            if let Some(list) = standing.list.filter(|list| end.is_some() && list.next_update.since(now) < LIST_NOTICE)
            {
                notes.push(format!("trust list {name} ends at {}", rfc3339(list.next_update)));
            }
            // TL-16. What is imported by hand is not asked for.
            let imported = plan.is_some_and(|plan| plan.place == Place::Imported);
            if let Some(confirmed_at) = standing.confirmed_at.filter(|at| !imported && now.since(*at) >= POLL_NOTICE) {
                let confirmed_at = rfc3339(confirmed_at);
                notes.push(format!("trust list {name} could not be asked for since {confirmed_at}, for a day or more"));
            }
            checks.push(Check { list: Some(standing.name), ..Check::of("trust_list", None, result) });
        }
    }

    /// All metrics as they stand now, in the OpenMetrics text format.
    ///
    /// # Errors
    /// As [`Metrics::text`].
    pub fn metrics_text(&self) -> Result<String, std::fmt::Error> {
        let now = self.app.now();
        let refreshes = self.app.trust_lists().refreshes();
        let of = |list: &str| {
            let of = refreshes.iter().filter(|(known, ..)| known == list);
            of.map(|(_, outcome, count)| (*outcome, *count)).collect()
        };
        let lists = self.app.trust_lists().standings().into_iter().map(|standing| TrustListFigures {
            refreshes: of(&standing.name),
            list: standing.name,
            age_seconds: standing.confirmed_at.map(|at| now.since(at)),
            usable_seconds: standing.usable_until.map_or(0, |end| end.since(now)),
            services: standing.list.map_or(0, |list| list.services.len()),
        });
        let sources = self.app.status_standings().into_iter().map(|standing| StatusFigures {
            source: standing.source,
            lists: standing.lists,
            tiny: standing.tiny,
            overdue: standing.overdue,
            bytes: standing.bytes,
            oldest_seconds: standing.oldest_seconds,
            needs: standing.needs,
            fetches: standing.fetches,
        });
        self.metrics.show(lists.collect(), sources.collect());
        let beside = self.app.beside_standings().into_iter().map(|standing| BesideFigures {
            kind: standing.kind,
            name: standing.name,
            usable_seconds: standing.usable_until.map_or(0, |end| end.since(now)),
            refreshes: standing.refreshes,
        });
        self.metrics.show_beside(beside.collect());
        self.metrics.text()
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

/// What is wrong with keys of an issuer or a list of revoked certificates. Whether it is missed, the sources say.
fn note_of(standing: &BesideStanding, now: UnixSeconds) -> Option<String> {
    let what = match standing.kind {
        "issuer_keys" => "the keys of issuer",
        _ => "the list of revoked certificates",
    };
    let name = &standing.name;
    let fault = standing.fault.as_ref().map(|fault| format!(" ({fault})")).unwrap_or_default();
    match standing.usable_until.filter(|end| now < *end) {
        None => Some(format!("{what} {name} cannot be used{fault}")),
        Some(end) if !fault.is_empty() => {
            Some(format!("the last refresh of {what} {name} failed{fault}; usable until {}", rfc3339(end)))
        }
        Some(_) => None,
    }
}

/// One check for each source of credentials. It fails if a preset cannot be answered for want of it.
fn look_at_sources(sources: Vec<SourceStanding>, checks: &mut Vec<Check>, notes: &mut Vec<String>) {
    for SourceStanding { tenant, source, fault, missed, .. } in sources {
        let result = match fault {
            Some(fault) if missed => Err(fault),
            Some(fault) => {
                notes.push(format!("the trust source {source} of {tenant} cannot be used: {}", fault.detail));
                Ok(())
            }
            None => Ok(()),
        };
        let check = Check::of("trust_source", Some(tenant.as_str().to_owned()), result);
        checks.push(Check { source: Some(source), ..check });
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
    /// The trust list it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// The trust source it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
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
            list: None,
            source: None,
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
    match operations.metrics_text() {
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
