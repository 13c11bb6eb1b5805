//! The store of a service on several machines: PostgreSQL.
//!
//! Every instance is equal, and none keeps anything of a transaction in memory: each read asks the primary. One
//! conditional statement decides who ends a transaction (`REPLACE`), under the very value that was shown. Where the
//! answer to a statement was lost, the row is looked at again before anybody is told that it failed, and what may be
//! tried again without doing it twice is tried again.
//!
//! - `connect`: connections, TLS, pools. - `schema`: tables and migrations. - `row`: what lies in a row, encrypted.
//! - `sweep`: what is due. - `bell`: who waits at another instance. - `fault`: what errors mean. - `probe`: for the doctor.
//!
//! What is overwritten or removed stays in the database's files until vacuum has been there, and in its log for as long
//! as that is kept. All of it is encrypted under a key that the database does not have; `docs/decisions` says more.

mod bell;
mod connect;
mod fault;
mod probe;
mod row;
mod schema;
mod sweep;

pub use probe::{Probe, probe};

use super::watchers::Watchers;
use crate::adapters::entropy::OsEntropy;
use crate::app::ports::{
    Changes, Entropy as _, Idempotency, Inserted, Pending, Replaced, StoreError, Swept, TransactionStore,
};
use crate::domain::ids::{PageHandle, RequestHandle, TenantId, TransactionId};
use crate::domain::jose::at_rest::SealingKey;
use crate::domain::reason::Code;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::Transaction;
use bell::Change;
use connect::{Dial, acquire};
use deadpool_postgres::{Object, Pool};
use fault::{Connection, Effect, Failed};
use row::{Name, Packed, Packing, Unpacked, columns};
use rustls::pki_types::PrivateKeyDer;
use schema::MigrateError;
use std::collections::HashSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use zeroize::Zeroizing;

const INSERT: &str = "INSERT INTO pruefstein_transactions
    (id, tenant, handle, page, version, status, digest, due, removal, value)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING true";

/// Takes the idempotency key and inserts, both or none of it. A key whose time is over may be taken anew; who comes at
/// the same moment waits here until the first one has committed.
const INSERT_WITH_KEY: &str = "WITH taken AS (
        INSERT INTO pruefstein_keys AS k (tenant, key_hash, content_hash, until, id)
        VALUES ($2, $11, $12, $13, $1)
        ON CONFLICT (tenant, key_hash) DO UPDATE
            SET content_hash = excluded.content_hash, until = excluded.until, id = excluded.id
            WHERE k.until <= $14
        RETURNING true
    )
    INSERT INTO pruefstein_transactions
        (id, tenant, handle, page, version, status, digest, due, removal, value, key_hash, key_until)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $13 FROM taken
    RETURNING true";

const BY_KEY: &str = concat!(
    "SELECT ",
    columns!(),
    ", k.content_hash FROM pruefstein_keys k JOIN pruefstein_transactions t ON t.id = k.id
    WHERE k.tenant = $1 AND k.key_hash = $2"
);
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM pruefstein_transactions t WHERE t.id = $1 AND t.tenant = $2");
const BY_HANDLE: &str = concat!("SELECT ", columns!(), " FROM pruefstein_transactions t WHERE t.handle = $1");
const BY_PAGE: &str = concat!("SELECT ", columns!(), " FROM pruefstein_transactions t WHERE t.page = $1");

/// The statement that decides: it writes only over the very value that was shown, and never over another end state.
const REPLACE: &str = "UPDATE pruefstein_transactions
    SET version = $5, status = $6, digest = $7, value = $8, removal = $9,
        due = CASE WHEN $9 THEN greatest($10, coalesce(key_until, $10)) ELSE $10 END
    WHERE id = $1 AND tenant = $2 AND version = $3 AND digest = $4 AND (status < 2 OR status = $6)
    RETURNING true";

/// Writes something, and forgets instances that have not been seen for a day.
const PROBE: &str = "WITH gone AS (
        DELETE FROM pruefstein_instances WHERE seen_at < now() - interval '1 day' AND instance <> $1
    )
    INSERT INTO pruefstein_instances (instance, seen_at) VALUES ($1, now())
    ON CONFLICT (instance) DO UPDATE SET seen_at = excluded.seen_at RETURNING true";

/// How often something is tried, if that can help.
const TRIES: u32 = 3;
/// Connections for the sweep and for health, so that a crowd of requests cannot keep them out.
const ASIDE: usize = 2;
/// How long a migration may wait for one that another instance does, and how long it may take.
const MIGRATION: Duration = Duration::from_mins(2);

/// Where a database listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// At a name or address.
    Tcp {
        /// The name, against which its certificate is checked.
        host: String,
        /// The port.
        port: u16,
    },
    /// At a Unix socket.
    Socket {
        /// The folder of the socket.
        folder: PathBuf,
        /// The number in the socket's name.
        port: u16,
    },
}

/// How the connection is protected.
pub enum Tls {
    /// Not at all: on this machine only.
    Off,
    /// TLS, with the server's certificate checked against its name.
    VerifyFull {
        /// Certification authorities in DER; `None` for those of the operating system.
        roots: Option<Vec<Vec<u8>>>,
        /// Our own certificate chain in DER with its key, if the database asks for one.
        identity: Option<(Vec<Vec<u8>>, PrivateKeyDer<'static>)>,
    },
}

/// How the store is reached and kept.
pub struct Options {
    /// Where to look for the primary, in this order.
    pub hosts: Vec<Host>,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// Its password, where one is asked for.
    pub password: Option<Zeroizing<String>>,
    /// How the connection is protected.
    pub tls: Tls,
    /// Most connections for requests.
    pub pool_size: usize,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// How long a request waits for a free connection; then it is refused as [`StoreError::Busy`].
    pub acquire_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// The first one encrypts, all of them decrypt. At least one.
    pub encryption_keys: Vec<SealingKey>,
    /// Seconds for which ended transactions are remembered after their end.
    pub keep_ended_seconds: i64,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("hosts", &self.hosts)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("pool_size", &self.pool_size)
            .field("encryption_keys", &self.encryption_keys)
            .finish_non_exhaustive()
    }
}

/// Why the store cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A newer program made the tables, and this one cannot work with them (STO-010).
    #[error(
        "the database has schema {found}, which programs that know schemas up to {known} cannot use: use the newer program"
    )]
    NewerSchema {
        /// The schema that was found.
        found: i32,
        /// The newest one this program knows.
        known: i32,
    },
    /// The options contradict themselves.
    #[error("the database cannot be used as configured: {0}")]
    Options(String),
    /// The database cannot be used now.
    #[error(transparent)]
    Store(StoreError),
}

impl OpenError {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::NewerSchema { .. } | Self::Options(_) => Code::ConfigRefused,
            Self::Store(error) => error.code(),
        }
    }
}

impl From<MigrateError> for OpenError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Newer { found, known } => Self::NewerSchema { found, known },
            MigrateError::Store(error) => Self::Store(error),
        }
    }
}

/// See the module.
pub struct PostgresStore {
    pool: Pool,
    aside: Pool,
    packing: Packing,
    watchers: Arc<Watchers<Name>>,
    changes: mpsc::Sender<Change>,
    bell: JoinHandle<()>,
    patience: Duration,
    instance: [u8; 8],
    closed: AtomicBool,
    /// Rows that could not be read when they were due, so that they do not hold up the others.
    unreadable: Mutex<HashSet<Name>>,
}

impl PostgresStore {
    /// Connects, brings the tables to the present schema, and looks whether the database keeps what it acknowledges.
    /// Must run within the runtime that will serve.
    ///
    /// # Errors
    /// [`OpenError`]
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        let dial = Dial::new(&options).map_err(OpenError::Options)?;
        let (mut client, task) = dial.open(None).await.map_err(OpenError::Store)?;
        schema::migrate(&mut client, MIGRATION).await?;
        for doubt in probe::doubts(&client).await.map_err(|error| OpenError::Store(fault::of_opening(&error)))? {
            tracing::warn!("the database may lose what it has acknowledged: {doubt}");
        }
        drop(client);
        task.abort();
        let pool = dial.pool(options.pool_size, &options).map_err(OpenError::Options)?;
        let aside = dial.pool(ASIDE, &options).map_err(OpenError::Options)?;
        let mut instance = [0; 8];
        let drawn = OsEntropy.fill(&mut instance);
        drawn.map_err(|failed| OpenError::Store(StoreError::Unavailable(failed.to_string())))?;
        // The server stops a statement after its time; a little later nobody waits for an answer any more.
        let patience = options.statement_timeout.saturating_add(Duration::from_secs(1));
        let packing = Packing::new(options.encryption_keys, options.keep_ended_seconds)
            .ok_or_else(|| OpenError::Options("there is no key to encrypt with".to_owned()))?;
        let watchers = Arc::new(Watchers::default());
        let (changes, waiting) = mpsc::channel(bell::WAITING);
        let (ready, heard) = oneshot::channel();
        let bell = tokio::spawn(bell::serve(dial, Arc::clone(&watchers), waiting, patience, ready));
        // Without it the store works as well, but those who wait look less often; it is tried again and again.
        tokio::time::timeout(options.connect_timeout, heard).await.ok();
        Ok(Self {
            pool,
            aside,
            packing,
            watchers,
            changes,
            bell,
            patience,
            instance,
            closed: AtomicBool::new(false),
            unreadable: Mutex::new(HashSet::new()),
        })
    }

    /// One statement on one connection, within its time.
    async fn ask(&self, pool: &Pool, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Failed> {
        let client = acquire(pool).await?;
        let statement = async {
            let prepared = client.prepare_cached(sql).await?;
            client.query(&prepared, values).await
        };
        let failed = match tokio::time::timeout(self.patience, statement).await {
            Ok(Ok(rows)) => return Ok(rows),
            Ok(Err(error)) if fault::is_taken(&error) => {
                Failed::before(StoreError::Misuse("an id or handle exists already"), Effect::None)
            }
            Ok(Err(error)) => fault::of_statement(&error),
            Err(_) => Failed::in_time(),
        };
        if failed.connection == Connection::Broken {
            // Taken out of the pool and closed; the next one is opened when it is needed.
            drop(Object::take(client));
        }
        Err(failed)
    }

    /// Reads, again if that can help: a read changes nothing.
    async fn rows(&self, pool: &Pool, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        let mut tries = Tries::within(self.patience);
        loop {
            match self.ask(pool, sql, values).await {
                Ok(rows) => return Ok(rows),
                Err(failed) if failed.effect == Effect::None || !tries.again().await => return Err(failed.error),
                Err(_) => {}
            }
        }
    }

    async fn one(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Option<Unpacked>, StoreError> {
        let rows = self.rows(&self.pool, sql, values).await?;
        rows.first().map(|row| self.packing.unpack(row)).transpose()
    }

    async fn stored(&self, tenant: &TenantId, id: &TransactionId) -> Result<Option<Unpacked>, StoreError> {
        let found = self.one(BY_ID, &[&row::of_id(id).as_slice(), &tenant.as_str()]).await?;
        found.map(|found| row::as_asked(found, |it| it.id() == id && it.tenant() == tenant)).transpose()
    }

    /// Inserts without doing it twice: if the answer to a try was lost, the next one meets its own row.
    async fn insert_once(
        &self,
        transaction: Transaction,
        idempotency: Option<Idempotency>,
    ) -> Result<Inserted, StoreError> {
        let packed = self.packing.pack(&transaction)?;
        let (tenant, created) = (transaction.tenant().as_str(), transaction.created_at().0);
        let (handle, page) = (row::of_handle(transaction.handle()), row::of_page(transaction.page()));
        let (id, handle, page) = (packed.id.as_slice(), handle.as_slice(), page.as_slice());
        let Packed { version, status, digest, due, removal, value, .. } = &packed;
        let digest = digest.as_slice();
        let row: [&(dyn ToSql + Sync); 10] =
            [&id, &tenant, &handle, &page, version, status, &digest, due, removal, value];
        let (mut unsure, mut tries) = (false, Tries::within(self.patience));
        loop {
            let tried = match &idempotency {
                None => self.ask(&self.pool, INSERT, &row).await,
                Some(key) => {
                    let (hash, content) = (key.key_hash.as_slice(), key.content_hash.as_slice());
                    let values: Vec<&(dyn ToSql + Sync)> =
                        row.into_iter().chain([&hash as _, &content as _, &key.until.0 as _, &created as _]).collect();
                    self.ask(&self.pool, INSERT_WITH_KEY, &values).await
                }
            };
            let error = match (tried, &idempotency) {
                (Ok(inserted), None) if inserted.is_empty() => StoreError::Misuse("an insertion without a row"),
                (Ok(inserted), Some(key)) if inserted.is_empty() => match self.known(tenant, key).await? {
                    Some(Inserted::Replayed(known)) if unsure && *known == transaction => return Ok(Inserted::New),
                    Some(known) => return Ok(known),
                    // The row was removed between the two statements, and its key with it.
                    None => StoreError::Unavailable("an idempotency key without a transaction".to_owned()),
                },
                (Ok(_), _) => return Ok(Inserted::New),
                (Err(Failed { effect: Effect::None, error, .. }), _) => {
                    let ours = unsure && matches!(error, StoreError::Misuse(_));
                    let found = if ours { self.stored(transaction.tenant(), transaction.id()).await? } else { None };
                    return match found {
                        Some(found) if found.transaction == transaction => Ok(Inserted::New),
                        _ => Err(error),
                    };
                }
                (Err(failed), _) => {
                    unsure |= failed.effect == Effect::Unknown;
                    failed.error
                }
            };
            if !tries.again().await {
                return Err(error);
            }
        }
    }

    /// What an idempotency key leads to.
    async fn known(&self, tenant: &str, key: &Idempotency) -> Result<Option<Inserted>, StoreError> {
        let rows = self.rows(&self.pool, BY_KEY, &[&tenant, &key.key_hash.as_slice()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let content: &[u8] = row.try_get(6).map_err(|_| row::corrupt("an idempotency key"))?;
        if content != key.content_hash {
            return Ok(Some(Inserted::Conflict));
        }
        let found = row::as_asked(self.packing.unpack(row)?, |it| it.tenant().as_str() == tenant)?;
        Ok(Some(Inserted::Replayed(Box::new(found.transaction))))
    }

    /// Replaces without doing it twice, and without telling a failure that was none: if the answer to a try was lost,
    /// the row says what became of it.
    async fn replace_once(&self, shown: &Transaction, next: &Transaction) -> Result<Replaced, StoreError> {
        let packed = self.packing.pack(next)?;
        let (id, tenant) = (packed.id.as_slice(), shown.tenant().as_str());
        let shown_version = i64::try_from(shown.version()).map_err(|_| StoreError::Misuse("a version out of range"))?;
        let mut expected = row::digest(shown)?.to_vec();
        let Packed { version, status, digest, due, removal, value, .. } = &packed;
        let digest = digest.as_slice();
        let (mut unsure, mut tries) = (false, Tries::within(self.patience));
        loop {
            let values: [&(dyn ToSql + Sync); 10] =
                [&id, &tenant, &shown_version, &expected, version, status, &digest, value, removal, due];
            let failed = match self.ask(&self.pool, REPLACE, &values).await {
                Ok(done) if !done.is_empty() => return Ok(Replaced::Done),
                Ok(_) => None,
                Err(failed) if failed.effect == Effect::None && !unsure => return Err(failed.error),
                Err(failed) => {
                    unsure |= failed.effect == Effect::Unknown;
                    Some(failed.error)
                }
            };
            if let Some(error) = &failed
                && tries.again().await
            {
                // The same statement again cannot do it a second time: it asks for the value that was shown.
                tracing::debug!(%error, "a conditional write is tried again");
                continue;
            }
            let found = match self.stored(shown.tenant(), shown.id()).await {
                Ok(found) => found,
                Err(error) => return Err(failed.unwrap_or(error)),
            };
            match (found, failed) {
                (Some(found), _) if unsure && found.transaction == *next => return Ok(Replaced::Done),
                (Some(found), None) if found.transaction == *shown && tries.again().await => {
                    // The same value, written in another form by another version of this program.
                    expected = found.digest;
                }
                (Some(found), Some(error)) if found.transaction == *shown => return Err(error),
                (found, _) => return Ok(Replaced::Lost(found.map(|found| Box::new(found.transaction)))),
            }
        }
    }

    /// Rings here at once, and at other instances soon.
    fn tell(&self, change: Change) {
        match u64::try_from(change.version) {
            Ok(version) if version > 0 => self.watchers.changed(&change.name, version),
            _ => self.watchers.gone(&change.name),
        }
        if self.changes.try_send(change).is_err() {
            tracing::debug!("a change is left to the next look of other instances");
        }
    }

    fn check_open(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::Acquire) { Err(closed()) } else { Ok(()) }
    }

    fn unreadable(&self) -> std::sync::MutexGuard<'_, HashSet<Name>> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("closed".to_owned())
}

/// How often something is tried whose effect is known, or made sure of, each time.
struct Tries {
    made: u32,
    until: Instant,
}

impl Tries {
    /// None begins later than this.
    fn within(patience: Duration) -> Self {
        let now = Instant::now();
        Self { made: 1, until: now.checked_add(patience).unwrap_or(now) }
    }

    /// Whether it may be tried again. Waits a little before: longer each time, and not all at the same moment (STO-015).
    async fn again(&mut self) -> bool {
        if self.made >= TRIES || Instant::now() >= self.until {
            return false;
        }
        let mut random = [0; 1];
        let [jitter] = OsEntropy.fill(&mut random).map_or([128], |()| random);
        let longest = 40_u64.saturating_mul(1 << self.made.min(4));
        tokio::time::sleep(Duration::from_millis(longest.saturating_mul(u64::from(jitter)).div_euclid(255))).await;
        self.made = self.made.saturating_add(1);
        true
    }
}

impl TransactionStore for PostgresStore {
    fn insert(&self, transaction: Transaction, idempotency: Option<Idempotency>) -> Pending<'_, Inserted> {
        Box::pin(async move {
            self.check_open()?;
            self.insert_once(transaction, idempotency).await
        })
    }

    fn by_id<'a>(&'a self, tenant: &'a TenantId, id: &'a TransactionId) -> Pending<'a, Option<Transaction>> {
        Box::pin(async move { Ok(self.stored(tenant, id).await?.map(|found| found.transaction)) })
    }

    fn by_handle<'a>(&'a self, handle: &'a RequestHandle) -> Pending<'a, Option<Transaction>> {
        Box::pin(async move {
            let found = self.one(BY_HANDLE, &[&row::of_handle(handle).as_slice()]).await?;
            let found = found.map(|found| row::as_asked(found, |it| it.handle() == handle)).transpose()?;
            Ok(found.map(|found| found.transaction))
        })
    }

    fn by_page<'a>(&'a self, page: &'a PageHandle) -> Pending<'a, Option<Transaction>> {
        Box::pin(async move {
            let found = self.one(BY_PAGE, &[&row::of_page(page).as_slice()]).await?;
            let found = found.map(|found| row::as_asked(found, |it| it.page() == page)).transpose()?;
            Ok(found.map(|found| found.transaction))
        })
    }

    fn replace<'a>(&'a self, shown: &'a Transaction, next: Transaction) -> Pending<'a, Replaced> {
        Box::pin(async move {
            self.check_open()?;
            if !next.follows(shown) {
                return Err(StoreError::Misuse("the new value does not follow the one shown"));
            }
            let replaced = self.replace_once(shown, &next).await?;
            if replaced == Replaced::Done {
                let version = i64::try_from(next.version()).unwrap_or(i64::MAX);
                self.tell(Change { name: row::of_id(next.id()), version });
            }
            Ok(replaced)
        })
    }

    fn expire_and_erase(&self, now: UnixSeconds, limit: usize) -> Pending<'_, Swept> {
        Box::pin(async move {
            self.check_open()?;
            self.sweep(now, limit).await
        })
    }

    fn watch(&self, id: &TransactionId) -> Changes {
        self.watchers.watch(&row::of_id(id))
    }

    fn health(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            self.check_open()?;
            self.rows(&self.aside, PROBE, &[&self.instance.as_slice()]).await.map(drop)
        })
    }

    fn close(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            if self.closed.swap(true, Ordering::AcqRel) {
                return Err(closed());
            }
            // Who has a connection keeps it until its statement is answered.
            self.pool.close();
            self.aside.close();
            self.bell.abort();
            self.watchers.close();
            Ok(())
        })
    }
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.bell.abort();
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}
