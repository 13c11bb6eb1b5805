//! Presets: queries for common municipal services, ready to ship, with purpose and level of assurance. A preset is data;
//! a tenant may only make it smaller.

pub mod derivation;

use super::dcql::query::{At, Reader};
use super::dcql::{ClaimQuery, CredentialQuery, DcqlQuery, Fault, Format, Meta, check_sendable};
use super::encoding::json;
use super::reason::{Code, Reason};
use derivation::Derivation;
use serde_json::{Map, Value};

/// A preset.
#[derive(Debug, Clone, PartialEq)]
pub struct Preset {
    /// Its name in calls and configuration: 1 to 64 of `a-z`, `0-9`, `-`.
    pub id: String,
    /// Its version, counted from 1.
    pub version: u32,
    /// What people call the service.
    pub title: LocalText,
    /// The purpose that the wallet shows and that has to agree with the registration.
    pub purpose: LocalText,
    /// The least level of assurance that the service needs.
    pub acr_min: AssuranceLevel,
    /// How the result is kept.
    pub result: ResultRules,
    /// The query with all alternatives; what is really sent comes from [`Preset::sendable`].
    pub query: DcqlQuery,
}

/// A text in both languages of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalText {
    /// German.
    pub de: String,
    /// English.
    pub en: String,
}

/// A level of assurance, the lowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AssuranceLevel {
    /// Low.
    Low,
    /// Substantial.
    Substantial,
    /// High.
    High,
}

impl AssuranceLevel {
    const ALL: [Self; 3] = [Self::Low, Self::Substantial, Self::High];

    /// The identifier of Commission Implementing Regulation (EU) 2015/1502 in authentication requests.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Low => "http://eidas.europa.eu/LoA/low",
            Self::Substantial => "http://eidas.europa.eu/LoA/substantial",
            Self::High => "http://eidas.europa.eu/LoA/high",
        }
    }
}

/// How a result is kept and what is made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResultRules {
    /// Whether the result is erased as soon as it was read.
    pub delete_after_delivery: bool,
    /// Seconds until it is erased in any case; at least one.
    pub ttl_seconds: u32,
    /// Answers to compute instead of passing claims on.
    pub derive: Vec<Derivation>,
}

/// The texts of the presets that ship.
const SHIPPED: [&str; 13] = [
    include_str!("../presets/alter-ab-18.json"),
    include_str!("../presets/alter-ab-18-eu.json"),
    include_str!("../presets/bewohnerparken.json"),
    include_str!("../presets/bibliothek.json"),
    include_str!("../presets/gewerbeanmeldung.json"),
    include_str!("../presets/hundesteuer.json"),
    include_str!("../presets/kita-bedarf.json"),
    include_str!("../presets/meldebescheinigung.json"),
    include_str!("../presets/schalter.json"),
    include_str!("../presets/servicekonto-voll.json"),
    include_str!("../presets/sozialpass.json"),
    include_str!("../presets/sozialpass-mit-person.json"),
    include_str!("../presets/wohnsitz-vorbereitung.json"),
];

/// The presets that ship, sorted by id.
///
/// # Errors
/// The faults of the first one that cannot be read; a test sees to it that there is none.
pub fn shipped() -> Result<Vec<Preset>, Vec<Fault>> {
    SHIPPED.into_iter().map(Preset::parse_text).collect()
}

const RULE: &str = "preset";

impl Preset {
    /// Reads a preset from its JSON text.
    ///
    /// # Errors
    /// As [`Preset::parse`]; text that is not strict JSON is one fault at the root.
    pub fn parse_text(text: &str) -> Result<Self, Vec<Fault>> {
        match json::parse(text.as_bytes()) {
            Ok(value) => Self::parse(&value),
            Err(fault) => {
                let detail = Reason::from(fault).detail;
                Err(vec![Fault { pointer: String::new(), detail, rule: RULE }])
            }
        }
    }

    /// Reads a preset. Unknown members are faults outside `dcql_query`.
    ///
    /// # Errors
    /// Every fault, with its place; at least one.
    pub fn parse(value: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::default();
        let preset = read(&mut reader, value);
        for pointer in std::mem::take(&mut reader.ignored) {
            reader.faults.push(Fault { pointer, detail: "a preset has no such member".into(), rule: RULE });
        }
        match preset {
            Some(preset) if reader.faults.is_empty() => Ok(preset),
            _ => Err(reader.faults),
        }
    }

    /// Whether a type in it is a placeholder; such a preset is for tests and must not start elsewhere.
    pub fn test_only(&self) -> bool {
        let placeholder = |name: &String| name.starts_with("urn:example:");
        self.query.credentials().iter().any(|credential| match credential.meta() {
            Meta::VctValues(values) => values.iter().any(placeholder),
            Meta::Doctype(doctype) => placeholder(doctype),
            Meta::TypeValues(lists) => lists.iter().flatten().any(placeholder),
        })
    }

    /// The query that is really sent: without the alternatives whose format cannot be verified. A service never asks for
    /// a format it cannot verify.
    ///
    /// # Errors
    /// [`Code::InvalidQuery`] if nothing usable is left of a required set, or if the rest may not be sent.
    pub fn sendable(&self, can_verify: impl Fn(&Format) -> bool) -> Result<DcqlQuery, Reason> {
        let refuse = |detail| Err(Reason::new(Code::InvalidQuery, detail));
        let verifiable: Vec<bool> =
            self.query.credentials().iter().map(|credential| can_verify(credential.format())).collect();
        let mut json = self.query.as_json().clone();
        if verifiable.contains(&false) {
            let sets = self.query.credential_sets();
            if sets.is_empty() {
                return refuse("the preset demands a format that this service cannot verify");
            }
            let usable = |option: &Vec<usize>| option.iter().all(|&at| verifiable.get(at) == Some(&true));
            let options: Vec<Vec<bool>> = sets.iter().map(|set| set.options().iter().map(usable).collect()).collect();
            let kept: Vec<bool> = options.iter().map(|options| options.contains(&true)).collect();
            if sets.iter().zip(&kept).any(|(set, kept)| set.required() && !kept) {
                return refuse("every alternative of the preset needs a format that this service cannot verify");
            }
            let named = |at: usize, usable_only: bool| {
                let all = sets.iter().zip(&options).flat_map(|(set, usable)| set.options().iter().zip(usable));
                all.into_iter().any(|(option, &usable)| option.contains(&at) && (usable || !usable_only))
            };
            let credentials: Vec<bool> = verifiable
                .iter()
                .enumerate()
                .map(|(at, &verifiable)| verifiable && (named(at, true) || !named(at, false)))
                .collect();
            retain(&mut json, "credentials", &credentials);
            if let Some(Value::Array(sets)) = json.get_mut("credential_sets") {
                for (set, usable) in sets.iter_mut().zip(&options) {
                    retain(set, "options", usable);
                }
            }
            // If only optional sets were there and none is left, the empty array is refused below.
            retain(&mut json, "credential_sets", &kept);
        }
        match DcqlQuery::parse(&json) {
            Ok(query) if check_sendable(&query, &can_verify).is_ok() => Ok(query),
            _ => refuse("what is left of the preset may not be sent"),
        }
    }

    /// Whether this preset is a smaller copy of `other`: it asks for nothing more, for the same purpose, at no lower
    /// level, keeps results no longer, and still derives what `other` derives instead of passing it on.
    pub fn is_within(&self, other: &Self) -> bool {
        self.query.is_within(&other.query)
            && self.purpose == other.purpose
            && self.acr_min >= other.acr_min
            && self.result.ttl_seconds <= other.result.ttl_seconds
            && (self.result.delete_after_delivery || !other.result.delete_after_delivery)
            && other.result.derive.iter().all(|derivation| self.result.derive.contains(derivation))
    }
}

/// Keeps the elements of a member array that are marked.
fn retain(document: &mut Value, member: &str, marks: &[bool]) {
    if let Some(Value::Array(items)) = document.get_mut(member) {
        let mut marks = marks.iter();
        items.retain(|_| marks.next() == Some(&true));
    }
}

fn read(reader: &mut Reader, value: &Value) -> Option<Preset> {
    let at = At::root();
    let known = ["id", "version", "title", "purpose", "acr_min", "result", "dcql_query"];
    let members = reader.object(value, &at, RULE, &known)?;
    let id = read_id(reader, members, &at);
    let version = whole(reader, members, "version", &at, u32::MAX);
    let title = local_text(reader, members, "title", &at);
    let purpose = local_text(reader, members, "purpose", &at);
    let acr_min = acr(reader, members, &at);
    let result = result_rules(reader, members, &at);
    let query = match reader.required(members, "dcql_query", &at, RULE).map(DcqlQuery::parse) {
        Some(Ok(query)) => Some(query),
        Some(Err(faults)) => {
            reader.faults.extend(faults.into_iter().map(|fault| fault.under("/dcql_query")));
            None
        }
        None => None,
    };
    if let (Some(result), Some(query)) = (&result, &query) {
        for (index, derivation) in result.derive.iter().enumerate() {
            let paths = query.credentials().iter().flat_map(CredentialQuery::claims).map(ClaimQuery::path);
            // A misspelt name would let the claim itself leave.
            if !paths.into_iter().any(|path| path.first_key() == Some(derivation.from.as_str())) {
                let at = at.key("result").key("derive").item(index).key("from");
                reader.fault(&at, RULE, "the query does not ask for this claim");
            }
        }
    }
    Some(Preset {
        id: id?,
        version: version?,
        title: title?,
        purpose: purpose?,
        acr_min: acr_min?,
        result: result?,
        query: query?,
    })
}

fn read_id(reader: &mut Reader, members: &Map<String, Value>, at: &At) -> Option<String> {
    let value = reader.required(members, "id", at, RULE)?;
    let at = at.key("id");
    let id = reader.text(value, &at, RULE)?;
    let plain = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if plain && id.len() <= 64 {
        return Some(id.to_owned());
    }
    reader.fault(&at, RULE, "an id is 1 to 64 of a-z, 0-9 and -");
    None
}

/// A positive integer up to `most`.
fn whole(reader: &mut Reader, members: &Map<String, Value>, name: &str, at: &At, most: u32) -> Option<u32> {
    let value = reader.required(members, name, at, RULE)?;
    let number =
        value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| (1..=most).contains(number));
    if number.is_none() {
        reader.fault(&at.key(name), RULE, format!("must be an integer from 1 to {most}"));
    }
    number
}

fn local_text(reader: &mut Reader, members: &Map<String, Value>, name: &str, at: &At) -> Option<LocalText> {
    let value = reader.required(members, name, at, RULE)?;
    let at = at.key(name);
    let members = reader.object(value, &at, RULE, &["de", "en"])?;
    let mut language = |name: &str| {
        let value = reader.required(members, name, &at, RULE)?;
        reader.text(value, &at.key(name), RULE).map(str::to_owned)
    };
    let (de, en) = (language("de"), language("en"));
    Some(LocalText { de: de?, en: en? })
}

fn acr(reader: &mut Reader, members: &Map<String, Value>, at: &At) -> Option<AssuranceLevel> {
    let value = reader.required(members, "acr_min", at, RULE)?;
    let at = at.key("acr_min");
    let text = reader.text(value, &at, RULE)?;
    let level = AssuranceLevel::ALL.into_iter().find(|level| level.uri() == text);
    if level.is_none() {
        reader.fault(&at, RULE, "must be http://eidas.europa.eu/LoA/ with low, substantial or high");
    }
    level
}

/// Longest life of a result that a preset may ask for, in seconds: one day.
const LONGEST_TTL: u32 = 86_400;

fn result_rules(reader: &mut Reader, members: &Map<String, Value>, at: &At) -> Option<ResultRules> {
    let value = reader.required(members, "result", at, RULE)?;
    let at = at.key("result");
    let members = reader.object(value, &at, RULE, &["delete_after_delivery", "ttl_seconds", "derive"])?;
    let delete = reader
        .required(members, "delete_after_delivery", &at, RULE)
        .and_then(|_| reader.flag(members, "delete_after_delivery", &at, RULE));
    let ttl_seconds = whole(reader, members, "ttl_seconds", &at, LONGEST_TTL);
    let derive = match members.get("derive") {
        None => Some(Vec::new()),
        Some(Value::Array(items)) => {
            let at = at.key("derive");
            let read: Vec<_> =
                items.iter().enumerate().map(|(index, item)| read_derivation(reader, item, &at.item(index))).collect();
            read.into_iter().collect()
        }
        Some(_) => {
            reader.fault(&at.key("derive"), RULE, "must be an array");
            None
        }
    };
    Some(ResultRules { delete_after_delivery: delete?, ttl_seconds: ttl_seconds?, derive: derive? })
}

fn read_derivation(reader: &mut Reader, value: &Value, at: &At) -> Option<Derivation> {
    let members = reader.object(value, at, RULE, &["age_over", "from", "drop_source"])?;
    let age_over = whole(reader, members, "age_over", at, 150);
    let from = reader.required(members, "from", at, RULE).and_then(|value| reader.text(value, &at.key("from"), RULE));
    let drop_source =
        reader.required(members, "drop_source", at, RULE).and_then(|_| reader.flag(members, "drop_source", at, RULE));
    Some(Derivation { age_over: u8::try_from(age_over?).ok()?, from: from?.to_owned(), drop_source: drop_source? })
}

#[cfg(test)]
mod tests;
