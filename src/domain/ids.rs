//! Names and random values that belong to a transaction. `Debug` never shows a value that opens anything.
//!
//! Rules kept here: OVP-REQ-22, OVP-RURI-02, OVP-RESP-13.

use super::encoding::base64;
use super::limits::{NONCE_BYTES, RANDOM_BYTES};
use std::fmt;

macro_rules! random_id {
    (@bytes) => { RANDOM_BYTES };
    (@bytes $bytes:expr) => { $bytes };
    ($( $(#[$doc:meta])* $name:ident $(= $bytes:expr)?; )+) => { $(
        $(#[$doc])*
        ///
        /// 128 random bits as 22 characters of base64url, unless it says more.
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// From fresh random bytes.
            pub fn from_random(bytes: [u8; random_id!(@bytes $($bytes)?)]) -> Self {
                Self(base64::encode_url(&bytes))
            }

            /// From text that came back; `None` if it cannot be one of ours.
            pub fn parse(text: &str) -> Option<Self> {
                let length_fits = text.len() == random_id!(@bytes $($bytes)?).saturating_mul(4).div_ceil(3);
                (length_fits && base64::decode_url(text).is_ok()).then(|| Self(text.to_owned()))
            }

            /// The text, for the wire and the store.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Compares in time that depends on the length only (GEN-11).
            pub fn matches(&self, other: &str) -> bool {
                super::jose::constant_time_eq(self.0.as_bytes(), other.as_bytes())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+ };
}

random_id! {
    /// The caller's name for a transaction; never shown to wallets or browsers.
    TransactionId;
    /// The wallet-facing name of a request, in `request_uri` and `response_uri`.
    RequestHandle;
    /// The browser-facing name of the page of a transaction.
    PageHandle;
    /// The nonce of a request (NON-01, NON-02): 192 bits, 32 characters. Who estimates entropy by counting characters finds
    /// less than 100 bits in 22 of them, however random they are.
    Nonce = NONCE_BYTES;
    /// The `state` of a request (NON-03, NON-05).
    State;
    /// The code in the redirect of a same-device flow (FIX-01).
    ResponseCode;
    /// What a browser is known by while it is open: the value of its cookie (FIX-05).
    BrowserCookie;
}

/// A tenant's name: 1 to 64 of `a-z`, `0-9`, `-`. Every use case takes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(String);

impl TenantId {
    /// The tenant of a service that has only one.
    pub fn default_tenant() -> Self {
        Self("default".to_owned())
    }

    /// Reads a tenant's name; `None` if it has other characters or length.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        fits.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_long_opaque_and_silent() {
        let nonce = Nonce::from_random([7; NONCE_BYTES]);
        assert_eq!(nonce.as_str().len(), 32);
        assert_eq!(Nonce::parse(nonce.as_str()), Some(nonce.clone()));
        assert_eq!(format!("{nonce:?}"), "Nonce(..)");
        let state = State::from_random([7; RANDOM_BYTES]);
        assert_eq!(state.as_str().len(), 22);
        assert_eq!(State::parse(state.as_str()), Some(state.clone()));
        assert!(Nonce::parse(state.as_str()).is_none());
        for wrong in [
            "",
            "1",
            "../../etc/passwd",
            "AAAAAAAAAAAAAAAAAAAAAA=",
            "AAAAAAAAAAAAAAAAAAAAA+",
            "AAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(State::parse(wrong).is_none(), "{wrong}");
        }
        assert!(nonce.matches(nonce.as_str()));
        assert!(!nonce.matches("x"));
    }

    #[test]
    fn tenants_have_plain_names() {
        assert!(TenantId::parse("leipzig-2").is_some());
        for wrong in ["", "Leipzig", "a/b", "a b", &"a".repeat(65)] {
            assert!(TenantId::parse(wrong).is_none(), "{wrong}");
        }
    }
}
