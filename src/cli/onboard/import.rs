//! `onboard import`: from a folder with whatever came to the part of a configuration that follows from it.

use super::propose::{self, Parts};
use super::recognise::{Thing, things};
use super::{Readers, write_new};
use crate::adapters::clock::SystemClock;
use crate::app::ports::Clock as _;
use crate::app::time_text::{self, rfc3339};
use crate::cli::{Exit, Failure, Terminal, visible};
use crate::config::files::Files;
use crate::domain::jose::keys::SigningKey;
use crate::domain::registration::certificate::RegistrationCertificate;
use crate::domain::registration::identity;
use crate::domain::registration::serialised::Serialised;
use crate::domain::time::{ClockSkew, UnixSeconds};
use crate::domain::trust::{Purpose, TrustAnchors, TrustSource};
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::{self, Anchor, AnchorInChain, ChainRules};
use crate::domain::x509::relying_party::PartyFacts;
use std::path::PathBuf;

/// Where to look, and where to write.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder with what the registrar sent, and with the private key.
    folder: PathBuf,
    /// The folder to make, with sorted files and the proposed part of the configuration.
    #[arg(long, value_name = "FOLDER", default_value = "onboarded")]
    out: PathBuf,
    /// The time to judge by, as 2027-03-01T12:00:00Z or in seconds since 1970; now if absent.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// Everything of the folder, by kind.
#[derive(Default)]
struct Heap {
    keys: Vec<SigningKey>,
    leaves: Vec<Certificate>,
    authorities: Vec<Certificate>,
    registrations: Vec<Serialised>,
}

pub(super) fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let now = match arguments.at.as_deref().map(time_text::parse) {
        None => SystemClock.now(),
        Some(Some(time)) => time,
        Some(None) => return Err(Failure::wrong_use("--at cannot be read", "Write 2027-03-01T12:00:00Z.")),
    };
    let heap = read(arguments, terminal)?;
    let mut report = Report::default();
    let access = access(&heap, now, &mut report);
    let parts = parts(heap, access, now, &mut report);
    let written = write(arguments, &parts)?;
    for line in report.good.iter().chain(&written) {
        terminal.say(&visible(line));
    }
    for line in &report.missing {
        terminal.say(&visible(&format!("MISSING: {line}")));
    }
    Ok(if report.missing.is_empty() { Exit::Done } else { Exit::Refused })
}

#[derive(Default)]
struct Report {
    good: Vec<String>,
    missing: Vec<String>,
}

/// Reads the files, and says what each is.
fn read(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Heap, Failure> {
    let unreadable = |problem: String, remedy: String| Failure::wrong_use(problem, remedy);
    if !arguments.folder.is_dir() {
        return Err(Failure::wrong_use(
            format!("{} is no folder", arguments.folder.display()),
            "Name the folder with the files.",
        ));
    }
    let entries = std::fs::read_dir(&arguments.folder).map_err(|error| {
        Failure::wrong_use(format!("{}: {error}", arguments.folder.display()), "Look at the folder.")
    })?;
    let mut files: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    let mut heap = Heap::default();
    for path in &files {
        let bytes = zeroize::Zeroizing::new(
            Files::read(path).map_err(|complaint| unreadable(complaint.problem, complaint.remedy))?,
        );
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        for thing in things(&bytes) {
            terminal.say(&visible(&format!("{name}: {}", thing.describe())));
            heap.add(thing);
        }
    }
    Ok(heap)
}

impl Heap {
    /// The same thing twice is one thing.
    fn add(&mut self, thing: Thing) {
        match thing {
            Thing::Key(key) if !self.keys.iter().any(|known| known.public_point() == key.public_point()) => {
                self.keys.push(key);
            }
            Thing::Certificate(certificate) => {
                let list = if certificate.is_ca { &mut self.authorities } else { &mut self.leaves };
                if !list.iter().any(|known| known.der == certificate.der) {
                    list.push(*certificate);
                }
            }
            Thing::Registration(serialised) if !self.registrations.contains(&serialised) => {
                self.registrations.push(serialised);
            }
            _ => {}
        }
    }
}

/// Key, chain and root of the access certificate.
struct Access {
    key: Option<SigningKey>,
    chain: Vec<Certificate>,
    root: Option<Certificate>,
}

/// The access certificate: the one for which there is a key, or the only one that signs data.
fn access(heap: &Heap, now: UnixSeconds, report: &mut Report) -> Access {
    let fits = |key: &&SigningKey, leaf: &Certificate| match (key.public_key(), leaf.public_key()) {
        (Ok(own), Ok(certified)) => own.same_key(&certified),
        _ => false,
    };
    let pair = heap.leaves.iter().find_map(|leaf| Some((leaf, heap.keys.iter().find(|key| fits(key, leaf))?)));
    let (leaf, key) = match (pair, heap.leaves.as_slice()) {
        (Some((leaf, key)), _) => (leaf, Some(key.clone())),
        (None, [only]) => (only, None),
        (None, leaves) => {
            let what = if leaves.is_empty() { "the access certificate" } else { "the key for one of the certificates" };
            report.missing.push(format!("{what}. Ask the registrar for it; the key is the one of the request"));
            return Access { key: heap.keys.first().cloned(), chain: Vec::new(), root: None };
        }
    };
    report.good.push(format!("access certificate: {}", leaf.subject_text));
    match &key {
        Some(_) => report.good.push("its private key is here".to_owned()),
        None if heap.keys.is_empty() => report.missing.push("the private key of the access certificate".to_owned()),
        None => report.missing.push("the private key of the access certificate; the keys here are others".to_owned()),
    }
    if now > leaf.not_after || now < leaf.not_before {
        let period = format!("{} to {}", rfc3339(leaf.not_before), rfc3339(leaf.not_after));
        report.missing.push(format!("an access certificate that is valid now; this one is from {period}"));
    }
    let mut chain = vec![leaf.clone()];
    let mut root = None;
    while let Some(top) = chain.last().filter(|top| !top.is_self_issued()) {
        let issuer =
            heap.authorities.iter().find(|authority| authority.subject == top.issuer && signed_by(top, authority, now));
        match issuer {
            Some(issuer) if issuer.is_self_issued() => {
                root = Some(issuer.clone());
                break;
            }
            Some(issuer) if !chain.iter().any(|known| known.der == issuer.der) => chain.push(issuer.clone()),
            _ => break,
        }
    }
    let ders: Vec<Vec<u8>> = chain.iter().map(|certificate| certificate.der.to_vec()).collect();
    let rules = ChainRules { anchor_in_chain: AnchorInChain::Ignore, extended_key_usage: None };
    let at = now.max(leaf.not_before).min(leaf.not_after);
    if let Some(Err(reason)) = root
        .as_ref()
        .and_then(|root| Anchor::prepare(root.clone()).ok())
        .map(|anchor| chain::validate(&ders, &[&anchor], rules, at))
    {
        report.missing.push(format!("a sound chain of the access certificate: {reason}"));
    }
    if root.is_none() {
        report.missing.push(
            "the root of the access certificate. Without it the chain cannot be checked here; requests do not need it"
                .to_owned(),
        );
    }
    let id = crate::domain::request::client_id::ClientId::x509_hash(leaf).text("");
    report.good.push(format!("client_id: {id}. Compare it with the registrar's papers"));
    Access { key, chain, root }
}

fn signed_by(lower: &Certificate, upper: &Certificate, now: UnixSeconds) -> bool {
    let Ok(anchor) = Anchor::prepare(upper.clone()) else { return false };
    let rules = ChainRules { anchor_in_chain: AnchorInChain::Ignore, extended_key_usage: None };
    // A CA in the place of a leaf is refused by the rules for leaves, which come before the path.
    if lower.is_ca {
        return true;
    }
    let at = now.max(lower.not_before).min(lower.not_after);
    chain::validate(&[lower.der.to_vec()], &[&anchor], rules, at).is_ok()
}

/// What was found, put to each other.
fn parts(heap: Heap, access: Access, now: UnixSeconds, report: &mut Report) -> Parts {
    let Heap { authorities, registrations, .. } = heap;
    let party = access.chain.first().map(PartyFacts::of);
    let mut parts = Parts {
        key: access.key,
        chain: access.chain,
        access_root: access.root,
        registrar_anchors: Vec::new(),
        registrations: Vec::new(),
    };
    if registrations.is_empty() {
        report
            .missing
            .push("a registration certificate. Ask for one with the texts of pruefstein onboard texts".to_owned());
    }
    for serialised in registrations {
        let certificate = match RegistrationCertificate::read(serialised.bytes(), ClockSkew::DEFAULT, now) {
            Ok(certificate) => certificate,
            Err(reason) => {
                report.missing.push(format!("a sound registration certificate; this one is refused: {reason}"));
                continue;
            }
        };
        let name = certificate.content().intended_use.clone().unwrap_or_else(|| "without a name".to_owned());
        match party.as_ref().map(|party| identity::compare(certificate.content(), party)) {
            Some(Ok(compared)) => report.good.push(format!("registration {name}: {}", compared.as_str())),
            Some(Err(reason)) => {
                report.missing.push(format!("the registration of this party; {name} is of another: {}", reason.detail));
                continue;
            }
            None => {}
        }
        match authorities.iter().find(|authority| is_registrar(&certificate, authority, now)) {
            Some(anchor) => {
                if !parts.registrar_anchors.iter().any(|known: &Certificate| known.der == anchor.der) {
                    parts.registrar_anchors.push(anchor.clone());
                }
            }
            None => report.missing.push(format!(
                "the anchor of the registrar who signed {name}: a CA certificate, or the trust list of registrars. Signed by {}",
                certificate.signer().subject_text
            )),
        }
        for remark in certificate.remarks() {
            report.good.push(format!("registration {name}: {} ({})", remark.text, remark.rule));
        }
        parts.registrations.push(certificate);
    }
    let covered = propose::covered(&parts.registrations);
    for (name, presets) in &covered {
        let presets = if presets.is_empty() { "none of the presets".to_owned() } else { presets.join(", ") };
        report.good.push(format!("registration {name} covers: {presets}"));
    }
    parts
}

fn is_registrar(certificate: &RegistrationCertificate, authority: &Certificate, now: UnixSeconds) -> bool {
    let Ok(anchor) = Anchor::new(authority.clone()) else { return false };
    let source = TrustSource { anchors: vec![anchor], ..TrustSource::new("registrar", Purpose::Registrar, Vec::new()) };
    certificate.check_registrar(&TrustAnchors::new(vec![source]), now).is_ok()
}

/// Writes everything into the new folder. An existing one is left alone.
fn write(arguments: &Arguments, parts: &Parts) -> Result<Vec<String>, Failure> {
    let files =
        propose::files(parts).map_err(|fault| Failure::wrong_use(fault.to_string(), "Report this as a defect."))?;
    std::fs::create_dir(&arguments.out).map_err(|error| {
        let hint = "Name a folder that does not exist yet by --out; nothing is overwritten.";
        Failure::wrong_use(format!("{}: {error}", arguments.out.display()), hint)
    })?;
    let mut written = Vec::new();
    for (name, bytes) in &files {
        let readers = if name == propose::KEY { Readers::OwnerOnly } else { Readers::Everybody };
        write_new(&arguments.out.join(name), bytes, readers)?;
        written.push(format!("wrote {}", arguments.out.join(name).display()));
    }
    Ok(written)
}
