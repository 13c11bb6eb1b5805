//! Signatures, encryption and keys: the only room that names `aws-lc-rs`, `josekit` or `p256`.
//!
//! `aws-lc-rs` does the hot path (ES256, ECDH, AES-GCM, hashes); `josekit` the algorithms beyond it and everything that
//! is encrypted to others; `p256` the reading of keys, thumbprints and repeatable signatures. Why, and what each costs:
//! `docs/decisions/0001-cryptography.md`.

pub mod alg;
pub mod at_rest;
#[cfg(test)]
mod differential;
pub mod document;
pub mod encrypt;
pub mod hash;
pub mod header;
pub mod jwe;
pub mod jwk;
pub mod jws;
pub mod key_set;
pub mod keys;
pub mod repeatable;

/// Compares in time that depends on the lengths only (GEN-11).
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(left, right).is_ok()
}
