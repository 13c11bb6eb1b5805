//! Compact JWS with every part in the hands of the caller: exact bytes of header, payload and signature.

use crate::domain::encoding::base64;
use crate::domain::jose::hash::sha256;
use crate::simulator::SimulatorError;
use crate::simulator::authority::SignerKey;
use serde_json::{Map, Value};

/// The three parts of a compact JWS, before base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jws {
    /// The protected header: usually JSON.
    pub header: Vec<u8>,
    /// The payload: usually JSON.
    pub payload: Vec<u8>,
    /// The signature, in any form.
    pub signature: Vec<u8>,
}

impl Jws {
    /// Without a signature yet.
    pub fn unsigned(header: &Map<String, Value>, payload: Vec<u8>) -> Self {
        Self { header: json(header), payload, signature: Vec::new() }
    }

    /// What a signature is made over.
    pub fn signing_input(&self) -> String {
        format!("{}.{}", base64::encode_url(&self.header), base64::encode_url(&self.payload))
    }

    /// Signs the parts as they are now.
    ///
    /// # Errors
    /// [`SimulatorError::Key`], as [`SignerKey::sign`].
    pub fn sign(mut self, key: &SignerKey) -> Result<Self, SimulatorError> {
        self.signature = key.sign(self.signing_input().as_bytes())?;
        Ok(self)
    }

    /// "Signs" with HMAC-SHA-256, as an attacker does who hopes for a verifier that takes a public key for a secret.
    #[must_use]
    pub fn sign_hs256(mut self, secret: &[u8]) -> Self {
        self.signature = hmac_sha256(secret, self.signing_input().as_bytes()).to_vec();
        self
    }

    /// The compact form.
    pub fn text(&self) -> String {
        format!("{}.{}", self.signing_input(), base64::encode_url(&self.signature))
    }
}

/// The text of a JSON object, without white space.
pub fn json(members: &Map<String, Value>) -> Vec<u8> {
    Value::Object(members.clone()).to_string().into_bytes()
}

/// A header of an ES256 token of this `typ`.
pub fn header(typ: &str) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("alg".to_owned(), Value::from("ES256"));
    members.insert("typ".to_owned(), Value::from(typ));
    members
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac_sha256(secret: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    let short = if secret.len() > block.len() { sha256(secret).to_vec() } else { secret.to_vec() };
    for (place, byte) in block.iter_mut().zip(short) {
        *place = byte;
    }
    let keyed = |pad: u8, rest: &[u8]| {
        let mut input: Vec<u8> = block.iter().map(|byte| byte ^ pad).collect();
        input.extend_from_slice(rest);
        sha256(&input)
    };
    keyed(0x5c, &keyed(0x36, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jose::jwk::PublicKey;
    use crate::simulator::seed::Seed;

    #[test]
    fn a_signed_token_is_what_another_library_reads() {
        let key = Seed::new([3; 32]).key("holder").unwrap();
        let payload = br#"{"a":1}"#.to_vec();
        let token = Jws::unsigned(&header("JWT"), payload).sign(&SignerKey::P256(key.clone())).unwrap().text();
        // By hand, with the verifier that josekit or aws-lc-rs gives the jose room.
        let (input, signature) = token.rsplit_once('.').unwrap();
        let public = PublicKey::from_jwk(&key.public_jwk()).unwrap();
        assert!(public.verify(input.as_bytes(), &base64::decode_url(signature).unwrap()));
        assert_eq!(base64::decode_url(input.split_once('.').unwrap().0).unwrap(), br#"{"alg":"ES256","typ":"JWT"}"#);
    }

    #[test]
    fn hmac_matches_the_published_vector() {
        // RFC 4231 section 4.3.
        let expected = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00,
            0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ];
        assert_eq!(hmac_sha256(b"Jefe", b"what do ya want for nothing?"), expected);
    }
}
