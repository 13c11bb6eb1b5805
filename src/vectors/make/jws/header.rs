//! Headers.

use super::super::draft::{Draft, members};
use super::Parts;
use crate::vectors::VectorError;
use serde_json::{Value, json};

pub(super) fn headers(draft: &mut Draft, parts: &Parts) -> Result<(), VectorError> {
    let with = |name: &str, value: Value| {
        let mut header = members(json!({"alg": "ES256", "typ": "JWT"}));
        header.insert(name.to_owned(), value);
        header
    };
    let long = "k".repeat(257);
    for (id, comment, code, name, value, flag, spec) in [
        (
            "jws-header-jku",
            "an address of keys",
            "jws_header_not_allowed",
            "jku",
            json!("https://attacker.example/jwks"),
            "KeyInjection",
            "case JOS-014",
        ),
        (
            "jws-header-jwk",
            "a key of its own",
            "jws_header_not_allowed",
            "jwk",
            json!({"kty": "EC"}),
            "KeyInjection",
            "case JOS-016",
        ),
        (
            "jws-header-kid-path",
            "a kid that is a path",
            "jws_header_not_allowed",
            "kid",
            json!("../../etc/passwd"),
            "KeyInjection",
            "case JOS-017",
        ),
        (
            "jws-header-kid-sql",
            "a kid that is a fragment of SQL",
            "jws_header_not_allowed",
            "kid",
            json!("x' OR '1'='1"),
            "KeyInjection",
            "case JOS-017",
        ),
        (
            "jws-header-kid-nul",
            "a kid with a character NUL",
            "jws_header_not_allowed",
            "kid",
            json!("a\u{0}b"),
            "KeyInjection",
            "case JOS-017",
        ),
        (
            "jws-header-kid-257",
            "a kid of 257 characters",
            "jws_header_not_allowed",
            "kid",
            json!(long),
            "Boundary",
            "case JOS-017",
        ),
        (
            "jws-header-kid-number",
            "a kid that is a number",
            "jws_header_not_allowed",
            "kid",
            json!(42),
            "ClaimType",
            "RFC 7515 §4.1.4",
        ),
        (
            "jws-header-typ-number",
            "a typ that is a number",
            "jws_header_not_allowed",
            "typ",
            json!(1),
            "ClaimType",
            "GEN-07",
        ),
        (
            "jws-header-b64",
            "an unencoded payload, not marked critical",
            "jws_header_not_allowed",
            "b64",
            json!(false),
            "Structure",
            "case JOS-022",
        ),
        (
            "jws-header-crit",
            "a critical extension that nobody knows",
            "jws_crit_unsupported",
            "crit",
            json!(["http://example.com/x"]),
            "Structure",
            "case JOS-019",
        ),
        (
            "jws-header-crit-empty",
            "an empty list of critical extensions",
            "jws_crit_unsupported",
            "crit",
            json!([]),
            "Structure",
            "GEN-13",
        ),
        (
            "jws-header-crit-known",
            "a registered parameter as critical extension",
            "jws_crit_unsupported",
            "crit",
            json!(["alg"]),
            "Structure",
            "case JOS-019",
        ),
        (
            "jws-header-typ-other",
            "a token of another kind",
            "credential_typ_invalid",
            "typ",
            json!("kb+jwt"),
            "TokenType",
            "case JOS-036",
        ),
        (
            "jws-header-typ-case",
            "the typ in another case",
            "credential_typ_invalid",
            "typ",
            json!("jwt"),
            "TokenType",
            "GEN-07",
        ),
        (
            "jws-header-typ-media-type",
            "the typ in its long form",
            "credential_typ_invalid",
            "typ",
            json!("application/jwt"),
            "TokenType",
            "GEN-07",
        ),
    ] {
        let header = Value::Object(with(name, value.clone())).to_string();
        draft
            .refuse(id, comment, code, parts.signed(&header, &parts.payload)?)
            .flags(&[flag])
            .broken("jws-ok", "insert", &format!("header.{name}"))
            .to(value)
            .signed("issuer")
            .spec(&[spec]);
    }
    draft
        .accept(
            "jws-header-kid-256",
            "a kid of 256 characters",
            parts.signed(&Value::Object(with("kid", json!("k".repeat(256)))).to_string(), &parts.payload)?,
        )
        .flags(&["Boundary"])
        .spec(&["case JOS-017"]);
    let both = json!({"alg": "ES256", "typ": "JWT", "b64": false, "crit": ["b64"]}).to_string();
    draft
        .refuse(
            "jws-header-b64-crit",
            "an unencoded payload, marked critical",
            "jws_crit_unsupported",
            parts.signed(&both, &parts.payload)?,
        )
        .flags(&["Structure"])
        .broken("jws-ok", "insert", "header.b64")
        .signed("issuer")
        .spec(&["case JOS-021"]);
    let sources = json!({"alg": "ES256", "typ": "JWT", "x5c": ["MII="], "jwk": {"kty": "EC"}}).to_string();
    draft
        .refuse(
            "jws-header-two-sources",
            "two sources of keys",
            "jws_header_not_allowed",
            parts.signed(&sources, &parts.payload)?,
        )
        .flags(&["KeyInjection"])
        .broken("jws-ok", "insert", "header.jwk")
        .signed("issuer")
        .spec(&["case JOS-016"]);
    let untyped = json!({"alg": "ES256"}).to_string();
    draft
        .refuse("jws-header-typ-missing", "no typ", "credential_typ_invalid", parts.signed(&untyped, &parts.payload)?)
        .flags(&["TokenType"])
        .broken("jws-ok", "remove", "header.typ")
        .signed("issuer")
        .spec(&["GEN-03"]);
    for (id, comment, text, flag, spec) in [
        ("jws-header-empty", "an empty header", "", "SyntaxError", "case JOS-032"),
        ("jws-header-array", "a header that is an array", "[\"ES256\"]", "SyntaxError", "case JOS-032"),
        ("jws-header-null", "a header that is null", "null", "SyntaxError", "case JOS-032"),
        (
            "jws-header-alg-twice",
            "alg twice",
            r#"{"alg":"none","typ":"JWT","alg":"ES256"}"#,
            "Ambiguous",
            "case JSN-002",
        ),
        (
            "jws-header-alg-twice-escaped",
            "alg twice, once with an escape",
            r#"{"a\u006cg":"none","typ":"JWT","alg":"ES256"}"#,
            "Ambiguous",
            "case JSN-004",
        ),
        (
            "jws-header-mark",
            "a byte order mark before the header",
            "\u{feff}{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
            "Encoding",
            "case JSN-010",
        ),
    ] {
        draft
            .refuse(id, comment, "json_invalid", parts.signed(text, &parts.payload)?)
            .flags(&[flag])
            .broken("jws-ok", "replace", "header")
            .signed("issuer")
            .spec(&[spec]);
    }
    let padded = |length: usize| {
        let bare = json!({"alg": "ES256", "typ": "JWT", "x": ""}).to_string().len();
        json!({"alg": "ES256", "typ": "JWT", "x": "x".repeat(length.saturating_sub(bare))}).to_string()
    };
    draft
        .accept(
            "jws-header-32-kib",
            "a header of 32 KiB in base64url",
            parts.signed(&padded(24 * 1024), &parts.payload)?,
        )
        .flags(&["Boundary"]);
    draft
        .refuse(
            "jws-header-above-32-kib",
            "a header of more than 32 KiB",
            "limit_exceeded",
            parts.signed(&padded(24 * 1024 + 1), &parts.payload)?,
        )
        .flags(&["Boundary", "Exhaustion"])
        .broken("jws-header-32-kib", "append", "header.x")
        .signed("issuer")
        .spec(&["SDJ-05"]);
    Ok(())
}
