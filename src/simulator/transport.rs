//! How the wallet reaches the verifier: over HTTP, or into a router of the same process.

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tower::ServiceExt as _;
use url::{Host, Url};

/// Largest answer that the wallet reads, in bytes.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;

/// The method of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
}

/// What the wallet sends. `Debug` leaves out the body.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// `Content-Type` and others, in order.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// A GET that accepts this media type.
    pub fn get(url: &str, accept: &str) -> Self {
        let headers = vec![("accept", accept.to_owned())];
        Self { method: Method::Get, url: url.to_owned(), headers, body: Vec::new() }
    }

    /// A POST of a form.
    pub fn form(url: &str, accept: &str, fields: &[(String, String)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
        let headers =
            vec![("content-type", "application/x-www-form-urlencoded".to_owned()), ("accept", accept.to_owned())];
        Self { method: Method::Post, url: url.to_owned(), headers, body }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("method", &self.method).field("url", &self.url).finish_non_exhaustive()
    }
}

/// What the wallet gets back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, if it is text.
    pub content_type: Option<String>,
    /// `Cache-Control`, if it is text.
    pub cache_control: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// Whether the media type is this one, parameters aside.
    pub fn is_of(&self, media_type: &str) -> bool {
        let essence = self.content_type.as_deref().and_then(|value| value.split(';').next()).unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(media_type)
    }
}

/// Why no answer came.
#[derive(Debug, thiserror::Error)]
#[error("no answer: {0}")]
pub struct TransportError(pub String);

/// The answer to a request, later.
pub type Answer<'t> = Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + 't>>;

/// A way to the verifier. Redirects are never followed.
pub trait Transport: Send + Sync {
    /// Sends the request and waits for the answer.
    fn send(&self, request: HttpRequest) -> Answer<'_>;
}

/// Whether the wallet talks to this address: https, or http on the machine itself.
pub fn is_permitted(address: &Url) -> bool {
    let loopback = match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return false,
    };
    address.scheme() == "https" || (address.scheme() == "http" && loopback)
}

/// Real HTTP.
#[derive(Debug, Clone)]
pub struct HttpTransport {
    client: reqwest::Client,
}

impl HttpTransport {
    /// A client that trusts the roots of the system for TLS; without any, it reaches http on loopback only.
    ///
    /// # Errors
    /// [`TransportError`] if no client can be made.
    pub fn new() -> Result<Self, TransportError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // If somebody else was faster, theirs is as good.
            rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
        }
        let builder = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .timeout(Duration::from_secs(20))
                .user_agent("pruefstein-test-wallet")
        };
        let client = builder().build().or_else(|_| builder().tls_certs_only(Vec::new()).build());
        Ok(Self { client: client.map_err(|error| TransportError(error.to_string()))? })
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let url = Url::parse(&request.url).map_err(|error| TransportError(error.to_string()))?;
        if !is_permitted(&url) {
            return Err(TransportError("only https, or http on loopback".to_owned()));
        }
        let mut builder = match request.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
        };
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        if request.method == Method::Post {
            builder = builder.body(request.body);
        }
        let fault = |error: reqwest::Error| TransportError(error.without_url().to_string());
        let mut response = builder.send().await.map_err(fault)?;
        let text = |name: header::HeaderName, response: &reqwest::Response| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let mut answer = HttpResponse {
            status: response.status().as_u16(),
            content_type: text(header::CONTENT_TYPE, &response),
            cache_control: text(header::CACHE_CONTROL, &response),
            body: Vec::new(),
        };
        while let Some(chunk) = response.chunk().await.map_err(fault)? {
            if answer.body.len().saturating_add(chunk.len()) > ANSWER_BYTES {
                return Err(TransportError("the answer is too large".to_owned()));
            }
            answer.body.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: HttpRequest) -> Answer<'_> {
        Box::pin(self.exchange(request))
    }
}

/// Straight into a router, without a socket.
#[derive(Debug, Clone)]
pub struct RouterTransport {
    router: axum::Router,
}

impl RouterTransport {
    /// Into this router; the wallet seems to come from loopback.
    pub const fn new(router: axum::Router) -> Self {
        Self { router }
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        let fault = |error: &dyn fmt::Display| TransportError(error.to_string());
        let url = Url::parse(&request.url).map_err(|error| fault(&error))?;
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let mut builder = axum::http::Request::builder()
            .method(match request.method {
                Method::Get => "GET",
                Method::Post => "POST",
            })
            .uri(target)
            .header(header::HOST, url.authority())
            .header(header::CONTENT_LENGTH, request.body.len())
            .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 49_152))));
        for (name, value) in request.headers {
            builder = builder.header(name, value);
        }
        let request = builder.body(Body::from(request.body)).map_err(|error| fault(&error))?;
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let text =
            |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (content_type, cache_control) = (text(header::CONTENT_TYPE), text(header::CACHE_CONTROL));
        let status = parts.status.as_u16();
        let body = axum::body::to_bytes(body, ANSWER_BYTES).await.map_err(|error| fault(&error))?;
        Ok(HttpResponse { status, content_type, cache_control, body: body.to_vec() })
    }
}

impl Transport for RouterTransport {
    fn send(&self, request: HttpRequest) -> Answer<'_> {
        Box::pin(self.exchange(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};

    fn router() -> axum::Router {
        axum::Router::new()
            .route("/moved", get(|| async { axum::response::Redirect::to("/elsewhere") }))
            .route("/echo", post(|body: String| async { ([("cache-control", "no-store")], body) }))
    }

    #[test]
    fn only_https_and_loopback() {
        for (address, permitted) in [
            ("https://verifier.example/x", true),
            ("http://localhost:8080/x", true),
            ("http://127.0.0.1:1/x", true),
            ("http://[::1]:1/x", true),
            ("http://verifier.example/x", false),
            ("http://10.0.0.1/x", false),
            ("ftp://localhost/x", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_permitted(&Url::parse(address).unwrap()), permitted, "{address}");
        }
    }

    #[tokio::test]
    async fn both_ways_carry_the_same() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router()).await });
        let ways: [Box<dyn Transport>; 2] =
            [Box::new(HttpTransport::new().unwrap()), Box::new(RouterTransport::new(router()))];
        for way in ways {
            let fields = [("state".to_owned(), "a b".to_owned())];
            let answer = way.send(HttpRequest::form(&format!("{base}/echo"), "*/*", &fields)).await.unwrap();
            assert_eq!((answer.status, answer.body.as_slice()), (200, &b"state=a+b"[..]));
            assert_eq!(answer.cache_control.as_deref(), Some("no-store"));
            assert!(answer.is_of("text/plain"));
            let moved = way.send(HttpRequest::get(&format!("{base}/moved"), "*/*")).await.unwrap();
            assert_eq!(moved.status, 303, "redirects are not followed");
        }
        server.abort();
    }
}
