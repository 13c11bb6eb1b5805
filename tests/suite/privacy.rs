//! A person whose every value is a marker goes through everything that can happen; the markers turn up in the result
//! and nowhere else: not in logs, answers, problem documents, pages, `Debug` or files.

mod cases;
mod files;
mod markers;

use crate::flows::{CustomPid, ordinary_holder, sealed};
use crate::service::{Answer, Call, FORM, TestService, part, path_of, presentation_path};
use cases::Case;
use markers::{Marker, canary, found};
use pruefstein::app::create_request::Created;
use pruefstein::domain::ids::{RequestHandle, TenantId, TransactionId};
use pruefstein::domain::transaction::Transaction;
use pruefstein::simulator::authority::IssuerName;
use pruefstein::simulator::issuer::{Draft, KeyBinding, present};
use pruefstein::simulator::people::Person;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// The presentation of the marked person, spoilt as the case wants it.
fn presentation(service: &TestService, request: &Value, claims: &Map<String, Value>, case: Case) -> String {
    let authority = &service.world.authority;
    let holder = ordinary_holder(service);
    let (kind, now) = (IssuerName::PidGermany, service.app.now());
    let base = service.world.status_host.base();
    let mut draft = Draft::new(authority, kind, Person::Ordinary, &holder, base, now).unwrap();
    draft.claims.clone_from(claims);
    match case {
        Case::Revoked => draft.control["status"]["status_list"]["idx"] = json!(1),
        Case::Expired => drop(draft.control.insert("exp".to_owned(), json!(now.0 - 1_000))),
        _ => {}
    }
    let mut issued = draft.seal(authority.seed()).issue().unwrap();
    if case == Case::SignatureFlipped {
        let (head, signature) = issued.jwt.rsplit_once('.').unwrap();
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        issued.jwt = format!("{head}.{first}{}", &signature[1..]);
    }
    let everything: Vec<Vec<Value>> = claims.keys().map(|name| vec![json!(name)]).collect();
    let asked = request["dcql_query"]["credentials"][0]["claims"].as_array().unwrap().iter();
    let asked: Vec<Vec<Value>> = asked.map(|claim| claim["path"].as_array().unwrap().clone()).collect();
    let mut shown = issued.disclosures_for(if case == Case::EverythingShown { &everything } else { &asked });
    if case == Case::DisclosureTwice {
        shown.push(shown[0].clone());
    }
    let nonce =
        if case == Case::WrongNonce { "another-nonce-that-is-long" } else { request["nonce"].as_str().unwrap() };
    let binding = KeyBinding::new(request["client_id"].as_str().unwrap(), nonce, now);
    present(&issued, &shown, binding, &holder).unwrap()
}

/// Collects the request and answers it.
async fn play(service: &TestService, created: &Value, claims: &Map<String, Value>, case: Case) -> Answer {
    let request = part(&service.fetch(created).await, 1);
    let path = path_of(&request["response_uri"]);
    let token = presentation(service, &request, claims, case);
    let state = request["state"].as_str().unwrap();
    let name = claims["family_name"].as_str().unwrap();
    let query = if case == Case::UnknownQuery { name } else { "pid-de-sdjwt" };
    let vp_token = if case == Case::VpTokenText { json!(token) } else { json!({query: [token]}) };
    let mut content = json!({"vp_token": vp_token, "state": state});
    if case == Case::WrongState {
        content["state"] = json!(name);
    }
    let plain = [("vp_token", vp_token.to_string()), ("state", state.to_owned())];
    let plain = form_urlencoded::Serializer::new(String::new()).extend_pairs(plain).finish();
    let post = |path: &str| service.call("POST", path);
    let form = |body: Vec<u8>| post(&path).header("content-type", FORM).body(body);
    match case {
        Case::Declined => {
            post(&path).form(&[("error", name), ("error_description", name), ("error_uri", name), ("state", state)])
        }
        Case::NotEncrypted | Case::Plain => form(plain.into_bytes()),
        Case::NotDecryptable => {
            let mut spoilt = sealed(&request, &content);
            let place = spoilt.len() - 60;
            spoilt[place] = if spoilt[place] == b'A' { b'B' } else { b'A' };
            form(spoilt)
        }
        Case::InTheAddress => post(&format!("{path}?{plain}")).header("content-type", FORM),
        Case::Json => post(&path).json(&content),
        Case::Twice => form([sealed(&request, &content), b"&".to_vec(), sealed(&request, &content)].concat()),
        _ => form(sealed(&request, &content)),
    }
    .send()
    .await
}

async fn stored(service: &TestService, created: &Value) -> Transaction {
    let handle = path_of(&created["request_uri"]).rsplit('/').next().unwrap().to_owned();
    service.store.by_handle(&RequestHandle::parse(&handle).unwrap()).await.unwrap().unwrap()
}

/// The private key for the answer, while there is one.
async fn encryption_key(service: &TestService, created: &Value) -> Option<Marker> {
    let transaction = stored(service, created).await;
    transaction.request().encryption_key.as_ref().map(|key| Marker::bytes("encryption key", key.expose()))
}

/// Everything that is logged on this thread, at the finest level.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

impl Log {
    pub(crate) fn capture() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

/// All answers, headers included.
#[derive(Default)]
struct Heard(Vec<u8>);

impl Heard {
    fn note(&mut self, answer: &Answer) {
        self.0.extend(format!("{:?}\n", answer.headers).into_bytes());
        self.0.extend(&answer.body);
    }

    async fn send(&mut self, call: Call) -> Answer {
        let answer = call.send().await;
        self.note(&answer);
        answer
    }
}

/// What opens or proves something: it stands where it belongs, and never in a log.
async fn secrets(service: &TestService, created: &Value, claims: &Map<String, Value>) -> Vec<Marker> {
    let transaction = stored(service, created).await;
    let request = transaction.request();
    let issued = CustomPid { claims: claims.clone() }.issue(service);
    let mut secrets = vec![
        Marker::text("nonce", request.nonce.as_str()),
        Marker::text("state", request.state.as_ref().unwrap().as_str()),
        Marker::text("id", transaction.id().as_str()),
        Marker::text("request handle", transaction.handle().as_str()),
        Marker::text("page handle", transaction.page().as_str()),
        Marker::text("issuer signature", issued.jwt.rsplit('.').next().unwrap()),
        Marker::text("payload", issued.jwt.split('.').nth(1).unwrap()),
    ];
    secrets.extend(issued.disclosures.iter().map(|one| Marker::text("a disclosure", &one.text)));
    secrets.extend(encryption_key(service, created).await);
    secrets
}

fn none(markers: &[Marker], haystack: &[u8], place: &str) {
    assert_eq!(found(markers, haystack), Vec::<&str>::new(), "in {place}");
}

#[tokio::test]
async fn markers_are_in_the_result_and_nowhere_else() {
    // PRV-04, PRV-05, OVP-VPT-12, ERR-14: not in logs, answers or Debug.
    // cases RSP-029, RSP-030, PRI-010, PRI-011, PRI-012, HTT-029; rule 8 of the catalogue.
    let (log, _guard) = Log::capture();
    tracing::trace!("KANARIENVÖGEL-Q7X1");
    let (claims, values) = canary();
    assert_eq!(found(&values, &log.bytes()), ["family_name"], "the capture and the search work");
    log.0.lock().unwrap().clear();

    let service = TestService::new();
    for case in Case::ALL {
        let mut heard = Heard::default();
        let mut debug = String::new();
        let created = service.call("POST", "/v1/presentations").json(&case.body()).send().await;
        heard.note(&created);
        let created = created.json();
        let before = secrets(&service, &created, &claims).await;
        debug.push_str(&debugged(&service, &created).await);
        let answer = play(&service, &created, &claims, case).await;
        heard.note(&answer);
        assert_eq!(answer.status, case.status(), "{case:?}: {}", answer.text());

        let path = presentation_path(&created);
        let read = service.call("GET", &path).send().await;
        let mut told = read.json();
        if case.is_accepted() {
            let result = told.as_object_mut().unwrap().remove("result").unwrap();
            assert!(values[0].is_in(result.to_string().as_bytes()), "the result is where the values are");
            for name in ["region", "source", "issuing_authority", "raw_eid_birth_date"] {
                let marker = values.iter().find(|marker| marker.name == name).unwrap();
                assert!(!marker.is_in(result.to_string().as_bytes()), "{name} was not asked for");
            }
        } else {
            assert_eq!(told["result"], Value::Null, "{case:?}");
        }
        heard.0.extend(told.to_string().into_bytes());
        for path in [format!("{path}?wait=0&x=1"), path_of(&created["page_url"]), path_of(&created["request_uri"])] {
            heard.send(service.call("GET", &path)).await;
        }
        if case.is_accepted() {
            let events = service.call("GET", &format!("{path}/events")).send().await;
            heard.note(&events);
        }
        debug.push_str(&debugged(&service, &created).await);
        heard.send(service.call("DELETE", &path)).await;
        heard.send(service.call("GET", &path)).await;
        none(&values, &heard.0, &format!("an answer, {case:?}"));
        let proofs = ["issuer signature", "payload", "a disclosure", "encryption key"];
        let proofs: Vec<&Marker> = before.iter().filter(|marker| proofs.contains(&marker.name.as_str())).collect();
        assert_eq!(found(proofs, &heard.0), Vec::<&str>::new(), "{case:?}");
        for markers in [&values, &before] {
            none(markers, &log.bytes(), &format!("the log, {case:?}"));
            none(markers, debug.as_bytes(), &format!("Debug, {case:?}"));
        }
    }
}

/// `Debug` of what the use cases hand out.
async fn debugged(service: &TestService, created: &Value) -> String {
    let tenant = TenantId::default_tenant();
    let id = created["id"].as_str().unwrap();
    let page = path_of(&created["page_url"]).rsplit('/').next().unwrap().to_owned();
    let read = service.app.read_result(&tenant, id, Some("a-response-code-of-somebody"), Some("a-session")).await;
    let watched = service.app.watch(&tenant, id).await;
    let page: Result<Created, _> = service.app.bound_page(&page, None).await;
    let links = service.app.links(&tenant, id).await;
    let transaction = stored(service, created).await;
    let id = TransactionId::parse(id).unwrap();
    format!(
        "{read:?} {watched:?} {page:?} {links:?} {transaction:?} {:?} {:?} {:?} {id:?}",
        transaction.request(),
        transaction.flow(),
        transaction.page(),
    )
}

#[tokio::test]
async fn what_callers_send_is_not_repeated() {
    // Problem documents name places, never values; keys and codes are in no log either.
    let (log, _guard) = Log::capture();
    let service = TestService::with_two_tenants();
    let (claims, values) = canary();
    let mut heard = Heard::default();
    let canary = claims["family_name"].as_str().unwrap();
    let secret = Marker::text("API key", "red-key-that-nobody-has");
    let good = json!({"format": "dc+sd-jwt", "presentation": "x", "nonce": "n", "audience": "a"});
    for route in ["/v1/presentations", "/v1/verifications", "/v1/queries/check"] {
        for member in
            ["preset", "flow", "return_url", "response_mode", "reference", "at", "format", "dcql_query", "expires_in"]
        {
            for value in [json!(canary), json!({"x": canary}), json!([canary])] {
                let mut body = if route == "/v1/verifications" { good.clone() } else { json!({}) };
                body[member] = value;
                let answer = heard.send(service.call("POST", route).key("red-key").json(&body)).await;
                assert!(answer.status == 200 || answer.status == 422, "{route} {member}: {}", answer.text());
            }
        }
        let broken = format!("{{\"preset\": \"{canary}\", \"preset\": \"{canary}\"}}").into_bytes();
        let call = service.call("POST", route).key("red-key").header("content-type", "application/json");
        assert_eq!(heard.send(call.body(broken)).await.status, 400);
        let call = service.call("POST", route).key("red-key").header("content-type", "application/json");
        assert_eq!(heard.send(call.body(canary.as_bytes().to_vec())).await.status, 400);
        assert_eq!(heard.send(service.call("POST", route).key("red-key-that-nobody-has")).await.status, 401);
    }
    let name: String = form_urlencoded::byte_serialize(canary.as_bytes()).collect();
    for path in ["/v1/presentations/", "/v1/presets/", "/wallet/requests/", "/p/", "/x/"] {
        let answer = heard.send(service.call("GET", &format!("{path}{name}")).key("red-key")).await;
        assert_eq!(answer.status, 404, "{path}");
    }
    let created = service.call("POST", "/v1/presentations").key("red-key");
    let created = created.json(&json!({"preset": "schalter", "flow": "cross_device"})).send().await.json();
    let path = format!("{}?response_code={name}&wait={name}", presentation_path(&created));
    assert_eq!(heard.send(service.call("GET", &path).key("red-key")).await.status, 400);
    let metadata = [("wallet_metadata", canary), ("wallet_nonce", canary)];
    let call = service.call("POST", &path_of(&created["request_uri"])).form(&metadata);
    assert_eq!(heard.send(call).await.status, 400);
    for haystack in [&heard.0, &log.bytes()] {
        none(&values, haystack, "an answer or the log");
        assert!(!secret.is_in(haystack));
    }
}

#[tokio::test]
async fn a_verification_outside_of_transactions_keeps_and_tells_nothing() {
    let (log, _guard) = Log::capture();
    let service = TestService::new();
    let (claims, values) = canary();
    let request = json!({
        "client_id": "x509_hash:somebody", "nonce": "a-nonce-of-the-caller",
        "dcql_query": {"credentials": [{"claims": [{"path": ["family_name"]}, {"path": ["address"]}]}]}
    });
    for case in
        [Case::Accepted, Case::Revoked, Case::Expired, Case::WrongNonce, Case::SignatureFlipped, Case::DisclosureTwice]
    {
        let token = presentation(&service, &request, &claims, case);
        let body = json!({
            "format": "dc+sd-jwt", "presentation": token, "nonce": request["nonce"], "audience": request["client_id"]
        });
        let (status, mut verdict) = service.post_json("/v1/verifications", &body).await;
        assert_eq!(status, 200, "{verdict}");
        let result = verdict.as_object_mut().unwrap().remove("result").unwrap();
        assert_eq!(values[0].is_in(result.to_string().as_bytes()), case == Case::Accepted, "{case:?}");
        none(&values, verdict.to_string().as_bytes(), "the verdict");
        none(&values, &log.bytes(), "the log");
    }
}

#[tokio::test]
async fn nobody_is_known_by_their_wallet_or_network() {
    // OVP-RURI-18, OVP-RESP-18, PRV-09: what wallet and network say of themselves is in no log, no file and no answer, and
    // an answer from elsewhere counts as much as one from where the request was collected.
    let (log, _guard) = Log::capture();
    let folder = tempfile::tempdir().unwrap();
    let service = TestService::on(crate::service::sqlite(folder.path()), |_| {});
    let created = service.create(&json!({"preset": "schalter", "flow": "cross_device"})).await;
    let said = ["SeltsameBrieftasche/7.3", "203.0.113.77", "ein-seltsames-merkmal", "seltsame-zufallszahl-1"];
    let path = path_of(&created["request_uri"]);
    let metadata = json!({"x": said[2], "vp_formats_supported": {"dc+sd-jwt": {}}}).to_string();
    let call = service.call("POST", &path).header("user-agent", said[0]).header("x-forwarded-for", said[1]);
    let answer = call.form(&[("wallet_metadata", &metadata), ("wallet_nonce", said[3])]).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let request = part(&answer.text(), 1);
    let mut heard = Heard::default();
    let (claims, _) = canary();
    let token = presentation(&service, &request, &claims, Case::Accepted);
    let content = json!({"vp_token": {"pid-de-sdjwt": [token]}, "state": request["state"]});
    let call = service.call("POST", &path_of(&request["response_uri"])).header("user-agent", "another");
    let call = call.header("x-forwarded-for", "198.51.100.3").header("content-type", FORM);
    assert_eq!(heard.send(call.body(sealed(&request, &content))).await.status, 200);
    let read = heard.send(service.call("GET", &presentation_path(&created))).await.json();
    assert_eq!(read["status"], "verified");
    let markers: Vec<Marker> = said.iter().map(|text| Marker::text(text, text)).collect();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        files.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    for (place, haystack) in [("an answer", &heard.0), ("the log", &log.bytes()), ("a file", &files)] {
        none(&markers, haystack, place);
    }
}
