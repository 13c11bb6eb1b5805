//! A whole service without a socket: memory store, a clock that stands, the test authority's world.

use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::entropy::OsEntropy;
use pruefstein::adapters::store::memory::MemoryStore;
use pruefstein::app::ports::{Clock, TransactionStore};
use pruefstein::app::{App, Ports, Tenant};
use pruefstein::demo::World;
use pruefstein::demo::world::StatusHostFetch;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::http::callers::Callers;
use pruefstein::http::{Front, NoObserver, router};
use pruefstein::simulator::transport::{HttpResponse, RouterTransport};
use serde_json::Value;
use std::sync::Arc;
use tower::ServiceExt as _;

pub(crate) const NOW: UnixSeconds = UnixSeconds(1_795_000_000);
pub(crate) const BASE: &str = "http://127.0.0.1:8080";
pub(crate) const STATUS_BASE: &str = "https://status.pruefstein.example";
pub(crate) const RETURN_URL: &str = "https://antrag.stadt.example/weiter";

pub(crate) struct TestService {
    pub(crate) app: Arc<App>,
    pub(crate) router: axum::Router,
    pub(crate) world: World,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) store: Arc<dyn TransactionStore>,
}

impl TestService {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With a tenant changed before the service starts.
    pub(crate) fn with(change: impl FnOnce(&mut Tenant)) -> Self {
        Self::on(Arc::new(MemoryStore::new(86_400)), change)
    }

    pub(crate) fn on(store: Arc<dyn TransactionStore>, change: impl FnOnce(&mut Tenant)) -> Self {
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        Self::in_world(world, NOW, BASE, store, change)
    }

    /// In a world that exists already, at another time and address.
    pub(crate) fn in_world(
        world: World,
        now: UnixSeconds,
        base: &str,
        store: Arc<dyn TransactionStore>,
        change: impl FnOnce(&mut Tenant),
    ) -> Self {
        let clock = Arc::new(FixedClock::new(now));
        let mut tenant = world.tenant(vec![RETURN_URL.to_owned()]).unwrap();
        change(&mut tenant);
        let ports = Ports {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(OsEntropy),
            store: Arc::clone(&store),
            fetch: Arc::new(StatusHostFetch::new(Arc::clone(&world.status_host), Arc::clone(&clock) as Arc<dyn Clock>)),
        };
        let callers = Callers::AnyoneOnThisMachine(tenant.id.clone());
        let app = Arc::new(App::new(ports, base.to_owned(), vec![tenant]));
        let router = router(Front::new(Arc::clone(&app), callers, Arc::new(NoObserver)));
        Self { app, router, world, clock, store }
    }

    pub(crate) fn transport(&self) -> RouterTransport {
        RouterTransport::new(self.router.clone())
    }

    /// Sends a request; the answer with its status and its body as JSON, or null.
    pub(crate) async fn send(&self, method: &str, path: &str, body: Option<(&str, Vec<u8>)>) -> (u16, Value) {
        let response = self.raw(method, path, body).await;
        (response.status, serde_json::from_slice(&response.body).unwrap_or(Value::Null))
    }

    pub(crate) async fn raw(&self, method: &str, path: &str, body: Option<(&str, Vec<u8>)>) -> HttpResponse {
        let mut builder = axum::http::Request::builder().method(method).uri(path);
        let mut bytes = Vec::new();
        if let Some((content_type, content)) = body {
            builder = builder.header("content-type", content_type);
            bytes = content;
        }
        let response = self.router.clone().oneshot(builder.body(axum::body::Body::from(bytes)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        HttpResponse {
            status: parts.status.as_u16(),
            content_type: header("content-type"),
            cache_control: header("cache-control"),
            body: axum::body::to_bytes(body, 1 << 22).await.unwrap().to_vec(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, None).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send("POST", path, Some(("application/json", body.to_string().into_bytes()))).await
    }

    /// Starts a presentation and returns the answer.
    pub(crate) async fn create(&self, body: &Value) -> Value {
        let (status, created) = self.post_json("/v1/presentations", body).await;
        assert_eq!(status, 201, "{created}");
        created
    }
}

/// The path of an address of this service.
pub(crate) fn path_of(address: &Value) -> String {
    address.as_str().unwrap().strip_prefix(BASE).unwrap().to_owned()
}
