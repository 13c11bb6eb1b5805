//! The `status` claim of a credential: which entry of which list.

use crate::domain::reason::{Code, Reason};
use serde_json::{Map, Value};

/// An entry of a status list. Nothing of it is kept after the verdict (TSL-55).
#[derive(Clone, PartialEq, Eq)]
pub struct StatusReference {
    /// Index of the entry.
    pub index: u64,
    /// Address of the list token.
    pub uri: String,
}

impl std::fmt::Debug for StatusReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StatusReference(..)")
    }
}

impl StatusReference {
    /// Reads the `status` claim. Other mechanisms beside `status_list` are ignored (TSL-04).
    ///
    /// # Errors
    /// - [`Code::StatusInvalidReference`] if it is no object, has no `status_list` (VC-12), or no usable `uri`.
    /// - [`Code::StatusIndexOutOfRange`] if `idx` is no integer from 0 upwards.
    ///
    /// # Source
    /// Token Status List section 6.2, HAIP section 6.1.
    pub fn from_claim(claim: &Value) -> Result<Self, Reason> {
        let invalid = |detail: &'static str| Reason::new(Code::StatusInvalidReference, detail);
        let mechanisms = claim.as_object().ok_or_else(|| invalid("status is no object"))?;
        let list: &Map<String, Value> = mechanisms
            .get("status_list")
            .ok_or_else(|| invalid("status has no status_list"))?
            .as_object()
            .ok_or_else(|| invalid("status_list is no object"))?;
        let index = match list.get("idx") {
            None => return Err(invalid("status_list has no idx")),
            Some(value) => value
                .as_u64()
                .ok_or_else(|| Reason::new(Code::StatusIndexOutOfRange, "idx is no integer from 0 upwards"))?,
        };
        match list.get("uri") {
            Some(Value::String(uri)) if !uri.is_empty() => Ok(Self { index, uri: uri.clone() }),
            _ => Err(invalid("status_list has no uri")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn code(claim: &Value) -> Code {
        StatusReference::from_claim(claim).unwrap_err().code
    }

    #[test]
    fn index_and_uri_are_typed() {
        // TSL-02, TSL-04, VC-12.
        let good = json!({"status_list": {"idx": 7, "uri": "https://s.example/1"}, "other": {}});
        assert_eq!(StatusReference::from_claim(&good).unwrap().index, 7);
        for idx in [json!("7"), json!(-1), json!(1.5), json!(null), json!([])] {
            assert_eq!(
                code(&json!({"status_list": {"idx": idx, "uri": "https://s.example"}})),
                Code::StatusIndexOutOfRange
            );
        }
        for claim in [
            json!("x"),
            json!({}),
            json!({"other": {}}),
            json!({"status_list": []}),
            json!({"status_list": {"idx": 1}}),
            json!({"status_list": {"uri": "https://s.example"}}),
            json!({"status_list": {"idx": 1, "uri": 7}}),
            json!({"status_list": {"idx": 1, "uri": ""}}),
        ] {
            assert_eq!(code(&claim), Code::StatusInvalidReference, "{claim}");
        }
    }

    #[test]
    fn debug_shows_nothing_that_links() {
        let reference = StatusReference { index: 7, uri: "https://s.example/1".to_owned() };
        assert_eq!(format!("{reference:?}"), "StatusReference(..)");
    }
}
