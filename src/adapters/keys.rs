//! The signing key in a file.

use crate::app::ports::{Pending, RequestSigner, SigningFailed};
use crate::domain::jose::keys::SigningKey;
use crate::domain::reason::{Code, Reason};
use crate::domain::request::client_id::ClientIdPrefix;
use crate::domain::x509::Certificate;

/// Signs with a key that this process holds.
#[derive(Debug)]
pub struct KeySigner {
    key: SigningKey,
    chain: Vec<Vec<u8>>,
    client_id: String,
}

impl KeySigner {
    /// The relying party with this key and these certificates, leaf first, on a service whose public host is `host`.
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] if there is no certificate, its leaf is for another key, or does not name the host where
    /// the prefix demands it (OVP-CID-05).
    pub fn new(key: SigningKey, chain: &[Certificate], prefix: ClientIdPrefix, host: &str) -> Result<Self, Reason> {
        let refused = |detail: &'static str| Reason::new(Code::ConfigRefused, detail);
        let leaf = chain.first().ok_or_else(|| refused("there is no access certificate"))?;
        let fits = match (leaf.public_key(), key.public_key()) {
            (Ok(certified), Ok(own)) => certified.same_key(&own),
            _ => false,
        };
        if !fits {
            return Err(refused("the access certificate is for another key"));
        }
        let client_id = prefix.client_id(leaf, host)?;
        Ok(Self { key, chain: chain.iter().map(|certificate| certificate.der.to_vec()).collect(), client_id })
    }
}

impl RequestSigner for KeySigner {
    fn client_id(&self) -> &str {
        &self.client_id
    }

    fn certificate_chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> Pending<'a, [u8; 64], SigningFailed> {
        let signature = self
            .key
            .sign(message)
            .map_err(|fault| SigningFailed(fault.to_string()))
            .and_then(|bytes| bytes.try_into().map_err(|_| SigningFailed("not 64 bytes".to_owned())));
        Box::pin(std::future::ready(signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::encoding::base64;
    use crate::domain::jose::hash::sha256;
    use rcgen::{CertificateParams, KeyPair};

    fn identity(names: &[&str]) -> (SigningKey, Certificate) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        (SigningKey::from_pem(&key.serialize_pem()).unwrap(), Certificate::read(certificate.der()).unwrap())
    }

    fn signer(key: SigningKey, chain: &[Certificate], prefix: ClientIdPrefix) -> Result<KeySigner, Reason> {
        KeySigner::new(key, chain, prefix, "verifier.example")
    }

    #[tokio::test]
    async fn a_signature_is_good_for_the_certified_key() {
        let (key, certificate) = identity(&[]);
        let public = certificate.public_key().unwrap();
        let der = certificate.der.to_vec();
        let signer = signer(key, &[certificate], ClientIdPrefix::X509Hash).unwrap();
        // OpenID4VP 1.0 section 5.9.3: the whole hash, base64url without padding.
        assert_eq!(signer.client_id(), format!("x509_hash:{}", base64::encode_url(&sha256(&der))));
        assert_eq!(signer.certificate_chain(), [der]);
        let signature = signer.sign(b"message").await.unwrap();
        assert!(public.verify(b"message", &signature));
    }

    #[test]
    fn a_relying_party_is_consistent() {
        let (key, certificate) = identity(&["verifier.example"]);
        let chain = std::slice::from_ref(&certificate);
        let named = signer(key.clone(), chain, ClientIdPrefix::X509SanDns).unwrap();
        assert_eq!(named.client_id(), "x509_san_dns:verifier.example");
        let (other_key, other) = identity(&["VERIFIER.other"]);
        for (key, chain, prefix) in [
            (other_key.clone(), chain, ClientIdPrefix::X509Hash),
            (key, &[][..], ClientIdPrefix::X509Hash),
            (other_key, std::slice::from_ref(&other), ClientIdPrefix::X509SanDns),
        ] {
            assert_eq!(signer(key, chain, prefix).unwrap_err().code, Code::ConfigRefused);
        }
    }

    #[test]
    fn the_key_is_not_shown() {
        let (key, certificate) = identity(&[]);
        let signer = signer(key, &[certificate], ClientIdPrefix::X509Hash).unwrap();
        assert!(format!("{signer:?}").contains("SigningKey(..)"));
    }
}
