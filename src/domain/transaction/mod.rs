//! The state of one presentation: what was asked, how far it has come, and how it ended.
//!
//! A [`Transaction`] is a value. Each step of its life takes the old value and returns the new one or the reason why it
//! may not be taken (`state`); reading the result has rules of its own (`reading`). Nothing here keeps anything: a
//! store writes the new value only over the one the step began from, and so decides who ends a transaction.
//! [`record`] is the form in which stores keep it.
//!
//! An accepted answer does not always end a transaction. In the same-device flow the person has to come back with the
//! response code, and where a browser is bound to the page of a cross-device flow, it has to confirm. Until then the
//! transaction is *answered*: closed to wallets, without its key, and not ended. If nobody comes, or somebody else does,
//! it ends as rejected (HAIP 1.0 section 5.1).
//!
//! Three rules hold for every value that can be made here, and the property tests check them: there is at most one end
//! state and it stays for ever, an answered or ended transaction has no decryption key, and the version grows with each
//! change.

mod binding;
mod reading;
pub mod record;
mod secret;
mod state;

pub use binding::{BrowserHash, ResponseCodeHash, SessionHash};
pub use reading::{MAX_WRONG_CODES, Reading, Returned};
pub use secret::SecretScalar;
pub use state::{Accepted, Refusal, SCAN_SECONDS};

use super::dc_api::Offer;
use super::ids::{Nonce, PageHandle, RequestHandle, State, TenantId, TransactionId};
use super::reason::Code;
use super::request::ClientIdPrefix;
use super::time::UnixSeconds;
use reading::{Gate, Lock};
use std::fmt;

/// How the person comes back after the wallet has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// Wallet and browser are on one device; the wallet opens the return address with a response code.
    SameDevice {
        /// The exact address from the tenant's list, without the response code.
        return_url: String,
    },
    /// The wallet is on another device and scanned a QR code; the browser waits on its page.
    CrossDevice,
    /// A page of the caller's asks through the browser's Digital Credentials API and never leaves; the caller hands the
    /// answer in. Wallets collect nothing and post nothing.
    DcApi(Offer),
}

/// How the wallet sends its answer (OpenID4VP 1.0 sections 8.2, 8.3.1 and A.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseMode {
    /// `direct_post.jwt`: encrypted.
    DirectPostJwt,
    /// `direct_post`: plain, where the configuration allows it.
    DirectPost,
    /// `dc_api.jwt`: encrypted, through the browser.
    DcApiJwt,
    /// `dc_api`: plain, through the browser, where the configuration allows it.
    DcApi,
}

impl ResponseMode {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::DirectPostJwt, Self::DirectPost, Self::DcApiJwt, Self::DcApi];

    /// The specification's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DirectPostJwt => "direct_post.jwt",
            Self::DirectPost => "direct_post",
            Self::DcApiJwt => "dc_api.jwt",
            Self::DcApi => "dc_api",
        }
    }

    /// The mode with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// Whether the answer must be encrypted.
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::DirectPostJwt | Self::DcApiJwt)
    }

    /// The mode for the same answer through a browser: encrypted or plain as it is (DCA-04).
    pub const fn through_browser(self) -> Self {
        if self.is_encrypted() { Self::DcApiJwt } else { Self::DcApi }
    }

    /// Whether the answer comes through the browser (DCA-04).
    pub const fn is_by_browser(self) -> bool {
        matches!(self, Self::DcApiJwt | Self::DcApi)
    }
}

/// Why the data is asked for, as the person reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purpose {
    /// In German.
    pub de: Option<String>,
    /// In English.
    pub en: Option<String>,
}

/// What the wallet is asked. Every check of the answer takes its needs from here, never from the answer.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestData {
    /// The preset the query came from, if it came from one.
    pub preset: Option<String>,
    /// Our `client_id`, with its prefix; the audience of the holder's proof, unless the browser carries the answer.
    pub client_id: String,
    /// The nonce that the holder's proof must carry.
    pub nonce: Nonce,
    /// The `state` that the answer must carry; none in the Digital Credentials API, which has no such thing (NON-06).
    pub state: Option<State>,
    /// How the answer must come.
    pub response_mode: ResponseMode,
    /// Where the answer must go; nowhere in the Digital Credentials API, where the browser takes it.
    pub response_uri: Option<String>,
    /// The DCQL query: the exact JSON text that is sent.
    pub dcql_query: String,
    /// The entries of transaction data: the exact texts that are sent, which are the evidence of what was authorised
    /// (TXD-08). Erased with the result.
    pub transaction_data: Vec<String>,
    /// The purpose shown to the person.
    pub purpose: Purpose,
    /// The key that decrypts the answer. Gone as soon as the transaction has ended (OVP-META-15).
    pub encryption_key: Option<SecretScalar>,
    /// The `kid` of the encryption key.
    pub encryption_kid: String,
    /// The registration under which it is asked.
    pub registration: RegistrationUse,
}

/// Which registration a request is sent under. Kept, so that whoever collects it again gets the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RegistrationUse {
    /// SHA-256 of the registration certificate that goes with it, if one does.
    pub certificate: Option<[u8; 32]>,
    /// Whether it asks for more than is registered, which a setting for tests allowed.
    pub exceeds: bool,
}

impl RequestData {
    /// Whether the whole request travels in the link, so that no wallet collects it.
    pub fn is_in_link(&self) -> bool {
        !self.response_mode.is_by_browser() && !ClientIdPrefix::of(&self.client_id).is_signed()
    }

    /// Whether wallets collect the request: it travels neither in the link nor through a browser.
    pub fn is_collected(&self) -> bool {
        !self.response_mode.is_by_browser() && !self.is_in_link()
    }
}

impl fmt::Debug for RequestData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestData")
            .field("preset", &self.preset)
            .field("client_id", &self.client_id)
            .field("response_mode", &self.response_mode)
            .field("encryption_key", &self.encryption_key)
            .finish_non_exhaustive()
    }
}

/// How long the result may be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResultPolicy {
    /// Seconds from the end of the transaction until the result is erased. The end is exclusive: at exactly this many
    /// seconds the result is gone.
    pub ttl_seconds: u32,
    /// Whether the first successful reading erases it.
    pub delete_after_read: bool,
    /// Seconds from an accepted answer on within which the person must come back or confirm. After that it is rejected.
    pub return_seconds: u32,
}

/// What is needed to begin a transaction.
#[derive(Clone, PartialEq, Eq)]
pub struct NewTransaction {
    /// Whose it is.
    pub tenant: TenantId,
    /// The caller's name for it.
    pub id: TransactionId,
    /// The wallet's name for it.
    pub handle: RequestHandle,
    /// The browser's name for it.
    pub page: PageHandle,
    /// When it began.
    pub created_at: UnixSeconds,
    /// The first second in which it can no longer be answered.
    pub expires_at: UnixSeconds,
    /// How the person comes back.
    pub flow: Flow,
    /// What the wallet is asked.
    pub request: RequestData,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// How long the result may be read.
    pub result_policy: ResultPolicy,
    /// What the caller named its session by, if it wants that checked.
    pub session: Option<SessionHash>,
}

impl fmt::Debug for NewTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewTransaction")
            .field("tenant", &self.tenant)
            .field("created_at", &self.created_at)
            .field("expires_at", &self.expires_at)
            .field("request", &self.request)
            .field("result_policy", &self.result_policy)
            .finish_non_exhaustive()
    }
}

/// One presentation from the caller's wish to the erased result.
#[derive(Clone, PartialEq, Eq)]
pub struct Transaction {
    start: NewTransaction,
    /// The first browser that opened the page.
    browser: Option<BrowserHash>,
    phase: Phase,
    version: u64,
}

/// How far a transaction has come, as callers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// The request waits for a wallet.
    Open,
    /// A wallet has collected the request.
    Fetched,
    /// End: the presentation was accepted.
    Verified,
    /// End: the presentation was refused.
    Rejected,
    /// End: the wallet answered with an error.
    Declined,
    /// End: nobody answered in time.
    Expired,
    /// End: the caller called it off.
    Cancelled,
}

impl Status {
    /// All of them, in the order of a life.
    pub const ALL: [Self; 7] =
        [Self::Open, Self::Fetched, Self::Verified, Self::Rejected, Self::Declined, Self::Expired, Self::Cancelled];

    /// The word of the caller API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Fetched => "fetched",
            Self::Verified => "verified",
            Self::Rejected => "rejected",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status with this word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether this is an end state; an end state never changes.
    pub const fn is_end(self) -> bool {
        !matches!(self, Self::Open | Self::Fetched)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a transaction stands, with what belongs to that place. Private: results leave through
/// [`Transaction::read`] only, which asks for the response code.
#[derive(Clone, PartialEq, Eq)]
enum Phase {
    Open,
    Fetched {
        /// When a wallet collected the request first.
        at: UnixSeconds,
    },
    Answered(Answered),
    Verified(Answer),
    Rejected(Answer),
    Declined(Answer),
    Expired {
        finished_at: UnixSeconds,
    },
    Cancelled {
        finished_at: UnixSeconds,
    },
}

/// An accepted answer that waits for its person.
#[derive(Clone, PartialEq, Eq)]
struct Answered {
    accepted: Accepted,
    lock: Lock,
    /// The first second in which it is too late.
    until: UnixSeconds,
}

/// How a wallet's answer ended the transaction.
#[derive(Clone, PartialEq, Eq)]
struct Answer {
    finished_at: UnixSeconds,
    /// `None` once erased.
    outcome: Option<Outcome>,
    /// The lock before a result; in the same-device flow only.
    gate: Option<Gate>,
}

/// What the caller may read once a wallet's answer has ended the transaction.
#[derive(Clone, PartialEq, Eq)]
pub struct Outcome {
    /// JSON text of the result, credentials and claims; present if and only if verified (API-015).
    pub result: Option<String>,
    /// JSON text of the report of all checks; absent when the wallet answered with an error.
    pub report: Option<String>,
    /// Why there is no result; present if and only if not verified.
    pub error: Option<ErrorRecord>,
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome").field("error", &self.error).finish_non_exhaustive()
    }
}

/// A refusal as it is kept: names places and rules, no values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorRecord {
    /// The stable code.
    pub code: Code,
    /// What exactly was found; no personal data.
    pub detail: String,
}

impl Transaction {
    /// Begins: open, version 1.
    pub const fn begin(start: NewTransaction) -> Self {
        Self { start, browser: None, phase: Phase::Open, version: 1 }
    }

    /// Whose it is.
    pub const fn tenant(&self) -> &TenantId {
        &self.start.tenant
    }

    /// The caller's name for it.
    pub const fn id(&self) -> &TransactionId {
        &self.start.id
    }

    /// The wallet's name for it.
    pub const fn handle(&self) -> &RequestHandle {
        &self.start.handle
    }

    /// The browser's name for it.
    pub const fn page(&self) -> &PageHandle {
        &self.start.page
    }

    /// When it began.
    pub const fn created_at(&self) -> UnixSeconds {
        self.start.created_at
    }

    /// The first second in which it can no longer be answered.
    pub const fn expires_at(&self) -> UnixSeconds {
        self.start.expires_at
    }

    /// How the person comes back.
    pub const fn flow(&self) -> &Flow {
        &self.start.flow
    }

    /// What a browser was offered, in the flow of the Digital Credentials API.
    pub const fn offer(&self) -> Option<&Offer> {
        match &self.start.flow {
            Flow::DcApi(offer) => Some(offer),
            Flow::SameDevice { .. } | Flow::CrossDevice => None,
        }
    }

    /// What the wallet is asked.
    pub const fn request(&self) -> &RequestData {
        &self.start.request
    }

    /// The caller's own reference.
    pub fn reference(&self) -> Option<&str> {
        self.start.reference.as_deref()
    }

    /// How long the result may be read.
    pub const fn result_policy(&self) -> ResultPolicy {
        self.start.result_policy
    }

    /// Grows with every change; two values with the same id and version are the same.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// How far it has come.
    pub const fn status(&self) -> Status {
        match self.phase {
            Phase::Open => Status::Open,
            // What is answered has not ended, and whoever must not see the result must not see that there is one (SES-014).
            Phase::Fetched { .. } | Phase::Answered(_) => Status::Fetched,
            Phase::Verified(_) => Status::Verified,
            Phase::Rejected(_) => Status::Rejected,
            Phase::Declined(_) => Status::Declined,
            Phase::Expired { .. } => Status::Expired,
            Phase::Cancelled { .. } => Status::Cancelled,
        }
    }

    /// When it ended, if it has.
    pub const fn finished_at(&self) -> Option<UnixSeconds> {
        match &self.phase {
            Phase::Open | Phase::Fetched { .. } | Phase::Answered(_) => None,
            Phase::Verified(answer) | Phase::Rejected(answer) | Phase::Declined(answer) => Some(answer.finished_at),
            Phase::Expired { finished_at } | Phase::Cancelled { finished_at } => Some(*finished_at),
        }
    }

    /// Whether an answer's outcome is still kept.
    pub const fn has_outcome(&self) -> bool {
        match self.answer() {
            Some(answer) => answer.outcome.is_some(),
            None => false,
        }
    }

    /// Whether an accepted answer waits for its person to come back or to confirm.
    pub const fn is_answered(&self) -> bool {
        matches!(self.phase, Phase::Answered(_))
    }

    /// Whether it waits for a confirmation on its page.
    pub const fn waits_for_confirmation(&self) -> bool {
        matches!(self.phase, Phase::Answered(Answered { lock: Lock::Confirmation, .. }))
    }

    /// The browser that opened the page first.
    pub const fn browser(&self) -> Option<&BrowserHash> {
        self.browser.as_ref()
    }

    /// Whether the caller wants its session checked.
    pub const fn has_session(&self) -> bool {
        self.start.session.is_some()
    }

    const fn answer(&self) -> Option<&Answer> {
        match &self.phase {
            Phase::Verified(answer) | Phase::Rejected(answer) | Phase::Declined(answer) => Some(answer),
            Phase::Open
            | Phase::Fetched { .. }
            | Phase::Answered(_)
            | Phase::Expired { .. }
            | Phase::Cancelled { .. } => None,
        }
    }

    const fn answer_mut(&mut self) -> Option<&mut Answer> {
        match &mut self.phase {
            Phase::Verified(answer) | Phase::Rejected(answer) | Phase::Declined(answer) => Some(answer),
            Phase::Open
            | Phase::Fetched { .. }
            | Phase::Answered(_)
            | Phase::Expired { .. }
            | Phase::Cancelled { .. } => None,
        }
    }
}

impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("tenant", &self.start.tenant)
            .field("status", &self.status())
            .field("version", &self.version)
            .field("created_at", &self.start.created_at)
            .field("expires_at", &self.start.expires_at)
            .field("finished_at", &self.finished_at())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::domain::dc_api::{Origin, Protocol};
    use crate::domain::limits::{NONCE_BYTES, RANDOM_BYTES};

    pub(crate) const CREATED: UnixSeconds = UnixSeconds(1_000);
    pub(crate) const EXPIRES: UnixSeconds = UnixSeconds(1_300);

    /// An open transaction whose random values all come from `seed`.
    pub(crate) fn open(seed: u8, flow: Flow) -> Transaction {
        let random = [seed; RANDOM_BYTES];
        let by_browser = matches!(flow, Flow::DcApi(_));
        Transaction::begin(NewTransaction {
            tenant: TenantId::default_tenant(),
            id: TransactionId::from_random(random),
            handle: RequestHandle::from_random(random),
            page: PageHandle::from_random(random),
            created_at: CREATED,
            expires_at: EXPIRES,
            flow,
            request: RequestData {
                preset: Some("bewohnerparken".to_owned()),
                client_id: "x509_hash:abc".to_owned(),
                nonce: Nonce::from_random([seed; NONCE_BYTES]),
                state: (!by_browser).then(|| State::from_random(random)),
                response_mode: if by_browser { ResponseMode::DcApiJwt } else { ResponseMode::DirectPostJwt },
                response_uri: (!by_browser).then(|| "https://verifier.example/wallet/responses/abc".to_owned()),
                dcql_query: r#"{"credentials":[]}"#.to_owned(),
                transaction_data: Vec::new(),
                purpose: Purpose { de: Some("Prüfung der Anschrift".to_owned()), en: None },
                encryption_key: Some(SecretScalar::new([seed; 32])),
                encryption_kid: "k1".to_owned(),
                registration: RegistrationUse { certificate: Some([seed; 32]), exceeds: true },
            },
            reference: Some("A-2027-000123".to_owned()),
            result_policy: ResultPolicy { ttl_seconds: 900, delete_after_read: false, return_seconds: 300 },
            session: None,
        })
    }

    pub(crate) fn same_device() -> Flow {
        Flow::SameDevice { return_url: "https://town.example/back".to_owned() }
    }

    pub(crate) fn dc_api() -> Flow {
        Flow::DcApi(Offer {
            origin: Origin::parse("https://antrag.town.example").unwrap(),
            protocols: vec![Protocol::Signed, Protocol::Unsigned],
        })
    }

    #[test]
    fn names_lead_back() {
        for status in Status::ALL {
            assert_eq!(Status::from_name(status.as_str()), Some(status));
        }
        assert_eq!(Status::from_name("ended"), None);
        for mode in ResponseMode::ALL {
            assert_eq!(ResponseMode::from_name(mode.as_str()), Some(mode));
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        // P1: neither nonce, state, key, handle nor claims.
        let transaction = open(7, same_device()).fetch(CREATED).unwrap();
        let nonce = transaction.request().nonce.as_str().to_owned();
        let open_text = format!("{transaction:?} {:?} {:?}", transaction.request(), transaction.start);
        let accepted = Accepted { result: r#"{"family_name":"CANARY"}"#.to_owned(), report: "CANARY".to_owned() };
        let ended = transaction.verify(CREATED, accepted, ResponseCodeHash::new([9; 32])).unwrap();
        let (ended, reading) =
            ended.read(CREATED, Returned { code: Some(&ResponseCodeHash::new([9; 32])), session: None });
        let text = format!("{open_text} {ended:?} {reading:?} {:?}", ResponseCodeHash::new([9; 32]));
        assert!(!text.contains(&nonce), "{text}");
        assert!(!text.contains("CANARY"), "{text}");
        assert!(!text.contains("[7, 7") && !text.contains("[9, 9"), "{text}");
        assert!(!text.contains("A-2027-000123"), "{text}");
    }
}
