//! Trusted lists in XML (ETSI TS 119 612), good and bad, with signatures of our own making.
//!
//! Everything is written in exclusive canonical form from the start, so nothing has to be brought into it: what is written
//! here is what is hashed. The reader has a library for that, so both must agree about the form or nothing verifies.

use super::SimulatorError;
use super::authority::{SignerKey, SigningIdentity};
use super::certificates::{Role, Template, start_of_day};
use super::seed::Seed;
use crate::domain::encoding::base64;
use crate::domain::jose::hash::{HashAlgorithm, sha256};
use crate::domain::time::UnixSeconds;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The type of the list of lists of the Union.
pub const LIST_OF_LISTS: &str = "http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUlistofthelists";
/// The type of national lists.
pub const NATIONAL_LIST: &str = "http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric";
/// A service that issues qualified attestations.
pub const QUALIFIED_ATTESTATIONS: &str = "http://uri.etsi.org/TrstSvc/Svctype/EAA/Q";
/// The status of a service in good standing.
pub const GRANTED: &str = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/granted";
/// The status of a service that lost it.
pub const WITHDRAWN: &str = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/withdrawn";

const TSL: &str = "http://uri.etsi.org/02231/v2#";
const TYPES: &str = "http://uri.etsi.org/02231/v2/additionaltypes#";
const DSIG: &str = "http://www.w3.org/2000/09/xmldsig#";
const XADES: &str = "http://uri.etsi.org/01903/v1.3.2#";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// A list to be written. [`XmlList::new`] is a good one with one service.
#[derive(Debug, Clone)]
pub struct XmlList {
    /// `TSLVersionIdentifier`.
    pub version: String,
    /// `TSLType`.
    pub list_type: String,
    /// `TSLSequenceNumber`.
    pub sequence: u64,
    /// `SchemeTerritory`.
    pub territory: String,
    /// `SchemeInformationURI`, in this order.
    pub addresses: Vec<String>,
    /// `ListIssueDateTime`.
    pub issued_at: UnixSeconds,
    /// `NextUpdate`; `None` closes the list.
    pub next_update: Option<UnixSeconds>,
    /// `PointersToOtherTSL`.
    pub pointers: Vec<XmlPointer>,
    /// XML in `SchemeExtensions`, if there are any.
    pub extensions: String,
    /// The services; each has an entity of its own.
    pub services: Vec<XmlService>,
}

/// A service of a list.
#[derive(Debug, Clone)]
pub struct XmlService {
    /// `ServiceTypeIdentifier`.
    pub service_type: String,
    /// `ServiceStatus`.
    pub status: String,
    /// `StatusStartingTime`.
    pub since: UnixSeconds,
    /// XML in `ServiceDigitalIdentity`.
    pub identity: String,
    /// XML in `ServiceInformationExtensions`, if there are any.
    pub extensions: String,
    /// Earlier types and statuses, with their first moments, the newest first.
    pub history: Vec<(String, String, UnixSeconds)>,
}

impl XmlService {
    /// A service for qualified attestations that is granted, with this certificate.
    pub fn new(certificate: &[u8], since: UnixSeconds) -> Self {
        Self {
            service_type: QUALIFIED_ATTESTATIONS.to_owned(),
            status: GRANTED.to_owned(),
            since,
            identity: digital_id(certificate),
            extensions: String::new(),
            history: Vec::new(),
        }
    }
}

/// A pointer to another list.
#[derive(Debug, Clone)]
pub struct XmlPointer {
    /// `TSLLocation`.
    pub location: String,
    /// `TSLType`.
    pub list_type: String,
    /// `SchemeTerritory`.
    pub territory: String,
    /// `MimeType`.
    pub media_type: String,
    /// Certificates of its signers, DER.
    pub signers: Vec<Vec<u8>>,
}

impl XmlPointer {
    /// A pointer of the list of lists to itself.
    pub fn to_list_of_lists(signers: &[&SigningIdentity]) -> Self {
        Self {
            location: "https://lists.example/eu-lotl.xml".to_owned(),
            list_type: LIST_OF_LISTS.to_owned(),
            territory: "EU".to_owned(),
            media_type: "application/vnd.etsi.tsl+xml".to_owned(),
            signers: signers.iter().filter_map(|signer| signer.chain.first().cloned()).collect(),
        }
    }
}

/// `DigitalId` with a certificate in it.
pub fn digital_id(certificate: &[u8]) -> String {
    let text = base64::encode_standard(certificate);
    format!("<DigitalId><X509Certificate>{text}</X509Certificate></DigitalId>")
}

impl XmlList {
    /// A good national list with one service: issued an hour before `now`, for a month.
    pub fn new(certificate: &[u8], now: UnixSeconds) -> Self {
        Self {
            version: "6".to_owned(),
            list_type: NATIONAL_LIST.to_owned(),
            sequence: 7,
            territory: "DE".to_owned(),
            addresses: vec!["https://lists.example/about".to_owned()],
            issued_at: now.minus(3600),
            next_update: Some(now.plus(30 * 86_400)),
            pointers: Vec::new(),
            extensions: String::new(),
            services: vec![XmlService::new(certificate, now.minus(86_400))],
        }
    }

    /// A good list of lists that points to itself, with these signers.
    pub fn of_lists(signers: &[&SigningIdentity], now: UnixSeconds) -> Self {
        Self {
            list_type: LIST_OF_LISTS.to_owned(),
            territory: "EU".to_owned(),
            pointers: vec![XmlPointer::to_list_of_lists(signers)],
            services: Vec::new(),
            ..Self::new(&[], now)
        }
    }

    /// The list without signature, in canonical form.
    pub fn text(&self) -> String {
        let mut list = format!(
            "<TrustServiceStatusList xmlns=\"{TSL}\" Id=\"list\" TSLTag=\"http://uri.etsi.org/19612/TSLTag\">\n\
             <SchemeInformation><TSLVersionIdentifier>{}</TSLVersionIdentifier>\
             <TSLSequenceNumber>{}</TSLSequenceNumber><TSLType>{}</TSLType>\
             <SchemeOperatorName><Name xml:lang=\"de\">Prüfstein Listenstelle</Name>\
             <Name xml:lang=\"en\">Prüfstein List Office</Name></SchemeOperatorName>{}\
             <SchemeName><Name xml:lang=\"en\">{}:Test &amp; nothing else</Name></SchemeName><SchemeInformationURI>",
            self.version,
            self.sequence,
            self.list_type,
            element("SchemeOperatorAddress", &address("DE")),
            self.territory,
        );
        for one in &self.addresses {
            list.push_str("<URI xml:lang=\"en\">");
            list.push_str(one);
            list.push_str("</URI>");
        }
        list.push_str("</SchemeInformationURI>");
        list.push_str(&element("SchemeTerritory", &self.territory));
        list.push_str(&element("HistoricalInformationPeriod", "65535"));
        if !self.pointers.is_empty() {
            let pointers: String = self.pointers.iter().map(XmlPointer::text).collect();
            list.push_str(&element("PointersToOtherTSL", &pointers));
        }
        list.push_str(&element("ListIssueDateTime", &date_time(self.issued_at)));
        let next = self.next_update.map(|time| element("dateTime", &date_time(time))).unwrap_or_default();
        list.push_str(&element("NextUpdate", &next));
        if !self.extensions.is_empty() {
            list.push_str(&element("SchemeExtensions", &self.extensions));
        }
        list.push_str("</SchemeInformation>");
        if !self.services.is_empty() {
            let services: String = self.services.iter().map(XmlService::text).collect();
            list.push_str(&element("TrustServiceProviderList", &services));
        }
        list.push_str("\n</TrustServiceStatusList>");
        list
    }

    /// The signed list.
    ///
    /// # Errors
    /// See [`sign`].
    pub fn signed(&self, signer: &SigningIdentity) -> Result<String, SimulatorError> {
        sign(&self.text(), signer, |_, text| text)
    }
}

impl XmlService {
    fn text(&self) -> String {
        let name = element("ServiceName", "<Name xml:lang=\"en\">Attestations</Name>");
        let mut about = self.instance(&name, &self.identity, (&self.service_type, &self.status, self.since));
        if !self.extensions.is_empty() {
            about.push_str(&element("ServiceInformationExtensions", &self.extensions));
        }
        let past = |(service_type, status, since): &(String, String, UnixSeconds)| {
            let identity = "<DigitalId><X509SKI>AAAA</X509SKI></DigitalId>";
            element("ServiceHistoryInstance", &self.instance(&name, identity, (service_type, status, *since)))
        };
        let past: String = self.history.iter().map(past).collect();
        let history = if past.is_empty() { past } else { element("ServiceHistory", &past) };
        let service = element("TSPService", &(element("ServiceInformation", &about) + &history));
        let entity = "<TSPName><Name xml:lang=\"de\">Beispielanbieter</Name>\
                      <Name xml:lang=\"en\">Example Provider</Name></TSPName>";
        let entity = element("TSPInformation", &(entity.to_owned() + &element("TSPAddress", &address("AT"))));
        element("TrustServiceProvider", &(entity + &element("TSPServices", &service)))
    }

    #[expect(clippy::unused_self, reason = "reads as a part of the service")]
    fn instance(&self, name: &str, identity: &str, (service_type, status, since): (&str, &str, UnixSeconds)) -> String {
        element("ServiceTypeIdentifier", service_type)
            + name
            + &element("ServiceDigitalIdentity", identity)
            + &element("ServiceStatus", status)
            + &element("StatusStartingTime", &date_time(since))
    }
}

impl XmlPointer {
    fn text(&self) -> String {
        let identity = |der: &Vec<u8>| element("ServiceDigitalIdentity", &digital_id(der));
        let identities: String = self.signers.iter().map(identity).collect();
        let facts = [
            element("TSLType", &self.list_type),
            element("SchemeTerritory", &self.territory),
            format!("<tslx:MimeType xmlns:tslx=\"{TYPES}\">{}</tslx:MimeType>", self.media_type),
        ];
        let facts: String = facts.iter().map(|fact| element("OtherInformation", fact)).collect();
        element(
            "OtherTSLPointer",
            &(element("ServiceDigitalIdentities", &identities)
                + &element("TSLLocation", &self.location)
                + &element("AdditionalInformation", &facts)),
        )
    }
}

fn address(country: &str) -> String {
    element("PostalAddresses", &element("PostalAddress", &element("CountryName", country)))
}

fn element(name: &str, content: &str) -> String {
    format!("<{name}>{content}</{name}>")
}

/// `2027-03-01T12:00:00Z`.
fn date_time(time: UnixSeconds) -> String {
    let date = OffsetDateTime::from_unix_timestamp(time.0).ok();
    date.and_then(|date| date.format(&Rfc3339).ok()).unwrap_or_default()
}

/// A signer of lists with a certificate that it signed itself.
///
/// # Errors
/// [`SimulatorError::Key`] and [`SimulatorError::Certificate`] for a seed or a name that cannot be used.
pub fn signer(seed: [u8; 32], name: &str, now: UnixSeconds) -> Result<SigningIdentity, SimulatorError> {
    let seed = Seed::new(seed);
    let key = seed.key(name)?;
    let template = Template::new(&format!("Test {name}"), "DE", Role::Signer);
    let entity = template.self_signed(&seed, start_of_day(now), &key)?;
    Ok(SigningIdentity { key: SignerKey::P256(key), chain: vec![entity.der] })
}

/// A signer on P-384 below a CA, whose certificate is the second of the chain.
///
/// # Errors
/// As [`signer`].
pub fn signer_below_ca(seed: [u8; 32], name: &str, now: UnixSeconds) -> Result<SigningIdentity, SimulatorError> {
    let seed = Seed::new(seed);
    let day = start_of_day(now);
    let role = Role::Authority { path_length: Some(0) };
    let root = Template::new(&format!("Test {name} Wurzel"), "DE", role).self_signed(&seed, day, &seed.key(name)?)?;
    let key = seed.p384_key(name)?;
    let template = Template::new(&format!("Test {name}"), "DE", Role::Signer);
    let leaf = template.signed_by_for_p384(&seed, day, &key, &root)?;
    Ok(SigningIdentity { key: SignerKey::P384(key), chain: vec![leaf, root.der] })
}

/// A part of a signature, in the order in which the parts are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `SignedProperties`, before they are hashed.
    Properties,
    /// `SignedInfo`, before it is signed.
    SignedInfo,
    /// The whole signature; nothing covers it any more.
    Signature,
}

/// Signs a list that is in canonical form.
///
/// `edit` sees each part and returns what shall stand for it: a fault is made there and signed with the rest.
///
/// # Errors
/// [`SimulatorError::Form`] if `list` does not end as a list does, [`SimulatorError::Key`] if there is no randomness for
/// P-384.
pub fn sign(
    list: &str,
    signer: &SigningIdentity,
    edit: impl Fn(Part, String) -> String,
) -> Result<String, SimulatorError> {
    const END: &str = "</TrustServiceStatusList>";
    let open = list.strip_suffix(END).ok_or(SimulatorError::Form("the text does not end as a list does"))?;
    let (algorithm, hash, hash_uri) = match signer.key {
        SignerKey::P256(_) => ("ecdsa-sha256", HashAlgorithm::Sha256, "http://www.w3.org/2001/04/xmlenc#sha256"),
        SignerKey::P384(_) => ("ecdsa-sha384", HashAlgorithm::Sha384, "http://www.w3.org/2001/04/xmldsig-more#sha384"),
    };
    let digest = |bytes: &[u8]| base64::encode_standard(&hash.digest(bytes));
    let certificate = signer.chain.first().map(Vec::as_slice).unwrap_or_default();
    let properties = edit(
        Part::Properties,
        format!(
            "<xades:SignedProperties xmlns:xades=\"{XADES}\" Id=\"properties\"><xades:SignedSignatureProperties>\
             <xades:SigningCertificateV2><xades:Cert><xades:CertDigest>\
             <ds:DigestMethod xmlns:ds=\"{DSIG}\" Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod>\
             <ds:DigestValue xmlns:ds=\"{DSIG}\">{}</ds:DigestValue>\
             </xades:CertDigest></xades:Cert></xades:SigningCertificateV2></xades:SignedSignatureProperties>\
             </xades:SignedProperties>",
            base64::encode_standard(&sha256(certificate)),
        ),
    );
    let transform = |uri: &str| format!("<ds:Transform Algorithm=\"{uri}\"></ds:Transform>");
    let reference = |attributes: &str, transforms: &str, value: &str| {
        format!(
            "<ds:Reference {attributes}><ds:Transforms>{transforms}</ds:Transforms>\
             <ds:DigestMethod Algorithm=\"{hash_uri}\"></ds:DigestMethod>\
             <ds:DigestValue>{value}</ds:DigestValue></ds:Reference>"
        )
    };
    let exclusive = transform(EXCLUSIVE);
    let both = transform("http://www.w3.org/2000/09/xmldsig#enveloped-signature") + &exclusive;
    let own = "Type=\"http://uri.etsi.org/01903#SignedProperties\" URI=\"#properties\"";
    let signed_info = edit(
        Part::SignedInfo,
        format!(
            "<ds:SignedInfo xmlns:ds=\"{DSIG}\">\
             <ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE}\"></ds:CanonicalizationMethod>\
             <ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#{algorithm}\"></ds:SignatureMethod>\
             {}{}</ds:SignedInfo>",
            reference("Id=\"whole\" URI=\"\"", &both, &digest(list.as_bytes())),
            reference(own, &exclusive, &digest(properties.as_bytes())),
        ),
    );
    let value = base64::encode_standard(&signer.key.sign(signed_info.as_bytes())?);
    let certificates = signer
        .x5c()
        .into_iter()
        .fold(String::new(), |all, one| all + "<ds:X509Certificate>" + &one + "</ds:X509Certificate>");
    let signature = edit(
        Part::Signature,
        format!(
            "<ds:Signature xmlns:ds=\"{DSIG}\" Id=\"signature\">{signed_info}\
             <ds:SignatureValue>{value}</ds:SignatureValue>\
             <ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>\
             <ds:Object><xades:QualifyingProperties xmlns:xades=\"{XADES}\" Target=\"#signature\">{properties}\
             </xades:QualifyingProperties></ds:Object></ds:Signature>"
        ),
    );
    Ok(format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{open}{signature}{END}"))
}
