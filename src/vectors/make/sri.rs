//! Integrity of type metadata, alone.

use super::draft::Draft;
use super::world::TYPE;
use crate::domain::jose::hash::integrity as hash_of;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::json;

pub(super) fn file() -> Result<File, VectorError> {
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
