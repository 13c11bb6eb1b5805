//! Registration: certificates of the relying party, requests that keep to them, and requests that do not.

mod certificate;
mod onboard;
mod requests;
mod settings;

use crate::service::NOW;
use pruefstein::demo::World;
use pruefstein::domain::preset::Preset;
use pruefstein::domain::reason::{Code, Reason};
use pruefstein::domain::registration::certificate::RegistrationCertificate;
use pruefstein::domain::registration::{Registration, UnregisteredQueries};
use pruefstein::domain::time::{ClockSkew, UnixSeconds};
use pruefstein::domain::verify::can_verify;
use pruefstein::domain::x509::Certificate;
use pruefstein::domain::x509::relying_party::PartyFacts;
use pruefstein::simulator::authority::TestAuthority;
use pruefstein::simulator::registrar::{Draft, IntendedUse};
use serde_json::{Value, json};

pub(crate) fn world() -> World {
    World::new([7; 32], NOW, "127.0.0.1", crate::service::STATUS_BASE).unwrap()
}

/// What is registered for resident parking.
pub(crate) fn credentials() -> Value {
    let presets = pruefstein::domain::preset::shipped().unwrap();
    let preset: &Preset = presets.iter().find(|preset| preset.id == "bewohnerparken").unwrap();
    pruefstein::demo::registrations::entries(&preset.sendable(can_verify).unwrap())
}

pub(crate) fn draft(authority: &TestAuthority, now: UnixSeconds) -> Draft {
    authority.registration(&wanted(), now)
}

pub(crate) fn wanted() -> IntendedUse<'static> {
    IntendedUse { id: "parking-1", purpose: ("Parken", "Parking"), credentials: credentials() }
}

pub(crate) fn party(world: &World) -> PartyFacts {
    PartyFacts::of(&Certificate::read(&world.authority.access().chain[0]).unwrap())
}

/// Read and put in its place, as a start does.
pub(crate) fn placed(world: &World, bytes: &[u8], now: UnixSeconds) -> Result<Registration, Reason> {
    let certificate = RegistrationCertificate::read(bytes, ClockSkew::DEFAULT, now)?;
    Registration::new("parking".to_owned(), Vec::new(), certificate, &party(world), &world.trust().unwrap(), now)
}

/// A registration of the world for the given credentials.
pub(crate) fn registered(world: &World, name: &str, presets: &[&str], change: impl FnOnce(&mut Draft)) -> Registration {
    let mut draft = draft(&world.authority, NOW);
    change(&mut draft);
    let certificate = RegistrationCertificate::read(draft.jwt().unwrap().as_bytes(), ClockSkew::DEFAULT, NOW).unwrap();
    let presets = presets.iter().map(|preset| (*preset).to_owned()).collect();
    let trust = world.trust().unwrap();
    Registration::new(name.to_owned(), presets, certificate, &party(world), &trust, NOW).unwrap()
}
