//! A network between service and database that stalls, cuts and swallows as a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What goes wrong at present.
#[derive(Default)]
pub(super) struct Weather {
    /// Nothing passes in either direction; connections stay open.
    pub(super) stalled: AtomicBool,
    /// Answers of the database are swallowed; statements reach it. The connection is cut when the next answer comes.
    pub(super) answers_lost: AtomicBool,
    /// Nobody listens.
    pub(super) refusing: AtomicBool,
    /// Statements are passed on and the connection is cut right after, this many times.
    pub(super) cuts_after_sending: AtomicUsize,
    changed: Notify,
}

pub(super) struct Proxy {
    pub(super) port: u16,
    pub(super) weather: Arc<Weather>,
    cut: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut.notify_waiters();
    }
}

impl Proxy {
    /// In front of a port of this machine.
    pub(super) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (weather, cut) = (Arc::new(Weather::default()), Arc::new(Notify::new()));
        let own = listener.local_addr().unwrap().port();
        let (outside, cutting) = (Arc::clone(&weather), Arc::clone(&cut));
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if outside.refusing.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
                let (weather, cut) = (Arc::clone(&outside), Arc::clone(&cutting));
                tokio::spawn(async move {
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::select! {
                        () = cut.notified() => {}
                        () = requests(&weather, from_client, to_server) => {}
                        () = answers(&weather, from_server, to_client) => {}
                    }
                });
            }
        });
        Self { port: own, weather, cut, task }
    }

    /// Cuts all connections there are.
    pub(super) fn cut(&self) {
        self.cut.notify_waiters();
    }

    pub(super) fn stall(&self, stalled: bool) {
        self.weather.stalled.store(stalled, Ordering::SeqCst);
        self.weather.changed.notify_waiters();
    }
}

async fn passable(weather: &Weather) {
    loop {
        let changed = weather.changed.notified();
        if !weather.stalled.load(Ordering::SeqCst) {
            return;
        }
        changed.await;
    }
}

async fn requests(weather: &Weather, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        passable(weather).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
        let left = &weather.cuts_after_sending;
        // Only what carries a row: an update or insertion of a transaction is larger than any other statement.
        if length > 1_500 && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            // The database has it and will do it; nobody hears of that.
            to.flush().await.ok();
            return;
        }
    }
}

async fn answers(weather: &Weather, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        passable(weather).await;
        if weather.answers_lost.load(Ordering::SeqCst) || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
