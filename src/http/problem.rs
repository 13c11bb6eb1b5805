//! Errors as callers and browsers see them: problem documents of RFC 9457, and the one place that chooses statuses.

use crate::app::ports::{EntropyFailed, SigningFailed, StoreError};
use crate::domain::dcql;
use crate::domain::reason::{Code, Reason};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::borrow::Cow;

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";
/// Where the service serves the list of codes; a problem's `type` is this path and the code as its fragment.
pub const DOCUMENTATION_PATH: &str = "/docs/error-codes.md";

/// An error in an answer. It says nothing that the sender may not know: causes go to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<u32>,
    allow: Option<HeaderValue>,
}

/// What is wrong at one place of a document that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the place.
    pub pointer: String,
    /// What is wrong there; never the value itself.
    pub detail: Cow<'static, str>,
    /// The rule that says so, if it has a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    /// What to do instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<Cow<'static, str>>,
}

impl FieldError {
    /// A fault at a place.
    pub fn new(pointer: impl Into<String>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into(), rule: None, hint: None }
    }
}

impl From<dcql::Fault> for FieldError {
    fn from(fault: dcql::Fault) -> Self {
        Self { pointer: fault.pointer, detail: fault.detail, rule: Some(fault.rule), hint: None }
    }
}

impl From<dcql::Finding> for FieldError {
    fn from(finding: dcql::Finding) -> Self {
        Self {
            pointer: finding.pointer,
            detail: finding.detail,
            rule: Some(finding.rule),
            hint: Some(finding.hint).filter(|hint| !hint.is_empty()),
        }
    }
}

impl Problem {
    /// A problem with what exactly was found.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), errors: Vec::new(), retry_after: None, allow: None }
    }

    /// Adds the places that are wrong.
    #[must_use]
    pub fn with_errors(mut self, errors: impl IntoIterator<Item = impl Into<FieldError>>) -> Self {
        self.errors.extend(errors.into_iter().map(Into::into));
        self
    }

    /// Says after how many seconds a new try makes sense; otherwise the code has a usual time.
    #[must_use]
    pub const fn with_retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Names the methods that the path offers (RFC 9110 section 15.5.6).
    #[must_use]
    pub fn with_allow(mut self, methods: HeaderValue) -> Self {
        self.allow = Some(methods);
        self
    }

    /// The code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        status(self.code)
    }

    /// The answer; `instance` names this one occurrence, as the log does.
    pub fn render(&self, instance: Option<&str>) -> Response {
        let status = self.status();
        let document = Document {
            kind: format!("{DOCUMENTATION_PATH}#{}", self.code),
            title: self.code.meaning(),
            status: status.as_u16(),
            code: self.code.as_str(),
            detail: &self.detail,
            instance,
            hint: self.code.hint(),
            errors: &self.errors,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after.or_else(|| usual_wait(self.code)) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some((name, value)) = self.extra_header() {
            headers.insert(name, value);
        }
        response.extensions_mut().insert(self.clone());
        response
    }

    fn extra_header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self.code {
            Code::Unauthenticated => Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            Code::MethodNotAllowed => self.allow.clone().map(|methods| (header::ALLOW, methods)),
            _ => None,
        }
    }
}

/// The members of RFC 9457 section 3.1 and our own.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a str>,
    hint: &'static str,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.render(None)
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code, code.meaning())
    }
}

impl From<Reason> for Problem {
    fn from(reason: Reason) -> Self {
        Self::new(reason.code, reason.detail)
    }
}

impl From<StoreError> for Problem {
    /// The cause names places of ours; the sender sees the code only.
    fn from(error: StoreError) -> Self {
        error.code().into()
    }
}

impl From<EntropyFailed> for Problem {
    fn from(error: EntropyFailed) -> Self {
        error.code().into()
    }
}

impl From<SigningFailed> for Problem {
    fn from(_: SigningFailed) -> Self {
        Code::NotReady.into()
    }
}

/// The status of every code. There is no `_` arm: a new code does not compile until somebody chooses.
pub const fn status(code: Code) -> StatusCode {
    match code {
        Code::WalletErrorRecorded => StatusCode::OK,

        Code::BadRequest
        | Code::DuplicateParameter
        | Code::WalletMetadataInvalid
        | Code::WalletNonceInvalid
        | Code::WalletIncompatible
        | Code::StateMismatch
        | Code::ResponseMalformed
        | Code::DcapiResponseMalformed
        | Code::OriginMismatch
        | Code::InvalidPresentation
        | Code::EncryptionRequired
        | Code::JweMalformed
        | Code::JweAlgNotAllowed
        | Code::JweEncNotAllowed
        | Code::JweKeyUnknown
        | Code::JweZipNotAllowed
        | Code::DecryptionFailed
        | Code::VpTokenMalformed
        | Code::VpTokenUnknownQuery
        | Code::VpTokenTooMany
        | Code::VpTokenDuplicate
        | Code::QueryNotSatisfied
        | Code::ClaimMissing
        | Code::ClaimValueMismatch
        | Code::TransactionDataMismatch
        | Code::LimitExceeded
        | Code::JsonInvalid
        | Code::Base64urlInvalid
        | Code::JwsMalformed
        | Code::JwsAlgNotAllowed
        | Code::JwsKeyMismatch
        | Code::JwsHeaderNotAllowed
        | Code::JwsCritUnsupported
        | Code::JwsSignatureInvalid
        | Code::SdjwtMalformed
        | Code::SdjwtAlgUnsupported
        | Code::SdjwtDigestDuplicate
        | Code::SdjwtDisclosureUnreferenced
        | Code::SdjwtDisclosureMalformed
        | Code::SdjwtClaimConflict
        | Code::SdjwtReservedClaim
        | Code::SdjwtNotDisclosable
        | Code::KbMissing
        | Code::KbMalformed
        | Code::KbTypInvalid
        | Code::KbAlgNotAllowed
        | Code::KbSignatureInvalid
        | Code::KbAudMismatch
        | Code::KbNonceMismatch
        | Code::KbIatOutOfWindow
        | Code::KbSdHashMismatch
        | Code::HolderKeyMissing
        | Code::HolderKeyUnsupported
        | Code::CredentialTypInvalid
        | Code::CredentialFormatMismatch
        | Code::CredentialTypeMismatch
        | Code::CredentialClaimInvalid
        | Code::CredentialExpired
        | Code::CredentialNotYetValid
        | Code::CredentialIssuerMismatch
        | Code::IssuerNotAuthorized
        | Code::TypeMetadataInvalid
        | Code::X5cMissing
        | Code::X5cMalformed
        | Code::X5cTooLong
        | Code::X5cChainInvalid
        | Code::X5cUntrusted
        | Code::X5cExpired
        | Code::X5cProfileViolation
        | Code::X5cRevoked
        | Code::StatusInvalidReference
        | Code::StatusUriNotAllowed
        | Code::StatusTokenInvalid
        | Code::StatusTokenExpired
        | Code::StatusListMalformed
        | Code::StatusListTooLarge
        | Code::StatusIndexOutOfRange
        | Code::CredentialRevoked
        | Code::CredentialSuspended
        | Code::StatusValueUnknown => StatusCode::BAD_REQUEST,

        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::QueryNotPermitted
        | Code::CrossDeviceNotAllowed
        | Code::ResponseCodeRequired
        | Code::ResponseCodeInvalid
        | Code::SessionMismatch => StatusCode::FORBIDDEN,
        Code::NotFound | Code::UnknownTransaction | Code::UnknownRequest => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::IdempotencyConflict | Code::TransactionCompleted => StatusCode::CONFLICT,
        Code::ResultPurged | Code::RequestExpired | Code::TransactionExpired => StatusCode::GONE,
        Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::HostNotAllowed => StatusCode::MISDIRECTED_REQUEST,
        Code::InvalidQuery | Code::InvalidRedirectUri => StatusCode::UNPROCESSABLE_ENTITY,
        Code::RateLimited | Code::QuotaExceeded => StatusCode::TOO_MANY_REQUESTS,
        Code::HeaderFieldsTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,

        // Nobody waits for an answer while configuration and trust lists are read; should one leave, it is our defect.
        Code::InternalError
        | Code::ConfigRefused
        | Code::TrustListSignatureInvalid
        | Code::TrustListRollback
        | Code::TrustListMalformed
        | Code::TrustListTooLarge => StatusCode::INTERNAL_SERVER_ERROR,
        Code::Overloaded
        | Code::NotReady
        | Code::StatusUnavailable
        | Code::TrustAnchorSetEmpty
        | Code::TrustUnavailable
        | Code::StorageUnavailable
        | Code::StorageFull
        | Code::StorageCorrupt => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Seconds after which a new try usually makes sense; none for codes where trying again changes nothing.
fn usual_wait(code: Code) -> Option<u32> {
    match (code, status(code)) {
        (Code::Overloaded, _) => Some(1),
        (Code::StatusUnavailable | Code::NotReady, _) => Some(5),
        (_, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) => Some(30),
        _ => None,
    }
}

/// The page `docs/error-codes.md`: every code with its status, its meaning, who has to act and how.
pub fn error_codes_markdown() -> String {
    let mut page = String::from(
        "# Error codes\n\n\
         <!-- Generated by `pruefstein codes --markdown`. Do not edit. -->\n\n\
         A code is stable: it is never renamed, and never used again after removal. It stands in problem documents, in\n\
         reports and results, in test vectors and in metrics. Wallets see a coarse code only (`invalid_request`,\n\
         `invalid_presentation`); the exact one is in the report that the caller reads.\n\n\
         *HTTP* is the status with which the sender of the faulty message is answered; `-` means that nobody waits for an\n\
         answer. A refused credential is a verdict: the caller reads it with status 200.\n",
    );
    let mut group = "";
    for code in Code::ALL {
        if code.group() != group {
            group = code.group();
            page.push_str("\n## ");
            page.push_str(group);
            page.push('\n');
        }
        let http = match code {
            Code::ConfigRefused
            | Code::TrustListSignatureInvalid
            | Code::TrustListRollback
            | Code::TrustListMalformed
            | Code::TrustListTooLarge => "-".to_owned(),
            other => status(*other).as_u16().to_string(),
        };
        let lines = [
            format!("\n### {code}\n\n"),
            format!("{}\n\n", code.meaning()),
            format!("HTTP {http} · to act: {} · {}\n", code.actor().as_str(), code.hint()),
        ];
        page.extend(lines);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    async fn body(response: Response) -> Value {
        let bytes = axum::body::to_bytes(response.into_body(), 64 * 1024).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_problem_has_the_members_of_the_contract() {
        let problem = Problem::new(Code::InvalidQuery, "2 places are wrong")
            .with_errors([FieldError::new("/dcql_query/credentials/0/id", "the id is empty")]);
        let response = problem.render(Some("urn:uuid:0"));
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(
            body(response).await,
            json!({
                "type": "/docs/error-codes.md#invalid_query",
                "title": Code::InvalidQuery.meaning(),
                "status": 422,
                "code": "invalid_query",
                "detail": "2 places are wrong",
                "instance": "urn:uuid:0",
                "hint": Code::InvalidQuery.hint(),
                "errors": [{ "pointer": "/dcql_query/credentials/0/id", "detail": "the id is empty" }]
            })
        );
    }

    #[test]
    fn retry_after_is_there_when_trying_again_helps() {
        for code in Code::ALL {
            let response = Problem::from(*code).render(None);
            let due = matches!(response.status().as_u16(), 429 | 503);
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), due, "{code}");
        }
        let told = Problem::from(Code::RateLimited).with_retry_after(7).render(None);
        assert_eq!(told.headers()[header::RETRY_AFTER], "7");
    }

    #[tokio::test]
    async fn causes_stay_inside() {
        let problem = Problem::from(StoreError::Unavailable("/var/lib/secret/path".to_owned()));
        let text = body(problem.into_response()).await.to_string();
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("storage_unavailable"));
    }

    #[test]
    fn the_page_has_every_code_once() {
        let page = error_codes_markdown();
        for code in Code::ALL {
            assert_eq!(page.matches(&format!("\n### {code}\n")).count(), 1, "{code}");
        }
    }
}
