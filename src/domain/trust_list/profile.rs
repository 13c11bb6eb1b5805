//! The kinds of lists that ETSI TS 119 602 profiles for the wallet, as a table that other rooms use.
//!
//! URIs are compared character by character: a type that is nearly right is another type (TL-11, TL-12).

/// What kind of providers a list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ListKind {
    /// Providers of person identification data.
    Pid,
    /// Providers of wallets.
    Wallet,
    /// Providers of access certificates for relying parties.
    AccessCertificates,
    /// Providers of registration certificates for relying parties.
    RegistrationCertificates,
    /// Public sector bodies that issue attestations from authentic sources.
    PubEaa,
    /// Registrars and their registers.
    Registers,
}

/// The two statuses of a list that has statuses, as URIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statuses {
    /// The service gives trust.
    pub valid: &'static str,
    /// It gives none any more.
    pub withdrawn: &'static str,
}

/// One kind of list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListProfile {
    /// The kind.
    pub kind: ListKind,
    /// `LoTEType`, a URI.
    pub list_type: &'static str,
    /// `ServiceTypeIdentifier` of services that sign what is issued; for registers, of the register.
    pub issuance: &'static str,
    /// `ServiceTypeIdentifier` of services that sign its statuses.
    pub revocation: Option<&'static str>,
    /// The statuses of its services; `None` where to be listed is to be valid (TL-13).
    pub statuses: Option<Statuses>,
    /// Most seconds between issue and next update, where the profile has a limit (TL-09).
    pub longest_life: Option<i64>,
}

/// Six months, in seconds: no six months in a row have more than 184 days.
const SIX_MONTHS: i64 = 184 * 86_400;

/// All kinds.
///
/// # Source
/// ETSI TS 119 602 annexes D to I.
pub const PROFILES: [ListProfile; 6] = [
    ListProfile {
        kind: ListKind::Pid,
        list_type: "http://uri.etsi.org/19602/LoTEType/EUPIDProvidersList",
        issuance: "http://uri.etsi.org/19602/SvcType/PID/Issuance",
        revocation: Some("http://uri.etsi.org/19602/SvcType/PID/Revocation"),
        statuses: None,
        longest_life: Some(SIX_MONTHS),
    },
    ListProfile {
        kind: ListKind::Wallet,
        list_type: "http://uri.etsi.org/19602/LoTEType/EUWalletProvidersList",
        issuance: "http://uri.etsi.org/19602/SvcType/WalletSolution/Issuance",
        revocation: Some("http://uri.etsi.org/19602/SvcType/WalletSolution/Revocation"),
        statuses: None,
        longest_life: None,
    },
    ListProfile {
        kind: ListKind::AccessCertificates,
        list_type: "http://uri.etsi.org/19602/LoTEType/EUWRPACProvidersList",
        issuance: "http://uri.etsi.org/19602/SvcType/WRPAC/Issuance",
        revocation: Some("http://uri.etsi.org/19602/SvcType/WRPAC/Revocation"),
        statuses: None,
        longest_life: None,
    },
    ListProfile {
        kind: ListKind::RegistrationCertificates,
        list_type: "http://uri.etsi.org/19602/LoTEType/EUWRPRCProvidersList",
        issuance: "http://uri.etsi.org/19602/SvcType/WRPRC/Issuance",
        revocation: Some("http://uri.etsi.org/19602/SvcType/WRPRC/Revocation"),
        statuses: None,
        longest_life: None,
    },
    ListProfile {
        kind: ListKind::PubEaa,
        list_type: "http://uri.etsi.org/19602/LoTEType/EUPubEAAProvidersList",
        issuance: "http://uri.etsi.org/19602/SvcType/PubEAA/Issuance",
        revocation: Some("http://uri.etsi.org/19602/SvcType/PubEAA/Revocation"),
        statuses: Some(Statuses {
            valid: "http://uri.etsi.org/19602/PubEAAProvidersList/SvcStatus/notified",
            withdrawn: "http://uri.etsi.org/19602/PubEAAProvidersList/SvcStatus/withdrawn",
        }),
        longest_life: None,
    },
    ListProfile {
        kind: ListKind::Registers,
        list_type: "http://uri.etsi.org/19602/LoTEType/EURegistrarsAndRegistersList",
        issuance: "http://uri.etsi.org/19602/SvcType/Register",
        revocation: None,
        statuses: None,
        longest_life: None,
    },
];

/// The profile of lists of exactly this type, if it is one of the standard's.
pub fn profile_of(list_type: &str) -> Option<&'static ListProfile> {
    PROFILES.iter().find(|profile| profile.list_type == list_type)
}

/// The profile of this kind.
pub fn profile(kind: ListKind) -> Option<&'static ListProfile> {
    PROFILES.iter().find(|profile| profile.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn types_are_exact_and_occur_once() {
        // TL-02, TL-11, TL-12: a nearly right type is none, and no service type serves two purposes.
        let types = PROFILES.iter().map(|profile| profile.list_type);
        let services = PROFILES.iter().flat_map(|profile| [Some(profile.issuance), profile.revocation]).flatten();
        let all: Vec<&str> = types.chain(services).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
        for profile in &PROFILES {
            assert_eq!(profile_of(profile.list_type), Some(profile));
            assert_eq!(super::profile(profile.kind), Some(profile));
            for wrong in [format!("{}/", profile.list_type), profile.list_type.replace("http:", "https:")] {
                assert_eq!(profile_of(&wrong), None);
            }
        }
        assert_eq!(profile_of(""), None);
        assert_eq!(profile_of("http://uri.etsi.org/19602/LoTEType/local"), None);
    }

    #[test]
    fn only_attestations_of_public_bodies_have_statuses() {
        // TL-13.
        let with: Vec<ListKind> =
            PROFILES.iter().filter(|profile| profile.statuses.is_some()).map(|profile| profile.kind).collect();
        assert_eq!(with, [ListKind::PubEaa]);
    }
}
