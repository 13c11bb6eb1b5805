//! Which registration goes with a request, and whether the request keeps to it.

use super::{Failure, Tenant};
use crate::domain::dcql::{DcqlQuery, Fault};
use crate::domain::reason::{Code, Reason};
use crate::domain::registration::chosen::NotPermitted;
use crate::domain::registration::verifier_info;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::RegistrationUse;

/// The registration under which a query is sent, by preset or by the name that the caller gives.
///
/// # Errors
/// - [`Code::InvalidQuery`] at `/registration` if none or several could be meant.
/// - [`Code::QueryNotPermitted`] if it asks for more than is registered, with every place; and if the registration does not
///   count now.
/// - [`Code::TrustUnavailable`] while the list that names the registrars is not here.
pub(super) fn registered(
    tenant: &Tenant,
    query: &DcqlQuery,
    preset: Option<&str>,
    named: Option<&str>,
    now: UnixSeconds,
) -> Result<RegistrationUse, Failure> {
    let times = (tenant.policy.skew, now);
    let demanded = tenant.profile.verifier_info.demanded;
    match tenant.registrations.permit(query, preset, named, &tenant.trust.current(), times) {
        Ok(permitted) if permitted.registration.is_none() && demanded => {
            let detail =
                format!("the profile {} demands a registration, and none can go with this", tenant.profile.name);
            Err(Reason::new(Code::QueryNotPermitted, detail).into())
        }
        Ok(permitted) => Ok(RegistrationUse {
            certificate: permitted.registration.map(|registration| *registration.certificate().digest()),
            exceeds: permitted.exceeds,
        }),
        Err(NotPermitted::NoChoice(fault)) => Err(Failure::invalid(vec![fault])),
        Err(NotPermitted::Exceeds(faults)) => {
            let faults = faults.into_iter().map(|fault| placed(fault, preset)).collect::<Vec<_>>();
            let detail = match faults.as_slice() {
                [one] => format!("the query asks for more than is registered: {}", one.detail),
                several => format!("the query asks for more than is registered, at {} places", several.len()),
            };
            Err(Failure { faults, ..Reason::new(Code::QueryNotPermitted, detail).into() })
        }
        Err(NotPermitted::NotInForce(reason)) if reason.code == Code::TrustUnavailable => Err(reason.into()),
        Err(NotPermitted::NotInForce(reason)) => {
            let detail = format!("the registration does not count now: {reason}");
            Err(Reason::new(Code::QueryNotPermitted, detail).into())
        }
    }
}

/// The caller of a preset did not send the query, so its faults are at the preset.
fn placed(fault: Fault, preset: Option<&str>) -> Fault {
    if preset.is_none() {
        return fault.under("/dcql_query");
    }
    let detail = format!("{} (in the query at {})", fault.detail, fault.pointer);
    Fault { pointer: "/preset".to_owned(), detail: detail.into(), rule: fault.rule }
}

/// `data` of the registration certificate that goes with a stored request, written as the profile wants it. Whoever collects
/// a request again gets the same certificate, or none: never another one.
///
/// # Errors
/// [`Code::RequestExpired`] if the certificate is not configured any more.
pub(super) fn certificate_data(tenant: &Tenant, used: RegistrationUse) -> Result<Option<String>, Failure> {
    let Some(digest) = used.certificate else { return Ok(None) };
    let registration = tenant.registrations.with_digest(&digest).ok_or_else(|| {
        Failure::from(Reason::new(Code::RequestExpired, "the registration of this request is not configured any more"))
    })?;
    Ok(Some(verifier_info::data(tenant.profile.verifier_info.data, registration.certificate())))
}
