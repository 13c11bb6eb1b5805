//! SD-JWT: structure, digests, disclosures, dates; the issuer's key is known beforehand.

use super::draft::{Draft, Entry, members};
use super::world::{NOW, Token, World, digest, disclosed, encode, merge, remove};
use crate::domain::encoding::base64;
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::limits;
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
    structure(&mut draft, &maker)?;
    digests(&mut draft, &maker)?;
    disclosures(&mut draft, &maker)?;
    claims(&mut draft, &maker)?;
    hash_algorithms(&mut draft, &maker)?;
    payloads(&mut draft, &maker)?;
    sizes(&mut draft, &maker)?;
    tokens(&mut draft, &maker)?;
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

fn structure(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

fn digests(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

fn disclosures(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

fn claims(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

fn hash_algorithms(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

fn payloads(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

fn sizes(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

fn tokens(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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
