//! How many writes per second the store acknowledges. Figures of a development build say how groups behave, not how
//! fast the service is.

use super::{open, options};
use pruefstein::adapters::store::conformance::{DURING, EXPIRES, KEEP, Store, accepted, insert, sample};
use pruefstein::adapters::store::memory::MemoryStore;
use pruefstein::app::ports::Replaced;
use pruefstein::domain::transaction::{ResponseCodeHash, Returned, Transaction};
use std::sync::Arc;
use std::time::Instant;
use tokio::task::JoinSet;

/// Writes of one flow: created, fetched, verified, erased after reading.
const WRITES: u64 = 4;

async fn flow(store: &Store, number: u64) {
    let mut new = sample(number);
    new.result_policy.delete_after_read = true;
    let open = insert(store, new).await;
    let fetched = open.clone().fetch(DURING).unwrap();
    assert_eq!(store.replace(&open, fetched.clone()).await.unwrap(), Replaced::Done);
    let verified =
        fetched.clone().verify(DURING, accepted(&"x".repeat(1_500)), ResponseCodeHash::new([1; 32])).unwrap();
    assert_eq!(store.replace(&fetched, verified.clone()).await.unwrap(), Replaced::Done);
    let shown = store.by_id(verified.tenant(), verified.id()).await.unwrap().unwrap();
    let (erased, reading) = shown.clone().read(DURING, Returned::default());
    assert_eq!(store.replace(&shown, erased).await.unwrap(), Replaced::Done);
    assert!(reading.unwrap().outcome.is_some());
}

async fn measure(store: &Store, clients: u64, flows: u64) -> f64 {
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let start = Instant::now();
    let mut crowd = JoinSet::new();
    for client in 0..clients {
        let store = Arc::clone(store);
        crowd.spawn(async move {
            for step in 0..flows / clients {
                flow(&store, (clients << 32) + step * clients + client).await;
            }
        });
    }
    crowd.join_all().await;
    let writes = u32::try_from(flows / clients * clients * WRITES).unwrap();
    f64::from(writes) / start.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: run alone, with --nocapture"]
async fn writes_per_second() {
    println!("an open transaction: {} bytes and its texts", size_of::<Transaction>());
    let folder = tempfile::tempdir().unwrap();
    let sqlite: Store = Arc::new(open(&folder.path().join("store.db")));
    let memory: Store = Arc::new(MemoryStore::new(options().keep_ended_seconds));
    for (clients, flows) in [(1, 500), (8, 4_000), (64, 12_800), (256, 25_600)] {
        let durable = measure(&sqlite, clients, flows).await;
        let volatile = measure(&memory, clients, flows).await;
        println!("{clients:>3} clients: {durable:>8.0} writes/s durable, {volatile:>8.0} in memory");
    }
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let start = Instant::now();
    let removed = sqlite.expire_and_erase(EXPIRES.plus(KEEP), 10_000).await.unwrap().removed;
    println!("{removed} rows removed, log emptied: {:?}", start.elapsed());
    sqlite.close().await.unwrap();
    drop(sqlite);
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    let start = Instant::now();
    drop(open(&folder.path().join("store.db")));
    println!("opened and closed with the remaining rows: {:?}", start.elapsed());
}
