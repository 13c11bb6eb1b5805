//! `[[trust]]`: who may issue which credentials.

use super::Notes;
use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::files::Files;
use super::reader::{Complaint, Entry, Section};
use crate::domain::limits;
use crate::domain::reason::Reason;
use crate::domain::time::UnixSeconds;
use crate::domain::trust::issuer_metadata::IssuerPlan;
use crate::domain::trust::listed::{ListUse, RevocationPlan, TrustPlan};
use crate::domain::trust::purpose::is_pid;
use crate::domain::trust::{Agreement, Purpose, StatusOrigin, StatusRule, TrustSource};
use crate::domain::trust_list::Notation;
use crate::domain::trust_list::plan::{ListPlan, Place};
use crate::domain::trust_list::profile::{ListKind, profile_of};
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::Anchor;
use crate::domain::x509::profile::CertificateProfile;
use crate::domain::x509::revocation::{Depth, RevocationList};

/// Types that stand for no real credential.
const PLACEHOLDER_TYPES: &str = "urn:example:";

/// The status of services in force (ETSI TS 119 612 section 5.5.4).
const GRANTED: &str = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted";

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "trust",
    occurs: Occurs::Many,
    about: "A trust source: whose credentials are believed, and which ones. A credential is accepted only if its \
            certificates lead to an anchor of a source that names its type; beside HAIP also if it has none and a source \
            names its issuer. Nothing switches this off.",
    fields: &[
        field("name", Kind::Text("name"), Default::Required, "The name of the source in reports (`trusted_by`)."),
        field(
            "purpose",
            Kind::OneOf(&[
                "pid_provider",
                "pub_eaa_provider",
                "qeaa_provider",
                "eaa_provider",
                "status_list",
                "access_certificate_authority",
                "registrar",
            ]),
            Default::Absent("`pid_provider` if all its types are those of PIDs, else `eaa_provider`"),
            "What its certificates vouch for. Person identification data is believed from a `pid_provider` only, and that \
             issues nothing else. `status_list` signs the status lists of other sources (`signs_for`); the last two are \
             for the certificates of relying parties, not for credentials.",
        ),
        field(
            "types",
            Kind::Texts("credential type (`vct`), exactly"),
            Default::Absent("needed for sources that issue credentials"),
            "The credential types that its issuers may issue.",
        ),
        field(
            "countries",
            Kind::Texts("country code, two capital letters"),
            Default::Absent("all"),
            "The countries whose issuers it vouches for, as their certificates state them.",
        ),
        field(
            "anchors",
            Kind::Texts("PEM or DER file, or folder, with CA certificates"),
            Default::Absent("needed unless there are `pinned` ones, a `list` or `issuers`"),
            "The trust anchors. A folder may hold nothing but CA certificates; a private key or a leaf in it stops the \
             start. Expired and repeated anchors are noted; weak ones are noted and left out.",
        ),
        field(
            "pinned",
            Kind::Texts("PEM or DER file, or folder, with issuer certificates"),
            Default::Absent("none"),
            "Issuer certificates that are trusted as they are, byte for byte, without a chain.",
        ),
        field(
            "issuers",
            Kind::Texts("https address, exactly as `iss` in credentials, without query and fragment"),
            Default::Absent("none: certificates alone count"),
            "Instead of certificates: issuers whose keys are taken from what they publish at \
             `https://host/.well-known/jwt-vc-issuer/path` (SD-JWT VC), for credentials without `x5c`. Read anew every hour \
             and used for a day at most after the last reading; a token never makes anything be asked. HAIP demands `x5c`, \
             so only with `tenant.profile = \"openid4vp\"`.",
        ),
        field(
            "issuer_key_hosts",
            Kind::Texts("host or origin"),
            Default::Absent("the host of the issuer alone"),
            "Where the key sets (`jwks_uri`) of its `issuers` may lie besides.",
        ),
        field(
            "status_anchors",
            Kind::Texts("PEM or DER file, or folder, with CA certificates"),
            Default::Absent("the `anchors`; needed with `issuers`, unless none of their credentials has a status"),
            "The anchors of those who sign the status lists of this source, where they differ.",
        ),
        field(
            "status_hosts",
            Kind::Texts("host or origin"),
            Default::Absent("none, so that credentials with a status are refused"),
            "Where its status lists may lie: `status.example`, `https://status.example:8443`. `http` on loopback only. \
             Nothing else is asked, and redirects are followed to these only.",
        ),
        field(
            "status_prefetch",
            Kind::Texts("address of a status list, or of a document that names lists (aggregation)"),
            Default::Absent("none; lists are kept warm once an answer has needed them"),
            "Status lists that are fetched from the start on, so that no fetch tells an issuer that somebody presents. They \
             must lie on `status_hosts`. A list that is named here is followed to its `aggregation_uri`, if that lies there \
             as well; no other list is.",
        ),
        field(
            "status",
            Kind::OneOf(&["required", "required_unless_short_lived", "may_be_absent"]),
            Default::Is("\"required_unless_short_lived\""),
            "Whether its credentials must point to a status list; short-lived means at most 24 hours. A status that is \
             there is always checked.",
        ),
        field(
            "list",
            Kind::Text("name of a `[[trust_list]]`"),
            Default::Absent("certificates of its own"),
            "The list whose services give it its certificates. Those of authorities become anchors, others are trusted as \
             they are.",
        ),
        field(
            "services",
            Kind::Texts("service type (URI), exactly"),
            Default::Absent("those of the European list for this purpose"),
            "The services of the list whose certificates vouch for issuers.",
        ),
        field(
            "status_services",
            Kind::Texts("service type (URI), exactly"),
            Default::Absent("those of the European list for this purpose"),
            "The services of the list whose certificates vouch for signers of status lists.",
        ),
        field(
            "service_information",
            Kind::Texts("additional service information (URI), exactly"),
            Default::Absent("services that limit nothing"),
            "What a service of a list in TS 119 612 must say of itself: one of these at least, such as \
             `http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForeSeals`. A service that says so as a critical extension \
             counts only for sources that name it.",
        ),
        field(
            "service_statuses",
            Kind::Texts("status (URI), exactly"),
            Default::Absent("`granted` in TS 119 612, `notified` in the list of public bodies, else none"),
            "The statuses in which a service of the list gives trust. Where a list has none, a service that states one gives \
             no trust.",
        ),
        field(
            "signs_for",
            Kind::Texts("name of a `[[trust]]` source"),
            Default::Absent("needed for `status_list`, else nothing"),
            "The sources whose status lists its certificates sign.",
        ),
        field(
            "extended_key_usage",
            Kind::Text("object identifier in dotted form"),
            Default::Absent("none is demanded"),
            "An extended key usage that its issuers' certificates must have.",
        ),
        field(
            "qc_type",
            Kind::Text("object identifier in dotted form"),
            Default::Absent("none is demanded"),
            "A type that the QcType statement of its issuers' certificates must name; `0.4.0.194126.1.1` for PID providers \
             (ETSI TS 119 412-6).",
        ),
        field(
            "issuer_match",
            Kind::OneOf(&["recorded", "uri", "uri_or_dns"]),
            Default::Is("\"recorded\""),
            "Whether `iss` must be a name in the issuer's certificate: a URI, or also the DNS name of its host. The \
             comparison is in the report in any case.",
        ),
        field(
            "country_match",
            Kind::OneOf(&["recorded", "required"]),
            Default::Is("\"recorded\""),
            "Whether `issuing_country`, where it is disclosed, must be the country of the issuer's certificate.",
        ),
        field(
            "revocation_lists",
            Kind::Texts("PEM or DER file, or https address, of a list of revoked certificates (CRL)"),
            Default::Absent("revocation of certificates is not checked"),
            "With these, every certificate below the anchor must be shown not to be revoked; what no list in force covers is \
             refused. They are read anew every hour. Addresses in certificates are never asked.",
        ),
        field(
            "revocation_depth",
            Kind::OneOf(&["whole_chain", "leaf"]),
            Default::Absent("`whole_chain`"),
            "`leaf` for authorities whose intermediates publish no list.",
        ),
    ],
};

/// What a source may be in this run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    pub files: Files<'a>,
    pub now: UnixSeconds,
    pub placeholders_allowed: bool,
    pub notes: &'a Notes,
}

/// Something is wrong; what, has been noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Noted;

/// Reads one source. `None` if something is wrong; what, has been noted.
pub(super) fn read(section: Section<'_>, rules: Rules<'_>, lists: &[ListPlan]) -> Option<TrustPlan> {
    let name = section.text("name").filter(|name| {
        // The lists of a list of lists make sources called NAME/TERRITORY.
        if name.contains('/') {
            section.fault("name", "has a slash, which names of territories have", "Write it without one.");
        }
        !name.contains('/')
    });
    let purpose = section.choice("purpose").and_then(Purpose::from_name);
    let types: Vec<String> =
        section.texts("types").into_iter().map(|entry| check_type(section, rules, entry)).collect();
    let purpose = purpose.unwrap_or_else(|| {
        let pids = !types.is_empty() && types.iter().all(|vct| is_pid(vct));
        if pids { Purpose::PidProvider } else { Purpose::EaaProvider }
    });
    check_types(section, purpose, &types);
    let countries = section.texts("countries").into_iter().filter_map(|entry| country(section, entry)).collect();
    let anchors = anchors(section, rules, "anchors");
    let pinned = pinned(section, rules);
    let status_anchors = self::anchors(section, rules, "status_anchors");
    let list = list_use(section, purpose, lists);
    let own = section.has("anchors") || section.has("pinned");
    let issuers = issuers(section, own || section.has("list"));
    if section.has("list") && (own || section.has("status_anchors")) {
        section.fault(
            "list",
            "is given beside certificates of its own, so that reports could not say on what a verdict rests",
            "Make two sources of it.",
        );
    } else if !section.has("list") && !own && !section.has("issuers") {
        section.fault(
            "anchors",
            "is missing, and there are neither pinned certificates nor a list nor issuers",
            "Name the files of the anchors, or a [[trust_list]] by list.",
        );
    }
    let signs_for: Vec<String> = section.texts("signs_for").into_iter().map(|entry| entry.text).collect();
    if (purpose == Purpose::StatusList) == signs_for.is_empty() {
        let (problem, remedy) = if signs_for.is_empty() {
            ("is missing, so that it signs for nobody", "Name the sources whose status lists it signs.")
        } else {
            ("belongs to sources with purpose = \"status_list\"", "Leave it out, or set the purpose.")
        };
        section.fault("signs_for", problem, remedy);
    }
    let status_origins: Vec<StatusOrigin> =
        section.texts("status_hosts").into_iter().filter_map(|entry| origin(section, &entry)).collect();
    let status_rule = match section.choice("status") {
        Some("required") => StatusRule::Required,
        Some("may_be_absent") => StatusRule::MayBeAbsent,
        _ => StatusRule::RequiredUnlessShortLived,
    };
    if !purpose.issues_credentials() {
        // What would be ignored is refused: somebody relies on it.
        const OF_ISSUERS: [&str; 8] = [
            "status_hosts",
            "status_anchors",
            "status_prefetch",
            "issuers",
            "countries",
            "extended_key_usage",
            "qc_type",
            "revocation_lists",
        ];
        for name in OF_ISSUERS.iter().filter(|name| section.has(name)) {
            section.fault(name, "belongs to sources that issue credentials", "Leave it out here.");
        }
    } else if status_rule == StatusRule::Required && !section.has("status_hosts") {
        section.fault(
            "status_hosts",
            "is missing, but every credential must have a status: all would be refused",
            "Name the hosts of the issuer's status lists.",
        );
    } else if !section.has("status_hosts") {
        rules.notes.add(section.key("status_hosts"), "is missing: credentials that have a status will be refused");
    }
    let identifier = |name: &str| {
        let identifier = section.text(name);
        if identifier.as_ref().is_some_and(|identifier| !is_object_identifier(identifier)) {
            section.fault(name, "is not an object identifier", "Write it in dotted form, as 1.3.130.2.0.0.1.2");
        }
        identifier
    };
    let profile =
        CertificateProfile { extended_key_usage: identifier("extended_key_usage"), qc_type: identifier("qc_type") };
    let agreement = Agreement {
        issuer: section.choice("issuer_match").and_then(Agreement::issuer_from).flatten(),
        country: section.choice("country_match") == Some("required"),
    };
    let revocation = revocation(section, rules);
    let source = TrustSource {
        countries,
        anchors,
        pinned,
        status_anchors,
        status_origins,
        status_rule,
        profile,
        agreement,
        ..TrustSource::new(name?, purpose, types)
    };
    let status_prefetch = status_prefetch(section, &source);
    Some(TrustPlan {
        source,
        list: list.ok()?,
        signs_for,
        status_prefetch,
        revocation: revocation.ok()?,
        issuers: issuers.ok()?,
    })
}

/// The addresses from which status lists are fetched ahead: they must lie where its status lists may.
fn status_prefetch(section: Section<'_>, source: &TrustSource) -> Vec<String> {
    let addresses = section.texts("status_prefetch").into_iter().filter_map(|entry| {
        if let Err(reason) = source.check_status_uri(&entry.text) {
            section.faults().add(entry.key, reason.detail, "Name an address on one of the status_hosts.");
            return None;
        }
        Some(entry.text)
    });
    addresses.collect()
}

/// The issuers that are trusted by the keys they publish (VC-20, VC-23, VC-24).
fn issuers(section: Section<'_>, beside_certificates: bool) -> Result<Vec<IssuerPlan>, Noted> {
    if !section.has("issuers") {
        if section.has("issuer_key_hosts") {
            section.fault("issuer_key_hosts", "is given without issuers", "Name the issuers, or leave it out.");
        }
        return Ok(Vec::new());
    }
    let mut sound = true;
    if beside_certificates {
        sound = false;
        section.fault(
            "issuers",
            "is given beside certificates, so that a credential could choose how it is judged",
            "Make two sources of it.",
        );
    }
    let demanded = |name: &&str| section.choice(name).is_some_and(|word| word != "recorded");
    let of_certificates = ["countries", "extended_key_usage", "qc_type", "revocation_lists"];
    let of_certificates = of_certificates.into_iter().filter(|name| section.has(name));
    for name in of_certificates.chain(["issuer_match", "country_match"].into_iter().filter(demanded)) {
        sound = false;
        section.fault(name, "is about certificates, but issuers that are named have none here", "Leave it out.");
    }
    let hosts = section.texts("issuer_key_hosts");
    let origins: Vec<StatusOrigin> = hosts.iter().filter_map(|entry| https_origin(section, entry)).collect();
    sound &= origins.len() == hosts.len();
    let entries = section.texts("issuers");
    if entries.len() > limits::ISSUERS || section.is_empty_list("issuers") {
        sound = false;
        section.fault(
            "issuers",
            format!("has no entry, or more than {}", limits::ISSUERS),
            "Name the issuers, or make several sources of it.",
        );
    }
    let mut issuers: Vec<IssuerPlan> = Vec::new();
    for entry in entries {
        match IssuerPlan::new(&entry.text, origins.clone()) {
            Ok(plan) if issuers.iter().any(|known| known.metadata_url() == plan.metadata_url()) => {
                sound = false;
                let problem = "has the same metadata as another one, which can be of one issuer only";
                section.faults().add(&entry.key, problem, "Name it once, exactly as iss has it.");
            }
            Ok(plan) => issuers.push(plan),
            Err(reason) => {
                sound = false;
                let remedy = "Write https://issuer.example/path exactly as iss has it; no query, fragment or user.";
                section.faults().add(&entry.key, reason.detail, remedy);
            }
        }
    }
    if sound { Ok(issuers) } else { Err(Noted) }
}

/// A host for key sets: `https` only, unlike that of a status list.
fn https_origin(section: Section<'_>, entry: &Entry) -> Option<StatusOrigin> {
    let origin = StatusOrigin::parse(&entry.text).ok().filter(|origin| origin.text().starts_with("https:"));
    if origin.is_none() {
        let remedy = "Write keys.example or https://keys.example:8443.";
        section.faults().add(&entry.key, "is not a host or an origin with https", remedy);
    }
    origin
}

/// Where lists of revoked certificates come from.
fn revocation(section: Section<'_>, rules: Rules<'_>) -> Result<Option<RevocationPlan>, Noted> {
    if !section.has("revocation_lists") {
        if section.has("revocation_depth") {
            section.fault("revocation_depth", "is given without revocation_lists", "Name the lists, or leave it out.");
        }
        return Ok(None);
    }
    if section.has("pinned") {
        section.fault(
            "revocation_lists",
            "is given beside pinned certificates, which have no issuer whose list could count",
            "Withdraw a pinned certificate by taking it out.",
        );
        return Err(Noted);
    }
    let mut places = Vec::new();
    for entry in section.texts("revocation_lists") {
        if entry.text.contains("://") {
            if StatusOrigin::of_url(&entry.text).is_none() {
                section.faults().add(&entry.key, "is no address with https", "Write https://…, or the path of a file.");
                return Err(Noted);
            }
            places.push(Place::Url(entry.text));
            continue;
        }
        let path = rules.files.resolve(&entry.text);
        let found = Files::read(&path).map_err(|complaint| (complaint.problem, complaint.remedy)).and_then(|bytes| {
            let broken =
                |reason: Reason| (format!("{}: {}", path.display(), reason.detail), "Get a sound copy.".to_owned());
            RevocationList::from_file(&bytes).map_err(broken)
        });
        match found {
            Ok(list) if rules.now >= list.next_update => {
                rules
                    .notes
                    .add(&entry.key, "is out of date: until it is replaced, its issuer's certificates are refused");
            }
            Ok(_) => {}
            Err((problem, remedy)) => {
                section.faults().add(&entry.key, problem, remedy);
                return Err(Noted);
            }
        }
        places.push(Place::File(path.display().to_string()));
    }
    if places.is_empty() {
        section.fault("revocation_lists", "is empty", "Name at least one list, or leave it out.");
        return Err(Noted);
    }
    let depth = match section.choice("revocation_depth") {
        Some("leaf") => Depth::Leaf,
        _ => Depth::WholeChain,
    };
    Ok(Some(RevocationPlan { places, depth }))
}

/// What the source takes from a list.
fn list_use(section: Section<'_>, purpose: Purpose, lists: &[ListPlan]) -> Result<Option<ListUse>, Noted> {
    let texts = |name: &str| section.texts(name).into_iter().map(|entry| entry.text).collect::<Vec<_>>();
    let (services, status_services, statuses) =
        (texts("services"), texts("status_services"), texts("service_statuses"));
    let information = texts("service_information");
    if !section.has("list") {
        let of_lists = ["services", "status_services", "service_information", "service_statuses"];
        for name in of_lists.iter().filter(|name| section.has(name)) {
            section.fault(name, "belongs to sources with a list", "Name the list, or leave it out.");
        }
        return Ok(None);
    }
    let name = section.text("list").ok_or(Noted)?;
    let Some(list) = lists.iter().find(|list| list.name == name) else {
        section.fault("list", "is the name of no [[trust_list]]", "Name one that is there.");
        return Err(Noted);
    };
    // What the European lists call their services is known; for others it has to be said.
    let known = profile_of(&list.list_type).filter(|profile| Some(profile.kind) == kind_of(purpose));
    let or_known = |given: Vec<String>, known: Option<&'static str>| {
        if given.is_empty() { known.map(str::to_owned).into_iter().collect() } else { given }
    };
    let issuance = or_known(services, known.map(|profile| profile.issuance));
    if issuance.is_empty() {
        section.fault(
            "services",
            format!("is missing: what a {} is called in a list of this type is not known", purpose.as_str()),
            "Name the service types (URIs) exactly as the list states them.",
        );
    }
    let revocation = or_known(status_services, known.and_then(|profile| profile.revocation));
    let usual = match list.notation {
        Notation::TrustedList => Some(GRANTED),
        Notation::Lote => known.and_then(|profile| profile.statuses).map(|statuses| statuses.valid),
    };
    let territories = list.territories.clone();
    let statuses = or_known(statuses, usual);
    Ok(Some(ListUse { list: name, territories, issuance, revocation, information, statuses }))
}

/// The kind of European list that a purpose has.
const fn kind_of(purpose: Purpose) -> Option<ListKind> {
    match purpose {
        Purpose::PidProvider => Some(ListKind::Pid),
        Purpose::PubEaaProvider => Some(ListKind::PubEaa),
        Purpose::AccessCertificateAuthority => Some(ListKind::AccessCertificates),
        Purpose::Registrar => Some(ListKind::RegistrationCertificates),
        Purpose::QeaaProvider | Purpose::EaaProvider | Purpose::StatusList => None,
    }
}

/// X5C-02, TL-02: what a source issues must be something that its purpose may.
fn check_types(section: Section<'_>, purpose: Purpose, types: &[String]) {
    if !purpose.issues_credentials() {
        if !types.is_empty() {
            section.fault("types", "belongs to sources that issue credentials", "Leave it out here.");
        }
        return;
    }
    if types.is_empty() && !section.has("types") {
        section.fault("types", "is missing", "Name the exact types (`vct`) that its issuers may issue.");
    } else if types.is_empty() && section.is_empty_list("types") {
        section.fault("types", "is empty, so that the source vouches for nothing", "Name at least one type.");
    }
    if let Some(other) = types.iter().find(|vct| !purpose.may_issue(vct)) {
        let problem = format!("names {}, which a {} does not issue", other.escape_debug(), purpose.as_str());
        section.fault(
            "types",
            problem,
            "PIDs (urn:eudi:pid:…) come from a pid_provider and nothing else does: make two sources of it.",
        );
    }
}

pub(super) fn country(section: Section<'_>, entry: Entry) -> Option<String> {
    let sound = entry.text.len() == 2 && entry.text.bytes().all(|byte| byte.is_ascii_uppercase());
    if !sound {
        section.faults().add(entry.key, "is no country code", "Write two capital letters, as DE.");
    }
    sound.then_some(entry.text)
}

fn check_type(section: Section<'_>, rules: Rules<'_>, entry: Entry) -> String {
    if entry.text.contains(['*', ' ']) {
        section.faults().add(entry.key, "is not a type: types are compared exactly", "Name every type of its own.");
    } else if entry.text.starts_with(PLACEHOLDER_TYPES) && !rules.placeholders_allowed {
        section.faults().add(
            entry.key,
            "is a placeholder, not the type of a real credential",
            "Name the real type; for tests set service.test_mode = true.",
        );
    }
    entry.text
}

pub(super) fn origin(section: Section<'_>, entry: &Entry) -> Option<StatusOrigin> {
    let origin = StatusOrigin::parse(&entry.text);
    if origin.is_err() {
        section.faults().add(
            &entry.key,
            "is not a host or an origin with https",
            "Write status.example or https://status.example:8443; http on loopback only.",
        );
    }
    origin.ok()
}

/// The anchors of a setting. A leaf among them is a fault (TRU-014); weak ones are left out.
fn anchors(section: Section<'_>, rules: Rules<'_>, name: &str) -> Vec<Anchor> {
    let mut anchors: Vec<Anchor> = Vec::new();
    let mut sound = true;
    for entry in section.texts(name) {
        for (file, certificate) in certificates(section, rules, &entry, &mut sound) {
            let title = format!("{file}: {}", certificate.subject_text.escape_debug());
            if !certificate.is_ca {
                sound = false;
                section.faults().add(
                    &entry.key,
                    format!("the certificate in {title} is no CA certificate, so it cannot be an anchor"),
                    "Take it out; an issuer's own certificate belongs under pinned.",
                );
            } else if anchors.iter().any(|anchor| anchor.certificate.der == certificate.der) {
                rules.notes.add(&entry.key, format!("the anchor in {title} stands there twice"));
            } else {
                note_period(rules, &entry.key, &title, &certificate);
                match Anchor::new(certificate) {
                    Ok(anchor) => anchors.push(anchor),
                    Err(reason) => {
                        rules.notes.add(&entry.key, format!("the anchor in {title} is left out: {}", reason.detail));
                    }
                }
            }
        }
    }
    if sound && anchors.is_empty() && section.has(name) {
        section.fault(name, "no usable anchor is left", "Give anchors with strong keys and signatures.");
    }
    anchors
}

/// The certificates of those who sign a list: end entities or authorities. `None` if something is wrong with them.
pub(super) fn signers(section: Section<'_>, rules: Rules<'_>, name: &str) -> Option<Vec<Certificate>> {
    let mut signers: Vec<Certificate> = Vec::new();
    let mut sound = true;
    for entry in section.texts(name) {
        for (file, certificate) in certificates(section, rules, &entry, &mut sound) {
            let title = format!("{file}: {}", certificate.subject_text.escape_debug());
            if let Err(reason) = certificate.check_strength() {
                sound = false;
                section.faults().add(
                    &entry.key,
                    format!("the certificate in {title} cannot be used: {}", reason.detail),
                    "Take the certificate from the official publication.",
                );
            }
            note_period(rules, &entry.key, &title, &certificate);
            signers.push(certificate);
        }
    }
    if sound && signers.is_empty() && section.has(name) {
        section.fault(name, "names no certificate, so nobody could sign the list", "Name at least one.");
        return None;
    }
    sound.then_some(signers)
}

fn pinned(section: Section<'_>, rules: Rules<'_>) -> Vec<Certificate> {
    let mut pinned = Vec::new();
    let mut sound = true;
    for entry in section.texts("pinned") {
        for (file, certificate) in certificates(section, rules, &entry, &mut sound) {
            let title = format!("{file}: {}", certificate.subject_text.escape_debug());
            if certificate.is_ca || certificate.check_strength().is_err() {
                section.faults().add(
                    &entry.key,
                    format!("the certificate in {title} is a CA certificate or weak"),
                    "Pin strong issuer certificates only; CA certificates belong under anchors.",
                );
            } else {
                note_period(rules, &entry.key, &title, &certificate);
                pinned.push(certificate);
            }
        }
    }
    pinned
}

/// The certificates of one entry, each with the name of its file.
fn certificates(section: Section<'_>, rules: Rules<'_>, entry: &Entry, sound: &mut bool) -> Vec<(String, Certificate)> {
    let mut found = Vec::new();
    let mut complain = |complaint: Complaint| {
        *sound = false;
        section.faults().add(&entry.key, complaint.problem, complaint.remedy);
    };
    match Files::list(&rules.files.resolve(&entry.text)) {
        Err(complaint) => complain(complaint),
        Ok(files) => {
            for file in files {
                match Files::certificates(&file) {
                    Err(complaint) => complain(complaint),
                    Ok(certificates) => {
                        let name = file.display().to_string();
                        found.extend(certificates.into_iter().map(|certificate| (name.clone(), certificate)));
                    }
                }
            }
        }
    }
    found
}

fn note_period(rules: Rules<'_>, key: &str, title: &str, certificate: &Certificate) {
    if rules.now > certificate.not_after {
        rules.notes.add(key, format!("the certificate in {title} has expired"));
    } else if rules.now < certificate.not_before {
        rules.notes.add(key, format!("the certificate in {title} is not valid yet"));
    }
}

fn is_object_identifier(text: &str) -> bool {
    text.split('.').count() >= 3
        && text.split('.').all(|arc| !arc.is_empty() && arc.bytes().all(|byte| byte.is_ascii_digit()))
}
