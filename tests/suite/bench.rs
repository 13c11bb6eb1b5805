//! The benchmark of large trust lists, with a small one: what it measures is what it says.

#[path = "../bench/trust_lists.rs"]
mod trust_lists;

use pruefstein::domain::limits;
use std::sync::Arc;
use trust_lists::{BigList, figures};

#[test]
fn the_list_of_the_benchmark_is_good_and_whole() {
    let big = BigList::new(40);
    let list = Arc::new(big.load().unwrap());
    assert_eq!((list.services.len(), list.skipped.len()), (80, 0));
    let trust = big.compose(&list);
    let source = &trust.sources()[0];
    assert_eq!((source.anchors.len(), source.status_anchors.len()), (40, 40));
    // A list of ten thousand such entities is within the limit.
    assert!(big.document.len() / 40 * 10_000 < limits::TRUST_LIST_BYTES, "{} bytes for 40", big.document.len());
}

#[test]
fn its_figures_are_told() {
    let mut units = 0;
    let lines = figures(8, 2, &mut || units += 1);
    assert_eq!((lines.len(), units), (3, 200), "{lines:?}");
    assert!(lines[0].starts_with("load a signed list of 8 entities") && lines[0].contains(" ms"), "{lines:?}");
    assert!(lines[1].contains("(16 certificates)"), "{lines:?}");
}
