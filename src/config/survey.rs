//! What can be read of a configuration, accepted or not: for those who look for what is wrong with it.

use super::address::PublicUrl;
use super::files::Files;
use super::reader::{Faults, Section};
use super::{
    Environment, Fault, Note, Notes, SECTIONS, TrustSettings, access, conclude, folder, once, outgoing, read,
    read_file, service, store, store_settings, tenant, trust, trust_settings, whole_policy, with_registrations,
};
use crate::domain::jose::keys::SigningKey;
use crate::domain::request::client_id::ClientIdPrefix;
use crate::domain::time::{ClockSkew, UnixSeconds};
use crate::domain::trust::listed::{Held, compose};
use crate::domain::verify::Policy;
use crate::domain::x509::Certificate;
use std::net::SocketAddr;
use std::path::Path;
use toml::Table;

/// A configuration as far as it can be read. `Debug` shows no key.
#[derive(Debug, Default)]
pub struct Survey {
    /// Everything that is wrong; empty if the service would start with it.
    pub faults: Vec<Fault>,
    /// What is worth knowing.
    pub notes: Vec<Note>,
    /// `service.public_url`
    pub public_url: Option<PublicUrl>,
    /// `service.listen` and `service.operations_listen`
    pub listeners: Option<(SocketAddr, SocketAddr)>,
    /// `[store]`
    pub store: Option<store::StoreSettings>,
    /// `tenant.access_key`
    pub access_key: Option<SigningKey>,
    /// `tenant.access_chain`, whatever its certificates are; empty if they cannot be read.
    pub access_chain: Vec<Certificate>,
    /// `tenant.client_id_prefix`
    pub client_id_prefix: Option<ClientIdPrefix>,
    /// `[[registration]]` with what belongs to it, if tenant and registrations can be read.
    pub tenant: Option<tenant::TenantSettings>,
    /// Everything about trust.
    pub trust: Option<TrustSettings>,
    /// `[policy]` and `[[type_metadata]]`
    pub policy: Option<Policy>,
    /// `[outgoing]`
    pub outgoing: Option<outgoing::OutgoingSettings>,
}

impl Survey {
    /// The tolerance for clocks that holds.
    pub fn skew(&self) -> ClockSkew {
        self.policy.as_ref().map_or(ClockSkew::DEFAULT, |policy| policy.skew)
    }
}

/// Reads what can be read, as it holds at `now`.
pub fn survey(path: &Path, environment: &Environment, now: UnixSeconds) -> Survey {
    let (faults, notes) = (Faults::default(), Notes::default());
    let Some(mut file) = read_file(path, &faults) else {
        return Survey { faults: faults.into_vec(), ..Survey::default() };
    };
    environment.overlay(&mut file, &SECTIONS, &faults);
    let settings = read(path, &file, now, &faults, &notes);
    let judged = conclude(settings, faults);
    Survey { faults: judged.err().unwrap_or_default(), notes: notes.0.into_inner(), ..parts(path, &file, now) }
}

/// Each part by itself. What is wrong with it has been said already.
fn parts(path: &Path, file: &Table, now: UnixSeconds) -> Survey {
    let (said, notes) = (Faults::default(), Notes::default());
    let files = Files::new(folder(path));
    let service = once(file, &service::DOC, &[], &said, service::read);
    let test_mode = service.as_ref().is_none_or(|service| service.test_mode);
    let rules = trust::Rules { files, now, placeholders_allowed: test_mode, notes: &notes };
    let mut survey = Survey {
        store: store_settings(file, files, &said),
        trust: trust_settings(file, rules, &said),
        policy: whole_policy(file, files, &said),
        outgoing: once(file, &outgoing::DOC, &[], &said, |section| outgoing::read(section, files)),
        ..Survey::default()
    };
    once(file, &tenant::DOC, &["caller"], &said, |section| {
        identity(section, files, &mut survey);
        Some(())
    });
    let parts = tenant::Parts {
        callers: Some(Vec::new()),
        trust: survey.trust.as_ref().map(|trust| compose(&trust.plans, Held::default(), now)),
        trust_plans: survey.trust.as_ref().map(|trust| trust.plans.clone()).unwrap_or_default(),
        policy: survey.policy.clone(),
        transaction_data: super::transaction_data_types(file, files, &said),
        test_mode,
    };
    let public_url = service.as_ref().map(|service| &service.public_url);
    let read =
        once(file, &tenant::DOC, &["caller"], &said, |section| tenant::read(section, files, public_url, now, parts));
    survey.tenant = with_registrations(file, read, files, now, &said, &notes);
    if let Some(service) = service {
        survey.listeners = Some((service.listen, service.operations_listen));
        survey.public_url = Some(service.public_url);
    }
    survey
}

fn identity(section: Section<'_>, files: Files<'_>, survey: &mut Survey) {
    survey.access_key = section.text("access_key").and_then(|text| access::read_key(files, &text).ok());
    let chain = section.text("access_chain").and_then(|text| Files::certificates(&files.resolve(&text)).ok());
    survey.access_chain = chain.unwrap_or_default();
    survey.client_id_prefix = section.choice("client_id_prefix").and_then(ClientIdPrefix::from_name);
}
