//! A registration certificate, verified: form, signature, registrar, content.

use super::content::{Content, Remark};
use super::serialised::{CWT_TYPES, JWT_TYPE, Serialised};
use crate::domain::cose::{CoseFault, Sign1};
use crate::domain::encoding::cbor;
use crate::domain::encoding::json::{self, DateClaim, Dates};
use crate::domain::jose::alg::{AllowedAlgorithms, SignatureAlgorithm};
use crate::domain::jose::hash::sha256;
use crate::domain::jose::header::Header;
use crate::domain::jose::jws::CompactJws;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::{ClockSkew, UnixSeconds};
use crate::domain::trust::{Purpose, TrustAnchors, TrustSource};
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::{self, Anchor, AnchorInChain, ChainRules, ValidatedChain};
use serde_json::{Map, Number, Value};

/// The algorithms in which a registrar may sign. Registrars are few and theirs to choose, so these are more than
/// credentials have.
const ALGORITHMS: [SignatureAlgorithm; 3] =
    [SignatureAlgorithm::Es384, SignatureAlgorithm::Es512, SignatureAlgorithm::Ps256];

/// The signing time of JAdES before version 1.2 is critical, and understood.
const UNDERSTOOD: [&str; 1] = ["sigT"];

/// A registration certificate whose signature is good by the certificate that it brings. Whether a registrar stands behind
/// that is [`Self::check_registrar`].
#[derive(Debug, Clone)]
pub struct RegistrationCertificate {
    serialised: Serialised,
    digest: [u8; 32],
    content: Content,
    remarks: Vec<Remark>,
    chain: Vec<Vec<u8>>,
    signer: Certificate,
}

impl RegistrationCertificate {
    /// Reads a certificate, verifies that the first of its certificates has signed it, and that it is in force at `now`.
    ///
    /// # Errors
    /// - [`Code::CredentialTypInvalid`] for another `typ` (RPC-10); the errors of [`Serialised::open`].
    /// - The codes of JOSE and certificates (`jws_…`, `x5c_…`) for form, algorithm, header parameters that steer, a missing
    ///   chain and the signature. Faults of COSE come under [`Code::JwsMalformed`], a bad signature under
    ///   [`Code::JwsSignatureInvalid`].
    /// - [`Code::CredentialClaimInvalid`] for the content, as [`Content::read`].
    /// - [`Code::CredentialExpired`], [`Code::CredentialNotYetValid`].
    ///
    /// # Source
    /// ETSI TS 119 475 GEN-5.2.1-01 to 05, GEN-5.2.2-01, GEN-5.2.3-01, GEN-5.2.4; ETSI TS 119 182-1 section 6.3; RPC-10, RPC-11.
    pub fn read(bytes: &[u8], skew: ClockSkew, now: UnixSeconds) -> Result<Self, Reason> {
        let serialised = Serialised::open(bytes)?;
        let signed = match &serialised {
            Serialised::Jwt(jwt) => of_jwt(jwt, skew, now)?,
            Serialised::Cwt(bytes) => of_cwt(bytes)?,
        };
        let (content, remarks) = Content::read(&signed.claims, signed.dates)?;
        let certificate = Self {
            digest: sha256(serialised.bytes()),
            serialised,
            content,
            remarks,
            chain: signed.chain,
            signer: signed.signer,
        };
        certificate.check_period(skew, now)?;
        let not_before = signed.dates.not_before.or_fault(|| invalid("/nbf is no usable number"))?;
        if not_before.is_some_and(|not_before| not_before > now.plus(skew.seconds())) {
            return Err(Reason::new(Code::CredentialNotYetValid, "nbf of the registration certificate has not come"));
        }
        Ok(certificate)
    }

    /// Whether it is in force at `now`.
    ///
    /// # Errors
    /// [`Code::CredentialExpired`] from `exp` on, [`Code::CredentialNotYetValid`] before `iat`.
    pub fn check_period(&self, skew: ClockSkew, now: UnixSeconds) -> Result<(), Reason> {
        if now >= self.content.expires.plus(skew.seconds()) {
            return Err(Reason::new(Code::CredentialExpired, "the registration certificate has ended"));
        }
        if self.content.issued_at > now.plus(skew.seconds()) {
            return Err(Reason::new(Code::CredentialNotYetValid, "the registration certificate is from the future"));
        }
        Ok(())
    }

    /// The registrar source that its chain reaches at `now`, and the chain.
    ///
    /// # Errors
    /// - [`Code::TrustAnchorSetEmpty`] without any source of the purpose `registrar`.
    /// - [`Code::TrustUnavailable`] if a source that might vouch for it waits for its trust list.
    /// - As [`chain::validate`] otherwise.
    pub fn check_registrar<'t>(
        &self,
        trust: &'t TrustAnchors,
        now: UnixSeconds,
    ) -> Result<(&'t TrustSource, ValidatedChain), Reason> {
        let registrars = || trust.sources().iter().filter(|source| source.purpose == Purpose::Registrar);
        let (mut waits, mut refusal) = (None, None);
        for source in registrars() {
            if let Err(reason) = source.check_usable(now) {
                waits = waits.or(Some(reason));
                continue;
            }
            match self.chain_to(source, now) {
                Ok(chain) => return Ok((source, chain)),
                // What says more than that it is somebody else's goes first.
                Err(reason) if reason.code == Code::X5cUntrusted => refusal = refusal.or(Some(reason)),
                Err(reason) => refusal = Some(reason),
            }
        }
        let empty = || Reason::new(Code::TrustAnchorSetEmpty, "there is no trust source with the purpose registrar");
        match (waits, refusal) {
            (Some(reason), Some(refusal)) if refusal.code == Code::X5cUntrusted => Err(reason),
            (_, Some(refusal)) => Err(refusal),
            (Some(reason), None) => Err(reason),
            (None, None) => Err(empty()),
        }
    }

    /// TS 119 475 wants the whole chain in the header, so an anchor at its end is left out of the path.
    fn chain_to(&self, source: &TrustSource, now: UnixSeconds) -> Result<ValidatedChain, Reason> {
        if let Ok(pinned) = chain::validate_pinned(&self.chain, &source.pinned, now) {
            return Ok(pinned);
        }
        let anchors: Vec<&Anchor> = source.anchors.iter().collect();
        let rules = ChainRules { anchor_in_chain: AnchorInChain::Ignore, extended_key_usage: None };
        chain::validate(&self.chain, &anchors, rules, now)
    }

    /// The certificate in the form in which it was signed.
    pub const fn serialised(&self) -> &Serialised {
        &self.serialised
    }

    /// SHA-256 of the serialised certificate: its name in stored transactions.
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// What it says.
    pub const fn content(&self) -> &Content {
        &self.content
    }

    /// What is odd about its content.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Who signed it, as the certificate in it says.
    pub const fn signer(&self) -> &Certificate {
        &self.signer
    }

    /// The certificates that it brings, DER, leaf first.
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }
}

/// What a certificate says of itself, with nothing verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Peeked {
    /// Its content.
    pub content: Content,
    /// What is odd about it.
    pub remarks: Vec<Remark>,
    /// The certificates that it brings (DER, leaf first), as far as they can be read.
    pub chain: Vec<Vec<u8>>,
}

/// Reads a certificate without verifying anything: for those who look at files.
///
/// # Errors
/// As [`RegistrationCertificate::read`] for form and content.
pub fn peek(serialised: &Serialised) -> Result<Peeked, Reason> {
    let (claims, dates, chain) = match serialised {
        Serialised::Jwt(jwt) => {
            let jws = CompactJws::parse(jwt)?;
            let payload = jws.payload()?;
            let chain = jws.header_understanding(&UNDERSTOOD).and_then(|header| header.x5c()).unwrap_or_default();
            (json::parse_object(&payload)?, Dates::read(&payload)?, chain)
        }
        Serialised::Cwt(bytes) => {
            let message = Sign1::parse(bytes).map_err(|fault| Reason::new(Code::JwsMalformed, fault.0))?;
            let (claims, dates) = cwt_claims(&message)?;
            (claims, dates, message.x5chain().unwrap_or_default())
        }
    };
    let (content, remarks) = Content::read(&claims, dates)?;
    Ok(Peeked { content, remarks, chain })
}

struct Signed {
    claims: Map<String, Value>,
    dates: Dates,
    chain: Vec<Vec<u8>>,
    signer: Certificate,
}

fn invalid(detail: &'static str) -> Reason {
    Reason::new(Code::CredentialClaimInvalid, detail)
}

fn of_jwt(jwt: &str, skew: ClockSkew, now: UnixSeconds) -> Result<Signed, Reason> {
    let jws = CompactJws::parse(jwt)?;
    let header = jws.header_understanding(&UNDERSTOOD)?;
    if header.typ() != Some(JWT_TYPE) {
        return Err(Reason::new(Code::CredentialTypInvalid, "typ is not rc-wrp+jwt"));
    }
    let algorithm = header.algorithm(&AllowedAlgorithms::es256_and(&ALGORITHMS))?;
    if header.has("sigD") {
        return Err(Reason::new(Code::JwsHeaderNotAllowed, "the signature is over something outside of the token"));
    }
    check_signing_time(&header, skew, now)?;
    let chain = header.x5c()?;
    let signer = signer(&chain)?;
    header.check_thumbprint(&signer.der)?;
    jws.verify(algorithm, &signer.public_key()?)?;
    let payload = jws.payload()?;
    Ok(Signed { claims: json::parse_object(&payload)?, dates: Dates::read(&payload)?, chain, signer })
}

/// A signing time, if stated, is a time and has come (JAdES sections 5.1.11 and 5.2.1).
fn check_signing_time(header: &Header, skew: ClockSkew, now: UnixSeconds) -> Result<(), Reason> {
    let of_number = header.members().get("iat").map(|value| value.as_i64().map(UnixSeconds));
    let of_text = header.members().get("sigT").map(|value| value.as_str().and_then(UnixSeconds::from_utc_text));
    for stated in [of_number, of_text].into_iter().flatten() {
        let wrong = |detail: &'static str| Reason::new(Code::JwsHeaderNotAllowed, detail);
        if stated.ok_or_else(|| wrong("the signing time is no time"))? > now.plus(skew.seconds()) {
            return Err(wrong("the signing time is in the future"));
        }
    }
    Ok(())
}

fn signer(chain: &[Vec<u8>]) -> Result<Certificate, Reason> {
    Certificate::read(chain.first().ok_or_else(|| Reason::new(Code::X5cMissing, "x5c is empty"))?)
}

/// Keys of the claims that CWT knows by number (RFC 8392 section 4; Token Status List section 14.3).
const NUMBERED: [(i128, &str); 6] = [(1, "iss"), (2, "sub"), (4, "exp"), (5, "nbf"), (6, "iat"), (65_535, "status")];

fn of_cwt(bytes: &[u8]) -> Result<Signed, Reason> {
    let malformed = |fault: CoseFault| Reason::new(Code::JwsMalformed, fault.0);
    let message = Sign1::parse(bytes).map_err(malformed)?;
    if !message.typ().is_some_and(|typ| CWT_TYPES.contains(&typ)) {
        return Err(Reason::new(Code::CredentialTypInvalid, "typ is not rc-wrp+cwt"));
    }
    let allowed = AllowedAlgorithms::es256_and(&ALGORITHMS);
    let algorithm = message.algorithm(&allowed).map_err(|fault| Reason::new(Code::JwsAlgNotAllowed, fault.0))?;
    let chain = message.x5chain().map_err(|fault| Reason::new(Code::X5cMalformed, fault.0))?;
    let signer = signer(&chain)?;
    message
        .verify(algorithm, &signer.public_key()?)
        .map_err(|fault| Reason::new(Code::JwsSignatureInvalid, fault.0))?;
    let (claims, dates) = cwt_claims(&message)?;
    Ok(Signed { claims, dates, chain, signer })
}

/// The claims of a CWT, as a JWT would have them.
fn cwt_claims(message: &Sign1<'_>) -> Result<(Map<String, Value>, Dates), Reason> {
    let claims = cbor::parse(message.payload()).map_err(|fault| Reason::new(Code::JwsMalformed, fault.detail()))?;
    let entries = claims.entries().ok_or_else(|| invalid("the claims are no map"))?;
    let mut members = Map::new();
    for (key, value) in entries {
        let name = match key {
            cbor::Value::Text(name) => *name,
            cbor::Value::Integer(number) => match NUMBERED.iter().find(|(known, _)| known == number) {
                Some((_, name)) => *name,
                None => continue,
            },
            _ => return Err(invalid("a claim has neither a number nor a name")),
        };
        if members.insert(name.to_owned(), as_json(value)?).is_some() {
            return Err(invalid("a claim is there by its number and by its name"));
        }
    }
    let date = |name: &str| match members.get(name) {
        None => DateClaim::Absent,
        Some(value) => value.as_i64().map_or(DateClaim::WrongForm, |seconds| DateClaim::At(UnixSeconds(seconds))),
    };
    let dates = Dates { issued_at: date("iat"), not_before: date("nbf"), expires: date("exp") };
    Ok((members, dates))
}

/// CBOR as JSON, where both can say it. Depth and count are bounded by the reader of CBOR.
fn as_json(value: &cbor::Value<'_>) -> Result<Value, Reason> {
    Ok(match value {
        cbor::Value::Integer(number) => {
            let number = i64::try_from(*number).map(Number::from).or_else(|_| u64::try_from(*number).map(Number::from));
            Value::Number(number.map_err(|_| invalid("a number is out of range"))?)
        }
        cbor::Value::Text(text) => Value::String((*text).to_owned()),
        cbor::Value::Array(items) => Value::Array(items.iter().map(as_json).collect::<Result<_, _>>()?),
        cbor::Value::Map(entries) => {
            let member = |(key, value): &(cbor::Value<'_>, cbor::Value<'_>)| match key {
                cbor::Value::Text(name) => Ok(((*name).to_owned(), as_json(value)?)),
                _ => Err(invalid("a member has no name")),
            };
            Value::Object(entries.iter().map(member).collect::<Result<_, _>>()?)
        }
        cbor::Value::Simple(20) => Value::Bool(false),
        cbor::Value::Simple(21) => Value::Bool(true),
        cbor::Value::Simple(22) => Value::Null,
        cbor::Value::Bytes(_) | cbor::Value::Tag(..) | cbor::Value::Float(_) | cbor::Value::Simple(_) => {
            return Err(invalid("a claim has a type that no claim of a registration has"));
        }
    })
}
