//! Who would trust what is looked at, by the trust data of a configuration or of a snapshot.

use super::{Owner, Seen};
use crate::app::time_text::rfc3339;
use crate::cli::{Failure, read_input, trust_data};
use crate::config::{self, Environment, survey::survey};
use crate::domain::diagnosis::explain::{Answer, Claimant, explain};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::{TrustAnchors, snapshot};
use std::fmt::Write as _;
use std::path::Path;

/// The trust data of a configuration, refused or not, with the lists as they lie on this machine.
///
/// # Errors
/// [`Failure`] with exit code 2 if nothing of it can be read.
pub(super) fn of_configuration(file: &Path, now: UnixSeconds) -> Result<TrustAnchors, Failure> {
    let survey = survey(file, &Environment::of_process(), now);
    match survey.trust {
        Some(settings) => Ok(trust_data::read(&settings, now).trust),
        None => Err(Failure::refused_configuration(&survey.faults)),
    }
}

/// The trust data of a snapshot, of a `trust.toml`, or of a folder that has one.
///
/// # Errors
/// [`Failure`] with exit code 2 for anything else.
pub(super) fn of_path(path: &Path, now: UnixSeconds) -> Result<TrustAnchors, Failure> {
    let file = if path.is_dir() { path.join("trust.toml") } else { path.to_owned() };
    let bytes = read_input(Some(&file))?;
    if snapshot::is_snapshot(&bytes) {
        return Ok(snapshot::read(&bytes)?);
    }
    let (settings, ..) = config::load_trust(&file, now).map_err(|faults| Failure::refused_configuration(&faults))?;
    Ok(trust_data::read(&settings, now).trust)
}

/// What each source says about it.
pub(super) fn text(seen: &Seen, trust: &TrustAnchors, now: UnixSeconds) -> String {
    let mut text = format!("\nwho would trust it at {}\n", rfc3339(now));
    if seen.certificates.is_empty() {
        text.push_str("  nobody: it brings no certificates that could lead to a source\n");
        return text;
    }
    let claimant = match &seen.owner {
        Owner::Issuer(vct) => Claimant::IssuerOf(vct),
        Owner::StatusList(uri) => Claimant::StatusListAt(uri.as_deref()),
        Owner::Holder => Claimant::Holder,
    };
    for (name, answer) in explain(trust, &seen.certificates, claimant, now) {
        let (mark, words) = match answer {
            Answer::Trusts(words) => ('✓', words),
            Answer::Refuses(words) => ('✗', words),
        };
        writeln!(text, "  {mark} {name:<20} {words}").ok();
    }
    text.push_str("Only certificates were judged here. `pruefstein verify` judges the whole.\n");
    text
}
