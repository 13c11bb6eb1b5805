//! The file format `verifier-vectors/1`: its members, and the rules that a schema cannot express.
//!
//! The schema for other tools is `test_vectors/verifier-vectors-1.schema.json`.

use super::VectorError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The value of `format`.
pub const FORMAT: &str = "verifier-vectors/1";

/// A file of vectors of one type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where the schema lies, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// [`FORMAT`].
    pub format: String,
    /// What is tested; own types begin with `x-`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One line.
    pub title: String,
    /// What the file is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The specifications that the cases follow.
    pub spec: Vec<String>,
    /// SPDX expression, for vectors of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Where vectors of others come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// What made vectors of our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator: Option<Generator>,
    /// How values came from the source into the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extraction: Option<String>,
    /// Every flag that a case of the file uses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flags: BTreeMap<String, Flag>,
    /// How many cases the file has, so that a truncated one is noticed.
    pub case_count: usize,
    /// Cases by common configuration.
    pub groups: Vec<Group>,
}

/// Where vectors of others come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Address of the repository.
    pub repo: String,
    /// Forty hexadecimal digits.
    pub commit: String,
    /// One path, or several.
    pub path: Value,
    /// Its licence.
    pub licence: String,
}

/// What made vectors of our own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Name of the program.
    pub name: String,
    /// Version of the rules by which it makes them.
    pub version: String,
    /// 32 bytes in hexadecimal: the seed of everything random in the file.
    pub seed: String,
}

/// Why cases exist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flag {
    /// What a failure means, such as `ATTACK`.
    pub kind: String,
    /// One sentence.
    pub description: String,
    /// Rules behind it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spec: Vec<String>,
    /// Published vulnerabilities of this kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cve: Vec<String>,
}

/// Cases that share a configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its name.
    pub id: String,
    /// What the cases have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Background for people; no runner reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Map<String, Value>>,
    /// Test keys by name, private parts included; no runner reads them.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub keys: Map<String, Value>,
    /// What the relying party brings along.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// The cases.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique over all files, and for ever.
    pub id: String,
    /// What is special, in one sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Why the case exists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Rules that it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spec: Vec<String>,
    /// Members here replace those of the group.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// What comes from outside and is not trusted.
    pub input: Map<String, Value>,
    /// The one right answer.
    pub expected: Expected,
    /// The accepted case that this one breaks in one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub derived_from: Option<String>,
    /// That one place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutation: Option<Mutation>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Map<String, Value>>,
}

/// What is expected of a verifier.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The verdict.
    pub result: Wanted,
    /// The code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Codes each of which is right, where the order of checks is free.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub error_any_of: Vec<String>,
    /// What an accepting verifier returns. `Some(Null)` is a value, too.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// How outputs are compared.
    #[serde(default, skip_serializing_if = "OutputMatch::is_default")]
    pub output_match: OutputMatch,
}

impl Expected {
    /// The codes that are right for a refusal; none: any.
    pub fn codes(&self) -> Vec<&str> {
        self.error.iter().chain(&self.error_any_of).map(String::as_str).collect()
    }
}

/// The wanted verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// The input is good.
    Accept,
    /// The input is bad.
    #[default]
    Reject,
    /// The specifications leave it open; `notes.why` says why.
    Either,
}

/// How outputs are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputMatch {
    /// By value: member order is free, `1` equals `1.0`.
    #[default]
    Equal,
    /// Objects may have further members, arrays may not.
    Subset,
}

impl OutputMatch {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference here")]
    fn is_default(&self) -> bool {
        *self == Self::Equal
    }
}

/// The one place in which a case differs from the case it is derived from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    /// `replace`, `remove`, `insert` and so on.
    pub op: String,
    /// Which part.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// What was there.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What is there now.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// The key in `keys` with which the result was signed again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resigned_with: Option<String>,
}

/// A member that is there, `null` included.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The types of the format. Types of one's own begin with `x-`.
pub const KINDS: [&str; 24] = [
    "base64url-decode",
    "cbor-decode",
    "claims-path-select",
    "dcql-match",
    "dcql-parse",
    "dcql-response",
    "json-parse",
    "jwe-decrypt",
    "jws-verify",
    "kb-jwt-verify",
    "lote-verify",
    "mdoc-session-transcript",
    "mdoc-verify",
    "presentation-verify",
    "sd-jwt-vc-verify",
    "sd-jwt-verify",
    "sri-check",
    "status-claims-check",
    "status-list-decode",
    "status-token-verify",
    "tsl612-verify",
    "vct-resolve",
    "vp-token-structure",
    "x509-path-validate",
];

const FLAG_KINDS: [&str; 15] = [
    "ALGORITHM",
    "ATTACK",
    "BOUNDARY",
    "CONFORMANCE",
    "FEATURE",
    "INTEROP",
    "LEGACY",
    "LIMITATION",
    "MALFORMED",
    "MODIFIED_PARAMETER",
    "POLICY",
    "STATUS",
    "TIME",
    "TRUST",
    "UNSPECIFIED",
];

impl File {
    /// Reads a file from its text and checks every rule of the format.
    ///
    /// # Errors
    /// [`VectorError::Format`] with all faults; `name` stands in front of them.
    pub fn parse(name: &str, text: &str) -> Result<Self, VectorError> {
        let refused = |detail: String| VectorError::Format { name: name.to_owned(), detail };
        let file: Self = serde_json::from_str(text).map_err(|error| refused(error.to_string()))?;
        let faults = file.faults();
        if faults.is_empty() { Ok(file) } else { Err(refused(faults.join("; "))) }
    }

    /// Reads a file from disk.
    ///
    /// # Errors
    /// As [`Self::parse`], and [`VectorError::File`].
    pub fn read(path: &Path) -> Result<Self, VectorError> {
        let text = std::fs::read_to_string(path).map_err(|cause| VectorError::File { path: path.to_owned(), cause })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// The file as it is written: indented by one space, with a line break at its end.
    ///
    /// # Errors
    /// [`VectorError::Made`], in theory only.
    pub fn to_text(&self) -> Result<String, VectorError> {
        let mut bytes = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        self.serialize(&mut serializer).map_err(|_| VectorError::Made("a file cannot be written as JSON"))?;
        bytes.push(b'\n');
        String::from_utf8(bytes).map_err(|_| VectorError::Made("JSON that is not UTF-8"))
    }

    /// All cases with the configuration that holds for each.
    pub fn cases(&self) -> impl Iterator<Item = (&Case, Map<String, Value>)> {
        self.groups.iter().flat_map(|group| {
            group.cases.iter().map(|case| {
                let mut config = group.config.clone();
                config.extend(case.config.clone());
                (case, config)
            })
        })
    }

    /// Every broken rule.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut rule = |holds: bool, text: String| {
            if !holds {
                faults.push(text);
            }
        };
        rule(self.format == FORMAT, format!("format is not {FORMAT}"));
        let known = KINDS.contains(&self.kind.as_str()) || self.kind.starts_with("x-");
        rule(known, format!("there is no type {}", self.kind));
        rule(!self.spec.is_empty(), "spec is empty".to_owned());
        let own = self.generator.is_some() && self.licence.is_some() && self.source.is_none();
        let foreign = self.source.is_some() && self.generator.is_none();
        rule(own || foreign, "neither source nor generator with licence".to_owned());
        for (name, flag) in &self.flags {
            rule(FLAG_KINDS.contains(&flag.kind.as_str()), format!("flag {name} is of no known kind"));
        }
        let cases = || self.groups.iter().flat_map(|group| &group.cases);
        let count = cases().count();
        rule(count == self.case_count && count > 0, format!("case_count is {}, not {count}", self.case_count));
        let accepted: BTreeSet<&str> =
            cases().filter(|case| case.expected.result == Wanted::Accept).map(|case| case.id.as_str()).collect();
        let mut ids = BTreeSet::new();
        for case in cases() {
            let id = case.id.as_str();
            rule(ids.insert(id), format!("{id} occurs twice"));
            rule(is_id(id), format!("{id} is no id"));
            for flag in &case.flags {
                rule(self.flags.contains_key(flag), format!("{id}: flag {flag} is not declared"));
            }
            if let Some(base) = &case.derived_from {
                rule(accepted.contains(base.as_str()), format!("{id}: {base} is no accepted case of this file"));
            }
            let expected = &case.expected;
            let one = expected.error.is_none() || expected.error_any_of.is_empty();
            rule(one, format!("{id}: error and error_any_of"));
            let refused = expected.result != Wanted::Accept;
            rule(refused || expected.codes().is_empty(), format!("{id}: a code for an accepted case"));
            for code in expected.codes() {
                let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
                rule(!code.is_empty() && code.bytes().all(lower), format!("{id}: {code} is no code"));
            }
        }
        faults
    }
}

fn is_id(text: &str) -> bool {
    (1..=120).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "format": FORMAT, "type": "base64url-decode", "title": "t", "spec": ["RFC 4648"], "licence": "CC0-1.0",
            "generator": {"name": "n", "version": "1", "seed": "00"},
            "flags": {"Padding": {"kind": "MALFORMED", "description": "d"}},
            "case_count": 2,
            "groups": [{"id": "g", "config": {"now": 1, "clock_skew": 2}, "cases": [
                {"id": "a", "config": {"now": 7}, "input": {"text": "AA"},
                    "expected": {"result": "accept", "output": null}},
                {"id": "b", "flags": ["Padding"], "input": {"text": "AA=="}, "derived_from": "a",
                    "mutation": {"op": "append", "to": "=="},
                    "expected": {"result": "reject", "error": "base64url_invalid"}}
            ]}]
        })
    }

    fn fault(change: impl FnOnce(&mut Value)) -> String {
        let mut file = good();
        change(&mut file);
        File::parse("f", &file.to_string()).unwrap_err().to_string()
    }

    #[test]
    fn a_good_file_is_read_and_written() {
        let file = File::parse("f", &good().to_string()).unwrap();
        let text = file.to_text().unwrap();
        assert_eq!(File::parse("f", &text).unwrap(), file);
        let (case, config) = file.cases().next().unwrap();
        assert_eq!(case.expected.output, Some(Value::Null), "null is an output");
        assert_eq!(Value::Object(config), json!({"now": 7, "clock_skew": 2}));
    }

    #[test]
    fn every_rule_is_checked() {
        assert!(fault(|file| file["format"] = json!("verifier-vectors/2")).contains("format"));
        assert!(fault(|file| file["type"] = json!("jws")).contains("no type jws"));
        assert!(fault(|file| file["case_count"] = json!(3)).contains("case_count"));
        assert!(fault(|file| file["extra"] = json!(3)).contains("unknown field"));
        assert!(fault(|file| file["groups"][0]["cases"][0]["extra"] = json!(3)).contains("unknown field"));
        assert!(fault(|file| file["groups"][0]["cases"][1]["id"] = json!("a")).contains("twice"));
        assert!(fault(|file| file["groups"][0]["cases"][1]["id"] = json!("-b")).contains("no id"));
        assert!(fault(|file| file["groups"][0]["cases"][1]["flags"] = json!(["X"])).contains("not declared"));
        assert!(fault(|file| file["groups"][0]["cases"][1]["derived_from"] = json!("b")).contains("no accepted"));
        assert!(fault(|file| file["groups"][0]["cases"][0]["expected"]["error"] = json!("x")).contains("accepted"));
        assert!(fault(|file| file["groups"][0]["cases"][1]["expected"]["error"] = json!("No Code")).contains("code"));
        assert!(fault(|file| file["flags"]["Padding"]["kind"] = json!("BAD")).contains("kind"));
        assert!(fault(|file| drop(file.as_object_mut().unwrap().remove("licence"))).contains("licence"));
        assert!(fault(|file| file["spec"] = json!([])).contains("spec"));
    }
}
