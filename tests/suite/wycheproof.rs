//! Wycheproof, through the public functions of the `jose` room. Files whose primitive cannot be reached there, such as
//! AES key wrap, are not run; the list of those that are is below.

use crate::known_differences::WYCHEPROOF;
use crate::shared;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::jose::jwe;
use pruefstein::domain::jose::jwk::PublicKey;
use pruefstein::domain::jose::keys::EphemeralKey;
use pruefstein::domain::jose::repeatable::encrypt_with_secret;
use pruefstein::domain::trust::cache::ChainCache;
use pruefstein::vectors::config::from_hex;
use pruefstein::vectors::runner::{Verdict, verdict};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Runs one file. `accepts` gives what we say to a test, or `None` if the test cannot be put to us.
fn run(name: &str, accepts: impl Fn(&Value, &Value) -> Option<bool>) {
    let Some(file) = shared::json(&format!("jose/wycheproof/{name}")) else { return };
    let known: BTreeSet<u64> = WYCHEPROOF.iter().filter(|(file, ..)| *file == name).map(|(_, test, _)| *test).collect();
    let (mut count, mut accepted, mut unfit, mut problems, mut met) = (0, 0, 0, Vec::new(), BTreeSet::new());
    for group in file["testGroups"].as_array().unwrap() {
        for test in group["tests"].as_array().unwrap() {
            let Some(good) = accepts(group, test) else {
                unfit += 1;
                continue;
            };
            count += 1;
            accepted += usize::from(good);
            let differs = match test["result"].as_str().unwrap() {
                "valid" => !good,
                "invalid" => good,
                _ => false,
            };
            let id = test["tcId"].as_u64().unwrap();
            match (differs, known.contains(&id)) {
                (true, true) => drop(met.insert(id)),
                (true, false) => problems.push(format!("{id} {} {}: accepted {good}", test["comment"], test["result"])),
                (false, true) => problems.push(format!("{id} ends as expected after all")),
                (false, false) => {}
            }
        }
    }
    eprintln!("{name}: {count} run, {accepted} accepted, {unfit} cannot be put, {} known differences", met.len());
    for (_, id, why) in WYCHEPROOF.iter().filter(|(file, ..)| *file == name) {
        eprintln!("  {id}: {why}");
    }
    assert!(count > 0);
    assert!(problems.is_empty(), "{name}: {}", problems.join("\n"));
    assert_eq!(met, known);
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn hex(value: &Value) -> Vec<u8> {
    from_hex(value.as_str().unwrap()).unwrap()
}

/// Signatures over bytes, with the key as JWK and as SPKI: both readers must agree.
#[expect(clippy::unnecessary_wraps, reason = "the form that `run` takes")]
fn signature(group: &Value, test: &Value) -> Option<bool> {
    let by_spki = PublicKey::from_spki(&hex(&group["publicKeyDer"])).ok();
    let verify = |key: &PublicKey| key.verify(&hex(&test["msg"]), &hex(&test["sig"]));
    let good = by_spki.as_ref().is_some_and(verify);
    if group.get("publicKeyJwk").is_some() {
        let mut jwk = object(&group["publicKeyJwk"]);
        // Some name the algorithm by the family only; what is tested here is the signature.
        jwk.shift_remove("alg");
        let by_jwk = PublicKey::from_jwk(&jwk).ok();
        assert_eq!(good, by_jwk.as_ref().is_some_and(verify), "{}", test["tcId"]);
    }
    Some(good)
}

#[test]
fn ecdsa_of_fixed_length() {
    // JOS-005, JOS-006, JOS-008.
    run("ecdsa_secp256r1_sha256_p1363_test.json", signature);
    run("ecdsa_secp384r1_sha384_p1363_test.json", signature);
    run("ecdsa_secp521r1_sha512_p1363_test.json", signature);
}

#[test]
fn ecdsa_in_der_is_never_accepted() {
    // JOS-007: whatever the signature is worth, a JWS does not carry it in this form.
    for name in ["ecdsa_secp256r1_sha256_test.json", "ecdsa_secp384r1_sha384_test.json"] {
        let Some(file) = shared::json(&format!("jose/wycheproof/{name}")) else { return };
        let mut count = 0;
        for group in file["testGroups"].as_array().unwrap() {
            for test in group["tests"].as_array().unwrap() {
                assert_eq!(signature(group, test), Some(false), "{name} {}", test["tcId"]);
                count += 1;
            }
        }
        eprintln!("{name}: {count} refused for their form");
    }
}

#[test]
fn ed25519_and_rsa_pss() {
    run("ed25519_test.json", signature);
    run("rsa_pss_2048_sha256_mgf1_32_test.json", signature);
}

/// Key agreement, seen through a JWE: with the right secret it opens, and only then.
fn agreement(private: &[u8], epk: &Value, test: &Value) -> Option<bool> {
    let leading = private.len().saturating_sub(32);
    let scalar: Vec<u8> = private[leading..].to_vec();
    let mut padded = vec![0; 32_usize.saturating_sub(scalar.len())];
    padded.extend(scalar);
    let key = EphemeralKey::from_scalar(padded.try_into().ok()?)?;
    let header = json!({"alg": "ECDH-ES", "enc": "A256GCM", "kid": "k", "epk": epk});
    let shared = test["shared"].as_str().and_then(from_hex)?;
    let token = encrypt_with_secret(&shared, [7; 12], &object(&header), b"text").unwrap();
    Some(jwe::decrypt(&token, &key, "k").is_ok_and(|plain| plain.as_slice() == b"text"))
}

#[test]
fn key_agreement() {
    // JWE-013, JWE-014: points off the curve, of other curves, of other encodings.
    run("ecdh_secp256r1_ecpoint_test.json", |_, test| {
        let point = hex(&test["public"]);
        let (x, y) = point.get(1..)?.split_at(point.len().saturating_sub(1) / 2);
        let epk = json!({"kty": "EC", "crv": "P-256", "x": base64::encode_url(x), "y": base64::encode_url(y)});
        // A JWK says coordinates, so the byte that tells the encoding of a point has no place in it.
        if point.first() == Some(&4) { agreement(&hex(&test["private"]), &epk, test) } else { None }
    });
    run("ecdh_secp256r1_webcrypto_test.json", |_, test| {
        let private = base64::decode_url(test["private"]["d"].as_str()?).ok()?;
        agreement(&private, &test["public"], test)
    });
}

/// A token and the key that the test names: a JWS with a public key, or a JWE with a private one.
fn token(group: &Value, test: &Value) -> Option<bool> {
    let keys = |member: &str| -> Vec<Value> {
        match group.get(member) {
            Some(set) if set.get("keys").is_some() => set["keys"].as_array().unwrap().clone(),
            Some(key) => vec![key.clone()],
            None => vec![],
        }
    };
    let (kind, config, input) = if let Some(jwe) = test.get("jwe") {
        ("jwe-decrypt", json!({"private_jwks": keys("private")}), json!({"jwe": jwe}))
    } else {
        let public = if group.get("public").is_some() { keys("public") } else { keys("private") };
        ("jws-verify", json!({"issuer_jwks": public}), json!({"jws": test["jws"]}))
    };
    let verdict = verdict(kind, &object(&config), &object(&input), &ChainCache::default());
    let good = matches!(verdict, Verdict::Accepted(_));
    // A valid test with an algorithm that does not exist here is refused, and rightly so.
    let header = input.as_object()?.values().next()?.as_str()?.split('.').next()?;
    let header: Value = serde_json::from_slice(&base64::decode_url(header).unwrap_or_default()).unwrap_or_default();
    let alg = header["alg"].as_str().unwrap_or_default();
    let ours = match header["enc"].as_str() {
        Some(enc) => alg == "ECDH-ES" && ["A128GCM", "A256GCM"].contains(&enc),
        None => ["ES256", "ES384", "ES512", "Ed25519", "PS256"].contains(&alg),
    };
    if test["result"] == "valid" && !ours {
        assert!(!good, "{}: an algorithm that does not exist here", test["tcId"]);
        return None;
    }
    Some(good)
}

#[test]
fn tokens_and_keys() {
    // JOS-005 to JOS-008, JOS-025, JOS-028 to JOS-031, JOS-038, JOS-039, JWE-016, JWE-018.
    run("json_web_signature_test.json", token);
    run("json_web_encryption_test.json", token);
    run("json_web_key_test.json", token);
    run("json_web_crypto_test.json", token);
}
