//! Signed lists of trusted entities in JSON (ETSI TS 119 602), good ones and ones with one named fault each.
//!
//! Written from the standard with an encoding of its own: it shares neither names nor types with the reader, so that one
//! mistake cannot cancel itself out.

use super::SimulatorError;
use super::authority::{IssuerName, SignerKey, SigningIdentity, TestAuthority};
use super::certificates::{Entity, Role, Template, calendar};
use super::encode::jws::Jws;
use crate::domain::encoding::base64;
use crate::domain::jose::hash::sha256;
use crate::domain::reason::Code;
use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value, json};

const DAY: i64 = 86_400;
/// The organisation in all certificates of the simulator, and so the operator of its lists.
pub const OPERATOR: &str = "Prüfstein Test-Anstalt";
/// The territory of its lists.
pub const TERRITORY: &str = "DE";

/// The lists that the simulator can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListOf {
    /// Providers of person identification data.
    Pid,
    /// Providers of wallets.
    Wallets,
    /// Providers of access certificates.
    AccessCertificates,
    /// Providers of registration certificates.
    RegistrationCertificates,
    /// Public bodies that issue attestations; the only list with statuses.
    PublicBodies,
    /// Registers of relying parties.
    Registers,
}

impl ListOf {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Pid,
        Self::Wallets,
        Self::AccessCertificates,
        Self::RegistrationCertificates,
        Self::PublicBodies,
        Self::Registers,
    ];

    /// The last parts of the URIs for the list, for its issuance and for its revocation services.
    const fn words(self) -> (&'static str, &'static str, Option<&'static str>) {
        match self {
            Self::Pid => ("EUPIDProvidersList", "PID/Issuance", Some("PID/Revocation")),
            Self::Wallets => ("EUWalletProvidersList", "WalletSolution/Issuance", Some("WalletSolution/Revocation")),
            Self::AccessCertificates => ("EUWRPACProvidersList", "WRPAC/Issuance", Some("WRPAC/Revocation")),
            Self::RegistrationCertificates => ("EUWRPRCProvidersList", "WRPRC/Issuance", Some("WRPRC/Revocation")),
            Self::PublicBodies => ("EUPubEAAProvidersList", "PubEAA/Issuance", Some("PubEAA/Revocation")),
            Self::Registers => ("EURegistrarsAndRegistersList", "Register", None),
        }
    }

    /// The type of the list, a URI.
    pub fn list_type(self) -> String {
        format!("http://uri.etsi.org/19602/LoTEType/{}", self.words().0)
    }

    /// The types of its services, URIs: issuance first, then revocation if it has such services.
    pub fn service_types(self) -> Vec<String> {
        let (_, issuance, revocation) = self.words();
        let uri = |word| format!("http://uri.etsi.org/19602/SvcType/{word}");
        [Some(issuance), revocation].into_iter().flatten().map(uri).collect()
    }
}

/// The status of a public body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyStatus {
    /// It may issue.
    Notified,
    /// It may not any more.
    Withdrawn,
}

impl BodyStatus {
    fn uri(self) -> &'static str {
        match self {
            Self::Notified => "http://uri.etsi.org/19602/PubEAAProvidersList/SvcStatus/notified",
            Self::Withdrawn => "http://uri.etsi.org/19602/PubEAAProvidersList/SvcStatus/withdrawn",
        }
    }
}

/// One entity: a provider with an anchor for what it issues and one for its statuses.
#[derive(Debug, Clone)]
pub struct ListedEntity {
    /// Its name.
    pub name: String,
    /// Its country, two letters.
    pub country: String,
    /// DER of the anchors of what it issues.
    pub issuance: Vec<Vec<u8>>,
    /// DER of the anchors of those who sign its status lists.
    pub revocation: Vec<Vec<u8>>,
    /// Its status now, in lists that have statuses.
    pub status: BodyStatus,
}

/// A list, before it is signed.
#[derive(Debug, Clone)]
pub struct ListDraft {
    /// Whose list it is.
    pub of: ListOf,
    /// Its number.
    pub sequence: u64,
    /// When it is issued.
    pub issued_at: UnixSeconds,
    /// When the next one is due; `None` closes the list.
    pub next_update: Option<UnixSeconds>,
    /// Its entities.
    pub entities: Vec<ListedEntity>,
    /// Without the member `LoTE` around it, as some publishers write it.
    pub bare: bool,
}

/// How the header says who signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignerReference {
    /// `x5c` with the chain.
    Chain,
    /// `x5t#S256` alone.
    Thumbprint,
    /// `x5c` and `x5t#S256`.
    Both,
}

/// Writes lists of a test authority. Same seed, same day, same draft: same bytes, except under P-384.
pub struct ListWriter {
    signer: SigningIdentity,
    signer_384: SigningIdentity,
    stranger: SigningIdentity,
    root: Vec<u8>,
    entities: Vec<ListedEntity>,
    day: UnixSeconds,
}

impl ListWriter {
    /// A writer whose keys follow from the seed of `authority`, with its issuers as entities.
    ///
    /// # Errors
    /// [`SimulatorError::Key`] for the rare seed that gives no key.
    pub fn new(authority: &TestAuthority) -> Result<Self, SimulatorError> {
        let (seed, day) = (authority.seed(), authority.day());
        let root = Template::new("Test Prüfstein Listen Wurzel", TERRITORY, Role::Authority { path_length: None });
        let root = root.self_signed(seed, day, &seed.key(&root.common_name)?)?;
        let under_root = |name: &str| -> Result<Entity, SimulatorError> {
            Template::new(name, TERRITORY, Role::Signer).signed_by(seed, day, &seed.key(name)?, &root)
        };
        let identity = |entity: Entity| SigningIdentity { key: SignerKey::P256(entity.key), chain: vec![entity.der] };
        let stranger = "Test Prüfstein fremder Listenführer";
        let stranger = Template::new(stranger, TERRITORY, Role::Signer).self_signed(seed, day, &seed.key(stranger)?)?;
        let name_384 = "Test Prüfstein Listenführer P-384";
        let key_384 = seed.p384_key(name_384)?;
        let leaf_384 =
            Template::new(name_384, TERRITORY, Role::Signer).signed_by_for_p384(seed, day, &key_384, &root)?;
        Ok(Self {
            signer: identity(under_root("Test Prüfstein Listenführer")?),
            signer_384: SigningIdentity { key: SignerKey::P384(key_384), chain: vec![leaf_384] },
            stranger: identity(stranger),
            root: root.der,
            entities: IssuerName::ALL.into_iter().map(|name| listed(authority, name)).collect(),
            day,
        })
    }

    /// DER of the certificate that signs lists.
    pub fn signer(&self) -> &[u8] {
        self.signer.chain.first().map(Vec::as_slice).unwrap_or_default()
    }

    /// DER of the certificate that signs lists with ES384.
    pub fn signer_384(&self) -> &[u8] {
        self.signer_384.chain.first().map(Vec::as_slice).unwrap_or_default()
    }

    /// DER of the CA that certified both.
    pub fn root(&self) -> &[u8] {
        &self.root
    }

    /// A good list with all issuers of the authority, issued at the start of its day, for a week.
    pub fn draft(&self, of: ListOf) -> ListDraft {
        ListDraft {
            of,
            sequence: 42,
            issued_at: self.day,
            next_update: Some(self.day.plus(7 * DAY)),
            entities: self.entities.clone(),
            bare: false,
        }
    }

    /// The payload of a list.
    pub fn payload(&self, draft: &ListDraft) -> Value {
        let scheme = scheme(draft);
        let entities: Vec<Value> = draft.entities.iter().map(|entity| entity_json(draft, entity)).collect();
        let list = json!({"ListAndSchemeInformation": scheme, "TrustedEntitiesList": entities});
        if draft.bare { list } else { json!({"LoTE": list}) }
    }

    /// Signs a draft, as it should be.
    ///
    /// # Errors
    /// [`SimulatorError::Key`].
    pub fn write(&self, draft: &ListDraft) -> Result<String, SimulatorError> {
        self.sign(&self.payload(draft))
    }

    /// Signs any payload.
    ///
    /// # Errors
    /// [`SimulatorError::Key`].
    pub fn sign(&self, payload: &Value) -> Result<String, SimulatorError> {
        self.sign_text(payload.to_string().into_bytes())
    }

    /// Signs any bytes.
    ///
    /// # Errors
    /// [`SimulatorError::Key`].
    pub fn sign_text(&self, payload: Vec<u8>) -> Result<String, SimulatorError> {
        self.sign_with(&self.header(SignerReference::Chain), payload)
    }

    /// Signs any bytes under any header, with the key for lists.
    ///
    /// # Errors
    /// [`SimulatorError::Key`].
    pub fn sign_with(&self, header: &Map<String, Value>, payload: Vec<u8>) -> Result<String, SimulatorError> {
        Ok(Jws::unsigned(header, payload).sign(&self.signer.key)?.text())
    }

    /// Signs with ES384.
    ///
    /// # Errors
    /// [`SimulatorError::Key`] if the library has no randomness.
    pub fn sign_384(&self, payload: &Value) -> Result<String, SimulatorError> {
        let mut header = self.header(SignerReference::Chain);
        header.insert("alg".to_owned(), json!("ES384"));
        header.insert("x5c".to_owned(), json!(self.signer_384.x5c()));
        let payload = payload.to_string().into_bytes();
        Ok(Jws::unsigned(&header, payload).sign(&self.signer_384.key)?.text())
    }

    /// The header of a good list.
    pub fn header(&self, reference: SignerReference) -> Map<String, Value> {
        let mut header = Map::new();
        header.insert("alg".to_owned(), json!("ES256"));
        header.insert("typ".to_owned(), json!("JAdES"));
        header.insert("iat".to_owned(), json!(self.day.0));
        if reference != SignerReference::Thumbprint {
            header.insert("x5c".to_owned(), json!(self.signer.x5c()));
        }
        if reference != SignerReference::Chain {
            header.insert("x5t#S256".to_owned(), json!(base64::encode_url(&sha256(self.signer()))));
        }
        header
    }

    /// A list of PID providers with one fault.
    ///
    /// # Errors
    /// [`SimulatorError::Key`].
    pub fn faulty(&self, fault: ListFault) -> Result<Vec<u8>, SimulatorError> {
        let draft = self.draft(ListOf::Pid);
        match fault.step() {
            Step::Header(change) => {
                let mut header = self.header(SignerReference::Chain);
                change(&mut header);
                Ok(self.sign_with(&header, self.payload(&draft).to_string().into_bytes())?.into_bytes())
            }
            Step::Scheme(change) => {
                let mut payload = self.payload(&draft);
                if let Some(scheme) =
                    payload.pointer_mut("/LoTE/ListAndSchemeInformation").and_then(Value::as_object_mut)
                {
                    change(scheme);
                }
                Ok(self.sign(&payload)?.into_bytes())
            }
            Step::Draft(change) => {
                let mut draft = draft;
                change(&mut draft, self.day);
                Ok(self.write(&draft)?.into_bytes())
            }
            Step::Document => self.other_document(fault, &draft),
        }
    }

    /// Faults that are neither of the header nor of the scheme information alone.
    fn other_document(&self, fault: ListFault, draft: &ListDraft) -> Result<Vec<u8>, SimulatorError> {
        let payload = self.payload(draft);
        let signed = |signer: &SigningIdentity| -> Result<Vec<u8>, SimulatorError> {
            let mut header = self.header(SignerReference::Chain);
            header.insert("x5c".to_owned(), json!(signer.x5c()));
            let jws = Jws::unsigned(&header, payload.to_string().into_bytes()).sign(&signer.key)?;
            Ok(jws.text().into_bytes())
        };
        Ok(match fault {
            ListFault::PlainJson => payload.to_string().into_bytes(),
            ListFault::XmlList => b"<?xml version=\"1.0\"?><TrustServiceStatusList/>".to_vec(),
            ListFault::NotSigned => {
                let mut header = self.header(SignerReference::Chain);
                header.insert("alg".to_owned(), json!("none"));
                Jws::unsigned(&header, payload.to_string().into_bytes()).text().into_bytes()
            }
            ListFault::OtherSigner => signed(&self.stranger)?,
            ListFault::OtherKey => {
                let mut jws = Jws::unsigned(&self.header(SignerReference::Chain), payload.to_string().into_bytes());
                jws = jws.sign(&self.stranger.key)?;
                jws.text().into_bytes()
            }
            ListFault::PayloadChanged => {
                let good = self.sign(&payload)?;
                let mut changed = draft.clone();
                changed.sequence = changed.sequence.saturating_add(1);
                let text = base64::encode_url(self.payload(&changed).to_string().as_bytes());
                let parts: Vec<&str> = good.split('.').collect();
                match parts.as_slice() {
                    [header, _, signature] => format!("{header}.{text}.{signature}").into_bytes(),
                    _ => return Err(SimulatorError::Form("a token has three parts")),
                }
            }
            ListFault::MemberTwice => {
                let text = payload.to_string().replacen(r#"{"LoTE":"#, r#"{"LoTE":{},"Lo\u0054E":"#, 1);
                self.sign_text(text.into_bytes())?.into_bytes()
            }
            ListFault::TwoLists => {
                let mut payload = payload;
                put(&mut payload, "ListAndSchemeInformation", scheme(draft));
                self.sign(&payload)?.into_bytes()
            }
            ListFault::NestedTooDeep => {
                let mut payload = payload;
                put(&mut payload, "deep", (0..64).fold(json!(1), |inner, _| json!([inner])));
                self.sign(&payload)?.into_bytes()
            }
            _ => self.sign(&payload)?.into_bytes(),
        })
    }
}

fn listed(authority: &TestAuthority, name: IssuerName) -> ListedEntity {
    ListedEntity {
        name: format!("Test Prüfstein {name:?}"),
        country: name.country().to_owned(),
        issuance: vec![authority.issuer_root(name).to_vec()],
        revocation: vec![authority.status_root(name).to_vec()],
        status: BodyStatus::Notified,
    }
}

fn scheme(draft: &ListDraft) -> Value {
    let mut scheme = json!({
        "LoTEVersionIdentifier": 1,
        "LoTESequenceNumber": draft.sequence,
        "LoTEType": draft.of.list_type(),
        "SchemeOperatorName": [{"lang": "de", "value": OPERATOR}, {"lang": "en", "value": "Pruefstein Test Operator"}],
        "SchemeOperatorAddress": {
            "SchemeOperatorPostalAddress": [address(TERRITORY)],
            "SchemeOperatorElectronicAddress": [link("mailto:listen@pruefstein.example")],
        },
        "SchemeName": [{"lang": "en", "value": "DE:Test list"}],
        "SchemeInformationURI": [link("https://listen.pruefstein.example/scheme")],
        "SchemeTerritory": TERRITORY,
        "ListIssueDateTime": date_time(draft.issued_at),
        "NextUpdate": draft.next_update.map(date_time),
    });
    if draft.of == ListOf::PublicBodies {
        put(&mut scheme, "HistoricalInformationPeriod", json!(65_535));
    }
    scheme
}

fn entity_json(draft: &ListDraft, entity: &ListedEntity) -> Value {
    let anchors = [&entity.issuance, &entity.revocation];
    let services: Vec<Value> = draft
        .of
        .service_types()
        .into_iter()
        .zip(anchors)
        .map(|(service_type, anchors)| service_json(draft, entity, &service_type, anchors))
        .collect();
    json!({
        "TrustedEntityInformation": {
            "TEName": [{"lang": "de", "value": entity.name}],
            "TEAddress": {
                "TEPostalAddress": [address(&entity.country)],
                "TEElectronicAddress": [link("mailto:post@pruefstein.example")],
            },
            "TEInformationURI": [link("https://pruefstein.example/")],
        },
        "TrustedEntityServices": services,
    })
}

fn service_json(draft: &ListDraft, entity: &ListedEntity, service_type: &str, anchors: &[Vec<u8>]) -> Value {
    let certificates: Vec<Value> = anchors.iter().map(|der| json!({"val": base64::encode_standard(der)})).collect();
    let mut information = json!({
        "ServiceTypeIdentifier": service_type,
        "ServiceName": [{"lang": "de", "value": "Dienst"}, {"lang": "en-GB", "value": "Service"}],
        "ServiceDigitalIdentity": {"X509Certificates": certificates},
        "ServiceInformationExtensions": [{"Critical": false, "ServiceUniqueIdentifier": "urn:example:service"}],
    });
    if draft.of != ListOf::PublicBodies {
        return json!({"ServiceInformation": information});
    }
    let since = draft.issued_at.minus(30 * DAY);
    put(&mut information, "ServiceStatus", json!(entity.status.uri()));
    put(&mut information, "StatusStartingTime", json!(date_time(since)));
    let mut service = json!({"ServiceInformation": information});
    if entity.status == BodyStatus::Withdrawn {
        let history = json!([{
            "ServiceName": [{"lang": "en", "value": "Service"}],
            "ServiceDigitalIdentity": {"X509SKIs": ["AA=="]},
            "ServiceStatus": BodyStatus::Notified.uri(),
            "StatusStartingTime": date_time(since.minus(300 * DAY)),
        }]);
        put(&mut service, "ServiceHistory", history);
    }
    service
}

fn address(country: &str) -> Value {
    json!({"lang": "de", "StreetAddress": "Teststraße 1", "Locality": "Prüfstein", "Country": country})
}

fn link(uri: &str) -> Value {
    json!({"lang": "en", "uriValue": uri})
}

/// A time as lists write it.
pub fn date_time(time: UnixSeconds) -> String {
    let (year, month, day) = calendar(time);
    let seconds = time.0.rem_euclid(DAY);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Where a fault sits, and how it is made.
enum Step {
    /// In the protected header.
    Header(fn(&mut Map<String, Value>)),
    /// In the scheme information.
    Scheme(fn(&mut Map<String, Value>)),
    /// In what the list says; the second argument is the day of the authority.
    Draft(fn(&mut ListDraft, UnixSeconds)),
    /// Somewhere else.
    Document,
}

macro_rules! list_faults {
    ($( $variant:ident = $name:literal, $code:ident, $step:expr, $meaning:literal; )+) => {
        /// A named way to spoil a list of PID providers.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ListFault { $( #[doc = $meaning] $variant, )+ }

        impl ListFault {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The name for the command line.
            pub const fn name(self) -> &'static str { match self { $( Self::$variant => $name, )+ } }

            /// The fault of this name.
            pub fn from_name(name: &str) -> Option<Self> { match name { $( $name => Some(Self::$variant), )+ _ => None } }

            /// The one code that a reader must give, one that has seen number 42, checks the names of the signer and is
            /// asked within the first week of the authority's day.
            pub const fn code(self) -> Code { match self { $( Self::$variant => Code::$code, )+ } }

            /// What is wrong, in one sentence.
            pub const fn meaning(self) -> &'static str { match self { $( Self::$variant => $meaning, )+ } }

            fn step(self) -> Step { match self { $( Self::$variant => $step, )+ } }
        }
    };
}

fn set(members: &mut Map<String, Value>, name: &str, value: Value) {
    members.insert(name.to_owned(), value);
}

/// Sets a member of what is an object.
fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        set(members, name, value);
    }
}

list_faults! {
    // Not a signed list at all.
    PlainJson = "plain-json", TrustListSignatureInvalid, Step::Document, "The list is plain JSON.";
    XmlList = "xml-list", TrustListMalformed, Step::Document, "The list is in XML.";
    NotSigned = "not-signed", TrustListSignatureInvalid, Step::Document, "The token says alg none and has no signature.";
    // Signature and header.
    OtherSigner = "other-signer", TrustListSignatureInvalid, Step::Document, "Another certificate signed the list.";
    OtherKey = "other-key", TrustListSignatureInvalid, Step::Document, "The right certificate is named, but another key signed.";
    PayloadChanged = "payload-changed", TrustListSignatureInvalid, Step::Document, "The list was changed after it was signed.";
    AlgHs256 = "alg-hs256", TrustListSignatureInvalid, Step::Header(|header| set(header, "alg", json!("HS256"))), "The header says HS256.";
    AlgEs384 = "alg-es384", TrustListSignatureInvalid, Step::Header(|header| set(header, "alg", json!("ES384"))), "The header says ES384, but the key is on P-256.";
    OtherTyp = "other-typ", TrustListMalformed, Step::Header(|header| set(header, "typ", json!("statuslist+jwt"))), "The token is of another kind.";
    WithoutSigner = "without-signer", TrustListSignatureInvalid, Step::Header(|header| drop(header.remove("x5c"))), "The header does not say who signed.";
    OtherThumbprint = "other-thumbprint", TrustListSignatureInvalid, Step::Header(|header| set(header, "x5t#S256", json!(base64::encode_url(&sha256(b"other"))))), "The thumbprint is of another certificate than the chain.";
    CriticalUnknown = "critical-unknown", TrustListSignatureInvalid, Step::Header(|header| { set(header, "exp", json!(1)); set(header, "crit", json!(["exp"])); }), "The header has a critical parameter that nobody knows.";
    Detached = "detached", TrustListSignatureInvalid, Step::Header(|header| set(header, "sigD", json!({"mId": "http://uri.etsi.org/19182/ObjectIdByURI"}))), "The signature says that it is over something else.";
    SignedLater = "signed-later", TrustListSignatureInvalid, Step::Header(|header| set(header, "iat", json!(4_102_444_800_i64))), "The signing time lies in the future.";
    SigningTimeText = "signing-time-text", TrustListSignatureInvalid, Step::Header(|header| set(header, "iat", json!("yesterday"))), "The signing time is no number.";
    // JSON.
    MemberTwice = "member-twice", TrustListMalformed, Step::Document, "A member occurs twice, once in another spelling.";
    TwoLists = "two-lists", TrustListMalformed, Step::Document, "There is a list in LoTE and another beside it.";
    NestedTooDeep = "nested-too-deep", TrustListTooLarge, Step::Document, "The JSON is nested too deeply.";
    // Scheme information.
    Version2 = "version-2", TrustListMalformed, Step::Scheme(|scheme| set(scheme, "LoTEVersionIdentifier", json!(2))), "The version is 2.";
    VersionText = "version-text", TrustListMalformed, Step::Scheme(|scheme| set(scheme, "LoTEVersionIdentifier", json!("1"))), "The version is a text.";
    OtherType = "other-type", TrustListMalformed, Step::Draft(|draft, _| draft.of = ListOf::Wallets), "It is a list of other providers.";
    TypeWithSlash = "type-with-slash", TrustListMalformed, Step::Scheme(|scheme| set(scheme, "LoTEType", json!("http://uri.etsi.org/19602/LoTEType/EUPIDProvidersList/"))), "The type is almost right.";
    WithoutSequence = "without-sequence", TrustListMalformed, Step::Scheme(|scheme| drop(scheme.remove("LoTESequenceNumber"))), "The list has no number.";
    OlderSequence = "older-sequence", TrustListRollback, Step::Draft(|draft, _| draft.sequence = 41), "The list is older than one seen before.";
    WithoutOperator = "without-operator", TrustListMalformed, Step::Scheme(|scheme| drop(scheme.remove("SchemeOperatorName"))), "The list does not say who publishes it.";
    OtherOperator = "other-operator", TrustListSignatureInvalid, Step::Scheme(|scheme| set(scheme, "SchemeOperatorName", json!([{"lang": "en", "value": "Somebody else"}]))), "The operator is not the organisation of the signer.";
    OtherTerritory = "other-territory", TrustListSignatureInvalid, Step::Scheme(|scheme| set(scheme, "SchemeTerritory", json!("FR"))), "The territory is not the country of the signer.";
    WithoutTerritory = "without-territory", TrustListSignatureInvalid, Step::Scheme(|scheme| drop(scheme.remove("SchemeTerritory"))), "The list has no territory that the signer could belong to.";
    TerritoryWord = "territory-word", TrustListMalformed, Step::Scheme(|scheme| set(scheme, "SchemeTerritory", json!("Germany"))), "The territory is a word.";
    IssuedLater = "issued-later", TrustListMalformed, Step::Draft(|draft, day| draft.issued_at = day.plus(30 * DAY)), "The list is issued in the future.";
    WithoutIssueDate = "without-issue-date", TrustListMalformed, Step::Scheme(|scheme| drop(scheme.remove("ListIssueDateTime"))), "The list does not say when it was issued.";
    LocalTime = "local-time", TrustListMalformed, Step::Scheme(|scheme| set(scheme, "NextUpdate", json!("2036-01-01T00:00:00+01:00"))), "A date is not in UTC.";
    Expired = "expired", TrustUnavailable, Step::Draft(|draft, day| { draft.issued_at = day.minus(30 * DAY); draft.next_update = Some(day.minus(DAY)); }), "The next list is overdue.";
    Closed = "closed", TrustUnavailable, Step::Draft(|draft, _| draft.next_update = None), "The list is closed.";
    WithoutNextUpdate = "without-next-update", TrustListMalformed, Step::Scheme(|scheme| drop(scheme.remove("NextUpdate"))), "The list does not say when the next one is due.";
    SevenMonths = "seven-months", TrustListMalformed, Step::Draft(|draft, day| draft.next_update = Some(day.plus(212 * DAY))), "The next list is due in seven months.";
    CriticalExtension = "critical-extension", TrustListMalformed, Step::Scheme(|scheme| set(scheme, "SchemeExtensions", json!([{"Critical": true, "Unheard": "of"}]))), "The list has a critical extension that nobody knows.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

    fn writer(seed: u8) -> ListWriter {
        ListWriter::new(&TestAuthority::from_seed([seed; 32], NOW).unwrap()).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_list() {
        let list = |seed| {
            let writer = writer(seed);
            writer.write(&writer.draft(ListOf::Pid)).unwrap()
        };
        assert_eq!(list(7), list(7));
        assert_ne!(list(7), list(8));
    }

    #[test]
    fn times_are_written_as_lists_want_them() {
        assert_eq!(date_time(UnixSeconds(1_803_902_400)), "2027-03-01T12:00:00Z");
        assert_eq!(date_time(UnixSeconds(951_868_799)), "2000-02-29T23:59:59Z");
    }

    #[test]
    fn every_fault_changes_the_document_and_has_a_name() {
        let writer = writer(7);
        let good = writer.write(&writer.draft(ListOf::Pid)).unwrap().into_bytes();
        let mut documents = BTreeSet::from([good]);
        for fault in ListFault::ALL {
            assert!(documents.insert(writer.faulty(*fault).unwrap()), "{}", fault.name());
            assert_eq!(ListFault::from_name(fault.name()), Some(*fault));
            assert!(fault.meaning().ends_with('.'), "{}", fault.name());
        }
    }
}
