//! Status tokens in CBOR, revocation lists, type metadata, snapshots of trust data.

use super::{Owner, Seen, page};
use crate::app::time_text::rfc3339;
use crate::cli::trust::source_text;
use crate::domain::cose::Sign1;
use crate::domain::encoding::{base64, cbor};
use crate::domain::jose::alg::{AllowedAlgorithms, SignatureAlgorithm};
use crate::domain::status_list::bits::Bits;
use crate::domain::time::UnixSeconds;
use crate::domain::trust::snapshot;
use crate::domain::type_metadata::Document;
use crate::domain::x509::Certificate;
use crate::domain::x509::revocation::RevocationList;
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;
use std::fmt::Write as _;

/// Tag 18, by which a COSE_Sign1 begins.
const SIGN1: u8 = 0xd2;

/// A COSE_Sign1, which here is a status list token.
pub(super) fn cwt(bytes: &[u8]) -> Option<Seen> {
    if bytes.first() != Some(&SIGN1) {
        return None;
    }
    let message = match Sign1::parse(bytes) {
        Ok(message) => message,
        Err(fault) => return Some(Seen::only(page("COSE_Sign1", &format!("cannot be read: {fault}\n")))),
    };
    let kind = match message.typ() {
        Some("application/statuslist+cwt") => "status list token (CWT)",
        _ => "COSE_Sign1",
    };
    let mut content = String::from("  header\n");
    writeln!(content, "    typ        {}", message.typ().unwrap_or("none")).ok();
    let algorithm = message.algorithm(&AllowedAlgorithms::es256_and(&SignatureAlgorithm::ALL));
    let algorithm = algorithm.map_or_else(|fault| fault.to_string(), |algorithm| algorithm.name().to_owned());
    writeln!(content, "    alg        {algorithm}").ok();
    let certificates = match message.x5chain() {
        Ok(certificates) => certificates,
        Err(fault) => {
            writeln!(content, "    x5chain    {fault}").ok();
            Vec::new()
        }
    };
    for (place, der) in certificates.iter().enumerate() {
        writeln!(content, "  x5chain[{place}]").ok();
        match Certificate::read(der) {
            Ok(certificate) => content.push_str(&super::certificate_text(&certificate, "    ")),
            Err(reason) => writeln!(content, "    cannot be read: {reason}").unwrap_or_default(),
        }
    }
    let claims = match cbor::parse(message.payload()) {
        Ok(claims) => claims,
        Err(fault) => {
            writeln!(content, "  claims cannot be read: {}", fault.detail()).ok();
            return Some(Seen::only(page(kind, &content)));
        }
    };
    content.push_str(&claims_text(&claims));
    let subject = claims.at(2).and_then(cbor::Value::as_text).map(str::to_owned);
    Some(Seen { page: page(kind, &content), certificates, owner: Owner::StatusList(subject) })
}

/// The claims of a CWT by their names (RFC 8392 section 4; Token Status List section 14.3).
fn claims_text(claims: &cbor::Value<'_>) -> String {
    let mut text = String::from("  claims\n");
    for (key, value) in claims.entries().unwrap_or_default() {
        let name = match key {
            cbor::Value::Integer(1) => "iss".to_owned(),
            cbor::Value::Integer(2) => "sub".to_owned(),
            cbor::Value::Integer(4) => "exp".to_owned(),
            cbor::Value::Integer(5) => "nbf".to_owned(),
            cbor::Value::Integer(6) => "iat".to_owned(),
            cbor::Value::Integer(65_533) => "status_list".to_owned(),
            cbor::Value::Integer(65_534) => "ttl".to_owned(),
            other => item(other),
        };
        let shown = match (name.as_str(), value) {
            ("exp" | "nbf" | "iat", cbor::Value::Integer(seconds)) => {
                let time = i64::try_from(*seconds).map(|seconds| rfc3339(UnixSeconds(seconds)));
                format!("{seconds}, {}", time.unwrap_or_default())
            }
            ("status_list", list) => match Bits::from_cbor(list) {
                Ok(bits) => format!("{} entries of {} bits", bits.len(), bits.width()),
                Err(reason) => format!("cannot be read: {reason}"),
            },
            _ => item(value),
        };
        writeln!(text, "    {name:<11}{shown}").ok();
    }
    text
}

/// An item in one line.
fn item(value: &cbor::Value<'_>) -> String {
    match value {
        cbor::Value::Integer(number) => number.to_string(),
        cbor::Value::Text(text) => (*text).to_owned(),
        cbor::Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        cbor::Value::Array(items) => format!("an array of {}", items.len()),
        cbor::Value::Map(entries) => format!("a map of {}", entries.len()),
        cbor::Value::Tag(tag, inner) => format!("tag {tag}, {}", item(inner)),
        cbor::Value::Float(number) => number.to_string(),
        cbor::Value::Simple(number) => format!("simple value {number}"),
    }
}

/// Revocation lists in PEM, or one in DER.
pub(super) fn revocation_lists(bytes: &[u8], now: UnixSeconds) -> Option<Seen> {
    let ders: Vec<Vec<u8>> = if bytes.windows(14).any(|part| part == b"BEGIN X509 CRL") {
        let lists = CertificateRevocationListDer::pem_slice_iter(bytes);
        lists.filter_map(Result::ok).map(|list| list.to_vec()).collect()
    } else if bytes.first() == Some(&0x30) {
        // A certificate is none, and the other way round.
        RevocationList::read(bytes).ok()?;
        vec![bytes.to_vec()]
    } else {
        return None;
    };
    let mut content = String::new();
    for der in &ders {
        match RevocationList::read(der) {
            Ok(list) => content.push_str(&revocation_text(&list, now)),
            Err(reason) => writeln!(content, "cannot be read: {reason}").unwrap_or_default(),
        }
        content.push('\n');
    }
    Some(Seen::only(page("list of revoked certificates (CRL)", &content)))
}

fn revocation_text(list: &RevocationList, now: UnixSeconds) -> String {
    let remark = if list.counts_at(now) { "" } else { " (DOES NOT COUNT NOW)" };
    format!(
        "issuer       {}\nissued       {}\nnext update  {}{remark}\nrevoked      {} certificates\nsha256       {}\n",
        list.issuer_text,
        rfc3339(list.this_update),
        rfc3339(list.next_update),
        list.entries,
        base64::encode_url(&list.digest)
    )
}

/// A snapshot of trust data, as `trust snapshot` writes it.
pub(super) fn trust_snapshot(bytes: &[u8], now: UnixSeconds) -> Option<Seen> {
    if !snapshot::is_snapshot(bytes) {
        return None;
    }
    let content = match snapshot::read(bytes) {
        Err(reason) => format!("cannot be read: {}\n", reason.detail),
        Ok(trust) => {
            let digest = base64::encode_url(trust.digest());
            let sources = trust.sources().iter().map(|source| source_text(source, now));
            format!("trust data   {digest}\n{}", sources.collect::<String>())
        }
    };
    Some(Seen::only(page("snapshot of trust data", &content)))
}

/// The metadata of a type, as its publisher writes it.
pub(super) fn type_metadata(bytes: &[u8]) -> Option<Seen> {
    let members = serde_json::from_slice::<Value>(bytes).ok()?;
    members.as_object().filter(|members| members.contains_key("vct"))?;
    let document = match Document::parse(bytes) {
        Ok(document) => document,
        Err(reason) => {
            return Some(Seen::only(page("type metadata", &format!("cannot be read: {}\n", reason.detail))));
        }
    };
    let mut content = String::new();
    let mut row = |name: &str, value: &str| {
        writeln!(content, "{name:<13}{value}").ok();
    };
    row("type", &document.vct);
    for name in document.display.iter().flatten() {
        row("name", &format!("{} ({})", name.text, name.locale));
    }
    if let Some(extends) = &document.extends {
        let fixed = if extends.integrity.is_some() { ", by its hash" } else { "" };
        row("extends", &format!("{}{fixed}", extends.vct));
    }
    row("integrity", &document.digests.sha256());
    row("claims", &document.claims.len().to_string());
    for claim in &document.claims {
        let mut words = Vec::new();
        words.extend(claim.display.iter().flatten().map(|label| format!("{} ({})", label.text, label.locale)));
        if let Some(mandatory) = claim.mandatory {
            words.push(if mandatory { "mandatory" } else { "may be absent" }.to_owned());
        }
        words.extend(claim.sd.map(|sd| format!("selectively disclosable: {}", sd.as_str())));
        writeln!(content, "  {}  {}", claim.path, words.join(", ")).ok();
    }
    Some(Seen::only(page("type metadata", &content)))
}
