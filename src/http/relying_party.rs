//! The caller API: `/v1`. Errors are problem documents, times are RFC 3339.

#![expect(clippy::missing_errors_doc, reason = "the answers of a handler are in its API description")]

use super::Front;
use super::body::{
    CreatedBody, ErrorBody, NewPresentationBody, Picture, PresentationBody, PresetBody, PresetsBody, ProblemBody,
    PurposeBody, QueryCheckBody, QueryFindingsBody, RefusedBody, ResultRulesBody, VerdictBody, VerificationBody,
};
use super::callers::Caller;
use super::coverage::CoverageBody;
use super::extract::{JsonBody, Name};
use super::page::qr;
use super::problem::{FieldError, Problem};
use crate::app::check_query as queries;
use crate::app::create_request::{Created, IdempotentCall, NewPresentation};
use crate::app::read_result::Read;
use crate::app::render::{report_body, single_result_body};
use crate::app::time_text::{parse as parse_time, rfc3339};
use crate::app::tries::RefusedTry;
use crate::app::verify_once::OneVerification;
use crate::app::{Failure, can_verify};
use crate::domain::preset::Preset;
use crate::domain::reason::Code;
use crate::domain::transaction::{Flow, Transaction};
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

impl From<Failure> for Problem {
    /// The cause goes to the log only.
    fn from(failure: Failure) -> Self {
        if let Some(cause) = &failure.cause {
            tracing::warn!(code = failure.reason.code.as_str(), cause, "a use case failed");
        }
        let problem = Self::new(failure.reason.code, failure.reason.detail).with_errors(failure.faults);
        match failure.retry_after {
            Some(seconds) => problem.with_retry_after(seconds),
            None => problem,
        }
    }
}

/// `POST /v1/presentations`: starts a presentation.
#[utoipa::path(
    post, path = "/v1/presentations", operation_id = "create_presentation", tag = "presentations", request_body = NewPresentationBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters. For 24 hours the same key with the same body, byte by byte, finds the same presentation; with another body it is refused")),
    responses(
        (status = 201, description = "Started", body = CreatedBody),
        (status = 401, description = "No valid caller identity", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The tenant's policy forbids it", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The idempotency key was used with other content", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Every fault, with its place", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "The caller has started too many in this minute; see Retry-After", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "No trust anchors for the type, or the store cannot commit", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn create(
    caller: Caller,
    State(front): State<Front>,
    headers: HeaderMap,
    body: JsonBody<NewPresentationBody>,
) -> Result<(StatusCode, Json<CreatedBody>), Problem> {
    let now = Duration::from_secs(u64::try_from(front.app.now().0).unwrap_or_default());
    front.creations.take(caller.number, now).map_err(|wait| {
        Problem::new(Code::QuotaExceeded, "this caller has started too many presentations in this minute")
            .with_retry_after(wait.0)
    })?;
    let call = idempotent_call(&headers, &body.bytes)?;
    let created = front.app.create_request(&caller.tenant, wish(body.value), call).await?;
    Ok((StatusCode::CREATED, Json(created_body(created))))
}

/// The call that `Idempotency-Key` makes recognisable, if there is one.
fn idempotent_call<'a>(headers: &'a HeaderMap, body: &'a [u8]) -> Result<Option<IdempotentCall<'a>>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let key = value.to_str().map_err(|_| Problem::new(Code::BadRequest, "Idempotency-Key is not printable"))?;
            Ok(Some(IdempotentCall { key, body }))
        }
        _ => Err(Problem::new(Code::BadRequest, "Idempotency-Key occurs twice")),
    }
}

fn wish(body: NewPresentationBody) -> NewPresentation {
    let (purpose_de, purpose_en) = body.purpose.map_or((None, None), |purpose| (purpose.de, purpose.en));
    let (ttl, delete) = body.result.map_or((None, None), |rules| (rules.ttl_seconds, rules.delete_after_read));
    NewPresentation {
        preset: body.preset,
        dcql_query: body.dcql_query,
        flow: body.flow,
        return_url: body.return_url,
        origin: body.origin,
        registration: body.registration,
        response_mode: body.response_mode,
        transaction_data: body.transaction_data,
        purpose_de,
        purpose_en,
        reference: body.reference,
        expires_in: body.expires_in,
        result_ttl_seconds: ttl,
        delete_after_read: delete,
        session: body.session,
    }
}

fn created_body(created: Created) -> CreatedBody {
    let transaction = &created.transaction;
    // There the page is the caller's own.
    let page_url = transaction.offer().is_none().then_some(created.page_url);
    CreatedBody {
        id: transaction.id().as_str().to_owned(),
        status: transaction.status().as_str(),
        flow: flow_name(transaction),
        created_at: rfc3339(transaction.created_at()),
        expires_at: rfc3339(transaction.expires_at()),
        client_id: transaction.request().client_id.clone(),
        authorization_request_uri: created.authorization_request_uri,
        request_uri: created.request_uri,
        page_url,
        transaction_data: transaction.request().transaction_data.clone(),
        dc_api_request: created.dc_api_request,
    }
}

const fn flow_name(transaction: &Transaction) -> &'static str {
    match transaction.flow() {
        Flow::SameDevice { .. } => "same_device",
        Flow::CrossDevice => "cross_device",
        Flow::DcApi(_) => "dc_api",
    }
}

/// The query of a reading.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadQuery {
    response_code: Option<String>,
    session: Option<String>,
    wait: Option<u64>,
}

/// Longest wait of a reading, in seconds.
const MOST_WAIT: u64 = 30;

/// `GET /v1/presentations/{id}`: how a presentation stands; with `wait`, as soon as it changes.
#[utoipa::path(
    get, path = "/v1/presentations/{id}", operation_id = "read_presentation", tag = "presentations",
    params(
        ("id" = String, Path, description = "The id of the creating call"),
        ("response_code" = Option<String>, Query, description = "The code from the redirect; opens the result of a same-device presentation"),
        ("session" = Option<String>, Query, description = "The session in which the code arrived; needed where creation named one. Another one rejects the presentation"),
        ("wait" = Option<u64>, Query, description = "Seconds to wait for an end, 0 to 30"),
    ),
    responses(
        (status = 200, description = "How it stands", body = PresentationBody),
        (status = 403, description = "The response code is missing or wrong, or the session is another", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such presentation for this caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "The result was erased", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn read(
    caller: Caller,
    State(front): State<Front>,
    Name(id): Name,
    query: Result<Query<ReadQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<PresentationBody>, Problem> {
    let Query(query) =
        query.map_err(|_| Problem::new(Code::BadRequest, "the query knows response_code, session and wait"))?;
    let wait = query.wait.unwrap_or(0);
    if wait > MOST_WAIT {
        return Err(Problem::new(Code::BadRequest, "wait is at most 30 seconds"));
    }
    wait_for_end(&front, &caller, &id, Duration::from_secs(wait)).await?;
    let (code, session) = (query.response_code.as_deref(), query.session.as_deref());
    let read = front.app.read_result(&caller.tenant, &id, code, session).await?;
    presentation_body(read).map(Json)
}

async fn wait_for_end(front: &Front, caller: &Caller, id: &str, most: Duration) -> Result<(), Problem> {
    if most.is_zero() {
        return Ok(());
    }
    let (transaction, mut changes) = front.app.watch(&caller.tenant, id).await?;
    let ended = async {
        let mut current = transaction;
        // An answer that waits for its person can be told at once: the code is asked for. A confirmation is waited for.
        let settled = |it: &Transaction| it.status().is_end() || it.is_answered() && !it.waits_for_confirmation();
        while !settled(&current) && changes.changed().await {
            current = front.app.current(&caller.tenant, current.id()).await?;
        }
        Ok::<_, Failure>(())
    };
    // Running out of time is no fault: the answer then says how it stands.
    tokio::time::timeout(most, ended).await.unwrap_or(Ok(()))?;
    Ok(())
}

pub(super) fn presentation_body(read: Read) -> Result<PresentationBody, Problem> {
    let transaction = &read.transaction;
    let outcome = read.reading.outcome;
    let (result, report, error) =
        outcome.map_or((None, None, None), |outcome| (outcome.result, outcome.report, outcome.error));
    Ok(PresentationBody {
        id: transaction.id().as_str().to_owned(),
        status: read.reading.status.as_str(),
        flow: flow_name(transaction),
        proximity: (*transaction.flow() == Flow::CrossDevice).then_some("not_established"),
        reference: transaction.reference().map(str::to_owned),
        preset: transaction.request().preset.clone(),
        created_at: rfc3339(transaction.created_at()),
        expires_at: rfc3339(transaction.expires_at()),
        finished_at: read.reading.finished_at.map(rfc3339),
        result: result.map(raw).transpose()?,
        report: report.map(raw).transpose()?,
        error: error.map(|error| ErrorBody::new(error.code, error.detail)),
        last_refused: read.refused.map(refused_body).transpose()?,
    })
}

fn refused_body(refused: RefusedTry) -> Result<RefusedBody, Problem> {
    Ok(RefusedBody {
        at: rfc3339(refused.at),
        error: ErrorBody::new(refused.reason.code, refused.reason.detail),
        report: refused.report.map(raw).transpose()?,
    })
}

/// Stored JSON as it is. What cannot be read is a fault and never an absent result or report.
fn raw(json: String) -> Result<Box<RawValue>, Problem> {
    RawValue::from_string(json).map_err(|_| Problem::new(Code::StorageCorrupt, "what is stored cannot be read"))
}

fn unwritable(_: serde_json::Error) -> Problem {
    Problem::new(Code::InternalError, "a verdict cannot be written as JSON")
}

/// `DELETE /v1/presentations/{id}`: calls an open presentation off, erases the result of an ended one.
#[utoipa::path(
    delete, path = "/v1/presentations/{id}", operation_id = "erase_presentation", tag = "presentations",
    params(("id" = String, Path, description = "The id of the creating call")),
    responses(
        (status = 204, description = "Done, now or before"),
        (status = 404, description = "No such presentation for this caller", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn erase(caller: Caller, State(front): State<Front>, Name(id): Name) -> Result<StatusCode, Problem> {
    front.app.cancel_or_erase(&caller.tenant, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /v1/presentations/{id}/events`: one server-sent event per change of status, the current one first.
#[utoipa::path(
    get, path = "/v1/presentations/{id}/events", operation_id = "watch_presentation", tag = "presentations",
    params(("id" = String, Path, description = "The id of the creating call")),
    responses(
        (status = 200, description = "Events named `status` with `{\"status\": …}`; ends with the end of the presentation", content_type = "text/event-stream", body = String),
        (status = 404, description = "No such presentation for this caller", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many streams", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn events(
    caller: Caller,
    State(front): State<Front>,
    Name(id): Name,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let permit = Arc::clone(&front.streams)
        .try_acquire_owned()
        .map_err(|_| Problem::new(Code::RateLimited, "too many streams are open"))?;
    let (transaction, changes) = front.app.watch(&caller.tenant, &id).await?;
    let first = Watching { front, caller, changes, current: Some(transaction), told: None, permit };
    let events = stream::unfold(first, |mut watching| async move {
        let event = watching.next().await?;
        Some((Ok(event), watching))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

/// A stream of events about one presentation.
struct Watching {
    front: Front,
    caller: Caller,
    changes: crate::app::ports::Changes,
    current: Option<Transaction>,
    told: Option<&'static str>,
    #[expect(dead_code, reason = "given back when the stream ends")]
    permit: tokio::sync::OwnedSemaphorePermit,
}

/// How often a silent stream looks at the clock, since expiry rings no bell by itself.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

impl Watching {
    /// The next event; `None` after the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let current = self.current.take()?;
            let status = current.status();
            if !status.is_end() {
                self.current = Some(current.clone());
            }
            if self.told != Some(status.as_str()) {
                self.told = Some(status.as_str());
                return Some(Event::default().event("status").data(format!("{{\"status\":\"{status}\"}}")));
            }
            if status.is_end() {
                return None;
            }
            let bell = tokio::time::timeout(LOOK_AGAIN, self.changes.changed()).await;
            if bell == Ok(false) {
                return None;
            }
            self.current = Some(self.front.app.current(&self.caller.tenant, current.id()).await.ok()?);
        }
    }
}

/// `GET /v1/presentations/{id}/qr.svg`: the QR code of the request.
#[utoipa::path(
    get, path = "/v1/presentations/{id}/qr.svg", operation_id = "presentation_qr_svg", tag = "presentations",
    params(("id" = String, Path, description = "The id of the creating call")),
    responses(
        (status = 200, description = "The picture", content_type = "image/svg+xml", body = String),
        (status = 410, description = "The request has ended", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn qr_svg(caller: Caller, State(front): State<Front>, Name(id): Name) -> Result<Response, Problem> {
    let created = front.app.links(&caller.tenant, &id).await?;
    let picture = qr::svg(&created.authorization_request_uri.ok_or(Code::RequestExpired)?)?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], picture).into_response())
}

/// `GET /v1/presentations/{id}/qr.png`: the QR code of the request.
#[utoipa::path(
    get, path = "/v1/presentations/{id}/qr.png", operation_id = "presentation_qr_png", tag = "presentations",
    params(("id" = String, Path, description = "The id of the creating call")),
    responses(
        (status = 200, description = "The picture", content_type = "image/png", body = Picture),
        (status = 410, description = "The request has ended", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn qr_png(caller: Caller, State(front): State<Front>, Name(id): Name) -> Result<Response, Problem> {
    let created = front.app.links(&caller.tenant, &id).await?;
    let picture = qr::png(&created.authorization_request_uri.ok_or(Code::RequestExpired)?)?;
    Ok(([(header::CONTENT_TYPE, "image/png")], picture).into_response())
}

/// Refuses a key that came with another body to the same path (API-010), and says whether the call came before. Calls that
/// change nothing are made anew, so nothing else has to be remembered of them.
pub(super) fn recognise(
    front: &Front,
    caller: &Caller,
    path: &'static str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<bool, Problem> {
    match idempotent_call(headers, body)? {
        Some(call) => Ok(front.app.recognise(&caller.tenant, path, call)?),
        None => Ok(false),
    }
}

/// `POST /v1/verifications`: verifies one presentation, outside of any transaction.
#[utoipa::path(
    post, path = "/v1/verifications", operation_id = "verify_presentation", tag = "verifications", request_body = VerificationBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters. The call changes nothing and is made anew each time; for 24 hours the same key with another body is refused")),
    responses(
        (status = 200, description = "The verdict; a refusal is one, too", body = VerdictBody),
        (status = 409, description = "The idempotency key was used with other content", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "Every fault, with its place", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be decided now", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn verify(
    caller: Caller,
    State(front): State<Front>,
    headers: HeaderMap,
    body: JsonBody<VerificationBody>,
) -> Result<Json<VerdictBody>, Problem> {
    recognise(&front, &caller, "verifications", &headers, &body.bytes)?;
    let body = body.value;
    let at = match body.at.as_deref().map(parse_time) {
        None => None,
        Some(Some(time)) => Some(time),
        Some(None) => {
            let error = FieldError::new("/at", "not a time of RFC 3339");
            return Err(Problem::new(Code::InvalidQuery, "at cannot be read").with_errors([error]));
        }
    };
    let asked = OneVerification {
        format: body.format,
        presentation: body.presentation,
        nonce: body.nonce,
        audience: body.audience,
        dcql_query: body.dcql_query,
        transaction_data: body.transaction_data,
        at,
    };
    match front.app.verify_once(&caller.tenant, asked).await? {
        Ok((credential, report)) => Ok(Json(VerdictBody {
            outcome: "accepted",
            result: Some(to_raw_value(&single_result_body("presentation", &credential)).map_err(unwritable)?),
            report: to_raw_value(&report_body(&report, true)).map_err(unwritable)?,
            error: None,
        })),
        Err(refusal) if refusal.standing == crate::domain::verify::Standing::Undecided => {
            Err(Failure::from(refusal.reason.clone()).into())
        }
        Err(refusal) => Ok(Json(VerdictBody {
            outcome: "refused",
            result: None,
            report: to_raw_value(&report_body(&refusal.report, false)).map_err(unwritable)?,
            error: Some(ErrorBody::new(refusal.reason.code, refusal.reason.detail.clone())),
        })),
    }
}

/// `POST /v1/queries/check`: checks a DCQL query without sending it.
#[utoipa::path(
    post, path = "/v1/queries/check", operation_id = "check_query", tag = "queries", request_body = QueryCheckBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters. The call changes nothing and is made anew each time; for 24 hours the same key with another body is refused")),
    responses(
        (status = 200, description = "What was found", body = QueryFindingsBody),
        (status = 409, description = "The idempotency key was used with other content", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn check_query(
    caller: Caller,
    State(front): State<Front>,
    headers: HeaderMap,
    body: JsonBody<QueryCheckBody>,
) -> Result<Json<QueryFindingsBody>, Problem> {
    recognise(&front, &caller, "queries/check", &headers, &body.bytes)?;
    let tenant = front.app.tenant(&caller.tenant)?;
    let check = queries::check_query(tenant, &body.value.dcql_query, body.value.registration.as_deref());
    Ok(Json(QueryFindingsBody {
        sendable: check.sendable,
        faults: check.faults.into_iter().map(FieldError::from).collect(),
        findings: check.findings,
        registrations: check.registrations.into_iter().map(CoverageBody::new).collect(),
    }))
}

/// `GET /v1/presets`: what the tenant may ask for.
#[utoipa::path(
    get, path = "/v1/presets", operation_id = "list_presets", tag = "presets",
    responses((status = 200, description = "The presets of the tenant", body = PresetsBody))
)]
pub async fn presets(caller: Caller, State(front): State<Front>) -> Result<Json<PresetsBody>, Problem> {
    let tenant = front.app.tenant(&caller.tenant)?;
    Ok(Json(PresetsBody { presets: tenant.presets.values().map(preset_body).collect() }))
}

/// `GET /v1/presets/{id}`: one preset with the query as it is really sent.
#[utoipa::path(
    get, path = "/v1/presets/{id}", operation_id = "read_preset", tag = "presets",
    params(("id" = String, Path, description = "The id of the preset")),
    responses(
        (status = 200, description = "The preset", body = PresetBody),
        (status = 404, description = "No such preset", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn preset(caller: Caller, State(front): State<Front>, Name(id): Name) -> Result<Json<PresetBody>, Problem> {
    let tenant = front.app.tenant(&caller.tenant)?;
    let preset = tenant.presets.get(&id).ok_or_else(|| Problem::new(Code::NotFound, "there is no such preset"))?;
    let query = preset.sendable(can_verify).map_err(Failure::from)?;
    Ok(Json(PresetBody { dcql_query: Some(query.as_json().clone()), ..preset_body(preset) }))
}

fn preset_body(preset: &Preset) -> PresetBody {
    let text =
        |text: &crate::domain::preset::LocalText| PurposeBody { de: Some(text.de.clone()), en: Some(text.en.clone()) };
    PresetBody {
        id: preset.id.clone(),
        version: preset.version,
        title: text(&preset.title),
        purpose: text(&preset.purpose),
        acr_min: preset.acr_min.uri(),
        result: ResultRulesBody {
            ttl_seconds: Some(preset.result.ttl_seconds),
            delete_after_read: Some(preset.result.delete_after_delivery),
        },
        dcql_query: None,
    }
}
