//! Good lists are read whole; each fault gives exactly its code.

use super::{AUTHORITY, NOW, code, read, rules, signers, writer};
use pruefstein::domain::limits;
use pruefstein::domain::reason::Code;
use pruefstein::domain::trust_list::profile::{PROFILES, profile_of};
use pruefstein::domain::trust_list::{ListRules, Notation, ServiceStatus, lote};
use pruefstein::domain::x509::Certificate;
use pruefstein::simulator::authority::IssuerName;
use pruefstein::simulator::trust_list::{ListFault, ListOf, OPERATOR, SignerReference};
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn good_lists_of_all_kinds_are_read() {
    // TL-01, TL-05, TL-06, TL-11, TL-12, TL-13, TL-15, TL-17: what is listed is there, without any further step.
    for of in ListOf::ALL {
        let list = read(writer().write(&writer().draft(of)).unwrap()).unwrap();
        assert_eq!(list.notation, Notation::Lote);
        assert_eq!((list.list_type.as_str(), list.sequence), (of.list_type().as_str(), 42));
        assert_eq!(list.operator, [OPERATOR, "Pruefstein Test Operator"]);
        assert_eq!(list.territory.as_deref(), Some("DE"));
        assert_eq!((list.issued_at, list.next_update.since(list.issued_at)), (AUTHORITY.day(), 7 * 86_400));
        assert!(list.skipped.is_empty() && list.pointers.is_empty());
        let types = of.service_types();
        assert_eq!(list.services.len(), types.len() * IssuerName::ALL.len());
        for (service, issuer) in list.services.chunks(types.len()).zip(IssuerName::ALL) {
            assert_eq!(service[0].service_type, types[0]);
            assert_eq!(*service[0].certificates[0].der, *AUTHORITY.issuer_root(issuer));
            // In English, whatever stands first.
            assert_eq!(service[0].name, "Service");
            if let Some(revocation) = service.get(1) {
                // DEU-10: who signs statuses is another service.
                assert_eq!(revocation.service_type, types[1]);
                assert_eq!(*revocation.certificates[0].der, *AUTHORITY.status_root(issuer));
            }
        }
        assert_eq!(list.services[types.len()].country.as_deref(), Some("FR"));
        let with_status = list.services.iter().all(|service| service.status != ServiceStatus::Listed);
        assert_eq!(with_status, of == ListOf::PublicBodies);
    }
}

#[test]
fn the_table_of_kinds_is_that_of_the_writer() {
    // TL-11, TL-12: two spellings of the standard's URIs, written apart from each other.
    let known: BTreeSet<String> = PROFILES.iter().map(|profile| profile.list_type.to_owned()).collect();
    assert_eq!(known, ListOf::ALL.into_iter().map(ListOf::list_type).collect());
    for of in ListOf::ALL {
        let profile = profile_of(&of.list_type()).unwrap();
        let services: Vec<&str> = [Some(profile.issuance), profile.revocation].into_iter().flatten().collect();
        assert_eq!(services, of.service_types());
    }
}

#[test]
fn every_fault_has_its_code() {
    // TL-01, TL-04 to TL-11, TL-14; cases JOS-001, JOS-004, JOS-010, JOS-019, JSN-003, JSN-006 on lists.
    let signers = signers();
    let pid = ListOf::Pid.list_type();
    let strict = ListRules { list_type: Some(&pid), newest_sequence: Some(42), ..rules(&signers) };
    assert!(lote::read(writer().write(&writer().draft(ListOf::Pid)).unwrap().as_bytes(), strict).is_ok());
    let mut problems = Vec::new();
    for fault in ListFault::ALL {
        let got = code(lote::read(&writer().faulty(*fault).unwrap(), strict));
        if got != Some(fault.code()) {
            problems.push(format!("{}: expected {}, got {got:?}", fault.name(), fault.code()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_sentence_says_what_was_offered() {
    // TL-01: an XML list offered to this reader, in any encoding.
    let detail = |document: &[u8]| read(document).unwrap_err().to_string();
    for xml in
        [&b"<?xml version=\"1.0\"?>"[..], b"\xef\xbb\xbf <List/>", b"\xff\xfe<\0?\0", b"\n\t<TrustServiceStatusList>"]
    {
        let detail = detail(xml);
        assert!(detail.starts_with("trust_list_malformed") && detail.contains("XML"), "{detail}");
    }
    for plain in [&b"{\"LoTE\":{}}"[..], b" {}", b"[]", b"\xef\xbb\xbf{}"] {
        let detail = detail(plain);
        assert!(
            detail.starts_with("trust_list_signature_invalid") && detail.contains("without a signature"),
            "{detail}"
        );
    }
    for other in [&b""[..], b" ", b"\xff\xff", b"a.b", b"a.b.c.d", b"Not Found"] {
        assert!(detail(other).starts_with("trust_list_malformed"));
    }
}

#[test]
fn both_wrappings_and_a_final_line_break() {
    let mut draft = writer().draft(ListOf::Pid);
    let wrapped = writer().write(&draft).unwrap();
    draft.bare = true;
    let bare = writer().write(&draft).unwrap();
    assert_ne!(wrapped, bare);
    let count = |document: &str| read(document).unwrap().services.len();
    assert_eq!((count(&wrapped), count(&bare)), (6, 6));
    assert_eq!(count(&format!("\n{wrapped}\r\n")), 6);
    // The digest is that of the document as it came.
    assert_ne!(read(&wrapped).unwrap().digest, read(format!("{wrapped}\n")).unwrap().digest);
    assert_eq!(code(read(wrapped.replacen('.', " .", 1))), Some(Code::TrustListSignatureInvalid));
    for neither in
        [json!({}), json!({"LoTE": null}), json!({"LoTE": {"LoTE": {}}}), json!({"LoTE": 1}), json!([]), json!(1)]
    {
        assert_eq!(code(read(writer().sign(&neither).unwrap())), Some(Code::TrustListMalformed), "{neither}");
    }
}

#[test]
fn signers_are_found_by_chain_thumbprint_or_authority() {
    // TL-04, TL-05.
    let payload = writer().payload(&writer().draft(ListOf::Pid)).to_string().into_bytes();
    let signed = |reference| writer().sign_with(&writer().header(reference), payload.clone()).unwrap();
    for reference in [SignerReference::Chain, SignerReference::Thumbprint, SignerReference::Both] {
        let list = read(signed(reference)).unwrap();
        assert_eq!(list.signer, signers()[0].fingerprint());
    }
    // The CA is configured: a chain leads to it, a thumbprint does not.
    let authority = [Certificate::read(writer().root()).unwrap()];
    let under_authority = |reference| lote::read(signed(reference).as_bytes(), rules(&authority));
    assert!(under_authority(SignerReference::Chain).is_ok());
    assert_eq!(code(under_authority(SignerReference::Thumbprint)), Some(Code::TrustListSignatureInvalid));
    // No configured signer at all never means trust in everybody.
    let nobody = lote::read(signed(SignerReference::Chain).as_bytes(), rules(&[]));
    assert_eq!(code(nobody), Some(Code::TrustListSignatureInvalid));
    // A configured certificate that has expired signs nothing any more.
    let later = ListRules { now: NOW.plus(400 * 86_400), ..rules(&authority) };
    let old = lote::read(signed(SignerReference::Chain).as_bytes(), later);
    assert_eq!(code(old), Some(Code::TrustListSignatureInvalid));
}

#[test]
fn lists_may_be_signed_with_more_algorithms_than_credentials() {
    // TL-05.
    let signed = writer().sign_384(&writer().payload(&writer().draft(ListOf::Pid))).unwrap();
    let signer = [Certificate::read(writer().signer_384()).unwrap()];
    assert!(lote::read(signed.as_bytes(), rules(&signer)).is_ok());
    assert_eq!(code(read(&signed)), Some(Code::TrustListSignatureInvalid));
}

#[test]
fn signing_times_old_and_new() {
    // TL-05: iat since version 1.2 of JAdES, sigT, which is critical, before it; neither is demanded.
    let payload = writer().payload(&writer().draft(ListOf::Pid)).to_string().into_bytes();
    let with = |change: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
        let mut header = writer().header(SignerReference::Both);
        header.remove("iat");
        change(&mut header);
        code(read(writer().sign_with(&header, payload.clone()).unwrap()))
    };
    let old = |time: &str, critical: &[&str]| {
        with(&|header| {
            header.insert("sigT".to_owned(), json!(time));
            header.insert("crit".to_owned(), json!(critical));
        })
    };
    assert_eq!(with(&|_| {}), None);
    assert_eq!(old("2026-01-01T00:00:00Z", &["sigT"]), None);
    assert_eq!(old("2099-01-01T00:00:00Z", &["sigT"]), Some(Code::TrustListSignatureInvalid));
    assert_eq!(old("yesterday", &["sigT"]), Some(Code::TrustListSignatureInvalid));
    assert_eq!(old("2026-01-01T00:00:00Z", &["sigT", "sigD"]), Some(Code::TrustListSignatureInvalid));
    assert_eq!(old("2026-01-01T00:00:00Z", &[]), Some(Code::TrustListSignatureInvalid));
}

#[test]
fn a_test_system_signs_under_another_name() {
    // TL-06, TL-19, DEU-10: the shape of the German sandbox's list. Its territory is the Union, its operator not the
    // organisation of the signer, its dates have fractions; it names two services for each provider.
    let mut draft = writer().draft(ListOf::Pid);
    draft.sequence = 1;
    let mut payload = writer().payload(&draft);
    let scheme = &mut payload["LoTE"]["ListAndSchemeInformation"];
    scheme["SchemeTerritory"] = json!("EU");
    scheme["SchemeOperatorName"] = json!([{"lang": "de-DE", "value": "Betreiber der Sandbox"}]);
    for name in ["ListIssueDateTime", "NextUpdate"] {
        scheme[name] = json!(scheme[name].as_str().unwrap().replace('Z', ".946Z"));
    }
    let mut header = writer().header(SignerReference::Chain);
    header["typ"] = json!("trustlist+jwt");
    header.insert("kid".to_owned(), json!("trust-list-signer"));
    header.remove("iat");
    let list = writer().sign_with(&header, payload.to_string().into_bytes()).unwrap();
    let signers = signers();
    let of_sandbox = ListRules { signer_names: false, ..rules(&signers) };
    let list_read = lote::read(list.as_bytes(), of_sandbox).unwrap();
    let of_type = |wanted: &str| list_read.services.iter().filter(|service| service.service_type == wanted).count();
    let pid = profile_of(&list_read.list_type).unwrap();
    assert_eq!((of_type(pid.issuance), of_type(pid.revocation.unwrap())), (3, 3));
    // Under the rules for production it is refused.
    assert_eq!(code(read(&list)), Some(Code::TrustListSignatureInvalid));
}

#[test]
fn numbers_never_go_back() {
    // TL-10.
    let signers = signers();
    let with_newest = |newest| {
        let list = writer().write(&writer().draft(ListOf::Pid)).unwrap();
        code(lote::read(list.as_bytes(), ListRules { newest_sequence: newest, ..rules(&signers) }))
    };
    assert_eq!(with_newest(None), None);
    assert_eq!(with_newest(Some(41)), None);
    assert_eq!(with_newest(Some(42)), None);
    assert_eq!(with_newest(Some(43)), Some(Code::TrustListRollback));
    for wrong in [json!(0), json!(-1), json!(1.5), json!("42"), json!(null), json!(1e30)] {
        let list = super::changed(
            ListOf::Pid,
            |_| {},
            |list| {
                list["ListAndSchemeInformation"]["LoTESequenceNumber"] = wrong.clone();
            },
        );
        assert_eq!(code(read(list)), Some(Code::TrustListMalformed), "{wrong}");
    }
}

#[test]
fn dates_count_to_the_second() {
    // TL-07, TL-09, TL-18: the first second of the next update is too late; six months are 184 days.
    let list = writer().write(&writer().draft(ListOf::Pid)).unwrap();
    let signers = signers();
    let at = |now| code(lote::read(list.as_bytes(), ListRules { now, ..rules(&signers) }));
    let end = AUTHORITY.day().plus(7 * 86_400);
    assert_eq!(at(end.minus(1)), None);
    assert_eq!(at(end), Some(Code::TrustUnavailable));
    let due_in = |of, seconds: i64| {
        let day = AUTHORITY.day();
        code(read(super::changed(of, |draft| draft.next_update = Some(day.plus(seconds)), |_| {})))
    };
    assert_eq!(due_in(ListOf::Pid, 184 * 86_400), None);
    assert_eq!(due_in(ListOf::Pid, 184 * 86_400 + 1), Some(Code::TrustListMalformed));
    assert_eq!(due_in(ListOf::Registers, 366 * 86_400), None);
}

#[test]
fn large_documents_are_refused_before_any_work() {
    // Case TRU-008: 500 MiB would end at the same line as the first byte above the limit.
    let document = vec![b'A'; limits::TRUST_LIST_BYTES + 1];
    assert_eq!(code(read(&document)), Some(Code::TrustListTooLarge));
    assert_eq!(code(read(&document[1..])), Some(Code::TrustListMalformed));
}
