//! The listener and its layers against clients that misbehave, over real sockets.
//!
//! No test measures how fast something is, as machines may be busy. In each, only the limit that it proves is near; all
//! others are farther away than a test waits, so nothing else can end what is waited for.

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::routing::{get, post};
use pruefstein::adapters::entropy::OsEntropy;
use pruefstein::domain::reason::Code;
use pruefstein::http::client_address::{AddressHeader, Gateways};
use pruefstein::http::layers::{Guard, RequestLimits, guarded};
use pruefstein::http::listener::{ConnectionLimits, serve};
use pruefstein::http::pace::Patience;
use pruefstein::http::problem::Problem;
use pruefstein::telemetry::metrics::Metrics;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

const HOST: &str = "verifier.example";
/// More than the buffers between two sockets hold.
const BIG: usize = 64 * 1024 * 1024;
/// A limit that is to be reached.
const NEAR: Duration = Duration::from_millis(500);
/// A limit that is not.
const FAR: Duration = Duration::from_mins(2);
/// After this time, far from every limit, a test fails: nothing has ended what it waits for.
const NEVER: Duration = Duration::from_secs(30);

struct Service {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    /// Requests that have reached a handler which takes its time.
    begun: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Service {
    async fn new() -> Self {
        Self::with(|_, _| ()).await
    }

    async fn with(change: impl FnOnce(&mut RequestLimits, &mut ConnectionLimits)) -> Self {
        Self::behind(Gateways::None, change).await
    }

    async fn behind(gateways: Gateways, change: impl FnOnce(&mut RequestLimits, &mut ConnectionLimits)) -> Self {
        let mut requests = RequestLimits {
            caller_body_bytes: 1_000,
            wallet_body_bytes: 5_000,
            header_bytes: 16 * 1024,
            uri_bytes: 8 * 1024,
            body_deadline: FAR,
            request_deadline: FAR,
            in_flight: 10,
            client_requests_per_minute: 1_000_000,
            client_misses_per_minute: 1_000_000,
        };
        let mut connections = ConnectionLimits {
            connections: 50,
            header_bytes: 16 * 1024,
            patience: Patience { header: FAR, idle: FAR, write: FAR },
            shutdown: FAR,
        };
        change(&mut requests, &mut connections);
        let metrics = Arc::new(Metrics::new());
        let begun = Arc::new(AtomicUsize::new(0));
        let busy = |time: Duration| {
            let begun = Arc::clone(&begun);
            get(async move || {
                begun.fetch_add(1, Ordering::SeqCst);
                sleep(time).await;
            })
        };
        let router = Router::new()
            .route("/", get(|| async { "root" }))
            .route("/v1/echo", post(|body: Bytes| async move { body }))
            .route("/wallet/echo", post(|body: Bytes| async move { body }))
            .route("/v1/closed", get(|| async { Problem::from(Code::Unauthenticated) }))
            .route("/wallet/requests/{handle}", get(known))
            .route("/p/{handle}", get(known))
            .route("/v1/slow", busy(FAR))
            .route("/v1/nap", busy(NEAR))
            .route("/v1/panic", get(panicking))
            .route("/v1/big", get(|| async { vec![0_u8; BIG] }))
            .route("/v1/problem", get(|| async { Problem::from(Code::InvalidQuery) }))
            .route("/assets/x.css", get(|| async { ([("cache-control", "public, max-age=3600")], "css") }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let caller_hosts = vec!["intern:8080".to_owned(), address.to_string()];
        let guard = Guard::new(HOST, caller_hosts, requests, gateways, Arc::new(OsEntropy), Arc::clone(&metrics));
        let router = guarded(router, Arc::new(guard));
        let (stop, stopped) = oneshot::channel::<()>();
        let told = async move {
            stopped.await.ok();
        };
        let task = tokio::spawn(serve(listener, router, connections, Arc::clone(&metrics), told));
        Self { address, metrics, begun, stop: Some(stop), task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes and reads until the connection ends.
    async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.ok();
        read_all(&mut stream).await
    }

    /// Sends one request with `Connection: close`.
    async fn ask(&self, method: &str, target: &str, fields: &str, body: &str) -> Answer {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let text = self
            .raw(format!(
                "{method} {target} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{fields}{length}\r\n{body}"
            ))
            .await;
        Answer::parse(&text)
    }

    fn metric(&self, line: &str) -> bool {
        self.metrics.text().unwrap().lines().any(|found| found == line)
    }

    /// Waits until the metrics have this line.
    async fn until_metric(&self, line: &str) {
        until(line, || self.metric(line)).await;
    }

    /// Waits until so many requests are at work.
    async fn until_begun(&self, requests: usize) {
        until("requests at work", || self.begun.load(Ordering::SeqCst) >= requests).await;
    }
}

#[expect(clippy::panic, reason = "this is the panic to be caught")]
async fn panicking() {
    panic!("with a secret in its message")
}

/// One handle exists.
async fn known(Path(handle): Path<String>) -> Result<&'static str, Problem> {
    if handle == "known" { Ok("found") } else { Err(Code::UnknownRequest.into()) }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Everything until the other side closes.
async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut received = Vec::new();
    // A reset is an end, too.
    timeout(NEVER, stream.read_to_end(&mut received)).await.expect("the other side closes").ok();
    String::from_utf8_lossy(&received).into_owned()
}

/// How long it takes until the other side closes; what it said.
async fn until_closed(stream: &mut TcpStream) -> (Duration, String) {
    let started = Instant::now();
    let text = read_all(stream).await;
    (started.elapsed(), text)
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let looking = async {
        while !holds() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(NEVER, looking).await.unwrap_or_else(|_| panic!("it never comes to this: {what}"));
}

#[tokio::test]
async fn honest_requests_are_answered() {
    // GEN-14, FIX-06: no page tells the next one its address.
    let service = Service::new().await;
    let answer = service.ask("POST", "/v1/echo", "", "hello").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "hello"));
    for line in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "content-security-policy: default-src 'none'",
        "x-request-id: ",
    ] {
        assert!(answer.head.contains(line), "{line} is not in {}", answer.head);
    }
    let page = service.ask("GET", "/", "", "").await;
    assert!(page.head.contains("style-src 'self'") && page.head.contains("cache-control: no-store"));
    let asset = service.ask("GET", "/assets/x.css", "", "").await;
    assert!(asset.head.contains("cache-control: public, max-age=3600"), "{}", asset.head);
    assert!(service.metric("pruefstein_requests_total{group=\"caller\",status=\"2xx\"} 1"));
}

#[tokio::test]
async fn problems_name_their_request() {
    let service = Service::new().await;
    let answer = service.ask("GET", "/v1/problem", "", "").await;
    let id = answer.head.split("x-request-id: ").nth(1).unwrap().lines().next().unwrap();
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["instance"], format!("urn:uuid:{id}"));
    assert_eq!(id.len(), 36);
    // A UUID of version 4, another one each time.
    assert_eq!(&id[14..15], "4");
    let again = service.ask("GET", "/v1/problem", "", "").await;
    assert!(!again.head.contains(id));
}

#[tokio::test]
async fn slow_headers_end_the_connection() {
    // HTT-001: one byte now and then; HTT-002: nothing at all, or half of the HTTP/2 preface.
    let service = Service::with(|_, limits| limits.patience.header = NEAR).await;
    let mut dribbling = service.connect().await;
    let (mut silent, mut preface) = (service.connect().await, service.connect().await);
    preface.write_all(b"PRI * HT").await.unwrap();
    dribbling.write_all(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX: ").as_bytes()).await.unwrap();
    let dribble = async {
        while dribbling.write_all(b"y").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(NEVER, dribble).await.expect("dribbling does not keep it open");
    for stream in [&mut silent, &mut preface] {
        until_closed(stream).await;
    }
    let mut half = service.connect().await;
    half.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    let (took, text) = until_closed(&mut half).await;
    assert!(took >= NEAR * 4 / 5, "{took:?}");
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
    assert_eq!(service.ask("GET", "/", "", "").await.status, 200);
}

#[tokio::test]
async fn honest_requests_go_through_among_hundreds_of_slow_ones() {
    // HTT-001 at the size that the open files of a test allow; each slow connection costs this process two.
    let slow = async |service: &Service, count: usize| {
        let mut slow = Vec::new();
        for _ in 0..count {
            let mut stream = service.connect().await;
            stream.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
            slow.push(stream);
        }
        slow
    };
    let service = Service::with(|_, limits| limits.connections = 2_000).await;
    let held = slow(&service, 400).await;
    service.until_metric("pruefstein_connections 400").await;
    for _ in 0..50 {
        assert_eq!(service.ask("GET", "/", "", "").await.status, 200);
    }
    service.until_metric("pruefstein_connections 400").await;
    drop(held);
    // And they are gone when their time is over.
    let service = Service::with(|_, limits| {
        limits.connections = 2_000;
        limits.patience.header = NEAR;
    })
    .await;
    for mut stream in slow(&service, 100).await {
        until_closed(&mut stream).await;
    }
    service.until_metric("pruefstein_connections 0").await;
}

#[tokio::test]
async fn the_second_request_of_a_connection_has_its_deadline_too() {
    let service = Service::with(|_, limits| limits.patience.header = NEAR).await;
    let mut stream = service.connect().await;
    let request = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let mut buffer = [0; 2048];
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).await.unwrap();
        let read = timeout(NEVER, stream.read(&mut buffer)).await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&buffer[..read]).starts_with("HTTP/1.1 200"), "{read}");
        // A rest longer than the deadline of a header is no offence.
        sleep(NEAR * 2).await;
    }
    stream.write_all(b"GET / HT").await.unwrap();
    let (_, text) = until_closed(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 408 "), "{text}");
}

#[tokio::test]
async fn rest_has_an_end() {
    let service = Service::with(|_, limits| limits.patience.idle = NEAR).await;
    let mut stream = service.connect().await;
    stream.write_all(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
    let (took, text) = until_closed(&mut stream).await;
    assert!(took >= NEAR * 4 / 5, "{took:?}");
    assert!(text.starts_with("HTTP/1.1 200") && !text.contains("408"), "{text}");
}

#[tokio::test]
async fn slow_bodies_end_the_request() {
    // HTT-003.
    let service = Service::with(|limits, _| limits.body_deadline = NEAR).await;
    let mut stream = service.connect().await;
    let head = format!("POST /v1/echo HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = stream.split();
    let dribble = async {
        loop {
            sleep(Duration::from_millis(30)).await;
            if writer.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let text = tokio::select! {
        () = dribble => unreachable!("it never ends"),
        text = read_all(&mut reader) => text,
    };
    let answer = Answer::parse(&text);
    assert_eq!((answer.status, answer.code().as_str()), (408, "request_timeout"));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    // HTT-004.
    let service = Service::with(|_, limits| limits.patience.write = NEAR).await;
    let mut stream = service.connect().await;
    stream.write_all(format!("GET /v1/big HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
    service.until_metric("pruefstein_requests_total{group=\"caller\",status=\"2xx\"} 1").await;
    service.until_metric("pruefstein_connections 0").await;
    assert!(read_all(&mut stream).await.len() < BIG, "all of it was written");
}

#[tokio::test]
async fn lengths_are_refused_from_the_header_alone() {
    // HTT-005: 1 GiB announced, nothing sent; the answer comes without it and the connection ends.
    let service = Service::new().await;
    for (path, length, status) in [
        ("/v1/echo", "1073741824", 413),
        ("/v1/echo", "1001", 413),
        ("/v1/echo", "99999999999999999999999999", 400),
        ("/wallet/echo", "5001", 413),
        // What a browser carried is as large as what a wallet posts.
        ("/v1/presentations/x/dc-api", "5001", 413),
    ] {
        let text =
            service.raw(format!("POST {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {length}\r\n\r\n")).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {length}: {text}");
    }
    // Each group has its own limit, and wallets learn no more than they may.
    assert_eq!(service.ask("POST", "/wallet/echo", "", &"x".repeat(5_000)).await.status, 200);
    assert_eq!(service.ask("POST", "/v1/presentations/x/dc-api", "", &"x".repeat(5_000)).await.status, 404);
    let refused = service.ask("POST", "/wallet/echo", "", &"x".repeat(5_001)).await;
    assert!(refused.body.contains("\"error\":\"invalid_request\"") && refused.code().is_empty(), "{}", refused.body);
}

#[tokio::test]
async fn bodies_without_length_are_cut_too() {
    let service = Service::new().await;
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    let head = format!("POST /v1/echo HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let answer = Answer::parse(&service.raw(format!("{head}{}0\r\n\r\n", chunk.repeat(3))).await);
    assert_eq!((answer.status, answer.code().as_str()), (413, "payload_too_large"));
    let last = head.replace("Host", "Connection: close\r\nHost");
    assert!(service.raw(format!("{last}{chunk}0\r\n\r\n")).await.starts_with("HTTP/1.1 200"));
    let broken = service.raw(format!("{head}zz\r\nx\r\n")).await;
    assert!(broken.starts_with("HTTP/1.1 400"), "{broken}");
}

#[tokio::test]
async fn large_headers_and_addresses_are_refused() {
    // HTT-008.
    let service = Service::new().await;
    let field = |bytes: usize| format!("X-Large: {}\r\n", "x".repeat(bytes));
    assert_eq!(service.ask("GET", "/", &field(15_000), "").await.status, 200);
    let answer = service.ask("GET", "/", &field(17_000), "").await;
    assert_eq!((answer.status, answer.code().as_str()), (431, "header_fields_too_large"));
    assert_eq!(service.ask("GET", "/", &field(1024 * 1024), "").await.status, 431);
    assert_eq!(service.ask("GET", "/", &"X: y\r\n".repeat(500), "").await.status, 431);
    let long = |bytes: usize| format!("/?{}", "x".repeat(bytes));
    assert_eq!(service.ask("GET", &long(8_000), "", "").await.status, 200);
    assert_eq!(service.ask("GET", &long(9_000), "", "").await.status, 431);
    let huge = service.ask("GET", &long(64 * 1024), "", "").await.status;
    assert!(huge == 431 || huge == 414, "{huge}");
}

#[tokio::test]
async fn framing_tricks_are_refused_and_closed() {
    // HTT-012, HTT-014: what follows is never read as a request.
    let service = Service::new().await;
    let smuggled = format!("GET /v1/problem HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    for fields in [
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: +5\r\n",
        "X: a\r\n b\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\n",
        "Host: other.example\r\n",
        "Bad Name: x\r\n",
    ] {
        let text =
            service.raw(format!("POST /v1/echo HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n0\r\n\r\n{smuggled}")).await;
        assert!(text.starts_with("HTTP/1.1 400 "), "{fields:?}: {text}");
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{fields:?}: {text}");
    }
    // A length beside the coding is void, and nothing more is read from the connection (RFC 9112 section 6.1).
    for fields in
        ["Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"]
    {
        let mut stream = service.connect().await;
        let request = format!("POST /v1/echo HTTP/1.1\r\nHost: {HOST}\r\n{fields}\r\n0\r\n\r\n{smuggled}");
        stream.write_all(request.as_bytes()).await.unwrap();
        let text = read_all(&mut stream).await;
        assert_eq!(text.matches("HTTP/1.1").count(), 1, "{fields:?}: {text}");
    }
    let old = service.raw("POST /v1/echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 400") || old.starts_with("HTTP/1.1 400"), "{old}");
    // The usual offer of HTTP/2 is not taken up, and not an offence.
    let offer = "Connection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let text = service.raw(format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n{offer}\r\n")).await;
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
}

#[tokio::test]
async fn only_our_host_is_served() {
    // HTT-017, HTT-019.
    let service = Service::new().await;
    let with_host = async |target: &str, host: &str| {
        Answer::parse(&service.raw(format!("GET {target} HTTP/1.1\r\n{host}Connection: close\r\n\r\n")).await)
    };
    for (target, host, status) in [
        ("/", "Host: verifier.example\r\n", 200),
        ("/", "Host: VERIFIER.example\r\n", 200),
        ("/", "Host: evil.example\r\n", 421),
        ("/", "Host: verifier.example:444\r\n", 421),
        ("/", "Host: verifier.example.evil.example\r\n", 421),
        ("/", "Host: \r\n", 421),
        ("/", "", 400),
        ("/", "Host: intern:8080\r\n", 421),
        ("/v1/problem", "Host: intern:8080\r\n", 422),
        ("http://evil.example/", "Host: verifier.example\r\n", 421),
        ("http://verifier.example/", "Host: verifier.example\r\n", 200),
        ("/", "Host: evil.example\r\nX-Forwarded-Host: verifier.example\r\n", 421),
        ("/", "Host: verifier.example\r\nX-Forwarded-Host: evil.example\r\n", 200),
        ("/nothing", "Host: verifier.example\r\nX-Original-URL: /\r\n", 404),
    ] {
        let answer = with_host(target, host).await;
        assert_eq!(answer.status, status, "{target} {host:?}: {}", answer.body);
    }
    let foreign = with_host("/", "Host: evil.example\r\n").await;
    assert_eq!(foreign.code(), "host_not_allowed");
}

#[tokio::test]
async fn a_path_has_one_form() {
    // HTT-021.
    let service = Service::new().await;
    assert_eq!(service.ask("GET", "/v1/problem?a=%2e%2e", "", "").await.status, 422);
    for target in [
        "//v1/problem",
        "/v1//problem",
        "/v1/problem/",
        "/./v1/problem",
        "/v1/../v1/problem",
        "/v1/%70roblem",
        "/v1%2fproblem",
        "/v1/%2e%2e/v1/problem",
        "/v1/problem;x=y",
        "/v1/problem.",
        "/V1/problem",
        "/v1/Problem",
        "/v1/problem%00",
        "/v1\\problem",
        "/nothing",
    ] {
        let answer = service.ask("GET", target, "", "").await;
        assert!(answer.status == 404 || answer.status == 400, "{target}: {}", answer.status);
    }
    let missing = service.ask("GET", "/nothing", "", "").await;
    assert_eq!(missing.code(), "not_found");
    let method = service.ask("DELETE", "/v1/echo", "", "").await;
    assert_eq!((method.status, method.code().as_str()), (405, "method_not_allowed"));
    assert!(method.head.contains("allow: post"), "{}", method.head);
}

#[tokio::test]
async fn codings_of_requests_are_refused() {
    // HTT-007.
    let service = Service::new().await;
    for coding in ["gzip", "br", "identity, gzip"] {
        let answer = service.ask("POST", "/v1/echo", &format!("Content-Encoding: {coding}\r\n"), "x").await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "unsupported_media_type"), "{coding}");
    }
    assert_eq!(service.ask("POST", "/v1/echo", "Content-Encoding: identity\r\n", "x").await.status, 200);
}

#[tokio::test]
async fn expectations_are_honoured_after_the_limits() {
    // HTT-034.
    let service = Service::new().await;
    let expect = |length: usize| {
        format!("POST /v1/echo HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n")
    };
    let refused = service.raw(expect(1_000_000)).await;
    assert!(refused.starts_with("HTTP/1.1 413"), "{refused}");
    let mut stream = service.connect().await;
    stream.write_all(expect(2).as_bytes()).await.unwrap();
    let mut buffer = [0; 512];
    let read = timeout(NEVER, stream.read(&mut buffer)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&buffer[..read]).starts_with("HTTP/1.1 100"));
    stream.write_all(b"ok").await.unwrap();
    let read = timeout(NEVER, stream.read(&mut buffer)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&buffer[..read]).starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_panic_is_an_error_and_no_more() {
    let service = Service::new().await;
    let answer = service.ask("GET", "/v1/panic", "", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (500, "internal_error"));
    assert!(!answer.body.contains("secret"), "{}", answer.body);
    assert_eq!(service.ask("GET", "/", "", "").await.status, 200);
}

#[tokio::test]
async fn too_much_at_once_is_refused_and_other_groups_go_on() {
    let service = Service::with(|limits, _| limits.in_flight = 2).await;
    let held: Vec<_> = [(); 2].map(|()| service.raw(format!("GET /v1/slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n"))).into();
    let check = async {
        service.until_begun(2).await;
        let answer = service.ask("GET", "/v1/problem", "", "").await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"));
        assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
        assert_eq!(service.ask("POST", "/wallet/echo", "", "x").await.status, 200);
        assert_eq!(service.ask("GET", "/", "", "").await.status, 200);
    };
    tokio::select! {
        _ = futures_util::future::join_all(held) => unreachable!("slow ones are not answered meanwhile"),
        () = check => {}
    }
}

fn gateways(network: &str, header: AddressHeader) -> Gateways {
    Gateways::Known { networks: vec![network.parse().unwrap()], header }
}

#[tokio::test]
async fn what_a_client_says_of_its_address_changes_nothing() {
    // HTT-016, SES-011: one page in a minute, however often it is asked for anew and whoever it is said to be for.
    let one = |limits: &mut RequestLimits, _: &mut ConnectionLimits| limits.client_requests_per_minute = 1;
    for gateways in [Gateways::None, gateways("192.0.2.0/24", AddressHeader::XForwardedFor)] {
        let service = Service::behind(gateways, one).await;
        assert_eq!(service.ask("GET", "/p/known", "", "").await.status, 200);
        for (number, name) in ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP"].into_iter().enumerate() {
            let field = if name == "Forwarded" { "for=" } else { "" };
            let field = format!("{name}: {field}198.51.100.{number}\r\n");
            let answer = service.ask("GET", "/p/known", &field, "").await;
            assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limited"), "{field}");
            assert!(answer.head.contains("retry-after: 60") && answer.head.contains("connection: close"));
        }
        let wallet = service.ask("POST", "/wallet/echo", "", "x").await;
        assert_eq!(wallet.status, 429);
        assert!(wallet.body.contains("\"error\":\"invalid_request\"") && wallet.code().is_empty(), "{}", wallet.body);
        assert!(wallet.head.contains("retry-after: "), "{}", wallet.head);
        // Callers have a quota of their own, and what is the same for everybody costs nothing.
        assert_eq!(service.ask("POST", "/v1/echo", "", "x").await.status, 200);
        assert_eq!(service.ask("GET", "/assets/x.css", "", "").await.status, 200);
    }
}

#[tokio::test]
async fn clients_behind_a_gateway_are_told_apart() {
    // HTT-016.
    for (header, name, client) in
        [(AddressHeader::XForwardedFor, "X-Forwarded-For", ""), (AddressHeader::Forwarded, "Forwarded", "for=")]
    {
        let service = Service::behind(gateways("127.0.0.0/8", header), |limits, _| {
            limits.client_requests_per_minute = 1;
        })
        .await;
        let status = async |fields: &str| service.ask("GET", "/p/known", fields, "").await.status;
        assert_eq!(status(&format!("{name}: {client}192.0.2.1\r\n")).await, 200);
        assert_eq!(status(&format!("{name}: {client}192.0.2.1\r\n")).await, 429);
        assert_eq!(status(&format!("{name}: {client}198.51.100.9, {client}192.0.2.1\r\n")).await, 429, "invented");
        assert_eq!(status(&format!("{name}: {client}198.51.100.9\r\n{name}: {client}192.0.2.1\r\n")).await, 429);
        assert_eq!(status(&format!("{name}: {client}192.0.2.1, {client}127.0.0.9\r\n")).await, 429, "two gateways");
        assert_eq!(status(&format!("{name}: {client}192.0.2.2\r\n")).await, 200, "somebody else");
        assert!(service.metric("pruefstein_clients_unnamed_total 0"));
        // Without a usable name there is only the gateway's address, which stands for everybody.
        for fields in
            [String::new(), format!("{name}: {client}unknown\r\n"), format!("{name}: {client}192.0.2.1, \r\n")]
        {
            assert_eq!(status(&fields).await, 200, "{fields}");
        }
        assert!(service.metric("pruefstein_clients_unnamed_total 3"));
    }
}

#[tokio::test]
async fn behind_a_gateway_that_is_not_known_nobody_is_limited_for_others() {
    let service = Service::behind(Gateways::Unknown, |limits, _| {
        limits.client_requests_per_minute = 1;
        limits.client_misses_per_minute = 1;
    })
    .await;
    for _ in 0..5 {
        assert_eq!(service.ask("GET", "/p/known", "", "").await.status, 200);
        assert_eq!(service.ask("GET", "/p/guessed", "", "").await.status, 404);
    }
}

#[tokio::test]
async fn guesses_are_few() {
    // REQ-002: of handles; API-002: of keys.
    let few = |limits: &mut RequestLimits, _: &mut ConnectionLimits| limits.client_misses_per_minute = 3;
    for (path, miss) in [("/wallet/requests/guess", 404), ("/p/guess", 404), ("/v1/closed", 401)] {
        let service = Service::behind(gateways("127.0.0.0/8", AddressHeader::XForwardedFor), few).await;
        let status = async |path: &str, client: &str| {
            let field = format!("X-Forwarded-For: {client}\r\n");
            service.ask("GET", path, &field, "").await.status
        };
        for _ in 0..3 {
            // What exists, and paths that nobody offers, are no guesses.
            assert_eq!(status("/p/known", "192.0.2.1").await, 200);
            assert_eq!(status("/favicon.ico", "192.0.2.1").await, 404);
            assert_eq!(status(path, "192.0.2.1").await, miss);
        }
        for path in [path, "/p/known", "/wallet/requests/known", "/v1/problem"] {
            assert_eq!(status(path, "192.0.2.1").await, 429, "{path}");
        }
        assert_eq!(status(path, "192.0.2.2").await, miss, "others are not affected");
    }
}

#[tokio::test]
async fn an_early_answer_leaves_no_body_to_be_read_as_a_request() {
    // HTT-015: what a request announces as its body is never taken for the next one; either it is read to its end and the
    // connection goes on, or the connection ends.
    let service = Service::with(|limits, _| limits.in_flight = 1).await;
    let mut slow = service.connect().await;
    slow.write_all(format!("GET /v1/slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
    service.until_begun(1).await;
    let smuggled = format!("GET /p/known HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
    for (path, host, fields, status) in [
        ("/wallet/echo", "evil.example", "", 421),
        ("/wallet//echo", HOST, "", 404),
        ("/wallet/nothing", HOST, "", 404),
        ("/wallet/echo", HOST, "Content-Encoding: gzip\r\n", 415),
        ("/wallet/requests/known", HOST, "", 405),
        ("/v1/echo", HOST, "", 503),
    ] {
        let head =
            |length: usize| format!("POST {path} HTTP/1.1\r\nHost: {host}\r\n{fields}Content-Length: {length}\r\n\r\n");
        let refused = format!("HTTP/1.1 {status} ");
        // All of it at once: the body is a request, and a request of its own follows.
        let text = service.raw(format!("{}{smuggled}{smuggled}", head(smuggled.len()))).await;
        assert!(text.starts_with(&refused), "{path}: {text}");
        assert!(text.matches("found").count() <= 1, "{path}: {text}");
        // The body ends early: what came of it is not a request, and nobody waits for the rest longer than a limit.
        let mut stream = service.connect().await;
        stream.write_all(format!("{}{smuggled}", head(smuggled.len() + 100)).as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let text = read_all(&mut stream).await;
        let expected = [refused.as_str(), "HTTP/1.1 400 "].iter().any(|start| text.starts_with(start));
        assert!(text.is_empty() || expected, "{path}: {text}");
        assert!(!text.contains("found"), "{path}: {text}");
    }
}

#[tokio::test]
async fn work_has_a_deadline() {
    let service = Service::with(|limits, _| limits.request_deadline = NEAR).await;
    let answer = service.ask("GET", "/v1/slow", "", "").await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"));
}

#[tokio::test]
async fn connections_are_limited() {
    let service = Service::with(|_, limits| limits.connections = 3).await;
    let held = [service.connect().await, service.connect().await, service.connect().await];
    service.until_metric("pruefstein_connections 3").await;
    let mut fourth = service.connect().await;
    assert_eq!(read_all(&mut fourth).await, "");
    assert!(service.metric("pruefstein_connections_refused_total 1"));
    drop(held);
    service.until_metric("pruefstein_connections 0").await;
    assert_eq!(service.ask("GET", "/", "", "").await.status, 200);
}

#[tokio::test]
async fn the_end_lets_requests_finish() {
    // STO-028.
    let mut service = Service::new().await;
    let mut stream = service.connect().await;
    stream.write_all(format!("GET /v1/nap HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
    let mut resting = service.connect().await;
    service.until_begun(1).await;
    service.stop.take().unwrap().send(()).unwrap();
    let text = read_all(&mut stream).await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    read_all(&mut resting).await;
    timeout(NEVER, &mut service.task).await.unwrap().unwrap();
    assert!(TcpStream::connect(service.address).await.is_err(), "still listening");
}

#[tokio::test]
async fn the_end_comes_in_any_case() {
    // STO-028: in time, also with requests that do not end.
    let mut service = Service::with(|_, limits| limits.shutdown = NEAR).await;
    let mut stream = service.connect().await;
    stream.write_all(format!("GET /v1/slow HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).await.unwrap();
    service.until_begun(1).await;
    service.stop.take().unwrap().send(()).unwrap();
    timeout(NEVER, &mut service.task).await.unwrap().unwrap();
    assert_eq!(read_all(&mut stream).await, "");
}

#[tokio::test]
async fn nobody_gets_a_tls_connection_here() {
    // HTT-032, HTT-033: TLS ends at the gateway. No version, no suite, no name and no certificate of a client gets an answer
    // in TLS that somebody could take for a protected connection.
    let service = Service::new().await;
    // Hellos of TLS 1.0, 1.1 and 1.2 with one weak suite, and one that announces renegotiation.
    for (version, suite) in
        [([3, 1], [0x00, 0x05]), ([3, 2], [0x00, 0x0a]), ([3, 3], [0x00, 0x2f]), ([3, 3], [0x00, 0xff])]
    {
        let mut hello = vec![version[0], version[1]];
        hello.extend([7; 32]);
        hello.extend([0, 0, 2, suite[0], suite[1], 1, 0]);
        let mut record = vec![22, 3, 1, 0, 0];
        let length = u8::try_from(hello.len()).unwrap();
        record[4] = length + 4;
        record.extend([1, 0, 0, length]);
        record.extend(hello);
        let text = service.raw(record).await;
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 400 "), "{text}");
    }
    // And a client of today, by the right name, by another one, and trusting anybody.
    pruefstein::adapters::fetch::install_crypto_provider();
    for name in [HOST, "other.example"] {
        let client = reqwest::Client::builder()
            .no_proxy()
            .resolve(name, service.address)
            .tls_danger_accept_invalid_certs(true)
            .build()
            .unwrap();
        let refused = client.get(format!("https://{name}:{}/", service.address.port())).send().await;
        assert!(refused.unwrap_err().is_connect(), "{name}");
    }
    assert_eq!(service.ask("GET", "/", "", "").await.status, 200);
}

#[tokio::test]
async fn http2_is_spoken_within_the_same_limits() {
    // HTT-010, and the deadlines for a connection that begins HTTP/2 and asks nothing.
    let service = Service::with(|_, limits| limits.patience.header = NEAR).await;
    pruefstein::adapters::fetch::install_crypto_provider();
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let mut silent = service.connect().await;
    silent.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00").await.unwrap();
    until_closed(&mut silent).await;
    let ask = async |path: &str, field: usize, body: usize| {
        let request = client.post(format!("http://{}{path}", service.address)).header("x-large", "x".repeat(field));
        request.body("x".repeat(body)).send().await.map(|response| response.status().as_u16())
    };
    assert_eq!(ask("/v1/echo", 1, 5).await.unwrap(), 200);
    // Several requests on one connection, with a rest between them.
    sleep(NEAR * 2).await;
    assert_eq!(ask("/v1/echo", 1, 1_001).await.unwrap(), 413);
    assert_eq!(ask("/wallet/echo", 1, 5).await.unwrap(), 421);
    assert_eq!(ask("/v1/echo", 17_000, 5).await.unwrap_or(431), 431);
    assert_eq!(ask("/v1/echo", 1, 5).await.unwrap(), 200);
}
