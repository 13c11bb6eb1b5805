//! The types that a tenant's configuration names: their schema, and which credentials may confirm them.

use crate::domain::dcql::Fault;
use crate::domain::encoding::json;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A JSON Schema, ready for use. It reaches for nothing outside itself.
#[derive(Clone)]
pub struct Schema(Arc<Validator>);

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema(..)")
    }
}

impl Schema {
    /// Reads a schema. Without `$schema` it is of draft 2020-12. `format` is checked; patterns take linear time, so they
    /// have no look-around and no back-references.
    ///
    /// # Errors
    /// [`Code::ConfigRefused`] for what is no schema, or refers to another document.
    pub fn parse(bytes: &[u8]) -> Result<Self, Reason> {
        let refused = |detail: String| Reason::new(Code::ConfigRefused, detail);
        if bytes.len() > limits::TRANSACTION_DATA_SCHEMA_BYTES {
            return Err(refused("it is larger than the limit".to_owned()));
        }
        let schema = json::parse(bytes).map_err(|fault| refused(Reason::from(fault).detail.into_owned()))?;
        if !schema.is_object() {
            return Err(refused("it is no JSON object".to_owned()));
        }
        jsonschema::options()
            .should_validate_formats(true)
            .with_pattern_options(PatternOptions::regex())
            .build(&schema)
            .map(|validator| Self(Arc::new(validator)))
            .map_err(|error| refused(format!("it is no JSON Schema that stands by itself: {error}")))
    }

    /// What of `object` does not fit, by place. Names keywords, never a value.
    pub fn faults(&self, object: &Value) -> Vec<Fault> {
        let found = self.0.iter_errors(object).take(limits::TRANSACTION_DATA_FAULTS);
        found
            .map(|error| Fault {
                pointer: error.instance_path().as_str().to_owned(),
                detail: format!("does not fit the schema of its type, at {}", error.schema_path().as_str()).into(),
                rule: "schema",
            })
            .collect()
    }
}

/// A type of transaction data.
#[derive(Debug, Clone)]
pub struct TransactionDataType {
    /// `type`, exactly.
    pub name: String,
    /// The types (`vct`) of the credentials that may confirm it.
    pub credential_types: Vec<String>,
    /// What its objects must look like.
    pub schema: Schema,
}

/// The types by name. None, unless the configuration names some: transaction data is then not offered (TXD-11).
#[derive(Debug, Clone, Default)]
pub struct TransactionDataTypes(BTreeMap<String, TransactionDataType>);

impl TransactionDataTypes {
    /// From these types; of two with one name the later one counts.
    pub fn new(types: impl IntoIterator<Item = TransactionDataType>) -> Self {
        Self(types.into_iter().map(|kind| (kind.name.clone(), kind)).collect())
    }

    /// Whether transaction data is offered at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The type of this name.
    pub fn get(&self, name: &str) -> Option<&TransactionDataType> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = &TransactionDataType> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(schema: &str) -> String {
        Schema::parse(schema.as_bytes()).unwrap_err().detail.into_owned()
    }

    #[test]
    fn faults_have_places_and_no_values() {
        let schema = json!({
            "type": "object", "required": ["form"],
            "properties": {"form": {"type": "string", "pattern": "^[A-Z]-[0-9]+$"}, "paid": {"const": true}},
        });
        let schema = Schema::parse(schema.to_string().as_bytes()).unwrap();
        assert!(schema.faults(&json!({"form": "A-17"})).is_empty());
        let faults = schema.faults(&json!({"form": "MUSTERFRAU", "paid": "MUSTERFRAU"}));
        let places: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(places, ["/form", "/paid"]);
        assert!(faults.iter().all(|fault| !fault.detail.contains("MUSTERFRAU")), "{faults:?}");
        assert_eq!(schema.faults(&json!({})).len(), 1);
        let many = Schema::parse(br#"{"items": {"type": "string"}}"#).unwrap();
        assert_eq!(many.faults(&json!(vec![1; 100])).len(), limits::TRANSACTION_DATA_FAULTS);
    }

    #[test]
    fn a_schema_stands_by_itself() {
        for wrong in [
            "",
            "[]",
            "true",
            r#"{"type": "objekt"}"#,
            r#"{"$ref": "https://attacker.example/schema"}"#,
            r#"{"$ref": "file:///etc/passwd"}"#,
            r#"{"$ref": "other.json"}"#,
            r#"{"pattern": "("}"#,
            r#"{"pattern": "(a)\\1"}"#,
            r#"{"type": "object", "type": "string"}"#,
        ] {
            assert!(!refused(wrong).is_empty(), "{wrong}");
        }
        let large = format!(r#"{{"description": "{}"}}"#, "x".repeat(limits::TRANSACTION_DATA_SCHEMA_BYTES));
        assert_eq!(refused(&large), "it is larger than the limit");
    }

    #[test]
    fn patterns_take_linear_time() {
        let schema = Schema::parse(br#"{"pattern": "^(a+)+$"}"#).unwrap();
        assert_eq!(schema.faults(&json!(format!("{}!", "a".repeat(5_000)))).len(), 1);
    }
}
