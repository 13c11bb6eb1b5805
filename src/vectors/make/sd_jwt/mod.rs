//! SD-JWT: structure, digests, disclosures, dates; the issuer's key is known beforehand.

mod disclosure;
mod form;

use super::draft::{Draft, Entry, members};
use super::world::{NOW, Token, World, digest, disclosed, encode, merge, remove};
use crate::domain::encoding::base64;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Value, json};

/// What every case begins with.
struct Maker<'w> {
    world: &'w World,
}

impl Maker<'_> {
    fn input(&self, change: impl FnOnce(&mut Token)) -> Result<Value, VectorError> {
        Ok(json!({"sd_jwt": self.world.token().change(change).bare()?}))
    }

    /// A token with one more disclosure of this text, and its digest at the top.
    fn disclosing(&self, items: &Value) -> Result<Value, VectorError> {
        let text = encode(items);
        self.input(|token| token.disclose(text))
    }
}

pub(super) fn file(world: &World) -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "sd-jwt-verify",
        "SD-JWT: structure, digests and disclosures",
        "What RFC 9901 demands of a verifier, with a key that is known beforehand. Control claims (iss, nbf, exp, cnf, \
         vct, vct#integrity, aka_vcts, status, and everything below them) never come from a disclosure. Limits: 256 \
         disclosures, 16 within each other.",
        &["RFC 9901"],
    );
    draft.group(
        "sd-jwt",
        "a proof is checked if there is one",
        json!({
            "now": NOW, "clock_skew": 60, "issuer_jwks": [world.issuer.public_jwk()], "alg_allowed": ["ES256"],
            "allowed_typ": ["example+sd-jwt"], "key_binding": "optional", "kb_max_age": 600,
            "verifier": {"aud": world.client_id(), "nonce": world.nonce()},
        }),
        json!({"issuer": world.issuer.test_jwk(), "holder": world.holder.test_jwk()}),
    );
    let maker = Maker { world };
    accepted(&mut draft, &maker)?;
    form::structure(&mut draft, &maker)?;
    disclosure::digests(&mut draft, &maker)?;
    disclosure::disclosures(&mut draft, &maker)?;
    disclosure::claims(&mut draft, &maker)?;
    disclosure::hash_algorithms(&mut draft, &maker)?;
    form::payloads(&mut draft, &maker)?;
    form::sizes(&mut draft, &maker)?;
    form::tokens(&mut draft, &maker)?;
    draft.finish()
}

fn changed<'d>(entry: Entry<'d>, op: &str, place: &str) -> Entry<'d> {
    entry.broken("sd-jwt-ok", op, place)
}

fn accepted(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let token = maker.world.token();
    let all = disclosed(&token.payload);
    draft
        .accept(
            "sd-jwt-ok",
            "members, a member within a member, an element; decoys and others withheld",
            maker.input(|_| {})?,
        )
        .flags(&["Valid"])
        .output(json!({"claims": all, "key_binding": false}))
        .spec(&["SDJ-28", "SDJ-29", "SDJ-31", "case SDJ-033", "case SDJ-042"]);
    draft
        .accept("sd-jwt-with-proof", "the same with a proof of possession", json!({"sd_jwt": token.text()?}))
        .flags(&["Valid"])
        .output(json!({"claims": all, "key_binding": true}))
        .spec(&["SDJ-02"]);
    let mut none = token.payload.clone();
    remove(&mut none, "_sd");
    remove(&mut none, "_sd_alg");
    none["nationalities"] = json!([]);
    draft
        .accept(
            "sd-jwt-nothing-disclosed",
            "no disclosure at all: an array that loses all its elements is empty",
            maker.input(|token| token.disclosures.clear())?,
        )
        .flags(&["Legal"])
        .output(json!({"claims": none, "key_binding": false}))
        .spec(&["SDJ-32"]);
    let mut parent = none.clone();
    parent["address"] = json!({});
    draft
        .accept(
            "sd-jwt-parent-only",
            "a disclosure without the one within it: the object is empty",
            maker.input(|token| {
                let address = token.disclosures.get(2).cloned();
                token.disclosures = address.into_iter().collect();
            })?,
        )
        .flags(&["Legal"])
        .output(json!({"claims": parent, "key_binding": false}))
        .spec(&["SDJ-32"]);
    draft
        .accept(
            "sd-jwt-other-order",
            "the disclosures in another order, a child before its parent",
            maker.input(|token| token.disclosures.reverse())?,
        )
        .flags(&["Legal"])
        .output(json!({"claims": all, "key_binding": false}))
        .spec(&["SDJ-27"]);
    let mut plain = none.clone();
    remove(&mut plain, "nationalities");
    draft
        .accept(
            "sd-jwt-without-sd",
            "neither _sd nor disclosures: everything is in the clear",
            maker.input(|token| {
                token.disclosures.clear();
                token.payload = plain.clone();
            })?,
        )
        .flags(&["Legal"])
        .output(json!({"claims": plain, "key_binding": false}))
        .spec(&["VC-09", "case SDJ-041"]);
    draft
        .accept(
            "sd-jwt-200-decoys",
            "two hundred decoys, in objects and in arrays",
            maker.input(|token| {
                for number in 0..100 {
                    token.refer(digest(&format!("object decoy {number}")));
                }
                if let Some(items) = token.payload["nationalities"].as_array_mut() {
                    items.extend((0..100).map(|number| json!({"...": digest(&format!("array decoy {number}"))})));
                }
            })?,
        )
        .flags(&["Legal"])
        .output(json!({"claims": all, "key_binding": false}))
        .spec(&["SDJ-28", "case SDJ-032"]);
    let mut more = all.clone();
    more["n"] = json!(1);
    let spaced = base64::encode_url(b"[ \"salt\" ,\n\"n\", 1 ]");
    draft
        .accept(
            "sd-jwt-odd-white-space",
            "white space in a disclosure is part of what is hashed",
            maker.input(|token| token.disclose(spaced))?,
        )
        .flags(&["Legal"])
        .output(json!({"claims": more, "key_binding": false}))
        .spec(&["SDJ-20", "case SDJ-030"]);
    for (name, value) in [("iat", json!(NOW - 10)), ("sub", json!("subject-1"))] {
        let text = encode(&json!(["salt", name, value]));
        let input = maker.input(|token| {
            remove(&mut token.payload, name);
            token.disclose(text);
        })?;
        let mut claims = all.clone();
        claims[name] = value;
        draft
            .accept(&format!("sd-jwt-disclosed-{name}"), "a claim that may be disclosed selectively", input)
            .flags(&["Legal"])
            .output(json!({"claims": claims, "key_binding": false}))
            .spec(&["VC-05", "case SDJ-018"]);
    }
    let nested = encode(&json!(["salt", "exp", "of something else"]));
    let mut inner = all.clone();
    inner["document"] = json!({"exp": "of something else"});
    draft
        .accept(
            "sd-jwt-control-name-below",
            "the name of a control claim below another claim is an ordinary name",
            maker.input(|token| {
                token.payload["document"] = json!({"_sd": [digest(&nested)]});
                token.disclosures.push(nested);
            })?,
        )
        .flags(&["Legal"])
        .output(json!({"claims": inner, "key_binding": false}))
        .spec(&["SDJ-36"]);
    let mut values = all.clone();
    merge(&mut values, members(json!({"a": null, "b": [[], {}], "c": {"d": 1.5}, "e": "", "\u{1f600}": "\u{e9}"})));
    draft
        .accept(
            "sd-jwt-all-kinds",
            "values of every kind, and a name beyond the basic plane",
            maker.input(|token| {
                for (name, value) in [
                    ("a", json!(null)),
                    ("b", json!([[], {}])),
                    ("c", json!({"d": 1.5})),
                    ("e", json!("")),
                    ("\u{1f600}", json!("\u{e9}")),
                ] {
                    token.disclose(encode(&json!([format!("salt {name}"), name, value])));
                }
            })?,
        )
        .flags(&["Legal"])
        .output(json!({"claims": values, "key_binding": false}))
        .spec(&["SDJ-21"]);
    Ok(())
}
