//! The listener: accepts connections, at most so many, each under deadlines, and ends gracefully.
//!
//! `axum::serve` installs no timer, so slow clients could hold it for ever (HTT-001); hence a loop of our own.

use super::pace::{Pace, Paced, Patience};
use crate::telemetry::metrics::Metrics;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tower::Service as _;

/// The limits of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Most connections at once.
    pub connections: usize,
    /// Largest block of header fields, in bytes. HTTP/1.1 allows twice as much on the wire, so that what is a little
    /// larger gets an answer that says so.
    pub header_bytes: usize,
    /// How long a connection may keep us waiting.
    pub patience: Patience,
    /// For requests under way at the end.
    pub shutdown: Duration,
}

/// The address of the other side of a connection: a gateway's, usually. In the extensions of every request. It may be a
/// person's, hence no `Debug`.
#[derive(Clone, Copy)]
pub struct Peer(IpAddr);

impl Peer {
    /// The address.
    pub const fn address(self) -> IpAddr {
        self.0
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self(address.ip())
    }
}

/// Most requests at once on one HTTP/2 connection.
const STREAMS: u32 = 100;
/// Most header fields of a request.
const FIELDS: usize = 100;

/// Serves `router` until `stop` is done; then takes no more connections, lets requests under way end for as long as the
/// limits say, and returns. Whatever is left then is cut.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let builder = builder(limits);
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, address) = tokio::select! {
            biased;
            () = &mut stop => break,
            // Taking note of ended connections keeps the set small.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // No file descriptors left, or a client gone already. Going on at once would be a busy loop.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            metrics.connections_refused.inc();
            continue;
        };
        let held = Held::new(place, &metrics);
        let pace = Pace::new(limits.patience);
        let service = service(router.clone(), Arc::clone(&pace), address.into());
        let connection = builder.serve_connection(io(stream, pace), service).into_owned();
        let watched = graceful.watch(connection);
        connections.spawn(async move {
            // What breaks a connection is the client's business; requests have left their own lines.
            watched.await.ok();
            drop(held);
        });
    }
    drop(listener);
    let ended = async {
        graceful.shutdown().await;
        while connections.join_next().await.is_some() {}
    };
    if tokio::time::timeout(limits.shutdown, ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections were cut at the end");
    }
}

fn io(stream: TcpStream, pace: Arc<Pace>) -> TokioIo<Paced<TcpStream>> {
    // Small answers should not wait for more to come; where it cannot be set, they are a little later.
    stream.set_nodelay(true).ok();
    TokioIo::new(Paced::new(stream, pace))
}

fn builder(limits: ConnectionLimits) -> Builder<TokioExecutor> {
    let header_bytes = u32::try_from(limits.header_bytes).unwrap_or(u32::MAX);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // A second line behind the deadlines of `Pace`, which begin earlier.
        .header_read_timeout(limits.patience.idle.saturating_add(limits.patience.header))
        .max_buf_size(limits.header_bytes.saturating_mul(2).max(8192))
        .max_headers(FIELDS)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(header_bytes)
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10));
    builder
}

/// One connection's share of the limit, and its place in the gauge.
struct Held {
    _place: OwnedSemaphorePermit,
    metrics: Arc<Metrics>,
}

impl Held {
    fn new(place: OwnedSemaphorePermit, metrics: &Arc<Metrics>) -> Self {
        metrics.connections.inc();
        Self { _place: place, metrics: Arc::clone(metrics) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.metrics.connections.dec();
    }
}

fn service(
    router: Router,
    pace: Arc<Pace>,
    peer: Peer,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future = impl Future<Output = Result<axum::response::Response, std::convert::Infallible>> + Send,
> + Send {
    service_fn(move |mut request: Request<Incoming>| {
        let active = pace.begin(request.version() == Version::HTTP_2);
        request.extensions_mut().insert(peer);
        let answer = router.clone().call(request.map(Body::new));
        async move {
            let response = answer.await;
            drop(active);
            response
        }
    })
}
