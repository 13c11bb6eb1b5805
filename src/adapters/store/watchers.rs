//! Who waits for a change of which transaction.

use crate::app::ports::Changes;
use crate::domain::ids::TransactionId;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// One channel per watched transaction, made when somebody watches and dropped when nobody does: memory is bounded by
/// the number of those who wait, whatever ids they ask for. `Id` is by what the store knows a transaction.
#[derive(Debug)]
pub(super) struct Watchers<Id = TransactionId>(Mutex<Channels<Id>>);

#[derive(Debug)]
struct Channels<Id> {
    by_id: HashMap<Id, watch::Sender<u64>>,
    /// Deserted channels are swept out when there are this many.
    sweep_at: usize,
    closed: bool,
}

const FEW: usize = 64;

impl<Id> Default for Watchers<Id> {
    fn default() -> Self {
        Self(Mutex::new(Channels { by_id: HashMap::new(), sweep_at: 0, closed: false }))
    }
}

impl<Id: Clone + Eq + Hash> Watchers<Id> {
    pub(super) fn watch(&self, id: &Id) -> Changes {
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

    /// Tells of a change, once: a version that was told before is not told again.
    pub(super) fn changed(&self, id: &Id, version: u64) {
        let mut channels = self.lock();
        if let Some(sender) = channels.by_id.get(id) {
            if sender.receiver_count() == 0 {
                channels.by_id.remove(id);
            } else {
                sender.send_if_modified(|known| {
                    let newer = version > *known;
                    *known = version.max(*known);
                    newer
                });
            }
        }
    }

    /// Tells what was seen to be the present version, if something else was told before.
    pub(super) fn seen(&self, id: &Id, version: u64) {
        if let Some(sender) = self.lock().by_id.get(id) {
            sender.send_if_modified(|known| std::mem::replace(known, version) != version);
        }
    }

    /// The transaction is gone: those who wait are told that no more will come.
    pub(super) fn gone(&self, id: &Id) {
        self.lock().by_id.remove(id);
    }

    /// Everything that is waited for.
    pub(super) fn awaited(&self) -> Vec<Id> {
        let channels = self.lock();
        let awaited = channels.by_id.iter().filter(|(_, sender)| sender.receiver_count() > 0);
        awaited.map(|(id, _)| id.clone()).collect()
    }

    /// Lets everybody look again: changes may have been missed.
    pub(super) fn wake_all(&self) {
        self.lock().by_id.values().for_each(|sender| sender.send_modify(|_| ()));
    }

    /// No more will come for anybody.
    pub(super) fn close(&self) {
        let mut channels = self.lock();
        channels.closed = true;
        channels.by_id.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Channels<Id>> {
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
