//! Faults of fetching the request object.

use crate::domain::encoding::base64;
use crate::domain::jose::keys::EphemeralKey;
use crate::simulator::SimulatorError;
use crate::simulator::faults::Fault;
use crate::simulator::transport::HttpRequest;
use crate::simulator::wallet::Options;
use serde_json::{Value, json};

/// The media type of a request object.
pub(in crate::simulator) const MEDIA_TYPE: &str = "application/oauth-authz-req+jwt";

/// The POST that fetches a request object: with a nonce of the wallet and what the wallet can do; with a key, if the
/// request object shall be encrypted.
pub(in crate::simulator) fn post(
    url: &str,
    nonce: &str,
    key: Option<&EphemeralKey>,
    options: Options,
) -> Result<HttpRequest, SimulatorError> {
    let fault = options.fault;
    let field = |name: &str, value: String| (name.to_owned(), value);
    let nonce = match fault {
        Some(Fault::WalletNonceLong) => "n".repeat(10_240),
        Some(Fault::WalletNonceControl) => format!("{nonce}\u{0}\u{7}\n"),
        _ => nonce.to_owned(),
    };
    let mut fields = vec![field("wallet_metadata", metadata(key, options)?), field("wallet_nonce", nonce.clone())];
    if fault == Some(Fault::WalletNonceTwice) {
        fields.push(field("wallet_nonce", nonce));
    }
    Ok(HttpRequest::form(url, MEDIA_TYPE, &fields))
}

fn metadata(key: Option<&EphemeralKey>, options: Options) -> Result<String, SimulatorError> {
    let mut metadata = json!({
        "vp_formats_supported": {"dc+sd-jwt": {"sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}},
        "client_id_prefixes_supported": options.prefixes.supported(),
        "request_object_signing_alg_values_supported": ["ES256"],
    });
    let mut set = |name: &str, value: Value| {
        if let Value::Object(members) = &mut metadata {
            members.insert(name.to_owned(), value);
        }
    };
    let encrypted_to = |jwk: Value, set: &mut dyn FnMut(&str, Value)| {
        set("jwks", json!({"keys": [jwk]}));
        set("authorization_encryption_alg_values_supported", json!(["ECDH-ES"]));
        set("authorization_encryption_enc_values_supported", json!(["A128GCM", "A256GCM"]));
    };
    if let Some(key) = key {
        encrypted_to(Value::Object(key.announced_jwk()?.0), &mut set);
    }
    match options.fault {
        Some(Fault::WalletMetadataText) => return Ok("this is no JSON".to_owned()),
        Some(Fault::WalletMetadataDeep) => return Ok(format!("{{\"x\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000))),
        Some(Fault::WalletMetadataKey) => {
            let zero = base64::encode_url(&[0; 32]);
            let one = base64::encode_url(&[1; 32]);
            let jwk = json!({
                "kty": "EC", "crv": "P-256", "use": "enc", "alg": "ECDH-ES", "kid": "w", "x": zero, "y": one
            });
            encrypted_to(jwk, &mut set);
        }
        Some(Fault::WalletMetadataPrefix) => set("client_id_prefixes_supported", json!(["decentralized_identifier"])),
        Some(Fault::WalletMetadataAlg) => set("request_object_signing_alg_values_supported", json!(["ES512"])),
        Some(Fault::WalletMetadataUrls) => {
            set("jwks_uri", json!("http://169.254.169.254/keys"));
            set("logo_uri", json!("http://127.0.0.1:1/logo.png"));
            set("issuer", json!("https://wallet.elsewhere.example"));
        }
        _ => {}
    }
    Ok(metadata.to_string())
}
