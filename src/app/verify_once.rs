//! A caller has one presentation verified, outside of any transaction.

use super::{App, Failure};
use crate::domain::dcql::{CredentialQuery, DcqlQuery, Fault};
use crate::domain::ids::TenantId;
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction_data::Entry;
use crate::domain::transaction_data::requested::read_sent;
use crate::domain::verify::presentation::{Credential, FORMAT, open};
use crate::domain::verify::{Binding, Refusal, Report, Verified};
use serde_json::Value;
use std::sync::Arc;

/// One presentation and what it must be bound to.
#[derive(Clone)]
pub struct OneVerification {
    /// `dc+sd-jwt`.
    pub format: String,
    /// The presentation as it was received.
    pub presentation: String,
    /// The nonce that was sent.
    pub nonce: String,
    /// The audience: the whole client identifier.
    pub audience: String,
    /// A query with one credential that it must satisfy.
    pub dcql_query: Option<Value>,
    /// The entries of transaction data that it must confirm, all of them, as they were sent.
    pub transaction_data: Vec<String>,
    /// The time to verify at; now if absent.
    pub at: Option<UnixSeconds>,
}

/// The verdict on one presentation.
pub type OneVerdict = Result<(Verified<Credential>, Report), Box<Refusal>>;

impl App {
    /// Verifies one presentation with the trust data of a tenant. A refusal is a verdict, not a failure.
    ///
    /// Status lists and type metadata are those of now, also for another `at`: a list of then is not asked for.
    ///
    /// # Errors
    /// `invalid_query` for another format, an empty nonce or audience, a query that is not one credential, and entries of
    /// transaction data that cannot be read.
    pub async fn verify_once(&self, tenant: &TenantId, asked: OneVerification) -> Result<OneVerdict, Failure> {
        let tenant = Arc::clone(self.tenant(tenant)?);
        let (query, sent) = read(&asked, &tenant.policy.transaction_data_hashes)?;
        let query: Option<&CredentialQuery> = query.as_ref().and_then(|query| query.credentials().first());
        let trust = tenant.trust.current();
        let cx = self.context(&tenant, &trust, asked.at.unwrap_or_else(|| self.now()));
        let binding =
            Binding { nonce: &asked.nonce, audience: &asked.audience, requested_at: None, transaction_data: &sent };
        let mut opened = match open(&asked.presentation, query, binding, cx) {
            Ok(opened) => opened,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let needs = opened.type_need().cloned().into_iter().collect();
        let types = self.bring_types(&tenant.policy.type_metadata, needs).await;
        opened.supply_types(&types);
        let needs = opened.status_need().into_iter().collect();
        let lists = self.bring_lists(&tenant, &trust, needs).await;
        Ok(opened.conclude(&lists, cx))
    }
}

fn read(asked: &OneVerification, algorithms: &[HashAlgorithm]) -> Result<(Option<DcqlQuery>, Vec<Entry>), Failure> {
    let mut faults = Vec::new();
    let mut fault = |pointer: &str, detail: &'static str| {
        faults.push(Fault { pointer: pointer.to_owned(), detail: detail.into(), rule: "verification" });
    };
    if asked.format != FORMAT {
        fault("/format", "only dc+sd-jwt can be verified");
    }
    if asked.nonce.is_empty() {
        fault("/nonce", "the nonce that was sent is needed");
    }
    if asked.audience.is_empty() {
        fault("/audience", "the client identifier that was sent is needed");
    }
    let query = match asked.dcql_query.as_ref().map(DcqlQuery::parse) {
        None => None,
        Some(Ok(query)) if query.credentials().len() == 1 => Some(query),
        Some(Ok(_)) => {
            fault("/dcql_query/credentials", "one presentation is verified against one credential query");
            None
        }
        Some(Err(found)) => {
            faults.extend(found.into_iter().map(|fault| fault.under("/dcql_query")));
            None
        }
    };
    let sent = read_sent(&asked.transaction_data, algorithms).unwrap_or_else(|found| {
        faults.extend(found);
        Vec::new()
    });
    if faults.is_empty() { Ok((query, sent)) } else { Err(Failure::invalid(faults)) }
}
