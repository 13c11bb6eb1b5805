//! The `status` claim of a credential: which entry of which list. In a CWT it is claim 65535, in an mdoc a member of the
//! mobile security object.

use crate::domain::encoding::cbor;
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

    /// Reads the `status` claim of a credential in CBOR: the same rules, with text keys.
    ///
    /// # Errors
    /// As [`Self::from_claim`].
    ///
    /// # Source
    /// Token Status List section 6.3 (TSL-03).
    pub fn from_cbor(claim: &cbor::Value<'_>) -> Result<Self, Reason> {
        let invalid = |detail: &'static str| Reason::new(Code::StatusInvalidReference, detail);
        claim.entries().ok_or_else(|| invalid("status is no map"))?;
        let list = claim.member("status_list").ok_or_else(|| invalid("status has no status_list"))?;
        list.entries().ok_or_else(|| invalid("status_list is no map"))?;
        let index = list.member("idx").ok_or_else(|| invalid("status_list has no idx"))?;
        let index = index
            .as_u64()
            .ok_or_else(|| Reason::new(Code::StatusIndexOutOfRange, "idx is no integer from 0 upwards"))?;
        match list.member("uri").and_then(cbor::Value::as_text) {
            Some(uri) if !uri.is_empty() => Ok(Self { index, uri: uri.to_owned() }),
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
    fn index_and_uri_in_cbor() {
        // TSL-03. Maps by hand: a1 is one entry, 6b "status_list", 63 "idx" and "uri".
        let entry = |idx: &[u8], uri: &[u8]| {
            let bytes = [&[0xa1, 0x6b][..], b"status_list", &[0xa2, 0x63], b"idx", idx, &[0x63], b"uri", uri].concat();
            StatusReference::from_cbor(&cbor::parse(&bytes).unwrap()).map_err(|reason| reason.code)
        };
        let read = entry(&[0x19, 0x01, 0x9c], b"\x63s:/").unwrap();
        assert_eq!((read.index, read.uri.as_str()), (412, "s:/"));
        // Negative, text, a float, null, beyond 64 bits (a tagged byte string).
        for idx in [&[0x20][..], b"\x617", &[0xf9, 0x3c, 0x00], &[0xf6], &[0xc2, 0x41, 0x01]] {
            assert_eq!(entry(idx, b"\x63s:/"), Err(Code::StatusIndexOutOfRange), "{idx:02x?}");
        }
        assert_eq!(entry(&[0x00], &[0x60]), Err(Code::StatusInvalidReference));
        assert_eq!(entry(&[0x00], &[0x41, 0x61]), Err(Code::StatusInvalidReference));
        for bytes in [&[0xa0][..], &[0x80], b"\xa1\x6bstatus_list\x80", b"\xa1\x6bstatus_list\xa0"] {
            let reason = StatusReference::from_cbor(&cbor::parse(bytes).unwrap()).unwrap_err();
            assert_eq!(reason.code, Code::StatusInvalidReference, "{bytes:02x?}");
        }
    }

    #[test]
    fn debug_shows_nothing_that_links() {
        let reference = StatusReference { index: 7, uri: "https://s.example/1".to_owned() };
        assert_eq!(format!("{reference:?}"), "StatusReference(..)");
    }
}
