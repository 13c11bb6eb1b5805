//! What is wrong with an installation, and who would trust something: judged from values, without asking anybody.
//!
//! [`finding`] the closed list of codes · [`horizon`] how near an end is · [`access`] key and certificates of the relying
//! party · [`registration`] what is registered and asked · [`clock`] our clock against those of others · [`explain`] which trust source would believe a chain, and why not.

pub mod access;
pub mod clock;
pub mod explain;
pub mod finding;
pub mod horizon;
pub mod registration;

pub use finding::{Diagnosis, Finding, FindingCode, Group, Severity, Verdict};
