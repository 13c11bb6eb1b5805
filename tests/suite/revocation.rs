//! Revocation lists of CAs: which ones count, and what becomes of a chain that they do not cover.

use crate::fixture::{NOW, Root, params, root, root_params};
use pruefstein::domain::limits;
use pruefstein::domain::reason::{Code, Reason};
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::x509::Certificate;
use pruefstein::domain::x509::chain::{self, Anchor, AnchorInChain, ChainRules, ValidatedChain};
use pruefstein::domain::x509::revocation::{Depth, RevocationCheck, RevocationList, RevocationLists};
use rcgen::{
    CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope,
    CustomExtension, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use std::slice::from_ref;

const DAY: i64 = 86_400;

/// A root, an intermediate and a leaf, and the keys that sign lists.
struct Stage {
    root: Root,
    middle: (CertificateParams, KeyPair),
    anchor: Anchor,
    chain: Vec<Vec<u8>>,
}

impl Stage {
    fn new() -> Self {
        Self::with(|_| (), |_| ())
    }

    fn with(middle: impl FnOnce(&mut CertificateParams), leaf: impl FnOnce(&mut CertificateParams)) -> Self {
        let root = root("Wurzel");
        let mut middle_params = root_params("Zwischenstelle");
        middle_params.serial_number = Some(SerialNumber::from(21));
        middle(&mut middle_params);
        let middle_key = KeyPair::generate().unwrap();
        let middle_der = middle_params.signed_by(&middle_key, &root).unwrap().der().to_vec();
        let mut leaf_params = params("Aussteller");
        leaf_params.serial_number = Some(SerialNumber::from(22));
        leaf(&mut leaf_params);
        let issuer = Issuer::from_params(&middle_params, &middle_key);
        let leaf_der = leaf_params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec();
        let anchor = Anchor::new(Certificate::read(root.der()).unwrap()).unwrap();
        Self { root, middle: (middle_params, middle_key), anchor, chain: vec![leaf_der, middle_der] }
    }

    fn validated(&self) -> ValidatedChain {
        let rules = ChainRules { anchor_in_chain: AnchorInChain::Refuse, extended_key_usage: None };
        chain::validate(&self.chain, &[&self.anchor], rules, NOW).unwrap()
    }

    /// A list of the intermediate, which issued the leaf.
    fn of_middle(&self, change: impl FnOnce(&mut CertificateRevocationListParams)) -> Vec<u8> {
        signed(&Issuer::from_params(&self.middle.0, &self.middle.1), change)
    }

    fn of_root(&self, change: impl FnOnce(&mut CertificateRevocationListParams)) -> Vec<u8> {
        signed(&self.root, change)
    }

    fn judge(&self, ders: &[Vec<u8>], depth: Depth) -> Result<ValidatedChain, Reason> {
        self.judge_at(ders, depth, NOW)
    }

    fn judge_at(&self, ders: &[Vec<u8>], depth: Depth, now: UnixSeconds) -> Result<ValidatedChain, Reason> {
        let lists = lists(ders);
        self.validated().check_revocation(&[&self.anchor], RevocationCheck::Required { lists: &lists, depth }, now)
    }
}

fn lists(ders: &[Vec<u8>]) -> RevocationLists {
    RevocationLists::new(ders.iter().map(|der| RevocationList::read(der).unwrap()).collect()).unwrap()
}

/// A list for the week around [`NOW`] (2027-01-15), with nothing on it.
fn signed(
    issuer: &Issuer<'_, impl rcgen::SigningKey>,
    change: impl FnOnce(&mut CertificateRevocationListParams),
) -> Vec<u8> {
    let mut params = CertificateRevocationListParams {
        this_update: date_time_ymd(2027, 1, 14),
        next_update: date_time_ymd(2027, 1, 21),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    change(&mut params);
    params.signed_by(issuer).unwrap().der().to_vec()
}

fn revoke(serial: u64) -> impl FnOnce(&mut CertificateRevocationListParams) {
    move |params| {
        params.revoked_certs.push(RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2027, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
    }
}

fn point(uri: &str, scope: Option<CrlScope>) -> CrlIssuingDistributionPoint {
    CrlIssuingDistributionPoint { distribution_point: CrlDistributionPoint { uris: vec![uri.to_owned()] }, scope }
}

fn refused(result: Result<ValidatedChain, Reason>, detail: &str) {
    let reason = result.expect_err(detail);
    assert_eq!((reason.code, &*reason.detail), (Code::X5cRevoked, detail));
}

const REVOKED: &str = "a certificate of the chain is revoked";
const NOT_COVERED: &str = "no revocation list in force covers a certificate of the chain";
const NONE_IN_FORCE: &str = "no revocation list is in force";

#[test]
fn a_chain_on_no_list_is_good_while_the_lists_count() {
    // X5C-11.
    let stage = Stage::new();
    let both = [stage.of_middle(revoke(99)), stage.of_root(|list| list.next_update = date_time_ymd(2027, 1, 18))];
    let before = stage.validated();
    let chain = stage.judge(&both, Depth::WholeChain).unwrap();
    // 2027-01-18T00:00:00Z is the first second at which the list of the root does not count.
    assert_eq!(chain.valid_until, UnixSeconds(1_800_230_400 - 1));
    assert_eq!(chain.valid_from, before.valid_from);
    let leaf_only = stage.judge(&both[..1], Depth::Leaf).unwrap();
    assert_eq!(leaf_only.valid_until, UnixSeconds(1_800_489_600 - 1));
    // With nothing configured nothing is looked at, and nothing changes.
    let untouched = stage.validated().check_revocation(&[&stage.anchor], RevocationCheck::NotConfigured, NOW).unwrap();
    assert_eq!((untouched.valid_until, untouched.anchors), (before.valid_until, before.anchors));
    let read = lists(&both);
    assert_eq!(read.lists().iter().map(|list| list.entries).collect::<Vec<_>>().iter().sum::<usize>(), 1);
    assert_ne!(read.digest(), lists(&both[..1]).digest());
}

#[test]
fn a_revoked_certificate_refuses_the_chain() {
    // X5C-11.
    let stage = Stage::new();
    let (clean, clean_root) = (stage.of_middle(|_| ()), stage.of_root(|_| ()));
    assert!(stage.judge(&[clean.clone(), clean_root.clone()], Depth::WholeChain).is_ok());
    refused(stage.judge(&[stage.of_middle(revoke(22))], Depth::Leaf), REVOKED);
    refused(stage.judge(&[stage.of_middle(revoke(22)), clean_root.clone()], Depth::WholeChain), REVOKED);
    refused(stage.judge(&[clean.clone(), stage.of_root(revoke(21))], Depth::WholeChain), REVOKED);
    // A number is one of its issuer: the same number on the list of another CA means another certificate.
    assert!(stage.judge(&[clean.clone(), stage.of_root(revoke(22))], Depth::WholeChain).is_ok());
    assert!(stage.judge(&[clean, stage.of_root(revoke(21))], Depth::Leaf).is_ok(), "the leaf alone is asked for");
}

#[test]
fn what_is_not_known_is_a_refusal() {
    // Case X5C-025, X5C-11.
    let stage = Stage::new();
    let (clean, clean_root) = (stage.of_middle(|_| ()), stage.of_root(|_| ()));
    refused(stage.judge(&[], Depth::Leaf), NONE_IN_FORCE);
    refused(stage.judge(from_ref(&clean_root), Depth::Leaf), NOT_COVERED);
    refused(stage.judge(from_ref(&clean), Depth::WholeChain), NOT_COVERED);
    // Too old to the second, and not yet issued.
    let ends = UnixSeconds(1_800_489_600);
    assert!(stage.judge_at(from_ref(&clean), Depth::Leaf, ends.minus(1)).is_ok());
    refused(stage.judge_at(from_ref(&clean), Depth::Leaf, ends), NONE_IN_FORCE);
    let begins = UnixSeconds(1_799_884_800);
    assert!(stage.judge_at(from_ref(&clean), Depth::Leaf, begins).is_ok());
    refused(stage.judge_at(&[clean], Depth::Leaf, begins.minus(1)), NONE_IN_FORCE);
    // A list in the issuer's name that the issuer did not sign.
    let forged = signed(&Issuer::from_params(&stage.middle.0, KeyPair::generate().unwrap()), |_| ());
    refused(stage.judge(&[forged], Depth::Leaf), "the revocation list is not signed by the issuer of the certificate");
    // A leaf that is trusted as it is has no issuer here.
    let pinned = Certificate::read(&stage.chain[0]).unwrap();
    let alone = chain::validate_pinned(&stage.chain[..1], &[pinned], NOW).unwrap();
    let lists = lists(&[stage.of_middle(|_| ())]);
    let check = RevocationCheck::Required { lists: &lists, depth: Depth::Leaf };
    refused(
        alone.check_revocation(&[], check, NOW),
        "a certificate that is trusted as it is has no issuer whose list could count",
    );
}

#[test]
fn a_list_counts_for_its_distribution_point_only() {
    // Case X5C-025: RUSTSEC-2026-0049.
    let here = "http://crl.example/1";
    let stage = Stage::with(
        |_| (),
        |leaf| leaf.crl_distribution_points = vec![CrlDistributionPoint { uris: vec![here.to_owned()] }],
    );
    let at = |uri: &str, scope| stage.of_middle(|list| list.issuing_distribution_point = Some(point(uri, scope)));
    assert!(stage.judge(&[at(here, None)], Depth::Leaf).is_ok());
    assert!(stage.judge(&[at(here, Some(CrlScope::UserCertsOnly))], Depth::Leaf).is_ok());
    assert!(stage.judge(&[stage.of_middle(|_| ())], Depth::Leaf).is_ok(), "a list without a point is for all");
    refused(stage.judge(&[at("http://crl.example/2", None)], Depth::Leaf), NOT_COVERED);
    refused(stage.judge(&[at(here, Some(CrlScope::CaCertsOnly))], Depth::Leaf), NOT_COVERED);
    // The clean list of another point beside the right one, which has the leaf on it.
    let right = stage.of_middle(|list| {
        revoke(22)(list);
        list.issuing_distribution_point = Some(point(here, None));
    });
    for order in [[at("http://crl.example/2", None), right.clone()], [right, at("http://crl.example/2", None)]] {
        refused(stage.judge(&order, Depth::Leaf), REVOKED);
    }
}

#[test]
fn who_may_not_sign_lists_signs_none() {
    let stage = Stage::with(|middle| middle.key_usages = vec![KeyUsagePurpose::KeyCertSign], |_| ());
    let mut named = stage.middle.0.clone();
    named.key_usages = vec![KeyUsagePurpose::CrlSign];
    let list = signed(&Issuer::from_params(&named, &stage.middle.1), |_| ());
    refused(stage.judge(&[list], Depth::Leaf), "the issuer of the revocation list may not sign lists");
}

#[test]
fn an_older_list_takes_back_no_revocation() {
    let stage = Stage::new();
    let older = stage.of_middle(|list| {
        list.this_update = date_time_ymd(2027, 1, 10);
        list.next_update = date_time_ymd(2027, 12, 31);
    });
    let newer = stage.of_middle(revoke(22));
    assert!(stage.judge(from_ref(&older), Depth::Leaf).is_ok());
    for order in [[older.clone(), newer.clone()], [newer, older]] {
        refused(stage.judge(&order, Depth::Leaf), REVOKED);
        // Even when the newer one has ended.
        refused(stage.judge_at(&order, Depth::Leaf, NOW.plus(30 * DAY)), NONE_IN_FORCE);
        assert_eq!(lists(&order).lists().len(), 1);
    }
}

/// DER: one element.
fn tlv(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let length = match content.len() {
        short @ 0..=127 => vec![u8::try_from(short).unwrap()],
        long @ 128..=255 => vec![0x81, u8::try_from(long).unwrap()],
        long => [&[0x82][..], &u16::try_from(long).unwrap().to_be_bytes()].concat(),
    };
    [&[tag][..], &length, &content].concat()
}

/// A list by hand, with one more extension. Its signature is of no use; it is read before anybody looks at that.
fn by_hand(version: &[u8], next_update: &[u8], extensions: &[u8]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[&tlv(6, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]])]);
    let name = tlv(0x30, &[&tlv(0x31, &[&tlv(0x30, &[&tlv(6, &[&[0x55, 4, 3]]), &tlv(0x0c, &[b"CA"])])])]);
    let number = tlv(0x30, &[&tlv(6, &[&[0x55, 0x1d, 0x14]]), &tlv(4, &[&tlv(2, &[&[1]])])]);
    let extensions = tlv(0xa0, &[&tlv(0x30, &[&number, extensions])]);
    let this_update = tlv(0x17, &[b"270114000000Z"]);
    let body = tlv(0x30, &[version, &algorithm, &name, &this_update, next_update, &extensions]);
    tlv(0x30, &[&body, &algorithm, &tlv(3, &[&[0], &[0x30, 6, 2, 1, 1, 2, 1, 1]])])
}

fn extension(last_arc: u8, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { tlv(1, &[&[0xff]]) } else { Vec::new() };
    tlv(0x30, &[&tlv(6, &[&[0x55, 0x1d, last_arc]]), &critical, &tlv(4, &[value])])
}

#[test]
fn lists_that_cannot_be_read_are_malformed() {
    // Case X5C-024: RUSTSEC-2026-0104, an empty BIT STRING in the reasons of a distribution point.
    let version = tlv(2, &[&[1]]);
    let next = tlv(0x17, &[b"270121000000Z"]);
    let code = |der: &[u8]| RevocationList::read(der).map(|_| ()).map_err(|reason| reason.code);
    assert_eq!(code(&by_hand(&version, &next, &[])), Ok(()), "the same list, whole");
    let issuing_point = |content: &[&[u8]]| by_hand(&version, &next, &extension(28, true, &tlv(0x30, content)));
    let named = tlv(0xa0, &[&tlv(0xa0, &[&tlv(0x86, &[b"http://crl.example/1"])])]);
    assert_eq!(code(&issuing_point(&[&named])), Ok(()));
    for (name, der) in [
        ("X5C-024, no bits at all", issuing_point(&[&named, &tlv(0x83, &[])])),
        ("X5C-024, no bits after the count", issuing_point(&[&named, &tlv(0x83, &[&[0]])])),
        ("X5C-024, a count without bits", issuing_point(&[&named, &tlv(0x83, &[&[7]])])),
        ("some reasons only", issuing_point(&[&named, &tlv(0x83, &[&[6, 0x40]])])),
        ("certificates of others", issuing_point(&[&named, &tlv(0x84, &[&[0xff]])])),
        ("attribute certificates", issuing_point(&[&named, &tlv(0x85, &[&[0xff]])])),
        ("an empty point", issuing_point(&[])),
        ("changes only", by_hand(&version, &next, &extension(27, true, &tlv(2, &[&[1]])))),
        ("an unknown critical extension", by_hand(&version, &next, &extension(99, true, &[5, 0]))),
        ("version 1", by_hand(&[], &next, &[])),
        ("no next update", by_hand(&version, &[], &[])),
        ("ends before it begins", by_hand(&version, &tlv(0x17, &[b"270113000000Z"]), &[])),
        ("ends when it begins", by_hand(&version, &tlv(0x17, &[b"270114000000Z"]), &[])),
        ("a byte after it", [by_hand(&version, &next, &[]), vec![0]].concat()),
        ("cut", by_hand(&version, &next, &[])[..60].to_vec()),
        ("nothing", Vec::new()),
    ] {
        assert_eq!(code(&der), Err(Code::X5cMalformed), "{name}");
    }
    // Whatever one byte is changed to, reading ends; a list that is still read keeps its shape.
    let whole = issuing_point(&[&named]);
    for place in 0..whole.len() {
        for bits in 1..=u8::MAX {
            let mut changed = whole.clone();
            changed[place] ^= bits;
            if let Ok(list) = RevocationList::read(&changed) {
                assert!(list.this_update < list.next_update && list.entries == 0, "byte {place}, bits {bits}");
            }
        }
    }
}

#[test]
fn an_empty_bit_string_in_a_certificate_is_no_panic_either() {
    // Case X5C-024, the other side: the reasons in the distribution point of the leaf.
    let full_name = tlv(0xa0, &[&tlv(0xa0, &[&tlv(0x86, &[b"http://crl.example/1"])])]);
    // A point whose reasons are none that can be read is no point that a list could be for.
    for reasons in [tlv(0x81, &[]), tlv(0x81, &[&[0]]), tlv(0x81, &[&[7]])] {
        let points = tlv(0x30, &[&tlv(0x30, &[&full_name, &reasons])]);
        let stage = Stage::with(
            |_| (),
            |leaf| leaf.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 31], points)],
        );
        let list = stage.of_middle(|list| {
            list.issuing_distribution_point = Some(point("http://crl.example/1", None));
        });
        let rules = ChainRules { anchor_in_chain: AnchorInChain::Refuse, extended_key_usage: None };
        let lists = lists(&[list]);
        let check = RevocationCheck::Required { lists: &lists, depth: Depth::Leaf };
        let judged = chain::validate(&stage.chain, &[&stage.anchor], rules, NOW)
            .and_then(|chain| chain.check_revocation(&[&stage.anchor], check, NOW));
        assert_eq!(judged.expect_err("not accepted").code, Code::X5cRevoked, "{reasons:02x?}");
    }
}

#[test]
fn size_and_count_are_bounded() {
    let code = |result: Result<(), Reason>| result.unwrap_err().code;
    let large = vec![0x30; limits::REVOCATION_LIST_BYTES + 1];
    assert_eq!(code(RevocationList::read(&large).map(|_| ())), Code::X5cTooLong);
    let stage = Stage::new();
    let of = |count: usize| {
        let der = stage.of_middle(|_| ());
        RevocationLists::new((0..count).map(|_| RevocationList::read(&der).unwrap()).collect()).map(|_| ())
    };
    assert_eq!(of(limits::REVOCATION_LISTS), Ok(()));
    assert_eq!(code(of(limits::REVOCATION_LISTS + 1)), Code::X5cTooLong);
}

#[test]
fn a_list_counts_for_a_leaf_with_critical_statements_too() {
    // X5C-06, X5C-11: 0.4.0.1862.1.1, the certificate is qualified.
    let stage = Stage::with(
        |_| (),
        |leaf| {
            let content = vec![0x30, 0x0a, 0x30, 0x08, 0x06, 0x06, 4, 0, 0x8e, 0x46, 1, 1];
            let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 3], content);
            extension.set_criticality(true);
            leaf.custom_extensions = vec![extension];
        },
    );
    let lists = |change: fn(&mut CertificateRevocationListParams)| vec![stage.of_middle(change), stage.of_root(|_| ())];
    assert!(stage.judge(&lists(|_| ()), Depth::WholeChain).is_ok());
    let revoked = stage.judge(&lists(|params| revoke(22)(params)), Depth::WholeChain);
    refused(revoked, "a certificate of the chain is revoked");
}
