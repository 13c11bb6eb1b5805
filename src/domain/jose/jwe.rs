//! Encrypted answers: compact JWE with `ECDH-ES` on P-256 and AES-GCM. Decryption proves nothing about the sender.

use super::jwk::{KeyFault, PublicKey};
use super::keys::EphemeralKey;
use crate::domain::encoding::{base64, json};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::agreement::{self, ECDH_P256, UnparsedPublicKey};
use aws_lc_rs::digest;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The content encryptions that HAIP section 5 demands; both are always announced and accepted (OVP-META-11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentEncryption {
    /// AES-128 in Galois/Counter mode.
    A128Gcm,
    /// AES-256 in Galois/Counter mode.
    A256Gcm,
}

impl ContentEncryption {
    /// Both, in the order of announcement.
    pub const ALL: [Self; 2] = [Self::A128Gcm, Self::A256Gcm];

    /// The JOSE name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    const fn key_bytes(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm => 32,
        }
    }
}

/// Decrypts a compact JWE made for `key`, which was announced under `kid`.
///
/// # Errors
/// - [`Code::JweMalformed`] for the form: five parts, a header with `epk` on P-256 without private part, a nonce of
///   96 bits.
/// - [`Code::LimitExceeded`], [`Code::Base64urlInvalid`], [`Code::JsonInvalid`] for the header and the parts.
/// - [`Code::JweAlgNotAllowed`], [`Code::JweEncNotAllowed`], [`Code::JweZipNotAllowed`], [`Code::JwsCritUnsupported`],
///   [`Code::JweKeyUnknown`].
/// - [`Code::DecryptionFailed`] for everything that depends on keys or ciphertext, with one text (JWE-024).
///
/// # Source
/// OpenID4VP 1.0 section 8.3, RFC 7516 section 5.2, RFC 7518 section 4.6; OVP-JWE-02 to 09.
pub fn decrypt(token: &str, key: &EphemeralKey, kid: &str) -> Result<Zeroizing<Vec<u8>>, Reason> {
    let parts = Parts::split(token)?;
    let header = Header::parse(parts.header, kid)?;
    let initialization = base64::decode_url(parts.initialization)?;
    let nonce: [u8; NONCE_LEN] = initialization
        .as_slice()
        .try_into()
        .map_err(|_| Reason::new(Code::JweMalformed, "the initialization vector has not 96 bits"))?;
    let mut sealed = Zeroizing::new(base64::decode_url(parts.ciphertext)?);
    let tag = base64::decode_url(parts.tag)?;
    let failed = || Reason::new(Code::DecryptionFailed, "the answer cannot be decrypted");
    if tag.len() != 16 || !parts.encrypted_key.is_empty() {
        return Err(failed());
    }
    sealed.extend_from_slice(&tag);
    let secret = header.derive_key(key).ok_or_else(failed)?;
    let algorithm = match header.enc {
        ContentEncryption::A128Gcm => &AES_128_GCM,
        ContentEncryption::A256Gcm => &AES_256_GCM,
    };
    let opener = LessSafeKey::new(UnboundKey::new(algorithm, &secret).map_err(|_| failed())?);
    let plain_length = opener
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(parts.header.as_bytes()), &mut sealed)
        .map_err(|_| failed())?
        .len();
    sealed.truncate(plain_length);
    Ok(sealed)
}

struct Parts<'a> {
    header: &'a str,
    encrypted_key: &'a str,
    initialization: &'a str,
    ciphertext: &'a str,
    tag: &'a str,
}

impl<'a> Parts<'a> {
    fn split(token: &'a str) -> Result<Self, Reason> {
        let malformed = || Reason::new(Code::JweMalformed, "not a compact JWE of five parts");
        if token.starts_with('{') {
            return Err(malformed());
        }
        let mut parts = token.splitn(6, '.');
        let mut next = || parts.next().ok_or_else(malformed);
        let split = Self {
            header: next()?,
            encrypted_key: next()?,
            initialization: next()?,
            ciphertext: next()?,
            tag: next()?,
        };
        if parts.next().is_some() { Err(malformed()) } else { Ok(split) }
    }
}

struct Header {
    enc: ContentEncryption,
    /// Uncompressed point, not yet known to be on the curve.
    sender: [u8; 65],
    apu: Vec<u8>,
    apv: Vec<u8>,
}

impl Header {
    fn parse(part: &str, kid: &str) -> Result<Self, Reason> {
        if part.len() > limits::JOSE_HEADER_CHARS {
            return Err(Reason::new(Code::LimitExceeded, "JOSE header above the limit"));
        }
        let members = json::parse_object(&base64::decode_url(part)?)?;
        match members.get("alg").map(Value::as_str) {
            Some(Some("ECDH-ES")) => {}
            _ => return Err(Reason::new(Code::JweAlgNotAllowed, "alg is not ECDH-ES")),
        }
        let enc = match members.get("enc") {
            Some(Value::String(name)) => ContentEncryption::ALL.into_iter().find(|enc| enc.name() == name),
            _ => None,
        }
        .ok_or_else(|| Reason::new(Code::JweEncNotAllowed, "enc is not A128GCM or A256GCM"))?;
        if members.contains_key("zip") {
            return Err(Reason::new(Code::JweZipNotAllowed, "zip is not accepted"));
        }
        if members.contains_key("crit") {
            return Err(Reason::new(Code::JwsCritUnsupported, "crit names extensions; none is supported"));
        }
        if members.get("kid").and_then(Value::as_str) != Some(kid) {
            return Err(Reason::new(Code::JweKeyUnknown, "kid does not name the key of this request"));
        }
        let sender = sender_point(&members)?;
        Ok(Self { enc, sender, apu: party(&members, "apu")?, apv: party(&members, "apv")? })
    }

    /// The content encryption key: agreement and the single-block Concat KDF of RFC 7518 section 4.6.2.
    fn derive_key(&self, key: &EphemeralKey) -> Option<Zeroizing<Vec<u8>>> {
        let sender = UnparsedPublicKey::new(&ECDH_P256, &self.sender);
        agreement::agree(key.prepared(), sender, KeyFault("agreement failed"), |shared| {
            let mut context = digest::Context::new(&digest::SHA256);
            context.update(&1_u32.to_be_bytes());
            context.update(shared);
            let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
            for part in [self.enc.name().as_bytes(), &self.apu, &self.apv] {
                context.update(&length(part));
                context.update(part);
            }
            let bits: u32 = match self.enc {
                ContentEncryption::A128Gcm => 128,
                ContentEncryption::A256Gcm => 256,
            };
            context.update(&bits.to_be_bytes());
            let hash = context.finish();
            let bytes = hash.as_ref().get(..self.enc.key_bytes()).unwrap_or_default();
            Ok(Zeroizing::new(bytes.to_vec()))
        })
        .ok()
    }
}

/// Form faults of `epk` are told apart from each other by nobody who could use it: what depends on the curve fails in
/// the agreement, with the same answer as a bad tag (JWE-013, JWE-014).
fn sender_point(members: &Map<String, Value>) -> Result<[u8; 65], Reason> {
    let malformed = |detail: &'static str| Reason::new(Code::JweMalformed, detail);
    let Some(Value::Object(epk)) = members.get("epk") else {
        return Err(malformed("epk is missing or no object"));
    };
    let text = |name: &str| epk.get(name).and_then(Value::as_str);
    if text("kty") != Some("EC") || text("crv") != Some("P-256") || epk.contains_key("d") {
        return Err(malformed("epk is not a public P-256 key"));
    }
    let mut point = Vec::with_capacity(65);
    point.push(4);
    for name in ["x", "y"] {
        let text = text(name).ok_or_else(|| malformed("epk has no coordinates"))?;
        point.extend(base64::decode_url(text)?);
    }
    point.try_into().map_err(|_| Reason::new(Code::DecryptionFailed, "the answer cannot be decrypted"))
}

fn party(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, Reason> {
    match members.get(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => base64::decode_url(text),
        Some(_) => Err(Reason::new(Code::JweMalformed, "apu or apv is no string")),
    }
}

/// Whether a JWK of another party can be encrypted to with `ECDH-ES`; the point is checked.
///
/// # Errors
/// [`KeyFault`] as for signature keys, but for keys whose `use` or `alg` say encryption.
pub fn check_recipient(jwk: &Map<String, Value>) -> Result<(), KeyFault> {
    let mut bare = jwk.clone();
    for name in ["use", "alg", "key_ops"] {
        bare.remove(name);
    }
    let word = |name: &str| jwk.get(name).map(|value| value.as_str().unwrap_or_default());
    if !matches!(word("use"), None | Some("enc")) || !matches!(word("alg"), None | Some("ECDH-ES")) {
        return Err(KeyFault("the key is not for ECDH-ES"));
    }
    if word("crv") != Some("P-256") {
        return Err(KeyFault("curve not supported"));
    }
    PublicKey::from_jwk(&bare).map(|_| ())
}
