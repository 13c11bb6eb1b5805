//! What each module does. The wallet is [`super::wallet`]; what the suite leaves to a person who looks at the screen, the
//! caller's side is asked for.

use super::wallet::{self, Request, Stray};
use super::wire::Answer;
use super::{Stand, request, response_code};
use crate::service::{RETURN_URL, told};
use pruefstein::domain::trust::{Purpose, StatusRule, TrustAnchors, TrustSource};
use pruefstein::domain::x509::Certificate;
use pruefstein::domain::x509::chain::Anchor;
use pruefstein::simulator::authority::IssuerName;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use url::Url;

/// `happy-flow`: the request is right in everything, a good answer is accepted, and the caller gets what was asked for.
pub(super) async fn happy_flow(stand: &Stand) {
    let mut ways = Vec::new();
    let mut requests = Vec::new();
    for _ in 0..2 {
        let created = stand.begin().await;
        let collected = collected(stand, &created).await;
        ways.push(accepted(stand, &created, &collected, Stray::Nowhere).await);
        requests.push(collected);
    }
    // NON-01, NON-07, OVP-META-13: nothing of one request is in the next one, and nothing stands for something else.
    let random: Vec<String> = requests
        .iter()
        .zip(&ways)
        .flat_map(|(request, way)| {
            let key = &request.claims["client_metadata"]["jwks"]["keys"][0];
            let key = if stand.variant.encryption.is_some() { key["x"].as_str().unwrap() } else { "" };
            let handle = |uri: &str| uri.rsplit('/').next().unwrap().to_owned();
            let link = request.link.get("request_uri").map(|uri| handle(uri)).unwrap_or_default();
            [
                request.word("nonce").to_owned(),
                request.word("state").to_owned(),
                key.to_owned(),
                link,
                response_code(way),
            ]
        })
        .filter(|value| !value.is_empty())
        .collect();
    let mut distinct = random.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), random.len(), "a random value comes twice");
}

/// `minimal-cnf-jwk`: the bound key needs no more than its type, curve and point (VC-15).
pub(super) async fn minimal_cnf_jwk(stand: &Stand) {
    let created = stand.begin().await;
    let request = collected(stand, &created).await;
    accepted(stand, &created, &request, Stray::MinimalCnf).await;
}

/// `request-uri-method-post`: the request is collected by POST (OVP-RURI-07 to OVP-RURI-12).
pub(super) async fn request_uri_method_post(stand: &Stand) {
    let created = stand.begin().await;
    assert_eq!(wallet::link(&created)["request_uri_method"], "post");
    let sent = "d2FsbGV0LW5vbmNlLW9mLXRoZS1zdWl0ZQ";
    let request = wallet::collect_by_post(stand, &created, &[("wallet_nonce", sent)]).await;
    assert_eq!(request.word("wallet_nonce"), sent, "OVP-RURI-10");
    sound(stand, &request);
    accepted(stand, &created, &request, Stray::Nowhere).await;

    // Without a nonce of the wallet there is none in the request (OVP-RURI-11); what the wallet can do may come along.
    let created = stand.begin().await;
    let metadata = json!({
        "vp_formats_supported": {"dc+sd-jwt": {"sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}},
        "client_id_prefixes_supported": [stand.variant.prefix.as_str()]
    })
    .to_string();
    for fields in [&[][..], &[("wallet_metadata", metadata.as_str())]] {
        let request = wallet::collect_by_post(stand, &created, fields).await;
        assert!(!request.claims.contains_key("wallet_nonce"));
        sound(stand, &request);
    }
    let request = collected(stand, &created).await;
    accepted(stand, &created, &request, Stray::Nowhere).await;
}

/// `request-uri-fetched-twice`: the request is there until it is answered, and the same one (OVP-RURI-04).
pub(super) async fn request_uri_fetched_twice(stand: &Stand) {
    let created = stand.begin().await;
    let first = collected(stand, &created).await;
    let again = collected(stand, &created).await;
    for name in ["nonce", "state", "client_id", "response_uri", "dcql_query", "client_metadata"] {
        assert_eq!(first.claims[name], again.claims[name], "{name}");
    }
    accepted(stand, &created, &again, Stray::Nowhere).await;
    // After the end it is gone (OVP-RURI-04).
    let gone = super::wire::ask(stand.address, "GET", &first.link["request_uri"], &[], b"").await;
    assert!((400..500).contains(&gone.status), "{}", gone.status);
}

/// `invalid-kb-jwt-signature` (KB-06).
pub(super) async fn invalid_kb_jwt_signature(stand: &Stand) {
    refused(stand, Stray::ProofSignature, "kb_signature_invalid").await;
}

/// `invalid-credential-signature` (SDJ-13).
pub(super) async fn invalid_credential_signature(stand: &Stand) {
    refused(stand, Stray::CredentialSignature, "jws_signature_invalid").await;
}

/// `invalid-sd-hash` (KB-12).
pub(super) async fn invalid_sd_hash(stand: &Stand) {
    refused(stand, Stray::SdHash, "kb_sd_hash_mismatch").await;
}

/// `invalid-kb-jwt-nonce` (KB-11, OVP-VPT-09).
pub(super) async fn invalid_kb_jwt_nonce(stand: &Stand) {
    refused(stand, Stray::ProofNonce, "kb_nonce_mismatch").await;
}

/// `invalid-kb-jwt-aud` (KB-09, KB-10).
pub(super) async fn invalid_kb_jwt_aud(stand: &Stand) {
    refused(stand, Stray::ProofAudience, "kb_aud_mismatch").await;
}

/// `kb-jwt-iat-in-past` (KB-07).
pub(super) async fn kb_jwt_iat_in_past(stand: &Stand) {
    refused(stand, Stray::ProofPast, "kb_iat_out_of_window").await;
}

/// `kb-jwt-iat-in-future` (KB-07).
pub(super) async fn kb_jwt_iat_in_future(stand: &Stand) {
    refused(stand, Stray::ProofFuture, "kb_iat_out_of_window").await;
}

/// `present-revoked-credential`: a newer module. The credential is that of its holder, so the presentation ends.
pub(super) async fn present_revoked_credential(stand: &Stand) {
    let created = stand.begin().await;
    let request = collected(stand, &created).await;
    let fetches = stand.service.fetches.load(Ordering::SeqCst);
    let answer = wallet::answer(stand, &request, Stray::Revoked).await;
    let way_back = turned_away(&answer);
    let asked = stand.service.fetches.load(Ordering::SeqCst) - fetches;
    assert!(asked > 0, "the list that says so was never asked for");
    let read = stand.read(&created, way_back.as_deref()).await;
    nothing_accepted(&read, "credential_revoked");
    assert_eq!(read["status"], "rejected");
    let late = wallet::answer(stand, &request, Stray::Nowhere).await;
    assert_eq!(late.status, 409, "the first end stands");
}

/// `present-credential-without-status`: a newer module. What becomes of it is the trust policy's to say: first it says that
/// PIDs have a status, then that this issuer publishes none.
pub(super) async fn present_credential_without_status(stand: &Stand) {
    let created = stand.begin().await;
    let request = collected(stand, &created).await;
    let answer = wallet::answer(stand, &request, Stray::WithoutStatus).await;
    let way_back = turned_away(&answer);
    nothing_accepted(&stand.read(&created, way_back.as_deref()).await, "status_invalid_reference");

    let authority = &stand.service.world.authority;
    let anchor = Anchor::new(Certificate::read(authority.issuer_root(IssuerName::PidForeign)).unwrap()).unwrap();
    let lenient = Stand::new(stand.variant, |tenant| {
        let source = TrustSource {
            anchors: vec![anchor],
            status_rule: StatusRule::MayBeAbsent,
            ..TrustSource::new("test-pid-eu", Purpose::PidProvider, vec![wallet::TYPE.to_owned()])
        };
        tenant.trust = TrustAnchors::new(vec![source]).into();
    })
    .await;
    let created = lenient.begin().await;
    let request = collected(&lenient, &created).await;
    accepted(&lenient, &created, &request, Stray::WithoutStatus).await;
}

/// Collects the request by GET and looks at all of it.
pub(super) async fn collected(stand: &Stand, created: &Value) -> Request {
    let request = wallet::collect(stand, created).await;
    sound(stand, &request);
    request
}

fn sound(stand: &Stand, request: &Request) {
    let faults = request::faults(stand, request);
    assert!(faults.is_empty(), "{}: the request is wrong:\n{}", stand.variant, faults.join("\n"));
}

/// Answers, and sees to it that the answer is accepted by everybody. Gives the way back.
pub(super) async fn accepted(stand: &Stand, created: &Value, request: &Request, stray: Stray) -> String {
    let answer = wallet::answer(stand, request, stray).await;
    assert_eq!(answer.status, 200, "{}: {}", stand.variant, answer.text());
    // OVP-RESP-05.
    assert_eq!(answer.media_type(), "application/json");
    assert!(answer.is_not_kept());
    let body = answer.json();
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["redirect_uri"], "OVP-RESP-06");
    let way_back = body["redirect_uri"].as_str().unwrap();
    assert!(way_back.starts_with(RETURN_URL) && Url::parse(way_back).unwrap().scheme() == "https", "{way_back}");
    assert!(response_code(way_back).len() >= 22, "OVP-RESP-07: {way_back}");

    let read = stand.read(created, Some(way_back)).await;
    assert_eq!((&read["status"], &read["report"]["outcome"]), (&json!("verified"), &json!("accepted")), "{read}");
    let checks = read["report"]["checks"].as_array().unwrap();
    assert!(!checks.is_empty() && checks.iter().all(|check| check["outcome"] == "passed"), "{checks:?}");
    assert_eq!(
        read["result"]["credentials"]["pid"][0]["claims"],
        json!({"family_name": wallet::FAMILY_NAME, "given_name": "Ada", "birthdate": "1990-12-10"})
    );
    way_back.to_owned()
}

/// Answers wrongly and sees it refused; afterwards the honest wallet can still answer, as none of these wrongs shows that
/// its sender is the person who was asked.
async fn refused(stand: &Stand, stray: Stray, code: &str) {
    let created = stand.begin().await;
    let request = collected(stand, &created).await;
    let answer = wallet::answer(stand, &request, stray).await;
    let way_back = turned_away(&answer);
    assert_eq!(way_back, None, "whoever forges is sent nowhere");
    let read = stand.read(&created, None).await;
    nothing_accepted(&read, code);
    assert_eq!(read["status"], "fetched", "{stray:?}");
    accepted(stand, &created, &request, Stray::Nowhere).await;
}

/// A 4xx at the address of the answer, without a word on what was wrong (RSP-030), with the way back if there is one.
fn turned_away(answer: &Answer) -> Option<String> {
    assert!((400..500).contains(&answer.status), "{}: {}", answer.status, answer.text());
    assert_eq!(answer.media_type(), "application/json");
    assert!(answer.is_not_kept());
    assert!(!answer.text().contains(wallet::FAMILY_NAME));
    let body = answer.json();
    assert_eq!(body["error"], "invalid_presentation", "{body}");
    let known = ["error", "error_description", "redirect_uri"];
    assert!(body.as_object().unwrap().keys().all(|name| known.contains(&name.as_str())), "{body}");
    body["redirect_uri"].as_str().map(str::to_owned)
}

fn nothing_accepted(read: &Value, code: &str) {
    assert!(told(read, code), "not {code}: {read}");
    assert_ne!(read["status"], "verified", "{read}");
    assert_eq!(read["result"], Value::Null, "{read}");
    assert!(!read.to_string().contains(wallet::FAMILY_NAME), "{read}");
}
