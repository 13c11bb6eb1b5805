//! Issuers that are trusted by the keys they publish: what the core says, what the configuration refuses, and a whole
//! service whose issuer's host is well, down, wrong or changed.

mod service;
mod settings;
mod verdicts;

use pruefstein::domain::jose::key_set::KeySet;
use pruefstein::domain::jose::keys::SigningKey;
use serde_json::{Map, Value, json};

/// The issuer of these tests.
pub(crate) const ISSUER: &str = "https://issuer.example/tenant/1";

/// The signing key of this number.
pub(crate) fn key(number: u8) -> SigningKey {
    SigningKey::from_scalar(&[number; 32]).unwrap()
}

/// Its public key with more members.
pub(crate) fn jwk(number: u8, more: &Value) -> Value {
    let mut jwk: Map<String, Value> = key(number).public_jwk();
    jwk.extend(more.as_object().unwrap().clone());
    Value::Object(jwk)
}

pub(crate) fn set(keys: &[Value]) -> Value {
    json!({"keys": keys})
}

pub(crate) fn key_set(keys: &[Value]) -> KeySet {
    KeySet::read(&set(keys)).unwrap()
}
