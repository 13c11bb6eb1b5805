//! Requests under a registration: what goes out, and what does not start.

use super::*;
use crate::service::{TestService, part};
use pruefstein::app::Tenant;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::request::profile::{DE_SANDBOX, HAIP_ETSI};
use pruefstein::domain::verify::Policy;
use pruefstein::simulator::transport::HttpResponse;
use pruefstein::simulator::wallet::{Options, VerifierInfo};

fn with(change: impl FnOnce(&World, &mut Tenant)) -> TestService {
    let world = world();
    TestService::with(|tenant| {
        tenant.registrations.list = vec![registered(&world, "parking", &[], |_| {})];
        change(&world, tenant);
    })
}

fn asking(body: Value) -> Value {
    let mut all = json!({"flow": "cross_device"});
    all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    all
}

fn query(paths: &[Value]) -> Value {
    let claims: Vec<Value> = paths.iter().map(|path| json!({"path": path})).collect();
    json!({"credentials": [{"id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]}, "claims": claims}]})
}

async fn refusal(service: &TestService, body: Value) -> (u16, Value) {
    let (status, problem) = service.post_json("/v1/presentations", &asking(body)).await;
    assert_ne!(status, 201, "{problem}");
    (status, problem)
}

fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_certificate_goes_with_the_request() {
    // VINFO-01, VINFO-02, VINFO-03, VINFO-04.
    let service = with(|_, _| {});
    let expected = draft(&service.world.authority, NOW).jwt().unwrap();
    let created = service.create(&asking(json!({"preset": "bewohnerparken"}))).await;
    let first = part(&service.fetch(&created).await, 1)["verifier_info"].clone();
    assert_eq!(first, json!([{"format": "registration_cert", "data": expected}]));
    // Collected again, it is the same.
    assert_eq!(part(&service.fetch(&created).await, 1)["verifier_info"], first);
    service.answer(&created, service.options()).await;
    assert_eq!(service.status(&created).await, "verified");
}

#[tokio::test]
async fn the_profile_says_how_it_is_written() {
    // VINFO-03, DEU-08.
    let world = world();
    let jwt = draft(&world.authority, NOW).jwt().unwrap();
    let encoded = base64::encode_url(jwt.as_bytes());
    for (profile, data) in [(&HAIP_ETSI, encoded), (&DE_SANDBOX, jwt)] {
        let service = with(|_, tenant| tenant.profile = profile);
        let created = service.create(&asking(json!({"preset": "bewohnerparken"}))).await;
        let token = service.fetch(&created).await;
        assert_eq!(part(&token, 1)["verifier_info"], json!([{"format": "registration_cert", "data": data}]));
    }
}

#[tokio::test]
async fn a_wallet_may_ignore_it() {
    // VINFO-09: nothing depends on what the wallet makes of it.
    let service = with(|_, _| {});
    let created = service.create(&asking(json!({"preset": "bewohnerparken"}))).await;
    service.answer(&created, Options { info: VerifierInfo::Ignored, ..service.options() }).await;
    assert_eq!(service.status(&created).await, "verified");
}

#[tokio::test]
async fn without_any_registration_nothing_is_sent_or_compared() {
    let service = TestService::new();
    let created = service.create(&asking(json!({"dcql_query": query(&[json!(["birthdate"])])}))).await;
    let request = part(&service.fetch(&created).await, 1);
    assert!(request.get("verifier_info").is_none());
    // VINFO-05: a profile that demands one does not start without.
    let service = TestService::with(|tenant| tenant.profile = &HAIP_ETSI);
    let (status, problem) = refusal(&service, json!({"preset": "bewohnerparken"})).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("query_not_permitted")));
}

#[tokio::test]
async fn who_asks_for_more_does_not_start() {
    // RPC-19, case DCQ-023: all places at once, and nothing is stored.
    let service = with(|_, _| {});
    let more = query(&[json!(["family_name"]), json!(["nationalities", null]), json!(["birth_name"])]);
    let (status, problem) = refusal(&service, json!({"dcql_query": more})).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("query_not_permitted")));
    assert_eq!(
        pointers(&problem),
        ["/dcql_query/credentials/0/claims/1/path", "/dcql_query/credentials/0/claims/2/path",]
    );
    assert!(problem["errors"].as_array().unwrap().iter().all(|error| error["rule"] == "RPC-19"));
    // Everything, another type, another format.
    let mut all = query(&[json!(["family_name"])]);
    all["credentials"][0].as_object_mut().unwrap().remove("claims");
    assert_eq!(pointers(&refusal(&service, json!({"dcql_query": all})).await.1), ["/dcql_query/credentials/0"]);
    // A preset is refused at its name, with the path in words.
    let (status, problem) = refusal(&service, json!({"preset": "wohnsitz-vorbereitung"})).await;
    assert_eq!(status, 403);
    assert!(pointers(&problem).len() > 3 && pointers(&problem).iter().all(|pointer| *pointer == "/preset"));
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("is not registered"));
    // Less is fine.
    service.create(&asking(json!({"dcql_query": query(&[json!(["family_name"])])}))).await;
}

#[tokio::test]
async fn one_registration_is_chosen_for_each_request() {
    // RPC-09, VINFO-04.
    let service = with(|world, tenant| {
        tenant.registrations.list = vec![
            registered(world, "parking", &["bewohnerparken"], |_| {}),
            registered(world, "library", &[], |draft| {
                drop(draft.claims.insert("intended_use_id".to_owned(), json!("library-1")))
            }),
            registered(world, "other", &[], |draft| {
                drop(draft.claims.insert("intended_use_id".to_owned(), json!("other-1")))
            }),
        ];
    });
    let sent = async |body: Value| {
        let created = service.create(&asking(body)).await;
        let info = part(&service.fetch(&created).await, 1)["verifier_info"].clone();
        assert_eq!(info.as_array().unwrap().len(), 1);
        part(info[0]["data"].as_str().unwrap(), 1)["intended_use_id"].as_str().unwrap().to_owned()
    };
    assert_eq!(sent(json!({"preset": "bewohnerparken"})).await, "parking-1");
    assert_eq!(sent(json!({"preset": "bewohnerparken", "registration": "parking"})).await, "parking-1");
    assert_eq!(sent(json!({"preset": "bewohnerparken", "registration": "library"})).await, "library-1");
    let name = query(&[json!(["family_name"])]);
    assert_eq!(sent(json!({"dcql_query": name, "registration": "other"})).await, "other-1");
    // Several could be meant, none of this name, one for other presets.
    for body in [
        json!({"dcql_query": name}),
        json!({"preset": "bibliothek"}),
        json!({"dcql_query": name, "registration": "nobody"}),
        json!({"preset": "bibliothek", "registration": "parking"}),
    ] {
        let (status, problem) = refusal(&service, body.clone()).await;
        assert_eq!((status, problem["code"].as_str()), (422, Some("invalid_query")), "{body}");
        assert_eq!(pointers(&problem), ["/registration"], "{body}");
    }
}

#[tokio::test]
async fn a_use_without_a_registration_does_not_start() {
    // RPC-09: a transaction without mapping is refused.
    let service = with(|world, tenant| {
        tenant.registrations.list = vec![registered(world, "parking", &["bewohnerparken"], |_| {})];
    });
    let (status, problem) = refusal(&service, json!({"dcql_query": query(&[json!(["family_name"])])})).await;
    assert_eq!((status, pointers(&problem)), (422, vec!["/registration"]));
    service.create(&asking(json!({"preset": "bewohnerparken"}))).await;
}

#[tokio::test]
async fn an_intermediary_must_be_told() {
    // RPC-16, RPC-17: there is no default.
    let party = pruefstein::simulator::registrar::PARTY;
    let of_intermediary = |draft: &mut Draft| {
        draft.claims.insert("sub".to_owned(), json!("NTRDE-TEST.77"));
        draft.claims.insert("intermediary".to_owned(), json!({"sub": party, "sname": "Vermittler"}));
        draft.claims.insert("act".to_owned(), json!({"sub": party}));
    };
    let service =
        with(|world, tenant| tenant.registrations.list = vec![registered(world, "town", &[], of_intermediary)]);
    let (status, problem) = refusal(&service, json!({"preset": "bewohnerparken"})).await;
    assert_eq!((status, problem["errors"][0]["rule"].as_str()), (422, Some("RPC-17")));
    service.create(&asking(json!({"preset": "bewohnerparken", "registration": "town"}))).await;
}

#[tokio::test]
async fn an_ended_registration_stops_new_requests_only() {
    // RPC-08, RPC-11.
    let ends = NOW.plus(200);
    let service = with(|world, tenant| {
        tenant.registrations.list =
            vec![registered(world, "parking", &[], |draft| drop(draft.claims.insert("exp".to_owned(), json!(ends.0))))];
        tenant.policy = Policy { skew: ClockSkew::new(0).unwrap(), ..Policy::default() };
    });
    let created = service.create(&asking(json!({"preset": "bewohnerparken"}))).await;
    service.clock.set(ends);
    let (status, problem) = refusal(&service, json!({"preset": "bewohnerparken"})).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("query_not_permitted")));
    assert!(problem["detail"].as_str().unwrap().contains("has ended"), "{problem}");
    // What was begun under it is collected as it was.
    assert!(part(&service.fetch(&created).await, 1)["verifier_info"].is_array());
}

#[tokio::test]
async fn another_certificate_is_never_sent_in_its_place() {
    // VINFO-04: the request was begun under one certificate, and after a restart there is another.
    let before = with(|_, _| {});
    let created = before.create(&asking(json!({"preset": "bewohnerparken"}))).await;
    let after = TestService::on(before.store.clone(), |tenant| {
        tenant.registrations.list = vec![registered(&before.world, "parking", &[], |draft| {
            drop(draft.claims.insert("name".to_owned(), json!("Test")))
        })];
    });
    let path = crate::service::path_of(&created["request_uri"]);
    let answer: HttpResponse = after.raw("GET", &path, None).await;
    assert_eq!(answer.status, 410);
    assert_eq!(before.raw("GET", &path, None).await.status, 200);
}

#[tokio::test]
async fn the_setting_for_tests_lets_it_pass_and_the_report_says_so() {
    // RPC-19: an override by a name that says what it is, seen in each report.
    let service = with(|_, tenant| tenant.registrations.unregistered = UnregisteredQueries::AllowedForTesting);
    let note = async |body: Value, info: VerifierInfo| {
        let created = service.create(&asking(body)).await;
        service.answer(&created, Options { info, ..service.options() }).await;
        let read = service.read(&created).await;
        assert_eq!(read["status"], "verified", "{read}");
        read["report"]["checks"].to_string().contains("asks for more than is registered")
    };
    let more = query(&[json!(["birthdate"]), json!(["nationalities", null])]);
    assert!(note(json!({"dcql_query": more}), VerifierInfo::Ignored).await);
    assert!(!note(json!({"preset": "bewohnerparken"}), VerifierInfo::Heeded).await);
    // The strict wallet sees it all the same.
    let created = service.create(&asking(json!({"dcql_query": more}))).await;
    let error = service
        .wallet()
        .answer(created["authorization_request_uri"].as_str().unwrap(), &service.transport(), service.options())
        .await;
    assert!(error.unwrap_err().to_string().contains("registration-coverage"));
    // A refused answer has it in its report as well.
    let fault = pruefstein::simulator::faults::Fault::from_name("expired");
    let created = service.create(&asking(json!({"dcql_query": more}))).await;
    let options = Options { info: VerifierInfo::Ignored, fault, ..service.options() };
    service.answer(&created, options).await;
    let read = service.read(&created).await;
    assert!(read.to_string().contains("asks for more than is registered"), "{read}");
}

#[tokio::test]
async fn queries_can_be_compared_before_they_are_used() {
    // RPC-19: `POST /v1/queries/check` shows registered, asked and the difference.
    let service = with(|world, tenant| {
        tenant.registrations.list.push(registered(world, "none", &[], |draft| {
            drop(draft.claims.insert("credentials".to_owned(), json!([])))
        }));
    });
    let check = async |body: Value| {
        let (status, answer) = service.post_json("/v1/queries/check", &body).await;
        assert_eq!(status, 200, "{answer}");
        answer
    };
    let asked = query(&[json!(["family_name"]), json!(["nationalities", null])]);
    let answer = check(json!({"dcql_query": asked})).await;
    assert_eq!(answer["sendable"], false);
    let parking = &answer["registrations"][0];
    assert_eq!((parking["registration"].as_str(), parking["covered"].as_bool()), (Some("parking"), Some(false)));
    let row = |index: usize| &parking["claims"][index];
    assert_eq!(
        row(0),
        &json!({
            "format": "dc+sd-jwt", "credential_type": "urn:eudi:pid:de:1", "asked": ["family_name"],
            "registered": ["family_name"], "difference": "none", "pointer": "/credentials/0/claims/0/path"
        })
    );
    assert_eq!(row(1)["difference"], "not_registered");
    assert_eq!(row(1)["asked"], json!(["nationalities", null]));
    assert_eq!(row(1)["registered"], Value::Null);
    assert_eq!(row(2)["difference"], "not_asked");
    assert_eq!(row(2)["asked"], Value::Null);
    assert_eq!(answer["registrations"][1]["covered"], false);
    let fewer = query(&[json!(["family_name"])]);
    assert_eq!(check(json!({"dcql_query": fewer})).await["sendable"], true, "one of them covers it");
    let named = check(json!({"dcql_query": fewer, "registration": "none"})).await;
    assert_eq!((named["sendable"].as_bool(), named["registrations"].as_array().unwrap().len()), (Some(false), 1));
    let unknown = check(json!({"dcql_query": fewer, "registration": "nobody"})).await;
    assert_eq!(
        (unknown["sendable"].as_bool(), unknown["faults"][0]["pointer"].as_str()),
        (Some(false), Some("/registration"))
    );
    let none = TestService::new();
    let (_, answer) = none.post_json("/v1/queries/check", &json!({"dcql_query": fewer})).await;
    assert_eq!((answer["sendable"].as_bool(), &answer["registrations"]), (Some(true), &json!([])));
}

#[tokio::test]
async fn requests_through_the_browser_carry_it_where_their_signer_stands() {
    // VINFO-07: in the payload of a signed request, in the protected header of the JSON form; and over-asking does not start.
    use pruefstein::app::dc_api::DcApiRules;
    use pruefstein::domain::dc_api::{Origin, Protocol};
    const ORIGIN: &str = "https://antrag.stadt.example";
    let service = with(|_, tenant| {
        tenant.dc_api = DcApiRules {
            origins: vec![Origin::parse(ORIGIN).unwrap()],
            hosted: None,
            protocols: vec![Protocol::MultiSigned, Protocol::Signed],
        };
    });
    let expected = json!([{
        "format": "registration_cert", "data": draft(&service.world.authority, NOW).jwt().unwrap()
    }]);
    let wish = |body: Value| {
        let mut all = json!({"flow": "dc_api", "origin": ORIGIN});
        all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        all
    };
    let created = service.create(&wish(json!({"preset": "bewohnerparken"}))).await;
    let data = |index: usize| created["dc_api_request"]["digital"]["requests"][index]["data"]["request"].clone();
    let decoded = |text: &Value| -> Value {
        serde_json::from_slice(&base64::decode_url(text.as_str().unwrap()).unwrap()).unwrap()
    };
    let multi = data(0);
    assert_eq!(decoded(&multi["signatures"][0]["protected"])["verifier_info"], expected);
    assert!(decoded(&multi["payload"]).get("verifier_info").is_none());
    assert_eq!(part(data(1).as_str().unwrap(), 1)["verifier_info"], expected);
    let call = &created["dc_api_request"];
    let answers = service.wallet().answer_browser(call, ORIGIN, service.options(), None).unwrap();
    let path = format!("{}/dc-api", crate::service::presentation_path(&created));
    let (status, read) = service.post_json(&path, &answers[0].to_json()).await;
    assert_eq!((status, read["status"].as_str()), (200, Some("verified")), "{read}");
    let more = wish(json!({"dcql_query": query(&[json!(["birth_name"])])}));
    let (status, problem) = service.post_json("/v1/presentations", &more).await;
    assert_eq!((status, problem["code"].as_str()), (403, Some("query_not_permitted")), "{problem}");
}
