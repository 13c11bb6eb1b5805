//! Every rule has a place and a test, or a reason: `docs/traceability.md`, made from what the repository says of rules.
//!
//! `traceability/rules.txt` lists the rules, `traceability/reasons.txt` says of some why there is no test, or why we do
//! something else. All else is read off the comments: a rule that code names is implemented there, one that a test or a
//! vector names is tested by it. Whoever adds a test names the rule beside it and makes the page anew.

mod page;
mod scan;

use scan::{Mention, Place};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/traceability.md";
/// Set to make the page instead of comparing it.
const WRITE: &str = "PRUEFSTEIN_WRITE";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a source says of a rule, and what we say it is about.
struct Rule {
    id: &'static str,
    level: &'static str,
    about: &'static str,
}

struct Group {
    name: &'static str,
    title: &'static str,
    rules: Vec<Rule>,
}

/// Why a rule has no test, or is kept in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// Kept in our own way, or not kept on purpose. May have tests.
    ByDesign,
    /// Some of it is there and tested.
    InPart,
    /// Not there.
    NotBuilt,
    /// Belongs to mdoc or another thing of the second phase.
    SecondPhase,
    /// Somebody else's duty, or one that no program can do.
    NotOurs,
}

impl Kind {
    const ALL: [Self; 5] = [Self::ByDesign, Self::InPart, Self::NotBuilt, Self::SecondPhase, Self::NotOurs];

    const fn name(self) -> &'static str {
        match self {
            Self::ByDesign => "by design",
            Self::InPart => "in part",
            Self::NotBuilt => "not built",
            Self::SecondPhase => "second phase",
            Self::NotOurs => "not ours",
        }
    }
}

struct Reason {
    kind: Kind,
    text: &'static str,
    /// Whether the line is about the rest of a group.
    rest_of_group: bool,
}

/// Read when the test runs, so that a new line needs no new build.
fn data(name: &str) -> &'static str {
    std::fs::read_to_string(root().join("tests/suite/traceability").join(name)).unwrap().leak()
}

/// The three columns of each line that is no comment.
fn columns(text: &'static str) -> impl Iterator<Item = [&'static str; 3]> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with(['#', '='])).map(|line| {
        let columns: Vec<&str> = line.splitn(3, " | ").collect();
        columns.try_into().unwrap_or_else(|_| panic!("not three columns: {line}"))
    })
}

fn groups() -> Vec<Group> {
    let text = data("rules.txt");
    let mut titles = text.lines().filter_map(|line| line.strip_prefix("= "));
    let mut groups: Vec<Group> = Vec::new();
    for [id, level, about] in columns(text) {
        let (name, _) = id.rsplit_once('-').unwrap();
        if groups.last().is_none_or(|group| group.name != name) {
            groups.push(Group { name, title: titles.next().unwrap(), rules: Vec::new() });
        }
        groups.last_mut().unwrap().rules.push(Rule { id, level, about });
    }
    assert!(titles.next().is_none(), "a title without rules");
    groups
}

/// Reasons by id. `FIX-*` stands for the rules of the group that are neither tested nor named themselves.
fn reasons() -> BTreeMap<&'static str, Reason> {
    let mut reasons = BTreeMap::new();
    for [id, kind, text] in columns(data("reasons.txt")) {
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).unwrap_or_else(|| panic!("{id}: {kind}"));
        let reason = Reason { kind, text, rest_of_group: id.ends_with("-*") };
        assert!(reasons.insert(id, reason).is_none(), "{id} twice");
    }
    reasons
}

/// What is known of one rule.
struct Line<'a> {
    rule: &'a Rule,
    places: Vec<&'a Place>,
    reason: Option<&'a Reason>,
}

impl Line<'_> {
    fn is_tested(&self) -> bool {
        self.places.iter().any(|place| place.is_test())
    }
}

fn lines<'a>(group: &'a Group, mentions: &'a [Mention], reasons: &'a BTreeMap<&'static str, Reason>) -> Vec<Line<'a>> {
    let rest = reasons.get(format!("{}-*", group.name).as_str());
    let line = |rule: &'a Rule| {
        let places: Vec<&Place> =
            mentions.iter().filter(|mention| mention.id == rule.id).map(|mention| &mention.place).collect();
        let tested = places.iter().any(|place| place.is_test());
        let reason = reasons.get(rule.id).or(rest.filter(|_| !tested));
        Line { rule, places, reason }
    };
    group.rules.iter().map(line).collect()
}

/// What is wrong between rules, mentions and reasons.
fn faults(groups: &[Group], mentions: &[Mention], reasons: &BTreeMap<&'static str, Reason>) -> Vec<String> {
    let mut faults = Vec::new();
    let known: BTreeSet<&str> = groups.iter().flat_map(|group| &group.rules).map(|rule| rule.id).collect();
    for mention in mentions.iter().filter(|mention| !known.contains(mention.id.as_str())) {
        faults.push(format!("{} is no rule, but is named in {:?}", mention.id, mention.place));
    }
    for (id, reason) in reasons {
        let group = id.strip_suffix("-*");
        if !group.map_or_else(|| known.contains(id), |name| groups.iter().any(|group| group.name == name)) {
            faults.push(format!("{id} has a reason, but is no rule"));
        }
        if reason.kind == Kind::ByDesign && !names_a_document(reason.text) {
            faults.push(format!("{id} is by design, but its reason leads to no divergence and no decision"));
        }
    }
    let mut rests_used = BTreeSet::new();
    for group in groups {
        for line in lines(group, mentions, reasons) {
            let id = line.rule.id;
            match (line.is_tested(), line.reason) {
                (false, None) => faults.push(format!(
                    "{id} ({}, {}) has no test: name it beside the test, or give the reason in reasons.txt",
                    line.rule.level, line.rule.about
                )),
                (false, Some(reason)) if reason.kind == Kind::InPart => {
                    faults.push(format!("{id} is built in part by reasons.txt, but has no test of that part"));
                }
                (true, Some(reason)) if !matches!(reason.kind, Kind::ByDesign | Kind::InPart) => faults.push(format!(
                    "{id} is {} by reasons.txt, but has a test: {:?}",
                    reason.kind.name(),
                    line.places
                )),
                (_, Some(reason)) if reason.rest_of_group => {
                    rests_used.insert(group.name);
                }
                _ => {}
            }
        }
    }
    for id in reasons.keys().filter_map(|id| id.strip_suffix("-*")).filter(|name| !rests_used.contains(name)) {
        faults.push(format!("{id}-* stands for no rule any more"));
    }
    faults
}

/// Whether a text leads to a page that is there.
fn names_a_document(text: &str) -> bool {
    let targets: Vec<PathBuf> = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', '#']).next())
        .map(|target| root().join("docs").join(target))
        .collect();
    !targets.is_empty() && targets.iter().all(|target| target.is_file())
}

fn mentions(groups: &[Group]) -> Vec<Mention> {
    let names: BTreeSet<&str> = groups.iter().map(|group| group.name).collect();
    scan::repository(root(), &names).unwrap_or_else(|short| panic!("ids in short forms:\n{}", short.join("\n")))
}

#[test]
fn every_rule_has_a_test_or_a_reason() {
    let (groups, reasons) = (groups(), reasons());
    let faults = faults(&groups, &mentions(&groups), &reasons);
    assert!(faults.is_empty(), "{} rules want attention:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_page_of_rules_is_current() {
    let (groups, reasons) = (groups(), reasons());
    let mentions = mentions(&groups);
    let made = page::markdown(&groups, &mentions, &reasons);
    let path = root().join(PAGE);
    #[expect(clippy::disallowed_methods, reason = "who wants the page written says so here")]
    let write = std::env::var(WRITE).is_ok_and(|value| value == "1");
    if write {
        std::fs::write(&path, &made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed != made {
        let differs = committed.lines().zip(made.lines()).position(|(old, new)| old != new);
        let line = differs.map_or_else(|| "at its end".to_owned(), |line| format!("from line {}", line + 1));
        panic!("{PAGE} differs {line}. Run: {}", page::COMMAND);
    }
}

/// Ids and levels are those of the list that they were taken from, where it is at hand.
#[test]
fn the_list_of_rules_is_complete() {
    #[expect(clippy::disallowed_methods, reason = "where the list lies is a matter of the machine")]
    let path = std::env::var("PRUEFSTEIN_RULES")
        .map_or_else(|_| root().join("../shared/specs/requirements.md"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("rules: {} is not there; set PRUEFSTEIN_RULES", path.display());
        return;
    };
    let theirs: BTreeMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("- **")?.split_once("** ["))
        .filter_map(|(id, rest)| Some((id, rest.split_once(']')?.0)))
        .collect();
    assert!(theirs.len() > 500, "{} holds {} rules only", path.display(), theirs.len());
    let groups = groups();
    let ours: BTreeMap<&str, &str> =
        groups.iter().flat_map(|group| &group.rules).map(|rule| (rule.id, rule.level)).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn what_is_wrong_is_found() {
    let rule = |id, about| Rule { id, level: "MUST", about };
    let group = || {
        let rules = vec![rule("SDJ-01", "one"), rule("SDJ-02", "two"), rule("SDJ-03", "three")];
        vec![Group { name: "SDJ", title: "SD-JWT", rules }]
    };
    let test = |id: &str| Mention { id: id.to_owned(), place: Place::Fault("f".to_owned()) };
    let code = |id: &str| Mention { id: id.to_owned(), place: Place::Code("src/a.rs".to_owned()) };
    let reason = |kind, text, rest_of_group| Reason { kind, text, rest_of_group };
    let missing = reason(Kind::NotBuilt, "It is not.", false);
    let found = |mentions: &[Mention], reasons: Vec<(&'static str, Reason)>| {
        faults(&group(), mentions, &reasons.into_iter().collect()).join("\n")
    };
    let (one, two, three) = (test("SDJ-01"), test("SDJ-02"), test("SDJ-03"));
    let all = [one.clone(), two.clone(), three];
    assert_eq!(found(&all, vec![]), "");
    assert_eq!(found(&[one.clone(), two.clone()], vec![("SDJ-03", missing)]), "");
    // Code alone is no test.
    assert!(found(&[one.clone(), two.clone(), code("SDJ-03")], vec![]).starts_with("SDJ-03 (MUST, three) has no test"));
    let stale = reason(Kind::NotBuilt, "It is not.", false);
    assert!(found(&all, vec![("SDJ-03", stale)]).starts_with("SDJ-03 is not built by reasons.txt, but has a test"));
    let nowhere = reason(Kind::ByDesign, "We do [this](nowhere.md).", false);
    assert!(found(&all, vec![("SDJ-03", nowhere)]).starts_with("SDJ-03 is by design, but"));
    let decided = reason(Kind::ByDesign, "We do [this](divergences.md).", false);
    assert_eq!(found(&all, vec![("SDJ-03", decided)]), "");
    let half = || reason(Kind::InPart, "The rest is not.", false);
    assert_eq!(found(&all, vec![("SDJ-03", half())]), "");
    assert!(found(&[one.clone(), two.clone()], vec![("SDJ-03", half())]).starts_with("SDJ-03 is built in part"));
    let slip = [all.to_vec(), vec![test("SDJ-04")]].concat();
    assert!(found(&slip, vec![]).starts_with("SDJ-04 is no rule"));
    assert!(found(&all, vec![("SDJ-05", reason(Kind::NotOurs, "", false))]).starts_with("SDJ-05 has a reason"));
    // What stands for the rest of a group must stand for something.
    let rest = || reason(Kind::SecondPhase, "Later.", true);
    assert_eq!(found(&[one, two], vec![("SDJ-*", rest())]), "");
    assert_eq!(found(&all, vec![("SDJ-*", rest())]), "SDJ-* stands for no rule any more");
}
