//! Type metadata in a whole transaction.

use crate::service::TestService;
use pruefstein::domain::type_metadata::{Document, TypeMetadataPolicy, TypeMetadataRule, TypeRule};
use serde_json::{Value, json};
use std::sync::Arc;

const TYPE: &str = "urn:eudi:pid:de:1";
const PARENT: &str = "https://types.example/pid";

/// A service that knows a document for the PID, which extends one that has to be fetched.
fn service(rule: TypeMetadataRule) -> TestService {
    let text = json!({"vct": TYPE, "extends": PARENT}).to_string();
    let document = Arc::new(Document::parse(text.as_bytes()).unwrap());
    let mut policy = TypeMetadataPolicy::of([document]).unwrap();
    let publishers = vec!["https://types.example:443".to_owned()];
    policy.rules.insert(TYPE.to_owned(), TypeRule { rule, publishers, integrity: None });
    TestService::with(|tenant| tenant.policy.type_metadata = policy)
}

fn publish(service: &TestService, claims: &Value) {
    let document = json!({"vct": PARENT, "claims": claims}).to_string();
    service.documents.lock().unwrap().insert(PARENT.to_owned(), document);
}

async fn answered(service: &TestService) -> (Value, String) {
    let created = service.create_preset("bewohnerparken").await;
    service.answer(&created, service.options()).await;
    let status = service.status(&created).await;
    (created, status)
}

#[tokio::test]
async fn a_credential_that_obeys_its_type_is_verified_and_another_one_ends_the_transaction() {
    // VC-41, VC-46.
    let good = service(TypeMetadataRule::Required);
    publish(&good, &json!([{"path": ["family_name"], "sd": "always"}, {"path": ["vct"], "sd": "never"}]));
    let (_, status) = answered(&good).await;
    assert_eq!(status, "verified");

    let bad = service(TypeMetadataRule::IfKnown);
    publish(&bad, &json!([{"path": ["family_name"], "sd": "never"}]));
    let (created, status) = answered(&bad).await;
    assert_eq!(status, "rejected");
    assert_eq!(bad.read(&created).await["error"]["code"], "type_metadata_invalid");
}

#[tokio::test]
async fn metadata_that_cannot_be_had_leaves_the_transaction_open() {
    // VC-40, VC-41: it is refused, and the same request can be answered once the host is there again.
    for rule in [TypeMetadataRule::Required, TypeMetadataRule::IfKnown] {
        let service = service(rule);
        let (created, status) = answered(&service).await;
        assert_eq!(status, "fetched");
        assert_eq!(service.read(&created).await["last_refused"]["error"]["code"], "type_metadata_invalid");
        publish(&service, &json!([]));
        service.clock.advance(31);
        service.answer(&created, service.options()).await;
        assert_eq!(service.status(&created).await, "verified");
    }
}
