//! The status of a credential.

use super::super::draft::{Draft, members};
use super::super::world::{ListToken, NOW, STATUS_ORIGIN, STATUS_URI, TYPE, merge, remove};
use super::{Maker, changed, resources};
use crate::domain::encoding::base64;
use crate::simulator::authority::IssuerName;
use crate::simulator::bad_chains::BadChain;
use crate::vectors::VectorError;
use serde_json::{Value, json};

pub(super) fn status(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let at = |index: Value, uri: &str| json!({"status_list": {"idx": index, "uri": uri}});
    let with = |claim: Value| maker.claim("status", &claim);
    let good = with(at(json!(0), STATUS_URI))?;
    let list = |change: &dyn Fn(&mut ListToken)| -> Result<Value, VectorError> {
        let mut token = ListToken::good(maker.world);
        change(&mut token);
        Ok(json!({"resources": resources(&token.text()?)}))
    };
    draft.accept("vc-status-ok", "the list says valid", good.clone()).flags(&["Valid"]).spec(&[
        "VC-10",
        "TSL-44",
        "case TSL-032",
    ]);
    draft
        .accept("vc-status-last", "the last index of the list", with(at(json!(ListToken::LAST), STATUS_URI))?)
        .flags(&["Boundary"])
        .spec(&["TSL-43"]);
    let mut other = at(json!(0), STATUS_URI);
    other["other"] = json!({"x": 1});
    draft
        .accept("vc-status-other-mechanism", "another mechanism beside the list", with(other)?)
        .flags(&["Legal"])
        .spec(&["TSL-04"]);
    let no_exp = maker.input(|token| {
        remove(&mut token.payload, "exp");
        token.payload["status"] = at(json!(0), STATUS_URI);
    })?;
    draft.accept("vc-status-no-exp", "a status instead of an exp", no_exp).flags(&["Legal"]).spec(&["SDJ-41"]);
    let short = |life: i64| {
        maker.input(|token| merge(&mut token.payload, members(json!({"iat": NOW - 3_600, "exp": NOW - 3_600 + life}))))
    };
    let rule = json!({"x-status_rule": "required_unless_short_lived"});
    draft
        .accept("vc-status-short-lived", "no status, valid for a day", short(86_400)?)
        .config(rule.clone())
        .flags(&["Boundary"])
        .spec(&["TSL-06"]);
    draft
        .refuse(
            "vc-status-not-short-lived",
            "no status, valid for a day and a second",
            "status_invalid_reference",
            short(86_401)?,
        )
        .config(rule)
        .broken("vc-status-short-lived", "replace", "payload.exp")
        .signed("issuer")
        .flags(&["Boundary"])
        .spec(&["TSL-06"]);
    for (id, comment, code, index) in [
        ("vc-status-revoked", "the list says revoked", "credential_revoked", 1),
        ("vc-status-suspended", "the list says suspended", "credential_suspended", 2),
        ("vc-status-unknown", "the list says something that has no agreed meaning", "status_value_unknown", 3),
        (
            "vc-status-after-last",
            "the first index that is not in the list",
            "status_index_out_of_range",
            ListToken::LAST + 1,
        ),
    ] {
        let entry = draft.refuse(id, comment, code, with(at(json!(index), STATUS_URI))?);
        let base = if code == "status_index_out_of_range" { "vc-status-last" } else { "vc-status-ok" };
        changed(entry, base, "replace", "payload.status.status_list.idx")
            .to(json!(index))
            .flags(&["Revocation"])
            .spec(&["TSL-44"])
            .spec(if code == "credential_suspended" { &["case TSL-028"] } else { &[] });
    }
    for (id, comment, code, claim, spec) in [
        (
            "vc-status-missing",
            "no status where one is required",
            "status_invalid_reference",
            Value::Null,
            "case TSL-031",
        ),
        ("vc-status-text", "a status that is a text", "status_invalid_reference", json!("x"), "TSL-02"),
        ("vc-status-no-list", "a status without a list", "status_invalid_reference", json!({"other": {}}), "VC-12"),
        (
            "vc-status-no-uri",
            "a list without an address",
            "status_invalid_reference",
            json!({"status_list": {"idx": 0}}),
            "TSL-02",
        ),
        (
            "vc-status-no-idx",
            "a list without an index",
            "status_invalid_reference",
            json!({"status_list": {"uri": STATUS_URI}}),
            "TSL-02",
        ),
        (
            "vc-status-idx-text",
            "an index that is a text",
            "status_index_out_of_range",
            at(json!("0"), STATUS_URI),
            "TSL-02",
        ),
        (
            "vc-status-idx-negative",
            "a negative index",
            "status_index_out_of_range",
            at(json!(-1), STATUS_URI),
            "TSL-02",
        ),
        (
            "vc-status-idx-fraction",
            "an index that is no integer",
            "credential_claim_invalid",
            at(json!(0.5), STATUS_URI),
            "case JSN-007",
        ),
        (
            "vc-status-http",
            "an address without TLS",
            "status_uri_not_allowed",
            at(json!(0), "http://status.example/lists/1"),
            "case TSL-001",
        ),
        (
            "vc-status-file",
            "an address of a file",
            "status_uri_not_allowed",
            at(json!(0), "file:///etc/passwd"),
            "case TSL-001",
        ),
        (
            "vc-status-data",
            "an address that is the data",
            "status_uri_not_allowed",
            at(json!(0), "data:text/plain,x"),
            "case TSL-001",
        ),
        (
            "vc-status-other-host",
            "an address on a host that is not allowed for this issuer",
            "status_uri_not_allowed",
            at(json!(0), "https://attacker.example/lists/1"),
            "TSL-13",
        ),
        (
            "vc-status-user",
            "an address with the allowed host as user name",
            "status_uri_not_allowed",
            at(json!(0), "https://status.example@attacker.example/"),
            "TSL-13",
        ),
        (
            "vc-status-port",
            "an address with another port",
            "status_uri_not_allowed",
            at(json!(0), "https://status.example:8443/lists/1"),
            "TSL-13",
        ),
        (
            "vc-status-unavailable",
            "an address that does not answer",
            "status_unavailable",
            at(json!(0), "https://status.example/lists/2"),
            "case TSL-007",
        ),
    ] {
        let entry = draft.refuse(id, comment, code, with(claim.clone())?);
        changed(entry, "vc-status-ok", "replace", "payload.status").flags(&["Revocation"]).spec(&[spec]);
    }
    let down = |answer: Value| json!({"resources": {STATUS_URI: answer}});
    let other_issuer = maker.world.authority.issuer(IssuerName::Municipality);
    let cases: Vec<(&str, &str, &str, Value, &str)> = vec![
        (
            "vc-list-500",
            "the address answers with an error",
            "status_unavailable",
            down(json!({"status": 500, "body": "x"})),
            "case TSL-007",
        ),
        (
            "vc-list-timeout",
            "the address does not answer in time",
            "status_unavailable",
            down(json!({"status": 599, "error": "timeout"})),
            "case TSL-008",
        ),
        (
            "vc-list-not-found",
            "there is nothing at the address",
            "status_unavailable",
            down(json!({"status": 404})),
            "TSL-11",
        ),
        (
            "vc-list-garbage",
            "what comes is no token",
            "status_token_invalid",
            down(json!({"status": 200, "body": "<html>"})),
            "TSL-22",
        ),
        (
            "vc-list-cwt",
            "what comes is a CWT",
            "status_token_invalid",
            down(json!({"status": 200, "body_hex": "d2845820a2012610781a6170706c69636174696f6e"})),
            "case TSL-019",
        ),
        (
            "vc-list-expired",
            "the list has expired, just beyond the tolerance",
            "status_token_expired",
            list(&|token| token.payload["exp"] = json!(NOW - 60))?,
            "TSL-24",
        ),
        (
            "vc-list-other",
            "a list for another address",
            "status_token_invalid",
            list(&|token| token.payload["sub"] = json!("https://status.example/lists/9"))?,
            "case TSL-022",
        ),
        (
            "vc-list-self-made",
            "a list signed under a root of its own",
            "status_token_invalid",
            {
                let stranger = maker.world.authority.bad_chain(BadChain::UnknownRoot)?;
                list(&|token| token.sign_with(&stranger))?
            },
            "case TSL-017",
        ),
        (
            "vc-list-other-issuer",
            "a list signed by another trusted issuer",
            "status_token_invalid",
            list(&|token| token.sign_with(&other_issuer))?,
            "case TSL-018",
        ),
        (
            "vc-list-malformed",
            "a list that does not inflate",
            "status_list_malformed",
            list(&|token| token.payload["status_list"]["lst"] = json!("AAAA"))?,
            "case TSL-012",
        ),
        (
            "vc-list-bomb",
            "a small text that inflates to 17 MiB",
            "status_list_too_large",
            list(&|token| {
                token.payload["status_list"]["lst"] =
                    json!(base64::encode_url(&crate::simulator::encode::status_list::zlib(&vec![0; 17 << 20])));
            })?,
            "case TSL-011",
        ),
    ];
    for (id, comment, code, config, spec) in cases {
        draft
            .refuse(id, comment, code, good.clone())
            .config(config)
            .broken("vc-status-ok", "set-config", "resources")
            .flags(&["Revocation"])
            .spec(&[spec]);
    }
    let status_anchors = base64::encode_standard(maker.world.authority.status_root(IssuerName::PidGermany));
    let signer = maker.world.authority.status_signer(IssuerName::PidGermany);
    let separate =
        |resources: Value| {
            let mut config = members(resources);
            config.insert("x-trust_sources".to_owned(), json!([{
            "name": "one", "types": [TYPE], "x509_roots": [maker.world.root()], "status_roots": [status_anchors],
            "status_origins": [STATUS_ORIGIN], "status_rule": "required",
        }]));
            Value::Object(config)
        };
    draft
        .accept("vc-list-status-authority", "lists have an authority of their own", good.clone())
        .config(separate(list(&|token| token.sign_with(&signer))?))
        .flags(&["Valid"])
        .spec(&["TSL-28"]);
    draft
        .refuse(
            "vc-list-issuer-instead",
            "signed by the issuer, where lists have an authority of their own",
            "status_token_invalid",
            good,
        )
        .config(separate(list(&|_| {})?))
        .broken("vc-list-status-authority", "set-config", "resources")
        .flags(&["Unauthorized"])
        .spec(&["TSL-28", "case TSL-018"]);
    Ok(())
}
