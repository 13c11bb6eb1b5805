//! Signatures of XML documents: their algorithms by URI, and whether one is good.
//!
//! Only the value of a signature is looked at here. What is signed, and by whom, is decided by
//! [`crate::domain::trust_list`].

use super::hash::HashAlgorithm;
use aws_lc_rs::digest;
use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

/// A signature algorithm that a document may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DocumentAlgorithm {
    family: Family,
    hash: HashAlgorithm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// ECDSA; the curve is that of the key.
    Ecdsa,
    /// RSASSA-PKCS1-v1_5.
    Rsa,
    /// RSASSA-PSS with MGF1 and salt of the length of the hash.
    RsaPss,
}

impl DocumentAlgorithm {
    /// The algorithm of exactly this URI. There is none with SHA-1, and none with a key that both sides share.
    ///
    /// # Source
    /// RFC 9231 sections 2.3.2 to 2.3.6 and 2.3.10.
    pub fn from_uri(uri: &str) -> Option<Self> {
        let (namespace, name) = uri.split_once('#')?;
        let (family, hash) = match (namespace, name) {
            (MORE_2001, "ecdsa-sha256") => (Family::Ecdsa, HashAlgorithm::Sha256),
            (MORE_2001, "ecdsa-sha384") => (Family::Ecdsa, HashAlgorithm::Sha384),
            (MORE_2001, "ecdsa-sha512") => (Family::Ecdsa, HashAlgorithm::Sha512),
            (MORE_2001, "rsa-sha256") => (Family::Rsa, HashAlgorithm::Sha256),
            (MORE_2001, "rsa-sha384") => (Family::Rsa, HashAlgorithm::Sha384),
            (MORE_2001, "rsa-sha512") => (Family::Rsa, HashAlgorithm::Sha512),
            (MORE_2007, "sha256-rsa-MGF1") => (Family::RsaPss, HashAlgorithm::Sha256),
            (MORE_2007, "sha384-rsa-MGF1") => (Family::RsaPss, HashAlgorithm::Sha384),
            (MORE_2007, "sha512-rsa-MGF1") => (Family::RsaPss, HashAlgorithm::Sha512),
            _ => return None,
        };
        Some(Self { family, hash })
    }

    /// Whether `signature` over `message` is good for the key in `spki`, a SubjectPublicKeyInfo in DER: RSA with 2048 to
    /// 8192 bits, or a key on P-256, P-384 or P-521.
    ///
    /// A signature by ECDSA is R, then S, each as long as the order of the curve (XML Signature 1.1 section 6.4.3).
    pub fn verify(self, spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
        let Ok((rest, key)) = SubjectPublicKeyInfo::from_der(spki) else { return false };
        let kind = key.algorithm.algorithm.to_id_string();
        let point = &key.subject_public_key.data;
        if !rest.is_empty() {
            return false;
        }
        match (self.family, kind.as_str()) {
            (Family::Rsa | Family::RsaPss, RSA) => is_good(self.rsa(), point, message, signature),
            (Family::Ecdsa, ELLIPTIC) => {
                let parameters = key.algorithm.parameters.as_ref().and_then(|any| any.clone().oid().ok());
                let curve = match parameters.map(|oid| oid.to_id_string()).as_deref() {
                    Some("1.2.840.10045.3.1.7") => Curve::P256,
                    Some("1.3.132.0.34") => Curve::P384,
                    Some("1.3.132.0.35") => Curve::P521,
                    _ => return false,
                };
                signature_in_der(signature, curve.length())
                    .is_some_and(|der| is_good(self.elliptic(curve), point, message, &der))
            }
            _ => false,
        }
    }

    fn rsa(self) -> &'static dyn VerificationAlgorithm {
        match (self.family, self.hash) {
            (Family::RsaPss, HashAlgorithm::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
            (Family::RsaPss, HashAlgorithm::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
            (Family::RsaPss, HashAlgorithm::Sha512) => &signature::RSA_PSS_2048_8192_SHA512,
            (_, HashAlgorithm::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
            (_, HashAlgorithm::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
            (_, HashAlgorithm::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        }
    }

    fn elliptic(self, curve: Curve) -> &'static dyn VerificationAlgorithm {
        match (curve, self.hash) {
            (Curve::P256, HashAlgorithm::Sha256) => &signature::ECDSA_P256_SHA256_ASN1,
            (Curve::P256, HashAlgorithm::Sha384) => &signature::ECDSA_P256_SHA384_ASN1,
            (Curve::P256, HashAlgorithm::Sha512) => &signature::ECDSA_P256_SHA512_ASN1,
            (Curve::P384, HashAlgorithm::Sha256) => &signature::ECDSA_P384_SHA256_ASN1,
            (Curve::P384, HashAlgorithm::Sha384) => &signature::ECDSA_P384_SHA384_ASN1,
            (Curve::P384, HashAlgorithm::Sha512) => &signature::ECDSA_P384_SHA512_ASN1,
            (Curve::P521, HashAlgorithm::Sha256) => &signature::ECDSA_P521_SHA256_ASN1,
            (Curve::P521, HashAlgorithm::Sha384) => &signature::ECDSA_P521_SHA384_ASN1,
            (Curve::P521, HashAlgorithm::Sha512) => &signature::ECDSA_P521_SHA512_ASN1,
        }
    }
}

/// The hash function of exactly this URI: SHA-256, SHA-384 or SHA-512 (RFC 9231 section 2.1).
pub fn hash_from_uri(uri: &str) -> Option<HashAlgorithm> {
    match uri {
        "http://www.w3.org/2001/04/xmlenc#sha256" => Some(HashAlgorithm::Sha256),
        "http://www.w3.org/2001/04/xmldsig-more#sha384" => Some(HashAlgorithm::Sha384),
        "http://www.w3.org/2001/04/xmlenc#sha512" => Some(HashAlgorithm::Sha512),
        _ => None,
    }
}

/// The hash by which a signature says which certificate it was made with.
///
/// SHA-1 counts here and nowhere else: lists that were signed years ago have it, the certificate is established without
/// it, and it can only make a list refused.
pub fn certificate_hash(uri: &str, certificate: &[u8]) -> Option<Vec<u8>> {
    if uri == "http://www.w3.org/2000/09/xmldsig#sha1" {
        return Some(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, certificate).as_ref().to_vec());
    }
    Some(hash_from_uri(uri)?.digest(certificate))
}

const MORE_2001: &str = "http://www.w3.org/2001/04/xmldsig-more";
const MORE_2007: &str = "http://www.w3.org/2007/05/xmldsig-more";
const RSA: &str = "1.2.840.113549.1.1.1";
const ELLIPTIC: &str = "1.2.840.10045.2.1";

#[derive(Debug, Clone, Copy)]
enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    const fn length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

fn is_good(algorithm: &'static dyn VerificationAlgorithm, key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    UnparsedPublicKey::new(algorithm, key).verify(message, signature).is_ok()
}

/// R and S, each of `length` bytes, as `SEQUENCE { INTEGER, INTEGER }`: the only form in which the library takes a hash
/// that is longer or shorter than the curve.
fn signature_in_der(signature: &[u8], length: usize) -> Option<Vec<u8>> {
    if signature.len() != length.checked_mul(2)? {
        return None;
    }
    let (r, s) = signature.split_at_checked(length)?;
    let body = [integer(r)?, integer(s)?].concat();
    let mut der = vec![0x30];
    if body.len() > 127 {
        der.push(0x81);
    }
    der.push(u8::try_from(body.len()).ok()?);
    der.extend(body);
    Some(der)
}

fn integer(big_endian: &[u8]) -> Option<Vec<u8>> {
    let first = big_endian.iter().position(|byte| *byte != 0)?;
    let digits = big_endian.get(first..)?;
    let sign: &[u8] = if digits.first()? & 0x80 == 0 { &[] } else { &[0] };
    let mut der = vec![2, u8::try_from(digits.len().checked_add(sign.len())?).ok()?];
    der.extend_from_slice(sign);
    der.extend_from_slice(digits);
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jose::keys::{P384SigningKey, SigningKey};

    const ECDSA_256: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
    const ECDSA_384: &str = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384";
    const RSA_256: &str = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256";

    fn spki(curve: &[u8], point: &[u8]) -> Vec<u8> {
        let algorithm = [&[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], curve].concat();
        let tlv = |tag: u8, body: &[u8]| [&[tag, u8::try_from(body.len()).unwrap()], body].concat();
        tlv(0x30, &[tlv(0x30, &algorithm), tlv(3, &[&[0], point].concat())].concat())
    }

    fn p256() -> (SigningKey, Vec<u8>) {
        let key = SigningKey::from_scalar(&[7; 32]).unwrap();
        let spki = spki(&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], &key.public_point());
        (key, spki)
    }

    #[test]
    fn algorithms_are_exact_and_none_is_weak() {
        // TRU-004: SHA-1, MACs, DSA and unknown names do not exist here.
        for wrong in [
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
            "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
            "http://www.w3.org/2001/04/xmldsig-more#RSA-SHA256",
            "http://www.w3.org/2007/05/xmldsig-more#rsa-sha256",
            "rsa-sha256",
            "",
        ] {
            assert_eq!(DocumentAlgorithm::from_uri(wrong), None, "{wrong}");
        }
        assert!(DocumentAlgorithm::from_uri(RSA_256).is_some());
        assert_eq!(hash_from_uri("http://www.w3.org/2000/09/xmldsig#sha1"), None);
        assert_eq!(certificate_hash("http://www.w3.org/2000/09/xmldsig#sha1", b"a").unwrap().len(), 20);
        assert_eq!(certificate_hash("http://www.w3.org/2001/04/xmldsig-more#md5", b"a"), None);
    }

    #[test]
    fn signatures_by_ecdsa_are_r_and_s() {
        let (key, spki) = p256();
        let algorithm = DocumentAlgorithm::from_uri(ECDSA_256).unwrap();
        let signature = key.sign_deterministic(b"message");
        assert!(algorithm.verify(&spki, b"message", &signature));
        assert!(!algorithm.verify(&spki, b"massage", &signature));
        assert!(!algorithm.verify(&spki, b"message", &key.sign_deterministic_der(b"message")));
        assert!(!algorithm.verify(&spki, b"message", &signature[..63]));
        assert!(!algorithm.verify(&spki, b"message", &[0; 64]));
        assert!(!algorithm.verify(&[spki.clone(), vec![0]].concat(), b"message", &signature));
        assert!(!DocumentAlgorithm::from_uri(ECDSA_384).unwrap().verify(&spki, b"message", &signature));
        assert!(!DocumentAlgorithm::from_uri(RSA_256).unwrap().verify(&spki, b"message", &signature));
    }

    #[test]
    fn the_curve_is_that_of_the_key() {
        let key = P384SigningKey::from_scalar(&[7; 48]).unwrap();
        let spki = spki(&[6, 5, 0x2b, 0x81, 4, 0, 34], key.public_point());
        let signature = key.sign(b"message").unwrap();
        assert!(DocumentAlgorithm::from_uri(ECDSA_384).unwrap().verify(&spki, b"message", &signature));
        assert!(!DocumentAlgorithm::from_uri(ECDSA_256).unwrap().verify(&spki, b"message", &signature));
    }

    #[test]
    fn signatures_by_rsa_have_their_own_padding() {
        use josekit::jws::{JwsSigner as _, PS256, RS256};
        let plain = DocumentAlgorithm::from_uri(RSA_256).unwrap();
        let probabilistic =
            DocumentAlgorithm::from_uri("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1").unwrap();
        let pair = RS256.generate_key_pair(2048).unwrap();
        let signature = RS256.signer_from_der(pair.to_der_private_key()).unwrap().sign(b"message").unwrap();
        let spki = pair.to_der_public_key();
        assert!(plain.verify(&spki, b"message", &signature));
        assert!(!plain.verify(&spki, b"massage", &signature));
        assert!(!probabilistic.verify(&spki, b"message", &signature));
        let pair = PS256.generate_key_pair(2048).unwrap();
        let signature = PS256.signer_from_der(pair.to_der_private_key()).unwrap().sign(b"message").unwrap();
        let spki = pair.into_rsa_key_pair().to_der_public_key();
        assert!(probabilistic.verify(&spki, b"message", &signature));
        assert!(!plain.verify(&spki, b"message", &signature));
    }

    #[test]
    fn rsa_below_2048_bits_is_refused() {
        // A good signature by a key of 1024 bits, made with OpenSSL for this test.
        let spki = concat!(
            "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDjFaaKZceUvozBdgUiCcTw03JdvEkux9+2/ZZsARd8F3I/rWsr6y5vidmNyX4Z",
            "gRZRUF/01+hpILEgyoP55WJB9sWtpj6MZXEUs/A+kClXeZc33tihBkkk+30+JaWOQEPRfD38PQc5DFRnd4nIPZjd1ZNqpcbPuEgQ",
            "OFjzf5p7JwIDAQAB",
        );
        let signature = concat!(
            "nwDolHEPjAhlRVf3yZ6gekZnJa8vCm1FQjt0EpXbEwYFvlqBkchTdt+MkvVifAkeqb9nzqFcvW9C+Smy+uH/PXcJREryAvnmnwrJ",
            "oYDlDMoAPsEnLPrcwOokLz4Qq1trMRMwobfBreLfI+TGQDNA+79oenJvgtKuL8B54qMts/c=",
        );
        let bytes = |text: &str| crate::domain::encoding::base64::decode_standard(text).unwrap();
        assert!(!DocumentAlgorithm::from_uri(RSA_256).unwrap().verify(&bytes(spki), b"message", &bytes(signature)));
        let legacy = &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY;
        let (_, key) = SubjectPublicKeyInfo::from_der(&bytes(spki))
            .map(|(rest, key)| (rest.len(), key.subject_public_key.data.to_vec()))
            .unwrap();
        assert!(is_good(legacy, &key, b"message", &bytes(signature)), "the test tests nothing");
    }

    #[test]
    fn integers_are_as_short_as_can_be() {
        assert_eq!(integer(&[0, 0, 1]), Some(vec![2, 1, 1]));
        assert_eq!(integer(&[0x80, 1]), Some(vec![2, 3, 0, 0x80, 1]));
        assert_eq!(integer(&[0, 0]), None);
        let long = signature_in_der(&[0xff; 132], 66).unwrap();
        assert_eq!(&long[..3], [0x30, 0x81, 138]);
    }
}
