//! The one integration-test binary.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helper functions of tests are tests"
)]

mod client;
mod dcql;
mod flows;
mod openapi;
mod service;
mod simulator;
mod store;
