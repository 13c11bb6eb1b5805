//! Compact JWS with known keys, and compact JWE to a key of ours.

use super::{Judged, text};
use crate::domain::encoding::{base64, json};
use crate::domain::jose::alg::SignatureAlgorithm;
use crate::domain::jose::jwe;
use crate::domain::jose::jws::CompactJws;
use crate::domain::jose::keys::EphemeralKey;
use crate::domain::reason::Code;
use crate::vectors::config::{Config, Stop, to_hex, unsupported};
use serde_json::{Map, Value, json};

pub(super) fn jws(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&["issuer_jwks", "alg_allowed", "allowed_typ"])?;
    let keys = config.keys("issuer_jwks")?;
    let jws = CompactJws::parse(text(input, "jws")?)?;
    let header = jws.header()?;
    let algorithm = header.algorithm(&config.algorithms(&SignatureAlgorithm::ALL)?)?;
    config.check_typ(&header, Code::CredentialTypInvalid)?;
    keys.verify(&jws, &header, algorithm)?;
    Ok(json!({"header": header.members(), "payload_hex": to_hex(&jws.payload()?)}))
}

pub(super) fn jwe(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&["private_jwks", "alg_allowed", "enc_allowed"])?;
    only(config, "alg_allowed", &["ECDH-ES"])?;
    let (key, kid) = private_key(config)?;
    let token = text(input, "jwe")?;
    let plain = jwe::decrypt(token, &key, &kid)?;
    let header = base64::decode_url(token.split('.').next().unwrap_or_default())?;
    let header = json::parse(&header).map_err(crate::domain::reason::Reason::from)?;
    // The service offers two and takes both; a case that offers one of them is judged only if it is the one used.
    let used = header.get("enc").and_then(Value::as_str).unwrap_or_default();
    if config.texts("enc_allowed")?.is_some_and(|names| !names.iter().any(|name| name == used)) {
        return unsupported(format!("enc_allowed without {used}"));
    }
    Ok(match json::parse(&plain) {
        Ok(payload) => json!({"header": header, "payload_json": payload}),
        Err(_) => json!({"header": header, "payload_hex": to_hex(&plain)}),
    })
}

/// The one private key of `private_jwks`, and the name under which it was announced. A request has exactly one.
pub(super) fn private_key(config: Config<'_>) -> Result<(EphemeralKey, String), Stop> {
    only(config, "enc_allowed", &["A128GCM", "A256GCM"])?;
    let jwks = config.get("private_jwks").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [jwk] = jwks else { return unsupported("private_jwks has not exactly one key") };
    let member = |name: &str| jwk.get(name).and_then(Value::as_str).unwrap_or_default();
    let scalar = base64::decode_url(member("d")).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    match (member("kty"), member("crv"), scalar.and_then(EphemeralKey::from_scalar)) {
        ("EC", "P-256", Some(key)) => Ok((key, member("kid").to_owned())),
        _ => unsupported("private_jwks has a key that is not on P-256"),
    }
}

/// Refuses to judge where more is allowed than exists here.
fn only(config: Config<'_>, name: &str, known: &[&str]) -> Result<(), Stop> {
    let names = config.texts(name)?.unwrap_or_default();
    match names.iter().find(|given| !known.contains(&given.as_str())) {
        None => Ok(()),
        Some(other) => unsupported(format!("{name} with {other}")),
    }
}
