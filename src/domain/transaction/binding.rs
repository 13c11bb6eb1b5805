//! Who must come back: the browser that opened the page, and the session of the caller's that began the transaction.
//!
//! Both are known here by digests only. A digest is compared in constant time, and its origin is never kept.

use crate::domain::jose::constant_time_eq;
use std::fmt;

macro_rules! digests {
    ($( $(#[$doc:meta])* $name:ident; )+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes a SHA-256 digest.
            pub const fn new(digest: [u8; 32]) -> Self {
                Self(digest)
            }

            /// The digest, for the record.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl PartialEq for $name {
            /// Compares in constant time (GEN-11).
            fn eq(&self, other: &Self) -> bool {
                constant_time_eq(&self.0, &other.0)
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+ };
}

digests! {
    /// The digest of a response code. The code itself is never kept.
    ResponseCodeHash;
    /// The digest of a browser's cookie together with the page, so that two transactions of one browser cannot be linked.
    BrowserHash;
    /// The digest of what the caller named its session by.
    SessionHash;
}
