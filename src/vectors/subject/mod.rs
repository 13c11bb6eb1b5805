//! What is tested: for each type the public functions of `domain` that it calls.

mod dcql;
mod encoding;
mod jose;
mod parts;
mod presentation;
mod status;
mod types;
mod x509;

use super::config::{Config, Stop, unsupported};
use crate::domain::trust::cache::ChainCache;
use serde_json::{Map, Value};

/// What comes back from the tested functions: the output of an acceptance, or why there is none.
pub type Judged = Result<Value, Stop>;

/// Lets the tested functions judge one input. Nothing here knows what is expected.
///
/// `chains` is shared by all cases, as in the service: it must change no verdict.
///
/// # Errors
/// See [`Stop`].
pub fn judge(kind: &str, config: Config<'_>, input: &Map<String, Value>, chains: &ChainCache) -> Judged {
    match kind {
        "base64url-decode" => encoding::base64url(config, input),
        "json-parse" => encoding::json(config, input),
        "jws-verify" => jose::jws(config, input),
        "jwe-decrypt" => jose::jwe(config, input),
        "x509-path-validate" => x509::path(config, input),
        "sd-jwt-verify" => parts::sd_jwt(config, input),
        "sd-jwt-vc-verify" if presentation::is_whole(config) => presentation::credential(config, input, chains),
        "sd-jwt-vc-verify" => parts::sd_jwt_vc(config, input),
        "kb-jwt-verify" => parts::key_binding_alone(config, input),
        "vct-resolve" => types::resolve(config, input),
        "sri-check" => parts::integrity(config, input),
        "status-list-decode" => status::list(config, input),
        "status-claims-check" => status::claims(config, input),
        "status-token-verify" => status::token(config, input),
        "dcql-parse" => dcql::parse(config, input),
        "dcql-match" => dcql::offered(config, input),
        "dcql-response" => dcql::presented(config, input),
        "claims-path-select" => dcql::select(config, input),
        "vp-token-structure" => dcql::structure(config, input),
        "presentation-verify" => presentation::response(config, input, chains),
        other => unsupported(format!("type {other}")),
    }
}

/// A string of the input.
fn text<'a>(input: &'a Map<String, Value>, name: &str) -> Result<&'a str, Stop> {
    match input.get(name).and_then(Value::as_str) {
        Some(text) => Ok(text),
        None => unsupported(format!("input has no {name}")),
    }
}

/// Any member of the input.
fn member<'a>(input: &'a Map<String, Value>, name: &str) -> Result<&'a Value, Stop> {
    input.get(name).map_or_else(|| unsupported(format!("input has no {name}")), Ok)
}
