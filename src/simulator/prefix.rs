//! Verifiers that are named otherwise than by the hash of their certificate. The wallet answers them only where that is
//! asked for: HAIP knows the hash alone.

use super::request::{Refusal, RequestObject, Rule};
use crate::domain::encoding::json;
use serde_json::{Map, Value};
use url::Url;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Which prefixes of client identifiers the wallet knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prefixes {
    /// `x509_hash`, as HAIP has it.
    #[default]
    HashOnly,
    /// `x509_san_dns`, `redirect_uri` and agreed names, too. Every name counts as agreed; the signature of the request
    /// still has to lead to the test authority.
    Any,
}

/// How a verifier is named (OpenID4VP 1.0 section 5.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named<'n> {
    /// By the hash of its certificate.
    Hash(&'n str),
    /// By a DNS name in its certificate.
    SanDns(&'n str),
    /// By where the answer goes; such requests are not signed.
    ResponseUri(&'n str),
    /// By a name that was agreed before.
    Agreed,
}

impl<'n> Named<'n> {
    /// Tells by the text before the first colon; `None` for prefixes that the wallet does not have.
    pub(super) fn of(client_id: &'n str) -> Option<Self> {
        match client_id.split_once(':') {
            Some(("x509_hash", hash)) => Some(Self::Hash(hash)),
            Some(("x509_san_dns", name)) => Some(Self::SanDns(name)),
            Some(("redirect_uri", uri)) => Some(Self::ResponseUri(uri)),
            Some(("decentralized_identifier" | "openid_federation" | "origin" | "verifier_attestation", _)) => None,
            _ => Some(Self::Agreed),
        }
    }
}

impl Prefixes {
    /// What the wallet says that it knows (`client_id_prefixes_supported`).
    pub(super) const fn supported(self) -> &'static [&'static str] {
        match self {
            Self::HashOnly => &["x509_hash"],
            Self::Any => &["x509_hash", "x509_san_dns", "redirect_uri", "pre-registered"],
        }
    }

    /// Whether a request by reference may come from a verifier of this name.
    pub(super) fn admit(self, client_id: &str) -> bool {
        match Named::of(client_id) {
            Some(Named::Hash(hash)) => hash.len() == 43,
            Some(Named::SanDns(_) | Named::Agreed) => self == Self::Any && !client_id.is_empty(),
            Some(Named::ResponseUri(_)) | None => false,
        }
    }
}

/// Whether the certificate (DER) has this DNS name.
pub(super) fn names_host(certificate: &[u8], host: &str) -> bool {
    let Ok((_, read)) = X509Certificate::from_der(certificate) else { return false };
    let Ok(Some(names)) = read.subject_alternative_name() else { return false };
    let is_host = |name: &GeneralName<'_>| matches!(name, GeneralName::DNSName(found) if *found == host);
    names.value.general_names.iter().any(is_host)
}

/// Whether the address is at this host.
pub(super) fn is_at(address: &str, host: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.host_str() == Some(host))
}

/// The request that is in the link itself, if the verifier is named by `redirect_uri`.
///
/// # Errors
/// [`Refusal`] with the first rule that is broken.
///
/// # Source
/// OpenID4VP 1.0 sections 5.1, 5.6 and 5.9.3; OVP-CID-06, OVP-CID-07.
pub(super) fn in_link(link: &str) -> Option<Result<RequestObject, Refusal>> {
    let url = Url::parse(link).ok()?;
    let client_id = url.query_pairs().find(|(name, _)| name == "client_id")?.1.into_owned();
    let Some(Named::ResponseUri(uri)) = Named::of(&client_id) else { return None };
    Some(claims(&url).and_then(|claims| {
        if claims.get("response_uri").and_then(Value::as_str) != Some(uri) {
            return Err(Refusal::new(Rule::ClientIdResponseUri, "another address"));
        }
        RequestObject::of_claims(&claims, &client_id, None)
    }))
}

/// The parameters of a link as the claims of a request object: objects and arrays are JSON texts there.
fn claims(url: &Url) -> Result<Map<String, Value>, Refusal> {
    if !matches!(url.scheme(), "openid4vp" | "haip-vp" | "eu-eaap" | "https") {
        return Err(Refusal::new(Rule::LinkScheme, url.scheme()));
    }
    let mut claims = Map::new();
    for (name, value) in url.query_pairs() {
        let value = match name.as_ref() {
            "dcql_query" | "client_metadata" | "transaction_data" | "verifier_info" => json::parse(value.as_bytes())
                .map_err(|_| Refusal::new(Rule::LinkParameter, format!("{name} is no JSON")))?,
            _ => Value::from(value.into_owned()),
        };
        if claims.insert(name.to_string(), value).is_some() {
            return Err(Refusal::new(Rule::LinkParameter, "a parameter occurs twice"));
        }
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hash_without_being_asked() {
        // OVP-CID-03, OVP-CID-11.
        let hash = format!("x509_hash:{}", "A".repeat(43));
        let others = ["x509_san_dns:verifier.example", "town-7"];
        assert!(Prefixes::HashOnly.admit(&hash) && Prefixes::Any.admit(&hash));
        for other in others {
            assert!(!Prefixes::HashOnly.admit(other), "{other}");
            assert!(Prefixes::Any.admit(other), "{other}");
        }
        for never in [
            "",
            "x509_hash:A",
            "redirect_uri:https://a.example/x",
            "origin:https://a.example",
            "verifier_attestation:a",
        ] {
            assert!(!Prefixes::HashOnly.admit(never) && !Prefixes::Any.admit(never), "{never}");
        }
    }

    #[test]
    fn hosts_are_compared_whole() {
        assert!(is_at("https://verifier.example:8443/x", "verifier.example"));
        assert!(!is_at("https://verifier.example.org/x", "verifier.example"));
        assert!(!is_at("https://x.verifier.example/x", "verifier.example"));
        assert!(!is_at("nothing", "nothing"));
        assert!(!names_host(b"no certificate", "verifier.example"));
    }
}
