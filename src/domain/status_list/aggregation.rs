//! Aggregation: one document that names all status lists of an issuer, so that they can be fetched ahead of need.
//!
//! It is a convenience and gives nothing: whoever wrote it, a list is fetched only where the trust source allows, and
//! counts only if its own signature does. So the document needs no signature, and an address that is not usable is left
//! out instead of failing the rest.

use crate::domain::encoding::json::{self, Limits};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use serde_json::Value;
use url::Url;

/// The name under which an issuer's metadata gives the address of its document (Token Status List section 9.1).
pub const METADATA_NAME: &str = "status_list_aggregation_endpoint";
/// The media type of the document (Token Status List section 9.3).
pub const MEDIA_TYPE: &str = "application/json";

/// The status lists that an issuer names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregation {
    addresses: Vec<String>,
    left_out: usize,
}

impl Aggregation {
    /// Reads the document: a JSON object with `status_lists`, an array of texts. Each address is kept exactly as it is
    /// written, because `sub` of its list must be equal to it; repeated ones are kept once.
    ///
    /// # Errors
    /// - [`Code::StatusListTooLarge`] above [`limits::AGGREGATION_BYTES`] or [`limits::AGGREGATION_LISTS`].
    /// - [`Code::StatusListMalformed`] for anything but such an object, in strict JSON.
    ///
    /// # Source
    /// Token Status List section 9.3 (TSL-16).
    pub fn parse(bytes: &[u8]) -> Result<Self, Reason> {
        let malformed = |detail: &'static str| Reason::new(Code::StatusListMalformed, detail);
        if bytes.len() > limits::AGGREGATION_BYTES {
            return Err(Reason::new(Code::StatusListTooLarge, "the aggregation is above the limit"));
        }
        let strict = Limits { depth: limits::JSON_DEPTH, nodes: limits::JSON_NODES };
        let Value::Object(mut document) = json::parse_with(bytes, strict).map_err(|fault| match fault {
            json::Fault::Limit => Reason::new(Code::StatusListTooLarge, "the aggregation has too many values"),
            _ => malformed("the aggregation is not strict JSON"),
        })?
        else {
            return Err(malformed("the aggregation is no object"));
        };
        let Some(Value::Array(items)) = document.remove("status_lists") else {
            return Err(malformed("status_lists is missing or no array"));
        };
        if items.len() > limits::AGGREGATION_LISTS {
            return Err(Reason::new(Code::StatusListTooLarge, "the aggregation names more lists than the limit"));
        }
        let mut found = Self { addresses: Vec::new(), left_out: 0 };
        for item in items {
            let Value::String(address) = item else { return Err(malformed("an entry of status_lists is no text")) };
            if !is_usable(&address) {
                found.left_out = found.left_out.saturating_add(1);
            } else if !found.addresses.contains(&address) {
                found.addresses.push(address);
            }
        }
        Ok(found)
    }

    /// The addresses in the order of the document, each once. Whether one may be fetched is for the trust source to
    /// say ([`crate::domain::trust::TrustSource::check_status_uri`]).
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// How many entries are no address that could ever be fetched.
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

/// Whether this is an absolute `https` address without user and fragment, of a length that is asked for at all.
pub fn is_usable(address: &str) -> bool {
    if address.len() > limits::STATUS_URI_BYTES {
        return false;
    }
    let Ok(url) = Url::parse(address) else { return false };
    url.scheme() == "https" && url.username().is_empty() && url.password().is_none() && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(document: &Value) -> Result<Aggregation, Code> {
        Aggregation::parse(document.to_string().as_bytes()).map_err(|reason| reason.code)
    }

    #[test]
    fn addresses_are_kept_as_written_and_once() {
        // TSL-16: what cannot be fetched does not stop the rest.
        let found = parse(&json!({"status_lists": [
            "https://s.example/2",
            "https://S.example/1",
            "http://s.example/3",
            "https://s.example/2",
            "https://user@s.example/4",
            "https://s.example/5#x",
            "file:///etc/passwd",
            "lists/6",
            "",
            "https://s.example/7",
        ], "further": 1}))
        .unwrap();
        assert_eq!(found.addresses(), ["https://s.example/2", "https://S.example/1", "https://s.example/7"]);
        assert_eq!(found.left_out(), 6);
        assert_eq!(parse(&json!({"status_lists": []})).unwrap().addresses(), [""; 0]);
        let long = format!("https://s.example/{}", "x".repeat(limits::STATUS_URI_BYTES));
        assert_eq!(parse(&json!({"status_lists": [long]})).unwrap().left_out(), 1);
    }

    #[test]
    fn other_documents_are_refused() {
        // TSL-16; GEN-08.
        for document in [json!([]), json!("x"), json!({}), json!({"status_lists": {}}), json!({"status_lists": [1]})] {
            assert_eq!(parse(&document), Err(Code::StatusListMalformed), "{document}");
        }
        for text in ["", "{}{}", "{\"status_lists\":[],\"status_lists\":[]}", "<html>"] {
            let code = Aggregation::parse(text.as_bytes()).unwrap_err().code;
            assert_eq!(code, Code::StatusListMalformed, "{text}");
        }
    }

    #[test]
    fn size_and_count_are_bounded() {
        let lists = |count: usize| {
            let addresses: Vec<String> = (0..count).map(|index| format!("https://s.example/{index}")).collect();
            json!({"status_lists": addresses})
        };
        assert_eq!(parse(&lists(limits::AGGREGATION_LISTS)).unwrap().addresses().len(), limits::AGGREGATION_LISTS);
        assert_eq!(parse(&lists(limits::AGGREGATION_LISTS + 1)), Err(Code::StatusListTooLarge));
        assert_eq!(parse(&lists(limits::JSON_NODES)), Err(Code::StatusListTooLarge));
        let mut padded = lists(1).to_string().into_bytes();
        padded.resize(limits::AGGREGATION_BYTES, b' ');
        assert!(Aggregation::parse(&padded).is_ok());
        padded.push(b' ');
        assert_eq!(Aggregation::parse(&padded).unwrap_err().code, Code::StatusListTooLarge);
    }
}
