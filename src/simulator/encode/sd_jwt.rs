//! Conceals claims: every claim, every sub-claim and every array element gets a disclosure of its own (RFC 9901).

use crate::domain::encoding::base64;
use crate::domain::jose::hash::HashAlgorithm;
use crate::simulator::seed::Seed;
use serde_json::{Map, Value, json};

/// One step from a claim into what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Name(String),
    /// An element of an array.
    Index(usize),
}

/// A disclosure and the place that it opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// Where the concealed value belongs.
    pub path: Vec<Step>,
    /// The disclosure as it is sent: base64url of its JSON array.
    pub text: String,
    /// Whether it is sent although nobody asked for it; faults use this.
    pub forced: bool,
}

impl Disclosure {
    /// Whether this is needed to show what `path`, a claims path of OpenID4VP section 7, selects: it opens an ancestor
    /// of the selected value, the value itself, or something inside it.
    pub fn serves(&self, path: &[Value]) -> bool {
        self.path.iter().zip(path).all(|(step, wanted)| match (step, wanted) {
            (Step::Name(name), Value::String(wanted)) => name == wanted,
            (Step::Index(_), Value::Null) => true,
            (Step::Index(index), Value::Number(wanted)) => wanted.as_u64() == u64::try_from(*index).ok(),
            _ => false,
        })
    }
}

/// Conceals the claims of one credential.
#[derive(Debug)]
pub struct Concealer<'s> {
    seed: &'s Seed,
    label: String,
    hash: HashAlgorithm,
    decoys: usize,
    count: u32,
}

impl<'s> Concealer<'s> {
    /// For the credential of this `label`, which makes its salts its own. `decoys` digests that lead nowhere are added
    /// to every object.
    pub fn new(seed: &'s Seed, label: &str, hash: HashAlgorithm, decoys: usize) -> Self {
        Self { seed, label: label.to_owned(), hash, decoys, count: 0 }
    }

    /// The object that holds digests only, and the disclosures, parents before children.
    pub fn conceal(&mut self, claims: &Map<String, Value>) -> (Map<String, Value>, Vec<Disclosure>) {
        let mut disclosures = Vec::new();
        let concealed = self.object(claims, &[], &mut disclosures);
        (concealed, disclosures)
    }

    fn object(
        &mut self,
        members: &Map<String, Value>,
        path: &[Step],
        disclosures: &mut Vec<Disclosure>,
    ) -> Map<String, Value> {
        let mut digests = Vec::new();
        for (name, value) in members {
            let path = [path, &[Step::Name(name.clone())]].concat();
            let place = disclosures.len();
            let value = self.value(value, &path, disclosures);
            let salt = self.salt();
            let text = encode(&json!([salt, name, value]));
            digests.push(self.hash.digest_url(text.as_bytes()));
            disclosures.insert(place, Disclosure { path, text, forced: false });
        }
        for _ in 0..self.decoys {
            let salt = self.salt();
            digests.push(self.hash.digest_url(salt.as_bytes()));
        }
        // Sorted, so that their order says nothing about that of the claims (RFC 9901 section 4.2.4.1).
        digests.sort();
        let mut concealed = Map::new();
        concealed.insert("_sd".to_owned(), Value::from(digests));
        concealed
    }

    fn value(&mut self, value: &Value, path: &[Step], disclosures: &mut Vec<Disclosure>) -> Value {
        match value {
            Value::Object(members) => Value::Object(self.object(members, path, disclosures)),
            Value::Array(elements) => {
                let mut concealed = Vec::new();
                for (index, element) in elements.iter().enumerate() {
                    let path = [path, &[Step::Index(index)]].concat();
                    let place = disclosures.len();
                    let element = self.value(element, &path, disclosures);
                    let salt = self.salt();
                    let text = encode(&json!([salt, element]));
                    concealed.push(json!({"...": self.hash.digest_url(text.as_bytes())}));
                    disclosures.insert(place, Disclosure { path, text, forced: false });
                }
                Value::Array(concealed)
            }
            plain => plain.clone(),
        }
    }

    fn salt(&mut self) -> String {
        self.count = self.count.saturating_add(1);
        self.seed.text(&format!("salt/{}/{}", self.label, self.count))
    }
}

/// The text of a disclosure.
pub fn encode(disclosure: &Value) -> String {
    base64::encode_url(disclosure.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn claims() -> Map<String, Value> {
        json!({"name": "A", "address": {"town": "B", "lines": ["C", {"d": true}]}, "states": ["DE", "GR"]})
            .as_object()
            .unwrap()
            .clone()
    }

    fn concealed(decoys: usize) -> (Map<String, Value>, Vec<Disclosure>) {
        Concealer::new(&Seed::new([1; 32]), "test", HashAlgorithm::Sha256, decoys).conceal(&claims())
    }

    /// Puts everything back, by hand: a digest is replaced by what its disclosure says.
    fn reveal(value: &Value, disclosed: &BTreeMap<String, Value>) -> Value {
        match value {
            Value::Object(members) => {
                let mut open = Map::new();
                for digest in members["_sd"].as_array().unwrap() {
                    if let Some(Value::Array(parts)) = disclosed.get(digest.as_str().unwrap()) {
                        open.insert(parts[1].as_str().unwrap().to_owned(), reveal(&parts[2], disclosed));
                    }
                }
                Value::Object(open)
            }
            Value::Array(elements) => elements
                .iter()
                .filter_map(|element| disclosed.get(element["..."].as_str().unwrap()))
                .map(|parts| reveal(&parts[1], disclosed))
                .collect(),
            plain => plain.clone(),
        }
    }

    fn by_digest(disclosures: &[&Disclosure]) -> BTreeMap<String, Value> {
        let entry = |disclosure: &&Disclosure| {
            let parts = serde_json::from_slice(&base64::decode_url(&disclosure.text).unwrap()).unwrap();
            (HashAlgorithm::Sha256.digest_url(disclosure.text.as_bytes()), parts)
        };
        disclosures.iter().map(entry).collect()
    }

    #[test]
    fn all_disclosures_together_give_the_claims_back() {
        for decoys in [0, 3] {
            let (payload, disclosures) = concealed(decoys);
            assert_eq!(disclosures.len(), 10);
            assert_eq!(payload["_sd"].as_array().unwrap().len(), 3 + decoys);
            let all = by_digest(&disclosures.iter().collect::<Vec<_>>());
            assert_eq!(all.len(), 10, "no digest twice");
            assert_eq!(reveal(&Value::Object(payload), &all), Value::Object(claims()));
        }
    }

    #[test]
    fn only_what_a_path_needs_is_disclosed() {
        let (payload, disclosures) = concealed(0);
        let shown = |path: Value| {
            let path = path.as_array().unwrap().clone();
            let chosen: Vec<&Disclosure> = disclosures.iter().filter(|disclosure| disclosure.serves(&path)).collect();
            reveal(&Value::Object(payload.clone()), &by_digest(&chosen))
        };
        assert_eq!(shown(json!(["name"])), json!({"name": "A"}));
        assert_eq!(shown(json!(["address", "town"])), json!({"address": {"town": "B"}}));
        assert_eq!(shown(json!(["states"])), json!({"states": ["DE", "GR"]}));
        assert_eq!(shown(json!(["states", 1])), json!({"states": ["GR"]}));
        assert_eq!(shown(json!(["states", null])), json!({"states": ["DE", "GR"]}));
        assert_eq!(shown(json!(["address", "lines", 1, "d"])), json!({"address": {"lines": [{"d": true}]}}));
        assert_eq!(shown(json!(["other"])), json!({}));
    }

    #[test]
    fn the_published_example_has_the_published_digest() {
        // specs: RFC 9901 section 4.2.3, with the white space that the example has.
        let text = "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0";
        assert_eq!(HashAlgorithm::Sha256.digest_url(text.as_bytes()), "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0");
    }

    #[test]
    fn salts_follow_from_the_seed() {
        assert_eq!(concealed(2), concealed(2));
        let other = Concealer::new(&Seed::new([2; 32]), "test", HashAlgorithm::Sha256, 2).conceal(&claims());
        assert_ne!(concealed(2), other);
    }
}
