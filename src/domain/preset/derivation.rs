//! Answers computed from a claim, so that the claim itself need not leave.

use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value};

/// An age computed from a date of birth: `{"age_over": 18, "from": "birthdate", "drop_source": true}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derivation {
    /// The age in completed years that is asked for.
    pub age_over: u8,
    /// The top-level claim with the date of birth; for `birthdate` also the PID element `birth_date` of an mdoc.
    pub from: String,
    /// Whether the date of birth is removed, also if no age can be told from it.
    pub drop_source: bool,
}

/// What came of one derivation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The age is told: reached, or not.
    Decided(bool),
    /// The date is partial or unreadable, and what is known does not decide.
    Undecidable,
    /// These claims have no date of birth, or their age object is something else.
    NoSource,
}

/// Where the German PID puts its own answers, and where ours go: `{"age_equal_or_over": {"18": true}}`.
const TARGET: &str = "age_equal_or_over";
const MDOC_NAMESPACE: &str = "eu.europa.ec.eudi.pid.1";
const MDOC_ELEMENT: &str = "birth_date";

/// Applies all derivations to the claims of one credential at `today`; the sources are removed at the end. An answer that
/// the issuer gave stays as it is.
pub fn apply(
    derivations: &[Derivation],
    mut claims: Map<String, Value>,
    today: Date,
) -> (Map<String, Value>, Vec<Answer>) {
    let mut answers = Vec::with_capacity(derivations.len());
    for derivation in derivations {
        let answer = match source(&claims, &derivation.from) {
            None => Answer::NoSource,
            Some(birth) => BirthDate::parse(birth)
                .and_then(|birth| birth.has_reached(derivation.age_over, today))
                .map_or(Answer::Undecidable, Answer::Decided),
        };
        answers.push(match answer {
            Answer::Decided(reached) => record(&mut claims, derivation.age_over, reached),
            other => other,
        });
    }
    for derivation in derivations.iter().filter(|derivation| derivation.drop_source) {
        remove(&mut claims, &derivation.from);
    }
    (claims, answers)
}

fn source<'c>(claims: &'c Map<String, Value>, from: &str) -> Option<&'c Value> {
    let mdoc = || (from == "birthdate").then(|| claims.get(MDOC_NAMESPACE)?.get(MDOC_ELEMENT)).flatten();
    claims.get(from).or_else(mdoc)
}

fn record(claims: &mut Map<String, Value>, age: u8, reached: bool) -> Answer {
    let target = claims.entry(TARGET).or_insert_with(|| Value::Object(Map::new()));
    let Value::Object(ages) = target else { return Answer::NoSource };
    match ages.entry(age.to_string()).or_insert(Value::Bool(reached)) {
        Value::Bool(stated) => Answer::Decided(*stated),
        _ => Answer::Undecidable,
    }
}

fn remove(claims: &mut Map<String, Value>, from: &str) {
    claims.remove(from);
    if from == "birthdate"
        && let Some(Value::Object(elements)) = claims.get_mut(MDOC_NAMESPACE)
    {
        elements.remove(MDOC_ELEMENT);
        if elements.is_empty() {
            claims.remove(MDOC_NAMESPACE);
        }
    }
}

/// A day of the Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// A day that exists, from year 1 to 9999.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let exists = (1..=9999).contains(&year) && (1..=last_day(year, month)?).contains(&day);
        exists.then_some(Self { year, month, day })
    }

    /// The day at this time in UTC, which in Germany has begun one or two hours before: an age is never told early.
    /// `None` outside the years 1 to 9999.
    #[expect(clippy::arithmetic_side_effects, reason = "the number of days is bounded first")]
    pub fn utc(time: UnixSeconds) -> Option<Self> {
        let days = time.0.div_euclid(86_400);
        if !(-800_000..=3_000_000).contains(&days) {
            return None;
        }
        // Days since 1 March of year 0, in eras of 400 years; years begin in March, so that the leap day is the last.
        let shifted = days + 719_468;
        let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self::new(u16::try_from(year).ok()?, u8::try_from(month).ok()?, u8::try_from(day).ok()?)
    }
}

fn last_day(year: u16, month: u8) -> Option<u8> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 => Some(if leap { 29 } else { 28 }),
        _ => None,
    }
}

/// A date of birth of which only a span may be known: the first and the last day that it can be.
struct BirthDate {
    earliest: Date,
    latest: Date,
}

impl BirthDate {
    /// Reads `1983-08-12`, `1983-08-00`, `1983-00-00`, `1983-08` and `1983` (DEU-04); a year is needed.
    fn parse(value: &Value) -> Option<Self> {
        let mut parts = value.as_str()?.split('-');
        let year = digits(parts.next()?, 4)?;
        let month = parts.next().map_or(Some(0), |part| digits(part, 2))?;
        let day = parts.next().map_or(Some(0), |part| digits(part, 2))?;
        if parts.next().is_some() {
            return None;
        }
        let (month, day) = (u8::try_from(month).ok()?, u8::try_from(day).ok()?);
        // A day without its month says nothing that helps.
        let (first, last) = if month == 0 { (1, 12) } else { (month, month) };
        let known = (month != 0 && day != 0).then_some(day);
        Some(Self {
            earliest: Date::new(year, first, known.unwrap_or(1))?,
            latest: Date::new(year, last, known.or_else(|| last_day(year, last))?)?,
        })
    }

    /// Whether the age is reached at `today`; `None` if that depends on what is not known.
    ///
    /// A life year ends with the day before the birthday (section 187 paragraph 2 BGB), so a person born on 29 February
    /// reaches an age on 1 March of other years.
    fn has_reached(&self, years: u8, today: Date) -> Option<bool> {
        let reached = |birth: Date| {
            let birthday = (birth.year.saturating_add(u16::from(years)), birth.month, birth.day);
            birthday <= (today.year, today.month, today.day)
        };
        let (if_earliest, if_latest) = (reached(self.earliest), reached(self.latest));
        (if_earliest == if_latest).then_some(if_latest)
    }
}

fn digits(text: &str, length: usize) -> Option<u16> {
    let plain = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn over(age: u8) -> Derivation {
        Derivation { age_over: age, from: "birthdate".into(), drop_source: true }
    }

    fn date(text: &str) -> Date {
        BirthDate::parse(&json!(text)).unwrap().earliest
    }

    fn derive(claims: &Value, today: &str) -> (Value, Vec<Answer>) {
        let (claims, answers) = apply(&[over(18)], claims.as_object().unwrap().clone(), date(today));
        (Value::Object(claims), answers)
    }

    #[track_caller]
    fn answer(birth: &str, today: &str, expected: Answer) {
        let (claims, answers) = derive(&json!({"birthdate": birth, "family_name": "X"}), today);
        assert_eq!(answers, [expected], "{birth} at {today}");
        let mut left = json!({"family_name": "X"});
        if let Answer::Decided(reached) = expected {
            left["age_equal_or_over"] = json!({"18": reached});
        }
        assert_eq!(claims, left);
    }

    #[test]
    fn the_birthday_itself_counts() {
        answer("2008-05-17", "2026-05-16", Answer::Decided(false));
        answer("2008-05-17", "2026-05-17", Answer::Decided(true));
        answer("2030-01-01", "2026-05-17", Answer::Decided(false));
    }

    #[test]
    fn a_leap_day_is_followed_by_the_first_of_march() {
        answer("2008-02-29", "2026-02-28", Answer::Decided(false));
        answer("2008-02-29", "2026-03-01", Answer::Decided(true));
    }

    #[test]
    fn partial_dates_decide_only_if_every_day_agrees() {
        // DEU-04.
        for birth in ["2008-08-00", "2008-08"] {
            answer(birth, "2026-07-31", Answer::Decided(false));
            answer(birth, "2026-08-01", Answer::Undecidable);
            answer(birth, "2026-08-30", Answer::Undecidable);
            answer(birth, "2026-08-31", Answer::Decided(true));
        }
        answer("2008-06-00", "2026-06-30", Answer::Decided(true));
        answer("2007-02-00", "2025-02-28", Answer::Decided(true));
        for birth in ["2008-00-00", "2008-00-12", "2008-00", "2008"] {
            answer(birth, "2025-12-31", Answer::Decided(false));
            answer(birth, "2026-01-01", Answer::Undecidable);
            answer(birth, "2026-12-30", Answer::Undecidable);
            answer(birth, "2026-12-31", Answer::Decided(true));
        }
    }

    #[test]
    fn unreadable_dates_are_dropped_too() {
        for birth in
            ["", "0000-00-00", "2007-02-29", "2008-13-01", "2008-04-31", "17.05.2008", "2008-5-17", "2008-05-17Z"]
        {
            answer(birth, "2026-05-17", Answer::Undecidable);
        }
        for birth in [json!(null), json!(20_080_517), json!({"value": "2008-05-17"})] {
            assert_eq!(derive(&json!({"birthdate": birth}), "2026-05-17"), (json!({}), vec![Answer::Undecidable]));
        }
    }

    #[test]
    fn claims_without_a_date_stay_as_they_are() {
        let claims = json!({"family_name": "X"});
        assert_eq!(derive(&claims, "2026-05-17"), (claims, vec![Answer::NoSource]));
    }

    #[test]
    fn answers_of_the_issuer_stay() {
        let claims = json!({"birthdate": "2008-05-17", "age_equal_or_over": {"18": false, "16": true}});
        let (claims, answers) = derive(&claims, "2026-05-17");
        assert_eq!(claims, json!({"age_equal_or_over": {"18": false, "16": true}}));
        assert_eq!(answers, [Answer::Decided(false)]);
        let (claims, answers) = derive(&json!({"birthdate": "2008-05-17", "age_equal_or_over": "x"}), "2026-05-17");
        assert_eq!((claims, answers), (json!({"age_equal_or_over": "x"}), vec![Answer::NoSource]));
    }

    #[test]
    fn several_ages_come_from_one_date() {
        let claims = json!({"birthdate": "2008-08-00"}).as_object().unwrap().clone();
        let (claims, answers) = apply(&[over(16), over(18), over(21)], claims, date("2026-08-15"));
        assert_eq!(answers, [Answer::Decided(true), Answer::Undecidable, Answer::Decided(false)]);
        assert_eq!(Value::Object(claims), json!({"age_equal_or_over": {"16": true, "21": false}}));
    }

    #[test]
    fn the_date_may_stay_or_lie_in_an_mdoc() {
        let keep = Derivation { drop_source: false, ..over(18) };
        let claims = json!({"birthdate": "1983-08-12"}).as_object().unwrap().clone();
        let (claims, _) = apply(&[keep], claims, date("2026-08-15"));
        assert_eq!(Value::Object(claims), json!({"birthdate": "1983-08-12", "age_equal_or_over": {"18": true}}));
        let mdoc = json!({"eu.europa.ec.eudi.pid.1": {"birth_date": "1983-08-12"}, "x": {"birth_date": "1983-08-12"}});
        let (claims, _) = derive(&mdoc, "2026-08-15");
        assert_eq!(claims, json!({"age_equal_or_over": {"18": true}, "x": {"birth_date": "1983-08-12"}}));
    }

    #[test]
    fn days_follow_the_calendar() {
        let day = |seconds| Date::utc(UnixSeconds(seconds));
        assert_eq!(day(0), Date::new(1970, 1, 1));
        assert_eq!(day(-1), Date::new(1969, 12, 31));
        assert_eq!(day(951_782_400), Date::new(2000, 2, 29));
        assert_eq!(day(1_772_323_199), Date::new(2026, 2, 28));
        assert_eq!(day(1_772_323_200), Date::new(2026, 3, 1));
        assert_eq!(day(253_402_300_799), Date::new(9999, 12, 31));
        for outside in [253_402_300_800, -62_135_596_801, i64::MAX, i64::MIN] {
            assert_eq!(day(outside), None);
        }
        assert_eq!(day(-62_135_596_800), Date::new(1, 1, 1));
        // Every day of 400 years follows the day before.
        let mut expected = Date::new(1900, 1, 1).unwrap();
        for number in -25_567..120_530_i64 {
            assert_eq!(day(number * 86_400), Some(expected));
            let Date { year, month, day } = expected;
            expected = Date::new(year, month, day + 1)
                .or_else(|| Date::new(year, month + 1, 1))
                .or_else(|| Date::new(year + 1, 1, 1))
                .unwrap();
        }
    }
}
