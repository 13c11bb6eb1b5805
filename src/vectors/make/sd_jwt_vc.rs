//! SD-JWT VC: the whole verdict on one credential with its proof.

use super::draft::{Draft, Entry, members};
use super::world::{
    ListToken, NOW, STATUS_ORIGIN, STATUS_URI, TYPE, Token, World, disclosed, encode, key_of, merge, remove, sign,
};
use crate::domain::encoding::base64;
use crate::domain::jose::hash::integrity as hash_of;
use crate::simulator::authority::{IssuerName, SignerKey};
use crate::simulator::bad_chains::BadChain;
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
    types(&mut draft, &maker)?;
    metadata(&mut draft, &maker)?;
    dates(&mut draft, &maker)?;
    keys_of_holders(&mut draft, &maker)?;
    proofs(&mut draft, &maker)?;
    forms(&mut draft, &maker)?;
    trust(&mut draft, &maker)?;
    contents(&mut draft, &maker)?;
    let mut config = world.credential_config();
    merge(&mut config, members(json!({"x-status_rule": "required", "x-status_origins": [STATUS_ORIGIN]})));
    merge(&mut config, members(json!({"resources": resources(&ListToken::good(world).text()?)})));
    draft.group("vc-status", "the same, and every credential must have a status", config, keys);
    status(&mut draft, &maker)?;
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

fn types(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    for (id, comment, value, spec) in [
        ("vc-vct-missing", "no vct", json!(null), "case SVC-002"),
        ("vc-vct-empty", "an empty vct", json!(""), "case SVC-002"),
        ("vc-vct-array", "a vct that is an array", json!([TYPE]), "case SVC-002"),
        ("vc-vct-number", "a vct that is a number", json!(1), "case SVC-002"),
        (
            "vc-vct-other",
            "another type of the same issuer",
            json!("urn:example:vectors:library-card:1"),
            "case SVC-003",
        ),
        ("vc-vct-longer", "a type that begins with the one asked for", json!(format!("{TYPE}:de")), "OVP-DCQL-42"),
        ("vc-vct-case", "the type in another case", json!(TYPE.to_uppercase()), "case SVC-004"),
        ("vc-vct-slash", "the type and a slash", json!(format!("{TYPE}/")), "case SVC-004"),
        ("vc-vct-encoded", "the type, percent-encoded", json!(TYPE.replace(':', "%3A")), "case SVC-004"),
    ] {
        let entry = draft.refuse(id, comment, "credential_type_mismatch", maker.claim("vct", &value)?);
        changed(entry, "vc-ok", "replace", "payload.vct").to(value).flags(&["TokenType"]).spec(&["VC-03", spec]);
    }
    let own = "urn:example:vectors:identity:de:1";
    let under = |types: &[&str]| json!({"x-trust_sources": [{"name": "one", "types": types, "x509_roots": [maker.world.root()]}]});
    let aka = maker.input(|token| merge(&mut token.payload, members(json!({"vct": own, "aka_vcts": [TYPE]}))))?;
    draft
        .accept(
            "vc-aka",
            "a type of its own that the issuer declares to be the one asked for, and it may issue both",
            aka.clone(),
        )
        .config(under(&[own, TYPE]))
        .flags(&["Valid"])
        .spec(&["OVP-DCQL-41"]);
    for (id, comment, types, spec) in [
        (
            "vc-aka-own-type-only",
            "the issuer may issue its own type only: aka_vcts gives no rights",
            &[own][..],
            "case SVC-005",
        ),
        ("vc-aka-other-type-only", "the issuer may issue the type asked for, but not its own", &[TYPE][..], "VC-08"),
    ] {
        // The type that is asked for must be vouched for by somebody.
        let mut config = under(types);
        if let Some(sources) = config["x-trust_sources"].as_array_mut() {
            let foreign = base64::encode_standard(maker.world.authority.issuer_root(IssuerName::PidForeign));
            sources.push(json!({"name": "two", "types": [own, TYPE], "x509_roots": [foreign]}));
        }
        draft
            .refuse(id, comment, "issuer_not_authorized", aka.clone())
            .config(config)
            .broken("vc-aka", "set-config", "x-trust_sources")
            .flags(&["Unauthorized"])
            .spec(&["VC-08", spec]);
    }
    draft
        .refuse("vc-aka-not-accepted", "aka_vcts where the policy does not take it", "credential_type_mismatch", aka)
        .config(json!({"x-accept_aka_vcts": false, "x-trust_sources": under(&[own, TYPE])["x-trust_sources"]}))
        .broken("vc-aka", "set-config", "x-accept_aka_vcts")
        .to(json!(false))
        .flags(&["Policy"])
        .spec(&["OVP-DCQL-41"]);
    for (id, comment, value) in [
        ("vc-aka-empty", "an empty aka_vcts", json!([])),
        ("vc-aka-itself", "aka_vcts that names the vct itself", json!([TYPE])),
        ("vc-aka-text", "aka_vcts that is a text", json!("urn:example:vectors:other:1")),
        ("vc-aka-number", "aka_vcts with a number", json!([1])),
    ] {
        let entry = draft.refuse(id, comment, "credential_claim_invalid", maker.claim("aka_vcts", &value)?);
        changed(entry, "vc-aka-other", "replace", "payload.aka_vcts").to(value).flags(&["ClaimType"]).spec(&["VC-07"]);
    }
    Ok(())
}

fn metadata(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let document = json!({"vct": TYPE, "name": "Test identity"}).to_string();
    let of = |label: &str, text: &str| format!("{label}-{}", hash_of(label, text.as_bytes()).unwrap_or_default());
    let config = json!({"x-type_metadata": {TYPE: document}});
    let with = |text: &str| maker.claim("vct#integrity", &json!(text));
    draft
        .accept(
            "vc-integrity",
            "the configured type metadata is the one the issuer means",
            with(&of("sha256", &document))?,
        )
        .config(config.clone())
        .flags(&["Valid"])
        .spec(&["VC-43"]);
    for (id, comment, text, spec) in [
        ("vc-integrity-other", "the issuer means another document", of("sha256", "{}"), "case SVC-008"),
        (
            "vc-integrity-stronger-other",
            "two hashes: the stronger one is of another document",
            format!("{} {}", of("sha256", &document), of("sha512", "{}")),
            "case SVC-008",
        ),
        (
            "vc-integrity-weak",
            "a hash that is broken, and no other",
            "sha1-AAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned(),
            "case SVC-009",
        ),
        ("vc-integrity-unknown", "an unknown label", format!("x{}", of("sha256", &document)), "case SVC-009"),
        (
            "vc-integrity-base64url",
            "a hash in the other alphabet, without padding",
            of("sha256", &document).replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned(),
            "VC-44",
        ),
        ("vc-integrity-empty", "an empty text", String::new(), "case SVC-009"),
    ] {
        let entry = draft.refuse(id, comment, "type_metadata_invalid", with(&text)?).config(config.clone());
        changed(entry, "vc-integrity", "replace", "payload.vct#integrity")
            .to(json!(text))
            .flags(&["Metadata"])
            .spec(&["VC-43", spec]);
    }
    let extending = json!({"vct": "urn:example:attacker:1", "extends": TYPE}).to_string();
    let entry = draft
        .refuse(
            "vc-extends",
            "a type whose metadata extends the type asked for: extends gives nothing",
            "credential_type_mismatch",
            maker.claim("vct", &json!("urn:example:attacker:1"))?,
        )
        .config(json!({"x-type_metadata": {"urn:example:attacker:1": extending}}));
    changed(entry, "vc-ok", "replace", "payload.vct").flags(&["Unauthorized"]).spec(&["VC-08", "case SVC-006"]);
    Ok(())
}

fn dates(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    for (id, comment, code, base, name, value, spec) in [
        (
            "vc-expired",
            "exp has passed, just beyond the tolerance",
            "credential_expired",
            "vc-exp-within-skew",
            "exp",
            json!(NOW - 60),
            "SDJ-40",
        ),
        (
            "vc-expired-minutes-ago",
            "exp passed ten minutes ago",
            "credential_expired",
            "vc-ok",
            "exp",
            json!(NOW - 600),
            "SDJ-40",
        ),
        (
            "vc-not-yet-valid",
            "nbf lies ahead, just beyond the tolerance",
            "credential_not_yet_valid",
            "vc-nbf-within-skew",
            "nbf",
            json!(NOW + 61),
            "SDJ-40",
        ),
        (
            "vc-exp-text",
            "exp that is a text",
            "credential_claim_invalid",
            "vc-ok",
            "exp",
            json!("1893456000"),
            "case SVC-014",
        ),
        ("vc-exp-true", "exp that is true", "credential_claim_invalid", "vc-ok", "exp", json!(true), "case SVC-014"),
        (
            "vc-nbf-object",
            "nbf that is an object",
            "credential_claim_invalid",
            "vc-ok",
            "nbf",
            json!({}),
            "case SVC-014",
        ),
        ("vc-iat-text", "iat that is a text", "credential_claim_invalid", "vc-ok", "iat", json!("x"), "case SVC-014"),
        ("vc-exp-negative", "a negative exp", "credential_claim_invalid", "vc-ok", "exp", json!(-1), "case SVC-016"),
        (
            "vc-nbf-after-exp",
            "nbf after exp",
            "credential_claim_invalid",
            "vc-ok",
            "nbf",
            json!(NOW + 40 * 86_400),
            "case SVC-016",
        ),
        (
            "vc-iat-after-exp",
            "iat after exp",
            "credential_claim_invalid",
            "vc-ok",
            "iat",
            json!(NOW + 40 * 86_400),
            "case SVC-016",
        ),
        (
            "vc-aud",
            "an audience of its own",
            "credential_claim_invalid",
            "vc-ok",
            "aud",
            json!("https://other.example"),
            "SDJ-40",
        ),
    ] {
        let entry = draft.refuse(id, comment, code, maker.claim(name, &value)?);
        changed(entry, base, "replace", &format!("payload.{name}")).to(value).flags(&["Dates"]).spec(&["SDJ-44", spec]);
    }
    let entry = draft.refuse(
        "vc-without-end",
        "neither exp nor status",
        "credential_claim_invalid",
        maker.claim("exp", &json!(null))?,
    );
    changed(entry, "vc-ok", "remove", "payload.exp").flags(&["Dates"]).spec(&["SDJ-41"]);
    let good = maker.world.credential().payload.to_string();
    let exp = (NOW + 30 * 86_400).to_string();
    for (id, comment, number) in [
        ("vc-exp-too-large", "exp beyond the doubles", "1e400".to_owned()),
        ("vc-exp-exponent", "exp with an exponent", "1.0e0".to_owned()),
        ("vc-exp-minus-zero", "exp that is minus zero", "-0".to_owned()),
        ("vc-exp-beyond-64-bits", "exp beyond 64 bits", "9223372036854775808".to_owned()),
        ("vc-exp-10000-digits", "exp of ten thousand digits", "9".repeat(10_000)),
        ("vc-exp-null", "exp that is null", "null".to_owned()),
    ] {
        let text = good.replacen(&format!("\"exp\":{exp}"), &format!("\"exp\":{number}"), 1);
        let entry =
            draft.refuse(id, comment, "credential_claim_invalid", maker.input(|token| token.raw_payload = Some(text))?);
        changed(entry, "vc-ok", "replace", "payload.exp").flags(&["ClaimType"]).spec(&[
            "SDJ-44",
            "case JSN-007",
            "case SVC-014",
        ]);
    }
    Ok(())
}

fn keys_of_holders(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

fn proofs(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

fn forms(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let token = maker.world.credential();
    for (id, typ) in [
        ("vc-typ-draft", json!("vc+sd-jwt")),
        ("vc-typ-jwt", json!("JWT")),
        ("vc-typ-access-token", json!("at+jwt")),
        ("vc-typ-request", json!("oauth-authz-req+jwt")),
        ("vc-typ-case", json!("DC+SD-JWT")),
        ("vc-typ-media-type", json!("application/dc+sd-jwt")),
    ] {
        let entry = draft.refuse(
            id,
            "a token of another kind of the same issuer",
            "credential_typ_invalid",
            maker.input(|token| token.header["typ"] = typ.clone())?,
        );
        changed(entry, "vc-ok", "replace", "header.typ").to(typ).flags(&["TokenType"]).spec(&[
            "VC-01",
            "GEN-03",
            "case JOS-036",
        ]);
    }
    let entry = draft.refuse(
        "vc-typ-missing",
        "no typ",
        "credential_typ_invalid",
        maker.input(|token| remove(&mut token.header, "typ"))?,
    );
    changed(entry, "vc-ok", "remove", "header.typ").flags(&["TokenType"]).spec(&["VC-01"]);
    for (id, comment, code, name, value, spec) in [
        (
            "vc-header-jku",
            "an address of keys",
            "jws_header_not_allowed",
            "jku",
            json!("https://attacker.example/jwks"),
            "case JOS-014",
        ),
        (
            "vc-header-jwk",
            "a key beside the certificates",
            "jws_header_not_allowed",
            "jwk",
            Value::Object(maker.world.stranger.public_jwk()),
            "case JOS-016",
        ),
        ("vc-header-crit", "a critical extension", "jws_crit_unsupported", "crit", json!(["x"]), "case JOS-019"),
        ("vc-header-alg", "another algorithm", "jws_alg_not_allowed", "alg", json!("HS256"), "case JOS-004"),
    ] {
        let entry = draft.refuse(id, comment, code, maker.input(|token| token.header[name] = value.clone())?);
        changed(entry, "vc-ok", "replace", &format!("header.{name}")).to(value).flags(&["KeyInjection"]).spec(&[spec]);
    }
    for (id, iss) in [
        ("vc-no-chain-https", "https://attacker.example"),
        ("vc-no-chain-did-web", "did:web:attacker.example"),
        ("vc-no-chain-did-jwk", "did:jwk:eyJrdHkiOiJFQyJ9"),
    ] {
        let input = maker.input(|token| {
            remove(&mut token.header, "x5c");
            token.payload["iss"] = json!(iss);
            token.signer = SignerKey::P256(maker.world.stranger.clone());
        })?;
        let case = if iss.starts_with("https") { "case SVC-019" } else { "case SVC-020" };
        draft
            .refuse(id, "no certificates, and an iss from which keys could be fetched", "x5c_missing", input)
            .broken("vc-ok", "remove", "header.x5c")
            .signed("stranger")
            .flags(&["KeyInjection"])
            .spec(&["VC-23", "VC-29", case]);
    }
    let jwt_vc = sign(
        &json!({"alg": "ES256", "typ": "JWT"}).to_string(),
        json!({"vc": {"type": ["VerifiableCredential"]}}).to_string().as_bytes(),
        &token.signer,
    )?;
    let mdoc = base64::encode_url(&[&[0xa3, 0x67][..], &b"version".repeat(16)].concat());
    for (id, comment, text) in
        [("vc-format-jwt", "a credential of the W3C model as JWT", jwt_vc), ("vc-format-mdoc", "an mdoc", mdoc)]
    {
        draft
            .refuse(id, comment, "credential_format_mismatch", json!({"sd_jwt": text}))
            .broken("vc-ok", "replace", "/sd_jwt")
            .flags(&["TokenType"])
            .spec(&["OVP-DCQL-40", "case SVC-024"]);
    }
    let text = token.text()?;
    draft
        .refuse("vc-no-tilde", "the issuer's token alone", "sdjwt_malformed", json!({"sd_jwt": token.issuer_jwt()?}))
        .broken("vc-ok", "truncate", "/sd_jwt")
        .flags(&["Structure"])
        .spec(&["case SDJ-001"]);
    draft
        .refuse(
            "vc-space-before",
            "a space before the presentation",
            "base64url_invalid",
            json!({"sd_jwt": format!(" {text}")}),
        )
        .broken("vc-ok", "insert", "/sd_jwt")
        .flags(&["Encoding"])
        .spec(&["case JOS-030"]);
    draft
        .refuse(
            "vc-json-form",
            "the JSON form",
            "sdjwt_malformed",
            json!({"sd_jwt": "{\"payload\":\"e30\",\"signatures\":[]}"}),
        )
        .broken("vc-ok", "replace", "/sd_jwt")
        .flags(&["Structure"])
        .spec(&["case SDJ-039"]);
    Ok(())
}

fn trust(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let authority = &maker.world.authority;
    let signed_by = |bad: BadChain| -> Result<Value, VectorError> {
        let identity = authority.bad_chain(bad)?;
        maker.input(|token| {
            token.header["x5c"] = json!(identity.x5c());
            token.signer = identity.key;
        })
    };
    for (id, comment, code, input, spec) in [
        (
            "vc-unknown-root",
            "an issuer whose root nobody trusts, such as one of a test environment",
            "x5c_untrusted",
            signed_by(BadChain::UnknownRoot)?,
            "case SVC-023",
        ),
        (
            "vc-self-signed",
            "an issuer that certified itself",
            "x5c_untrusted",
            signed_by(BadChain::SelfSignedLeaf)?,
            "X5C-01",
        ),
        (
            "vc-expired-certificate",
            "an issuer whose certificate has expired",
            "x5c_expired",
            signed_by(BadChain::ExpiredLeaf)?,
            "case X5C-016",
        ),
        (
            "vc-anchor-included",
            "the anchor in the chain",
            "x5c_profile_violation",
            signed_by(BadChain::AnchorIncluded)?,
            "case X5C-004",
        ),
        (
            "vc-six-certificates",
            "six certificates",
            "x5c_too_long",
            signed_by(BadChain::SixCertificates)?,
            "case X5C-022",
        ),
        (
            "vc-duplicate-certificate",
            "a certificate twice",
            "x5c_chain_invalid",
            signed_by(BadChain::Duplicate)?,
            "case X5C-006",
        ),
        (
            "vc-chain-text",
            "x5c that is a text",
            "x5c_malformed",
            maker.input(|token| token.header["x5c"] = json!("MII="))?,
            "X5C-19",
        ),
        (
            "vc-chain-empty",
            "an empty x5c",
            "x5c_malformed",
            maker.input(|token| token.header["x5c"] = json!([]))?,
            "X5C-19",
        ),
        (
            "vc-thumbprint",
            "an x5t#S256 that is not that of the leaf",
            "x5c_profile_violation",
            maker.input(|token| token.header["x5t#S256"] = json!("AAAA"))?,
            "X5C-16",
        ),
    ] {
        let entry = draft.refuse(id, comment, code, input);
        changed(entry, "vc-ok", "replace", "header.x5c").flags(&["Chain"]).spec(&[spec]);
    }
    let good = maker.input(|_| {})?;
    draft
        .refuse(
            "vc-no-anchors",
            "no anchors at all never mean trust in everybody",
            "trust_anchor_set_empty",
            good.clone(),
        )
        .config(json!({"trust": {"x509_roots": []}}))
        .broken("vc-ok", "set-config", "trust.x509_roots")
        .to(json!([]))
        .flags(&["Anchor"])
        .spec(&["X5C-02"]);
    let foreign = base64::encode_standard(authority.issuer_root(IssuerName::PidForeign));
    draft
        .refuse("vc-other-anchor", "another anchor is trusted", "x5c_untrusted", good.clone())
        .config(json!({"trust": {"x509_roots": [foreign]}}))
        .broken("vc-ok", "set-config", "trust.x509_roots")
        .flags(&["Anchor"])
        .spec(&["X5C-01", "case SVC-023"]);
    let sources = |mine: &str| {
        json!({"x-trust_sources": [
            {"name": "mine", "types": [mine], "x509_roots": [maker.world.root()]},
            {"name": "other", "types": [TYPE], "x509_roots": [foreign]},
        ]})
    };
    draft
        .accept("vc-two-sources", "two trust sources, of which one vouches for this issuer and this type", good.clone())
        .config(sources(TYPE))
        .flags(&["Valid"])
        .spec(&["X5C-02", "case SVC-021"]);
    draft
        .refuse("vc-not-authorized", "an issuer that is trusted, but for another type", "issuer_not_authorized", good)
        .config(sources("urn:example:vectors:library-card:1"))
        .broken("vc-two-sources", "set-config", "x-trust_sources")
        .flags(&["Unauthorized"])
        .spec(&["VC-08", "X5C-02", "case SVC-005"]);
    let exchanged = {
        let text = maker.world.credential().text()?;
        let (jwt, rest) = text.split_once('~').unwrap_or_default();
        let other =
            maker.world.credential().change(|token| token.payload["vct"] = json!("urn:example:x")).issuer_jwt()?;
        let signature = other.rsplit_once('.').map(|(_, signature)| signature).unwrap_or_default();
        let input = jwt.rsplit_once('.').map(|(input, _)| input).unwrap_or_default();
        format!("{input}.{signature}~{rest}")
    };
    draft
        .refuse(
            "vc-signature-exchanged",
            "the signature of another credential of the issuer",
            "jws_signature_invalid",
            json!({"sd_jwt": exchanged}),
        )
        .broken("vc-ok", "swap", "signature")
        .flags(&["Signature"])
        // The proof covers the whole text, so it fails, too; that is told later.
        .spec(&["SDJ-13", "case JOS-042"]);
    let entry = draft.refuse(
        "vc-signature-stranger",
        "the right certificates, but signed with another key",
        "jws_signature_invalid",
        maker.input(|token| token.signer = SignerKey::P256(maker.world.stranger.clone()))?,
    );
    entry.broken("vc-ok", "replace", "signature").signed("stranger").flags(&["Signature"]).spec(&["SDJ-14"]);
    let p384 = maker.input(|token| token.header["alg"] = json!("ES384"))?;
    let entry = draft
        .refuse(
            "vc-key-mismatch",
            "an algorithm on the list that is not that of the certified key",
            "jws_key_mismatch",
            p384,
        )
        .config(json!({"alg_allowed": ["ES256", "ES384"]}));
    changed(entry, "vc-ok", "replace", "header.alg")
        .to(json!("ES384"))
        .flags(&["Algorithm"])
        .spec(&["SDJ-11", "case JOS-010"]);
    Ok(())
}

fn contents(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let with = |uri: &str| {
        let text = encode(&json!(["salt", "picture", uri]));
        maker.input(|token| token.disclose(text))
    };
    draft
        .accept("vc-picture", "a small picture", with("data:image/png;base64,iVBORw0KGgo=")?)
        .flags(&["Legal"])
        .spec(&["VC-50"]);
    for (id, comment, uri) in [
        ("vc-picture-html", "HTML in the place of a picture", "data:text/html,<script>alert(1)</script>"),
        ("vc-picture-svg", "a picture that can run programs", "data:image/svg+xml,<svg onload='x()'/>"),
        ("vc-picture-upper", "the scheme in upper case", "DATA:text/html,x"),
        ("vc-picture-no-type", "no media type", "data:,x"),
    ] {
        let entry = draft.refuse(id, comment, "limit_exceeded", with(uri)?);
        changed(entry, "vc-picture", "replace", "disclosures")
            .to(json!(uri))
            .flags(&["Exhaustion"])
            .spec(&["VC-50", "case SVC-025"]);
    }
    for (id, comment, code, change, spec) in [
        (
            "vc-claim-overridden",
            "a disclosure that replaces a claim in the clear",
            "sdjwt_claim_conflict",
            json!(["salt", "given_name", "EVA"]),
            "case SDJ-014",
        ),
        (
            "vc-exp-disclosed",
            "an exp that comes from a disclosure",
            "sdjwt_not_disclosable",
            json!(["salt", "exp", NOW + 1_000]),
            "case SDJ-016",
        ),
        (
            "vc-reserved",
            "a disclosure with a reserved name",
            "sdjwt_reserved_claim",
            json!(["salt", "...", "x"]),
            "case SDJ-012",
        ),
        (
            "vc-malformed",
            "a disclosure of two elements where three are due",
            "sdjwt_disclosure_malformed",
            json!(["salt", "x"]),
            "SDJ-22",
        ),
    ] {
        let text = encode(&change);
        let input = maker.input(|token| {
            if code == "sdjwt_not_disclosable" {
                remove(&mut token.payload, "exp");
                token.payload["status"] = json!({});
            }
            token.disclose(text);
        })?;
        let entry = draft.refuse(id, comment, code, input);
        changed(entry, "vc-ok", "append", "disclosures").to(change).flags(&["ClaimOverride"]).spec(&[spec]);
    }
    let stray = encode(&json!(["salt", "x", 1]));
    let entry = draft.refuse(
        "vc-stray",
        "a disclosure that the issuer never signed",
        "sdjwt_disclosure_unreferenced",
        maker.input(|token| token.disclosures.push(stray))?,
    );
    entry
        .broken("vc-ok", "append", "disclosures")
        .signed("holder")
        .flags(&["Digest"])
        .spec(&["SDJ-27", "case SDJ-005"]);
    let entry = draft.refuse(
        "vc-digest-twice",
        "a digest twice",
        "sdjwt_digest_duplicate",
        maker.input(|token| {
            token.refer(super::world::digest(&token.disclosures.first().cloned().unwrap_or_default()));
        })?,
    );
    changed(entry, "vc-ok", "insert", "payload._sd").flags(&["Digest"]).spec(&["SDJ-26", "case SDJ-008"]);
    let entry = draft.refuse(
        "vc-sd-alg",
        "a hash function that is broken",
        "sdjwt_alg_unsupported",
        maker.claim("_sd_alg", &json!("sha-1"))?,
    );
    changed(entry, "vc-ok", "replace", "payload._sd_alg").flags(&["Digest"]).spec(&["SDJ-15", "case SDJ-026"]);
    Ok(())
}

fn status(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let at = |index: Value, uri: &str| json!({"status_list": {"idx": index, "uri": uri}});
    let with = |claim: Value| maker.claim("status", &claim);
    let good = with(at(json!(0), STATUS_URI))?;
    let list = |change: &dyn Fn(&mut ListToken)| -> Result<Value, VectorError> {
        let mut token = ListToken::good(maker.world);
        change(&mut token);
        Ok(json!({"resources": resources(&token.text()?)}))
    };
    draft.accept("vc-status-ok", "the list says valid", good.clone()).flags(&["Valid"]).spec(&[
        "VC-10",
        "TSL-44",
        "case TSL-032",
    ]);
    draft
        .accept("vc-status-last", "the last index of the list", with(at(json!(ListToken::LAST), STATUS_URI))?)
        .flags(&["Boundary"])
        .spec(&["TSL-43"]);
    let mut other = at(json!(0), STATUS_URI);
    other["other"] = json!({"x": 1});
    draft
        .accept("vc-status-other-mechanism", "another mechanism beside the list", with(other)?)
        .flags(&["Legal"])
        .spec(&["TSL-04"]);
    let no_exp = maker.input(|token| {
        remove(&mut token.payload, "exp");
        token.payload["status"] = at(json!(0), STATUS_URI);
    })?;
    draft.accept("vc-status-no-exp", "a status instead of an exp", no_exp).flags(&["Legal"]).spec(&["SDJ-41"]);
    let short = |life: i64| {
        maker.input(|token| merge(&mut token.payload, members(json!({"iat": NOW - 3_600, "exp": NOW - 3_600 + life}))))
    };
    let rule = json!({"x-status_rule": "required_unless_short_lived"});
    draft
        .accept("vc-status-short-lived", "no status, valid for a day", short(86_400)?)
        .config(rule.clone())
        .flags(&["Boundary"])
        .spec(&["TSL-06"]);
    draft
        .refuse(
            "vc-status-not-short-lived",
            "no status, valid for a day and a second",
            "status_invalid_reference",
            short(86_401)?,
        )
        .config(rule)
        .broken("vc-status-short-lived", "replace", "payload.exp")
        .signed("issuer")
        .flags(&["Boundary"])
        .spec(&["TSL-06"]);
    for (id, comment, code, index) in [
        ("vc-status-revoked", "the list says revoked", "credential_revoked", 1),
        ("vc-status-suspended", "the list says suspended", "credential_suspended", 2),
        ("vc-status-unknown", "the list says something that has no agreed meaning", "status_value_unknown", 3),
        (
            "vc-status-after-last",
            "the first index that is not in the list",
            "status_index_out_of_range",
            ListToken::LAST + 1,
        ),
    ] {
        let entry = draft.refuse(id, comment, code, with(at(json!(index), STATUS_URI))?);
        let base = if code == "status_index_out_of_range" { "vc-status-last" } else { "vc-status-ok" };
        changed(entry, base, "replace", "payload.status.status_list.idx")
            .to(json!(index))
            .flags(&["Revocation"])
            .spec(&["TSL-44"])
            .spec(if code == "credential_suspended" { &["case TSL-028"] } else { &[] });
    }
    for (id, comment, code, claim, spec) in [
        (
            "vc-status-missing",
            "no status where one is required",
            "status_invalid_reference",
            Value::Null,
            "case TSL-031",
        ),
        ("vc-status-text", "a status that is a text", "status_invalid_reference", json!("x"), "TSL-02"),
        ("vc-status-no-list", "a status without a list", "status_invalid_reference", json!({"other": {}}), "VC-12"),
        (
            "vc-status-no-uri",
            "a list without an address",
            "status_invalid_reference",
            json!({"status_list": {"idx": 0}}),
            "TSL-02",
        ),
        (
            "vc-status-no-idx",
            "a list without an index",
            "status_invalid_reference",
            json!({"status_list": {"uri": STATUS_URI}}),
            "TSL-02",
        ),
        (
            "vc-status-idx-text",
            "an index that is a text",
            "status_index_out_of_range",
            at(json!("0"), STATUS_URI),
            "TSL-02",
        ),
        (
            "vc-status-idx-negative",
            "a negative index",
            "status_index_out_of_range",
            at(json!(-1), STATUS_URI),
            "TSL-02",
        ),
        (
            "vc-status-idx-fraction",
            "an index that is no integer",
            "credential_claim_invalid",
            at(json!(0.5), STATUS_URI),
            "case JSN-007",
        ),
        (
            "vc-status-http",
            "an address without TLS",
            "status_uri_not_allowed",
            at(json!(0), "http://status.example/lists/1"),
            "case TSL-001",
        ),
        (
            "vc-status-file",
            "an address of a file",
            "status_uri_not_allowed",
            at(json!(0), "file:///etc/passwd"),
            "case TSL-001",
        ),
        (
            "vc-status-data",
            "an address that is the data",
            "status_uri_not_allowed",
            at(json!(0), "data:text/plain,x"),
            "case TSL-001",
        ),
        (
            "vc-status-other-host",
            "an address on a host that is not allowed for this issuer",
            "status_uri_not_allowed",
            at(json!(0), "https://attacker.example/lists/1"),
            "TSL-13",
        ),
        (
            "vc-status-user",
            "an address with the allowed host as user name",
            "status_uri_not_allowed",
            at(json!(0), "https://status.example@attacker.example/"),
            "TSL-13",
        ),
        (
            "vc-status-port",
            "an address with another port",
            "status_uri_not_allowed",
            at(json!(0), "https://status.example:8443/lists/1"),
            "TSL-13",
        ),
        (
            "vc-status-unavailable",
            "an address that does not answer",
            "status_unavailable",
            at(json!(0), "https://status.example/lists/2"),
            "case TSL-007",
        ),
    ] {
        let entry = draft.refuse(id, comment, code, with(claim.clone())?);
        changed(entry, "vc-status-ok", "replace", "payload.status").flags(&["Revocation"]).spec(&[spec]);
    }
    let down = |answer: Value| json!({"resources": {STATUS_URI: answer}});
    let other_issuer = maker.world.authority.issuer(IssuerName::Municipality);
    let cases: Vec<(&str, &str, &str, Value, &str)> = vec![
        (
            "vc-list-500",
            "the address answers with an error",
            "status_unavailable",
            down(json!({"status": 500, "body": "x"})),
            "case TSL-007",
        ),
        (
            "vc-list-timeout",
            "the address does not answer in time",
            "status_unavailable",
            down(json!({"status": 599, "error": "timeout"})),
            "case TSL-008",
        ),
        (
            "vc-list-not-found",
            "there is nothing at the address",
            "status_unavailable",
            down(json!({"status": 404})),
            "TSL-11",
        ),
        (
            "vc-list-garbage",
            "what comes is no token",
            "status_token_invalid",
            down(json!({"status": 200, "body": "<html>"})),
            "TSL-22",
        ),
        (
            "vc-list-cwt",
            "what comes is a CWT",
            "status_token_invalid",
            down(json!({"status": 200, "body_hex": "d2845820a2012610781a6170706c69636174696f6e"})),
            "case TSL-019",
        ),
        (
            "vc-list-expired",
            "the list has expired, just beyond the tolerance",
            "status_token_expired",
            list(&|token| token.payload["exp"] = json!(NOW - 60))?,
            "TSL-24",
        ),
        (
            "vc-list-other",
            "a list for another address",
            "status_token_invalid",
            list(&|token| token.payload["sub"] = json!("https://status.example/lists/9"))?,
            "case TSL-022",
        ),
        (
            "vc-list-self-made",
            "a list signed under a root of its own",
            "status_token_invalid",
            {
                let stranger = maker.world.authority.bad_chain(BadChain::UnknownRoot)?;
                list(&|token| token.sign_with(&stranger))?
            },
            "case TSL-017",
        ),
        (
            "vc-list-other-issuer",
            "a list signed by another trusted issuer",
            "status_token_invalid",
            list(&|token| token.sign_with(&other_issuer))?,
            "case TSL-018",
        ),
        (
            "vc-list-malformed",
            "a list that does not inflate",
            "status_list_malformed",
            list(&|token| token.payload["status_list"]["lst"] = json!("AAAA"))?,
            "case TSL-012",
        ),
        (
            "vc-list-bomb",
            "a small text that inflates to 17 MiB",
            "status_list_too_large",
            list(&|token| {
                token.payload["status_list"]["lst"] =
                    json!(base64::encode_url(&crate::simulator::encode::status_list::zlib(&vec![0; 17 << 20])));
            })?,
            "case TSL-011",
        ),
    ];
    for (id, comment, code, config, spec) in cases {
        draft
            .refuse(id, comment, code, good.clone())
            .config(config)
            .broken("vc-status-ok", "set-config", "resources")
            .flags(&["Revocation"])
            .spec(&[spec]);
    }
    let status_anchors = base64::encode_standard(maker.world.authority.status_root(IssuerName::PidGermany));
    let signer = maker.world.authority.status_signer(IssuerName::PidGermany);
    let separate =
        |resources: Value| {
            let mut config = members(resources);
            config.insert("x-trust_sources".to_owned(), json!([{
            "name": "one", "types": [TYPE], "x509_roots": [maker.world.root()], "status_roots": [status_anchors],
            "status_origins": [STATUS_ORIGIN], "status_rule": "required",
        }]));
            Value::Object(config)
        };
    draft
        .accept("vc-list-status-authority", "lists have an authority of their own", good.clone())
        .config(separate(list(&|token| token.sign_with(&signer))?))
        .flags(&["Valid"])
        .spec(&["TSL-28"]);
    draft
        .refuse(
            "vc-list-issuer-instead",
            "signed by the issuer, where lists have an authority of their own",
            "status_token_invalid",
            good,
        )
        .config(separate(list(&|_| {})?))
        .broken("vc-list-status-authority", "set-config", "resources")
        .flags(&["Unauthorized"])
        .spec(&["TSL-28", "case TSL-018"]);
    Ok(())
}

pub(super) fn integrity() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "sri-check",
        "Integrity of type metadata",
        "Subresource Integrity: the strongest hash that is understood decides.",
        &["draft-ietf-oauth-sd-jwt-vc-18 section 6", "W3C Subresource Integrity section 3"],
    );
    let content = json!({"vct": TYPE}).to_string();
    let of = |label: &str, text: &str| format!("{label}-{}", hash_of(label, text.as_bytes()).unwrap_or_default());
    let case = |integrity: &str| json!({"integrity": integrity, "content_utf8": content});
    for (id, comment, text) in [
        ("sri-sha256", "one hash", of("sha256", &content)),
        ("sri-sha384", "a longer hash", of("sha384", &content)),
        ("sri-sha512", "the longest hash", of("sha512", &content)),
        (
            "sri-strongest",
            "a weaker hash of something else does not matter",
            format!("{} {}", of("sha256", "x"), of("sha512", &content)),
        ),
        (
            "sri-one-of-two",
            "two hashes of one kind, one of which fits",
            format!("{} {}", of("sha256", "x"), of("sha256", &content)),
        ),
        ("sri-unknown-beside", "an unknown label beside", format!("md5-AAAA {}", of("sha256", &content))),
        ("sri-option", "an option after the hash", format!("{}?x", of("sha256", &content))),
    ] {
        draft.accept(id, comment, case(&text)).flags(&["Valid"]).spec(&["VC-43"]);
    }
    let url = of("sha384", &content).replace('+', "-").replace('/', "_");
    for (id, comment, base, text, spec) in [
        ("sri-other-content", "the hash of something else", "sri-sha256", of("sha256", "x"), "case SVC-008"),
        (
            "sri-strongest-other",
            "the strongest hash is of something else",
            "sri-strongest",
            format!("{} {}", of("sha256", &content), of("sha512", "x")),
            "case SVC-008",
        ),
        (
            "sri-label-exchanged",
            "a hash under the label of another function",
            "sri-sha256",
            of("sha256", &content).replacen("sha256", "sha384", 1),
            "VC-43",
        ),
        (
            "sri-md5",
            "a function that is broken",
            "sri-sha256",
            "md5-1B2M2Y8AsgTpgAmY7PhCfg==".to_owned(),
            "case SVC-009",
        ),
        (
            "sri-sha1",
            "a function that is broken",
            "sri-sha256",
            "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=".to_owned(),
            "case SVC-009",
        ),
        (
            "sri-upper-case",
            "the label in upper case",
            "sri-sha256",
            of("sha256", &content).replacen("sha", "SHA", 1),
            "case SVC-009",
        ),
        (
            "sri-no-padding",
            "a hash without its padding",
            "sri-sha256",
            of("sha256", &content).trim_end_matches('=').to_owned(),
            "VC-44",
        ),
        ("sri-base64url", "a hash in the other alphabet", "sri-sha384", url, "VC-44"),
        ("sri-no-hash", "a label alone", "sri-sha256", "sha256".to_owned(), "case SVC-009"),
        ("sri-empty", "no text", "sri-sha256", String::new(), "case SVC-009"),
    ] {
        draft
            .refuse(id, comment, "type_metadata_invalid", case(&text))
            .broken(base, "replace", "/integrity")
            .to(json!(text))
            .flags(&["Metadata"])
            .spec(&[spec]);
    }
    draft.finish()
}
