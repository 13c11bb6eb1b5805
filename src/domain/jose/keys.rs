//! Private keys: the signing key of a verifier or a test authority, and the encryption key of one request.
//!
//! Rules kept here: OVP-JAR-17.

use super::jwk::{KeyFault, PublicKey, thumbprint_p256};
use crate::domain::encoding::base64;
use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384};
use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A P-256 private key for ES256. `Debug` shows nothing.
#[derive(Clone)]
pub struct SigningKey {
    secret: p256::SecretKey,
    fast: Arc<EcdsaKeyPair>,
}

impl SigningKey {
    /// From the 32 bytes of the scalar.
    ///
    /// # Errors
    /// [`KeyFault`] if they are zero or not below the order of the curve.
    pub fn from_scalar(scalar: &[u8; 32]) -> Result<Self, KeyFault> {
        let secret = p256::SecretKey::from_slice(scalar).map_err(|_| KeyFault("not a P-256 scalar"))?;
        Self::from_secret(secret)
    }

    /// From PEM, PKCS#8 (`PRIVATE KEY`) or SEC1 (`EC PRIVATE KEY`).
    ///
    /// # Errors
    /// [`KeyFault`] for other texts, other curves and encrypted keys.
    pub fn from_pem(text: &str) -> Result<Self, KeyFault> {
        let secret = p256::SecretKey::from_pkcs8_pem(text)
            .ok()
            .or_else(|| p256::SecretKey::from_sec1_pem(text).ok())
            .ok_or(KeyFault("not an unencrypted P-256 key in PEM (PKCS#8 or SEC1)"))?;
        Self::from_secret(secret)
    }

    fn from_secret(secret: p256::SecretKey) -> Result<Self, KeyFault> {
        let point = secret.public_key().to_sec1_point(false);
        let scalar = Zeroizing::new(secret.to_bytes());
        let fast =
            EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &scalar, point.as_bytes())
                .map_err(|_| KeyFault("the key cannot be prepared"))?;
        Ok(Self { secret, fast: Arc::new(fast) })
    }

    /// Signs with fresh randomness of the crypto library: 64 bytes, R then S. For adapters.
    ///
    /// # Errors
    /// [`KeyFault`] if the library has no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyFault> {
        let signature =
            self.fast.sign(&SystemRandom::new(), message).map_err(|_| KeyFault("the library could not sign"))?;
        Ok(signature.as_ref().to_vec())
    }

    /// Signs deterministically (RFC 6979), so that vectors are the same bytes on every machine.
    pub fn sign_deterministic(&self, message: &[u8]) -> Vec<u8> {
        let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(&self.secret).sign(message);
        signature.to_bytes().to_vec()
    }

    /// The same signature as an ASN.1 sequence, as certificates carry it.
    pub fn sign_deterministic_der(&self, message: &[u8]) -> Vec<u8> {
        let signature: p256::ecdsa::Signature = p256::ecdsa::SigningKey::from(&self.secret).sign(message);
        signature.to_der().as_bytes().to_vec()
    }

    /// The uncompressed public point, 65 bytes.
    pub fn public_point(&self) -> Vec<u8> {
        self.secret.public_key().to_sec1_point(false).as_bytes().to_vec()
    }

    /// The public key as a minimal JWK (`kty`, `crv`, `x`, `y`).
    pub fn public_jwk(&self) -> Map<String, Value> {
        public_jwk(&self.public_point())
    }

    /// The private key as a JWK with `d`: for public test keys in vectors only.
    pub fn test_jwk(&self) -> Map<String, Value> {
        let mut jwk = self.public_jwk();
        jwk.insert("d".to_owned(), Value::from(base64::encode_url(&self.secret.to_bytes())));
        jwk
    }

    /// The private key as PKCS#8 PEM, for key files of demos and tests.
    ///
    /// # Errors
    /// [`KeyFault`] if it cannot be encoded.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyFault> {
        self.secret.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyFault("the key cannot be encoded"))
    }

    /// The matching public key.
    ///
    /// # Errors
    /// [`KeyFault`], in theory only: the point of a valid scalar is on the curve.
    pub fn public_key(&self) -> Result<PublicKey, KeyFault> {
        PublicKey::from_jwk(&self.public_jwk())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// A P-384 private key for ES384: only test issuers sign with it. `Debug` shows nothing.
#[derive(Clone)]
pub struct P384SigningKey {
    pair: Arc<EcdsaKeyPair>,
    point: Vec<u8>,
}

impl P384SigningKey {
    /// From the 48 bytes of the scalar.
    ///
    /// # Errors
    /// [`KeyFault`] if they are zero or not below the order of the curve.
    pub fn from_scalar(scalar: &[u8; 48]) -> Result<Self, KeyFault> {
        let fault = |_| KeyFault("not a P-384 scalar");
        let private = agreement::PrivateKey::from_private_key(&ECDH_P384, scalar).map_err(fault)?;
        let point = private.compute_public_key().map_err(|_| KeyFault("the key cannot be prepared"))?.as_ref().to_vec();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P384_SHA384_FIXED_SIGNING, scalar, &point)
            .map_err(|_| KeyFault("the key cannot be prepared"))?;
        Ok(Self { pair: Arc::new(pair), point })
    }

    /// Signs with fresh randomness of the crypto library: 96 bytes, R then S.
    ///
    /// # Errors
    /// [`KeyFault`] if the library has no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyFault> {
        let signature =
            self.pair.sign(&SystemRandom::new(), message).map_err(|_| KeyFault("the library could not sign"))?;
        Ok(signature.as_ref().to_vec())
    }

    /// The uncompressed public point, 97 bytes.
    pub fn public_point(&self) -> &[u8] {
        &self.point
    }
}

impl fmt::Debug for P384SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("P384SigningKey(..)")
    }
}

/// The encryption key of one request: made for it, used once, erased at its end (OVP-META-13, OVP-META-15).
///
/// Holds the prepared form, which is costly to make, and the scalar for the store.
#[derive(Clone)]
pub struct EphemeralKey {
    scalar: Zeroizing<[u8; 32]>,
    prepared: Arc<agreement::PrivateKey>,
}

impl EphemeralKey {
    /// From 32 bytes: fresh random ones, or those from the store. `None` for the rare values that are no scalar; then
    /// draw again.
    pub fn from_scalar(bytes: [u8; 32]) -> Option<Self> {
        let scalar = Zeroizing::new(bytes);
        let prepared = agreement::PrivateKey::from_private_key(&ECDH_P256, scalar.as_slice()).ok()?;
        Some(Self { scalar, prepared: Arc::new(prepared) })
    }

    /// A new key from the library's own randomness: half the work of drawing bytes first. For adapters.
    ///
    /// # Errors
    /// [`KeyFault`] if the library has no randomness.
    pub fn generate() -> Result<Self, KeyFault> {
        let failed = |_| KeyFault("the library could not make a key");
        let prepared = agreement::PrivateKey::generate(&ECDH_P256).map_err(failed)?;
        let bytes: EcPrivateKeyBin<'_> = prepared.as_be_bytes().map_err(failed)?;
        let scalar = bytes.as_ref().try_into().map_err(|_| KeyFault("the library made a key of another size"))?;
        Ok(Self { scalar: Zeroizing::new(scalar), prepared: Arc::new(prepared) })
    }

    /// The 32 bytes, for the store.
    pub fn scalar(&self) -> &[u8; 32] {
        &self.scalar
    }

    /// The public key as a minimal JWK.
    ///
    /// # Errors
    /// [`KeyFault`], in theory only.
    pub fn public_jwk(&self) -> Result<Map<String, Value>, KeyFault> {
        let public = self.prepared.compute_public_key().map_err(|_| KeyFault("the key cannot be prepared"))?;
        Ok(public_jwk(public.as_ref()))
    }

    /// The public key as announced in `client_metadata.jwks`: with `use`, `alg` and `kid`, which is the thumbprint.
    ///
    /// # Errors
    /// [`KeyFault`], in theory only.
    ///
    /// # Source
    /// OpenID4VP 1.0 sections 5.1 and 8.3; OVP-META-07 to 10. The thumbprint is that of RFC 7638.
    pub fn announced_jwk(&self) -> Result<(Map<String, Value>, String), KeyFault> {
        let mut jwk = self.public_jwk()?;
        let part = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let kid = base64::encode_url(&thumbprint_p256(&part("x"), &part("y")));
        jwk.insert("use".to_owned(), json!("enc"));
        jwk.insert("alg".to_owned(), json!("ECDH-ES"));
        jwk.insert("kid".to_owned(), Value::from(kid.clone()));
        Ok((jwk, kid))
    }

    pub(super) fn prepared(&self) -> &agreement::PrivateKey {
        &self.prepared
    }
}

impl fmt::Debug for EphemeralKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EphemeralKey(..)")
    }
}

fn public_jwk(point: &[u8]) -> Map<String, Value> {
    let coordinate = |range: std::ops::Range<usize>| base64::encode_url(point.get(range).unwrap_or_default());
    let mut jwk = Map::new();
    jwk.insert("kty".to_owned(), json!("EC"));
    jwk.insert("crv".to_owned(), json!("P-256"));
    jwk.insert("x".to_owned(), Value::from(coordinate(1..33)));
    jwk.insert("y".to_owned(), Value::from(coordinate(33..65)));
    jwk
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_signers_agree_with_the_public_key() {
        let key = SigningKey::from_scalar(&[7; 32]).unwrap();
        let public = key.public_key().unwrap();
        for signature in [key.sign(b"text").unwrap(), key.sign_deterministic(b"text")] {
            assert!(public.verify(b"text", &signature));
            assert!(!public.verify(b"texT", &signature));
        }
        assert_eq!(key.sign_deterministic(b"text"), key.sign_deterministic(b"text"));
    }

    #[test]
    fn p384_signatures_verify() {
        let key = P384SigningKey::from_scalar(&[7; 48]).unwrap();
        let coordinate = |range: std::ops::Range<usize>| base64::encode_url(&key.public_point()[range]);
        let jwk = json!({"kty": "EC", "crv": "P-384", "x": coordinate(1..49), "y": coordinate(49..97)});
        let public = PublicKey::from_jwk(jwk.as_object().unwrap()).unwrap();
        let signature = key.sign(b"text").unwrap();
        assert!(public.verify(b"text", &signature));
        assert!(!public.verify(b"texT", &signature));
        assert!(P384SigningKey::from_scalar(&[0; 48]).is_err());
        assert!(P384SigningKey::from_scalar(&[0xff; 48]).is_err());
        assert_eq!(format!("{key:?}"), "P384SigningKey(..)");
    }

    #[test]
    fn pem_is_read_in_both_forms() {
        let key = SigningKey::from_scalar(&[9; 32]).unwrap();
        let pem = key.to_pem().unwrap();
        assert_eq!(SigningKey::from_pem(&pem).unwrap().public_point(), key.public_point());
        let sec1 = key.secret.to_sec1_pem(LineEnding::LF).unwrap();
        assert_eq!(SigningKey::from_pem(&sec1).unwrap().public_point(), key.public_point());
        assert!(SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").is_err());
    }

    #[test]
    fn ephemeral_keys_refuse_what_is_no_scalar() {
        assert!(EphemeralKey::from_scalar([0; 32]).is_none());
        assert!(EphemeralKey::from_scalar([0xff; 32]).is_none());
        let made = EphemeralKey::generate().unwrap();
        assert_eq!(EphemeralKey::from_scalar(*made.scalar()).unwrap().public_jwk(), made.public_jwk());
        let (jwk, kid) = EphemeralKey::from_scalar([3; 32]).unwrap().announced_jwk().unwrap();
        assert_eq!(jwk["kid"], Value::from(kid));
        // OVP-META-07 to 10, OVP-META-18: what is announced.
        assert_eq!((&jwk["alg"], &jwk["use"], &jwk["crv"]), (&json!("ECDH-ES"), &json!("enc"), &json!("P-256")));
        assert!(!jwk.contains_key("d"));
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", SigningKey::from_scalar(&[7; 32]).unwrap()), "SigningKey(..)");
        assert_eq!(format!("{:?}", EphemeralKey::from_scalar([3; 32]).unwrap()), "EphemeralKey(..)");
    }
}
