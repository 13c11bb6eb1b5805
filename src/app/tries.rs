//! How often a transaction was answered in vain, why the last time, and whose turn it is (catalogue rule 6, RSP-031).
//!
//! Kept in memory: a restart forgives, which costs an attacker a restart of the service.

use crate::domain::ids::TransactionId;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Most answers to one transaction.
const MOST: u32 = 20;
/// Most answers to one transaction in a minute.
const MOST_PER_MINUTE: u32 = 10;
/// Seconds for which an answer is remembered.
const REMEMBERED: i64 = 3_600;
/// From this many transactions on, what is no longer remembered is given up at once and not at the next sweep.
const CAPACITY: usize = 100_000;

/// Counts answers per transaction.
#[derive(Debug, Default)]
pub struct Tries(Mutex<HashMap<TransactionId, Tried>>);

/// What is known of the answers to one transaction.
#[derive(Debug)]
struct Tried {
    turn: Arc<AsyncMutex<()>>,
    all: u32,
    /// When the minute began that is counted.
    minute: UnixSeconds,
    in_minute: u32,
    refused: Option<RefusedTry>,
    /// When the last answer came.
    last: UnixSeconds,
}

impl Tried {
    fn new(now: UnixSeconds) -> Self {
        Self { turn: Arc::default(), all: 0, minute: now, in_minute: 0, refused: None, last: now }
    }

    /// Whether somebody waits or judges, or the last answer is not long ago.
    fn is_needed(&self, now: UnixSeconds) -> bool {
        Arc::strong_count(&self.turn) > 1 || now.since(self.last) < REMEMBERED
    }
}

/// The right to have an answer judged. It ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    /// Whether somebody else's answer was judged meanwhile: what was read before is old.
    pub waited: bool,
    #[expect(dead_code, reason = "held, not used")]
    guard: OwnedMutexGuard<()>,
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
    pub fn count(&self, id: &TransactionId, now: UnixSeconds) -> Result<(), Reason> {
        self.change(id, now, |tried| {
            if now.since(tried.minute) >= 60 {
                tried.minute = now;
                tried.in_minute = 0;
            }
            if tried.all >= MOST || tried.in_minute >= MOST_PER_MINUTE {
                return Err(Reason::new(Code::RateLimited, "too many answers to this request"));
            }
            tried.all = tried.all.saturating_add(1);
            tried.in_minute = tried.in_minute.saturating_add(1);
            Ok(())
        })
    }

    /// Waits until no other answer to this transaction is judged here. So a crowd of answers costs no more than the
    /// tries that are allowed, and whoever comes after the winner finds an end, not too many tries (RSP-007).
    pub async fn turn(&self, id: &TransactionId, now: UnixSeconds) -> Turn {
        let turn = self.change(id, now, |tried| Arc::clone(&tried.turn));
        match Arc::clone(&turn).try_lock_owned() {
            Ok(guard) => Turn { waited: false, guard },
            Err(_) => Turn { waited: true, guard: turn.lock_owned().await },
        }
    }

    /// Takes note of a refused answer, for the caller who asks.
    pub fn note(&self, id: &TransactionId, refused: RefusedTry) {
        self.change(id, refused.at, |tried| tried.refused = Some(refused));
    }

    /// The last refused answer to a transaction.
    pub fn last(&self, id: &TransactionId) -> Option<RefusedTry> {
        self.all().get(id).and_then(|tried| tried.refused.clone())
    }

    /// Forgets what is older than an hour.
    pub fn sweep(&self, now: UnixSeconds) {
        self.all().retain(|_, tried| tried.is_needed(now));
    }

    fn change<T>(&self, id: &TransactionId, now: UnixSeconds, change: impl FnOnce(&mut Tried) -> T) -> T {
        let mut all = self.all();
        if all.len() >= CAPACITY && !all.contains_key(id) {
            all.retain(|_, tried| tried.is_needed(now));
        }
        let tried = all.entry(id.clone()).or_insert_with(|| Tried::new(now));
        tried.last = now;
        change(tried)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<TransactionId, Tried>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_000);

    #[test]
    fn ten_in_a_minute_and_twenty_in_all() {
        // RSP-031.
        let tries = Tries::default();
        let id = TransactionId::from_random([1; 16]);
        let minute = |number: i64| UnixSeconds(1_000 + number * 60);
        for _ in 0..10 {
            assert!(tries.count(&id, minute(0)).is_ok());
        }
        assert_eq!(tries.count(&id, minute(0)).unwrap_err().code, Code::RateLimited);
        assert!(tries.count(&TransactionId::from_random([2; 16]), minute(0)).is_ok());
        for _ in 0..10 {
            assert!(tries.count(&id, minute(1)).is_ok());
        }
        assert_eq!(tries.count(&id, minute(9)).unwrap_err().code, Code::RateLimited);
    }

    #[tokio::test]
    async fn one_at_a_time_for_each_transaction() {
        let tries = Arc::new(Tries::default());
        let (one, other) = (TransactionId::from_random([1; 16]), TransactionId::from_random([2; 16]));
        let first = tries.turn(&one, NOW).await;
        assert!(!first.waited);
        assert!(!tries.turn(&other, NOW).await.waited, "others do not wait");
        let second = tokio::spawn({
            let (tries, one) = (Arc::clone(&tries), one.clone());
            async move { tries.turn(&one, NOW).await.waited }
        });
        tokio::task::yield_now().await;
        // Who waits or judges is not forgotten, however long it takes.
        tries.sweep(NOW.plus(REMEMBERED));
        assert_eq!(tries.all().keys().collect::<Vec<_>>(), [&one]);
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap());
        tries.sweep(NOW.plus(REMEMBERED));
        assert!(tries.all().is_empty());
    }

    #[test]
    fn old_counts_are_forgotten() {
        let tries = Tries::default();
        let id = TransactionId::from_random([1; 16]);
        let refused = RefusedTry { at: UnixSeconds(0), reason: Reason::new(Code::KbMissing, ""), report: None };
        tries.note(&id, refused.clone());
        assert!(tries.count(&id, UnixSeconds(10)).is_ok());
        tries.sweep(UnixSeconds(3_609));
        assert_eq!(tries.last(&id), Some(refused));
        tries.sweep(UnixSeconds(3_610));
        assert_eq!(tries.last(&id), None);
        assert!(tries.all().is_empty());
    }
}
