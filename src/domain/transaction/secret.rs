//! A private key as it is kept between request and answer.

use crate::domain::jose::keys::EphemeralKey;
use std::fmt;
use zeroize::Zeroizing;

/// A private scalar of P-256: 32 bytes, big-endian. Zeroed when dropped; `Debug` shows nothing of it.
///
/// Preparing a key costs about a third of a verification, and a request needs its key three times. So the prepared key
/// stays with the transaction that it was made for, as long as it is in memory; what comes from the store is the scalar
/// alone. Whether that lies in the range of the curve is for `jose` to say when it makes a key of it.
#[derive(Clone)]
pub struct SecretScalar(Form);

#[derive(Clone)]
enum Form {
    Bytes(Zeroizing<[u8; 32]>),
    Prepared(EphemeralKey),
}

impl SecretScalar {
    /// Takes the bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Form::Bytes(Zeroizing::new(bytes)))
    }

    /// Takes the key they were made for, or from.
    pub const fn of(key: EphemeralKey) -> Self {
        Self(Form::Prepared(key))
    }

    /// Shows the bytes, for the record.
    pub fn expose(&self) -> &[u8; 32] {
        match &self.0 {
            Form::Bytes(bytes) => bytes,
            Form::Prepared(key) => key.scalar(),
        }
    }

    /// The key, for the places that announce it and decrypt with it. `None` for bytes that are no scalar.
    pub fn key(&self) -> Option<EphemeralKey> {
        match &self.0 {
            Form::Bytes(bytes) => EphemeralKey::from_scalar(**bytes),
            Form::Prepared(key) => Some(key.clone()),
        }
    }
}

impl PartialEq for SecretScalar {
    /// Compares in constant time (GEN-11).
    fn eq(&self, other: &Self) -> bool {
        crate::domain::jose::constant_time_eq(self.expose(), other.expose())
    }
}

impl Eq for SecretScalar {}

impl fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_or_not_it_is_the_same_key() {
        let key = EphemeralKey::from_scalar([3; 32]).unwrap();
        let (prepared, stored) = (SecretScalar::of(key.clone()), SecretScalar::new([3; 32]));
        assert_eq!(prepared, stored);
        assert_ne!(prepared, SecretScalar::new([4; 32]));
        for secret in [prepared, stored] {
            assert_eq!(secret.expose(), &[3; 32]);
            assert_eq!(secret.key().unwrap().public_jwk(), key.public_jwk());
            assert_eq!(format!("{secret:?}"), "SecretScalar(..)");
        }
        assert!(SecretScalar::new([0; 32]).key().is_none());
    }
}
