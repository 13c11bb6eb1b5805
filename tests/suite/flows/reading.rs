//! How callers follow a presentation: reading, waiting, listening, calling off, erasing.

use crate::service::{Answer, RETURN_URL, TestService, presentation_path};
use futures_util::StreamExt as _;
use pruefstein::http::{Front, NoObserver, callers::Callers, router};
use pruefstein::simulator::faults::Fault;
use pruefstein::simulator::wallet::Options;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn every_state_as_the_caller_reads_it() {
    let service = TestService::new();
    let body = json!({"preset": "schalter", "flow": "cross_device", "reference": "A-2027/1", "expires_in": 60,
        "result": {"delete_after_read": false}});
    for state in ["open", "fetched", "verified", "rejected", "declined", "expired", "cancelled"] {
        let created = service.create(&body).await;
        let fault = |fault| Options { fault: Some(fault), ..service.options() };
        match state {
            "fetched" => drop(service.fetch(&created).await),
            "verified" => drop(service.answer(&created, service.options()).await),
            "rejected" => drop(service.answer(&created, fault(Fault::StatusSuspended)).await),
            "declined" => drop(service.answer(&created, fault(Fault::ErrorAccessDenied)).await),
            "expired" => service.clock.advance(60),
            "cancelled" => assert_eq!(service.send("DELETE", &presentation_path(&created), None).await.0, 204),
            _ => {}
        }
        let read = service.read(&created).await;
        assert_eq!(read["status"], state);
        for (name, expected) in [("id", &created["id"]), ("expires_at", &created["expires_at"])] {
            assert_eq!(&read[name], expected, "{state} {name}");
        }
        assert_eq!((read["reference"].as_str(), read["preset"].as_str()), (Some("A-2027/1"), Some("schalter")));
        // case API-015: claims appear under `verified` only.
        assert_eq!(read["result"].is_object(), state == "verified", "{state}");
        assert_eq!(read["report"].is_object(), matches!(state, "verified" | "rejected"), "{state}");
        assert_eq!(read["error"].is_object(), matches!(state, "rejected" | "declined"), "{state}");
        assert_eq!(read["finished_at"].is_string(), !matches!(state, "open" | "fetched"), "{state}");
        assert!(state == "verified" || !read.to_string().contains("claims\":"), "{read}");
        let problem = |answer: Answer| answer.problem();
        let picture = problem(service.call("GET", &format!("{}/qr.svg", presentation_path(&created))).send().await);
        let ended = (410, "request_expired".to_owned());
        assert_eq!(picture == ended, !matches!(state, "open" | "fetched"), "{state}: {picture:?}");
    }
}

#[tokio::test]
async fn the_query_of_a_reading_is_strict() {
    let service = TestService::new();
    let path = presentation_path(&service.create_preset("schalter").await);
    for query in [
        "wait=31",
        "wait=-1",
        "wait=x",
        "wait=",
        "wait=1&wait=2",
        "response_code=a&response_code=b",
        "x=1",
        "wait=99999999999999999999",
    ] {
        let (status, problem) = service.get(&format!("{path}?{query}")).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("bad_request")), "{query}");
    }
    for id in ["x", "AAAAAAAAAAAAAAAAAAAAAA", "%20", "..%2f..%2fetc"] {
        let (status, problem) = service.get(&format!("/v1/presentations/{id}")).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("unknown_transaction")), "{id}");
    }
}

#[tokio::test]
async fn waiting_ends_with_the_answer_or_in_time() {
    // `wait`: as soon as it ends, at the latest after the seconds that were asked for; an ended one at once.
    let service = Arc::new(TestService::new());
    let created = service.create_preset("schalter").await;
    let path = presentation_path(&created);
    let waited = |seconds: u64| {
        let (service, path) = (Arc::clone(&service), path.clone());
        async move {
            let before = tokio::time::Instant::now();
            let (status, read) = service.get(&format!("{path}?wait={seconds}")).await;
            assert_eq!(status, 200);
            (read["status"].as_str().unwrap().to_owned(), before.elapsed())
        }
    };
    let long = Duration::from_secs(20);
    let (status, time) = waited(2).await;
    assert!(status == "open" && (Duration::from_secs(2)..long).contains(&time), "{status} {time:?}");
    let (waiting, also) = (tokio::spawn(waited(30)), tokio::spawn(waited(29)));
    tokio::time::sleep(Duration::from_millis(200)).await;
    // Being collected is no end.
    service.fetch(&created).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!waiting.is_finished() && !also.is_finished());
    service.answer(&created, service.options()).await;
    for waiting in [waiting, also] {
        let (status, time) = waiting.await.unwrap();
        assert!(status == "verified" && time < long, "{status} {time:?}");
    }
    for seconds in [0, 30] {
        let (status, time) = waited(seconds).await;
        assert!(status == "verified" && time < long, "an ended one is told at once: {time:?}");
    }
}

#[tokio::test]
async fn a_waiting_caller_who_leaves_loses_nothing() {
    // case SES-013: a result that is erased once read is not spent on somebody who hung up.
    let service = Arc::new(TestService::new());
    let created = service.create(&json!({"preset": "schalter", "flow": "cross_device"})).await;
    let path = format!("{}?wait=30", presentation_path(&created));
    let waiting = {
        let (service, path) = (Arc::clone(&service), path.clone());
        tokio::spawn(async move { service.get(&path).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    waiting.abort();
    service.answer(&created, service.options()).await;
    assert_eq!(service.get(&path).await.1["status"], "verified");
    assert_eq!(service.get(&path).await.0, 410);
}

#[tokio::test]
async fn events_tell_every_change_once_and_end() {
    let service = Arc::new(TestService::new());
    for (fault, end) in
        [(None, "verified"), (Some(Fault::ErrorAccessDenied), "declined"), (Some(Fault::Expired), "rejected")]
    {
        let created = service.create_preset("schalter").await;
        let response = service.call("GET", &format!("{}/events", presentation_path(&created))).open().await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let mut stream = response.into_body().into_data_stream();
        let mut next = async || stream.next().await.map(|chunk| String::from_utf8(chunk.unwrap().to_vec()).unwrap());
        let event = |status: &str| Some(format!("event: status\ndata: {{\"status\":\"{status}\"}}\n\n"));
        assert_eq!(next().await, event("open"), "the present one comes first");
        service.fetch(&created).await;
        assert_eq!(next().await, event("fetched"));
        service.answer(&created, Options { fault, ..service.options() }).await;
        assert_eq!(next().await, event(end));
        assert_eq!(next().await, None, "the end is the end");
        // Who comes late hears the end, and nothing more.
        let late = service.call("GET", &format!("{}/events", presentation_path(&created))).send().await.text();
        assert_eq!(Some(late), event(end));
    }
}

#[tokio::test]
async fn events_tell_of_expiry_and_of_calling_off() {
    let service = TestService::new();
    for end in ["expired", "cancelled"] {
        let created = service.create_preset("schalter").await;
        let path = presentation_path(&created);
        let response = service.call("GET", &format!("{path}/events")).open().await;
        let mut stream = response.into_body().into_data_stream();
        assert!(stream.next().await.is_some());
        if end == "expired" {
            service.clock.advance(300);
        } else {
            service.send("DELETE", &path, None).await;
        }
        let mut rest = String::new();
        while let Some(chunk) = stream.next().await {
            rest.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        }
        assert!(rest.ends_with(&format!("event: status\ndata: {{\"status\":\"{end}\"}}\n\n")), "{rest}");
    }
}

#[tokio::test]
async fn streams_are_counted() {
    // case HTT-030: beyond the cap 429; a stream that ends or is dropped gives its place back.
    let service = TestService::new();
    let tenant = service.app.tenants().next().unwrap().id.clone();
    let mut front = Front::new(Arc::clone(&service.app), Callers::AnyoneOnThisMachine(tenant), Arc::new(NoObserver));
    front.streams = Arc::new(tokio::sync::Semaphore::new(2));
    let service = TestService { router: router(front), ..service };
    let path = format!("{}/events", presentation_path(&service.create_preset("schalter").await));
    let first = service.call("GET", &path).open().await;
    let second = service.call("GET", &path).open().await;
    let refused = service.call("GET", &path).send().await;
    assert_eq!(refused.problem(), (429, "rate_limited".to_owned()));
    assert!(refused.header("retry-after").is_some());
    drop(first);
    let third = service.call("GET", &path).open().await;
    assert_eq!((second.status().as_u16(), third.status().as_u16()), (200, 200));
    let unknown = service.call("GET", "/v1/presentations/AAAAAAAAAAAAAAAAAAAAAA/events").send().await;
    assert_eq!(unknown.status, 429, "the cap comes before the store");
    drop(second);
    let unknown = service.call("GET", "/v1/presentations/AAAAAAAAAAAAAAAAAAAAAA/events").send().await;
    assert_eq!(unknown.status, 404);
    assert_eq!(service.call("GET", &path).open().await.status(), 200, "and a failure keeps no place");
}

#[tokio::test]
async fn calling_off_and_erasing() {
    // case PRI-013: an open one is cancelled, of an ended one the result goes; again changes nothing.
    let service = TestService::new();
    let open = service.create_preset("schalter").await;
    for _ in 0..2 {
        let answer = service.call("DELETE", &presentation_path(&open)).send().await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert_eq!(service.status(&open).await, "cancelled");
    }
    for fault in [None, Some(Fault::ErrorAccessDenied), Some(Fault::Expired)] {
        let ended = service.create_preset("schalter").await;
        service.answer(&ended, Options { fault, ..service.options() }).await;
        for _ in 0..2 {
            assert_eq!(service.send("DELETE", &presentation_path(&ended), None).await.0, 204);
            let (status, problem) = service.get(&presentation_path(&ended)).await;
            assert_eq!((status, problem["code"].as_str()), (410, Some("result_purged")));
            assert!(!problem.to_string().contains("PRÜFSTEIN"));
        }
    }
    let expired = service.create_preset("schalter").await;
    service.clock.advance(300);
    assert_eq!(service.send("DELETE", &presentation_path(&expired), None).await.0, 204);
    assert_eq!(service.status(&expired).await, "expired", "the first end stays");
}

#[tokio::test]
async fn results_go_when_their_time_is_over() {
    // PRV-15.
    // `result.ttl_seconds` counts from the end; at the second it is gone, swept or not.
    for swept in [false, true] {
        let service = TestService::new();
        let body = json!({"preset": "schalter", "flow": "cross_device", "result": {"ttl_seconds": 60, "delete_after_read": false}});
        let created = service.create(&body).await;
        service.clock.advance(100);
        service.answer(&created, service.options()).await;
        service.clock.advance(59);
        assert_eq!(service.read(&created).await["status"], "verified");
        service.clock.advance(1);
        if swept {
            assert_eq!(service.app.expire().await.unwrap().erased, 1);
        }
        let (status, problem) = service.get(&presentation_path(&created)).await;
        assert_eq!((status, problem["code"].as_str()), (410, Some("result_purged")), "{problem}");
        // Long after that the transaction itself is gone.
        service.clock.advance(2 * 86_400);
        service.app.expire().await.unwrap();
        let (status, problem) = service.get(&presentation_path(&created)).await;
        assert_eq!((status, problem["code"].as_str()), (404, Some("unknown_transaction")), "{problem}");
    }
}

#[tokio::test]
async fn asking_for_the_head_does_not_spend_a_result() {
    // `delete_after_read`: only who got the body has read it. HEAD gives none, so it is not offered here.
    let service = TestService::new();
    let body = json!({"preset": "schalter", "flow": "same_device", "return_url": RETURN_URL});
    let created = service.create(&body).await;
    let head =
        service.call("HEAD", created["request_uri"].as_str().unwrap().strip_prefix(crate::service::BASE).unwrap());
    assert_eq!(head.send().await.status, 405, "and HEAD collects no request");
    assert_eq!(service.status(&created).await, "open");
    let redirect = service.answer(&created, service.options()).await.redirect_uri.unwrap();
    let path = format!("{}?{}", presentation_path(&created), redirect.split_once('?').unwrap().1);
    let head = service.call("HEAD", &path).send().await;
    assert_eq!((head.status, head.header("allow")), (405, Some("GET,DELETE")));
    let (status, read) = service.get(&path).await;
    assert_eq!((status, read["status"].as_str()), (200, Some("verified")));
    let (status, problem) = service.get(&path).await;
    assert_eq!((status, problem["code"].as_str()), (410, Some("result_purged")));
}

#[tokio::test]
async fn pictures_are_of_the_link() {
    // The QR code is that of `authorization_request_uri`, as SVG and as PNG, and kept by nobody.
    let service = TestService::new();
    let created = service.create_preset("schalter").await;
    let expected = pruefstein::http::page::qr::svg(created["authorization_request_uri"].as_str().unwrap()).unwrap();
    let svg = service.call("GET", &format!("{}/qr.svg", presentation_path(&created))).send().await;
    assert_eq!((svg.status, svg.header("content-type"), svg.text()), (200, Some("image/svg+xml"), expected));
    assert_eq!(svg.header("cache-control"), Some("no-store"));
    let png = service.call("GET", &format!("{}/qr.png", presentation_path(&created))).send().await;
    assert_eq!((png.status, png.header("content-type")), (200, Some("image/png")));
    let reader = png::Decoder::new(std::io::Cursor::new(&png.body)).read_info().unwrap();
    assert!(reader.info().width >= 320 && reader.info().width == reader.info().height);
    assert_eq!(service.read(&created).await["result"], Value::Null);
}
