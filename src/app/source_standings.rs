//! How the trust sources of the tenants stand, for operators: which cannot be used, and whether presets need them.

use super::refresh_issuers::plans;
use super::refresh_revocation::places;
use super::{App, Tenant};
use crate::domain::dcql::{DcqlQuery, Meta};
use crate::domain::ids::TenantId;
use crate::domain::reason::Reason;
use crate::domain::time::UnixSeconds;
use crate::domain::trust::{Basis, TrustAnchors, TrustSource};

/// One source of credentials of one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceStanding {
    /// The tenant.
    pub tenant: TenantId,
    /// The name of the source.
    pub source: String,
    /// The trust lists that it rests on, for issuers and for signers of status lists.
    pub lists: Vec<String>,
    /// Why nothing can be decided by it now.
    pub fault: Option<Reason>,
    /// Whether some preset cannot be answered because of that: no other source vouches for what it asks for.
    pub missed: bool,
}

/// What a source takes beside trust lists: the keys of an issuer, or a list of revoked certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BesideStanding {
    /// `issuer_keys` or `revoked_certificates`.
    pub kind: &'static str,
    /// The issuer, or the place of the list, as configured.
    pub name: String,
    /// First second at which it may no longer be used; `None` if none is held.
    pub usable_until: Option<UnixSeconds>,
    /// Why the last try brought nothing.
    pub fault: Option<Reason>,
    /// Refreshes since the start by outcome ([`super::refresh_trust::Refreshed::outcome`]).
    pub refreshes: Vec<(&'static str, u64)>,
}

/// Counts by outcome.
pub(super) fn count(refreshes: &mut Vec<(&'static str, u64)>, outcome: &'static str) {
    match refreshes.iter_mut().find(|(known, _)| *known == outcome) {
        Some((_, count)) => *count = count.saturating_add(1),
        None => refreshes.push((outcome, 1)),
    }
}

impl App {
    /// How the keys of issuers and the lists of revoked certificates stand, those that were never tried included.
    pub fn beside_standings(&self) -> Vec<BesideStanding> {
        let mut standings = self.issuers.standings(plans(self.trust_plans()));
        standings.extend(self.revocations.standings(places(self.trust_plans())));
        standings
    }

    /// How every source of credentials stands now.
    pub fn source_standings(&self) -> Vec<SourceStanding> {
        let now = self.now();
        self.tenants.values().flat_map(|tenant| self.standings_of(tenant, now)).collect()
    }

    fn standings_of(&self, tenant: &Tenant, now: UnixSeconds) -> Vec<SourceStanding> {
        let trust = tenant.trust.current();
        let queries = self.queries.get(&tenant.id);
        let sent = tenant.presets.keys().filter_map(|preset| queries?.get(preset)?.as_ref().ok());
        let uncovered: Vec<Vec<String>> =
            sent.map(|sent| types(&sent.query)).filter(|types| !is_covered(&trust, types, now)).collect();
        let issuing = trust.sources().iter().filter(|source| source.purpose.issues_credentials());
        let standing = |source: &TrustSource| {
            let fault = check_usable(source, now).err();
            let missed = fault.is_some() && uncovered.iter().any(|types| vouches(source, types));
            let lists = bases(source).filter_map(list_name).map(str::to_owned).collect();
            SourceStanding { tenant: tenant.id.clone(), source: source.name.clone(), lists, fault, missed }
        };
        issuing.map(standing).collect()
    }
}

/// The types that a query asks for; one of them is enough.
fn types(query: &DcqlQuery) -> Vec<String> {
    let metas = query.credentials().iter().map(crate::domain::dcql::CredentialQuery::meta);
    let values = metas.filter_map(|meta| match meta {
        Meta::VctValues(values) => Some(values.iter().cloned()),
        _ => None,
    });
    values.flatten().collect()
}

fn vouches(source: &TrustSource, types: &[String]) -> bool {
    source.types.iter().any(|vct| types.contains(vct))
}

/// Whether some source that vouches for one of these can be used in every respect.
fn is_covered(trust: &TrustAnchors, types: &[String], now: UnixSeconds) -> bool {
    let issuing = trust.sources().iter().filter(|source| source.purpose.issues_credentials());
    issuing
        .filter(|source| vouches(source, types) && source.can_trust())
        .any(|source| check_usable(source, now).is_ok())
}

fn bases(source: &TrustSource) -> impl Iterator<Item = &Basis> {
    std::iter::once(&source.basis).chain(&source.status_basis)
}

fn list_name(basis: &Basis) -> Option<&str> {
    match basis {
        Basis::Configured => None,
        Basis::Listed { list, .. } => Some(&list.name),
        Basis::Absent { list } => Some(list),
    }
}

/// Issuers and signers of status lists: without either nothing is decided.
fn check_usable(source: &TrustSource, now: UnixSeconds) -> Result<(), Reason> {
    source.check_usable(now)?;
    source.status_basis.as_ref().map_or(Ok(()), |basis| basis.check_usable(now))
}
