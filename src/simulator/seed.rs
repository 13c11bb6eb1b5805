//! Everything random in the simulator, derived from one seed: the same seed gives the same bytes on every machine.

use super::SimulatorError;
use crate::domain::encoding::base64;
use crate::domain::jose::hash::sha256;
use crate::domain::jose::keys::{P384SigningKey, SigningKey};
use std::fmt;

/// The source of all keys, salts and nonces of one test authority. `Debug` shows nothing.
#[derive(Clone, Copy)]
pub struct Seed([u8; 32]);

impl Seed {
    /// From 32 bytes, which need not be secret: what they make is thrown away.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 32 bytes that belong to `name`.
    pub fn bytes(&self, name: &str) -> [u8; 32] {
        let mut input = self.0.to_vec();
        input.extend_from_slice(name.as_bytes());
        sha256(&input)
    }

    /// 16 bytes that belong to `name`, as 22 characters of base64url: a salt or a nonce.
    pub fn text(&self, name: &str) -> String {
        base64::encode_url(self.bytes(name).get(..16).unwrap_or_default())
    }

    /// The P-256 key of this name.
    ///
    /// # Errors
    /// [`SimulatorError::Key`] if the bytes are no scalar of the curve: one name in 2^32; choose another seed.
    pub fn key(&self, name: &str) -> Result<SigningKey, SimulatorError> {
        Ok(SigningKey::from_scalar(&self.bytes(&format!("key/{name}")))?)
    }

    /// The P-384 key of this name.
    ///
    /// # Errors
    /// As [`Self::key`].
    pub fn p384_key(&self, name: &str) -> Result<P384SigningKey, SimulatorError> {
        let mut scalar = [0; 48];
        scalar[16..].copy_from_slice(&self.bytes(&format!("key-384/{name}")));
        Ok(P384SigningKey::from_scalar(&scalar)?)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_gives_the_same_bytes() {
        let seed = Seed::new([1; 32]);
        assert_eq!(seed.bytes("a"), seed.bytes("a"));
        assert_ne!(seed.bytes("a"), seed.bytes("b"));
        assert_ne!(seed.bytes("a"), Seed::new([2; 32]).bytes("a"));
        assert_eq!(seed.text("a").len(), 22);
        assert_eq!(seed.key("a").unwrap().public_point(), seed.key("a").unwrap().public_point());
        assert_eq!(seed.p384_key("a").unwrap().public_point().len(), 97);
        assert_eq!(format!("{seed:?}"), "Seed(..)");
    }
}
