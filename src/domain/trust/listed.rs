//! Trust sources from trust lists: which services of which list give certificates to which source.

use super::TrustAnchors;
use super::issuer_metadata::{HeldIssuer, IssuerKeys, IssuerPlan};
use super::purpose::Purpose;
use super::source::{Basis, ListEvidence, Revocation, TrustSource};
use crate::domain::time::UnixSeconds;
use crate::domain::trust_list::plan::Place;
use crate::domain::trust_list::{Service, ServiceStatus, TrustList};
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::Anchor;
use crate::domain::x509::revocation::{Depth, RevocationList, RevocationLists};
use std::collections::HashSet;
use std::sync::Arc;

/// What a source takes from a list. Addresses of services and statuses are compared exactly (TL-12, case TRU-013).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListUse {
    /// The name of the list.
    pub list: String,
    /// For a list of lists: the territories whose lists are followed. While one of them is not there, nobody can say that an
    /// issuer is in none.
    pub territories: Vec<String>,
    /// Service types whose certificates vouch for issuers.
    pub issuance: Vec<String>,
    /// Service types whose certificates vouch for signers of status lists.
    pub revocation: Vec<String>,
    /// What services must say of themselves: one of these at least. If empty, those count that limit nothing
    /// ([`crate::domain::trust_list::ServiceScope`]).
    pub information: Vec<String>,
    /// Statuses that count as in force. If empty, the list has none, and a service that states one gives no trust; if
    /// not, a service without one gives none (TL-13).
    pub statuses: Vec<String>,
}

impl ListUse {
    fn is_in_force(&self, service: &Service, now: UnixSeconds) -> bool {
        match &service.status {
            ServiceStatus::Listed => self.statuses.is_empty(),
            ServiceStatus::Stated { uri, since } => now >= *since && self.statuses.contains(uri),
        }
    }
}

/// A verified list that is held, and until when it may be used.
#[derive(Debug, Clone)]
pub struct HeldList {
    /// Its name; for one that another list points to, `NAME/TERRITORY`.
    pub name: String,
    /// The list.
    pub list: Arc<TrustList>,
    /// First second at which it may no longer be used: its own end, or that of its confirmation.
    pub usable_until: UnixSeconds,
}

/// A trust source as configured: with certificates of its own, or with those of a list.
#[derive(Debug, Clone)]
pub struct TrustPlan {
    /// The source, without the certificates of the list.
    pub source: TrustSource,
    /// What it takes from which list.
    pub list: Option<ListUse>,
    /// The names of the sources whose status lists it signs, for [`Purpose::StatusList`].
    pub signs_for: Vec<String>,
    /// Addresses from which status lists are fetched before anybody needs them: lists, or documents that name lists.
    pub status_prefetch: Vec<String>,
    /// Where its lists of revoked certificates come from; `None`: revocation is not configured.
    pub revocation: Option<RevocationPlan>,
    /// The issuers whose published keys it takes.
    pub issuers: Vec<IssuerPlan>,
}

/// Everything that is held beside the configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct Held<'a> {
    /// Trust lists.
    pub lists: &'a [HeldList],
    /// Lists of revoked certificates.
    pub revocations: &'a [HeldRevocations],
    /// Keys of issuers.
    pub issuers: &'a [HeldIssuer],
}

/// Where the lists of revoked certificates of a source come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationPlan {
    /// Files and addresses.
    pub places: Vec<Place>,
    /// How much of a chain must be shown.
    pub depth: Depth,
}

/// A list of revoked certificates that is held.
#[derive(Debug, Clone)]
pub struct HeldRevocations {
    /// Where it comes from.
    pub place: Place,
    /// The list.
    pub list: Arc<RevocationList>,
}

impl RevocationPlan {
    /// With what is held. A place from which nothing came leaves its certificates uncovered, and so refused.
    fn with(&self, held: &[HeldRevocations]) -> Revocation {
        let lists = held.iter().filter(|held| self.places.contains(&held.place)).map(|held| Arc::clone(&held.list));
        // More lists than the limit is as good as none: everything is refused until the configuration is mended.
        Revocation { lists: Arc::new(RevocationLists::new(lists.collect()).unwrap_or_default()), depth: self.depth }
    }
}

/// The trust data that plans and what is held make together at `now`.
pub fn compose(plans: &[TrustPlan], held: Held<'_>, now: UnixSeconds) -> TrustAnchors {
    let expanded: Vec<(&TrustPlan, Vec<TrustSource>)> = plans
        .iter()
        .map(|plan| match &plan.list {
            None => (plan, vec![plan.source.clone()]),
            Some(uses) => (plan, from_lists(&plan.source, uses, held.lists, now)),
        })
        .collect();
    let signing = || expanded.iter().filter(|(plan, _)| plan.source.purpose == Purpose::StatusList);
    let mut sources = Vec::new();
    for (plan, made) in &expanded {
        for mut source in made.iter().cloned() {
            source.revocation = plan.revocation.as_ref().map(|plan| plan.with(held.revocations));
            source.issuer_keys.extend(plan.issuers.iter().map(|issuer| keys_of(issuer, held.issuers)));
            let signers = signing().filter(|(signer, _)| signer.signs_for.contains(&plan.source.name));
            for signer in signers.flat_map(|(_, signers)| signers) {
                source.status_anchors.extend(signer.anchors.iter().cloned());
                source.status_pinned.extend(signer.pinned.iter().cloned());
                // One that cannot be used makes the whole unusable: without it, nobody can say what was revoked.
                source.status_basis = Some(match source.status_basis.take() {
                    Some(basis) => weaker(basis, signer.basis.clone()),
                    None => signer.basis.clone(),
                });
            }
            sources.push(source);
        }
    }
    TrustAnchors::new(sources)
}

/// The one of two bases that ends first.
fn weaker(one: Basis, other: Basis) -> Basis {
    match (&one, &other) {
        (Basis::Absent { .. }, _) | (_, Basis::Configured) => one,
        (_, Basis::Absent { .. }) | (Basis::Configured, _) => other,
        (Basis::Listed { usable_until: first, .. }, Basis::Listed { usable_until: second, .. }) => {
            if first <= second {
                one
            } else {
                other
            }
        }
    }
}

/// An issuer with the keys that are held for it.
fn keys_of(plan: &IssuerPlan, held: &[HeldIssuer]) -> IssuerKeys {
    let held = held.iter().find(|held| held.plan == *plan);
    IssuerKeys { issuer: plan.issuer.clone(), confirmed: held.map(|held| held.confirmed.clone()) }
}

/// The sources that `plan` stands for, given the lists that are held: one for each list with its name or below it. With
/// no such list there is one source that can decide nothing, and so there is for each territory whose list is not held.
///
/// Certificates of authorities become anchors; others are trusted as they are (X5C-10). Whatever is too weak is left out.
/// The statuses are those at `now`.
fn from_lists(plan: &TrustSource, uses: &ListUse, held: &[HeldList], now: UnixSeconds) -> Vec<TrustSource> {
    let below =
        |name: &str| name.strip_prefix(uses.list.as_str()).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
    let mut sources = Vec::new();
    for held in held {
        let name = match below(&held.name) {
            _ if held.name == uses.list => plan.name.clone(),
            Some(territory) => format!("{}/{territory}", plan.name),
            None => continue,
        };
        let mut source = TrustSource {
            name,
            basis: Basis::Listed { list: evidence(held), usable_until: held.usable_until.min(held.list.next_update) },
            ..plan.clone()
        };
        let (mut issuing, mut signing, mut outside) = (Bag::default(), Bag::default(), Bag::default());
        for service in &held.list.services {
            let admitted = uses.is_in_force(service, now) && plan.admits_country(service.country.as_deref());
            let issues = uses.issuance.contains(&service.service_type) && service.scope.admits(&uses.information);
            let signs = uses.revocation.contains(&service.service_type) && service.scope.is_within(&uses.information);
            for certificate in &service.certificates {
                if admitted && issues {
                    issuing.take(certificate);
                } else {
                    outside.take(certificate);
                }
                if admitted && signs {
                    signing.take(certificate);
                }
            }
        }
        // Of end entities outside nothing is kept: they are not authorities of anybody.
        outside.anchors.retain(|anchor| !issuing.known.contains(&anchor.certificate.fingerprint()));
        (source.anchors, source.pinned, source.outside) = (issuing.anchors, issuing.pinned, outside.anchors);
        (source.status_anchors, source.status_pinned) = (signing.anchors, signing.pinned);
        // Where the list names signers of statuses at all, they alone may sign, also when none of them is usable.
        if held.list.services.iter().any(|service| uses.revocation.contains(&service.service_type)) {
            source.status_basis = Some(source.basis.clone());
        }
        sources.push(source);
    }
    if sources.is_empty() {
        sources.push(TrustSource { basis: Basis::Absent { list: uses.list.clone() }, ..plan.clone() });
        return sources;
    }
    for territory in &uses.territories {
        let list = format!("{}/{territory}", uses.list);
        if !held.iter().any(|held| held.name == list) {
            let name = format!("{}/{territory}", plan.name);
            sources.push(TrustSource { name, basis: Basis::Absent { list }, ..plan.clone() });
        }
    }
    sources
}

fn evidence(held: &HeldList) -> ListEvidence {
    ListEvidence {
        name: held.name.clone(),
        sequence: held.list.sequence,
        digest: held.list.digest,
        issued_at: held.list.issued_at,
        next_update: held.list.next_update,
    }
}

/// The certificates of services, each once.
#[derive(Default)]
struct Bag {
    anchors: Vec<Anchor>,
    pinned: Vec<Certificate>,
    known: HashSet<[u8; 32]>,
}

impl Bag {
    fn take(&mut self, certificate: &Certificate) {
        if !self.known.insert(certificate.fingerprint()) {
            return;
        }
        if !certificate.is_ca {
            self.pinned.extend(certificate.check_strength().is_ok().then(|| certificate.clone()));
        } else if let Ok(anchor) = Anchor::new(certificate.clone()) {
            self.anchors.push(anchor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_bases_the_one_that_ends_first_counts() {
        let listed = |until: i64| Basis::Listed {
            list: ListEvidence {
                name: until.to_string(),
                sequence: 1,
                digest: [0; 32],
                issued_at: UnixSeconds(0),
                next_update: UnixSeconds(until),
            },
            usable_until: UnixSeconds(until),
        };
        let absent = || Basis::Absent { list: "x".to_owned() };
        for (one, other, expected) in [
            (Basis::Configured, Basis::Configured, Basis::Configured),
            (listed(5), Basis::Configured, listed(5)),
            (listed(5), listed(7), listed(5)),
            (listed(5), absent(), absent()),
            (Basis::Configured, absent(), absent()),
        ] {
            assert_eq!(weaker(one.clone(), other.clone()), expected);
            assert_eq!(weaker(other, one), expected);
        }
    }
}
