//! The rules. Values in, values out: no I/O, no clock, no randomness, no async.
//!
//! Rooms, from the ground floor up; each may use the ones before it, as the table in `tests/suite/architecture.rs` says:
//! [`reason`] every code · [`limits`] · [`time`] · [`encoding`] strict base64 and JSON · [`jose`] signatures, encryption,
//! keys · [`ids`] · [`dcql`] queries and their evaluation · [`preset`] queries ready to ship.

pub mod dcql;
pub mod encoding;
pub mod ids;
pub mod jose;
pub mod limits;
pub mod preset;
pub mod reason;
pub mod time;
