//! How one transaction lies in a row, so that nothing of it stays behind.
//!
//! SQLite keeps the beginning of a large row in a page of its tree, where making room may leave copies behind that no
//! setting erases. The rest goes to overflow pages, which belong to one row, are written in place, and are zeroed when
//! they are freed (`secure_delete`). A row is therefore filled up so that its share of the tree page is always the
//! smallest there is, and the first bytes of the value are zeros: whatever is worth erasing lies in overflow pages.
//!
//! ```text
//! zeros (LEAD) │ length 4 │ CRC-32 4 │ idempotency key 0 or 72, after a byte that says which │ record │ zeros
//! ```
//!
//! Source: SQLite "Database File Format", sections 1.6 (cells, overflow) and 2.1 (record format).

use crate::adapters::store::status_number;
use crate::app::ports::Idempotency;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::Transaction;
use crate::domain::transaction::record::{self, RecordFault};
use zeroize::Zeroizing;

/// Page size of the file, in bytes. The constants below are made from it.
pub(super) const PAGE_SIZE: usize = 4_096;

/// Bytes of a row that stay in the tree page when it overflows and is filled up: `(U - 12) * 32 / 255 - 23`.
const LOCAL: usize = (PAGE_SIZE - 12) * 32 / 255 - 23;
/// Bytes of a row in one overflow page.
const OVERFLOW: usize = PAGE_SIZE - 4;
/// Zeros at the beginning of the value; more than can stay in the tree page.
const LEAD: usize = LOCAL;
/// Zeros, length and checksum.
const BEFORE: usize = LEAD + 8;
/// Most bytes of the idempotency key.
const KEY: usize = 73;

/// The integers that stand before the value in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) version: i64,
    pub(super) status: i64,
    /// Checksum of the record: two values are the same only if it is.
    pub(super) sum: i64,
}

impl Head {
    /// The integers that belong to `transaction`, whose record is given.
    pub(super) fn new(transaction: &Transaction, record: &[u8]) -> Result<Self, RecordFault> {
        let version = i64::try_from(transaction.version()).map_err(|_| RecordFault::Damaged("version out of range"))?;
        let status = i64::from(status_number(transaction.status()));
        Ok(Self { version, status, sum: i64::from(record::checksum(record)) })
    }
}

/// What was in a row.
#[derive(Debug)]
pub(super) struct Opened<'a> {
    pub(super) record: &'a [u8],
    pub(super) idempotency: Option<Idempotency>,
}

/// Packs a transaction for its row.
///
/// # Errors
/// [`RecordFault`] if it cannot be written.
pub(super) fn seal(
    transaction: &Transaction,
    idempotency: Option<&Idempotency>,
) -> Result<(Head, Zeroizing<Vec<u8>>), RecordFault> {
    let most = BEFORE.saturating_add(KEY).saturating_add(record::size_hint(transaction));
    let mut value = Zeroizing::new(Vec::with_capacity(most.saturating_add(OVERFLOW)));
    value.resize(BEFORE, 0);
    match idempotency {
        None => value.push(0),
        Some(key) => {
            value.push(1);
            value.extend_from_slice(&key.key_hash);
            value.extend_from_slice(&key.content_hash);
            value.extend_from_slice(&key.until.0.to_be_bytes());
        }
    }
    let start = value.len();
    record::encode_onto(transaction, &mut value)?;
    let head = Head::new(transaction, value.get(start..).unwrap_or_default())?;
    let content = value.get(BEFORE..).unwrap_or_default();
    let length = u32::try_from(content.len()).map_err(|_| RecordFault::Damaged("too long"))?.to_be_bytes();
    let sum = record::checksum(content).to_be_bytes();
    for (byte, known) in value.iter_mut().skip(LEAD).zip(length.into_iter().chain(sum)) {
        *byte = known;
    }
    let filled = filled(head, value.len());
    value.resize(filled, 0);
    Ok((head, value))
}

/// Unpacks the value column; `None` for anything but what [`seal`] wrote.
pub(super) fn open(value: &[u8]) -> Option<Opened<'_>> {
    let (lead, rest) = value.split_at_checked(LEAD)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (content, tail) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let clean = lead.iter().chain(tail).all(|byte| *byte == 0);
    if !clean || record::checksum(content) != u32::from_be_bytes(*sum) {
        return None;
    }
    match content.split_first()? {
        (0, record) => Some(Opened { record, idempotency: None }),
        (1, rest) => {
            let (key_hash, rest) = rest.split_first_chunk::<32>()?;
            let (content_hash, rest) = rest.split_first_chunk::<32>()?;
            let (until, record) = rest.split_first_chunk::<8>()?;
            let until = UnixSeconds(i64::from_be_bytes(*until));
            let key = Idempotency { key_hash: *key_hash, content_hash: *content_hash, until };
            Some(Opened { record, idempotency: Some(key) })
        }
        _ => None,
    }
}

/// The length of a value of at least `wanted` bytes with which the row fills its overflow pages exactly.
fn filled(head: Head, wanted: usize) -> usize {
    let integers =
        [head.version, head.status, head.sum].map(integer_bytes).into_iter().fold(0_usize, usize::saturating_add);
    // One byte each for the length of the header, the row number's place, and the three integers' types.
    let fixed = integers.saturating_add(5);
    let mut pages = wanted.saturating_add(fixed).saturating_sub(LOCAL).div_ceil(OVERFLOW).max(1);
    loop {
        let row = pages.saturating_mul(OVERFLOW).saturating_add(LOCAL);
        for type_bytes in 1..=9 {
            let length = row.saturating_sub(fixed).saturating_sub(type_bytes);
            if length >= wanted && varint_bytes(length.saturating_mul(2).saturating_add(12)) == type_bytes {
                return length;
            }
        }
        pages = pages.saturating_add(1);
    }
}

/// Bytes that an integer takes in a row (record format, section 2.1).
const fn integer_bytes(value: i64) -> usize {
    match value {
        0 | 1 => 0,
        -0x80..=0x7f => 1,
        -0x8000..=0x7fff => 2,
        -0x80_0000..=0x7f_ffff => 3,
        -0x8000_0000..=0x7fff_ffff => 4,
        -0x8000_0000_0000..=0x7fff_ffff_ffff => 6,
        _ => 8,
    }
}

/// Bytes of a variable-length integer below 2^56.
const fn varint_bytes(value: usize) -> usize {
    let bits = usize::BITS.saturating_sub(value.leading_zeros()) as usize;
    if bits == 0 { 1 } else { bits.div_ceil(7) }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "small numbers, and a test")]
mod tests {
    use super::*;
    use crate::adapters::store::conformance::{DURING, sample};
    use crate::domain::transaction::{Accepted, ResponseCodeHash};
    use proptest::prelude::*;

    fn verified(result: usize) -> Transaction {
        let fetched = Transaction::begin(sample(1)).fetch(DURING).unwrap();
        let accepted = Accepted { result: "7".repeat(result), report: String::new() };
        fetched.verify(DURING, accepted, ResponseCodeHash::new([1; 32])).unwrap()
    }

    const IDEMPOTENCY: Idempotency = Idempotency { key_hash: [1; 32], content_hash: [2; 32], until: UnixSeconds(-5) };

    #[test]
    fn what_is_sealed_opens() {
        for length in [0, 1, 900, 3_600, 7_700, 1_050_000] {
            for idempotency in [None, Some(IDEMPOTENCY)] {
                let transaction = verified(length);
                let (_, value) = seal(&transaction, idempotency.as_ref()).unwrap();
                let opened = open(&value).unwrap();
                assert_eq!(opened.idempotency, idempotency);
                assert_eq!(record::decode(opened.record).unwrap(), transaction);
            }
        }
    }

    #[test]
    fn any_flipped_bit_is_found() {
        // STO-009, value
        let (_, value) = seal(&verified(10), Some(&IDEMPOTENCY)).unwrap();
        for at in 0..value.len() {
            let mut damaged = value.to_vec();
            damaged[at] ^= 1 << (at % 8);
            assert!(open(&damaged).is_none(), "byte {at}");
        }
        let content = BEFORE + KEY + open(&value).unwrap().record.len();
        for length in 0..content {
            assert!(open(&value[..length]).is_none(), "cut at {length}");
        }
    }

    #[test]
    fn rows_fill_their_pages() {
        for length in (0..13_000).step_by(37).chain((1_046_000..1_050_000).step_by(997)) {
            let (head, value) = seal(&verified(length), None).unwrap();
            let row = row_bytes(head, value.len());
            assert_eq!((row - LOCAL) % OVERFLOW, 0);
            assert!(row > PAGE_SIZE - 35, "else it would not overflow at all");
        }
    }

    fn row_bytes(head: Head, length: usize) -> usize {
        let integers: usize = [head.version, head.status, head.sum].map(integer_bytes).iter().sum();
        5 + varint_bytes(length * 2 + 12) + integers + length
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_row_can_be_filled(version in 0_i64..i64::MAX, status in 0_i64..7, sum in any::<u32>(), wanted in 500_usize..20_000_000) {
            let head = Head { version, status, sum: i64::from(sum) };
            let length = filled(head, wanted);
            prop_assert!(length >= wanted && length < wanted + 2 * OVERFLOW);
            prop_assert_eq!((row_bytes(head, length) - LOCAL) % OVERFLOW, 0);
        }
    }
}
