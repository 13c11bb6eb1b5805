//! What SD-JWT VC adds: type, control claims, the bound key (draft-ietf-oauth-sd-jwt-vc).

use crate::domain::encoding::json::{DateClaim, Dates};
use crate::domain::jose::jwk::PublicKey;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::{UnixSeconds, Validity};
use serde_json::{Map, Value};

/// Claims that never come from a disclosure, nor anything below them (VC-04; section 2.2.2.3).
pub const PROTECTED: [&str; 8] = ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"];

/// Claims that stay within the verifier: the caller gets none of them unless the query names it (PRV-05, PRI-007).
pub const CONTROL: [&str; 10] =
    ["iss", "nbf", "exp", "iat", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "_sd_alg"];

/// The types of a credential: its own and those it also counts as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types {
    /// `vct`
    pub vct: String,
    /// `aka_vcts`
    pub aka: Vec<String>,
}

impl Types {
    /// Reads `vct` and `aka_vcts` of the signed payload.
    ///
    /// # Errors
    /// - [`Code::CredentialTypeMismatch`] if `vct` is missing, empty or no string (VC-03, case SVC-002).
    /// - [`Code::CredentialClaimInvalid`] if `aka_vcts` is no non-empty array of other strings (VC-07).
    pub fn read(payload: &Map<String, Value>) -> Result<Self, Reason> {
        let vct = match payload.get("vct") {
            Some(Value::String(vct)) if !vct.is_empty() => vct.clone(),
            _ => return Err(Reason::new(Code::CredentialTypeMismatch, "vct is missing, empty or no string")),
        };
        let invalid = || Reason::new(Code::CredentialClaimInvalid, "aka_vcts is no non-empty array of other types");
        let aka = match payload.get("aka_vcts") {
            None => Vec::new(),
            Some(Value::Array(items)) if !items.is_empty() => items
                .iter()
                .map(|item| item.as_str().filter(|text| *text != vct).map(str::to_owned).ok_or_else(invalid))
                .collect::<Result<_, _>>()?,
            Some(_) => return Err(invalid()),
        };
        Ok(Self { vct, aka })
    }
}

/// Refuses dates in a form that no number of seconds has, before anything is believed (case JSN-007).
///
/// # Errors
/// [`Code::CredentialClaimInvalid`].
pub fn check_date_forms(dates: &Dates) -> Result<(), Reason> {
    let wrong = [dates.issued_at, dates.not_before, dates.expires].contains(&DateClaim::WrongForm);
    if wrong {
        Err(Reason::new(Code::CredentialClaimInvalid, "iat, nbf or exp is no number of seconds"))
    } else {
        Ok(())
    }
}

/// Refuses a status index that is a number, but no integer, with the same reason (case JSN-007).
///
/// # Errors
/// [`Code::CredentialClaimInvalid`].
pub fn check_index_form(payload: &Map<String, Value>) -> Result<(), Reason> {
    match payload.get("status").and_then(|status| status.get("status_list")).and_then(|list| list.get("idx")) {
        Some(Value::Number(number)) if number.is_f64() => {
            Err(Reason::new(Code::CredentialClaimInvalid, "idx is no integer"))
        }
        _ => Ok(()),
    }
}

/// The validity of a credential, if its dates make sense together.
///
/// # Errors
/// [`Code::CredentialClaimInvalid`] for a date of another type, a negative one, an `nbf` or `iat` after `exp`, and when
/// neither `exp` nor `status` bounds the life of the credential (SDJ-41, SDJ-44, cases SVC-014, SVC-016).
pub fn validity(dates: &Dates, payload: &Map<String, Value>) -> Result<Validity, Reason> {
    let invalid = |detail: &'static str| Reason::new(Code::CredentialClaimInvalid, detail);
    let read = |claim: DateClaim| {
        let time = claim.or_fault(|| invalid("iat, nbf or exp has the wrong type"))?;
        if time.is_some_and(|time| time < UnixSeconds(0)) { Err(invalid("a date before 1970")) } else { Ok(time) }
    };
    let (issued_at, not_before, expires) = (read(dates.issued_at)?, read(dates.not_before)?, read(dates.expires)?);
    if let Some(expires) = expires {
        for earlier in [issued_at, not_before].into_iter().flatten() {
            if earlier >= expires {
                return Err(invalid("iat or nbf is not before exp"));
            }
        }
    } else if !payload.contains_key("status") {
        return Err(invalid("neither exp nor status is there"));
    }
    Ok(Validity { not_before, expires })
}

/// The key the credential is bound to: `cnf.jwk`, and no other way to name one (VC-13, VC-14).
///
/// # Errors
/// - [`Code::HolderKeyMissing`] without `cnf` (case KBJ-026).
/// - [`Code::HolderKeyUnsupported`] for everything else in it, and for a key that is the issuer's own (cases KBJ-027 to
///   KBJ-032, JOS-040, JOS-041).
pub fn holder_key(payload: &Map<String, Value>, issuer: Option<&PublicKey>) -> Result<PublicKey, Reason> {
    let unsupported = |detail: String| Reason::new(Code::HolderKeyUnsupported, detail);
    let jwk = match payload.get("cnf") {
        None => return Err(Reason::new(Code::HolderKeyMissing, "cnf is missing")),
        Some(Value::Object(confirmation)) => match confirmation.get("jwk") {
            Some(Value::Object(jwk)) => jwk,
            _ => return Err(unsupported("cnf has no jwk".to_owned())),
        },
        Some(_) => return Err(unsupported("cnf is no object".to_owned())),
    };
    let key = PublicKey::from_jwk(jwk).map_err(|fault| unsupported(format!("cnf.jwk: {fault}")))?;
    if issuer.is_some_and(|issuer| issuer.same_key(&key)) {
        return Err(unsupported("cnf.jwk is the issuer's own key".to_owned()));
    }
    Ok(key)
}

/// Bounds `data:` URIs wherever they occur: they are handed on as inert text, so only images of a sane size pass.
///
/// # Errors
/// [`Code::LimitExceeded`] for a longer one or another media type (VC-50, PIDC-10, case SVC-025). The status is not
/// handed on; an address in it has a check and a code of its own (case TSL-001).
pub fn check_data_uris(claims: &Map<String, Value>) -> Result<(), Reason> {
    claims.iter().filter(|(name, _)| *name != "status").map(|(_, value)| value).try_for_each(check_data_uri)
}

fn check_data_uri(value: &Value) -> Result<(), Reason> {
    const IMAGES: [&str; 2] = ["image/jpeg", "image/png"];
    match value {
        Value::String(text) if text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) => {
            let rest = text.get(5..).unwrap_or_default();
            let media_type = rest.split([';', ',']).next().unwrap_or_default();
            if text.len() > limits::DATA_URI_CHARS {
                Err(Reason::new(Code::LimitExceeded, "a data URI above the limit"))
            } else if IMAGES.iter().any(|image| media_type.eq_ignore_ascii_case(image)) {
                Ok(())
            } else {
                Err(Reason::new(Code::LimitExceeded, "a data URI of a media type that is not let through"))
            }
        }
        Value::Array(items) => items.iter().try_for_each(check_data_uri),
        Value::Object(members) => members.values().try_for_each(check_data_uri),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: &Value) -> &Map<String, Value> {
        value.as_object().unwrap()
    }

    fn dates(payload: &Value) -> Dates {
        Dates::read(payload.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn types_are_strings() {
        // VC-03, VC-07, case SVC-002.
        for vct in [json!({}), json!({"vct": ""}), json!({"vct": ["a"]}), json!({"vct": 7}), json!({"vct": null})] {
            assert_eq!(Types::read(object(&vct)).unwrap_err().code, Code::CredentialTypeMismatch);
        }
        for aka in [json!([]), json!(["a"]), json!([7]), json!("b"), json!(null)] {
            assert_eq!(
                Types::read(object(&json!({"vct": "a", "aka_vcts": aka}))).unwrap_err().code,
                Code::CredentialClaimInvalid
            );
        }
        assert_eq!(Types::read(object(&json!({"vct": "a", "aka_vcts": ["b"]}))).unwrap().aka, ["b"]);
    }

    #[test]
    fn dates_of_a_wrong_type_are_not_absent() {
        // SDJ-44, cases SVC-014, SVC-016, JSN-007, JSN-008.
        for name in ["exp", "nbf", "iat"] {
            for wrong in [json!("1"), json!(true), json!(null), json!({}), json!([]), json!(-1)] {
                let mut payload = json!({"exp": 2_000, "status": {}});
                payload[name] = wrong;
                assert_eq!(
                    validity(&dates(&payload), object(&payload)).unwrap_err().code,
                    Code::CredentialClaimInvalid
                );
            }
        }
        for payload in [json!({"exp": 5, "nbf": 5}), json!({"exp": 5, "iat": 6}), json!({})] {
            assert_eq!(validity(&dates(&payload), object(&payload)).unwrap_err().code, Code::CredentialClaimInvalid);
        }
        let fraction = json!({"exp": 1_893_456_000.5});
        assert_eq!(validity(&dates(&fraction), object(&fraction)).unwrap().expires, Some(UnixSeconds(1_893_456_000)));
        let raw = |text: &str| Dates::read(text.as_bytes()).unwrap();
        assert!(check_date_forms(&raw(r#"{"exp":1e400}"#)).is_err());
        assert!(check_date_forms(&raw(r#"{"iat":-0}"#)).is_err());
        assert!(check_date_forms(&raw(r#"{"nbf":1.0e0}"#)).is_err());
        assert!(check_date_forms(&raw(r#"{"nbf":"1"}"#)).is_ok(), "a wrong type is told later, with the dates");
    }

    #[test]
    fn only_cnf_jwk_names_the_holder() {
        // VC-13, VC-14, cases KBJ-026, KBJ-027.
        assert_eq!(holder_key(&Map::new(), None).unwrap_err().code, Code::HolderKeyMissing);
        for cnf in [
            json!({"kid": "a"}),
            json!({"jku": "https://a.example"}),
            json!({"x5t#S256": "a"}),
            json!({"jwe": "a"}),
            json!({}),
            json!("a"),
            json!(null),
            json!({"jwk": "a"}),
            json!({"jwk": {"kty": "oct", "k": "AA"}}),
        ] {
            assert_eq!(holder_key(object(&json!({"cnf": cnf})), None).unwrap_err().code, Code::HolderKeyUnsupported);
        }
    }

    #[test]
    fn data_uris_are_small_images() {
        // PIDC-10.
        // VC-50, case SVC-025.
        let check =
            |uri: &str| check_data_uris(object(&json!({"a": [{"picture": uri}]}))).map_err(|reason| reason.code);
        assert_eq!(check("data:image/jpeg;base64,AAAA"), Ok(()));
        assert_eq!(check("no data: here"), Ok(()));
        for wrong in ["data:text/html,<script>", "DATA:image/svg+xml,x", "data:,x", "data:"] {
            assert_eq!(check(wrong), Err(Code::LimitExceeded), "{wrong}");
        }
        let status = json!({"status": {"status_list": {"idx": 1, "uri": "data:,x"}}});
        assert_eq!(check_data_uris(object(&status)), Ok(()), "case TSL-001 has a check of its own");
        assert!(check_data_uris(object(&json!({"a": status}))).is_err());
        assert_eq!(check(&format!("data:image/jpeg,{}", "A".repeat(limits::DATA_URI_CHARS))), Err(Code::LimitExceeded));
    }
}
