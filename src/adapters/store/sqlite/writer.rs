//! The thread that owns the file: it does what waits in groups, and answers each only after the commit of its group.

use super::file::{OpenedFile, Packed, Shown, StoreFile, store_error};
use crate::adapters::store::directory::{Directory, Entry, Known, Seq, Wants};
use crate::adapters::store::watchers::Watchers;
use crate::app::ports::{Idempotency, Inserted, Replaced, StoreError, Swept};
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::{Status, Transaction};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Most writes in one group: one sync of the disk for all of them.
const GROUP: usize = 256;
/// How long overwritten bytes may stay in the log.
const LOG_LINGERS: Duration = Duration::from_secs(1);

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Something for the thread to do.
pub(super) enum Job {
    Write { change: Change, reply: Reply<Outcome> },
    Read { seq: Seq, reply: Reply<Option<Transaction>> },
    Sweep { now: UnixSeconds, limit: usize, reply: Reply<Swept> },
    Copy { path: PathBuf, reply: Reply<()> },
    Close { reply: Reply<()> },
}

/// A write that can share a group with others.
pub(super) enum Change {
    Insert {
        new: Arc<Transaction>,
        packed: Packed,
        idempotency: Option<Idempotency>,
    },
    Replace {
        seq: Seq,
        shown: Shown,
        next: Arc<Transaction>,
        packed: Packed,
        idempotency: Option<Idempotency>,
    },
    /// Changes nothing: shows whether a commit can be done.
    Probe,
}

/// What became of a [`Change`].
pub(super) enum Outcome {
    Inserted(Inserted),
    Replaced(Replaced),
    Probed,
}

/// What the thread and those who call share. Only the thread changes the directory, and only after a commit.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) directory: RwLock<Directory>,
    pub(super) watchers: Watchers,
}

impl Shared {
    pub(super) fn directory(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread's own things.
pub(super) struct Writer {
    file: StoreFile,
    shared: Arc<Shared>,
    next: Seq,
    keep_ended_seconds: i64,
    recent: Recent,
    /// Since when the log has held bytes that were overwritten.
    log_holds: Option<Instant>,
}

impl Writer {
    /// Takes the file; what was in it becomes the shared directory.
    pub(super) fn new(opened: OpenedFile, keep_ended_seconds: i64, cache_bytes: usize) -> (Self, Arc<Shared>) {
        let shared = Arc::new(Shared { directory: RwLock::new(opened.directory), watchers: Watchers::default() });
        let writer = Self {
            file: opened.file,
            shared: Arc::clone(&shared),
            next: opened.next,
            keep_ended_seconds,
            recent: Recent { rows: VecDeque::new(), bytes: 0, limit: cache_bytes },
            // Whatever a killed predecessor left there.
            log_holds: Some(now()),
        };
        (writer, shared)
    }

    /// Works until told to close, or until nobody can ask any more.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        let reply = self.work(jobs);
        self.shared.watchers.close();
        let closed = self.file.close();
        if let Err(error) = &closed {
            tracing::error!(%error, "the store did not close cleanly");
        }
        if let Some(reply) = reply {
            send(reply, closed);
        }
    }

    fn work(&mut self, jobs: &Receiver<Job>) -> Option<Reply<()>> {
        let mut waiting = None;
        loop {
            let job = match waiting.take() {
                Some(job) => job,
                None => match self.next_job(jobs) {
                    Ok(job) => job,
                    Err(RecvTimeoutError::Timeout) => {
                        self.tidy_log();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => return None,
                },
            };
            if self.log_holds.is_some_and(|since| since.elapsed() >= LOG_LINGERS) {
                self.tidy_log();
            }
            match job {
                Job::Write { change, reply } => {
                    let mut group = vec![(change, reply)];
                    while group.len() < GROUP && waiting.is_none() {
                        match jobs.try_recv() {
                            Ok(Job::Write { change, reply }) => group.push((change, reply)),
                            Ok(other) => waiting = Some(other),
                            Err(_) => break,
                        }
                    }
                    self.write(group);
                }
                Job::Read { seq, reply } => send(reply, self.read(seq)),
                Job::Sweep { now, limit, reply } => send(reply, self.sweep(now, limit)),
                Job::Copy { path, reply } => send(reply, self.file.copy_to(&path)),
                Job::Close { reply } => return Some(reply),
            }
        }
    }

    fn next_job(&self, jobs: &Receiver<Job>) -> Result<Job, RecvTimeoutError> {
        match self.log_holds {
            Some(since) => jobs.recv_timeout(LOG_LINGERS.saturating_sub(since.elapsed())),
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Does a group; if it fails as a whole, each of its writes alone, so that none suffers from another.
    fn write(&mut self, group: Vec<(Change, Reply<Outcome>)>) {
        match self.try_group(&group) {
            Ok(answers) => {
                for ((_, reply), answer) in group.into_iter().zip(answers) {
                    send(reply, answer);
                }
            }
            Err(error) if group.len() <= 1 => {
                for (_, reply) in group {
                    send(reply, Err(error.clone()));
                }
            }
            Err(_) => {
                for single in group {
                    self.write(vec![single]);
                }
            }
        }
    }

    /// One transaction of the file. The outer error is that nothing was done at all.
    fn try_group(
        &mut self,
        group: &[(Change, Reply<Outcome>)],
    ) -> Result<Vec<Result<Outcome, StoreError>>, StoreError> {
        let mut staged =
            Staged { directory: Directory::new(self.keep_ended_seconds), rows: Vec::new(), next: self.next };
        let mut added: i64 = 0;
        let done = self.file.begin().map_err(|error| store_error(&error)).and_then(|()| {
            let mut answers = Vec::with_capacity(group.len());
            for (change, _) in group {
                let answer = self.perform(change, &mut staged)?;
                if matches!(answer, Ok(Outcome::Inserted(Inserted::New))) {
                    added = added.saturating_add(1);
                }
                answers.push(answer);
            }
            if staged.rows.is_empty() && !group.iter().any(|(change, _)| matches!(change, Change::Probe)) {
                // Only answers that nothing was to be done: no sync for those who came too late.
                self.file.roll_back();
            } else {
                self.file.commit(added).map_err(|error| store_error(&error))?;
            }
            Ok(answers)
        });
        match done {
            Ok(answers) => {
                self.next = staged.next;
                self.apply(&staged.rows);
                Ok(answers)
            }
            Err(error) => {
                self.file.roll_back();
                Err(error)
            }
        }
    }

    fn perform(&self, change: &Change, staged: &mut Staged) -> Result<Result<Outcome, StoreError>, StoreError> {
        match change {
            Change::Probe => Ok(Ok(Outcome::Probed)),
            Change::Insert { new, packed, idempotency } => {
                let known = match staged.directory.known(new, idempotency.as_ref()) {
                    Known::No => self.shared.directory().known(new, idempotency.as_ref()),
                    known => known,
                };
                match known {
                    Known::Other => return Ok(Ok(Outcome::Inserted(Inserted::Conflict))),
                    Known::Same(seq) => {
                        let value = self.current(seq, staged)?.ok_or(StoreError::Misuse("a row without a value"))?;
                        return Ok(Ok(Outcome::Inserted(Inserted::Replayed(Box::new(value)))));
                    }
                    Known::No => {}
                }
                let fresh = staged.directory.check_new(new).and_then(|()| self.shared.directory().check_new(new));
                if let Err(misuse) = fresh {
                    return Ok(Err(misuse));
                }
                let seq = staged.next;
                self.file.insert(seq, packed).map_err(|error| store_error(&error))?;
                staged.next = seq.saturating_add(1);
                staged.put(seq, new, *idempotency, packed, false);
                Ok(Ok(Outcome::Inserted(Inserted::New)))
            }
            Change::Replace { seq, shown, next, packed, idempotency } => {
                if self.file.replace(*seq, *shown, packed).map_err(|error| store_error(&error))? {
                    staged.put(*seq, next, *idempotency, packed, true);
                    return Ok(Ok(Outcome::Replaced(Replaced::Done)));
                }
                let current = self.current(*seq, staged)?;
                if let Some(current) = &current
                    && Shown::new(current)? == *shown
                {
                    return Err(StoreError::Corrupt(format!("row {seq} is not where it was")));
                }
                Ok(Ok(Outcome::Replaced(Replaced::Lost(current.map(Box::new)))))
            }
        }
    }

    /// The value of a row as this group leaves it so far.
    fn current(&self, seq: Seq, staged: &Staged) -> Result<Option<Transaction>, StoreError> {
        match staged.directory.row(seq).and_then(|entry| entry.value.as_deref()) {
            Some(value) => Ok(Some(value.clone())),
            None => self.read(seq),
        }
    }

    fn read(&self, seq: Seq) -> Result<Option<Transaction>, StoreError> {
        let Some(entry) = self.shared.directory().row(seq).cloned() else { return Ok(None) };
        self.value(&entry).map(Some)
    }

    fn value(&self, entry: &Entry) -> Result<Transaction, StoreError> {
        match &entry.value {
            Some(value) => Ok(Transaction::clone(value)),
            None => self.file.read(entry),
        }
    }

    /// Makes visible what has been committed, and tells those who wait.
    fn apply(&mut self, rows: &[Row]) {
        let mut directory = self.shared.directory.write().unwrap_or_else(PoisonError::into_inner);
        for row in rows {
            directory.put(row.seq, &row.value, row.idempotency, row.sum, true);
            if row.value.status().is_end() {
                self.recent.keep(row, &mut directory);
            }
        }
        drop(directory);
        for row in rows.iter().filter(|row| row.replaced) {
            self.log_holds.get_or_insert_with(now);
            self.shared.watchers.changed(row.value.id(), row.value.version());
        }
    }

    fn sweep(&mut self, at: UnixSeconds, limit: usize) -> Result<Swept, StoreError> {
        let due = self.shared.directory().due(at, limit);
        let mut swept = Swept::default();
        if !due.is_empty() {
            let mut rows = Vec::new();
            let mut removed = Vec::new();
            let done = self.sweep_rows(at, &due, &mut rows, &mut removed);
            if let Err(error) = done {
                self.file.roll_back();
                return Err(error);
            }
            for row in &rows {
                match row.value.status() {
                    Status::Expired => swept.expired = swept.expired.saturating_add(1),
                    _ => swept.erased = swept.erased.saturating_add(1),
                }
            }
            swept.removed = removed.len();
            self.log_holds.get_or_insert_with(now);
            self.apply(&rows);
            let mut directory = self.shared.directory.write().unwrap_or_else(PoisonError::into_inner);
            for entry in &removed {
                directory.remove(entry.seq);
            }
            drop(directory);
            for entry in &removed {
                self.shared.watchers.gone(&entry.id);
            }
        }
        if self.log_holds.is_some() {
            self.file.empty_log()?;
            self.log_holds = None;
        }
        Ok(swept)
    }

    fn sweep_rows(
        &mut self,
        at: UnixSeconds,
        due: &[(Seq, Wants)],
        rows: &mut Vec<Row>,
        removed: &mut Vec<Entry>,
    ) -> Result<(), StoreError> {
        self.file.begin().map_err(|error| store_error(&error))?;
        let mut added: i64 = 0;
        for (seq, wants) in due {
            let Some(entry) = self.shared.directory().row(*seq).cloned() else { continue };
            let value = match (wants, self.value(&entry)) {
                (Wants::Removal, _) => None,
                (Wants::Sweeping, Ok(value)) => Some(value),
                (Wants::Sweeping, Err(StoreError::Corrupt(what))) => {
                    // Nobody can read it any more, and what may be left of the result is due to go.
                    tracing::error!(what, "an overdue result is damaged and is removed whole");
                    None
                }
                (Wants::Sweeping, Err(error)) => return Err(error),
            };
            let Some(value) = value else {
                let gone = self.file.remove(*seq).map_err(|error| store_error(&error))?;
                added = added.saturating_sub(i64::try_from(gone).unwrap_or(i64::MAX));
                removed.push(entry);
                continue;
            };
            let shown = Shown::new(&value)?;
            let next = Arc::new(value.sweep(at));
            let packed = Packed::new(&next, entry.idempotency.as_ref())?;
            if !self.file.replace(*seq, shown, &packed).map_err(|error| store_error(&error))? {
                return Err(StoreError::Corrupt(format!("row {seq} is not where it was")));
            }
            let (sum, bytes) = (packed.sum(), packed.bytes());
            rows.push(Row { seq: *seq, value: next, idempotency: entry.idempotency, sum, bytes, replaced: true });
        }
        self.file.commit(added).map_err(|error| store_error(&error))
    }

    fn tidy_log(&mut self) {
        match self.file.empty_log() {
            Ok(()) => self.log_holds = None,
            Err(error) => {
                tracing::warn!(%error, "the log of the store could not be emptied yet");
                self.log_holds = Some(now());
            }
        }
    }
}

/// What a group has done so far, before its commit.
struct Staged {
    directory: Directory,
    rows: Vec<Row>,
    next: Seq,
}

struct Row {
    seq: Seq,
    value: Arc<Transaction>,
    idempotency: Option<Idempotency>,
    sum: i64,
    bytes: usize,
    replaced: bool,
}

impl Staged {
    fn put(
        &mut self,
        seq: Seq,
        value: &Arc<Transaction>,
        idempotency: Option<Idempotency>,
        packed: &Packed,
        replaced: bool,
    ) {
        let (sum, bytes) = (packed.sum(), packed.bytes());
        self.directory.put(seq, value, idempotency, sum, true);
        self.rows.push(Row { seq, value: Arc::clone(value), idempotency, sum, bytes, replaced });
    }
}

/// Ended transactions whose values are still in memory, oldest first: the caller usually asks soon after the end.
struct Recent {
    rows: VecDeque<(Seq, usize)>,
    bytes: usize,
    limit: usize,
}

impl Recent {
    fn keep(&mut self, row: &Row, directory: &mut Directory) {
        self.rows.push_back((row.seq, row.bytes));
        self.bytes = self.bytes.saturating_add(row.bytes);
        while self.bytes > self.limit {
            let Some((seq, bytes)) = self.rows.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(bytes);
            directory.release(seq);
        }
    }
}

/// Intervals only; what time it is comes in with the jobs.
#[expect(clippy::disallowed_methods, reason = "measures how long the log has waited, not what time it is")]
fn now() -> Instant {
    Instant::now()
}

/// Whoever asked may have gone; the work is done all the same.
fn send<T>(reply: Reply<T>, answer: Result<T, StoreError>) {
    drop(reply.send(answer));
}
