//! The shape of `vp_token`.

use super::draft::Draft;
use crate::domain::limits;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Map, Value, json};

pub(super) fn file() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "vp-token-structure",
        "The shape of vp_token",
        "Ids, kinds and counts only: presentations are not opened. At most 8 presentations for one query and 16 \
         altogether.",
        &["OpenID4VP 1.0 section 8.1"],
    );
    let credential = |id: &str, multiple: bool| json!({"id": id, "format": "dc+sd-jwt", "multiple": multiple, "meta": {"vct_values": ["urn:example:t:1"]}});
    let query = json!({
        "credentials": [credential("one", false), credential("many", true), credential("more", true)],
        "credential_sets": [{"options": [["one"]]}, {"options": [["many"], ["more"]], "required": false}],
    });
    let case = |vp_token: &Value| json!({"dcql_query": query, "vp_token": vp_token});
    let numbered = |count: usize| -> Value { (0..count).map(|number| format!("p{number}~")).collect() };
    let both = |many: usize, more: usize| {
        let more: Value = (0..more).map(|number| format!("q{number}~")).collect();
        json!({"many": numbered(many), "more": more})
    };
    for (id, comment, vp_token, flag, spec) in [
        ("vp-token-ok", "one presentation for one query", json!({"one": ["a~"]}), "Valid", "OVP-VPT-01"),
        (
            "vp-token-two-queries",
            "two queries are answered",
            json!({"many": ["b~"], "one": ["a~"]}),
            "Valid",
            "OVP-VPT-02",
        ),
        (
            "vp-token-several",
            "several presentations where the query says multiple",
            json!({"many": ["a~", "b~"]}),
            "Legal",
            "OVP-VPT-03",
        ),
        (
            "vp-token-eight",
            "as many presentations for one query as allowed",
            json!({"many": numbered(limits::PRESENTATIONS_PER_QUERY)}),
            "Boundary",
            "case DCQ-006",
        ),
        ("vp-token-sixteen", "as many presentations altogether as allowed", both(8, 8), "Boundary", "case DCQ-006"),
        ("vp-token-none", "no entry at all: whether that is enough, the sets decide", json!({}), "Legal", "OVP-VPT-04"),
    ] {
        draft.accept(id, comment, case(&vp_token)).flags(&[flag]).spec(&[spec]);
    }
    let hundreds = json!({"many": numbered(500)});
    for (id, comment, code, base, vp_token, spec) in [
        ("vp-token-array", "an array, as in drafts", "vp_token_malformed", "vp-token-ok", json!(["a~"]), "OVP-VPT-01"),
        ("vp-token-text", "one bare presentation", "vp_token_malformed", "vp-token-ok", json!("a~"), "OVP-VPT-01"),
        ("vp-token-null", "null", "vp_token_malformed", "vp-token-ok", json!(null), "OVP-VPT-01"),
        (
            "vp-token-entry-text",
            "an entry that is no array",
            "vp_token_malformed",
            "vp-token-ok",
            json!({"one": "a~"}),
            "OVP-VPT-02",
        ),
        (
            "vp-token-entry-object",
            "an entry that is an object",
            "vp_token_malformed",
            "vp-token-ok",
            json!({"one": {"0": "a~"}}),
            "OVP-VPT-02",
        ),
        (
            "vp-token-presentation-object",
            "a presentation in the JSON serialization",
            "vp_token_malformed",
            "vp-token-ok",
            json!({"one": [{"payload": "e30"}]}),
            "case SDJ-040",
        ),
        (
            "vp-token-presentation-number",
            "a presentation that is a number",
            "vp_token_malformed",
            "vp-token-ok",
            json!({"one": [1]}),
            "OVP-VPT-05",
        ),
        (
            "vp-token-presentation-nested",
            "a presentation within an array of its own",
            "vp_token_malformed",
            "vp-token-ok",
            json!({"one": [["a~"]]}),
            "OVP-VPT-11",
        ),
        (
            "vp-token-unknown-id",
            "an entry that nobody asked for",
            "vp_token_unknown_query",
            "vp-token-ok",
            json!({"one": ["a~"], "two": ["b~"]}),
            "case DCQ-019",
        ),
        (
            "vp-token-id-other-case",
            "an id in another case",
            "vp_token_unknown_query",
            "vp-token-ok",
            json!({"One": ["a~"]}),
            "OVP-DCQL-50",
        ),
        (
            "vp-token-id-by-number",
            "entries by number",
            "vp_token_unknown_query",
            "vp-token-ok",
            json!({"0": ["a~"]}),
            "OVP-DCQL-50",
        ),
        (
            "vp-token-empty-entry",
            "an empty entry",
            "query_not_satisfied",
            "vp-token-ok",
            json!({"one": []}),
            "OVP-VPT-02",
        ),
        (
            "vp-token-empty-optional-entry",
            "an empty entry for an optional query",
            "query_not_satisfied",
            "vp-token-two-queries",
            json!({"one": ["a~"], "many": []}),
            "OVP-VPT-04",
        ),
        (
            "vp-token-too-many",
            "two presentations where one was asked for",
            "vp_token_too_many",
            "vp-token-ok",
            json!({"one": ["a~", "b~"]}),
            "case DCQ-005",
        ),
        (
            "vp-token-twice",
            "the same presentation twice",
            "vp_token_duplicate",
            "vp-token-several",
            json!({"many": ["a~", "a~"]}),
            "case DCQ-007",
        ),
        (
            "vp-token-five-times",
            "the same presentation five times",
            "vp_token_duplicate",
            "vp-token-several",
            json!({"many": ["a~", "a~", "a~", "a~", "a~"]}),
            "case DCQ-007",
        ),
        (
            "vp-token-twice-across",
            "the same presentation for two queries",
            "vp_token_duplicate",
            "vp-token-two-queries",
            json!({"one": ["a~"], "many": ["a~"]}),
            "case DCQ-007",
        ),
        (
            "vp-token-nine",
            "one presentation too many for one query",
            "limit_exceeded",
            "vp-token-eight",
            json!({"many": numbered(limits::PRESENTATIONS_PER_QUERY.saturating_add(1))}),
            "case DCQ-006",
        ),
        (
            "vp-token-hundreds",
            "five hundred presentations",
            "limit_exceeded",
            "vp-token-eight",
            hundreds,
            "case DCQ-006",
        ),
        (
            "vp-token-seventeen",
            "one presentation too many altogether",
            "limit_exceeded",
            "vp-token-sixteen",
            seventeen(),
            "case DCQ-006",
        ),
    ] {
        let flags: &[&str] = if code == "limit_exceeded" { &["Boundary", "Exhaustion"] } else { &["Structure"] };
        draft
            .refuse(id, comment, code, case(&vp_token))
            .broken(base, "replace", "/vp_token")
            .flags(flags)
            .spec(&[spec]);
    }
    draft.finish()
}

fn seventeen() -> Value {
    let list =
        |letter: char, count: usize| -> Value { (0..count).map(|number| format!("{letter}{number}~")).collect() };
    let mut members = Map::new();
    members.insert("many".to_owned(), list('p', 8));
    members.insert("more".to_owned(), list('q', 8));
    members.insert("one".to_owned(), list('r', 1));
    Value::Object(members)
}
