//! Times as text: RFC 3339, UTC, whole seconds. The one place that knows a calendar.

use crate::domain::time::UnixSeconds;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A time as `2027-03-01T12:00:00Z`. Times beyond the year 9999, which RFC 3339 cannot write, become its last second,
/// those before the year 0 its first.
pub fn rfc3339(time: UnixSeconds) -> String {
    /// `0000-01-01T00:00:00Z` and `9999-12-31T23:59:59Z`.
    const WRITABLE: (i64, i64) = (-62_167_219_200, 253_402_300_799);
    OffsetDateTime::from_unix_timestamp(time.0.clamp(WRITABLE.0, WRITABLE.1))
        .ok()
        .and_then(|date| date.format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// Reads RFC 3339 with any offset, or whole seconds since 1970. Fractions of a second are cut off.
pub fn parse(text: &str) -> Option<UnixSeconds> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(UnixSeconds(seconds));
    }
    OffsetDateTime::parse(text, &Rfc3339).ok().map(|date| UnixSeconds(date.unix_timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_back() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_803_902_400, "2027-03-01T12:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(UnixSeconds(seconds)), text);
            assert_eq!(parse(text), Some(UnixSeconds(seconds)));
        }
    }

    #[test]
    fn every_second_has_a_text() {
        assert_eq!(rfc3339(UnixSeconds(i64::MAX)), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(UnixSeconds(i64::MIN)), "0000-01-01T00:00:00Z");
    }

    #[test]
    fn other_offsets_and_plain_seconds_are_read() {
        assert_eq!(parse("2027-03-01T13:00:00+01:00"), parse("2027-03-01T12:00:00Z"));
        assert_eq!(parse("2027-03-01T12:00:00.9Z"), parse("2027-03-01T12:00:00Z"));
        assert_eq!(parse("1803902400"), Some(UnixSeconds(1_803_902_400)));
        for wrong in ["", "2027-03-01", "2027-13-01T00:00:00Z", "now", "12:00"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
