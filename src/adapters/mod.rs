//! The outside: each adapter implements one port of [`crate::app::ports`].

pub mod clock;
pub mod entropy;
pub mod fetch;
pub mod kept;
pub mod keys;
pub mod machine;
pub mod store;
