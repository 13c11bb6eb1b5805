//! Forms, encodings and signatures.

use super::super::draft::Draft;
use super::super::world::{World, sign};
use super::Parts;
use crate::domain::encoding::base64;
use crate::vectors::VectorError;
use serde_json::json;

/// The order of the group of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

pub(super) fn forms(draft: &mut Draft, parts: &Parts) {
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
pub(super) fn next_character(text: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (start, last) = text.split_at(text.len().saturating_sub(1));
    let place = ALPHABET.iter().position(|byte| Some(byte) == last.as_bytes().first()).unwrap_or_default();
    let next = ALPHABET.get(place ^ 1).copied().unwrap_or_default();
    format!("{start}{}", char::from(next))
}

pub(super) fn signatures(draft: &mut Draft, world: &World, parts: &Parts) -> Result<(), VectorError> {
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
