//! Which registration certificates a start accepts.

use super::*;
use pruefstein::domain::registration::Compared;
use pruefstein::domain::registration::serialised::Serialised;
use pruefstein::domain::registration::verifier_info::data;
use pruefstein::domain::request::profile::VerifierInfoData;
use pruefstein::domain::trust::{Basis, Purpose, TrustAnchors, TrustSource};
use pruefstein::simulator::registrar::BadRegistration;

#[test]
fn a_good_certificate_is_accepted_in_every_wrapping() {
    // RPC-10, RPC-11, RPC-12, RPC-13.
    let world = world();
    let draft = draft(&world.authority, NOW);
    let jwt = draft.jwt().unwrap();
    let cwt = draft.cwt().unwrap();
    for bytes in [jwt.as_bytes(), json!({"certificate": jwt}).to_string().as_bytes(), &cwt] {
        let registration = placed(&world, bytes, NOW).unwrap();
        assert_eq!(registration.compared(), Compared::OrganizationIdentifier);
        assert_eq!(registration.registrar(), Some("test-registrar"));
        let content = registration.certificate().content();
        assert_eq!(content.intended_use.as_deref(), Some("parking-1"));
        assert_eq!(content.purpose_in("de"), Some("Parken"));
        assert_eq!(content.public_body, Some(true));
        assert_eq!(registration.remarks(), []);
        let (one, other) = (content.credentials.len(), credentials());
        assert_eq!(one, other.as_array().unwrap().len());
    }
}

#[test]
fn jwt_and_cwt_say_the_same() {
    // RPC-10: the content does not depend on the form.
    let world = world();
    let draft = draft(&world.authority, NOW);
    let read = |bytes: &[u8]| RegistrationCertificate::read(bytes, ClockSkew::DEFAULT, NOW).unwrap();
    let (jwt, cwt) = (read(draft.jwt().unwrap().as_bytes()), read(&draft.cwt().unwrap()));
    assert_eq!(jwt.content(), cwt.content());
    assert!(matches!(cwt.serialised(), Serialised::Cwt(_)));
    assert_ne!(jwt.digest(), cwt.digest());
}

#[test]
fn every_knock_out_is_refused_by_its_code() {
    // RPC-10, RPC-11, RPC-12, RPC-13, RPC-16, VINFO-08.
    let world = world();
    for bad in BadRegistration::ALL {
        let jwt = world.authority.bad_registration(*bad, &wanted(), NOW).unwrap();
        let refused = placed(&world, jwt.as_bytes(), NOW).map(|_| ());
        assert_eq!(refused.map_err(|reason| reason.code), Err(bad.code()), "{bad:?}: {}", bad.meaning());
    }
}

#[test]
fn a_cwt_is_held_to_the_same_rules() {
    let world = world();
    let refused = |change: &dyn Fn(&mut Draft)| {
        let mut draft = draft(&world.authority, NOW);
        change(&mut draft);
        placed(&world, &draft.cwt().unwrap(), NOW).map(|_| ()).map_err(|reason| reason.code)
    };
    assert_eq!(refused(&|_| {}), Ok(()));
    let claim = |name: &'static str, value: Value| {
        refused(&move |draft: &mut Draft| drop(draft.claims.insert(name.to_owned(), value.clone())))
    };
    assert_eq!(claim("exp", json!(NOW.0 - 100)), Err(Code::CredentialExpired));
    assert_eq!(claim("exp", json!(NOW.plus(400 * 86_400).0)), Err(Code::CredentialClaimInvalid));
    assert_eq!(claim("sub", json!("NTRDE-TEST.2")), Err(Code::ConfigRefused));
    assert_eq!(claim("entitlements", json!([])), Err(Code::CredentialClaimInvalid));
    let typ = refused(&|draft: &mut Draft| drop(draft.header.insert("typ".to_owned(), json!("JWT"))));
    assert_eq!(typ, Err(Code::CredentialTypInvalid));
    let signer = refused(&|draft: &mut Draft| draft.signer = world.authority.access());
    assert_eq!(signer, Err(Code::X5cUntrusted));
    // One bit of the message anywhere.
    let good = draft(&world.authority, NOW).cwt().unwrap();
    for place in (0..good.len()).step_by(7) {
        let mut changed = good.clone();
        changed[place] ^= 1;
        assert!(placed(&world, &changed, NOW).is_err(), "byte {place}");
    }
}

#[test]
fn any_changed_character_of_a_jwt_is_refused() {
    let world = world();
    let good = draft(&world.authority, NOW).jwt().unwrap();
    for place in (0..good.len()).step_by(97) {
        let mut changed = good.clone().into_bytes();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        assert!(placed(&world, &changed, NOW).is_err(), "byte {place}");
    }
}

#[test]
fn the_whole_chain_may_be_there_and_the_end_counts() {
    // RPC-10: TS 119 475 wants the whole chain in x5c; the anchor in it gives no trust.
    let world = world();
    let mut draft = draft(&world.authority, NOW);
    draft.signer.chain.push(world.authority.registrar_root().to_vec());
    draft.header.insert("x5c".to_owned(), json!(draft.signer.x5c()));
    let jwt = draft.jwt().unwrap();
    assert!(placed(&world, jwt.as_bytes(), NOW).is_ok());
    let stranger = World::new([8; 32], NOW, "127.0.0.1", crate::service::STATUS_BASE).unwrap();
    assert_eq!(placed(&stranger, jwt.as_bytes(), NOW).unwrap_err().code, Code::X5cUntrusted);
    let end = draft.claims["exp"].as_i64().unwrap();
    let placed = placed(&world, jwt.as_bytes(), NOW).unwrap();
    let trust = world.trust().unwrap();
    let check =
        |now: i64| placed.check_in_force(&trust, ClockSkew::DEFAULT, UnixSeconds(now)).map_err(|reason| reason.code);
    // RPC-08, RPC-11: what counted at the start does not count for ever. The registrar's own certificate ends first.
    assert_eq!(check(NOW.0), Ok(()));
    assert_eq!(check(end + 60), Err(Code::CredentialExpired));
    assert_eq!(check(placed.valid_until().0), Ok(()));
    assert_eq!(check(placed.valid_until().0 + 1), Err(Code::X5cExpired));
}

#[test]
fn without_registrars_nothing_is_trusted() {
    let world = world();
    let jwt = draft(&world.authority, NOW).jwt().unwrap();
    let certificate = RegistrationCertificate::read(jwt.as_bytes(), ClockSkew::DEFAULT, NOW).unwrap();
    let code = |trust: &TrustAnchors| certificate.check_registrar(trust, NOW).map(|_| ()).map_err(|reason| reason.code);
    assert_eq!(code(&TrustAnchors::default()), Err(Code::TrustAnchorSetEmpty));
    // Anchors for another purpose are none for registrars, even if they are the same certificates (X5C-02).
    let mut sources = world.trust().unwrap().sources().to_vec();
    let registrar = sources.iter_mut().find(|source| source.purpose == Purpose::Registrar).unwrap();
    registrar.purpose = Purpose::AccessCertificateAuthority;
    assert_eq!(code(&TrustAnchors::new(sources)), Err(Code::TrustAnchorSetEmpty));
    // A registrar that stands on a list that has not come is undecided, and not refused.
    let absent = TrustSource {
        basis: Basis::Absent { list: "registrars".to_owned() },
        ..TrustSource::new("listed", Purpose::Registrar, Vec::new())
    };
    let waiting = TrustAnchors::new(vec![absent]);
    assert_eq!(code(&waiting), Err(Code::TrustUnavailable));
    let placed =
        Registration::new("parking".to_owned(), Vec::new(), certificate, &party(&world), &waiting, NOW).unwrap();
    assert_eq!(placed.registrar(), None);
    let later =
        |trust: &TrustAnchors| placed.check_in_force(trust, ClockSkew::DEFAULT, NOW).map_err(|reason| reason.code);
    assert_eq!(later(&waiting), Err(Code::TrustUnavailable));
    assert_eq!(later(&world.trust().unwrap()), Ok(()));
}

#[test]
fn data_is_encoded_once_in_either_way() {
    // VINFO-03.
    use pruefstein::domain::encoding::base64;
    let world = world();
    let draft = draft(&world.authority, NOW);
    let read = |bytes: &[u8]| RegistrationCertificate::read(bytes, ClockSkew::DEFAULT, NOW).unwrap();
    let jwt = draft.jwt().unwrap();
    // Whatever it came in, what goes out is made of the certificate itself.
    let wrapped = base64::encode_url(jwt.as_bytes());
    for sent in [jwt.as_bytes(), wrapped.as_bytes()] {
        let certificate = read(sent);
        assert_eq!(data(VerifierInfoData::Certificate, &certificate), jwt);
        assert_eq!(data(VerifierInfoData::Base64url, &certificate), wrapped);
    }
    let cwt = draft.cwt().unwrap();
    for rule in [VerifierInfoData::Certificate, VerifierInfoData::Base64url] {
        assert_eq!(data(rule, &read(&cwt)), base64::encode_url(&cwt));
    }
}

#[test]
fn the_access_certificate_is_looked_at_too() {
    // RPC-04, RPC-06: policy, identifier, contact are there; cpsURI and timestamps are not.
    let shortcomings = party(&world()).shortcomings();
    let rules: Vec<&str> = shortcomings.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(rules, ["RPC-04", "RPC-06"], "{shortcomings:?}");
    let bare = PartyFacts::default().shortcomings();
    assert_eq!(bare.len(), 5, "{bare:?}");
    let legal = PartyFacts { policies: vec!["0.4.0.194118.1.2".to_owned()], ..PartyFacts::default() };
    assert!(legal.shortcomings().iter().any(|(_, text)| text.contains("organizationIdentifier")));
}

proptest::proptest! {
    #[test]
    fn nothing_that_is_sent_makes_it_stumble(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300), place in 0usize..4000) {
        // Whatever a folder holds, and whatever a good certificate was turned into.
        let refused = |bytes: &[u8]| RegistrationCertificate::read(bytes, ClockSkew::DEFAULT, NOW).is_err();
        proptest::prop_assert!(refused(&bytes));
        let jwt = format!("eyJ0eXAiOiJyYy13cnArand0IiwiYWxnIjoiRVMyNTYifQ.{}.AA", pruefstein::domain::encoding::base64::encode_url(&bytes));
        proptest::prop_assert!(refused(jwt.as_bytes()));
        if let Ok(serialised) = Serialised::open(jwt.as_bytes()) {
            proptest::prop_assert!(pruefstein::domain::registration::certificate::peek(&serialised).is_err());
        }
        let mut cwt = CWT.clone();
        cwt.truncate(place);
        cwt.extend_from_slice(&bytes);
        // Cut behind its end and followed by nothing it is the good one.
        proptest::prop_assert_eq!(refused(&cwt), cwt != *CWT);
    }
}

static CWT: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| draft(&world().authority, NOW).cwt().unwrap());
