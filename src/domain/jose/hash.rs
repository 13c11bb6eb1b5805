//! Hash functions by their names in the IANA "Named Information" registry, as `_sd_alg` uses them.

use crate::domain::encoding::base64;
use aws_lc_rs::digest;

/// A hash function that the policy accepts for digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// `sha-256`, always accepted (SDJ-17).
    Sha256,
    /// `sha-384`.
    Sha384,
    /// `sha-512`.
    Sha512,
}

impl HashAlgorithm {
    /// The algorithm of exactly this name; case counts (SDJ-15, case SDJ-026).
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "sha-256" => Some(Self::Sha256),
            "sha-384" => Some(Self::Sha384),
            "sha-512" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// base64url of the hash of `bytes`.
    pub fn digest_url(self, bytes: &[u8]) -> String {
        base64::encode_url(self.hash(bytes).as_ref())
    }

    /// The hash of `bytes`.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        self.hash(bytes).as_ref().to_vec()
    }

    fn hash(self, bytes: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes)
    }
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    hash
}

/// base64url of the hash of `bytes` by a Subresource Integrity label, with standard base64 (VC-43, VC-44).
pub fn integrity(label: &str, bytes: &[u8]) -> Option<String> {
    let algorithm = match label {
        "sha256" => &digest::SHA256,
        "sha384" => &digest::SHA384,
        "sha512" => &digest::SHA512,
        _ => return None,
    };
    Some(base64::encode_standard(digest::digest(algorithm, bytes).as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        // SDJ-15, case SDJ-026.
        assert_eq!(HashAlgorithm::from_name("sha-256"), Some(HashAlgorithm::Sha256));
        for wrong in ["SHA-256", "sha-1", "md5", "sha-256-32", "sha256", ""] {
            assert_eq!(HashAlgorithm::from_name(wrong), None, "{wrong}");
        }
    }
}
