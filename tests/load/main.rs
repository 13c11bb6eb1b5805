//! Complete flows with real wallet cryptography against the running release binary: create, collect, encrypted answer,
//! read. Prints flows per second, the server's CPU per flow in V, latencies and memory.
//!
//! `cargo bench --bench load`. The generator shares the machine with the server, so flows per second say less than the
//! CPU of the server, which is read from /proc. `PRUEFSTEIN_LOAD_FLOWS` changes the number of flows per round.
//! `PRUEFSTEIN_LOAD_STORE` names a file with `[store]` and `[postgresql]`, with absolute paths, to measure on PostgreSQL
//! instead of the embedded store; the CPU of the database is not counted then.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::disallowed_methods,
    reason = "a load generator measures, prints and may stop"
)]

use pruefstein::demo::passport::Passport;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::jose::encrypt::encrypt;
use pruefstein::domain::jose::keys::SigningKey;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::simulator::authority::IssuerName;
use pruefstein::simulator::issuer::{Draft, Issued, KeyBinding, holder_key, present};
use pruefstein::simulator::people::Person;
use serde_json::{Map, Value, json};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The server, ended when dropped.
struct Server {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Ok(store) = std::env::var("PRUEFSTEIN_LOAD_STORE") {
            let text = std::fs::read_to_string(&store).unwrap();
            std::fs::write(folder.path().join("store.toml"), text).unwrap();
            println!("store: {store}");
        }
        let mut child = Command::new(env!("CARGO_BIN_EXE_pruefstein"))
            .args(["demo", "--data"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = String::new();
        for line in lines {
            let line = line.unwrap();
            if let Some(rest) = line.strip_prefix("caller API") {
                rest.trim().trim_end_matches("/v1/presentations").clone_into(&mut address);
            }
            if line.contains("Ctrl-C") {
                break;
            }
        }
        assert!(!address.is_empty(), "the demonstration says where its API is");
        Self { child, address, folder }
    }

    /// User time of the server, and its system time: with a durable store the latter is mostly the disk.
    fn cpu(&self) -> [Duration; 2] {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
        [11, 12].map(|place| Duration::from_millis(fields[place].parse::<u64>().unwrap() * 10))
    }

    fn memory(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

/// What every client of the load shares: one person's credential, issued once as wallets have it.
struct Shared {
    address: String,
    issued: Issued,
    holder: SigningKey,
    disclosures: Vec<String>,
    now: UnixSeconds,
}

fn now() -> UnixSeconds {
    UnixSeconds(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap())
}

impl Shared {
    fn new(server: &Server) -> Self {
        let passport = Passport::read(&server.folder.path().join("world.json")).unwrap();
        let authority = passport.authority().unwrap();
        let holder = holder_key(&authority, Person::Ordinary, IssuerName::PidGermany).unwrap();
        let base = passport.status_base;
        let draft = Draft::new(&authority, IssuerName::PidGermany, Person::Ordinary, &holder, &base, now()).unwrap();
        let issued = draft.seal(authority.seed()).issue().unwrap();
        let claims = json!([
            ["family_name"],
            ["given_name"],
            ["birthdate"],
            ["address", "street_address"],
            ["address", "postal_code"],
            ["address", "locality"]
        ]);
        let paths: Vec<Vec<Value>> =
            claims.as_array().unwrap().iter().map(|path| path.as_array().unwrap().clone()).collect();
        let disclosures = issued.disclosures_for(&paths);
        Self { address: server.address.clone(), issued, holder, disclosures, now: now() }
    }

    /// One whole flow. Every answer is asserted.
    async fn flow(&self, client: &reqwest::Client) {
        let body = json!({"preset": "bewohnerparken", "flow": "cross_device"}).to_string();
        let create =
            client.post(format!("{}/v1/presentations", self.address)).header("content-type", "application/json");
        let created: Value =
            serde_json::from_slice(&create.body(body).send().await.unwrap().bytes().await.unwrap()).unwrap();
        let request_uri = created["request_uri"].as_str().unwrap();
        let object = client.get(request_uri).send().await.unwrap().text().await.unwrap();
        let payload = base64::decode_url(object.split('.').nth(1).unwrap()).unwrap();
        let request: Value = serde_json::from_slice(&payload).unwrap();
        let text = |name: &str| request[name].as_str().unwrap();
        let binding = KeyBinding::new(text("client_id"), text("nonce"), self.now.max(now()));
        let presentation = present(&self.issued, &self.disclosures, binding, &self.holder).unwrap();
        let jwk = request["client_metadata"]["jwks"]["keys"][0].as_object().unwrap();
        let mut header = Map::new();
        header.insert("kid".to_owned(), jwk["kid"].clone());
        let answer = json!({"vp_token": {"pid-de-sdjwt": [presentation]}, "state": text("state")}).to_string();
        let token = encrypt(jwk, "A256GCM", &header, answer.as_bytes()).unwrap();
        let response = client
            .post(text("response_uri"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("response={token}"))
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
        let id = created["id"].as_str().unwrap();
        let read =
            client.get(format!("{}/v1/presentations/{id}", self.address)).send().await.unwrap().bytes().await.unwrap();
        let read: Value = serde_json::from_slice(&read).unwrap();
        assert_eq!(read["status"], "verified", "{read}");
    }
}

async fn round(server: &Server, shared: &Arc<Shared>, clients: usize, flows: usize, v: f64) {
    let left = Arc::new(AtomicUsize::new(flows));
    let before = server.cpu();
    let start = Instant::now();
    let workers: Vec<_> = (0..clients)
        .map(|_| {
            let (left, shared) = (Arc::clone(&left), Arc::clone(shared));
            tokio::spawn(async move {
                let client = reqwest::Client::builder().no_proxy().build().unwrap();
                let mut times = Vec::new();
                while left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
                    let start = Instant::now();
                    shared.flow(&client).await;
                    times.push(start.elapsed().as_secs_f64());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for worker in workers {
        times.extend(worker.await.unwrap());
    }
    let wall = start.elapsed().as_secs_f64();
    let after = server.cpu();
    let [user, system] = [0, 1].map(|kind| after[kind].saturating_sub(before[kind]).as_secs_f64() / flows as f64);
    let cpu = user + system;
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] * 1e3;
    println!(
        "{clients:>7} {:>10.0} {:>12.1} µs {:>7.2} V {:>7.2} V {:>9.1} {:>9.1} {:>9} {:>9}",
        flows as f64 / wall,
        cpu * 1e6,
        cpu / v,
        user / v,
        at(0.5),
        at(0.99),
        server.memory("VmRSS"),
        server.memory("VmHWM"),
    );
}

/// One P-256 verification with a prepared key, in seconds: the median of many.
fn unit() -> f64 {
    let key = SigningKey::from_scalar(&[9; 32]).unwrap();
    let public = key.public_key().unwrap();
    let message = vec![b'm'; 1_200];
    let signature = key.sign(&message).unwrap();
    let mut times: Vec<f64> = (0..2_000)
        .map(|_| {
            let start = Instant::now();
            assert!(public.verify(&message, &signature));
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    pruefstein::adapters::fetch::install_crypto_provider();
    let flows = std::env::var("PRUEFSTEIN_LOAD_FLOWS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::start();
        assert!(Path::new(&format!("/proc/{}/stat", server.child.id())).exists(), "this program reads /proc");
        let shared = Arc::new(Shared::new(&server));
        let v = unit();
        println!(
            "V = {:.1} µs; durable store; {flows} flows per round, target at most 6 V of server CPU per flow",
            v * 1e6
        );
        println!("clients    flows/s   server CPU per flow     user part    p50 ms    p99 ms   RSS MiB   peak MiB");
        round(&server, &shared, 4, 100, v).await;
        for clients in [1, 16, 64] {
            round(&server, &shared, clients, flows, unit()).await;
        }
    });
}
