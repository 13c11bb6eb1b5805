//! Where rules are named: in code, in tests, in vectors, in faults of the simulated wallet.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files beside tests whose whole content is tests.
const TESTS_BY_NAME: [&str; 1] = ["src/adapters/store/conformance.rs"];
/// The table of faults: whoever is named on a fault's line is tested by it.
const FAULTS: &str = "src/simulator/faults/mod.rs";
/// Rooms that stand beside the house. What they name is not thereby implemented.
const BESIDE: [&str; 3] = ["src/vectors/", "src/simulator/", "src/demo/"];
/// Files that speak of ids without testing anything.
const ABOUT_IDS: [&str; 2] = ["tests/suite/catalogue.rs", "tests/suite/traceability"];

/// How a rule is named somewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// In code of the service, by file.
    Code(String),
    /// By cases of a file of vectors.
    Vector { file: String, case: String },
    /// In a test: file and function.
    Test { file: String, name: String },
    /// By a fault of the simulated wallet.
    Fault(String),
    /// In a document: known, and nothing more.
    Document(String),
}

impl Place {
    /// Whether something runs that would notice.
    pub(super) const fn is_test(&self) -> bool {
        matches!(self, Self::Vector { .. } | Self::Test { .. } | Self::Fault(_))
    }
}

/// A rule's id at a place. Whether there is such a rule is not looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mention {
    pub(super) id: String,
    pub(super) place: Place,
}

/// All mentions in the repository of ids of these groups.
///
/// # Errors
/// Short forms, with their place: only whole ids can be found by those who look for them.
pub(super) fn repository(root: &Path, groups: &BTreeSet<&str>) -> Result<Vec<Mention>, Vec<String>> {
    let mut files = Vec::new();
    for directory in ["src", "tests", "test_vectors", "docs"] {
        collect(&root.join(directory), &mut files);
    }
    files.sort();
    let (mut mentions, mut short) = (Vec::new(), Vec::new());
    for path in files {
        let file = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        if ABOUT_IDS.iter().any(|prefix| file.starts_with(prefix)) || file == super::PAGE {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        short.extend(short_forms(&text, groups).into_iter().map(|form| format!("{file}: {form}")));
        mentions.extend(match path.extension().and_then(|extension| extension.to_str()) {
            Some("rs") => source(&file, &text, groups),
            Some("json") => vectors(&file, &text, groups),
            _ => {
                ids(&text, groups).into_iter().map(|id| Mention { id, place: Place::Document(file.clone()) }).collect()
            }
        });
    }
    mentions.sort();
    mentions.dedup();
    if short.is_empty() { Ok(mentions) } else { Err(short) }
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "node_modules" && name != "target" {
                collect(&path, found);
            }
        } else if [".rs", ".json", ".md"].iter().any(|ending| name.ends_with(ending)) && !name.contains(".schema.") {
            found.push(path);
        }
    }
}

/// What a Rust file names: what stands before its test module is code, the rest is tests.
pub(super) fn source(file: &str, text: &str, groups: &BTreeSet<&str>) -> Vec<Mention> {
    let lines: Vec<&str> = text.lines().collect();
    let all_tests = !file.starts_with("src/")
        || file.contains("/tests/")
        || file.ends_with("/tests.rs")
        || TESTS_BY_NAME.contains(&file);
    let tests_from = if all_tests { 0 } else { test_module(&lines) };
    let mut mentions = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let place = if number >= tests_from {
            Place::Test { file: file.to_owned(), name: function(&lines, number, tests_from).unwrap_or_default() }
        } else if file == FAULTS {
            let Some(name) = line.split_once(" = \"").and_then(|(_, rest)| rest.split_once('"')) else { continue };
            Place::Fault(name.0.to_owned())
        } else if BESIDE.iter().any(|room| file.starts_with(room)) {
            // Still looked at for slips.
            Place::Document(file.to_owned())
        } else {
            Place::Code(file.to_owned())
        };
        mentions.extend(ids(line, groups).into_iter().map(|id| Mention { id, place: place.clone() }));
    }
    mentions
}

/// The line at which the test module in the file begins, or the end of the file.
fn test_module(lines: &[&str]) -> usize {
    let begins = |at: &usize| {
        lines[*at] == "#[cfg(test)]"
            && lines[at + 1..]
                .iter()
                .find(|line| !line.starts_with("#[") && !line.starts_with(' '))
                .is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    };
    (0..lines.len()).find(begins).unwrap_or(lines.len())
}

/// The function that a comment stands before, or the one that a line is in.
fn function(lines: &[&str], number: usize, from: usize) -> Option<String> {
    let beside = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("//") || line.starts_with("#[")
    };
    let inside = || lines[from..=number].iter().rev().find_map(|line| function_name(line));
    if beside(&lines[number]) {
        let next = lines[number..].iter().find(|line| !beside(line)).and_then(|line| function_name(line));
        return next.or_else(inside);
    }
    inside()
}

fn function_name(line: &str) -> Option<String> {
    let line = line.trim_start();
    let (before, after) = line.split_once("fn ")?;
    let modifiers = ["pub", "pub(crate)", "pub(super)", "async", "const"];
    if !before.split_whitespace().all(|word| modifiers.contains(&word)) {
        return None;
    }
    let end = after.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')?;
    Some(after[..end].to_owned())
}

/// What the cases of a file of vectors say in `spec`; nothing for other files.
fn vectors(file: &str, text: &str, groups: &BTreeSet<&str>) -> Vec<Mention> {
    let document: Value = serde_json::from_str(text).unwrap();
    let mut mentions = Vec::new();
    for case in document["groups"].as_array().into_iter().flatten().flat_map(|group| group["cases"].as_array().unwrap())
    {
        let place = Place::Vector { file: file.to_owned(), case: case["id"].as_str().unwrap().to_owned() };
        for rule in case["spec"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            mentions.extend(ids(rule, groups).into_iter().map(|id| Mention { id, place: place.clone() }));
        }
    }
    mentions
}

/// The ids in a text, and those between the ends of a range: `SDJ-01 to 04`.
pub(super) fn ids(text: &str, groups: &BTreeSet<&str>) -> Vec<String> {
    let mut found = Vec::new();
    for (group, number, rest) in occurrences(text, groups) {
        let last = rest.strip_prefix(" to ").and_then(two_digits).unwrap_or(number);
        found.extend((number..=last).map(|number| format!("{group}-{number:02}")));
    }
    found
}

/// Forms in which a reader finds more ids than a search does: `SDJ-01, 02`, `SDJ-01/02`, `SDJ-01, -02`.
fn short_forms(text: &str, groups: &BTreeSet<&str>) -> Vec<String> {
    let mut found = Vec::new();
    for (group, number, rest) in occurrences(text, groups) {
        let rest =
            rest.strip_prefix(" to ").filter(|after| two_digits(after).is_some()).map_or(rest, |after| &after[2..]);
        for joint in [", ", "/", ", -", " and ", " and -", "-"] {
            if rest.strip_prefix(joint).and_then(two_digits).is_some() {
                found.push(format!("write each id whole: {group}-{number:02}{joint}…"));
            }
        }
    }
    found
}

/// Group, number and what follows, for each id in a text.
fn occurrences<'t>(text: &'t str, groups: &BTreeSet<&str>) -> Vec<(&'t str, u32, &'t str)> {
    let mut found = Vec::new();
    let part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let mut at = 0;
    while let Some(begin) = text[at..].find(part).map(|begin| at + begin) {
        let end = text[begin..].find(|letter| !part(letter)).map_or(text.len(), |length| begin + length);
        at = end;
        if let Some((group, number)) = text[begin..end].rsplit_once('-')
            && groups.contains(group)
            && number.len() == 2
            && let Ok(number) = number.parse()
        {
            found.push((group, number, &text[end..]));
        }
    }
    found
}

/// The number that a text begins with, if it has two digits and no more.
fn two_digits(text: &str) -> Option<u32> {
    let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').unwrap_or(text.len());
    let word = &text[..end];
    (word.len() == 2).then(|| word.parse().ok()).flatten()
}

#[test]
fn ids_are_found_whole_and_in_ranges() {
    let groups = BTreeSet::from(["SDJ", "OVP-DCQL"]);
    let text = "SDJ-26, case SDJ-008; (OVP-DCQL-44 to 46) DCQL-12 UTF-16 SDJ-1 XSDJ-11 SDJ-12x SDJ-40 to 100";
    assert_eq!(ids(text, &groups), ["SDJ-26", "OVP-DCQL-44", "OVP-DCQL-45", "OVP-DCQL-46", "SDJ-40"]);
}

#[test]
fn short_forms_are_found() {
    let groups = BTreeSet::from(["SDJ"]);
    for text in ["SDJ-01, 02", "SDJ-01/02", "SDJ-01, -02", "SDJ-01 and 02", "SDJ-01 to 03, 05"] {
        assert_eq!(short_forms(text, &groups).len(), 1, "{text}");
    }
    for text in ["SDJ-01, SDJ-02", "SDJ-01 to 03", "SDJ-01, 200 of them", "SDJ-01, case SDJ-012", "SDJ-01."] {
        assert!(short_forms(text, &groups).is_empty(), "{text}");
    }
}

#[test]
fn a_mention_belongs_to_its_test() {
    let groups = BTreeSet::from(["SDJ"]);
    let text = "\
/// SDJ-01
pub fn code() {}

#[cfg(test)]
#[expect(clippy::a,
    reason = \"b\")]
mod tests {
    // SDJ-02: before a test.
    #[test]
    fn first() {
        // SDJ-03: within it.
        let text = \"SDJ-04\";
    }

    /// SDJ-05
    async fn second() {}
}
";
    let test = |name: &str| Place::Test { file: "src/domain/a.rs".to_owned(), name: name.to_owned() };
    let expected = [
        ("SDJ-01", Place::Code("src/domain/a.rs".to_owned())),
        ("SDJ-02", test("first")),
        ("SDJ-03", test("first")),
        ("SDJ-04", test("first")),
        ("SDJ-05", test("second")),
    ];
    let found = source("src/domain/a.rs", text, &groups);
    assert_eq!(found.len(), expected.len());
    for (mention, (id, place)) in found.into_iter().zip(expected) {
        assert_eq!((mention.id.as_str(), mention.place), (id, place));
    }
}

#[test]
fn what_stands_beside_the_house_implements_nothing() {
    let groups = BTreeSet::from(["SDJ"]);
    let wallet = source("src/simulator/wallet.rs", "// SDJ-01\n", &groups);
    assert_eq!(wallet[0].place, Place::Document("src/simulator/wallet.rs".to_owned()));
    let fault = source(FAULTS, "    Name = \"digest-twice\", open(C::X), \"SDJ-26\", \"A digest twice.\";\n", &groups);
    assert_eq!(fault[0].place, Place::Fault("digest-twice".to_owned()));
}
