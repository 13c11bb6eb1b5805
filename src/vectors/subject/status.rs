//! Status lists: references to them, their tokens, their bits.

use super::{Judged, member, text};
use crate::domain::reason::{Code, Reason};
use crate::domain::status_list::token::TokenRules;
use crate::domain::status_list::{Bits, StatusList, StatusReference, StatusValue};
use crate::domain::time::UnixSeconds;
use crate::vectors::config::{Config, Stop, to_hex, unsupported};
use serde_json::{Map, Value, json};

/// Longer lists are given by their values that are not zero only.
const MOST_VALUES: usize = 1 << 21;

/// The number of a status.
const fn number(value: StatusValue) -> u8 {
    match value {
        StatusValue::Valid => 0,
        StatusValue::Invalid => 1,
        StatusValue::Suspended => 2,
        StatusValue::Other(value) => value,
    }
}

pub(super) fn list(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&[])?;
    let Some(claim) = input.get("status_list") else { return unsupported("lists other than status_list of a JWT") };
    let claim = claim.as_object().ok_or_else(|| Reason::new(Code::StatusListMalformed, "no object"))?;
    let bits = Bits::from_claim(claim)?;
    let values = (0..bits.len()).map(|index| bits.status(index).map(number)).collect::<Result<Vec<u8>, _>>()?;
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
    if !matches!(config.text("typ")?, None | Some("statuslist+jwt")) {
        return unsupported("typ");
    }
    let bytes = match input.get("status_list_token_cwt_hex") {
        Some(_) => return unsupported("list tokens in CBOR"),
        None => text(input, "status_list_token")?.as_bytes(),
    };
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
    let list = StatusList::verify(bytes, rules, config.now()?)?;
    let index = member(input, "idx")?.as_u64();
    let index = index.ok_or_else(|| Reason::new(Code::StatusIndexOutOfRange, "idx is no index"))?;
    Ok(json!({"status": number(list.bits().status(index)?)}))
}
