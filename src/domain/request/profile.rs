//! Profiles: what a request must be, and which rules are relaxed for it. A profile is data; it names each rule it
//! relaxes, and nothing else relaxes any.

use super::ClientIdPrefix;
use crate::domain::x509::chain::AnchorInChain;

/// One profile of requests.
#[expect(clippy::struct_excessive_bools, reason = "each is a rule of its own, and all of them are data")]
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name in the configuration.
    pub name: &'static str,
    /// What it is for, in one sentence.
    pub about: &'static str,
    /// How the verifier may be named to wallets.
    pub prefixes: &'static [ClientIdPrefix],
    /// Which certificates go into `x5c`.
    pub certificates: SentCertificates,
    /// Whether the protected header carries `iat` (OVP-JAR-15).
    pub issued_at_in_header: bool,
    /// Whether each request needs a purpose that people can read (OVP-REQ-12).
    pub purpose_demanded: bool,
    /// What `verifier_info` must be.
    pub verifier_info: VerifierInfoRule,
    /// What becomes of an anchor among the certificates of a credential.
    pub anchor_in_chain: AnchorInChain,
    /// Whether issuers may be known by keys that they publish instead of certificates.
    pub published_issuer_keys: bool,
    /// Whether a tenant may allow answers that are not encrypted.
    pub plain_answers: bool,
    /// Whether a tenant may offer browsers requests that are not signed (DCA-15).
    pub unsigned_browser_requests: bool,
    /// The rules that it relaxes.
    pub relaxes: &'static [Relaxed],
}

/// A rule that a profile does not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relaxed {
    /// Its id in `docs/traceability.md`.
    pub rule: &'static str,
    /// What holds instead.
    pub instead: &'static str,
}

/// Which of the access certificates a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentCertificates {
    /// The leaf and its intermediates, without the anchor (HAIP 1.0 section 5).
    ChainWithoutAnchor,
    /// The leaf alone, as the German sandbox wants it (DEU-08).
    LeafOnly,
}

/// What a profile says of `verifier_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifierInfoRule {
    /// Whether each request must carry a registration certificate.
    pub demanded: bool,
    /// How the certificate is written.
    pub data: VerifierInfoData,
}

/// How `data` of a registration certificate is written: specification and deployed wallets differ (VINFO-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifierInfoData {
    /// The compact JWT itself, as the German sandbox and deployed wallets take it.
    Certificate,
    /// base64url of the serialised certificate (ETSI TS 119 472-2 V1.1.1, RO_REQ-09).
    Base64url,
}

/// HAIP 1.0, the profile of the EU wallets.
pub static HAIP: Profile = Profile { name: "haip", about: "HAIP 1.0, the profile of the EU wallets", ..HAIP_BASE };

/// HAIP 1.0 with what ETSI TS 119 472-2 adds.
pub static HAIP_ETSI: Profile = Profile {
    name: "haip+etsi",
    about: "HAIP 1.0 with ETSI TS 119 472-2: iat in the header, a registration certificate, a purpose",
    issued_at_in_header: true,
    purpose_demanded: true,
    verifier_info: VerifierInfoRule { demanded: true, data: VerifierInfoData::Base64url },
    plain_answers: false,
    unsigned_browser_requests: false,
    ..HAIP_BASE
};

/// What the German sandbox takes.
pub static DE_SANDBOX: Profile = Profile {
    name: "de-sandbox",
    about: "HAIP 1.0 as the German sandbox takes it",
    certificates: SentCertificates::LeafOnly,
    purpose_demanded: true,
    verifier_info: VerifierInfoRule { demanded: true, data: VerifierInfoData::Certificate },
    plain_answers: false,
    unsigned_browser_requests: false,
    relaxes: &[
        Relaxed { rule: "OVP-JAR-12", instead: "x5c holds the access certificate alone, without intermediates" },
        Relaxed {
            rule: "VINFO-03",
            instead: "data of the registration certificate is the JWT itself, not base64url of it",
        },
    ],
    ..HAIP_BASE
};

/// OpenID4VP 1.0 alone.
pub static OPENID4VP: Profile = Profile {
    name: "openid4vp",
    about: "OpenID4VP 1.0 without HAIP, for tests with other wallets",
    prefixes: &ClientIdPrefix::ALL,
    anchor_in_chain: AnchorInChain::Ignore,
    published_issuer_keys: true,
    plain_answers: true,
    relaxes: &[
        Relaxed { rule: "OVP-CID-03", instead: "any prefix of client_id_prefix may be chosen" },
        Relaxed { rule: "OVP-CID-06", instead: "redirect_uri may be chosen, whose requests are not signed" },
        Relaxed { rule: "OVP-JAR-01", instead: "with redirect_uri the request travels in the link, unsigned" },
        Relaxed { rule: "VC-20", instead: "a source may name issuers that publish keys instead of certificates" },
        Relaxed { rule: "VC-22", instead: "an anchor in x5c is passed over instead of refused; it gives no trust" },
    ],
    ..HAIP_BASE
};

/// What HAIP demands, for the profiles to build on.
const HAIP_BASE: Profile = Profile {
    name: "",
    about: "",
    prefixes: &[ClientIdPrefix::X509Hash],
    certificates: SentCertificates::ChainWithoutAnchor,
    issued_at_in_header: false,
    purpose_demanded: false,
    verifier_info: VerifierInfoRule { demanded: false, data: VerifierInfoData::Certificate },
    anchor_in_chain: AnchorInChain::Refuse,
    published_issuer_keys: false,
    plain_answers: true,
    unsigned_browser_requests: true,
    relaxes: &[],
};

impl Profile {
    /// All of them, the default first.
    pub const ALL: [&'static Self; 4] = [&HAIP, &HAIP_ETSI, &DE_SANDBOX, &OPENID4VP];

    /// The profile of this name.
    pub fn from_name(name: &str) -> Option<&'static Self> {
        Self::ALL.into_iter().find(|profile| profile.name == name)
    }

    /// Whether the verifier may be named in this way.
    pub fn allows(&self, prefix: ClientIdPrefix) -> bool {
        self.prefixes.contains(&prefix)
    }

    /// The part of a chain, leaf first, that goes into requests.
    pub fn sent<'a, C>(&self, chain: &'a [C]) -> &'a [C] {
        match self.certificates {
            SentCertificates::ChainWithoutAnchor => chain,
            SentCertificates::LeafOnly => chain.get(..1).unwrap_or(chain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_the_default_relaxes_nothing() {
        for profile in Profile::ALL {
            assert_eq!(Profile::from_name(profile.name), Some(profile));
            assert!(!profile.about.is_empty() && !profile.prefixes.is_empty());
        }
        assert_eq!(Profile::from_name("HAIP"), None);
        assert!(HAIP.relaxes.is_empty());
        assert!(HAIP_ETSI.relaxes.is_empty());
    }

    #[test]
    fn whatever_is_looser_than_haip_is_named() {
        // A difference in a loose direction without a named rule would be a silent one.
        for profile in Profile::ALL {
            let names = |rule: &str| profile.relaxes.iter().any(|relaxed| relaxed.rule == rule);
            assert_eq!(profile.prefixes != HAIP.prefixes, names("OVP-CID-03"), "{}", profile.name);
            assert_eq!(profile.allows(ClientIdPrefix::RedirectUri), names("OVP-CID-06") && names("OVP-JAR-01"));
            assert_eq!(profile.certificates == SentCertificates::LeafOnly, names("OVP-JAR-12"), "{}", profile.name);
            assert_eq!(profile.anchor_in_chain == AnchorInChain::Ignore, names("VC-22"), "{}", profile.name);
            assert_eq!(profile.published_issuer_keys, names("VC-20"), "{}", profile.name);
        }
    }

    #[test]
    fn the_sandbox_takes_the_leaf_alone() {
        // OVP-JAR-12, DEU-08.
        let chain = ["leaf", "intermediate"];
        assert_eq!(DE_SANDBOX.sent(&chain), ["leaf"]);
        assert_eq!(HAIP.sent(&chain), chain);
        assert!(DE_SANDBOX.sent::<&str>(&[]).is_empty());
    }
}
