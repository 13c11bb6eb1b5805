//! `inspect`: everything that travels between issuers, publishers, wallets and this service, readably; and who would trust it.

use crate::cli::{Ran, run};
use pruefstein::demo::World;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust::snapshot;
use pruefstein::simulator::authority::{IssuerName, TestAuthority, pem};
use pruefstein::simulator::encode::cbor::{Item, Sign1};
use pruefstein::simulator::encode::status_list::StatusList as Written;
use pruefstein::simulator::issuer::{Draft, holder_key, status_path};
use pruefstein::simulator::people::Person;
use pruefstein::simulator::revocation::Revoked;
use pruefstein::simulator::trust_list::{ListFault, ListOf, ListWriter};
use pruefstein::simulator::xml_list::{self, XmlList};
use std::collections::BTreeMap;

const NOW: UnixSeconds = UnixSeconds(1_795_000_000);
const AT: &str = "1795000000";
/// Long after everything has ended.
const LATER: &str = "2047-01-01T00:00:00Z";
const STATUS_BASE: &str = "https://status.example";

struct Case {
    dir: tempfile::TempDir,
    world: World,
}

impl Case {
    fn new() -> Self {
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        Self { dir: tempfile::tempdir().unwrap(), world }
    }

    fn authority(&self) -> &TestAuthority {
        &self.world.authority
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// An SD-JWT VC of this issuer, without key binding.
    fn credential(&self, name: IssuerName) -> String {
        let person = if name == IssuerName::PidForeign { Person::Foreign } else { Person::Ordinary };
        let holder = holder_key(self.authority(), person, name).unwrap();
        let draft = Draft::new(self.authority(), name, person, &holder, STATUS_BASE, NOW).unwrap();
        format!("{}~", draft.seal(self.authority().seed()).issue().unwrap().jwt)
    }

    fn status_token(&self, name: IssuerName) -> Vec<u8> {
        self.world.status_host.answer(status_path(name), NOW).unwrap().body
    }

    /// Sources of many kinds: only the first trusts German PIDs.
    fn trust(&self) -> String {
        let authority = self.authority();
        for (file, der) in [
            ("de.pem", authority.issuer_root(IssuerName::PidGermany)),
            ("de-status.pem", authority.status_root(IssuerName::PidGermany)),
            ("foreign.pem", authority.issuer_root(IssuerName::PidForeign)),
            ("access.pem", authority.access_root()),
            ("signer.pem", ListWriter::new(authority).unwrap().signer()),
        ] {
            self.write(file, pem(der));
        }
        std::fs::create_dir_all(self.path("lists")).unwrap();
        self.write(
            "trust.toml",
            r#"
                [[trust]]
                name = "right"
                types = ["urn:eudi:pid:de:1"]
                anchors = ["de.pem"]
                status_anchors = ["de-status.pem"]
                status_hosts = ["status.example"]

                [[trust]]
                name = "other-type"
                types = ["urn:eudi:pid:1"]
                anchors = ["de.pem"]

                [[trust]]
                name = "other-country"
                types = ["urn:eudi:pid:de:1"]
                countries = ["FR"]
                anchors = ["de.pem"]

                [[trust]]
                name = "other-chain"
                types = ["urn:eudi:pid:de:1"]
                anchors = ["foreign.pem"]

                [[trust]]
                name = "other-purpose"
                purpose = "access_certificate_authority"
                anchors = ["access.pem"]

                [trust_data]
                folder = "lists"

                [[trust_list]]
                name = "pids"
                url = "https://lists.example/pids"
                signers = ["signer.pem"]
                type = "http://uri.etsi.org/19602/LoTEType/EUPIDProvidersList"

                [[trust]]
                name = "no-list"
                purpose = "pid_provider"
                types = ["urn:eudi:pid:de:1"]
                list = "pids"
            "#,
        )
    }
}

fn inspect(input: impl AsRef<[u8]>, more: &[&str]) -> Ran {
    run(&[&["inspect", "--at", AT], more].concat(), input.as_ref())
}

#[track_caller]
fn assert_says(ran: &Ran, exit: i32, all: &[&str]) {
    assert_eq!(ran.exit, exit, "{}{}", ran.out, ran.err);
    for words in all {
        assert!(ran.out.contains(words) || ran.err.contains(words), "{words} is missing:\n{}{}", ran.out, ran.err);
    }
}

#[test]
fn lists_in_json_are_read_and_verified_against_a_given_signer() {
    // TL-04: whoever signed says nothing, unless the reader knows the signer.
    let case = Case::new();
    let writer = ListWriter::new(case.authority()).unwrap();
    let list = writer.write(&writer.draft(ListOf::Pid)).unwrap();
    let content = [
        "trust list (JSON",
        "number       42",
        "EUPIDProvidersList",
        "Prüfstein Test-Anstalt",
        "SvcType/PID/Issuance",
        "sha256 ",
    ];
    let unverified = inspect(&list, &[]);
    assert_says(&unverified, 0, &content);
    assert_says(&unverified, 0, &["NOT VERIFIED", "territory    DE", "0 entries left out"]);
    let signer = case.write("signer.pem", pem(writer.signer()));
    let verified = inspect(&list, &["--signer", &signer]);
    assert_says(&verified, 0, &content);
    assert!(verified.out.contains("\nVERIFIED against the given signer"), "{}", verified.out);
    let root = case.write("root.pem", pem(writer.root()));
    assert_says(&inspect(&list, &["--signer", &root]), 0, &["\nVERIFIED"]);
    let other = case.write("other.pem", pem(case.authority().access_root()));
    assert_says(&inspect(&list, &["--signer", &other]), 1, &["trust_list_signature_invalid"]);
    // The end of a list does not hide what it says, and is told.
    let over = run(&["inspect", "--at", "2026-12-31T00:00:00Z", "--signer", &signer], list.as_bytes());
    assert_says(&over, 0, &["its time has passed", "(PASSED)", "number       42"]);
    // What was changed is not shown as if it were the list.
    let changed = inspect(writer.faulty(ListFault::PayloadChanged).unwrap(), &[]);
    assert_says(&changed, 0, &["NOT VERIFIED", "cannot be read: trust_list_signature_invalid"]);
    assert!(!changed.out.contains("number "), "{}", changed.out);
    assert_says(&inspect(writer.faulty(ListFault::PlainJson).unwrap(), &[]), 0, &["without a signature"]);
    assert_says(&inspect(b"hello", &["--signer", &signer]), 2, &["no signed trust list"]);
}

#[test]
fn lists_in_xml_are_read_and_verified_against_a_given_signer() {
    let case = Case::new();
    let signer = xml_list::signer([9; 32], "Test Listenführer", NOW).unwrap();
    let list = XmlList::new(case.authority().issuer_root(IssuerName::PidGermany), NOW).signed(&signer).unwrap();
    let content = ["trust list (XML", "number       7", "territory    DE", "Attestations", "granted since", "sha256 "];
    let unverified = inspect(&list, &[]);
    assert_says(&unverified, 0, &content);
    assert_says(&unverified, 0, &["NOT VERIFIED"]);
    let file = case.write("signer.pem", pem(&signer.chain[0]));
    let verified = inspect(&list, &["--signer", &file]);
    assert_says(&verified, 0, &content);
    assert!(verified.out.contains("\nVERIFIED"), "{}", verified.out);
    let other = case.write("other.pem", pem(case.authority().access_root()));
    assert_says(&inspect(&list, &["--signer", &other]), 1, &["trust_list_signature_invalid"]);
    let changed = list.replace("Attestations", "Atestations");
    assert_says(&inspect(&changed, &[]), 0, &["cannot be read: trust_list_signature_invalid"]);
    assert_says(&inspect("<html></html>", &[]), 0, &["cannot be read"]);
}

#[test]
fn snapshots_type_metadata_and_revocation_lists_are_read() {
    let case = Case::new();
    let trust = snapshot::write(&case.world.trust().unwrap(), NOW).unwrap();
    let ran = inspect(&trust, &[]);
    assert_says(&ran, 0, &["snapshot of trust data", "NOT VERIFIED", "test-pid-de: pid_provider", "urn:eudi:pid:de:1"]);
    assert_says(&inspect(trust.replace("test-pid-de", "test-pid-xx"), &[]), 0, &["its digest does not fit"]);

    let metadata = r#"{"vct": "urn:x:1", "extends": "urn:x:0", "display": [{"locale": "de", "name": "Ausweis"}],
        "claims": [{"path": ["a", null], "mandatory": true, "sd": "always", "display": [{"locale": "de", "label": "Ah"}]}]}"#;
    let words =
        ["type metadata", "urn:x:1", "extends      urn:x:0", "Ausweis (de)", "Ah (de), mandatory", "always", "sha256-"];
    assert_says(&inspect(metadata, &[]), 0, &words);
    assert_says(&inspect(r#"{"vct": 7}"#, &[]), 0, &["type metadata", "cannot be read"]);
    assert_says(&inspect(r#"{"a": 7}"#, &[]), 2, &["none of the known kinds"]);

    let [list, _] = case.authority().revocation_lists(IssuerName::PidGermany, Revoked::Leaf).unwrap();
    let words = ["list of revoked certificates", "1 certificates", "Prüfstein"];
    assert_says(&inspect(&list, &[]), 0, &words);
    let armoured = pem(&list).replace("CERTIFICATE", "X509 CRL");
    assert_says(&inspect(armoured, &[]), 0, &words);
    let later = run(&["inspect", "--at", LATER], &list);
    assert_says(&later, 0, &["DOES NOT COUNT NOW"]);
}

/// A status list token in CBOR by the signer of the status lists of German PIDs.
fn status_cwt(case: &Case) -> Vec<u8> {
    let signer = case.authority().status_signer(IssuerName::PidGermany);
    let written = Written { bits: 2, entries: 16, values: BTreeMap::from([(1, 1)]) };
    let list =
        Item::Map(vec![(Item::text("bits"), Item::Integer(2)), (Item::text("lst"), Item::Bytes(written.zlib()))]);
    let chain = Item::Array(signer.chain.iter().cloned().map(Item::Bytes).collect());
    let header =
        Item::labels(vec![(1, Item::Integer(-7)), (16, Item::text("application/statuslist+cwt")), (33, chain)]);
    let claims = Item::labels(vec![
        (2, Item::text("https://status.example/lists/cwt")),
        (6, Item::Integer(NOW.0)),
        (65_534, Item::Integer(600)),
        (65_533, list),
    ]);
    let sign1 = Sign1 { protected: header.encode(), unprotected: Item::Map(Vec::new()), payload: claims.encode() };
    let message = sign1.message(signer.key.sign(&sign1.signed_bytes()).unwrap());
    Item::Tag(18, Box::new(message)).encode()
}

#[test]
fn status_tokens_are_read_and_led_to_their_source() {
    let case = Case::new();
    let trust = case.trust();
    let cwt = status_cwt(&case);
    let words = [
        "status list token (CWT)",
        "alg        ES256",
        "sub        https://status.example/lists/cwt",
        "16 entries of 2 bits",
        "x5chain[1]",
    ];
    assert_says(&inspect(&cwt, &[]), 0, &words);
    for token in [cwt.clone(), case.status_token(IssuerName::PidGermany)] {
        let ran = inspect(&token, &["--trust", &trust]);
        assert_says(
            &ran,
            0,
            &[
                "✓ right                as signer of its status lists",
                "✗ other-type           the certificates do not lead to it",
                "✗ other-purpose        another purpose: access_certificate_authority",
                "✗ no-list              the trust list pids is not there",
            ],
        );
        assert_eq!(ran.out.matches('✓').count(), 1, "{}", ran.out);
    }
    // The right signer at a place that the source does not name.
    let elsewhere = World::new([7; 32], NOW, "127.0.0.1", "https://elsewhere.example").unwrap();
    let token = elsewhere.status_host.answer(status_path(IssuerName::PidGermany), NOW).unwrap().body;
    let ran = inspect(token, &["--trust", &trust]);
    assert_says(&ran, 0, &["✗ right                the signer is right, but the host"]);
    assert_says(&inspect(&cwt[..40], &[]), 0, &["COSE_Sign1", "cannot be read"]);
}

#[test]
fn credentials_are_led_to_their_source_and_the_others_say_why_not() {
    let case = Case::new();
    let trust = case.trust();
    let credential = case.credential(IssuerName::PidGermany);
    let ran = inspect(&credential, &["--trust", &trust]);
    assert_says(
        &ran,
        0,
        &[
            "who would trust it at 2026-11-18T",
            "✓ right                as issuer of urn:eudi:pid:de:1",
            "✗ other-type           another type: it vouches for urn:eudi:pid:1, not for urn:eudi:pid:de:1",
            "✗ other-country        another country: it vouches for FR, the certificate states DE",
            "✗ other-chain          the certificates do not lead to it",
            "✗ other-purpose        another purpose: access_certificate_authority",
            "✗ no-list              the trust list pids is not there",
        ],
    );
    let later = run(&["inspect", "--at", LATER, "--trust", &trust], credential.as_bytes());
    assert_says(&later, 0, &["✗ right                expired or not valid yet"]);
    assert!(!later.out.contains('✓'), "{}", later.out);
    // By a snapshot, and by the folder that holds the sections.
    let snapshot = case.write("then.json", snapshot::write(&case.world.trust().unwrap(), NOW).unwrap());
    assert_says(&inspect(&credential, &["--trust", &snapshot]), 0, &["✓ test-pid-de", "✗ test-sozialpass"]);
    let folder = case.dir.path().to_str().unwrap();
    assert_says(&inspect(&credential, &["--trust", folder]), 0, &["✓ right"]);
    assert_says(&inspect("a.b.c", &["--trust", folder]), 0, &["nobody: it brings no certificates"]);
    assert_says(&inspect(&credential, &["--trust", "/nowhere"]), 2, &["cannot be read"]);
}

#[test]
fn certificates_are_led_to_their_source_by_a_configuration() {
    // A configuration that is refused for something else still says whom it trusts.
    let case = Case::new();
    let trust = std::fs::read_to_string(case.trust()).unwrap();
    let config = case.write("pruefstein.toml", format!("[service]\npublic_url = \"ftp://x\"\n{trust}"));
    let chain = |chain: &[Vec<u8>]| chain.iter().map(|der| pem(der)).collect::<String>();
    let issuer = inspect(chain(&case.authority().issuer(IssuerName::PidGermany).chain), &["--config", &config]);
    assert_says(
        &issuer,
        0,
        &[
            "2 certificates",
            "✓ right                as issuer of",
            "✗ other-purpose        the certificates do not lead to it",
        ],
    );
    let access = inspect(chain(&case.authority().access().chain), &["--config", &config]);
    assert_says(&access, 0, &["✓ other-purpose        for its purpose access_certificate_authority", "✗ right"]);
    let status = inspect(chain(&case.authority().status_signer(IssuerName::PidGermany).chain), &["--config", &config]);
    assert_says(&status, 0, &["✓ right                as signer of its status lists"]);
    let anchor = inspect(case.authority().issuer_root(IssuerName::PidGermany), &["--config", &config]);
    assert_says(
        &anchor,
        0,
        &["✓ right                it is an anchor of this source (pid_provider)", "key usage    signs certificates"],
    );
    assert_says(&inspect("x", &["--config", "/nowhere"]), 2, &["there is no file"]);
}
