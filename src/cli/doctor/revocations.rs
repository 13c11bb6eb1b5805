//! Lists of revoked certificates: what is kept of them or lies in files, and what their hosts serve now.

use super::Surroundings;
use super::lists::unreached;
use crate::adapters::kept::{KeptFolder, read_up_to};
use crate::app::examine::ask_revocation_list;
use crate::app::refresh_revocation::{kept_name, places};
use crate::app::time_text::rfc3339;
use crate::config::survey::Survey;
use crate::domain::diagnosis::clock::Witness;
use crate::domain::diagnosis::{Finding, FindingCode, Severity};
use crate::domain::limits;
use crate::domain::time::UnixSeconds;
use crate::domain::trust::listed::HeldRevocations;
use crate::domain::trust_list::plan::Place;
use crate::domain::x509::revocation::RevocationList;
use std::path::Path;
use std::sync::Arc;

/// Looks at every list. Gives those that the service would hold after its next refresh.
pub(super) async fn examine(
    survey: &Survey,
    around: Surroundings<'_>,
    now: UnixSeconds,
    witnesses: &mut Vec<Witness>,
    findings: &mut Vec<Finding>,
) -> Vec<HeldRevocations> {
    let Some(settings) = &survey.trust else { return Vec::new() };
    let folder = settings.folder.clone().map(KeptFolder::new);
    let mut held = Vec::new();
    for place in places(settings.plans.iter()) {
        let (name, found) = match &place {
            Place::File(path) => (path.as_str(), file(path).map(Some)),
            Place::Url(url) => (url.as_str(), kept(url, folder.as_ref())),
            Place::Imported => continue,
        };
        let (mut here, mut broken) = (None, false);
        match found.and_then(|bytes| bytes.map(|bytes| read(&bytes)).transpose()) {
            Ok(list) => here = list,
            Err(detail) => {
                broken = true;
                findings.push(finding(FindingCode::RevocationListMalformed, Severity::Error, name, detail));
            }
        }
        let counts = here.as_ref().is_some_and(|list| list.counts_at(now));
        let served = match &place {
            Place::Url(url) if !around.offline => ask(url, counts, around, now, witnesses, findings).await,
            _ => None,
        };
        if !broken {
            findings.push(standing(name, here.as_ref(), served.is_some(), now));
        }
        if let Some(list) = served.or(here) {
            held.push(HeldRevocations { place, list: Arc::new(list) });
        }
    }
    held
}

fn finding(code: FindingCode, severity: Severity, name: &str, detail: impl Into<String>) -> Finding {
    Finding::new(code, severity, name, detail)
}

fn read(bytes: &[u8]) -> Result<RevocationList, String> {
    RevocationList::from_file(bytes).map_err(|reason| reason.detail.into_owned())
}

fn file(path: &str) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("the file cannot be read: {error}");
    read_up_to(Path::new(path), limits::REVOCATION_LIST_BYTES).map_err(unreadable)
}

fn kept(url: &str, folder: Option<&KeptFolder>) -> Result<Option<Vec<u8>>, String> {
    let kept = folder.map_or(Ok(None), |folder| folder.load_now(&kept_name(url)));
    kept.map(|kept| kept.map(|kept| kept.document)).map_err(|error| error.0)
}

/// What is served now, if it is a list that counts.
async fn ask(
    url: &str,
    counts: bool,
    around: Surroundings<'_>,
    now: UnixSeconds,
    witnesses: &mut Vec<Witness>,
    findings: &mut Vec<Finding>,
) -> Option<RevocationList> {
    let asked = ask_revocation_list(around.fetch, around.clock, url).await;
    witnesses.extend(asked.witness.clone());
    // As long as what is kept counts, what its host does now hurts later only.
    let severity = if counts { Severity::Warning } else { Severity::Error };
    let response = match asked.answer {
        Ok(response) => response,
        Err(error) => {
            findings.push(unreached(
                &asked.origin,
                &error,
                severity,
                &format!("the list of revoked certificates {url}"),
            ));
            return None;
        }
    };
    let malformed = |detail: String| finding(FindingCode::RevocationListMalformed, severity, url, detail);
    if response.status != 200 {
        let detail = format!("the host answers with status {}", response.status);
        findings.push(finding(FindingCode::TrustListNotServed, severity, url, detail));
        return None;
    }
    match read(&response.body) {
        Ok(list) if list.counts_at(now) => Some(list),
        Ok(list) => {
            let detail = format!("the one that is served now ends at {}", rfc3339(list.next_update));
            findings.push(finding(FindingCode::RevocationListOld, severity, url, detail));
            None
        }
        Err(detail) => {
            findings.push(malformed(format!("what is served now: {detail}")));
            None
        }
    }
}

fn standing(name: &str, here: Option<&RevocationList>, served: bool, now: UnixSeconds) -> Finding {
    // What can be had now is not missing for long.
    let severity = if served { Severity::Note } else { Severity::Error };
    match here {
        None if served => {
            let detail = "none is kept yet, but a good one is served: the start fetches it";
            finding(FindingCode::RevocationListAbsent, severity, name, detail)
        }
        None => finding(FindingCode::RevocationListAbsent, severity, name, "none is here"),
        Some(list) if list.counts_at(now) => {
            let detail = format!("{} certificates are on it, until {}", list.entries, rfc3339(list.next_update));
            finding(FindingCode::RevocationListSound, Severity::Ok, name, detail)
        }
        Some(list) => {
            let (from, until) = (rfc3339(list.this_update), rfc3339(list.next_update));
            let detail = format!("the one on this machine counts from {from} to {until}");
            finding(FindingCode::RevocationListOld, severity, name, detail)
        }
    }
}
