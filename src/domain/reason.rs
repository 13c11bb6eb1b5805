//! Every reason for refusal, with its stable code.
//!
//! This table is the project's code table: `docs/error-codes.md` is generated from it, vectors and reports use its
//! names. A code is never renamed and never used again after removal. The core knows nothing of HTTP; statuses are
//! chosen in `http::problem`.

use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// Who has to act on a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// The wallet or its maker.
    Wallet,
    /// The backend that calls the API.
    Caller,
    /// The operator of this service.
    Operator,
    /// The issuer of the credential.
    Issuer,
    /// The person: renew, retry or choose another way.
    Person,
    /// Nobody: waiting or trying again is enough.
    Nobody,
}

impl Actor {
    /// The word used in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Caller => "caller",
            Self::Operator => "operator",
            Self::Issuer => "issuer",
            Self::Person => "person",
            Self::Nobody => "nobody",
        }
    }
}

macro_rules! codes {
    ($( $(#[$doc:meta])* $variant:ident = $name:literal, $group:literal, $meaning:literal, $actor:ident, $hint:literal; )+) => {
        /// A stable code: one per reason.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $( #[doc = $meaning] $variant, )+ }

        impl Code {
            /// All codes in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The stable name, for programs.
            pub const fn as_str(self) -> &'static str { match self { $( Self::$variant => $name, )+ } }

            /// The group the code belongs to.
            pub const fn group(self) -> &'static str { match self { $( Self::$variant => $group, )+ } }

            /// What happened, in one sentence for people.
            pub const fn meaning(self) -> &'static str { match self { $( Self::$variant => $meaning, )+ } }

            /// Who has to act.
            pub const fn actor(self) -> Actor { match self { $( Self::$variant => Actor::$actor, )+ } }

            /// What to do about it.
            pub const fn hint(self) -> &'static str { match self { $( Self::$variant => $hint, )+ } }

            /// The code with this name.
            pub fn from_name(name: &str) -> Option<Self> { match name { $( $name => Some(Self::$variant), )+ _ => None } }
        }
    };
}

codes! {
    // transport
    BadRequest = "bad_request", "transport", "The HTTP message or the form cannot be read.", Caller, "Send a well-formed request as the API description shows it.";
    DuplicateParameter = "duplicate_parameter", "transport", "A form parameter occurs more than once.", Wallet, "Send each parameter once.";
    MethodNotAllowed = "method_not_allowed", "transport", "This path does not offer the method.", Caller, "Use one of the methods named in the Allow header.";
    UnsupportedMediaType = "unsupported_media_type", "transport", "The content type or content coding is not offered here.", Caller, "Send the content type of the API description, without a content coding.";
    PayloadTooLarge = "payload_too_large", "transport", "The body is larger than the limit.", Caller, "Send a smaller body; the limits are in docs/configuration.md.";
    HeaderFieldsTooLarge = "header_fields_too_large", "transport", "Header fields or address are larger than the limit.", Caller, "Shorten the header fields or the address.";
    RequestTimeout = "request_timeout", "transport", "The request did not arrive in time.", Caller, "Send the whole request within the deadline.";
    HostNotAllowed = "host_not_allowed", "transport", "The request names a host that is not the configured one.", Operator, "Let the gateway pass on the public host name, or correct public_url.";
    NotFound = "not_found", "transport", "There is nothing at this path.", Caller, "Compare the path with the API description.";
    // load
    RateLimited = "rate_limited", "load", "Too many tries.", Nobody, "Wait as long as Retry-After says.";
    QuotaExceeded = "quota_exceeded", "load", "This caller has used up its share.", Caller, "Wait as long as Retry-After says, or have the operator raise caller_creations_per_minute.";
    Overloaded = "overloaded", "load", "The service refuses work on purpose because it has too much.", Nobody, "Try again after the time in Retry-After.";
    NotReady = "not_ready", "load", "This instance may not serve yet, or any more.", Operator, "Read /health/ready, which names the reason.";
    InternalError = "internal_error", "load", "An unexpected fault; it counts as a refusal.", Operator, "Look for the request id in the log and report the fault.";
    // caller
    Unauthenticated = "unauthenticated", "caller", "No valid caller identity.", Caller, "Send the API key as Authorization: Bearer.";
    UnknownTransaction = "unknown_transaction", "caller", "There is no such transaction.", Caller, "Use the id that the creating call returned, with the same caller identity.";
    IdempotencyConflict = "idempotency_conflict", "caller", "The idempotency key was used with other content.", Caller, "Use a new key for new content.";
    InvalidQuery = "invalid_query", "caller", "The query or the data of the request breaks the rules.", Caller, "Correct the places named in errors.";
    QueryNotPermitted = "query_not_permitted", "caller", "The query goes beyond what this tenant may ask.", Caller, "Ask for less, or use a preset.";
    InvalidRedirectUri = "invalid_redirect_uri", "caller", "The return address is not on the exact list.", Operator, "Add the exact address to tenant.return_urls, or use one that is on it.";
    ResultPurged = "result_purged", "caller", "The result was erased, as retention or the caller demanded.", Caller, "Read results within their time; start again if it is still needed.";
    // session
    CrossDeviceNotAllowed = "cross_device_not_allowed", "session", "The policy of this tenant forbids the cross-device flow.", Operator, "Use same_device, or switch the flow on by the setting that names its risk.";
    ResponseCodeRequired = "response_code_required", "session", "The result of a same-device transaction needs the code from the redirect.", Caller, "Pass response_code as it arrived at the return address.";
    ResponseCodeInvalid = "response_code_invalid", "session", "The response code is wrong, used up or of another transaction.", Caller, "Pass the code of this transaction's redirect; after five wrong codes the result stays closed.";
    SessionMismatch = "session_mismatch", "session", "The person came back in another session or browser.", Person, "Start again from the page of the service, and stay in one browser.";
    // request
    UnknownRequest = "unknown_request", "request", "There is no such request.", Wallet, "Start again from the page of the service.";
    RequestExpired = "request_expired", "request", "The request has ended.", Person, "Start again from the page of the service.";
    WalletMetadataInvalid = "wallet_metadata_invalid", "request", "wallet_metadata cannot be used.", Wallet, "Send a JSON object as in OpenID4VP 1.0 section 10.1.";
    WalletNonceInvalid = "wallet_nonce_invalid", "request", "wallet_nonce breaks the rules.", Wallet, "Send 16 to 256 URL-safe characters, once.";
    WalletIncompatible = "wallet_incompatible", "request", "Wallet and verifier share no safe algorithm, format or identifier prefix.", Wallet, "Compare the wallet's metadata with client_metadata.";
    // response
    TransactionExpired = "transaction_expired", "response", "The deadline had passed when the decision was due.", Person, "Start again; answer within the life of the request.";
    TransactionCompleted = "transaction_completed", "response", "The transaction has an end state, and it stays.", Wallet, "Start a new transaction.";
    StateMismatch = "state_mismatch", "response", "state is missing or not that of this transaction.", Wallet, "Return state exactly as it was in the request object.";
    ResponseMalformed = "response_malformed", "response", "The set of parameters makes no sense.", Wallet, "Send response, or vp_token and state, or error and state.";
    InvalidPresentation = "invalid_presentation", "response", "The presentation was not accepted.", Wallet, "The caller's report names the check.";
    DcapiResponseMalformed = "dcapi_response_malformed", "response", "The answer of the Digital Credentials API has the wrong shape, or comes in a protocol that was not offered.", Caller, "Post protocol and data of the DigitalCredential as the browser gave them.";
    OriginMismatch = "origin_mismatch", "response", "The proof was made for another origin.", Wallet, "Set aud to origin: and the origin of the page as the browser names it; a proof for another page was perhaps relayed.";
    WalletErrorRecorded = "wallet_error_recorded", "response", "The wallet answered with an error, which was taken note of.", Person, "See the error that the wallet named; the person may try again or choose another way.";
    // encryption
    EncryptionRequired = "encryption_required", "encryption", "The answer is plain, but an encrypted one was demanded.", Wallet, "Encrypt the answer to the key in client_metadata.jwks.";
    JweMalformed = "jwe_malformed", "encryption", "The answer is not a usable compact JWE.", Wallet, "Send five base64url parts with alg, enc, kid and epk in the protected header.";
    JweAlgNotAllowed = "jwe_alg_not_allowed", "encryption", "The key management algorithm was not offered.", Wallet, "Use ECDH-ES.";
    JweEncNotAllowed = "jwe_enc_not_allowed", "encryption", "The content encryption was not offered.", Wallet, "Use A128GCM or A256GCM.";
    JweKeyUnknown = "jwe_key_unknown", "encryption", "The answer is not encrypted to the key of this transaction.", Wallet, "Use the key of this request and name its kid.";
    JweZipNotAllowed = "jwe_zip_not_allowed", "encryption", "Compression is not accepted.", Wallet, "Leave out zip.";
    DecryptionFailed = "decryption_failed", "encryption", "The answer cannot be decrypted.", Wallet, "Encrypt again; all causes look alike on purpose.";
    // query
    VpTokenMalformed = "vp_token_malformed", "query", "vp_token has the wrong shape.", Wallet, "Send an object that maps each query id to an array of presentations.";
    VpTokenUnknownQuery = "vp_token_unknown_query", "query", "vp_token answers a query that was not asked.", Wallet, "Use the ids of dcql_query.credentials.";
    VpTokenTooMany = "vp_token_too_many", "query", "There are more presentations than the query allows.", Wallet, "Send one presentation per query unless multiple is true.";
    VpTokenDuplicate = "vp_token_duplicate", "query", "The same presentation occurs more than once.", Wallet, "Send each presentation once.";
    QueryNotSatisfied = "query_not_satisfied", "query", "Required credentials or sets are missing.", Wallet, "Answer every required query or one full option of each set.";
    ClaimMissing = "claim_missing", "query", "A required claim was not disclosed.", Wallet, "Disclose all claims of the query or of one claim set.";
    ClaimValueMismatch = "claim_value_mismatch", "query", "A value, or its type, is not one of those asked for.", Wallet, "Present a credential whose value matches exactly.";
    TransactionDataMismatch = "transaction_data_mismatch", "query", "Transaction data is not confirmed exactly.", Wallet, "Put into the proof of one of the credentials named the hash of each entry of transaction_data as it was sent, with a hash algorithm that was offered, and nothing else.";
    // parsing
    LimitExceeded = "limit_exceeded", "parsing", "A limit on depth, count or size was reached.", Wallet, "Send less; the limits are in docs/configuration.md.";
    JsonInvalid = "json_invalid", "parsing", "The text is not strict JSON.", Wallet, "Send UTF-8 JSON without duplicate names and without a tail.";
    Base64urlInvalid = "base64url_invalid", "parsing", "The text is not canonical base64url without padding.", Wallet, "Encode with the URL-safe alphabet, without padding or line breaks.";
    // jose
    JwsMalformed = "jws_malformed", "jose", "The token is not a compact JWS.", Wallet, "Send three base64url parts joined by dots.";
    JwsAlgNotAllowed = "jws_alg_not_allowed", "jose", "The signature algorithm is not on the list.", Issuer, "Sign with an algorithm named in vp_formats_supported.";
    JwsKeyMismatch = "jws_key_mismatch", "jose", "The algorithm does not fit the key.", Issuer, "Use the algorithm of the certified key; where the issuer publishes its keys, name one of them by kid.";
    JwsHeaderNotAllowed = "jws_header_not_allowed", "jose", "A header parameter could steer the choice of the key, or is misused.", Wallet, "Leave out jku, jwk, x5u and oversized kid.";
    JwsCritUnsupported = "jws_crit_unsupported", "jose", "A critical extension is not supported.", Wallet, "Leave out crit.";
    JwsSignatureInvalid = "jws_signature_invalid", "jose", "The signature does not verify.", Issuer, "The token was changed, or signed with another key.";
    // sd-jwt
    SdjwtMalformed = "sdjwt_malformed", "sd-jwt", "The structure of the SD-JWT is wrong.", Wallet, "See RFC 9901 section 4.";
    SdjwtAlgUnsupported = "sdjwt_alg_unsupported", "sd-jwt", "The digest algorithm is not accepted.", Issuer, "Use sha-256, named at the top level only.";
    SdjwtDigestDuplicate = "sdjwt_digest_duplicate", "sd-jwt", "A digest occurs more than once.", Issuer, "Use fresh salts.";
    SdjwtDisclosureUnreferenced = "sdjwt_disclosure_unreferenced", "sd-jwt", "A disclosure belongs to no digest, or was sent twice.", Wallet, "Send each disclosure once, unchanged, with its parents.";
    SdjwtDisclosureMalformed = "sdjwt_disclosure_malformed", "sd-jwt", "A disclosure has the wrong shape.", Issuer, "See RFC 9901 section 4.2.";
    SdjwtClaimConflict = "sdjwt_claim_conflict", "sd-jwt", "A claim name would be set twice.", Issuer, "Use each name once at a level.";
    SdjwtReservedClaim = "sdjwt_reserved_claim", "sd-jwt", "A disclosure uses a reserved name.", Issuer, "Do not name a claim _sd, _sd_alg or three dots.";
    SdjwtNotDisclosable = "sdjwt_not_disclosable", "sd-jwt", "A control claim was hidden in a disclosure.", Issuer, "Put iss, nbf, exp, cnf, vct and status into the signed payload.";
    // key binding
    KbMissing = "kb_missing", "key binding", "The proof of possession is missing.", Wallet, "Append a KB-JWT.";
    KbMalformed = "kb_malformed", "key binding", "The proof of possession has wrong or missing claims.", Wallet, "See RFC 9901 section 4.3.";
    KbTypInvalid = "kb_typ_invalid", "key binding", "The proof of possession is not a kb+jwt.", Wallet, "Set typ to kb+jwt.";
    KbAlgNotAllowed = "kb_alg_not_allowed", "key binding", "The proof's algorithm is not accepted for this key.", Wallet, "Use the algorithm of the key in cnf.";
    KbSignatureInvalid = "kb_signature_invalid", "key binding", "The proof was not made with the bound key.", Wallet, "Sign with the key in cnf.";
    KbAudMismatch = "kb_aud_mismatch", "key binding", "The proof was made for another audience.", Wallet, "Set aud to the whole client_id, as one string.";
    KbNonceMismatch = "kb_nonce_mismatch", "key binding", "The proof was made for another request.", Wallet, "Use the nonce of this request.";
    KbIatOutOfWindow = "kb_iat_out_of_window", "key binding", "The proof is too old or from the future.", Wallet, "Set the clock of the device.";
    KbSdHashMismatch = "kb_sd_hash_mismatch", "key binding", "The proof is not over this SD-JWT and these disclosures.", Wallet, "Hash the text up to and including the last tilde.";
    HolderKeyMissing = "holder_key_missing", "key binding", "The credential carries no bound key.", Issuer, "Issue with cnf.jwk.";
    HolderKeyUnsupported = "holder_key_unsupported", "key binding", "The bound key is not usable or not allowed.", Issuer, "Bind a public P-256 key as cnf.jwk.";
    // credential
    CredentialTypInvalid = "credential_typ_invalid", "credential", "The token is of another kind.", Wallet, "Present an SD-JWT VC with typ dc+sd-jwt.";
    CredentialFormatMismatch = "credential_format_mismatch", "credential", "The format is not the one asked for.", Wallet, "Answer in the format of the query.";
    CredentialTypeMismatch = "credential_type_mismatch", "credential", "The credential type is not one of those asked for.", Wallet, "Present a credential of a type in vct_values.";
    CredentialClaimInvalid = "credential_claim_invalid", "credential", "A control claim is missing or has the wrong type or value.", Issuer, "See SD-JWT VC section 2.2.2.";
    CredentialExpired = "credential_expired", "credential", "The credential has expired.", Person, "Renew the credential in the wallet.";
    CredentialNotYetValid = "credential_not_yet_valid", "credential", "The credential is not valid yet.", Person, "Wait until it is valid; check the clocks.";
    CredentialIssuerMismatch = "credential_issuer_mismatch", "credential", "The issuer that the credential states is not the certified one.", Issuer, "Set iss to a name in the certificate, and issuing_country to its country.";
    IssuerNotAuthorized = "issuer_not_authorized", "credential", "The issuer is known but may not issue this type.", Operator, "Give a trust source for this type, if the issuer may issue it.";
    TypeMetadataInvalid = "type_metadata_invalid", "credential", "The type metadata fails its integrity or its rules.", Issuer, "Compare vct#integrity with the configured document.";
    // certificate
    X5cMissing = "x5c_missing", "certificate", "There is no certificate chain.", Issuer, "Put x5c into the protected header.";
    X5cMalformed = "x5c_malformed", "certificate", "The certificate chain cannot be decoded.", Issuer, "Send base64 DER, the leaf first.";
    X5cTooLong = "x5c_too_long", "certificate", "The chain or a certificate is above the limit.", Issuer, "Send at most five certificates of 16 KiB.";
    X5cChainInvalid = "x5c_chain_invalid", "certificate", "The rules for certification paths are broken.", Issuer, "See RFC 5280 section 6.1.";
    X5cUntrusted = "x5c_untrusted", "certificate", "The chain does not reach a trust anchor for this use.", Operator, "Add a trust source for this issuer; test issuers belong to a test configuration.";
    X5cExpired = "x5c_expired", "certificate", "A certificate is outside its validity.", Issuer, "Renew the certificate.";
    X5cProfileViolation = "x5c_profile_violation", "certificate", "The profile of a certificate is wrong.", Issuer, "Send no anchor, an end-entity leaf with digitalSignature, and strong algorithms.";
    X5cRevoked = "x5c_revoked", "certificate", "A certificate of the chain is revoked, or cannot be shown not to be.", Operator, "Compare the revocation lists configured for this source with those that its CA publishes; a revoked issuer needs a new certificate.";
    // status
    StatusInvalidReference = "status_invalid_reference", "status", "The status claim is missing or unusable.", Issuer, "Issue with status.status_list.idx and uri.";
    StatusUriNotAllowed = "status_uri_not_allowed", "status", "The status address is not permitted.", Operator, "Allow the host at the trust source of this issuer, if it is right.";
    StatusUnavailable = "status_unavailable", "status", "There is no usable status list now.", Nobody, "Try again; the transaction stays open.";
    StatusTokenInvalid = "status_token_invalid", "status", "The status list token is not authentic, not for this list, or stepped back.", Issuer, "Sign the token under an anchor for status of this issuer, with sub equal to the address.";
    StatusTokenExpired = "status_token_expired", "status", "The status list token is too old.", Issuer, "Publish a fresh token.";
    StatusListMalformed = "status_list_malformed", "status", "The status list cannot be decoded.", Issuer, "Publish bits 1, 2, 4 or 8 and a zlib stream.";
    StatusListTooLarge = "status_list_too_large", "status", "The status list inflates above the limit.", Issuer, "Publish smaller lists.";
    StatusIndexOutOfRange = "status_index_out_of_range", "status", "The index is not in the list, or is not an integer.", Issuer, "Issue with an index that the list has.";
    CredentialRevoked = "credential_revoked", "status", "The credential is revoked.", Person, "Ask the issuer.";
    CredentialSuspended = "credential_suspended", "status", "The credential is suspended.", Person, "Ask the issuer.";
    StatusValueUnknown = "status_value_unknown", "status", "The status has a value without an agreed meaning.", Issuer, "Use the values of Token Status List section 7.1.";
    // trust
    TrustListSignatureInvalid = "trust_list_signature_invalid", "trust", "A trust list is not authentic; the one before it stays in use.", Operator, "Compare the signer's certificate with the one published officially.";
    TrustListRollback = "trust_list_rollback", "trust", "A trust list is older than the one in use.", Operator, "Ask the publisher; if it is meant, remove the kept list.";
    TrustListMalformed = "trust_list_malformed", "trust", "A trust list cannot be read safely, or is of another kind.", Operator, "Compare the address and the type of the list with the configuration.";
    TrustListTooLarge = "trust_list_too_large", "trust", "A trust list is above a limit.", Operator, "Compare the address with the one published officially.";
    TrustUnavailable = "trust_unavailable", "trust", "There is no trust list fresh enough for this decision.", Operator, "See doctor for the age of the lists and for what their hosts answer.";
    TrustAnchorSetEmpty = "trust_anchor_set_empty", "trust", "There are no trust anchors for this credential type.", Operator, "Configure a trust source whose types name it.";
    // operation
    ConfigRefused = "config_refused", "operation", "The configuration is refused; every fault is named.", Operator, "Mend the keys named, then run config check.";
    StorageUnavailable = "storage_unavailable", "operation", "The store cannot commit now.", Operator, "Look at the disk and its permissions; nothing was lost.";
    StorageFull = "storage_full", "operation", "There is no space to commit.", Operator, "Free space; the service goes on by itself.";
    StorageCorrupt = "storage_corrupt", "operation", "Stored data failed its check.", Operator, "Restore the store from a backup.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Why something was refused: the code for programs and a detail for people.
///
/// The detail names places and rules, never the value of a claim, a token, a key or a nonce.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The stable code.
    pub code: Code,
    /// What exactly was found; no personal data.
    pub detail: Cow<'static, str>,
}

impl Reason {
    /// A reason with its detail.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// The same detail under another code: a parser's fault, named for the place where it was found.
    #[must_use]
    pub fn recode(self, code: Code) -> Self {
        Self { code, ..self }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Reason {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        for code in Code::ALL {
            assert_eq!(Code::from_name(code.as_str()), Some(*code));
        }
    }

    #[test]
    fn every_code_has_a_sentence_and_a_hint() {
        for code in Code::ALL {
            assert!(code.meaning().ends_with('.'), "{code}");
            assert!(code.hint().ends_with('.'), "{code}");
        }
    }
}
