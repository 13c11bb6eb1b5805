//! Deadlines of one connection. `hyper` starts its timers late or not at all: none before it knows the protocol, none for
//! a reader that does not read. These are on the bytes themselves, so they hold whatever the bytes are (HTT-001, HTT-002,
//! HTT-004).

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a connection may keep us waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the header of a request, from its first byte; on a new connection from its beginning.
    pub header: Duration,
    /// Between two requests.
    pub idle: Duration,
    /// For the other side to take what is written.
    pub write: Duration,
}

/// What the connection and the requests on it know of each other.
#[derive(Debug)]
pub struct Pace {
    patience: Patience,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// Requests whose handler is at work.
    active: usize,
    /// When the other side must have done something; none while we are at work.
    deadline: Option<Instant>,
    /// Whether the next byte begins a request.
    before_request: bool,
    /// Whether requests are multiplexed; then bytes between two requests mean nothing.
    multiplexed: bool,
}

/// A request whose handler is at work; dropped when it is answered.
#[derive(Debug)]
pub struct Active(Arc<Pace>);

impl Pace {
    /// A connection that begins now.
    pub fn new(patience: Patience) -> Arc<Self> {
        let deadline = Some(after(patience.header));
        let state = State { active: 0, deadline, before_request: false, multiplexed: false };
        Arc::new(Self { patience, state: Mutex::new(state) })
    }

    /// A request's header is complete.
    pub fn begin(self: &Arc<Self>, multiplexed: bool) -> Active {
        self.change(|state, _| {
            state.active = state.active.saturating_add(1);
            state.multiplexed = multiplexed;
            state.deadline = None;
        });
        Active(Arc::clone(self))
    }

    fn change(&self, change: impl FnOnce(&mut State, Patience)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner), self.patience);
    }

    fn state(&self) -> State {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came.
    fn arrived(&self) {
        self.change(|state, patience| {
            if state.active == 0 && state.before_request && !state.multiplexed {
                state.before_request = false;
                state.deadline = Some(after(patience.header));
            }
        });
    }

    /// Bytes of an answer went: a stream of events is not idle.
    fn went(&self) {
        self.change(|state, patience| {
            if state.active == 0 && (state.before_request || state.multiplexed) {
                state.deadline = Some(after(patience.idle));
            }
        });
    }
}

/// So long from now; at once for a time beyond all clocks, as no setting gives one.
fn after(time: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(time).unwrap_or(now)
}

impl Drop for Active {
    fn drop(&mut self) {
        self.0.change(|state, patience| {
            state.active = state.active.saturating_sub(1);
            if state.active == 0 {
                state.before_request = true;
                state.deadline = Some(after(patience.idle));
            }
        });
    }
}

/// Said to a client that began a request and did not go on.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// A connection that keeps the pace.
#[derive(Debug)]
pub struct Paced<S> {
    stream: S,
    pace: Arc<Pace>,
    reading: Pin<Box<Sleep>>,
    writing: Pin<Box<Sleep>>,
    /// Whether the other side has not taken what was written last.
    stuck: bool,
    received: bool,
}

impl<S> Paced<S> {
    /// This stream, under the deadlines of `pace`.
    pub fn new(stream: S, pace: Arc<Pace>) -> Self {
        let soon = after(pace.patience.header);
        Self {
            stream,
            pace,
            reading: Box::pin(sleep_until(soon)),
            writing: Box::pin(sleep_until(soon)),
            stuck: false,
            received: false,
        }
    }
}

impl<S: AsyncWrite + Unpin> Paced<S> {
    /// Whether the deadline for reading has passed; otherwise wakes the task when it does.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let state = self.pace.state();
            let Some(deadline) = state.deadline else { return Poll::Pending };
            if self.reading.deadline() != deadline {
                self.reading.as_mut().reset(deadline);
            }
            ready!(self.reading.as_mut().poll(cx));
            // It may have been moved meanwhile.
            if self.pace.state().deadline == Some(deadline) {
                let amid_header = self.received && !state.before_request && !state.multiplexed;
                if amid_header {
                    // As far as it goes: the connection ends in any case.
                    match Pin::new(&mut self.stream).poll_write(cx, TOO_SLOW) {
                        Poll::Ready(_) | Poll::Pending => {}
                    }
                }
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the client is too slow"));
            }
        }
    }

    /// Watches a write: progress sets the clock anew, a stand longer than the patience is an error.
    fn watch_write<T>(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(done) => {
                self.stuck = false;
                self.pace.went();
                Poll::Ready(done)
            }
            Poll::Pending => {
                if !self.stuck {
                    self.stuck = true;
                    self.writing.as_mut().reset(after(self.pace.patience.write));
                }
                ready!(self.writing.as_mut().poll(cx));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, buffer) {
            Poll::Ready(Ok(())) if buffer.filled().len() > before => {
                // Whoever dribbles is not given more time by it.
                self.pace.arrived();
                self.received = true;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => self.poll_deadline(cx).map(Err),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch_write(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watch_write(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
