//! Settings: one TOML file, read into types that cannot hold a bad value. All faults are shown at once.
//!
//! One file per section of the configuration. What a setting is called, holds and means stands in the table of its
//! section; the reader obeys that table and `docs/configuration.md` is written from it.

pub mod access;
pub mod address;
pub mod docs;
pub mod environment;
pub mod field;
pub mod files;
pub mod log;
pub mod outgoing;
pub mod policy;
pub mod postgresql;
pub mod reader;
pub mod registration;
pub mod service;
pub mod show;
pub mod store;
pub mod survey;
pub mod tenant;
pub mod transaction_data;
pub mod trust;
pub mod trust_list;
pub mod type_metadata;

pub use environment::Environment;
pub use reader::Fault;

use crate::domain::reason::Code;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction_data::TransactionDataTypes;
use crate::domain::trust::StatusRule;
use crate::domain::trust::issuer_metadata::IssuerPlan;
use crate::domain::trust::listed::{Held, TrustPlan, compose};
use crate::domain::trust_list::plan::ListPlan;
use crate::domain::verify::Policy;
use field::SectionDoc;
use files::Files;
use reader::{Faults, Section, suggestion};
use std::cell::RefCell;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// All sections, in the order of the documentation.
pub const SECTIONS: [&SectionDoc; 14] = [
    &service::DOC,
    &store::DOC,
    &postgresql::DOC,
    &tenant::DOC,
    &tenant::CALLER,
    &registration::DOC,
    &trust::DOC,
    &trust_list::DOC,
    &trust_list::DATA,
    &policy::DOC,
    &type_metadata::DOC,
    &transaction_data::DOC,
    &outgoing::DOC,
    &log::DOC,
];

/// The code of every refused configuration.
pub const REFUSED: Code = Code::ConfigRefused;

/// Everything the service needs to know, sound in itself.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `[service]`
    pub service: service::ServiceSettings,
    /// `[store]`
    pub store: store::StoreSettings,
    /// `[tenant]`, with its callers, `[[trust]]`, `[policy]` and `[[type_metadata]]`.
    pub tenant: tenant::TenantSettings,
    /// `[[trust_list]]`
    pub trust_lists: Vec<ListPlan>,
    /// Where they are kept.
    pub trust_folder: Option<PathBuf>,
    /// `[outgoing]`
    pub outgoing: outgoing::OutgoingSettings,
    /// `[log]`
    pub log: log::LogSettings,
    /// What does not stop the start, but is worth knowing.
    pub notes: Vec<Note>,
}

/// Something worth knowing that does not stop the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The key.
    pub key: String,
    /// What is worth knowing.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.text)
    }
}

/// Collects notes.
#[derive(Debug, Default)]
pub(super) struct Notes(RefCell<Vec<Note>>);

impl Notes {
    fn add(&self, key: impl Into<String>, text: impl Into<String>) {
        self.0.borrow_mut().push(Note { key: key.into(), text: text.into() });
    }
}

/// Reads the configuration as it holds at `now`.
///
/// # Errors
/// Every fault there is, at least one. The program then ends with exit code 2 and [`REFUSED`].
pub fn load(path: &Path, environment: &Environment, now: UnixSeconds) -> Result<Settings, Vec<Fault>> {
    let (faults, notes) = (Faults::default(), Notes::default());
    let settings = read_file(path, &faults).and_then(|mut file| {
        environment.overlay(&mut file, &SECTIONS, &faults);
        read(path, &file, now, &faults, &notes)
    });
    conclude(settings, faults).map(|settings| Settings { notes: notes.0.into_inner(), ..settings })
}

/// Reads a file that has only the sections on trust, `[policy]` and `[[type_metadata]]`: what a verification outside of the
/// service needs.
///
/// # Errors
/// Every fault there is, at least one.
pub fn load_trust(path: &Path, now: UnixSeconds) -> Result<(TrustSettings, Policy, Vec<Note>), Vec<Fault>> {
    let (faults, notes) = (Faults::default(), Notes::default());
    let loaded = read_file(path, &faults).and_then(|file| {
        let known = [&trust::DOC, &trust_list::DOC, &trust_list::DATA, &policy::DOC, &type_metadata::DOC];
        check_sections(&file, &known, &faults);
        let files = Files::new(folder(path));
        let rules = trust::Rules { files, now, placeholders_allowed: true, notes: &notes };
        let trust = trust_settings(&file, rules, &faults);
        let policy = whole_policy(&file, files, &faults);
        Some((trust?, policy?))
    });
    conclude(loaded, faults).map(|(trust, policy)| (trust, policy, notes.0.into_inner()))
}

/// Reads a file that has only `[store]` and `[postgresql]`: where something other than the service keeps transactions.
///
/// # Errors
/// Every fault there is, at least one.
pub fn load_store(path: &Path) -> Result<store::StoreSettings, Vec<Fault>> {
    let faults = Faults::default();
    let loaded = read_file(path, &faults).and_then(|file| {
        check_sections(&file, &[&store::DOC, &postgresql::DOC], &faults);
        store_settings(&file, Files::new(folder(path)), &faults)
    });
    conclude(loaded, faults)
}

/// A value counts only if there was no fault at all.
fn conclude<T>(value: Option<T>, faults: Faults) -> Result<T, Vec<Fault>> {
    match (value, faults.into_vec()) {
        (Some(value), faults) if faults.is_empty() => Ok(value),
        (None, faults) if faults.is_empty() => Err(vec![Fault {
            key: "configuration".to_owned(),
            problem: "is refused without a stated reason".to_owned(),
            remedy: "Report this as a defect.".to_owned(),
        }]),
        (_, faults) => Err(faults),
    }
}

fn read(path: &Path, file: &Table, now: UnixSeconds, faults: &Faults, notes: &Notes) -> Option<Settings> {
    check_sections(file, &SECTIONS, faults);
    let files = Files::new(folder(path));
    let service = once(file, &service::DOC, &[], faults, service::read);
    let store = store_settings(file, files, faults);
    let test_mode = service.as_ref().is_none_or(|service| service.test_mode);
    let rules = trust::Rules { files, now, placeholders_allowed: test_mode, notes };
    let trust = trust_settings(file, rules, faults);
    let parts = tenant::Parts {
        callers: callers(file, faults),
        trust: trust.as_ref().map(|trust| compose(&trust.plans, Held::default(), now)),
        trust_plans: trust.as_ref().map(|trust| trust.plans.clone()).unwrap_or_default(),
        policy: whole_policy(file, files, faults),
        transaction_data: transaction_data_types(file, files, faults),
        test_mode,
    };
    check_callers(service.as_ref(), parts.callers.as_deref(), faults);
    let public_url = service.as_ref().map(|service| &service.public_url);
    let tenant =
        once(file, &tenant::DOC, &["caller"], faults, |section| tenant::read(section, files, public_url, now, parts));
    let tenant = with_registrations(file, tenant, files, now, faults, notes);
    let outgoing = once(file, &outgoing::DOC, &[], faults, |section| outgoing::read(section, files));
    let log = once(file, &log::DOC, &[], faults, log::read);
    let settings = Settings {
        service: service?,
        store: store?,
        tenant: tenant?,
        trust_lists: trust.as_ref().map(|trust| trust.lists.clone())?,
        trust_folder: trust.and_then(|trust| trust.folder),
        outgoing: outgoing?,
        log: log?,
        notes: Vec::new(),
    };
    note_together(&settings, now, notes);
    Some(settings)
}

/// `[store]`, and `[postgresql]` where it says so.
fn store_settings(file: &Table, files: Files<'_>, faults: &Faults) -> Option<store::StoreSettings> {
    let database = || once(file, &postgresql::DOC, &[], faults, |section| postgresql::read(section, files));
    // What `config show` prints has every section, and is a configuration, too: only what was set counts.
    let there = once(file, &postgresql::DOC, &[], &Faults::default(), |section| Some(postgresql::is_meant(section)));
    let store =
        once(file, &store::DOC, &[], faults, |section| store::read(section, files, there == Some(true), database));
    if !matches!(store, None | Some(store::StoreSettings::Postgresql(_))) {
        // Names are checked wherever they stand.
        once(file, &postgresql::DOC, &[], faults, |_| Some(()));
    }
    store
}

/// The tenant with its registrations, which can be judged only beside everything else about it.
fn with_registrations(
    file: &Table,
    tenant: Option<tenant::TenantSettings>,
    files: Files<'_>,
    now: UnixSeconds,
    faults: &Faults,
    notes: &Notes,
) -> Option<tenant::TenantSettings> {
    let mut reader = tenant.as_ref().map(|tenant| registration::Reader::new(tenant, files, now));
    let shaped = many(file.get(registration::DOC.name), &registration::DOC, faults, |section| {
        reader.as_mut().is_some_and(|reader| reader.read(section))
    });
    let registrations = reader?.finish(notes, faults).filter(|_| shaped)?;
    Some(tenant::TenantSettings { registrations, ..tenant? })
}

/// Without callers the caller API is open, which only this machine may find (API-001).
fn check_callers(service: Option<&service::ServiceSettings>, callers: Option<&[tenant::Caller]>, faults: &Faults) {
    if let (Some(service), Some([])) = (service, callers)
        && !service.listen.ip().is_loopback()
    {
        faults.add(
            "tenant.caller",
            format!("there is none, so everybody who reaches {} could ask for personal data", service.listen),
            "Add a [[tenant.caller]] with name and key_sha256, or listen on 127.0.0.1.",
        );
    }
}

/// What it means that no gateway is named.
pub const UNNAMED_GATEWAY: &str =
    "names no gateway, so everybody seems to have its address: no limit holds for each client, only those for all";

/// What is worth knowing of the whole.
fn note_together(settings: &Settings, now: UnixSeconds, notes: &Notes) {
    let Settings { service, store, tenant, .. } = settings;
    if tenant.callers.is_empty() {
        notes.add("tenant.caller", "there is none: every program on this machine may use the caller API");
    }
    if !service.operations_listen.ip().is_loopback() {
        notes.add("service.operations_listen", "is reachable from other machines; keep it inside your network");
    }
    if service.has_unnamed_gateway() {
        notes.add("service.trusted_proxies", UNNAMED_GATEWAY);
    }
    if service.test_mode {
        notes.add("service.test_mode", "is on: placeholder types are allowed. Not for real persons");
    }
    for kind in tenant.transaction_data.iter() {
        let with = kind.credential_types.join(", ");
        let issued = kind.credential_types.iter().any(|vct| tenant.trust_plans.iter().any(|plan| covers(plan, vct)));
        let who = if issued { "" } else { "; no trust source vouches for any of these, so nobody can confirm it" };
        notes.add(
            format!("transaction_data_type({})", kind.name.escape_debug()),
            format!("may be asked for, to be confirmed with {with}{who}"),
        );
    }
    if tenant.plain_direct_post {
        notes.add("tenant.plain_direct_post", "is on: answers may come unencrypted, a deviation from HAIP");
    }
    if *store == store::StoreSettings::MemoryOnlyLostAtRestart {
        notes.add("store.kind", "keeps nothing: a restart loses every transaction and result");
    }
    let left = tenant.access.valid_until().since(now);
    if left < access::EXPIRY_NOTICE_SECONDS {
        let days = left.div_euclid(24 * 3600);
        notes.add("tenant.access_chain", format!("ends in {days} days; renew it now"));
    }
}

/// Whether a source may vouch for this credential type.
fn covers(plan: &TrustPlan, vct: &str) -> bool {
    let source = &plan.source;
    source.purpose.may_issue(vct) && (source.types.is_empty() || source.types.iter().any(|known| known == vct))
}

fn callers(file: &Table, faults: &Faults) -> Option<Vec<tenant::Caller>> {
    let inner = match file.get("tenant") {
        Some(Value::Table(tenant)) => tenant.get("caller"),
        _ => None,
    };
    let mut callers = Vec::new();
    let complete = many(inner, &tenant::CALLER, faults, |section| {
        tenant::read_caller(section, &callers).map(|caller| callers.push(caller)).is_some()
    });
    complete.then_some(callers)
}

/// Everything about trust: the sources, the lists that fill some of them, and where those are kept.
#[derive(Debug, Clone)]
pub struct TrustSettings {
    /// `[[trust]]`
    pub plans: Vec<TrustPlan>,
    /// `[[trust_list]]`
    pub lists: Vec<ListPlan>,
    /// `trust_data.folder`
    pub folder: Option<PathBuf>,
}

fn trust_settings(file: &Table, rules: trust::Rules<'_>, faults: &Faults) -> Option<TrustSettings> {
    let mut lists: Vec<ListPlan> = Vec::new();
    let lists_complete = many(file.get("trust_list"), &trust_list::DOC, faults, |section| {
        let Some(list) = trust_list::read(section, rules) else { return false };
        if lists.iter().any(|known| known.name == list.name) {
            section.fault("name", "is the name of another list, too", "Give each list a name of its own.");
        }
        lists.push(list);
        true
    });
    let folder =
        once(file, &trust_list::DATA, &[], faults, |section| trust_list::read_folder(section, rules.files).ok());
    if !lists.is_empty() && folder == Some(None) {
        faults.add(
            "trust_data.folder",
            "is missing, but there are trust lists: a restart could not tell an old list from a new one",
            "Name an existing folder, as /var/lib/pruefstein/trust.",
        );
    }
    let plans = trust_plans(file, rules, &lists, faults);
    // Without all lists a source that names one of them would only complain a second time.
    Some(TrustSettings { plans: plans.filter(|_| lists_complete)?, lists, folder: folder? })
}

/// Whether a source has no certificates that could sign status lists, but credentials that may have a status.
fn needs_status_signers(plan: &TrustPlan) -> bool {
    let source = &plan.source;
    let concerned = source.status_rule != StatusRule::MayBeAbsent || !source.status_origins.is_empty();
    !plan.issuers.is_empty() && source.status_anchors.is_empty() && concerned
}

/// What sources that name issuers must have together (TSL-28, VC-23).
fn check_issuers(sources: &[TrustPlan], faults: &Faults) {
    for plan in sources.iter().filter(|plan| needs_status_signers(plan)) {
        if !sources.iter().any(|other| other.signs_for.contains(&plan.source.name)) {
            faults.add(
                format!("trust({}).status_anchors", plan.source.name),
                "is missing, but its issuers have no certificates under which a status list could be signed",
                "Name the anchors of the signers, or set status = \"may_be_absent\" and leave status_hosts out.",
            );
        }
    }
    for (plan, issuer) in sources.iter().flat_map(|plan| plan.issuers.iter().map(move |issuer| (plan, issuer))) {
        let differs = |known: &IssuerPlan| known.issuer == issuer.issuer && known != issuer;
        let before = sources.iter().take_while(|known| known.source.name != plan.source.name);
        if let Some(other) = before.into_iter().find(|known| known.issuers.iter().any(differs)) {
            faults.add(
                format!("trust({}).issuer_key_hosts", plan.source.name),
                format!("is not that of {}, though both name {}", other.source.name, issuer.issuer),
                "Give both the same hosts: an issuer has one set of keys.",
            );
        }
    }
}

fn trust_plans(file: &Table, rules: trust::Rules<'_>, lists: &[ListPlan], faults: &Faults) -> Option<Vec<TrustPlan>> {
    let mut sources: Vec<TrustPlan> = Vec::new();
    let complete = many(file.get("trust"), &trust::DOC, faults, |section| {
        let Some(source) = trust::read(section, rules, lists) else { return false };
        if sources.iter().any(|known| known.source.name == source.source.name) {
            section.fault("name", "is the name of another source, too", "Give each source a name of its own.");
        }
        sources.push(source);
        true
    });
    for plan in &sources {
        for target in &plan.signs_for {
            let issues = |known: &TrustPlan| known.source.name == *target && known.source.purpose.issues_credentials();
            if !sources.iter().any(issues) {
                faults.add(
                    format!("trust({}).signs_for", plan.source.name),
                    format!("names {}, which is no source of credentials", target.escape_debug()),
                    "Name a [[trust]] source that issues credentials.",
                );
            }
        }
    }
    if complete {
        check_issuers(&sources, faults);
    }
    if complete && !sources.iter().any(|plan| plan.source.purpose.issues_credentials()) {
        faults.add(
            "trust",
            "there is no trust source, so nobody's credentials could be accepted",
            "Add a [[trust]] section with name, types and anchors.",
        );
        return None;
    }
    complete.then_some(sources)
}

/// All `[[transaction_data_type]]`.
fn transaction_data_types(file: &Table, files: Files<'_>, faults: &Faults) -> Option<TransactionDataTypes> {
    let mut types = Vec::new();
    let complete = many(file.get(transaction_data::DOC.name), &transaction_data::DOC, faults, |section| {
        transaction_data::read(section, files, &types).map(|kind| types.push(kind)).is_some()
    });
    complete.then(|| TransactionDataTypes::new(types))
}

/// `[policy]` with all `[[type_metadata]]`.
fn whole_policy(file: &Table, files: Files<'_>, faults: &Faults) -> Option<Policy> {
    let policy = once(file, &policy::DOC, &[], faults, policy::read);
    let mut sections = Vec::new();
    let complete = many(file.get(type_metadata::DOC.name), &type_metadata::DOC, faults, |section| {
        type_metadata::read(section, files).map(|section| sections.push(section)).is_some()
    });
    let type_metadata = if complete { type_metadata::assemble(sections, faults) } else { None };
    Some(Policy { type_metadata: type_metadata?, ..policy? })
}

/// Reads a section that stands there at most once; if it is absent, its defaults hold.
fn once<T>(
    file: &Table,
    doc: &'static SectionDoc,
    inner: &[&'static str],
    faults: &Faults,
    read: impl FnOnce(Section<'_>) -> Option<T>,
) -> Option<T> {
    let empty = Table::new();
    let table = match file.get(doc.name) {
        None => &empty,
        Some(Value::Table(table)) => table,
        Some(_) => {
            faults.add(
                doc.name,
                "must be a section of its own",
                format!("Write [{}], and its settings below.", doc.name),
            );
            return None;
        }
    };
    read(Section::open(doc, doc.name, table, inner, faults))
}

/// Reads a section that may stand there any number of times. `false` if one of them was faulty.
fn many(
    value: Option<&Value>,
    doc: &'static SectionDoc,
    faults: &Faults,
    mut read: impl FnMut(Section<'_>) -> bool,
) -> bool {
    let shape = || {
        let header = doc.header();
        faults.add(doc.name, format!("must be sections {header}"), format!("Write {header} above each of them."));
        false
    };
    let tables = match value {
        None => return true,
        Some(Value::Array(tables)) => tables,
        Some(_) => return shape(),
    };
    let mut complete = true;
    for (index, table) in tables.iter().enumerate() {
        let Value::Table(table) = table else { return shape() };
        let path = match table.get("name") {
            Some(Value::String(name)) => format!("{}({})", doc.name, name.escape_debug()),
            _ => format!("{}(no. {})", doc.name, index.saturating_add(1)),
        };
        complete &= read(Section::open(doc, &path, table, &[], faults));
    }
    complete
}

fn check_sections(file: &Table, known: &[&'static SectionDoc], faults: &Faults) {
    let names = || known.iter().map(|section| section.name).filter(|name| !name.contains('.'));
    for name in file.keys().filter(|name| !names().any(|known| known == name.as_str())) {
        faults.add(name.escape_debug().to_string(), "there is no such section", suggestion(name, names()));
    }
}

/// The file as a table, syntactically sound.
fn read_file(path: &Path, faults: &Faults) -> Option<Table> {
    let name = path.display().to_string();
    let bytes = Files::read(path).map_err(|complaint| faults.add(&name, complaint.problem, complaint.remedy)).ok()?;
    let Ok(text) = String::from_utf8(bytes) else {
        faults.add(name, "is not UTF-8 text", "Save it as UTF-8.");
        return None;
    };
    match text.parse::<Table>() {
        Ok(table) => Some(table),
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count().saturating_add(1);
            faults.add(format!("{name}:{line}"), format!("is not TOML: {}", error.message()), "Correct this line.");
            None
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
