//! Prüfstein: a verifier of EUDI Wallet credentials for public online services.

#[cfg(feature = "service")]
pub mod adapters;
#[cfg(feature = "service")]
pub mod app;
pub mod domain;
#[cfg(feature = "service")]
pub mod simulator;
#[cfg(feature = "service")]
pub mod vectors;
