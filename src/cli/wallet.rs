//! `pruefstein wallet`: the simulated wallet. It answers verifiers under its own throw-away anchors and no others.

use super::{Exit, Failure, Terminal, visible};
use crate::adapters::clock::SystemClock;
use crate::adapters::entropy::OsEntropy;
use crate::app::ports::{Clock as _, Entropy as _};
use crate::app::time_text;
use crate::demo::passport::{FILE_NAME, Passport};
use crate::demo::registrations;
use crate::domain::encoding::{base64, json};
use crate::domain::time::UnixSeconds;
use crate::simulator::SimulatorError;
use crate::simulator::authority::pem;
use crate::simulator::dc_api::BrowserFault;
use crate::simulator::faults::{Expectation, Fault};
use crate::simulator::people::Person;
use crate::simulator::prefix::Prefixes;
use crate::simulator::status_host::StatusHost;
use crate::simulator::transport::HttpTransport;
use crate::simulator::trust_list::{ListOf, ListWriter};
use crate::simulator::wallet::{Fetch, Options, Wallet, WalletError};
use clap::{Args, Subcommand};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to do.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer one request.
    Answer(Answer),
    /// Make a throw-away world: keys and anchors for a service under test, and the wallet's file.
    World(Make),
    /// Serve the status lists of a world.
    StatusHost(Host),
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
struct Answer {
    /// The link or the text of the QR code: `openid4vp://?client_id=…`.
    #[arg(required_unless_present_any = ["list_faults", "list_oddities", "list_people", "dc_api"])]
    uri: Option<String>,
    /// Answer what a page hands to the browser's Digital Credentials API: a file with the answer of POST /v1/presentations,
    /// or with its dc_api_request. Prints what the page gets, to be posted to /v1/presentations/{id}/dc-api.
    #[arg(long, value_name = "FILE", requires = "origin", conflicts_with_all = ["uri", "get", "encrypted_request"])]
    dc_api: Option<PathBuf>,
    /// The origin of the page, as the browser tells the wallet.
    #[arg(long, requires = "dc_api")]
    origin: Option<String>,
    /// The file of the world, as `demo` prints it.
    #[arg(long, value_name = "FILE", default_value = FILE_NAME)]
    world: PathBuf,
    /// Who presents.
    #[arg(long, default_value = "ordinary")]
    person: String,
    /// Misbehave in this way.
    #[arg(long, value_name = "NAME", conflicts_with = "oddity")]
    fault: Option<String>,
    /// Do something odd but legal.
    #[arg(long, value_name = "NAME")]
    oddity: Option<String>,
    /// Collect the request by GET, also if POST is permitted.
    #[arg(long)]
    get: bool,
    /// Ask for an encrypted request object.
    #[arg(long, conflicts_with = "get")]
    encrypted_request: bool,
    /// Answer verifiers of every client identifier prefix, not of x509_hash alone.
    #[arg(long)]
    any_prefix: bool,
    /// The time that the wallet believes, RFC 3339 or seconds since 1970; now if absent.
    #[arg(long)]
    at: Option<String>,
    /// Name the ways to misbehave, each with its expected code.
    #[arg(long)]
    list_faults: bool,
    /// Name the legal oddities.
    #[arg(long)]
    list_oddities: bool,
    /// Name the people.
    #[arg(long)]
    list_people: bool,
    /// Print lists as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Make {
    /// Where to put the files; the folder is made.
    folder: PathBuf,
    /// The host of the verifier, as in its public address.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The address of the status host.
    #[arg(long, default_value = "http://127.0.0.1:8082")]
    status_base: String,
}

#[derive(Debug, Args)]
struct Host {
    /// The file of the world.
    #[arg(long, value_name = "FILE", default_value = FILE_NAME)]
    world: PathBuf,
    /// Where to listen: a loopback address.
    #[arg(long, default_value = "127.0.0.1:8082")]
    listen: SocketAddr,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] for wrong use, and if the verifier cannot be reached.
pub fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Answer(answer) if answer.list_faults => {
            Ok(list(terminal, answer.json, |expected| expected.code.is_some()))
        }
        Command::Answer(answer) if answer.list_oddities => {
            Ok(list(terminal, answer.json, |expected| expected.code.is_none()))
        }
        Command::Answer(answer) if answer.list_people => {
            for person in Person::ALL {
                terminal.say(person.name());
            }
            Ok(Exit::Done)
        }
        Command::Answer(answer) => match (&answer.dc_api, &answer.origin) {
            (Some(file), Some(origin)) => answer_browser(answer, file, origin, terminal),
            _ => answer_one(answer, terminal),
        },
        Command::World(make) => make_world(make, terminal),
        Command::StatusHost(host) => serve_lists(host, terminal),
    }
}

fn list(terminal: &mut Terminal<'_>, json: bool, wanted: impl Fn(Expectation) -> bool) -> Exit {
    let everywhere = Fault::ALL.iter().map(|fault| (fault.name(), fault.expected(), fault.meaning()));
    let by_browser = BrowserFault::ALL.iter().map(|fault| (fault.name(), fault.expected(), fault.meaning()));
    let chosen: Vec<_> = everywhere.chain(by_browser).filter(|(_, expected, _)| wanted(*expected)).collect();
    if json {
        let rows: Vec<serde_json::Value> = chosen
            .iter()
            .map(|(name, expected, meaning)| {
                serde_json::json!({
                    "name": name, "code": expected.code, "http": expected.http,
                    "transaction": format!("{:?}", expected.end).to_lowercase(), "meaning": meaning,
                })
            })
            .collect();
        terminal.say(&serde_json::to_string_pretty(&rows).unwrap_or_default());
        return Exit::Done;
    }
    for (name, expected, meaning) in chosen {
        let code = expected.code.map_or("accepted", crate::domain::reason::Code::as_str);
        terminal.say(&format!("{name:<34} {code:<31} {meaning}"));
    }
    Exit::Done
}

fn read_world(file: &Path) -> Result<Passport, Failure> {
    Passport::read(file).map_err(|error| {
        Failure::wrong_use(
            format!("{}: {error}", file.display()),
            "Name the file that `demo` prints, or make one with `wallet world`.",
        )
    })
}

fn out_of_reach(error: &dyn std::fmt::Display, hint: &str) -> Failure {
    Failure { exit: Exit::OutOfReach, code: None, message: error.to_string(), hint: hint.to_owned() }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| out_of_reach(&error, "Try again."))
}

fn named_fault(name: Option<&String>, list: &str) -> Result<Option<Fault>, Failure> {
    name.map(|name| {
        Fault::from_name(name).ok_or_else(|| {
            Failure::wrong_use(format!("there is no {name}"), format!("`wallet answer {list}` names them."))
        })
    })
    .transpose()
}

fn answer_one(answer: &Answer, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let passport = read_world(&answer.world)?;
    let authority = passport.authority().map_err(|error| Failure::wrong_use(error.to_string(), "Make a new world."))?;
    let person = named_person(&answer.person)?;
    let fault = named_fault(answer.fault.as_ref(), "--list-faults")?
        .or(named_fault(answer.oddity.as_ref(), "--list-oddities")?);
    let now = time(answer.at.as_deref())?;
    let fetch = match (answer.get, answer.encrypted_request) {
        (true, _) => Fetch::Get,
        (_, true) => Fetch::PostEncrypted,
        _ => Options::at(now).fetch,
    };
    let prefixes = if answer.any_prefix { Prefixes::Any } else { Prefixes::HashOnly };
    let options = Options { person, fault, fetch, prefixes, ..Options::at(now) };
    let transport = HttpTransport::new().map_err(|error| out_of_reach(&error, "Try again."))?;
    let wallet = Wallet::new(authority, &passport.status_base);
    let link = answer.uri.as_deref().unwrap_or_default();
    let report = runtime()?.block_on(wallet.answer(link, &transport, options)).map_err(refused)?;
    for reply in &report.replies {
        let body = reply.body.as_ref().map(ToString::to_string).unwrap_or_default();
        terminal.say(&visible(&format!("{} {body}", reply.status)));
    }
    if let Some(fault) = report.fault {
        let expected = fault.expected();
        let code = expected.code.map_or("accepted", crate::domain::reason::Code::as_str);
        terminal.remark(&format!("{}: {} Expected: {code}, status {}.", fault.name(), fault.meaning(), expected.http));
    }
    Ok(if report.is_as_expected() { Exit::Done } else { Exit::Refused })
}

/// Answers a page's call. Nothing is sent: the page has the answer, and its backend hands it in.
fn answer_browser(answer: &Answer, file: &Path, origin: &str, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let passport = read_world(&answer.world)?;
    let authority = passport.authority().map_err(|error| Failure::wrong_use(error.to_string(), "Make a new world."))?;
    let person = named_person(&answer.person)?;
    let named = answer.fault.as_ref().or(answer.oddity.as_ref());
    let by_browser = named.and_then(|name| BrowserFault::from_name(name));
    let fault = match by_browser {
        Some(_) => None,
        None => named_fault(answer.fault.as_ref(), "--list-faults")?
            .or(named_fault(answer.oddity.as_ref(), "--list-oddities")?),
    };
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::wrong_use(
            format!("{}: {error}", file.display()),
            "Name a file with the answer of POST /v1/presentations.",
        )
    };
    let bytes = std::fs::read(file).map_err(|error| unreadable(&error))?;
    let document = json::parse(&bytes).map_err(|fault| unreadable(&crate::domain::reason::Reason::from(fault)))?;
    let call = document.get("dc_api_request").unwrap_or(&document);
    let options = Options { person, fault, ..Options::at(time(answer.at.as_deref())?) };
    let wallet = Wallet::new(authority, &passport.status_base);
    let answers = wallet.answer_browser(call, origin, options, by_browser).map_err(refused)?;
    for answer in answers {
        terminal.say(&answer.to_json().to_string());
    }
    let expected = by_browser.map(|fault| (fault.name(), fault.expected(), fault.meaning()));
    let expected = expected.or(fault.map(|fault| (fault.name(), fault.expected(), fault.meaning())));
    if let Some((name, expected, meaning)) = expected {
        let code = expected.code.map_or("accepted", crate::domain::reason::Code::as_str);
        terminal.remark(&format!("{name}: {meaning} Expected: {code}."));
    }
    Ok(Exit::Done)
}

fn named_person(name: &str) -> Result<Person, Failure> {
    Person::from_name(name)
        .ok_or_else(|| Failure::wrong_use("there is no such person", "`wallet answer --list-people` names them."))
}

fn refused(error: WalletError) -> Failure {
    match error {
        WalletError::Transport(error) => out_of_reach(&error, "Is the verifier running, and is the link of now?"),
        other => Failure {
            exit: Exit::Refused,
            code: None,
            message: other.to_string(),
            hint: "The wallet refuses this request; a real one would, too.".to_owned(),
        },
    }
}

fn time(text: Option<&str>) -> Result<UnixSeconds, Failure> {
    match text {
        None => Ok(SystemClock.now()),
        Some(text) => time_text::parse(text)
            .ok_or_else(|| Failure::wrong_use("--at is no time", "Write it as 2027-03-01T12:00:00Z.")),
    }
}

fn make_world(make: &Make, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let unwritable = |error: &dyn std::fmt::Display| {
        Failure::wrong_use(format!("{}: {error}", make.folder.display()), "Name a folder that can be written.")
    };
    std::fs::create_dir_all(&make.folder).map_err(|error| unwritable(&error))?;
    let mut seed = [0; 32];
    OsEntropy.fill(&mut seed).map_err(|error| out_of_reach(&error, "Try again."))?;
    let passport = Passport {
        seed: base64::encode_url(&seed),
        made_at: SystemClock.now(),
        verifier_host: make.host.clone(),
        status_base: make.status_base.trim_end_matches('/').to_owned(),
    };
    passport.write_to(&make.folder).map_err(|error| unwritable(&error))?;
    let authority = passport.authority().map_err(|error| out_of_reach(&error, "Try again."))?;
    authority.write_to(&make.folder).map_err(|error| unwritable(&error))?;
    let list = |of: ListOf| -> Result<(String, String), SimulatorError> {
        let writer = ListWriter::new(&authority)?;
        Ok((writer.write(&writer.draft(of))?, pem(writer.signer())))
    };
    for (name, of) in [("pid-providers.jwt", ListOf::Pid), ("public-bodies.jwt", ListOf::PublicBodies)] {
        let (document, signer) = list(of).map_err(|error| out_of_reach(&error, "Try again."))?;
        for (name, text) in [(name, document), ("list-signer.pem", signer)] {
            std::fs::write(make.folder.join(name), text).map_err(|error| unwritable(&error))?;
        }
    }
    let registered = make.folder.join("registrations");
    let certificates = registrations::certificates(&authority, passport.made_at);
    std::fs::create_dir_all(&registered).map_err(|error| unwritable(&error))?;
    for (preset, jwt) in certificates.map_err(|error| out_of_reach(&error, "Try again."))? {
        std::fs::write(registered.join(format!("{preset}.jwt")), jwt).map_err(|error| unwritable(&error))?;
    }
    terminal.say(&format!("A throw-away world is in {}.", make.folder.display()));
    terminal.say("access.key, access.pem   key and chain of the verifier");
    terminal.say("*-root.pem               anchors of the issuers and of their status lists");
    terminal.say("*.jwt, list-signer.pem   the same anchors as signed trust lists (TS 119 602), and who signs them");
    terminal.say(
        "registrations/*.jwt      registration certificates, one for each preset; registrar-root.pem is their anchor",
    );
    terminal.say("world.json               for `wallet answer --world` and `wallet status-host --world`");
    Ok(Exit::Done)
}

fn serve_lists(host: &Host, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    if !host.listen.ip().is_loopback() {
        return Err(Failure::wrong_use(
            "the status host of a simulated world stays on this machine",
            "Listen on 127.0.0.1.",
        ));
    }
    let passport = read_world(&host.world)?;
    let authority = passport.authority().map_err(|error| Failure::wrong_use(error.to_string(), "Make a new world."))?;
    let router = Arc::new(StatusHost::new(authority, &passport.status_base)).router(|| SystemClock.now());
    terminal.say(&format!("status lists of the simulated world on http://{}", host.listen));
    terminal.flush();
    runtime()?.block_on(async {
        let failed = |error: std::io::Error| out_of_reach(&error, "Is the port free?");
        let listener = tokio::net::TcpListener::bind(host.listen).await.map_err(failed)?;
        axum::serve(listener, router).await.map_err(failed)
    })?;
    Ok(Exit::Done)
}
