//! Who waits for a change of which transaction.

use crate::app::ports::Changes;
use crate::domain::ids::TransactionId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One channel per watched transaction, made when somebody watches and dropped when nobody does: memory is bounded by
/// the number of those who wait, whatever ids they ask for.
#[derive(Debug, Default)]
pub(super) struct Watchers(Mutex<Channels>);

#[derive(Debug, Default)]
struct Channels {
    by_id: HashMap<TransactionId, watch::Sender<u64>>,
    /// Deserted channels are swept out when there are this many.
    sweep_at: usize,
    closed: bool,
}

const FEW: usize = 64;

impl Watchers {
    pub(super) fn watch(&self, id: &TransactionId) -> Changes {
        let mut channels = self.lock();
        if channels.closed {
            return Changes::new(watch::channel(0).1);
        }
        if let Some(sender) = channels.by_id.get(id) {
            return Changes::new(sender.subscribe());
        }
        if channels.by_id.len() >= channels.sweep_at {
            channels.by_id.retain(|_, sender| sender.receiver_count() > 0);
            channels.sweep_at = channels.by_id.len().saturating_mul(2).max(FEW);
        }
        let (sender, receiver) = watch::channel(0);
        channels.by_id.insert(id.clone(), sender);
        Changes::new(receiver)
    }

    /// Tells of a change.
    pub(super) fn changed(&self, id: &TransactionId, version: u64) {
        let mut channels = self.lock();
        if let Some(sender) = channels.by_id.get(id) {
            if sender.receiver_count() == 0 {
                channels.by_id.remove(id);
            } else {
                sender.send_replace(version);
            }
        }
    }

    /// The transaction is gone: those who wait are told that no more will come.
    pub(super) fn gone(&self, id: &TransactionId) {
        self.lock().by_id.remove(id);
    }

    /// No more will come for anybody.
    pub(super) fn close(&self) {
        let mut channels = self.lock();
        channels.closed = true;
        channels.by_id.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Channels> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_by_those_who_wait() {
        let watchers = Watchers::default();
        let id = |n: u32| {
            let mut random = [0; 16];
            random[..4].copy_from_slice(&n.to_be_bytes());
            TransactionId::from_random(random)
        };
        let kept: Vec<_> = (0..10).map(|n| watchers.watch(&id(n))).collect();
        for n in 10..10_000 {
            drop(watchers.watch(&id(n)));
        }
        assert!(watchers.lock().by_id.len() <= FEW + 10);
        drop(kept);
        for n in 0..10 {
            watchers.changed(&id(n), 1);
        }
        assert!(watchers.lock().by_id.len() <= FEW);
    }
}
