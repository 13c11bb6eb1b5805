//! The database file: opening it with every check, and the few statements there are.
//!
//! Rules kept here: PRV-13.

use super::lock::{Lock, private};
use super::row::{self, Head, PAGE_SIZE};
use super::{OpenError, Options, schema};
use crate::adapters::store::directory::{Directory, Entry, Seq};
use crate::app::ports::{Idempotency, StoreError};
use crate::domain::transaction::Transaction;
use crate::domain::transaction::record::{self, RecordFault};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

const INSERT: &str = "INSERT INTO transactions (seq, version, status, sum, value) VALUES (?1, ?2, ?3, ?4, ?5)";

/// The statement that decides: it writes only over the very value that was shown, and never over another end state.
const REPLACE: &str = "UPDATE transactions SET version = ?4, status = ?5, sum = ?6, value = ?7
    WHERE seq = ?1 AND version = ?2 AND sum = ?3 AND (status < 2 OR status = ?5)";

const REMOVE: &str = "DELETE FROM transactions WHERE seq = ?1";
const READ: &str = "SELECT version, status, sum, value FROM transactions WHERE seq = ?1";
const READ_ALL: &str = "SELECT version, status, sum, value, seq FROM transactions ORDER BY seq";
const COUNT: &str = "UPDATE meta SET commits = commits + 1, transactions = transactions + ?1 WHERE one = 1";
const META: &str = "SELECT commits, transactions FROM meta WHERE one = 1";

/// A transaction as it goes into its row. Made outside the writing thread.
#[derive(Debug)]
pub(super) struct Packed {
    head: Head,
    value: Zeroizing<Vec<u8>>,
}

impl Packed {
    pub(super) fn new(transaction: &Transaction, idempotency: Option<&Idempotency>) -> Result<Self, StoreError> {
        let (head, value) = row::seal(transaction, idempotency).map_err(unwritable)?;
        Ok(Self { head, value })
    }

    /// Checksum of the record.
    pub(super) fn sum(&self) -> i64 {
        self.head.sum
    }

    pub(super) fn bytes(&self) -> usize {
        self.value.len()
    }
}

/// Names the value that a replacement began from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    version: i64,
    sum: i64,
}

impl Shown {
    pub(super) fn new(transaction: &Transaction) -> Result<Self, StoreError> {
        let record = record::encode(transaction).map_err(unwritable)?;
        let Head { version, sum, .. } = Head::new(transaction, &record).map_err(unwritable)?;
        Ok(Self { version, sum })
    }

    /// The same without writing the record once more: if the directory holds this very value, it knows the sum.
    pub(super) fn known(transaction: &Transaction, entry: &Entry) -> Option<Self> {
        let version = i64::try_from(entry.version).ok()?;
        (entry.value.as_deref() == Some(transaction)).then_some(Self { version, sum: entry.sum })
    }
}

fn unwritable(_: RecordFault) -> StoreError {
    StoreError::Misuse("a value that cannot be written")
}

/// The open file. One thread owns it.
#[derive(Debug)]
pub(super) struct StoreFile {
    connection: Connection,
    lock: Lock,
    commits: u64,
}

/// The file of a store that has just been opened, and what it holds.
pub(super) struct OpenedFile {
    pub(super) file: StoreFile,
    pub(super) directory: Directory,
    pub(super) next: Seq,
}

impl StoreFile {
    /// Opens or makes the file, and reads all of it: a store that opens has no damaged row.
    pub(super) fn open(path: &Path, options: &Options) -> Result<OpenedFile, OpenError> {
        let lock = Lock::take(&beside(path, "lock"))?;
        prepare(path)?;
        let failed = |error: rusqlite::Error| OpenError::Store(store_error(&error));
        let flags =
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        settings(&connection, options).map_err(failed)?;
        schema::migrate(&mut connection)?;
        schema::check(&connection)?;
        check(&connection).map_err(OpenError::Store)?;
        let (commits, count): (i64, i64) =
            connection.query_row(META, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
        let commits = u64::try_from(commits).map_err(|_| corrupt("the number of commits"))?;
        if commits < lock.acknowledged() {
            return Err(corrupt("commits that were acknowledged are missing; after a restore remove the lock file"));
        }
        let mut directory = Directory::new(options.keep_ended_seconds);
        let next = read_all(&connection, &mut directory)?;
        if usize::try_from(count) != Ok(directory.len()) {
            return Err(corrupt("rows are missing"));
        }
        let mut file = Self { connection, lock, commits };
        file.acknowledge();
        Ok(OpenedFile { file, directory, next })
    }

    pub(super) fn begin(&self) -> rusqlite::Result<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop)
    }

    /// Commits, durably; `added` is how many rows there are more than before.
    pub(super) fn commit(&mut self, added: i64) -> rusqlite::Result<()> {
        self.connection.prepare_cached(COUNT)?.execute([added])?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.commits = self.commits.saturating_add(1);
        self.acknowledge();
        Ok(())
    }

    pub(super) fn roll_back(&self) {
        // Some errors have rolled back already; then this one says so, and both are the same to us.
        if !self.connection.is_autocommit() && self.connection.execute_batch("ROLLBACK").is_err() {
            tracing::error!("the store could not roll back");
        }
    }

    pub(super) fn insert(&self, seq: Seq, new: &Packed) -> rusqlite::Result<()> {
        let Head { version, status, sum } = new.head;
        self.connection.prepare_cached(INSERT)?.execute(params![seq, version, status, sum, &**new.value]).map(drop)
    }

    /// Whether the row was still the one shown, and is the new one now.
    pub(super) fn replace(&self, seq: Seq, shown: Shown, next: &Packed) -> rusqlite::Result<bool> {
        let Head { version, status, sum } = next.head;
        let values = params![seq, shown.version, shown.sum, version, status, sum, &**next.value];
        Ok(self.connection.prepare_cached(REPLACE)?.execute(values)? == 1)
    }

    pub(super) fn remove(&self, seq: Seq) -> rusqlite::Result<usize> {
        self.connection.prepare_cached(REMOVE)?.execute([seq])
    }

    /// Reads the row that `entry` describes, and nothing else.
    pub(super) fn read(&self, entry: &Entry) -> Result<Transaction, StoreError> {
        let damaged = || StoreError::Corrupt(format!("row {}", entry.seq));
        let mut statement = self.connection.prepare_cached(READ).map_err(|error| store_error(&error))?;
        let found = statement.query_row([entry.seq], unpack).optional().map_err(|error| store_error(&error))?;
        let (transaction, _) = found.flatten().ok_or_else(damaged)?;
        if entry.describes(&transaction) { Ok(transaction) } else { Err(damaged()) }
    }

    /// Moves everything from the log into the file and empties the log, so that old bytes are in neither.
    pub(super) fn empty_log(&self) -> Result<(), StoreError> {
        let busy: i64 = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(|error| store_error(&error))?;
        if busy == 0 { Ok(()) } else { Err(StoreError::Unavailable("the log is in use".to_owned())) }
    }

    /// Copies the store, as it is now, into a new file.
    pub(super) fn copy_to(&self, path: &Path) -> Result<(), StoreError> {
        let unusable = |error: std::io::Error| StoreError::Unavailable(format!("copy: {error}"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        private(&mut options);
        let file = options.open(path).map_err(unusable)?;
        let name = path.to_str().ok_or(StoreError::Misuse("a path that is not text"))?;
        self.connection.execute("VACUUM INTO ?1", [name]).map_err(|error| store_error(&error))?;
        file.sync_all().map_err(unusable)
    }

    /// Empties the log and closes.
    pub(super) fn close(self) -> Result<(), StoreError> {
        let emptied = self.empty_log();
        self.connection.flush_prepared_statement_cache();
        self.connection.close().map_err(|(_, error)| store_error(&error))?;
        emptied
    }

    fn acknowledge(&mut self) {
        if let Err(error) = self.lock.acknowledge(self.commits) {
            // The mark stays behind, which loses nothing but the notice of a lost log.
            tracing::warn!(%error, "the mark beside the store could not be written");
        }
    }
}

/// `pruefstein.db` → `pruefstein.db.lock`.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// What an error of SQLite means for us. Its texts name places in the file and never values.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => StoreError::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                StoreError::Corrupt(format!("{:?} ({})", failure.code, failure.extended_code))
            }
            ErrorCode::ConstraintViolation => StoreError::Misuse("a rule of the file was broken"),
            code => StoreError::Unavailable(format!("{code:?} ({})", failure.extended_code)),
        },
        rusqlite::Error::QueryReturnedNoRows
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..) => StoreError::Corrupt("a value of another type".to_owned()),
        _ => StoreError::Unavailable("the statement failed".to_owned()),
    }
}

fn corrupt(what: &str) -> OpenError {
    OpenError::Store(StoreError::Corrupt(what.to_owned()))
}

/// Makes the file if there is none, for its owner only, and takes others' rights away if there is one.
fn prepare(path: &Path) -> Result<(), OpenError> {
    let unusable = |error: std::io::Error| OpenError::Store(StoreError::Unavailable(format!("store file: {error}")));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    private(&mut options);
    let file = options.open(path).map_err(unusable)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(0o600)).map_err(unusable)?;
        // The name of a new file is durable only when its directory is.
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(unusable)?;
    }
    drop(file);
    Ok(())
}

fn settings(connection: &Connection, options: &Options) -> rusqlite::Result<()> {
    // No other process, so no shared memory file; old content is zeroed; a commit returns when it is on the disk.
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA page_size = 4096;
         PRAGMA secure_delete = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA cell_size_check = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA wal_autocheckpoint = 4000;",
    )?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    let page_size: i64 = connection.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    if mode != "wal" || usize::try_from(page_size) != Ok(PAGE_SIZE) {
        return Err(rusqlite::Error::InvalidQuery);
    }
    if let Some(max_bytes) = options.max_bytes {
        let pages = i64::try_from(max_bytes.div_ceil(PAGE_SIZE as u64)).unwrap_or(i64::MAX);
        connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
    }
    Ok(())
}

/// Lets SQLite look at the structure of the whole file.
fn check(connection: &Connection) -> Result<(), StoreError> {
    let found: String =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(|error| store_error(&error))?;
    if found == "ok" { Ok(()) } else { Err(StoreError::Corrupt("the structure of the file".to_owned())) }
}

/// Fills the directory and says which number the next row gets.
fn read_all(connection: &Connection, directory: &mut Directory) -> Result<Seq, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Store(store_error(&error));
    let mut statement = connection.prepare(READ_ALL).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut next = 1;
    while let Some(row) = rows.next().map_err(failed)? {
        let seq: Seq = row.get(4).map_err(failed)?;
        let damaged = || corrupt(&format!("row {seq}"));
        let (transaction, idempotency) = unpack(row).map_err(failed)?.ok_or_else(damaged)?;
        let sum = row.get(2).map_err(failed)?;
        if seq < next || directory.check_new(&transaction).is_err() {
            return Err(damaged());
        }
        let live = !transaction.status().is_end();
        directory.put(seq, &Arc::new(transaction), idempotency, sum, live);
        next = seq.saturating_add(1);
    }
    Ok(next)
}

/// The transaction in a row whose every part agrees with every other; else `None`.
fn unpack(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<(Transaction, Option<Idempotency>)>> {
    let stated = Head { version: row.get(0)?, status: row.get(1)?, sum: row.get(2)? };
    let Some(opened) = row::open(row.get_ref(3)?.as_blob()?) else { return Ok(None) };
    let Ok(transaction) = record::decode(opened.record) else { return Ok(None) };
    let agrees = Head::new(&transaction, opened.record).is_ok_and(|head| head == stated);
    Ok(agrees.then_some((transaction, opened.idempotency)))
}
