//! Type metadata in whole verdicts: given, fetched from publishers, kept, missing.

use crate::stage::{Scene, world};
use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::entropy::OsEntropy;
use pruefstein::adapters::store::memory::MemoryStore;
use pruefstein::app::ports::{Clock, Fetch, FetchError, FetchRequest, FetchResponse, Pending, Validators};
use pruefstein::app::verify_once::OneVerification;
use pruefstein::app::{App, Ports};
use pruefstein::demo::World as DemoWorld;
use pruefstein::domain::ids::TenantId;
use pruefstein::domain::jose::hash::integrity;
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust::cache::ChainCache;
use pruefstein::domain::trust::{StatusRule, TrustAnchors};
use pruefstein::domain::type_metadata::{Document, Integrity, TypeMetadataPolicy, TypeMetadataRule, TypeRule};
use pruefstein::domain::verify::report::{Check, Outcome};
use pruefstein::domain::verify::{Policy, Report, Standing};
use pruefstein::simulator::authority::SignerKey;
use pruefstein::vectors::make::world::{NOW, TYPE};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

const FETCHED: &str = "https://types.example/identity/1";
const PARENT: &str = "https://types.example/person/1";
const FOREIGN: &str = "https://elsewhere.example/person/1";
const PUBLISHER: &str = "https://types.example:443";

/// A network of a few addresses that remembers what it was asked.
#[derive(Default)]
struct Network {
    answers: Mutex<HashMap<String, Result<FetchResponse, FetchError>>>,
    asked: Mutex<Vec<FetchRequest>>,
}

impl Network {
    fn answer(&self, url: &str, status: u16, content_type: &str, max_age: Option<u32>, body: &str) {
        let body = body.as_bytes().to_vec();
        let response = FetchResponse {
            status,
            content_type: Some(content_type.to_owned()),
            max_age,
            validators: Validators::default(),
            date: None,
            body,
        };
        self.answers.lock().unwrap().insert(url.to_owned(), Ok(response));
    }

    fn publish(&self, url: &str, document: &Value) {
        self.answer(url, 200, "application/json", None, &document.to_string());
    }

    fn times(&self, url: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|request| request.url == url).count()
    }
}

struct Wire(Arc<Network>);

impl Fetch for Wire {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        let answer = self.0.answers.lock().unwrap().get(&request.url).cloned();
        self.0.asked.lock().unwrap().push(request);
        Box::pin(async move {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            answer.unwrap_or(Err(FetchError::Timeout))
        })
    }
}

struct Service {
    app: App,
    clock: Arc<FixedClock>,
    network: Arc<Network>,
    scene: Scene,
}

fn rule(rule: TypeMetadataRule, publishers: &[&str]) -> TypeRule {
    TypeRule { rule, publishers: publishers.iter().map(|&text| text.to_owned()).collect(), integrity: None }
}

fn known() -> TypeRule {
    rule(TypeMetadataRule::IfKnown, &[PUBLISHER])
}

fn required() -> TypeRule {
    rule(TypeMetadataRule::Required, &[PUBLISHER])
}

fn hash_of(document: &Value) -> String {
    format!("sha256-{}", integrity("sha256", document.to_string().as_bytes()).unwrap())
}

impl Service {
    /// One tenant for each rule about [`FETCHED`], called `t0`, `t1` and so on.
    fn new(rules: &[TypeRule]) -> Self {
        let mut scene = Scene::good();
        scene.types = vec![FETCHED.to_owned()];
        scene.token.payload["vct"] = json!(FETCHED);
        scene.token.payload.as_object_mut().unwrap().remove("vct#integrity");
        // Without a status, so that nothing but type metadata is fetched, however late it is.
        scene.token.payload.as_object_mut().unwrap().remove("status");
        let mut sources = scene.trust().sources().to_vec();
        sources[0].status_rule = StatusRule::MayBeAbsent;
        let demo = DemoWorld::new([7; 32], UnixSeconds(NOW), "127.0.0.1", "https://status.example").unwrap();
        let tenants = rules.iter().enumerate().map(|(index, rule)| {
            let mut tenant = demo.tenant(Vec::new()).unwrap();
            tenant.id = TenantId::parse(&format!("t{index}")).unwrap();
            tenant.trust = TrustAnchors::new(sources.clone()).into();
            let rules = [(FETCHED.to_owned(), rule.clone())].into();
            let type_metadata = TypeMetadataPolicy { rules, ..TypeMetadataPolicy::default() };
            tenant.policy = Policy { type_metadata, ..Policy::default() };
            tenant
        });
        let network = Arc::new(Network::default());
        let clock = Arc::new(FixedClock::new(UnixSeconds(NOW)));
        let ports = Ports {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(OsEntropy),
            store: Arc::new(MemoryStore::new(86_400)),
            fetch: Arc::new(Wire(Arc::clone(&network))),
        };
        let app = App::new(ports, "http://127.0.0.1:8080".to_owned(), tenants.collect());
        Self { app, clock, network, scene }
    }

    /// The credential says which document it means.
    fn meaning(mut self, document: &Value) -> Self {
        self.scene.token.payload["vct#integrity"] = json!(hash_of(document));
        self
    }

    /// The verdict at [`NOW`]: the report, or code and standing.
    async fn verify_as(&self, tenant: &str) -> Result<Report, (Code, Standing)> {
        let asked = OneVerification {
            transaction_data: Vec::new(),
            format: "dc+sd-jwt".to_owned(),
            presentation: self.scene.presentation(),
            nonce: world().nonce(),
            audience: world().client_id(),
            dcql_query: None,
            at: Some(UnixSeconds(NOW)),
        };
        let verdict = self.app.verify_once(&TenantId::parse(tenant).unwrap(), asked).await;
        let verdict = verdict.unwrap_or_else(|failure| panic!("{:?}", failure.code()));
        verdict.map(|(_, report)| report).map_err(|refusal| (refusal.reason.code, refusal.standing))
    }

    async fn verify(&self) -> Result<Report, (Code, Standing)> {
        self.verify_as("t0").await
    }

    async fn is_accepted(&self) -> bool {
        self.verify().await.is_ok()
    }
}

const REFUSED: (Code, Standing) = (Code::TypeMetadataInvalid, Standing::Established);
const LATER: (Code, Standing) = (Code::TypeMetadataInvalid, Standing::Undecided);

fn note(report: &Report) -> Option<String> {
    let line = report.lines().iter().find(|line| line.check == Check::TypeMetadata).unwrap();
    assert_eq!(line.outcome, Outcome::Passed);
    line.note.clone().map(std::borrow::Cow::into_owned)
}

#[test]
fn given_metadata_judges_credentials() {
    // VC-46, through the whole core: `given_name` came by a disclosure, `iat` stands in the clear.
    let judge = |claims: Value| {
        let mut scene = Scene::good();
        scene.metadata = json!({"vct": TYPE, "claims": claims}).to_string().into_bytes();
        scene.token.payload["vct#integrity"] =
            json!(format!("sha256-{}", integrity("sha256", &scene.metadata).unwrap()));
        scene.judge().map(|(_, report)| report).map_err(|refusal| (refusal.reason.code, refusal.standing))
    };
    let good = json!([{"path": ["given_name"], "sd": "always"}, {"path": ["iat"], "sd": "never", "mandatory": true}]);
    let report = judge(good).unwrap();
    assert!(note(&report).unwrap().starts_with("sha256-"), "the report says by which document");
    for wrong in [
        json!([{"path": ["given_name"], "sd": "never"}]),
        json!([{"path": ["iat"], "sd": "always"}]),
        json!([{"path": ["cnf", "jwk", "d"], "mandatory": true}]),
        json!([{"path": ["iat", "x"]}]),
    ] {
        assert_eq!(judge(wrong.clone()).unwrap_err(), REFUSED, "{wrong}");
    }
}

#[test]
fn one_changed_byte_makes_another_document() {
    // VC-43: whatever the change makes of it, it is read or refused, and it is not the one that was meant.
    let text = json!({
        "vct": FETCHED, "extends": PARENT, "extends#integrity": hash_of(&json!({"vct": PARENT})),
        "display": [{"locale": "de-DE", "name": "Ausweis", "description": "Ein Ausweis"}],
        "claims": [{"path": ["a", null, 0], "sd": "always", "mandatory": true, "svg_id": "a",
            "display": [{"locale": "en", "label": "A"}]}],
    })
    .to_string();
    let meant = Integrity::parse(&format!("sha256-{}", integrity("sha256", text.as_bytes()).unwrap())).unwrap();
    assert!(meant.fits(&Document::parse(text.as_bytes()).unwrap().digests));
    let (mut read, mut refused) = (0, 0);
    for place in 0..text.len() {
        for byte in [text.as_bytes()[place] ^ 1, b'"', b'0', b'}', 0xff] {
            let mut changed = text.as_bytes().to_vec();
            changed[place] = byte;
            if changed == text.as_bytes() {
                continue;
            }
            match Document::parse(&changed) {
                Ok(document) => {
                    read += 1;
                    assert!(!meant.fits(&document.digests), "{place}");
                }
                Err(reason) => {
                    refused += 1;
                    assert_eq!(reason.code, Code::TypeMetadataInvalid, "{place}");
                }
            }
        }
    }
    assert!(read > 100 && refused > 500, "{read} {refused}");
}

#[test]
fn metadata_changes_no_claim() {
    // The shape is drawn beside the claims: with and without rules the same leaves.
    let claims = |metadata: &[u8]| {
        let mut scene = Scene::good();
        scene.metadata = metadata.to_vec();
        scene.token.payload.as_object_mut().unwrap().remove("vct#integrity");
        scene.judge().unwrap().0.credentials[0].1[0].claims.clone()
    };
    let plain = json!({"vct": TYPE}).to_string();
    let ruled = json!({"vct": TYPE, "claims": [{"path": ["nationalities", null]}]}).to_string();
    assert_eq!(claims(plain.as_bytes()), claims(ruled.as_bytes()));
}

#[test]
fn a_type_that_extends_another_is_not_that_type() {
    // VC-08, case SVC-006: the metadata is in order, and gives nothing.
    let mut scene = Scene::good();
    scene.token.payload["vct"] = json!("urn:example:attacker:1");
    scene.token.payload.as_object_mut().unwrap().remove("vct#integrity");
    let texts = [json!({"vct": "urn:example:attacker:1", "extends": TYPE}), json!({"vct": TYPE})];
    let documents = texts.map(|text| Arc::new(Document::parse(text.to_string().as_bytes()).unwrap()));
    let type_metadata = TypeMetadataPolicy::of(documents).unwrap();
    let policy = Policy { type_metadata, ..Policy::default() };
    // Somebody else may issue the other type.
    let mut sources = scene.trust().sources().to_vec();
    sources[1].types.push("urn:example:attacker:1".to_owned());
    let trust = TrustAnchors::new(sources);
    let refused = scene.judge_text_with(&scene.presentation(), &trust, &policy, &ChainCache::default());
    assert_eq!(refused, Err(Code::IssuerNotAuthorized));
}

#[tokio::test]
async fn documents_are_fetched_from_their_publisher() {
    // VC-40, VC-41, VC-43, VC-46, VC-52.
    let parent = json!({"vct": PARENT, "claims": [{"path": ["given_name"], "sd": "always"}]});
    let document = json!({"vct": FETCHED, "extends": PARENT, "extends#integrity": hash_of(&parent)});
    let service = Service::new(&[known()]).meaning(&document);
    service.network.publish(FETCHED, &document);
    service.network.publish(PARENT, &parent);
    let report = service.verify().await.unwrap();
    assert_eq!(note(&report), Some(format!("{}, {}", hash_of(&document), hash_of(&parent))));
    let asked = service.network.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2);
    for request in asked {
        assert_eq!(request.allowed_hosts, [PUBLISHER]);
        assert_eq!((request.accept, request.max_redirects), ("application/json", 2));
        assert!(request.max_bytes <= 1024 * 1024 && request.timeout_ms <= 5_000);
    }
    // What is broken is told as such, and ends the matter.
    for (address, text) in [
        (FETCHED, json!({"vct": FETCHED, "extends": PARENT, "name": "another"})),
        (PARENT, json!({"vct": PARENT})),
        (PARENT, json!({"vct": FETCHED})),
    ] {
        let service = Service::new(&[known()]).meaning(&document);
        service.network.publish(FETCHED, &document);
        service.network.publish(PARENT, &parent);
        service.network.publish(address, &text);
        assert_eq!(service.verify().await.unwrap_err(), REFUSED, "{text}");
    }
    let breaking = json!({"vct": FETCHED, "claims": [{"path": ["given_name"], "sd": "never"}]});
    let service = Service::new(&[known()]);
    service.network.publish(FETCHED, &breaking);
    assert_eq!(service.verify().await.unwrap_err(), REFUSED);
}

#[tokio::test]
async fn nothing_is_fetched_for_a_token_that_is_not_authentic() {
    let mut service = Service::new(&[required()]);
    service.scene.token.signer = SignerKey::P256(world().stranger.clone());
    assert_eq!(service.verify().await.unwrap_err().0, Code::JwsSignatureInvalid);
    assert_eq!(service.network.times(FETCHED), 0);
}

#[tokio::test]
async fn only_recognised_publishers_are_asked() {
    // VC-52: neither for a type that extends one elsewhere, nor for a type of another publisher.
    let service = Service::new(&[known()]);
    service.network.publish(FETCHED, &json!({"vct": FETCHED, "extends": FOREIGN}));
    service.network.publish(FOREIGN, &json!({"vct": FOREIGN}));
    assert_eq!(service.verify().await.unwrap_err(), LATER);
    assert_eq!(service.network.times(FOREIGN), 0);
    for address in ["https://types.example:8443", "http://types.example:443", "https://a.types.example:443"] {
        let service = Service::new(&[rule(TypeMetadataRule::Required, &[address])]);
        service.network.publish(FETCHED, &json!({"vct": FETCHED}));
        assert_eq!(service.verify().await.unwrap_err(), LATER, "{address}");
        assert_eq!(service.network.times(FETCHED), 0, "{address}");
    }
}

#[tokio::test]
async fn required_metadata_that_cannot_be_had_refuses() {
    // VC-40: required or not; a later try may end otherwise.
    let down = |network: &Network, number: usize| match number {
        0 => {}
        1 => network.answer(FETCHED, 404, "application/json", None, &json!({"vct": FETCHED}).to_string()),
        2 => network.answer(FETCHED, 204, "application/json", None, &json!({"vct": FETCHED}).to_string()),
        _ => network.answer(FETCHED, 200, "text/html", None, &json!({"vct": FETCHED}).to_string()),
    };
    for number in 0..4 {
        let service = Service::new(&[required(), known()]);
        down(&service.network, number);
        assert_eq!(service.verify_as("t0").await.unwrap_err(), LATER);
        let report = service.verify_as("t1").await.unwrap();
        assert_eq!(note(&report).as_deref(), Some("the type metadata cannot be had now, and is not required"));
        // The host is left alone for a while, and then asked again.
        assert_eq!(service.network.times(FETCHED), 1);
        service.network.publish(FETCHED, &json!({"vct": FETCHED}));
        assert_eq!(service.verify_as("t0").await.unwrap_err(), LATER);
        service.clock.advance(31);
        assert!(service.is_accepted().await);
        assert_eq!(service.network.times(FETCHED), 2);
    }
    // Half a chain is none, also where metadata is not required (VC-41).
    let service = Service::new(&[known()]);
    service.network.publish(FETCHED, &json!({"vct": FETCHED, "extends": PARENT}));
    assert_eq!(service.verify().await.unwrap_err(), LATER);
}

#[tokio::test]
async fn a_document_with_integrity_is_kept_and_another_one_is_asked_for_again() {
    // VC-48.
    let document = json!({"vct": FETCHED});
    let asked_after = async |service: Service, max_age: Option<u32>, advances: &[i64]| {
        service.network.answer(FETCHED, 200, "application/json", max_age, &document.to_string());
        let mut counts = Vec::new();
        for advance in advances {
            service.clock.advance(*advance);
            assert!(service.is_accepted().await);
            counts.push(service.network.times(FETCHED));
        }
        counts
    };
    let plain = || Service::new(&[known()]);
    let year = 365 * 86_400;
    assert_eq!(asked_after(plain().meaning(&document), Some(0), &[0, 10, year]).await, [1, 1, 1]);
    let mut pinned = known();
    pinned.integrity = Some(Integrity::parse(&hash_of(&document)).unwrap());
    assert_eq!(asked_after(Service::new(&[pinned]), None, &[0, year]).await, [1, 1]);
    assert_eq!(asked_after(plain(), None, &[0, 299, 1]).await, [1, 1, 2]);
    assert_eq!(asked_after(plain(), Some(60), &[0, 59, 1]).await, [1, 1, 2]);
    assert_eq!(asked_after(plain(), Some(0), &[0, 0]).await, [1, 2]);
    assert_eq!(asked_after(plain(), Some(u32::MAX), &[0, 86_399, 1]).await, [1, 1, 2]);
    // The configured hash counts as the one in a credential does (VC-43).
    let mut pinned = known();
    pinned.integrity = Some(Integrity::parse(&hash_of(&json!({"vct": "other"}))).unwrap());
    let service = Service::new(&[pinned]);
    service.network.publish(FETCHED, &document);
    assert_eq!(service.verify().await.unwrap_err(), REFUSED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_answers_at_once_fetch_once() {
    let service = Arc::new(Service::new(&[required()]));
    service.network.publish(FETCHED, &json!({"vct": FETCHED}));
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let service = Arc::clone(&service);
            tokio::spawn(async move { service.is_accepted().await })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert_eq!(service.network.times(FETCHED), 1);
}

#[tokio::test]
async fn a_publisher_of_one_tenant_is_none_of_another() {
    // VC-52: what is kept is kept for those who recognise the same publishers.
    let other = rule(TypeMetadataRule::Required, &["https://other.example:443"]);
    let service = Service::new(&[required(), other]);
    service.network.publish(FETCHED, &json!({"vct": FETCHED}));
    assert!(service.verify_as("t0").await.is_ok());
    assert_eq!(service.verify_as("t1").await.unwrap_err(), LATER);
}
