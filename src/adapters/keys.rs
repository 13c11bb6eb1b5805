//! The signing key in a file.

use crate::app::ports::{Pending, RequestSigner, SigningFailed};
use crate::domain::jose::keys::SigningKey;
use crate::domain::reason::{Code, Reason};
use crate::domain::x509::Certificate;

/// Signs with a key that this process holds.
#[derive(Debug)]
pub struct KeySigner {
    key: SigningKey,
    chain: Vec<Vec<u8>>,
}

impl KeySigner {
    /// The relying party with this key and these certificates, leaf first.
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] if there is no certificate, or its leaf is for another key (OVP-JAR-11).
    pub fn new(key: SigningKey, chain: &[Certificate]) -> Result<Self, Reason> {
        let refused = |detail: &'static str| Reason::new(Code::ConfigRefused, detail);
        let leaf = chain.first().ok_or_else(|| refused("there is no access certificate"))?;
        let fits = match (leaf.public_key(), key.public_key()) {
            (Ok(certified), Ok(own)) => certified.same_key(&own),
            _ => false,
        };
        if !fits {
            return Err(refused("the access certificate is for another key"));
        }
        Ok(Self { key, chain: chain.iter().map(|certificate| certificate.der.to_vec()).collect() })
    }
}

impl RequestSigner for KeySigner {
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
    use crate::domain::request::client_id::ClientId;
    use rcgen::{CertificateParams, KeyPair};

    fn identity() -> (SigningKey, Certificate) {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap();
        (SigningKey::from_pem(&key.serialize_pem()).unwrap(), Certificate::read(certificate.der()).unwrap())
    }

    #[tokio::test]
    async fn a_signature_is_good_for_the_certified_key() {
        // OVP-JAR-11.
        let (key, certificate) = identity();
        let public = certificate.public_key().unwrap();
        let der = certificate.der.to_vec();
        // OpenID4VP 1.0 section 5.9.3: the whole hash, base64url without padding (OVP-CID-02).
        let hash = format!("x509_hash:{}", base64::encode_url(&sha256(&der)));
        assert_eq!(ClientId::x509_hash(&certificate), ClientId::Fixed(hash));
        let signer = KeySigner::new(key, &[certificate]).unwrap();
        assert_eq!(signer.certificate_chain(), [der]);
        let signature = signer.sign(b"message").await.unwrap();
        assert!(public.verify(b"message", &signature));
    }

    #[test]
    fn a_relying_party_is_consistent() {
        // OVP-JAR-03, OVP-JAR-11: key and certificate belong together.
        // OVP-JAR-03, OVP-JAR-11.
        let (key, certificate) = identity();
        let (other_key, _) = identity();
        for (key, chain) in [(other_key, std::slice::from_ref(&certificate)), (key, &[][..])] {
            assert_eq!(KeySigner::new(key, chain).unwrap_err().code, Code::ConfigRefused);
        }
    }

    #[test]
    fn the_key_is_not_shown() {
        let (key, certificate) = identity();
        let signer = KeySigner::new(key, &[certificate]).unwrap();
        assert!(format!("{signer:?}").contains("SigningKey(..)"));
    }
}
