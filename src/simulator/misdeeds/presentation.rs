//! Faults of what the holder adds: choice, disclosures, proof, and the text of the whole.

use super::credential::proof_key;
use super::{Scene, transaction_data};
use crate::domain::encoding::base64;
use crate::domain::jose::hash::{HashAlgorithm, sha256};
use crate::domain::jose::keys::SigningKey;
use crate::simulator::SimulatorError;
use crate::simulator::authority::{IssuerName, SignerKey};
use crate::simulator::encode::jws::{self, Jws};
use crate::simulator::encode::sd_jwt::Step;
use crate::simulator::faults::Fault;
use crate::simulator::issuer::{Draft, Issued, KeyBinding, bare_presentation};
use crate::simulator::matcher::{Choice, Held, Obedience};
use serde_json::{Value, json};

const YEAR: i64 = 365 * 86_400;

/// Spoils the choice of credentials and claims.
pub(in crate::simulator) fn choices(scene: &Scene<'_>, choices: &mut Vec<Choice>, held: &[Held]) {
    let query = &scene.request.query;
    let named = |name: &str| vec![json!(name)];
    match scene.fault {
        Some(Fault::VctOther) => {
            if let Some(choice) = choices.first_mut() {
                choice.kind = IssuerName::Municipality;
                choice.paths = vec![named("family_name"), named("given_name")];
            }
        }
        Some(Fault::ClaimMissing) => {
            for choice in choices {
                choice.paths.retain(|path| *path != named("family_name"));
            }
        }
        Some(Fault::ClaimsExtra) => {
            for choice in choices {
                choice.paths.push(named("nationalities"));
                choice.paths.push(named("place_of_birth"));
            }
        }
        Some(Fault::ClaimSetHalves) => {
            if let (Some(choice), Some(asked)) = (choices.first_mut(), query.credentials.first()) {
                let firsts: Vec<String> = asked.claim_sets.iter().filter_map(|set| set.first().cloned()).collect();
                choice.paths = asked.named(&firsts).iter().map(|claim| claim.path.clone()).collect();
            }
        }
        Some(Fault::CredentialSetHalves) => {
            let all = query.candidates(held, Obedience::default());
            *choices = all.into_iter().filter(|choice| matches!(choice.query_id.as_str(), "a" | "d")).collect();
        }
        _ => {}
    }
}

/// How often the first credential is presented, with proofs that differ.
pub(in crate::simulator) const fn copies(fault: Option<Fault>) -> i64 {
    match fault {
        Some(Fault::TwoPresentations) => 2,
        Some(Fault::NinePresentations) => 9,
        _ => 1,
    }
}

/// Presents: chooses disclosures, makes the proof, and spoils both.
pub(in crate::simulator) fn present(
    scene: &Scene<'_>,
    draft: &Draft,
    issued: &Issued,
    choice: &Choice,
    holder: &SigningKey,
    copy: i64,
) -> Result<Value, SimulatorError> {
    let mut disclosures = issued.disclosures_for(&choice.paths);
    match scene.fault {
        Some(Fault::DisclosureTwice) => disclosures.extend(disclosures.first().cloned()),
        Some(Fault::DisclosureParentMissing) => {
            let parent = issued.disclosures.iter().find(|found| found.path == [Step::Name("address".to_owned())]);
            let parent = parent.ok_or(SimulatorError::Form("this fault needs a person with an address"))?;
            disclosures.retain(|text| *text != parent.text);
        }
        _ => {}
    }
    let bare = bare_presentation(&issued.jwt, &disclosures);
    let mut binding = KeyBinding::new(&scene.request.audience, &scene.request.nonce, scene.now.minus(copy));
    binding.payload.insert("sd_hash".to_owned(), json!(issued.hash.digest_url(bare.as_bytes())));
    transaction_data::confirm(scene, &mut binding.payload);
    spoil_binding(scene, &mut binding, &bare);
    let proof = proof(scene, &binding, &proof_key(scene, draft, holder)?)?;
    if scene.fault == Some(Fault::FormatJwtVc) {
        return Ok(Value::from(jwt_credential(draft)?));
    }
    Ok(spoil_whole(scene, issued, &bare, &disclosures, &proof))
}

fn spoil_binding(scene: &Scene<'_>, binding: &mut KeyBinding, bare: &str) {
    let Some(fault) = scene.fault else { return };
    spoil_header(scene, fault, binding);
    spoil_payload(scene, fault, binding, bare);
}

fn spoil_header(scene: &Scene<'_>, fault: Fault, binding: &mut KeyBinding) {
    let mut set = |name: &str, value: Value| binding.header.insert(name.to_owned(), value);
    match fault {
        Fault::KbAlgNone => set("alg", json!("none")),
        Fault::KbAlgHs256 => set("alg", json!("HS256")),
        Fault::KbTypJwt => set("typ", json!("JWT")),
        Fault::KbTypProof => set("typ", json!("openid4vci-proof+jwt")),
        Fault::KbTypCase => set("typ", json!("KB+JWT")),
        Fault::KbTypMissing => binding.header.remove("typ"),
        Fault::KbCrit => {
            set("crit", json!(["urn:example:unknown"]));
            set("urn:example:unknown", json!(true))
        }
        Fault::KbHeaderJwk => {
            let own = scene.authority.seed().key("misdeed/holder").map(|key| key.public_jwk());
            set("jwk", own.map(Value::Object).unwrap_or_default())
        }
        _ => None,
    };
}

fn spoil_payload(scene: &Scene<'_>, fault: Fault, binding: &mut KeyBinding, bare: &str) {
    let request = scene.request;
    let hash = request.client_id.trim_start_matches("x509_hash:");
    let now = scene.now;
    let sd_hash = sha256(bare.as_bytes());
    let mut set = |name: &str, value: Value| binding.payload.insert(name.to_owned(), value);
    match fault {
        Fault::KbAudHashOnly => set("aud", json!(hash)),
        Fault::KbAudOtherPrefix => set("aud", json!(format!("x509_san_dns:{hash}"))),
        Fault::KbAudCase => set("aud", json!(format!("X509_HASH:{hash}"))),
        Fault::KbAudArray => set("aud", json!([request.audience])),
        Fault::KbAudResponseUri => set("aud", json!(request.response_uri)),
        Fault::KbAudOrigin => set("aud", json!("origin:https://verifier.example")),
        Fault::KbAudMissing => binding.payload.remove("aud"),
        Fault::KbWrongNonce | Fault::KbNonceSecond => set("nonce", json!(scene.other_text("nonce"))),
        Fault::KbNonceNumber => set("nonce", json!(7)),
        Fault::KbNonceArray => set("nonce", json!([request.nonce])),
        Fault::KbNonceMissing => binding.payload.remove("nonce"),
        Fault::KbIatPast => set("iat", json!(now.minus(YEAR).0)),
        Fault::KbIatFuture => set("iat", json!(now.plus(YEAR).0)),
        Fault::KbIatText => set("iat", json!(now.0.to_string())),
        Fault::KbIatExponent => set("iat", json!(1e30)),
        Fault::KbIatMissing => binding.payload.remove("iat"),
        Fault::KbExpPast => set("exp", json!(now.minus(3_600).0)),
        Fault::KbNbfFuture => set("nbf", json!(now.plus(3_600).0)),
        Fault::KbSdHashMissing => binding.payload.remove("sd_hash"),
        Fault::KbSdHashHex => {
            let digits = sd_hash.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let hex: String = digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect();
            set("sd_hash", json!(hex))
        }
        Fault::KbSdHashPadded => set("sd_hash", json!(format!("{}=", base64::encode_url(&sd_hash)))),
        Fault::KbSdHashOther => set("sd_hash", json!(base64::encode_url(&sha256(b"another credential~")))),
        Fault::KbSdHashSha512 => set("sd_hash", json!(HashAlgorithm::Sha512.digest_url(bare.as_bytes()))),
        Fault::KbSdHashWithoutTilde => {
            set("sd_hash", json!(base64::encode_url(&sha256(bare.trim_end_matches('~').as_bytes()))))
        }
        _ => None,
    };
}

fn proof(scene: &Scene<'_>, binding: &KeyBinding, key: &SigningKey) -> Result<String, SimulatorError> {
    let mut payload = jws::json(&binding.payload);
    if scene.fault == Some(Fault::KbDuplicateMember) {
        payload = [br#"{"nonce":"other","#, payload.get(1..).unwrap_or_default()].concat();
    }
    let unsigned = Jws::unsigned(&binding.header, payload);
    let signed = match scene.fault {
        Some(Fault::KbAlgNone) => return Ok(unsigned.text()),
        Some(Fault::KbAlgHs256) => return Ok(unsigned.sign_hs256(&key.public_point()).text()),
        Some(Fault::KbHeaderJwk) => unsigned.sign(&SignerKey::P256(scene.authority.seed().key("misdeed/holder")?))?,
        _ => unsigned.sign(&SignerKey::P256(key.clone()))?,
    };
    match scene.fault {
        Some(Fault::KbSignatureFlipped) => {
            let mut changed = signed;
            if let Some(byte) = changed.signature.get_mut(10) {
                *byte ^= 1;
            }
            Ok(changed.text())
        }
        Some(Fault::KbPadding) => Ok(format!("{}==", signed.text())),
        _ => Ok(signed.text()),
    }
}

fn spoil_whole(scene: &Scene<'_>, issued: &Issued, bare: &str, disclosures: &[String], proof: &str) -> Value {
    let whole = match scene.fault {
        Some(Fault::KbMissing) => bare.to_owned(),
        Some(Fault::NoFinalTilde) => bare.trim_end_matches('~').to_owned(),
        Some(Fault::JwtAmongDisclosures) => format!("{bare}{proof}~{proof}"),
        Some(Fault::KbDisclosureRemoved) => {
            let kept: Vec<String> = disclosures.iter().skip(1).cloned().collect();
            format!("{}{proof}", bare_presentation(&issued.jwt, &kept))
        }
        Some(Fault::SdjwtJsonForm) => json_form(issued, disclosures, proof).to_string(),
        Some(Fault::PresentationObject) => return json_form(issued, disclosures, proof),
        _ => format!("{bare}{proof}"),
    };
    Value::from(whole)
}

/// The same claims as a JWT credential of the W3C model, with a good signature.
fn jwt_credential(draft: &Draft) -> Result<String, SimulatorError> {
    let mut header = draft.header.clone();
    header.insert("typ".to_owned(), json!("JWT"));
    let mut payload = draft.control.clone();
    payload.remove("vct");
    let subject = Value::Object(draft.claims.clone());
    payload.insert("vc".to_owned(), json!({"type": ["VerifiableCredential"], "credentialSubject": subject}));
    Ok(Jws::unsigned(&header, jws::json(&payload)).sign(&draft.signer.key)?.text())
}

/// The JWS JSON serialization of RFC 9901 section 8.
fn json_form(issued: &Issued, disclosures: &[String], proof: &str) -> Value {
    let mut parts = issued.jwt.split('.');
    let mut next = || parts.next().unwrap_or_default();
    let (protected, payload, signature) = (next(), next(), next());
    let header = json!({"disclosures": disclosures, "kb_jwt": proof});
    json!({"payload": payload, "protected": protected, "signature": signature, "header": header})
}
