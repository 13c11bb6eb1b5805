//! What is due: transactions that expire, results that are erased, rows that go. Several instances may sweep at once:
//! each takes rows that no other has taken (`SKIP LOCKED`).

use super::bell::Change;
use super::connect::acquire;
use super::fault::{self, Connection, Failed};
use super::row::{Name, columns};
use super::{PostgresStore, StoreError};
use crate::app::ports::Swept;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::{Status, Transaction};
use deadpool_postgres::Object;
use tokio_postgres::Transaction as Unit;

/// Rows that are taken at a time.
const BATCH: usize = 200;
/// Bytes of values that are read at a time, at least one row.
const BYTES: i64 = 4 * 1024 * 1024;
/// Rows that could not be read and are passed over; more wait for the next start.
const MOST_UNREADABLE: usize = 1_000;
/// A row that cannot be read goes this long after it was due: what it holds must not stay for ever.
const UNREADABLE_SECONDS: i64 = 7 * 24 * 60 * 60;

const TAKE: &str = "SELECT id, removal, length(value)::bigint, due FROM pruefstein_transactions
    WHERE due <= $1 AND id <> ALL($3) ORDER BY due LIMIT $2 FOR UPDATE SKIP LOCKED";

const READ: &str = concat!("SELECT ", columns!(), " FROM pruefstein_transactions t WHERE t.id = ANY($1)");

const WRITE: &str = "UPDATE pruefstein_transactions t
    SET version = n.version, status = n.status, digest = n.digest, value = n.value, removal = n.removal,
        due = CASE WHEN n.removal THEN greatest(n.due, coalesce(t.key_until, n.due)) ELSE n.due END
    FROM unnest($1::bytea[], $2::bigint[], $3::smallint[], $4::bytea[], $5::bytea[], $6::boolean[], $7::bigint[])
        AS n (id, version, status, digest, value, removal, due)
    WHERE t.id = n.id";

/// With a row goes its idempotency key, unless a newer row has it.
const REMOVE: &str = "WITH gone AS (
        DELETE FROM pruefstein_transactions WHERE id = ANY($1) RETURNING id, tenant, key_hash
    )
    DELETE FROM pruefstein_keys k USING gone
    WHERE k.tenant = gone.tenant AND k.key_hash = gone.key_hash AND k.id = gone.id";

/// A row that is due.
struct Due {
    id: Name,
    removal: bool,
    bytes: i64,
    since: i64,
}

impl PostgresStore {
    pub(super) async fn sweep(&self, now: UnixSeconds, limit: usize) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        while swept.total() < limit {
            let size = limit.saturating_sub(swept.total()).min(BATCH);
            let mut client = acquire(&self.aside).await.map_err(|failed| failed.error)?;
            // Several statements: each has its time, and all together have several times that.
            let patience = self.patience.saturating_mul(4);
            let done = match tokio::time::timeout(patience, self.batch(&mut client, now, size)).await {
                Ok(done) => done,
                Err(_) => Err(Failed::in_time()),
            };
            match done {
                Ok(batch) => {
                    for change in &batch.changes {
                        self.tell(*change);
                    }
                    swept.expired = swept.expired.saturating_add(batch.swept.expired);
                    swept.erased = swept.erased.saturating_add(batch.swept.erased);
                    swept.removed = swept.removed.saturating_add(batch.swept.removed);
                    if batch.taken < size {
                        break;
                    }
                }
                Err(failed) => {
                    if failed.connection == Connection::Broken {
                        drop(Object::take(client));
                    }
                    // What was committed before stays; the rest is due the next time. Nothing can be done twice.
                    return Err(failed.error);
                }
            }
        }
        Ok(swept)
    }

    async fn batch(&self, client: &mut Object, now: UnixSeconds, size: usize) -> Result<Batch, Failed> {
        let of = |error: tokio_postgres::Error| fault::of_statement(&error);
        let mut batch = Batch::default();
        let unit = client.transaction().await.map_err(of)?;
        let due = self.take(&unit, now, size).await?;
        batch.taken = due.len();
        let (mut removed, sweeping): (Vec<Due>, Vec<Due>) = due.into_iter().partition(|row| row.removal);
        let mut rest = sweeping.into_iter().peekable();
        while rest.peek().is_some() {
            let (mut some, mut bytes) = (Vec::new(), 0_i64);
            while let Some(row) = rest.next_if(|row| some.is_empty() || bytes.saturating_add(row.bytes) <= BYTES) {
                bytes = bytes.saturating_add(row.bytes);
                some.push(row);
            }
            removed.extend(self.sweep_some(&unit, some, now, &mut batch).await?);
        }
        if !removed.is_empty() {
            let names: Vec<&[u8]> = removed.iter().map(|row| row.id.as_slice()).collect();
            let statement = unit.prepare_cached(REMOVE).await.map_err(of)?;
            unit.execute(&statement, &[&names]).await.map_err(of)?;
            batch.swept.removed = batch.swept.removed.saturating_add(removed.len());
            batch.changes.extend(removed.iter().map(|row| Change { name: row.id, version: 0 }));
        }
        unit.commit().await.map_err(of)?;
        Ok(batch)
    }

    async fn take(
        &self,
        unit: &deadpool_postgres::Transaction<'_>,
        now: UnixSeconds,
        size: usize,
    ) -> Result<Vec<Due>, Failed> {
        let of = |error: tokio_postgres::Error| fault::of_statement(&error);
        let passed_over: Vec<Vec<u8>> = self.unreadable().iter().map(|name| name.to_vec()).collect();
        let most = i64::try_from(size).unwrap_or(i64::MAX);
        let statement = unit.prepare_cached(TAKE).await.map_err(of)?;
        let rows = unit.query(&statement, &[&now.0, &most, &passed_over]).await.map_err(of)?;
        let mut due = Vec::with_capacity(rows.len());
        for row in &rows {
            let id: &[u8] = row.try_get(0).map_err(of)?;
            due.push(Due {
                // The table sees to the length.
                id: id.try_into().unwrap_or_default(),
                removal: row.try_get(1).map_err(of)?,
                bytes: row.try_get(2).map_err(of)?,
                since: row.try_get(3).map_err(of)?,
            });
        }
        Ok(due)
    }

    /// Expires and erases. Gives the rows that are to go without having been read.
    async fn sweep_some(
        &self,
        unit: &Unit<'_>,
        some: Vec<Due>,
        now: UnixSeconds,
        batch: &mut Batch,
    ) -> Result<Vec<Due>, Failed> {
        let of = |error: tokio_postgres::Error| fault::of_statement(&error);
        let names: Vec<&[u8]> = some.iter().map(|row| row.id.as_slice()).collect();
        let rows = unit.query(READ, &[&names]).await.map_err(of)?;
        let mut next = Columns::default();
        let mut unread = Vec::new();
        for row in &rows {
            let id = row.try_get::<_, &[u8]>(0).map_err(of)?;
            let swept = self
                .packing
                .unpack(row)
                .map(|found| found.transaction.sweep(now))
                .and_then(|swept| Ok((self.packing.pack(&swept)?, swept)));
            match swept {
                Ok((packed, swept)) => {
                    batch.count(&swept);
                    batch.changes.push(Change { name: packed.id, version: packed.version });
                    next.push(packed);
                }
                Err(error) => {
                    tracing::error!(%error, code = error.code().as_str(), "a row that is due cannot be read");
                    unread.extend(Name::try_from(id));
                }
            }
        }
        next.write(unit).await.map_err(of)?;
        let (gone, kept): (Vec<Due>, Vec<Due>) = some
            .into_iter()
            .filter(|row| unread.contains(&row.id))
            .partition(|row| row.since.saturating_add(UNREADABLE_SECONDS) <= now.0);
        let mut passed_over = self.unreadable();
        for row in kept {
            if passed_over.len() < MOST_UNREADABLE {
                passed_over.insert(row.id);
            }
        }
        Ok(gone)
    }
}

/// What was done in one unit.
#[derive(Default)]
struct Batch {
    taken: usize,
    swept: Swept,
    changes: Vec<Change>,
}

impl Batch {
    fn count(&mut self, swept: &Transaction) {
        let count = match swept.status() {
            Status::Expired => &mut self.swept.expired,
            _ => &mut self.swept.erased,
        };
        *count = count.saturating_add(1);
    }
}

/// Rows as columns, as one statement takes them.
#[derive(Default)]
struct Columns {
    ids: Vec<Vec<u8>>,
    versions: Vec<i64>,
    statuses: Vec<i16>,
    digests: Vec<Vec<u8>>,
    values: Vec<Vec<u8>>,
    removals: Vec<bool>,
    dues: Vec<i64>,
}

impl Columns {
    fn push(&mut self, packed: super::Packed) {
        self.ids.push(packed.id.to_vec());
        self.versions.push(packed.version);
        self.statuses.push(packed.status);
        self.digests.push(packed.digest.to_vec());
        self.values.push(packed.value);
        self.removals.push(packed.removal);
        self.dues.push(packed.due);
    }

    async fn write(&self, unit: &Unit<'_>) -> Result<(), tokio_postgres::Error> {
        if self.ids.is_empty() {
            return Ok(());
        }
        unit.execute(
            WRITE,
            &[&self.ids, &self.versions, &self.statuses, &self.digests, &self.values, &self.removals, &self.dues],
        )
        .await
        .map(drop)
    }
}
