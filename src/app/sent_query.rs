//! The queries of presets as they are sent: read and checked once for each tenant, not for every request and answer.

use super::{Tenant, can_verify};
use crate::domain::dcql::DcqlQuery;
use crate::domain::encoding::json;
use crate::domain::reason::Reason;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A query and the text of it that goes into requests.
#[derive(Debug, Clone)]
pub struct SentQuery {
    /// The query.
    pub query: DcqlQuery,
    /// Its JSON text.
    pub text: String,
}

impl SentQuery {
    /// From a query.
    pub fn new(query: DcqlQuery) -> Self {
        Self { text: query.as_json().to_string(), query }
    }
}

/// The queries of a tenant's presets by the id of the preset, or why one may not be sent.
#[derive(Debug, Default)]
pub struct SentQueries(BTreeMap<String, Result<Arc<SentQuery>, Reason>>);

impl SentQueries {
    /// Of all presets of this tenant.
    pub fn of(tenant: &Tenant) -> Self {
        let sent = |id: &String| {
            let preset = tenant.presets.get(id)?;
            Some((id.clone(), preset.sendable(can_verify).map(|query| Arc::new(SentQuery::new(query)))))
        };
        Self(tenant.presets.keys().filter_map(sent).collect())
    }

    /// The query of a preset.
    ///
    /// # Errors
    /// As [`crate::domain::preset::Preset::sendable`].
    pub fn get(&self, preset: &str) -> Option<&Result<Arc<SentQuery>, Reason>> {
        self.0.get(preset)
    }

    /// The query with this text: that of the preset if it is the same, else read anew. `None` if it cannot be read.
    pub fn read(&self, preset: Option<&str>, text: &str) -> Option<Arc<SentQuery>> {
        let known = preset.and_then(|preset| self.get(preset)).and_then(|sent| sent.as_ref().ok());
        if let Some(known) = known.filter(|known| known.text == text) {
            return Some(Arc::clone(known));
        }
        let query = DcqlQuery::parse(&json::parse(text.as_bytes()).ok()?).ok()?;
        Some(Arc::new(SentQuery { query, text: text.to_owned() }))
    }
}
