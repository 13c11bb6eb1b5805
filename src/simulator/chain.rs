//! The wallet's own look at certificates: does this chain lead to the one anchor of the test authority?

use crate::domain::jose::jwk::PublicKey;
use crate::domain::time::UnixSeconds;
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

/// Why a chain is not good for the wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// A certificate cannot be read.
    #[error("a certificate cannot be read")]
    Unreadable,
    /// There is no certificate.
    #[error("there is no certificate")]
    Empty,
    /// The anchor, or another certificate that signed itself, is part of the chain.
    #[error("a self-signed certificate is part of the chain")]
    SelfSigned,
    /// A certificate is outside its validity.
    #[error("a certificate is outside its validity")]
    Expired,
    /// A name or a signature does not lead to the next certificate.
    #[error("the certificates do not lead to the anchor")]
    Broken,
    /// An issuer is no CA, or the leaf is one or may not sign.
    #[error("a certificate is used for what it is not for")]
    Usage,
}

/// Checks that `chain` (DER, leaf first, without anchor) leads to `anchor`, and gives the key of the leaf.
///
/// # Errors
/// See [`ChainFault`].
pub fn leaf_key(chain: &[Vec<u8>], anchor: &[u8], now: UnixSeconds) -> Result<PublicKey, ChainFault> {
    let read = |der: &'_ [u8]| -> Result<(), ChainFault> {
        X509Certificate::from_der(der).map(|_| ()).map_err(|_| ChainFault::Unreadable)
    };
    chain.iter().try_for_each(|der| read(der))?;
    let certificates: Vec<X509Certificate<'_>> =
        chain.iter().filter_map(|der| X509Certificate::from_der(der).ok()).map(|(_, read)| read).collect();
    let (_, anchor) = X509Certificate::from_der(anchor).map_err(|_| ChainFault::Unreadable)?;
    let moment = ASN1Time::from_timestamp(now.0).map_err(|_| ChainFault::Expired)?;
    let leaf = certificates.first().ok_or(ChainFault::Empty)?;
    if certificates.iter().any(|certificate| certificate.subject() == certificate.issuer()) {
        return Err(ChainFault::SelfSigned);
    }
    if certificates.iter().chain([&anchor]).any(|certificate| !certificate.validity().is_valid_at(moment)) {
        return Err(ChainFault::Expired);
    }
    let issuers = certificates.iter().skip(1).chain([&anchor]);
    for (certificate, issuer) in certificates.iter().zip(issuers) {
        if !is_authority(issuer) {
            return Err(ChainFault::Usage);
        }
        if certificate.issuer() != issuer.subject() || !is_signed_by(certificate, issuer) {
            return Err(ChainFault::Broken);
        }
    }
    let may_sign = leaf.key_usage().ok().flatten().is_some_and(|usage| usage.value.digital_signature());
    if leaf.is_ca() || !may_sign {
        return Err(ChainFault::Usage);
    }
    PublicKey::from_spki(leaf.public_key().raw).map_err(|_| ChainFault::Unreadable)
}

fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let may_sign = certificate.key_usage().ok().flatten().is_some_and(|usage| usage.value.key_cert_sign());
    certificate.is_ca() && may_sign
}

/// ECDSA with SHA-256 on P-256 only: the authority makes no other certificates.
pub(super) fn is_signed_by(certificate: &X509Certificate<'_>, issuer: &X509Certificate<'_>) -> bool {
    let Ok(key) = PublicKey::from_spki(issuer.public_key().raw) else { return false };
    let Some(signature) = fixed_signature(&certificate.signature_value.data) else { return false };
    key.verify(certificate.tbs_certificate.as_ref(), &signature)
}

/// R and S from `SEQUENCE { INTEGER, INTEGER }`, each in 32 bytes.
fn fixed_signature(der: &[u8]) -> Option<Vec<u8>> {
    let (0x30, rest) = (*der.first()?, der.get(2..)?) else { return None };
    let (r, rest) = integer(rest)?;
    let (s, rest) = integer(rest)?;
    rest.is_empty().then(|| [r, s].concat())
}

fn integer(der: &[u8]) -> Option<([u8; 32], &[u8])> {
    let (2, length) = (*der.first()?, usize::from(*der.get(1)?)) else { return None };
    let body = der.get(2..)?;
    let (bytes, rest) = body.split_at_checked(length)?;
    let bytes = if bytes.len() > 32 { bytes.strip_prefix(&[0])? } else { bytes };
    let mut fixed = [0; 32];
    fixed.get_mut(32_usize.checked_sub(bytes.len())?..)?.copy_from_slice(bytes);
    Some((fixed, rest))
}

#[cfg(test)]
mod tests {
    use super::super::authority::{IssuerName, TestAuthority};
    use super::super::bad_chains::BadChain;
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

    fn check(bad: BadChain) -> Option<ChainFault> {
        let authority = TestAuthority::from_seed([7; 32], NOW).unwrap();
        let chain = authority.bad_chain(bad).unwrap().chain;
        leaf_key(&chain, authority.issuer_root(IssuerName::PidGermany), NOW).err()
    }

    #[test]
    fn good_chains_lead_to_their_own_anchor_only() {
        let authority = TestAuthority::from_seed([7; 32], NOW).unwrap();
        for name in IssuerName::ALL {
            let chain = authority.issuer(name).chain;
            assert!(leaf_key(&chain, authority.issuer_root(name), NOW).is_ok());
            assert_eq!(leaf_key(&chain, authority.status_root(name), NOW).err(), Some(ChainFault::Broken));
        }
        let other = TestAuthority::from_seed([8; 32], NOW).unwrap();
        let fault = leaf_key(&authority.access().chain, other.access_root(), NOW).err();
        assert_eq!(fault, Some(ChainFault::Broken), "same names, other keys");
        assert_eq!(leaf_key(&[], authority.access_root(), NOW).err(), Some(ChainFault::Empty));
        assert_eq!(leaf_key(&[vec![0]], authority.access_root(), NOW).err(), Some(ChainFault::Unreadable));
        let late = NOW.plus(400 * 86_400);
        assert_eq!(leaf_key(&authority.access().chain, authority.access_root(), late).err(), Some(ChainFault::Expired));
    }

    #[test]
    fn bad_chains_are_bad_in_the_way_they_say() {
        for (bad, fault) in [
            (BadChain::ExpiredLeaf, Some(ChainFault::Expired)),
            (BadChain::NotYetValidLeaf, Some(ChainFault::Expired)),
            (BadChain::ExpiredIntermediate, Some(ChainFault::Expired)),
            (BadChain::LeafIsAuthority, Some(ChainFault::Usage)),
            (BadChain::IntermediateIsNoAuthority, Some(ChainFault::Usage)),
            (BadChain::IntermediateMayNotSign, Some(ChainFault::Usage)),
            (BadChain::LeafForEncipherment, Some(ChainFault::Usage)),
            (BadChain::SelfSignedLeaf, Some(ChainFault::SelfSigned)),
            (BadChain::OwnRootIncluded, Some(ChainFault::SelfSigned)),
            (BadChain::AnchorIncluded, Some(ChainFault::SelfSigned)),
            (BadChain::UnknownRoot, Some(ChainFault::Broken)),
            (BadChain::SameNamesOtherKeys, Some(ChainFault::Broken)),
            (BadChain::Shuffled, Some(ChainFault::Broken)),
            (BadChain::UnrelatedInserted, Some(ChainFault::Broken)),
            (BadChain::Duplicate, Some(ChainFault::Broken)),
            (BadChain::IntermediateMissing, Some(ChainFault::Broken)),
            (BadChain::AccessCertificate, Some(ChainFault::Broken)),
            // What the wallet's small check does not look at is looked at below.
            (BadChain::LeafForServers, None),
            (BadChain::UnknownCriticalExtension, None),
            (BadChain::P384Leaf, None),
            (BadChain::PathTooLong, None),
            (BadChain::NameConstraintViolated, None),
            (BadChain::SixCertificates, None),
            (BadChain::PointersInside, None),
        ] {
            assert_eq!(check(bad), fault, "{bad:?}");
        }
    }

    #[test]
    fn bad_chains_have_the_one_property_that_makes_them_bad() {
        use x509_parser::prelude::*;
        let authority = TestAuthority::from_seed([7; 32], NOW).unwrap();
        let chain = |bad| authority.bad_chain(bad).unwrap().chain;
        let servers = chain(BadChain::LeafForServers);
        let (_, leaf) = X509Certificate::from_der(&servers[0]).unwrap();
        let usage = leaf.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.server_auth && !usage.any && usage.other.is_empty());
        let critical = chain(BadChain::UnknownCriticalExtension);
        let (_, leaf) = X509Certificate::from_der(&critical[0]).unwrap();
        assert!(leaf.extensions().iter().any(|extension| extension.critical
            && matches!(extension.parsed_extension(), ParsedExtension::UnsupportedExtension { .. })));
        let p384 = chain(BadChain::P384Leaf);
        let (_, leaf) = X509Certificate::from_der(&p384[0]).unwrap();
        assert_eq!(PublicKey::from_spki(leaf.public_key().raw).unwrap().algorithm().name(), "ES384");
        let long = chain(BadChain::PathTooLong);
        assert_eq!(long.len(), 3);
        let (_, above) = X509Certificate::from_der(&long[2]).unwrap();
        assert_eq!(above.basic_constraints().unwrap().unwrap().value.path_len_constraint, Some(0));
        let constrained = chain(BadChain::NameConstraintViolated);
        let (_, above) = X509Certificate::from_der(&constrained[1]).unwrap();
        let subtrees = above.name_constraints().unwrap().unwrap().value.permitted_subtrees.clone().unwrap();
        assert_eq!(subtrees[0].base, GeneralName::DNSName("elsewhere.example"));
        assert_eq!(chain(BadChain::SixCertificates).len(), 6);
        for der in chain(BadChain::PointersInside) {
            let (_, pointing) = X509Certificate::from_der(&der).unwrap();
            let parsed: Vec<_> = pointing.extensions().iter().map(X509Extension::parsed_extension).collect();
            let here = GeneralName::URI("http://127.0.0.1:9/");
            assert!(parsed.iter().any(|extension| matches!(extension,
                ParsedExtension::AuthorityInfoAccess(access)
                    if access.accessdescs.iter().filter(|entry| entry.access_location == here).count() == 2)));
            assert!(parsed.iter().any(|extension| matches!(extension, ParsedExtension::CRLDistributionPoints(_))));
        }
    }
}
