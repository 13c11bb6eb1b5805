//! How a registration certificate goes into `verifier_info` of a request.

use super::certificate::RegistrationCertificate;
use super::serialised::Serialised;
use crate::domain::encoding::base64;

/// `format` of the element (ETSI TS 119 472-2 RO_REQ-07).
pub const FORMAT: &str = "registration_cert";

/// What `data` of the element holds. Ecosystems differ, so the profile of the request decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VerifierInfoEncoding {
    /// base64url of the serialised certificate (ETSI TS 119 472-2 V1.1.1 RO_REQ-09).
    Base64url,
    /// The compact JWT itself, as the German sandbox and deployed wallets have it. A CWT is no text, so it is base64url
    /// here as well.
    Compact,
}

impl VerifierInfoEncoding {
    /// The word in configuration and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base64url => "base64url",
            Self::Compact => "compact",
        }
    }

    /// `data` of the element, encoded exactly once (VINFO-03).
    pub fn data(self, certificate: &RegistrationCertificate) -> String {
        match (self, certificate.serialised()) {
            (Self::Compact, Serialised::Jwt(jwt)) => jwt.clone(),
            (_, serialised) => base64::encode_url(serialised.bytes()),
        }
    }
}
