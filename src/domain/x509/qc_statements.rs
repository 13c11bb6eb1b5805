//! Statements of qualified certificates, also where the extension is critical: `webpki` knows nothing of them, so it is shown
//! the certificate without the mark, while every signature is verified over what was signed.

use super::der::{self, element};
use rustls_pki_types::{
    AlgorithmIdentifier, CertificateDer, FipsStatus, InvalidSignature, SignatureVerificationAlgorithm,
};
use x509_parser::asn1_rs::{Any, Oid, Tag, oid};
use x509_parser::prelude::FromDer as _;

/// `id-pe-qcStatements` (RFC 3739 section 3.2.6).
pub(super) const EXTENSION: Oid<'_> = oid!(1.3.6.1.5.5.7.1.3);
/// The same as it is written in a certificate.
const EXTENSION_DER: [u8; 10] = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x03];
/// `id-etsi-qcs-QcType` (ETSI EN 319 412-5 section 4.2.3).
const QC_TYPE: Oid<'_> = oid!(0.4.0.1862.1.6);
/// What is known beside it: the syntaxes of RFC 3739, and that a certificate is qualified, a limit for payments, how long
/// records are kept, where the key lies, where the terms are, and under which law (ETSI EN 319 412-5 sections 4.2 and 4.3).
/// None of them lets anybody do more.
const KNOWN: [Oid<'_>; 8] = [
    oid!(1.3.6.1.5.5.7.11.1),
    oid!(1.3.6.1.5.5.7.11.2),
    oid!(0.4.0.1862.1.1),
    oid!(0.4.0.1862.1.2),
    oid!(0.4.0.1862.1.3),
    oid!(0.4.0.1862.1.4),
    oid!(0.4.0.1862.1.5),
    oid!(0.4.0.1862.1.7),
];
/// A critical mark: BOOLEAN, true.
const CRITICAL: &[u8] = &[0x01, 0x01, 0xff];
const SEQUENCE: u8 = 0x30;
/// `[3]`, the extensions of a certificate.
const EXTENSIONS: u8 = 0xa3;

/// A certificate without the critical mark on its QC statements, all of which are known here.
#[derive(Debug)]
pub(super) struct Unmarked {
    /// The certificate.
    pub(super) certificate: CertificateDer<'static>,
    /// What of it looks as if it were signed.
    shown: Vec<u8>,
    /// What is signed.
    signed: Vec<u8>,
}

/// The certificate without the mark; `None` if it has none, or a statement that is not known: then it stays refused.
pub(super) fn unmarked(der: &[u8]) -> Option<Unmarked> {
    memchr::memmem::find(der, &EXTENSION_DER)?;
    let [signed, algorithm, signature] = der::three(der)?;
    let parts = der::elements(der::content(signed)?)?;
    let (extensions, before) = parts.split_last()?;
    if extensions.first() != Some(&EXTENSIONS) {
        return None;
    }
    let mut found = false;
    let mut rewritten = Vec::new();
    for extension in der::elements(der::content(der::content(extensions)?)?)? {
        match der::elements(der::content(extension)?)?.as_slice() {
            [name, CRITICAL, value] if **name == EXTENSION_DER => {
                are_known(der::content(value)?)?;
                found = true;
                rewritten.push(element(SEQUENCE, &[name, value]));
            }
            _ => rewritten.push(extension.to_vec()),
        }
    }
    let rewritten: Vec<&[u8]> = rewritten.iter().map(Vec::as_slice).collect();
    let extensions = element(EXTENSIONS, &[&element(SEQUENCE, &rewritten)]);
    let parts: Vec<&[u8]> = before.iter().copied().chain([extensions.as_slice()]).collect();
    let shown = element(SEQUENCE, &parts);
    let certificate = CertificateDer::from(element(SEQUENCE, &[&shown, algorithm, signature]));
    found.then(|| Unmarked { certificate, shown, signed: signed.to_vec() })
}

/// An algorithm that verifies the signatures of unmarked certificates over what was signed.
#[derive(Debug)]
pub(super) struct OverSigned<'a> {
    /// The algorithm itself.
    pub(super) algorithm: &'static dyn SignatureVerificationAlgorithm,
    /// The certificates of the path that are shown without their mark.
    pub(super) unmarked: &'a [&'a Unmarked],
}

impl SignatureVerificationAlgorithm for OverSigned<'_> {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let of = self.unmarked.iter().find(|unmarked| unmarked.shown == message);
        self.algorithm.verify_signature(key, of.map_or(message, |unmarked| &unmarked.signed), signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.algorithm.signature_alg_id()
    }

    fn fips_status(&self) -> FipsStatus {
        self.algorithm.fips_status()
    }
}

/// `Some` if every statement is of a kind that is known here.
fn are_known(der: &[u8]) -> Option<()> {
    types(der)?;
    for statement in elements(sole(der, Tag::Sequence)?)? {
        let identifier = oid_of(elements(statement.data)?.first()?)?;
        if identifier != QC_TYPE && !KNOWN.contains(&identifier) {
            return None;
        }
    }
    Some(())
}

/// The types that `SEQUENCE OF SEQUENCE { statementId, statementInfo OPTIONAL }` names under QcType.
pub(super) fn types(der: &[u8]) -> Option<Vec<String>> {
    let mut types = Vec::new();
    for statement in elements(sole(der, Tag::Sequence)?)? {
        if statement.tag() != Tag::Sequence {
            return None;
        }
        let parts = elements(statement.data)?;
        let (identifier, information) = parts.split_first()?;
        if oid_of(identifier)? != QC_TYPE {
            continue;
        }
        let [list] = information else { return None };
        if list.tag() != Tag::Sequence {
            return None;
        }
        for qc_type in elements(list.data)? {
            types.push(oid_of(&qc_type)?.to_id_string());
        }
    }
    Some(types)
}

/// The identifier, if the element is one; the library reads one from any element.
fn oid_of<'a>(element: &Any<'a>) -> Option<Oid<'a>> {
    (element.tag() == Tag::Oid).then(|| element.clone().oid().ok())?
}

/// The content of the one element that these bytes are.
fn sole(der: &[u8], tag: Tag) -> Option<&[u8]> {
    let (rest, element) = Any::from_der(der).ok()?;
    (rest.is_empty() && element.tag() == tag).then_some(element.data)
}

/// The elements that follow each other in these bytes.
fn elements(mut der: &[u8]) -> Option<Vec<Any<'_>>> {
    let mut found = Vec::new();
    while !der.is_empty() {
        let (rest, element) = Any::from_der(der).ok()?;
        der = rest;
        found.push(element);
    }
    Some(found)
}
