//! Words, shapes and examples that the description of the API shows beside the documents of [`super::body`].

use crate::domain::limits;
use crate::domain::transaction::{ResponseMode, Status};
use crate::domain::verify::report::Outcome;
use serde_json::{Value, json};
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, SchemaType};
use utoipa::openapi::{Array, Object, ObjectBuilder, OneOfBuilder, Type};

fn one_of(description: &str, words: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).enum_values(Some(words)).build()
}

pub(super) fn statuses() -> Object {
    one_of("How it stands. The first end state stays for ever.", Status::ALL.map(Status::as_str))
}

pub(super) fn flows() -> Object {
    one_of(
        "How the request reaches the wallet. `cross_device` only where the tenant allows it: such a request may have been \
         relayed. `dc_api` through the browser of a page that the tenant names.",
        ["same_device", "cross_device", "dc_api"],
    )
}

pub(super) fn response_modes() -> Object {
    one_of(
        "How the wallet answers: encrypted, or plain where the tenant allows this deviation from HAIP.",
        ResponseMode::ALL.map(ResponseMode::as_str),
    )
}

pub(super) fn verdicts() -> Object {
    one_of("`refused` if a check failed or was not made.", ["accepted", "refused"])
}

pub(super) fn outcomes() -> Object {
    one_of("What became of the check.", [Outcome::Passed, Outcome::Failed, Outcome::NotRun].map(Outcome::as_str))
}

pub(super) fn severities() -> Object {
    one_of("A query with an `error` is not sent.", ["error", "warning"])
}

pub(super) fn dcql_query() -> Object {
    open("A DCQL query (OpenID4VP 1.0 section 6).", Type::Object)
}

pub(super) fn optional_dcql_query() -> Object {
    open("A DCQL query (OpenID4VP 1.0 section 6).", SchemaType::from_iter([Type::Object, Type::Null]))
}

pub(super) fn dc_api_request() -> Object {
    open(
        "The argument of `navigator.credentials.get(…)`; `null` in the other flows.",
        SchemaType::from_iter([Type::Object, Type::Null]),
    )
}

pub(super) fn browser_data() -> Object {
    open(
        "What the wallet answered: an object, or its JSON as a text.",
        SchemaType::from_iter([Type::Object, Type::String]),
    )
}

pub(super) fn browser_answer() -> Value {
    json!({ "protocol": "openid4vp-v1-signed", "data": { "response": "eyJhbGciOiJFQ0RILUVTIiwi…" } })
}

pub(super) fn claims() -> Object {
    open("What was asked for and disclosed, nothing else.", Type::Object)
}

pub(super) fn transaction_data() -> Array {
    let object = open("An object with `type`, `credential_ids` and what its type asks for.", Type::Object);
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("The base64url text of such an object, sent as it is."))
        .build();
    let entry = OneOfBuilder::new().item(object).item(text);
    ArrayBuilder::new()
        .items(entry)
        .max_items(Some(limits::TRANSACTION_DATA))
        .description(Some("What the person shall authorise; only types that the configuration names."))
        .build()
}

/// An object whose members have names that are not known here.
fn open(description: &str, kind: impl Into<SchemaType>) -> Object {
    ObjectBuilder::new()
        .schema_type(kind)
        .description(Some(description))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .build()
}

pub(super) fn new_presentation() -> Value {
    json!({
        "preset": "bewohnerparken",
        "flow": "same_device",
        "return_url": "https://antrag.stadt.example/weiter",
        "reference": "A-2027-000123",
    })
}

pub(super) fn created() -> Value {
    json!({
        "id": "q0VtZ3lJc2VJdGhpcklkMQ",
        "status": "open",
        "flow": "same_device",
        "created_at": "2027-03-01T12:00:00Z",
        "expires_at": "2027-03-01T12:05:00Z",
        "authorization_request_uri": "openid4vp://?client_id=x509_hash%3ABnvZ…&request_uri=https%3A%2F%2F…&request_uri_method=post",
        "request_uri": "https://verifier.stadt.example/wallet/requests/Zc3rJ0mWcQ5eH1yqvK8t2g",
        "client_id": "x509_hash:BnvZ…",
        "page_url": "https://verifier.stadt.example/p/8gDq0hV1bXwqzR4n5sTjYA",
        "dc_api_request": null,
    })
}

pub(super) fn presentation() -> Value {
    json!({
        "id": "q0VtZ3lJc2VJdGhpcklkMQ",
        "status": "verified",
        "flow": "same_device",
        "reference": "A-2027-000123",
        "preset": "bewohnerparken",
        "created_at": "2027-03-01T12:00:00Z",
        "expires_at": "2027-03-01T12:05:00Z",
        "finished_at": "2027-03-01T12:01:30Z",
        "result": { "credentials": { "pid-de-sdjwt": [{
            "format": "dc+sd-jwt",
            "type": "urn:eudi:pid:de:1",
            "issuer": { "name": "PID-Anbieter", "country": "DE", "trusted_by": "pid-providers" },
            "valid_from": "2027-02-20T00:00:00Z",
            "valid_until": "2027-03-06T00:00:00Z",
            "status": "valid",
            "claims": { "family_name": "MUSTERMANN", "given_name": "ERIKA", "address": { "locality": "KÖLN" } },
            "claim_set": 0,
        }] } },
        "report": {
            "outcome": "accepted",
            "checks": [
                { "check": "issuer_signature", "outcome": "passed", "source": "RFC 9901 7.1", "credential": "pid-de-sdjwt" },
            ],
            "evidence": {
                "at": "2027-03-01T12:00:00Z",
                "trust_data": "BnvZc0TjU3s2XKvVmR0oZ5aY7w1QpLhE4dGfNi8tCkA",
                "credentials": [{
                    "credential": "pid-de-sdjwt",
                    "trusted_by": "pid-providers",
                    "purpose": "pid_provider",
                    "trust_list": {
                        "name": "eu-pid-providers",
                        "number": 42,
                        "sha256": "k3Jd0uVbWq8yHn5tRzXl2mCpAe7sGfQi9oTj4wNxBvE",
                        "issued_at": "2027-02-20T00:00:00Z",
                        "next_update": "2027-08-20T00:00:00Z",
                    },
                    "status_list": {
                        "sha256": "u1Yx7cVtKp3eLrQa9mWnZb5sHd2gJf8oTi4vXkRyEwM",
                        "issued_at": "2027-03-01T06:00:00Z",
                        "expires_at": "2027-03-02T06:00:00Z",
                    },
                }],
            },
        },
        "error": null,
    })
}

pub(super) fn verification() -> Value {
    json!({
        "format": "dc+sd-jwt",
        "presentation": "eyJhbGciOiJFUzI1NiIs…~WyJ…~eyJhbGciOi…",
        "nonce": "bm9uY2Ugb2YgYSByZXF1ZQ",
        "audience": "x509_hash:BnvZ…",
        "at": "2027-03-01T12:00:00Z",
    })
}

pub(super) fn verdict() -> Value {
    json!({
        "outcome": "refused",
        "result": null,
        "report": { "outcome": "refused", "checks": [{
            "check": "key_binding_nonce",
            "outcome": "failed",
            "source": "OpenID4VP 1.0 14.1.2",
            "code": "kb_nonce_mismatch",
            "detail": "nonce is not that of the request",
            "hint": "Use the nonce of this request.",
        }] },
        "error": {
            "code": "kb_nonce_mismatch",
            "title": "The proof was made for another request.",
            "detail": "nonce is not that of the request",
            "hint": "Use the nonce of this request.",
        },
    })
}

pub(super) fn query_check() -> Value {
    json!({ "dcql_query": { "credentials": [{
    "id": "pid",
    "format": "dc+sd-jwt",
    "meta": { "vct_values": ["urn:eudi:pid:de:1"] },
    "claims": [{ "path": ["family_name"] }],
}] } })
}

pub(super) fn query_findings() -> Value {
    json!({
        "sendable": false,
        "faults": [{ "pointer": "/credentials/0/meta", "detail": "meta is missing", "rule": "OVP-DCQL-03" }],
        "findings": [],
        "registrations": [],
    })
}

pub(super) fn wallet_error() -> Value {
    json!({
        "error": "invalid_presentation",
        "error_description": "the presentation was not accepted",
    })
}

pub(super) fn next_step() -> Value {
    json!({
        "redirect_uri": "https://antrag.stadt.example/weiter?response_code=fR1nYJ9QoVdT2mXWqk3z7A",
    })
}

pub(super) fn problem() -> Value {
    json!({
        "type": "/docs/error-codes.md#invalid_query",
        "title": "The query or the data of the request breaks the rules.",
        "status": 422,
        "code": "invalid_query",
        "detail": "/return_url: the same-device flow needs the address to come back to",
        "hint": "Correct the places named in errors.",
        "errors": [{
            "pointer": "/return_url",
            "detail": "the same-device flow needs the address to come back to",
            "rule": "FIX-07",
        }],
    })
}

/// A preset with its query, as it is read by its id.
pub(super) fn preset() -> Value {
    json!({
        "id": "alter-ab-18",
        "version": 1,
        "title": { "de": "Altersnachweis ab 18", "en": "Proof of age 18+" },
        "purpose": {
            "de": "Nachweis, dass Sie mindestens 18 Jahre alt sind",
            "en": "Proof that you are at least 18 years old",
        },
        "acr_min": "http://eidas.europa.eu/LoA/low",
        "result": { "ttl_seconds": 120, "delete_after_read": true },
        "dcql_query": { "credentials": [{
            "id": "pid-de-sdjwt",
            "format": "dc+sd-jwt",
            "meta": { "vct_values": ["urn:eudi:pid:de:1"] },
            "claims": [{ "path": ["age_equal_or_over", "18"] }],
        }] },
    })
}

/// The same preset in a list, where its query is left out.
pub(super) fn presets() -> Value {
    let mut preset = preset();
    if let Some(members) = preset.as_object_mut() {
        members.remove("dcql_query");
    }
    json!({ "presets": [preset] })
}
