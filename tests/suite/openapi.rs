//! The committed description of the API is the one of the code, and says what a client needs to know.

use crate::service::TestService;
use pruefstein::http::openapi::text;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Set to `1`, the test writes the file instead of comparing it.
const WRITE: &str = "PRUEFSTEIN_WRITE";

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/verifier.json")
}

fn description() -> Value {
    serde_json::from_str(&text().unwrap()).unwrap()
}

/// Every operation with its method and path.
fn operations(description: &Value) -> Vec<(String, Value)> {
    let paths = description["paths"].as_object().unwrap();
    let all: Vec<_> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .iter()
                .map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
        })
        .collect();
    assert!(all.len() >= 14, "{} operations", all.len());
    all
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment to write instead of compare")]
fn the_committed_description_is_that_of_the_code() {
    let current = text().unwrap();
    if std::env::var(WRITE).is_ok_and(|value| value == "1") {
        std::fs::write(committed(), &current).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(committed()).unwrap_or_default();
    let line = kept.lines().zip(current.lines()).position(|(kept, current)| kept != current);
    assert!(
        kept == current,
        "openapi/verifier.json differs from the code, first in line {}.\n\
         To write it anew: cargo run -- openapi > openapi/verifier.json\n\
         or: {WRITE}=1 cargo test --test suite openapi::",
        line.map_or_else(|| kept.lines().count().min(current.lines().count()) + 1, |line| line + 1)
    );
}

#[test]
fn the_description_is_the_same_at_each_call() {
    assert_eq!(text().unwrap(), text().unwrap());
}

#[test]
fn operations_have_unique_names_and_summaries() {
    let mut names = std::collections::HashSet::new();
    for (place, operation) in operations(&description()) {
        let name = operation["operationId"].as_str().unwrap_or_default();
        assert!(!name.is_empty() && names.insert(name.to_owned()), "{place} is named {name:?}");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{place} has no summary");
        assert!(operation["tags"].as_array().is_some_and(|tags| tags.len() == 1), "{place} has no tag");
    }
}

#[test]
fn callers_authenticate_and_wallets_do_not() {
    // API-001: every call of a caller names the scheme and the answer without it; wallets have handles, no keys.
    let description = description();
    for (place, operation) in operations(&description) {
        let security = operation.get("security").unwrap_or(&description["security"]);
        let is_wallet = place.contains(" /wallet/");
        let is_free = is_wallet || place.ends_with("/v1/openapi.json");
        if is_free {
            assert!(
                security.as_array().unwrap().iter().all(|scheme| scheme.as_object().unwrap().is_empty()),
                "{place} asks for {security}"
            );
        } else {
            assert_eq!(security[0]["api_key"], serde_json::json!([]), "{place}");
            assert!(operation["responses"].get("401").is_some(), "{place} does not say what happens without a key");
        }
    }
}

#[test]
fn faults_are_problem_documents_and_wallets_read_errors_of_oauth() {
    for (place, operation) in operations(&description()) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.starts_with('2') {
                continue;
            }
            let (media_type, schema) = if place.contains(" /wallet/") {
                ("application/json", "#/components/schemas/WalletErrorBody")
            } else {
                ("application/problem+json", "#/components/schemas/ProblemBody")
            };
            assert_eq!(response["content"][media_type]["schema"]["$ref"], schema, "{place} {status}");
        }
    }
}

#[test]
fn bodies_of_json_have_examples_that_fit_their_schema() {
    let description = description();
    let schemas = &description["components"]["schemas"];
    let mut seen = 0;
    for (place, operation) in operations(&description) {
        let responses = operation["responses"].as_object().unwrap();
        let answers = responses.values();
        for body in answers.chain(operation.get("requestBody")) {
            let types = body["content"].as_object().into_iter().flatten();
            for (_, shape) in types.filter(|(name, _)| name.ends_with("json")) {
                let Some(reference) = shape["schema"]["$ref"].as_str() else {
                    assert!(place.ends_with("/v1/openapi.json"), "{place}: a body without a name");
                    continue;
                };
                let name = reference.rsplit('/').next().unwrap();
                let example = &schemas[name]["example"];
                assert!(!example.is_null(), "{place}: {name} has no example");
                let whole = serde_json::json!({ "$ref": reference, "components": { "schemas": schemas } });
                let validator = jsonschema::validator_for(&whole).unwrap();
                let faults: Vec<String> = validator.iter_errors(example).map(|fault| fault.to_string()).collect();
                assert_eq!(faults, Vec::<String>::new(), "the example of {name}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen} bodies");
}

#[tokio::test]
async fn examples_of_requests_are_understood() {
    // A member that is not known would be refused, so the examples name what there is.
    let service = TestService::new();
    let schemas = description()["components"]["schemas"].clone();
    let create = &schemas["NewPresentationBody"]["example"];
    let (status, created) = service.post_json("/v1/presentations", create).await;
    assert_eq!(status, 201, "{created}");
    let (status, verdict) = service.post_json("/v1/verifications", &schemas["VerificationBody"]["example"]).await;
    assert_eq!((status, verdict["outcome"].as_str()), (200, Some("refused")), "{verdict}");
    let (status, check) = service.post_json("/v1/queries/check", &schemas["QueryCheckBody"]["example"]).await;
    assert_eq!((status, check["sendable"].as_bool()), (200, Some(true)), "{check}");
}

#[tokio::test]
async fn what_is_answered_fits_the_description() {
    let service = TestService::new();
    let description = description();
    let schemas = &description["components"]["schemas"];
    let fits = |name: &str, document: &Value| {
        let reference = format!("#/components/schemas/{name}");
        let whole = serde_json::json!({ "$ref": reference, "components": { "schemas": schemas } });
        let validator = jsonschema::validator_for(&whole).unwrap();
        let faults: Vec<String> = validator.iter_errors(document).map(|fault| fault.to_string()).collect();
        assert_eq!(faults, Vec::<String>::new(), "{name}: {document}");
        // Nothing may be answered that is not described.
        let described = schemas[name]["properties"].as_object().unwrap();
        for member in document.as_object().unwrap().keys() {
            assert!(described.contains_key(member), "{name} does not describe {member}");
        }
    };
    let created = service.create(&serde_json::json!({"preset": "alter-ab-18", "flow": "cross_device"})).await;
    fits("CreatedBody", &created);
    let path = format!("/v1/presentations/{}", created["id"].as_str().unwrap());
    fits("PresentationBody", &service.get(&path).await.1);
    fits("PresetsBody", &service.get("/v1/presets").await.1);
    fits("PresetBody", &service.get("/v1/presets/alter-ab-18").await.1);
    fits("VerdictBody", &service.post_json("/v1/verifications", &schemas["VerificationBody"]["example"]).await.1);
    let unfit = serde_json::json!({"dcql_query": {"credentials": [{"id": "a", "format": "dc+sd-jwt"}]}});
    fits("QueryFindingsBody", &service.post_json("/v1/queries/check", &unfit).await.1);
    fits("ProblemBody", &service.get("/v1/presentations/none").await.1);
    fits("ProblemBody", &service.post_json("/v1/presentations", &serde_json::json!({"flow": "dc_api"})).await.1);
    let browsers = TestService::with(|tenant| {
        let origin = pruefstein::domain::dc_api::Origin::parse("https://antrag.stadt.example").unwrap();
        tenant.dc_api.origins = vec![origin];
        tenant.dc_api.protocols = vec![pruefstein::domain::dc_api::Protocol::Signed];
    });
    let wish = serde_json::json!({
        "preset": "alter-ab-18", "flow": "dc_api", "origin": "https://antrag.stadt.example"
    });
    let created = browsers.create(&wish).await;
    fits("CreatedBody", &created);
    let path = format!("/v1/presentations/{}/dc-api", created["id"].as_str().unwrap());
    // The example is understood; what is in it opens nothing.
    let refused = browsers.post_json(&path, &schemas["BrowserAnswerBody"]["example"]).await;
    assert_eq!((refused.0, refused.1["code"].as_str()), (400, Some("jwe_malformed")));
    fits("ProblemBody", &refused.1);
    let error = serde_json::json!({"protocol": "openid4vp-v1-signed", "data": {"error": "invalid_request"}});
    fits("PresentationBody", &browsers.post_json(&path, &error).await.1);
    let wallet = service.get("/wallet/requests/none").await;
    assert_eq!(wallet.0, 404);
    fits("WalletErrorBody", &wallet.1);
}

#[test]
fn every_route_of_the_contract_is_described() {
    let described: Vec<String> = operations(&description()).into_iter().map(|(place, _)| place).collect();
    for wanted in [
        "post /v1/presentations",
        "get /v1/presentations/{id}",
        "delete /v1/presentations/{id}",
        "get /v1/presentations/{id}/events",
        "get /v1/presentations/{id}/qr.svg",
        "get /v1/presentations/{id}/qr.png",
        "post /v1/presentations/{id}/dc-api",
        "post /v1/verifications",
        "post /v1/queries/check",
        "get /v1/presets",
        "get /v1/presets/{id}",
        "get /v1/openapi.json",
        "get /wallet/requests/{handle}",
        "post /wallet/requests/{handle}",
        "post /wallet/responses/{handle}",
    ] {
        assert!(described.iter().any(|place| place == wanted), "{wanted} is not described");
    }
}

#[test]
fn references_lead_somewhere() {
    fn walk<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| walk(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let description = description();
    let mut found = Vec::new();
    walk(&description, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(description.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}
