//! The signature of a list: an enveloped XAdES signature of exactly one shape.
//!
//! XML signatures can point anywhere and transform anything, and most attacks on them live from that. Here nothing is
//! followed and nothing is chosen: the one signature is a child of the root, it covers the whole document and its own
//! signed properties, each in exclusive canonical form, and everything else is refused.
//!
//! What was signed is the canonical form, and only the canonical form is read: the properties, the references and the
//! list itself are parsed anew from the very bytes whose hash was compared. A document that looks different to two
//! readers gains nothing by it (TRU-002, TRU-003).

use super::super::ListRules;
use super::super::signer::trusted_signer_from;
use super::tree::{self, Element};
use crate::domain::encoding::base64;
use crate::domain::jose::constant_time_eq;
use crate::domain::jose::document::{DocumentAlgorithm, certificate_hash, hash_from_uri};
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::x509::Certificate;
use bergshamra_c14n::{C14nMode, canonicalize_doc};
use bergshamra_xml::NodeSet;
use std::collections::HashSet;
use uppsala::Document;

/// What a good signature covers, and who made it.
#[derive(Debug)]
pub(super) struct Signed {
    /// The list without its signature, in canonical form: the bytes that were hashed.
    pub(super) document: String,
    /// The certificate of the signer.
    pub(super) signer: Certificate,
}

/// Verifies the signature of a document whose shape was checked.
///
/// # Errors
/// - [`Code::TrustListMalformed`] if it is no well-formed XML.
/// - [`Code::TrustListSignatureInvalid`] for anything else.
///
/// # Source
/// ETSI TS 119 612 section 5.7 and annex B, XML Signature 1.1 section 3.2, ETSI EN 319 132-1 sections 5.1 and 5.2;
/// TL-04, TL-05, TRU-002 to TRU-004.
pub(super) fn verify(text: &str, rules: &ListRules<'_>) -> Result<Signed, Reason> {
    let document = tree::parse(text)?;
    let root = Element::root(&document)?;
    check_identifiers(root)?;
    let parts = Parts::find(root)?;

    let signed_info = subtree(&document, parts.signed_info)?;
    let what = SignedInfo::read(&signed_info)?;
    let signer = trusted_signer_from(&parts.certificates()?, rules, SMALLEST_RSA)?;
    let value = decoded(parts.value)?;
    if !what.algorithm.verify(&signer.spki, signed_info.as_bytes(), &value) {
        return Err(invalid("the signature is not that of the signer"));
    }

    if parts.properties.attribute("Id") != Some(what.properties_id.as_str()) {
        return Err(invalid("a reference leads elsewhere than to the signed properties"));
    }
    let properties = subtree(&document, parts.properties)?;
    what.properties.check(&properties)?;
    check_certificate_hashes(&properties, &signer)?;

    let signed = without(&document, parts.signature)?;
    what.document.check(&signed)?;
    Ok(Signed { document: signed, signer })
}

/// Smallest RSA key of a signer, in bits. Signers of national lists still have 2048; see `docs/divergences.md`.
const SMALLEST_RSA: usize = 2048;

const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
const SIGNED_PROPERTIES: &str = "http://uri.etsi.org/01903#SignedProperties";

fn invalid(detail: &'static str) -> Reason {
    Reason::new(Code::TrustListSignatureInvalid, detail)
}

/// An identifier that occurs twice lets two readers find two elements (TRU-002).
fn check_identifiers(root: Element<'_>) -> Result<(), Reason> {
    let mut seen = HashSet::new();
    for identifier in root.descendants().flat_map(Element::identifiers) {
        if !seen.insert(identifier) {
            return Err(invalid("two elements have the same identifier"));
        }
    }
    Ok(())
}

/// The parts of the one signature, found by their places and not by any reference.
struct Parts<'t> {
    signature: Element<'t>,
    signed_info: Element<'t>,
    value: Element<'t>,
    key_info: Element<'t>,
    properties: Element<'t>,
}

impl<'t> Parts<'t> {
    fn find(root: Element<'t>) -> Result<Self, Reason> {
        let mut all = root.descendants().filter(|element| element.is(DSIG, "Signature"));
        let signature = all.next().ok_or_else(|| invalid("the list is not signed"))?;
        if all.next().is_some() {
            return Err(invalid("there is more than one signature"));
        }
        if root.children().last().is_none_or(|last| last.id != signature.id) {
            return Err(invalid("the signature is not the last child of the root"));
        }
        if !signature.is_plain() {
            return Err(invalid("there are comments, instructions or CDATA sections in the signature"));
        }
        let odd = || invalid("the signature is built in another way than those of lists");
        let [signed_info, value, key_info, object] = signature
            .exactly([(DSIG, "SignedInfo"), (DSIG, "SignatureValue"), (DSIG, "KeyInfo"), (DSIG, "Object")])
            .ok_or_else(odd)?;
        let [qualifying] = object.exactly([(XADES, "QualifyingProperties")]).ok_or_else(odd)?;
        let target = qualifying.attribute("Target").and_then(|target| target.strip_prefix('#'));
        if target.is_none() || target != signature.attribute("Id") {
            return Err(invalid("the signed properties are those of another signature"));
        }
        // Properties that are not signed, as time stamps, may follow; nothing of them is read.
        let mut all = qualifying.children();
        let properties = all.next().filter(|first| first.is(XADES, "SignedProperties")).ok_or_else(odd)?;
        if all.any(|other| !other.is(XADES, "UnsignedProperties")) {
            return Err(odd());
        }
        Ok(Self { signature, signed_info, value, key_info, properties })
    }

    /// The certificates that came with the signature, the signer's first. Keys and names beside them are not read.
    fn certificates(&self) -> Result<Vec<Vec<u8>>, Reason> {
        let data = self.key_info.named(DSIG, "X509Data");
        let certificates: Vec<_> = data.flat_map(|data| data.named(DSIG, "X509Certificate")).collect();
        if certificates.len() > limits::CERTIFICATES {
            return Err(invalid("more certificates than the limit came with the signature"));
        }
        certificates.into_iter().map(decoded).collect()
    }
}

/// A reference: the hash of something.
struct Reference {
    hash: HashAlgorithm,
    digest: Vec<u8>,
}

impl Reference {
    fn check(&self, signed: &str) -> Result<(), Reason> {
        if constant_time_eq(&self.hash.digest(signed.as_bytes()), &self.digest) {
            Ok(())
        } else {
            Err(invalid("the list was changed after it was signed"))
        }
    }
}

/// `SignedInfo`, read from its canonical form.
struct SignedInfo {
    algorithm: DocumentAlgorithm,
    /// Of the whole document.
    document: Reference,
    /// Of the signed properties.
    properties: Reference,
    properties_id: String,
}

impl SignedInfo {
    fn read(canonical: &str) -> Result<Self, Reason> {
        let odd = || invalid("SignedInfo is built in another way than those of lists");
        let document = tree::parse(canonical)?;
        let [form, method, first, second] = Element::root(&document)?
            .exactly([
                (DSIG, "CanonicalizationMethod"),
                (DSIG, "SignatureMethod"),
                (DSIG, "Reference"),
                (DSIG, "Reference"),
            ])
            .ok_or_else(odd)?;
        if algorithm(form)? != EXCLUSIVE {
            return Err(invalid("SignedInfo is not in exclusive canonical form"));
        }
        let algorithm = DocumentAlgorithm::from_uri(algorithm(method)?)
            .ok_or_else(|| invalid("the signature is made with a weak or unknown algorithm"))?;
        let uri = |reference: Element<'_>| reference.attribute("URI").map(str::to_owned).ok_or_else(odd);
        let (whole, own) = match (uri(first)?.as_str(), uri(second)?.as_str()) {
            ("", _) => (first, second),
            (_, "") => (second, first),
            _ => return Err(invalid("no reference covers the whole document")),
        };
        if !whole.has_only(&["Id", "URI", "Type"]) || whole.attribute("Type") == Some(SIGNED_PROPERTIES) {
            return Err(odd());
        }
        if !own.has_only(&["Id", "URI", "Type"]) || own.attribute("Type") != Some(SIGNED_PROPERTIES) {
            return Err(invalid("the second reference is not to the signed properties"));
        }
        let properties_id = uri(own)?.strip_prefix('#').map(str::to_owned).ok_or_else(odd)?;
        Ok(Self {
            algorithm,
            document: reference(whole, [ENVELOPED, EXCLUSIVE])?,
            properties: reference(own, [EXCLUSIVE])?,
            properties_id,
        })
    }
}

/// Reads a reference with exactly these transforms.
fn reference<const N: usize>(element: Element<'_>, transforms: [&str; N]) -> Result<Reference, Reason> {
    let odd = || invalid("a reference is built in another way than those of lists");
    let [all, method, value] =
        element.exactly([(DSIG, "Transforms"), (DSIG, "DigestMethod"), (DSIG, "DigestValue")]).ok_or_else(odd)?;
    let found: [Element<'_>; N] = all.exactly([(DSIG, "Transform"); N]).ok_or_else(unknown_transforms)?;
    for (transform, wanted) in found.into_iter().zip(transforms) {
        if algorithm(transform)? != wanted {
            return Err(unknown_transforms());
        }
    }
    let hash = hash_from_uri(algorithm(method)?).ok_or_else(|| invalid("a weak or unknown hash function"))?;
    Ok(Reference { hash, digest: decoded(value)? })
}

fn unknown_transforms() -> Reason {
    invalid("a reference has other transforms than those of lists")
}

/// The algorithm that an element names, without any parameter.
fn algorithm(element: Element<'_>) -> Result<&str, Reason> {
    let plain = element.exactly([]).is_some() && element.has_only(&["Algorithm"]);
    element.attribute("Algorithm").filter(|_| plain).ok_or_else(|| invalid("an algorithm with parameters, or none"))
}

/// Checks that the properties name the certificate of the signer, if they name one.
///
/// # Source
/// ETSI EN 319 132-1 section 5.2.2 (`SigningCertificateV2`) and annex D (`SigningCertificate`).
fn check_certificate_hashes(canonical: &str, signer: &Certificate) -> Result<(), Reason> {
    let odd = || invalid("the signed properties do not say clearly which certificate is the signer's");
    let document = tree::parse(canonical)?;
    let properties = Element::root(&document)?;
    let mut found = properties.named(XADES, "SignedSignatureProperties");
    let (Some(properties), None) = (found.next(), found.next()) else { return Err(odd()) };
    let kinds = ["SigningCertificate", "SigningCertificateV2"];
    for named in kinds.into_iter().flat_map(|kind| properties.named(XADES, kind)) {
        // The signer's is the first.
        let first = named.children().next().filter(|first| first.is(XADES, "Cert")).ok_or_else(odd)?;
        let hash = first.children().next().filter(|hash| hash.is(XADES, "CertDigest")).ok_or_else(odd)?;
        let [method, value] = hash.exactly([(DSIG, "DigestMethod"), (DSIG, "DigestValue")]).ok_or_else(odd)?;
        let actual = certificate_hash(algorithm(method)?, &signer.der).ok_or_else(odd)?;
        if !constant_time_eq(&actual, &decoded(value)?) {
            return Err(invalid("the signed properties name another certificate"));
        }
    }
    Ok(())
}

/// The bytes of an element with base64 in it, which may be broken into lines.
fn decoded(element: Element<'_>) -> Result<Vec<u8>, Reason> {
    let wrong = || invalid("a value in the signature is no base64");
    let mut text = element.text().ok_or_else(wrong)?;
    text.retain(|character| !u8::try_from(character).is_ok_and(tree::is_space));
    base64::decode_standard(&text).map_err(|_| wrong())
}

/// The canonical form of an element and what is in it.
fn subtree(document: &Document<'_>, element: Element<'_>) -> Result<String, Reason> {
    canonical(document, &NodeSet::tree_without_comments(element.id, document))
}

/// The canonical form of the document without one element.
fn without(document: &Document<'_>, left_out: Element<'_>) -> Result<String, Reason> {
    let mut nodes = NodeSet::all_without_comments(document);
    nodes.remove_id(left_out.id);
    for node in left_out.nodes() {
        nodes.remove_id(node);
    }
    canonical(document, &nodes)
}

fn canonical(document: &Document<'_>, nodes: &NodeSet) -> Result<String, Reason> {
    const NO_PREFIXES: [&str; 0] = [];
    let unwritable = || invalid("the document has no canonical form");
    let bytes = canonicalize_doc(document, C14nMode::Exclusive, Some(nodes), &NO_PREFIXES).map_err(|_| unwritable())?;
    String::from_utf8(bytes).map_err(|_| unwritable())
}
