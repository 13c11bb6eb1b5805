//! The signature algorithms that exist here, and the allow-list. A token's `alg` only selects within the list (GEN-01).

use std::fmt;

/// A signature algorithm by its fully specified JOSE name (RFC 7518, RFC 9864).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// EdDSA on edwards25519.
    Ed25519,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl SignatureAlgorithm {
    /// All of them, in the order in which they are announced.
    pub const ALL: [Self; 5] = [Self::Es256, Self::Es384, Self::Es512, Self::Ed25519, Self::Ps256];

    /// The JOSE name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ed25519 => "Ed25519",
            Self::Ps256 => "PS256",
        }
    }

    /// The algorithm of exactly this name. Aliases (`EdDSA`, `ESP256`) are other names, so they are not found (JOS-012).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The algorithm of this number in COSE (RFC 9053 sections 2.1 and 2.2, RFC 8230 section 2). The number of EdDSA
    /// leaves the curve to the key, and a key here is for Ed25519 or for nothing.
    pub const fn from_cose(number: i128) -> Option<Self> {
        match number {
            -7 => Some(Self::Es256),
            -35 => Some(Self::Es384),
            -36 => Some(Self::Es512),
            -8 => Some(Self::Ed25519),
            -37 => Some(Self::Ps256),
            _ => None,
        }
    }
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The algorithms that a policy allows. ES256 always belongs to it (HAIP section 7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedAlgorithms(Vec<SignatureAlgorithm>);

impl AllowedAlgorithms {
    /// ES256 and `more`, in the order of announcement, without repeats.
    pub fn es256_and(more: &[SignatureAlgorithm]) -> Self {
        let allowed =
            |algorithm: &SignatureAlgorithm| *algorithm == SignatureAlgorithm::Es256 || more.contains(algorithm);
        Self(SignatureAlgorithm::ALL.into_iter().filter(allowed).collect())
    }

    /// The algorithm of this name, if the list has it.
    pub fn find(&self, name: &str) -> Option<SignatureAlgorithm> {
        SignatureAlgorithm::from_name(name).filter(|algorithm| self.0.contains(algorithm))
    }

    /// The algorithm of this number in COSE, if the list has it.
    pub fn find_cose(&self, number: i128) -> Option<SignatureAlgorithm> {
        SignatureAlgorithm::from_cose(number).filter(|algorithm| self.0.contains(algorithm))
    }

    /// The JOSE names, for `vp_formats_supported` (OVP-META-17).
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().map(|algorithm| algorithm.name())
    }
}

impl Default for AllowedAlgorithms {
    fn default() -> Self {
        Self::es256_and(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exact_names_on_the_list() {
        // OVP-REQ-18: a short list, and nothing weak on it.
        // GEN-01, JOS-001, JOS-004, JOS-012.
        let allowed = AllowedAlgorithms::default();
        assert_eq!(allowed.find("ES256"), Some(SignatureAlgorithm::Es256));
        for name in ["none", "None", "HS256", "es256", "ESP256", "ES384", "EdDSA", "ES256K", "RS256", ""] {
            assert_eq!(allowed.find(name), None, "{name}");
        }
        let wider = AllowedAlgorithms::es256_and(&[SignatureAlgorithm::Ps256, SignatureAlgorithm::Es384]);
        assert_eq!(allowed.find_cose(-7), Some(SignatureAlgorithm::Es256));
        // 5 and 4 are MACs, -9 and -19 fully specified names, -257 PKCS #1 padding, 0 reserved.
        for number in [-35, -36, -37, -8, 5, 4, -9, -19, -257, 0, 7, i128::MIN] {
            assert_eq!(allowed.find_cose(number), None, "{number}");
        }
        assert_eq!(wider.find_cose(-37), Some(SignatureAlgorithm::Ps256));
        assert_eq!(wider.names().collect::<Vec<_>>(), ["ES256", "ES384", "PS256"]);
    }
}
