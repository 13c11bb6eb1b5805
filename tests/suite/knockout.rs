//! The knock-out suite: for every check one answer that is perfect but for it, and every pair of two such faults.

use crate::stage::{Scene, stray, world};
use pruefstein::domain::encoding::base64;
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::transaction_data::Entry;
use pruefstein::domain::trust::{Basis, ListEvidence};
use pruefstein::domain::verify::Standing;
use pruefstein::domain::verify::report::{Check, Outcome};
use pruefstein::simulator::authority::SignerKey;
use pruefstein::simulator::bad_chains::BadChain;
use pruefstein::vectors::make::world::NOW;
use serde_json::json;
use std::collections::HashSet;

type Fault = fn(&mut Scene);

/// Check, the code it gives, and how to break nothing else.
const FAULTS: &[(Check, Code, Fault)] = &[
    (Check::ResponseEncryption, Code::EncryptionRequired, |scene| scene.encrypted = false),
    (Check::ResponseState, Code::StateMismatch, |scene| "other".clone_into(&mut scene.state)),
    (Check::VpToken, Code::VpTokenUnknownQuery, |scene| scene.entries = json!({"unasked": ["x~"]})),
    (Check::CredentialForm, Code::SdjwtMalformed, |scene| {
        // An empty disclosure, put in before the proof is made.
        scene.token.disclosures.push(String::new());
    }),
    (Check::IssuerHeader, Code::CredentialTypInvalid, |scene| scene.token.header["typ"] = json!("JWT")),
    (Check::IssuerTrusted, Code::X5cUntrusted, |scene| {
        let stranger = world().authority.bad_chain(BadChain::UnknownRoot).unwrap();
        scene.token.header["x5c"] = json!(stranger.x5c());
        scene.token.signer = stranger.key;
    }),
    (Check::IssuerAuthorized, Code::IssuerNotAuthorized, |scene| scene.types = vec!["urn:example:library".to_owned()]),
    (Check::IssuerSignature, Code::JwsSignatureInvalid, |scene| {
        scene.token.signer = SignerKey::P256(world().stranger.clone());
    }),
    (Check::Disclosures, Code::SdjwtDisclosureUnreferenced, |scene| scene.token.disclosures.push(stray())),
    (Check::HolderKey, Code::HolderKeyUnsupported, |scene| scene.token.payload["cnf"] = json!({"kid": "k"})),
    (Check::KeyBindingForm, Code::KbTypInvalid, |scene| scene.token.proof_header["typ"] = json!("JWT")),
    (Check::KeyBindingAudience, Code::KbAudMismatch, |scene| scene.token.proof["aud"] = json!("x509_hash:other")),
    (Check::KeyBindingNonce, Code::KbNonceMismatch, |scene| scene.token.proof["nonce"] = json!("other")),
    (Check::KeyBindingTime, Code::KbIatOutOfWindow, |scene| scene.token.proof["iat"] = json!(NOW - 86_400)),
    (Check::KeyBindingHash, Code::KbSdHashMismatch, |scene| scene.token.proof["sd_hash"] = json!("other")),
    (Check::KeyBindingSignature, Code::KbSignatureInvalid, |scene| scene.token.holder = world().stranger.clone()),
    (Check::ValidityPeriod, Code::CredentialExpired, |scene| scene.token.payload["exp"] = json!(NOW - 60)),
    (Check::CredentialType, Code::CredentialTypeMismatch, |scene| {
        scene.token.payload["vct"] = json!("urn:example:vectors:other:1");
    }),
    (Check::TypeMetadata, Code::TypeMetadataInvalid, |scene| {
        // Without a known hash it is refused whatever the type is.
        scene.token.payload["vct#integrity"] = json!("md5-AAAA");
    }),
    (Check::ClaimContent, Code::LimitExceeded, |scene| scene.token.payload["page"] = json!("data:text/html,x")),
    (Check::StatusReference, Code::StatusUriNotAllowed, |scene| {
        scene.token.payload["status"]["status_list"]["uri"] = json!("https://attacker.example/1");
    }),
    (Check::StatusList, Code::StatusUnavailable, |scene| scene.list = None),
    (Check::Status, Code::CredentialRevoked, |scene| scene.token.payload["status"]["status_list"]["idx"] = json!(1)),
    (Check::Query, Code::ClaimMissing, |scene| drop(scene.token.disclosures.remove(0))),
    (Check::QuerySets, Code::QueryNotSatisfied, |scene| {
        let permit = json!({"id": "permit", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:example:permit"]}});
        scene.query["credentials"].as_array_mut().unwrap().push(permit);
    }),
    (Check::TransactionData, Code::TransactionDataMismatch, |scene| {
        scene.token.proof["transaction_data_hashes"] = json!(["of nothing that was sent"]);
    }),
    (Check::TransactionDataConfirmed, Code::TransactionDataMismatch, |scene| {
        let entry = json!({"type": "urn:example:approval:1", "credential_ids": ["identity"]});
        scene.sent = vec![Entry::parse(&base64::encode_url(entry.to_string().as_bytes())).unwrap()];
    }),
];

#[test]
fn every_check_has_a_knock_out() {
    let covered: HashSet<Check> = FAULTS.iter().map(|(check, ..)| *check).collect();
    let missing: Vec<&Check> = Check::ALL.iter().filter(|check| !covered.contains(check)).collect();
    assert!(missing.is_empty(), "no knock-out for {missing:?}");
    assert_eq!(FAULTS.len(), Check::ALL.len());
}

#[test]
fn without_a_fault_every_check_passes() {
    let (presented, report) = Scene::good().judge().map_err(|refusal| refusal.reason).unwrap();
    let made: HashSet<Check> = report.lines().iter().map(|line| line.check).collect();
    assert!(Check::ALL.iter().all(|check| made.contains(check)), "every check was made");
    assert!(report.lines().iter().all(|line| line.outcome == Outcome::Passed));
    // SVC-021: a claim never leaves without its issuer.
    let credential = &presented.credentials[0].1[0];
    assert_eq!((credential.issuer.trusted_by.as_str(), credential.issuer.country.as_deref()), ("mine", Some("DE")));
    assert_eq!(
        serde_json::Value::Object(credential.claims.clone()),
        json!({"given_name": "LINA", "nationalities": ["DE"]})
    );
}

#[test]
fn one_fault_fails_exactly_its_check() {
    for (check, code, fault) in FAULTS {
        let mut scene = Scene::good();
        fault(&mut scene);
        let refusal = scene.judge().err().unwrap_or_else(|| panic!("{check:?}: accepted"));
        assert_eq!(refusal.reason.code, *code, "{check:?}: {}", refusal.reason);
        let failed: Vec<Check> = refusal
            .report
            .lines()
            .iter()
            .filter(|line| line.outcome == Outcome::Failed)
            .map(|line| line.check)
            .collect();
        assert_eq!(failed, [*check], "nothing else is wrong");
        // Every other line that was made has passed, and what was not made comes later in the order of evaluation.
        let passed = |wanted: &Check| {
            refusal.report.lines().iter().any(|line| line.check == *wanted && line.outcome == Outcome::Passed)
        };
        let before = EVALUATION.iter().take_while(|stage| !stage.contains(check)).copied().flatten();
        for earlier in before {
            // Who may issue a type that was not asked for is no matter.
            if (*check, *earlier) == (Check::CredentialType, Check::IssuerAuthorized) {
                continue;
            }
            assert!(passed(earlier), "{earlier:?} was not made before {check:?}");
        }
    }
}

/// The order in which checks are made. All of one stage are made, whatever the others say; if one fails, no later one
/// is made. `docs/decisions/0002-order-of-checks.md`.
const EVALUATION: &[&[Check]] = &[
    &[Check::ResponseEncryption],
    &[Check::ResponseState],
    &[Check::VpToken],
    &[Check::CredentialForm],
    &[Check::IssuerHeader],
    &[Check::KeyBindingForm],
    &[Check::KeyBindingAudience, Check::KeyBindingNonce, Check::KeyBindingTime],
    &[Check::IssuerTrusted],
    &[Check::IssuerAuthorized],
    &[Check::IssuerSignature],
    &[Check::Disclosures, Check::HolderKey, Check::KeyBindingHash],
    &[Check::KeyBindingSignature],
    &[Check::ValidityPeriod, Check::CredentialType, Check::TypeMetadata, Check::ClaimContent, Check::StatusReference],
    &[Check::StatusList],
    &[Check::Status],
    &[Check::Query],
    &[Check::TransactionData],
    &[Check::QuerySets, Check::TransactionDataConfirmed],
];

/// What a proof fails at before any signature is spent on it; these come before what the report lists above them.
const EARLY: [Check; 4] =
    [Check::KeyBindingForm, Check::KeyBindingAudience, Check::KeyBindingNonce, Check::KeyBindingTime];

#[test]
fn of_two_faults_the_earlier_one_gives_the_code() {
    let place = |check: Check| Check::ALL.iter().position(|known| *known == check).unwrap();
    let mut pairs = 0;
    for (first, first_code, first_fault) in FAULTS {
        for (second, second_code, second_fault) in FAULTS.iter().filter(|(check, ..)| place(*check) > place(*first)) {
            // A type that was not asked for is told as such; whether the issuer might issue it is then no matter.
            let exception = match (*first, *second) {
                (Check::IssuerAuthorized, Check::CredentialType) => true,
                (first, second) => {
                    EARLY.contains(&second) && !EARLY.contains(&first) && place(first) > place(Check::IssuerHeader)
                }
            };
            let wanted = if exception { second_code } else { first_code };
            // The faults do not depend on the order in which they are made.
            for order in [[first_fault, second_fault], [second_fault, first_fault]] {
                let mut scene = Scene::good();
                for fault in order {
                    fault(&mut scene);
                }
                // A fault of the chain brings its own key; one of the signature takes it away again.
                let code = scene.judge().err().map(|refusal| refusal.reason.code);
                assert_eq!(code, Some(*wanted), "{first:?} and {second:?}");
            }
            pairs += 1;
        }
    }
    assert_eq!(pairs, FAULTS.len() * (FAULTS.len() - 1) / 2);
}

#[test]
fn signers_whom_nobody_can_judge_now_are_no_fault_of_the_token() {
    // TL-18, catalogue rule 6: the trust list of the status signers is missing or too old. The list is good and at hand.
    let now = UnixSeconds(NOW);
    let evidence = ListEvidence {
        name: "signers".to_owned(),
        sequence: 1,
        digest: [0; 32],
        issued_at: now.minus(60),
        next_update: now.plus(60),
    };
    let until = |end| Basis::Listed { list: evidence.clone(), usable_until: end };
    for basis in [Basis::Absent { list: "signers".to_owned() }, until(now)] {
        let refusal = Scene { status_basis: Some(basis), ..Scene::good() }.judge().err().expect("nobody can say");
        assert_eq!((refusal.reason.code, refusal.standing), (Code::StatusUnavailable, Standing::Undecided));
        let failed = refusal.report.lines().iter().filter(|line| line.outcome == Outcome::Failed);
        assert_eq!(failed.map(|line| line.check).collect::<Vec<_>>(), [Check::StatusList]);
    }
    // With the list in force the signer is judged, and is none that it names.
    let refusal = Scene { status_basis: Some(until(now.plus(1))), ..Scene::good() }.judge().err().expect("not named");
    assert_eq!((refusal.reason.code, refusal.standing), (Code::StatusTokenInvalid, Standing::Established));
}

#[test]
fn the_same_faults_in_the_second_credential_refuse_the_whole_answer() {
    // KBJ-035: two credentials; whatever is wrong with the second one, nothing is accepted.
    let two = |fault: Option<Fault>| {
        let mut second = Scene::good();
        if let Some(fault) = fault {
            fault(&mut second);
        }
        let mut scene = Scene::good();
        scene.query["credentials"][0]["multiple"] = json!(true);
        scene.list.clone_from(&second.list);
        // Another proof of the same holder, so that it is not the same presentation twice.
        second.token.proof["jti"] = json!("second");
        scene.entries = json!({"identity": [scene.presentation(), second.presentation()]});
        scene.judge().map(|_| ()).map_err(|refusal| refusal.reason.code)
    };
    assert_eq!(two(None), Ok(()));
    let about_credentials = |check: &Check| {
        !matches!(
            check,
            Check::ResponseEncryption
                | Check::ResponseState
                | Check::VpToken
                | Check::IssuerAuthorized
                | Check::QuerySets
                | Check::TransactionDataConfirmed
        )
    };
    for (check, code, fault) in FAULTS.iter().filter(|(check, ..)| about_credentials(check)) {
        assert_eq!(two(Some(*fault)), Err(*code), "{check:?}");
    }
}
