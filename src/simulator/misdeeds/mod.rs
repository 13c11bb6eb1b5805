//! Where each fault does its work: in the credential, in the presentation, in the response, or in the fetch.
//!
//! Every function takes what is about to be sent and spoils it if the fault is its business; what depends on it is made
//! afterwards, so that one thing only is wrong.

pub(super) mod credential;
pub(super) mod fetch;
pub(super) mod presentation;
pub(super) mod response;
pub(super) mod transaction_data;

use super::authority::TestAuthority;
use super::faults::Fault;
use super::people::Person;
use super::request::RequestObject;
use crate::domain::time::UnixSeconds;

/// All that a fault may look at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'s> {
    pub(super) authority: &'s TestAuthority,
    pub(super) person: Person,
    pub(super) status_base: &'s str,
    pub(super) now: UnixSeconds,
    pub(super) request: &'s RequestObject,
    pub(super) fault: Option<Fault>,
    /// The entries of transaction data that the proof of this credential confirms, by their places in the request.
    pub(super) confirms: &'s [usize],
}

impl Scene<'_> {
    /// Another salt, nonce or state than any that is in use.
    pub(super) fn other_text(&self, name: &str) -> String {
        self.authority.seed().text(&format!("misdeed/{name}"))
    }
}
