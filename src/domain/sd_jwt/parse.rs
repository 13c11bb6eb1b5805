//! From the compact text to its parts. Nothing is decoded yet; the hashes need the characters as received.

use crate::domain::jose::jws::CompactJws;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use std::fmt;

/// The parts of a compact SD-JWT or SD-JWT+KB.
#[derive(Clone)]
pub struct SdJwt<'a> {
    /// The issuer-signed JWT.
    pub issuer_jwt: CompactJws<'a>,
    /// The disclosures, as received.
    pub disclosures: Vec<&'a str>,
    /// The key binding JWT, if there is one.
    pub key_binding_jwt: Option<CompactJws<'a>>,
    /// Everything up to and including the last tilde: what `sd_hash` covers.
    pub bound_text: &'a str,
}

impl<'a> SdJwt<'a> {
    /// Splits the compact form.
    ///
    /// # Errors
    /// - [`Code::SdjwtMalformed`] without tildes, with an empty disclosure, a token among the disclosures, a
    ///   disclosure in the last place, or for the JSON form (SDJ-01 to SDJ-03, SDJ-06).
    /// - [`Code::JwsMalformed`] for the issuer-signed JWT, [`Code::KbMalformed`] for the key binding JWT.
    /// - [`Code::LimitExceeded`] above [`limits::DISCLOSURES`] (SDJ-05), before they are collected.
    ///
    /// # Source
    /// RFC 9901 section 4.
    pub fn parse(text: &'a str) -> Result<Self, Reason> {
        let malformed = |detail: &'static str| Reason::new(Code::SdjwtMalformed, detail);
        if text.trim_start().starts_with('{') && !text.contains('~') {
            return Err(malformed("JSON serialization is not accepted"));
        }
        let Some((issuer, rest)) = text.split_once('~') else {
            CompactJws::parse(text)?;
            return Err(malformed("no tilde follows the issuer-signed JWT"));
        };
        let issuer_jwt = CompactJws::parse(issuer)?;
        let (middle, last) = rest.rsplit_once('~').map_or(("", rest), |(middle, last)| (middle, last));
        let bound_text = text.get(..text.len().saturating_sub(last.len())).unwrap_or_default();
        if memchr::memchr_iter(b'~', middle.as_bytes()).count() >= limits::DISCLOSURES {
            return Err(Reason::new(Code::LimitExceeded, "more disclosures than the limit"));
        }
        let has_disclosures = bound_text.len() > issuer.len().saturating_add(1);
        let disclosures: Vec<&str> = if has_disclosures { middle.split('~').collect() } else { Vec::new() };
        if disclosures.iter().any(|disclosure| disclosure.is_empty()) {
            return Err(malformed("an empty disclosure"));
        }
        if memchr::memchr(b'.', middle.as_bytes()).is_some() {
            return Err(malformed("a token among the disclosures"));
        }
        let key_binding_jwt = match last {
            "" => None,
            _ if memchr::memchr(b'.', last.as_bytes()).is_none() => return Err(malformed("the last tilde is missing")),
            _ => Some(CompactJws::parse(last).map_err(|reason| reason.recode(Code::KbMalformed))?),
        };
        Ok(Self { issuer_jwt, disclosures, key_binding_jwt, bound_text })
    }
}

impl fmt::Debug for SdJwt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SdJwt({} disclosures)", self.disclosures.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Code {
        SdJwt::parse(text).unwrap_err().code
    }

    #[test]
    fn grammar() {
        // SDJ-01, SDJ-02: every legal shape.
        let parsed = SdJwt::parse("a.b.c~").unwrap();
        assert!(parsed.disclosures.is_empty() && parsed.key_binding_jwt.is_none());
        assert_eq!(parsed.bound_text, "a.b.c~");
        let parsed = SdJwt::parse("a.b.c~D1~D2~").unwrap();
        assert_eq!(parsed.disclosures, ["D1", "D2"]);
        let parsed = SdJwt::parse("a.b.c~D1~x.y.z").unwrap();
        assert_eq!(parsed.disclosures, ["D1"]);
        assert_eq!(parsed.bound_text, "a.b.c~D1~");
        assert_eq!(parsed.key_binding_jwt.unwrap().text(), "x.y.z");
        let parsed = SdJwt::parse("a.b.c~x.y.z").unwrap();
        assert!(parsed.disclosures.is_empty() && parsed.key_binding_jwt.is_some());
    }

    #[test]
    fn broken_shapes() {
        // SDJ-001, SDJ-004, SDJ-039, JOS-024 to JOS-026, KB form.
        assert_eq!(code("a.b.c"), Code::SdjwtMalformed);
        assert_eq!(code("a.b.c~D1"), Code::SdjwtMalformed);
        assert_eq!(code("a.b.c~D1~D2"), Code::SdjwtMalformed);
        assert_eq!(code("a.b.c~~"), Code::SdjwtMalformed);
        assert_eq!(code("a.b.c~D1~~D2~"), Code::SdjwtMalformed);
        assert_eq!(code("a.b.c~x.y.z~"), Code::SdjwtMalformed);
        assert_eq!(code("a.b.c~D1~x.y.z~D2~"), Code::SdjwtMalformed);
        assert_eq!(code(r#"{"payload":"e30","signatures":[]}"#), Code::SdjwtMalformed);
        assert_eq!(code("a.b~"), Code::JwsMalformed);
        assert_eq!(code("a.b.c.d~"), Code::JwsMalformed);
        assert_eq!(code(&".".repeat(1_000_000)), Code::JwsMalformed);
        assert_eq!(code(r#"{"a":"b.c.d"}~"#), Code::JwsMalformed);
        assert_eq!(code("a.b.c~D1~x.y"), Code::KbMalformed);
        assert_eq!(code("a.b.c~D1~w.x.y.z"), Code::KbMalformed);
        assert_eq!(code(""), Code::JwsMalformed);
        assert_eq!(code("~"), Code::JwsMalformed);
    }

    #[test]
    fn disclosures_are_counted_before_they_are_collected() {
        // SDJ-05, SDJ-036.
        let with = |count: usize| format!("a.b.c~{}", "D~".repeat(count));
        assert_eq!(SdJwt::parse(&with(limits::DISCLOSURES)).unwrap().disclosures.len(), limits::DISCLOSURES);
        assert_eq!(code(&with(limits::DISCLOSURES + 1)), Code::LimitExceeded);
        assert_eq!(code(&with(10_000)), Code::LimitExceeded);
    }
}
