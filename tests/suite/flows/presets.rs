//! Every preset against every person: who can answer, with what, and that exactly that comes out.

use super::{CustomPid, sealed};
use crate::service::{FORM, NOW, STATUS_BASE, TestService, part, path_of};
use pruefstein::simulator::people::Person;
use pruefstein::simulator::wallet::{Options, WalletError};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What a person can show of what a preset asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fits {
    Full,
    Reduced,
    Not,
}

use Fits::{Full as F, Not as N, Reduced as R};

/// The table of the service profiles for SD-JWT, by preset: the six people in their order, and a German PID without
/// any place of birth. Where the profiles have no column, a German with everything known counts.
const TABLE: [(&str, [Fits; 7]); 13] = [
    ("alter-ab-18", [F, F, F, F, F, N, F]),
    ("alter-ab-18-eu", [F, F, F, F, F, F, F]),
    ("bewohnerparken", [F, R, F, F, F, F, F]),
    ("bibliothek", [F, R, F, F, F, F, F]),
    ("gewerbeanmeldung", [F, R, F, F, F, F, R]),
    ("hundesteuer", [F, R, F, F, F, F, F]),
    ("kita-bedarf", [F, R, F, F, F, F, F]),
    ("meldebescheinigung", [F, F, F, F, F, F, F]),
    ("schalter", [F, F, F, F, F, F, F]),
    ("servicekonto-voll", [F, R, F, F, F, F, R]),
    ("sozialpass", [F, F, F, F, F, F, N]),
    ("sozialpass-mit-person", [F, F, F, F, F, N, N]),
    ("wohnsitz-vorbereitung", [F, R, F, F, F, F, R]),
];

/// The paths to everything that is no object.
fn leaves(value: &Value, here: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| leaves(value, &format!("{here}/{name}"), found));
        }
        _ => {
            found.insert(here.to_owned());
        }
    }
}

/// The paths of a claim set, of all claims if there is no set.
fn asked(query: &Value, claim_set: Option<usize>) -> BTreeSet<String> {
    let claims = query["claims"].as_array().unwrap().iter();
    let wanted = claim_set.map(|position| query["claim_sets"][position].as_array().unwrap().clone());
    let in_set = |claim: &&Value| wanted.as_ref().is_none_or(|ids| ids.contains(&claim["id"]));
    let path = |claim: &Value| {
        let steps: Vec<&str> = claim["path"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
        format!("/{}", steps.join("/"))
    };
    claims.filter(in_set).map(path).collect()
}

/// Compares a result with what was asked for, to the letter. Gives which set it was.
fn compare(preset: &str, request: &Value, read: &Value) -> Fits {
    assert_eq!(
        (read["status"].as_str(), read["report"]["outcome"].as_str()),
        (Some("verified"), Some("accepted")),
        "{preset}: {read}"
    );
    let mut fits = F;
    for (id, credentials) in read["result"]["credentials"].as_object().unwrap() {
        let queries = request["dcql_query"]["credentials"].as_array().unwrap();
        let query = queries.iter().find(|query| query["id"] == *id).unwrap();
        assert_eq!(credentials.as_array().unwrap().len(), 1);
        let credential = &credentials[0];
        let set = credential["claim_set"].as_u64().map(|set| usize::try_from(set).unwrap());
        assert_eq!(set.is_some(), query.get("claim_sets").is_some(), "{preset} {id}");
        let mut found = BTreeSet::new();
        leaves(&credential["claims"], "", &mut found);
        let expected = match preset {
            // The date of birth is dropped, its answer stays.
            "alter-ab-18-eu" => BTreeSet::from(["/age_equal_or_over/18".to_owned()]),
            _ => asked(query, set),
        };
        assert_eq!(found, expected, "{preset} {id}: exactly what was asked for");
        if set.unwrap_or(0) > 0 {
            fits = R;
        }
    }
    fits
}

#[tokio::test]
async fn every_preset_answered_by_everybody() {
    // The table of the profiles, DCQ claim sets, PRI-012.
    let service = TestService::new();
    let shipped: Vec<&String> = service.app.tenants().next().unwrap().presets.keys().collect();
    assert_eq!(shipped, TABLE.iter().map(|(preset, _)| *preset).collect::<Vec<_>>(), "the table has them all");
    for (preset, expected) in TABLE {
        for (person, expected) in Person::ALL.into_iter().zip(expected) {
            let created = service.create_preset(preset).await;
            let link = created["authorization_request_uri"].as_str().unwrap();
            let options = Options { person, ..service.options() };
            let fits = match service.wallet().answer(link, &service.transport(), options).await {
                Ok(report) => {
                    assert_eq!(report.last_status(), Some(200), "{preset} {}", person.name());
                    let read = service.read(&created).await;
                    compare(preset, &request_of(&service, preset).await, &read)
                }
                Err(WalletError::NothingFits) => {
                    assert_eq!(service.status(&created).await, "fetched");
                    N
                }
                Err(other) => unreachable!("{preset} {}: {other}", person.name()),
            };
            assert_eq!(fits, expected, "{preset} {}", person.name());
        }
        let mut claims = Person::Ordinary.claims(Person::Ordinary.pid_issuer(), NOW).unwrap();
        claims.remove("place_of_birth");
        let fits = custom(&service, preset, claims).await.map_or(N, |(request, read)| compare(preset, &request, &read));
        assert_eq!(fits, expected[6], "{preset} without a place of birth");
    }
}

/// The request that a preset makes; it is the same for everybody but for its random values.
async fn request_of(service: &TestService, preset: &str) -> Value {
    part(&service.fetch(&service.create_preset(preset).await).await, 1)
}

/// A PID made by hand answers a preset: the request and what the caller reads.
async fn custom(service: &TestService, preset: &str, claims: Map<String, Value>) -> Option<(Value, Value)> {
    let created = service.create_preset(preset).await;
    let token = service.fetch(&created).await;
    let vp_token = CustomPid { claims }.vp_token(service, &service.accepted(&created, &token))?;
    let request = part(&token, 1);
    let answer = sealed(&request, &json!({"vp_token": vp_token, "state": request["state"]}));
    let (status, body) = service.send("POST", &path_of(&request["response_uri"]), Some((FORM, answer))).await;
    assert_eq!(status, 200, "{preset}: {body}");
    Some((request, service.read(&created).await))
}

fn only_claims(read: &Value) -> &Value {
    let credentials = read["result"]["credentials"].as_object().unwrap();
    &credentials.values().next().unwrap()[0]["claims"]
}

#[tokio::test]
async fn an_age_is_answered_both_ways() {
    // `alter-ab-18`: no is an answer, not a refusal.
    let service = TestService::new();
    for (person, is_adult) in [(Person::Ordinary, true), (Person::Minor, false), (Person::UnknownBirthday, true)] {
        for preset in ["alter-ab-18", "alter-ab-18-eu"] {
            let created = service.create_preset(preset).await;
            service.answer(&created, Options { person, ..service.options() }).await;
            let read = service.read(&created).await;
            assert_eq!(
                only_claims(&read),
                &json!({"age_equal_or_over": {"18": is_adult}}),
                "{preset} {}",
                person.name()
            );
        }
    }
}

#[tokio::test]
async fn an_age_is_computed_to_the_day_and_its_source_is_gone() {
    // `alter-ab-18-eu`: today is 2026-11-18, UTC; what cannot be decided is not answered, and is not kept either.
    let service = TestService::new();
    for (born, adult) in [
        ("2008-11-18", Some(true)),
        ("2008-11-19", Some(false)),
        ("1931-07-23", Some(true)),
        ("2008-11-00", None),
        ("2008-00-00", None),
        ("2007-00-00", Some(true)),
        ("2009-00-00", Some(false)),
        ("0000-00-00", None),
        ("18.11.1990", None),
        ("", None),
    ] {
        let mut claims = Person::Ordinary.claims(Person::Ordinary.pid_issuer(), NOW).unwrap();
        claims.insert("birthdate".to_owned(), json!(born));
        claims.remove("age_equal_or_over");
        claims.remove("raw_eid_birth_date");
        let (_, read) = custom(&service, "alter-ab-18-eu", claims).await.unwrap();
        let expected = adult.map_or_else(|| json!({}), |adult| json!({"age_equal_or_over": {"18": adult}}));
        assert_eq!(only_claims(&read), &expected, "{born}");
        assert!(born.is_empty() || !read.to_string().contains(born), "{born} is nowhere: {read}");
    }
}

#[tokio::test]
async fn presets_bring_their_own_rules_for_the_result() {
    let service = TestService::new();
    for preset in service.app.tenants().next().unwrap().presets.values() {
        let created = service.create(&json!({"preset": preset.id, "flow": "cross_device"})).await;
        service.answer(&created, Options { person: Person::Ordinary, ..service.options() }).await;
        let path = crate::service::presentation_path(&created);
        assert_eq!(service.get(&path).await.0, 200, "{}", preset.id);
        let expected = if preset.result.delete_after_delivery { 410 } else { 200 };
        assert_eq!(service.get(&path).await.0, expected, "{}", preset.id);
        let kept = service.create_preset(&preset.id).await;
        service.answer(&kept, service.options()).await;
        let path = crate::service::presentation_path(&kept);
        service.clock.advance(i64::from(preset.result.ttl_seconds) - 1);
        assert_eq!(service.get(&path).await.0, 200, "{}", preset.id);
        service.clock.advance(1);
        assert_eq!(service.get(&path).await.0, 410, "{}", preset.id);
        service.clock.set(NOW);
    }
}

#[tokio::test]
async fn what_german_pids_say_oddly_is_no_fault() {
    // DEU-03, DEU-04, DEU-07, PIDC-05, PIDC-06, PIDC-13, PIDC-15, PIDC-16: an empty name, a day that nobody knows, a town
    // that nobody knows, letters of every kind, an old document, an address that steers; verified, and handed on as it is.
    let service = TestService::new();
    let claims = json!({
        "family_name": "HEIDESTRAẞE-O\u{308}ZTÜRK", "given_name": "", "birthdate": "1983-00-00",
        "place_of_birth": {"locality": ""}, "nationalities": ["DE"], "issuing_country": "DE", "issuing_authority": "DE",
        "date_of_expiry": "2001-12-31", "trust_anchor": "https://127.0.0.1/anchor", "attestation_legal_category": "PID"
    });
    let (_, read) = custom(&service, "schalter", claims.as_object().unwrap().clone()).await.unwrap();
    assert_eq!(read["status"], "verified", "{read}");
    let expected = json!({"family_name": "HEIDESTRAẞE-O\u{308}ZTÜRK", "given_name": "", "birthdate": "1983-00-00"});
    assert_eq!(only_claims(&read), &expected);
    let asked = service.asked.lock().unwrap();
    assert!(asked.iter().all(|url| url.starts_with(STATUS_BASE)), "nobody else is asked: {asked:?}");
}

#[tokio::test]
async fn odd_content_of_a_pid_is_noted_and_not_refused() {
    // PIDC-06 to 09, DEU-07, DEU-12: the caller reads which claims are odd, and none of their values.
    let service = TestService::new();
    let names = ["family_name", "nationalities", "place_of_birth", "sex", "date_of_expiry"];
    let query = json!({"credentials": [{
        "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
        "claims": names.map(|name| json!({"path": [name]}))
    }]});
    let created = service.create(&json!({"dcql_query": query, "flow": "cross_device"})).await;
    let token = service.fetch(&created).await;
    let claims = json!({
        "family_name": "MUSTER", "nationalities": ["DEU"], "place_of_birth": {"locality": ""}, "sex": "m",
        "date_of_expiry": "2001-12-31", "issuing_country": "DE"
    });
    let claims = claims.as_object().unwrap().clone();
    let vp_token = CustomPid { claims }.vp_token(&service, &service.accepted(&created, &token)).unwrap();
    let request = part(&token, 1);
    let answer = sealed(&request, &json!({"vp_token": vp_token, "state": request["state"]}));
    let sent = service.send("POST", &path_of(&request["response_uri"]), Some((FORM, answer))).await;
    assert_eq!(sent.0, 200, "{}", sent.1);
    let read = service.read(&created).await;
    assert_eq!(read["status"], "verified");
    let checks = read["report"]["checks"].as_array().unwrap();
    let content = checks.iter().find(|check| check["check"] == "claim_content").unwrap();
    assert_eq!(
        content["note"],
        "not as the PID rulebook has it: nationalities, place_of_birth, sex; date_of_expiry has passed"
    );
}
