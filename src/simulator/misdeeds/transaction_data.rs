//! Faults of the confirmation of transaction data: who confirms it, and what the proof says.

use super::Scene;
use crate::domain::encoding::base64;
use crate::domain::jose::hash::HashAlgorithm;
use crate::simulator::faults::Fault;
use crate::simulator::matcher::Choice;
use crate::simulator::transaction_data::{self, Entry};
use serde_json::{Map, Value, json};

/// Which entries each choice confirms.
pub(in crate::simulator) fn shares(scene: &Scene<'_>, choices: &[Choice]) -> Vec<Vec<usize>> {
    let entries = &scene.request.transaction_data;
    let all: Vec<usize> = (0..entries.len()).collect();
    match scene.fault {
        Some(Fault::TransactionDataByTwo) => vec![all; choices.len()],
        // The first choice is one that no entry names.
        Some(Fault::TransactionDataByOther) => {
            (0..choices.len()).map(|place| if place == 0 { all.clone() } else { Vec::new() }).collect()
        }
        _ => transaction_data::shares(entries, choices),
    }
}

/// Confirms in the proof what is this credential's to confirm, and spoils it.
pub(in crate::simulator) fn confirm(scene: &Scene<'_>, payload: &mut Map<String, Value>) {
    let entries = &scene.request.transaction_data;
    let mine: Vec<&Entry> = scene.confirms.iter().filter_map(|place| entries.get(*place)).collect();
    transaction_data::confirm(payload, &mine);
    let hash = |text: &[u8]| Value::from(HashAlgorithm::Sha256.digest_url(text));
    let mut set = |name: &str, value: Value| payload.insert(format!("transaction_data_{name}"), value);
    match scene.fault {
        Some(Fault::TransactionDataMissing) => {
            payload.shift_remove("transaction_data_hashes");
            payload.shift_remove("transaction_data_hashes_alg");
        }
        Some(Fault::TransactionDataPart) => hashes(payload, |hashes| hashes.truncate(1)),
        Some(Fault::TransactionDataExtra) => hashes(payload, |hashes| hashes.push(hash(b"something else"))),
        Some(Fault::TransactionDataTwice) => hashes(payload, |hashes| hashes.extend(hashes.first().cloned())),
        Some(Fault::TransactionDataReordered) => hashes(payload, |hashes| hashes.reverse()),
        Some(Fault::TransactionDataDecoded) => {
            let decoded = mine.iter().map(|entry| hash(&base64::decode_url(&entry.text).unwrap_or_default()));
            set("hashes", decoded.collect());
        }
        Some(Fault::TransactionDataAlgOther) => {
            set("hashes", mine.iter().map(|entry| entry.hash(HashAlgorithm::Sha512)).collect());
            set("hashes_alg", json!("sha-512"));
        }
        Some(Fault::TransactionDataAlgMissing) => {
            payload.shift_remove("transaction_data_hashes_alg");
        }
        Some(Fault::TransactionDataAlgArray) => {
            set("hashes_alg", json!(["sha-256"]));
        }
        Some(Fault::TransactionDataAlgSha1) => {
            set("hashes_alg", json!("sha-1"));
        }
        Some(Fault::TransactionDataUnasked) => {
            set("hashes", json!([hash(b"nothing that was sent")]));
        }
        _ => {}
    }
}

fn hashes(payload: &mut Map<String, Value>, change: impl FnOnce(&mut Vec<Value>)) {
    if let Some(Value::Array(hashes)) = payload.get_mut("transaction_data_hashes") {
        change(hashes);
    }
}
