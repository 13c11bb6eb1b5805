//! Answers of wallets: which end a transaction, which leave it open, and what the caller reads of each.

use super::{Sealing, presentation, sealed};
use crate::privacy::Log;
use crate::service::{BASE, FORM, NOW, STATUS_BASE, TestService, part, path_of, presentation_path, told};
use pruefstein::demo::World;
use pruefstein::domain::verify::response::WALLET_ERRORS;
use pruefstein::simulator::faults::Fault;
use pruefstein::simulator::people::Person;
use pruefstein::simulator::wallet::{Options, Show};
use serde_json::{Value, json};
use std::sync::Arc;

/// The path for answers, and what was asked.
async fn asked(service: &TestService, created: &Value) -> (String, Value) {
    let request = part(&service.fetch(created).await, 1);
    (path_of(&request["response_uri"]), request)
}

/// A good `vp_token` of the ordinary person.
fn vp_token(service: &TestService, request: &Value) -> Value {
    json!({"pid-de-sdjwt": [presentation(service, request, Person::Ordinary)]})
}

async fn is_still_answerable(service: &TestService, created: &Value) {
    assert_eq!(service.status(created).await, "fetched");
    assert_eq!(service.answer(created, service.options()).await.last_status(), Some(200));
    assert_eq!(service.status(created).await, "verified");
}

#[tokio::test]
async fn the_state_of_another_transaction() {
    // OVP-RESP-18, NON-09.
    // case RSP-001: both are live, the answer is perfect but for its state; both stay as they were.
    let service = TestService::new();
    let (one, other) = (service.create_preset("bewohnerparken").await, service.create_preset("bewohnerparken").await);
    let ((path, request), (_, other_request)) = (asked(&service, &one).await, asked(&service, &other).await);
    let answer = json!({"vp_token": vp_token(&service, &request), "state": other_request["state"]});
    let (status, body) = service.send("POST", &path, Some((FORM, sealed(&request, &answer)))).await;
    assert_eq!((status, body["error"].as_str()), (400, Some("invalid_request")));
    assert!(told(&service.read(&one).await, "state_mismatch"));
    assert!(service.read(&other).await.get("last_refused").is_none(), "the other one heard nothing");
    is_still_answerable(&service, &one).await;
    is_still_answerable(&service, &other).await;
}

#[tokio::test]
async fn a_state_that_is_missing_or_odd() {
    // NON-03, NON-09: one answer for all of them.
    // case RSP-002: absent, null, another type, empty, cut, longer; encrypted and plain.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let (path, request) = asked(&service, &created).await;
    let state = request["state"].as_str().unwrap();
    for wrong in [
        Value::Null,
        json!(7),
        json!([state]),
        json!(""),
        json!(&state[..21]),
        json!(format!("{state} ")),
        json!(state.to_lowercase()),
    ] {
        let answer = json!({"vp_token": vp_token(&service, &request), "state": wrong});
        assert_eq!(service.send("POST", &path, Some((FORM, sealed(&request, &answer)))).await.0, 400, "{wrong}");
        assert!(told(&service.read(&created).await, "state_mismatch"), "{wrong}");
    }
    // A state beside the JWE does not stand in for the one within.
    let jwe = sealed(&request, &json!({"vp_token": vp_token(&service, &request)}));
    let body = [jwe, format!("&state={state}").into_bytes()].concat();
    assert_eq!(service.send("POST", &path, Some((FORM, body))).await.0, 400);
    is_still_answerable(&service, &created).await;
}

#[tokio::test]
async fn the_first_end_stays() {
    // OVP-RESP-12, OVP-RESP-15, FIX-11, KB-14: whether it is open is asked first, and the first end is the only one.
    // cases RSP-010, RSP-011, RSP-012: whatever comes after an end, the end stays to the letter.
    for first in ["verified", "declined", "rejected", "cancelled", "expired"] {
        let service = TestService::new();
        let created = service.create_preset("bewohnerparken").await;
        let (path, request) = asked(&service, &created).await;
        let later = service.composed(&created, service.options()).await;
        let fault = |fault| Options { fault: Some(fault), ..service.options() };
        match first {
            "verified" => drop(service.answer(&created, service.options()).await),
            "declined" => drop(service.answer(&created, fault(Fault::ErrorAccessDenied)).await),
            "rejected" => drop(service.answer(&created, fault(Fault::StatusRevoked)).await),
            "cancelled" => drop(service.send("DELETE", &presentation_path(&created), None).await),
            _ => service.clock.advance(300),
        }
        let end = service.read(&created).await;
        assert_eq!(end["status"], first);
        let expected = if first == "expired" { 410 } else { 409 };
        let state = request["state"].as_str().unwrap();
        let declined = format!("error=access_denied&state={state}").into_bytes();
        let junk = b"response=junk".to_vec();
        for (what, status) in [
            ("honest", service.deliver(&later[0]).await.status),
            ("declined", service.send("POST", &path, Some((FORM, declined))).await.0),
            ("junk", service.send("POST", &path, Some((FORM, junk))).await.0),
        ] {
            assert_eq!(status, expected, "{what} after {first}");
            assert_eq!(service.read(&created).await, end, "{what} after {first}");
        }
    }
}

#[tokio::test]
async fn errors_of_wallets_need_the_state() {
    // ERR-03, ERR-11.
    // case RSP-013: forged errors leave the transaction open.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let path = asked(&service, &created).await.0;
    for body in
        ["error=access_denied", "error=access_denied&state=", "error=access_denied&state=AAAAAAAAAAAAAAAAAAAAAA"]
    {
        assert_eq!(service.send("POST", &path, Some((FORM, body.as_bytes().to_vec()))).await.0, 400, "{body}");
        assert!(told(&service.read(&created).await, "state_mismatch"), "{body}");
    }
    is_still_answerable(&service, &created).await;
}

#[tokio::test]
async fn errors_of_wallets_decline() {
    // ERR-01, ERR-02, ERR-07, ERR-13, ERR-14, OVP-RESP-05; RPC-21: nothing wider is asked for then.
    // cases RSP-014 and RSP-016: plain is taken and marked; unknown ones are kept as `other`, their text nowhere.
    let cases = [
        ("access_denied", false, "access_denied", "not authenticated"),
        ("access_denied", true, "access_denied", "encrypted"),
        ("vp_formats_not_supported", false, "vp_formats_not_supported", "not authenticated"),
        ("../../etc/passwd", false, "other", "not authenticated"),
        ("\u{1b}[31m\nlevel=error", false, "other", "not authenticated"),
        ("wallet_is_tired", true, "other", "encrypted"),
    ];
    for (error, encrypted, kept, mark) in cases {
        let service = TestService::new();
        let created = service.create_preset("bewohnerparken").await;
        let (path, request) = asked(&service, &created).await;
        let state = request["state"].as_str().unwrap();
        let answer = if encrypted {
            let content = json!({"error": error, "error_description": "because HTT-029", "state": state});
            service.call("POST", &path).header("content-type", FORM).body(sealed(&request, &content)).send().await
        } else {
            let fields = [("error", error), ("error_description", "because HTT-029"), ("state", state)];
            service.call("POST", &path).form(&fields).send().await
        };
        assert_eq!((answer.status, answer.json()), (200, json!({})), "{error}");
        let read = service.read(&created).await;
        assert_eq!(
            (read["status"].as_str(), read["error"]["code"].as_str()),
            (Some("declined"), Some("wallet_error_recorded"))
        );
        let detail = read["error"]["detail"].as_str().unwrap();
        assert!(detail.contains(&format!(" {kept} ")) && detail.contains(mark), "{detail}");
        assert!(kept == error || !read.to_string().contains(error), "{read}");
        assert!(!read.to_string().contains("HTT-029"), "the wallet's text is kept nowhere");
        assert_eq!((&read["result"], &read["report"]), (&Value::Null, &Value::Null));
    }
}

#[tokio::test]
async fn every_error_of_a_wallet_is_known_and_faults_of_ours_are_told_apart() {
    // ERR-04 to 06, ERR-08 to 13: each by its name, plain and encrypted; what a wallet finds wrong with the request is no
    // refusal by the person, and does not read like one.
    let blames = [
        "invalid_client",
        "invalid_request",
        "invalid_request_object",
        "invalid_request_uri",
        "invalid_request_uri_method",
        "invalid_scope",
        "invalid_transaction_data",
        "request_not_supported",
        "request_uri_not_supported",
        "unauthorized_client",
        "unsupported_response_type",
    ];
    let (log, _guard) = Log::capture();
    for (number, error) in WALLET_ERRORS.into_iter().enumerate() {
        let service = TestService::new();
        let created = service.create_preset("bewohnerparken").await;
        let (path, request) = asked(&service, &created).await;
        let answer = if number % 2 == 0 {
            let content = json!({"error": error, "state": request["state"]});
            service.call("POST", &path).header("content-type", FORM).body(sealed(&request, &content)).send().await
        } else {
            let state = request["state"].as_str().unwrap();
            service.call("POST", &path).form(&[("error", error), ("state", state)]).send().await
        };
        assert_eq!((answer.status, answer.json()), (200, json!({})), "{error}");
        let read = service.read(&created).await;
        assert_eq!((read["status"].as_str(), &read["result"]), (Some("declined"), &Value::Null), "{error}");
        let detail = read["error"]["detail"].as_str().unwrap();
        assert!(detail.contains(&format!(" {error} ")), "{detail}");
        assert_eq!(detail.contains("finds fault with the request"), blames.contains(&error), "{detail}");
        let warned = String::from_utf8(log.bytes()).unwrap().contains(&format!("\"{error}\""));
        assert_eq!(warned, blames.contains(&error), "an alarm for {error}");
    }
}

#[tokio::test]
async fn forms_that_cannot_be_read() {
    // OVP-RESP-01, ERR-16.
    // cases RSP-019, RSP-020, RSP-021, RSP-023, RSP-025: each with its code, and an honest answer after each.
    let faults = [
        (Fault::ParameterTwice, None),
        (Fault::VpTokenInQuery, None),
        (Fault::VpTokenText, Some("vp_token_malformed")),
        (Fault::VpTokenArray, Some("vp_token_malformed")),
        (Fault::VpTokenNumber, Some("vp_token_malformed")),
        (Fault::PresentationsNotArray, Some("vp_token_malformed")),
        (Fault::PresentationObject, Some("vp_token_malformed")),
        (Fault::PresentationsEmpty, Some("query_not_satisfied")),
        (Fault::PostedJson, None),
        (Fault::PostedText, None),
        (Fault::SentWithGet, None),
        (Fault::BodyTooLarge, None),
        (Fault::FormEmpty, Some("response_malformed")),
    ];
    for (fault, code) in faults {
        let service = TestService::new();
        let created = service.create_preset("bewohnerparken").await;
        let report = service.answer(&created, Options { fault: Some(fault), ..service.options() }).await;
        assert_eq!(report.last_status(), Some(fault.expected().http), "{}", fault.name());
        let read = service.read(&created).await;
        assert_eq!(read["last_refused"]["error"]["code"].as_str(), code, "{}", fault.name());
        is_still_answerable(&service, &created).await;
    }
}

#[tokio::test]
async fn each_known_field_comes_once() {
    // case RSP-019: state and error too, and equal values are no excuse; multipart is no form (RSP-025).
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let (path, request) = asked(&service, &created).await;
    let state = request["state"].as_str().unwrap();
    for body in [
        format!("error=access_denied&state={state}&state={state}"),
        format!("error=access_denied&error=access_denied&state={state}"),
        format!("error=access_denied&state={state}&st%61te={state}"),
        format!("vp_token=%7B%7D&vp_token=%7B%7D&state={state}"),
        format!("error=access_denied&state={state}&error_description=a&error_description=b"),
    ] {
        let (status, answer) = service.send("POST", &path, Some((FORM, body.into_bytes()))).await;
        assert_eq!((status, answer["error"].as_str()), (400, Some("invalid_request")));
    }
    let multipart = format!("--x\r\ncontent-disposition: form-data; name=\"state\"\r\n\r\n{state}\r\n--x--\r\n");
    for kind in ["multipart/form-data; boundary=x", "text/plain", "application/xml", "", FORM.trim_start_matches('a')] {
        let (status, _) = service.send("POST", &path, Some((kind, multipart.clone().into_bytes()))).await;
        assert_eq!(status, 415, "{kind}");
    }
    is_still_answerable(&service, &created).await;
}

#[tokio::test]
async fn what_nobody_asked_for_is_ignored() {
    // cases RSP-027, RSP-028: unknown fields, also many and twice; an id_token is never anybody's identity.
    let service = TestService::new();
    for fault in [Fault::ParametersExtra, Fault::IdTokenExtra] {
        let created = service.create_preset("bewohnerparken").await;
        let report = service.answer(&created, Options { fault: Some(fault), ..service.options() }).await;
        assert_eq!(report.last_status(), Some(200), "{}", fault.name());
        let read = service.read(&created).await;
        assert_eq!(read["status"], "verified");
        assert!(!read.to_string().contains("somebody-else"));
    }
    let created = service.create_preset("bewohnerparken").await;
    let (path, request) = asked(&service, &created).await;
    let answer = json!({
        "vp_token": vp_token(&service, &request), "state": request["state"],
        "presentation_submission": {"id": "x"}, "id_token": "x", "expires_in": 7
    });
    let extra = "&x=1".repeat(500).into_bytes();
    let body = [sealed(&request, &answer), extra].concat();
    assert_eq!(service.send("POST", &path, Some((FORM, body))).await, (200, json!({})));
}

#[tokio::test]
async fn more_than_was_asked_for_is_dropped() {
    // case PRI-012 at the level of the flow: a careless wallet shows everything.
    let service = TestService::new();
    let created = service.create_preset("schalter").await;
    service.answer(&created, Options { show: Show::Everything, ..service.options() }).await;
    let read = service.read(&created).await;
    let claims = read["result"]["credentials"]["pid-de-sdjwt"][0]["claims"].as_object().unwrap();
    let mut names: Vec<&str> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["birthdate", "family_name", "given_name"]);
}

#[tokio::test]
async fn an_answer_without_any_presentation() {
    // catalogue rules 1 and 6: anybody who saw the request can send this, so it ends nothing; and it is accepted never,
    // not even where every credential is optional.
    let service = TestService::new();
    let credential = json!({
        "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]}, "claims": [{"path": ["family_name"]}]
    });
    for query in [
        json!({"credentials": [credential]}),
        json!({"credentials": [credential], "credential_sets": [{"options": [["pid"]], "required": false}]}),
    ] {
        let created = service.create(&json!({"dcql_query": query, "flow": "cross_device"})).await;
        let (path, request) = asked(&service, &created).await;
        let answer = json!({"vp_token": {}, "state": request["state"]});
        assert_eq!(service.send("POST", &path, Some((FORM, sealed(&request, &answer)))).await.0, 400);
        assert!(told(&service.read(&created).await, "query_not_satisfied"));
        let token = json!({"pid": [presentation(&service, &request, Person::Ordinary)]});
        let answer = json!({"vp_token": token, "state": request["state"]});
        assert_eq!(service.send("POST", &path, Some((FORM, sealed(&request, &answer)))).await.0, 200);
        assert_eq!(service.status(&created).await, "verified");
    }
}

#[tokio::test]
async fn an_answer_to_what_nobody_collected() {
    // OVP-RESP-12.
    // case RSP-032: nobody can know its nonce.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let path = path_of(&created["request_uri"]).replace("requests", "responses");
    let (status, body) = service.send("POST", &path, Some((FORM, b"response=x".to_vec()))).await;
    assert_eq!((status, body["error"].as_str()), (400, Some("invalid_request")));
    assert_eq!(service.status(&created).await, "open");
    assert_eq!(service.answer(&created, service.options()).await.last_status(), Some(200));
}

#[tokio::test]
async fn a_plain_answer_where_the_tenant_allows_it() {
    // OVP-REQ-04: direct_post is marked in the report; where encryption was asked for, plain is refused.
    let service = TestService::new();
    let body = json!({"preset": "schalter", "flow": "cross_device", "response_mode": "direct_post"});
    let created = service.create(&body).await;
    assert_eq!(service.answer(&created, service.options()).await.last_status(), Some(200));
    let read = service.read(&created).await;
    let checks = read["report"]["checks"].as_array().unwrap();
    let encryption = checks.iter().find(|check| check["check"] == "response_encryption").unwrap();
    assert!(encryption["note"].as_str().unwrap().contains("deviation"), "{encryption}");
    let created = service.create(&body).await;
    let request = part(&service.fetch(&created).await, 1);
    let answer = json!({"vp_token": vp_token(&service, &request), "state": request["state"]});
    let jwk = pruefstein::domain::jose::keys::EphemeralKey::from_scalar([3; 32]).unwrap().announced_jwk().unwrap().0;
    let sealed = Sealing { jwk: &jwk, enc: "A256GCM" }.seal(&answer);
    assert_eq!(service.send("POST", &path_of(&request["response_uri"]), Some((FORM, sealed))).await.0, 400);
    assert!(told(&service.read(&created).await, "response_malformed"), "{}", service.read(&created).await);
}

#[tokio::test]
async fn a_renewed_certificate_leaves_open_requests_as_they_were() {
    // OVP-CID-01, OVP-CID-04: the service starts anew with another certificate, so with another name. What was asked under
    // the old one is answered to the old one.
    let old = TestService::new();
    let created = old.create_preset("bewohnerparken").await;
    let (path, request) = asked(&old, &created).await;
    let world = World::new([9; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
    let renewed = TestService::in_world(world, NOW, BASE, Arc::clone(&old.store), |_| {});
    let new_id = renewed.create_preset("bewohnerparken").await["client_id"].clone();
    assert_ne!(new_id, request["client_id"]);
    let mut under_the_new_name = request.clone();
    under_the_new_name["client_id"] = new_id;
    for (asked, status) in [(&under_the_new_name, 400), (&request, 200)] {
        let answer = json!({"vp_token": vp_token(&renewed, asked), "state": request["state"]});
        let sent = renewed.send("POST", &path, Some((FORM, sealed(&request, &answer)))).await;
        assert_eq!(sent.0, status, "{}", renewed.read(&created).await);
        let refused = told(&renewed.read(&created).await, "kb_aud_mismatch");
        assert_eq!(refused, status == 400);
    }
    assert_eq!(renewed.status(&created).await, "verified");
}
