//! Compact JWS.

use super::draft::{Draft, members};
use super::world::{World, key_of, sign};
use crate::domain::encoding::base64;
use crate::simulator::authority::SignerKey;
use crate::simulator::encode::jws::Jws;
use crate::vectors::VectorError;
use crate::vectors::config::to_hex;
use crate::vectors::format::File;
use serde_json::{Value, json};

/// The order of the group of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// The parts of a good token, and the ways to change them.
struct Parts {
    key: SignerKey,
    header: String,
    payload: Vec<u8>,
    token: String,
}

impl Parts {
    fn signed(&self, header: &str, payload: &[u8]) -> Result<Value, VectorError> {
        Ok(json!({"jws": sign(header, payload, &self.key)?}))
    }

    /// The good token with one of its three parts exchanged.
    fn with(&self, place: usize, text: &str) -> Value {
        let parts: Vec<&str> =
            self.token.split('.').enumerate().map(|(at, part)| if at == place { text } else { part }).collect();
        json!({"jws": parts.join(".")})
    }

    fn part(&self, place: usize) -> &str {
        self.token.split('.').nth(place).unwrap_or_default()
    }

    fn signature(&self) -> Vec<u8> {
        base64::decode_url(self.part(2)).unwrap_or_default()
    }
}

pub(super) fn file(world: &World) -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "jws-verify",
        "Compact JWS with a key that is known beforehand",
        "The token's alg only selects within the list; nothing in the token can bring or name a key.",
        &["RFC 7515", "RFC 7518 section 3.4", "RFC 7797", "RFC 8725"],
    );
    let key = SignerKey::P256(world.issuer.clone());
    let mut public = world.issuer.public_jwk();
    public.insert("kid".to_owned(), json!("issuer-1"));
    let mut other = world.stranger.public_jwk();
    other.insert("kid".to_owned(), json!("issuer-2"));
    draft.group(
        "jws",
        "ES256 with one of two known keys",
        json!({"issuer_jwks": [public, other], "alg_allowed": ["ES256"], "allowed_typ": ["JWT"]}),
        json!({"issuer": key_of(&key), "other": world.stranger.test_jwk()}),
    );
    let header = json!({"alg": "ES256", "typ": "JWT"}).to_string();
    let payload = br#"{"iss":"https://issuer.example","n":1}"#.to_vec();
    let parts = Parts { token: sign(&header, &payload, &key)?, key, header, payload };
    accepted(&mut draft, world, &parts)?;
    algorithms(&mut draft, world, &parts)?;
    headers(&mut draft, &parts)?;
    forms(&mut draft, &parts);
    signatures(&mut draft, world, &parts)?;
    keys(&mut draft, world, &parts)?;
    draft.finish()
}

fn accepted(draft: &mut Draft, world: &World, parts: &Parts) -> Result<(), VectorError> {
    let output = |header: &Value| json!({"header": header, "payload_hex": to_hex(&parts.payload)});
    draft
        .accept("jws-ok", "a good token", json!({"jws": parts.token}))
        .flags(&["Valid"])
        .output(output(&json!({"alg": "ES256", "typ": "JWT"})))
        .spec(&["SDJ-10", "SDJ-12"]);
    let header = json!({"typ": "JWT", "kid": "issuer-1", "alg": "ES256"});
    draft
        .accept("jws-kid", "a kid, and another order of the header", parts.signed(&header.to_string(), &parts.payload)?)
        .flags(&["Valid"])
        .output(output(&header));
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": "issuer-2"});
    let token = sign(&header.to_string(), &parts.payload, &SignerKey::P256(world.stranger.clone()))?;
    draft
        .accept("jws-second-key", "signed with the second known key, which kid names", json!({"jws": token}))
        .flags(&["Valid"])
        .output(output(&header));
    let spaced = "{ \"typ\":\"JWT\",\n\"alg\" : \"ES256\" }";
    draft
        .accept(
            "jws-header-white-space",
            "white space within the JSON of the header",
            parts.signed(spaced, &parts.payload)?,
        )
        .flags(&["Legal"])
        .output(output(&json!({"alg": "ES256", "typ": "JWT"})));
    let unknown = json!({"alg": "ES256", "typ": "JWT", "x": {"y": [1]}});
    draft
        .accept(
            "jws-unknown-parameter",
            "an unknown header parameter is ignored",
            parts.signed(&unknown.to_string(), &parts.payload)?,
        )
        .flags(&["Legal"])
        .output(output(&unknown))
        .spec(&["RFC 7515 §4"]);
    draft
        .accept("jws-any-bytes", "a payload that is no JSON", parts.signed(&parts.header, b"\x00\xff")?)
        .flags(&["Legal"])
        .output(json!({"header": {"alg": "ES256", "typ": "JWT"}, "payload_hex": "00ff"}));
    draft
        .accept("jws-empty-payload", "an empty payload", parts.signed(&parts.header, b"")?)
        .flags(&["Legal"])
        .output(json!({"header": {"alg": "ES256", "typ": "JWT"}, "payload_hex": ""}));
    Ok(())
}

fn algorithms(draft: &mut Draft, world: &World, parts: &Parts) -> Result<(), VectorError> {
    let none = |name: &str| {
        let header = json!({"alg": name, "typ": "JWT"}).to_string();
        let input = [header.as_bytes(), parts.payload.as_slice()].map(base64::encode_url).join(".");
        json!({"jws": format!("{input}.")})
    };
    for (id, name) in [("jws-alg-none", "none"), ("jws-alg-none-capital", "None"), ("jws-alg-none-upper", "NONE")] {
        draft
            .refuse(id, "no algorithm, no signature", "jws_alg_not_allowed", none(name))
            .flags(&["AlgorithmConfusion"])
            .broken("jws-ok", "replace", "header.alg")
            .to(json!(name))
            .spec(&["SDJ-10", "case JOS-001"]);
    }
    let mac = |secret: &[u8]| {
        let header = members(json!({"alg": "HS256", "typ": "JWT"}));
        json!({"jws": Jws::unsigned(&header, parts.payload.clone()).sign_hs256(secret).text()})
    };
    for (id, comment, secret) in [
        ("jws-alg-hs256-empty", "a MAC with an empty secret", Vec::new()),
        ("jws-alg-hs256-point", "a MAC with the public point as its secret", world.issuer.public_point()),
        (
            "jws-alg-hs256-jwk",
            "a MAC with the text of the public key as its secret",
            Value::Object(world.issuer.public_jwk()).to_string().into_bytes(),
        ),
    ] {
        draft
            .refuse(id, comment, "jws_alg_not_allowed", mac(&secret))
            .flags(&["AlgorithmConfusion"])
            .broken("jws-ok", "replace", "header.alg")
            .to(json!("HS256"))
            .spec(&["SDJ-10", "case JOS-004"]);
    }
    for (id, comment, name, spec) in [
        ("jws-alg-esp256", "the fully specified name of ES256 is another name", "ESP256", "case JOS-012"),
        ("jws-alg-lower-case", "the name in lower case", "es256", "GEN-01"),
        ("jws-alg-es256k", "another curve", "ES256K", "GEN-01"),
        ("jws-alg-rs256", "RSA", "RS256", "GEN-01"),
        ("jws-alg-es384-not-listed", "an algorithm that is known, but not on the list", "ES384", "GEN-01"),
        ("jws-alg-space", "the name with a space", "ES256 ", "GEN-01"),
    ] {
        let header = json!({"alg": name, "typ": "JWT"}).to_string();
        draft
            .refuse(id, comment, "jws_alg_not_allowed", parts.signed(&header, &parts.payload)?)
            .flags(&["Algorithm"])
            .broken("jws-ok", "replace", "header.alg")
            .to(json!(name))
            .signed("issuer")
            .spec(&[spec]);
    }
    for (id, comment, header) in [
        ("jws-alg-missing", "no alg", json!({"typ": "JWT"})),
        ("jws-alg-null", "alg that is null", json!({"alg": null, "typ": "JWT"})),
        ("jws-alg-list", "alg that is a list", json!({"alg": ["ES256"], "typ": "JWT"})),
    ] {
        draft
            .refuse(id, comment, "jws_alg_not_allowed", parts.signed(&header.to_string(), &parts.payload)?)
            .flags(&["ClaimType"])
            .broken("jws-ok", "replace", "header.alg")
            .signed("issuer")
            .spec(&["SDJ-10"]);
    }
    for (id, name) in [("jws-key-es384", "ES384"), ("jws-key-ed25519", "Ed25519"), ("jws-key-ps256", "PS256")] {
        let header = json!({"alg": name, "typ": "JWT"}).to_string();
        draft
            .refuse(
                id,
                "an algorithm on the list, but not that of the key",
                "jws_key_mismatch",
                parts.signed(&header, &parts.payload)?,
            )
            .config(json!({"alg_allowed": ["ES256", "ES384", "Ed25519", "PS256"]}))
            .flags(&["Algorithm"])
            .broken("jws-ok", "replace", "header.alg")
            .to(json!(name))
            .signed("issuer")
            .spec(&["SDJ-11", "case JOS-010"]);
    }
    Ok(())
}

fn headers(draft: &mut Draft, parts: &Parts) -> Result<(), VectorError> {
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

fn forms(draft: &mut Draft, parts: &Parts) {
    let token = &parts.token;
    let json_form =
        json!({"payload": parts.part(1), "header": {"alg": "ES256"}, "signature": parts.part(2)}).to_string();
    for (id, comment, text, spec) in [
        (
            "jws-form-two-parts",
            "two parts",
            parts.token.rsplit_once('.').map(|(start, _)| start.to_owned()).unwrap_or_default(),
            "case JOS-025",
        ),
        ("jws-form-four-parts", "four parts", format!("{token}.{}", parts.part(1)), "case JOS-025"),
        ("jws-form-five-parts", "five parts, as of a JWE", format!("{token}.a.b"), "case JOS-025"),
        ("jws-form-dot-before", "a dot before", format!(".{token}"), "case JOS-025"),
        ("jws-form-dot-after", "a dot after", format!("{token}."), "case JOS-025"),
        ("jws-form-nothing", "no text", String::new(), "case JOS-025"),
        ("jws-form-no-dots", "one part", parts.part(0).to_owned(), "case JOS-025"),
        ("jws-form-many-dots", "a hundred thousand dots", ".".repeat(100_000), "case JOS-026"),
        ("jws-form-json", "the flattened JSON form, with alg in the unprotected header", json_form, "case JOS-024"),
    ] {
        draft
            .refuse(id, comment, "jws_malformed", json!({"jws": text}))
            .flags(&[if spec == "case JOS-026" { "Exhaustion" } else { "Structure" }])
            .broken("jws-ok", "replace", "/jws")
            .spec(&[spec]);
    }
    let spaced = |place: usize, text: &str| format!("{}{text}", parts.part(place));
    for (id, comment, place, text, spec) in [
        ("jws-encoding-header-padding", "padding after the header", 0, spaced(0, "="), "case JOS-028"),
        ("jws-encoding-payload-padding", "padding after the payload", 1, spaced(1, "=="), "case JOS-028"),
        ("jws-encoding-signature-padding", "padding after the signature", 2, spaced(2, "=="), "case JOS-028"),
        (
            "jws-encoding-signature-plus",
            "the standard alphabet in the signature",
            2,
            format!("+{}", parts.part(2).get(1..).unwrap_or_default()),
            "case JOS-029",
        ),
        ("jws-encoding-header-space", "a space before the header", 0, format!(" {}", parts.part(0)), "case JOS-030"),
        ("jws-encoding-signature-line-break", "a line break after the signature", 2, spaced(2, "\n"), "case JOS-030"),
        ("jws-encoding-signature-tab", "a tab before the signature", 2, format!("\t{}", parts.part(2)), "case JOS-030"),
        (
            "jws-encoding-signature-unused-bit",
            "an unused bit in the last character of the signature",
            2,
            next_character(parts.part(2)),
            "case JOS-031",
        ),
    ] {
        // Whoever looks at the signature first refuses a changed header or payload with that.
        let entry = draft
            .refuse(id, comment, "base64url_invalid", parts.with(place, &text))
            .flags(&["Encoding"])
            .broken("jws-ok", "re-encode", "/jws")
            .spec(&["SDJ-04", spec]);
        if place == 1 {
            entry.or("jws_signature_invalid");
        }
    }
}

/// The text with the lowest bit of its last character set, which holds no data.
fn next_character(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = text.split_at(text.len().saturating_sub(1));
    let place = ALPHABET.iter().position(|byte| Some(byte) == last.as_bytes().first()).unwrap_or_default();
    let next = ALPHABET.get(place ^ 1).copied().unwrap_or_default();
    format!("{start}{}", char::from(next))
}

fn signatures(draft: &mut Draft, world: &World, parts: &Parts) -> Result<(), VectorError> {
    let signature = parts.signature();
    let (r, s) = signature.split_at(32);
    let mut flipped = signature.clone();
    if let Some(last) = flipped.last_mut() {
        *last ^= 1;
    }
    let below = |bytes: [u8; 32]| {
        let mut bytes = bytes;
        if let Some(last) = bytes.last_mut() {
            *last = last.saturating_sub(1);
        }
        bytes
    };
    let (zero, mut one) = ([0_u8; 32], [0_u8; 32]);
    if let Some(last) = one.last_mut() {
        *last = 1;
    }
    let input = parts.token.rsplit_once('.').map(|(input, _)| input).unwrap_or_default();
    let der = world.issuer.sign_deterministic_der(input.as_bytes());
    let cases: Vec<(&str, &str, Vec<u8>, &str)> = vec![
        ("jws-signature-empty", "an empty signature", Vec::new(), "case JOS-008"),
        ("jws-signature-flipped", "one bit of the signature", flipped, "SDJ-13"),
        ("jws-signature-zeros", "64 zero bytes", vec![0; 64], "case JOS-005"),
        ("jws-signature-der", "the same signature in DER", der, "case JOS-007"),
        (
            "jws-signature-cut",
            "the signature without its last byte",
            signature.get(..63).unwrap_or_default().to_vec(),
            "case JOS-008",
        ),
        ("jws-signature-long", "a zero byte after the signature", [&signature, &[0][..]].concat(), "case JOS-008"),
        ("jws-signature-padded", "each half with a zero byte before it", [&[0], r, &[0], s].concat(), "case JOS-008"),
        ("jws-signature-swapped", "the halves swapped", [s, r].concat(), "SDJ-12"),
        ("jws-signature-r-zero", "the first half is zero", [&zero[..], s].concat(), "case JOS-006"),
        ("jws-signature-s-zero", "the second half is zero", [r, &zero[..]].concat(), "case JOS-006"),
        ("jws-signature-ones", "both halves are one", [one, one].concat(), "case JOS-006"),
        ("jws-signature-r-order", "the first half is the order of the group", [&ORDER[..], s].concat(), "case JOS-006"),
        (
            "jws-signature-s-order",
            "the second half is the order of the group",
            [r, &ORDER[..]].concat(),
            "case JOS-006",
        ),
        (
            "jws-signature-order-less-one",
            "both halves are the order less one",
            [below(ORDER), below(ORDER)].concat(),
            "case JOS-006",
        ),
    ];
    for (id, comment, bytes, spec) in cases {
        draft
            .refuse(id, comment, "jws_signature_invalid", parts.with(2, &base64::encode_url(&bytes)))
            .flags(&["Signature"])
            .broken("jws-ok", "replace", "signature")
            .spec(&["SDJ-12", spec]);
    }
    let other = sign(&parts.header, br#"{"iss":"https://issuer.example","n":2}"#, &parts.key)?;
    draft
        .refuse(
            "jws-payload-swapped",
            "the payload of another token of the same issuer",
            "jws_signature_invalid",
            parts.with(1, other.split('.').nth(1).unwrap_or_default()),
        )
        .flags(&["Signature"])
        .broken("jws-ok", "swap", "payload")
        .spec(&["SDJ-13", "case JOS-042"]);
    let header = json!({"typ": "JWT", "alg": "ES256"}).to_string();
    draft
        .refuse(
            "jws-header-swapped",
            "the header of another token, equal but for its order",
            "jws_signature_invalid",
            parts.with(0, &base64::encode_url(header.as_bytes())),
        )
        .flags(&["Signature"])
        .broken("jws-ok", "swap", "header")
        .spec(&["SDJ-13", "case JOS-042"]);
    let unused = next_character(parts.part(1));
    draft
        .refuse(
            "jws-payload-unused-bit",
            "an unused bit of the payload: decodes alike, but is another text",
            "jws_signature_invalid",
            parts.with(1, &unused),
        )
        .or("base64url_invalid")
        .flags(&["Signature", "Ambiguous"])
        .broken("jws-ok", "flip-bit", "payload")
        .spec(&["case JOS-031"]);
    draft
        .refuse(
            "jws-claims-not-leaked",
            "changed claims are refused as a whole: there is no output",
            "jws_signature_invalid",
            parts.with(1, &base64::encode_url(br#"{"iss":"https://attacker.example","n":1}"#)),
        )
        .flags(&["Signature"])
        .broken("jws-ok", "replace", "payload.iss")
        .spec(&["SDJ-42", "case JOS-043"]);
    Ok(())
}

fn keys(draft: &mut Draft, world: &World, parts: &Parts) -> Result<(), VectorError> {
    let stranger = SignerKey::P256(world.authority.seed().key("nobody")?);
    draft
        .refuse(
            "jws-unknown-key",
            "a good signature of a key that is not known",
            "jws_signature_invalid",
            json!({"jws": sign(&parts.header, &parts.payload, &stranger)?}),
        )
        .flags(&["Signature"])
        .broken("jws-ok", "replace", "signature")
        .spec(&["SDJ-14"]);
    let named = json!({"alg": "ES256", "typ": "JWT", "kid": "issuer-2"}).to_string();
    draft
        .refuse(
            "jws-kid-of-another",
            "a good signature, but kid names another known key",
            "jws_signature_invalid",
            parts.signed(&named, &parts.payload)?,
        )
        .flags(&["Signature"])
        .broken("jws-kid", "replace", "header.kid")
        .to(json!("issuer-2"))
        .signed("issuer")
        .spec(&["GEN-06"]);
    let public = world.issuer.public_jwk();
    let with = |name: &str, value: Value| {
        let mut jwk = public.clone();
        jwk.insert(name.to_owned(), value);
        Value::Object(jwk)
    };
    let coordinate = |bytes: &[u8]| json!(base64::encode_url(bytes));
    let point = world.issuer.public_point();
    let y = point.get(33..).unwrap_or_default();
    let mut moved = y.to_vec();
    if let Some(last) = moved.last_mut() {
        *last ^= 1;
    }
    for (id, comment, jwks, flag, spec) in [
        (
            "jws-keys-same-kid",
            "two keys of one kid",
            json!([with("kid", json!("a")), with("kid", json!("a"))]),
            "Ambiguous",
            "case JOS-038",
        ),
        (
            "jws-keys-private",
            "a private key among the public ones",
            json!([public, world.stranger.test_jwk()]),
            "Structure",
            "case JOS-038",
        ),
        (
            "jws-keys-symmetric",
            "a symmetric key among the public ones",
            json!([public, {"kty": "oct", "k": "AAAA"}]),
            "Structure",
            "case JOS-038",
        ),
        (
            "jws-keys-alg-and-curve",
            "a key whose alg and crv disagree",
            json!([with("alg", json!("ES384"))]),
            "Algorithm",
            "case JOS-039",
        ),
        (
            "jws-keys-for-encryption",
            "a key that is for encryption",
            json!([with("use", json!("enc"))]),
            "Algorithm",
            "GEN-02",
        ),
        (
            "jws-keys-off-curve",
            "a point that is not on the curve",
            json!([with("y", coordinate(&moved))]),
            "CurveAttack",
            "RFC 8725 §3.4",
        ),
        (
            "jws-keys-short-coordinate",
            "a coordinate without its first byte",
            json!([with("y", coordinate(y.get(1..).unwrap_or_default()))]),
            "CurveAttack",
            "RFC 7518 §6.2.1.2",
        ),
        (
            "jws-keys-long-coordinate",
            "a coordinate with a zero byte before it",
            json!([with("y", coordinate(&[&[0], y].concat()))]),
            "CurveAttack",
            "RFC 7518 §6.2.1.2",
        ),
    ] {
        draft
            .refuse(id, comment, "config_refused", json!({"jws": parts.token}))
            .config(json!({"issuer_jwks": jwks}))
            .flags(&[flag])
            .broken("jws-ok", "set-config", "issuer_jwks")
            .spec(&[spec]);
    }
    Ok(())
}
