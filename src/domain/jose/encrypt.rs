//! Encrypting to somebody else with `josekit`: request objects to a wallet, and the answers of the simulated wallet.

use super::jwk::KeyFault;
use josekit::jwe::{ECDH_ES, ECDH_ES_A128KW, JweHeader};
use serde_json::{Map, Value};

/// Makes a compact JWE with `ECDH-ES` to `recipient`, a P-256 public JWK.
///
/// `header` holds further protected parameters (`kid`, `cty`, `apu`, `apv` as base64url text); `alg` and `epk` are set
/// here. The ephemeral key comes from the library's own randomness, so this is for adapters and the simulator.
///
/// # Errors
/// [`KeyFault`] when the key cannot be used or `enc` is unknown to the library.
///
/// # Source
/// RFC 7516 section 5.1, RFC 7518 section 4.6; OVP-JAR-19.
pub fn encrypt(
    recipient: &Map<String, Value>,
    enc: &str,
    header: &Map<String, Value>,
    plaintext: &[u8],
) -> Result<String, KeyFault> {
    encrypt_by(KeyManagement::EcdhEs, recipient, enc, header, plaintext)
}

/// How the content encryption key reaches the recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyManagement {
    /// `ECDH-ES`: the agreed key is the content encryption key; the only one that this verifier offers.
    EcdhEs,
    /// `ECDH-ES+A128KW`: the agreed key wraps it; for the simulated wallet that does what was not offered (JWE-009).
    EcdhEsA128Kw,
}

/// As [`encrypt`], with the key management of the caller's choice.
///
/// # Errors
/// As [`encrypt`].
pub fn encrypt_by(
    management: KeyManagement,
    recipient: &Map<String, Value>,
    enc: &str,
    header: &Map<String, Value>,
    plaintext: &[u8],
) -> Result<String, KeyFault> {
    let mut bare = Map::new();
    for name in ["kty", "crv", "x", "y"] {
        if let Some(value) = recipient.get(name) {
            bare.insert(name.to_owned(), value.clone());
        }
    }
    let key = josekit::jwk::Jwk::from_map(bare).map_err(|_| KeyFault("the recipient's key cannot be read"))?;
    let algorithm = match management {
        KeyManagement::EcdhEs => ECDH_ES,
        KeyManagement::EcdhEsA128Kw => ECDH_ES_A128KW,
    };
    let encrypter = algorithm.encrypter_from_jwk(&key).map_err(|_| KeyFault("the recipient's key cannot be used"))?;
    let mut protected = JweHeader::new();
    protected.set_content_encryption(enc);
    for (name, value) in header {
        protected.set_claim(name, Some(value.clone())).map_err(|_| KeyFault("a header parameter is refused"))?;
    }
    josekit::jwe::serialize_compact(plaintext, &protected, &encrypter).map_err(|_| KeyFault("encryption failed"))
}

#[cfg(test)]
mod tests {
    use super::super::jwe::decrypt;
    use super::super::keys::EphemeralKey;
    use super::*;
    use crate::domain::encoding::base64;
    use crate::domain::reason::Code;
    use serde_json::json;

    fn key() -> EphemeralKey {
        EphemeralKey::from_scalar([5; 32]).unwrap()
    }

    fn sealed(enc: &str, more: &Value) -> String {
        let (jwk, kid) = key().announced_jwk().unwrap();
        let mut header = more.as_object().unwrap().clone();
        header.entry("kid").or_insert(json!(kid));
        encrypt(&jwk, enc, &header, b"{}").unwrap()
    }

    fn open(token: &str) -> Result<Vec<u8>, Code> {
        let (_, kid) = key().announced_jwk().unwrap();
        decrypt(token, &key(), &kid).map(|plain| plain.to_vec()).map_err(|reason| reason.code)
    }

    /// Replaces a part of the token and leaves the rest.
    fn with_part(token: &str, index: usize, part: &str) -> String {
        let mut parts: Vec<&str> = token.split('.').collect();
        parts[index] = part;
        parts.join(".")
    }

    fn with_header(token: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut header: Value =
            serde_json::from_slice(&base64::decode_url(token.split('.').next().unwrap()).unwrap()).unwrap();
        change(&mut header);
        with_part(token, 0, &base64::encode_url(header.to_string().as_bytes()))
    }

    #[test]
    fn two_libraries_agree() {
        // OVP-JWE-05, OVP-META-11, JWE-020: both encryptions, with and without apu and apv.
        for enc in ["A128GCM", "A256GCM"] {
            assert_eq!(open(&sealed(enc, &json!({}))), Ok(b"{}".to_vec()));
            assert_eq!(open(&sealed(enc, &json!({"apu": "QWxpY2U", "apv": "Qm9i"}))), Ok(b"{}".to_vec()));
        }
    }

    #[test]
    fn algorithms_that_were_not_offered() {
        // JWE-009, JWE-010, JWE-011, JWE-022.
        let good = sealed("A256GCM", &json!({}));
        for alg in ["dir", "ECDH-ES+A128KW", "RSA-OAEP", "PBES2-HS256+A128KW", "none"] {
            assert_eq!(open(&with_header(&good, |header| header["alg"] = json!(alg))), Err(Code::JweAlgNotAllowed));
        }
        assert_eq!(open(&sealed("A128CBC-HS256", &json!({}))), Err(Code::JweEncNotAllowed));
        assert_eq!(open(&sealed("A192GCM", &json!({}))), Err(Code::JweEncNotAllowed));
        assert_eq!(open(&with_header(&good, |header| header["zip"] = json!("DEF"))), Err(Code::JweZipNotAllowed));
        assert_eq!(open(&with_header(&good, |header| header["crit"] = json!(["x"]))), Err(Code::JwsCritUnsupported));
    }

    #[test]
    fn a_real_key_wrap_and_real_compression_are_refused_by_name() {
        // JWE-009, JWE-010: not rewritten headers, but answers that an honest decrypter of these could open.
        let (jwk, kid) = key().announced_jwk().unwrap();
        let header = json!({"kid": kid}).as_object().unwrap().clone();
        let wrapped = encrypt_by(KeyManagement::EcdhEsA128Kw, &jwk, "A256GCM", &header, b"{}").unwrap();
        assert!(!wrapped.split('.').nth(1).unwrap().is_empty());
        assert_eq!(open(&wrapped), Err(Code::JweAlgNotAllowed));
        assert_eq!(open(&sealed("A256GCM", &json!({"zip": "DEF"}))), Err(Code::JweZipNotAllowed));
    }

    #[test]
    fn the_form_is_strict() {
        // JWE-002, JWE-014, JWE-017, JWE-019, JWE-021.
        let good = sealed("A256GCM", &json!({}));
        for wrong in ["a.b.c", "{}", "", &format!("{good}."), &good.replacen('.', "", 1)] {
            assert!(matches!(open(wrong), Err(Code::JweMalformed)), "{wrong}");
        }
        for epk in [Value::Null, json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}), json!({"kty": "OKP"})] {
            assert_eq!(open(&with_header(&good, |header| header["epk"] = epk)), Err(Code::JweMalformed));
        }
        assert_eq!(open(&with_header(&good, |header| header["epk"]["d"] = json!("AA"))), Err(Code::JweMalformed));
        for nonce in ["", "AAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(open(&with_part(&good, 2, nonce)), Err(Code::JweMalformed));
        }
        let huge = base64::encode_url(&vec![0; 1 << 20]);
        assert_eq!(open(&with_header(&good, |header| header["apu"] = json!(huge))), Err(Code::LimitExceeded));
        assert_eq!(open(&with_header(&good, |header| header["kid"] = json!("other"))), Err(Code::JweKeyUnknown));
    }

    #[test]
    fn all_other_failures_look_alike() {
        // JWE-013, JWE-016, JWE-018, JWE-024.
        let good = sealed("A256GCM", &json!({}));
        let failed = |token: &str| {
            let (_, kid) = key().announced_jwk().unwrap();
            decrypt(token, &key(), &kid).unwrap_err().to_string()
        };
        let expected = "decryption_failed: the answer cannot be decrypted";
        let zeros = base64::encode_url(&[0; 32]);
        assert_eq!(failed(&with_header(&good, |header| header["epk"]["x"] = json!(zeros))), expected);
        assert_eq!(failed(&with_header(&good, |header| header["epk"]["x"] = json!("AAAA"))), expected);
        assert_eq!(failed(&with_header(&good, |header| header["apu"] = json!("AAAA"))), expected);
        assert_eq!(failed(&with_part(&good, 1, "AAAA")), expected);
        assert_eq!(failed(&with_part(&good, 3, "AAAA")), expected);
        for tag in [0, 4, 8, 12, 15, 17] {
            assert_eq!(failed(&with_part(&good, 4, &base64::encode_url(&vec![0; tag]))), expected);
        }
        let other = EphemeralKey::from_scalar([6; 32]).unwrap();
        let (_, kid) = key().announced_jwk().unwrap();
        assert_eq!(decrypt(&good, &other, &kid).unwrap_err().to_string(), expected);
    }
}
