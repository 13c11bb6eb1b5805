//! How many things somebody may do in a minute: a bucket that fills evenly and is emptied by one with each thing.
//!
//! Our own, as libraries for this keep a table that grows with the number of clients; this one has a fixed size, whoever
//! asks (REQ-002).

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What one thing takes out of a bucket. Each millisecond puts in as much as there are things in a minute.
const THING: u64 = 60_000;
/// Places to which one name may go.
const WAYS: usize = 4;

/// After how many seconds the next thing is allowed; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait(pub u32);

/// A bucket, full at first.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    /// What was taken out and has not been filled in again.
    taken: u64,
    /// The millisecond up to which that was reckoned.
    at: u64,
}

impl Bucket {
    /// What is missing at `now`. Time that runs backwards puts nothing in.
    fn taken(self, now: u64, per_minute: u32) -> u64 {
        self.taken.saturating_sub(now.saturating_sub(self.at).saturating_mul(u64::from(per_minute)))
    }

    fn check(self, now: u64, per_minute: u32) -> Result<(), Wait> {
        let most = u64::from(per_minute).saturating_mul(THING);
        let over = self.taken(now, per_minute).saturating_add(THING).saturating_sub(most);
        if over == 0 {
            return Ok(());
        }
        let milliseconds = over.div_ceil(u64::from(per_minute.max(1)));
        Err(Wait(u32::try_from(milliseconds.div_ceil(1_000)).unwrap_or(u32::MAX)))
    }

    fn take(&mut self, now: u64, per_minute: u32) -> Result<(), Wait> {
        self.check(now, per_minute)?;
        *self = Self { taken: self.taken(now, per_minute).saturating_add(THING), at: now.max(self.at) };
        Ok(())
    }
}

/// A bucket for each of a few names that are known from the beginning.
#[derive(Debug)]
pub struct Quotas {
    per_minute: u32,
    buckets: Mutex<Vec<Bucket>>,
}

impl Quotas {
    /// So many things in a minute for each of `names`, numbered from 0.
    pub fn new(per_minute: u32, names: usize) -> Self {
        Self { per_minute, buckets: Mutex::new(vec![Bucket::default(); names]) }
    }

    /// One thing for this name. `now` is the time since any fixed moment.
    ///
    /// # Errors
    /// [`Wait`] if it is too much; then nothing is taken. A number that is none of the names may do nothing.
    pub fn take(&self, name: usize, now: Duration) -> Result<(), Wait> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(bucket) = buckets.get_mut(name) else { return Err(Wait(60)) };
        bucket.take(milliseconds(now), self.per_minute)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// A hash of the name, with a key that dies with the process. 0 for nobody.
    tag: u64,
    bucket: Bucket,
}

/// Buckets for any number of names in a table of a fixed size. If it is full, the name with the most left gives way: it
/// may do more than its share after that, and nobody less.
#[derive(Debug)]
pub struct Limiter {
    per_minute: u32,
    hasher: RandomState,
    places: Mutex<Box<[[Place; WAYS]]>>,
}

impl Limiter {
    /// So many things in a minute for each name; four times `sets` names are told apart, 32 bytes each.
    pub fn new(per_minute: u32, sets: usize) -> Self {
        let places = vec![[Place::default(); WAYS]; sets.max(1)].into_boxed_slice();
        Self { per_minute, hasher: RandomState::new(), places: Mutex::new(places) }
    }

    /// One thing for this name. `now` is the time since any fixed moment.
    ///
    /// # Errors
    /// [`Wait`] if it is too much; then nothing is taken.
    pub fn take(&self, name: &impl Hash, now: Duration) -> Result<(), Wait> {
        let now = milliseconds(now);
        self.with_bucket(name, now, |bucket| bucket.take(now, self.per_minute))
    }

    /// Whether one thing would be allowed; nothing is taken, and no place is used up.
    ///
    /// # Errors
    /// [`Wait`] if it would be too much.
    pub fn check(&self, name: &impl Hash, now: Duration) -> Result<(), Wait> {
        let tag = self.tag(name);
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.get(set(tag, places.len())).into_iter().flatten().find(|place| place.tag == tag);
        place.copied().unwrap_or_default().bucket.check(milliseconds(now), self.per_minute)
    }

    fn tag(&self, name: &impl Hash) -> u64 {
        self.hasher.hash_one(name).max(1)
    }

    fn with_bucket<T>(&self, name: &impl Hash, now: u64, then: impl FnOnce(&mut Bucket) -> T) -> T {
        let tag = self.tag(name);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let number = set(tag, places.len());
        let mut fresh = Place { tag, bucket: Bucket::default() };
        let Some(ways) = places.get_mut(number) else { return then(&mut fresh.bucket) };
        let order = |place: &&mut Place| (place.tag != tag, place.bucket.taken(now, self.per_minute));
        let Some(place) = ways.iter_mut().min_by_key(order) else { return then(&mut fresh.bucket) };
        if place.tag != tag {
            *place = fresh;
        }
        then(&mut place.bucket)
    }
}

/// The set to which a tag belongs.
fn set(tag: u64, sets: usize) -> usize {
    let sets = u64::try_from(sets).unwrap_or(u64::MAX);
    // Below the number of sets, so it fits.
    tag.checked_rem(sets).and_then(|number| usize::try_from(number).ok()).unwrap_or_default()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn so_many_at_once_and_then_evenly() {
        // REQ-002.
        let limiter = Limiter::new(60, 8);
        for _ in 0..60 {
            assert_eq!(limiter.take(&"one", at(5_000)), Ok(()));
        }
        assert_eq!(limiter.check(&"one", at(5_000)), Err(Wait(1)));
        assert_eq!(limiter.take(&"one", at(5_000)), Err(Wait(1)));
        assert_eq!(limiter.take(&"two", at(5_000)), Ok(()), "others are not affected");
        assert_eq!(limiter.take(&"one", at(5_999)), Err(Wait(1)));
        assert_eq!(limiter.check(&"one", at(6_000)), Ok(()));
        assert_eq!(limiter.take(&"one", at(6_000)), Ok(()));
        assert_eq!(limiter.take(&"one", at(6_000)), Err(Wait(1)));
        // Rest fills it, and no more than that.
        let later = at(10 * 60_000);
        assert_eq!((0..100).filter(|_| limiter.take(&"one", later).is_ok()).count(), 60);
        // Nor does time that runs backwards.
        assert_eq!(limiter.take(&"one", at(0)), Err(Wait(1)));
    }

    #[test]
    fn the_wait_is_long_enough() {
        for (per_minute, wait) in [(1, 60), (2, 30), (7, 9), (6_000, 1)] {
            let limiter = Limiter::new(per_minute, 1);
            while limiter.take(&"one", at(0)).is_ok() {}
            assert_eq!(limiter.take(&"one", at(0)), Err(Wait(wait)), "{per_minute}");
            assert_eq!(limiter.take(&"one", at(u64::from(wait) * 1_000)), Ok(()), "{per_minute}");
        }
    }

    #[test]
    fn a_crowd_does_not_free_who_has_used_up_theirs() {
        // Bounded memory: one set of four places; the one who has the least left keeps the place.
        let limiter = Limiter::new(3, 1);
        while limiter.take(&"greedy", at(0)).is_ok() {}
        for name in 0..10_000 {
            assert_eq!(limiter.take(&name, at(0)), Ok(()), "nobody has less for it");
        }
        assert!(limiter.take(&"greedy", at(0)).is_err());
        assert_eq!(limiter.places.lock().unwrap().len(), 1);
    }

    #[test]
    fn quotas_are_of_one_name_each() {
        // API-012.
        let quotas = Quotas::new(2, 2);
        assert_eq!([(); 3].map(|()| quotas.take(0, at(0))), [Ok(()), Ok(()), Err(Wait(30))]);
        assert_eq!(quotas.take(1, at(0)), Ok(()));
        assert_eq!(quotas.take(0, at(30_000)), Ok(()));
        assert!(quotas.take(2, at(0)).is_err(), "nobody has this number");
    }
}
