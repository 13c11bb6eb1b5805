//! From bodies to typed values, strictly: media type, size, form, and every name known.

use super::problem::{FieldError, Problem};
use crate::domain::encoding::json;
use crate::domain::reason::{Code, Reason};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;

/// The name in a path. One that is not UTF-8 is empty, so it gets the answer of every name that does not exist (HTT-021).
pub struct Name(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let name = Path::<String>::from_request_parts(parts, state).await;
        Ok(Self(name.map_or_else(|_| String::new(), |Path(name)| name)))
    }
}

/// A JSON body, with its bytes.
pub struct JsonBody<T> {
    /// What it says.
    pub value: T,
    /// What was sent.
    pub bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check_media_type(request.headers(), "application/json")?;
        let bytes = read(request, state).await?;
        let document = json::parse(&bytes).map_err(Reason::from)?;
        let value = serde_path_to_error::deserialize(document).map_err(|error| unreadable(&error))?;
        Ok(Self { value, bytes })
    }
}

/// The fault without the value: what was sent is not repeated in an answer or a log.
fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    use serde_path_to_error::Segment;
    let mut pointer = String::new();
    for segment in error.path() {
        let part = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            Segment::Enum { variant } => variant.clone(),
            Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&part);
    }
    let text = error.inner().to_string();
    let detail = if text.starts_with("unknown field") {
        "there is no such member".to_owned()
    } else if let Some((_, expected)) = text.split_once("expected ") {
        format!("expected {}", expected.trim_end())
    } else if text.starts_with("missing field") {
        text
    } else {
        "not as the API description says".to_owned()
    };
    Problem::new(Code::InvalidQuery, "the body is not as the API description says")
        .with_errors([FieldError::new(pointer, detail)])
}

/// The fields of a form that were asked for. Others are ignored; a known one may occur once.
pub struct FormBody(HashMap<String, String>);

/// Every field that some form of ours knows.
const KNOWN_FIELDS: [&str; 9] = [
    "answer",
    "response",
    "vp_token",
    "state",
    "error",
    "error_description",
    "error_uri",
    "wallet_nonce",
    "wallet_metadata",
];

impl FormBody {
    /// Takes a field.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }
}

impl<S: Send + Sync> FromRequest<S> for FormBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        check_media_type(request.headers(), "application/x-www-form-urlencoded")?;
        let bytes = read(request, state).await?;
        let mut fields = HashMap::new();
        for (name, value) in pairs(&bytes) {
            if !KNOWN_FIELDS.contains(&name.as_ref()) {
                continue;
            }
            if value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(Problem::new(Code::BadRequest, "a field of the form is not UTF-8"));
            }
            if fields.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(Problem::new(Code::DuplicateParameter, format!("{name} occurs twice")));
            }
        }
        Ok(Self(fields))
    }
}

/// The names and values of a form. Most fields are tokens without any escape, large and taken as they are.
fn pairs(form: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form.split(|byte| *byte == b'&').filter_map(|field| plain(field).or_else(|| form_urlencoded::parse(field).next()))
}

/// A field in which nothing is escaped.
fn plain(field: &[u8]) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    if field.is_empty() || memchr::memchr2(b'%', b'+', field).is_some() {
        return None;
    }
    let text = std::str::from_utf8(field).ok()?;
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    Some((name.into(), value.into()))
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        let code = match rejection.status().as_u16() {
            413 => Code::PayloadTooLarge,
            408 => Code::RequestTimeout,
            _ => Code::BadRequest,
        };
        code.into()
    })
}

/// Compares the media type as RFC 9110 section 8.3.1 says: without case, parameters aside (HTT-023).
fn check_media_type(headers: &HeaderMap, wanted: &str) -> Result<(), Problem> {
    if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Problem::new(Code::UnsupportedMediaType, "content codings are not offered"));
    }
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(Problem::new(Code::UnsupportedMediaType, format!("this path takes {wanted}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Escaped or not, every form is read as the library reads it.
        #[test]
        fn fields_are_those_of_the_library(form in "[a=&%+2é\u{fffd}]{0,24}", at in 0_usize..24, byte: u8) {
            let mut form = form.into_bytes();
            if let Some(place) = form.get_mut(at) {
                *place = byte;
            }
            prop_assert!(pairs(&form).eq(form_urlencoded::parse(&form)));
        }
    }
}
