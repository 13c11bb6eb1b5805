//! The little of DER that the library does not give: elements with their heads, and new elements around others.

use x509_parser::asn1_rs::Any;
use x509_parser::prelude::FromDer as _;

/// The elements that follow each other in these bytes, each with its head.
pub(super) fn elements(mut der: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let (rest, _) = Any::from_der(der).ok()?;
        let (element, _) = der.split_at_checked(der.len().checked_sub(rest.len())?)?;
        found.push(element);
        der = rest;
    }
    Some(found)
}

/// The content of the one element that these bytes are.
pub(super) fn content(der: &[u8]) -> Option<&[u8]> {
    let (rest, element) = Any::from_der(der).ok()?;
    rest.is_empty().then_some(element.data)
}

/// The three parts of a signed structure: what is signed, the algorithm, the signature.
pub(super) fn three(der: &[u8]) -> Option<[&[u8]; 3]> {
    elements(content(der)?)?.try_into().ok()
}

/// The bytes of a bit string of whole bytes.
pub(super) fn bits(der: &[u8]) -> Option<&[u8]> {
    match content(der)?.split_first()? {
        (0, bytes) => Some(bytes),
        _ => None,
    }
}

/// An element of this tag around these parts.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let inner = parts.concat();
    let mut length: Vec<u8> = inner.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let mut whole = vec![tag];
    match (length.as_slice(), u8::try_from(length.len())) {
        ([], _) => whole.push(0),
        ([short], _) if *short < 0x80 => whole.push(*short),
        (_, count) => {
            whole.push(0x80 | count.unwrap_or(0x7F));
            whole.append(&mut length);
        }
    }
    whole.extend_from_slice(&inner);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_together_reads_as_its_parts() {
        for length in [0_usize, 1, 127, 128, 255, 256, 70_000] {
            let part = element(0x04, &[&vec![7; length]]);
            assert_eq!(content(&part).unwrap().len(), length);
            let both = element(0x30, &[&part, &part]);
            assert_eq!(elements(content(&both).unwrap()).unwrap(), [part.as_slice(), part.as_slice()]);
            assert!(three(&both).is_none());
        }
        assert_eq!(element(0x30, &[]), [0x30, 0]);
        assert!(content(&[0x30, 1]).is_none() && elements(&[0x30, 0, 0x30]).is_none());
        assert!(content(&[0x30, 0, 0x30, 0]).is_none());
        assert_eq!(bits(&[0x03, 2, 0, 9]), Some(&[9][..]));
        assert!(bits(&[0x03, 2, 1, 8]).is_none() && bits(&[0x03, 0]).is_none());
    }
}
