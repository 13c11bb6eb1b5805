//! How a registration certificate goes into `verifier_info` of a request.

use super::certificate::RegistrationCertificate;
use super::serialised::Serialised;
use crate::domain::encoding::base64;
use crate::domain::request::profile::VerifierInfoData;

/// `data` of the element, written as the profile wants it and encoded exactly once (VINFO-03). A CWT is no text, so it is
/// base64url in any case.
pub fn data(rule: VerifierInfoData, certificate: &RegistrationCertificate) -> String {
    match (rule, certificate.serialised()) {
        (VerifierInfoData::Certificate, Serialised::Jwt(jwt)) => jwt.clone(),
        (_, serialised) => base64::encode_url(serialised.bytes()),
    }
}
