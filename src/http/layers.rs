//! What holds for every request, before and after its handler: limits, the host, one form of a path, deadlines, an end to
//! panics, headers of the answer, a line in the log.
//!
//! Rules kept here: OVP-RESP-16, GEN-14.

use super::client_address::{ClientAddress, Gateways, Origin};
use super::listener::Peer;
use super::problem::Problem;
use super::rate::Limiter;
use super::wallet::WalletProblem;
use crate::app::ports::Entropy;
use crate::domain::reason::Code;
use crate::telemetry::metrics::Metrics;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use http_body_util::LengthLimitError;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Longest time that a caller may wait for a change (`wait`), added to the deadline of readings.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The limits of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Largest body on the caller API and everywhere else but the wallet endpoints, in bytes.
    pub caller_body_bytes: usize,
    /// Largest body on the wallet endpoints, in bytes.
    pub wallet_body_bytes: usize,
    /// Largest block of header fields, names and values, in bytes.
    pub header_bytes: usize,
    /// Longest request target, in bytes.
    pub uri_bytes: usize,
    /// For the body to arrive.
    pub body_deadline: Duration,
    /// For the whole request.
    pub request_deadline: Duration,
    /// Most requests at once in each group of paths.
    pub in_flight: usize,
    /// Most requests to wallet endpoints and pages from one client, in a minute.
    pub client_requests_per_minute: u32,
    /// Most requests from one client, in a minute, with a name that does not exist or a key that nobody has.
    pub client_misses_per_minute: u32,
}

/// Sets of four clients that are told apart by the limits of a minute: 65 536 clients, 2 MiB for each limit.
const CLIENT_SETS: usize = 16_384;

/// Which part of the surface a path belongs to. The names are labels of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteGroup {
    /// The caller API.
    Caller,
    /// What wallets call.
    Wallet,
    /// What people see, and everything else.
    Page,
    /// Files that are the same for everybody and may be kept.
    Asset,
}

impl RouteGroup {
    /// The group of a path.
    pub fn of(path: &str) -> Self {
        match path.split('/').nth(1) {
            Some("v1") => Self::Caller,
            Some("wallet") => Self::Wallet,
            Some("assets" | "docs") => Self::Asset,
            _ => Self::Page,
        }
    }

    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Wallet => "wallet",
            Self::Page => "page",
            Self::Asset => "asset",
        }
    }
}

/// What the layers need to know.
pub struct Guard {
    /// The host under which the public reaches the service, with the port unless it is the usual one.
    authority: String,
    /// Further hosts for the caller API.
    caller_hosts: Vec<String>,
    limits: RequestLimits,
    entropy: Arc<dyn Entropy>,
    metrics: Arc<Metrics>,
    callers: Semaphore,
    wallets: Semaphore,
    pages: Semaphore,
    gateways: Gateways,
    requests: Limiter,
    misses: Limiter,
    /// When the first request came; the limits of a minute count from it.
    began: OnceLock<Instant>,
}

impl Guard {
    /// For a service under this host. `authority` and `caller_hosts` are compared without regard to case.
    pub fn new(
        authority: &str,
        caller_hosts: Vec<String>,
        limits: RequestLimits,
        gateways: Gateways,
        entropy: Arc<dyn Entropy>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let permits = || Semaphore::new(limits.in_flight);
        Self {
            authority: authority.to_owned(),
            caller_hosts,
            limits,
            entropy,
            metrics,
            callers: permits(),
            wallets: permits(),
            pages: permits(),
            gateways,
            requests: Limiter::new(limits.client_requests_per_minute, CLIENT_SETS),
            misses: Limiter::new(limits.client_misses_per_minute, CLIENT_SETS),
            began: OnceLock::new(),
        }
    }

    /// Whose share of a minute a request takes from. `None` if that cannot be known, or nobody's; then only the limits for
    /// everybody hold: the address of a gateway stands for all who come through it.
    fn visit(&self, request: &Request, group: RouteGroup, at: Instant) -> Option<Visit> {
        if group == RouteGroup::Asset {
            return None;
        }
        let peer = request.extensions().get::<Peer>().copied();
        match self.gateways.origin(peer, request.headers()) {
            Origin::Client(client) => {
                Some(Visit { client, group, at: at.saturating_duration_since(*self.began.get_or_init(|| at)) })
            }
            Origin::Unnamed => {
                self.metrics.clients_unnamed.inc();
                None
            }
            Origin::Unknown => None,
        }
    }

    /// Whether the client may ask once more (REQ-002, SES-011, API-002).
    fn admit(&self, visit: Visit) -> Result<(), Problem> {
        let Visit { client, group, at } = visit;
        // Callers have a quota by their key, and may share an address with many.
        let requests = if group == RouteGroup::Caller { Ok(()) } else { self.requests.take(&client, at) };
        requests.and_then(|()| self.misses.check(&client, at)).map_err(|wait| {
            Problem::new(Code::RateLimited, "too many requests from this address").with_retry_after(wait.0)
        })
    }

    /// Counts guesses: of keys on the caller API, of handles on the other paths.
    fn count_miss(&self, visit: Visit, status: StatusCode) {
        let miss = if visit.group == RouteGroup::Caller { StatusCode::UNAUTHORIZED } else { StatusCode::NOT_FOUND };
        if status == miss {
            // Whether it was the last one is asked at the next request.
            self.misses.take(&visit.client, visit.at).ok();
        }
    }

    /// A place among the requests of this group. Long waits of callers must not keep wallets out.
    fn permit(&self, group: RouteGroup) -> Result<SemaphorePermit<'_>, Problem> {
        let places = match group {
            RouteGroup::Caller => &self.callers,
            RouteGroup::Wallet => &self.wallets,
            RouteGroup::Page | RouteGroup::Asset => &self.pages,
        };
        places.try_acquire().map_err(|_| Code::Overloaded.into())
    }

    /// Everything that can be said before the body: cheap, and in this order.
    fn check_head(&self, parts: &Parts, group: RouteGroup) -> Result<(), Problem> {
        check_sizes(parts, self.limits)?;
        check_path(parts.uri.path())?;
        check_framing(&parts.headers)?;
        self.check_host(parts, group)?;
        check_coding(&parts.headers)?;
        check_length(&parts.headers, self.body_bytes(parts, group))
    }

    fn body_bytes(&self, parts: &Parts, group: RouteGroup) -> usize {
        match group {
            // What a wallet answered, also if a browser carried it.
            RouteGroup::Wallet => self.limits.wallet_body_bytes,
            RouteGroup::Caller | RouteGroup::Page if parts.uri.path().ends_with("/dc-api") => {
                self.limits.wallet_body_bytes
            }
            _ => self.limits.caller_body_bytes,
        }
    }

    /// The host must be ours, wherever it stands (HTT-017). What gateways add (`X-Forwarded-Host`, `Forwarded`) is not
    /// read at all: addresses in requests come from the configuration.
    fn check_host(&self, parts: &Parts, group: RouteGroup) -> Result<(), Problem> {
        let mut fields = parts.headers.get_all(header::HOST).iter();
        let field = fields.next();
        if fields.next().is_some() || (field.is_none() && parts.version == Version::HTTP_11) {
            return Err(Problem::new(Code::BadRequest, "exactly one Host field is needed"));
        }
        let target = parts.uri.authority().map(axum::http::uri::Authority::as_str);
        let field = field.map(|value| value.to_str().unwrap_or_default());
        let mut named = target.into_iter().chain(field).peekable();
        if named.peek().is_none() || !named.all(|host| self.is_ours(host, group)) {
            return Err(Code::HostNotAllowed.into());
        }
        Ok(())
    }

    fn is_ours(&self, host: &str, group: RouteGroup) -> bool {
        let also = self.caller_hosts.iter().filter(|_| group == RouteGroup::Caller);
        std::iter::once(&self.authority).chain(also).any(|ours| ours.eq_ignore_ascii_case(host))
    }

    async fn body(&self, body: Body, most: usize) -> Result<Bytes, Problem> {
        let read = axum::body::to_bytes(body, most);
        match tokio::time::timeout(self.limits.body_deadline, read).await {
            Err(_) => Err(Code::RequestTimeout.into()),
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => {
                let cause = std::error::Error::source(&error);
                let is_too_large = cause.is_some_and(<dyn std::error::Error>::is::<LengthLimitError>);
                Err(if is_too_large { Code::PayloadTooLarge } else { Code::BadRequest }.into())
            }
        }
    }

    fn deadline(&self, parts: &Parts, group: RouteGroup) -> Duration {
        let may_wait = group == RouteGroup::Caller && parts.method == Method::GET && parts.uri.query().is_some();
        self.limits.request_deadline.saturating_add(if may_wait { LONGEST_WAIT } else { Duration::ZERO })
    }
}

/// A request that takes from its client's share.
#[derive(Clone, Copy)]
struct Visit {
    client: ClientAddress,
    group: RouteGroup,
    at: Duration,
}

/// The id of one request, in its answer and in the log: a random UUID (RFC 9562 section 5.4).
#[derive(Debug, Clone)]
pub struct RequestId(String);

impl RequestId {
    fn draw(entropy: &dyn Entropy) -> Result<Self, Problem> {
        let uuid = |mut bytes: [u8; 16]| {
            let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
            *version = *version & 0x0f | 0x40;
            *variant = *variant & 0x3f | 0x80;
            let mut text = String::with_capacity(36);
            for (index, byte) in bytes.iter().enumerate() {
                if matches!(index, 4 | 6 | 8 | 10) {
                    text.push('-');
                }
                write!(text, "{byte:02x}").ok();
            }
            Self(text)
        };
        Ok(entropy.draw(uuid)?)
    }

    /// The UUID.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Puts the layers around all routes.
pub fn guarded(router: Router, guard: Arc<Guard>) -> Router {
    router.layer(from_fn_with_state(guard, handle))
}

async fn handle(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    #[expect(clippy::disallowed_methods, reason = "a measurement for the log; nothing is decided by it")]
    let started = Instant::now();
    let group = RouteGroup::of(request.uri().path());
    let method = known_method(request.method());
    // The pattern, never the path itself: handles stand in it.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let visit = guard.visit(&request, group, started);
    let id = RequestId::draw(&*guard.entropy);
    let (id, result) = match (id, visit.map_or(Ok(()), |visit| guard.admit(visit))) {
        (Ok(id), Ok(())) => (Some(id.clone()), answer(&guard, request, group, id, next).await),
        (Ok(id), Err(problem)) => (Some(id), Err(problem)),
        (Err(problem), _) => (None, Err(problem)),
    };
    let response = finish(result, group, id.as_ref());
    // At a path that does not exist there is nothing to guess; browsers ask for pictures that nobody offers.
    if let Some(visit) = visit.filter(|_| route.is_some()) {
        guard.count_miss(visit, response.status());
    }
    let status = response.status().as_u16();
    guard.metrics.request(group.as_str(), status);
    tracing::info!(
        request = id.as_ref().map(RequestId::as_str),
        method,
        route = route.as_ref().map_or(group.as_str(), MatchedPath::as_str),
        status,
        code = response.extensions().get::<Problem>().map(|problem| problem.code().as_str()),
        milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "answered"
    );
    response
}

/// The handler's answer, or why the request did not reach it.
async fn answer(
    guard: &Guard,
    request: Request,
    group: RouteGroup,
    id: RequestId,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    guard.check_head(&parts, group)?;
    let deadline = guard.deadline(&parts, group);
    let most = guard.body_bytes(&parts, group);
    let _permit = guard.permit(group)?;
    let work = async {
        // Handlers get a body that is there as a whole, so no limit of theirs can be missing.
        let bytes = guard.body(body, most).await?;
        parts.extensions.insert(id.clone());
        let handled = AssertUnwindSafe(next.run(Request::from_parts(parts, Body::from(bytes)))).catch_unwind().await;
        handled.map_err(|_| {
            tracing::error!(request = id.as_str(), "a handler panicked");
            Problem::from(Code::InternalError)
        })
    };
    tokio::time::timeout(deadline, work).await.unwrap_or_else(|_| {
        tracing::warn!(request = id.as_str(), group = group.as_str(), "no answer within the deadline");
        Err(Code::Overloaded.into())
    })
}

/// Gives every answer its headers, and every bare error its body.
fn finish(result: Result<Response, Problem>, group: RouteGroup, id: Option<&RequestId>) -> Response {
    let instance = id.map(|id| format!("urn:uuid:{}", id.as_str()));
    let mut response = match result {
        Err(problem) => {
            let closes = matches!(
                problem.code(),
                Code::PayloadTooLarge | Code::RequestTimeout | Code::BadRequest | Code::RateLimited
            );
            let mut response = refuse(problem, group, instance.as_deref());
            if closes {
                // What is left of the body is not waited for (HTT-015).
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response
        }
        Ok(response) => match response.extensions().get::<Problem>().cloned().or_else(|| bare_problem(&response)) {
            Some(problem) => {
                let mut rendered = refuse(problem, group, instance.as_deref());
                if let Some(allow) = response.headers().get(header::ALLOW) {
                    rendered.headers_mut().insert(header::ALLOW, allow.clone());
                }
                rendered
            }
            None => response,
        },
    };
    let headers = response.headers_mut();
    set_headers(headers, group);
    if let Some(id) = id.and_then(|id| HeaderValue::from_str(id.as_str()).ok()) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

/// A problem in the form of its reader: wallets know only that of OAuth.
fn refuse(problem: Problem, group: RouteGroup, instance: Option<&str>) -> Response {
    let rendered = problem.render(instance);
    if group != RouteGroup::Wallet {
        return rendered;
    }
    let retry_after = rendered.headers().get(header::RETRY_AFTER).cloned();
    let mut response = WalletProblem::from(problem.clone()).into_response();
    if let Some(retry_after) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, retry_after);
    }
    response.extensions_mut().insert(problem);
    response
}

/// Whether an error has no body that says what is wrong: it came from the framework, not from a handler.
fn is_bare(response: &Response) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    response.status().as_u16() >= 400 && content_type.is_none_or(|kind| kind.starts_with("text/plain"))
}

fn bare_problem(response: &Response) -> Option<Problem> {
    is_bare(response).then(|| {
        let code = match response.status().as_u16() {
            404 => Code::NotFound,
            405 => Code::MethodNotAllowed,
            408 => Code::RequestTimeout,
            413 => Code::PayloadTooLarge,
            415 => Code::UnsupportedMediaType,
            431 => Code::HeaderFieldsTooLarge,
            400..=499 => Code::BadRequest,
            503 => Code::Overloaded,
            _ => Code::InternalError,
        };
        code.into()
    })
}

fn set_headers(headers: &mut HeaderMap, group: RouteGroup) {
    let fixed = |text: &'static str| HeaderValue::from_static(text);
    // REQ-020: nothing that belongs to somebody is kept by anybody.
    if group != RouteGroup::Asset || !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, fixed("no-store"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), fixed("same-origin"));
    let policy = match group {
        RouteGroup::Page => {
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'"
        }
        _ => "default-src 'none'; frame-ancestors 'none'",
    };
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(fixed(policy));
}

/// HTT-008.
fn check_sizes(parts: &Parts, limits: RequestLimits) -> Result<(), Problem> {
    let uri = parts.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let fields = parts.headers.iter().fold(0_usize, |sum, (name, value)| {
        // Each with the four bytes of `: ` and the line break.
        sum.saturating_add(name.as_str().len()).saturating_add(value.len()).saturating_add(4)
    });
    if uri > limits.uri_bytes || fields > limits.header_bytes {
        return Err(Code::HeaderFieldsTooLarge.into());
    }
    Ok(())
}

/// One form of every path: segments of unreserved characters, none empty, none of dots (HTT-021). Nothing is decoded or
/// folded, so that a gateway and this service never mean different things by one path.
fn check_path(path: &str) -> Result<(), Problem> {
    let canonical = |segment: &str| {
        !segment.is_empty()
            && !segment.ends_with('.')
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    let is_canonical = path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(canonical));
    if is_canonical { Ok(()) } else { Err(Code::NotFound.into()) }
}

/// What `hyper` lets pass and others read differently: codings around `chunked` and a change of protocol (HTT-012,
/// HTT-014). A length beside `chunked` is void; `hyper` takes it out and closes the connection. An offer of HTTP/2 on a plain connection is ignored, as RFC 9110 section 7.8 allows:
/// common clients make it unasked.
fn check_framing(headers: &HeaderMap) -> Result<(), Problem> {
    let refused = |detail: &'static str| Err(Problem::new(Code::BadRequest, detail));
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next()
        && (!coding.as_bytes().eq_ignore_ascii_case(b"chunked") || codings.next().is_some())
    {
        return refused("the only transfer coding is chunked, once");
    }
    let offers_http2 = headers.contains_key("http2-settings");
    match headers.get(header::UPGRADE) {
        Some(protocol) if !(offers_http2 && protocol.as_bytes().eq_ignore_ascii_case(b"h2c")) => {
            refused("no other protocol is spoken here")
        }
        _ => Ok(()),
    }
}

/// HTT-007.
fn check_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let coded = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if headers.get_all(header::CONTENT_ENCODING).iter().any(coded) {
        return Err(Problem::new(Code::UnsupportedMediaType, "bodies are taken without a content coding"));
    }
    Ok(())
}

/// HTT-005: from the header alone.
fn check_length(headers: &HeaderMap, most: usize) -> Result<(), Problem> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(()) };
    match value.to_str().ok().and_then(|text| text.parse::<usize>().ok()) {
        Some(length) if length <= most => Ok(()),
        Some(_) => Err(Code::PayloadTooLarge.into()),
        None => Err(Code::BadRequest.into()),
    }
}

fn known_method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        _ => "other",
    }
}
