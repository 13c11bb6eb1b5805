//! The list token in the form of a CWT: a COSE_Sign1 over a map of claims.
//!
//! Rules kept here: TSL-31.

use super::bits::Bits;
use super::token::{DEFAULT_TTL, Listed, Stated, StatusList, TokenForm, TokenRules, time_to_live, trusted_signer};
use crate::domain::cose::{CoseFault, Sign1};
use crate::domain::encoding::cbor::{self, Value};
use crate::domain::encoding::json::{DateClaim, Dates};
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;

/// Keys of claims (RFC 8392 section 4; Token Status List section 14.3; ISO/IEC 18013-5 for identifier lists).
mod claim {
    pub(super) const SUB: i128 = 2;
    pub(super) const EXP: i128 = 4;
    pub(super) const NBF: i128 = 5;
    pub(super) const IAT: i128 = 6;
    pub(super) const IDENTIFIER_LIST: i128 = 65_530;
    pub(super) const STATUS_LIST: i128 = 65_533;
    pub(super) const TTL: i128 = 65_534;
}

impl StatusList {
    /// Verifies a list token in the form of a CWT and inflates its list. The same rules hold as for a JWT.
    ///
    /// # Errors
    /// As [`StatusList::verify`]. [`Code::StatusTokenInvalid`] also for CBOR that is not strict, a message that is no
    /// COSE_Sign1 with tag 18 (the tag of CWT around it, MACs), a type that is not the media type, a chain outside the
    /// protected header, and an identifier list beside the status list.
    ///
    /// # Source
    /// Token Status List sections 5.2 and 8.3; TSL-21 to TSL-30, TSL-33.
    pub fn verify_cwt(token: &[u8], rules: TokenRules<'_>, now: UnixSeconds) -> Result<Self, Reason> {
        let invalid = |detail: &'static str| Reason::new(Code::StatusTokenInvalid, detail);
        let of_cose = |fault: CoseFault| invalid(fault.0);
        if token.len() > limits::STATUS_TOKEN_BYTES {
            return Err(invalid("the token is above the limit"));
        }
        let message = Sign1::parse(token).map_err(of_cose)?;
        let algorithm = message.algorithm(rules.algorithms).map_err(of_cose)?;
        if message.typ() != Some(TokenForm::Cwt.media_type()) {
            return Err(invalid("typ is not application/statuslist+cwt"));
        }
        let certificates = message.x5chain().map_err(of_cose)?;
        let chain = trusted_signer(&certificates, rules, now)?;
        message.verify(algorithm, &chain.key).map_err(of_cose)?;
        let claims = cbor::parse(message.payload()).map_err(|fault| invalid(fault.detail()))?;
        if claims.entries().is_none() {
            return Err(invalid("the claims are no map"));
        }
        if claims.at(claim::IDENTIFIER_LIST).is_some() {
            return Err(invalid("an identifier list beside the status list"));
        }
        let stated = Stated {
            subject: claims.at(claim::SUB).and_then(Value::as_text),
            dates: Dates {
                issued_at: date(claims.at(claim::IAT)),
                not_before: date(claims.at(claim::NBF)),
                expires: date(claims.at(claim::EXP)),
            },
            time_to_live: claims.at(claim::TTL).map_or(Ok(DEFAULT_TTL), |ttl| time_to_live(ttl.as_u64())),
        };
        let list = || {
            let malformed = |detail: &'static str| Reason::new(Code::StatusListMalformed, detail);
            let list = claims.at(claim::STATUS_LIST).ok_or_else(|| malformed("there is no status list"))?;
            let aggregation_uri = match list.member("aggregation_uri") {
                None => None,
                Some(Value::Text(uri)) => Some((*uri).to_owned()),
                Some(_) => return Err(malformed("aggregation_uri is no text")),
            };
            Ok(Listed { bits: Bits::from_cbor(list)?, aggregation_uri })
        };
        Self::accept(token, &stated, list, &chain, rules, now)
    }
}

/// A `NumericDate` of a CWT: an integer without a tag. Fractions are not accepted: the claims of a list count in seconds.
fn date(value: Option<&Value<'_>>) -> DateClaim {
    match value {
        None => DateClaim::Absent,
        Some(Value::Integer(number)) => {
            i64::try_from(*number).map_or(DateClaim::WrongForm, |seconds| DateClaim::At(UnixSeconds(seconds)))
        }
        Some(Value::Float(_)) => DateClaim::WrongForm,
        Some(_) => DateClaim::WrongType,
    }
}
