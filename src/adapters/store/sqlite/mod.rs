//! The store of a service on one machine: one SQLite file.
//!
//! One thread owns the file (`writer`) and commits in groups: what waits goes into one transaction, the disk syncs
//! once for all of it (WAL, `synchronous = FULL`), and each caller is answered after that. Reads come from the directory
//! in memory, which changes only after a commit; the values of open and lately ended transactions are there, those of
//! older ended ones are read from the file by the same thread, so a read never sees what is not durable.
//!
//! The file has no index, each row checks itself, and `row` says how erased bytes are really gone. A second process is
//! kept out (`lock`). To restore a backup: stop the service, remove the file with all files beside it that begin
//! with its name, put the backup in its place.

mod file;
mod lock;
mod row;
mod schema;
mod writer;

use super::directory::{Directory, Entry};
use crate::app::ports::{Changes, Idempotency, Inserted, Pending, Replaced, StoreError, Swept, TransactionStore};
use crate::domain::ids::{PageHandle, RequestHandle, TenantId, TransactionId};
use crate::domain::reason::Code;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::Transaction;
use file::{Packed, Shown};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;
use writer::{Change, Job, Outcome, Reply, Shared, Writer};

/// How the store is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Seconds for which ended transactions are remembered after their end.
    pub keep_ended_seconds: i64,
    /// Bytes of ended transactions that are held in memory for reading.
    pub cache_bytes: usize,
    /// Largest size of the file, in bytes; beyond it the store is full. `None`: as large as the disk allows.
    pub max_bytes: Option<u64>,
    /// Most jobs that may wait for the thread; one more is refused as [`StoreError::Busy`].
    pub max_waiting: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keep_ended_seconds: super::KEEP_ENDED_SECONDS,
            cache_bytes: 16 * 1024 * 1024,
            max_bytes: None,
            max_waiting: 4_096,
        }
    }
}

/// Why a store cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open (STO-008).
    #[error("another process has this store open")]
    Locked,
    /// A newer program wrote it (STO-010).
    #[error("the store has schema {found}; this program knows schemas up to {known}: use the newer program")]
    NewerSchema {
        /// The file's schema.
        found: u32,
        /// The newest this program knows.
        known: u32,
    },
    /// There is a file, but of something else.
    #[error("the file is not a store of this program")]
    NotAStore,
    /// The file cannot be used.
    #[error(transparent)]
    Store(StoreError),
}

impl OpenError {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Locked | Self::NewerSchema { .. } | Self::NotAStore => Code::ConfigRefused,
            Self::Store(error) => error.code(),
        }
    }
}

/// See the module.
pub struct SqliteStore {
    shared: Arc<Shared>,
    /// `None` once closed.
    jobs: Mutex<Option<SyncSender<Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl SqliteStore {
    /// Opens the store at `path`, or makes one. Reads and checks the whole file, so it takes its time; not to be called
    /// where waiting would hold up others.
    ///
    /// # Errors
    /// [`OpenError`]; with [`StoreError::Corrupt`] inside if anything in the file failed its check (STO-009).
    pub fn open(path: &Path, options: &Options) -> Result<Self, OpenError> {
        let opened = file::StoreFile::open(path, options)?;
        let (writer, shared) = Writer::new(opened, options.keep_ended_seconds, options.cache_bytes);
        let (jobs, received) = sync_channel(options.max_waiting);
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run(&received))
            .map_err(|error| OpenError::Store(StoreError::Unavailable(format!("no thread: {error}"))))?;
        Ok(Self { shared, jobs: Mutex::new(Some(jobs)), thread: Some(thread) })
    }

    /// Copies the store as it is now into a new file that is a store by itself: a backup while the service runs. Other
    /// work waits meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if there is a file already, or none can be written.
    pub fn copy_to(&self, path: &Path) -> Pending<'_, ()> {
        let path: PathBuf = path.to_owned();
        Box::pin(async move { self.ask(|reply| Job::Copy { path, reply }).await })
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.send(job(reply))?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(jobs) = jobs.as_ref() else { return Err(closed()) };
        match jobs.try_send(job) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(closed()),
        }
    }

    async fn change(&self, change: Change) -> Result<Outcome, StoreError> {
        self.ask(|reply| Job::Write { change, reply }).await
    }

    async fn find(
        &self,
        look: impl FnOnce(&Directory) -> Option<&Entry> + Send,
    ) -> Result<Option<Transaction>, StoreError> {
        if self.jobs.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            return Err(closed());
        }
        let found = look(&self.shared.directory()).map(|entry| (entry.seq, entry.value.clone()));
        match found {
            None => Ok(None),
            Some((_, Some(value))) => Ok(Some(Transaction::clone(&value))),
            Some((seq, None)) => self.ask(|reply| Job::Read { seq, reply }).await,
        }
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("closed".to_owned())
}

impl TransactionStore for SqliteStore {
    fn insert(&self, transaction: Transaction, idempotency: Option<Idempotency>) -> Pending<'_, Inserted> {
        Box::pin(async move {
            let packed = Packed::new(&transaction, idempotency.as_ref())?;
            let new = Arc::new(transaction);
            match self.change(Change::Insert { new, packed, idempotency }).await? {
                Outcome::Inserted(inserted) => Ok(inserted),
                Outcome::Replaced(_) | Outcome::Probed => Err(StoreError::Misuse("the answer to another question")),
            }
        })
    }

    fn by_id<'a>(&'a self, tenant: &'a TenantId, id: &'a TransactionId) -> Pending<'a, Option<Transaction>> {
        Box::pin(self.find(|directory| directory.of_tenant(tenant, id)))
    }

    fn by_handle<'a>(&'a self, handle: &'a RequestHandle) -> Pending<'a, Option<Transaction>> {
        Box::pin(self.find(|directory| directory.by_handle(handle)))
    }

    fn by_page<'a>(&'a self, page: &'a PageHandle) -> Pending<'a, Option<Transaction>> {
        Box::pin(self.find(|directory| directory.by_page(page)))
    }

    fn replace<'a>(&'a self, shown: &'a Transaction, next: Transaction) -> Pending<'a, Replaced> {
        Box::pin(async move {
            if !next.follows(shown) {
                return Err(StoreError::Misuse("the new value does not follow the one shown"));
            }
            let row = self
                .shared
                .directory()
                .of_tenant(shown.tenant(), shown.id())
                .map(|entry| (entry.seq, entry.idempotency, Shown::known(shown, entry)));
            let Some((seq, idempotency, known)) = row else { return Ok(Replaced::Lost(None)) };
            let packed = Packed::new(&next, idempotency.as_ref())?;
            let shown = known.map_or_else(|| Shown::new(shown), Ok)?;
            let change = Change::Replace { seq, shown, next: Arc::new(next), packed, idempotency };
            match self.change(change).await? {
                Outcome::Replaced(replaced) => Ok(replaced),
                Outcome::Inserted(_) | Outcome::Probed => Err(StoreError::Misuse("the answer to another question")),
            }
        })
    }

    fn expire_and_erase(&self, now: UnixSeconds, limit: usize) -> Pending<'_, Swept> {
        Box::pin(self.ask(move |reply| Job::Sweep { now, limit, reply }))
    }

    fn watch(&self, id: &TransactionId) -> Changes {
        self.shared.watchers.watch(id)
    }

    fn health(&self) -> Pending<'_, ()> {
        Box::pin(async move { self.change(Change::Probe).await.map(drop) })
    }

    fn close(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(closed)?;
            // Waits for room only if the queue is full, and then no longer than a few groups take.
            jobs.send(Job::Close { reply }).map_err(|_| closed())?;
            answer.await.unwrap_or_else(|_| Err(closed()))
        })
    }
}

impl Drop for SqliteStore {
    /// Closes in order if nobody did.
    fn drop(&mut self) {
        drop(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's thread ended in a panic");
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("transactions", &self.shared.directory().len()).finish_non_exhaustive()
    }
}
