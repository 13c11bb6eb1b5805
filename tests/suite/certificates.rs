//! Certificates of issuers: work that is bounded, and what a source may demand of them beyond a valid path.

use crate::fixture::{NOW, leaf_with, params, root, root_params};
use pruefstein::domain::reason::Code;
use pruefstein::domain::x509::Certificate;
use pruefstein::domain::x509::chain::{self, Anchor, AnchorInChain, ChainRules};
use pruefstein::domain::x509::profile::{
    CertificateProfile, IssuerNames, Match, QC_TYPE_PID, QC_TYPE_WALLET, match_country, match_issuer,
};
use rcgen::{
    CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, Issuer, KeyPair,
    NameConstraints, SanType,
};
use std::time::{Duration, Instant};

const RULES: ChainRules<'static> = ChainRules { anchor_in_chain: AnchorInChain::Refuse, extended_key_usage: None };

fn anchor(der: &[u8]) -> Anchor {
    Anchor::new(Certificate::read(der).unwrap()).unwrap()
}

fn leaf(change: impl FnOnce(&mut CertificateParams)) -> Certificate {
    let root = root("Wurzel");
    let (certificate, _) = leaf_with(&root, "Aussteller", &["issuer.example"], change);
    Certificate::read(certificate.der()).unwrap()
}

/// Certificates of one CA name, each signed by the key with the number of its issuer.
fn crossed(keys: &[KeyPair], edges: &[(usize, usize)]) -> Vec<Vec<u8>> {
    let params = root_params("Schleife");
    edges
        .iter()
        .map(|(subject, issuer)| {
            let issuer = Issuer::from_params(&params, &keys[*issuer]);
            params.signed_by(&keys[*subject], &issuer).unwrap().der().to_vec()
        })
        .collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "bounded work is bounded time")]
fn pathological_chains_take_bounded_work() {
    // Case X5C-021 (RUSTSEC-2023-0053): every certificate could be the issuer of every other one. With no more than five
    // certificates there are 4! orders to try, below as many anchors of that name as a configuration has.
    let key = || KeyPair::generate().unwrap();
    let keys: Vec<KeyPair> = (0..5).map(|_| key()).collect();
    let names = root_params("Schleife");
    let leaf = params("Aussteller").signed_by(&key(), &Issuer::from_params(&names, &keys[0])).unwrap().der().to_vec();
    let judge = |between: &[Vec<u8>], anchors: &[Anchor]| {
        let received: Vec<Vec<u8>> = std::iter::once(leaf.clone()).chain(between.iter().cloned()).collect();
        let start = Instant::now();
        let result = chain::validate(&received, &anchors.iter().collect::<Vec<_>>(), RULES, NOW);
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
        result.map(|_| ()).map_err(|reason| (reason.code, reason.detail.into_owned()))
    };
    let invalid = |detail: &str| Err((Code::X5cChainInvalid, detail.to_owned()));
    // One name with four keys, each signed by the next, below two hundred anchors of that name, none the right one.
    let four = crossed(&keys, &[(0, 1), (1, 2), (2, 3), (3, 4)]);
    let wrong: Vec<Anchor> = (0..200).map(|_| anchor(&crossed(&[key()], &[(0, 0)])[0])).collect();
    assert_eq!(judge(&four, &wrong), invalid("the chain takes too much work to check"));
    // Copies of one CA: every order would do, so none is tried.
    for edges in [[(0, 1), (0, 2), (0, 3), (0, 4)], [(0, 0); 4]] {
        assert_eq!(judge(&crossed(&keys, &edges), &wrong), invalid("a name occurs twice with the same key"));
    }
    // What makes the first one wrong is its end alone: below the right anchor it is good, with its name four times.
    assert_eq!(judge(&four, &[anchor(&crossed(&keys, &[(4, 4)])[0])]), Ok(()));
}

#[test]
fn paths_keep_to_what_their_authorities_allow() {
    // X5C-05, X5C-08; cases X5C-010, X5C-011.
    let root = root("Wurzel");
    let top = anchor(root.der());
    let judge = |middle: &dyn Fn(&mut CertificateParams), leaf: &dyn Fn(&mut CertificateParams)| {
        let mut below = root_params("Zwischenstelle");
        middle(&mut below);
        let key = KeyPair::generate().unwrap();
        let below_der = below.signed_by(&key, &root).unwrap().der().to_vec();
        let mut end = params("Aussteller");
        leaf(&mut end);
        let end = end.signed_by(&KeyPair::generate().unwrap(), &Issuer::from_params(&below, &key)).unwrap();
        chain::validate(&[end.der().to_vec(), below_der], &[&top], RULES, NOW).map(|_| ()).map_err(|reason| reason.code)
    };
    let host = |name: &'static str| {
        move |params: &mut CertificateParams| {
            params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
        }
    };
    let permitted = |params: &mut CertificateParams| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: vec![GeneralSubtree::DnsName("issuer.example".to_owned())],
            excluded_subtrees: Vec::new(),
        });
    };
    let excluded = |params: &mut CertificateParams| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: Vec::new(),
            excluded_subtrees: vec![GeneralSubtree::DnsName("bad.issuer.example".to_owned())],
        });
    };
    assert_eq!(judge(&permitted, &host("a.issuer.example")), Ok(()));
    assert_eq!(judge(&permitted, &host("a.other.example")), Err(Code::X5cChainInvalid));
    assert_eq!(judge(&permitted, &host("*.other.example")), Err(Code::X5cChainInvalid));
    assert_eq!(judge(&excluded, &host("a.issuer.example")), Ok(()));
    assert_eq!(judge(&excluded, &host("a.bad.issuer.example")), Err(Code::X5cChainInvalid));
    // A wildcard that would reach into the excluded names (RUSTSEC-2026-0099).
    assert_eq!(judge(&excluded, &host("*.issuer.example")), Err(Code::X5cChainInvalid));
}

/// SEQUENCE of QC statements, each an identifier and what follows it.
fn statements(entries: &[Vec<u8>]) -> impl FnOnce(&mut CertificateParams) {
    let content = tlv(0x30, &entries.concat());
    move |params| {
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 3], content)];
    }
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

/// 0.4.0.1862.1.1: the certificate is qualified. 0.4.0.1862.1.6: its types follow.
const COMPLIANCE: [u8; 6] = [4, 0, 0x8e, 0x46, 1, 1];
const QC_TYPE: [u8; 6] = [4, 0, 0x8e, 0x46, 1, 6];
/// 0.4.0.194126.1.1 and .2: PID and wallet provider.
const PID: [u8; 7] = [4, 0, 0x8b, 0xec, 0x4e, 1, 1];
const WALLET: [u8; 7] = [4, 0, 0x8b, 0xec, 0x4e, 1, 2];

fn qc_type(types: &[&[u8]]) -> Vec<u8> {
    let list: Vec<u8> = types.iter().flat_map(|oid| tlv(6, oid)).collect();
    tlv(0x30, &[tlv(6, &QC_TYPE), tlv(0x30, &list)].concat())
}

#[test]
fn pid_providers_say_that_they_are() {
    // X5C-13.
    let profile = CertificateProfile { qc_type: Some(QC_TYPE_PID.to_owned()), ..CertificateProfile::default() };
    let check = |leaf: &Certificate| profile.check(leaf).map_err(|reason| reason.code);
    let compliance = tlv(0x30, &tlv(6, &COMPLIANCE));
    let good = leaf(statements(&[compliance.clone(), qc_type(&[&PID])]));
    assert_eq!(good.qc_types, [QC_TYPE_PID]);
    assert_eq!(check(&good), Ok(()));
    assert_eq!(check(&leaf(statements(&[qc_type(&[&WALLET, &PID])]))), Ok(()));
    let wallet = leaf(statements(&[compliance.clone(), qc_type(&[&WALLET])]));
    assert_eq!(wallet.qc_types, [QC_TYPE_WALLET]);
    let refused = Err(Code::X5cProfileViolation);
    assert_eq!(check(&wallet), refused);
    assert_eq!(check(&leaf(statements(&[compliance]))), refused);
    assert_eq!(check(&leaf(statements(&[]))), refused);
    assert_eq!(check(&leaf(|_| ())), refused);
    assert_eq!(CertificateProfile::default().check(&wallet), Ok(()));
}

/// The same as a critical extension, with whatever else is critical.
fn critical(entries: &[Vec<u8>], beside: Option<&[u64]>) -> impl Fn(&mut CertificateParams) + use<> {
    let content = tlv(0x30, &entries.concat());
    let marked = |oid: &[u64], content: Vec<u8>| {
        let mut extension = CustomExtension::from_oid_content(oid, content);
        extension.set_criticality(true);
        extension
    };
    let beside = beside.map(|oid| marked(oid, vec![5, 0]));
    move |params| {
        params.custom_extensions = vec![marked(&[1, 3, 6, 1, 5, 5, 7, 1, 3], content.clone())];
        params.custom_extensions.extend(beside.clone());
    }
}

/// A chain of leaf and intermediate below a root, changed.
fn below(
    root: &crate::fixture::Root,
    middle: &dyn Fn(&mut CertificateParams),
    leaf: &dyn Fn(&mut CertificateParams),
) -> Vec<Vec<u8>> {
    let mut between = root_params("Zwischenstelle");
    middle(&mut between);
    let key = KeyPair::generate().unwrap();
    let between_der = between.signed_by(&key, root).unwrap().der().to_vec();
    let mut end = params("Aussteller");
    leaf(&mut end);
    let end = end.signed_by(&KeyPair::generate().unwrap(), &Issuer::from_params(&between, &key)).unwrap();
    vec![end.der().to_vec(), between_der]
}

#[test]
fn critical_statements_are_understood_and_nothing_else_that_is_critical() {
    // X5C-06, X5C-13; RFC 3739 section 3.2.6.
    let root = root("Wurzel");
    let top = anchor(root.der());
    let judge = |chain: &[Vec<u8>]| chain::validate(chain, &[&top], RULES, NOW);
    let code = |chain: &[Vec<u8>]| judge(chain).map(|_| ()).map_err(|reason| reason.code);
    let compliance = tlv(0x30, &tlv(6, &COMPLIANCE));
    // 0.4.0.19495.2, of payment services: nobody here knows what it forbids.
    let unknown = tlv(0x30, &tlv(6, &[4, 0, 0x81, 0x98, 0x27, 2]));
    let plain = |_: &mut CertificateParams| ();
    let good = critical(&[compliance.clone(), qc_type(&[&PID])], None);

    let chain = below(&root, &plain, &good);
    let validated = judge(&chain).unwrap();
    assert_eq!(validated.leaf.qc_types, [QC_TYPE_PID]);
    assert_eq!(validated.leaf.der.as_ref(), chain[0], "what is kept and reported is what was received");
    assert_eq!(code(&below(&root, &good, &good)), Ok(()));
    assert_eq!(code(&below(&root, &good, &plain)), Ok(()));

    for (entries, beside) in [
        (vec![compliance.clone(), unknown.clone()], None),
        (vec![unknown.clone()], None),
        (vec![compliance.clone()], Some(&[1, 2, 3, 4][..])),
    ] {
        let bad = critical(&entries, beside);
        assert_eq!(code(&below(&root, &plain, &bad)), Err(Code::X5cChainInvalid), "{entries:02x?}");
        assert_eq!(code(&below(&root, &bad, &plain)), Err(Code::X5cChainInvalid), "{entries:02x?}");
    }
    let broken = critical(&[tlv(0x30, &tlv(6, &QC_TYPE))], None);
    assert!(code(&below(&root, &plain, &broken)).is_err());
    // Not critical, an unknown one may be passed over.
    let (content, passing) = (tlv(0x30, &unknown), &[1, 3, 6, 1, 5, 5, 7, 1, 3]);
    let passing = |params: &mut CertificateParams| {
        params.custom_extensions = vec![CustomExtension::from_oid_content(passing, content.clone())];
    };
    assert_eq!(code(&below(&root, &plain, &passing)), Ok(()));
}

#[test]
fn what_was_signed_is_what_is_verified_also_below_a_critical_mark() {
    // X5C-04, X5C-018: no byte of such a certificate can be changed, and the mark cannot be taken away.
    let root = root("Wurzel");
    let top = anchor(root.der());
    let judge = |chain: &[Vec<u8>]| chain::validate(chain, &[&top], RULES, NOW).is_ok();
    let chain = below(&root, &|_| (), &critical(&[qc_type(&[&PID])], None));
    assert!(judge(&chain));
    for place in 0..chain[0].len() {
        let mut changed = chain.clone();
        changed[0][place] ^= 1;
        assert!(!judge(&changed), "byte {place}");
    }
    // Without the mark, with all lengths put right, the signature is one of something else.
    let mark = [1, 1, 0xff, 4];
    let places: Vec<usize> = (0..chain[0].len() - 4).filter(|place| chain[0][*place..*place + 4] == mark).collect();
    let place = *places.last().unwrap();
    let unmarked = without(&chain[0], place, 3);
    assert!(Certificate::read(&unmarked).is_ok());
    assert!(!judge(&[unmarked.clone(), chain[1].clone()]));
    assert!(!judge(&[unmarked, chain[0].clone(), chain[1].clone()]));
}

/// DER without some bytes at a place, with the lengths of all elements around them put right.
fn without(der: &[u8], place: usize, count: usize) -> Vec<u8> {
    let (head, length) = match der[1] {
        short @ 0..0x80 => (2, usize::from(short)),
        long => {
            let bytes = usize::from(long & 0x7f);
            (2 + bytes, der[2..2 + bytes].iter().fold(0, |all, byte| all << 8 | usize::from(*byte)))
        }
    };
    let (inner, rest) = der[head..].split_at(length);
    let inside = place.checked_sub(head).filter(|place| *place < length);
    let inner = match inside {
        // Not even the head of what is here is touched: the element itself goes.
        Some(0) => inner[count..].to_vec(),
        Some(place) => {
            let (mut done, mut at) = (Vec::new(), 0);
            while at < inner.len() {
                let size = size_of_element(&inner[at..]);
                let element = &inner[at..at + size];
                match place.checked_sub(at) {
                    Some(0) => {}
                    Some(place) if place < size => done.extend(without(element, place, count)),
                    _ => done.extend_from_slice(element),
                }
                at += size;
            }
            done
        }
        None => inner.to_vec(),
    };
    let mut whole = vec![der[0]];
    match inner.len() {
        short @ 0..0x80 => whole.push(u8::try_from(short).unwrap()),
        long => {
            let bytes: Vec<u8> = long.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
            whole.push(0x80 | u8::try_from(bytes.len()).unwrap());
            whole.extend(bytes);
        }
    }
    [whole, inner, rest.to_vec()].concat()
}

fn size_of_element(der: &[u8]) -> usize {
    match der[1] {
        short @ 0..0x80 => 2 + usize::from(short),
        long => {
            let bytes = usize::from(long & 0x7f);
            2 + bytes + der[2..2 + bytes].iter().fold(0, |all, byte| all << 8 | usize::from(*byte))
        }
    }
}

#[test]
fn statements_that_cannot_be_read_are_malformed() {
    let root = root("Wurzel");
    let code = |content: Vec<u8>| {
        let extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 3], content);
        let (certificate, _) = leaf_with(&root, "Aussteller", &[], |params| params.custom_extensions = vec![extension]);
        Certificate::read(certificate.der()).map(|_| ()).map_err(|reason| reason.code)
    };
    assert_eq!(code(tlv(0x30, &qc_type(&[&PID]))), Ok(()));
    for content in [
        Vec::new(),
        vec![5, 0],
        vec![0x30, 0x80],
        tlv(0x30, &[5, 0]),
        tlv(0x30, &tlv(0x30, &[])),
        tlv(0x30, &tlv(0x30, &tlv(6, &QC_TYPE))),
        tlv(0x30, &tlv(0x30, &[tlv(6, &QC_TYPE), tlv(6, &PID)].concat())),
        tlv(0x30, &tlv(0x30, &[tlv(6, &QC_TYPE), tlv(0x30, &tlv(2, &[1]))].concat())),
        tlv(0x30, &tlv(0x30, &[tlv(6, &QC_TYPE), tlv(0x30, &tlv(6, &PID)), vec![5, 0]].concat())),
        [tlv(0x30, &qc_type(&[&PID])), vec![0]].concat(),
    ] {
        assert_eq!(code(content.clone()), Err(Code::X5cMalformed), "{content:02x?}");
    }
}

#[test]
fn a_source_may_name_an_extended_key_usage() {
    // Case X5C-013.
    const WANTED: &str = "1.0.18013.5.1.2";
    let arcs: Vec<u64> = WANTED.split('.').map(|arc| arc.parse().unwrap()).collect();
    let profile = CertificateProfile { extended_key_usage: Some(WANTED.to_owned()), ..CertificateProfile::default() };
    let check = |usages: Vec<ExtendedKeyUsagePurpose>| {
        profile.check(&leaf(|params| params.extended_key_usages = usages)).map_err(|reason| reason.code)
    };
    let wanted = ExtendedKeyUsagePurpose::Other(arcs);
    assert_eq!(check(vec![wanted.clone()]), Ok(()));
    assert_eq!(check(vec![wanted.clone(), ExtendedKeyUsagePurpose::ServerAuth]), Ok(()));
    for usages in [
        vec![],
        vec![ExtendedKeyUsagePurpose::ServerAuth],
        vec![ExtendedKeyUsagePurpose::Any],
        vec![ExtendedKeyUsagePurpose::Any, wanted],
    ] {
        assert_eq!(check(usages), Err(Code::X5cProfileViolation));
    }
}

#[test]
fn an_issuer_has_the_name_that_its_certificate_gives() {
    let uri = |text: &str| SanType::URI(text.try_into().unwrap());
    let named = |uris: &[&str], hosts: &[&str]| {
        leaf(|params| {
            params.subject_alt_names = uris.iter().map(|text| uri(text)).collect();
            params.subject_alt_names.extend(hosts.iter().map(|host| SanType::DnsName((*host).try_into().unwrap())));
        })
    };
    let both = named(&["https://issuer.example/a"], &["Issuer.example", "*.wild.example"]);
    for (issuer, by_uri, by_either) in [
        (Some("https://issuer.example/a"), Match::Matched, Match::Matched),
        (Some("https://issuer.example/a/"), Match::Unmatched, Match::Matched),
        (Some("https://issuer.example"), Match::Unmatched, Match::Matched),
        (Some("https://ISSUER.example?x"), Match::Unmatched, Match::Matched),
        (Some("http://issuer.example"), Match::Unmatched, Match::Unmatched),
        (Some("https://issuer.example:8443"), Match::Unmatched, Match::Unmatched),
        (Some("https://issuer.example@evil.example"), Match::Unmatched, Match::Unmatched),
        (Some("https://issuer.example.evil.example"), Match::Unmatched, Match::Unmatched),
        (Some("https://evil.example/issuer.example"), Match::Unmatched, Match::Unmatched),
        (Some("https://a.wild.example"), Match::Unmatched, Match::Unmatched),
        (Some("https://*.wild.example"), Match::Unmatched, Match::Unmatched),
        (Some("https://"), Match::Unmatched, Match::Unmatched),
        (Some(""), Match::Unmatched, Match::Unmatched),
        (None, Match::NotStated, Match::NotStated),
    ] {
        assert_eq!(match_issuer(issuer, &both, IssuerNames::Uri), by_uri, "{issuer:?}");
        assert_eq!(match_issuer(issuer, &both, IssuerNames::UriOrDns), by_either, "{issuer:?}");
    }
    let hosts_only = named(&[], &["issuer.example"]);
    assert_eq!(match_issuer(Some("https://issuer.example"), &hosts_only, IssuerNames::Uri), Match::NotStated);
    assert_eq!(match_issuer(Some("https://issuer.example"), &hosts_only, IssuerNames::UriOrDns), Match::Matched);
    let nothing = named(&[], &[]);
    assert_eq!(match_issuer(Some("https://issuer.example"), &nothing, IssuerNames::UriOrDns), Match::NotStated);
}

#[test]
fn a_country_signs_for_itself() {
    // X5C-20.
    let german = leaf(|_| ());
    assert_eq!(german.country.as_deref(), Some("DE"));
    assert_eq!(match_country(Some("DE"), &german), Match::Matched);
    assert_eq!(match_country(Some("de"), &german), Match::Matched);
    assert_eq!(match_country(Some("FR"), &german), Match::Unmatched);
    assert_eq!(match_country(Some(""), &german), Match::Unmatched);
    assert_eq!(match_country(None, &german), Match::NotStated);
    let stateless = leaf(|params| {
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Aussteller");
    });
    assert_eq!(match_country(Some("DE"), &stateless), Match::NotStated);
}
