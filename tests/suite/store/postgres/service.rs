//! Whole services on one database: begun at one, collected at the second, answered at the third, watched at the first.

use crate::cli::run;
use crate::database::{Cluster, PASSWORD, options_at};
use crate::fixture::set_mode;
use crate::flows::races::crowd_of;
use crate::service::{NOW, RETURN_URL, TestService, presentation_path};
use crate::store::postgres::proxy::Proxy;
use pruefstein::adapters::store::conformance::Store;
use pruefstein::adapters::store::postgres::{Options, PostgresStore};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Services with nothing in common but the world and the database.
async fn instances(cluster: &Cluster, database: &str, count: usize) -> Vec<Arc<TestService>> {
    let mut services: Vec<Arc<TestService>> = Vec::new();
    for _ in 0..count {
        let store: Store = cluster.store(database).await;
        let service = match services.first() {
            None => TestService::on(store, |_| {}),
            Some(first) => first.another_instance_on(store),
        };
        services.push(Arc::new(service));
    }
    services
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_presentation_travels_through_three_instances() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let services = instances(cluster, &database, 3).await;
    let [first, second, third] = &services[..] else { unreachable!() };
    let created = first.create_preset("bewohnerparken").await;
    let path = format!("{}?wait=30", presentation_path(&created));
    let waiting = {
        let service = Arc::clone(first);
        tokio::spawn(async move { service.get(&path).await })
    };
    let answer = second.composed(&created, second.options()).await.remove(0);
    assert!(!waiting.is_finished(), "being collected is no end");
    assert_eq!(third.deliver(&answer).await.status, 200);
    let (status, read) = waiting.await.unwrap();
    assert_eq!((status, &read["status"]), (200, &json!("verified")), "watched at the first");
    for service in &services {
        assert_eq!(service.status(&created).await, "verified");
    }
    assert_eq!(third.deliver(&answer).await.status, 409, "once");
    assert_eq!(first.deliver(&answer).await.status, 409, "once, wherever");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_people_answer_at_the_same_moment_at_three_instances() {
    // case RSP-007, STATE-S1: two people, 32 answers each, three instances, one database.
    let Some(cluster) = Cluster::shared() else { return };
    for count in [2, 3] {
        let database = cluster.database().await;
        crowd_of(instances(cluster, &database, count).await).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_the_service_says_so_and_goes_on() {
    // STO-012, STO-016: 503 with a code, never a verdict; then everything as before, without a restart.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let proxy = Proxy::before(cluster.port).await;
    let second = Duration::from_secs(1);
    let options = Options { connect_timeout: second, statement_timeout: second, ..options_at(proxy.port, &database) };
    let store: Store = Arc::new(PostgresStore::open(options).await.unwrap());
    let service = TestService::on(store, |_| {});
    let created = service.create_preset("bewohnerparken").await;
    let answer = service.composed(&created, service.options()).await.remove(0);
    proxy.weather.refusing.store(true, Ordering::SeqCst);
    proxy.cut();
    let unavailable = |(status, problem): (u16, Value)| {
        assert_eq!((status, &problem["code"]), (503, &json!("storage_unavailable")), "{problem}");
    };
    unavailable(service.get(&presentation_path(&created)).await);
    let body = json!({"preset": "bewohnerparken", "flow": "same_device", "return_url": RETURN_URL});
    unavailable(service.post_json("/v1/presentations", &body).await);
    let refused = service.deliver(&answer).await;
    assert_eq!(refused.status, 503);
    assert!(refused.header("retry-after").is_some(), "the wallet may come again");
    proxy.weather.refusing.store(false, Ordering::SeqCst);
    assert_eq!(service.deliver(&answer).await.status, 200, "the same answer, a little later");
    assert_eq!(service.status(&created).await, "verified");
    assert_eq!(service.store.expire_and_erase(NOW, 10).await.unwrap().total(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_runs_on_it() {
    // As the load generator starts it.
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let folder = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).unwrap();
        set_mode(&folder.path().join(name), 0o600);
    };
    secret("store.key", &"0a1b".repeat(16));
    secret("password", PASSWORD);
    let settings = format!(
        "[store]\nkind = \"postgresql\"\n[postgresql]\nhost = \"127.0.0.1:{}\"\ndatabase = \"{database}\"\n\
        tls = \"unencrypted_on_this_machine_only\"\npassword_file = \"password\"\nencryption_key_file = \"store.key\"\n\
        connect_timeout_ms = 20000\nstatement_timeout_ms = 20000\n",
        cluster.port
    );
    std::fs::write(folder.path().join("store.toml"), settings).unwrap();
    let ran = run(&["demo", "--once", "--data", folder.path().to_str().unwrap()], b"");
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let client = cluster.connect(&database).await;
    let rows = client.query_one("SELECT count(*) FROM pruefstein_transactions WHERE status = 2", &[]).await.unwrap();
    assert_eq!(rows.get::<_, i64>(0), 1);
    assert!(!folder.path().join("demo.sqlite").exists());
    std::fs::write(folder.path().join("store.toml"), "[store]\nkind = \"postgresql\"\n").unwrap();
    let ran = run(&["demo", "--once", "--data", folder.path().to_str().unwrap()], b"");
    assert!(ran.exit != 0 && ran.err.contains("postgresql.host"), "{}", ran.err);
}
