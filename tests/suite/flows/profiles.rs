//! What each profile makes of a request, over the whole service.

use crate::registration::{registered, world};
use crate::service::{TestService, part, path_of};
use pruefstein::domain::request::profile::{DE_SANDBOX, HAIP, HAIP_ETSI, Profile};
use serde_json::{Value, json};

/// With a registration for resident parking where the profile demands one.
fn service(profile: &'static Profile) -> TestService {
    TestService::with(|tenant| {
        tenant.profile = profile;
        if profile.verifier_info.demanded {
            tenant.registrations.list = vec![registered(&world(), "parking", &[], |_| {})];
        }
    })
}

fn own_query() -> Value {
    json!({"credentials": [{
        "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
        "claims": [{"path": ["address", "locality"]}]
    }]})
}

#[tokio::test]
async fn every_fault_against_the_profile_is_told_at_once() {
    // OVP-REQ-04, OVP-REQ-12: ETSI demands a purpose and encrypted answers, whatever the tenant allows besides.
    let wish = json!({"dcql_query": own_query(), "flow": "cross_device", "response_mode": "direct_post"});
    let (status, problem) = service(&HAIP_ETSI).post_json("/v1/presentations", &wish).await;
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
    assert_eq!((status, pointers), (422, vec!["/response_mode", "/purpose"]), "{problem}");
    assert!(problem.to_string().contains("haip+etsi"), "{problem}");
    // HAIP alone wants neither, where the tenant names the deviation.
    assert_eq!(service(&HAIP).post_json("/v1/presentations", &wish).await.0, 201);
}

#[tokio::test]
async fn a_profile_that_demands_a_registration_asks_nothing_without() {
    // VINFO-05: the demand is kept when a request is made, and not only when the configuration is read.
    for profile in [&HAIP_ETSI, &DE_SANDBOX] {
        let service = TestService::with(|tenant| {
            tenant.profile = profile;
            tenant.registrations.list.clear();
        });
        let wish = json!({"preset": "bewohnerparken", "flow": "cross_device"});
        let (status, problem) = service.post_json("/v1/presentations", &wish).await;
        assert_ne!(status, 201, "{}: {problem}", profile.name);
    }
}

#[tokio::test]
async fn headers_and_certificates_are_those_of_the_profile() {
    // OVP-JAR-12, OVP-JAR-15, DEU-08.
    for (profile, dated, leaf_alone) in [(&HAIP, false, false), (&HAIP_ETSI, true, false), (&DE_SANDBOX, false, true)] {
        let service = service(profile);
        let wish = json!({"preset": "bewohnerparken", "flow": "cross_device"});
        let created = service.create(&wish).await;
        let object = service.raw("GET", &path_of(&created["request_uri"]), None).await;
        assert_eq!(object.status, 200, "{}", profile.name);
        let header = part(&String::from_utf8(object.body).unwrap(), 0);
        assert_eq!(header.get("iat").is_some_and(Value::is_i64), dated, "{}", profile.name);
        let sent = header["x5c"].as_array().unwrap().len();
        let held = service.world.authority.access().chain.len();
        assert_eq!(sent, if leaf_alone { 1 } else { held }, "{}", profile.name);
    }
}
