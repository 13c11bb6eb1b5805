//! `oid4vp-1final-verifier-test-plan`: OpenID4VP 1.0 Final, in each variant that the suite has for SD-JWT VC.

use super::Variant;
use pruefstein::domain::jose::jwe::ContentEncryption;
use pruefstein::domain::request::client_id::ClientIdPrefix;
use pruefstein::domain::request::profile;

const fn variant(prefix: ClientIdPrefix, encryption: Option<ContentEncryption>) -> Variant {
    Variant { profile: &profile::OPENID4VP, prefix, encryption }
}

const VARIANTS: [Variant; 6] = [
    variant(ClientIdPrefix::X509Hash, None),
    variant(ClientIdPrefix::X509Hash, Some(ContentEncryption::A128Gcm)),
    variant(ClientIdPrefix::X509Hash, Some(ContentEncryption::A256Gcm)),
    variant(ClientIdPrefix::X509SanDns, None),
    variant(ClientIdPrefix::X509SanDns, Some(ContentEncryption::A128Gcm)),
    variant(ClientIdPrefix::X509SanDns, Some(ContentEncryption::A256Gcm)),
];

plan!("oid4vp-1final-verifier-test-plan", VARIANTS);
