//! For what a service counts: what it says of itself, and what its list says of the certificates that it issues.

use super::super::ServiceScope;
use super::content::{TSL, extensions, filled, is_harmless};
use super::tree::{Element, malformed};
use crate::domain::reason::Reason;

/// The namespace of qualifications.
const QUALIFICATIONS: &str = "http://uri.etsi.org/TrstSvc/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#";
/// What the URIs of qualifiers begin with.
const QUALIFIER: &str = "http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/";

/// The kinds of certificates: what a service says that it issues, and the qualifier by which some of its certificates are
/// said to be of that kind (ETSI TS 119 612 sections 5.5.9.2.3 and 5.5.9.4).
const KINDS: [(&str, &str); 3] = [
    ("http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForeSignatures", "QCForESig"),
    ("http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForeSeals", "QCForESeal"),
    ("http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForWebSiteAuthentication", "QCForWSA"),
];

/// Qualifiers that take no trust away: that certificates are qualified, are of legal persons, and where their keys lie.
/// `NotQualified` is none of them: for which certificates it counts is not looked at, so it counts for all.
const ADDING: [&str; 9] = [
    "QCStatement",
    "QCForLegalPerson",
    "QCWithSSCD",
    "QCNoSSCD",
    "QCSSCDStatusAsInCert",
    "QCWithQSCD",
    "QCNoQSCD",
    "QCQSCDStatusAsInCert",
    "QCQSCDManagedOnBehalf",
];

/// Reads the extensions of a service.
///
/// # Errors
/// [`crate::domain::reason::Code::TrustListMalformed`] for a critical extension that is not known or not understood, and
/// for one that does not say whether it is critical.
///
/// # Source
/// ETSI TS 119 612 sections 5.5.9, 5.5.9.2 and 5.5.9.4; TL-14.
pub(super) fn read(list: Option<Element<'_>>) -> Result<ServiceScope, Reason> {
    let mut scope = ServiceScope::default();
    for (extension, critical) in extensions(list)? {
        let mut content = extension.children();
        match (content.next(), content.next()) {
            (Some(information), None) if information.is(TSL, "AdditionalServiceInformation") => {
                read_information(information, critical, &mut scope)?;
            }
            (Some(all), None) if critical && all.is(QUALIFICATIONS, "Qualifications") => {
                read_qualifications(all, &mut scope)?;
            }
            _ if critical && !is_harmless(extension) => return Err(malformed("a critical extension is unknown")),
            _ => {}
        }
    }
    Ok(scope)
}

fn read_information(information: Element<'_>, critical: bool, scope: &mut ServiceScope) -> Result<(), Reason> {
    let uri = information.exactly([(TSL, "URI")]).and_then(|[uri]| filled(uri).ok());
    let uri = match (uri, critical) {
        (Some(uri), _) => uri,
        // What is not critical may be passed over.
        (None, false) => return Ok(()),
        (None, true) => return Err(malformed("a critical information about a service is not only a URI")),
    };
    if critical && KINDS.iter().any(|(kind, _)| *kind == uri) {
        scope.one_of.push(uri.clone());
    } else if critical {
        scope.all_of.push(uri.clone());
    }
    scope.stated.push(uri);
    Ok(())
}

/// For some certificates of the service something counts. For which is not looked at: whatever it is must be welcome for
/// all of them.
fn read_qualifications(all: Element<'_>, scope: &mut ServiceScope) -> Result<(), Reason> {
    let unclear = || malformed("the qualifications of a service are not understood");
    let mut elements = all.children().peekable();
    elements.peek().ok_or_else(unclear)?;
    for element in elements {
        let parts = [(QUALIFICATIONS, "Qualifiers"), (QUALIFICATIONS, "CriteriaList")];
        let [qualifiers, criteria] = element.exactly(parts).ok_or_else(unclear)?;
        if !element.is(QUALIFICATIONS, "QualificationElement") || !are_criteria(criteria) {
            return Err(unclear());
        }
        let mut qualifiers = qualifiers.children().peekable();
        qualifiers.peek().ok_or_else(unclear)?;
        for qualifier in qualifiers {
            let uri = qualifier.attribute("uri").filter(|_| qualifier.is(QUALIFICATIONS, "Qualifier"));
            let word = uri.and_then(|uri| uri.strip_prefix(QUALIFIER)).ok_or_else(unclear)?;
            match KINDS.iter().find(|(_, known)| *known == word) {
                Some((kind, _)) if scope.all_of.iter().any(|known| known == kind) => {}
                Some((kind, _)) => scope.all_of.push((*kind).to_owned()),
                None if ADDING.contains(&word) => {}
                None => return Err(malformed("some certificates of the service are not qualified, or it is unclear")),
            }
        }
    }
    Ok(())
}

/// Whether this is a list of criteria as the standard has them. Its depth is bounded by that of the document.
fn are_criteria(list: Element<'_>) -> bool {
    let known = ["KeyUsage", "PolicySet", "CriteriaList", "Description", "otherCriteriaList"];
    list.descendants().filter(|inner| inner.is(QUALIFICATIONS, "CriteriaList")).all(|inner| {
        matches!(inner.attribute("assert"), Some("all" | "atLeastOne" | "none"))
            && inner.children().all(|part| known.iter().any(|name| part.is(QUALIFICATIONS, name)))
    })
}
