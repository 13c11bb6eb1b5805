//! Lists of revoked certificates: read anew every hour from the places that the configuration names, and nowhere else.
//! Without one in force, the certificates that it covers are refused.

use super::App;
use super::ports::{FetchRequest, KeepFailed, Validators};
use super::refresh_trust::Refreshed;
use super::source_standings::{BesideStanding, count};
use crate::domain::encoding::base64;
use crate::domain::jose::hash::sha256;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::StatusOrigin;
use crate::domain::trust::listed::{HeldRevocations, TrustPlan};
use crate::domain::trust_list::plan::Place;
use crate::domain::x509::Certificate;
use crate::domain::x509::revocation::{ListSignature, RevocationList};
use std::sync::{Arc, Mutex, PoisonError};

/// How often a list is read anew, in seconds.
const REFRESH_SECONDS: i64 = 3_600;
/// How soon it is tried again after a failure, in seconds.
const RETRY_SECONDS: i64 = 60;
/// Tolerance for the clock of a list's publisher, in seconds.
const SKEW: i64 = 300;
/// Longest time for fetching a list, redirects included.
const FETCH_MILLISECONDS: u64 = 30_000;

/// The lists that are held, by the place they come from.
#[derive(Debug, Default)]
pub struct RevocationStates(Mutex<Vec<State>>);

#[derive(Debug, Clone)]
struct State {
    place: Place,
    list: Option<Arc<RevocationList>>,
    next_try: UnixSeconds,
    fault: Option<Reason>,
    refreshes: Vec<(&'static str, u64)>,
}

/// The name under which a list from this address is kept between runs.
pub fn kept_name(url: &str) -> String {
    format!("crl-{}", base64::encode_url(&sha256(url.as_bytes())))
}

/// The places of all plans, each once.
pub fn places<'p>(plans: impl Iterator<Item = &'p TrustPlan>) -> Vec<Place> {
    let mut places: Vec<Place> = Vec::new();
    for place in plans.filter_map(|plan| plan.revocation.as_ref()).flat_map(|plan| &plan.places) {
        if !places.contains(place) {
            places.push(place.clone());
        }
    }
    places
}

impl RevocationStates {
    fn states(&self) -> std::sync::MutexGuard<'_, Vec<State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lists that are held.
    pub fn held(&self) -> Vec<HeldRevocations> {
        let held = |state: &State| {
            state.list.as_ref().map(|list| HeldRevocations { place: state.place.clone(), list: Arc::clone(list) })
        };
        self.states().iter().filter_map(held).collect()
    }

    fn newest(&self, place: &Place) -> Option<Arc<RevocationList>> {
        self.states().iter().find(|state| state.place == *place).and_then(|state| state.list.clone())
    }

    fn is_due(&self, place: &Place, now: UnixSeconds) -> bool {
        self.states()
            .iter()
            .find(|state| state.place == *place)
            .is_none_or(|state| now >= state.next_try || state.next_try.since(now) > REFRESH_SECONDS)
    }

    fn put(&self, place: &Place, list: Option<Arc<RevocationList>>, next_try: UnixSeconds) {
        let mut states = self.states();
        if let Some(state) = states.iter_mut().find(|state| state.place == *place) {
            state.list = list.or_else(|| state.list.take());
            state.next_try = next_try;
        } else {
            let (fault, refreshes) = (None, Vec::new());
            states.push(State { place: place.clone(), list, next_try, fault, refreshes });
        }
    }

    /// Notes what became of a try.
    fn note(&self, place: &Place, refreshed: &Refreshed) {
        if let Some(state) = self.states().iter_mut().find(|state| state.place == *place) {
            state.fault = refreshed.fault().cloned();
            count(&mut state.refreshes, refreshed.outcome());
        }
    }

    /// How the lists from these places stand.
    pub(super) fn standings(&self, places: Vec<Place>) -> Vec<BesideStanding> {
        let states = self.states();
        let standing = |place: Place| {
            let state = states.iter().find(|state| state.place == place);
            BesideStanding {
                kind: "revoked_certificates",
                name: named(&place),
                usable_until: state.and_then(|state| state.list.as_ref()).map(|list| list.next_update),
                fault: state.and_then(|state| state.fault.clone()),
                refreshes: state.map(|state| state.refreshes.clone()).unwrap_or_default(),
            }
        };
        places.into_iter().map(standing).collect()
    }
}

impl App {
    /// Reads a list, if it is due; what became of it.
    pub(super) async fn refresh_revocation(&self, place: &Place) -> Option<(String, Refreshed)> {
        if !self.revocations.is_due(place, self.now()) {
            return None;
        }
        self.load_kept_revocations(place).await;
        let read = self.read_revocations(place).await;
        let now = self.now();
        let refreshed = match read {
            Ok(list) => self.take_revocations(place, list, now).await,
            Err(reason) => {
                self.revocations.put(place, None, now.plus(RETRY_SECONDS));
                Refreshed::Failed(reason)
            }
        };
        self.revocations.note(place, &refreshed);
        Some((named(place), refreshed))
    }

    /// Takes what was kept before anything is asked for: it is what later lists must follow.
    async fn load_kept_revocations(&self, place: &Place) {
        let Place::Url(url) = place else { return };
        if self.revocations.newest(place).is_none()
            && let Ok(Some(kept)) = self.lists.load(&kept_name(url)).await
            && let Ok(list) = RevocationList::read(&kept.document)
            && self.signature_of(place, &list) != ListSignature::Bad
        {
            self.revocations.put(place, Some(Arc::new(list)), self.now());
        }
    }

    /// Takes a list, unless the one that is held is better: a revocation is not taken back by an old list, and what its
    /// issuer signed not replaced by what nobody known signed.
    async fn take_revocations(&self, place: &Place, list: RevocationList, now: UnixSeconds) -> Refreshed {
        let newest = self.revocations.newest(place);
        if let Some(detail) = self.why_worse(place, &list, newest.as_deref(), now) {
            self.revocations.put(place, None, now.plus(RETRY_SECONDS));
            return Refreshed::Failed(Reason::new(Code::X5cRevoked, detail));
        }
        let changed = newest.is_none_or(|newest| newest.digest != list.digest);
        let kept = match place {
            Place::Url(url) if changed => self.lists.save(&kept_name(url), now, list.der.clone()).await,
            _ => Ok(()),
        };
        self.revocations.put(place, Some(Arc::new(list)), now.plus(REFRESH_SECONDS));
        if let Err(error) = kept {
            return Refreshed::Failed(Reason::new(Code::X5cRevoked, format!("the list cannot be kept: {error}")));
        }
        if changed { Refreshed::Changed { sequence: 0 } } else { Refreshed::Confirmed }
    }

    fn why_worse(
        &self,
        place: &Place,
        list: &RevocationList,
        held: Option<&RevocationList>,
        now: UnixSeconds,
    ) -> Option<&'static str> {
        let signature = self.signature_of(place, list);
        if signature == ListSignature::Bad {
            return Some("the list is not signed by the issuer that it names");
        }
        if list.this_update > now.plus(SKEW) {
            return Some("the list is issued in the future");
        }
        let held = held?;
        if held.issuer == list.issuer {
            return (list.this_update < held.this_update).then_some("the list is older than the one in use");
        }
        let in_use = held.counts_at(now) && self.signature_of(place, held) != ListSignature::Bad;
        (in_use && signature != ListSignature::Good).then_some("the list is by another issuer than the one in use")
    }

    /// What is known of the signature of a list, by the anchors of the sources that ask this place.
    fn signature_of(&self, place: &Place, list: &RevocationList) -> ListSignature {
        let mut best = ListSignature::UnknownIssuer;
        for tenant in self.tenants.values() {
            let trust = tenant.trust.current();
            for source in trust.sources() {
                let asks = |plan: &&TrustPlan| {
                    let own = source.name.strip_prefix(plan.source.name.as_str());
                    own.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                        && plan.revocation.as_ref().is_some_and(|revocation| revocation.places.contains(place))
                };
                if !tenant.trust_plans.iter().any(|plan| asks(&plan)) {
                    continue;
                }
                let anchors = source.anchors.iter().chain(&source.status_anchors);
                let authorities: Vec<&Certificate> = anchors.map(|anchor| &anchor.certificate).collect();
                match list.signature_by(&authorities) {
                    ListSignature::Good => return ListSignature::Good,
                    ListSignature::Bad => best = ListSignature::Bad,
                    ListSignature::UnknownIssuer => {}
                }
            }
        }
        best
    }

    async fn read_revocations(&self, place: &Place) -> Result<RevocationList, Reason> {
        let unavailable = |detail: String| Reason::new(Code::X5cRevoked, detail);
        let unreadable = |error: KeepFailed| unavailable(format!("the list cannot be read: {error}"));
        match place {
            Place::File(path) => {
                let bytes = self.lists.read_file(path).await.map_err(unreadable)?;
                RevocationList::from_file(&bytes)
            }
            Place::Url(url) => match self.fetch_in_turn(list_request(url)).await {
                Ok(response) if response.status == 200 => RevocationList::from_file(&response.body),
                Ok(response) => Err(unavailable(format!("the host answers with status {}", response.status))),
                Err(error) => Err(unavailable(format!("the list cannot be fetched: {error}"))),
            },
            Place::Imported => Err(unavailable("a list of revoked certificates is not imported".to_owned())),
        }
    }
}

/// What is asked of the host of a list.
pub(super) fn list_request(url: &str) -> FetchRequest {
    FetchRequest {
        url: url.to_owned(),
        accept: "application/pkix-crl, application/x-pkcs7-crl;q=0.5, */*;q=0.1",
        max_bytes: limits::REVOCATION_LIST_BYTES,
        timeout_ms: FETCH_MILLISECONDS,
        max_redirects: 2,
        allowed_hosts: StatusOrigin::of_url(url).map(|origin| origin.text()).into_iter().collect(),
        validators: Validators::default(),
    }
}

/// What a list is called in the log.
fn named(place: &Place) -> String {
    match place {
        Place::Url(text) | Place::File(text) => text.clone(),
        Place::Imported => "imported".to_owned(),
    }
}
