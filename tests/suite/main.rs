//! The one integration-test binary.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helper functions of tests are tests")]

mod dcql;
mod store;
