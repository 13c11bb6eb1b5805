//! `onboard csr`: PKCS#10 (RFC 2986) with what ETSI TS 119 411-8 wants in an access certificate.

use super::{Readers, write_new};
use crate::cli::{Exit, Failure, Terminal};
use crate::config::files::Files;
use crate::domain::jose::keys::SigningKey;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, DnValue, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData,
    SanType, SignatureAlgorithm,
};
use std::path::PathBuf;

/// Who asks for the certificate.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The private key, as `onboard key` made it.
    #[arg(long, value_name = "FILE", default_value = "access.key")]
    key: PathBuf,
    /// The legal name of the organisation.
    #[arg(long, value_name = "NAME")]
    organization: String,
    /// Its official identifier: NTR, VAT, LEI, EOR or EXC, the country, a hyphen, the number, as in NTRDE-HRB.12345.
    #[arg(long, value_name = "ID")]
    identifier: String,
    /// The name that people see: of the authority or of its service.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The country, two capital letters.
    #[arg(long, value_name = "CC", default_value = "DE")]
    country: String,
    /// A DNS name of the service; needed for client_id_prefix x509_san_dns.
    #[arg(long, value_name = "HOST")]
    dns: Vec<String>,
    /// A page on which people reach the organisation; this or --email is needed.
    #[arg(long, value_name = "URL")]
    uri: Vec<String>,
    /// An e-mail address at which people reach the organisation.
    #[arg(long, value_name = "ADDRESS")]
    email: Vec<String>,
    /// The file to make; standard output if absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    check(arguments)?;
    let unusable = |problem: String, hint: String| Failure::wrong_use(problem, hint);
    let pem = Files::read_secret(&arguments.key).map_err(|complaint| unusable(complaint.problem, complaint.remedy))?;
    let key = SigningKey::from_pem(&pem).map_err(|fault| {
        unusable(format!("{}: {fault}", arguments.key.display()), "Make one: pruefstein onboard key".to_owned())
    })?;
    let request = request(arguments, &key).map_err(|error| {
        Failure::wrong_use(format!("the request cannot be made: {error}"), "Look at names and addresses.")
    })?;
    match &arguments.out {
        None => terminal.say(request.trim_end()),
        Some(file) => {
            write_new(file, request.as_bytes(), Readers::Everybody)?;
            terminal.say(&format!(
                "The request is in {}. Send it to the registrar. Next: pruefstein onboard texts",
                file.display()
            ));
        }
    }
    Ok(Exit::Done)
}

/// What a registrar would send back.
fn check(arguments: &Arguments) -> Result<(), Failure> {
    let refuse = |problem: &str, hint: &str| Err(Failure::wrong_use(problem, hint));
    let capital = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
    let (scheme, country) = (arguments.identifier.get(..3), arguments.identifier.get(3..5));
    let known = scheme.is_some_and(|scheme| ["NTR", "VAT", "LEI", "EOR", "EXC"].contains(&scheme));
    let number = arguments.identifier.get(5..).and_then(|rest| rest.strip_prefix('-')).unwrap_or_default();
    if !known || !country.is_some_and(capital) || number.is_empty() {
        return refuse(
            "--identifier is no identifier of an organisation",
            "Write it as NTRDE-HRB.12345 (ETSI EN 319 412-1).",
        );
    }
    if arguments.country.len() != 2 || !capital(&arguments.country) {
        return refuse("--country is no country code", "Write two capital letters, as DE.");
    }
    if arguments.uri.is_empty() && arguments.email.is_empty() {
        return refuse("there is no way to reach the organisation", "Give --uri or --email (ETSI TS 119 411-8).");
    }
    let odd = |uri: &&String| url::Url::parse(uri).is_err();
    if let Some(uri) = arguments.uri.iter().find(odd) {
        return refuse(&format!("{uri} is no address"), "Write it as https://stadt.example/kontakt");
    }
    Ok(())
}

fn request(arguments: &Arguments, key: &SigningKey) -> Result<String, rcgen::Error> {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, DnValue::PrintableString(arguments.country.as_str().try_into()?));
    name.push(DnType::OrganizationName, arguments.organization.as_str());
    // organizationIdentifier
    name.push(DnType::CustomDnType(vec![2, 5, 4, 97]), arguments.identifier.as_str());
    name.push(DnType::CommonName, arguments.name.as_str());
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    for host in &arguments.dns {
        params.subject_alt_names.push(SanType::DnsName(host.as_str().try_into()?));
    }
    for uri in &arguments.uri {
        params.subject_alt_names.push(SanType::URI(uri.as_str().try_into()?));
    }
    for email in &arguments.email {
        params.subject_alt_names.push(SanType::Rfc822Name(email.as_str().try_into()?));
    }
    params.serialize_request(&Signer { point: key.public_point(), key })?.pem()
}

/// Our key behind the trait of `rcgen`.
struct Signer<'k> {
    key: &'k SigningKey,
    point: Vec<u8>,
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
