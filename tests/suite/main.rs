//! The one integration-test binary.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helper functions of tests are tests"
)]

mod dcql;
mod flows;
mod privacy;
mod service;
mod simulator;
mod store;
