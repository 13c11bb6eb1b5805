//! A private key as it is kept between request and answer.

use std::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A private scalar of P-256: 32 bytes, big-endian. Zeroed when dropped; `Debug` shows nothing of it.
///
/// The scalar and not a key object, because an open transaction should be small. Whether it lies in the range of the
/// curve is for `jose` to say when it makes a key of it.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretScalar([u8; 32]);

impl SecretScalar {
    /// Takes the bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Shows the bytes, for the one place that decrypts and for the record.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for SecretScalar {
    /// Compares in constant time (GEN-11).
    fn eq(&self, other: &Self) -> bool {
        crate::domain::jose::constant_time_eq(&self.0, &other.0)
    }
}

impl Eq for SecretScalar {}

impl fmt::Debug for SecretScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretScalar(..)")
    }
}
