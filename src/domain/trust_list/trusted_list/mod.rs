//! Trusted lists in XML, as member states and the Commission publish them (ETSI TS 119 612).
//!
//! | Step | File |
//! | --- | --- |
//! | is the document of a size and shape that a parser can bear | `shape` |
//! | the parsed document, and how it is asked | `tree` |
//! | is it signed by a configured signer, and what exactly is signed | `signature` |
//! | what it says | `content`, `scope` |
//! | the list of lists: pointers, and how its signers change | [`pivot`] |
//!
//! Which library does what, and why: `docs/decisions/0006-xml-signatures.md`.

mod content;
pub mod pivot;
mod scope;
mod shape;
mod signature;
mod tree;

use super::{ListRules, TrustList};
use crate::domain::jose::hash::sha256;
use crate::domain::limits;
use crate::domain::reason::Code;
use crate::domain::reason::Reason;
use content::Origin;
use tree::{Element, malformed};

/// Verifies and reads a list.
///
/// Entries that cannot be read, or have a critical extension that is unknown here, are left out and counted in
/// [`TrustList::skipped`]; the rest of the list stands.
///
/// # Errors
/// - [`Code::TrustListTooLarge`] above [`limits::TRUST_LIST_BYTES`], [`limits::XML_DEPTH`], [`limits::XML_ATTRIBUTES`],
///   [`limits::XML_MARKUP`] or [`limits::TRUST_LIST_SERVICES`] (TRU-007, TRU-008).
/// - [`Code::TrustListMalformed`] for what is no XML in UTF-8 (JSON among it), has a DTD (TRU-005, TRU-006), or is no list
///   of version 5 or 6 and the wanted type.
/// - [`Code::TrustListSignatureInvalid`] unless one signature of the usual shape by a configured signer covers the whole
///   document (TL-04, TRU-002 to TRU-004).
/// - [`Code::TrustListRollback`], [`Code::TrustUnavailable`]: see [`ListRules::check_scheme`].
///
/// # Source
/// ETSI TS 119 612 V2.4.1 sections 5.2 to 5.7 and annex B; TL-01, TL-07, TL-08, TL-10, TL-14, TL-20.
pub fn read(document: &[u8], rules: ListRules<'_>) -> Result<TrustList, Reason> {
    let text = checked_text(document)?;
    let signed = signature::verify(text, &rules)?;
    let tree = tree::parse(&signed.document)?;
    let origin = Origin { digest: sha256(document), signer: signed.signer };
    content::read(Element::root(&tree)?, &rules, &origin)
}

/// The text of a document of bearable size and shape.
fn checked_text(document: &[u8]) -> Result<&str, Reason> {
    if document.len() > limits::TRUST_LIST_BYTES {
        return Err(Reason::new(Code::TrustListTooLarge, "the list is above the limit"));
    }
    let text = std::str::from_utf8(document).map_err(|_| malformed("the list is no text in UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.starts_with('<') {
        return Err(malformed(
            "the document does not begin as XML does; lists in JSON (ETSI TS 119 602) are read where JSON is configured",
        ));
    }
    shape::check(text)?;
    Ok(text)
}
