//! How near an end is: 60, 30, 14, 7 and 1 days before it, louder each time.

use super::finding::Severity;
use crate::domain::time::UnixSeconds;

const DAY: i64 = 86_400;

/// The steps, in days, with how much they matter; the nearest to the end first.
const STEPS: [(i64, Severity); 5] = [
    (1, Severity::Error),
    (7, Severity::Error),
    (14, Severity::Warning),
    (30, Severity::Warning),
    (60, Severity::Note),
];

/// Where a time stands in the life of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Horizon {
    /// Its life has not begun.
    NotYet,
    /// Its end is far.
    Far,
    /// Its end is near.
    Near {
        /// Whole days that are left, rounded down.
        days: i64,
        /// How much it matters.
        severity: Severity,
    },
    /// It has ended.
    Over,
}

/// Where `now` stands in a life from `from` to `until`, both its first and last second.
///
/// A step counts only if it lies in the second half of the life: a list that lives for a week is not reported on every
/// one of its days.
pub fn horizon(from: UnixSeconds, until: UnixSeconds, now: UnixSeconds) -> Horizon {
    if now > until {
        return Horizon::Over;
    }
    if now < from {
        return Horizon::NotYet;
    }
    let (left, life) = (until.since(now), until.since(from));
    let counts = |days: i64| days.saturating_mul(2 * DAY) <= life;
    let step = STEPS.iter().find(|(days, _)| left <= days.saturating_mul(DAY)).filter(|(days, _)| counts(*days));
    match step {
        Some((_, severity)) => Horizon::Near { days: left.div_euclid(DAY), severity: *severity },
        None => Horizon::Far,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(life_days: i64, left_seconds: i64) -> Horizon {
        let until = UnixSeconds(0).plus(life_days.saturating_mul(DAY));
        horizon(UnixSeconds(0), until, until.minus(left_seconds))
    }

    #[test]
    fn it_gets_louder() {
        for (left, expected) in [
            (61 * DAY, Horizon::Far),
            (60 * DAY + 1, Horizon::Far),
            (60 * DAY, Horizon::Near { days: 60, severity: Severity::Note }),
            (30 * DAY + 1, Horizon::Near { days: 30, severity: Severity::Note }),
            (30 * DAY, Horizon::Near { days: 30, severity: Severity::Warning }),
            (10 * DAY, Horizon::Near { days: 10, severity: Severity::Warning }),
            (7 * DAY, Horizon::Near { days: 7, severity: Severity::Error }),
            (DAY - 1, Horizon::Near { days: 0, severity: Severity::Error }),
            (0, Horizon::Near { days: 0, severity: Severity::Error }),
            (-1, Horizon::Over),
        ] {
            assert_eq!(at(365, left), expected, "{left}");
        }
        let severities: Vec<Severity> = STEPS.iter().map(|(_, severity)| *severity).collect();
        assert!(severities.iter().rev().is_sorted());
    }

    #[test]
    fn short_lives_are_not_near_their_end_all_the_time() {
        // A list of a week, on its first day and on its last.
        assert_eq!(at(7, 7 * DAY), Horizon::Far);
        assert_eq!(at(7, 2 * DAY), Horizon::Far);
        assert_eq!(at(7, DAY), Horizon::Near { days: 1, severity: Severity::Error });
        assert_eq!(at(1, 3600), Horizon::Far);
        assert_eq!(horizon(UnixSeconds(10), UnixSeconds(20), UnixSeconds(9)), Horizon::NotYet);
        assert_eq!(horizon(UnixSeconds(i64::MIN), UnixSeconds(i64::MAX), UnixSeconds(0)), Horizon::Far);
    }
}
