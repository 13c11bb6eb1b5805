//! What a trust source demands of its issuers' certificates beyond a valid path, and what is recorded of them.
//!
//! A profile belongs to a source, and which source an issuer reaches is known only after its path: so these rules are
//! applied to a chain that has been validated.

use super::certificate::{ANY_EXTENDED_KEY_USAGE, Certificate};
use crate::domain::reason::{Code, Reason};

/// The type of certificates of PID providers: `id-etsi-qct-pid` (ETSI TS 119 412-6, annex A).
pub const QC_TYPE_PID: &str = "0.4.0.194126.1.1";
/// The type of certificates of wallet providers: `id-etsi-qct-wal` (ETSI TS 119 412-6, annex A).
pub const QC_TYPE_WALLET: &str = "0.4.0.194126.1.2";

/// What a source demands of the leaf.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateProfile {
    /// An extended key usage that the leaf must have, in dotted form; a leaf for any purpose does not have it.
    pub extended_key_usage: Option<String>,
    /// A type that the leaf's QcType statement must name, in dotted form, such as [`QC_TYPE_PID`].
    pub qc_type: Option<String>,
}

impl CertificateProfile {
    /// Checks the leaf.
    ///
    /// # Errors
    /// [`Code::X5cProfileViolation`] for what is missing.
    ///
    /// # Source
    /// RFC 5280 section 4.2.1.12 (case X5C-013); ETSI TS 119 412-6 PID-4.5-01, ETSI EN 319 412-5 section 4.2.3 (X5C-13).
    pub fn check(&self, leaf: &Certificate) -> Result<(), Reason> {
        let violation = |detail: &'static str| Err(Reason::new(Code::X5cProfileViolation, detail));
        if let Some(wanted) = &self.extended_key_usage {
            if !leaf.extended_key_usage.contains(wanted) {
                return violation("the leaf lacks the extended key usage of its source");
            }
            if leaf.extended_key_usage.iter().any(|usage| usage == ANY_EXTENDED_KEY_USAGE) {
                return violation("the leaf is for any purpose, its source names one");
            }
        }
        match &self.qc_type {
            Some(wanted) if !leaf.qc_types.contains(wanted) => {
                violation("the leaf's QcType statement does not name the type of its source")
            }
            _ => Ok(()),
        }
    }
}

/// Which names of a certificate stand for an `iss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssuerNames {
    /// A URI of the subject alternative name that is equal to `iss`, character by character.
    Uri,
    /// That, or for an `https` address a DNS name that is its host.
    UriOrDns,
}

/// What is recorded of a comparison between credential and certificate. It refuses only where a profile says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Both say the same.
    Matched,
    /// They say different things.
    Unmatched,
    /// One of them says nothing.
    NotStated,
}

/// Compares `iss` with the subject alternative name of the leaf. Wildcards stand for nothing: an issuer has one name.
///
/// # Source
/// SD-JWT VC section 2.5 (the certified key decides; `iss` is a claim beside it).
pub fn match_issuer(issuer: Option<&str>, leaf: &Certificate, names: IssuerNames) -> Match {
    let Some(issuer) = issuer else { return Match::NotStated };
    if leaf.uris.is_empty() && (names == IssuerNames::Uri || leaf.dns_names.is_empty()) {
        return Match::NotStated;
    }
    let by_host =
        || host_of(issuer).is_some_and(|host| leaf.dns_names.iter().any(|name| name.eq_ignore_ascii_case(host)));
    if leaf.uris.iter().any(|uri| uri == issuer) || (names == IssuerNames::UriOrDns && by_host()) {
        Match::Matched
    } else {
        Match::Unmatched
    }
}

/// The host of an `https` address without user and port.
fn host_of(address: &str) -> Option<&str> {
    let rest = address.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    (!host.is_empty() && !host.contains(['@', ':', '*', '\\'])).then_some(host)
}

/// Compares the country of the leaf's subject with `issuing_country` of the credential (X5C-20).
///
/// # Source
/// ISO/IEC 18013-5 annex B demands it of an mdoc; for an SD-JWT VC it is our own addition.
pub fn match_country(issuing_country: Option<&str>, leaf: &Certificate) -> Match {
    match (issuing_country, leaf.country.as_deref()) {
        (Some(stated), Some(certified)) if stated.eq_ignore_ascii_case(certified) => Match::Matched,
        (Some(_), Some(_)) => Match::Unmatched,
        _ => Match::NotStated,
    }
}
