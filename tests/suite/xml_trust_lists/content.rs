//! What a verified list says.

use super::{NOW, OFFICE, PROVIDER, certificate, code, list, read_here, rules};
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust::listed::{Held, HeldList, ListUse, TrustPlan, compose};
use pruefstein::domain::trust::{Purpose, TrustSource};
use pruefstein::domain::trust_list::trusted_list::read;
use pruefstein::domain::trust_list::{ListRules, Notation, ServiceScope, ServiceStatus, TrustList};
use pruefstein::simulator::xml_list::{
    GRANTED, LIST_OF_LISTS, NATIONAL_LIST, QUALIFIED_ATTESTATIONS, WITHDRAWN, XmlList, XmlService, digital_id, sign,
};
use std::sync::Arc;

fn made(change: impl FnOnce(&mut XmlList)) -> Result<TrustList, Code> {
    let mut list = list();
    change(&mut list);
    read_here(list.signed(&OFFICE).unwrap())
}

/// A list whose text is changed before it is signed.
fn respelled(from: &str, to: &str) -> Result<TrustList, Code> {
    let text = list().text();
    assert!(text.contains(from), "{from}");
    read_here(sign(&text.replacen(from, to, 1), &OFFICE, |_, text| text).unwrap())
}

fn status(uri: &str, since: UnixSeconds) -> ServiceStatus {
    ServiceStatus::Stated { uri: uri.to_owned(), since }
}

#[test]
fn everything_is_read() {
    // TL-20.
    let list = made(|_| ()).unwrap();
    assert_eq!(list.notation, Notation::TrustedList);
    assert_eq!((list.list_type.as_str(), list.sequence), (NATIONAL_LIST, 7));
    assert_eq!(list.operator, ["Prüfstein Listenstelle", "Prüfstein List Office"]);
    assert_eq!(list.territory.as_deref(), Some("DE"));
    assert_eq!((list.issued_at, list.next_update), (NOW.minus(3600), NOW.plus(30 * 86_400)));
    assert!(list.pointers.is_empty() && list.skipped.is_empty());
    let [service] = list.services.as_slice() else { panic!("{:?}", list.services) };
    assert_eq!((service.entity.as_str(), service.name.as_str()), ("Example Provider", "Attestations"));
    assert_eq!(service.service_type, QUALIFIED_ATTESTATIONS);
    assert_eq!(service.status, status(GRANTED, NOW.minus(86_400)));
    assert_eq!(service.country.as_deref(), Some("AT"));
    assert_eq!(service.certificates[0].der, certificate(&PROVIDER).der);
    assert!(service.history.is_empty());
}

#[test]
fn version_type_number_and_dates_must_fit() {
    // TL-07, TL-08, TL-10, TL-11.
    assert!(made(|list| list.version = "5".to_owned()).is_ok());
    for version in ["4", "7", "06", "6.0", ""] {
        assert_eq!(made(|list| list.version = version.to_owned()).err(), Some(Code::TrustListMalformed), "{version}");
    }
    let wanted = |list_type: &'static str, newest: Option<u64>, now: UnixSeconds| {
        let document = list().signed(&OFFICE).unwrap();
        let signers = [certificate(&OFFICE)];
        let rules = ListRules { list_type: Some(list_type), newest_sequence: newest, now, ..rules(&signers) };
        read(document.as_bytes(), rules).err().map(|reason| reason.code)
    };
    assert_eq!(wanted(NATIONAL_LIST, Some(7), NOW), None);
    assert_eq!(wanted(LIST_OF_LISTS, None, NOW), Some(Code::TrustListMalformed));
    assert_eq!(wanted(NATIONAL_LIST, Some(8), NOW), Some(Code::TrustListRollback));
    assert_eq!(wanted(NATIONAL_LIST, None, NOW.plus(30 * 86_400)), Some(Code::TrustUnavailable));
    assert_eq!(wanted(NATIONAL_LIST, None, NOW.minus(3661)), Some(Code::TrustListMalformed));
    assert_eq!(made(|list| list.next_update = None).err(), Some(Code::TrustUnavailable));
    assert_eq!(made(|list| list.sequence = 0).err(), Some(Code::TrustListMalformed));
    for (from, to) in [
        ("<TSLSequenceNumber>7", "<TSLSequenceNumber>+7"),
        ("<TSLSequenceNumber>7", "<TSLSequenceNumber>99999999999999999999"),
        ("<TSLSequenceNumber>7</TSLSequenceNumber>", ""),
        (
            "<TSLSequenceNumber>7</TSLSequenceNumber>",
            "<TSLSequenceNumber>7</TSLSequenceNumber><TSLSequenceNumber>9</TSLSequenceNumber>",
        ),
        ("Z</ListIssueDateTime>", "+00:00</ListIssueDateTime>"),
        ("Z</dateTime>", "</dateTime>"),
        ("NextUpdate>", "Next>"),
        ("TSLTag=\"http://uri.etsi.org/19612/TSLTag\"", "TSLTag=\"http://uri.etsi.org/02231/TSLTag\""),
        ("<SchemeInformation>", "<Other></Other><SchemeInformation>"),
        ("<SchemeTerritory>DE", "<SchemeTerritory>"),
    ] {
        let to = if from == "NextUpdate>" { "Next>" } else { to };
        let text = list().text();
        let text = if from == "NextUpdate>" { text.replace(from, to) } else { text.replacen(from, to, 1) };
        assert_eq!(code(sign(&text, &OFFICE, |_, text| text).unwrap()), Some(Code::TrustListMalformed), "{from} {to}");
    }
}

#[test]
fn the_signer_is_an_operator_of_the_territory() {
    // TL-06, where it is demanded: the certificate names DE and Prüfstein Test-Anstalt.
    let named = |territory: &str, operator: &str| {
        let mut list = list();
        list.territory = territory.to_owned();
        let text = list.text().replace("Prüfstein List Office", operator);
        let document = sign(&text, &OFFICE, |_, text| text).unwrap();
        let signers = [certificate(&OFFICE)];
        let rules = ListRules { signer_names: true, ..rules(&signers) };
        read(document.as_bytes(), rules).err().map(|reason| reason.code)
    };
    assert_eq!(named("DE", "Prüfstein Test-Anstalt"), None);
    assert_eq!(named("DE", "Prüfstein List Office"), Some(Code::TrustListSignatureInvalid));
    assert_eq!(named("AT", "Prüfstein Test-Anstalt"), Some(Code::TrustListSignatureInvalid));
}

#[test]
fn types_and_statuses_are_exact() {
    // case TRU-013, TL-12: as stated, to the last character. White space around a URI is not part of it (XML Schema).
    for uri in [WITHDRAWN, "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/Granted", "granted"] {
        let list = made(|list| list.services[0].status = uri.to_owned()).unwrap();
        assert_eq!(list.services[0].status, status(uri, NOW.minus(86_400)));
        assert_ne!(list.services[0].status, status(GRANTED, NOW.minus(86_400)));
    }
    let list = made(|list| list.services[0].service_type = format!("{QUALIFIED_ATTESTATIONS}/")).unwrap();
    assert_ne!(list.services[0].service_type, QUALIFIED_ATTESTATIONS);
    let list = made(|list| list.services[0].status = format!("\n {GRANTED}\n")).unwrap();
    assert_eq!(list.services[0].status, status(GRANTED, NOW.minus(86_400)));
}

#[test]
fn the_status_at_a_time_can_be_asked() {
    // TL-20, TL-13: withdrawn now, granted then.
    let day = 86_400;
    let list = made(|list| {
        let service = &mut list.services[0];
        service.status = WITHDRAWN.to_owned();
        service.since = NOW.minus(10 * day);
        service.history = vec![
            (QUALIFIED_ATTESTATIONS.to_owned(), GRANTED.to_owned(), NOW.minus(100 * day)),
            ("urn:other:type".to_owned(), GRANTED.to_owned(), NOW.minus(200 * day)),
            (QUALIFIED_ATTESTATIONS.to_owned(), GRANTED.to_owned(), NOW.minus(300 * day)),
        ];
    })
    .unwrap();
    let service = &list.services[0];
    let at = |days: i64| service.status_at(NOW.minus(days * day));
    assert_eq!(at(0), Some(&service.status));
    assert_eq!(at(10), Some(&status(WITHDRAWN, NOW.minus(10 * day))));
    assert_eq!(at(11), Some(&status(GRANTED, NOW.minus(100 * day))));
    assert_eq!(at(150), Some(&status("", NOW.minus(200 * day))), "it was of another type");
    assert_eq!(at(250), Some(&status(GRANTED, NOW.minus(300 * day))));
    assert_eq!(at(301), None);
}

#[test]
fn a_history_that_contradicts_itself_leaves_the_service_out() {
    // TL-20: a status of the past must not come after a withdrawal.
    let list = made(|list| {
        list.services[0].status = WITHDRAWN.to_owned();
        list.services[0].history = vec![(QUALIFIED_ATTESTATIONS.to_owned(), GRANTED.to_owned(), NOW)];
    })
    .unwrap();
    assert!(list.services.is_empty());
    assert_eq!(list.skipped.len(), 1);
}

#[test]
fn unknown_critical_extensions_give_no_trust() {
    // TL-14: of a service, of an entity, of the scheme.
    let extension = |critical: &str| format!("<Extension{critical}><X></X></Extension>");
    for (critical, kept) in [
        (" Critical=\"false\"", true),
        (" Critical=\"0\"", true),
        (" Critical=\"true\"", false),
        (" Critical=\"1\"", false),
        (" Critical=\"TRUE\"", false),
        ("", false),
    ] {
        let list = made(|list| list.services[0].extensions = extension(critical)).unwrap();
        assert_eq!((list.services.len(), list.skipped.len()), (usize::from(kept), usize::from(!kept)), "{critical}");
        let scheme = made(|list| list.extensions = extension(critical));
        assert_eq!(scheme.is_ok(), kept, "{critical}");
        let list = respelled(
            "</TSPInformation>",
            &format!("<TSPInformationExtensions>{}</TSPInformationExtensions></TSPInformation>", extension(critical)),
        );
        let list = list.unwrap();
        assert_eq!(list.skipped.first().map(|skipped| (skipped.entity, skipped.service)), (!kept).then_some((0, None)));
    }
    assert_eq!(made(|list| list.extensions = extension(" Critical=\"true\"")).err(), Some(Code::TrustListMalformed));
    let known = "<Extension Critical=\"true\"><ExpiredCertsRevocationInfo>2026-01-01T00:00:00Z</ExpiredCertsRevocationInfo></Extension>";
    assert_eq!(made(|list| list.services[0].extensions = known.to_owned()).unwrap().services.len(), 1);
    let besides = known.replace("</Extension>", "<X></X></Extension>");
    assert!(made(|list| list.services[0].extensions = besides).unwrap().services.is_empty());
    // In the past: nothing can be said of that time, and the older status does not last longer for it.
    let past = "<ServiceInformationExtensions><Extension Critical=\"true\"><X></X></Extension></ServiceInformationExtensions></ServiceHistoryInstance>";
    let mut list = list();
    list.services[0].history = vec![(QUALIFIED_ATTESTATIONS.to_owned(), GRANTED.to_owned(), NOW.minus(200_000))];
    let text = list.text().replace("</ServiceHistoryInstance>", past);
    let list = read_here(sign(&text, &OFFICE, |_, text| text).unwrap()).unwrap();
    assert_eq!(list.services[0].status_at(NOW.minus(100_000)), Some(&status("", NOW.minus(200_000))));
}

#[test]
fn broken_entries_are_left_out_and_counted() {
    // TL-15, TL-20: the rest of the list stands.
    let good = XmlService::new(&PROVIDER.chain[0], NOW);
    let with = |change: &dyn Fn(&mut XmlService)| {
        let list = made(|list| {
            let mut broken = good.clone();
            change(&mut broken);
            list.services = vec![good.clone(), broken, good.clone()];
        });
        let list = list.unwrap();
        assert_eq!(list.services.len() + list.skipped.len(), 3);
        list.skipped.iter().map(|skipped| (skipped.entity, skipped.service, skipped.reason.code)).collect::<Vec<_>>()
    };
    let skipped = vec![(1, Some(0), Code::TrustListMalformed)];
    assert_eq!(with(&|_| ()), vec![]);
    assert_eq!(with(&|service| service.identity.clear()), skipped);
    assert_eq!(
        with(&|service| service.identity = "<DigitalId><X509SKI>AAAA</X509SKI></DigitalId>".to_owned()),
        skipped
    );
    assert_eq!(with(&|service| service.identity = digital_id(b"no certificate")), skipped);
    assert_eq!(with(&|service| service.identity = "<X509Certificate>AAAA</X509Certificate>".to_owned()), skipped);
    assert_eq!(with(&|service| service.status.clear()), skipped);
    assert_eq!(with(&|service| service.service_type = "<x></x>".to_owned()), skipped);
    // A key identifier beside a certificate only supplements it, and one bad certificate beside a good one is no anchor.
    let ski = "<DigitalId><X509SKI>AAAA</X509SKI></DigitalId>";
    assert_eq!(with(&|service| service.identity.push_str(ski)), vec![]);
    assert_eq!(with(&|service| service.identity.push_str(&digital_id(b"no certificate"))), vec![]);
    let nameless = respelled("<TSPName>", "<TSPTradeName>").err();
    assert_eq!(nameless, Some(Code::TrustListMalformed), "not well-formed is another matter");
    let text = list().text().replace("TSPName>", "TSPTradeName>");
    let list = read_here(sign(&text, &OFFICE, |_, text| text).unwrap()).unwrap();
    assert_eq!(list.skipped.iter().map(|skipped| (skipped.entity, skipped.service)).collect::<Vec<_>>(), [(0, None)]);
}

#[test]
fn the_country_falls_back_to_the_territory() {
    let text = list().text().replace("<CountryName>AT</CountryName>", "");
    let list = read_here(sign(&text, &OFFICE, |_, text| text).unwrap()).unwrap();
    assert_eq!(list.services[0].country.as_deref(), Some("DE"));
}

/// What a service must be wanted for, from these extensions; `None` if it is left out.
fn scope(extensions: &str) -> Option<ServiceScope> {
    let list = made(|list| extensions.clone_into(&mut list.services[0].extensions)).unwrap();
    assert_eq!(list.services.len() + list.skipped.len(), 1);
    list.services.into_iter().next().map(|service| service.scope)
}

fn kind(word: &str) -> String {
    format!("http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/{word}")
}

fn information(uri: &str, critical: bool) -> String {
    format!(
        "<Extension Critical=\"{critical}\"><AdditionalServiceInformation><URI xml:lang=\"en\">{uri}</URI>\
         </AdditionalServiceInformation></Extension>"
    )
}

/// A list of criteria in canonical form, with these words.
fn qualifications(qualifiers: &[&str], assert: &str, criteria: &str) -> String {
    const ECC: &str = "http://uri.etsi.org/TrstSvc/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#";
    let all = qualifiers.iter().fold(String::new(), |all, word| {
        all + &format!(
            "<e:Qualifier uri=\"{}\"></e:Qualifier>",
            if word.contains(':') { (*word).to_owned() } else { kind(word) }
        )
    });
    format!(
        "<Extension Critical=\"true\"><e:Qualifications xmlns:e=\"{ECC}\"><e:QualificationElement><e:Qualifiers>{all}\
         </e:Qualifiers><e:CriteriaList assert=\"{assert}\">{criteria}</e:CriteriaList></e:QualificationElement>\
         </e:Qualifications></Extension>"
    )
}

const CRITERIA: &str =
    "<e:KeyUsage><e:KeyUsageBit name=\"nonRepudiation\">true</e:KeyUsageBit></e:KeyUsage><e:PolicySet></e:PolicySet>";

#[test]
fn what_a_service_says_of_itself_limits_who_trusts_it() {
    // TL-14, TL-20; ETSI TS 119 612 section 5.5.9.4.
    let (signatures, seals) = (kind("ForeSignatures"), kind("ForeSeals"));
    let wants = |uris: &[&String]| uris.iter().map(|uri| (*uri).clone()).collect::<Vec<_>>();
    let silent = scope("").unwrap();
    assert!(silent == ServiceScope::default() && silent.admits(&[]) && !silent.admits(&wants(&[&seals])));
    // Said in passing it limits nothing, but who wants something else gets it not.
    let passing = scope(&information(&seals, false)).unwrap();
    assert!(passing.admits(&[]) && passing.admits(&wants(&[&seals])) && !passing.admits(&wants(&[&signatures])));
    // Said as critical it counts for those alone who want it, one of two kinds being enough.
    let critical = scope(&information(&seals, true)).unwrap();
    assert!(!critical.admits(&[]) && critical.admits(&wants(&[&seals])) && !critical.admits(&wants(&[&signatures])));
    let both = scope(&(information(&seals, true) + &information(&signatures, true))).unwrap();
    assert!(both.admits(&wants(&[&seals])) && both.admits(&wants(&[&signatures])) && !both.admits(&[]));
    // Whatever else is critical must be wanted too, and is compared to the last character.
    let root = kind("RootCA-QC");
    let more = scope(&(information(&seals, true) + &information(&root, true))).unwrap();
    assert!(!more.admits(&wants(&[&seals])) && more.admits(&wants(&[&seals, &root])));
    let near = scope(&information(&kind("foreSeals"), true)).unwrap();
    assert!(!near.admits(&wants(&[&seals])));
    // What it could mean beyond a URI nobody knows.
    let beyond = |critical: bool| {
        information(&seals, critical).replace("</URI>", "</URI><InformationValue>x</InformationValue>")
    };
    assert_eq!(scope(&beyond(true)), None);
    assert_eq!(scope(&beyond(false)), Some(ServiceScope::default()));
    let twice =
        information(&seals, true).replace("</AdditionalServiceInformation>", "</AdditionalServiceInformation><X></X>");
    assert_eq!(scope(&twice), None);
    assert_eq!(scope(&information("", true)), None);
}

#[test]
fn what_holds_for_some_certificates_must_be_welcome_for_all() {
    // TL-14, TL-20; ETSI TS 119 612 section 5.5.9.2.
    let seals = kind("ForeSeals");
    let adding = ["QCWithQSCD", "QCQSCDManagedOnBehalf", "QCWithSSCD", "QCStatement", "QCForLegalPerson"];
    for assert in ["all", "atLeastOne", "none"] {
        assert_eq!(scope(&qualifications(&adding, assert, CRITERIA)), Some(ServiceScope::default()), "{assert}");
    }
    let kinds = scope(&qualifications(&["QCForESeal", "QCWithQSCD"], "all", CRITERIA)).unwrap();
    assert!(!kinds.admits(&[]) && kinds.all_of == [seals.clone()]);
    let stated = scope(&(qualifications(&["QCForESeal"], "all", CRITERIA) + &information(&seals, true))).unwrap();
    assert!(stated.admits(std::slice::from_ref(&seals)));
    // Some of its certificates are for web sites: not for who wants seals.
    let mixed = scope(&(qualifications(&["QCForWSA"], "all", CRITERIA) + &information(&seals, false))).unwrap();
    assert!(!mixed.admits(&[seals]));
    let nested = format!("<e:CriteriaList assert=\"all\">{CRITERIA}</e:CriteriaList><e:Description>x</e:Description>");
    assert!(scope(&qualifications(&["QCForESeal"], "all", &nested)).is_some());
    for (qualifiers, assert, criteria) in [
        (&["NotQualified"][..], "all", CRITERIA),
        (&["QCWithQSCD", "NotQualified"], "all", CRITERIA),
        (&["QCForEveryone"], "all", CRITERIA),
        (&["urn:QCForESeal"], "all", CRITERIA),
        (&[], "all", CRITERIA),
        (&["QCForESeal"], "most", CRITERIA),
        (&["QCForESeal"], "all", "<e:Moon></e:Moon>"),
        (&["QCForESeal"], "all", "<KeyUsage></KeyUsage>"),
        (&["QCForESeal"], "all", "<e:CriteriaList></e:CriteriaList>"),
    ] {
        assert_eq!(scope(&qualifications(qualifiers, assert, criteria)), None, "{qualifiers:?} {assert} {criteria}");
    }
    let good = qualifications(&["QCForESeal"], "all", CRITERIA);
    for (from, to) in [
        ("e:CriteriaList assert", "e:Criteria assert"),
        ("<e:Qualifiers>", "<e:Qualifiers></e:Qualifiers><e:Qualifiers>"),
        ("e:QualificationElement>", "e:Element>"),
    ] {
        let changed = match from {
            "e:CriteriaList assert" => good.replace(from, to).replace("</e:CriteriaList>", "</e:Criteria>"),
            _ => good.replace(from, to),
        };
        assert!(changed != good && scope(&changed).is_none(), "{from}");
    }
    // Passed over where it is not critical.
    let passing = good.replace("Critical=\"true\"", "Critical=\"false\"");
    assert_eq!(scope(&passing), Some(ServiceScope::default()));
}

#[test]
fn a_source_chooses_by_what_services_say() {
    // TL-20, TRU-013.
    let list = made(|list| list.services[0].extensions = information(&kind("ForeSeals"), true)).unwrap();
    let held = HeldList { name: "national".to_owned(), list: Arc::new(list), usable_until: NOW.plus(3600) };
    let certificates = |wanted: &[String]| {
        let uses = ListUse {
            list: "national".to_owned(),
            territories: Vec::new(),
            issuance: vec![QUALIFIED_ATTESTATIONS.to_owned()],
            revocation: Vec::new(),
            information: wanted.to_vec(),
            statuses: vec![GRANTED.to_owned()],
        };
        let plan = TrustPlan {
            source: TrustSource::new("qeaa", Purpose::QeaaProvider, vec!["urn:test:1".to_owned()]),
            list: Some(uses),
            signs_for: Vec::new(),
            status_prefetch: Vec::new(),
            revocation: None,
            issuers: Vec::new(),
        };
        let held = Held { lists: std::slice::from_ref(&held), ..Held::default() };
        compose(&[plan], held, NOW).sources()[0].pinned.len()
    };
    assert_eq!(certificates(&[kind("ForeSeals")]), 1);
    assert_eq!(certificates(&[kind("ForeSignatures"), kind("ForeSeals")]), 1);
    assert_eq!(certificates(&[kind("ForeSignatures")]), 0);
    assert_eq!(certificates(&[]), 0);
}
