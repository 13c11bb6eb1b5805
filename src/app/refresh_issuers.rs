//! Keys of issuers: read anew every hour from the metadata of those that the configuration names, and of nobody else. No
//! token makes anything be asked (VC-23, VC-28). Bad keys never replace good ones, and keys that are not confirmed for a
//! day are not used any more.

use super::App;
use super::ports::{FetchError, FetchRequest, FetchResponse, Kept, Validators};
use super::refresh_trust::Refreshed;
use super::source_standings::{BesideStanding, count};
use crate::domain::jose::key_set::KeySet;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::StatusOrigin;
use crate::domain::trust::issuer_metadata::{
    ConfirmedKeys, HeldIssuer, IssuerPlan, PublishedKeys, kept_document, read_key_set,
};
use crate::domain::trust::listed::TrustPlan;
use std::sync::{Arc, Mutex, PoisonError};

/// How often keys are read anew, in seconds.
const REFRESH_SECONDS: i64 = 3_600;
/// How soon they are tried again after a failure, in seconds.
const RETRY_SECONDS: i64 = 60;
/// Longest time for fetching one document, redirects included.
const FETCH_MILLISECONDS: u64 = 10_000;

/// The media type of metadata, and those of key sets (SD-JWT VC section 4.1, RFC 7517 section 8.5).
const METADATA: &[&str] = &["application/json"];
const KEY_SET: &[&str] = &["application/jwk-set+json", "application/json"];

/// The keys that are held, by the plan they belong to.
#[derive(Debug, Default)]
pub struct IssuerStates(Mutex<Vec<State>>);

#[derive(Debug, Clone)]
struct State {
    plan: IssuerPlan,
    confirmed: Option<ConfirmedKeys>,
    next_try: UnixSeconds,
    fault: Option<Reason>,
    refreshes: Vec<(&'static str, u64)>,
}

/// The issuers of all plans, each once.
pub fn plans<'p>(plans: impl Iterator<Item = &'p TrustPlan>) -> Vec<IssuerPlan> {
    let mut issuers: Vec<IssuerPlan> = Vec::new();
    for issuer in plans.flat_map(|plan| &plan.issuers) {
        if !issuers.contains(issuer) {
            issuers.push(issuer.clone());
        }
    }
    issuers
}

/// Reads keys that were kept between runs.
///
/// # Errors
/// [`Code::TrustUnavailable`] as for [`IssuerPlan::read`].
pub fn read_kept(plan: &IssuerPlan, kept: &Kept, now: UnixSeconds) -> Result<ConfirmedKeys, Reason> {
    match plan.read(&kept.document)? {
        // A clock that was set back must not make them live longer.
        PublishedKeys::Here(keys) => {
            Ok(ConfirmedKeys { keys: Arc::new(keys), confirmed_at: kept.confirmed_at.min(now) })
        }
        PublishedKeys::At(_) => Err(unavailable("the kept keys are not there".to_owned())),
    }
}

impl IssuerStates {
    fn states(&self) -> std::sync::MutexGuard<'_, Vec<State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys that are held.
    pub fn held(&self) -> Vec<HeldIssuer> {
        let held = |state: &State| {
            let confirmed = state.confirmed.clone()?;
            Some(HeldIssuer { plan: state.plan.clone(), confirmed })
        };
        self.states().iter().filter_map(held).collect()
    }

    fn state(&self, plan: &IssuerPlan) -> Option<State> {
        self.states().iter().find(|state| state.plan == *plan).cloned()
    }

    /// Notes when to try again, and the keys if there are new ones; without, those that are held stay.
    fn put(&self, plan: &IssuerPlan, confirmed: Option<ConfirmedKeys>, next_try: UnixSeconds) {
        let mut states = self.states();
        if let Some(state) = states.iter_mut().find(|state| state.plan == *plan) {
            state.confirmed = confirmed.or_else(|| state.confirmed.take());
            state.next_try = next_try;
        } else {
            let (fault, refreshes) = (None, Vec::new());
            states.push(State { plan: plan.clone(), confirmed, next_try, fault, refreshes });
        }
    }

    /// Notes what became of a try.
    fn note(&self, plan: &IssuerPlan, refreshed: &Refreshed) {
        if let Some(state) = self.states().iter_mut().find(|state| state.plan == *plan) {
            state.fault = refreshed.fault().cloned();
            count(&mut state.refreshes, refreshed.outcome());
        }
    }

    /// How the keys of these issuers stand.
    pub(super) fn standings(&self, plans: Vec<IssuerPlan>) -> Vec<BesideStanding> {
        let standing = |plan: IssuerPlan| {
            let state = self.state(&plan);
            let confirmed = state.as_ref().and_then(|state| state.confirmed.as_ref());
            BesideStanding {
                kind: "issuer_keys",
                name: plan.issuer,
                usable_until: confirmed.map(ConfirmedKeys::usable_until),
                fault: state.as_ref().and_then(|state| state.fault.clone()),
                refreshes: state.map(|state| state.refreshes).unwrap_or_default(),
            }
        };
        plans.into_iter().map(standing).collect()
    }
}

impl App {
    fn issuer_plans(&self) -> Vec<IssuerPlan> {
        plans(self.trust_plans())
    }

    /// Takes up the keys that were kept; they are asked for at once all the same. What is kept but not good is told.
    pub(super) async fn load_kept_issuers(&self, faults: &mut Vec<(String, Reason)>) {
        for plan in self.issuer_plans() {
            let now = self.now();
            let read = match self.lists.load(&plan.kept_name()).await {
                Ok(None) => continue,
                Ok(Some(kept)) => read_kept(&plan, &kept, now),
                Err(error) => Err(unavailable(format!("the kept keys cannot be read: {error}"))),
            };
            match read {
                Ok(confirmed) => self.issuers.put(&plan, Some(confirmed), now),
                Err(reason) => faults.push((plan.issuer, reason)),
            }
        }
    }

    /// Reads the keys of an issuer, if they are due; what became of them.
    pub(super) async fn refresh_issuer(&self, plan: IssuerPlan) -> Option<(String, Refreshed)> {
        let before = self.issuers.state(&plan);
        if before.as_ref().is_some_and(|state| self.now() < state.next_try) {
            return None;
        }
        let read = self.read_issuer(&plan).await;
        let now = self.now();
        let refreshed = match read {
            Err(reason) => {
                self.issuers.put(&plan, None, now.plus(RETRY_SECONDS));
                Refreshed::Failed(reason)
            }
            Ok(keys) => {
                let known = before.and_then(|state| state.confirmed);
                let same = known.is_some_and(|known| known.keys.digest() == keys.digest());
                let document = kept_document(&plan.issuer, &keys);
                let confirmed = ConfirmedKeys { keys: Arc::new(keys), confirmed_at: now };
                self.issuers.put(&plan, Some(confirmed), now.plus(REFRESH_SECONDS));
                // The keys count all the same; only a restart would not have them.
                match self.lists.save(&plan.kept_name(), now, document).await {
                    Err(error) => Refreshed::Failed(unavailable(format!("the keys cannot be kept: {error}"))),
                    Ok(()) if same => Refreshed::Confirmed,
                    Ok(()) => Refreshed::Changed { sequence: 0 },
                }
            }
        };
        self.issuers.note(&plan, &refreshed);
        Some((plan.issuer, refreshed))
    }

    /// The keys that an issuer publishes now.
    async fn read_issuer(&self, plan: &IssuerPlan) -> Result<KeySet, Reason> {
        let metadata = self.fetch_json(plan.metadata_url(), METADATA, [plan.origin()]).await?;
        match plan.read(&metadata)? {
            PublishedKeys::Here(keys) => Ok(keys),
            PublishedKeys::At(address) => read_key_set(&self.fetch_json(&address, KEY_SET, plan.key_hosts()).await?),
        }
    }

    /// A document of one of these media types, from these origins only, redirects included (VC-26, VC-27).
    async fn fetch_json(
        &self,
        url: &str,
        media_types: &[&str],
        origins: impl IntoIterator<Item = &StatusOrigin>,
    ) -> Result<Vec<u8>, Reason> {
        let request = FetchRequest {
            url: url.to_owned(),
            accept: "application/json, application/jwk-set+json;q=0.9",
            max_bytes: limits::ISSUER_METADATA_BYTES,
            timeout_ms: FETCH_MILLISECONDS,
            max_redirects: 2,
            allowed_hosts: origins.into_iter().map(StatusOrigin::text).collect(),
            validators: Validators::default(),
        };
        let refused = |error: FetchError| unavailable(format!("the keys of the issuer cannot be fetched: {error}"));
        let response = self.fetch_in_turn(request).await.map_err(refused)?;
        if response.status != 200 {
            return Err(unavailable(format!("the host of the issuer answers with status {}", response.status)));
        }
        if !is_of(&response, media_types) {
            return Err(unavailable("the host of the issuer answers with another media type".to_owned()));
        }
        Ok(response.body)
    }
}

/// Whether an answer is of one of these media types; parameters such as `charset` say nothing here.
fn is_of(response: &FetchResponse, media_types: &[&str]) -> bool {
    let essence = response.content_type.as_deref().and_then(|text| text.split(';').next()).unwrap_or_default().trim();
    media_types.iter().any(|media_type| essence.eq_ignore_ascii_case(media_type))
}

fn unavailable(detail: String) -> Reason {
    Reason::new(Code::TrustUnavailable, detail)
}
