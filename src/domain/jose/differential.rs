//! Differential tests: three libraries must say the same of every signature, and two of every encrypted answer.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::needless_pass_by_value,
    reason = "helper functions of tests, over numbers that are made here"
)]

use super::jwe::decrypt;
use super::jwk::PublicKey;
use super::keys::{EphemeralKey, SigningKey};
use super::repeatable::encrypt_with;
use super::{encrypt, hash::sha256};
use crate::domain::encoding::base64;
use josekit::jws::{ES256, JwsVerifier as _};
use p256::ecdsa::signature::Verifier as _;
use serde_json::{Map, Value, json};

/// A repeatable sequence of bytes: no test here depends on a clock or a source of randomness.
struct Bytes(u64);

impl Bytes {
    fn block(&mut self) -> [u8; 32] {
        self.0 += 1;
        sha256(&self.0.to_be_bytes())
    }

    fn number(&mut self, below: usize) -> usize {
        let block = self.block();
        usize::from(u16::from_be_bytes([block[0], block[1]])) % below
    }
}

/// What each of three libraries says of an ES256 signature.
struct Oracles {
    ours: PublicKey,
    p256: p256::ecdsa::VerifyingKey,
    josekit: josekit::jws::alg::ecdsa::EcdsaJwsVerifier,
}

impl Oracles {
    fn new(key: &SigningKey) -> Self {
        let jwk = key.public_jwk();
        Self {
            ours: PublicKey::from_jwk(&jwk).unwrap(),
            p256: p256::ecdsa::VerifyingKey::from_sec1_bytes(&key.public_point()).unwrap(),
            josekit: ES256.verifier_from_jwk(&josekit::jwk::Jwk::from_map(jwk).unwrap()).unwrap(),
        }
    }

    fn say(&self, message: &[u8], signature: &[u8]) -> [bool; 3] {
        let by_p256 = p256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| self.p256.verify(message, &signature).is_ok());
        [self.ours.verify(message, signature), by_p256, self.josekit.verify(message, signature).is_ok()]
    }
}

#[test]
fn three_libraries_agree_on_signatures() {
    // SDJ-12, GEN-01; good signatures, signatures with one changed bit, other messages, other lengths.
    let mut bytes = Bytes(0);
    let (mut good, mut bad) = (0, 0);
    for round in 0..60 {
        let key = SigningKey::from_scalar(&bytes.block()).unwrap();
        let oracles = Oracles::new(&key);
        let message = bytes.block();
        let signatures = [key.sign_deterministic(&message), key.sign(&message).unwrap()];
        for signature in signatures {
            assert_eq!(oracles.say(&message, &signature), [true; 3], "round {round}");
            good += 1;
            let mut agree = |message: &[u8], signature: &[u8]| {
                assert_eq!(oracles.say(message, signature), [false; 3], "round {round}: {signature:02x?}");
                bad += 1;
            };
            for _ in 0..6 {
                let mut flipped = signature.clone();
                flipped[bytes.number(64)] ^= 1 << bytes.number(8);
                agree(&message, &flipped);
            }
            let mut other = message;
            other[bytes.number(32)] ^= 1;
            agree(&other, &signature);
            agree(&message, &signature[..63]);
            agree(&message, &[&signature[..], &[0]].concat());
            agree(&message, &[&signature[32..], &signature[..32]].concat());
            agree(&message, &[&[0; 32], &signature[32..]].concat());
            agree(&message, &[&signature[..32], &[0; 32]].concat());
            agree(&message, &[0xff; 64]);
            agree(&message, &[]);
        }
    }
    assert!(good >= 100 && bad >= 1_000, "{good} {bad}");
}

#[test]
fn signatures_of_the_other_parity_are_the_same_to_all() {
    // With s, also n - s is a signature; a JWS does not forbid it, so all three must say the same.
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6,
        0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let mut bytes = Bytes(1_000_000);
    for _ in 0..20 {
        let key = SigningKey::from_scalar(&bytes.block()).unwrap();
        let message = bytes.block();
        let mut signature = key.sign_deterministic(&message);
        let mut borrow = 0_i16;
        for place in (0..32).rev() {
            let difference = i16::from(ORDER[place]) - i16::from(signature[32 + place]) - borrow;
            borrow = i16::from(difference < 0);
            signature[32 + place] = u8::try_from(difference.rem_euclid(256)).unwrap();
        }
        let verdicts = Oracles::new(&key).say(&message, &signature);
        assert!(verdicts == [true; 3] || verdicts == [false; 3], "{verdicts:?}");
    }
}

fn header(kid: &str, more: Value) -> Map<String, Value> {
    let mut header = more.as_object().unwrap().clone();
    header.insert("kid".to_owned(), json!(kid));
    header
}

/// What `josekit` makes of a token for this key; `None`: it refuses.
fn by_josekit(token: &str, key: &EphemeralKey) -> Option<Vec<u8>> {
    let mut jwk = key.public_jwk().unwrap();
    jwk.insert("d".to_owned(), json!(base64::encode_url(key.scalar())));
    let jwk = josekit::jwk::Jwk::from_map(jwk).ok()?;
    let decrypter = josekit::jwe::ECDH_ES.decrypter_from_jwk(&jwk).ok()?;
    josekit::jwe::deserialize_compact(token, &decrypter).ok().map(|(plain, _)| plain)
}

#[test]
fn two_libraries_agree_on_encrypted_answers() {
    // OVP-JWE-05: theirs is opened by us, ours is opened by them, with and without apu and apv.
    let mut bytes = Bytes(2_000_000);
    for round in 0..12 {
        let key = EphemeralKey::from_scalar(bytes.block()).unwrap();
        let (jwk, kid) = key.announced_jwk().unwrap();
        let plain: Vec<u8> = (0..bytes.number(400)).map(|place| u8::try_from(place % 251).unwrap()).collect();
        for enc in ["A128GCM", "A256GCM"] {
            for parties in [json!({}), json!({"apu": "QWxpY2U", "apv": "Qm9i"})] {
                let theirs = encrypt::encrypt(&jwk, enc, &header(&kid, parties.clone()), &plain).unwrap();
                assert_eq!(decrypt(&theirs, &key, &kid).unwrap().as_slice(), plain, "round {round}");
                let mut given = header(&kid, parties);
                given.insert("alg".to_owned(), json!("ECDH-ES"));
                given.insert("enc".to_owned(), json!(enc));
                let sender = EphemeralKey::from_scalar(bytes.block()).unwrap();
                let ours = encrypt_with(&sender, [7; 12], &jwk, given, &plain).unwrap();
                assert_eq!(by_josekit(&ours, &key), Some(plain.clone()), "round {round}");
                // And neither opens what was changed.
                for place in 0..5 {
                    let mut parts: Vec<String> = ours.split('.').map(str::to_owned).collect();
                    let middle = parts[place].len() / 2;
                    parts[place].insert(middle, 'A');
                    let changed = parts.join(".");
                    assert!(decrypt(&changed, &key, &kid).is_err() && by_josekit(&changed, &key).is_none());
                }
            }
        }
    }
}
