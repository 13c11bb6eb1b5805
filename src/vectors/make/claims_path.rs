//! Claims paths.

use super::draft::Draft;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Value, json};

pub(super) fn file() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "claims-path-select",
        "Claims path pointers: what a path selects",
        "`json` is what is left of a credential after its disclosures were processed: elements that were not disclosed \
         are gone, and those behind them have moved up.",
        &["OpenID4VP 1.0 section 7"],
    );
    let person = json!({
        "family_name": "TESTFRAU",
        "nationalities": ["DE", "FR"],
        "degrees": [{"type": "Bachelor", "year": 2010}, {"other": 1}, {"type": "Master"}],
        "address": {"locality": "TESTSTADT", "lines": []},
        "age_equal_or_over": {"18": true},
        "mixed": [{"b": 1}, "text"],
        "nothing": null,
    });
    for (id, comment, path, selected, spec) in [
        ("path-ok", "a claim at the top", json!(["family_name"]), json!(["TESTFRAU"]), "OVP-DCQL-30"),
        ("path-object", "a whole object", json!(["age_equal_or_over"]), json!([{"18": true}]), "OVP-DCQL-30"),
        ("path-nested", "a claim in an object", json!(["address", "locality"]), json!(["TESTSTADT"]), "OVP-DCQL-30"),
        ("path-all", "every element", json!(["nationalities", null]), json!(["DE", "FR"]), "OVP-DCQL-30"),
        ("path-index", "the last element by its index", json!(["nationalities", 1]), json!(["FR"]), "OVP-DCQL-30"),
        (
            "path-all-some-lack-it",
            "an element without the key leaves the selection",
            json!(["degrees", null, "type"]),
            json!(["Bachelor", "Master"]),
            "case DCQ-015",
        ),
        ("path-null-value", "a claim whose value is null is there", json!(["nothing"]), json!([null]), "OVP-DCQL-32"),
        (
            "path-digits-as-key",
            "a member name of digits is a string",
            json!(["age_equal_or_over", "18"]),
            json!([true]),
            "OVP-DCQL-30",
        ),
    ] {
        draft
            .accept(id, comment, json!({"json": person, "path": path}))
            .flags(&["Valid"])
            .output(json!({"selected": selected}))
            .spec(&[spec]);
    }
    draft
        .accept(
            "path-index-shifted",
            "of two nationalities the first was withheld, so the second is number 0",
            json!({"json": {"nationalities": ["FR"]}, "path": ["nationalities", 0]}),
        )
        .flags(&["Legal"])
        .output(json!({"selected": ["FR"]}))
        .spec(&["OVP-DCQL-36", "case DCQ-016"]);
    for (id, comment, code, base, path, spec) in [
        ("path-missing", "a claim that is not there", "claim_missing", "path-ok", json!(["given_name"]), "OVP-DCQL-32"),
        (
            "path-look-alike",
            "a Cyrillic letter makes another name",
            "claim_missing",
            "path-ok",
            json!(["f\u{430}mily_name"]),
            "case JSN-013",
        ),
        (
            "path-other-case",
            "names are compared by their characters",
            "claim_missing",
            "path-ok",
            json!(["Family_Name"]),
            "OVP-DCQL-31",
        ),
        (
            "path-index-past-end",
            "the first index that is not there",
            "claim_missing",
            "path-index",
            json!(["nationalities", 2]),
            "OVP-DCQL-32",
        ),
        (
            "path-all-of-nothing",
            "every element of an empty array",
            "claim_missing",
            "path-all",
            json!(["address", "lines", null]),
            "OVP-DCQL-32",
        ),
        (
            "path-key-into-text",
            "a key into a string",
            "claim_missing",
            "path-nested",
            json!(["family_name", "x"]),
            "OVP-DCQL-31",
        ),
        (
            "path-key-into-array",
            "a key into an array",
            "claim_missing",
            "path-all-some-lack-it",
            json!(["degrees", "type"]),
            "OVP-DCQL-31",
        ),
        (
            "path-one-of-two-is-no-object",
            "one of two elements is no object: the whole selection fails",
            "claim_missing",
            "path-all-some-lack-it",
            json!(["mixed", null, "b"]),
            "OVP-DCQL-31",
        ),
        (
            "path-all-of-object",
            "every element of an object",
            "claim_missing",
            "path-all",
            json!(["address", null]),
            "OVP-DCQL-31",
        ),
        (
            "path-index-into-object",
            "an index into an object, also where a member has that name",
            "claim_missing",
            "path-digits-as-key",
            json!(["age_equal_or_over", 18]),
            "OVP-DCQL-31",
        ),
        ("path-null-first", "null at the top of an object", "claim_missing", "path-ok", json!([null]), "OVP-DCQL-31"),
        ("path-empty", "no component at all", "invalid_query", "path-ok", json!([]), "case DCQ-017"),
        (
            "path-no-array",
            "a text instead of an array",
            "invalid_query",
            "path-ok",
            json!("family_name"),
            "case DCQ-017",
        ),
        (
            "path-negative",
            "a negative index",
            "invalid_query",
            "path-index",
            json!(["nationalities", -1]),
            "case DCQ-017",
        ),
        (
            "path-fraction",
            "a fraction as an index",
            "invalid_query",
            "path-index",
            json!(["nationalities", 0.5]),
            "case DCQ-017",
        ),
        (
            "path-boolean",
            "true as a component",
            "invalid_query",
            "path-index",
            json!(["nationalities", true]),
            "case DCQ-017",
        ),
        (
            "path-object-component",
            "an object as a component",
            "invalid_query",
            "path-index",
            json!(["nationalities", {}]),
            "case DCQ-017",
        ),
    ] {
        draft
            .refuse(id, comment, code, json!({"json": person, "path": path}))
            .broken(base, "replace", "/path")
            .to(path)
            .flags(&["Query"])
            .spec(&[spec]);
    }
    values(&mut draft);
    draft.finish()
}

fn values(draft: &mut Draft) {
    let document = json!({"age": 18, "adult": true, "name": "M\u{fc}ller", "tags": ["a", "b"]});
    let case = |path: Value, values: Value| json!({"json": document, "path": path, "values": values});
    draft
        .accept("path-values-ok", "one of the values", case(json!(["age"]), json!([17, 18])))
        .output(json!({"selected": [18]}))
        .flags(&["Valid"])
        .spec(&["OVP-DCQL-17"]);
    draft
        .accept(
            "path-values-one-element",
            "one of several elements has the value",
            case(json!(["tags", null]), json!(["b"])),
        )
        .output(json!({"selected": ["a", "b"]}))
        .flags(&["Legal"])
        .spec(&["OVP-DCQL-17"]);
    for (id, comment, path, wanted, spec) in [
        (
            "path-values-number-as-text",
            "the number 18 is not the text 18",
            json!(["age"]),
            json!(["18"]),
            "case DCQ-010",
        ),
        ("path-values-boolean-as-text", "true is not the text true", json!(["adult"]), json!(["true"]), "case DCQ-010"),
        ("path-values-boolean-as-number", "true is not 1", json!(["adult"]), json!([1]), "case DCQ-010"),
        (
            "path-values-decomposed",
            "the same letter in two code points",
            json!(["name"]),
            json!(["Mu\u{308}ller"]),
            "case JSN-015",
        ),
        ("path-values-other-case", "another case", json!(["name"]), json!(["m\u{fc}ller"]), "OVP-DCQL-17"),
        ("path-values-prefix", "the beginning of the value", json!(["name"]), json!(["M\u{fc}ll"]), "OVP-DCQL-17"),
    ] {
        draft
            .refuse(id, comment, "claim_value_mismatch", case(path, wanted.clone()))
            .broken("path-values-ok", "replace", "/values")
            .to(wanted)
            .flags(&["Query"])
            .spec(&["OVP-DCQL-17", spec]);
    }
}
