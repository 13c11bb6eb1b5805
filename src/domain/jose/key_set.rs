//! JWK sets of issuers: public signature keys, each found by its `kid`.

use super::alg::SignatureAlgorithm;
use super::hash::sha256;
use super::jwk::{KeyFault, PublicKey};
use crate::domain::limits;
use serde_json::{Map, Value, json};

/// The members by which a key is what it is, and by which it is found. Nothing else of a key is kept.
const KEPT: [&str; 9] = ["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"];

/// Members of keys that are private or shared. One of them spoils the whole set: whoever publishes it has lost it.
const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// A public key with the name that its owner gave it.
#[derive(Debug, Clone)]
pub struct NamedKey {
    /// `kid`
    pub kid: Option<String>,
    /// The key.
    pub key: PublicKey,
}

/// The keys of a JWK set that can verify signatures here; at least one.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<NamedKey>,
    text: String,
    digest: [u8; 32],
}

impl KeySet {
    /// Reads a JWK set. Keys of other types, curves, algorithms or uses are left out (RFC 7517 section 5); everything else
    /// that is wrong refuses the set.
    ///
    /// # Errors
    /// [`KeyFault`] if it is no JWK set, for more than [`limits::ISSUER_KEYS`] keys, a `kid` that is no string, too long
    /// or there twice, a private or shared key, a broken key, and if no usable key is left.
    ///
    /// # Source
    /// RFC 7517 sections 4 and 5; VC-25, cases JOS-038, JOS-039.
    pub fn read(set: &Value) -> Result<Self, KeyFault> {
        let Some(Value::Array(entries)) = set.get("keys") else { return Err(KeyFault("the JWK set has no keys")) };
        if entries.len() > limits::ISSUER_KEYS {
            return Err(KeyFault("the JWK set has more keys than the limit"));
        }
        let mut names: Vec<&str> = Vec::new();
        let (mut keys, mut kept) = (Vec::new(), Vec::new());
        for entry in entries {
            let Value::Object(jwk) = entry else { return Err(KeyFault("an entry of the JWK set is no key")) };
            if SECRET.iter().any(|name| jwk.contains_key(*name)) {
                return Err(KeyFault("the JWK set has a private or shared key"));
            }
            let kid = match jwk.get("kid") {
                None => None,
                Some(Value::String(kid)) if names.contains(&kid.as_str()) => {
                    return Err(KeyFault("two keys of the JWK set have the same kid"));
                }
                Some(Value::String(kid)) if (1..=limits::KID_CHARS).contains(&kid.len()) => {
                    names.push(kid);
                    Some(kid.clone())
                }
                Some(_) => return Err(KeyFault("a kid of the JWK set is no short text")),
            };
            if is_for_signatures(jwk) {
                keys.push(NamedKey { kid, key: PublicKey::from_jwk(jwk)? });
                let members = jwk.iter().filter(|(name, _)| KEPT.contains(&name.as_str()));
                kept.push(members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>());
            }
        }
        if keys.is_empty() {
            return Err(KeyFault("the JWK set has no key for signatures of a kind that is known"));
        }
        let text = json!({"keys": kept}).to_string();
        Ok(Self { keys, digest: sha256(text.as_bytes()), text })
    }

    /// The key with which a token of this `kid` and algorithm must be signed. Without a `kid` it is the only one that
    /// fits the algorithm; nothing is tried out.
    ///
    /// # Errors
    /// [`KeyFault`] if no key fits, or more than one.
    pub fn select(&self, kid: Option<&str>, algorithm: SignatureAlgorithm) -> Result<&PublicKey, KeyFault> {
        let named = |named: &&NamedKey| kid.is_none() || named.kid.as_deref() == kid;
        let mut fitting = self.keys.iter().filter(named).filter(|named| named.key.algorithm() == algorithm);
        match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(&only.key),
            (None, _) if kid.is_some() => Err(KeyFault("no key of the issuer has this kid and fits the algorithm")),
            (None, _) => Err(KeyFault("no key of the issuer fits the algorithm")),
            (Some(_), Some(_)) => Err(KeyFault("several keys of the issuer fit, and kid names none of them")),
        }
    }

    /// The keys, in their order.
    pub fn keys(&self) -> &[NamedKey] {
        &self.keys
    }

    /// The set as JSON, with these keys and what [`Self::read`] needs of them: reading it gives the same set.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of [`Self::text`].
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// Whether this is a key that could verify signatures here, if it is sound.
fn is_for_signatures(jwk: &Map<String, Value>) -> bool {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let algorithm = match (text("kty"), text("crv")) {
        (Some("EC"), Some("P-256")) => SignatureAlgorithm::Es256,
        (Some("EC"), Some("P-384")) => SignatureAlgorithm::Es384,
        (Some("EC"), Some("P-521")) => SignatureAlgorithm::Es512,
        (Some("OKP"), Some("Ed25519")) => SignatureAlgorithm::Ed25519,
        (Some("RSA"), _) => SignatureAlgorithm::Ps256,
        _ => return false,
    };
    let is = |name: &str, wanted: &str| jwk.get(name).is_none_or(|value| value == wanted);
    let verifies = jwk
        .get("key_ops")
        .is_none_or(|uses| uses.as_array().is_some_and(|uses| uses.iter().any(|operation| operation == "verify")));
    is("use", "sig") && is("alg", algorithm.name()) && verifies
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jose::keys::SigningKey;

    fn jwk(number: u8, more: &Value) -> Value {
        let mut jwk = SigningKey::from_scalar(&[number; 32]).unwrap().public_jwk();
        jwk.extend(more.as_object().unwrap().clone());
        Value::Object(jwk)
    }

    fn read(keys: &[Value]) -> Result<KeySet, &'static str> {
        KeySet::read(&json!({"keys": keys})).map_err(|fault| fault.0)
    }

    #[test]
    fn keys_are_found_by_name_or_because_they_are_alone() {
        // VC-25, VC-29.
        let es256 = SignatureAlgorithm::Es256;
        let alone = read(&[jwk(1, &json!({}))]).unwrap();
        assert!(alone.select(None, es256).is_ok());
        assert!(alone.select(Some("a"), es256).is_err(), "a kid that nobody has");
        assert!(alone.select(None, SignatureAlgorithm::Es384).is_err());
        let two = read(&[jwk(1, &json!({"kid": "a"})), jwk(2, &json!({"kid": "b"}))]).unwrap();
        let second = SigningKey::from_scalar(&[2; 32]).unwrap().public_key().unwrap();
        assert!(two.select(Some("b"), es256).unwrap().same_key(&second));
        assert!(two.select(None, es256).unwrap_err().0.contains("several"));
        assert!(two.select(Some("c"), es256).unwrap_err().0.contains("has this kid"));
        let nameless = read(&[jwk(1, &json!({})), jwk(2, &json!({}))]).unwrap();
        assert!(nameless.select(None, es256).is_err());
    }

    #[test]
    fn what_cannot_verify_here_is_left_out() {
        // RFC 7517 section 5.
        let good =
            jwk(1, &json!({"kid": "a", "use": "sig", "alg": "ES256", "key_ops": ["verify"], "x5u": "https://x"}));
        let others = [
            json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
            json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
            json!({"kty": "AKP", "pub": "AA"}),
            jwk(2, &json!({"use": "enc"})),
            jwk(2, &json!({"alg": "ECDH-ES"})),
            jwk(2, &json!({"key_ops": ["deriveBits"]})),
        ];
        for other in others {
            let set = read(&[other, good.clone()]).unwrap();
            assert_eq!(set.keys().len(), 1);
            assert_eq!(KeySet::read(&serde_json::from_str(set.text()).unwrap()).unwrap().digest(), set.digest());
            assert!(!set.text().contains("x5u"));
        }
    }

    #[test]
    fn a_set_with_anything_wrong_is_no_set() {
        // Cases JOS-038, JOS-039; a set that shows a secret is not believed at all.
        let good = || jwk(1, &json!({"kid": "a"}));
        let private = Value::Object(SigningKey::from_scalar(&[3; 32]).unwrap().test_jwk());
        let off_curve = json!({"kty": "EC", "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43)});
        for (wrong, words) in [
            (vec![good(), private], "private"),
            (vec![good(), json!({"kty": "oct", "k": "AAAA"})], "private or shared"),
            (vec![good(), jwk(2, &json!({"kid": "a"}))], "same kid"),
            (vec![good(), json!({"kty": "AKP", "kid": "a"})], "same kid"),
            (vec![jwk(1, &json!({"kid": 7}))], "no short text"),
            (vec![jwk(1, &json!({"kid": ""}))], "no short text"),
            (vec![jwk(1, &json!({"kid": "a".repeat(limits::KID_CHARS + 1)}))], "no short text"),
            (vec![good(), off_curve], "curve"),
            (vec![good(), json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"})], "length"),
            (vec![good(), json!("key")], "no key"),
            (vec![], "no key for signatures"),
            (vec![json!({"kty": "AKP"})], "no key for signatures"),
            (vec![json!({}); limits::ISSUER_KEYS + 1], "more keys"),
        ] {
            let found = read(&wrong).unwrap_err();
            assert!(found.contains(words), "{found}: {words}");
        }
        for wrong in [json!({}), json!([]), json!({"keys": {}}), Value::Null] {
            assert!(KeySet::read(&wrong).is_err());
        }
    }
}
