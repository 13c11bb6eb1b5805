//! The one integration-test binary.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helper functions of tests are tests, and say what they did"
)]

mod catalogue;
mod cli;
mod config;
mod dcql;
mod external;
mod fixture;
mod flows;
mod knockout;
mod known_differences;
mod properties;
mod service;
mod shared;
mod simulator;
mod stage;
mod store;
mod vectors;
mod wycheproof;
mod x5c;
