//! Kinds of tokens, and what claims hold.

use super::super::draft::Draft;
use super::super::world::{NOW, encode, remove, sign};
use super::{Maker, changed};
use crate::domain::encoding::base64;
use crate::simulator::authority::SignerKey;
use crate::vectors::VectorError;
use serde_json::{Value, json};

pub(super) fn forms(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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

pub(super) fn contents(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
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
            token.refer(super::super::world::digest(&token.disclosures.first().cloned().unwrap_or_default()));
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
