//! A wallet's whole answer: what arrived, decrypted, split, and every presentation in it verified.
//!
//! Rules kept here: ERR-01, ERR-02, ERR-03, ERR-07, ERR-08, ERR-11, ERR-13.

use super::presentation::{Credential, Opened, conclude_in, open_in};
use super::report::{Check, RESPONSE_CHECKS, Report, Verified};
use super::{Binding, Context, Refusal, Standing, StatusLists, StatusNeed};
use crate::domain::dcql::{DcqlQuery, check_sets, check_structure};
use crate::domain::encoding::json;
use crate::domain::jose::constant_time_eq;
use crate::domain::jose::jwe;
use crate::domain::jose::keys::EphemeralKey;
use crate::domain::reason::{Code, Reason};
use crate::domain::transaction_data::{Entry, check_each_once};
use crate::domain::type_metadata::{TypeDocuments, TypeNeed};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The parameters of the form that arrived. Each occurred at most once; unknown ones are gone (OVP-RESP-11).
#[derive(Clone, Default)]
pub struct ResponseForm {
    /// `response`: the JWE.
    pub response: Option<String>,
    /// `vp_token`, plain.
    pub vp_token: Option<String>,
    /// `state`, plain.
    pub state: Option<String>,
    /// `error`, plain.
    pub error: Option<String>,
}

/// What was asked, from the store.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The query that was sent.
    pub query: &'a DcqlQuery,
    /// Nonce, audience and time of the request.
    pub binding: Binding<'a>,
    /// The `state` that was sent. `None` in the Digital Credentials API: there is none, and nonce and origin bind the
    /// answer (NON-06, case DCA-010).
    pub state: Option<&'a str>,
    /// How the answer had to come.
    pub encryption: Encryption<'a>,
}

/// How an answer had to come.
#[derive(Clone, Copy)]
pub enum Encryption<'a> {
    /// `direct_post.jwt` and `dc_api.jwt`: encrypted to this key.
    Required {
        /// The key of this request.
        key: &'a EphemeralKey,
        /// The name under which it was announced.
        kid: &'a str,
    },
    /// `direct_post` and `dc_api`, plain: a deviation from HAIP that the configuration names.
    PlainAsConfigured,
}

/// What an answer amounts to.
pub enum Answer<'a> {
    /// Presentations, verified so far; status and query are left.
    Presented(Box<Pending<'a>>),
    /// The wallet said no, with this error.
    Error(WalletError),
}

/// An error of a wallet. Only known names are kept; the text beside it is not (RSP-016, ERR-14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalletError {
    /// The error, or `other`.
    pub error: &'static str,
    /// Whether it came encrypted; a plain one is from whoever knew `state`.
    pub encrypted: bool,
}

/// The errors of OpenID4VP 1.0 section 8.5, RFC 6749 section 4.1.2.1 and RFC 9101 section 7.
pub const WALLET_ERRORS: [&str; 16] = [
    "access_denied",
    "invalid_client",
    "invalid_request",
    "invalid_request_object",
    "invalid_request_uri",
    "invalid_request_uri_method",
    "invalid_scope",
    "invalid_transaction_data",
    "request_not_supported",
    "request_uri_not_supported",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_response_type",
    "vp_formats_not_supported",
    "wallet_unavailable",
];

/// Those with which a wallet finds fault with the request.
const REQUEST_ERRORS: [&str; 11] = [
    "invalid_client",
    "invalid_request",
    "invalid_request_object",
    "invalid_request_uri",
    "invalid_request_uri_method",
    "invalid_scope",
    "invalid_transaction_data",
    "request_not_supported",
    "request_uri_not_supported",
    "unauthorized_client",
    "unsupported_response_type",
];

impl WalletError {
    /// Whether the wallet finds fault with the request. Then it is ours to mend, and the person refused nothing.
    ///
    /// # Source
    /// OpenID4VP 1.0 section 8.5, RFC 9101 section 7; ERR-04, ERR-05, ERR-06, ERR-09, ERR-10, ERR-12.
    pub fn is_about_the_request(&self) -> bool {
        REQUEST_ERRORS.contains(&self.error)
    }
}

/// An answer whose presentations passed everything that needs nothing from outside.
pub struct Pending<'a> {
    report: Report,
    query: &'a DcqlQuery,
    transaction_data: &'a [Entry],
    opened: Vec<(usize, Opened<'a>)>,
}

/// What an accepted answer presents: the credentials by query id, in the order of the query.
#[derive(Clone)]
pub struct Presented {
    /// Query id and its credentials.
    pub credentials: Vec<(String, Vec<Credential>)>,
}

/// Opens an answer.
///
/// # Errors
/// [`Refusal`] with the first failure in the order of the report. A failing presentation refuses the whole answer, also
/// where its query is optional: stricter than OpenID4VP 1.0 section 8.6, see `docs/divergences.md`.
///
/// # Source
/// OpenID4VP 1.0 sections 8.1 to 8.3, 8.5 and 8.6.
pub fn open<'a>(form: &ResponseForm, asked: Asked<'a>, cx: Context<'a>) -> Result<Answer<'a>, Box<Refusal>> {
    let mut report = Report::begin(cx.now, cx.trust);
    let section = report.section(RESPONSE_CHECKS, None);
    let unestablished = |report: Report| Box::new(Refusal::of(report, Standing::Unestablished));
    let Some(message) = report.step(section, Check::ResponseEncryption, || Message::read(form, asked.encryption))
    else {
        return Err(unestablished(report));
    };
    if matches!(asked.encryption, Encryption::PlainAsConfigured) {
        report.note(section, Check::ResponseEncryption, "plain as configured, a deviation from HAIP");
    }
    let state = report.step(section, Check::ResponseState, || check_state(message.state.as_ref(), asked.state));
    if state.is_none() {
        return Err(unestablished(report));
    }
    if asked.state.is_none() {
        report.note(section, Check::ResponseState, "the Digital Credentials API has no state; nonce and origin bind");
    }
    let vp_token = match message.content {
        Content::Error(error) => return Ok(Answer::Error(WalletError { error, encrypted: message.encrypted })),
        Content::VpToken(vp_token) => vp_token,
    };
    // An answer without any presentation proves nothing of its sender: it ends nothing, and is never accepted, not even
    // where all that was asked for is optional (catalogue rules 1 and 6).
    let present = || match check_structure(asked.query, &vp_token)? {
        entries if entries.is_empty() => Err(Reason::new(Code::QueryNotSatisfied, "there is no presentation")),
        entries => Ok(entries),
    };
    let Some(entries) = report.step(section, Check::VpToken, present) else {
        return Err(unestablished(report));
    };
    let mut opened = Vec::new();
    let mut failed = Vec::new();
    for entry in entries {
        let name: Arc<str> = entry.query.id().into();
        for text in entry.presentations {
            match open_in(text, Some(entry.query), asked.binding, cx, &mut report, Some(&name)) {
                Ok(presentation) => opened.push((entry.position, presentation)),
                Err(standing) => failed.push(standing),
            }
        }
    }
    // The least that was established speaks for the whole answer.
    if let Some(standing) = failed.into_iter().min() {
        return Err(Box::new(Refusal::of(report, standing)));
    }
    let (query, transaction_data) = (asked.query, asked.binding.transaction_data);
    Ok(Answer::Presented(Box::new(Pending { report, query, transaction_data, opened })))
}

impl Pending<'_> {
    /// The status lists that are needed, each once.
    pub fn status_needs(&self) -> Vec<StatusNeed> {
        let mut needs: Vec<StatusNeed> = Vec::new();
        for need in self.opened.iter().filter_map(|(_, opened)| opened.status_need()) {
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
        needs
    }

    /// The type metadata that is needed, each once.
    pub fn type_needs(&self) -> Vec<TypeNeed> {
        let mut needs: Vec<TypeNeed> = Vec::new();
        for need in self.opened.iter().filter_map(|(_, opened)| opened.type_need()) {
            if !needs.contains(need) {
                needs.push(need.clone());
            }
        }
        needs
    }

    /// Takes the type metadata that was brought. Without it, it counts as not to be had.
    pub fn supply_types(&mut self, types: &dyn TypeDocuments) {
        for (_, opened) in &mut self.opened {
            opened.supply_types(types);
        }
    }

    /// Makes the remaining checks and decides.
    ///
    /// # Errors
    /// [`Refusal`] if one failed.
    pub fn conclude(
        self,
        lists: &dyn StatusLists,
        cx: Context<'_>,
    ) -> Result<(Verified<Presented>, Report), Box<Refusal>> {
        let Self { mut report, query, transaction_data, opened } = self;
        let mut credentials: Vec<(usize, Credential)> = Vec::with_capacity(opened.len());
        let mut failed = Vec::new();
        for (position, presentation) in opened {
            match conclude_in(presentation, lists, cx, &mut report) {
                Ok(credential) => credentials.push((position, credential)),
                Err(standing) => failed.push(standing),
            }
        }
        if let Some(standing) = failed.into_iter().min() {
            return Err(Box::new(Refusal::of(report, standing)));
        }
        let section = report.section(&[Check::QuerySets, Check::TransactionDataConfirmed], None);
        let satisfied: Vec<bool> = (0..query.credentials().len())
            .map(|position| credentials.iter().any(|(presented, _)| *presented == position))
            .collect();
        report.step(section, Check::QuerySets, || check_sets(query, &satisfied));
        let confirmed = credentials.iter().flat_map(|(_, credential)| &credential.transaction_data);
        report.step(section, Check::TransactionDataConfirmed, || check_each_once(transaction_data, confirmed));
        if report.has_failed(section) {
            return Err(Box::new(Refusal::of(report, Standing::Established)));
        }
        let mut presented = Presented { credentials: Vec::new() };
        for (position, credential) in credentials {
            let id = query.credentials().get(position).map(|query| query.id().to_owned()).unwrap_or_default();
            match presented.credentials.iter_mut().find(|(known, _)| *known == id) {
                Some((_, list)) => list.push(credential),
                None => presented.credentials.push((id, vec![credential])),
            }
        }
        report.seal(presented).map_err(|unsealed| Box::new(Refusal::unsealed(unsealed)))
    }
}

fn check_state(sent: Option<&Value>, expected: Option<&str>) -> Result<(), Reason> {
    let Some(expected) = expected else { return Ok(()) };
    match sent {
        Some(Value::String(state)) if constant_time_eq(state.as_bytes(), expected.as_bytes()) => Ok(()),
        Some(_) => Err(Reason::new(Code::StateMismatch, "state is not that of this request")),
        None => Err(Reason::new(Code::StateMismatch, "state is missing")),
    }
}

struct Message {
    content: Content,
    state: Option<Value>,
    encrypted: bool,
}

enum Content {
    VpToken(Value),
    Error(&'static str),
}

impl Message {
    fn read(form: &ResponseForm, encryption: Encryption<'_>) -> Result<Self, Reason> {
        let malformed = |detail: &'static str| Err(Reason::new(Code::ResponseMalformed, detail));
        let plain_state = || form.state.clone().map(Value::String);
        match (&form.response, &form.vp_token, &form.error, encryption) {
            (None, None, Some(error), _) => {
                Ok(Self { content: Content::Error(known_error(error)), state: plain_state(), encrypted: false })
            }
            (None, Some(_), _, Encryption::Required { .. }) => {
                Err(Reason::new(Code::EncryptionRequired, "vp_token came plain"))
            }
            (None, Some(text), None, Encryption::PlainAsConfigured) => {
                let vp_token = json::parse(text.as_bytes())?;
                Ok(Self { content: Content::VpToken(vp_token), state: plain_state(), encrypted: false })
            }
            (Some(token), None, None, Encryption::Required { key, kid }) => {
                let plain = jwe::decrypt(token, key, kid)?;
                Self::from_payload(&plain)
            }
            (Some(_), None, None, Encryption::PlainAsConfigured) => {
                malformed("response, but plain answers were asked for")
            }
            (None, None, None, _) => malformed("neither response nor vp_token nor error"),
            _ => malformed("parameters that exclude each other"),
        }
    }

    /// The payload of the JWE: parameters, never statements (OVP-JWE-01, OVP-JWE-10, case JWE-003).
    fn from_payload(payload: &[u8]) -> Result<Self, Reason> {
        let malformed = |detail: &'static str| Reason::new(Code::ResponseMalformed, detail);
        if payload.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Err(malformed("the decrypted payload is no JSON object"));
        }
        let mut members: Map<String, Value> = json::parse_object(payload)?;
        let state = members.shift_remove("state");
        let content = match (members.shift_remove("vp_token"), members.get("error")) {
            (Some(vp_token), None) => Content::VpToken(vp_token),
            (None, Some(Value::String(error))) => Content::Error(known_error(error)),
            _ => return Err(malformed("the decrypted payload is neither vp_token nor error")),
        };
        Ok(Self { content, state, encrypted: true })
    }
}

fn known_error(error: &str) -> &'static str {
    WALLET_ERRORS.into_iter().find(|known| *known == error).unwrap_or("other")
}
