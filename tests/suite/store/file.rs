//! The file: restart, lock, schema, permissions, backup and restore.

use super::{ended, open, options};
use pruefstein::adapters::store::conformance::{self, CREATED, DURING, EXPIRES, Store, sample};
use pruefstein::adapters::store::sqlite::{OpenError, SqliteStore};
use pruefstein::app::ports::{Idempotency, Inserted, Replaced, StoreError, Swept, TransactionStore};
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::transaction::{Returned, Status, Transaction};
use std::fs;
use std::path::Path;
use std::sync::Arc;

async fn all_of(store: &SqliteStore, wanted: &[Transaction]) -> bool {
    for one in wanted {
        if store.by_id(one.tenant(), one.id()).await.unwrap().as_ref() != Some(one)
            || store.by_handle(one.handle()).await.unwrap().as_ref() != Some(one)
            || store.by_page(one.page()).await.unwrap().as_ref() != Some(one)
        {
            return false;
        }
    }
    true
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Arc::new(SqliteStore::open(&path, &options()).unwrap());
    let mut all = Vec::new();
    for number in 0..50 {
        let dynamic: Store = Arc::clone(&store) as Store;
        all.push(ended(&dynamic, sample(number), number).await);
    }
    let key = Idempotency { key_hash: [7; 32], content_hash: [8; 32], until: EXPIRES };
    let keyed = Transaction::begin(sample(90));
    assert_eq!(store.insert(keyed.clone(), Some(key)).await.unwrap(), Inserted::New);
    all.push(keyed.clone());
    store.close().await.unwrap();
    drop(store);
    for orderly in [true, false, true] {
        let store = SqliteStore::open(&path, &options()).unwrap();
        assert!(all_of(&store, &all).await);
        let again = store.insert(Transaction::begin(sample(91)), Some(key)).await.unwrap();
        assert_eq!(again, Inserted::Replayed(Box::new(keyed.clone())));
        let next = Transaction::begin(sample(100 + u64::try_from(all.len()).unwrap()));
        assert_eq!(store.insert(next.clone(), None).await.unwrap(), Inserted::New);
        all.push(next);
        if orderly {
            store.close().await.unwrap();
        }
    }
    assert_eq!(all.len(), 54);
}

#[tokio::test]
async fn a_second_opener_is_refused() {
    // STO-008
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = SqliteStore::open(&path, &options()).unwrap();
    let refused = SqliteStore::open(&path, &options()).unwrap_err();
    assert_eq!(refused, OpenError::Locked);
    assert_eq!(refused.code(), Code::ConfigRefused);
    store.health().await.unwrap();
    store.close().await.unwrap();
    SqliteStore::open(&path, &options()).unwrap();
}

#[tokio::test]
async fn foreign_and_newer_files_are_refused() {
    // STO-010
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    drop(SqliteStore::open(&path, &options()).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let refused = SqliteStore::open(&path, &options()).unwrap_err();
    assert_eq!(refused, OpenError::NewerSchema { found: 99, known: 1 });
    assert_eq!(refused.code(), Code::ConfigRefused);

    let theirs = folder.path().join("theirs.db");
    rusqlite::Connection::open(&theirs).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert_eq!(SqliteStore::open(&theirs, &options()).unwrap_err(), OpenError::NotAStore);

    let text = folder.path().join("text.db");
    fs::write(&text, "a letter to the editor, rather long ".repeat(400)).unwrap();
    assert_eq!(SqliteStore::open(&text, &options()).unwrap_err().code(), Code::StorageCorrupt);

    let nowhere = folder.path().join("no such folder").join("store.db");
    assert_eq!(SqliteStore::open(&nowhere, &options()).unwrap_err().code(), Code::StorageUnavailable);
}

#[cfg(unix)]
#[tokio::test]
async fn files_are_for_their_owner_only() {
    // PRV-13.
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let store: Store = Arc::new(SqliteStore::open(&path, &options()).unwrap());
    conformance::insert(&store, sample(1)).await;
    let mut seen = Vec::new();
    for file in fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
        seen.push(file.file_name().into_string().unwrap());
    }
    seen.sort();
    assert_eq!(seen, ["store.db", "store.db-wal", "store.db.lock"]);
}

/// Removes the store's files and puts the backup in their place, as the module tells operators to.
fn restore(backup: &Path, path: &Path) {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    for file in fs::read_dir(path.parent().unwrap()).unwrap() {
        let file = file.unwrap();
        if file.file_name().to_str().unwrap().starts_with(&name) {
            fs::remove_file(file.path()).unwrap();
        }
    }
    fs::copy(backup, path).unwrap();
}

#[tokio::test]
async fn a_restored_backup_opens_nothing_again() {
    // STO-026
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join("store.db"), folder.path().join("backup"));
    let store = Arc::new(SqliteStore::open(&path, &options()).unwrap());
    let dynamic: Store = Arc::clone(&store) as Store;
    let open_then = conformance::insert(&dynamic, sample(1)).await;
    let fetched_then = conformance::insert(&dynamic, sample(2)).await;
    let next = fetched_then.clone().fetch(CREATED).unwrap();
    assert_eq!(store.replace(&fetched_then, next.clone()).await.unwrap(), Replaced::Done);
    let fetched_then = next;
    let verified_then = ended(&dynamic, sample(3), 3).await;
    store.copy_to(&backup).await.unwrap();
    assert!(matches!(store.copy_to(&backup).await, Err(StoreError::Unavailable(_))), "no file is written over");
    // Life goes on: all of them end, and their results are read and erased.
    for one in [&open_then, &fetched_then] {
        let done = store.replace(one, one.clone().cancel(DURING).unwrap()).await.unwrap();
        assert_eq!(done, Replaced::Done);
    }
    assert_eq!(store.replace(&verified_then, verified_then.clone().erase()).await.unwrap(), Replaced::Done);
    store.close().await.unwrap();
    drop((dynamic, store));

    restore(&backup, &path);
    let store = SqliteStore::open(&path, &options()).unwrap();
    assert!(all_of(&store, &[open_then.clone(), fetched_then.clone(), verified_then.clone()]).await);
    // A day later nothing of it can be used, before and after the clean-up of the start.
    let now = UnixSeconds(1_000 + 86_400);
    assert_eq!(open_then.clone().fetch(now).unwrap_err().code, Code::RequestExpired);
    assert_eq!(fetched_then.check_answerable(now).unwrap_err().code, Code::TransactionExpired);
    assert_eq!(verified_then.clone().read(now, Returned::default()).1.unwrap_err().code, Code::ResultPurged);
    let swept = store.expire_and_erase(now, 100).await.unwrap();
    assert_eq!(swept, Swept { expired: 2, erased: 1, removed: 0 });
    for one in [&open_then, &fetched_then] {
        let expired = store.by_id(one.tenant(), one.id()).await.unwrap().unwrap();
        assert_eq!(expired.status(), Status::Expired);
        assert_eq!(expired.check_answerable(now).unwrap_err().code, Code::TransactionExpired);
    }
    assert_eq!(store.expire_and_erase(now, 100).await.unwrap().removed, 3);
}

#[tokio::test]
async fn a_lost_log_is_noticed() {
    // S2: acknowledged commits that are not there any more are damage, not an older state.
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    fs::create_dir(&image).unwrap();
    let path = folder.path().join("store.db");
    let store: Store = Arc::new(open(&path));
    conformance::insert(&store, sample(1)).await;
    for ending in ["", "-wal", ".lock"] {
        fs::copy(folder.path().join(format!("store.db{ending}")), image.join(format!("store.db{ending}"))).unwrap();
    }
    let image = image.join("store.db");
    {
        let whole = open(&image);
        assert!(all_of(&whole, &[Transaction::begin(sample(1))]).await);
    }
    for ending in ["", "-wal", ".lock"] {
        let target = image.with_file_name(format!("store.db{ending}"));
        drop(fs::remove_file(&target));
        if ending != "-wal" {
            fs::copy(folder.path().join(format!("store.db{ending}")), target).unwrap();
        }
    }
    let refused = SqliteStore::open(&image, &options()).unwrap_err();
    assert_eq!(refused.code(), Code::StorageCorrupt);
    // The whole file gone, the mark still there.
    fs::remove_file(&image).unwrap();
    assert_eq!(SqliteStore::open(&image, &options()).unwrap_err().code(), Code::StorageCorrupt);
}
