//! The wallet behind a browser: what it demands of a page's call of the Digital Credentials API, what it hands back, and
//! how it can misbehave there.

use super::faults::{End, Expectation, accepted, completed, declined, fault_table, open};
use super::registration::{self, Against};
use super::request::{
    Refusal, RequestObject, Rule, Signed, check_metadata, check_times, demand, is_access_key, is_random_text,
    what_is_asked,
};
use crate::domain::reason::Code;
use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What the platform tells the wallet of a call.
#[derive(Debug, Clone, Copy)]
pub struct PageCall<'c> {
    /// The origin of the page, from the browser itself.
    pub origin: &'c str,
    /// The only anchor for access certificates.
    pub anchor: &'c [u8],
    /// The only anchor for registrars; `None` for a wallet that does not look at `verifier_info`.
    pub registrar: Option<&'c [u8]>,
    /// What time it is.
    pub now: UnixSeconds,
}

/// What the page gets: two members of a `DigitalCredential`. No `Debug`: it holds claims, encrypted or not.
#[derive(Clone, PartialEq, Eq)]
pub struct BrowserAnswer {
    /// The protocol that the wallet chose.
    pub protocol: String,
    /// The answer in it.
    pub data: Value,
}

impl BrowserAnswer {
    /// As the page's backend hands it in.
    pub fn to_json(&self) -> Value {
        json!({"protocol": self.protocol, "data": self.data})
    }
}

/// Reads a call strictly and chooses the first request in it. All of them must be right.
///
/// # Errors
/// [`Refusal`] with the first rule that is broken.
///
/// # Source
/// OpenID4VP 1.0 Appendix A, HAIP 1.0 section 5.2, W3C Digital Credentials API; DCA.
pub fn read(call: &Value, page: &PageCall<'_>) -> Result<(String, RequestObject), Refusal> {
    let shape = |found: &str| Refusal::new(Rule::BrowserCall, found);
    let requests = only_member(call, "digital").and_then(|digital| only_member(digital, "requests"));
    let requests = requests.and_then(Value::as_array).ok_or_else(|| shape("not digital.requests alone"))?;
    let mut names = BTreeSet::new();
    let mut first = None;
    for request in requests {
        let members = request.as_object().filter(|members| members.len() == 2);
        let part = |name: &str| members.and_then(|members| members.get(name));
        let (Some(Value::String(protocol)), Some(data)) = (part("protocol"), part("data")) else {
            return Err(shape("a request is not protocol and data"));
        };
        demand(names.insert(protocol), Rule::BrowserProtocol, "one occurs twice")?;
        let read = read_one(protocol, data, page)?;
        first.get_or_insert_with(|| (protocol.clone(), read));
    }
    first.ok_or_else(|| shape("no request"))
}

/// The value of the member of this name, if there is no other.
fn only_member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    value.as_object().filter(|members| members.len() == 1)?.get(name)
}

/// What `verifier_info` says of the client, held against its certificate and the query.
fn check_registration(
    info: Option<&Value>,
    leaf: &[u8],
    read: &RequestObject,
    page: &PageCall<'_>,
) -> Result<(), Refusal> {
    let Some(anchor) = page.registrar else {
        return registration::check_form(info, &read.query).map(drop);
    };
    registration::check(info, Against { leaf, anchor, query: &read.query, now: page.now })
}

fn read_one(protocol: &str, data: &Value, page: &PageCall<'_>) -> Result<RequestObject, Refusal> {
    let shape = |found: &str| Refusal::new(Rule::BrowserData, found);
    match protocol {
        "openid4vp-v1-signed" => {
            let token =
                only_member(data, "request").and_then(Value::as_str).ok_or_else(|| shape("not a text alone"))?;
            let signed = Signed::read(token, page.anchor, page.now)?;
            let stated = signed.claims.get("client_id").and_then(Value::as_str);
            demand(stated.is_some() && !signed.header.contains_key("client_id"), Rule::ClientIdPlace, "elsewhere")?;
            demand(stated == Some(signed.client_id.as_str()), Rule::ClientIdHash, "of another certificate")?;
            check_authenticated(&signed.claims, page)?;
            let read = check_parameters(&signed.claims, &signed.client_id, Some(&signed.leaf), page.origin)?;
            check_registration(signed.claims.get("verifier_info"), &signed.leaf, &read, page)?;
            Ok(read)
        }
        "openid4vp-v1-multisigned" => {
            let form = only_member(data, "request").and_then(Value::as_object).filter(|members| members.len() == 2);
            let part = |name: &str| form.and_then(|members| members.get(name));
            let (Some(Value::String(payload)), Some(Value::Array(signatures))) = (part("payload"), part("signatures"))
            else {
                return Err(shape("not payload and signatures"));
            };
            let mut chosen = None;
            for signature in signatures {
                let word = |name: &str| signature.get(name).and_then(Value::as_str).unwrap_or_default();
                let token = format!("{}.{payload}.{}", word("protected"), word("signature"));
                let signed = Signed::read(&token, page.anchor, page.now)?;
                let stated = signed.header.get("client_id").and_then(Value::as_str);
                let elsewhere = ["client_id", "verifier_info"].iter().any(|name| signed.claims.contains_key(*name));
                demand(stated.is_some() && !elsewhere, Rule::ClientIdPlace, "elsewhere")?;
                demand(stated == Some(signed.client_id.as_str()), Rule::ClientIdHash, "of another certificate")?;
                check_authenticated(&signed.claims, page)?;
                let read = check_parameters(&signed.claims, &signed.client_id, Some(&signed.leaf), page.origin)?;
                check_registration(signed.header.get("verifier_info"), &signed.leaf, &read, page)?;
                chosen.get_or_insert(read);
            }
            chosen.ok_or_else(|| shape("no signature"))
        }
        "openid4vp-v1-unsigned" => {
            let parameters = data.as_object().ok_or_else(|| shape("no object"))?;
            demand(!parameters.contains_key("client_id"), Rule::ClientIdPlace, "in an unsigned request")?;
            demand(!parameters.contains_key("verifier_info"), Rule::VerifierInfo, "in an unsigned request")?;
            demand(!parameters.contains_key("expected_origins"), Rule::ExpectedOrigins, "in an unsigned request")?;
            check_parameters(parameters, "", None, page.origin)
        }
        other => Err(Refusal::new(Rule::BrowserProtocol, other)),
    }
}

/// What only a signed request says.
fn check_authenticated(claims: &Map<String, Value>, page: &PageCall<'_>) -> Result<(), Refusal> {
    let origins = claims.get("expected_origins").and_then(Value::as_array);
    let named = origins.is_some_and(|origins| origins.iter().any(|origin| origin == page.origin));
    let texts = origins.is_some_and(|origins| origins.iter().all(Value::is_string));
    demand(named && texts, Rule::ExpectedOrigins, "the calling origin is not among them")?;
    demand(claims.get("aud") == Some(&json!("https://self-issued.me/v2")), Rule::Audience, "another or none")?;
    check_times(claims, page.now)
}

/// What every request says.
fn check_parameters(
    claims: &Map<String, Value>,
    client_id: &str,
    leaf: Option<&[u8]>,
    origin: &str,
) -> Result<RequestObject, Refusal> {
    const FORBIDDEN: [&str; 9] = [
        "response_uri",
        "redirect_uri",
        "state",
        "scope",
        "request",
        "request_uri",
        "request_uri_method",
        "wallet_nonce",
        "sub",
    ];
    let word = |name: &str| claims.get(name).and_then(Value::as_str);
    demand(word("response_type") == Some("vp_token"), Rule::ResponseType, "another or none")?;
    if let Some(name) = FORBIDDEN.into_iter().find(|name| claims.contains_key(*name)) {
        return Err(Refusal::new(Rule::ForbiddenClaim, name));
    }
    let nonce = word("nonce").unwrap_or_default();
    demand(is_random_text(nonce), Rule::Nonce, "too short, or other characters")?;
    let (query, transaction_data) = what_is_asked(claims)?;
    let encrypted = match word("response_mode") {
        Some("dc_api.jwt") => true,
        Some("dc_api") => false,
        _ => return Err(Refusal::new(Rule::ResponseMode, "another or none")),
    };
    let encryption = check_metadata(claims.get("client_metadata"), encrypted, &query)?;
    if let (Some(key), Some(leaf)) = (&encryption, leaf) {
        demand(!is_access_key(leaf, key), Rule::MetadataKeyReuse, "the same key")?;
    }
    Ok(RequestObject {
        client_id: client_id.to_owned(),
        audience: format!("origin:{origin}"),
        response_uri: String::new(),
        encryption,
        nonce: nonce.to_owned(),
        state: None,
        query,
        transaction_data,
    })
}

use Code as C;

fault_table! {
    /// A named way to misbehave behind a browser. What [`super::faults::Fault`] names can be wrong there, too.
    BrowserFault:
    AudClientId = "dc-aud-client-id", open(C::OriginMismatch), "DCA-001", "aud is the client_id, as without a browser.";
    AudBare = "dc-aud-bare", open(C::OriginMismatch), "", "aud is the origin without its prefix.";
    AudWebOrigin = "dc-aud-web-origin", open(C::OriginMismatch), "", "aud has the prefix web-origin, as in earlier drafts.";
    OriginLookAlike = "dc-origin-look-alike", open(C::OriginMismatch), "DCA-002", "The proof is for a page whose host looks alike.";
    OriginPort = "dc-origin-port", open(C::OriginMismatch), "DCA-002", "The proof is for another port of the host.";
    OriginScheme = "dc-origin-scheme", open(C::OriginMismatch), "DCA-002", "The proof is for http instead of https.";
    OriginSlash = "dc-origin-slash", open(C::OriginMismatch), "DCA-002", "The origin in the proof ends with a slash.";
    OriginSubdomain = "dc-origin-subdomain", open(C::OriginMismatch), "DCA-002", "The proof is for a host below the right one.";
    OriginUpperCase = "dc-origin-upper-case", open(C::OriginMismatch), "DCA-002", "The origin in the proof is in upper case.";
    Plain = "dc-plain", open(C::EncryptionRequired), "DCA-005", "The answer is not encrypted, although the request demands it.";
    ProtocolUnoffered = "dc-protocol-unoffered", open(C::DcapiResponseMalformed), "", "The answer names a protocol that was not offered.";
    ProtocolOld = "dc-protocol-old", open(C::DcapiResponseMalformed), "", "The answer names the protocol of earlier drafts.";
    DataArray = "dc-data-array", open(C::DcapiResponseMalformed), "", "data is an array.";
    DataEmpty = "dc-data-empty", open(C::DcapiResponseMalformed), "", "data is an empty object.";
    DataBoth = "dc-data-both", open(C::DcapiResponseMalformed), "", "data has an error beside the answer.";
    ErrorInvalidRequest = "dc-error", declined(), "", "The wallet answers with an error.";
    Twice = "dc-twice", completed(End::Verified), "", "The same good answer is handed in twice.";
    StateExtra = "dc-state-extra", accepted(), "DCA-010", "A state comes along that nobody sent, which is legal.";
    DataText = "dc-data-text", accepted(), "", "data is a text, as some browsers gave it.";
}

impl BrowserFault {
    /// The wrong audience of the proof, if that is what is wrong.
    pub(super) fn audience(self, client_id: &str, origin: &str) -> Option<String> {
        let (scheme, host) = origin.split_once("://").unwrap_or_default();
        let other = if scheme == "https" { "http" } else { "https" };
        let wrong = match self {
            Self::AudClientId => return Some(client_id.to_owned()),
            Self::AudBare => return Some(origin.to_owned()),
            Self::AudWebOrigin => return Some(format!("web-origin:{origin}")),
            Self::OriginLookAlike => format!("{origin}.evil.example"),
            Self::OriginPort => format!("{origin}:8443"),
            Self::OriginScheme => format!("{other}://{host}"),
            Self::OriginSlash => format!("{origin}/"),
            Self::OriginSubdomain => format!("{scheme}://www.{host}"),
            Self::OriginUpperCase => origin.to_ascii_uppercase(),
            _ => return None,
        };
        Some(format!("origin:{wrong}"))
    }
}

/// Spoils what the page gets; the last answer counts.
pub(super) fn spoil(mut answer: BrowserAnswer, fault: Option<BrowserFault>) -> Vec<BrowserAnswer> {
    let mut set = |name: &str, value: Value| {
        if let Some(members) = answer.data.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    match fault {
        Some(BrowserFault::ProtocolUnoffered) => {
            let other = if answer.protocol.ends_with("-unsigned") { "signed" } else { "unsigned" };
            answer.protocol = format!("openid4vp-v1-{other}");
        }
        Some(BrowserFault::ProtocolOld) => "openid4vp".clone_into(&mut answer.protocol),
        Some(BrowserFault::DataArray) => answer.data = json!([answer.data]),
        Some(BrowserFault::DataEmpty) => answer.data = json!({}),
        Some(BrowserFault::DataBoth) => set("error", json!("access_denied")),
        Some(BrowserFault::ErrorInvalidRequest) => answer.data = json!({"error": "invalid_request"}),
        Some(BrowserFault::StateExtra) => set("state", json!("7Qh2rJ8k0m1zV5c2dE9s3A")),
        Some(BrowserFault::DataText) => answer.data = Value::from(answer.data.to_string()),
        Some(BrowserFault::Twice) => return vec![answer.clone(), answer],
        _ => {}
    }
    vec![answer]
}
