//! Two tenants in one service: neither finds, changes or hears of what belongs to the other.

use super::{presentation, sealed};
use crate::service::{Answer, FORM, TestService, part, path_of, presentation_path};
use pruefstein::simulator::people::Person;
use serde_json::{Value, json};

async fn create(service: &TestService, tenant: &str, body: &Value) -> Value {
    let answer = service.call("POST", "/v1/presentations").key(&format!("{tenant}-key")).json(body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.json()
}

async fn read(service: &TestService, tenant: &str, created: &Value) -> Answer {
    service.call("GET", &presentation_path(created)).key(&format!("{tenant}-key")).send().await
}

fn cross_device() -> Value {
    json!({"preset": "bewohnerparken", "flow": "cross_device", "result": {"delete_after_read": false}})
}

#[tokio::test]
async fn without_a_key_there_is_one_answer() {
    // cases API-001, API-003, API-009: no key, malformed, unknown, almost right, in the address; on every route.
    let service = TestService::with_two_tenants();
    let created = create(&service, "red", &cross_device()).await;
    let id = presentation_path(&created);
    let routes = [
        ("POST", "/v1/presentations".to_owned()),
        ("GET", id.clone()),
        ("GET", format!("{id}?wait=1")),
        ("GET", format!("{id}?api_key=red-key")),
        ("GET", format!("{id}?access_token=red-key")),
        ("DELETE", id.clone()),
        ("GET", format!("{id}/events")),
        ("GET", format!("{id}/qr.svg")),
        ("GET", format!("{id}/qr.png")),
        ("POST", "/v1/verifications".to_owned()),
        ("POST", "/v1/queries/check".to_owned()),
        ("GET", "/v1/presets".to_owned()),
        ("GET", "/v1/presets/bewohnerparken".to_owned()),
        ("GET", "/v1/presentations/AAAAAAAAAAAAAAAAAAAAAA".to_owned()),
    ];
    let keys = [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("red-key"),
        Some("Basic red-key"),
        Some("Bearer red-ke"),
        Some("Bearer red-keyy"),
        Some("Bearer Red-key"),
        Some("Bearer red-key blue-key"),
        Some("Bearer \u{fc}"),
        Some("Bearer green-key"),
    ];
    let mut bodies = Vec::new();
    for (method, path) in &routes {
        for key in keys {
            let mut call = service.call(method, path).header("content-type", "application/json");
            if let Some(key) = key {
                call = call.header("authorization", key);
            }
            let answer = call.body(b"{}".to_vec()).send().await;
            assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()), "{method} {path} {key:?}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            bodies.push(answer.body);
        }
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "one answer for all reasons");
    assert_eq!(read(&service, "red", &created).await.json()["status"], "open");
    for good in ["Bearer red-key", "bearer red-key", "BEARER  red-key"] {
        assert_eq!(service.call("GET", &id).header("authorization", good).send().await.status, 200, "{good}");
    }
}

#[tokio::test]
async fn two_keys_in_one_request_are_none() {
    // cases API-001, HTT-027: who speaks is never a matter of the order of headers.
    let service = TestService::with_two_tenants();
    for (first, second) in [("red-key", "blue-key"), ("red-key", "red-key"), ("red-key", "x"), ("x", "red-key")] {
        let answer = service.call("GET", "/v1/presets").key(first).key(second).send().await;
        assert_eq!(answer.problem(), (401, "unauthenticated".to_owned()), "{first} and {second}");
    }
}

#[tokio::test]
async fn what_is_anothers_is_not_there() {
    // OVP-RESP-13.
    // case API-006: every route with an id, in every state; the same answer as for what never was.
    let service = TestService::with_two_tenants();
    for state in ["open", "fetched", "verified", "cancelled"] {
        let created = create(&service, "red", &cross_device()).await;
        match state {
            "fetched" => drop(service.fetch(&created).await),
            "verified" => drop(service.answer(&created, service.options()).await),
            "cancelled" => {
                let gone = service.call("DELETE", &presentation_path(&created)).key("red-key").send().await;
                assert_eq!(gone.status, 204);
            }
            _ => {}
        }
        let before = read(&service, "red", &created).await.json();
        assert_eq!(before["status"], state);
        let never = json!({"id": "AAAAAAAAAAAAAAAAAAAAAA"});
        for (method, suffix) in [
            ("GET", ""),
            ("GET", "?wait=30"),
            ("GET", "?response_code=AAAAAAAAAAAAAAAAAAAAAA"),
            ("GET", "/events"),
            ("GET", "/qr.svg"),
            ("GET", "/qr.png"),
            ("DELETE", ""),
        ] {
            let as_blue = |which: &Value| {
                service.call(method, &format!("{}{suffix}", presentation_path(which))).key("blue-key").send()
            };
            let (answer, unknown) = (as_blue(&created).await, as_blue(&never).await);
            assert_eq!(answer.problem(), (404, "unknown_transaction".to_owned()), "{method} {suffix} {state}");
            assert_eq!(answer.body, unknown.body, "{method} {suffix} {state}");
        }
        assert_eq!(read(&service, "red", &created).await.json(), before, "{state}");
    }
}

#[tokio::test]
async fn the_same_idempotency_key_twice() {
    // cases API-006, API-010: keys of two tenants never meet.
    let service = TestService::with_two_tenants();
    let call = |tenant: &str, body: Value| {
        let call = service.call("POST", "/v1/presentations").key(&format!("{tenant}-key"));
        call.header("idempotency-key", "the-same").json(&body).send()
    };
    let (red, blue) = (call("red", cross_device()).await, call("blue", cross_device()).await);
    assert_eq!((red.status, blue.status), (201, 201));
    assert_ne!(red.json()["id"], blue.json()["id"]);
    assert_eq!(call("red", cross_device()).await.json(), red.json());
    assert_eq!(call("blue", json!({"preset": "schalter", "flow": "cross_device"})).await.status, 409);
    assert_eq!(read(&service, "blue", &red.json()).await.status, 404);
}

#[tokio::test]
async fn an_answer_for_one_tenant_does_not_fit_the_other() {
    // case RSP-004: the tenant comes from the transaction; there is none in the path. Encrypted, and plain with the
    // right and the wrong state.
    let service = TestService::with_two_tenants();
    for mode in ["direct_post.jwt", "direct_post"] {
        let mut body = cross_device();
        body["response_mode"] = json!(mode);
        let (red, blue) = (create(&service, "red", &body).await, create(&service, "blue", &body).await);
        let red_request = part(&service.fetch(&red).await, 1);
        let blue_request = part(&service.fetch(&blue).await, 1);
        let token = json!({"pid-de-sdjwt": [presentation(&service, &red_request, Person::Ordinary)]});
        for state in [&red_request["state"], &blue_request["state"]] {
            let content = json!({"vp_token": token, "state": state});
            let forms = if mode == "direct_post" {
                let fields = [("vp_token", token.to_string()), ("state", state.as_str().unwrap().to_owned())];
                vec![form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes()]
            } else {
                vec![sealed(&red_request, &content), sealed(&blue_request, &content)]
            };
            for form in forms {
                let (status, answer) =
                    service.send("POST", &path_of(&blue_request["response_uri"]), Some((FORM, form))).await;
                assert_eq!(status, 400, "{mode}: {answer}");
            }
        }
        let heard = read(&service, "blue", &blue).await.json();
        assert_eq!(heard["status"], "fetched");
        assert_eq!(
            heard["last_refused"]["error"]["code"], "kb_nonce_mismatch",
            "the last one decrypts, and is another's"
        );
        let untouched = read(&service, "red", &red).await.json();
        assert_eq!((untouched["status"].as_str(), untouched.get("last_refused")), (Some("fetched"), None));
        for (tenant, created) in [("red", &red), ("blue", &blue)] {
            assert_eq!(service.answer(created, service.options()).await.last_status(), Some(200));
            assert_eq!(read(&service, tenant, created).await.json()["status"], "verified");
        }
    }
}
