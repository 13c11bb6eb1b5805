//! Properties of the reader: a changed list is refused, and no bytes make it panic.

use super::{read, writer};
use proptest::prelude::*;
use pruefstein::simulator::trust_list::{ListDraft, ListOf};
use std::sync::LazyLock;

/// A list of one entity.
static SHORT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut draft: ListDraft = writer().draft(ListOf::Pid);
    draft.entities.truncate(1);
    writer().write(&draft).unwrap().into_bytes()
});

#[test]
fn one_flipped_bit_refuses_a_list() {
    // TL-05.
    let good = &*SHORT;
    assert!(read(good).is_ok());
    let dots: Vec<usize> = (0..good.len()).filter(|place| good[*place] == b'.').collect();
    let mut count = 0;
    for place in 0..good.len() {
        // All bits of header and signature, one of each character of the long payload.
        let in_payload = place > dots[0] && place < dots[1];
        for bit in (0..8).filter(|bit| !in_payload || *bit == place % 8) {
            let mut flipped = good.clone();
            flipped[place] ^= 1 << bit;
            assert!(read(&flipped).is_err(), "accepted with bit {bit} of byte {place} flipped");
            count += 1;
        }
    }
    eprintln!("{count} changed lists, all refused");
    assert!(count > 5_000, "{count}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes_refuse_a_list(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut document = SHORT.clone();
        for (place, byte) in changes {
            let place = place.index(document.len());
            document[place] = byte;
        }
        if let Some(cut) = cut {
            document.truncate(cut.index(document.len()));
        }
        prop_assert_eq!(read(&document).is_ok(), document == *SHORT);
    }

    #[test]
    fn any_payload_under_a_good_signature_ends_in_a_verdict(text in "[\\[\\]{}\",:0-9a-zA-Z\\\\ ]{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        prop_assert!(read(writer().sign_text(text.into_bytes()).unwrap()).is_err());
        prop_assert!(read(writer().sign_text(bytes).unwrap()).is_err());
    }

    #[test]
    fn any_value_in_any_place_of_a_signed_list_ends_in_a_verdict(place in any::<prop::sample::Index>(), value in 0_usize..9) {
        let mut draft = writer().draft(ListOf::PublicBodies);
        draft.entities.truncate(1);
        let text = writer().payload(&draft).to_string();
        // In the place of one string, number or array.
        let starts: Vec<usize> = text.match_indices(':').map(|(place, _)| place + 1).collect();
        let start = starts[place.index(starts.len())];
        let value = ["null", "true", "0", "-1", "1e400", "\"\"", "[]", "{}", "[{\"val\":[]}]"][value];
        let changed = format!("{}{value},\"rest\":{}", &text[..start], &text[start..]);
        // Accepted or not: it must not stop, and what is accepted has a next update in the future.
        if let Ok(list) = read(writer().sign_text(changed.into_bytes()).unwrap()) {
            prop_assert!(list.next_update > super::NOW);
        }
    }
}
