//! Key and certificates of the relying party, as wallets will see them. Each fault gets one finding, the one that says
//! what to do.

use super::finding::{Finding, FindingCode, Severity};
use super::horizon::{Horizon, horizon};
use crate::domain::jose::jwk::PublicKey;
use crate::domain::limits;
use crate::domain::reason::Code;
use crate::domain::request::client_id::{ClientId, ClientIdPrefix};
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::{self, Anchor, AnchorInChain, ChainRules};

/// What is looked at. Whatever could not be read is absent.
#[derive(Debug, Clone, Copy)]
pub struct Access<'a> {
    /// The public half of the key.
    pub key: Option<&'a PublicKey>,
    /// The certificates as they stand in the file.
    pub chain: &'a [Certificate],
    /// How wallets are told who asks.
    pub prefix: Option<ClientIdPrefix>,
    /// The host of the public address, and whether it is a DNS name.
    pub host: Option<(&'a str, bool)>,
    /// The anchors of authorities for access certificates.
    pub authorities: &'a [&'a Anchor],
    /// The time.
    pub now: UnixSeconds,
}

/// The setting that the findings are about.
const CHAIN: &str = "tenant.access_chain";

/// Judges key and certificates.
///
/// # Source
/// OpenID4VP 1.0 section 5.9.3, HAIP 1.0 section 5; OVP-CID-01 to OVP-CID-05, OVP-REQ-06, REQ-017.
pub fn examine(access: &Access<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    if access.chain.is_empty() {
        return findings;
    }
    if access.chain.len() > limits::CERTIFICATES {
        let detail = format!("{} certificates, at most {} are taken", access.chain.len(), limits::CERTIFICATES);
        findings.push(error(FindingCode::AccessChainTooLong, detail));
    }
    let leaf = leaf(access);
    findings.extend(key(access));
    findings.extend(form(access, leaf));
    findings.extend(
        access.chain.iter().enumerate().filter_map(|(place, certificate)| period(place, certificate, access.now)),
    );
    let stops =
        |finding: &Finding| finding.severity == Severity::Error && finding.code != FindingCode::CertificateEndsSoon;
    if !findings.iter().any(stops) {
        findings.push(path(access));
    }
    if let Some(leaf) = leaf.and_then(|place| access.chain.get(place)) {
        findings.extend(client_id(access, leaf));
    }
    findings
}

fn error(code: FindingCode, detail: impl Into<String>) -> Finding {
    Finding::new(code, Severity::Error, CHAIN, detail)
}

fn named(place: usize, certificate: &Certificate) -> String {
    format!("certificate {} ({})", place.saturating_add(1), certificate.subject_text.escape_debug())
}

fn is_for(certificate: &Certificate, key: &PublicKey) -> bool {
    certificate.public_key().is_ok_and(|certified| certified.same_key(key))
}

/// Where the access certificate stands: the one for the key, else the first that is no CA, else the first.
fn leaf(access: &Access<'_>) -> Option<usize> {
    let certificates = access.chain;
    let by_key = access.key.and_then(|key| certificates.iter().position(|certificate| is_for(certificate, key)));
    by_key
        .or_else(|| certificates.iter().position(|certificate| !certificate.is_ca))
        .or_else(|| (!certificates.is_empty()).then_some(0))
}

fn key(access: &Access<'_>) -> Option<Finding> {
    let key = access.key?;
    if access.chain.iter().any(|certificate| is_for(certificate, key)) {
        let detail = "key and certificate belong together";
        return Some(Finding::new(FindingCode::AccessKeyFits, Severity::Ok, "tenant.access_key", detail));
    }
    let subject = access.chain.first().map(|first| first.subject_text.escape_debug().to_string());
    let detail = format!("the certificate of {} is for another key", subject.unwrap_or_default());
    Some(Finding::new(FindingCode::AccessKeyMismatch, Severity::Error, "tenant.access_key", detail))
}

/// What the certificates are and how they stand: anchor among them, weak ones, order, strangers, gaps.
fn form(access: &Access<'_>, leaf: Option<usize>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_anchor =
        |certificate: &Certificate| access.authorities.iter().any(|anchor| anchor.certificate.der == certificate.der);
    let mut rest: Vec<(usize, &Certificate)> = Vec::new();
    for (place, certificate) in access.chain.iter().enumerate() {
        let is_leaf = Some(place) == leaf;
        if certificate.check_strength().is_err() || (is_leaf && certificate.public_key().is_err()) {
            findings.push(error(FindingCode::AccessCertificateWeak, named(place, certificate)));
        }
        if is_leaf && certificate.is_self_issued() {
            findings.push(error(FindingCode::AccessCertificateSelfSigned, named(place, certificate)));
        } else if certificate.is_self_issued() || is_anchor(certificate) {
            findings.push(error(FindingCode::AccessAnchorInChain, named(place, certificate)));
        } else {
            rest.push((place, certificate));
        }
    }
    findings.extend(order(&rest, leaf));
    findings
}

/// The order of the certificates without their anchor. What can be put in order is out of order; what cannot, has a
/// stranger in it or a gap.
fn order(certificates: &[(usize, &Certificate)], leaf: Option<usize>) -> Option<Finding> {
    let (place, first) = certificates.iter().find(|(place, _)| Some(*place) == leaf)?;
    let mut sorted = vec![*place];
    let mut top = *first;
    while let Some((place, next)) = certificates
        .iter()
        .find(|(place, candidate)| !sorted.contains(place) && candidate.is_ca && candidate.subject == top.issuer)
    {
        sorted.push(*place);
        top = next;
    }
    if let Some((place, stranger)) = certificates.iter().find(|(place, _)| !sorted.contains(place)) {
        // One that issued nothing in the file and is no leaf either: the link between it and the rest is missing, or it
        // is a stranger. Both look the same if names are all there is; a CA is more likely to stand above a gap.
        let twice = |other: &(usize, &Certificate)| other.0 != *place && other.1.der == stranger.der;
        let (code, why) = if certificates.iter().any(twice) {
            (FindingCode::AccessChainUnrelated, "stands there twice")
        } else if stranger.is_ca {
            (FindingCode::AccessChainIncomplete, "issued none of the others, so that a certificate between is missing")
        } else {
            (FindingCode::AccessChainUnrelated, "belongs to somebody else")
        };
        return Some(error(code, format!("{} {why}", named(*place, stranger))));
    }
    let standing: Vec<usize> = certificates.iter().map(|(place, _)| *place).collect();
    if sorted != standing {
        let order: Vec<String> = sorted.iter().map(|place| place.saturating_add(1).to_string()).collect();
        return Some(error(FindingCode::AccessChainOrder, format!("the right order would be {}", order.join(", "))));
    }
    None
}

fn period(place: usize, certificate: &Certificate, now: UnixSeconds) -> Option<Finding> {
    let name = named(place, certificate);
    match horizon(certificate.not_before, certificate.not_after, now) {
        Horizon::Far => None,
        Horizon::NotYet => Some(error(FindingCode::CertificateNotYetValid, name)),
        Horizon::Over => Some(error(FindingCode::CertificateExpired, name)),
        Horizon::Near { days, severity } => {
            Some(Finding::new(FindingCode::CertificateEndsSoon, severity, CHAIN, format!("{name} ends in {days} days")))
        }
    }
}

/// Whether chain and signatures are good, and lead to a known authority. Only for what is in order so far.
fn path(access: &Access<'_>) -> Finding {
    let ders: Vec<Vec<u8>> = access.chain.iter().map(|certificate| certificate.der.to_vec()).collect();
    let rules = ChainRules { anchor_in_chain: AnchorInChain::Ignore, extended_key_usage: None };
    let judged = |anchors: &[&Anchor]| chain::validate(&ders, anchors, rules, access.now);
    let top = access.chain.last().map(|top| top.issuer.clone());
    if !access.authorities.is_empty() {
        return match judged(access.authorities) {
            Ok(validated) => {
                let anchor = validated.anchors.first().and_then(|place| access.authorities.get(*place));
                let name = anchor.map(|anchor| anchor.certificate.subject_text.escape_debug().to_string());
                let detail = format!("leads to {}", name.unwrap_or_default());
                Finding::new(FindingCode::AccessChainSound, Severity::Ok, CHAIN, detail)
            }
            Err(reason) if reason.code == Code::X5cUntrusted => {
                let same_name =
                    access.authorities.iter().any(|anchor| Some(&anchor.certificate.subject) == top.as_ref());
                if same_name {
                    let detail = "the authority of this name has another key: an older or newer one, or a test system";
                    return error(FindingCode::AccessChainBroken, detail);
                }
                let detail = "the last certificate was issued by none of the known authorities";
                error(FindingCode::AccessChainIncomplete, detail)
            }
            Err(reason) => error(code_of(reason.code), reason.detail.into_owned()),
        };
    }
    // Without known authorities the topmost certificate stands in for its anchor, so that at least the links are seen.
    let stand_in =
        access.chain.last().filter(|_| access.chain.len() > 1).cloned().and_then(|top| Anchor::prepare(top).ok());
    if let Some(Err(reason)) = stand_in.as_ref().map(|anchor| judged(&[anchor])) {
        return error(code_of(reason.code), reason.detail.into_owned());
    }
    let detail = "no source of authorities for access certificates has certificates here";
    Finding::new(FindingCode::AccessChainUnchecked, Severity::Note, CHAIN, detail)
}

fn code_of(code: Code) -> FindingCode {
    match code {
        Code::X5cProfileViolation => FindingCode::AccessCertificateWeak,
        Code::X5cExpired => FindingCode::CertificateExpired,
        _ => FindingCode::AccessChainBroken,
    }
}

fn client_id(access: &Access<'_>, leaf: &Certificate) -> Option<Finding> {
    let (prefix, (host, is_dns_name)) = (access.prefix?, access.host?);
    let named = match prefix {
        ClientIdPrefix::X509Hash => Ok(ClientId::x509_hash(leaf)),
        ClientIdPrefix::X509SanDns => ClientId::x509_san_dns(leaf, host),
        // Not made from the certificate.
        ClientIdPrefix::RedirectUri | ClientIdPrefix::PreRegistered => return None,
    };
    Some(match named {
        Ok(client_id) if prefix == ClientIdPrefix::X509Hash || is_dns_name => {
            Finding::new(FindingCode::ClientIdComputed, Severity::Ok, "client_id", client_id.text(""))
        }
        _ => {
            let names = if leaf.dns_names.is_empty() { "no DNS name".to_owned() } else { leaf.dns_names.join(", ") };
            let detail = format!("the certificate has {}, the host of public_url is {host}", names.escape_debug());
            Finding::new(FindingCode::ClientIdSanMismatch, Severity::Error, CHAIN, detail)
        }
    })
}
