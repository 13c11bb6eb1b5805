//! A caller has a query checked before using it.

use super::can_verify;
use crate::domain::dcql::{DcqlQuery, Fault, Finding, Severity, lint};
use serde_json::Value;

/// What was found in a query.
#[derive(Debug, Clone)]
pub struct QueryCheck {
    /// Whether it could be sent as it is.
    pub sendable: bool,
    /// Broken rules of OpenID4VP 1.0 section 6.
    pub faults: Vec<Fault>,
    /// What profile, PID rules and data minimisation say; only for a query without faults.
    pub findings: Vec<Finding>,
}

/// Checks a DCQL query: its rules, HAIP, the rules for PIDs, data minimisation, and whether this verifier could verify
/// what it asks for.
pub fn check_query(value: &Value) -> QueryCheck {
    match DcqlQuery::parse(value) {
        Err(faults) => QueryCheck { sendable: false, faults, findings: Vec::new() },
        Ok(query) => {
            let findings = lint(&query, can_verify);
            let sendable = findings.iter().all(|finding| finding.severity != Severity::Error);
            QueryCheck { sendable, faults: Vec::new(), findings }
        }
    }
}
