//! The files of the embedded store: what is in them while a result lives, and that nothing is afterwards.

use super::cases::Case;
use super::markers::{Marker, canary, found};
use super::play;
use crate::flows::CustomPid;
use crate::service::{TestService, presentation_path, sqlite};
use serde_json::json;
use std::fs;
use std::path::Path;

/// All bytes of all files: database, log, and what lies beside them.
fn bytes(folder: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for file in fs::read_dir(folder).unwrap() {
        all.extend(fs::read(file.unwrap().path()).unwrap());
        all.push(0);
    }
    all
}

/// What links a person across verifiers: never kept (PRI-007).
fn linkable(service: &TestService) -> Vec<Marker> {
    let issued = CustomPid { claims: canary().0 }.issue(service);
    let payload = crate::service::part(&issued.jwt, 1);
    let mut markers = vec![
        Marker::text("issuer signature", issued.jwt.rsplit('.').next().unwrap()),
        Marker::text("bound key", payload["cnf"]["jwk"]["x"].as_str().unwrap()),
        Marker::text("status list", payload["status"]["status_list"]["uri"].as_str().unwrap()),
        Marker::text("a digest", payload["_sd"][0].as_str().unwrap()),
    ];
    markers.extend(issued.disclosures.iter().map(|one| Marker::text("a disclosure", &one.text)));
    markers
}

/// What `schalter` asks for.
const ASKED: [&str; 3] = ["family_name", "given_name", "birthdate"];

#[tokio::test]
async fn a_result_lives_in_one_place_and_for_its_time() {
    // PRV-03, PRV-05, PRV-07, PRV-15, TSL-55, DEU-11: no presentation, no key, no status reference; and at its time
    // nothing at all.
    // cases PRI-003, PRI-007, PRI-012, PRI-013: everything is disclosed, three claims were asked for.
    for end in ["ttl", "deleted", "read once"] {
        let folder = tempfile::tempdir().unwrap();
        let service = TestService::on(sqlite(folder.path()), |_| {});
        let (claims, markers) = canary();
        let rules = json!({"ttl_seconds": 120, "delete_after_read": end == "read once"});
        let created = service.create(&json!({"preset": "schalter", "flow": "cross_device", "result": rules})).await;
        let heard = play(&service, &created, &claims, Case::EverythingShown).await;
        assert_eq!(heard.status, 200, "{}", heard.text());
        let live = bytes(folder.path());
        let mut expected: Vec<&str> = found(&markers, &live);
        expected.sort_unstable();
        let mut asked = ASKED;
        asked.sort_unstable();
        assert_eq!(expected, asked, "what was not asked for never reaches the store, and the search works");
        assert_eq!(found(&linkable(&service), &live), Vec::<&str>::new());
        match end {
            "ttl" => service.clock.advance(120),
            "deleted" => assert_eq!(service.send("DELETE", &presentation_path(&created), None).await.0, 204),
            _ => assert_eq!(service.get(&presentation_path(&created)).await.1["status"], "verified"),
        }
        service.app.expire().await.unwrap();
        assert_eq!(found(&markers, &bytes(folder.path())), Vec::<&str>::new(), "after {end}");
        assert_eq!(service.get(&presentation_path(&created)).await.0, 410);
    }
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_behind() {
    // PRV-03, PRV-07: what failed goes nowhere.
    // case PRI-010: rejected, declined and broken answers; at no time is anything of them in the files.
    let folder = tempfile::tempdir().unwrap();
    let service = TestService::on(sqlite(folder.path()), |_| {});
    let (claims, markers) = canary();
    let linkable = linkable(&service);
    for case in Case::ALL.into_iter().filter(|case| !case.is_accepted()) {
        let created = service.create(&case.body()).await;
        let heard = play(&service, &created, &claims, case).await;
        assert_eq!(heard.status, case.status(), "{case:?}: {}", heard.text());
        let live = bytes(folder.path());
        assert_eq!(found(&markers, &live), Vec::<&str>::new(), "{case:?}");
        assert_eq!(found(&linkable, &live), Vec::<&str>::new(), "{case:?}");
    }
}

#[tokio::test]
async fn the_key_of_an_ended_request_is_gone() {
    // OVP-META-15 at the level of the flow: there while an answer may come, gone with the end.
    let folder = tempfile::tempdir().unwrap();
    let service = TestService::on(sqlite(folder.path()), |_| {});
    for case in [Case::Accepted, Case::Revoked, Case::Declined] {
        let created = service.create(&case.body()).await;
        service.fetch(&created).await;
        let key = super::encryption_key(&service, &created).await.unwrap();
        assert!(key.is_in(&bytes(folder.path())), "the search works");
        play(&service, &created, &canary().0, case).await;
        service.app.expire().await.unwrap();
        assert!(!key.is_in(&bytes(folder.path())), "{case:?}");
        assert!(super::encryption_key(&service, &created).await.is_none());
    }
}
