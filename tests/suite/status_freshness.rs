//! Status lists ahead of need: whoever runs their host learns nothing from when somebody is verified.

use crate::service::{NOW, STATUS_BASE, TestService};
use pruefstein::adapters::clock::FixedClock;
use pruefstein::app::App;
use pruefstein::app::ports::{Clock as _, Fetch, FetchError, FetchRequest, FetchResponse, Pending, Validators};
use pruefstein::app::refresh_status::{Prefetch, StatusRefreshed};
use pruefstein::app::status_lists::StatusStanding;
use pruefstein::demo::world::StatusHostFetch;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::reason::Code;
use pruefstein::domain::trust::{Basis, TrustAnchors};
use pruefstein::simulator::authority::{IssuerName, TestAuthority};
use pruefstein::simulator::encode::jws::{self, Jws};
use pruefstein::simulator::encode::status_list::StatusList as Written;
use pruefstein::simulator::issuer::status_path;
use pruefstein::simulator::status_host::StatusHostMode;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;
/// As in the service.
const ROUND: i64 = 10;

/// What the hosts answer, and what they saw.
#[derive(Default)]
struct Script {
    /// Answers to single addresses instead of the simulator's.
    answers: Mutex<HashMap<String, Result<FetchResponse, FetchError>>>,
    /// What every address answers, if it is there.
    all: Mutex<Option<FetchError>>,
    asked: Mutex<Vec<FetchRequest>>,
}

struct Hosts(Arc<Script>, StatusHostFetch);

impl Fetch for Hosts {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        self.0.asked.lock().unwrap().push(request.clone());
        if let Some(error) = self.0.all.lock().unwrap().clone() {
            return Box::pin(async move { Err(error) });
        }
        match self.0.answers.lock().unwrap().get(&request.url).cloned() {
            Some(answer) => Box::pin(async move { answer }),
            None => self.1.get(request),
        }
    }
}

impl Script {
    fn answer(&self, url: &str, content_type: &str, body: impl Into<Vec<u8>>) {
        let response = FetchResponse {
            status: 200,
            content_type: Some(content_type.to_owned()),
            max_age: None,
            validators: Validators::default(),
            date: None,
            body: body.into(),
        };
        self.answers.lock().unwrap().insert(url.to_owned(), Ok(response));
    }

    fn all_fail(&self, error: Option<FetchError>) {
        *self.all.lock().unwrap() = error;
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

struct Scene {
    service: TestService,
    hosts: Arc<Script>,
}

fn list_of(kind: IssuerName) -> String {
    format!("{STATUS_BASE}{}", status_path(kind))
}

impl Scene {
    fn new() -> Self {
        Self::prefetching(&[])
    }

    fn prefetching(addresses: &[(&str, &str)]) -> Self {
        Self::with(addresses, |trust| trust)
    }

    fn with(addresses: &[(&str, &str)], trust: impl FnOnce(TrustAnchors) -> TrustAnchors) -> Self {
        let prefetch = |(source, address): &(&str, &str)| Prefetch {
            source: (*source).to_owned(),
            address: (*address).to_owned(),
        };
        let prefetch: Vec<Prefetch> = addresses.iter().map(prefetch).collect();
        let hosts = Arc::new(Script::default());
        let service = TestService::over(
            Arc::new(FixedClock::new(NOW)),
            |world, clock| {
                Arc::new(Hosts(Arc::clone(&hosts), StatusHostFetch::new(Arc::clone(&world.status_host), clock)))
            },
            |tenant| tenant.trust = trust(TrustAnchors::clone(&tenant.trust.current())).into(),
            |app: App| app.with_status_prefetch(prefetch),
        );
        Self { service, hosts }
    }

    /// One round of the background.
    async fn round(&self) -> Vec<StatusRefreshed> {
        self.service.app.refresh_status().await
    }

    /// Time goes by, with the rounds of the background.
    async fn pass(&self, seconds: i64) {
        let end = self.service.clock.now().plus(seconds);
        while self.service.clock.now() < end {
            self.service.clock.advance(ROUND);
            self.round().await;
        }
    }

    /// One presentation: the status of its transaction, the code of its refusal, and how often a host was asked for it.
    async fn present(&self) -> (String, Option<String>, usize) {
        let before = self.hosts.asked();
        let created = self.service.create_preset("bewohnerparken").await;
        self.service.answer(&created, self.service.options()).await;
        let read = self.service.read(&created).await;
        let code = read.pointer("/error/code").or_else(|| read.pointer("/last_refused/error/code"));
        let code = code.and_then(Value::as_str).map(str::to_owned);
        (read["status"].as_str().unwrap().to_owned(), code, self.hosts.asked() - before)
    }

    async fn accepted_after(&self, asked: usize) {
        assert_eq!(self.present().await, ("verified".to_owned(), None, asked));
    }

    async fn undecided(&self) {
        let (status, code, _) = self.present().await;
        assert_eq!((status.as_str(), code.as_deref()), ("fetched", Some("status_unavailable")));
    }

    fn standing(&self, source: &str) -> StatusStanding {
        let standings = self.service.app.status_standings();
        standings.into_iter().find(|standing| standing.source == source).unwrap_or_default()
    }
}

/// A good list at this address.
fn list(
    authority: &TestAuthority,
    kind: IssuerName,
    uri: &str,
    issued_at: i64,
    change: impl FnOnce(&mut Value),
) -> Vec<u8> {
    let signer = authority.status_signer(kind);
    let written = Written { bits: 1, entries: 64, values: BTreeMap::new() };
    let lst = base64::encode_url(&written.zlib());
    let mut payload = json!({
        "sub": uri, "iat": issued_at, "exp": issued_at + DAY, "ttl": 3600, "status_list": {"bits": 1, "lst": lst}
    });
    change(&mut payload);
    let mut header = jws::header("statuslist+jwt");
    header.insert("x5c".to_owned(), json!(signer.x5c()));
    let payload = jws::json(payload.as_object().unwrap());
    Jws::unsigned(&header, payload).sign(&signer.key).unwrap().text().into_bytes()
}

#[tokio::test]
async fn an_answer_finds_its_list_warm_whenever_it_comes() {
    // PRV-16.
    // TSL-15, TSL-51: the one fetch that an answer causes is that of a list which nobody needed before.
    let scene = Scene::new();
    scene.accepted_after(1).await;
    // Times without a pattern, across the hour after which the list must be asked for again, and across its end.
    for minutes in [1, 7, 41, 12, 59, 60, 61, 3, 118, 500, 1_441] {
        scene.pass(minutes * 60).await;
        scene.accepted_after(0).await;
    }
    // Never later than its time, and not in vain: between two fetches lies most of an hour.
    let hours = usize::try_from(scene.service.clock.now().since(NOW) / HOUR).unwrap();
    assert!((hours..=hours * 3 / 2).contains(&scene.hosts.asked()), "{} in {hours} hours", scene.hosts.asked());
}

#[tokio::test]
async fn a_list_that_nobody_needs_any_more_is_forgotten() {
    // TSL-56: what is kept warm is a list, and no longer than a week.
    let scene = Scene::new();
    scene.accepted_after(1).await;
    scene.service.clock.advance(7 * DAY - HOUR);
    assert_eq!(scene.round().await.len(), 1);
    scene.service.clock.advance(HOUR);
    assert_eq!(scene.round().await, []);
    assert_eq!(scene.standing("test-pid-de").lists, 0);
    scene.accepted_after(1).await;
}

#[tokio::test]
async fn lists_with_a_short_life_are_warm_too() {
    // TSL-53: the shortest time to live is a minute.
    let scene = Scene::new();
    let uri = list_of(IssuerName::PidGermany);
    let authority = Arc::clone(&scene.service.world.authority);
    let serve = || {
        let now = scene.service.clock.now().0;
        let token = list(&authority, IssuerName::PidGermany, &uri, now, |payload| {
            payload["ttl"] = json!(1);
            let all = Written { bits: 1, entries: 65_536, values: BTreeMap::new() };
            payload["status_list"]["lst"] = json!(base64::encode_url(&all.zlib()));
        });
        scene.hosts.answer(&uri, "application/statuslist+jwt", token);
    };
    serve();
    scene.accepted_after(1).await;
    for _ in 0..60 {
        serve();
        scene.pass(ROUND).await;
        scene.accepted_after(0).await;
    }
}

#[tokio::test]
async fn while_its_host_is_down_a_list_lasts_until_its_end_and_not_longer() {
    // TSL-51, TSL-52, case TSL-007; catalogue rule 6.
    let scene = Scene::new();
    scene.accepted_after(1).await;
    scene.hosts.all_fail(Some(FetchError::Timeout));
    let mut waits = Vec::new();
    let mut last = scene.service.clock.now();
    while scene.service.clock.now() < NOW.plus(DAY - ROUND) {
        scene.service.clock.advance(ROUND);
        if !scene.round().await.is_empty() {
            waits.push(scene.service.clock.now().since(last));
            last = scene.service.clock.now();
        }
    }
    // It asks again after waits that grow, up to a quarter of an hour.
    assert_eq!(waits[1..7], [30, 60, 120, 240, 480, 900], "{waits:?}");
    assert!(waits[7..].iter().all(|wait| *wait == 900), "{waits:?}");
    assert_eq!(scene.present().await.0, "verified");
    scene.service.clock.advance(ROUND);
    scene.undecided().await;
    // And back again, without anybody's doing.
    scene.hosts.all_fail(None);
    scene.pass(900).await;
    scene.accepted_after(0).await;
}

#[tokio::test]
async fn a_host_that_is_down_is_not_asked_by_every_answer() {
    // TSL-54: what has just failed is not tried by those who wait behind it; after a moment it is.
    let scene = Scene::new();
    scene.hosts.all_fail(Some(FetchError::Timeout));
    for _ in 0..20 {
        scene.undecided().await;
    }
    assert_eq!(scene.hosts.asked(), 1);
    scene.hosts.all_fail(None);
    scene.service.clock.advance(5);
    scene.accepted_after(1).await;
}

#[tokio::test]
async fn a_verdict_is_not_made_from_memory() {
    // A token that was no good once refuses nobody later: it is asked for again.
    let scene = Scene::new();
    let uri = list_of(IssuerName::PidGermany);
    scene.hosts.answer(&uri, "application/statuslist+jwt", "x.y.z");
    assert_eq!(scene.present().await.1.as_deref(), Some("status_token_invalid"));
    scene.hosts.answers.lock().unwrap().clear();
    scene.accepted_after(1).await;
}

#[tokio::test]
async fn the_other_form_is_refused_whatever_it_says() {
    // Case TSL-019, TSL-10, TSL-11.
    let scene = Scene::new();
    let uri = list_of(IssuerName::PidGermany);
    let good = list(&scene.service.world.authority, IssuerName::PidGermany, &uri, NOW.0, |_| {});
    for (content_type, code) in [
        ("application/statuslist+cwt", "status_token_invalid"),
        ("Application/StatusList+CWT; x=y", "status_token_invalid"),
        ("application/jwt", "status_unavailable"),
        ("application/json", "status_unavailable"),
    ] {
        scene.hosts.answer(&uri, content_type, good.clone());
        assert_eq!(scene.present().await.1.as_deref(), Some(code), "{content_type}");
        scene.service.clock.advance(900);
    }
    let asked = scene.hosts.asked.lock().unwrap();
    assert!(asked.iter().all(|request| request.accept == "application/statuslist+jwt"), "{asked:?}");
}

#[tokio::test]
async fn named_lists_are_there_before_anybody_comes() {
    // TSL-15, TSL-16: one address is a list, one a document that names several, of which some fail; the rest are loaded.
    let named = format!("{STATUS_BASE}/all");
    let direct = list_of(IssuerName::Municipality);
    let scene = Scene::prefetching(&[
        ("test-pid-de", &named),
        ("test-sozialpass", &direct),
        ("test-sozialpass", "https://elsewhere.example/lists"),
        ("no-such-source", &direct),
    ]);
    let further = format!("{STATUS_BASE}/further");
    let token = list(&scene.service.world.authority, IssuerName::PidGermany, &further, NOW.0, |_| {});
    scene.hosts.answer(&further, "application/statuslist+jwt", token);
    let broken = format!("{STATUS_BASE}{}", StatusHostMode::Garbage.path());
    let document = json!({"status_lists": [
        broken, "https://elsewhere.example/1", list_of(IssuerName::PidGermany), "http://169.254.169.254/", further
    ]});
    scene.hosts.answer(&named, "application/json; charset=utf-8", document.to_string());
    let failed: Vec<(String, Code)> = scene
        .round()
        .await
        .into_iter()
        .filter_map(|refreshed| refreshed.result.err().map(|reason| (refreshed.source, reason.code)))
        .collect();
    assert_eq!(
        failed,
        [
            ("test-sozialpass".to_owned(), Code::StatusUriNotAllowed),
            ("test-pid-de".to_owned(), Code::StatusTokenInvalid)
        ]
    );
    let asked: Vec<String> = scene.hosts.asked.lock().unwrap().iter().map(|request| request.url.clone()).collect();
    assert!(asked.iter().all(|url| url.starts_with(STATUS_BASE)), "{asked:?}");
    assert_eq!((scene.standing("test-pid-de").lists, scene.standing("test-sozialpass").lists), (2, 1));
    scene.accepted_after(0).await;
    // They stay warm although nobody needs them.
    scene.pass(8 * HOUR).await;
    assert_eq!((scene.standing("test-pid-de").overdue, scene.standing("test-sozialpass").overdue), (0, 0));
    assert_eq!((scene.standing("test-pid-de").lists, scene.standing("test-sozialpass").lists), (2, 1));
    // A document that is no aggregation leaves what was there before.
    scene.hosts.answer(&named, "application/json", "[]");
    scene.pass(7 * HOUR).await;
    let failed = scene.standing("test-pid-de").fetches.into_iter().find(|(code, _)| *code == "status_list_malformed");
    assert_eq!(
        failed,
        Some(("status_list_malformed", 37)),
        "twelve hours after the start, then every five minutes for three"
    );
    scene.accepted_after(0).await;
}

#[tokio::test]
async fn a_named_list_leads_to_the_others_of_its_host() {
    // TSL-16: Token Status List section 9.2. One of the three lists is broken, which stops no other.
    let named = format!("{STATUS_BASE}/named");
    let all = format!("{STATUS_BASE}/all");
    let third = format!("{STATUS_BASE}/third");
    let broken = format!("{STATUS_BASE}{}", StatusHostMode::Garbage.path());
    let at = |aggregation: &str| {
        let scene = Scene::prefetching(&[("test-pid-de", &named)]);
        let lists = [(&named, json!(aggregation)), (&third, json!(all))];
        for (address, aggregation) in lists {
            let token = list(&scene.service.world.authority, IssuerName::PidGermany, address, NOW.0, |payload| {
                payload["status_list"]["aggregation_uri"] = aggregation;
            });
            scene.hosts.answer(address, "application/statuslist+jwt", token);
        }
        let document = json!({"status_lists": [
            broken, "https://elsewhere.example/1", list_of(IssuerName::PidGermany), third
        ]});
        scene.hosts.answer(&all, "application/json", document.to_string());
        scene
    };
    let scene = at(&all);
    scene.round().await;
    assert_eq!(scene.standing("test-pid-de").lists, 3);
    scene.accepted_after(0).await;
    let asked = |scene: &Scene| -> Vec<String> {
        scene.hosts.asked.lock().unwrap().iter().map(|request| request.url.clone()).collect()
    };
    let of_all = |scene: &Scene| asked(scene).iter().filter(|url| **url == all).count();
    assert!(asked(&scene).iter().all(|url| url.starts_with(STATUS_BASE)), "{:?}", asked(&scene));
    scene.pass(5 * HOUR).await;
    assert_eq!(of_all(&scene), 1);
    scene.pass(2 * HOUR).await;
    assert_eq!(of_all(&scene), 2);
    // What is no aggregation names none, and is not asked for again at once.
    let scene = at(&third);
    let failed = scene.round().await.into_iter().filter(|refreshed| refreshed.result.is_err()).count();
    assert_eq!((failed, scene.standing("test-pid-de").lists), (1, 1));
    scene.round().await;
    assert_eq!(asked(&scene).len(), 2, "{:?}", asked(&scene));
    // Addresses that the configuration does not allow are never asked (SSRF, case TSL-001).
    for aggregation in ["https://elsewhere.example/all", "http://169.254.169.254/", "file:///etc/passwd", "", "all"] {
        let scene = at(aggregation);
        scene.round().await;
        scene.pass(HOUR).await;
        assert!(asked(&scene).iter().all(|url| *url == named), "{aggregation}: {:?}", asked(&scene));
    }
    // A list that an answer needed leads nowhere.
    let scene = Scene::new();
    let uri = list_of(IssuerName::PidGermany);
    let token = list(&scene.service.world.authority, IssuerName::PidGermany, &uri, NOW.0, |payload| {
        payload["status_list"]["aggregation_uri"] = json!(all);
    });
    scene.hosts.answer(&uri, "application/statuslist+jwt", token);
    assert_eq!(scene.present().await.2, 1);
    scene.pass(2 * HOUR).await;
    assert!(asked(&scene).iter().all(|url| *url == uri), "{:?}", asked(&scene));
}

#[tokio::test]
async fn other_trust_data_judge_what_is_held_without_asking() {
    // TSL-15: a new edition of a trust list must not send the next answer to the host of a status list.
    let scene = Scene::new();
    scene.accepted_after(1).await;
    let tenant = Arc::clone(scene.service.app.tenants().next().unwrap());
    let before = tenant.trust.current();
    let mut sources = before.sources().to_vec();
    sources[2].countries = vec!["DE".to_owned()];
    tenant.trust.replace(TrustAnchors::new(sources.clone()));
    assert_ne!(tenant.trust.current().digest(), before.digest());
    scene.accepted_after(0).await;
    // Trust data that do not know the signer any more do not use it; what they would fetch is no better.
    sources[0].status_anchors = sources[2].status_anchors.clone();
    tenant.trust.replace(TrustAnchors::new(sources));
    assert_eq!(scene.present().await, ("rejected".to_owned(), Some("status_token_invalid".to_owned()), 1));
    // There is no way back either: the newest edition seen is remembered (case TSL-024).
    tenant.trust.replace(TrustAnchors::clone(&before));
    let uri = list_of(IssuerName::PidGermany);
    let old = list(&scene.service.world.authority, IssuerName::PidGermany, &uri, NOW.minus(HOUR).0, |_| {});
    scene.hosts.answer(&uri, "application/statuslist+jwt", old);
    assert_eq!(scene.present().await.1.as_deref(), Some("status_token_invalid"));
    scene.hosts.answers.lock().unwrap().clear();
    scene.accepted_after(1).await;
}

#[tokio::test]
async fn who_cannot_be_judged_now_is_undecided() {
    // TL-18: the trust list that names the signers of status lists is missing; with a list in memory, too.
    let scene = Scene::new();
    scene.accepted_after(1).await;
    let tenant = Arc::clone(scene.service.app.tenants().next().unwrap());
    let before = tenant.trust.current();
    let mut sources = before.sources().to_vec();
    sources[0].status_basis = Some(Basis::Absent { list: "signers".to_owned() });
    tenant.trust.replace(TrustAnchors::new(sources));
    scene.undecided().await;
    scene.service.clock.advance(HOUR);
    assert!(scene.round().await.iter().all(|done| done.result.as_ref().unwrap_err().code == Code::StatusUnavailable));
    tenant.trust.replace(TrustAnchors::clone(&before));
    assert_eq!(scene.present().await.0, "verified");
}

#[tokio::test]
async fn many_tiny_lists_of_one_source_are_told() {
    // TSL-58: one list for each credential shows the host of the lists who is where.
    let addresses: Vec<String> = (0..9).map(|index| format!("{STATUS_BASE}/own/{index}")).collect();
    let named = format!("{STATUS_BASE}/all");
    let scene = Scene::prefetching(&[("test-pid-de", &named)]);
    for address in &addresses {
        let token = list(&scene.service.world.authority, IssuerName::PidGermany, address, NOW.0, |_| {});
        scene.hosts.answer(address, "application/statuslist+jwt", token);
    }
    scene.hosts.answer(&named, "application/json", json!({"status_lists": addresses[..7]}).to_string());
    scene.round().await;
    scene.accepted_after(1).await;
    let standing = scene.standing("test-pid-de");
    assert_eq!((standing.lists, standing.tiny, standing.needs, standing.may_track()), (8, 7, 1, false));
    scene.hosts.answer(&named, "application/json", json!({"status_lists": addresses}).to_string());
    scene.pass(7 * HOUR).await;
    let standing = scene.standing("test-pid-de");
    assert_eq!((standing.lists, standing.tiny, standing.may_track()), (10, 9, true));
    assert!(standing.bytes > 16 * 1024 && standing.bytes < 64 * 1024, "{standing:?}");
    assert!(standing.oldest_seconds.unwrap() <= HOUR);
}

#[tokio::test]
async fn tenants_share_what_was_fetched() {
    // TSL-54: one address, one fetch, although each tenant judges the token by its own trust data.
    let service = TestService::with_two_tenants();
    for tenant in ["red", "blue", "red"] {
        let wish = json!({"preset": "bewohnerparken", "flow": "cross_device"});
        let call = service.call("POST", "/v1/presentations").key(&format!("{tenant}-key")).json(&wish).send().await;
        let created: Value = serde_json::from_slice(&call.body).unwrap();
        let answer = service.composed(&created, service.options()).await.remove(0);
        assert_eq!(service.deliver(&answer).await.status, 200, "{tenant}");
    }
    assert_eq!(service.fetches.load(Ordering::SeqCst), 1);
}
