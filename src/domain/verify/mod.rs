//! The order of the checks. Here everything below comes together; nothing here is optional.
//!
//! A presentation is opened first: form, proof of possession, certificates, signatures, disclosures, dates, type. If all
//! that holds, the core names the status lists and the type metadata it needs; the caller brings them, and the verdict is
//! concluded. Network access is thus never caused by a token that is not authentic.
//!
//! Cheap checks are made before expensive ones, but the report lists them in the catalogue's order, and the first
//! failure in that order is the code of the verdict. See `docs/decisions/0002-order-of-checks.md`.

pub mod dc_api;
pub mod presentation;
pub mod report;
pub mod response;

pub use report::{Check, Report, Verified};

use crate::domain::dcql::Format;
use crate::domain::jose::alg::AllowedAlgorithms;
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::reason::{Code, Reason};
use crate::domain::status_list::StatusList;
use crate::domain::status_list::token::TokenRules;
use crate::domain::time::{ClockSkew, UnixSeconds};
use crate::domain::transaction_data::Entry;
use crate::domain::trust::cache::ChainCache;
use crate::domain::trust::{TrustAnchors, TrustSource};
use crate::domain::type_metadata::TypeMetadataPolicy;
use crate::domain::x509::chain::AnchorInChain;
use std::sync::Arc;

/// The formats that this verifier can verify. A service never asks for another one.
pub fn can_verify(format: &Format) -> bool {
    matches!(format, Format::SdJwtVc)
}

/// What a verifier accepts. There is no value that switches a check off.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Accepted algorithms of issuers, status authorities and holders.
    pub algorithms: AllowedAlgorithms,
    /// Accepted `typ` of credentials: `dc+sd-jwt`.
    pub credential_typ: Vec<String>,
    /// Tolerance for clocks.
    pub skew: ClockSkew,
    /// Greatest age of a proof of possession, in seconds.
    pub proof_max_age: i64,
    /// Whether a credential may answer under a type in `aka_vcts`.
    pub accept_aka_vcts: bool,
    /// Whether an anchor may be in `x5c`.
    pub anchor_in_chain: AnchorInChain,
    /// What is known of credential types, and what must be.
    pub type_metadata: TypeMetadataPolicy,
    /// Hash functions that transaction data may offer; `sha-256` is always among them.
    pub transaction_data_hashes: Vec<HashAlgorithm>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            algorithms: AllowedAlgorithms::default(),
            credential_typ: vec!["dc+sd-jwt".to_owned()],
            skew: ClockSkew::DEFAULT,
            proof_max_age: 600,
            accept_aka_vcts: true,
            anchor_in_chain: AnchorInChain::Refuse,
            type_metadata: TypeMetadataPolicy::default(),
            transaction_data_hashes: vec![HashAlgorithm::Sha256],
        }
    }
}

impl Policy {
    /// The rules for a status list token from this address, for credentials of this source. Whatever `newest` says was
    /// issued before is not stepped back to.
    pub fn token_rules<'a>(
        &'a self,
        uri: &'a str,
        source: &'a TrustSource,
        newest: Option<UnixSeconds>,
    ) -> TokenRules<'a> {
        TokenRules {
            uri,
            source,
            algorithms: &self.algorithms,
            anchor_in_chain: self.anchor_in_chain,
            skew: self.skew,
            newest_issued_at: newest,
        }
    }
}

/// What a verdict depends on besides the presentation: same context, same verdict, at any time.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Who may issue what.
    pub trust: &'a TrustAnchors,
    /// What is accepted.
    pub policy: &'a Policy,
    /// Chains validated before; changes no verdict.
    pub chains: &'a ChainCache,
    /// The time of the verdict.
    pub now: UnixSeconds,
}

/// What a proof of possession must be bound to, from what was stored, never from what was sent.
#[derive(Clone, Copy)]
pub struct Binding<'a> {
    /// The nonce of the request.
    pub nonce: &'a str,
    /// The whole `client_id` of the request; `origin:` and the origin where the browser carried it (KB-10).
    pub audience: &'a str,
    /// When the request was made, if there was one.
    pub requested_at: Option<UnixSeconds>,
    /// The transaction data that was sent along; empty if none was.
    pub transaction_data: &'a [Entry],
}

/// A status list that is needed for a verdict.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusNeed {
    /// Where the list is; the trust source allows it.
    pub uri: String,
    /// The trust source whose status authorities may sign it.
    pub source: String,
}

impl std::fmt::Debug for StatusNeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StatusNeed(source {})", self.source)
    }
}

/// Brings the status lists that the core asked for.
pub trait StatusLists {
    /// The verified list for this need.
    ///
    /// # Errors
    /// Why there is none: [`Code::StatusUnavailable`] when it cannot be decided now, the codes of
    /// [`StatusList::verify`] when what came is not good.
    fn list(&self, need: &StatusNeed) -> Result<Arc<StatusList>, Reason>;
}

/// No lists at all: everything that needs one is undecided.
#[derive(Debug, Clone, Copy)]
pub struct NoStatusLists;

impl StatusLists for NoStatusLists {
    fn list(&self, _: &StatusNeed) -> Result<Arc<StatusList>, Reason> {
        Err(Reason::new(Code::StatusUnavailable, "no status list was brought"))
    }
}

/// How far a refused presentation had come: it decides what becomes of the transaction (catalogue rules 6 and 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Issuer or holder were not established: the sender may be anybody, and the transaction stays open.
    Unestablished,
    /// It cannot be decided now: the transaction stays open, and a retry may succeed.
    Undecided,
    /// Issuer and holder are established, and a rule was broken: the transaction ends.
    Established,
}

/// A refusal with everything that is known of it.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The first failure in the order of the report.
    pub reason: Reason,
    /// How far it had come.
    pub standing: Standing,
    /// All checks.
    pub report: Report,
}

impl Refusal {
    /// The refusal that a report stands for.
    fn of(report: Report, standing: Standing) -> Self {
        let reason =
            report.failure().cloned().unwrap_or_else(|| Reason::new(Code::InternalError, "refused without a reason"));
        Self { reason, standing, report }
    }

    /// The refusal when a report did not let its value go.
    fn unsealed((reason, report): (Reason, Report)) -> Self {
        Self { reason, standing: Standing::Unestablished, report }
    }
}

/// Whether this code says that a decision is not possible now.
fn is_undecided(code: Code) -> bool {
    matches!(code, Code::StatusUnavailable | Code::TrustAnchorSetEmpty | Code::TrustUnavailable)
}
