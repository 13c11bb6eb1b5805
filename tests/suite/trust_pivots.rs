//! The list of lists of the Union in a running service: pivots that are fetched, missing, forged, kept and imported.

use crate::cli::run;
use crate::fixture::{Folder, SOUND};
use crate::service::{NOW, STATUS_BASE, TestService};
use crate::trust_children::Hosts;
use crate::trust_refresh::{DAY, REFRESH, present, source_plan};
use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::kept::KeptInMemory;
use pruefstein::app::ports::{Clock, Fetch, KeptLists};
use pruefstein::app::refresh_trust::Refreshed;
use pruefstein::app::time_text::rfc3339;
use pruefstein::demo::World;
use pruefstein::demo::world::StatusHostFetch;
use pruefstein::domain::reason::Code;
use pruefstein::domain::trust::listed::{ListUse, TrustPlan};
use pruefstein::domain::trust_list::Notation;
use pruefstein::domain::trust_list::plan::{ListPlan, Place};
use pruefstein::domain::x509::Certificate;
use pruefstein::simulator::authority::{IssuerName, SigningIdentity, TestAuthority, pem};
use pruefstein::simulator::xml_list::{
    GRANTED, LIST_OF_LISTS, NATIONAL_LIST, QUALIFIED_ATTESTATIONS, XmlList, XmlPointer, XmlService, signer,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const LOTL: &str = "https://lists.example/eu-lotl.xml";
const GERMAN: &str = "https://de.example/tl.xml";
const STATUS_SIGNERS: &str = "urn:test:status";

fn pivot_at(number: u64) -> String {
    format!("https://pivots.example/eu-lotl-pivot-{number}.xml")
}

/// The signers of the list of lists, one after the other, and the signer of the German list.
fn signers() -> (Vec<SigningIdentity>, SigningIdentity) {
    let of = |name: String| signer([9; 32], &name, NOW).unwrap();
    ((0..4).map(|number| of(format!("Kommission {number}"))).collect(), of("Deutsche Listenstelle".to_owned()))
}

/// Documents of the list of lists, as they are published.
struct Publisher {
    signers: Vec<SigningIdentity>,
    german: SigningIdentity,
}

impl Publisher {
    fn new() -> Self {
        let (signers, german) = signers();
        Self { signers, german }
    }

    /// Pivot 10, 20, …: signed by the signer before, naming the next, announcing those before it.
    fn pivot(&self, place: usize) -> Vec<u8> {
        let mut list = XmlList::of_lists(&[&self.signers[place + 1]], NOW.minus(3 * DAY));
        list.sequence = 10 * (place as u64 + 1);
        list.addresses = (0..=place as u64).rev().map(|earlier| pivot_at(10 * (earlier + 1))).collect();
        list.signed(&self.signers[place]).unwrap().into_bytes()
    }

    /// The list of lists after this many pivots.
    fn list_of_lists(&self, sequence: u64, pivots: usize) -> Vec<u8> {
        let mut list = XmlList::of_lists(&[&self.signers[pivots]], NOW);
        list.sequence = sequence;
        list.addresses = (0..pivots as u64).rev().map(|place| pivot_at(10 * (place + 1))).collect();
        list.addresses.push("https://eur-lex.example/oj".to_owned());
        list.pointers.push(XmlPointer {
            location: GERMAN.to_owned(),
            list_type: NATIONAL_LIST.to_owned(),
            territory: "DE".to_owned(),
            media_type: "application/vnd.etsi.tsl+xml".to_owned(),
            signers: vec![self.german.chain[0].clone()],
        });
        list.signed(&self.signers[pivots]).unwrap().into_bytes()
    }

    fn german_list(&self, authority: &TestAuthority) -> Vec<u8> {
        let mut list = XmlList::new(authority.issuer_root(IssuerName::PidGermany), NOW);
        let signs = XmlService::new(authority.status_root(IssuerName::PidGermany), NOW.minus(DAY));
        list.services.push(XmlService { service_type: STATUS_SIGNERS.to_owned(), ..signs });
        list.signed(&self.german).unwrap().into_bytes()
    }
}

struct Scene {
    service: TestService,
    hosts: Arc<Hosts>,
    publisher: Publisher,
}

impl Scene {
    fn new() -> Self {
        Self::keeping(Arc::new(KeptInMemory::default()), &["https://pivots.example:443", "https://de.example:443"])
    }

    fn keeping(kept: Arc<dyn KeptLists>, followed: &[&str]) -> Self {
        let publisher = Publisher::new();
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        let german = publisher.german_list(&world.authority);
        let clock = Arc::new(FixedClock::new(NOW));
        let hosts = Arc::new(Hosts {
            documents: Mutex::new(BTreeMap::from([(GERMAN.to_owned(), german)])),
            asked: Mutex::default(),
            status: StatusHostFetch::new(world.status_host, Arc::clone(&clock) as Arc<dyn Clock>),
        });
        let plan = ListPlan {
            name: "lotl".to_owned(),
            notation: Notation::TrustedList,
            place: Place::Url(LOTL.to_owned()),
            signers: vec![Certificate::read(&publisher.signers[0].chain[0]).unwrap()],
            list_type: LIST_OF_LISTS.to_owned(),
            signer_names: false,
            refresh_seconds: REFRESH,
            grace_seconds: 10 * DAY,
            territories: vec!["DE".to_owned()],
            followed_origins: followed.iter().map(|origin| (*origin).to_owned()).collect(),
        };
        let uses = ListUse {
            list: "lotl".to_owned(),
            territories: vec!["DE".to_owned()],
            information: Vec::new(),
            issuance: vec![QUALIFIED_ATTESTATIONS.to_owned()],
            revocation: vec![STATUS_SIGNERS.to_owned()],
            statuses: vec![GRANTED.to_owned()],
        };
        let source = TrustPlan { list: Some(uses), ..source_plan() };
        let fetch = Arc::clone(&hosts) as Arc<dyn Fetch>;
        let service = TestService::with_trust_lists(clock, fetch, vec![plan], kept, vec![source]);
        Self { service, hosts, publisher }
    }

    fn serve(&self, url: &str, document: Vec<u8>) {
        self.hosts.documents.lock().unwrap().insert(url.to_owned(), document);
    }

    fn withdraw(&self, url: &str) {
        self.hosts.documents.lock().unwrap().remove(url);
    }

    fn serve_pivot(&self, place: usize) {
        self.serve(&pivot_at(10 * (place as u64 + 1)), self.publisher.pivot(place));
    }

    /// What became of the list of lists, and what was asked.
    async fn refresh(&self) -> (Result<&'static str, (Code, String)>, Vec<String>) {
        self.service.clock.advance(REFRESH);
        let done = self.service.app.refresh_trust().await;
        let (_, refreshed) = done.into_iter().find(|(name, _)| name == "lotl").unwrap();
        let outcome = match refreshed {
            Refreshed::Failed(reason) => Err((reason.code, reason.detail.into_owned())),
            other => Ok(other.outcome()),
        };
        (outcome, std::mem::take(&mut *self.hosts.asked.lock().unwrap()))
    }

    /// The start of a presentation with its end; the lists stand in another order than where there is one.
    async fn verifies(&self) -> bool {
        let created = self.service.create_preset("bewohnerparken").await;
        self.service.answer(&created, self.service.options()).await;
        self.service.status(&created).await == "verified"
    }
}

#[tokio::test]
async fn pivots_are_fetched_once_and_lead_to_the_signers_of_now() {
    // TL-04, case TRU-016.
    let scene = Scene::new();
    scene.serve(LOTL, scene.publisher.list_of_lists(100, 2));
    scene.serve_pivot(0);
    scene.serve_pivot(1);
    let (outcome, asked) = scene.refresh().await;
    assert_eq!(outcome, Ok("changed"));
    assert_eq!(asked, [LOTL.to_owned(), pivot_at(10), pivot_at(20), GERMAN.to_owned()]);
    assert!(scene.verifies().await);
    // The next edition has one pivot more; the others were kept.
    scene.serve(LOTL, scene.publisher.list_of_lists(101, 3));
    scene.serve_pivot(2);
    let (outcome, asked) = scene.refresh().await;
    assert_eq!(outcome, Ok("changed"));
    assert_eq!(asked, [LOTL.to_owned(), pivot_at(30), GERMAN.to_owned()]);
    // One that announces fewer would give a signer back what a pivot took from it.
    scene.serve(LOTL, scene.publisher.list_of_lists(102, 2));
    let (outcome, _) = scene.refresh().await;
    assert!(matches!(outcome, Err((Code::TrustListSignatureInvalid, detail)) if detail.contains("pivots")));
    assert!(scene.verifies().await, "what was good stays");
}

#[tokio::test]
async fn while_a_pivot_is_missing_or_forged_nothing_changes() {
    // case TRU-016: at the start nothing is in force, and whatever was good stays there.
    let scene = Scene::new();
    scene.serve(LOTL, scene.publisher.list_of_lists(100, 2));
    scene.serve_pivot(0);
    let unavailable = || (503, Some("trust_unavailable".to_owned()));
    let started = async || {
        let (status, code) = present(&scene.service).await;
        (status.trim_start_matches("not started, ").parse::<u16>().unwrap(), code)
    };
    let forged = || {
        let mut list = XmlList::of_lists(&[&scene.publisher.german], NOW.minus(3 * DAY));
        list.sequence = 20;
        list.addresses = vec![pivot_at(20), pivot_at(10)];
        list.signed(&scene.publisher.german).unwrap().into_bytes()
    };
    for (document, code) in [
        (None, Code::TrustUnavailable),
        (Some(b"<html/>".to_vec()), Code::TrustListMalformed),
        (Some(forged()), Code::TrustListSignatureInvalid),
        (Some(scene.publisher.pivot(0)), Code::TrustListSignatureInvalid),
    ] {
        match document {
            Some(document) => scene.serve(&pivot_at(20), document),
            None => scene.withdraw(&pivot_at(20)),
        }
        let (outcome, asked) = scene.refresh().await;
        assert_eq!(outcome.unwrap_err().0, code);
        assert!(asked.contains(&pivot_at(20)) && !asked.contains(&GERMAN.to_owned()), "{asked:?}");
        assert_eq!(started().await, unavailable());
    }
    // Nothing of that was kept: the true one is fetched and followed.
    scene.serve_pivot(1);
    let (outcome, asked) = scene.refresh().await;
    assert_eq!((outcome, asked.contains(&pivot_at(10))), (Ok("changed"), false));
    assert!(scene.verifies().await);
    scene.serve(LOTL, scene.publisher.list_of_lists(101, 3));
    scene.serve(&pivot_at(30), forged());
    assert_eq!(scene.refresh().await.0.unwrap_err().0, Code::TrustListSignatureInvalid);
    assert!(scene.verifies().await);
}

#[tokio::test]
async fn a_pivot_is_asked_for_only_where_the_configuration_allows_it() {
    // SSRF through the announcements of a list, which are read before its signature is known to be good.
    let scene = Scene::keeping(Arc::new(KeptInMemory::default()), &["https://de.example:443"]);
    scene.serve(LOTL, scene.publisher.list_of_lists(100, 1));
    scene.serve_pivot(0);
    let (outcome, asked) = scene.refresh().await;
    assert!(matches!(outcome, Err((Code::TrustUnavailable, detail)) if detail.contains("followed_hosts")));
    assert_eq!(asked, [LOTL]);
}

#[tokio::test]
async fn a_restart_follows_the_kept_pivots_without_a_network() {
    let kept = Arc::new(KeptInMemory::default());
    let followed = ["https://pivots.example:443", "https://de.example:443"];
    let first = Scene::keeping(Arc::clone(&kept) as Arc<dyn KeptLists>, &followed);
    first.serve(LOTL, first.publisher.list_of_lists(100, 2));
    first.serve_pivot(0);
    first.serve_pivot(1);
    assert_eq!(first.refresh().await.0, Ok("changed"));
    let second = Scene::keeping(kept as Arc<dyn KeptLists>, &followed);
    second.service.clock.advance(REFRESH);
    assert_eq!(second.service.app.load_kept_lists().await, []);
    assert!(second.verifies().await);
}

const IMPORTED: &str = r#"
[trust_data]
folder = "lists"

[[trust_list]]
name = "lotl"
notation = "ts_119_612"
signers = ["commission.pem"]
type = "http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUlistofthelists"
signer_names = "not_checked"
territories = ["DE"]
followed_hosts = ["de.example"]

[[trust]]
name = "qualified"
purpose = "qeaa_provider"
types = ["urn:stadt:diplom:1"]
list = "lotl"
services = ["http://uri.etsi.org/TrstSvc/Svctype/EAA/Q"]
status_hosts = ["status.example"]
"#;

#[test]
fn a_list_of_lists_is_imported_with_its_pivots() {
    // Sites without a way out; case TRU-016.
    let publisher = Publisher::new();
    let folder = Folder::new();
    std::fs::create_dir(folder.path("lists")).unwrap();
    folder.write("commission.pem", &pem(&publisher.signers[0].chain[0]));
    folder.write("pruefstein.toml", &format!("{SOUND}{IMPORTED}"));
    let write = |name: &str, document: &[u8]| std::fs::write(folder.path(name), document).unwrap();
    write("lotl.xml", &publisher.list_of_lists(100, 2));
    write("eu-lotl-pivot-10.xml", &publisher.pivot(0));
    write("eu-lotl-pivot-20.xml", &publisher.pivot(1));
    let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
    write("german.xml", &publisher.german_list(&world.authority));
    let (config, at) = (folder.path("pruefstein.toml").display().to_string(), rfc3339(NOW));
    let trust = |action: &str, rest: &[&str]| {
        let paths: Vec<String> = rest
            .iter()
            .map(|word| match folder.path(word) {
                path if path.is_file() => path.display().to_string(),
                _ => (*word).to_owned(),
            })
            .collect();
        let mut arguments = vec!["trust", action];
        arguments.extend(paths.iter().map(String::as_str));
        arguments.extend(["--config", &config, "--at", &at]);
        run(&arguments, b"")
    };
    let lotl: &[&str] = &["lotl.xml", "--list", "lotl"];
    let ran = trust("import", lotl);
    assert!(ran.exit == 2 && [10, 20].iter().all(|number| ran.err.contains(&pivot_at(*number))), "{}", ran.err);
    let ran = trust("import", &[lotl, &["--pivot", "eu-lotl-pivot-10.xml"]].concat());
    assert!(ran.exit == 2 && !ran.err.contains(&pivot_at(10)) && ran.err.contains(&pivot_at(20)), "{}", ran.err);
    let stray = trust("import", &[lotl, &["--pivot", "german.xml"]].concat());
    assert!(stray.exit == 2 && stray.err.contains("german.xml"), "{}", stray.err);
    assert_eq!(std::fs::read_dir(folder.path("lists")).unwrap().count(), 0, "nothing is kept of what was refused");
    // A forged pivot under the right name.
    write("eu-lotl-pivot-20.xml", &publisher.pivot(0));
    let both: &[&str] = &["--pivot", "eu-lotl-pivot-20.xml", "--pivot", "eu-lotl-pivot-10.xml"];
    let ran = trust("import", &[lotl, both].concat());
    assert!(ran.exit == 1 && ran.err.contains("trust_list_signature_invalid"), "{}{}", ran.out, ran.err);
    assert_eq!(std::fs::read_dir(folder.path("lists")).unwrap().count(), 0);
    write("eu-lotl-pivot-20.xml", &publisher.pivot(1));
    let ran = trust("import", &[lotl, both].concat());
    assert!(ran.exit == 0 && ran.out.contains("number 100"), "{}{}", ran.out, ran.err);
    // The German list is imported as well, by the signers that the other one names; nothing of it is fetched.
    let ran = trust("import", &["german.xml", "--list", "lotl/DE"]);
    assert_eq!(ran.exit, 0, "{}{}", ran.out, ran.err);
    assert!(!trust("hosts", &[]).out.contains("de.example"));
    let ran = trust("list", &[]);
    assert!(ran.exit == 0 && ran.out.contains("qualified/DE") && ran.out.contains("anchor"), "{}{}", ran.out, ran.err);
    // A later edition needs only what is new.
    write("lotl.xml", &publisher.list_of_lists(101, 3));
    write("eu-lotl-pivot-30.xml", &publisher.pivot(2));
    let ran = trust("import", &[lotl, &["--pivot", "eu-lotl-pivot-30.xml"]].concat());
    assert!(ran.exit == 0 && ran.out.contains("number 101"), "{}{}", ran.out, ran.err);
    // What is written out is what came in, byte for byte.
    let ran = trust("export", &["lotl"]);
    assert_eq!(ran.out.into_bytes(), publisher.list_of_lists(101, 3));
}
