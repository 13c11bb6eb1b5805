//! One entry: the text that is sent, and what every type has in common.

use crate::domain::dcql::Fault;
use crate::domain::encoding::{base64, json};
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::limits;
use crate::domain::reason::Reason;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// One entry of `transaction_data`. `Debug` shows its type only: what is authorised may be personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    text: String,
    kind: String,
    credential_ids: Vec<String>,
    algorithms: Option<Vec<HashAlgorithm>>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("type", &self.kind).finish_non_exhaustive()
    }
}

impl Entry {
    /// Reads the text of an entry.
    ///
    /// # Errors
    /// Every fault, with its place below the entry as if it were not encoded: `/type`, `/credential_ids/0`.
    ///
    /// # Source
    /// OpenID4VP 1.0 section 5.1 (`transaction_data`) and appendix B.3.3.1 (`transaction_data_hashes_alg`).
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        Self::read(text).map(|(entry, _)| entry)
    }

    /// Reads the text of an entry; the object comes along for the schema of its type.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn read(text: &str) -> Result<(Self, Value), Vec<Fault>> {
        let whole = |detail: Cow<'static, str>| vec![fault("", detail, "TXD-01")];
        if text.len() > limits::TRANSACTION_DATA_CHARS {
            return Err(vec![fault("", "the entry is larger than the limit", "limits")]);
        }
        let bytes = base64::decode_url(text).map_err(|reason| whole(reason.detail))?;
        let object = json::parse_object(&bytes).map_err(|fault| {
            whole(format!("not the base64url of a JSON object: {}", Reason::from(fault).detail).into())
        })?;
        let mut faults = Vec::new();
        let kind = read_type(&object, &mut faults);
        let credential_ids = read_credential_ids(&object, &mut faults);
        let algorithms = read_algorithms(&object, &mut faults);
        match (kind, credential_ids) {
            (Some(kind), Some(credential_ids)) if faults.is_empty() => {
                Ok((Self { text: text.to_owned(), kind, credential_ids, algorithms }, Value::Object(object)))
            }
            _ => Err(faults),
        }
    }

    /// The text, exactly as it is sent: the evidence, and what is hashed (TXD-08).
    pub fn text(&self) -> &str {
        &self.text
    }

    /// `type`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// `credential_ids`: the credential queries whose answer may confirm this entry.
    pub fn credential_ids(&self) -> &[String] {
        &self.credential_ids
    }

    /// Whether the answer to this credential query may confirm this entry.
    pub fn names(&self, query_id: &str) -> bool {
        self.credential_ids.iter().any(|id| id == query_id)
    }

    /// The hash functions that may be used: those that are offered, else `sha-256`.
    pub fn algorithms(&self) -> &[HashAlgorithm] {
        self.algorithms.as_deref().unwrap_or(&[HashAlgorithm::Sha256])
    }

    /// Whether a proof may name this algorithm for the hash of this entry. Where the request offers some, the proof must
    /// name one of them; where it offers none, `sha-256` holds, named or not (TXD-06).
    pub fn allows(&self, named: Option<HashAlgorithm>) -> bool {
        match (&self.algorithms, named) {
            (Some(offered), Some(named)) => offered.contains(&named),
            (Some(_), None) => false,
            (None, named) => named.is_none_or(|named| named == HashAlgorithm::Sha256),
        }
    }
}

pub(super) fn fault(pointer: &str, detail: impl Into<Cow<'static, str>>, rule: &'static str) -> Fault {
    Fault { pointer: pointer.to_owned(), detail: detail.into(), rule }
}

fn read_type(object: &Map<String, Value>, faults: &mut Vec<Fault>) -> Option<String> {
    match object.get("type") {
        Some(Value::String(kind)) if !kind.is_empty() => Some(kind.clone()),
        _ => {
            faults.push(fault("/type", "type is missing or no text", "TXD-01"));
            None
        }
    }
}

fn read_credential_ids(object: &Map<String, Value>, faults: &mut Vec<Fault>) -> Option<Vec<String>> {
    let Some(ids) = object.get("credential_ids").and_then(texts).filter(|ids| !ids.is_empty()) else {
        faults.push(fault("/credential_ids", "credential_ids is missing, empty or no list of texts", "TXD-01"));
        return None;
    };
    if ids.len() > limits::DCQL_CREDENTIALS {
        faults.push(fault("/credential_ids", "more ids than a query has credentials", "limits"));
        return None;
    }
    if repeats(&ids) {
        faults.push(fault("/credential_ids", "an id occurs twice", "TXD-01"));
    }
    Some(ids.into_iter().map(str::to_owned).collect())
}

fn read_algorithms(object: &Map<String, Value>, faults: &mut Vec<Fault>) -> Option<Vec<HashAlgorithm>> {
    const AT: &str = "/transaction_data_hashes_alg";
    let value = object.get("transaction_data_hashes_alg")?;
    let Some(names) = texts(value).filter(|names| !names.is_empty()) else {
        faults.push(fault(AT, "neither absent nor a non-empty list of texts", "TXD-06"));
        return None;
    };
    if repeats(&names) {
        faults.push(fault(AT, "an algorithm occurs twice", "TXD-06"));
    }
    let known: Vec<HashAlgorithm> = names.iter().filter_map(|name| HashAlgorithm::from_name(name)).collect();
    if known.len() != names.len() {
        faults.push(fault(AT, "an algorithm other than sha-256, sha-384 and sha-512", "TXD-06"));
    }
    Some(known)
}

fn texts(value: &Value) -> Option<Vec<&str>> {
    value.as_array()?.iter().map(Value::as_str).collect()
}

fn repeats(texts: &[&str]) -> bool {
    texts.iter().enumerate().any(|(place, text)| texts.iter().take(place).any(|before| before == text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn encoded(object: &Value) -> String {
        base64::encode_url(object.to_string().as_bytes())
    }

    fn pointers(text: &str) -> Vec<String> {
        Entry::parse(text).unwrap_err().into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn an_entry_is_read_and_its_text_kept() {
        // TXD-01, TXD-08: white space and order are those of the caller.
        let text = base64::encode_url(br#"{ "credential_ids":["sca"],  "type":"urn:example:td:1", "form":"A-17" }"#);
        let (entry, object) = Entry::read(&text).unwrap();
        assert_eq!(
            (entry.text(), entry.kind(), entry.credential_ids()),
            (&*text, "urn:example:td:1", &["sca".to_owned()][..])
        );
        assert_eq!(entry.algorithms(), [HashAlgorithm::Sha256]);
        assert_eq!(object["form"], "A-17");
        assert!(entry.names("sca") && !entry.names("sc"));
        assert!(!format!("{entry:?}").contains("A-17"), "what is authorised is nobody's business in a log");
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        // TXD-01, TXD-06
        assert_eq!(pointers(&encoded(&json!({}))), ["/type", "/credential_ids"]);
        for (object, place) in [
            (json!({"type": "", "credential_ids": ["a"]}), "/type"),
            (json!({"type": 1, "credential_ids": ["a"]}), "/type"),
            (json!({"type": "t", "credential_ids": []}), "/credential_ids"),
            (json!({"type": "t", "credential_ids": "a"}), "/credential_ids"),
            (json!({"type": "t", "credential_ids": ["a", 1]}), "/credential_ids"),
            (json!({"type": "t", "credential_ids": ["a", "a"]}), "/credential_ids"),
            (json!({"type": "t", "credential_ids": vec!["a"; 17]}), "/credential_ids"),
            (
                json!({"type": "t", "credential_ids": ["a"], "transaction_data_hashes_alg": []}),
                "/transaction_data_hashes_alg",
            ),
            (
                json!({"type": "t", "credential_ids": ["a"], "transaction_data_hashes_alg": "sha-256"}),
                "/transaction_data_hashes_alg",
            ),
            (
                json!({"type": "t", "credential_ids": ["a"], "transaction_data_hashes_alg": ["sha-1"]}),
                "/transaction_data_hashes_alg",
            ),
            (
                json!({"type": "t", "credential_ids": ["a"], "transaction_data_hashes_alg": ["SHA-256"]}),
                "/transaction_data_hashes_alg",
            ),
            (
                json!({"type": "t", "credential_ids": ["a"], "transaction_data_hashes_alg": ["sha-256", "sha-256"]}),
                "/transaction_data_hashes_alg",
            ),
        ] {
            assert_eq!(pointers(&encoded(&object)), [place], "{object}");
        }
    }

    #[test]
    fn only_one_way_to_write_an_object() {
        let good = encoded(&json!({"type": "t", "credential_ids": ["a"]}));
        assert!(Entry::parse(&good).is_ok());
        let twice = base64::encode_url(br#"{"type":"t","type":"u","credential_ids":["a"]}"#);
        let long = encoded(&json!({"type": "t", "credential_ids": ["a"], "x": "x".repeat(8_000)}));
        for wrong in
            [format!("{good}="), format!(" {good}"), encoded(&json!([])), "{}".to_owned(), String::new(), twice, long]
        {
            assert_eq!(pointers(&wrong), [""], "{wrong:.40}");
        }
    }

    #[test]
    fn an_offer_must_be_taken_up_by_name() {
        // TXD-06
        let with = |offer: Value| {
            let mut object = json!({"type": "t", "credential_ids": ["a"]});
            if !offer.is_null() {
                object["transaction_data_hashes_alg"] = offer;
            }
            Entry::parse(&encoded(&object)).unwrap()
        };
        let (two, five) = (Some(HashAlgorithm::Sha256), Some(HashAlgorithm::Sha512));
        let allowed = |entry: Entry| [None, two, five].map(|named| entry.allows(named));
        assert_eq!(allowed(with(Value::Null)), [true, true, false]);
        assert_eq!(allowed(with(json!(["sha-256"]))), [false, true, false]);
        assert_eq!(allowed(with(json!(["sha-512", "sha-256"]))), [false, true, true]);
        assert_eq!(allowed(with(json!(["sha-512"]))), [false, false, true]);
    }
}
