//! What a caller's backend hands in: the answer that the browser's Digital Credentials API gave its page.

#![expect(clippy::missing_errors_doc, reason = "the answers of a handler are in its API description")]

use super::Front;
use super::body::{BrowserAnswerBody, PresentationBody, ProblemBody};
use super::callers::Caller;
use super::extract::{JsonBody, Name};
use super::problem::Problem;
use super::relying_party::{presentation_body, recognise};
use super::wallet::told;
use crate::app::dc_api::BrowserAnswer;
use crate::app::receive_response::Refused;
use crate::domain::reason::Code;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;

/// `POST /v1/presentations/{id}/dc-api`: hands in what the browser gave the page.
#[utoipa::path(
    post, path = "/v1/presentations/{id}/dc-api", operation_id = "answer_presentation", tag = "presentations",
    request_body = BrowserAnswerBody,
    params(
        ("id" = String, Path, description = "The id of the creating call, which had the flow `dc_api`"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 printable characters. For 24 hours the same key with the same body, byte by byte, finds how the presentation stands once it has ended; with another body it is refused"),
    ),
    responses(
        (status = 200, description = "The presentation has ended, and how; this is its reading", body = PresentationBody),
        (status = 400, description = "Refused; the presentation stays open, and its reading says why in `last_refused`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such presentation for this caller, or one of another flow", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It had ended before, or the idempotency key was used with other content", body = ProblemBody, content_type = "application/problem+json"),
        (status = 410, description = "Too late", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many answers to this presentation", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "It cannot be decided now; the presentation stays open", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub async fn answer(
    caller: Caller,
    State(front): State<Front>,
    Name(id): Name,
    headers: HeaderMap,
    body: JsonBody<BrowserAnswerBody>,
) -> Result<Json<PresentationBody>, Problem> {
    let repeated = recognise(&front, &caller, "presentations/dc-api", &headers, &body.bytes)?;
    let started = front.observer.start();
    let answer = BrowserAnswer { protocol: &body.value.protocol, data: &body.value.data };
    let settled = front.app.receive_browser_answer(&caller.tenant, &id, answer).await;
    let code = match &settled {
        Ok(outcome) => told(*outcome),
        Err(refused) => refused.failure.code().as_str(),
    };
    front.observer.answered(code, started);
    match settled {
        Ok(_) | Err(Refused { ended: true, .. }) => {}
        // The same call again: its answer may have been lost on the way.
        Err(refused) if repeated && refused.failure.code() == Code::TransactionCompleted => {}
        Err(refused) => return Err(refused.failure.into()),
    }
    presentation_body(front.app.read_result(&caller.tenant, &id, None, None).await?).map(Json)
}
