//! The service as a process: start, readiness, a request, a stop.

use crate::cli::run;
use crate::database::{Cluster, PASSWORD};
use crate::fixture::{Folder, SOUND};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

struct Process {
    child: Child,
    public: SocketAddr,
    operations: SocketAddr,
    folder: Folder,
}

/// An address that is free at the moment.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A sound configuration on free ports. Certificates must hold now, so their period is long.
fn configuration(public: SocketAddr, operations: SocketAddr) -> String {
    SOUND.replace(
        "public_url = \"https://verifier.example\"",
        &format!(
            "public_url = \"http://{public}\"\nlisten = \"{public}\"\noperations_listen = \"{operations}\"\nshutdown_seconds = 2"
        ),
    )
}

fn start(folder: &Folder) -> Child {
    Command::new(env!("CARGO_BIN_EXE_pruefstein"))
        .args(["serve", "--config", folder.path("pruefstein.toml").to_str().unwrap()])
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

impl Process {
    fn new() -> Self {
        Self::of(Folder::new(), str::to_owned)
    }

    fn of(folder: Folder, change: impl FnOnce(&str) -> String) -> Self {
        let (public, operations) = (free(), free());
        folder.write("pruefstein.toml", &change(&configuration(public, operations)));
        let process = Self { child: start(&folder), public, operations, folder };
        let began = Instant::now();
        while get(process.operations, "/health/live").is_none() {
            assert!(began.elapsed() < Duration::from_mins(1), "it does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        process
    }

    /// Tells it to stop; its exit code and its log.
    fn stop(mut self) -> (i32, Vec<Value>) {
        let told = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
        let status = self.child.wait().unwrap();
        let log = BufReader::new(self.child.stderr.take().unwrap());
        let lines = log.lines().map(|line| serde_json::from_str(&line.unwrap()).expect("a line of JSON"));
        (status.code().unwrap(), lines.collect())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // If a test has failed before its stop; a process that has ended already is no fault.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn ask(address: SocketAddr, request: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

#[test]
fn it_starts_serves_and_stops() {
    let process = Process::new();
    let (status, body) = get(process.operations, "/health/ready").unwrap();
    let readiness: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &readiness["ready"]), (200, &Value::Bool(true)), "{body}");
    let names: Vec<&str> =
        readiness["checks"].as_array().unwrap().iter().map(|check| check["check"].as_str().unwrap()).collect();
    assert_eq!(names, ["running", "randomness", "store", "access_certificate", "trust", "trust_source"]);

    // Health and metrics are not public, and what is public is not on the operations listener.
    assert_eq!(get(process.public, "/health/ready").unwrap().0, 404);
    assert_eq!(get(process.public, "/metrics").unwrap().0, 404);
    assert_eq!(get(process.operations, "/v1/presets").unwrap().0, 404);
    let (status, body) = get(process.public, "/v1/presets").unwrap();
    assert_eq!(status, 401, "{body}");
    assert!(body.contains("urn:uuid:"), "{body}");
    let secret = "handle-that-opens-something";
    assert_eq!(get(process.public, &format!("/wallet/requests/{secret}?a={secret}")).unwrap().0, 404);
    let codes = get(process.public, "/docs/error-codes.md").unwrap();
    assert!(codes.1.contains("### kb_nonce_mismatch"), "{}", codes.0);
    let (_, metrics) = get(process.operations, "/metrics").unwrap();
    for line in [
        "pruefstein_requests_total{group=\"wallet\",status=\"4xx\"} 1",
        "pruefstein_requests_total{group=\"caller\",status=\"4xx\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    assert!(metrics.lines().any(|line| line.starts_with("pruefstein_certificate_ends_seconds 18")), "{metrics}");

    // API-026: nothing for developers is left in, on either side.
    for path in [
        "/debug",
        "/debug/pprof/",
        "/debug/vars",
        "/actuator/env",
        "/env",
        "/heapdump",
        "/trace",
        "/admin",
        "/server-status",
        "/v1/debug",
        "/.env",
    ] {
        for address in [process.public, process.operations] {
            assert_eq!(get(address, path).unwrap().0, 404, "{path}");
        }
    }
    let folder = process.folder.path("store.sqlite3");
    assert!(folder.exists());
    let (exit, log) = process.stop();
    assert_eq!(exit, 0, "{log:#?}");
    let text = format!("{log:?}");
    // One line for each request, without handles and queries.
    assert!(!text.contains(secret), "{text}");
    assert!(log.iter().any(|line| line["route"] == "/wallet/requests/{handle}" && line["status"] == 404), "{log:#?}");
    assert!(log.iter().any(|line| line["message"] == "the service has ended"), "{log:#?}");
    // Nothing was under way, so nothing had to be waited for until it was cut.
    assert!(!log.iter().any(|line| line["message"] == "connections were cut at the end"), "{log:#?}");
}

#[test]
fn a_store_belongs_to_one_process() {
    // STO-008.
    let process = Process::new();
    let (public, operations) = (free(), free());
    process.folder.write("second.toml", &configuration(public, operations));
    let second = run(&["serve", "--config", process.folder.path("second.toml").to_str().unwrap()], b"");
    assert_eq!(second.exit, 2, "{}", second.err);
    assert!(second.err.contains("another process has this store open"), "{}", second.err);
    assert_eq!(process.stop().0, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_a_database() {
    let Some(cluster) = Cluster::shared() else { return };
    let database = cluster.database().await;
    let file = |password: &str| {
        let folder = Folder::new();
        folder.write_private("store.key", &"0a1b".repeat(16));
        folder.write_private("password", password);
        folder
    };
    let section = format!(
        "[store]\nkind = \"postgresql\"\n[postgresql]\nhost = \"127.0.0.1:{}\"\ndatabase = \"{database}\"\n\
        tls = \"unencrypted_on_this_machine_only\"\npassword_file = \"password\"\n\
        encryption_key_file = \"store.key\"\nconnect_timeout_ms = 20000\n",
        cluster.port
    );
    let on_it = |text: &str| text.replace("[store]\npath = \"store.sqlite3\"\n", &section);
    let start = || Process::of(file(PASSWORD), on_it);
    let (first, second) = (start(), start());
    for process in [&first, &second] {
        let (status, body) = get(process.operations, "/health/ready").unwrap();
        assert_eq!(status, 200, "{body}");
    }
    for process in [first, second] {
        let (exit, log) = process.stop();
        assert_eq!(exit, 0, "{log:#?}");
        let doubt = |line: &Value| line["message"].as_str().unwrap_or_default().contains("fsync is off");
        assert!(log.iter().any(doubt), "STO-012: {log:#?}");
    }
    // STO-018: with the wrong password it does not start, and says what to do.
    let folder = file("wrong");
    folder.write("pruefstein.toml", &on_it(&configuration(free(), free())));
    let ran = run(&["serve", "--config", folder.path("pruefstein.toml").to_str().unwrap()], b"");
    assert_eq!(ran.exit, 3, "{}", ran.err);
    assert!(ran.err.contains("password authentication failed"), "{}", ran.err);
    cluster.run(&database, "INSERT INTO pruefstein_schema (version, usable_from) VALUES (9, 9)").await;
    // STO-010
    folder.write_private("password", PASSWORD);
    let ran = run(&["serve", "--config", folder.path("pruefstein.toml").to_str().unwrap()], b"");
    assert_eq!(ran.exit, 2, "{}", ran.err);
    assert!(ran.err.contains("use the newer program"), "{}", ran.err);
}

#[test]
fn what_is_out_of_reach_is_named() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    folder.write("pruefstein.toml", &configuration(taken.local_addr().unwrap(), free()));
    let ran = run(&["serve", "--config", folder.path("pruefstein.toml").to_str().unwrap()], b"");
    assert_eq!(ran.exit, 3, "{}", ran.err);
    assert!(ran.err.contains("cannot be listened on"), "{}", ran.err);
    folder.write("pruefstein.toml", "[service]\n");
    let ran = run(&["serve", "--config", folder.path("pruefstein.toml").to_str().unwrap()], b"");
    assert_eq!(ran.exit, 2);
    assert!(ran.err.contains("service.public_url: is missing"), "{}", ran.err);
}
