//! Client identifiers and their prefixes (OpenID4VP 1.0 section 5.9).

use crate::domain::encoding::base64;
use crate::domain::reason::{Code, Reason};
use crate::domain::x509::Certificate;

/// How the verifier is named to wallets. The whole text, prefix included, is the audience of proofs (OVP-CID-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientIdPrefix {
    /// The hash of the access certificate; the only one under HAIP (OVP-CID-03).
    X509Hash,
    /// A DNS name in the access certificate.
    X509SanDns,
}

impl ClientIdPrefix {
    /// The prefix without its colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X509Hash => "x509_hash",
            Self::X509SanDns => "x509_san_dns",
        }
    }

    /// The prefix of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::X509Hash, Self::X509SanDns].into_iter().find(|prefix| prefix.as_str() == name)
    }

    /// The prefix of a client identifier.
    pub fn of(client_id: &str) -> Option<Self> {
        client_id.split_once(':').and_then(|(prefix, _)| Self::from_name(prefix))
    }

    /// The client identifier for an access certificate, on a service whose public host is `host`.
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] for `x509_san_dns` when the certificate does not name the host (OVP-CID-05, OVP-REQ-06).
    ///
    /// # Source
    /// OpenID4VP 1.0 section 5.9.3: the hash is SHA-256 over the DER of the leaf, in base64url.
    pub fn client_id(self, leaf: &Certificate, host: &str) -> Result<String, Reason> {
        match self {
            Self::X509Hash => Ok(format!("x509_hash:{}", base64::encode_url(&leaf.fingerprint()))),
            Self::X509SanDns if leaf.dns_names.iter().any(|name| name == host) => Ok(format!("x509_san_dns:{host}")),
            Self::X509SanDns => {
                Err(Reason::new(Code::ConfigRefused, "the access certificate does not name the public host"))
            }
        }
    }
}
