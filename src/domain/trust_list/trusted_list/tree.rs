//! The parsed document: the little that the rules need of it, without a way to overlook a second element of one name.

use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use std::borrow::Cow;
use uppsala::{Document, NodeId, NodeKind, Parser};

/// Parses a document whose shape was checked.
///
/// # Errors
/// [`Code::TrustListMalformed`] if it is not well-formed XML 1.0, says that it is in another encoding than UTF-8, or has a
/// DTD after all.
pub(super) fn parse(text: &str) -> Result<Document<'_>, Reason> {
    let depth = u32::try_from(limits::XML_DEPTH).unwrap_or(u32::MAX);
    let document = Parser::new()
        .with_forbid_dtd(true)
        .with_forbid_entities(true)
        .with_max_depth(depth)
        .parse(text)
        .map_err(|_| malformed("the document is not well-formed XML"))?;
    let usual = document.xml_declaration.as_ref().is_none_or(|said| {
        said.version == "1.0" && said.encoding.as_ref().is_none_or(|encoding| encoding.eq_ignore_ascii_case("UTF-8"))
    });
    if usual { Ok(document) } else { Err(malformed("the document is not XML 1.0 in UTF-8")) }
}

pub(super) fn malformed(detail: impl Into<Cow<'static, str>>) -> Reason {
    Reason::new(Code::TrustListMalformed, detail)
}

/// An element of a document.
#[derive(Clone, Copy)]
pub(super) struct Element<'t> {
    document: &'t Document<'t>,
    pub(super) id: NodeId,
}

impl<'t> Element<'t> {
    /// The root element.
    pub(super) fn root(document: &'t Document<'t>) -> Result<Self, Reason> {
        let id = document.document_element().ok_or_else(|| malformed("the document has no root element"))?;
        Ok(Self { document, id })
    }

    /// Whether it has this name in this namespace.
    pub(super) fn is(self, namespace: &str, name: &str) -> bool {
        self.document.element(self.id).is_some_and(|element| element.matches_name_ns(namespace, name))
    }

    /// Its child elements.
    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        let document = self.document;
        document.children_iter(self.id).filter(|id| document.element(*id).is_some()).map(|id| Self { document, id })
    }

    /// It and all elements below it.
    pub(super) fn descendants(self) -> impl Iterator<Item = Self> {
        let document = self.document;
        let below = document.descendants(self.id).into_iter().filter(move |id| *id != self.id);
        std::iter::once(self.id)
            .chain(below)
            .filter(|id| document.element(*id).is_some())
            .map(|id| Self { document, id })
    }

    /// All nodes below it, of every kind.
    pub(super) fn nodes(self) -> Vec<NodeId> {
        self.document.descendants(self.id)
    }

    /// Its child elements of this name.
    pub(super) fn named(self, namespace: &str, name: &str) -> impl Iterator<Item = Self> {
        self.children().filter(move |child| child.is(namespace, name))
    }

    /// Its only child element of this name, `None` if there is none.
    pub(super) fn optional(self, namespace: &str, name: &str) -> Result<Option<Self>, Reason> {
        let mut found = self.named(namespace, name);
        let first = found.next();
        if found.next().is_some() {
            return Err(malformed(format!("an element {name} occurs twice")));
        }
        Ok(first)
    }

    /// Its only child element of this name.
    pub(super) fn one(self, namespace: &str, name: &str) -> Result<Self, Reason> {
        self.optional(namespace, name)?.ok_or_else(|| malformed(format!("an element {name} is missing")))
    }

    /// Its child elements, if they have exactly these names in this order, and there is nothing but white space between
    /// them.
    pub(super) fn exactly<const N: usize>(self, names: [(&str, &str); N]) -> Option<[Self; N]> {
        let blank = |text: &str| text.bytes().all(is_space);
        let plain = self.document.children_iter(self.id).all(|id| match self.document.node_kind(id) {
            Some(NodeKind::Element(_)) => true,
            Some(NodeKind::Text(text)) => blank(text),
            _ => false,
        });
        let children: [Self; N] = self.children().collect::<Vec<_>>().try_into().ok()?;
        let fits = children.iter().zip(names).all(|(child, (namespace, name))| child.is(namespace, name));
        (plain && fits).then_some(children)
    }

    /// The value of an attribute without namespace.
    pub(super) fn attribute(self, name: &str) -> Option<&'t str> {
        let element = self.document.element(self.id)?;
        let found = element.attributes.iter().find(|attribute| attribute.name.matches(None, name))?;
        Some(&found.value)
    }

    /// The value of `xml:lang`.
    pub(super) fn language(self) -> Option<&'t str> {
        self.document.element(self.id)?.get_attribute_ns(XML, "lang")
    }

    /// Whether all its attributes are among these, which have no namespace.
    pub(super) fn has_only(self, names: &[&str]) -> bool {
        self.document.element(self.id).is_some_and(|element| {
            element.attributes.iter().all(|attribute| names.iter().any(|name| attribute.name.matches(None, name)))
        })
    }

    /// The values of its attributes that may be meant as its identifier.
    pub(super) fn identifiers(self) -> impl Iterator<Item = &'t str> {
        let attributes = self.document.element(self.id).map(|element| element.attributes.as_slice());
        attributes.unwrap_or_default().iter().filter_map(|attribute| {
            let plain = ["Id", "ID", "id"].iter().any(|name| attribute.name.matches(None, name));
            (plain || attribute.name.matches(Some(XML), "id")).then_some(attribute.value.as_ref())
        })
    }

    /// Its text without white space around it; `None` if there is anything but text in it.
    pub(super) fn text(self) -> Option<String> {
        let mut whole = String::new();
        for id in self.document.children_iter(self.id) {
            match self.document.node_kind(id) {
                Some(NodeKind::Text(text) | NodeKind::CData(text)) => whole.push_str(text),
                _ => return None,
            }
        }
        let trimmed = whole.trim_matches(|character: char| u8::try_from(character).is_ok_and(is_space));
        Some(trimmed.to_owned())
    }

    /// Whether everything below it is elements and text: no comment, no processing instruction, no CDATA section.
    pub(super) fn is_plain(self) -> bool {
        let plain = |id| matches!(self.document.node_kind(id), Some(NodeKind::Element(_) | NodeKind::Text(_)));
        self.document.descendants(self.id).into_iter().all(plain)
    }
}

const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// White space of XML (XML 1.0 section 2.3).
pub(super) const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_element_is_never_overlooked() {
        // TRU-002: whoever asks for the one element of a name gets no choice between two.
        let document = parse("<r xmlns='u'><a/><b/><b/><c xmlns='v'/></r>").unwrap();
        let root = Element::root(&document).unwrap();
        assert!(root.one("u", "a").is_ok());
        for (name, detail) in [("b", "an element b occurs twice"), ("c", "an element c is missing")] {
            assert_eq!(root.one("u", name).err().unwrap().detail, detail);
        }
        assert!(root.optional("u", "c").unwrap().is_none());
    }

    #[test]
    fn exact_children_are_exact() {
        let fits = |text: &str| {
            let document = parse(text).unwrap();
            Element::root(&document).unwrap().exactly([("u", "a"), ("u", "b")]).is_some()
        };
        assert!(fits("<r xmlns='u'> <a/>\n<b/> </r>"));
        for wrong in [
            "<r xmlns='u'><b/><a/></r>",
            "<r xmlns='u'><a/></r>",
            "<r xmlns='u'><a/><b/><b/></r>",
            "<r xmlns='u'><a/>x<b/></r>",
            "<r xmlns='u'><a/><!-- x --><b/></r>",
            "<r xmlns='u'><a/><?x y?><b/></r>",
            "<r xmlns='u'><a/><b xmlns='v'/></r>",
        ] {
            assert!(!fits(wrong), "{wrong}");
        }
    }

    #[test]
    fn text_is_whole_or_none() {
        let text = |document: &str| {
            let document = parse(document).unwrap();
            Element::root(&document).unwrap().text()
        };
        assert_eq!(text("<r> a &amp; <![CDATA[b]]>&#99;\n</r>").as_deref(), Some("a & bc"));
        assert_eq!(text("<r>a\u{a0}</r>").as_deref(), Some("a\u{a0}"));
        assert_eq!(text("<r/>").as_deref(), Some(""));
        for mixed in ["<r>a<b/></r>", "<r>a<!-- b --></r>", "<r>a<?b c?></r>"] {
            assert_eq!(text(mixed), None, "{mixed}");
        }
    }

    #[test]
    fn a_dtd_is_refused_here_too() {
        // TRU-005: the second of two locks.
        assert_eq!(parse("<!DOCTYPE r><r/>").err().unwrap().code, Code::TrustListMalformed);
        assert_eq!(parse("<r>&x;</r>").err().unwrap().code, Code::TrustListMalformed);
        for (declaration, good) in [
            ("<?xml version='1.0' encoding='utf-8'?>", true),
            ("<?xml version='1.0'?>", true),
            ("<?xml version='1.1' encoding='UTF-8'?>", false),
            ("<?xml version='1.0' encoding='ISO-8859-1'?>", false),
        ] {
            assert_eq!(parse(&format!("{declaration}<r/>")).is_ok(), good, "{declaration}");
        }
        assert_eq!(parse("<r/><r/>").err().unwrap().code, Code::TrustListMalformed);
    }
}
