//! The way through the browser's Digital Credentials API on the hosted page: what its script calls.

use super::super::Front;
use super::super::body::BrowserAnswerBody;
use super::super::extract::{JsonBody, Name};
use super::super::problem::Problem;
use super::super::wallet::told;
use super::binding::cookie;
use crate::app::Failure;
use crate::app::dc_api::BrowserAnswer;
use crate::app::receive_response::Refused;
use crate::domain::reason::Code;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::Value;

/// The policy of a page with the script: this file and these calls, and nothing else beyond what every page may.
pub(super) const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Where the page goes on.
#[derive(Serialize)]
pub struct NextBody {
    next: String,
}

/// `GET /p/{handle}/dc-api`: what the page gives to the browser, for the browser that has opened the page.
///
/// # Errors
/// [`Code::UnknownTransaction`], [`Code::SessionMismatch`], [`Code::RequestExpired`].
pub async fn request(
    State(front): State<Front>,
    Name(handle): Name,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    Ok(Json(front.app.page_request(&handle, cookie(&front, &headers).as_ref()).await?))
}

/// `POST /p/{handle}/dc-api`: what the browser gave to the page. The body, the origin and the cookie are those of the page
/// itself: a page of somebody else's can send none of them (DCA-16).
///
/// # Errors
/// [`Code::SessionMismatch`] from another page or browser, [`Code::InvalidPresentation`] for all that was refused and ended
/// nothing: only the caller reads why (RSP-030).
pub async fn answer(
    State(front): State<Front>,
    Name(handle): Name,
    headers: HeaderMap,
    body: JsonBody<BrowserAnswerBody>,
) -> Result<Json<NextBody>, Problem> {
    if headers.get(header::ORIGIN).is_none_or(|origin| origin != front.app.public_url()) {
        return Err(Problem::new(Code::SessionMismatch, "not from this page"));
    }
    let started = front.observer.start();
    let answer = BrowserAnswer { protocol: &body.value.protocol, data: &body.value.data };
    let settled = front.app.page_answer(&handle, cookie(&front, &headers).as_ref(), answer).await;
    let code = match &settled {
        Ok(next) => told(next.outcome),
        Err(refused) => refused.failure.code().as_str(),
    };
    front.observer.answered(code, started);
    let next = match settled {
        Ok(next) => next.redirect_uri,
        Err(Refused { redirect_uri: Some(next), .. }) => Some(next),
        Err(refused) => return Err(coarse(refused.failure)),
    };
    // Without a return the page itself says how it ended.
    let next = next.unwrap_or_else(|| format!("{}/p/{handle}", front.app.public_url()));
    Ok(Json(NextBody { next }))
}

/// What the sender may know: whether it is worth another try, not what was wrong.
fn coarse(failure: Failure) -> Problem {
    let problem = Problem::from(failure);
    match problem.status() {
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Code::InvalidPresentation.into(),
        _ => problem,
    }
}

/// `GET /assets/dc-api.js`: the script.
pub async fn script() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("dc-api.js")).into_response()
}
