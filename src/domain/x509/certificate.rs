//! One certificate: strict DER, and the facts that the rules ask for.

use super::qc_statements::{self, Unmarked};
use crate::domain::jose::hash::sha256;
use crate::domain::jose::jwk::PublicKey;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use rustls_pki_types::CertificateDer;
use std::sync::Arc;
use x509_parser::asn1_rs::Oid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer as _;

/// What the rules need to know of a certificate. Its signature has not been verified by reading it.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The bytes, exactly as received.
    pub der: CertificateDer<'static>,
    /// DER of the subject name.
    pub subject: Vec<u8>,
    /// DER of the issuer name.
    pub issuer: Vec<u8>,
    /// Subject in the usual text form, for reports and tools.
    pub subject_text: String,
    /// Common name, else organisation, of the subject.
    pub display_name: String,
    /// Organisations of the subject, in the order of the name.
    pub organizations: Vec<String>,
    /// Country of the subject, two letters, if stated.
    pub country: Option<String>,
    /// Serial number, for tools, in hexadecimal.
    pub serial: String,
    /// DER of the SubjectPublicKeyInfo.
    pub spki: Vec<u8>,
    /// First second of validity.
    pub not_before: UnixSeconds,
    /// Last second of validity.
    pub not_after: UnixSeconds,
    /// Whether basic constraints say CA.
    pub is_ca: bool,
    /// Key usage bits, if the extension is present.
    pub key_usage: Option<KeyUsage>,
    /// Extended key usage object identifiers in dotted form; empty if the extension is absent.
    pub extended_key_usage: Vec<String>,
    /// Key identifier of the issuer, if present.
    pub authority_key_identifier: Option<Vec<u8>>,
    /// Key identifier of the subject, if present.
    pub subject_key_identifier: Option<Vec<u8>>,
    /// DNS names of the subject alternative name.
    pub dns_names: Vec<String>,
    /// URIs of the subject alternative name.
    pub uris: Vec<String>,
    /// Types of the QcType statement in dotted form; empty if there is none (ETSI EN 319 412-5 section 4.2.3).
    pub qc_types: Vec<String>,
    signature_algorithm: String,
    key_algorithm: String,
    key_parameters: Option<String>,
    /// Without the mark on an extension that is understood here and not by `webpki`, if there is one.
    unmarked: Option<Arc<Unmarked>>,
}

/// The key usage bits that matter here (RFC 5280 section 4.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage {
    /// May sign data, other than certificates.
    pub signs_data: bool,
    /// May sign certificates.
    pub signs_certificates: bool,
}

impl Certificate {
    /// Reads one certificate from DER.
    ///
    /// # Errors
    /// - [`Code::X5cTooLong`] above [`limits::CERTIFICATE_BYTES`].
    /// - [`Code::X5cMalformed`] for anything but one X.509 version 3 certificate in strict DER with a positive serial
    ///   number of at most 20 bytes and no extension twice (X5C-019).
    /// - [`Code::X5cChainInvalid`] when the inner and the outer signature algorithm differ (X5C-018), or a critical
    ///   extension is unknown (X5C-06). QC statements that are all known here may be critical (RFC 3739 section 3.2.6).
    pub fn read(der: &[u8]) -> Result<Self, Reason> {
        let malformed = |detail: &'static str| Reason::new(Code::X5cMalformed, detail);
        if der.len() > limits::CERTIFICATE_BYTES {
            return Err(Reason::new(Code::X5cTooLong, "certificate above the limit"));
        }
        let owned = CertificateDer::from(der.to_vec());
        let unmarked = qc_statements::unmarked(der).map(Arc::new);
        let form = unmarked.as_ref().map_or(&owned, |unmarked| &unmarked.certificate);
        webpki::EndEntityCert::try_from(form).map(|_| ()).map_err(|error| match error {
            webpki::Error::SignatureAlgorithmMismatch => {
                Reason::new(Code::X5cChainInvalid, "inner and outer signature algorithm differ")
            }
            webpki::Error::UnsupportedCriticalExtension => {
                Reason::new(Code::X5cChainInvalid, "a critical extension is unknown")
            }
            _ => malformed("not one X.509 version 3 certificate in strict DER"),
        })?;
        let (rest, parsed) =
            X509Certificate::from_der(der).map_err(|_| malformed("not one X.509 certificate in strict DER"))?;
        if !rest.is_empty() {
            return Err(malformed("bytes after the certificate"));
        }
        let serial = parsed.raw_serial();
        let positive = serial.first().is_some_and(|first| first & 0x80 == 0) && serial.iter().any(|byte| *byte != 0);
        if !positive || serial.len() > 20 {
            return Err(malformed("the serial number is not positive or longer than 20 bytes"));
        }
        parsed.extensions_map().map_err(|_| malformed("an extension occurs twice"))?;
        let key_algorithm = &parsed.public_key().algorithm;
        let mut certificate = Self {
            subject: parsed.subject().as_raw().to_vec(),
            issuer: parsed.issuer().as_raw().to_vec(),
            subject_text: parsed.subject().to_string(),
            display_name: display_name(parsed.subject()),
            organizations: parsed
                .subject()
                .iter_organization()
                .filter_map(|organization| organization.as_str().ok())
                .map(str::to_owned)
                .collect(),
            country: parsed
                .subject()
                .iter_country()
                .next()
                .and_then(|country| country.as_str().ok())
                .map(str::to_owned),
            serial: parsed.raw_serial_as_string(),
            spki: parsed.public_key().raw.to_vec(),
            not_before: UnixSeconds(parsed.validity().not_before.timestamp()),
            not_after: UnixSeconds(parsed.validity().not_after.timestamp()),
            is_ca: parsed.is_ca(),
            key_usage: None,
            extended_key_usage: Vec::new(),
            authority_key_identifier: None,
            subject_key_identifier: None,
            dns_names: Vec::new(),
            uris: Vec::new(),
            qc_types: Vec::new(),
            signature_algorithm: parsed.signature_algorithm.algorithm.to_id_string(),
            key_algorithm: key_algorithm.algorithm.to_id_string(),
            key_parameters: key_algorithm
                .parameters
                .as_ref()
                .map(|any| any.clone().oid().map_or_else(|_| "explicit".to_owned(), |oid| oid.to_id_string())),
            unmarked,
            der: owned.clone(),
        };
        certificate.read_extensions(&parsed)?;
        Ok(certificate)
    }

    fn read_extensions(&mut self, parsed: &X509Certificate<'_>) -> Result<(), Reason> {
        for extension in parsed.extensions() {
            if extension.oid == qc_statements::EXTENSION {
                let read = qc_statements::types(extension.value);
                self.qc_types =
                    read.ok_or_else(|| Reason::new(Code::X5cMalformed, "the QC statements cannot be read"))?;
            }
            match extension.parsed_extension() {
                ParsedExtension::ParseError { .. } => {
                    return Err(Reason::new(Code::X5cMalformed, "an extension cannot be read"));
                }
                ParsedExtension::KeyUsage(usage) => {
                    self.key_usage = Some(KeyUsage {
                        signs_data: usage.digital_signature() || usage.non_repudiation(),
                        signs_certificates: usage.key_cert_sign(),
                    });
                }
                ParsedExtension::ExtendedKeyUsage(usage) => {
                    let known = [
                        (usage.any, ANY_EXTENDED_KEY_USAGE),
                        (usage.server_auth, SERVER_AUTH),
                        (usage.client_auth, CLIENT_AUTH),
                        (usage.code_signing, "1.3.6.1.5.5.7.3.3"),
                        (usage.email_protection, "1.3.6.1.5.5.7.3.4"),
                        (usage.time_stamping, "1.3.6.1.5.5.7.3.8"),
                        (usage.ocsp_signing, "1.3.6.1.5.5.7.3.9"),
                    ];
                    self.extended_key_usage = known
                        .into_iter()
                        .filter(|(present, _)| *present)
                        .map(|(_, oid)| oid.to_owned())
                        .chain(usage.other.iter().map(Oid::to_id_string))
                        .collect();
                }
                ParsedExtension::AuthorityKeyIdentifier(identifier) => {
                    self.authority_key_identifier = identifier.key_identifier.as_ref().map(|key| key.0.to_vec());
                }
                ParsedExtension::SubjectKeyIdentifier(key) => self.subject_key_identifier = Some(key.0.to_vec()),
                ParsedExtension::SubjectAlternativeName(names) => {
                    for name in &names.general_names {
                        match name {
                            GeneralName::DNSName(dns) => self.dns_names.push((*dns).to_owned()),
                            GeneralName::URI(uri) => self.uris.push((*uri).to_owned()),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The certificate as `webpki` can read it, and if that is not as received, what stands for what.
    pub(super) fn for_path(&self) -> (&CertificateDer<'static>, Option<&Unmarked>) {
        self.unmarked.as_deref().map_or((&self.der, None), |unmarked| (&unmarked.certificate, Some(unmarked)))
    }

    /// The subject's key, for the one algorithm that fits it.
    ///
    /// # Errors
    /// [`Code::X5cProfileViolation`] for keys without an algorithm here and for RSA below 3072 bits (X5C-21).
    pub fn public_key(&self) -> Result<PublicKey, Reason> {
        let key = PublicKey::from_spki(&self.spki)
            .map_err(|fault| Reason::new(Code::X5cProfileViolation, format!("certified key: {fault}")))?;
        match key.rsa_bits() {
            Some(bits) if bits < 3072 => Err(Reason::new(Code::X5cProfileViolation, "RSA below 3072 bits")),
            _ => Ok(key),
        }
    }

    /// Refuses signature algorithms and keys that are not agreed any more (X5C-017, OVP-REQ-18).
    ///
    /// # Errors
    /// [`Code::X5cProfileViolation`] for MD5, SHA-1, small or odd RSA, other curves and explicit curve parameters.
    pub fn check_strength(&self) -> Result<(), Reason> {
        self.check_strength_from(3072)
    }

    /// As [`Self::check_strength`], with RSA from `smallest_rsa` bits on: for signers of XML lists, many of which still
    /// have 2048.
    ///
    /// # Errors
    /// As [`Self::check_strength`].
    pub fn check_strength_from(&self, smallest_rsa: usize) -> Result<(), Reason> {
        if !STRONG_SIGNATURES.contains(&self.signature_algorithm.as_str()) {
            return Err(Reason::new(Code::X5cProfileViolation, "the certificate is signed with a weak algorithm"));
        }
        match (self.key_algorithm.as_str(), self.key_parameters.as_deref()) {
            (EC_PUBLIC_KEY, Some(curve)) if STRONG_CURVES.contains(&curve) => Ok(()),
            (ED25519, None) => Ok(()),
            (RSA, _) => match PublicKey::from_spki(&self.spki).ok().and_then(|key| key.rsa_bits()) {
                Some(bits) if bits >= smallest_rsa => Ok(()),
                _ => Err(Reason::new(Code::X5cProfileViolation, "an RSA key that is too small or odd")),
            },
            _ => Err(Reason::new(Code::X5cProfileViolation, "the certified key is weak or of an unknown kind")),
        }
    }

    /// Whether subject and issuer are the same name, as in roots and self-signed certificates.
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// SHA-256 of the certificate: its `x509_hash` and its name in reports.
    pub fn fingerprint(&self) -> [u8; 32] {
        sha256(&self.der)
    }
}

/// `anyExtendedKeyUsage`.
pub const ANY_EXTENDED_KEY_USAGE: &str = "2.5.29.37.0";
/// `id-kp-serverAuth`.
pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
/// `id-kp-clientAuth`.
pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";

const EC_PUBLIC_KEY: &str = "1.2.840.10045.2.1";
const ED25519: &str = "1.3.101.112";
const RSA: &str = "1.2.840.113549.1.1.1";
const STRONG_CURVES: [&str; 3] = ["1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35"];
const STRONG_SIGNATURES: [&str; 8] = [
    "1.2.840.10045.4.3.2",   // ecdsa-with-SHA256
    "1.2.840.10045.4.3.3",   // ecdsa-with-SHA384
    "1.2.840.10045.4.3.4",   // ecdsa-with-SHA512
    "1.3.101.112",           // Ed25519
    "1.2.840.113549.1.1.10", // RSASSA-PSS
    "1.2.840.113549.1.1.11", // sha256WithRSAEncryption
    "1.2.840.113549.1.1.12", // sha384WithRSAEncryption
    "1.2.840.113549.1.1.13", // sha512WithRSAEncryption
];

fn display_name(name: &x509_parser::x509::X509Name<'_>) -> String {
    let text = |mut found: Box<dyn Iterator<Item = &x509_parser::x509::AttributeTypeAndValue<'_>> + '_>| {
        found.next().and_then(|value| value.as_str().ok()).map(str::to_owned)
    };
    text(Box::new(name.iter_organization()))
        .or_else(|| text(Box::new(name.iter_common_name())))
        .unwrap_or_else(|| name.to_string())
}
