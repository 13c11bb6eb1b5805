//! The page that a person sees. Plain German, calm, usable without script and without a picture.
//!
//! Rules kept here: PRV-10, PRV-17.

pub mod binding;
pub mod dc_api;
pub mod qr;

use super::Front;
use super::extract::Name;
use super::problem::{self, Problem};
use crate::app::Failure;
use crate::app::page::Opened;
use crate::domain::ids::BrowserCookie;
use crate::domain::reason::Code;
use crate::domain::transaction::{Flow, Status, Transaction};
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// The page of one presentation.
#[derive(Template, Default)]
#[template(path = "presentation.html", config = "src/http/page/askama.toml")]
struct PresentationPage<'a> {
    title: &'a str,
    lead: &'a str,
    purpose: Option<&'a str>,
    /// The link that opens the wallet on this device.
    wallet_link: Option<&'a str>,
    /// The address of the picture for another device.
    qr: Option<String>,
    /// Where the person says whether an answer was theirs.
    confirm: Option<String>,
    /// Where the script of the page calls, if the page asks through the browser's Digital Credentials API.
    browser: Option<String>,
    /// Whether the page looks again by itself.
    waiting: bool,
    /// Where the person goes on.
    return_url: Option<&'a str>,
}

/// `GET /p/{handle}`: the page for the person. The first browser that opens it is bound to it.
///
/// # Errors
/// A page, too: nobody who comes by a browser is shown a problem document.
pub async fn show(State(front): State<Front>, Name(handle): Name, headers: HeaderMap) -> Response {
    let known = binding::cookie(&front, &headers);
    let is_new = known.is_none();
    let cookie = match known {
        Some(cookie) => cookie,
        None => match front.app.ports().entropy.draw(BrowserCookie::from_random) {
            Ok(cookie) => cookie,
            Err(failure) => return failed(&failure.into()),
        },
    };
    let opened = match front.app.open_page(&handle, &cookie).await {
        Ok(opened) => opened,
        Err(failure) => return failed(&failure),
    };
    let ended = opened.created.transaction.status().is_end();
    if opened.foreign && !ended {
        return binding::other_browser();
    }
    let page = page(&opened);
    let mut response = render(StatusCode::OK, &page);
    if page.browser.is_some() {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(dc_api::POLICY));
    }
    if is_new
        && !opened.foreign
        && !ended
        && let Some(value) = binding::set_cookie(&front, &cookie)
    {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

/// The page of a failure, in words that blame nobody.
fn failed(failure: &Failure) -> Response {
    let status = problem::status(failure.code());
    match failure.code() {
        Code::UnknownTransaction => {
            notice(status, "Diese Seite gibt es nicht", "Bitte beginnen Sie noch einmal auf der Seite des Dienstes.")
        }
        _ => notice(
            status,
            "Das geht gerade nicht",
            "Das liegt nicht an Ihnen. Bitte versuchen Sie es in einigen Minuten noch einmal.",
        ),
    }
}

/// A page that only says something.
fn notice(status: StatusCode, title: &str, lead: &str) -> Response {
    render(status, &PresentationPage { title, lead, ..PresentationPage::default() })
}

/// Sends a browser on, with GET.
fn redirect(address: &str) -> Response {
    match HeaderValue::from_str(address) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => Problem::from(Code::InternalError).into_response(),
    }
}

fn page(opened: &Opened) -> PresentationPage<'_> {
    let transaction = &opened.created.transaction;
    let (title, lead) = words(transaction);
    let open = matches!(transaction.status(), Status::Open | Status::Fetched) && !transaction.is_answered();
    let (same_device, return_url) = match transaction.flow() {
        Flow::SameDevice { return_url } => (true, Some(return_url.as_str())),
        // The page of a request for the browser is the caller's; this one does not exist (`App::page`).
        Flow::CrossDevice | Flow::DcApi(_) => (false, None),
    };
    let cross_device_open = open && !same_device && transaction.status() == Status::Open;
    PresentationPage {
        title,
        lead,
        purpose: transaction.request().purpose.de.as_deref().filter(|_| open),
        // One scan: once a wallet has the request, nobody is invited any more (OVP-REQ-17).
        wallet_link: opened
            .created
            .authorization_request_uri
            .as_deref()
            .filter(|_| open && (same_device || cross_device_open)),
        qr: cross_device_open.then(|| format!("/p/{}/qr.svg", transaction.page().as_str())),
        confirm: transaction.waits_for_confirmation().then(|| format!("/p/{}/confirm", transaction.page().as_str())),
        browser: opened.by_browser.then(|| format!("/p/{}/dc-api", transaction.page().as_str())).filter(|_| open),
        waiting: !transaction.status().is_end() && !transaction.waits_for_confirmation(),
        return_url: return_url.filter(|_| transaction.status().is_end() && !opened.foreign),
    }
}

/// The states of the page, in words that blame nobody.
fn words(transaction: &Transaction) -> (&'static str, &'static str) {
    if transaction.waits_for_confirmation() {
        return (
            "Waren Sie das?",
            "Eine Brieftasche auf einem anderen Gerät hat Angaben freigegeben. Bestätigen Sie nur, wenn Sie das eben selbst getan \
             haben. Vorher werden keine Angaben weitergegeben.",
        );
    }
    if transaction.is_answered() {
        return (
            "Fast fertig",
            "Ihre Brieftasche hat ein neues Fenster geöffnet. Bitte machen Sie dort weiter. Dieses Fenster brauchen Sie nicht mehr.",
        );
    }
    match transaction.status() {
        Status::Open => (
            "Nachweis freigeben",
            "Öffnen Sie Ihre digitale Brieftasche (EUDI-Wallet). Dort sehen Sie, welche Angaben gebraucht werden, und entscheiden selbst.",
        ),
        Status::Fetched => (
            "Warten auf Ihre Freigabe",
            "Ihre digitale Brieftasche zeigt Ihnen jetzt, welche Angaben gebraucht werden. Bitte entscheiden Sie dort.",
        ),
        Status::Verified => ("Fertig", "Ihr Nachweis wurde geprüft. Sie können in Ihrem Antrag weitermachen."),
        Status::Rejected => (
            "Nicht geklappt",
            "Es wurden keine Angaben übernommen. Der Nachweis konnte nicht angenommen werden. Bitte kehren Sie zum Antrag zurück.",
        ),
        Status::Declined => (
            "Keine Freigabe",
            "Es wurden keine Daten übermittelt. Sie können es noch einmal versuchen oder einen anderen Weg wählen.",
        ),
        Status::Expired => (
            "Zeit abgelaufen",
            "Die Anfrage ist abgelaufen. Es wurden keine Daten übermittelt. Bitte beginnen Sie in Ihrem Antrag noch einmal.",
        ),
        Status::Cancelled => ("Abgebrochen", "Die Anfrage wurde abgebrochen. Es wurden keine Daten übermittelt."),
    }
}

fn render(status: StatusCode, page: &PresentationPage<'_>) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page cannot be rendered");
            Problem::from(Code::InternalError).into_response()
        }
    }
}

/// `GET /p/{handle}/qr.svg`: the QR code of the page.
///
/// # Errors
/// [`Code::UnknownTransaction`], [`Code::SessionMismatch`] for another browser, [`Code::RequestExpired`] once it was scanned.
pub async fn qr(State(front): State<Front>, Name(handle): Name, headers: HeaderMap) -> Result<Response, Problem> {
    // Only for the browser that has the page already: a picture binds nobody.
    let cookie = binding::cookie(&front, &headers);
    let created = front.app.bound_page(&handle, cookie.as_ref()).await?;
    let shown = *created.transaction.flow() == Flow::CrossDevice && created.transaction.status() == Status::Open;
    let link = created.authorization_request_uri.filter(|_| shown);
    let picture = qr::svg(&link.ok_or(Code::RequestExpired)?)?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], picture).into_response())
}

/// `GET /assets/page.css`: how the page looks.
pub async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("page.css")).into_response()
}

/// `GET /docs/error-codes.md`: the codes, where the `type` of problem documents points.
pub async fn error_codes() -> Response {
    ([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], problem::error_codes_markdown()).into_response()
}
