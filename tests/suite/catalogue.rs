//! Which cases of the attack catalogue the tests and vectors of this repository name.
//!
//! A case is named as `case SDJ-008` or `SDJ-008`: three capital letters or digits, a hyphen, three digits. Rules of the
//! specifications have two digits (`SDJ-26`) and do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Areas in which every case is covered: those of the core, and of what the core needs from status hosts.
const COMPLETE: [&str; 16] =
    ["JOS", "JSN", "JWE", "SDJ", "KBJ", "SVC", "TSL", "X5C", "TRU", "DCQ", "TXD", "RSP", "HTT", "DCA", "REQ", "SES"];

/// Cases of these areas that are about mdoc, which this version does not verify.
const OF_MDOC: [&str; 1] = ["DCA-006"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Id and code of every case: from the catalogue if it is there, else from the list beside this file.
fn cases() -> BTreeMap<String, String> {
    let listed: BTreeMap<String, String> = include_str!("catalogue_cases.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(id, code)| (id.to_owned(), code.to_owned()))
        .collect();
    #[expect(clippy::disallowed_methods, reason = "where the catalogue lies is a matter of the machine")]
    let path = std::env::var("PRUEFSTEIN_CATALOGUE")
        .map_or_else(|_| root().join("../shared/security/catalogue.json"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("catalogue: {} is not there; the committed list of cases counts", path.display());
        return listed;
    };
    let catalogue: serde_json::Value = serde_json::from_str(&text).unwrap();
    let member = |case: &serde_json::Value, name: &str| case[name].as_str().unwrap().to_owned();
    let current: BTreeMap<String, String> =
        catalogue.as_array().unwrap().iter().map(|case| (member(case, "id"), member(case, "code"))).collect();
    assert_eq!(listed, current, "tests/suite/catalogue_cases.txt is not that of the catalogue");
    current
}

/// Every text in which a case may be named: tests, test code beside the code, and vectors.
fn texts(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "node_modules" && name != "target" {
                texts(&path, found);
            }
        } else if matches!(path.extension().and_then(|extension| extension.to_str()), Some("rs" | "json")) {
            found.push(path);
        }
    }
}

/// What a file says of cases: vectors all of it, tests all of it, code only what stands in its test module, or names a
/// case as such.
fn named(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap();
    let in_source = path.starts_with(root().join("src"));
    let test_code = if in_source && !path.components().any(|part| part.as_os_str() == "make") {
        text.split_once("#[cfg(test)]").map_or("", |(_, tests)| tests)
    } else {
        &text
    };
    ids(test_code)
}

fn ids(text: &str) -> BTreeSet<String> {
    let bytes = text.as_bytes();
    let mut found = BTreeSet::new();
    for (place, window) in bytes.windows(7).enumerate() {
        let capital = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
        let shape = window[0].is_ascii_uppercase()
            && window[1..3].iter().all(capital)
            && window[3] == b'-'
            && window[4..].iter().all(u8::is_ascii_digit);
        let word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
        let before = place.checked_sub(1).and_then(|place| bytes.get(place));
        if shape && !word(before) && !word(bytes.get(place + 7)) {
            found.insert(String::from_utf8(window.to_vec()).unwrap());
        }
    }
    found
}

#[test]
fn every_case_of_the_core_is_covered() {
    let cases = cases();
    let mut files = Vec::new();
    for directory in ["src", "tests", "test_vectors"] {
        texts(&root().join(directory), &mut files);
    }
    let mut covered: BTreeSet<String> = BTreeSet::new();
    // This file and its list name cases without testing them.
    for file in files.iter().filter(|file| !file.ends_with("catalogue.rs")) {
        covered.extend(named(file));
    }
    let mut areas: BTreeMap<&str, (usize, Vec<&str>)> = BTreeMap::new();
    for id in cases.keys() {
        let (count, missing) = areas.entry(&id[..3]).or_default();
        *count += 1;
        let later = OF_MDOC.contains(&id.as_str());
        assert!(!(later && covered.contains(id)), "{id} is covered after all");
        if !covered.contains(id) && !later {
            missing.push(id);
        }
    }
    for (area, (count, missing)) in &areas {
        eprintln!("catalogue: {area} {:>3} of {count}  {}", count - missing.len(), missing.join(" "));
    }
    let (slips, elsewhere): (Vec<&String>, Vec<&String>) = covered
        .iter()
        .filter(|id| areas.contains_key(&id[..3]) && !cases.contains_key(*id))
        .partition(|id| COMPLETE.contains(&&id[..3]));
    eprintln!("catalogue: named elsewhere only: {elsewhere:?}");
    assert!(slips.is_empty(), "cases that the catalogue does not have: {slips:?}");
    let uncovered: Vec<&str> =
        COMPLETE.iter().filter_map(|area| areas.get(area)).flat_map(|(_, missing)| missing).copied().collect();
    assert!(uncovered.is_empty(), "cases without a test or vector: {uncovered:?}");
}

#[test]
fn rules_are_not_taken_for_cases() {
    let text = "SDJ-26, case SDJ-008; OVP-DCQL-123 X5C-019x TSL-0123 (KBJ-035)";
    assert_eq!(ids(text).into_iter().collect::<Vec<_>>(), ["KBJ-035", "SDJ-008"]);
}

#[test]
fn vectors_give_the_code_that_the_catalogue_demands() {
    let cases = cases();
    let mut problems = Vec::new();
    for (name, file) in pruefstein::vectors::make::files().unwrap() {
        for (case, _) in file.cases() {
            let named: Vec<&str> = case.spec.iter().filter_map(|spec| spec.strip_prefix("case ")).collect();
            let codes = case.expected.codes();
            for id in named {
                let wanted = cases.get(id).map_or("no such case", String::as_str);
                let fits = codes.contains(&wanted) || (wanted == "ok" && codes.is_empty());
                // An accepted case beside a refused one shows where the line is.
                if !fits && !codes.is_empty() {
                    problems.push(format!("{name} {}: {codes:?}, but {id} wants {wanted}", case.id));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} differ:\n{}", problems.len(), problems.join("\n"));
}
