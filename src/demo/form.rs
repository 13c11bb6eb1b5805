//! A sample municipal form: how an online service uses the caller API, and a place to try the simulated wallet.

use crate::adapters::clock::SystemClock;
use crate::app::ports::Clock as _;
use crate::simulator::authority::TestAuthority;
use crate::simulator::faults::Fault;
use crate::simulator::people::Person;
use crate::simulator::transport::{HttpRequest, HttpTransport, Method, Transport as _};
use crate::simulator::wallet::{Options, Wallet};
use askama::Template;
use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// The address to which the wallet sends the person back.
pub fn return_url(base: &str) -> String {
    format!("{base}/weiter")
}

/// The form with what it needs to know.
#[derive(Clone)]
pub struct Form {
    base: String,
    verifier: String,
    wallet: Wallet,
}

/// Why a page cannot be shown.
struct Trouble(String);

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let page = TroublePage { text: &self.0 };
        (StatusCode::BAD_GATEWAY, page.render().map_or_else(|_| Html(String::new()), Html)).into_response()
    }
}

#[derive(Template)]
#[template(path = "trouble.html", config = "src/demo/askama.toml")]
struct TroublePage<'a> {
    text: &'a str,
}

#[derive(Template)]
#[template(path = "start.html", config = "src/demo/askama.toml")]
struct StartPage;

#[derive(Template)]
#[template(path = "wallet.html", config = "src/demo/askama.toml")]
struct WalletPage<'a> {
    page_url: &'a str,
    /// What it answers; on another device somebody has to bring it.
    link: Option<&'a str>,
    people: Vec<&'static str>,
    faults: Vec<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "other_device.html", config = "src/demo/askama.toml")]
struct OtherDevicePage<'a> {
    page_url: &'a str,
}

#[derive(Template)]
#[template(path = "answered.html", config = "src/demo/askama.toml")]
struct AnsweredPage {
    accepted: bool,
}

#[derive(Template)]
#[template(path = "answer.html", config = "src/demo/askama.toml")]
struct AnswerPage<'a> {
    status: &'a str,
    sentence: &'a str,
    waiting: bool,
    fields: Vec<(&'static str, String)>,
    code: Option<&'a str>,
    hint: Option<&'a str>,
    checks: Vec<CheckRow<'a>>,
}

struct CheckRow<'a> {
    name: &'a str,
    outcome: &'a str,
    note: &'a str,
}

impl Form {
    /// The form at `base`, which calls the verifier at `verifier`.
    pub fn new(base: &str, verifier: &str, authority: Arc<TestAuthority>, status_base: &str) -> Self {
        let wallet = Wallet::new(authority, status_base);
        Self { base: base.to_owned(), verifier: verifier.to_owned(), wallet }
    }

    /// Its pages.
    pub fn router(self) -> Router {
        Router::new()
            .route("/", get(start_page))
            .route("/beginnen", post(begin))
            .route("/brieftasche", get(wallet_elsewhere).post(answer))
            .route("/weiter", get(come_back))
            .with_state(self)
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<(u16, Value), Trouble> {
        let failed = |error: crate::simulator::transport::TransportError| Trouble(error.to_string());
        let transport = HttpTransport::new().map_err(failed)?;
        let (headers, body) = match body {
            Some(body) => (vec![("content-type", "application/json".to_owned())], body.to_string().into_bytes()),
            None => (Vec::new(), Vec::new()),
        };
        let request = HttpRequest { method, url: format!("{}{path}", self.verifier), headers, body };
        let response = transport.send(request).await.map_err(failed)?;
        let body = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        Ok((response.status, body))
    }
}

async fn start_page() -> Result<Html<String>, Trouble> {
    page(&StartPage)
}

fn page(template: &impl Template) -> Result<Html<String>, Trouble> {
    template.render().map(Html).map_err(|error| Trouble(error.to_string()))
}

/// What the online service does when the person chooses the wallet: one call, and the id stays in its own session.
async fn begin(State(form): State<Form>, body: String) -> Result<Response, Trouble> {
    let elsewhere =
        form_urlencoded::parse(body.as_bytes()).any(|(name, value)| name == "weg" && value == "anderes-geraet");
    let mut wish = json!({"preset": "bewohnerparken", "flow": "cross_device", "reference": "MUSTER-1"});
    if let (false, Some(members)) = (elsewhere, wish.as_object_mut()) {
        members.insert("flow".to_owned(), json!("same_device"));
        members.insert("return_url".to_owned(), json!(return_url(&form.base)));
    }
    let (status, created) = form.call(Method::Post, "/v1/presentations", Some(&wish)).await?;
    let text = |name: &str| created.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    if status != 201 {
        return Err(Trouble(format!("the verifier answered {status}: {created}")));
    }
    let (page_url, link) = (text("page_url"), text("authorization_request_uri"));
    let body =
        if elsewhere { page(&OtherDevicePage { page_url: &page_url })? } else { wallet_page(&page_url, Some(&link))? };
    let cookie = format!("antrag={}; Path=/; HttpOnly; SameSite=Lax", text("id"));
    Ok(([(header::SET_COOKIE, cookie)], body).into_response())
}

/// The simulated wallet on another device: whoever scanned the code pastes its text.
async fn wallet_elsewhere() -> Result<Html<String>, Trouble> {
    wallet_page("", None)
}

fn wallet_page(page_url: &str, link: Option<&str>) -> Result<Html<String>, Trouble> {
    // Faults of the outer form say nothing to a person who clicks; the list shows those of credentials.
    let faults = Fault::ALL.iter().filter(|fault| fault.expected().code.is_some());
    page(&WalletPage {
        page_url,
        link,
        people: Person::ALL.into_iter().map(Person::name).collect(),
        faults: faults.map(|fault| (fault.name(), fault.meaning())).collect(),
    })
}

/// The choice of the simulated wallet's page.
#[derive(Deserialize)]
struct Choice {
    link: String,
    person: String,
    fault: String,
    elsewhere: bool,
}

/// The simulated wallet answers, as an app on the same device would; on another device nobody is sent anywhere.
async fn answer(State(form): State<Form>, body: String) -> Result<Response, Trouble> {
    let mut choice = Choice { link: String::new(), person: String::new(), fault: String::new(), elsewhere: false };
    for (name, value) in form_urlencoded::parse(body.as_bytes()) {
        match name.as_ref() {
            "link" => choice.link = value.into_owned(),
            "person" => choice.person = value.into_owned(),
            "fault" => choice.fault = value.into_owned(),
            "elsewhere" => choice.elsewhere = true,
            _ => {}
        }
    }
    let transport = HttpTransport::new().map_err(|error| Trouble(error.to_string()))?;
    let options = Options {
        person: Person::from_name(&choice.person).unwrap_or(Person::Ordinary),
        fault: Fault::from_name(&choice.fault),
        ..Options::at(SystemClock.now())
    };
    let report =
        form.wallet.answer(&choice.link, &transport, options).await.map_err(|error| Trouble(error.to_string()))?;
    if choice.elsewhere && report.redirect_uri.is_none() {
        return Ok(page(&AnsweredPage { accepted: report.last_status() == Some(200) })?.into_response());
    }
    // A wallet that was refused leaves the person where they were; the form then shows how it stands.
    let next = report.redirect_uri.unwrap_or_else(|| return_url(&form.base));
    Ok(Redirect::to(&next).into_response())
}

#[derive(Deserialize)]
struct ComeBack {
    response_code: Option<String>,
}

/// The person comes back: the service reads the result with the code and its own id.
async fn come_back(
    State(form): State<Form>,
    Query(query): Query<ComeBack>,
    headers: HeaderMap,
) -> Result<Html<String>, Trouble> {
    let id = headers
        .get(header::COOKIE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').find_map(|part| part.trim().strip_prefix("antrag=")))
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')))
        .ok_or_else(|| Trouble("Der Antrag wurde in einem anderen Browser begonnen.".to_owned()))?;
    let code = query.response_code.unwrap_or_default();
    let safe: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
    let path = if code.is_empty() {
        format!("/v1/presentations/{id}")
    } else {
        format!("/v1/presentations/{id}?response_code={safe}")
    };
    let (_, read) = form.call(Method::Get, &path, None).await?;
    page(&answer_page(&read))
}

fn answer_page(read: &Value) -> AnswerPage<'_> {
    let text = |pointer: &str| read.pointer(pointer).and_then(Value::as_str);
    let status = text("/status").or_else(|| text("/code")).unwrap_or("unbekannt");
    let sentence = match status {
        "verified" => "Ihre Angaben wurden aus Ihrem Nachweis übernommen und geprüft.",
        "rejected" => "Der Nachweis konnte nicht angenommen werden. Es wurden keine Angaben übernommen.",
        "declined" => "Sie haben die Freigabe abgelehnt. Es wurden keine Daten übermittelt.",
        "open" | "fetched" => "Es liegt noch keine Antwort vor, die angenommen wurde.",
        _ => "Es liegt kein Ergebnis vor.",
    };
    let (error, report) = if read.get("last_refused").is_some() {
        ("/last_refused/error", "/last_refused/report/checks")
    } else {
        ("/error", "/report/checks")
    };
    AnswerPage {
        status,
        sentence,
        waiting: matches!(status, "open" | "fetched"),
        fields: fields(read),
        code: text(&format!("{error}/code")),
        hint: text(&format!("{error}/hint")),
        checks: read.pointer(report).and_then(Value::as_array).into_iter().flatten().map(check_row).collect(),
    }
}

fn check_row(check: &Value) -> CheckRow<'_> {
    let text = |name: &str| check.get(name).and_then(Value::as_str);
    CheckRow {
        name: text("check").unwrap_or_default(),
        outcome: text("outcome").unwrap_or_default(),
        note: text("detail").or_else(|| text("note")).unwrap_or_default(),
    }
}

/// The fields of the form, as far as the credential fills them. Empty fields are asked, never guessed.
fn fields(read: &Value) -> Vec<(&'static str, String)> {
    let credentials = read.pointer("/result/credentials").and_then(Value::as_object);
    let Some(claims) = credentials.and_then(|all| all.values().next()).and_then(|list| list.pointer("/0/claims"))
    else {
        return Vec::new();
    };
    let known = [
        ("Familienname", "/family_name"),
        ("Vornamen", "/given_name"),
        ("Geburtsdatum", "/birthdate"),
        ("Straße und Hausnummer laut Ausweis", "/address/street_address"),
        ("Postleitzahl laut Ausweis", "/address/postal_code"),
        ("Ort laut Ausweis", "/address/locality"),
    ];
    known
        .into_iter()
        .map(|(label, pointer)| {
            let value = claims.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
            (label, value.unwrap_or("nicht übermittelt, bitte eintragen").to_owned())
        })
        .collect()
}
