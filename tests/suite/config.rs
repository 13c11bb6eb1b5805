//! The configuration: what is refused, where and with which words; what is read, and what is never shown.

use crate::fixture::{Folder, NOW, SOUND, WEAK_CA, leaf, leaf_with, root, root_params, set_mode};
use pruefstein::config::postgresql::{DatabaseHost, DatabaseTls};
use pruefstein::config::store::StoreSettings;
use pruefstein::config::tenant::CrossDevice;
use pruefstein::config::{self, Environment, Fault, SECTIONS};
use pruefstein::domain::dc_api::Protocol;
use pruefstein::domain::request::client_id::{ClientId, ClientIdPrefix};
use pruefstein::domain::trust::StatusRule;
use pruefstein::domain::x509::chain::AnchorInChain;
use rcgen::{IsCa, date_time_ymd};

/// The sound configuration with one line changed.
fn changed(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "{from}");
    SOUND.replace(from, to)
}

/// The sound configuration with a line added to a section.
fn with(section: &str, line: &str) -> String {
    let header = format!("[{section}]");
    if SOUND.contains(&header) {
        SOUND.replacen(&header, &format!("{header}\n{line}"), 1)
    } else {
        format!("{SOUND}\n{header}\n{line}\n")
    }
}

fn keys(faults: &[Fault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.key.as_str()).collect()
}

/// Asserts that exactly this key is refused, with these words in problem or remedy.
#[track_caller]
fn refused(folder: &Folder, text: &str, key: &str, words: &str) {
    let faults = folder.load(text).expect_err("a fault");
    assert_eq!(keys(&faults), [key], "{faults:#?}");
    let shown = faults[0].to_string();
    assert!(shown.contains(words), "{shown:?} lacks {words:?}");
}

#[test]
fn a_sound_file_is_read_with_the_defaults_of_the_table() {
    // OVP-REQ-16, KB-18: the other device is off, and nothing has to be switched on.
    let settings = Folder::new().load(SOUND).unwrap();
    assert_eq!(settings.service.public_url.origin(), "https://verifier.example");
    assert_eq!(settings.service.listen.to_string(), "127.0.0.1:8080");
    // Section 3 of the catalogue.
    assert_eq!(settings.service.limits, config::service::HttpLimits::default());
    assert!(matches!(settings.store, StoreSettings::Sqlite { .. }));
    let tenant = &settings.tenant;
    assert_eq!(tenant.client_id_prefix, ClientIdPrefix::X509Hash);
    assert_eq!(tenant.cross_device, CrossDevice::Off);
    assert!(!tenant.plain_direct_post);
    assert!(tenant.allow_dcql);
    assert!(tenant.presets.len() > 5 && !tenant.presets.iter().any(pruefstein::domain::preset::Preset::test_only));
    assert_eq!((tenant.transaction_seconds, tenant.result_seconds, tenant.result_seconds_max), (300, 900, 3600));
    assert_eq!(tenant.policy.skew.seconds(), 60);
    assert_eq!(tenant.policy.proof_max_age, 600);
    assert_eq!(tenant.policy.anchor_in_chain, AnchorInChain::Refuse);
    let source = tenant.trust.source("pid-providers").unwrap();
    assert_eq!(source.anchors.len(), 1);
    assert_eq!(source.status_rule, StatusRule::RequiredUnlessShortLived);
    assert_eq!(settings.notes, []);
}

#[test]
fn all_faults_are_told_at_once_with_a_remedy() {
    let text = r#"
        [service]
        public_url = "http://verifier.example"
        listen = 8080
        max_conections = 5
        max_in_flight = 0

        [tenant]
        scheme = "mdoc"
        allow_dcql = "yes"
        return_urls = ["https://a.example/", 7, "javascript:alert(1)"]

        [[tenant.caller]]
        key_sha256 = "abc"

        [[trust]]
        types = "urn:eudi:pid:de:1"
        status_hosts = ["*.example"]

        [polcy]
    "#;
    let faults = Folder::new().load(text).unwrap_err();
    let mut found = keys(&faults);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            "polcy",
            "service.listen",
            "service.max_conections",
            "service.max_in_flight",
            "service.public_url",
            "store.path",
            "tenant.access_chain",
            "tenant.access_key",
            "tenant.allow_dcql",
            "tenant.caller(no. 1).key_sha256",
            "tenant.caller(no. 1).name",
            "tenant.name",
            "tenant.return_urls[1]",
            "tenant.return_urls[2]",
            "tenant.scheme",
            "trust(no. 1).anchors",
            "trust(no. 1).name",
            "trust(no. 1).status_hosts[0]",
            "trust(no. 1).types",
        ]
    );
    for fault in &faults {
        assert!(
            fault.remedy.ends_with(['.', '?']) || fault.remedy.contains("Write") || fault.remedy.contains(": "),
            "{fault}"
        );
    }
    let shown = |key: &str| faults.iter().find(|fault| fault.key == key).unwrap().to_string();
    assert!(shown("polcy").contains("Did you mean policy?"));
    assert!(shown("service.max_conections").contains("Did you mean max_connections?"));
    assert!(shown("service.max_in_flight").contains("Choose 1 to 10000 requests."));
}

#[test]
fn a_file_that_is_no_toml_names_its_line() {
    let folder = Folder::new();
    let faults = folder.load("[service]\npublic_url = \n").unwrap_err();
    assert!(faults[0].key.ends_with("pruefstein.toml:2"), "{faults:?}");
    let faults = folder.load("[service]\n[service]\n").unwrap_err();
    assert_eq!(faults.len(), 1);
    let missing = config::load(&folder.path("absent.toml"), &Environment::default(), NOW).unwrap_err();
    assert!(missing[0].problem.contains("there is no file"), "{missing:?}");
}

#[test]
fn nothing_switches_trust_or_status_off() {
    // TSL-46, KB-18, TL-21: what is in doubt has a rule for each source, and no type is trusted by the way.
    let folder = Folder::new();
    refused(
        &folder,
        &changed("status_hosts = [\"status.example\"]", "status = \"off\""),
        "trust(pid-providers).status",
        "required",
    );
    refused(
        &folder,
        &changed("types = [\"urn:eudi:pid:de:1\"]", "types = [\"*\"]"),
        "trust(pid-providers).types[0]",
        "exactly",
    );
    refused(
        &folder,
        &changed("types = [\"urn:eudi:pid:de:1\"]", "types = []"),
        "trust(pid-providers).types",
        "nothing",
    );
    refused(
        &folder,
        &changed("anchors = [\"anchors\"]", "anchors = []"),
        "trust(pid-providers).anchors",
        "no usable anchor",
    );
    let (without, _) = SOUND.split_once("[[trust]]").unwrap();
    refused(&folder, without, "trust", "nobody's credentials");
    for line in ["verify_status = false", "insecure = true", "skip_trust = true"] {
        assert!(folder.load(&with("policy", line)).is_err(), "{line}");
    }
}

#[test]
fn keys_belong_to_their_owner_alone() {
    // OVP-JAR-20.
    // API-027: world-readable key file.
    let folder = Folder::new();
    for mode in [0o640, 0o604, 0o644, 0o620, 0o601] {
        set_mode(&folder.path("access.key"), mode);
        refused(&folder, SOUND, "tenant.access_key", "chmod 600");
    }
    set_mode(&folder.path("access.key"), 0o400);
    folder.load(SOUND).unwrap();
}

#[test]
fn what_a_wallet_would_refuse_of_the_chain_stops_the_start() {
    // RPC-07.
    // OVP-JAR-11, OVP-JAR-12, OVP-JAR-13.
    // REQ-017, OVP-CID-05.
    let folder = Folder::new();
    let chain = |pem: &str| folder.write("access.pem", pem);
    let key = |pem: &str| folder.write_private("access.key", pem);
    let sound = std::fs::read_to_string(folder.path("access.pem")).unwrap();
    let refused = |words: &str| refused(&folder, SOUND, "tenant.access_chain", words);

    chain(&format!("{sound}{}", folder.access_root.pem()));
    refused("self-signed");
    let (other, other_key) = leaf(&folder.access_root, "Other", &[]);
    chain(&other.pem());
    refused("not for the key");
    key(&other_key.serialize_pem());
    folder.load(SOUND).unwrap();
    let (expired, expired_key) = leaf_with(&folder.access_root, "Old", &[], |params| {
        params.not_after = date_time_ymd(2026, 12, 31);
    });
    chain(&expired.pem());
    key(&expired_key.serialize_pem());
    refused("has expired");
    let (early, early_key) = leaf_with(&folder.access_root, "Early", &[], |params| {
        params.not_before = date_time_ymd(2027, 2, 1);
    });
    chain(&early.pem());
    key(&early_key.serialize_pem());
    refused("not valid yet");
    let (authority, authority_key) = leaf_with(&folder.access_root, "CA", &[], |params| {
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    });
    chain(&authority.pem());
    key(&authority_key.serialize_pem());
    refused("is a CA certificate");
    let lonely_key = rcgen::KeyPair::generate().unwrap();
    let lonely = rcgen::CertificateParams::new(vec!["verifier.example".to_owned()]).unwrap();
    chain(&lonely.self_signed(&lonely_key).unwrap().pem());
    key(&lonely_key.serialize_pem());
    refused("self-signed");
    chain("no certificate");
    refused("holds no certificate");
    chain("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    refused("broken certificate");
}

#[test]
fn a_chain_with_intermediates_must_be_one() {
    let folder = Folder::new();
    let between = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertifiedIssuer::signed_by(root_params(name), key, &folder.access_root).unwrap()
    };
    let (issuer, impostor) = (between("Access Sub CA"), between("Access Sub CA"));
    let (certificate, key) = leaf(&issuer, "Stadt", &[]);
    folder.write_private("access.key", &key.serialize_pem());
    folder.write("access.pem", &format!("{}{}", certificate.pem(), issuer.pem()));
    folder.load(SOUND).unwrap();
    folder.write("access.pem", &format!("{}{}", certificate.pem(), impostor.pem()));
    refused(&folder, SOUND, "tenant.access_chain", "do not form a chain");
    folder.write("access.pem", &format!("{}{}", certificate.pem(), between("Other").pem()));
    refused(&folder, SOUND, "tenant.access_chain", "not issued by");
}

#[test]
fn an_end_within_thirty_days_is_noted() {
    // REQ-017: thirty days ahead.
    let folder = Folder::new();
    let (certificate, key) = leaf_with(&folder.access_root, "Stadt", &[], |params| {
        params.not_after = date_time_ymd(2027, 2, 1);
    });
    folder.write("access.pem", &certificate.pem());
    folder.write_private("access.key", &key.serialize_pem());
    let notes = folder.load(SOUND).unwrap().notes;
    assert_eq!(notes.len(), 1);
    assert!(notes[0].to_string().contains("ends in 16 days"), "{notes:?}");
}

#[test]
fn names_as_identifiers_must_be_certified_and_outside_of_haip() {
    let folder = Folder::new();
    // OVP-CID-03.
    refused(&folder, &with("tenant", "client_id_prefix = \"x509_san_dns\""), "tenant.client_id_prefix", "HAIP");
    let base = with("tenant", "client_id_prefix = \"x509_san_dns\"\nprofile = \"openid4vp\"");
    let settings = folder.load(&base).unwrap();
    assert_eq!(settings.tenant.client_id_prefix, ClientIdPrefix::X509SanDns);
    assert_eq!(settings.tenant.policy.anchor_in_chain, AnchorInChain::Ignore);
    // OVP-CID-05, OVP-REQ-06: another host.
    let other = base.replace("https://verifier.example", "https://other.example");
    refused(&folder, &other, "tenant.access_chain", "other.example");
}

#[test]
fn a_profile_decides_how_the_verifier_may_be_named() {
    let folder = Folder::new();
    let named = |profile: &str, prefix: &str, more: &str| {
        with("tenant", &format!("profile = \"{profile}\"\nclient_id_prefix = \"{prefix}\"\n{more}"))
    };
    // OVP-CID-03, OVP-CID-06: under HAIP neither unsigned requests nor agreed names.
    for profile in ["haip", "haip+etsi", "de-sandbox"] {
        for (prefix, more) in [("redirect_uri", ""), ("x509_san_dns", ""), ("pre-registered", "client_id = \"town-7\"")]
        {
            let faults = folder.load(&named(profile, prefix, more)).expect_err("a fault");
            let fault = faults.iter().find(|fault| fault.to_string().contains("client_id_prefix")).unwrap();
            assert!(fault.to_string().contains(profile), "{profile} {prefix}: {faults:?}");
        }
    }
    let unsigned = folder.load(&named("openid4vp", "redirect_uri", "")).unwrap();
    assert_eq!(unsigned.tenant.client_id, ClientId::OfResponseUri);
    let agreed = folder.load(&named("openid4vp", "pre-registered", "client_id = \"town-7\"")).unwrap();
    assert_eq!(agreed.tenant.client_id, ClientId::Fixed("town-7".to_owned()));
    // OVP-CID-11, OVP-CID-12.
    for wrong in ["x509_hash:foo", "origin:https://town.example", "redirect_uri:https://a.example"] {
        let text = named("openid4vp", "pre-registered", &format!("client_id = \"{wrong}\""));
        refused(&folder, &text, "tenant.client_id", "prefix");
    }
    refused(&folder, &named("openid4vp", "pre-registered", ""), "tenant.client_id", "missing");
    refused(&folder, &named("openid4vp", "x509_hash", "client_id = \"town-7\""), "tenant.client_id", "not chosen");
}

#[test]
fn plain_answers_are_not_for_every_profile() {
    // OVP-REQ-04.
    let folder = Folder::new();
    for (profile, allowed) in [("haip", true), ("openid4vp", true), ("haip+etsi", false), ("de-sandbox", false)] {
        let text = with("tenant", &format!("profile = \"{profile}\"\nplain_direct_post = \"deviation_from_haip\""));
        match folder.load(&text) {
            Ok(settings) => assert!(allowed && settings.tenant.plain_direct_post, "{profile}"),
            Err(faults) => {
                let shown = format!("{faults:?}");
                assert!(!allowed && shown.contains("plain_direct_post") && shown.contains(profile), "{shown}");
            }
        }
    }
}

#[test]
fn nothing_but_anchors_may_be_among_the_anchors() {
    // TRU-014, with the name of the file.
    let folder = Folder::new();
    let key = "trust(pid-providers).anchors[0]";
    folder.write("anchors/ca.key", &rcgen::KeyPair::generate().unwrap().serialize_pem());
    refused(&folder, SOUND, key, "anchors/ca.key holds a private key");
    std::fs::remove_file(folder.path("anchors/ca.key")).unwrap();
    folder.write("anchors/leaf.pem", &leaf(&folder.issuer_root, "Leaf", &[]).0.pem());
    refused(&folder, SOUND, key, "anchors/leaf.pem");
    std::fs::remove_file(folder.path("anchors/leaf.pem")).unwrap();
    folder.write("anchors/readme", "hello");
    refused(&folder, SOUND, key, "anchors/readme holds no certificate");
    std::fs::remove_file(folder.path("anchors/readme")).unwrap();
    folder.write("anchors/NOTES.md", "notes are allowed");
    folder.write("anchors/.hidden", "so are hidden files");
    folder.load(SOUND).unwrap();
    refused(&folder, &changed("\"anchors\"", "\"missing\""), key, "there is no file");
}

#[test]
fn repeated_expired_and_weak_anchors_are_noted() {
    let folder = Folder::new();
    std::fs::write(folder.path("anchors/again.der"), folder.issuer_root.der()).unwrap();
    let mut old = root_params("Old CA");
    old.not_after = date_time_ymd(2026, 6, 1);
    let old = rcgen::CertifiedIssuer::self_signed(old, rcgen::KeyPair::generate().unwrap()).unwrap();
    folder.write("anchors/old.pem", &old.pem());
    folder.write("anchors/weak.pem", WEAK_CA);
    let settings = folder.load(SOUND).unwrap();
    let notes: Vec<String> = settings.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert_eq!(settings.tenant.trust.sources()[0].anchors.len(), 2);
    assert!(notes.iter().any(|note| note.contains("weak.pem") && note.contains("left out")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("twice")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("old.pem") && note.contains("expired")), "{notes:?}");
    let only_weak = changed("\"anchors\"", "\"anchors/weak.pem\"");
    refused(&folder, &only_weak, "trust(pid-providers).anchors", "no usable anchor");
}

#[test]
fn pinned_certificates_are_leaves() {
    let folder = Folder::new();
    folder.write("pinned.pem", &leaf(&folder.issuer_root, "Pass", &[]).0.pem());
    let text = changed("anchors = [\"anchors\"]", "pinned = [\"pinned.pem\"]");
    assert_eq!(folder.load(&text).unwrap().tenant.trust.sources()[0].pinned.len(), 1);
    folder.write("pinned.pem", &root("CA").pem());
    refused(&folder, &text, "trust(pid-providers).pinned[0]", "CA certificates belong under anchors");
}

#[test]
fn an_open_caller_interface_stays_on_this_machine() {
    let folder = Folder::new();
    let (before, after) = SOUND.split_once("[[tenant.caller]]").unwrap();
    let (_, after) = after.split_once("[[trust]]").unwrap();
    let without = format!("{before}[[trust]]{after}");
    let settings = folder.load(&without).unwrap();
    assert_eq!(settings.notes.len(), 1);
    for listen in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"] {
        let open = without.replace("[service]", &format!("[service]\nlisten = \"{listen}\""));
        refused(&folder, &open, "tenant.caller", "personal data");
    }
}

#[test]
fn callers_have_names_and_keys_of_their_own() {
    let folder = Folder::new();
    let key = "key_sha256 = \"1f5a0c3f0b7d9c1e8a4b2d6e5f7081928374655647382910a1b2c3d4e5f60718\"";
    let add = |name: &str, key: &str| {
        SOUND.replace("[[trust]]", &format!("[[tenant.caller]]\nname = \"{name}\"\n{key}\n\n[[trust]]"))
    };
    refused(&folder, &add("zwei", key), "tenant.caller(zwei).key_sha256", "another caller");
    let other = key.replace("1f5a", "2f5a");
    refused(&folder, &add("antrag", &other), "tenant.caller(antrag).name", "another caller");
    // API-027: empty secret.
    let empty = "key_sha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"";
    refused(&folder, &add("leer", empty), "tenant.caller(leer).key_sha256", "empty key");
    for wrong in ["key_sha256 = \"secret\"", &key.replace("1f5a", "+f5a"), &key.replace("1f5a", "zz5a")] {
        refused(&folder, &add("falsch", wrong), "tenant.caller(falsch).key_sha256", "64 hexadecimal");
    }
    assert_eq!(folder.load(&add("zwei", &other)).unwrap().tenant.callers.len(), 2);
}

#[test]
fn secrets_are_shown_nowhere() {
    let folder = Folder::new();
    let settings = folder.load(SOUND).unwrap();
    let debug = format!("{settings:?}");
    assert!(!debug.contains("1f5a0c3f") && !debug.contains("31, 90, 12"), "{debug}");
    let pem = std::fs::read_to_string(folder.path("access.key")).unwrap();
    let body = pem.lines().nth(1).unwrap();
    assert!(!debug.contains(body));
    let shown = config::show::show(&folder.path("pruefstein.toml"), &Environment::default()).unwrap();
    assert!(!shown.contains("1f5a0c3f"), "{shown}");
    // Nor does a fault repeat the value of a digest.
    let faults = folder.load(&SOUND.replace("1f5a0c3f", "topsecret")).unwrap_err();
    assert!(!format!("{faults:?}").contains("topsecret"), "{faults:?}");
}

#[test]
fn what_is_shown_is_what_holds() {
    let folder = Folder::new();
    folder.write("pruefstein.toml", SOUND);
    let environment = Environment::of(&[("PRUEFSTEIN__SERVICE__LISTEN", "127.0.0.1:9999")]);
    let shown = config::show::show(&folder.path("pruefstein.toml"), &environment).unwrap();
    assert!(shown.contains("listen = \"127.0.0.1:9999\" # from PRUEFSTEIN__SERVICE__LISTEN\n"), "{shown}");
    assert!(shown.contains("max_in_flight = 256 # default\n"), "{shown}");
    // It can be read again, digest aside.
    let again = shown.replace('…', "1f5a0c3f0b7d9c1e8a4b2d6e5f7081928374655647382910a1b2c3d4e5f60718");
    let settings = folder.load(&again).unwrap();
    assert_eq!(settings.service.listen.port(), 9999);
}

#[test]
fn variables_override_single_values() {
    let folder = Folder::new();
    let settings = folder
        .load_with(
            SOUND,
            &[
                ("PRUEFSTEIN__SERVICE__PUBLIC_URL", "https://other.example"),
                ("PRUEFSTEIN__SERVICE__MAX_IN_FLIGHT", "7"),
                ("PRUEFSTEIN__TENANT__ALLOW_DCQL", "false"),
                ("PRUEFSTEIN__LOG__FORMAT", "text"),
            ],
        )
        .unwrap();
    assert_eq!(settings.service.public_url.host(), "other.example");
    assert_eq!(settings.service.limits.max_in_flight, 7);
    assert!(!settings.tenant.allow_dcql);
    assert!(!settings.log.json);
    let faults = folder
        .load_with(
            SOUND,
            &[
                ("PRUEFSTEIN__SERVICE__LISTN", "x"),
                ("PRUEFSTEIN__SERVICE__MAX_IN_FLIGHT", "many"),
                ("PRUEFSTEIN__TENANT__RETURN_URLS", "https://a.example/"),
                ("PRUEFSTEIN__TRUST__NAME", "x"),
            ],
        )
        .unwrap_err();
    assert_eq!(
        keys(&faults),
        [
            "PRUEFSTEIN__SERVICE__LISTN",
            "PRUEFSTEIN__SERVICE__MAX_IN_FLIGHT",
            "PRUEFSTEIN__TENANT__RETURN_URLS",
            "PRUEFSTEIN__TRUST__NAME"
        ]
    );
    assert!(faults[0].remedy.contains("PRUEFSTEIN__SERVICE__LISTEN"), "{}", faults[0]);
}

#[test]
fn placeholder_types_need_test_mode() {
    let folder = Folder::new();
    let text = changed("\"urn:eudi:pid:de:1\"", "\"urn:example:kommune:sozialpass:1\"");
    refused(&folder, &text, "trust(pid-providers).types[0]", "test_mode");
    let settings = folder.load(&text.replace("[service]", "[service]\ntest_mode = true")).unwrap();
    assert!(settings.service.test_mode);
    assert_eq!(settings.notes.len(), 1);
}

#[test]
fn presets_exist_and_placeholders_need_test_mode() {
    let folder = Folder::new();
    let misspelt = with("tenant", "presets = [\"schalter\", \"bewonerparken\"]");
    refused(&folder, &misspelt, "tenant.presets[1]", "bewohnerparken");
    let placeholder = with("tenant", "presets = [\"sozialpass\"]");
    refused(&folder, &placeholder, "tenant.presets[0]", "test_mode");
    let settings = folder.load(&placeholder.replace("[service]", "[service]\ntest_mode = true")).unwrap();
    assert_eq!(settings.tenant.presets.len(), 1);
    refused(&folder, &with("tenant", "result_seconds = 4000"), "tenant.result_seconds", "result_seconds_max");
    refused(&folder, &with("tenant", "scheme = \"http\""), "tenant.scheme", "https link");
}

#[test]
fn policies_have_bounds() {
    let folder = Folder::new();
    refused(&folder, &with("policy", "clock_skew_seconds = 301"), "policy.clock_skew_seconds", "0 to 300");
    refused(&folder, &with("policy", "proof_max_age_seconds = 0"), "policy.proof_max_age_seconds", "30 to 3600");
    refused(&folder, &with("policy", "algorithms = [\"ES256\", \"none\"]"), "policy.algorithms[1]", "not an algorithm");
    refused(&folder, &with("policy", "algorithms = [\"ES384\"]"), "policy.algorithms", "ES256");
    let settings = folder.load(&with("policy", "algorithms = [\"ES256\", \"PS256\"]")).unwrap();
    assert_eq!(settings.tenant.policy.algorithms.names().collect::<Vec<_>>(), ["ES256", "PS256"]);
}

#[test]
fn type_metadata_is_for_its_type() {
    // VC-41 to VC-45, VC-47, VC-52.
    let folder = Folder::new();
    let sections = |sections: &[&str]| {
        let text: Vec<String> = sections.iter().map(|section| format!("\n[[type_metadata]]\n{section}\n")).collect();
        format!("{SOUND}{}", text.concat())
    };
    let document = r#"{"vct": "urn:eudi:pid:de:1", "claims": [{"path": ["family_name"], "sd": "always"}]}"#;
    let hash = pruefstein::domain::jose::hash::integrity("sha256", document.as_bytes()).unwrap();
    folder.write("pid.json", document);
    let policy = |text: &str| folder.load(text).unwrap().tenant.policy.type_metadata;
    let given = policy(&sections(&["file = \"pid.json\""]));
    assert_eq!(given.catalogue.types().collect::<Vec<_>>(), ["urn:eudi:pid:de:1"]);
    let meant = format!("file = \"pid.json\"\ntype = \"urn:eudi:pid:de:1\"\nintegrity = \"sha256-{hash}\"");
    assert_eq!(policy(&sections(&[&meant])).catalogue.digest(), given.catalogue.digest());
    let key = |name: &str| format!("type_metadata(no. 1).{name}");
    let bad = |section: &str, name: &str, problem: &str| {
        refused(&folder, &sections(&[section]), &key(name), problem);
    };
    bad("file = \"pid.json\"\ntype = \"urn:other\"", "file", "another type");
    bad("file = \"pid.json\"\nintegrity = \"sha256-AAAA\"", "file", "not the document that integrity means");
    bad("file = \"pid.json\"\nintegrity = \"md5-AAAA\"", "integrity", "no hash of a known kind");
    bad("file = \"nowhere.json\"", "file", "there is no file");
    bad("file = \"pid.json\"\nvct = \"x\"", "vct", "there is no such setting");
    bad("required = true", "file", "is missing");
    bad("file = \"pid.json\"\nrequired = \"yes\"", "required", "true or false");
    folder.write("broken.json", "{");
    bad("file = \"broken.json\"", "file", "no JSON object");
    folder.write("number.json", r#"{"vct": "urn:x", "claims": [{"path": [1]}]}"#);
    bad("file = \"number.json\"", "file", "does not begin with a name");
    // Two for one type.
    let twice = sections(&["file = \"pid.json\"", "file = \"pid.json\""]);
    refused(&folder, &twice, "type_metadata(no. 2).file", "as another section is, too");
    // The chain is whole and sound, or can be fetched.
    folder.write("child.json", r#"{"vct": "urn:child", "extends": "urn:eudi:pid:de:1"}"#);
    bad("file = \"child.json\"", "file", "extends urn:eudi:pid:de:1, whose document is not there");
    assert_eq!(policy(&sections(&["file = \"child.json\"", "file = \"pid.json\""])).rules.len(), 2);
    folder.load(&sections(&["file = \"child.json\"\nhosts = [\"types.example\"]"])).unwrap();
    folder.write("circle.json", r#"{"vct": "urn:circle", "extends": "urn:circle"}"#);
    bad("file = \"circle.json\"", "file", "extends itself");
    folder.write(
        "loose.json",
        r#"{"vct": "urn:l", "extends": "urn:eudi:pid:de:1", "claims": [{"path": ["family_name"], "sd": "never"}]}"#,
    );
    let loose = sections(&["file = \"loose.json\"", "file = \"pid.json\""]);
    refused(&folder, &loose, &key("file"), "changes whether a claim is disclosable");
    // Fetched: from an address, and from a publisher that is named.
    let fetched = policy(&sections(&[
        "type = \"https://types.example/pid\"\nhosts = [\"types.example\", \"https://mirror.example:8443\"]\nrequired = true",
    ]));
    let rule = &fetched.rules["https://types.example/pid"];
    assert_eq!(rule.publishers, ["https://types.example:443", "https://mirror.example:8443"]);
    assert_eq!(rule.rule, pruefstein::domain::type_metadata::TypeMetadataRule::Required);
    bad("type = \"https://types.example/pid\"", "hosts", "is missing");
    bad("type = \"https://types.example/pid\"\nhosts = [\"mirror.example\"]", "hosts", "does not name the host");
    bad("type = \"https://types.example/pid\"\nhosts = [\"http://types.example\"]", "hosts[0]", "not a host");
    bad("type = \"urn:x\"\nhosts = [\"types.example\"]", "type", "no https address");
    bad("type = \"http://types.example/pid\"\nhosts = [\"types.example\"]", "type", "no https address");
    folder.load(&sections(&["type = \"http://127.0.0.1:9/pid\"\nhosts = [\"http://127.0.0.1:9\"]"])).unwrap();
}

#[test]
fn gateways_are_named_by_their_networks() {
    let folder = Folder::new();
    for (network, words) in [
        ("10.0.0.1", "is not a network"),
        ("gateway.example", "is not a network"),
        ("10.0.0.0/33", "is not a network"),
        ("10.0.0.1/8", "Write 10.0.0.0/8 or 10.0.0.1/32"),
        ("fd00::1/64", "Write fd00::/64 or fd00::1/128"),
        ("0.0.0.0/0", "is everybody"),
        ("::/0", "is everybody"),
    ] {
        let text = SOUND.replace("127.0.0.0/8", network);
        refused(&folder, &text, "service.trusted_proxies[0]", words);
    }
    refused(
        &folder,
        &with("service", "client_address_header = \"x-real-ip\""),
        "service.client_address_header",
        "one of",
    );
    let noted = |text: &str| {
        let settings = folder.load(text).unwrap();
        settings.notes.iter().any(|note| note.key == "service.trusted_proxies")
    };
    assert!(!noted(SOUND));
    let unnamed = SOUND.replace("trusted_proxies = [\"127.0.0.0/8\"]\n", "");
    assert!(noted(&unnamed), "TLS ends in front of this service, so there is a gateway");
    assert!(!noted(&unnamed.replace("https://verifier.example", "http://127.0.0.1:8080")));
    let text = SOUND.replace(
        "trusted_proxies = [\"127.0.0.0/8\"]",
        "trusted_proxies = [\"10.0.0.0/8\", \"fd00::/64\"]\nclient_address_header = \"forwarded\"",
    );
    let service = folder.load(&text).unwrap().service;
    assert_eq!(service.trusted_proxies.len(), 2);
    assert_eq!(service.client_address_header, config::service::ClientAddressHeader::Forwarded);
}

#[test]
fn stores_are_complete() {
    let folder = Folder::new();
    refused(&folder, &changed("path = \"store.sqlite3\"", ""), "store.path", "sqlite needs it");
    refused(&folder, &changed("path = \"store.sqlite3\"", "path = \"nowhere/store\""), "store.path", "does not exist");
    let memory = changed("path = \"store.sqlite3\"", "kind = \"memory_only_lost_at_restart\"");
    assert_eq!(folder.load(&memory).unwrap().store, StoreSettings::MemoryOnlyLostAtRestart);
    let both = memory.replace("[tenant]", "path = \"x\"\n[tenant]");
    refused(&folder, &both, "store.path", "memory");
}

/// The sound configuration on PostgreSQL, with these lines in its section.
fn on_postgresql(lines: &str) -> String {
    let usual = "encryption_key_file = \"store.key\"\n";
    let store = "[store]\nkind = \"postgresql\"\n\n[postgresql]\n";
    changed("[store]\npath = \"store.sqlite3\"\n", &format!("{store}{usual}{lines}\n"))
}

#[test]
fn the_database_is_read() {
    let folder = Folder::new();
    folder.write_private("store.key", &"0a1b".repeat(16));
    folder.write_private("old.key", &"ff01".repeat(16));
    folder.write_private("password", "with blanks \n");
    let settings =
        folder.load(&on_postgresql("host = \"db1.intern:5433,db2.intern\"\npassword_file = \"password\"")).unwrap();
    let StoreSettings::Postgresql(database) = settings.store else { panic!("postgresql") };
    let tcp = |name: &str, port| DatabaseHost::Tcp(name.to_owned(), port);
    assert_eq!(database.hosts, [tcp("db1.intern", 5433), tcp("db2.intern", 5432)]);
    assert_eq!(
        (database.user.as_str(), database.database.as_str(), database.pool_size),
        ("pruefstein", "pruefstein", 16)
    );
    assert_eq!(database.password.as_deref().map(String::as_str), Some("with blanks "), "only the end of the line goes");
    assert_eq!(database.tls, DatabaseTls::VerifyFull { roots: None, identity: None });
    assert_eq!(database.encryption_keys.len(), 1);
    let shown = format!("{database:?}");
    assert!(!shown.contains("blanks") && !shown.contains("0a1b"), "{shown}");
    let here = "host = \"/run/postgresql\"\ntls = \"unencrypted_on_this_machine_only\"\n\
        previous_encryption_key_files = [\"old.key\"]";
    let StoreSettings::Postgresql(database) = folder.load(&on_postgresql(here)).unwrap().store else { panic!() };
    assert_eq!((database.tls, database.encryption_keys.len()), (DatabaseTls::Off, 2));
}

#[test]
fn faults_of_the_database_are_named() {
    let folder = Folder::new();
    folder.write_private("store.key", &"0a1b".repeat(16));
    folder.write_private("zero.key", &"00".repeat(32));
    folder.write_private("empty", "\n");
    folder.write("open.key", &"0a1b".repeat(16));
    set_mode(&folder.path("open.key"), 0o644);
    let off = "tls = \"unencrypted_on_this_machine_only\"";
    for (lines, key, words) in [
        ("", "postgresql.host", "needs it"),
        ("host = \"postgresql://db/x\"", "postgresql.host", "no host"),
        ("host = \"user@db\"", "postgresql.host", "no host"),
        ("host = \"db:99999\"", "postgresql.host", "no host"),
        (&format!("host = \"db\"\n{off}"), "postgresql.tls", "in the open"),
        (&format!("host = \"127.0.0.1,db\"\n{off}"), "postgresql.tls", "db is another machine"),
        ("host = \"/run/postgresql\"", "postgresql.tls", "Unix socket"),
        (
            &format!("host = \"localhost\"\n{off}\nca_file = \"anchors/pid.pem\""),
            "postgresql.tls",
            "certificates for it",
        ),
        ("host = \"db\"\nclient_certificate = \"access.pem\"", "postgresql.client_key", "is missing"),
        ("host = \"db\"\nclient_key = \"access.key\"", "postgresql.client_certificate", "is missing"),
        ("host = \"db\"\nca_file = \"access.key\"", "postgresql.ca_file", "private key"),
        ("host = \"db\"\npassword_file = \"nowhere\"", "postgresql.password_file", "no file"),
        ("host = \"db\"\npassword_file = \"empty\"", "postgresql.password_file", "one line"),
        ("host = \"db\"\npassword_file = \"open.key\"", "postgresql.password_file", "others"),
        ("host = \"db\"\npool_size = 0", "postgresql.pool_size", "out of range"),
        ("host = \"db\"\npassword = \"x\"", "postgresql.password", "no such setting"),
        (
            "host = \"db\"\nprevious_encryption_key_files = [\"store.key\"]",
            "postgresql.previous_encryption_key_files",
            "twice",
        ),
        (
            "host = \"db\"\nprevious_encryption_key_files = [\"zero.key\"]",
            "postgresql.previous_encryption_key_files[0]",
            "random",
        ),
    ] {
        refused(&folder, &on_postgresql(lines), key, words);
    }
    let key = |file: &str| on_postgresql("host = \"db\"").replace("\"store.key\"", &format!("\"{file}\""));
    refused(&folder, &key("open.key"), "postgresql.encryption_key_file", "others");
    refused(&folder, &key("access.pem"), "postgresql.encryption_key_file", "");
    let without = on_postgresql("host = \"db\"").replace("encryption_key_file = \"store.key\"\n", "");
    refused(&folder, &without, "postgresql.encryption_key_file", "openssl rand -hex 32");
    let both = on_postgresql("host = \"db\"").replace("kind = \"postgresql\"", "kind = \"postgresql\"\npath = \"x\"");
    refused(&folder, &both, "store.path", "in a database");
    let unused = with("postgresql", "host = \"db\"");
    refused(&folder, &unused, "store.kind", "there is a section [postgresql]");
    refused(&folder, &with("postgresql", "hots = \"db\""), "postgresql.hots", "Did you mean host?");
}

#[test]
fn addresses_for_the_way_out_are_checked() {
    let folder = Folder::new();
    refused(&folder, &with("outgoing", "proxy = \"http://user:pass@proxy\""), "outgoing.proxy", "without a user");
    refused(&folder, &with("outgoing", "extra_roots = [\"access.key\"]"), "outgoing.extra_roots[0]", "private key");
    for (left, right, words) in [
        ("https://lists.example", "direct", "is not a host"),
        ("lists.example:8443", "direct", "is not a host"),
        ("lists.example/x", "direct", "is not a host"),
        ("*.example", "direct", "is not a host"),
        ("user@lists.example", "direct", "is not a host"),
        ("localhost", "http://proxy", "this machine"),
        ("127.0.0.1", "direct", "this machine"),
        ("lists.example", "none", "nor direct"),
        ("lists.example", "socks5://proxy", "nor direct"),
        ("lists.example", "http://u:p@proxy", "nor direct"),
        ("lists.example", "http://proxy/path", "nor direct"),
    ] {
        let line = format!("proxy_for = {{ \"{left}\" = \"{right}\" }}");
        refused(&folder, &with("outgoing", &line), &format!("outgoing.proxy_for.\"{left}\""), words);
    }
    let twice = "proxy_for = { \"lists.example\" = \"direct\", \"LISTS.example\" = \"direct\" }";
    assert_eq!(folder.load(&with("outgoing", twice)).expect_err("a fault").len(), 1);
    refused(&folder, &with("outgoing", "proxy_for = \"direct\""), "outgoing.proxy_for", "must be a table");
    let ways = "proxy_for = { \"Lists.example\" = \"https://other.intern\", \"status.example\" = \"direct\" }";
    let settings = folder.load(&with("outgoing", ways)).unwrap();
    let ways: Vec<(&str, Option<&str>)> = settings
        .outgoing
        .proxy_for
        .iter()
        .map(|(host, proxy)| (host.as_str(), proxy.as_ref().map(url::Url::as_str)))
        .collect();
    assert_eq!(ways, [("lists.example", Some("https://other.intern/")), ("status.example", None)]);
    let settings =
        folder.load(&with("outgoing", "proxy = \"http://proxy.intern:3128\"\nextra_roots = [\"anchors\"]")).unwrap();
    assert_eq!(settings.outgoing.extra_roots.len(), 1);
    refused(&folder, &with("service", "operations_listen = \"127.0.0.1:8080\""), "service.operations_listen", "public");
    for host in ["https://a", "a/b", "user@a", "*.a", "A.example"] {
        let text = with("service", &format!("caller_hosts = [\"{host}\"]"));
        refused(&folder, &text, "service.caller_hosts[0]", "host");
    }
    let settings = folder.load(&with("service", "caller_hosts = [\"pruefstein.intern:8080\"]")).unwrap();
    assert_eq!(settings.service.caller_hosts, ["pruefstein.intern:8080"]);
}

#[test]
fn every_setting_has_a_sound_default_and_a_meaning() {
    for section in SECTIONS {
        for field in section.fields {
            assert!(field.about.ends_with(['.', ')']), "{}.{}", section.name, field.name);
            if let config::field::Default::Is(text) = field.default {
                let value = format!("value = {text}").parse::<toml::Table>();
                assert!(value.is_ok(), "{}.{}: {text}", section.name, field.name);
            }
        }
    }
}

#[test]
fn the_smallest_file_of_the_documentation_is_accepted() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("pid-anchors")).unwrap();
    folder.write("pid-anchors/pid.pem", &folder.issuer_root.pem());
    folder.load(config::docs::MINIMAL).unwrap();
}

#[test]
fn trust_alone_can_be_read() {
    let folder = Folder::new();
    let (_, trust) = SOUND.split_once("[[trust]]").unwrap();
    folder.write("trust.toml", &format!("[[trust]]{trust}\n[policy]\nclock_skew_seconds = 5\n"));
    let (trust, policy, _) = config::load_trust(&folder.path("trust.toml"), NOW).unwrap();
    assert_eq!((trust.plans.len(), policy.skew.seconds()), (1, 5));
    folder.write("trust.toml", SOUND);
    let faults = config::load_trust(&folder.path("trust.toml"), NOW).unwrap_err();
    assert_eq!(keys(&faults), ["service", "store", "tenant"]);
}

#[test]
fn origins_have_one_spelling() {
    // case DCA-007; DCA-07, DCA-08.
    let folder = Folder::new();
    let tenant = |lines: &str| folder.load(&with("tenant", lines));
    let settings = tenant("origins = [\"https://antrag.stadt.example\", \"http://127.0.0.1:3000\"]").unwrap().tenant;
    let origins: Vec<&str> = settings.origins.iter().map(pruefstein::domain::dc_api::Origin::as_str).collect();
    assert_eq!(origins, ["https://antrag.stadt.example", "http://127.0.0.1:3000"]);
    assert_eq!(settings.dc_api_protocols, [Protocol::Signed], "DCA-15: signed unless said otherwise");
    assert!(folder.load(SOUND).unwrap().tenant.origins.is_empty());
    for (origin, words) in [
        ("http://antrag.stadt.example", "http, but not on a loopback host"),
        ("data:text/html,x", "neither https nor http"),
        ("javascript:alert(1)", "neither https nor http"),
        ("wss://antrag.stadt.example", "neither https nor http"),
        ("ftp://antrag.stadt.example", "neither https nor http"),
        ("https://antrag.stadt.example/", "not exactly an origin"),
        ("https://antrag.stadt.example/weiter", "not exactly an origin"),
        ("https://antrag.stadt.example:443", "not exactly an origin"),
        ("https://ANTRAG.stadt.example", "not exactly an origin"),
        ("https://*.stadt.example", "wildcard"),
        ("antrag.stadt.example", "not an absolute address"),
    ] {
        let text = with("tenant", &format!("origins = [\"https://a.example\", \"{origin}\"]"));
        refused(&folder, &text, "tenant.origins[1]", words);
    }
    refused(&folder, &with("tenant", "origins = []"), "tenant.origins", "empty list");
}

#[test]
fn browsers_are_asked_in_signed_requests_unless_the_deviation_is_named() {
    // DCA-15, OVP-CID-06.
    const ORIGINS: &str = "origins = [\"https://antrag.stadt.example\"]";
    let folder = Folder::new();
    let text = |lines: &str| with("tenant", &format!("{ORIGINS}\n{lines}"));
    let protocols = |lines: &str| folder.load(&text(lines)).unwrap().tenant.dc_api_protocols;
    let both = "dc_api_protocols = [\"openid4vp-v1-multisigned\", \"openid4vp-v1-signed\"]";
    let unsigned = "dc_api_unsigned = \"deviation_from_eu_rules\"";
    assert_eq!(protocols(both), [Protocol::MultiSigned, Protocol::Signed]);
    assert_eq!(protocols(unsigned), [Protocol::Signed, Protocol::Unsigned]);
    assert_eq!(protocols(&format!("dc_api_protocols = []\n{unsigned}")), [Protocol::Unsigned]);
    for (lines, key, words) in [
        ("dc_api_protocols = [\"openid4vp-v1-unsigned\"]", "tenant.dc_api_protocols[0]", "deviation_from_eu_rules"),
        ("dc_api_protocols = [\"openid4vp-v1-sign\"]", "tenant.dc_api_protocols[0]", "openid4vp-v1-signed"),
        ("dc_api_protocols = [\"openid4vp\"]", "tenant.dc_api_protocols[0]", "no such protocol"),
        ("dc_api_protocols = []", "tenant.dc_api_protocols", "empty list"),
        ("dc_api_unsigned = \"yes\"", "tenant.dc_api_unsigned", "one of"),
    ] {
        refused(&folder, &text(lines), key, words);
    }
    // The hosted pages are pages, too.
    let hosted = folder.load(&with("tenant", &format!("hosted_dc_api = true\n{both}"))).unwrap().tenant;
    assert!(hosted.hosted_dc_api && hosted.origins.is_empty());
    assert_eq!(hosted.dc_api_protocols, [Protocol::MultiSigned, Protocol::Signed]);
    for line in [both, unsigned] {
        let faults = folder.load(&with("tenant", line)).expect_err("no origins");
        assert!(faults[0].to_string().contains("without origins"), "{faults:?}");
    }
    for profile in ["haip+etsi", "de-sandbox"] {
        let faults = folder.load(&text(&format!("profile = \"{profile}\"\n{unsigned}"))).expect_err("a fault");
        let about = faults.iter().find(|fault| fault.key == "tenant.dc_api_unsigned").unwrap().to_string();
        assert!(about.contains(profile) && about.contains("DCA-15"), "{about}");
    }
    let nameless = "profile = \"openid4vp\"\nclient_id_prefix = \"redirect_uri\"";
    refused(&folder, &text(nameless), "tenant.dc_api_protocols", "nothing can be signed");
    assert_eq!(protocols(&format!("{nameless}\ndc_api_protocols = []\n{unsigned}")), [Protocol::Unsigned]);
}
