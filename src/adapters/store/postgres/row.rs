//! How one transaction lies in its row: names as hashes, the record encrypted, and columns beside it that must fit.

use crate::adapters::entropy::OsEntropy;
use crate::adapters::store::status_number;
use crate::app::ports::{Entropy as _, StoreError};
use crate::domain::ids::{PageHandle, RequestHandle, TransactionId};
use crate::domain::jose::at_rest::{self, NONCE_BYTES, SealingKey, Subject, Unsealable};
use crate::domain::jose::hash::sha256;
use crate::domain::transaction::Transaction;
use crate::domain::transaction::record::{self, RecordFault};
use tokio_postgres::Row;
use zeroize::Zeroizing;

/// A name as the tables and the bells have it: who reads it cannot use it.
pub(super) type Name = [u8; 16];

/// Selects everything that [`unpack`] needs.
macro_rules! columns {
    () => {
        "t.id, t.tenant, t.version, t.status, t.digest, t.value"
    };
}
pub(super) use columns;

fn name(kind: &str, text: &str) -> Name {
    let mut name = [0; 16];
    for (byte, hashed) in name.iter_mut().zip(sha256(format!("{kind} {text}").as_bytes())) {
        *byte = hashed;
    }
    name
}

pub(super) fn of_id(id: &TransactionId) -> Name {
    name("id", id.as_str())
}

pub(super) fn of_handle(handle: &RequestHandle) -> Name {
    name("handle", handle.as_str())
}

pub(super) fn of_page(page: &PageHandle) -> Name {
    name("page", page.as_str())
}

/// A transaction as it goes into its row.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) id: Name,
    pub(super) version: i64,
    pub(super) status: i16,
    pub(super) digest: [u8; 32],
    /// When it wants something next, in seconds.
    pub(super) due: i64,
    /// Whether it wants to be removed then.
    pub(super) removal: bool,
    pub(super) value: Vec<u8>,
}

/// The key that seals, the keys that open, and how long ended rows stay.
#[derive(Debug)]
pub(super) struct Packing {
    /// The first one seals; all of them open.
    keys: Vec<SealingKey>,
    keep_ended_seconds: i64,
}

/// A transaction that was read.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) transaction: Transaction,
    /// The digest as it stands in the row: an older program may have written the same value in another form.
    pub(super) digest: Vec<u8>,
}

impl Packing {
    /// `None` without a key.
    pub(super) fn new(keys: Vec<SealingKey>, keep_ended_seconds: i64) -> Option<Self> {
        (!keys.is_empty()).then_some(Self { keys, keep_ended_seconds })
    }

    /// # Errors
    /// [`StoreError::Misuse`] for a value that cannot be written; unavailable if the random source has failed.
    pub(super) fn pack(&self, transaction: &Transaction) -> Result<Packed, StoreError> {
        let record = encode(transaction)?;
        let (id, digest) = (of_id(transaction.id()), sha256(&record));
        let version = i64::try_from(transaction.version()).map_err(|_| UNWRITABLE)?;
        let status = i16::from(status_number(transaction.status()));
        let (due, removal) = match (transaction.due(), transaction.finished_at()) {
            (Some(due), _) => (due, false),
            (None, finished_at) => {
                (finished_at.unwrap_or_else(|| transaction.expires_at()).plus(self.keep_ended_seconds), true)
            }
        };
        let mut nonce = [0; NONCE_BYTES];
        OsEntropy.fill(&mut nonce).map_err(|failed| StoreError::Unavailable(failed.to_string()))?;
        let beside = beside(version, status);
        let subject = Subject { tenant: transaction.tenant().as_str(), row: &id, beside: &beside };
        let key = self.keys.first().ok_or(StoreError::Misuse("no key to seal with"))?;
        let value = key.seal(subject, nonce, &record).map_err(|_| UNWRITABLE)?;
        Ok(Packed { id, version, status, digest, due: due.0, removal, value })
    }

    /// Reads a row, and lets nothing through whose parts do not agree with each other.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] (STO-009); unavailable if this program lacks the key or the form of the record.
    pub(super) fn unpack(&self, row: &Row) -> Result<Unpacked, StoreError> {
        let form = |_| corrupt("a column of another type");
        let (id, tenant): (&[u8], &str) = (row.try_get(0).map_err(form)?, row.try_get(1).map_err(form)?);
        let (version, status): (i64, i16) = (row.try_get(2).map_err(form)?, row.try_get(3).map_err(form)?);
        let (digest, value): (&[u8], &[u8]) = (row.try_get(4).map_err(form)?, row.try_get(5).map_err(form)?);
        let beside = beside(version, status);
        let record = at_rest::open(&self.keys, Subject { tenant, row: id, beside: &beside }, value).map_err(
            |fault| match fault {
                Unsealable::UnknownKey(_) => StoreError::Unavailable(fault.to_string()),
                Unsealable::Damaged => corrupt("a row does not open under its key"),
            },
        )?;
        let transaction = record::decode(&record).map_err(|fault| match fault {
            // While two versions of the program serve, the older one may meet what the newer one wrote.
            RecordFault::Newer(_) => StoreError::Unavailable(fault.to_string()),
            RecordFault::Damaged(_) => corrupt("a record"),
        })?;
        let agrees = digest == sha256(&record)
            && id == of_id(transaction.id())
            && tenant == transaction.tenant().as_str()
            && Ok(version) == i64::try_from(transaction.version())
            && status == i16::from(status_number(transaction.status()));
        if !agrees {
            return Err(corrupt("a row whose parts do not agree"));
        }
        Ok(Unpacked { transaction, digest: digest.to_vec() })
    }
}

const UNWRITABLE: StoreError = StoreError::Misuse("a value that cannot be written");

/// The digest that names exactly this value. The record holds a nonce of 128 bits that is nowhere else in the store, so
/// the digest tells nothing of what else is in it.
pub(super) fn digest(transaction: &Transaction) -> Result<[u8; 32], StoreError> {
    Ok(sha256(&encode(transaction)?))
}

fn encode(transaction: &Transaction) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    record::encode(transaction).map_err(|_| UNWRITABLE)
}

/// What stands in the row beside the value and is bound to it: an old value in a row of today does not open.
fn beside(version: i64, status: i16) -> [u8; 10] {
    let mut bytes = [0; 10];
    for (byte, part) in bytes.iter_mut().zip(version.to_be_bytes().into_iter().chain(status.to_be_bytes())) {
        *byte = part;
    }
    bytes
}

/// Whether a transaction is the one that was asked for: a damaged index must not lead to the wrong one (STO-009).
pub(super) fn as_asked(found: Unpacked, is_it: impl FnOnce(&Transaction) -> bool) -> Result<Unpacked, StoreError> {
    if is_it(&found.transaction) { Ok(found) } else { Err(corrupt("a row under another's name")) }
}

pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(what.to_owned())
}
