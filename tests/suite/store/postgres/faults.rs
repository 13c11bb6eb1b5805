//! What a database does to its clients: it goes, comes back, is slow, swallows answers, refuses. Nothing that was
//! acknowledged is lost, nothing ends twice, and nobody has to restart anything.

use super::proxy::Proxy;
use crate::database::{Cluster, options_at};
use pruefstein::adapters::store::conformance::{DURING, Store, accepted, insert, sample};
use pruefstein::adapters::store::postgres::{Options, PostgresStore};
use pruefstein::app::ports::{Idempotency, Inserted, Replaced, StoreError};
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::transaction::{ResponseCodeHash, Status, Transaction};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// Asks until the answer comes; everything in between must say that the store is unavailable.
async fn in_the_end<T>(ask: impl AsyncFn() -> Result<T, StoreError>) -> T {
    for _ in 0..600 {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert_eq!(error.code(), Code::StorageUnavailable, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("it does not come back");
}

async fn insert_fetched(store: &Store, number: u64) -> Transaction {
    let open = insert(store, sample(number)).await;
    let fetched = open.clone().fetch(DURING).unwrap();
    assert_eq!(store.replace(&open, fetched.clone()).await.unwrap(), Replaced::Done);
    fetched
}

fn verified(fetched: &Transaction, who: &str) -> Transaction {
    fetched.clone().verify(DURING, accepted(who), ResponseCodeHash::new([1; 32])).unwrap()
}

async fn stored(store: &Store, one: &Transaction) -> Option<Transaction> {
    store.by_id(one.tenant(), one.id()).await.unwrap()
}

/// What the clients of the kill loop know for sure.
#[derive(Default)]
struct Journal {
    next: AtomicU64,
    acknowledged: Mutex<HashMap<u64, Transaction>>,
    ends: Mutex<HashMap<u64, Vec<Transaction>>>,
    stop: AtomicBool,
}

/// One transaction's life, with two who want to end it at the same time, at two instances.
async fn life(journal: &Journal, here: &Store, there: &Store, number: u64) -> Result<(), StoreError> {
    let note = |one: &Transaction| journal.acknowledged.lock().unwrap().insert(number, one.clone());
    let open = Transaction::begin(sample(number));
    assert_eq!(here.insert(open.clone(), None).await?, Inserted::New);
    note(&open);
    let fetched = open.clone().fetch(DURING).unwrap();
    match there.replace(&open, fetched.clone()).await? {
        Replaced::Done => note(&fetched),
        Replaced::Lost(found) => panic!("nobody else fetches: {found:?}"),
    };
    let (verified, cancelled) = (verified(&fetched, "one"), fetched.clone().cancel(DURING).unwrap());
    let both = tokio::join!(here.replace(&fetched, verified.clone()), there.replace(&fetched, cancelled.clone()));
    for (answer, end) in [(both.0, verified), (both.1, cancelled)] {
        match answer {
            Ok(Replaced::Done) => {
                note(&end);
                journal.ends.lock().unwrap().entry(number).or_default().push(end);
            }
            Ok(Replaced::Lost(_)) => {}
            Err(error) => assert_eq!(error.code(), Code::StorageUnavailable, "{error}"),
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_database_loses_and_doubles_nothing() {
    // STO-001, STO-002, S1, S2: the server is killed under two instances, again and again.
    let Some(mut cluster) = Cluster::start(&[]) else { return };
    let database = cluster.database().await;
    let quick = || Options { acquire_timeout: Duration::from_secs(5), ..cluster.options(&database) };
    let (first, second): (Store, Store) =
        (Arc::new(PostgresStore::open(quick()).await.unwrap()), Arc::new(PostgresStore::open(quick()).await.unwrap()));
    let journal = Arc::new(Journal::default());
    let mut clients = JoinSet::new();
    for client in 0..8 {
        let (journal, here, there) = (Arc::clone(&journal), Arc::clone(&first), Arc::clone(&second));
        let (here, there) = if client % 2 == 0 { (here, there) } else { (there, here) };
        clients.spawn(async move {
            while !journal.stop.load(Ordering::SeqCst) {
                let number = journal.next.fetch_add(1, Ordering::SeqCst);
                if let Err(error) = life(&journal, &here, &there, number).await {
                    assert!(matches!(error.code(), Code::StorageUnavailable | Code::Overloaded), "{error}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        });
    }
    let mut random: u64 = 11;
    for round in 0..6 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        tokio::time::sleep(Duration::from_millis(100 + (random >> 33) % 300)).await;
        let before = journal.acknowledged.lock().unwrap().len();
        cluster = tokio::task::spawn_blocking(move || {
            if round % 3 == 2 {
                cluster.stop();
            } else {
                cluster.kill();
            }
            cluster.launch();
            cluster
        })
        .await
        .unwrap();
        in_the_end(async || first.health().await).await;
        in_the_end(async || second.health().await).await;
        // It went on by itself: there is more than before.
        while journal.acknowledged.lock().unwrap().len() < before + 20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    journal.stop.store(true, Ordering::SeqCst);
    clients.join_all().await;
    let acknowledged = journal.acknowledged.lock().unwrap().clone();
    let ends = journal.ends.lock().unwrap().clone();
    assert!(ends.len() > 50, "{} ended", ends.len());
    for (number, known) in acknowledged {
        let found = stored(&first, &known).await.expect("what was acknowledged is there");
        assert_eq!(stored(&second, &known).await.as_ref(), Some(&found));
        let told = ends.get(&number).map_or(&[][..], Vec::as_slice);
        assert!(told.len() <= 1, "{number} ended twice: {told:?}");
        match told.first() {
            Some(end) => assert_eq!(found, *end, "the end that was told is the end"),
            // An end whose answer was lost may be there, but never less than what was told.
            None => assert!(found.version() >= known.version(), "{number}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_whose_answer_was_lost_is_looked_at_again() {
    // STO-002 in the network: the database has done it, the connection breaks before it can say so.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let proxy = Proxy::before(cluster.port).await;
    let store: Store = Arc::new(PostgresStore::open(options_at(proxy.port, &database)).await.unwrap());
    let direct: Store = cluster.store(&database).await;
    for number in 0..10 {
        let fetched = insert_fetched(&store, number).await;
        let next = verified(&fetched, "one");
        proxy.weather.cuts_after_sending.store(1, Ordering::SeqCst);
        assert_eq!(store.replace(&fetched, next.clone()).await.unwrap(), Replaced::Done, "{number}");
        assert_eq!(proxy.weather.cuts_after_sending.load(Ordering::SeqCst), 0, "the connection was cut");
        assert_eq!(stored(&direct, &fetched).await, Some(next));
        // And whoever really lost hears of it, also over a connection that broke.
        proxy.weather.cuts_after_sending.store(1, Ordering::SeqCst);
        let late = store.replace(&fetched, fetched.clone().cancel(DURING).unwrap()).await.unwrap();
        assert!(matches!(late, Replaced::Lost(Some(found)) if found.status() == Status::Verified), "{number}");
        proxy.weather.cuts_after_sending.store(0, Ordering::SeqCst);
    }
    // The same for insertions, with and without an idempotency key: once, and told as new.
    for number in 100..110_u64 {
        let open = Transaction::begin(sample(number));
        let key = |hash: u8| Idempotency { key_hash: [hash; 32], content_hash: [1; 32], until: UnixSeconds(9_000) };
        let idempotency = (number % 2 == 0).then(|| key(u8::try_from(number).unwrap()));
        proxy.weather.cuts_after_sending.store(1, Ordering::SeqCst);
        assert_eq!(store.insert(open.clone(), idempotency).await.unwrap(), Inserted::New, "{number}");
        assert_eq!(proxy.weather.cuts_after_sending.load(Ordering::SeqCst), 0, "the connection was cut");
        assert_eq!(stored(&direct, &open).await, Some(open));
    }
    let rows = cluster.connect(&database).await.query_one("SELECT count(*) FROM pruefstein_transactions", &[]).await;
    assert_eq!(rows.unwrap().get::<_, i64>(0), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_at_again_is_told_as_unknown() {
    // The database is gone for good after it has heard: unavailable, and never a false success.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let proxy = Proxy::before(cluster.port).await;
    let store: Store = Arc::new(PostgresStore::open(options_at(proxy.port, &database)).await.unwrap());
    let fetched = insert_fetched(&store, 1).await;
    proxy.weather.answers_lost.store(true, Ordering::SeqCst);
    let next = verified(&fetched, "one");
    assert_eq!(store.replace(&fetched, next.clone()).await.unwrap_err().code(), Code::StorageUnavailable);
    let new = Transaction::begin(sample(2));
    assert_eq!(store.insert(new.clone(), None).await.unwrap_err().code(), Code::StorageUnavailable);
    proxy.weather.answers_lost.store(false, Ordering::SeqCst);
    // Asking again tells, and cannot do it twice.
    let again = in_the_end(async || store.replace(&fetched, next.clone()).await).await;
    assert!(again == Replaced::Done || again == Replaced::Lost(Some(Box::new(next.clone()))), "{again:?}");
    assert_eq!(stored(&store, &fetched).await, Some(next));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_database_is_given_up_and_comes_back() {
    // STO-016: nothing is answered, then everything; nobody waits for ever, and nothing has to be restarted.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let proxy = Proxy::before(cluster.port).await;
    let second = Duration::from_secs(1);
    let impatient = Options {
        connect_timeout: second,
        acquire_timeout: second,
        statement_timeout: second,
        ..options_at(proxy.port, &database)
    };
    let store: Store = Arc::new(PostgresStore::open(impatient).await.unwrap());
    let fetched = insert_fetched(&store, 1).await;
    let mut bell = store.watch(fetched.id());
    proxy.stall(true);
    let mut crowd = JoinSet::new();
    for number in 10..40 {
        let store = Arc::clone(&store);
        crowd.spawn(async move { store.insert(Transaction::begin(sample(number)), None).await });
    }
    let next = verified(&fetched, "one");
    assert_eq!(store.replace(&fetched, next.clone()).await.unwrap_err().code(), Code::StorageUnavailable);
    assert_eq!(store.health().await.unwrap_err().code(), Code::StorageUnavailable);
    for answer in crowd.join_all().await {
        let code = answer.unwrap_err().code();
        assert!(matches!(code, Code::StorageUnavailable | Code::Overloaded), "{code}");
    }
    proxy.stall(false);
    in_the_end(async || store.health().await).await;
    let ended = in_the_end(async || store.replace(&fetched, next.clone()).await).await;
    assert!(ended == Replaced::Done || ended == Replaced::Lost(Some(Box::new(next))), "{ended:?}");
    assert!(bell.changed().await, "who waited looks again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_lock_does_not_take_the_whole_service() {
    // STO-016: all connections wait for one row. The next request is shed, health stays up, then all is done once.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let options = Options {
        pool_size: 2,
        acquire_timeout: Duration::from_millis(500),
        statement_timeout: Duration::from_secs(3),
        ..cluster.options(&database)
    };
    let store: Store = Arc::new(PostgresStore::open(options).await.unwrap());
    let fetched = insert_fetched(&store, 1).await;
    let mut holder = cluster.connect(&database).await;
    let lock = holder.transaction().await.unwrap();
    lock.execute("SELECT * FROM pruefstein_transactions FOR UPDATE", &[]).await.unwrap();
    let ends = [verified(&fetched, "one"), fetched.clone().cancel(DURING).unwrap()];
    let mut waiting = JoinSet::new();
    for end in ends.clone() {
        let (store, fetched) = (Arc::clone(&store), fetched.clone());
        waiting.spawn(async move { store.replace(&fetched, end).await });
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(store.by_id(fetched.tenant(), fetched.id()).await.unwrap_err().code(), Code::Overloaded);
    store.health().await.unwrap();
    // Whoever waits too long is told so, and the state is as it was.
    for answer in waiting.join_all().await {
        assert_eq!(answer.unwrap_err().code(), Code::StorageUnavailable);
    }
    assert_eq!(stored(&store, &fetched).await.as_ref(), Some(&fetched));
    lock.rollback().await.unwrap();
    assert_eq!(store.replace(&fetched, ends[0].clone()).await.unwrap(), Replaced::Done);
}

/// Lets the n first writes of each kind fail with this SQLSTATE.
async fn trip(cluster: &Cluster, database: &str, state: &str, failures: u32) {
    let sql = format!(
        "CREATE SEQUENCE IF NOT EXISTS tripped;
        SELECT setval('tripped', 1, false);
        CREATE OR REPLACE FUNCTION trip() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('tripped') <= {failures} THEN RAISE EXCEPTION 'tripped' USING ERRCODE = '{state}'; END IF;
            RETURN NEW;
        END $$;
        CREATE OR REPLACE TRIGGER trip BEFORE INSERT OR UPDATE ON pruefstein_transactions
            FOR EACH ROW EXECUTE FUNCTION trip();"
    );
    cluster.run(database, &sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlocks_are_tried_again_and_not_for_ever() {
    // STO-015: twice is made good, more is told; a full disk is called by its name.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let store: Store = cluster.store(&database).await;
    let fetched = insert_fetched(&store, 1).await;
    let cancelled = fetched.clone().cancel(DURING).unwrap();
    for state in ["40001", "40P01"] {
        trip(cluster, &database, state, 99).await;
        assert_eq!(store.replace(&fetched, cancelled.clone()).await.unwrap_err().code(), Code::StorageUnavailable);
        let error = store.insert(Transaction::begin(sample(2)), None).await.unwrap_err();
        assert!(error.to_string().contains(state), "{error}");
        assert_eq!(stored(&store, &fetched).await.as_ref(), Some(&fetched), "unchanged");
    }
    trip(cluster, &database, "53100", 99).await;
    assert_eq!(store.replace(&fetched, cancelled.clone()).await.unwrap_err(), StoreError::Full);
    assert_eq!(store.insert(Transaction::begin(sample(2)), None).await.unwrap_err(), StoreError::Full);
    trip(cluster, &database, "XX001", 99).await;
    assert_eq!(store.insert(Transaction::begin(sample(2)), None).await.unwrap_err().code(), Code::StorageCorrupt);
    trip(cluster, &database, "40001", 2).await;
    assert_eq!(store.replace(&fetched, cancelled).await.unwrap(), Replaced::Done);
    trip(cluster, &database, "40P01", 2).await;
    insert(&store, sample(2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bells_that_were_lost_are_made_good() {
    // The listening connection is cut: who waits is woken when it is back, and hears what comes after.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let (here, there): (Store, Store) = (cluster.store(&database).await, cluster.store(&database).await);
    let open = insert(&here, sample(1)).await;
    let mut waits = here.watch(open.id());
    let fetched = open.clone().fetch(DURING).unwrap();
    assert_eq!(there.replace(&open, fetched.clone()).await.unwrap(), Replaced::Done);
    assert!(waits.changed().await, "a change at another instance is heard");
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    cluster.connect(&database).await.execute(cut, &[]).await.unwrap();
    in_the_end(async || there.replace(&fetched, fetched.clone().cancel(DURING).unwrap()).await).await;
    assert!(waits.changed().await, "woken after the bell was lost");
    // Nobody's bell but a look, as if the notification had never been sent.
    let quiet = insert(&here, sample(2)).await;
    let mut waits = here.watch(quiet.id());
    cluster.run(&database, "ALTER TABLE pruefstein_transactions DISABLE TRIGGER ALL").await;
    cluster.run(&database, "UPDATE pruefstein_transactions SET version = version + 1 WHERE status = 0").await;
    assert!(waits.changed().await, "what is waited for is looked at");
    // Whoever may use the database may ring, with anything.
    for payload in ["", "nonsense", "AAAAAAAAAAAAAAAAAAAAAA:9223372036854775807,", ",,:,:1,é"] {
        let client = cluster.connect(&database).await;
        client.execute("SELECT pg_notify('pruefstein', $1)", &[&payload]).await.unwrap();
    }
    here.health().await.unwrap();
    let open = insert(&here, sample(3)).await;
    let mut waits = here.watch(open.id());
    there.replace(&open, open.clone().cancel(DURING).unwrap()).await.unwrap();
    assert!(waits.changed().await);
}
