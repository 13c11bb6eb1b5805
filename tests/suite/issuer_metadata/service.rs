//! A whole service whose issuer publishes its keys: what is asked, when, and what becomes of bad answers.

use super::{ISSUER, jwk, key, set};
use crate::service::{FORM, NOW, STATUS_BASE, TestService, part, path_of};
use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::kept::{KeptFolder, KeptInMemory};
use pruefstein::app::ports::{Clock, Fetch, FetchError, FetchRequest, FetchResponse, KeptLists, Pending, Validators};
use pruefstein::app::refresh_trust::Refreshed;
use pruefstein::demo::World;
use pruefstein::demo::world::StatusHostFetch;
use pruefstein::domain::limits;
use pruefstein::domain::reason::Code;
use pruefstein::domain::trust::issuer_metadata::{IssuerPlan, USABLE_SECONDS};
use pruefstein::domain::trust::listed::TrustPlan;
use pruefstein::domain::trust::{Purpose, StatusOrigin, StatusRule, TrustSource};
use pruefstein::domain::x509::Certificate;
use pruefstein::domain::x509::chain::Anchor;
use pruefstein::simulator::authority::{IssuerName, PASS_TYPE, SignerKey};
use pruefstein::simulator::issuer::{Draft, KeyBinding, holder_key, present};
use pruefstein::simulator::people::Person;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

const METADATA: &str = "https://issuer.example/.well-known/jwt-vc-issuer/tenant/1";
const KEYS: &str = "https://keys.example/tenant/1.jwks";
const HOUR: i64 = 3_600;

#[derive(Clone)]
enum Mode {
    Serves(&'static str, Vec<u8>),
    Says(u16, Vec<u8>),
    Fails(FetchError),
    Redirects(&'static str),
}

fn serves(document: &Value) -> Mode {
    Mode::Serves("application/json", document.to_string().into_bytes())
}

/// Hosts that do as they are told, within the limits that the real way out keeps (`adapters::fetch` has tests of them).
struct Hosts {
    modes: Mutex<HashMap<&'static str, Mode>>,
    asked: Mutex<Vec<String>>,
    status: StatusHostFetch,
}

impl Hosts {
    fn set(&self, url: &'static str, mode: Mode) {
        self.modes.lock().unwrap().insert(url, mode);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    fn answer(&self, url: &str, request: &FetchRequest, hops: u8) -> Result<FetchResponse, FetchError> {
        let origin = StatusOrigin::of_url(url).unwrap().text();
        if !request.allowed_hosts.contains(&origin) {
            return Err(if hops == 0 { FetchError::Blocked } else { FetchError::Unusable("a redirect leads away") });
        }
        self.asked.lock().unwrap().push(url.to_owned());
        let response = |status, content_type: &str, body: &[u8]| FetchResponse {
            status,
            content_type: Some(content_type.to_owned()),
            max_age: None,
            validators: Validators::default(),
            date: None,
            body: body.to_vec(),
        };
        let mode = self.modes.lock().unwrap().get(url).cloned();
        match mode.unwrap_or(Mode::Fails(FetchError::Timeout)) {
            Mode::Serves(_, body) if body.len() > request.max_bytes => Err(FetchError::TooLarge),
            Mode::Serves(content_type, body) => Ok(response(200, content_type, &body)),
            Mode::Says(status, body) => Ok(response(status, "application/json", &body)),
            Mode::Fails(error) => Err(error),
            Mode::Redirects(_) if hops >= request.max_redirects => Err(FetchError::Unusable("too many redirects")),
            Mode::Redirects(to) => self.answer(to, request, hops + 1),
        }
    }
}

impl Fetch for Hosts {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        if request.url.starts_with(STATUS_BASE) {
            return self.status.get(request);
        }
        assert!(request.max_bytes <= limits::ISSUER_METADATA_BYTES && request.timeout_ms <= 10_000, "VC-26");
        assert!(request.max_redirects <= 2 && request.allowed_hosts.iter().all(|host| host.starts_with("https://")));
        let answer = self.answer(&request.url.clone(), &request, 0);
        Box::pin(async move { answer })
    }
}

struct Scene {
    service: TestService,
    hosts: Arc<Hosts>,
    name: &'static str,
}

impl Scene {
    fn new() -> Self {
        Self::keeping(Arc::new(KeptInMemory::default()))
    }

    fn keeping(kept: Arc<dyn KeptLists>) -> Self {
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        let clock = Arc::new(FixedClock::new(NOW));
        let status_root = world.authority.status_root(IssuerName::Municipality).to_vec();
        let hosts = Arc::new(Hosts {
            modes: Mutex::default(),
            asked: Mutex::default(),
            status: StatusHostFetch::new(world.status_host, Arc::clone(&clock) as Arc<dyn Clock>),
        });
        let plan = TrustPlan {
            source: TrustSource {
                status_anchors: vec![Anchor::new(Certificate::read(&status_root).unwrap()).unwrap()],
                status_origins: vec![StatusOrigin::parse(STATUS_BASE).unwrap()],
                status_rule: StatusRule::Required,
                ..TrustSource::new("pass", Purpose::EaaProvider, vec![PASS_TYPE.to_owned()])
            },
            list: None,
            signs_for: Vec::new(),
            revocation: None,
            status_prefetch: Vec::new(),
            issuers: vec![IssuerPlan::new(ISSUER, vec![StatusOrigin::parse("keys.example").unwrap()]).unwrap()],
        };
        let fetch = Arc::clone(&hosts) as Arc<dyn Fetch>;
        let service = TestService::with_trust_lists(clock, fetch, Vec::new(), kept, vec![plan]);
        Self { service, hosts, name: "a" }
    }

    async fn refresh(&self) -> Option<Refreshed> {
        let mut done = self.service.app.refresh_trust().await;
        assert!(done.len() <= 1);
        done.pop().map(|(name, refreshed)| {
            assert_eq!(name, ISSUER);
            refreshed
        })
    }

    /// One presentation of a credential that is signed with key `number`: status of the transaction, and code.
    async fn present(&self, number: u8) -> (String, Option<String>) {
        let query = json!({"credentials": [{"id": "pass", "format": "dc+sd-jwt", "meta": {"vct_values": [PASS_TYPE]},
            "claims": [{"path": ["family_name"]}]}]});
        let body = json!({"dcql_query": query, "flow": "cross_device", "response_mode": "direct_post",
            "result": {"delete_after_read": false}});
        let (status, created) = self.service.post_json("/v1/presentations", &body).await;
        if status != 201 {
            return (format!("not started, {status}"), created["code"].as_str().map(str::to_owned));
        }
        let request = part(&self.service.fetch(&created).await, 1);
        let text = |name: &str| request[name].as_str().unwrap().to_owned();
        let (authority, now) = (&self.service.world.authority, self.service.clock.now());
        let holder = holder_key(authority, Person::Ordinary, IssuerName::Municipality).unwrap();
        let mut draft =
            Draft::new(authority, IssuerName::Municipality, Person::Ordinary, &holder, STATUS_BASE, now).unwrap();
        draft.header.shift_remove("x5c");
        draft.header.insert("kid".to_owned(), json!(self.name));
        draft.control.insert("iss".to_owned(), json!(ISSUER));
        draft.signer.key = SignerKey::P256(key(number));
        let issued = draft.seal(authority.seed()).issue().unwrap();
        let disclosures = issued.disclosures_for(&[vec![json!("family_name")]]);
        let proof = KeyBinding::new(&text("client_id"), &text("nonce"), now);
        let token = json!({"pass": [present(&issued, &disclosures, proof, &holder).unwrap()]}).to_string();
        let fields = [("vp_token", token), ("state", text("state"))];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
        self.service.send("POST", &path_of(&request["response_uri"]), Some((FORM, form))).await;
        let read = self.service.read(&created).await;
        let status = read["status"].as_str().unwrap().to_owned();
        if status == "verified" {
            let issuer = &read["result"]["credentials"]["pass"][0]["issuer"];
            assert_eq!((&issuer["name"], &issuer["trusted_by"]), (&json!(ISSUER), &json!("pass")), "{read}");
        }
        let code = read.pointer("/error/code").or_else(|| read.pointer("/last_refused/error/code"));
        (status, code.and_then(Value::as_str).map(str::to_owned))
    }
}

fn metadata(number: u8) -> Value {
    json!({"issuer": ISSUER, "jwks": set(&[jwk(number, &json!({"kid": "a"}))])})
}

fn verified() -> (String, Option<String>) {
    ("verified".to_owned(), None)
}

fn not_started() -> (String, Option<String>) {
    ("not started, 503".to_owned(), Some("trust_unavailable".to_owned()))
}

fn failed(refreshed: Option<Refreshed>, words: &str) {
    match refreshed {
        Some(Refreshed::Failed(reason)) => {
            assert_eq!(reason.code, Code::TrustUnavailable);
            assert!(reason.detail.contains(words), "{reason}: {words}");
        }
        other => panic!("not a failure: {other:?}, {words}"),
    }
}

#[tokio::test]
async fn without_its_keys_nothing_is_decided_and_with_them_all_works_without_a_restart() {
    // VC-20, VC-25, VC-29.
    let scene = Scene::new();
    assert_eq!(scene.present(1).await, not_started());
    failed(scene.refresh().await, "cannot be fetched");
    assert_eq!(scene.present(1).await, not_started());
    scene.hosts.set(METADATA, serves(&metadata(1)));
    assert_eq!(scene.refresh().await, None, "not due yet");
    scene.service.clock.advance(60);
    assert!(matches!(scene.refresh().await, Some(Refreshed::Changed { .. })));
    assert_eq!(scene.present(1).await, verified());
    assert_eq!(scene.present(2).await.1.as_deref(), Some("jws_signature_invalid"));
}

#[tokio::test]
async fn no_presentation_makes_the_issuer_be_asked() {
    // VC-23, VC-28: the host of the issuer hears of the clock alone.
    let mut scene = Scene::new();
    scene.hosts.set(METADATA, serves(&metadata(1)));
    scene.refresh().await;
    assert_eq!(scene.hosts.asked(), [METADATA]);
    assert_eq!(scene.present(1).await, verified());
    scene.name = "unknown";
    assert_eq!(scene.present(1).await.1.as_deref(), Some("jws_key_mismatch"));
    assert_eq!(scene.refresh().await, None);
    assert_eq!(scene.hosts.asked(), [""; 0]);
    scene.service.clock.advance(HOUR);
    assert_eq!(scene.refresh().await, Some(Refreshed::Confirmed));
    assert_eq!(scene.hosts.asked(), [METADATA]);
}

#[tokio::test]
async fn keys_may_lie_where_the_configuration_lets_them() {
    // VC-25, VC-26, VC-27.
    let scene = Scene::new();
    let points = |to: &str| serves(&json!({"issuer": ISSUER, "jwks_uri": to}));
    let keys = set(&[jwk(1, &json!({"kid": "a"}))]);
    scene.hosts.set(METADATA, points(KEYS));
    scene.hosts.set(KEYS, Mode::Serves("application/jwk-set+json", keys.to_string().into_bytes()));
    assert!(matches!(scene.refresh().await, Some(Refreshed::Changed { .. })));
    assert_eq!(scene.hosts.asked(), [METADATA, KEYS]);
    assert_eq!(scene.present(1).await, verified());
    // The same keys in the metadata itself are the same keys.
    scene.service.clock.advance(HOUR);
    scene.hosts.set(METADATA, serves(&metadata(1)));
    assert_eq!(scene.refresh().await, Some(Refreshed::Confirmed));
    for (mode, words) in [
        (points("https://evil.example/keys"), "not allowed"),
        (points("http://keys.example/keys"), "https"),
        (points("https://169.254.169.254/keys"), "not allowed"),
        (points("https://keys.example/elsewhere"), "cannot be fetched"),
    ] {
        scene.service.clock.advance(HOUR);
        scene.hosts.set(METADATA, mode);
        failed(scene.refresh().await, words);
        assert_eq!(scene.present(1).await, verified());
    }
    // Neither do redirects of the key set leave these hosts.
    scene.hosts.set(METADATA, points(KEYS));
    for (mode, words) in [
        (Mode::Redirects("https://evil.example/keys"), "leads away"),
        (Mode::Serves("text/html", keys.to_string().into_bytes()), "media type"),
        (Mode::Serves("application/json", b"{}".to_vec()), "no keys"),
        (Mode::Says(404, keys.to_string().into_bytes()), "status 404"),
    ] {
        scene.service.clock.advance(HOUR);
        scene.hosts.set(KEYS, mode);
        failed(scene.refresh().await, words);
    }
    assert!(!scene.hosts.asked().iter().any(|url| url.contains("evil") || url.contains("169.254")));
}

#[tokio::test]
async fn whatever_a_host_does_the_good_keys_stay_until_their_time_and_not_longer() {
    // VC-24, VC-25, VC-26: a knock-out for each refusal, with good keys in use.
    let scene = Scene::new();
    let json = |document: Value| serves(&document);
    let keys = set(&[jwk(2, &json!({"kid": "a"}))]);
    let mut huge = json!({"issuer": ISSUER, "jwks": keys});
    huge["x"] = json!("x".repeat(limits::ISSUER_METADATA_BYTES));
    let private = key(2).test_jwk();
    let text = metadata(2).to_string().into_bytes();
    let bad = [
        (Mode::Fails(FetchError::Timeout), "no answer in time"),
        (Mode::Fails(FetchError::Blocked), "may not be asked"),
        (Mode::Says(404, text.clone()), "status 404"),
        (Mode::Says(500, text.clone()), "status 500"),
        (Mode::Says(304, Vec::new()), "status 304"),
        (Mode::Serves("text/html", text.clone()), "media type"),
        (Mode::Serves("application/jwk-set+json", text.clone()), "media type"),
        (Mode::Serves("", text.clone()), "media type"),
        (Mode::Serves("application/json", text[1..].to_vec()), "JSON"),
        (Mode::Redirects("https://evil.example/"), "leads away"),
        (Mode::Redirects(KEYS), "leads away"),
        (Mode::Redirects(METADATA), "too many redirects"),
        (json(huge), "too large"),
        (json(json!({"issuer": "https://issuer.example", "jwks": keys})), "another issuer"),
        (json(json!({"jwks": keys})), "another issuer"),
        (json(json!({"issuer": ISSUER, "jwks": keys, "jwks_uri": KEYS})), "both"),
        (json(json!({"issuer": ISSUER})), "neither"),
        (json(json!({"issuer": ISSUER, "jwks": {"keys": []}})), "no key"),
        (json(json!({"issuer": ISSUER, "jwks": {"keys": [private]}})), "private"),
        (
            json(json!({"issuer": ISSUER, "jwks": set(&[jwk(2, &json!({"kid": "a"})), jwk(3, &json!({"kid": "a"}))])})),
            "same kid",
        ),
    ];
    scene.hosts.set(METADATA, serves(&metadata(1)));
    scene.refresh().await;
    for (mode, words) in bad {
        scene.service.clock.advance(HOUR);
        scene.hosts.set(METADATA, mode);
        failed(scene.refresh().await, words);
        assert_eq!(scene.present(1).await, verified(), "{words}");
        assert_eq!(scene.present(2).await.1.as_deref(), Some("jws_signature_invalid"), "{words}");
    }
    assert!(!scene.hosts.asked().iter().any(|url| url.contains("evil") || url == KEYS));
    // Confirmed once more, then out of reach: to the second, and back again by itself.
    scene.hosts.set(METADATA, serves(&metadata(1)));
    scene.service.clock.advance(60);
    assert_eq!(scene.refresh().await, Some(Refreshed::Confirmed));
    scene.hosts.set(METADATA, Mode::Fails(FetchError::Timeout));
    scene.service.clock.advance(USABLE_SECONDS - 1);
    failed(scene.refresh().await, "cannot be fetched");
    assert_eq!(scene.present(1).await, verified(), "one second before");
    scene.service.clock.advance(1);
    assert_eq!(scene.present(1).await, not_started());
    scene.hosts.set(METADATA, serves(&metadata(1)));
    scene.service.clock.advance(60);
    scene.refresh().await;
    assert_eq!(scene.present(1).await, verified());
}

#[tokio::test]
async fn a_key_that_is_taken_back_is_refused_after_the_refresh() {
    let scene = Scene::new();
    scene.hosts.set(METADATA, serves(&metadata(1)));
    scene.refresh().await;
    scene.hosts.set(METADATA, serves(&metadata(2)));
    assert_eq!(scene.present(1).await, verified());
    scene.service.clock.advance(HOUR);
    assert!(matches!(scene.refresh().await, Some(Refreshed::Changed { .. })));
    assert_eq!(scene.present(1).await.1.as_deref(), Some("jws_signature_invalid"));
    assert_eq!(scene.present(2).await, verified());
}

#[tokio::test]
async fn a_restart_needs_no_network_and_makes_keys_no_younger() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || Arc::new(KeptFolder::new(folder.path().to_owned())) as Arc<dyn KeptLists>;
    let first = Scene::keeping(kept());
    first.hosts.set(METADATA, serves(&json!({"issuer": ISSUER, "jwks_uri": KEYS})));
    first.hosts.set(KEYS, serves(&set(&[jwk(1, &json!({"kid": "a"}))])));
    first.refresh().await;

    let second = Scene::keeping(kept());
    second.service.clock.advance(USABLE_SECONDS - 1);
    assert_eq!(second.service.app.load_kept_lists().await, []);
    assert_eq!(second.present(1).await, verified());
    failed(second.refresh().await, "cannot be fetched");
    second.service.clock.advance(1);
    assert_eq!(second.present(1).await, not_started());

    // What somebody has put into the folder is read as strictly, and told.
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    for wrong in
        [text.replace("tenant/1", "tenant/2"), text.replace("\"keys\":[", "\"keys\":[{\"d\":1},"), String::new()]
    {
        std::fs::write(&file, wrong).unwrap();
        let third = Scene::keeping(kept());
        let faults = third.service.app.load_kept_lists().await;
        assert_eq!(faults.len(), 1);
        assert_eq!((faults[0].0.as_str(), faults[0].1.code), (ISSUER, Code::TrustUnavailable));
        assert_eq!(third.present(1).await, not_started());
    }
    // A clock that stood in the future leaves no keys that live longer.
    std::fs::write(&file, text.replace(&NOW.0.to_string(), &NOW.plus(USABLE_SECONDS).0.to_string())).unwrap();
    let fourth = Scene::keeping(kept());
    assert_eq!(fourth.service.app.load_kept_lists().await, []);
    assert_eq!(fourth.present(1).await, verified());
    fourth.service.clock.advance(USABLE_SECONDS);
    assert_eq!(fourth.present(1).await, not_started());
}

#[tokio::test]
async fn operators_see_how_the_keys_of_an_issuer_stand() {
    // VC-25: in readiness and in metrics, from the start on, while they are old, and back.
    use pruefstein::http::ops::Operations;
    use pruefstein::telemetry::metrics::Metrics;
    let scene = Scene::new();
    let operations = Operations::new(Arc::clone(&scene.service.app), Arc::new(Metrics::new()));
    let usable = || {
        let text = operations.metrics_text().unwrap();
        let name = format!("pruefstein_trust_data_usable_seconds{{kind=\"issuer_keys\",name=\"{ISSUER}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&name)).map(|value| value.parse::<i64>().unwrap())
    };
    let notes = async |words: &str| {
        let notes = operations.readiness().await.notes;
        notes.iter().any(|note| note.contains(ISSUER) && note.contains(words))
    };
    assert_eq!(usable(), Some(0));
    assert!(notes("cannot be used").await);
    scene.refresh().await;
    assert!(notes("no answer in time").await);
    scene.hosts.set(METADATA, serves(&metadata(1)));
    scene.service.clock.advance(60);
    assert_eq!(scene.refresh().await.map(|refreshed| refreshed.outcome()), Some("changed"));
    assert_eq!(usable(), Some(24 * HOUR));
    assert!(!notes("").await);
    scene.hosts.set(METADATA, Mode::Fails(FetchError::Timeout));
    scene.service.clock.advance(HOUR);
    scene.refresh().await;
    assert_eq!(usable(), Some(23 * HOUR));
    assert!(notes("the last refresh of the keys").await);
    let text = operations.metrics_text().unwrap();
    for (outcome, count) in [("changed", 1), ("trust_unavailable", 2)] {
        let line = format!(
            "pruefstein_trust_data_refreshes_total{{kind=\"issuer_keys\",name=\"{ISSUER}\",outcome=\"{outcome}\"}} {count}"
        );
        assert!(text.contains(&line), "{line} {text}");
    }
    scene.service.clock.advance(24 * HOUR);
    scene.refresh().await;
    assert!(usable().unwrap() <= 0 && notes("cannot be used").await);
}
