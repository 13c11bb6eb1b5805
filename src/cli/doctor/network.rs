//! The hosts that the service needs, and our own address as the world sees it.

use super::Surroundings;
use super::lists::unreached;
use crate::app::examine::ask_host;
use crate::app::ports::FetchError;
use crate::config::survey::Survey;
use crate::domain::diagnosis::clock::Witness;
use crate::domain::diagnosis::{Finding, FindingCode, Severity};
use crate::domain::trust::StatusOrigin;
use futures_util::future::join_all;
use std::collections::BTreeMap;

/// Most hosts that are asked at one time.
const AT_ONCE: usize = 8;

/// Asks every host once. `runs` says whether our own service is known to run.
pub(super) async fn examine(
    survey: &Survey,
    around: Surroundings<'_>,
    runs: bool,
    witnesses: &mut Vec<Witness>,
    findings: &mut Vec<Finding>,
) {
    let needs: Vec<(String, Need)> = needs(survey).into_iter().collect();
    for some in needs.chunks(AT_ONCE) {
        let asked = join_all(some.iter().map(|(origin, _)| ask_host(around.fetch, around.clock, origin))).await;
        for (asked, (origin, need)) in asked.into_iter().zip(some) {
            witnesses.extend(asked.witness.clone());
            let use_of = need.uses.join(", ");
            findings.push(match asked.reached() {
                Ok(()) => Finding::new(FindingCode::HostReached, Severity::Ok, origin, format!("needed for {use_of}")),
                Err(error) => unreached(origin, error, need.severity, &use_of),
            });
        }
    }
    findings.extend(ourselves(survey, around, runs).await);
}

struct Need {
    severity: Severity,
    uses: Vec<String>,
}

/// The hosts that are asked while the service runs, besides those of lists, which are asked for the lists themselves.
fn needs(survey: &Survey) -> BTreeMap<String, Need> {
    let mut needs: BTreeMap<String, Need> = BTreeMap::new();
    let mut add = |origin: String, severity: Severity, use_of: String| {
        let need = needs.entry(origin).or_insert(Need { severity, uses: Vec::new() });
        need.severity = need.severity.max(severity);
        if !need.uses.contains(&use_of) {
            need.uses.push(use_of);
        }
    };
    for plan in survey.trust.iter().flat_map(|trust| &trust.plans) {
        for origin in &plan.source.status_origins {
            add(origin.text(), Severity::Error, format!("status lists of {}", plan.source.name));
        }
    }
    for list in survey.trust.iter().flat_map(|trust| &trust.lists) {
        for origin in &list.followed_origins {
            add(origin.clone(), Severity::Warning, format!("lists that {} leads to", list.name));
        }
    }
    for (vct, rule) in survey.policy.iter().flat_map(|policy| &policy.type_metadata.rules) {
        for origin in &rule.publishers {
            add(origin.clone(), Severity::Warning, format!("metadata of type {vct}"));
        }
    }
    needs
}

/// Our own address, asked as anybody would. Whatever is wrong with it from here may be right from outside.
async fn ourselves(survey: &Survey, around: Surroundings<'_>, runs: bool) -> Option<Finding> {
    let url = survey.public_url.as_ref()?;
    let origin = StatusOrigin::of_url(url.origin())?.text();
    let asked = ask_host(around.fetch, around.clock, &origin).await;
    let severity = if runs { Severity::Warning } else { Severity::Note };
    let not_reached = |severity, detail: String| {
        Some(Finding::new(FindingCode::PublicUrlNotReachable, severity, url.origin(), detail))
    };
    match (asked.reached(), asked.answer.as_ref().map(|response| response.status)) {
        (Ok(()), Ok(status @ 500..)) => not_reached(severity, format!("the gateway answers with status {status}")),
        (Ok(()), _) => {
            Some(Finding::new(FindingCode::PublicUrlReached, Severity::Ok, url.origin(), "answers from here"))
        }
        (Err(FetchError::Blocked), _) => {
            not_reached(Severity::Note, "its name leads to a private address here, which is not asked".to_owned())
        }
        (Err(error), _) => not_reached(severity, error.to_string()),
    }
}
