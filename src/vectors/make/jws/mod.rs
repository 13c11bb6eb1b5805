//! Compact JWS.

mod header;
mod signature;

use super::draft::{Draft, members};
use super::world::{World, key_of, sign};
use crate::domain::encoding::base64;
use crate::simulator::authority::SignerKey;
use crate::simulator::encode::jws::Jws;
use crate::vectors::VectorError;
use crate::vectors::config::to_hex;
use crate::vectors::format::File;
use serde_json::{Value, json};

/// The parts of a good token, and the ways to change them.
struct Parts {
    key: SignerKey,
    header: String,
    payload: Vec<u8>,
    token: String,
}

impl Parts {
    fn signed(&self, header: &str, payload: &[u8]) -> Result<Value, VectorError> {
        Ok(json!({"jws": sign(header, payload, &self.key)?}))
    }

    /// The good token with one of its three parts exchanged.
    fn with(&self, place: usize, text: &str) -> Value {
        let parts: Vec<&str> =
            self.token.split('.').enumerate().map(|(at, part)| if at == place { text } else { part }).collect();
        json!({"jws": parts.join(".")})
    }

    fn part(&self, place: usize) -> &str {
        self.token.split('.').nth(place).unwrap_or_default()
    }

    fn signature(&self) -> Vec<u8> {
        base64::decode_url(self.part(2)).unwrap_or_default()
    }
}

pub(super) fn file(world: &World) -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "jws-verify",
        "Compact JWS with a key that is known beforehand",
        "The token's alg only selects within the list; nothing in the token can bring or name a key.",
        &["RFC 7515", "RFC 7518 section 3.4", "RFC 7797", "RFC 8725"],
    );
    let key = SignerKey::P256(world.issuer.clone());
    let mut public = world.issuer.public_jwk();
    public.insert("kid".to_owned(), json!("issuer-1"));
    let mut other = world.stranger.public_jwk();
    other.insert("kid".to_owned(), json!("issuer-2"));
    draft.group(
        "jws",
        "ES256 with one of two known keys",
        json!({"issuer_jwks": [public, other], "alg_allowed": ["ES256"], "allowed_typ": ["JWT"]}),
        json!({"issuer": key_of(&key), "other": world.stranger.test_jwk()}),
    );
    let header = json!({"alg": "ES256", "typ": "JWT"}).to_string();
    let payload = br#"{"iss":"https://issuer.example","n":1}"#.to_vec();
    let parts = Parts { token: sign(&header, &payload, &key)?, key, header, payload };
    accepted(&mut draft, world, &parts)?;
    algorithms(&mut draft, world, &parts)?;
    header::headers(&mut draft, &parts)?;
    signature::forms(&mut draft, &parts);
    signature::signatures(&mut draft, world, &parts)?;
    keys(&mut draft, world, &parts)?;
    draft.finish()
}

fn accepted(draft: &mut Draft, world: &World, parts: &Parts) -> Result<(), VectorError> {
    let output = |header: &Value| json!({"header": header, "payload_hex": to_hex(&parts.payload)});
    draft
        .accept("jws-ok", "a good token", json!({"jws": parts.token}))
        .flags(&["Valid"])
        .output(output(&json!({"alg": "ES256", "typ": "JWT"})))
        .spec(&["SDJ-10", "SDJ-12"]);
    let header = json!({"typ": "JWT", "kid": "issuer-1", "alg": "ES256"});
    draft
        .accept("jws-kid", "a kid, and another order of the header", parts.signed(&header.to_string(), &parts.payload)?)
        .flags(&["Valid"])
        .output(output(&header));
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": "issuer-2"});
    let token = sign(&header.to_string(), &parts.payload, &SignerKey::P256(world.stranger.clone()))?;
    draft
        .accept("jws-second-key", "signed with the second known key, which kid names", json!({"jws": token}))
        .flags(&["Valid"])
        .output(output(&header));
    let spaced = "{ \"typ\":\"JWT\",\n\"alg\" : \"ES256\" }";
    draft
        .accept(
            "jws-header-white-space",
            "white space within the JSON of the header",
            parts.signed(spaced, &parts.payload)?,
        )
        .flags(&["Legal"])
        .output(output(&json!({"alg": "ES256", "typ": "JWT"})));
    let unknown = json!({"alg": "ES256", "typ": "JWT", "x": {"y": [1]}});
    draft
        .accept(
            "jws-unknown-parameter",
            "an unknown header parameter is ignored",
            parts.signed(&unknown.to_string(), &parts.payload)?,
        )
        .flags(&["Legal"])
        .output(output(&unknown))
        .spec(&["RFC 7515 §4"]);
    draft
        .accept("jws-any-bytes", "a payload that is no JSON", parts.signed(&parts.header, b"\x00\xff")?)
        .flags(&["Legal"])
        .output(json!({"header": {"alg": "ES256", "typ": "JWT"}, "payload_hex": "00ff"}));
    draft
        .accept("jws-empty-payload", "an empty payload", parts.signed(&parts.header, b"")?)
        .flags(&["Legal"])
        .output(json!({"header": {"alg": "ES256", "typ": "JWT"}, "payload_hex": ""}));
    Ok(())
}

fn algorithms(draft: &mut Draft, world: &World, parts: &Parts) -> Result<(), VectorError> {
    let none = |name: &str| {
        let header = json!({"alg": name, "typ": "JWT"}).to_string();
        let input = [header.as_bytes(), parts.payload.as_slice()].map(base64::encode_url).join(".");
        json!({"jws": format!("{input}.")})
    };
    for (id, name) in [("jws-alg-none", "none"), ("jws-alg-none-capital", "None"), ("jws-alg-none-upper", "NONE")] {
        draft
            .refuse(id, "no algorithm, no signature", "jws_alg_not_allowed", none(name))
            .flags(&["AlgorithmConfusion"])
            .broken("jws-ok", "replace", "header.alg")
            .to(json!(name))
            .spec(&["SDJ-10", "case JOS-001"]);
    }
    let mac = |secret: &[u8]| {
        let header = members(json!({"alg": "HS256", "typ": "JWT"}));
        json!({"jws": Jws::unsigned(&header, parts.payload.clone()).sign_hs256(secret).text()})
    };
    for (id, comment, secret) in [
        ("jws-alg-hs256-empty", "a MAC with an empty secret", Vec::new()),
        ("jws-alg-hs256-point", "a MAC with the public point as its secret", world.issuer.public_point()),
        (
            "jws-alg-hs256-jwk",
            "a MAC with the text of the public key as its secret",
            Value::Object(world.issuer.public_jwk()).to_string().into_bytes(),
        ),
    ] {
        draft
            .refuse(id, comment, "jws_alg_not_allowed", mac(&secret))
            .flags(&["AlgorithmConfusion"])
            .broken("jws-ok", "replace", "header.alg")
            .to(json!("HS256"))
            .spec(&["SDJ-10", "case JOS-004"]);
    }
    for (id, comment, name, spec) in [
        ("jws-alg-esp256", "the fully specified name of ES256 is another name", "ESP256", "case JOS-012"),
        ("jws-alg-lower-case", "the name in lower case", "es256", "GEN-01"),
        ("jws-alg-es256k", "another curve", "ES256K", "GEN-01"),
        ("jws-alg-rs256", "RSA", "RS256", "GEN-01"),
        ("jws-alg-es384-not-listed", "an algorithm that is known, but not on the list", "ES384", "GEN-01"),
        ("jws-alg-space", "the name with a space", "ES256 ", "GEN-01"),
    ] {
        let header = json!({"alg": name, "typ": "JWT"}).to_string();
        draft
            .refuse(id, comment, "jws_alg_not_allowed", parts.signed(&header, &parts.payload)?)
            .flags(&["Algorithm"])
            .broken("jws-ok", "replace", "header.alg")
            .to(json!(name))
            .signed("issuer")
            .spec(&[spec]);
    }
    for (id, comment, header) in [
        ("jws-alg-missing", "no alg", json!({"typ": "JWT"})),
        ("jws-alg-null", "alg that is null", json!({"alg": null, "typ": "JWT"})),
        ("jws-alg-list", "alg that is a list", json!({"alg": ["ES256"], "typ": "JWT"})),
    ] {
        draft
            .refuse(id, comment, "jws_alg_not_allowed", parts.signed(&header.to_string(), &parts.payload)?)
            .flags(&["ClaimType"])
            .broken("jws-ok", "replace", "header.alg")
            .signed("issuer")
            .spec(&["SDJ-10"]);
    }
    for (id, name) in [("jws-key-es384", "ES384"), ("jws-key-ed25519", "Ed25519"), ("jws-key-ps256", "PS256")] {
        let header = json!({"alg": name, "typ": "JWT"}).to_string();
        draft
            .refuse(
                id,
                "an algorithm on the list, but not that of the key",
                "jws_key_mismatch",
                parts.signed(&header, &parts.payload)?,
            )
            .config(json!({"alg_allowed": ["ES256", "ES384", "Ed25519", "PS256"]}))
            .flags(&["Algorithm"])
            .broken("jws-ok", "replace", "header.alg")
            .to(json!(name))
            .signed("issuer")
            .spec(&["SDJ-11", "case JOS-010"]);
    }
    Ok(())
}

fn keys(draft: &mut Draft, world: &World, parts: &Parts) -> Result<(), VectorError> {
    let stranger = SignerKey::P256(world.authority.seed().key("nobody")?);
    draft
        .refuse(
            "jws-unknown-key",
            "a good signature of a key that is not known",
            "jws_signature_invalid",
            json!({"jws": sign(&parts.header, &parts.payload, &stranger)?}),
        )
        .flags(&["Signature"])
        .broken("jws-ok", "replace", "signature")
        .spec(&["SDJ-14"]);
    let named = json!({"alg": "ES256", "typ": "JWT", "kid": "issuer-2"}).to_string();
    draft
        .refuse(
            "jws-kid-of-another",
            "a good signature, but kid names another known key",
            "jws_signature_invalid",
            parts.signed(&named, &parts.payload)?,
        )
        .flags(&["Signature"])
        .broken("jws-kid", "replace", "header.kid")
        .to(json!("issuer-2"))
        .signed("issuer")
        .spec(&["GEN-06"]);
    let public = world.issuer.public_jwk();
    let with = |name: &str, value: Value| {
        let mut jwk = public.clone();
        jwk.insert(name.to_owned(), value);
        Value::Object(jwk)
    };
    let coordinate = |bytes: &[u8]| json!(base64::encode_url(bytes));
    let point = world.issuer.public_point();
    let y = point.get(33..).unwrap_or_default();
    let mut moved = y.to_vec();
    if let Some(last) = moved.last_mut() {
        *last ^= 1;
    }
    for (id, comment, jwks, flag, spec) in [
        (
            "jws-keys-same-kid",
            "two keys of one kid",
            json!([with("kid", json!("a")), with("kid", json!("a"))]),
            "Ambiguous",
            "case JOS-038",
        ),
        (
            "jws-keys-private",
            "a private key among the public ones",
            json!([public, world.stranger.test_jwk()]),
            "Structure",
            "case JOS-038",
        ),
        (
            "jws-keys-symmetric",
            "a symmetric key among the public ones",
            json!([public, {"kty": "oct", "k": "AAAA"}]),
            "Structure",
            "case JOS-038",
        ),
        (
            "jws-keys-alg-and-curve",
            "a key whose alg and crv disagree",
            json!([with("alg", json!("ES384"))]),
            "Algorithm",
            "case JOS-039",
        ),
        (
            "jws-keys-for-encryption",
            "a key that is for encryption",
            json!([with("use", json!("enc"))]),
            "Algorithm",
            "GEN-02",
        ),
        (
            "jws-keys-off-curve",
            "a point that is not on the curve",
            json!([with("y", coordinate(&moved))]),
            "CurveAttack",
            "RFC 8725 §3.4",
        ),
        (
            "jws-keys-short-coordinate",
            "a coordinate without its first byte",
            json!([with("y", coordinate(y.get(1..).unwrap_or_default()))]),
            "CurveAttack",
            "RFC 7518 §6.2.1.2",
        ),
        (
            "jws-keys-long-coordinate",
            "a coordinate with a zero byte before it",
            json!([with("y", coordinate(&[&[0], y].concat()))]),
            "CurveAttack",
            "RFC 7518 §6.2.1.2",
        ),
    ] {
        draft
            .refuse(id, comment, "config_refused", json!({"jws": parts.token}))
            .config(json!({"issuer_jwks": jwks}))
            .flags(&[flag])
            .broken("jws-ok", "set-config", "issuer_jwks")
            .spec(&[spec]);
    }
    Ok(())
}
