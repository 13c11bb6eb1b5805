//! Starting a presentation: what is refused, where, and that one answer names every fault.

use crate::service::{RETURN_URL, TestService};
use pruefstein::domain::ids::TenantId;
use pruefstein::domain::jose::hash::sha256;
use pruefstein::domain::preset;
use pruefstein::domain::trust::TrustAnchors;
use pruefstein::http::callers::{CallerKey, Callers};
use pruefstein::http::{Front, NoObserver, router};
use serde_json::{Value, json};
use std::sync::Arc;

fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

async fn refused(service: &TestService, body: &Value) -> Value {
    let answer = service.call("POST", "/v1/presentations").json(body).send().await;
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{body}");
    let problem = answer.json();
    assert_eq!((answer.status, problem["code"].as_str()), (422, Some("invalid_query")), "{body}: {problem}");
    problem
}

#[tokio::test]
async fn a_started_presentation_has_the_shape_of_the_contract() {
    let service = TestService::new();
    let answer = service
        .call("POST", "/v1/presentations")
        .json(&json!({"preset": "bewohnerparken", "flow": "same_device", "return_url": RETURN_URL}))
        .send()
        .await;
    assert_eq!((answer.status, answer.header("content-type")), (201, Some("application/json")));
    let created = answer.json();
    let mut names: Vec<&str> = created.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "authorization_request_uri",
        "client_id",
        "created_at",
        "dc_api_request",
        "expires_at",
        "flow",
        "id",
        "page_url",
        "request_uri",
        "status",
    ];
    assert_eq!(names, expected);
    assert_eq!(created["created_at"], "2026-11-18T11:06:40Z");
    assert_eq!(created["expires_at"], "2026-11-18T11:11:40Z");
    assert_eq!((created["status"].as_str(), created["flow"].as_str()), (Some("open"), Some("same_device")));
    assert!(created["client_id"].as_str().unwrap().starts_with("x509_hash:"));
    let link = created["authorization_request_uri"].as_str().unwrap();
    assert!(
        link.starts_with("openid4vp://?client_id=x509_hash%3A") && link.ends_with("&request_uri_method=post"),
        "{link}"
    );
}

#[tokio::test]
async fn every_fault_is_told_at_once() {
    let service = TestService::new();
    let problem = refused(
        &service,
        &json!({
            "preset": "no-such-preset", "flow": "same_device", "response_mode": "fragment", "transaction_data": ["x"],
            "purpose": {"de": "", "en": "\u{7}"}, "reference": "../../etc", "expires_in": 1, "result": {"ttl_seconds": 0}
        }),
    )
    .await;
    let expected = [
        "/preset",
        "/return_url",
        "/response_mode",
        "/transaction_data/0",
        "/expires_in",
        "/result/ttl_seconds",
        "/purpose/de",
        "/purpose/en",
        "/reference",
    ];
    assert_eq!(pointers(&problem), expected, "{problem}");
    assert_eq!(problem["detail"], "9 faults");
    assert!(problem["errors"].as_array().unwrap().iter().all(|error| !error["detail"].as_str().unwrap().is_empty()));
    // A query of one's own: each broken rule with its place inside.
    let query = json!({"credentials": [
        {"id": "a b", "format": "dc+sd-jwt", "meta": {"vct_values": []}, "claims": [{"path": []}]},
        {"id": "x", "format": "dc+sd-jwt"}
    ], "credential_sets": [{"options": [["y"]]}]});
    let problem = refused(&service, &json!({"dcql_query": query, "flow": "cross_device"})).await;
    let found = pointers(&problem);
    for place in [
        "/dcql_query/credentials/0/id",
        "/dcql_query/credentials/0/meta/vct_values",
        "/dcql_query/credentials/0/claims/0/path",
        "/dcql_query/credentials/1/meta",
    ] {
        assert!(found.contains(&place), "{place}: {found:?}");
    }
    let query = json!({
        "credentials": [{"id": "x", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]}, "claims": [{"path": ["a"]}]}],
        "credential_sets": [{"options": [["y"]]}, {"options": []}]
    });
    let problem = refused(&service, &json!({"dcql_query": query, "flow": "cross_device"})).await;
    assert_eq!(
        pointers(&problem),
        ["/dcql_query/credential_sets/0/options/0/0", "/dcql_query/credential_sets/1/options"]
    );
}

#[tokio::test]
async fn unknown_members_are_named() {
    let service = TestService::new();
    let good = json!({"preset": "schalter", "flow": "cross_device"});
    for (name, value, pointer) in [
        ("flwo", json!("cross_device"), "/flwo"),
        ("origin", json!("https://x.example"), "/origin"),
        ("purpose", json!({"de": "x", "fr": "y"}), "/purpose/fr"),
        ("result", json!({"ttl": 1}), "/result/ttl"),
        ("a/b~c", json!(1), "/a~1b~0c"),
    ] {
        let mut body = good.clone();
        body[name] = value;
        let problem = refused(&service, &body).await;
        assert_eq!(pointers(&problem), [pointer], "{problem}");
    }
    // What is no member of a DCQL query is ignored, as section 6 wants it (OVP-DCQL).
    let query = json!({"credentials": [{
        "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
        "claims": [{"path": ["family_name"]}], "x": 1
    }]});
    service.create(&json!({"dcql_query": query, "flow": "cross_device"})).await;
}

#[tokio::test]
async fn one_way_to_say_what_is_asked() {
    // OVP-REQ-02, OVP-REQ-03: exactly one query, and a mode that is known.
    let service = TestService::new();
    let query = json!({"credentials": []});
    for (body, pointer) in [
        (json!({"flow": "cross_device"}), "/preset"),
        (json!({"preset": "schalter", "dcql_query": query, "flow": "cross_device"}), "/dcql_query"),
        (json!({"preset": "Schalter", "flow": "cross_device"}), "/preset"),
        (json!({"preset": "", "flow": "cross_device"}), "/preset"),
        (json!({"preset": "schalter"}), "/flow"),
        (json!({"preset": "schalter", "flow": "dc_api"}), "/flow"),
        (json!({"preset": "schalter", "flow": "SAME_DEVICE", "return_url": RETURN_URL}), "/flow"),
        (json!({"preset": "schalter", "flow": "same_device"}), "/return_url"),
        (json!({"preset": "schalter", "flow": "cross_device", "return_url": RETURN_URL}), "/return_url"),
        (json!({"preset": "schalter", "flow": "cross_device", "response_mode": "query"}), "/response_mode"),
    ] {
        assert_eq!(pointers(&refused(&service, &body).await), [pointer], "{body}");
    }
    let strict = TestService::with(|tenant| tenant.plain_direct_post = false);
    let plain = json!({"preset": "schalter", "flow": "cross_device", "response_mode": "direct_post"});
    assert_eq!(pointers(&refused(&strict, &plain).await), ["/response_mode"]);
    service.create(&plain).await;
}

#[tokio::test]
async fn texts_for_people_and_references() {
    // cases API-022, API-023: capped, without control characters and without what turns the direction of reading.
    let service = TestService::new();
    let long = "ä".repeat(300);
    for (text, fits) in [
        ("Prüfung Ihres Wohnsitzes <b>für</b> \"alle\" & Š", true),
        (&*long, true),
        (&*format!("{long}x"), false),
        (&*"x".repeat(10_240), false),
        ("", false),
        ("a\nb", false),
        ("a\u{0}", false),
        ("a\u{1b}[31m", false),
        ("a\u{85}b", false),
        ("Prüfung \u{202e}noitadilav\u{202c}", false),
        ("\u{2066}x\u{2069}", false),
        ("a\u{2028}b", false),
        ("a\u{200f}b", false),
        ("a\u{feff}", false),
    ] {
        for language in ["de", "en"] {
            let body = json!({"preset": "schalter", "flow": "cross_device", "purpose": {language: text}});
            if fits {
                service.create(&body).await;
            } else {
                let problem = refused(&service, &body).await;
                assert_eq!(pointers(&problem), [format!("/purpose/{language}")]);
                assert!(text.is_empty() || !problem.to_string().contains(text), "what was sent is not repeated");
            }
        }
    }
    for (text, fits) in [
        ("A-2027-000123", true),
        ("a/b.c:d_e", true),
        (&*"x".repeat(128), true),
        (&*"x".repeat(129), false),
        ("", false),
        ("../x", false),
        ("a..b", false),
        ("a b", false),
        ("a\nlevel=error", false),
        ("${jndi:ldap://x}", false),
        ("a'--", false),
        ("ä", false),
        ("%2e%2e", false),
    ] {
        let body = json!({"preset": "schalter", "flow": "cross_device", "reference": text});
        if fits {
            assert_eq!(service.read(&service.create(&body).await).await["reference"], text);
        } else {
            assert_eq!(pointers(&refused(&service, &body).await), ["/reference"], "{text}");
        }
    }
}

#[tokio::test]
async fn a_call_may_be_repeated() {
    // case API-010: the same bytes find the same presentation as it stands; others are refused; keys have a form.
    let service = TestService::new();
    let body = json!({"preset": "schalter", "flow": "cross_device"});
    let call =
        |key: &str, body: &Value| service.call("POST", "/v1/presentations").header("idempotency-key", key).json(body);
    let first = call("key-1", &body).send().await;
    assert_eq!(first.status, 201);
    let again = call("key-1", &body).send().await;
    assert_eq!((again.status, again.json()), (201, first.json()));
    assert_ne!(call("key-2", &body).send().await.json()["id"], first.json()["id"]);
    assert_ne!(service.create(&body).await["id"], first.json()["id"], "without a key each call is a new one");
    for other in [
        json!({"preset": "bewohnerparken", "flow": "cross_device"}),
        json!({"preset": "schalter", "flow": "cross_device", "expires_in": 301}),
    ] {
        assert_eq!(call("key-1", &other).send().await.problem(), (409, "idempotency_conflict".to_owned()));
    }
    // A faulty call leaves nothing behind under its key.
    assert_eq!(call("key-3", &json!({"preset": "x", "flow": "cross_device"})).send().await.status, 422);
    assert_eq!(call("key-3", &body).send().await.status, 201);
    service.answer(&first.json(), service.options()).await;
    let late = call("key-1", &body).send().await.json();
    assert_eq!((&late["id"], late["status"].as_str()), (&first.json()["id"], Some("verified")));
    service.clock.advance(86_399);
    assert_eq!(call("key-1", &body).send().await.json()["id"], first.json()["id"]);
    for wrong in ["", " ", "a b", "\u{e4}", &"k".repeat(256)] {
        assert_eq!(call(wrong, &body).send().await.problem(), (400, "bad_request".to_owned()), "{wrong}");
    }
    let twice = call("key-4", &body).header("idempotency-key", "key-4").send().await;
    assert_eq!(twice.problem(), (400, "bad_request".to_owned()));
    assert_eq!(call(&"k".repeat(255), &body).send().await.status, 201);
}

#[tokio::test]
async fn policy_decides_what_may_be_asked() {
    // TL-21: a type that no source covers is not asked for.
    // `query_not_permitted`, `trust_anchor_set_empty`: refused before anything is made.
    let query = json!({"credentials": [{
        "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
        "claims": [{"path": ["family_name"]}]
    }]});
    let own = json!({"dcql_query": query, "flow": "cross_device"});
    let presets_only = TestService::with(|tenant| tenant.own_queries = false);
    let (status, problem) = presets_only.post_json("/v1/presentations", &own).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("query_not_permitted")));
    presets_only.create(&json!({"preset": "schalter", "flow": "cross_device"})).await;
    let trusting_nobody = TestService::with(|tenant| tenant.trust = TrustAnchors::new(Vec::new()).into());
    for body in [&own, &json!({"preset": "sozialpass", "flow": "cross_device"})] {
        let answer = trusting_nobody.call("POST", "/v1/presentations").json(body).send().await;
        assert_eq!(answer.problem(), (503, "trust_anchor_set_empty".to_owned()));
        assert!(answer.header("retry-after").is_some());
    }
    // A format that cannot be verified is never asked for.
    let mdoc = json!({"credentials": [{
        "id": "pid", "format": "mso_mdoc", "meta": {"doctype_value": "eu.europa.ec.eudi.pid.1"},
        "claims": [{"path": ["eu.europa.ec.eudi.pid.1", "family_name"]}]
    }]});
    let service = TestService::new();
    let problem = refused(&service, &json!({"dcql_query": mdoc, "flow": "cross_device"})).await;
    assert_eq!(pointers(&problem), ["/dcql_query/credentials/0/format"], "{problem}");
}

#[tokio::test]
async fn presets_say_what_will_be_sent() {
    let service = TestService::new();
    let (status, list) = service.get("/v1/presets").await;
    assert_eq!(status, 200);
    let shipped = preset::shipped().unwrap();
    let presets = list["presets"].as_array().unwrap();
    assert_eq!(presets.len(), shipped.len());
    for (listed, preset) in presets.iter().zip(&shipped) {
        assert_eq!((&listed["id"], listed.get("dcql_query")), (&json!(preset.id), None));
        for name in ["title", "purpose"] {
            assert!(listed[name]["de"].is_string() && listed[name]["en"].is_string(), "{listed}");
        }
        let (status, one) = service.get(&format!("/v1/presets/{}", preset.id)).await;
        assert_eq!(status, 200, "{one}");
        let credentials = one["dcql_query"]["credentials"].as_array().unwrap();
        assert!(!credentials.is_empty() && credentials.iter().all(|query| query["format"] == "dc+sd-jwt"), "{one}");
        // It is what the wallet gets, and the check finds nothing to refuse in it.
        let created = service.create_preset(&preset.id).await;
        assert_eq!(crate::service::part(&service.fetch(&created).await, 1)["dcql_query"], one["dcql_query"]);
        let (status, check) = service.post_json("/v1/queries/check", &json!({"dcql_query": one["dcql_query"]})).await;
        assert_eq!((status, &check["sendable"], &check["faults"]), (200, &json!(true), &json!([])), "{check}");
    }
    for unknown in ["x", "Schalter", "schalter%00", "..%2fschalter", "%20"] {
        let (status, problem) = service.get(&format!("/v1/presets/{unknown}")).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("not_found")), "{unknown}");
    }
}

#[tokio::test]
async fn queries_are_checked_without_being_sent() {
    let service = TestService::new();
    let check = async |query: Value| service.post_json("/v1/queries/check", &json!({"dcql_query": query})).await;
    for faulty in [Value::Null, json!(1), json!([]), json!({}), json!({"credentials": []}), json!({"credentials": {}})]
    {
        let (status, found) = check(faulty.clone()).await;
        assert_eq!((status, &found["sendable"]), (200, &json!(false)), "{faulty}");
        let faults = found["faults"].as_array().unwrap();
        assert!(
            !faults.is_empty() && faults.iter().all(|fault| fault["pointer"].is_string() && fault["rule"].is_string())
        );
    }
    // Everything of a PID: sendable, yet more than anybody needs.
    let (_, found) = check(json!({"credentials": [{
        "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]}
    }]}))
    .await;
    assert!(found["findings"].as_array().is_some_and(|findings| !findings.is_empty()), "{found}");
    let (_, found) = check(json!({"credentials": [{
        "id": "pid", "format": "mso_mdoc", "meta": {"doctype_value": "eu.europa.ec.eudi.pid.1"},
        "claims": [{"path": ["eu.europa.ec.eudi.pid.1", "family_name"]}]
    }]}))
    .await;
    assert_eq!(found["sendable"], false, "{found}");
}

#[tokio::test]
async fn a_caller_has_a_share_of_its_own() {
    // PRV-18.
    // API-012: mass creation by one caller; others go on, and so does reading.
    let service = TestService::with_two_tenants();
    let keys = [("one", "red"), ("two", "red"), ("three", "blue")].map(|(name, tenant)| CallerKey {
        name: name.to_owned(),
        tenant: TenantId::parse(tenant).unwrap(),
        sha256: sha256(format!("{name}-key").as_bytes()),
    });
    let front =
        Front::new(Arc::clone(&service.app), Callers::Keys(keys.into()), Arc::new(NoObserver)).with_creations(2);
    let service = TestService { router: router(front), ..service };
    let create = |name: &str| {
        let call = service.call("POST", "/v1/presentations").header("authorization", &format!("Bearer {name}-key"));
        call.json(&json!({"preset": "schalter", "flow": "cross_device"})).send()
    };
    assert_eq!([create("one").await.status, create("one").await.status], [201, 201]);
    let refused = create("one").await;
    assert_eq!(refused.problem(), (429, "quota_exceeded".to_owned()));
    assert_eq!(refused.header("retry-after"), Some("30"));
    assert_eq!([create("two").await.status, create("three").await.status], [201, 201]);
    let presets = service.call("GET", "/v1/presets").header("authorization", "Bearer one-key").send().await;
    assert_eq!(presets.status, 200);
    service.clock.advance(30);
    assert_eq!([create("one").await.status, create("one").await.status], [201, 429]);
}
