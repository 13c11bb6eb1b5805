//! The one integration-test binary.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "helper functions of tests are tests"
)]

mod cli;
mod config;
mod dcql;
mod fixture;
mod flows;
mod service;
mod simulator;
mod store;
