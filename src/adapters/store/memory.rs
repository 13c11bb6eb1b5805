//! A store in memory, for tests and demonstrations. It keeps its promises until the process ends.

use super::KEEP_ENDED_SECONDS;
use super::directory::{Directory, Entry, Known, Seq, Wants};
use super::watchers::Watchers;
use crate::app::ports::{Changes, Idempotency, Inserted, Pending, Replaced, StoreError, Swept, TransactionStore};
use crate::domain::ids::{PageHandle, RequestHandle, TenantId, TransactionId};
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::{Status, Transaction};
use std::sync::{Arc, Mutex, PoisonError};

/// See the module.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    watchers: Watchers,
}

#[derive(Debug)]
struct State {
    directory: Directory,
    next: Seq,
    closed: bool,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new(KEEP_ENDED_SECONDS)
    }
}

impl MemoryStore {
    /// An empty store that remembers ended transactions for so many seconds.
    pub fn new(keep_ended_seconds: i64) -> Self {
        let directory = Directory::new(keep_ended_seconds);
        Self { state: Mutex::new(State { directory, next: 1, closed: false }), watchers: Watchers::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(StoreError::Unavailable("closed".to_owned()));
        }
        act(&mut state)
    }

    fn find(&self, look: impl FnOnce(&Directory) -> Option<&Entry>) -> Result<Option<Transaction>, StoreError> {
        let found = self.with(|state| Ok(look(&state.directory).and_then(|entry| entry.value.clone())))?;
        Ok(found.map(Arc::unwrap_or_clone))
    }
}

impl TransactionStore for MemoryStore {
    fn insert(&self, transaction: Transaction, idempotency: Option<Idempotency>) -> Pending<'_, Inserted> {
        Box::pin(async move {
            self.with(|state| match state.directory.known(&transaction, idempotency.as_ref()) {
                Known::Other => Ok(Inserted::Conflict),
                Known::Same(seq) => {
                    let value = state.directory.row(seq).and_then(|entry| entry.value.as_deref().cloned());
                    let value = value.ok_or(StoreError::Misuse("a row without a value"))?;
                    Ok(Inserted::Replayed(Box::new(value)))
                }
                Known::No => {
                    state.directory.check_new(&transaction)?;
                    let seq = state.next;
                    state.next = seq.saturating_add(1);
                    state.directory.put(seq, &Arc::new(transaction), idempotency, 0, true);
                    Ok(Inserted::New)
                }
            })
        })
    }

    fn by_id<'a>(&'a self, tenant: &'a TenantId, id: &'a TransactionId) -> Pending<'a, Option<Transaction>> {
        Box::pin(async move { self.find(|directory| directory.of_tenant(tenant, id)) })
    }

    fn by_handle<'a>(&'a self, handle: &'a RequestHandle) -> Pending<'a, Option<Transaction>> {
        Box::pin(async move { self.find(|directory| directory.by_handle(handle)) })
    }

    fn by_page<'a>(&'a self, page: &'a PageHandle) -> Pending<'a, Option<Transaction>> {
        Box::pin(async move { self.find(|directory| directory.by_page(page)) })
    }

    fn replace<'a>(&'a self, shown: &'a Transaction, next: Transaction) -> Pending<'a, Replaced> {
        Box::pin(async move {
            if !next.follows(shown) {
                return Err(StoreError::Misuse("the new value does not follow the one shown"));
            }
            let (id, version) = (next.id().clone(), next.version());
            let replaced = self.with(|state| {
                let Some(entry) = state.directory.of_tenant(shown.tenant(), &id) else {
                    return Ok(Replaced::Lost(None));
                };
                if entry.value.as_deref() != Some(shown) {
                    return Ok(Replaced::Lost(entry.value.as_deref().cloned().map(Box::new)));
                }
                let (seq, idempotency) = (entry.seq, entry.idempotency);
                state.directory.put(seq, &Arc::new(next), idempotency, 0, true);
                Ok(Replaced::Done)
            })?;
            if replaced == Replaced::Done {
                self.watchers.changed(&id, version);
            }
            Ok(replaced)
        })
    }

    fn expire_and_erase(&self, now: UnixSeconds, limit: usize) -> Pending<'_, Swept> {
        Box::pin(async move {
            let mut told = Vec::new();
            let swept = self.with(|state| {
                let mut swept = Swept::default();
                for (seq, wants) in state.directory.due(now, limit) {
                    let Some(entry) = state.directory.row(seq).cloned() else { continue };
                    match (wants, entry.value) {
                        (Wants::Sweeping, Some(value)) => {
                            let next = Arc::new(Arc::unwrap_or_clone(value).sweep(now));
                            match next.status() {
                                Status::Expired => swept.expired = swept.expired.saturating_add(1),
                                _ => swept.erased = swept.erased.saturating_add(1),
                            }
                            told.push((entry.id, Some(next.version())));
                            state.directory.put(seq, &next, entry.idempotency, 0, true);
                        }
                        (Wants::Removal, _) | (_, None) => {
                            swept.removed = swept.removed.saturating_add(1);
                            told.push((entry.id, None));
                            state.directory.remove(seq);
                        }
                    }
                }
                Ok(swept)
            })?;
            for (id, version) in told {
                match version {
                    Some(version) => self.watchers.changed(&id, version),
                    None => self.watchers.gone(&id),
                }
            }
            Ok(swept)
        })
    }

    fn watch(&self, id: &TransactionId) -> Changes {
        self.watchers.watch(id)
    }

    fn health(&self) -> Pending<'_, ()> {
        Box::pin(async move { self.with(|_| Ok(())) })
    }

    fn close(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            self.with(|state| {
                state.closed = true;
                Ok(())
            })?;
            self.watchers.close();
            Ok(())
        })
    }
}
