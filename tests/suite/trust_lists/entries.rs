//! Entities, services and pointers: what is taken from them, and what is left out.

use super::{AUTHORITY, changed, code, read, writer};
use pruefstein::domain::encoding::base64;
use pruefstein::domain::limits;
use pruefstein::domain::reason::Code;
use pruefstein::domain::trust_list::profile::profile_of;
use pruefstein::domain::trust_list::{ServiceStatus, TrustList};
use pruefstein::simulator::authority::IssuerName;
use pruefstein::simulator::trust_list::{BodyStatus, ListOf, date_time};
use serde_json::{Value, json};

/// Reads a list in which the second entity was changed.
fn with_entity(of: ListOf, change: impl FnOnce(&mut Value)) -> TrustList {
    read(changed(of, |_| {}, |list| change(&mut list["TrustedEntitiesList"][1]))).unwrap()
}

/// Reads a list in which the first service of the second entity was changed, and says what became of it.
fn with_service(of: ListOf, change: impl FnOnce(&mut Value)) -> Result<TrustList, String> {
    let list = with_entity(of, |entity| change(&mut entity["TrustedEntityServices"][0]));
    match list.skipped.as_slice() {
        [] => Ok(list),
        [one] => {
            assert_eq!((one.entity, one.service), (1, Some(0)));
            assert_eq!(one.reason.code, Code::TrustListMalformed);
            // Everything else stands.
            assert_eq!(list.services.len(), 5);
            Err(one.reason.detail.to_string())
        }
        more => panic!("{more:?}"),
    }
}

#[test]
fn a_broken_entity_is_left_out_and_named() {
    let breaks: [fn(&mut Value); 10] = [
        |entity| *entity = json!(1),
        |entity| *entity = Value::Null,
        |entity| *entity = json!([]),
        |entity| drop(entity.as_object_mut().unwrap().remove("TrustedEntityInformation")),
        |entity| drop(entity.as_object_mut().unwrap().remove("TrustedEntityServices")),
        |entity| entity["TrustedEntityServices"] = json!([]),
        |entity| entity["TrustedEntityServices"] = json!({"0": 1}),
        |entity| entity["TrustedEntityInformation"]["TEName"] = json!([]),
        |entity| entity["TrustedEntityInformation"]["TEName"] = json!([{"lang": "en", "value": 7}]),
        // TL-14.
        |entity| entity["TrustedEntityInformation"]["TEInformationExtensions"] = json!([{"Critical": true, "New": 1}]),
    ];
    for change in breaks {
        let list = with_entity(ListOf::Pid, change);
        assert_eq!(list.services.len(), 4);
        assert_eq!(list.skipped.len(), 1);
        assert_eq!((list.skipped[0].entity, list.skipped[0].service), (1, None));
        assert_eq!(list.skipped[0].reason.code, Code::TrustListMalformed);
    }
}

#[test]
fn a_broken_service_is_left_out_and_its_neighbours_stand() {
    let breaks: [fn(&mut Value); 9] = [
        |service| *service = json!("x"),
        |service| drop(service.as_object_mut().unwrap().remove("ServiceInformation")),
        |service| drop(service["ServiceInformation"].as_object_mut().unwrap().remove("ServiceName")),
        |service| service["ServiceInformation"]["ServiceTypeIdentifier"] = json!(["x"]),
        |service| service["ServiceInformation"]["ServiceTypeIdentifier"] = json!(""),
        |service| service["ServiceInformation"]["StatusStartingTime"] = json!("2026-01-01T00:00:00Z"),
        |service| service["ServiceInformation"]["ServiceInformationExtensions"] = json!({}),
        |service| service["ServiceHistory"] = json!(1),
        |service| drop(service["ServiceInformation"].as_object_mut().unwrap().remove("ServiceDigitalIdentity")),
    ];
    for change in breaks {
        assert!(with_service(ListOf::Pid, change).is_err());
    }
}

#[test]
fn only_certificates_identify() {
    // TL-15.
    let root = base64::encode_standard(AUTHORITY.issuer_root(IssuerName::PidGermany));
    let identity = |identity: Value| {
        with_service(ListOf::Pid, |service| service["ServiceInformation"]["ServiceDigitalIdentity"] = identity)
    };
    for supplement in [
        json!({}),
        json!({"X509SKIs": ["AAAA"]}),
        json!({"X509SubjectNames": ["CN=Anybody"]}),
        json!({"PublicKeyValues": [{"kty": "EC"}]}),
        json!({"X509Certificates": []}),
        json!({"X509Certificates": [{}]}),
        json!({"X509Certificates": [{"val": ""}]}),
        json!({"X509Certificates": [root]}),
        json!({"X509Certificates": [{"val": format!("-----BEGIN CERTIFICATE-----\n{root}")}]}),
        json!({"X509Certificates": [{"val": root.replace('+', "-")}, {"val": "AAAA"}]}),
        json!({"X509Certificates": [{"val": root}, {"val": "AAAA"}]}),
    ] {
        assert!(identity(supplement.clone()).is_err(), "{supplement}");
    }
    let list = identity(json!({"X509Certificates": [{"val": root}, {"val": root}], "X509SKIs": [1]})).unwrap();
    assert_eq!(list.services[2].certificates.len(), 2);
}

#[test]
fn service_types_are_taken_as_they_stand() {
    // Case TRU-013, TL-02, TL-12: nothing is trimmed, folded or completed, so that a nearly right type is another one.
    let pid = profile_of(&ListOf::Pid.list_type()).unwrap();
    for near in [
        "/PID/Issuance",
        "http://uri.etsi.org/19602/SvcType/pid/issuance",
        &format!("{} ", pid.issuance),
        &format!("{}/", pid.issuance),
        &pid.issuance.replace("http:", "https:"),
    ] {
        let list =
            with_service(ListOf::Pid, |service| service["ServiceInformation"]["ServiceTypeIdentifier"] = json!(near))
                .unwrap();
        assert_eq!(list.services[2].service_type, *near);
        let exact = list.services.iter().filter(|service| service.service_type == pid.issuance).count();
        assert_eq!(exact, 2, "{near}");
    }
    let absent = with_service(ListOf::Pid, |service| {
        service["ServiceInformation"].as_object_mut().unwrap().remove("ServiceTypeIdentifier");
    });
    assert_eq!(absent.unwrap().services[2].service_type, "");
}

#[test]
fn statuses_belong_to_lists_that_have_them() {
    // TL-13, case TRU-013: withdrawn is told apart from notified by the exact URI.
    let statuses = profile_of(&ListOf::PublicBodies.list_type()).unwrap().statuses.unwrap();
    let list =
        read(changed(ListOf::PublicBodies, |draft| draft.entities[1].status = BodyStatus::Withdrawn, |_| {})).unwrap();
    let day = AUTHORITY.day();
    let stated = |uri: &str, days: i64| ServiceStatus::Stated { uri: uri.to_owned(), since: day.minus(days * 86_400) };
    assert_eq!(list.services[0].status, stated(statuses.valid, 30));
    assert!(list.services[0].history.is_empty());
    assert_eq!(list.services[2].status, stated(statuses.withdrawn, 30));
    assert_eq!(list.services[2].history, [stated(statuses.valid, 330)]);

    let status = |of, status: Value, since: Value| {
        with_service(of, |service| {
            let information = service["ServiceInformation"].as_object_mut().unwrap();
            for (name, value) in [("ServiceStatus", status), ("StatusStartingTime", since)] {
                if value.is_null() {
                    information.remove(name);
                } else {
                    information.insert(name.to_owned(), value);
                }
            }
        })
    };
    let (valid, since) = (json!(statuses.valid), json!(date_time(day)));
    assert!(status(ListOf::PublicBodies, valid.clone(), since.clone()).is_ok());
    assert!(status(ListOf::PublicBodies, Value::Null, Value::Null).is_err());
    assert!(status(ListOf::PublicBodies, valid.clone(), Value::Null).is_err());
    assert!(status(ListOf::PublicBodies, valid.clone(), json!("2026-01-01")).is_err());
    assert!(status(ListOf::PublicBodies, json!(1), since.clone()).is_err());
    // A list without statuses whose entry states one: whether it is valid, nobody could say.
    for of in [ListOf::Pid, ListOf::Wallets, ListOf::AccessCertificates, ListOf::RegistrationCertificates] {
        assert!(status(of, json!(statuses.withdrawn), since.clone()).is_err());
        assert!(status(of, valid.clone(), since.clone()).is_err());
    }
    let history = |history: Value| with_service(ListOf::PublicBodies, |service| service["ServiceHistory"] = history);
    assert!(history(json!([{"ServiceStatus": statuses.valid, "StatusStartingTime": "2025-01-01T00:00:00Z"}])).is_ok());
    for broken in [json!([1]), json!([{}]), json!([{"ServiceStatus": statuses.valid}])] {
        assert!(history(broken).is_err());
    }
    let in_pid = with_service(ListOf::Pid, |service| {
        service["ServiceHistory"] = json!([{"ServiceStatus": "urn:x", "StatusStartingTime": "2025-01-01T00:00:00Z"}]);
    });
    assert!(in_pid.is_err());
}

#[test]
fn critical_extensions_must_be_known() {
    // TL-14: what says neither yes nor no counts as critical.
    let service = |extensions: Value| {
        with_service(ListOf::Pid, |service| {
            service["ServiceInformation"]["ServiceInformationExtensions"] = extensions;
        })
        .is_ok()
    };
    let scheme = |extensions: Value| {
        let list = changed(
            ListOf::Pid,
            |_| {},
            |list| {
                list["ListAndSchemeInformation"]["SchemeExtensions"] = extensions;
            },
        );
        read(list).is_ok()
    };
    for harmless in [
        json!([]),
        json!([{"New": 1}]),
        json!([{"Critical": false, "New": 1}]),
        json!([{"Critical": true, "ServiceUniqueIdentifier": "urn:x"}]),
        json!(["text"]),
    ] {
        assert!(service(harmless.clone()) && scheme(harmless.clone()), "{harmless}");
    }
    for critical in [
        json!([{"Critical": true, "New": 1}]),
        json!([{"critical": true, "New": 1}]),
        json!([{"Critical": "false", "New": 1}]),
        json!([{"Critical": null, "New": 1}]),
        json!([{"Critical": true}]),
        json!([{"Critical": true, "ServiceUniqueIdentifier": "urn:x", "New": 1}]),
        json!([{"Critical": false, "New": 1}, {"Critical": true, "New": 1}]),
        json!({"Critical": true}),
    ] {
        assert!(!service(critical.clone()) && !scheme(critical.clone()), "{critical}");
    }
    let earlier = with_service(ListOf::PublicBodies, |service| {
        let instance = json!({"ServiceStatus": "urn:x", "StatusStartingTime": "2025-01-01T00:00:00Z",
            "ServiceInformationExtensions": [{"Critical": true, "New": 1}]});
        service["ServiceHistory"] = json!([instance]);
    });
    assert!(earlier.is_err());
}

#[test]
fn the_country_is_that_of_the_entity_or_of_the_list() {
    let country = |change: fn(&mut Value)| {
        let list = with_entity(ListOf::Pid, |entity| change(&mut entity["TrustedEntityInformation"]));
        list.services[2].country.clone()
    };
    assert_eq!(country(|_| {}).as_deref(), Some("FR"));
    assert_eq!(
        country(|information| drop(information.as_object_mut().unwrap().remove("TEAddress"))).as_deref(),
        Some("DE")
    );
    // One that is none is not replaced.
    assert_eq!(
        country(|information| information["TEAddress"]["TEPostalAddress"][0]["Country"] = json!("France")),
        None
    );
}

#[test]
fn pointers_carry_the_certificates_that_may_sign() {
    // TL-04: a pointer without a certificate would lead to a list that anybody may sign.
    let certificate = json!({"X509Certificates": [{"val": base64::encode_standard(writer().root())}]});
    let good = json!({
        "LoTELocation": "https://listen.pruefstein.example/other.jwt",
        "ServiceDigitalIdentities": [certificate, {"X509SKIs": ["AAAA"]}],
        "LoTEQualifiers": [{"LoTEType": ListOf::Wallets.list_type(), "SchemeOperatorName": [], "SchemeTerritory": "FR", "MimeType": "application/jose"}],
    });
    let mut nobody = good.clone();
    nobody["ServiceDigitalIdentities"] = json!([{"X509SKIs": ["AAAA"]}]);
    let mut nowhere = good.clone();
    nowhere.as_object_mut().unwrap().remove("LoTELocation");
    let list = changed(
        ListOf::Pid,
        |_| {},
        |list| {
            list["ListAndSchemeInformation"]["PointersToOtherLoTE"] = json!([nobody, good, nowhere, 1, null]);
        },
    );
    let list = read(list).unwrap();
    let [pointer] = list.pointers.as_slice() else { panic!("{:?}", list.pointers) };
    assert_eq!(pointer.location, "https://listen.pruefstein.example/other.jwt");
    assert_eq!(pointer.list_type, Some(ListOf::Wallets.list_type()));
    assert_eq!(pointer.territory.as_deref(), Some("FR"));
    assert_eq!(pointer.media_type.as_deref(), Some("application/jose"));
    assert_eq!(*pointer.signers[0].der, *writer().root());
}

#[test]
fn a_list_without_entities_is_a_list() {
    for change in [
        |list: &mut Value| list["TrustedEntitiesList"] = json!([]),
        |list: &mut Value| list["TrustedEntitiesList"] = Value::Null,
        |list: &mut Value| drop(list.as_object_mut().unwrap().remove("TrustedEntitiesList")),
    ] {
        let list = read(changed(ListOf::Pid, |_| {}, change)).unwrap();
        assert!(list.services.is_empty() && list.skipped.is_empty());
    }
    let list = changed(ListOf::Pid, |_| {}, |list| list["TrustedEntitiesList"] = json!({"0": {}}));
    assert_eq!(code(read(list)), Some(Code::TrustListMalformed));
}

#[test]
fn ten_thousand_entities_are_read() {
    let list = changed(
        ListOf::Pid,
        |draft| draft.entities = vec![draft.entities[0].clone(); 10_000],
        |list| {
            for place in (0..10_000).step_by(2) {
                list["TrustedEntitiesList"][place]["TrustedEntityInformation"] = json!({});
            }
        },
    );
    let list = read(list).unwrap();
    // Thousands of broken entries stay what they are: a number, a place and a sentence each.
    assert_eq!((list.services.len(), list.skipped.len()), (10_000, 5_000));
    assert!(list.skipped.iter().all(|skipped| skipped.entity % 2 == 0));
}

#[test]
fn services_are_counted_whether_they_can_be_read_or_not() {
    let entities = |count: usize| {
        let text = format!(
            r#"{{"ListAndSchemeInformation":{},"TrustedEntitiesList":[{}1]}}"#,
            writer().payload(&writer().draft(ListOf::Pid))["LoTE"]["ListAndSchemeInformation"],
            "1,".repeat(count - 1)
        );
        read(writer().sign_text(text.into_bytes()).unwrap())
    };
    assert_eq!(entities(limits::TRUST_LIST_SERVICES).unwrap().skipped.len(), limits::TRUST_LIST_SERVICES);
    assert_eq!(code(entities(limits::TRUST_LIST_SERVICES + 1)), Some(Code::TrustListTooLarge));
    // Many services in few entities count as well.
    let services = |each: usize| {
        read(changed(
            ListOf::Pid,
            |_| {},
            |list| {
                let mut entity = list["TrustedEntitiesList"][0].clone();
                entity["TrustedEntityServices"] = json!(vec![1; each]);
                list["TrustedEntitiesList"] = json!(vec![entity; 2]);
            },
        ))
    };
    assert_eq!(services(50_000).unwrap().skipped.len(), 100_000);
    assert_eq!(code(services(50_001)), Some(Code::TrustListTooLarge));
    // An entity of more values than any has is left out before a tree of it is built.
    let large = with_entity(ListOf::Pid, |entity| entity["TrustedEntityServices"] = json!(vec![1; 100_000]));
    assert_eq!(large.skipped[0].reason.code, Code::TrustListTooLarge);
    assert_eq!(large.services.len(), 4);
}

#[test]
fn objects_with_thousands_of_members_are_refused() {
    let members = |count: usize| {
        read(changed(
            ListOf::Pid,
            |_| {},
            |list| {
                for number in 0..count {
                    list["other"][number.to_string()] = json!(1);
                }
            },
        ))
    };
    assert!(members(limits::TRUST_LIST_MEMBERS).is_ok());
    assert_eq!(code(members(limits::TRUST_LIST_MEMBERS + 1)), Some(Code::TrustListTooLarge));
}
