//! Entities and their services. What cannot be read is left out, with its place and the reason.

use super::value::{
    certificates, check_extensions, country, display, malformed, names, object, optional_array, optional_text, time,
};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::trust_list::profile::ListProfile;
use crate::domain::trust_list::{Service, ServiceScope, ServiceStatus, Skipped};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// What an entry needs to know of its list.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The territory of the list.
    pub(super) territory: Option<&'a str>,
    /// The profile of its type, if it is one of the standard's.
    pub(super) profile: Option<&'static ListProfile>,
}

/// Reads all entities, and says which could not be read.
///
/// # Errors
/// [`Code::TrustListTooLarge`] above [`limits::TRUST_LIST_SERVICES`], readable or not.
pub(super) fn read_all(entities: &[&RawValue], context: Context<'_>) -> Result<(Vec<Service>, Vec<Skipped>), Reason> {
    let (mut services, mut skipped) = (Vec::new(), Vec::new());
    let mut count: usize = 0;
    for (place, raw) in entities.iter().enumerate() {
        let entity = object(raw, "the entity is no object").and_then(|members| Entity::read(members, context));
        let entity = match entity {
            Ok(entity) => entity,
            Err(reason) => {
                skipped.push(Skipped { entity: place, service: None, reason });
                continue;
            }
        };
        count = count.saturating_add(entity.services.len());
        if count > limits::TRUST_LIST_SERVICES {
            return Err(Reason::new(Code::TrustListTooLarge, "more services than the limit"));
        }
        for (number, members) in entity.services.iter().enumerate() {
            match entity.service(members, context) {
                Ok(service) => services.push(service),
                Err(reason) => skipped.push(Skipped { entity: place, service: Some(number), reason }),
            }
        }
    }
    Ok((services, skipped))
}

struct Entity {
    name: String,
    country: Option<String>,
    services: Vec<Value>,
}

impl Entity {
    /// Reads what the services of an entity have in common.
    ///
    /// # Source
    /// ETSI TS 119 602 section 6.5.
    fn read(mut members: Map<String, Value>, context: Context<'_>) -> Result<Self, Reason> {
        let Some(Value::Array(services)) = members.remove("TrustedEntityServices") else {
            return Err(malformed("the entity has no services"));
        };
        if services.is_empty() {
            return Err(malformed("the entity has no services"));
        }
        let information = members.get("TrustedEntityInformation").and_then(Value::as_object);
        let information = information.ok_or_else(|| malformed("the entity has no information"))?;
        check_extensions(information, "TEInformationExtensions")?;
        let name = display(&names(information.get("TEName"), "the entity has no name")?);
        let address = information.get("TEAddress").and_then(|address| address.get("TEPostalAddress"));
        let country = match address.and_then(|all| all.get(0)) {
            // A country that is none is not replaced by that of the list.
            Some(first) => country(first.get("Country")),
            None => context.territory,
        };
        Ok(Self { name, country: country.map(str::to_owned), services })
    }

    /// Reads one service.
    ///
    /// # Source
    /// ETSI TS 119 602 sections 6.6 and 6.7; TL-12 to TL-15.
    fn service(&self, service: &Value, context: Context<'_>) -> Result<Service, Reason> {
        let information = service.get("ServiceInformation").and_then(Value::as_object);
        let information = information.ok_or_else(|| malformed("the service has no information"))?;
        check_extensions(information, "ServiceInformationExtensions")?;
        let name = display(&names(information.get("ServiceName"), "the service has no name")?);
        let service_type = optional_text(information, "ServiceTypeIdentifier", "the service type is no text")?;
        let status = status(information)?;
        let history = match service {
            Value::Object(members) => history(members)?,
            _ => Vec::new(),
        };
        check_profile(&status, &history, context.profile)?;
        Ok(Service {
            entity: self.name.clone(),
            name,
            service_type: service_type.unwrap_or_default().to_owned(),
            status,
            country: self.country.clone(),
            certificates: certificates(information.get("ServiceDigitalIdentity"))?,
            history,
            scope: ServiceScope::default(),
        })
    }
}

/// The status of a service and its first second. One without the other says nothing.
fn status(information: &Map<String, Value>) -> Result<ServiceStatus, Reason> {
    let uri = optional_text(information, "ServiceStatus", "the status is no text")?;
    let since = information.get("StatusStartingTime");
    match (uri, since) {
        (None, None) => Ok(ServiceStatus::Listed),
        (None, Some(_)) => Err(malformed("there is a time of a status, but no status")),
        (Some(uri), since) => Ok(ServiceStatus::Stated {
            uri: uri.to_owned(),
            since: time(since, "the status does not say since when it applies")?,
        }),
    }
}

fn history(service: &Map<String, Value>) -> Result<Vec<ServiceStatus>, Reason> {
    let one = |instance: &Value| {
        let instance = instance.as_object().ok_or_else(|| malformed("an earlier status is no object"))?;
        check_extensions(instance, "ServiceInformationExtensions")?;
        match status(instance)? {
            ServiceStatus::Listed => Err(malformed("an earlier status is missing")),
            stated @ ServiceStatus::Stated { .. } => Ok(stated),
        }
    };
    optional_array(service, "ServiceHistory", "the history is no array")?.iter().map(one).collect()
}

/// In a list of a type that has statuses, an entry without one is none, and the reverse: what it could mean by it, nobody
/// knows. Lists of other types may do either.
fn check_profile(
    status: &ServiceStatus,
    history: &[ServiceStatus],
    profile: Option<&'static ListProfile>,
) -> Result<(), Reason> {
    let Some(profile) = profile else { return Ok(()) };
    let stated = *status != ServiceStatus::Listed;
    match profile.statuses {
        Some(_) if !stated => Err(malformed("the status is missing")),
        None if stated || !history.is_empty() => Err(malformed("lists of this type have no statuses")),
        _ => Ok(()),
    }
}
