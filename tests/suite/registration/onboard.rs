//! `onboard` and what the command line shows of registrations.

use super::*;
use crate::cli::{Ran, run};
use pruefstein::domain::encoding::base64;
use pruefstein::domain::jose::keys::SigningKey;
use pruefstein::simulator::authority::pem;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension};

const AT: &str = "1795000000";

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn import(&self) -> Ran {
        run(&["onboard", "import", &self.path("sent"), "--out", &self.path("out"), "--at", AT], b"")
    }

    /// What the registrar of the world sends, in these wrappings, with the key.
    fn sent(&self, world: &World, files: &[(&str, Vec<u8>)]) {
        fs::create_dir(self.path("sent")).unwrap();
        self.write("sent/my.key", world.authority.access_key().to_pem().unwrap().as_bytes());
        for (name, bytes) in files {
            self.write(&format!("sent/{name}"), bytes);
        }
    }
}

fn refused(ran: &Ran, words: &str) {
    assert_eq!(ran.exit, 2, "{} {}", ran.out, ran.err);
    assert!(ran.err.contains(words), "{}", ran.err);
}

#[test]
fn a_key_is_for_its_owner_and_never_overwritten() {
    let place = Place::new();
    let file = place.path("access.key");
    let made = run(&["onboard", "key", "--out", &file], b"");
    assert_eq!(made.exit, 0, "{}", made.err);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let key = place.read("access.key");
    assert!(SigningKey::from_pem(&key).is_ok());
    assert!(!made.out.contains("PRIVATE"), "{}", made.out);
    refused(&run(&["onboard", "key", "--out", &file], b""), "Nothing is overwritten");
    assert_eq!(place.read("access.key"), key);
    run(&["onboard", "key", "--out", &place.path("other.key")], b"");
    assert_ne!(place.read("other.key"), key, "keys do not repeat");
}

#[test]
fn a_request_says_what_the_profile_wants() {
    // RPC-04: subject with organizationIdentifier, contact in the alternative names.
    let place = Place::new();
    let key = place.path("access.key");
    run(&["onboard", "key", "--out", &key], b"");
    let arguments = |more: &[&str]| {
        let mut all =
            vec!["onboard", "csr", "--key", &key, "--organization", "Stadt Beispiel", "--name", "Bürgerdienste"];
        all.extend(more);
        run(&all, b"")
    };
    let good = [
        "--identifier",
        "NTRDE-HRB.12345",
        "--dns",
        "verifier.example",
        "--uri",
        "https://stadt.example/kontakt",
        "--email",
        "post@stadt.example",
    ];
    let made = arguments(&good);
    assert_eq!(made.exit, 0, "{}", made.err);
    let block = bytes_of_pem(&made.out);
    let (rest, request) = X509CertificationRequest::from_der(&block).unwrap();
    assert!(rest.is_empty());
    let subject = request.certification_request_info.subject.to_string();
    for part in ["C=DE", "O=Stadt Beispiel", "CN=Bürgerdienste"] {
        assert!(subject.contains(part), "{subject}");
    }
    let identifier = request
        .certification_request_info
        .subject
        .iter_attributes()
        .find(|attribute| attribute.attr_type().to_id_string() == "2.5.4.97")
        .unwrap();
    assert_eq!(identifier.as_str().unwrap(), "NTRDE-HRB.12345");
    let mut names = Vec::new();
    for extension in request.requested_extensions().unwrap() {
        if let ParsedExtension::SubjectAlternativeName(found) = extension {
            for name in &found.general_names {
                names.push(match name {
                    GeneralName::DNSName(name) | GeneralName::URI(name) | GeneralName::RFC822Name(name) => {
                        (*name).to_owned()
                    }
                    other => format!("{other:?}"),
                });
            }
        }
    }
    assert_eq!(names, ["verifier.example", "https://stadt.example/kontakt", "post@stadt.example"]);
    // It is signed by the key, and for the key.
    let point = SigningKey::from_pem(&place.read("access.key")).unwrap().public_point();
    assert_eq!(request.certification_request_info.subject_pki.subject_public_key.data.as_ref(), point.as_slice());
    let signature = p256_signature(&request.signature_value.data);
    let signed = request.certification_request_info.raw;
    assert!(SigningKey::from_pem(&place.read("access.key")).unwrap().public_key().unwrap().verify(signed, &signature));
    for (wrong, words) in [
        (&["--identifier", "HRB 12345", "--email", "a@b.example"][..], "--identifier"),
        (&["--identifier", "ABCDE-1", "--email", "a@b.example"], "--identifier"),
        (&["--identifier", "NTRDE-1"], "no way to reach"),
        (&["--identifier", "NTRDE-1", "--uri", "kontakt"], "is no address"),
        (&["--identifier", "NTRDE-1", "--email", "a@b.example", "--country", "de"], "--country"),
    ] {
        refused(&arguments(wrong), words);
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&arguments(&good), "chmod 600");
}

#[test]
fn texts_say_what_a_preset_asks_in_both_languages() {
    let all = run(&["onboard", "texts"], b"");
    assert_eq!(all.exit, 0, "{}", all.err);
    let one = run(&["onboard", "texts", "--preset", "bewohnerparken"], b"").out;
    assert!(all.out.len() > 5 * one.len());
    for words in [
        "Bewohnerparkausweis",
        "Resident parking permit",
        "Prüfung Ihres Wohnsitzes",
        "Check of your place of residence",
        "`urn:eudi:pid:de:1`",
        "| Nachname | family name | `[\"family_name\"]` |",
        "street and house number",
    ] {
        assert!(one.contains(words), "{words}: {one}");
    }
    assert!(!one.contains("mso_mdoc"), "what is not sent is not registered");
    refused(&run(&["onboard", "texts", "--preset", "nothing"], b""), "there is no preset nothing");
    // A configuration that is not finished yet will do.
    let place = Place::new();
    place
        .write("p.toml", "[tenant]\npresets = [\"bibliothek\"]\nprivacy_url = \"https://stadt.example/datenschutz\"\n");
    let chosen = run(&["onboard", "texts", "--config", &place.path("p.toml")], b"").out;
    assert!(
        chosen.contains("https://stadt.example/datenschutz") && !chosen.contains("Bewohnerparkausweis"),
        "{chosen}"
    );
}

#[test]
fn whatever_the_registrar_sends_is_recognised() {
    let world = world();
    let access = world.authority.access().chain;
    let jwt = draft(&world.authority, NOW).jwt().unwrap();
    let roots = [world.authority.access_root(), world.authority.registrar_root()];
    let bare = vec![
        ("a", pem(&access[0]).into_bytes()),
        ("b", access[1].clone()),
        ("c", jwt.clone().into_bytes()),
        ("d", roots[0].to_vec()),
        ("e", pem(roots[1]).into_bytes()),
    ];
    let chain: String = access.iter().map(|der| pem(der)).collect();
    let together = vec![(
        "all.json",
        json!({"accessCertificate": chain, "registration": {"jwt": jwt}, "anchors": roots.map(base64::encode_standard)})
            .to_string()
            .into_bytes(),
    )];
    let encoded = vec![
        ("x.txt", base64::encode_url(jwt.as_bytes()).into_bytes()),
        ("y.b64", base64::encode_standard(&access[0]).into_bytes()),
        ("z.pem", [pem(&access[1]), pem(roots[0]), pem(roots[1]), pem(&access[0])].concat().into_bytes()),
    ];
    for files in [bare, together, encoded] {
        let place = Place::new();
        place.sent(&world, &files);
        let ran = place.import();
        assert_eq!(ran.exit, 0, "{}\n{}", ran.out, ran.err);
        assert!(!ran.out.contains("MISSING"), "{}", ran.out);
        assert!(
            ran.out.contains("registration parking-1 covers: bewohnerparken") || ran.out.contains("bewohnerparken"),
            "{}",
            ran.out
        );
        assert!(ran.out.contains(&world.authority.access().x509_hash_client_id()), "{}", ran.out);
        assert!(!ran.out.contains("PRIVATE"));
        assert_eq!(fs::metadata(place.path("out/access.key")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(place.read("out/access.pem"), chain, "leaf first, without the root");
        assert_eq!(place.read("out/registration-parking-1.jwt"), jwt);
        // The proposed part, with the rest, is a configuration that starts.
        let rest = "[service]\npublic_url = \"https://verifier.example\"\ntrusted_proxies = [\"127.0.0.0/8\"]\n[store]\npath = \"s\"\n\
                    [[trust]]\nname = \"pids\"\ntypes = [\"urn:eudi:pid:de:1\"]\nanchors = [\"access-root.pem\"]\nstatus_hosts = [\"s.example\"]\n";
        place.write("out/pruefstein.toml", format!("{rest}{}", place.read("out/onboarded.toml")));
        let settings = pruefstein::config::load(
            &place.0.path().join("out/pruefstein.toml"),
            &pruefstein::config::Environment::of(&[]),
            NOW,
        );
        let settings = settings.unwrap();
        let registration = &settings.tenant.registrations.list[0];
        assert!(registration.presets.contains(&"bewohnerparken".to_owned()));
        // Nothing is overwritten.
        refused(&place.import(), "nothing is overwritten");
    }
}

#[test]
fn keys_come_in_several_forms() {
    let world = world();
    let p8 = world.authority.access_key().to_pem().unwrap();
    let der = bytes_of_pem(&p8);
    let sec1 = sec1_of(&der);
    let armour = |label: &str, der: &[u8]| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64::encode_standard(der))
    };
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    let forms: Vec<Vec<u8>> = vec![
        p8.as_bytes().to_vec(),
        der.clone(),
        sec1.clone(),
        armour("EC PRIVATE KEY", &sec1).into_bytes(),
        format!("{parameters}{}", armour("EC PRIVATE KEY", &sec1)).into_bytes(),
        base64::encode_standard(&der).into_bytes(),
    ];
    for form in forms {
        let place = Place::new();
        fs::create_dir(place.path("sent")).unwrap();
        place.write("sent/key", &form);
        place.write("sent/leaf", &world.authority.access().chain[0]);
        let ran = place.import();
        assert!(ran.out.contains("its private key is here"), "{}\n{}", ran.out, ran.err);
        assert_eq!(place.read("out/access.key"), *p8);
    }
}

#[test]
fn what_is_missing_is_named() {
    let world = world();
    let access = world.authority.access().chain;
    let jwt = |change: &dyn Fn(&mut Draft)| {
        let mut draft = draft(&world.authority, NOW);
        change(&mut draft);
        draft.jwt().unwrap().into_bytes()
    };
    let good = jwt(&|_| {});
    let chain = access.iter().map(|der| pem(der)).collect::<String>().into_bytes();
    let roots = [world.authority.access_root(), world.authority.registrar_root()].map(pem).concat().into_bytes();
    let missing = |files: &[(&str, Vec<u8>)], with_key: bool| {
        let place = Place::new();
        place.sent(&world, files);
        if !with_key {
            fs::remove_file(place.path("sent/my.key")).unwrap();
        }
        let ran = place.import();
        assert_eq!(ran.exit, 1, "{}\n{}", ran.out, ran.err);
        ran.out.lines().filter(|line| line.starts_with("MISSING")).map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    let (chain_file, roots_file) = (("chain", chain), ("roots", roots.clone()));
    let has = |found: &str, words: &str| assert!(found.contains(words), "{found}");
    has(&missing(&[chain_file.clone(), roots_file.clone()], true), "a registration certificate");
    has(&missing(&[("jwt", good.clone()), roots_file.clone()], true), "the access certificate");
    has(&missing(&[chain_file.clone(), roots_file.clone(), ("jwt", good.clone())], false), "the private key");
    let other = SigningKey::from_scalar(&[9; 32]).unwrap().to_pem().unwrap();
    let files =
        [chain_file.clone(), roots_file.clone(), ("jwt", good.clone()), ("other.key", other.as_bytes().to_vec())];
    has(&missing(&files, false), "the keys here are others");
    let registrarless = ("root", pem(world.authority.access_root()).into_bytes());
    has(&missing(&[chain_file.clone(), registrarless, ("jwt", good.clone())], true), "the anchor of the registrar");
    // RPC-11, RPC-12, VINFO-08: what would be refused at the start is named here already.
    let stranger = jwt(&|draft: &mut Draft| drop(draft.claims.insert("sub".to_owned(), json!("NTRDE-TEST.2"))));
    has(&missing(&[chain_file.clone(), roots_file.clone(), ("jwt", stranger)], true), "is of another");
    let ended = jwt(&|draft: &mut Draft| drop(draft.claims.insert("exp".to_owned(), json!(NOW.0 - 100))));
    has(&missing(&[chain_file.clone(), roots_file.clone(), ("jwt", ended)], true), "credential_expired");
    // What cannot be used says what to do.
    let place = Place::new();
    place.sent(
        &world,
        &[
            chain_file,
            roots_file,
            ("jwt", good),
            (
                "locked.pem",
                b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n".to_vec(),
            ),
            ("note.txt", "Viele Grüße\n".as_bytes().to_vec()),
            ("cut.pem", b"-----BEGIN CERTIFICATE-----\nAAAA".to_vec()),
            ("empty", Vec::new()),
        ],
    );
    let ran = place.import();
    assert_eq!(ran.exit, 0, "{}\n{}", ran.out, ran.err);
    for words in [
        "locked.pem: an encrypted private key; decrypt it",
        "note.txt: nothing that is known here",
        "cut.pem: PEM that is cut off",
        "empty: nothing",
    ] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    refused(&run(&["onboard", "import", "/nowhere/at/all"], b""), "is no folder");
}

#[test]
fn inspect_shows_a_registration_certificate() {
    let world = world();
    let draft = draft(&world.authority, NOW);
    let jwt = draft.jwt().unwrap();
    let shown = |input: &[u8]| {
        let ran = run(&["inspect", "--at", AT, "-"], input);
        assert_eq!(ran.exit, 0, "{}", ran.err);
        ran.out
    };
    let page = shown(jwt.as_bytes());
    for words in [
        "registration certificate (JWT)",
        "NOT VERIFIED",
        "NTRDE-TEST.00001",
        "parking-1",
        "Parken (de-DE)",
        "Parking (en)",
        "dc+sd-jwt urn:eudi:pid:de:1",
        "[\"address\",\"locality\"]",
        "public body    yes",
        "entry 5 of",
        "Registrar",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(shown(&draft.cwt().unwrap()).contains("registration certificate (CWT)"));
    assert_eq!(shown(json!({"x": jwt}).to_string().as_bytes()), page);
    assert_eq!(shown(base64::encode_url(jwt.as_bytes()).as_bytes()), page);
    let later = run(&["inspect", "--at", "2047-01-01T00:00:00Z", "-"], jwt.as_bytes()).out;
    assert!(later.contains("(EXPIRED)"));
    let broken =
        world.authority.bad_registration(pruefstein::simulator::registrar::BadRegistration::NoSubject, &wanted(), NOW);
    assert!(shown(broken.unwrap().as_bytes()).contains("cannot be read"));
}

#[test]
fn config_check_prints_registered_asked_and_the_difference() {
    // RPC-19. The command has the clock of this machine.
    use pruefstein::adapters::clock::SystemClock;
    use pruefstein::app::ports::Clock as _;
    let now = SystemClock.now();
    let world = World::new([7; 32], now, "127.0.0.1", crate::service::STATUS_BASE).unwrap();
    let place = Place::new();
    world.authority.write_to(place.0.path()).unwrap();
    let mut registered = draft(&world.authority, now);
    registered.claims["credentials"][0]["claim"].as_array_mut().unwrap().push(json!({"path": ["birth_name"]}));
    place.write("parking.jwt", registered.jwt().unwrap());
    let check = |more: &str, tenant: &str| {
        let text = settings::SOUND.replace("[tenant]\n", &format!("[tenant]\n{tenant}\n"));
        place.write("pruefstein.toml", format!("{text}{more}"));
        let ran = run(&["config", "check", "--config", &place.path("pruefstein.toml")], b"");
        assert_eq!(ran.exit, 0, "{}", ran.err);
        ran
    };
    let ran = check("", "");
    for words in [
        "registration   parking for Prüfstein Test-Anstalt, by registrars",
        "bewohnerparken under parking",
        "ok   dc+sd-jwt urn:eudi:pid:de:1  asked [\"family_name\"]  registered [\"family_name\"]",
        "-    dc+sd-jwt urn:eudi:pid:de:1  asked -  registered [\"birth_name\"]",
    ] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
    assert!(!ran.out.contains("MORE dc"));
    registered.claims["credentials"][0]["claim"].as_array_mut().unwrap().remove(0);
    place.write("parking.jwt", registered.jwt().unwrap());
    let ran = check("", "unregistered_queries = \"allowed_for_testing\"");
    assert!(ran.out.contains("MORE dc+sd-jwt urn:eudi:pid:de:1  asked [\"family_name\"]  registered -"), "{}", ran.out);
    assert!(ran.out.contains("WARNING        unregistered_queries"), "{}", ran.out);
}

/// The bytes of the first PEM section.
fn bytes_of_pem(text: &str) -> Vec<u8> {
    let body: String = text
        .lines()
        .skip_while(|line| !line.starts_with("-----BEGIN"))
        .skip(1)
        .take_while(|line| !line.starts_with("-----END"))
        .collect();
    base64::decode_standard(&body).unwrap()
}

/// The SEC1 key within PKCS#8: SEQUENCE { 0, algorithm, OCTET STRING { SEC1 } }.
fn sec1_of(pkcs8: &[u8]) -> Vec<u8> {
    let start = pkcs8.windows(2).position(|pair| pair == [0x04, 0x6d]).unwrap() + 2;
    pkcs8[start..start + 0x6d].to_vec()
}

/// R and S from `SEQUENCE { INTEGER, INTEGER }`.
fn p256_signature(der: &[u8]) -> Vec<u8> {
    let integer = |from: usize| {
        let length = usize::from(der[from + 1]);
        let digits = &der[from + 2..from + 2 + length];
        let digits = digits.strip_prefix(&[0]).unwrap_or(digits);
        let mut padded = vec![0; 32 - digits.len()];
        padded.extend_from_slice(digits);
        (padded, from + 2 + length)
    };
    let (r, next) = integer(2);
    let (s, _) = integer(next);
    [r, s].concat()
}
