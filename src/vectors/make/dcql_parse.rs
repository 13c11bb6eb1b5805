//! Queries that are right, and queries that are not.

use super::draft::Draft;
use crate::domain::limits;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Value, json};

/// A query in which everything occurs.
fn full() -> Value {
    json!({
        "credentials": [
            {
                "id": "identity", "format": "dc+sd-jwt", "multiple": false,
                "meta": {"vct_values": ["urn:example:t:1"]},
                "trusted_authorities": [{"type": "aki", "values": ["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}],
                "require_cryptographic_holder_binding": true,
                "claims": [
                    {"id": "a", "path": ["family_name"]},
                    {"id": "b", "path": ["nationalities", null], "values": ["DE", 18, true]},
                    {"id": "c", "path": ["degrees", 0, "type"]},
                ],
                "claim_sets": [["a", "b"], ["a", "c"]],
            },
            {
                "id": "licence", "format": "mso_mdoc", "meta": {"doctype_value": "org.iso.18013.5.1.mDL"},
                "claims": [{"path": ["org.iso.18013.5.1", "portrait"], "intent_to_retain": false}],
            },
        ],
        "credential_sets": [{"options": [["identity"], ["licence"]]}, {"options": [["licence"]], "required": false}],
    })
}

fn small() -> Value {
    json!({"credentials": [{"id": "identity", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:example:t:1"]}}]})
}

/// The query with one place changed. `null` removes it.
fn with(mut query: Value, pointer: &str, to: &Value) -> Value {
    if let Some((parent, name)) = pointer.rsplit_once('/') {
        match query.pointer_mut(parent) {
            Some(Value::Object(members)) if to.is_null() => drop(members.shift_remove(name)),
            Some(Value::Object(members)) => drop(members.insert(name.to_owned(), to.clone())),
            Some(Value::Array(_)) => {
                if let Some(place) = query.pointer_mut(pointer) {
                    *place = to.clone();
                }
            }
            _ => {}
        }
    }
    query
}

pub(super) fn file() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "dcql-parse",
        "DCQL queries",
        "What OpenID4VP 1.0 section 6 allows. Whether a query should be sent is another matter.",
        &["OpenID4VP 1.0 section 6"],
    );
    let case = |query: &Value| json!({"dcql_query": query});
    let credential = |id: &str| json!({"id": id, "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:example:t:1"]}});
    let many = |count: usize| -> Value {
        json!({"credentials": (0..count).map(|number| credential(&format!("c{number}"))).collect::<Vec<_>>()})
    };
    let claims = |count: usize| -> Value {
        (0..count).map(|number| json!({"path": [format!("n{number}")]})).collect::<Vec<_>>().into()
    };
    for (id, comment, query, flag, spec) in [
        ("dcql-ok", "everything that a query may have", full(), "Valid", "OVP-DCQL-01"),
        (
            "dcql-small",
            "the smallest query: no claims, so no selectively disclosable one",
            small(),
            "Valid",
            "OVP-DCQL-26",
        ),
        (
            "dcql-unknown-members",
            "members that 1.0 does not know are ignored",
            with(small(), "/credentials/0/purpose", &json!("x")),
            "Legal",
            "OVP-DCQL-02",
        ),
        ("dcql-two-of-a-kind", "two queries for one type", many(2), "Legal", "OVP-DCQL-27"),
        (
            "dcql-foreign-format",
            "a format of others is a valid query",
            with(
                with(small(), "/credentials/0/format", &json!("jwt_vc_json")),
                "/credentials/0/meta",
                &json!({"type_values": [["A"]]}),
            ),
            "Legal",
            "OVP-DCQL-04",
        ),
        (
            "dcql-authorities-unknown-kind",
            "an authority of an unknown kind",
            with(small(), "/credentials/0/trusted_authorities", &json!([{"type": "x", "values": ["y"]}])),
            "Legal",
            "OVP-DCQL-20",
        ),
        (
            "dcql-id-characters",
            "every character that an id may have",
            with(small(), "/credentials/0/id", &json!("aZ0_-")),
            "Boundary",
            "OVP-DCQL-03",
        ),
        (
            "dcql-credentials-16",
            "as many credentials as this verifier takes",
            many(limits::DCQL_CREDENTIALS),
            "Boundary",
            "case DCQ-024",
        ),
        (
            "dcql-claims-128",
            "as many claims as this verifier takes",
            with(small(), "/credentials/0/claims", &claims(limits::DCQL_CLAIMS)),
            "Boundary",
            "case DCQ-024",
        ),
    ] {
        draft.accept(id, comment, case(&query)).flags(&[flag]).spec(&[spec]);
    }
    let place = |base: Value, pointer: &str, to: Value| (with(base, pointer, &to), pointer.to_owned(), to);
    let c0 = "/credentials/0";
    let changed: Vec<(&str, &str, &str, (Value, String, Value), &str)> = vec![
        (
            "dcql-no-credentials",
            "no credentials",
            "dcql-small",
            place(small(), "/credentials", Value::Null),
            "OVP-DCQL-01",
        ),
        (
            "dcql-empty-credentials",
            "an empty list of credentials",
            "dcql-small",
            place(small(), "/credentials", json!([])),
            "OVP-DCQL-01",
        ),
        (
            "dcql-credentials-object",
            "credentials that are no array",
            "dcql-small",
            place(small(), "/credentials", json!({"a": 1})),
            "OVP-DCQL-01",
        ),
        (
            "dcql-credential-text",
            "a credential that is no object",
            "dcql-small",
            place(small(), c0, json!("identity")),
            "OVP-DCQL-01",
        ),
        (
            "dcql-empty-sets",
            "an empty list of credential sets",
            "dcql-small",
            place(small(), "/credential_sets", json!([])),
            "OVP-DCQL-01",
        ),
        (
            "dcql-no-id",
            "a credential without an id",
            "dcql-small",
            place(small(), "/credentials/0/id", Value::Null),
            "OVP-DCQL-03",
        ),
        ("dcql-empty-id", "an empty id", "dcql-small", place(small(), "/credentials/0/id", json!("")), "OVP-DCQL-03"),
        (
            "dcql-id-number",
            "an id that is a number",
            "dcql-small",
            place(small(), "/credentials/0/id", json!(1)),
            "OVP-DCQL-03",
        ),
        (
            "dcql-id-dot",
            "an id with a dot",
            "dcql-id-characters",
            place(small(), "/credentials/0/id", json!("a.b")),
            "OVP-DCQL-03",
        ),
        (
            "dcql-id-space",
            "an id with a space",
            "dcql-id-characters",
            place(small(), "/credentials/0/id", json!("a b")),
            "OVP-DCQL-03",
        ),
        (
            "dcql-id-umlaut",
            "an id with an umlaut",
            "dcql-id-characters",
            place(small(), "/credentials/0/id", json!("pr\u{fc}f")),
            "OVP-DCQL-03",
        ),
        (
            "dcql-id-twice",
            "two credentials of one id",
            "dcql-two-of-a-kind",
            place(many(2), "/credentials/1/id", json!("c0")),
            "OVP-DCQL-03",
        ),
        (
            "dcql-no-format",
            "a credential without a format",
            "dcql-small",
            place(small(), "/credentials/0/format", Value::Null),
            "OVP-DCQL-04",
        ),
        (
            "dcql-unknown-format",
            "a format that does not exist",
            "dcql-small",
            place(small(), "/credentials/0/format", json!("sd-jwt")),
            "OVP-DCQL-04",
        ),
        (
            "dcql-no-meta",
            "a credential without meta, as drafts had it",
            "dcql-small",
            place(small(), "/credentials/0/meta", Value::Null),
            "OVP-DCQL-05",
        ),
        (
            "dcql-meta-text",
            "meta that is no object",
            "dcql-small",
            place(small(), "/credentials/0/meta", json!("urn:example:t:1")),
            "OVP-DCQL-05",
        ),
        (
            "dcql-no-types",
            "no vct_values",
            "dcql-small",
            place(small(), "/credentials/0/meta", json!({"vct": "urn:example:t:1"})),
            "OVP-DCQL-06",
        ),
        (
            "dcql-empty-types",
            "an empty list of types",
            "dcql-small",
            place(small(), "/credentials/0/meta/vct_values", json!([])),
            "OVP-DCQL-06",
        ),
        (
            "dcql-types-text",
            "one type instead of a list",
            "dcql-small",
            place(small(), "/credentials/0/meta/vct_values", json!("urn:example:t:1")),
            "OVP-DCQL-06",
        ),
        (
            "dcql-types-empty-text",
            "an empty type",
            "dcql-small",
            place(small(), "/credentials/0/meta/vct_values", json!([""])),
            "OVP-DCQL-06",
        ),
        (
            "dcql-doctype-list",
            "a list of document types",
            "dcql-ok",
            place(full(), "/credentials/1/meta/doctype_value", json!(["org.iso.18013.5.1.mDL"])),
            "OVP-DCQL-07",
        ),
        (
            "dcql-multiple-text",
            "multiple that is a text",
            "dcql-ok",
            place(full(), "/credentials/0/multiple", json!("true")),
            "OVP-DCQL-08",
        ),
        (
            "dcql-binding-text",
            "holder binding that is a text",
            "dcql-ok",
            place(full(), "/credentials/0/require_cryptographic_holder_binding", json!("false")),
            "OVP-DCQL-09",
        ),
        (
            "dcql-binding-number",
            "holder binding that is 0",
            "dcql-ok",
            place(full(), "/credentials/0/require_cryptographic_holder_binding", json!(0)),
            "OVP-DCQL-09",
        ),
        (
            "dcql-empty-claims",
            "an empty list of claims",
            "dcql-small",
            place(small(), "/credentials/0/claims", json!([])),
            "OVP-DCQL-10",
        ),
        (
            "dcql-claim-without-path",
            "a claim without a path",
            "dcql-small",
            place(small(), "/credentials/0/claims", json!([{"id": "a"}])),
            "OVP-DCQL-10",
        ),
        (
            "dcql-empty-path",
            "an empty path",
            "dcql-ok",
            place(full(), "/credentials/0/claims/0/path", json!([])),
            "case DCQ-017",
        ),
        (
            "dcql-path-negative",
            "a path with a negative index",
            "dcql-ok",
            place(full(), "/credentials/0/claims/2/path", json!(["degrees", -1, "type"])),
            "case DCQ-017",
        ),
        (
            "dcql-path-fraction",
            "a path with a fraction",
            "dcql-ok",
            place(full(), "/credentials/0/claims/2/path", json!(["degrees", 1.5, "type"])),
            "case DCQ-017",
        ),
        (
            "dcql-path-boolean",
            "a path with true",
            "dcql-ok",
            place(full(), "/credentials/0/claims/2/path", json!(["degrees", true, "type"])),
            "case DCQ-017",
        ),
        (
            "dcql-path-text",
            "a path that is a text",
            "dcql-ok",
            place(full(), "/credentials/0/claims/0/path", json!("family_name")),
            "case DCQ-017",
        ),
        (
            "dcql-path-twice",
            "two claims of one path",
            "dcql-ok",
            place(full(), "/credentials/0/claims/2/path", json!(["family_name"])),
            "OVP-DCQL-11",
        ),
        (
            "dcql-claim-id-twice",
            "two claims of one id",
            "dcql-ok",
            place(full(), "/credentials/0/claims/2/id", json!("a")),
            "OVP-DCQL-12",
        ),
        (
            "dcql-claim-without-id",
            "claim sets, but a claim without an id",
            "dcql-ok",
            place(full(), "/credentials/0/claims/2/id", Value::Null),
            "OVP-DCQL-12",
        ),
        (
            "dcql-claim-set-dangling",
            "a claim set with an id that no claim has",
            "dcql-ok",
            place(full(), "/credentials/0/claim_sets/1", json!(["a", "d"])),
            "OVP-DCQL-12",
        ),
        (
            "dcql-empty-claim-set",
            "an empty claim set",
            "dcql-ok",
            place(full(), "/credentials/0/claim_sets/1", json!([])),
            "OVP-DCQL-12",
        ),
        (
            "dcql-claim-sets-without-claims",
            "claim sets without claims",
            "dcql-small",
            place(small(), "/credentials/0/claim_sets", json!([["a"]])),
            "OVP-DCQL-13",
        ),
        (
            "dcql-claim-in-no-set",
            "a claim that no claim set uses",
            "dcql-ok",
            place(full(), "/credentials/0/claim_sets", json!([["a", "b"]])),
            "OVP-DCQL-15",
        ),
        (
            "dcql-values-empty",
            "an empty list of values",
            "dcql-ok",
            place(full(), "/credentials/0/claims/1/values", json!([])),
            "OVP-DCQL-17",
        ),
        (
            "dcql-values-null",
            "a value that is null",
            "dcql-ok",
            place(full(), "/credentials/0/claims/1/values", json!(["DE", null])),
            "OVP-DCQL-17",
        ),
        (
            "dcql-values-fraction",
            "a value that is a fraction",
            "dcql-ok",
            place(full(), "/credentials/0/claims/1/values", json!([1.5])),
            "OVP-DCQL-17",
        ),
        (
            "dcql-values-object",
            "a value that is an object",
            "dcql-ok",
            place(full(), "/credentials/0/claims/1/values", json!([{}])),
            "OVP-DCQL-17",
        ),
        (
            "dcql-authority-without-values",
            "an authority without values",
            "dcql-ok",
            place(full(), "/credentials/0/trusted_authorities/0", json!({"type": "aki"})),
            "OVP-DCQL-20",
        ),
        (
            "dcql-authority-empty-values",
            "an authority with an empty list of values",
            "dcql-ok",
            place(full(), "/credentials/0/trusted_authorities/0/values", json!([])),
            "OVP-DCQL-20",
        ),
        (
            "dcql-authority-without-type",
            "an authority without a type",
            "dcql-ok",
            place(full(), "/credentials/0/trusted_authorities/0", json!({"values": ["x"]})),
            "OVP-DCQL-20",
        ),
        (
            "dcql-authorities-empty",
            "an empty list of authorities",
            "dcql-ok",
            place(full(), "/credentials/0/trusted_authorities", json!([])),
            "OVP-DCQL-20",
        ),
        (
            "dcql-mdoc-path-three",
            "a path into an mdoc with three components",
            "dcql-ok",
            place(full(), "/credentials/1/claims/0/path", json!(["org.iso.18013.5.1", "portrait", "x"])),
            "OVP-DCQL-33",
        ),
        (
            "dcql-mdoc-path-null",
            "a path into an mdoc with null",
            "dcql-ok",
            place(full(), "/credentials/1/claims/0/path", json!(["org.iso.18013.5.1", null])),
            "OVP-DCQL-33",
        ),
        (
            "dcql-retain-text",
            "intent_to_retain that is a text",
            "dcql-ok",
            place(full(), "/credentials/1/claims/0/intent_to_retain", json!("no")),
            "OVP-DCQL-28",
        ),
        (
            "dcql-set-without-options",
            "a credential set without options",
            "dcql-ok",
            place(full(), "/credential_sets/0", json!({"required": true})),
            "OVP-DCQL-16",
        ),
        (
            "dcql-set-empty-options",
            "an empty list of options",
            "dcql-ok",
            place(full(), "/credential_sets/0/options", json!([])),
            "OVP-DCQL-16",
        ),
        (
            "dcql-set-empty-option",
            "an empty option",
            "dcql-ok",
            place(full(), "/credential_sets/0/options", json!([[]])),
            "OVP-DCQL-16",
        ),
        (
            "dcql-set-dangling",
            "an option with an id that no credential has",
            "dcql-ok",
            place(full(), "/credential_sets/0/options", json!([["identity"], ["passport"]])),
            "OVP-DCQL-16",
        ),
        (
            "dcql-set-required-text",
            "required that is a text",
            "dcql-ok",
            place(full(), "/credential_sets/1/required", json!("false")),
            "OVP-DCQL-16",
        ),
    ];
    for (id, comment, base, (query, pointer, to), spec) in changed {
        let op = if to.is_null() { "remove" } else { "replace" };
        let entry = draft
            .refuse(id, comment, "invalid_query", case(&query))
            .flags(&["Query"])
            .broken(base, op, &format!("/dcql_query{pointer}"))
            .spec(&[spec]);
        if !to.is_null() {
            entry.to(to);
        }
    }
    let too_many = limits::DCQL_CREDENTIALS.saturating_add(1);
    let too_many_claims = limits::DCQL_CLAIMS.saturating_add(1);
    for (id, comment, base, query) in [
        ("dcql-credentials-17", "one credential too many", "dcql-credentials-16", many(too_many)),
        ("dcql-credentials-1000", "a thousand credentials", "dcql-credentials-16", many(1_000)),
        (
            "dcql-claims-129",
            "one claim too many",
            "dcql-claims-128",
            with(small(), "/credentials/0/claims", &claims(too_many_claims)),
        ),
    ] {
        draft
            .refuse(id, comment, "invalid_query", case(&query))
            .flags(&["Boundary", "Exhaustion"])
            .broken(base, "append", "/dcql_query")
            .spec(&["case DCQ-024"]);
    }
    draft.finish()
}
