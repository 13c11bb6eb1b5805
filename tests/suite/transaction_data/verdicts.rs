//! One presentation that confirms transaction data, verified outside of any transaction: by the API and on the command line.

use super::entry;
use crate::cli::run;
use crate::service::{NOW, STATUS_BASE, TestService};
use pruefstein::domain::encoding::base64;
use pruefstein::simulator::authority::{IssuerName, PASS_TYPE, pem};
use pruefstein::simulator::issuer::{Draft, KeyBinding, holder_key, present, status_path};
use pruefstein::simulator::people::Person;
use pruefstein::simulator::transaction_data::{Entry, confirm};
use serde_json::{Value, json};

const NONCE: &str = "the-nonce-that-was-sent";
const AUDIENCE: &str = "x509_hash:Uvo3HtuIxuhC92rShpgqcT3YXwrqRxWEviRiA0OZszk";

fn text(entry: &Value) -> String {
    base64::encode_url(entry.to_string().as_bytes())
}

/// A presentation of this kind of credential that confirms these entries.
fn confirming(service: &TestService, kind: IssuerName, change: impl FnOnce(&mut Draft), entries: &[&str]) -> String {
    let (authority, person) = (&service.world.authority, Person::Ordinary);
    let holder = holder_key(authority, person, kind).unwrap();
    let mut draft = Draft::new(authority, kind, person, &holder, STATUS_BASE, NOW).unwrap();
    change(&mut draft);
    let issued = draft.seal(authority.seed()).issue().unwrap();
    let entries =
        entries.iter().map(|text| Entry { text: (*text).to_owned(), credential_ids: Vec::new(), algorithms: None });
    let entries: Vec<Entry> = entries.collect();
    let mut binding = KeyBinding::new(AUDIENCE, NONCE, NOW);
    confirm(&mut binding.payload, &entries.iter().collect::<Vec<_>>());
    present(&issued, &issued.disclosures_for(&[vec![json!("family_name")]]), binding, &holder).unwrap()
}

fn asking(presentation: &str, entries: &[&str]) -> Value {
    json!({
        "format": "dc+sd-jwt", "presentation": presentation, "nonce": NONCE, "audience": AUDIENCE,
        "transaction_data": entries
    })
}

async fn code(service: &TestService, body: &Value) -> Option<String> {
    let (status, verdict) = service.post_json("/v1/verifications", body).await;
    assert_eq!(status, 200, "{verdict}");
    verdict["error"]["code"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn exactly_what_was_expected_is_confirmed() {
    let service = TestService::new();
    let (one, two) = (text(&entry(&["pass"], "A-1")), text(&entry(&["pass"], "B-2")));
    let good = confirming(&service, IssuerName::Municipality, |_| {}, &[&one, &two]);
    let (_, verdict) = service.post_json("/v1/verifications", &asking(&good, &[&one, &two])).await;
    assert_eq!(verdict["outcome"], "accepted", "{verdict}");
    let confirmed = verdict["result"]["credentials"]["presentation"][0]["transaction_data"].as_array().unwrap();
    assert_eq!(confirmed.len(), 2);
    let mismatch = Some("transaction_data_mismatch".to_owned());
    // Cases TXD-001 and TXD-005: more, less, other, or nothing expected.
    let third = text(&entry(&["pass"], "C-3"));
    for expected in [vec![], vec![&*one], vec![&*two], vec![&*one, &*third]] {
        assert_eq!(code(&service, &asking(&good, &expected)).await, mismatch, "{expected:?}");
    }
    let silent = confirming(&service, IssuerName::Municipality, |_| {}, &[]);
    assert_eq!(code(&service, &asking(&silent, &[])).await, None);
    assert_eq!(code(&service, &asking(&silent, &[&one])).await, mismatch);
    // TXD-08: the same object, written otherwise.
    let spaced = base64::encode_url(serde_json::to_string_pretty(&entry(&["pass"], "A-1")).unwrap().as_bytes());
    assert_eq!(code(&service, &asking(&good, &[&spaced, &two])).await, mismatch);
    // Case TXD-007: with a query, the entry must name its id.
    for (id, wanted) in [("pass", None), ("other", mismatch.clone())] {
        let mut asked = asking(&good, &[&one, &two]);
        asked["dcql_query"] =
            json!({"credentials": [{"id": id, "format": "dc+sd-jwt", "meta": {"vct_values": [PASS_TYPE]}}]});
        assert_eq!(code(&service, &asked).await, wanted, "{id}");
    }
}

#[tokio::test]
async fn a_pid_confirms_nothing() {
    // TXD-03, also under another name.
    let service = TestService::new();
    let one = text(&entry(&["pass"], "A-1"));
    let mismatch = Some("transaction_data_mismatch".to_owned());
    let pid = confirming(&service, IssuerName::PidGermany, |_| {}, &[&one]);
    assert_eq!(code(&service, &asking(&pid, &[&one])).await, mismatch);
    let renamed = |draft: &mut Draft| drop(draft.control.insert("aka_vcts".to_owned(), json!(["urn:eudi:pid:de:1"])));
    let both = confirming(&service, IssuerName::Municipality, renamed, &[&one]);
    assert_eq!(code(&service, &asking(&both, &[&one])).await, mismatch);
}

#[tokio::test]
async fn entries_that_cannot_be_read_are_named() {
    let service = TestService::new();
    let good = confirming(&service, IssuerName::Municipality, |_| {}, &[]);
    for (entries, place) in [
        (vec!["{}"], "/transaction_data/0"),
        (vec!["e30"], "/transaction_data/0/type"),
        (vec!["e30"; 9], "/transaction_data"),
    ] {
        let (status, problem) = service.post_json("/v1/verifications", &asking(&good, &entries)).await;
        assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some(place)), "{problem}");
    }
}

#[test]
fn the_command_line_takes_what_was_sent() {
    let service = TestService::new();
    let one = text(&entry(&["pass"], "A-1"));
    let presentation = confirming(&service, IssuerName::Municipality, |_| {}, &[&one]);
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let world = &service.world;
    write("issuer.pem", pem(world.authority.issuer_root(IssuerName::Municipality)).as_bytes());
    write("status.pem", pem(world.authority.status_root(IssuerName::Municipality)).as_bytes());
    let list = world.status_host.answer(status_path(IssuerName::Municipality), NOW).unwrap();
    let list = write("list.jwt", &list.body);
    let sections = format!(
        "[[trust]]\nname = \"pass\"\npurpose = \"pub_eaa_provider\"\ntypes = [\"{PASS_TYPE}\"]\nanchors = [\"issuer.pem\"]\n\
         status_anchors = [\"status.pem\"]\nstatus_hosts = [\"status.pruefstein.example\"]\n"
    );
    let trust = write("trust.toml", sections.as_bytes());
    let verify = |more: &[&str]| {
        let at = NOW.0.to_string();
        let mut arguments =
            vec!["verify", "--nonce", NONCE, "--audience", AUDIENCE, "--at", &at, "--trust", &trust, "--status", &list];
        arguments.extend(more);
        run(&arguments, presentation.as_bytes())
    };
    let ran = verify(&["--transaction-data", &one]);
    assert_eq!(ran.exit, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("✓ transaction_data_confirmed") && ran.out.contains("entry 0 by sha-256"), "{}", ran.out);
    let file = format!("@{}", write("entry.txt", format!("{one}\n").as_bytes()));
    assert_eq!(verify(&["--transaction-data", &file]).exit, 0);
    let ran = verify(&[]);
    assert_eq!(ran.exit, 1, "{}", ran.out);
    assert!(ran.out.contains("REFUSED: transaction_data_mismatch"), "{}", ran.out);
    assert_eq!(verify(&["--transaction-data", "e30"]).exit, 2);
    assert_eq!(verify(&["--transaction-data", "@/nowhere"]).exit, 2);
}
