//! Lists of revoked certificates that a service fetches: good, revoked, old, gone and forged ones, without a restart.

use crate::service::{NOW, STATUS_BASE, TestService};
use crate::trust_refresh::{DAY, edition, list_plan, present, source_plan};
use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::kept::KeptInMemory;
use pruefstein::app::ports::{Clock, Fetch, FetchError, FetchRequest, FetchResponse, KeptLists, Pending, Validators};
use pruefstein::app::refresh_trust::Refreshed;
use pruefstein::demo::World;
use pruefstein::demo::world::StatusHostFetch;
use pruefstein::domain::reason::Code;
use pruefstein::domain::trust::listed::{RevocationPlan, TrustPlan};
use pruefstein::domain::trust_list::plan::{ListPlan, Place};
use pruefstein::domain::x509::revocation::Depth;
use pruefstein::simulator::authority::{IssuerName, TestAuthority};
use pruefstein::simulator::revocation::CaOf;
use pruefstein::simulator::trust_list::ListWriter;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

const LIST: &str = "https://lists.example/pids";
/// The CAs above the issuer and above the signer of its status lists, each with the address of its list.
const CAS: [(&str, CaOf); 4] = [
    ("https://crl.example/issuer", ca(false, false)),
    ("https://crl.example/issuer-root", ca(false, true)),
    ("https://crl.example/status", ca(true, false)),
    ("https://crl.example/status-root", ca(true, true)),
];
const ISSUER: &str = CAS[0].0;
const ROOT: &str = CAS[1].0;

const fn ca(statuses: bool, root: bool) -> CaOf {
    CaOf { name: IssuerName::PidGermany, statuses, root }
}

type Answers = BTreeMap<String, Result<(u16, Vec<u8>), FetchError>>;

struct Hosts {
    answers: Mutex<Answers>,
    asked: Mutex<BTreeSet<String>>,
    status: StatusHostFetch,
}

impl Fetch for Hosts {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        if request.url.starts_with(STATUS_BASE) {
            return self.status.get(request);
        }
        self.asked.lock().unwrap().insert(request.url.clone());
        if request.url != LIST {
            assert_eq!(request.allowed_hosts, ["https://crl.example:443"]);
        }
        let answer = self.answers.lock().unwrap().get(&request.url).cloned();
        Box::pin(async move {
            let (status, body) = answer.unwrap_or(Err(FetchError::Timeout))?;
            let (validators, date) = (Validators::default(), None);
            Ok(FetchResponse { status, content_type: None, max_age: None, validators, date, body })
        })
    }
}

struct Scene {
    service: TestService,
    hosts: Arc<Hosts>,
}

impl Scene {
    fn new() -> Self {
        Self::keeping(Arc::new(KeptInMemory::default()))
    }

    /// A service whose trust list is there; no list of revoked certificates is.
    fn keeping(kept: Arc<dyn KeptLists>) -> Self {
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        let writer = ListWriter::new(&world.authority).unwrap();
        let clock = Arc::new(FixedClock::new(NOW));
        let list = edition(&writer, 1, NOW, |_| {});
        let hosts = Arc::new(Hosts {
            answers: Mutex::new(BTreeMap::from([(LIST.to_owned(), Ok((200, list)))])),
            asked: Mutex::default(),
            status: StatusHostFetch::new(world.status_host, Arc::clone(&clock) as Arc<dyn Clock>),
        });
        let places = CAS.map(|(url, _)| Place::Url(url.to_owned())).to_vec();
        let plan = TrustPlan { revocation: Some(RevocationPlan { places, depth: Depth::WholeChain }), ..source_plan() };
        let lists = vec![ListPlan { grace_seconds: 30 * DAY, ..list_plan(&writer, Place::Url(LIST.to_owned())) }];
        let fetch = Arc::clone(&hosts) as Arc<dyn Fetch>;
        Self { service: TestService::with_trust_lists(clock, fetch, lists, kept, vec![plan]), hosts }
    }

    fn authority(&self) -> &TestAuthority {
        &self.service.world.authority
    }

    fn set(&self, url: &str, answer: Result<(u16, Vec<u8>), FetchError>) {
        self.hosts.answers.lock().unwrap().insert(url.to_owned(), answer);
    }

    /// Serves the lists of all CAs for these days, with nobody on them.
    fn serve_all(&self, days: (i64, i64)) {
        for (url, ca) in CAS {
            self.set(url, Ok((200, self.authority().revocation_list_of(ca, days, false).unwrap())));
        }
    }

    fn issuer_list(&self, days: (i64, i64), revoked: bool) -> Vec<u8> {
        self.authority().revocation_list_of(CAS[0].1, days, revoked).unwrap()
    }

    fn root_list(&self, days: (i64, i64), revoked: bool) -> Vec<u8> {
        self.authority().revocation_list_of(CAS[1].1, days, revoked).unwrap()
    }

    /// An hour later: what became of the list at this address.
    async fn refreshed(&self, url: &str) -> Result<&'static str, (Code, String)> {
        self.service.clock.advance(3_600);
        self.refreshed_now(url).await
    }

    async fn refreshed_now(&self, url: &str) -> Result<&'static str, (Code, String)> {
        let done = self.service.app.refresh_trust().await;
        let (_, refreshed) = done.into_iter().find(|(name, _)| name == url).unwrap();
        match refreshed {
            Refreshed::Failed(reason) => Err((reason.code, reason.detail.into_owned())),
            other => Ok(other.outcome()),
        }
    }

    async fn present(&self) -> (String, Option<String>) {
        present(&self.service).await
    }
}

fn verified() -> (String, Option<String>) {
    ("verified".to_owned(), None)
}

fn refused() -> (String, Option<String>) {
    ("fetched".to_owned(), Some("x5c_revoked".to_owned()))
}

#[tokio::test]
async fn a_revocation_counts_from_the_next_refresh_on_and_is_not_taken_back() {
    // X5C-11, cases X5C-025, X5C-026: nothing is asked but what the configuration names.
    let scene = Scene::new();
    scene.serve_all((-1, 20));
    assert_eq!(scene.refreshed(ISSUER).await, Ok("changed"));
    assert_eq!(scene.present().await, verified());
    assert_eq!(scene.refreshed(ISSUER).await, Ok("confirmed"));
    scene.set(ISSUER, Ok((200, scene.issuer_list((0, 20), true))));
    assert_eq!(scene.present().await, verified());
    assert_eq!(scene.refreshed(ISSUER).await, Ok("changed"));
    assert_eq!(scene.present().await, refused());
    // The list of yesterday, on which nobody is.
    scene.set(ISSUER, Ok((200, scene.issuer_list((-1, 20), false))));
    let (code, detail) = scene.refreshed(ISSUER).await.unwrap_err();
    assert!(code == Code::X5cRevoked && detail.contains("older"), "{detail}");
    assert_eq!(scene.present().await, refused());
    let expected = CAS.map(|(url, _)| url.to_owned()).into_iter().chain([LIST.to_owned()]);
    assert_eq!(*scene.hosts.asked.lock().unwrap(), expected.collect());
}

#[tokio::test]
async fn a_ca_on_the_list_of_the_root_takes_its_issuer_along() {
    let scene = Scene::new();
    scene.serve_all((-1, 20));
    scene.set(ROOT, Ok((200, scene.root_list((-1, 20), true))));
    assert_eq!(scene.refreshed(ROOT).await, Ok("changed"));
    assert_eq!(scene.present().await, refused());
}

#[tokio::test]
async fn without_a_list_in_force_its_certificates_are_refused() {
    // X5C-11, case X5C-025: down at first, there, down again until it ends, and back.
    let scene = Scene::new();
    assert_eq!(scene.refreshed(ISSUER).await.unwrap_err().0, Code::X5cRevoked);
    assert_eq!(scene.present().await, refused());
    scene.serve_all((-1, 7));
    scene.service.clock.advance(60);
    assert_eq!(scene.refreshed_now(ISSUER).await, Ok("changed"));
    assert_eq!(scene.present().await, verified());
    scene.set(ISSUER, Err(FetchError::Unreachable("nobody listens".to_owned())));
    scene.service.clock.advance(3 * DAY);
    assert_eq!(scene.refreshed(ISSUER).await.unwrap_err().0, Code::X5cRevoked);
    assert_eq!(scene.present().await, verified(), "it is good until its own end");
    let told = |usable: bool| {
        let standings = scene.service.app.beside_standings();
        let standing = standings.into_iter().find(|standing| standing.name == ISSUER).unwrap();
        let now = scene.service.clock.now();
        assert_eq!(standing.usable_until.is_some_and(|end| now < end), usable);
        assert!(standing.fault.unwrap().detail.contains("nobody listens"));
    };
    told(true);
    scene.service.clock.advance(5 * DAY);
    assert_eq!(scene.refreshed(ISSUER).await.unwrap_err().0, Code::X5cRevoked);
    assert_eq!(scene.present().await, refused());
    told(false);
    scene.serve_all((8, 20));
    scene.service.clock.advance(60);
    assert_eq!(scene.refreshed_now(ISSUER).await, Ok("changed"));
    scene.service.clock.advance(3_600);
    scene.service.app.refresh_trust().await;
    assert_eq!(scene.present().await, verified());
}

#[tokio::test]
async fn whatever_a_host_serves_the_good_list_stays() {
    // X5C-11, cases X5C-024, X5C-025.
    let scene = Scene::new();
    scene.serve_all((-1, 20));
    assert_eq!(scene.refreshed(ROOT).await, Ok("changed"));
    let newer = scene.root_list((0, 20), false);
    let mut flipped = newer.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let truncated = newer[..newer.len() - 7].to_vec();
    // Same names, other keys.
    let stranger = World::new([8; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
    let forged = stranger.authority.revocation_list_of(CAS[1].1, (0, 20), false).unwrap();
    let other_ca = CaOf { name: IssuerName::PidForeign, ..CAS[1].1 };
    let other = scene.authority().revocation_list_of(other_ca, (0, 20), false).unwrap();
    let future = scene.root_list((2, 20), false);
    for (answer, expected, words) in [
        (Ok((200, b"<html>".to_vec())), Code::X5cMalformed, "strict DER"),
        (Ok((200, Vec::new())), Code::X5cMalformed, "strict DER"),
        (Ok((200, truncated)), Code::X5cMalformed, "strict DER"),
        (Ok((200, flipped)), Code::X5cRevoked, "not signed by the issuer"),
        (Ok((200, forged)), Code::X5cRevoked, "not signed by the issuer"),
        (Ok((200, future)), Code::X5cRevoked, "in the future"),
        (Ok((200, scene.issuer_list((0, 20), false))), Code::X5cRevoked, "another issuer"),
        (Ok((500, newer.clone())), Code::X5cRevoked, "status 500"),
        (Err(FetchError::TooLarge), Code::X5cRevoked, "too large"),
        (Err(FetchError::Blocked), Code::X5cRevoked, "may not be asked"),
    ] {
        scene.set(ROOT, answer);
        let (code, detail) = scene.refreshed(ROOT).await.unwrap_err();
        assert!(code == expected && detail.contains(words), "{code:?} {detail}: {words}");
        assert_eq!(scene.present().await, verified(), "{words}");
    }
    // Of a root that the same trust list names: it is good, but then nothing covers the issuer any more.
    scene.set(ROOT, Ok((200, other)));
    assert_eq!(scene.refreshed(ROOT).await, Ok("changed"));
    assert_eq!(scene.present().await, refused());
    scene.set(ROOT, Ok((200, newer)));
    assert_eq!(scene.refreshed(ROOT).await, Ok("changed"));
    assert_eq!(scene.present().await, verified());
}

#[tokio::test]
async fn a_restart_has_the_kept_lists_and_forgets_no_revocation() {
    let kept = Arc::new(KeptInMemory::default());
    let first = Scene::keeping(Arc::clone(&kept) as Arc<dyn KeptLists>);
    first.serve_all((-1, 20));
    first.set(ISSUER, Ok((200, first.issuer_list((0, 20), true))));
    assert_eq!(first.refreshed(ISSUER).await, Ok("changed"));
    assert_eq!(first.present().await, refused());

    let second = Scene::keeping(Arc::clone(&kept) as Arc<dyn KeptLists>);
    second.serve_all((-1, 20));
    assert_eq!(second.service.app.load_kept_lists().await, []);
    assert!(second.refreshed(ISSUER).await.unwrap_err().1.contains("older"));
    assert_eq!(second.present().await, refused());

    // Down altogether, what was kept is enough.
    let third = Scene::keeping(kept as Arc<dyn KeptLists>);
    third.service.app.load_kept_lists().await;
    assert!(third.refreshed(ROOT).await.is_err());
    assert_eq!(third.present().await, refused());
}
