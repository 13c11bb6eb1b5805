//! The one integration-test binary.
mod dcql;
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helper functions of tests are tests")]

mod store;
