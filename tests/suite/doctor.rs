//! The doctor before broken installations: each is broken in one way, and exactly that is named.

mod registration;

use crate::cli::run;
use crate::database::Cluster;
use crate::fixture::{Folder, NOW, Root, SOUND, leaf, leaf_with, root, root_params};
use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::kept::KeptFolder;
use pruefstein::adapters::machine::ThisMachine;
use pruefstein::adapters::store::postgres::{Probe, probe};
use pruefstein::adapters::store::sqlite::{Options, SqliteStore};
use pruefstein::app::ports::{
    AddressState, Fetch, FetchError, FetchRequest, FetchResponse, Kept, Machine, Pending, StoreState, Validators,
};
use pruefstein::app::refresh_revocation::kept_name;
use pruefstein::cli::Exit;
use pruefstein::cli::doctor::{Surroundings, database, examine, exit, show};
use pruefstein::config::Environment;
use pruefstein::config::survey::survey;
use pruefstein::domain::diagnosis::{Diagnosis, FindingCode, Severity};
use pruefstein::domain::time::UnixSeconds;
use pruefstein::simulator::authority::{TestAuthority, pem};
use pruefstein::simulator::trust_list::{ListDraft, ListFault, ListOf, ListWriter};
use rcgen::{CertifiedIssuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;

const DAY: i64 = 86_400;
const LIST: &str = "https://lists.example/pids";
const STATUS: &str = "https://status.example:443/";
const PUBLIC: &str = "https://verifier.example:443/";
const READY: &str = "http://127.0.0.1:9090/health/ready";

/// What is sound: certificates that lead to a known authority, a list that is kept and served, hosts that answer.
const LISTS: &str = r#"
[[trust]]
name = "access-authorities"
purpose = "access_certificate_authority"
anchors = ["access-root.pem"]

[trust_data]
folder = "lists"

[[trust_list]]
name = "pids"
url = "https://lists.example/pids"
signers = ["list-signer.pem"]
type = "http://uri.etsi.org/19602/LoTEType/EUPIDProvidersList"

[[trust]]
name = "eu-pids"
purpose = "pid_provider"
types = ["urn:eudi:pid:1"]
list = "pids"
status_hosts = ["status.example"]
"#;

type Answers = BTreeMap<String, Result<(u16, Vec<u8>), FetchError>>;

/// Answers by address; whatever is not among them is 404. Every host knows what time it is.
struct Hosts {
    answers: Answers,
    time: Option<UnixSeconds>,
}

impl Fetch for Hosts {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        let url = url::Url::parse(&request.url).unwrap();
        let origin = format!("{}://{}:{}", url.scheme(), url.host_str().unwrap(), url.port_or_known_default().unwrap());
        assert!(request.allowed_hosts.contains(&origin), "{origin} is asked and not allowed");
        let answer = self.answers.get(&request.url).cloned().unwrap_or(Ok((404, Vec::new())));
        let answer = answer.map(|(status, body)| FetchResponse {
            status,
            content_type: None,
            max_age: None,
            validators: Validators::default(),
            date: self.time,
            body,
        });
        Box::pin(async move { answer })
    }
}

/// The files of this machine, with addresses and disks as a test wants them.
struct Fake {
    taken: Vec<&'static str>,
    unusable: &'static str,
    unwritable: &'static str,
    free: u64,
    store: Option<StoreState>,
}

impl Machine for Fake {
    fn address(&self, address: SocketAddr) -> AddressState {
        let address = address.to_string();
        if address == self.unusable {
            return AddressState::Unusable("Cannot assign requested address".to_owned());
        }
        if self.taken.contains(&address.as_str()) { AddressState::Taken } else { AddressState::Free }
    }

    fn can_write(&self, folder: &Path) -> Result<(), String> {
        if folder.ends_with(self.unwritable) { Err("Permission denied".to_owned()) } else { Ok(()) }
    }

    fn free_bytes(&self, _: &Path) -> Option<u64> {
        Some(self.free)
    }

    fn store(&self, path: &Path) -> StoreState {
        self.store.clone().unwrap_or_else(|| ThisMachine.store(path))
    }
}

/// A sound installation, which tests break.
struct Scene {
    folder: Folder,
    writer: ListWriter,
    text: String,
    hosts: Hosts,
    machine: Fake,
    offline: bool,
}

impl Scene {
    fn new() -> Self {
        let folder = Folder::new();
        let writer = ListWriter::new(&TestAuthority::from_seed([7; 32], NOW).unwrap()).unwrap();
        folder.write("access-root.pem", &folder.access_root.pem());
        folder.write("list-signer.pem", &pem(writer.signer()));
        std::fs::create_dir(folder.path("lists")).unwrap();
        let hosts = Hosts { answers: BTreeMap::new(), time: Some(NOW) };
        let machine = Fake { taken: Vec::new(), unusable: "", unwritable: "nowhere", free: 1 << 40, store: None };
        let mut scene = Self { folder, writer, text: format!("{SOUND}{LISTS}"), hosts, machine, offline: false };
        let list = scene.list(7, |_| {});
        scene.keep(&list);
        scene.serve(&list);
        scene
    }

    fn list(&self, number: u64, change: impl FnOnce(&mut ListDraft)) -> Vec<u8> {
        let mut draft = self.writer.draft(ListOf::Pid);
        draft.sequence = number;
        draft.issued_at = NOW.minus(DAY);
        draft.next_update = Some(NOW.plus(90 * DAY));
        change(&mut draft);
        self.writer.write(&draft).unwrap().into_bytes()
    }

    fn keep(&self, list: &[u8]) {
        self.keep_confirmed_at(list, NOW.minus(600));
    }

    fn keep_confirmed_at(&self, list: &[u8], confirmed_at: UnixSeconds) {
        let kept = Kept { document: list.to_vec(), confirmed_at, validators: Validators::default() };
        KeptFolder::new(self.folder.path("lists")).save_now("pids", &kept).unwrap();
    }

    fn serve(&mut self, list: &[u8]) {
        self.answer(LIST, Ok((200, list.to_vec())));
    }

    fn answer(&mut self, url: &str, answer: Result<(u16, Vec<u8>), FetchError>) {
        self.hosts.answers.insert(url.to_owned(), answer);
    }

    fn replace(&mut self, from: &str, to: &str) {
        assert!(self.text.contains(from), "{from} is not in the configuration");
        self.text = self.text.replace(from, to);
    }

    /// An access certificate below an intermediate: leaf and intermediate in PEM.
    fn with_intermediate(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let intermediate =
            CertifiedIssuer::signed_by(root_params("Access Intermediate"), key, &self.folder.access_root).unwrap();
        let (certificate, key) = leaf(&intermediate, "Stadt Beispiel", &["verifier.example"]);
        self.folder.write_private("access.key", &key.serialize_pem());
        (certificate.pem(), intermediate.pem())
    }

    fn examine(&self) -> Diagnosis {
        self.folder.write("pruefstein.toml", &self.text);
        let survey = survey(&self.folder.path("pruefstein.toml"), &Environment::default(), NOW);
        let clock = FixedClock::new(NOW);
        let around = Surroundings { clock: &clock, fetch: &self.hosts, machine: &self.machine, offline: self.offline };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(examine(&survey, around, NOW))
    }
}

/// The codes of everything worse than a note.
fn codes(diagnosis: &Diagnosis) -> BTreeSet<&'static str> {
    let worse = diagnosis.findings.iter().filter(|finding| finding.severity > Severity::Note);
    worse.map(|finding| finding.code.as_str()).collect()
}

fn has(diagnosis: &Diagnosis, code: FindingCode, severity: Severity) -> bool {
    diagnosis.findings.iter().any(|finding| finding.code == code && finding.severity == severity)
}

#[test]
fn a_sound_installation_has_nothing_worse_than_a_note() {
    let diagnosis = Scene::new().examine();
    assert_eq!(codes(&diagnosis), BTreeSet::new(), "{}", show::text(&diagnosis, NOW));
    assert_eq!(exit(diagnosis.verdict()), Exit::Done);
    for code in [
        FindingCode::ConfigAccepted,
        FindingCode::AccessKeyFits,
        FindingCode::AccessChainSound,
        FindingCode::ClientIdComputed,
        FindingCode::TrustSourceSound,
        FindingCode::TrustListSound,
        FindingCode::HostReached,
        FindingCode::PublicUrlReached,
        FindingCode::ClockFits,
        FindingCode::StoreSound,
        FindingCode::ServiceNotRunning,
    ] {
        assert!(has(&diagnosis, code, Severity::Ok), "{code} in {}", show::text(&diagnosis, NOW));
    }
    assert!(!Scene::new().folder.path("store.sqlite3").exists(), "looking makes no store");
}

type Break = fn(&mut Scene);

/// Each installation is broken in one way.
const BROKEN: &[(&str, Break, &str, Exit)] = &[
    ("the key of somebody else", other_key, "access_key_mismatch", Exit::WrongUse),
    ("the chain shuffled", shuffled, "access_chain_order", Exit::WrongUse),
    ("the intermediate missing", no_intermediate, "access_chain_incomplete", Exit::Refused),
    ("the root in the chain", root_in_chain, "access_anchor_in_chain", Exit::WrongUse),
    ("a stranger in the chain", stranger_in_chain, "access_chain_unrelated", Exit::WrongUse),
    ("same names, other keys", other_authority, "access_chain_broken", Exit::Refused),
    ("a certificate signed by itself", self_signed, "access_certificate_self_signed", Exit::WrongUse),
    ("a certificate for another host", other_host, "client_id_san_mismatch", Exit::WrongUse),
    ("ten days left", ten_days, "certificate_ends_soon", Exit::Refused),
    ("an expired certificate", expired, "certificate_expired", Exit::WrongUse),
    ("an expired anchor", expired_anchor, "trust_anchor_expired", Exit::Refused),
    ("a certificate from next month on", next_month, "certificate_not_yet_valid", Exit::WrongUse),
    ("a certificate that signs nothing", for_encipherment, "access_certificate_weak", Exit::Refused),
    ("more certificates than wallets take", too_many, "access_chain_too_long", Exit::WrongUse),
    ("an intermediate twice", twice, "access_chain_unrelated", Exit::WrongUse),
    ("an anchor with ten days left", anchor_ends, "trust_anchor_ends_soon", Exit::Refused),
    ("an address of another machine", elsewhere, "address_unusable", Exit::OutOfReach),
    ("a list whose time has passed", list_over, "trust_list_old", Exit::Refused),
    ("no list of revoked certificates", no_crl, "revocation_list_absent", Exit::Refused),
    ("an old list of revoked certificates", old_crl, "revocation_list_old", Exit::Refused),
    ("something else than a list of revoked certificates", other_crl, "revocation_list_malformed", Exit::Refused),
    ("a list that nobody imported", not_imported, "trust_list_absent", Exit::Refused),
    ("a list rolled back", rolled_back, "trust_list_rollback", Exit::Refused),
    ("the kept file damaged", damaged, "trust_list_damaged", Exit::Refused),
    ("a list signed by another key", other_signer, "trust_list_signature", Exit::Refused),
    ("a list of another type", other_list, "trust_list_malformed", Exit::Refused),
    ("a list not confirmed for weeks", unconfirmed, "trust_list_old", Exit::Refused),
    ("a list in its last week", list_ends, "trust_list_ends_soon", Exit::Refused),
    ("a host without the list", list_gone, "trust_list_not_served", Exit::Refused),
    ("a source that takes nothing from its list", empty_source, "trust_source_empty", Exit::Refused),
    ("the status host down", status_down, "host_unreachable", Exit::OutOfReach),
    ("TLS to the host of the list wrong", list_tls, "host_tls", Exit::Refused),
    ("the status host in a private network", status_inside, "host_blocked", Exit::OutOfReach),
    ("the clock ten minutes off", clock_off, "clock_off", Exit::Refused),
    ("something else in the place of the store", no_store, "store_unusable", Exit::OutOfReach),
    ("a folder without rights", unwritable, "folder_not_writable", Exit::OutOfReach),
    ("a full disk", full, "space_low", Exit::Refused),
    ("another program on the address", taken, "address_taken", Exit::OutOfReach),
    ("a service that is not ready", not_ready, "service_not_ready", Exit::Refused),
    ("a registration with ten days left", registration::ends, "registration_ends_soon", Exit::Refused),
    ("a registrar that is not on its list", registration::unlisted, "registration_not_in_force", Exit::Refused),
    ("a preset that asks for more", registration::asks_more, "preset_not_registered", Exit::Refused),
    ("a gateway without its service", bad_gateway, "public_url_not_reachable", Exit::Refused),
];

#[test]
fn each_broken_installation_is_called_by_its_name() {
    let mut differences = Vec::new();
    for (name, make, code, exits) in BROKEN {
        let mut scene = Scene::new();
        make(&mut scene);
        let diagnosis = scene.examine();
        let found = codes(&diagnosis);
        if found != BTreeSet::from([*code]) || exit(diagnosis.verdict()) != *exits {
            differences.push(format!(
                "{name}: expected {code}, found {found:?}, {:?}\n{}",
                exit(diagnosis.verdict()),
                show::text(&diagnosis, NOW)
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

fn other_key(scene: &mut Scene) {
    scene.folder.write_private("access.key", &KeyPair::generate().unwrap().serialize_pem());
}

fn shuffled(scene: &mut Scene) {
    let (leaf, intermediate) = scene.with_intermediate();
    scene.folder.write("access.pem", &format!("{intermediate}{leaf}"));
}

fn no_intermediate(scene: &mut Scene) {
    let (leaf, _) = scene.with_intermediate();
    scene.folder.write("access.pem", &leaf);
}

fn root_in_chain(scene: &mut Scene) {
    let (leaf, intermediate) = scene.with_intermediate();
    scene.folder.write("access.pem", &format!("{leaf}{intermediate}{}", scene.folder.access_root.pem()));
}

fn stranger_in_chain(scene: &mut Scene) {
    let own = std::fs::read_to_string(scene.folder.path("access.pem")).unwrap();
    let (stranger, _) = leaf(&scene.folder.access_root, "Somebody Else", &["else.example"]);
    scene.folder.write("access.pem", &format!("{own}{}", stranger.pem()));
}

fn other_authority(scene: &mut Scene) {
    scene.folder.write("access-root.pem", &root("Access CA").pem());
}

fn self_signed(scene: &mut Scene) {
    let key = KeyPair::generate().unwrap();
    let certificate = crate::fixture::params("Stadt Beispiel").self_signed(&key).unwrap();
    scene.folder.write("access.pem", &certificate.pem());
    scene.folder.write_private("access.key", &key.serialize_pem());
}

fn other_host(scene: &mut Scene) {
    scene.replace("https://verifier.example", "https://other.example");
    scene.replace("[tenant]", "[tenant]\nprofile = \"openid4vp\"\nclient_id_prefix = \"x509_san_dns\"");
}

fn access_until(scene: &Scene, month: u8, day: u8) {
    access_with(scene, |params| params.not_after = date_time_ymd(2027, month, day));
}

fn access_with(scene: &Scene, change: impl FnOnce(&mut rcgen::CertificateParams)) {
    let (certificate, key) = leaf_with(&scene.folder.access_root, "Stadt Beispiel", &["verifier.example"], change);
    scene.folder.write("access.pem", &certificate.pem());
    scene.folder.write_private("access.key", &key.serialize_pem());
}

fn ten_days(scene: &mut Scene) {
    access_until(scene, 1, 25);
}

fn expired(scene: &mut Scene) {
    access_until(scene, 1, 14);
}

fn next_month(scene: &mut Scene) {
    let change = |params: &mut rcgen::CertificateParams| params.not_before = date_time_ymd(2027, 2, 1);
    access_with(scene, change);
}

fn for_encipherment(scene: &mut Scene) {
    access_with(scene, |params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
}

fn too_many(scene: &mut Scene) {
    let below = |name: &str, above: &Root| {
        CertifiedIssuer::signed_by(root_params(name), KeyPair::generate().unwrap(), above).unwrap()
    };
    let mut authorities = vec![below("Access 0", &scene.folder.access_root)];
    for level in 1..5 {
        let next = below(&format!("Access {level}"), authorities.last().unwrap());
        authorities.push(next);
    }
    let (certificate, key) = leaf(authorities.last().unwrap(), "Stadt Beispiel", &["verifier.example"]);
    let above: String = authorities.iter().rev().map(CertifiedIssuer::pem).collect();
    scene.folder.write("access.pem", &format!("{}{above}", certificate.pem()));
    scene.folder.write_private("access.key", &key.serialize_pem());
}

fn twice(scene: &mut Scene) {
    let (leaf, intermediate) = scene.with_intermediate();
    scene.folder.write("access.pem", &format!("{leaf}{intermediate}{intermediate}"));
}

fn anchor_ends(scene: &mut Scene) {
    let mut params = root_params("Old PID CA");
    params.not_after = date_time_ymd(2027, 1, 25);
    let old = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    scene.folder.write("anchors/pid.pem", &old.pem());
}

fn elsewhere(scene: &mut Scene) {
    scene.machine.unusable = "127.0.0.1:9090";
}

fn list_over(scene: &mut Scene) {
    let list = scene.list(7, |draft| {
        draft.issued_at = NOW.minus(30 * DAY);
        draft.next_update = Some(NOW);
    });
    scene.keep(&list);
    scene.serve(&list);
}

fn expired_anchor(scene: &mut Scene) {
    let mut params = root_params("Old PID CA");
    params.not_after = date_time_ymd(2026, 12, 1);
    let old = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    scene.folder.write("anchors/pid.pem", &old.pem());
}

const CRL: &str = "https://crl.example/pid.crl";

/// A list of revoked certificates that counts until so many days from now, at an address or in a file.
fn with_crl(scene: &mut Scene, place: &str, days: i64) -> Vec<u8> {
    let moment = |days: i64| {
        let since = std::time::Duration::from_secs(u64::try_from(NOW.plus(days * DAY).0).unwrap());
        date_time_ymd(1970, 1, 1) + since
    };
    let params = rcgen::CertificateRevocationListParams {
        this_update: moment(-30),
        next_update: moment(days),
        crl_number: rcgen::SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    scene.replace("anchors = [\"anchors\"]", &format!("anchors = [\"anchors\"]\nrevocation_lists = [\"{place}\"]"));
    params.signed_by(&scene.folder.issuer_root).unwrap().der().to_vec()
}

fn keep_crl(scene: &Scene, list: &[u8]) {
    let kept = Kept { document: list.to_vec(), confirmed_at: NOW, validators: Validators::default() };
    KeptFolder::new(scene.folder.path("lists")).save_now(&kept_name(CRL), &kept).unwrap();
}

fn no_crl(scene: &mut Scene) {
    with_crl(scene, CRL, 7);
    scene.offline = true;
}

fn old_crl(scene: &mut Scene) {
    let list = with_crl(scene, "pid.crl", -1);
    std::fs::write(scene.folder.path("pid.crl"), list).unwrap();
}

fn other_crl(scene: &mut Scene) {
    let list = with_crl(scene, CRL, 7);
    keep_crl(scene, &list);
    scene.answer(CRL, Ok((200, b"<html>".to_vec())));
}

fn good_crl(scene: &mut Scene) {
    let list = with_crl(scene, CRL, 7);
    keep_crl(scene, &list);
    scene.answer(CRL, Ok((200, list)));
}

/// None is kept, but one is served.
fn first_crl(scene: &mut Scene) {
    let list = with_crl(scene, CRL, 7);
    scene.answer(CRL, Ok((200, list)));
}

fn not_imported(scene: &mut Scene) {
    scene.replace("url = \"https://lists.example/pids\"\n", "");
    std::fs::remove_file(scene.folder.path("lists/pids.kept")).unwrap();
}

fn rolled_back(scene: &mut Scene) {
    let old = scene.list(6, |_| {});
    scene.serve(&old);
}

fn damaged(scene: &mut Scene) {
    scene.folder.write("lists/pids.kept", "no line of JSON");
}

fn other_signer(scene: &mut Scene) {
    let foreign = scene.writer.faulty(ListFault::OtherSigner).unwrap();
    scene.keep(&foreign);
    scene.serve(&foreign);
}

fn other_list(scene: &mut Scene) {
    scene.replace("LoTEType/EUPIDProvidersList", "LoTEType/EUPubEAAProvidersList");
    scene
        .replace("list = \"pids\"", "list = \"pids\"\nservices = [\"http://uri.etsi.org/19602/SvcType/PID/Issuance\"]");
}

fn unconfirmed(scene: &mut Scene) {
    let list = scene.list(7, |_| {});
    scene.keep_confirmed_at(&list, NOW.minus(21 * DAY));
    scene.offline = true;
}

fn list_ends(scene: &mut Scene) {
    let list = scene.list(7, |draft| {
        draft.issued_at = NOW.minus(80 * DAY);
        draft.next_update = Some(NOW.plus(6 * DAY));
    });
    scene.keep(&list);
    scene.serve(&list);
}

fn list_gone(scene: &mut Scene) {
    scene.answer(LIST, Ok((404, b"<html>".to_vec())));
}

fn empty_source(scene: &mut Scene) {
    let list = scene.list(8, |draft| draft.entities.clear());
    scene.keep(&list);
    scene.serve(&list);
}

fn status_down(scene: &mut Scene) {
    scene.answer(STATUS, Err(FetchError::Unreachable("connection refused".to_owned())));
}

fn list_tls(scene: &mut Scene) {
    scene.answer(LIST, Err(FetchError::Tls("invalid peer certificate: UnknownIssuer".to_owned())));
}

fn status_inside(scene: &mut Scene) {
    scene.answer(STATUS, Err(FetchError::Blocked));
}

fn clock_off(scene: &mut Scene) {
    scene.hosts.time = Some(NOW.minus(600));
}

fn no_store(scene: &mut Scene) {
    scene.folder.write("store.sqlite3", "something else, and long enough to be looked at by a database");
}

fn unwritable(scene: &mut Scene) {
    scene.machine.unwritable = "lists";
}

fn full(scene: &mut Scene) {
    scene.machine.free = 1 << 20;
}

fn taken(scene: &mut Scene) {
    scene.machine.taken = vec!["127.0.0.1:8080"];
}

fn running(scene: &mut Scene, ready: &str) {
    scene.machine.taken = vec!["127.0.0.1:8080", "127.0.0.1:9090"];
    scene.answer(READY, Ok((200, ready.as_bytes().to_vec())));
}

fn not_ready(scene: &mut Scene) {
    let check = r#"{"check": "store", "outcome": "failed", "code": "storage_full", "detail": "no space"}"#;
    running(scene, &format!("{{\"ready\": false, \"checks\": [{check}], \"notes\": []}}"));
}

fn bad_gateway(scene: &mut Scene) {
    running(scene, r#"{"ready": true, "checks": [], "notes": []}"#);
    scene.answer(PUBLIC, Ok((502, Vec::new())));
}

#[test]
fn a_running_service_is_found_and_its_store_left_alone() {
    let mut scene = Scene::new();
    running(&mut scene, r#"{"ready": true, "checks": [{"check": "store", "outcome": "passed"}], "notes": []}"#);
    let store = SqliteStore::open(&scene.folder.path("store.sqlite3"), &Options::default()).unwrap();
    let diagnosis = scene.examine();
    drop(store);
    assert_eq!(codes(&diagnosis), BTreeSet::new(), "{}", show::text(&diagnosis, NOW));
    assert!(has(&diagnosis, FindingCode::ServiceReady, Severity::Ok));
    assert!(has(&diagnosis, FindingCode::StoreLocked, Severity::Note));
    // Somebody else at the place of the operations listener is not taken for the service.
    for body in ["{}", "<html>", r#"{"ready": "yes", "checks": []}"#] {
        running(&mut scene, body);
        assert_eq!(codes(&scene.examine()), BTreeSet::from(["address_taken"]), "{body}");
    }
}

#[test]
fn every_fault_of_a_refused_configuration_is_shown_and_the_rest_goes_on() {
    let mut scene = Scene::new();
    scene.replace("[tenant]", "[tenant]\ncolour = \"blue\"\nscheme = \"ftp\"");
    clock_off(&mut scene);
    let diagnosis = scene.examine();
    let refused: Vec<&str> = diagnosis
        .findings
        .iter()
        .filter(|finding| finding.code == FindingCode::ConfigRefused)
        .map(|finding| finding.about.as_str())
        .collect();
    assert_eq!(refused, ["tenant.colour", "tenant.scheme"]);
    assert_eq!(codes(&diagnosis), BTreeSet::from(["clock_off", "config_refused"]));
    assert!(has(&diagnosis, FindingCode::AccessChainSound, Severity::Ok));
    assert!(has(&diagnosis, FindingCode::TrustListSound, Severity::Ok));
    assert_eq!(exit(diagnosis.verdict()), Exit::WrongUse);
    // No file, no TOML: the machine cannot be judged, and that is said.
    for text in ["[tenant\n", ""] {
        scene.text = text.to_owned();
        let diagnosis = scene.examine();
        assert!(codes(&diagnosis).contains("config_refused"), "{text}");
        assert_eq!(exit(diagnosis.verdict()), Exit::WrongUse);
    }
}

#[test]
fn a_list_that_can_be_fetched_need_not_be_there_yet() {
    let scene = Scene::new();
    std::fs::remove_file(scene.folder.path("lists/pids.kept")).unwrap();
    let diagnosis = scene.examine();
    assert_eq!(codes(&diagnosis), BTreeSet::new(), "{}", show::text(&diagnosis, NOW));
    assert!(has(&diagnosis, FindingCode::TrustListAbsent, Severity::Note));
    assert!(!scene.folder.path("lists/pids.kept").exists(), "nothing is kept by looking");
    // Nobody to fetch it from: an error, and its reason beside it.
    let mut scene = scene;
    scene.answer(LIST, Err(FetchError::Timeout));
    assert_eq!(codes(&scene.examine()), BTreeSet::from(["host_unreachable", "trust_list_absent"]));
}

#[test]
fn without_known_authorities_the_chain_is_only_said_to_be_unchecked() {
    let mut scene = Scene::new();
    let begin = scene.text.find("[[trust]]\nname = \"access-authorities\"").unwrap();
    let end = scene.text.find("[trust_data]").unwrap();
    scene.text.replace_range(begin..end, "");
    let diagnosis = scene.examine();
    assert_eq!(codes(&diagnosis), BTreeSet::new());
    assert!(has(&diagnosis, FindingCode::AccessChainUnchecked, Severity::Note));
}

#[test]
fn offline_nobody_is_asked() {
    struct Nobody;
    impl Fetch for Nobody {
        fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
            panic!("{} was asked", request.url);
        }
    }
    let scene = Scene::new();
    scene.folder.write("pruefstein.toml", &scene.text);
    let survey = survey(&scene.folder.path("pruefstein.toml"), &Environment::default(), NOW);
    let clock = FixedClock::new(NOW);
    let around = Surroundings { clock: &clock, fetch: &Nobody, machine: &scene.machine, offline: true };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let diagnosis = runtime.block_on(examine(&survey, around, NOW));
    assert_eq!(codes(&diagnosis), BTreeSet::new());
    assert!(has(&diagnosis, FindingCode::HostsSkipped, Severity::Note));
}

#[test]
fn ends_are_judged_by_the_time_that_is_given() {
    // REQ-017: louder with each step.
    for (day, severity) in [
        ((4, 10), None),
        ((3, 10), Some(Severity::Note)),
        ((2, 10), Some(Severity::Warning)),
        ((1, 20), Some(Severity::Error)),
    ] {
        let scene = Scene::new();
        access_until(&scene, day.0, day.1);
        let diagnosis = scene.examine();
        let found = diagnosis.findings.iter().find(|finding| finding.code == FindingCode::CertificateEndsSoon);
        assert_eq!(found.map(|finding| finding.severity), severity, "{day:?}");
    }
}

/// An address where nobody listens now.
fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[test]
fn the_command_prints_for_people_and_for_programs() {
    let scene = Scene::new();
    let addresses = format!("listen = \"{}\"\noperations_listen = \"{}\"\n", free_address(), free_address());
    scene.folder.write("pruefstein.toml", &scene.text.replace("[service]\n", &format!("[service]\n{addresses}")));
    let file = scene.folder.path("pruefstein.toml");
    let file = file.to_str().unwrap();
    let at = NOW.0.to_string();
    let doctor = |more: &[&str]| run(&[&["doctor", "--offline", "--config", file, "--at", &at], more].concat(), b"");
    let people = doctor(&[]);
    assert_eq!(people.exit, 0, "{}{}", people.out, people.err);
    assert!(people.out.starts_with("All is well.\nat 2027-01-15T08:00:00Z\n"), "{}", people.out);
    assert!(people.out.contains("client_id: x509_hash:"), "{}", people.out);
    let programs = doctor(&["--json"]);
    let document: Value = serde_json::from_str(&programs.out).unwrap();
    assert_eq!(document["format"], "pruefstein-doctor/1");
    assert_eq!(document["verdict"], "sound");
    assert_eq!(document["counts"]["error"], 0);
    for member in ["code", "severity", "group", "about", "detail", "meaning", "remedy"] {
        assert!(document["findings"][0][member].is_string(), "{member}");
    }
    // Nothing that is secret is shown.
    let key = std::fs::read_to_string(scene.folder.path("access.key")).unwrap();
    let secret = key.lines().nth(1).unwrap();
    let digest = "1f5a0c3f0b7d9c1e";
    assert!(![&people.out, &programs.out].iter().any(|out| out.contains(secret) || out.contains(digest)));
    // In a year much has ended.
    let later = run(&["doctor", "--offline", "--config", file, "--at", "2031-01-01T00:00:00Z", "--json"], b"");
    assert_eq!(later.exit, 2);
    let document: Value = serde_json::from_str(&later.out).unwrap();
    assert_eq!(document["verdict"], "refused");
    let missing = run(&["doctor", "--offline", "--config", "/nowhere/pruefstein.toml"], b"");
    assert!(missing.exit == 2 && missing.out.contains("config_refused"), "{}", missing.out);
    assert_eq!(run(&["doctor", "--at", "tomorrow"], b"").exit, 2);
}

/// What is found and is no worse than a note.
const NOTED: &[(&str, Break, FindingCode)] = &[
    ("the test mode", |scene| scene.replace("[service]", "[service]\ntest_mode = true"), FindingCode::ConfigNote),
    (
        "a store of somebody else",
        |scene| scene.machine.store = Some(StoreState::OfAnotherUser),
        FindingCode::StoreOfAnotherUser,
    ),
    ("hosts that say no time", |scene| scene.hosts.time = None, FindingCode::ClockUnchecked),
    ("an operations listener in the network", operations_inside, FindingCode::ServiceUnclear),
    ("the first list of revoked certificates", first_crl, FindingCode::RevocationListAbsent),
    ("an entry that cannot be read", left_out, FindingCode::TrustListLeftOut),
    ("an old signer beside the new one", |scene| second_signer(scene, 2026), FindingCode::ListSignerExpired),
    ("a signer that leaves beside the new one", |scene| second_signer(scene, 2027), FindingCode::ListSignerEndsSoon),
];

fn operations_inside(scene: &mut Scene) {
    scene.replace("[service]", "[service]\noperations_listen = \"10.0.0.5:9090\"");
    scene.machine.taken = vec!["10.0.0.5:9090"];
}

fn left_out(scene: &mut Scene) {
    let list = scene.list(8, |draft| draft.entities[0].issuance = vec![b"no certificate".to_vec()]);
    scene.keep(&list);
    scene.serve(&list);
}

/// Another signer of the list, until the end of January of this year.
fn second_signer(scene: &mut Scene, year: i32) {
    let mut params = crate::fixture::params("Old signer");
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(year, 1, 31);
    let old = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    scene.folder.write("old-signer.pem", &old.pem());
    scene.replace("[\"list-signer.pem\"]", "[\"list-signer.pem\", \"old-signer.pem\"]");
}

#[test]
fn what_is_worth_knowing_is_a_note() {
    for (name, make, code) in NOTED {
        let mut scene = Scene::new();
        make(&mut scene);
        let diagnosis = scene.examine();
        assert_eq!(codes(&diagnosis), BTreeSet::new(), "{name}: {}", show::text(&diagnosis, NOW));
        assert!(has(&diagnosis, *code, Severity::Note), "{name}: {}", show::text(&diagnosis, NOW));
    }
}

/// Everything that a look at a database can say.
fn probes() -> [Probe; 4] {
    [
        Probe::Options("no authority".to_owned()),
        Probe::Unreachable("the database refuses".to_owned()),
        Probe::NewerSchema { found: 9, known: 1 },
        Probe::Usable { version: "15".to_owned(), schema: None, doubts: vec!["fsync is off".to_owned()] },
    ]
}

#[test]
fn a_database_is_looked_at() {
    let expected = [
        (vec!["database_unusable"], Exit::OutOfReach),
        (vec!["database_unusable"], Exit::OutOfReach),
        (vec!["database_newer"], Exit::Refused),
        (vec!["database_usable", "database_doubtful"], Exit::Refused),
    ];
    for (probe, (codes, code)) in probes().iter().zip(expected) {
        let findings = database::findings(probe, "db.intern:5432");
        assert_eq!(findings.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), codes);
        assert!(findings.iter().all(|finding| finding.about == "postgresql.host (db.intern:5432)"));
        assert_eq!(exit(Diagnosis { refused: false, findings }.verdict()), code);
    }
    let sound = Probe::Usable { version: "15.1".to_owned(), schema: Some(1), doubts: Vec::new() };
    assert_eq!(database::findings(&sound, "db")[0].detail, "PostgreSQL 15.1; its tables have schema 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_database_is_looked_at() {
    // STO-010, STO-012: what the doctor says of it, before the first start and after.
    let Some(cluster) = Cluster::shared() else { return };
    let name = cluster.database().await;
    let look = async || probe(&cluster.options(&name)).await;
    let Probe::Usable { schema: None, doubts, .. } = look().await else { panic!("an empty database") };
    // The server of the tests does without.
    assert_eq!(doubts.len(), 1, "{doubts:?}");
    assert!(doubts[0].contains("fsync is off"));
    drop(cluster.store(&name).await);
    assert!(matches!(look().await, Probe::Usable { schema: Some(1), .. }));
    cluster.run(&name, "INSERT INTO pruefstein_schema (version, usable_from) VALUES (9, 8)").await;
    assert_eq!(look().await, Probe::NewerSchema { found: 9, known: 1 });
    let Probe::Unreachable(why) = probe(&cluster.options("nowhere")).await else { panic!("there is none") };
    assert!(why.contains("does not exist"), "{why}");
    cluster.run(&name, &format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let Probe::Unreachable(why) = look().await else { panic!("it takes no writes") };
    assert!(why.contains("does not allow writes"), "{why}");
}

#[test]
fn every_code_is_found_somewhere() {
    let mut found: BTreeSet<FindingCode> = BTreeSet::new();
    let no_break: Break = |_| {};
    let others: [Break; 6] = [
        no_break,
        registration::good,
        good_crl,
        |scene| running(scene, r#"{"ready": true, "checks": []}"#),
        |scene| scene.machine.store = Some(StoreState::Locked),
        |scene| scene.offline = true,
    ];
    let broken = BROKEN.iter().map(|(_, make, ..)| *make);
    let noted = NOTED.iter().map(|(_, make, _)| *make);
    let refused: Break = |scene| {
        scene.replace("[tenant]", "[tenant]\ncolour = 1");
        scene.replace("purpose = \"access_certificate_authority\"", "types = [\"urn:a\"]");
    };
    for make in broken.chain(noted).chain(others).chain([refused]) {
        let mut scene = Scene::new();
        make(&mut scene);
        found.extend(scene.examine().findings.iter().map(|finding| finding.code));
    }
    for probe in probes() {
        found.extend(database::findings(&probe, "db.intern:5432").iter().map(|finding| finding.code));
    }
    let missing: Vec<&FindingCode> = FindingCode::ALL.iter().filter(|code| !found.contains(code)).collect();
    assert!(missing.is_empty(), "nothing shows {missing:?}");
}
