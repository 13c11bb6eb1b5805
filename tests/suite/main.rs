//! The one integration-test binary.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop")]

mod external;
mod known_differences;
mod shared;
mod wycheproof;
mod x5c;
