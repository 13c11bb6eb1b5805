//! The wallet's own reading of transaction data, and how it confirms it (OpenID4VP 1.0 section 8.4, appendix B.3.3.1).

use super::matcher::{Choice, Query};
use crate::domain::encoding::{base64, json};
use crate::domain::jose::hash::HashAlgorithm;
use serde_json::{Map, Value};

/// One entry of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The text, as it was received.
    pub text: String,
    /// The credential queries that may confirm it.
    pub credential_ids: Vec<String>,
    /// The hash algorithms that are offered.
    pub algorithms: Option<Vec<String>>,
}

/// Reads the entries; `None` if their shape breaks the specification, or a credential is named that is not asked for.
pub fn read(value: &Value, query: &Query) -> Option<Vec<Entry>> {
    let entries = value.as_array().filter(|entries| !entries.is_empty())?;
    entries.iter().map(|entry| Entry::read(entry.as_str()?, query)).collect()
}

impl Entry {
    fn read(text: &str, query: &Query) -> Option<Self> {
        let object = json::parse_object(&base64::decode_url(text).ok()?).ok()?;
        object.get("type").and_then(Value::as_str).filter(|kind| !kind.is_empty())?;
        let credential_ids = texts(object.get("credential_ids")?)?;
        if !credential_ids.iter().all(|id| query.credentials.iter().any(|asked| asked.id == *id)) {
            return None;
        }
        let algorithms = match object.get("transaction_data_hashes_alg") {
            None => None,
            Some(value) => Some(texts(value)?),
        };
        Some(Self { text: text.to_owned(), credential_ids, algorithms })
    }

    /// The hash of the entry.
    pub fn hash(&self, algorithm: HashAlgorithm) -> Value {
        Value::from(algorithm.digest_url(self.text.as_bytes()))
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let texts = value.as_array().filter(|texts| !texts.is_empty())?;
    texts.iter().map(|text| text.as_str().map(str::to_owned)).collect()
}

/// Which entries each choice confirms: every entry the first choice that it names, and no other.
pub fn shares(entries: &[Entry], choices: &[Choice]) -> Vec<Vec<usize>> {
    let confirming = |entry: &Entry| choices.iter().position(|choice| entry.credential_ids.contains(&choice.query_id));
    let places: Vec<Option<usize>> = entries.iter().map(confirming).collect();
    (0..choices.len())
        .map(|choice| (0..entries.len()).filter(|entry| places.get(*entry) == Some(&Some(choice))).collect())
        .collect()
}

/// Adds to a proof the hashes of these entries, by the first algorithm that all of them offer.
pub fn confirm(payload: &mut Map<String, Value>, entries: &[&Entry]) {
    let Some(first) = entries.first() else { return };
    let offered = |name: &&String| {
        let offers = |entry: &&Entry| entry.algorithms.as_ref().is_none_or(|names| names.contains(*name));
        entries.iter().all(offers)
    };
    let named = first.algorithms.iter().flatten().find(offered);
    let algorithm = named.and_then(|name| HashAlgorithm::from_name(name)).unwrap_or(HashAlgorithm::Sha256);
    let hashes: Vec<Value> = entries.iter().map(|entry| entry.hash(algorithm)).collect();
    payload.insert("transaction_data_hashes".to_owned(), Value::from(hashes));
    if entries.iter().any(|entry| entry.algorithms.is_some()) {
        payload.insert("transaction_data_hashes_alg".to_owned(), Value::from(algorithm.name()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(text: &str, algorithms: Option<&[&str]>) -> Entry {
        let algorithms = algorithms.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        Entry { text: text.to_owned(), credential_ids: vec!["sca".to_owned()], algorithms }
    }

    #[test]
    fn the_hash_is_over_the_text() {
        // Computed elsewhere.
        let text = "eyJ0eXBlIjoiaHR0cHM6Ly9jaXR5LmV4YW1wbGUvdGQvZm9ybS1hcHByb3ZhbC8xIiwiY3JlZGVudGlhbF9pZHMiOlsic2NhIl0sImZvcm0iOiJBLTE3In0";
        let mut payload = Map::new();
        confirm(&mut payload, &[&entry(text, None)]);
        assert_eq!(
            Value::Object(payload),
            json!({"transaction_data_hashes": ["hMxtfkxfFtIvsl0spbqq3FN5mWPvEsSWgHBNtsUK3Y0"]})
        );
    }

    #[test]
    fn an_offer_is_taken_up_by_name() {
        let mut payload = Map::new();
        confirm(&mut payload, &[&entry("a", Some(&["sha-512", "sha-256"])), &entry("b", Some(&["sha-256"]))]);
        assert_eq!(payload["transaction_data_hashes_alg"], "sha-256");
        assert_eq!(payload["transaction_data_hashes"].as_array().map(Vec::len), Some(2));
        let mut payload = Map::new();
        confirm(&mut payload, &[&entry("a", Some(&["sha-512"]))]);
        assert_eq!(payload["transaction_data_hashes_alg"], "sha-512");
        assert_eq!(payload["transaction_data_hashes"][0].as_str().map(str::len), Some(86));
        let mut none = Map::new();
        confirm(&mut none, &[]);
        assert!(none.is_empty());
    }
}
