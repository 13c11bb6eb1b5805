//! The small parts that scheme information, entities, services and pointers have in common.

use crate::domain::encoding::base64;
use crate::domain::encoding::json::{self, Limits};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Extensions that are understood: they only add information that is not used.
const KNOWN_EXTENSIONS: [&str; 2] = ["ServiceUniqueIdentifier", "OtherAssociatedBodies"];

pub(super) fn malformed(detail: &'static str) -> Reason {
    Reason::new(Code::TrustListMalformed, detail)
}

/// An object of a list as a tree of bounded size. The whole document was checked before.
pub(super) fn object(raw: &RawValue, detail: &'static str) -> Result<Map<String, Value>, Reason> {
    let limits = Limits { depth: limits::JSON_DEPTH, nodes: limits::TRUST_LIST_ENTRY_NODES };
    match json::parse_with(raw.get().as_bytes(), limits) {
        Ok(Value::Object(members)) => Ok(members),
        Err(json::Fault::Limit) => Err(Reason::new(Code::TrustListTooLarge, "an entry has more values than the limit")),
        _ => Err(malformed(detail)),
    }
}

/// A text that may be absent, but not of another type or empty.
pub(super) fn optional_text<'v>(
    members: &'v Map<String, Value>,
    name: &str,
    detail: &'static str,
) -> Result<Option<&'v str>, Reason> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(malformed(detail)),
    }
}

/// An array that may be absent.
pub(super) fn optional_array<'v>(
    members: &'v Map<String, Value>,
    name: &str,
    detail: &'static str,
) -> Result<&'v [Value], Reason> {
    match members.get(name) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(malformed(detail)),
    }
}

/// A time in UTC.
pub(super) fn time(value: Option<&Value>, detail: &'static str) -> Result<UnixSeconds, Reason> {
    value.and_then(Value::as_str).and_then(UnixSeconds::from_utc_text).ok_or_else(|| malformed(detail))
}

/// The texts of a name in several languages, at least one.
pub(super) fn names<'v>(value: Option<&'v Value>, detail: &'static str) -> Result<Vec<(&'v str, &'v str)>, Reason> {
    let entries = value.and_then(Value::as_array).ok_or_else(|| malformed(detail))?;
    let one = |entry: &'v Value| match (entry.get("lang"), entry.get("value")) {
        (Some(Value::String(language)), Some(Value::String(text))) if !text.is_empty() => {
            Some((language.as_str(), text.as_str()))
        }
        _ => None,
    };
    let names: Option<Vec<_>> = entries.iter().map(one).collect();
    names.filter(|names| !names.is_empty()).ok_or_else(|| malformed(detail))
}

/// The name in English if there is one, else the first.
pub(super) fn display(names: &[(&str, &str)]) -> String {
    let is_english = |language: &str| language.split('-').next().is_some_and(|tag| tag.eq_ignore_ascii_case("en"));
    let english = names.iter().find(|(language, _)| is_english(language));
    english.or(names.first()).map(|(_, text)| (*text).to_owned()).unwrap_or_default()
}

/// A territory or country: two capital letters.
pub(super) fn country(value: Option<&Value>) -> Option<&str> {
    value?.as_str().filter(|text| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// Refuses extensions that are critical and not understood. What says neither yes nor no counts as critical.
///
/// # Source
/// ETSI TS 119 602 sections 6.3.17 and 6.6.9; TL-14.
pub(super) fn check_extensions(members: &Map<String, Value>, name: &str) -> Result<(), Reason> {
    let extensions = optional_array(members, name, "extensions are no array")?;
    let is_critical = |extension: &Map<String, Value>| {
        let stated = extension.iter().find(|(name, _)| name.eq_ignore_ascii_case("critical"));
        stated.is_some_and(|(_, value)| *value != Value::Bool(false))
    };
    let is_known = |extension: &Map<String, Value>| {
        let mut content = extension.keys().filter(|name| !name.eq_ignore_ascii_case("critical")).peekable();
        content.peek().is_some() && content.all(|name| KNOWN_EXTENSIONS.contains(&name.as_str()))
    };
    let mut objects = extensions.iter().filter_map(Value::as_object);
    if objects.any(|extension| is_critical(extension) && !is_known(extension)) {
        return Err(malformed("a critical extension is unknown"));
    }
    Ok(())
}

/// The certificates of a digital identity. Key identifiers and names beside them only supplement (TL-15).
///
/// # Source
/// ETSI TS 119 602 section 6.6.3.
pub(super) fn certificates(identity: Option<&Value>) -> Result<Vec<Certificate>, Reason> {
    let identity = identity.and_then(Value::as_object).ok_or_else(|| malformed("the digital identity is missing"))?;
    let entries = optional_array(identity, "X509Certificates", "X509Certificates is no array")?;
    if entries.is_empty() {
        return Err(malformed("no certificate identifies the service"));
    }
    let one = |entry: &Value| {
        let text = entry.get("val").and_then(Value::as_str).ok_or_else(|| malformed("a certificate has no val"))?;
        let der = base64::decode_standard(text).map_err(|reason| reason.recode(Code::TrustListMalformed))?;
        Certificate::read(&der).map_err(|reason| reason.recode(Code::TrustListMalformed))
    };
    entries.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn english_is_preferred_by_its_tag() {
        let shown = |value: Value| names(Some(&value), "test").map(|names| display(&names)).ok();
        let name = |language: &str, text: &str| json!({"lang": language, "value": text});
        assert_eq!(shown(json!([name("de", "a"), name("en", "b")])).as_deref(), Some("b"));
        assert_eq!(shown(json!([name("de", "a"), name("EN-gb", "b")])).as_deref(), Some("b"));
        assert_eq!(shown(json!([name("de-DE", "a"), name("enm", "b")])).as_deref(), Some("a"));
        for wrong in
            [json!([]), json!({}), json!([1]), json!([name("en", "")]), json!([name("de", "a"), {"lang": "en"}])]
        {
            assert_eq!(shown(wrong.clone()), None, "{wrong}");
        }
    }

    #[test]
    fn a_country_is_two_capital_letters() {
        assert_eq!(country(Some(&json!("EU"))), Some("EU"));
        for wrong in [json!("eu"), json!("E"), json!("EUR"), json!("\u{e9}"), json!("1A"), json!(1), Value::Null] {
            assert_eq!(country(Some(&wrong)), None, "{wrong}");
        }
        assert_eq!(country(None), None);
    }

    #[test]
    fn extensions_are_critical_unless_they_say_no() {
        // TL-14.
        let check = |extensions: Value| {
            let members = Map::from_iter([("Extensions".to_owned(), extensions)]);
            check_extensions(&members, "Extensions").map_err(|reason| reason.code)
        };
        assert_eq!(check_extensions(&Map::new(), "Extensions"), Ok(()));
        assert_eq!(check(json!([{"Critical": false, "New": 1}, {"New": 1}])), Ok(()));
        assert_eq!(check(json!([{"Critical": true, "OtherAssociatedBodies": []}])), Ok(()));
        for critical in [json!(true), json!(1), json!("false"), Value::Null] {
            assert_eq!(check(json!([{"Critical": critical, "New": 1}])), Err(Code::TrustListMalformed));
        }
    }

    #[test]
    fn an_object_is_bounded_and_nothing_else_is_one() {
        let read = |text: &str| object(serde_json::from_str(text).unwrap(), "test").map_err(|reason| reason.code);
        assert_eq!(read(r#"{"a":1}"#).map(|members| members.len()), Ok(1));
        assert_eq!(read("[1]"), Err(Code::TrustListMalformed));
        let large = format!(r#"{{"a":[{}1]}}"#, "1,".repeat(limits::TRUST_LIST_ENTRY_NODES));
        assert_eq!(read(&large), Err(Code::TrustListTooLarge));
    }
}
