//! Findings as people and programs read them, and the page about all of them.

use crate::app::time_text::rfc3339;
use crate::domain::diagnosis::{Diagnosis, Finding, FindingCode, Group, Severity, Verdict};
use crate::domain::time::UnixSeconds;
use serde_json::json;
use std::fmt::Write as _;

/// The findings for people: the verdict first, then group by group, the worst first.
pub fn text(diagnosis: &Diagnosis, now: UnixSeconds) -> String {
    let mut text = format!("{}\nat {}\n", sentence(diagnosis), rfc3339(now));
    for group in Group::ALL {
        let of_group: Vec<&Finding> =
            diagnosis.findings.iter().filter(|finding| finding.code.group() == group).collect();
        if of_group.is_empty() {
            continue;
        }
        write!(text, "\n{}\n", group.title()).ok();
        for finding in of_group {
            text.push_str(&finding_text(finding));
        }
    }
    text
}

fn finding_text(finding: &Finding) -> String {
    let (mark, code) = (mark(finding.severity), finding.code.as_str());
    if finding.severity == Severity::Ok {
        return format!("  {mark} {code:<30} {}: {}\n", finding.about, finding.detail);
    }
    format!(
        "  {mark} {code:<30} {}\n      {}\n      {}\n      → {}\n",
        finding.about,
        finding.detail,
        finding.code.meaning(),
        finding.remedy()
    )
}

const fn mark(severity: Severity) -> char {
    match severity {
        Severity::Ok => '✓',
        Severity::Note => '·',
        Severity::Warning => '!',
        Severity::Error => '✗',
    }
}

/// What all findings together say, in one sentence.
fn sentence(diagnosis: &Diagnosis) -> String {
    let count = |severity| diagnosis.count(severity);
    let number = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    };
    let (errors, warnings) = (number(count(Severity::Error), "error"), number(count(Severity::Warning), "warning"));
    match diagnosis.verdict() {
        Verdict::Sound => "All is well.".to_owned(),
        Verdict::Attention => format!("It works, but something wants attention: {warnings}."),
        Verdict::Faulty => format!("Something is wrong: {errors}, {warnings}."),
        Verdict::OutOfReach => format!("Something that is needed is out of reach: {errors}, {warnings}."),
        Verdict::Refused => {
            format!("The configuration is refused, so the service does not start: {errors}, {warnings}.")
        }
    }
}

/// The findings for programs.
pub fn json(diagnosis: &Diagnosis, now: UnixSeconds) -> String {
    let count = |severity| diagnosis.count(severity);
    let row = |finding: &Finding| {
        json!({
            "code": finding.code,
            "severity": finding.severity,
            "group": finding.code.group(),
            "about": finding.about,
            "detail": finding.detail,
            "meaning": finding.code.meaning(),
            "remedy": finding.remedy(),
        })
    };
    let document = json!({
        "format": "pruefstein-doctor/1",
        "at": rfc3339(now),
        "verdict": diagnosis.verdict(),
        "counts": {
            "error": count(Severity::Error),
            "warning": count(Severity::Warning),
            "note": count(Severity::Note),
            "ok": count(Severity::Ok),
        },
        "findings": diagnosis.findings.iter().map(row).collect::<Vec<_>>(),
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// The page `docs/doctor.md`.
pub fn doctor_markdown() -> String {
    let mut page = HEAD.to_owned();
    for group in Group::ALL {
        write!(
            page,
            "\n## {}\n\n| Code | Severity | What it means | What to do |\n| --- | --- | --- | --- |\n",
            group.title()
        )
        .ok();
        for code in FindingCode::ALL.iter().filter(|code| code.group() == group) {
            let cell = |text: &str| text.replace('|', "\\|");
            writeln!(
                page,
                "| `{code}` | {} | {} | {} |",
                cell(code.severities()),
                cell(code.meaning()),
                cell(code.remedy())
            )
            .ok();
        }
    }
    page
}

const HEAD: &str = "\
# What the doctor finds

<!-- Made by `pruefstein doctor --markdown`; a test compares. -->

```sh
pruefstein doctor                       # looks at everything, asks every host
pruefstein doctor --offline             # asks no host
pruefstein doctor --at 2027-06-01T00:00:00Z   # how it will be then
pruefstein doctor --json                # for programs
```

Run it as the user of the service, on its machine, before the first start, after each renewal and once a day from a timer. It changes
nothing: lists that it fetches are verified and thrown away, and a store that is in use is left alone. It works where the configuration is
refused, too: every fault is a finding then, and the rest goes on with what can be read.

Each finding has a code, a severity, what it is about, what was found, what that means and what to do. Codes stay.

| Severity | Mark | Means |
| --- | --- | --- |
| `ok` | ✓ | as it should be |
| `note` | · | worth knowing; nothing has to be done now |
| `warning` | ! | works now, but not for long, or not everywhere |
| `error` | ✗ | does not work |

| Exit code | Verdict | When |
| --- | --- | --- |
| 0 | `sound` | nothing is worse than a note |
| 1 | `attention`, `faulty` | there are warnings; there are errors |
| 2 | `refused` | the service would not start with this configuration |
| 3 | `out_of_reach` | an error says that a host, the store, a folder or an address cannot be used |

Of several the worst counts, in the order 2, 3, 1. Ends of certificates and lists are reported 60, 30, 14, 7 and 1 days before, louder each
time; a step counts only in the second half of a life, so that a list which lives for a week is not reported every day.

The JSON has `format` (`pruefstein-doctor/1`), `at`, `verdict`, `counts` by severity, and `findings`, each with `code`, `severity`, `group`,
`about`, `detail`, `meaning`, `remedy`. Codes, severities, groups and names of members stay; the texts may be worded better. Nothing in it is
secret: no key, no digest of a caller's key, nothing of a person.
";
