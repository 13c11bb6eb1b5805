//! PRI-003, PRI-013, OVP-META-15: what is erased is gone from every byte of every file.

use super::{open, options};
use pruefstein::adapters::store::conformance::{DURING, KEEP, Store, TTL, insert, sample};
use pruefstein::adapters::store::sqlite::{Options, SqliteStore};
use pruefstein::app::ports::{Replaced, Swept};
use pruefstein::domain::encoding::base64;
use pruefstein::domain::transaction::{Accepted, ResponseCodeHash, Returned, SecretScalar, Transaction};
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Every canary is this and six digits.
const CANARY: &str = "CANARY-";

/// The numbers of all canaries in the files of a folder.
fn canaries(folder: &Path) -> HashSet<u64> {
    let mut found = HashSet::new();
    for file in fs::read_dir(folder).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        for window in bytes.windows(CANARY.len() + 6).filter(|window| window.starts_with(CANARY.as_bytes())) {
            // One that runs from page to page is not whole; the row has others that are.
            let digits: Option<u64> =
                std::str::from_utf8(&window[CANARY.len()..]).ok().and_then(|digits| digits.parse().ok());
            found.extend(digits);
        }
    }
    found
}

/// A result that carries its canary all over its length, also in what becomes the first and the last bytes of the row.
fn result(number: u64, length: usize) -> Accepted {
    let canary = format!("{CANARY}{number:06}");
    Accepted { result: canary.repeat(length / canary.len() + 1), report: canary }
}

async fn verified(store: &Store, number: u64, length: usize, delete_after_read: bool) -> Transaction {
    let mut new = sample(number);
    new.result_policy.delete_after_read = delete_after_read;
    let open = insert(store, new).await;
    let fetched = open.clone().fetch(DURING).unwrap();
    assert_eq!(store.replace(&open, fetched.clone()).await.unwrap(), Replaced::Done);
    let verified = fetched.clone().verify(DURING, result(number, length), ResponseCodeHash::new([1; 32])).unwrap();
    assert_eq!(store.replace(&fetched, verified.clone()).await.unwrap(), Replaced::Done);
    verified
}

/// Results of all sizes, written in an order and erased in another, so that the tree splits, merges and moves.
async fn churn(store: &Store, folder: &Path, erase: impl AsyncFn(&Store, &Transaction)) {
    let mut random: u64 = 7;
    let mut draw = move |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(random >> 33).unwrap() % below
    };
    let sizes = [20, 300, 900, 2_000, 3_900, 4_100, 9_000, 40_000];
    let mut live: Vec<(u64, Transaction)> = Vec::new();
    let mut number = 0;
    for _ in 0..12 {
        for _ in 0..40 {
            live.push((number, verified(store, number, sizes[draw(sizes.len())], false).await));
            number += 1;
        }
        for _ in 0..30 {
            let (_, gone) = live.swap_remove(draw(live.len()));
            erase(store, &gone).await;
        }
        store.expire_and_erase(DURING, 1_000).await.unwrap();
        let expected: HashSet<u64> = live.iter().map(|(number, _)| *number).collect();
        let found = canaries(folder);
        assert_eq!(found.difference(&expected).collect::<Vec<_>>(), Vec::<&u64>::new(), "erased, yet there");
        assert_eq!(expected.difference(&found).count(), 0, "the search finds what is there");
    }
}

#[tokio::test]
async fn erased_results_are_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let store: Store = Arc::new(open(&folder.path().join("store.db")));
    churn(&store, folder.path(), async |store, gone| {
        assert_eq!(store.replace(gone, gone.clone().erase()).await.unwrap(), Replaced::Done);
    })
    .await;
    let swept = store.expire_and_erase(DURING.plus(TTL.into()), 1_000).await.unwrap();
    assert_eq!((swept.erased, swept.removed), (120, 0));
    assert_eq!(canaries(folder.path()), HashSet::new());
}

#[tokio::test]
async fn removed_rows_are_in_no_file() {
    // Rows go at once and whole: no time to erase them first.
    let folder = tempfile::tempdir().unwrap();
    let options = Options { keep_ended_seconds: 0, ..options() };
    let store: Store = Arc::new(SqliteStore::open(&folder.path().join("store.db"), &options).unwrap());
    churn(&store, folder.path(), async |store, gone| {
        assert_eq!(store.replace(gone, gone.clone().erase()).await.unwrap(), Replaced::Done);
    })
    .await;
    let late = DURING.plus(TTL.into()).plus(KEEP);
    while store.expire_and_erase(late, 50).await.unwrap() != Swept::default() {}
    assert_eq!(canaries(folder.path()), HashSet::new());
}

#[tokio::test]
async fn read_once_and_deleted_results_go_within_seconds() {
    // P2 without any sweep: the log is emptied by itself.
    let folder = tempfile::tempdir().unwrap();
    let store: Store = Arc::new(open(&folder.path().join("store.db")));
    let (once, deleted) = (verified(&store, 1, 500, true).await, verified(&store, 2, 500, false).await);
    let kept = verified(&store, 3, 500, false).await;
    let (next, reading) = once.clone().read(DURING, Returned::default());
    assert_eq!(store.replace(&once, next).await.unwrap(), Replaced::Done);
    assert!(reading.unwrap().outcome.is_some());
    assert_eq!(store.replace(&deleted, deleted.clone().erase()).await.unwrap(), Replaced::Done);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(canaries(folder.path()), HashSet::from([3]));
    drop(kept);
}

#[tokio::test]
async fn keys_of_ended_transactions_are_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let store: Store = Arc::new(open(&folder.path().join("store.db")));
    let key = |number: u64| {
        let mut bytes = [0xa5; 32];
        for (byte, digit) in bytes.iter_mut().zip(number.to_be_bytes()) {
            *byte = digit;
        }
        bytes
    };
    let in_files = |number: u64| {
        let text = base64::encode_url(&key(number)).into_bytes();
        fs::read_dir(folder.path()).unwrap().any(|file| {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            [text.as_slice(), &key(number)].iter().any(|key| bytes.windows(key.len()).any(|window| window == *key))
        })
    };
    let mut all = Vec::new();
    for number in 0..60 {
        let mut new = sample(number);
        new.request.encryption_key = Some(SecretScalar::new(key(number)));
        all.push(insert(&store, new).await);
    }
    for (number, one) in (0_u64..).zip(&all) {
        if number % 3 != 0 {
            assert_eq!(store.replace(one, one.clone().cancel(DURING).unwrap()).await.unwrap(), Replaced::Done);
        }
    }
    store.expire_and_erase(DURING, 1).await.unwrap();
    for number in 0..60 {
        assert_eq!(in_files(number), number % 3 == 0, "{number}");
    }
}

#[tokio::test]
async fn nothing_worth_erasing_lies_in_the_tree() {
    // The reason why the rest holds: tree pages may keep copies of what was moved, so nothing of worth may be there.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store: Store = Arc::new(open(&path));
    for number in 0..200 {
        verified(&store, number, [20, 900, 3_300, 4_100, 9_000][usize::try_from(number % 5).unwrap()], false).await;
    }
    store.close().await.unwrap();
    let bytes = fs::read(&path).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let mut statement = connection.prepare("SELECT pageno, pagetype FROM dbstat").unwrap();
    let pages = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
    let (mut tree, mut overflow) = (0, 0);
    for page in pages.unwrap() {
        let (number, kind) = page.unwrap();
        let number = usize::try_from(number).unwrap();
        let page = bytes.get((number - 1) * 4_096..number * 4_096).unwrap();
        let speaks = [CANARY.as_bytes(), b"client_id", b"nonce"]
            .iter()
            .any(|word| page.windows(word.len()).any(|window| window == *word));
        if kind == "overflow" {
            overflow += usize::from(speaks);
        } else {
            tree += 1;
            assert!(!speaks, "page {number} of the tree");
        }
    }
    assert!(tree > 20 && overflow >= 200, "{tree} {overflow}");
}
