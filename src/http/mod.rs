//! The front desk: what arrives over HTTP, and how the answer looks.

pub mod problem;
