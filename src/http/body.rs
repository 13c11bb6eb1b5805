//! The documents of the caller API, as they are read and written. The API description is generated from them.

use super::coverage::CoverageBody;
use super::describe;
use super::problem::FieldError;
use crate::domain::dcql::Finding;
use crate::domain::reason::Code;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A picture.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Picture(pub Vec<u8>);

/// What a caller asks for.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = describe::new_presentation)]
pub struct NewPresentationBody {
    /// The id of a preset (`GET /v1/presets`). Exactly one of `preset` and `dcql_query`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "bewohnerparken")]
    pub preset: Option<String>,
    /// A DCQL query (OpenID4VP 1.0 section 6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = describe::optional_dcql_query, required = false)]
    pub dcql_query: Option<Value>,
    /// The name of the registration under which is asked; absent: that of the preset, or the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "parking")]
    pub registration: Option<String>,
    /// `same_device`; `cross_device` where the tenant allows it; `dc_api` where the tenant has origins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = describe::flows, required = false)]
    pub flow: Option<String>,
    /// Where the person goes back to in the same-device flow: exactly one of the tenant's addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://antrag.stadt.example/weiter")]
    pub return_url: Option<String>,
    /// The page that asks, in the flow `dc_api`: exactly one of the tenant's origins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://antrag.stadt.example")]
    pub origin: Option<String>,
    /// `direct_post.jwt` (default), or `direct_post` where the tenant allows this deviation from HAIP; in the flow `dc_api`
    /// `dc_api.jwt` (default) or `dc_api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = describe::response_modes, required = false)]
    pub response_mode: Option<String>,
    /// Transaction data that the person shall authorise (OpenID4VP 1.0 section 5.1): JSON objects, which are encoded here, or
    /// their base64url texts, which are sent as they are. Only types that the configuration names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = describe::transaction_data, required = false)]
    pub transaction_data: Vec<Value>,
    /// The purpose that the page shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<PurposeBody>,
    /// The caller's own reference, 1 to 128 of `A-Z a-z 0-9 - _ . : /`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "A-2027-000123")]
    pub reference: Option<String>,
    /// Life of the transaction in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 300)]
    pub expires_in: Option<u32>,
    /// How long the result is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<ResultRulesBody>,
    /// What the caller names the person's session by, 16 to 256 printable characters: a digest of its session id, say.
    /// In the same-device flow only. Reading the result must name the same; only a digest of it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "q3Yw1rF0mXvK8s2LJcD5tA")]
    pub session: Option<String>,
}

/// A text in both languages.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PurposeBody {
    /// German.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub de: Option<String>,
    /// English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
}

/// How long a result is kept.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultRulesBody {
    /// Seconds after the end for which the result can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 900)]
    pub ttl_seconds: Option<u32>,
    /// Whether it is erased as soon as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_after_read: Option<bool>,
}

/// A started presentation.
#[derive(Serialize, ToSchema)]
#[schema(example = describe::created)]
pub struct CreatedBody {
    /// The id, for the caller only.
    #[schema(example = "q0VtZ3lJc2VJdGhpcklkMQ")]
    pub id: String,
    /// `open`.
    #[schema(schema_with = describe::statuses)]
    pub status: &'static str,
    /// `same_device`, `cross_device` or `dc_api`.
    #[schema(schema_with = describe::flows)]
    pub flow: &'static str,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// What starts the wallet: a link on the same device, the QR code otherwise. `null` in the flow `dc_api`.
    #[schema(example = "openid4vp://?client_id=x509_hash%3A…&request_uri=…&request_uri_method=post")]
    pub authorization_request_uri: Option<String>,
    /// Where the wallet collects the request. `null` in the flow `dc_api`.
    pub request_uri: Option<String>,
    /// The whole client identifier, prefix included.
    pub client_id: String,
    /// The hosted page for the person. `null` in the flow `dc_api`, where the page is the caller's own.
    pub page_url: Option<String>,
    /// The entries of transaction data exactly as they are sent: keep them, as they are what the person authorises.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub transaction_data: Vec<String>,
    /// In the flow `dc_api`, until the end: the argument of `navigator.credentials.get(…)`, as it is. Otherwise `null`.
    #[schema(schema_with = describe::dc_api_request, required = false)]
    pub dc_api_request: Option<Value>,
}

/// What the browser's Digital Credentials API gave the page: two members of the `DigitalCredential`.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = describe::browser_answer)]
pub struct BrowserAnswerBody {
    /// The member `protocol`: one of those that were offered.
    #[schema(example = "openid4vp-v1-signed")]
    pub protocol: String,
    /// The member `data`, as an object or as its JSON text: `{"response": "…"}`, or `{"error": "…"}`, or `{"vp_token": {…}}`
    /// where the request said `dc_api`.
    #[schema(schema_with = describe::browser_data)]
    pub data: Value,
}

/// How a presentation stands.
#[derive(Serialize, ToSchema)]
#[schema(example = describe::presentation)]
pub struct PresentationBody {
    /// The id.
    pub id: String,
    /// `open`, `fetched`, `verified`, `rejected`, `declined`, `expired` or `cancelled`. The first end state stays.
    #[schema(schema_with = describe::statuses)]
    pub status: &'static str,
    /// `same_device` or `cross_device`; a cross-device result may have been relayed.
    #[schema(schema_with = describe::flows)]
    pub flow: &'static str,
    /// `not_established` for a presentation across devices: nothing shows that wallet and browser are in one place. No
    /// address is ever compared for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "not_established")]
    pub proximity: Option<&'static str>,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// The preset, if one was used.
    pub preset: Option<String>,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// RFC 3339, UTC; `null` while it is open.
    #[schema(format = DateTime)]
    pub finished_at: Option<String>,
    /// The verified credentials; only with `verified`.
    #[schema(value_type = Option<ResultBody>)]
    pub result: Option<Box<RawValue>>,
    /// Every check that was made, also on success.
    #[schema(value_type = Option<ReportBody>)]
    pub report: Option<Box<RawValue>>,
    /// Why it ended otherwise.
    pub error: Option<ErrorBody>,
    /// While it is open: why the last answer was not accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refused: Option<RefusedBody>,
}

/// Why an answer was not accepted.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    /// The stable code.
    #[schema(value_type = String, example = "kb_nonce_mismatch")]
    pub code: Code,
    /// What the code means.
    pub title: &'static str,
    /// What exactly was found.
    pub detail: String,
    /// What to do.
    pub hint: &'static str,
}

impl ErrorBody {
    /// The body for a code and its detail.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, title: code.meaning(), detail: detail.into(), hint: code.hint() }
    }
}

/// An answer that left the transaction open.
#[derive(Serialize, ToSchema)]
pub struct RefusedBody {
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub at: String,
    /// Why.
    pub error: ErrorBody,
    /// The checks that were made.
    #[schema(value_type = Option<ReportBody>)]
    pub report: Option<Box<RawValue>>,
}

/// Verified credentials by the id of their query.
#[derive(Serialize, ToSchema)]
pub struct ResultBody {
    /// Query id → credentials.
    pub credentials: BTreeMap<String, Vec<CredentialBody>>,
}

/// One verified credential.
#[derive(Serialize, ToSchema)]
pub struct CredentialBody {
    /// `dc+sd-jwt`
    #[schema(example = "dc+sd-jwt")]
    pub format: String,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "urn:eudi:pid:de:1")]
    pub kind: String,
    /// Who issued it.
    pub issuer: IssuerBody,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub valid_from: Option<String>,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub valid_until: Option<String>,
    /// `valid`, or `not_issued` where the trust source allows credentials without status.
    #[schema(example = "valid")]
    pub status: String,
    /// What was asked for and disclosed, nothing else.
    #[schema(schema_with = describe::claims)]
    pub claims: Value,
    /// Position of the claim set that was met, if the query has some.
    pub claim_set: Option<usize>,
    /// The entries of transaction data that the holder of this credential confirmed; absent if none.
    pub transaction_data: Option<Vec<ConfirmationBody>>,
}

/// One entry of transaction data, confirmed.
#[derive(Serialize, ToSchema)]
pub struct ConfirmationBody {
    /// Its place in `transaction_data` of the request, from 0.
    pub index: usize,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "urn:example:approval:1")]
    pub kind: String,
    /// The hash function.
    #[schema(example = "sha-256")]
    pub algorithm: String,
    /// The hash of its text as it was sent, base64url: what the holder signed.
    #[schema(example = "hMxtfkxfFtIvsl0spbqq3FN5mWPvEsSWgHBNtsUK3Y0")]
    pub hash: String,
}

/// An issuer, from its certificate or, without one, from its address.
#[derive(Serialize, ToSchema)]
pub struct IssuerBody {
    /// Organisation, else common name; without a certificate, the address under which it publishes its keys.
    pub name: String,
    /// Two letters.
    pub country: Option<String>,
    /// The trust source that vouches for it.
    pub trusted_by: String,
    /// `iss` of the credential, if it has one.
    pub stated: Option<String>,
}

/// Every check by name.
#[derive(Serialize, ToSchema)]
pub struct ReportBody {
    /// `accepted`, or `refused`: a check failed or was not made.
    #[schema(schema_with = describe::verdicts)]
    pub outcome: String,
    /// In a fixed order.
    pub checks: Vec<CheckBody>,
    /// What the verdict rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<EvidenceBody>,
}

/// What a verdict rests on: with the trust data of this digest, and at this time, it comes out the same again.
#[derive(Serialize, ToSchema)]
pub struct EvidenceBody {
    /// The time that counted, RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub at: String,
    /// SHA-256 over all trust data, base64url; a file made by `trust snapshot` carries the same.
    pub trust_data: String,
    /// The credentials whose issuer was found, in the order of the report.
    pub credentials: Vec<RestsOnBody>,
}

/// What the trust in one credential rests on.
#[derive(Serialize, ToSchema)]
pub struct RestsOnBody {
    /// The id of its query, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// The trust source.
    #[schema(example = "pid-providers")]
    pub trusted_by: String,
    /// What the source vouches for.
    #[schema(example = "pid_provider")]
    pub purpose: String,
    /// The edition of the trust list that its certificates come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_list: Option<TrustListBody>,
    /// The edition of the status list that said valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_list: Option<StatusListBody>,
}

/// One edition of a trust list.
#[derive(Serialize, ToSchema)]
pub struct TrustListBody {
    /// Its name in the configuration.
    pub name: String,
    /// Its sequence number.
    pub number: u64,
    /// SHA-256 of the document, base64url.
    pub sha256: String,
    /// When it was issued.
    #[schema(format = DateTime)]
    pub issued_at: String,
    /// When the next one is due.
    #[schema(format = DateTime)]
    pub next_update: String,
}

/// One edition of a status list.
#[derive(Serialize, ToSchema)]
pub struct StatusListBody {
    /// SHA-256 of the token, base64url.
    pub sha256: String,
    /// Its `iat`.
    #[schema(format = DateTime)]
    pub issued_at: String,
    /// Its `exp`, if stated.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// One check.
#[derive(Serialize, ToSchema)]
pub struct CheckBody {
    /// Its stable name.
    #[schema(example = "issuer_signature")]
    pub check: String,
    /// `passed`, `failed` or `not_run`.
    #[schema(schema_with = describe::outcomes)]
    pub outcome: String,
    /// Where the rule is written.
    #[schema(example = "RFC 9901 7.1")]
    pub source: String,
    /// The query id of the credential it is about.
    pub credential: Option<String>,
    /// The code of a failure.
    pub code: Option<String>,
    /// What was found.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Something worth knowing although it passed.
    pub note: Option<String>,
}

/// One presentation to verify, outside of a transaction.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = describe::verification)]
pub struct VerificationBody {
    /// `dc+sd-jwt`
    #[schema(example = "dc+sd-jwt")]
    pub format: String,
    /// The presentation as it was received.
    pub presentation: String,
    /// The nonce that was sent.
    pub nonce: String,
    /// The whole client identifier that was sent.
    pub audience: String,
    /// A query with one credential that it must satisfy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = describe::optional_dcql_query, required = false)]
    pub dcql_query: Option<Value>,
    /// The entries of transaction data that it must confirm, all of them, exactly as they were sent. Without any, a proof
    /// that confirms some is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub transaction_data: Vec<String>,
    /// The time to verify at, RFC 3339; now if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// The verdict on one presentation.
#[derive(Serialize, ToSchema)]
#[schema(example = describe::verdict)]
pub struct VerdictBody {
    /// `accepted` or `refused`.
    #[schema(schema_with = describe::verdicts)]
    pub outcome: &'static str,
    /// The credential, if accepted.
    #[schema(value_type = Option<ResultBody>)]
    pub result: Option<Box<RawValue>>,
    /// Every check.
    #[schema(value_type = ReportBody)]
    pub report: Box<RawValue>,
    /// Why it was refused.
    pub error: Option<ErrorBody>,
}

/// A query to check.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = describe::query_check)]
pub struct QueryCheckBody {
    /// The DCQL query.
    #[schema(schema_with = describe::dcql_query)]
    pub dcql_query: Value,
    /// The name of the registration to compare with; absent: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "parking")]
    pub registration: Option<String>,
}

/// What was found in a query.
#[derive(Serialize, ToSchema)]
#[schema(example = describe::query_findings)]
pub struct QueryFindingsBody {
    /// Whether it could be sent as it is.
    pub sendable: bool,
    /// Broken rules of the specification.
    #[schema(value_type = Vec<FieldErrorBody>)]
    pub faults: Vec<FieldError>,
    /// What profile, PID rules and data minimisation say.
    #[schema(value_type = Vec<FindingBody>)]
    pub findings: Vec<Finding>,
    /// What it asks beside each registration of the tenant. Empty if the tenant has none: then nothing is compared.
    pub registrations: Vec<CoverageBody>,
}

/// An error as wallets see it: coarse on purpose.
#[derive(Serialize, ToSchema)]
#[schema(example = describe::wallet_error)]
pub struct WalletErrorBody {
    /// `invalid_request`, `invalid_presentation` or `temporarily_unavailable`.
    #[schema(example = "invalid_presentation")]
    pub error: &'static str,
    /// A sentence without details.
    pub error_description: &'static str,
    /// Where the person may go back to, if the answer ended a same-device presentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
}

/// What a wallet is told after an answer that was dealt with.
#[derive(Serialize, ToSchema)]
#[schema(example = describe::next_step)]
pub struct NextStepBody {
    /// Where the wallet sends the person, with the response code; only in the same-device flow.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://antrag.stadt.example/weiter?response_code=fR1nYJ9QoVdT2mXWqk3z7A")]
    pub redirect_uri: Option<String>,
}

/// A problem document (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(example = describe::problem)]
pub struct ProblemBody {
    /// Address of the page about the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    #[schema(example = "invalid_query")]
    pub code: String,
    /// What exactly was found.
    pub detail: String,
    /// The id of this occurrence, as in the log.
    pub instance: Option<String>,
    /// What to do.
    pub hint: String,
    /// Every fault with its place.
    pub errors: Option<Vec<FieldErrorBody>>,
}

/// A fault at a place.
#[derive(Serialize, ToSchema)]
pub struct FieldErrorBody {
    /// JSON pointer (RFC 6901).
    #[schema(example = "/dcql_query/credentials/0/meta")]
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
    /// The rule that says so.
    pub rule: Option<String>,
    /// What to do instead.
    pub hint: Option<String>,
}

/// A finding of the query check.
#[derive(Serialize, ToSchema)]
pub struct FindingBody {
    /// JSON pointer (RFC 6901).
    pub pointer: String,
    /// `error` or `warning`.
    #[schema(schema_with = describe::severities)]
    pub severity: String,
    /// The rule that says so.
    pub rule: String,
    /// What was found.
    pub detail: String,
    /// What to do instead.
    pub hint: String,
}

/// A preset in the list.
#[derive(Serialize, ToSchema)]
#[schema(example = describe::preset)]
pub struct PresetBody {
    /// Its id.
    #[schema(example = "bewohnerparken")]
    pub id: String,
    /// Its version.
    pub version: u32,
    /// What people call the service.
    pub title: PurposeBody,
    /// The purpose that the wallet shows.
    pub purpose: PurposeBody,
    /// The least level of assurance that the service needs.
    #[schema(example = "http://eidas.europa.eu/LoA/substantial")]
    pub acr_min: &'static str,
    /// How the result is kept.
    pub result: ResultRulesBody,
    /// The query as it is really sent; only for one preset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = describe::optional_dcql_query, required = false)]
    pub dcql_query: Option<Value>,
}

/// The presets of a tenant.
#[derive(Serialize, ToSchema)]
#[schema(example = describe::presets)]
pub struct PresetsBody {
    /// By id.
    pub presets: Vec<PresetBody>,
}
