//! A caller has a query checked before using it.

use super::{Tenant, can_verify};
use crate::domain::dcql::{DcqlQuery, Fault, Finding, Severity, lint};
use crate::domain::registration::{Coverage, UnregisteredQueries};
use serde_json::Value;

/// What was found in a query.
#[derive(Debug, Clone)]
pub struct QueryCheck {
    /// Whether it could be sent as it is.
    pub sendable: bool,
    /// Broken rules of OpenID4VP 1.0 section 6, and a registration that does not exist.
    pub faults: Vec<Fault>,
    /// What profile, PID rules and data minimisation say; only for a query without faults.
    pub findings: Vec<Finding>,
    /// What it asks beside each registration that it could be sent under, by name.
    pub registrations: Vec<(String, Coverage)>,
}

/// Checks a DCQL query: its rules, HAIP, the rules for PIDs, data minimisation, whether this verifier could verify what it
/// asks for, and whether it is registered: under the registration of this name, or under any of the tenant.
pub fn check_query(tenant: &Tenant, value: &Value, registration: Option<&str>) -> QueryCheck {
    let query = match DcqlQuery::parse(value) {
        Ok(query) => query,
        Err(faults) => {
            return QueryCheck { sendable: false, faults, findings: Vec::new(), registrations: Vec::new() };
        }
    };
    let findings = lint(&query, can_verify);
    let meant = |name: &str| registration.is_none_or(|wanted| wanted == name);
    let known = &tenant.registrations;
    let registrations: Vec<(String, Coverage)> = known
        .list
        .iter()
        .filter(|registration| meant(&registration.name))
        .map(|registration| (registration.name.clone(), registration.compare(&query)))
        .collect();
    let mut faults = Vec::new();
    if registration.is_some() && registrations.is_empty() {
        let detail = "this tenant has no such registration".into();
        faults.push(Fault { pointer: "/registration".to_owned(), detail, rule: "RPC-09" });
    }
    let registered = known.list.is_empty()
        || known.unregistered == UnregisteredQueries::AllowedForTesting
        || registrations.iter().any(|(_, coverage)| coverage.is_complete());
    let sendable =
        faults.is_empty() && registered && findings.iter().all(|finding| finding.severity != Severity::Error);
    QueryCheck { sendable, faults, findings, registrations }
}
