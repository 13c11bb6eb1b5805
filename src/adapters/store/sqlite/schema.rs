//! The tables, their version, and the way from older versions to this one.

use super::OpenError;
use super::file::store_error;
use crate::app::ports::StoreError;
use rusqlite::{Connection, TransactionBehavior};

/// Says that a file is ours: "PTXS".
const APPLICATION_ID: i32 = 0x5054_5853;

/// The steps from an empty file to the present schema; step n leads from version n to n + 1. A released step never
/// changes. There is no index: the directory in memory is the only one.
///
/// `sum` is the checksum of the record, so that a conditional update names the very value it replaces. The triggers
/// repeat in the file what the statement says: an end state never changes, and versions only grow.
const STEPS: &[&str] = &["
    CREATE TABLE meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        commits INTEGER NOT NULL,
        transactions INTEGER NOT NULL
    ) STRICT;
    INSERT INTO meta VALUES (1, 0, 0);
    CREATE TABLE transactions (
        seq INTEGER PRIMARY KEY,
        version INTEGER NOT NULL,
        status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 6),
        sum INTEGER NOT NULL,
        value BLOB NOT NULL
    ) STRICT;
    CREATE TRIGGER an_end_state_stays BEFORE UPDATE ON transactions WHEN OLD.status >= 2 AND NEW.status <> OLD.status
    BEGIN SELECT RAISE(ABORT, 'an end state never changes'); END;
    CREATE TRIGGER versions_grow BEFORE UPDATE ON transactions WHEN NEW.version <= OLD.version
    BEGIN SELECT RAISE(ABORT, 'versions only grow'); END;
"];

/// Brings the file to the present schema, in one transaction: wholly or not at all.
///
/// # Errors
/// [`OpenError::NewerSchema`], [`OpenError::NotAStore`], or what the store says.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    run(connection, STEPS)
}

/// Compares every table and trigger with what this program would make.
///
/// # Errors
/// [`OpenError::Store`] with [`StoreError::Corrupt`] if one is missing, changed or too many.
pub(super) fn check(connection: &Connection) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Store(store_error(&error));
    let fresh = Connection::open_in_memory().map_err(failed)?;
    for step in STEPS {
        fresh.execute_batch(step).map_err(failed)?;
    }
    if tables(connection).map_err(failed)? == tables(&fresh).map_err(failed)? {
        return Ok(());
    }
    Err(OpenError::Store(StoreError::Corrupt("the tables are not those of this program".to_owned())))
}

fn tables(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = connection.prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY name, sql")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn run(connection: &mut Connection, steps: &[&str]) -> Result<(), OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Store(store_error(&error));
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let known = u32::try_from(steps.len()).unwrap_or(u32::MAX);
    let application: i32 = transaction.query_row("PRAGMA application_id", [], |row| row.get(0)).map_err(failed)?;
    let version: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    let tables: u32 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let ours = application == APPLICATION_ID && version > 0;
    let empty = application == 0 && version == 0 && tables == 0;
    if !ours && !empty {
        return Err(OpenError::NotAStore);
    }
    if version > known {
        return Err(OpenError::NewerSchema { found: version, known });
    }
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    for step in steps.iter().skip(done) {
        transaction.execute_batch(step).map_err(failed)?;
    }
    if version < known {
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
        transaction.pragma_update(None, "user_version", known).map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> u32 {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn older_files_are_brought_up_wholly_or_not_at_all() {
        // STO-010
        let mut connection = Connection::open_in_memory().unwrap();
        run(&mut connection, &["CREATE TABLE a (x)"]).unwrap();
        connection.execute_batch("INSERT INTO a VALUES (7)").unwrap();
        let two = ["CREATE TABLE a (x)", "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x * 2"];
        let broken = [two[0], two[1], "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)"];
        assert!(run(&mut connection, &broken).is_err());
        assert_eq!(version(&connection), 1, "a step that fails takes the others with it");
        assert!(connection.execute_batch("SELECT y FROM a").is_err());
        assert!(connection.execute_batch("SELECT * FROM b").is_err());
        run(&mut connection, &two).unwrap();
        assert_eq!(version(&connection), 2);
        assert_eq!(connection.query_row("SELECT y FROM a", [], |row| row.get::<_, i64>(0)).unwrap(), 14);
        run(&mut connection, &two).unwrap();
    }

    #[test]
    fn newer_and_foreign_files_are_refused() {
        // STO-010
        let mut connection = Connection::open_in_memory().unwrap();
        run(&mut connection, &["CREATE TABLE a (x)", "CREATE TABLE b (x)"]).unwrap();
        let refused = run(&mut connection, &["CREATE TABLE a (x)"]).unwrap_err();
        assert_eq!(refused, OpenError::NewerSchema { found: 2, known: 1 });
        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert_eq!(run(&mut foreign, &["CREATE TABLE a (x)"]).unwrap_err(), OpenError::NotAStore);
    }

    #[test]
    fn the_file_itself_keeps_end_states() {
        // S1: even a statement without its condition cannot change an end.
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        connection.execute("INSERT INTO transactions VALUES (1, 3, 2, 0, x'00')", []).unwrap();
        for wrong in [
            "UPDATE transactions SET status = 3, version = 4",
            "UPDATE transactions SET status = 0, version = 4",
            "UPDATE transactions SET version = 3",
            "UPDATE transactions SET version = 2",
            "UPDATE transactions SET status = 7, version = 4",
        ] {
            assert!(connection.execute(wrong, []).is_err(), "{wrong}");
        }
        assert_eq!(connection.execute("UPDATE transactions SET version = 4", []).unwrap(), 1);
    }
}
