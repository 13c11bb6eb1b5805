//! What lies in the database: damage is found, nothing can be read without the key, and what is due goes.

use crate::database::Cluster;
use pruefstein::adapters::store::conformance::{CREATED, DURING, EXPIRES, KEEP, Store, TTL, accepted, insert, sample};
use pruefstein::app::ports::{Replaced, Swept};
use pruefstein::domain::encoding::base64;
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::transaction::{Accepted, ResponseCodeHash, Status, Transaction};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;

async fn insert_verified(store: &Store, number: u64, accepted: Accepted) -> Transaction {
    let open = insert(store, sample(number)).await;
    let fetched = open.clone().fetch(DURING).unwrap();
    assert_eq!(store.replace(&open, fetched.clone()).await.unwrap(), Replaced::Done);
    let verified = fetched.clone().verify(DURING, accepted, ResponseCodeHash::new([1; 32])).unwrap();
    assert_eq!(store.replace(&fetched, verified.clone()).await.unwrap(), Replaced::Done);
    verified
}

async fn code_of(store: &Store, one: &Transaction) -> Option<Code> {
    let found = store.by_id(one.tenant(), one.id()).await;
    assert_eq!(store.by_handle(one.handle()).await.as_ref().err(), found.as_ref().err());
    assert_eq!(store.by_page(one.page()).await.as_ref().err(), found.as_ref().err());
    found.err().map(|error| error.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_found_and_never_served() {
    // STO-009: whatever is changed in a row, it is refused; also a sound value in another row, and an older one.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let store: Store = cluster.store(&database).await;
    let one = insert_verified(&store, 1, accepted("one")).await;
    let two = insert_verified(&store, 2, accepted("two")).await;
    let client = cluster.connect(&database).await;
    client
        .batch_execute(
            "ALTER TABLE pruefstein_transactions DISABLE TRIGGER ALL;
            CREATE TABLE sound AS SELECT * FROM pruefstein_transactions;
            CREATE TABLE names AS SELECT row_number() OVER (ORDER BY id) AS number, id FROM sound",
        )
        .await
        .unwrap();
    let restore = "UPDATE pruefstein_transactions t SET tenant = s.tenant, version = s.version, status = s.status,
        digest = s.digest, value = s.value FROM sound s WHERE s.id = t.id";
    for damage in [
        "value = set_byte(value, 0, get_byte(value, 0) # 2)",
        "value = set_byte(value, 10, get_byte(value, 10) # 1)",
        "value = set_byte(value, length(value) / 2, get_byte(value, length(value) / 2) # 128)",
        "value = set_byte(value, length(value) - 1, get_byte(value, length(value) - 1) # 1)",
        "value = ''",
        "value = substr(value, 1, 40)",
        "version = version + 1",
        "status = 3",
        "digest = sha256('')",
        // Each row with the value of the other.
        "value = (SELECT s.value FROM sound s WHERE s.id <> t.id)",
        // A row of another under this name.
        "value = (SELECT s.value FROM sound s WHERE s.id <> t.id), digest = (SELECT s.digest FROM sound s WHERE s.id <> t.id)",
    ] {
        client.execute(&format!("UPDATE pruefstein_transactions t SET {damage}"), &[]).await.unwrap();
        for row in [&one, &two] {
            assert_eq!(code_of(&store, row).await, Some(Code::StorageCorrupt), "{damage}");
        }
        client.execute(restore, &[]).await.unwrap();
        assert_eq!(code_of(&store, &one).await, None, "{damage}: mended");
    }
    // Under another tenant it is not found by its id, and not served by its handle.
    client.execute("UPDATE pruefstein_transactions SET tenant = 'other'", &[]).await.unwrap();
    assert_eq!(store.by_id(one.tenant(), one.id()).await.unwrap(), None);
    assert_eq!(store.by_handle(one.handle()).await.unwrap_err().code(), Code::StorageCorrupt);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_themselves_keep_end_states() {
    // S1: even a statement without its condition cannot change an end.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let store: Store = cluster.store(&database).await;
    let one = insert_verified(&store, 1, accepted("one")).await;
    let client = cluster.connect(&database).await;
    for wrong in [
        "status = 3, version = version + 1",
        "status = 0, version = version + 1",
        "version = version",
        "version = version - 1",
        "status = 7, version = version + 1",
        "digest = '', version = version + 1",
        "id = 'x', version = version + 1",
    ] {
        let tried = client.execute(&format!("UPDATE pruefstein_transactions SET {wrong}"), &[]).await;
        assert!(tried.is_err(), "{wrong}");
    }
    assert_eq!(store.by_id(one.tenant(), one.id()).await.unwrap(), Some(one));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_instances_sweep_without_fighting() {
    // STO-025, P2: run many times at once, everything that is due is done exactly once, and nothing else.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let mut stores: Vec<Store> = Vec::new();
    for _ in 0..3 {
        stores.push(cluster.store(&database).await);
    }
    let mut live = sample(9_999);
    live.expires_at = UnixSeconds(1_000_000);
    let live = insert(&stores[0], live).await;
    for number in 0..300 {
        insert(&stores[number % 3], sample(u64::try_from(number).unwrap())).await;
    }
    for number in 300..360 {
        insert_verified(&stores[0], number, accepted("x")).await;
    }
    let sweep_all = async |at: UnixSeconds| {
        let mut sweeps = JoinSet::new();
        for store in &stores {
            for _ in 0..2 {
                let store = Arc::clone(store);
                sweeps.spawn(async move { store.expire_and_erase(at, 1_000).await.unwrap() });
            }
        }
        let add = |sum: Swept, one: Swept| Swept {
            expired: sum.expired + one.expired,
            erased: sum.erased + one.erased,
            removed: sum.removed + one.removed,
        };
        sweeps.join_all().await.into_iter().fold(Swept::default(), add)
    };
    assert_eq!(sweep_all(EXPIRES).await, Swept { expired: 300, ..Swept::default() });
    assert_eq!(sweep_all(DURING.plus(TTL.into())).await, Swept { erased: 60, ..Swept::default() });
    assert_eq!(sweep_all(EXPIRES.plus(KEEP)).await, Swept { removed: 360, ..Swept::default() });
    assert_eq!(stores[2].by_id(live.tenant(), live.id()).await.unwrap(), Some(live));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_that_is_cut_off_is_done_by_the_next() {
    // STO-025: killed at any moment, nothing is done by half or twice.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let store: Store = cluster.store(&database).await;
    let mut all = Vec::new();
    for number in 0..400 {
        all.push(insert(&store, sample(number)).await);
    }
    let client = cluster.connect(&database).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for round in 0..8 {
        let sweeping = Arc::clone(&store);
        let sweep = tokio::spawn(async move { sweeping.expire_and_erase(EXPIRES, 60).await.map(drop) });
        tokio::time::sleep(std::time::Duration::from_millis(round * 3)).await;
        client.execute(cut, &[]).await.unwrap();
        if let Err(error) = sweep.await.unwrap() {
            assert_eq!(error.code(), Code::StorageUnavailable, "{error}");
        }
    }
    while store.expire_and_erase(EXPIRES, 100).await.is_ok_and(|swept| swept.total() > 0) {}
    for one in &all {
        let swept = store.by_id(one.tenant(), one.id()).await.unwrap().unwrap();
        assert_eq!((swept.status(), swept.version()), (Status::Expired, one.version() + 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_row_does_not_hold_up_the_sweep() {
    // STO-009, P2: the others are swept, and the damaged one goes unread when it is long overdue.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let store: Store = cluster.store(&database).await;
    let mut first = sample(1);
    first.expires_at = CREATED;
    let damaged = insert(&store, first).await;
    cluster
        .run(
            &database,
            "ALTER TABLE pruefstein_transactions DISABLE TRIGGER ALL; UPDATE pruefstein_transactions SET value = 'x'",
        )
        .await;
    for number in 2..12 {
        insert(&store, sample(number)).await;
    }
    // It is the longest overdue, so it comes first each time, and is passed over.
    for (limit, expired) in [(1, 1), (100, 9)] {
        assert_eq!(store.expire_and_erase(EXPIRES, limit).await.unwrap(), Swept { expired, ..Swept::default() });
    }
    assert_eq!(code_of(&store, &damaged).await, Some(Code::StorageCorrupt));
    let again: Store = cluster.store(&database).await;
    let late = CREATED.plus(7 * 24 * 60 * 60);
    assert_eq!(again.expire_and_erase(late, 100).await.unwrap(), Swept { removed: 11, ..Swept::default() });
    assert_eq!(again.by_id(damaged.tenant(), damaged.id()).await.unwrap(), None);
}

/// The forms of a text that are found in any file of a folder.
fn found_in(folder: &Path, texts: &BTreeSet<Vec<u8>>) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            count += found_in(&path, texts);
        } else if let Ok(bytes) = fs::read(&path) {
            count += texts.iter().filter(|text| memchr::memmem::find(&bytes, text).is_some()).count();
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_read_in_any_file_of_the_database() {
    // PRI-003, PRI-013, P1: neither a claim nor a handle, nonce or key, in tables, indexes, logs and what is deleted.
    let Some(cluster) = Cluster::start(&["wal_level=logical", "log_statement=all", "log_min_duration_statement=0"])
    else {
        return;
    };
    let database = cluster.database().await;
    let store: Store = cluster.store(&database).await;
    let canary = "CANARY-OF-A-PERSON";
    let one = insert_verified(&store, 1, accepted(canary)).await;
    let big = Accepted { result: canary.repeat(3_000), report: canary.to_owned() };
    let two = insert_verified(&store, 2, big).await;
    assert_eq!(store.replace(&two, two.clone().erase()).await.unwrap(), Replaced::Done);
    let secrets = [
        canary,
        one.id().as_str(),
        one.handle().as_str(),
        one.page().as_str(),
        one.request().nonce.as_str(),
        one.request().state.as_ref().unwrap().as_str(),
        one.request().preset.as_deref().unwrap(),
    ];
    let hex = |text: &str| -> Vec<u8> {
        let digits = text.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.map(|digit| b"0123456789abcdef"[usize::from(digit)]).collect()
    };
    let forms = |text: &str| [text.as_bytes().to_vec(), base64::encode_url(text.as_bytes()).into_bytes(), hex(text)];
    let texts: BTreeSet<Vec<u8>> = secrets.into_iter().flat_map(forms).collect();
    let client = cluster.connect(&database).await;
    client.batch_execute("CHECKPOINT").await.unwrap();
    assert_eq!(found_in(cluster.files(), &texts), 0);
    // The search would find it: this is how a plain row looks.
    client
        .batch_execute(&format!("CREATE TABLE plain AS SELECT '{canary}'::text AS result; CHECKPOINT"))
        .await
        .unwrap();
    assert!(found_in(cluster.files(), &texts) > 0);
    // Only what look-ups need stands beside it.
    let names: BTreeSet<String> = client
        .query(
            "SELECT column_name::text FROM information_schema.columns WHERE table_name = 'pruefstein_transactions'",
            &[],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    let known = ["digest", "due", "handle", "id", "key_hash", "key_until", "page", "removal", "status", "tenant"];
    assert_eq!(names, known.into_iter().chain(["value", "version"]).map(str::to_owned).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_overwritten_goes_with_the_next_vacuum() {
    // P2: no dead row version is left after it, neither in the table nor beside it.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let store: Store = cluster.store(&database).await;
    for number in 0..20 {
        insert_verified(&store, number, Accepted { result: "x".repeat(20_000), report: String::new() }).await;
    }
    store.expire_and_erase(DURING.plus(TTL.into()), 1_000).await.unwrap();
    let client = cluster.connect(&database).await;
    client.batch_execute("VACUUM pruefstein_transactions").await.unwrap();
    let size = "SELECT count(*) FROM pruefstein_transactions WHERE length(value) > 10000";
    assert_eq!(client.query_one(size, &[]).await.unwrap().get::<_, i64>(0), 0);
    let toast = "SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = 'pruefstein_transactions'";
    let beside: i64 = client.query_one(toast, &[]).await.unwrap().get(0);
    assert!(beside <= 8_192, "{beside} bytes of what was erased are left");
    let eager = "SELECT array_to_string(reloptions, ' ') FROM pg_class WHERE relname = 'pruefstein_transactions'";
    let eager: String = client.query_one(eager, &[]).await.unwrap().get(0);
    assert!(eager.contains("autovacuum_vacuum_scale_factor=0.02"), "{eager}");
}
