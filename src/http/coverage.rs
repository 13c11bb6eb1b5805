//! What a query asks beside what is registered, as the caller API writes it.

use crate::domain::registration::coverage::{Asked, Coverage, Row};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A query beside one registration.
#[derive(Serialize, ToSchema)]
pub struct CoverageBody {
    /// The name of the registration.
    #[schema(example = "parking")]
    pub registration: String,
    /// Whether nothing is asked beyond what is registered.
    pub covered: bool,
    /// What is asked, then what is registered and not asked for.
    pub claims: Vec<CoverageRowBody>,
}

/// One claim of one credential type.
#[derive(Serialize, ToSchema)]
pub struct CoverageRowBody {
    /// The format.
    #[schema(example = "dc+sd-jwt")]
    pub format: String,
    /// The credential type.
    #[schema(example = "urn:eudi:pid:de:1")]
    pub credential_type: String,
    /// The path that is asked for; `null` if nothing is, or if everything is (`difference` tells).
    #[schema(value_type = Option<Vec<Value>>)]
    pub asked: Option<Value>,
    /// The registered path that covers it, or that nobody asks for.
    #[schema(value_type = Option<Vec<Value>>)]
    pub registered: Option<Value>,
    /// `none`; `not_registered`: such a query is refused; `not_asked`.
    #[schema(example = "none")]
    pub difference: &'static str,
    /// JSON pointer of the place in the query.
    #[schema(example = "/credentials/0/claims/0/path")]
    pub pointer: Option<String>,
}

impl CoverageBody {
    pub(super) fn new((registration, coverage): (String, Coverage)) -> Self {
        let covered = coverage.is_complete();
        Self { registration, covered, claims: coverage.rows.into_iter().map(CoverageRowBody::from).collect() }
    }
}

impl From<Row> for CoverageRowBody {
    fn from(row: Row) -> Self {
        let path = |path: &crate::domain::dcql::ClaimsPath| {
            Value::Array(path.components().iter().map(crate::domain::dcql::Component::to_json).collect())
        };
        let difference = row.difference().as_str();
        let (asked, pointer) = match row.asked {
            None => (None, None),
            Some(Asked { path: asked, pointer }) => (asked.as_ref().map(path), Some(pointer)),
        };
        Self {
            format: row.format.as_str().to_owned(),
            credential_type: row.credential_type,
            asked,
            registered: row.registered.as_ref().map(path),
            difference,
            pointer,
        }
    }
}
