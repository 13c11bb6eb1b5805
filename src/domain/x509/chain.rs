//! From the certificates of `x5c` to a trust anchor.
//!
//! Rules kept here: VC-21, X5C-08.

use super::certificate::{ANY_EXTENDED_KEY_USAGE, CLIENT_AUTH, Certificate, SERVER_AUTH};
use super::qc_statements::{OverSigned, Unmarked};
use super::revocation::{self, Depth, RevocationCheck};
use crate::domain::jose::jwk::PublicKey;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use std::time::Duration;
use webpki::aws_lc_rs as algorithms;
use webpki::{
    EndEntityCert, Error, ExpirationPolicy, ExtendedKeyUsageValidator, KeyPurposeIdIter, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy,
};

/// A certificate from the trust configuration. Trust is by its subject name and key (X5C-029).
#[derive(Debug, Clone)]
pub struct Anchor {
    /// The certificate that was configured.
    pub certificate: Certificate,
    prepared: TrustAnchor<'static>,
}

impl Anchor {
    /// Makes an anchor from a CA certificate.
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] for a certificate that is no CA (TRU-014), may not sign certificates, or is weak.
    pub fn new(certificate: Certificate) -> Result<Self, Reason> {
        if !certificate.is_ca {
            return Err(Reason::new(Code::ConfigRefused, "not a CA certificate, so not a trust anchor"));
        }
        if certificate.key_usage.is_some_and(|usage| !usage.signs_certificates) {
            return Err(Reason::new(Code::ConfigRefused, "a CA that may not sign certificates is no trust anchor"));
        }
        certificate.check_strength().map_err(|reason| reason.recode(Code::ConfigRefused))?;
        Self::prepare(certificate)
    }

    /// Makes an anchor without the rules for configured ones, for chains that come from vectors of others.
    ///
    /// # Errors
    /// [`Code::X5cMalformed`] if the certificate has no usable name or key.
    pub fn prepare(certificate: Certificate) -> Result<Self, Reason> {
        let prepared = webpki::anchor_from_trusted_cert(certificate.for_path().0)
            .map_err(|_| Reason::new(Code::X5cMalformed, "the anchor cannot be read"))?
            .to_owned();
        Ok(Self { certificate, prepared })
    }

    fn is_same(&self, found: &TrustAnchor<'_>) -> bool {
        self.prepared.subject == found.subject && self.prepared.subject_public_key_info == found.subject_public_key_info
    }

    fn check_period(&self, now: UnixSeconds) -> Result<(), Reason> {
        if now < self.certificate.not_before || now > self.certificate.not_after {
            return Err(Reason::new(Code::X5cExpired, "the trust anchor is outside its validity"));
        }
        Ok(())
    }
}

/// The rules of a profile for a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChainRules<'a> {
    /// Whether an anchor may be among the received certificates. HAIP forbids it; it never gives trust.
    pub anchor_in_chain: AnchorInChain,
    /// An extended key usage that the leaf must have, in dotted form.
    pub extended_key_usage: Option<&'a str>,
}

/// What to do with an anchor among the received certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchorInChain {
    /// Refuse (HAIP section 6.1.1).
    Refuse,
    /// Leave it out of the path.
    Ignore,
}

/// A chain that leads to an anchor, and what later checks and reports need of it.
#[derive(Debug, Clone)]
pub struct ValidatedChain {
    /// The leaf.
    pub leaf: Certificate,
    /// The leaf's key.
    pub key: PublicKey,
    /// Indexes of the anchors it leads to: the same name and key may be configured for several purposes.
    pub anchors: Vec<usize>,
    /// The key identifiers that `trusted_authorities` of type `aki` may name.
    pub authority_key_identifiers: Vec<Vec<u8>>,
    /// First second at which the whole chain is valid.
    pub valid_from: UnixSeconds,
    /// Last second at which the whole chain is valid.
    pub valid_until: UnixSeconds,
    /// The certificates between the leaf and the anchor, the leaf's issuer first.
    intermediates: Vec<Certificate>,
}

impl ValidatedChain {
    /// Whether the chain is within the validity of all its certificates and its anchor.
    ///
    /// # Errors
    /// [`Code::X5cExpired`], to the second (X5C-015).
    pub fn check_period(&self, now: UnixSeconds) -> Result<(), Reason> {
        if now < self.valid_from || now > self.valid_until {
            return Err(Reason::new(Code::X5cExpired, "a certificate is outside its validity"));
        }
        Ok(())
    }

    /// The same chain, as another source reached it as well: valid no longer than both, known by the key identifiers of
    /// both. The path is that of the longer one; a leaf that is trusted as it is has none.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let (mut one, other) =
            if self.intermediates.len() < other.intermediates.len() { (other, self) } else { (self, other) };
        one.valid_from = one.valid_from.max(other.valid_from);
        one.valid_until = one.valid_until.min(other.valid_until);
        for identifier in other.authority_key_identifiers {
            if !one.authority_key_identifiers.contains(&identifier) {
                one.authority_key_identifiers.push(identifier);
            }
        }
        one
    }

    /// Checks that no certificate of the chain is revoked. `anchors` are those that it was validated against. The chain
    /// that comes back is valid no longer than the lists count, so one that is kept is looked at again in time.
    ///
    /// What is not known is a refusal: no list by the issuer, only lists that are too old, not yet issued, for another
    /// distribution point or another kind of certificates, or not signed by the issuer. A leaf that is trusted without
    /// a path has no issuer here, so nothing can be shown for it.
    ///
    /// # Errors
    /// [`Code::X5cRevoked`].
    ///
    /// # Source
    /// RFC 5280 sections 5 and 6.3; X5C-11, case X5C-025.
    pub fn check_revocation(
        mut self,
        anchors: &[&Anchor],
        check: RevocationCheck<'_>,
        now: UnixSeconds,
    ) -> Result<Self, Reason> {
        let RevocationCheck::Required { lists, depth } = check else { return Ok(self) };
        let revoked = |detail: &'static str| Reason::new(Code::X5cRevoked, detail);
        let reached: Vec<TrustAnchor<'_>> =
            self.anchors.iter().filter_map(|index| anchors.get(*index)).map(|anchor| anchor.prepared.clone()).collect();
        if reached.is_empty() {
            return Err(revoked("a certificate that is trusted as it is has no issuer whose list could count"));
        }
        let in_force = lists.in_force(now);
        let options = RevocationOptionsBuilder::new(&in_force)
            .map_err(|_| revoked("no revocation list is in force"))?
            .with_depth(match depth {
                Depth::Leaf => RevocationCheckDepth::EndEntity,
                Depth::WholeChain => RevocationCheckDepth::Chain,
            })
            .with_status_policy(UnknownStatusPolicy::Deny)
            .with_expiration_policy(ExpirationPolicy::Enforce)
            .build();
        let between = ders(&self.intermediates);
        let time = unix_time(now)?;
        let all = || std::iter::once(&self.leaf).chain(&self.intermediates);
        EndEntityCert::try_from(self.leaf.for_path().0)
            .and_then(|leaf| {
                with_algorithms(all(), |algorithms| {
                    leaf.verify_for_usage(algorithms, &reached, &between, time, AnyUsage, Some(options), None)
                })
                .map(|_| ())
            })
            .map_err(|error| revocation::explain(&error).unwrap_or_else(|| explain(&error)))?;
        let path: Vec<&Certificate> = match depth {
            Depth::Leaf => vec![&self.leaf],
            Depth::WholeChain => std::iter::once(&self.leaf).chain(&self.intermediates).collect(),
        };
        if let Some(until) = lists.count_until(&path, now) {
            self.valid_until = self.valid_until.min(until);
        }
        Ok(self)
    }
}

/// Validates a chain, leaf first, against `anchors` at `now`.
///
/// # Errors
/// As [`ReceivedChain::read`] and [`ReceivedChain::validate`].
pub fn validate(
    chain: &[Vec<u8>],
    anchors: &[&Anchor],
    rules: ChainRules<'_>,
    now: UnixSeconds,
) -> Result<ValidatedChain, Reason> {
    ReceivedChain::read(chain)?.validate(anchors, rules, now)
}

/// The certificates of a chain as received, leaf first, each read but none verified.
#[derive(Debug, Clone)]
pub struct ReceivedChain(Vec<Certificate>);

impl ReceivedChain {
    /// Reads the certificates.
    ///
    /// # Errors
    /// [`Code::X5cTooLong`] above [`limits::CERTIFICATES`], and as [`Certificate::read`].
    pub fn read(chain: &[Vec<u8>]) -> Result<Self, Reason> {
        if chain.len() > limits::CERTIFICATES {
            return Err(Reason::new(Code::X5cTooLong, "more certificates than the limit"));
        }
        chain.iter().map(|der| Certificate::read(der)).collect::<Result<Vec<_>, _>>().map(Self)
    }

    /// Whether some certificate names this anchor as its issuer: without that, no path leads to it.
    pub fn names(&self, anchor: &Anchor) -> bool {
        self.0.iter().any(|certificate| certificate.issuer == anchor.certificate.subject)
    }

    /// Validates the chain against `anchors` at `now`.
    ///
    /// # Errors
    /// - [`Code::X5cMissing`] if it is empty.
    /// - [`Code::X5cProfileViolation`] for an anchor in the chain, weak algorithms, a CA as leaf, a leaf that may not sign
    ///   or is for TLS only.
    /// - [`Code::X5cChainInvalid`] for certificates out of order or unrelated, and broken rules of RFC 5280 section 6.1.
    /// - [`Code::X5cExpired`] for any certificate of the path, the anchor included.
    /// - [`Code::X5cUntrusted`] when no anchor is reached.
    ///
    /// # Source
    /// RFC 5280 section 6.1, HAIP section 6.1.1; X5C-01 to X5C-09, X5C-19, X5C-21.
    pub fn validate(
        &self,
        anchors: &[&Anchor],
        rules: ChainRules<'_>,
        now: UnixSeconds,
    ) -> Result<ValidatedChain, Reason> {
        let mut certificates = self.0.as_slice();
        let is_anchor =
            |certificate: &Certificate| anchors.iter().any(|anchor| anchor.certificate.der == certificate.der);
        match (rules.anchor_in_chain, certificates) {
            (AnchorInChain::Refuse, _) if certificates.iter().any(is_anchor) => {
                return Err(Reason::new(Code::X5cProfileViolation, "x5c includes the trust anchor"));
            }
            (AnchorInChain::Ignore, [below @ .., last]) if !below.is_empty() && is_anchor(last) => certificates = below,
            _ => {}
        }
        let (leaf, intermediates) =
            certificates.split_first().ok_or_else(|| Reason::new(Code::X5cMissing, "x5c is empty"))?;
        check_order(certificates)?;
        certificates.iter().try_for_each(Certificate::check_strength)?;
        check_leaf(leaf, rules)?;
        check_issuers(intermediates)?;
        let reached = build_path(leaf, intermediates, anchors, now)?;
        let used: Vec<&Certificate> = certificates.iter().collect();
        let validated = summarise(leaf, &used, anchors, reached, leaf.public_key()?);
        Ok(ValidatedChain { intermediates: intermediates.to_vec(), ..validated })
    }
}

/// Trusts a leaf that is configured itself, byte for byte, without a path (X5C-10).
///
/// # Errors
/// [`Code::X5cUntrusted`] if it is another certificate, [`Code::X5cExpired`] outside its validity, and the rules for
/// leaves.
pub fn validate_pinned(chain: &[Vec<u8>], pinned: &[Certificate], now: UnixSeconds) -> Result<ValidatedChain, Reason> {
    let leaf = chain.first().ok_or_else(|| Reason::new(Code::X5cMissing, "x5c is empty"))?;
    let leaf = pinned
        .iter()
        .find(|certificate| certificate.der.as_ref() == leaf.as_slice())
        .ok_or_else(|| Reason::new(Code::X5cUntrusted, "the leaf is not a pinned certificate"))?;
    leaf.check_strength()?;
    let validated = summarise(leaf, &[leaf], &[], Vec::new(), leaf.public_key()?);
    validated.check_period(now)?;
    Ok(validated)
}

fn summarise(
    leaf: &Certificate,
    path: &[&Certificate],
    anchors: &[&Anchor],
    reached: Vec<usize>,
    key: PublicKey,
) -> ValidatedChain {
    let roots = || reached.iter().filter_map(|index| anchors.get(*index)).map(|anchor| &anchor.certificate);
    let periods = || path.iter().copied().chain(roots());
    ValidatedChain {
        leaf: leaf.clone(),
        key,
        authority_key_identifiers: path
            .iter()
            .filter_map(|certificate| certificate.authority_key_identifier.clone())
            .chain(roots().filter_map(|certificate| certificate.subject_key_identifier.clone()))
            .collect(),
        valid_from: periods().map(|certificate| certificate.not_before).max().unwrap_or(UnixSeconds(i64::MAX)),
        valid_until: periods().map(|certificate| certificate.not_after).min().unwrap_or(UnixSeconds(i64::MIN)),
        anchors: reached,
        intermediates: Vec::new(),
    }
}

/// Each certificate certifies the one before it; nothing unrelated, nothing twice (X5C-03, case X5C-006).
fn check_order(certificates: &[Certificate]) -> Result<(), Reason> {
    for pair in certificates.windows(2) {
        if let [lower, upper] = pair
            && (lower.issuer != upper.subject || lower.der == upper.der)
        {
            return Err(Reason::new(Code::X5cChainInvalid, "certificates are out of order, unrelated or repeated"));
        }
    }
    // A CA that occurs again with the same key leads nowhere new, but k such certificates give k! paths to try.
    let repeats = certificates.iter().enumerate().any(|(place, certificate)| {
        certificates
            .iter()
            .take(place)
            .any(|earlier| earlier.subject == certificate.subject && earlier.spki == certificate.spki)
    });
    if repeats {
        return Err(Reason::new(Code::X5cChainInvalid, "a name occurs twice with the same key"));
    }
    Ok(())
}

fn check_leaf(leaf: &Certificate, rules: ChainRules<'_>) -> Result<(), Reason> {
    let violation = |detail: &'static str| Err(Reason::new(Code::X5cProfileViolation, detail));
    if leaf.is_ca {
        return violation("the leaf is a CA certificate");
    }
    if leaf.key_usage.is_some_and(|usage| !usage.signs_data) {
        return violation("the leaf's key usage does not allow signatures");
    }
    // RFC 5280 section 4.2.1.9: only a CA may have this bit.
    if leaf.key_usage.is_some_and(|usage| usage.signs_certificates) {
        return violation("the leaf's key usage allows to sign certificates");
    }
    let usages = &leaf.extended_key_usage;
    match rules.extended_key_usage {
        Some(wanted) if !usages.iter().any(|usage| usage == wanted) => {
            violation("the leaf lacks the extended key usage of the profile")
        }
        Some(_) if usages.iter().any(|usage| usage == ANY_EXTENDED_KEY_USAGE) => {
            violation("the leaf is for any purpose, the profile names one")
        }
        None if !usages.is_empty() && usages.iter().all(|usage| usage == SERVER_AUTH || usage == CLIENT_AUTH) => {
            violation("the leaf is for TLS only")
        }
        _ => Ok(()),
    }
}

/// `webpki` checks the CA bit and path lengths, but not whether a CA may sign certificates (X5C-05, case X5C-008).
fn check_issuers(intermediates: &[Certificate]) -> Result<(), Reason> {
    let may_issue = |certificate: &Certificate| {
        certificate.is_ca && certificate.key_usage.is_some_and(|usage| usage.signs_certificates)
    };
    if intermediates.iter().all(may_issue) {
        Ok(())
    } else {
        Err(Reason::new(Code::X5cChainInvalid, "an intermediate may not issue certificates"))
    }
}

/// Lets `webpki` build and validate the path; returns the indexes of the anchors with the name and key it reached.
fn build_path(
    leaf: &Certificate,
    intermediates: &[Certificate],
    anchors: &[&Anchor],
    now: UnixSeconds,
) -> Result<Vec<usize>, Reason> {
    // A list may bring thousands of anchors; only those that some certificate here names as its issuer can be reached.
    let named = |anchor: &&&Anchor| {
        std::iter::once(leaf).chain(intermediates).any(|certificate| certificate.issuer == anchor.certificate.subject)
    };
    let prepared: Vec<TrustAnchor<'_>> = anchors.iter().filter(named).map(|anchor| anchor.prepared.clone()).collect();
    let between = ders(intermediates);
    let end_entity = EndEntityCert::try_from(leaf.for_path().0).map_err(|error| explain(&error))?;
    let (all, time) = (|| std::iter::once(leaf).chain(intermediates), unix_time(now)?);
    let path = match with_algorithms(all(), |algorithms| {
        end_entity.verify_for_usage(algorithms, &prepared, &between, time, AnyUsage, None, None)
    }) {
        Ok(path) => path,
        Err(Error::UnknownIssuer | Error::InvalidSignatureForPublicKey) => {
            // The chain itself may be sound and merely end nowhere; only then is trust what is missing.
            return Err(with_algorithms(all(), |algorithms| check_links(algorithms, &end_entity, &between, now))
                .err()
                .unwrap_or_else(|| Reason::new(Code::X5cUntrusted, "the chain reaches no trust anchor")));
        }
        Err(error) => return Err(explain(&error)),
    };
    if path.intermediate_certificates().count() != between.len() {
        return Err(Reason::new(Code::X5cChainInvalid, "certificates that are not part of the path"));
    }
    let reached: Vec<usize> = anchors
        .iter()
        .enumerate()
        .filter_map(|(index, anchor)| anchor.is_same(path.anchor()).then_some(index))
        .collect();
    let valid: Vec<usize> = reached
        .iter()
        .copied()
        .filter(|index| anchors.get(*index).is_some_and(|anchor| anchor.check_period(now).is_ok()))
        .collect();
    if valid.is_empty() {
        return Err(Reason::new(Code::X5cExpired, "the trust anchor is outside its validity"));
    }
    Ok(valid)
}

/// Checks the signatures between the received certificates, with the last one in the place of the anchor.
fn check_links(
    algorithms: &[&dyn SignatureVerificationAlgorithm],
    leaf: &EndEntityCert<'_>,
    intermediates: &[CertificateDer<'_>],
    now: UnixSeconds,
) -> Result<(), Reason> {
    let Some((top, between)) = intermediates.split_last() else { return Ok(()) };
    let top = [webpki::anchor_from_trusted_cert(top).map_err(|error| explain(&error))?];
    match leaf.verify_for_usage(algorithms, &top, between, unix_time(now)?, AnyUsage, None, None) {
        Ok(_) => Ok(()),
        Err(Error::UnknownIssuer | Error::InvalidSignatureForPublicKey) => {
            Err(Reason::new(Code::X5cChainInvalid, "a certificate is not signed by the next one"))
        }
        Err(error) => Err(explain(&error)),
    }
}

fn ders(certificates: &[Certificate]) -> Vec<CertificateDer<'_>> {
    certificates.iter().map(|certificate| CertificateDer::from(certificate.for_path().0.as_ref())).collect()
}

/// Does what needs the algorithms by which certificates are signed, these among them.
fn with_algorithms<'c, T>(
    certificates: impl Iterator<Item = &'c Certificate>,
    work: impl FnOnce(&[&dyn SignatureVerificationAlgorithm]) -> T,
) -> T {
    let unmarked: Vec<&Unmarked> = certificates.filter_map(|certificate| certificate.for_path().1).collect();
    if unmarked.is_empty() {
        return work(ALGORITHMS);
    }
    let over_signed = |algorithm: &&'static dyn SignatureVerificationAlgorithm| OverSigned {
        algorithm: *algorithm,
        unmarked: &unmarked,
    };
    let algorithms: Vec<OverSigned<'_>> = ALGORITHMS.iter().map(over_signed).collect();
    let algorithms: Vec<&dyn SignatureVerificationAlgorithm> =
        algorithms.iter().map(|algorithm| algorithm as &dyn SignatureVerificationAlgorithm).collect();
    work(&algorithms)
}

fn unix_time(now: UnixSeconds) -> Result<UnixTime, Reason> {
    let seconds = u64::try_from(now.0).map_err(|_| Reason::new(Code::X5cExpired, "a time before 1970"))?;
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}

fn explain(error: &Error) -> Reason {
    match error {
        Error::CertExpired { .. } => Reason::new(Code::X5cExpired, "a certificate has expired"),
        Error::CertNotValidYet { .. } => Reason::new(Code::X5cExpired, "a certificate is not valid yet"),
        Error::InvalidCertValidity => Reason::new(Code::X5cMalformed, "a certificate ends before it begins"),
        Error::CaUsedAsEndEntity => Reason::new(Code::X5cProfileViolation, "the leaf is a CA certificate"),
        Error::BadDer
        | Error::BadDerTime
        | Error::TrailingData(_)
        | Error::MalformedExtensions
        | Error::InvalidSerialNumber
        | Error::UnsupportedCertVersion => {
            Reason::new(Code::X5cMalformed, "not one X.509 version 3 certificate in strict DER")
        }
        Error::UnsupportedSignatureAlgorithmContext(_) | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            Reason::new(Code::X5cProfileViolation, "the certificate is signed with an algorithm that is not accepted")
        }
        Error::PathLenConstraintViolated => Reason::new(Code::X5cChainInvalid, "the path is longer than a CA allows"),
        Error::NameConstraintViolation => {
            Reason::new(Code::X5cChainInvalid, "a name is outside the constraints of a CA")
        }
        Error::EndEntityUsedAsCa => Reason::new(Code::X5cChainInvalid, "an intermediate is no CA"),
        Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => {
            Reason::new(Code::X5cChainInvalid, "the chain takes too much work to check")
        }
        _ => Reason::new(Code::X5cChainInvalid, "the rules for certification paths are broken"),
    }
}

/// Extended key usage is a rule of our profile, see [`check_leaf`].
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        Ok(())
    }
}

/// What may sign certificates. Nothing below SHA-256; RSA sizes are a rule of [`Certificate::check_strength`].
pub(super) const ALGORITHMS: &[&'static dyn SignatureVerificationAlgorithm] = &[
    algorithms::ECDSA_P256_SHA256,
    algorithms::ECDSA_P256_SHA384,
    algorithms::ECDSA_P256_SHA512,
    algorithms::ECDSA_P384_SHA256,
    algorithms::ECDSA_P384_SHA384,
    algorithms::ECDSA_P384_SHA512,
    algorithms::ECDSA_P521_SHA256,
    algorithms::ECDSA_P521_SHA384,
    algorithms::ECDSA_P521_SHA512,
    algorithms::ED25519,
    algorithms::RSA_PKCS1_2048_8192_SHA256,
    algorithms::RSA_PKCS1_2048_8192_SHA384,
    algorithms::RSA_PKCS1_2048_8192_SHA512,
    algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
    algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
];
