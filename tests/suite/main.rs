//! The one integration-test binary.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test may stop, and says what it did"
)]

mod architecture;
mod bench;
mod catalogue;
mod certificates;
mod cli;
mod client;
mod config;
mod conformance;
mod database;
mod dc_api;
mod dcql;
mod doctor;
mod external;
mod fixture;
mod flows;
mod generated;
mod inspect;
mod issuer_metadata;
mod knockout;
mod known_differences;
mod listener;
mod openapi;
mod ops;
mod privacy;
mod properties;
mod registration;
mod revocation;
mod revocation_fetch;
mod serve;
mod service;
mod shared;
mod simulator;
mod stage;
mod standing;
mod status_cwt;
mod status_freshness;
mod store;
mod traceability;
mod transaction_data;
mod trust_children;
mod trust_lists;
mod trust_network;
mod trust_pivots;
mod trust_refresh;
mod trust_roles;
mod trust_side_by_side;
mod type_metadata;
mod vectors;
mod wycheproof;
mod x5c;
mod xml_trust_lists;
