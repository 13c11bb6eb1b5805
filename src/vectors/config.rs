//! What the members of `config` mean for this verifier. One that it cannot honour makes a case unsupported, never
//! accepted.
//!
//! Members that begin with `x-` are ours; `docs/vectors.md` explains them.

use crate::domain::encoding::base64;
use crate::domain::jose::alg::{AllowedAlgorithms, SignatureAlgorithm};
use crate::domain::jose::header::Header;
use crate::domain::jose::jwk::PublicKey;
use crate::domain::jose::jws::CompactJws;
use crate::domain::jose::key_set::KeySet;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::{ClockSkew, UnixSeconds};
use crate::domain::trust::issuer_metadata::ConfirmedKeys;
use crate::domain::trust::{IssuerKeys, Purpose, StatusOrigin, StatusRule, TrustAnchors, TrustSource};
use crate::domain::type_metadata::{
    Document, Integrity, NoMetadata, TypeCatalogue, TypeDocuments, TypeMetadata, TypeMetadataPolicy, TypeMetadataRule,
    TypeNeed, TypeRule, Unresolved,
};
use crate::domain::verify::Policy;
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::{Anchor, AnchorInChain};
use crate::domain::x509::profile::CertificateProfile;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use url::Url;

/// Why a case was not accepted.
#[derive(Debug)]
pub enum Stop {
    /// It was refused.
    Refused(Reason),
    /// It was not judged, and why.
    Unsupported(String),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

/// Not judged, and why.
///
/// # Errors
/// Always.
pub fn unsupported<T>(why: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Unsupported(why.into()))
}

/// The configuration of one case, merged with that of its group.
#[derive(Debug, Clone, Copy)]
pub struct Config<'a>(pub &'a Map<String, Value>);

impl<'a> Config<'a> {
    /// Refuses to judge a case with a member that the type does not honour.
    ///
    /// # Errors
    /// [`Stop::Unsupported`].
    pub fn only(self, honoured: &[&str]) -> Result<(), Stop> {
        match self.0.keys().find(|name| !honoured.contains(&name.as_str())) {
            Some(name) => unsupported(format!("config member {name}")),
            None => Ok(()),
        }
    }

    /// A member.
    pub fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    /// Whether a member is there.
    pub fn has(self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A member that must be a string if it is there.
    ///
    /// # Errors
    /// [`Stop::Unsupported`] for other types.
    pub fn text(self, name: &str) -> Result<Option<&'a str>, Stop> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => unsupported(format!("config member {name} is no string")),
        }
    }

    /// A member that must be an integer if it is there.
    ///
    /// # Errors
    /// [`Stop::Unsupported`] for other types.
    pub fn number(self, name: &str) -> Result<Option<i64>, Stop> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match value.as_i64() {
                Some(number) => Ok(Some(number)),
                None => unsupported(format!("config member {name} is no integer")),
            },
        }
    }

    /// A member that must be an array of strings if it is there.
    ///
    /// # Errors
    /// [`Stop::Unsupported`] for other types.
    pub fn texts(self, name: &str) -> Result<Option<Vec<String>>, Stop> {
        self.get(name).map(|value| strings(name, value)).transpose()
    }

    /// The time of the verdict.
    ///
    /// # Errors
    /// [`Stop::Unsupported`] if it is missing: nobody here reads a clock.
    pub fn now(self) -> Result<UnixSeconds, Stop> {
        match self.number("now")? {
            Some(seconds) => Ok(UnixSeconds(seconds)),
            None => unsupported("config has no now"),
        }
    }

    /// The tolerance for clocks; none by default.
    ///
    /// # Errors
    /// [`Stop::Unsupported`] beyond what the service allows.
    pub fn skew(self) -> Result<ClockSkew, Stop> {
        let seconds = self.number("clock_skew")?.unwrap_or(0);
        ClockSkew::new(seconds).map_or_else(|| unsupported("clock_skew is not between 0 and 300"), Ok)
    }

    /// The signature algorithms. Names that do not exist here are left out: nothing can be accepted under them.
    ///
    /// # Errors
    /// [`Stop::Unsupported`] for a list without ES256, which the service always accepts.
    pub fn algorithms(self, absent: &[SignatureAlgorithm]) -> Result<AllowedAlgorithms, Stop> {
        let Some(names) = self.texts("alg_allowed")? else { return Ok(AllowedAlgorithms::es256_and(absent)) };
        if !names.iter().any(|name| name == "ES256") {
            return unsupported("alg_allowed without ES256");
        }
        let known: Vec<SignatureAlgorithm> =
            names.iter().filter_map(|name| SignatureAlgorithm::from_name(name)).collect();
        Ok(AllowedAlgorithms::es256_and(&known))
    }

    /// Checks `typ` against `allowed_typ`, in which `null` stands for an absent one.
    ///
    /// # Errors
    /// The refusal with `code`, [`Stop::Unsupported`] for a list of other things.
    pub fn check_typ(self, header: &Header, code: Code) -> Result<(), Stop> {
        let allowed = match self.get("allowed_typ") {
            None => return Ok(()),
            Some(Value::Array(allowed)) => allowed,
            Some(_) => return unsupported("allowed_typ is no array"),
        };
        let fits = |typ: &Value| match typ {
            Value::Null => header.typ().is_none() && !header.has("typ"),
            Value::String(typ) => header.typ() == Some(typ),
            _ => false,
        };
        if allowed.iter().any(fits) { Ok(()) } else { Err(Reason::new(code, "typ is not one of allowed_typ").into()) }
    }

    /// The keys of a member such as `issuer_jwks`.
    ///
    /// # Errors
    /// As [`KnownKeys::read`]; [`Stop::Unsupported`] if the member is missing.
    pub fn keys(self, name: &str) -> Result<KnownKeys, Stop> {
        match self.get(name) {
            Some(Value::Array(jwks)) => Ok(KnownKeys::read(jwks)?),
            _ => unsupported(format!("config has no {name}")),
        }
    }

    /// The policy of a verdict on whole presentations.
    ///
    /// # Errors
    /// [`Stop::Unsupported`] for what would switch a check off.
    pub fn policy(self) -> Result<Policy, Stop> {
        let Some(typ) = self.texts("allowed_typ")? else { return unsupported("config has no allowed_typ") };
        let Some(proof_max_age) = self.number("kb_max_age")? else { return unsupported("config has no kb_max_age") };
        Ok(Policy {
            algorithms: self.algorithms(&[])?,
            credential_typ: typ,
            skew: self.skew()?,
            proof_max_age,
            accept_aka_vcts: self.get("x-accept_aka_vcts").and_then(Value::as_bool).unwrap_or(true),
            anchor_in_chain: self.anchor_in_chain()?,
            type_metadata: self.type_metadata()?,
            ..Policy::default()
        })
    }

    /// The rules for type metadata: each type of `x-type_metadata` is fetched, its documents being among what is brought;
    /// those of `x-type_metadata_required` must be there.
    fn type_metadata(self) -> Result<TypeMetadataPolicy, Stop> {
        let mut rules: BTreeMap<String, TypeRule> = BTreeMap::new();
        if let Some(Value::Object(documents)) = self.get("x-type_metadata") {
            for vct in documents.keys() {
                let publishers = vec!["https://types.example:443".to_owned()];
                rules.insert(vct.clone(), TypeRule { publishers, ..TypeRule::default() });
            }
        }
        for vct in self.texts("x-type_metadata_required")?.unwrap_or_default() {
            rules.entry(vct).or_default().rule = TypeMetadataRule::Required;
        }
        Ok(TypeMetadataPolicy { catalogue: TypeCatalogue::default(), rules })
    }

    /// The documents of `x-type_metadata`, as they are fetched.
    pub fn type_documents(self) -> Documents<'a> {
        Documents(self.get("x-type_metadata").and_then(Value::as_object))
    }

    /// Whether an anchor may be in `x5c`; by default it may not.
    ///
    /// # Errors
    /// [`Stop::Unsupported`] for other words.
    pub fn anchor_in_chain(self) -> Result<AnchorInChain, Stop> {
        match self.text("x-anchor_in_chain")? {
            None | Some("refuse") => Ok(AnchorInChain::Refuse),
            Some("ignore") => Ok(AnchorInChain::Ignore),
            Some(_) => unsupported("x-anchor_in_chain"),
        }
    }

    /// Audience and nonce that a proof must name.
    ///
    /// # Errors
    /// [`Stop::Unsupported`] if one is missing: it is always checked.
    pub fn verifier(self) -> Result<(&'a str, &'a str), Stop> {
        let member = |name: &str| self.get("verifier").and_then(|verifier| verifier.get(name)).and_then(Value::as_str);
        match (member("aud"), member("nonce")) {
            (Some(audience), Some(nonce)) => Ok((audience, nonce)),
            _ => unsupported("config has no verifier with aud and nonce"),
        }
    }

    /// Who may issue what: `x-trust_sources`, or `trust` as one source for `types`.
    ///
    /// # Errors
    /// [`Stop::Unsupported`] for kinds of trust that do not exist here, [`Code::ConfigRefused`] for a bad anchor.
    pub fn trust(self, types: &[String]) -> Result<TrustAnchors, Stop> {
        if let Some(sources) = self.get("x-trust_sources") {
            let sources = sources.as_array().map(Vec::as_slice).unwrap_or_default();
            return Ok(TrustAnchors::new(
                sources.iter().map(|source| Self::source(source, self.now()?)).collect::<Result<_, _>>()?,
            ));
        }
        let Some(Value::Object(trust)) = self.get("trust") else { return unsupported("config has no trust") };
        for (name, value) in trust {
            let empty = value.as_array().is_some_and(Vec::is_empty);
            if !matches!(name.as_str(), "x509_roots" | "pinned_certs") && !empty {
                return unsupported(format!("trust.{name}"));
            }
        }
        let source = TrustSource {
            anchors: anchors(trust.get("x509_roots"))?,
            pinned: certificates(trust.get("pinned_certs"))?,
            status_origins: match self.texts("x-status_origins")? {
                Some(origins) => origins.iter().map(|text| StatusOrigin::parse(text)).collect::<Result<_, _>>()?,
                None => self.resource_origins(),
            },
            status_rule: status_rule(self.text("x-status_rule")?)?,
            profile: CertificateProfile {
                extended_key_usage: self.text("x-extended_key_usage")?.map(str::to_owned),
                ..CertificateProfile::default()
            },
            ..TrustSource::new("trust", Purpose::EaaProvider, types.to_vec())
        };
        Ok(TrustAnchors::new(vec![source]))
    }

    fn source(value: &Value, now: UnixSeconds) -> Result<TrustSource, Stop> {
        let Value::Object(members) = value else { return unsupported("a trust source is no object") };
        let config = Config(members);
        config.only(&[
            "name",
            "types",
            "x509_roots",
            "pinned_certs",
            "status_roots",
            "status_origins",
            "status_rule",
            "extended_key_usage",
            "purpose",
            "qc_type",
            "countries",
            "issuer_keys",
        ])?;
        let origins = config.texts("status_origins")?.unwrap_or_default();
        let purpose = match config.text("purpose")? {
            None => Purpose::EaaProvider,
            Some(name) => Purpose::from_name(name).map_or_else(|| unsupported(format!("purpose {name}")), Ok)?,
        };
        Ok(TrustSource {
            anchors: anchors(config.get("x509_roots"))?,
            pinned: certificates(config.get("pinned_certs"))?,
            issuer_keys: issuer_keys(config.get("issuer_keys"), now)?,
            status_anchors: anchors(config.get("status_roots"))?,
            status_origins: origins.iter().map(|text| StatusOrigin::parse(text)).collect::<Result<_, _>>()?,
            status_rule: status_rule(config.text("status_rule")?)?,
            profile: CertificateProfile {
                extended_key_usage: config.text("extended_key_usage")?.map(str::to_owned),
                qc_type: config.text("qc_type")?.map(str::to_owned),
            },
            countries: config.texts("countries")?.unwrap_or_default(),
            ..TrustSource::new(
                config.text("name")?.unwrap_or_default(),
                purpose,
                config.texts("types")?.unwrap_or_default(),
            )
        })
    }

    /// Where the listed resources lie: with no other word on it, status lists may lie there.
    fn resource_origins(self) -> Vec<StatusOrigin> {
        let Some(Value::Object(resources)) = self.get("resources") else { return Vec::new() };
        let origin = |url: &String| StatusOrigin::parse(&Url::parse(url).ok()?.origin().ascii_serialization()).ok();
        resources.keys().filter_map(origin).collect()
    }

    /// The body that this address answers with; `None` if it cannot be reached or answers with an error.
    pub fn resource(self, url: &str) -> Option<Vec<u8>> {
        let answer = self.get("resources")?.get(url)?.as_object()?;
        if answer.get("status").and_then(Value::as_u64) != Some(200) || answer.contains_key("error") {
            return None;
        }
        match (answer.get("body"), answer.get("body_hex")) {
            (Some(Value::String(body)), None) => Some(body.as_bytes().to_vec()),
            (None, Some(Value::String(text))) => from_hex(text),
            _ => None,
        }
    }
}

/// Type metadata documents by type, as exact text.
#[derive(Clone, Copy)]
pub struct Documents<'a>(pub Option<&'a Map<String, Value>>);

impl Documents<'_> {
    /// The whole chain of a type, read as documents that were fetched are.
    ///
    /// # Errors
    /// As for the service: [`NoMetadata`].
    pub fn chain(self, vct: &str, integrity: Option<&Integrity>) -> Result<Arc<TypeMetadata>, NoMetadata> {
        let mut brought: Vec<Arc<Document>> = Vec::new();
        loop {
            let missing = match TypeCatalogue::default().resolve_with(vct, integrity, &brought) {
                Ok(metadata) => return Ok(metadata),
                Err(Unresolved::Invalid(reason)) => return Err(NoMetadata::Invalid(reason)),
                Err(Unresolved::Needed { vct, .. }) => vct,
            };
            let Some(text) = self.0.and_then(|texts| texts.get(&missing)).and_then(Value::as_str) else {
                return Err(NoMetadata::Unavailable { vct: missing });
            };
            let document = Document::parse(text.as_bytes()).map_err(NoMetadata::Invalid)?;
            if document.vct != missing {
                let reason = Reason::new(Code::TypeMetadataInvalid, "the type metadata is that of another type");
                return Err(NoMetadata::Invalid(reason));
            }
            brought.push(Arc::new(document));
        }
    }
}

impl TypeDocuments for Documents<'_> {
    fn metadata(&self, need: &TypeNeed) -> Result<Arc<TypeMetadata>, NoMetadata> {
        self.chain(&need.vct, need.integrity.as_ref())
    }
}

fn strings(name: &str, value: &Value) -> Result<Vec<String>, Stop> {
    let items: Option<Vec<String>> =
        value.as_array().and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
    items.map_or_else(|| unsupported(format!("config member {name} is no array of strings")), Ok)
}

/// Issuers with the key sets that they publish, as they were confirmed at `now`.
fn issuer_keys(value: Option<&Value>, now: UnixSeconds) -> Result<Vec<IssuerKeys>, Stop> {
    let sets = match value {
        None => return Ok(Vec::new()),
        Some(Value::Object(sets)) => sets,
        Some(_) => return unsupported("issuer_keys is no object"),
    };
    let issuer = |(issuer, set): (&String, &Value)| {
        let keys = KeySet::read(set).map_err(|fault| Reason::new(Code::ConfigRefused, fault.0))?;
        let confirmed = Some(ConfirmedKeys { keys: Arc::new(keys), confirmed_at: now });
        Ok(IssuerKeys { issuer: issuer.clone(), confirmed })
    };
    sets.iter().map(issuer).collect()
}

fn status_rule(word: Option<&str>) -> Result<StatusRule, Stop> {
    match word {
        None | Some("may_be_absent") => Ok(StatusRule::MayBeAbsent),
        Some("required") => Ok(StatusRule::Required),
        Some("required_unless_short_lived") => Ok(StatusRule::RequiredUnlessShortLived),
        Some(other) => unsupported(format!("status rule {other}")),
    }
}

/// Certificates from standard base64 of their DER.
///
/// # Errors
/// [`Code::ConfigRefused`] if one cannot be read.
pub fn certificates(value: Option<&Value>) -> Result<Vec<Certificate>, Stop> {
    let texts = value.map(|value| strings("certificates", value)).transpose()?.unwrap_or_default();
    let read = |text: &String| {
        let der = base64::decode_standard(text)?;
        Certificate::read(&der)
    };
    texts.iter().map(|text| read(text).map_err(|reason| reason.recode(Code::ConfigRefused).into())).collect()
}

/// Anchors from standard base64 of their DER.
///
/// # Errors
/// [`Code::ConfigRefused`] for what cannot be an anchor.
pub fn anchors(value: Option<&Value>) -> Result<Vec<Anchor>, Stop> {
    Ok(certificates(value)?.into_iter().map(Anchor::new).collect::<Result<_, _>>()?)
}

/// The bytes of lower-case hexadecimal.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a').and_then(|value| value.checked_add(10)),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// Bytes as lower-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

/// Public keys that are known beforehand, as a deployment would configure them.
pub struct KnownKeys(Vec<(Option<String>, PublicKey)>);

impl KnownKeys {
    /// Reads a set of JWKs.
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] for a key that cannot be read, is private, or says something else than its curve, and
    /// for two keys of one `kid` (cases JOS-038, JOS-039).
    pub fn read(jwks: &[Value]) -> Result<Self, Reason> {
        let refused = |detail: String| Reason::new(Code::ConfigRefused, detail);
        let mut keys: Vec<(Option<String>, PublicKey)> = Vec::new();
        for (place, jwk) in jwks.iter().enumerate() {
            let members = jwk.as_object().ok_or_else(|| refused(format!("key {place} is no object")))?;
            let key = PublicKey::from_jwk(members).map_err(|fault| refused(format!("key {place}: {fault}")))?;
            let kid = members.get("kid").and_then(Value::as_str).map(str::to_owned);
            if kid.is_some() && keys.iter().any(|(known, _)| *known == kid) {
                return Err(refused(format!("key {place} has the kid of another one")));
            }
            keys.push((kid, key));
        }
        Ok(Self(keys))
    }

    /// Verifies `jws` with the key that its `kid` names, or else with each key of its algorithm.
    ///
    /// # Errors
    /// [`Code::JwsKeyMismatch`] when no key fits, otherwise as [`CompactJws::verify`].
    pub fn verify(&self, jws: &CompactJws<'_>, header: &Header, algorithm: SignatureAlgorithm) -> Result<(), Reason> {
        let kid = header.members().get("kid").and_then(Value::as_str);
        let named = |(known, _): &&(Option<String>, PublicKey)| kid.is_some() && known.as_deref() == kid;
        let candidates: Vec<&PublicKey> = match self.0.iter().find(named) {
            Some((_, key)) => vec![key],
            None => self.0.iter().map(|(_, key)| key).collect(),
        };
        let mut fault = Reason::new(Code::JwsKeyMismatch, "no key of this algorithm is known");
        for key in candidates {
            match jws.verify(algorithm, key) {
                Ok(()) => return Ok(()),
                Err(reason) if reason.code == Code::JwsKeyMismatch => {}
                Err(reason) => fault = reason,
            }
        }
        Err(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hexadecimal_is_lower_case_and_whole() {
        assert_eq!(from_hex("00ff7a"), Some(vec![0, 0xff, 0x7a]));
        assert_eq!(to_hex(&[0, 0xff, 0x7a]), "00ff7a");
        for wrong in ["0", "0F", "zz", "000"] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nothing_can_be_switched_off() {
        let why = |config: Value, honoured: &[&str]| {
            let Value::Object(members) = config else { panic!("no object") };
            match Config(&members).only(honoured) {
                Err(Stop::Unsupported(why)) => why,
                _ => panic!("supported"),
            }
        };
        assert_eq!(why(json!({"skip_trust": true}), &["now"]), "config member skip_trust");
        let members = json!({"verifier": {"aud": "a"}, "alg_allowed": ["ES384"], "clock_skew": 301});
        let config = Config(members.as_object().unwrap());
        assert!(matches!(config.verifier(), Err(Stop::Unsupported(_))));
        assert!(matches!(config.algorithms(&[]), Err(Stop::Unsupported(_))));
        assert!(matches!(config.skew(), Err(Stop::Unsupported(_))));
        assert!(matches!(config.now(), Err(Stop::Unsupported(_))));
        assert!(matches!(config.policy(), Err(Stop::Unsupported(_))));
        assert!(matches!(config.trust(&[]), Err(Stop::Unsupported(_))));
    }

    #[test]
    fn known_keys_are_public_and_have_names_of_their_own() {
        // Cases JOS-038, JOS-039.
        let key = crate::domain::jose::keys::SigningKey::from_scalar(&[7; 32]).unwrap();
        let with = |name: &str, value: Value| {
            let mut jwk = Value::Object(key.public_jwk());
            jwk[name] = value;
            jwk
        };
        let named = with("kid", json!("a"));
        assert!(KnownKeys::read(&[named.clone(), with("kid", json!("b"))]).is_ok());
        for wrong in [
            vec![named.clone(), named],
            vec![Value::Object(key.public_jwk()), Value::Object(key.test_jwk())],
            vec![with("alg", json!("ES384"))],
            vec![json!(7)],
        ] {
            assert_eq!(KnownKeys::read(&wrong).err().map(|reason| reason.code), Some(Code::ConfigRefused));
        }
    }
}
