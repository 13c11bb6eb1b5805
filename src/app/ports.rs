//! The doors: everything the use cases need from outside, as traits that `adapters` implement.

use crate::domain::ids::{PageHandle, RequestHandle, TenantId, TransactionId};
use crate::domain::jose::keys::EphemeralKey;
use crate::domain::reason::Code;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::Transaction;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use tokio::sync::watch;

/// An answer that takes time.
pub type Pending<'a, T, E = StoreError> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Now, in whole seconds, rounded down.
    fn now(&self) -> UnixSeconds;
}

/// The random source has failed. There is no second one to fall back on (REQ-019).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the random source of the operating system has failed")]
pub struct EntropyFailed;

impl EntropyFailed {
    /// The stable code.
    pub const fn code(self) -> Code {
        Code::NotReady
    }
}

/// Makes random bytes fit for secrets.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` wholly.
    ///
    /// # Errors
    /// [`EntropyFailed`]; what `bytes` then holds must not be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyFailed>;

    /// A fresh encryption key for one request.
    ///
    /// # Errors
    /// [`EntropyFailed`]
    fn encryption_key(&self) -> Result<EphemeralKey, EntropyFailed> {
        loop {
            let mut bytes = [0; 32];
            self.fill(&mut bytes)?;
            // A draw that is no scalar happens once in four billion times.
            if let Some(key) = EphemeralKey::from_scalar(bytes) {
                return Ok(key);
            }
        }
    }
}

impl dyn Entropy + '_ {
    /// A fresh random name or code, as in `entropy.draw(Nonce::from_random)`.
    ///
    /// # Errors
    /// [`EntropyFailed`] as for [`Entropy::fill`].
    pub fn draw<T, const N: usize>(&self, make: impl FnOnce([u8; N]) -> T) -> Result<T, EntropyFailed> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(make(bytes))
    }
}

/// What makes the repetition of a creating call recognisable (`Idempotency-Key`, API-010).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotency {
    /// Digest of tenant and key: two tenants with one key must not meet.
    pub key_hash: [u8; 32],
    /// Digest of what was asked for.
    pub content_hash: [u8; 32],
    /// First second in which the key may be used anew. The store may remember it longer, never shorter.
    pub until: UnixSeconds,
}

/// What became of an insertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inserted {
    /// It is stored.
    New,
    /// The same call came before; this is its transaction as it stands now. Nothing was stored.
    Replayed(Box<Transaction>),
    /// The key was used for other content. Nothing was stored.
    Conflict,
}

/// What became of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// It is stored.
    Done,
    /// The stored transaction is not the one that was shown any more: this is it, if it still exists. Nothing changed.
    Lost(Option<Box<Transaction>>),
}

/// What a clean-up did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Open transactions that became expired.
    pub expired: usize,
    /// Results that were erased.
    pub erased: usize,
    /// Rows that were removed, with their idempotency keys.
    pub removed: usize,
}

impl Swept {
    /// How many rows were touched; if it reaches the limit given, there may be more to do.
    pub const fn total(self) -> usize {
        self.expired.saturating_add(self.erased).saturating_add(self.removed)
    }
}

/// Why a store cannot answer. The text is for the log: it names places, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot read or commit now; later it may.
    #[error("the store cannot commit now: {0}")]
    Unavailable(String),
    /// There is no space; once there is, it goes on by itself.
    #[error("the store has no space left")]
    Full,
    /// More work waits than may wait; nothing was tried.
    #[error("too much work waits for the store")]
    Busy,
    /// Stored bytes failed their check. They are not served.
    #[error("stored data failed its check: {0}")]
    Corrupt(String),
    /// The caller broke the contract of this trait: a defect of the program.
    #[error("the store was used wrongly: {0}")]
    Misuse(&'static str),
}

impl StoreError {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Unavailable(_) => Code::StorageUnavailable,
            Self::Full => Code::StorageFull,
            Self::Busy => Code::Overloaded,
            Self::Corrupt(_) => Code::StorageCorrupt,
            Self::Misuse(_) => Code::InternalError,
        }
    }
}

/// Keeps transactions.
///
/// What was answered with success is durable: it survives the death of the process at any moment, and what was not
/// answered is there wholly or not at all. A future that is dropped before its end leaves it open whether the write
/// happened; asking again tells.
///
/// Every read on behalf of a caller takes the tenant, and another tenant's transaction is as good as none (API-006).
/// Wallets and browsers come with unguessable handles of their own and no tenant.
pub trait TransactionStore: Send + Sync {
    /// Stores a new transaction, and with it, in the same step, its idempotency key.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Misuse`] if an id or handle exists already.
    fn insert(&self, transaction: Transaction, idempotency: Option<Idempotency>) -> Pending<'_, Inserted>;

    /// The transaction of this tenant with this id.
    ///
    /// # Errors
    /// [`StoreError`]
    fn by_id<'a>(&'a self, tenant: &'a TenantId, id: &'a TransactionId) -> Pending<'a, Option<Transaction>>;

    /// The transaction whose request has this handle.
    ///
    /// # Errors
    /// [`StoreError`]
    fn by_handle<'a>(&'a self, handle: &'a RequestHandle) -> Pending<'a, Option<Transaction>>;

    /// The transaction whose page has this handle.
    ///
    /// # Errors
    /// [`StoreError`]
    fn by_page<'a>(&'a self, page: &'a PageHandle) -> Pending<'a, Option<Transaction>>;

    /// Writes `next` if the stored transaction is still the one `shown`: one conditional statement, and the one place
    /// that decides who ends a transaction (catalogue rule 7).
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Misuse`] if `next` does not follow `shown` ([`Transaction::follows`]).
    fn replace<'a>(&'a self, shown: &'a Transaction, next: Transaction) -> Pending<'a, Replaced>;

    /// Cleans up what is due at `now`, at most `limit` rows: open transactions past their time expire, overdue results
    /// are erased, rows long after their end are removed. When it returns, the bytes are gone from the store's files, or
    /// cannot be read there without a key that lies elsewhere.
    /// May run at any time, several times, and be killed in between (STO-025).
    ///
    /// # Errors
    /// [`StoreError`]
    fn expire_and_erase(&self, now: UnixSeconds, limit: usize) -> Pending<'_, Swept>;

    /// Watches one transaction. Subscribe first, then read, then wait: no change falls between.
    fn watch(&self, id: &TransactionId) -> Changes;

    /// Whether the store can commit right now; it tries.
    ///
    /// # Errors
    /// [`StoreError`]: why it cannot.
    fn health(&self) -> Pending<'_, ()>;

    /// Finishes what waits and closes. Everything asked later is unavailable.
    ///
    /// # Errors
    /// [`StoreError`] if the end was not clean; what was acknowledged is durable all the same.
    fn close(&self) -> Pending<'_, ()>;
}

/// Tells that a transaction has changed. It carries no data: whoever waits reads again, with their own identity.
#[derive(Debug)]
pub struct Changes(watch::Receiver<u64>);

impl Changes {
    /// Made by stores. The number is the version of the last change they know.
    pub const fn new(receiver: watch::Receiver<u64>) -> Self {
        Self(receiver)
    }

    /// Waits for a change after the subscription or the last call. Several changes may come as one. `false` when no
    /// more will come: the transaction is gone or the store is closed.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// A document to fetch: a status list, a trust list, type metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// Absolute address: `https`, or `http` on loopback where the list says so.
    pub url: String,
    /// Value of the `Accept` field.
    pub accept: &'static str,
    /// Largest body that is taken, in bytes. Content codings are not accepted, so it is the size on the wire, too.
    pub max_bytes: usize,
    /// Longest time for everything, redirects included, in milliseconds.
    pub timeout_ms: u64,
    /// Most redirects that are followed; each target must be on the list as well.
    pub max_redirects: u8,
    /// Exact origins that may be asked, for the address and every redirect, as `scheme://host:port` with the port always
    /// given: what [`crate::domain::trust::StatusOrigin::text`] writes. A loopback address is asked only if it is named
    /// here itself; other private addresses never are.
    pub allowed_hosts: Vec<String>,
    /// What is known of the document already: the host may answer 304 then.
    pub validators: Validators,
}

/// By what a host knows a document again (RFC 9110 section 8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// What came back, with any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResponse {
    /// HTTP status.
    pub status: u16,
    /// Value of the `Content-Type` field.
    pub content_type: Option<String>,
    /// How long it may be kept, in seconds, as its `Cache-Control` says: `max-age`; zero for `no-store` and `no-cache`;
    /// `None` if it says nothing of this.
    pub max_age: Option<u32>,
    /// By what the host knows it again.
    pub validators: Validators,
    /// What time it was for the host (`Date`, RFC 9110 section 6.6.1), if it says so in a form that can be read.
    pub date: Option<UnixSeconds>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Origin not on the list, scheme not `https`, or a name that leads to an address that must not be asked. Nothing was
    /// sent. Trying again does not help.
    #[error("this address may not be asked")]
    Blocked,
    /// No connection, or the connection broke.
    #[error("the host cannot be reached: {0}")]
    Unreachable(String),
    /// Somebody answers, but there is no TLS with the host: its certificate is not that of the host, is unknown here or is
    /// outside its validity, or both share no version.
    #[error("there is no secure connection to the host: {0}")]
    Tls(String),
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
    /// The body is larger than allowed.
    #[error("the answer is too large")]
    TooLarge,
    /// An answer came that cannot be used: too many redirects or one to a place that may not be asked, a content coding.
    #[error("the answer cannot be used: {0}")]
    Unusable(&'static str),
}

/// Fetches documents over HTTPS, only from where it is told, never with anything about a person in it.
pub trait Fetch: Send + Sync {
    /// Gets one document.
    ///
    /// # Errors
    /// [`FetchError`]
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError>;
}

/// A trust list as it is kept between runs. Whoever reads it verifies it anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The document as it came.
    pub document: Vec<u8>,
    /// When its host, or whoever imported it, last said that it is the newest.
    pub confirmed_at: UnixSeconds,
    /// By what the host knows it again.
    pub validators: Validators,
}

/// What is kept cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeepFailed(pub String);

/// Keeps trust lists between runs, and reads those that somebody else puts into a file.
pub trait KeptLists: Send + Sync {
    /// The list of this name, if one is kept.
    ///
    /// # Errors
    /// [`KeepFailed`]
    fn load(&self, name: String) -> Pending<'_, Option<Kept>, KeepFailed>;

    /// Keeps a list, whole or not at all.
    ///
    /// # Errors
    /// [`KeepFailed`]
    fn save(&self, name: String, kept: Kept) -> Pending<'_, (), KeepFailed>;

    /// The contents of a file that the configuration names, up to the limit of trust lists.
    ///
    /// # Errors
    /// [`KeepFailed`]
    fn read_file(&self, path: String) -> Pending<'_, Vec<u8>, KeepFailed>;
}

/// How an address of this machine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressState {
    /// Nobody listens there, and this process may.
    Free,
    /// Somebody listens there.
    Taken,
    /// This process may not, or the address is none of this machine.
    Unusable(String),
}

/// How the file of a store stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreState {
    /// There is none yet; the first start makes it.
    Absent,
    /// It was opened, read wholly and closed again.
    Sound,
    /// Another process has it open.
    Locked,
    /// It belongs to another user than the one who looks, so it was left alone.
    OfAnotherUser,
    /// It cannot be used.
    Unusable(String),
}

/// The machine that the service runs on, as far as it can be looked at without changing anything. Methods may block.
pub trait Machine: Send + Sync {
    /// Whether this process could listen on an address.
    fn address(&self, address: SocketAddr) -> AddressState;

    /// Whether this process may make files in a folder.
    ///
    /// # Errors
    /// Why not, for people.
    fn can_write(&self, folder: &Path) -> Result<(), String>;

    /// How much room a folder has, in bytes; `None` where that cannot be told.
    fn free_bytes(&self, folder: &Path) -> Option<u64>;

    /// How a store stands.
    fn store(&self, path: &Path) -> StoreState;
}

/// The signing key cannot be used now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the signing key cannot be used: {0}")]
pub struct SigningFailed(pub String);

/// Signs request objects as one relying party. The key may lie in a file, a module or a service.
pub trait RequestSigner: Send + Sync {
    /// The certificates in DER, leaf first, without the anchor: the contents of `x5c`.
    fn certificate_chain(&self) -> &[Vec<u8>];

    /// Signs with ES256: the 64 bytes `r || s` over SHA-256 of `message` (RFC 7518 section 3.4).
    ///
    /// # Errors
    /// [`SigningFailed`]
    fn sign<'a>(&'a self, message: &'a [u8]) -> Pending<'a, [u8; 64], SigningFailed>;
}
