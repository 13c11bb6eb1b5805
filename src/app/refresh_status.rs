//! Status lists: fetched once for everybody, kept until their time, never stepped back.
//!
//! Lists that were needed lately, and those that the configuration names, are fetched ahead of their time by the
//! background. An answer then finds its list warm, and the host of the list learns nothing from when it was asked
//! (TSL-15). An answer fetches itself only what nobody needed before.
//!
//! Rules kept here: TSL-01, TSL-56, PRV-16.

use super::ports::{FetchError, FetchRequest, FetchResponse, Validators};
use super::status_lists::{Kept, Key, Slot, Slots, Spread, StatusStanding};
use super::{App, Tenant};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::status_list::aggregation::{self, Aggregation};
use crate::domain::status_list::{StatusList, TokenForm};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::{StatusOrigin, TrustAnchors, TrustSource};
use crate::domain::verify::{StatusLists, StatusNeed};
use futures_util::StreamExt as _;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Longest time for a fetch, redirects included.
const FETCH_MILLISECONDS: u64 = 3_000;
/// Most lists that the background fetches in one round, and at one time.
const ROUND: (usize, usize) = (64, 4);
/// After so many seconds it is looked again which lists an aggregation names, and how soon after a failure.
const AGGREGATION_SECONDS: (i64, i64) = (6 * 3600, 300);

/// An address from which lists are fetched before anybody needs them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefetch {
    /// The trust source.
    pub source: String,
    /// The address of a list, or of a document that names lists (Token Status List section 9).
    pub address: String,
}

/// The lists of a service, and what is to be fetched ahead.
#[derive(Debug, Default)]
pub struct StatusCache {
    slots: Slots,
    prefetch: Vec<Prefetch>,
    /// When each of them is looked at again; `None` is what turned out to be a list.
    looked: Mutex<BTreeMap<Looked, Option<UnixSeconds>>>,
}

/// What is looked at: the tenant, the place in the list of addresses, and whether it is what the list there names as its
/// aggregation.
type Looked = (String, usize, bool);

/// What became of one thing that the background fetched. It names no address: one may belong to one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRefreshed {
    /// The trust source.
    pub source: String,
    /// Why nothing good came.
    pub result: Result<(), Reason>,
}

/// What was brought for the needs of one answer.
#[derive(Debug, Default)]
pub struct Brought(Vec<(StatusNeed, Result<Arc<StatusList>, Reason>)>);

impl StatusLists for Brought {
    fn list(&self, need: &StatusNeed) -> Result<Arc<StatusList>, Reason> {
        self.0
            .iter()
            .find(|(brought, _)| brought == need)
            .map_or_else(|| Err(unavailable("no list was brought")), |(_, result)| result.clone())
    }
}

fn unavailable(detail: impl Into<std::borrow::Cow<'static, str>>) -> Reason {
    Reason::new(Code::StatusUnavailable, detail)
}

/// The form of the lists of this source: that of its credentials. Those in JSON have JWTs (SD-JWT VC section 2.2.2.3).
const fn form_for(_: &TrustSource) -> TokenForm {
    TokenForm::Jwt
}

/// A list of one source of one tenant, and the trust data of the moment.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    tenant: &'a Tenant,
    trust: &'a TrustAnchors,
    source: &'a TrustSource,
    uri: &'a str,
}

impl Wanted<'_> {
    fn key(&self) -> Key {
        Key {
            tenant: self.tenant.id.clone(),
            source: self.source.name.clone(),
            uri: self.uri.to_owned(),
            form: form_for(self.source),
        }
    }

    /// Judges a token by the trust data of now.
    fn judge(&self, slot: &Slot, token: Arc<[u8]>, fetched_at: UnixSeconds, now: UnixSeconds) -> Result<Kept, Reason> {
        let rules = self.tenant.policy.token_rules(self.uri, self.source, slot.newest());
        let list = StatusList::verify_as(form_for(self.source), &token, rules, now)?;
        Ok(Kept::new(list, token, *self.trust.digest(), fetched_at))
    }

    /// The list without asking its host, if that is possible: as it is held, judged anew by other trust data, or as it
    /// was fetched for another tenant.
    fn at_hand(&self, key: &Key, slots: &Slots, slot: &Slot, now: UnixSeconds) -> Option<Arc<StatusList>> {
        let (digest, skew) = (self.trust.digest(), self.tenant.policy.skew);
        if let Some(list) = slot.fresh(key, digest, skew, now) {
            return Some(list);
        }
        if let Some(kept) = slot.kept().filter(|kept| kept.trust != *digest) {
            match self.judge(slot, kept.token, kept.fetched_at, now) {
                Ok(kept) => slot.judged_anew(kept),
                Err(_) => slot.give_up(),
            }
        } else if let Some((token, fetched_at)) = slots.fetched(key, now)
            && let Ok(kept) = self.judge(slot, token, fetched_at, now)
        {
            slot.judged_anew(kept);
        }
        slot.fresh(key, digest, skew, now)
    }

    /// Whether the signers of lists can be judged at all: their trust list may be missing or too old (TL-18).
    fn check_signers(&self, now: UnixSeconds) -> Result<(), Reason> {
        let basis = self.source.status_basis.as_ref().unwrap_or(&self.source.basis);
        basis.check_usable(now).map_err(|reason| unavailable(reason.detail))
    }
}

impl App {
    /// The same service with addresses whose lists are fetched before anybody needs them.
    #[must_use]
    pub fn with_status_prefetch(mut self, prefetch: Vec<Prefetch>) -> Self {
        self.status.prefetch = prefetch;
        self
    }

    /// How the status lists stand, by trust source.
    pub fn status_standings(&self) -> Vec<StatusStanding> {
        self.status.slots.standings(self.now())
    }

    /// Brings the lists that an answer needs: from memory, else from their hosts. What cannot be had is undecided, and
    /// undecided is never accepted.
    pub(super) async fn bring_lists(&self, tenant: &Tenant, trust: &TrustAnchors, needs: Vec<StatusNeed>) -> Brought {
        let mut brought = Vec::with_capacity(needs.len());
        for need in needs {
            let result = match trust.source(&need.source) {
                Some(source) => self.bring_list(Wanted { tenant, trust, source, uri: &need.uri }).await,
                None => Err(unavailable("the trust source is gone")),
            };
            brought.push((need, result));
        }
        Brought(brought)
    }

    async fn bring_list(&self, wanted: Wanted<'_>) -> Result<Arc<StatusList>, Reason> {
        wanted.source.check_status_uri(wanted.uri)?;
        wanted.check_signers(self.now())?;
        let slots = &self.status.slots;
        let key = wanted.key();
        let slot = slots.slot(key.clone(), self.now());
        slots.count_need(&key.source);
        if let Some(list) = slot.fresh(&key, wanted.trust.digest(), wanted.tenant.policy.skew, self.now()) {
            return Ok(list);
        }
        let _guard = slot.fetching.lock().await;
        let now = self.now();
        if let Some(list) = wanted.at_hand(&key, slots, &slot, now) {
            return Ok(list);
        }
        let fetched = match slot.resting(now) {
            Some(reason) => Err(reason),
            None => self.fetch_list(wanted, &slot).await,
        };
        match fetched {
            // Its time to ask again has come, but it has not expired: usable until its own `exp` (TSL-51, TSL-52).
            Err(reason) if reason.code == Code::StatusUnavailable => {
                slot.unexpired(wanted.trust.digest(), self.now()).ok_or(reason)
            }
            other => other,
        }
    }

    /// Fetches a list and holds it. The caller holds its lock.
    async fn fetch_list(&self, wanted: Wanted<'_>, slot: &Slot) -> Result<Arc<StatusList>, Reason> {
        let form = form_for(wanted.source);
        let fetched = self.ask(wanted, form.media_type(), limits::STATUS_TOKEN_BYTES).await;
        let taken = fetched.and_then(|response| {
            check_media_type(&response, form)?;
            Ok(response.body)
        });
        self.take_list(wanted, slot, taken)
    }

    /// Holds a list that came, if it is good; notes it if none came or it is not.
    fn take_list(
        &self,
        wanted: Wanted<'_>,
        slot: &Slot,
        came: Result<Vec<u8>, Reason>,
    ) -> Result<Arc<StatusList>, Reason> {
        let now = self.now();
        let judged = came.and_then(|token| wanted.judge(slot, token.into(), now, now));
        self.status.slots.count_fetch(&wanted.source.name, outcome(&judged));
        match judged {
            Ok(kept) => {
                let list = Arc::clone(&kept.list);
                slot.hold(kept, now, self.spread());
                self.status.slots.trim();
                Ok(list)
            }
            Err(reason) => {
                slot.fail(reason.clone(), now);
                Err(reason)
            }
        }
    }

    async fn ask(&self, wanted: Wanted<'_>, accept: &'static str, max_bytes: usize) -> Result<FetchResponse, Reason> {
        wanted.source.check_status_uri(wanted.uri)?;
        let request = FetchRequest {
            url: wanted.uri.to_owned(),
            accept,
            max_bytes,
            timeout_ms: FETCH_MILLISECONDS,
            max_redirects: 2,
            allowed_hosts: wanted.source.status_origins.iter().map(StatusOrigin::text).collect(),
            validators: Validators::default(),
        };
        let response = self.ports.fetch.get(request).await.map_err(|error| match error {
            FetchError::Blocked => Reason::new(Code::StatusUriNotAllowed, "the address of the list may not be asked"),
            other => unavailable(format!("the list cannot be fetched: {other}")),
        })?;
        // Only a success counts (TSL-11).
        if (200..300).contains(&response.status) {
            Ok(response)
        } else {
            Err(unavailable("the host of the list answers with an error"))
        }
    }

    fn spread(&self) -> Spread {
        let mut byte = [0_u8; 1];
        // Without randomness the service is not ready anyway; the schedule then merely loses its spread.
        self.ports.entropy.fill(&mut byte).ok();
        Spread(byte[0])
    }

    /// Fetches lists ahead of need: those that the configuration names, and those that were needed lately, each before
    /// its time. One that fails stops no other (TSL-16). Returns what became of those that were due.
    pub async fn refresh_status(&self) -> Vec<StatusRefreshed> {
        let mut done = self.look_ahead().await;
        let due = self.status.slots.due(self.now(), ROUND.0);
        let fetches = due.into_iter().map(|(key, slot)| self.refresh_list(key, slot));
        let fetched: Vec<Option<StatusRefreshed>> =
            futures_util::stream::iter(fetches).buffer_unordered(ROUND.1).collect().await;
        done.extend(fetched.into_iter().flatten());
        done
    }

    /// Fetches one list that is due. `None` if it was fetched meanwhile, or is not wanted any more.
    async fn refresh_list(&self, key: Key, slot: Arc<Slot>) -> Option<StatusRefreshed> {
        let tenant = self.tenants.get(&key.tenant)?;
        let trust = tenant.trust.current();
        let source = trust.source(&key.source).filter(|source| source.check_status_uri(&key.uri).is_ok());
        let Some(source) = source.filter(|source| key.form == form_for(source)) else {
            self.status.slots.forget(&key);
            return None;
        };
        let wanted = Wanted { tenant, trust: &trust, source, uri: &key.uri };
        let _guard = slot.fetching.lock().await;
        let now = self.now();
        if !slot.is_due(now) {
            return None;
        }
        let result = match wanted.check_signers(now) {
            Ok(()) => self.fetch_list(wanted, &slot).await.map(drop),
            // No fault of the host of the list: as soon as the signers can be judged, it is asked.
            Err(reason) => {
                slot.postpone(now);
                Err(reason)
            }
        };
        Some(StatusRefreshed { source: key.source, result })
    }

    /// Looks at the addresses of the configuration: marks their lists as needed, so that they are fetched and kept warm.
    async fn look_ahead(&self) -> Vec<StatusRefreshed> {
        let mut done = Vec::new();
        for tenant in self.tenants.values() {
            let trust = tenant.trust.current();
            for (index, prefetch) in self.status.prefetch.iter().enumerate() {
                // A source that stands for several territories has none of its own name; its lists are learned by need.
                let Some(source) = trust.source(&prefetch.source) else { continue };
                let wanted = Wanted { tenant, trust: &trust, source, uri: &prefetch.address };
                let place = |follows| (tenant.id.as_str().to_owned(), index, follows);
                let looked = self.look_at(wanted, place(false)).await;
                let is_list = self.status.looked().get(&place(false)) == Some(&None);
                let followed = if is_list { self.follow(wanted, place(true)).await } else { None };
                let results = looked.into_iter().chain(followed);
                done.extend(results.map(|result| StatusRefreshed { source: prefetch.source.clone(), result }));
            }
        }
        done
    }

    /// Looks at one address, if it is due.
    async fn look_at(&self, wanted: Wanted<'_>, place: Looked) -> Option<Result<(), Reason>> {
        let now = self.now();
        let known = self.status.looked().get(&place).copied();
        match known {
            Some(None) => {
                self.status.slots.slot(wanted.key(), now);
                return None;
            }
            Some(Some(at)) if now < at => return None,
            _ => {}
        }
        let looked = match wanted.check_signers(now) {
            Ok(()) => self.look(wanted, now).await,
            Err(reason) => Err(reason),
        };
        let (seconds, after_failure) = AGGREGATION_SECONDS;
        let next = match &looked {
            Ok(Found::List) => None,
            Ok(Found::Aggregation) => Some(now.plus(seconds)),
            Err(_) => Some(now.plus(after_failure)),
        };
        self.status.looked().insert(place, next);
        Some(looked.map(drop))
    }

    async fn look(&self, wanted: Wanted<'_>, now: UnixSeconds) -> Result<Found, Reason> {
        let form = form_for(wanted.source);
        let accept = match form {
            TokenForm::Jwt => "application/statuslist+jwt, application/json",
            TokenForm::Cwt => "application/statuslist+cwt, application/json",
        };
        let response = self.ask(wanted, accept, limits::STATUS_TOKEN_BYTES).await.inspect_err(|reason| {
            self.status.slots.count_fetch(&wanted.source.name, reason.code.as_str());
        })?;
        if is_media_type(&response, aggregation::MEDIA_TYPE) {
            return self.take_aggregation(wanted, &response, now).map(|()| Found::Aggregation);
        }
        let slot = self.status.slots.slot(wanted.key(), now);
        let _guard = slot.fetching.lock().await;
        let came = check_media_type(&response, form).map(|()| response.body);
        self.take_list(wanted, &slot, came).map(|_| Found::List)
    }

    /// Follows a list of the configuration to the aggregation that it names, if that lies on a host of the source and it is
    /// due. Lists that answers needed lead nowhere: one may belong to one person.
    ///
    /// # Source
    /// Token Status List sections 9.2 and 9.3; TSL-16.
    async fn follow(&self, wanted: Wanted<'_>, place: Looked) -> Option<Result<(), Reason>> {
        let now = self.now();
        let held = self.status.slots.slot(wanted.key(), now).kept()?;
        let address = held.list.aggregation_uri().filter(|address| wanted.source.check_status_uri(address).is_ok())?;
        if self.status.looked().get(&place).copied().flatten().is_some_and(|at| now < at) {
            return None;
        }
        let looked = self.look_only_for_aggregation(Wanted { uri: address, ..wanted }, now).await;
        let (seconds, after_failure) = AGGREGATION_SECONDS;
        let wait = if looked.is_ok() { seconds } else { after_failure };
        self.status.looked().insert(place, Some(now.plus(wait)));
        Some(looked)
    }

    async fn look_only_for_aggregation(&self, wanted: Wanted<'_>, now: UnixSeconds) -> Result<(), Reason> {
        let asked = self.ask(wanted, aggregation::MEDIA_TYPE, limits::STATUS_TOKEN_BYTES).await;
        let of_type = asked.and_then(|response| {
            let right = is_media_type(&response, aggregation::MEDIA_TYPE);
            right.then_some(response).ok_or_else(|| unavailable("what a list names as its aggregation is none"))
        });
        let count = |reason: &Reason| self.status.slots.count_fetch(&wanted.source.name, reason.code.as_str());
        let response = of_type.inspect_err(count)?;
        self.take_aggregation(wanted, &response, now)
    }

    /// Marks the lists that an aggregation names as needed, as far as they lie on hosts of the source.
    fn take_aggregation(&self, wanted: Wanted<'_>, response: &FetchResponse, now: UnixSeconds) -> Result<(), Reason> {
        let read = Aggregation::parse(&response.body);
        self.status.slots.count_fetch(&wanted.source.name, outcome(&read));
        for address in read?.addresses() {
            if wanted.source.check_status_uri(address).is_ok() {
                self.status.slots.slot(Wanted { uri: address, ..wanted }.key(), now);
            }
        }
        Ok(())
    }
}

impl StatusCache {
    fn looked(&self) -> std::sync::MutexGuard<'_, BTreeMap<Looked, Option<UnixSeconds>>> {
        self.looked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What lay at an address of the configuration.
enum Found {
    List,
    Aggregation,
}

fn outcome<T>(result: &Result<T, Reason>) -> &'static str {
    result.as_ref().err().map_or("ok", |reason| reason.code.as_str())
}

fn is_media_type(response: &FetchResponse, wanted: &str) -> bool {
    let media_type = response.content_type.as_deref().and_then(|text| text.split(';').next()).map(str::trim);
    media_type.is_some_and(|text| text.eq_ignore_ascii_case(wanted))
}

/// Only the content type of the form counts (TSL-11); the other form in its place is a fault of who serves it (TSL-019).
fn check_media_type(response: &FetchResponse, form: TokenForm) -> Result<(), Reason> {
    let other = match form {
        TokenForm::Jwt => TokenForm::Cwt,
        TokenForm::Cwt => TokenForm::Jwt,
    };
    if is_media_type(response, form.media_type()) {
        Ok(())
    } else if is_media_type(response, other.media_type()) {
        Err(Reason::new(Code::StatusTokenInvalid, "the list is served in the form of another kind of credential"))
    } else {
        Err(unavailable("the host of the list answers with another content type"))
    }
}
