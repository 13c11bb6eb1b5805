//! Prüfstein: a verifier of EUDI Wallet credentials for public online services.

pub mod domain;
#[cfg(feature = "service")]
pub mod simulator;
