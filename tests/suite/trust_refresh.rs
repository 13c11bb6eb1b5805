//! Trust lists while a service runs: hosts that are down, slow, wrong or old, and back again, without a restart.

use crate::service::{NOW, STATUS_BASE, TestService};
use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::kept::{KeptFolder, KeptInMemory};
use pruefstein::app::ports::{Clock, Fetch, FetchError, FetchRequest, FetchResponse, KeptLists, Pending, Validators};
use pruefstein::app::refresh_trust::Refreshed;
use pruefstein::demo::World;
use pruefstein::demo::world::StatusHostFetch;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::jose::hash::sha256;
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust::listed::{Held, ListUse, TrustPlan};
use pruefstein::domain::trust::{Purpose, StatusOrigin, StatusRule, TrustSource};
use pruefstein::domain::trust_list::Notation;
use pruefstein::domain::trust_list::plan::{ListPlan, Place};
use pruefstein::domain::trust_list::profile::{ListKind, profile};
use pruefstein::domain::x509::Certificate;
use pruefstein::simulator::authority::{IssuerName, PID_DE_TYPE, PID_EU_TYPE};
use pruefstein::simulator::trust_list::{ListDraft, ListFault, ListOf, ListWriter};
use serde_json::Value;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) const URL: &str = "https://lists.example/pids";
pub(crate) const REFRESH: i64 = 3_600;
pub(crate) const GRACE: i64 = 7_200;
pub(crate) const DAY: i64 = 86_400;

/// What the host of the list does.
#[derive(Clone)]
pub(crate) enum Mode {
    Serves(Vec<u8>),
    Fails(FetchError),
    Says(u16),
    /// 304 to whoever shows the right tag, else the document.
    Knows(&'static str, Vec<u8>),
}

pub(crate) struct Host {
    mode: Mutex<Mode>,
    asked: AtomicUsize,
    status: StatusHostFetch,
}

impl Host {
    pub(crate) fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }
}

impl Fetch for Host {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        if request.url != URL {
            return self.status.get(request);
        }
        assert_eq!(request.allowed_hosts, ["https://lists.example:443"]);
        self.asked.fetch_add(1, Ordering::SeqCst);
        let response = |status, body: &[u8], etag: Option<&str>| FetchResponse {
            status,
            content_type: None,
            max_age: None,
            validators: Validators { etag: etag.map(str::to_owned), last_modified: None },
            date: None,
            body: body.to_vec(),
        };
        let answer = match &*self.mode.lock().unwrap() {
            Mode::Serves(document) => Ok(response(200, document, None)),
            Mode::Fails(error) => Err(error.clone()),
            Mode::Says(status) => Ok(response(*status, b"<html>", None)),
            Mode::Knows(tag, _) if request.validators.etag.as_deref() == Some(tag) => Ok(response(304, b"", Some(tag))),
            Mode::Knows(tag, document) => Ok(response(200, document, Some(tag))),
        };
        Box::pin(async move { answer })
    }
}

pub(crate) struct Scene {
    pub(crate) service: TestService,
    pub(crate) host: Arc<Host>,
    writer: ListWriter,
}

pub(crate) fn list_plan(writer: &ListWriter, place: Place) -> ListPlan {
    ListPlan {
        name: "pids".to_owned(),
        notation: Notation::Lote,
        place,
        signers: vec![Certificate::read(writer.signer()).unwrap()],
        list_type: profile(ListKind::Pid).unwrap().list_type.to_owned(),
        signer_names: true,
        refresh_seconds: REFRESH,
        grace_seconds: GRACE,
        territories: Vec::new(),
        followed_origins: Vec::new(),
    }
}

pub(crate) fn source_plan() -> TrustPlan {
    let profile = profile(ListKind::Pid).unwrap();
    let types = vec![PID_DE_TYPE.to_owned(), PID_EU_TYPE.to_owned()];
    TrustPlan {
        source: TrustSource {
            status_origins: vec![StatusOrigin::parse(STATUS_BASE).unwrap()],
            status_rule: StatusRule::Required,
            ..TrustSource::new("pid-providers", Purpose::PidProvider, types)
        },
        list: Some(ListUse {
            list: "pids".to_owned(),
            territories: Vec::new(),
            information: Vec::new(),
            issuance: vec![profile.issuance.to_owned()],
            revocation: profile.revocation.into_iter().map(str::to_owned).collect(),
            statuses: Vec::new(),
        }),
        signs_for: Vec::new(),
        revocation: None,
        status_prefetch: Vec::new(),
        issuers: Vec::new(),
    }
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::keeping(Arc::new(KeptInMemory::default()), Place::Url(URL.to_owned()))
    }

    pub(crate) fn keeping(kept: Arc<dyn KeptLists>, place: Place) -> Self {
        Self::with_plan(kept, place, source_plan())
    }

    fn with_plan(kept: Arc<dyn KeptLists>, place: Place, plan: TrustPlan) -> Self {
        Self::planned(kept, place, GRACE, plan)
    }

    pub(crate) fn with_grace(place: Place, grace_seconds: i64) -> Self {
        Self::planned(Arc::new(KeptInMemory::default()), place, grace_seconds, source_plan())
    }

    fn planned(kept: Arc<dyn KeptLists>, place: Place, grace_seconds: i64, plan: TrustPlan) -> Self {
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        let writer = ListWriter::new(&world.authority).unwrap();
        let clock = Arc::new(FixedClock::new(NOW));
        let host = Arc::new(Host {
            mode: Mutex::new(Mode::Fails(FetchError::Timeout)),
            asked: AtomicUsize::new(0),
            status: StatusHostFetch::new(world.status_host, Arc::clone(&clock) as Arc<dyn Clock>),
        });
        let lists = vec![ListPlan { grace_seconds, ..list_plan(&writer, place) }];
        let fetch = Arc::clone(&host) as Arc<dyn Fetch>;
        let service = TestService::with_trust_lists(clock, fetch, lists, kept, vec![plan]);
        Self { service, host, writer }
    }

    /// A list with this number that is issued now, changed before it is signed.
    pub(crate) fn list(&self, number: u64, change: impl FnOnce(&mut ListDraft)) -> Vec<u8> {
        edition(&self.writer, number, self.service.clock.now(), change)
    }

    /// Refreshes what is due; what became of the list, if it was due.
    pub(crate) async fn refresh(&self) -> Option<Refreshed> {
        let mut done = self.service.app.refresh_trust().await;
        assert!(done.len() <= 1);
        done.pop().map(|(_, refreshed)| refreshed)
    }

    pub(crate) async fn serve_and_refresh(&self, document: Vec<u8>) -> Option<Refreshed> {
        self.host.set(Mode::Serves(document));
        self.refresh().await
    }

    async fn present(&self) -> (String, Option<String>) {
        present(&self.service).await
    }
}

/// A list with this number that is issued at `now`, changed before it is signed.
pub(crate) fn edition(
    writer: &ListWriter,
    number: u64,
    now: UnixSeconds,
    change: impl FnOnce(&mut ListDraft),
) -> Vec<u8> {
    let mut draft = writer.draft(ListOf::Pid);
    draft.sequence = number;
    draft.issued_at = now;
    draft.next_update = Some(now.plus(30 * DAY));
    change(&mut draft);
    writer.write(&draft).unwrap().into_bytes()
}

/// One presentation from its start to its end: the status of the transaction, and the code of the refusal, if any.
/// Whatever is accepted shows the list that it rests on.
pub(crate) async fn present(service: &TestService) -> (String, Option<String>) {
    let body =
        serde_json::json!({"preset": "bewohnerparken", "flow": "cross_device", "result": {"delete_after_read": false}});
    let (status, created) = service.post_json("/v1/presentations", &body).await;
    if status != 201 {
        return (format!("not started, {status}"), created["code"].as_str().map(str::to_owned));
    }
    answer(service, &created).await
}

/// The rest of it, from the wallet's answer on.
pub(crate) async fn answer(service: &TestService, created: &Value) -> (String, Option<String>) {
    service.answer(created, service.options()).await;
    let read = service.read(created).await;
    let status = read["status"].as_str().unwrap().to_owned();
    if status == "verified" {
        let evidence = &read["report"]["evidence"];
        let list = &evidence["credentials"][0]["trust_list"];
        let held = service.app.trust_lists().standings().remove(0).list.unwrap();
        assert_eq!(list["number"], held.sequence, "{evidence}");
        assert_eq!(list["sha256"], base64::encode_url(&held.digest), "{evidence}");
        assert!(evidence["credentials"][0]["status_list"]["sha256"].is_string(), "{evidence}");
    }
    let code = read.pointer("/error/code").or_else(|| read.pointer("/last_refused/error/code"));
    let code = code.and_then(Value::as_str).map(str::to_owned);
    assert_eq!(code.is_none(), status == "verified", "{read}");
    (status, code)
}

pub(crate) fn failed(refreshed: Option<Refreshed>) -> Code {
    match refreshed {
        Some(Refreshed::Failed(reason)) => reason.code,
        other => panic!("not a failure: {other:?}"),
    }
}

#[tokio::test]
async fn without_its_list_nothing_is_decided_and_with_it_all_works_without_a_restart() {
    // TL-03, TL-18, TRU-017: 503 and never an acceptance, then recovery by itself.
    let scene = Scene::new();
    assert_eq!(failed(scene.refresh().await), Code::TrustUnavailable);
    assert_eq!(scene.present().await, ("not started, 503".to_owned(), Some("trust_unavailable".to_owned())));
    scene.service.clock.advance(60);
    assert_eq!(scene.serve_and_refresh(scene.list(1, |_| {})).await, Some(Refreshed::Changed { sequence: 1 }));
    assert_eq!(scene.present().await.0, "verified");
}

#[tokio::test]
async fn whatever_a_host_does_the_good_list_stays_until_its_time_and_not_longer() {
    // TL-03, TL-04, TL-10, TL-18; cases TRU-008, TRU-016 in its plain form: no new list replaces a good one unless it is good.
    let scene = Scene::new();
    let good = scene.list(7, |_| {});
    assert_eq!(scene.serve_and_refresh(good.clone()).await, Some(Refreshed::Changed { sequence: 7 }));
    let mut flipped = good.clone();
    let place = flipped.len() / 2;
    flipped[place] ^= 1;
    let truncated = good[..good.len() - 10].to_vec();
    let expired = scene.list(8, |draft| {
        draft.issued_at = NOW.minus(2 * DAY);
        draft.next_update = Some(NOW.minus(DAY));
    });
    let foreign = scene.writer.faulty(ListFault::OtherSigner).unwrap();
    let unreachable = FetchError::Unreachable("invalid peer certificate: UnknownIssuer".to_owned());
    let modes = [
        (Mode::Fails(unreachable), Code::TrustUnavailable),
        (Mode::Fails(FetchError::Timeout), Code::TrustUnavailable),
        (Mode::Fails(FetchError::TooLarge), Code::TrustListTooLarge),
        (Mode::Fails(FetchError::Blocked), Code::TrustUnavailable),
        (Mode::Says(500), Code::TrustUnavailable),
        (Mode::Says(404), Code::TrustUnavailable),
        (Mode::Serves(b"<html>".to_vec()), Code::TrustListMalformed),
        (Mode::Serves(Vec::new()), Code::TrustListMalformed),
        (Mode::Serves(truncated), Code::TrustListSignatureInvalid),
        (Mode::Serves(flipped), Code::TrustListSignatureInvalid),
        (Mode::Serves(foreign), Code::TrustListSignatureInvalid),
        (Mode::Serves(scene.list(6, |_| {})), Code::TrustListRollback),
        (Mode::Serves(scene.list(7, |draft| draft.issued_at = NOW.minus(DAY))), Code::TrustListRollback),
        (Mode::Serves(expired), Code::TrustUnavailable),
    ];
    // All within the grace: the refresh is due after an hour, and the list lasts two hours more.
    scene.service.clock.advance(REFRESH);
    for (mode, code) in modes {
        scene.host.set(mode);
        let found = failed(scene.refresh().await);
        assert!(
            found == code || (code == Code::TrustListSignatureInvalid && found == Code::TrustListMalformed),
            "{found}"
        );
        assert_eq!(scene.present().await, ("verified".to_owned(), None), "{code}");
        let standing = scene.service.app.trust_lists().standings().remove(0);
        assert_eq!((standing.list.unwrap().digest, standing.fault.unwrap().code), (sha256(&good), found));
        // The next try comes after a wait that grows; it is not waited for longer than a quarter of an hour.
        let wait = standing.next_try.unwrap().since(scene.service.clock.now());
        assert!((30..=900).contains(&wait), "{wait}");
        assert_eq!(scene.refresh().await, None, "not due yet");
        scene.service.clock.advance(wait);
        let confirmed = scene.service.app.trust_lists().standings()[0].confirmed_at.unwrap();
        if scene.service.clock.now().since(confirmed) >= REFRESH + GRACE - 900 {
            // Confirmed once, so that the remaining faults meet a list in use as well.
            assert_eq!(scene.serve_and_refresh(good.clone()).await, Some(Refreshed::Confirmed));
            scene.service.clock.advance(REFRESH);
        }
    }
    // Nobody confirms it any more: at the end of the grace nothing is decided by it, and open transactions stay open.
    scene.serve_and_refresh(good.clone()).await;
    let open = scene.service.create_preset("bewohnerparken").await;
    scene.host.set(Mode::Fails(FetchError::Timeout));
    let confirmed = scene.service.app.trust_lists().standings()[0].confirmed_at.unwrap();
    scene.service.clock.set(confirmed.plus(REFRESH + GRACE - 1));
    scene.refresh().await;
    assert_eq!(scene.present().await.0, "verified", "one second before");
    scene.service.clock.advance(1);
    assert_eq!(scene.present().await, ("not started, 503".to_owned(), Some("trust_unavailable".to_owned())));
    // And back again, without a restart.
    while scene.service.app.trust_lists().standings()[0].next_try.unwrap() > scene.service.clock.now() {
        scene.service.clock.advance(30);
    }
    let newer = scene.list(9, |_| {});
    assert_eq!(scene.serve_and_refresh(newer).await, Some(Refreshed::Changed { sequence: 9 }));
    assert_eq!(scene.present().await.0, "verified");
    drop(open);
}

#[tokio::test]
async fn an_answer_that_meets_a_list_that_is_too_old_leaves_its_transaction_open() {
    // TL-18, catalogue rule 6: undecided is 503 for the wallet, and a retry succeeds.
    let scene = Scene::new();
    scene.serve_and_refresh(scene.list(1, |_| {})).await;
    scene.service.clock.advance(REFRESH + GRACE - 100);
    scene.host.set(Mode::Fails(FetchError::Timeout));
    scene.refresh().await;
    let created = scene.service.create_preset("bewohnerparken").await;
    let answer = scene.service.composed(&created, scene.service.options()).await.remove(0);
    scene.service.clock.advance(100);
    assert_eq!(scene.service.deliver(&answer).await.status, 503);
    assert_eq!(scene.service.status(&created).await, "fetched");
    scene.service.clock.advance(30);
    scene.serve_and_refresh(scene.list(2, |_| {})).await;
    assert_eq!(scene.service.deliver(&answer).await.status, 200);
    assert_eq!(scene.service.status(&created).await, "verified");
}

#[tokio::test]
async fn an_issuer_that_is_taken_off_the_list_is_refused_after_the_refresh() {
    // TL-03, case X5C-028.
    let scene = Scene::new();
    scene.serve_and_refresh(scene.list(1, |_| {})).await;
    assert_eq!(scene.present().await.0, "verified");
    scene.service.clock.advance(REFRESH);
    let root = scene.service.world.authority.issuer_root(IssuerName::PidGermany).to_vec();
    let without = scene.list(2, |draft| draft.entities.retain(|entity| !entity.issuance.contains(&root)));
    scene.serve_and_refresh(without).await;
    assert_eq!(scene.present().await.1.as_deref(), Some("x5c_untrusted"));
}

#[tokio::test]
async fn an_anchor_counts_for_its_service_only() {
    // TL-12, X5C-02, case TRU-013: issuing and revoking have changed their places, each with sound signatures and chains.
    let scene = Scene::new();
    let swapped = scene.list(1, |draft| {
        for entity in &mut draft.entities {
            std::mem::swap(&mut entity.issuance, &mut entity.revocation);
        }
    });
    scene.serve_and_refresh(swapped).await;
    assert_eq!(scene.present().await.1.as_deref(), Some("issuer_not_authorized"));
    // The status list is signed under an anchor that the list names for issuing only.
    scene.service.clock.advance(REFRESH);
    let no_status = scene.list(2, |draft| {
        for entity in &mut draft.entities {
            entity.revocation = entity.issuance.clone();
        }
    });
    scene.serve_and_refresh(no_status).await;
    assert_eq!(scene.present().await.1.as_deref(), Some("status_token_invalid"));
}

#[tokio::test]
async fn a_closed_list_gives_no_trust_any_more() {
    // TL-08: the old edition is not used on, although its own time has not come.
    let scene = Scene::new();
    scene.serve_and_refresh(scene.list(1, |_| {})).await;
    scene.service.clock.advance(REFRESH);
    let closed = scene.list(2, |draft| draft.next_update = None);
    assert_eq!(scene.serve_and_refresh(closed).await, Some(Refreshed::Changed { sequence: 2 }));
    assert_eq!(scene.present().await, ("not started, 503".to_owned(), Some("trust_unavailable".to_owned())));
}

#[tokio::test]
async fn a_host_that_knows_the_edition_confirms_it() {
    // TL-16: the schedule, with ETag.
    let scene = Scene::new();
    scene.host.set(Mode::Knows("\"e1\"", scene.list(1, |_| {})));
    assert_eq!(scene.refresh().await, Some(Refreshed::Changed { sequence: 1 }));
    for round in 1..=20 {
        scene.service.clock.advance(REFRESH);
        assert_eq!(scene.refresh().await, Some(Refreshed::Confirmed), "{round}");
        assert_eq!(scene.refresh().await, None);
    }
    assert_eq!(scene.host.asked.load(Ordering::SeqCst), 21);
    assert_eq!(scene.present().await.0, "verified");
    // Its own end comes all the same.
    scene.service.clock.set(NOW.plus(30 * DAY));
    assert_eq!(failed(scene.refresh().await), Code::TrustUnavailable);
    assert_eq!(scene.present().await.1.as_deref(), Some("trust_unavailable"));
}

#[tokio::test]
async fn a_restart_has_the_kept_list_and_cannot_be_rolled_back() {
    // TL-10, TL-18, case TRU-017: the digest is the same in both runs.
    let folder = tempfile::tempdir().unwrap();
    let kept = || Arc::new(KeptFolder::new(folder.path().to_owned())) as Arc<dyn KeptLists>;
    let url = || Place::Url(URL.to_owned());
    let first = Scene::keeping(kept(), url());
    first.serve_and_refresh(first.list(5, |_| {})).await;
    let digest = |scene: &Scene| *scene.service.app.tenants().next().unwrap().trust.current().digest();
    let second = Scene::keeping(kept(), url());
    assert_eq!(second.service.app.load_kept_lists().await, []);
    assert_eq!(digest(&first), digest(&second));
    assert_eq!(second.present().await.0, "verified", "without any network");
    second.host.set(Mode::Serves(second.list(4, |_| {})));
    assert_eq!(failed(second.refresh().await), Code::TrustListRollback);
    // What was changed in the folder is not used, and says so.
    let file = folder.path().join("pids.kept");
    let mut bytes = std::fs::read(&file).unwrap();
    let place = bytes.len() - 100;
    bytes[place] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let third = Scene::keeping(kept(), url());
    let faults = third.service.app.load_kept_lists().await;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(third.present().await.1.as_deref(), Some("trust_unavailable"));
}

#[tokio::test]
async fn an_imported_list_is_taken_up_while_the_service_runs() {
    // Sites without a way out: TL-03 by import.
    let folder = tempfile::tempdir().unwrap();
    let lists = KeptFolder::new(folder.path().to_owned());
    let scene = Scene::keeping(Arc::new(lists.clone()), Place::Imported);
    assert_eq!(failed(scene.refresh().await), Code::TrustUnavailable);
    let import = |number: u64| {
        let document = scene.list(number, |_| {});
        let confirmed_at = scene.service.clock.now();
        let kept = pruefstein::app::ports::Kept { document, confirmed_at, validators: Validators::default() };
        lists.save_now("pids", &kept).unwrap();
    };
    scene.service.clock.advance(60);
    import(1);
    assert_eq!(scene.refresh().await, Some(Refreshed::Changed { sequence: 1 }));
    assert_eq!(scene.present().await.0, "verified");
    scene.service.clock.advance(REFRESH);
    assert_eq!(scene.refresh().await, Some(Refreshed::Confirmed));
    scene.service.clock.advance(REFRESH);
    import(2);
    assert_eq!(scene.refresh().await, Some(Refreshed::Changed { sequence: 2 }));
    // Nobody needs to confirm it: it lasts until its own end.
    scene.service.clock.advance(8 * DAY);
    scene.refresh().await;
    assert_eq!(scene.present().await, ("verified".to_owned(), None));
    scene.service.clock.advance(30 * DAY);
    scene.refresh().await;
    assert_eq!(scene.present().await.1.as_deref(), Some("trust_unavailable"));
    assert_eq!(scene.host.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn a_withdrawn_service_is_not_read_as_granted() {
    // TL-13, case TRU-013: of a public body, as the list says at the time of use.
    use pruefstein::domain::trust::listed::{HeldList, compose};
    use pruefstein::domain::trust_list::lote;
    use pruefstein::simulator::trust_list::BodyStatus;
    let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
    let writer = ListWriter::new(&world.authority).unwrap();
    let profile = profile(ListKind::PubEaa).unwrap();
    let list_of = |status: BodyStatus| {
        let mut draft = writer.draft(ListOf::PublicBodies);
        draft.entities.iter_mut().for_each(|entity| entity.status = status);
        let document = writer.write(&draft).unwrap();
        let plan = ListPlan { list_type: profile.list_type.to_owned(), ..list_plan(&writer, Place::Imported) };
        lote::read(document.as_bytes(), plan.rules(None, NOW)).unwrap()
    };
    let chain = world.authority.issuer(IssuerName::Municipality).chain;
    let judge = |status: BodyStatus, statuses: &[&str]| {
        let held = HeldList { name: "bodies".to_owned(), list: Arc::new(list_of(status)), usable_until: NOW.plus(DAY) };
        let plan = TrustPlan {
            source: TrustSource::new("bodies", Purpose::PubEaaProvider, vec!["urn:pass".to_owned()]),
            list: Some(ListUse {
                list: "bodies".to_owned(),
                territories: Vec::new(),
                information: Vec::new(),
                issuance: vec![profile.issuance.to_owned()],
                revocation: Vec::new(),
                statuses: statuses.iter().map(|status| (*status).to_owned()).collect(),
            }),
            signs_for: Vec::new(),
            revocation: None,
            status_prefetch: Vec::new(),
            issuers: Vec::new(),
        };
        let trust = compose(&[plan], Held { lists: &[held], ..Held::default() }, NOW);
        let rule = pruefstein::domain::x509::chain::AnchorInChain::Refuse;
        trust.trust_issuer(&chain, rule, NOW).map(|_| ()).map_err(|reason| reason.code)
    };
    let valid = profile.statuses.unwrap().valid;
    assert_eq!(judge(BodyStatus::Notified, &[valid]), Ok(()));
    assert_eq!(judge(BodyStatus::Withdrawn, &[valid]), Err(Code::IssuerNotAuthorized));
    // A status where none is expected gives no trust either, and one that is nearly right is another one.
    assert_eq!(judge(BodyStatus::Notified, &[]), Err(Code::IssuerNotAuthorized));
    assert_eq!(judge(BodyStatus::Notified, &[&format!("{valid}/")]), Err(Code::IssuerNotAuthorized));
}

/// Keeps as the folder does, and cannot write when told so.
struct Failing(KeptFolder, std::sync::atomic::AtomicBool);

impl KeptLists for Failing {
    fn load(
        &self,
        name: String,
    ) -> Pending<'_, Option<pruefstein::app::ports::Kept>, pruefstein::app::ports::KeepFailed> {
        self.0.load(name)
    }

    fn save(
        &self,
        name: String,
        kept: pruefstein::app::ports::Kept,
    ) -> Pending<'_, (), pruefstein::app::ports::KeepFailed> {
        if self.1.load(Ordering::SeqCst) {
            return Box::pin(async { Err(pruefstein::app::ports::KeepFailed("disk full".to_owned())) });
        }
        self.0.save(name, kept)
    }

    fn read_file(&self, path: String) -> Pending<'_, Vec<u8>, pruefstein::app::ports::KeepFailed> {
        self.0.read_file(path)
    }
}

#[tokio::test]
async fn an_edition_that_could_not_be_kept_is_fetched_whole_until_it_is() {
    // TL-10: otherwise a 304 would confirm the older edition on the disk, and a restart would have that one.
    let folder = tempfile::tempdir().unwrap();
    let kept = Arc::new(Failing(KeptFolder::new(folder.path().to_owned()), false.into()));
    let scene = Scene::keeping(Arc::clone(&kept) as Arc<dyn KeptLists>, Place::Url(URL.to_owned()));
    let (older, newer) = (scene.list(8, |_| {}), scene.list(9, |_| {}));
    scene.host.set(Mode::Knows("\"e8\"", older));
    assert_eq!(scene.refresh().await, Some(Refreshed::Changed { sequence: 8 }));
    scene.service.clock.advance(REFRESH);
    kept.1.store(true, Ordering::SeqCst);
    scene.host.set(Mode::Knows("\"e9\"", newer.clone()));
    assert_eq!(failed(scene.refresh().await), Code::TrustUnavailable);
    let held = || scene.service.app.trust_lists().standings()[0].list.as_ref().unwrap().sequence;
    assert_eq!(held(), 9, "good and in force all the same");
    kept.1.store(false, Ordering::SeqCst);
    scene.service.clock.advance(REFRESH);
    assert_eq!(scene.refresh().await, Some(Refreshed::Confirmed));
    let on_disk = kept.0.load_now("pids").unwrap().unwrap();
    assert_eq!(on_disk.document, newer);
    // And if somebody put another edition there, a 304 does not confirm it.
    let import = pruefstein::app::ports::Kept { document: b"other".to_vec(), ..on_disk };
    kept.0.save_now("pids", &import).unwrap();
    scene.service.clock.advance(REFRESH);
    assert_eq!(failed(scene.refresh().await), Code::TrustUnavailable);
    scene.service.clock.advance(REFRESH);
    assert_eq!(scene.refresh().await, Some(Refreshed::Confirmed));
    assert_eq!(kept.0.load_now("pids").unwrap().unwrap().document, newer);
}

#[tokio::test]
async fn an_edition_that_has_ended_is_still_what_others_must_follow() {
    // TL-10: an emergency edition with a short life, and after its end a restart: the one before it does not come back.
    let folder = tempfile::tempdir().unwrap();
    let kept = || Arc::new(KeptFolder::new(folder.path().to_owned())) as Arc<dyn KeptLists>;
    let url = || Place::Url(URL.to_owned());
    let first = Scene::keeping(kept(), url());
    let before = first.list(7, |_| {});
    first.serve_and_refresh(before.clone()).await;
    first.service.clock.advance(REFRESH);
    first.serve_and_refresh(first.list(8, |draft| draft.next_update = Some(NOW.plus(DAY)))).await;
    let second = Scene::keeping(kept(), url());
    second.service.clock.set(NOW.plus(2 * DAY));
    assert_eq!(second.service.app.load_kept_lists().await.len(), 1);
    second.service.clock.advance(60);
    assert_eq!(failed(second.serve_and_refresh(before).await), Code::TrustListRollback);
    second.service.clock.advance(REFRESH);
    assert_eq!(second.serve_and_refresh(second.list(9, |_| {})).await, Some(Refreshed::Changed { sequence: 9 }));
}

#[tokio::test]
async fn a_clock_that_is_set_back_neither_stops_the_asking_nor_lengthens_the_grace() {
    let folder = tempfile::tempdir().unwrap();
    let kept = || Arc::new(KeptFolder::new(folder.path().to_owned())) as Arc<dyn KeptLists>;
    let url = || Place::Url(URL.to_owned());
    let ahead = Scene::keeping(kept(), url());
    let list = ahead.list(1, |_| {});
    ahead.service.clock.advance(10 * DAY);
    ahead.serve_and_refresh(list.clone()).await;
    // The same service, its clock put right: the next try is not ten days away.
    ahead.service.clock.set(NOW);
    assert_eq!(ahead.serve_and_refresh(list).await, Some(Refreshed::Confirmed));
    ahead.service.clock.advance(10 * DAY);
    // A restart with what was kept while the clock was ahead: confirmed now at the latest.
    let document = KeptFolder::new(folder.path().to_owned()).load_now("pids").unwrap().unwrap();
    let from_the_future = pruefstein::app::ports::Kept { confirmed_at: NOW.plus(20 * DAY), ..document };
    KeptFolder::new(folder.path().to_owned()).save_now("pids", &from_the_future).unwrap();
    let right = Scene::keeping(kept(), url());
    assert_eq!(right.service.app.load_kept_lists().await, []);
    let until = right.service.app.trust_lists().standings()[0].usable_until.unwrap();
    assert_eq!(until, NOW.plus(REFRESH + GRACE));
}

#[tokio::test]
async fn lists_of_revoked_certificates_are_read_anew_and_never_taken_back() {
    // X5C-11, case X5C-025: a file that somebody keeps up to date, in a running service.
    use pruefstein::domain::trust::listed::RevocationPlan;
    use pruefstein::domain::x509::revocation::Depth;
    use pruefstein::simulator::revocation::Revoked;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.crl");
    let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
    let list_of = |revoked: Revoked| {
        let [above_leaf, _] = world.authority.revocation_lists(IssuerName::PidGermany, revoked).unwrap();
        above_leaf
    };
    std::fs::write(&file, list_of(Revoked::Nothing)).unwrap();
    let plan = TrustPlan {
        revocation: Some(RevocationPlan { places: vec![Place::File(file.display().to_string())], depth: Depth::Leaf }),
        ..source_plan()
    };
    let scene = Scene::with_plan(Arc::new(KeptInMemory::default()), Place::Url(URL.to_owned()), plan);
    scene.host.set(Mode::Serves(scene.list(1, |_| {})));
    let done = scene.service.app.refresh_trust().await;
    assert!(done.iter().all(|(_, refreshed)| matches!(refreshed, Refreshed::Changed { .. })), "{done:?}");
    // Of the issuer's chain: the signers of status lists need lists of their own.
    let chain = world.authority.issuer(IssuerName::PidGermany).chain;
    let judged = || {
        let trust = scene.service.app.tenants().next().unwrap().trust.current();
        let rule = pruefstein::domain::x509::chain::AnchorInChain::Refuse;
        trust.trust_issuer(&chain, rule, scene.service.clock.now()).map(|_| ()).map_err(|reason| reason.code)
    };
    assert_eq!(judged(), Ok(()));
    // Garbage in its place changes nothing, as long as the good one counts.
    std::fs::write(&file, b"garbage").unwrap();
    scene.service.clock.advance(3_600);
    scene.service.app.refresh_trust().await;
    assert_eq!(judged(), Ok(()));
    std::fs::write(&file, list_of(Revoked::Leaf)).unwrap();
    scene.service.clock.advance(60);
    scene.service.app.refresh_trust().await;
    assert_eq!(judged(), Err(Code::X5cRevoked));
}

/// The sources that a list of PID providers makes, as it was read and then changed.
fn sources_of(
    change: impl FnOnce(&mut pruefstein::domain::trust_list::TrustList),
    countries: &[&str],
) -> Vec<TrustSource> {
    use pruefstein::domain::trust::listed::{HeldList, compose};
    let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
    let writer = ListWriter::new(&world.authority).unwrap();
    let plan = list_plan(&writer, Place::Imported);
    let document = edition(&writer, 1, NOW, |_| {});
    let mut list = pruefstein::domain::trust_list::read(Notation::Lote, &document, plan.rules(None, NOW)).unwrap();
    change(&mut list);
    let held = HeldList { name: "pids".to_owned(), list: Arc::new(list), usable_until: NOW.plus(DAY) };
    let mut plan = source_plan();
    plan.source.countries = countries.iter().map(|country| (*country).to_owned()).collect();
    compose(&[plan], Held { lists: &[held], ..Held::default() }, NOW).sources().to_vec()
}

#[test]
fn where_a_list_names_signers_of_statuses_issuers_are_none() {
    // TSL-28, TL-12: also when no certificate of such a signer could be used.
    use pruefstein::domain::trust::trust_status_signer;
    use pruefstein::domain::x509::chain::AnchorInChain;
    let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
    let issuer = world.authority.issuer(IssuerName::PidGermany).chain;
    let revocation = profile(ListKind::Pid).unwrap().revocation.unwrap();
    let judged = |sources: Vec<TrustSource>| {
        trust_status_signer(&sources[0], &issuer, AnchorInChain::Refuse, NOW).map(|_| ()).map_err(|reason| reason.code)
    };
    let without_certificates = sources_of(
        |list| {
            let signers = list.services.iter_mut().filter(|service| service.service_type == revocation);
            signers.for_each(|service| service.certificates.clear());
        },
        &[],
    );
    assert_eq!(judged(without_certificates), Err(Code::X5cUntrusted));
    // A list without any such service leaves it to the issuers.
    let none_named = sources_of(|list| list.services.retain(|service| service.service_type != revocation), &[]);
    assert_eq!(judged(none_named), Ok(()));
}

#[test]
fn a_source_for_some_countries_takes_their_services_only() {
    // X5C-20, TL-12.
    let all = sources_of(|_| {}, &[]);
    let french = sources_of(|_| {}, &["FR"]);
    assert!(all[0].anchors.len() > french[0].anchors.len());
    let countries = |source: &TrustSource| -> Vec<Option<String>> {
        source.anchors.iter().map(|anchor| anchor.certificate.country.clone()).collect()
    };
    assert_eq!(countries(&french[0]), [Some("FR".to_owned())]);
    assert_eq!(french[0].status_anchors.len(), 1);
}
