//! What a wallet is told, what an attacker learns, and how often anybody may try.

use super::{presentation, sealed};
use crate::service::{FORM, NOW, RETURN_URL, STATUS_BASE, TestService, part, path_of, presentation_path};
use pruefstein::adapters::store::memory::MemoryStore;
use pruefstein::demo::World;
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::simulator::faults::{End, Fault};
use pruefstein::simulator::people::Person;
use pruefstein::simulator::wallet::Options;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[tokio::test]
async fn wallets_learn_one_coarse_thing() {
    // OVP-RESP-06, OVP-RESP-08: the way back, where there is one.
    // cases RSP-029, RSP-030; ERR-15, ERR-16: over every fault, the answer has known members only, a known text, and
    // tells two forgeries apart no further than "form" and "presentation".
    let texts = BTreeSet::from([
        "it cannot be decided now; try again",
        "the answer cannot be used",
        "the message cannot be used",
        "the presentation was not accepted",
        "the request has ended",
        "there is no such request",
        "too many tries",
    ]);
    // The time and place of the play of all faults: its seed has what each fault needs.
    let (now, host) = (crate::simulator::NOW, "verifier.example");
    let world = World::new([7; 32], now, host, STATUS_BASE).unwrap();
    let mut heard: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for fault in Fault::ALL.iter().copied() {
        let store = Arc::new(MemoryStore::new(86_400));
        let service = TestService::in_world(world.clone(), now, &format!("https://{host}"), store, |_| {});
        let mut body = json!({"flow": "same_device", "return_url": RETURN_URL});
        body.as_object_mut().unwrap().extend(fault.needs().asked());
        let created = service.create(&body).await;
        let report = service.answer(&created, Options { fault: Some(fault), ..service.options() }).await;
        for reply in &report.replies {
            let name = fault.name();
            // 405 comes from the router, as a problem document; nothing of the answer was read.
            if reply.status == 405 {
                continue;
            }
            let Some(body) = reply.body.as_ref().and_then(Value::as_object) else {
                assert_eq!((reply.status, fault), (200, Fault::WalletMetadataUrls), "{name} without JSON");
                continue;
            };
            let members: BTreeSet<&str> = body.keys().map(String::as_str).collect();
            if reply.status == 200 {
                assert!(members.is_subset(&BTreeSet::from(["redirect_uri"])), "{name}: {members:?}");
            } else {
                let known = BTreeSet::from(["error", "error_description", "redirect_uri"]);
                assert!(members.is_subset(&known), "{name}: {members:?}");
                let text = body["error_description"].as_str().unwrap();
                assert!(texts.contains(text), "{name}: {text}");
                let error = body["error"].as_str().unwrap();
                assert!(
                    matches!(error, "invalid_request" | "invalid_presentation" | "temporarily_unavailable"),
                    "{name}"
                );
            }
            // The way back is there exactly if the person's transaction has ended here and now.
            let ended = matches!(fault.expected().end, End::Rejected | End::Declined | End::Verified);
            let is_way = |uri: &Value| uri.as_str().unwrap().starts_with(&format!("{RETURN_URL}?response_code="));
            match body.get("redirect_uri") {
                Some(uri) => assert!(ended && is_way(uri), "{name}: {uri}"),
                None => assert!(!ended || reply.status == 409, "{name}: no way back"),
            }
        }
        if let (Some(code), Some(Some(body))) = (fault.expected().code, report.replies.last().map(|last| &last.body))
            && let Some(text) = body["error_description"].as_str()
        {
            heard.entry(text.to_owned()).or_default().insert(code.as_str());
        }
    }
    let forgeries = &heard["the presentation was not accepted"];
    for code in ["jws_signature_invalid", "x5c_untrusted", "kb_nonce_mismatch", "credential_revoked", "claim_missing"] {
        assert!(forgeries.contains(code), "{code} is told apart: {heard:#?}");
    }
    assert!(forgeries.len() > 30, "{}", forgeries.len());
}

#[tokio::test]
async fn a_flood_of_junk_does_not_keep_the_honest_away() {
    // case RSP-031: ten answers in a minute are looked at; a minute later an honest one is accepted.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let honest = service.composed(&created, service.options()).await.remove(0);
    let path = path_of(&created["request_uri"]).replace("requests", "responses");
    let mut heard = BTreeMap::new();
    for number in 0..200 {
        let body = format!("response=junk{number}").into_bytes();
        let answer = service.call("POST", &path).header("content-type", FORM).body(body).send().await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some());
        }
        *heard.entry(answer.status).or_insert(0) += 1;
    }
    assert_eq!(heard, BTreeMap::from([(400, 10), (429, 190)]));
    let other = service.create_preset("bewohnerparken").await;
    assert_eq!(service.answer(&other, service.options()).await.last_status(), Some(200), "others are not held up");
    assert_eq!(service.deliver(&honest).await.status, 429);
    assert_eq!(service.status(&created).await, "fetched");
    service.clock.advance(60);
    assert_eq!(service.deliver(&honest).await.status, 200);
    assert_eq!(service.status(&created).await, "verified");
}

#[tokio::test]
async fn twenty_tries_in_a_life() {
    // RSP-031 and the limits of the catalogue: 20 per transaction; the caller reads why the last one failed.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    service.fetch(&created).await;
    let path = path_of(&created["request_uri"]).replace("requests", "responses");
    let mut looked_at = 0;
    for _ in 0..4 {
        for _ in 0..12 {
            let status = service.send("POST", &path, Some((FORM, b"response=a.b.c.d.e".to_vec()))).await.0;
            looked_at += i32::from(status == 400);
        }
        service.clock.advance(60);
    }
    assert_eq!(looked_at, 20);
    let read = service.read(&created).await;
    assert_eq!(read["status"], "fetched");
    assert!(read["last_refused"]["error"]["code"].is_string(), "{read}");
    assert!(read["last_refused"]["report"]["checks"].is_array());
}

#[tokio::test]
async fn bodies_have_an_end() {
    // OVP-RESP-16.
    // case HTT-005 at the router: refused from the length, and the transaction does not notice.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    service.fetch(&created).await;
    let path = path_of(&created["request_uri"]).replace("requests", "responses");
    for size in [2_usize << 20, 3 << 20] {
        let mut body = b"response=".to_vec();
        body.resize(size + 1, b'A');
        let (status, answer) = service.send("POST", &path, Some((FORM, body))).await;
        assert_eq!((status, answer["error"].as_str()), (413, Some("invalid_request")));
    }
    assert!(service.read(&created).await.get("last_refused").is_none());
    assert_eq!(service.answer(&created, service.options()).await.last_status(), Some(200));
}

#[tokio::test]
async fn the_deadline_is_exclusive_and_final() {
    // OVP-REQ-19.
    // OVP-RESP, case `transaction_expired`: at `expires_at` an answer is late, whatever the clean-up did.
    for swept in [false, true] {
        let service = TestService::new();
        let created = service.create_preset("bewohnerparken").await;
        let honest = service.composed(&created, service.options()).await.remove(0);
        service.clock.set(UnixSeconds(NOW.0 + 300));
        if swept {
            assert_eq!(service.app.expire().await.unwrap().expired, 1);
        }
        let answer = service.deliver(&honest).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (410, Some("invalid_request")));
        let read = service.read(&created).await;
        assert_eq!((read["status"].as_str(), &read["result"]), (Some("expired"), &Value::Null));
        assert_eq!(read["finished_at"], created["expires_at"], "the same end whenever the clean-up ran");
    }
}

#[tokio::test]
async fn a_rejected_answer_carries_no_claims() {
    // OVP-RESP-14, SDJ-42: nothing is verified by halves.
    // cases API-015, PRI-011: codes and places, never values; a rejected one stays rejected.
    let service = TestService::new();
    let query = json!({"credentials": [{
        "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
        "claims": [{"path": ["family_name"], "values": ["SOMEBODY-ELSE"]}, {"path": ["given_name"]}]
    }]});
    let created = service.create(&json!({"dcql_query": query, "flow": "cross_device"})).await;
    let request = part(&service.fetch(&created).await, 1);
    let token = presentation(&service, &request, Person::Ordinary);
    let answer = json!({"vp_token": {"pid": [token]}, "state": request["state"]});
    let path = path_of(&request["response_uri"]);
    let (status, body) = service.send("POST", &path, Some((FORM, sealed(&request, &answer)))).await;
    assert_eq!((status, body["error"].as_str()), (400, Some("invalid_presentation")));
    let read = service.read(&created).await;
    assert_eq!((read["status"].as_str(), &read["result"]), (Some("rejected"), &Value::Null));
    assert_eq!(read["error"]["code"], Code::ClaimValueMismatch.as_str());
    assert_eq!(read["report"]["outcome"], "refused");
    for value in ["PRÜFSTEIN", "LINA", "1984-01-26", "SOMEBODY-ELSE"] {
        assert!(!read.to_string().contains(value), "{value}: {read}");
    }
    assert_eq!(service.send("POST", &path, Some((FORM, sealed(&request, &answer)))).await.0, 409);
    assert_eq!(service.get(&presentation_path(&created)).await.1, read);
}

#[tokio::test]
async fn when_it_cannot_be_decided_it_stays_open() {
    // OVP-RESP-14, TSL-45: undecided is not verified.
    // catalogue rule 9: the status host is down, the answer is 503, and an honest one is accepted later.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let options = Options { fault: Some(Fault::StatusHostDown), ..service.options() };
    let answer = service.composed(&created, options).await.remove(0);
    let answer = service.deliver(&answer).await;
    assert_eq!((answer.status, answer.json()["error"].as_str()), (503, Some("temporarily_unavailable")));
    assert!(answer.header("retry-after").is_some());
    let read = service.read(&created).await;
    assert_eq!(read["last_refused"]["error"]["code"], "status_unavailable");
    assert_eq!(read["last_refused"]["report"]["outcome"], "refused");
    assert_eq!(service.answer(&created, service.options()).await.last_status(), Some(200));
}
