//! What a list says, read from the bytes that were signed.

use super::super::{ListRules, Pointer, Service, ServiceStatus, Skipped, TrustList};
use super::scope;
use super::tree::{Element, malformed};
use crate::domain::encoding::base64;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;

/// The namespace of lists.
pub(super) const TSL: &str = "http://uri.etsi.org/02231/v2#";
const TYPES: &str = "http://uri.etsi.org/02231/v2/additionaltypes#";
const TAG: &str = "http://uri.etsi.org/19612/TSLTag";
/// Extensions that may be critical, because to know nothing of them never gives more trust than there is: who took a
/// service over, and until when revocations of expired certificates are kept.
const HARMLESS: [(&str, &str); 2] = [(TYPES, "TakenOverBy"), (TSL, "ExpiredCertsRevocationInfo")];

/// What only the caller knows of a list.
pub(super) struct Origin {
    /// SHA-256 of the document.
    pub(super) digest: [u8; 32],
    /// The signer's certificate.
    pub(super) signer: Certificate,
}

/// Reads a list from its root element, without its signature.
///
/// # Errors
/// - [`Code::TrustListMalformed`] for another kind of document, another version, a broken scheme information, and an
///   unknown critical extension of the scheme.
/// - [`Code::TrustListTooLarge`] above [`limits::TRUST_LIST_SERVICES`].
/// - See [`ListRules::check_scheme`] and [`ListRules::check_signer_names`].
///
/// # Source
/// ETSI TS 119 612 sections 5.2 to 5.6; TL-06, TL-07, TL-08, TL-10, TL-11, TL-12, TL-14, TL-20.
pub(super) fn read(root: Element<'_>, rules: &ListRules<'_>, origin: &Origin) -> Result<TrustList, Reason> {
    let scheme = scheme_information(root)?;
    if root.children().any(|child| !child.is(TSL, "SchemeInformation") && !child.is(TSL, "TrustServiceProviderList")) {
        return Err(malformed("the list has parts that no list has"));
    }
    if !["5", "6"].contains(&text(scheme, "TSLVersionIdentifier")?.as_str()) {
        return Err(malformed("the list is of another version than 5 or 6"));
    }
    let list_type = text(scheme, "TSLType")?;
    let sequence = number(&text(scheme, "TSLSequenceNumber")?)?;
    let issued_at = issued_at(scheme)?;
    let next_update = match scheme.one(TSL, "NextUpdate")?.optional(TSL, "dateTime")? {
        Some(date) => Some(time(date)?),
        None => None,
    };
    check_extensions(scheme.optional(TSL, "SchemeExtensions")?)?;
    let next_update = rules.check_scheme(&list_type, sequence, issued_at, next_update)?;
    let territory = match scheme.optional(TSL, "SchemeTerritory")? {
        Some(element) => Some(filled(element)?),
        None => None,
    };
    let operator: Vec<String> = names(scheme.one(TSL, "SchemeOperatorName")?).map(|(_, name)| name).collect();
    rules.check_signer_names(&origin.signer, territory.as_deref(), &operator)?;
    let pointers = match scheme.optional(TSL, "PointersToOtherTSL")? {
        Some(all) => all.named(TSL, "OtherTSLPointer").filter_map(|element| pointer(element).ok()).collect(),
        None => Vec::new(),
    };
    let mut entries = Entries { territory: territory.as_deref(), services: Vec::new(), skipped: Vec::new() };
    if let Some(all) = root.optional(TSL, "TrustServiceProviderList")? {
        for (place, entity) in all.named(TSL, "TrustServiceProvider").enumerate() {
            entries.read_entity(place, entity)?;
        }
    }
    let Entries { services, skipped, .. } = entries;
    Ok(TrustList {
        notation: super::super::Notation::TrustedList,
        list_type,
        operator,
        territory,
        sequence,
        issued_at,
        next_update,
        services,
        pointers,
        skipped,
        digest: origin.digest,
        signer: origin.signer.fingerprint(),
    })
}

/// The scheme information of a list.
///
/// # Errors
/// [`Code::TrustListMalformed`] if the root is not that of a list, or has none or two of them.
pub(super) fn scheme_information(root: Element<'_>) -> Result<Element<'_>, Reason> {
    if !root.is(TSL, "TrustServiceStatusList") || root.attribute("TSLTag") != Some(TAG) {
        return Err(malformed("the document is no trusted list of ETSI TS 119 612"));
    }
    root.one(TSL, "SchemeInformation")
}

/// When a list was issued.
pub(super) fn issued_at(scheme: Element<'_>) -> Result<UnixSeconds, Reason> {
    time(scheme.one(TSL, "ListIssueDateTime")?)
}

/// The addresses in `SchemeInformationURI`, in the order of the list.
pub(super) fn scheme_addresses(scheme: Element<'_>) -> Result<Vec<String>, Reason> {
    let all = scheme.one(TSL, "SchemeInformationURI")?;
    all.named(TSL, "URI").map(filled).collect()
}

/// The services read so far, and what was left out.
struct Entries<'a> {
    territory: Option<&'a str>,
    services: Vec<Service>,
    skipped: Vec<Skipped>,
}

impl Entries<'_> {
    fn read_entity(&mut self, place: usize, entity: Element<'_>) -> Result<(), Reason> {
        let about = match Entity::read(entity, self.territory) {
            Ok(about) => about,
            Err(reason) => {
                self.skipped.push(Skipped { entity: place, service: None, reason });
                return Ok(());
            }
        };
        for (number, service) in about.services.named(TSL, "TSPService").enumerate() {
            if self.services.len().saturating_add(self.skipped.len()) >= limits::TRUST_LIST_SERVICES {
                return Err(Reason::new(Code::TrustListTooLarge, "the list has more services than the limit"));
            }
            match self::service(service, &about) {
                Ok(service) => self.services.push(service),
                Err(reason) => self.skipped.push(Skipped { entity: place, service: Some(number), reason }),
            }
        }
        Ok(())
    }
}

/// What all services of an entity have in common.
struct Entity<'t> {
    name: String,
    country: Option<String>,
    services: Element<'t>,
}

impl<'t> Entity<'t> {
    fn read(element: Element<'t>, territory: Option<&str>) -> Result<Self, Reason> {
        let about = element.one(TSL, "TSPInformation")?;
        check_extensions(about.optional(TSL, "TSPInformationExtensions")?)?;
        let address = about.optional(TSL, "TSPAddress")?;
        let country = address
            .and_then(|address| address.named(TSL, "PostalAddresses").next())
            .and_then(|addresses| addresses.named(TSL, "PostalAddress").next())
            .and_then(|address| address.named(TSL, "CountryName").next())
            .and_then(|country| filled(country).ok());
        Ok(Self {
            name: english(about.one(TSL, "TSPName")?)?,
            country: country.or_else(|| territory.map(str::to_owned)),
            services: element.one(TSL, "TSPServices")?,
        })
    }
}

fn service(element: Element<'_>, entity: &Entity<'_>) -> Result<Service, Reason> {
    let about = element.one(TSL, "ServiceInformation")?;
    let scope = scope::read(about.optional(TSL, "ServiceInformationExtensions")?)?;
    let service_type = text(about, "ServiceTypeIdentifier")?;
    let since = time(about.one(TSL, "StatusStartingTime")?)?;
    let status = ServiceStatus::Stated { uri: text(about, "ServiceStatus")?, since };
    let certificates = certificates(about.one(TSL, "ServiceDigitalIdentity")?);
    if certificates.is_empty() {
        return Err(malformed("the service has no certificate that can be read"));
    }
    let history = match element.optional(TSL, "ServiceHistory")? {
        Some(history) => history
            .named(TSL, "ServiceHistoryInstance")
            .map(|past| past_status(past, &service_type, since))
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    Ok(Service {
        entity: entity.name.clone(),
        name: english(about.one(TSL, "ServiceName")?)?,
        service_type,
        status,
        country: entity.country.clone(),
        certificates,
        history,
        scope,
    })
}

/// A status of the past. Its URI is empty where the service was of another type then, or nothing can be said because of
/// an unknown critical extension: to leave it out would make an older status last longer.
fn past_status(element: Element<'_>, service_type: &str, current: UnixSeconds) -> Result<ServiceStatus, Reason> {
    let since = time(element.one(TSL, "StatusStartingTime")?)?;
    if since > current {
        return Err(malformed("a status of the past began after the current one"));
    }
    let comparable = text(element, "ServiceTypeIdentifier")? == service_type
        && check_extensions(element.optional(TSL, "ServiceInformationExtensions")?).is_ok();
    let uri = text(element, "ServiceStatus")?;
    Ok(ServiceStatus::Stated { uri: if comparable { uri } else { String::new() }, since })
}

/// The certificates of an identity. Names, key values and key identifiers are no anchors (TL-15).
fn certificates(identity: Element<'_>) -> Vec<Certificate> {
    let all = identity.named(TSL, "DigitalId").flat_map(|one| one.named(TSL, "X509Certificate"));
    all.filter_map(certificate).collect()
}

fn certificate(element: Element<'_>) -> Option<Certificate> {
    let mut text = element.text()?;
    text.retain(|character| !character.is_ascii_whitespace());
    Certificate::read(&base64::decode_standard(&text).ok()?).ok()
}

/// A pointer. A fact about the other list that is stated twice counts as not stated, so no filter picks it.
fn pointer(element: Element<'_>) -> Result<Pointer, Reason> {
    let identities = element.optional(TSL, "ServiceDigitalIdentities")?;
    let facts: Vec<Element<'_>> = element
        .named(TSL, "AdditionalInformation")
        .flat_map(|all| all.named(TSL, "OtherInformation"))
        .flat_map(Element::children)
        .collect();
    let fact = |namespace: &str, name: &str| {
        let mut found = facts.iter().filter(|fact| fact.is(namespace, name));
        match (found.next(), found.next()) {
            (Some(only), None) => filled(*only).ok(),
            _ => None,
        }
    };
    Ok(Pointer {
        location: text(element, "TSLLocation")?,
        list_type: fact(TSL, "TSLType"),
        territory: fact(TSL, "SchemeTerritory"),
        media_type: fact(TYPES, "MimeType"),
        signers: identities
            .into_iter()
            .flat_map(|all| all.named(TSL, "ServiceDigitalIdentity"))
            .flat_map(certificates)
            .collect(),
    })
}

/// Refuses extensions that are critical and not known here, and those that do not say whether they are critical.
///
/// # Source
/// ETSI TS 119 612 sections 5.3.17, 5.4.5 and 5.5.9; TL-14.
fn check_extensions(list: Option<Element<'_>>) -> Result<(), Reason> {
    for (extension, critical) in extensions(list)? {
        if critical && !is_harmless(extension) {
            return Err(malformed("a critical extension is unknown"));
        }
    }
    Ok(())
}

/// Whether to know nothing of an extension gives no more trust than there is.
pub(super) fn is_harmless(extension: Element<'_>) -> bool {
    let mut content = extension.children().peekable();
    content.peek().is_some() && content.all(|part| HARMLESS.iter().any(|(namespace, name)| part.is(namespace, name)))
}

/// The extensions, each with whether it is critical.
pub(super) fn extensions(list: Option<Element<'_>>) -> Result<Vec<(Element<'_>, bool)>, Reason> {
    let read = |extension: Element<'_>| {
        if !extension.is(TSL, "Extension") {
            return Err(malformed("among the extensions is something else"));
        }
        match extension.attribute("Critical").map(str::trim) {
            Some("true" | "1") => Ok(true),
            Some("false" | "0") => Ok(false),
            _ => Err(malformed("an extension does not say whether it is critical")),
        }
    };
    list.into_iter()
        .flat_map(Element::children)
        .map(|extension| read(extension).map(|critical| (extension, critical)))
        .collect()
}

/// The names of an element with their languages.
fn names(element: Element<'_>) -> impl Iterator<Item = (Option<&str>, String)> {
    element.named(TSL, "Name").filter_map(|name| Some((name.language(), filled(name).ok()?)))
}

/// The English name, else the first one.
fn english(element: Element<'_>) -> Result<String, Reason> {
    let mut all: Vec<_> = names(element).collect();
    let place = all.iter().position(|(language, _)| language.is_some_and(|word| word.eq_ignore_ascii_case("en")));
    if all.is_empty() {
        return Err(malformed("there is no name"));
    }
    Ok(all.swap_remove(place.unwrap_or(0)).1)
}

fn text(parent: Element<'_>, name: &str) -> Result<String, Reason> {
    filled(parent.one(TSL, name)?)
}

/// The text of an element, which must not be empty.
pub(super) fn filled(element: Element<'_>) -> Result<String, Reason> {
    element.text().filter(|text| !text.is_empty()).ok_or_else(|| malformed("an element has no text, or more than text"))
}

fn number(text: &str) -> Result<u64, Reason> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|number| digits && *number > 0)
        .ok_or_else(|| malformed("the sequence number is no number"))
}

fn time(element: Element<'_>) -> Result<UnixSeconds, Reason> {
    let text = filled(element)?;
    UnixSeconds::from_utc_text(&text).ok_or_else(|| malformed("a date is no date and time in UTC"))
}
