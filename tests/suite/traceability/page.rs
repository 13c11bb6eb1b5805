//! The page: what is known of each rule, in tables.

use super::scan::{Mention, Place};
use super::{Group, Kind, Line, Reason, lines};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

pub(super) const COMMAND: &str = "PRUEFSTEIN_WRITE=1 cargo test --test suite the_page_of_rules_is_current";
/// Places and tests that a line shows before it counts.
const SHOWN: usize = 3;

const HEAD: &str = "\
# Rules, and where they are kept

<!-- Made by `PRUEFSTEIN_WRITE=1 cargo test --test suite the_page_of_rules_is_current`; a test compares. -->

Each rule that verifiers of EUDI Wallet credentials are held to: where it is implemented, what tests it, or why there is nothing. The rules
are those of OpenID4VP 1.0, HAIP 1.0, RFC 9901 and 9101, SD-JWT VC, Token Status List, ETSI TS 119 472-2, 475, 602 and 612, the
Architecture and Reference Framework and the PID rulebook, told in a few words and numbered by this project's own list. `MUST(D)` and `SHOULD(D)`
are derived: no single sentence says them, but the others make no sense without.

Read a line so: code that names the rule, then vectors (with the number of cases), tests and faults of the simulated wallet that name it, at
most three of each. Where the code does not name the rule, the file beside the test or behind the vectors stands for it. A reason
in italics takes the place of tests, or stands before them:

| | |
| --- | --- |
| *by design* | Kept in another way, or not kept, and a page says why. There may be tests of what we do instead. |
| *in part* | Some of it is there and tested; the reason says what is missing. |
| *not built* | It applies to a verifier, and is not there. |
| *second phase* | It belongs to mdoc, which comes later. |
| *not ours* | A duty of wallets, issuers, registrars, or of the people who run a verifier. |

A rule without a test and without a reason fails a test, and so does a reason for a rule that has a test by now.
";

pub(super) fn markdown(groups: &[Group], mentions: &[Mention], reasons: &BTreeMap<&'static str, Reason>) -> String {
    let tables: Vec<(&Group, Vec<Line<'_>>)> =
        groups.iter().map(|group| (group, lines(group, mentions, reasons))).collect();
    let mut page = HEAD.to_owned();
    page.push_str("\n## Totals\n\n");
    let by_group = tables.iter().map(|(group, lines)| {
        let anchor = anchor(group);
        (format!("[{}](#{anchor}) {}", group.name, group.title), lines.iter().collect())
    });
    totals(&mut page, "Group", by_group);
    page.push('\n');
    let mut by_level: BTreeMap<&str, Vec<&Line<'_>>> = BTreeMap::new();
    for line in tables.iter().flat_map(|(_, lines)| lines) {
        by_level.entry(line.rule.level).or_default().push(line);
    }
    totals(&mut page, "Level", by_level.into_iter().map(|(level, lines)| (level.to_owned(), lines)));
    for (group, lines) in &tables {
        write!(page, "\n## {}: {}\n\n", group.name, group.title).unwrap();
        page.push_str(
            "| Rule | Level | What it is about | Where | Tested by, or why not |\n| --- | --- | --- | --- | --- |\n",
        );
        for line in lines {
            let rule = line.rule;
            writeln!(page, "| {} | {} | {} | {} | {} |", rule.id, rule.level, rule.about, code(line), tests(line))
                .unwrap();
        }
    }
    page
}

/// As GitHub and others make anchors of headings.
fn anchor(group: &Group) -> String {
    let heading = format!("{}: {}", group.name, group.title).to_lowercase();
    heading
        .chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .collect::<String>()
        .replace(' ', "-")
}

/// A rule counts once: by its reason if it has one, otherwise as tested.
fn totals<'l>(page: &mut String, first: &str, rows: impl Iterator<Item = (String, Vec<&'l Line<'l>>)>) {
    let kinds = Kind::ALL.map(Kind::name).join(" | ");
    writeln!(page, "| {first} | Rules | tested | {kinds} |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        .unwrap();
    let mut sums = [0; 7];
    let write = |page: &mut String, name: &str, counts: &[usize; 7]| {
        let cells: Vec<String> =
            counts.iter().map(|count| if *count == 0 { String::new() } else { count.to_string() }).collect();
        writeln!(page, "| {name} | {} |", cells.join(" | ")).unwrap();
    };
    for (name, lines) in rows {
        let mut counts = [0; 7];
        counts[0] = lines.len();
        counts[1] = lines.iter().filter(|line| line.reason.is_none()).count();
        for (kind, count) in Kind::ALL.iter().zip(&mut counts[2..]) {
            let is = |line: &&&Line<'_>| line.reason.is_some_and(|reason| reason.kind == *kind);
            *count = lines.iter().filter(is).count();
        }
        write(page, &name, &counts);
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    write(page, "**all**", &sums);
}

fn link(text: &str, file: &str) -> String {
    let target = file.strip_prefix("docs/").map_or_else(|| format!("../{file}"), ToOwned::to_owned);
    format!("[{text}]({target})")
}

/// A list of at most three, and how many more there are.
fn few(items: Vec<String>) -> String {
    let more = items.len().saturating_sub(SHOWN);
    let mut text = items.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
    if more > 0 {
        write!(text, " +{more}").unwrap();
    }
    text
}

/// Files that name the rule; else those beside the tests and behind the vectors that do.
fn code(line: &Line<'_>) -> String {
    let mut files: BTreeSet<&str> = BTreeSet::new();
    for place in &line.places {
        if let Place::Code(file) = place {
            files.insert(file);
        }
    }
    if files.is_empty() {
        files.extend(line.places.iter().filter_map(|place| match place {
            Place::Test { file, .. } => beside(file),
            Place::Vector { file, .. } => behind(file),
            _ => None,
        }));
    }
    few(files.into_iter().map(|file| link(file.trim_start_matches("src/"), file)).collect())
}

/// The file whose test module names a rule implements it, if it belongs to the house.
fn beside(file: &str) -> Option<&str> {
    (file.starts_with("src/domain/")
        || file.starts_with("src/app/")
        || file.starts_with("src/http/")
        || file.starts_with("src/adapters/")
        || file.starts_with("src/config/"))
    .then_some(file)
}

/// What a file of vectors exercises.
fn behind(file: &str) -> Option<&'static str> {
    let name = file.strip_prefix("test_vectors/")?.strip_suffix(".json")?;
    Some(match name {
        "base64url" => "src/domain/encoding/base64.rs",
        "claims_path" => "src/domain/dcql/path.rs",
        "dcql_parse" => "src/domain/dcql/query.rs",
        "dcql_response" | "vp_token" => "src/domain/dcql/matching.rs",
        "json" => "src/domain/encoding/json.rs",
        "jwe" => "src/domain/jose/jwe.rs",
        "jws" => "src/domain/jose/jws.rs",
        "kb_jwt" => "src/domain/sd_jwt/key_binding.rs",
        "presentation" => "src/domain/verify/presentation.rs",
        "sd_jwt" => "src/domain/sd_jwt/disclose.rs",
        "sd_jwt_vc" => "src/domain/sd_jwt/vc.rs",
        "sri" => "src/domain/type_metadata/integrity.rs",
        "status_list" => "src/domain/status_list/bits.rs",
        "status_reference" => "src/domain/status_list/reference.rs",
        "status_token" => "src/domain/status_list/token.rs",
        "transaction_data" => "src/domain/transaction_data/confirmation.rs",
        "type_metadata" => "src/domain/type_metadata/check.rs",
        "x5c" => "src/domain/x509/chain.rs",
        _ => return None,
    })
}

fn tests(line: &Line<'_>) -> String {
    let mut vectors: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut tests, mut faults) = (BTreeSet::new(), BTreeSet::new());
    for place in &line.places {
        match place {
            Place::Vector { file, .. } => *vectors.entry(file).or_default() += 1,
            Place::Test { file, name } => {
                let module = file.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
                tests.insert((if name.is_empty() { module } else { name }, file.as_str()));
            }
            Place::Fault(name) => {
                faults.insert(name.as_str());
            }
            Place::Code(_) | Place::Document(_) => {}
        }
    }
    let vectors = few(vectors
        .into_iter()
        .map(|(file, count)| {
            let name = file.trim_start_matches("test_vectors/").trim_end_matches(".json");
            format!("{} ({count})", link(name, file))
        })
        .collect());
    let tests = few(tests.into_iter().map(|(name, file)| link(&format!("`{name}`"), file)).collect());
    let faults = few(faults.into_iter().map(|name| format!("`{name}`")).collect());
    let mut parts = Vec::new();
    for (title, list) in [("vectors", vectors), ("", tests), ("faults", faults)] {
        if !list.is_empty() {
            parts.push(format!("{title} {list}").trim().to_owned());
        }
    }
    let tests = parts.join("; ");
    let Some(reason) = line.reason else { return tests };
    format!("*{}*: {} {tests}", reason.kind.name(), reason.text).trim_end().to_owned()
}

#[test]
fn files_behind_vectors_are_there() {
    for entry in std::fs::read_dir(super::root().join("test_vectors")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        if !name.contains(".schema.") {
            let file = behind(&format!("test_vectors/{name}")).unwrap_or_else(|| panic!("what is behind {name}?"));
            assert!(super::root().join(file).is_file(), "{file}");
        }
    }
}
