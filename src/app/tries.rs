//! How often a transaction was answered in vain, why the last time, and whose turn it is (catalogue rule 6, RSP-031).
//!
//! Kept in memory: a restart forgives, which costs an attacker a restart of the service.

use crate::domain::ids::{RequestHandle, TransactionId};
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Most answers to one transaction.
const MOST: u32 = 20;
/// Most answers to one transaction in a minute.
const MOST_PER_MINUTE: u32 = 10;
/// From this many transactions on, what is older than an hour is given up at once and not at the next sweep.
const CAPACITY: usize = 100_000;

/// Counts answers per transaction.
#[derive(Debug, Default)]
pub struct Tries {
    counts: Mutex<HashMap<RequestHandle, Count>>,
    refused: Mutex<HashMap<TransactionId, RefusedTry>>,
    turns: Mutex<HashMap<RequestHandle, Arc<AsyncMutex<()>>>>,
}

/// The right to have an answer judged. It ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    /// Whether somebody else's answer was judged meanwhile: what was read before is old.
    pub waited: bool,
    #[expect(dead_code, reason = "held, not used")]
    guard: OwnedMutexGuard<()>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    all: u32,
    minute: UnixSeconds,
    in_minute: u32,
}

/// Why the last answer to an open transaction was not accepted. No personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedTry {
    /// When it came.
    pub at: UnixSeconds,
    /// The exact reason, for the caller only.
    pub reason: Reason,
    /// The report as JSON text, if the answer came that far.
    pub report: Option<String>,
}

impl Tries {
    /// Counts an answer.
    ///
    /// # Errors
    /// [`Code::RateLimited`] above twenty for a transaction or ten in a minute; the transaction stays open.
    pub fn count(&self, handle: &RequestHandle, now: UnixSeconds) -> Result<(), Reason> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= CAPACITY && !counts.contains_key(handle) {
            counts.retain(|_, count| now.since(count.minute) < 3_600);
        }
        let count = counts.entry(handle.clone()).or_insert(Count { all: 0, minute: now, in_minute: 0 });
        if now.since(count.minute) >= 60 {
            count.minute = now;
            count.in_minute = 0;
        }
        if count.all >= MOST || count.in_minute >= MOST_PER_MINUTE {
            return Err(Reason::new(Code::RateLimited, "too many answers to this request"));
        }
        count.all = count.all.saturating_add(1);
        count.in_minute = count.in_minute.saturating_add(1);
        Ok(())
    }

    /// Waits until no other answer to this transaction is judged here. So a crowd of answers costs no more than the
    /// tries that are allowed, and whoever comes after the winner finds an end, not too many tries (RSP-007).
    pub async fn turn(&self, handle: &RequestHandle) -> Turn {
        let lock = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= CAPACITY {
                turns.retain(|_, lock| Arc::strong_count(lock) > 1);
            }
            Arc::clone(turns.entry(handle.clone()).or_default())
        };
        match Arc::clone(&lock).try_lock_owned() {
            Ok(guard) => Turn { waited: false, guard },
            Err(_) => Turn { waited: true, guard: lock.lock_owned().await },
        }
    }

    /// Takes note of a refused answer, for the caller who asks.
    pub fn note(&self, id: &TransactionId, refused: RefusedTry) {
        let mut all = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= CAPACITY {
            all.retain(|_, kept| refused.at.since(kept.at) < 3_600);
        }
        all.insert(id.clone(), refused);
    }

    /// The last refused answer to a transaction.
    pub fn last(&self, id: &TransactionId) -> Option<RefusedTry> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Forgets what is older than an hour.
    pub fn sweep(&self, now: UnixSeconds) {
        let recent = |at: UnixSeconds| now.since(at) < 3_600;
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, count| recent(count.minute));
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, refused| recent(refused.at));
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, lock| Arc::strong_count(lock) > 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_in_a_minute_and_twenty_in_all() {
        // RSP-031.
        let tries = Tries::default();
        let handle = RequestHandle::from_random([1; 16]);
        let minute = |number: i64| UnixSeconds(1_000 + number * 60);
        for _ in 0..10 {
            assert!(tries.count(&handle, minute(0)).is_ok());
        }
        assert_eq!(tries.count(&handle, minute(0)).unwrap_err().code, Code::RateLimited);
        assert!(tries.count(&RequestHandle::from_random([2; 16]), minute(0)).is_ok());
        for _ in 0..10 {
            assert!(tries.count(&handle, minute(1)).is_ok());
        }
        assert_eq!(tries.count(&handle, minute(9)).unwrap_err().code, Code::RateLimited);
    }

    #[tokio::test]
    async fn one_at_a_time_for_each_transaction() {
        let tries = Arc::new(Tries::default());
        let (one, other) = (RequestHandle::from_random([1; 16]), RequestHandle::from_random([2; 16]));
        let first = tries.turn(&one).await;
        assert!(!first.waited);
        assert!(!tries.turn(&other).await.waited, "others do not wait");
        let second = tokio::spawn({
            let (tries, one) = (Arc::clone(&tries), one.clone());
            async move { tries.turn(&one).await.waited }
        });
        tokio::task::yield_now().await;
        tries.sweep(UnixSeconds(0));
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap());
        tries.sweep(UnixSeconds(0));
        assert!(tries.turns.lock().unwrap().is_empty());
    }

    #[test]
    fn old_counts_are_forgotten() {
        let tries = Tries::default();
        let id = TransactionId::from_random([1; 16]);
        let refused = RefusedTry { at: UnixSeconds(0), reason: Reason::new(Code::KbMissing, ""), report: None };
        tries.note(&id, refused.clone());
        assert_eq!(tries.last(&id), Some(refused));
        tries.sweep(UnixSeconds(3_600));
        assert_eq!(tries.last(&id), None);
    }
}
