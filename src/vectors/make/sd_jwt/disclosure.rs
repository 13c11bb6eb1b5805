//! Digests, disclosures, and the claims that they set.

use super::super::draft::{Draft, members};
use super::super::world::{NOW, digest, encode, merge, remove};
use super::{Maker, changed};
use crate::domain::encoding::base64;
use crate::domain::jose::hash::HashAlgorithm;
use crate::vectors::VectorError;
use serde_json::{Value, json};

pub(super) fn digests(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let d = digest("decoy");
    let both = encode(&json!(["salt", "b", 1]));
    let with = |payload: Value| maker.input(|token| merge(&mut token.payload, members(payload)));
    let mut twice = maker.world.token();
    twice.refer(d.clone());
    twice.refer(d.clone());
    let inner = encode(&json!(["salt", "inner", {"_sd": [d]}]));
    for (id, comment, input) in [
        ("sd-jwt-digest-twice", "a digest twice in one array, without a disclosure", json!({"sd_jwt": twice.bare()?})),
        ("sd-jwt-digest-two-levels", "a digest in two objects", with(json!({"x": {"_sd": [d]}, "y": {"_sd": [d]}}))?),
        (
            "sd-jwt-digest-object-and-array",
            "a digest in _sd and in an array",
            with(json!({"x": {"_sd": [d]}, "y": [{"...": d}]}))?,
        ),
        ("sd-jwt-digest-array-twice", "a digest twice in an array", with(json!({"y": [{"...": d}, {"...": d}]}))?),
        (
            "sd-jwt-digest-twice-disclosed",
            "a digest in _sd and in an array, with its disclosure",
            maker.input(|token| {
                token.payload["y"] = json!([{"...": digest(&both)}]);
                token.disclose(both);
            })?,
        ),
        (
            "sd-jwt-digest-within-disclosure",
            "a digest at the top, and again within a disclosure",
            maker.input(|token| {
                token.refer(d.clone());
                token.disclose(inner);
            })?,
        ),
    ] {
        let entry = draft.refuse(id, comment, "sdjwt_digest_duplicate", input);
        changed(entry, "insert", "payload")
            .signed("issuer")
            .flags(&["Digest", "Duplicate"])
            .spec(&["SDJ-26", "case SDJ-008"]);
    }
    for (id, comment, value, spec) in [
        ("sd-jwt-sd-text", "_sd that is a text", json!({"x": {"_sd": d}}), "case SDJ-025"),
        ("sd-jwt-sd-object", "_sd that is an object", json!({"x": {"_sd": {"0": d}}}), "case SDJ-025"),
        ("sd-jwt-sd-number", "_sd with a number", json!({"x": {"_sd": [1]}}), "case SDJ-025"),
        ("sd-jwt-sd-null", "_sd that is null", json!({"x": {"_sd": null}}), "case SDJ-025"),
        (
            "sd-jwt-placeholder-more",
            "a placeholder with another member",
            json!({"x": [{"...": d, "y": 1}]}),
            "case SDJ-023",
        ),
        ("sd-jwt-placeholder-number", "a placeholder with a number", json!({"x": [{"...": 1}]}), "SDJ-30"),
        ("sd-jwt-placeholder-object", "a placeholder outside of an array", json!({"x": {"...": d}}), "SDJ-30"),
        ("sd-jwt-placeholder-top", "three dots as a claim of the top level", json!({"...": d}), "SDJ-30"),
    ] {
        let entry = draft.refuse(id, comment, "sdjwt_malformed", with(value.clone())?);
        changed(entry, "insert", "payload").to(value).signed("issuer").flags(&["Digest"]).spec(&["SDJ-30", spec]);
    }
    Ok(())
}

pub(super) fn disclosures(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let stray = encode(&json!(["salt", "n", 1]));
    let tight = encode(&json!(["salt", "n", 1]));
    let spaced = base64::encode_url(br#"["salt", "n", 1]"#);
    let of_bytes = HashAlgorithm::Sha256.digest_url(br#"["salt","n",1]"#);
    for (id, comment, input, spec) in [
        (
            "sd-jwt-stray",
            "a disclosure whose digest is nowhere",
            maker.input(|token| token.disclosures.push(stray.clone()))?,
            "case SDJ-005",
        ),
        (
            "sd-jwt-twice",
            "a disclosure twice",
            maker.input(|token| token.disclosures.extend(token.disclosures.first().cloned()))?,
            "case SDJ-006",
        ),
        (
            "sd-jwt-child-alone",
            "a disclosure without the one that holds its digest",
            maker.input(|token| drop(token.disclosures.remove(2)))?,
            "SDJ-29",
        ),
        (
            "sd-jwt-re-encoded",
            "a disclosure written anew, without its white space",
            maker.input(|token| {
                token.refer(digest(&spaced));
                token.disclosures.push(tight.clone());
            })?,
            "case SDJ-030",
        ),
        (
            "sd-jwt-digest-of-bytes",
            "a digest over the decoded bytes",
            maker.input(|token| {
                token.refer(of_bytes);
                token.disclosures.push(tight.clone());
            })?,
            "case SDJ-029",
        ),
        (
            "sd-jwt-digest-hexadecimal",
            "a digest in hexadecimal",
            maker.input(|token| {
                token.refer(crate::vectors::config::to_hex(&crate::domain::jose::hash::sha256(stray.as_bytes())));
                token.disclosures.push(stray.clone());
            })?,
            "SDJ-20",
        ),
        (
            "sd-jwt-swapped",
            "a disclosure of another credential",
            maker.input(|token| {
                if let Some(first) = token.disclosures.first_mut() {
                    *first = encode(&json!(["another salt", "given_name", "LINA"]));
                }
            })?,
            "SDJ-27",
        ),
    ] {
        let entry = draft.refuse(id, comment, "sdjwt_disclosure_unreferenced", input);
        changed(entry, "replace", "disclosures").flags(&["Digest"]).spec(&["SDJ-27", spec]);
    }
    for (id, comment, items, spec) in [
        ("sd-jwt-disclosure-object", "a disclosure that is an object", json!({"n": 1}), "SDJ-21"),
        ("sd-jwt-disclosure-text", "a disclosure that is a text", json!("n"), "SDJ-21"),
        ("sd-jwt-disclosure-empty", "a disclosure without elements", json!([]), "SDJ-22"),
        ("sd-jwt-disclosure-salt-only", "a disclosure of one element", json!(["salt"]), "SDJ-22"),
        ("sd-jwt-disclosure-two", "a disclosure for an array where a member is due", json!(["salt", 1]), "SDJ-22"),
        ("sd-jwt-disclosure-four", "a disclosure of four elements", json!(["salt", "n", 1, 2]), "SDJ-22"),
        ("sd-jwt-salt-number", "a salt that is a number", json!([1, "n", 1]), "case SDJ-022"),
        ("sd-jwt-salt-null", "a salt that is null", json!([null, "n", 1]), "case SDJ-022"),
        ("sd-jwt-salt-object", "a salt that is an object", json!([{}, "n", 1]), "case SDJ-022"),
        ("sd-jwt-name-number", "a claim name that is a number", json!(["salt", 7, 1]), "case SDJ-022"),
        ("sd-jwt-name-null", "a claim name that is null", json!(["salt", null, 1]), "case SDJ-022"),
    ] {
        let entry = draft.refuse(id, comment, "sdjwt_disclosure_malformed", maker.disclosing(&items)?);
        changed(entry, "append", "disclosures").to(items).signed("issuer").flags(&["Structure"]).spec(&[spec]);
    }
    let member = encode(&json!(["salt", "n", 1]));
    let input = maker.input(|token| {
        token.payload["x"] = json!([{"...": digest(&member)}]);
        token.disclosures.push(member);
    })?;
    let entry = draft.refuse(
        "sd-jwt-array-three",
        "a disclosure of a member where an element is due",
        "sdjwt_disclosure_malformed",
        input,
    );
    changed(entry, "append", "disclosures").signed("issuer").flags(&["Structure"]).spec(&["SDJ-23", "case SDJ-020"]);
    for (id, comment, text, spec) in [
        ("sd-jwt-disclosure-no-json", "a disclosure that is no JSON", &b"[\"salt\",\"n\",1"[..], "SDJ-21"),
        ("sd-jwt-disclosure-tail", "a disclosure with something after it", b"[\"salt\",\"n\",1]x", "SDJ-21"),
        ("sd-jwt-disclosure-not-utf8", "a disclosure that is not UTF-8", b"[\"salt\",\"n\",\"\xff\"]", "case JSN-011"),
        (
            "sd-jwt-disclosure-name-twice",
            "a member name twice in the value of a disclosure",
            b"[\"salt\",\"n\",{\"a\":1,\"a\":2}]",
            "case JSN-003",
        ),
    ] {
        let text = base64::encode_url(text);
        let entry = draft.refuse(id, comment, "json_invalid", maker.input(|token| token.disclose(text))?);
        changed(entry, "append", "disclosures").signed("issuer").flags(&["SyntaxError"]).spec(&["SDJ-34", spec]);
    }
    Ok(())
}

pub(super) fn claims(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    for (id, name, spec) in [
        ("sd-jwt-name-sd", "_sd", "SDJ-24"),
        ("sd-jwt-name-dots", "...", "case SDJ-012"),
        ("sd-jwt-name-sd-alg", "_sd_alg", "case SDJ-013"),
    ] {
        let items = json!(["salt", name, "sha-512"]);
        let entry = draft.refuse(
            id,
            "a disclosure with a name that is reserved",
            "sdjwt_reserved_claim",
            maker.disclosing(&items)?,
        );
        changed(entry, "append", "disclosures")
            .to(items)
            .signed("issuer")
            .flags(&["ClaimOverride"])
            .spec(&["SDJ-24", spec]);
    }
    let again = encode(&json!(["salt", "given_name", "EVA"]));
    let plain = maker.input(|token| token.payload["given_name"] = json!("EVA"))?;
    let two = maker.input(|token| token.disclose(again))?;
    let inner = encode(&json!(["salt", "locality", "ANDERSWO"]));
    let nested = maker.input(|token| {
        let address = maker.world.disclosure(
            "address",
            Some("address"),
            &json!({"_sd": [digest(token.disclosures.get(3).map(String::as_str).unwrap_or_default()), digest(&inner)]}),
        );
        token.refer(digest(&address));
        if let Some(place) = token.disclosures.get_mut(2) {
            *place = address;
        }
        token.disclosures.push(inner);
    })?;
    for (id, comment, input, spec) in [
        ("sd-jwt-name-in-the-clear", "a disclosed claim that is there in the clear already", plain, "case SDJ-014"),
        ("sd-jwt-name-disclosed-twice", "two disclosures of one name", two, "case SDJ-015"),
        ("sd-jwt-name-disclosed-twice-below", "two disclosures of one name within an object", nested, "case SDJ-015"),
    ] {
        let entry = draft.refuse(id, comment, "sdjwt_claim_conflict", input);
        changed(entry, "insert", "payload").signed("issuer").flags(&["ClaimOverride"]).spec(&["SDJ-25", spec]);
    }
    for (id, name, value) in [
        ("sd-jwt-disclosed-iss", "iss", json!("https://attacker.example")),
        ("sd-jwt-disclosed-exp", "exp", json!(NOW + 1_000)),
        ("sd-jwt-disclosed-nbf", "nbf", json!(NOW - 1_000)),
        ("sd-jwt-disclosed-cnf", "cnf", json!({"jwk": maker.world.stranger.public_jwk()})),
        ("sd-jwt-disclosed-vct", "vct", json!("urn:example:other")),
        ("sd-jwt-disclosed-vct-integrity", "vct#integrity", json!("sha256-AAAA")),
        ("sd-jwt-disclosed-aka-vcts", "aka_vcts", json!(["urn:example:other"])),
        ("sd-jwt-disclosed-status", "status", json!({"status_list": {"idx": 1, "uri": "https://attacker.example"}})),
    ] {
        let text = encode(&json!(["salt", name, value]));
        let input = maker.input(|token| {
            remove(&mut token.payload, name);
            token.disclose(text);
        })?;
        let entry = draft.refuse(id, "a control claim that comes from a disclosure", "sdjwt_not_disclosable", input);
        changed(entry, "replace", "payload").signed("issuer").flags(&["ClaimOverride"]).spec(&[
            "SDJ-36",
            "VC-04",
            "case SDJ-016",
        ]);
    }
    let x = encode(&json!(["salt", "x", "AAAA"]));
    let element = encode(&json!(["salt", 7]));
    let member = maker.input(|token| {
        token.payload["cnf"]["jwk"]["_sd"] = json!([digest(&x)]);
        remove(&mut token.payload["cnf"]["jwk"], "x");
        token.disclosures.push(x);
    })?;
    let deep = maker.input(|token| {
        token.payload["status"] = json!({"other": [{"...": digest(&element)}]});
        token.disclosures.push(element);
    })?;
    for (id, comment, input) in [
        ("sd-jwt-disclosed-within-cnf", "a part of the bound key that comes from a disclosure", member),
        ("sd-jwt-disclosed-within-status", "a part of the status that comes from a disclosure", deep),
    ] {
        let entry = draft.refuse(id, comment, "sdjwt_not_disclosable", input);
        changed(entry, "insert", "payload").signed("issuer").flags(&["ClaimOverride"]).spec(&[
            "SDJ-36",
            "VC-04",
            "case SDJ-017",
        ]);
    }
    Ok(())
}

pub(super) fn hash_algorithms(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let rehashed = |name: &str, hash: HashAlgorithm| {
        maker.input(|token| {
            token.payload["_sd_alg"] = json!(name);
            token.payload["_sd"] =
                token.disclosures.iter().take(2).map(|text| hash.digest_url(text.as_bytes())).collect();
            token.payload["nationalities"] = json!([]);
            token.disclosures.truncate(2);
            token.hash = hash;
        })
    };
    for (id, name, hash) in
        [("sd-jwt-sha-384", "sha-384", HashAlgorithm::Sha384), ("sd-jwt-sha-512", "sha-512", HashAlgorithm::Sha512)]
    {
        draft.accept(id, "a longer hash function", rehashed(name, hash)?).flags(&["Legal"]).spec(&["SDJ-15"]);
    }
    draft
        .accept(
            "sd-jwt-sd-alg-absent",
            "without _sd_alg it is sha-256",
            maker.input(|token| remove(&mut token.payload, "_sd_alg"))?,
        )
        .flags(&["Legal"])
        .spec(&["SDJ-15", "SDJ-17"]);
    for (id, comment, value) in [
        ("sd-jwt-sd-alg-sha-1", "a hash function that is broken", json!("sha-1")),
        ("sd-jwt-sd-alg-md5", "a hash function that is broken", json!("md5")),
        ("sd-jwt-sd-alg-short", "a hash that is cut to 32 bits", json!("sha-256-32")),
        ("sd-jwt-sd-alg-upper", "the name in upper case", json!("SHA-256")),
        ("sd-jwt-sd-alg-other-spelling", "the name without its hyphen", json!("sha256")),
        ("sd-jwt-sd-alg-empty", "an empty name", json!("")),
        ("sd-jwt-sd-alg-number", "a number", json!(256)),
        ("sd-jwt-sd-alg-null", "null", json!(null)),
    ] {
        let entry = draft.refuse(
            id,
            comment,
            "sdjwt_alg_unsupported",
            maker.input(|token| token.payload["_sd_alg"] = value.clone())?,
        );
        changed(entry, "replace", "payload._sd_alg")
            .to(value)
            .signed("issuer")
            .flags(&["Digest"])
            .spec(&["SDJ-15", "case SDJ-026"]);
    }
    let nested = encode(&json!(["salt", "x", {"_sd_alg": "sha-256"}]));
    for (id, comment, input) in [
        (
            "sd-jwt-sd-alg-below",
            "_sd_alg within a claim",
            maker.input(|token| token.payload["x"] = json!({"_sd_alg": "sha-256"}))?,
        ),
        ("sd-jwt-sd-alg-in-disclosure", "_sd_alg within a disclosure", maker.input(|token| token.disclose(nested))?),
    ] {
        let entry = draft.refuse(id, comment, "sdjwt_alg_unsupported", input);
        changed(entry, "insert", "payload").signed("issuer").flags(&["Digest"]).spec(&["SDJ-16", "case SDJ-027"]);
    }
    let entry = draft.refuse(
        "sd-jwt-sd-alg-does-not-fit",
        "sha-512 is named, the digests are of sha-256",
        "sdjwt_disclosure_unreferenced",
        maker.input(|token| token.payload["_sd_alg"] = json!("sha-512"))?,
    );
    changed(entry, "replace", "payload._sd_alg")
        .to(json!("sha-512"))
        .signed("issuer")
        .flags(&["Digest"])
        .spec(&["SDJ-15", "case SDJ-028"]);
    Ok(())
}
