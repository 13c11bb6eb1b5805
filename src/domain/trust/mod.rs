//! Who may issue what: trust sources with their anchors, types and status authorities. An immutable snapshot.
//!
//! A type claim gives no authority. A credential is trusted through a source whose anchors its chain reaches *and* whose
//! purpose and types include the credential's; the same source says who may sign its status lists and where they may
//! lie. Certificates come from the configuration or from verified lists ([`listed`]). Beside HAIP a source may trust named
//! issuers by the keys that they publish ([`issuer_metadata`]); one source never does both.
//!
//! Rules kept here: PIDC-15.

pub mod cache;
pub mod issuer_metadata;
pub mod listed;
pub mod purpose;
pub mod snapshot;
pub mod source;

pub use issuer_metadata::IssuerKeys;
pub use purpose::Purpose;
pub use source::{
    Agreement, Basis, ListEvidence, Revocation, SHORT_LIVED_SECONDS, StatusOrigin, StatusRule, TrustSource,
    is_loopback, trust_status_signer,
};

use crate::domain::jose::alg::SignatureAlgorithm;
use crate::domain::jose::hash::sha256;
use crate::domain::jose::header::Header;
use crate::domain::jose::jwk::PublicKey;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::{Anchor, AnchorInChain, ChainRules, ReceivedChain, ValidatedChain};
use crate::domain::x509::revocation::Depth;
use serde_json::Value;

/// All trust sources of a tenant at one time.
#[derive(Debug, Clone, Default)]
pub struct TrustAnchors {
    sources: Vec<TrustSource>,
    digest: [u8; 32],
    /// Whether some source trusts issuers by their published keys.
    names_issuers: bool,
}

/// An issuer whose key is established by at least one source. What it may issue is decided by [`TrustAnchors::authorize`].
#[derive(Debug, Clone)]
pub struct TrustedIssuer {
    identity: Identity,
    /// Indexes of the sources that establish it.
    sources: Vec<usize>,
    /// Indexes of the sources that it reaches and that do not admit it, with their reasons.
    refused: Vec<(usize, Reason)>,
}

/// By what an issuer is known.
#[derive(Debug, Clone)]
pub enum Identity {
    /// By a chain of certificates to an anchor.
    Certified(Box<ValidatedChain>),
    /// By the keys that it publishes under its own address.
    Published {
        /// The address: what its credentials state as `iss`.
        issuer: String,
        /// The key that the credential names.
        key: PublicKey,
        /// SHA-256 of its key set ([`crate::domain::jose::key_set::KeySet::digest`]).
        key_set: [u8; 32],
        /// When the keys were confirmed last.
        confirmed_at: UnixSeconds,
    },
}

impl TrustedIssuer {
    /// Whether what is known of it hangs on nothing but the trust data and the validity of its certificates.
    pub(super) const fn may_be_kept(&self) -> bool {
        self.refused.is_empty()
    }

    /// By what it is known.
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The key with which its credential must be signed.
    pub fn key(&self) -> &PublicKey {
        match &self.identity {
            Identity::Certified(chain) => &chain.key,
            Identity::Published { key, .. } => key,
        }
    }

    /// Its certificate, if it has one.
    pub fn leaf(&self) -> Option<&Certificate> {
        match &self.identity {
            Identity::Certified(chain) => Some(&chain.leaf),
            Identity::Published { .. } => None,
        }
    }

    /// Its name for people: that of the certificate, or else its address.
    pub fn name(&self) -> &str {
        match &self.identity {
            Identity::Certified(chain) => &chain.leaf.display_name,
            Identity::Published { issuer, .. } => issuer,
        }
    }

    /// The country that its certificate states.
    pub fn country(&self) -> Option<&str> {
        self.leaf().and_then(|leaf| leaf.country.as_deref())
    }

    /// The key identifiers that `trusted_authorities` of type `aki` may name; none without certificates.
    pub fn authority_key_identifiers(&self) -> &[Vec<u8>] {
        match &self.identity {
            Identity::Certified(chain) => &chain.authority_key_identifiers,
            Identity::Published { .. } => &[],
        }
    }

    /// Checks that `now` is within the validity of the certificates.
    ///
    /// # Errors
    /// As [`ValidatedChain::check_period`].
    fn check_period(&self, now: UnixSeconds) -> Result<(), Reason> {
        match &self.identity {
            Identity::Certified(chain) => chain.check_period(now),
            Identity::Published { .. } => Ok(()),
        }
    }
}

impl TrustAnchors {
    /// A snapshot of these sources.
    pub fn new(sources: Vec<TrustSource>) -> Self {
        let mut text = Vec::new();
        for source in &sources {
            let words = [source.name.as_str(), source.purpose.as_str()];
            let profile = source.profile.extended_key_usage.iter().chain(&source.profile.qc_type);
            let conditions = source.types.iter().chain(&source.countries).chain(profile);
            for word in words.into_iter().chain(conditions.map(String::as_str)) {
                text.extend_from_slice(word.as_bytes());
                text.push(0);
            }
            for origin in &source.status_origins {
                text.extend_from_slice(origin.text().as_bytes());
                text.push(0);
            }
            text.extend_from_slice(source.status_rule.as_str().as_bytes());
            text.extend_from_slice(source.agreement.issuer_word().as_bytes());
            text.push(u8::from(source.agreement.country));
            if let Some(Revocation { lists, depth }) = &source.revocation {
                text.push(match depth {
                    Depth::Leaf => b'e',
                    Depth::WholeChain => b'w',
                });
                text.extend_from_slice(&lists.digest());
            }
            for basis in std::iter::once(&source.basis).chain(&source.status_basis) {
                text.push(b'b');
                text.extend_from_slice(basis.list().map_or(&[][..], |list| &list.digest));
            }
            // What a certificate is for counts as well: the same one as another kind is other trust data.
            let issuing = source.anchors.iter().map(|anchor| (b'i', &anchor.certificate));
            let status = source.status_anchors.iter().map(|anchor| (b's', &anchor.certificate));
            let pinned = source.pinned.iter().map(|certificate| (b'p', certificate));
            let status_pinned = source.status_pinned.iter().map(|certificate| (b't', certificate));
            let outside = source.outside.iter().map(|anchor| (b'o', &anchor.certificate));
            for (kind, certificate) in issuing.chain(status).chain(pinned).chain(status_pinned).chain(outside) {
                text.push(kind);
                text.extend_from_slice(&certificate.fingerprint());
            }
            for issuer in &source.issuer_keys {
                text.push(b'k');
                text.extend_from_slice(issuer.issuer.as_bytes());
                text.push(0);
                text.extend_from_slice(issuer.confirmed.as_ref().map_or(&[][..], |confirmed| confirmed.keys.digest()));
            }
        }
        let names_issuers = sources.iter().any(|source| !source.issuer_keys.is_empty());
        Self { sources, digest: sha256(&text), names_issuers }
    }

    /// SHA-256 over names, purposes, conditions, lists, certificates and keys: which trust data a verdict was made with (case TRU-017).
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

    /// Whether some source may vouch for one of `types` at `now`.
    ///
    /// # Errors
    /// - [`Code::TrustAnchorSetEmpty`]: no anchors never means trust in everybody. It names the types that lack a source.
    /// - [`Code::TrustUnavailable`]: there are sources, but the lists of all of them are missing or too old.
    pub fn check_covered(&self, types: &[String], now: UnixSeconds) -> Result<(), Reason> {
        let mut missing = None;
        for source in self.issuing().filter(|source| source.types.iter().any(|vct| types.contains(vct))) {
            match source.check_usable(now) {
                Ok(()) if source.can_trust() => return Ok(()),
                Ok(()) => {}
                Err(reason) => missing = Some(reason),
            }
        }
        Err(missing.unwrap_or_else(|| {
            Reason::new(Code::TrustAnchorSetEmpty, "no trust source with anchors names a requested type")
        }))
    }

    /// The sources whose issuers give credentials to people.
    fn issuing(&self) -> impl Iterator<Item = &TrustSource> {
        self.sources.iter().filter(|source| source.purpose.issues_credentials())
    }

    /// Checks that every source whose issuers give credentials to people can be used at `now`, those aside whose list is
    /// not there: when it comes, these are other trust data.
    ///
    /// # Errors
    /// As [`TrustSource::check_usable`], of the first that cannot.
    pub(super) fn check_all_usable(&self, now: UnixSeconds) -> Result<(), Reason> {
        let there = |source: &&TrustSource| !matches!(source.basis, Basis::Absent { .. });
        self.issuing().filter(there).try_for_each(|source| source.check_usable(now))
    }

    /// Checks that at least one of the sources by which an issuer was trusted before is usable at `now`.
    ///
    /// # Errors
    /// As [`TrustSource::check_usable`].
    pub(super) fn check_still_usable(&self, issuer: &TrustedIssuer, now: UnixSeconds) -> Result<(), Reason> {
        let mut result = Err(Reason::new(Code::TrustUnavailable, "the trust source is gone"));
        for source in issuer.sources.iter().filter_map(|index| self.sources.get(*index)) {
            result = source.check_usable(now);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Asks all sources that are usable at `now` whether an issuer's chain leads to them, each by itself: what one of them
    /// refuses, another may admit.
    ///
    /// # Errors
    /// As [`crate::domain::x509::chain::validate`]. When no source admits it, the most telling of these is given:
    /// - [`Code::X5cRevoked`] from a source that it reaches.
    /// - [`Code::TrustUnavailable`] when a source cannot be used, because it might have admitted it.
    /// - [`Code::X5cProfileViolation`] from a source that it reaches and whose profile it breaks.
    /// - [`Code::IssuerNotAuthorized`] when a list names its authority for something else.
    pub fn trust_issuer(
        &self,
        certificates: &[Vec<u8>],
        anchor_in_chain: AnchorInChain,
        now: UnixSeconds,
    ) -> Result<TrustedIssuer, Reason> {
        let rules = ChainRules { anchor_in_chain, extended_key_usage: None };
        let received = ReceivedChain::read(certificates);
        let (mut identity, mut sources, mut refused): (Option<ValidatedChain>, Vec<usize>, Vec<(usize, Reason)>) =
            (None, Vec::new(), Vec::new());
        for (index, source) in self.sources.iter().enumerate() {
            if !source.purpose.issues_credentials() || source.check_usable(now).is_err() {
                continue;
            }
            match source.establish(certificates, received.as_ref().ok(), rules, now) {
                Some(Ok(chain)) => {
                    identity = Some(match identity {
                        Some(known) => known.and(chain),
                        None => chain,
                    });
                    sources.push(index);
                }
                Some(Err(reason)) => refused.push((index, reason)),
                None => {}
            }
        }
        match identity {
            Some(chain) => Ok(TrustedIssuer { identity: Identity::Certified(Box::new(chain)), sources, refused }),
            None => Err(self.why_refused(&received?, &refused, rules, now)),
        }
    }

    /// Why a chain that no source admits is refused.
    fn why_refused(
        &self,
        received: &ReceivedChain,
        refused: &[(usize, Reason)],
        rules: ChainRules<'_>,
        now: UnixSeconds,
    ) -> Reason {
        if let Some(revoked) = find_revoked(refused.iter().map(|(_, reason)| reason)) {
            return revoked;
        }
        let usable = self.issuing().filter(|source| source.check_usable(now).is_ok());
        let anchors: Vec<&Anchor> = usable.flat_map(|source| &source.anchors).collect();
        let reason = match received.validate(&anchors, rules, now) {
            Ok(_) => Reason::new(Code::X5cUntrusted, "the chain reaches no trust source"),
            Err(reason) => reason,
        };
        // What is wrong with the chain itself is wrong for every source.
        if !refused.is_empty() || reason.code == Code::X5cUntrusted {
            let waits = || self.issuing().find_map(|source| source.check_certificates_usable(now).err());
            let admission = || refused.first().map(|(_, reason)| reason.clone());
            return waits().or_else(admission).or_else(|| self.why_untrusted(received, rules, now)).unwrap_or(reason);
        }
        reason
    }

    /// Whether a credential with this header is judged by the published keys of its issuer: it has no certificates, and
    /// there are sources that name issuers. With certificates it is judged by them and by nothing else (VC-23).
    pub fn judges_by_published_keys(&self, header: &Header) -> bool {
        self.names_issuers && !header.has("x5c")
    }

    /// The issuer that a credential without certificates states, with the key that it names, if a source names that very
    /// issuer. Nothing is asked for.
    ///
    /// # Errors
    /// - [`Code::X5cMissing`] if no source names the issuer: then only certificates could speak for it (VC-20, VC-29,
    ///   cases SVC-019, SVC-020).
    /// - [`Code::TrustUnavailable`] if its keys are not there or too old.
    /// - [`Code::JwsKeyMismatch`] if no key, or more than one, fits `kid` and algorithm.
    ///
    /// # Source
    /// SD-JWT VC sections 2.5 and 4; VC-20, VC-23, VC-25, VC-29.
    pub fn trust_published(
        &self,
        stated: Option<&Value>,
        header: &Header,
        algorithm: SignatureAlgorithm,
        now: UnixSeconds,
    ) -> Result<TrustedIssuer, Reason> {
        let stated = stated.and_then(Value::as_str);
        let kid = header.members().get("kid").and_then(Value::as_str);
        let mut found: Option<TrustedIssuer> = None;
        let mut refusal = None;
        for (index, source) in self.sources.iter().enumerate() {
            let named = |known: &&IssuerKeys| stated == Some(known.issuer.as_str());
            let issues = source.purpose.issues_credentials();
            let Some(known) = source.issuer_keys.iter().find(named).filter(|_| issues) else { continue };
            let selected = known.usable(now).and_then(|confirmed| {
                let key = confirmed.keys.select(kid, algorithm);
                let key = key.map_err(|fault| Reason::new(Code::JwsKeyMismatch, fault.0))?;
                Ok((confirmed, key))
            });
            match (selected, &mut found) {
                (Err(reason), _) => refusal = refusal.or(Some(reason)),
                (Ok((confirmed, key)), None) => {
                    let identity = Identity::Published {
                        issuer: known.issuer.clone(),
                        key: key.clone(),
                        key_set: *confirmed.keys.digest(),
                        confirmed_at: confirmed.confirmed_at,
                    };
                    found = Some(TrustedIssuer { identity, sources: vec![index], refused: Vec::new() });
                }
                // Two sources may hold different sets; only those that mean the same key speak for it.
                (Ok((_, key)), Some(issuer)) if issuer.key().same_key(key) => issuer.sources.push(index),
                (Ok(_), Some(_)) => {}
            }
        }
        let missing = || Reason::new(Code::X5cMissing, "x5c is not there, and no trust source names the issuer");
        found.ok_or_else(|| refusal.unwrap_or_else(missing))
    }

    /// What can be said of a chain that reaches no anchor, beyond that.
    fn why_untrusted(&self, received: &ReceivedChain, rules: ChainRules<'_>, now: UnixSeconds) -> Option<Reason> {
        let outside: Vec<&Anchor> = self.issuing().flat_map(|source| &source.outside).collect();
        let known = !outside.is_empty() && received.validate(&outside, rules, now).is_ok();
        known.then(|| {
            let detail = "a trust list names the issuer's authority, but for another service, or not as in force";
            Reason::new(Code::IssuerNotAuthorized, detail)
        })
    }

    /// The source through which the issuer may issue all of `types`: the credential's own and, where it answers under
    /// another one, that too.
    ///
    /// # Errors
    /// - [`Code::IssuerNotAuthorized`] (VC-08, X5C-02, X5C-20, cases SVC-005, TRU-013).
    /// - [`Code::X5cRevoked`] and [`Code::X5cProfileViolation`] when a source for these types is reached and refuses the
    ///   chain for that, while others that admit it are for something else.
    /// - [`Code::TrustUnavailable`] when a source for these types cannot be used.
    pub fn authorize(&self, issuer: &TrustedIssuer, types: &[&str], now: UnixSeconds) -> Result<&TrustSource, Reason> {
        let for_all = |source: &TrustSource| types.iter().all(|wanted| source.types.iter().any(|vct| vct == wanted));
        let mut of_type = issuer
            .sources
            .iter()
            .filter_map(|index| self.sources.get(*index))
            .filter(|source| source.check_usable(now).is_ok() && for_all(source))
            .peekable();
        let detail = if of_type.peek().is_some() {
            "no trust source lets an issuer of this country issue this type"
        } else {
            "no trust source lets this issuer issue this type"
        };
        if let Some(source) = of_type.find(|source| source.admits_country(issuer.country())) {
            return Ok(source);
        }
        let refused = || {
            let of_types = |index: usize| self.sources.get(index).is_some_and(for_all);
            issuer.refused.iter().filter(move |(index, _)| of_types(*index)).map(|(_, reason)| reason)
        };
        if let Some(revoked) = find_revoked(refused()) {
            return Err(revoked);
        }
        // A source that cannot be used now might let it: undecided, not refused (TL-18).
        self.issuing().filter(|source| for_all(source)).try_for_each(|source| source.check_usable(now))?;
        Err(refused().next().cloned().unwrap_or_else(|| Reason::new(Code::IssuerNotAuthorized, detail)))
    }

    /// Any source that the issuer reaches, for the report of a credential that is refused for its type.
    pub fn any_source(&self, issuer: &TrustedIssuer) -> Option<&TrustSource> {
        issuer.sources.first().and_then(|index| self.sources.get(*index))
    }
}

/// A revocation among the reasons of several sources: it tells more than all others.
fn find_revoked<'r>(mut reasons: impl Iterator<Item = &'r Reason>) -> Option<Reason> {
    reasons.find(|reason| reason.code == Code::X5cRevoked).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(basis: Basis) -> TrustSource {
        TrustSource { basis, ..TrustSource::new("test", Purpose::EaaProvider, vec!["urn:test:1".to_owned()]) }
    }

    #[test]
    fn no_anchors_is_never_trust() {
        // TRU: trust_anchor_set_empty, also for a source that names the type but has no anchors.
        let trust = TrustAnchors::new(vec![source(Basis::Configured)]);
        let covered = |trust: &TrustAnchors| trust.check_covered(&["urn:test:1".to_owned()], UnixSeconds(0));
        assert_eq!(covered(&trust).unwrap_err().code, Code::TrustAnchorSetEmpty);
        assert_eq!(covered(&TrustAnchors::default()).unwrap_err().code, Code::TrustAnchorSetEmpty);
    }

    #[test]
    fn a_list_that_is_not_there_or_too_old_decides_nothing() {
        // TL-07, TL-18: 503 and not a refusal, because the next refresh may bring it.
        let list = ListEvidence {
            name: "pids".to_owned(),
            sequence: 1,
            digest: [0; 32],
            issued_at: UnixSeconds(0),
            next_update: UnixSeconds(2000),
        };
        let absent = Basis::Absent { list: "pids".to_owned() };
        let listed = Basis::Listed { list, usable_until: UnixSeconds(1000) };
        let check = |basis: &Basis, now: i64| source(basis.clone()).check_usable(UnixSeconds(now));
        assert!(check(&listed, 999).is_ok());
        assert_eq!(check(&listed, 1000).unwrap_err().code, Code::TrustUnavailable);
        assert_eq!(check(&absent, 0).unwrap_err().code, Code::TrustUnavailable);
        let trust = TrustAnchors::new(vec![source(absent)]);
        let types = ["urn:test:1".to_owned()];
        assert_eq!(trust.check_covered(&types, UnixSeconds(0)).unwrap_err().code, Code::TrustUnavailable);
    }
}
