//! Encryption that gives the same bytes each time, for vectors: ephemeral key and nonce come from the caller.

use super::jwk::KeyFault;
use super::keys::EphemeralKey;
use crate::domain::encoding::base64;
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, UnparsedPublicKey};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// Makes a compact JWE with `ECDH-ES` and AES-GCM from a given ephemeral key and nonce, for vectors only: a nonce must
/// never be used twice with one key, and here the caller has to see to it.
///
/// `header` is the whole protected header but for `epk`, which is added if it is not there; `enc` chooses the cipher,
/// `apu` and `apv` go into the key derivation.
///
/// # Errors
/// [`KeyFault`] for a recipient that is no P-256 key, and for an `enc` other than A128GCM and A256GCM.
///
/// # Source
/// RFC 7516 section 5.1, RFC 7518 section 4.6.
pub fn encrypt_with(
    ephemeral: &EphemeralKey,
    nonce: [u8; 12],
    recipient: &Map<String, Value>,
    mut header: Map<String, Value>,
    plaintext: &[u8],
) -> Result<String, KeyFault> {
    let coordinate = |name: &str| recipient.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut point = vec![4];
    for name in ["x", "y"] {
        point.extend(base64::decode_url(coordinate(name)).map_err(|_| KeyFault("a coordinate is not base64url"))?);
    }
    let public = UnparsedPublicKey::new(&ECDH_P256, point);
    let fault = KeyFault("the recipient's key cannot be used");
    let shared = agreement::agree(ephemeral.prepared(), public, fault, |shared| Ok(Zeroizing::new(shared.to_vec())))?;
    if !header.contains_key("epk") {
        header.insert("epk".to_owned(), Value::Object(ephemeral.public_jwk()?));
    }
    encrypt_with_secret(&shared, nonce, &header, plaintext)
}

/// As [`encrypt_with`], with the secret that the key agreement gave, or should have given.
///
/// # Errors
/// [`KeyFault`] for an `enc` other than A128GCM and A256GCM.
pub fn encrypt_with_secret(
    shared: &[u8],
    nonce: [u8; 12],
    header: &Map<String, Value>,
    plaintext: &[u8],
) -> Result<String, KeyFault> {
    let text = |name: &str| header.get(name).and_then(Value::as_str).unwrap_or_default();
    let (cipher, bits, length) = match text("enc") {
        "A128GCM" => (&AES_128_GCM, 128_u32, 16),
        "A256GCM" => (&AES_256_GCM, 256_u32, 32),
        _ => return Err(KeyFault("enc is not A128GCM or A256GCM")),
    };
    // The one block of the Concat KDF, as a text of its own: round number, secret, algorithm, parties, key length.
    let mut block = Zeroizing::new([&1_u32.to_be_bytes(), shared].concat());
    let apu = base64::decode_url(text("apu")).unwrap_or_default();
    let apv = base64::decode_url(text("apv")).unwrap_or_default();
    for part in [text("enc").as_bytes(), &apu, &apv] {
        block.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        block.extend_from_slice(part);
    }
    block.extend_from_slice(&bits.to_be_bytes());
    let hash = super::hash::sha256(&block);
    let failed = |_| KeyFault("encryption failed");
    let key = LessSafeKey::new(UnboundKey::new(cipher, hash.get(..length).unwrap_or_default()).map_err(failed)?);
    let protected = base64::encode_url(Value::Object(header.clone()).to_string().as_bytes());
    let mut sealed = plaintext.to_vec();
    let tag = key
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(protected.as_bytes()), &mut sealed)
        .map_err(failed)?;
    let parts = [base64::encode_url(&nonce), base64::encode_url(&sealed), base64::encode_url(tag.as_ref())];
    Ok(format!("{protected}..{}", parts.join(".")))
}

#[cfg(test)]
mod tests {
    use super::super::jwe::decrypt;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_given_ephemeral_key_gives_the_same_bytes() {
        let key = EphemeralKey::from_scalar([5; 32]).unwrap();
        let (jwk, kid) = key.announced_jwk().unwrap();
        for enc in ["A128GCM", "A256GCM"] {
            let header = json!({"alg": "ECDH-ES", "enc": enc, "kid": kid, "apu": "QWxpY2U", "apv": "Qm9i"});
            let make = || {
                let sender = EphemeralKey::from_scalar([9; 32]).unwrap();
                encrypt_with(&sender, [1; 12], &jwk, header.as_object().unwrap().clone(), b"{}").unwrap()
            };
            assert_eq!(make(), make());
            assert_eq!(decrypt(&make(), &key, &kid).unwrap().as_slice(), b"{}");
        }
        let header = json!({"alg": "ECDH-ES", "enc": "A192GCM"}).as_object().unwrap().clone();
        assert!(encrypt_with_secret(&[0; 32], [1; 12], &header, b"").is_err());
    }
}
