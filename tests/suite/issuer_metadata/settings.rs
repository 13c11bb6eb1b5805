//! The configuration: what a source that names issuers may say.

use super::{ISSUER, jwk, key_set};
use crate::cli::run;
use crate::fixture::{Folder, NOW, SOUND};
use crate::shared;
use pruefstein::adapters::kept::KeptFolder;
use pruefstein::app::ports::{Kept, Validators};
use pruefstein::config::Fault;
use pruefstein::domain::jose::alg::SignatureAlgorithm;
use pruefstein::domain::trust::StatusOrigin;
use pruefstein::domain::trust::issuer_metadata::{IssuerPlan, PublishedKeys, USABLE_SECONDS, kept_document};
use serde_json::json;

/// The sound configuration without HAIP and with another source.
fn with(lines: &str) -> String {
    let text = SOUND.replace("[tenant]\n", "[tenant]\nprofile = \"openid4vp\"\n");
    format!("{text}\n[[trust]]\nname = \"pass\"\ntypes = [\"urn:stadt:pass:1\"]\n{lines}\n")
}

const GOOD: &str = "issuers = [\"https://issuer.example/tenant/1\"]\nstatus = \"may_be_absent\"";

fn faults(text: &str) -> Vec<Fault> {
    Folder::new().load(text).err().unwrap_or_default()
}

#[track_caller]
fn refused(text: &str, key: &str, words: &str) {
    let faults = faults(text);
    let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
    assert_eq!(keys, [key], "{faults:#?}");
    assert!(faults[0].to_string().contains(words), "{} lacks {words}", faults[0]);
}

#[test]
fn a_source_may_name_issuers_beside_haip_only() {
    // VC-20, VC-23; HAIP 1.0 section 6.1.1.
    let folder = Folder::new();
    let settings = folder.load(&with(GOOD)).unwrap();
    let plan = &settings.tenant.trust_plans[1];
    assert_eq!(plan.issuers[0].issuer, ISSUER);
    assert_eq!(plan.issuers[0].metadata_url(), "https://issuer.example/.well-known/jwt-vc-issuer/tenant/1");
    let source = settings.tenant.trust.source("pass").unwrap();
    assert!(source.issuer_keys[0].confirmed.is_none(), "nothing is known before the first reading");
    // What `config show` prints names the defaults as well.
    assert_eq!(faults(&with(&format!("{GOOD}\nissuer_match = \"recorded\"\ncountry_match = \"recorded\""))), []);
    let haip = with(GOOD).replace("profile = \"openid4vp\"\n", "");
    refused(&haip, "trust(pass).issuers", "HAIP");
    let hosts = with(&format!("{GOOD}\nissuer_key_hosts = [\"keys.example\", \"https://keys.example:8443\"]"));
    assert_eq!(folder.load(&hosts).unwrap().tenant.trust_plans[1].issuers[0].key_hosts().count(), 3);
}

#[test]
fn one_source_has_one_way_to_keys() {
    // VC-23: certificates or published keys, never both.
    refused(&with(&format!("{GOOD}\nanchors = [\"anchors\"]")), "trust(pass).issuers", "two sources");
    refused(
        &with("issuer_key_hosts = [\"keys.example\"]\nanchors = [\"anchors\"]\nstatus_hosts = [\"s.example\"]"),
        "trust(pass).issuer_key_hosts",
        "without issuers",
    );
    for line in [
        "countries = [\"DE\"]",
        "qc_type = \"0.4.0.194126.1.1\"",
        "issuer_match = \"uri\"",
        "country_match = \"required\"",
    ] {
        let (name, _) = line.split_once(' ').unwrap();
        refused(&with(&format!("{GOOD}\n{line}")), &format!("trust(pass).{name}"), "certificates");
    }
    refused(
        &with("anchors = [\"anchors\"]\nissuers = []\nstatus = \"may_be_absent\"")
            .replace("anchors = [\"anchors\"]\nissuers", "issuers"),
        "trust(pass).issuers",
        "no entry",
    );
}

#[test]
fn issuers_are_exact_https_addresses() {
    // VC-24, VC-26.
    for wrong in [
        "http://issuer.example",
        "https://issuer.example/?a",
        "https://issuer.example/#a",
        "https://user@issuer.example",
        "https://ISSUER.example",
        "https://issuer.example//",
        "did:web:issuer.example",
        "issuer.example",
    ] {
        let text = with(&GOOD.replace(ISSUER, wrong));
        refused(&text, "trust(pass).issuers[0]", "exactly as iss has it");
    }
    let twice = GOOD.replace("[\"https", "[\"https://issuer.example/tenant/1/\", \"https");
    refused(&with(&twice), "trust(pass).issuers[1]", "one issuer only");
    for wrong in ["http://127.0.0.1:8080", "*.example", "https://keys.example/path"] {
        let text = with(&format!("{GOOD}\nissuer_key_hosts = [\"{wrong}\"]"));
        refused(&text, "trust(pass).issuer_key_hosts[0]", "https");
    }
}

#[test]
fn whoever_has_no_certificates_needs_signers_of_status_lists() {
    // TSL-27, TSL-28.
    let issuers = format!("issuers = [\"{ISSUER}\"]");
    refused(&with(&issuers), "trust(pass).status_anchors", "status list");
    refused(
        &with(&format!("{issuers}\nstatus_hosts = [\"s.example\"]\nstatus = \"may_be_absent\"")),
        "trust(pass).status_anchors",
        "status list",
    );
    let named =
        format!("{issuers}\nstatus_hosts = [\"s.example\"]\nstatus_anchors = [\"anchors\"]\nstatus = \"required\"");
    assert_eq!(faults(&with(&named)), []);
    let signers =
        "[[trust]]\nname = \"signers\"\npurpose = \"status_list\"\nanchors = [\"anchors\"]\nsigns_for = [\"pass\"]";
    assert_eq!(faults(&with(&format!("{issuers}\nstatus_hosts = [\"s.example\"]\n{signers}"))), []);
    let role = "purpose = \"registrar\"\nissuers = [\"https://issuer.example\"]";
    let text = with(role).replace("types = [\"urn:stadt:pass:1\"]\n", "");
    assert!(faults(&text).iter().any(|fault| fault.key == "trust(pass).issuers"), "{:#?}", faults(&text));
}

#[test]
fn the_documents_of_the_specification_are_read() {
    // SD-JWT VC section 3.2 of draft 18, figures 14 and 15 (VC-25).
    let Some(sections) = shared::json("sd-jwt-vc/draft-18/sections.json") else { return };
    let sections = sections["sections"].as_array().unwrap();
    let section = sections.iter().find(|section| section["title"] == "JWT VC Issuer Metadata Response").unwrap();
    let document = |figure: usize| section["json"][figure]["value"].to_string().into_bytes();
    let host = StatusOrigin::parse("jwt-vc-issuer.example.com").unwrap();
    let plan = IssuerPlan::new("https://example.com", vec![host]).unwrap();
    let PublishedKeys::Here(keys) = plan.read(&document(0)).unwrap() else { panic!("keys in the document") };
    assert_eq!(keys.keys().len(), 2);
    assert!(keys.select(Some("doc-signer-06-05-2025"), SignatureAlgorithm::Es256).is_ok());
    let PublishedKeys::At(address) = plan.read(&document(1)).unwrap() else { panic!("an address of keys") };
    assert_eq!(address, "https://jwt-vc-issuer.example.com/my_public_keys.jwks");
    let alone = IssuerPlan::new("https://example.com", Vec::new()).unwrap();
    assert!(alone.read(&document(1)).is_err(), "a host that nobody named");
}

#[test]
fn an_issuer_has_one_set_of_keys() {
    let second = GOOD.replace("issuers", "issuer_key_hosts = [\"keys.example\"]\nissuers");
    let again = |lines: &str| format!("[[trust]]\nname = \"other\"\ntypes = [\"urn:stadt:other:1\"]\n{lines}");
    assert_eq!(faults(&with(&format!("{GOOD}\n{}", again(GOOD)))), []);
    refused(&with(&format!("{GOOD}\n{}", again(&second))), "trust(other).issuer_key_hosts", "one set of keys");
}

#[test]
fn operators_see_whose_keys_are_used_and_who_is_asked() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("data")).unwrap();
    let lines = format!("issuer_key_hosts = [\"keys.example\"]\n{GOOD}\n[trust_data]\nfolder = \"data\"");
    folder.load(&with(&lines)).unwrap();
    let config = folder.path("pruefstein.toml").display().to_string();
    let ran = |action: &str| run(&["trust", action, "--config", &config, "--at", "2027-01-15T08:00:00Z"], b"");
    let hosts = ran("hosts").out;
    assert!(
        hosts.contains("https://issuer.example:443  metadata of issuer https://issuer.example/tenant/1"),
        "{hosts}"
    );
    assert!(hosts.contains("https://keys.example:443  keys of the issuers of pass"), "{hosts}");

    let before = ran("list");
    assert_eq!(before.exit, 1, "{}", before.err);
    assert!(
        before.out.contains("whose keys are not there") && before.err.contains("not been fetched"),
        "{}",
        before.out
    );

    let plan = IssuerPlan::new(ISSUER, vec![StatusOrigin::parse("keys.example").unwrap()]).unwrap();
    let document = kept_document(ISSUER, &key_set(&[jwk(1, &json!({"kid": "a"}))]));
    let kept = |confirmed_at| Kept { document: document.clone(), confirmed_at, validators: Validators::default() };
    let data = KeptFolder::new(folder.path("data"));
    data.save_now(&plan.kept_name(), &kept(NOW.minus(60))).unwrap();
    let good = ran("list");
    assert_eq!(good.exit, 0, "{}", good.err);
    assert!(
        good.out.contains("https://issuer.example/tenant/1 with 1 keys, confirmed 2027-01-15T07:59:00Z"),
        "{}",
        good.out
    );
    data.save_now(&plan.kept_name(), &kept(NOW.minus(USABLE_SECONDS))).unwrap();
    let old = ran("list").out;
    assert!(old.contains("TOO OLD") && old.contains("not usable"), "{old}");
}
