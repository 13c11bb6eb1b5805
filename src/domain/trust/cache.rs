//! Chains that were validated once, by their exact bytes. A hit still checks the time and the trust data.

use super::{TrustAnchors, TrustedIssuer};
use crate::domain::jose::header::Header;
use crate::domain::reason::Reason;
use crate::domain::time::UnixSeconds;
use crate::domain::x509::chain::AnchorInChain;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Issuers by the exact protected header of their credentials, which is the same for all credentials of one key.
///
/// It holds public data and changes no verdict: an entry counts only for the trust data it was made with and while its
/// certificates are valid. Only validated chains enter, so nobody else can fill it. Headers without certificates say nothing
/// of who signed, so they never enter.
#[derive(Debug)]
pub struct ChainCache {
    entries: RwLock<HashMap<Box<str>, Entry>>,
    capacity: usize,
}

#[derive(Debug, Clone)]
struct Entry {
    trust: [u8; 32],
    rule: AnchorInChain,
    header: Arc<Header>,
    issuer: Arc<TrustedIssuer>,
}

impl ChainCache {
    /// A cache of at most `capacity` issuers; 0 switches it off.
    pub fn new(capacity: usize) -> Self {
        Self { entries: RwLock::new(HashMap::new()), capacity }
    }

    /// The protected header, read; from an earlier time, if these very characters were read then.
    ///
    /// # Errors
    /// As [`Header::parse`].
    pub fn header(&self, header_part: &str) -> Result<Arc<Header>, Reason> {
        match self.entry(header_part) {
            Some(entry) => Ok(entry.header),
            None => Header::parse(header_part).map(Arc::new),
        }
    }

    fn entry(&self, header_part: &str) -> Option<Entry> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(header_part).cloned()
    }

    /// The trusted issuer of a credential with this protected header.
    ///
    /// # Errors
    /// As [`Header::x5c`], [`Header::check_thumbprint`] and [`TrustAnchors::trust_issuer`].
    pub fn issuer(
        &self,
        header_part: &str,
        header: &Arc<Header>,
        trust: &TrustAnchors,
        rule: AnchorInChain,
        now: UnixSeconds,
    ) -> Result<Arc<TrustedIssuer>, Reason> {
        let known = self.entry(header_part).filter(|entry| entry.trust == *trust.digest() && entry.rule == rule);
        // What does not hold any more may still hold by another way: then the chain is validated anew.
        if let Some(entry) = known
            && entry.issuer.check_period(now).is_ok()
            && trust.check_still_usable(&entry.issuer, now).is_ok()
        {
            return Ok(entry.issuer);
        }
        let certificates = header.x5c()?;
        header.check_thumbprint(certificates.first().map(Vec::as_slice).unwrap_or_default())?;
        let issuer = Arc::new(trust.trust_issuer(&certificates, rule, now)?);
        // While some source cannot be used, the sources that a chain reaches are not all of them. And what refuses it may
        // end before it does, as a list of revoked certificates.
        if trust.check_all_usable(now).is_err() || !issuer.may_be_kept() {
            return Ok(issuer);
        }
        self.remember(
            header_part,
            Entry { trust: *trust.digest(), rule, header: Arc::clone(header), issuer: Arc::clone(&issuer) },
        );
        Ok(issuer)
    }

    fn remember(&self, header_part: &str, entry: Entry) {
        if self.capacity == 0 {
            return;
        }
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.capacity
            && let Some(victim) = entries.keys().next().cloned()
        {
            entries.remove(&victim);
        }
        entries.insert(header_part.into(), entry);
    }
}

impl Default for ChainCache {
    fn default() -> Self {
        Self::new(1024)
    }
}
