//! Bells between instances: who waits at one instance hears of changes made at another.
//!
//! One connection per process listens, and rings for what this process has changed. The bells are rung after the commit
//! and many at a time, not inside of it: a commit that notifies waits for every other such commit, and thereby for every
//! other sync of the disk. So a bell can be lost, when a process dies between commit and bell or the connection breaks.
//! Therefore everybody is woken after each new connection, and what is waited for is looked at every few seconds, which
//! also puts right what a forged bell has said.
//!
//! A bell carries half a hash over the id and a version: nothing that a listener of the database could use.

use super::connect::Dial;
use super::row::Name;
use crate::adapters::store::watchers::Watchers;
use crate::app::ports::StoreError;
use crate::domain::encoding::base64;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::Client;

const CHANNEL: &str = "pruefstein";
/// Most bytes of one notification; the server takes fewer than 8,000.
const PAYLOAD: usize = 7_900;
/// Changes that wait to be told; more are left to the next look of those who wait.
pub(super) const WAITING: usize = 10_000;
/// How long changes are collected before they are told together.
const COLLECTING: Duration = Duration::from_millis(5);
/// How often what is waited for is looked at, in case that a bell was lost.
const LOOK: Duration = Duration::from_secs(5);
/// Waits between attempts to connect, at least and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Something has changed: which row, and to which version. Version 0 says that it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) name: Name,
    pub(super) version: i64,
}

impl Change {
    fn ring(self, watchers: &Watchers<Name>) {
        match u64::try_from(self.version) {
            Ok(0) | Err(_) => watchers.gone(&self.name),
            Ok(version) => watchers.changed(&self.name, version),
        }
    }
}

/// Listens and tells until the store is closed.
pub(super) async fn serve(
    dial: Dial,
    watchers: Arc<Watchers<Name>>,
    mut changes: mpsc::Receiver<Change>,
    patience: Duration,
    ready: oneshot::Sender<()>,
) {
    let mut ready = Some(ready);
    let mut untold = VecDeque::new();
    let mut pause = FIRST_PAUSE;
    loop {
        let (heard, mut bells) = mpsc::channel(1_024);
        let opened = dial.open(Some(heard)).await;
        let failed = match opened {
            Ok((client, task)) => {
                let mut line = Line { client: &client, watchers: &watchers, patience, ready: ready.take() };
                let ended = line.serve(&mut bells, &mut changes, &mut untold, &mut pause).await;
                task.abort();
                match ended {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        tracing::warn!(error = %failed, "changes at other instances are not heard for now; again soon");
        tokio::time::sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

struct Line<'a> {
    client: &'a Client,
    watchers: &'a Watchers<Name>,
    patience: Duration,
    /// Told as soon as changes are heard.
    ready: Option<oneshot::Sender<()>>,
}

impl Line<'_> {
    /// Until the store is closed (`Ok`) or the connection breaks.
    async fn serve(
        &mut self,
        bells: &mut mpsc::Receiver<String>,
        changes: &mut mpsc::Receiver<Change>,
        untold: &mut VecDeque<Change>,
        pause: &mut Duration,
    ) -> Result<(), StoreError> {
        self.within(self.client.batch_execute(&format!("LISTEN {CHANNEL}"))).await?;
        // Whatever happened while nobody listened.
        self.watchers.wake_all();
        *pause = FIRST_PAUSE;
        if let Some(ready) = self.ready.take() {
            // Nobody may be waiting for this any more.
            ready.send(()).ok();
        }
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.tell(untold).await?;
            tokio::select! {
                bell = bells.recv() => match bell {
                    Some(payload) => read(&payload).for_each(|change| change.ring(self.watchers)),
                    None => return Err(StoreError::Unavailable("the listening connection ended".to_owned())),
                },
                change = changes.recv() => {
                    let Some(change) = change else { return Ok(()) };
                    untold.push_back(change);
                    tokio::time::sleep(COLLECTING).await;
                    while untold.len() < WAITING && let Ok(change) = changes.try_recv() {
                        untold.push_back(change);
                    }
                }
                _ = looks.tick() => self.look().await?,
            }
        }
    }

    /// Tells other instances; what could not be told stays.
    async fn tell(&self, untold: &mut VecDeque<Change>) -> Result<(), StoreError> {
        while !untold.is_empty() {
            let mut payload = String::new();
            let mut told = 0_usize;
            for change in untold.iter() {
                let one = write(*change);
                if payload.len().saturating_add(one.len()) > PAYLOAD {
                    break;
                }
                payload.push_str(&one);
                told = told.saturating_add(1);
            }
            self.within(self.client.execute("SELECT pg_notify($1, $2)", &[&CHANNEL, &payload])).await?;
            untold.drain(..told);
        }
        Ok(())
    }

    /// Looks at everything that is waited for. This also notices a connection that broke in silence.
    async fn look(&self) -> Result<(), StoreError> {
        let awaited = self.watchers.awaited();
        let names: Vec<&[u8]> = awaited.iter().map(Name::as_slice).collect();
        let sql = "SELECT id, version FROM pruefstein_transactions WHERE id = ANY($1)";
        let rows = self.within(self.client.query(sql, &[&names])).await?;
        for row in rows {
            let (Ok(id), Ok(version)) = (row.try_get::<_, &[u8]>(0), row.try_get::<_, i64>(1)) else { continue };
            if let (Ok(name), Ok(version)) = (Name::try_from(id), u64::try_from(version)) {
                self.watchers.seen(&name, version);
            }
        }
        Ok(())
    }

    async fn within<T>(
        &self,
        statement: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.patience, statement).await {
            Ok(answer) => answer.map_err(|error| super::fault::of_statement(&error).error),
            Err(_) => Err(super::fault::Failed::in_time().error),
        }
    }
}

fn write(change: Change) -> String {
    format!("{}:{},", base64::encode_url(&change.name), change.version)
}

/// The changes of a payload. What is no change is passed over: anybody who may use the database may ring.
fn read(payload: &str) -> impl Iterator<Item = Change> {
    payload.split(',').filter_map(|one| {
        let (name, version) = one.split_once(':')?;
        let name = base64::decode_url(name).ok()?.try_into().ok()?;
        Some(Change { name, version: version.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bells_are_read_as_they_were_rung() {
        let changes: Vec<Change> =
            (0..300_u16).map(|n| Change { name: [n.to_be_bytes()[1]; 16], version: i64::from(n) }).collect();
        let payload: String = changes.iter().copied().map(write).collect();
        assert_eq!(read(&payload).collect::<Vec<_>>(), changes);
        for strange in ["", ",,", "x", "AAAA:1", "AAAAAAAAAAAAAAAAAAAAAA:", "AAAAAAAAAAAAAAAAAAAAAA:x", ":1"] {
            assert_eq!(read(strange).count(), 0, "{strange}");
        }
    }

    #[test]
    fn whoever_rings_wrongly_wakes_and_nothing_else() {
        // A forged bell carries no data: the worst is a look too many, or that somebody reads again.
        let watchers = Watchers::default();
        let mut waits = watchers.watch(&[1; 16]);
        Change { name: [2; 16], version: 5 }.ring(&watchers);
        Change { name: [1; 16], version: i64::MAX }.ring(&watchers);
        let woken = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(waits.changed());
        assert!(woken);
    }
}
