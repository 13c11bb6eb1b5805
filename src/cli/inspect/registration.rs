//! Registration certificates, as people read them.

use super::{Owner, Seen, page, subject_row};
use crate::app::time_text::rfc3339;
use crate::domain::encoding::base64;
use crate::domain::jose::hash::sha256;
use crate::domain::registration::certificate::{Peeked, peek};
use crate::domain::registration::content::{Content, LanguageText, Remark};
use crate::domain::registration::serialised::Serialised;
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;
use std::fmt::Write as _;

/// The page of a registration certificate, in whatever it is wrapped.
pub(super) fn certificate(bytes: &[u8], now: UnixSeconds) -> Option<Seen> {
    let serialised = Serialised::open(bytes).ok().filter(Serialised::is_registration)?;
    let form = match serialised {
        Serialised::Jwt(_) => "registration certificate (JWT)",
        Serialised::Cwt(_) => "registration certificate (CWT)",
    };
    let Peeked { content, remarks, chain: certificates } = match peek(&serialised) {
        Ok(peeked) => peeked,
        Err(reason) => return Some(Seen::only(page(form, &format!("cannot be read: {reason}\n")))),
    };
    let mut text = rows(&content, now);
    writeln!(text, "{:<15}{}", "sha256", base64::encode_url(&sha256(serialised.bytes()))).ok();
    text.push_str(&credentials(&content));
    for Remark { rule, text: remark } in &remarks {
        writeln!(text, "remark         {remark} ({rule})").ok();
    }
    text.push_str("\nsigned by, as it says\n");
    for der in &certificates {
        match Certificate::read(der) {
            Ok(certificate) => writeln!(text, "  {}", subject_row(&certificate, now)),
            Err(reason) => writeln!(text, "  cannot be read: {}", reason.detail),
        }
        .ok();
    }
    Some(Seen { page: page(form, &text), certificates, owner: Owner::Holder })
}

fn rows(content: &Content, now: UnixSeconds) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| {
        writeln!(text, "{name:<15}{value}").ok();
    };
    let mut optional = vec![
        ("name", content.trade_name.clone()),
        ("legal name", content.legal_name.clone()),
        ("country", content.country.clone()),
        ("register", content.registry_uri.clone()),
        ("intended use", content.intended_use.clone()),
        ("privacy policy", content.privacy_policy.clone()),
        ("support", content.support_uri.clone()),
    ];
    if let Some(authority) = &content.supervisory_authority {
        let ways = [&authority.email, &authority.phone, &authority.uri].into_iter().flatten().cloned();
        optional.push(("supervised by", Some(ways.collect::<Vec<_>>().join(", "))));
    }
    if let Some(intermediary) = &content.intermediary {
        let name = intermediary.name.as_deref().unwrap_or("no name");
        optional.push(("intermediary", Some(format!("{} ({name})", intermediary.subject))));
    }
    row("sub", &content.subject);
    for (name, value) in optional {
        if let Some(value) = value {
            row(name, &value);
        }
    }
    for purpose in &content.purpose {
        row("purpose", &in_language(purpose));
    }
    for service in content.services.iter().flatten() {
        row("service", &in_language(service));
    }
    for entitlement in &content.entitlements {
        row("entitlement", entitlement);
    }
    row("public body", content.public_body.map_or("not said", |public| if public { "yes" } else { "no" }));
    let remark = if now >= content.expires { " (EXPIRED)" } else { "" };
    row("valid", &format!("{} to {}{remark}", rfc3339(content.issued_at), rfc3339(content.expires)));
    match &content.status {
        Some(status) => row("status", &format!("entry {} of {}", status.index, status.uri)),
        None => row("status", "none"),
    }
    text
}

fn in_language(text: &LanguageText) -> String {
    format!("{} ({})", text.text, text.language)
}

fn credentials(content: &Content) -> String {
    let mut text = String::from("\nmay ask for\n");
    for entry in &content.credentials {
        writeln!(text, "  {} {}", entry.format.as_str(), entry.types.join(", ")).ok();
        for path in &entry.paths {
            writeln!(text, "    {path}").ok();
        }
    }
    if content.credentials.is_empty() {
        text.push_str("  nothing\n");
    }
    text.push('\n');
    text
}
