//! Compact JWS: three parts, one signature over the exact characters received.

use super::alg::SignatureAlgorithm;
use super::header::Header;
use super::jwk::PublicKey;
use crate::domain::encoding::{base64, json};
use crate::domain::reason::{Code, Reason};
use serde_json::{Map, Value};

/// A compact JWS, split but not yet decoded.
#[derive(Clone, Copy)]
pub struct CompactJws<'a> {
    text: &'a str,
    header: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> CompactJws<'a> {
    /// Splits a compact JWS. The work is bounded: the search stops at the third dot.
    ///
    /// # Errors
    /// [`Code::JwsMalformed`] unless there are exactly three parts (JOS-025, JOS-026), or for the JSON form (JOS-024).
    pub fn parse(text: &'a str) -> Result<Self, Reason> {
        let malformed = || Reason::new(Code::JwsMalformed, "not exactly three parts");
        if text.starts_with('{') {
            return Err(Reason::new(Code::JwsMalformed, "JSON serialization"));
        }
        let mut dots = memchr::memchr_iter(b'.', text.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(malformed());
        };
        let part = |from: usize, to: usize| text.get(from..to).ok_or_else(malformed);
        Ok(Self {
            text,
            header: part(0, first)?,
            payload: part(first.saturating_add(1), second)?,
            signature: part(second.saturating_add(1), text.len())?,
        })
    }

    /// The whole token.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The header part, as received: the key of the chain cache.
    pub fn header_part(&self) -> &'a str {
        self.header
    }

    /// Reads the header; see [`Header::parse`].
    ///
    /// # Errors
    /// As [`Header::parse`].
    pub fn header(&self) -> Result<Header, Reason> {
        Header::parse(self.header)
    }

    /// Reads a header in which `understood` parameters may be critical; see [`Header::parse_understanding`].
    ///
    /// # Errors
    /// As [`Header::parse_understanding`].
    pub fn header_understanding(&self, understood: &[&str]) -> Result<Header, Reason> {
        Header::parse_understanding(self.header, understood)
    }

    /// The decoded payload.
    ///
    /// # Errors
    /// [`Code::Base64urlInvalid`].
    pub fn payload(&self) -> Result<Vec<u8>, Reason> {
        base64::decode_url(self.payload)
    }

    /// The payload as a JWT claims set: a strict JSON object (JOS-032).
    ///
    /// # Errors
    /// [`Code::Base64urlInvalid`], or the fault of [`json::parse_object`].
    pub fn claims(&self) -> Result<Map<String, Value>, Reason> {
        Ok(json::parse_object(&self.payload()?)?)
    }

    /// The decoded signature: form only, no verification.
    ///
    /// # Errors
    /// [`Code::Base64urlInvalid`].
    pub fn signature(&self) -> Result<Vec<u8>, Reason> {
        base64::decode_url(self.signature)
    }

    /// Verifies the signature over the exact characters received (SDJ-13).
    ///
    /// # Errors
    /// - [`Code::JwsKeyMismatch`] when the key is of another algorithm (SDJ-11, JOS-010).
    /// - [`Code::Base64urlInvalid`] for the signature part.
    /// - [`Code::JwsSignatureInvalid`] otherwise.
    pub fn verify(&self, algorithm: SignatureAlgorithm, key: &PublicKey) -> Result<(), Reason> {
        if key.algorithm() != algorithm {
            return Err(Reason::new(Code::JwsKeyMismatch, "alg does not fit the key"));
        }
        let signature = self.signature()?;
        let signed = self.header.len().saturating_add(1).saturating_add(self.payload.len());
        let input = self.text.get(..signed).unwrap_or_default();
        if key.verify(input.as_bytes(), &signature) {
            Ok(())
        } else {
            Err(Reason::new(Code::JwsSignatureInvalid, "the signature does not verify"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_three_parts() {
        // JOS-024, JOS-025, JOS-026.
        for wrong in ["", "a", "a.b", "a.b.c.d", ".a.b.c", "a.b.c.", "a.b.c.d.e", "{\"a\":1}.b.c"] {
            assert_eq!(CompactJws::parse(wrong).err().map(|reason| reason.code), Some(Code::JwsMalformed), "{wrong}");
        }
        assert!(CompactJws::parse(&".".repeat(1_000_000)).is_err());
        assert!(CompactJws::parse("a.b.").is_ok());
    }
}
