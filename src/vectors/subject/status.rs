//! Status lists: references to them, their tokens, their bits.

use super::{Judged, member, text};
use crate::domain::encoding::cbor;
use crate::domain::reason::{Code, Reason};
use crate::domain::status_list::token::TokenRules;
use crate::domain::status_list::{Bits, StatusList, StatusReference, TokenForm};
use crate::domain::time::UnixSeconds;
use crate::vectors::config::{Config, Stop, from_hex, to_hex, unsupported};
use serde_json::{Map, Value, json};

/// Longer lists are given by their values that are not zero only.
const MOST_VALUES: usize = 1 << 21;

pub(super) fn list(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&[])?;
    let bits = match (input.get("status_list"), input.get("status_list_cbor_hex")) {
        (Some(claim), None) => {
            let claim = claim.as_object().ok_or_else(|| Reason::new(Code::StatusListMalformed, "no object"))?;
            Bits::from_claim(claim)?
        }
        (None, Some(_)) => {
            let Some(bytes) = from_hex(text(input, "status_list_cbor_hex")?) else {
                return unsupported("not hexadecimal");
            };
            let map = cbor::parse(&bytes).map_err(|fault| Reason::new(Code::StatusListMalformed, fault.detail()))?;
            Bits::from_cbor(&map)?
        }
        _ => return unsupported("lists other than status_list of a JWT or a CWT"),
    };
    let values = (0..bits.len()).map(|index| bits.status(index).map(u8::from)).collect::<Result<Vec<u8>, _>>()?;
    let mut output = Map::new();
    output.insert("size".to_owned(), json!(bits.len()));
    output.insert("other_indexes".to_owned(), json!(0));
    let nonzero = values.iter().enumerate().filter(|(_, value)| **value != 0);
    let nonzero: Map<String, Value> = nonzero.map(|(index, value)| (index.to_string(), json!(value))).collect();
    output.insert("nonzero".to_owned(), Value::Object(nonzero));
    if values.len() > MOST_VALUES {
        return Ok(Value::Object(output));
    }
    // Packed again by hand, the lowest bits first.
    let mut raw = vec![0_u8; values.len().saturating_mul(usize::from(bits.width())).div_ceil(8)];
    for (index, value) in values.iter().enumerate() {
        let first = index.saturating_mul(usize::from(bits.width()));
        if let Some(byte) = raw.get_mut(first / 8) {
            *byte |= value.checked_shl(u32::try_from(first % 8).unwrap_or_default()).unwrap_or_default();
        }
    }
    output.insert("raw_hex".to_owned(), json!(to_hex(&raw)));
    output.insert("values".to_owned(), json!(values));
    Ok(Value::Object(output))
}

pub(super) fn claims(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&["now", "uri"])?;
    let Some(reference) = input.get("status_reference") else { return unsupported("claims without their token") };
    let reference = StatusReference::from_claim(reference)?;
    Ok(json!({"idx": reference.index, "uri": reference.uri}))
}

pub(super) fn token(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config
        .only(&[
            "trust",
            "now",
            "clock_skew",
            "uri",
            "alg_allowed",
            "x-trust_sources",
            "x-anchor_in_chain",
            "x-newest_iat",
            "typ",
        ])
        .map_err(|stop| match stop {
            Stop::Unsupported(why) if why.ends_with("issuer_jwks") => {
                Stop::Unsupported("a list token without certificates, which HAIP demands".to_owned())
            }
            other => other,
        })?;
    let (form, bytes) = match input.get("status_list_token_cwt_hex") {
        Some(_) => match from_hex(text(input, "status_list_token_cwt_hex")?) {
            Some(bytes) => (TokenForm::Cwt, bytes),
            None => return unsupported("not hexadecimal"),
        },
        None => (TokenForm::Jwt, text(input, "status_list_token")?.as_bytes().to_vec()),
    };
    if config.text("typ")?.is_some_and(|typ| format!("application/{typ}") != form.media_type()) {
        return unsupported("typ");
    }
    let Some(uri) = config.text("uri")? else { return unsupported("config has no uri") };
    let trust = config.trust(&["vectors".to_owned()])?;
    let Some(source) = trust.sources().first() else { return unsupported("config has no trust") };
    let rules = TokenRules {
        uri,
        source,
        algorithms: &config.algorithms(&[])?,
        anchor_in_chain: config.anchor_in_chain()?,
        skew: config.skew()?,
        newest_issued_at: config.number("x-newest_iat")?.map(UnixSeconds),
    };
    let list = StatusList::verify_as(form, &bytes, rules, config.now()?)?;
    let index = member(input, "idx")?.as_u64();
    let index = index.ok_or_else(|| Reason::new(Code::StatusIndexOutOfRange, "idx is no index"))?;
    Ok(json!({"status": u8::from(list.bits().status(index)?)}))
}
