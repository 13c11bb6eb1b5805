//! What the party of a simulated world has registered: for each preset what that preset asks, and nothing else.

use super::world::{World, WorldError};
use crate::domain::dcql::{ClaimQuery, CredentialQuery, DcqlQuery};
use crate::domain::preset::{self, Preset};
use crate::domain::reason::{Code, Reason};
use crate::domain::registration::certificate::RegistrationCertificate;
use crate::domain::registration::{Registration, Registrations, UnregisteredQueries};
use crate::domain::time::{ClockSkew, UnixSeconds};
use crate::domain::trust::TrustAnchors;
use crate::domain::verify::can_verify;
use crate::domain::x509::Certificate;
use crate::domain::x509::relying_party::PartyFacts;
use crate::simulator::SimulatorError;
use crate::simulator::authority::TestAuthority;
use crate::simulator::registrar::IntendedUse;
use serde_json::{Map, Value, json};

/// The registration certificates of a world, by preset: the JWT and the query it is for.
///
/// # Errors
/// [`SimulatorError`] if the registrar cannot sign, or a preset cannot be read.
pub fn certificates(authority: &TestAuthority, now: UnixSeconds) -> Result<Vec<(String, String)>, SimulatorError> {
    let presets = preset::shipped().map_err(|_| SimulatorError::Form("a preset cannot be read"))?;
    let mut made = Vec::new();
    for preset in &presets {
        let Ok(query) = preset.sendable(can_verify) else { continue };
        made.push((preset.id.clone(), authority.registration(&intended(preset, &query), now).jwt()?));
    }
    Ok(made)
}

fn intended<'p>(preset: &'p Preset, query: &DcqlQuery) -> IntendedUse<'p> {
    let purpose = (preset.purpose.de.as_str(), preset.purpose.en.as_str());
    IntendedUse { id: &preset.id, purpose, credentials: entries(query) }
}

/// What a query asks, as it stands in `credentials` of a registration certificate: `claim`, singular, by paths alone.
pub fn entries(query: &DcqlQuery) -> Value {
    let path = |claim: &ClaimQuery| {
        let path: Vec<Value> = claim.path().components().iter().map(crate::domain::dcql::Component::to_json).collect();
        json!({ "path": path })
    };
    let meta =
        |index: usize| query.as_json().pointer(&format!("/credentials/{index}/meta")).cloned().unwrap_or_default();
    let entry = |(index, credential): (usize, &CredentialQuery)| {
        let claims: Vec<Value> = credential.claims().iter().map(path).collect();
        let mut entry = Map::new();
        entry.insert("format".to_owned(), json!(credential.format().as_str()));
        entry.insert("meta".to_owned(), meta(index));
        entry.insert("claim".to_owned(), json!(claims));
        Value::Object(entry)
    };
    Value::Array(query.credentials().iter().enumerate().map(entry).collect())
}

impl World {
    /// The registrations of the party of this world, one for each preset.
    ///
    /// # Errors
    /// [`WorldError`] if one cannot be made, or is refused.
    pub fn registrations(&self, trust: &TrustAnchors, now: UnixSeconds) -> Result<Registrations, WorldError> {
        let chain = self.authority.access().chain;
        let leaf = chain.first().ok_or_else(|| Reason::new(Code::X5cMissing, "there is no access certificate"))?;
        let party = PartyFacts::of(&Certificate::read(leaf)?);
        let mut list = Vec::new();
        for (preset, jwt) in certificates(&self.authority, now)? {
            let certificate = RegistrationCertificate::read(jwt.as_bytes(), ClockSkew::DEFAULT, now)?;
            list.push(Registration::new(preset.clone(), vec![preset], certificate, &party, trust, now)?);
        }
        Ok(Registrations { list, unregistered: UnregisteredQueries::Refused })
    }
}
