//! `[[registration]]`: what the relying party has told its registrar that it will ask.

use super::access;
use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::files::Files;
use super::reader::{Complaint, Faults, Section};
use super::tenant::TenantSettings;
use super::{Environment, Fault, Notes, SECTIONS, read_file};
use crate::domain::preset::Preset;
use crate::domain::reason::{Code, Reason};
use crate::domain::registration::certificate::RegistrationCertificate;
use crate::domain::registration::{Registration, Registrations, UnregisteredQueries};
use crate::domain::time::UnixSeconds;
use crate::domain::verify::can_verify;
use crate::domain::x509::relying_party::PartyFacts;
use std::path::Path;
use toml::Value;

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "registration",
    occurs: Occurs::Many,
    about: "A registration certificate: what the registrar has entered for one service and intended use. It goes with each \
            request of that use, and a request that asks for more is not made. It must be signed below the anchors of a \
            `[[trust]]` source with `purpose = \"registrar\"`, and be for the holder of the access certificate. \
            `config check` prints for each preset what is registered and what is asked. Without any, nothing is compared.",
    fields: &[
        field(
            "name",
            Kind::Text("1 to 64 of a-z, 0-9 and -"),
            Default::Required,
            "Its name in calls (`registration`).",
        ),
        field(
            "file",
            Kind::Text("file as the registrar sent it: JWT, CWT, JSON with a JWT in it, or base64url"),
            Default::Required,
            "The certificate.",
        ),
        field(
            "presets",
            Kind::Texts("id of a preset"),
            Default::Absent("all that no other registration names, and queries of callers"),
            "The presets that ask under it. A preset that asks for more than is registered stops the start.",
        ),
        field(
            "public_body",
            Kind::Flag,
            Default::Is("false"),
            "Whether the register says that the party is a public body. If the certificate does not say so, there is a note.",
        ),
    ],
};

/// What a registration will be asked for, before there is any certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `tenant.presets`; `None` if the file does not say.
    pub presets: Option<Vec<String>>,
    /// `tenant.privacy_url`
    pub privacy_url: Option<String>,
}

/// Reads what is wanted from a configuration that need not be complete.
///
/// # Errors
/// What is wrong with the file as a file.
pub fn wanted(path: &Path, environment: &Environment) -> Result<Wanted, Vec<Fault>> {
    let faults = Faults::default();
    let file = read_file(path, &faults).map(|mut file| {
        environment.overlay(&mut file, &SECTIONS, &faults);
        file
    });
    let Some(file) = file else { return Err(faults.into_vec()) };
    let tenant = file.get("tenant").and_then(Value::as_table);
    let setting = |name: &str| tenant.and_then(|tenant| tenant.get(name));
    let texts = |list: &Vec<Value>| list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    Ok(Wanted {
        presets: setting("presets").and_then(Value::as_array).map(texts),
        privacy_url: setting("privacy_url").and_then(Value::as_str).map(str::to_owned),
    })
}

/// Reads the sections one by one, each beside those before it.
pub(super) struct Reader<'a> {
    tenant: &'a TenantSettings,
    files: Files<'a>,
    party: PartyFacts,
    registrations: Registrations,
    sound: bool,
    now: UnixSeconds,
}

impl<'a> Reader<'a> {
    /// For the registrations of this tenant.
    pub(super) fn new(tenant: &'a TenantSettings, files: Files<'a>, now: UnixSeconds) -> Self {
        let party = tenant.access.leaf().map(PartyFacts::of).unwrap_or_default();
        let registrations = Registrations { list: Vec::new(), unregistered: tenant.unregistered_queries };
        Self { tenant, files, party, registrations, sound: true, now }
    }

    /// Reads one section. `false` if something is wrong; what, has been noted.
    pub(super) fn read(&mut self, section: Section<'_>) -> bool {
        let read = read(section, self.files, self.tenant, &self.party, &self.registrations, self.now);
        self.sound &= read.is_some();
        let good = read.is_some();
        self.registrations.list.extend(read);
        good
    }

    /// What has been read, judged together.
    pub(super) fn finish(self, notes: &Notes, faults: &Faults) -> Option<Registrations> {
        let Self { tenant, party, registrations, sound, now, .. } = self;
        if !sound {
            return None;
        }
        if registrations.list.is_empty() && tenant.profile.verifier_info.demanded {
            let profile = tenant.profile.name;
            faults.add(
                "registration",
                format!("is missing, but the profile {profile} sends a registration certificate with each request"),
                "Add a [[registration]] with the registrar's certificate, or choose another tenant.profile (VINFO-05).",
            );
            return None;
        }
        if !registrations.list.is_empty() && !tenant.client_id_prefix.is_signed() {
            faults.add(
                "registration",
                "is given, but requests by redirect_uri are not signed, so wallets could not tell whose it is",
                "Choose x509_hash as client_id_prefix, or leave it out.",
            );
            return None;
        }
        note(&registrations, tenant, &party, now, notes);
        Some(registrations)
    }
}

fn read(
    section: Section<'_>,
    files: Files<'_>,
    tenant: &TenantSettings,
    party: &PartyFacts,
    known: &Registrations,
    now: UnixSeconds,
) -> Option<Registration> {
    let name = section.text("name").filter(|name| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let good = name.len() <= 64 && name.bytes().all(plain);
        if !good {
            section.fault("name", "has other characters than a-z, 0-9 and -", "Write a short name, as parking.");
        } else if known.named(name).is_some() {
            section.fault("name", "is the name of another registration, too", "Give each a name of its own.");
        }
        good && known.named(name).is_none()
    });
    let presets = presets(section, tenant, known);
    let certificate = section.text("file").and_then(|text| {
        let bytes = Files::read(&files.resolve(&text)).map_err(|complaint| section.complain("file", complaint)).ok()?;
        let read = RegistrationCertificate::read(&bytes, tenant.policy.skew, now);
        read.map_err(|reason| section.complain("file", complaint(&reason))).ok()
    })?;
    if known.with_digest(certificate.digest()).is_some() {
        section.fault("file", "is the certificate of another registration, too", "Name the presets at that one.");
        return None;
    }
    let (name, presets) = (name?, presets?);
    let mut registration = Registration::new(name, presets, certificate, party, &tenant.trust, now)
        .map_err(|reason| section.complain("file", complaint(&reason)))
        .ok()?;
    if section.flag("public_body")? && registration.certificate().content().public_body != Some(true) {
        registration =
            registration.with_remark("RPC-20", "the register says public body, but the certificate does not");
    }
    let mut covered = true;
    for preset in registration.presets.iter().filter_map(|id| tenant.presets.iter().find(|preset| preset.id == *id)) {
        covered &= tenant.unregistered_queries == UnregisteredQueries::AllowedForTesting
            || check_covered(section, &registration, preset);
    }
    covered.then_some(registration)
}

fn check_covered(section: Section<'_>, registration: &Registration, preset: &Preset) -> bool {
    // What may not be sent at all is refused elsewhere.
    let Ok(query) = preset.sendable(can_verify) else { return true };
    let faults = registration.compare(&query).faults();
    let excess: Vec<&str> = faults.iter().map(|fault| fault.detail.as_ref()).collect();
    if !excess.is_empty() {
        section.fault(
            "presets",
            format!("the preset {} asks for more than is registered: {}", preset.id, excess.join("; ")),
            "Have it registered, or take the preset away. Only for tests: tenant.unregistered_queries.",
        );
    }
    excess.is_empty()
}

fn presets(section: Section<'_>, tenant: &TenantSettings, known: &Registrations) -> Option<Vec<String>> {
    let mut sound = true;
    let mut presets = Vec::new();
    for entry in section.texts("presets") {
        let taken = known.list.iter().find(|other| other.presets.contains(&entry.text));
        if let Some(other) = taken {
            sound = false;
            let problem = format!("belongs to the registration {} already", other.name);
            section.faults().add(entry.key, problem, "Name it once: each use has one registration (RPC-09).");
        } else if tenant.presets.iter().any(|preset| preset.id == entry.text) {
            presets.push(entry.text);
        } else {
            sound = false;
            section.faults().add(entry.key, "is no preset of this tenant", "Correct it, or add it to tenant.presets.");
        }
    }
    sound.then_some(presets)
}

/// What is wrong with a certificate, and what to do.
fn complaint(reason: &Reason) -> Complaint {
    let remedy = match reason.code {
        Code::CredentialExpired => "Get a new one from the registrar; wallets warn of requests with an ended one.",
        Code::CredentialNotYetValid => "Wait, or look at the clock of this machine.",
        Code::CredentialTypInvalid => "Name the registration certificate; pruefstein inspect shows what a file is.",
        Code::ConfigRefused => "Use the access certificate and the registration certificate of the same party.",
        Code::TrustAnchorSetEmpty => "Add a [[trust]] source with purpose = \"registrar\" and the registrar's anchors.",
        Code::X5cUntrusted => "Compare its certificates with the anchors of your registrar source: pruefstein inspect.",
        Code::X5cExpired => "Get a new one from the registrar, and its anchors.",
        _ => "Ask the registrar for a sound one; pruefstein inspect shows what it says.",
    };
    Complaint::new(format!("the registration certificate is refused: {reason}"), remedy)
}

/// What is worth knowing.
fn note(registrations: &Registrations, tenant: &TenantSettings, party: &PartyFacts, now: UnixSeconds, notes: &Notes) {
    if registrations.unregistered == UnregisteredQueries::AllowedForTesting {
        notes.add(
            "tenant.unregistered_queries",
            "is allowed_for_testing: requests may ask for more than is registered. Not for real persons",
        );
    }
    if registrations.list.is_empty() {
        return;
    }
    for (rule, text) in party.shortcomings() {
        notes.add("tenant.access_chain", format!("the access certificate {text} ({rule})"));
    }
    for registration in &registrations.list {
        let key = format!("registration({})", registration.name);
        for remark in registration.remarks() {
            notes.add(key.clone(), format!("{} ({})", remark.text, remark.rule));
        }
        if registration.registrar().is_none() {
            notes.add(
                key.clone(),
                "its registrar stands on a trust list; each use is checked against the list in force",
            );
        }
        let left = registration.valid_until().since(now);
        if left < access::EXPIRY_NOTICE_SECONDS {
            notes.add(key, format!("ends in {} days; have it renewed now", left.div_euclid(24 * 3600)));
        }
    }
    for preset in &tenant.presets {
        let Ok(query) = preset.sendable(can_verify) else { continue };
        let chosen = registrations.choose(Some(&preset.id), None);
        let problem = match chosen {
            Err(_) => "no registration is for it",
            Ok(Some(registration)) if !registration.compare(&query).is_complete() => {
                "it asks for more than is registered"
            }
            Ok(_) => continue,
        };
        let key = format!("tenant.presets({})", preset.id);
        notes.add(key, format!("{problem}: calls with it are refused unless they name a registration that covers it"));
    }
}
