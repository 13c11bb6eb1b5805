//! `oid4vp-1final-verifier-haip-test-plan`: HAIP 1.0, which has one way to be named and always encrypts.

use super::Variant;
use pruefstein::domain::jose::jwe::ContentEncryption;
use pruefstein::domain::request::client_id::ClientIdPrefix;
use pruefstein::domain::request::profile;

const fn haip(encryption: ContentEncryption) -> Variant {
    Variant { profile: &profile::HAIP, prefix: ClientIdPrefix::X509Hash, encryption: Some(encryption) }
}

pub(super) const VARIANTS: [Variant; 2] = [haip(ContentEncryption::A128Gcm), haip(ContentEncryption::A256Gcm)];

plan!("oid4vp-1final-verifier-haip-test-plan", VARIANTS);
