//! The core: which key is believed for which credential.

use super::{ISSUER, jwk, key, key_set};
use crate::stage::{Scene, world};
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust::cache::ChainCache;
use pruefstein::domain::trust::issuer_metadata::{ConfirmedKeys, USABLE_SECONDS};
use pruefstein::domain::trust::{IssuerKeys, Purpose, StatusOrigin, TrustAnchors, TrustSource, snapshot};
use pruefstein::domain::x509::Certificate;
use pruefstein::domain::x509::chain::Anchor;
use pruefstein::simulator::authority::{IssuerName, SignerKey};
use pruefstein::vectors::make::world::{NOW, STATUS_ORIGIN, TYPE, Token, remove};
use serde_json::{Value, json};
use std::sync::Arc;

/// A good answer with a credential without certificates, signed with key 1 under the name `a`.
fn scene(change: impl FnOnce(&mut Token)) -> Scene {
    let mut scene = Scene::good();
    remove(&mut scene.token.header, "x5c");
    scene.token.header["kid"] = json!("a");
    scene.token.payload["iss"] = json!(ISSUER);
    scene.token.signer = SignerKey::P256(key(1));
    change(&mut scene.token);
    scene
}

fn anchor(name: IssuerName) -> Anchor {
    Anchor::new(Certificate::read(world().authority.issuer_root(name)).unwrap()).unwrap()
}

/// A source that names the issuer, with these keys, confirmed at that time.
fn source(keys: &[Value], confirmed_at: i64) -> TrustSource {
    let confirmed = ConfirmedKeys { keys: Arc::new(key_set(keys)), confirmed_at: UnixSeconds(confirmed_at) };
    TrustSource {
        issuer_keys: vec![IssuerKeys { issuer: ISSUER.to_owned(), confirmed: Some(confirmed) }],
        status_anchors: vec![anchor(IssuerName::PidGermany)],
        status_origins: vec![StatusOrigin::parse(STATUS_ORIGIN).unwrap()],
        ..TrustSource::new("by-metadata", Purpose::EaaProvider, vec![TYPE.to_owned()])
    }
}

fn two_keys() -> Vec<Value> {
    vec![jwk(1, &json!({"kid": "a"})), jwk(2, &json!({"kid": "b"}))]
}

fn judge(scene: &Scene, sources: &[TrustSource]) -> Result<(), Code> {
    judge_with(scene, &TrustAnchors::new(sources.to_vec()), &ChainCache::default())
}

fn judge_with(scene: &Scene, trust: &TrustAnchors, chains: &ChainCache) -> Result<(), Code> {
    scene.judge_text_with(&scene.presentation(), trust, &scene.policy(), chains)
}

fn refused(change: impl FnOnce(&mut Token)) -> Code {
    judge(&scene(change), &[source(&two_keys(), NOW)]).unwrap_err()
}

#[test]
fn the_key_is_chosen_by_issuer_and_kid() {
    // VC-20, VC-25, VC-29.
    assert_eq!(judge(&scene(|_| {}), &[source(&two_keys(), NOW)]), Ok(()));
    let second = scene(|token| {
        token.header["kid"] = json!("b");
        token.signer = SignerKey::P256(key(2));
    });
    assert_eq!(judge(&second, &[source(&two_keys(), NOW)]), Ok(()));
    let nameless = |keys: &[Value]| judge(&scene(|token| remove(&mut token.header, "kid")), &[source(keys, NOW)]);
    assert_eq!(nameless(&[jwk(1, &json!({"kid": "a"}))]), Ok(()), "the only key needs no name");
    assert_eq!(nameless(&two_keys()), Err(Code::JwsKeyMismatch), "two keys need one");
    assert_eq!(nameless(&[jwk(1, &json!({})), jwk(2, &json!({}))]), Err(Code::JwsKeyMismatch));

    assert_eq!(refused(|token| token.header["kid"] = json!("c")), Code::JwsKeyMismatch);
    assert_eq!(refused(|token| token.header["kid"] = json!("b")), Code::JwsSignatureInvalid);
    assert_eq!(refused(|token| token.signer = SignerKey::P256(key(3))), Code::JwsSignatureInvalid);
}

#[test]
fn only_an_issuer_that_is_named_exactly_is_known() {
    // VC-20, VC-23, VC-24, VC-29; cases SVC-019, SVC-020: an address in iss is no reason to ask or to believe anybody.
    for other in [
        "https://issuer.example/tenant/1/",
        "https://issuer.example/tenant/2",
        "https://issuer.example/tenant/1?x",
        "https://ISSUER.example/tenant/1",
        "https://issuer.example",
        "https://attacker.example/tenant/1",
        "did:web:issuer.example:tenant:1",
    ] {
        assert_eq!(refused(|token| token.payload["iss"] = json!(other)), Code::X5cMissing, "{other}");
    }
    assert_eq!(refused(|token| remove(&mut token.payload, "iss")), Code::X5cMissing);
    assert_eq!(refused(|token| token.payload["iss"] = json!([ISSUER])), Code::X5cMissing);
    // Without a source that names issuers, nothing has changed.
    assert_eq!(judge(&scene(|_| {}), Scene::good().trust().sources()), Err(Code::X5cMissing));
    // What a key is for counts here as well.
    let with = |change: fn(&mut TrustSource)| {
        let mut source = source(&two_keys(), NOW);
        change(&mut source);
        judge(&scene(|_| {}), &[source, Scene::good().trust().sources()[1].clone()])
    };
    assert_eq!(with(|source| source.purpose = Purpose::StatusList), Err(Code::X5cMissing));
    assert_eq!(with(|source| source.types = vec!["urn:other".to_owned()]), Err(Code::IssuerNotAuthorized));
    assert_eq!(with(|source| source.countries = vec!["DE".to_owned()]), Err(Code::IssuerNotAuthorized));
}

#[test]
fn a_credential_does_not_choose_how_it_is_judged() {
    // VC-21, VC-23: certificates are judged as certificates, whatever the issuer publishes, and the reverse.
    let metadata = source(&two_keys(), NOW);
    let certified = Scene::good();
    assert_eq!(judge(&certified, std::slice::from_ref(&metadata)), Err(Code::X5cUntrusted));
    let x5c = certified.token.header["x5c"].clone();
    let published = scene(|token| token.header["x5c"] = x5c.clone());
    assert_eq!(judge(&published, std::slice::from_ref(&metadata)), Err(Code::X5cUntrusted), "signed by key 1");
    for broken in [json!([]), json!(null), json!("MII=")] {
        let scene = scene(|token| token.header["x5c"] = broken.clone());
        assert_eq!(judge(&scene, std::slice::from_ref(&metadata)), Err(Code::X5cMalformed), "{broken}");
    }
    // With both kinds of sources each credential has its own, and the certificate's key is the one that counts.
    let mut both = certified.trust().sources().to_vec();
    both.push(metadata);
    assert_eq!(judge(&certified, &both), Ok(()));
    assert_eq!(judge(&scene(|_| {}), &both), Ok(()));
    assert_eq!(judge(&published, &both), Err(Code::JwsSignatureInvalid));
}

#[test]
fn a_header_that_was_seen_says_nothing_of_another_issuer() {
    // The same protected header under two issuers: the cache of chains must not mix them.
    let chains = ChainCache::default();
    let mut known = source(&[jwk(1, &json!({"kid": "a"}))], NOW);
    known.issuer_keys.push(IssuerKeys {
        issuer: "https://second.example".to_owned(),
        confirmed: Some(ConfirmedKeys {
            keys: Arc::new(key_set(&[jwk(2, &json!({"kid": "a"}))])),
            confirmed_at: UnixSeconds(NOW),
        }),
    });
    let trust = TrustAnchors::new(vec![known]);
    let of = |issuer: &str, number: u8| {
        scene(|token| {
            token.payload["iss"] = json!(issuer);
            token.signer = SignerKey::P256(key(number));
        })
    };
    for _ in 0..2 {
        assert_eq!(judge_with(&of(ISSUER, 1), &trust, &chains), Ok(()));
        assert_eq!(judge_with(&of("https://second.example", 2), &trust, &chains), Ok(()));
        assert_eq!(judge_with(&of("https://second.example", 1), &trust, &chains), Err(Code::JwsSignatureInvalid));
        assert_eq!(judge_with(&of(ISSUER, 2), &trust, &chains), Err(Code::JwsSignatureInvalid));
        assert_eq!(judge_with(&of("https://third.example", 1), &trust, &chains), Err(Code::X5cMissing));
    }
}

#[test]
fn keys_that_are_missing_or_too_old_decide_nothing() {
    // VC-26, VC-29: undecided, as with a trust list that is not there.
    let last = NOW - USABLE_SECONDS;
    assert_eq!(judge(&scene(|_| {}), &[source(&two_keys(), last + 1)]), Ok(()));
    assert_eq!(judge(&scene(|_| {}), &[source(&two_keys(), last)]), Err(Code::TrustUnavailable));
    let mut absent = source(&two_keys(), NOW);
    absent.issuer_keys[0].confirmed = None;
    assert_eq!(judge(&scene(|_| {}), &[absent.clone()]), Err(Code::TrustUnavailable));
    // They say nothing about chains: another issuer's certificates are refused for what they are.
    let mut sources = Scene::good().trust().sources().to_vec();
    sources[0].anchors.clear();
    sources.push(absent.clone());
    assert_eq!(judge(&Scene::good(), &sources), Err(Code::X5cUntrusted));
    // One issuer without keys does not hold up another one.
    let mut one_of_two = source(&two_keys(), NOW);
    one_of_two.issuer_keys.insert(0, IssuerKeys { issuer: "https://down.example".to_owned(), confirmed: None });
    assert_eq!(judge(&scene(|_| {}), std::slice::from_ref(&one_of_two)), Ok(()));
    let down = scene(|token| token.payload["iss"] = json!("https://down.example"));
    assert_eq!(judge(&down, &[one_of_two]), Err(Code::TrustUnavailable));
    // A second source that holds the keys speaks for the issuer.
    assert_eq!(judge(&scene(|_| {}), &[absent, source(&two_keys(), NOW)]), Ok(()));
}

#[test]
fn status_lists_need_certificates_all_the_same() {
    // TSL-27, TSL-28: the issuer's published keys sign no status list.
    let mut without = source(&two_keys(), NOW);
    without.status_anchors.clear();
    assert_eq!(judge(&scene(|_| {}), &[without]), Err(Code::StatusTokenInvalid));
    let mut other = source(&two_keys(), NOW);
    other.status_anchors = vec![anchor(IssuerName::PidForeign)];
    assert_eq!(judge(&scene(|_| {}), &[other]), Err(Code::StatusTokenInvalid));
}

#[test]
fn the_report_names_the_issuer_and_what_its_key_rests_on() {
    let scene = scene(|_| {});
    let trust = TrustAnchors::new(vec![source(&two_keys(), NOW)]);
    let (presented, report) = scene.judge_in(&trust).unwrap();
    let issuer = &presented.credentials[0].1[0].issuer;
    assert_eq!((issuer.name.as_str(), issuer.country.as_deref()), (ISSUER, None));
    assert_eq!((issuer.trusted_by.as_str(), issuer.stated.as_deref()), ("by-metadata", Some(ISSUER)));
    let note = report.lines().iter().filter_map(|line| line.note.as_deref()).find(|note| note.contains("publishes"));
    assert!(note.unwrap().contains(&format!("confirmed at {NOW}")), "{note:?}");
    assert_eq!(report.evidence()[0].trusted_by, "by-metadata");
    // No certificate, so no authority that a query could name.
    let mut asked = scene;
    asked.query["credentials"][0]["trusted_authorities"] = json!([{"type": "aki", "values": ["AAAA"]}]);
    let refusal = asked.judge_in(&trust).err().unwrap();
    assert_eq!(refusal.reason.code, Code::IssuerNotAuthorized);
}

#[test]
fn a_snapshot_has_the_keys_and_notices_a_change() {
    let trust = TrustAnchors::new(vec![source(&two_keys(), NOW)]);
    let text = snapshot::write(&trust, UnixSeconds(NOW)).unwrap();
    let again = snapshot::read(text.as_bytes()).unwrap();
    assert_eq!(again.digest(), trust.digest());
    assert_eq!(judge_with(&scene(|_| {}), &again, &ChainCache::default()), Ok(()));
    assert_eq!(snapshot::write(&again, UnixSeconds(NOW)).unwrap(), text);
    let x = key(1).public_jwk()["x"].as_str().unwrap().to_owned();
    let other = key(3).public_jwk();
    let y = key(1).public_jwk()["y"].as_str().unwrap().to_owned();
    let swapped = text.replace(&x, other["x"].as_str().unwrap()).replace(&y, other["y"].as_str().unwrap());
    for changed in [swapped, text.replace("tenant/1", "tenant/2"), text.replace(r#"\"kid\":\"a\""#, r#"\"kid\":\"z\""#)]
    {
        assert_ne!(changed, text);
        assert_eq!(snapshot::read(changed.as_bytes()).unwrap_err().code, Code::ConfigRefused);
    }
    // Other keys are other trust data.
    let rotated = TrustAnchors::new(vec![source(&two_keys()[..1], NOW)]);
    assert_ne!(rotated.digest(), trust.digest());
    let later = TrustAnchors::new(vec![source(&two_keys(), NOW - 60)]);
    assert_eq!(later.digest(), trust.digest(), "the same keys, confirmed at another time, are the same trust data");
}
