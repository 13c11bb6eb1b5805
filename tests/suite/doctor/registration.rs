//! Registrations before the doctor.

use super::*;
use pruefstein::simulator::registrar::Draft;
use serde_json::json;

/// A registration for resident parking. The access certificate of these tests has no identifier, so the name decides.
fn add(scene: &mut Scene, change: impl FnOnce(&mut Draft)) {
    let authority = TestAuthority::from_seed([7; 32], NOW).unwrap();
    let mut draft = crate::registration::draft(&authority, NOW);
    draft.claims.insert("name".to_owned(), json!("Stadt Beispiel"));
    change(&mut draft);
    scene.folder.write("parking.jwt", &draft.jwt().unwrap());
    scene.folder.write("registrar-root.pem", &pem(authority.registrar_root()));
    scene.text.push_str(
        "\n[[trust]]\nname = \"registrars\"\npurpose = \"registrar\"\nanchors = [\"registrar-root.pem\"]\n\
         \n[[registration]]\nname = \"parking\"\nfile = \"parking.jwt\"\npresets = [\"bewohnerparken\"]\n",
    );
}

pub(super) fn good(scene: &mut Scene) {
    add(scene, |_| {});
}

pub(super) fn ends(scene: &mut Scene) {
    add(scene, |draft| {
        // Its life must be long enough for the step to count.
        draft.claims.insert("iat".to_owned(), json!(NOW.minus(100 * DAY).0));
        draft.claims.insert("exp".to_owned(), json!(NOW.plus(10 * DAY).0));
    });
}

/// The registrar stands on a list, and the list names others.
pub(super) fn unlisted(scene: &mut Scene) {
    good(scene);
    scene.replace(
        "anchors = [\"registrar-root.pem\"]",
        "list = \"pids\"\nservices = [\"http://uri.etsi.org/19602/SvcType/PID/Issuance\"]",
    );
}

pub(super) fn asks_more(scene: &mut Scene) {
    add(scene, |draft| {
        draft.claims["credentials"][0]["claim"].as_array_mut().unwrap().truncate(2);
    });
    scene.replace("[tenant]", "[tenant]\nunregistered_queries = \"allowed_for_testing\"");
}

#[test]
fn what_is_registered_is_shown_beside_what_is_asked() {
    // RPC-04, RPC-06, RPC-09, RPC-19.
    let mut scene = Scene::new();
    good(&mut scene);
    let diagnosis = scene.examine();
    assert_eq!(codes(&diagnosis), BTreeSet::new(), "{}", show::text(&diagnosis, NOW));
    for (code, severity) in [
        (FindingCode::RegistrationSound, Severity::Ok),
        (FindingCode::PresetRegistered, Severity::Ok),
        (FindingCode::PresetNotRegistered, Severity::Note),
        (FindingCode::RegistrationRemark, Severity::Note),
        (FindingCode::AccessCertificateProfile, Severity::Note),
    ] {
        assert!(has(&diagnosis, code, severity), "{code} in {}", show::text(&diagnosis, NOW));
    }
    let mut scene = Scene::new();
    asks_more(&mut scene);
    let text = show::text(&scene.examine(), NOW);
    assert!(text.contains("[\"birthdate\"] of dc+sd-jwt urn:eudi:pid:de:1"), "{text}");
    assert!(text.contains("allowed_for_testing"), "{text}");
}

#[test]
fn a_refused_certificate_is_a_finding_with_its_remedy() {
    // RPC-11: the configuration is refused, and the doctor says by which fault.
    let mut scene = Scene::new();
    add(&mut scene, |draft| drop(draft.claims.insert("exp".to_owned(), json!(NOW.minus(DAY / 2).0))));
    let diagnosis = scene.examine();
    assert_eq!(codes(&diagnosis), BTreeSet::from(["config_refused"]));
    assert!(show::text(&diagnosis, NOW).contains("credential_expired"));
}
