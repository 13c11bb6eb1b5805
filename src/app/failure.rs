//! Why a use case did not do what was asked.

use super::ports::{EntropyFailed, SigningFailed, StoreError};
use crate::domain::dcql::Fault;
use crate::domain::reason::{Code, Reason};

/// A failed use case: the reason for whoever asked, faults with their places, and a cause for the log only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    /// Code and detail.
    pub reason: Reason,
    /// Every fault in what was sent, by JSON pointer.
    pub faults: Vec<Fault>,
    /// What lies behind it, without personal data.
    pub cause: Option<String>,
    /// When a new try may help, in seconds.
    pub retry_after: Option<u32>,
}

impl Failure {
    /// The stable code.
    pub fn code(&self) -> Code {
        self.reason.code
    }

    /// Faults in what the caller sent, all at once.
    pub fn invalid(faults: Vec<Fault>) -> Self {
        let detail = match faults.first() {
            Some(fault) if faults.len() == 1 => format!("{}: {}", fault.pointer, fault.detail),
            _ => format!("{} faults", faults.len()),
        };
        Self { faults, ..Reason::new(Code::InvalidQuery, detail).into() }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        let retry_after = match reason.code {
            Code::StatusUnavailable | Code::RateLimited | Code::Overloaded => Some(5),
            _ => None,
        };
        Self { reason, faults: Vec::new(), cause: None, retry_after }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let reason = Reason::new(error.code(), error.code().meaning());
        Self { cause: Some(error.to_string()), retry_after: Some(2), ..reason.into() }
    }
}

impl From<EntropyFailed> for Failure {
    fn from(error: EntropyFailed) -> Self {
        Reason::new(error.code(), "there is no randomness; nothing is made without it").into()
    }
}

impl From<SigningFailed> for Failure {
    fn from(error: SigningFailed) -> Self {
        let reason = Reason::new(Code::InternalError, "the request could not be signed");
        Self { cause: Some(error.to_string()), ..reason.into() }
    }
}
