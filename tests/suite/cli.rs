//! The binary as people run it: exit codes, what it prints, and where.

use crate::fixture::{Folder, SOUND};
use pruefstein::demo::World;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::simulator::authority::{IssuerName, pem};
use pruefstein::simulator::issuer::{Draft, KeyBinding, holder_key, present, status_index, status_path};
use pruefstein::simulator::people::Person;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Command, Stdio};

const NOW: UnixSeconds = UnixSeconds(1_795_000_000);
const AT: &str = "1795000000";
const STATUS_BASE: &str = "https://status.example";
const AUDIENCE: &str = "x509_hash:abc";

pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs the binary with this standard input and none of this process's variables.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pruefstein"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments does not read; that it closes the pipe is fine.
    child.stdin.take().unwrap().write_all(input).ok();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { exit: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// A presentation, and a folder with what is needed to verify it.
struct Case {
    dir: tempfile::TempDir,
    world: World,
    presentation: String,
}

impl Case {
    fn new() -> Self {
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let authority = &world.authority;
        let holder = holder_key(authority, Person::Ordinary, IssuerName::PidGermany).unwrap();
        let draft = Draft::new(authority, IssuerName::PidGermany, Person::Ordinary, &holder, STATUS_BASE, NOW).unwrap();
        let issued = draft.seal(authority.seed()).issue().unwrap();
        let shown = issued.disclosures_for(&[vec![json!("family_name")]]);
        let presentation = present(&issued, &shown, KeyBinding::new(AUDIENCE, "n-1", NOW), &holder).unwrap();
        let case = Self { dir, world, presentation };
        std::fs::create_dir_all(case.dir.path().join("trust")).unwrap();
        case.write("trust/issuer.pem", pem(case.world.authority.issuer_root(IssuerName::PidGermany)).as_bytes());
        case.write("status.pem", pem(case.world.authority.status_root(IssuerName::PidGermany)).as_bytes());
        case.write(
            "trust/trust.toml",
            br#"
                [[trust]]
                name = "pid"
                types = ["urn:eudi:pid:de:1"]
                anchors = ["issuer.pem"]
                status_anchors = ["../status.pem"]
                status_hosts = ["status.example"]
            "#,
        );
        case.write_list();
        case
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn write_list(&self) {
        let list = self.world.status_host.answer(status_path(IssuerName::PidGermany), NOW).unwrap();
        self.write("list.jwt", &list.body);
    }

    fn verify_with(&self, change: &[(&str, Option<&str>)], more: &[&str]) -> Ran {
        let (trust, list) = (self.path("trust"), self.path("list.jwt"));
        let mut options = [
            ("--nonce", Some("n-1")),
            ("--audience", Some(AUDIENCE)),
            ("--at", Some(AT)),
            ("--trust", Some(&*trust)),
            ("--status", Some(&*list)),
        ];
        for (name, value) in change {
            options.iter_mut().filter(|(known, _)| known == name).for_each(|option| option.1 = *value);
        }
        let mut arguments = vec!["verify"];
        arguments.extend(options.iter().filter_map(|(name, value)| Some([*name, (*value)?])).flatten());
        arguments.extend(more);
        run(&arguments, format!("{}\n", self.presentation).as_bytes())
    }
}

#[test]
fn a_good_presentation_is_accepted_with_every_check() {
    let case = Case::new();
    let ran = case.verify_with(&[], &[]);
    assert_eq!(ran.exit, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("✓ issuer_signature"), "{}", ran.out);
    assert!(ran.out.contains("ACCEPTED") && ran.out.contains("\"family_name\""), "{}", ran.out);
    assert!(!ran.out.contains('✗') && !ran.out.contains("– "), "{}", ran.out);
    let json = case.verify_with(&[], &["--json"]);
    let document: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(document["outcome"], "accepted");
    assert_eq!(document["report"]["outcome"], "accepted");
    assert_eq!(document["result"]["credentials"]["credential"][0]["status"], "valid");
    assert_eq!(document["error"], Value::Null);
}

#[test]
fn type_metadata_comes_from_files_only() {
    // VC-41, VC-46: nothing is fetched; what is missing is named.
    let case = Case::new();
    let trust = std::fs::read_to_string(case.path("trust/trust.toml")).unwrap();
    let verify_with = |document: &Value| {
        case.write("trust/pid.json", document.to_string().as_bytes());
        let section = "[[type_metadata]]\nfile = \"pid.json\"\nhosts = [\"types.example\"]\n";
        case.write("trust/trust.toml", format!("{trust}\n{section}").as_bytes());
        case.verify_with(&[], &[])
    };
    let claims = |sd: &str| json!([{"path": ["family_name"], "sd": sd}]);
    let ran = verify_with(&json!({"vct": "urn:eudi:pid:de:1", "claims": claims("always")}));
    assert_eq!(ran.exit, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("✓ type_metadata"), "{}", ran.out);
    let ran = verify_with(&json!({"vct": "urn:eudi:pid:de:1", "claims": claims("never")}));
    assert_eq!(ran.exit, 1, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("type_metadata_invalid"), "{}", ran.out);
    let ran = verify_with(&json!({"vct": "urn:eudi:pid:de:1", "extends": "https://types.example/pid"}));
    assert_eq!(ran.exit, 3, "{}\n{}", ran.out, ran.err);
    assert!(ran.err.contains("https://types.example/pid"), "{}", ran.err);
}

#[test]
fn a_refusal_names_check_code_and_hint() {
    let case = Case::new();
    for (change, code) in [
        (("--nonce", Some("n-2")), "kb_nonce_mismatch"),
        (("--audience", Some("x509_hash:other")), "kb_aud_mismatch"),
        (("--at", Some("2027-12-01T00:00:00Z")), "kb_iat_out_of_window"),
    ] {
        let ran = case.verify_with(&[change], &[]);
        assert_eq!(ran.exit, 1, "{}", ran.out);
        assert!(ran.out.contains(&format!("REFUSED: {code}")), "{}", ran.out);
        assert!(ran.out.contains('✗') && ran.out.contains('→'), "{}", ran.out);
        assert!(!ran.out.contains("MUSTERMANN") && !ran.out.contains("family_name"), "{}", ran.out);
        let json = case.verify_with(&[change], &["--json"]);
        let document: Value = serde_json::from_str(&json.out).unwrap();
        assert_eq!((&document["error"]["code"], &document["result"]), (&json!(code), &Value::Null));
    }
}

#[test]
fn status_lists_are_checked_and_never_skipped() {
    let case = Case::new();
    let missing = case.verify_with(&[("--status", None)], &[]);
    assert_eq!(missing.exit, 3, "{}", missing.out);
    assert!(missing.out.contains("UNDECIDED: status_unavailable"), "{}", missing.out);
    assert!(missing.err.contains(&format!("Fetch {STATUS_BASE}/lists/pid")), "{}", missing.err);
    let index = usize::try_from(status_index(Person::Ordinary)).unwrap();
    case.world.status_host.set(IssuerName::PidGermany, index, 1);
    case.write_list();
    let revoked = case.verify_with(&[], &[]);
    assert_eq!(revoked.exit, 1);
    assert!(revoked.out.contains("REFUSED: credential_revoked"), "{}", revoked.out);
    // Given for another address, it is not this list.
    let elsewhere = format!("{STATUS_BASE}/lists/other={}", case.path("list.jwt"));
    assert_eq!(case.verify_with(&[("--status", Some(&elsewhere))], &[]).exit, 3);
}

#[test]
fn plain_certificates_vouch_for_the_types_given() {
    let case = Case::new();
    std::fs::create_dir(case.path("plain")).unwrap();
    case.write("plain/pid.pem", pem(case.world.authority.issuer_root(IssuerName::PidGermany)).as_bytes());
    let plain = case.path("plain");
    let trust = ("--trust", Some(&*plain));
    assert_eq!(case.verify_with(&[trust], &[]).exit, 2);
    // Its status lists are signed by another authority, and that one is not trusted here.
    let ran = case.verify_with(&[trust], &["--type", "urn:eudi:pid:de:1"]);
    assert!(ran.exit == 1 && ran.out.contains("status_token_invalid"), "{}", ran.out);
    let ran = case.verify_with(&[trust], &["--type", "urn:other"]);
    assert!(ran.out.contains("trust_anchor_set_empty"), "{}", ran.out);
    let both = format!(
        "{}{}",
        pem(case.world.authority.issuer_root(IssuerName::PidGermany)),
        pem(case.world.authority.status_root(IssuerName::PidGermany))
    );
    case.write("plain/pid.pem", both.as_bytes());
    let ran = case.verify_with(&[trust], &["--type", "urn:eudi:pid:de:1"]);
    assert_eq!(ran.exit, 0, "{}", ran.out);
}

#[test]
fn queries_are_satisfied_or_not() {
    let case = Case::new();
    let query = |claim: &str| {
        json!({ "credentials": [{
            "id": "pid", "format": "dc+sd-jwt", "meta": { "vct_values": ["urn:eudi:pid:de:1"] },
            "claims": [{ "path": [claim] }]
        }] })
    };
    case.write("query.json", query("family_name").to_string().as_bytes());
    let file = case.path("query.json");
    let ran = case.verify_with(&[], &["--query", &file, "--json"]);
    let document: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(document["result"]["credentials"]["pid"][0]["claims"].as_object().unwrap().len(), 1);
    case.write("query.json", json!({ "dcql_query": query("given_name") }).to_string().as_bytes());
    let ran = case.verify_with(&[], &["--query", &file]);
    assert!(ran.exit == 1 && ran.out.contains("REFUSED: claim_missing"), "{}", ran.out);
    case.write("query.json", br#"{"credentials": []}"#);
    let ran = case.verify_with(&[], &["--query", &file]);
    assert!(ran.exit == 2 && ran.err.contains("invalid_query"), "{}", ran.err);
}

#[test]
fn wrong_use_says_how_to_do_it() {
    let case = Case::new();
    for (ran, words) in [
        (case.verify_with(&[("--nonce", None)], &[]), "--nonce is missing"),
        (case.verify_with(&[("--at", Some("yesterday"))], &[]), "2027-03-01T12:00:00Z"),
        (case.verify_with(&[("--trust", None)], &[]), "--trust"),
        (case.verify_with(&[("--trust", Some("/nowhere"))], &["--type", "x"]), "there is no file"),
        (case.verify_with(&[], &["--type", "x"]), "trust.toml names the types"),
        (run(&["verify", "--frobnicate"], b""), "--frobnicate"),
        (run(&["codes", "nonsense"], b""), "no such code"),
        (run(&["inspect"], b"hello"), "none of the known kinds"),
        (run(&[], b""), "Usage"),
    ] {
        assert_eq!(ran.exit, 2, "{}", ran.err);
        assert!(ran.err.contains(words), "{} lacks {words}", ran.err);
        assert_eq!(ran.out, "");
    }
    assert_eq!(run(&["--help"], b"").exit, 0);
}

#[test]
fn everything_known_is_shown_as_not_verified() {
    let case = Case::new();
    let presentation = run(&["inspect"], case.presentation.as_bytes());
    assert_eq!(presentation.exit, 0);
    for words in ["NOT VERIFIED", "presentation", "family_name = ", "key binding JWT", "x5c[0]", "iat is 20"] {
        assert!(presentation.out.contains(words), "{words}: {}", presentation.out);
    }
    let list = run(&["inspect", &case.path("list.jwt")], b"");
    assert!(list.out.contains("status list token") && list.out.contains("entries of"), "{}", list.out);
    let certificate = run(&["inspect", &case.path("trust/issuer.pem")], b"");
    assert!(certificate.out.contains("authority    yes"), "{}", certificate.out);
    let der = run(&["inspect"], case.world.authority.issuer_root(IssuerName::PidGermany));
    assert!(der.out.contains("authority    yes"), "{}", der.out);
    let link = run(&["inspect"], b"openid4vp://?client_id=x509_hash%3Aabc&request_uri=https%3A%2F%2Fa.example%2Fx");
    assert!(link.out.contains("x509_hash:abc") && link.out.contains("https://a.example/x"), "{}", link.out);
    let jwe = run(&["inspect"], b"eyJhbGciOiJFQ0RILUVTIn0..AAAA.AAAA.AAAA");
    assert!(jwe.out.contains("JWE") && jwe.out.contains("ECDH-ES") && jwe.out.contains("3 bytes"), "{}", jwe.out);
    let key = run(&["inspect"], rcgen::KeyPair::generate().unwrap().serialize_pem().as_bytes());
    assert!(key.out.contains("PRIVATE KEY") && !key.out.contains("MIG"), "{}", key.out);
    // What is broken is said to be, not left out.
    let broken = run(&["inspect"], b"bm8.bm8.bm8");
    assert!(broken.exit == 0 && broken.out.contains("cannot be read"), "{}", broken.out);
}

#[test]
fn a_terminal_is_not_steered_by_what_is_shown() {
    // HTT-029: an escape sequence in a link.
    let link = run(&["inspect"], b"openid4vp://?client_id=%1b%5b31m&request_uri=x");
    assert!(link.out.contains("\\u{1b}[31m") && !link.out.contains('\u{1b}'), "{:?}", link.out);
}

#[test]
fn configurations_are_checked_and_shown() {
    let folder = Folder::new();
    folder.write("pruefstein.toml", SOUND);
    let file = folder.path("pruefstein.toml");
    let file = file.to_str().unwrap();
    let checked = run(&["config", "check", "--config", file], b"");
    assert_eq!(checked.exit, 0, "{}", checked.err);
    assert!(checked.out.contains("accepted") && checked.out.contains("pid-providers: 1 for"), "{}", checked.out);
    let shown = run(&["config", "show", "--config", file], b"");
    assert!(shown.out.contains("max_connections = 10000 # default"), "{}", shown.out);
    folder.write("pruefstein.toml", "[service]\npublic_url = \"http://a.example\"\n");
    let refused = run(&["config", "check", "--config", file], b"");
    assert_eq!(refused.exit, 2);
    assert!(refused.err.starts_with("config_refused: the configuration has "), "{}", refused.err);
    assert!(refused.err.contains("service.public_url: is http, but not on a loopback host\n    → Use https."));
    assert_eq!(refused.out, "");
}

#[test]
fn vectors_run_from_files_and_standard_input() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/test_vectors/sri.json");
    let text = std::fs::read_to_string(file).unwrap();
    for (place, input) in [(file, ""), ("-", text.as_str())] {
        let ran = run(&["vectors", "run", place], input.as_bytes());
        assert_eq!(ran.exit, 0, "{}", ran.err);
        assert!(ran.out.contains("17 run, 17 passed"), "{}", ran.out);
    }
    let turned = text.replacen("\"accept\"", "\"reject\"", 1);
    assert_eq!(run(&["vectors", "run", "-"], turned.as_bytes()).exit, 1);
    assert_eq!(run(&["vectors", "run", "-"], b"{").exit, 2);
    assert_eq!(run(&["vectors", "run", "-"], &[0xff]).exit, 2);
}
