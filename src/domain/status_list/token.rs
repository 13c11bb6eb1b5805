//! The list token: a JWT signed by a status authority of the credential's own trust source.

use super::bits::Bits;
use crate::domain::encoding::json;
use crate::domain::jose::alg::AllowedAlgorithms;
use crate::domain::jose::hash::sha256;
use crate::domain::jose::jws::CompactJws;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::{ClockSkew, UnixSeconds};
use crate::domain::trust::{TrustSource, trust_status_signer};
use crate::domain::x509::chain::AnchorInChain;
use serde_json::{Map, Value};

/// Shortest and longest time for which a list is used without asking again, in seconds (TSL-53).
pub const TTL_BOUNDS: (i64, i64) = (60, 24 * 3600);
/// The time for which a list without `ttl` is used without asking again, in seconds.
pub const DEFAULT_TTL: i64 = 3600;

/// A list whose token was verified. There is no other way to make one.
#[derive(Debug, Clone)]
pub struct StatusList {
    uri: String,
    source: String,
    issued_at: UnixSeconds,
    expires: Option<UnixSeconds>,
    time_to_live: i64,
    signer_valid_until: UnixSeconds,
    digest: [u8; 32],
    bits: Bits,
}

/// What a list token is checked against.
#[derive(Debug, Clone, Copy)]
pub struct TokenRules<'a> {
    /// The address it was fetched for; `sub` must be exactly this.
    pub uri: &'a str,
    /// The trust source of the credential that points to it.
    pub source: &'a TrustSource,
    /// The accepted signature algorithms.
    pub algorithms: &'a AllowedAlgorithms,
    /// Whether an anchor may be in `x5c`.
    pub anchor_in_chain: AnchorInChain,
    /// Tolerance for clocks.
    pub skew: ClockSkew,
    /// `iat` of the newest list seen for this address, if any: there is no way back (case TSL-024).
    pub newest_issued_at: Option<UnixSeconds>,
}

impl StatusList {
    /// Verifies a list token and inflates its list.
    ///
    /// # Errors
    /// - [`Code::StatusTokenInvalid`] for the form, `typ`, algorithm, chain, signature, `sub`, `iat`, `nbf`, `ttl`, and
    ///   for a token older than one already seen.
    /// - [`Code::StatusTokenExpired`] when `exp` has passed.
    /// - [`Code::StatusListMalformed`], [`Code::StatusListTooLarge`] for the list.
    ///
    /// # Source
    /// Token Status List sections 5.1, 8.3 and 11.3; TSL-20 to TSL-30.
    pub fn verify(token: &[u8], rules: TokenRules<'_>, now: UnixSeconds) -> Result<Self, Reason> {
        let invalid = |detail: &'static str| Reason::new(Code::StatusTokenInvalid, detail);
        if token.len() > limits::STATUS_TOKEN_BYTES {
            return Err(invalid("the token is above the limit"));
        }
        let text = std::str::from_utf8(token).map_err(|_| invalid("the token is no text"))?;
        let recode = |reason: Reason| reason.recode(Code::StatusTokenInvalid);
        let jws = CompactJws::parse(text).map_err(recode)?;
        let header = jws.header().map_err(recode)?;
        let algorithm = header.algorithm(rules.algorithms).map_err(recode)?;
        if header.typ() != Some("statuslist+jwt") {
            return Err(invalid("typ is not statuslist+jwt"));
        }
        let certificates = header.x5c().map_err(recode)?;
        let chain = trust_status_signer(rules.source, &certificates, rules.anchor_in_chain, now).map_err(recode)?;
        jws.verify(algorithm, &chain.key).map_err(recode)?;
        let payload = jws.payload().map_err(recode)?;
        let claims = json::parse_object(&payload).map_err(|fault| recode(fault.into()))?;
        let unusable = || invalid("iat, nbf or exp is no usable number");
        let dates = json::Dates::read(&payload).map_err(|fault| recode(fault.into()))?;
        let expires = dates.expires.or_fault(unusable)?;
        let latest = now.plus(rules.skew.seconds());
        if claims.get("sub").and_then(Value::as_str) != Some(rules.uri) {
            return Err(invalid("sub is not the address of the list"));
        }
        let issued_at = dates.issued_at.or_fault(unusable)?.ok_or_else(|| invalid("iat is missing"))?;
        if issued_at > latest || dates.not_before.or_fault(unusable)?.is_some_and(|not_before| not_before > latest) {
            return Err(invalid("the token is from the future"));
        }
        if rules.newest_issued_at.is_some_and(|newest| issued_at < newest) {
            return Err(invalid("a newer list was seen before"));
        }
        if expires.is_some_and(|expires| now >= expires.plus(rules.skew.seconds())) {
            return Err(Reason::new(Code::StatusTokenExpired, "exp has passed"));
        }
        let time_to_live = time_to_live(&claims)?;
        let Some(Value::Object(list)) = claims.get("status_list") else {
            return Err(Reason::new(Code::StatusListMalformed, "status_list is missing or no object"));
        };
        Ok(Self {
            uri: rules.uri.to_owned(),
            source: rules.source.name.clone(),
            issued_at,
            expires,
            time_to_live,
            signer_valid_until: chain.valid_until,
            digest: sha256(token),
            bits: Bits::from_claim(list)?,
        })
    }

    /// Checks that the list may be used now, for a credential of this source that points to this address. A list that
    /// has expired is not usable, cached or not (TSL-52).
    ///
    /// # Errors
    /// [`Code::StatusTokenInvalid`] for another list, [`Code::StatusTokenExpired`].
    pub fn check_usable(&self, uri: &str, source: &str, skew: ClockSkew, now: UnixSeconds) -> Result<(), Reason> {
        if self.uri != uri || self.source != source {
            return Err(Reason::new(Code::StatusTokenInvalid, "the list is for another address or source"));
        }
        if self.expires.is_some_and(|expires| now >= expires.plus(skew.seconds())) || now > self.signer_valid_until {
            return Err(Reason::new(Code::StatusTokenExpired, "the list has expired"));
        }
        Ok(())
    }

    /// The statuses.
    pub fn bits(&self) -> &Bits {
        &self.bits
    }

    /// `iat` of the token.
    pub fn issued_at(&self) -> UnixSeconds {
        self.issued_at
    }

    /// `exp` of the token, if stated.
    pub fn expires(&self) -> Option<UnixSeconds> {
        self.expires
    }

    /// When a list fetched at `fetched_at` should be asked for again: after its `ttl`, at latest at its `exp`
    /// (TSL-50, TSL-51). `ttl` is in seconds (case TSL-026).
    pub fn refresh_at(&self, fetched_at: UnixSeconds) -> UnixSeconds {
        let by_ttl = fetched_at.plus(self.time_to_live);
        self.expires.map_or(by_ttl, |expires| expires.min(by_ttl))
    }

    /// SHA-256 of the token, as evidence in reports.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

/// The `ttl` claim within [`TTL_BOUNDS`] (TSL-26, TSL-53).
fn time_to_live(claims: &Map<String, Value>) -> Result<i64, Reason> {
    let invalid = || Reason::new(Code::StatusTokenInvalid, "ttl is no positive number");
    let seconds = match claims.get("ttl") {
        None => return Ok(DEFAULT_TTL),
        Some(value) => value.as_u64().filter(|seconds| *seconds > 0).ok_or_else(invalid)?,
    };
    let (least, most) = TTL_BOUNDS;
    Ok(i64::try_from(seconds).unwrap_or(most).clamp(least, most))
}
