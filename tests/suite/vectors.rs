//! Our own vectors: made anew they are the same bytes, they are in the format, and all of them end as expected.

use pruefstein::domain::reason::Code;
use pruefstein::vectors::format::Wanted;
use pruefstein::vectors::{self, File, make, runner};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("test_vectors")
}

/// Made once: a bomb takes its time.
fn files() -> &'static [(&'static str, File)] {
    static FILES: LazyLock<Vec<(&str, File)>> = LazyLock::new(|| make::files().unwrap());
    &FILES
}

#[test]
fn every_case_ends_as_expected() {
    let summary = vectors::run(&directory()).unwrap();
    eprintln!("{summary}");
    assert!(summary.is_good(), "{summary}");
    assert_eq!(summary.unsupported(), 0, "our own files leave nothing out");
    assert!(summary.run() >= 400, "{}", summary.run());
    assert!(summary.refusals() >= 250, "{}", summary.refusals());
}

#[test]
fn committed_files_are_those_that_are_made() {
    let mut names: BTreeSet<String> = BTreeSet::new();
    for (name, file) in files() {
        let committed = std::fs::read_to_string(directory().join(name)).unwrap_or_default();
        assert!(
            committed == file.to_text().unwrap(),
            "test_vectors/{name} differs from what is made: run `pruefstein vectors make test_vectors`"
        );
        assert!(committed.len() < 1_000_000, "{name} is too large to read: {}", committed.len());
        names.insert((*name).to_owned());
    }
    let found: BTreeSet<String> = runner::json_files(&directory())
        .unwrap()
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(found, names, "a file that nothing makes");
}

#[test]
fn files_obey_the_schema() {
    let schema = std::fs::read_to_string(directory().join(make::SCHEMA)).unwrap();
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (name, file) in files() {
        let document: Value = serde_json::from_str(&file.to_text().unwrap()).unwrap();
        let faults: Vec<String> =
            validator.iter_errors(&document).map(|error| format!("{} {error}", error.instance_path())).collect();
        assert!(faults.is_empty(), "{name}: {}", faults.join("\n"));
    }
    let mut broken: Value = serde_json::from_str(&files()[0].1.to_text().unwrap()).unwrap();
    broken["extra"] = Value::Null;
    assert!(!validator.is_valid(&broken));
}

#[test]
fn every_case_says_why_it_exists() {
    let mut ids = BTreeSet::new();
    for (name, file) in files() {
        // Reading applies the rules that no schema can express.
        File::parse(name, &file.to_text().unwrap()).unwrap();
        for (case, _) in file.cases() {
            assert!(ids.insert(case.id.clone()), "{} occurs twice", case.id);
            assert!(case.comment.is_some() && !case.flags.is_empty(), "{}", case.id);
            if case.expected.result == Wanted::Reject {
                assert!(case.derived_from.is_some() && case.mutation.is_some(), "{}: from what?", case.id);
                assert!(!case.spec.is_empty(), "{}: by which rule?", case.id);
                let codes = case.expected.codes();
                assert!(!codes.is_empty(), "{}: no code", case.id);
                assert!(codes.iter().all(|code| Code::from_name(code).is_some()), "{}: {codes:?}", case.id);
            }
            assert_ne!(case.expected.result, Wanted::Either, "{}: we know what we want", case.id);
        }
    }
}

/// Codes of the core that no vector can have, and why.
const WITHOUT_VECTOR: [(&str, &str); 1] = [(
    "credential_issuer_mismatch",
    "only a trust source that demands agreement gives it, and the format has no word for that; see trust_roles",
)];

#[test]
fn every_code_of_the_core_has_a_case() {
    const GROUPS: [&str; 9] =
        ["parsing", "jose", "sd-jwt", "key binding", "credential", "certificate", "status", "encryption", "query"];
    let mut used = BTreeSet::new();
    for (_, file) in files() {
        for (case, _) in file.cases() {
            used.extend(case.expected.error.clone());
        }
    }
    let mut missing = Vec::new();
    for code in Code::ALL.iter().filter(|code| GROUPS.contains(&code.group())) {
        let excused = WITHOUT_VECTOR.iter().any(|(name, _)| *name == code.as_str());
        assert!(!(excused && used.contains(code.as_str())), "{code} has a vector after all");
        if !excused && !used.contains(code.as_str()) {
            missing.push(code.as_str());
        }
    }
    assert!(missing.is_empty(), "codes without a vector: {missing:?}");
}

#[test]
fn a_changed_input_or_expectation_is_noticed() {
    // The runner itself: a wrong expectation must not pass.
    let (name, mut file) = files()[0].clone();
    let case = &mut file.groups[0].cases[0];
    case.expected.result = match case.expected.result {
        Wanted::Accept => Wanted::Reject,
        _ => Wanted::Accept,
    };
    let id = case.id.clone();
    let summary = runner::run_file(name, &file, &std::collections::BTreeMap::new());
    assert_eq!(summary.differences.len(), 1);
    assert!(summary.differences[0].starts_with(&id));
}
