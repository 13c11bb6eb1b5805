//! `pruefstein doctor`: looks at the whole installation, and says what is wrong, what it means and what to do.
//!
//! It works where the configuration is refused, too: then every fault is a finding, and the rest goes on with what can be
//! read. Nothing is changed, and nothing that is fetched is put in force.

pub mod database;
mod lists;
mod machine;
mod network;
mod revocations;
pub mod show;
mod trust;

use super::config::DEFAULT_FILE;
use super::{Exit, Failure, Terminal, trust_data, visible};
use crate::adapters::clock::SystemClock;
use crate::adapters::fetch::{FetchSetup, HttpsFetch};
use crate::adapters::kept::KeptFolder;
use crate::adapters::machine::ThisMachine;
use crate::app::ports::{Clock, Fetch, Machine};
use crate::app::{can_verify, time_text};
use crate::config::Environment;
use crate::config::survey::{Survey, survey};
use crate::domain::diagnosis::access::{self, Access};
use crate::domain::diagnosis::registration::{self, Registered};
use crate::domain::diagnosis::{Diagnosis, Finding, FindingCode, Group, Severity, Verdict, clock};
use crate::domain::preset::Preset;
use crate::domain::time::UnixSeconds;
use crate::domain::trust::issuer_metadata::HeldIssuer;
use crate::domain::trust::listed::{Held, compose};
use crate::domain::trust::{Purpose, TrustAnchors};
use crate::domain::x509::chain::Anchor;
use crate::domain::x509::relying_party::PartyFacts;
use crate::serve::fetch_setup;
use clap::Args;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What to look at.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// Print the findings as JSON, in a shape that stays.
    #[arg(long)]
    json: bool,
    /// Ask no host.
    #[arg(long)]
    offline: bool,
    /// The time to judge by, as 2027-03-01T12:00:00Z or in seconds since 1970; now if absent.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Print docs/doctor.md.
    #[arg(long, hide = true)]
    markdown: bool,
}

/// Runs the command.
///
/// Exit codes: 0 nothing is worse than a note; 1 warnings or errors; 2 the configuration is refused; 3 something needed is
/// out of reach.
///
/// # Errors
/// [`Failure`] with exit code 2 for a time that cannot be read, 3 if the command itself cannot work.
pub fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    if arguments.markdown {
        terminal.say(show::doctor_markdown().trim_end());
        return Ok(Exit::Done);
    }
    let now = match arguments.at.as_deref().map(time_text::parse) {
        None => SystemClock.now(),
        Some(Some(time)) => time,
        Some(None) => return Err(Failure::wrong_use("--at cannot be read", "Write 2027-03-01T12:00:00Z.")),
    };
    let survey = survey(&arguments.config, &Environment::of_process(), now);
    let out_of_reach =
        |message: String, hint: &str| Failure { exit: Exit::OutOfReach, code: None, message, hint: hint.to_owned() };
    let setup = survey.outgoing.as_ref().map_or_else(FetchSetup::default, fetch_setup);
    let fetch = HttpsFetch::new(&setup).map_err(|fault| {
        let hint = "Install the root certificates of the operating system, or set outgoing.extra_roots.";
        out_of_reach(fault.to_string(), hint)
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| out_of_reach(error.to_string(), "Look at the limits of this process."))?;
    let around = Surroundings { clock: &SystemClock, fetch: &fetch, machine: &ThisMachine, offline: arguments.offline };
    let diagnosis = runtime.block_on(examine(&survey, around, now));
    let text = if arguments.json { show::json(&diagnosis, now) } else { show::text(&diagnosis, now) };
    terminal.say(visible(&text).trim_end());
    Ok(exit(diagnosis.verdict()))
}

/// How the command ends with this verdict.
pub const fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Sound => Exit::Done,
        Verdict::Attention | Verdict::Faulty => Exit::Refused,
        Verdict::OutOfReach => Exit::OutOfReach,
        Verdict::Refused => Exit::WrongUse,
    }
}

/// What the examination looks through.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// Our time.
    pub clock: &'a dyn Clock,
    /// The way to hosts.
    pub fetch: &'a dyn Fetch,
    /// This machine.
    pub machine: &'a dyn Machine,
    /// Whether hosts of others are left in peace.
    pub offline: bool,
}

/// Makes every check that can be made of what could be read, judged by the time `now`.
pub async fn examine(survey: &Survey, around: Surroundings<'_>, now: UnixSeconds) -> Diagnosis {
    let mut findings = Vec::new();
    let mut witnesses = Vec::new();
    let lists = lists::examine(survey, around, now, &mut witnesses, &mut findings).await;
    let plans = survey.trust.as_ref().map(|trust| trust.plans.as_slice()).unwrap_or_default();
    let revocations = revocations::examine(survey, around, now, &mut witnesses, &mut findings).await;
    let issuers = issuers(survey, now, &mut findings);
    let held = Held { lists: &lists, revocations: &revocations, issuers: &issuers };
    let sources = compose(plans, held, now);
    trust::examine(&sources, now, &mut findings);
    let access = access(survey, &sources, now);
    findings.extend(registered(survey, &sources, now));
    let runs = machine::examine(survey, around, &mut findings).await;
    if around.offline {
        let detail = "--offline: hosts, served lists and the clock were not checked";
        findings.push(Finding::new(FindingCode::HostsSkipped, Severity::Note, "hosts", detail));
    } else {
        network::examine(survey, around, runs, &mut witnesses, &mut findings).await;
        findings.push(clock::judge(&witnesses, survey.skew()));
    }
    findings.extend(configuration(survey, &access));
    findings.extend(access);
    Diagnosis { refused: !survey.faults.is_empty(), findings: arrange(findings) }
}

/// The keys that issuers published, as they were kept.
fn issuers(survey: &Survey, now: UnixSeconds, findings: &mut Vec<Finding>) -> Vec<HeldIssuer> {
    let Some(trust) = &survey.trust else { return Vec::new() };
    let folder = trust.folder.clone().map(KeptFolder::new);
    let mut faults = Vec::new();
    let held = trust_data::issuers(trust, folder.as_ref(), now, &mut faults);
    for (issuer, reason) in faults {
        let detail = format!("its keys are not there: {}", reason.detail);
        findings.push(Finding::new(FindingCode::TrustListAbsent, Severity::Error, issuer, detail));
    }
    held
}

fn access(survey: &Survey, sources: &TrustAnchors, now: UnixSeconds) -> Vec<Finding> {
    let of_access = sources.sources().iter().filter(|source| source.purpose == Purpose::AccessCertificateAuthority);
    let usable = of_access.filter(|source| source.check_usable(now).is_ok());
    let authorities: Vec<&Anchor> = usable.flat_map(|source| &source.anchors).collect();
    let key = survey.access_key.as_ref().and_then(|key| key.public_key().ok());
    access::examine(&Access {
        key: key.as_ref(),
        chain: &survey.access_chain,
        prefix: survey.client_id_prefix,
        host: survey.public_url.as_ref().map(|url| (url.host(), url.is_dns_name())),
        authorities: &authorities,
        now,
    })
}

/// What is registered beside what the presets ask.
fn registered(survey: &Survey, sources: &TrustAnchors, now: UnixSeconds) -> Vec<Finding> {
    let Some(tenant) = &survey.tenant else { return Vec::new() };
    let sent = |preset: &Preset| Some((preset.id.clone(), preset.sendable(can_verify).ok()?));
    let presets: Vec<_> = tenant.presets.iter().filter_map(sent).collect();
    registration::examine(&Registered {
        registrations: &tenant.registrations,
        presets: &presets,
        party: &tenant.access.leaf().map(PartyFacts::of).unwrap_or_default(),
        trust: sources,
        skew: survey.skew(),
        now,
    })
}

/// The faults and notes of the configuration. What is wrong with the certificates has a finding of its own that says more.
fn configuration(survey: &Survey, access: &[Finding]) -> Vec<Finding> {
    let said_better = |key: &str| {
        key == "tenant.access_chain"
            && access.iter().any(|finding| finding.severity == Severity::Error)
            && !survey.access_chain.is_empty()
    };
    let mut findings: Vec<Finding> = Vec::new();
    for fault in survey.faults.iter().filter(|fault| !said_better(&fault.key)) {
        let finding = Finding::new(FindingCode::ConfigRefused, Severity::Error, &fault.key, &fault.problem);
        findings.push(Finding { remedy: Some(fault.remedy.clone()), ..finding });
    }
    if survey.faults.is_empty() {
        let detail = "the service would start with it";
        findings.push(Finding::new(FindingCode::ConfigAccepted, Severity::Ok, "configuration", detail));
    }
    // Certificates, registrations and their presets have findings of their own.
    let of_its_own = |key: &str| {
        key == "tenant.access_chain" || key.starts_with("registration(") || key.starts_with("tenant.presets(")
    };
    let notes = survey.notes.iter().filter(|note| !of_its_own(&note.key));
    findings.extend(notes.map(|note| Finding::new(FindingCode::ConfigNote, Severity::Note, &note.key, &note.text)));
    findings
}

/// One finding for each code and subject, by group, the worst first.
fn arrange(findings: Vec<Finding>) -> Vec<Finding> {
    let mut kept: BTreeMap<(FindingCode, String, String), Finding> = BTreeMap::new();
    for finding in findings {
        // One setting may have several faults, and each of them counts.
        let more = if finding.code.group() == Group::Configuration { finding.detail.clone() } else { String::new() };
        let key = (finding.code, finding.about.clone(), more);
        match kept.get(&key) {
            Some(known) if known.severity >= finding.severity => {}
            _ => drop(kept.insert(key, finding)),
        }
    }
    let mut findings: Vec<Finding> = kept.into_values().collect();
    findings.sort_by_key(|finding| (finding.code.group(), std::cmp::Reverse(finding.severity)));
    findings
}
