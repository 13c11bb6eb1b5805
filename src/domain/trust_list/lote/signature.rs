//! The signature of a list: compact JAdES at level baseline B.

use crate::domain::encoding::base64;
use crate::domain::jose::alg::{AllowedAlgorithms, SignatureAlgorithm};
use crate::domain::jose::header::Header;
use crate::domain::jose::jws::CompactJws;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust_list::ListRules;
use crate::domain::trust_list::signer::trusted_signer;
use crate::domain::x509::Certificate;
use serde_json::Value;

/// The algorithms in which a list may be signed. Lists are few and their signers are not ours to choose, so these are
/// more than credentials have.
const ALGORITHMS: [SignatureAlgorithm; 3] =
    [SignatureAlgorithm::Es384, SignatureAlgorithm::Es512, SignatureAlgorithm::Ps256];

/// The values of `typ` that lists are seen with. Other kinds of tokens have other names.
const TYPES: [&str; 5] = ["JAdES", "trustlist+jwt", "JOSE", "jose", "JWT"];

/// The signing time of JAdES before version 1.2 is critical, and understood.
const UNDERSTOOD: [&str; 1] = ["sigT"];

/// The payload of a token, once the key of a configured signer has verified it, and the signer.
///
/// # Errors
/// [`Code::TrustListMalformed`] for what is no such token, [`Code::TrustListSignatureInvalid`] for the rest.
///
/// # Source
/// ETSI TS 119 602 section 6.8; ETSI TS 119 182-1 sections 5.1, 5.2.1 and 6.3; RFC 7515 section 5.2; TL-04, TL-05.
pub(super) fn verify(token: &str, rules: &ListRules<'_>) -> Result<(Vec<u8>, Certificate), Reason> {
    let recode = |reason: Reason| reason.recode(Code::TrustListSignatureInvalid);
    let jws = CompactJws::parse(token)
        .map_err(|_| Reason::new(Code::TrustListMalformed, "the list is no compact JWS of three parts"))?;
    let header = jws.header_understanding(&UNDERSTOOD).map_err(recode)?;
    let algorithm = header.algorithm(&AllowedAlgorithms::es256_and(&ALGORITHMS)).map_err(recode)?;
    if header.typ().is_some_and(|typ| !TYPES.contains(&typ)) {
        return Err(Reason::new(Code::TrustListMalformed, "typ says that the token is no list"));
    }
    if header.has("sigD") {
        return Err(invalid("the signature is over something outside of the token"));
    }
    let signer = trusted_signer(&received(&header, rules)?, rules)?;
    let key = signer.public_key().map_err(recode)?;
    jws.verify(algorithm, &key).map_err(recode)?;
    check_signing_time(&header, rules)?;
    let payload = jws.payload().map_err(|reason| reason.recode(Code::TrustListMalformed))?;
    Ok((payload, signer))
}

/// The certificates that say who signed: those of `x5c`, or the configured one whose hash is `x5t#S256`.
fn received(header: &Header, rules: &ListRules<'_>) -> Result<Vec<Vec<u8>>, Reason> {
    let recode = |reason: Reason| reason.recode(Code::TrustListSignatureInvalid);
    if header.has("x5c") {
        let certificates = header.x5c().map_err(recode)?;
        header.check_thumbprint(certificates.first().map(Vec::as_slice).unwrap_or_default()).map_err(recode)?;
        return Ok(certificates);
    }
    let Some(thumbprint) = header.members().get("x5t#S256") else {
        return Err(invalid("the list does not say who signed it"));
    };
    let named = |signer: &&Certificate| thumbprint.as_str() == Some(&base64::encode_url(&signer.fingerprint()));
    let signer = rules.signers.iter().find(named);
    let signer = signer.ok_or_else(|| invalid("the list is signed by another certificate than those configured"))?;
    Ok(vec![signer.der.to_vec()])
}

/// A signing time, if stated, is a time and has come.
fn check_signing_time(header: &Header, rules: &ListRules<'_>) -> Result<(), Reason> {
    let stated = [("iat", read_number as fn(&Value) -> Option<UnixSeconds>), ("sigT", read_text)];
    for (name, read) in stated {
        let Some(value) = header.members().get(name) else { continue };
        let time = read(value).ok_or_else(|| invalid("the signing time is no time"))?;
        if time > rules.now.plus(rules.skew) {
            return Err(invalid("the list is signed in the future"));
        }
    }
    Ok(())
}

fn read_number(value: &Value) -> Option<UnixSeconds> {
    value.as_i64().map(UnixSeconds)
}

fn read_text(value: &Value) -> Option<UnixSeconds> {
    UnixSeconds::from_utc_text(value.as_str()?)
}

fn invalid(detail: &'static str) -> Reason {
    Reason::new(Code::TrustListSignatureInvalid, detail)
}
