//! What operators see: the set-up of the log, and the names of all metrics. Never a claim, a token, a key or a nonce.

pub mod logging;
pub mod metrics;
