//! Whether what was presented is what was asked for.

use super::draft::Draft;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Value, json};

const TYPE: &str = "urn:example:t:1";

fn credential(claims: &Value) -> Value {
    json!({"credential_format": "dc+sd-jwt", "vct": TYPE, "claims": claims, "cryptographic_holder_binding": true})
}

fn person() -> Value {
    credential(&json!({"family_name": "TESTFRAU", "age": 18, "adult": true, "nationalities": ["DE", "FR"]}))
}

fn with(mut credential: Value, name: &str, value: Value) -> Value {
    if let Some(members) = credential.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
    credential
}

pub(super) fn file() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "dcql-response",
        "Answers to DCQL queries",
        "The credentials have been verified; what is left is whether they are those that were asked for.",
        &["OpenID4VP 1.0 sections 6.4 and 8.6"],
    );
    one(&mut draft);
    claim_sets(&mut draft);
    credential_sets(&mut draft);
    draft.finish()
}

fn asked(more: &Value) -> Value {
    let mut query = json!({"id": "identity", "format": "dc+sd-jwt", "meta": {"vct_values": [TYPE, "urn:example:t:2"]}});
    if let (Some(members), Some(more)) = (query.as_object_mut(), more.as_object()) {
        members.extend(more.clone());
    }
    json!({"credentials": [query]})
}

fn one(draft: &mut Draft) {
    let names = json!({"claims": [{"path": ["family_name"]}]});
    let case = |query: &Value, presented: Value| json!({"dcql_query": query, "presented": {"identity": presented}});
    let output =
        json!({"satisfied": true, "credential_matches": {"identity": {"success": true, "valid": [0], "failed": []}}});
    let key = "s9tIpPmhxdiuNkHMEWNpYim8S8Y";
    let authority = json!({"trusted_authorities": [{"type": "aki", "values": [key]}]});
    let under = |value: &str| with(person(), "authority", json!({"type": "aki", "values": [value]}));
    for (id, comment, query, presented, flag, spec) in [
        ("answer-ok", "the claim that was asked for, and others", asked(&names), person(), "Valid", "OVP-DCQL-44"),
        (
            "answer-second-type",
            "the second of two types",
            asked(&names),
            with(person(), "vct", json!("urn:example:t:2")),
            "Valid",
            "OVP-DCQL-41",
        ),
        (
            "answer-no-claims-asked",
            "no claim was asked for",
            asked(&json!({})),
            credential(&json!({})),
            "Legal",
            "OVP-DCQL-26",
        ),
        (
            "answer-value",
            "one of the expected values",
            asked(&json!({"claims": [{"path": ["age"], "values": [17, 18]}]})),
            person(),
            "Valid",
            "OVP-DCQL-17",
        ),
        (
            "answer-value-of-one-element",
            "one of several elements has the value",
            asked(&json!({"claims": [{"path": ["nationalities", null], "values": ["FR"]}]})),
            person(),
            "Legal",
            "OVP-DCQL-17",
        ),
        (
            "answer-without-binding",
            "no holder binding where none was asked for",
            asked(&json!({"require_cryptographic_holder_binding": false})),
            with(person(), "cryptographic_holder_binding", json!(false)),
            "Legal",
            "OVP-DCQL-09",
        ),
        (
            "answer-authority",
            "the chain has the key identifier that was asked for",
            asked(&authority),
            under(key),
            "Valid",
            "OVP-DCQL-21",
        ),
    ] {
        draft.accept(id, comment, case(&query, presented)).flags(&[flag]).spec(&[spec]).output(output.clone());
    }
    for (id, comment, code, base, query, presented, spec) in [
        (
            "answer-claim-missing",
            "the claim that was asked for is not there",
            "claim_missing",
            "answer-ok",
            asked(&names),
            credential(&json!({"given_name": "LINA"})),
            "case DCQ-002",
        ),
        (
            "answer-claim-look-alike",
            "a claim whose name looks the same",
            "claim_missing",
            "answer-ok",
            asked(&names),
            credential(&json!({"f\u{430}mily_name": "TESTFRAU"})),
            "case JSN-013",
        ),
        (
            "answer-path-into-text",
            "the path goes on where the claim ends",
            "claim_missing",
            "answer-ok",
            asked(&json!({"claims": [{"path": ["family_name", "x"]}]})),
            person(),
            "OVP-DCQL-31",
        ),
        (
            "answer-other-format",
            "another format",
            "credential_format_mismatch",
            "answer-ok",
            asked(&names),
            with(person(), "credential_format", json!("jwt_vc_json")),
            "case SVC-024",
        ),
        (
            "answer-draft-format",
            "the format identifier of drafts",
            "credential_format_mismatch",
            "answer-ok",
            asked(&names),
            with(person(), "credential_format", json!("vc+sd-jwt")),
            "OVP-DCQL-40",
        ),
        (
            "answer-other-type",
            "another type",
            "credential_type_mismatch",
            "answer-ok",
            asked(&names),
            with(person(), "vct", json!("urn:example:library-card")),
            "case SVC-003",
        ),
        (
            "answer-type-longer",
            "a type that begins with the one asked for",
            "credential_type_mismatch",
            "answer-ok",
            asked(&names),
            with(person(), "vct", json!("urn:example:t:1:more")),
            "OVP-DCQL-42",
        ),
        (
            "answer-type-other-case",
            "a type in another case",
            "credential_type_mismatch",
            "answer-ok",
            asked(&names),
            with(person(), "vct", json!("urn:example:T:1")),
            "case SVC-004",
        ),
        (
            "answer-no-binding",
            "no holder binding where it was asked for",
            "kb_missing",
            "answer-ok",
            asked(&names),
            with(person(), "cryptographic_holder_binding", json!(false)),
            "case KBJ-001",
        ),
        (
            "answer-number-as-text",
            "the text 18 where the number was asked for",
            "claim_value_mismatch",
            "answer-value",
            asked(&json!({"claims": [{"path": ["age"], "values": [18]}]})),
            credential(&json!({"age": "18"})),
            "case DCQ-010",
        ),
        (
            "answer-boolean-as-text",
            "the text true where the boolean was asked for",
            "claim_value_mismatch",
            "answer-value",
            asked(&json!({"claims": [{"path": ["adult"], "values": [true]}]})),
            credential(&json!({"adult": "true"})),
            "case DCQ-010",
        ),
        (
            "answer-decomposed",
            "the same letter in two code points",
            "claim_value_mismatch",
            "answer-value",
            asked(&json!({"claims": [{"path": ["family_name"], "values": ["M\u{fc}ller"]}]})),
            credential(&json!({"family_name": "Mu\u{308}ller"})),
            "case JSN-015",
        ),
        (
            "answer-other-value",
            "another value",
            "claim_value_mismatch",
            "answer-value",
            asked(&json!({"claims": [{"path": ["age"], "values": [17]}]})),
            person(),
            "OVP-DCQL-18",
        ),
        (
            "answer-other-authority",
            "the chain has another key identifier",
            "issuer_not_authorized",
            "answer-authority",
            asked(&authority),
            under("AAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            "OVP-DCQL-21",
        ),
        (
            "answer-no-authority",
            "the chain has no key identifier",
            "issuer_not_authorized",
            "answer-authority",
            asked(&authority),
            person(),
            "OVP-DCQL-40",
        ),
        (
            "answer-only-unknown-authority",
            "the only authority is of a kind that cannot be checked",
            "issuer_not_authorized",
            "answer-authority",
            asked(&json!({"trusted_authorities": [{"type": "etsi_tl", "values": ["https://list.example"]}]})),
            under(key),
            "OVP-DCQL-22",
        ),
    ] {
        draft
            .refuse(id, comment, code, case(&query, presented))
            .flags(&["Query"])
            .broken(base, "replace", "/presented/identity")
            .spec(&[spec]);
    }
}

fn claim_sets(draft: &mut Draft) {
    let query = asked(&json!({
        "claims": [{"id": "a", "path": ["adult"], "values": [true]}, {"id": "b", "path": ["birthdate"]}, {"id": "c", "path": ["country"]}],
        "claim_sets": [["a"], ["b", "c"]],
    }));
    let case = |claims: Value| json!({"dcql_query": query, "presented": {"identity": credential(&claims)}});
    draft
        .accept("answer-sets-first", "the first claim set", case(json!({"adult": true})))
        .flags(&["Valid"])
        .spec(&["OVP-DCQL-45"]);
    draft
        .accept(
            "answer-sets-second",
            "the second claim set, while the first is there with another value",
            case(json!({"adult": false, "birthdate": "2000-01-01", "country": "DE"})),
        )
        .flags(&["Legal"])
        .spec(&["OVP-DCQL-45", "case DCQ-012"]);
    for (id, comment, code, base, claims, spec) in [
        (
            "answer-sets-half",
            "half of the second claim set",
            "query_not_satisfied",
            "answer-sets-second",
            json!({"birthdate": "2000-01-01"}),
            "case DCQ-011",
        ),
        (
            "answer-sets-nothing",
            "nothing of either",
            "query_not_satisfied",
            "answer-sets-first",
            json!({}),
            "case DCQ-011",
        ),
        (
            "answer-sets-value",
            "the first claim set, but for its value",
            "claim_value_mismatch",
            "answer-sets-first",
            json!({"adult": false}),
            "OVP-DCQL-45",
        ),
    ] {
        draft
            .refuse(id, comment, code, case(claims))
            .flags(&["Query"])
            .broken(base, "remove", "/presented/identity/claims")
            .spec(&[spec]);
    }
    let crossed = asked(&json!({
        "claims": [{"id": "a", "path": ["one"]}, {"id": "b", "path": ["two"]}, {"id": "c", "path": ["three"]}, {"id": "d", "path": ["four"]}],
        "claim_sets": [["a", "b"], ["c", "d"]],
    }));
    draft
        .refuse(
            "answer-sets-union",
            "half of one set and half of the other",
            "query_not_satisfied",
            json!({"dcql_query": crossed, "presented": {"identity": credential(&json!({"one": 1, "three": 3}))}}),
        )
        .flags(&["Query"])
        .broken("answer-sets-second", "replace", "/presented/identity/claims")
        .spec(&["OVP-DCQL-45", "case DCQ-011"]);
}

fn credential_sets(draft: &mut Draft) {
    let query = |id: &str, vct: &str| json!({"id": id, "format": "dc+sd-jwt", "meta": {"vct_values": [vct]}});
    let of = |vct: &str| with(person(), "vct", json!(vct));
    let pair = json!({"credentials": [query("a", "urn:example:a"), query("b", "urn:example:b")]});
    let (a, b) = (of("urn:example:a"), of("urn:example:b"));
    draft
        .accept(
            "answer-all-ok",
            "both of two required credentials",
            json!({"dcql_query": pair, "presented": {"a": a, "b": b}}),
        )
        .flags(&["Valid"])
        .spec(&["OVP-DCQL-46"]);
    draft
        .refuse(
            "answer-all-one-of-two",
            "one of two required credentials",
            "query_not_satisfied",
            json!({"dcql_query": pair, "presented": {"a": a}}),
        )
        .flags(&["Query"])
        .broken("answer-all-ok", "remove", "/presented/b")
        .spec(&["OVP-DCQL-46", "case DCQ-001"]);
    draft
        .refuse(
            "answer-all-swapped",
            "each under the id of the other",
            "credential_type_mismatch",
            json!({"dcql_query": pair, "presented": {"a": b, "b": a}}),
        )
        .flags(&["Query"])
        .broken("answer-all-ok", "swap", "/presented")
        .spec(&["case DCQ-004"]);
    draft
        .refuse(
            "answer-all-unknown-id",
            "a credential under an id that nobody asked for",
            "vp_token_unknown_query",
            json!({"dcql_query": pair, "presented": {"a": a, "b": b, "c": a}}),
        )
        .flags(&["Query"])
        .broken("answer-all-ok", "insert", "/presented/c")
        .spec(&["OVP-DCQL-50", "case DCQ-019"]);
    let four = json!({
        "credentials": [query("a", "urn:example:a"), query("b", "urn:example:b"), query("c", "urn:example:c"), query("d", "urn:example:d")],
        "credential_sets": [{"options": [["a", "b"], ["c"]]}, {"options": [["d"]], "required": false}],
    });
    let (c, d) = (of("urn:example:c"), of("urn:example:d"));
    for (id, comment, presented) in [
        ("answer-options-first", "the first option", json!({"a": a, "b": b})),
        ("answer-options-second", "the second option", json!({"c": c})),
        ("answer-options-optional", "an option and the optional set", json!({"c": c, "d": d})),
        ("answer-options-more", "the second option, and half of the first", json!({"a": a, "c": c})),
    ] {
        draft
            .accept(id, comment, json!({"dcql_query": four, "presented": presented}))
            .flags(&["Legal"])
            .spec(&["OVP-DCQL-47"]);
    }
    for (id, comment, base, presented) in [
        ("answer-options-half", "half of the first option", "answer-options-first", json!({"a": a})),
        ("answer-options-optional-only", "the optional set only", "answer-options-optional", json!({"d": d})),
        ("answer-options-nothing", "nothing", "answer-options-second", json!({})),
    ] {
        draft
            .refuse(id, comment, "query_not_satisfied", json!({"dcql_query": four, "presented": presented}))
            .flags(&["Query"])
            .broken(base, "remove", "/presented")
            .spec(&["OVP-DCQL-47", "case DCQ-014"]);
    }
    let crossed = json!({
        "credentials": [query("a", "urn:example:a"), query("b", "urn:example:b"), query("c", "urn:example:c"), query("d", "urn:example:d")],
        "credential_sets": [{"options": [["a", "b"], ["c", "d"]]}],
    });
    draft
        .refuse(
            "answer-options-crossed",
            "half of one option and half of the other",
            "query_not_satisfied",
            json!({"dcql_query": crossed, "presented": {"a": a, "c": c}}),
        )
        .flags(&["Query"])
        .broken("answer-options-first", "replace", "/presented")
        .spec(&["OVP-DCQL-47", "case DCQ-014"]);
}
