//! Structure, payloads, sizes, and the token as a whole.

use super::super::draft::Draft;
use super::super::world::{NOW, digest, encode, remove};
use super::{Maker, changed};
use crate::domain::encoding::base64;
use crate::domain::limits;
use crate::vectors::VectorError;
use serde_json::json;

pub(super) fn structure(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let token = maker.world.token();
    let bare = token.bare()?;
    let jwt = token.issuer_jwt()?;
    let first = token.disclosures.first().cloned().unwrap_or_default();
    let json_form = json!({
        "payload": jwt.split('.').nth(1), "protected": jwt.split('.').next(), "signature": jwt.split('.').nth(2),
        "header": {"disclosures": token.disclosures},
    });
    for (id, comment, code, text, spec) in [
        (
            "sd-jwt-no-tilde",
            "the issuer's token alone, without a tilde",
            "sdjwt_malformed",
            jwt.clone(),
            "case SDJ-001",
        ),
        (
            "sd-jwt-no-last-tilde",
            "the last tilde is missing",
            "sdjwt_malformed",
            bare.trim_end_matches('~').to_owned(),
            "case SDJ-001",
        ),
        ("sd-jwt-empty-disclosure", "an empty disclosure at the end", "sdjwt_malformed", format!("{bare}~"), "SDJ-03"),
        (
            "sd-jwt-empty-disclosure-between",
            "an empty disclosure between others",
            "sdjwt_malformed",
            bare.replacen('~', "~~", 1),
            "SDJ-03",
        ),
        (
            "sd-jwt-token-between",
            "a token among the disclosures",
            "sdjwt_malformed",
            bare.replacen('~', &format!("~{jwt}~"), 1),
            "case SDJ-004",
        ),
        (
            "sd-jwt-token-then-tilde",
            "a token, and a tilde after it",
            "sdjwt_malformed",
            format!("{bare}{jwt}~"),
            "case SDJ-004",
        ),
        (
            "sd-jwt-json-form",
            "the JSON form, with its disclosures in the unprotected header",
            "sdjwt_malformed",
            json_form.to_string(),
            "case SDJ-039",
        ),
        ("sd-jwt-nothing", "no text", "jws_malformed", String::new(), "SDJ-01"),
        ("sd-jwt-tilde-only", "a tilde and nothing else", "jws_malformed", "~".to_owned(), "SDJ-01"),
        ("sd-jwt-tilde-first", "a tilde before the issuer's token", "jws_malformed", format!("~{bare}"), "SDJ-01"),
        (
            "sd-jwt-two-part-token",
            "an issuer's token of two parts",
            "jws_malformed",
            bare.replacen('.', "", 1),
            "case JOS-025",
        ),
        ("sd-jwt-many-dots", "a hundred thousand dots", "jws_malformed", ".".repeat(100_000), "case JOS-026"),
        ("sd-jwt-two-part-proof", "a proof of two parts", "kb_malformed", format!("{bare}a.b"), "SDJ-02"),
        (
            "sd-jwt-disclosure-unreadable",
            "a disclosure with padding",
            "base64url_invalid",
            bare.replacen(&first, &format!("{first}="), 1),
            "case JOS-028",
        ),
        (
            "sd-jwt-disclosure-space",
            "a disclosure with a space",
            "base64url_invalid",
            bare.replacen(&first, &format!("{first} "), 1),
            "case JOS-030",
        ),
    ] {
        let entry = draft.refuse(id, comment, code, json!({"sd_jwt": text}));
        changed(entry, "replace", "/sd_jwt").flags(&["Structure"]).spec(&[spec]);
    }
    Ok(())
}

pub(super) fn payloads(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let raw = |text: &str| maker.input(|token| token.raw_payload = Some(text.to_owned()));
    let good = maker.world.token().payload;
    let twice = |name: &str, value: &str| {
        let text = good.to_string();
        raw(&format!("{{\"{name}\":{value},{}", text.strip_prefix('{').unwrap_or_default()))
    };
    for (id, comment, input, spec) in [
        ("sd-jwt-payload-empty", "an empty payload", raw("")?, "case JOS-032"),
        ("sd-jwt-payload-array", "a payload that is an array", raw("[]")?, "case JOS-032"),
        ("sd-jwt-payload-text", "a payload that is a text", raw("\"x\"")?, "case JOS-032"),
        ("sd-jwt-payload-number", "a payload that is a number", raw("1")?, "case JOS-032"),
        ("sd-jwt-payload-null", "a payload that is null", raw("null")?, "case JOS-032"),
        (
            "sd-jwt-payload-mark",
            "a byte order mark before the payload",
            raw(&format!("\u{feff}{good}"))?,
            "case JSN-010",
        ),
        ("sd-jwt-payload-tail", "something after the payload", raw(&format!("{good}{{}}"))?, "case JOS-032"),
        ("sd-jwt-payload-exp-twice", "exp twice", twice("exp", "1")?, "case JSN-002"),
        ("sd-jwt-payload-cnf-twice", "cnf twice", twice("cnf", "{}")?, "case JSN-002"),
        (
            "sd-jwt-payload-exp-twice-escaped",
            "exp twice, once with an escape",
            twice("e\\u0078p", "1")?,
            "case JSN-004",
        ),
    ] {
        let entry = draft.refuse(id, comment, "json_invalid", input);
        changed(entry, "replace", "payload").signed("issuer").flags(&["SyntaxError"]).spec(&["SDJ-34", spec]);
    }
    for (id, comment, code, base, name, value, spec) in [
        (
            "sd-jwt-expired",
            "exp has passed, just beyond the tolerance",
            "credential_expired",
            "sd-jwt-exp-within-skew",
            "exp",
            json!(NOW - 60),
            "SDJ-40",
        ),
        (
            "sd-jwt-not-yet-valid",
            "nbf lies ahead, just beyond the tolerance",
            "credential_not_yet_valid",
            "sd-jwt-nbf-within-skew",
            "nbf",
            json!(NOW + 61),
            "SDJ-40",
        ),
        (
            "sd-jwt-exp-text",
            "exp that is a text",
            "credential_claim_invalid",
            "sd-jwt-ok",
            "exp",
            json!("1893456000"),
            "case SVC-014",
        ),
        (
            "sd-jwt-exp-null",
            "exp that is null",
            "credential_claim_invalid",
            "sd-jwt-ok",
            "exp",
            json!(null),
            "case SVC-014",
        ),
        (
            "sd-jwt-nbf-boolean",
            "nbf that is true",
            "credential_claim_invalid",
            "sd-jwt-ok",
            "nbf",
            json!(true),
            "case SVC-014",
        ),
        (
            "sd-jwt-iat-object",
            "iat that is an object",
            "credential_claim_invalid",
            "sd-jwt-ok",
            "iat",
            json!({}),
            "case SVC-014",
        ),
    ] {
        draft
            .refuse(id, comment, code, maker.input(|token| token.payload[name] = value.clone())?)
            .broken(base, "replace", &format!("payload.{name}"))
            .to(value)
            .signed("issuer")
            .flags(&["Dates"])
            .spec(&["SDJ-44", spec]);
    }
    for (id, comment, name, value) in [
        ("sd-jwt-exp-within-skew", "exp has passed, within the tolerance", "exp", json!(NOW - 59)),
        ("sd-jwt-nbf-within-skew", "nbf lies ahead, within the tolerance", "nbf", json!(NOW + 60)),
        ("sd-jwt-exp-fraction", "exp with a fraction is rounded down", "exp", json!(NOW as f64 + 1_000.5)),
    ] {
        draft.accept(id, comment, maker.input(|token| token.payload[name] = value)?).flags(&["Boundary"]).spec(&[
            "SDJ-40",
            "SDJ-44",
            "case JSN-008",
        ]);
    }
    Ok(())
}

pub(super) fn sizes(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let with = |count: usize| {
        maker.input(|token| {
            let missing = count.saturating_sub(token.disclosures.len());
            for number in 0..missing {
                token.disclose(encode(&json!([format!("salt {number}"), format!("n{number}"), number])));
            }
        })
    };
    draft
        .accept("sd-jwt-256-disclosures", "as many disclosures as allowed", with(limits::DISCLOSURES)?)
        .flags(&["Boundary"])
        .spec(&["SDJ-05", "case SDJ-036"]);
    draft
        .refuse(
            "sd-jwt-257-disclosures",
            "one disclosure too many",
            "limit_exceeded",
            with(limits::DISCLOSURES.saturating_add(1))?,
        )
        .broken("sd-jwt-256-disclosures", "append", "disclosures")
        .signed("issuer")
        .flags(&["Boundary", "Exhaustion"])
        .spec(&["SDJ-05", "case SDJ-036"]);
    let bare = maker.world.token().bare()?;
    draft
        .refuse(
            "sd-jwt-10000-disclosures",
            "ten thousand small disclosures",
            "limit_exceeded",
            json!({"sd_jwt": format!("{bare}{}", "W10~".repeat(10_000))}),
        )
        .broken("sd-jwt-256-disclosures", "append", "disclosures")
        .flags(&["Exhaustion"])
        .spec(&["SDJ-05", "case SDJ-036"]);
    let nested = |levels: usize| {
        maker.input(|token| {
            let mut text = encode(&json!(["salt 0", "n", 1]));
            let mut all = vec![text.clone()];
            for level in 1..levels {
                text = encode(&json!([format!("salt {level}"), "n", {"_sd": [digest(&text)]}]));
                all.push(text.clone());
            }
            token.refer(digest(&text));
            token.disclosures.extend(all);
        })
    };
    draft
        .accept("sd-jwt-16-levels", "sixteen disclosures within each other", nested(limits::DISCLOSURE_RECURSION)?)
        .flags(&["Boundary"])
        .spec(&["SDJ-05"]);
    draft
        .refuse(
            "sd-jwt-17-levels",
            "seventeen disclosures within each other",
            "limit_exceeded",
            nested(limits::DISCLOSURE_RECURSION.saturating_add(1))?,
        )
        .broken("sd-jwt-16-levels", "insert", "disclosures")
        .signed("issuer")
        .flags(&["Boundary", "Exhaustion"])
        .spec(&["SDJ-05"]);
    let deep = |depth: usize| -> String { format!("{}1{}", "[".repeat(depth), "]".repeat(depth)) };
    let entry = draft.refuse(
        "sd-jwt-deep-payload",
        "a payload of 40 levels",
        "limit_exceeded",
        maker.input(|token| token.raw_payload = Some(format!("{{\"x\":{}}}", deep(40))))?,
    );
    changed(entry, "replace", "payload").signed("issuer").flags(&["Exhaustion"]).spec(&["SDJ-05", "case JSN-006"]);
    let text = base64::encode_url(format!("[\"salt\",\"n\",{}]", deep(40)).as_bytes());
    let entry = draft.refuse(
        "sd-jwt-deep-disclosure",
        "a disclosure of 40 levels",
        "limit_exceeded",
        maker.input(|token| token.disclose(text))?,
    );
    changed(entry, "append", "disclosures").signed("issuer").flags(&["Exhaustion"]).spec(&["SDJ-05", "case JSN-006"]);
    Ok(())
}

pub(super) fn tokens(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let token = maker.world.token();
    for (id, comment, code, input, flag, spec) in [
        (
            "sd-jwt-typ-other",
            "a token of another kind",
            "credential_typ_invalid",
            maker.input(|token| token.header["typ"] = json!("JWT"))?,
            "TokenType",
            "case JOS-036",
        ),
        (
            "sd-jwt-alg-other",
            "an algorithm that is not on the list",
            "jws_alg_not_allowed",
            maker.input(|token| token.header["alg"] = json!("ES384"))?,
            "Algorithm",
            "SDJ-10",
        ),
        (
            "sd-jwt-crit",
            "a critical extension",
            "jws_crit_unsupported",
            maker.input(|token| token.header["crit"] = json!(["x"]))?,
            "Structure",
            "case JOS-019",
        ),
        (
            "sd-jwt-stranger",
            "signed with another key",
            "jws_signature_invalid",
            maker.input(|token| {
                token.signer = crate::simulator::authority::SignerKey::P256(maker.world.stranger.clone());
            })?,
            "Signature",
            "SDJ-14",
        ),
    ] {
        let entry = draft.refuse(id, comment, code, input);
        changed(entry, "replace", "header").signed("issuer").flags(&[flag]).spec(&[spec]);
    }
    let changed_payload = {
        let bare = token.bare()?;
        let other = token.clone().change(|token| token.payload["iss"] = json!("https://attacker.example")).bare()?;
        let parts: Vec<&str> = bare.split('.').collect();
        let payload = other.split('.').nth(1).unwrap_or_default();
        format!("{}.{payload}.{}", parts.first().unwrap_or(&""), parts.get(2).unwrap_or(&""))
    };
    let entry = draft.refuse(
        "sd-jwt-payload-exchanged",
        "a payload that was not signed",
        "jws_signature_invalid",
        json!({"sd_jwt": changed_payload}),
    );
    changed(entry, "replace", "payload.iss").flags(&["Signature"]).spec(&["SDJ-13", "case JOS-042"]);
    let text = token.text()?;
    let fewer = {
        let first = token.disclosures.first().map(|text| format!("{text}~")).unwrap_or_default();
        text.replacen(&first, "", 1)
    };
    draft
        .refuse(
            "sd-jwt-disclosure-removed",
            "a disclosure was taken out after the proof was made",
            "kb_sd_hash_mismatch",
            json!({"sd_jwt": fewer}),
        )
        .broken("sd-jwt-with-proof", "remove", "disclosures")
        .flags(&["Digest"])
        .spec(&["KB-12"]);
    draft
        .refuse(
            "sd-jwt-proof-required",
            "no proof where one is required",
            "kb_missing",
            json!({"sd_jwt": token.bare()?}),
        )
        .config(json!({"key_binding": "required"}))
        .broken("sd-jwt-with-proof", "truncate", "kb_jwt")
        .flags(&["Replay"])
        .spec(&["KB-02", "case KBJ-001"]);
    draft
        .refuse(
            "sd-jwt-proof-without-key",
            "a proof, but the token is bound to no key",
            "holder_key_missing",
            json!({"sd_jwt": token.clone().change(|token| remove(&mut token.payload, "cnf")).text()?}),
        )
        .broken("sd-jwt-with-proof", "remove", "payload.cnf")
        .signed("issuer")
        .flags(&["HolderKey"])
        .spec(&["case KBJ-026"]);
    Ok(())
}
