//! The scheme information: what list this is, who publishes it, and how long it may be used.

use super::value::{certificates, check_extensions, country, malformed, names, optional_array, optional_text, time};
use crate::domain::reason::Reason;
use crate::domain::time::UnixSeconds;
use crate::domain::trust_list::profile::profile_of;
use crate::domain::trust_list::{ListRules, Pointer};
use crate::domain::x509::Certificate;
use serde_json::{Map, Value};

/// Scheme information that fits the rules.
pub(super) struct Scheme {
    pub(super) list_type: String,
    pub(super) operator: Vec<String>,
    pub(super) territory: Option<String>,
    pub(super) sequence: u64,
    pub(super) issued_at: UnixSeconds,
    pub(super) next_update: UnixSeconds,
    pub(super) pointers: Vec<Pointer>,
}

/// Reads scheme information and checks it.
///
/// # Source
/// ETSI TS 119 602 section 6.3 and table D.1; TL-06 to TL-11, TL-14.
pub(super) fn read(
    members: &Map<String, Value>,
    signer: &Certificate,
    rules: &ListRules<'_>,
) -> Result<Scheme, Reason> {
    if members.get("LoTEVersionIdentifier").and_then(Value::as_u64) != Some(1) {
        return Err(malformed("the version of the list is not 1"));
    }
    let sequence = members.get("LoTESequenceNumber").and_then(Value::as_u64).filter(|number| *number > 0);
    let sequence = sequence.ok_or_else(|| malformed("the sequence number is no positive integer"))?;
    let list_type = optional_text(members, "LoTEType", "LoTEType is no text")?.unwrap_or_default().to_owned();
    let operator: Vec<String> = names(members.get("SchemeOperatorName"), "the scheme operator has no name")?
        .into_iter()
        .map(|(_, name)| name.to_owned())
        .collect();
    let territory = match members.get("SchemeTerritory") {
        None => None,
        stated => Some(country(stated).ok_or_else(|| malformed("the territory is no pair of letters"))?.to_owned()),
    };
    let issued_at = time(members.get("ListIssueDateTime"), "ListIssueDateTime is no time in UTC")?;
    let next_update = match members.get("NextUpdate") {
        Some(Value::Null) => None,
        stated => Some(time(stated, "NextUpdate is no time in UTC")?),
    };
    let next_update = rules.check_scheme(&list_type, sequence, issued_at, next_update)?;
    rules.check_signer_names(signer, territory.as_deref(), &operator)?;
    let longest = profile_of(&list_type).and_then(|profile| profile.longest_life);
    if longest.is_some_and(|longest| next_update.since(issued_at) > longest) {
        return Err(malformed("the next update is more than six months after the issue"));
    }
    check_extensions(members, "SchemeExtensions")?;
    Ok(Scheme { list_type, operator, territory, sequence, issued_at, next_update, pointers: pointers(members)? })
}

/// The pointers to other lists. One that names no certificate would lead to a list that anybody could sign, so it is
/// none, and neither is one whose place is missing; the others stand.
///
/// # Source
/// ETSI TS 119 602 section 6.3.13.
fn pointers(members: &Map<String, Value>) -> Result<Vec<Pointer>, Reason> {
    let entries = optional_array(members, "PointersToOtherLoTE", "PointersToOtherLoTE is no array")?;
    Ok(entries.iter().filter_map(|entry| pointer(entry.as_object()?)).collect())
}

fn pointer(members: &Map<String, Value>) -> Option<Pointer> {
    let location = members.get("LoTELocation")?.as_str().filter(|location| !location.is_empty())?;
    let identities = members.get("ServiceDigitalIdentities")?.as_array()?;
    let signers: Vec<Certificate> =
        identities.iter().filter_map(|identity| certificates(Some(identity)).ok()).flatten().collect();
    if signers.is_empty() {
        return None;
    }
    let qualifiers = members.get("LoTEQualifiers").and_then(Value::as_array).and_then(|all| all.first());
    let text = |name: &str| Some(qualifiers?.get(name)?.as_str()?.to_owned());
    Some(Pointer {
        location: location.to_owned(),
        list_type: text("LoTEType"),
        territory: country(qualifiers.and_then(|qualifiers| qualifiers.get("SchemeTerritory"))).map(str::to_owned),
        media_type: text("MimeType"),
        signers,
    })
}
