//! The host of the status lists: it serves good lists, and under other paths the same list spoiled in one way each.
//!
//! The way of misbehaving is part of the address, so that a verifier's cache of a good list never hides a bad one.

use super::SimulatorError;
use super::authority::{IssuerName, SigningIdentity, TestAuthority};
use super::bad_chains::BadChain;
use super::encode::jws::{self, Jws};
use super::encode::status_list::{StatusList, raw_deflate, zlib};
use super::issuer::status_path;
use crate::domain::encoding::base64;
use crate::domain::time::UnixSeconds;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// An index whose entry is always 1: revoked.
pub const REVOKED_INDEX: u64 = 1;
/// An index whose entry is always 2: suspended.
pub const SUSPENDED_INDEX: u64 = 2;
/// An index whose entry is always 3, a value without an agreed meaning.
pub const UNKNOWN_VALUE_INDEX: u64 = 3;
/// Entries of every list.
pub const ENTRIES: usize = 65_536;

/// The media type of a list token.
pub const MEDIA_TYPE: &str = "application/statuslist+jwt";

/// How the host behaves at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusHostMode {
    /// As it should.
    Well,
    /// Answers 503.
    Down,
    /// Answers 500.
    Broken,
    /// Has no such list.
    Missing,
    /// Answers 200 with something that is no token.
    Garbage,
    /// Signs with a self-made certificate.
    SelfMadeSigner,
    /// Signs with the status key of another issuer.
    OtherIssuer,
    /// Does not sign: `alg` is `none`.
    Unsigned,
    /// The token has expired.
    Expired,
    /// The token is for another list.
    OtherSubject,
    /// The token is of another kind.
    OtherTyp,
    /// The token does not say when it was made.
    WithoutIat,
    /// The answer is larger than any limit.
    Huge,
    /// The list inflates far above any limit.
    ZipBomb,
    /// The list is compressed without the zlib frame.
    RawDeflate,
    /// The compressed list ends early.
    Truncated,
    /// The checksum of the zlib stream is wrong.
    BadChecksum,
    /// `bits` is 3.
    ThreeBits,
    /// The answer says it is HTML.
    OtherMediaType,
    /// Sends the visitor to an internal address.
    RedirectInside,
}

impl StatusHostMode {
    /// All ways to misbehave.
    pub const FAULTY: [Self; 19] = [
        Self::Down,
        Self::Broken,
        Self::Missing,
        Self::Garbage,
        Self::SelfMadeSigner,
        Self::OtherIssuer,
        Self::Unsigned,
        Self::Expired,
        Self::OtherSubject,
        Self::OtherTyp,
        Self::WithoutIat,
        Self::Huge,
        Self::ZipBomb,
        Self::RawDeflate,
        Self::Truncated,
        Self::BadChecksum,
        Self::ThreeBits,
        Self::OtherMediaType,
        Self::RedirectInside,
    ];

    /// The path at which the host behaves in this way.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Well => status_path(IssuerName::PidGermany),
            Self::Down => "/faults/down",
            Self::Broken => "/faults/broken",
            Self::Missing => "/faults/missing",
            Self::Garbage => "/faults/garbage",
            Self::SelfMadeSigner => "/faults/self-made-signer",
            Self::OtherIssuer => "/faults/other-issuer",
            Self::Unsigned => "/faults/unsigned",
            Self::Expired => "/faults/expired",
            Self::OtherSubject => "/faults/other-subject",
            Self::OtherTyp => "/faults/other-typ",
            Self::WithoutIat => "/faults/without-iat",
            Self::Huge => "/faults/huge",
            Self::ZipBomb => "/faults/zip-bomb",
            Self::RawDeflate => "/faults/raw-deflate",
            Self::Truncated => "/faults/truncated",
            Self::BadChecksum => "/faults/bad-checksum",
            Self::ThreeBits => "/faults/three-bits",
            Self::OtherMediaType => "/faults/other-media-type",
            Self::RedirectInside => "/faults/redirect-inside",
        }
    }
}

/// What the host answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusAnswer {
    /// HTTP status.
    pub status: u16,
    /// Media type of the body.
    pub content_type: &'static str,
    /// Where a redirect leads.
    pub location: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

/// The host. Entries can be changed while it runs.
pub struct StatusHost {
    authority: Arc<TestAuthority>,
    base: String,
    values: Mutex<BTreeMap<(IssuerName, usize), u8>>,
}

impl StatusHost {
    /// The host at `base`, an address without a final slash, such as `https://status.pruefstein.example`.
    pub fn new(authority: Arc<TestAuthority>, base: &str) -> Self {
        Self { authority, base: base.trim_end_matches('/').to_owned(), values: Mutex::new(BTreeMap::new()) }
    }

    /// The address of the host.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sets an entry: 0 valid, 1 revoked, 2 suspended, 3 without a meaning. Takes effect with the next answer.
    pub fn set(&self, kind: IssuerName, index: usize, value: u8) {
        self.values.lock().unwrap_or_else(PoisonError::into_inner).insert((kind, index), value & 3);
    }

    /// What the host answers to a GET of this path at `now`.
    ///
    /// # Errors
    /// [`SimulatorError`] for the rare seed that gives no key.
    pub fn answer(&self, path: &str, now: UnixSeconds) -> Result<StatusAnswer, SimulatorError> {
        if let Some(kind) = IssuerName::ALL.into_iter().find(|kind| status_path(*kind) == path) {
            let token = self.good_token(kind, path, now).sign(&self.authority.status_signer(kind).key)?;
            return Ok(ok(token.text().into_bytes()));
        }
        match StatusHostMode::FAULTY.into_iter().find(|mode| mode.path() == path) {
            Some(mode) => self.misbehave(mode, now),
            None => Ok(plain(404, b"no such list".to_vec())),
        }
    }

    fn misbehave(&self, mode: StatusHostMode, now: UnixSeconds) -> Result<StatusAnswer, SimulatorError> {
        let path = mode.path();
        let signer = self.authority.status_signer(IssuerName::PidGermany);
        let token = |change: &dyn Fn(&mut Map<String, Value>)| -> Result<StatusAnswer, SimulatorError> {
            let mut payload = self.payload(IssuerName::PidGermany, path, now);
            change(&mut payload);
            let signed = Jws::unsigned(&list_header(&signer), jws::json(&payload)).sign(&signer.key)?;
            Ok(ok(signed.text().into_bytes()))
        };
        let list = |lst: &[u8]| {
            let lst = base64::encode_url(lst);
            token(&|payload| {
                payload.insert("status_list".to_owned(), json!({"bits": 2, "lst": lst}));
            })
        };
        let packed = self.list(IssuerName::PidGermany).bytes();
        match mode {
            StatusHostMode::Well => token(&|_| {}),
            StatusHostMode::Down => Ok(plain(503, b"closed today".to_vec())),
            StatusHostMode::Broken => Ok(plain(500, b"something broke".to_vec())),
            StatusHostMode::Missing => Ok(plain(404, b"no such list".to_vec())),
            StatusHostMode::Garbage => Ok(ok(b"this is no token".to_vec())),
            StatusHostMode::Huge => Ok(ok(vec![b'A'; 4 * 1024 * 1024])),
            StatusHostMode::SelfMadeSigner => {
                let stranger = self.authority.bad_chain(BadChain::UnknownRoot)?;
                self.signed_by(&stranger, path, now)
            }
            StatusHostMode::OtherIssuer => {
                self.signed_by(&self.authority.status_signer(IssuerName::Municipality), path, now)
            }
            StatusHostMode::Unsigned => {
                let mut header = list_header(&signer);
                header.insert("alg".to_owned(), json!("none"));
                let payload = jws::json(&self.payload(IssuerName::PidGermany, path, now));
                Ok(ok(Jws::unsigned(&header, payload).text().into_bytes()))
            }
            StatusHostMode::Expired => token(&|payload| {
                payload.insert("iat".to_owned(), json!(now.minus(2 * 86_400).0));
                payload.insert("exp".to_owned(), json!(now.minus(86_400).0));
            }),
            StatusHostMode::OtherSubject => token(&|payload| {
                payload.insert("sub".to_owned(), json!(format!("{}{path}/", self.base)));
            }),
            StatusHostMode::OtherTyp => {
                let mut header = list_header(&signer);
                header.insert("typ".to_owned(), json!("JWT"));
                let payload = jws::json(&self.payload(IssuerName::PidGermany, path, now));
                Ok(ok(Jws::unsigned(&header, payload).sign(&signer.key)?.text().into_bytes()))
            }
            StatusHostMode::WithoutIat => token(&|payload| {
                payload.remove("iat");
            }),
            StatusHostMode::ZipBomb => list(&zlib(&vec![0; 64 * 1024 * 1024])),
            StatusHostMode::RawDeflate => list(&raw_deflate(&packed)),
            StatusHostMode::Truncated => {
                let stream = zlib(&packed);
                list(stream.get(..stream.len() / 2).unwrap_or_default())
            }
            StatusHostMode::BadChecksum => {
                let mut stream = zlib(&packed);
                if let Some(last) = stream.last_mut() {
                    *last ^= 1;
                }
                list(&stream)
            }
            StatusHostMode::ThreeBits => token(&|payload| {
                let lst = base64::encode_url(&zlib(&packed));
                payload.insert("status_list".to_owned(), json!({"bits": 3, "lst": lst}));
            }),
            StatusHostMode::OtherMediaType => {
                token(&|_| {}).map(|answer| StatusAnswer { content_type: "text/html", ..answer })
            }
            StatusHostMode::RedirectInside => {
                let location = Some("https://169.254.169.254/latest/meta-data");
                Ok(StatusAnswer { location, ..plain(302, Vec::new()) })
            }
        }
    }

    fn signed_by(
        &self,
        signer: &SigningIdentity,
        path: &str,
        now: UnixSeconds,
    ) -> Result<StatusAnswer, SimulatorError> {
        let payload = jws::json(&self.payload(IssuerName::PidGermany, path, now));
        Ok(ok(Jws::unsigned(&list_header(signer), payload).sign(&signer.key)?.text().into_bytes()))
    }

    fn good_token(&self, kind: IssuerName, path: &str, now: UnixSeconds) -> Jws {
        let signer = self.authority.status_signer(kind);
        Jws::unsigned(&list_header(&signer), jws::json(&self.payload(kind, path, now)))
    }

    fn payload(&self, kind: IssuerName, path: &str, now: UnixSeconds) -> Map<String, Value> {
        let list = self.list(kind);
        let mut payload = Map::new();
        payload.insert("sub".to_owned(), json!(format!("{}{path}", self.base)));
        payload.insert("iat".to_owned(), json!(now.0));
        payload.insert("exp".to_owned(), json!(now.plus(86_400).0));
        payload.insert("ttl".to_owned(), json!(3_600));
        let lst = base64::encode_url(&list.zlib());
        payload.insert("status_list".to_owned(), json!({"bits": list.bits, "lst": lst}));
        payload
    }

    fn list(&self, kind: IssuerName) -> StatusList {
        let mut values = BTreeMap::from([(1, 1), (2, 2), (3, 3)]);
        for ((owner, index), value) in self.values.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            if *owner == kind {
                values.insert(*index, *value);
            }
        }
        StatusList { bits: 2, entries: ENTRIES, values }
    }

    /// The host as a router; `clock` says what time it is.
    pub fn router<C>(self: Arc<Self>, clock: C) -> axum::Router
    where
        C: Fn() -> UnixSeconds + Clone + Send + Sync + 'static,
    {
        axum::Router::new().fallback(serve::<C>).with_state((self, clock))
    }
}

async fn serve<C>(State((host, clock)): State<(Arc<StatusHost>, C)>, uri: Uri) -> Response
where
    C: Fn() -> UnixSeconds + Clone + Send + Sync + 'static,
{
    let Ok(answer) = host.answer(uri.path(), clock()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, answer.content_type)], answer.body).into_response();
    if let Some(location) = answer.location {
        response.headers_mut().insert(header::LOCATION, header::HeaderValue::from_static(location));
    }
    response
}

fn list_header(signer: &SigningIdentity) -> Map<String, Value> {
    let mut header = jws::header("statuslist+jwt");
    header.insert("x5c".to_owned(), Value::from(signer.x5c()));
    header
}

fn ok(body: Vec<u8>) -> StatusAnswer {
    StatusAnswer { status: 200, content_type: MEDIA_TYPE, location: None, body }
}

fn plain(status: u16, body: Vec<u8>) -> StatusAnswer {
    StatusAnswer { status, content_type: "text/plain", location: None, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jose::jwk::PublicKey;
    use flate2::read::ZlibDecoder;
    use std::io::Read as _;
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

    fn host() -> StatusHost {
        let authority = Arc::new(TestAuthority::from_seed([7; 32], NOW).unwrap());
        StatusHost::new(authority, "https://status.pruefstein.example/")
    }

    fn payload(answer: &StatusAnswer) -> Value {
        let token = std::str::from_utf8(&answer.body).unwrap();
        serde_json::from_slice(&base64::decode_url(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
    }

    fn entries(answer: &StatusAnswer) -> Vec<u8> {
        let lst = payload(answer)["status_list"]["lst"].as_str().unwrap().to_owned();
        let mut bytes = Vec::new();
        ZlibDecoder::new(base64::decode_url(&lst).unwrap().as_slice()).read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn good_lists_hold_what_was_set() {
        let host = host();
        let first = host.answer("/lists/pid", NOW).unwrap();
        assert_eq!((first.status, first.content_type), (200, MEDIA_TYPE));
        assert_eq!(payload(&first)["sub"], "https://status.pruefstein.example/lists/pid");
        // 0, 1, 2, 3 from the lowest bits up.
        assert_eq!(entries(&first)[0], 0b1110_0100);
        assert_eq!(entries(&first).len(), ENTRIES / 4);
        host.set(IssuerName::PidGermany, 1_000, 1);
        assert_eq!(entries(&host.answer("/lists/pid", NOW).unwrap())[250], 1);
        assert_eq!(entries(&host.answer("/lists/sozialpass", NOW).unwrap())[250], 0);
        assert_eq!(host.answer("/lists/other", NOW).unwrap().status, 404);
    }

    #[test]
    fn good_lists_are_signed_by_the_status_signer() {
        let host = host();
        for kind in IssuerName::ALL {
            let answer = host.answer(status_path(kind), NOW).unwrap();
            let token = String::from_utf8(answer.body).unwrap();
            let (input, signature) = token.rsplit_once('.').unwrap();
            let chain = host.authority.status_signer(kind).chain;
            let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
            let key = PublicKey::from_spki(leaf.public_key().raw).unwrap();
            assert!(key.verify(input.as_bytes(), &base64::decode_url(signature).unwrap()));
        }
    }

    #[test]
    fn every_mode_has_an_answer_of_its_own() {
        let host = host();
        let mut seen = Vec::new();
        for mode in StatusHostMode::FAULTY {
            let answer = host.answer(mode.path(), NOW).unwrap();
            assert!(!seen.contains(&answer), "{mode:?}");
            seen.push(answer);
        }
        let answer = |mode: StatusHostMode| host.answer(mode.path(), NOW).unwrap();
        assert!(answer(StatusHostMode::ZipBomb).body.len() < 2 * 1024 * 1024, "small on the wire");
        assert_eq!(entries(&answer(StatusHostMode::ZipBomb)).len(), 64 * 1024 * 1024);
        assert!(payload(&answer(StatusHostMode::Expired))["exp"].as_i64().unwrap() < NOW.0);
        assert_ne!(
            payload(&answer(StatusHostMode::OtherSubject))["sub"],
            format!("{}{}", host.base(), StatusHostMode::OtherSubject.path())
        );
        assert_eq!(answer(StatusHostMode::RedirectInside).status, 302);
    }

    #[tokio::test]
    async fn the_router_says_the_same() {
        use tower::ServiceExt as _;
        let router = Arc::new(host()).router(|| NOW);
        let request = axum::http::Request::get("/faults/redirect-inside").body(axum::body::Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::FOUND);
        assert!(response.headers()[header::LOCATION].to_str().unwrap().starts_with("https://169.254"));
    }
}
