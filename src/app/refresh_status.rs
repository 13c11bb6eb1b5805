//! Status lists: fetched once for everybody, kept until their time, never stepped back.

use super::App;
use super::ports::{FetchError, FetchRequest, FetchResponse, Validators};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::status_list::StatusList;
use crate::domain::time::UnixSeconds;
use crate::domain::trust::{StatusOrigin, TrustAnchors};
use crate::domain::verify::{Policy, StatusLists, StatusNeed};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Mutex as AsyncMutex;

/// Longest time for a fetch, redirects included.
const FETCH_MILLISECONDS: u64 = 3_000;
/// Most lists that are kept.
const CAPACITY: usize = 64;

/// The lists that are kept, by address, trust source, and the trust data that they were judged by: what one tenant's
/// anchors accept says nothing to another's source of the same name.
#[derive(Debug, Default)]
pub struct StatusCache {
    slots: Mutex<HashMap<Key, Arc<Slot>>>,
}

type Key = (String, String, [u8; 32]);

/// One list. The lock is held while it is fetched, so that a thousand answers cause one fetch (TSL-54, case TSL-033).
#[derive(Debug, Default)]
struct Slot {
    kept: Mutex<Option<Kept>>,
    fetching: AsyncMutex<()>,
}

#[derive(Debug, Clone)]
struct Kept {
    list: Arc<StatusList>,
    refresh_at: UnixSeconds,
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

impl StatusCache {
    fn slot(&self, need: &StatusNeed, trust: &TrustAnchors) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (need.uri.clone(), need.source.clone(), *trust.digest());
        if let Some(slot) = slots.get(&key) {
            return Arc::clone(slot);
        }
        if slots.len() >= CAPACITY {
            let oldest = slots
                .iter()
                .filter(|(_, slot)| Arc::strong_count(slot) == 1)
                .min_by_key(|(_, slot)| slot.kept().map(|kept| kept.refresh_at))
                .map(|(key, _)| key.clone());
            if let Some(key) = oldest {
                slots.remove(&key);
            }
        }
        Arc::clone(slots.entry(key).or_default())
    }
}

impl Slot {
    fn kept(&self) -> Option<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fresh(&self, now: UnixSeconds) -> Option<Arc<StatusList>> {
        self.kept().filter(|kept| now < kept.refresh_at).map(|kept| kept.list)
    }
}

impl App {
    /// Brings the lists that an answer needs: from memory, else from their hosts. What cannot be had is undecided, and
    /// undecided is never accepted.
    pub(super) async fn bring_lists(&self, trust: &TrustAnchors, policy: &Policy, needs: Vec<StatusNeed>) -> Brought {
        let mut brought = Vec::with_capacity(needs.len());
        for need in needs {
            let result = self.bring_list(trust, policy, &need).await;
            brought.push((need, result));
        }
        Brought(brought)
    }

    async fn bring_list(
        &self,
        trust: &TrustAnchors,
        policy: &Policy,
        need: &StatusNeed,
    ) -> Result<Arc<StatusList>, Reason> {
        let slot = self.status.slot(need, trust);
        if let Some(list) = slot.fresh(self.now()) {
            return Ok(list);
        }
        let _guard = slot.fetching.lock().await;
        let now = self.now();
        if let Some(list) = slot.fresh(now) {
            return Ok(list);
        }
        let fetched = self.fetch_list(trust, policy, need, slot.kept().map(|kept| kept.list.issued_at())).await;
        match (fetched, slot.kept()) {
            (Ok(list), _) => {
                let list = Arc::new(list);
                let kept = Kept { list: Arc::clone(&list), refresh_at: list.refresh_at(now) };
                *slot.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
                Ok(list)
            }
            // Its time to ask again has come, but it has not expired: usable until its own `exp` (TSL-51, TSL-52).
            (Err(reason), Some(kept))
                if reason.code == Code::StatusUnavailable && kept.list.expires().is_some_and(|end| now < end) =>
            {
                Ok(kept.list)
            }
            (Err(reason), _) => Err(reason),
        }
    }

    async fn fetch_list(
        &self,
        trust: &TrustAnchors,
        policy: &Policy,
        need: &StatusNeed,
        newest: Option<UnixSeconds>,
    ) -> Result<StatusList, Reason> {
        let source = trust.source(&need.source).ok_or_else(|| unavailable("the trust source is gone"))?;
        source.check_status_uri(&need.uri)?;
        let request = FetchRequest {
            url: need.uri.clone(),
            accept: "application/statuslist+jwt",
            max_bytes: limits::STATUS_TOKEN_BYTES,
            timeout_ms: FETCH_MILLISECONDS,
            max_redirects: 2,
            allowed_hosts: source.status_origins.iter().map(StatusOrigin::text).collect(),
            validators: Validators::default(),
        };
        let response = self.ports.fetch.get(request).await.map_err(|error| match error {
            FetchError::Blocked => Reason::new(Code::StatusUriNotAllowed, "the address of the list may not be asked"),
            other => unavailable(format!("the list cannot be fetched: {other}")),
        })?;
        check_response(&response)?;
        let rules = policy.token_rules(&need.uri, source, newest);
        StatusList::verify(&response.body, rules, self.now())
    }
}

/// Only a success with the right content type counts (TSL-11).
fn check_response(response: &FetchResponse) -> Result<(), Reason> {
    if !(200..300).contains(&response.status) {
        return Err(unavailable("the host of the list answers with an error"));
    }
    let media_type = response.content_type.as_deref().and_then(|text| text.split(';').next()).map(str::trim);
    match media_type {
        Some(text) if text.eq_ignore_ascii_case("application/statuslist+jwt") => Ok(()),
        Some(text) if text.eq_ignore_ascii_case("application/statuslist+cwt") => {
            Err(Reason::new(Code::StatusTokenInvalid, "a CWT list for an SD-JWT VC"))
        }
        _ => Err(unavailable("the host of the list answers with another content type")),
    }
}
