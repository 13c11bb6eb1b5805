//! What a caller wants authorised, before it is sent.

use super::entry::{Entry, fault};
use super::types::TransactionDataTypes;
use crate::domain::dcql::{CredentialQuery, DcqlQuery, Fault, Meta, lint_transaction_data};
use crate::domain::encoding::base64;
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::limits;
use serde_json::Value;

/// What entries are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The types that may be asked for.
    pub types: &'a TransactionDataTypes,
    /// The hash functions that may be offered.
    pub algorithms: &'a [HashAlgorithm],
}

/// Reads the entries of a request: base64url text, which is kept as it is, or a JSON object, which is encoded here. `query` is
/// the query that is sent along, if it could be read.
///
/// # Errors
/// Every fault with its place, as `/transaction_data/0/credential_ids/0`; for text the place below the entry is that in the
/// decoded object.
///
/// # Source
/// OpenID4VP 1.0 section 5.1, appendix B.3.3; TXD-01 to TXD-04, TXD-06, TXD-11.
pub fn read(given: &[Value], query: Option<&DcqlQuery>, rules: Rules<'_>) -> Result<Vec<Entry>, Vec<Fault>> {
    const AT: &str = "/transaction_data";
    if given.is_empty() {
        return Ok(Vec::new());
    }
    if rules.types.is_empty() {
        let detail = "transaction data is not offered here: the configuration names no [[transaction_data_type]]";
        return Err(vec![fault(AT, detail, "TXD-11")]);
    }
    if given.len() > limits::TRANSACTION_DATA {
        return Err(vec![fault(AT, format!("more than {} entries", limits::TRANSACTION_DATA), "limits")]);
    }
    let mut faults = Vec::new();
    let mut entries: Vec<Entry> = Vec::with_capacity(given.len());
    for (place, value) in given.iter().enumerate() {
        let at = format!("{AT}/{place}");
        let (entry, object) = match text_of(value).and_then(|text| Entry::read(&text)) {
            Ok(read) => read,
            Err(found) => {
                faults.extend(found.into_iter().map(|fault| fault.under(&at)));
                continue;
            }
        };
        faults.extend(judge(&entry, &object, query, rules, &at));
        if entries.iter().any(|before| before.text() == entry.text()) {
            faults.push(fault(&at, "the same entry stands there before", "TXD-07"));
        }
        entries.push(entry);
    }
    if faults.is_empty() && !share_an_algorithm(&entries) {
        let detail = "the entries offer no hash algorithm in common, but a proof has one for all; offer the same ones";
        faults.push(fault(AT, detail, "TXD-06"));
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

/// Reads entries that were sent before, by this verifier or another one: their form and algorithms, without types.
///
/// # Errors
/// As [`read`].
pub fn read_sent(texts: &[String], algorithms: &[HashAlgorithm]) -> Result<Vec<Entry>, Vec<Fault>> {
    const AT: &str = "/transaction_data";
    if texts.len() > limits::TRANSACTION_DATA {
        return Err(vec![fault(AT, format!("more than {} entries", limits::TRANSACTION_DATA), "limits")]);
    }
    let mut faults = Vec::new();
    let mut entries: Vec<Entry> = Vec::with_capacity(texts.len());
    for (place, text) in texts.iter().enumerate() {
        let at = format!("{AT}/{place}");
        match Entry::parse(text) {
            Ok(entry) => {
                faults.extend(algorithm_fault(&entry, algorithms, &at));
                if entries.iter().any(|before| before.text() == entry.text()) {
                    faults.push(fault(&at, "the same entry stands there before", "TXD-07"));
                }
                entries.push(entry);
            }
            Err(found) => faults.extend(found.into_iter().map(|fault| fault.under(&at))),
        }
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

fn text_of(value: &Value) -> Result<String, Vec<Fault>> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Object(_) => Ok(base64::encode_url(value.to_string().as_bytes())),
        _ => Err(vec![fault("", "neither a JSON object nor its base64url text", "TXD-01")]),
    }
}

fn judge(entry: &Entry, object: &Value, query: Option<&DcqlQuery>, rules: Rules<'_>, at: &str) -> Vec<Fault> {
    let mut faults: Vec<Fault> = algorithm_fault(entry, rules.algorithms, at).into_iter().collect();
    let kind = rules.types.get(entry.kind());
    if let Some(kind) = kind {
        faults.extend(kind.schema.faults(object).into_iter().map(|fault| fault.under(at)));
    } else {
        let known: Vec<&str> = rules.types.iter().map(|kind| kind.name.as_str()).collect();
        let detail = format!("the configuration names no such type; it names {}", known.join(", "));
        faults.push(fault(&format!("{at}/type"), detail, "TXD-04"));
    }
    let Some(query) = query else { return faults };
    let ids: Vec<&str> = entry.credential_ids().iter().map(String::as_str).collect();
    let findings = lint_transaction_data(query, at, &ids).into_iter();
    faults.extend(findings.map(|finding| Fault {
        pointer: finding.pointer,
        detail: format!("{}; {}", finding.detail, finding.hint).into(),
        rule: finding.rule,
    }));
    let credentials = query.credentials();
    for (place, id) in ids.into_iter().enumerate() {
        let credential = query.position(id).and_then(|position| credentials.get(position));
        if let (Some(kind), Some(credential)) = (kind, credential)
            && !may_confirm(credential, &kind.credential_types)
        {
            let detail = format!(
                "asks for a credential type that may not confirm this type; those that may are {}",
                kind.credential_types.join(", ")
            );
            faults.push(fault(&format!("{at}/credential_ids/{place}"), detail, "TXD-04"));
        }
    }
    faults
}

/// Every type that the query accepts must be one that may confirm: the wallet chooses among them.
fn may_confirm(credential: &CredentialQuery, allowed: &[String]) -> bool {
    match credential.meta() {
        Meta::VctValues(values) => values.iter().all(|vct| allowed.contains(vct)),
        _ => false,
    }
}

fn algorithm_fault(entry: &Entry, allowed: &[HashAlgorithm], at: &str) -> Option<Fault> {
    if entry.algorithms().iter().all(|algorithm| allowed.contains(algorithm)) {
        return None;
    }
    let names: Vec<&str> = allowed.iter().map(|algorithm| algorithm.name()).collect();
    let detail = format!("offers a hash algorithm that the policy does not accept; it accepts {}", names.join(", "));
    Some(fault(&format!("{at}/transaction_data_hashes_alg"), detail, "TXD-06"))
}

fn share_an_algorithm(entries: &[Entry]) -> bool {
    let Some(first) = entries.first() else { return true };
    first.algorithms().iter().any(|algorithm| entries.iter().all(|entry| entry.algorithms().contains(algorithm)))
}

#[cfg(test)]
mod tests {
    use super::super::types::{Schema, TransactionDataType};
    use super::*;
    use serde_json::json;

    fn types() -> TransactionDataTypes {
        let schema = json!({"type": "object", "required": ["form"], "properties": {"form": {"type": "string"}}});
        TransactionDataTypes::new([TransactionDataType {
            name: "urn:example:td:1".to_owned(),
            credential_types: vec!["urn:example:pass:1".to_owned()],
            schema: Schema::parse(schema.to_string().as_bytes()).unwrap(),
        }])
    }

    fn query() -> DcqlQuery {
        let one = |id: &str, vct: &[&str]| json!({"id": id, "format": "dc+sd-jwt", "meta": {"vct_values": vct}});
        let mut loose = one("loose", &["urn:example:pass:1"]);
        loose["require_cryptographic_holder_binding"] = json!(false);
        let mdoc = json!({"id": "mdoc", "format": "mso_mdoc", "meta": {"doctype_value": "org.example.pass.1"}});
        let credentials = [
            one("pass", &["urn:example:pass:1"]),
            one("pid", &["urn:eudi:pid:de:1"]),
            one("mixed", &["urn:example:pass:1", "urn:example:other:1"]),
            loose,
            mdoc,
        ];
        DcqlQuery::parse(&json!({"credentials": credentials})).unwrap()
    }

    fn entry(ids: &[&str]) -> Value {
        json!({"type": "urn:example:td:1", "credential_ids": ids, "form": "A-17"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut entry = entry(&["pass"]);
        entry[name] = value;
        entry
    }

    fn faults(given: &[Value]) -> Vec<(String, &'static str)> {
        let (types, algorithms) = (types(), [HashAlgorithm::Sha256]);
        let found = read(given, Some(&query()), Rules { types: &types, algorithms: &algorithms }).unwrap_err();
        found.into_iter().map(|fault| (fault.pointer, fault.rule)).collect()
    }

    fn at(pointer: &str, rule: &'static str) -> Vec<(String, &'static str)> {
        vec![(format!("/transaction_data{pointer}"), rule)]
    }

    #[test]
    fn objects_are_encoded_and_texts_kept() {
        // TXD-08
        let (types, algorithms) = (types(), [HashAlgorithm::Sha256]);
        let rules = Rules { types: &types, algorithms: &algorithms };
        let text = base64::encode_url(br#"{ "form":"B-1", "credential_ids":["pass"], "type":"urn:example:td:1" }"#);
        let entries = read(&[entry(&["pass"]), json!(text)], Some(&query()), rules).unwrap();
        let object = base64::decode_url(entries[0].text()).unwrap();
        assert_eq!(String::from_utf8(object).unwrap(), entry(&["pass"]).to_string());
        assert_eq!(entries[1].text(), text);
        assert_eq!(read(&[], None, rules).unwrap(), []);
    }

    #[test]
    fn nothing_is_offered_without_a_configured_type() {
        // TXD-11
        let none = TransactionDataTypes::default();
        let rules = Rules { types: &none, algorithms: &[HashAlgorithm::Sha256] };
        let found = read(&[entry(&["pass"])], Some(&query()), rules).unwrap_err();
        assert_eq!((found[0].pointer.as_str(), found[0].rule), ("/transaction_data", "TXD-11"));
        assert!(found[0].detail.contains("[[transaction_data_type]]"));
        assert!(read(&[], Some(&query()), rules).is_ok());
    }

    #[test]
    fn only_credentials_that_may_confirm_are_named() {
        // TXD-01: unknown id.
        assert_eq!(faults(&[entry(&["nobody"])]), at("/0/credential_ids/0", "TXD-01"));
        // TXD-02, case TXD-008: holder binding is waived.
        assert_eq!(faults(&[entry(&["loose"])]), at("/0/credential_ids/0", "TXD-02"));
        // TXD-03: a PID signs nothing, whatever the configuration says. TXD-04: nor may its type.
        let pid = faults(&[entry(&["pass", "pid"])]);
        assert_eq!(pid, [at("/0/credential_ids/1", "TXD-03"), at("/0/credential_ids/1", "TXD-04")].concat());
        // TXD-04: a wallet could answer with a type that may not.
        assert_eq!(faults(&[entry(&["mixed"])]), at("/0/credential_ids/0", "TXD-04"));
        // TXD-09: mdocs are confirmed otherwise.
        let mdoc = faults(&[entry(&["mdoc"])]);
        assert!(mdoc.contains(&at("/0/credential_ids/0", "TXD-09")[0]), "{mdoc:?}");
    }

    #[test]
    fn the_type_is_configured_and_its_schema_holds() {
        // TXD-04
        assert_eq!(faults(&[with("type", json!("urn:example:td:2"))]), at("/0/type", "TXD-04"));
        assert_eq!(faults(&[with("form", json!(17))]), at("/0/form", "schema"));
        let mut bare = entry(&["pass"]);
        bare.as_object_mut().unwrap().remove("form");
        assert_eq!(faults(&[bare]), at("/0", "schema"));
    }

    #[test]
    fn form_number_and_algorithms_are_bounded() {
        assert_eq!(faults(&[json!(7)]), at("/0", "TXD-01"));
        assert_eq!(faults(&[json!("not base64url")]), at("/0", "TXD-01"));
        assert_eq!(faults(&vec![entry(&["pass"]); 9]), at("", "limits"));
        assert_eq!(faults(&[entry(&["pass"]), entry(&["pass"])]), at("/1", "TXD-07"));
        let offer = |names: Value| with("transaction_data_hashes_alg", names);
        assert_eq!(faults(&[offer(json!(["sha-512"]))]), at("/0/transaction_data_hashes_alg", "TXD-06"));
        let (types, algorithms) = (types(), [HashAlgorithm::Sha256, HashAlgorithm::Sha512]);
        let rules = Rules { types: &types, algorithms: &algorithms };
        let read = |given: &[Value]| read(given, Some(&query()), rules).map(|entries| entries.len());
        assert_eq!(read(&[offer(json!(["sha-512"]))]), Ok(1));
        assert_eq!(read(&[offer(json!(["sha-512", "sha-256"])), entry(&["pass"])]), Ok(2));
        let apart = read(&[offer(json!(["sha-512"])), entry(&["pass"])]).unwrap_err();
        assert_eq!((apart[0].pointer.as_str(), apart[0].rule), ("/transaction_data", "TXD-06"));
    }

    #[test]
    fn what_was_sent_is_read_without_types() {
        let text = |value: &Value| base64::encode_url(value.to_string().as_bytes());
        let other = text(&json!({"type": "of another verifier", "credential_ids": ["x"]}));
        assert_eq!(read_sent(std::slice::from_ref(&other), &[HashAlgorithm::Sha256]).unwrap().len(), 1);
        let places = |texts: &[String]| {
            let found = read_sent(texts, &[HashAlgorithm::Sha256]).unwrap_err();
            found.into_iter().map(|fault| fault.pointer).collect::<Vec<_>>()
        };
        assert_eq!(places(&[other.clone(), other.clone()]), ["/transaction_data/1"]);
        assert_eq!(places(&[text(&json!({}))]), ["/transaction_data/0/type", "/transaction_data/0/credential_ids"]);
        assert_eq!(places(&vec![other; 9]), ["/transaction_data"]);
    }
}
