//! The browser that belongs to a page: its cookie, its return from the wallet, its yes or no.

use super::super::Front;
use super::super::extract::{FormBody, Name};
use super::super::problem::Problem;
use super::{failed, notice, redirect};
use crate::domain::ids::BrowserCookie;
use crate::domain::reason::Code;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;

/// The name of the cookie. With the prefix browsers take it from this host alone, over TLS alone (FIX-05).
const SECURE_NAME: &str = "__Host-pruefstein";

/// Its name on a loopback address without TLS, where browsers may refuse the prefix.
const PLAIN_NAME: &str = "pruefstein";

/// The cookie that came with a request, if it can be one of ours.
pub(super) fn cookie(front: &Front, headers: &HeaderMap) -> Option<BrowserCookie> {
    let name = name(front);
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let values = pairs.flat_map(|pairs| pairs.split(';')).filter_map(|pair| pair.trim().split_once('='));
    values.filter(|(known, _)| *known == name).find_map(|(_, value)| BrowserCookie::parse(value))
}

/// The header that gives a browser its cookie: for this host, for as long as the browser is open, for no script. `Lax`,
/// because a wallet that opens the page again comes from elsewhere.
pub(super) fn set_cookie(front: &Front, cookie: &BrowserCookie) -> Option<HeaderValue> {
    let secure = if is_secure(front) { " Secure;" } else { "" };
    HeaderValue::from_str(&format!("{}={}; Path=/;{secure} HttpOnly; SameSite=Lax", name(front), cookie.as_str())).ok()
}

fn is_secure(front: &Front) -> bool {
    front.app.public_url().starts_with("https:")
}

fn name(front: &Front) -> &'static str {
    if is_secure(front) { SECURE_NAME } else { PLAIN_NAME }
}

/// The query of a return.
#[derive(Deserialize)]
pub struct ReturnQuery {
    response_code: Option<String>,
}

/// `GET /p/{handle}/return?response_code=…`: where the wallet sends the person. The browser that opened the page goes on to
/// the caller, with the code; another one ends the presentation (HAIP 1.0 section 5.1).
pub async fn come_back(
    State(front): State<Front>,
    Name(handle): Name,
    headers: HeaderMap,
    query: Result<Query<ReturnQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let code = query.ok().and_then(|Query(query)| query.response_code).unwrap_or_default();
    let cookie = cookie(&front, &headers);
    match front.app.return_to_page(&handle, cookie.as_ref(), &code).await {
        Ok(address) => redirect(&address),
        Err(failure) => match failure.code() {
            Code::SessionMismatch => notice(
                StatusCode::FORBIDDEN,
                "Anderer Browser",
                "Der Vorgang wurde in einem anderen Browser begonnen. Zu Ihrem Schutz wurde er beendet, und es wurden keine \
                 Angaben weitergegeben. Bitte kehren Sie in den ersten Browser zurück und beginnen Sie dort noch einmal.",
            ),
            Code::ResponseCodeInvalid | Code::TransactionExpired => notice(
                StatusCode::FORBIDDEN,
                "Dieser Link gilt nicht mehr",
                "Es wurden keine Angaben weitergegeben. Bitte kehren Sie zu Ihrem Antrag zurück.",
            ),
            _ => failed(&failure),
        },
    }
}

/// `POST /p/{handle}/confirm`: whether the answer from another device was the person's own.
pub async fn confirm(
    State(front): State<Front>,
    Name(handle): Name,
    headers: HeaderMap,
    form: Result<FormBody, Problem>,
) -> Response {
    let foreign_origin = is_from_elsewhere(&front, &headers);
    let answer = form.ok().and_then(|mut form| form.take("answer"));
    let yes = match answer.as_deref() {
        Some("yes") => true,
        Some("no") => false,
        _ => return notice(StatusCode::BAD_REQUEST, "Das hat nicht geklappt", "Bitte laden Sie die Seite neu."),
    };
    let cookie = cookie(&front, &headers).filter(|_| !foreign_origin);
    let Some(cookie) = cookie else { return other_browser() };
    match front.app.confirm_on_page(&handle, &cookie, yes).await {
        Ok(()) => redirect(&format!("{}/p/{handle}", front.app.public_url())),
        Err(failure) => match failure.code() {
            Code::SessionMismatch => other_browser(),
            Code::TransactionExpired => redirect(&format!("{}/p/{handle}", front.app.public_url())),
            _ => failed(&failure),
        },
    }
}

/// Whether a form was sent by a page of somebody else. Our pages have browsers send no referrer, and browsers say
/// `Origin: null` for their forms therefore; what they say of the site counts first.
fn is_from_elsewhere(front: &Front, headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site") {
        Some(site) => site != "same-origin",
        None => headers.get(header::ORIGIN).is_some_and(|origin| origin != front.app.public_url()),
    }
}

/// What another browser sees of a page that is bound.
pub(super) fn other_browser() -> Response {
    notice(
        StatusCode::FORBIDDEN,
        "Anderer Browser",
        "Diese Seite wurde in einem anderen Browser geöffnet. Bitte kehren Sie dorthin zurück. Hier wurden keine Angaben \
         übermittelt.",
    )
}
