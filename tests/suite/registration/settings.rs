//! `[[registration]]`: what a start refuses, and what it says.

use super::*;
use pruefstein::config::{self, Environment, Fault, Settings};
use std::fs;

/// A folder with the files of a world, and a configuration of it.
struct Set {
    dir: tempfile::TempDir,
    world: World,
}

pub(super) const SOUND: &str = r#"
[service]
public_url = "https://verifier.example"
trusted_proxies = ["127.0.0.0/8"]

[store]
path = "store.sqlite3"

[tenant]
name = "Stadt Beispiel"
access_key = "access.key"
access_chain = "access.pem"
presets = ["bewohnerparken"]

[[tenant.caller]]
name = "antrag"
key_sha256 = "1f5a0c3f0b7d9c1e8a4b2d6e5f7081928374655647382910a1b2c3d4e5f60718"

[[trust]]
name = "pid-providers"
types = ["urn:eudi:pid:de:1"]
anchors = ["pid-root.pem"]
status_hosts = ["status.example"]

[[trust]]
name = "registrars"
purpose = "registrar"
anchors = ["registrar-root.pem"]

[[registration]]
name = "parking"
file = "parking.jwt"
presets = ["bewohnerparken"]
"#;

impl Set {
    fn new() -> Self {
        let set = Self { dir: tempfile::tempdir().unwrap(), world: world() };
        set.world.authority.write_to(set.dir.path()).unwrap();
        set.write("parking.jwt", &draft(&set.world.authority, NOW).jwt().unwrap());
        set
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.dir.path().join(name), content).unwrap();
    }

    fn load(&self, text: &str) -> Result<Settings, Vec<Fault>> {
        self.write("pruefstein.toml", text);
        config::load(&self.dir.path().join("pruefstein.toml"), &Environment::of(&[]), NOW)
    }

    /// Asserts that exactly this key is refused, with these words.
    #[track_caller]
    fn refused(&self, text: &str, key: &str, words: &str) {
        let faults = self.load(text).map(|_| ()).expect_err("a fault");
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        assert_eq!(keys, [key], "{faults:#?}");
        let shown = faults[0].to_string();
        assert!(shown.contains(words), "{shown:?} lacks {words:?}");
    }

    fn notes(&self, text: &str) -> Vec<String> {
        self.load(text).unwrap().notes.iter().map(ToString::to_string).collect()
    }
}

fn changed(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "{from}");
    SOUND.replace(from, to)
}

#[test]
fn a_sound_registration_is_read() {
    // RPC-04, RPC-06: what wallets may miss in the access certificate is noted.
    let set = Set::new();
    let settings = set.load(SOUND).unwrap();
    let [registration] = settings.tenant.registrations.list.as_slice() else { panic!("one") };
    assert_eq!((registration.name.as_str(), registration.registrar()), ("parking", Some("registrars")));
    let notes = set.notes(SOUND);
    assert!(notes.iter().all(|note| note.contains("RPC-04") || note.contains("RPC-06")), "{notes:?}");
    assert_eq!(notes.len(), 2);
}

#[test]
fn every_bad_certificate_stops_the_start() {
    // RPC-10 to RPC-13, RPC-16, VINFO-08: each with what to do.
    let set = Set::new();
    for bad in pruefstein::simulator::registrar::BadRegistration::ALL {
        set.write("parking.jwt", &set.world.authority.bad_registration(*bad, &wanted(), NOW).unwrap());
        set.refused(SOUND, "registration(parking).file", bad.code().as_str());
    }
    set.write("parking.jwt", "hello");
    set.refused(SOUND, "registration(parking).file", "credential_typ_invalid");
    fs::remove_file(set.dir.path().join("parking.jwt")).unwrap();
    set.refused(SOUND, "registration(parking).file", "there is no file");
}

#[test]
fn a_preset_that_asks_for_more_stops_the_start() {
    // RPC-19: all that is too much in one sentence.
    let set = Set::new();
    let mut draft = draft(&set.world.authority, NOW);
    let claims = draft.claims["credentials"][0]["claim"].as_array_mut().unwrap();
    claims.truncate(2);
    set.write("parking.jwt", &draft.jwt().unwrap());
    let words = "[\"birthdate\"] of urn:eudi:pid:de:1 is not registered; [\"address\",\"street_address\"]";
    set.refused(SOUND, "registration(parking).presets", words);
    // The override starts, and says so.
    let allowed = changed("[tenant]", "[tenant]\nunregistered_queries = \"allowed_for_testing\"");
    let notes = set.notes(&allowed);
    assert!(notes.iter().any(|note| note.contains("allowed_for_testing") && note.contains("Not for real persons")));
    // Without being tied to the preset it starts: calls with the preset are refused, and that is noted.
    let loose = changed("presets = [\"bewohnerparken\"]\n\n[[tenant", "presets = [\"bewohnerparken\"]\n[[tenant");
    let loose = loose.replacen("file = \"parking.jwt\"\npresets = [\"bewohnerparken\"]", "file = \"parking.jwt\"", 1);
    assert!(
        set.notes(&loose).iter().any(|note| note.contains("tenant.presets(bewohnerparken)") && note.contains("more"))
    );
}

#[test]
fn sections_are_judged_together() {
    // RPC-09.
    let set = Set::new();
    let again = format!("{SOUND}\n[[registration]]\nname = \"parking\"\nfile = \"second.jwt\"\n");
    let mut other = draft(&set.world.authority, NOW);
    other.claims.insert("intended_use_id".to_owned(), json!("second"));
    set.write("second.jwt", &other.jwt().unwrap());
    set.refused(&again, "registration(parking).name", "another registration");
    let twice = format!(
        "{SOUND}\n[[registration]]\nname = \"second\"\nfile = \"second.jwt\"\npresets = [\"bewohnerparken\"]\n"
    );
    set.refused(&twice, "registration(second).presets[0]", "belongs to the registration parking already");
    let same = format!("{SOUND}\n[[registration]]\nname = \"second\"\nfile = \"parking.jwt\"\n");
    set.refused(&same, "registration(second).file", "another registration");
    let typo = changed(
        "file = \"parking.jwt\"\npresets = [\"bewohnerparken\"]",
        "file = \"parking.jwt\"\npresets = [\"parken\"]",
    );
    set.refused(&typo, "registration(parking).presets[0]", "is no preset of this tenant");
    set.refused(
        &changed("name = \"parking\"", "name = \"Parking 1\""),
        "registration(Parking 1).name",
        "other characters",
    );
    set.refused(
        &changed("file = \"parking.jwt\"", "fil = \"x\"\nfile = \"parking.jwt\""),
        "registration(parking).fil",
        "file",
    );
    let registrar = changed("purpose = \"registrar\"", "purpose = \"access_certificate_authority\"");
    set.refused(&registrar, "registration(parking).file", "purpose = \"registrar\"");
}

#[test]
fn profiles_demand_it() {
    // VINFO-05.
    let set = Set::new();
    let (without, _) = SOUND.split_once("[[registration]]").unwrap();
    for profile in ["haip+etsi", "de-sandbox"] {
        let text = |base: &str| base.replace("[tenant]\n", &format!("[tenant]\nprofile = \"{profile}\"\n"));
        set.refused(&text(without), "registration", "is missing");
        assert!(set.load(&text(SOUND)).is_ok(), "{profile}");
    }
    assert!(set.load(without).is_ok());
    let unsigned = changed("[tenant]", "[tenant]\nprofile = \"openid4vp\"\nclient_id_prefix = \"redirect_uri\"");
    set.refused(&unsigned, "registration", "not signed");
}

#[test]
fn what_wallets_may_warn_of_is_noted() {
    // RPC-14, RPC-15, RPC-20, RPC-08.
    let set = Set::new();
    let mut draft = draft(&set.world.authority, NOW);
    draft.claims.insert("exp".to_owned(), json!(NOW.plus(20 * 86_400).0));
    draft.claims.remove("support_uri");
    draft.claims.remove("public_body");
    let entry = draft.claims["credentials"][0].as_object_mut().unwrap();
    let claim = entry.remove("claim").unwrap();
    entry.insert("claims".to_owned(), claim);
    set.write("parking.jwt", &draft.jwt().unwrap());
    let text = changed("file = \"parking.jwt\"", "file = \"parking.jwt\"\npublic_body = true");
    let notes = set.notes(&text).join("\n");
    for words in ["(RPC-14)", "support_uri is missing or cannot be read (RPC-15)", "(RPC-20)", "ends in 19 days"] {
        assert!(notes.contains(words), "{words}: {notes}");
    }
    assert!(!set.notes(SOUND).join("\n").contains("RPC-20"), "the register says nothing");
}
