//! `[[trust]]`: who may issue which credentials.

use super::Notes;
use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::files::Files;
use super::reader::{Complaint, Entry, Section};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::purpose::is_pid;
use crate::domain::trust::{Purpose, StatusOrigin, StatusRule, TrustSource};
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::Anchor;

/// Types that stand for no real credential.
const PLACEHOLDER_TYPES: &str = "urn:example:";

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "trust",
    occurs: Occurs::Many,
    about: "A trust source: whose credentials are believed, and which ones. A credential is accepted only if its \
            certificates lead to an anchor of a source that names its type. Nothing switches this off.",
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
            Default::Absent("needed unless there are `pinned` ones"),
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
            "status_anchors",
            Kind::Texts("PEM or DER file, or folder, with CA certificates"),
            Default::Absent("the `anchors`"),
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
            "status",
            Kind::OneOf(&["required", "required_unless_short_lived", "may_be_absent"]),
            Default::Is("\"required_unless_short_lived\""),
            "Whether its credentials must point to a status list; short-lived means at most 24 hours. A status that is \
             there is always checked.",
        ),
        field(
            "extended_key_usage",
            Kind::Text("object identifier in dotted form"),
            Default::Absent("none is demanded"),
            "An extended key usage that its issuers' certificates must have.",
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

/// Reads one source. `None` if something is wrong; what, has been noted.
pub(super) fn read(section: Section<'_>, rules: Rules<'_>) -> Option<TrustSource> {
    let name = section.text("name");
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
    if !section.has("anchors") && !section.has("pinned") {
        section.fault(
            "anchors",
            "is missing, and there are no pinned certificates either",
            "Name the files of the anchors.",
        );
    }
    let status_origins: Vec<StatusOrigin> =
        section.texts("status_hosts").into_iter().filter_map(|entry| origin(section, &entry)).collect();
    let status_rule = match section.choice("status") {
        Some("required") => StatusRule::Required,
        Some("may_be_absent") => StatusRule::MayBeAbsent,
        _ => StatusRule::RequiredUnlessShortLived,
    };
    if status_rule == StatusRule::Required && !section.has("status_hosts") {
        section.fault(
            "status_hosts",
            "is missing, but every credential must have a status: all would be refused",
            "Name the hosts of the issuer's status lists.",
        );
    } else if !section.has("status_hosts") {
        rules.notes.add(section.key("status_hosts"), "is missing: credentials that have a status will be refused");
    }
    let extended_key_usage = section.text("extended_key_usage");
    if let Some(identifier) = &extended_key_usage
        && !is_object_identifier(identifier)
    {
        section.fault(
            "extended_key_usage",
            "is not an object identifier",
            "Write it in dotted form, as 1.3.130.2.0.0.1.2",
        );
    }
    let source = TrustSource {
        countries,
        anchors,
        pinned,
        status_anchors,
        status_origins,
        status_rule,
        extended_key_usage,
        ..TrustSource::new(name?, purpose, types)
    };
    Some(source)
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

fn country(section: Section<'_>, entry: Entry) -> Option<String> {
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

fn origin(section: Section<'_>, entry: &Entry) -> Option<StatusOrigin> {
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
