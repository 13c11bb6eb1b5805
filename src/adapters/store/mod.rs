//! Where transactions are kept. Every store passes the one set of tests in [`conformance`].
//!
//! - [`memory`]: for tests and demonstrations; forgets everything at the end.
//! - [`sqlite`]: one file, for a service on one machine.
//! - [`postgres`]: a database, for a service on several machines.

pub mod conformance;
mod directory;
pub mod memory;
pub mod postgres;
pub mod sqlite;
mod watchers;

/// Seconds for which an ended transaction is remembered after its end, by default: one day. Its result goes earlier, by
/// its own policy; this is how long callers still learn how it ended.
pub const KEEP_ENDED_SECONDS: i64 = 24 * 60 * 60;
