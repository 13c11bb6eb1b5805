//! The list itself: a zlib stream of statuses of 1, 2, 4 or 8 bits, the lowest bits first.

use crate::domain::encoding::{base64, cbor};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use flate2::{Decompress, FlushDecompress, Status};
use serde_json::{Map, Value};

/// An inflated list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits {
    width: Width,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Width {
    One,
    Two,
    Four,
    Eight,
}

impl Width {
    /// Statuses in one byte, as a power of two.
    const fn per_byte_log2(self) -> u32 {
        match self {
            Self::One => 3,
            Self::Two => 2,
            Self::Four => 1,
            Self::Eight => 0,
        }
    }

    const fn bits(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    const fn mask(self) -> u8 {
        match self {
            Self::One => 0b1,
            Self::Two => 0b11,
            Self::Four => 0b1111,
            Self::Eight => 0xff,
        }
    }
}

/// A status (Token Status List section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusValue {
    /// 0x00: valid, correct or legal.
    Valid,
    /// 0x01: revoked, annulled, taken back.
    Invalid,
    /// 0x02: temporarily invalid.
    Suspended,
    /// 0x03, 0x0C to 0x0F: what the application of this issuer says it means. Not valid without an agreed meaning.
    ApplicationSpecific(u8),
    /// Every other value: reserved for later versions.
    Reserved(u8),
}

impl From<u8> for StatusValue {
    fn from(value: u8) -> Self {
        match value {
            0x00 => Self::Valid,
            0x01 => Self::Invalid,
            0x02 => Self::Suspended,
            0x03 | 0x0c..=0x0f => Self::ApplicationSpecific(value),
            _ => Self::Reserved(value),
        }
    }
}

impl From<StatusValue> for u8 {
    fn from(value: StatusValue) -> Self {
        match value {
            StatusValue::Valid => 0x00,
            StatusValue::Invalid => 0x01,
            StatusValue::Suspended => 0x02,
            StatusValue::ApplicationSpecific(value) | StatusValue::Reserved(value) => value,
        }
    }
}

impl StatusValue {
    /// Whether the credential may be accepted.
    ///
    /// # Errors
    /// [`Code::CredentialRevoked`], [`Code::CredentialSuspended`], [`Code::StatusValueUnknown`] (TSL-44, TSL-47).
    pub fn check(self) -> Result<(), Reason> {
        match self {
            Self::Valid => Ok(()),
            Self::Invalid => Err(Reason::new(Code::CredentialRevoked, "status 1: invalid")),
            Self::Suspended => Err(Reason::new(Code::CredentialSuspended, "status 2: suspended")),
            Self::ApplicationSpecific(_) => Err(Reason::new(
                Code::StatusValueUnknown,
                "an application-specific status, whose meaning was not agreed",
            )),
            Self::Reserved(_) => Err(Reason::new(Code::StatusValueUnknown, "a reserved status")),
        }
    }
}

impl Bits {
    /// Reads the `status_list` object of a list token: `bits` and `lst`.
    ///
    /// # Errors
    /// [`Code::StatusListMalformed`], [`Code::StatusListTooLarge`].
    pub fn from_claim(claim: &Map<String, Value>) -> Result<Self, Reason> {
        let malformed = |detail: &'static str| Reason::new(Code::StatusListMalformed, detail);
        let width =
            claim.get("bits").and_then(Value::as_u64).ok_or_else(|| malformed("bits is missing or no integer"))?;
        let text = claim.get("lst").and_then(Value::as_str).ok_or_else(|| malformed("lst is missing or no string"))?;
        let compressed = base64::decode_url(text).map_err(|_| malformed("lst is not base64url"))?;
        Self::inflate(width, &compressed, limits::STATUS_LIST_BYTES)
    }

    /// Reads the `StatusList` map of a list token in CBOR: `bits`, an unsigned integer, and `lst`, a byte string.
    ///
    /// # Errors
    /// As [`Self::from_claim`].
    ///
    /// # Source
    /// Token Status List section 4.3 (TSL-25).
    pub fn from_cbor(map: &cbor::Value<'_>) -> Result<Self, Reason> {
        let malformed = |detail: &'static str| Reason::new(Code::StatusListMalformed, detail);
        let width = map.member("bits").and_then(cbor::Value::as_u64);
        let width = width.ok_or_else(|| malformed("bits is missing or no unsigned integer"))?;
        let compressed = map.member("lst").and_then(cbor::Value::as_bytes);
        let compressed = compressed.ok_or_else(|| malformed("lst is missing or no byte string"))?;
        Self::inflate(width, compressed, limits::STATUS_LIST_BYTES)
    }

    /// Inflates a zlib stream to at most `cap` bytes. The output stops at the cap, whatever the input announces.
    ///
    /// # Errors
    /// - [`Code::StatusListMalformed`] for a width other than 1, 2, 4, 8, raw DEFLATE, gzip, a preset dictionary, a cut
    ///   stream, a wrong checksum, and bytes after the stream (cases TSL-012 to 014).
    /// - [`Code::StatusListTooLarge`] above `cap` (case TSL-011).
    ///
    /// # Source
    /// Token Status List section 4.1, RFC 1950.
    pub fn inflate(width: u64, compressed: &[u8], cap: usize) -> Result<Self, Reason> {
        let malformed = |detail: &'static str| Reason::new(Code::StatusListMalformed, detail);
        let width = match width {
            1 => Width::One,
            2 => Width::Two,
            4 => Width::Four,
            8 => Width::Eight,
            _ => return Err(malformed("bits is not 1, 2, 4 or 8")),
        };
        let mut stream = Decompress::new(true);
        // One byte more than the cap, so that a stream of exactly the cap can be told from a longer one.
        let most = cap.saturating_add(1);
        let mut bytes = Vec::with_capacity(first_room(compressed.len(), most));
        loop {
            let consumed = usize::try_from(stream.total_in()).unwrap_or(usize::MAX);
            let rest = compressed.get(consumed..).unwrap_or_default();
            let before = (stream.total_in(), stream.total_out());
            let status = stream
                .decompress_vec(rest, &mut bytes, FlushDecompress::None)
                .map_err(|_| malformed("lst is not a zlib stream"))?;
            if bytes.len() > cap {
                return Err(Reason::new(Code::StatusListTooLarge, "the list inflates above the limit"));
            }
            if status == Status::StreamEnd {
                break;
            }
            if bytes.len() == bytes.capacity() {
                bytes.reserve_exact(more_room(bytes.len(), most));
            } else if before == (stream.total_in(), stream.total_out()) {
                return Err(malformed("the zlib stream is cut"));
            }
        }
        if stream.total_in() != u64::try_from(compressed.len()).unwrap_or(u64::MAX) {
            return Err(malformed("bytes after the zlib stream"));
        }
        bytes.shrink_to_fit();
        Ok(Self { width, bytes })
    }

    /// How many statuses the list has room for.
    pub fn len(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX).saturating_mul(1 << self.width.per_byte_log2())
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bits of one status.
    pub fn width(&self) -> u8 {
        self.width.bits()
    }

    /// The status at `index`.
    ///
    /// # Errors
    /// [`Code::StatusIndexOutOfRange`] (TSL-43).
    ///
    /// # Source
    /// Token Status List section 4.1: the lowest bits of a byte come first (TSL-42, case TSL-016).
    pub fn status(&self, index: u64) -> Result<StatusValue, Reason> {
        let out = || Reason::new(Code::StatusIndexOutOfRange, "idx is not in the list");
        let log2 = self.width.per_byte_log2();
        let place = usize::try_from(index >> log2).map_err(|_| out())?;
        let byte = *self.bytes.get(place).ok_or_else(out)?;
        let within = index & (1_u64 << log2).wrapping_sub(1);
        let shift = u32::try_from(within).map_err(|_| out())?.saturating_mul(u32::from(self.width.bits()));
        let value = byte.checked_shr(shift).unwrap_or(0) & self.width.mask();
        Ok(StatusValue::from(value))
    }
}

/// Room for the output, before anything came out: eight times the input, as with one entry in fifty set.
fn first_room(compressed: usize, most: usize) -> usize {
    compressed.saturating_mul(8).max(1024).min(most)
}

/// Further room when `length` bytes came out and more is to come: as much again, but never beyond `most` in all.
fn more_room(length: usize, most: usize) -> usize {
    length.max(1024).min(most.saturating_sub(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use std::io::Write as _;

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn values(width: u64, bytes: &[u8]) -> Vec<u8> {
        let list = Bits::inflate(width, &zlib(bytes), 1 << 20).unwrap();
        (0..list.len()).map(|index| u8::from(list.status(index).unwrap())).collect()
    }

    fn code(width: u64, bytes: &[u8]) -> Code {
        Bits::inflate(width, bytes, 1 << 16).unwrap_err().code
    }

    #[test]
    fn lowest_bits_come_first() {
        // TSL-42, case TSL-016: the specification's own examples, all widths.
        assert_eq!(values(1, &[0xb9, 0xa3]), [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
        assert_eq!(values(2, &[0xc9, 0x44, 0xf9]), [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
        assert_eq!(values(4, &[0x21, 0xf0]), [1, 2, 0, 15]);
        assert_eq!(values(8, &[7, 0, 255]), [7, 0, 255]);
    }

    #[test]
    fn the_index_must_be_in_the_list() {
        // TSL-43.
        let list = Bits::inflate(1, &zlib(&[0, 1]), 16).unwrap();
        assert_eq!(list.status(15), Ok(StatusValue::Valid));
        assert_eq!(list.status(8), Ok(StatusValue::Invalid));
        for index in [16, u64::from(u32::MAX) + 1, u64::MAX] {
            assert_eq!(list.status(index).unwrap_err().code, Code::StatusIndexOutOfRange);
        }
    }

    #[test]
    fn only_one_whole_zlib_stream() {
        // TSL-40, cases TSL-012, TSL-013, TSL-014.
        let good = zlib(&[1, 2, 3, 4, 5, 6, 7, 8]);
        for width in [0, 3, 16, u64::MAX] {
            assert_eq!(code(width, &good), Code::StatusListMalformed);
        }
        let mut raw = DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        raw.write_all(&[1; 40]).unwrap();
        assert_eq!(code(1, &raw.finish().unwrap()), Code::StatusListMalformed);
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&[1; 40]).unwrap();
        assert_eq!(code(1, &gzip.finish().unwrap()), Code::StatusListMalformed);
        assert_eq!(code(1, &good[..good.len() - 1]), Code::StatusListMalformed);
        assert_eq!(code(1, &good[..3]), Code::StatusListMalformed);
        assert_eq!(code(1, &[]), Code::StatusListMalformed);
        let mut checksum = good.clone();
        *checksum.last_mut().unwrap() ^= 1;
        assert_eq!(code(1, &checksum), Code::StatusListMalformed);
        assert_eq!(code(1, &[good.as_slice(), &[0]].concat()), Code::StatusListMalformed);
        assert_eq!(code(1, &[good.as_slice(), good.as_slice()].concat()), Code::StatusListMalformed);
        assert_eq!(code(1, &[0x78, 0xbb, 0, 0, 0, 1, 3, 0]), Code::StatusListMalformed, "preset dictionary");
    }

    #[test]
    fn bombs_stop_at_the_cap() {
        // TSL-41, case TSL-011: the cap holds to the byte.
        assert!(Bits::inflate(1, &zlib(&vec![0; 1 << 16]), 1 << 16).is_ok());
        assert_eq!(code(1, &zlib(&vec![0; (1 << 16) + 1])), Code::StatusListTooLarge);
        assert_eq!(code(1, &zlib(&vec![0; 1 << 24])), Code::StatusListTooLarge);
    }

    /// `entries` of one bit, of which about `per_mille` of a thousand are set; the same every time.
    fn scattered(entries: usize, per_mille: u64) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut bytes = vec![0_u8; entries.div_ceil(8)];
        for index in 0..entries {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if (state >> 33) % 1_000 < per_mille {
                bytes[index / 8] |= 1 << (index % 8);
            }
        }
        bytes
    }

    #[test]
    fn a_hundred_million_entries_fit() {
        // TSL-41, TSL-42, TSL-43: a list for every resident, seven in a thousand revoked, within both limits as a JWT,
        // whose payload has the list in base64url and is in base64url itself.
        const ENTRIES: u64 = 100_000_000;
        let bytes = scattered(100_000_000, 7);
        let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&bytes).unwrap();
        let compressed = encoder.finish().unwrap();
        assert!(compressed.len() * 16 / 9 + 4_000 < limits::STATUS_TOKEN_BYTES, "{} bytes", compressed.len());
        let list = Bits::inflate(1, &compressed, limits::STATUS_LIST_BYTES).unwrap();
        assert_eq!(list.len(), ENTRIES);
        assert_eq!(list.bytes, bytes);
        let revoked = |range: std::ops::Range<u64>| {
            range.filter(|index| list.status(*index) == Ok(StatusValue::Invalid)).count() as u64
        };
        let ones = |bytes: &[u8]| bytes.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
        assert!((690_000..710_000).contains(&ones(&bytes)));
        assert_eq!(revoked(0..80_000), ones(&bytes[..10_000]));
        assert_eq!(revoked(ENTRIES - 80_000..ENTRIES), ones(&bytes[bytes.len() - 10_000..]));
        assert_eq!(list.status(ENTRIES).unwrap_err().code, Code::StatusIndexOutOfRange);
    }

    #[test]
    fn a_list_takes_no_more_room_than_it_has_entries() {
        // Case TSL-011: neither a list that hardly compresses nor one that is all zeros keeps what was reserved for it.
        for bytes in [scattered(1 << 23, 500), vec![0; 12_500_000], vec![1], Vec::new()] {
            let list = Bits::inflate(1, &zlib(&bytes), limits::STATUS_LIST_BYTES).unwrap();
            assert_eq!((list.bytes.len(), list.bytes.capacity()), (bytes.len(), bytes.len()));
        }
    }

    #[test]
    fn room_grows_with_what_comes_out() {
        // Case TSL-011: what is reserved follows the input and the output so far, and ends one byte above the cap.
        assert_eq!(first_room(0, 100), 100);
        assert_eq!(first_room(10, 1 << 20), 1_024);
        assert_eq!(first_room(1_000, 1 << 20), 8_000);
        assert_eq!(first_room(usize::MAX, 1 << 20), 1 << 20);
        assert_eq!(more_room(8_000, 1 << 20), 8_000);
        assert_eq!(more_room(1 << 19, 1 << 20), 1 << 19);
        assert_eq!(more_room((1 << 20) - 1, 1 << 20), 1);
        assert_eq!(more_room(1 << 20, 1 << 20), 0);
    }

    #[test]
    fn only_zero_is_valid() {
        // TSL-44, case TSL-028.
        assert!(StatusValue::Valid.check().is_ok());
        assert_eq!(StatusValue::Invalid.check().unwrap_err().code, Code::CredentialRevoked);
        assert_eq!(StatusValue::Suspended.check().unwrap_err().code, Code::CredentialSuspended);
        for value in 3..=u8::MAX {
            assert_eq!(StatusValue::from(value).check().unwrap_err().code, Code::StatusValueUnknown, "{value}");
        }
    }

    #[test]
    fn values_keep_their_kinds_apart() {
        // TSL-44, TSL-47: Token Status List section 7.1.
        for value in 0..=u8::MAX {
            let wanted = match value {
                0 => StatusValue::Valid,
                1 => StatusValue::Invalid,
                2 => StatusValue::Suspended,
                3 | 12 | 13 | 14 | 15 => StatusValue::ApplicationSpecific(value),
                4..=11 | 16.. => StatusValue::Reserved(value),
            };
            assert_eq!(StatusValue::from(value), wanted);
            assert_eq!(u8::from(wanted), value);
        }
        let detail = |value: u8| StatusValue::from(value).check().unwrap_err().detail;
        assert_ne!(detail(12), detail(11), "people are told which kind it is");
        assert_ne!(detail(2), detail(1));
    }
}
