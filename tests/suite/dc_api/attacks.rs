//! The attack catalogue, area DCA, and the rules that hold everywhere, in this flow.

use super::{ORIGIN, answers, asks_in, hand_in, honest, is_still_answerable, service, wish};
use crate::service::{TestService, presentation_path, told};
use pruefstein::domain::dc_api::Protocol;
use pruefstein::domain::reason::Code;
use pruefstein::simulator::dc_api::BrowserFault;
use pruefstein::simulator::faults::{End, Fault, Needs};
use pruefstein::simulator::wallet::Options;
use serde_json::{Value, json};

#[tokio::test]
async fn every_fault_behind_a_browser_gets_its_code() {
    // cases DCA-001, DCA-002, DCA-005, DCA-010; DCA-11, DCA-14, DCA-19, KB-10. Each also where all protocols are offered
    // but the unsigned one, which is what the unoffered one then is.
    for protocols in [vec![Protocol::Signed], vec![Protocol::MultiSigned, Protocol::Signed]] {
        for fault in BrowserFault::ALL.iter().copied() {
            let service = TestService::with(asks_in(&protocols));
            let created = service.create(&wish()).await;
            let mut last = (0, Value::Null);
            for answer in answers(&service, &created, service.options(), Some(fault)) {
                last = hand_in(&service, &created, &answer).await;
            }
            let (status, body) = last;
            let (expected, name) = (fault.expected(), fault.name());
            assert_eq!(status, expected.http, "{name}: {body}");
            let read = service.read(&created).await;
            assert!(expected.end.is(read["status"].as_str().unwrap()), "{name}: {read}");
            if let Some(code) = expected.code.filter(|_| status >= 400) {
                assert_eq!(body["code"], code.as_str(), "{name}");
            }
            if expected.end == End::Open {
                assert!(told(&read, expected.code.unwrap().as_str()), "{name}: {read}");
                is_still_answerable(&service, &created).await;
            }
        }
    }
}

#[test]
fn the_catalogue_is_behind_the_faults() {
    let cases: Vec<&str> = BrowserFault::ALL.iter().flat_map(|fault| fault.cases()).collect();
    for case in ["DCA-001", "DCA-002", "DCA-005", "DCA-010"] {
        assert!(cases.contains(&case), "{case}");
    }
    for fault in BrowserFault::ALL {
        assert_eq!(BrowserFault::from_name(fault.name()), Some(*fault));
        assert_eq!(Fault::from_name(fault.name()), None, "the command line knows both by name");
        assert!(fault.meaning().ends_with('.'));
    }
}

/// What must follow in this flow from a fault of every flow: there is no `client_id` in the proof, and no state.
fn expected_here(fault: Fault) -> Option<Code> {
    match fault {
        Fault::StateMissing | Fault::StateWrong => None,
        // The only aud that is right elsewhere and wrong here is that of `BrowserFault::AudClientId`.
        other => match other.expected().code {
            Some(Code::KbAudMismatch) => Some(Code::OriginMismatch),
            code => code,
        },
    }
}

#[tokio::test]
async fn proofs_and_encryption_are_judged_as_everywhere() {
    // DCA-17: every fault of the proof, of the encryption and of vp_token again, in this flow.
    let here = |fault: &Fault| {
        ["kb-", "jwe-", "vp-token-", "state-missing", "state-wrong", "response-plain", "two-", "query-id-"]
            .iter()
            .any(|prefix| fault.name().starts_with(prefix))
            && *fault != Fault::VpTokenInQuery
    };
    let mut played = 0;
    for fault in Fault::ALL.iter().copied().filter(here) {
        let service = service();
        let mut body = wish();
        if let Needs::Query(query) = fault.needs() {
            body.as_object_mut().unwrap().remove("preset");
            body["dcql_query"] = serde_json::from_str(query).unwrap();
        }
        let created = service.create(&body).await;
        let options = Options { fault: Some(fault), ..service.options() };
        let (status, answer) = hand_in(&service, &created, &answers(&service, &created, options, None)[0]).await;
        match expected_here(fault) {
            None => assert_eq!((status, answer["status"].as_str()), (200, Some("verified")), "{}", fault.name()),
            Some(code) => {
                let expected = (400, Some(code.as_str()));
                assert_eq!((status, answer["code"].as_str()), expected, "{}: {answer}", fault.name());
                is_still_answerable(&service, &created).await;
            }
        }
        played += 1;
    }
    assert!(played > 60, "{played}");
}

#[tokio::test]
async fn an_answer_to_another_transaction() {
    // DCA-17, OVP-VPT-09: the key and the nonce are of one transaction, encrypted or not.
    let service = service();
    for (mode, code) in [("dc_api.jwt", "jwe_key_unknown"), ("dc_api", "kb_nonce_mismatch")] {
        let mut body = wish();
        body["response_mode"] = json!(mode);
        let (one, other) = (service.create(&body).await, service.create(&body).await);
        let (status, problem) = hand_in(&service, &one, &honest(&service, &other)).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some(code)), "{problem}");
        assert!(service.read(&other).await.get("last_refused").is_none(), "the other one heard nothing");
        is_still_answerable(&service, &one).await;
        is_still_answerable(&service, &other).await;
    }
}

#[tokio::test]
async fn an_answer_for_another_page_of_the_tenant() {
    // case DCA-002: every page on the list is another page; only the one of the transaction counts.
    let service = service();
    let mut body = wish();
    body["origin"] = json!(super::OTHER_ORIGIN);
    body["response_mode"] = json!("dc_api");
    let other = service.create(&body).await;
    let call = &other["dc_api_request"];
    let wallet = service.wallet();
    let answer = wallet.answer_browser(call, super::OTHER_ORIGIN, service.options(), None).unwrap().remove(0).to_json();
    let (status, _) = hand_in(&service, &other, &answer).await;
    assert_eq!(status, 200);
    // The wallet would not answer a signed request at another page; an unsigned one says nothing of pages.
    let service = TestService::with(asks_in(&[Protocol::Unsigned]));
    let created = service.create(&wish()).await;
    for origin in [super::OTHER_ORIGIN, "https://evil.example"] {
        let call = &created["dc_api_request"];
        let answer =
            service.wallet().answer_browser(call, origin, service.options(), None).unwrap().remove(0).to_json();
        let (status, problem) = hand_in(&service, &created, &answer).await;
        assert_eq!((status, problem["code"].as_str()), (400, Some("origin_mismatch")), "{origin}");
    }
    is_still_answerable(&service, &created).await;
}

#[tokio::test]
async fn tenants_are_apart() {
    // case DCA-008: a page of blue relays what its browser gave it to a transaction of red, and the other way round.
    let service = TestService::with_two_tenants_of(|tenants| {
        for (tenant, origin) in tenants.iter_mut().zip([ORIGIN, "https://blue.example"]) {
            asks_in(&[Protocol::Signed])(tenant);
            tenant.dc_api.origins = vec![pruefstein::domain::dc_api::Origin::parse(origin).unwrap()];
        }
    });
    let create = async |key: &str, origin: &str| {
        let mut body = wish();
        body["origin"] = json!(origin);
        let answer = service.call("POST", "/v1/presentations").key(key).json(&body).send().await;
        (answer.status, answer.json())
    };
    let hand_in = async |key: &str, created: &Value, answer: &Value| {
        let path = format!("{}/dc-api", presentation_path(created));
        let answer = service.call("POST", &path).key(key).json(answer).send().await;
        (answer.status, answer.json())
    };
    let (status, red) = create("red-key", ORIGIN).await;
    assert_eq!(status, 201, "{red}");
    // Red's origin is not blue's, nor the other way round.
    assert_eq!(create("blue-key", ORIGIN).await.0, 422);
    let (status, blue) = create("blue-key", "https://blue.example").await;
    assert_eq!(status, 201, "{blue}");
    let answer = honest(&service, &red);
    let (status, problem) = hand_in("blue-key", &red, &answer).await;
    assert_eq!((status, problem["code"].as_str()), (404, Some("unknown_transaction")));
    // The same as for what does not exist at all.
    let (other_status, other) = hand_in("blue-key", &json!({"id": "AAAAAAAAAAAAAAAAAAAAAA"}), &answer).await;
    assert_eq!((status, &problem["detail"], &problem["title"]), (other_status, &other["detail"], &other["title"]));
    // Blue's own transaction does not take it either.
    let (status, problem) = hand_in("blue-key", &blue, &answer).await;
    assert_eq!((status, problem["code"].as_str()), (400, Some("jwe_key_unknown")));
    let (status, ended) = hand_in("red-key", &red, &answer).await;
    assert_eq!((status, ended["status"].as_str()), (200, Some("verified")), "{ended}");
}

#[tokio::test]
async fn tries_are_limited() {
    // RSP-031 in this flow.
    let service = service();
    let created = service.create(&wish()).await;
    let junk = json!({"protocol": "openid4vp-v1-signed", "data": {"response": "junk"}});
    for _ in 0..10 {
        assert_eq!(hand_in(&service, &created, &junk).await.0, 400);
    }
    let (status, problem) = hand_in(&service, &created, &junk).await;
    assert_eq!((status, problem["code"].as_str()), (429, Some("rate_limited")));
    service.clock.advance(60);
    is_still_answerable(&service, &created).await;
}

#[tokio::test]
async fn what_cannot_be_decided_now_stays_open() {
    let service = service();
    let created = service.create(&wish()).await;
    let options = Options { fault: Some(Fault::StatusHostDown), ..service.options() };
    let answer = answers(&service, &created, options, None).remove(0);
    let (status, problem) = hand_in(&service, &created, &answer).await;
    assert_eq!((status, problem["code"].as_str()), (503, Some("status_unavailable")), "{problem}");
    is_still_answerable(&service, &created).await;
}
