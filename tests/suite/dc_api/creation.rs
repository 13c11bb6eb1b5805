//! Starting such a presentation, and handing in: what is refused before anything is judged.

use super::{ORIGIN, OTHER_ORIGIN, asks_in, hand_in, honest, is_still_answerable, service, wish};
use crate::service::{RETURN_URL, TestService, told};
use pruefstein::domain::dc_api::Protocol;
use serde_json::{Value, json};

/// The places that are wrong, and the answer.
async fn faults(service: &TestService, body: &Value) -> (Vec<String>, Value) {
    let (status, problem) = service.post_json("/v1/presentations", body).await;
    assert_eq!((status, problem["code"].as_str()), (422, Some("invalid_query")), "{body}: {problem}");
    let errors = problem["errors"].as_array().unwrap();
    (errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect(), problem)
}

fn with(name: &str, value: Value) -> Value {
    let mut wish = wish();
    wish[name] = value;
    wish
}

#[tokio::test]
async fn the_page_is_exactly_one_of_the_list() {
    // DCA-07, DCA-12.
    let service = service();
    for origin in [ORIGIN, OTHER_ORIGIN] {
        assert_eq!(service.post_json("/v1/presentations", &with("origin", json!(origin))).await.0, 201);
    }
    for origin in [
        "https://antrag.stadt.example/",
        "https://antrag.stadt.example:443",
        "https://ANTRAG.stadt.example",
        "http://antrag.stadt.example",
        "https://www.antrag.stadt.example",
        "https://stadt.example",
        "origin:https://antrag.stadt.example",
        "javascript:alert(1)",
        "",
    ] {
        assert_eq!(faults(&service, &with("origin", json!(origin))).await.0, ["/origin"], "{origin}");
    }
    let mut without = wish();
    without.as_object_mut().unwrap().remove("origin");
    assert_eq!(faults(&service, &without).await.0, ["/origin"]);
}

#[tokio::test]
async fn what_does_not_fit_the_flow_is_told_at_once() {
    // DCA-04: modes of one flow are none of the other.
    let service = service();
    assert_eq!(faults(&service, &with("return_url", json!(RETURN_URL))).await.0, ["/return_url"]);
    for mode in ["direct_post.jwt", "direct_post", "fragment", ""] {
        assert_eq!(faults(&service, &with("response_mode", json!(mode))).await.0, ["/response_mode"], "{mode}");
    }
    let mut wrong = with("origin", json!("https://evil.example"));
    wrong["response_mode"] = json!("direct_post");
    assert_eq!(faults(&service, &wrong).await.0, ["/origin", "/response_mode"]);
    for mode in ["dc_api.jwt", "dc_api"] {
        let body = json!({"preset": "schalter", "flow": "cross_device", "response_mode": mode});
        assert_eq!(faults(&service, &body).await.0, ["/response_mode"], "{mode}");
    }
    for flow in ["same_device", "cross_device"] {
        let mut body = json!({"preset": "schalter", "flow": flow, "origin": ORIGIN});
        if flow == "same_device" {
            body["return_url"] = json!(RETURN_URL);
        }
        assert_eq!(faults(&service, &body).await.0, ["/origin"], "{flow}");
    }
    // Not offered: nobody has said which pages may ask.
    let closed = TestService::new();
    let (places, problem) = faults(&closed, &wish()).await;
    assert_eq!(places, ["/flow"]);
    assert!(problem["detail"].as_str().unwrap().contains("no origins"), "{problem}");
    let (_, problem) = faults(&service, &json!({"preset": "schalter"})).await;
    assert!(problem["detail"].as_str().unwrap().contains("dc_api"), "{problem}");
}

#[tokio::test]
async fn plain_answers_only_where_the_tenant_allows_them() {
    // OVP-REQ-04 in this flow, DCA-14: the report names the deviation; encrypted is not what was asked for then.
    let service = service();
    let created = service.create(&with("response_mode", json!("dc_api"))).await;
    let answer = honest(&service, &created);
    assert!(answer["data"]["vp_token"].is_object());
    let sealed = json!({"protocol": "openid4vp-v1-signed", "data": {"response": "a.b.c.d.e"}});
    let (status, problem) = hand_in(&service, &created, &sealed).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("response_malformed")));
    let (status, ended) = hand_in(&service, &created, &answer).await;
    assert_eq!((status, ended["status"].as_str()), (200, Some("verified")), "{ended}");
    let checks = ended["report"]["checks"].as_array().unwrap();
    let encryption = checks.iter().find(|check| check["check"] == "response_encryption").unwrap();
    assert!(encryption["note"].as_str().unwrap().contains("deviation"), "{encryption}");
    let strict = TestService::with(|tenant| {
        asks_in(&[Protocol::Signed])(tenant);
        tenant.plain_direct_post = false;
    });
    assert_eq!(faults(&strict, &with("response_mode", json!("dc_api"))).await.0, ["/response_mode"]);
}

#[tokio::test]
async fn only_protocol_and_data_are_handed_in() {
    // DCA-12: an origin in the call is no member of it, so nobody can believe that it counts.
    let service = service();
    let created = service.create(&wish()).await;
    let good = honest(&service, &created);
    let path = format!("{}/dc-api", crate::service::presentation_path(&created));
    for (name, value) in [("origin", json!("https://evil.example")), ("state", json!("x")), ("type", json!("digital"))]
    {
        let mut body = good.clone();
        body[name] = value;
        let (status, problem) = hand_in(&service, &created, &body).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some("invalid_query")), "{name}");
        assert_eq!(problem["errors"][0]["pointer"], format!("/{name}"));
    }
    for body in [json!({"data": good["data"]}), json!({"protocol": good["protocol"]}), json!([good]), json!("x")] {
        assert_eq!(hand_in(&service, &created, &body).await.0, 422, "{body}");
    }
    let form = service.call("POST", &path).form(&[("response", "x")]).send().await;
    assert_eq!(form.problem(), (415, "unsupported_media_type".to_owned()));
    let twice = br#"{"protocol":"openid4vp-v1-signed","data":{"response":"a"},"data":{"response":"b"}}"#;
    let (status, problem) = service.send("POST", &path, Some(("application/json", twice.to_vec()))).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("json_invalid")), "{problem}");
    assert_eq!(service.get(&path).await.0, 405);
    for wrong in [json!(7), json!(null), json!({"response": 7}), json!("{"), json!({"vp_token": "x"})] {
        let (status, problem) =
            hand_in(&service, &created, &json!({"protocol": good["protocol"], "data": wrong})).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("dcapi_response_malformed")), "{wrong}");
        assert!(told(&service.read(&created).await, "dcapi_response_malformed"));
    }
    is_still_answerable(&service, &created).await;
}
