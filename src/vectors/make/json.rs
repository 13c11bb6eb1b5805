//! Strict JSON.

use super::draft::{Draft, Entry};
use crate::domain::limits;
use crate::vectors::VectorError;
use crate::vectors::config::to_hex;
use crate::vectors::format::File;
use serde_json::json;

pub(super) fn file() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "json-parse",
        "JSON of tokens and disclosures, read strictly",
        "UTF-8 only, no member name twice in one object, bounded depth and number of values, nothing after the end. \
         Limits that are not in `config` are those of docs/vectors.md: depth 32, 10 000 values.",
        &["RFC 8259", "RFC 7515 section 4", "RFC 7519 section 4"],
    );
    draft.group("json", "default limits", json!({}), json!({}));
    accepted(&mut draft);
    names(&mut draft);
    encodings(&mut draft);
    syntax(&mut draft);
    sizes(&mut draft);
    draft.finish()
}

fn accepted(draft: &mut Draft) {
    let good = json!({"alg": "ES256", "n": 1, "a": [true, null, {}]});
    draft
        .accept("json-ok", "an object with every kind of value", json!({"text": good.to_string()}))
        .flags(&["Valid"])
        .output(json!({"json": good}))
        .spec(&["SDJ-34"]);
    draft
        .accept("json-white-space", "white space around and between", json!({"text": " {\t\"a\" :\r\n1 } "}))
        .flags(&["Legal"])
        .output(json!({"json": {"a": 1}}))
        .spec(&["RFC 8259 §2"]);
    draft
        .accept(
            "json-same-name-at-two-levels",
            "one name in two objects",
            json!({"text": r#"{"a":{"a":1},"b":{"a":2}}"#}),
        )
        .flags(&["Legal"])
        .output(json!({"json": {"a": {"a": 1}, "b": {"a": 2}}}))
        .spec(&["SDJ-34", "case JSN-002"]);
    draft
        .accept(
            "json-names-that-differ-in-case",
            "two names that differ in case only",
            json!({"text": r#"{"a":1,"A":2}"#}),
        )
        .flags(&["Legal"])
        .output(json!({"json": {"a": 1, "A": 2}}));
    draft
        .accept(
            "json-escapes",
            "escapes, and a pair of surrogates",
            json!({"text": r#""K\u00d6LN \ud83d\ude00 \"\\\/""#}),
        )
        .flags(&["Legal"])
        .output(json!({"json": "KÖLN 😀 \"\\/"}))
        .spec(&["RFC 8259 §7"]);
    draft
        .accept(
            "json-composed-and-decomposed",
            "two names that differ in normalisation only are two names",
            json!({"text": "{\"\u{e9}\":1,\"e\u{301}\":2}"}),
        )
        .flags(&["Legal"])
        .output(json!({"json": {"\u{e9}": 1, "e\u{301}": 2}}))
        .spec(&["case JSN-015", "RFC 8259 §8.3"]);
    draft
        .accept(
            "json-large-integer",
            "an integer beyond the doubles keeps its value",
            json!({"text": "[9007199254740993,18446744073709551615]"}),
        )
        .flags(&["Legal", "Boundary"])
        .output(json!({"json": [9_007_199_254_740_993_u64, u64::MAX]}))
        .spec(&["SDJ-35"]);
    draft
        .accept("json-scalar", "a document need not be an object", json!({"text": "null"}))
        .flags(&["Legal"])
        .output(json!({"json": null}));
    draft
        .accept("json-empty-name", "an empty member name", json!({"text": r#"{"":1}"#}))
        .flags(&["Legal"])
        .output(json!({"json": {"": 1}}));
}

fn broken<'d>(entry: Entry<'d>, op: &str, spec: &[&str]) -> Entry<'d> {
    entry.broken("json-ok", op, "/text").spec(spec)
}

fn names(draft: &mut Draft) {
    for (id, comment, text, spec) in [
        ("json-name-twice", "a member name twice", r#"{"alg":"ES256","alg":"none"}"#, "case JSN-002"),
        (
            "json-name-twice-same-value",
            "a member name twice, with the same value",
            r#"{"exp":1,"exp":1}"#,
            "case JSN-002",
        ),
        (
            "json-name-twice-apart",
            "a member name twice, others between",
            r#"{"vct":"a","n":[1],"vct":"b"}"#,
            "case JSN-002",
        ),
        (
            "json-name-twice-nested",
            "a member name twice in an inner object",
            r#"[{"x":{"a":1,"a":2}}]"#,
            "case JSN-003",
        ),
        (
            "json-name-twice-escaped",
            "a member name twice, once written with an escape",
            r#"{"alg":1,"a\u006cg":2}"#,
            "case JSN-004",
        ),
        (
            "json-name-twice-escaped-both",
            "a member name twice, with escapes of different case",
            r#"{"\u00E9":1,"\u00e9":2}"#,
            "case JSN-004",
        ),
        ("json-empty-name-twice", "the empty member name twice", r#"{"":1,"":2}"#, "case JSN-002"),
    ] {
        let entry = draft.refuse(id, comment, "json_invalid", json!({"text": text}));
        broken(entry, "insert", &["SDJ-34", spec]).flags(&["Duplicate", "Ambiguous"]);
    }
}

fn encodings(draft: &mut Draft) {
    for (id, comment, bytes, spec) in [
        ("json-byte-order-mark", "a byte order mark before the text", &b"\xef\xbb\xbf{}"[..], "case JSN-010"),
        ("json-utf16", "UTF-16, little end first, with a mark", b"\xff\xfe{\x00}\x00", "case JSN-010"),
        ("json-utf16-without-mark", "UTF-16 without a mark", b"\x00{\x00}", "case JSN-010"),
        ("json-utf32", "UTF-32", b"{\x00\x00\x00}\x00\x00\x00", "case JSN-010"),
        ("json-latin1", "a letter in Latin-1", b"\"\xe9\"", "case JSN-011"),
        ("json-overlong", "an overlong form of a slash", b"\"\xc0\xaf\"", "case JSN-011"),
        ("json-surrogate-bytes", "the bytes of a surrogate", b"\"\xed\xa0\x80\"", "case JSN-011"),
        ("json-cut-character", "a character that is cut", b"\"\xe2\x82\"", "case JSN-011"),
        ("json-above-unicode", "a character above U+10FFFF", b"\"\xf4\x90\x80\x80\"", "case JSN-011"),
        ("json-lone-surrogate", "an escape of a lone high surrogate", br#""\ud800""#, "case JSN-011"),
        ("json-lone-low-surrogate", "an escape of a lone low surrogate", br#""\udc00x""#, "case JSN-011"),
        ("json-surrogates-swapped", "a pair of surrogates in the wrong order", br#""\udc00\ud800""#, "case JSN-011"),
    ] {
        let entry = draft.refuse(id, comment, "json_invalid", json!({"bytes_hex": to_hex(bytes)}));
        broken(entry, "re-encode", &["GEN-08", spec]).flags(&["Encoding"]);
    }
}

fn syntax(draft: &mut Draft) {
    for (id, comment, text) in [
        ("json-nothing", "no text at all", ""),
        ("json-white-space-only", "white space only", " \n"),
        ("json-tail", "a second document after the first", "{} {}"),
        ("json-tail-comma", "a comma after the end", "{},"),
        ("json-tail-nul", "a character NUL after the end", "{}\u{0}"),
        ("json-trailing-comma", "a comma before a closing bracket", "[1,]"),
        ("json-comment", "a comment", "{}//"),
        ("json-single-quotes", "single quotes", "{'a':1}"),
        ("json-unquoted-name", "a name without quotes", "{a:1}"),
        ("json-leading-zero", "a number with a leading zero", "[01]"),
        ("json-plus", "a number with a plus sign", "[+1]"),
        ("json-not-a-number", "a word that is no value", "[NaN]"),
        ("json-hexadecimal", "a hexadecimal number", "[0x10]"),
        ("json-control-character", "a control character in a string", "\"\u{1}\""),
        ("json-open-string", "a string without an end", "\"abc"),
        ("json-open-object", "an object without an end", "{\"a\":1"),
        ("json-bad-escape", "an escape that does not exist", r#""\x41""#),
    ] {
        let entry = draft.refuse(id, comment, "json_invalid", json!({"text": text}));
        broken(entry, "replace", &["RFC 8259", "case JOS-032"]).flags(&["SyntaxError"]);
    }
    for (id, comment, text) in [
        ("json-number-too-large", "a number beyond the doubles", "1e400".to_owned()),
        ("json-number-of-400-digits", "an integer of 400 digits", "9".repeat(400)),
    ] {
        let entry = draft.refuse(id, comment, "json_invalid", json!({"text": text}));
        broken(entry, "replace", &["SDJ-35"]).flags(&["SyntaxError"]);
    }
}

fn sizes(draft: &mut Draft) {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let flat = |count: usize| format!("[{}1]", "1,".repeat(count.saturating_sub(2)));
    let object = |count: usize| {
        let members: Vec<String> = (0..count).map(|place| format!("\"{place}\":0")).collect();
        format!("{{{}}}", members.join(","))
    };
    draft
        .accept("json-depth-32", "as deep as allowed", json!({"text": nested(limits::JSON_DEPTH)}))
        .flags(&["Boundary"])
        .spec(&["case JSN-006"]);
    draft
        .refuse(
            "json-depth-33",
            "one level too deep",
            "limit_exceeded",
            json!({"text": nested(limits::JSON_DEPTH.saturating_add(1))}),
        )
        .broken("json-depth-32", "insert", "/text")
        .flags(&["Boundary", "Exhaustion"])
        .spec(&["case JSN-006"]);
    draft
        .refuse(
            "json-depth-20000",
            "twenty thousand levels: no recursion without a limit",
            "limit_exceeded",
            json!({"text": nested(20_000)}),
        )
        .broken("json-depth-32", "insert", "/text")
        .flags(&["Exhaustion"])
        .spec(&["case JSN-006"]);
    draft
        .accept("json-values-10000", "as many values as allowed", json!({"text": flat(limits::JSON_NODES)}))
        .flags(&["Boundary"])
        .spec(&["case JSN-006"]);
    draft
        .refuse(
            "json-values-10001",
            "one value too many",
            "limit_exceeded",
            json!({"text": flat(limits::JSON_NODES.saturating_add(1))}),
        )
        .broken("json-values-10000", "append", "/text")
        .flags(&["Boundary", "Exhaustion"])
        .spec(&["case JSN-006"]);
    draft
        .refuse(
            "json-members-20000",
            "an object with twenty thousand members",
            "limit_exceeded",
            json!({"text": object(20_000)}),
        )
        .broken("json-values-10000", "append", "/text")
        .flags(&["Exhaustion"])
        .spec(&["case JSN-006"]);
    draft
        .accept("json-own-limit", "a limit of the configuration, just kept", json!({"text": "[[1]]"}))
        .config(json!({"limits": {"depth": 2, "nodes": 3}}))
        .flags(&["Boundary"])
        .spec(&["case JSN-006"]);
    draft
        .refuse(
            "json-own-limit-depth",
            "a limit of the configuration, passed by one level",
            "limit_exceeded",
            json!({"text": "[[1]]"}),
        )
        .config(json!({"limits": {"depth": 1, "nodes": 3}}))
        .broken("json-own-limit", "set-config", "limits.depth")
        .to(json!(1))
        .flags(&["Boundary"])
        .spec(&["case JSN-006"]);
    draft
        .refuse(
            "json-own-limit-nodes",
            "a limit of the configuration, passed by one value",
            "limit_exceeded",
            json!({"text": "[[1]]"}),
        )
        .config(json!({"limits": {"depth": 2, "nodes": 2}}))
        .broken("json-own-limit", "set-config", "limits.nodes")
        .to(json!(2))
        .flags(&["Boundary"])
        .spec(&["case JSN-006"]);
}
