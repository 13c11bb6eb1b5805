//! STO-007 and a full disk: the store says so, loses nothing, and goes on by itself when the fault is gone.

use super::{open, options};
use pruefstein::adapters::store::conformance::{DURING, EXPIRES, KEEP, Store, accepted, insert, sample};
use pruefstein::adapters::store::sqlite::{Options, SqliteStore};
use pruefstein::app::ports::{Inserted, Replaced, StoreError};
use pruefstein::domain::reason::Code;
use pruefstein::domain::transaction::{Accepted, ResponseCodeHash, Transaction};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Inserts until the store refuses; returns what was acknowledged and why the last one was not.
async fn insert_until_refused(store: &Store, first: u64) -> (Vec<Transaction>, StoreError) {
    let mut stored = Vec::new();
    for number in first.. {
        let one = Transaction::begin(sample(number));
        match store.insert(one.clone(), None).await {
            Ok(inserted) => assert_eq!(inserted, Inserted::New),
            Err(error) => return (stored, error),
        }
        stored.push(one);
    }
    unreachable!()
}

async fn all_there(store: &Store, all: &[Transaction]) {
    for one in all {
        assert_eq!(store.by_id(one.tenant(), one.id()).await.unwrap().as_ref(), Some(one));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_says_so_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let options = Options { max_bytes: Some(400_000), ..options() };
    let store: Store = Arc::new(SqliteStore::open(&path, &options).unwrap());
    let (stored, error) = insert_until_refused(&store, 0).await;
    assert_eq!(error.code(), Code::StorageFull);
    assert!(stored.len() > 50, "{}", stored.len());
    all_there(&store, &stored).await;
    // Of a crowd, some fit into the room that is left and some do not; none suffers from another.
    let big = Accepted { result: "x".repeat(30_000), report: String::new() };
    let mut crowd = JoinSet::new();
    for (number, one) in (0..).zip(stored.clone()) {
        let (store, big) = (Arc::clone(&store), big.clone());
        crowd.spawn(async move {
            let next = if number % 2 == 0 {
                one.clone().cancel(DURING).unwrap()
            } else {
                one.clone().fetch(DURING).unwrap().verify(DURING, big, ResponseCodeHash::new([1; 32])).unwrap()
            };
            (number, store.replace(&one, next.clone()).await, one, next)
        });
    }
    for (number, replaced, one, next) in crowd.join_all().await {
        let there = store.by_id(one.tenant(), one.id()).await.unwrap().unwrap();
        if number % 2 == 0 {
            assert_eq!((replaced, there), (Ok(Replaced::Done), next), "fits");
        } else {
            assert_eq!((replaced, there), (Err(StoreError::Full), one), "does not fit");
        }
    }
    // Room comes back by itself.
    let swept = store.expire_and_erase(EXPIRES.plus(KEEP), 1_000).await.unwrap();
    assert!(swept.removed > 20 && swept.expired > 20, "{swept:?}");
    let (more, error) = insert_until_refused(&store, 1_000).await;
    assert_eq!(error, StoreError::Full);
    assert!(more.len() * 10 > swept.removed * 8, "{} {}", more.len(), swept.removed);
    all_there(&store, &more).await;
    store.close().await.unwrap();
    drop(store);
    let store: Store = Arc::new(open(&path));
    all_there(&store, &more).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_work_than_may_wait_is_refused() {
    // D2: the queue is bounded, and what was refused was not tried.
    let folder = tempfile::tempdir().unwrap();
    let options = Options { max_waiting: 1, ..options() };
    let store: Store = Arc::new(SqliteStore::open(&folder.path().join("store.db"), &options).unwrap());
    let mut crowd = JoinSet::new();
    for number in 0..500 {
        let store = Arc::clone(&store);
        crowd.spawn(async move {
            let one = Transaction::begin(sample(number));
            (store.insert(one.clone(), None).await, one)
        });
    }
    let answers = crowd.join_all().await;
    let mut busy = 0;
    for (answer, one) in answers {
        let there = store.by_id(one.tenant(), one.id()).await.unwrap();
        match answer {
            Ok(inserted) => assert_eq!((inserted, there), (Inserted::New, Some(one))),
            Err(error) => {
                assert_eq!((error.code(), there), (Code::Overloaded, None));
                busy += 1;
            }
        }
    }
    assert!(busy > 0);
    insert(&store, sample(1_000)).await;
}

const FOLDER: &str = "PRUEFSTEIN_TEST_FAULT_FOLDER";
const DONE: &str = "PRUEFSTEIN_TEST_FAULT_DONE";

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "how the test speaks to its child")]
    std::env::var(name).ok()
}

/// Runs one of the ignored tests below as a process of its own, through a shell script that prepares its surroundings:
/// `$0` is the folder, `"$@"` starts it. `false` if this machine does not allow the preparation (exit code 77).
fn in_own_process(test: &str, wrapper: &[&str], script: &str, folder: &Path, done: &Path) -> bool {
    let (program, arguments) = wrapper.split_first().unwrap();
    let output = Command::new(program)
        .args(arguments)
        .args(["sh", "-c", script])
        .arg(folder)
        .arg(std::env::current_exe().unwrap())
        .args([&format!("store::faults::{test}"), "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(DONE, done)
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else { return false };
    if output.status.code() == Some(77) || String::from_utf8_lossy(&output.stderr).contains("unshare failed") {
        return false;
    }
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && done.exists(), "{said} {}", String::from_utf8_lossy(&output.stdout));
    true
}

#[test]
fn a_full_disk_and_a_read_only_one() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, done) = (folder.path().join("disk"), folder.path().join("done"));
    fs::create_dir(&disk).unwrap();
    let wrapper = ["unshare", "--user", "--map-root-user", "--mount"];
    let script = r#"mount -t tmpfs -o size=2m none "$0" || exit 77; exec "$@""#;
    if !in_own_process("child_on_a_small_disk", &wrapper, script, &disk, &done) {
        eprintln!("not tested: this machine allows no mounts");
    }
}

#[tokio::test]
#[ignore = "started by a_full_disk_and_a_read_only_one"]
async fn child_on_a_small_disk() {
    let (Some(folder), Some(done)) = (variable(FOLDER), variable(DONE)) else { return };
    let folder = Path::new(&folder);
    let path = folder.join("store.db");
    let ballast = folder.join("ballast");
    fs::write(&ballast, vec![7; 1_000_000]).unwrap();
    let store: Store = Arc::new(open(&path));
    let (mut stored, error) = insert_until_refused(&store, 0).await;
    assert_eq!(error.code(), Code::StorageFull);
    assert!(stored.len() > 20);
    all_there(&store, &stored).await;
    assert_eq!(store.health().await.unwrap_err().code(), Code::StorageFull);
    let next = stored[0].clone().fetch(DURING).unwrap();
    assert_eq!(store.replace(&stored[0], next.clone()).await.unwrap_err().code(), Code::StorageFull);
    fs::remove_file(&ballast).unwrap();
    store.health().await.unwrap();
    assert_eq!(store.replace(&stored[0], next.clone()).await.unwrap(), Replaced::Done);
    stored[0] = next;
    insert(&store, sample(9_000)).await;
    all_there(&store, &stored).await;
    store.close().await.unwrap();
    drop(store);
    // STO-007
    let remount = |how: &str| {
        assert!(Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(folder).status().unwrap().success());
    };
    remount("ro");
    assert_eq!(SqliteStore::open(&path, &options()).unwrap_err().code(), Code::StorageUnavailable);
    remount("rw");
    let store: Store = Arc::new(open(&path));
    all_there(&store, &stored).await;
    fs::write(done, "").unwrap();
}

#[test]
fn writes_that_fail() {
    // The file size limit of the process stands for any failing write call.
    let folder = tempfile::tempdir().unwrap();
    let done = folder.path().join("done");
    let script = r#"trap '' XFSZ; ulimit -S -f 1500 || exit 77; prlimit --version >/dev/null || exit 77; exec "$@""#;
    if !in_own_process("child_with_failing_writes", &["env"], script, folder.path(), &done) {
        eprintln!("not tested: this machine allows no limits");
    }
}

#[tokio::test]
#[ignore = "started by writes_that_fail"]
async fn child_with_failing_writes() {
    let (Some(folder), Some(done)) = (variable(FOLDER), variable(DONE)) else { return };
    let path = Path::new(&folder).join("store.db");
    let store: Store = Arc::new(open(&path));
    let (stored, error) = insert_until_refused(&store, 0).await;
    assert_eq!(error.code(), Code::StorageUnavailable);
    assert!(stored.len() > 20);
    all_there(&store, &stored).await;
    // What is smaller may still fit before the limit; when that is used up, nothing is accepted, whatever it is.
    let mut health = store.health().await;
    for _ in 0..20 {
        health = store.health().await;
    }
    assert_eq!(health.unwrap_err().code(), Code::StorageUnavailable);
    let fetched = stored[0].clone().fetch(DURING).unwrap();
    assert_eq!(store.replace(&stored[0], fetched.clone()).await.unwrap_err().code(), Code::StorageUnavailable);
    assert!(store.insert(Transaction::begin(sample(9_000)), None).await.is_err());
    all_there(&store, &stored).await;
    let process = std::process::id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &process, "--fsize=unlimited:"]).status().unwrap().success());
    // Without a restart.
    store.health().await.unwrap();
    assert_eq!(store.replace(&stored[0], fetched.clone()).await.unwrap(), Replaced::Done);
    let verified = fetched.clone().verify(DURING, accepted("one"), ResponseCodeHash::new([1; 32])).unwrap();
    assert_eq!(store.replace(&fetched, verified.clone()).await.unwrap(), Replaced::Done);
    insert(&store, sample(9_000)).await;
    store.close().await.unwrap();
    drop(store);
    let store: Store = Arc::new(open(&path));
    all_there(&store, &[verified]).await;
    all_there(&store, &stored[1..]).await;
    fs::write(done, "").unwrap();
}
