//! The tables, their version, and the way from older versions to this one while instances of the older program serve.
//!
//! Steps only add: a released step never changes, and none takes away or renames what an older program uses. Each step
//! says since which step programs can work with what it leaves, so that an instance of the version before may go on, and
//! even start again, in the middle of an update (STO-029).

use super::fault;
use crate::app::ports::StoreError;
use std::time::Duration;
use tokio_postgres::Client;

/// One step of the schema: from version n to n + 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// The statements.
    pub(super) sql: &'static str,
    /// The oldest schema whose programs still work after this step.
    pub(super) usable_from: i32,
}

/// All of them, in order.
///
/// The names of a transaction lie here as hashes, so whoever reads the table cannot use them; `digest` is a hash over the
/// record, so that a conditional update names the very value it replaces. The trigger repeats what the statement says:
/// an end state never changes, and versions only grow.
///
/// Most rows are changed in place of the page they are in (`fillfactor`, no index over what changes until the end), most
/// values stay in the row (`toast_tuple_target`), none is compressed, as they are encrypted. Vacuum comes early and at
/// full speed: rows live for minutes here, and what was overwritten should go (see the decision on PostgreSQL).
pub(super) const STEPS: &[Step] = &[Step {
    usable_from: 1,
    sql: "
    CREATE TABLE pruefstein_transactions (
        id bytea PRIMARY KEY CHECK (length(id) = 16),
        tenant text NOT NULL,
        handle bytea NOT NULL UNIQUE,
        page bytea NOT NULL UNIQUE,
        version bigint NOT NULL,
        status smallint NOT NULL CHECK (status BETWEEN 0 AND 6),
        digest bytea NOT NULL CHECK (length(digest) = 32),
        due bigint NOT NULL,
        removal boolean NOT NULL,
        key_hash bytea,
        key_until bigint,
        value bytea NOT NULL
    ) WITH (
        fillfactor = 60,
        toast_tuple_target = 4080,
        autovacuum_vacuum_threshold = 200,
        autovacuum_vacuum_scale_factor = 0.02,
        autovacuum_vacuum_cost_delay = 0,
        toast.autovacuum_vacuum_threshold = 200,
        toast.autovacuum_vacuum_scale_factor = 0.02,
        toast.autovacuum_vacuum_cost_delay = 0
    );
    ALTER TABLE pruefstein_transactions ALTER COLUMN value SET STORAGE EXTERNAL;
    CREATE INDEX pruefstein_due ON pruefstein_transactions (due);
    CREATE TABLE pruefstein_keys (
        tenant text NOT NULL,
        key_hash bytea NOT NULL,
        content_hash bytea NOT NULL,
        until bigint NOT NULL,
        id bytea NOT NULL,
        PRIMARY KEY (tenant, key_hash)
    );
    CREATE TABLE pruefstein_instances (
        instance bytea PRIMARY KEY,
        seen_at timestamptz NOT NULL
    );
    CREATE FUNCTION pruefstein_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'an end state never changes, and versions only grow' USING ERRCODE = 'check_violation';
    END $$;
    CREATE TRIGGER pruefstein_ends_stay BEFORE UPDATE ON pruefstein_transactions FOR EACH ROW
        WHEN (NEW.version <= OLD.version OR (OLD.status >= 2 AND NEW.status <> OLD.status))
        EXECUTE FUNCTION pruefstein_refuse();
",
}];

/// What every schema has, in every version.
const META: &str = "CREATE TABLE IF NOT EXISTS pruefstein_schema (
    version integer PRIMARY KEY,
    usable_from integer NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
)";

/// One number for all instances: only one at a time changes tables. Says \"PTXS\".
const LOCK: i64 = 0x5054_5853;

/// How the tables stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// There are none, or older ones.
    Older(i32),
    /// They are those of this program, or of a newer one that this program can work with.
    Usable(i32),
    /// They are of a newer program, and this one cannot work with them.
    Newer(i32),
}

/// The newest version this program knows.
pub(super) fn known() -> i32 {
    i32::try_from(STEPS.len()).unwrap_or(i32::MAX)
}

/// Looks at the version of the tables, and changes nothing.
///
/// # Errors
/// What the database says.
pub(super) async fn look(client: &Client) -> Result<Standing, tokio_postgres::Error> {
    look_for(client, known()).await
}

async fn look_for(client: &Client, known: i32) -> Result<Standing, tokio_postgres::Error> {
    // Not by `to_regclass`, which may answer from a cache that knows nothing of what another session has just made.
    let sql = "SELECT EXISTS (SELECT FROM pg_class WHERE relname = 'pruefstein_schema' AND pg_table_is_visible(oid))";
    let there = client.query_one(sql, &[]).await?;
    if !there.try_get::<_, bool>(0)? {
        return Ok(Standing::Older(0));
    }
    let found = client
        .query_opt("SELECT version, usable_from FROM pruefstein_schema ORDER BY version DESC LIMIT 1", &[])
        .await?;
    let Some(found) = found else { return Ok(Standing::Older(0)) };
    let (version, usable_from): (i32, i32) = (found.try_get(0)?, found.try_get(1)?);
    Ok(match version {
        version if usable_from > known => Standing::Newer(version),
        version if version < known => Standing::Older(version),
        version => Standing::Usable(version),
    })
}

/// Brings the tables to the present schema: each instance that starts looks, the first one works, the others wait for it.
/// All steps are one transaction, so a migration that is killed has not been (STO-010).
///
/// # Errors
/// [`MigrateError`]
pub(super) async fn migrate(client: &mut Client, patience: Duration) -> Result<(), MigrateError> {
    run(client, STEPS, patience).await
}

/// Why the tables are not those of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MigrateError {
    Newer { found: i32, known: i32 },
    Store(StoreError),
}

impl From<tokio_postgres::Error> for MigrateError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(fault::of_opening(&error))
    }
}

pub(super) async fn run(client: &mut Client, steps: &[Step], patience: Duration) -> Result<(), MigrateError> {
    let known = i32::try_from(steps.len()).unwrap_or(i32::MAX);
    match look_for(client, known).await? {
        Standing::Usable(_) => return Ok(()),
        Standing::Newer(found) => return Err(MigrateError::Newer { found, known }),
        Standing::Older(_) => {}
    }
    let transaction = client.transaction().await?;
    // Another instance's migration may take longer than a statement may take otherwise.
    let limit = format!("SET LOCAL statement_timeout = {0}; SET LOCAL lock_timeout = {0}", patience.as_millis());
    transaction.batch_execute(&limit).await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    let found = match look_for(transaction.client(), known).await? {
        Standing::Usable(_) => return Ok(()),
        Standing::Newer(found) => return Err(MigrateError::Newer { found, known }),
        Standing::Older(found) => found,
    };
    transaction.batch_execute(META).await?;
    let done = usize::try_from(found).unwrap_or(usize::MAX);
    for (version, step) in (1_i32..).zip(steps).skip(done) {
        transaction.batch_execute(step.sql).await?;
        let note = "INSERT INTO pruefstein_schema (version, usable_from) VALUES ($1, $2)";
        transaction.execute(note, &[&version, &step.usable_from]).await?;
    }
    transaction.commit().await?;
    Ok(())
}
