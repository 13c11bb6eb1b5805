//! The two clocks: the machine's, and one that stands still.

use crate::app::ports::Clock;
use crate::domain::time::UnixSeconds;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> UnixSeconds {
        #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
        let now = SystemTime::now();
        // A clock before 1970 is as good as 1970: everything signed lies in the future then, and is refused.
        let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        UnixSeconds(i64::try_from(seconds).unwrap_or(i64::MAX))
    }
}

/// A clock that stands still until it is set: for tests, and for `--at` on the command line.
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// Stands at `now`.
    pub const fn new(now: UnixSeconds) -> Self {
        Self(AtomicI64::new(now.0))
    }

    /// Moves to `now`, forward or back.
    pub fn set(&self, now: UnixSeconds) {
        self.0.store(now.0, Ordering::SeqCst);
    }

    /// Moves on by `seconds`.
    pub fn advance(&self, seconds: i64) {
        self.set(self.now().plus(seconds));
    }
}

impl Clock for FixedClock {
    fn now(&self) -> UnixSeconds {
        UnixSeconds(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_clock_moves_only_when_told() {
        let clock = FixedClock::new(UnixSeconds(1_000));
        assert_eq!(clock.now(), UnixSeconds(1_000));
        clock.advance(5);
        assert_eq!(clock.now(), UnixSeconds(1_005));
        clock.set(UnixSeconds(10));
        assert_eq!(clock.now(), UnixSeconds(10));
    }

    #[test]
    fn the_system_clock_is_in_this_century() {
        let now = SystemClock.now();
        assert!(now > UnixSeconds(1_700_000_000) && now < UnixSeconds(4_102_444_800), "{now:?}");
    }
}
