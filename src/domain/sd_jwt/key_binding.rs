//! The key binding JWT: made by the holder, for this verifier, for this request, over these disclosures, now.

use crate::domain::dc_api::is_origin_audience;
use crate::domain::encoding::json::{self, DateClaim, Dates};
use crate::domain::jose::alg::{AllowedAlgorithms, SignatureAlgorithm};
use crate::domain::jose::constant_time_eq;
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::jose::jwk::PublicKey;
use crate::domain::jose::jws::CompactJws;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::{ClockSkew, UnixSeconds};
use serde_json::{Map, Value};

/// A key binding JWT whose form is right: header read, payload parsed, signature not yet verified.
pub struct KeyBinding<'a> {
    jws: CompactJws<'a>,
    algorithm: SignatureAlgorithm,
    claims: Map<String, Value>,
    dates: Dates,
}

/// The time in which a proof must have been made.
#[derive(Debug, Clone, Copy)]
pub struct ProofWindow {
    /// When the request was made; no proof for it can be older.
    pub requested_at: Option<UnixSeconds>,
    /// Greatest age of a proof, in seconds.
    pub max_age: Option<i64>,
    /// Tolerance for clocks.
    pub skew: ClockSkew,
}

impl<'a> KeyBinding<'a> {
    /// Reads header and payload.
    ///
    /// # Errors
    /// - [`Code::KbAlgNotAllowed`] for an algorithm off the list (KB-05), [`Code::KbTypInvalid`] unless `typ` is exactly
    ///   `kb+jwt` (KB-04).
    /// - [`Code::JwsHeaderNotAllowed`], [`Code::JwsCritUnsupported`] for header parameters; keys in the header too, as
    ///   only `cnf` names the key (KB-06, case KBJ-033).
    /// - [`Code::Base64urlInvalid`], [`Code::JsonInvalid`], [`Code::LimitExceeded`] for the form;
    ///   [`Code::KbMalformed`] for a number beyond all range.
    ///
    /// # Source
    /// RFC 9901 sections 4.3 and 7.3.
    pub fn read(jws: CompactJws<'a>, allowed: &AllowedAlgorithms) -> Result<Self, Reason> {
        let header = jws.header().map_err(|reason| match reason.code {
            Code::JwsAlgNotAllowed => reason.recode(Code::KbAlgNotAllowed),
            _ => reason,
        })?;
        let algorithm = header.algorithm(allowed).map_err(|reason| reason.recode(Code::KbAlgNotAllowed))?;
        if header.typ() != Some("kb+jwt") {
            return Err(Reason::new(Code::KbTypInvalid, "typ is not kb+jwt"));
        }
        if ["x5c", "x5u"].iter().any(|name| header.has(name)) {
            return Err(Reason::new(Code::JwsHeaderNotAllowed, "the key comes from cnf only"));
        }
        jws.signature()?;
        let payload = jws.payload()?;
        let claims = json::parse_object(&payload).map_err(|fault| match fault {
            json::Fault::NumberRange => Reason::new(Code::KbMalformed, "a number beyond the range of a double"),
            other => other.into(),
        })?;
        let dates = Dates::of(&claims, &payload)?;
        Ok(Self { jws, algorithm, claims, dates })
    }

    /// `aud` is one string and exactly the audience (KB-08, KB-09, KB-10).
    ///
    /// # Errors
    /// [`Code::KbAudMismatch`]; [`Code::OriginMismatch`] where the audience is an origin (`origin:…`).
    pub fn check_audience(&self, audience: &str) -> Result<(), Reason> {
        if is_origin_audience(audience) {
            return self.check_text("aud", audience, Code::OriginMismatch, "aud is not the origin that asked");
        }
        self.check_text("aud", audience, Code::KbAudMismatch, "aud is not the client_id of the request")
    }

    /// `nonce` is a string and exactly that of the request, compared in constant time (KB-11).
    ///
    /// # Errors
    /// [`Code::KbNonceMismatch`].
    pub fn check_nonce(&self, nonce: &str) -> Result<(), Reason> {
        self.check_text("nonce", nonce, Code::KbNonceMismatch, "nonce is not that of the request")
    }

    /// `sd_hash` covers the text up to the last tilde, as received (KB-12).
    ///
    /// # Errors
    /// [`Code::KbSdHashMismatch`].
    pub fn check_sd_hash(&self, bound_text: &str, hash: HashAlgorithm) -> Result<(), Reason> {
        let expected = hash.digest_url(bound_text.as_bytes());
        self.check_text(
            "sd_hash",
            &expected,
            Code::KbSdHashMismatch,
            "sd_hash is not over this SD-JWT and its disclosures",
        )
    }

    /// The claims of the proof, for those who know what further ones mean (KB-15).
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    fn check_text(&self, name: &str, expected: &str, code: Code, detail: &'static str) -> Result<(), Reason> {
        match self.claims.get(name) {
            Some(Value::String(text)) if constant_time_eq(text.as_bytes(), expected.as_bytes()) => Ok(()),
            _ => Err(Reason::new(code, detail)),
        }
    }

    /// `iat` lies in the window; `exp` and `nbf` are honoured if they are there (KB-07, KB-13).
    ///
    /// The proof may not be older than the request less the skew, nor than `max_age` plus the skew, nor newer than now
    /// plus the skew; all three limits are inclusive (case KBJ-018).
    ///
    /// # Errors
    /// [`Code::KbMalformed`] when `iat` is missing or a date has a wrong type, [`Code::KbIatOutOfWindow`] otherwise.
    pub fn check_time(&self, window: ProofWindow, now: UnixSeconds) -> Result<(), Reason> {
        let skew = window.skew.seconds();
        let malformed = || Reason::new(Code::KbMalformed, "iat, nbf or exp is missing or no usable number");
        let outside = |detail: &'static str| Err(Reason::new(Code::KbIatOutOfWindow, detail));
        let issued_at = match self.dates.issued_at {
            DateClaim::At(time) if time.0 >= 0 => time,
            _ => return Err(malformed()),
        };
        if issued_at > now.plus(skew) {
            return outside("the proof is from the future");
        }
        if window.requested_at.is_some_and(|requested| issued_at < requested.minus(skew)) {
            return outside("the proof is older than the request");
        }
        if window.max_age.is_some_and(|age| now.since(issued_at) > age.saturating_add(skew)) {
            return outside("the proof is too old");
        }
        if self.dates.expires.or_fault(malformed)?.is_some_and(|expires| now >= expires.plus(skew)) {
            return outside("the proof has expired");
        }
        if self.dates.not_before.or_fault(malformed)?.is_some_and(|not_before| now.plus(skew) < not_before) {
            return outside("the proof is not valid yet");
        }
        Ok(())
    }

    /// Verifies the signature with the key from `cnf`, and with no other (KB-06).
    ///
    /// # Errors
    /// [`Code::KbAlgNotAllowed`] when the algorithm is not that of the key, [`Code::KbSignatureInvalid`] otherwise.
    pub fn verify(&self, holder: &PublicKey) -> Result<(), Reason> {
        self.jws.verify(self.algorithm, holder).map_err(|reason| match reason.code {
            Code::JwsKeyMismatch => reason.recode(Code::KbAlgNotAllowed),
            Code::JwsSignatureInvalid => Reason::new(Code::KbSignatureInvalid, "not signed with the key in cnf"),
            _ => reason,
        })
    }
}
