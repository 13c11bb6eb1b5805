//! Strict CBOR: definite lengths, one spelling for each integer and length, no key twice, bounded depth and count,
//! nothing after the end.
//!
//! `ciborium-ll` reads the heads of the items; the rules of deterministic encoding are added here. The order of keys is
//! free: COSE and CWT do not ask for one.

use crate::domain::limits;
use ciborium_ll::{Decoder, Encoder, Header};
use std::collections::BTreeSet;

/// A data item. Strings are parts of the input.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Major types 0 and 1: from -2^64 to 2^64 - 1.
    Integer(i128),
    /// A byte string.
    Bytes(&'a [u8]),
    /// A text string.
    Text(&'a str),
    /// An array.
    Array(Vec<Self>),
    /// A map, in the order received, no key twice.
    Map(Vec<(Self, Self)>),
    /// A tagged item.
    Tag(u64, Box<Self>),
    /// A floating-point number of any width.
    Float(f64),
    /// A simple value: 20 is false, 21 true, 22 null, 23 undefined.
    Simple(u8),
}

/// What was wrong with bytes that should have been one CBOR item. The place where it was found gives it its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Not CBOR, cut, text that is not UTF-8, or a reserved value.
    Syntax,
    /// Bytes after the item.
    Tail,
    /// A length that is not stated in advance.
    Indefinite,
    /// An integer or a length in more bytes than it needs.
    NotShortest,
    /// A map has a key twice.
    Duplicate,
    /// A key that is neither integer nor string.
    Key,
    /// Too deep or too many values.
    Limit,
}

impl Fault {
    /// What was found, for people.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Syntax => "not well-formed CBOR",
            Self::Tail => "bytes after the CBOR item",
            Self::Indefinite => "CBOR of indefinite length",
            Self::NotShortest => "CBOR that is not in its shortest form",
            Self::Duplicate => "a CBOR map has a key twice",
            Self::Key => "a CBOR map has a key that is no integer and no string",
            Self::Limit => "CBOR nested too deeply or with too many values",
        }
    }
}

/// Reads exactly one item.
///
/// # Errors
/// See [`Fault`].
///
/// # Source
/// RFC 8949 sections 3, 4.2.1 and 5.6; case MDO-029 and its neighbours hold for every kind of token in CBOR.
pub fn parse(bytes: &[u8]) -> Result<Value<'_>, Fault> {
    let mut reader = Reader { rest: bytes, nodes: limits::CBOR_NODES };
    let value = reader.value(limits::CBOR_DEPTH)?;
    if reader.rest.is_empty() { Ok(value) } else { Err(Fault::Tail) }
}

impl<'a> Value<'a> {
    /// The member of a map with this integer key.
    pub fn at(&self, key: i128) -> Option<&Self> {
        self.entries()?.iter().find_map(|(found, value)| (*found == Self::Integer(key)).then_some(value))
    }

    /// The member of a map with this text key.
    pub fn member(&self, key: &str) -> Option<&Self> {
        self.entries()?.iter().find_map(|(found, value)| (found.as_text() == Some(key)).then_some(value))
    }

    /// The entries, if this is a map.
    pub fn entries(&self) -> Option<&[(Self, Self)]> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The text, if this is a text string.
    pub fn as_text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, if this is a byte string.
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The number, if this is an unsigned integer.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value<'a>, Fault> {
        let inner = depth.checked_sub(1).ok_or(Fault::Limit)?;
        self.nodes = self.nodes.checked_sub(1).ok_or(Fault::Limit)?;
        match self.header()? {
            Header::Positive(number) => Ok(Value::Integer(i128::from(number))),
            Header::Negative(number) => Ok(Value::Integer(!i128::from(number))),
            Header::Float(number) => Ok(Value::Float(number)),
            // Below 32 a simple value has one byte; two bytes for it are not well-formed.
            Header::Simple(24..=31) | Header::Break => Err(Fault::Syntax),
            Header::Simple(value) => Ok(Value::Simple(value)),
            Header::Tag(tag) => Ok(Value::Tag(tag, Box::new(self.value(inner)?))),
            Header::Bytes(length) => Ok(Value::Bytes(self.take(length)?)),
            Header::Text(length) => std::str::from_utf8(self.take(length)?).map(Value::Text).map_err(|_| Fault::Syntax),
            Header::Array(length) => {
                let mut items = Vec::new();
                for _ in 0..self.announced(length, 1)? {
                    items.push(self.value(inner)?);
                }
                Ok(Value::Array(items))
            }
            Header::Map(length) => self.map(self.announced(length, 2)?, inner),
        }
    }

    /// Two keys are equal if their bytes are: there is one spelling for each.
    fn map(&mut self, length: usize, depth: usize) -> Result<Value<'a>, Fault> {
        let mut entries = Vec::new();
        let mut seen: BTreeSet<&'a [u8]> = BTreeSet::new();
        for _ in 0..length {
            let before = self.rest;
            let key = self.value(depth)?;
            if !matches!(key, Value::Integer(_) | Value::Text(_) | Value::Bytes(_)) {
                return Err(Fault::Key);
            }
            let spelling = before.get(..before.len().saturating_sub(self.rest.len())).unwrap_or_default();
            if !seen.insert(spelling) {
                return Err(Fault::Duplicate);
            }
            entries.push((key, self.value(depth)?));
        }
        Ok(Value::Map(entries))
    }

    /// How many items follow, if there may be as many: an announced number is never an allocation (case MDO-032).
    fn announced(&self, length: Option<usize>, per_item: usize) -> Result<usize, Fault> {
        let length = length.ok_or(Fault::Indefinite)?;
        if length.checked_mul(per_item).is_none_or(|items| items > self.nodes) {
            return Err(Fault::Limit);
        }
        Ok(length)
    }

    fn take(&mut self, length: Option<usize>) -> Result<&'a [u8], Fault> {
        let (string, rest) = self.rest.split_at_checked(length.ok_or(Fault::Indefinite)?).ok_or(Fault::Syntax)?;
        self.rest = rest;
        Ok(string)
    }

    fn header(&mut self) -> Result<Header, Fault> {
        let mut decoder = Decoder::from(self.rest);
        let header = decoder.pull().map_err(|_| Fault::Syntax)?;
        let (spelling, rest) = self.rest.split_at_checked(decoder.offset()).ok_or(Fault::Syntax)?;
        // Floating-point numbers of all widths are in use, and they are no keys.
        if !matches!(header, Header::Float(_)) && Head::of(header).bytes() != spelling {
            return Err(Fault::NotShortest);
        }
        self.rest = rest;
        Ok(header)
    }
}

/// The head of an item in its shortest form: one to nine bytes.
struct Head {
    space: [u8; 9],
    length: usize,
}

impl Head {
    fn of(header: Header) -> Self {
        let mut head = Self { space: [0; 9], length: 0 };
        let mut left = head.space.as_mut_slice();
        // Nine bytes have room for every head; if they had not, the head would be empty and equal nothing.
        let written = Encoder::from(&mut left).push(header).is_ok();
        let left = left.len();
        head.length = if written { head.space.len().saturating_sub(left) } else { 0 };
        head
    }

    fn bytes(&self) -> &[u8] {
        self.space.get(..self.length).unwrap_or_default()
    }
}

/// Writes the head of an array of `length` items.
pub fn write_array(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(Head::of(Header::Array(Some(length))).bytes());
}

/// Writes a text string.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(Head::of(Header::Text(Some(text.len()))).bytes());
    out.extend_from_slice(text.as_bytes());
}

/// Writes a byte string.
pub fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(Head::of(Header::Bytes(Some(bytes.len()))).bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn items_of_every_kind() {
        // RFC 8949, appendix A.
        for (bytes, value) in [
            (&[0x00][..], Value::Integer(0)),
            (&[0x17], Value::Integer(23)),
            (&[0x18, 0x18], Value::Integer(24)),
            (&[0x19, 0xff, 0xfe], Value::Integer(65_534)),
            (&[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Value::Integer(18_446_744_073_709_551_615)),
            (&[0x3b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Value::Integer(-18_446_744_073_709_551_616)),
            (&[0x26], Value::Integer(-7)),
            (&[0xf9, 0x3e, 0x00], Value::Float(1.5)),
            (&[0xfb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], Value::Float(1.5)),
            (&[0xf6], Value::Simple(22)),
            (&[0xf8, 0xff], Value::Simple(255)),
            (&[0x41, 0x01], Value::Bytes(&[1])),
            (&[0x62, 0xc3, 0xbc], Value::Text("ü")),
            (&[0xd2, 0x80], Value::Tag(18, Box::new(Value::Array(Vec::new())))),
            (&[0xa1, 0x01, 0x26], Value::Map(vec![(Value::Integer(1), Value::Integer(-7))])),
        ] {
            assert_eq!(parse(bytes).as_ref(), Ok(&value), "{bytes:02x?}");
        }
        let map = parse(&[0xa2, 0x02, 0x61, b'a', 0x61, b'b', 0x03]).unwrap();
        assert_eq!(map.at(2).and_then(Value::as_text), Some("a"));
        assert_eq!(map.member("b").and_then(Value::as_u64), Some(3));
        assert_eq!((map.at(3), map.member("a")), (None, None));
    }

    #[test]
    fn one_item_has_one_spelling() {
        // MDO-029, MDO-030, MDO-033.
        for (bytes, fault) in [
            (&[][..], Fault::Syntax),
            (&[0x18][..], Fault::Syntax),
            (&[0x42, 0x01], Fault::Syntax),
            (&[0x61, 0xff], Fault::Syntax),
            (&[0x1c], Fault::Syntax),
            (&[0xff], Fault::Syntax),
            (&[0xf8, 0x18], Fault::Syntax),
            (&[0xf8, 0x14], Fault::NotShortest),
            (&[0x18, 0x17], Fault::NotShortest),
            (&[0x19, 0x00, 0xff], Fault::NotShortest),
            (&[0x38, 0x06], Fault::NotShortest),
            (&[0x58, 0x01, 0x00], Fault::NotShortest),
            (&[0xd8, 0x12, 0x80], Fault::NotShortest),
            (&[0xb8, 0x00], Fault::NotShortest),
            (&[0x9f, 0xff], Fault::Indefinite),
            (&[0xbf, 0xff], Fault::Indefinite),
            (&[0x5f, 0x41, 0x01, 0xff], Fault::Indefinite),
            (&[0x7f, 0x61, 0x61, 0xff], Fault::Indefinite),
            (&[0x00, 0x00], Fault::Tail),
            (&[0xa2, 0x01, 0x00, 0x01, 0x00], Fault::Duplicate),
            (&[0xa2, 0x61, 0x61, 0x00, 0x61, 0x61, 0x01], Fault::Duplicate),
            (&[0xa1, 0x80, 0x00], Fault::Key),
            (&[0xa1, 0xf9, 0x3c, 0x00, 0x00], Fault::Key),
        ] {
            assert_eq!(parse(bytes), Err(fault), "{bytes:02x?}");
        }
    }

    #[test]
    fn depth_and_count_are_bounded() {
        // MDO-031, MDO-032.
        let nested = |levels: usize| [vec![0x81; levels], vec![0x00]].concat();
        assert!(parse(&nested(limits::CBOR_DEPTH - 1)).is_ok());
        assert_eq!(parse(&nested(limits::CBOR_DEPTH)), Err(Fault::Limit));
        assert_eq!(parse(&nested(1_000_000)), Err(Fault::Limit));
        assert_eq!(parse(&[vec![0xc1; 1_000_000], vec![0x00]].concat()), Err(Fault::Limit));
        assert_eq!(parse(&[0x9b, 0x40, 0, 0, 0, 0, 0, 0, 0]), Err(Fault::Limit));
        assert_eq!(parse(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(Fault::Limit));
        assert_eq!(parse(&[0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), Err(Fault::Syntax));
        let zeros = |count: u16| [vec![0x99, count.to_be_bytes()[0], count.to_be_bytes()[1]], vec![0; 10_000]].concat();
        assert!(parse(&zeros(9_999)[..3 + 9_999]).is_ok());
        assert_eq!(parse(&zeros(10_000)), Err(Fault::Limit));
    }

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        write_array(&mut out, 3);
        write_text(&mut out, "Signature1");
        write_bytes(&mut out, &[7; 300]);
        write_bytes(&mut out, &[]);
        let wanted = vec![Value::Text("Signature1"), Value::Bytes(&[7; 300]), Value::Bytes(&[])];
        assert_eq!(parse(&out), Ok(Value::Array(wanted)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            drop(parse(&bytes));
        }
    }
}
