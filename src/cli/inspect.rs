//! `pruefstein inspect`: what something contains. Nothing is verified, and the output says so.

use super::{Exit, Failure, Terminal, read_input, visible};
use crate::app::time_text::rfc3339;
use crate::config::files::{NoCertificates, certificates_in};
use crate::domain::encoding::{base64, json};
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::jose::jws::CompactJws;
use crate::domain::reason::Reason;
use crate::domain::sd_jwt::{SdJwt, disclose};
use crate::domain::status_list::bits::Bits;
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;
use clap::Args;
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::path::PathBuf;
use url::Url;

/// What to look at.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A credential or presentation (SD-JWT), a JWT of any kind, a JWE, a certificate in PEM or DER, or a link that opens
    /// a wallet; standard input if absent or -.
    file: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with exit code 2 for what is none of the known kinds.
pub fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let bytes = read_input(arguments.file.as_deref())?;
    let shown = inspect(&bytes).ok_or_else(|| {
        Failure::wrong_use(
            "this is none of the known kinds",
            "Known are SD-JWT, JWT, JWE, certificates in PEM or DER, and links that open a wallet.",
        )
    })?;
    terminal.say(visible(&shown).trim_end());
    Ok(Exit::Done)
}

/// What the bytes contain, if they are of a known kind.
pub fn inspect(bytes: &[u8]) -> Option<String> {
    match certificates_in(bytes) {
        Ok(certificates) => return Some(certificates_page(&certificates)),
        Err(NoCertificates::PrivateKey) => {
            return Some("A PRIVATE KEY. It is not shown. Keep it where only its owner can read it.".to_owned());
        }
        Err(NoCertificates::Broken(detail)) => {
            return Some(page("certificate", &format!("cannot be read: {detail}\n")));
        }
        Err(NoCertificates::None) => {}
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    if text.contains('~') {
        return Some(sd_jwt_page(text));
    }
    if let Some(link) = link_page(text) {
        return Some(link);
    }
    let is_compact =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match text.split('.').count() {
        3 if is_compact => Some(jwt_page(text)),
        5 if is_compact => Some(jwe_page(text)),
        _ => None,
    }
}

fn page(kind: &str, content: &str) -> String {
    format!("{kind}\nNOT VERIFIED: this is what it says of itself; no check was made.\n\n{content}")
}

fn certificates_page(certificates: &[Certificate]) -> String {
    let mut content = String::new();
    for certificate in certificates {
        content.push_str(&certificate_text(certificate, ""));
        content.push('\n');
    }
    let kind =
        if certificates.len() == 1 { "certificate".to_owned() } else { format!("{} certificates", certificates.len()) };
    page(&kind, &content)
}

fn certificate_text(certificate: &Certificate, indent: &str) -> String {
    let mut rows = vec![
        ("subject", certificate.subject_text.clone()),
        ("serial", certificate.serial.clone()),
        ("valid", format!("{} to {}", rfc3339(certificate.not_before), rfc3339(certificate.not_after))),
        ("authority", if certificate.is_ca { "yes (CA)" } else { "no" }.to_owned()),
        ("self-issued", if certificate.is_self_issued() { "yes" } else { "no" }.to_owned()),
    ];
    let key =
        certificate.public_key().map_or_else(|reason| reason.detail.into_owned(), |key| key.algorithm().to_string());
    rows.push(("key for", key));
    if let Err(reason) = certificate.check_strength() {
        rows.push(("weak", reason.detail.into_owned()));
    }
    if !certificate.dns_names.is_empty() {
        rows.push(("DNS names", certificate.dns_names.join(", ")));
    }
    if !certificate.uris.is_empty() {
        rows.push(("URIs", certificate.uris.join(", ")));
    }
    if !certificate.extended_key_usage.is_empty() {
        rows.push(("extended use", certificate.extended_key_usage.join(", ")));
    }
    if let Some(key) = &certificate.authority_key_identifier {
        rows.push(("issuer key", base64::encode_url(key)));
    }
    if !certificate.is_ca {
        rows.push(("client_id", format!("x509_hash:{}", base64::encode_url(&certificate.fingerprint()))));
    }
    rows.iter().fold(String::new(), |mut text, (name, value)| {
        writeln!(text, "{indent}{name:<13}{value}").ok();
        text
    })
}

fn sd_jwt_page(text: &str) -> String {
    let parsed = match SdJwt::parse(text) {
        Ok(parsed) => parsed,
        Err(reason) => return page("SD-JWT", &format!("cannot be read: {reason}\n")),
    };
    let mut content = String::from("issuer-signed JWT\n");
    content.push_str(&jws_text(&parsed.issuer_jwt));
    let hash = parsed.issuer_jwt.claims().ok().and_then(|claims| disclose::hash_algorithm(&claims).ok());
    writeln!(content, "\n{} disclosures", parsed.disclosures.len()).ok();
    for disclosure in &parsed.disclosures {
        content.push_str(&disclosure_text(disclosure, hash.unwrap_or(HashAlgorithm::Sha256)));
    }
    match &parsed.key_binding_jwt {
        None => content.push_str("\nno key binding JWT\n"),
        Some(proof) => {
            content.push_str("\nkey binding JWT\n");
            content.push_str(&jws_text(proof));
            let digest = hash.unwrap_or(HashAlgorithm::Sha256).digest_url(parsed.bound_text.as_bytes());
            writeln!(content, "  sd_hash would be {digest}").ok();
        }
    }
    let kind = if parsed.key_binding_jwt.is_some() { "presentation (SD-JWT with key binding)" } else { "SD-JWT" };
    page(kind, &content)
}

fn disclosure_text(disclosure: &str, hash: HashAlgorithm) -> String {
    let digest = hash.digest_url(disclosure.as_bytes());
    let decoded = base64::decode_url(disclosure).ok().and_then(|bytes| json::parse(&bytes).ok());
    match decoded.as_ref().and_then(Value::as_array).map(Vec::as_slice) {
        Some([_, Value::String(name), value]) => format!("  {digest}  {name} = {value}\n"),
        Some([_, value]) => format!("  {digest}  element {value}\n"),
        _ => format!("  {digest}  cannot be read\n"),
    }
}

fn jwt_page(text: &str) -> String {
    let jws = match CompactJws::parse(text) {
        Ok(jws) => jws,
        Err(reason) => return page("JWT", &format!("cannot be read: {reason}\n")),
    };
    let typ = header_of(&jws).ok().and_then(|header| header.get("typ").and_then(Value::as_str).map(str::to_owned));
    let kind = match typ.as_deref() {
        Some("oauth-authz-req+jwt") => "request object",
        Some("statuslist+jwt") => "status list token",
        Some("kb+jwt") => "key binding JWT",
        Some("dc+sd-jwt" | "vc+sd-jwt") => "issuer-signed JWT without its tildes",
        _ => "JWT",
    };
    let mut content = jws_text(&jws);
    if let Ok(claims) = jws.claims()
        && let Some(Value::Object(list)) = claims.get("status_list")
    {
        match Bits::from_claim(list) {
            Ok(bits) => writeln!(content, "\nstatus list: {} entries of {} bits", bits.len(), bits.width()).ok(),
            Err(reason) => writeln!(content, "\nstatus list cannot be read: {reason}").ok(),
        };
    }
    page(kind, &content)
}

fn header_of(jws: &CompactJws<'_>) -> Result<Map<String, Value>, String> {
    let bytes = base64::decode_url(jws.header_part()).map_err(|reason| reason.to_string())?;
    json::parse_object(&bytes).map_err(|fault| Reason::from(fault).to_string())
}

/// Header, certificates, payload and times.
fn jws_text(jws: &CompactJws<'_>) -> String {
    let mut text = String::new();
    match header_of(jws) {
        Ok(mut header) => {
            let chain = header.get_mut("x5c").map(|chain| std::mem::replace(chain, Value::from("… (below)")));
            text.push_str(&object_text("header", &header));
            text.push_str(&chain.map(|chain| chain_text(&chain)).unwrap_or_default());
        }
        Err(fault) => writeln!(text, "  header cannot be read: {fault}").unwrap_or_default(),
    }
    match jws.claims() {
        Ok(claims) => {
            text.push_str(&object_text("payload", &shortened(claims.clone())));
            text.push_str(&times_text(&claims));
        }
        Err(reason) => writeln!(text, "  payload cannot be read: {reason}").unwrap_or_default(),
    }
    text
}

/// Long lists of digits tell nobody anything.
fn shortened(mut claims: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(list)) = claims.get_mut("status_list")
        && let Some(bits) = list.get_mut("lst")
    {
        let length = bits.as_str().map_or(0, str::len);
        *bits = Value::from(format!("… ({length} characters)"));
    }
    claims
}

fn object_text(name: &str, object: &Map<String, Value>) -> String {
    let json = serde_json::to_string_pretty(object).unwrap_or_default();
    format!("  {name} {}\n", json.replace('\n', "\n  "))
}

fn times_text(claims: &Map<String, Value>) -> String {
    ["iat", "nbf", "exp"].into_iter().fold(String::new(), |mut text, name| {
        if let Some(seconds) = claims.get(name).and_then(Value::as_i64) {
            writeln!(text, "  {name} is {}", rfc3339(UnixSeconds(seconds))).ok();
        }
        text
    })
}

fn chain_text(chain: &Value) -> String {
    let mut text = String::new();
    for (place, item) in chain.as_array().into_iter().flatten().enumerate() {
        writeln!(text, "  x5c[{place}]").ok();
        let certificate = item.as_str().and_then(|item| base64::decode_standard(item).ok());
        match certificate.map(|der| Certificate::read(&der)) {
            Some(Ok(certificate)) => text.push_str(&certificate_text(&certificate, "    ")),
            Some(Err(reason)) => writeln!(text, "    cannot be read: {reason}").unwrap_or_default(),
            None => text.push_str("    is not base64\n"),
        }
    }
    text
}

fn jwe_page(text: &str) -> String {
    let mut parts = text.split('.');
    let header = parts.next().unwrap_or_default();
    let decoded = base64::decode_url(header).ok().and_then(|bytes| json::parse_object(&bytes).ok());
    let mut content = match decoded {
        Some(header) => object_text("header", &header),
        None => "  header cannot be read\n".to_owned(),
    };
    for (name, part) in ["encrypted key", "initialisation", "ciphertext", "tag"].into_iter().zip(parts) {
        let length = base64::decode_url(part)
            .map_or_else(|_| "not base64url".to_owned(), |bytes| format!("{} bytes", bytes.len()));
        writeln!(content, "  {name:<15}{length}").ok();
    }
    page("JWE (encrypted answer)", &content)
}

fn link_page(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let parameters: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    if !parameters.iter().any(|(name, _)| name == "client_id" || name == "request_uri" || name == "request") {
        return None;
    }
    let mut content = String::new();
    for (name, value) in &parameters {
        writeln!(content, "  {name:<20}{value}").ok();
        if name == "request" {
            content.push_str(&CompactJws::parse(value).map(|jws| jws_text(&jws)).unwrap_or_default());
        }
    }
    Some(page(&format!("link that opens a wallet ({}:)", url.scheme()), &content))
}
