//! `pruefstein demo`: the whole story on one machine, with nothing set up before.

use super::{Exit, Failure, Terminal, visible};
use crate::adapters::clock::SystemClock;
use crate::app::ports::Clock as _;
use crate::demo::Stage;
use crate::demo::stage::{Wanted, log_warnings};
use crate::http::NoObserver;
use crate::simulator::people::Person;
use crate::simulator::transport::{HttpRequest, HttpTransport, Method, Transport as _};
use crate::simulator::wallet::{Options, Wallet};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to show.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Run one presentation through the real HTTP surfaces, print the report, and end.
    #[arg(long)]
    once: bool,
    /// Who presents, with --once: ordinary, without-address, unknown-birthday, two-nationalities, minor, foreign.
    #[arg(long, default_value = "ordinary")]
    person: String,
    /// The preset that is asked for, with --once.
    #[arg(long, default_value = "bewohnerparken")]
    preset: String,
    /// Where the store and the throw-away keys are kept; a folder of its own for a time if absent. A file store.toml
    /// there, with [store] and [postgresql], puts the store elsewhere.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] if something cannot be started or reached.
pub fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let person = Person::from_name(&arguments.person)
        .ok_or_else(|| Failure::wrong_use("there is no such person", "See pruefstein demo --help for the names."))?;
    let folder = Folder::make(arguments.data.as_deref())?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| out_of_reach(&error))?;
    runtime.block_on(async {
        if arguments.once {
            once(&folder.0, person, &arguments.preset, terminal).await
        } else {
            stay(&folder.0, terminal).await
        }
    })
}

fn out_of_reach(error: &dyn std::fmt::Display) -> Failure {
    let hint = "The demonstration needs loopback ports and a folder for its store.";
    Failure { exit: Exit::OutOfReach, code: None, message: error.to_string(), hint: hint.to_owned() }
}

/// A folder that goes with the demonstration, unless it was named.
struct Folder(PathBuf, bool);

impl Folder {
    fn make(named: Option<&Path>) -> Result<Self, Failure> {
        let (path, ours) = match named {
            Some(path) => (path.to_owned(), false),
            None => (std::env::temp_dir().join(format!("pruefstein-demo-{}", std::process::id())), true),
        };
        std::fs::create_dir_all(&path).map_err(|error| out_of_reach(&error))?;
        Ok(Self(path, ours))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.1 {
            std::fs::remove_dir_all(&self.0).ok();
        }
    }
}

async fn once(folder: &Path, person: Person, preset: &str, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let stage = Stage::anywhere(folder).await.map_err(|error| out_of_reach(&error))?;
    let transport = HttpTransport::new().map_err(|error| out_of_reach(&error))?;
    let return_url = crate::demo::form::return_url(&stage.form);
    terminal.say(&format!("verifier     {}", stage.verifier));
    terminal.say(&format!("status list  {}", stage.world.status_host.base()));

    let wish = json!({"preset": preset, "flow": "same_device", "return_url": return_url});
    let created = call(&transport, Method::Post, &format!("{}/v1/presentations", stage.verifier), Some(&wish)).await?;
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (id, link) = (text(&created, "id"), text(&created, "authorization_request_uri"));
    if id.is_empty() {
        terminal.say(&visible(&serde_json::to_string_pretty(&created).unwrap_or_default()));
        return Ok(Exit::Refused);
    }
    terminal.say(&format!("request      {link}"));

    let wallet = Wallet::new(Arc::clone(&stage.world.authority), stage.world.status_host.base());
    let options = Options { person, ..Options::at(SystemClock.now()) };
    let report = wallet.answer(&link, &transport, options).await.map_err(|error| out_of_reach(&error))?;
    let redirect = report.redirect_uri.unwrap_or_default();
    let code = redirect.split_once("response_code=").map(|(_, code)| code).unwrap_or_default();
    terminal.say(&format!(
        "wallet       {} answers, the verifier says {}",
        person.name(),
        report.replies.last().map_or(0, |reply| reply.status)
    ));

    let address = format!("{}/v1/presentations/{id}?response_code={code}", stage.verifier);
    let read = call(&transport, Method::Get, &address, None).await?;
    terminal.say(&format!("\n{}", visible(&serde_json::to_string_pretty(&read.get("result")).unwrap_or_default())));
    let mut passed = true;
    terminal.say("");
    for check in read.pointer("/report/checks").and_then(Value::as_array).into_iter().flatten() {
        let outcome = text(check, "outcome");
        passed &= outcome == "passed";
        let mark = if outcome == "passed" { '✓' } else { '✗' };
        let note = check.get("detail").or_else(|| check.get("note")).and_then(Value::as_str).unwrap_or_default();
        terminal.say(&visible(&format!("{mark} {:<22} {:<36} {note}", text(check, "check"), text(check, "source"))));
    }
    let verified = text(&read, "status") == "verified" && passed;
    terminal.say(&format!("\n{}", if verified { "VERIFIED: every check passed" } else { "NOT VERIFIED" }));
    Ok(if verified { Exit::Done } else { Exit::Refused })
}

async fn call(transport: &HttpTransport, method: Method, url: &str, body: Option<&Value>) -> Result<Value, Failure> {
    let (headers, body) = match body {
        Some(body) => (vec![("content-type", "application/json".to_owned())], body.to_string().into_bytes()),
        None => (Vec::new(), Vec::new()),
    };
    let request = HttpRequest { method, url: url.to_owned(), headers, body };
    let response = transport.send(request).await.map_err(|error| out_of_reach(&error))?;
    serde_json::from_slice(&response.body).map_err(|error| out_of_reach(&error))
}

async fn stay(folder: &Path, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    log_warnings();
    let wanted = Wanted { verifier: 8080, form: 8081, status_host: 8082 };
    let stage = Stage::start(folder, wanted, Arc::new(NoObserver)).await.map_err(|error| out_of_reach(&error))?;
    terminal.say(&format!("sample form   {}   ← open this in a browser", stage.form));
    terminal.say(&format!("caller API    {}/v1/presentations", stage.verifier));
    terminal.say(&format!("return_url    {}", crate::demo::form::return_url(&stage.form)));
    terminal.say(&format!("wallet        pruefstein wallet answer URI --world {}", stage.passport.display()));
    terminal.say("Everything is thrown away at the end. Stop with Ctrl-C.");
    terminal.flush();
    tokio::signal::ctrl_c().await.map_err(|error| out_of_reach(&error))?;
    Ok(Exit::Done)
}
