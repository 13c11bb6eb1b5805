//! Trust lists: what is kept of them, and what their hosts serve now.

use super::Surroundings;
use crate::adapters::kept::{KeptFolder, KeptInMemory, read_up_to};
use crate::app::examine::{ask_list, ask_pivot};
use crate::app::pivots;
use crate::app::ports::{FetchError, Kept, Validators};
use crate::app::refresh_trust::{ListStanding, TrustLists};
use crate::app::time_text::rfc3339;
use crate::cli::trust_data::kept_pivots;
use crate::config::survey::Survey;
use crate::domain::diagnosis::clock::Witness;
use crate::domain::diagnosis::horizon::{Horizon, horizon};
use crate::domain::diagnosis::{Finding, FindingCode, Severity};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::listed::HeldList;
use crate::domain::trust_list::plan::{ListPlan, Place};
use std::path::Path;
use std::sync::Arc;

/// Looks at every list. Gives those that the service would hold after its next refresh.
pub(super) async fn examine(
    survey: &Survey,
    around: Surroundings<'_>,
    now: UnixSeconds,
    witnesses: &mut Vec<Witness>,
    findings: &mut Vec<Finding>,
) -> Vec<HeldList> {
    let Some(settings) = &survey.trust else { return Vec::new() };
    let lists = TrustLists::new(settings.lists.clone(), Arc::new(KeptInMemory::default()));
    let folder = settings.folder.clone().map(KeptFolder::new);
    let looking = Looking { lists: &lists, folder: folder.as_ref(), around, now };
    for plan in &settings.lists {
        looking.look(plan, witnesses, findings).await;
        signers(plan, now, findings);
        for child in lists.children(plan, now) {
            looking.look(&child, witnesses, findings).await;
        }
    }
    lists.held()
}

struct Looking<'a> {
    /// What is held is held here only, and forgotten afterwards.
    lists: &'a TrustLists,
    folder: Option<&'a KeptFolder>,
    around: Surroundings<'a>,
    now: UnixSeconds,
}

impl Looking<'_> {
    async fn look(&self, plan: &ListPlan, witnesses: &mut Vec<Witness>, findings: &mut Vec<Finding>) {
        let (mut found, mut said) = (false, Vec::new());
        for candidate in [self.kept(plan), file(plan, self.now)] {
            match candidate {
                Ok(None) => {}
                Ok(Some(kept)) => {
                    found = true;
                    let pivots = kept_pivots(plan, &kept.document, self.folder);
                    if let Err(reason) = self.lists.adopt(plan, kept, &pivots, self.now) {
                        said.push(refused(&plan.name, &reason, Severity::Error, "the edition on this machine"));
                    }
                }
                Err(detail) => {
                    found = true;
                    said.push(Finding::new(FindingCode::TrustListDamaged, Severity::Error, &plan.name, detail));
                }
            }
        }
        let kept = self.standing(plan);
        let usable = kept.as_ref().is_some_and(|standing| is_usable(standing, self.now));
        let served = self.ask(plan, usable, witnesses, &mut said).await;
        if !found {
            said.push(absent(plan, served));
        }
        if let Some(standing) = &kept {
            said.extend(self.age(plan, standing, served));
        }
        if let Some(standing) = self.standing(plan) {
            said.extend(contents(&standing, self.now));
        }
        if usable && said.iter().all(|finding| finding.severity <= Severity::Note) {
            let number = kept.and_then(|standing| standing.list).map_or(0, |list| list.sequence);
            let detail = format!("number {number} is kept and signed by a configured signer");
            said.push(Finding::new(FindingCode::TrustListSound, Severity::Ok, &plan.name, detail));
        }
        findings.append(&mut said);
    }

    fn kept(&self, plan: &ListPlan) -> Result<Option<Kept>, String> {
        self.folder.map_or(Ok(None), |folder| folder.load_now(&plan.name).map_err(|error| error.0))
    }

    fn standing(&self, plan: &ListPlan) -> Option<ListStanding> {
        self.lists.standings().into_iter().find(|standing| standing.name == plan.name && standing.list.is_some())
    }

    /// Asks for the list, verifies what is served as the service would, and holds it where nothing usable was kept.
    /// Whether a good edition is served.
    async fn ask(&self, plan: &ListPlan, usable: bool, witnesses: &mut Vec<Witness>, said: &mut Vec<Finding>) -> bool {
        let Place::Url(url) = &plan.place else { return false };
        if self.around.offline {
            return false;
        }
        let asked = ask_list(self.around.fetch, self.around.clock, plan, url).await;
        witnesses.extend(asked.witness.clone());
        // As long as something good is kept, what its host does now hurts later only.
        let severity = if usable { Severity::Warning } else { Severity::Error };
        let response = match asked.answer {
            Ok(response) => response,
            Err(error) => {
                let use_of = format!("trust list {}", plan.name);
                said.push(unreached(&asked.origin, &error, severity, &use_of));
                return false;
            }
        };
        if response.status != 200 {
            let detail = format!("{} answers with status {}", asked.origin, response.status);
            said.push(Finding::new(FindingCode::TrustListNotServed, severity, &plan.name, detail));
            return false;
        }
        let served = Kept { document: response.body, confirmed_at: self.now, validators: Validators::default() };
        let trial = TrustLists::new(vec![plan.clone()], Arc::new(KeptInMemory::default()));
        if let Ok(Some(kept)) = self.kept(plan) {
            // What is kept is the edition below which nothing is taken (TL-10); whether it is good itself, was said.
            let pivots = kept_pivots(plan, &kept.document, self.folder);
            trial.adopt(plan, Kept { confirmed_at: UnixSeconds(i64::MIN), ..kept }, &pivots, self.now).ok();
        }
        let pivots = self.pivots(plan, &served.document).await;
        if let Err(reason) = trial.adopt(plan, served.clone(), &pivots, self.now) {
            said.push(refused(&plan.name, &reason, severity, "the edition that is served now"));
            return false;
        }
        if !usable && self.lists.adopt(plan, served, &pivots, self.now).is_err() {
            return false;
        }
        true
    }

    /// The pivots that a served list of lists announces: those that are kept, and the others from their places. One that
    /// is missing makes the list fail by its signature, which is said then.
    async fn pivots(&self, plan: &ListPlan, document: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut pivots = kept_pivots(plan, document, self.folder);
        for location in pivots::announced(plan, document).unwrap_or_default() {
            if pivots.iter().any(|(known, _)| *known == location) {
                continue;
            }
            let asked = ask_pivot(self.around.fetch, self.around.clock, plan, &location).await;
            if let Ok(response) = asked.answer
                && response.status == 200
            {
                pivots.push((location, response.body));
            }
        }
        pivots
    }

    /// How old what is kept is.
    fn age(&self, plan: &ListPlan, standing: &ListStanding, served: bool) -> Option<Finding> {
        let confirmed_at = standing.confirmed_at?;
        let since = rfc3339(confirmed_at);
        let old =
            |severity, detail: String| Some(Finding::new(FindingCode::TrustListOld, severity, &plan.name, detail));
        if !is_usable(standing, self.now) {
            let severity = if served { Severity::Warning } else { Severity::Error };
            let end = standing.usable_until.map(rfc3339).unwrap_or_default();
            return old(severity, format!("not usable since {end}; confirmed at {since} for the last time"));
        }
        let overdue = confirmed_at.plus(plan.refresh_seconds.saturating_mul(2));
        if matches!(plan.place, Place::Url(_)) && self.now > overdue {
            // What can be had now is not at risk: perhaps the service has merely not been running.
            let severity = if served { Severity::Note } else { Severity::Warning };
            return old(severity, format!("not confirmed since {since}"));
        }
        None
    }
}

fn is_usable(standing: &ListStanding, now: UnixSeconds) -> bool {
    standing.usable_until.is_some_and(|end| now < end)
}

/// The file that the configuration names, if it names one.
fn file(plan: &ListPlan, now: UnixSeconds) -> Result<Option<Kept>, String> {
    let Place::File(path) = &plan.place else { return Ok(None) };
    let unreadable = |error: std::io::Error| format!("the file {path} cannot be read: {error}");
    let document = read_up_to(Path::new(path), limits::TRUST_LIST_BYTES).map_err(unreadable)?;
    Ok(Some(Kept { document, confirmed_at: now, validators: Validators::default() }))
}

fn absent(plan: &ListPlan, served: bool) -> Finding {
    let (severity, detail) = match (&plan.place, served) {
        (Place::Url(_), true) => (Severity::Note, "none is kept yet, but a good one is served: the start fetches it"),
        (Place::Url(_), false) => (Severity::Error, "none is kept, and none was fetched now"),
        (Place::File(_) | Place::Imported, _) => (Severity::Error, "none was imported yet"),
    };
    Finding::new(FindingCode::TrustListAbsent, severity, &plan.name, detail)
}

fn refused(list: &str, reason: &Reason, severity: Severity, which: &str) -> Finding {
    let (code, severity) = match reason.code {
        Code::TrustListSignatureInvalid => (FindingCode::TrustListSignature, severity),
        Code::TrustListRollback => (FindingCode::TrustListRollback, Severity::Warning),
        Code::TrustUnavailable => (FindingCode::TrustListOld, severity),
        _ => (FindingCode::TrustListMalformed, severity),
    };
    Finding::new(code, severity, list, format!("{which}: {}", reason.detail))
}

/// A host that gave no answer.
pub(super) fn unreached(origin: &str, error: &FetchError, severity: Severity, use_of: &str) -> Finding {
    let code = match error {
        FetchError::Tls(_) => FindingCode::HostTls,
        FetchError::Blocked => FindingCode::HostBlocked,
        _ => FindingCode::HostUnreachable,
    };
    Finding::new(code, severity, origin, format!("needed for {use_of}; {error}"))
}

/// What the list says that matters to an operator.
fn contents(standing: &ListStanding, now: UnixSeconds) -> Vec<Finding> {
    let Some(list) = &standing.list else { return Vec::new() };
    let mut findings = Vec::new();
    // The end is the first second at which it may not be used any more.
    if let Horizon::Near { days, severity } = horizon(list.issued_at, list.next_update.minus(1), now) {
        let detail = format!("the next update is due in {days} days, at {}", rfc3339(list.next_update));
        findings.push(Finding::new(FindingCode::TrustListEndsSoon, severity, &standing.name, detail));
    }
    if let Some(first) = list.skipped.first() {
        let detail = format!(
            "{} entries; the first is entity {}: {}",
            list.skipped.len(),
            first.entity.saturating_add(1),
            first.reason.detail
        );
        findings.push(Finding::new(FindingCode::TrustListLeftOut, Severity::Note, &standing.name, detail));
    }
    findings
}

/// The certificates that sign the list.
fn signers(plan: &ListPlan, now: UnixSeconds, findings: &mut Vec<Finding>) {
    let stands = |place: usize| plan.signers.get(place).map(|signer| horizon(signer.not_before, signer.not_after, now));
    let far =
        |except: usize| (0..plan.signers.len()).any(|place| place != except && stands(place) == Some(Horizon::Far));
    for (place, signer) in plan.signers.iter().enumerate() {
        let limit = if far(place) { Severity::Note } else { Severity::Error };
        let (about, name) = (format!("trust_list({}).signers", plan.name), signer.subject_text.escape_debug());
        let finding = match stands(place) {
            Some(Horizon::Near { days, severity }) => {
                let detail = format!("{name} ends in {days} days");
                Finding::new(FindingCode::ListSignerEndsSoon, severity, format!("{about}[{place}]"), detail)
            }
            Some(Horizon::Over) => {
                let detail = format!("{name} has ended at {}", rfc3339(signer.not_after));
                Finding::new(FindingCode::ListSignerExpired, Severity::Error, format!("{about}[{place}]"), detail)
            }
            _ => continue,
        };
        findings.push(finding.at_most(limit));
    }
}
