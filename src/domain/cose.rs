//! COSE_Sign1: one signature over a payload, with its headers. The counterpart of a compact JWS, by the same rules.

use crate::domain::encoding::cbor::{self, Value};
use crate::domain::jose::alg::{AllowedAlgorithms, SignatureAlgorithm};
use crate::domain::jose::hash::sha256;
use crate::domain::jose::jwk::PublicKey;
use crate::domain::limits;

/// Why a COSE_Sign1 cannot be used. The place where it was found gives it its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CoseFault(pub &'static str);

impl From<cbor::Fault> for CoseFault {
    fn from(fault: cbor::Fault) -> Self {
        Self(fault.detail())
    }
}

/// Tags of CBOR for the kinds of COSE messages and for CWT (RFC 9052 section 2, RFC 8392 section 6).
mod tag {
    pub(super) const SIGN1: u64 = 18;
    pub(super) const MAC: u64 = 97;
    pub(super) const MAC0: u64 = 17;
    pub(super) const CWT: u64 = 61;
}

/// Labels of header parameters (RFC 9052 section 3.1, RFC 9360 section 2, RFC 9596 section 2).
mod label {
    pub(super) const ALG: i128 = 1;
    pub(super) const CRIT: i128 = 2;
    pub(super) const TYP: i128 = 16;
    pub(super) const X5CHAIN: i128 = 33;
    pub(super) const X5T: i128 = 34;
    /// Parameters that bring a key, or an address of one, beside `x5chain`: kcwt, kccs, x5bag, x5u.
    pub(super) const OTHER_KEYS: [i128; 4] = [13, 14, 32, 35];
}

/// The number of SHA-256 in `x5t` (RFC 9054 section 2.1).
const SHA_256: i128 = -16;

/// A COSE_Sign1 whose form and headers have passed the rules that hold for every token, but no signature yet.
#[derive(Clone)]
pub struct Sign1<'a> {
    protected: &'a [u8],
    headers: Value<'a>,
    payload: &'a [u8],
    signature: &'a [u8],
}

impl std::fmt::Debug for Sign1<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sign1(..)")
    }
}

impl<'a> Sign1<'a> {
    /// Reads a tagged COSE_Sign1 (tag 18) with its payload inside. Only the protected header counts; the other one is
    /// read to be refused where it contradicts.
    ///
    /// # Errors
    /// [`CoseFault`] for everything else: CBOR that is not strict, another tag or none, MACs, the tag of CWT (61), a
    /// payload elsewhere, a label in both headers, `crit` (nothing critical is understood), and parameters that bring
    /// another key.
    ///
    /// # Source
    /// RFC 9052 sections 3, 3.1 and 4.2; Token Status List section 5.2.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CoseFault> {
        let message = match cbor::parse(bytes)? {
            Value::Tag(tag::SIGN1, message) => *message,
            Value::Tag(tag::CWT, _) => return Err(CoseFault("a CWT tag around the COSE message")),
            Value::Tag(tag::MAC | tag::MAC0, _) => return Err(CoseFault("a MAC in the place of a signature")),
            _ => return Err(CoseFault("not a tagged COSE_Sign1")),
        };
        let Value::Array(parts) = message else { return Err(CoseFault("COSE_Sign1 is no array")) };
        let [Value::Bytes(protected), unprotected, payload, Value::Bytes(signature)] = parts.as_slice() else {
            return Err(CoseFault("COSE_Sign1 does not have its four parts"));
        };
        let Value::Bytes(payload) = payload else { return Err(CoseFault("the payload is not in the COSE message")) };
        // An empty header may be written as no bytes at all.
        let headers = if protected.is_empty() { Value::Map(Vec::new()) } else { cbor::parse(protected)? };
        let (Some(inside), Some(outside)) = (headers.entries(), unprotected.entries()) else {
            return Err(CoseFault("a COSE header is no map"));
        };
        if inside.iter().chain(outside).any(|(key, _)| matches!(key, Value::Bytes(_))) {
            return Err(CoseFault("a COSE header label is no integer and no text"));
        }
        if inside.iter().any(|(key, _)| outside.iter().any(|(other, _)| other == key)) {
            return Err(CoseFault("a header parameter is both protected and unprotected"));
        }
        for header in [&headers, unprotected] {
            if header.at(label::CRIT).is_some() {
                return Err(CoseFault("crit names parameters; none is supported"));
            }
            if label::OTHER_KEYS.iter().any(|label| header.at(*label).is_some()) {
                return Err(CoseFault("a header parameter brings another key"));
            }
        }
        Ok(Self { protected, headers, payload, signature })
    }

    /// The algorithm, if the policy allows it.
    ///
    /// # Errors
    /// [`CoseFault`] for any number that is not on the list, before any key is looked at (case JOS-001).
    pub fn algorithm(&self, allowed: &AllowedAlgorithms) -> Result<SignatureAlgorithm, CoseFault> {
        match self.headers.at(label::ALG) {
            Some(Value::Integer(number)) => allowed.find_cose(*number).ok_or(CoseFault("alg is not on the list")),
            _ => Err(CoseFault("alg is missing from the protected header or no integer")),
        }
    }

    /// `typ` of the protected header, if it is a text (RFC 9596).
    pub fn typ(&self) -> Option<&'a str> {
        self.headers.at(label::TYP).and_then(Value::as_text)
    }

    /// The certificates of `x5chain` in the protected header, leaf first, as DER.
    ///
    /// # Errors
    /// [`CoseFault`] if there is none, if it is neither one byte string nor an array of two or more, and above
    /// [`limits::CERTIFICATES`] or [`limits::CERTIFICATE_BYTES`] (X5C-18, X5C-19). If `x5t` is there, it must name the
    /// leaf (X5C-16).
    ///
    /// # Source
    /// RFC 9360 section 2.
    pub fn x5chain(&self) -> Result<Vec<Vec<u8>>, CoseFault> {
        let fault = CoseFault("x5chain is neither a byte string nor an array of two or more");
        let certificates = match self.headers.at(label::X5CHAIN) {
            None => return Err(CoseFault("x5chain is not in the protected header")),
            Some(Value::Bytes(leaf)) => vec![leaf.to_vec()],
            Some(Value::Array(items)) if items.len() > limits::CERTIFICATES => {
                return Err(CoseFault("more certificates than the limit"));
            }
            Some(Value::Array(items)) if items.len() > 1 => {
                items.iter().map(|item| item.as_bytes().map(<[u8]>::to_vec)).collect::<Option<Vec<_>>>().ok_or(fault)?
            }
            Some(_) => return Err(fault),
        };
        if certificates.iter().any(|der| der.len() > limits::CERTIFICATE_BYTES) {
            return Err(CoseFault("certificate above the limit"));
        }
        let leaf = certificates.first().map(Vec::as_slice).unwrap_or_default();
        match self.headers.at(label::X5T) {
            None => Ok(certificates),
            Some(Value::Array(items)) if *items == [Value::Integer(SHA_256), Value::Bytes(sha256(leaf).as_slice())] => {
                Ok(certificates)
            }
            Some(_) => Err(CoseFault("x5t does not name the leaf by its SHA-256")),
        }
    }

    /// The payload, exactly as received.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Verifies the signature over the exact bytes received.
    ///
    /// # Errors
    /// [`CoseFault`] when the key is of another algorithm, and when the signature does not verify.
    ///
    /// # Source
    /// RFC 9052 section 4.4.
    pub fn verify(&self, algorithm: SignatureAlgorithm, key: &PublicKey) -> Result<(), CoseFault> {
        if key.algorithm() != algorithm {
            return Err(CoseFault("alg does not fit the key"));
        }
        if key.verify(&self.signed_bytes(), self.signature) {
            Ok(())
        } else {
            Err(CoseFault("the signature does not verify"))
        }
    }

    /// The `Sig_structure`: context, protected header, external data (none), payload.
    fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.protected.len().saturating_add(self.payload.len()).saturating_add(40));
        cbor::write_array(&mut bytes, 4);
        cbor::write_text(&mut bytes, "Signature1");
        cbor::write_bytes(&mut bytes, self.protected);
        cbor::write_bytes(&mut bytes, &[]);
        cbor::write_bytes(&mut bytes, self.payload);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jose::keys::SigningKey;

    /// A header map from label and encoded value.
    fn map(entries: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0xa0 | u8::try_from(entries.len()).unwrap()];
        for (label, value) in entries {
            bytes.extend_from_slice(label);
            bytes.extend_from_slice(value);
        }
        bytes
    }

    const ALG: (&[u8], &[u8]) = (&[0x01], &[0x26]);

    fn message(tag: &[u8], protected: &[u8], unprotected: &[u8], payload: &[u8], signature: &[u8]) -> Vec<u8> {
        let mut bytes = tag.to_vec();
        cbor::write_array(&mut bytes, 4);
        cbor::write_bytes(&mut bytes, protected);
        bytes.extend_from_slice(unprotected);
        bytes.extend_from_slice(payload);
        cbor::write_bytes(&mut bytes, signature);
        bytes
    }

    fn with(protected: &[u8], unprotected: &[u8]) -> Vec<u8> {
        message(&[0xd2], protected, unprotected, &[0x41, 0x2a], &[0; 64])
    }

    fn fault(bytes: &[u8]) -> &'static str {
        Sign1::parse(bytes).unwrap_err().0
    }

    #[test]
    fn signs_what_rfc_9052_says() {
        // RFC 9052 section 4.4, written out by hand.
        let key = SigningKey::from_scalar(&[9; 32]).unwrap();
        let protected = map(&[ALG]);
        let signed = [&[0x84, 0x6a][..], b"Signature1", &[0x43, 0xa1, 0x01, 0x26, 0x40, 0x41, 0x2a]].concat();
        let signature = key.sign(&signed).unwrap();
        let bytes = message(&[0xd2], &protected, &[0xa0], &[0x41, 0x2a], &signature);
        let message = Sign1::parse(&bytes).unwrap();
        let algorithm = message.algorithm(&AllowedAlgorithms::default()).unwrap();
        let public = key.public_key().unwrap();
        assert_eq!(message.verify(algorithm, &public), Ok(()));
        assert_eq!(message.verify(SignatureAlgorithm::Es384, &public), Err(CoseFault("alg does not fit the key")));
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let verifies = Sign1::parse(&changed).is_ok_and(|message| message.verify(algorithm, &public).is_ok());
            assert!(!verifies, "byte {place}");
        }
    }

    #[test]
    fn only_the_tagged_form_with_its_payload() {
        // TSL-21.
        let protected = map(&[ALG]);
        let tagged = |tag: &[u8]| message(tag, &protected, &[0xa0], &[0x41, 0x2a], &[0; 64]);
        assert!(Sign1::parse(&tagged(&[0xd2])).is_ok());
        assert_eq!(fault(&tagged(&[])), "not a tagged COSE_Sign1");
        assert_eq!(fault(&tagged(&[0xd8, 0x62])), "not a tagged COSE_Sign1");
        assert_eq!(fault(&tagged(&[0xd1])), "a MAC in the place of a signature");
        assert_eq!(fault(&tagged(&[0xd8, 0x61])), "a MAC in the place of a signature");
        assert_eq!(fault(&tagged(&[0xd8, 0x3d, 0xd2])), "a CWT tag around the COSE message");
        assert_eq!(fault(&tagged(&[0xd2, 0xd8, 0x3d])), "COSE_Sign1 is no array");
        assert_eq!(fault(&[tagged(&[0xd2]), vec![0]].concat()), "bytes after the CBOR item");
        let detached = message(&[0xd2], &protected, &[0xa0], &[0xf6], &[0; 64]);
        assert_eq!(fault(&detached), "the payload is not in the COSE message");
        assert_eq!(fault(&[0xd2, 0x83, 0x40, 0xa0, 0x40]), "COSE_Sign1 does not have its four parts");
        assert_eq!(fault(&[0xd2, 0x84, 0xa0, 0xa0, 0x40, 0x40]), "COSE_Sign1 does not have its four parts");
    }

    #[test]
    fn headers_leave_one_reading() {
        let allowed = AllowedAlgorithms::default();
        assert_eq!(fault(&with(&map(&[ALG, ALG]), &[0xa0])), "a CBOR map has a key twice");
        assert_eq!(fault(&with(&map(&[ALG]), &map(&[ALG]))), "a header parameter is both protected and unprotected");
        assert_eq!(fault(&with(&map(&[ALG]), &[0x80])), "a COSE header is no map");
        assert_eq!(fault(&with(&[0x80], &[0xa0])), "a COSE header is no map");
        assert_eq!(
            fault(&with(&map(&[(&[0x41, 0x01], &[0x26])]), &[0xa0])),
            "a COSE header label is no integer and no text"
        );
        // crit, kcwt, kccs, x5bag, x5u; protected or not.
        let crit: (&[u8], &[u8]) = (&[0x02], &[0x81, 0x01]);
        assert_eq!(fault(&with(&map(&[ALG, crit]), &[0xa0])), "crit names parameters; none is supported");
        assert_eq!(fault(&with(&map(&[ALG]), &map(&[crit]))), "crit names parameters; none is supported");
        for label in [&[0x0d][..], &[0x0e], &[0x18, 0x20], &[0x18, 0x23]] {
            for bytes in [with(&map(&[ALG, (label, &[0x40])]), &[0xa0]), with(&map(&[ALG]), &map(&[(label, &[0x40])]))]
            {
                assert_eq!(fault(&bytes), "a header parameter brings another key");
            }
        }
        // An algorithm counts only where it is signed; MACs and RSA with PKCS #1 are on no list.
        let missing = CoseFault("alg is missing from the protected header or no integer");
        for (protected, unprotected, wanted) in [
            (vec![], map(&[ALG]), missing),
            (map(&[]), map(&[]), missing),
            (map(&[(&[0x01], b"\x65ES256")]), map(&[]), missing),
            (map(&[(&[0x01], &[0x05])]), map(&[]), CoseFault("alg is not on the list")),
            (map(&[(&[0x01], &[0x38, 0x22])]), map(&[]), CoseFault("alg is not on the list")),
        ] {
            let bytes = with(&protected, &unprotected);
            assert_eq!(Sign1::parse(&bytes).unwrap().algorithm(&allowed), Err(wanted));
        }
    }

    #[test]
    fn certificates_come_from_the_protected_header() {
        // X5C-16, X5C-18, X5C-19; case X5C-022.
        let chain = |value: &[u8]| {
            let bytes = with(&map(&[ALG, (&[0x18, 0x21], value)]), &[0xa0]);
            Sign1::parse(&bytes).unwrap().x5chain().map(|certificates| certificates.len()).map_err(|fault| fault.0)
        };
        let form = Err("x5chain is neither a byte string nor an array of two or more");
        assert_eq!(chain(&[0x41, 0x01]), Ok(1));
        assert_eq!(chain(&[0x82, 0x41, 0x01, 0x41, 0x02]), Ok(2));
        assert_eq!(chain(&[0x81, 0x41, 0x01]), form);
        assert_eq!(chain(&[0x80]), form);
        assert_eq!(chain(&[0x82, 0x41, 0x01, 0x61, 0x61]), form);
        assert_eq!(chain(&[0xf6]), form);
        assert_eq!(chain(&[0x86, 0x40, 0x40, 0x40, 0x40, 0x40, 0x40]), Err("more certificates than the limit"));
        let mut large = Vec::new();
        cbor::write_bytes(&mut large, &vec![0; limits::CERTIFICATE_BYTES + 1]);
        assert_eq!(chain(&large), Err("certificate above the limit"));
        let outside = with(&map(&[ALG]), &map(&[(&[0x18, 0x21], &[0x41, 0x01])]));
        let fault = Sign1::parse(&outside).unwrap().x5chain().unwrap_err();
        assert_eq!(fault.0, "x5chain is not in the protected header");
        let thumbprint = |algorithm: &[u8], digest: &[u8]| {
            let mut value = vec![0x82];
            value.extend_from_slice(algorithm);
            cbor::write_bytes(&mut value, digest);
            let bytes = with(&map(&[ALG, (&[0x18, 0x21], &[0x41, 0x01]), (&[0x18, 0x22], &value)]), &[0xa0]);
            Sign1::parse(&bytes).unwrap().x5chain().is_ok()
        };
        assert!(thumbprint(&[0x2f], &sha256(&[1])));
        assert!(!thumbprint(&[0x2f], &sha256(&[2])));
        assert!(!thumbprint(&[0x2e], &sha256(&[1])));
    }
}
