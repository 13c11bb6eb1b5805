//! Whether a registration certificate is for the holder of the access certificate.

use super::content::{Content, Remark};
use crate::domain::reason::{Code, Reason};
use crate::domain::x509::relying_party::PartyFacts;

/// What was compared to tell that both certificates are for the same party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// `sub` with organizationIdentifier of the subject.
    OrganizationIdentifier,
    /// `sub` with serialNumber of the subject: natural persons.
    SerialNumber,
    /// `intermediary.sub` with organizationIdentifier: an intermediary asks for somebody else.
    Intermediary,
    /// The names alone, because the access certificate has no identifier, as some of test systems have none.
    Name,
}

impl Compared {
    /// What was compared, in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrganizationIdentifier => "sub is the organizationIdentifier of the access certificate",
            Self::SerialNumber => "sub is the serialNumber of the access certificate",
            Self::Intermediary => "intermediary.sub is the organizationIdentifier of the access certificate",
            Self::Name => {
                "the access certificate has no identifier; the name is the same, and nothing else was compared"
            }
        }
    }
}

/// The kinds of identifiers of organisations (ETSI EN 319 412-1 section 5.1.4, TS 119 475 GEN-5.1.3).
const SCHEMES: [&str; 5] = ["NTR", "VAT", "LEI", "EOR", "EXC"];

/// Compares a registration certificate with the holder of the access certificate. Identifiers are compared exactly.
///
/// # Errors
/// [`Code::ConfigRefused`] if they are for different parties: wallets would warn people of every request.
///
/// # Source
/// ETSI TS 119 475 GEN-5.1.1-02 to 04, GEN-5.1.3-01 to 03; ARF RPRC_17a; VINFO-08, RPC-05, RPC-12, RPC-16.
pub fn compare(content: &Content, party: &PartyFacts) -> Result<Compared, Reason> {
    let refused = |detail: &'static str| Err(Reason::new(Code::ConfigRefused, detail));
    if let Some(intermediary) = &content.intermediary {
        return match &party.organization_identifier {
            Some(identifier) if *identifier == intermediary.subject => Ok(Compared::Intermediary),
            Some(_) => refused("intermediary.sub is not the organizationIdentifier of the access certificate"),
            None => refused("the access certificate of the intermediary has no organizationIdentifier"),
        };
    }
    match (&party.organization_identifier, &party.serial_number) {
        (Some(identifier), _) if *identifier == content.subject => Ok(Compared::OrganizationIdentifier),
        (Some(_), _) => refused("sub is not the organizationIdentifier of the access certificate"),
        (None, Some(number)) if *number == content.subject => Ok(Compared::SerialNumber),
        (None, Some(_)) => refused("sub is not the serialNumber of the access certificate"),
        (None, None) => {
            let names = [&content.trade_name, &content.legal_name];
            let certified = [&party.organization, &party.common_name];
            let same = names.iter().any(|name| name.is_some() && certified.contains(name));
            if same {
                return Ok(Compared::Name);
            }
            refused("the access certificate has no identifier, and name and sub_ln are not its names")
        }
    }
}

/// What is odd about the identifiers and names.
pub fn remarks(content: &Content, party: &PartyFacts, compared: Compared) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let scheme = content.subject.get(..3).unwrap_or_default();
    if compared == Compared::OrganizationIdentifier && !SCHEMES.contains(&scheme) {
        remarks.push(Remark::new("RPC-12", "sub does not begin with NTR, VAT, LEI, EOR or EXC"));
    }
    if compared == Compared::Name {
        remarks.push(Remark::new("RPC-12", compared.as_str()));
    }
    let stated: Vec<&String> = [&content.trade_name, &content.legal_name].into_iter().flatten().collect();
    let mut certified = [&party.organization, &party.common_name].into_iter().flatten();
    if matches!(compared, Compared::OrganizationIdentifier | Compared::SerialNumber)
        && !stated.is_empty()
        && !certified.any(|name| stated.contains(&name))
    {
        remarks.push(Remark::new("RPC-05", "neither name nor sub_ln is a name of the access certificate"));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::super::content::{Intermediary, SERVICE_PROVIDER};
    use super::*;
    use crate::domain::encoding::json::{self, Dates};

    fn content() -> Content {
        let text = format!(
            r#"{{"sub": "NTRDE-A.1", "name": "Stadt", "iat": 1, "exp": 2, "entitlements": ["{SERVICE_PROVIDER}"]}}"#
        );
        Content::read(&json::parse_object(text.as_bytes()).unwrap(), Dates::read(text.as_bytes()).unwrap()).unwrap().0
    }

    fn party(identifier: Option<&str>, number: Option<&str>, name: Option<&str>) -> PartyFacts {
        PartyFacts {
            organization_identifier: identifier.map(str::to_owned),
            serial_number: number.map(str::to_owned),
            organization: name.map(str::to_owned),
            ..PartyFacts::default()
        }
    }

    #[test]
    fn the_identifier_decides() {
        // VINFO-08, RPC-12, RPC-05.
        let same = party(Some("NTRDE-A.1"), None, Some("Stadt"));
        assert_eq!(compare(&content(), &same), Ok(Compared::OrganizationIdentifier));
        assert_eq!(remarks(&content(), &same, Compared::OrganizationIdentifier), []);
        for other in ["NTRDE-A.2", "VATDE-A.1", "ntrde-a.1", "NTRDE-A.1 ", ""] {
            let reason = compare(&content(), &party(Some(other), Some("NTRDE-A.1"), Some("Stadt"))).unwrap_err();
            assert_eq!(reason.code, Code::ConfigRefused, "{other}");
        }
        assert_eq!(compare(&content(), &party(None, Some("NTRDE-A.1"), None)), Ok(Compared::SerialNumber));
        assert!(compare(&content(), &party(None, Some("NTRDE-A.2"), Some("Stadt"))).is_err());
    }

    #[test]
    fn names_count_only_where_there_is_no_identifier() {
        assert_eq!(compare(&content(), &party(None, None, Some("Stadt"))), Ok(Compared::Name));
        assert!(compare(&content(), &party(None, None, Some("Dorf"))).is_err());
        assert!(compare(&content(), &party(None, None, None)).is_err());
        let nameless = Content { trade_name: None, ..content() };
        assert!(compare(&nameless, &party(None, None, None)).is_err(), "nothing is equal to nothing");
        assert_eq!(remarks(&content(), &party(None, None, Some("Stadt")), Compared::Name)[0].rule, "RPC-12");
        let renamed = party(Some("NTRDE-A.1"), None, Some("Dorf"));
        assert_eq!(remarks(&content(), &renamed, Compared::OrganizationIdentifier)[0].rule, "RPC-05");
        let odd = Content { subject: "X-1".to_owned(), ..content() };
        let found = remarks(&odd, &party(Some("X-1"), None, Some("Stadt")), Compared::OrganizationIdentifier);
        assert_eq!(found[0].rule, "RPC-12");
    }

    #[test]
    fn an_intermediary_brings_its_own_access_certificate() {
        // RPC-16: the certificate of another client, or of another intermediary, does not do.
        let with = |subject: &str| Content {
            intermediary: Some(Intermediary { subject: subject.to_owned(), name: None }),
            actor: Some(subject.to_owned()),
            ..content()
        };
        let own = party(Some("NTRDE-I.1"), None, None);
        assert_eq!(compare(&with("NTRDE-I.1"), &own), Ok(Compared::Intermediary));
        assert!(compare(&with("NTRDE-I.2"), &own).is_err());
        assert!(compare(&with("NTRDE-I.1"), &party(Some("NTRDE-A.1"), None, None)).is_err());
        assert!(compare(&with("NTRDE-I.1"), &party(None, None, Some("Stadt"))).is_err());
    }
}
