//! Type metadata: from the type to the merged rules of its whole chain.

use super::{Judged, member, text};
use crate::domain::reason::{Code, Reason};
use crate::domain::type_metadata::{Integrity, NoMetadata};
use crate::vectors::config::{Config, Documents, Stop, unsupported};
use serde_json::{Map, Value, json};

pub(super) fn resolve(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&[])?;
    let integrity = match input.get("vct_integrity") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(Integrity::parse(text)?),
        Some(_) => return unsupported("vct_integrity is no string"),
    };
    let Value::Object(resources) = member(input, "resources")? else { return unsupported("resources is no object") };
    let documents = resources.iter().filter_map(|(url, answer)| Some((url.clone(), body(answer)?.into()))).collect();
    let metadata = Documents(Some(&documents)).chain(text(input, "vct")?, integrity.as_ref());
    let metadata = metadata.map_err(|error| match error {
        NoMetadata::Invalid(reason) => Stop::Refused(reason),
        NoMetadata::Unavailable { .. } => {
            Stop::Refused(Reason::new(Code::TypeMetadataInvalid, "a document is not to be had"))
        }
    })?;
    let types: Vec<&str> = metadata.types().collect();
    Ok(json!({"mergedTypeMetadata": metadata.to_json(), "vctValues": types}))
}

/// What an address answers with, if that is a JSON document.
fn body(answer: &Value) -> Option<&str> {
    let is_json = answer.get("content_type").and_then(Value::as_str) == Some("application/json");
    let is_success = answer.get("status").and_then(Value::as_u64) == Some(200);
    answer.get("body").and_then(Value::as_str).filter(|_| is_json && is_success)
}
