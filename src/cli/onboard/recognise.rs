//! What a file is, by its content: keys, certificates, certificate requests, registration certificates, trust lists, in any of
//! the wrappings that registrars use. Names of files say nothing here.

use crate::cli::inspect;
use crate::domain::encoding::{base64, json};
use crate::domain::jose::keys::SigningKey;
use crate::domain::registration::serialised::Serialised;
use crate::domain::x509::Certificate;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::Value;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::FromDer as _;
use zeroize::Zeroizing;

/// Something in a file.
pub(super) enum Thing {
    /// A P-256 private key.
    Key(SigningKey),
    /// A certificate.
    Certificate(Box<Certificate>),
    /// A registration certificate; nothing of it was verified.
    Registration(Serialised),
    /// A certificate request.
    Request,
    /// A signed trust list.
    TrustList,
    /// Something that cannot be used, and what to do about it.
    Unusable(&'static str),
}

impl Thing {
    /// What it is, in one line.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Key(_) => "private key (P-256)".to_owned(),
            Self::Certificate(certificate) => {
                let kind = if certificate.is_ca { "CA certificate" } else { "certificate" };
                format!("{kind} {}", certificate.subject_text)
            }
            Self::Registration(_) => "registration certificate".to_owned(),
            Self::Request => "certificate request; it has done its work".to_owned(),
            Self::TrustList => "trust list; name it under [[trust_list]]: docs/trust.md".to_owned(),
            Self::Unusable(why) => (*why).to_owned(),
        }
    }
}

/// How often one wrapping may be in another: JSON, base64 in it, and what that holds.
const DEPTH: u8 = 3;

/// Everything in these bytes; never empty.
pub(super) fn things(bytes: &[u8]) -> Vec<Thing> {
    let found = within(bytes, DEPTH);
    if found.is_empty() { vec![Thing::Unusable("nothing that is known here")] } else { found }
}

fn within(bytes: &[u8], depth: u8) -> Vec<Thing> {
    let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
    if bytes.first() == Some(&0x30) {
        return of_der(bytes);
    }
    let Ok(text) = std::str::from_utf8(bytes).map(str::trim) else {
        return registration(bytes).into_iter().collect();
    };
    // JSON may hold PEM, so it comes first.
    if text.starts_with(['{', '[', '"']) {
        let mut found = Vec::new();
        if let Ok(document) = json::parse(text.as_bytes()) {
            of_json(&document, depth, &mut found);
        }
        return found;
    }
    if text.contains("-----BEGIN ") {
        return of_pem(text);
    }
    if inspect::is_trust_list(bytes) {
        return vec![Thing::TrustList];
    }
    if let Some(certificate) = registration(bytes) {
        return vec![certificate];
    }
    let compact: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    let inner = base64::decode_standard(&compact).or_else(|_| base64::decode_url(&compact));
    match inner {
        Ok(inner) if !inner.is_empty() => within(&Zeroizing::new(inner), depth),
        _ => Vec::new(),
    }
}

fn registration(bytes: &[u8]) -> Option<Thing> {
    Serialised::open(bytes).ok().filter(Serialised::is_registration).map(Thing::Registration)
}

fn of_json(value: &Value, depth: u8, found: &mut Vec<Thing>) {
    match value {
        // Short texts are words, not documents.
        Value::String(text) if text.len() >= 40 => found.extend(within(text.as_bytes(), depth)),
        Value::Array(items) => items.iter().for_each(|item| of_json(item, depth, found)),
        Value::Object(members) => members.values().for_each(|member| of_json(member, depth, found)),
        _ => {}
    }
}

/// PEM with lines of 64 characters, which readers of keys insist on, and mail and web forms destroy.
fn armoured(label: &str, body: &str) -> Zeroizing<String> {
    let mut pem = Zeroizing::new(format!("-----BEGIN {label}-----\n"));
    for (place, character) in body.chars().filter(|character| !character.is_ascii_whitespace()).enumerate() {
        if place > 0 && place % 64 == 0 {
            pem.push('\n');
        }
        pem.push(character);
    }
    pem.push_str("\n-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

/// The sections of a PEM file, each by its label.
fn of_pem(text: &str) -> Vec<Thing> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let Some((label, body)) = after.split_once("-----") else { break };
        let end = format!("-----END {label}-----");
        let Some((body, tail)) = body.split_once(&end) else {
            found.push(Thing::Unusable("PEM that is cut off; get the file anew"));
            break;
        };
        let section = armoured(label, body);
        found.extend(of_section(label, &section));
        rest = tail;
    }
    found
}

fn of_section(label: &str, section: &str) -> Option<Thing> {
    match label {
        "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
            let der = CertificateDer::pem_slice_iter(section.as_bytes()).next()?.ok();
            let read = der.and_then(|der| Certificate::read(&der).ok());
            Some(read.map_or(Thing::Unusable("a certificate that cannot be read; get it anew"), |certificate| {
                Thing::Certificate(Box::new(certificate))
            }))
        }
        "PRIVATE KEY" | "EC PRIVATE KEY" => {
            let unusable = Thing::Unusable("a private key that is not on P-256; make one: pruefstein onboard key");
            Some(SigningKey::from_pem(section).map_or(unusable, Thing::Key))
        }
        "ENCRYPTED PRIVATE KEY" => {
            Some(Thing::Unusable("an encrypted private key; decrypt it: openssl pkcs8 -in FILE -out access.key"))
        }
        "RSA PRIVATE KEY" => {
            Some(Thing::Unusable("an RSA key; access certificates have P-256: pruefstein onboard key"))
        }
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => Some(Thing::Request),
        "PKCS7" => Some(Thing::Unusable("PKCS#7; unpack it: openssl pkcs7 -print_certs -in FILE -out chain.pem")),
        // Parameters of a curve stand before SEC1 keys; a public key says nothing that the others do not.
        "EC PARAMETERS" | "PUBLIC KEY" => None,
        _ => Some(Thing::Unusable("PEM of a kind that is not needed here")),
    }
}

fn of_der(bytes: &[u8]) -> Vec<Thing> {
    if let Ok(certificate) = Certificate::read(bytes) {
        return vec![Thing::Certificate(Box::new(certificate))];
    }
    for label in ["PRIVATE KEY", "EC PRIVATE KEY"] {
        let pem = armoured(label, &Zeroizing::new(base64::encode_standard(bytes)));
        if let Ok(key) = SigningKey::from_pem(&pem) {
            return vec![Thing::Key(key)];
        }
    }
    if X509CertificationRequest::from_der(bytes).is_ok() {
        return vec![Thing::Request];
    }
    vec![Thing::Unusable("DER of another kind; if it is PKCS#12: openssl pkcs12 -in FILE -nodes -out parts.pem")]
}
