//! SD-JWT VC: the whole verdict on one credential with its proof.

mod claims;
mod form;
mod holder;
mod issuer;
mod published;
mod status;

use super::draft::{Draft, Entry, members};
use super::world::{ListToken, NOW, STATUS_ORIGIN, STATUS_URI, Token, World, disclosed, key_of, merge, remove};
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Value, json};

struct Maker<'w> {
    world: &'w World,
}

impl Maker<'_> {
    fn input(&self, change: impl FnOnce(&mut Token)) -> Result<Value, VectorError> {
        Ok(json!({"sd_jwt": self.world.credential().change(change).text()?}))
    }

    fn claim(&self, name: &str, value: &Value) -> Result<Value, VectorError> {
        self.input(|token| {
            if value.is_null() {
                remove(&mut token.payload, name);
            } else {
                token.payload[name] = value.clone();
            }
        })
    }
}

fn changed<'d>(entry: Entry<'d>, base: &str, op: &str, place: &str) -> Entry<'d> {
    entry.broken(base, op, place).signed("issuer")
}

pub(super) fn file(world: &World) -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "sd-jwt-vc-verify",
        "SD-JWT VC: a credential with its proof, from certificates to status",
        "The issuer is certified by a chain in x5c. The codes are those of the first failing check in the order of the \
         report; only a proof for another request, verifier or time is told before anything else.",
        &["draft-ietf-oauth-sd-jwt-vc-18", "RFC 9901", "OpenID4VC HAIP 1.0", "draft-ietf-oauth-status-list-20"],
    );
    let issuer = world.certified();
    let keys = json!({"issuer": key_of(&issuer.key), "holder": world.holder.test_jwk(), "stranger": world.stranger.test_jwk()});
    draft.group("vc", "one anchor, one type, a proof is required", world.credential_config(), keys.clone());
    let maker = Maker { world };
    accepted(&mut draft, &maker)?;
    claims::types(&mut draft, &maker)?;
    claims::metadata(&mut draft, &maker)?;
    claims::metadata_rules(&mut draft, &maker)?;
    claims::dates(&mut draft, &maker)?;
    holder::keys_of_holders(&mut draft, &maker)?;
    holder::proofs(&mut draft, &maker)?;
    form::forms(&mut draft, &maker)?;
    issuer::trust(&mut draft, &maker)?;
    form::contents(&mut draft, &maker)?;
    let mut config = world.credential_config();
    merge(&mut config, members(json!({"x-status_rule": "required", "x-status_origins": [STATUS_ORIGIN]})));
    merge(&mut config, members(json!({"resources": resources(&ListToken::good(world).text()?)})));
    let known = json!({"known": world.issuer.test_jwk(), "holder": world.holder.test_jwk(), "stranger": world.stranger.test_jwk()});
    draft.group(
        "vc-published",
        "one issuer without certificates, whose published keys are known; a proof is required",
        published::config(world),
        known,
    );
    published::published(&mut draft, &maker)?;
    draft.group("vc-status", "the same, and every credential must have a status", config, keys);
    status::status(&mut draft, &maker)?;
    draft.finish()
}

fn resources(token: &str) -> Value {
    json!({STATUS_URI: {"status": 200, "content_type": "application/statuslist+jwt", "body": token}})
}

fn accepted(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let token = maker.world.credential();
    draft
        .accept("vc-ok", "a good credential with a good proof", json!({"sd_jwt": token.text()?}))
        .flags(&["Valid"])
        .output(json!({"claims": disclosed(&token.payload), "key_binding": true}))
        .spec(&["VC-01", "VC-20", "KB-02", "case JSN-016", "case SDJ-042"]);
    for (id, comment, change, spec) in [
        ("vc-no-iss", "no iss: the issuer is the subject of the certificate", json!({"iss": null}), "case SVC-018"),
        ("vc-minimal", "neither iat nor iss", json!({"iss": null, "iat": null}), "VC-05"),
        ("vc-exp-9999", "an exp in the year 9999", json!({"exp": 253_370_764_800_i64}), "case SVC-016"),
        (
            "vc-exp-beyond-doubles",
            "an exp that no double holds exactly",
            json!({"exp": 9_007_199_254_740_993_i64}),
            "case JSN-007",
        ),
        ("vc-exp-fraction", "an exp with a fraction", json!({"exp": NOW as f64 + 100.5}), "case JSN-008"),
        (
            "vc-exp-within-skew",
            "an exp that has passed, within the tolerance",
            json!({"exp": NOW - 59}),
            "case SVC-012",
        ),
        (
            "vc-nbf-within-skew",
            "an nbf that lies ahead, within the tolerance",
            json!({"nbf": NOW + 60}),
            "case SVC-012",
        ),
        (
            "vc-aka-other",
            "aka_vcts with a type that nobody asked for",
            json!({"aka_vcts": ["urn:example:vectors:other:1"]}),
            "VC-07",
        ),
    ] {
        let input = maker.input(|token| {
            for (name, value) in members(change) {
                if value.is_null() {
                    remove(&mut token.payload, &name);
                } else {
                    token.payload[&name] = value;
                }
            }
        })?;
        draft
            .accept(id, comment, input)
            .flags(&[if spec == "case SVC-012" { "Boundary" } else { "Legal" }])
            .spec(&[spec]);
    }
    let clear = maker.input(|token| {
        token.disclosures.clear();
        for name in ["_sd", "_sd_alg", "nationalities"] {
            remove(&mut token.payload, name);
        }
    })?;
    draft
        .accept("vc-nothing-to-disclose", "neither _sd nor disclosures", clear)
        .flags(&["Legal"])
        .spec(&["VC-09", "case SDJ-041"]);
    let minimal =
        maker.input(|token| token.payload["cnf"] = json!({"jwk": maker.world.holder.public_jwk(), "kid": "k"}))?;
    draft.accept("vc-cnf-with-kid", "a bound key, and a name for it", minimal).flags(&["Legal"]).spec(&["VC-15"]);
    Ok(())
}
