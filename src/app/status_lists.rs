//! The status lists that are held, which of them are kept warm, and how they stand.
//!
//! Nothing here is about a person: a list is known by its address and its trust source, and of its use only the hour is
//! kept. An entry is forgotten when nobody needed its list for a week.

use crate::domain::ids::TenantId;
use crate::domain::reason::{Code, Reason};
use crate::domain::status_list::{StatusList, TokenForm};
use crate::domain::time::{ClockSkew, UnixSeconds};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Mutex as AsyncMutex;

/// Most lists that are held.
const LISTS: usize = 512;
/// Most bytes of all lists together, inflated ones and their tokens.
const BYTES: usize = 256 * 1024 * 1024;
/// For how long a list is kept warm after it was last needed, in seconds.
const KEPT_WARM: i64 = 7 * 24 * 3600;
/// How exactly it is remembered when a list was needed, in seconds.
const NEED_GRAIN: i64 = 3600;
/// Shortest and longest time between a failure and the next fetch that an answer may cause, in seconds.
const RETRY_BOUNDS: (i64, i64) = (5, 60);
/// The same for fetches that nobody waits for.
const BACKGROUND_BOUNDS: (i64, i64) = (30, 900);
/// The background fetches a list at least so many seconds before it would be asked for by an answer: more than the time
/// between two rounds.
const HEAD_START: i64 = 20;
/// A list with fewer entries hides nobody among others (Token Status List section 12.2).
const TINY_ENTRIES: u64 = 1_024;
/// So many tiny lists of one source, and more than half of all its lists, are a sign of tracking (TSL-58).
const MANY_TINY: usize = 8;

/// By what a list is found. Tenants share no entry, because their trust differs; they do share what was fetched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) tenant: TenantId,
    pub(super) source: String,
    pub(super) uri: String,
    /// What was fetched as one form is nothing in the other (case TSL-019).
    pub(super) form: TokenForm,
}

/// A random share of a span of time, so that many verifiers do not ask in the same second, nor one at the same intervals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread(pub(super) u8);

impl Spread {
    fn of(self, span: i64) -> i64 {
        span.saturating_mul(i64::from(self.0)).div_euclid(256)
    }
}

/// The lists by their keys.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
    counts: Mutex<BTreeMap<String, Counts>>,
}

#[derive(Debug, Default, Clone)]
struct Counts {
    needs: u64,
    fetches: BTreeMap<&'static str, u64>,
}

/// One list. The lock is held while it is fetched, so that a thousand answers cause one fetch (TSL-54, case TSL-033);
/// entries with one address have one lock.
#[derive(Debug)]
pub(super) struct Slot {
    state: Mutex<State>,
    pub(super) fetching: Arc<AsyncMutex<()>>,
}

#[derive(Debug, Clone)]
struct State {
    kept: Option<Kept>,
    /// `iat` of the newest list seen: there is no way back, whatever becomes of the list itself (case TSL-024).
    newest: Option<UnixSeconds>,
    needed_at: UnixSeconds,
    /// When the background fetches it.
    due_at: UnixSeconds,
    failure: Option<Failure>,
}

/// A list that was fetched, and by which trust data it was judged.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) list: Arc<StatusList>,
    /// As it came: other trust data judge it anew without asking its host.
    pub(super) token: Arc<[u8]>,
    pub(super) trust: [u8; 32],
    pub(super) fetched_at: UnixSeconds,
    refresh_at: UnixSeconds,
}

#[derive(Debug, Clone)]
struct Failure {
    reason: Reason,
    retry_at: UnixSeconds,
    count: u32,
}

impl Kept {
    pub(super) fn new(list: StatusList, token: Arc<[u8]>, trust: [u8; 32], fetched_at: UnixSeconds) -> Self {
        let refresh_at = list.refresh_at(fetched_at);
        Self { list: Arc::new(list), token, trust, fetched_at, refresh_at }
    }

    fn bytes(&self) -> usize {
        let bits = self.list.bits();
        let inflated = bits.len().saturating_mul(u64::from(bits.width())).div_ceil(8);
        usize::try_from(inflated).unwrap_or(usize::MAX).saturating_add(self.token.len())
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Twice as long after each failure, within bounds.
fn wait(failures: u32, (least, most): (i64, i64)) -> i64 {
    least.saturating_mul(1_i64.checked_shl(failures.min(16)).unwrap_or(i64::MAX)).min(most)
}

impl Slots {
    /// The entry of a list that is needed now or will be soon, made if there is none.
    pub(super) fn slot(&self, key: Key, now: UnixSeconds) -> Arc<Slot> {
        let mut slots = locked(&self.slots);
        // The hour only: what is kept must not tell when somebody was here.
        let hour = UnixSeconds(now.0.div_euclid(NEED_GRAIN).saturating_mul(NEED_GRAIN));
        if let Some(slot) = slots.get(&key) {
            locked(&slot.state).needed_at = hour;
            return Arc::clone(slot);
        }
        make_room(&mut slots, LISTS.saturating_sub(1), BYTES);
        let same_address = slots.iter().find(|(known, _)| known.uri == key.uri);
        let slot = Arc::new(Slot {
            state: Mutex::new(State { kept: None, newest: None, needed_at: hour, due_at: now, failure: None }),
            fetching: same_address.map(|(_, slot)| Arc::clone(&slot.fetching)).unwrap_or_default(),
        });
        slots.insert(key, Arc::clone(&slot));
        slot
    }

    /// What was fetched for another tenant or source at this address, as it came, and when; the newest of several.
    pub(super) fn fetched(&self, key: &Key, now: UnixSeconds) -> Option<(Arc<[u8]>, UnixSeconds)> {
        let slots = locked(&self.slots);
        let others = slots.iter().filter(|(known, _)| known.uri == key.uri && known.form == key.form && *known != key);
        let kept = others.filter_map(|(_, slot)| locked(&slot.state).kept.clone());
        let newest = kept.filter(|kept| now < kept.refresh_at).max_by_key(|kept| kept.fetched_at)?;
        Some((newest.token, newest.fetched_at))
    }

    /// Gives up what is above the limits, after something was put in.
    pub(super) fn trim(&self) {
        make_room(&mut locked(&self.slots), LISTS, BYTES);
    }

    /// Forgets lists that nobody needed for a week, and returns those that are due, the longest overdue first.
    pub(super) fn due(&self, now: UnixSeconds, most: usize) -> Vec<(Key, Arc<Slot>)> {
        let mut slots = locked(&self.slots);
        slots.retain(|_, slot| now.since(locked(&slot.state).needed_at) < KEPT_WARM);
        let due_at = |slot: &Slot| locked(&slot.state).due_at;
        let mut due: Vec<(UnixSeconds, Key, Arc<Slot>)> = slots
            .iter()
            .map(|(key, slot)| (due_at(slot), key.clone(), Arc::clone(slot)))
            .filter(|(at, ..)| now >= *at)
            .collect();
        due.sort_by_key(|(at, ..)| *at);
        due.into_iter().take(most).map(|(_, key, slot)| (key, slot)).collect()
    }

    /// Forgets one list.
    pub(super) fn forget(&self, key: &Key) {
        locked(&self.slots).remove(key);
    }

    /// Counts that an answer needed a list of this source.
    pub(super) fn count_need(&self, source: &str) {
        let mut counts = locked(&self.counts);
        let counts = counts.entry(source.to_owned()).or_default();
        counts.needs = counts.needs.saturating_add(1);
    }

    /// Counts a fetch for this source. The outcome is `ok` or a code.
    pub(super) fn count_fetch(&self, source: &str, outcome: &'static str) {
        let mut counts = locked(&self.counts);
        let count = counts.entry(source.to_owned()).or_default().fetches.entry(outcome).or_default();
        *count = count.saturating_add(1);
    }

    /// How the lists stand, by source.
    pub(super) fn standings(&self, now: UnixSeconds) -> Vec<StatusStanding> {
        let mut standings: BTreeMap<String, StatusStanding> = BTreeMap::new();
        for (source, counts) in locked(&self.counts).iter() {
            let standing = StatusStanding::at(&mut standings, source);
            standing.needs = counts.needs;
            standing.fetches = counts.fetches.iter().map(|(outcome, count)| (*outcome, *count)).collect();
        }
        for (key, slot) in locked(&self.slots).iter() {
            let state = locked(&slot.state).clone();
            let standing = StatusStanding::at(&mut standings, &key.source);
            let Some(kept) = state.kept else { continue };
            standing.lists = standing.lists.saturating_add(1);
            standing.tiny = standing.tiny.saturating_add(usize::from(kept.list.bits().len() < TINY_ENTRIES));
            standing.bytes = standing.bytes.saturating_add(kept.bytes());
            standing.overdue = standing.overdue.saturating_add(usize::from(now >= kept.refresh_at));
            let age = now.since(kept.fetched_at).max(0);
            standing.oldest_seconds = Some(standing.oldest_seconds.map_or(age, |known| known.max(age)));
        }
        standings.into_values().collect()
    }
}

/// Gives up the lists that were needed least recently until no more than so many are left. What is in use stays.
fn make_room(slots: &mut HashMap<Key, Arc<Slot>>, most: usize, bytes: usize) {
    let size = |slot: &Slot| locked(&slot.state).kept.as_ref().map_or(0, Kept::bytes);
    let mut held: usize = slots.values().map(|slot| size(slot)).fold(0, usize::saturating_add);
    while slots.len() > most || held > bytes {
        let age = |slot: &Slot| {
            let state = locked(&slot.state);
            (state.needed_at, state.kept.as_ref().map(|kept| kept.refresh_at))
        };
        let idle = slots.iter().filter(|(_, slot)| Arc::strong_count(slot) == 1);
        let Some(key) = idle.min_by_key(|(_, slot)| age(slot)).map(|(key, _)| key.clone()) else { return };
        held = held.saturating_sub(slots.remove(&key).map_or(0, |slot| size(&slot)));
    }
}

impl Slot {
    pub(super) fn newest(&self) -> Option<UnixSeconds> {
        locked(&self.state).newest
    }

    /// The list as it is held, by whatever trust data it was judged.
    pub(super) fn kept(&self) -> Option<Kept> {
        locked(&self.state).kept.clone()
    }

    /// The list, if it was judged by this trust data and its time to be asked for has not come.
    pub(super) fn fresh(
        &self,
        key: &Key,
        trust: &[u8; 32],
        skew: ClockSkew,
        now: UnixSeconds,
    ) -> Option<Arc<StatusList>> {
        let kept = self.kept().filter(|kept| kept.trust == *trust && now < kept.refresh_at)?;
        kept.list.check_usable(&key.uri, &key.source, skew, now).is_ok().then_some(kept.list)
    }

    /// The list, if it has not expired. Without an end of its own it is not used beyond its time (TSL-51, TSL-52).
    pub(super) fn unexpired(&self, trust: &[u8; 32], now: UnixSeconds) -> Option<Arc<StatusList>> {
        let kept = self.kept().filter(|kept| kept.trust == *trust)?;
        kept.list.expires().is_some_and(|end| now < end).then_some(kept.list)
    }

    /// Why a fetch failed so short a time ago that it is not tried again now. Only what is undecided is repeated without
    /// asking: a verdict is never made from memory.
    pub(super) fn resting(&self, now: UnixSeconds) -> Option<Reason> {
        let failure = locked(&self.state).failure.clone()?;
        (failure.reason.code == Code::StatusUnavailable && now < failure.retry_at).then_some(failure.reason)
    }

    pub(super) fn is_due(&self, now: UnixSeconds) -> bool {
        now >= locked(&self.state).due_at
    }

    /// Holds a list, and says when the background asks for it again: before its time, by a span that differs each time.
    pub(super) fn hold(&self, kept: Kept, now: UnixSeconds, spread: Spread) {
        let life = kept.refresh_at.since(now).max(0);
        let lead = life.div_euclid(10).saturating_add(spread.of(life.div_euclid(5))).saturating_add(HEAD_START);
        let earliest = now.plus(BACKGROUND_BOUNDS.0);
        let mut state = locked(&self.state);
        state.newest = state.newest.max(Some(kept.list.issued_at()));
        state.due_at = kept.refresh_at.minus(lead).max(earliest);
        state.failure = None;
        state.kept = Some(kept);
    }

    /// Holds a list that was judged anew; its times stay.
    pub(super) fn judged_anew(&self, kept: Kept) {
        let mut state = locked(&self.state);
        state.newest = state.newest.max(Some(kept.list.issued_at()));
        state.kept = Some(kept);
    }

    /// Gives up a list that the trust data of now refuse.
    pub(super) fn give_up(&self) {
        locked(&self.state).kept = None;
    }

    /// Says that the background is to try later, whatever the reason.
    pub(super) fn postpone(&self, now: UnixSeconds) {
        locked(&self.state).due_at = now.plus(BACKGROUND_BOUNDS.0);
    }

    /// Notes that a fetch brought nothing good.
    pub(super) fn fail(&self, reason: Reason, now: UnixSeconds) {
        let mut state = locked(&self.state);
        let count = state.failure.as_ref().map_or(0, |failure| failure.count);
        state.due_at = now.plus(wait(count, BACKGROUND_BOUNDS));
        let retry_at = now.plus(wait(count, RETRY_BOUNDS));
        state.failure = Some(Failure { reason, retry_at, count: count.saturating_add(1) });
    }
}

/// How the status lists of one trust source stand, for operators.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusStanding {
    /// The name of the source.
    pub source: String,
    /// Lists that are held.
    pub lists: usize,
    /// Of these, lists with so few entries that they hide nobody.
    pub tiny: usize,
    /// Of these, lists whose time to be asked for again has passed.
    pub overdue: usize,
    /// What they take in memory, in bytes.
    pub bytes: usize,
    /// How long ago the oldest of them was fetched, in seconds; `None` without any.
    pub oldest_seconds: Option<i64>,
    /// How often answers needed one since the start.
    pub needs: u64,
    /// Fetches since the start by outcome: `ok` or a code.
    pub fetches: Vec<(&'static str, u64)>,
}

impl StatusStanding {
    fn at<'a>(standings: &'a mut BTreeMap<String, Self>, source: &str) -> &'a mut Self {
        standings.entry(source.to_owned()).or_insert_with(|| Self { source: source.to_owned(), ..Self::default() })
    }

    /// Whether the source seems to give every credential a list of its own, so that its host sees who is where (TSL-58).
    pub fn may_track(&self) -> bool {
        self.tiny >= MANY_TINY && self.tiny.saturating_mul(2) > self.lists
    }
}
