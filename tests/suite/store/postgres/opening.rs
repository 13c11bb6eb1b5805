//! Opening: who may, what the tables must be, and how instances of two versions get along.

use super::proxy::Proxy;
use crate::database::{Cluster, free_port, key, options_at};
use crate::fixture;
use pruefstein::adapters::store::conformance::{DURING, Store, accepted, insert, sample};
use pruefstein::adapters::store::postgres::{Host, OpenError, Options, PostgresStore, Tls};
use pruefstein::app::ports::{Inserted, Replaced, TransactionStore as _};
use pruefstein::domain::reason::Code;
use pruefstein::domain::transaction::{ResponseCodeHash, Transaction};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

async fn refused(options: Options) -> OpenError {
    PostgresStore::open(options).await.expect_err("it does not open")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_named() {
    // STO-007, STO-018: no connection without the right password, database, port or certificate.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let open = || cluster.options(&database);
    let wrong = Some(Zeroizing::new("wrong".to_owned()));
    let quick = Duration::from_secs(3);
    for (options, words) in [
        (Options { password: wrong, ..open() }, "password authentication failed"),
        (Options { password: None, ..open() }, "password"),
        (Options { user: "nobody".to_owned(), ..open() }, "password authentication failed"),
        (cluster.options("nowhere"), "does not exist"),
        (options_at(free_port(), &database), "refused"),
        (Options { tls: Tls::VerifyFull { roots: Some(Vec::new()), identity: None }, ..open() }, "certification"),
        (Options { encryption_keys: Vec::new(), ..open() }, "no key"),
        (
            Options {
                hosts: vec![Host::Socket { folder: "/nowhere".into(), port: 5432 }],
                connect_timeout: quick,
                ..open()
            },
            "No such file",
        ),
    ] {
        let error = refused(options).await;
        assert!(error.to_string().contains(words), "{error} lacks {words}");
        assert!(!error.to_string().contains("only for tests"), "no password is told");
    }
    // A server without TLS is not spoken to without TLS.
    let root = fixture::root("Database CA");
    let tls = Tls::VerifyFull { roots: Some(vec![root.der().to_vec()]), identity: None };
    let error = refused(Options { tls, ..open() }).await;
    assert_eq!(error.code(), Code::StorageUnavailable);
    assert!(error.to_string().contains("does not support TLS"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_certificate_of_the_database_must_be_its_own() {
    // STO-018: TLS with the server's name checked; a client certificate instead of a password.
    let root = fixture::root("Database CA");
    let (certificate, server_key) = fixture::leaf(&root, "db", &["localhost"]);
    let Some(cluster) = Cluster::start_with_tls(&certificate.pem(), &server_key.serialize_pem(), &root.pem()) else {
        return;
    };
    let database = cluster.database().await;
    let at = |host: &str, roots: Vec<Vec<u8>>| Options {
        hosts: vec![Host::Tcp { host: host.to_owned(), port: cluster.port }],
        tls: Tls::VerifyFull { roots: Some(roots), identity: None },
        ..cluster.options(&database)
    };
    let ours = vec![root.der().to_vec()];
    let store = PostgresStore::open(at("localhost", ours.clone())).await.unwrap();
    store.health().await.unwrap();
    let error = refused(at("127.0.0.1", ours.clone())).await;
    assert!(error.to_string().contains("not valid for name"), "{error}");
    let other = fixture::root("Another CA");
    let error = refused(at("localhost", vec![other.der().to_vec()])).await;
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
    // Known by a certificate, without a password.
    let (client, client_key) = fixture::leaf(&root, "certified", &["certified"]);
    let identity = (vec![client.der().to_vec()], client_key.serialize_der().try_into().unwrap());
    let options = Options {
        tls: Tls::VerifyFull { roots: Some(ours.clone()), identity: Some(identity) },
        user: "certified".to_owned(),
        password: None,
        ..at("localhost", ours)
    };
    cluster.run("postgres", "CREATE ROLE certified LOGIN SUPERUSER").await;
    let error = refused(Options { user: "stranger".to_owned(), ..clone_of(&options) }).await;
    assert!(error.to_string().contains("authentication failed"), "{error}");
    PostgresStore::open(options).await.unwrap().health().await.unwrap();
}

fn clone_of(options: &Options) -> Options {
    let Tls::VerifyFull { roots, identity } = &options.tls else { unreachable!() };
    let identity = identity.as_ref().map(|(chain, key)| (chain.clone(), key.clone_key()));
    Options {
        hosts: options.hosts.clone(),
        tls: Tls::VerifyFull { roots: roots.clone(), identity },
        ..options_at(0, &options.database)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_first_starts_make_the_tables_once() {
    // STO-010, STO-029: one migrates, the others wait for it.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let mut starts = JoinSet::new();
    for _ in 0..12 {
        let options = cluster.options(&database);
        starts.spawn(async move { PostgresStore::open(options).await.unwrap().health().await.unwrap() });
    }
    starts.join_all().await;
    let client = cluster.connect(&database).await;
    let steps: i64 = client.query_one("SELECT count(*) FROM pruefstein_schema", &[]).await.unwrap().get(0);
    assert_eq!(steps, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_is_killed_has_not_been() {
    // STO-010: cut at many places; what comes next finds no tables or all of them.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let client = cluster.connect(&database).await;
    let tables = "SELECT count(*) FROM pg_class WHERE relname LIKE 'pruefstein%' AND relkind = 'r'";
    for round in 0..25_u64 {
        let options = cluster.options(&database);
        let start = tokio::spawn(async move { PostgresStore::open(options).await.map(drop) });
        tokio::time::sleep(Duration::from_millis(round)).await;
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'pruefstein'";
        client.execute(cut, &[]).await.unwrap();
        start.await.unwrap().ok();
        let count: i64 = client.query_one(tables, &[]).await.unwrap().get(0);
        assert!(count == 0 || count == 4, "{count} tables after round {round}");
        if count == 4 {
            client.batch_execute("DROP OWNED BY CURRENT_USER").await.ok();
            client
                .batch_execute(
                    "DROP TABLE pruefstein_transactions, pruefstein_keys, pruefstein_instances, pruefstein_schema;
                    DROP FUNCTION pruefstein_refuse",
                )
                .await
                .unwrap();
        }
    }
    cluster.store(&database).await.health().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn newer_tables_are_refused_unless_they_say_otherwise() {
    // STO-010, STO-029: in the middle of an update an older program may start again, if the newer step only adds.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let running = cluster.store(&database).await;
    let newer = "ALTER TABLE pruefstein_transactions ADD COLUMN later text;
        INSERT INTO pruefstein_schema (version, usable_from) VALUES (2, 1)";
    cluster.run(&database, newer).await;
    let store: Store = Arc::clone(&running) as Store;
    let open = insert(&store, sample(1)).await;
    let again = cluster.store(&database).await;
    assert_eq!(again.by_id(open.tenant(), open.id()).await.unwrap(), Some(open));
    cluster.run(&database, "INSERT INTO pruefstein_schema (version, usable_from) VALUES (3, 3)").await;
    let error = refused(cluster.options(&database)).await;
    assert_eq!(error, OpenError::NewerSchema { found: 3, known: 1 });
    assert_eq!(error.code(), Code::ConfigRefused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_only_reads_is_not_used() {
    // STO-007, STO-012: refused at the start; later nothing is accepted, and it goes on by itself.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let store: Store = cluster.store(&database).await;
    let open = insert(&store, sample(1)).await;
    let read_only = |on: &str| format!("ALTER DATABASE {database} SET default_transaction_read_only = {on}");
    cluster.run("postgres", &read_only("on")).await;
    let error = refused(cluster.options(&database)).await;
    assert!(error.to_string().contains("does not allow writes"), "{error}");
    // Connections from before know nothing of it; one that is told forgets the server.
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let client = cluster.connect(&database).await;
    client.execute(cut, &[]).await.unwrap();
    let cancelled = open.clone().cancel(DURING).unwrap();
    assert_eq!(store.replace(&open, cancelled.clone()).await.unwrap_err().code(), Code::StorageUnavailable);
    assert_eq!(store.insert(Transaction::begin(sample(2)), None).await.unwrap_err().code(), Code::StorageUnavailable);
    assert_eq!(store.health().await.unwrap_err().code(), Code::StorageUnavailable);
    cluster.run("postgres", &read_only("off")).await;
    store.health().await.unwrap();
    assert_eq!(store.replace(&open, cancelled).await.unwrap(), Replaced::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_turned_read_only_is_given_up() {
    // STO-012: the primary became a standby under open connections: they are not asked a second time.
    let set = |on: &str| format!("ALTER SYSTEM SET default_transaction_read_only = {on}");
    let Some(own) = Cluster::start(&[]) else { return };
    let database = own.database().await;
    let store: Store = own.store(&database).await;
    let open = insert(&store, sample(1)).await;
    own.run("postgres", &set("on")).await;
    own.run("postgres", "SELECT pg_reload_conf()").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let cancelled = open.clone().cancel(DURING).unwrap();
    assert_eq!(store.replace(&open, cancelled.clone()).await.unwrap_err().code(), Code::StorageUnavailable);
    let client = own.connect("postgres").await;
    client.batch_execute("SET default_transaction_read_only = off").await.unwrap();
    client.batch_execute(&set("off")).await.unwrap();
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(store.replace(&open, cancelled).await.unwrap(), Replaced::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_hosts_the_one_that_writes_is_found() {
    // STO-012: after a failover the next connection finds the new primary, without a restart.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let (first, second) = (Proxy::before(cluster.port).await, Proxy::before(cluster.port).await);
    let host = |proxy: &Proxy| Host::Tcp { host: "127.0.0.1".to_owned(), port: proxy.port };
    let options = Options { hosts: vec![host(&first), host(&second)], ..cluster.options(&database) };
    let store: Store = Arc::new(PostgresStore::open(options).await.unwrap());
    let open = insert(&store, sample(1)).await;
    first.weather.refusing.store(true, Ordering::SeqCst);
    first.cut();
    let fetched = open.clone().fetch(DURING).unwrap();
    assert_eq!(store.replace(&open, fetched.clone()).await.unwrap(), Replaced::Done);
    second.weather.refusing.store(true, Ordering::SeqCst);
    second.cut();
    assert_eq!(store.health().await.unwrap_err().code(), Code::StorageUnavailable);
    first.weather.refusing.store(false, Ordering::SeqCst);
    let verified = fetched.clone().verify(DURING, accepted("one"), ResponseCodeHash::new([1; 32])).unwrap();
    assert_eq!(store.replace(&fetched, verified).await.unwrap(), Replaced::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_changed_while_instances_serve() {
    // One instance has the new key first, the other still the old one; then the old key goes.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let with = async |keys: &[u8]| {
        let encryption_keys = keys.iter().map(|number| key(*number)).collect();
        let options = Options { encryption_keys, ..cluster.options(&database) };
        Arc::new(PostgresStore::open(options).await.unwrap()) as Store
    };
    let (old, announced) = (with(&[1]).await, with(&[1, 2]).await);
    let first = insert(&old, sample(1)).await;
    let second = insert(&announced, sample(2)).await;
    let changed = with(&[2, 1]).await;
    let third = insert(&changed, sample(3)).await;
    let fetched = first.clone().fetch(DURING).unwrap();
    assert_eq!(changed.replace(&first, fetched.clone()).await.unwrap(), Replaced::Done);
    for (store, one) in [(&old, &second), (&announced, &third), (&announced, &fetched), (&changed, &second)] {
        assert_eq!(store.by_id(one.tenant(), one.id()).await.unwrap().as_ref(), Some(one));
    }
    // Who lacks the key says so, and damages nothing.
    let error = old.by_id(third.tenant(), third.id()).await.unwrap_err();
    assert_eq!(error.code(), Code::StorageUnavailable);
    assert!(error.to_string().contains(&key(2).id().to_string()), "{error}");
    let new = with(&[2]).await;
    assert_eq!(new.by_id(fetched.tenant(), fetched.id()).await.unwrap(), Some(fetched));
    assert_eq!(new.insert(Transaction::begin(sample(4)), None).await.unwrap(), Inserted::New);
}
