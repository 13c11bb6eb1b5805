//! Issuers without certificates, known by the keys that they publish.

use super::super::draft::{Draft, members};
use super::super::world::{Token, World, disclosed, merge, remove};
use super::Maker;
use crate::simulator::authority::SignerKey;
use crate::vectors::VectorError;
use serde_json::{Value, json};

/// The issuer that the source names.
const ISSUER: &str = "https://issuer.example/tenant/1";

/// Who issues what: the issuer of this address with these keys, and nobody by certificates.
fn sources(keys: &Value) -> Value {
    let source = json!({"name": "published", "types": [super::super::world::TYPE], "issuer_keys": {ISSUER: keys}});
    json!({"x-trust_sources": [source]})
}

fn named(jwk: serde_json::Map<String, Value>, kid: Option<&str>) -> Value {
    let mut jwk = Value::Object(jwk);
    if let Some(kid) = kid {
        merge(&mut jwk, members(json!({"kid": kid, "use": "sig"})));
    }
    jwk
}

/// The configuration of the group: two keys, of which the issuer's is named `2026-a`.
pub(super) fn config(world: &World) -> Value {
    let keys = json!({"keys": [
        named(world.issuer.public_jwk(), Some("2026-a")),
        named(world.stranger.public_jwk(), Some("2026-b")),
    ]});
    let mut config = world.credential_config();
    remove(&mut config, "trust");
    merge(&mut config, members(sources(&keys)));
    config
}

fn input(maker: &Maker<'_>, change: impl FnOnce(&mut Token)) -> Result<Value, VectorError> {
    Ok(json!({"sd_jwt": token(maker).change(change).text()?}))
}

fn token(maker: &Maker<'_>) -> Token {
    maker.world.credential().change(|token| {
        token.header = json!({"alg": "ES256", "typ": "dc+sd-jwt", "kid": "2026-a"});
        token.payload["iss"] = json!(ISSUER);
        token.signer = SignerKey::P256(maker.world.issuer.clone());
    })
}

pub(super) fn published(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let alone = sources(&json!({"keys": [named(maker.world.issuer.public_jwk(), None)]}));
    draft
        .accept("vc-published-ok", "the key that iss publishes under this kid", input(maker, |_| {})?)
        .flags(&["Valid"])
        .output(json!({"claims": disclosed(&token(maker).payload), "key_binding": true}))
        .spec(&["VC-20", "VC-25"]);
    draft
        .accept(
            "vc-published-alone",
            "no kid, and only one key",
            input(maker, |token| remove(&mut token.header, "kid"))?,
        )
        .config(alone)
        .flags(&["Valid"])
        .spec(&["VC-25"]);
    let certified = maker.world.credential();
    for (id, comment, code, place, change, spec) in [
        (
            "vc-published-kid-unknown",
            "a kid that the issuer does not publish",
            "jws_key_mismatch",
            "header.kid",
            &(|token: &mut Token| token.header["kid"] = json!("2026-c")) as &dyn Fn(&mut Token),
            "VC-29",
        ),
        (
            "vc-published-kid-other",
            "the kid of another key of the issuer",
            "jws_signature_invalid",
            "header.kid",
            &|token| token.header["kid"] = json!("2026-b"),
            "VC-25",
        ),
        (
            "vc-published-kid-missing",
            "no kid, and two keys: nothing is tried out",
            "jws_key_mismatch",
            "header.kid",
            &|token| remove(&mut token.header, "kid"),
            "VC-29",
        ),
        (
            "vc-published-other-issuer",
            "an issuer that nobody named, which may publish any key",
            "x5c_missing",
            "payload.iss",
            &|token| token.payload["iss"] = json!("https://attacker.example/tenant/1"),
            "VC-23",
        ),
        (
            "vc-published-slash",
            "the address of the issuer with a slash at its end is another one",
            "x5c_missing",
            "payload.iss",
            &|token| token.payload["iss"] = json!(format!("{ISSUER}/")),
            "VC-25",
        ),
        (
            "vc-published-no-iss",
            "neither certificates nor iss",
            "x5c_missing",
            "payload.iss",
            &|token| remove(&mut token.payload, "iss"),
            "VC-29",
        ),
        (
            "vc-published-x5c",
            "certificates beside the kid: then they count, and no anchor is known",
            "x5c_untrusted",
            "header.x5c",
            &|token| token.header["x5c"] = certified.header["x5c"].clone(),
            "VC-23",
        ),
    ] {
        draft
            .refuse(id, comment, code, input(maker, change)?)
            .broken("vc-published-ok", "replace", place)
            .signed("known")
            .flags(&["KeyInjection"])
            .spec(&[spec]);
    }
    draft
        .refuse(
            "vc-published-signature",
            "another's signature under the right kid",
            "jws_signature_invalid",
            input(maker, |token| token.signer = SignerKey::P256(maker.world.stranger.clone()))?,
        )
        .broken("vc-published-ok", "replace", "signature")
        .signed("stranger")
        .flags(&["Signature"])
        .spec(&["SDJ-14"]);
    Ok(())
}
