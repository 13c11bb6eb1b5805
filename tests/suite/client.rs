//! A client in TypeScript, generated from the committed description, against the service on a loopback port.
//!
//! It needs npm. Without it the test says that it was skipped, unless `PRUEFSTEIN_CLIENT=required` is set.
#![expect(clippy::disallowed_methods, reason = "whether a skip is allowed is said by the environment")]

use crate::service::TestService;
use pruefstein::domain::ids::TenantId;
use pruefstein::domain::jose::hash::sha256;
use pruefstein::http::callers::{CallerKey, Callers};
use pruefstein::http::{Front, NoObserver, router};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

const API_KEY: &str = "key-of-the-client-test";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/client")
}

fn npm(arguments: &[&str], environment: &[(&str, &str)]) -> std::io::Result<Output> {
    Command::new("npm").args(arguments).envs(environment.iter().copied()).current_dir(folder()).output()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Whether npm and the packages of the lock file are there; if not, why.
fn prepare() -> Result<(), String> {
    npm(&["--version"], &[]).map_err(|error| format!("npm cannot be run: {error}"))?;
    if folder().join("node_modules/.package-lock.json").exists() {
        return Ok(());
    }
    let output = npm(&["ci"], &[]).map_err(|error| format!("npm ci cannot be run: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("npm ci failed: {}", text(&output))) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generated_client_does_what_the_description_says() {
    if let Err(why) = prepare() {
        assert!(std::env::var("PRUEFSTEIN_CLIENT").is_err(), "the client test is required, but {why}");
        println!("client: skipped, {why}");
        return;
    }
    let service = TestService::new();
    let key = CallerKey {
        name: "client-test".to_owned(),
        tenant: TenantId::default_tenant(),
        sha256: sha256(API_KEY.as_bytes()),
    };
    let front = Front::new(Arc::clone(&service.app), Callers::Keys(vec![key]), Arc::new(NoObserver));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { axum::serve(listener, router(front)).await });
    let output = tokio::task::spawn_blocking(move || {
        npm(&["run", "--silent", "flow"], &[("BASE_URL", &address), ("API_KEY", API_KEY)]).unwrap()
    })
    .await
    .unwrap();
    server.abort();
    assert!(output.status.success(), "{}", text(&output));
    let said = text(&output);
    let passed = said.lines().find(|line| line.starts_with("client: ") && line.ends_with(" steps passed"));
    println!("{}", passed.unwrap_or_else(|| panic!("no count of steps: {said}")));
}
