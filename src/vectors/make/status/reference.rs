//! References to lists.

use super::super::draft::Draft;
use super::super::world::STATUS_URI;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Value, json};

pub(in crate::vectors::make) fn file() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "status-claims-check",
        "References to status lists",
        "`status_reference` is the value of the claim `status`.",
        &["draft-ietf-oauth-status-list-20 section 6.2"],
    );
    let case = |claim: Value| json!({"status_reference": claim});
    let at = |index: Value| json!({"status_list": {"idx": index, "uri": STATUS_URI}});
    draft
        .accept("status-reference-ok", "an index and an address", case(at(json!(7))))
        .flags(&["Valid"])
        .output(json!({"idx": 7, "uri": STATUS_URI}))
        .spec(&["TSL-02"]);
    draft.accept("status-reference-zero", "the first index", case(at(json!(0)))).flags(&["Boundary"]).spec(&["TSL-02"]);
    draft
        .accept(
            "status-reference-large",
            "an index beyond 32 bits: whether the list has it is decided later",
            case(at(json!(4_294_967_296_u64))),
        )
        .flags(&["Legal"])
        .spec(&["TSL-43"]);
    let mut more = at(json!(7));
    more["identifier_list"] = json!({"id": "x"});
    draft.accept("status-reference-more", "another mechanism beside", case(more)).flags(&["Legal"]).spec(&["TSL-04"]);
    for (id, comment, code, claim, spec) in [
        ("status-reference-idx-text", "an index that is a text", "status_index_out_of_range", at(json!("7")), "TSL-02"),
        ("status-reference-idx-negative", "a negative index", "status_index_out_of_range", at(json!(-1)), "TSL-02"),
        (
            "status-reference-idx-fraction",
            "an index with a fraction",
            "status_index_out_of_range",
            at(json!(7.5)),
            "TSL-02",
        ),
        ("status-reference-idx-null", "an index that is null", "status_index_out_of_range", at(json!(null)), "TSL-02"),
        ("status-reference-idx-list", "an index that is a list", "status_index_out_of_range", at(json!([7])), "TSL-02"),
        (
            "status-reference-idx-missing",
            "no index",
            "status_invalid_reference",
            json!({"status_list": {"uri": STATUS_URI}}),
            "TSL-02",
        ),
        (
            "status-reference-uri-missing",
            "no address",
            "status_invalid_reference",
            json!({"status_list": {"idx": 7}}),
            "TSL-02",
        ),
        (
            "status-reference-uri-empty",
            "an empty address",
            "status_invalid_reference",
            json!({"status_list": {"idx": 7, "uri": ""}}),
            "TSL-02",
        ),
        (
            "status-reference-uri-number",
            "an address that is a number",
            "status_invalid_reference",
            json!({"status_list": {"idx": 7, "uri": 1}}),
            "TSL-02",
        ),
        (
            "status-reference-list-array",
            "a list that is an array",
            "status_invalid_reference",
            json!({"status_list": []}),
            "TSL-02",
        ),
        (
            "status-reference-other-only",
            "another mechanism only",
            "status_invalid_reference",
            json!({"identifier_list": {"id": "x"}}),
            "VC-12",
        ),
        ("status-reference-empty", "an empty status", "status_invalid_reference", json!({}), "VC-12"),
        ("status-reference-text", "a status that is a text", "status_invalid_reference", json!("valid"), "TSL-02"),
    ] {
        draft
            .refuse(id, comment, code, case(claim.clone()))
            .broken("status-reference-ok", "replace", "/status_reference")
            .to(claim)
            .flags(&["ClaimType"])
            .spec(&[spec]);
    }
    draft.finish()
}
