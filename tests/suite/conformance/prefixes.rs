//! Prefixes that the plans do not play: unsigned requests in the link, and verifiers that are known beforehand. And the
//! simulated wallet, which knows all of them if it is asked to.

use super::modules::{accepted, collected};
use super::wallet::{self, Request, Stray};
use super::{Stand, Variant, request};
use crate::service::{NOW, RETURN_URL, STATUS_BASE};
use pruefstein::domain::jose::jwe::ContentEncryption;
use pruefstein::domain::request::client_id::ClientIdPrefix;
use pruefstein::domain::request::profile;
use pruefstein::simulator::prefix::Prefixes;
use pruefstein::simulator::request::Rule;
use pruefstein::simulator::transport::HttpTransport;
use pruefstein::simulator::wallet::{Fetch, Options, Wallet, WalletError};
use serde_json::{Map, Value, json};
use std::sync::Arc;

fn variants(prefix: ClientIdPrefix) -> [Variant; 2] {
    [None, Some(ContentEncryption::A256Gcm)].map(|encryption| Variant {
        profile: &profile::OPENID4VP,
        prefix,
        encryption,
    })
}

/// A request that is in its link: objects are JSON texts there (OVP-REQ-08).
fn in_link(created: &Value) -> Request {
    let link = wallet::link(created);
    let claims: Map<String, Value> = link
        .iter()
        .map(|(name, value)| {
            let read = match name.as_str() {
                "dcql_query" | "client_metadata" => serde_json::from_str(value).unwrap(),
                _ => json!(value),
            };
            (name.clone(), read)
        })
        .collect();
    Request { link, header: None, claims }
}

#[tokio::test]
async fn an_unsigned_request_is_whole_in_its_link() {
    // OVP-CID-06, OVP-CID-07.
    for variant in variants(ClientIdPrefix::RedirectUri) {
        let stand = Stand::new(variant, |_| {}).await;
        let created = stand.begin().await;
        assert_eq!(created["request_uri"], Value::Null);
        let request = in_link(&created);
        assert_eq!(request::faults(&stand, &request), [""; 0], "{variant}");
        for stray in [Stray::ProofAudience, Stray::ProofNonce] {
            let answer = wallet::answer(&stand, &request, stray).await;
            assert_eq!(answer.status, 400, "{variant}: {}", answer.text());
        }
        accepted(&stand, &created, &request, Stray::Nowhere).await;
    }
}

#[tokio::test]
async fn a_verifier_that_is_known_beforehand_signs_its_requests() {
    // OVP-CID-12.
    for variant in variants(ClientIdPrefix::PreRegistered) {
        let stand = Stand::new(variant, |_| {}).await;
        let created = stand.begin().await;
        let request = collected(&stand, &created).await;
        let answer = wallet::answer(&stand, &request, Stray::ProofAudience).await;
        assert_eq!(answer.status, 400, "{variant}: {}", answer.text());
        accepted(&stand, &created, &request, Stray::Nowhere).await;
    }
}

#[tokio::test]
async fn the_simulated_wallet_answers_every_prefix_if_asked_to() {
    let transport = HttpTransport::new().unwrap();
    for prefix in ClientIdPrefix::ALL {
        for variant in variants(prefix) {
            let stand = Stand::new(variant, |_| {}).await;
            let wallet = Wallet::new(Arc::clone(&stand.service.world.authority), STATUS_BASE);
            for fetch in [Fetch::AsLinked, Fetch::Get, Fetch::PostEncrypted] {
                let wish = json!({
                    "preset": "bewohnerparken", "flow": "same_device", "return_url": RETURN_URL,
                    "response_mode": variant.response_mode(), "result": {"delete_after_read": false}
                });
                let created = stand.call("POST", "/v1/presentations", Some(&wish)).await.json();
                let link = created["authorization_request_uri"].as_str().unwrap();
                let options = Options { fetch, prefixes: Prefixes::Any, ..Options::at(NOW) };
                if prefix != ClientIdPrefix::X509Hash {
                    let strict = wallet.answer(link, &transport, Options { fetch, ..Options::at(NOW) }).await;
                    let refused = matches!(&strict, Err(WalletError::Refused(refusal))
                        if [Rule::ClientIdPrefix, Rule::LinkParameter].contains(&refusal.rule));
                    assert!(refused, "{variant}: {strict:?}");
                }
                let report = wallet.answer(link, &transport, options).await.unwrap();
                assert!(report.is_as_expected(), "{variant}: {report:?}");
                assert_eq!(report.client_id, created["client_id"], "{variant}");
                let read = stand.read(&created, report.redirect_uri.as_deref()).await;
                assert_eq!(read["status"], "verified", "{variant}");
            }
        }
    }
}
