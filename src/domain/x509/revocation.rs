//! Revocation of certificates by lists (CRL) from configured sources.
//!
//! A certificate names addresses for its revocation lists, but whoever presents it wrote them: nothing here follows them
//! (case X5C-026). Lists come from the operator's configuration, and count only if the issuer of the certificate signed
//! them. There is no OCSP: `docs/decisions/0007-revocation-of-certificates.md`.

use super::certificate::Certificate;
use super::chain::ALGORITHMS;
use super::der::{bits, content, elements, three};
use crate::domain::jose::hash::sha256;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateRevocationListDer, SignatureVerificationAlgorithm};
use std::sync::Arc;
use webpki::{CertRevocationList, Error, OwnedCertRevocationList};
use x509_parser::prelude::FromDer as _;
use x509_parser::revocation_list::CertificateRevocationList;

/// Whether the certificates of a chain must be shown not to be revoked.
#[derive(Debug, Clone, Copy)]
pub enum RevocationCheck<'a> {
    /// No list is configured for this source: revocation is not looked at, and nothing is done.
    NotConfigured,
    /// Each certificate down to `depth` must be covered by a list that counts, and not be on it.
    Required {
        /// The lists.
        lists: &'a RevocationLists,
        /// How much of the chain.
        depth: Depth,
    },
}

/// How much of a chain must be shown not to be revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The leaf only, for sources whose intermediates publish no list.
    Leaf,
    /// The leaf and every intermediate. Anchors are withdrawn by removing them.
    WholeChain,
}

/// One list. Its signature is verified each time it is used, with the key of the path; before that, as far as the issuer is
/// known ([`RevocationList::signature_by`]).
#[derive(Debug)]
pub struct RevocationList {
    list: CertRevocationList<'static>,
    /// DER of the issuer's name.
    pub issuer: Vec<u8>,
    /// The issuer's name in the usual text form, for reports and tools.
    pub issuer_text: String,
    /// When it was issued.
    pub this_update: UnixSeconds,
    /// The first second at which it does not count any more.
    pub next_update: UnixSeconds,
    /// How many certificates are on it.
    pub entries: usize,
    /// SHA-256 of the list, as evidence in reports.
    pub digest: [u8; 32],
    /// The bytes, for snapshots of trust data.
    pub der: Vec<u8>,
}

impl RevocationList {
    /// Reads one list from DER.
    ///
    /// # Errors
    /// - [`Code::X5cTooLong`] above [`limits::REVOCATION_LIST_BYTES`].
    /// - [`Code::X5cMalformed`] for anything but one complete X.509 list of version 2 in strict DER with a next update:
    ///   no list of changes only, of some reasons only, or by another issuer than that of the certificates.
    ///
    /// # Source
    /// RFC 5280 section 5; X5C-11, case X5C-024.
    pub fn read(der: &[u8]) -> Result<Self, Reason> {
        let malformed = |detail: &'static str| Reason::new(Code::X5cMalformed, detail);
        if der.len() > limits::REVOCATION_LIST_BYTES {
            return Err(Reason::new(Code::X5cTooLong, "revocation list above the limit"));
        }
        let list = OwnedCertRevocationList::from_der(der).map_err(|error| {
            malformed(match error {
                Error::UnsupportedDeltaCrl => "a revocation list of changes only",
                Error::UnsupportedRevocationReasonsPartitioning => "a revocation list of some reasons only",
                Error::UnsupportedIndirectCrl => "a revocation list for the certificates of others",
                Error::UnsupportedCriticalExtension => "a revocation list with a critical extension that is unknown",
                _ => "not one X.509 revocation list of version 2 in strict DER",
            })
        })?;
        let (rest, parsed) = CertificateRevocationList::from_der(der)
            .map_err(|_| malformed("not one X.509 revocation list of version 2 in strict DER"))?;
        let next_update = parsed.next_update().ok_or_else(|| malformed("a revocation list without a next update"))?;
        let (this_update, next_update) = (parsed.last_update().timestamp(), next_update.timestamp());
        if !rest.is_empty() || next_update <= this_update {
            return Err(malformed("a revocation list that ends before it begins, or bytes after it"));
        }
        Ok(Self {
            issuer: parsed.issuer().as_raw().to_vec(),
            issuer_text: parsed.issuer().to_string(),
            this_update: UnixSeconds(this_update),
            next_update: UnixSeconds(next_update),
            entries: parsed.iter_revoked_certificates().count(),
            digest: sha256(der),
            der: der.to_vec(),
            list: list.into(),
        })
    }

    /// Reads one list from the contents of a file, DER or PEM.
    ///
    /// # Errors
    /// As [`RevocationList::read`].
    pub fn from_file(bytes: &[u8]) -> Result<Self, Reason> {
        match CertificateRevocationListDer::from_pem_slice(bytes) {
            Ok(der) => Self::read(&der),
            Err(_) => Self::read(bytes),
        }
    }

    /// Whether it is in force: issued, and its successor not yet due.
    pub fn counts_at(&self, now: UnixSeconds) -> bool {
        self.this_update <= now && now < self.next_update
    }

    /// Whether the holder of one of these certificates signed it. It says nothing where none of them is its issuer's: lists
    /// are verified once more, with the key of the path, each time they are used.
    pub fn signature_by(&self, authorities: &[&Certificate]) -> ListSignature {
        let mut named = authorities.iter().filter(|authority| authority.subject == self.issuer).peekable();
        if named.peek().is_none() {
            return ListSignature::UnknownIssuer;
        }
        if named.any(|authority| is_signed_by(&self.der, &authority.spki).is_some()) {
            ListSignature::Good
        } else {
            ListSignature::Bad
        }
    }

    fn supersedes(&self, older: &Self) -> bool {
        self.issuer == older.issuer && self.list.issuing_distribution_point() == older.list.issuing_distribution_point()
    }
}

/// What is known of the signature of a list before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListSignature {
    /// It is that of the issuer.
    Good,
    /// Authorities of the issuer's name are known, and none of them signed it.
    Bad,
    /// Nobody of the issuer's name is known: it may be a CA between an anchor and those whom it certifies.
    UnknownIssuer,
}

/// `Some` if the holder of the key signed the list (RFC 5280 section 5.1.1).
fn is_signed_by(list: &[u8], spki: &[u8]) -> Option<()> {
    let [signed, algorithm, signature] = three(list)?;
    let (key_algorithm, key) = match elements(content(spki)?)?.as_slice() {
        [algorithm, key] => (content(algorithm)?, bits(key)?),
        _ => return None,
    };
    let (algorithm, signature) = (content(algorithm)?, bits(signature)?);
    let fits = |known: &&&dyn SignatureVerificationAlgorithm| {
        known.signature_alg_id().as_ref() == algorithm && known.public_key_alg_id().as_ref() == key_algorithm
    };
    let known = ALGORITHMS.iter().find(fits)?;
    known.verify_signature(key, signed, signature).ok()
}

/// The lists of a trust source, the newest first.
#[derive(Debug, Default)]
pub struct RevocationLists(Vec<Arc<RevocationList>>);

impl RevocationLists {
    /// These lists. Of several by one issuer for one distribution point only the newest is kept, even when it ends first:
    /// an older one must not take back a revocation.
    ///
    /// # Errors
    /// [`Code::X5cTooLong`] for more than [`limits::REVOCATION_LISTS`].
    pub fn new(lists: Vec<impl Into<Arc<RevocationList>>>) -> Result<Self, Reason> {
        if lists.len() > limits::REVOCATION_LISTS {
            return Err(Reason::new(Code::X5cTooLong, "more revocation lists than the limit"));
        }
        let mut lists: Vec<Arc<RevocationList>> = lists.into_iter().map(Into::into).collect();
        lists.sort_by_key(|list| std::cmp::Reverse(list.this_update));
        let mut kept: Vec<Arc<RevocationList>> = Vec::new();
        for list in lists {
            if !kept.iter().any(|newer| newer.supersedes(&list)) {
                kept.push(list);
            }
        }
        Ok(Self(kept))
    }

    /// The lists, the newest first.
    pub fn lists(&self) -> &[Arc<RevocationList>] {
        &self.0
    }

    /// SHA-256 over the digests: which lists a verdict was made with. Part of the trust data of a source, so that what
    /// was judged by other lists is judged again.
    pub fn digest(&self) -> [u8; 32] {
        sha256(&self.0.iter().flat_map(|list| list.digest).collect::<Vec<u8>>())
    }

    /// Those in force, for `webpki`.
    pub(super) fn in_force(&self, now: UnixSeconds) -> Vec<&CertRevocationList<'static>> {
        self.0.iter().filter(|list| list.counts_at(now)).map(|list| &list.list).collect()
    }

    /// The last second at which every list in force by an issuer of these certificates still counts.
    pub(super) fn count_until(&self, path: &[&Certificate], now: UnixSeconds) -> Option<UnixSeconds> {
        self.0
            .iter()
            .filter(|list| list.counts_at(now) && path.iter().any(|certificate| certificate.issuer == list.issuer))
            .map(|list| list.next_update.minus(1))
            .min()
    }
}

/// Why a chain is refused for its revocation: on a list, or not to be shown that it is on none.
pub(super) fn explain(error: &Error) -> Option<Reason> {
    let detail = match error {
        Error::CertRevoked => "a certificate of the chain is revoked",
        Error::UnknownRevocationStatus => "no revocation list in force covers a certificate of the chain",
        Error::CrlExpired { .. } => "the revocation list for a certificate of the chain is too old",
        Error::IssuerNotCrlSigner => "the issuer of the revocation list may not sign lists",
        Error::InvalidCrlSignatureForPublicKey
        | Error::UnsupportedCrlSignatureAlgorithmContext(_)
        | Error::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_) => {
            "the revocation list is not signed by the issuer of the certificate"
        }
        Error::InvalidSerialNumber | Error::UnsupportedRevocationReason => "the revocation list cannot be read",
        _ => return None,
    };
    Some(Reason::new(Code::X5cRevoked, detail))
}
