//! STO-009: a damaged file is refused or the damage is in bytes that mean nothing; wrong data is never served.

use super::{ended, open, options};
use pruefstein::adapters::store::conformance::{DURING, Store, TTL, sample};
use pruefstein::adapters::store::sqlite::{OpenError, Options, SqliteStore};
use pruefstein::app::ports::{Replaced, StoreError, TransactionStore};
use pruefstein::domain::reason::Code;
use pruefstein::domain::transaction::{Accepted, ResponseCodeHash, Transaction};
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::Arc;

/// A repeatable sequence.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

/// Transactions in all states, some with results over several pages.
async fn fill(store: &Store, count: u64) -> Vec<Transaction> {
    let mut all = Vec::new();
    for number in 0..count {
        let mut one = ended(store, sample(number), number % 3).await;
        if number % 3 == 1 {
            let accepted = Accepted { result: format!("{number} ").repeat(1_500), report: "{}".to_owned() };
            let next = one.clone().verify(DURING, accepted, ResponseCodeHash::new([1; 32])).unwrap();
            assert_eq!(store.replace(&one, next.clone()).await.unwrap(), Replaced::Done);
            one = next;
        }
        all.push(one);
    }
    all
}

/// What a damaged store did.
#[derive(Debug, PartialEq)]
enum Verdict {
    Refused,
    /// Opened, and served nothing but what is right, or errors.
    Right,
}

/// Opens a damaged store and asks it for everything.
async fn examine(path: &Path, all: &[Transaction], what: &str) -> Verdict {
    let store = match SqliteStore::open(path, &Options { cache_bytes: 0, ..options() }) {
        Ok(store) => store,
        Err(error) => {
            let known = [Code::StorageCorrupt, Code::ConfigRefused, Code::StorageUnavailable];
            assert!(known.contains(&error.code()), "{what}: {error:?}");
            return Verdict::Refused;
        }
    };
    for one in all {
        let served = [
            store.by_id(one.tenant(), one.id()).await,
            store.by_handle(one.handle()).await,
            store.by_page(one.page()).await,
        ];
        for answer in served {
            match answer {
                Ok(answer) => assert_eq!(answer.as_ref(), Some(one), "{what}: wrong data"),
                Err(error) => assert_eq!(error.code(), Code::StorageCorrupt, "{what}"),
            }
        }
    }
    Verdict::Right
}

#[tokio::test]
async fn flipped_bits_in_a_closed_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store: Store = Arc::new(open(&path));
    let all = fill(&store, 45).await;
    store.close().await.unwrap();
    drop(store);
    let whole = fs::read(&path).unwrap();
    let mut draw = Draw(9);
    let damaged = folder.path().join("damaged.db");
    // The header and the first page's cells byte by byte, the rest at random.
    let places: Vec<usize> = (0..112).chain((0..500).map(|_| draw.below(whole.len()))).collect();
    let mut refused = 0;
    for at in &places {
        let mut bytes = whole.clone();
        bytes[*at] ^= 1 << draw.below(8);
        drop(fs::remove_file(folder.path().join("damaged.db.lock")));
        fs::write(&damaged, bytes).unwrap();
        refused += usize::from(examine(&damaged, &all, &format!("byte {at}")).await == Verdict::Refused);
    }
    // Most of the file is rows, and all of a row is checked, zeros included.
    assert!(refused * 100 > places.len() * 70, "{refused} of {} refused", places.len());
}

#[tokio::test]
async fn flipped_bits_in_what_a_crash_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store: Store = Arc::new(open(&path));
    let all = fill(&store, 30).await;
    let files = ["store.db", "store.db-wal", "store.db.lock"];
    let whole = files.map(|name| fs::read(folder.path().join(name)).unwrap());
    drop(store);
    assert!(whole[1].len() > 300_000, "everything is in the log");
    let mut draw = Draw(11);
    let image = folder.path().join("image");
    fs::create_dir(&image).unwrap();
    let mut refused = [0, 0, 0];
    for round in 0..400 {
        // The log's own header and first frame header byte by byte, its last frames, the lock file, the rest at random.
        let (which, at) = match round {
            0..56 => (1, round),
            56..72 => (2, round - 56),
            72..150 => (1, whole[1].len() - 1 - draw.below(3 * 4_120)),
            _ => (1, draw.below(whole[1].len())),
        };
        for (name, bytes) in files.iter().zip(&whole) {
            fs::write(image.join(name), bytes).unwrap();
        }
        let mut bytes = whole[which].clone();
        bytes[at] ^= 1 << draw.below(8);
        fs::write(image.join(files[which]), bytes).unwrap();
        let verdict = examine(&image.join("store.db"), &all, &format!("{} byte {at}", files[which])).await;
        refused[which] += usize::from(verdict == Verdict::Refused);
    }
    assert_eq!(refused[2], 16, "every bit of the mark counts");
    assert!(refused[1] > 300, "{refused:?}");
}

#[tokio::test]
async fn flipped_bits_under_an_open_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store: Store = Arc::new(open(&path));
    let all = fill(&store, 600).await;
    store.close().await.unwrap();
    drop(store);
    let store = SqliteStore::open(&path, &Options { cache_bytes: 0, ..options() }).unwrap();
    let file = fs::File::options().read(true).write(true).open(&path).unwrap();
    let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
    let mut draw = Draw(13);
    let mut byte = [0];
    for at in (4_096..length).step_by(3 * 4_096) {
        let at = u64::try_from(at + draw.below(4_096)).unwrap();
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    }
    let (mut right, mut corrupt) = (0, 0);
    for one in &all {
        match store.by_id(one.tenant(), one.id()).await {
            Ok(answer) => {
                assert_eq!(answer.as_ref(), Some(one), "wrong data");
                right += 1;
            }
            Err(error) => {
                assert_eq!(error.code(), Code::StorageCorrupt);
                corrupt += 1;
            }
        }
    }
    // 200 are open and in memory; of the others, which have one page or two, every third page is damaged.
    assert!(corrupt > 100 && right > 250, "{corrupt} {right}");
}

#[tokio::test]
async fn overdue_results_go_even_if_they_are_damaged() {
    // PRI-003 before STO-009: nobody can read them, but their bytes are there.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store: Store = Arc::new(open(&path));
    let all = fill(&store, 900).await;
    store.close().await.unwrap();
    drop(store);
    let overflow: Vec<u64> = {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let mut statement = connection.prepare("SELECT pgoffset FROM dbstat WHERE pagetype = 'overflow'").unwrap();
        let rows = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
        rows.map(|offset| u64::try_from(offset.unwrap()).unwrap()).collect()
    };
    let store: Store = Arc::new(SqliteStore::open(&path, &Options { cache_bytes: 0, ..options() }).unwrap());
    let file = fs::File::options().read(true).write(true).open(&path).unwrap();
    for page in overflow {
        file.write_all_at(b"x", page + 2_000).unwrap();
    }
    let with_result: Vec<_> = all.iter().filter(|one| one.has_outcome()).collect();
    for one in &with_result {
        assert_eq!(store.by_id(one.tenant(), one.id()).await.unwrap_err().code(), Code::StorageCorrupt);
    }
    let swept = store.expire_and_erase(DURING.plus(TTL.into()), 1_000).await.unwrap();
    // SQLite may still have sound pages in memory; what it has not is removed whole.
    assert_eq!((swept.expired, swept.erased + swept.removed), (300, with_result.len()));
    assert!(swept.removed > 50, "{swept:?}");
    let mut words = HashSet::new();
    for one in &with_result {
        assert!(store.by_id(one.tenant(), one.id()).await.unwrap().is_none_or(|erased| !erased.has_outcome()));
        let word = format!("{} ", one.reference().unwrap().trim_start_matches("A-")).repeat(20);
        words.insert(word.into_bytes());
    }
    let bytes = fs::read(&path).unwrap();
    let length = words.iter().map(Vec::len).min().unwrap();
    let starts: HashSet<&[u8]> = words.iter().map(|word| &word[..length]).collect();
    assert!(!bytes.windows(length).any(|window| starts.contains(window)));
}

#[tokio::test]
async fn rows_that_went_astray_are_refused() {
    // Damage by hand, with statements: each leaves a file that SQLite finds sound.
    let folder = tempfile::tempdir().unwrap();
    let whole = folder.path().join("whole.db");
    let store: Store = Arc::new(open(&whole));
    fill(&store, 9).await;
    store.close().await.unwrap();
    drop(store);
    let damages = [
        "DELETE FROM transactions WHERE seq = 4",
        "UPDATE transactions SET seq = 100, version = version + 1 WHERE seq = 4",
        "UPDATE transactions SET version = version + 1 WHERE seq = 4",
        "UPDATE transactions SET sum = sum + 1, version = version + 1 WHERE seq = 4",
        "INSERT INTO transactions SELECT 100, version, status, sum, value FROM transactions WHERE seq = 4;
         UPDATE meta SET transactions = transactions + 1",
        "INSERT INTO transactions SELECT 100, version, status, sum, value FROM transactions WHERE seq = 4;
         DELETE FROM transactions WHERE seq = 5",
        "INSERT INTO transactions VALUES (100, 1, 0, 0, x'00'); UPDATE meta SET transactions = transactions + 1",
        "DROP TRIGGER an_end_state_stays; UPDATE transactions SET status = 0, version = version + 1 WHERE status = 2",
        "UPDATE meta SET transactions = 8",
        "UPDATE meta SET commits = -1",
        "DELETE FROM meta",
        "DROP TABLE transactions",
    ];
    for damage in damages {
        let path = folder.path().join("damaged.db");
        drop(fs::remove_file(folder.path().join("damaged.db.lock")));
        fs::copy(&whole, &path).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute_batch(damage).unwrap();
        let refused = SqliteStore::open(&path, &options()).unwrap_err();
        assert!(matches!(refused, OpenError::Store(StoreError::Corrupt(_))), "{damage}: {refused:?}");
    }
    let whole = open(&whole);
    assert!(whole.by_handle(&sample(4).handle).await.unwrap().is_some());
}
