//! The one integration-test binary.

mod dcql;
mod store;
