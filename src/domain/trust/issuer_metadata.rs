//! JWT VC issuer metadata: the keys of issuers that the configuration names, where no certificates are used.
//!
//! What is fetched, and from where, follows from the configuration alone. A token can neither name an address nor make
//! anything be asked: its `iss` is looked up among the issuers that are configured (VC-23).

use super::StatusOrigin;
use crate::domain::encoding::{base64, json};
use crate::domain::jose::hash::sha256;
use crate::domain::jose::key_set::KeySet;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use serde_json::Value;
use std::sync::Arc;
use url::Url;

/// Between host and path of an issuer's address.
const WELL_KNOWN: &str = "/.well-known/jwt-vc-issuer";

/// For how long keys may be used after they were confirmed, in seconds: they are asked for every hour, so a host may be
/// out of reach for most of a day.
pub const USABLE_SECONDS: i64 = 24 * 3_600;

/// An issuer whose keys are taken from its metadata, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerPlan {
    /// What its credentials state as `iss`, exactly.
    pub issuer: String,
    /// Where its key set may lie if it is not in the metadata, besides the issuer's own origin.
    pub key_origins: Vec<StatusOrigin>,
    metadata_url: String,
    origin: StatusOrigin,
}

impl IssuerPlan {
    /// For the issuer with exactly this identifier: an `https` address in its usual form, without user, query and fragment.
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] for every other text.
    ///
    /// # Source
    /// SD-JWT VC section 4 and 4.1: the well-known text stands between host and path, and a final slash is dropped (VC-24).
    pub fn new(issuer: &str, key_origins: Vec<StatusOrigin>) -> Result<Self, Reason> {
        let refused = |detail: &'static str| Reason::new(Code::ConfigRefused, detail);
        let url = Url::parse(issuer).map_err(|_| refused("is no absolute address"))?;
        if url.scheme() != "https" {
            return Err(refused("is no https address"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refused("has a query or a fragment"));
        }
        let origin = StatusOrigin::of_url(issuer).ok_or_else(|| refused("has a user or no host"))?;
        let usual = url.as_str();
        if usual != issuer && usual.strip_suffix('/') != Some(issuer) {
            return Err(refused("is not in its usual form"));
        }
        if url.path().contains("//") || issuer.contains('*') {
            return Err(refused("has an empty part in its path, or a wildcard"));
        }
        let path = url.path().strip_suffix('/').unwrap_or_else(|| url.path());
        let metadata_url = format!("{}{WELL_KNOWN}{path}", url.origin().ascii_serialization());
        Ok(Self { issuer: issuer.to_owned(), key_origins, metadata_url, origin })
    }

    /// Where its metadata lies.
    pub fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    /// The origin that is asked for the metadata.
    pub const fn origin(&self) -> &StatusOrigin {
        &self.origin
    }

    /// The origins that may be asked for a key set.
    pub fn key_hosts(&self) -> impl Iterator<Item = &StatusOrigin> {
        std::iter::once(&self.origin).chain(&self.key_origins)
    }

    /// The name under which its keys are kept between runs. Other key hosts make another name: what came from a host that
    /// is not allowed any more is forgotten.
    pub fn kept_name(&self) -> String {
        let mut text = self.issuer.clone();
        for origin in &self.key_origins {
            text.push(' ');
            text.push_str(&origin.text());
        }
        format!("issuer-{}", base64::encode_url(&sha256(text.as_bytes())))
    }

    /// Reads a metadata document.
    ///
    /// # Errors
    /// [`Code::TrustUnavailable`] if it is no strict JSON, of another issuer, has both or none of `jwks` and `jwks_uri`, a
    /// key set that [`KeySet::read`] refuses, or an address of keys that may not be asked.
    ///
    /// # Source
    /// SD-JWT VC sections 4.2 and 4.3 (VC-25). Further members are ignored.
    pub fn read(&self, document: &[u8]) -> Result<PublishedKeys, Reason> {
        let members = json::parse_object(document).map_err(|_| unusable("the metadata is no strict JSON object"))?;
        if members.get("issuer").and_then(Value::as_str) != Some(self.issuer.as_str()) {
            return Err(unusable("the metadata is that of another issuer"));
        }
        match (members.get("jwks"), members.get("jwks_uri")) {
            (Some(set), None) => key_set(set).map(PublishedKeys::Here),
            (None, Some(Value::String(address))) => self.key_address(address).map(PublishedKeys::At),
            (None, Some(_)) => Err(unusable("jwks_uri is no text")),
            (Some(_), Some(_)) => Err(unusable("the metadata has both jwks and jwks_uri")),
            (None, None) => Err(unusable("the metadata has neither jwks nor jwks_uri")),
        }
    }

    fn key_address(&self, address: &str) -> Result<String, Reason> {
        let url = Url::parse(address).map_err(|_| unusable("jwks_uri is no absolute address"))?;
        if url.scheme() != "https" || url.fragment().is_some() || address.len() > limits::STATUS_URI_BYTES {
            return Err(unusable("jwks_uri is no usable https address"));
        }
        let origin = StatusOrigin::of_url(address).ok_or_else(|| unusable("jwks_uri has a user or no host"))?;
        if self.key_hosts().any(|known| *known == origin) {
            Ok(url.into())
        } else {
            Err(unusable("the host of jwks_uri is not allowed for this issuer"))
        }
    }
}

/// Reads a JWK set that lies at an address of its own.
///
/// # Errors
/// [`Code::TrustUnavailable`] as for [`KeySet::read`].
pub fn read_key_set(document: &[u8]) -> Result<KeySet, Reason> {
    let members = json::parse_object(document).map_err(|_| unusable("the key set is no strict JSON object"))?;
    key_set(&Value::Object(members))
}

fn key_set(set: &Value) -> Result<KeySet, Reason> {
    KeySet::read(set).map_err(|fault| unusable(fault.0))
}

fn unusable(detail: &'static str) -> Reason {
    Reason::new(Code::TrustUnavailable, detail)
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone)]
pub enum PublishedKeys {
    /// In the metadata.
    Here(KeySet),
    /// At this address, which may be asked.
    At(String),
}

/// The keys of an issuer as they were confirmed last.
#[derive(Debug, Clone)]
pub struct ConfirmedKeys {
    /// The keys.
    pub keys: Arc<KeySet>,
    /// When the issuer's host last said that these are its keys.
    pub confirmed_at: UnixSeconds,
}

impl ConfirmedKeys {
    /// First second at which they may no longer be used, unless they are confirmed anew.
    pub const fn usable_until(&self) -> UnixSeconds {
        self.confirmed_at.plus(USABLE_SECONDS)
    }
}

/// An issuer of a trust source, with its keys if they are there.
#[derive(Debug, Clone)]
pub struct IssuerKeys {
    /// What its credentials state as `iss`, exactly.
    pub issuer: String,
    /// Its keys.
    pub confirmed: Option<ConfirmedKeys>,
}

impl IssuerKeys {
    /// The keys, if they may be used at `now`.
    ///
    /// # Errors
    /// [`Code::TrustUnavailable`] if they are not there, or were not confirmed in time.
    pub fn usable(&self, now: UnixSeconds) -> Result<&ConfirmedKeys, Reason> {
        match &self.confirmed {
            Some(confirmed) if now < confirmed.usable_until() => Ok(confirmed),
            Some(_) => Err(unusable("the keys of the issuer are too old to be used")),
            None => Err(unusable("the keys of the issuer are not there")),
        }
    }
}

/// Keys that are held for an issuer of the configuration.
#[derive(Debug, Clone)]
pub struct HeldIssuer {
    /// Which one.
    pub plan: IssuerPlan,
    /// Its keys.
    pub confirmed: ConfirmedKeys,
}

/// The document under which keys are kept between runs: metadata with the keys in it, which [`IssuerPlan::read`] reads.
pub fn kept_document(issuer: &str, keys: &KeySet) -> Vec<u8> {
    format!(r#"{{"issuer":{},"jwks":{}}}"#, Value::from(issuer), keys.text()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jose::keys::SigningKey;
    use serde_json::json;

    fn plan() -> IssuerPlan {
        let origins = vec![StatusOrigin::parse("keys.example").unwrap()];
        IssuerPlan::new("https://issuer.example/tenant/1", origins).unwrap()
    }

    fn set() -> Value {
        json!({"keys": [SigningKey::from_scalar(&[1; 32]).unwrap().public_jwk()]})
    }

    #[test]
    fn the_well_known_text_stands_between_host_and_path() {
        // VC-24.
        for (issuer, url) in [
            ("https://a.example", "https://a.example/.well-known/jwt-vc-issuer"),
            ("https://a.example/", "https://a.example/.well-known/jwt-vc-issuer"),
            ("https://a.example/t/1", "https://a.example/.well-known/jwt-vc-issuer/t/1"),
            ("https://a.example/t/1/", "https://a.example/.well-known/jwt-vc-issuer/t/1"),
            ("https://a.example:8443/t", "https://a.example:8443/.well-known/jwt-vc-issuer/t"),
        ] {
            let plan = IssuerPlan::new(issuer, Vec::new()).unwrap();
            assert_eq!((plan.metadata_url(), plan.issuer.as_str()), (url, issuer));
        }
        for wrong in [
            "http://a.example",
            "http://127.0.0.1",
            "https://a.example/?q",
            "https://a.example/#f",
            "https://a.example/t?",
            "https://user@a.example/",
            "https://A.example",
            "https://a.example:443",
            "https://a.example/a/../b",
            "https://a.example//",
            "https://a.example/t//",
            "https://*.example",
            "did:web:a.example",
            "a.example",
            "",
        ] {
            assert_eq!(IssuerPlan::new(wrong, Vec::new()).unwrap_err().code, Code::ConfigRefused, "{wrong}");
        }
    }

    #[test]
    fn metadata_is_that_of_the_issuer_and_has_one_way_to_its_keys() {
        // VC-25.
        let issuer = "https://issuer.example/tenant/1";
        let read = |document: Value| plan().read(document.to_string().as_bytes());
        let here = read(json!({"issuer": issuer, "jwks": set(), "display": []}));
        assert!(matches!(here, Ok(PublishedKeys::Here(_))));
        for address in ["https://issuer.example/keys", "https://keys.example/a?b=c"] {
            let there = read(json!({"issuer": issuer, "jwks_uri": address}));
            assert!(matches!(there, Ok(PublishedKeys::At(url)) if url == address));
        }
        for (wrong, words) in [
            (json!({"issuer": issuer}), "neither"),
            (json!({"issuer": issuer, "jwks": set(), "jwks_uri": "https://keys.example"}), "both"),
            (json!({"issuer": format!("{issuer}/"), "jwks": set()}), "another issuer"),
            (json!({"issuer": "https://issuer.example", "jwks": set()}), "another issuer"),
            (json!({"issuer": [issuer], "jwks": set()}), "another issuer"),
            (json!({"jwks": set()}), "another issuer"),
            (json!({"issuer": issuer, "jwks": null}), "no keys"),
            (json!({"issuer": issuer, "jwks_uri": null}), "no text"),
            (json!({"issuer": issuer, "jwks_uri": "keys"}), "no absolute"),
            (json!({"issuer": issuer, "jwks_uri": "http://keys.example"}), "https"),
            (json!({"issuer": issuer, "jwks_uri": "https://keys.example/#x"}), "https"),
            (json!({"issuer": issuer, "jwks_uri": "https://user@keys.example/"}), "user"),
            (json!({"issuer": issuer, "jwks_uri": "https://keys.example:8443/"}), "not allowed"),
            (json!({"issuer": issuer, "jwks_uri": "https://evil.example/"}), "not allowed"),
            (json!({"issuer": issuer, "jwks_uri": "https://169.254.169.254/"}), "not allowed"),
            (json!([]), "JSON"),
        ] {
            let reason = read(wrong).unwrap_err();
            assert!(reason.code == Code::TrustUnavailable && reason.detail.contains(words), "{reason}: {words}");
        }
        let twice = format!(r#"{{"issuer":"{issuer}","issuer":"{issuer}","jwks":{}}}"#, set());
        assert!(plan().read(twice.as_bytes()).is_err());
        assert!(read_key_set(b"[]").is_err());
        assert!(read_key_set(set().to_string().as_bytes()).is_ok());
    }

    #[test]
    fn what_is_kept_reads_as_the_same_keys() {
        let keys = KeySet::read(&set()).unwrap();
        let again = plan().read(&kept_document("https://issuer.example/tenant/1", &keys)).unwrap();
        assert!(matches!(again, PublishedKeys::Here(again) if again.digest() == keys.digest()));
        // Another allowed host is another plan.
        let alone = IssuerPlan::new("https://issuer.example/tenant/1", Vec::new()).unwrap();
        assert_ne!(alone.kept_name(), plan().kept_name());
    }

    #[test]
    fn keys_have_an_end() {
        let confirmed = ConfirmedKeys { keys: Arc::new(KeySet::read(&set()).unwrap()), confirmed_at: UnixSeconds(100) };
        let issuer = |confirmed| IssuerKeys { issuer: "https://issuer.example".to_owned(), confirmed };
        let held = issuer(Some(confirmed));
        assert!(held.usable(UnixSeconds(100 + USABLE_SECONDS - 1)).is_ok());
        assert_eq!(held.usable(UnixSeconds(100 + USABLE_SECONDS)).unwrap_err().code, Code::TrustUnavailable);
        assert_eq!(issuer(None).usable(UnixSeconds(0)).unwrap_err().code, Code::TrustUnavailable);
    }
}
