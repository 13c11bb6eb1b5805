//! How a document may be built, before any parser sees it: no DTD, and bounds on depth, attributes and markup.
//!
//! A parser notices an attribute that occurs twice by looking at those before it, so its time grows with the square of
//! their number. Hence this walk over the text, which keeps nothing. It need not know XML well: what it takes wrongly for
//! well-formed is refused by the parser after it.

use crate::domain::limits;
use crate::domain::reason::{Code, Reason};

/// Checks the shape of a document.
///
/// # Errors
/// - [`Code::TrustListMalformed`] for a DTD, whatever is in it (TRU-005, TRU-006), and for markup that does not end.
/// - [`Code::TrustListTooLarge`] above [`limits::XML_ATTRIBUTES`], [`limits::XML_DEPTH`] or [`limits::XML_MARKUP`]
///   (TRU-007).
pub(super) fn check(text: &str) -> Result<(), Reason> {
    let malformed = |detail: &'static str| Reason::new(Code::TrustListMalformed, detail);
    let unfinished = || malformed("a piece of markup does not end");
    let (mut rest, mut depth, mut markup) = (text, 0_usize, 0_usize);
    while let Some((_, after)) = rest.split_once('<') {
        let mut pieces = 1;
        rest = if let Some(comment) = after.strip_prefix("!--") {
            comment.split_once("-->").ok_or_else(unfinished)?.1
        } else if let Some(section) = after.strip_prefix("![CDATA[") {
            section.split_once("]]>").ok_or_else(unfinished)?.1
        } else if after.starts_with('!') {
            return Err(malformed("the document has a DTD"));
        } else if let Some(instruction) = after.strip_prefix('?') {
            instruction.split_once("?>").ok_or_else(unfinished)?.1
        } else if let Some(end) = after.strip_prefix('/') {
            depth = depth.checked_sub(1).ok_or_else(|| malformed("an element ends that did not begin"))?;
            end.split_once('>').ok_or_else(unfinished)?.1
        } else {
            let tag = Tag::read(after)?;
            pieces = tag.attributes.saturating_add(1);
            if !tag.is_empty {
                depth = depth.saturating_add(1);
            }
            tag.rest
        };
        markup = markup.saturating_add(pieces);
        if depth > limits::XML_DEPTH {
            return Err(too_large("the elements are nested deeper than the limit"));
        }
        if markup > limits::XML_MARKUP {
            return Err(too_large("the document has more markup than the limit"));
        }
    }
    Ok(())
}

fn too_large(detail: &'static str) -> Reason {
    Reason::new(Code::TrustListTooLarge, detail)
}

/// A start tag, counted.
struct Tag<'t> {
    attributes: usize,
    is_empty: bool,
    rest: &'t str,
}

impl<'t> Tag<'t> {
    /// Reads to the end of the tag; `text` begins after its `<`. Each quoted value is an attribute or declares a
    /// namespace.
    fn read(text: &'t str) -> Result<Self, Reason> {
        let unfinished = || Reason::new(Code::TrustListMalformed, "a tag does not end");
        let (mut rest, mut attributes) = (text, 0_usize);
        loop {
            let end = rest.find(['>', '"', '\'']).ok_or_else(unfinished)?;
            let (before, found) = rest.split_at_checked(end).ok_or_else(unfinished)?;
            let mut characters = found.chars();
            let delimiter = characters.next().ok_or_else(unfinished)?;
            if delimiter == '>' {
                return Ok(Self { attributes, is_empty: before.ends_with('/'), rest: characters.as_str() });
            }
            attributes = attributes.saturating_add(1);
            if attributes > limits::XML_ATTRIBUTES {
                return Err(too_large("an element has more attributes than the limit"));
            }
            rest = characters.as_str().split_once(delimiter).ok_or_else(unfinished)?.1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Option<Code> {
        check(text).err().map(|reason| reason.code)
    }

    #[test]
    fn a_dtd_is_refused_whatever_is_in_it() {
        // TRU-005, TRU-006.
        for dtd in [
            r#"<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>"#,
            r#"<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "http://127.0.0.1/">]><r>&x;</r>"#,
            "<!DOCTYPE r><r/>",
            "<!doctype r><r/>",
            "<r><!ENTITY a \"b\"></r>",
            "<![INCLUDE[<!ELEMENT r ANY>]]><r/>",
            "<!-- a --><!DOCTYPE r><r/>",
        ] {
            assert_eq!(code(dtd), Some(Code::TrustListMalformed), "{dtd}");
        }
        assert_eq!(code("<r><!-- <!DOCTYPE r> --><![CDATA[<!DOCTYPE r>]]><?p <!DOCTYPE r>?></r>"), None);
    }

    #[test]
    fn attributes_and_declarations_of_namespaces_have_a_bound() {
        // TRU-007.
        for name in ["a", "xmlns:a"] {
            let with = |count: usize| {
                let attributes: Vec<String> = (0..count).map(|number| format!("{name}{number}='<>\"'")).collect();
                format!("<r><c {}/></r>", attributes.join(" "))
            };
            assert_eq!(code(&with(limits::XML_ATTRIBUTES)), None);
            assert_eq!(code(&with(limits::XML_ATTRIBUTES + 1)), Some(Code::TrustListTooLarge));
            assert_eq!(code(&with(100_000)), Some(Code::TrustListTooLarge));
        }
    }

    #[test]
    fn depth_and_markup_have_bounds() {
        // TRU-007.
        let deep = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        assert_eq!(code(&deep(limits::XML_DEPTH)), None);
        assert_eq!(code(&deep(limits::XML_DEPTH + 1)), Some(Code::TrustListTooLarge));
        assert_eq!(code(&"<a>".repeat(1_000_000)), Some(Code::TrustListTooLarge));
        let wide = |count: usize| format!("<r>{}</r>", "<a/>".repeat(count));
        assert_eq!(code(&wide(limits::XML_MARKUP - 2)), None);
        assert_eq!(code(&wide(limits::XML_MARKUP - 1)), Some(Code::TrustListTooLarge));
        // Attributes count as well.
        let half = limits::XML_MARKUP / 2;
        assert_eq!(code(&format!("<r>{}</r>", "<a b='c'/>".repeat(half))), Some(Code::TrustListTooLarge));
    }

    #[test]
    fn unfinished_markup_is_refused() {
        for text in ["<a", "<a b='", "<a b=\"x'>", "<!-- ", "<![CDATA[ ", "<?x ", "</a", "<a></a></a>"] {
            assert_eq!(code(text), Some(Code::TrustListMalformed), "{text}");
        }
    }
}
