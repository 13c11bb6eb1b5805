//! What the wallet demands of `verifier_info` and of the registration certificate in it. Its own reading, not the verifier's.

use super::chain;
use super::matcher::Query;
use super::request::{Refusal, Rule};
use crate::domain::encoding::base64;
use crate::domain::jose::alg::SignatureAlgorithm;
use crate::domain::jose::jws::CompactJws;
use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// What it is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Against<'a> {
    /// The access certificate, DER.
    pub(super) leaf: &'a [u8],
    /// The only anchor for registrars.
    pub(super) anchor: &'a [u8],
    /// What is asked for.
    pub(super) query: &'a Query,
    /// What time it is.
    pub(super) now: UnixSeconds,
}

/// Checks `verifier_info`, if it is there.
///
/// # Errors
/// [`Refusal`] with one of the rules on `verifier_info` and registrations.
///
/// # Source
/// OpenID4VP 1.0 section 5.1; ETSI TS 119 472-2 RO_REQ-06 to 09; ARF RPRC_17a, RPRC_19, RPRC_21.
pub(super) fn check(info: Option<&Value>, against: Against<'_>) -> Result<(), Refusal> {
    check_form(info, against.query)?.map_or(Ok(()), |data| certificate(data, against))
}

/// Checks the form of `verifier_info` alone. Returns `data` of the registration, if there is one.
///
/// # Errors
/// [`Refusal`] with [`Rule::VerifierInfo`].
pub(super) fn check_form<'v>(info: Option<&'v Value>, query: &Query) -> Result<Option<&'v str>, Refusal> {
    let Some(info) = info else { return Ok(None) };
    let form = |found: &str| Refusal::new(Rule::VerifierInfo, found);
    let entries = info.as_array().filter(|entries| !entries.is_empty()).ok_or_else(|| form("no array, or empty"))?;
    let mut registrations = Vec::new();
    for entry in entries {
        let members = entry.as_object().ok_or_else(|| form("an entry is no object"))?;
        if let Some(other) = members.keys().find(|name| !["format", "data", "credential_ids"].contains(&name.as_str()))
        {
            return Err(form(other));
        }
        let format = members.get("format").and_then(Value::as_str).ok_or_else(|| form("an entry has no format"))?;
        let data = members.get("data").ok_or_else(|| form("an entry has no data"))?;
        if let Some(ids) = members.get("credential_ids") {
            let ids = ids.as_array().filter(|ids| !ids.is_empty()).ok_or_else(|| form("credential_ids is empty"))?;
            let known = |id: &Value| query.credentials.iter().any(|query| id == query.id.as_str());
            if !ids.iter().all(known) {
                return Err(form("credential_ids names a query that is not asked"));
            }
        }
        if format == "registration_cert" {
            if members.contains_key("credential_ids") {
                return Err(form("a registration is for the whole request, so it has no credential_ids"));
            }
            registrations.push(data.as_str().ok_or_else(|| form("data of a registration is no text"))?);
        }
    }
    match registrations.as_slice() {
        // Other formats may be ignored (OpenID4VP 1.0 section 5.11).
        [] => Ok(None),
        [data] => Ok(Some(data)),
        _ => Err(form("several registrations")),
    }
}

fn certificate(data: &str, against: Against<'_>) -> Result<(), Refusal> {
    let wrong = |found: String| Refusal::new(Rule::RegistrationCertificate, found);
    let jwt = if data.contains('.') {
        data.to_owned()
    } else {
        let bytes = base64::decode_url(data).map_err(|_| wrong("neither a JWT nor base64url".to_owned()))?;
        if bytes.first() == Some(&0xd2) {
            // A CWT, which this wallet does not know.
            return Ok(());
        }
        String::from_utf8(bytes).map_err(|_| wrong("base64url of no text".to_owned()))?
    };
    let jws = CompactJws::parse(&jwt).map_err(|reason| wrong(reason.to_string()))?;
    let header = jws.header().map_err(|reason| wrong(reason.to_string()))?;
    if header.typ() != Some("rc-wrp+jwt") {
        return Err(wrong("another typ".to_owned()));
    }
    let chain = header.x5c().map_err(|reason| wrong(reason.to_string()))?;
    let key = chain::leaf_key(&chain, against.anchor, against.now).map_err(|fault| wrong(fault.to_string()))?;
    jws.verify(SignatureAlgorithm::Es256, &key).map_err(|reason| wrong(reason.to_string()))?;
    let claims = jws.claims().map_err(|reason| wrong(reason.to_string()))?;
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    let in_force = time("iat").is_some_and(|issued| issued <= against.now.0)
        && time("exp").is_some_and(|expires| against.now.0 < expires);
    if !in_force {
        return Err(wrong("not in force".to_owned()));
    }
    if claims.get("sub").and_then(Value::as_str) != organization_identifier(against.leaf).as_deref() {
        return Err(Refusal::new(Rule::RegistrationSubject, "another party"));
    }
    covered(&claims, against.query)
}

fn organization_identifier(leaf: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    let attributes = || certificate.subject().iter_attributes();
    let found = attributes().find(|attribute| attribute.attr_type().to_id_string() == "2.5.4.97")?;
    found.as_str().ok().map(str::to_owned)
}

fn covered(claims: &Map<String, Value>, query: &Query) -> Result<(), Refusal> {
    let registered = claims.get("credentials").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for credential in &query.credentials {
        for kind in &credential.types {
            let of_kind = registered.iter().filter(|entry| {
                let types = entry.pointer("/meta/vct_values").and_then(Value::as_array);
                entry.get("format").and_then(Value::as_str) == Some(credential.format.as_str())
                    && types.is_some_and(|types| types.iter().any(|registered| registered == kind.as_str()))
            });
            let paths: Vec<&Vec<Value>> = of_kind
                .filter_map(|entry| entry.get("claim").and_then(Value::as_array))
                .flatten()
                .filter_map(|claim| claim.get("path").and_then(Value::as_array))
                .collect();
            // The places of an array are all under null.
            let same = |(known, asked): (&Value, &Value)| known == asked || (known.is_null() && asked.is_u64());
            let allowed = |asked: &[Value]| {
                paths.iter().any(|path| path.len() <= asked.len() && path.iter().zip(asked).all(same))
            };
            if credential.claims.is_empty() || !credential.claims.iter().all(|claim| allowed(&claim.path)) {
                return Err(Refusal::new(Rule::RegistrationCoverage, credential.id.as_str()));
            }
        }
    }
    Ok(())
}
