//! Status lists: values packed from the lowest bit up, compressed with zlib (Token Status List section 4).

use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use std::collections::BTreeMap;
use std::io::Write as _;

/// A list of `entries` values of `bits` bits each; all are zero but those in `values`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusList {
    /// 1, 2, 4 or 8.
    pub bits: u8,
    /// How many entries the list has.
    pub entries: usize,
    /// The entries that are not zero.
    pub values: BTreeMap<usize, u8>,
}

impl StatusList {
    /// The packed bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let bits = usize::from(self.bits);
        let mut bytes = vec![0_u8; self.entries.saturating_mul(bits).div_ceil(8)];
        for (index, value) in &self.values {
            let first = index.saturating_mul(bits);
            if let Some(byte) = bytes.get_mut(first / 8) {
                *byte |= value.checked_shl(u32::try_from(first % 8).unwrap_or_default()).unwrap_or_default();
            }
        }
        bytes
    }

    /// The bytes as a zlib stream.
    pub fn zlib(&self) -> Vec<u8> {
        zlib(&self.bytes())
    }
}

/// `bytes` as a zlib stream (RFC 1950).
pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    // Writing into a vector cannot fail; if it did, the list would be empty and be refused.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// `bytes` as a bare DEFLATE stream (RFC 1951), which a status list must not be.
pub fn raw_deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::ZlibDecoder;
    use std::io::Read as _;

    fn list(bits: u8, values: &[u8]) -> StatusList {
        StatusList { bits, entries: values.len(), values: values.iter().copied().enumerate().collect() }
    }

    fn inflate(bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        ZlibDecoder::new(bytes).read_to_end(&mut plain).unwrap();
        plain
    }

    #[test]
    fn bytes_match_the_published_lists() {
        // TSL-42, TSL-40: Token Status List section 4.
        let one = list(1, &[1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
        assert_eq!(one.bytes(), [0xb9, 0xa3]);
        let two = list(2, &[1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
        assert_eq!(two.bytes(), [0xc9, 0x44, 0xf9]);
        assert_eq!(inflate(&one.zlib()), inflate(&[0x78, 0xda, 0xdb, 0xb9, 0x18, 0x00, 0x02, 0x17, 0x01, 0x5d]));
        assert_eq!(inflate(&two.zlib()), two.bytes());
        assert_eq!(list(4, &[1, 15]).bytes(), [0xf1]);
        assert_eq!(list(8, &[1, 255]).bytes(), [1, 255]);
    }

    #[test]
    fn a_bare_stream_has_no_zlib_header() {
        let plain = vec![0; 1_000];
        assert_eq!(zlib(&plain)[0], 0x78);
        assert!(ZlibDecoder::new(raw_deflate(&plain).as_slice()).read_to_end(&mut Vec::new()).is_err());
    }
}
