//! One trust source: what it vouches for, with which certificates, on what basis, and where its status lists lie.
//!
//! Rules kept here: TSL-46, TL-21, DEU-10.

use super::issuer_metadata::IssuerKeys;
use super::purpose::Purpose;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::{self, Anchor, AnchorInChain, ChainRules, ReceivedChain, ValidatedChain};
use crate::domain::x509::profile::{CertificateProfile, IssuerNames};
use crate::domain::x509::revocation::{Depth, RevocationCheck, RevocationLists};
use std::sync::Arc;
use url::Url;

/// Whether a credential of a source must point to a status list (TSL-06, case TSL-031). Status that is there is always
/// checked; nothing switches that off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusRule {
    /// Every credential must have one.
    Required,
    /// Credentials that are valid for at most 24 hours may lack one.
    #[default]
    RequiredUnlessShortLived,
    /// The issuer publishes none for some of its credentials.
    MayBeAbsent,
}

impl StatusRule {
    /// The word in configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::RequiredUnlessShortLived => "required_unless_short_lived",
            Self::MayBeAbsent => "may_be_absent",
        }
    }

    /// The rule with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Required, Self::RequiredUnlessShortLived, Self::MayBeAbsent]
            .into_iter()
            .find(|rule| rule.as_str() == name)
    }
}

/// Longest life of a credential that counts as short, in seconds (ARF section 6.6.3.7).
pub const SHORT_LIVED_SECONDS: i64 = 24 * 3600;

/// One trust source of a tenant.
#[derive(Debug, Clone)]
pub struct TrustSource {
    /// The name in configuration and reports.
    pub name: String,
    /// What it may vouch for.
    pub purpose: Purpose,
    /// The exact credential types (`vct`) it may vouch for.
    pub types: Vec<String>,
    /// The countries, two letters, whose issuers it may vouch for; all if empty.
    pub countries: Vec<String>,
    /// Where its certificates come from, and until when they may be used.
    pub basis: Basis,
    /// The same for the signers of its status lists, where a source of its own names them.
    pub status_basis: Option<Basis>,
    /// The anchors of its issuers.
    pub anchors: Vec<Anchor>,
    /// Issuer certificates that are trusted as they are.
    pub pinned: Vec<Certificate>,
    /// Issuers that are trusted by the keys they publish; a source with some has no certificates of issuers (VC-23).
    pub issuer_keys: Vec<IssuerKeys>,
    /// Anchors that its list names, but for something else or not any more: whoever leads to one of them is known and
    /// refused, and the report says so (case TRU-013).
    pub outside: Vec<Anchor>,
    /// The anchors of those who sign its status lists; if these and the pinned ones are empty, those of its issuers.
    pub status_anchors: Vec<Anchor>,
    /// Certificates of signers of its status lists that are trusted as they are.
    pub status_pinned: Vec<Certificate>,
    /// Where its status lists may lie.
    pub status_origins: Vec<StatusOrigin>,
    /// Whether credentials must have a status.
    pub status_rule: StatusRule,
    /// What its issuers' certificates must have beyond a valid path.
    pub profile: CertificateProfile,
    /// Whether certificates must be shown not to be revoked, and by which lists; `None`: revocation is not configured.
    pub revocation: Option<Revocation>,
    /// What must agree between credential and certificate.
    pub agreement: Agreement,
}

/// An origin from which status lists may be fetched: `https` on one host and port, or `http` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusOrigin {
    scheme: &'static str,
    host: String,
    port: u16,
}

impl StatusOrigin {
    /// Reads `status.example`, `status.example:8443`, `https://status.example`, or `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] for other schemes, `http` beyond loopback, and addresses with a path or user.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let refused =
            || Reason::new(Code::ConfigRefused, "not a host, or an origin with https (http on loopback only)");
        let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&full).map_err(|_| refused())?;
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !bare || text.contains('*') {
            return Err(refused());
        }
        Self::of(&url).ok_or_else(refused)
    }

    /// The origin of this address, if it is one of the kinds that may be fetched at all.
    pub fn of_url(address: &str) -> Option<Self> {
        Self::of(&Url::parse(address).ok()?)
    }

    /// The origin of an absolute URL, if it is one of the kinds that may be fetched at all.
    fn of(url: &Url) -> Option<Self> {
        let host = url.host_str()?.to_owned();
        let scheme = match url.scheme() {
            "https" => "https",
            "http" if is_loopback(url) => "http",
            _ => return None,
        };
        if !url.username().is_empty() || url.password().is_some() {
            return None;
        }
        Some(Self { scheme, host, port: url.port_or_known_default()? })
    }

    /// `scheme://host:port`, for lists of outgoing hosts.
    pub fn text(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// Whether a URL names this machine by a loopback address or as `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl TrustSource {
    /// A source without any certificates, which the caller fills: status as the default says, no conditions.
    pub fn new(name: impl Into<String>, purpose: Purpose, types: Vec<String>) -> Self {
        Self {
            name: name.into(),
            purpose,
            types,
            countries: Vec::new(),
            basis: Basis::Configured,
            status_basis: None,
            anchors: Vec::new(),
            pinned: Vec::new(),
            issuer_keys: Vec::new(),
            outside: Vec::new(),
            status_anchors: Vec::new(),
            status_pinned: Vec::new(),
            status_origins: Vec::new(),
            status_rule: StatusRule::default(),
            profile: CertificateProfile::default(),
            revocation: None,
            agreement: Agreement::default(),
        }
    }

    /// Whether there is a certificate by which somebody could be trusted.
    pub fn has_certificates(&self) -> bool {
        !(self.anchors.is_empty() && self.pinned.is_empty())
    }

    /// Whether there is a certificate or an issuer by which somebody could be trusted.
    pub fn can_trust(&self) -> bool {
        self.has_certificates() || !self.issuer_keys.is_empty()
    }

    /// Checks that the certificates of this source, or the keys of one of its issuers, may be used at `now`.
    ///
    /// # Errors
    /// [`Code::TrustUnavailable`] if its list is not there, or was not confirmed in time (TL-07, TL-18); for a source that
    /// names issuers, if that holds for the keys of all.
    pub fn check_usable(&self, now: UnixSeconds) -> Result<(), Reason> {
        self.check_certificates_usable(now)?;
        let mut keys = self.issuer_keys.iter().map(|issuer| issuer.usable(now).map(drop));
        match keys.next() {
            None => Ok(()),
            Some(first) => keys.fold(first, Result::or),
        }
    }

    /// The same for its certificates alone: keys that are missing say nothing about a chain.
    pub(super) fn check_certificates_usable(&self, now: UnixSeconds) -> Result<(), Reason> {
        self.basis.check_usable(now)
    }

    /// Whether an issuer's chain leads to this source, and whether the source admits it: beyond the path it demands its
    /// profile of the leaf, and that nothing in the chain is revoked. `None` if the chain does not lead here; `received`
    /// is missing where it cannot be read, which only a pinned leaf survives.
    ///
    /// # Errors
    /// As [`CertificateProfile::check`] and [`ValidatedChain::check_revocation`].
    pub(super) fn establish(
        &self,
        certificates: &[Vec<u8>],
        received: Option<&ReceivedChain>,
        rules: ChainRules<'_>,
        now: UnixSeconds,
    ) -> Option<Result<ValidatedChain, Reason>> {
        let admit = |chain: ValidatedChain, anchors: &[&Anchor]| {
            self.profile.check(&chain.leaf).and_then(|()| self.check_revoked(chain, anchors, now))
        };
        let direct = if self.pinned.is_empty() {
            None
        } else {
            chain::validate_pinned(certificates, &self.pinned, now).ok().map(|chain| admit(chain, &[]))
        };
        if matches!(direct, Some(Ok(_))) {
            return direct;
        }
        let by_path = || {
            let received = received.filter(|received| self.anchors.iter().any(|anchor| received.names(anchor)))?;
            let anchors: Vec<&Anchor> = self.anchors.iter().collect();
            received.validate(&anchors, rules, now).ok().map(|chain| admit(chain, &anchors))
        };
        by_path().or(direct)
    }

    fn check_revoked(
        &self,
        chain: ValidatedChain,
        anchors: &[&Anchor],
        now: UnixSeconds,
    ) -> Result<ValidatedChain, Reason> {
        match &self.revocation {
            None => Ok(chain),
            Some(Revocation { lists, depth }) => {
                chain.check_revocation(anchors, RevocationCheck::Required { lists, depth: *depth }, now)
            }
        }
    }

    /// Whether it may vouch for issuers of this country, as their certificates state it.
    pub fn admits_country(&self, country: Option<&str>) -> bool {
        self.countries.is_empty() || country.is_some_and(|country| self.countries.iter().any(|known| known == country))
    }

    /// Whether a status list of this source may lie at `uri`.
    ///
    /// # Errors
    /// [`Code::StatusUriNotAllowed`] for other schemes, hosts and ports, and for addresses with user or fragment
    /// (cases TSL-001, TSL-003; SSRF).
    pub fn check_status_uri(&self, uri: &str) -> Result<(), Reason> {
        let refused = |detail: &'static str| Reason::new(Code::StatusUriNotAllowed, detail);
        let url = Url::parse(uri).map_err(|_| refused("the status address is no absolute URL"))?;
        let origin = StatusOrigin::of(&url).ok_or_else(|| refused("the status address is not https"))?;
        if url.fragment().is_some() {
            return Err(refused("the status address has a fragment"));
        }
        if self.status_origins.contains(&origin) {
            Ok(())
        } else {
            Err(refused("the host of the status address is not allowed for this issuer"))
        }
    }
}

/// The lists of revoked certificates of a source, and how far up they are asked. The anchors' certificates are withdrawn
/// by taking them out.
#[derive(Debug, Clone)]
pub struct Revocation {
    /// The lists. A certificate that none of them covers counts as revoked.
    pub lists: Arc<RevocationLists>,
    /// How much of the chain must be shown.
    pub depth: Depth,
}

/// What must agree between a credential and its issuer's certificate. Whatever it is, the comparison is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Agreement {
    /// `iss`, if the credential has one, must be one of these names of the certificate.
    pub issuer: Option<IssuerNames>,
    /// `issuing_country`, if it is disclosed, must be the country of the certificate (X5C-20).
    pub country: bool,
}

impl Agreement {
    /// The word for the rule on `iss` in configuration.
    pub const fn issuer_word(self) -> &'static str {
        match self.issuer {
            None => "recorded",
            Some(IssuerNames::Uri) => "uri",
            Some(IssuerNames::UriOrDns) => "uri_or_dns",
        }
    }

    /// The rule on `iss` with this word.
    pub fn issuer_from(word: &str) -> Option<Option<IssuerNames>> {
        match word {
            "recorded" => Some(None),
            "uri" => Some(Some(IssuerNames::Uri)),
            "uri_or_dns" => Some(Some(IssuerNames::UriOrDns)),
            _ => None,
        }
    }
}

/// Where the certificates of a source come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Basis {
    /// From the configuration: usable as long as they are valid.
    Configured,
    /// From a trust list that was verified.
    Listed {
        /// Which one.
        list: ListEvidence,
        /// First second at which it may no longer be used, unless it is confirmed anew.
        usable_until: UnixSeconds,
    },
    /// From a trust list that is not there: nothing can be decided by this source.
    Absent {
        /// The name of the list.
        list: String,
    },
}

impl Basis {
    /// Checks that what rests on this may be used at `now`.
    ///
    /// # Errors
    /// [`Code::TrustUnavailable`] for a list that is not there, or was not confirmed in time.
    pub fn check_usable(&self, now: UnixSeconds) -> Result<(), Reason> {
        let unavailable = |detail: String| Err(Reason::new(Code::TrustUnavailable, detail));
        match self {
            Self::Configured => Ok(()),
            Self::Listed { usable_until, .. } if now < *usable_until => Ok(()),
            Self::Listed { list, .. } => unavailable(format!("the trust list {} is too old to be used", list.name)),
            Self::Absent { list } => unavailable(format!("the trust list {list} is not there")),
        }
    }

    /// The list, if there is one.
    pub const fn list(&self) -> Option<&ListEvidence> {
        match self {
            Self::Listed { list, .. } => Some(list),
            Self::Configured | Self::Absent { .. } => None,
        }
    }
}

/// Which edition of which list a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEvidence {
    /// Its name in the configuration; for a list that another one points to, with its territory.
    pub name: String,
    /// Its sequence number.
    pub sequence: u64,
    /// SHA-256 of the document.
    pub digest: [u8; 32],
    /// When it was issued.
    pub issued_at: UnixSeconds,
    /// When the next one is due.
    pub next_update: UnixSeconds,
}

/// Validates the chain of a status list token against the status authorities of one source (TSL-27, TSL-28).
///
/// # Errors
/// As [`TrustSource::check_usable`] and [`chain::validate`].
pub fn trust_status_signer(
    source: &TrustSource,
    certificates: &[Vec<u8>],
    anchor_in_chain: AnchorInChain,
    now: UnixSeconds,
) -> Result<ValidatedChain, Reason> {
    source.status_basis.as_ref().unwrap_or(&source.basis).check_usable(now)?;
    // Named signers of status lists stand alone; only without any are the issuers themselves meant (TSL-28).
    let named = source.status_basis.is_some() || !(source.status_anchors.is_empty() && source.status_pinned.is_empty());
    let (anchors, pinned) =
        if named { (&source.status_anchors, &source.status_pinned) } else { (&source.anchors, &source.pinned) };
    if !pinned.is_empty() {
        let direct = chain::validate_pinned(certificates, pinned, now);
        if direct.is_ok() || anchors.is_empty() {
            return direct.and_then(|chain| source.check_revoked(chain, &[], now));
        }
    }
    let anchors: Vec<&Anchor> = anchors.iter().collect();
    let chain = chain::validate(certificates, &anchors, ChainRules { anchor_in_chain, extended_key_usage: None }, now)?;
    source.check_revoked(chain, &anchors, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(origins: &[&str]) -> TrustSource {
        TrustSource {
            status_origins: origins.iter().map(|origin| StatusOrigin::parse(origin).unwrap()).collect(),
            ..TrustSource::new("test", Purpose::EaaProvider, vec!["urn:test:1".to_owned()])
        }
    }

    #[test]
    fn status_lists_lie_where_the_source_says() {
        // TSL-13, cases TSL-001, TSL-003.
        let source = source(&["status.example", "http://127.0.0.1:4711", "https://other.example:8443"]);
        for uri in ["https://status.example/lists/7", "http://127.0.0.1:4711/x", "https://other.example:8443/?a=b"] {
            assert!(source.check_status_uri(uri).is_ok(), "{uri}");
        }
        for uri in [
            "http://status.example/lists/7",
            "https://status.example:444/",
            "https://evil.example/",
            "ftp://status.example/",
            "file:///etc/passwd",
            "data:text/plain,x",
            "https://status.example.evil.example/",
            "https://user@status.example/",
            "https://status.example/#x",
            "http://127.0.0.1:4712/x",
            "http://169.254.169.254/",
            "lists/7",
            "",
            "https://status.example@evil.example/",
        ] {
            assert_eq!(source.check_status_uri(uri).unwrap_err().code, Code::StatusUriNotAllowed, "{uri}");
        }
    }

    #[test]
    fn origins_are_https_or_this_machine() {
        for wrong in [
            "http://status.example",
            "*.example",
            "https://a.example/path",
            "ftp://a.example",
            "https://u@a.example",
            "",
        ] {
            assert!(StatusOrigin::parse(wrong).is_err(), "{wrong}");
        }
    }
}
