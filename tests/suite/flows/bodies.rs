//! Bodies that are not what they should be, on every route that takes one: never a panic, never a fault of ours.

use super::{presentation, sealed};
use crate::service::{Answer, FORM, RETURN_URL, TestService, part, path_of, presentation_path};
use pruefstein::simulator::people::Person;
use serde_json::{Value, json};

const ROUTES: [&str; 3] = ["/v1/presentations", "/v1/verifications", "/v1/queries/check"];

fn good(route: &str) -> Value {
    match route {
        "/v1/presentations" => json!({
            "preset": "schalter", "flow": "same_device", "return_url": RETURN_URL, "response_mode": "direct_post.jwt",
            "transaction_data": [], "purpose": {"de": "x", "en": "y"}, "reference": "A-1", "expires_in": 300,
            "result": {"ttl_seconds": 900, "delete_after_read": false}
        }),
        "/v1/verifications" => json!({
            "format": "dc+sd-jwt", "presentation": "a.b.c~", "nonce": "n", "audience": "a", "at": "2027-01-01T00:00:00Z",
            "dcql_query": query(), "transaction_data": ["eyJ0eXBlIjoidCIsImNyZWRlbnRpYWxfaWRzIjpbInBpZCJdfQ"]
        }),
        _ => json!({"dcql_query": query()}),
    }
}

fn query() -> Value {
    json!({
        "credentials": [{
            "id": "pid", "format": "dc+sd-jwt", "multiple": false, "require_cryptographic_holder_binding": true,
            "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
            "claims": [{"id": "a", "path": ["nationalities", null], "values": ["DE"]}, {"id": "b", "path": ["x", 0]}],
            "claim_sets": [["a", "b"], ["a"]],
            "trusted_authorities": [{"type": "aki", "values": ["x"]}]
        }],
        "credential_sets": [{"options": [["pid"]], "required": true}]
    })
}

fn of_every_type() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(""),
        json!("x"),
        json!("\u{0}\u{ffff}ä"),
        json!("x".repeat(20_000)),
        json!([]),
        json!({}),
        json!([null]),
        json!([[[]]]),
        json!({"": {"": 0}}),
    ]
}

/// Every place in a document, the root first.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| places(value, &format!("{here}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| places(value, &format!("{here}/{index}"), found));
        }
        _ => {}
    }
}

/// What holds for every answer to a caller: a 2xx, or a problem document of the 4xx class.
fn is_sound(answer: &Answer, what: &str) {
    let body = answer.json();
    if !(200..300).contains(&answer.status) {
        assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}: {}", answer.text());
        assert_eq!(body["status"], answer.status, "{what}");
        for name in ["type", "title", "code", "detail", "hint"] {
            assert!(body[name].as_str().is_some_and(|text| !text.is_empty()), "{what}: {name} in {body}");
        }
    }
    assert!(answer.body.len() < 64 * 1024, "{what}: {}", answer.body.len());
}

#[tokio::test]
async fn every_member_as_every_type() {
    let service = TestService::new();
    let mut played = 0;
    for route in ROUTES {
        let good = good(route);
        let answer = service.call("POST", route).json(&good).send().await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text());
        let mut all = Vec::new();
        places(&good, "", &mut all);
        for place in all {
            for other in of_every_type() {
                let mut body = good.clone();
                *body.pointer_mut(&place).unwrap() = other.clone();
                let answer = service.call("POST", route).json(&body).send().await;
                let shown: String = other.to_string().chars().take(40).collect();
                is_sound(&answer, &format!("{route} {place} = {shown}"));
                // What cannot be read is pointed at.
                if answer.status == 422 && answer.json()["code"] == "invalid_query" {
                    assert!(answer.json()["errors"][0]["pointer"].is_string(), "{route} {place} = {shown}");
                }
                played += 1;
            }
        }
    }
    assert!(played > 1_000, "{played}");
}

#[tokio::test]
async fn a_member_of_a_wrong_type_is_pointed_at() {
    let service = TestService::new();
    for (place, wrong) in [
        ("/preset", json!(1)),
        ("/flow", json!([])),
        ("/purpose", json!("x")),
        ("/purpose/de", json!(1)),
        ("/expires_in", json!("300")),
        ("/expires_in", json!(-1)),
        ("/expires_in", json!(1.5)),
        ("/expires_in", json!(u64::MAX)),
        ("/transaction_data", json!({})),
        ("/result/delete_after_read", json!("false")),
    ] {
        let mut body = good("/v1/presentations");
        *body.pointer_mut(place).unwrap() = wrong.clone();
        let answer = service.call("POST", "/v1/presentations").json(&body).send().await;
        assert_eq!((answer.status, answer.json()["errors"][0]["pointer"].as_str()), (422, Some(place)), "{wrong}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_json() {
    // JSN cases at the door: strict JSON, once and whole.
    let service = TestService::new();
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let many = format!("{{\"dcql_query\":[{}0]}}", "0,".repeat(20_000));
    let huge = vec![b' '; 3 << 20];
    let bodies: [(&[u8], u16); 18] = [
        (b"", 400),
        (b" ", 400),
        (b"{", 400),
        (b"nul", 400),
        (b"{}{}", 400),
        (b"{} x", 400),
        (b"{'a':1}", 400),
        (b"{\"a\":1,}", 400),
        (b"{\"a\":1,\"a\":2}", 400),
        (b"{\"flow\":\"a\",\"fl\\u006fw\":\"b\"}", 400),
        (b"\xef\xbb\xbf{}", 400),
        (b"\xff\xfe{\0}\0", 400),
        (b"{\"a\":\"\xff\"}", 400),
        (b"{\"a\":\"\\ud800\"}", 400),
        (b"{\"a\":NaN}", 400),
        (deep.as_bytes(), 400),
        (many.as_bytes(), 400),
        (&huge, 413),
    ];
    for route in ROUTES {
        for (body, status) in bodies {
            let call = service.call("POST", route).header("content-type", "application/json");
            let answer = call.body(body.to_vec()).send().await;
            let shown = format!("{route} {}", String::from_utf8_lossy(&body[..body.len().min(30)]));
            assert_eq!(answer.status, status, "{shown}: {}", answer.text());
            is_sound(&answer, &shown);
        }
    }
}

#[tokio::test]
async fn media_types_are_compared_as_such() {
    // cases HTT-007, HTT-023, HTT-024: text/plain would come without a preflight from any page of the web.
    let service = TestService::new();
    for route in ROUTES {
        let body = good(route).to_string().into_bytes();
        for kind in [
            "text/plain",
            "text/plain;application/json",
            "application/x-www-form-urlencoded",
            "",
            "json",
            "application/jsonx",
            "application/json-patch+json",
            "multipart/form-data; boundary=application/json",
            "*/*",
        ] {
            let answer = service.call("POST", route).header("content-type", kind).body(body.clone()).send().await;
            assert_eq!(answer.problem(), (415, "unsupported_media_type".to_owned()), "{route} {kind}");
        }
        assert_eq!(service.call("POST", route).body(body.clone()).send().await.status, 415, "no type at all");
        for kind in ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/json ;x=y"]
        {
            let answer = service.call("POST", route).header("content-type", kind).body(body.clone()).send().await;
            assert!(matches!(answer.status, 200 | 201), "{route} {kind}: {}", answer.text());
        }
        for coding in ["gzip", "br", "identity, gzip"] {
            let call = service.call("POST", route).header("content-type", "application/json");
            assert_eq!(call.header("content-encoding", coding).body(body.clone()).send().await.status, 415, "{coding}");
        }
    }
}

#[tokio::test]
async fn wallet_forms_of_any_kind() {
    // Every member of the answer inside the encryption and of the form outside, as every type: 400 and still open.
    let service = TestService::new();
    let mut created = service.create_preset("bewohnerparken").await;
    let mut request = part(&service.fetch(&created).await, 1);
    let mut tries = 0;
    let token = |request: &Value| json!({"pid-de-sdjwt": [presentation(&service, request, Person::Ordinary)]});
    for place in ["", "/state", "/vp_token", "/vp_token/pid-de-sdjwt", "/vp_token/pid-de-sdjwt/0"] {
        for other in of_every_type() {
            // Ten tries a minute and twenty in all: time goes on, and there is always a new transaction.
            if tries % 10 == 0 {
                created = service.create_preset("bewohnerparken").await;
                request = part(&service.fetch(&created).await, 1);
            }
            tries += 1;
            let mut content = json!({"vp_token": token(&request), "state": request["state"]});
            *content.pointer_mut(place).unwrap() = other.clone();
            let path = path_of(&request["response_uri"]);
            let (status, answer) = service.send("POST", &path, Some((FORM, sealed(&request, &content)))).await;
            let shown: String = other.to_string().chars().take(40).collect();
            assert_eq!(status, 400, "{place} = {shown}: {answer}");
            assert_eq!(service.status(&created).await, "fetched", "{place} = {shown}");
        }
    }
    for form in [
        &b"response="[..],
        b"response",
        b"=",
        b"&&&&",
        b"response=%",
        b"response=%ff%fe",
        b"\xff\xfe\x00",
        b"response=....",
        b"response=a.b.c.d.e",
        b"response[]=x",
        b"vp_token={}&state=x",
        b"error=",
        b"error",
        b"state=x",
    ] {
        created = service.create_preset("bewohnerparken").await;
        request = part(&service.fetch(&created).await, 1);
        let (status, answer) =
            service.send("POST", &path_of(&request["response_uri"]), Some((FORM, form.to_vec()))).await;
        assert_eq!(status, 400, "{}", String::from_utf8_lossy(form));
        let error = answer["error"].as_str();
        assert!(matches!(error, Some("invalid_request" | "invalid_presentation")), "{answer}");
        assert_eq!(service.answer(&created, service.options()).await.last_status(), Some(200));
    }
    assert_eq!(service.get(&presentation_path(&created)).await.0, 200);
}
