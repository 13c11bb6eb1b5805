//! Public keys from JWK or SPKI, checked on the way in: right length, on the curve, nothing private.

use super::alg::SignatureAlgorithm;
use super::hash::sha256;
use crate::domain::encoding::base64;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use josekit::jws::{ES384, ES512, EdDSA, JwsVerifier, PS256};
use serde_json::{Map, Value};
use std::fmt;

/// Why a key cannot be used. The place where it was found gives it its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyFault(pub &'static str);

/// A public key for exactly one signature algorithm (GEN-02).
#[derive(Clone)]
pub struct PublicKey(Kind);

type ReadSpki = fn(&[u8]) -> Option<Box<dyn JwsVerifier>>;

#[derive(Clone)]
enum Kind {
    /// Prepared by `aws-lc-rs`; the point is kept for comparisons and thumbprints.
    P256 { prepared: ParsedPublicKey, point: [u8; 65] },
    /// Everything else goes through `josekit`.
    Other { algorithm: SignatureAlgorithm, verifier: Box<dyn JwsVerifier>, identity: [u8; 32], rsa_bits: usize },
}

impl PublicKey {
    /// Reads a JWK of `kty` EC (P-256, P-384, P-521), OKP (Ed25519) or RSA.
    ///
    /// # Errors
    /// [`KeyFault`] for private members, symmetric keys, other curves, coordinates of the wrong length or off the
    /// curve, RSA below 2048 bits, and an `alg` or `use` that says the key is for something else.
    ///
    /// # Source
    /// RFC 7517 section 4, RFC 7518 section 6.2, RFC 8037; cases JOS-040, JOS-041, KBJ-027 to KBJ-029.
    pub fn from_jwk(jwk: &Map<String, Value>) -> Result<Self, KeyFault> {
        const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
        if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
            return Err(KeyFault("the key has private members"));
        }
        let key = match (text(jwk, "kty")?, jwk.get("crv").and_then(Value::as_str)) {
            ("EC", Some("P-256")) => {
                Self::from_p256_coordinates(&coordinate(jwk, "x", 32)?, &coordinate(jwk, "y", 32)?)?
            }
            ("EC", Some("P-384")) => Self::from_josekit(SignatureAlgorithm::Es384, jwk, &[("x", 48), ("y", 48)])?,
            ("EC", Some("P-521")) => Self::from_josekit(SignatureAlgorithm::Es512, jwk, &[("x", 66), ("y", 66)])?,
            ("OKP", Some("Ed25519")) => Self::from_josekit(SignatureAlgorithm::Ed25519, jwk, &[("x", 32)])?,
            ("RSA", _) => Self::from_josekit(SignatureAlgorithm::Ps256, jwk, &[])?,
            ("EC" | "OKP", _) => return Err(KeyFault("curve not supported")),
            _ => return Err(KeyFault("key type not supported")),
        };
        match jwk.get("alg") {
            None => {}
            Some(Value::String(name)) if name == key.algorithm().name() => {}
            Some(_) => return Err(KeyFault("alg does not fit the key")),
        }
        match jwk.get("use") {
            None => {}
            Some(Value::String(name)) if name == "sig" => {}
            Some(_) => return Err(KeyFault("the key is not for signatures")),
        }
        Ok(key)
    }

    /// Reads the SubjectPublicKeyInfo of a certificate.
    ///
    /// # Errors
    /// [`KeyFault`] for key types and curves that have no algorithm here.
    pub fn from_spki(spki: &[u8]) -> Result<Self, KeyFault> {
        if let Some(point) = p256_point(spki) {
            return Self::from_p256_point(point);
        }
        let tries: [(SignatureAlgorithm, ReadSpki); 4] = [
            (SignatureAlgorithm::Es384, |der| Some(Box::new(ES384.verifier_from_der(der).ok()?))),
            (SignatureAlgorithm::Es512, |der| Some(Box::new(ES512.verifier_from_der(der).ok()?))),
            (SignatureAlgorithm::Ed25519, |der| Some(Box::new(EdDSA.verifier_from_der(der).ok()?))),
            (SignatureAlgorithm::Ps256, |der| Some(Box::new(PS256.verifier_from_der(der).ok()?))),
        ];
        let (algorithm, verifier) = tries
            .into_iter()
            .find_map(|(algorithm, read)| Some((algorithm, read(spki)?)))
            .ok_or(KeyFault("key type not supported"))?;
        Ok(Self(Kind::Other { algorithm, verifier, identity: sha256(spki), rsa_bits: rsa_bits_of_spki(spki) }))
    }

    /// From the two coordinates of a P-256 point.
    fn from_p256_coordinates(x: &[u8], y: &[u8]) -> Result<Self, KeyFault> {
        let mut point = Vec::with_capacity(65);
        point.push(4);
        point.extend_from_slice(x);
        point.extend_from_slice(y);
        Self::from_p256_point(&point)
    }

    /// From an uncompressed P-256 point of 65 bytes.
    fn from_p256_point(point: &[u8]) -> Result<Self, KeyFault> {
        let point: [u8; 65] = point.try_into().map_err(|_| KeyFault("the point has the wrong length"))?;
        p256::PublicKey::from_sec1_bytes(&point).map_err(|_| KeyFault("the point is not on the curve"))?;
        let prepared = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .map_err(|_| KeyFault("the point is not on the curve"))?;
        Ok(Self(Kind::P256 { prepared, point }))
    }

    fn from_josekit(
        algorithm: SignatureAlgorithm,
        jwk: &Map<String, Value>,
        coordinates: &[(&str, usize)],
    ) -> Result<Self, KeyFault> {
        let fault = |_| KeyFault("the key cannot be read");
        let mut public = Map::new();
        public.insert("kty".to_owned(), Value::from(text(jwk, "kty")?));
        if let Some(curve) = jwk.get("crv") {
            public.insert("crv".to_owned(), curve.clone());
        }
        let mut identity = Vec::new();
        for (name, length) in coordinates {
            identity.extend(coordinate(jwk, name, *length)?);
            public.insert((*name).to_owned(), Value::from(text(jwk, name)?));
        }
        let mut rsa_bits = 0;
        if algorithm == SignatureAlgorithm::Ps256 {
            let modulus = base64::decode_url(text(jwk, "n")?).map_err(|_| KeyFault("n is not base64url"))?;
            let exponent = base64::decode_url(text(jwk, "e")?).map_err(|_| KeyFault("e is not base64url"))?;
            if modulus.first() == Some(&0) {
                return Err(KeyFault("n has a leading zero"));
            }
            check_rsa(&modulus, &exponent)?;
            rsa_bits = modulus.len().saturating_mul(8);
            identity.extend(modulus);
            public.insert("n".to_owned(), Value::from(text(jwk, "n")?));
            public.insert("e".to_owned(), Value::from(text(jwk, "e")?));
        }
        let jwk = josekit::jwk::Jwk::from_map(public).map_err(|_| KeyFault("the key cannot be read"))?;
        let verifier: Box<dyn JwsVerifier> = match algorithm {
            SignatureAlgorithm::Es384 => Box::new(ES384.verifier_from_jwk(&jwk).map_err(fault)?),
            SignatureAlgorithm::Es512 => Box::new(ES512.verifier_from_jwk(&jwk).map_err(fault)?),
            SignatureAlgorithm::Ed25519 => Box::new(EdDSA.verifier_from_jwk(&jwk).map_err(fault)?),
            SignatureAlgorithm::Ps256 => Box::new(PS256.verifier_from_jwk(&jwk).map_err(fault)?),
            SignatureAlgorithm::Es256 => return Err(KeyFault("P-256 keys have a reader of their own")),
        };
        Ok(Self(Kind::Other { algorithm, verifier, identity: sha256(&identity), rsa_bits }))
    }

    /// The one algorithm of this key.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        match &self.0 {
            Kind::P256 { .. } => SignatureAlgorithm::Es256,
            Kind::Other { algorithm, .. } => *algorithm,
        }
    }

    /// Bits of an RSA modulus; `None` for other keys.
    pub fn rsa_bits(&self) -> Option<usize> {
        match &self.0 {
            Kind::Other { algorithm: SignatureAlgorithm::Ps256, rsa_bits, .. } => Some(*rsa_bits),
            _ => None,
        }
    }

    /// Whether `signature` over `message` is good. Fixed length, R and S in range, no other encoding (SDJ-12).
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Kind::P256 { prepared, .. } => prepared.verify_sig(message, signature).is_ok(),
            Kind::Other { algorithm, verifier, .. } => {
                let halves_are_zero = || {
                    let (r, s) = signature.split_at(signature.len() / 2);
                    r.iter().all(|byte| *byte == 0) || s.iter().all(|byte| *byte == 0)
                };
                let plausible = match algorithm {
                    SignatureAlgorithm::Es384 => signature.len() == 96 && !halves_are_zero(),
                    SignatureAlgorithm::Es512 => signature.len() == 132 && !halves_are_zero(),
                    SignatureAlgorithm::Ed25519 => signature.len() == 64,
                    SignatureAlgorithm::Ps256 => !signature.is_empty(),
                    SignatureAlgorithm::Es256 => false,
                };
                plausible && verifier.verify(message, signature).is_ok()
            }
        }
    }

    /// Whether both are the same key (KBJ-032).
    pub fn same_key(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::P256 { point: left, .. }, Kind::P256 { point: right, .. }) => left == right,
            (Kind::Other { identity: left, .. }, Kind::Other { identity: right, .. }) => left == right,
            _ => false,
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.algorithm())
    }
}

/// The RFC 7638 thumbprint of a P-256 public key: SHA-256 over the four required members only.
pub fn thumbprint_p256(x: &str, y: &str) -> [u8; 32] {
    sha256(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes())
}

fn text<'a>(jwk: &'a Map<String, Value>, name: &str) -> Result<&'a str, KeyFault> {
    jwk.get(name).and_then(Value::as_str).ok_or(KeyFault("a member of the key is missing or no string"))
}

fn coordinate(jwk: &Map<String, Value>, name: &str, length: usize) -> Result<Vec<u8>, KeyFault> {
    let bytes = base64::decode_url(text(jwk, name)?).map_err(|_| KeyFault("a coordinate is not base64url"))?;
    if bytes.len() == length { Ok(bytes) } else { Err(KeyFault("a coordinate has the wrong length")) }
}

fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyFault> {
    if modulus.len() < 256 || modulus.len() > 1024 {
        return Err(KeyFault("RSA keys have 2048 to 8192 bits"));
    }
    let odd = exponent.last().is_some_and(|last| last % 2 == 1);
    if !odd || exponent.len() > 4 || exponent.len() < 3 {
        return Err(KeyFault("RSA exponents are odd and between 2^16 and 2^32"));
    }
    Ok(())
}

/// The point of a P-256 SubjectPublicKeyInfo with a named curve and an uncompressed point: this prefix and no other.
fn p256_point(spki: &[u8]) -> Option<&[u8]> {
    const PREFIX: [u8; 26] = [
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
        0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    spki.strip_prefix(&PREFIX).filter(|point| point.len() == 65)
}

/// Bits of the modulus of an RSA SubjectPublicKeyInfo, 0 for other keys.
fn rsa_bits_of_spki(spki: &[u8]) -> usize {
    use x509_parser::prelude::FromDer as _;
    let parsed = x509_parser::x509::SubjectPublicKeyInfo::from_der(spki).ok();
    match parsed.as_ref().and_then(|(_, info)| info.parsed().ok()) {
        Some(x509_parser::public_key::PublicKey::RSA(key)) => key.key_size(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // Public test key of RFC 7520 section 3.1 kind, made for this test.
    fn p256() -> Value {
        json!({"kty": "EC", "crv": "P-256",
            "x": "TCAER19Zvu3OHF4j4W4vfSVoHIP1ILilDls7vCeGemc", "y": "ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ"})
    }

    fn read(value: &Value) -> Result<PublicKey, KeyFault> {
        PublicKey::from_jwk(value.as_object().unwrap())
    }

    fn with(name: &str, value: Value) -> Value {
        let mut jwk = p256();
        jwk[name] = value;
        jwk
    }

    #[test]
    fn a_minimal_key_is_enough() {
        // VC-15: kty, crv, x, y.
        assert_eq!(read(&p256()).unwrap().algorithm(), SignatureAlgorithm::Es256);
        assert!(read(&with("kid", json!("k"))).is_ok());
        let mut short = p256();
        short.as_object_mut().unwrap().remove("y");
        assert!(read(&short).is_err());
    }

    #[test]
    fn points_are_checked() {
        // JOS-040 off the curve, JOS-041 wrong length.
        let y = base64::decode_url("ZxjiWWbZMQGHVWKVQ4hbSIirsVfuecCE6t4jT9F2HZQ").unwrap();
        let mut moved = y.clone();
        moved[31] ^= 1;
        assert_eq!(read(&with("y", json!(base64::encode_url(&moved)))).unwrap_err().0, "the point is not on the curve");
        assert!(read(&with("y", json!(base64::encode_url(&y[1..])))).is_err());
        let padded = [&[0], y.as_slice()].concat();
        assert!(read(&with("y", json!(base64::encode_url(&padded)))).is_err());
        assert!(read(&with("x", json!(base64::encode_url(&[0; 32])))).is_err());
    }

    #[test]
    fn private_symmetric_and_foreign_keys_are_refused() {
        // KBJ-028, KBJ-029, KBJ-027, JOS-039.
        assert!(read(&with("d", json!("AA"))).is_err());
        assert!(read(&json!({"kty": "oct", "k": "AA"})).is_err());
        assert!(read(&json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"})).is_err());
        assert!(read(&json!({"kid": "x"})).is_err());
        assert!(read(&with("alg", json!("ES384"))).is_err());
        assert!(read(&with("alg", json!("ECDH-ES"))).is_err());
        assert!(read(&with("use", json!("enc"))).is_err());
        assert!(read(&with("crv", json!("P-384"))).is_err());
    }

    #[test]
    fn weak_rsa_keys_are_refused() {
        // X5C-017: RSA-1024, exponent 1.
        let rsa = |bytes: usize, e: &str| json!({"kty": "RSA", "n": base64::encode_url(&vec![0xff; bytes]), "e": e});
        assert!(read(&rsa(256, "AQAB")).is_ok());
        assert!(read(&rsa(128, "AQAB")).is_err());
        assert!(read(&rsa(256, "AQ")).is_err());
        assert!(read(&rsa(256, "Aw")).is_err());
    }

    #[test]
    fn thumbprint_matches_the_published_vector() {
        // OpenID4VP 1.0 appendix B.2.6: thumbprint over the required members only.
        let thumbprint = thumbprint_p256(
            "DxiH5Q4Yx3UrukE2lWCErq8N8bqC9CHLLrAwLz5BmE0",
            "XtLM4-3h5o3HUH0MHVJV0kyq0iBlrBwlh8qEDMZ4-Pc",
        );
        // Hexadecimal in the specification: 4283ec92 7ae0f208 daaa2d02 6a814f2b 22dca52c f85ffa8f 3f8626c6 bd669047.
        assert_eq!(base64::encode_url(&thumbprint), "QoPsknrg8gjaqi0CaoFPKyLcpSz4X_qPP4Ymxr1mkEc");
    }
}
