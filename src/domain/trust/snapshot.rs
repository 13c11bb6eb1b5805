//! Trust data as one JSON document, so that a verdict can be made again years later from what was trusted then.
//!
//! ```json
//! { "format": "pruefstein-trust-snapshot/1", "made_at": 1795000000, "digest": "<base64url>", "sources": [ … ] }
//! ```
//!
//! The digest is that of [`TrustAnchors::digest`], which reports name: whoever has report and snapshot can tell that they
//! belong together. A snapshot is not signed; it is evidence for whoever made it, and nothing the service reads.

use super::issuer_metadata::ConfirmedKeys;
use super::{
    Agreement, Basis, IssuerKeys, ListEvidence, Purpose, Revocation, StatusOrigin, StatusRule, TrustAnchors,
    TrustSource,
};
use crate::domain::encoding::{base64, json};
use crate::domain::jose::key_set::KeySet;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::Anchor;
use crate::domain::x509::profile::CertificateProfile;
use crate::domain::x509::revocation::{Depth, RevocationList, RevocationLists};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const FORMAT: &str = "pruefstein-trust-snapshot/1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    made_at: i64,
    digest: String,
    sources: Vec<SourceRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceRow {
    name: String,
    purpose: String,
    types: Vec<String>,
    countries: Vec<String>,
    basis: BasisRow,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status_basis: Option<BasisRow>,
    anchors: Vec<String>,
    pinned: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    outside: Vec<String>,
    status_anchors: Vec<String>,
    status_pinned: Vec<String>,
    status_origins: Vec<String>,
    status_rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extended_key_usage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    qc_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revocation: Option<RevocationRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    issuer_keys: Vec<IssuerRow>,
    issuer_match: String,
    country_match: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevocationRow {
    whole_chain: bool,
    lists: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerRow {
    issuer: String,
    /// The key set as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_set: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum BasisRow {
    Configured,
    Listed { name: String, sequence: u64, digest: String, issued_at: i64, next_update: i64, usable_until: i64 },
    Absent { list: String },
}

/// Writes trust data as it was at `made_at`.
///
/// # Errors
/// [`Code::InternalError`] if it cannot be written, which no trust data brings about.
pub fn write(trust: &TrustAnchors, made_at: UnixSeconds) -> Result<String, Reason> {
    let document = Document {
        format: FORMAT.to_owned(),
        made_at: made_at.0,
        digest: base64::encode_url(trust.digest()),
        sources: trust.sources().iter().map(SourceRow::of).collect(),
    };
    serde_json::to_string_pretty(&document)
        .map_err(|_| Reason::new(Code::InternalError, "the snapshot cannot be written"))
}

/// Whether these bytes say that they are a snapshot.
pub fn is_snapshot(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{") && bytes.windows(FORMAT.len()).any(|part| part == FORMAT.as_bytes())
}

/// Reads a snapshot.
///
/// # Errors
/// [`Code::ConfigRefused`] for anything but the text that [`write`] made, and if its digest does not fit its contents.
pub fn read(bytes: &[u8]) -> Result<TrustAnchors, Reason> {
    let refused = |detail: String| Reason::new(Code::ConfigRefused, detail);
    let document: Document =
        serde_json::from_slice(bytes).map_err(|error| refused(format!("this is no trust snapshot: {error}")))?;
    if document.format != FORMAT {
        return Err(refused("the snapshot is of another format than this program knows".to_owned()));
    }
    let sources = document.sources.into_iter().map(SourceRow::into_source).collect::<Result<Vec<_>, _>>()?;
    let trust = TrustAnchors::new(sources);
    if base64::encode_url(trust.digest()) != document.digest {
        return Err(refused("the snapshot was changed: its digest does not fit its contents".to_owned()));
    }
    Ok(trust)
}

impl SourceRow {
    fn of(source: &TrustSource) -> Self {
        let anchors = |anchors: &[Anchor]| anchors.iter().map(|anchor| text(&anchor.certificate)).collect();
        let certificates = |certificates: &[Certificate]| certificates.iter().map(text).collect();
        Self {
            name: source.name.clone(),
            purpose: source.purpose.as_str().to_owned(),
            types: source.types.clone(),
            countries: source.countries.clone(),
            basis: BasisRow::of(&source.basis),
            status_basis: source.status_basis.as_ref().map(BasisRow::of),
            anchors: anchors(&source.anchors),
            pinned: certificates(&source.pinned),
            outside: anchors(&source.outside),
            status_anchors: anchors(&source.status_anchors),
            status_pinned: certificates(&source.status_pinned),
            status_origins: source.status_origins.iter().map(StatusOrigin::text).collect(),
            status_rule: source.status_rule.as_str().to_owned(),
            extended_key_usage: source.profile.extended_key_usage.clone(),
            qc_type: source.profile.qc_type.clone(),
            revocation: source.revocation.as_ref().map(|revocation| RevocationRow {
                whole_chain: revocation.depth == Depth::WholeChain,
                lists: revocation.lists.lists().iter().map(|list| base64::encode_standard(&list.der)).collect(),
            }),
            issuer_keys: source.issuer_keys.iter().map(IssuerRow::of).collect(),
            issuer_match: source.agreement.issuer_word().to_owned(),
            country_match: source.agreement.country,
        }
    }

    fn into_source(self) -> Result<TrustSource, Reason> {
        let unknown = |detail: &'static str| Reason::new(Code::ConfigRefused, detail);
        let anchors = |texts: Vec<String>| -> Result<Vec<Anchor>, Reason> {
            certificates(&texts)?.into_iter().map(Anchor::new).collect()
        };
        let origins = self.status_origins.iter().map(|text| StatusOrigin::parse(text));
        Ok(TrustSource {
            name: self.name,
            purpose: Purpose::from_name(&self.purpose).ok_or_else(|| unknown("a purpose is not known"))?,
            types: self.types,
            countries: self.countries,
            basis: self.basis.into_basis()?,
            status_basis: self.status_basis.map(BasisRow::into_basis).transpose()?,
            anchors: anchors(self.anchors)?,
            pinned: certificates(&self.pinned)?,
            issuer_keys: self.issuer_keys.into_iter().map(IssuerRow::into_issuer).collect::<Result<_, _>>()?,
            outside: anchors(self.outside)?,
            status_anchors: anchors(self.status_anchors)?,
            status_pinned: certificates(&self.status_pinned)?,
            status_origins: origins.collect::<Result<_, _>>()?,
            status_rule: StatusRule::from_name(&self.status_rule)
                .ok_or_else(|| unknown("a rule on statuses is not known"))?,
            profile: CertificateProfile { extended_key_usage: self.extended_key_usage, qc_type: self.qc_type },
            revocation: self.revocation.map(RevocationRow::into_revocation).transpose()?,
            agreement: Agreement {
                issuer: Agreement::issuer_from(&self.issuer_match)
                    .ok_or_else(|| unknown("a rule on issuers is not known"))?,
                country: self.country_match,
            },
        })
    }
}

impl RevocationRow {
    fn into_revocation(self) -> Result<Revocation, Reason> {
        let read = |text: &String| RevocationList::read(&base64::decode_standard(text)?);
        let lists: Vec<RevocationList> = self.lists.iter().map(read).collect::<Result<_, _>>()?;
        let depth = if self.whole_chain { Depth::WholeChain } else { Depth::Leaf };
        Ok(Revocation { lists: Arc::new(RevocationLists::new(lists)?), depth })
    }
}

impl IssuerRow {
    fn of(issuer: &IssuerKeys) -> Self {
        let confirmed = issuer.confirmed.as_ref();
        Self {
            issuer: issuer.issuer.clone(),
            key_set: confirmed.map(|confirmed| confirmed.keys.text().to_owned()),
            confirmed_at: confirmed.map(|confirmed| confirmed.confirmed_at.0),
        }
    }

    fn into_issuer(self) -> Result<IssuerKeys, Reason> {
        let broken = || Reason::new(Code::ConfigRefused, "the keys of an issuer cannot be read");
        let confirmed = match (self.key_set, self.confirmed_at) {
            (Some(text), Some(at)) => {
                let set = json::parse(text.as_bytes()).map_err(|_| broken())?;
                let keys = Arc::new(KeySet::read(&set).map_err(|_| broken())?);
                Some(ConfirmedKeys { keys, confirmed_at: UnixSeconds(at) })
            }
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return Err(broken()),
        };
        Ok(IssuerKeys { issuer: self.issuer, confirmed })
    }
}

impl BasisRow {
    fn of(basis: &Basis) -> Self {
        match basis {
            Basis::Configured => Self::Configured,
            Basis::Absent { list } => Self::Absent { list: list.clone() },
            Basis::Listed { list, usable_until } => Self::Listed {
                name: list.name.clone(),
                sequence: list.sequence,
                digest: base64::encode_url(&list.digest),
                issued_at: list.issued_at.0,
                next_update: list.next_update.0,
                usable_until: usable_until.0,
            },
        }
    }

    fn into_basis(self) -> Result<Basis, Reason> {
        let broken = || Reason::new(Code::ConfigRefused, "the digest of a list cannot be read");
        Ok(match self {
            Self::Configured => Basis::Configured,
            Self::Absent { list } => Basis::Absent { list },
            Self::Listed { name, sequence, digest, issued_at, next_update, usable_until } => Basis::Listed {
                list: ListEvidence {
                    name,
                    sequence,
                    digest: base64::decode_url(&digest)
                        .ok()
                        .and_then(|bytes| bytes.try_into().ok())
                        .ok_or_else(broken)?,
                    issued_at: UnixSeconds(issued_at),
                    next_update: UnixSeconds(next_update),
                },
                usable_until: UnixSeconds(usable_until),
            },
        })
    }
}

fn text(certificate: &Certificate) -> String {
    base64::encode_standard(&certificate.der)
}

fn certificates(texts: &[String]) -> Result<Vec<Certificate>, Reason> {
    let read = |text: &String| Certificate::read(&base64::decode_standard(text)?);
    texts.iter().map(|text| read(text).map_err(|reason| reason.recode(Code::ConfigRefused))).collect()
}
