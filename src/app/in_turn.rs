//! Work for the background that holds up nobody: few hosts are asked at once, each host by one request at a time, and large
//! documents are read away from the threads that answer.

use super::App;
use super::ports::{FetchError, FetchRequest, FetchResponse};
use crate::domain::reason::{Code, Reason};
use crate::domain::trust::StatusOrigin;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

/// Most hosts that are asked at once.
const AT_ONCE: usize = 4;
/// Documents from this size on, in bytes, are read apart.
const APART_BYTES: usize = 1 << 20;

/// Who waits for which host.
pub(super) struct Turns {
    room: Semaphore,
    /// By origin. These are the origins of the configuration, so there are few.
    hosts: Mutex<BTreeMap<String, Arc<AsyncMutex<()>>>>,
}

impl Default for Turns {
    fn default() -> Self {
        Self { room: Semaphore::new(AT_ONCE), hosts: Mutex::default() }
    }
}

impl Turns {
    fn host(&self, origin: String) -> Arc<AsyncMutex<()>> {
        Arc::clone(self.hosts.lock().unwrap_or_else(PoisonError::into_inner).entry(origin).or_default())
    }
}

impl App {
    /// Gets a document of trust data when its host is free and few others are asked. Whoever waits for a host takes no room
    /// from those who wait for others.
    pub(super) async fn fetch_in_turn(&self, request: FetchRequest) -> Result<FetchResponse, FetchError> {
        let origin = StatusOrigin::of_url(&request.url).map(|origin| origin.text()).unwrap_or_default();
        let host = self.turns.host(origin);
        let _turn = host.lock().await;
        // Nobody closes the room.
        let _room = self.turns.room.acquire().await.ok();
        self.ports.fetch.get(request).await
    }
}

/// Runs work on a document of this size: a small one at once, a large one apart.
///
/// # Errors
/// [`Code::TrustUnavailable`] if the work broke off, which is a defect of the program.
pub(super) async fn apart<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Reason> {
    if bytes < APART_BYTES {
        return Ok(work());
    }
    let broken = |_| Reason::new(Code::TrustUnavailable, "reading the document broke off");
    tokio::task::spawn_blocking(work).await.map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[tokio::test]
    async fn large_documents_are_read_on_another_thread() {
        let here = thread::current().id();
        let place = |bytes| apart(bytes, || thread::current().id());
        assert_eq!(place(APART_BYTES - 1).await.unwrap(), here);
        assert_ne!(place(APART_BYTES).await.unwrap(), here);
        let broken: Result<(), Reason> = apart(APART_BYTES, || panic!("on purpose")).await;
        assert_eq!(broken.unwrap_err().code, Code::TrustUnavailable);
    }
}
