//! Trust lists: what they say, and whether a signer that was given has signed it.
//!
//! A list is never read without looking at its signature. Without a given signer it is verified against the certificates
//! that it brings along, which proves only that it was not changed since.

use super::{page_as, subject_row};
use crate::app::time_text::rfc3339;
use crate::cli::{Failure, visible};
use crate::domain::encoding::{base64, json};
use crate::domain::jose::jws::CompactJws;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust_list::{self, ListRules, Notation, Service, ServiceStatus, TrustList};
use crate::domain::x509::Certificate;
use serde_json::Value;
use std::fmt::Write as _;

/// Years of tolerance: dates are told here, not judged.
const ANY_TIME: i64 = 100 * 366 * 86_400;
/// Tolerance for clocks where a signature is judged, in seconds.
const SKEW: i64 = 300;

/// The notation of a document that looks like a list.
pub(super) fn notation(document: &[u8]) -> Option<Notation> {
    let text = std::str::from_utf8(document).ok()?.trim_start_matches('\u{feff}').trim();
    if text.starts_with('<') {
        return Some(Notation::TrustedList);
    }
    let claims = CompactJws::parse(text).ok()?.payload().ok().and_then(|payload| object(&payload))?;
    let is_list = |value: &Value| value.get("ListAndSchemeInformation").is_some();
    (is_list(&claims) || claims.get("LoTE").is_some_and(is_list)).then_some(Notation::Lote)
}

/// Lists have more members than tokens may have, so they are not read by the rules for tokens.
fn object(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice::<Value>(bytes).ok().filter(Value::is_object)
}

/// Whether this is the payload of a list in JSON, without a signature.
pub(super) fn is_unsigned(document: &[u8]) -> bool {
    let value = json::parse_object(document).ok();
    value.is_some_and(|members| members.contains_key("LoTE") || members.contains_key("ListAndSchemeInformation"))
}

/// The page about a list.
///
/// # Errors
/// [`Failure`] with exit code 1 if signers were given and the list is not good by them.
pub(super) fn page(
    document: &[u8],
    notation: Notation,
    signers: Option<&[Certificate]>,
    now: UnixSeconds,
) -> Result<String, Failure> {
    let kind = match notation {
        Notation::Lote => "trust list (JSON, ETSI TS 119 602)",
        Notation::TrustedList => "trust list (XML, ETSI TS 119 612)",
    };
    let issued_at = issued_at(document, notation).unwrap_or(now);
    if let Some(signers) = signers {
        let at = |time| trust_list::read(notation, document, rules(signers, SKEW, time));
        let list = match at(now) {
            // One whose time has passed is still told, as it was when it was issued.
            Err(reason) if reason.code == Code::TrustUnavailable => at(issued_at).map_err(refused)?,
            other => other.map_err(refused)?,
        };
        let over = now >= list.next_update;
        let standing = if over {
            "VERIFIED against the given signer, but its time has passed: it gives no trust any more."
        } else {
            "VERIFIED against the given signer. Type and names of the signer were not compared."
        };
        return Ok(page_as(kind, standing, &text(&list, now)));
    }
    let brought = brought(document, notation);
    let read = trust_list::read(notation, document, rules(&brought, ANY_TIME, issued_at));
    let content = match read {
        Ok(list) => text(&list, now),
        Err(reason) => format!("cannot be read: {reason}\n"),
    };
    let standing =
        "NOT VERIFIED: it is signed by a certificate that it brings along, which proves nothing. Give --signer.";
    Ok(page_as(kind, standing, &content))
}

fn refused(reason: Reason) -> Failure {
    Failure::from(reason)
}

fn rules(signers: &[Certificate], skew: i64, now: UnixSeconds) -> ListRules<'_> {
    ListRules { signers, list_type: None, signer_names: false, accept_closed: true, newest_sequence: None, skew, now }
}

/// The certificates that stand beside the signature.
fn brought(document: &[u8], notation: Notation) -> Vec<Certificate> {
    let text = std::str::from_utf8(document).unwrap_or_default();
    let ders: Vec<Vec<u8>> = match notation {
        Notation::Lote => {
            let header = CompactJws::parse(text.trim()).and_then(|jws| jws.header_understanding(&["sigT"]));
            header.and_then(|header| header.x5c()).unwrap_or_default()
        }
        Notation::TrustedList => {
            // The signature is the last element of a list; what stands in its KeyInfo is read by the verifier itself.
            let key_info = text.rsplit_once("KeyInfo>").map_or("", |(before, _)| before);
            let key_info = key_info.rsplit_once("KeyInfo>").map_or(key_info, |(_, inside)| inside);
            let texts = key_info.split("X509Certificate>").skip(1).step_by(2);
            let strip = |text: &str| text.split('<').next().unwrap_or_default().split_whitespace().collect::<String>();
            texts.filter_map(|text| base64::decode_standard(&strip(text)).ok()).collect()
        }
    };
    ders.iter().filter_map(|der| Certificate::read(der).ok()).collect()
}

/// When the list says that it was issued.
fn issued_at(document: &[u8], notation: Notation) -> Option<UnixSeconds> {
    let text = std::str::from_utf8(document).ok()?;
    match notation {
        Notation::Lote => {
            let payload = object(&CompactJws::parse(text.trim()).ok()?.payload().ok()?)?;
            let list = payload.get("LoTE").unwrap_or(&payload);
            let time = list.get("ListAndSchemeInformation")?.get("ListIssueDateTime")?;
            UnixSeconds::from_utc_text(time.as_str()?)
        }
        Notation::TrustedList => {
            let (_, rest) = text.split_once("ListIssueDateTime>")?;
            UnixSeconds::from_utc_text(rest.split('<').next()?.trim())
        }
    }
}

fn text(list: &TrustList, now: UnixSeconds) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: String| {
        writeln!(text, "{name:<13}{value}").ok();
    };
    row("type", list.list_type.clone());
    row("number", list.sequence.to_string());
    row("operator", list.operator.join(" / "));
    row("territory", list.territory.clone().unwrap_or_else(|| "none".to_owned()));
    row("issued", rfc3339(list.issued_at));
    let remark = if now >= list.next_update { " (PASSED)" } else { "" };
    row("next update", format!("{}{remark}", rfc3339(list.next_update)));
    row("signed by", format!("sha256 {}", base64::encode_url(&list.signer)));
    row("sha256", base64::encode_url(&list.digest));
    row("services", format!("{}, and {} entries left out", list.services.len(), list.skipped.len()));
    let mut entity = None;
    for service in &list.services {
        if entity != Some((&service.entity, &service.country)) {
            let country = service.country.as_deref().map(|country| format!(" ({country})")).unwrap_or_default();
            writeln!(text, "\n{}{country}", visible(&service.entity)).ok();
            entity = Some((&service.entity, &service.country));
        }
        text.push_str(&service_text(service, now));
    }
    for pointer in &list.pointers {
        let about = [&pointer.territory, &pointer.list_type, &pointer.media_type];
        let about: Vec<&str> = about.into_iter().filter_map(Option::as_deref).collect();
        let signers = pointer.signers.len();
        writeln!(text, "\nleads to {}\n  {}, {signers} signers", pointer.location, about.join(", ")).ok();
    }
    if !list.skipped.is_empty() {
        text.push_str("\nleft out\n");
    }
    for skipped in &list.skipped {
        let service = skipped.service.map(|place| format!(", service {}", place.saturating_add(1))).unwrap_or_default();
        writeln!(text, "  entity {}{service}: {}", skipped.entity.saturating_add(1), skipped.reason.detail).ok();
    }
    text
}

fn service_text(service: &Service, now: UnixSeconds) -> String {
    let mut text = String::new();
    let name = if service.name.is_empty() { "service" } else { service.name.as_str() };
    writeln!(text, "  {}\n    {:<11}{}", visible(name), "type", service.service_type).ok();
    if let ServiceStatus::Stated { uri, since } = &service.status {
        writeln!(text, "    {:<11}{uri} since {}", "status", rfc3339(*since)).ok();
    }
    for certificate in &service.certificates {
        writeln!(text, "    {:<11}{}", "certificate", subject_row(certificate, now)).ok();
    }
    text
}
