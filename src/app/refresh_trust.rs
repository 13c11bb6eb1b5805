//! Trust lists: asked for on a schedule, kept for restarts, put in force whole. A bad new list never replaces a good old
//! one, and one that is not confirmed in time is not used any more.
//!
//! Rules kept here: TL-03, TL-17.

use super::App;
use super::in_turn::apart;
use super::pivots;
use super::ports::{FetchError, FetchRequest, KeepFailed, Kept, KeptLists, Validators};
use crate::domain::jose::hash::sha256;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::StatusOrigin;
use crate::domain::trust::listed::HeldList;
use crate::domain::trust_list::plan::{ListPlan, Place};
use crate::domain::trust_list::{self, Notation, Pointer, TrustList};
use crate::domain::x509::Certificate;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Longest time for fetching a list, redirects included.
const FETCH_MILLISECONDS: u64 = 30_000;
/// Shortest and longest time between two tries after a failure, in seconds.
const RETRY_BOUNDS: (i64, i64) = (30, 900);
/// Most lists that one list of lists may lead to.
const FOLLOWED: usize = 64;

/// The lists of a service and how they stand.
#[derive(Default)]
pub struct TrustLists {
    plans: Vec<ListPlan>,
    kept: Option<Arc<dyn KeptLists>>,
    states: Mutex<BTreeMap<String, State>>,
    /// When the sources were put together last.
    composed_at: Mutex<Option<UnixSeconds>>,
    /// Refreshes since the start by list and outcome.
    counts: Mutex<BTreeMap<(String, &'static str), u64>>,
}

/// How one list stands.
#[derive(Debug, Clone, Default)]
struct State {
    held: Option<Held>,
    /// The newest edition that was ever seen: there is no way back, also when it is not held any more (TL-10).
    newest: Option<Newest>,
    /// Why the last try brought nothing; `None` if it did.
    fault: Option<Reason>,
    failures: u32,
    next_try: Option<UnixSeconds>,
}

#[derive(Debug, Clone)]
struct Newest {
    sequence: u64,
    issued_at: UnixSeconds,
    /// The pivots that it announced: a later edition may announce more, not fewer.
    pivots: Vec<String>,
}

impl Newest {
    fn of(list: &TrustList, pivots: Vec<String>) -> Self {
        Self { sequence: list.sequence, issued_at: list.issued_at, pivots }
    }
}

#[derive(Debug, Clone)]
struct Held {
    /// By whom, of which type and from where it was taken ([`mark`]): for another plan it is verified anew.
    mark: [u8; 32],
    pivots: Vec<String>,
    list: Arc<TrustList>,
    confirmed_at: UnixSeconds,
    validators: Validators,
    usable_until: UnixSeconds,
}

/// How a list stands, for operators.
#[derive(Debug, Clone)]
pub struct ListStanding {
    /// Its name.
    pub name: String,
    /// The edition that is held, if any.
    pub list: Option<Arc<TrustList>>,
    /// When it was confirmed to be the newest.
    pub confirmed_at: Option<UnixSeconds>,
    /// First second at which it may no longer be used, unless it is confirmed anew.
    pub usable_until: Option<UnixSeconds>,
    /// Why the last try brought nothing.
    pub fault: Option<Reason>,
    /// When it is tried again.
    pub next_try: Option<UnixSeconds>,
}

/// What became of one list in a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// Another edition is in force.
    Changed {
        /// Its sequence number.
        sequence: u64,
    },
    /// The same edition was confirmed.
    Confirmed,
    /// Nothing came, or nothing good; what was held before stays.
    Failed(Reason),
}

impl Refreshed {
    /// Why nothing good came, if so.
    pub const fn fault(&self) -> Option<&Reason> {
        match self {
            Self::Failed(reason) => Some(reason),
            Self::Changed { .. } | Self::Confirmed => None,
        }
    }

    /// `changed`, `confirmed` or the code of the failure.
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Changed { .. } => "changed",
            Self::Confirmed => "confirmed",
            Self::Failed(reason) => reason.code.as_str(),
        }
    }
}

impl TrustLists {
    /// Of these plans, kept there between runs; none is held yet.
    pub fn new(plans: Vec<ListPlan>, kept: Arc<dyn KeptLists>) -> Self {
        Self { plans, kept: Some(kept), ..Self::default() }
    }

    /// When the sources were put together last.
    pub(super) fn composed_at(&self) -> Option<UnixSeconds> {
        *self.composed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_composed(&self, now: UnixSeconds) {
        *self.composed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    fn kept(&self) -> Result<&dyn KeptLists, KeepFailed> {
        self.kept.as_deref().ok_or_else(|| KeepFailed("lists are not kept here".to_owned()))
    }

    /// The contents of a file that the configuration names.
    pub(super) async fn read_file(&self, path: &str) -> Result<Vec<u8>, KeepFailed> {
        self.kept()?.read_file(path.to_owned()).await
    }

    /// Keeps a document; where nothing is kept, nothing is to be done.
    pub(super) async fn save(&self, name: &str, at: UnixSeconds, document: Vec<u8>) -> Result<(), KeepFailed> {
        match &self.kept {
            Some(kept) => {
                kept.save(name.to_owned(), Kept { document, confirmed_at: at, validators: Validators::default() }).await
            }
            None => Ok(()),
        }
    }

    pub(super) async fn load(&self, name: &str) -> Result<Option<Kept>, KeepFailed> {
        self.kept()?.load(name.to_owned()).await
    }

    /// The plans.
    pub fn plans(&self) -> &[ListPlan] {
        &self.plans
    }

    fn count(&self, list: &str, outcome: &'static str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry((list.to_owned(), outcome)).or_default();
        *count = count.saturating_add(1);
    }

    /// How often each list was refreshed since the start, by outcome ([`Refreshed::outcome`]).
    pub fn refreshes(&self) -> Vec<(String, &'static str, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((list, outcome), count)| (list.clone(), *outcome, *count)).collect()
    }

    /// How every list stands, those that others lead to included.
    pub fn standings(&self) -> Vec<ListStanding> {
        let states = self.states();
        let configured = self.plans.iter().map(|plan| plan.name.clone());
        let mut names: Vec<String> = configured.chain(states.keys().cloned()).collect();
        names.sort_unstable();
        names.dedup();
        let standing = |name: String| {
            let state = states.get(&name).cloned().unwrap_or_default();
            let held = state.held.as_ref();
            ListStanding {
                name,
                list: held.map(|held| Arc::clone(&held.list)),
                confirmed_at: held.map(|held| held.confirmed_at),
                usable_until: held.map(|held| held.usable_until.min(held.list.next_update)),
                fault: state.fault,
                next_try: state.next_try,
            }
        };
        names.into_iter().map(standing).collect()
    }

    /// The lists that are held.
    pub fn held(&self) -> Vec<HeldList> {
        let held = |(name, state): (&String, &State)| {
            let held = state.held.as_ref()?;
            Some(HeldList { name: name.clone(), list: Arc::clone(&held.list), usable_until: held.usable_until })
        };
        self.states().iter().filter_map(held).collect()
    }

    fn states(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self, name: &str) -> State {
        self.states().get(name).cloned().unwrap_or_default()
    }

    /// Takes an edition that was kept, if it is good and newer than what is held.
    ///
    /// # Errors
    /// As [`trust_list::read`].
    pub fn adopt(
        &self,
        plan: &ListPlan,
        kept: Kept,
        pivots: &[(String, Vec<u8>)],
        now: UnixSeconds,
    ) -> Result<bool, Reason> {
        let newest = self.newest(&plan.name);
        if !self.is_newer(plan, &kept, now) {
            return Ok(false);
        }
        self.settle(plan, judge_kept(plan, kept, pivots, newest.as_ref(), now)).map(|()| true)
    }

    /// Whether a kept edition was confirmed later than the one that is held.
    fn is_newer(&self, plan: &ListPlan, kept: &Kept, now: UnixSeconds) -> bool {
        let held = self.state(&plan.name).held;
        held.is_none_or(|held| held.confirmed_at < kept.confirmed_at.min(now))
    }

    fn newest(&self, name: &str) -> Option<Newest> {
        self.states().get(name).and_then(|state| state.newest.clone())
    }

    /// Notes what was found out about a kept edition.
    fn settle(&self, plan: &ListPlan, judged: Judged) -> Result<(), Reason> {
        let mut states = self.states();
        let state = states.entry(plan.name.clone()).or_default();
        match judged {
            Judged::Good(held) => {
                state.newest = Some(Newest::of(&held.list, held.pivots.clone()));
                state.held = Some(*held);
                state.fault = None;
                Ok(())
            }
            Judged::Bad { reason, ended } => {
                state.newest = state.newest.take().or(ended);
                Err(reason)
            }
        }
    }

    /// The lists that a list of lists leads to, as far as the configuration lets them be followed.
    pub fn children(&self, plan: &ListPlan, now: UnixSeconds) -> Vec<ListPlan> {
        let Some(held) = self.state(&plan.name).held else { return Vec::new() };
        if now >= held.usable_until.min(held.list.next_update) {
            return Vec::new();
        }
        let mut children: Vec<ListPlan> = Vec::new();
        for child in held.list.pointers.iter().filter_map(|pointer| child(plan, pointer)).take(FOLLOWED) {
            // One list for each territory: the first that is named.
            if !children.iter().any(|known| known.name == child.name) {
                children.push(child);
            }
        }
        children
    }

    fn confirm(&self, plan: &ListPlan, held: Held, next_try: UnixSeconds) {
        let usable_until = plan.confirmed_until(held.confirmed_at);
        let newest = Some(Newest::of(&held.list, held.pivots.clone()));
        let held = Some(Held { usable_until, ..held });
        let state = State { held, newest, fault: None, failures: 0, next_try: Some(next_try) };
        self.states().insert(plan.name.clone(), state);
    }

    /// What the host knows of the edition does not count any more: it is fetched whole the next time.
    fn fetch_whole(&self, plan: &ListPlan) {
        if let Some(held) = self.states().get_mut(&plan.name).and_then(|state| state.held.as_mut()) {
            held.validators = Validators::default();
        }
    }

    /// Gives up an edition that was taken by other signers than those of now, or from elsewhere.
    fn give_up_other(&self, plan: &ListPlan) -> bool {
        let mut states = self.states();
        let Some(state) = states.get_mut(&plan.name) else { return false };
        let other = state.held.as_ref().is_some_and(|held| held.mark != mark(plan));
        if other {
            state.held = None;
            state.next_try = None;
        }
        other
    }

    /// Notes a failure. The next try comes soon at first, and never later than the list would be asked for anyway.
    fn fail(&self, plan: &ListPlan, fault: Reason, now: UnixSeconds) {
        let mut states = self.states();
        let state = states.entry(plan.name.clone()).or_default();
        let (least, most) = RETRY_BOUNDS;
        let most = most.min(plan.refresh_seconds).max(least);
        let wait = least.saturating_mul(1_i64.checked_shl(state.failures.min(16)).unwrap_or(i64::MAX)).min(most);
        state.failures = state.failures.saturating_add(1);
        state.next_try = Some(now.plus(wait));
        state.fault = Some(fault);
    }

    /// Gives up lists that nobody leads to any more. What was the newest of them stays known; territories are few.
    pub(super) fn keep_only(&self, parent: &str, children: &[String]) {
        for (name, state) in self.states().iter_mut() {
            let below = name.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'));
            if below && !children.contains(name) {
                state.held = None;
                state.next_try = None;
            }
        }
    }
}

impl App {
    /// Reads what was kept before, and puts it in force: a restart needs no network. What is kept but not good is told.
    pub async fn load_kept_lists(&self) -> Vec<(String, Reason)> {
        let mut faults = Vec::new();
        for plan in self.lists.plans() {
            self.load_kept(plan, &mut faults).await;
            for child in self.lists.children(plan, self.now()) {
                self.load_kept(&child, &mut faults).await;
            }
        }
        self.load_kept_issuers(&mut faults).await;
        self.put_in_force();
        faults
    }

    async fn load_kept(&self, plan: &ListPlan, faults: &mut Vec<(String, Reason)>) {
        let adopted = match self.lists.load(&plan.name).await {
            Ok(None) => return,
            Ok(Some(kept)) => self.adopt_kept(plan, kept).await,
            Err(error) => Err(Reason::new(Code::TrustUnavailable, format!("the kept list cannot be read: {error}"))),
        };
        if let Err(reason) = adopted {
            self.lists.fail(plan, reason.clone(), self.now());
            faults.push((plan.name.clone(), reason));
        }
    }

    /// Takes what was kept, with the pivots that were kept beside it.
    async fn adopt_kept(&self, plan: &ListPlan, kept: Kept) -> Result<(), Reason> {
        let (kept, announced) = announced_apart(plan, kept, |kept| &kept.document).await?;
        let mut pivots = Vec::new();
        for location in announced {
            if let Ok(Some(pivot)) = self.lists.load(&pivots::kept_name(plan, &location)).await {
                pivots.push((location, pivot.document));
            }
        }
        let now = self.now();
        if self.lists.is_newer(plan, &kept, now) {
            let (size, owned, newest) = (kept.document.len(), plan.clone(), self.lists.newest(&plan.name));
            let judged = apart(size, move || judge_kept(&owned, kept, &pivots, newest.as_ref(), now)).await?;
            self.lists.settle(plan, judged)?;
        }
        Ok(())
    }

    /// Asks for a list, if it is due; what became of it.
    pub(super) async fn refresh_if_due(&self, plan: &ListPlan) -> Option<(String, Refreshed)> {
        let now = self.now();
        // A list of lists may name other signers by now: nothing that others signed stays in use for that.
        self.lists.give_up_other(plan);
        let state = self.lists.state(&plan.name);
        // A try that lies further ahead than the interval was planned by another clock.
        if state.next_try.is_some_and(|at| now < at && at.since(now) <= plan.refresh_seconds) {
            return None;
        }
        let result = match &plan.place {
            Place::Url(url) => self.refresh_from(plan, url, state.held).await,
            Place::File(path) => self.refresh_file(plan, path, state.held).await,
            Place::Imported => self.refresh_imported(plan, state.held).await,
        };
        let refreshed = result.unwrap_or_else(|reason| {
            self.lists.fail(plan, reason.clone(), self.now());
            Refreshed::Failed(reason)
        });
        self.lists.count(&plan.name, refreshed.outcome());
        Some((plan.name.clone(), refreshed))
    }

    async fn refresh_from(&self, plan: &ListPlan, url: &str, held: Option<Held>) -> Result<Refreshed, Reason> {
        let unavailable = |detail: String| Reason::new(Code::TrustUnavailable, detail);
        let validators = held.as_ref().map(|held| held.validators.clone()).unwrap_or_default();
        let request = list_request(plan, url, validators);
        let response = self.fetch_in_turn(request).await.map_err(|error| match error {
            FetchError::TooLarge => Reason::new(Code::TrustListTooLarge, "the document is above the limit"),
            other => unavailable(format!("the list cannot be fetched: {other}")),
        })?;
        match (response.status, held) {
            (304, Some(held)) => {
                // The same edition once more; its own end may have come meanwhile.
                plan.rules(Some(held.list.sequence), self.now()).check_end(Some(held.list.next_update))?;
                let kept = self.lists.load(&plan.name).await.ok().flatten();
                let Some(kept) = kept.filter(|kept| sha256(&kept.document) == held.list.digest) else {
                    self.lists.fetch_whole(plan);
                    return Err(unavailable("what is kept is another edition; it is fetched whole".to_owned()));
                };
                self.keep(plan, held, kept.document).await
            }
            (200, held) => self.take(plan, response.body, response.validators, held).await,
            _ => Err(unavailable(format!("the host answers with status {}", response.status))),
        }
    }

    async fn refresh_file(&self, plan: &ListPlan, path: &str, held: Option<Held>) -> Result<Refreshed, Reason> {
        let unreadable = |error: KeepFailed| {
            Reason::new(Code::TrustUnavailable, format!("the file of the list cannot be read: {error}"))
        };
        let document = self.lists.kept().map_err(unreadable)?.read_file(path.to_owned()).await.map_err(unreadable)?;
        self.take(plan, document, Validators::default(), held).await
    }

    async fn refresh_imported(&self, plan: &ListPlan, held: Option<Held>) -> Result<Refreshed, Reason> {
        let absent = |detail: &str| Reason::new(Code::TrustUnavailable, detail.to_owned());
        let kept = self.lists.load(&plan.name).await;
        let kept = kept.map_err(|error| absent(&format!("the kept list cannot be read: {error}")))?;
        let kept = kept.ok_or_else(|| absent("nothing was imported yet; see trust import"))?;
        let next_try = self.next_try(plan);
        if let Some(held) = held.filter(|held| held.confirmed_at >= kept.confirmed_at) {
            plan.rules(Some(held.list.sequence), self.now()).check_end(Some(held.list.next_update))?;
            self.lists.confirm(plan, held, next_try);
            return Ok(Refreshed::Confirmed);
        }
        self.adopt_kept(plan, kept).await?;
        let held = self.lists.state(&plan.name).held.ok_or_else(|| absent("the kept list is not usable"))?;
        let sequence = held.list.sequence;
        self.lists.confirm(plan, held, next_try);
        Ok(Refreshed::Changed { sequence })
    }

    /// Verifies a document and holds it, if it is good.
    async fn take(
        &self,
        plan: &ListPlan,
        document: Vec<u8>,
        validators: Validators,
        held: Option<Held>,
    ) -> Result<Refreshed, Reason> {
        let now = self.now();
        let (document, list, pivots, refreshed) = match held {
            Some(held) if held.list.digest == sha256(&document) => {
                plan.rules(Some(held.list.sequence), now).check_end(Some(held.list.next_update))?;
                (document, held.list, held.pivots, Refreshed::Confirmed)
            }
            _ => {
                let (document, pivots) = announced_apart(plan, document, |document| document).await?;
                let signed_by = self.after_pivots(plan, &pivots).await?;
                let (newest, announced) = (self.lists.newest(&plan.name), pivots.clone());
                let (document, list) = apart(document.len(), move || {
                    let list = read_newer(&signed_by, &document, newest.as_ref(), &announced, now);
                    list.map(|list| (document, list))
                })
                .await??;
                let sequence = list.sequence;
                (document, Arc::new(list), pivots, Refreshed::Changed { sequence })
            }
        };
        let held = Held { mark: mark(plan), pivots, list, confirmed_at: now, validators, usable_until: now };
        self.keep(plan, held, document).await.map(|_| refreshed)
    }

    async fn keep(&self, plan: &ListPlan, held: Held, document: Vec<u8>) -> Result<Refreshed, Reason> {
        let held = Held { confirmed_at: self.now(), ..held };
        let (confirmed_at, validators) = (held.confirmed_at, held.validators.clone());
        self.lists.confirm(plan, held, self.next_try(plan));
        // The list is good and in force all the same; only a restart would not have it, and could be rolled back.
        let saved = match self.lists.kept() {
            Ok(kept) => kept.save(plan.name.clone(), Kept { document, confirmed_at, validators }).await,
            Err(error) => Err(error),
        };
        saved.map_err(|error| {
            self.lists.fetch_whole(plan);
            Reason::new(Code::TrustUnavailable, format!("the list cannot be kept: {error}"))
        })?;
        Ok(Refreshed::Confirmed)
    }

    /// After its time of refresh, up to a tenth earlier, so that many verifiers do not ask in the same second.
    fn next_try(&self, plan: &ListPlan) -> UnixSeconds {
        let mut byte = [0_u8; 1];
        // Without randomness the service is not ready anyway; the schedule then merely loses its spread.
        self.ports.entropy.fill(&mut byte).ok();
        let spread = plan.refresh_seconds.saturating_mul(i64::from(byte[0])).div_euclid(2_560);
        self.now().plus(plan.refresh_seconds.saturating_sub(spread))
    }

    /// How every trust list stands.
    pub fn trust_lists(&self) -> &TrustLists {
        &self.lists
    }
}

/// What a document announces, with the document back; `text` finds its bytes.
async fn announced_apart<T: Send + 'static>(
    plan: &ListPlan,
    document: T,
    text: impl Fn(&T) -> &Vec<u8> + Send + 'static,
) -> Result<(T, Vec<String>), Reason> {
    let plan = plan.clone();
    apart(text(&document).len(), move || {
        pivots::announced(&plan, text(&document)).map(|announced| (document, announced))
    })
    .await?
}

/// What was found out about an edition that was kept.
enum Judged {
    /// It may be held.
    Good(Box<Held>),
    /// It may not.
    Bad {
        /// Why.
        reason: Reason,
        /// It was good when it was confirmed, and merely ended since: it is still what later editions must follow.
        ended: Option<Newest>,
    },
}

/// Judges an edition that was kept, by its pivots.
fn judge_kept(
    plan: &ListPlan,
    kept: Kept,
    pivots: &[(String, Vec<u8>)],
    newest: Option<&Newest>,
    now: UnixSeconds,
) -> Judged {
    let bad = |reason: Reason| Judged::Bad { reason, ended: None };
    // Whatever a wrong clock wrote, nothing was confirmed later than now.
    let confirmed_at = kept.confirmed_at.min(now);
    let announced = match pivots::announced(plan, &kept.document) {
        Ok(announced) => announced,
        Err(reason) => return bad(reason),
    };
    let mut followed = Vec::new();
    for location in &announced {
        let Some(pivot) = pivots.iter().find(|(there, _)| there == location) else {
            let detail = format!("the pivot {location} of the list of lists was not kept");
            return bad(Reason::new(Code::TrustUnavailable, detail));
        };
        followed.push(pivot.clone());
    }
    let signed_by = match pivots::with_signers(plan, &followed, now) {
        Ok(signed_by) => signed_by,
        Err(reason) => return bad(reason),
    };
    match read_newer(&signed_by, &kept.document, newest, &announced, now) {
        Ok(list) => Judged::Good(Box::new(Held {
            mark: mark(plan),
            pivots: announced,
            list: Arc::new(list),
            confirmed_at,
            validators: kept.validators,
            usable_until: plan.confirmed_until(confirmed_at),
        })),
        Err(reason) => {
            let then = || trust_list::read(plan.notation, &kept.document, signed_by.rules(None, confirmed_at));
            let ended = if newest.is_none() { then().ok() } else { None };
            Judged::Bad { reason, ended: ended.map(|ended| Newest::of(&ended, announced)) }
        }
    }
}

/// What is asked of the host of a list. Redirects stay on its own host.
pub(super) fn list_request(plan: &ListPlan, url: &str, validators: Validators) -> FetchRequest {
    FetchRequest {
        url: url.to_owned(),
        accept: match plan.notation {
            Notation::Lote => "application/jose, application/jwt, application/json;q=0.9, */*;q=0.1",
            Notation::TrustedList => "application/vnd.etsi.tsl+xml, application/xml;q=0.9, */*;q=0.1",
        },
        max_bytes: limits::TRUST_LIST_BYTES,
        timeout_ms: FETCH_MILLISECONDS,
        max_redirects: 2,
        allowed_hosts: plan.own_origin().into_iter().collect(),
        validators,
    }
}

/// Reads an edition that is to follow the one that is held. Lists that are signed anew every day under the same number
/// tell old from new by the time of their issue (TL-10).
///
/// A list of lists goes on announcing the pivots that were followed: otherwise a signer whom one of them took out could sign
/// again, as if it had never been (case TRU-016).
fn read_newer(
    plan: &ListPlan,
    document: &[u8],
    newest: Option<&Newest>,
    pivots: &[String],
    now: UnixSeconds,
) -> Result<TrustList, Reason> {
    let list = trust_list::read(plan.notation, document, plan.rules(newest.map(|newest| newest.sequence), now))?;
    if newest.is_some_and(|newest| list.sequence == newest.sequence && list.issued_at < newest.issued_at) {
        return Err(Reason::new(Code::TrustListRollback, "the list was issued before one seen with the same number"));
    }
    if newest.is_some_and(|newest| !pivots.starts_with(&newest.pivots)) {
        return Err(Reason::new(
            Code::TrustListSignatureInvalid,
            "pivots that were followed are not announced any more",
        ));
    }
    Ok(list)
}

/// By whom a list is signed, of which type it is and where it comes from.
fn mark(plan: &ListPlan) -> [u8; 32] {
    let mut text: Vec<u8> = plan.signers.iter().flat_map(Certificate::fingerprint).collect();
    text.extend_from_slice(format!("{:?} {}", plan.place, plan.list_type).as_bytes());
    sha256(&text)
}

/// The plan for a list that another one points to: signed by whom that one names, at an origin that the configuration
/// allows, of the same notation. A list never names its own signers (TL-04).
fn child(plan: &ListPlan, pointer: &Pointer) -> Option<ListPlan> {
    let territory = pointer.territory.as_ref().filter(|territory| plan.territories.contains(territory))?;
    let list_type = pointer.list_type.clone().filter(|list_type| *list_type != plan.list_type)?;
    let origin = StatusOrigin::of_url(&pointer.location)?.text();
    if !plan.followed_origins.contains(&origin) || !is_of_notation(pointer, plan.notation) {
        return None;
    }
    Some(ListPlan {
        name: format!("{}/{territory}", plan.name),
        // Where one is imported for want of a way out, so are those that it leads to.
        place: match plan.place {
            Place::Imported => Place::Imported,
            Place::Url(_) | Place::File(_) => Place::Url(pointer.location.clone()),
        },
        signers: pointer.signers.clone(),
        list_type,
        territories: Vec::new(),
        followed_origins: Vec::new(),
        ..plan.clone()
    })
}

/// Lists exist in forms for people as well; only the one for machines is read.
fn is_of_notation(pointer: &Pointer, notation: Notation) -> bool {
    match (notation, pointer.media_type.as_deref()) {
        (_, None) => true,
        (Notation::TrustedList, Some(media)) => media == "application/vnd.etsi.tsl+xml",
        (Notation::Lote, Some(media)) => {
            matches!(
                media,
                "application/json" | "application/jose" | "application/jwt" | "application/vnd.etsi.lote+json"
            )
        }
    }
}
