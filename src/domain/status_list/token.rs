//! The list token, a JWT or a CWT: signed by a status authority of the credential's own trust source.
//!
//! The two forms differ in how they are read and signed. What they must say is decided in one place.

use super::bits::Bits;
use crate::domain::encoding::json;
use crate::domain::jose::alg::AllowedAlgorithms;
use crate::domain::jose::hash::sha256;
use crate::domain::jose::jws::CompactJws;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::{ClockSkew, UnixSeconds};
use crate::domain::trust::{TrustSource, trust_status_signer};
use crate::domain::x509::chain::{AnchorInChain, ValidatedChain};
use serde_json::Value;

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
    aggregation_uri: Option<String>,
}

/// The form of a list token. It follows from the format of the credential, and is never guessed from what was served: a
/// CWT in the place of a JWT is refused, and so is a JWT in the place of a CWT (case TSL-019).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenForm {
    /// `statuslist+jwt`: for SD-JWT VCs (SD-JWT VC section 2.2.2.3).
    Jwt,
    /// `statuslist+cwt`: for credentials in CBOR.
    Cwt,
}

impl TokenForm {
    /// The media type: what is asked for, what the answer must say (TSL-10, TSL-11), and the type of a CWT.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jwt => "application/statuslist+jwt",
            Self::Cwt => "application/statuslist+cwt",
        }
    }
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

/// What a list token says, in either form, after its signature was verified.
pub(super) struct Stated<'a> {
    pub(super) subject: Option<&'a str>,
    pub(super) dates: json::Dates,
    /// From [`time_to_live`].
    pub(super) time_to_live: Result<i64, Reason>,
}

/// The list within a token.
pub(super) struct Listed {
    pub(super) bits: Bits,
    pub(super) aggregation_uri: Option<String>,
}

impl StatusList {
    /// Verifies a list token in the form of a JWT and inflates its list.
    ///
    /// # Errors
    /// - [`Code::StatusTokenInvalid`] for the form, `typ`, algorithm, chain, signature, `sub`, `iat`, `nbf`, `ttl`, and
    ///   for a token older than one already seen.
    /// - [`Code::StatusTokenExpired`] when `exp` has passed.
    /// - [`Code::StatusUnavailable`] when the trust list that names the signers is missing or too old.
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
        let chain = trusted_signer(&certificates, rules, now)?;
        jws.verify(algorithm, &chain.key).map_err(recode)?;
        let payload = jws.payload().map_err(recode)?;
        let claims = json::parse_object(&payload).map_err(|fault| recode(fault.into()))?;
        let stated = Stated {
            subject: claims.get("sub").and_then(Value::as_str),
            dates: json::Dates::read(&payload).map_err(|fault| recode(fault.into()))?,
            time_to_live: claims.get("ttl").map_or(Ok(DEFAULT_TTL), |ttl| time_to_live(ttl.as_u64())),
        };
        let list = || {
            let Some(Value::Object(list)) = claims.get("status_list") else {
                return Err(Reason::new(Code::StatusListMalformed, "status_list is missing or no object"));
            };
            let aggregation_uri = match list.get("aggregation_uri") {
                None => None,
                Some(Value::String(uri)) => Some(uri.clone()),
                Some(_) => return Err(Reason::new(Code::StatusListMalformed, "aggregation_uri is no text")),
            };
            Ok(Listed { bits: Bits::from_claim(list)?, aggregation_uri })
        };
        Self::accept(token, &stated, list, &chain, rules, now)
    }

    /// Verifies a list token in the form that the credential's format asks for.
    ///
    /// # Errors
    /// As [`Self::verify`], and [`Self::verify_cwt`] for a CWT.
    pub fn verify_as(form: TokenForm, token: &[u8], rules: TokenRules<'_>, now: UnixSeconds) -> Result<Self, Reason> {
        match form {
            TokenForm::Jwt => Self::verify(token, rules, now),
            TokenForm::Cwt => Self::verify_cwt(token, rules, now),
        }
    }

    /// The rules for what a token says, of either form. The list is inflated last.
    ///
    /// # Errors
    /// As [`Self::verify`], from `sub` on.
    pub(super) fn accept(
        token: &[u8],
        stated: &Stated<'_>,
        list: impl FnOnce() -> Result<Listed, Reason>,
        chain: &ValidatedChain,
        rules: TokenRules<'_>,
        now: UnixSeconds,
    ) -> Result<Self, Reason> {
        let invalid = |detail: &'static str| Reason::new(Code::StatusTokenInvalid, detail);
        let unusable = || invalid("iat, nbf or exp is no usable number");
        let expires = stated.dates.expires.or_fault(unusable)?;
        let latest = now.plus(rules.skew.seconds());
        if stated.subject != Some(rules.uri) {
            return Err(invalid("sub is not the address of the list"));
        }
        let issued_at = stated.dates.issued_at.or_fault(unusable)?.ok_or_else(|| invalid("iat is missing"))?;
        let not_before = stated.dates.not_before.or_fault(unusable)?;
        if issued_at > latest || not_before.is_some_and(|not_before| not_before > latest) {
            return Err(invalid("the token is from the future"));
        }
        if rules.newest_issued_at.is_some_and(|newest| issued_at < newest) {
            return Err(invalid("a newer list was seen before"));
        }
        if expires.is_some_and(|expires| now >= expires.plus(rules.skew.seconds())) {
            return Err(Reason::new(Code::StatusTokenExpired, "exp has passed"));
        }
        let time_to_live = stated.time_to_live.clone()?;
        let Listed { bits, aggregation_uri } = list()?;
        Ok(Self {
            uri: rules.uri.to_owned(),
            source: rules.source.name.clone(),
            issued_at,
            expires,
            time_to_live,
            signer_valid_until: chain.valid_until,
            digest: sha256(token),
            bits,
            aggregation_uri,
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

    /// Where the issuer lists all its lists, as stated; [`super::aggregation`] says which addresses are usable.
    pub fn aggregation_uri(&self) -> Option<&str> {
        self.aggregation_uri.as_deref()
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

/// The chain of who signed a list. That nobody can say now who may sign is no fault of the token: it is undecided, and
/// the next refresh of the trust list may bring it (TL-18).
///
/// # Errors
/// [`Code::StatusUnavailable`] if the trust list that names the signers is missing or too old, else
/// [`Code::StatusTokenInvalid`].
pub(super) fn trusted_signer(
    certificates: &[Vec<u8>],
    rules: TokenRules<'_>,
    now: UnixSeconds,
) -> Result<ValidatedChain, Reason> {
    trust_status_signer(rules.source, certificates, rules.anchor_in_chain, now).map_err(|reason| match reason.code {
        Code::TrustUnavailable => reason.recode(Code::StatusUnavailable),
        _ => reason.recode(Code::StatusTokenInvalid),
    })
}

/// A `ttl` that is there, within [`TTL_BOUNDS`] (TSL-26, TSL-53). `None` is one that is no unsigned integer.
pub(super) fn time_to_live(stated: Option<u64>) -> Result<i64, Reason> {
    let seconds = stated
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| Reason::new(Code::StatusTokenInvalid, "ttl is no positive number"))?;
    let (least, most) = TTL_BOUNDS;
    Ok(i64::try_from(seconds).unwrap_or(most).clamp(least, most))
}
