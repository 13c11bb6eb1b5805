//! Faults of the response: `vp_token`, encryption, form and HTTP.

use super::Scene;
use crate::domain::encoding::base64;
use crate::domain::jose::encrypt::{KeyManagement, encrypt_by};
use crate::simulator::SimulatorError;
use crate::simulator::authority::SignerKey;
use crate::simulator::encode::jws::{self, Jws};
use crate::simulator::faults::Fault;
use crate::simulator::request::EncryptionKey;
use crate::simulator::transport::{HttpRequest, Method};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use std::io::Write as _;

const ACCEPT: &str = "application/json";

/// Spoils `vp_token`.
pub(in crate::simulator) fn vp_token(fault: Option<Fault>, mut entries: Map<String, Value>) -> Value {
    let first = entries.keys().next().cloned().unwrap_or_default();
    match fault {
        Some(Fault::VpTokenText) => return Value::from(Value::Object(entries).to_string()),
        Some(Fault::VpTokenArray) => return entries.into_iter().map(|(_, presentations)| presentations).collect(),
        Some(Fault::VpTokenNumber) => return json!(7),
        Some(Fault::PresentationsNotArray) => {
            if let Some(value) = entries.get_mut(&first) {
                *value = value.get(0).cloned().unwrap_or_default();
            }
        }
        Some(Fault::PresentationsEmpty) => {
            entries.insert(first, json!([]));
        }
        Some(Fault::QueryIdUnknown) => {
            if let Some(value) = entries.remove(&first) {
                entries.insert("unasked".to_owned(), value);
            }
        }
        Some(Fault::PresentationExtra) => {
            if let Some(value) = entries.get(&first).cloned() {
                entries.insert("unasked".to_owned(), value);
            }
        }
        Some(Fault::PresentationRepeated) => {
            if let Some(Value::Array(presentations)) = entries.get_mut(&first) {
                presentations.extend(presentations.first().cloned());
            }
        }
        Some(Fault::CredentialMissing) => {
            if let Some(last) = entries.keys().next_back().cloned() {
                entries.remove(&last);
            }
        }
        Some(Fault::CredentialsSwapped) => {
            let names: Vec<String> = entries.keys().cloned().collect();
            let values: Vec<Value> = entries.values().rev().cloned().collect();
            entries = names.into_iter().zip(values).collect();
        }
        _ => {}
    }
    Value::Object(entries)
}

/// What is sent, in order; the answer to the last one counts.
pub(in crate::simulator) fn plan(scene: &Scene<'_>, vp_token: &Value) -> Result<Vec<HttpRequest>, SimulatorError> {
    let uri = scene.request.response_uri.as_str();
    let form = |fields: &[(String, String)]| HttpRequest::form(uri, ACCEPT, fields);
    let good = spoil_http(scene, form(&fields(scene, vp_token)?), vp_token);
    let error = form(&error(scene));
    Ok(match scene.fault {
        Some(Fault::AnswerTwice) => vec![good.clone(), good],
        Some(Fault::ErrorAfterAnswer) => vec![good, error],
        Some(Fault::AnswerAfterError) => vec![error, good],
        Some(
            Fault::ErrorAccessDenied
            | Fault::ErrorUnknown
            | Fault::ErrorStateMissing
            | Fault::ErrorStateWrong
            | Fault::ErrorTransactionData,
        ) => {
            vec![error]
        }
        Some(Fault::JunkFlood) => vec![form(&[("response".to_owned(), "junk".to_owned())]); 30],
        _ => vec![good],
    })
}

fn error(scene: &Scene<'_>) -> Vec<(String, String)> {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut fields = match scene.fault {
        // A terminal's escape sequence and a line break: HTT-029.
        Some(Fault::ErrorUnknown) => {
            vec![field("error", "wallet_is_tired"), field("error_description", "\u{1b}[31mtired\nlevel=error")]
        }
        Some(Fault::ErrorTransactionData) => vec![field("error", "invalid_transaction_data")],
        _ => vec![field("error", "access_denied"), field("error_description", "the person declined")],
    };
    match scene.fault {
        Some(Fault::ErrorStateMissing) => {}
        Some(Fault::ErrorStateWrong) => fields.push(field("state", &scene.other_text("state"))),
        _ => fields.extend(scene.request.state.as_deref().map(|state| field("state", state))),
    }
    fields
}

fn content(scene: &Scene<'_>, vp_token: &Value) -> Map<String, Value> {
    let mut content = Map::new();
    let mut set = |name: &str, value: Value| content.insert(name.to_owned(), value);
    match scene.fault {
        Some(Fault::ErrorEncrypted) => set("error", json!("access_denied")),
        _ => set("vp_token", vp_token.clone()),
    };
    match scene.fault {
        Some(Fault::StateMissing) => {}
        Some(Fault::StateWrong) => {
            set("state", json!(scene.other_text("state")));
        }
        _ => {
            if let Some(state) = &scene.request.state {
                set("state", json!(state));
            }
        }
    }
    content
}

/// What the browser hands back: the same as is posted elsewhere, as an object.
pub(in crate::simulator) fn browser_data(
    scene: &Scene<'_>,
    vp_token: &Value,
    plain: bool,
) -> Result<Value, SimulatorError> {
    let content = content(scene, vp_token);
    Ok(match &scene.request.encryption {
        Some(key) if !plain => json!({"response": sealed(scene, key, &content)?}),
        _ => Value::Object(content),
    })
}

fn plain_fields(content: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    content.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

fn fields(scene: &Scene<'_>, vp_token: &Value) -> Result<Vec<(String, String)>, SimulatorError> {
    let content = content(scene, vp_token);
    let mut fields = match &scene.request.encryption {
        Some(key) if scene.fault != Some(Fault::ResponsePlain) => {
            vec![("response".to_owned(), sealed(scene, key, &content)?)]
        }
        _ => plain_fields(&content),
    };
    match scene.fault {
        Some(Fault::ParameterTwice) => fields.extend(fields.first().cloned()),
        Some(Fault::FormEmpty | Fault::VpTokenInQuery) => fields.clear(),
        Some(Fault::ParametersExtra) => {
            for (name, value) in [("iss", "https://wallet.example"), ("code", "SplxlOBeZQQYbYS6WxSbIA"), ("x", "y")] {
                fields.push((name.to_owned(), value.to_owned()));
            }
        }
        Some(Fault::IdTokenExtra) => {
            let payload = jws::json(json!({"sub": "somebody-else"}).as_object().unwrap_or(&Map::new()));
            fields.push(("id_token".to_owned(), Jws::unsigned(&jws::header("JWT"), payload).text()));
        }
        Some(Fault::BodyTooLarge) => fields.push(("padding".to_owned(), "A".repeat(2 * 1024 * 1024))),
        _ => {}
    }
    Ok(fields)
}

fn sealed(scene: &Scene<'_>, key: &EncryptionKey, content: &Map<String, Value>) -> Result<String, SimulatorError> {
    let mut recipient = key.jwk.clone();
    let mut management = KeyManagement::EcdhEs;
    let mut enc = "A256GCM";
    let mut plaintext = jws::json(content);
    let mut header = Map::new();
    let mut set = |name: &str, value: Value| header.insert(name.to_owned(), value);
    set("kid", json!(key.kid));
    match scene.fault {
        Some(Fault::JweIsJws) => {
            let key = SignerKey::P256(scene.authority.seed().key("misdeed/holder")?);
            return Ok(Jws::unsigned(&jws::header("JWT"), plaintext).sign(&key)?.text());
        }
        Some(Fault::JweInnerJwt) => {
            let unsigned = json!({"alg": "none"}).as_object().cloned().unwrap_or_default();
            let mut claims = content.clone();
            claims.insert("family_name".to_owned(), json!("ANDERS"));
            plaintext = Jws::unsigned(&unsigned, jws::json(&claims)).text().into_bytes();
        }
        Some(Fault::JweKeyWrap) => management = KeyManagement::EcdhEsA128Kw,
        Some(Fault::JweZip) => {
            set("zip", json!("DEF"));
        }
        Some(Fault::JweEncCbc) => enc = "A128CBC-HS256",
        Some(Fault::JweEncA192) => enc = "A192GCM",
        Some(Fault::JweKidOther) => {
            set("kid", json!("other"));
        }
        Some(Fault::JweKidMissing) => {
            header.remove("kid");
        }
        Some(Fault::JweOtherKey) => recipient = scene.authority.seed().key("misdeed/recipient")?.public_jwk(),
        Some(Fault::JweApuHuge) => {
            set("apu", json!("A".repeat(48 * 1024)));
        }
        Some(Fault::JweParties) => {
            set("apu", json!(base64::encode_url(b"wallet")));
            set("apv", json!(base64::encode_url(scene.request.nonce.as_bytes())));
        }
        _ => {}
    }
    let token = encrypt_by(management, &recipient, enc, &header, &plaintext)?;
    Ok(spoil_jwe(scene.fault, token))
}

fn spoil_jwe(fault: Option<Fault>, token: String) -> String {
    match fault {
        Some(Fault::JwePbes2) => with_header(&token, |header| {
            header.insert("alg".to_owned(), json!("PBES2-HS256+A128KW"));
            header.insert("p2s".to_owned(), json!("AAAAAAAAAAAAAAAAAAAAAA"));
            header.insert("p2c".to_owned(), json!(2_147_483_647));
        }),
        Some(Fault::JweEpkOffCurve) => with_epk(&token, |epk| {
            epk.insert("x".to_owned(), json!(base64::encode_url(&[0; 32])));
        }),
        Some(Fault::JweEpkPrivate) => with_epk(&token, |epk| {
            epk.insert("d".to_owned(), json!(base64::encode_url(&[1; 32])));
        }),
        Some(Fault::JweEpkP384) => with_epk(&token, |epk| {
            epk.insert("crv".to_owned(), json!("P-384"));
            for name in ["x", "y"] {
                epk.insert(name.to_owned(), json!(base64::encode_url(&[1; 48])));
            }
        }),
        Some(Fault::JweEpkMissing) => with_header(&token, |header| {
            header.remove("epk");
        }),
        Some(Fault::JweHeaderChanged) => with_header(&token, |header| {
            header.insert("apu".to_owned(), json!("AAAA"));
        }),
        Some(Fault::JweCrit) => with_header(&token, |header| {
            header.insert("crit".to_owned(), json!(["urn:example:unknown"]));
            header.insert("urn:example:unknown".to_owned(), json!(true));
        }),
        Some(Fault::JweEncryptedKey) => with_part(&token, 1, |_| base64::encode_url(&[1; 40])),
        Some(Fault::JweIvShort) => with_part(&token, 2, |_| base64::encode_url(&[1; 8])),
        Some(Fault::JweCiphertextFlipped) => with_part(&token, 3, |part| {
            let mut bytes = base64::decode_url(part).unwrap_or_default();
            if let Some(byte) = bytes.first_mut() {
                *byte ^= 1;
            }
            base64::encode_url(&bytes)
        }),
        Some(Fault::JweTagShort) => with_part(&token, 4, |part| {
            let bytes = base64::decode_url(part).unwrap_or_default();
            base64::encode_url(bytes.get(..12).unwrap_or_default())
        }),
        Some(Fault::JwePadding) => format!("{token}=="),
        Some(Fault::JweJsonForm) => {
            let mut parts = token.split('.');
            let mut next = || parts.next().unwrap_or_default();
            let (protected, encrypted_key, iv, ciphertext, tag) = (next(), next(), next(), next(), next());
            json!({
                "protected": protected, "encrypted_key": encrypted_key, "iv": iv, "ciphertext": ciphertext, "tag": tag
            })
            .to_string()
        }
        _ => token,
    }
}

fn with_part(token: &str, index: usize, change: impl FnOnce(&str) -> String) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    if let Some(part) = parts.get_mut(index) {
        *part = change(part);
    }
    parts.join(".")
}

fn with_header(token: &str, change: impl FnOnce(&mut Map<String, Value>)) -> String {
    with_part(token, 0, |part| {
        let bytes = base64::decode_url(part).unwrap_or_default();
        let mut header: Map<String, Value> = serde_json::from_slice(&bytes).unwrap_or_default();
        change(&mut header);
        base64::encode_url(&jws::json(&header))
    })
}

fn with_epk(token: &str, change: impl FnOnce(&mut Map<String, Value>)) -> String {
    with_header(token, |header| {
        if let Some(Value::Object(epk)) = header.get_mut("epk") {
            change(epk);
        }
    })
}

fn spoil_http(scene: &Scene<'_>, mut request: HttpRequest, vp_token: &Value) -> HttpRequest {
    let mut set = |name: &'static str, value: &str| {
        request.headers.retain(|(other, _)| *other != name);
        request.headers.push((name, value.to_owned()));
    };
    match scene.fault {
        Some(Fault::VpTokenInQuery) => {
            let fields = plain_fields(&content(scene, vp_token));
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            request.url = format!("{}?{query}", request.url);
        }
        Some(Fault::PostedJson) => {
            set("content-type", "application/json");
            let fields: Map<String, Value> = form_urlencoded::parse(&request.body)
                .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
                .collect();
            request.body = jws::json(&fields);
        }
        Some(Fault::PostedText) => set("content-type", "text/plain"),
        Some(Fault::PostedCompressed) => {
            set("content-encoding", "gzip");
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            let packed = encoder.write_all(&request.body).and_then(|()| encoder.finish());
            request.body = packed.unwrap_or_default();
        }
        Some(Fault::MediaTypeSpelling) => {
            set("content-type", "Application/X-WWW-Form-UrlEncoded;  Charset=\"UTF-8\"");
        }
        Some(Fault::SentWithGet) => {
            request.method = Method::Get;
            request.headers.retain(|(name, _)| *name != "content-type");
            request.body.clear();
        }
        _ => {}
    }
    request
}
