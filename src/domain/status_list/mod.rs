//! Token Status List: the reference in a credential, the list token, and the bits (draft-ietf-oauth-status-list).

pub mod aggregation;
pub mod bits;
mod cwt;
pub mod reference;
pub mod token;

pub use bits::{Bits, StatusValue};
pub use reference::StatusReference;
pub use token::{StatusList, TokenForm};
