//! Our clock against those of the hosts that were asked.

use super::finding::{Finding, FindingCode, Severity};
use crate::domain::time::{ClockSkew, UnixSeconds};

/// What a host said of the time, and what time it was here then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The host.
    pub host: String,
    /// Its time.
    pub theirs: UnixSeconds,
    /// Our time when the answer was there.
    pub ours: UnixSeconds,
}

/// Judges our clock. The middle of all differences counts, so that one host with a wrong clock proves nothing against
/// several others.
pub fn judge(witnesses: &[Witness], skew: ClockSkew) -> Finding {
    let mut differences: Vec<i64> = witnesses.iter().map(|witness| witness.ours.since(witness.theirs)).collect();
    differences.sort_unstable();
    let Some(difference) = differences.get(differences.len().saturating_sub(1).div_euclid(2)).copied() else {
        let detail = "no host that was asked said what time it is";
        return Finding::new(FindingCode::ClockUnchecked, Severity::Note, "clock", detail);
    };
    let hosts = match witnesses {
        [one] => one.host.clone(),
        several => format!("{} hosts", several.len()),
    };
    let detail = match difference {
        0 => format!("the same second as {hosts}"),
        ahead if ahead > 0 => format!("{} ahead of {hosts}", in_words(ahead)),
        behind => format!("{} behind {hosts}", in_words(behind.saturating_neg())),
    };
    if difference.saturating_abs() > skew.seconds() {
        let detail = format!("{detail}; the policy allows {} seconds", skew.seconds());
        return Finding::new(FindingCode::ClockOff, Severity::Error, "clock", detail);
    }
    Finding::new(FindingCode::ClockFits, Severity::Ok, "clock", detail)
}

fn in_words(seconds: i64) -> String {
    match seconds {
        1 => "1 second".to_owned(),
        short if short < 120 => format!("{short} seconds"),
        medium if medium < 7_200 => format!("{} minutes", medium.div_euclid(60)),
        long if long < 172_800 => format!("{} hours", long.div_euclid(3_600)),
        days => format!("{} days", days.div_euclid(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(differences: &[i64]) -> (FindingCode, String) {
        let witness = |difference: &i64| Witness {
            host: "a.example".to_owned(),
            theirs: UnixSeconds(1_000_000),
            ours: UnixSeconds(1_000_000).plus(*difference),
        };
        let witnesses: Vec<Witness> = differences.iter().map(witness).collect();
        let finding = judge(&witnesses, ClockSkew::DEFAULT);
        (finding.code, finding.detail)
    }

    #[test]
    fn the_skew_of_the_policy_is_the_limit() {
        // GEN-10.
        assert_eq!(found(&[]).0, FindingCode::ClockUnchecked);
        for fits in [-60, 0, 1, 60] {
            assert_eq!(found(&[fits]).0, FindingCode::ClockFits, "{fits}");
        }
        for off in [-61, 61, 600, i64::from(i32::MAX)] {
            assert_eq!(found(&[off]).0, FindingCode::ClockOff, "{off}");
        }
        assert_eq!(found(&[600]).1, "10 minutes ahead of a.example; the policy allows 60 seconds");
        assert_eq!(found(&[-600, -602]).1, "10 minutes behind 2 hosts; the policy allows 60 seconds");
    }

    #[test]
    fn one_host_with_a_wrong_clock_proves_nothing() {
        assert_eq!(found(&[0, 1, 5_000]).0, FindingCode::ClockFits);
        assert_eq!(found(&[600, 601, 0]).0, FindingCode::ClockOff);
    }
}
