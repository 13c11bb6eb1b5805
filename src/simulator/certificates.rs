//! Certificates of the test authority: `rcgen` writes them, our own key signs them, so that they are the same bytes
//! on every machine. No clock is read; validity is given in days around the day of the authority.

use super::SimulatorError;
use super::seed::Seed;
use crate::domain::encoding::base64;
use crate::domain::jose::keys::{P384SigningKey, SigningKey};
use crate::domain::time::UnixSeconds;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint, CustomExtension,
    DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PublicKeyData, RevokedCertParams,
    SanType, SerialNumber, SignatureAlgorithm,
};
use std::time::Duration;

const DAY: i64 = 86_400;

/// The start of the day of `now`, UTC.
pub(super) fn start_of_day(now: UnixSeconds) -> UnixSeconds {
    now.minus(now.0.rem_euclid(DAY))
}

/// Year, month and day of `time`, UTC.
pub(super) fn calendar(time: UnixSeconds) -> (i32, u8, u8) {
    let elapsed = Duration::from_secs(u64::try_from(time.0).unwrap_or_default());
    let date = rcgen::date_time_ymd(1970, 1, 1).saturating_add(elapsed.try_into().unwrap_or_default());
    (date.year(), date.month().into(), date.day())
}

/// The start of a day, counted from `day`.
fn moment(day: UnixSeconds, days: i64) -> time::OffsetDateTime {
    let seconds = day.plus(days.saturating_mul(DAY)).0;
    let elapsed = Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    rcgen::date_time_ymd(1970, 1, 1).saturating_add(elapsed.try_into().unwrap_or_default())
}

/// What the holder of a certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A CA, with the number of CAs that may stand below it.
    Authority {
        /// `pathLenConstraint`; `None` leaves it open.
        path_length: Option<u8>,
    },
    /// A signer of credentials, lists or requests.
    Signer,
}

/// A certificate to be made. Every field that is not given has the value of a good certificate of its role.
#[derive(Debug, Clone)]
pub struct Template {
    /// Common name; must say that this is a test.
    pub common_name: String,
    /// Country, two letters.
    pub country: &'static str,
    /// What the holder is.
    pub role: Role,
    /// First and last day of validity, counted from the day of the authority.
    pub days: (i64, i64),
    /// DNS names and addresses of the holder.
    pub hosts: Vec<String>,
    /// URI of the holder.
    pub uri: Option<String>,
    /// Key usage instead of that of the role.
    pub key_usage: Option<Vec<KeyUsagePurpose>>,
    /// Whether the holder is a CA, against its role.
    pub claims_to_be_authority: Option<bool>,
    /// Extended key usage: server authentication only.
    pub server_authentication_only: bool,
    /// A DNS subtree that a CA may issue for.
    pub permitted_subtree: Option<&'static str>,
    /// An extension with an unknown identifier that is marked critical.
    pub unknown_critical_extension: bool,
    /// Where the list of revoked certificates, a responder and the certificate of the issuer are said to lie.
    pub pointers: Option<&'static str>,
    /// The certificate policy for access certificates of legal persons (ETSI TS 119 411-8).
    pub access_policy: bool,
}

impl Template {
    /// A good certificate of this role.
    pub fn new(common_name: &str, country: &'static str, role: Role) -> Self {
        let days = if role == Role::Signer { (-30, 335) } else { (-365, 3_650) };
        Self {
            common_name: common_name.to_owned(),
            country,
            role,
            days,
            hosts: Vec::new(),
            uri: None,
            key_usage: None,
            claims_to_be_authority: None,
            server_authentication_only: false,
            permitted_subtree: None,
            unknown_critical_extension: false,
            pointers: None,
            access_policy: false,
        }
    }

    fn params(&self, seed: &Seed, day: UnixSeconds, point: &[u8]) -> Result<CertificateParams, SimulatorError> {
        let mut params = CertificateParams::default();
        let mut serial = seed.bytes(&format!("serial/{}/{}", self.common_name, base64::encode_url(point)));
        // Positive and without a leading zero byte, so that the DER is canonical.
        serial[0] = serial[0] & 0x7f | 0x40;
        params.serial_number = Some(SerialNumber::from_slice(serial.get(..16).unwrap_or_default()));
        let moment = |days: i64| moment(day, days);
        params.not_before = moment(self.days.0);
        params.not_after = moment(self.days.1);
        params.distinguished_name = self.subject()?;
        params.use_authority_key_identifier_extension = true;
        for host in &self.hosts {
            params.subject_alt_names.push(match host.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(host.clone().try_into()?),
            });
        }
        if let Some(uri) = &self.uri {
            params.subject_alt_names.push(SanType::URI(uri.clone().try_into()?));
        }
        params.key_usages = match (&self.key_usage, &self.role) {
            (Some(usage), _) => usage.clone(),
            (None, Role::Authority { .. }) => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            (None, Role::Signer) => vec![KeyUsagePurpose::DigitalSignature],
        };
        let authority = self.claims_to_be_authority.unwrap_or(self.role != Role::Signer);
        params.is_ca = match (authority, &self.role) {
            (true, Role::Authority { path_length: Some(length) }) => IsCa::Ca(BasicConstraints::Constrained(*length)),
            (true, _) => IsCa::Ca(BasicConstraints::Unconstrained),
            (false, _) => IsCa::ExplicitNoCa,
        };
        if self.server_authentication_only {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        }
        if let Some(subtree) = self.permitted_subtree {
            let permitted_subtrees = vec![GeneralSubtree::DnsName(subtree.to_owned())];
            params.name_constraints = Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        }
        if self.unknown_critical_extension {
            let mut extension = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
            extension.set_criticality(true);
            params.custom_extensions.push(extension);
        }
        if let Some(uri) = self.pointers {
            params.crl_distribution_points.push(CrlDistributionPoint { uris: vec![uri.to_owned()] });
            let element =
                |tag: u8, content: &[u8]| [&[tag, u8::try_from(content.len()).unwrap_or_default()], content].concat();
            // SEQUENCE { SEQUENCE { id-ad-ocsp, URI }, SEQUENCE { id-ad-caIssuers, URI } }
            let access = |method: u8| {
                let name = element(6, &[0x2b, 6, 1, 5, 5, 7, 0x30, method]);
                element(0x30, &[name, element(0x86, uri.as_bytes())].concat())
            };
            let content = element(0x30, &[access(1), access(2)].concat());
            params.custom_extensions.push(CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content));
        }
        if self.access_policy {
            // SEQUENCE { SEQUENCE { OID 0.4.0.194118.1.2 } }
            let policies = vec![0x30, 11, 0x30, 9, 6, 7, 4, 0, 0x8b, 0xec, 0x46, 1, 2];
            params.custom_extensions.push(CustomExtension::from_oid_content(&[2, 5, 29, 32], policies));
        }
        Ok(params)
    }

    fn subject(&self) -> Result<DistinguishedName, SimulatorError> {
        let mut name = DistinguishedName::new();
        name.push(DnType::CountryName, DnValue::PrintableString(self.country.try_into()?));
        name.push(DnType::OrganizationName, "Prüfstein Test-Anstalt");
        if self.access_policy {
            name.push(DnType::CustomDnType(vec![2, 5, 4, 97]), "NTRDE-TEST.00001");
        }
        name.push(DnType::CommonName, self.common_name.as_str());
        Ok(name)
    }

    /// The certificate signed with its own key.
    pub(super) fn self_signed(
        &self,
        seed: &Seed,
        day: UnixSeconds,
        key: &SigningKey,
    ) -> Result<Entity, SimulatorError> {
        let params = self.params(seed, day, &key.public_point())?;
        let der = params.self_signed(&Signer::new(key))?.der().to_vec();
        Ok(Entity { key: key.clone(), params, der })
    }

    /// The certificate for `key`, signed by `issuer`.
    pub(super) fn signed_by(
        &self,
        seed: &Seed,
        day: UnixSeconds,
        key: &SigningKey,
        issuer: &Entity,
    ) -> Result<Entity, SimulatorError> {
        let params = self.params(seed, day, &key.public_point())?;
        let der = issuer.sign(&params, &Signer::new(key))?;
        Ok(Entity { key: key.clone(), params, der })
    }

    /// As [`Self::signed_by`], for a key on P-384, which cannot sign certificates here.
    pub(super) fn signed_by_for_p384(
        &self,
        seed: &Seed,
        day: UnixSeconds,
        key: &P384SigningKey,
        issuer: &Entity,
    ) -> Result<Vec<u8>, SimulatorError> {
        issuer.sign(&self.params(seed, day, key.public_point())?, &P384Public(key.public_point().to_vec()))
    }
}

/// A certificate with its private key.
#[derive(Clone)]
pub(super) struct Entity {
    pub(super) key: SigningKey,
    pub(super) der: Vec<u8>,
    params: CertificateParams,
}

impl Entity {
    /// The list (DER) of the certificates that this CA has revoked, which counts from the first to the last of `days`.
    pub(super) fn revocation_list(
        &self,
        day: UnixSeconds,
        days: (i64, i64),
        revoked: &[Self],
    ) -> Result<Vec<u8>, SimulatorError> {
        let entry = |entity: &Self| RevokedCertParams {
            serial_number: entity.params.serial_number.clone().unwrap_or_else(|| SerialNumber::from_slice(&[0])),
            revocation_time: moment(day, days.0),
            reason_code: None,
            invalidity_date: None,
        };
        let params = CertificateRevocationListParams {
            this_update: moment(day, days.0),
            next_update: moment(day, days.1),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer = Issuer::from_params(&self.params, Signer::new(&self.key));
        Ok(params.signed_by(&issuer)?.der().to_vec())
    }

    fn sign(&self, params: &CertificateParams, subject: &impl PublicKeyData) -> Result<Vec<u8>, SimulatorError> {
        let issuer = Issuer::from_params(&self.params, Signer::new(&self.key));
        Ok(params.signed_by(subject, &issuer)?.der().to_vec())
    }
}

/// Our key behind the trait of `rcgen`. Deterministic signatures make deterministic certificates.
struct Signer<'k> {
    key: &'k SigningKey,
    point: Vec<u8>,
}

impl<'k> Signer<'k> {
    fn new(key: &'k SigningKey) -> Self {
        Self { key, point: key.public_point() }
    }
}

impl PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

impl rcgen::SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.key.sign_deterministic_der(message))
    }
}

struct P384Public(Vec<u8>);

impl PublicKeyData for P384Public {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P384_SHA384
    }
}
