//! The registrar of the test authority: registration certificates, good ones and ones with one named fault each.
//!
//! Written from ETSI TS 119 475 with an encoding of its own, so that one mistake cannot cancel itself out.

use super::SimulatorError;
use super::authority::{SigningIdentity, TestAuthority};
use super::certificates::{Role, Template};
use super::encode::cbor::{Item, Sign1};
use super::encode::jws::Jws;
use crate::domain::encoding::base64;
use crate::domain::reason::Code;
use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value, json};

const DAY: i64 = 86_400;

/// The identifier of the relying party: organizationIdentifier of its access certificate, and `sub` of its registrations.
pub const PARTY: &str = "NTRDE-TEST.00001";

/// What a registration is for.
#[derive(Debug, Clone)]
pub struct IntendedUse<'a> {
    /// `intended_use_id`
    pub id: &'a str,
    /// The purpose in German and in English.
    pub purpose: (&'a str, &'a str),
    /// `credentials`, as it stands in the certificate.
    pub credentials: Value,
}

/// A certificate before it is signed, so that tests can spoil it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The protected header.
    pub header: Map<String, Value>,
    /// The claims.
    pub claims: Map<String, Value>,
    /// Who signs.
    pub signer: SigningIdentity,
}

impl TestAuthority {
    /// The anchor (DER) for registration certificates.
    pub fn registrar_root(&self) -> &[u8] {
        &self.registrar.root.der
    }

    /// A good certificate for the holder of the access certificate, issued yesterday for a year.
    pub fn registration(&self, wanted: &IntendedUse<'_>, now: UnixSeconds) -> Draft {
        let signer = self.registrar.identity();
        let header = json!({"typ": "rc-wrp+jwt", "alg": "ES256", "x5c": signer.x5c()});
        let (de, en) = wanted.purpose;
        let texts = |de: &str, en: &str| json!([{"lang": "de-DE", "value": de}, {"lang": "en", "value": en}]);
        let claims = json!({
            "sub": PARTY, "name": "Prüfstein Test-Anstalt", "sub_ln": "Prüfstein Test-Anstalt", "country": "DE",
            "registry_uri": "https://registrar.pruefstein.example/api",
            "srv_description": [texts("Online-Bürgerdienste", "Online citizen services")],
            "entitlements": ["https://uri.etsi.org/19475/Entitlement/Service_Provider"],
            "privacy_policy": "https://stadt.pruefstein.example/datenschutz",
            "info_uri": "https://stadt.pruefstein.example", "support_uri": "https://stadt.pruefstein.example/loeschung",
            "supervisory_authority": {"email": "aufsicht@pruefstein.example", "phone": "+49 30 000000"},
            "policy_id": ["0.4.0.19475.3.1"], "certificate_policy": "https://registrar.pruefstein.example/cp",
            "iat": now.minus(DAY).0, "exp": now.plus(364 * DAY).0,
            "status": {"status_list": {"idx": 5, "uri": "https://registrar.pruefstein.example/status/1"}},
            "credentials": wanted.credentials, "purpose": texts(de, en), "intended_use_id": wanted.id, "public_body": true,
        });
        Draft { header: members(header), claims: members(claims), signer }
    }
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

impl Draft {
    /// The certificate as JWT.
    ///
    /// # Errors
    /// [`SimulatorError::Key`] if the key cannot sign.
    pub fn jwt(&self) -> Result<String, SimulatorError> {
        let payload = Value::Object(self.claims.clone()).to_string().into_bytes();
        Ok(Jws::unsigned(&self.header, payload).sign(&self.signer.key)?.text())
    }

    /// The certificate as CWT, `typ` and chain in its protected header.
    ///
    /// # Errors
    /// As [`Self::jwt`].
    pub fn cwt(&self) -> Result<Vec<u8>, SimulatorError> {
        let typ = self.header.get("typ").and_then(Value::as_str).unwrap_or_default().replace("+jwt", "+cwt");
        let chain = self.signer.chain.iter().map(|der| Item::Bytes(der.clone())).collect();
        let protected = Item::labels(vec![(1, Item::Integer(-7)), (16, Item::Text(typ)), (33, Item::Array(chain))]);
        let numbers = [("sub", 2), ("exp", 4), ("iat", 6), ("status", 65_535)];
        let entry = |(name, value): (&String, &Value)| {
            let key = numbers.iter().find(|(known, _)| known == name);
            (key.map_or_else(|| Item::text(name), |(_, number)| Item::Integer(*number)), item(value))
        };
        let payload = Item::Map(self.claims.iter().map(entry).collect()).encode();
        let message = Sign1 { protected: protected.encode(), unprotected: Item::Map(Vec::new()), payload };
        let signature = self.signer.key.sign(&message.signed_bytes())?;
        Ok(Item::Tag(18, Box::new(message.message(signature))).encode())
    }

    fn set(&mut self, name: &str, value: Value) {
        self.claims.insert(name.to_owned(), value);
    }
}

fn item(value: &Value) -> Item {
    match value {
        Value::Null => Item::Raw(vec![0xf6]),
        Value::Bool(flag) => Item::Raw(vec![if *flag { 0xf5 } else { 0xf4 }]),
        Value::Number(number) => Item::Integer(number.as_i64().unwrap_or_default()),
        Value::String(text) => Item::text(text),
        Value::Array(items) => Item::Array(items.iter().map(item).collect()),
        Value::Object(members) => {
            Item::Map(members.iter().map(|(name, value)| (Item::text(name), item(value))).collect())
        }
    }
}

macro_rules! bad {
    ($( $variant:ident = $code:ident, $meaning:literal; )+) => {
        /// What is wrong with a registration certificate that is good otherwise.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum BadRegistration { $( #[doc = $meaning] $variant, )+ }

        impl BadRegistration {
            /// All of them.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// How it must be refused.
            pub const fn code(self) -> Code { match self { $( Self::$variant => Code::$code, )+ } }

            /// What is wrong, in words.
            pub const fn meaning(self) -> &'static str { match self { $( Self::$variant => $meaning, )+ } }
        }
    };
}

bad! {
    WrongTyp = CredentialTypInvalid, "typ is that of any JWT.";
    NoTyp = CredentialTypInvalid, "There is no typ.";
    LongTyp = CredentialTypInvalid, "typ has the prefix of a media type.";
    Expired = CredentialExpired, "exp has passed.";
    FromTheFuture = CredentialNotYetValid, "iat is tomorrow.";
    NotBefore = CredentialNotYetValid, "nbf is tomorrow.";
    TooLong = CredentialClaimInvalid, "exp is more than twelve months after iat.";
    NoEnd = CredentialClaimInvalid, "There is no exp.";
    NoSubject = CredentialClaimInvalid, "There is no sub.";
    OtherSubject = ConfigRefused, "sub is another party.";
    MissingEntitlement = CredentialClaimInvalid, "The entitlement is that of a provider of attestations.";
    OtherIntermediary = ConfigRefused, "An intermediary that is not the holder of the access certificate.";
    ActorUnknown = CredentialClaimInvalid, "An intermediary without act.";
    BrokenStatus = StatusInvalidReference, "The status has no list.";
    SelfMade = X5cUntrusted, "The chain is made by the party itself.";
    AccessAuthority = X5cUntrusted, "Signed by the authority of access certificates.";
    SelfSigned = X5cUntrusted, "The signer has certified itself.";
    NoChain = X5cMissing, "There is no x5c.";
    EmptyChain = X5cMalformed, "x5c is empty.";
    OtherLeaf = JwsSignatureInvalid, "x5c is the registrar's, the signature another's.";
    Changed = JwsSignatureInvalid, "The content was changed after it was signed.";
    AlgorithmNone = JwsAlgNotAllowed, "alg is none.";
    AlgorithmMac = JwsAlgNotAllowed, "alg is HS256.";
    Critical = JwsCritUnsupported, "A critical extension is unknown.";
    KeyAddress = JwsHeaderNotAllowed, "jku brings a key from somewhere.";
    Detached = JwsHeaderNotAllowed, "sigD says that something else was signed.";
    SignedTomorrow = JwsHeaderNotAllowed, "The signing time is tomorrow.";
    OtherThumbprint = X5cProfileViolation, "x5t#S256 names another certificate.";
}

impl TestAuthority {
    /// A certificate with this one fault.
    ///
    /// # Errors
    /// As [`Draft::jwt`].
    pub fn bad_registration(
        &self,
        bad: BadRegistration,
        wanted: &IntendedUse<'_>,
        now: UnixSeconds,
    ) -> Result<String, SimulatorError> {
        let mut draft = self.registration(wanted, now);
        let header = |draft: &mut Draft, name: &str, value: Value| {
            draft.header.insert(name.to_owned(), value);
        };
        let tomorrow = now.plus(DAY).0;
        match bad {
            BadRegistration::WrongTyp => header(&mut draft, "typ", json!("JWT")),
            BadRegistration::NoTyp => drop(draft.header.remove("typ")),
            BadRegistration::LongTyp => header(&mut draft, "typ", json!("application/rc-wrp+jwt")),
            BadRegistration::Expired => {
                draft.set("iat", json!(now.minus(200 * DAY).0));
                draft.set("exp", json!(now.minus(DAY).0));
            }
            BadRegistration::FromTheFuture => draft.set("iat", json!(tomorrow)),
            BadRegistration::NotBefore => draft.set("nbf", json!(tomorrow)),
            BadRegistration::TooLong => draft.set("exp", json!(now.plus(366 * DAY).0)),
            BadRegistration::NoEnd => drop(draft.claims.remove("exp")),
            BadRegistration::NoSubject => drop(draft.claims.remove("sub")),
            BadRegistration::OtherSubject => draft.set("sub", json!("NTRDE-TEST.00002")),
            BadRegistration::MissingEntitlement => {
                draft.set("entitlements", json!(["https://uri.etsi.org/19475/Entitlement/PID_Provider"]));
            }
            BadRegistration::OtherIntermediary => {
                draft.set("intermediary", json!({"sub": "NTRDE-TEST.00009", "sname": "Vermittler"}));
                draft.set("act", json!({"sub": "NTRDE-TEST.00009"}));
            }
            BadRegistration::ActorUnknown => draft.set("intermediary", json!({"sub": PARTY})),
            BadRegistration::BrokenStatus => draft.set("status", json!({"identifier_list": {}})),
            BadRegistration::SelfMade => {
                let other = Self::for_host([0x5e; 32], now, "localhost")?;
                sign_as(&mut draft, other.registrar.identity());
            }
            BadRegistration::AccessAuthority => sign_as(&mut draft, self.access()),
            BadRegistration::SelfSigned => {
                let leaf = Template::new("Test Registrar von eigener Hand", "DE", Role::Signer);
                let key = self.seed.key("self-signed registrar")?;
                let entity = leaf.self_signed(&self.seed, self.day, &key)?;
                let key = super::authority::SignerKey::P256(entity.key.clone());
                sign_as(&mut draft, SigningIdentity { key, chain: vec![entity.der] });
            }
            BadRegistration::NoChain => drop(draft.header.remove("x5c")),
            BadRegistration::EmptyChain => header(&mut draft, "x5c", json!([])),
            BadRegistration::OtherLeaf => draft.signer.key = self.access().key,
            BadRegistration::Changed => {
                let jwt = draft.jwt()?;
                draft.set("name", json!("Eine andere Anstalt"));
                let payload = base64::encode_url(Value::Object(draft.claims).to_string().as_bytes());
                let mut parts: Vec<&str> = jwt.split('.').collect();
                if let Some(part) = parts.get_mut(1) {
                    *part = &payload;
                }
                return Ok(parts.join("."));
            }
            BadRegistration::AlgorithmNone => header(&mut draft, "alg", json!("none")),
            BadRegistration::AlgorithmMac => header(&mut draft, "alg", json!("HS256")),
            BadRegistration::Critical => {
                header(&mut draft, "crit", json!(["sigPl"]));
                header(&mut draft, "sigPl", json!({}));
            }
            BadRegistration::KeyAddress => header(&mut draft, "jku", json!("https://elsewhere.example/keys")),
            BadRegistration::Detached => header(&mut draft, "sigD", json!({"mId": "x"})),
            BadRegistration::SignedTomorrow => header(&mut draft, "iat", json!(tomorrow)),
            BadRegistration::OtherThumbprint => header(&mut draft, "x5t#S256", json!(base64::encode_url(&[1; 32]))),
        }
        draft.jwt()
    }
}

fn sign_as(draft: &mut Draft, signer: SigningIdentity) {
    draft.header.insert("x5c".to_owned(), json!(signer.x5c()));
    draft.signer = signer;
}
