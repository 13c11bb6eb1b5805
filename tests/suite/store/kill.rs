//! STO-001, STO-002, STO-025: the process is killed at random moments, again and again, and no acknowledged write is
//! lost, none is there by half, and no transaction ends twice.
//!
//! The writing process is this very test binary, started with [`child`] as its only test. It notes each write in a
//! journal *after* the store has acknowledged it; the killer compares.

use super::options;
use pruefstein::adapters::store::conformance::{CREATED, DURING, Store, accepted, insert, sample};
use pruefstein::adapters::store::sqlite::{Options, SqliteStore};
use pruefstein::app::ports::Replaced;
use pruefstein::domain::transaction::{NewTransaction, ResponseCodeHash, Returned, Status, Transaction};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const FOLDER: &str = "PRUEFSTEIN_TEST_KILL_FOLDER";
const CLIENTS: &str = "PRUEFSTEIN_TEST_KILL_CLIENTS";
/// For the long loop: how many rounds, if not a thousand.
const ROUNDS: &str = "PRUEFSTEIN_TEST_KILL_ROUNDS";
const FIRST: &str = "PRUEFSTEIN_TEST_KILL_FIRST";

/// The clean-up of the child stands at this time: those that expire before it go, and their rows with them.
const SWEEP: i64 = 50;

fn store_options() -> Options {
    Options { keep_ended_seconds: 0, cache_bytes: 20_000, ..options() }
}

/// Every fifth expires soon, and is removed by the clean-up.
fn new(number: u64) -> NewTransaction {
    let mut new = sample(number);
    if passing(number) {
        new.expires_at = CREATED.plus(SWEEP);
    }
    new
}

fn passing(number: u64) -> bool {
    number.is_multiple_of(5)
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "how the killer speaks to the child")]
    std::env::var(name).ok()
}

#[test]
#[ignore = "started by the kill loop"]
fn child() {
    let Some(folder) = variable(FOLDER) else { return };
    let (clients, first): (u64, u64) =
        (variable(CLIENTS).unwrap().parse().unwrap(), variable(FIRST).unwrap().parse().unwrap());
    let folder = Path::new(&folder);
    let journal = Arc::new(File::options().append(true).create(true).open(folder.join("journal")).unwrap());
    let store: Store = Arc::new(SqliteStore::open(&folder.join("store.db"), &store_options()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async move {
        for client in 0..clients {
            let (store, journal) = (Arc::clone(&store), Arc::clone(&journal));
            tokio::spawn(async move {
                for step in 0.. {
                    life(&store, &journal, first + step * clients + client).await;
                }
            });
        }
        // Should the killer itself have died, this ends by itself after half a minute.
        for _ in 0..10_000 {
            store.expire_and_erase(CREATED.plus(SWEEP), 20).await.unwrap();
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    });
}

/// One transaction's life, with two who want to end it at the same time.
async fn life(store: &Store, journal: &File, number: u64) {
    let note = |one: &Transaction| {
        let line = format!("{number} {} {} {}\n", one.version(), one.status(), one.has_outcome());
        // One write call per line: lines of several clients do not mix.
        (&*journal).write_all(line.as_bytes()).unwrap();
    };
    let open = insert(store, new(number)).await;
    note(&open);
    if passing(number) {
        return;
    }
    let fetched = open.clone().fetch(CREATED).unwrap();
    assert_eq!(store.replace(&open, fetched.clone()).await.unwrap(), Replaced::Done);
    note(&fetched);
    let who = format!("holder {number}");
    let verified = fetched.clone().verify(DURING, accepted(&who), ResponseCodeHash::new([1; 32])).unwrap();
    let cancelled = fetched.clone().cancel(DURING).unwrap();
    let both = tokio::join!(store.replace(&fetched, verified.clone()), store.replace(&fetched, cancelled.clone()));
    match (both.0.unwrap(), both.1.unwrap()) {
        (Replaced::Done, Replaced::Lost(_)) => note(&verified),
        (Replaced::Lost(_), Replaced::Done) => note(&cancelled),
        other => (&*journal).write_all(format!("VIOLATION {number} {other:?}\n").as_bytes()).unwrap(),
    }
    if number.is_multiple_of(3) {
        let shown = store.by_id(verified.tenant(), verified.id()).await.unwrap().unwrap();
        let erased = shown.clone().erase();
        if erased.version() > shown.version() {
            assert_eq!(store.replace(&shown, erased.clone()).await.unwrap(), Replaced::Done);
            note(&erased);
        }
    }
}

/// The last acknowledged state of a transaction.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Noted {
    version: u64,
    status: Status,
    outcome: bool,
}

/// Reads the journal; its last line may be cut off by the kill.
fn noted(folder: &Path) -> HashMap<u64, Noted> {
    let mut all: HashMap<u64, Noted> = HashMap::new();
    let text = fs::read_to_string(folder.join("journal")).unwrap_or_default();
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        assert!(!line.starts_with("VIOLATION"), "{line}");
        let words: Vec<_> = line.split_whitespace().collect();
        let [number, version, status, outcome] = words.as_slice() else { unreachable!("{line}") };
        let noted = Noted {
            version: version.parse().unwrap(),
            status: Status::from_name(status).unwrap(),
            outcome: outcome.parse().unwrap(),
        };
        let old = all.insert(number.parse().unwrap(), noted);
        assert!(
            old.is_none_or(|old| old.version < noted.version && !old.status.is_end() || old.status == noted.status)
        );
    }
    all
}

/// Compares the store with everything that was acknowledged. Returns how many writes were found to be there.
async fn compare(folder: &Path, round: u32, in_flight: u64) -> usize {
    let store: Store = Arc::new(SqliteStore::open(&folder.join("store.db"), &store_options()).unwrap());
    let noted = noted(folder);
    let last = noted.keys().max().copied().unwrap_or(0);
    for number in 0..=last + in_flight {
        let start = Transaction::begin(new(number));
        let found = store.by_id(start.tenant(), start.id()).await.unwrap();
        let noted = noted.get(&number);
        let Some(found) = found else {
            assert!(noted.is_none() || passing(number), "round {round}: {number} is lost: {noted:?}");
            continue;
        };
        // Whole, and a state that its life can lead to.
        assert!(found == start || found.follows(&start), "round {round}: {number}: {found:?}");
        assert_eq!(found.reference(), start.reference());
        if found.status() == Status::Verified && found.has_outcome() {
            let result = found.clone().read(DURING, Returned::default()).1.unwrap().outcome.unwrap().result.unwrap();
            assert_eq!(result, accepted(&format!("holder {number}")).result);
        }
        if let Some(noted) = noted {
            assert!(found.version() >= noted.version, "round {round}: {number}: {noted:?} {found:?}");
            assert!(!noted.status.is_end() || found.status() == noted.status, "round {round}: {number} ended twice");
            assert!(noted.outcome || !noted.status.is_end() || !found.has_outcome(), "erased and back");
        }
    }
    // Nothing overdue remains after the next run.
    while store.expire_and_erase(CREATED.plus(SWEEP), 1_000).await.unwrap().total() > 0 {}
    for number in (0..=last).filter(|number| passing(*number)) {
        assert_eq!(store.by_id(&new(number).tenant, &new(number).id).await.unwrap(), None);
    }
    if round.is_multiple_of(2) {
        store.close().await.unwrap();
    }
    noted.len()
}

async fn kill_loop(rounds: u32) {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal");
    let length = || fs::metadata(&journal).map_or(0, |file| file.len());
    let mut random: u64 = 0xdead;
    let (mut first, mut kills, mut writes) = (0, 0, 0);
    for round in 0..rounds {
        let clients = [1_u64, 8, 64][usize::try_from(round % 3).unwrap()];
        let before = length();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["store::kill::child", "--exact", "--ignored", "--quiet"])
            .env(FOLDER, folder.path())
            .env(CLIENTS, clients.to_string())
            .env(FIRST, first.to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut patience = 10_000;
        while length() == before && patience > 0 {
            thread::sleep(Duration::from_millis(1));
            patience -= 1;
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        thread::sleep(Duration::from_micros((random >> 33) % 50_000));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(!status.success() && status.code().is_none(), "killed, not ended by itself: {status}");
        kills += 1;
        writes = compare(folder.path(), round, 2 * clients).await;
        // A new round begins with numbers nobody has used, also in flight; the journal begins anew from time to time.
        first = noted(folder.path()).keys().max().copied().unwrap_or(0) + 5 * clients + 5;
        if writes > 2_000 {
            for file in fs::read_dir(folder.path()).unwrap() {
                fs::remove_file(file.unwrap().path()).unwrap();
            }
            first = 0;
        }
    }
    assert!(kills == rounds && writes > 0);
}

#[tokio::test]
async fn acknowledged_writes_survive_sigkill() {
    kill_loop(15).await;
}

#[tokio::test]
#[ignore = "long: the nightly loop"]
async fn acknowledged_writes_survive_many_sigkills() {
    kill_loop(variable(ROUNDS).map_or(1_000, |rounds| rounds.parse().unwrap())).await;
}
