//! `[[transaction_data_type]]` and `policy.transaction_data_hashes`.

use crate::fixture::{Folder, SOUND};
use pruefstein::domain::jose::hash::HashAlgorithm;
use serde_json::json;

const SCHEMA: &str = r#"{"type": "object", "required": ["form"]}"#;

fn section(name: &str, schema: &str, types: &str) -> String {
    format!("\n[[transaction_data_type]]\nname = \"{name}\"\nschema = \"{schema}\"\ncredential_types = {types}\n")
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("form.json", SCHEMA);
    folder
}

#[track_caller]
fn refused(folder: &Folder, text: &str, key: &str, words: &str) {
    let faults = folder.load(&format!("{SOUND}{text}")).expect_err("a fault");
    assert_eq!(faults.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), [key], "{faults:#?}");
    assert!(faults[0].to_string().contains(words), "{} lacks {words:?}", faults[0]);
}

#[test]
fn there_is_none_by_default() {
    // TXD-11
    let settings = folder().load(SOUND).unwrap();
    assert!(settings.tenant.transaction_data.is_empty());
    assert_eq!(settings.tenant.policy.transaction_data_hashes, [HashAlgorithm::Sha256]);
}

#[test]
fn a_type_has_a_schema_and_credentials_that_confirm_it() {
    let text = format!("{SOUND}{}", section("urn:example:form:1", "form.json", "[\"urn:example:pass:1\"]"));
    let settings = folder().load(&text).unwrap();
    let kind = settings.tenant.transaction_data.get("urn:example:form:1").unwrap();
    assert_eq!(kind.credential_types, ["urn:example:pass:1"]);
    assert!(kind.schema.faults(&json!({"form": 1})).is_empty() && !kind.schema.faults(&json!({})).is_empty());
    // Nobody vouches for that credential: worth knowing, no fault.
    let note = settings.notes.iter().find(|note| note.key == "transaction_data_type(urn:example:form:1)").unwrap();
    assert!(note.text.contains("urn:example:pass:1") && note.text.contains("no trust source"), "{note}");
}

#[test]
fn bad_schemas_and_types_are_refused() {
    let folder = folder();
    let types = "[\"urn:example:pass:1\"]";
    let key = |name: &str| format!("transaction_data_type(urn:t:1).{name}");
    refused(&folder, &section("urn:t:1", "none.json", types), &key("schema"), "there is no file");
    for (content, words) in [
        ("{", "strict JSON"),
        ("[]", "no JSON object"),
        (r#"{"type": "objekt"}"#, "no JSON Schema"),
        (r#"{"$ref": "https://schemas.example/form"}"#, "stands by itself"),
    ] {
        folder.write("bad.json", content);
        refused(&folder, &section("urn:t:1", "bad.json", types), &key("schema"), words);
    }
    // TXD-03
    let pid = "[\"urn:example:pass:1\", \"urn:eudi:pid:de:1\"]";
    refused(&folder, &section("urn:t:1", "form.json", pid), &key("credential_types[1]"), "PID");
    refused(&folder, &section("urn:t:1", "form.json", "[]"), &key("credential_types"), "nobody could confirm it");
    let twice = section("urn:t:1", "form.json", types).repeat(2);
    refused(&folder, &twice, &key("name"), "another section");
    let short = "\n[[transaction_data_type]]\nname = \"urn:t:1\"\n";
    let faults = folder.load(&format!("{SOUND}{short}")).unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:#?}");
}

#[test]
fn hash_functions_are_known_ones() {
    let folder = folder();
    let policy = |names: &str| format!("{SOUND}\n[policy]\ntransaction_data_hashes = {names}\n");
    let read = |names: &str| folder.load(&policy(names)).unwrap().tenant.policy.transaction_data_hashes;
    assert_eq!(read("[\"sha-512\"]"), [HashAlgorithm::Sha256, HashAlgorithm::Sha512]);
    assert_eq!(read("[\"sha-384\", \"sha-256\"]"), [HashAlgorithm::Sha256, HashAlgorithm::Sha384]);
    let text = "\n[policy]\ntransaction_data_hashes = [\"sha-1\"]\n";
    refused(&folder, text, "policy.transaction_data_hashes[0]", "sha-1");
}
