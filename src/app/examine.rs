//! Asks the hosts of others, one question each, for those who look after an installation. Nothing that comes back is put
//! in force.

use super::ports::{Clock, Fetch, FetchError, FetchRequest, FetchResponse, Validators};
use super::{pivots, refresh_revocation, refresh_trust};
use crate::domain::diagnosis::clock::Witness;
use crate::domain::trust::{StatusOrigin, is_loopback};
use crate::domain::trust_list::plan::ListPlan;
use url::Url;

/// Longest time for the answer of a host, in milliseconds.
const HOST_MILLISECONDS: u64 = 5_000;
/// Largest body of an answer that nobody reads.
const HOST_BYTES: usize = 64 * 1024;

/// What came of one question.
#[derive(Debug)]
pub struct Asked {
    /// Where it was asked: `scheme://host:port`.
    pub origin: String,
    /// What came back.
    pub answer: Result<FetchResponse, FetchError>,
    /// What the host said of the time. A host on this machine has our clock and is no witness.
    pub witness: Option<Witness>,
}

impl Asked {
    /// Whether the host answered at all, whatever it said.
    ///
    /// # Errors
    /// [`FetchError`]: no answer came.
    pub fn reached(&self) -> Result<(), &FetchError> {
        match &self.answer {
            Ok(_) | Err(FetchError::TooLarge | FetchError::Unusable(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Asks whether anybody answers at an origin.
pub async fn ask_host(fetch: &dyn Fetch, clock: &dyn Clock, origin: &str) -> Asked {
    ask_at(fetch, clock, origin, &format!("{origin}/")).await
}

/// Asks for one address below an origin; only the status and the beginning of what comes back matter.
pub async fn ask_at(fetch: &dyn Fetch, clock: &dyn Clock, origin: &str, url: &str) -> Asked {
    let request = FetchRequest {
        url: url.to_owned(),
        accept: "*/*",
        max_bytes: HOST_BYTES,
        timeout_ms: HOST_MILLISECONDS,
        max_redirects: 0,
        allowed_hosts: vec![origin.to_owned()],
        validators: Validators::default(),
    };
    ask(fetch, clock, origin.to_owned(), request).await
}

/// Asks for a list, as the service does.
pub async fn ask_list(fetch: &dyn Fetch, clock: &dyn Clock, plan: &ListPlan, url: &str) -> Asked {
    ask_document(fetch, clock, refresh_trust::list_request(plan, url, Validators::default())).await
}

/// Asks for a pivot of a list of lists, as the service does.
pub async fn ask_pivot(fetch: &dyn Fetch, clock: &dyn Clock, plan: &ListPlan, location: &str) -> Asked {
    ask_document(fetch, clock, pivots::pivot_request(plan, location)).await
}

/// Asks for a list of revoked certificates, as the service does.
pub async fn ask_revocation_list(fetch: &dyn Fetch, clock: &dyn Clock, url: &str) -> Asked {
    ask_document(fetch, clock, refresh_revocation::list_request(url)).await
}

async fn ask_document(fetch: &dyn Fetch, clock: &dyn Clock, request: FetchRequest) -> Asked {
    let origin = StatusOrigin::of_url(&request.url).map_or_else(|| request.url.clone(), |origin| origin.text());
    ask(fetch, clock, origin, request).await
}

async fn ask(fetch: &dyn Fetch, clock: &dyn Clock, origin: String, request: FetchRequest) -> Asked {
    let here = Url::parse(&request.url).is_ok_and(|url| is_loopback(&url));
    let answer = fetch.get(request).await;
    let ours = clock.now();
    let theirs = answer.as_ref().ok().and_then(|response| response.date).filter(|_| !here);
    let witness = theirs.map(|theirs| Witness { host: origin.clone(), theirs, ours });
    Asked { origin, answer, witness }
}
