//! Many hosts of trust data: a slow one delays nobody else, and few are asked at once.

use crate::service::{NOW, STATUS_BASE, TestService};
use crate::trust_refresh::{REFRESH, edition, list_plan, present, source_plan};
use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::kept::KeptInMemory;
use pruefstein::app::ports::{Clock, Fetch, FetchError, FetchRequest, FetchResponse, Pending, Validators};
use pruefstein::app::refresh_trust::Refreshed;
use pruefstein::demo::World;
use pruefstein::demo::world::StatusHostFetch;
use pruefstein::domain::reason::Code;
use pruefstein::domain::trust_list::plan::{ListPlan, Place};
use pruefstein::simulator::trust_list::ListWriter;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// Hosts that answer at once, or never: only when the test lets them.
struct Hosts {
    documents: BTreeMap<String, Vec<u8>>,
    waiting: Mutex<Vec<String>>,
    end: Notify,
    status: StatusHostFetch,
}

impl Fetch for Hosts {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        if request.url.starts_with(STATUS_BASE) {
            return self.status.get(request);
        }
        if let Some(body) = self.documents.get(&request.url).cloned() {
            let (validators, date) = (Validators::default(), None);
            let response = FetchResponse { status: 200, content_type: None, max_age: None, validators, date, body };
            return Box::pin(async move { Ok(response) });
        }
        self.waiting.lock().unwrap().push(request.url);
        Box::pin(async move {
            self.end.notified().await;
            Err(FetchError::Timeout)
        })
    }
}

struct Scene {
    service: TestService,
    hosts: Arc<Hosts>,
}

impl Scene {
    /// Lists that never come from these addresses, in this order, and after them the one that the source takes.
    fn behind(slow: &[&str]) -> Self {
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        let writer = ListWriter::new(&world.authority).unwrap();
        let clock = Arc::new(FixedClock::new(NOW));
        let url = |url: &str| Place::Url(url.to_owned());
        let mut plans: Vec<ListPlan> = (0..)
            .zip(slow)
            .map(|(number, slow)| ListPlan { name: format!("slow-{number}"), ..list_plan(&writer, url(slow)) })
            .collect();
        plans.push(list_plan(&writer, url("https://good.example/pids")));
        let hosts = Arc::new(Hosts {
            documents: BTreeMap::from([("https://good.example/pids".to_owned(), edition(&writer, 1, NOW, |_| {}))]),
            waiting: Mutex::default(),
            end: Notify::new(),
            status: StatusHostFetch::new(world.status_host, Arc::clone(&clock) as Arc<dyn Clock>),
        });
        let fetch = Arc::clone(&hosts) as Arc<dyn Fetch>;
        let service =
            TestService::with_trust_lists(clock, fetch, plans, Arc::new(KeptInMemory::default()), vec![source_plan()]);
        Self { service, hosts }
    }

    fn waiting(&self) -> Vec<String> {
        self.hosts.waiting.lock().unwrap().clone()
    }

    /// Lets others run until nothing more happens.
    async fn settle() {
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_host_that_never_answers_delays_no_other_list() {
    // The good list is in force while the host before it is still silent.
    let scene = Scene::behind(&["https://slow.example/1"]);
    let app = Arc::clone(&scene.service.app);
    let round = tokio::spawn(async move { app.refresh_trust().await });
    Scene::settle().await;
    assert_eq!(scene.waiting(), ["https://slow.example/1"]);
    assert!(!round.is_finished());
    assert_eq!(present(&scene.service).await, ("verified".to_owned(), None));
    scene.hosts.end.notify_waiters();
    // What is told stands in the order of the configuration.
    let told = round.await.unwrap();
    let names: Vec<&str> = told.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["slow-0", "pids"]);
    assert!(matches!(&told[0].1, Refreshed::Failed(reason) if reason.code == Code::TrustUnavailable));
    assert_eq!(told[1].1, Refreshed::Changed { sequence: 1 });
}

#[tokio::test]
async fn few_hosts_are_asked_at_once_and_each_by_one_request() {
    let slow: Vec<String> = (0..6).map(|number| format!("https://slow-{number}.example/list")).collect();
    let mut addresses: Vec<&str> = vec!["https://slow-0.example/first"; 5];
    addresses.extend(slow.iter().map(String::as_str));
    let scene = Scene::behind(&addresses);
    let app = Arc::clone(&scene.service.app);
    let round = tokio::spawn(async move { app.refresh_trust().await });
    Scene::settle().await;
    // Those who wait for one host take no room from the others.
    let hosts = ["slow-0.example/first", "slow-1.example/list", "slow-2.example/list", "slow-3.example/list"];
    assert_eq!(scene.waiting(), hosts.map(|host| format!("https://{host}")));
    while !round.is_finished() {
        scene.hosts.end.notify_waiters();
        Scene::settle().await;
    }
    let told = round.await.unwrap();
    assert_eq!((told.len(), scene.waiting().len()), (12, 11));
    assert_eq!(told[11], ("pids".to_owned(), Refreshed::Changed { sequence: 1 }));
    // Soon after only those that failed are asked again.
    scene.service.clock.advance(REFRESH / 2);
    let app = Arc::clone(&scene.service.app);
    let round = tokio::spawn(async move { app.refresh_trust().await });
    while !round.is_finished() {
        scene.hosts.end.notify_waiters();
        Scene::settle().await;
    }
    assert_eq!(round.await.unwrap().len(), 11);
}
