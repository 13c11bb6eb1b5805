//! Trust sources: whether there is anybody in them, and for how long.

use crate::app::time_text::rfc3339;
use crate::domain::diagnosis::horizon::{Horizon, horizon};
use crate::domain::diagnosis::{Finding, FindingCode, Severity};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::{Basis, TrustAnchors, TrustSource};
use crate::domain::x509::Certificate;
use std::collections::BTreeSet;

/// Looks at every source that can be used. What is wrong with the list of another one is said there.
pub(super) fn examine(trust: &TrustAnchors, now: UnixSeconds, findings: &mut Vec<Finding>) {
    let mut seen = BTreeSet::new();
    for source in trust.sources() {
        if source.check_usable(now).is_err() {
            continue;
        }
        let count = source.anchors.len().saturating_add(source.pinned.len());
        findings.push(if count == 0 {
            let detail = match &source.basis {
                Basis::Listed { list, .. } => format!("no service of the list {} gives it a certificate", list.name),
                Basis::Configured | Basis::Absent { .. } => "it names no certificate".to_owned(),
            };
            Finding::new(FindingCode::TrustSourceEmpty, Severity::Error, &source.name, detail)
        } else {
            let detail = format!("{count} certificates, for {}", purpose(source));
            Finding::new(FindingCode::TrustSourceSound, Severity::Ok, &source.name, detail)
        });
        let issuing = source.anchors.iter().map(|anchor| &anchor.certificate).chain(&source.pinned);
        ends(source, &source.basis, issuing, now, &mut seen, findings);
        let status = source.status_anchors.iter().map(|anchor| &anchor.certificate).chain(&source.status_pinned);
        ends(source, source.status_basis.as_ref().unwrap_or(&source.basis), status, now, &mut seen, findings);
    }
}

fn purpose(source: &TrustSource) -> String {
    if source.types.is_empty() { source.purpose.as_str().to_owned() } else { source.types.join(", ") }
}

/// The ends of certificates that stand for one another: one that ends matters less while others go on.
fn ends<'c>(
    source: &TrustSource,
    basis: &Basis,
    certificates: impl Iterator<Item = &'c Certificate>,
    now: UnixSeconds,
    seen: &mut BTreeSet<[u8; 32]>,
    findings: &mut Vec<Finding>,
) {
    let all: Vec<(&Certificate, Horizon)> = certificates
        .map(|certificate| (certificate, horizon(certificate.not_before, certificate.not_after, now)))
        .collect();
    let lasting = all.iter().any(|(_, stands)| *stands == Horizon::Far);
    let valid = all.iter().any(|(_, stands)| matches!(stands, Horizon::Far | Horizon::Near { .. }));
    let listed = basis.list().is_some();
    for (certificate, stands) in all {
        if !seen.insert(certificate.fingerprint()) {
            continue;
        }
        let name = certificate.subject_text.escape_debug();
        let about = format!("{}: {name}", source.name);
        let finding = match stands {
            Horizon::Near { days, severity } => {
                let limit = if lasting || listed { Severity::Note } else { Severity::Error };
                let detail = format!("ends in {days} days, at {}", rfc3339(certificate.not_after));
                Finding::new(FindingCode::TrustAnchorEndsSoon, severity, about, detail).at_most(limit)
            }
            Horizon::Over => {
                let limit = match (valid, listed) {
                    (true, true) => Severity::Note,
                    (true, false) => Severity::Warning,
                    (false, _) => Severity::Error,
                };
                let detail = format!("has ended at {}", rfc3339(certificate.not_after));
                Finding::new(FindingCode::TrustAnchorExpired, limit, about, detail)
            }
            Horizon::Far | Horizon::NotYet => continue,
        };
        findings.push(finding);
    }
}
