//! What the conformance suite of the OpenID Foundation asks of a verifier, asked here, so that a regression is seen
//! without the suite. The suite plays the wallet; so does this.
//!
//! Two plans, `oid4vp-1final-verifier-test-plan` and `oid4vp-1final-verifier-haip-test-plan`, each a list of modules that
//! run once for each variant: how the verifier is named, how the answer comes, and how it is encrypted. A module is a
//! test of the same name, and leaves a line that `./check` shows. The service is the whole of it on a socket, with all
//! its layers; the wallet of [`wallet`] shares no code with it but the standard formats.
//!
//! | I am looking for | It is in |
//! | --- | --- |
//! | the plans and their variants | [`openid4vp`], [`haip`] |
//! | what each module does | [`modules`] |
//! | what a request must be | [`request`] |
//! | the wallet, its credential and its encryption | [`wallet`], [`wire`] |
//! | prefixes that the suite does not play | [`prefixes`] |

/// The modules of a plan, each a test of its name. `invalid-session-transcript` and what concerns mdoc is for formats that
/// this verifier does not take.
macro_rules! plan {
    ($plan:literal, $variants:expr) => {
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_happy_flow, "oid4vp-1final-verifier-happy-flow", happy_flow);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_minimal_cnf_jwk, "oid4vp-1final-verifier-minimal-cnf-jwk", minimal_cnf_jwk);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_request_uri_method_post, "oid4vp-1final-verifier-request-uri-method-post", request_uri_method_post);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_request_uri_fetched_twice, "oid4vp-1final-verifier-request-uri-fetched-twice", request_uri_fetched_twice);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_invalid_kb_jwt_signature, "oid4vp-1final-verifier-invalid-kb-jwt-signature", invalid_kb_jwt_signature);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_invalid_credential_signature, "oid4vp-1final-verifier-invalid-credential-signature", invalid_credential_signature);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_invalid_sd_hash, "oid4vp-1final-verifier-invalid-sd-hash", invalid_sd_hash);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_invalid_kb_jwt_nonce, "oid4vp-1final-verifier-invalid-kb-jwt-nonce", invalid_kb_jwt_nonce);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_invalid_kb_jwt_aud, "oid4vp-1final-verifier-invalid-kb-jwt-aud", invalid_kb_jwt_aud);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_kb_jwt_iat_in_past, "oid4vp-1final-verifier-kb-jwt-iat-in-past", kb_jwt_iat_in_past);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_kb_jwt_iat_in_future, "oid4vp-1final-verifier-kb-jwt-iat-in-future", kb_jwt_iat_in_future);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_present_revoked_credential, "oid4vp-1final-verifier-present-revoked-credential", present_revoked_credential);
        $crate::conformance::plan!(@ $plan, $variants, oid4vp_1final_verifier_present_credential_without_status, "oid4vp-1final-verifier-present-credential-without-status", present_credential_without_status);
    };
    (@ $plan:literal, $variants:expr, $test:ident, $name:literal, $body:ident) => {
        #[tokio::test]
        async fn $test() {
            $crate::conformance::Module::run($plan, $name, &$variants, $crate::conformance::modules::$body).await;
        }
    };
}
use plan;

mod haip;
mod modules;
mod openid4vp;
mod prefixes;
mod request;
mod wallet;
mod wire;

use crate::service::{NOW, RETURN_URL, STATUS_BASE, TestService};
use pruefstein::adapters::entropy::OsEntropy;
use pruefstein::adapters::store::memory::MemoryStore;
use pruefstein::app::Tenant;
use pruefstein::config::service::HttpLimits;
use pruefstein::demo::World;
use pruefstein::domain::jose::jwe::ContentEncryption;
use pruefstein::domain::request::client_id::{ClientId, ClientIdPrefix};
use pruefstein::domain::request::profile::Profile;
use pruefstein::domain::x509::Certificate;
use pruefstein::http::client_address::Gateways;
use pruefstein::http::layers::{Guard, RequestLimits, guarded};
use pruefstein::http::listener::{self, ConnectionLimits};
use pruefstein::http::pace::Patience;
use pruefstein::telemetry::metrics::Metrics;
use serde_json::{Value, json};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use wire::Answer;

/// The agreed name of a verifier that is known beforehand.
const AGREED_NAME: &str = "stadt-pruefstein-7";

/// What a module is run with.
#[derive(Clone, Copy)]
struct Variant {
    profile: &'static Profile,
    prefix: ClientIdPrefix,
    /// How the answer is encrypted; `None` for `direct_post`.
    encryption: Option<ContentEncryption>,
}

impl Variant {
    const fn response_mode(self) -> &'static str {
        if self.encryption.is_some() { "direct_post.jwt" } else { "direct_post" }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.prefix.as_str(), self.response_mode())?;
        self.encryption.map_or(Ok(()), |encryption| write!(f, " {}", encryption.name()))
    }
}

/// One module of a plan while it runs. Its line is printed when it ends, however it ends.
struct Module {
    plan: &'static str,
    name: &'static str,
    variants: usize,
    now: String,
}

impl Module {
    /// Runs the module for each variant.
    async fn run(plan: &'static str, name: &'static str, variants: &[Variant], body: impl AsyncFn(&Stand)) {
        assert!(!variants.is_empty(), "a module without a variant tests nothing");
        let mut module = Self { plan, name, variants: 0, now: String::new() };
        for variant in variants {
            module.now = variant.to_string();
            let stand = Stand::new(*variant, |_| {}).await;
            body(&stand).await;
            module.variants += 1;
        }
    }
}

#[expect(clippy::print_stdout, reason = "the line that ./check shows")]
impl Drop for Module {
    fn drop(&mut self) {
        let Self { plan, name, variants, now } = self;
        if std::thread::panicking() {
            println!("conformance: {plan} {name} FAILED ({now})");
        } else {
            println!("conformance: {plan} {name} passed ({variants} variants)");
        }
    }
}

/// A service on a socket with the tenant that a variant needs. It ends when it is dropped.
struct Stand {
    variant: Variant,
    service: TestService,
    address: SocketAddr,
    /// The public address; its host is in the access certificate.
    base: String,
    server: JoinHandle<()>,
}

impl Stand {
    async fn new(variant: Variant, change: impl FnOnce(&mut Tenant)) -> Self {
        static WORLD: LazyLock<World> = LazyLock::new(|| World::new([7; 32], NOW, "localhost", STATUS_BASE).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let host = format!("localhost:{}", address.port());
        let base = format!("http://{host}");
        let named = |tenant: &mut Tenant| {
            let leaf = Certificate::read(&WORLD.authority.access().chain[0]).unwrap();
            tenant.profile = variant.profile;
            tenant.client_id = match variant.prefix {
                ClientIdPrefix::X509Hash => ClientId::x509_hash(&leaf),
                ClientIdPrefix::X509SanDns => ClientId::x509_san_dns(&leaf, "localhost").unwrap(),
                ClientIdPrefix::RedirectUri => ClientId::OfResponseUri,
                ClientIdPrefix::PreRegistered => ClientId::pre_registered(AGREED_NAME).unwrap(),
            };
            change(tenant);
        };
        let service = TestService::in_world(WORLD.clone(), NOW, &base, Arc::new(MemoryStore::new(86_400)), named);
        let metrics = Arc::new(Metrics::new());
        let (requests, connections) = limits(HttpLimits::default());
        let guard =
            Guard::new(&host, Vec::new(), requests, Gateways::Unknown, Arc::new(OsEntropy), Arc::clone(&metrics));
        let router = guarded(service.router.clone(), Arc::new(guard));
        let server = tokio::spawn(listener::serve(listener, router, connections, metrics, std::future::pending()));
        Self { variant, service, address, base, server }
    }

    /// Starts a same-device presentation of exactly one credential, as the suite wants it.
    async fn begin(&self) -> Value {
        let wish = json!({
            "dcql_query": {"credentials": [{
                "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": [wallet::TYPE]},
                "claims": [{"path": ["family_name"]}, {"path": ["given_name"]}, {"path": ["birthdate"]}]
            }]},
            "flow": "same_device", "return_url": RETURN_URL, "response_mode": self.variant.response_mode(),
            "result": {"delete_after_read": false}
        });
        let answer = self.call("POST", "/v1/presentations", Some(&wish)).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// A call of the caller.
    async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let fields = if body.is_some() { vec![("content-type", "application/json")] } else { Vec::new() };
        let body = body.map(Value::to_string).unwrap_or_default();
        wire::ask(self.address, method, &format!("{}{path}", self.base), &fields, body.as_bytes()).await
    }

    /// What the caller reads, with the code of the way back if there is one.
    async fn read(&self, created: &Value, way_back: Option<&str>) -> Value {
        let id = created["id"].as_str().unwrap();
        let code = way_back.map(|uri| format!("?response_code={}", response_code(uri))).unwrap_or_default();
        let answer = self.call("GET", &format!("/v1/presentations/{id}{code}"), None).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The code in the address to which a wallet sends the browser.
fn response_code(uri: &str) -> String {
    let uri = url::Url::parse(uri).unwrap();
    let code = uri.query_pairs().find(|(name, _)| name == "response_code");
    code.unwrap_or_else(|| panic!("no code in the way back")).1.into_owned()
}

/// The limits that a service has without a configuration.
fn limits(limits: HttpLimits) -> (RequestLimits, ConnectionLimits) {
    let requests = RequestLimits {
        caller_body_bytes: limits.max_caller_body_bytes,
        wallet_body_bytes: limits.max_wallet_body_bytes,
        header_bytes: limits.max_header_bytes,
        uri_bytes: limits.max_uri_bytes,
        body_deadline: limits.body_deadline,
        request_deadline: limits.request_deadline,
        in_flight: limits.max_in_flight,
        client_requests_per_minute: limits.client_requests_per_minute,
        client_misses_per_minute: limits.client_misses_per_minute,
    };
    let patience = Patience { header: limits.header_deadline, idle: limits.idle, write: Duration::from_secs(30) };
    let connections = ConnectionLimits {
        connections: 100,
        header_bytes: limits.max_header_bytes,
        patience,
        shutdown: limits.shutdown,
    };
    (requests, connections)
}
