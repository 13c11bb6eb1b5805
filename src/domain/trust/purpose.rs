//! What a trust source may vouch for.

/// The purpose of a trust source: a chain counts only for what its source is there for (X5C-02).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// Providers of person identification data. The only ones whose PIDs are believed.
    PidProvider,
    /// Public bodies that issue attestations (PuB-EAA).
    PubEaaProvider,
    /// Qualified trust services that issue attestations (QEAA).
    QeaaProvider,
    /// Others who issue attestations (EAA).
    EaaProvider,
    /// Who signs the status lists of other sources, where that is somebody else than their issuers.
    StatusList,
    /// Who issues access certificates to relying parties (WRPAC).
    AccessCertificateAuthority,
    /// Who issues registration certificates to relying parties (WRPRC).
    Registrar,
}

impl Purpose {
    /// All of them, in the order of the documents.
    pub const ALL: [Self; 7] = [
        Self::PidProvider,
        Self::PubEaaProvider,
        Self::QeaaProvider,
        Self::EaaProvider,
        Self::StatusList,
        Self::AccessCertificateAuthority,
        Self::Registrar,
    ];

    /// The word in configuration and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PidProvider => "pid_provider",
            Self::PubEaaProvider => "pub_eaa_provider",
            Self::QeaaProvider => "qeaa_provider",
            Self::EaaProvider => "eaa_provider",
            Self::StatusList => "status_list",
            Self::AccessCertificateAuthority => "access_certificate_authority",
            Self::Registrar => "registrar",
        }
    }

    /// The purpose with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }

    /// Whether sources of this purpose issue credentials to people.
    pub const fn issues_credentials(self) -> bool {
        matches!(self, Self::PidProvider | Self::PubEaaProvider | Self::QeaaProvider | Self::EaaProvider)
    }

    /// Whether a source of this purpose may vouch for credentials of the type `vct`: PIDs come from PID providers only,
    /// and PID providers issue nothing else.
    pub fn may_issue(self, vct: &str) -> bool {
        self.issues_credentials() && (self == Self::PidProvider) == is_pid(vct)
    }
}

/// Whether `vct` is a type of person identification data: the European one or a national one
/// (PID Rulebook section 4.2; DEU-01).
pub fn is_pid(vct: &str) -> bool {
    vct.strip_prefix("urn:eudi:pid:").is_some_and(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::from_name(purpose.as_str()), Some(purpose));
        }
        assert_eq!(Purpose::from_name("credential_issuer"), None);
    }

    #[test]
    fn pids_come_from_pid_providers_only() {
        // X5C-02, TL-02.
        for vct in ["urn:eudi:pid:1", "urn:eudi:pid:de:1"] {
            let may: Vec<Purpose> = Purpose::ALL.into_iter().filter(|purpose| purpose.may_issue(vct)).collect();
            assert_eq!(may, [Purpose::PidProvider], "{vct}");
        }
        let pass = "urn:example:sozialpass:1";
        let may: Vec<Purpose> = Purpose::ALL.into_iter().filter(|purpose| purpose.may_issue(pass)).collect();
        assert_eq!(may, [Purpose::PubEaaProvider, Purpose::QeaaProvider, Purpose::EaaProvider]);
    }
}
