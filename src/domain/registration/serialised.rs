//! The certificate as bytes, whatever it was wrapped into. Registrars send it bare, in JSON of their own shape, or as base64url.

use crate::domain::cose::Sign1;
use crate::domain::encoding::{base64, json};
use crate::domain::jose::header::Header;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use serde_json::Value;

/// `typ` of a registration certificate as JWT (ETSI TS 119 475 GEN-5.2.1).
pub const JWT_TYPE: &str = "rc-wrp+jwt";
/// `typ` of a registration certificate as CWT.
pub const CWT_TYPES: [&str; 2] = ["rc-wrp+cwt", "application/rc-wrp+cwt"];

/// A registration certificate in the form in which it was signed. Nothing of it was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serialised {
    /// A compact JWS.
    Jwt(String),
    /// A tagged COSE_Sign1.
    Cwt(Vec<u8>),
}

impl Serialised {
    /// Takes the certificate out of what a registrar sent: a bare JWT or CWT, one of them as base64url, or JSON that holds
    /// exactly one JWT of this type in some text.
    ///
    /// # Errors
    /// - [`Code::LimitExceeded`] above [`limits::REGISTRATION_BYTES`].
    /// - [`Code::CredentialTypInvalid`] for JSON with no or several such JWTs, and for anything else.
    /// - [`Code::Base64urlInvalid`] for what was encoded twice (VINFO-03).
    pub fn open(bytes: &[u8]) -> Result<Self, Reason> {
        let other = |detail: &'static str| Reason::new(Code::CredentialTypInvalid, detail);
        if bytes.len() > limits::REGISTRATION_BYTES {
            return Err(Reason::new(Code::LimitExceeded, "a registration certificate above the limit"));
        }
        if is_cwt(bytes) {
            return Ok(Self::Cwt(bytes.to_vec()));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| other("neither text nor a CWT"))?.trim();
        if text.starts_with(['{', '[', '"']) {
            let document = json::parse(text.as_bytes())?;
            let mut found = Vec::new();
            collect(&document, &mut found);
            return match found.as_slice() {
                [one] => Ok(Self::Jwt((*one).to_owned())),
                [] => Err(other("the JSON holds no JWT of the type rc-wrp+jwt")),
                _ => Err(other("the JSON holds several registration certificates")),
            };
        }
        if text.contains('.') {
            return Ok(Self::Jwt(text.to_owned()));
        }
        let inner = base64::decode_url(text).map_err(|_| other("no JWT, no CWT, no JSON and no base64url"))?;
        if is_cwt(&inner) {
            return Ok(Self::Cwt(inner));
        }
        match String::from_utf8(inner) {
            Ok(jwt) if jwt.contains('.') => Ok(Self::Jwt(jwt)),
            Ok(again) if base64::decode_url(&again).is_ok_and(|inner| is_cwt(&inner) || inner.contains(&b'.')) => {
                Err(Reason::new(Code::Base64urlInvalid, "the certificate was encoded twice"))
            }
            _ => Err(other("base64url of something else than a registration certificate")),
        }
    }

    /// Whether its header says that it is a registration certificate.
    pub fn is_registration(&self) -> bool {
        match self {
            Self::Jwt(jwt) => is_registration_jwt(jwt),
            Self::Cwt(bytes) => {
                Sign1::parse(bytes).is_ok_and(|message| message.typ().is_some_and(|typ| CWT_TYPES.contains(&typ)))
            }
        }
    }

    /// The bytes that were signed and are passed on.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Jwt(jwt) => jwt.as_bytes(),
            Self::Cwt(bytes) => bytes,
        }
    }
}

/// Whether this text has the form and the header of a registration certificate as JWT.
pub fn is_registration_jwt(text: &str) -> bool {
    let header = text.split_once('.').filter(|_| text.matches('.').count() == 2).map(|(header, _)| header);
    header
        .and_then(|header| Header::parse_understanding(header, &["sigT"]).ok())
        .is_some_and(|header| header.typ() == Some(JWT_TYPE))
}

/// Tag 18: COSE_Sign1 (RFC 9052 section 2), before the array of four.
fn is_cwt(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xd2, 0x84])
}

fn collect<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::String(text) if is_registration_jwt(text) && !found.contains(&text.as_str()) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => members.values().for_each(|member| collect(member, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn jwt(typ: &str) -> String {
        let header = json!({"alg": "ES256", "typ": typ}).to_string();
        format!("{}.e30.AA", base64::encode_url(header.as_bytes()))
    }

    fn code(bytes: &[u8]) -> Code {
        Serialised::open(bytes).unwrap_err().code
    }

    #[test]
    fn it_is_found_in_what_registrars_send() {
        let jwt = jwt(JWT_TYPE);
        let bare = Serialised::Jwt(jwt.clone());
        for sent in [
            jwt.clone(),
            format!("\n{jwt}\n"),
            json!(jwt).to_string(),
            json!({"registrationCertificate": jwt, "id": 7}).to_string(),
            json!([{"data": {"jwt": jwt}}, "text"]).to_string(),
            json!({"a": jwt, "b": jwt}).to_string(),
            base64::encode_url(jwt.as_bytes()),
        ] {
            assert_eq!(Serialised::open(sent.as_bytes()), Ok(bare.clone()), "{sent}");
        }
        let cwt = [0xd2, 0x84, 0x40];
        assert_eq!(Serialised::open(&cwt), Ok(Serialised::Cwt(cwt.to_vec())));
        assert_eq!(Serialised::open(base64::encode_url(&cwt).as_bytes()), Ok(Serialised::Cwt(cwt.to_vec())));
    }

    #[test]
    fn anything_else_is_refused() {
        // VINFO-03: an encoding around an encoding is found, not passed on.
        let one = jwt(JWT_TYPE);
        let once = base64::encode_url(one.as_bytes());
        assert_eq!(code(base64::encode_url(once.as_bytes()).as_bytes()), Code::Base64urlInvalid);
        let other = jwt("JWT");
        assert_eq!(code(json!({"jwt": other}).to_string().as_bytes()), Code::CredentialTypInvalid);
        let longer = format!("{one}A");
        assert_eq!(code(json!({"a": one, "b": longer}).to_string().as_bytes()), Code::CredentialTypInvalid);
        assert_eq!(code(b"{\"a\": "), Code::JsonInvalid);
        assert_eq!(code(b"hello world"), Code::CredentialTypInvalid);
        assert_eq!(code(&[0xff, 0xfe]), Code::CredentialTypInvalid);
        assert_eq!(code(b""), Code::CredentialTypInvalid);
        assert_eq!(code(&vec![b'a'; limits::REGISTRATION_BYTES + 1]), Code::LimitExceeded);
    }
}
