//! The simulated wallet against a verifier behind its router: every fault gets the one answer that is right.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on shall stop")]

mod stub;

use crate::service::TestService;
use axum::Router;
use pruefstein::adapters::store::memory::MemoryStore;
use pruefstein::demo::World;
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::simulator::authority::TestAuthority;
use pruefstein::simulator::faults::{End, Fault, Needs};
use pruefstein::simulator::status_host::StatusHost;
use pruefstein::simulator::transport::{HttpRequest, HttpResponse, Method, RouterTransport, Transport as _};
use pruefstein::simulator::wallet::{Options, Wallet, WalletReport};
use serde_json::{Value, json};
use std::sync::Arc;

/// The time at which all of this happens.
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
/// Where the status host is.
pub(crate) const STATUS_BASE: &str = "https://status.pruefstein.example";

/// A verifier that is to be tested.
pub(crate) struct Stand {
    /// Its router with the caller API and the wallet endpoints.
    pub(crate) router: Router,
    /// The public address of the router.
    pub(crate) base: String,
    /// The key of a caller.
    pub(crate) api_key: String,
}

/// Plays `faults` against verifiers that `factory` makes, a fresh one for each fault, and lists what went wrong.
///
/// For each: a transaction is created, the wallet misbehaves, its last status is compared, then what the caller reads.
/// If the transaction must have stayed open, an honest answer has to be accepted afterwards.
pub(crate) async fn differences(
    faults: &[Fault],
    factory: impl Fn(Arc<TestAuthority>, Arc<StatusHost>) -> Stand,
) -> Vec<String> {
    let authority = Arc::new(TestAuthority::for_host([7; 32], NOW, "verifier.example").unwrap());
    let status = Arc::new(StatusHost::new(authority.clone(), STATUS_BASE));
    let mut found = Vec::new();
    for fault in faults.iter().copied() {
        let stand = factory(authority.clone(), status.clone());
        if let Err(difference) = play(&stand, &authority, fault).await {
            found.push(format!("{}: {difference} ({})", fault.name(), fault.meaning()));
        }
    }
    found
}

async fn play(stand: &Stand, authority: &Arc<TestAuthority>, fault: Fault) -> Result<(), String> {
    let created = create(stand, fault.needs()).await?;
    let id = created.get("id").and_then(Value::as_str).ok_or("no id")?;
    let link = created.get("authorization_request_uri").and_then(Value::as_str).ok_or("no link")?;
    let report = answer(stand, authority, link, Some(fault)).await?;
    let expected = fault.expected();
    if report.last_status() != Some(expected.http) {
        return Err(format!("the wallet got {:?} instead of {}", report.last_status(), expected.http));
    }
    let read = read(stand, id).await?;
    let status = read.get("status").and_then(Value::as_str).unwrap_or_default();
    if !expected.end.is(status) {
        return Err(format!("the transaction is {status} instead of {:?}", expected.end));
    }
    // The first end state wins: with a late second answer the caller's code is that of the first.
    let code = read.pointer("/error/code").and_then(Value::as_str);
    let wanted = expected.code.map(Code::as_str);
    if matches!(expected.end, End::Rejected | End::Declined) && expected.http != 409 && code != wanted {
        return Err(format!("the caller reads {code:?} instead of {wanted:?}"));
    }
    // Before issuer and holder are established the caller reads why beside the open transaction.
    let refused = read.pointer("/last_refused/error/code").and_then(Value::as_str);
    let is_told = !matches!(fault, Fault::JunkFlood | Fault::VpTokenInQuery);
    if expected.end == End::Open && is_told && refused.is_some() && refused != wanted {
        return Err(format!("the caller reads of a refused try {refused:?} instead of {wanted:?}"));
    }
    if expected.end == End::Open && is_told && refused.is_none() && wanted.is_some_and(belongs_to_a_report) {
        return Err(format!("the caller does not read of the refused try, which should say {wanted:?}"));
    }
    if expected.end == End::Open && fault != Fault::JunkFlood {
        let honest = answer(stand, authority, link, None).await?;
        if honest.last_status() != Some(200) {
            return Err(format!("an honest answer afterwards got {:?}", honest.last_status()));
        }
        let end = self::read(stand, id).await?;
        if end.get("status").and_then(Value::as_str) != Some("verified") {
            return Err("an honest answer afterwards was not verified".to_owned());
        }
    }
    Ok(())
}

/// Codes of checks; those of HTTP, forms and limits are told to the sender only.
fn belongs_to_a_report(code: &str) -> bool {
    let group = Code::from_name(code).map(Code::group).unwrap_or_default();
    !matches!(group, "transport" | "load" | "caller" | "session" | "request")
}

async fn answer(
    stand: &Stand,
    authority: &Arc<TestAuthority>,
    link: &str,
    fault: Option<Fault>,
) -> Result<WalletReport, String> {
    let wallet = Wallet::new(authority.clone(), STATUS_BASE);
    let transport = RouterTransport::new(stand.router.clone());
    let options = Options { fault, ..Options::at(NOW) };
    wallet.answer(link, &transport, options).await.map_err(|error| error.to_string())
}

async fn create(stand: &Stand, needs: Needs) -> Result<Value, String> {
    let mut body = json!({"flow": "cross_device"});
    body.as_object_mut().unwrap().extend(needs.asked());
    let mut request = call(stand, Method::Post, "/v1/presentations");
    request.headers.push(("content-type", "application/json".to_owned()));
    request.body = body.to_string().into_bytes();
    json_body(stand, request, 201).await
}

async fn read(stand: &Stand, id: &str) -> Result<Value, String> {
    json_body(stand, call(stand, Method::Get, &format!("/v1/presentations/{id}")), 200).await
}

fn call(stand: &Stand, method: Method, path: &str) -> HttpRequest {
    let headers = vec![("authorization", format!("Bearer {}", stand.api_key))];
    HttpRequest { method, url: format!("{}{path}", stand.base), headers, body: Vec::new() }
}

async fn json_body(stand: &Stand, request: HttpRequest, status: u16) -> Result<Value, String> {
    let response: HttpResponse =
        RouterTransport::new(stand.router.clone()).send(request).await.map_err(|error| error.to_string())?;
    let body = serde_json::from_slice(&response.body).unwrap_or_default();
    if response.status == status { Ok(body) } else { Err(format!("the caller got {}: {body}", response.status)) }
}

#[tokio::test]
async fn a_verifier_that_accepts_everything_is_caught() {
    // The play itself is tested: only what has to be accepted passes.
    let found = differences(Fault::ALL, |authority, _| stub::accepting(authority)).await;
    let missed: Vec<&str> = Fault::ALL
        .iter()
        .filter(|fault| fault.expected().code.is_some())
        .map(|fault| fault.name())
        .filter(|name| !found.iter().any(|difference| difference.starts_with(&format!("{name}:"))))
        .collect();
    assert_eq!(missed, Vec::<&str>::new(), "these faults would not be noticed");
    let legal = Fault::ALL.iter().filter(|fault| fault.expected().code.is_none()).count();
    assert_eq!(found.len(), Fault::ALL.len() - legal, "{found:#?}");
}

#[tokio::test]
async fn every_fault_ends_with_its_code_and_none_is_accepted() {
    let found = differences(Fault::ALL, |authority, status_host| {
        let world = World { authority, status_host };
        let service =
            TestService::in_world(world, NOW, "https://verifier.example", Arc::new(MemoryStore::new(86_400)), |_| {});
        Stand { router: service.router, base: "https://verifier.example".to_owned(), api_key: "none needed".to_owned() }
    })
    .await;
    println!("faults: {} played", Fault::ALL.len());
    assert_eq!(found, Vec::<String>::new(), "{} of {} differ", found.len(), Fault::ALL.len());
}
