//! Text to bytes, and bytes to JSON.

use super::{Judged, text};
use crate::domain::encoding::{base64, json};
use crate::domain::reason::Reason;
use crate::vectors::config::{Config, from_hex, to_hex, unsupported};
use serde_json::{Map, Value, json};

pub(super) fn base64url(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&[])?;
    Ok(json!({"bytes_hex": to_hex(&base64::decode_url(text(input, "text")?)?)}))
}

pub(super) fn json(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&["limits"])?;
    let mut limits = json::Limits::default();
    for (name, value) in config.get("limits").and_then(Value::as_object).into_iter().flatten() {
        let number = value.as_u64().and_then(|number| usize::try_from(number).ok());
        match (name.as_str(), number) {
            ("depth", Some(number)) => limits.depth = number,
            ("nodes", Some(number)) => limits.nodes = number,
            _ => return unsupported(format!("limits.{name}")),
        }
    }
    let bytes = match input.get("bytes_hex").and_then(Value::as_str) {
        Some(hex) => match from_hex(hex) {
            Some(bytes) => bytes,
            None => return unsupported("bytes_hex is no hexadecimal"),
        },
        None => text(input, "text")?.as_bytes().to_vec(),
    };
    Ok(json!({"json": json::parse_with(&bytes, limits).map_err(Reason::from)?}))
}
