//! The one integration-test binary.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests say so by failing")]

mod config;
mod fixture;
