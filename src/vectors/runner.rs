//! Runs files of vectors: judge, compare, count. Nothing is left out in silence.

use super::VectorError;
use super::config::{Config, Stop};
use super::format::{Case, File, OutputMatch, Wanted};
use super::subject::{self, Judged};
use crate::domain::reason::Code;
use crate::domain::trust::cache::ChainCache;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// What this verifier answers to a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Accepted, with the output.
    Accepted(Value),
    /// Refused, with the code.
    Refused(Code),
    /// Not judged, and why.
    Unsupported(String),
    /// The tested function panicked: always a failure.
    Crashed,
}

/// Judges one input.
pub fn verdict(kind: &str, config: &Map<String, Value>, input: &Map<String, Value>, chains: &ChainCache) -> Verdict {
    let judged: Result<Judged, _> =
        catch_unwind(AssertUnwindSafe(|| subject::judge(kind, Config(config), input, chains)));
    match judged {
        Ok(Ok(output)) => Verdict::Accepted(output),
        Ok(Err(Stop::Refused(reason))) => Verdict::Refused(reason.code),
        Ok(Err(Stop::Unsupported(why))) => Verdict::Unsupported(why),
        Err(_) => Verdict::Crashed,
    }
}

/// How a file ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileSummary {
    /// The file.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// Cases judged.
    pub run: usize,
    /// Cases that ended as expected.
    pub passed: usize,
    /// Cases whose refusal was expected, among those passed.
    pub refusals: usize,
    /// Open cases that were accepted here, and those that were refused.
    pub either: (usize, usize),
    /// Cases that were not judged, by reason.
    pub unsupported: BTreeMap<String, usize>,
    /// Cases that differ, with id, comment, what was expected and what came.
    pub differences: Vec<String>,
    /// Cases that differ as known.
    pub known: BTreeSet<String>,
}

/// How all files ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// File by file.
    pub files: Vec<FileSummary>,
}

impl Summary {
    /// Whether cases were run, and every one ended as expected.
    pub fn is_good(&self) -> bool {
        self.run() > 0 && self.files.iter().all(|file| file.differences.is_empty())
    }

    /// Cases judged.
    pub fn run(&self) -> usize {
        self.files.iter().map(|file| file.run).sum()
    }

    /// Cases that were not judged.
    pub fn unsupported(&self) -> usize {
        self.files.iter().flat_map(|file| file.unsupported.values()).sum()
    }

    /// Refusals that came as expected.
    pub fn refusals(&self) -> usize {
        self.files.iter().map(|file| file.refusals).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.files {
            write!(f, "{} ({}): {} run, {} passed", file.name, file.kind, file.run, file.passed)?;
            if file.either != (0, 0) {
                write!(f, ", open cases: {} accepted, {} refused", file.either.0, file.either.1)?;
            }
            if !file.known.is_empty() {
                write!(f, ", {} known differences", file.known.len())?;
            }
            writeln!(f)?;
            for (why, count) in &file.unsupported {
                writeln!(f, "  not run, {count}: {why}")?;
            }
            for difference in &file.differences {
                writeln!(f, "  DIFFERS {difference}")?;
            }
        }
        let differences: usize = self.files.iter().map(|file| file.differences.len()).sum();
        write!(
            f,
            "{} files, {} run, {} not run, {differences} differ",
            self.files.len(),
            self.run(),
            self.unsupported()
        )
    }
}

/// Runs a file, or every file of a folder that is in the format, in the order of their names.
///
/// # Errors
/// [`VectorError`] for files that cannot be read or break the format, and when nothing was run.
pub fn run(place: &Path) -> Result<Summary, VectorError> {
    let mut files = Vec::new();
    let mut ids = BTreeSet::new();
    for path in if place.is_file() { vec![place.to_owned()] } else { json_files(place)? } {
        let file = File::read(&path)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for (case, _) in file.cases() {
            if !ids.insert(case.id.clone()) {
                let detail = format!("{} occurs in another file too", case.id);
                return Err(VectorError::Format { name, detail });
            }
        }
        files.push(run_file(&name, &file, &BTreeMap::new()));
    }
    complete(Summary { files }, place)
}

/// Runs the text of one file.
///
/// # Errors
/// [`VectorError`] if it breaks the format, and when nothing was run.
pub fn run_text(name: &str, text: &str) -> Result<Summary, VectorError> {
    let file = File::parse(name, text)?;
    complete(Summary { files: vec![run_file(name, &file, &BTreeMap::new())] }, Path::new(name))
}

fn complete(summary: Summary, place: &Path) -> Result<Summary, VectorError> {
    if summary.run() == 0 { Err(VectorError::Nothing(place.to_owned())) } else { Ok(summary) }
}

/// The vector files of a folder, but for schemas.
///
/// # Errors
/// [`VectorError::File`].
pub fn json_files(directory: &Path) -> Result<Vec<PathBuf>, VectorError> {
    let fault = |cause| VectorError::File { path: directory.to_owned(), cause };
    let entries = std::fs::read_dir(directory).map_err(fault)?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(fault)?;
    let ends = |path: &PathBuf, end: &str| path.to_string_lossy().ends_with(end);
    paths.retain(|path| ends(path, ".json") && !ends(path, ".schema.json"));
    paths.sort();
    Ok(paths)
}

/// Runs one file. `known` maps the ids of cases that end differently here to the reason; such a case that ends as
/// expected after all is a difference.
pub fn run_file(name: &str, file: &File, known: &BTreeMap<&str, &str>) -> FileSummary {
    let mut summary = FileSummary { name: name.to_owned(), kind: file.kind.clone(), ..FileSummary::default() };
    let chains = ChainCache::default();
    for (case, config) in file.cases() {
        let first = verdict(&file.kind, &config, &case.input, &chains);
        let second = verdict(&file.kind, &config, &case.input, &chains);
        if let Verdict::Unsupported(why) = first {
            let count = summary.unsupported.entry(why).or_default();
            *count = count.saturating_add(1);
            continue;
        }
        summary.run = summary.run.saturating_add(1);
        let difference = if first == second {
            compare(case, &first)
        } else {
            Some(format!("first {}, then {}", words(&first), words(&second)))
        };
        match (difference, known.contains_key(case.id.as_str())) {
            (None, true) => summary.differences.push(format!("{}: ends as expected after all", case.id)),
            (Some(_), true) => drop(summary.known.insert(case.id.clone())),
            (Some(text), false) => {
                let comment = case.comment.as_deref().unwrap_or_default();
                summary.differences.push(format!("{} ({comment}): {text}", case.id));
            }
            (None, false) => summary.count(case, &first),
        }
    }
    summary
}

impl FileSummary {
    fn count(&mut self, case: &Case, verdict: &Verdict) {
        self.passed = self.passed.saturating_add(1);
        match (case.expected.result, verdict) {
            (Wanted::Either, Verdict::Accepted(_)) => self.either.0 = self.either.0.saturating_add(1),
            (Wanted::Either, _) => self.either.1 = self.either.1.saturating_add(1),
            (Wanted::Reject, _) => self.refusals = self.refusals.saturating_add(1),
            (Wanted::Accept, _) => {}
        }
    }
}

fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accepted(output) => format!("accepted {output}"),
        Verdict::Refused(code) => format!("refused: {code}"),
        Verdict::Unsupported(why) => format!("not judged: {why}"),
        Verdict::Crashed => "a crash".to_owned(),
    }
}

/// What differs from the expectation; `None`: nothing.
fn compare(case: &Case, verdict: &Verdict) -> Option<String> {
    let expected = &case.expected;
    let codes = expected.codes();
    let wanted = || match expected.result {
        Wanted::Accept => "acceptance".to_owned(),
        Wanted::Reject => format!("refusal {}", codes.join(" or ")),
        Wanted::Either => "either".to_owned(),
    };
    let differs = || Some(format!("expected {}, got {}", wanted(), words(verdict)));
    match verdict {
        Verdict::Refused(code) if expected.result != Wanted::Accept => {
            if codes.is_empty() || codes.contains(&code.as_str()) { None } else { differs() }
        }
        Verdict::Accepted(output) if expected.result != Wanted::Reject => {
            let fits = expected.output.as_ref().is_none_or(|wanted| fits(wanted, output, expected.output_match));
            (!fits).then(|| format!("expected output {}, got {output}", json!(expected.output)))
        }
        _ => differs(),
    }
}

/// Whether an output is the wanted one. Of the members that a type offers for its output, a case names those that
/// matter to it; each of them is compared whole.
fn fits(wanted: &Value, output: &Value, how: OutputMatch) -> bool {
    match (wanted, output) {
        (Value::Object(wanted), Value::Object(output)) => {
            wanted.iter().all(|(name, value)| output.get(name).is_some_and(|found| same(value, found, how)))
        }
        _ => same(wanted, output, how),
    }
}

fn same(wanted: &Value, found: &Value, how: OutputMatch) -> bool {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            (how == OutputMatch::Subset || wanted.len() == found.len())
                && wanted.iter().all(|(name, value)| found.get(name).is_some_and(|found| same(value, found, how)))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            wanted.len() == found.len() && wanted.iter().zip(found).all(|(wanted, found)| same(wanted, found, how))
        }
        (Value::Number(wanted), Value::Number(found)) => {
            wanted == found || (wanted.is_f64() || found.is_f64()) && wanted.as_f64() == found.as_f64()
        }
        _ => wanted == found,
    }
}

/// Answers one line of the adapter protocol: a case without its expectation in, a verdict out.
///
/// A line that is no case gets an answer with `"result": "unsupported"`.
pub fn answer_line(line: &str, chains: &ChainCache) -> String {
    let case: Value = serde_json::from_str(line).unwrap_or_default();
    let object = |name: &str| case.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let kind = case.get("type").and_then(Value::as_str).unwrap_or_default();
    let id = case.get("id").cloned().unwrap_or_default();
    let answer = match verdict(kind, &object("config"), &object("input"), chains) {
        Verdict::Accepted(output) => json!({"id": id, "result": "accept", "output": output}),
        Verdict::Refused(code) => json!({"id": id, "result": "reject", "error": code}),
        Verdict::Unsupported(why) => json!({"id": id, "result": "unsupported", "reason": why}),
        Verdict::Crashed => json!({"id": id, "result": "crash"}),
    };
    answer.to_string()
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "a json! value reads best without a borrow")]
mod tests {
    use super::*;

    fn file(cases: Value) -> File {
        let count = cases.as_array().unwrap().len();
        let file = json!({
            "format": "verifier-vectors/1", "type": "base64url-decode", "title": "t", "spec": ["RFC 4648"],
            "licence": "CC0-1.0", "generator": {"name": "n", "version": "1", "seed": "00"},
            "case_count": count, "groups": [{"id": "g", "cases": cases}]
        });
        File::parse("f", &file.to_string()).unwrap()
    }

    fn case(id: &str, text: &str, expected: Value) -> Value {
        json!({"id": id, "input": {"text": text}, "expected": expected})
    }

    fn differences(expected: Value, text: &str) -> usize {
        run_file("f", &file(json!([case("a", text, expected)])), &BTreeMap::new()).differences.len()
    }

    #[test]
    fn result_code_and_output_are_compared() {
        assert_eq!(differences(json!({"result": "accept", "output": {"bytes_hex": "00"}}), "AA"), 0);
        assert_eq!(differences(json!({"result": "accept", "output": {"bytes_hex": "01"}}), "AA"), 1);
        assert_eq!(differences(json!({"result": "accept", "output": {"other": "01"}}), "AA"), 1);
        assert_eq!(differences(json!({"result": "accept"}), "AA=="), 1);
        assert_eq!(differences(json!({"result": "reject"}), "AA"), 1);
        assert_eq!(differences(json!({"result": "reject"}), "AA=="), 0);
        assert_eq!(differences(json!({"result": "reject", "error": "base64url_invalid"}), "AA=="), 0);
        assert_eq!(differences(json!({"result": "reject", "error": "json_invalid"}), "AA=="), 1);
        let any = json!({"result": "reject", "error_any_of": ["json_invalid", "base64url_invalid"]});
        assert_eq!(differences(any, "AA=="), 0);
        assert_eq!(differences(json!({"result": "either", "error": "json_invalid"}), "AA=="), 1);
        assert_eq!(differences(json!({"result": "either"}), "AA"), 0);
    }

    #[test]
    fn known_differences_must_differ() {
        let cases =
            file(json!([case("a", "AA", json!({"result": "reject"})), case("b", "AA", json!({"result": "accept"}))]));
        let summary = run_file("f", &cases, &[("a", "why"), ("b", "why")].into_iter().collect());
        assert_eq!(summary.known.len(), 1);
        assert_eq!(summary.differences.len(), 1, "b ends as expected after all");
    }

    #[test]
    fn what_is_not_judged_is_counted() {
        let cases = json!([{"id": "a", "config": {"skip_trust": true}, "input": {"text": "AA"},
            "expected": {"result": "accept"}}]);
        let summary = Summary { files: vec![run_file("f", &file(cases), &BTreeMap::new())] };
        assert_eq!((summary.run(), summary.unsupported()), (0, 1));
        assert!(!summary.is_good(), "nothing was run");
        assert!(summary.to_string().contains("not run, 1: config member skip_trust"));
    }

    #[test]
    fn values_are_compared_by_value() {
        let equal = |wanted: Value, found: Value| same(&wanted, &found, OutputMatch::Equal);
        assert!(equal(json!({"a": 1, "b": [1.0]}), json!({"b": [1], "a": 1.0})));
        assert!(!equal(json!({"a": 1}), json!({"a": 1, "b": 2})));
        assert!(!equal(json!([1, 2]), json!([2, 1])));
        assert!(!equal(json!(9_007_199_254_740_993_u64), json!(9_007_199_254_740_992_u64)));
        assert!(!equal(json!(null), json!(false)));
        assert!(same(&json!({"a": {"b": 1}}), &json!({"a": {"b": 1, "c": 2}, "d": 3}), OutputMatch::Subset));
        assert!(!same(&json!({"a": [1]}), &json!({"a": [1, 2]}), OutputMatch::Subset));
    }

    #[test]
    fn other_programs_are_answered_line_by_line() {
        let chains = ChainCache::default();
        let line = r#"{"v":1,"id":"x","type":"base64url-decode","config":{},"input":{"text":"AA=="}}"#;
        assert_eq!(answer_line(line, &chains), r#"{"id":"x","result":"reject","error":"base64url_invalid"}"#);
        assert!(answer_line("no json", &chains).contains("unsupported"));
    }
}
