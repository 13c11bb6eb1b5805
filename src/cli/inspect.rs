//! `pruefstein inspect`: what something contains, and who would trust it. Nothing is verified unless a signer is given for a
//! trust list, and the output says so.

use super::{Exit, Failure, Terminal, read_input, visible};
use crate::adapters::clock::SystemClock;
use crate::app::ports::Clock as _;
use crate::app::time_text::{self, rfc3339};
use crate::config::files::{Files, NoCertificates, certificates_in};
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
use std::path::{Path, PathBuf};
use url::Url;

mod list;
mod other;
mod registration;
mod trusted;

/// What to look at.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A registration certificate, a credential or presentation (SD-JWT), a JWT of any kind, a JWE, certificates or revocation lists in PEM or DER, a
    /// trust list in JSON or XML, a status token (JWT or CWT), a trust snapshot, type metadata, or a link that opens a
    /// wallet; standard input if absent or -.
    file: Option<PathBuf>,
    /// Certificates of which one must have signed the trust list that is looked at.
    #[arg(long, value_name = "FILE")]
    signer: Option<PathBuf>,
    /// Say which trust source of this configuration would trust it, and why the others would not.
    #[arg(long, value_name = "FILE", conflicts_with = "trust")]
    config: Option<PathBuf>,
    /// The same by a trust.toml, a folder that has one, or a file made by `trust snapshot`.
    #[arg(long, value_name = "PATH")]
    trust: Option<PathBuf>,
    /// The time to judge by, as 2027-03-01T12:00:00Z or in seconds since 1970; now if absent.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with exit code 2 for what is none of the known kinds, 1 for a trust list that the given signer has not signed.
pub fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let now = match arguments.at.as_deref().map(time_text::parse) {
        None => SystemClock.now(),
        Some(Some(time)) => time,
        Some(None) => return Err(Failure::wrong_use("--at cannot be read", "Write 2027-03-01T12:00:00Z.")),
    };
    let signers = arguments.signer.as_deref().map(signers).transpose()?;
    let trust = match (&arguments.config, &arguments.trust) {
        (Some(file), _) => Some(trusted::of_configuration(file, now)?),
        (None, Some(path)) => Some(trusted::of_path(path, now)?),
        (None, None) => None,
    };
    let bytes = read_input(arguments.file.as_deref())?;
    let shown = match (list::notation(&bytes), signers) {
        (Some(notation), signers) => list::page(&bytes, notation, signers.as_deref(), now)?,
        (None, Some(_)) => {
            return Err(Failure::wrong_use("this is no signed trust list", "--signer belongs to trust lists."));
        }
        (None, None) => {
            let seen = inspect(&bytes, now).ok_or_else(|| {
                Failure::wrong_use(
                    "this is none of the known kinds",
                    "Known are registration certificates, SD-JWT, JWT, JWE, certificates and revocation lists in PEM or DER, trust lists, status \
                     tokens, trust snapshots, type metadata, and links that open a wallet.",
                )
            })?;
            let who = trust.as_ref().map(|trust| trusted::text(&seen, trust, now)).unwrap_or_default();
            format!("{}\n{who}", seen.page.trim_end())
        }
    };
    terminal.say(visible(&shown).trim_end());
    Ok(Exit::Done)
}

fn signers(file: &Path) -> Result<Vec<Certificate>, Failure> {
    Files::certificates(file).map_err(|complaint| Failure::wrong_use(complaint.problem, complaint.remedy))
}

/// Whether this is a signed trust list, in either notation.
pub(super) fn is_trust_list(bytes: &[u8]) -> bool {
    list::notation(bytes).is_some()
}

/// What was looked at: what it says, and the certificates of whoever made it.
struct Seen {
    page: String,
    /// DER, leaf first; empty if it brings none.
    certificates: Vec<Vec<u8>>,
    owner: Owner,
}

/// For what somebody would have to be trusted.
enum Owner {
    /// For credentials of this type.
    Issuer(String),
    /// For the status list at this address.
    StatusList(Option<String>),
    /// For whatever the certificates are for.
    Holder,
}

impl Seen {
    /// Something that nobody has to be trusted for.
    fn only(page: String) -> Self {
        Self { page, certificates: Vec::new(), owner: Owner::Holder }
    }
}

/// What the bytes contain, if they are of a known kind.
fn inspect(bytes: &[u8], now: UnixSeconds) -> Option<Seen> {
    if let Some(lists) = other::revocation_lists(bytes, now) {
        return Some(lists);
    }
    if let Some(certificate) = registration::certificate(bytes, now) {
        return Some(certificate);
    }
    match certificates_in(bytes) {
        Ok(certificates) => {
            let ders = certificates.iter().map(|certificate| certificate.der.to_vec()).collect();
            return Some(Seen { page: certificates_page(&certificates), certificates: ders, owner: Owner::Holder });
        }
        Err(NoCertificates::PrivateKey) => {
            let words = "A PRIVATE KEY. It is not shown. Keep it where only its owner can read it.";
            return Some(Seen::only(words.to_owned()));
        }
        Err(NoCertificates::Broken(detail)) => {
            return Some(Seen::only(page("certificate", &format!("cannot be read: {detail}\n"))));
        }
        Err(NoCertificates::None) => {}
    }
    if let Some(token) = other::cwt(bytes) {
        return Some(token);
    }
    let text = std::str::from_utf8(bytes).ok()?.trim();
    if text.starts_with('{') {
        if list::is_unsigned(bytes) {
            let words = "it is plain JSON without a signature, which anybody could have written\n";
            return Some(Seen::only(page("payload of a trust list", words)));
        }
        return other::trust_snapshot(bytes, now).or_else(|| other::type_metadata(bytes));
    }
    if text.contains('~') {
        return Some(sd_jwt_page(text));
    }
    if let Some(link) = link_page(text) {
        return Some(Seen::only(link));
    }
    let is_compact =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match text.split('.').count() {
        3 if is_compact => Some(jwt_page(text)),
        5 if is_compact => Some(Seen::only(jwe_page(text))),
        _ => None,
    }
}

fn page(kind: &str, content: &str) -> String {
    page_as(kind, "NOT VERIFIED: this is what it says of itself; no check was made.", content)
}

fn page_as(kind: &str, standing: &str, content: &str) -> String {
    format!("{kind}\n{standing}\n\n{content}")
}

/// A certificate in one line.
fn subject_row(certificate: &Certificate, now: UnixSeconds) -> String {
    let remark = if now > certificate.not_after {
        " (EXPIRED)"
    } else if now < certificate.not_before {
        " (NOT VALID YET)"
    } else {
        ""
    };
    let fingerprint = base64::encode_url(&certificate.fingerprint());
    let (subject, until) = (&certificate.subject_text, rfc3339(certificate.not_after));
    format!("{subject}, until {until}{remark}, sha256 {fingerprint}")
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
        ("country", certificate.country.clone().unwrap_or_else(|| "none".to_owned())),
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
    if let Some(usage) = certificate.key_usage {
        let words = [(usage.signs_data, "signs data"), (usage.signs_certificates, "signs certificates")];
        let words: Vec<&str> = words.into_iter().filter(|(may, _)| *may).map(|(_, word)| word).collect();
        rows.push(("key usage", if words.is_empty() { "other".to_owned() } else { words.join(", ") }));
    }
    if !certificate.extended_key_usage.is_empty() {
        rows.push(("extended use", certificate.extended_key_usage.join(", ")));
    }
    if let Some(key) = &certificate.authority_key_identifier {
        rows.push(("issuer key", base64::encode_url(key)));
    }
    if !certificate.qc_types.is_empty() {
        rows.push(("QC types", certificate.qc_types.join(", ")));
    }
    rows.push(("sha256", base64::encode_url(&certificate.fingerprint())));
    if !certificate.is_ca {
        rows.push(("client_id", format!("x509_hash:{}", base64::encode_url(&certificate.fingerprint()))));
    }
    rows.iter().fold(String::new(), |mut text, (name, value)| {
        writeln!(text, "{indent}{name:<13}{value}").ok();
        text
    })
}

fn sd_jwt_page(text: &str) -> Seen {
    let parsed = match SdJwt::parse(text) {
        Ok(parsed) => parsed,
        Err(reason) => return Seen::only(page("SD-JWT", &format!("cannot be read: {reason}\n"))),
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
    seen(page(kind, &content), &parsed.issuer_jwt)
}

/// A token with the certificates of its header, and what they would have to be trusted for.
fn seen(page: String, jws: &CompactJws<'_>) -> Seen {
    let certificates = jws.header().and_then(|header| header.x5c()).unwrap_or_default();
    let claims = jws.claims().unwrap_or_default();
    let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let owner = match (text("vct"), claims.contains_key("status_list")) {
        (Some(vct), _) => Owner::Issuer(vct),
        (None, true) => Owner::StatusList(text("sub")),
        (None, false) => Owner::Holder,
    };
    Seen { page, certificates, owner }
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

fn jwt_page(text: &str) -> Seen {
    let jws = match CompactJws::parse(text) {
        Ok(jws) => jws,
        Err(reason) => return Seen::only(page("JWT", &format!("cannot be read: {reason}\n"))),
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
    seen(page(kind, &content), &jws)
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
