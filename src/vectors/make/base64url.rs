//! base64url: one spelling for every value.

use super::draft::Draft;
use crate::domain::encoding::base64;
use crate::vectors::VectorError;
use crate::vectors::config::to_hex;
use crate::vectors::format::File;
use serde_json::json;

pub(super) fn file() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "base64url-decode",
        "base64url without padding, in its one canonical spelling",
        "Every part of a JOSE token and every disclosure is base64url. A decoder that tolerates a second spelling lets \
         two different texts mean the same, which breaks digests and signatures.",
        &["RFC 4648 section 5", "RFC 7515 section 2"],
    );
    for (id, comment, bytes) in [
        ("base64url-empty", "no bytes at all", &b""[..]),
        ("base64url-one-byte", "one byte: two characters, four unused bits", b"\x00"),
        ("base64url-two-bytes", "two bytes: three characters, two unused bits", b"\xff\xfe"),
        ("base64url-three-bytes", "three bytes: no unused bits", b"abc"),
        ("base64url-alphabet", "both characters in which the alphabet differs from standard base64", b"\xfb\xff\xbf"),
        ("base64url-highest", "the highest bits", b"\xff\xff\xff\xff"),
        ("base64url-not-utf8", "bytes that are not UTF-8", b"\xc3\x28\x00"),
        ("base64url-header", "the header of a token", br#"{"alg":"ES256"}"#),
    ] {
        draft
            .accept(id, comment, json!({"text": base64::encode_url(bytes)}))
            .flags(&["Valid"])
            .output(json!({"bytes_hex": to_hex(bytes)}))
            .spec(&["SDJ-04"]);
    }
    for (id, comment, text, base, op, spec) in [
        ("base64url-padding-two", "padding with two signs", "AA==", "one-byte", "append", "case JOS-028"),
        ("base64url-padding-one", "padding with one sign", "__4=", "two-bytes", "append", "case JOS-028"),
        (
            "base64url-padding-superfluous",
            "padding where none is due",
            "YWJj=",
            "three-bytes",
            "append",
            "case JOS-028",
        ),
        ("base64url-padding-only", "nothing but padding", "====", "empty", "insert", "case JOS-028"),
        ("base64url-plus", "a plus sign of the standard alphabet", "+/+_", "alphabet", "re-encode", "case JOS-029"),
        ("base64url-slash", "a slash of the standard alphabet", "-_-/", "alphabet", "replace", "case JOS-029"),
        ("base64url-space-before", "white space before", " YWJj", "three-bytes", "insert", "case JOS-030"),
        ("base64url-space-after", "white space after", "YWJj ", "three-bytes", "append", "case JOS-030"),
        ("base64url-line-feed", "a line break at the end", "YWJj\n", "three-bytes", "append", "case JOS-030"),
        ("base64url-carriage-return", "a carriage return within", "YW\r\nJj", "three-bytes", "insert", "case JOS-030"),
        ("base64url-tab", "a tab within", "YW\tJj", "three-bytes", "insert", "case JOS-030"),
        (
            "base64url-no-break-space",
            "a space that is not ASCII",
            "YWJj\u{a0}",
            "three-bytes",
            "append",
            "case JOS-030",
        ),
        (
            "base64url-unused-bits-four",
            "an unused bit is set: AB and AA decode alike",
            "AB",
            "one-byte",
            "flip-bit",
            "case JOS-031",
        ),
        (
            "base64url-unused-bits-two",
            "an unused bit is set: __5 and __4 decode alike",
            "__5",
            "two-bytes",
            "flip-bit",
            "case JOS-031",
        ),
        ("base64url-unused-bits-high", "the highest unused bit is set", "AI", "one-byte", "flip-bit", "case JOS-031"),
        ("base64url-one-character", "a length that no bytes have", "A", "one-byte", "truncate", "SDJ-04"),
        (
            "base64url-five-characters",
            "a length that no bytes have, after a whole group",
            "YWJjA",
            "three-bytes",
            "append",
            "SDJ-04",
        ),
        ("base64url-dot", "a dot, which ends a part of a token", "YW.j", "three-bytes", "replace", "SDJ-04"),
        ("base64url-tilde", "a tilde, which ends a disclosure", "YW~j", "three-bytes", "replace", "SDJ-04"),
        ("base64url-percent", "percent encoding that was not undone", "YW%4Aj", "three-bytes", "re-encode", "SDJ-04"),
        ("base64url-letter-umlaut", "a letter beyond ASCII", "YWJä", "three-bytes", "replace", "SDJ-04"),
        (
            "base64url-letter-wide",
            "full-width letters that look like ASCII",
            "ＹＷＪｊ",
            "three-bytes",
            "re-encode",
            "SDJ-04",
        ),
        ("base64url-nul", "a character NUL", "YWJ\u{0}", "three-bytes", "replace", "SDJ-04"),
    ] {
        let flags: &[&str] = if spec == "case JOS-031" { &["Encoding", "Ambiguous"] } else { &["Encoding"] };
        draft
            .refuse(id, comment, "base64url_invalid", json!({"text": text}))
            .flags(flags)
            .broken(&format!("base64url-{base}"), op, "/text")
            .to(json!(text))
            .spec(&["SDJ-04", "GEN-09"])
            .spec(if spec.starts_with("case") { std::slice::from_ref(&spec) } else { &[] });
    }
    draft.finish()
}
