//! Certificates: what is read from one, and whether a chain leads to an anchor.
//!
//! `rustls-webpki` builds and validates paths; the rules of our profile, which it does not know, are here.

pub mod certificate;
pub mod chain;
mod der;
pub mod profile;
mod qc_statements;
pub mod relying_party;
pub mod revocation;

pub use certificate::Certificate;
