//! A whole service without a socket: memory store, a clock that stands, the test authority's world.

use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::entropy::OsEntropy;
use pruefstein::adapters::store::memory::MemoryStore;
use pruefstein::adapters::store::sqlite::{Options as StoreOptions, SqliteStore};
use pruefstein::app::ports::{
    Clock, Fetch, FetchError, FetchRequest, FetchResponse, KeptLists, Pending, TransactionStore, Validators,
};
use pruefstein::app::{App, Ports, Tenant};
use pruefstein::demo::World;
use pruefstein::demo::world::StatusHostFetch;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::ids::TenantId;
use pruefstein::domain::jose::hash::sha256;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust::listed::{Held, TrustPlan, compose};
use pruefstein::domain::trust_list::plan::ListPlan;
use pruefstein::http::callers::{CallerKey, Callers};
use pruefstein::http::{Front, NoObserver, router};
use pruefstein::simulator::request::{Expected, RequestObject};
use pruefstein::simulator::transport::{HttpRequest, HttpResponse, Method, RouterTransport};
use pruefstein::simulator::wallet::{Options, Wallet, WalletReport};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
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
    /// How often a status host was asked.
    pub(crate) fetches: Arc<AtomicUsize>,
    /// The addresses that were asked, whichever host they name.
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    /// JSON documents that other hosts publish, by address.
    pub(crate) documents: Documents,
}

type Documents = Arc<Mutex<HashMap<String, String>>>;

/// Counts what is asked of the status host, and lets others run in between, as a network does.
struct Counted(StatusHostFetch, Arc<AtomicUsize>, Documents, Arc<Mutex<Vec<String>>>);

impl Fetch for Counted {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        if let Some(document) = self.2.lock().unwrap().get(&request.url) {
            let (content_type, body) = (Some("application/json".to_owned()), document.as_bytes().to_vec());
            let response = FetchResponse {
                status: 200,
                content_type,
                max_age: None,
                validators: Validators::default(),
                date: None,
                body,
            };
            return Box::pin(async move { Ok(response) });
        }
        self.1.fetch_add(1, Ordering::SeqCst);
        self.3.lock().unwrap().push(request.url.clone());
        Box::pin(async move {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            self.0.get(request).await
        })
    }
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
        let mut tenant = world.tenant(vec![RETURN_URL.to_owned()]).unwrap();
        change(&mut tenant);
        let callers = Callers::AnyoneOnThisMachine(tenant.id.clone());
        Self::assemble(world, Arc::new(FixedClock::new(now)), base, store, vec![tenant], callers)
    }

    /// Two tenants, `red` and `blue`, each with a caller whose key is the tenant's name and `-key`.
    pub(crate) fn with_two_tenants() -> Self {
        Self::with_two_tenants_of(|_| {})
    }

    /// The same two, changed before the service starts.
    pub(crate) fn with_two_tenants_of(change: impl FnOnce(&mut [Tenant])) -> Self {
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        let (mut tenants, mut keys) = (Vec::new(), Vec::new());
        for name in ["red", "blue"] {
            let mut tenant = world.tenant(vec![RETURN_URL.to_owned()]).unwrap();
            tenant.id = TenantId::parse(name).unwrap();
            keys.push(CallerKey {
                name: format!("caller of {name}"),
                tenant: tenant.id.clone(),
                sha256: sha256(format!("{name}-key").as_bytes()),
            });
            tenants.push(tenant);
        }
        change(&mut tenants);
        let store = Arc::new(MemoryStore::new(86_400));
        Self::assemble(world, Arc::new(FixedClock::new(NOW)), BASE, store, tenants, Callers::Keys(keys))
    }

    /// Another instance of the same service: same world, clock and store, nothing else in common.
    pub(crate) fn another_instance(&self) -> Self {
        let tenant = self.world.tenant(vec![RETURN_URL.to_owned()]).unwrap();
        let callers = Callers::AnyoneOnThisMachine(tenant.id.clone());
        let (clock, store) = (Arc::clone(&self.clock), Arc::clone(&self.store));
        Self::assemble(self.world.clone(), clock, BASE, store, vec![tenant], callers)
    }

    /// Another instance on a store of its own: same world and clock, nothing else in common.
    pub(crate) fn another_instance_on(&self, store: Arc<dyn TransactionStore>) -> Self {
        let tenant = self.world.tenant(vec![RETURN_URL.to_owned()]).unwrap();
        let callers = Callers::AnyoneOnThisMachine(tenant.id.clone());
        Self::assemble(self.world.clone(), Arc::clone(&self.clock), BASE, store, vec![tenant], callers)
    }

    fn assemble(
        world: World,
        clock: Arc<FixedClock>,
        base: &str,
        store: Arc<dyn TransactionStore>,
        tenants: Vec<Tenant>,
        callers: Callers,
    ) -> Self {
        let fetches = Arc::new(AtomicUsize::new(0));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let documents = Documents::default();
        let host = StatusHostFetch::new(Arc::clone(&world.status_host), Arc::clone(&clock) as Arc<dyn Clock>);
        let ports = Ports {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(OsEntropy),
            store: Arc::clone(&store),
            fetch: Arc::new(Counted(host, Arc::clone(&fetches), Arc::clone(&documents), Arc::clone(&asked))),
        };
        let app = Arc::new(App::new(ports, base.to_owned(), tenants));
        let router = router(Front::new(Arc::clone(&app), callers, Arc::new(NoObserver)));
        Self { app, router, world, clock, store, fetches, asked, documents }
    }

    /// With trust lists from a host of the test's own, and tenants whose trust is only what these lists give.
    pub(crate) fn with_trust_lists(
        clock: Arc<FixedClock>,
        host: Arc<dyn Fetch>,
        lists: Vec<ListPlan>,
        kept: Arc<dyn KeptLists>,
        plans: Vec<TrustPlan>,
    ) -> Self {
        let change = |tenant: &mut Tenant| {
            tenant.trust = compose(&plans, Held::default(), NOW).into();
            tenant.trust_plans = plans;
        };
        Self::over(clock, |_, _| host, change, |app| app.with_trust_lists(lists, kept))
    }

    /// With hosts of the test's own, a tenant changed before the service starts, and a service changed after it was made.
    pub(crate) fn over(
        clock: Arc<FixedClock>,
        hosts: impl FnOnce(&World, Arc<dyn Clock>) -> Arc<dyn Fetch>,
        change: impl FnOnce(&mut Tenant),
        finish: impl FnOnce(App) -> App,
    ) -> Self {
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        let mut tenant = world.tenant(vec![RETURN_URL.to_owned()]).unwrap();
        change(&mut tenant);
        let callers = Callers::AnyoneOnThisMachine(tenant.id.clone());
        let store: Arc<dyn TransactionStore> = Arc::new(MemoryStore::new(86_400));
        let ports = Ports {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(OsEntropy),
            store: Arc::clone(&store),
            fetch: hosts(&world, Arc::clone(&clock) as Arc<dyn Clock>),
        };
        let app = Arc::new(finish(App::new(ports, BASE.to_owned(), vec![tenant])));
        let router = router(Front::new(Arc::clone(&app), callers, Arc::new(NoObserver)));
        let (fetches, documents, asked) = (Arc::default(), Documents::default(), Arc::default());
        Self { app, router, world, clock, store, fetches, asked, documents }
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
        let mut call = self.call(method, path);
        if let Some((content_type, content)) = body {
            call = call.header("content-type", content_type).body(content);
        }
        let answer = call.send().await;
        HttpResponse {
            status: answer.status,
            content_type: answer.header("content-type").map(str::to_owned),
            cache_control: answer.header("cache-control").map(str::to_owned),
            body: answer.body,
        }
    }

    /// Begins a request that is put together by hand.
    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        let builder = axum::http::Request::builder().method(method).uri(path);
        Call { router: self.router.clone(), builder, body: Vec::new() }
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

    /// Starts a cross-device presentation of a preset, whose result stays readable.
    pub(crate) async fn create_preset(&self, preset: &str) -> Value {
        let body = json!({"preset": preset, "flow": "cross_device", "result": {"delete_after_read": false}});
        self.create(&body).await
    }

    /// What the caller reads.
    pub(crate) async fn read(&self, created: &Value) -> Value {
        let (status, read) = self.get(&presentation_path(created)).await;
        assert_eq!(status, 200, "{read}");
        read
    }

    /// The status that the caller reads.
    pub(crate) async fn status(&self, created: &Value) -> String {
        self.read(created).await["status"].as_str().unwrap().to_owned()
    }

    pub(crate) fn wallet(&self) -> Wallet {
        Wallet::new(Arc::clone(&self.world.authority), STATUS_BASE)
    }

    /// The ordinary person answers well, now.
    pub(crate) fn options(&self) -> Options {
        Options::at(self.clock.now())
    }

    /// The simulated wallet fetches and answers.
    pub(crate) async fn answer(&self, created: &Value, options: Options) -> WalletReport {
        let link = created["authorization_request_uri"].as_str().unwrap();
        self.wallet().answer(link, &self.transport(), options).await.unwrap()
    }

    /// Fetches the request object by GET.
    pub(crate) async fn fetch(&self, created: &Value) -> String {
        let object = self.raw("GET", &path_of(&created["request_uri"]), None).await;
        assert_eq!(object.status, 200, "{}", String::from_utf8_lossy(&object.body));
        String::from_utf8(object.body).unwrap()
    }

    /// Reads a request object as the strict wallet does.
    pub(crate) fn accepted(&self, created: &Value, token: &str) -> RequestObject {
        let client_id = created["client_id"].as_str().unwrap();
        let anchor = self.world.authority.access_root();
        let expected = Expected {
            client_id,
            anchor,
            registrar: Some(self.world.authority.registrar_root()),
            wallet_nonce: None,
            now: self.clock.now(),
        };
        RequestObject::read(token, &expected).unwrap()
    }

    /// Fetches the request and composes an answer to it without sending it.
    pub(crate) async fn composed(&self, created: &Value, options: Options) -> Vec<HttpRequest> {
        let token = self.fetch(created).await;
        self.wallet().compose(&self.accepted(created, &token), options).unwrap().1
    }

    /// Sends what a wallet composed.
    pub(crate) async fn deliver(&self, request: &HttpRequest) -> Answer {
        let method = if request.method == Method::Get { "GET" } else { "POST" };
        let mut call = self.call(method, request.url.strip_prefix(BASE).unwrap());
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        call.body(request.body.clone()).send().await
    }
}

/// The service over an embedded store in a folder.
pub(crate) fn sqlite(folder: &Path) -> Arc<dyn TransactionStore> {
    Arc::new(SqliteStore::open(&folder.join("store.db"), &StoreOptions::default()).unwrap())
}

/// A request that is put together by hand.
pub(crate) struct Call {
    router: axum::Router,
    builder: axum::http::request::Builder,
    body: Vec<u8>,
}

impl Call {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// With the key of a caller.
    pub(crate) fn key(self, key: &str) -> Self {
        self.header("authorization", &format!("Bearer {key}"))
    }

    pub(crate) fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string().into_bytes())
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.header("content-type", FORM).body(body.into_bytes())
    }

    /// The answer with its body unread, for streams.
    pub(crate) async fn open(self) -> axum::response::Response {
        let request = self.builder.body(axum::body::Body::from(self.body)).unwrap();
        self.router.oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(self) -> Answer {
        let (parts, body) = self.open().await.into_parts();
        let body = axum::body::to_bytes(body, 1 << 22).await.unwrap().to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

/// The media type of what wallets post.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A whole answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, or null if it is no JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Status and code of a problem document.
    pub(crate) fn problem(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// The caller's path of a presentation.
pub(crate) fn presentation_path(created: &Value) -> String {
    format!("/v1/presentations/{}", created["id"].as_str().unwrap())
}

/// A part of a compact token as JSON: 0 the header, 1 the payload.
pub(crate) fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&base64::decode_url(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

/// Whether the caller is told this code: as the end, or about the last answer that was refused.
pub(crate) fn told(read: &Value, code: &str) -> bool {
    read["error"]["code"] == code || read["last_refused"]["error"]["code"] == code
}

/// The path of an address of this service.
pub(crate) fn path_of(address: &Value) -> String {
    address.as_str().unwrap().strip_prefix(BASE).unwrap().to_owned()
}
