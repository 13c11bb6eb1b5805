//! Strict JSON: UTF-8 only, no duplicate names, bounded depth and count, nothing after the end.
//!
//! `serde_json` reads the text; the visitor here adds what it does not check.

use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

/// Depth and count of a document.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deepest nesting; the top level counts as one.
    pub depth: usize,
    /// Most values.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: limits::JSON_DEPTH, nodes: limits::JSON_NODES }
    }
}

/// What was wrong with a text that should have been JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Not JSON, not UTF-8, a lone surrogate, or a tail.
    Syntax,
    /// A member name occurs twice in one object, compared after unescaping.
    Duplicate,
    /// Too deep or too many values.
    Limit,
    /// A number beyond the range of a double.
    NumberRange,
}

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax => Self::new(Code::JsonInvalid, "not strict JSON"),
            Fault::Duplicate => Self::new(Code::JsonInvalid, "a member name occurs twice"),
            Fault::Limit => Self::new(Code::LimitExceeded, "JSON nested too deeply or with too many values"),
            Fault::NumberRange => Self::new(Code::JsonInvalid, "a number beyond the range of a double"),
        }
    }
}

/// Reads one JSON document with the default limits.
///
/// # Errors
/// See [`Fault`]; as a [`Reason`] it is [`Code::JsonInvalid`] or [`Code::LimitExceeded`].
///
/// # Source
/// RFC 8259, RFC 7515 section 4, RFC 7519 section 4, RFC 8725 section 3.7; SDJ-34, GEN-08.
pub fn parse(bytes: &[u8]) -> Result<Value, Fault> {
    parse_with(bytes, Limits::default())
}

/// Reads one JSON document with limits of the caller's choice.
///
/// # Errors
/// See [`Fault`].
pub fn parse_with(bytes: &[u8], limits: Limits) -> Result<Value, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Syntax)?;
    let budget = Budget { nodes: Cell::new(limits.nodes), fault: Cell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let result = Seed { budget: &budget, depth: limits.depth }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    result.map_err(|error| budget.fault.get().unwrap_or_else(|| classify(&error)))
}

/// Checks that a document is strict JSON without keeping any of it, so that a large one needs no more memory than its
/// text. Besides depth and count, no object may have more than `members` members.
///
/// # Errors
/// See [`Fault`]: the same as [`parse_with`], and [`Fault::Limit`] for an object with more members.
pub fn check(bytes: &[u8], limits: Limits, members: usize) -> Result<(), Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::Syntax)?;
    let budget = Budget { nodes: Cell::new(limits.nodes), fault: Cell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Seed { budget: &budget, depth: limits.depth };
    let result = Skim { seed, members }.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    result.map_err(|error| budget.fault.get().unwrap_or_else(|| classify(&error)))
}

/// Reads one JSON document that must be an object, as every JOSE header and JWT payload.
///
/// # Errors
/// As [`parse`]; a document of another type is [`Fault::Syntax`].
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    match parse(bytes)? {
        Value::Object(members) => Ok(members),
        _ => Err(Fault::Syntax),
    }
}

/// `serde_json` has no public kind for this error; the test below notices if its text changes.
fn classify(error: &serde_json::Error) -> Fault {
    let text = error.to_string();
    if text.starts_with("number out of range") {
        Fault::NumberRange
    } else if text.starts_with("recursion limit exceeded") {
        Fault::Limit
    } else {
        Fault::Syntax
    }
}

struct Budget {
    nodes: Cell<usize>,
    fault: Cell<Option<Fault>>,
}

#[derive(Clone, Copy)]
struct Seed<'b> {
    budget: &'b Budget,
    depth: usize,
}

impl Seed<'_> {
    fn stop<E: serde::de::Error>(self, fault: Fault) -> E {
        self.budget.fault.set(Some(fault));
        E::custom("refused")
    }

    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| self.stop(Fault::Limit))?;
        Ok(Self { depth, ..self })
    }

    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        match self.budget.nodes.get().checked_sub(1) {
            Some(left) => {
                self.budget.nodes.set(left);
                Ok(())
            }
            None => Err(self.stop(Fault::Limit)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| self.stop(Fault::NumberRange))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(inner)?;
            if members.insert(name, value).is_some() {
                return Err(self.stop(Fault::Duplicate));
            }
        }
        Ok(Value::Object(members))
    }
}

/// The same rules as [`Seed`], but nothing is kept.
#[derive(Clone, Copy)]
struct Skim<'b> {
    seed: Seed<'b>,
    members: usize,
}

impl Skim<'_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        Ok(Self { seed: self.seed.inner()?, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Skim<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.seed.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Skim<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        if value.is_finite() { Ok(()) } else { Err(self.seed.stop(Fault::NumberRange)) }
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        while access.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let inner = self.inner()?;
        let mut names = HashSet::new();
        while let Some(name) = access.next_key::<String>()? {
            access.next_value_seed(inner)?;
            if !names.insert(name) {
                return Err(self.seed.stop(Fault::Duplicate));
            }
            if names.len() > self.members {
                return Err(self.seed.stop(Fault::Limit));
            }
        }
        Ok(())
    }
}

/// A date claim of a JWT, read from its exact text. A claim of the wrong type is not an absent one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateClaim {
    /// The claim is not there.
    Absent,
    /// Seconds since the epoch, a fraction rounded down.
    At(UnixSeconds),
    /// A number, but not in a form that is accepted (JSN-007).
    WrongForm,
    /// No number at all.
    WrongType,
}

impl DateClaim {
    /// The time, if the claim is there.
    ///
    /// # Errors
    /// `fault()` for a claim that is there but unusable.
    pub fn or_fault<E>(self, fault: impl FnOnce() -> E) -> Result<Option<UnixSeconds>, E> {
        match self {
            Self::Absent => Ok(None),
            Self::At(time) => Ok(Some(time)),
            Self::WrongForm | Self::WrongType => Err(fault()),
        }
    }

    /// From a value that is no fraction and has no exponent.
    fn of(value: Option<&Value>) -> Self {
        match value {
            None => Self::Absent,
            Some(Value::Number(number)) => number.as_i64().map_or(Self::WrongForm, |time| Self::At(UnixSeconds(time))),
            Some(_) => Self::WrongType,
        }
    }

    fn read(raw: Option<&RawValue>) -> Self {
        match raw.map(RawValue::get) {
            None => Self::Absent,
            Some(text) => match numeric_date(text) {
                Some(seconds) => Self::At(UnixSeconds(seconds)),
                None if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => Self::WrongForm,
                None => Self::WrongType,
            },
        }
    }
}

/// The three date claims of a JWT payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dates {
    /// `iat`
    pub issued_at: DateClaim,
    /// `nbf`
    pub not_before: DateClaim,
    /// `exp`
    pub expires: DateClaim,
}

impl Dates {
    /// The dates of a payload, from its members as [`parse_object`] has read them; from its text only where a date is no
    /// integer, as only the text tells then in what form it was written.
    ///
    /// # Errors
    /// As [`Dates::read`].
    pub fn of(members: &Map<String, Value>, payload: &[u8]) -> Result<Self, Fault> {
        let [iat, nbf, exp] = ["iat", "nbf", "exp"].map(|name| members.get(name));
        if [iat, nbf, exp].into_iter().flatten().any(Value::is_f64) {
            return Self::read(payload);
        }
        Ok(Self { issued_at: DateClaim::of(iat), not_before: DateClaim::of(nbf), expires: DateClaim::of(exp) })
    }

    /// Reads the dates of a payload that [`parse_object`] has accepted, or refused for [`Fault::NumberRange`].
    ///
    /// # Errors
    /// [`Fault::Syntax`] if the payload cannot be read.
    pub fn read(payload: &[u8]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Raw<'a> {
            #[serde(borrow, default, deserialize_with = "present")]
            iat: Option<&'a RawValue>,
            #[serde(borrow, default, deserialize_with = "present")]
            nbf: Option<&'a RawValue>,
            #[serde(borrow, default, deserialize_with = "present")]
            exp: Option<&'a RawValue>,
        }
        let raw: Raw<'_> = serde_json::from_slice(payload).map_err(|_| Fault::Syntax)?;
        Ok(Self {
            issued_at: DateClaim::read(raw.iat),
            not_before: DateClaim::read(raw.nbf),
            expires: DateClaim::read(raw.exp),
        })
    }
}

/// A member that is there, `null` included.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The whole seconds of a `NumericDate` from its exact text: an integer in the signed 64-bit range, or a decimal
/// fraction, which is rounded down. No exponent, no negative zero (JSN-007, JSN-008, SDJ-44).
pub fn numeric_date(text: &str) -> Option<i64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole.strip_prefix('-').unwrap_or(whole)) || whole == "-0" {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    match fraction {
        None => Some(seconds),
        Some(part) if digits(part) && seconds >= 0 => Some(seconds),
        Some(part) if digits(part) => seconds.checked_sub(1),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn duplicates_are_compared_after_unescaping() {
        // JSN-002, JSN-003, JSN-004.
        assert_eq!(parse(br#"{"a":1,"a":1}"#), Err(Fault::Duplicate));
        assert_eq!(parse(br#"{"alg":1,"a\u006cg":1}"#), Err(Fault::Duplicate));
        assert_eq!(parse(br#"[{"x":{"a":1,"a":2}}]"#), Err(Fault::Duplicate));
        assert!(parse(br#"{"a":{"a":1}}"#).is_ok());
    }

    #[test]
    fn other_encodings_are_refused() {
        // JSN-010, JSN-011.
        for bytes in
            [&b"\xef\xbb\xbf{}"[..], b"{\0}\0", b"\xff\xfe{\0}\0", b"\"\xc0\xaf\"", b"\"\\ud800\"", b"\"\xed\xa0\x80\""]
        {
            assert_eq!(parse(bytes), Err(Fault::Syntax), "{bytes:?}");
        }
    }

    #[test]
    fn nothing_may_follow() {
        assert_eq!(parse(b"{} {}"), Err(Fault::Syntax));
        assert_eq!(parse(b"{},"), Err(Fault::Syntax));
        assert_eq!(parse(b""), Err(Fault::Syntax));
        assert_eq!(parse(b" {} \n"), Ok(json!({})));
    }

    #[test]
    fn depth_and_count_are_exact() {
        // JSN-006.
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(limits::JSON_DEPTH).as_bytes()).is_ok());
        assert_eq!(parse(nested(limits::JSON_DEPTH + 1).as_bytes()), Err(Fault::Limit));
        assert_eq!(parse(nested(100_000).as_bytes()), Err(Fault::Limit));
        let flat = |count: usize| format!("[{}1]", "1,".repeat(count - 2));
        assert!(parse(flat(limits::JSON_NODES).as_bytes()).is_ok());
        assert_eq!(parse(flat(limits::JSON_NODES + 1).as_bytes()), Err(Fault::Limit));
    }

    #[test]
    fn checking_and_reading_find_the_same() {
        // JSN-002, JSN-003, JSN-004, JSN-006, JSN-010, JSN-011.
        let limits = Limits { depth: 3, nodes: 6 };
        for bytes in [
            &br#"{"a":1,"b":[true,null,"x"]}"#[..],
            br#"{"a":1,"\u0061":1}"#,
            br#"[{"x":{"a":1,"a":2}}]"#,
            b"[1,2,3,4,5]",
            b"[1,2,3,4,5,6]",
            b"[[[]]]",
            b"[[[[]]]]",
            b"1e400",
            b"-1.5",
            b"{} {}",
            b"",
            b"\xef\xbb\xbf{}",
            b"\"\\ud800\"",
        ] {
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(check(bytes, limits, 10), parse_with(bytes, limits).map(drop), "{text}");
        }
        assert_eq!(check(br#"{"a":1,"b":2}"#, limits, 2), Ok(()));
        assert_eq!(check(br#"{"a":1,"b":2,"c":3}"#, limits, 2), Err(Fault::Limit));
        let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(check(nested.as_bytes(), Limits::default(), 10), Err(Fault::Limit));
    }

    #[test]
    fn numbers_out_of_range_have_their_own_fault() {
        assert_eq!(parse(b"1e400"), Err(Fault::NumberRange));
        assert_eq!(parse("9".repeat(10_000).as_bytes()), Err(Fault::NumberRange));
        assert_eq!(parse(b"9007199254740993"), Ok(json!(9_007_199_254_740_993_u64)));
    }

    #[test]
    fn a_date_of_the_wrong_type_is_not_absent() {
        // SVC-014, JSN-007: null is a wrong type, an exponent a wrong form.
        let dates = Dates::read(br#"{"iat":null,"nbf":1e3,"exp":7,"other":{}}"#).unwrap();
        assert_eq!(dates.issued_at, DateClaim::WrongType);
        assert_eq!(dates.not_before, DateClaim::WrongForm);
        assert_eq!(dates.expires, DateClaim::At(UnixSeconds(7)));
        assert_eq!(Dates::read(b"{}").unwrap().expires, DateClaim::Absent);
        // However a date is written, members and text say the same of it.
        for date in [
            "0",
            "-0",
            "-1",
            "7",
            "7.5",
            "-7.5",
            "7.0",
            "1e3",
            "1E-3",
            "-0.0",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "\"7\"",
            "null",
            "true",
            "[7]",
            "{}",
        ] {
            for text in [format!(r#"{{"iat":{date}}}"#), format!(r#"{{"nbf":1,"\u0065xp":{date},"x":1.5}}"#)] {
                let members = parse_object(text.as_bytes()).unwrap();
                assert_eq!(Dates::of(&members, text.as_bytes()), Dates::read(text.as_bytes()), "{text}");
            }
        }
        assert_eq!(Dates::read(br#"{"exp":1e400}"#).unwrap().expires, DateClaim::WrongForm);
    }

    #[test]
    fn numeric_dates_are_read_from_their_text() {
        // JSN-007, JSN-008.
        assert_eq!(numeric_date("1893456000"), Some(1_893_456_000));
        assert_eq!(numeric_date("1893456000.5"), Some(1_893_456_000));
        assert_eq!(numeric_date("-1.5"), Some(-2));
        assert_eq!(numeric_date("9223372036854775807"), Some(i64::MAX));
        for wrong in
            ["1e400", "-0", "-0.0", "1.0e0", "9223372036854775808", "\"1\"", "null", "true", "1.", ".5", "", "-"]
        {
            assert_eq!(numeric_date(wrong), None, "{wrong}");
        }
    }
}
