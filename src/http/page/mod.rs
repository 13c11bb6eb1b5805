//! The page that a person sees. Plain German, calm, usable without script and without a picture.
//!
//! Rules kept here: PRV-10, PRV-17.

pub mod qr;

use super::Front;
use super::extract::Name;
use super::problem::{self, Problem};
use crate::app::create_request::Created;
use crate::domain::reason::Code;
use crate::domain::transaction::{Flow, Status};
use askama::Template;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// The page of one presentation.
#[derive(Template)]
#[template(path = "presentation.html", config = "src/http/page/askama.toml")]
struct PresentationPage<'a> {
    title: &'a str,
    lead: &'a str,
    purpose: Option<&'a str>,
    /// The link that opens the wallet on this device.
    wallet_link: Option<&'a str>,
    /// The address of the picture for another device.
    qr: Option<String>,
    /// Whether the page looks again by itself.
    waiting: bool,
    /// Where the person goes on.
    return_url: Option<&'a str>,
}

/// `GET /p/{handle}`: the page for the person.
///
/// # Errors
/// A page, too: nobody who comes by a browser is shown a problem document.
pub async fn show(State(front): State<Front>, Name(handle): Name) -> Response {
    match front.app.page(&handle).await {
        Ok(created) => render(StatusCode::OK, &page(&created)),
        Err(failure) => {
            let status = problem::status(failure.code());
            let (title, lead) = match failure.code() {
                Code::UnknownTransaction => {
                    ("Diese Seite gibt es nicht", "Bitte beginnen Sie noch einmal auf der Seite des Dienstes.")
                }
                _ => (
                    "Das geht gerade nicht",
                    "Das liegt nicht an Ihnen. Bitte versuchen Sie es in einigen Minuten noch einmal.",
                ),
            };
            render(
                status,
                &PresentationPage {
                    title,
                    lead,
                    purpose: None,
                    wallet_link: None,
                    qr: None,
                    waiting: false,
                    return_url: None,
                },
            )
        }
    }
}

fn page(created: &Created) -> PresentationPage<'_> {
    let transaction = &created.transaction;
    let (title, lead) = words(transaction.status());
    let open = matches!(transaction.status(), Status::Open | Status::Fetched);
    let (same_device, return_url) = match transaction.flow() {
        Flow::SameDevice { return_url } => (true, Some(return_url.as_str())),
        Flow::CrossDevice => (false, None),
    };
    PresentationPage {
        title,
        lead,
        purpose: transaction.request().purpose.de.as_deref().filter(|_| open),
        wallet_link: created.authorization_request_uri.as_deref().filter(|_| open),
        qr: (open && !same_device).then(|| format!("/p/{}/qr.svg", transaction.page().as_str())),
        waiting: open,
        return_url: return_url.filter(|_| !open),
    }
}

/// The five states of the page, in words that blame nobody.
const fn words(status: Status) -> (&'static str, &'static str) {
    match status {
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
/// [`Code::UnknownTransaction`], [`Code::RequestExpired`].
pub async fn qr(State(front): State<Front>, Name(handle): Name) -> Result<Response, Problem> {
    let created = front.app.page(&handle).await?;
    let link = created.authorization_request_uri.filter(|_| !created.transaction.status().is_end());
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
