//! A wallet, an issuer and a status list host for tests and demonstrations; never used by the service.
//!
//! All of it hangs on one [`authority::TestAuthority`], whose keys follow from a seed and are thrown away with it. The
//! wallet answers only requests that are signed under this authority. It has its own encoder of SD-JWTs, its own reader
//! of queries and its own status lists, so that one bug cannot cancel itself out.
//!
//! | I am looking for | It is in |
//! | --- | --- |
//! | certificates and keys, good and bad | [`authority`], [`bad_chains`], [`certificates`], [`chain`], [`seed`] |
//! | who the invented people are | [`people`] |
//! | writing SD-JWTs, proofs and lists | [`encode`], [`issuer`], [`status_host`] |
//! | writing trusted lists in XML | [`xml_list`] |
//! | lists of trusted entities, good and spoiled | [`trust_list`] |
//! | registration certificates, good and spoiled | [`registrar`] |
//! | what a strict wallet accepts | [`request`], [`prefix`], [`transaction_data`], [`matcher`] |
//! | the same through a browser, with its faults | [`dc_api`] |
//! | the wallet, and how it reaches the verifier | [`wallet`], [`transport`] |
//! | every way to misbehave | [`faults`] |

pub mod authority;
pub mod bad_chains;
pub mod certificates;
pub mod chain;
pub mod dc_api;
pub mod encode;
pub mod faults;
pub mod issuer;
pub mod matcher;
mod misdeeds;
pub mod people;
pub mod prefix;
pub mod registrar;
mod registration;
pub mod request;
pub mod revocation;
pub mod seed;
pub mod status_host;
pub mod transaction_data;
pub mod transport;
pub mod trust_list;
pub mod wallet;
pub mod xml_list;

#[cfg(test)]
mod tests;

use crate::domain::jose::jwk::KeyFault;

/// Why the simulator could not make what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// A key could not be made or used.
    #[error("key: {0}")]
    Key(#[from] KeyFault),
    /// A certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// Something could not be read back, or has no place for what was asked.
    #[error("{0}")]
    Form(&'static str),
    /// A file could not be written.
    #[error("cannot write the file: {0}")]
    File(#[from] std::io::Error),
}
