//! A look at the database without changing anything: for the doctor, and for doubts at the start.

use super::connect::Dial;
use super::schema::{self, Standing};
use super::{Options, fault};
use tokio_postgres::Client;

/// The oldest server that is supported, as `server_version_num` says it.
const OLDEST: i32 = 130_000;

/// How a database stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// It cannot be used as configured.
    Options(String),
    /// There is no connection that could write: why.
    Unreachable(String),
    /// It answers, but a newer program made its tables.
    NewerSchema {
        /// The schema that was found.
        found: i32,
        /// The newest one this program knows.
        known: i32,
    },
    /// It can be used.
    Usable {
        /// What the server says of its version.
        version: String,
        /// The schema of its tables; `None` if the next start makes or extends them.
        schema: Option<i32>,
        /// Why it may lose what it has acknowledged.
        doubts: Vec<String>,
    },
}

/// Connects, looks, and leaves.
pub async fn probe(options: &Options) -> Probe {
    let dial = match Dial::new(options) {
        Ok(dial) => dial,
        Err(why) => return Probe::Options(why),
    };
    let (client, task) = match dial.open(None).await {
        Ok(opened) => opened,
        Err(error) => return Probe::Unreachable(error.to_string()),
    };
    let looked = tokio::time::timeout(options.statement_timeout, look(&client)).await;
    task.abort();
    match looked {
        Ok(Ok(probe)) => probe,
        Ok(Err(error)) => Probe::Unreachable(fault::of_opening(&error).to_string()),
        Err(_) => Probe::Unreachable("the database did not answer in time".to_owned()),
    }
}

async fn look(client: &Client) -> Result<Probe, tokio_postgres::Error> {
    let known = schema::known();
    let schema = match schema::look(client).await? {
        Standing::Newer(found) => return Ok(Probe::NewerSchema { found, known }),
        Standing::Older(_) => None,
        Standing::Usable(version) => Some(version),
    };
    let version = client.query_one("SELECT current_setting('server_version')", &[]).await?.try_get(0)?;
    Ok(Probe::Usable { version, schema, doubts: doubts(client).await? })
}

/// Why the database may lose what it has acknowledged (STO-012).
pub(super) async fn doubts(client: &Client) -> Result<Vec<String>, tokio_postgres::Error> {
    let row = client
        .query_one(
            "SELECT current_setting('fsync'), current_setting('full_page_writes'),
                current_setting('synchronous_standby_names'), (SELECT count(*) FROM pg_stat_replication),
                current_setting('server_version_num')::integer, current_setting('data_checksums')",
            &[],
        )
        .await?;
    let setting = |place: usize| row.try_get::<_, &str>(place);
    let mut doubts = Vec::new();
    for (place, name) in [(0, "fsync"), (1, "full_page_writes")] {
        if setting(place)? != "on" {
            doubts.push(format!("{name} is off: after a loss of power its files may be broken"));
        }
    }
    if setting(2)?.is_empty() && row.try_get::<_, i64>(3)? > 0 {
        doubts.push(
            "it has a standby that is not synchronous (synchronous_standby_names is empty): after a failover the last \
             transactions may be missing"
                .to_owned(),
        );
    }
    if row.try_get::<_, i32>(4)? < OLDEST {
        doubts.push("it is older than PostgreSQL 13, with which nothing was tested".to_owned());
    }
    if setting(5)? != "on" {
        doubts.push("data_checksums is off: damage on its disk is found late or never".to_owned());
    }
    Ok(doubts)
}
