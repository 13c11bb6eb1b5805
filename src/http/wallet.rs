//! What wallets call: the request object and the place for their answer. They see coarse codes only; nothing here is
//! ever a redirect (OVP-RESP-10, OVP-RURI-06).
//!
//! Rules kept here: OVP-RURI-01, OVP-RURI-07, OVP-RURI-09, OVP-RURI-13, OVP-RURI-17, OVP-RESP-01, OVP-RESP-05,
//! OVP-RESP-20, ERR-16.

#![expect(clippy::missing_errors_doc, reason = "the answers of a handler are in its API description")]

use super::Front;
use super::body::{NextStepBody, WalletErrorBody};
use super::extract::{FormBody, Name};
use super::problem::{Problem, status};
use crate::app::Failure;
use crate::app::fetch_request::WalletParameters;
use crate::app::receive_response::{AnswerOutcome, Refused};
use crate::domain::reason::Code;
use crate::domain::verify::response::ResponseForm;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use std::time::Instant;

const REQUEST_OBJECT: &str = "application/oauth-authz-req+jwt";

/// An error as wallets see it: a coarse code of OAuth, nothing that helps to tune a forgery (RSP-030, ERR-15).
pub struct WalletProblem {
    code: Code,
    redirect_uri: Option<String>,
    retry_after: Option<u32>,
}

impl From<Code> for WalletProblem {
    fn from(code: Code) -> Self {
        Self { code, redirect_uri: None, retry_after: None }
    }
}

impl From<Problem> for WalletProblem {
    fn from(problem: Problem) -> Self {
        problem.code().into()
    }
}

impl From<Failure> for WalletProblem {
    fn from(failure: Failure) -> Self {
        if let Some(cause) = &failure.cause {
            tracing::warn!(code = failure.reason.code.as_str(), cause, "a use case failed");
        }
        Self { code: failure.reason.code, redirect_uri: None, retry_after: failure.retry_after }
    }
}

impl From<Refused> for WalletProblem {
    fn from(refused: Refused) -> Self {
        Self { redirect_uri: refused.redirect_uri, ..refused.failure.into() }
    }
}

impl IntoResponse for WalletProblem {
    fn into_response(self) -> Response {
        let status = status(self.code);
        let (error, error_description) = match (self.code.group(), status.as_u16()) {
            (_, 404) => ("invalid_request", "there is no such request"),
            (_, 409 | 410) => ("invalid_request", "the request has ended"),
            (_, 429) => ("invalid_request", "too many tries"),
            (_, 500..) => ("temporarily_unavailable", "it cannot be decided now; try again"),
            ("transport" | "request" | "load", _) => ("invalid_request", "the message cannot be used"),
            ("response" | "encryption", _) => ("invalid_request", "the answer cannot be used"),
            _ => ("invalid_presentation", "the presentation was not accepted"),
        };
        let body = WalletErrorBody { error, error_description, redirect_uri: self.redirect_uri };
        let mut response = (status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// `GET /wallet/requests/{handle}`: the signed request object.
#[utoipa::path(
    get, path = "/wallet/requests/{handle}", operation_id = "fetch_request", tag = "wallet",
    params(("handle" = String, Path, description = "From request_uri")),
    responses(
        (status = 200, description = "The request object", content_type = "application/oauth-authz-req+jwt", body = String),
        (status = 404, description = "No such request"),
        (status = 410, description = "The request has ended"),
    )
)]
pub async fn get_request(State(front): State<Front>, Name(handle): Name) -> Result<Response, WalletProblem> {
    let object = front.app.fetch_request(&handle, WalletParameters::default()).await?;
    Ok(([(header::CONTENT_TYPE, REQUEST_OBJECT)], object).into_response())
}

/// `POST /wallet/requests/{handle}`: the same with `wallet_nonce` and `wallet_metadata`.
#[utoipa::path(
    post, path = "/wallet/requests/{handle}", operation_id = "fetch_request_with_metadata", tag = "wallet",
    params(("handle" = String, Path, description = "From request_uri")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "wallet_nonce and wallet_metadata, both optional"),
    responses(
        (status = 200, description = "The request object, encrypted if the wallet's metadata asks for it", content_type = "application/oauth-authz-req+jwt", body = String),
        (status = 400, description = "wallet_nonce or wallet_metadata cannot be used"),
        (status = 404, description = "No such request"),
        (status = 410, description = "The request has ended"),
    )
)]
pub async fn post_request(
    State(front): State<Front>,
    Name(handle): Name,
    form: Result<FormBody, Problem>,
) -> Result<Response, WalletProblem> {
    let mut form = form.map_err(|problem| match problem.code() {
        // A nonce that comes twice is a nonce that breaks the rules (REQ-005).
        Code::DuplicateParameter => WalletProblem::from(Code::WalletNonceInvalid),
        _ => problem.into(),
    })?;
    let parameters =
        WalletParameters { wallet_nonce: form.take("wallet_nonce"), wallet_metadata: form.take("wallet_metadata") };
    let object = front.app.fetch_request(&handle, parameters).await?;
    Ok(([(header::CONTENT_TYPE, REQUEST_OBJECT)], object).into_response())
}

/// `POST /wallet/responses/{handle}`: the answer of a wallet (`direct_post.jwt`).
#[utoipa::path(
    post, path = "/wallet/responses/{handle}", operation_id = "answer_request", tag = "wallet",
    params(("handle" = String, Path, description = "From response_uri")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "response, or error and state"),
    responses(
        (status = 200, description = "Dealt with; `redirect_uri` in the same-device flow", body = NextStepBody),
        (status = 400, description = "Refused, with a coarse code"),
        (status = 404, description = "No such transaction"),
        (status = 409, description = "An end state exists already"),
        (status = 410, description = "Too late"),
        (status = 415, description = "Not a form"),
        (status = 503, description = "It cannot be decided now; the transaction stays open"),
    )
)]
pub async fn response(
    State(front): State<Front>,
    Name(handle): Name,
    uri: Uri,
    form: Result<FormBody, Problem>,
) -> Result<Json<NextStepBody>, WalletProblem> {
    let started = front.observer.start();
    let result = answer(&front, &handle, &uri, form).await;
    let code = match &result {
        Ok((_, outcome)) => told(*outcome),
        Err(problem) => problem.code.as_str(),
    };
    front.observer.answered(code, started);
    let (body, _) = result?;
    Ok(Json(body))
}

/// The code of an end for metrics. That a wallet finds fault with the request is for the log too (ERR-04).
pub(super) fn told(outcome: AnswerOutcome) -> &'static str {
    match outcome {
        AnswerOutcome::Verified => "ok",
        AnswerOutcome::Declined { about_the_request } => {
            if let Some(error) = about_the_request {
                tracing::warn!(error, "a wallet finds fault with our request");
            }
            Code::WalletErrorRecorded.as_str()
        }
    }
}

async fn answer(
    front: &Front,
    handle: &str,
    uri: &Uri,
    form: Result<FormBody, Problem>,
) -> Result<(NextStepBody, AnswerOutcome), WalletProblem> {
    let mut form = form?;
    // Nothing personal may reach the address, where gateways log it (RSP-020).
    if uri.query().is_some() {
        return Err(Code::ResponseMalformed.into());
    }
    let form = ResponseForm {
        response: form.take("response"),
        vp_token: form.take("vp_token"),
        state: form.take("state"),
        error: form.take("error"),
    };
    let next = front.app.receive_response(handle, &form).await?;
    Ok((NextStepBody { redirect_uri: next.redirect_uri }, next.outcome))
}

/// A point in time for a measurement; nothing is decided by it.
#[derive(Debug, Clone, Copy)]
pub struct Started(Option<Instant>);

impl Started {
    /// Made by observers that measure.
    pub const fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// Made by observers that do not.
    pub const fn unmeasured() -> Self {
        Self(None)
    }

    /// The point in time, if there is one.
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }
}
