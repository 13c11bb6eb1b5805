//! The rooms below `verify`, put together for cases that test a part alone: an SD-JWT with a key known beforehand, or
//! without a proof. The service itself has no such path; its own is in [`super::presentation`].

use super::{Judged, member, text};
use crate::domain::encoding::json::Dates;
use crate::domain::jose::alg::SignatureAlgorithm;
use crate::domain::jose::jws::CompactJws;
use crate::domain::reason::{Code, Reason};
use crate::domain::sd_jwt::key_binding::{KeyBinding, ProofWindow};
use crate::domain::sd_jwt::{SdJwt, disclose, vc};
use crate::domain::status_list::StatusReference;
use crate::domain::time::{UnixSeconds, Validity};
use crate::domain::type_metadata::Integrity;
use crate::domain::type_metadata::integrity::Digests;
use crate::vectors::config::{Config, Stop, unsupported};
use serde_json::{Map, Value, json};

/// What an SD-JWT amounts to when its key is known.
struct Opened<'t> {
    sd_jwt: SdJwt<'t>,
    payload: Map<String, Value>,
    claims: Map<String, Value>,
}

pub(super) fn sd_jwt(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&[
        "now",
        "clock_skew",
        "issuer_jwks",
        "alg_allowed",
        "allowed_typ",
        "key_binding",
        "verifier",
        "kb_max_age",
        "required_claims",
        "check_status",
        "skip_issuer_signature",
    ])?;
    let text = sd_jwt_text(input)?;
    let opened = open(config, &text, |jws, header, algorithm| {
        if config.get("skip_issuer_signature") == Some(&Value::Bool(true)) {
            return Ok(());
        }
        Ok(config.keys("issuer_jwks")?.verify(jws, header, algorithm)?)
    })?;
    conclude(config, &opened)
}

pub(super) fn sd_jwt_vc(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&[
        "now",
        "clock_skew",
        "issuer_jwks",
        "trust",
        "alg_allowed",
        "allowed_typ",
        "key_binding",
        "verifier",
        "kb_max_age",
        "check_status",
    ])?;
    let text = sd_jwt_text(input)?;
    let by_name = config
        .get("trust")
        .and_then(Value::as_object)
        .is_none_or(|trust| !trust.contains_key("x509_roots") && !trust.contains_key("pinned_certs"));
    let opened = open(config, &text, |jws, header, algorithm| {
        if by_name {
            // Trust by DID: the key is known beforehand, the identifier is not followed.
            return Ok(config.keys("issuer_jwks")?.verify(jws, header, algorithm)?);
        }
        let mut trust = config.0.clone();
        trust.shift_remove("resources");
        let trust = Config(&trust).trust(&[])?;
        let issuer = trust.trust_issuer(&header.x5c()?, config.anchor_in_chain()?, config.now()?)?;
        Ok(jws.verify(algorithm, issuer.key())?)
    })?;
    vc::Types::read(&opened.payload)?;
    conclude(config, &opened)
}

fn sd_jwt_text(input: &Map<String, Value>) -> Result<String, Stop> {
    match input.get("jws_json") {
        Some(json) => Ok(json.to_string()),
        None => text(input, "sd_jwt").map(str::to_owned),
    }
}

type Verify<'v> =
    &'v dyn Fn(&CompactJws<'_>, &crate::domain::jose::header::Header, SignatureAlgorithm) -> Result<(), Stop>;

fn open<'t>(
    config: Config<'_>,
    text: &'t str,
    verify: impl Fn(&CompactJws<'_>, &crate::domain::jose::header::Header, SignatureAlgorithm) -> Result<(), Stop>,
) -> Result<Opened<'t>, Stop> {
    open_with(config, text, &verify)
}

fn open_with<'t>(config: Config<'_>, text: &'t str, verify: Verify<'_>) -> Result<Opened<'t>, Stop> {
    let sd_jwt = SdJwt::parse(text)?;
    let header = sd_jwt.issuer_jwt.header()?;
    let algorithm = header.algorithm(&config.algorithms(&SignatureAlgorithm::ALL)?)?;
    config.check_typ(&header, Code::CredentialTypInvalid)?;
    let bytes = sd_jwt.issuer_jwt.payload()?;
    let payload = sd_jwt.issuer_jwt.claims()?;
    let hash = disclose::hash_algorithm(&payload)?;
    verify(&sd_jwt.issuer_jwt, &header, algorithm)?;
    let claims = disclose::disclose(payload.clone(), &sd_jwt.disclosures, hash, &vc::PROTECTED)?;
    check_dates(config, &Dates::read(&bytes).map_err(Reason::from)?)?;
    Ok(Opened { sd_jwt, payload, claims })
}

/// A plain SD-JWT need not have dates; those it has must be usable and hold.
fn check_dates(config: Config<'_>, dates: &Dates) -> Result<(), Stop> {
    let wrong = || Reason::new(Code::CredentialClaimInvalid, "iat, nbf or exp has the wrong type");
    dates.issued_at.or_fault(wrong)?;
    let validity = Validity { not_before: dates.not_before.or_fault(wrong)?, expires: dates.expires.or_fault(wrong)? };
    validity.check(config.now()?, config.skew()?)?;
    Ok(())
}

fn conclude(config: Config<'_>, opened: &Opened<'_>) -> Judged {
    let proof = opened.sd_jwt.key_binding_jwt;
    let (required, allowed) = match config.text("key_binding")? {
        Some("required") => (true, true),
        None | Some("optional") => (false, true),
        Some("forbidden") => (false, false),
        Some(other) => return unsupported(format!("key_binding {other}")),
    };
    let bound = match proof {
        Some(_) if !allowed => return Err(Reason::new(Code::SdjwtMalformed, "a proof where none may be").into()),
        Some(jws) => {
            let holder = vc::holder_key(&opened.payload, None)?;
            check_proof(config, jws, &holder, Some(opened.sd_jwt.bound_text), &opened.payload)?;
            true
        }
        None if required => return Err(Reason::new(Code::KbMissing, "no proof").into()),
        None => false,
    };
    for path in config.texts("required_claims")?.unwrap_or_default() {
        let pointer = path.split('.').fold(String::new(), |pointer, name| format!("{pointer}/{name}"));
        if Value::Object(opened.claims.clone()).pointer(&pointer).is_none() {
            return Err(Reason::new(Code::ClaimMissing, "a required claim is not there").into());
        }
    }
    let mut output = json!({"claims": opened.claims, "key_binding": bound});
    if let (Some(status), Some(members)) = (opened.payload.get("status"), output.as_object_mut()) {
        if config.get("check_status") != Some(&Value::Bool(false)) {
            return unsupported("a status in a part");
        }
        let reference = StatusReference::from_claim(status)?;
        members.insert("status_reference".to_owned(), json!({"idx": reference.index, "uri": reference.uri}));
    }
    Ok(output)
}

/// The steps of a proof in the order of the service: form, audience, nonce, time, hash, signature.
fn check_proof(
    config: Config<'_>,
    jws: CompactJws<'_>,
    holder: &crate::domain::jose::jwk::PublicKey,
    bound_text: Option<&str>,
    payload: &Map<String, Value>,
) -> Result<(), Stop> {
    let (audience, nonce) = config.verifier()?;
    let proof = KeyBinding::read(jws, &config.algorithms(&SignatureAlgorithm::ALL)?)?;
    proof.check_audience(audience)?;
    proof.check_nonce(nonce)?;
    let window = ProofWindow {
        requested_at: config.number("x-requested_at")?.map(UnixSeconds),
        max_age: config.get("kb_max_age").and_then(Value::as_i64),
        skew: config.skew()?,
    };
    proof.check_time(window, config.now()?)?;
    if let Some(text) = bound_text {
        proof.check_sd_hash(text, disclose::hash_algorithm(payload)?)?;
    }
    Ok(proof.verify(holder)?)
}

pub(super) fn key_binding_alone(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&["now", "clock_skew", "alg_allowed", "verifier", "kb_max_age", "x-requested_at"])?;
    let jws = CompactJws::parse(text(input, "kb_jwt")?).map_err(|reason| reason.recode(Code::KbMalformed))?;
    let confirmation: Map<String, Value> =
        [("cnf".to_owned(), json!({"jwk": member(input, "holder_jwk")?}))].into_iter().collect();
    let holder = vc::holder_key(&confirmation, None)?;
    match input.get("sd_jwt").and_then(Value::as_str) {
        Some(text) => {
            let sd_jwt = SdJwt::parse(text)?;
            check_proof(config, jws, &holder, Some(sd_jwt.bound_text), &sd_jwt.issuer_jwt.claims()?)?;
        }
        None => check_proof(config, jws, &holder, None, &Map::new())?,
    }
    Ok(Value::Null)
}

pub(super) fn integrity(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&[])?;
    let integrity = Integrity::parse(text(input, "integrity")?)?;
    if let Some(content) = input.get("content_utf8").and_then(Value::as_str)
        && !integrity.fits(&Digests::of(content.as_bytes()))
    {
        return Err(Reason::new(Code::TypeMetadataInvalid, "the content is not the one that is meant").into());
    }
    Ok(Value::Null)
}
