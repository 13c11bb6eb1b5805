//! Times and validity periods. Whole seconds since the Unix epoch, UTC; nobody here reads a clock.

use super::reason::{Code, Reason};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A point in time: whole seconds since 1970-01-01T00:00:00Z, leap seconds not counted (RFC 7519 `NumericDate`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixSeconds(pub i64);

impl UnixSeconds {
    /// This time and `seconds` more; stays at the end of the range instead of wrapping.
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// This time less `seconds`; stays at the end of the range instead of wrapping.
    pub const fn minus(self, seconds: i64) -> Self {
        Self(self.0.saturating_sub(seconds))
    }

    /// Reads `2027-03-01T12:00:00Z`: RFC 3339 in UTC, written with `Z`. A fraction of a second is cut off.
    pub fn from_utc_text(text: &str) -> Option<Self> {
        if !text.ends_with('Z') {
            return None;
        }
        OffsetDateTime::parse(text, &Rfc3339).ok().map(|date| Self(date.unix_timestamp()))
    }

    /// Seconds from `earlier` to this time; negative if this time is the earlier one.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// How far two honest clocks may differ, in seconds. Default 60, at most 300 (GEN-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkew(i64);

impl ClockSkew {
    /// No tolerance at all.
    pub const ZERO: Self = Self(0);
    /// The default of sixty seconds.
    pub const DEFAULT: Self = Self(60);

    /// A skew of `seconds`, which must lie between 0 and 300.
    pub const fn new(seconds: i64) -> Option<Self> {
        if seconds >= 0 && seconds <= 300 { Some(Self(seconds)) } else { None }
    }

    /// The tolerance in seconds.
    pub const fn seconds(self) -> i64 {
        self.0
    }
}

/// The period in which a token may be used, from its `nbf` and `exp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// `nbf`: first second of validity, if stated.
    pub not_before: Option<UnixSeconds>,
    /// `exp`: first second after validity, if stated.
    pub expires: Option<UnixSeconds>,
}

impl Validity {
    /// Checks that the token is valid at `now`. Says whether only the tolerance made it so.
    ///
    /// `exp` is exclusive: with `exp == now` and no skew the token is expired. `nbf` is inclusive.
    ///
    /// # Errors
    /// - [`Code::CredentialNotYetValid`] when `now + skew < nbf`.
    /// - [`Code::CredentialExpired`] when `now >= exp + skew`.
    ///
    /// # Source
    /// RFC 7519 section 4.1.4 (`exp`) and section 4.1.5 (`nbf`).
    pub fn check(self, now: UnixSeconds, skew: ClockSkew) -> Result<SkewUsed, Reason> {
        let tolerance = skew.seconds();
        let mut used = SkewUsed(false);
        if let Some(not_before) = self.not_before {
            if now.plus(tolerance) < not_before {
                return Err(Reason::new(Code::CredentialNotYetValid, "nbf lies in the future"));
            }
            used.0 |= now < not_before;
        }
        if let Some(expires) = self.expires {
            if now >= expires.plus(tolerance) {
                return Err(Reason::new(Code::CredentialExpired, "exp has passed"));
            }
            used.0 |= now >= expires;
        }
        Ok(used)
    }
}

/// Whether a period held only because of the clock tolerance; the report says so (SVC-012).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SkewUsed(pub bool);

#[cfg(test)]
mod tests {
    use super::*;

    fn validity(nbf: Option<i64>, exp: Option<i64>) -> Validity {
        Validity { not_before: nbf.map(UnixSeconds), expires: exp.map(UnixSeconds) }
    }

    #[test]
    fn exp_is_exclusive_and_nbf_inclusive() {
        // SDJ-40, GEN-10: boundaries without and with skew.
        let now = UnixSeconds(1_000);
        assert_eq!(validity(None, Some(1_001)).check(now, ClockSkew::ZERO), Ok(SkewUsed(false)));
        assert_eq!(validity(None, Some(1_000)).check(now, ClockSkew::ZERO).unwrap_err().code, Code::CredentialExpired);
        assert_eq!(validity(Some(1_000), None).check(now, ClockSkew::ZERO), Ok(SkewUsed(false)));
        assert_eq!(
            validity(Some(1_001), None).check(now, ClockSkew::ZERO).unwrap_err().code,
            Code::CredentialNotYetValid
        );
    }

    #[test]
    fn skew_widens_both_ends_by_exactly_its_seconds() {
        let now = UnixSeconds(1_000);
        assert_eq!(validity(None, Some(941)).check(now, ClockSkew::DEFAULT), Ok(SkewUsed(true)));
        assert!(validity(None, Some(940)).check(now, ClockSkew::DEFAULT).is_err());
        assert_eq!(validity(Some(1_060), None).check(now, ClockSkew::DEFAULT), Ok(SkewUsed(true)));
        assert!(validity(Some(1_061), None).check(now, ClockSkew::DEFAULT).is_err());
    }

    #[test]
    fn extreme_values_do_not_overflow() {
        let all = validity(Some(i64::MIN), Some(i64::MAX));
        assert!(all.check(UnixSeconds(i64::MAX), ClockSkew::DEFAULT).is_err());
        assert!(all.check(UnixSeconds(i64::MIN), ClockSkew::DEFAULT).is_ok());
    }

    #[test]
    fn times_of_lists_are_in_utc() {
        assert_eq!(UnixSeconds::from_utc_text("2027-03-01T12:00:00Z"), Some(UnixSeconds(1_803_902_400)));
        assert_eq!(UnixSeconds::from_utc_text("2027-03-01T12:00:00.946Z"), Some(UnixSeconds(1_803_902_400)));
        assert_eq!(UnixSeconds::from_utc_text("1969-12-31T23:59:59.5Z"), Some(UnixSeconds(-1)));
        for wrong in [
            "",
            "Z",
            "2027-03-01",
            "2027-03-01T12:00:00",
            "2027-03-01T12:00:00+00:00",
            "2027-02-29T00:00:00Z",
            "2027-03-01T24:00:00Z",
            "1803902400",
            "2027-03-01T12:00:00Z ",
        ] {
            assert_eq!(UnixSeconds::from_utc_text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn skew_has_bounds() {
        assert!(ClockSkew::new(301).is_none());
        assert!(ClockSkew::new(-1).is_none());
        assert_eq!(ClockSkew::new(300).map(ClockSkew::seconds), Some(300));
    }
}
