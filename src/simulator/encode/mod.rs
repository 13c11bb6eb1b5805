//! The simulator's own writers of tokens. They know nothing of the readers in `domain`, and obey whoever misuses them.

pub mod cbor;
pub mod jws;
pub mod sd_jwt;
pub mod status_list;
