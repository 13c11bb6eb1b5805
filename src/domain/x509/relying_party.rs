//! What an access certificate says of the relying party, and what its profile wants of it.

use super::Certificate;
use x509_parser::asn1_rs::{Oid, oid};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;

/// The holder of an access certificate, as the certificate names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartyFacts {
    /// `organizationIdentifier` of the subject (2.5.4.97), as in `NTRDE-HRB.12345`.
    pub organization_identifier: Option<String>,
    /// `serialNumber` of the subject (2.5.4.5): the identifier of natural persons.
    pub serial_number: Option<String>,
    /// Organisation of the subject.
    pub organization: Option<String>,
    /// Common name of the subject: trade or service name.
    pub common_name: Option<String>,
    /// Certificate policies, in dotted form.
    pub policies: Vec<String>,
    /// Whether a policy names the address of its practice statement (cpsURI).
    pub names_practice_statement: bool,
    /// Whether the subject alternative name has a way to reach the holder: a URI or an e-mail address.
    pub has_contact: bool,
    /// Whether it carries signed certificate timestamps.
    pub has_timestamps: bool,
}

const ORGANIZATION_IDENTIFIER: Oid<'_> = oid!(2.5.4.97);
const SERIAL_NUMBER: Oid<'_> = oid!(2.5.4.5);
const PRACTICE_STATEMENT: Oid<'_> = oid!(1.3.6.1.5.5.7.2.1);
const TIMESTAMPS: Oid<'_> = oid!(1.3.6.1.4.1.11129.2.4.2);

/// The policies of access certificates: for natural and legal persons, normal and qualified (ETSI TS 119 411-8).
const ACCESS_POLICIES: [&str; 4] = ["0.4.0.194118.1.1", "0.4.0.194118.1.2", "0.4.0.194118.1.3", "0.4.0.194118.1.4"];
/// Those of them that are for legal persons.
const LEGAL_PERSONS: [&str; 2] = ["0.4.0.194118.1.2", "0.4.0.194118.1.4"];

impl PartyFacts {
    /// The facts of a certificate that was read before.
    pub fn of(certificate: &Certificate) -> Self {
        let Ok((_, parsed)) = X509Certificate::from_der(&certificate.der) else { return Self::default() };
        let attribute = |oid: &Oid<'_>| {
            let found = parsed.subject().iter_by_oid(oid).next().and_then(|attribute| attribute.as_str().ok());
            found.map(str::to_owned)
        };
        let mut facts = Self {
            organization_identifier: attribute(&ORGANIZATION_IDENTIFIER),
            serial_number: attribute(&SERIAL_NUMBER),
            organization: certificate.organizations.first().cloned(),
            common_name: parsed
                .subject()
                .iter_common_name()
                .next()
                .and_then(|name| name.as_str().ok())
                .map(str::to_owned),
            ..Self::default()
        };
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::CertificatePolicies(policies) => {
                    for policy in policies {
                        facts.policies.push(policy.policy_id.to_id_string());
                        let qualifiers = policy.policy_qualifiers.iter().flatten();
                        facts.names_practice_statement |=
                            qualifiers.into_iter().any(|qualifier| qualifier.policy_qualifier_id == PRACTICE_STATEMENT);
                    }
                }
                ParsedExtension::SubjectAlternativeName(names) => {
                    let contact =
                        |name: &GeneralName<'_>| matches!(name, GeneralName::URI(_) | GeneralName::RFC822Name(_));
                    facts.has_contact |= names.general_names.iter().any(contact);
                }
                _ => facts.has_timestamps |= extension.oid == TIMESTAMPS,
            }
        }
        facts
    }

    /// What the profile of access certificates wants and the certificate does not have. Wallets may warn of it.
    ///
    /// # Source
    /// ETSI TS 119 411-8 GEN-6.6.1-03 to 07; ARF CT_04; RPC-04, RPC-06.
    pub fn shortcomings(&self) -> Vec<(&'static str, &'static str)> {
        let has_policy = |known: &[&str]| self.policies.iter().any(|policy| known.contains(&policy.as_str()));
        let wanted = [
            (has_policy(&ACCESS_POLICIES), "RPC-04", "names no policy of access certificates (0.4.0.194118.1.x)"),
            (
                self.organization_identifier.is_some() || !has_policy(&LEGAL_PERSONS),
                "RPC-04",
                "is for a legal person but has no organizationIdentifier",
            ),
            (self.common_name.is_some(), "RPC-04", "has no common name with the trade or service name"),
            (self.names_practice_statement, "RPC-04", "does not say where its practice statement is (cpsURI)"),
            (self.has_contact, "RPC-04", "has no contact (URI or e-mail address) in its alternative names"),
            (self.has_timestamps, "RPC-06", "carries no signed certificate timestamp; wallets will look for one"),
        ];
        wanted.into_iter().filter(|(holds, ..)| !holds).map(|(_, rule, text)| (rule, text)).collect()
    }
}
