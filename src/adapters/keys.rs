//! The signing key in a file.

use crate::app::ports::{Pending, RequestSigner, SigningFailed};
use crate::domain::encoding::base64;
use crate::domain::jose::keys::SigningKey;
use crate::domain::x509::Certificate;

/// Signs with a key that this process holds.
#[derive(Debug)]
pub struct KeySigner {
    key: SigningKey,
    chain: Vec<Vec<u8>>,
    client_id: String,
}

/// Key and certificates do not make a relying party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignerFault {
    /// There is no certificate.
    #[error("there is no access certificate")]
    NoCertificate,
    /// The leaf certifies another key.
    #[error("the access certificate is for another key")]
    OtherKey,
    /// The leaf has no such DNS name.
    #[error("the access certificate does not have this DNS name")]
    OtherName,
}

impl KeySigner {
    /// The relying party whose name is the hash of its certificate: `x509_hash:` and base64url of SHA-256 over the DER of
    /// the leaf.
    ///
    /// # Errors
    /// [`SignerFault`] if the chain is empty or its leaf is for another key.
    ///
    /// # Source
    /// OpenID4VP 1.0 section 5.9.3, HAIP 1.0 section 5.
    pub fn by_hash(key: SigningKey, chain: &[Certificate]) -> Result<Self, SignerFault> {
        let leaf = certified(&key, chain)?;
        let client_id = format!("x509_hash:{}", base64::encode_url(&leaf.fingerprint()));
        Ok(Self::new(key, chain, client_id))
    }

    /// The relying party whose name is a DNS name in its certificate.
    ///
    /// # Errors
    /// [`SignerFault`] if the chain is empty, its leaf is for another key, or lacks exactly this name (OVP-CID-05).
    pub fn by_dns_name(key: SigningKey, chain: &[Certificate], name: &str) -> Result<Self, SignerFault> {
        let leaf = certified(&key, chain)?;
        if !leaf.dns_names.iter().any(|certified| certified == name) {
            return Err(SignerFault::OtherName);
        }
        Ok(Self::new(key, chain, format!("x509_san_dns:{name}")))
    }

    fn new(key: SigningKey, chain: &[Certificate], client_id: String) -> Self {
        Self { key, chain: chain.iter().map(|certificate| certificate.der.to_vec()).collect(), client_id }
    }
}

fn certified<'c>(key: &SigningKey, chain: &'c [Certificate]) -> Result<&'c Certificate, SignerFault> {
    let leaf = chain.first().ok_or(SignerFault::NoCertificate)?;
    let certified = leaf.public_key().map_err(|_| SignerFault::OtherKey)?;
    let own = key.public_key().map_err(|_| SignerFault::OtherKey)?;
    if certified.same_key(&own) { Ok(leaf) } else { Err(SignerFault::OtherKey) }
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
    use crate::domain::jose::hash::sha256;
    use rcgen::{CertificateParams, KeyPair};

    fn identity(names: &[&str]) -> (SigningKey, Certificate) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        (SigningKey::from_pem(&key.serialize_pem()).unwrap(), Certificate::read(certificate.der()).unwrap())
    }

    #[tokio::test]
    async fn a_signature_is_good_for_the_certified_key() {
        let (key, certificate) = identity(&[]);
        let public = certificate.public_key().unwrap();
        let der = certificate.der.to_vec();
        let signer = KeySigner::by_hash(key, &[certificate]).unwrap();
        // OpenID4VP 1.0 section 5.9.3: the whole hash, base64url without padding.
        assert_eq!(signer.client_id(), format!("x509_hash:{}", base64::encode_url(&sha256(&der))));
        assert_eq!(signer.certificate_chain(), [der]);
        let signature = signer.sign(b"message").await.unwrap();
        assert!(public.verify(b"message", &signature));
    }

    #[test]
    fn a_relying_party_is_consistent() {
        let (key, certificate) = identity(&["verifier.example"]);
        let (other, _) = identity(&[]);
        let by_name = |name| KeySigner::by_dns_name(key.clone(), std::slice::from_ref(&certificate), name);
        assert_eq!(by_name("verifier.example").unwrap().client_id(), "x509_san_dns:verifier.example");
        assert_eq!(by_name("VERIFIER.example").unwrap_err(), SignerFault::OtherName);
        assert_eq!(KeySigner::by_hash(other, &[certificate]).unwrap_err(), SignerFault::OtherKey);
        assert_eq!(KeySigner::by_hash(key, &[]).unwrap_err(), SignerFault::NoCertificate);
    }

    #[test]
    fn the_key_is_not_shown() {
        let (key, certificate) = identity(&[]);
        let signer = KeySigner::by_hash(key, &[certificate]).unwrap();
        assert!(format!("{signer:?}").contains("SigningKey(..)"));
    }
}
