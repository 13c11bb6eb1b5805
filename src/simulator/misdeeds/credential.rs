//! Faults of the issuer-signed part.

use super::Scene;
use crate::domain::encoding::base64;
use crate::domain::jose::hash::{HashAlgorithm, sha256};
use crate::domain::jose::keys::SigningKey;
use crate::simulator::SimulatorError;
use crate::simulator::authority::{IssuerName, PASS_TYPE, PID_DE_TYPE, SignerKey};
use crate::simulator::bad_chains::BadChain;
use crate::simulator::encode::jws::Jws;
use crate::simulator::encode::sd_jwt::{Step, encode};
use crate::simulator::faults::Fault;
use crate::simulator::issuer::{Draft, Sealed, status_path};
use crate::simulator::status_host::{ENTRIES, REVOKED_INDEX, SUSPENDED_INDEX, StatusHostMode, UNKNOWN_VALUE_INDEX};
use serde_json::{Map, Value, json};

fn put(members: &mut Map<String, Value>, name: &str, value: Value) {
    members.insert(name.to_owned(), value);
}

/// Spoils what will be issued.
pub(in crate::simulator) fn draft(
    scene: &Scene<'_>,
    draft: &mut Draft,
    holder: &SigningKey,
) -> Result<(), SimulatorError> {
    let Some(fault) = scene.fault else { return Ok(()) };
    if let Some(bad) = bad_chain(fault) {
        draft.sign_with(scene.authority.bad_chain(bad)?);
    }
    spoil_header(scene, fault, draft)?;
    spoil_type(scene, fault, draft);
    spoil_dates(scene, fault, draft);
    spoil_cnf(scene, fault, draft, holder)?;
    spoil_status(scene, fault, draft);
    spoil_claims(fault, draft);
    Ok(())
}

const fn bad_chain(fault: Fault) -> Option<BadChain> {
    Some(match fault {
        Fault::IssuerKeyP384 => BadChain::P384Leaf,
        Fault::X5cSix => BadChain::SixCertificates,
        Fault::X5cAnchor => BadChain::AnchorIncluded,
        Fault::X5cOwnRoot => BadChain::OwnRootIncluded,
        Fault::X5cSelfSigned => BadChain::SelfSignedLeaf,
        Fault::X5cUnknownRoot => BadChain::UnknownRoot,
        Fault::X5cSameNames => BadChain::SameNamesOtherKeys,
        Fault::X5cLeafOnly => BadChain::IntermediateMissing,
        Fault::X5cAccessCertificate => BadChain::AccessCertificate,
        Fault::X5cShuffled => BadChain::Shuffled,
        Fault::X5cUnrelated => BadChain::UnrelatedInserted,
        Fault::X5cDuplicate => BadChain::Duplicate,
        Fault::X5cIntermediateNotCa => BadChain::IntermediateIsNoAuthority,
        Fault::X5cIntermediateNoSign => BadChain::IntermediateMayNotSign,
        Fault::X5cPathTooLong => BadChain::PathTooLong,
        Fault::X5cNameConstraint => BadChain::NameConstraintViolated,
        Fault::X5cCriticalExtension => BadChain::UnknownCriticalExtension,
        Fault::X5cLeafCa => BadChain::LeafIsAuthority,
        Fault::X5cLeafEncipherment => BadChain::LeafForEncipherment,
        Fault::X5cLeafServer => BadChain::LeafForServers,
        Fault::X5cLeafExpired => BadChain::ExpiredLeaf,
        Fault::X5cLeafNotYetValid => BadChain::NotYetValidLeaf,
        Fault::X5cIntermediateExpired => BadChain::ExpiredIntermediate,
        _ => return None,
    })
}

fn spoil_header(scene: &Scene<'_>, fault: Fault, draft: &mut Draft) -> Result<(), SimulatorError> {
    let chain = draft.signer.chain.clone();
    let mut set = |name: &str, value: Value| put(&mut draft.header, name, value);
    match fault {
        Fault::IssuerAlgNone => set("alg", json!("none")),
        Fault::IssuerAlgHs256 | Fault::IssuerAlgHs256PublicKey => set("alg", json!("HS256")),
        Fault::IssuerAlgEs384 => set("alg", json!("ES384")),
        Fault::IssuerAlgEsp256 => set("alg", json!("ESP256")),
        Fault::IssuerOtherKey => draft.signer.key = SignerKey::P256(scene.authority.seed().key("misdeed/issuer")?),
        Fault::IssuerHeaderJku => set("jku", json!("https://attacker.example/jwks.json")),
        Fault::IssuerHeaderJwk => {
            set("jwk", Value::Object(scene.authority.seed().key("misdeed/issuer")?.public_jwk()));
        }
        Fault::IssuerKidPath => set("kid", json!("../../../etc/passwd")),
        Fault::IssuerKidLong => set("kid", json!("k".repeat(1_000))),
        Fault::IssuerCrit => {
            set("crit", json!(["urn:example:unknown"]));
            set("urn:example:unknown", json!(true));
        }
        Fault::IssuerB64Crit => {
            set("crit", json!(["b64"]));
            set("b64", json!(false));
        }
        Fault::IssuerB64 => set("b64", json!(false)),
        Fault::IssuerTypJwt => set("typ", json!("JWT")),
        Fault::IssuerTypOld => set("typ", json!("vc+sd-jwt")),
        Fault::IssuerTypCase => set("typ", json!("DC+SD-JWT")),
        Fault::IssuerTypMissing => {
            draft.header.remove("typ");
        }
        Fault::X5cMissing | Fault::IssDid => {
            draft.header.remove("x5c");
        }
        Fault::X5cText => set("x5c", json!(chain.first().map(|der| base64::encode_standard(der)))),
        Fault::X5cEmpty => set("x5c", json!([])),
        Fault::X5cBase64url => set("x5c", chain.iter().map(|der| Value::from(base64::encode_url(der))).collect()),
        Fault::X5cGarbage => {
            let mut entries = vec![base64::encode_standard(b"this is no certificate")];
            entries.extend(chain.iter().skip(1).map(|der| base64::encode_standard(der)));
            set("x5c", json!(entries));
        }
        Fault::X5cThumbprint => set("x5t#S256", json!(base64::encode_url(&sha256(b"another certificate")))),
        _ => {}
    }
    Ok(())
}

fn spoil_type(scene: &Scene<'_>, fault: Fault, draft: &mut Draft) {
    let issued_by = |draft: &mut Draft, name: IssuerName| {
        draft.sign_with(scene.authority.issuer(name));
        put(&mut draft.control, "iss", json!(name.uri()));
        if let Some(list) = draft.control.get_mut("status").and_then(|status| status.get_mut("status_list")) {
            let uri = format!("{}{}", scene.status_base, status_path(name));
            *list = json!({"idx": 900, "uri": uri});
        }
    };
    match fault {
        Fault::VctMissing => {
            draft.control.remove("vct");
        }
        Fault::VctArray => put(&mut draft.control, "vct", json!([PID_DE_TYPE])),
        Fault::VctCase => put(&mut draft.control, "vct", json!("urn:eudi:PID:de:1")),
        Fault::VctSlash => put(&mut draft.control, "vct", json!(format!("{PID_DE_TYPE}/"))),
        Fault::AkaByOtherIssuer => {
            issued_by(draft, IssuerName::Municipality);
            put(&mut draft.control, "vct", json!(PASS_TYPE));
            put(&mut draft.control, "aka_vcts", json!([PID_DE_TYPE]));
        }
        Fault::PidByMunicipality => issued_by(draft, IssuerName::Municipality),
        Fault::PidByForeignState => issued_by(draft, IssuerName::PidForeign),
        Fault::IssOther => put(&mut draft.control, "iss", json!("https://other-issuer.example")),
        Fault::IssDid => put(&mut draft.control, "iss", json!("did:web:attacker.example")),
        Fault::IssAbsent => {
            draft.control.remove("iss");
        }
        _ => {}
    }
}

fn spoil_dates(scene: &Scene<'_>, fault: Fault, draft: &mut Draft) {
    let now = scene.now;
    let mut set = |name: &str, value: Value| put(&mut draft.control, name, value);
    match fault {
        Fault::ExpText => set("exp", json!(now.plus(86_400).0.to_string())),
        Fault::NbfBoolean => set("nbf", json!(true)),
        Fault::IatNull => set("iat", Value::Null),
        Fault::NbfAfterExp => {
            set("exp", json!(now.plus(86_400).0));
            set("nbf", json!(now.plus(2 * 86_400).0));
        }
        Fault::ExpNegative => set("exp", json!(-1)),
        Fault::Expired | Fault::ExpiredWithinSkew => {
            set("iat", json!(now.minus(20 * 86_400).0));
            set("nbf", json!(now.minus(20 * 86_400).0));
            set("exp", json!(now.minus(if fault == Fault::Expired { 3_600 } else { 30 }).0));
        }
        Fault::NotYetValid => set("nbf", json!(now.plus(86_400).0)),
        _ => {}
    }
}

fn spoil_cnf(scene: &Scene<'_>, fault: Fault, draft: &mut Draft, holder: &SigningKey) -> Result<(), SimulatorError> {
    let mut jwk = holder.public_jwk();
    let changed = match fault {
        Fault::CnfMissing => {
            draft.control.remove("cnf");
            return Ok(());
        }
        Fault::CnfKid => json!({"kid": "holder-1"}),
        Fault::CnfPrivate => json!({"jwk": holder.test_jwk()}),
        Fault::CnfSymmetric => json!({"jwk": {"kty": "oct", "k": scene.other_text("secret")}}),
        Fault::CnfIssuerKey => json!({"jwk": proof_key(scene, draft, holder)?.public_jwk()}),
        Fault::CnfOffCurve => {
            put(&mut jwk, "x", json!(base64::encode_url(&[0; 32])));
            json!({"jwk": jwk})
        }
        Fault::CnfShortCoordinate => {
            put(&mut jwk, "x", json!(base64::encode_url(&[1; 31])));
            json!({"jwk": jwk})
        }
        _ => return Ok(()),
    };
    put(&mut draft.control, "cnf", changed);
    Ok(())
}

/// The key that the proof is signed with: that of the holder, unless the credential is bound to another on purpose.
pub(in crate::simulator) fn proof_key(
    scene: &Scene<'_>,
    draft: &Draft,
    holder: &SigningKey,
) -> Result<SigningKey, SimulatorError> {
    match (scene.fault, &draft.signer.key) {
        (Some(Fault::CnfIssuerKey), SignerKey::P256(key)) => Ok(key.clone()),
        (Some(Fault::KbOtherKey), _) => scene.authority.seed().key("misdeed/holder"),
        _ => Ok(holder.clone()),
    }
}

fn spoil_status(scene: &Scene<'_>, fault: Fault, draft: &mut Draft) {
    let list = draft.control.get("status").and_then(|status| status.get("status_list")).cloned().unwrap_or_default();
    let (index, uri) = (list.get("idx").cloned(), list.get("uri").cloned());
    let entry = |index: Value, uri: Value| json!({"status_list": {"idx": index, "uri": uri}});
    let at = |index: Value| entry(index, uri.clone().unwrap_or_default());
    let from = |uri: &str| entry(index.clone().unwrap_or_default(), json!(uri));
    let changed = match fault {
        Fault::StatusRevoked => at(json!(REVOKED_INDEX)),
        Fault::StatusSuspended => at(json!(SUSPENDED_INDEX)),
        Fault::StatusValueThree => at(json!(UNKNOWN_VALUE_INDEX)),
        Fault::StatusIndexBeyond => at(json!(ENTRIES)),
        Fault::StatusIndexNegative => at(json!(-1)),
        Fault::StatusIndexText => at(json!("1000")),
        Fault::StatusOtherMechanism => json!({"other_mechanism": {"place": 7}}),
        Fault::StatusUriHttp => from("http://status.pruefstein.example/lists/pid"),
        Fault::StatusUriFile => from("file:///etc/passwd"),
        Fault::StatusUriOtherHost => from("https://status.elsewhere.example/lists/pid"),
        Fault::StatusUriInside => from("https://169.254.169.254/lists/pid"),
        Fault::StatusMissing => {
            draft.control.remove("status");
            return;
        }
        _ if fault.status_host() != StatusHostMode::Well => {
            from(&format!("{}{}", scene.status_base, fault.status_host().path()))
        }
        _ => return,
    };
    put(&mut draft.control, "status", changed);
}

fn spoil_claims(fault: Fault, draft: &mut Draft) {
    match fault {
        Fault::Decoys => draft.decoys = 200,
        Fault::ClaimLookalike => {
            // The second letter is Cyrillic.
            if let Some(name) = draft.claims.remove("family_name") {
                put(&mut draft.claims, "f\u{430}mily_name", name);
            }
        }
        Fault::ClaimValueOther => put(&mut draft.claims, "family_name", json!("ANDERS")),
        Fault::ClaimValueDecomposed => put(&mut draft.claims, "family_name", json!("PRU\u{308}FSTEIN")),
        Fault::ClaimValueTyped => {
            if let Some(Value::Object(steps)) = draft.claims.get_mut("age_equal_or_over") {
                put(steps, "18", json!("true"));
            }
        }
        _ => {}
    }
}

/// Spoils digests and disclosures.
pub(in crate::simulator) fn sealed(scene: &Scene<'_>, sealed: &mut Sealed) {
    let Some(fault) = scene.fault else { return };
    let salt = scene.other_text("salt");
    spoil_structure(fault, sealed, &salt);
    let mut add = |disclosure: Value| {
        let digest = sealed.force_disclosure(&disclosure);
        sealed.refer_to(&digest);
    };
    match fault {
        Fault::DisclosureNameDots => add(json!([salt, "...", "value"])),
        Fault::DisclosureNameSd => add(json!([salt, "_sd", ["value"]])),
        Fault::DisclosureNameSdAlg => add(json!([salt, "_sd_alg", "sha-512"])),
        Fault::ClaimDisclosedTwice => add(json!([salt, "family_name", "ANDERS"])),
        Fault::SaltNumber => add(json!([7, "extra", "value"])),
        Fault::ClaimNameNumber => add(json!([salt, 7, "value"])),
        Fault::DisclosureFourParts => add(json!([salt, "extra", "value", "more"])),
        Fault::VctDisclosed => add(json!([salt, "vct#integrity", "sha256-AAAA"])),
        Fault::ManyDisclosures => {
            for number in 0..300 {
                add(json!([format!("{salt}{number}"), format!("extra_{number}"), number]));
            }
        }
        Fault::ExpDisclosed => move_into_disclosure(sealed, &salt, "exp"),
        Fault::StatusDisclosed => move_into_disclosure(sealed, &salt, "status"),
        Fault::CnfDisclosed => move_into_disclosure(sealed, &salt, "cnf"),
        Fault::IatDisclosed => move_into_disclosure(sealed, &salt, "iat"),
        _ => {}
    }
}

fn move_into_disclosure(sealed: &mut Sealed, salt: &str, name: &str) {
    if let Some(value) = sealed.payload.remove(name) {
        let digest = sealed.force_disclosure(&json!([salt, name, value]));
        sealed.refer_to(&digest);
    }
}

fn spoil_structure(fault: Fault, sealed: &mut Sealed, salt: &str) {
    match fault {
        Fault::DisclosureUnreferenced => {
            sealed.force_disclosure(&json!([salt, "extra", "value"]));
        }
        Fault::DisclosureReencoded => {
            if let Some(disclosure) = sealed.disclosure_of("family_name") {
                let text = String::from_utf8(base64::decode_url(&disclosure.text).unwrap_or_default());
                disclosure.text = base64::encode_url(text.unwrap_or_default().replace("\",\"", "\", \"").as_bytes());
            }
        }
        Fault::DigestOfDecoded => {
            let hash = sealed.hash;
            let text = sealed.disclosure_of("family_name").map(|disclosure| disclosure.text.clone());
            let text = text.unwrap_or_default();
            let decoded = base64::decode_url(&text).unwrap_or_default();
            replace_digest(sealed, &hash.digest_url(text.as_bytes()), &hash.digest_url(&decoded));
        }
        Fault::DigestTwice => {
            let hash = sealed.hash;
            let digest = sealed.disclosure_of("family_name").map(|found| hash.digest_url(found.text.as_bytes()));
            put(&mut sealed.payload, "extra", json!({"_sd": [digest]}));
        }
        Fault::ClaimAlsoClear => put(&mut sealed.payload, "family_name", json!("ANDERS")),
        Fault::CnfPartDisclosed => {
            let digest = sealed.force_disclosure(&json!([salt, "kid", "holder-1"]));
            if let Some(Value::Object(cnf)) = sealed.payload.get_mut("cnf") {
                put(cnf, "_sd", json!([digest]));
            }
        }
        Fault::ArrayDisclosureNamed => {
            let digest = sealed.force_disclosure(&json!([salt, "name", "value"]));
            put(&mut sealed.payload, "extra", json!([{"...": digest}]));
        }
        Fault::PlaceholderExtraMember => {
            let digest = sealed.force_disclosure(&json!([salt, "value"]));
            put(&mut sealed.payload, "extra", json!([{"...": digest, "x": 1}]));
        }
        Fault::SdText => put(&mut sealed.payload, "extra", json!({"_sd": "text"})),
        Fault::SdNumbers => put(&mut sealed.payload, "extra", json!({"_sd": [7]})),
        Fault::SdAlgSha1 => put(&mut sealed.payload, "_sd_alg", json!("sha-1")),
        Fault::SdAlgUpperCase => put(&mut sealed.payload, "_sd_alg", json!("SHA-256")),
        Fault::SdAlgNested => put(&mut sealed.payload, "extra", json!({"_sd_alg": "sha-256"})),
        Fault::SdAlgMislabelled => {
            put(&mut sealed.payload, "_sd_alg", json!("sha-512"));
            // The proof hashes as the credential says.
            sealed.hash = HashAlgorithm::Sha512;
        }
        Fault::DisclosureRecursion => {
            let mut value = json!("value");
            for depth in 0..20 {
                let digest = sealed.force_disclosure(&json!([format!("{salt}{depth}"), "extra", value]));
                value = json!({"_sd": [digest]});
            }
            let digest = sealed.force_disclosure(&json!([salt, "extra", value]));
            sealed.refer_to(&digest);
        }
        Fault::DisclosurePadding => {
            let digest = sealed.force_text(format!("{}=", encode(&json!([salt, "extra", "value"]))));
            sealed.refer_to(&digest);
        }
        Fault::DisclosureDuplicateMember => {
            let text = format!(r#"["{salt}","extra",{{"a":1,"a":2}}]"#);
            let digest = sealed.force_text(base64::encode_url(text.as_bytes()));
            sealed.refer_to(&digest);
        }
        Fault::ClaimLookalike => {
            for disclosure in &mut sealed.disclosures {
                disclosure.forced |= disclosure.path == [Step::Name("f\u{430}mily_name".to_owned())];
            }
        }
        _ => {}
    }
}

fn replace_digest(sealed: &mut Sealed, old: &str, new: &str) {
    if let Some(Value::Array(digests)) = sealed.payload.get_mut("_sd") {
        for digest in digests.iter_mut().filter(|digest| *digest == old) {
            *digest = Value::from(new);
        }
    }
}

/// Spoils the JSON of the payload, before it is signed.
pub(in crate::simulator) fn payload(scene: &Scene<'_>, sealed: &Sealed) -> Vec<u8> {
    let json = sealed.payload_json();
    let Some(fault) = scene.fault else { return json };
    let rest = json.get(1..).unwrap_or_default();
    let with_member = |member: &[u8]| [b"{", member, b",", rest].concat();
    let exp = sealed.payload.get("exp").map(ToString::to_string).unwrap_or_default();
    let with_exp = |text: &str| {
        let plain = String::from_utf8_lossy(&json);
        plain.replacen(&format!("\"exp\":{exp}"), &format!("\"exp\":{text}"), 1).into_bytes()
    };
    match fault {
        Fault::PayloadArray => [b"[", json.as_slice(), b"]"].concat(),
        Fault::PayloadDuplicateMember => with_member(br#""vct":"urn:example:other""#),
        Fault::PayloadDuplicateEscaped => with_member(br#""v\u0063t":"urn:example:other""#),
        Fault::PayloadBom => [b"\xef\xbb\xbf", json.as_slice()].concat(),
        Fault::PayloadInvalidUtf8 => with_member(b"\"extra\":\"\xff\""),
        Fault::PayloadLoneSurrogate => with_member(br#""extra":"\ud800""#),
        Fault::PayloadTail => [json.as_slice(), b"{}"].concat(),
        Fault::PayloadTooDeep => with_member(format!("\"extra\":{}{}", "[".repeat(100), "]".repeat(100)).as_bytes()),
        Fault::PayloadTooMany => with_member(format!("\"extra\":[{}null]", "null,".repeat(19_999)).as_bytes()),
        Fault::ExpOutOfRange => with_exp("1e400"),
        Fault::ExpFraction => with_exp(&format!("{exp}.5")),
        _ => json,
    }
}

/// Signs, and spoils header, signature or text.
pub(in crate::simulator) fn token(scene: &Scene<'_>, jws: Jws, key: &SignerKey) -> Result<String, SimulatorError> {
    let Some(fault) = scene.fault else { return Ok(jws.sign(key)?.text()) };
    let mut signed = match fault {
        Fault::IssuerAlgNone => return Ok(jws.text()),
        Fault::IssuerAlgHs256 => return Ok(jws.sign_hs256(b"").text()),
        Fault::IssuerAlgHs256PublicKey => {
            let point = scene.authority.branch(IssuerName::PidGermany).leaf.key.public_point();
            return Ok(jws.sign_hs256(&point).text());
        }
        _ => jws.sign(key)?,
    };
    match fault {
        Fault::IssuerSignatureZero => signed.signature = vec![0; 64],
        Fault::IssuerSignatureDer => {
            if let SignerKey::P256(key) = key {
                signed.signature = key.sign_deterministic_der(signed.signing_input().as_bytes());
            }
        }
        Fault::IssuerSignatureLong => {
            let (r, s) = signed.signature.split_at(32);
            signed.signature = [&[0], r, &[0], s].concat();
        }
        Fault::IssuerSignatureShort => {
            signed.signature.pop();
        }
        Fault::IssuerSignatureFlipped => flip(&mut signed.signature),
        Fault::IssuerPayloadChanged => {
            let text = String::from_utf8_lossy(&signed.payload).replacen("\"exp\":1", "\"exp\":2", 1);
            signed.payload = text.into_bytes();
        }
        Fault::IssuerHeaderSwapped => {
            let text = String::from_utf8_lossy(&signed.header).replacen('{', r#"{"kid":"other","#, 1);
            signed.header = text.into_bytes();
        }
        _ => {}
    }
    spoil_text(fault, &signed)
}

fn flip(bytes: &mut [u8]) {
    if let Some(byte) = bytes.get_mut(10) {
        *byte ^= 1;
    }
}

fn spoil_text(fault: Fault, signed: &Jws) -> Result<String, SimulatorError> {
    let text = signed.text();
    let unfit = SimulatorError::Form("this token has no character that fits; choose another seed");
    Ok(match fault {
        Fault::IssuerPadding => format!("{text}=="),
        Fault::IssuerAlphabet => {
            let place = text.find(['-', '_']).ok_or(unfit)?;
            let (before, after) = text.split_at(place);
            format!("{before}{}{}", if after.starts_with('-') { '+' } else { '/' }, after.get(1..).unwrap_or_default())
        }
        Fault::IssuerWhitespace => {
            let (header, rest) = text.split_once('.').ok_or(unfit)?;
            let (payload, signature) = rest.split_once('.').ok_or(SimulatorError::Form("no signature part"))?;
            format!("{header}.{payload}\n.{signature}")
        }
        Fault::IssuerUnusedBits => {
            // 64 bytes leave four unused bits in the last character; the lowest of them is set.
            const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
            let (kept, last) = text.split_at(text.len().saturating_sub(1));
            let value = ALPHABET.find(last).ok_or(unfit)?;
            let odd = ALPHABET.chars().nth(value | 1).unwrap_or('B');
            format!("{kept}{odd}")
        }
        Fault::IssuerFourParts => format!("{text}.AAAA"),
        Fault::IssuerTwoParts => text.rsplit_once('.').ok_or(unfit)?.0.to_owned(),
        _ => text,
    })
}
