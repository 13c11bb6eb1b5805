//! Presentations through the browser's Digital Credentials API: what the page hands to the browser, what comes back, and
//! what the caller is told.

mod attacks;
mod creation;
mod hosted;

use crate::cli::run;
use crate::service::{NOW, RETURN_URL, STATUS_BASE, TestService, part, presentation_path, sqlite, told};
use pruefstein::app::Tenant;
use pruefstein::app::dc_api::DcApiRules;
use pruefstein::demo::passport::Passport;
use pruefstein::domain::dc_api::{Origin, Protocol};
use pruefstein::domain::encoding::base64;
use pruefstein::domain::ids::{TenantId, TransactionId};
use pruefstein::simulator::dc_api::{BrowserFault, PageCall, read};
use pruefstein::simulator::faults::Fault;
use pruefstein::simulator::wallet::Options;
use serde_json::{Value, json};

/// The page that asks.
const ORIGIN: &str = "https://antrag.stadt.example";
/// Another page of the same tenant.
const OTHER_ORIGIN: &str = "https://termin.stadt.example";

/// A tenant with both pages, which asks in these protocols.
fn asks_in(protocols: &[Protocol]) -> impl Fn(&mut Tenant) {
    let rules = DcApiRules {
        origins: [ORIGIN, OTHER_ORIGIN].map(|origin| Origin::parse(origin).unwrap()).to_vec(),
        hosted: None,
        protocols: protocols.to_vec(),
    };
    move |tenant| tenant.dc_api = rules.clone()
}

fn service() -> TestService {
    TestService::with(asks_in(&[Protocol::Signed]))
}

fn wish() -> Value {
    json!({
        "preset": "bewohnerparken", "flow": "dc_api", "origin": ORIGIN, "result": {"delete_after_read": false}
    })
}

/// The wallet's answers to what was started, as the page's backend hands them in.
fn answers(service: &TestService, created: &Value, options: Options, fault: Option<BrowserFault>) -> Vec<Value> {
    let call = &created["dc_api_request"];
    let answers = service.wallet().answer_browser(call, ORIGIN, options, fault).unwrap();
    answers.iter().map(pruefstein::simulator::dc_api::BrowserAnswer::to_json).collect()
}

fn honest(service: &TestService, created: &Value) -> Value {
    answers(service, created, service.options(), None).remove(0)
}

async fn hand_in(service: &TestService, created: &Value, answer: &Value) -> (u16, Value) {
    service.post_json(&format!("{}/dc-api", presentation_path(created)), answer).await
}

async fn is_still_answerable(service: &TestService, created: &Value) {
    assert_eq!(service.status(created).await, "open");
    let (status, read) = hand_in(service, created, &honest(service, created)).await;
    assert_eq!((status, read["status"].as_str()), (200, Some("verified")), "{read}");
}

#[tokio::test]
async fn from_the_call_to_the_result() {
    // DCA-01, DCA-02, DCA-06, DCA-10, DCA-11, DCA-14, DCA-15, KB-10, NON-06; on the store in memory and on the disk.
    let folder = tempfile::tempdir().unwrap();
    for service in [service(), TestService::on(sqlite(folder.path()), asks_in(&[Protocol::Signed]))] {
        let created = service.create(&wish()).await;
        assert_eq!((created["flow"].as_str(), created["status"].as_str()), (Some("dc_api"), Some("open")));
        for link in ["authorization_request_uri", "request_uri", "page_url"] {
            assert_eq!(created[link], Value::Null, "{link}");
        }
        let requests = created["dc_api_request"]["digital"]["requests"].as_array().unwrap();
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0]["protocol"], "openid4vp-v1-signed");
        let token = requests[0]["data"]["request"].as_str().unwrap();
        let (header, payload) = (part(token, 0), part(token, 1));
        assert_eq!(header["typ"], "oauth-authz-req+jwt");
        let mut names: Vec<&str> = payload.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let expected = [
            "aud",
            "client_id",
            "client_metadata",
            "dcql_query",
            "exp",
            "expected_origins",
            "iat",
            "nonce",
            "response_mode",
            "response_type",
        ];
        assert_eq!(names, expected);
        assert_eq!(payload["client_id"], created["client_id"]);
        assert_eq!(payload["expected_origins"], json!([ORIGIN]));
        assert_eq!(payload["response_mode"], "dc_api.jwt");
        // The wallet is as strict as it is with links.
        let answer = honest(&service, &created);
        assert_eq!(answer["protocol"], "openid4vp-v1-signed");
        assert_eq!(answer["data"].as_object().unwrap().keys().collect::<Vec<_>>(), ["response"]);
        let (status, ended) = hand_in(&service, &created, &answer).await;
        assert_eq!((status, ended["status"].as_str()), (200, Some("verified")), "{ended}");
        let credential = &ended["result"]["credentials"]["pid-de-sdjwt"][0];
        assert!(credential["claims"]["address"]["locality"].is_string(), "{credential}");
        let checks = ended["report"]["checks"].as_array().unwrap();
        assert!(checks.iter().all(|check| check["outcome"] == "passed"), "{checks:?}");
        let state = checks.iter().find(|check| check["check"] == "response_state").unwrap();
        assert!(state["note"].as_str().unwrap().contains("origin"), "{state}");
        // The same as reading, without a code: the backend holds the answer itself.
        assert_eq!(service.read(&created).await, ended);
        assert_eq!(ended["flow"], "dc_api");
    }
}

#[tokio::test]
async fn every_protocol_and_several_at_once() {
    // DCA-05, DCA-09, DCA-15, DCA-19: the wallet answers the first; what it names must have been offered.
    for protocols in [
        vec![Protocol::MultiSigned],
        vec![Protocol::Unsigned],
        vec![Protocol::Signed, Protocol::MultiSigned, Protocol::Unsigned],
        vec![Protocol::Unsigned, Protocol::Signed],
    ] {
        let service = TestService::with(asks_in(&protocols));
        let created = service.create(&wish()).await;
        let requests = created["dc_api_request"]["digital"]["requests"].as_array().unwrap();
        let names: Vec<&str> = requests.iter().map(|request| request["protocol"].as_str().unwrap()).collect();
        assert_eq!(names, protocols.iter().map(|protocol| protocol.as_str()).collect::<Vec<_>>());
        for (protocol, request) in protocols.iter().zip(requests) {
            // Each alone, too.
            let one = json!({"dc_api_request": {"digital": {"requests": [request]}}});
            let answer = honest(&service, &one);
            assert_eq!(answer["protocol"], protocol.as_str());
            if *protocol == Protocol::Unsigned {
                let parameters = request["data"].as_object().unwrap();
                for name in ["client_id", "expected_origins", "aud", "state"] {
                    assert!(!parameters.contains_key(name), "{name}");
                }
            }
        }
        let (status, ended) = hand_in(&service, &created, &honest(&service, &created)).await;
        assert_eq!((status, ended["status"].as_str()), (200, Some("verified")), "{names:?} {ended}");
    }
}

#[tokio::test]
async fn each_call_has_a_key_and_a_nonce_of_its_own_and_repeats_are_the_same_request() {
    // DCA-17, OVP-META-13, NON-01; API-009: a repeated call finds the presentation with its request, until the end.
    let service = service();
    let payload = |created: &Value| {
        part(created["dc_api_request"]["digital"]["requests"][0]["data"]["request"].as_str().unwrap(), 1)
    };
    let call = || service.call("POST", "/v1/presentations").header("idempotency-key", "k1").json(&wish());
    let (one, two) = (call().send().await.json(), call().send().await.json());
    assert_eq!(one["id"], two["id"]);
    assert_eq!(payload(&one), payload(&two));
    let other = service.create(&wish()).await;
    assert_ne!(payload(&one)["nonce"], payload(&other)["nonce"]);
    let key = |created: &Value| payload(created)["client_metadata"]["jwks"]["keys"][0]["x"].clone();
    assert_ne!(key(&one), key(&other));
    assert_eq!(hand_in(&service, &one, &honest(&service, &one)).await.0, 200);
    let ended = call().send().await.json();
    assert_eq!((ended["id"].clone(), ended["status"].as_str()), (one["id"].clone(), Some("verified")));
    assert_eq!(ended["dc_api_request"], Value::Null);
}

#[tokio::test]
async fn ends_are_told_with_200_and_everything_else_is_a_problem() {
    let options = |service: &TestService, fault| Options { fault: Some(fault), ..service.options() };
    // ERR-17: the wallet says no: `access_denied` in the JWE, and every plain error.
    let service = service();
    let created = service.create(&wish()).await;
    let answer = answers(&service, &created, options(&service, Fault::ErrorEncrypted), None).remove(0);
    let (status, ended) = hand_in(&service, &created, &answer).await;
    assert_eq!((status, ended["status"].as_str()), (200, Some("declined")), "DCA-20: {ended}");
    assert!(ended["error"]["detail"].as_str().unwrap().contains("access_denied (encrypted)"), "{ended}");
    for (error, kept) in [("invalid_request", "invalid_request"), ("../../x", "other")] {
        let created = service.create(&wish()).await;
        let answer = json!({"protocol": "openid4vp-v1-signed", "data": {"error": error}});
        let (status, ended) = hand_in(&service, &created, &answer).await;
        assert_eq!((status, ended["status"].as_str()), (200, Some("declined")));
        assert_eq!(ended["error"]["code"], "wallet_error_recorded");
        assert!(ended["error"]["detail"].as_str().unwrap().contains(kept), "{ended}");
        assert_eq!((&ended["result"], &ended["report"]), (&Value::Null, &Value::Null));
    }
    // Issuer and holder are established, a rule is broken: the end, and the verdict.
    let created = service.create(&wish()).await;
    let answer = answers(&service, &created, options(&service, Fault::StatusRevoked), None).remove(0);
    let (status, ended) = hand_in(&service, &created, &answer).await;
    assert_eq!((status, ended["status"].as_str()), (200, Some("rejected")), "{ended}");
    assert_eq!(ended["error"]["code"], "credential_revoked");
    assert_eq!(ended["report"]["outcome"], "refused");
    assert_eq!(ended["result"], Value::Null);
    // Not established: no end, and nothing that a caller could take for one.
    let created = service.create(&wish()).await;
    let answer = answers(&service, &created, options(&service, Fault::KbWrongNonce), None).remove(0);
    let (status, problem) = hand_in(&service, &created, &answer).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("kb_nonce_mismatch")), "{problem}");
    assert!(problem.get("status").is_none_or(Value::is_number), "{problem}");
    let read = service.read(&created).await;
    assert!(told(&read, "kb_nonce_mismatch") && read["last_refused"]["report"].is_object(), "{read}");
    is_still_answerable(&service, &created).await;
}

#[tokio::test]
async fn nothing_after_the_end_changes_it() {
    // RSP-010, RSP-011, RSP-012 in this flow.
    for first in ["verified", "declined", "cancelled", "expired"] {
        let service = service();
        let created = service.create(&wish()).await;
        let late = honest(&service, &created);
        let error = json!({"protocol": "openid4vp-v1-signed", "data": {"error": "invalid_request"}});
        match first {
            "verified" => drop(hand_in(&service, &created, &honest(&service, &created)).await),
            "declined" => drop(hand_in(&service, &created, &error).await),
            "cancelled" => drop(service.send("DELETE", &presentation_path(&created), None).await),
            _ => service.clock.advance(300),
        }
        let end = service.read(&created).await;
        assert_eq!(end["status"], first);
        let (status, code) =
            if first == "expired" { (410, "transaction_expired") } else { (409, "transaction_completed") };
        for answer in [&late, &error, &json!({"protocol": "x", "data": 7})] {
            let (got, problem) = hand_in(&service, &created, answer).await;
            assert_eq!((got, problem["code"].as_str()), (status, Some(code)), "after {first}");
            assert_eq!(service.read(&created).await, end, "after {first}");
        }
    }
}

#[tokio::test]
async fn a_repeated_hand_in_finds_the_end() {
    // API-010 on a call that changes something: what was lost on the way is found again with the same key.
    let service = service();
    let created = service.create(&wish()).await;
    let path = format!("{}/dc-api", presentation_path(&created));
    let answer = honest(&service, &created);
    let call = |key: &'static str, body: &Value| service.call("POST", &path).header("idempotency-key", key).json(body);
    let first = call("k1", &answer).send().await;
    assert_eq!(first.status, 200);
    let again = call("k1", &answer).send().await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    assert_eq!(call("k2", &answer).send().await.problem(), (409, "transaction_completed".to_owned()));
    let other = json!({"protocol": "openid4vp-v1-signed", "data": {"error": "x"}});
    assert_eq!(call("k1", &other).send().await.problem(), (409, "idempotency_conflict".to_owned()));
}

#[tokio::test]
async fn a_result_that_is_read_once_is_read_by_the_hand_in() {
    let service = service();
    let mut wish = wish();
    wish["result"]["delete_after_read"] = json!(true);
    let created = service.create(&wish).await;
    let (status, ended) = hand_in(&service, &created, &honest(&service, &created)).await;
    assert_eq!((status, ended["result"].is_object()), (200, true));
    let (status, problem) = service.get(&presentation_path(&created)).await;
    assert_eq!((status, problem["code"].as_str()), (410, Some("result_purged")));
}

#[tokio::test]
async fn of_many_answers_one_wins() {
    // case RSP-007 in this flow: sixty-four at once, on each store.
    let folder = tempfile::tempdir().unwrap();
    for service in [service(), TestService::on(sqlite(folder.path()), asks_in(&[Protocol::Signed]))] {
        let created = service.create(&wish()).await;
        let good = honest(&service, &created);
        let error = json!({"protocol": "openid4vp-v1-signed", "data": {"error": "invalid_request"}});
        let crowd = (0..64).map(|number| {
            let answer = if number % 2 == 0 { good.clone() } else { error.clone() };
            let (service, created) = (&service, &created);
            async move { hand_in(service, created, &answer).await }
        });
        let results = futures_util::future::join_all(crowd).await;
        let winners: Vec<&Value> = results.iter().filter(|(status, _)| *status == 200).map(|(_, body)| body).collect();
        assert_eq!(winners.len(), 1);
        let losers = results.iter().filter(|(status, _)| *status != 200);
        assert!(losers.into_iter().all(|(status, body)| *status == 409 && body["code"] == "transaction_completed"));
        assert_eq!(&service.read(&created).await, winners[0]);
    }
}

#[tokio::test]
async fn wallets_and_people_find_nothing() {
    // The flow has no address for wallets and no hosted page: all answer as for what does not exist.
    let service = service();
    let created = service.create(&wish()).await;
    let id = TransactionId::parse(created["id"].as_str().unwrap()).unwrap();
    let transaction = service.store.by_id(&TenantId::default_tenant(), &id).await.unwrap().unwrap();
    assert!(transaction.request().state.is_none() && transaction.request().response_uri.is_none());
    let (handle, page) = (transaction.handle().as_str(), transaction.page().as_str());
    let unknown = "AAAAAAAAAAAAAAAAAAAAAA";
    let error: &[(&str, &str)] = &[("error", "access_denied")];
    for (method, path, fields) in [
        ("GET", "/wallet/requests/", None),
        ("POST", "/wallet/requests/", Some(error)),
        ("POST", "/wallet/responses/", Some(error)),
        ("GET", "/p/", None),
    ] {
        let send = async |name: &str| {
            let call = service.call(method, &format!("{path}{name}"));
            let answer = match fields {
                Some(fields) => call.form(fields).send().await,
                None => call.send().await,
            };
            (answer.status, answer.text())
        };
        let ours = if path == "/p/" { page } else { handle };
        let (found, missing) = (send(ours).await, send(unknown).await);
        assert_eq!((found.0, &found), (404, &missing), "{method} {path}");
    }
    for picture in ["qr.svg", "qr.png"] {
        let (status, _) = service.get(&format!("{}/{picture}", presentation_path(&created))).await;
        assert_eq!(status, 404);
    }
    is_still_answerable(&service, &created).await;
    // And the other way round: what wallets answer cannot be handed in.
    let posted = service.create_preset("bewohnerparken").await;
    let answer = json!({"protocol": "openid4vp-v1-signed", "data": {"error": "invalid_request"}});
    let (status, problem) = hand_in(&service, &posted, &answer).await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("unknown_transaction")));
    assert_eq!(service.status(&posted).await, "open");
}

#[tokio::test]
async fn a_wallet_at_another_page_refuses_the_request() {
    // DCA-07: what the wallet compares is what the configuration says.
    let service = service();
    let created = service.create(&wish()).await;
    for origin in [OTHER_ORIGIN, "https://antrag.stadt.example/", "https://evil.example", "http://antrag.stadt.example"]
    {
        let page = PageCall { origin, anchor: service.world.authority.access_root(), registrar: None, now: NOW };
        let refusal = read(&created["dc_api_request"], &page).unwrap_err();
        assert_eq!(refusal.rule, pruefstein::simulator::request::Rule::ExpectedOrigins, "{origin}");
    }
    let created = service.create(&json!({"preset": "schalter", "flow": "same_device", "return_url": RETURN_URL})).await;
    assert_eq!(created["dc_api_request"], Value::Null);
}

#[tokio::test]
async fn the_wallet_of_the_command_line_answers_a_page() {
    // `wallet answer --dc-api`: what it prints is what the backend hands in.
    let folder = tempfile::tempdir().unwrap();
    let passport = Passport {
        seed: base64::encode_url(&[7; 32]),
        made_at: NOW,
        verifier_host: "127.0.0.1".to_owned(),
        status_base: STATUS_BASE.to_owned(),
    };
    passport.write_to(folder.path()).unwrap();
    let service = service();
    let created = service.create(&wish()).await;
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (request, world, at) = (path("request.json"), path("world.json"), NOW.0.to_string());
    std::fs::write(&request, created.to_string()).unwrap();
    let wallet = |origin: &str, more: &[&str]| {
        let mut arguments =
            vec!["wallet", "answer", "--dc-api", &request, "--origin", origin, "--world", &world, "--at"];
        arguments.push(&at);
        arguments.extend(more);
        run(&arguments, b"")
    };
    // The wallet itself refuses at another page.
    let refused = wallet("https://evil.example", &[]);
    assert_eq!(refused.exit, 1, "{}", refused.err);
    assert!(refused.err.contains("expected-origins"), "{}", refused.err);
    for fault in ["dc-origin-slash", "kb-wrong-nonce"] {
        let ran = wallet(ORIGIN, &["--fault", fault]);
        assert_eq!(ran.exit, 0, "{}", ran.err);
        assert!(ran.err.contains(fault), "{}", ran.err);
        let (status, _) = hand_in(&service, &created, &serde_json::from_str(&ran.out).unwrap()).await;
        assert_eq!(status, 400, "{fault}");
    }
    std::fs::write(&request, created["dc_api_request"].to_string()).unwrap();
    let ran = wallet(ORIGIN, &[]);
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let (status, ended) = hand_in(&service, &created, &serde_json::from_str(&ran.out).unwrap()).await;
    assert_eq!((status, ended["status"].as_str()), (200, Some("verified")), "{ended}");
    assert!(run(&["wallet", "answer", "--list-faults"], b"").out.contains("dc-aud-client-id"));
    assert_eq!(run(&["wallet", "answer", "--dc-api", &request], b"").exit, 2, "an origin is needed");
}
