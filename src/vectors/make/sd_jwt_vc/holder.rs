//! The bound key and the proof of it.

use super::super::draft::Draft;
use super::super::world::{NOW, remove};
use super::{Maker, changed};
use crate::domain::encoding::base64;
use crate::simulator::authority::SignerKey;
use crate::vectors::VectorError;
use serde_json::{Value, json};

pub(super) fn keys_of_holders(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let holder = maker.world.holder.public_jwk();
    let with = |name: &str, value: Value| {
        let mut jwk = holder.clone();
        if value.is_null() {
            jwk.shift_remove(name);
        } else {
            jwk.insert(name.to_owned(), value);
        }
        json!({"jwk": jwk})
    };
    let coordinate = |bytes: &[u8]| json!(base64::encode_url(bytes));
    let point = maker.world.holder.public_point();
    let y = point.get(33..).unwrap_or_default();
    let mut moved = y.to_vec();
    if let Some(last) = moved.last_mut() {
        *last ^= 1;
    }
    let issuer = match maker.world.certified().key {
        SignerKey::P256(key) => Value::Object(key.public_jwk()),
        SignerKey::P384(_) => Value::Null,
    };
    for (id, comment, cnf, spec) in [
        ("vc-cnf-kid", "cnf with a kid only", json!({"kid": "k"}), "case KBJ-027"),
        (
            "vc-cnf-jku",
            "cnf with an address of keys",
            json!({"jku": "https://wallet.example/keys", "kid": "k"}),
            "case KBJ-027",
        ),
        ("vc-cnf-thumbprint", "cnf with the thumbprint of a certificate", json!({"x5t#S256": "AAAA"}), "case KBJ-027"),
        ("vc-cnf-jwe", "cnf with an encrypted key", json!({"jwe": "a.b.c.d.e"}), "case KBJ-027"),
        ("vc-cnf-empty", "an empty cnf", json!({}), "case KBJ-027"),
        ("vc-cnf-text", "cnf that is a text", json!("key"), "case KBJ-027"),
        ("vc-cnf-private", "a bound key with its private part", with("d", json!("AAAA")), "case KBJ-028"),
        (
            "vc-cnf-symmetric",
            "a bound key that is symmetric",
            json!({"jwk": {"kty": "oct", "k": "AAAA"}}),
            "case KBJ-029",
        ),
        ("vc-cnf-issuer", "the bound key is that of the issuer", json!({"jwk": issuer}), "case KBJ-032"),
        ("vc-cnf-no-y", "a bound key without y", with("y", json!(null)), "VC-15"),
        ("vc-cnf-off-curve", "a bound key that is not on its curve", with("y", coordinate(&moved)), "case JOS-040"),
        (
            "vc-cnf-short",
            "a coordinate without its first byte",
            with("y", coordinate(y.get(1..).unwrap_or_default())),
            "case JOS-041",
        ),
        (
            "vc-cnf-long",
            "a coordinate with a zero byte before it",
            with("y", coordinate(&[&[0], y].concat())),
            "case JOS-041",
        ),
        ("vc-cnf-for-encryption", "a bound key that is for encryption", with("use", json!("enc")), "GEN-02"),
    ] {
        let entry = draft.refuse(id, comment, "holder_key_unsupported", maker.claim("cnf", &cnf)?);
        changed(entry, "vc-ok", "replace", "payload.cnf").to(cnf).flags(&["HolderKey"]).spec(&["VC-13", spec]);
    }
    let entry = draft.refuse("vc-cnf-missing", "no bound key", "holder_key_missing", maker.claim("cnf", &json!(null))?);
    changed(entry, "vc-ok", "remove", "payload.cnf").flags(&["HolderKey"]).spec(&["VC-13", "case KBJ-026"]);
    Ok(())
}

pub(super) fn proofs(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let token = maker.world.credential();
    for (id, comment, code, op, place, text, spec) in [
        (
            "vc-proof-missing",
            "the proof is taken off",
            "kb_missing",
            "truncate",
            "kb_jwt",
            token.bare()?,
            "case KBJ-001",
        ),
        (
            "vc-proof-nonce",
            "a proof for another request",
            "kb_nonce_mismatch",
            "replace",
            "kb_jwt.payload.nonce",
            token.clone().change(|token| token.proof["nonce"] = json!(maker.world.random("another nonce"))).text()?,
            "KB-11",
        ),
        (
            "vc-proof-aud",
            "a proof for another verifier",
            "kb_aud_mismatch",
            "replace",
            "kb_jwt.payload.aud",
            token.clone().change(|token| token.proof["aud"] = json!("x509_san_dns:verifier.example")).text()?,
            "case KBJ-009",
        ),
        (
            "vc-proof-aud-array",
            "an array of audiences with the right one in it",
            "kb_aud_mismatch",
            "replace",
            "kb_jwt.payload.aud",
            token.clone().change(|token| token.proof["aud"] = json!([maker.world.client_id()])).text()?,
            "case KBJ-010",
        ),
        (
            "vc-proof-stranger",
            "a proof with another key",
            "kb_signature_invalid",
            "replace",
            "kb_jwt.signature",
            token.clone().change(|token| token.holder = maker.world.stranger.clone()).text()?,
            "KB-06",
        ),
        (
            "vc-proof-typ",
            "a proof of another kind",
            "kb_typ_invalid",
            "replace",
            "kb_jwt.header.typ",
            token.clone().change(|token| token.proof_header["typ"] = json!("JWT")).text()?,
            "case KBJ-006",
        ),
        (
            "vc-proof-own-key",
            "a proof with a key of its own",
            "jws_header_not_allowed",
            "insert",
            "kb_jwt.header.jwk",
            token
                .clone()
                .change(|token| {
                    token.proof_header["jwk"] = Value::Object(maker.world.stranger.public_jwk());
                    token.holder = maker.world.stranger.clone();
                })
                .text()?,
            "case KBJ-033",
        ),
        (
            "vc-proof-old",
            "a proof of yesterday",
            "kb_iat_out_of_window",
            "replace",
            "kb_jwt.payload.iat",
            token.clone().change(|token| token.proof["iat"] = json!(NOW - 86_400)).text()?,
            "KB-07",
        ),
        (
            "vc-proof-alg",
            "a proof without an algorithm",
            "kb_alg_not_allowed",
            "replace",
            "kb_jwt.header.alg",
            token.clone().change(|token| token.proof_header["alg"] = json!("none")).text()?,
            "case KBJ-004",
        ),
        (
            "vc-proof-claims",
            "a proof without iat",
            "kb_malformed",
            "remove",
            "kb_jwt.payload.iat",
            token.clone().change(|token| remove(&mut token.proof, "iat")).text()?,
            "case KBJ-019",
        ),
    ] {
        draft
            .refuse(id, comment, code, json!({"sd_jwt": text}))
            .broken("vc-ok", op, place)
            .signed("holder")
            .flags(&["Replay"])
            .spec(&[spec]);
    }
    let bare = token.bare()?;
    let proof = token.proof_over(&bare)?;
    let first = token.disclosures.first().map(|text| format!("{text}~")).unwrap_or_default();
    let other = token.clone().change(|token| token.payload["jti"] = json!("another")).bare()?;
    for (id, comment, text, spec) in [
        (
            "vc-proof-fewer-disclosures",
            "a disclosure was taken out after the proof was made",
            format!("{}{proof}", bare.replacen(&first, "", 1)),
            "KB-12",
        ),
        (
            "vc-proof-other-order",
            "the disclosures were put into another order after the proof was made",
            {
                let mut token = token.clone();
                token.disclosures.reverse();
                format!("{}{proof}", token.bare()?)
            },
            "KB-12",
        ),
        (
            "vc-proof-other-credential",
            "a proof over another credential of the same holder",
            format!("{other}{proof}"),
            "case KBJ-023",
        ),
    ] {
        draft
            .refuse(id, comment, "kb_sd_hash_mismatch", json!({"sd_jwt": text}))
            .broken("vc-ok", "replace", "/sd_jwt")
            .flags(&["Replay"])
            .spec(&["KB-12", spec]);
    }
    Ok(())
}
