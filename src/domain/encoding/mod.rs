//! Strict readers: base64 in its two alphabets, JSON and CBOR with limits.

pub mod base64;
pub mod cbor;
pub mod json;
