//! CBOR, and COSE_Sign1 in it (RFC 8949, RFC 9052), for issuers that publish in this form.

/// A data item, written in its shortest form, in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An integer.
    Integer(i64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A text string.
    Text(String),
    /// An array.
    Array(Vec<Self>),
    /// A map.
    Map(Vec<(Self, Self)>),
    /// A tagged item.
    Tag(u64, Box<Self>),
    /// Bytes that are written as they are.
    Raw(Vec<u8>),
}

impl Item {
    /// A text string.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A map with integer keys.
    pub fn labels(entries: Vec<(i64, Self)>) -> Self {
        Self::Map(entries.into_iter().map(|(label, value)| (Self::Integer(label), value)).collect())
    }

    /// Sets the value of an integer key of a map, at the end if it is new.
    pub fn set(&mut self, label: i64, value: Self) {
        self.remove(label);
        if let Self::Map(entries) = self {
            entries.push((Self::Integer(label), value));
        }
    }

    /// Removes an integer key of a map.
    pub fn remove(&mut self, label: i64) {
        if let Self::Map(entries) = self {
            entries.retain(|(key, _)| *key != Self::Integer(label));
        }
    }

    /// The item as bytes.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Integer(number) => match u64::try_from(*number) {
                Ok(number) => head(0, number),
                Err(_) => head(1, number.unsigned_abs().saturating_sub(1)),
            },
            Self::Bytes(bytes) => [head(2, length(bytes.len())), bytes.clone()].concat(),
            Self::Text(text) => [head(3, length(text.len())), text.clone().into_bytes()].concat(),
            Self::Array(items) => {
                items.iter().fold(head(4, length(items.len())), |out, item| [out, item.encode()].concat())
            }
            Self::Map(entries) => entries
                .iter()
                .fold(head(5, length(entries.len())), |out, (key, value)| [out, key.encode(), value.encode()].concat()),
            Self::Tag(tag, item) => [head(6, *tag), item.encode()].concat(),
            Self::Raw(bytes) => bytes.clone(),
        }
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn head(major: u8, number: u64) -> Vec<u8> {
    let first = |minor: u8| vec![major.saturating_mul(32).saturating_add(minor)];
    if let Ok(byte) = u8::try_from(number) {
        return if byte < 24 { first(byte) } else { [first(24), vec![byte]].concat() };
    }
    match (u16::try_from(number), u32::try_from(number)) {
        (Ok(number), _) => [first(25), number.to_be_bytes().to_vec()].concat(),
        (_, Ok(number)) => [first(26), number.to_be_bytes().to_vec()].concat(),
        _ => [first(27), number.to_be_bytes().to_vec()].concat(),
    }
}

/// The parts of a COSE_Sign1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign1 {
    /// The protected header, as it is signed.
    pub protected: Vec<u8>,
    /// The unprotected header.
    pub unprotected: Item,
    /// The payload.
    pub payload: Vec<u8>,
}

impl Sign1 {
    /// What is signed.
    pub fn signed_bytes(&self) -> Vec<u8> {
        Item::Array(vec![
            Item::text("Signature1"),
            Item::Bytes(self.protected.clone()),
            Item::Bytes(Vec::new()),
            Item::Bytes(self.payload.clone()),
        ])
        .encode()
    }

    /// The message with its signature, without a tag.
    pub fn message(&self, signature: Vec<u8>) -> Item {
        Item::Array(vec![
            Item::Bytes(self.protected.clone()),
            self.unprotected.clone(),
            Item::Bytes(self.payload.clone()),
            Item::Bytes(signature),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_match_the_published_ones() {
        // RFC 8949, appendix A; the header and the claims of Token Status List section 5.2.
        for (item, bytes) in [
            (Item::Integer(23), &[0x17][..]),
            (Item::Integer(24), &[0x18, 0x18]),
            (Item::Integer(1_000_000), &[0x1a, 0, 0x0f, 0x42, 0x40]),
            (Item::Integer(1_000_000_000_000), &[0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0]),
            (Item::Integer(-1_000), &[0x39, 3, 0xe7]),
            (Item::Integer(65_534), &[0x19, 0xff, 0xfe]),
            (Item::text("IETF"), b"\x64IETF"),
            (Item::labels(vec![(1, Item::Integer(-7))]), &[0xa1, 1, 0x26]),
            (Item::Tag(18, Box::new(Item::Array(Vec::new()))), &[0xd2, 0x80]),
        ] {
            assert_eq!(item.encode(), bytes, "{item:?}");
        }
    }
}
