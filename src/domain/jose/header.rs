//! The protected header of a JWS: read once, strictly, for every kind of token.

use super::alg::{AllowedAlgorithms, SignatureAlgorithm};
use crate::domain::encoding::{base64, json};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use serde_json::{Map, Value};

/// A parsed protected header. It has passed the rules that hold for every token, but no signature yet.
#[derive(Debug, Clone)]
pub struct Header {
    alg: String,
    typ: Option<String>,
    members: Map<String, Value>,
}

impl Header {
    /// Reads the header part of a compact JWS.
    ///
    /// # Errors
    /// - [`Code::LimitExceeded`] above [`limits::JOSE_HEADER_CHARS`].
    /// - [`Code::Base64urlInvalid`], [`Code::JsonInvalid`] for the form.
    /// - [`Code::JwsAlgNotAllowed`] if `alg` is missing or no string.
    /// - [`Code::JwsCritUnsupported`] if `crit` is there at all (GEN-13: nothing critical is understood).
    /// - [`Code::JwsHeaderNotAllowed`] for `jku`, `jwk`, `b64`, and a `kid` that is no plain short name.
    ///
    /// # Source
    /// RFC 7515 section 4, RFC 7797 section 6, RFC 8725 sections 3.1 and 3.10; GEN-05, GEN-06.
    pub fn parse(part: &str) -> Result<Self, Reason> {
        Self::parse_understanding(part, &[])
    }

    /// As [`Self::parse`], for kinds of tokens in which some parameters may be critical: `understood` are their names.
    /// The caller must heed them. `crit` may name only these, each once, and each must be there.
    ///
    /// # Errors
    /// As [`Self::parse`].
    ///
    /// # Source
    /// RFC 7515 section 4.1.11.
    pub fn parse_understanding(part: &str, understood: &[&str]) -> Result<Self, Reason> {
        if part.len() > limits::JOSE_HEADER_CHARS {
            return Err(Reason::new(Code::LimitExceeded, "JOSE header above the limit"));
        }
        let members = json::parse_object(&base64::decode_url(part)?)?;
        let Some(Value::String(alg)) = members.get("alg") else {
            return Err(Reason::new(Code::JwsAlgNotAllowed, "alg is missing or no string"));
        };
        if members.get("crit").is_some_and(|crit| !is_understood(crit, understood, &members)) {
            return Err(Reason::new(Code::JwsCritUnsupported, "crit names extensions that are not supported"));
        }
        for name in ["jku", "jwk", "b64"] {
            if members.contains_key(name) {
                return Err(Reason::new(Code::JwsHeaderNotAllowed, format!("header parameter {name}")));
            }
        }
        match members.get("kid") {
            None => {}
            Some(Value::String(kid)) if is_plain_kid(kid) => {}
            Some(_) => return Err(Reason::new(Code::JwsHeaderNotAllowed, "kid is not a short plain name")),
        }
        let typ = match members.get("typ") {
            None => None,
            Some(Value::String(typ)) => Some(typ.clone()),
            Some(_) => return Err(Reason::new(Code::JwsHeaderNotAllowed, "typ is no string")),
        };
        Ok(Self { alg: alg.clone(), typ, members })
    }

    /// The algorithm, if the policy allows it.
    ///
    /// # Errors
    /// [`Code::JwsAlgNotAllowed`] for any name that is not on the list, before any key is looked at (JOS-001).
    pub fn algorithm(&self, allowed: &AllowedAlgorithms) -> Result<SignatureAlgorithm, Reason> {
        allowed.find(&self.alg).ok_or_else(|| Reason::new(Code::JwsAlgNotAllowed, "alg is not on the list"))
    }

    /// `typ`, compared in its short form only (GEN-07).
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Whether the header has this parameter.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The whole header, for reports and tests.
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The certificates of `x5c`, leaf first, as DER.
    ///
    /// # Errors
    /// - [`Code::X5cMissing`] if there is none (VC-20, VC-29).
    /// - [`Code::X5cMalformed`] if it is no non-empty array of standard base64 strings (OVP-JAR-14).
    /// - [`Code::X5cTooLong`] above [`limits::CERTIFICATES`] or [`limits::CERTIFICATE_BYTES`] (X5C-19).
    pub fn x5c(&self) -> Result<Vec<Vec<u8>>, Reason> {
        let entries = match self.members.get("x5c") {
            None => return Err(Reason::new(Code::X5cMissing, "x5c is not in the protected header")),
            Some(Value::Array(entries)) if !entries.is_empty() => entries,
            Some(_) => return Err(Reason::new(Code::X5cMalformed, "x5c is no non-empty array")),
        };
        if entries.len() > limits::CERTIFICATES {
            return Err(Reason::new(Code::X5cTooLong, "more certificates than the limit"));
        }
        entries
            .iter()
            .map(|entry| {
                let text = entry.as_str().ok_or_else(|| Reason::new(Code::X5cMalformed, "x5c entry is no string"))?;
                if text.len() > limits::CERTIFICATE_BYTES.saturating_mul(4).div_ceil(3).saturating_add(4) {
                    return Err(Reason::new(Code::X5cTooLong, "certificate above the limit"));
                }
                base64::decode_standard(text)
            })
            .collect()
    }

    /// Checks `x5t#S256`, if present, against the leaf (X5C-16).
    ///
    /// # Errors
    /// [`Code::X5cProfileViolation`] if it names another certificate.
    pub fn check_thumbprint(&self, leaf: &[u8]) -> Result<(), Reason> {
        match self.members.get("x5t#S256") {
            None => Ok(()),
            Some(Value::String(text)) if *text == base64::encode_url(&super::hash::sha256(leaf)) => Ok(()),
            Some(_) => Err(Reason::new(Code::X5cProfileViolation, "x5t#S256 does not name the leaf")),
        }
    }
}

fn is_understood(crit: &Value, understood: &[&str], members: &Map<String, Value>) -> bool {
    let Value::Array(names) = crit else { return false };
    let known = |(place, name): (usize, &Value)| {
        let first = names.iter().take(place).all(|earlier| earlier != name);
        first && name.as_str().is_some_and(|name| understood.contains(&name) && members.contains_key(name))
    };
    !names.is_empty() && names.iter().enumerate().all(known)
}

/// A `kid` is opaque and never looked up in a path or a table; still, only short printable names pass (JOS-017).
fn is_plain_kid(kid: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\' | b'<' | b'>' | b'`');
    (1..=limits::KID_CHARS).contains(&kid.len()) && kid.bytes().all(plain) && !kid.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(value: &Value) -> Result<Header, Reason> {
        Header::parse(&base64::encode_url(value.to_string().as_bytes()))
    }

    fn code(value: &Value) -> Code {
        parse(value).unwrap_err().code
    }

    #[test]
    fn parameters_that_steer_keys_are_refused() {
        // X5C-17.
        // GEN-05, JOS-014, JOS-016, JOS-021, JOS-022, KBJ-033.
        assert_eq!(code(&json!({"alg": "ES256", "jku": "https://attacker.example"})), Code::JwsHeaderNotAllowed);
        assert_eq!(code(&json!({"alg": "ES256", "jwk": {}, "x5c": []})), Code::JwsHeaderNotAllowed);
        assert_eq!(code(&json!({"alg": "ES256", "b64": false})), Code::JwsHeaderNotAllowed);
        assert_eq!(code(&json!({"alg": "ES256", "b64": false, "crit": ["b64"]})), Code::JwsCritUnsupported);
        // JOS-019, GEN-13: an empty or oddly typed crit too.
        for crit in [json!(["exp"]), json!([]), json!("b64"), Value::Null] {
            assert_eq!(code(&json!({"alg": "ES256", "crit": crit})), Code::JwsCritUnsupported);
        }
    }

    #[test]
    fn critical_parameters_must_be_understood_and_there() {
        // JOS-019, GEN-13: what is understood is the caller's to say.
        let code = |value: &Value, understood: &[&str]| {
            let part = base64::encode_url(value.to_string().as_bytes());
            Header::parse_understanding(&part, understood).err().map(|reason| reason.code)
        };
        let with = |crit: Value| json!({"alg": "ES256", "sigT": "2027-03-01T12:00:00Z", "crit": crit});
        assert_eq!(code(&with(json!(["sigT"])), &["sigT"]), None);
        assert_eq!(code(&with(json!(["sigT"])), &[]), Some(Code::JwsCritUnsupported));
        for crit in
            [json!([]), json!("sigT"), json!(["sigT", "sigT"]), json!(["sigT", "sigD"]), json!([1]), Value::Null]
        {
            assert_eq!(code(&with(crit), &["sigT"]), Some(Code::JwsCritUnsupported));
        }
        assert_eq!(code(&json!({"alg": "ES256", "crit": ["sigT"]}), &["sigT"]), Some(Code::JwsCritUnsupported));
        // Understood or not, b64 is not for tokens.
        let unencoded = json!({"alg": "ES256", "b64": false, "crit": ["b64"]});
        assert_eq!(code(&unencoded, &["b64"]), Some(Code::JwsHeaderNotAllowed));
    }

    #[test]
    fn kid_is_a_short_plain_name() {
        // JOS-017, GEN-06.
        for kid in
            ["e1", "did:key:z6Mk#z6Mk", "https://issuer.example/keys/1", "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXECsZOz9yvM="]
        {
            assert!(parse(&json!({"alg": "ES256", "kid": kid})).is_ok(), "{kid}");
        }
        for kid in [
            json!("../../etc/passwd"),
            json!("x' OR 1=1"),
            json!("a\u{0}b"),
            json!("a".repeat(65_536)),
            json!(""),
            json!(7),
        ] {
            let part = base64::encode_url(json!({"alg": "ES256", "kid": kid}).to_string().as_bytes());
            let code = Header::parse(&part).unwrap_err().code;
            assert!(matches!(code, Code::JwsHeaderNotAllowed | Code::LimitExceeded), "{code}");
        }
    }

    #[test]
    fn wrong_types_are_not_absence() {
        assert_eq!(code(&json!({"alg": null})), Code::JwsAlgNotAllowed);
        assert_eq!(code(&json!({})), Code::JwsAlgNotAllowed);
        assert_eq!(code(&json!({"alg": "ES256", "typ": 1})), Code::JwsHeaderNotAllowed);
        assert_eq!(parse(&json!({"alg": "ES256", "x5c": "MII"})).unwrap().x5c().unwrap_err().code, Code::X5cMalformed);
        assert_eq!(parse(&json!({"alg": "ES256", "x5c": []})).unwrap().x5c().unwrap_err().code, Code::X5cMalformed);
        assert_eq!(parse(&json!({"alg": "ES256"})).unwrap().x5c().unwrap_err().code, Code::X5cMissing);
    }

    #[test]
    fn chains_are_bounded_before_they_are_decoded() {
        // X5C-022.
        let many = json!({"alg": "ES256", "x5c": ["AA==", "AA==", "AA==", "AA==", "AA==", "AA=="]});
        assert_eq!(parse(&many).unwrap().x5c().unwrap_err().code, Code::X5cTooLong);
        let large = json!({"alg": "ES256", "x5c": ["A".repeat(24_000)]});
        assert_eq!(parse(&large).unwrap().x5c().unwrap_err().code, Code::X5cTooLong);
    }

    #[test]
    fn the_thumbprint_must_name_the_leaf() {
        // X5C-16.
        let right = base64::encode_url(&super::super::hash::sha256(b"leaf"));
        assert!(parse(&json!({"alg": "ES256", "x5t#S256": right})).unwrap().check_thumbprint(b"leaf").is_ok());
        let header = parse(&json!({"alg": "ES256", "x5t#S256": right})).unwrap();
        assert_eq!(header.check_thumbprint(b"other").unwrap_err().code, Code::X5cProfileViolation);
        let header = parse(&json!({"alg": "ES256", "x5t#S256": 1})).unwrap();
        assert_eq!(header.check_thumbprint(b"leaf").unwrap_err().code, Code::X5cProfileViolation);
    }
}
