//! The files and the part of a configuration that follow from what was found.

use crate::app::can_verify;
use crate::domain::encoding::base64;
use crate::domain::jose::jwk::KeyFault;
use crate::domain::jose::keys::SigningKey;
use crate::domain::preset;
use crate::domain::registration::certificate::RegistrationCertificate;
use crate::domain::registration::compare;
use crate::domain::registration::serialised::Serialised;
use crate::domain::x509::Certificate;
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// The file with the private key.
pub(super) const KEY: &str = "access.key";

/// What was found and fits together.
pub(super) struct Parts {
    pub(super) key: Option<SigningKey>,
    /// Leaf first, without the root.
    pub(super) chain: Vec<Certificate>,
    pub(super) access_root: Option<Certificate>,
    pub(super) registrar_anchors: Vec<Certificate>,
    pub(super) registrations: Vec<RegistrationCertificate>,
}

type File = (String, Zeroizing<Vec<u8>>);

/// The files, the configuration last.
pub(super) fn files(parts: &Parts) -> Result<Vec<File>, KeyFault> {
    let mut files: Vec<File> = Vec::new();
    let mut add = |name: &str, bytes: &[u8]| files.push((name.to_owned(), Zeroizing::new(bytes.to_vec())));
    if let Some(key) = &parts.key {
        add(KEY, key.to_pem()?.as_bytes());
    }
    let pem =
        |certificates: &[Certificate]| certificates.iter().map(|certificate| pem(&certificate.der)).collect::<String>();
    if !parts.chain.is_empty() {
        add("access.pem", pem(&parts.chain).as_bytes());
    }
    if let Some(root) = &parts.access_root {
        add("access-root.pem", pem(std::slice::from_ref(root)).as_bytes());
    }
    if !parts.registrar_anchors.is_empty() {
        add("registrar-anchors.pem", pem(&parts.registrar_anchors).as_bytes());
    }
    for (name, registration) in names(&parts.registrations).iter().zip(&parts.registrations) {
        add(&file_of(name, registration), registration.serialised().bytes());
    }
    add("onboarded.toml", configuration(parts).as_bytes());
    Ok(files)
}

fn file_of(name: &str, registration: &RegistrationCertificate) -> String {
    match registration.serialised() {
        Serialised::Jwt(_) => format!("registration-{name}.jwt"),
        Serialised::Cwt(_) => format!("registration-{name}.cwt"),
    }
}

/// A name of its own for each registration, from its intended use.
fn names(registrations: &[RegistrationCertificate]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (index, registration) in registrations.iter().enumerate() {
        let stated = registration.content().intended_use.as_deref().unwrap_or_default();
        let plain = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
        let lower = stated.to_lowercase();
        let mut name: String =
            lower.chars().take(48).map(|character| if plain(character) { character } else { '-' }).collect();
        if name.trim_matches('-').is_empty() || names.contains(&name) {
            name = format!("registration-{}", index.saturating_add(1));
        }
        names.push(name);
    }
    names
}

/// The presets that ship and that each registration covers, each preset under the first.
pub(super) fn covered(registrations: &[RegistrationCertificate]) -> Vec<(String, Vec<String>)> {
    let presets = preset::shipped().unwrap_or_default();
    let mut taken: Vec<String> = Vec::new();
    let mut all = Vec::new();
    for (name, registration) in names(registrations).into_iter().zip(registrations) {
        let fits = |preset: &&preset::Preset| {
            preset
                .sendable(can_verify)
                .is_ok_and(|query| compare(&query, &registration.content().credentials).is_complete())
        };
        let free = presets.iter().filter(fits).map(|preset| preset.id.clone()).filter(|id| !taken.contains(id));
        let free: Vec<String> = free.collect();
        taken.extend(free.iter().cloned());
        all.push((name, free));
    }
    all
}

/// Text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn configuration(parts: &Parts) -> String {
    let mut text = String::from(
        "# Proposed by pruefstein onboard import. Put it into pruefstein.toml, beside [service], [store] and your [[trust]]\n\
         # sources for credentials; then run pruefstein config check.\n",
    );
    let content = parts.registrations.first().map(RegistrationCertificate::content);
    let name = content.and_then(|content| content.trade_name.clone().or_else(|| content.legal_name.clone()));
    let name = name.or_else(|| parts.chain.first().map(|leaf| leaf.display_name.clone()));
    text.push_str("\n[tenant]\n");
    let mut line = |name: &str, value: &str| writeln!(text, "{name} = {}", quoted(value)).unwrap_or_default();
    if let Some(name) = &name {
        line("name", name);
    }
    line("access_key", KEY);
    line("access_chain", "access.pem");
    if let Some(privacy) =
        content.and_then(|content| content.privacy_policy.as_ref()).filter(|link| link.starts_with("https://"))
    {
        line("privacy_url", privacy);
    }
    let covered = covered(&parts.registrations);
    let presets: Vec<String> = covered.iter().flat_map(|(_, presets)| presets).map(|id| quoted(id)).collect();
    if !presets.is_empty() {
        writeln!(text, "presets = [{}]", presets.join(", ")).ok();
    }
    if parts.access_root.is_some() {
        text.push_str("\n[[trust]]\nname = \"access-authorities\"\npurpose = \"access_certificate_authority\"\nanchors = [\"access-root.pem\"]\n");
    }
    if !parts.registrar_anchors.is_empty() {
        text.push_str(
            "\n[[trust]]\nname = \"registrars\"\npurpose = \"registrar\"\nanchors = [\"registrar-anchors.pem\"]\n",
        );
    }
    for ((name, presets), registration) in covered.iter().zip(&parts.registrations) {
        write!(text, "\n[[registration]]\nname = {}\nfile = {}\n", quoted(name), quoted(&file_of(name, registration)))
            .ok();
        if !presets.is_empty() {
            let presets: Vec<String> = presets.iter().map(|id| quoted(id)).collect();
            writeln!(text, "presets = [{}]", presets.join(", ")).ok();
        }
        if registration.content().public_body == Some(true) {
            text.push_str("public_body = true\n");
        }
    }
    text
}

fn pem(der: &[u8]) -> String {
    let encoded = base64::encode_standard(der);
    let mut text = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}
