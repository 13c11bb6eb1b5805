//! The browser that began is the browser that comes back; another device is confirmed by the person who asked.

use crate::service::{Answer, BASE, Call, RETURN_URL, TestService, path_of, presentation_path};
use pruefstein::simulator::faults::Fault;
use pruefstein::simulator::wallet::Options;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// A browser with its one cookie.
#[derive(Default)]
struct Browser(Option<String>);

impl Browser {
    fn call(&self, service: &TestService, method: &str, path: &str) -> Call {
        let call = service.call(method, path);
        match &self.0 {
            Some(cookie) => call.header("cookie", cookie),
            None => call,
        }
    }

    async fn open(&mut self, service: &TestService, path: &str) -> Answer {
        let answer = self.call(service, "GET", path).send().await;
        if let Some(cookie) = answer.header("set-cookie") {
            self.0 = Some(cookie.split(';').next().unwrap().to_owned());
        }
        answer
    }
}

async fn same_device(service: &TestService, session: Option<&str>) -> Value {
    let mut body = json!({"preset": "schalter", "flow": "same_device", "return_url": RETURN_URL});
    body["result"] = json!({"delete_after_read": false});
    if let Some(session) = session {
        body["session"] = json!(session);
    }
    service.create(&body).await
}

/// The path of the redirect with its code, and the code.
async fn answered(service: &TestService, created: &Value) -> (String, String) {
    let redirect = service.answer(created, service.options()).await.redirect_uri.unwrap();
    let code = redirect.rsplit_once("response_code=").unwrap().1.to_owned();
    (redirect, code)
}

async fn read(service: &TestService, created: &Value, query: &str) -> (u16, Value) {
    service.get(&format!("{}?{query}", presentation_path(created))).await
}

#[tokio::test]
async fn the_cookie_is_for_this_host_and_no_script() {
    // FIX-05.
    let service = TestService::new();
    let created = same_device(&service, None).await;
    let page = path_of(&created["page_url"]);
    let first = service.call("GET", &page).send().await;
    let cookie = first.header("set-cookie").unwrap();
    let value = cookie.strip_prefix("pruefstein=").unwrap().split(';').next().unwrap();
    assert_eq!(value.len(), 22, "128 bits");
    assert_eq!(cookie, format!("pruefstein={value}; Path=/; HttpOnly; SameSite=Lax"), "loopback without TLS");
    // A browser that has one keeps it; nonsense is none.
    let again = service.call("GET", &page).header("cookie", &format!("a=b; pruefstein={value}")).send().await;
    assert_eq!((again.status, again.header("set-cookie")), (200, None));
    let other = same_device(&service, None).await;
    let page = path_of(&other["page_url"]);
    let nonsense = service.call("GET", &page).header("cookie", "pruefstein=x").send().await;
    assert!(nonsense.header("set-cookie").is_some());

    let world = pruefstein::demo::World::new([7; 32], crate::service::NOW, "127.0.0.1", crate::service::STATUS_BASE);
    let store = std::sync::Arc::new(pruefstein::adapters::store::memory::MemoryStore::new(86_400));
    let base = "https://verifier.example";
    let service = TestService::in_world(world.unwrap(), crate::service::NOW, base, store, |_| {});
    let created = same_device(&service, None).await;
    let path = created["page_url"].as_str().unwrap().strip_prefix(base).unwrap().to_owned();
    let cookie = service.call("GET", &path).send().await.header("set-cookie").unwrap().to_owned();
    assert!(cookie.starts_with("__Host-pruefstein="), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"), "{cookie}");
}

#[tokio::test]
async fn the_same_browser_goes_on_to_the_caller() {
    // FIX-01, FIX-02, OVP-RESP-06: by the page, with the code, and once more if it must (SES-013).
    let service = TestService::new();
    let created = same_device(&service, None).await;
    let (page, mut browser) = (path_of(&created["page_url"]), Browser::default());
    assert_eq!(browser.open(&service, &page).await.status, 200);
    let (redirect, code) = answered(&service, &created).await;
    assert_eq!(redirect, format!("{BASE}{page}/return?response_code={code}"));
    let waiting = browser.open(&service, &page).await.text();
    assert!(waiting.contains("Fast fertig") && !waiting.contains(&code), "{waiting}");
    for _ in 0..2 {
        let on = browser.open(&service, redirect.strip_prefix(BASE).unwrap()).await;
        assert_eq!((on.status, on.header("location")), (303, Some(&*format!("{RETURN_URL}?response_code={code}"))));
        assert_eq!(on.header("referrer-policy").unwrap_or("no-referrer"), "no-referrer");
    }
    let (status, read) = read(&service, &created, &format!("response_code={code}")).await;
    assert_eq!((status, read["status"].as_str()), (200, Some("verified")));
    let done = browser.open(&service, &page).await.text();
    assert!(done.contains("Fertig") && done.contains(&format!("href=\"{RETURN_URL}\"")), "{done}");
}

#[tokio::test]
async fn another_browser_ends_the_presentation() {
    // FIX-02, FIX-08, cases SES-001 and SES-016: HAIP 1.0 section 5.1 demands the rejection.
    for cookie in [None, Some("pruefstein=AAAAAAAAAAAAAAAAAAAAAA")] {
        let service = TestService::new();
        let created = same_device(&service, None).await;
        let (page, mut first) = (path_of(&created["page_url"]), Browser::default());
        first.open(&service, &page).await;
        let (redirect, code) = answered(&service, &created).await;
        let mut other = Browser(cookie.map(str::to_owned));
        let stopped = other.open(&service, redirect.strip_prefix(BASE).unwrap()).await;
        assert_eq!((stopped.status, stopped.header("location")), (403, None));
        assert!(stopped.text().contains("Anderer Browser"), "{}", stopped.text());
        let (status, read) = read(&service, &created, &format!("response_code={code}")).await;
        assert_eq!((status, read["status"].as_str()), (200, Some("rejected")));
        assert_eq!(read["error"]["code"], "session_mismatch");
        assert_eq!(read["result"], Value::Null);
        // The right browser comes too late as well, and is told where it stands.
        let late = first.open(&service, redirect.strip_prefix(BASE).unwrap()).await;
        assert_eq!(late.header("location"), Some(&*format!("{RETURN_URL}?response_code={code}")));
        assert!(first.open(&service, &page).await.text().contains("Nicht geklappt"));
    }
}

#[tokio::test]
async fn guesses_at_the_page_end_after_five() {
    // case SES-004 at the page: whoever has the page but not the code.
    let service = TestService::new();
    let created = same_device(&service, None).await;
    let (page, mut browser) = (path_of(&created["page_url"]), Browser::default());
    browser.open(&service, &page).await;
    let (_, code) = answered(&service, &created).await;
    for guess in ["", "x", "AAAAAAAAAAAAAAAAAAAAAA", &"A".repeat(5_000), "%00"] {
        let answer = browser.open(&service, &format!("{page}/return?response_code={guess}")).await;
        assert_eq!(answer.status, 403, "{guess}");
    }
    let (status, read) = read(&service, &created, &format!("response_code={code}")).await;
    assert_eq!((status, read["error"]["code"].as_str()), (200, Some("response_code_invalid")));
}

#[tokio::test]
async fn a_page_shows_nothing_to_another_browser() {
    // case SES-017: neither link nor picture nor purpose, and looking changes nothing.
    let service = TestService::new();
    let created = service.create(&json!({"preset": "schalter", "flow": "cross_device"})).await;
    let (page, mut first) = (path_of(&created["page_url"]), Browser::default());
    assert!(first.open(&service, &page).await.text().contains("<img"));
    for cookie in [None, Some("pruefstein=AAAAAAAAAAAAAAAAAAAAAA".to_owned())] {
        let other = Browser(cookie).open(&service, &page).await;
        assert_eq!((other.status, other.header("set-cookie")), (403, None));
        let html = other.text();
        assert!(!html.contains("openid4vp") && !html.contains("<img") && !html.contains("Wofür"), "{html}");
        let picture = service.call("GET", &format!("{page}/qr.svg")).send().await;
        assert_eq!(picture.problem(), (403, "session_mismatch".to_owned()));
    }
    assert_eq!(first.call(&service, "GET", &format!("{page}/qr.svg")).send().await.status, 200);
    assert_eq!(service.status(&created).await, "open");
    // One scan: then the invitation is gone, for everybody.
    service.fetch(&created).await;
    assert!(!first.open(&service, &page).await.text().contains("<img"));
    assert_eq!(first.call(&service, "GET", &format!("{page}/qr.svg")).send().await.status, 410);
}

#[tokio::test]
async fn the_person_confirms_what_another_device_answered() {
    // FIX-09, OVP-REQ-17, OVP-RESP-19, case SES-010: relayed requests stop here, if the person looks.
    for (answer, status) in [("yes", "verified"), ("no", "rejected")] {
        let service = TestService::new();
        let keep = json!({"delete_after_read": false});
        let created = service.create(&json!({"preset": "schalter", "flow": "cross_device", "result": keep})).await;
        let (page, mut browser) = (path_of(&created["page_url"]), Browser::default());
        browser.open(&service, &page).await;
        assert_eq!(service.answer(&created, service.options()).await.last_status(), Some(200));
        let before = service.read(&created).await;
        assert_eq!((before["status"].as_str(), &before["result"]), (Some("fetched"), &Value::Null));
        let html = browser.open(&service, &page).await.text();
        assert!(html.contains("Waren Sie das?") && html.contains(&format!("action=\"{page}/confirm\"")), "{html}");
        assert!(!html.contains("http-equiv"), "a question stays until it is answered");
        let form = |answer: &str| format!("answer={answer}").into_bytes();
        let confirm = |call: Call, answer: &str| {
            call.header("content-type", "application/x-www-form-urlencoded").body(form(answer)).send()
        };
        // Not from elsewhere, not from another browser, not in other words.
        let path = format!("{page}/confirm");
        let foreign = browser.call(&service, "POST", &path).header("origin", "https://evil.example");
        assert_eq!(confirm(foreign, answer).await.status, 403);
        for site in ["cross-site", "same-site", "none"] {
            let foreign = browser.call(&service, "POST", &path).header("sec-fetch-site", site).header("origin", BASE);
            assert_eq!(confirm(foreign, answer).await.status, 403, "{site}");
        }
        let nameless = browser.call(&service, "POST", &path).header("origin", "null");
        assert_eq!(confirm(nameless, answer).await.status, 403);
        assert_eq!(confirm(service.call("POST", &path), answer).await.status, 403);
        assert_eq!(confirm(browser.call(&service, "POST", &path), "maybe").await.status, 400);
        assert_eq!(service.read(&created).await["status"], "fetched");
        // Browsers send this where pages have no referrer, as ours.
        let own = browser.call(&service, "POST", &path);
        let own = match answer {
            "yes" => own.header("origin", "null").header("sec-fetch-site", "same-origin"),
            _ => own.header("origin", BASE),
        };
        let done = confirm(own, answer).await;
        assert_eq!((done.status, done.header("location")), (303, Some(&*format!("{BASE}{page}"))));
        let after = service.read(&created).await;
        assert_eq!(after["status"], status);
        assert_eq!(after["result"].is_object(), answer == "yes");
        if answer == "no" {
            assert_eq!(after["error"]["code"], "session_mismatch");
        }
        // Twice changes nothing.
        assert_eq!(confirm(browser.call(&service, "POST", &path), "yes").await.status, 303);
        assert_eq!(service.read(&created).await["status"], status);
    }
}

#[tokio::test]
async fn nobody_confirms_or_comes_back_in_time() {
    // FIX-03, OVP-REQ-17: no evidence of the person, no result; at the second that was said, and without a restart.
    for flow in ["same_device", "cross_device"] {
        let service = TestService::new();
        let mut body = json!({"preset": "schalter", "flow": flow});
        if flow == "same_device" {
            body["return_url"] = json!(RETURN_URL);
        }
        let created = service.create(&body).await;
        Browser::default().open(&service, &path_of(&created["page_url"])).await;
        let redirect = service.answer(&created, service.options()).await.redirect_uri;
        service.clock.advance(300);
        let query = redirect.map_or_else(String::new, |uri| uri.rsplit_once('?').unwrap().1.to_owned());
        let (status, read) = read(&service, &created, &query).await;
        assert_eq!((status, read["status"].as_str(), &read["result"]), (200, Some("rejected"), &Value::Null), "{flow}");
        let expected = if flow == "same_device" { "response_code_required" } else { "session_mismatch" };
        assert_eq!(read["error"]["code"], expected);
    }
}

#[tokio::test]
async fn the_callers_session_must_be_the_one_that_began() {
    // case SES-016, FIX-02: a caller that names its session has it checked; the code alone is not enough.
    const MINE: &str = "session-of-the-citizen-7";
    let service = TestService::new();
    let created = same_device(&service, Some(MINE)).await;
    let (redirect, code) = answered(&service, &created).await;
    assert_eq!(redirect, format!("{RETURN_URL}?response_code={code}"), "nobody has opened the page");
    let (status, problem) = read(&service, &created, &format!("response_code={code}")).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("session_mismatch")));
    let right = format!("response_code={code}&session={MINE}");
    for _ in 0..2 {
        assert_eq!(read(&service, &created, &right).await.0, 200);
    }
    let wrong = format!("response_code={code}&session=session-of-somebody-else");
    assert_eq!(read(&service, &created, &wrong).await.1["code"], "session_mismatch");

    // Before anybody has read: the wrong session ends it.
    let created = same_device(&service, Some(MINE)).await;
    let (_, code) = answered(&service, &created).await;
    let (status, problem) =
        read(&service, &created, &format!("response_code={code}&session=session-of-mallory-13")).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("session_mismatch")));
    let (status, after) = read(&service, &created, &format!("response_code={code}&session={MINE}")).await;
    assert_eq!((status, after["status"].as_str(), &after["result"]), (200, Some("rejected"), &Value::Null));

    for (session, flow) in
        [("short", "same_device"), ("with spaces in it, long", "same_device"), (MINE, "cross_device")]
    {
        let mut body = json!({"preset": "schalter", "flow": flow, "session": session});
        if flow == "same_device" {
            body["return_url"] = json!(RETURN_URL);
        }
        let (status, problem) = service.post_json("/v1/presentations", &body).await;
        assert_eq!((status, problem["errors"][0]["pointer"].as_str()), (422, Some("/session")), "{session}");
    }
}

#[tokio::test]
async fn opening_the_page_meanwhile_loses_no_answer() {
    // The status list of the answer is on its way when the page is opened for the first time.
    let service = TestService::new();
    let created = same_device(&service, None).await;
    let (page, mut browser) = (path_of(&created["page_url"]), Browser::default());
    let opened = async {
        while service.fetches.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        browser.open(&service, &page).await
    };
    let (report, opened) = tokio::join!(service.answer(&created, service.options()), opened);
    assert_eq!((report.last_status(), opened.status), (Some(200), 200));
    let redirect = report.redirect_uri.unwrap();
    assert!(redirect.starts_with(&format!("{BASE}{page}/return?")), "by the page, as it is bound now: {redirect}");
    let on = browser.open(&service, redirect.strip_prefix(BASE).unwrap()).await;
    assert!(on.header("location").unwrap().starts_with(RETURN_URL));
}

#[tokio::test]
async fn a_refusal_leads_back_by_the_page_too() {
    // OVP-RESP-08: nobody is stranded in the wallet.
    let service = TestService::new();
    let created = same_device(&service, None).await;
    let (page, mut browser) = (path_of(&created["page_url"]), Browser::default());
    browser.open(&service, &page).await;
    let declined = Options { fault: Some(Fault::ErrorAccessDenied), ..service.options() };
    let report = service.answer(&created, declined).await;
    let redirect = report.redirect_uri.unwrap();
    let on = browser.open(&service, redirect.strip_prefix(BASE).unwrap()).await;
    assert_eq!(on.status, 303);
    assert!(on.header("location").unwrap().starts_with(RETURN_URL));
}
