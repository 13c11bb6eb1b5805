//! The directory of a store: which transactions there are, under which names, and when each is due.
//!
//! It is the only index. A store that keeps its rows in a file has none there, so no damaged index can lead to the wrong
//! row, and a row that is missing is noticed.

use crate::app::ports::{Idempotency, StoreError};
use crate::domain::ids::{PageHandle, RequestHandle, TenantId, TransactionId};
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::{Status, Transaction};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A row's number, given once and never changed.
pub(super) type Seq = i64;

/// What the directory knows of one row.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) seq: Seq,
    pub(super) tenant: TenantId,
    pub(super) id: TransactionId,
    handle: RequestHandle,
    page: PageHandle,
    pub(super) version: u64,
    pub(super) status: Status,
    pub(super) idempotency: Option<Idempotency>,
    /// Checksum of the stored record; 0 where there is none.
    pub(super) sum: i64,
    /// When the row wants something next.
    due: UnixSeconds,
    /// What it wants then.
    wants: Wants,
    /// The value itself; `None` where it has to be read from the file.
    pub(super) value: Option<Arc<Transaction>>,
}

/// What is to be done to a row that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    Sweeping,
    Removal,
}

impl Entry {
    /// Whether `transaction` is the one this entry speaks of, in every part.
    pub(super) fn describes(&self, transaction: &Transaction) -> bool {
        self.tenant == *transaction.tenant()
            && self.id == *transaction.id()
            && self.handle == *transaction.handle()
            && self.page == *transaction.page()
            && self.version == transaction.version()
            && self.status == transaction.status()
    }
}

#[derive(Debug)]
pub(super) struct Directory {
    rows: HashMap<Seq, Entry>,
    by_id: HashMap<TransactionId, Seq>,
    by_handle: HashMap<RequestHandle, Seq>,
    by_page: HashMap<PageHandle, Seq>,
    by_key: HashMap<(TenantId, [u8; 32]), Seq>,
    due: BTreeSet<(UnixSeconds, Seq)>,
    keep_ended_seconds: i64,
}

/// What an idempotency key says about a creating call.
#[derive(Debug)]
pub(super) enum Known {
    /// Nothing: go on.
    No,
    /// The same call created this row.
    Same(Seq),
    /// Another call used the key.
    Other,
}

impl Directory {
    pub(super) fn new(keep_ended_seconds: i64) -> Self {
        Self {
            rows: HashMap::new(),
            by_id: HashMap::new(),
            by_handle: HashMap::new(),
            by_page: HashMap::new(),
            by_key: HashMap::new(),
            due: BTreeSet::new(),
            keep_ended_seconds,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn row(&self, seq: Seq) -> Option<&Entry> {
        self.rows.get(&seq)
    }

    /// Another tenant's row is as good as none (API-006); there is no way to ask without a tenant.
    pub(super) fn of_tenant(&self, tenant: &TenantId, id: &TransactionId) -> Option<&Entry> {
        self.row(*self.by_id.get(id)?).filter(|entry| entry.tenant == *tenant)
    }

    pub(super) fn by_handle(&self, handle: &RequestHandle) -> Option<&Entry> {
        self.row(*self.by_handle.get(handle)?)
    }

    pub(super) fn by_page(&self, page: &PageHandle) -> Option<&Entry> {
        self.row(*self.by_page.get(page)?)
    }

    /// What is known of the idempotency key of a new `transaction`.
    pub(super) fn known(&self, transaction: &Transaction, idempotency: Option<&Idempotency>) -> Known {
        let found = idempotency.and_then(|asked| {
            let seq = *self.by_key.get(&(transaction.tenant().clone(), asked.key_hash))?;
            let stored = self.row(seq)?.idempotency?;
            (stored.until > transaction.created_at()).then_some((seq, stored.content_hash == asked.content_hash))
        });
        match found {
            None => Known::No,
            Some((seq, true)) => Known::Same(seq),
            Some((_, false)) => Known::Other,
        }
    }

    /// Refuses names that exist already: 128 random bits do not meet by chance.
    pub(super) fn check_new(&self, transaction: &Transaction) -> Result<(), StoreError> {
        if self.by_id.contains_key(transaction.id())
            || self.by_handle.contains_key(transaction.handle())
            || self.by_page.contains_key(transaction.page())
        {
            return Err(StoreError::Misuse("an id or handle exists already"));
        }
        Ok(())
    }

    /// Writes or overwrites a row. With `hold` the value is kept here, else only its description.
    pub(super) fn put(
        &mut self,
        seq: Seq,
        value: &Arc<Transaction>,
        idempotency: Option<Idempotency>,
        sum: i64,
        hold: bool,
    ) {
        if let Some(old) = self.rows.get(&seq) {
            self.due.remove(&(old.due, seq));
        }
        let (due, wants) = match (value.due(), value.finished_at()) {
            (Some(due), _) => (due, Wants::Sweeping),
            (None, finished_at) => {
                let kept = finished_at.unwrap_or_else(|| value.expires_at()).plus(self.keep_ended_seconds);
                (idempotency.map_or(kept, |key| key.until.max(kept)), Wants::Removal)
            }
        };
        self.by_id.insert(value.id().clone(), seq);
        self.by_handle.insert(value.handle().clone(), seq);
        self.by_page.insert(value.page().clone(), seq);
        if let Some(key) = idempotency {
            // A key may be used anew when its time is over; the newest row has it then.
            let holder = self.by_key.entry((value.tenant().clone(), key.key_hash)).or_insert(seq);
            *holder = seq.max(*holder);
        }
        self.due.insert((due, seq));
        let entry = Entry {
            seq,
            tenant: value.tenant().clone(),
            id: value.id().clone(),
            handle: value.handle().clone(),
            page: value.page().clone(),
            version: value.version(),
            status: value.status(),
            idempotency,
            sum,
            due,
            wants,
            value: hold.then(|| Arc::clone(value)),
        };
        self.rows.insert(seq, entry);
    }

    /// Lets go of a value that was held; its description stays.
    pub(super) fn release(&mut self, seq: Seq) {
        if let Some(entry) = self.rows.get_mut(&seq) {
            entry.value = None;
        }
    }

    pub(super) fn remove(&mut self, seq: Seq) {
        let Some(entry) = self.rows.remove(&seq) else { return };
        self.due.remove(&(entry.due, seq));
        self.by_id.remove(&entry.id);
        self.by_handle.remove(&entry.handle);
        self.by_page.remove(&entry.page);
        if let Some(key) = entry.idempotency {
            let name = (entry.tenant, key.key_hash);
            if self.by_key.get(&name) == Some(&seq) {
                self.by_key.remove(&name);
            }
        }
    }

    /// The rows that are due at `now`, longest overdue first.
    pub(super) fn due(&self, now: UnixSeconds, limit: usize) -> Vec<(Seq, Wants)> {
        self.due
            .iter()
            .take_while(|(due, _)| *due <= now)
            .take(limit)
            .filter_map(|(_, seq)| Some((*seq, self.row(*seq)?.wants)))
            .collect()
    }
}
