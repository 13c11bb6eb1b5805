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

use crate::domain::transaction::Status;

/// The number by which rows name a status. It is stored, so it never changes.
const fn status_number(status: Status) -> u8 {
    match status {
        Status::Open => 0,
        Status::Fetched => 1,
        Status::Verified => 2,
        Status::Rejected => 3,
        Status::Declined => 4,
        Status::Expired => 5,
        Status::Cancelled => 6,
    }
}

/// Seconds for which an ended transaction is remembered after its end, by default: one day. Its result goes earlier, by
/// its own policy; this is how long callers still learn how it ended.
pub const KEEP_ENDED_SECONDS: i64 = 24 * 60 * 60;
