//! DCQL: queries, claims path pointers, and whether an answer satisfies a query (OpenID4VP 1.0 sections 6 and 7).
//!
//! [`query`] JSON → [`DcqlQuery`], every fault at once · [`mod@lint`] what a valid query should still not ask ·
//! [`path`] what a claims path selects · [`projection`] what leaves of a credential ·
//! [`matching`] does an answer satisfy the query.

pub mod lint;
pub mod matching;
pub mod path;
pub mod projection;
pub mod query;

pub use lint::{Finding, Severity, check_sendable, lint, lint_transaction_data};
pub use matching::{Candidate, Match, Presented, Rules, SetsOutcome, Types, check_sets, check_structure, evaluate};
pub use path::{ClaimsPath, Component, PathError};
pub use projection::Projection;
pub use query::{ClaimQuery, CredentialQuery, CredentialSet, DcqlQuery, Fault, Format, Meta};
