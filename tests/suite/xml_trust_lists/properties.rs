//! What holds for every document.

use super::{OFFICE, list, read_here};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<String> = LazyLock::new(|| list().signed(&OFFICE).unwrap());

/// Everything that a reader gets, but for the digest of the bytes as received.
fn meaning(document: &[u8]) -> Option<String> {
    let mut list = read_here(document).ok()?;
    list.digest = [0; 32];
    let mut text = String::new();
    write!(text, "{list:?}").unwrap();
    Some(text)
}

static MEANING: LazyLock<String> = LazyLock::new(|| meaning(DOCUMENT.as_bytes()).unwrap());

#[test]
fn every_flipped_bit_is_refused_or_means_the_same() {
    // TRU-002, TRU-003: any byte, its lowest bit and the one that turns letters into others.
    let mut same = 0;
    for place in 0..DOCUMENT.len() {
        for bit in [0x01, 0x20] {
            let mut document = DOCUMENT.clone().into_bytes();
            document[place] ^= bit;
            if let Some(read) = meaning(&document) {
                assert_eq!(read, *MEANING, "byte {place}, bit {bit:#x}");
                same += 1;
            }
        }
    }
    // The encoding in upper or lower case, and the like: the rest is signed.
    assert!(same < 40, "{same} flips are accepted");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_pieces_are_refused_or_mean_the_same(
        place in 0..DOCUMENT.len(), length in 0_usize..40, piece in "[<>/&;!#?A-Za-z0-9 \"'=:\\[\\]-]{0,40}",
    ) {
        let mut document = DOCUMENT.clone().into_bytes();
        let end = (place + length).min(document.len());
        document.splice(place..end, piece.into_bytes());
        if let Some(read) = meaning(&document) {
            prop_assert_eq!(&read, &*MEANING);
        }
    }

    #[test]
    fn nothing_makes_the_reader_panic(document in "(<[a-z!?/ =\"'\\[\\]-]{0,12}>?|[ -~]|&[a-z#0-9]{0,4};){0,60}") {
        prop_assert!(read_here(document).is_err());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(document in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read_here(document).is_err());
    }
}
