//! The list of lists: its pointers, and how its signers change.

use super::{FORGER, NOW, OFFICE, PROVIDER, certificate, read_here};
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust_list::trusted_list::pivot::{
    self, LIST_OF_LISTS, NATIONAL_LIST, Pivot, announced_pivots, follow_pivots,
};
use pruefstein::domain::x509::Certificate;
use pruefstein::simulator::authority::SigningIdentity;
use pruefstein::simulator::xml_list::{XmlList, XmlPointer, signer};

const FORGED: Option<Code> = Some(Code::TrustListSignatureInvalid);
const DAY: i64 = 86_400;
const OJ: &str = "https://eur-lex.example/legal-content/oj";

fn address(number: u64) -> String {
    format!("https://lists.example/eu-lotl-pivot-{number}.xml")
}

/// Pivots 10, 20 and 30, each signed by the signer before and naming the next; and the signers, four of them.
fn chain() -> (Vec<SigningIdentity>, Vec<(String, String)>) {
    // The first ones have ended by now: their certificates are 335 days valid.
    let signers: Vec<SigningIdentity> = (0..4_i64)
        .map(|number| signer([9; 32], &format!("Kommission {number}"), NOW.minus((4 - number) * 200 * DAY)).unwrap())
        .collect();
    let pivots = [(0_usize, 4_i64), (1, 3), (2, 2)]
        .into_iter()
        .map(|(place, ago)| {
            let number = 10 * (place as u64 + 1);
            let issued = NOW.minus(ago * 200 * DAY);
            let mut list = XmlList::of_lists(&[&signers[place + 1]], issued.plus(3600));
            list.sequence = number;
            list.addresses = (1..=place as u64 + 1).rev().map(|earlier| address(10 * earlier)).collect();
            list.addresses.push(OJ.to_owned());
            (address(number), list.signed(&signers[place]).unwrap())
        })
        .collect();
    (signers, pivots)
}

fn follow(pinned: &SigningIdentity, pivots: &[(String, String)]) -> Result<Vec<Certificate>, Code> {
    let pivots: Vec<Pivot<'_>> =
        pivots.iter().map(|(location, document)| Pivot { location, document: document.as_bytes() }).collect();
    follow_pivots(&[certificate(pinned)], &pivots, NOW).map_err(|reason| reason.code)
}

fn ders(signers: &[Certificate]) -> Vec<&[u8]> {
    signers.iter().map(|signer| signer.der.as_ref()).collect()
}

#[test]
fn pivots_lead_to_the_new_signers() {
    // case TRU-016, TL-04.
    let (signers, pivots) = chain();
    for length in 0..=3 {
        let after = follow(&signers[0], &pivots[..length]).unwrap();
        assert_eq!(ders(&after), [signers[length].chain[0].as_slice()], "{length}");
    }
    let announced = announced_pivots(pivots[2].1.as_bytes()).unwrap();
    assert_eq!(announced, [address(10), address(20), address(30)], "oldest first, and nothing but pivots");
}

#[test]
fn a_gap_is_refused() {
    // case TRU-016: each missing pivot, a wrong order, a repetition.
    let (signers, pivots) = chain();
    let pick = |places: &[usize]| places.iter().map(|place| pivots[*place].clone()).collect::<Vec<_>>();
    for places in [&[1][..], &[2], &[0, 2], &[1, 2], &[1, 0, 2], &[0, 0], &[0, 1, 1], &[0, 2, 1]] {
        assert_eq!(follow(&signers[0], &pick(places)).err(), FORGED, "{places:?}");
    }
    // A pivot that keeps its signer can be left out without breaking a signature, so the announcements decide.
    let same = |number: u64, announced: &[u64]| {
        let mut list = XmlList::of_lists(&[&OFFICE], NOW);
        list.sequence = number;
        list.addresses = announced.iter().map(|number| address(*number)).collect();
        (address(number), list.signed(&OFFICE).unwrap())
    };
    assert!(follow(&OFFICE, &[same(10, &[]), same(20, &[10]), same(30, &[30, 20, 10])]).is_ok());
    assert_eq!(follow(&OFFICE, &[same(10, &[]), same(30, &[30, 20, 10])]).err(), FORGED);
    assert_eq!(follow(&OFFICE, &[same(20, &[10])]).err(), FORGED);
    assert_eq!(follow(&OFFICE, &[same(10, &[]), same(20, &[])]).err(), FORGED);
    // Numbers go up, whatever is announced.
    assert_eq!(follow(&OFFICE, &[same(20, &[]), same(10, &[20])]).err(), FORGED);
}

#[test]
fn a_forged_pivot_is_refused_and_changes_nothing() {
    // case TRU-016.
    let (signers, pivots) = chain();
    let forged = |place: usize, document: String| {
        let mut changed = pivots.clone();
        changed[place].1 = document;
        follow(&signers[0], &changed)
    };
    for (place, (_, document)) in pivots.iter().enumerate() {
        // Signed by a forger; with the forger as the new signer; one byte changed.
        let mut list = XmlList::of_lists(&[&FORGER], NOW.minus(3 * DAY));
        list.sequence = 10 * (place as u64 + 1);
        assert_eq!(forged(place, list.signed(&FORGER).unwrap()).err(), FORGED);
        let swapped = document.replace(&signers[place + 1].x5c()[0], &FORGER.x5c()[0]);
        assert_ne!(&swapped, document);
        assert_eq!(forged(place, swapped).err(), FORGED);
    }
    let pinned = [certificate(&signers[0])];
    let (location, document) = (&pivots[1].0, pivots[1].1.as_bytes());
    assert!(follow_pivots(&pinned, &[Pivot { location, document }], NOW).is_err());
    assert_eq!(ders(&pinned), [signers[0].chain[0].as_slice()]);
}

#[test]
fn a_pivot_is_a_list_of_lists_and_names_its_signers() {
    // case TRU-016: another type, no pointer to itself, a pointer of another kind, one from the future.
    let pivot = |change: &dyn Fn(&mut XmlList), now: UnixSeconds| {
        let mut list = XmlList::of_lists(&[&OFFICE], now);
        list.addresses = vec![OJ.to_owned()];
        change(&mut list);
        follow(&OFFICE, &[(address(7), list.signed(&OFFICE).unwrap())]).err()
    };
    assert_eq!(pivot(&|_| (), NOW), None);
    assert_eq!(pivot(&|list| list.list_type = NATIONAL_LIST.to_owned(), NOW), Some(Code::TrustListMalformed));
    assert_eq!(pivot(&|list| list.pointers.clear(), NOW), Some(Code::TrustListSignatureInvalid));
    assert_eq!(pivot(&|list| list.pointers[0].signers.clear(), NOW), Some(Code::TrustListSignatureInvalid));
    let people = |list: &mut XmlList| list.pointers[0].media_type = "application/pdf".to_owned();
    assert_eq!(pivot(&people, NOW), Some(Code::TrustListSignatureInvalid));
    assert_eq!(pivot(&|_| (), NOW.plus(2 * 3600)), Some(Code::TrustListMalformed));
    // The signer must have been valid when the pivot was issued.
    assert_eq!(pivot(&|_| (), NOW.minus(60 * DAY)), Some(Code::TrustListSignatureInvalid));
}

#[test]
fn pointers_are_picked_by_exact_type_and_media_type() {
    // TL-20, case TRU-013.
    let mut list = XmlList::of_lists(&[&OFFICE], NOW);
    let national = |territory: &str, list_type: &str, media_type: &str| XmlPointer {
        location: format!("https://lists.example/{territory}.xml"),
        list_type: list_type.to_owned(),
        territory: territory.to_owned(),
        media_type: media_type.to_owned(),
        signers: vec![PROVIDER.chain[0].clone(), FORGER.chain[0].clone()],
    };
    list.pointers.extend([
        national("DE", NATIONAL_LIST, pivot::MEDIA_TYPE),
        national("FR", NATIONAL_LIST, "application/pdf"),
        national("AT", "http://uri.etsi.org/TrstSvc/TrustedList/TSLType/eugeneric", pivot::MEDIA_TYPE),
        national("IT", &format!("{NATIONAL_LIST}</TSLType><TSLType>{LIST_OF_LISTS}"), pivot::MEDIA_TYPE),
    ]);
    let read = read_here(list.signed(&OFFICE).unwrap()).unwrap();
    assert_eq!(read.pointers.len(), 5);
    let picked: Vec<_> = pivot::pointers(&read, NATIONAL_LIST).collect();
    let [only] = picked.as_slice() else { panic!("{picked:?}") };
    assert_eq!((only.territory.as_deref(), only.location.as_str()), (Some("DE"), "https://lists.example/DE.xml"));
    assert_eq!(ders(&only.signers), [PROVIDER.chain[0].as_slice(), FORGER.chain[0].as_slice()]);
    assert_eq!(pivot::pointers(&read, LIST_OF_LISTS).count(), 1);
}

#[test]
fn announcements_of_hostile_documents_are_bounded() {
    // case TRU-007: this is read before anything is verified.
    assert_eq!(announced_pivots(b"<!DOCTYPE x><x/>").unwrap_err().code, Code::TrustListMalformed);
    assert_eq!(announced_pivots(b"{}").unwrap_err().code, Code::TrustListMalformed);
    let many = |count: u64| {
        let mut list = XmlList::of_lists(&[&OFFICE], NOW);
        list.addresses = (0..count).map(address).chain([OJ.to_owned(), address(0)]).collect();
        announced_pivots(list.text().as_bytes()).map(|pivots| pivots.len()).map_err(|reason| reason.code)
    };
    assert_eq!(many(64), Ok(64));
    assert_eq!(many(65), Err(Code::TrustListTooLarge));
    assert_eq!(many(150_000), Err(Code::TrustListTooLarge));
    let deep = "<a>".repeat(100_000);
    assert_eq!(announced_pivots(deep.as_bytes()).unwrap_err().code, Code::TrustListTooLarge);
}
