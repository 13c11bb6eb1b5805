//! The one integration-test binary.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stderr,
    reason = "a test may stop, and says what it did"
)]

mod external;
mod known_differences;
mod shared;
mod vectors;
mod wycheproof;
mod x5c;
