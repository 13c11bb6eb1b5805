//! What a proof of possession confirms, and whether all proofs together confirm what was asked.

use super::entry::Entry;
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use serde_json::{Map, Value};

/// One entry, confirmed by one proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmation {
    /// The place of the entry in the request, from 0.
    pub entry: usize,
    /// Its `type`.
    pub kind: String,
    /// The hash function.
    pub algorithm: HashAlgorithm,
    /// The hash of its text, base64url.
    pub hash: String,
}

fn mismatch<T>(detail: &'static str) -> Result<T, Reason> {
    Err(Reason::new(Code::TransactionDataMismatch, detail))
}

/// What a proof with these claims confirms. `query_id` is that of the credential query which its credential answers; without
/// a query each entry counts as naming it.
///
/// A proof without hashes confirms nothing, which is no fault of its own: another credential may confirm. The order of the
/// hashes is free, as the specification maps each hash to its entry by its value.
///
/// # Errors
/// [`Code::TransactionDataMismatch`] for hashes although no transaction data was sent, a hash of nothing that was sent, of an
/// entry that does not name this credential, or twice the same (cases TXD-005, TXD-007); for an algorithm that was not
/// offered or is not named as it should be (case TXD-006).
///
/// # Source
/// OpenID4VP 1.0 appendix B.3.3.1; TXD-05 to TXD-07.
pub fn confirmed_by(
    claims: &Map<String, Value>,
    query_id: Option<&str>,
    entries: &[Entry],
) -> Result<Vec<Confirmation>, Reason> {
    let named = claims.get("transaction_data_hashes_alg");
    let Some(hashes) = claims.get("transaction_data_hashes") else {
        return if named.is_none() {
            Ok(Vec::new())
        } else {
            mismatch("transaction_data_hashes_alg without transaction_data_hashes")
        };
    };
    if entries.is_empty() {
        return mismatch("the proof confirms transaction data, but none was sent");
    }
    let hashes = match hashes.as_array() {
        Some(hashes) if (1..=limits::TRANSACTION_DATA).contains(&hashes.len()) => hashes,
        _ => return mismatch("transaction_data_hashes is no list, empty, or longer than any request"),
    };
    let named = match named {
        None => None,
        Some(Value::String(name)) => match HashAlgorithm::from_name(name) {
            None => return mismatch("transaction_data_hashes_alg is not an algorithm that was offered"),
            known => known,
        },
        Some(_) => return mismatch("transaction_data_hashes_alg is no text"),
    };
    let algorithm = named.unwrap_or(HashAlgorithm::Sha256);
    let expected: Vec<String> = entries.iter().map(|entry| algorithm.digest_url(entry.text().as_bytes())).collect();
    let mut confirmed: Vec<Confirmation> = Vec::with_capacity(hashes.len());
    for hash in hashes {
        let place = hash.as_str().and_then(|hash| expected.iter().position(|expected| expected == hash));
        let Some((place, entry)) = place.and_then(|place| Some((place, entries.get(place)?))) else {
            return mismatch("a hash is not that of an entry as it was sent");
        };
        if query_id.is_some_and(|id| !entry.names(id)) {
            return mismatch("the proof confirms an entry that does not name this credential");
        }
        if !entry.allows(named) {
            return mismatch("transaction_data_hashes_alg is not named as the entry demands");
        }
        if confirmed.iter().any(|before| before.entry == place) {
            return mismatch("the proof confirms the same entry twice");
        }
        let hash = hash.as_str().unwrap_or_default().to_owned();
        confirmed.push(Confirmation { entry: place, kind: entry.kind().to_owned(), algorithm, hash });
    }
    Ok(confirmed)
}

/// Whether each entry is confirmed, and by one credential only.
///
/// # Errors
/// [`Code::TransactionDataMismatch`] for an entry that nobody confirms (case TXD-001), or more than one.
///
/// # Source
/// OpenID4VP 1.0 section 5.1 (`credential_ids`) and section 8.4; TXD-07.
pub fn check_each_once<'c>(
    entries: &[Entry],
    confirmed: impl IntoIterator<Item = &'c Confirmation>,
) -> Result<(), Reason> {
    let mut times = vec![0_usize; entries.len()];
    for confirmation in confirmed {
        match times.get_mut(confirmation.entry) {
            Some(count) => *count = count.saturating_add(1),
            None => return mismatch("an entry is confirmed that was not sent"),
        }
    }
    if times.contains(&0) {
        return mismatch("transaction data was sent, and no credential confirms it");
    }
    if times.iter().any(|count| *count > 1) {
        return mismatch("more than one credential confirms the same entry");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::encoding::base64;
    use proptest::prelude::*;
    use serde_json::json;

    fn entry(ids: &[&str], form: &str, offer: Option<&[&str]>) -> Entry {
        let mut object = json!({"type": "t", "credential_ids": ids, "form": form});
        if let Some(offer) = offer {
            object["transaction_data_hashes_alg"] = json!(offer);
        }
        Entry::parse(&base64::encode_url(object.to_string().as_bytes())).unwrap()
    }

    fn hash(entry: &Entry) -> String {
        HashAlgorithm::Sha256.digest_url(entry.text().as_bytes())
    }

    #[expect(clippy::needless_pass_by_value, reason = "a json! value reads best without a borrow")]
    fn confirm(claims: Value, id: Option<&str>, entries: &[Entry]) -> Result<Vec<usize>, String> {
        let confirmed = confirmed_by(claims.as_object().unwrap(), id, entries);
        confirmed.map(|confirmed| confirmed.iter().map(|confirmation| confirmation.entry).collect()).map_err(|reason| {
            assert_eq!(reason.code, Code::TransactionDataMismatch);
            reason.detail.into_owned()
        })
    }

    #[test]
    fn an_example_that_was_computed_elsewhere() {
        // TXD-05: the hash is over the text, not over what it decodes to.
        let text = base64::encode_url(
            br#"{"type":"https://city.example/td/form-approval/1","credential_ids":["sca"],"form":"A-17"}"#,
        );
        let entry = Entry::parse(&text).unwrap();
        let claims = json!({"transaction_data_hashes": ["hMxtfkxfFtIvsl0spbqq3FN5mWPvEsSWgHBNtsUK3Y0"]});
        assert_eq!(confirm(claims, Some("sca"), std::slice::from_ref(&entry)), Ok(vec![0]));
        let decoded = HashAlgorithm::Sha256.digest_url(&base64::decode_url(&text).unwrap());
        let claims = json!({"transaction_data_hashes": [decoded]});
        assert!(confirm(claims, Some("sca"), &[entry]).unwrap_err().contains("as it was sent"));
    }

    #[test]
    fn hashes_map_to_their_entries_in_any_order() {
        let entries = [entry(&["a"], "1", None), entry(&["a"], "2", None)];
        let both = |first: usize, second: usize| json!({"transaction_data_hashes": [hash(&entries[first]), hash(&entries[second])]});
        assert_eq!(confirm(both(0, 1), Some("a"), &entries), Ok(vec![0, 1]));
        assert_eq!(confirm(both(1, 0), Some("a"), &entries), Ok(vec![1, 0]));
        assert!(confirm(both(1, 1), Some("a"), &entries).unwrap_err().contains("twice"));
        // One of two is no fault of this proof: another credential may confirm the other entry.
        let one = json!({"transaction_data_hashes": [hash(&entries[1])]});
        assert_eq!(confirm(one, Some("a"), &entries), Ok(vec![1]));
    }

    #[test]
    fn nothing_but_what_was_sent_is_confirmed() {
        // TXD-005
        let entries = [entry(&["a"], "1", None)];
        let extra = json!({"transaction_data_hashes": [hash(&entries[0]), HashAlgorithm::Sha256.digest_url(b"x")]});
        assert!(confirm(extra, Some("a"), &entries).is_err());
        // TXD-007
        let right = json!({"transaction_data_hashes": [hash(&entries[0])]});
        assert!(confirm(right.clone(), Some("b"), &entries).unwrap_err().contains("does not name this credential"));
        assert_eq!(confirm(right.clone(), None, &entries), Ok(vec![0]));
        // Nothing was sent at all.
        assert!(confirm(right.clone(), Some("a"), &[]).unwrap_err().contains("none was sent"));
        for wrong in [json!([]), json!("x"), json!(null), json!([1]), json!([[hash(&entries[0])]]), json!(vec!["x"; 9])]
        {
            assert!(confirm(json!({"transaction_data_hashes": wrong}), Some("a"), &entries).is_err(), "{wrong}");
        }
        let padded = json!({"transaction_data_hashes": [format!("{}=", hash(&entries[0]))]});
        assert!(confirm(padded, Some("a"), &entries).is_err());
    }

    #[test]
    fn the_algorithm_is_one_that_was_offered() {
        // TXD-006
        let silent = [entry(&["a"], "1", None)];
        let offering = [entry(&["a"], "1", Some(&["sha-512", "sha-256"]))];
        let with = |entries: &[Entry], algorithm: HashAlgorithm, named: Value| {
            let mut claims = json!({"transaction_data_hashes": [algorithm.digest_url(entries[0].text().as_bytes())]});
            if !named.is_null() {
                claims["transaction_data_hashes_alg"] = named;
            }
            confirm(claims, Some("a"), entries)
        };
        let (two, five) = (HashAlgorithm::Sha256, HashAlgorithm::Sha512);
        assert!(with(&silent, two, Value::Null).is_ok());
        assert!(with(&silent, two, json!("sha-256")).is_ok());
        assert!(with(&silent, five, json!("sha-512")).is_err(), "not asked for");
        assert!(with(&offering, two, json!("sha-256")).is_ok());
        assert!(with(&offering, five, json!("sha-512")).is_ok());
        assert!(with(&offering, two, Value::Null).unwrap_err().contains("named"), "the name is missing");
        assert!(with(&offering, two, json!("sha-512")).is_err(), "named otherwise than hashed");
        for wrong in [json!("sha-1"), json!(["sha-256"]), json!("SHA-256"), json!(true), json!("sha-384")] {
            assert!(with(&offering, two, wrong.clone()).is_err(), "{wrong}");
        }
        let alone = json!({"transaction_data_hashes_alg": "sha-256"});
        assert!(confirm(alone.clone(), Some("a"), &silent).is_err());
        assert!(confirm(alone, Some("a"), &[]).is_err());
        assert_eq!(confirm(json!({}), Some("a"), &[]), Ok(vec![]));
    }

    #[test]
    fn each_entry_is_confirmed_once() {
        let entries = [entry(&["a", "b"], "1", None), entry(&["b"], "2", None)];
        let of = |places: &[usize]| -> Vec<Confirmation> {
            let one = |place: &usize| Confirmation {
                entry: *place,
                kind: "t".to_owned(),
                algorithm: HashAlgorithm::Sha256,
                hash: String::new(),
            };
            places.iter().map(one).collect()
        };
        let check = |places: &[usize]| check_each_once(&entries, &of(places)).map_err(|reason| reason.detail);
        assert_eq!(check(&[0, 1]), Ok(()));
        assert_eq!(check(&[1, 0]), Ok(()));
        // TXD-001
        assert!(check(&[]).unwrap_err().contains("no credential"));
        assert!(check(&[0]).is_err());
        // TXD-07
        assert!(check(&[0, 0, 1]).unwrap_err().contains("more than one"));
        assert!(check(&[0, 1, 2]).is_err());
        assert_eq!(check_each_once(&[], &of(&[])), Ok(()));
    }

    /// Hashes and algorithms that may stand in a proof, right ones and others.
    fn stated(entries: &[Entry]) -> (Vec<Value>, Vec<Option<Value>>) {
        let mut hashes = vec![json!("x"), json!(7), json!(null)];
        for entry in entries {
            for algorithm in [HashAlgorithm::Sha256, HashAlgorithm::Sha512] {
                hashes.push(json!(algorithm.digest_url(entry.text().as_bytes())));
            }
        }
        let names = [json!("sha-256"), json!("sha-512"), json!("sha-1"), json!(["sha-256"]), json!(null)];
        (hashes, std::iter::once(None).chain(names.map(Some)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// Against the rules of TXD-05 to TXD-07 written once more, one after the other.
        #[test]
        fn a_proof_confirms_what_the_rules_say(
            picks in prop::collection::vec(0_usize..9, 0..4),
            name in 0_usize..6,
            id in 0_usize..3,
            sent in 0_usize..4,
        ) {
            let all = [
                entry(&["a"], "1", None),
                entry(&["a", "b"], "2", Some(&["sha-512", "sha-256"])),
                entry(&["b"], "3", Some(&["sha-256"])),
            ];
            let id = ["a", "b", "c"][id];
            let entries = &all[..sent];
            let (hashes, names) = stated(&all);
            let hashes: Vec<Value> = picks.iter().map(|pick| hashes[*pick].clone()).collect();
            let mut claims = Map::new();
            if !hashes.is_empty() {
                claims.insert("transaction_data_hashes".to_owned(), json!(hashes));
            }
            if let Some(name) = &names[name] {
                claims.insert("transaction_data_hashes_alg".to_owned(), name.clone());
            }
            let algorithm = match &names[name] {
                None => Some((HashAlgorithm::Sha256, false)),
                Some(name) => name.as_str().and_then(HashAlgorithm::from_name).map(|algorithm| (algorithm, true)),
            };
            let fits = |hash: &Value, entry: &Entry| {
                let Some((algorithm, named)) = algorithm else { return false };
                let offered = entry.algorithms().contains(&algorithm);
                let silent = entry.algorithms() == [HashAlgorithm::Sha256] && entry.allows(None);
                *hash == json!(algorithm.digest_url(entry.text().as_bytes()))
                    && entry.names(id)
                    && offered
                    && (named || silent)
            };
            let mut places: Vec<Option<usize>> =
                hashes.iter().map(|hash| entries.iter().position(|entry| fits(hash, entry))).collect();
            let right = if hashes.is_empty() {
                names[name].is_none()
            } else {
                let whole = places.iter().all(Option::is_some);
                let count = places.len();
                let kept = places.clone();
                places.sort();
                places.dedup();
                let distinct = places.len() == count;
                places = kept;
                whole && distinct
            };
            let got = confirm(Value::Object(claims), Some(id), entries);
            prop_assert_eq!(got.is_ok(), right, "{:?}", got);
            if let Ok(got) = got {
                let wanted: Vec<usize> = places.into_iter().flatten().collect();
                prop_assert_eq!(got, wanted);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}", json in "[\\[\\]{}\":,a-z0-9]{0,40}") {
            for text in [text, base64::encode_url(json.as_bytes())] {
                if let Err(faults) = Entry::parse(&text) {
                    prop_assert!(!faults.is_empty());
                }
            }
        }
    }
}
