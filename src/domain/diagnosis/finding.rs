//! What can be found about an installation: a closed list of codes, each with what it means and what to do.
//!
//! `docs/doctor.md` is written from this table. A code is never renamed and never used again after removal.

use serde::{Serialize, Serializer};
use std::fmt;

/// How much a finding matters. Later ones matter more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing has to be done now.
    Note,
    /// Works now, but not for long, or not everywhere.
    Warning,
    /// Does not work.
    Error,
}

impl Severity {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a finding is about, in the order in which findings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The configuration as such.
    Configuration,
    /// The access key and its certificates.
    Access,
    /// What is registered, and what is asked.
    Registration,
    /// Sources of trust and their certificates.
    Trust,
    /// Trust lists.
    Lists,
    /// Hosts of others, and ours as the world sees it.
    Network,
    /// The clock.
    Clock,
    /// Store, folders and listeners on this machine.
    Machine,
}

impl Group {
    /// All groups, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Configuration,
        Self::Access,
        Self::Registration,
        Self::Trust,
        Self::Lists,
        Self::Network,
        Self::Clock,
        Self::Machine,
    ];

    /// Its heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Configuration => "Configuration",
            Self::Access => "Access key and certificates",
            Self::Registration => "Registration",
            Self::Trust => "Trust sources",
            Self::Lists => "Trust lists",
            Self::Network => "Hosts",
            Self::Clock => "Clock",
            Self::Machine => "This machine",
        }
    }
}

macro_rules! findings {
    ($( $variant:ident = $name:literal, $group:ident, $severities:literal, $meaning:literal, $remedy:literal; )+) => {
        /// The code of a finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum FindingCode { $( #[doc = $meaning] $variant, )+ }

        impl FindingCode {
            /// All codes in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The stable name, for programs.
            pub const fn as_str(self) -> &'static str { match self { $( Self::$variant => $name, )+ } }

            /// What it is about.
            pub const fn group(self) -> Group { match self { $( Self::$variant => Group::$group, )+ } }

            /// How much it can matter, in words.
            pub const fn severities(self) -> &'static str { match self { $( Self::$variant => $severities, )+ } }

            /// What it means.
            pub const fn meaning(self) -> &'static str { match self { $( Self::$variant => $meaning, )+ } }

            /// What to do.
            pub const fn remedy(self) -> &'static str { match self { $( Self::$variant => $remedy, )+ } }
        }
    };
}

findings! {
    // configuration
    ConfigAccepted = "config_accepted", Configuration, "ok", "The configuration is accepted: the service would start with it.", "Nothing.";
    ConfigRefused = "config_refused", Configuration, "error", "A setting is wrong, so the service does not start. Each fault is a finding of its own.", "Correct the setting; docs/configuration.md explains each one.";
    ConfigNote = "config_note", Configuration, "note", "A setting is allowed, but has a consequence that is worth knowing.", "Read it, and decide whether it is meant so.";
    // access
    AccessKeyFits = "access_key_fits", Access, "ok", "The access certificate is for the access key.", "Nothing.";
    AccessKeyMismatch = "access_key_mismatch", Access, "error", "No certificate of access_chain is for the key in access_key. Wallets would refuse every request.", "Give the key for which the certificate was asked for, or the certificate that was issued for this key.";
    AccessChainSound = "access_chain_sound", Access, "ok", "The certificates are in order, and lead to an authority for access certificates that is trusted here.", "Nothing.";
    AccessChainUnchecked = "access_chain_unchecked", Access, "note", "The certificates are in order, but whether they lead to an authority that wallets know could not be checked.", "Add a [[trust]] source with purpose = \"access_certificate_authority\", from the list of access certificate authorities or with their certificates.";
    AccessChainOrder = "access_chain_order", Access, "error", "All certificates of the chain are there, but in the wrong order. Wallets would refuse every request.", "Put the access certificate first, and after each certificate the one of its issuer.";
    AccessChainIncomplete = "access_chain_incomplete", Access, "error", "A certificate between the access certificate and its authority is missing. Wallets would refuse every request.", "Ask the registrar for the intermediate certificates, and put them below the access certificate.";
    AccessChainBroken = "access_chain_broken", Access, "error", "The certificates have names that fit, but do not form a valid chain.", "Get the chain anew from the registrar; do not mix the files of two issues.";
    AccessChainUnrelated = "access_chain_unrelated", Access, "error", "A certificate in access_chain does not belong to the chain of the access certificate.", "Take it out.";
    AccessChainTooLong = "access_chain_too_long", Access, "error", "access_chain has more certificates than wallets take.", "Leave the access certificate and its intermediates only.";
    AccessAnchorInChain = "access_anchor_in_chain", Access, "error", "The root is part of access_chain. Wallets refuse chains that carry their anchor (HAIP 1.0 section 5).", "Take the last certificate, the one that is issued by itself, out of the file.";
    AccessCertificateSelfSigned = "access_certificate_self_signed", Access, "error", "The access certificate is signed by itself. No wallet knows it.", "Get one from the registrar; for trying out use pruefstein demo.";
    AccessCertificateWeak = "access_certificate_weak", Access, "error", "A certificate of the chain has a key or a signature that is too weak, or is not of a kind that signs requests.", "Get one with P-256 and SHA-256.";
    CertificateEndsSoon = "certificate_ends_soon", Access, "note from 60 days, warning from 30, error from 7", "A certificate of the access chain ends soon. After that wallets refuse every request.", "Renew it with the registrar now, and put key and chain in place before it ends.";
    CertificateExpired = "certificate_expired", Access, "error", "A certificate of the access chain has ended. Wallets refuse every request.", "Renew it with the registrar.";
    CertificateNotYetValid = "certificate_not_yet_valid", Access, "error", "A certificate of the access chain is not valid yet.", "Wait for its first day, or look at the clock of this machine.";
    ClientIdComputed = "client_id_computed", Access, "ok", "This is the client_id by which wallets know the service.", "Compare it, character by character, with the papers of the registrar.";
    ClientIdSanMismatch = "client_id_san_mismatch", Access, "error", "client_id_prefix is x509_san_dns, but the access certificate does not name the host of public_url.", "Get a certificate for this host, correct public_url, or use client_id_prefix = \"x509_hash\".";
    // registration
    RegistrationSound = "registration_sound", Registration, "ok", "The registration certificate is for the holder of the access certificate, comes from a known registrar, and is in force.", "Nothing.";
    RegistrationAbsent = "registration_absent", Registration, "note", "No registration certificate is configured.", "Nothing, if the registrar has issued none yet. Wallets will look for one: docs/registration.md says how to get it.";
    RegistrationNotInForce = "registration_not_in_force", Registration, "error; a warning while the trust list of registrars is not here", "The registration certificate does not count now, so requests under it are refused.", "Get a new certificate from the registrar; compare its certificates with the anchors of your registrar source.";
    RegistrationEndsSoon = "registration_ends_soon", Registration, "note from 60 days, warning from 30, error from 7", "The registration certificate, or the certificate of its registrar, ends soon. After that requests under it are refused.", "Have it renewed by the registrar, and put the new one in place before it ends.";
    RegistrationRemark = "registration_remark", Registration, "note", "The registration certificate is usable, but something in it is missing or unusual, and wallets may show that.", "Ask the registrar to correct it at the next issue.";
    AccessCertificateProfile = "access_certificate_profile", Registration, "note", "The access certificate lacks something that its profile (ETSI TS 119 411-8) wants.", "Ask the issuer of the access certificate; wallets may warn of it.";
    PresetRegistered = "preset_registered", Registration, "ok", "Everything that the preset asks for is registered.", "Nothing.";
    PresetNotRegistered = "preset_not_registered", Registration, "warning where a registration names the preset, else a note", "The preset asks for more than is registered, or no registration is for it. Calls with it are refused.", "Have the rest registered, or leave the preset out of tenant.presets; config check prints the whole table.";
    // trust
    TrustSourceSound = "trust_source_sound", Trust, "ok", "The source has certificates by which somebody can be trusted.", "Nothing.";
    TrustSourceEmpty = "trust_source_empty", Trust, "error", "The source has no certificate by which anybody could be trusted. Everything of it is refused.", "Look whether `services` and `service_statuses` fit what the list has, or name anchors.";
    TrustAnchorEndsSoon = "trust_anchor_ends_soon", Trust, "note from 60 days, warning from 30, error from 7; a note where others remain or where it comes from a list", "A certificate by which somebody is trusted ends soon.", "Get its successor from the official publication, and keep both until the old one has ended.";
    TrustAnchorExpired = "trust_anchor_expired", Trust, "error; a warning where others remain, a note where it comes from a list", "A certificate by which somebody was trusted has ended.", "Take it out, and get its successor from the official publication.";
    // lists
    TrustListSound = "trust_list_sound", Lists, "ok", "The edition that is kept is signed by a configured signer, and may be used.", "Nothing.";
    TrustListAbsent = "trust_list_absent", Lists, "error; a note where it can be fetched now", "No edition of the list is kept on this machine. Until there is one, nothing is decided by it.", "Start the service where it may ask the host, or import an edition: pruefstein trust import.";
    TrustListOld = "trust_list_old", Lists, "error; a warning while it is still usable", "The edition is too old: its own end has come, it was not confirmed in time, or no newer one could be had.", "Look at the host of the list and at the way to it; without a way out import the newest edition.";
    TrustListEndsSoon = "trust_list_ends_soon", Lists, "note from 60 days, warning from 30, error from 7", "The next update of the list is due soon, and no newer edition is here.", "Usually the next edition comes by itself. Where lists are imported, import it.";
    TrustListSignature = "trust_list_signature", Lists, "error; a warning if only what is served now is wrong", "The list is not signed by a configured signer, or was changed after it was signed.", "Do not use it. Compare `signers` with the official publication; if they fit, tell the publisher of the list.";
    TrustListMalformed = "trust_list_malformed", Lists, "error; a warning if only what is served now is wrong", "The document is not a list of the configured notation and type, or breaks its rules.", "Compare `url`, `notation` and `type` with the official publication.";
    TrustListDamaged = "trust_list_damaged", Lists, "error", "The file in which the list is kept, or that the configuration names, cannot be read.", "Look at its permissions and its disk; a damaged kept file can be removed, and is fetched or imported anew.";
    TrustListRollback = "trust_list_rollback", Lists, "warning", "The host serves an older edition than one that was seen before. It is not taken.", "Wait for the publisher to mend it; if it stays so, tell the publisher. Somebody may be holding new editions back.";
    TrustListNotServed = "trust_list_not_served", Lists, "error; a warning while a kept edition is usable", "The host answers, but not with the list.", "Compare `url` with the official publication.";
    TrustListLeftOut = "trust_list_left_out", Lists, "note", "Entries of the list could not be read. They give no trust; the rest of the list stands.", "Nothing, unless an issuer that you need is among them: then tell the publisher of the list.";
    ListSignerEndsSoon = "list_signer_ends_soon", Lists, "note from 60 days, warning from 30, error from 7; a note where others remain", "A certificate that signs a list ends soon.", "Get the next signer from the official publication, and add it to `signers`.";
    ListSignerExpired = "list_signer_expired", Lists, "error; a note where others remain", "A certificate that signs a list has ended.", "Get the next signer from the official publication, and put it in its place.";
    RevocationListSound = "revocation_list_sound", Lists, "ok", "The list of revoked certificates is in force.", "Nothing.";
    RevocationListAbsent = "revocation_list_absent", Lists, "error; a note where it can be fetched now", "The list of revoked certificates is not on this machine. Until it is, the certificates of its issuer are refused.", "Start the service where it may ask the host, or put the list into a file that the source names.";
    RevocationListOld = "revocation_list_old", Lists, "error; a note where a newer one can be fetched now", "The list of revoked certificates does not count any more, or not yet. The certificates of its issuer are refused.", "Look at its host and at the way to it; a file has to be replaced by whoever keeps it up to date. Look at the clock, too.";
    RevocationListMalformed = "revocation_list_malformed", Lists, "error; a warning while a kept one counts", "What is in the place of a list of revoked certificates is none.", "Compare the address or the file under `revocation_lists` with the publication of the authority.";
    // network
    HostsSkipped = "hosts_skipped", Network, "note", "No host was asked.", "Leave out --offline, on the machine and as the user of the service.";
    HostReached = "host_reached", Network, "ok", "The host answers over a secure connection.", "Nothing.";
    HostUnreachable = "host_unreachable", Network, "error; a warning where what is kept is enough for now", "The host does not answer.", "Look at firewall, DNS and outgoing.proxy of this machine; ask the host from another network.";
    HostTls = "host_tls", Network, "error; a warning where what is kept is enough for now", "Somebody answers, but not with a certificate for this host that is known here.", "Look at the clock first. If a proxy of your network breaks TLS open, put its root under outgoing.extra_roots; else the host is wrong, or somebody stands between.";
    HostBlocked = "host_blocked", Network, "error", "The name of the host leads to an address inside a private network, which is never asked.", "Look at DNS. Lists of others do not lie in your network; through a proxy set outgoing.proxy.";
    PublicUrlReached = "public_url_reached", Network, "ok", "public_url answers.", "Nothing.";
    PublicUrlNotReachable = "public_url_not_reachable", Network, "warning; a note where the service does not run yet", "public_url does not answer from here as it should.", "Look at the gateway and at DNS. Many networks do not let a machine reach itself by its outer name: try from outside, too.";
    // clock
    ClockFits = "clock_fits", Clock, "ok", "The clock of this machine agrees with those of the hosts that were asked.", "Nothing.";
    ClockOff = "clock_off", Clock, "error", "The clock of this machine differs from those of the hosts by more than the policy allows. Good credentials are refused as expired or from the future.", "Set the clock, and let a time service (NTP) keep it: timedatectl set-ntp true.";
    ClockUnchecked = "clock_unchecked", Clock, "note", "No host said what time it is, so the clock could not be checked.", "Compare it by hand: date -u.";
    // machine
    StoreSound = "store_sound", Machine, "ok", "The store can be opened, and all of it could be read; or it is made at the first start.", "Nothing.";
    StoreLocked = "store_locked", Machine, "note", "The store is open in a running service, so it was not looked into.", "Nothing. If no service should run, look for the process.";
    StoreOfAnotherUser = "store_of_another_user", Machine, "note", "The store belongs to another user than the one that runs this command, so it was left alone.", "Run this command as the user of the service.";
    StoreUnusable = "store_unusable", Machine, "error", "The store cannot be opened, or failed its check.", "Read the detail. Put a backup in its place, or move the file away: open transactions are lost then, and nothing else.";
    DatabaseUsable = "database_usable", Machine, "ok", "The database answers, takes writes, and its tables can be used.", "Nothing.";
    DatabaseUnusable = "database_unusable", Machine, "error", "There is no connection to a database that takes writes.", "Read the detail. Look at host, user, password and certificates under [postgresql], and whether the database runs, lets this machine in (pg_hba.conf) and is the primary.";
    DatabaseNewer = "database_newer", Machine, "error", "A newer program made the tables of the database, and this one cannot use them.", "Use the newer program; or restore the database from before the update.";
    DatabaseDoubtful = "database_doubtful", Machine, "warning", "The database may lose what it has acknowledged, or find damage late. A wallet that was told that its answer was accepted does not send it again.", "Change the setting that the detail names: fsync, full_page_writes and data_checksums on, and with a standby synchronous_standby_names.";
    FolderNotWritable = "folder_not_writable", Machine, "error", "This user may not make files in a folder that the service writes to.", "Give the folder to the user that runs the service: chown, chmod u+rwx.";
    SpaceLow = "space_low", Machine, "warning; error when almost nothing is left", "There is little room left on a disk that the service writes to.", "Make room. Without any the service refuses new transactions.";
    ServiceReady = "service_ready", Machine, "ok", "The service runs, and says that it is ready.", "Nothing.";
    ServiceNotReady = "service_not_ready", Machine, "error", "The service runs, but says that it is not ready.", "Read the checks that it names; pruefstein codes explains each code.";
    ServiceNotRunning = "service_not_running", Machine, "ok", "The service does not run, and its addresses are free.", "Nothing, or start it.";
    ServiceUnclear = "service_unclear", Machine, "note", "Whether the service runs could not be told: its operations listener cannot be asked from here.", "Ask /health/ready from where it can be reached.";
    AddressTaken = "address_taken", Machine, "error", "Another program listens on an address of the service.", "Stop it, or choose another address.";
    AddressUnusable = "address_unusable", Machine, "error", "The service could not listen on one of its addresses.", "Choose an address of this machine and a port from 1024 on.";
}

impl FindingCode {
    /// Whether an error of this code says that something needed is out of reach, and not that something is wrong.
    pub const fn is_out_of_reach(self) -> bool {
        matches!(
            self,
            Self::HostUnreachable
                | Self::HostTls
                | Self::HostBlocked
                | Self::TrustListNotServed
                | Self::StoreUnusable
                | Self::DatabaseUnusable
                | Self::FolderNotWritable
                | Self::AddressTaken
                | Self::AddressUnusable
        )
    }
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FindingCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that was found. It holds names of places and certificates, never a secret and nothing of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The code.
    pub code: FindingCode,
    /// How much it matters here.
    pub severity: Severity,
    /// What it is about: a setting, a file, a list, a host.
    pub about: String,
    /// What exactly was found.
    pub detail: String,
    /// What to do, where more can be said than the table does.
    pub remedy: Option<String>,
}

impl Finding {
    /// A finding with the remedy of the table.
    pub fn new(code: FindingCode, severity: Severity, about: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code, severity, about: about.into(), detail: detail.into(), remedy: None }
    }

    /// What to do.
    pub fn remedy(&self) -> &str {
        self.remedy.as_deref().unwrap_or_else(|| self.code.remedy())
    }

    /// The same, but no worse than `limit`.
    #[must_use]
    pub fn at_most(self, limit: Severity) -> Self {
        Self { severity: self.severity.min(limit), ..self }
    }
}

/// Everything that was found about an installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// Whether the service would refuse to start with this configuration.
    pub refused: bool,
    /// The findings, by group, the worst of a group first.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// How many findings have this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// What all findings together say. The worst counts: a refused configuration, then what is out of reach, then any
    /// error.
    pub fn verdict(&self) -> Verdict {
        let mut errors = self.findings.iter().filter(|finding| finding.severity == Severity::Error).peekable();
        if self.refused {
            Verdict::Refused
        } else if errors.peek().is_none() {
            if self.count(Severity::Warning) == 0 { Verdict::Sound } else { Verdict::Attention }
        } else if errors.any(|finding| finding.code.is_out_of_reach()) {
            Verdict::OutOfReach
        } else {
            Verdict::Faulty
        }
    }
}

/// What all findings together say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing is worse than a note.
    Sound,
    /// There are warnings, no errors.
    Attention,
    /// There are errors.
    Faulty,
    /// There are errors, and some say that something needed is out of reach.
    OutOfReach,
    /// The configuration is refused.
    Refused,
}

impl Verdict {
    /// The word in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Attention => "attention",
            Self::Faulty => "faulty",
            Self::OutOfReach => "out_of_reach",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_sound() {
        let names: BTreeSet<&str> = FindingCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), FindingCode::ALL.len(), "a name occurs twice");
        for code in FindingCode::ALL {
            let name = code.as_str();
            assert!(name.chars().all(|char| char.is_ascii_lowercase() || char == '_'), "{name}");
            assert!(code.meaning().ends_with('.') && !code.remedy().is_empty(), "{name}");
        }
        let groups: Vec<Group> = FindingCode::ALL.iter().map(|code| code.group()).collect();
        assert!(groups.is_sorted(), "the table is grouped");
    }

    #[test]
    fn the_worst_finding_counts() {
        let finding = |code, severity| Finding::new(code, severity, "x", "x");
        let host = finding(FindingCode::HostUnreachable, Severity::Error);
        let clock = finding(FindingCode::ClockOff, Severity::Error);
        let soft = host.clone().at_most(Severity::Warning);
        let note = finding(FindingCode::StoreLocked, Severity::Note);
        for (refused, findings, verdict) in [
            (false, vec![], Verdict::Sound),
            (false, vec![note.clone()], Verdict::Sound),
            (false, vec![note, soft.clone()], Verdict::Attention),
            (false, vec![soft, clock.clone()], Verdict::Faulty),
            (false, vec![clock.clone(), host.clone()], Verdict::OutOfReach),
            (true, vec![host, clock], Verdict::Refused),
        ] {
            assert_eq!(Diagnosis { refused, findings }.verdict(), verdict);
        }
    }
}
