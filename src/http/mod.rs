//! The front desk: what arrives over HTTP, and how the answer looks. A handler has three beats: extractors parse, one use
//! case decides, the last line renders.

pub mod body;
pub mod callers;
pub mod client_address;
pub mod coverage;
pub mod dc_api;
mod describe;
pub mod extract;
pub mod layers;
pub mod listener;
pub mod openapi;
pub mod ops;
pub mod pace;
pub mod page;
pub mod problem;
pub mod rate;
pub mod relying_party;
pub mod wallet;

use crate::app::App;
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use callers::Callers;
use problem::Problem;
use rate::Quotas;
use std::sync::Arc;
use tokio::sync::Semaphore;
use wallet::Started;

/// What the handlers share.
#[derive(Clone)]
pub struct Front {
    /// The use cases.
    pub app: Arc<App>,
    /// Who may call the API.
    pub callers: Arc<Callers>,
    /// Streams of events that are open at a time (HTT-030).
    pub streams: Arc<Semaphore>,
    /// Presentations that each caller may start (API-012).
    pub creations: Arc<Quotas>,
    /// Told of every verdict.
    pub observer: Arc<dyn Observer>,
}

/// Takes note of what happens, for logs and metrics. Never learns a claim, a token or a handle.
pub trait Observer: Send + Sync {
    /// Begins a measurement.
    fn start(&self) -> Started;

    /// An answer of a wallet was dealt with: `ok`, or the exact code of its refusal.
    fn answered(&self, code: &'static str, started: Started);
}

/// An observer that takes no notes.
#[derive(Debug, Clone, Copy)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn start(&self) -> Started {
        Started::unmeasured()
    }

    fn answered(&self, _: &'static str, _: Started) {}
}

/// Most streams of events at a time.
pub const MOST_STREAMS: usize = 1_000;

/// Most presentations that one caller starts in a minute, unless it is set.
pub const MOST_CREATIONS: u32 = 6_000;

impl Front {
    /// The front desk of a service.
    pub fn new(app: Arc<App>, callers: Callers, observer: Arc<dyn Observer>) -> Self {
        let creations = Arc::new(Quotas::new(MOST_CREATIONS, callers.count()));
        let streams = Arc::new(Semaphore::new(MOST_STREAMS));
        Self { app, callers: Arc::new(callers), streams, creations, observer }
    }

    /// With another number of presentations that each caller may start in a minute.
    #[must_use]
    pub fn with_creations(mut self, per_minute: u32) -> Self {
        self.creations = Arc::new(Quotas::new(per_minute, self.callers.count()));
        self
    }
}

/// All public routes. Layers that hold for every route are added by the listener.
pub fn router(front: Front) -> Router {
    Router::new()
        .route("/v1/presentations", post(relying_party::create).fallback(method_not_allowed))
        .route(
            "/v1/presentations/{id}",
            get(relying_party::read).delete(relying_party::erase).head(get_or_delete).fallback(get_or_delete),
        )
        .route("/v1/presentations/{id}/dc-api", post(dc_api::answer).fallback(method_not_allowed))
        .route("/v1/presentations/{id}/events", get(relying_party::events).fallback(method_not_allowed))
        .route("/v1/presentations/{id}/qr.svg", get(relying_party::qr_svg).fallback(method_not_allowed))
        .route("/v1/presentations/{id}/qr.png", get(relying_party::qr_png).fallback(method_not_allowed))
        .route("/v1/verifications", post(relying_party::verify).fallback(method_not_allowed))
        .route("/v1/queries/check", post(relying_party::check_query).fallback(method_not_allowed))
        .route("/v1/presets", get(relying_party::presets).fallback(method_not_allowed))
        .route("/v1/presets/{id}", get(relying_party::preset).fallback(method_not_allowed))
        .route("/v1/openapi.json", get(openapi::serve).fallback(method_not_allowed))
        .route(
            "/wallet/requests/{handle}",
            get(wallet::get_request).post(wallet::post_request).head(get_or_post).fallback(get_or_post),
        )
        .route("/wallet/responses/{handle}", post(wallet::response).fallback(method_not_allowed))
        .route("/p/{handle}", get(page::show).fallback(method_not_allowed))
        .route("/p/{handle}/return", get(page::binding::come_back).fallback(method_not_allowed))
        .route("/p/{handle}/confirm", post(page::binding::confirm).fallback(method_not_allowed))
        .route(
            "/p/{handle}/dc-api",
            get(page::dc_api::request).post(page::dc_api::answer).head(get_or_post).fallback(get_or_post),
        )
        .route("/assets/dc-api.js", get(page::dc_api::script).fallback(method_not_allowed))
        .route("/p/{handle}/qr.svg", get(page::qr).fallback(method_not_allowed))
        .route("/assets/page.css", get(page::style).fallback(method_not_allowed))
        .route(problem::DOCUMENTATION_PATH, get(page::error_codes).fallback(method_not_allowed))
        .fallback(not_found)
        .with_state(front)
        .layer(map_response(no_store))
}

/// Nothing here may stay in a cache, unless it says so itself (OVP-RESP-09, OVP-RURI-19, case REQ-020).
async fn no_store(mut response: Response) -> Response {
    let headers = response.headers_mut();
    // Streams of events come with `no-cache`, which still lets a cache keep them.
    if headers.get(CACHE_CONTROL).is_none_or(|value| value == "no-cache") {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

async fn not_found() -> Problem {
    crate::domain::reason::Code::NotFound.into()
}

async fn method_not_allowed() -> Problem {
    crate::domain::reason::Code::MethodNotAllowed.into()
}

/// HEAD would run the handler of GET and throw its answer away: a result that is read once would be lost, and a request
/// would count as collected. So both paths do without it.
async fn get_or_delete() -> Problem {
    method_not_allowed().await.with_allow(HeaderValue::from_static("GET,DELETE"))
}

async fn get_or_post() -> Problem {
    method_not_allowed().await.with_allow(HeaderValue::from_static("GET,POST"))
}
