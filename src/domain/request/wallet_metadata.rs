//! What a wallet says about itself when it collects the request by POST. It can only narrow what we do (OVP-RURI-15).

use super::client_id::ClientIdPrefix;
use crate::domain::encoding::json;
use crate::domain::jose::alg::AllowedAlgorithms;
use crate::domain::jose::jwe::{ContentEncryption, check_recipient};
use crate::domain::reason::{Code, Reason};
use serde_json::{Map, Value};

/// What follows from a wallet's metadata. Nothing of it is kept (OVP-RURI-18).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WalletMetadata {
    /// The wallet wants the request object encrypted to this key (OVP-JAR-19).
    pub encryption: Option<RequestEncryption>,
}

/// How a request object is encrypted to a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestEncryption {
    /// The wallet's public key.
    pub jwk: Map<String, Value>,
    /// The content encryption.
    pub enc: ContentEncryption,
}

/// Longest `wallet_metadata`, in bytes.
const MOST_BYTES: usize = 32 * 1024;

impl WalletMetadata {
    /// Reads `wallet_metadata` and compares it with what this verifier offers. No address in it is ever asked
    /// (case REQ-008).
    ///
    /// # Errors
    /// - [`Code::WalletMetadataInvalid`] for no JSON object, members of a wrong type, and keys of which none is usable.
    /// - [`Code::WalletIncompatible`] when format, algorithms or prefix have nothing in common with ours.
    ///
    /// # Source
    /// OpenID4VP 1.0 sections 5.10 and 10.1; cases REQ-010, REQ-011.
    pub fn parse(text: &str, prefix: ClientIdPrefix, algorithms: &AllowedAlgorithms) -> Result<Self, Reason> {
        let invalid = |detail: &'static str| Reason::new(Code::WalletMetadataInvalid, detail);
        if text.len() > MOST_BYTES {
            return Err(invalid("wallet_metadata is above the limit"));
        }
        let members =
            json::parse_object(text.as_bytes()).map_err(|_| invalid("wallet_metadata is no strict JSON object"))?;
        check_formats(&members, algorithms)?;
        let offers = |name: &str, ours: &str| match list(&members, name)? {
            Some(values) if !values.contains(&ours) => {
                Err(Reason::new(Code::WalletIncompatible, format!("{name} has nothing in common with this verifier")))
            }
            _ => Ok(()),
        };
        offers("client_id_prefixes_supported", prefix.as_str())?;
        offers("request_object_signing_alg_values_supported", "ES256")?;
        Ok(Self { encryption: encryption(&members)? })
    }
}

/// Checks a `wallet_nonce`: 16 to 256 URL-safe characters (case REQ-005).
///
/// # Errors
/// [`Code::WalletNonceInvalid`].
pub fn check_wallet_nonce(nonce: &str) -> Result<(), Reason> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if (16..=256).contains(&nonce.len()) && nonce.bytes().all(plain) {
        Ok(())
    } else {
        Err(Reason::new(Code::WalletNonceInvalid, "not 16 to 256 URL-safe characters"))
    }
}

fn list<'m>(members: &'m Map<String, Value>, name: &str) -> Result<Option<Vec<&'m str>>, Reason> {
    let invalid = || Reason::new(Code::WalletMetadataInvalid, format!("{name} is no array of strings"));
    match members.get(name) {
        None => Ok(None),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().ok_or_else(invalid)).collect::<Result<_, _>>().map(Some)
        }
        Some(_) => Err(invalid()),
    }
}

fn check_formats(members: &Map<String, Value>, algorithms: &AllowedAlgorithms) -> Result<(), Reason> {
    let invalid = || Reason::new(Code::WalletMetadataInvalid, "vp_formats_supported has the wrong shape");
    let incompatible = |detail: &'static str| Reason::new(Code::WalletIncompatible, detail);
    let formats = match members.get("vp_formats_supported") {
        None => return Ok(()),
        Some(Value::Object(formats)) => formats,
        Some(_) => return Err(invalid()),
    };
    let format = match formats.get("dc+sd-jwt") {
        None => return Err(incompatible("the wallet has no dc+sd-jwt")),
        Some(Value::Object(format)) => format,
        Some(_) => return Err(invalid()),
    };
    for name in ["sd-jwt_alg_values", "kb-jwt_alg_values"] {
        if let Some(values) = list(format, name)?
            && !values.iter().any(|value| algorithms.find(value).is_some())
        {
            return Err(incompatible("the wallet shares no signature algorithm for dc+sd-jwt"));
        }
    }
    Ok(())
}

fn encryption(members: &Map<String, Value>) -> Result<Option<RequestEncryption>, Reason> {
    let invalid = |detail: &'static str| Reason::new(Code::WalletMetadataInvalid, detail);
    let keys = match members.get("jwks") {
        None => return Ok(None),
        Some(Value::Object(jwks)) => match jwks.get("keys") {
            Some(Value::Array(keys)) if !keys.is_empty() => keys,
            _ => return Err(invalid("jwks has no keys")),
        },
        Some(_) => return Err(invalid("jwks is no object")),
    };
    if list(members, "authorization_encryption_alg_values_supported")?.is_some_and(|algs| !algs.contains(&"ECDH-ES")) {
        return Err(Reason::new(Code::WalletIncompatible, "the wallet cannot decrypt ECDH-ES"));
    }
    let jwk = keys
        .iter()
        .filter_map(Value::as_object)
        .find(|jwk| check_recipient(jwk).is_ok())
        .ok_or_else(|| invalid("no key in jwks can be encrypted to"))?;
    let enc = match list(members, "authorization_encryption_enc_values_supported")? {
        None => ContentEncryption::A128Gcm,
        Some(values) => ContentEncryption::ALL
            .into_iter()
            .rev()
            .find(|enc| values.contains(&enc.name()))
            .ok_or_else(|| Reason::new(Code::WalletIncompatible, "the wallet shares no content encryption"))?,
    };
    Ok(Some(RequestEncryption { jwk: jwk.clone(), enc }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jose::keys::SigningKey;
    use serde_json::json;

    fn parse(value: &Value) -> Result<WalletMetadata, Code> {
        WalletMetadata::parse(&value.to_string(), ClientIdPrefix::X509Hash, &AllowedAlgorithms::default())
            .map_err(|reason| reason.code)
    }

    fn key(change: impl FnOnce(&mut Map<String, Value>)) -> Value {
        let mut jwk = SigningKey::from_scalar(&[7; 32]).unwrap().public_jwk();
        change(&mut jwk);
        json!({"jwks": {"keys": [jwk]}})
    }

    #[test]
    fn metadata_narrows_and_never_adds() {
        // OVP-RURI-14, OVP-RURI-15, OVP-REQ-09.
        assert_eq!(
            parse(&json!({"logo_uri": "http://10.0.0.1/", "jwks_uri": "http://10.0.0.1/"})),
            Ok(WalletMetadata::default())
        );
        let sd_jwt = |alg: &str| json!({"vp_formats_supported": {"dc+sd-jwt": {"sd-jwt_alg_values": [alg, "none"]}}});
        assert!(parse(&sd_jwt("ES256")).is_ok());
        assert_eq!(parse(&sd_jwt("ES512")), Err(Code::WalletIncompatible));
        assert_eq!(parse(&json!({"vp_formats_supported": {"mso_mdoc": {}}})), Err(Code::WalletIncompatible));
        assert_eq!(parse(&json!({"client_id_prefixes_supported": ["x509_san_dns"]})), Err(Code::WalletIncompatible));
        assert_eq!(
            parse(&json!({"request_object_signing_alg_values_supported": ["ES384"]})),
            Err(Code::WalletIncompatible)
        );
    }

    #[test]
    fn unusable_metadata_is_refused() {
        // REQ-010, REQ-011.
        for wrong in [
            "",
            "[]",
            "{",
            "{\"a\":1,\"a\":1}",
            &format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000)),
            &"x".repeat(1 << 20),
        ] {
            let result = WalletMetadata::parse(wrong, ClientIdPrefix::X509Hash, &AllowedAlgorithms::default());
            assert_eq!(result.unwrap_err().code, Code::WalletMetadataInvalid);
        }
        for wrong in [
            json!({"vp_formats_supported": []}),
            json!({"client_id_prefixes_supported": "x509_hash"}),
            json!({"jwks": []}),
            json!({"jwks": {"keys": []}}),
            json!({"jwks": {"keys": [{"kty": "RSA", "n": "AA", "e": "AQAB"}]}}),
        ] {
            assert_eq!(parse(&wrong), Err(Code::WalletMetadataInvalid), "{wrong}");
        }
        let off_curve = key(|jwk| {
            jwk.insert("y".to_owned(), jwk["x"].clone());
        });
        assert_eq!(parse(&off_curve), Err(Code::WalletMetadataInvalid));
        assert_eq!(
            parse(&key(|jwk| {
                jwk.insert("use".to_owned(), json!("sig"));
            })),
            Err(Code::WalletMetadataInvalid)
        );
    }

    #[test]
    fn a_key_asks_for_encryption() {
        // OVP-JAR-19.
        let mut metadata = key(|jwk| {
            jwk.insert("use".to_owned(), json!("enc"));
        });
        assert_eq!(parse(&metadata).unwrap().encryption.unwrap().enc, ContentEncryption::A128Gcm);
        metadata["authorization_encryption_enc_values_supported"] = json!(["A128GCM", "A256GCM"]);
        assert_eq!(parse(&metadata).unwrap().encryption.unwrap().enc, ContentEncryption::A256Gcm);
        metadata["authorization_encryption_enc_values_supported"] = json!(["A128CBC-HS256"]);
        assert_eq!(parse(&metadata), Err(Code::WalletIncompatible));
        metadata["authorization_encryption_alg_values_supported"] = json!(["RSA-OAEP"]);
        assert_eq!(parse(&metadata), Err(Code::WalletIncompatible));
    }

    #[test]
    fn wallet_nonces_are_url_safe_and_bounded() {
        // REQ-005.
        assert!(check_wallet_nonce(&"a".repeat(16)).is_ok());
        assert!(check_wallet_nonce(&"~".repeat(256)).is_ok());
        for wrong in [
            "a".repeat(15),
            "a".repeat(257),
            "a".repeat(10_240),
            format!("{}\n", "a".repeat(20)),
            "a b".repeat(8),
            "+/=".repeat(8),
        ] {
            assert_eq!(check_wallet_nonce(&wrong).unwrap_err().code, Code::WalletNonceInvalid);
        }
    }
}
