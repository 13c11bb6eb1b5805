//! A list that leads to others: which of them are asked for, by whom they must be signed, and what is left when it changes.

use crate::service::{NOW, STATUS_BASE, TestService};
use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::kept::KeptInMemory;
use pruefstein::app::ports::{Clock, Fetch, FetchError, FetchRequest, FetchResponse, Pending, Validators};
use pruefstein::app::refresh_trust::Refreshed;
use pruefstein::demo::World;
use pruefstein::demo::world::StatusHostFetch;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::reason::Code;
use pruefstein::domain::trust::listed::{ListUse, TrustPlan};
use pruefstein::domain::trust::{Purpose, StatusOrigin, TrustSource};
use pruefstein::domain::trust_list::Notation;
use pruefstein::domain::trust_list::plan::{ListPlan, Place};
use pruefstein::domain::trust_list::profile::{ListKind, profile};
use pruefstein::domain::x509::Certificate;
use pruefstein::http::ops::Operations;
use pruefstein::simulator::authority::{PID_DE_TYPE, PID_EU_TYPE};
use pruefstein::simulator::trust_list::{ListDraft, ListOf, ListWriter};
use pruefstein::telemetry::metrics::Metrics;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const PARENT: &str = "https://lists.example/all";
const FRENCH: &str = "https://fr.example/pids";
const GERMAN: &str = "https://de.example/pids";
const DAY: i64 = 86_400;
const REFRESH: i64 = 3_600;

/// Documents of other hosts by address, beside the status host. Whatever is not among them does not answer.
pub(crate) struct Hosts {
    pub(crate) documents: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(crate) asked: Mutex<Vec<String>>,
    pub(crate) status: StatusHostFetch,
}

impl Fetch for Hosts {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        if request.url.starts_with(STATUS_BASE) {
            return self.status.get(request);
        }
        self.asked.lock().unwrap().push(request.url.clone());
        let body = self.documents.lock().unwrap().get(&request.url).cloned();
        Box::pin(async move {
            let body = body.ok_or(FetchError::Timeout)?;
            let (validators, date) = (Validators::default(), None);
            Ok(FetchResponse { status: 200, content_type: None, max_age: None, validators, date, body })
        })
    }
}

struct Scene {
    service: TestService,
    hosts: Arc<Hosts>,
    writer: ListWriter,
}

fn pointer(location: &str, territory: &str, list_type: &str, signer: &[u8]) -> Value {
    json!({
        "LoTELocation": location,
        "ServiceDigitalIdentities": [{"X509Certificates": [{"val": base64::encode_standard(signer)}]}],
        "LoTEQualifiers": [{"LoTEType": list_type, "SchemeTerritory": territory, "MimeType": "application/jose",
            "SchemeOperatorName": [{"lang": "en", "value": "x"}]}],
    })
}

impl Scene {
    fn new() -> Self {
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        let writer = ListWriter::new(&world.authority).unwrap();
        let clock = Arc::new(FixedClock::new(NOW));
        let status = StatusHostFetch::new(world.status_host, Arc::clone(&clock) as Arc<dyn Clock>);
        let hosts = Arc::new(Hosts { documents: Mutex::default(), asked: Mutex::default(), status });
        let plan = ListPlan {
            name: "all".to_owned(),
            notation: Notation::Lote,
            place: Place::Url(PARENT.to_owned()),
            signers: vec![Certificate::read(writer.signer()).unwrap()],
            list_type: profile(ListKind::Wallet).unwrap().list_type.to_owned(),
            signer_names: true,
            refresh_seconds: REFRESH,
            grace_seconds: 100 * DAY,
            territories: vec!["DE".to_owned(), "FR".to_owned()],
            followed_origins: vec!["https://de.example:443".to_owned(), "https://fr.example:443".to_owned()],
        };
        let pids = profile(ListKind::Pid).unwrap();
        let source = TrustPlan {
            source: TrustSource {
                status_origins: vec![StatusOrigin::parse(STATUS_BASE).unwrap()],
                ..TrustSource::new("pids", Purpose::PidProvider, vec![PID_DE_TYPE.to_owned(), PID_EU_TYPE.to_owned()])
            },
            list: Some(ListUse {
                list: "all".to_owned(),
                territories: vec!["DE".to_owned(), "FR".to_owned()],
                information: Vec::new(),
                issuance: vec![pids.issuance.to_owned()],
                revocation: pids.revocation.into_iter().map(str::to_owned).collect(),
                statuses: Vec::new(),
            }),
            signs_for: Vec::new(),
            status_prefetch: Vec::new(),
            revocation: None,
            issuers: Vec::new(),
        };
        let fetch = Arc::clone(&hosts) as Arc<dyn Fetch>;
        let kept = Arc::new(KeptInMemory::default());
        let service = TestService::with_trust_lists(clock, fetch, vec![plan], kept, vec![source]);
        Self { service, hosts, writer }
    }

    fn serve(&self, url: &str, document: Vec<u8>) {
        self.hosts.documents.lock().unwrap().insert(url.to_owned(), document);
    }

    fn signed(&self, of: ListOf, number: u64, life: i64, pointers: &[Value]) -> Vec<u8> {
        self.signed_draft(self.writer.draft(of), number, life, pointers)
    }

    fn signed_draft(&self, mut draft: ListDraft, number: u64, life: i64, pointers: &[Value]) -> Vec<u8> {
        let now = self.service.clock.now();
        draft.sequence = number;
        draft.issued_at = now;
        draft.next_update = Some(now.plus(life));
        let mut payload = self.writer.payload(&draft);
        payload["LoTE"]["ListAndSchemeInformation"]["PointersToOtherLoTE"] = json!(pointers);
        self.writer.sign(&payload).unwrap().into_bytes()
    }

    /// A parent with this number and these pointers, which is put in the place of the one before.
    fn parent(&self, number: u64, pointers: &[Value]) {
        self.serve(PARENT, self.signed(ListOf::Wallets, number, 30 * DAY, pointers));
    }

    fn german(&self) -> Value {
        pointer(GERMAN, "DE", profile(ListKind::Pid).unwrap().list_type, self.writer.signer())
    }

    async fn refresh(&self) -> BTreeMap<String, Result<&'static str, Code>> {
        self.hosts.asked.lock().unwrap().clear();
        let done = self.service.app.refresh_trust().await;
        let outcome = |refreshed: &Refreshed| match refreshed {
            Refreshed::Failed(reason) => Err(reason.code),
            other => Ok(other.outcome()),
        };
        done.iter().map(|(name, refreshed)| (name.clone(), outcome(refreshed))).collect()
    }

    fn asked(&self) -> Vec<String> {
        self.hosts.asked.lock().unwrap().clone()
    }

    async fn present(&self) -> (String, Value) {
        let created = self.service.create_preset("bewohnerparken").await;
        self.service.answer(&created, self.service.options()).await;
        let read = self.service.read(&created).await;
        (read["status"].as_str().unwrap().to_owned(), read["report"]["evidence"]["credentials"][0].clone())
    }

    fn holds_german(&self) -> bool {
        let standings = self.service.app.trust_lists().standings();
        standings.iter().any(|standing| standing.name == "all/DE" && standing.list.is_some())
    }
}

#[tokio::test]
async fn only_lists_that_the_configuration_lets_be_followed_are_asked_for() {
    // TL-04, TL-11, TL-20; SSRF through pointers.
    let scene = Scene::new();
    let pids = profile(ListKind::Pid).unwrap().list_type;
    let own = profile(ListKind::Wallet).unwrap().list_type;
    let signer = scene.writer.signer().to_vec();
    scene.serve(GERMAN, scene.signed(ListOf::Pid, 1, 30 * DAY, &[]));
    let human = {
        let mut pointer = pointer("https://de.example/pids.pdf", "DE", pids, &signer);
        pointer["LoTEQualifiers"][0]["MimeType"] = json!("application/pdf");
        pointer
    };
    scene.parent(
        1,
        &[
            pointer("https://other.example/pids", "FR", pids, &signer),
            pointer("https://de.example/it", "IT", pids, &signer),
            pointer("http://de.example/pids", "DE", pids, &signer),
            pointer("https://127.0.0.1/pids", "DE", pids, &signer),
            pointer("https://de.example/own", "DE", own, &signer),
            human,
            scene.german(),
            pointer("https://de.example/second", "DE", pids, &signer),
        ],
    );
    let done = scene.refresh().await;
    assert_eq!(done, BTreeMap::from([("all".to_owned(), Ok("changed")), ("all/DE".to_owned(), Ok("changed"))]));
    assert_eq!(scene.asked(), [PARENT, GERMAN]);
    let (status, evidence) = scene.present().await;
    assert_eq!((status.as_str(), &evidence["trusted_by"]), ("verified", &json!("pids/DE")));
    assert_eq!(evidence["trust_list"]["name"], "all/DE");
}

#[tokio::test]
async fn a_list_whose_signer_was_withdrawn_is_given_up_at_once() {
    // TL-03, TL-04: its host goes on serving the same bytes, which are good by nobody's word any more.
    let scene = Scene::new();
    scene.serve(GERMAN, scene.signed(ListOf::Pid, 1, 30 * DAY, &[]));
    scene.parent(1, &[scene.german()]);
    scene.refresh().await;
    assert!(scene.holds_german());
    scene.service.clock.advance(REFRESH);
    let pids = profile(ListKind::Pid).unwrap().list_type;
    scene.parent(2, &[pointer(GERMAN, "DE", pids, scene.writer.signer_384())]);
    assert_eq!(scene.refresh().await["all/DE"], Err(Code::TrustListSignatureInvalid));
    assert!(!scene.holds_german());
}

#[tokio::test]
async fn a_list_that_comes_back_cannot_be_an_older_one() {
    // TL-10: what was seen of a list outlives the pointer to it.
    let scene = Scene::new();
    let older = scene.signed(ListOf::Pid, 6, 30 * DAY, &[]);
    scene.serve(GERMAN, scene.signed(ListOf::Pid, 7, 30 * DAY, &[]));
    scene.parent(1, &[scene.german()]);
    scene.refresh().await;
    scene.service.clock.advance(REFRESH);
    scene.parent(2, &[]);
    assert_eq!(scene.refresh().await.len(), 1);
    assert!(!scene.holds_german(), "nobody leads to it any more");
    scene.service.clock.advance(REFRESH);
    scene.serve(GERMAN, older);
    scene.parent(3, &[scene.german()]);
    assert_eq!(scene.refresh().await["all/DE"], Err(Code::TrustListRollback));
    assert!(!scene.holds_german());
}

#[tokio::test]
async fn the_end_of_the_list_that_leads_to_others_ends_them_too() {
    // TL-07.
    let scene = Scene::new();
    scene.serve(GERMAN, scene.signed(ListOf::Pid, 1, 90 * DAY, &[]));
    scene.parent(1, &[scene.german()]);
    scene.refresh().await;
    assert!(scene.holds_german());
    scene.service.clock.advance(30 * DAY);
    scene.refresh().await;
    assert!(!scene.holds_german());
}

/// Whether the service says that it may serve, and all that it says.
async fn readiness(scene: &Scene) -> (bool, String) {
    let readiness = Operations::new(Arc::clone(&scene.service.app), Arc::new(Metrics::new())).readiness().await;
    (readiness.ready, serde_json::to_string(&readiness).unwrap())
}

#[tokio::test]
async fn a_territory_whose_list_was_never_there_leaves_its_issuers_undecided() {
    // TL-07, TL-18: nobody can say that an issuer is in no list while one of them is not there.
    let scene = Scene::new();
    let pids = profile(ListKind::Pid).unwrap().list_type;
    let french = pointer(FRENCH, "FR", pids, scene.writer.signer());
    scene.parent(1, &[scene.german(), french]);
    assert_eq!(scene.refresh().await["all/DE"], Err(Code::TrustUnavailable));

    // Neither list: nothing is asked for, and the service says that it cannot serve.
    let (status, problem) = scene
        .service
        .post_json("/v1/presentations", &json!({"preset": "bewohnerparken", "flow": "cross_device"}))
        .await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("trust_unavailable")));
    let (ready, text) = readiness(&scene).await;
    assert!(!ready && text.contains("all/DE") && text.contains("all/FR"), "{text}");

    // The French list alone: it vouches for the type, so requests start, and a German answer waits.
    let mut draft = scene.writer.draft(ListOf::Pid);
    draft.entities.retain(|entity| entity.country == "FR");
    assert_eq!(draft.entities.len(), 1);
    scene.serve(FRENCH, scene.signed_draft(draft, 1, 30 * DAY, &[]));
    scene.service.clock.advance(REFRESH);
    assert_eq!(scene.refresh().await["all/FR"], Ok("changed"));
    let (ready, text) = readiness(&scene).await;
    assert!(ready && text.contains("trust list all/DE is not there"), "{text}");
    let created = scene.service.create_preset("bewohnerparken").await;
    let answer = scene.service.composed(&created, scene.service.options()).await.remove(0);
    assert_eq!(scene.service.deliver(&answer).await.status, 503);
    let read = scene.service.read(&created).await;
    assert_eq!(read["status"], "fetched");
    assert_eq!(read["last_refused"]["error"]["code"], "trust_unavailable");

    // The German list comes: the same answer is good.
    scene.serve(GERMAN, scene.signed(ListOf::Pid, 1, 30 * DAY, &[]));
    scene.service.clock.advance(60);
    assert_eq!(scene.refresh().await["all/DE"], Ok("changed"));
    assert_eq!(scene.service.deliver(&answer).await.status, 200);
    assert_eq!(scene.service.status(&created).await, "verified");

    // With every list there it is decided. The list of lists itself, one of wallets, names this authority too.
    let mut draft = scene.writer.draft(ListOf::Pid);
    draft.entities.retain(|entity| entity.country == "FR");
    scene.serve(GERMAN, scene.signed_draft(draft, 2, 30 * DAY, &[]));
    scene.service.clock.advance(REFRESH);
    assert_eq!(scene.refresh().await["all/DE"], Ok("changed"));
    let created = scene.service.create_preset("bewohnerparken").await;
    scene.service.answer(&created, scene.service.options()).await;
    let read = scene.service.read(&created).await;
    assert_eq!(read["last_refused"]["error"]["code"], "issuer_not_authorized", "{read:#}");
}
