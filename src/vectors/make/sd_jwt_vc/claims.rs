//! Type, metadata, dates.

use super::super::draft::{Draft, members};
use super::super::world::{NOW, TYPE, merge};
use super::{Maker, changed};
use crate::domain::encoding::base64;
use crate::domain::jose::hash::integrity as hash_of;
use crate::simulator::authority::IssuerName;
use crate::vectors::VectorError;
use serde_json::{Value, json};

pub(super) fn types(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

pub(super) fn metadata(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

/// Credentials that obey their type, or do not.
pub(super) fn metadata_rules(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let good = json!({"sd_jwt": maker.world.credential().text()?});
    let config = |claims: Value| json!({"x-type_metadata": {TYPE: json!({"vct": TYPE, "claims": claims}).to_string()}});
    let rules = json!([
        {"path": ["given_name"], "sd": "always", "mandatory": true},
        {"path": ["birthdate"], "sd": "always", "mandatory": true},
        {"path": ["address", "street_address"], "mandatory": true},
        {"path": ["iat"], "sd": "never", "mandatory": true},
        {"path": ["nationalities"], "sd": "never"},
        {"path": ["nationalities", null], "sd": "always"},
        {"path": ["cnf", "jwk"], "sd": "never", "mandatory": true},
    ]);
    draft
        .accept("vc-metadata", "a credential that obeys its type; what is mandatory may be withheld", good.clone())
        .config(config(rules))
        .flags(&["Valid"])
        .spec(&["VC-46"]);
    let parent = "urn:example:vectors:person:1";
    let extending = |special: Value, general: Option<Value>| {
        let mut texts = json!({TYPE: json!({"vct": TYPE, "extends": parent, "claims": special}).to_string()});
        if let Some(general) = general {
            texts[parent] = json!(general.to_string());
        }
        json!({"x-type_metadata": texts})
    };
    let one = |claim: Value| config(json!([claim]));
    let never = json!([{"path": ["given_name"], "sd": "never"}]);
    let always = json!([{"path": ["given_name"], "sd": "always"}]);
    draft
        .accept("vc-metadata-extends", "a credential that obeys what its type extends", good.clone())
        .config(extending(json!([]), Some(json!({"vct": parent, "claims": always}))))
        .flags(&["Valid"])
        .spec(&["VC-41", "VC-46"]);
    for (id, comment, base, config, spec) in [
        (
            "vc-metadata-never",
            "a claim that must not be disclosable came by a disclosure",
            "vc-metadata",
            config(never.clone()),
            "VC-46",
        ),
        (
            "vc-metadata-never-withheld",
            "an element that must not be disclosable is withheld",
            "vc-metadata",
            one(json!({"path": ["nationalities", 1], "sd": "never"})),
            "VC-46",
        ),
        (
            "vc-metadata-always",
            "a claim that must be disclosable stands in the clear",
            "vc-metadata",
            one(json!({"path": ["iat"], "sd": "always"})),
            "VC-46",
        ),
        (
            "vc-metadata-always-inner",
            "a claim below another one stands in the clear",
            "vc-metadata",
            one(json!({"path": ["cnf", "jwk", "kty"], "sd": "always"})),
            "VC-46",
        ),
        (
            "vc-metadata-mandatory",
            "a mandatory claim is not there, and cannot be withheld",
            "vc-metadata",
            one(json!({"path": ["birthdate"], "sd": "never", "mandatory": true})),
            "VC-46",
        ),
        (
            "vc-metadata-mandatory-open",
            "a mandatory claim is not there, and nothing there is withheld",
            "vc-metadata",
            one(json!({"path": ["cnf", "jwk", "kid"], "mandatory": true})),
            "VC-46",
        ),
        (
            "vc-metadata-path-object",
            "a path leads into a text",
            "vc-metadata",
            one(json!({"path": ["given_name", "first"]})),
            "VC-46",
        ),
        (
            "vc-metadata-path-array",
            "a path expects an array and meets an object",
            "vc-metadata",
            one(json!({"path": ["address", null]})),
            "VC-46",
        ),
        (
            "vc-metadata-inherited",
            "a rule of the extended type is broken",
            "vc-metadata-extends",
            extending(json!([]), Some(json!({"vct": parent, "claims": never}))),
            "VC-41",
        ),
        (
            "vc-metadata-loosened",
            "the type loosens what it extends",
            "vc-metadata-extends",
            extending(
                json!([{"path": ["given_name"], "sd": "allowed"}]),
                Some(json!({"vct": parent, "claims": always})),
            ),
            "VC-47",
        ),
        (
            "vc-metadata-circle",
            "the extended type extends the type",
            "vc-metadata-extends",
            extending(json!([]), Some(json!({"vct": parent, "extends": TYPE}))),
            "VC-45",
        ),
        (
            "vc-metadata-parent-missing",
            "what the type extends is not to be had",
            "vc-metadata-extends",
            extending(json!([]), None),
            "VC-41",
        ),
        (
            "vc-metadata-other-type",
            "the document is that of another type",
            "vc-metadata",
            json!({"x-type_metadata": {TYPE: json!({"vct": parent}).to_string()}}),
            "VC-42",
        ),
        (
            "vc-metadata-malformed",
            "a document with a path that is none",
            "vc-metadata",
            one(json!({"path": ["given_name", -1]})),
            "VC-46",
        ),
    ] {
        draft
            .refuse(id, comment, "type_metadata_invalid", good.clone())
            .config(config)
            .broken(base, "set-config", "x-type_metadata")
            .flags(&["Metadata"])
            .spec(&[spec]);
    }
    draft
        .refuse("vc-metadata-required", "metadata is required, and there is none", "type_metadata_invalid", good)
        .config(json!({"x-type_metadata_required": [TYPE]}))
        .broken("vc-ok", "set-config", "x-type_metadata_required")
        .to(json!([TYPE]))
        .flags(&["Metadata", "Policy"])
        .spec(&["VC-40"]);
    Ok(())
}

pub(super) fn dates(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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
