//! The object that the browser's Digital Credentials API hands back, as the parameters of an answer.

use super::response::ResponseForm;
use crate::domain::encoding::json;
use crate::domain::reason::{Code, Reason};
use serde_json::{Map, Value};

/// Reads `data` of a `DigitalCredential`: an object, or its JSON as a text, as some browsers gave it.
///
/// Members that are not known are ignored (OVP-RESP-11), `state` too: nobody asked for one (case DCA-010). Whether the
/// answer had to be encrypted is not decided here.
///
/// # Errors
/// [`Code::DcapiResponseMalformed`] for anything but an object with exactly one of `response`, `vp_token` and `error`, of
/// their types.
///
/// # Source
/// OpenID4VP 1.0 sections A.2, A.4 and 8.3; DCA-14.
pub fn read(data: &Value) -> Result<ResponseForm, Reason> {
    let malformed = |detail: &'static str| Reason::new(Code::DcapiResponseMalformed, detail);
    let parsed: Map<String, Value>;
    let members = match data {
        Value::Object(members) => members,
        Value::String(text) => {
            parsed =
                json::parse_object(text.as_bytes()).map_err(|_| malformed("data is a text, but no JSON object"))?;
            &parsed
        }
        _ => return Err(malformed("data is neither an object nor a text")),
    };
    let text = |name: &str, value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        _ => Err(malformed(if name == "error" { "error is no text" } else { "response is no text" })),
    };
    match (members.get("response"), members.get("vp_token"), members.get("error")) {
        (Some(response), None, None) => {
            Ok(ResponseForm { response: Some(text("response", response)?), ..ResponseForm::default() })
        }
        (None, Some(Value::Object(entries)), None) => {
            let vp_token = Value::Object(entries.clone()).to_string();
            Ok(ResponseForm { vp_token: Some(vp_token), ..ResponseForm::default() })
        }
        (None, Some(_), None) => Err(malformed("vp_token is no object")),
        (None, None, Some(error)) => Ok(ResponseForm { error: Some(text("error", error)?), ..ResponseForm::default() }),
        (None, None, None) => Err(malformed("neither response nor vp_token nor error")),
        _ => Err(malformed("members that exclude each other")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parts(data: &Value) -> (Option<String>, Option<String>, Option<String>, Option<String>) {
        let form = read(data).unwrap_or_else(|reason| panic!("{data}: {reason}"));
        (form.response, form.vp_token, form.state, form.error)
    }

    #[test]
    fn three_shapes_as_object_and_as_text() {
        // DCA-14, case DCA-010: a state is nobody's business here.
        let some = |text: &str| Some(text.to_owned());
        for (data, expected) in [
            (json!({"response": "a.b.c.d.e"}), (some("a.b.c.d.e"), None, None, None)),
            (json!({"response": "a.b.c.d.e", "state": "s", "x": 1}), (some("a.b.c.d.e"), None, None, None)),
            (json!({"vp_token": {"pid": ["a~b"]}}), (None, some(r#"{"pid":["a~b"]}"#), None, None)),
            (json!({"error": "invalid_request"}), (None, None, None, some("invalid_request"))),
        ] {
            assert_eq!(parts(&data), expected, "{data}");
            assert_eq!(parts(&Value::from(data.to_string())), expected, "{data} as text");
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for wrong in [
            json!(null),
            json!(7),
            json!([{"response": "a.b.c.d.e"}]),
            json!({}),
            json!(""),
            json!("a.b.c.d.e"),
            json!(r#""{}""#),
            json!(r#"{"response":"a","response":"b"}"#),
            json!(r#"{"response":"a"} x"#),
            json!({"response": 7}),
            json!({"response": {"response": "a"}}),
            json!({"vp_token": "{}"}),
            json!({"vp_token": ["a"]}),
            json!({"error": null}),
            json!({"error": {"code": "x"}}),
            json!({"response": "a", "vp_token": {}}),
            json!({"response": "a", "error": "x"}),
            json!({"vp_token": {}, "error": "x"}),
        ] {
            assert_eq!(read(&wrong).err().unwrap().code, Code::DcapiResponseMalformed, "{wrong}");
        }
    }
}
