//! Lists of trusted entities in JSON (ETSI TS 119 602), signed as compact JAdES.
//!
//! Signature first: nothing of a list is looked at before the key of a configured signer has verified it. Then the whole
//! text is checked for strictness without keeping any of it, and entities are read one by one, so that memory is bounded
//! by the text and by what is kept of it. An entry that cannot be read is left out and named; the rest stands.

mod entity;
mod payload;
mod scheme;
mod signature;
mod value;

use super::{ListRules, TrustList};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};

/// Reads a signed list.
///
/// White space around the token is allowed, as files end with a line break.
///
/// # Errors
/// - [`Code::TrustListTooLarge`] above [`limits::TRUST_LIST_BYTES`], [`limits::TRUST_LIST_SERVICES`] and the other limits
///   for lists.
/// - [`Code::TrustListSignatureInvalid`] for a list without a signature, and for everything about the signature: header,
///   algorithm, signer, names of the signer, the signature itself.
/// - [`Code::TrustListMalformed`] for another notation, another type, JSON that is not strict, and scheme information
///   that is missing or wrong, critical extensions included.
/// - [`Code::TrustListRollback`], [`Code::TrustUnavailable`] as [`ListRules::check_scheme`].
///
/// # Source
/// ETSI TS 119 602 sections 6 and annexes A, D to I; ETSI TS 119 182-1 section 6; TL-01, TL-04 to TL-15.
pub fn read(document: &[u8], rules: ListRules<'_>) -> Result<TrustList, Reason> {
    if document.len() > limits::TRUST_LIST_BYTES {
        return Err(Reason::new(Code::TrustListTooLarge, "the list is above the limit"));
    }
    let (payload, signer) = signature::verify(token(document)?, &rules)?;
    payload::read(document, &payload, &signer, &rules)
}

/// The token in a document, or a sentence that says what it is instead.
fn token(document: &[u8]) -> Result<&str, Reason> {
    let malformed = |detail: &'static str| Reason::new(Code::TrustListMalformed, detail);
    // UTF-16 is an XML list too, so the first sign decides before the text is read.
    let first = document.iter().find(|byte| !byte.is_ascii_whitespace() && !matches!(byte, 0xef | 0xbb | 0xbf));
    let utf_16 = matches!(document, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    if first == Some(&b'<') || utf_16 {
        return Err(malformed("this is an XML list (ETSI TS 119 612), but a JSON list (ETSI TS 119 602) was expected"));
    }
    if matches!(first, Some(b'{' | b'[')) {
        return Err(Reason::new(Code::TrustListSignatureInvalid, "the list is plain JSON without a signature"));
    }
    let text = std::str::from_utf8(document).map_err(|_| malformed("the list is no text"))?;
    Ok(text.trim_ascii())
}
