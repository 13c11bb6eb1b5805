//! `pruefstein trust`: who is trusted for what, by which lists, and from which hosts it comes.

use super::config::DEFAULT_FILE;
use super::{Exit, Failure, Terminal, read_input, trust_data, visible};
use crate::adapters::clock::SystemClock;
use crate::adapters::kept::KeptFolder;
use crate::app;
use crate::app::ports::{Clock as _, Kept, Validators};
use crate::app::refresh_trust::{ListStanding, TrustLists};
use crate::app::time_text::{self, rfc3339};
use crate::config::outgoing::OutgoingSettings;
use crate::config::{self, Environment, Settings, TrustSettings};
use crate::domain::encoding::base64;
use crate::domain::reason::Reason;
use crate::domain::time::UnixSeconds;
use crate::domain::trust::{Basis, IssuerKeys, StatusOrigin, TrustAnchors, TrustSource, is_loopback, snapshot};
use crate::domain::trust_list::plan::{ListPlan, Place};
use crate::domain::x509::Certificate;
use clap::{Args, Subcommand};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// What to do.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show every trust source: for what it vouches, with which certificates, and how its list stands.
    List(File),
    /// Take an edition of a list from a file, for sites without a way out. It is verified as if it had been fetched.
    Import(Import),
    /// Write the edition of a list that is kept, as it came.
    Export(Export),
    /// Write all trust data into one file, so that `verify --trust FILE --at TIME` can make a verdict again.
    Snapshot(Snapshot),
    /// List every host that the service asks.
    Hosts(File),
}

#[derive(Debug, Args)]
struct File {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
    /// The time to judge by; now if absent.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

#[derive(Debug, Args)]
struct Import {
    /// The document; standard input if `-`.
    file: PathBuf,
    /// The name of the list in the configuration; for one that a list of lists leads to, NAME/TERRITORY.
    #[arg(long, value_name = "NAME")]
    list: String,
    /// A pivot that a list of lists announces, in a file that is named like the last part of its address. Once for each;
    /// pivots that were given before are kept.
    #[arg(long = "pivot", value_name = "FILE")]
    pivots: Vec<PathBuf>,
    #[command(flatten)]
    common: File,
}

#[derive(Debug, Args)]
struct Export {
    /// The name of the list in the configuration.
    list: String,
    /// Where it is written to; standard output if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: File,
}

#[derive(Debug, Args)]
struct Snapshot {
    /// Where it is written to; standard output if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    common: File,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`]: exit code 2 for wrong use or a refused configuration, 1 for a refused list.
pub fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    match &arguments.action {
        Action::List(file) => {
            let (settings, now) = load(file)?;
            let on_disk = trust_data::read(&trust_settings(&settings), now);
            terminal.say(visible(&overview(&on_disk.trust, &on_disk.lists, now)).trim_end());
            tell(&on_disk.faults, terminal);
            Ok(if on_disk.faults.is_empty() { Exit::Done } else { Exit::Refused })
        }
        Action::Import(arguments) => import(arguments, terminal),
        Action::Export(arguments) => {
            let (settings, _) = load(&arguments.common)?;
            let kept = kept_folder(&settings)?.load_now(&arguments.list).map_err(|error| unreadable(&error.0))?;
            let kept = kept.ok_or_else(|| {
                Failure::wrong_use("no edition of this list is kept", "See trust list; fetch or import it first.")
            })?;
            write_out(arguments.out.as_deref(), &kept.document, terminal)
        }
        Action::Snapshot(arguments) => {
            let (settings, now) = load(&arguments.common)?;
            let on_disk = trust_data::read(&trust_settings(&settings), now);
            tell(&on_disk.faults, terminal);
            let text = snapshot::write(&on_disk.trust, now)?;
            write_out(arguments.out.as_deref(), text.as_bytes(), terminal)
        }
        Action::Hosts(file) => {
            let (settings, _) = load(file)?;
            terminal.say(hosts(&settings).join("\n").trim_end());
            Ok(Exit::Done)
        }
    }
}

fn load(file: &File) -> Result<(Settings, UnixSeconds), Failure> {
    let now = match file.at.as_deref().map(time_text::parse) {
        None => SystemClock.now(),
        Some(Some(time)) => time,
        Some(None) => return Err(Failure::wrong_use("--at cannot be read", "Write 2027-03-01T12:00:00Z.")),
    };
    let settings = config::load(&file.config, &Environment::of_process(), now)
        .map_err(|faults| Failure::refused_configuration(&faults))?;
    Ok((settings, now))
}

fn trust_settings(settings: &Settings) -> TrustSettings {
    TrustSettings {
        plans: settings.tenant.trust_plans.clone(),
        lists: settings.trust_lists.clone(),
        folder: settings.trust_folder.clone(),
    }
}

fn kept_folder(settings: &Settings) -> Result<KeptFolder, Failure> {
    let folder = settings.trust_folder.clone().ok_or_else(|| {
        Failure::wrong_use("the configuration names no folder for trust lists", "Set trust_data.folder.")
    })?;
    Ok(KeptFolder::new(folder))
}

fn unreadable(problem: &str) -> Failure {
    Failure::wrong_use(problem.to_owned(), "Look at the folder and its permissions.")
}

fn tell(faults: &[(String, Reason)], terminal: &mut Terminal<'_>) {
    for (list, reason) in faults {
        terminal.remark(&format!("trust list {}: {reason}\n    → {}", visible(list), reason.code.hint()));
    }
}

/// Verifies a document as if it had been fetched, and keeps it. A running service takes it up by itself.
fn import(arguments: &Import, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let (settings, now) = load(&arguments.common)?;
    let folder = kept_folder(&settings)?;
    let on_disk = trust_data::read(&trust_settings(&settings), now);
    let plan = plan(&settings, &on_disk.lists, &arguments.list, now)?;
    let document = read_input(Some(&arguments.file))?;
    let kept = Kept { document, confirmed_at: now, validators: Validators::default() };
    // What is kept so far is the edition below which nothing is taken (TL-10).
    let lists = TrustLists::new(vec![plan.clone()], Arc::new(folder.clone()));
    if let Some(before) = folder.load_now(&plan.name).map_err(|error| unreadable(&error.0))? {
        let earlier = Kept { confirmed_at: UnixSeconds(i64::MIN), ..before };
        // An edition that has expired is no reason to refuse the next one.
        let pivots = trust_data::kept_pivots(&plan, &earlier.document, Some(&folder));
        lists.adopt(&plan, earlier, &pivots, now).ok();
    }
    let pivots = pivots_for(&plan, &kept.document, &arguments.pivots, &folder)?;
    lists.adopt(&plan, kept.clone(), &pivots, now)?;
    // They are good, or the list would not be; a list without its pivots could not be read again.
    for (location, document) in pivots {
        let pivot = Kept { document, confirmed_at: now, validators: Validators::default() };
        let name = app::pivots::kept_name(&plan, &location);
        folder.save_now(&name, &pivot).map_err(|error| unreadable(&error.0))?;
    }
    folder.save_now(&plan.name, &kept).map_err(|error| unreadable(&error.0))?;
    let standing = lists.standings().into_iter().find(|standing| standing.name == plan.name);
    terminal.say(visible(&standing.map(|standing| list_text(&standing, now)).unwrap_or_default()).trim_end());
    Ok(Exit::Done)
}

/// The pivots that a list of lists announces, oldest first: from the files given, else as they were kept.
fn pivots_for(
    plan: &ListPlan,
    document: &[u8],
    files: &[PathBuf],
    folder: &KeptFolder,
) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let announced = app::pivots::announced(plan, document)?;
    let last = |location: &String| location.rsplit('/').next().unwrap_or_default().to_owned();
    let stray = files.iter().find(|file| {
        let name = file.file_name().map(|name| name.to_string_lossy());
        !announced.iter().any(|location| name.as_deref() == Some(&last(location)))
    });
    if let Some(file) = stray {
        let problem = format!("the list announces no pivot that is called as {}", file.display());
        return Err(Failure::wrong_use(problem, "Name the file like the last part of the pivot's address."));
    }
    let kept = trust_data::kept_pivots(plan, document, Some(folder));
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for location in announced {
        let own = files.iter().find(|file| file.file_name().is_some_and(|name| *name == *last(&location)));
        match (own, kept.iter().find(|(known, _)| *known == location)) {
            (Some(file), _) => found.push((location, read_input(Some(file))?)),
            (None, Some(kept)) => found.push(kept.clone()),
            (None, None) => missing.push(location),
        }
    }
    if !missing.is_empty() {
        let problem = format!("pivots of the list of lists are missing: {}", missing.join(", "));
        let remedy =
            "Fetch each where that is possible, and give its file with --pivot, under the name that it has there.";
        return Err(Failure::wrong_use(visible(&problem), remedy));
    }
    Ok(found)
}

fn plan(settings: &Settings, lists: &TrustLists, name: &str, now: UnixSeconds) -> Result<ListPlan, Failure> {
    let children = settings.trust_lists.iter().flat_map(|plan| lists.children(plan, now));
    settings.trust_lists.iter().cloned().chain(children).find(|plan| plan.name == name).ok_or_else(|| {
        let names: Vec<&str> = settings.trust_lists.iter().map(|plan| plan.name.as_str()).collect();
        Failure::wrong_use("the configuration has no list of this name", format!("Choose one of: {}", names.join(", ")))
    })
}

fn write_out(out: Option<&Path>, bytes: &[u8], terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    match out {
        Some(path) => std::fs::write(path, bytes)
            .map_err(|error| unreadable(&format!("{} cannot be written: {error}", path.display())))?,
        None => terminal.write(bytes),
    }
    Ok(Exit::Done)
}

/// Every host that the service asks, each with the reason, sorted.
fn hosts(settings: &Settings) -> Vec<String> {
    let mut lines = Vec::new();
    for plan in &settings.trust_lists {
        if let Place::Url(url) = &plan.place
            && let Some(origin) = StatusOrigin::of_url(url)
        {
            lines.push(format!("{}  trust list {}", origin.text(), plan.name));
        }
        // What an imported list leads to is imported as well.
        let followed = plan.followed_origins.iter().filter(|_| plan.place != Place::Imported);
        lines.extend(followed.map(|origin| format!("{origin}  lists that {} leads to", plan.name)));
    }
    for (source, issuer) in settings
        .tenant
        .trust_plans
        .iter()
        .flat_map(|plan| plan.issuers.iter().map(|issuer| (&plan.source.name, issuer)))
    {
        lines.push(format!("{}  metadata of issuer {}", issuer.origin().text(), issuer.issuer));
        lines.extend(
            issuer.key_origins.iter().map(|origin| format!("{}  keys of the issuers of {source}", origin.text())),
        );
    }
    for plan in &settings.tenant.trust_plans {
        let places = plan.revocation.iter().flat_map(|revocation| &revocation.places);
        lines.extend(
            places
                .filter_map(|place| match place {
                    Place::Url(url) => StatusOrigin::of_url(url),
                    Place::File(_) | Place::Imported => None,
                })
                .map(|origin| format!("{}  revoked certificates for {}", origin.text(), plan.source.name)),
        );
    }
    for source in settings.tenant.trust.sources() {
        let origins = source.status_origins.iter();
        lines.extend(origins.map(|origin| format!("{}  status lists of {}", origin.text(), source.name)));
    }
    for (vct, rule) in &settings.tenant.policy.type_metadata.rules {
        lines.extend(rule.publishers.iter().map(|origin| format!("{origin}  metadata of type {vct}")));
    }
    lines.sort();
    lines.dedup();
    lines.into_iter().map(|line| format!("{line}{}", way(&settings.outgoing, &line))).collect()
}

/// Through which proxy a host is asked, if through any. `line` begins with its origin.
fn way(outgoing: &OutgoingSettings, line: &str) -> String {
    let Some(url) = line.split_whitespace().next().and_then(|origin| Url::parse(origin).ok()) else {
        return String::new();
    };
    let own = outgoing.proxy_for.iter().find(|(host, _)| url.host_str() == Some(host));
    match own.map_or(outgoing.proxy.as_ref(), |(_, proxy)| proxy.as_ref()) {
        Some(proxy) if !is_loopback(&url) => format!(", through {proxy}"),
        _ => String::new(),
    }
}

fn overview(trust: &TrustAnchors, lists: &TrustLists, now: UnixSeconds) -> String {
    let mut text = format!("at {}\ntrust data {}\n", rfc3339(now), base64::encode_url(trust.digest()));
    for source in trust.sources() {
        text.push_str(&source_text(source, now));
    }
    let standings = lists.standings();
    if !standings.is_empty() {
        text.push('\n');
    }
    for standing in &standings {
        text.push_str(&list_text(standing, now));
    }
    text
}

/// A source in words.
pub(super) fn source_text(source: &TrustSource, now: UnixSeconds) -> String {
    let mut text = format!("\n{}: {}\n", source.name, source.purpose.as_str());
    let mut line = |name: &str, value: String| {
        writeln!(text, "  {name:<14} {value}").ok();
    };
    if !source.types.is_empty() {
        line("types", source.types.join(", "));
    }
    if !source.countries.is_empty() {
        line("countries", source.countries.join(", "));
    }
    match &source.basis {
        Basis::Configured => line("from", "the configuration".to_owned()),
        Basis::Absent { list } => line("from", format!("list {list}, which is not there: nothing can be decided")),
        Basis::Listed { list, usable_until } => line(
            "from",
            format!("list {}, number {}, usable until {}", list.name, list.sequence, rfc3339(*usable_until)),
        ),
    }
    if let Err(reason) = source.check_usable(now) {
        line("not usable", reason.detail.into_owned());
    }
    let anchors = source.anchors.iter().map(|anchor| ("anchor", &anchor.certificate));
    let pinned = source.pinned.iter().map(|certificate| ("pinned", certificate));
    let status = source.status_anchors.iter().map(|anchor| ("status anchor", &anchor.certificate));
    let status_pinned = source.status_pinned.iter().map(|certificate| ("status signer", certificate));
    for (kind, certificate) in anchors.chain(pinned).chain(status).chain(status_pinned) {
        line(kind, certificate_text(certificate, now));
    }
    for issuer in &source.issuer_keys {
        line("issuer", issuer_text(issuer, now));
    }
    if !source.can_trust() {
        line("certificates", "none, so nobody is trusted by it".to_owned());
    }
    for origin in &source.status_origins {
        line("status lists", origin.text());
    }
    text
}

fn issuer_text(issuer: &IssuerKeys, now: UnixSeconds) -> String {
    match (&issuer.confirmed, issuer.usable(now)) {
        (None, _) => format!("{}, whose keys are not there: nothing can be decided", issuer.issuer),
        (Some(confirmed), usable) => format!(
            "{} with {} keys, confirmed {}, usable until {}{}",
            issuer.issuer,
            confirmed.keys.keys().len(),
            rfc3339(confirmed.confirmed_at),
            rfc3339(confirmed.usable_until()),
            if usable.is_err() { " (TOO OLD)" } else { "" }
        ),
    }
}

fn certificate_text(certificate: &Certificate, now: UnixSeconds) -> String {
    let remark = if now > certificate.not_after {
        " (EXPIRED)"
    } else if now < certificate.not_before {
        " (not valid yet)"
    } else {
        ""
    };
    let fingerprint = base64::encode_url(&certificate.fingerprint());
    format!("{} until {}{remark}, sha256 {fingerprint}", certificate.subject_text, rfc3339(certificate.not_after))
}

fn list_text(standing: &ListStanding, now: UnixSeconds) -> String {
    let mut text = format!("list {}\n", standing.name);
    let mut line = |name: &str, value: String| {
        writeln!(text, "  {name:<14} {value}").ok();
    };
    match &standing.list {
        None => line("edition", "none".to_owned()),
        Some(list) => {
            line("edition", format!("number {}, issued {}", list.sequence, rfc3339(list.issued_at)));
            line("next update", rfc3339(list.next_update));
            line("operator", list.operator.first().cloned().unwrap_or_default());
            line("services", format!("{}, and {} left out", list.services.len(), list.skipped.len()));
            line("sha256", base64::encode_url(&list.digest));
        }
    }
    if let Some(confirmed_at) = standing.confirmed_at {
        line("confirmed", rfc3339(confirmed_at));
    }
    match standing.usable_until {
        Some(end) if now >= end => line("not usable", format!("since {}", rfc3339(end))),
        Some(end) => line("usable until", rfc3339(end)),
        None => {}
    }
    if let Some(fault) = &standing.fault {
        line("last fault", fault.to_string());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_is_shown_with_its_way() {
        let proxy = |address: &str| Some(Url::parse(address).unwrap());
        let outgoing = |usual: Option<Url>| OutgoingSettings {
            proxy: usual,
            proxy_for: vec![("lists.example".to_owned(), proxy("http://other:1")), ("own.example".to_owned(), None)],
            extra_roots: Vec::new(),
        };
        for (usual, line, expected) in [
            (proxy("http://usual:1"), "https://status.example:443  status lists of a", ", through http://usual:1/"),
            (proxy("http://usual:1"), "https://lists.example:8443  trust list b", ", through http://other:1/"),
            (proxy("http://usual:1"), "https://own.example:443  trust list c", ""),
            (proxy("http://usual:1"), "http://127.0.0.1:80  status lists of d", ""),
            (None, "https://status.example:443  status lists of a", ""),
            (None, "https://lists.example:443  trust list b", ", through http://other:1/"),
        ] {
            assert_eq!(way(&outgoing(usual), line), expected, "{line}");
        }
    }
}
