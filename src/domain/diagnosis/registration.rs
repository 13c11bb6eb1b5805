//! What is registered beside what is asked, and how long that holds.

use super::finding::{Finding, FindingCode, Severity};
use super::horizon::{Horizon, horizon};
use crate::domain::dcql::DcqlQuery;
use crate::domain::reason::Code;
use crate::domain::registration::coverage::Asked;
use crate::domain::registration::{Coverage, Registration, Registrations};
use crate::domain::time::{ClockSkew, UnixSeconds};
use crate::domain::trust::TrustAnchors;
use crate::domain::x509::relying_party::PartyFacts;

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Registered<'a> {
    /// The registrations.
    pub registrations: &'a Registrations,
    /// The presets by id, with the query that is really sent.
    pub presets: &'a [(String, DcqlQuery)],
    /// The holder of the access certificate.
    pub party: &'a PartyFacts,
    /// The trust sources as they are now.
    pub trust: &'a TrustAnchors,
    /// The tolerance for clocks.
    pub skew: ClockSkew,
    /// The time.
    pub now: UnixSeconds,
}

/// Judges registrations and presets.
///
/// # Source
/// RPC-04, RPC-06, RPC-08, RPC-09, RPC-11, RPC-14, RPC-15, RPC-19, RPC-20.
pub fn examine(seen: &Registered<'_>) -> Vec<Finding> {
    if seen.registrations.list.is_empty() {
        let detail = "there is no [[registration]]: requests carry no certificate, and nothing is compared";
        return vec![Finding::new(FindingCode::RegistrationAbsent, Severity::Note, "registration", detail)];
    }
    let mut findings = Vec::new();
    for registration in &seen.registrations.list {
        findings.extend(standing(registration, seen));
    }
    for (rule, text) in seen.party.shortcomings() {
        let about = format!("tenant.access_chain {rule} {text}");
        let detail = format!("the access certificate {text} ({rule})");
        findings.push(Finding::new(FindingCode::AccessCertificateProfile, Severity::Note, about, detail));
    }
    findings.extend(seen.presets.iter().map(|(id, query)| preset(id, query, seen)));
    findings
}

fn standing(registration: &Registration, seen: &Registered<'_>) -> Vec<Finding> {
    let about = || format!("registration({})", registration.name);
    let content = registration.certificate().content();
    let mut findings = Vec::new();
    match registration.check_in_force(seen.trust, seen.skew, seen.now) {
        Ok(()) => {
            let use_of = content.intended_use.as_deref().unwrap_or("no intended use named");
            let detail = format!("{}; {}", use_of.escape_debug(), registration.compared().as_str());
            findings.push(Finding::new(FindingCode::RegistrationSound, Severity::Ok, about(), detail));
        }
        Err(reason) => {
            let severity = if reason.code == Code::TrustUnavailable { Severity::Warning } else { Severity::Error };
            findings.push(Finding::new(FindingCode::RegistrationNotInForce, severity, about(), reason.to_string()));
        }
    }
    if let Horizon::Near { days, severity } = horizon(content.issued_at, registration.valid_until(), seen.now) {
        let detail = format!("ends in {days} days");
        findings.push(Finding::new(FindingCode::RegistrationEndsSoon, severity, about(), detail));
    }
    for remark in registration.remarks() {
        let place = format!("{} {} {}", about(), remark.rule, remark.text.escape_debug());
        let detail = format!("{} ({})", remark.text.escape_debug(), remark.rule);
        findings.push(Finding::new(FindingCode::RegistrationRemark, Severity::Note, place, detail));
    }
    findings
}

fn preset(id: &str, query: &DcqlQuery, seen: &Registered<'_>) -> Finding {
    let about = format!("preset({id})");
    let note = |detail: String| Finding::new(FindingCode::PresetNotRegistered, Severity::Note, &about, detail);
    match seen.registrations.choose(Some(id), None) {
        Err(fault) => note(fault.detail.into_owned()),
        Ok(None) => note("there is no registration".to_owned()),
        Ok(Some(registration)) => {
            let coverage = registration.compare(query);
            let name = &registration.name;
            if coverage.is_complete() {
                let detail = format!("under {name}: {}", counted(&coverage));
                return Finding::new(FindingCode::PresetRegistered, Severity::Ok, &about, detail);
            }
            let mine = registration.presets.iter().any(|preset| preset == id);
            let severity = if mine { Severity::Warning } else { Severity::Note };
            let detail = format!("under {name}, asked and not registered: {}", excess(&coverage));
            Finding::new(FindingCode::PresetNotRegistered, severity, &about, detail)
        }
    }
}

fn counted(coverage: &Coverage) -> String {
    let asked = coverage.rows.iter().filter(|row| row.asked.is_some()).count();
    let more = coverage.rows.len().saturating_sub(asked);
    format!("{asked} claims are asked, all of them registered; {more} more are registered")
}

fn excess(coverage: &Coverage) -> String {
    let words = coverage.excess().map(|row| {
        let path = row.asked.as_ref().map(Asked::text).unwrap_or_default();
        format!("{path} of {} {}", row.format.as_str(), row.credential_type)
    });
    words.collect::<Vec<_>>().join("; ").escape_debug().to_string().replace("\\\"", "\"")
}
