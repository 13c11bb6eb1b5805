//! The way back to the service: return addresses, response codes, and who may see a result.

use crate::service::{RETURN_URL, TestService, presentation_path};
use pruefstein::simulator::faults::Fault;
use pruefstein::simulator::wallet::Options;
use serde_json::{Value, json};

fn same_device(return_url: &str) -> Value {
    json!({
        "preset": "schalter", "flow": "same_device", "return_url": return_url,
        "result": {"delete_after_read": false}
    })
}

/// A same-device presentation that was answered; the code from the redirect.
async fn answered(service: &TestService, fault: Option<Fault>) -> (Value, String) {
    let created = service.create(&same_device(RETURN_URL)).await;
    let report = service.answer(&created, Options { fault, ..service.options() }).await;
    let redirect = report.redirect_uri.or_else(|| {
        let body = report.replies.last().unwrap().body.as_ref().unwrap();
        body["redirect_uri"].as_str().map(str::to_owned)
    });
    let code = redirect.unwrap().strip_prefix(&format!("{RETURN_URL}?response_code=")).unwrap().to_owned();
    (created, code)
}

async fn try_code(service: &TestService, created: &Value, code: &str) -> (u16, Value) {
    service.get(&format!("{}?response_code={code}", presentation_path(created))).await
}

fn refused_as((status, body): (u16, Value), code: &str) {
    assert_eq!((status, body["code"].as_str()), (403, Some(code)), "{body}");
    assert!(body.get("result").is_none() && !body.to_string().contains("PRÜFSTEIN"), "nothing of the result: {body}");
}

#[tokio::test]
async fn a_result_opens_with_the_code_of_the_browser_that_came_back() {
    // cases SES-001 and SES-014, FIX-01: whoever knows the id but not the code sees nothing of the result.
    let service = TestService::new();
    let (created, code) = answered(&service, None).await;
    assert_eq!(code.len(), 22, "128 bits");
    refused_as(service.get(&presentation_path(&created)).await, "response_code_required");
    refused_as(service.get(&format!("{}?wait=1", presentation_path(&created))).await, "response_code_required");
    let (status, read) = try_code(&service, &created, &code).await;
    assert_eq!((status, read["status"].as_str()), (200, Some("verified")));
    assert_eq!(read["result"]["credentials"]["pid-de-sdjwt"][0]["claims"]["family_name"], "PRÜFSTEIN");
    // case SES-013: the right code opens again and again, and still nothing opens without it.
    assert_eq!(try_code(&service, &created, &code).await, (200, read));
    refused_as(service.get(&presentation_path(&created)).await, "response_code_required");
    // Neither in the page nor in the stream of events.
    let page =
        service.raw("GET", created["page_url"].as_str().unwrap().strip_prefix(crate::service::BASE).unwrap(), None);
    let page = String::from_utf8(page.await.body).unwrap();
    assert!(!page.contains(&code) && !page.contains("PRÜFSTEIN"), "{page}");
    let events = service.call("GET", &format!("{}/events", presentation_path(&created))).send().await.text();
    assert_eq!(events, "event: status\ndata: {\"status\":\"verified\"}\n\n");
}

#[tokio::test]
async fn five_wrong_codes_close_the_result() {
    // FIX-04.
    // case SES-004: also for the right code, and for ever; an absent code is no guess.
    let service = TestService::new();
    let (created, code) = answered(&service, None).await;
    let almost = format!("{}{}", &code[..21], if code.ends_with('A') { 'Q' } else { 'A' });
    for wrong in ["", "x", &almost, &code.to_lowercase()] {
        refused_as(try_code(&service, &created, wrong).await, "response_code_invalid");
        refused_as(service.get(&presentation_path(&created)).await, "response_code_required");
    }
    assert_eq!(try_code(&service, &created, &code).await.0, 200, "four wrong ones are forgiven");
    refused_as(try_code(&service, &created, &"A".repeat(5_000)).await, "response_code_invalid");
    refused_as(try_code(&service, &created, &code).await, "response_code_invalid");
    service.clock.advance(60);
    refused_as(try_code(&service, &created, &code).await, "response_code_invalid");
}

#[tokio::test]
async fn codes_of_two_sessions_do_not_fit_each_other() {
    // FIX-04.
    // case RSP-034: a swap of two answers shows. case SES-016: whoever sends a victim back with the code of a presentation
    // of their own finds that the caller asks with the id of the victim's session; our name for it is that of a wrong code.
    let service = TestService::new();
    let ((one, one_code), (other, other_code)) = (answered(&service, None).await, answered(&service, None).await);
    assert_ne!(one_code, other_code);
    refused_as(try_code(&service, &one, &other_code).await, "response_code_invalid");
    refused_as(try_code(&service, &other, &one_code).await, "response_code_invalid");
    assert_eq!(try_code(&service, &one, &one_code).await.0, 200);
    assert_eq!(try_code(&service, &other, &other_code).await.0, 200);
}

#[tokio::test]
async fn people_come_back_after_a_refusal_too() {
    // OVP-RESP-07: declined and rejected give a way back; why is no secret of the person's, so it needs no code.
    let service = TestService::new();
    for (fault, status) in [(Fault::ErrorAccessDenied, "declined"), (Fault::StatusRevoked, "rejected")] {
        let (created, code) = answered(&service, Some(fault)).await;
        let read = service.read(&created).await;
        assert_eq!((read["status"].as_str(), &read["result"]), (Some(status), &Value::Null));
        assert_eq!(try_code(&service, &created, &code).await, (200, read));
    }
}

#[tokio::test]
async fn return_addresses_are_compared_to_the_letter() {
    // cases SES-008 and SES-009, FIX-07.
    let with_query = "https://antrag.stadt.example/weiter?vorgang=7&sprache=de";
    let service = TestService::with(|tenant| tenant.return_urls.push(with_query.to_owned()));
    for wrong in [
        "",
        "/weiter",
        "//antrag.stadt.example/weiter",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://antrag.stadt.example/weiter",
        "HTTPS://antrag.stadt.example/weiter",
        "https://ANTRAG.stadt.example/weiter",
        "https://antrag.stadt.example./weiter",
        "https://antrag.stadt.example:443/weiter",
        "https://antrag.stadt.example:8443/weiter",
        "https://antrag.stadt.example/Weiter",
        "https://antrag.stadt.example/weiter/",
        "https://antrag.stadt.example/./weiter",
        "https://antrag.stadt.example/x/../weiter",
        "https://antrag.stadt.example/%77eiter",
        "https://antrag.stadt.example/weiter?",
        "https://antrag.stadt.example/weiter?next=https://elsewhere.example",
        "https://antrag.stadt.example/weiter#",
        "https://antrag.stadt.example/weiter ",
        " https://antrag.stadt.example/weiter",
        "https://user@antrag.stadt.example/weiter",
        "https://antrag.stadt.example@elsewhere.example/weiter",
        "https://antrag.stadt.example.elsewhere.example/weiter",
        "https://*.stadt.example/weiter",
        "https://аntrag.stadt.example/weiter",
        "https://xn--ntrag-3ve.stadt.example/weiter",
        "https://antrag.stadt.example\\weiter",
        "https://antrag.stadt.example/weiter\u{0}",
        "https://antrag.stadt.example/weiter?vorgang=7",
    ] {
        let (status, problem) = service.post_json("/v1/presentations", &same_device(wrong)).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some("invalid_redirect_uri")), "{wrong}");
    }
    // An address with a query of its own keeps it.
    let created = service.create(&same_device(with_query)).await;
    let redirect = service.answer(&created, service.options()).await.redirect_uri.unwrap();
    let code = redirect.strip_prefix(&format!("{with_query}&response_code=")).unwrap();
    assert_eq!(try_code(&service, &created, code).await.0, 200);
}

#[tokio::test]
async fn a_tenant_may_do_without_the_cross_device_flow() {
    // case SES-010: refused by policy where it is off; flagged in the result and short-lived where it is on.
    let off = TestService::with(|tenant| tenant.cross_device = false);
    let body = json!({"preset": "schalter", "flow": "cross_device"});
    let (status, problem) = off.post_json("/v1/presentations", &body).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("cross_device_not_allowed")));
    assert_eq!(off.post_json("/v1/presentations", &same_device(RETURN_URL)).await.0, 201);

    let on = TestService::new();
    let created = on.create_preset("schalter").await;
    assert_eq!(created["flow"], "cross_device");
    let report = on.answer(&created, on.options()).await;
    assert_eq!(report.redirect_uri, None, "nobody is sent anywhere");
    let read = on.read(&created).await;
    assert_eq!((read["flow"].as_str(), read["status"].as_str()), (Some("cross_device"), Some("verified")));
    // case SES-012: the caller is told that nobody knows where the wallet was; that decides nothing by itself. On the same
    // device there is nothing to say.
    assert_eq!(read["proximity"], "not_established");
    let created = on.create(&same_device(RETURN_URL)).await;
    on.answer(&created, Options { fault: Some(Fault::ErrorAccessDenied), ..on.options() }).await;
    assert!(on.read(&created).await.get("proximity").is_none());
    let lives = |mut body: Value, seconds: u32| {
        body["expires_in"] = json!(seconds);
        body
    };
    for (seconds, status) in [(29, 422), (30, 201), (600, 201), (601, 422), (0, 422), (u32::MAX, 422)] {
        assert_eq!(on.post_json("/v1/presentations", &lives(body.clone(), seconds)).await.0, status, "{seconds}");
    }
    for (seconds, status) in [(900, 201), (901, 422)] {
        let body = lives(same_device(RETURN_URL), seconds);
        assert_eq!(on.post_json("/v1/presentations", &body).await.0, status, "{seconds}");
    }
}

#[tokio::test]
async fn a_code_in_vain_for_the_cross_device_flow() {
    // There is no code in this flow, and none is asked for.
    let service = TestService::new();
    let created = service.create_preset("schalter").await;
    service.answer(&created, service.options()).await;
    for code in ["", "x", "AAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(try_code(&service, &created, code).await.0, 200);
    }
    for _ in 0..6 {
        try_code(&service, &created, "wrong").await;
    }
    assert_eq!(service.status(&created).await, "verified");
}

#[tokio::test]
async fn a_stolen_id_opens_no_stream() {
    // case SES-017: the id of a presentation is no secret that opens anything; a stream needs its caller's key.
    let service = TestService::with_two_tenants();
    let body = json!({"preset": "schalter", "flow": "cross_device"});
    let red = |method: &str, path: &str| service.call(method, path).header("authorization", "Bearer red-key");
    let created = red("POST", "/v1/presentations").json(&body).send().await.json();
    let id = created["id"].as_str().unwrap();
    let path = presentation_path(&created);
    for path in [format!("{path}/events"), path.clone(), format!("{path}?wait=30"), format!("{path}/qr.svg")] {
        let stranger = service.call("GET", &path).send().await;
        assert_eq!(stranger.problem(), (401, "unauthenticated".to_owned()), "{path}");
        let other = service.call("GET", &path).header("authorization", "Bearer blue-key").send().await;
        assert_eq!(other.problem(), (404, "unknown_transaction".to_owned()), "{path}");
    }
    for public in [format!("/p/{id}"), format!("/p/{id}/qr.svg"), format!("/wallet/requests/{id}")] {
        assert_eq!(service.call("GET", &public).send().await.status, 404, "{public}");
    }
    assert_eq!(red("GET", &format!("{path}/events")).open().await.status(), 200);
}
