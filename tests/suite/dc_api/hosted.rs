//! The hosted page that asks through the browser, beside the link to the wallet.

use super::asks_in;
use crate::service::{Answer, BASE, RETURN_URL, TestService, part, path_of, presentation_path, told};
use pruefstein::app::Tenant;
use pruefstein::domain::dc_api::{Origin, Protocol};
use pruefstein::simulator::dc_api::BrowserFault;
use pruefstein::simulator::faults::Fault;
use pruefstein::simulator::wallet::Options;
use serde_json::{Value, json};

fn hosts(tenant: &mut Tenant) {
    asks_in(&[Protocol::Signed])(tenant);
    tenant.dc_api.hosted = Some(Origin::parse(BASE).unwrap());
}

/// A person's browser: it has the cookie of the page, if it has opened it.
struct Browser<'s> {
    service: &'s TestService,
    page: String,
    cookie: Option<String>,
}

impl<'s> Browser<'s> {
    async fn opens(service: &'s TestService, created: &Value) -> Self {
        let page = path_of(&created["page_url"]);
        let answer = service.call("GET", &page).send().await;
        assert_eq!(answer.status, 200);
        let cookie = answer.header("set-cookie").map(|value| value.split(';').next().unwrap().to_owned());
        Self { service, page, cookie }
    }

    async fn request(&self) -> (u16, Value) {
        let mut call = self.service.call("GET", &format!("{}/dc-api", self.page));
        if let Some(cookie) = &self.cookie {
            call = call.header("cookie", cookie);
        }
        let answer = call.send().await;
        (answer.status, answer.json())
    }

    async fn posts(&self, origin: Option<&str>, body: &Value) -> Answer {
        let mut call = self.service.call("POST", &format!("{}/dc-api", self.page)).json(body);
        if let Some(cookie) = &self.cookie {
            call = call.header("cookie", cookie);
        }
        if let Some(origin) = origin {
            call = call.header("origin", origin);
        }
        call.send().await
    }

    fn wallet(&self, call: &Value, options: Options, fault: Option<BrowserFault>) -> Value {
        self.service.wallet().answer_browser(call, BASE, options, fault).unwrap().remove(0).to_json()
    }

    /// Asks, answers well, and follows to the caller's address.
    async fn succeeds(&self) -> String {
        let (status, call) = self.request().await;
        assert_eq!(status, 200, "{call}");
        let answer = self.posts(Some(BASE), &self.wallet(&call, self.service.options(), None)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        self.follows(&answer.json()["next"]).await
    }

    async fn follows(&self, next: &Value) -> String {
        let mut call = self.service.call("GET", &path_of(next));
        if let Some(cookie) = &self.cookie {
            call = call.header("cookie", cookie);
        }
        let answer = call.send().await;
        answer.header("location").map(str::to_owned).unwrap_or_else(|| answer.status.to_string())
    }
}

async fn start(service: &TestService) -> Value {
    let body = json!({
        "preset": "schalter", "flow": "same_device", "return_url": RETURN_URL, "result": {"delete_after_read": false}
    });
    service.create(&body).await
}

#[tokio::test]
async fn the_page_asks_and_the_person_goes_on_in_the_same_browser() {
    // DCA-02, DCA-03, DCA-11, DCA-16, FIX-02, FIX-10.
    let service = TestService::with(hosts);
    let created = start(&service).await;
    let answer = service.call("GET", &path_of(&created["page_url"])).send().await;
    let html = answer.text();
    assert!(html.contains("<script src=\"/assets/dc-api.js\" defer></script>"), "{html}");
    assert!(html.contains(&format!("data-address=\"{}/dc-api\" hidden", path_of(&created["page_url"]))), "{html}");
    assert!(html.contains("href=\"openid4vp://"), "the link is there without any script");
    assert!(html.contains("<noscript><meta http-equiv=\"refresh\""), "{html}");
    for forbidden in [" onclick", " onload", " style=", "javascript:", "unsafe-inline"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
    let script = service.call("GET", "/assets/dc-api.js").send().await;
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));

    let created = start(&service).await;
    let browser = Browser::opens(&service, &created).await;
    let (status, call) = browser.request().await;
    assert_eq!(status, 200, "{call}");
    let token = call["digital"]["requests"][0]["data"]["request"].as_str().unwrap();
    let payload = part(token, 1);
    assert_eq!((&payload["expected_origins"], &payload["response_mode"]), (&json!([BASE]), &json!("dc_api.jwt")));
    for name in ["response_uri", "state", "redirect_uri"] {
        assert!(payload.get(name).is_none(), "{name}");
    }
    assert_eq!(service.status(&created).await, "fetched");
    let location = browser.succeeds().await;
    let code = location.strip_prefix(&format!("{RETURN_URL}?response_code=")).unwrap();
    let (status, read) = service.get(&format!("{}?response_code={code}", presentation_path(&created))).await;
    assert_eq!((status, read["status"].as_str()), (200, Some("verified")), "{read}");
    // The end is one: neither the page nor the wallet can answer again.
    let (status, _) = browser.request().await;
    assert!(status >= 400, "{status}");
}

#[tokio::test]
async fn only_the_browser_of_the_page_is_served() {
    // DCA-16: cookie, origin and media type are those of the page.
    let service = TestService::with(hosts);
    let created = start(&service).await;
    let browser = Browser { service: &service, page: path_of(&created["page_url"]), cookie: None };
    assert_eq!(browser.request().await.0, 403, "nobody has opened the page");
    let browser = Browser::opens(&service, &created).await;
    let call = browser.request().await.1;
    let answer = browser.wallet(&call, service.options(), None);
    for cookie in [None, Some("pruefstein=AAAAAAAAAAAAAAAAAAAAAA".to_owned()), Some("pruefstein=x".to_owned())] {
        let other = Browser { service: &service, page: browser.page.clone(), cookie };
        assert_eq!(other.request().await.0, 403);
        assert_eq!(other.posts(Some(BASE), &answer).await.problem(), (403, "session_mismatch".to_owned()));
    }
    for origin in [None, Some("null"), Some("https://evil.example"), Some("http://127.0.0.1:8081")] {
        assert_eq!(browser.posts(origin, &answer).await.problem(), (403, "session_mismatch".to_owned()), "{origin:?}");
    }
    let form = service.call("POST", &format!("{}/dc-api", browser.page)).form(&[("response", "x")]);
    let form = form.header("cookie", browser.cookie.as_ref().unwrap()).header("origin", BASE).send().await;
    assert_eq!(form.status, 415);
    assert_eq!(service.call("PUT", &format!("{}/dc-api", browser.page)).send().await.status, 405);
    assert_eq!(service.call("HEAD", &format!("{}/dc-api", browser.page)).send().await.status, 405);
    assert!(browser.succeeds().await.starts_with(RETURN_URL));
}

#[tokio::test]
async fn what_is_refused_is_told_coarsely_and_leaves_both_ways_open() {
    // cases DCA-001, DCA-002, DCA-005 on the page: RSP-030, the page learns no more than a wallet.
    let service = TestService::with(hosts);
    for fault in BrowserFault::ALL.iter().copied().filter(|fault| fault.expected().http == 400) {
        let created = start(&service).await;
        let browser = Browser::opens(&service, &created).await;
        let call = browser.request().await.1;
        let refused = browser.posts(Some(BASE), &browser.wallet(&call, service.options(), Some(fault))).await;
        assert_eq!(refused.problem(), (400, "invalid_presentation".to_owned()), "{}", fault.name());
        let code = fault.expected().code.unwrap().as_str();
        assert!(!refused.text().contains(code), "{}", refused.text());
        assert!(told(&service.read(&created).await, code), "{}", fault.name());
        assert!(browser.succeeds().await.starts_with(RETURN_URL), "{}", fault.name());
    }
}

#[tokio::test]
async fn the_link_works_beside_it() {
    // FIX-10, DCA-20: who closes the browser's window goes on with the link; each way has an audience of its own.
    let service = TestService::with(hosts);
    let created = start(&service).await;
    let browser = Browser::opens(&service, &created).await;
    let call = browser.request().await.1;
    let by_browser = browser.wallet(&call, service.options(), None);
    // What was made for the browser is of no use at the wallet's address, nor the other way round.
    let token = service.fetch(&created).await;
    let response_path = path_of(&part(&token, 1)["response_uri"]);
    let jwe = by_browser["data"]["response"].as_str().unwrap();
    let posted = service.call("POST", &response_path).form(&[("response", jwe)]).send().await;
    assert_eq!(posted.status, 400);
    assert!(told(&service.read(&created).await, "state_mismatch"));
    let by_wallet = service.composed(&created, service.options()).await;
    let fields: Vec<(String, String)> = form_urlencoded::parse(&by_wallet[0].body).into_owned().collect();
    let stolen = json!({"protocol": "openid4vp-v1-signed", "data": {"response": fields[0].1}});
    assert_eq!(browser.posts(Some(BASE), &stolen).await.status, 400);
    assert!(told(&service.read(&created).await, "origin_mismatch"));
    let report = service.answer(&created, service.options()).await;
    let location = browser.follows(&json!(report.redirect_uri.unwrap())).await;
    assert!(location.starts_with(RETURN_URL), "{location}");
    // After that the page has nothing to ask any more.
    let late = browser.posts(Some(BASE), &by_browser).await;
    assert_eq!(late.problem(), (409, "transaction_completed".to_owned()));
}

#[tokio::test]
async fn ends_send_the_person_back() {
    let service = TestService::with(hosts);
    for (fault, status) in [(Fault::StatusRevoked, "rejected"), (Fault::ErrorEncrypted, "declined")] {
        let created = start(&service).await;
        let browser = Browser::opens(&service, &created).await;
        let call = browser.request().await.1;
        let options = Options { fault: Some(fault), ..service.options() };
        let answer = browser.posts(Some(BASE), &browser.wallet(&call, options, None)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(service.status(&created).await, status);
        let location = browser.follows(&answer.json()["next"]).await;
        assert!(location.starts_with(RETURN_URL), "{location}");
    }
}

#[tokio::test]
async fn without_the_setting_and_in_other_flows_there_is_no_such_way() {
    let service = TestService::with(asks_in(&[Protocol::Signed]));
    let created = start(&service).await;
    let browser = Browser::opens(&service, &created).await;
    assert_eq!(browser.request().await.0, 404);
    let answer = service.call("GET", &browser.page).send().await;
    assert!(!answer.text().contains("<script"));
    let service = TestService::with(hosts);
    let created = service.create_preset("schalter").await;
    let browser = Browser::opens(&service, &created).await;
    assert_eq!(browser.request().await.0, 404, "cross-device");
    let answer = browser.posts(Some(BASE), &json!({"protocol": "openid4vp-v1-signed", "data": {}})).await;
    assert_eq!(answer.status, 404);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "whether a skip is allowed is said by the environment")]
fn the_script_asks_and_falls_back() {
    // DCA-02, DCA-03, DCA-20: the script in a page of a few lines, run by node; without node the test says that it was
    // skipped, unless `PRUEFSTEIN_CLIENT=required` is set.
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/dc-api.mjs");
    match std::process::Command::new("node").arg(file).output() {
        Ok(output) => {
            let text =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(output.status.success(), "{text}");
            assert!(text.matches("ok ").count() >= 7, "{text}");
        }
        Err(error) => {
            assert!(std::env::var("PRUEFSTEIN_CLIENT").is_err(), "node is required, but {error}");
            eprintln!("dc_api: the script was not tested, node cannot be run: {error}");
        }
    }
}
