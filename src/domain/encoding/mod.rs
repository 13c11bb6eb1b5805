//! Strict readers of text: base64 in its two alphabets, and JSON with limits.

pub mod base64;
pub mod json;
