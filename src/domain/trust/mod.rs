//! Who may issue what: trust sources with their anchors, types and status authorities. An immutable snapshot.
//!
//! A type claim gives no authority. A credential is trusted through a source whose anchors its chain reaches *and* whose
//! types include the credential's; the same source says who may sign its status lists and where they may lie.

pub mod cache;

use crate::domain::jose::hash::sha256;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::{self, Anchor, AnchorInChain, ChainRules, ValidatedChain};
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

/// Longest life of a credential that counts as short, in seconds (ARF section 6.6.3.7).
pub const SHORT_LIVED_SECONDS: i64 = 24 * 3600;

/// One trust source of a tenant.
#[derive(Debug, Clone)]
pub struct TrustSource {
    /// The name in configuration and reports.
    pub name: String,
    /// The exact credential types (`vct`) it may vouch for.
    pub types: Vec<String>,
    /// The anchors of its issuers.
    pub anchors: Vec<Anchor>,
    /// Issuer certificates that are trusted as they are.
    pub pinned: Vec<Certificate>,
    /// The anchors of those who sign its status lists; if empty, the anchors of its issuers.
    pub status_anchors: Vec<Anchor>,
    /// Where its status lists may lie.
    pub status_origins: Vec<StatusOrigin>,
    /// Whether credentials must have a status.
    pub status_rule: StatusRule,
    /// An extended key usage that its issuers' certificates must have, in dotted form.
    pub extended_key_usage: Option<String>,
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

    fn status_anchors(&self) -> &[Anchor] {
        if self.status_anchors.is_empty() { &self.anchors } else { &self.status_anchors }
    }
}

/// All trust sources of a tenant at one time.
#[derive(Debug, Clone, Default)]
pub struct TrustAnchors {
    sources: Vec<TrustSource>,
    digest: [u8; 32],
}

/// An issuer whose chain reaches at least one source. What it may issue is decided by [`TrustAnchors::authorize`].
#[derive(Debug, Clone)]
pub struct TrustedIssuer {
    /// The validated chain.
    pub chain: ValidatedChain,
    /// Indexes of the sources that it reaches.
    sources: Vec<usize>,
}

impl TrustAnchors {
    /// A snapshot of these sources.
    pub fn new(sources: Vec<TrustSource>) -> Self {
        let mut text = Vec::new();
        for source in &sources {
            text.extend_from_slice(source.name.as_bytes());
            text.push(0);
            for vct in &source.types {
                text.extend_from_slice(vct.as_bytes());
                text.push(0);
            }
            // What a certificate is for counts as well: the same one as another kind is other trust data.
            let issuing = source.anchors.iter().map(|anchor| (b'i', &anchor.certificate));
            let status = source.status_anchors.iter().map(|anchor| (b's', &anchor.certificate));
            let pinned = source.pinned.iter().map(|certificate| (b'p', certificate));
            for (kind, certificate) in issuing.chain(status).chain(pinned) {
                text.push(kind);
                text.extend_from_slice(&certificate.fingerprint());
            }
        }
        Self { sources, digest: sha256(&text) }
    }

    /// SHA-256 over names, types and certificates: which trust data a verdict was made with (case TRU-017).
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The sources.
    pub fn sources(&self) -> &[TrustSource] {
        &self.sources
    }

    /// The source of this name.
    pub fn source(&self, name: &str) -> Option<&TrustSource> {
        self.sources.iter().find(|source| source.name == name)
    }

    /// Whether some source may vouch for one of `types`.
    ///
    /// # Errors
    /// [`Code::TrustAnchorSetEmpty`]: no anchors never means trust in everybody.
    pub fn check_covered(&self, types: &[String]) -> Result<(), Reason> {
        let covers = |source: &TrustSource| {
            !(source.anchors.is_empty() && source.pinned.is_empty())
                && source.types.iter().any(|vct| types.contains(vct))
        };
        if self.sources.iter().any(covers) {
            Ok(())
        } else {
            Err(Reason::new(Code::TrustAnchorSetEmpty, "no trust source with anchors names a requested type"))
        }
    }

    /// Validates an issuer's chain against the anchors of all sources.
    ///
    /// # Errors
    /// As [`chain::validate`]; [`Code::X5cProfileViolation`] too when every source that it reaches demands an extended
    /// key usage that the leaf lacks.
    pub fn trust_issuer(
        &self,
        certificates: &[Vec<u8>],
        anchor_in_chain: AnchorInChain,
        now: UnixSeconds,
    ) -> Result<TrustedIssuer, Reason> {
        for (index, source) in self.sources.iter().enumerate().filter(|(_, source)| !source.pinned.is_empty()) {
            if let Ok(chain) = chain::validate_pinned(certificates, &source.pinned, now) {
                return Ok(TrustedIssuer { chain, sources: vec![index] });
            }
        }
        let owned = || {
            self.sources
                .iter()
                .enumerate()
                .flat_map(|(index, source)| source.anchors.iter().map(move |anchor| (index, anchor)))
        };
        let anchors: Vec<&Anchor> = owned().map(|(_, anchor)| anchor).collect();
        let rules = ChainRules { anchor_in_chain, extended_key_usage: None };
        let chain = chain::validate(certificates, &anchors, rules, now)?;
        let reached: Vec<usize> = owned()
            .enumerate()
            .filter(|(place, _)| chain.anchors.contains(place))
            .map(|(_, (index, _))| index)
            .collect();
        let fits = |index: &usize| {
            let wanted = self.sources.get(*index).and_then(|source| source.extended_key_usage.as_ref());
            wanted.is_none_or(|wanted| {
                let usages = &chain.leaf.extended_key_usage;
                usages.contains(wanted)
                    && !usages.iter().any(|usage| usage == crate::domain::x509::certificate::ANY_EXTENDED_KEY_USAGE)
            })
        };
        let sources: Vec<usize> = reached.into_iter().filter(fits).collect();
        if sources.is_empty() {
            return Err(Reason::new(Code::X5cProfileViolation, "the leaf lacks the extended key usage of its source"));
        }
        Ok(TrustedIssuer { chain, sources })
    }

    /// The source through which the issuer may issue all of `types`: the credential's own and, where it answers under
    /// another one, that too.
    ///
    /// # Errors
    /// [`Code::IssuerNotAuthorized`] (VC-08, X5C-02, cases SVC-005, TRU-013).
    pub fn authorize(&self, issuer: &TrustedIssuer, types: &[&str]) -> Result<&TrustSource, Reason> {
        issuer
            .sources
            .iter()
            .filter_map(|index| self.sources.get(*index))
            .find(|source| types.iter().all(|wanted| source.types.iter().any(|vct| vct == wanted)))
            .ok_or_else(|| Reason::new(Code::IssuerNotAuthorized, "no trust source lets this issuer issue this type"))
    }

    /// Any source that the issuer reaches, for the report of a credential that is refused for its type.
    pub fn any_source(&self, issuer: &TrustedIssuer) -> Option<&TrustSource> {
        issuer.sources.first().and_then(|index| self.sources.get(*index))
    }
}

/// Validates the chain of a status list token against the status authorities of one source (TSL-27, TSL-28).
///
/// # Errors
/// As [`chain::validate`].
pub fn trust_status_signer(
    source: &TrustSource,
    certificates: &[Vec<u8>],
    anchor_in_chain: AnchorInChain,
    now: UnixSeconds,
) -> Result<ValidatedChain, Reason> {
    if source.status_anchors.is_empty() && !source.pinned.is_empty() {
        return chain::validate_pinned(certificates, &source.pinned, now);
    }
    let anchors: Vec<&Anchor> = source.status_anchors().iter().collect();
    chain::validate(certificates, &anchors, ChainRules { anchor_in_chain, extended_key_usage: None }, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(origins: &[&str]) -> TrustSource {
        TrustSource {
            name: "test".to_owned(),
            types: vec!["urn:test:1".to_owned()],
            anchors: Vec::new(),
            pinned: Vec::new(),
            status_anchors: Vec::new(),
            status_origins: origins.iter().map(|origin| StatusOrigin::parse(origin).unwrap()).collect(),
            status_rule: StatusRule::Required,
            extended_key_usage: None,
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

    #[test]
    fn no_anchors_is_never_trust() {
        // TRU: trust_anchor_set_empty, also for a source that names the type but has no anchors.
        let trust = TrustAnchors::new(vec![source(&[])]);
        assert_eq!(trust.check_covered(&["urn:test:1".to_owned()]).unwrap_err().code, Code::TrustAnchorSetEmpty);
        assert_eq!(TrustAnchors::default().check_covered(&[]).unwrap_err().code, Code::TrustAnchorSetEmpty);
    }
}
