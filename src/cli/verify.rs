//! `pruefstein verify`: one presentation, all checks, no network.

use super::{Exit, Failure, Terminal, read_input, trust_data, visible};
use crate::adapters::clock::SystemClock;
use crate::app::ports::Clock as _;
use crate::app::render::{error_body, report_body, single_result_body};
use crate::app::time_text;
use crate::config::{self, files};
use crate::domain::dcql::{CredentialQuery, DcqlQuery};
use crate::domain::encoding::json;
use crate::domain::jose::jws::CompactJws;
use crate::domain::reason::{Code, Reason};
use crate::domain::status_list::StatusList;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction_data::Entry;
use crate::domain::transaction_data::requested::read_sent;
use crate::domain::trust::cache::ChainCache;
use crate::domain::trust::purpose::is_pid;
use crate::domain::trust::snapshot;
use crate::domain::trust::{Purpose, StatusOrigin, TrustAnchors, TrustSource};
use crate::domain::verify::presentation::{Credential, open};
use crate::domain::verify::report::{Line, Outcome};
use crate::domain::verify::{Binding, Context, Policy, Refusal, Report, Standing, StatusLists, StatusNeed, Verified};
use crate::domain::x509::chain::Anchor;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// The presentation, and what it is verified against.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The presentation, an SD-JWT with its key binding; standard input if absent or -.
    file: Option<PathBuf>,
    /// The nonce that was sent to the wallet.
    #[arg(long)]
    nonce: Option<String>,
    /// The whole client_id that was sent to the wallet.
    #[arg(long)]
    audience: Option<String>,
    /// Who is trusted: a file or folder with trust.toml ([[trust]], [policy] and [[type_metadata]] as in the
    /// configuration), a file made by `trust snapshot`, or a folder of certificates that vouch for the types of --type.
    #[arg(long, value_name = "DIR")]
    trust: PathBuf,
    /// A credential type that plain certificates vouch for; may be repeated.
    #[arg(long = "type", value_name = "VCT")]
    types: Vec<String>,
    /// The time to verify at, as 2027-03-01T12:00:00Z or in seconds since 1970; now if absent.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A DCQL query that the presentation must satisfy, or a preset.
    #[arg(long, value_name = "FILE")]
    query: Option<PathBuf>,
    /// Which credential of the query, if it has several.
    #[arg(long, value_name = "ID", requires = "query")]
    query_id: Option<String>,
    /// An entry of transaction data that it must confirm, exactly as it was sent: its base64url text, or @FILE with it;
    /// may be repeated.
    #[arg(long, value_name = "TEXT")]
    transaction_data: Vec<String>,
    /// A status list token, as FILE or URI=FILE; may be repeated. Nothing is fetched.
    #[arg(long, value_name = "[URI=]FILE")]
    status: Vec<String>,
    /// Print result and report as JSON, in the shape of the API.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with exit code 2 for what cannot be read. A refusal is a verdict, not a failure.
pub fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let now = time(arguments.at.as_deref())?;
    let lists = StatusFiles::read(&arguments.status)?;
    let (trust, policy) = trust(arguments, &lists, now, terminal)?;
    let query = arguments.query.as_deref().map(read_query).transpose()?;
    let query = query.as_ref().map(|query| choose(query, arguments.query_id.as_deref())).transpose()?;
    let bytes = read_input(arguments.file.as_deref())?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Failure::wrong_use("the presentation is not text", "Give the compact form: a.b.c~…~x.y.z"))?
        .trim();
    let binding_due = query.is_none_or(CredentialQuery::requires_holder_binding);
    let needed = |value: &Option<String>, name: &str| match value {
        None if binding_due => Err(Failure::wrong_use(
            format!("--{name} is missing"),
            "A proof of possession is verified against what was sent to the wallet: give --nonce and --audience.",
        )),
        value => Ok(value.clone().unwrap_or_default()),
    };
    let (nonce, audience) = (needed(&arguments.nonce, "nonce")?, needed(&arguments.audience, "audience")?);
    let sent = transaction_data(&arguments.transaction_data, &policy)?;
    let chains = ChainCache::default();
    let cx = Context { trust: &trust, policy: &policy, chains: &chains, now };
    let binding = Binding { nonce: &nonce, audience: &audience, requested_at: None, transaction_data: &sent };
    let lists = Lists { files: &lists, trust: &trust, policy: &policy, now };
    let (mut need, mut type_need) = (None, None);
    let verdict = open(text, query, binding, cx).and_then(|opened| {
        need = opened.status_need();
        type_need = opened.type_need().cloned();
        opened.conclude(&lists, cx)
    });
    let id = query.map_or("credential", CredentialQuery::id);
    if arguments.json {
        let document = verdict_json(id, &verdict);
        terminal.say(&serde_json::to_string_pretty(&document).unwrap_or_default());
    } else {
        terminal.say(&verdict_text(id, &verdict, now));
    }
    Ok(match verdict {
        Ok(_) => Exit::Done,
        Err(refusal) if refusal.standing == Standing::Undecided => {
            if let Some(need) = need.filter(|_| refusal.reason.code == Code::StatusUnavailable) {
                terminal.remark(&format!("Fetch {} and give it as --status FILE.", visible(&need.uri)));
            }
            if let Some(need) = type_need.filter(|_| refusal.reason.code == Code::TypeMetadataInvalid) {
                let (vct, fix) = (visible(&need.missing), "give it as file in a [[type_metadata]] section");
                terminal.remark(&format!("Fetch the metadata of {vct}, and {fix}; what it extends, too."));
            }
            Exit::OutOfReach
        }
        Err(_) => Exit::Refused,
    })
}

/// The entries that were sent, from the command line or from files.
fn transaction_data(given: &[String], policy: &Policy) -> Result<Vec<Entry>, Failure> {
    let mut texts = Vec::with_capacity(given.len());
    for text in given {
        texts.push(match text.strip_prefix('@') {
            None => text.clone(),
            Some(file) => {
                let bytes = read_input(Some(Path::new(file)))?;
                let text = std::str::from_utf8(&bytes).map(|text| text.trim().to_owned());
                text.map_err(|_| Failure::wrong_use(format!("{file} is not text"), "Give the base64url text."))?
            }
        });
    }
    read_sent(&texts, &policy.transaction_data_hashes).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(|fault| format!("{}: {}", fault.pointer, fault.detail)).collect();
        Failure::wrong_use(
            format!("the transaction data cannot be read\n  {}", faults.join("\n  ")),
            "Give each entry exactly as it was sent to the wallet.",
        )
    })
}

type Verdict = Result<(Verified<Credential>, Report), Box<Refusal>>;

fn time(text: Option<&str>) -> Result<UnixSeconds, Failure> {
    match text {
        None => Ok(SystemClock.now()),
        Some(text) => time_text::parse(text).ok_or_else(|| {
            Failure::wrong_use("--at is not a time", "Write 2027-03-01T12:00:00Z, or seconds since 1970.")
        }),
    }
}

/// The query of a file: DCQL as it is, or as `dcql_query` of a preset.
fn read_query(file: &Path) -> Result<DcqlQuery, Failure> {
    let name = file.display();
    let document = json::parse(&read_input(Some(file))?)
        .map_err(|fault| Failure { exit: Exit::WrongUse, ..Failure::from(Reason::from(fault)) })?;
    let query = document.get("dcql_query").unwrap_or(&document);
    DcqlQuery::parse(query).map_err(|faults| {
        let faults: Vec<String> =
            faults.iter().map(|fault| format!("{}: {} ({})", fault.pointer, fault.detail, fault.rule)).collect();
        Failure {
            exit: Exit::WrongUse,
            code: Some(Code::InvalidQuery),
            message: format!("the query in {name} is not valid\n  {}", faults.join("\n  ")),
            hint: Code::InvalidQuery.hint().to_owned(),
        }
    })
}

fn choose<'q>(query: &'q DcqlQuery, id: Option<&str>) -> Result<&'q CredentialQuery, Failure> {
    let ids = || query.credentials().iter().map(CredentialQuery::id).collect::<Vec<_>>().join(", ");
    let found = match (query.credentials(), id) {
        (credentials, Some(id)) => credentials.iter().find(|credential| credential.id() == id),
        ([only], None) => Some(only),
        (_, None) => None,
    };
    found.ok_or_else(|| {
        Failure::wrong_use("the query has several credentials", format!("Choose one by --query-id: {}", ids()))
    })
}

/// The trust data: sections as in the configuration, or plain certificates for the types given.
fn trust(
    arguments: &Arguments,
    lists: &StatusFiles,
    now: UnixSeconds,
    terminal: &mut Terminal<'_>,
) -> Result<(TrustAnchors, Policy), Failure> {
    let path = &arguments.trust;
    let sections = if path.is_dir() { path.join("trust.toml") } else { path.clone() };
    let has_sections = sections.is_file() && sections.extension().is_some_and(|extension| extension == "toml");
    if has_sections {
        if !arguments.types.is_empty() {
            return Err(Failure::wrong_use(
                "--type belongs to plain certificates",
                "trust.toml names the types itself.",
            ));
        }
        let (trust, policy, notes) =
            config::load_trust(&sections, now).map_err(|faults| Failure::refused_configuration(&faults))?;
        for note in notes {
            terminal.remark(&format!("note: {}", visible(&note.to_string())));
        }
        let on_disk = trust_data::read(&trust, now);
        for (list, reason) in &on_disk.faults {
            terminal.remark(&format!("note: trust list {}: {reason}", visible(list)));
        }
        return Ok((on_disk.trust, policy));
    }
    if path.is_file() {
        let bytes = read_input(Some(path))?;
        if snapshot::is_snapshot(&bytes) {
            return Ok((snapshot::read(&bytes)?, Policy::default()));
        }
    }
    if arguments.types.is_empty() {
        return Err(Failure::wrong_use(
            "no type is named that the certificates vouch for",
            "Give --type VCT, or a trust.toml with [[trust]] sections.",
        ));
    }
    let complaint = |complaint: config::reader::Complaint| Failure::wrong_use(complaint.problem, complaint.remedy);
    let mut sources = Vec::new();
    for file in files::Files::list(path).map_err(complaint)? {
        let name = file.file_stem().map_or_else(|| "trust".to_owned(), |name| name.to_string_lossy().into_owned());
        // Whoever gives plain certificates for PIDs says that they are those of PID providers.
        let purpose =
            if arguments.types.iter().all(|vct| is_pid(vct)) { Purpose::PidProvider } else { Purpose::EaaProvider };
        let mut source =
            TrustSource { status_origins: lists.origins(), ..TrustSource::new(name, purpose, arguments.types.clone()) };
        for certificate in files::Files::certificates(&file).map_err(complaint)? {
            if certificate.is_ca {
                let refused = |reason: Reason| {
                    let problem = format!("the anchor in {} cannot be used: {}", file.display(), reason.detail);
                    Failure::wrong_use(problem, "Take it out.")
                };
                source.anchors.push(Anchor::new(certificate).map_err(refused)?);
            } else {
                source.pinned.push(certificate);
            }
        }
        sources.push(source);
    }
    Ok((TrustAnchors::new(sources), Policy::default()))
}

/// The status list tokens that were given, perhaps with the address they are for.
struct StatusFiles(Vec<(Option<String>, Vec<u8>)>);

impl StatusFiles {
    fn read(given: &[String]) -> Result<Self, Failure> {
        let mut tokens = Vec::with_capacity(given.len());
        for text in given {
            // An address may hold an equals sign itself, so the file is what follows the last one.
            let (uri, file) = match text.rsplit_once('=') {
                Some((uri, file)) if uri.contains("://") => (Some(uri.to_owned()), file),
                _ => (None, text.as_str()),
            };
            tokens.push((uri, read_input(Some(Path::new(file)))?.trim_ascii().to_vec()));
        }
        Ok(Self(tokens))
    }

    /// Where the given lists lie. Whoever gives a file vouches for its place, not for its content.
    fn origins(&self) -> Vec<StatusOrigin> {
        let stated = |token: &[u8]| {
            let claims = CompactJws::parse(std::str::from_utf8(token).ok()?).ok()?.claims().ok()?;
            claims.get("sub").and_then(Value::as_str).map(str::to_owned)
        };
        let uris = self.0.iter().filter_map(|(uri, token)| uri.clone().or_else(|| stated(token)));
        uris.filter_map(|uri| StatusOrigin::parse(&Url::parse(&uri).ok()?.origin().ascii_serialization()).ok())
            .collect()
    }
}

struct Lists<'a> {
    files: &'a StatusFiles,
    trust: &'a TrustAnchors,
    policy: &'a Policy,
    now: UnixSeconds,
}

impl StatusLists for Lists<'_> {
    /// The first given token that is good for this need, else what is wrong with the last one.
    fn list(&self, need: &StatusNeed) -> Result<Arc<StatusList>, Reason> {
        let unavailable = || Reason::new(Code::StatusUnavailable, "no status list was given for this credential");
        let source = self.trust.source(&need.source).ok_or_else(unavailable)?;
        let rules = self.policy.token_rules(&need.uri, source, None);
        let fitting = self.files.0.iter().filter(|(uri, _)| uri.as_ref().is_none_or(|uri| *uri == need.uri));
        let mut last = unavailable();
        for (_, token) in fitting {
            match StatusList::verify(token, rules, self.now) {
                Ok(list) => return Ok(Arc::new(list)),
                Err(reason) => last = reason,
            }
        }
        Err(last)
    }
}

fn verdict_json(id: &str, verdict: &Verdict) -> Value {
    match verdict {
        Ok((credential, report)) => json!({
            "outcome": "accepted",
            "result": single_result_body(id, credential),
            "report": report_body(report, true),
            "error": null,
        }),
        Err(refusal) => json!({
            "outcome": "refused",
            "result": null,
            "report": report_body(&refusal.report, false),
            "error": error_body(&refusal.reason),
        }),
    }
}

fn verdict_text(id: &str, verdict: &Verdict, now: UnixSeconds) -> String {
    let (report, closing) = match verdict {
        Ok((credential, report)) => {
            let result = json!(single_result_body(id, credential));
            let shown = result.pointer(&format!("/credentials/{id}/0")).cloned().unwrap_or(result);
            (report, format!("ACCEPTED\n\n{}", serde_json::to_string_pretty(&shown).unwrap_or_default()))
        }
        Err(refusal) => {
            let reason = &refusal.reason;
            let word = if refusal.standing == Standing::Undecided { "UNDECIDED" } else { "REFUSED" };
            (&refusal.report, format!("{word}: {}\n{}", reason.code, reason.code.meaning()))
        }
    };
    let mut text = format!("at {}\n\n", time_text::rfc3339(now));
    for line in report.lines() {
        text.push_str(&line_text(line));
    }
    text.push('\n');
    text.push_str(&closing);
    visible(&text)
}

fn line_text(line: &Line) -> String {
    let mark = match line.outcome {
        Outcome::Passed => '✓',
        Outcome::Failed => '✗',
        Outcome::NotRun => '–',
    };
    let mut text = format!("{mark} {:<26} {}\n", line.check.name(), line.check.title());
    if let Some(reason) = &line.reason {
        write!(text, "    {}: {}\n    → {}\n", reason.code, reason.detail, reason.code.hint()).ok();
    }
    if let Some(note) = &line.note {
        writeln!(text, "    {note}").ok();
    }
    text
}
