//! Many at the same moment: of answers, of readers, of creators, of those who end and those who call off.

use crate::service::{Answer, NOW, RETURN_URL, TestService, path_of, presentation_path, sqlite};
use pruefstein::adapters::store::memory::MemoryStore;
use pruefstein::app::ports::{Changes, Idempotency, Inserted, Pending, Replaced, Swept, TransactionStore};
use pruefstein::domain::ids::{PageHandle, RequestHandle, TenantId, TransactionId};
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::transaction::Transaction;
use pruefstein::simulator::people::Person;
use pruefstein::simulator::transport::HttpRequest;
use pruefstein::simulator::wallet::Options;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A store whose writes take their time, as a disk's do.
struct Slow(MemoryStore);

impl TransactionStore for Slow {
    fn insert(&self, transaction: Transaction, idempotency: Option<Idempotency>) -> Pending<'_, Inserted> {
        self.0.insert(transaction, idempotency)
    }

    fn by_id<'a>(&'a self, tenant: &'a TenantId, id: &'a TransactionId) -> Pending<'a, Option<Transaction>> {
        self.0.by_id(tenant, id)
    }

    fn by_handle<'a>(&'a self, handle: &'a RequestHandle) -> Pending<'a, Option<Transaction>> {
        self.0.by_handle(handle)
    }

    fn by_page<'a>(&'a self, page: &'a PageHandle) -> Pending<'a, Option<Transaction>> {
        self.0.by_page(page)
    }

    fn replace<'a>(&'a self, shown: &'a Transaction, next: Transaction) -> Pending<'a, Replaced> {
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            self.0.replace(shown, next).await
        })
    }

    fn expire_and_erase(&self, now: UnixSeconds, limit: usize) -> Pending<'_, Swept> {
        self.0.expire_and_erase(now, limit)
    }

    fn watch(&self, id: &TransactionId) -> Changes {
        self.0.watch(id)
    }

    fn health(&self) -> Pending<'_, ()> {
        self.0.health()
    }

    fn close(&self) -> Pending<'_, ()> {
        self.0.close()
    }
}

/// All of them at the same moment, on all threads.
async fn all_at_once<T: Send + 'static>(tasks: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let gate = Arc::new(tokio::sync::Barrier::new(tasks.len()));
    let handles: Vec<_> = tasks
        .into_iter()
        .map(|task| {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move {
                gate.wait().await;
                task.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for handle in handles {
        results.push(handle.await.unwrap());
    }
    results
}

fn statuses(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}

async fn send(service: Arc<TestService>, request: HttpRequest) -> Answer {
    service.deliver(&request).await
}

/// Two people answer one transaction, 32 times each, through this many instances of the service.
async fn crowd(store: Arc<dyn TransactionStore>, instances: usize) {
    let first = Arc::new(TestService::on(store, |_| {}));
    let mut services = vec![Arc::clone(&first)];
    services.extend((1..instances).map(|_| Arc::new(first.another_instance())));
    crowd_of(services).await;
}

/// The same through these instances, which share a world.
pub(crate) async fn crowd_of(services: Vec<Arc<TestService>>) {
    let (first, instances) = (Arc::clone(&services[0]), services.len());
    let created = first.create_preset("bewohnerparken").await;
    let people = [Person::Ordinary, Person::TwoNationalities];
    let mut tasks = Vec::new();
    for number in 0..64_usize {
        let person = people[number / 32];
        let answer = first.composed(&created, Options { person, ..first.options() }).await.remove(0);
        tasks.push(send(Arc::clone(&services[number % instances]), answer));
    }
    let answers = all_at_once(tasks).await;
    assert_eq!((statuses(&answers, 200), statuses(&answers, 409)), (1, 63), "of 64 with {instances} instances");
    let winner = answers.iter().position(|answer| answer.status == 200).unwrap() / 32;
    let expected = people[winner].claims(people[winner].pid_issuer(), NOW).unwrap();
    let read = first.read(&created).await;
    assert_eq!(read["status"], "verified");
    let claims = &read["result"]["credentials"]["pid-de-sdjwt"][0]["claims"];
    for name in ["family_name", "given_name", "birthdate"] {
        assert_eq!(claims[name], expected[name], "{name} is the winner's");
    }
    assert_eq!(claims["address"]["street_address"], expected["address"]["street_address"]);
    let other = people[1 - winner].claims(people[1 - winner].pid_issuer(), NOW).unwrap();
    for name in ["family_name", "birthdate"] {
        assert!(!read.to_string().contains(other[name].as_str().unwrap()), "nothing of the other");
    }
    for service in &services {
        assert_eq!(service.read(&created).await, read, "every instance tells the same");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_people_answer_at_the_same_moment() {
    // OVP-RESP-15, KB-14.
    // case RSP-007, STATE-S1: real crypto, memory store.
    crowd(Arc::new(MemoryStore::new(86_400)), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_people_answer_at_the_same_moment_on_disk() {
    // case RSP-007 on the embedded store.
    let folder = tempfile::tempdir().unwrap();
    crowd(sqlite(folder.path()), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_people_answer_at_the_same_moment_over_a_slow_store() {
    // case RSP-007: the limit on tries must not turn a lost race into too many tries.
    crowd(Arc::new(Slow(MemoryStore::new(86_400))), 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_people_answer_through_many_instances() {
    // case RSP-008 as far as one process goes: nothing but the store decides.
    crowd(Arc::new(MemoryStore::new(86_400)), 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calling_off_races_with_answering() {
    // cases RSP-010, PRI-013: whichever comes first stays; after both, no claim can be read.
    let mut ends = Vec::new();
    for round in 0..16_u64 {
        let service = Arc::new(TestService::new());
        let created = service.create_preset("schalter").await;
        let answer = service.composed(&created, service.options()).await.remove(0);
        let path = presentation_path(&created);
        let (answering, calling) = (Arc::clone(&service), Arc::clone(&service));
        let both = tokio::join!(tokio::spawn(send(answering, answer)), async move {
            tokio::time::sleep(Duration::from_micros(round * 500)).await;
            calling.send("DELETE", &path, None).await.0
        });
        let answered = both.0.unwrap().status;
        assert_eq!(both.1, 204);
        let (status, read) = service.get(&presentation_path(&created)).await;
        match answered {
            // Called off after the end: the result is erased.
            200 => assert_eq!((status, read["code"].as_str()), (410, Some("result_purged"))),
            409 => assert_eq!((status, read["status"].as_str()), (200, Some("cancelled"))),
            other => unreachable!("{other}"),
        }
        ends.push(answered);
    }
    assert_eq!(ends.len(), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_result_that_is_read_once_is_read_once() {
    // case SES-013: without deletion everybody reads the same, however many; with it exactly one does.
    for delete_after_read in [false, true] {
        let service = Arc::new(TestService::new());
        let body = json!({
            "preset": "schalter", "flow": "same_device", "return_url": RETURN_URL,
            "result": {"delete_after_read": delete_after_read}
        });
        let created = service.create(&body).await;
        let report = service.answer(&created, service.options()).await;
        let redirect = report.redirect_uri.unwrap();
        let path = format!("{}?{}", presentation_path(&created), redirect.split_once('?').unwrap().1);
        let tasks = (0..32).map(|_| {
            let (service, path) = (Arc::clone(&service), path.clone());
            async move { service.call("GET", &path).send().await }
        });
        let answers = all_at_once(tasks.collect()).await;
        let whole = answers.iter().filter(|answer| answer.text().contains("family_name")).count();
        if delete_after_read {
            assert_eq!((statuses(&answers, 200), whole, statuses(&answers, 410)), (1, 1, 31));
        } else {
            assert_eq!((statuses(&answers, 200), whole), (32, 32));
            assert!(answers.iter().all(|answer| answer.body == answers[0].body));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn equal_calls_create_once() {
    // case API-010: one key, one body, 16 at a time on the embedded store.
    let folder = tempfile::tempdir().unwrap();
    let service = Arc::new(TestService::on(sqlite(folder.path()), |_| {}));
    let body = json!({"preset": "schalter", "flow": "cross_device"});
    let tasks = (0..16).map(|number| {
        let (service, mut body) = (Arc::clone(&service), body.clone());
        if number == 15 {
            body["reference"] = json!("another");
        }
        async move { service.call("POST", "/v1/presentations").header("idempotency-key", "k1").json(&body).send().await }
    });
    let answers = all_at_once(tasks.collect()).await;
    let created: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
    let ids: Vec<Value> = created.iter().map(|answer| answer.json()["id"].clone()).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert!(matches!((created.len(), statuses(&answers, 409)), (15, 1) | (1, 15)), "{}", created.len());
}

#[tokio::test]
async fn what_was_acknowledged_survives_the_end_of_the_process() {
    // cases STO-001, STO-002 at the level of the flow, and RSP-007 after a restart: what was open is still answerable,
    // what was verified stays so, and the same answer again changes nothing. The store is dropped, not closed.
    let folder = tempfile::tempdir().unwrap();
    let before = TestService::on(sqlite(folder.path()), |_| {});
    let open = before.create_preset("bewohnerparken").await;
    let late = before.composed(&open, before.options()).await.remove(0);
    let ended = before.create_preset("bewohnerparken").await;
    let answer = before.composed(&ended, before.options()).await.remove(0);
    assert_eq!(before.deliver(&answer).await.status, 200);
    let read = before.read(&ended).await;
    drop(before);

    let after = TestService::on(sqlite(folder.path()), |_| {});
    assert_eq!(after.read(&ended).await, read);
    assert_eq!(after.deliver(&answer).await.status, 409);
    assert_eq!(after.read(&ended).await, read);
    assert_eq!(after.raw("GET", &path_of(&ended["request_uri"]), None).await.status, 410);
    assert_eq!(after.status(&open).await, "fetched");
    assert_eq!(after.deliver(&late).await.status, 200);
    assert_eq!(after.status(&open).await, "verified");
    drop(after);

    let later = TestService::on(sqlite(folder.path()), |_| {});
    assert_eq!(later.status(&open).await, "verified");
    later.clock.advance(86_400);
    later.app.expire().await.unwrap();
    assert_eq!(later.get(&presentation_path(&open)).await.0, 410);
}
