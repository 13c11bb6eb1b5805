//! Fetching over HTTPS, from listed places only, with a limit on everything.

use crate::app::ports::{Fetch, FetchError, FetchRequest, FetchResponse, Pending, Validators};
use crate::domain::time::UnixSeconds;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, ClientBuilder, Proxy, Response, header, redirect, tls};
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::Once;
use std::time::{Duration, UNIX_EPOCH};
use url::{Host, Url};

/// Makes `aws-lc-rs` the cryptography of TLS in this process. May be called any number of times.
pub fn install_crypto_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error says that another part of the process has chosen before; that choice holds then.
        rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    });
}

/// How to reach the outside.
#[derive(Debug, Clone, Default)]
pub struct FetchSetup {
    /// An HTTP proxy for everything beyond this machine. It resolves names itself.
    pub proxy: Option<Url>,
    /// Hosts that are asked another way: through this proxy, or directly.
    pub proxy_for: Vec<(String, Option<Url>)>,
    /// Further roots for TLS, in DER, besides those of the operating system.
    pub extra_roots: Vec<Vec<u8>>,
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the client for outgoing requests cannot be made: {0}")]
pub struct FetchSetupFault(String);

type Looked = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
type Lookup = Arc<dyn Fn(String) -> Looked + Send + Sync>;

/// Fetches documents.
///
/// The address that is checked is the one that is dialled: names are resolved once, by a resolver that leaves out every
/// address which is not public (TSL-003). A second client reaches loopback addresses and nothing else, for origins that
/// are listed as such. Behind a proxy it is the proxy that resolves names; private addresses that are written as such are
/// never asked, whichever way.
pub struct HttpsFetch {
    outside: Client,
    /// For hosts with a way of their own.
    ways: HashMap<String, Client>,
    loopback: Client,
}

impl std::fmt::Debug for HttpsFetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpsFetch")
    }
}

impl HttpsFetch {
    /// A client that asks the resolver of the operating system.
    ///
    /// # Errors
    /// [`FetchSetupFault`] for unusable roots or proxy, and if the machine has no roots for TLS at all.
    pub fn new(setup: &FetchSetup) -> Result<Self, FetchSetupFault> {
        let lookup: Lookup = Arc::new(|name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect::<Vec<SocketAddr>>()) })
        });
        Self::with_lookup(setup, &lookup)
    }

    fn with_lookup(setup: &FetchSetup, lookup: &Lookup) -> Result<Self, FetchSetupFault> {
        install_crypto_provider();
        let fault = |error: reqwest::Error| FetchSetupFault(error.to_string());
        let client = |reach: Reach| -> Result<ClientBuilder, FetchSetupFault> {
            let mut builder = Client::builder()
                .no_proxy()
                .redirect(redirect::Policy::none())
                .referer(false)
                .user_agent(concat!("pruefstein/", env!("CARGO_PKG_VERSION")))
                .tls_version_min(tls::Version::TLS_1_2)
                .pool_max_idle_per_host(2)
                .pool_idle_timeout(Duration::from_secs(30))
                .http2_max_header_list_size(16 * 1024)
                .dns_resolver(GuardedResolver { lookup: Arc::clone(lookup), reach });
            if !setup.extra_roots.is_empty() {
                let roots: Result<Vec<_>, _> =
                    setup.extra_roots.iter().map(|der| tls::Certificate::from_der(der)).collect();
                builder = builder.tls_certs_merge(roots.map_err(fault)?);
            }
            Ok(builder)
        };
        let by_way = |proxy: Option<&Url>| -> Result<Client, FetchSetupFault> {
            let host = proxy.and_then(Url::host_str).map(str::to_owned);
            let mut builder = client(Reach::Public { proxy: host })?;
            if let Some(proxy) = proxy {
                builder = builder.proxy(Proxy::all(proxy.as_str()).map_err(fault)?);
            }
            builder.build().map_err(fault)
        };
        let outside = by_way(setup.proxy.as_ref())?;
        // Each way has one client, so that hosts behind it share its connections.
        let mut known = vec![(setup.proxy.as_ref(), outside.clone())];
        let mut ways = HashMap::new();
        for (host, proxy) in &setup.proxy_for {
            let proxy = proxy.as_ref();
            let client = match known.iter().find(|(way, _)| *way == proxy) {
                Some((_, client)) => client.clone(),
                None => by_way(proxy)?,
            };
            known.push((proxy, client.clone()));
            ways.insert(host.clone(), client);
        }
        Ok(Self { outside, ways, loopback: client(Reach::LoopbackOnly)?.build().map_err(fault)? })
    }

    /// The client for a place outside.
    fn way_to(&self, url: &Url) -> &Client {
        url.host_str().and_then(|host| self.ways.get(host)).unwrap_or(&self.outside)
    }

    async fn follow(&self, request: &FetchRequest) -> Result<FetchResponse, FetchError> {
        let mut url = Url::parse(&request.url).map_err(|_| FetchError::Blocked)?;
        for hop in 0..=request.max_redirects {
            // What is wrong behind a redirect is the fault of who sent it, and may be mended there.
            let blocked = if hop == 0 { FetchError::Blocked } else { REDIRECTED_AWAY };
            let client = match place(&url, &request.allowed_hosts) {
                Some(Place::Outside) => self.way_to(&url),
                Some(Place::ThisMachine) => &self.loopback,
                None => return Err(blocked),
            };
            let mut asked = client
                .get(url.clone())
                .header(header::ACCEPT, request.accept)
                .header(header::ACCEPT_ENCODING, "identity");
            if let Some(etag) = &request.validators.etag {
                asked = asked.header(header::IF_NONE_MATCH, etag);
            }
            if let Some(time) = &request.validators.last_modified {
                asked = asked.header(header::IF_MODIFIED_SINCE, time);
            }
            let response = asked.send().await.map_err(|error| explain(error, blocked))?;
            match target(&response, &url)? {
                Some(next) => url = next,
                None => return take(response, request.max_bytes).await,
            }
        }
        Err(FetchError::Unusable("more redirects than allowed"))
    }
}

const REDIRECTED_AWAY: FetchError = FetchError::Unusable("a redirect leads to an address that may not be asked");

impl Fetch for HttpsFetch {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        Box::pin(async move {
            let limit = Duration::from_millis(request.timeout_ms);
            tokio::time::timeout(limit, self.follow(&request)).await.unwrap_or(Err(FetchError::Timeout))
        })
    }
}

/// Where an address leads, as far as the address alone tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    ThisMachine,
}

/// Whether this address may be asked at all: a listed origin, `https` unless on this machine, no user, no private literal.
fn place(url: &Url, allowed: &[String]) -> Option<Place> {
    let host = url.host_str()?;
    let origin = format!("{}://{host}:{}", url.scheme(), url.port_or_known_default()?);
    if !allowed.contains(&origin) || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let place = match url.host()? {
        Host::Domain("localhost") => Place::ThisMachine,
        Host::Domain(_) => Place::Outside,
        Host::Ipv4(address) => place_of(IpAddr::V4(address))?,
        Host::Ipv6(address) => place_of(IpAddr::V6(address))?,
    };
    match (url.scheme(), place) {
        ("https", _) | ("http", Place::ThisMachine) => Some(place),
        _ => None,
    }
}

fn place_of(address: IpAddr) -> Option<Place> {
    if address.is_loopback() { Some(Place::ThisMachine) } else { is_public(address).then_some(Place::Outside) }
}

/// Where a redirect leads; `None` if it is none.
fn target(response: &Response, from: &Url) -> Result<Option<Url>, FetchError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
    let next = location.and_then(|location| from.join(location).ok());
    next.map(Some).ok_or(FetchError::Unusable("a redirect without a usable target"))
}

/// Takes the body, no more than `max_bytes` of it, whatever its length claims to be (TSL-009, TSL-010).
async fn take(mut response: Response, max_bytes: usize) -> Result<FetchResponse, FetchError> {
    let coded = |value: &header::HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
    if response.headers().get_all(header::CONTENT_ENCODING).iter().any(coded) {
        return Err(FetchError::Unusable("a content coding that was not asked for"));
    }
    let claimed = response.content_length().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if claimed.is_some_and(|length| length > max_bytes) {
        return Err(FetchError::TooLarge);
    }
    let status = response.status().as_u16();
    let content_type =
        response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let max_age = max_age(response.headers());
    let field = |name: header::HeaderName| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    let validators = Validators { etag: field(header::ETAG), last_modified: field(header::LAST_MODIFIED) };
    let date = field(header::DATE).and_then(|text| date(&text));
    let mut body = Vec::with_capacity(claimed.unwrap_or_default());
    while let Some(chunk) = response.chunk().await.map_err(|error| explain(error, FetchError::Blocked))? {
        if body.len().saturating_add(chunk.len()) > max_bytes {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(FetchResponse { status, content_type, max_age, validators, date, body })
}

/// The time of an HTTP date, in any of its three forms (RFC 9110 section 5.6.7).
fn date(text: &str) -> Option<UnixSeconds> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_secs()).ok().map(UnixSeconds)
}

/// How long a response may be kept, in seconds (RFC 9111 sections 5.2.2 and 4.2.1). What cannot be read counts as zero.
fn max_age(headers: &header::HeaderMap) -> Option<u32> {
    let fields = headers.get_all(header::CACHE_CONTROL).iter().map(|value| value.to_str().unwrap_or("no-store"));
    fields.flat_map(|field| field.split(',')).fold(None, |known, directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        let age = match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => Some(0),
            "max-age" => {
                let digits = value.trim().trim_matches('"');
                let huge = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                Some(digits.parse().unwrap_or(if huge { u32::MAX } else { 0 }))
            }
            _ => None,
        };
        // The shortest of several.
        known.into_iter().chain(age).min()
    })
}

/// The innermost cause, without the address: it goes to the log.
fn explain(error: reqwest::Error, blocked: FetchError) -> FetchError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if inner.is::<NoAddress>() {
            return blocked;
        }
        if is_of_tls(inner) {
            return FetchError::Tls(inner.to_string());
        }
        text = inner.to_string();
        cause = inner.source();
    }
    if error.is_timeout() { FetchError::Timeout } else { FetchError::Unreachable(text) }
}

/// Whether an error is one of TLS. What a stream carries as the cause of its failure stands beside the chain of causes, not
/// in it, and may do so several times over.
fn is_of_tls(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(inner) = error {
        if inner.is::<rustls::Error>() {
            return true;
        }
        error = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref).map(|carried| carried as _);
    }
    false
}

/// A name leads only to addresses that must not be asked.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no address that may be asked")]
struct NoAddress;

/// Which addresses a client may dial.
#[derive(Debug, Clone)]
enum Reach {
    /// Public ones, and whatever the configured proxy has.
    Public { proxy: Option<String> },
    /// Those of this machine.
    LoopbackOnly,
}

impl Reach {
    fn permits(&self, name: &str, address: IpAddr) -> bool {
        match self {
            Self::Public { proxy } => proxy.as_deref() == Some(name) || is_public(address),
            Self::LoopbackOnly => address.is_loopback(),
        }
    }
}

struct GuardedResolver {
    lookup: Lookup,
    reach: Reach,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_owned();
        let (looked, reach) = ((self.lookup)(name.clone()), self.reach.clone());
        Box::pin(async move {
            let found = looked.await?;
            let permitted: Vec<SocketAddr> =
                found.iter().copied().filter(|address| reach.permits(&name, address.ip())).collect();
            if permitted.is_empty() && !found.is_empty() {
                return Err(NoAddress.into());
            }
            let addresses: Addrs = Box::new(permitted.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address belongs to the public network: none of the special-purpose blocks of RFC 6890 and its registries.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    /// First address and length of the prefix of every block that is not public.
    const SPECIAL: [(Ipv4Addr, u32); 15] = [
        (Ipv4Addr::UNSPECIFIED, 8),
        (Ipv4Addr::new(10, 0, 0, 0), 8),
        (Ipv4Addr::new(100, 64, 0, 0), 10),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(172, 16, 0, 0), 12),
        (Ipv4Addr::new(192, 0, 0, 0), 24),
        (Ipv4Addr::new(192, 0, 2, 0), 24),
        (Ipv4Addr::new(192, 88, 99, 0), 24),
        (Ipv4Addr::new(192, 168, 0, 0), 16),
        (Ipv4Addr::new(198, 18, 0, 0), 15),
        (Ipv4Addr::new(198, 51, 100, 0), 24),
        (Ipv4Addr::new(203, 0, 113, 0), 24),
        (Ipv4Addr::new(224, 0, 0, 0), 4),
        (Ipv4Addr::new(240, 0, 0, 0), 4),
    ];
    let bits = address.to_bits();
    !SPECIAL.iter().any(|(first, length)| {
        let mask = u32::MAX.checked_shl(32_u32.saturating_sub(*length)).unwrap_or(0);
        bits & mask == first.to_bits()
    })
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, fourth, fifth, sixth, seventh, eighth] = address.segments();
    // NAT64 (RFC 6052) carries an IPv4 address, which is the one that counts.
    if (first, second, third, fourth, fifth, sixth) == (0x64, 0xff9b, 0, 0, 0, 0) {
        let bits = u32::from(seventh) << 16 | u32::from(eighth);
        return is_public_v4(Ipv4Addr::from_bits(bits));
    }
    match (first, second) {
        // Protocol assignments with Teredo and ORCHID, documentation, 6to4, documentation.
        (0x2001, ..0x0200 | 0x0db8) | (0x2002, _) | (0x3fff, ..0x1000) => false,
        _ => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// A server that answers every connection with these bytes, perhaps slowly, and counts connections.
    struct Server {
        origin: String,
        connections: Arc<AtomicUsize>,
    }

    impl Server {
        async fn new(answer: impl Into<Vec<u8>>) -> Self {
            Self::paced(answer, 0).await
        }

        /// After the first `at_once` bytes (0: all) one byte per 50 ms.
        async fn paced(answer: impl Into<Vec<u8>>, at_once: usize) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let origin = format!("http://{}", listener.local_addr().unwrap());
            let connections = Arc::new(AtomicUsize::new(0));
            let (answer, count) = (answer.into(), Arc::clone(&connections));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(answer_one(stream, answer.clone(), at_once));
                }
            });
            Self { origin, connections }
        }

        fn request(&self) -> FetchRequest {
            request(&format!("{}/list", self.origin), &[&self.origin])
        }
    }

    async fn answer_one(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: Vec<u8>, at_once: usize) {
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => received.push(byte),
                Err(_) => return,
            }
        }
        let text = String::from_utf8_lossy(&received).to_ascii_lowercase();
        assert!(
            text.contains("accept-encoding: identity") && !text.contains("cookie") && !text.contains("authorization")
        );
        let first = if at_once == 0 { answer.len() } else { at_once };
        let (now, later) = answer.split_at(first);
        if stream.write_all(now).await.is_err() {
            return;
        }
        for byte in later {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
        }
        stream.shutdown().await.ok();
    }

    fn request(url: &str, origins: &[&str]) -> FetchRequest {
        FetchRequest {
            url: url.to_owned(),
            accept: "application/statuslist+jwt",
            max_bytes: 1000,
            timeout_ms: 1000,
            max_redirects: 2,
            allowed_hosts: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            validators: Validators::default(),
        }
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    fn redirect_to(location: &str) -> String {
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    }

    fn client() -> HttpsFetch {
        // A root of its own, so that the test needs none of the machine.
        let root = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
        HttpsFetch::new(&FetchSetup { extra_roots: vec![root.der().to_vec()], ..FetchSetup::default() }).unwrap()
    }

    #[test]
    fn hosts_tell_their_time() {
        let time = Some(UnixSeconds(784_111_777));
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(date(text), time, "{text}");
        }
        for text in ["", "now", "784111777", "Sun, 06 Nov 1969 08:49:37 GMT", "1994-11-06T08:49:37Z"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn how_long_a_response_may_be_kept() {
        // VC-48.
        for (fields, expected) in [
            (&[][..], None),
            (&["public"], None),
            (&["max-age=60"], Some(60)),
            (&["public, Max-Age = 60"], Some(60)),
            (&["max-age=\"60\""], Some(60)),
            (&["max-age=60", "max-age=5"], Some(5)),
            (&["max-age=60, no-cache"], Some(0)),
            (&["no-store"], Some(0)),
            (&["max-age="], Some(0)),
            (&["max-age=-1"], Some(0)),
            (&["max-age=99999999999999"], Some(u32::MAX)),
        ] {
            let mut headers = header::HeaderMap::new();
            for field in fields {
                headers.append(header::CACHE_CONTROL, header::HeaderValue::from_static(field));
            }
            assert_eq!(max_age(&headers), expected, "{fields:?}");
        }
    }

    /// A client for which every name leads to these addresses.
    fn resolving_to(addresses: &[&str]) -> (HttpsFetch, Arc<AtomicUsize>) {
        let addresses: Vec<SocketAddr> =
            addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let lookup: Lookup = Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let addresses = addresses.clone();
            Box::pin(async move { Ok(addresses) })
        });
        let root = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
        let setup = FetchSetup { extra_roots: vec![root.der().to_vec()], ..FetchSetup::default() };
        (HttpsFetch::with_lookup(&setup, &lookup).unwrap(), asked)
    }

    #[tokio::test]
    async fn a_document_comes_with_status_and_type() {
        // TSL-14: the server of these tests answers nothing that carries a cookie or an authorization.
        let server = Server::new(ok("hello")).await;
        let response = client().get(server.request()).await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (200, b"hello".as_slice()));
        assert_eq!(response.content_type.as_deref(), Some("text/plain"));
        assert_eq!(response.date, None);
        let server =
            Server::new("HTTP/1.1 500 Oops\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n").await;
        let response = client().get(server.request()).await.unwrap();
        assert_eq!((response.status, response.date), (500, Some(UnixSeconds(784_111_777))));
    }

    #[tokio::test]
    async fn only_listed_origins_are_asked() {
        // TSL-001, TSL-003: scheme, host and port, exactly; nothing is sent.
        let server = Server::new(ok("hello")).await;
        let port = server.origin.rsplit(':').next().unwrap();
        let localhost = format!("http://localhost:{port}");
        for (url, origin) in [
            (format!("{}/list", server.origin), "https://status.example:443".to_owned()),
            (format!("{}/list", server.origin), localhost.clone()),
            (format!("{localhost}/list"), server.origin.clone()),
            (format!("http://user@127.0.0.1:{port}/"), server.origin.clone()),
            ("http://status.example/".to_owned(), "http://status.example:80".to_owned()),
            ("http://192.168.1.1/".to_owned(), "http://192.168.1.1:80".to_owned()),
            ("https://192.168.1.1/".to_owned(), "https://192.168.1.1:443".to_owned()),
            ("https://169.254.169.254/".to_owned(), "https://169.254.169.254:443".to_owned()),
            ("https://[fd00::1]/".to_owned(), "https://[fd00::1]:443".to_owned()),
            ("https://[::ffff:10.0.0.1]/".to_owned(), "https://[::ffff:a00:1]:443".to_owned()),
            ("file:///etc/passwd".to_owned(), "file://:0".to_owned()),
            ("data:text/plain,x".to_owned(), "data:text/plain,x".to_owned()),
            ("/list".to_owned(), server.origin.clone()),
        ] {
            assert_eq!(client().get(request(&url, &[&origin])).await, Err(FetchError::Blocked), "{url}");
        }
        assert_eq!(server.connections.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_dialled() {
        // VC-27, TSL-12.
        // TSL-003: what is checked is what is dialled, so there is one look-up per connection and no second answer.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let origin = format!("https://status.example:{port}");
        for inside in
            ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
        {
            let (client, asked) = resolving_to(&[inside]);
            let got = client.get(request(&format!("{origin}/list"), &[&origin])).await;
            assert_eq!(got, Err(FetchError::Blocked), "{inside}");
            assert_eq!(asked.load(Ordering::SeqCst), 1);
        }
        assert!(tokio::time::timeout(Duration::from_millis(50), listener.accept()).await.is_err(), "somebody came");
    }

    #[tokio::test]
    async fn a_loopback_name_leads_to_this_machine_only() {
        let server = Server::new(ok("hello")).await;
        let origin = server.origin.replace("127.0.0.1", "localhost");
        let ask = || request(&format!("{origin}/list"), &[&origin]);
        let (client, _) = resolving_to(&["127.0.0.1"]);
        assert_eq!(client.get(ask()).await.unwrap().body, b"hello");
        let (client, _) = resolving_to(&["93.184.216.34"]);
        assert_eq!(client.get(ask()).await, Err(FetchError::Blocked));
    }

    #[tokio::test]
    async fn redirects_are_checked_afresh_and_end() {
        // VC-26, TSL-12.
        // TSL-005.
        let goal = Server::new(ok("there")).await;
        let hop = Server::new(redirect_to(&format!("{}/x", goal.origin))).await;
        let both: &[&str] = &[&hop.origin, &goal.origin];
        let ask = |origins: &[&str]| request(&format!("{}/list", hop.origin), origins);
        assert_eq!(client().get(ask(both)).await.unwrap().body, b"there");
        assert_eq!(client().get(ask(&[&hop.origin])).await, Err(REDIRECTED_AWAY));
        assert_eq!(goal.connections.load(Ordering::SeqCst), 1);

        let looping = Server::new(redirect_to("/list")).await;
        let got = client().get(looping.request()).await;
        assert_eq!(got, Err(FetchError::Unusable("more redirects than allowed")));
        for away in ["http://10.0.0.1/", "http://status.example/", "file:///etc/passwd", "//169.254.169.254/"] {
            let server = Server::new(redirect_to(away)).await;
            assert_eq!(client().get(server.request()).await, Err(REDIRECTED_AWAY), "{away}");
        }
        let lost = Server::new("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n").await;
        assert!(matches!(client().get(lost.request()).await, Err(FetchError::Unusable(_))));
    }

    #[tokio::test]
    async fn everything_together_has_one_deadline() {
        // VC-26, TSL-13.
        // TSL-008: slow header, slow body, silence. The slow ones would end well, and silence never, but for the deadline.
        let slow_header = Server::paced(ok("hello"), 5).await;
        let slow_body = Server::paced(ok(&"x".repeat(900)), 80).await;
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent_origin = format!("http://{}", silent.local_addr().unwrap());
        for ask in
            [slow_header.request(), slow_body.request(), request(&format!("{silent_origin}/"), &[&silent_origin])]
        {
            let (client, ask) = (client(), FetchRequest { timeout_ms: 300, ..ask });
            let got = tokio::time::timeout(Duration::from_secs(30), client.get(ask)).await;
            let got = got.expect("the deadline ends it");
            assert_eq!(got, Err(FetchError::Timeout));
        }
        drop(silent);
    }

    #[tokio::test]
    async fn bodies_are_cut_at_the_limit() {
        // VC-26, TSL-13.
        // TSL-009: honest length, no length, chunks without end.
        let exact = Server::new(ok(&"x".repeat(1000))).await;
        assert_eq!(client().get(exact.request()).await.unwrap().body.len(), 1000);
        let honest = Server::new(ok(&"x".repeat(1001))).await;
        let endless = Server::new(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(100_000))).await;
        let chunks = "64\r\n".to_owned() + &"x".repeat(100) + "\r\n";
        let chunked =
            Server::new(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunks.repeat(500))).await;
        for server in [honest, endless, chunked] {
            assert_eq!(client().get(server.request()).await, Err(FetchError::TooLarge));
        }
        let broken = Server::new("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort").await;
        assert!(matches!(client().get(broken.request()).await, Err(FetchError::Unreachable(_))));
    }

    #[tokio::test]
    async fn content_codings_are_refused() {
        // TSL-010.
        for coding in ["gzip", "br", "deflate", "identity, gzip"] {
            let server =
                Server::new(format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 1\r\n\r\nx"))
                    .await;
            assert!(matches!(client().get(server.request()).await, Err(FetchError::Unusable(_))), "{coding}");
        }
        let named = Server::new("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 1\r\n\r\nx").await;
        assert_eq!(client().get(named.request()).await.unwrap().body, b"x");
    }

    #[tokio::test]
    async fn https_needs_a_certificate_for_the_host_under_a_known_root() {
        // TSL-007: wrong certificate.
        let root = CertifiedIssuer::self_signed(root_params(), KeyPair::generate().unwrap()).unwrap();
        let setup = FetchSetup { extra_roots: vec![root.der().to_vec()], ..FetchSetup::default() };
        for (name, good) in [("localhost", true), ("other.example", false)] {
            let origin = tls_server(&root, name).await;
            let got = HttpsFetch::new(&setup).unwrap().get(request(&format!("{origin}/list"), &[&origin])).await;
            assert_eq!(got.is_ok(), good, "{name}: {got:?}");
            let stranger = client().get(request(&format!("{origin}/list"), &[&origin])).await;
            assert!(matches!(stranger, Err(FetchError::Tls(_))), "{stranger:?}");
            assert!(good || matches!(got, Err(FetchError::Tls(_))), "{got:?}");
        }
    }

    fn root_params() -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params
    }

    async fn tls_server(root: &CertifiedIssuer<'_, KeyPair>, name: &str) -> String {
        format!("https://localhost:{}", tls_server_saying(root, name, ok("secret")).await)
    }

    /// A server with a certificate for this name that always answers so. Its port.
    async fn tls_server_saying(root: &CertifiedIssuer<'_, KeyPair>, name: &str, answer: String) -> u16 {
        install_crypto_provider();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, root).unwrap();
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer_one(stream, answer.clone().into_bytes(), 0).await;
                }
            }
        });
        port
    }

    #[tokio::test]
    async fn a_proxy_is_asked_for_everything_outside() {
        // The proxy may have a private address; the place behind it is named to it, not resolved here.
        let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = proxy.local_addr().unwrap().port();
        let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
        let names = Arc::clone(&asked);
        let lookup: Lookup = Arc::new(move |name| {
            names.lock().unwrap().push(name);
            Box::pin(async { Ok(vec![SocketAddr::from(([127, 0, 0, 1], 0))]) })
        });
        let root = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
        let proxy_url = Url::parse(&format!("http://proxy.intern:{port}")).unwrap();
        let setup =
            FetchSetup { proxy: Some(proxy_url), extra_roots: vec![root.der().to_vec()], ..FetchSetup::default() };
        let fetch = HttpsFetch::with_lookup(&setup, &lookup).unwrap();
        let origin = "https://status.example:443";
        let seen = async {
            let (mut stream, _) = proxy.accept().await.unwrap();
            let mut first = [0; 64];
            let read = stream.read(&mut first).await.unwrap();
            String::from_utf8_lossy(&first[..read]).into_owned()
        };
        let (seen, got) = tokio::join!(seen, fetch.get(request(&format!("{origin}/list"), &[origin])));
        assert!(seen.starts_with("CONNECT status.example:443 HTTP/1.1"), "{seen}");
        assert!(matches!(got, Err(FetchError::Unreachable(_))), "{got:?}");
        assert_eq!(*asked.lock().unwrap(), ["proxy.intern"]);
        // This machine is not reached through it, and private literals are not reached at all.
        let server = Server::new(ok("here")).await;
        assert_eq!(fetch.get(server.request()).await.unwrap().body, b"here");
        let inside = "https://10.0.0.1:443";
        assert_eq!(fetch.get(request(&format!("{inside}/"), &[inside])).await, Err(FetchError::Blocked));
    }

    /// A proxy that notes whom it is asked for, and answers nothing good.
    async fn proxy() -> (Url, Arc<std::sync::Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
        let notes = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut first = [0; 256];
                let read = stream.read(&mut first).await.unwrap();
                let line = String::from_utf8_lossy(&first[..read]).lines().next().unwrap().to_owned();
                notes.lock().unwrap().push(line);
                stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await.ok();
            }
        });
        (url, asked)
    }

    #[tokio::test]
    async fn each_host_is_asked_its_own_way() {
        let ((usual, by_usual), (other, by_other)) = (proxy().await, proxy().await);
        let names = Arc::new(std::sync::Mutex::new(Vec::new()));
        let looked = Arc::clone(&names);
        let lookup: Lookup = Arc::new(move |name| {
            looked.lock().unwrap().push(name);
            // Whoever is asked directly leads inside, which must not be dialled.
            Box::pin(async { Ok(vec![SocketAddr::from(([10, 0, 0, 1], 0))]) })
        });
        let root = CertificateParams::default().self_signed(&KeyPair::generate().unwrap()).unwrap();
        let setup = FetchSetup {
            proxy: Some(usual),
            proxy_for: vec![
                ("lists.example".to_owned(), Some(other.clone())),
                ("direct.example".to_owned(), None),
                ("more.example".to_owned(), Some(other)),
            ],
            extra_roots: vec![root.der().to_vec()],
        };
        let fetch = HttpsFetch::with_lookup(&setup, &lookup).unwrap();
        let ask = async |host: &str| {
            let origin = format!("https://{host}:443");
            fetch.get(request(&format!("https://{host}/x"), &[&origin])).await
        };
        for host in ["status.example", "lists.example", "more.example", "LISTS.example"] {
            assert!(matches!(ask(&host.to_lowercase()).await, Err(FetchError::Unreachable(_))), "{host}");
        }
        assert_eq!(ask("direct.example").await, Err(FetchError::Blocked));
        assert_eq!(*names.lock().unwrap(), ["direct.example"]);
        // No private address through any proxy, and none that is not listed.
        for host in ["10.0.0.1", "192.168.1.1", "169.254.169.254", "[fd00::1]"] {
            assert_eq!(ask(host).await, Err(FetchError::Blocked), "{host}");
        }
        let unlisted = fetch.get(request("https://lists.example/x", &["https://status.example:443"])).await;
        assert_eq!(unlisted, Err(FetchError::Blocked));
        let connect = |host: &str| format!("CONNECT {host}:443 HTTP/1.1");
        assert_eq!(*by_usual.lock().unwrap(), [connect("status.example")]);
        assert_eq!(*by_other.lock().unwrap(), ["lists.example", "more.example", "lists.example"].map(connect));
    }

    #[tokio::test]
    async fn behind_a_proxy_redirects_are_checked_as_well() {
        // TSL-005: a host behind a proxy sends the visitor to a private address, and to a host that is not listed.
        let root = CertifiedIssuer::self_signed(root_params(), KeyPair::generate().unwrap()).unwrap();
        for away in ["https://10.0.0.1/", "https://127.0.0.1/", "https://evil.example/", "http://lists.example/"] {
            let (proxy, asked) = tunnel_to(tls_server_saying(&root, "lists.example", redirect_to(away)).await).await;
            let setup = FetchSetup {
                proxy_for: vec![("lists.example".to_owned(), Some(proxy))],
                extra_roots: vec![root.der().to_vec()],
                ..FetchSetup::default()
            };
            let fetch = HttpsFetch::new(&setup).unwrap();
            let allowed = ["https://lists.example:443", "https://10.0.0.1:443"];
            let got = fetch.get(request("https://lists.example/x", &allowed)).await;
            assert_eq!(got, Err(REDIRECTED_AWAY), "{away}");
            assert_eq!(asked.load(Ordering::SeqCst), 1, "{away}");
        }
    }

    /// A proxy that leads every tunnel to this port of this machine, and counts them.
    async fn tunnel_to(port: u16) -> (Url, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut goal = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                tokio::io::copy_bidirectional(&mut stream, &mut goal).await.ok();
            }
        });
        (url, asked)
    }

    #[tokio::test]
    async fn nobody_there_is_unreachable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        assert!(matches!(
            client().get(request(&format!("{origin}/"), &[&origin])).await,
            Err(FetchError::Unreachable(_))
        ));
        let (client, _) = resolving_to(&[]);
        let origin = "https://status.example:443";
        let got = client.get(request(&format!("{origin}/"), &[origin])).await;
        assert!(matches!(got, Err(FetchError::Unreachable(_))), "{got:?}");
    }

    #[test]
    fn special_addresses_are_not_public() {
        // VC-27.
        for public in
            ["93.184.216.34", "8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:2800:220:1::1", "64:ff9b::808:808"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "10.255.255.255",
            "100.64.0.1",
            "127.0.0.2",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:8.8.8.8",
            "::10.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:10::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "3fff::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "ff02::1",
            "4000::1",
        ] {
            assert!(!is_public(special.parse().unwrap()), "{special}");
        }
    }
}
