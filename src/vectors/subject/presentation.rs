//! Whole presentations, through [`crate::domain::verify`] as the service calls it.

use super::jose::private_key;
use super::{Judged, member, text};
use crate::domain::dcql::DcqlQuery;
use crate::domain::reason::{Code, Reason};
use crate::domain::sd_jwt::{SdJwt, vc};
use crate::domain::status_list::StatusList;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction_data::Entry;
use crate::domain::trust::cache::ChainCache;
use crate::domain::verify::presentation::{self, Credential};
use crate::domain::verify::response::{self, Answer, Asked, Encryption, ResponseForm};
use crate::domain::verify::{Binding, Context, Policy, Refusal, StatusLists, StatusNeed};
use crate::vectors::config::{Config, Stop, unsupported};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Members of `config` that a whole verdict honours.
const HONOURED: &[&str] = &[
    "now",
    "clock_skew",
    "trust",
    "alg_allowed",
    "allowed_typ",
    "key_binding",
    "kb_max_age",
    "verifier",
    "expected_vct",
    "check_status",
    "resources",
    "private_jwks",
    "enc_allowed",
    "x-trust_sources",
    "x-status_origins",
    "x-status_rule",
    "x-extended_key_usage",
    "x-anchor_in_chain",
    "x-type_metadata",
    "x-type_metadata_required",
    "x-accept_aka_vcts",
    "x-requested_at",
    "x-newest_iat",
];

/// Whether a configuration leaves every check of the service switched on.
pub(super) fn is_whole(config: Config<'_>) -> bool {
    let roots =
        config.get("trust").is_some_and(|trust| trust.get("x509_roots").or(trust.get("pinned_certs")).is_some());
    (roots || config.has("x-trust_sources"))
        && config.get("key_binding") == Some(&json!("required"))
        && config.get("kb_max_age").is_some_and(Value::is_i64)
        && config.get("check_status") != Some(&Value::Bool(false))
        && config.verifier().is_ok()
        && config.only(HONOURED).is_ok()
}

/// Lists from the resources of the case.
struct Resources<'a> {
    config: Config<'a>,
    trust: &'a crate::domain::trust::TrustAnchors,
    policy: &'a Policy,
    now: UnixSeconds,
    newest: Option<UnixSeconds>,
}

impl StatusLists for Resources<'_> {
    fn list(&self, need: &StatusNeed) -> Result<Arc<StatusList>, Reason> {
        let unavailable = |detail: &'static str| Reason::new(Code::StatusUnavailable, detail);
        let token = self.config.resource(&need.uri).ok_or_else(|| unavailable("the address does not answer"))?;
        let source = self.trust.source(&need.source).ok_or_else(|| unavailable("no such source"))?;
        let rules = self.policy.token_rules(&need.uri, source, self.newest);
        StatusList::verify(&token, rules, self.now).map(Arc::new)
    }
}

fn refused(refusal: &Refusal) -> Stop {
    Stop::Refused(refusal.reason.clone())
}

pub(super) fn credential(config: Config<'_>, input: &Map<String, Value>, chains: &ChainCache) -> Judged {
    config.only(HONOURED)?;
    let given = match input.get("jws_json") {
        Some(json) => json.to_string(),
        None => text(input, "sd_jwt")?.to_owned(),
    };
    let expected = config.texts("expected_vct")?;
    // `trust` names no types: it vouches for those of the case.
    let types = expected.clone().unwrap_or_else(|| own_type(&given).into_iter().collect());
    let trust = config.trust(&types)?;
    let policy = config.policy()?;
    let now = config.now()?;
    let cx = Context { trust: &trust, policy: &policy, chains, now };
    let newest = config.number("x-newest_iat")?.map(UnixSeconds);
    let lists = Resources { config, trust: &trust, policy: &policy, now, newest };
    let (audience, nonce) = config.verifier()?;
    let requested_at = config.number("x-requested_at")?.map(UnixSeconds);
    let binding = Binding { nonce, audience, requested_at, transaction_data: &[] };
    let verify = |query: Option<&DcqlQuery>| -> Result<Credential, Stop> {
        let query = query.and_then(|query| query.credentials().first());
        let mut single = presentation::open(&given, query, binding, cx).map_err(|refusal| refused(&refusal))?;
        single.supply_types(&config.type_documents());
        let (verified, _) = single.conclude(&lists, cx).map_err(|refusal| refused(&refusal))?;
        Ok(verified.into_inner())
    };
    if let Some(values) = &expected {
        let query = json!({"credentials": [{"id": "c", "format": "dc+sd-jwt", "meta": {"vct_values": values}}]});
        let query = DcqlQuery::parse(&query).or_else(|_| unsupported("expected_vct"))?;
        verify(Some(&query))?;
    }
    // Without a query nothing is left out, but for the control claims; the signed payload has them.
    let mut claims = verify(None)?.claims;
    let sd_jwt = SdJwt::parse(&given)?;
    for (name, value) in sd_jwt.issuer_jwt.claims()? {
        if vc::CONTROL.contains(&name.as_str()) && name != "_sd_alg" {
            claims.insert(name, value);
        }
    }
    Ok(json!({"claims": claims, "key_binding": sd_jwt.key_binding_jwt.is_some()}))
}

/// The type that a credential states, unverified: what `trust` has to vouch for where a case expects no other.
fn own_type(text: &str) -> Option<String> {
    let payload = SdJwt::parse(text).ok()?.issuer_jwt.claims().ok()?;
    vc::Types::read(&payload).ok().map(|types| types.vct)
}

pub(super) fn response(config: Config<'_>, input: &Map<String, Value>, chains: &ChainCache) -> Judged {
    config.only(HONOURED)?;
    let request = member(input, "request")?.as_object().cloned().unwrap_or_default();
    let stored = Config(&request);
    stored.only(&["client_id", "nonce", "state", "response_mode", "response_uri", "dcql_query", "transaction_data"])?;
    let query = super::dcql::read_query(member(&request, "dcql_query")?)?;
    let types: Vec<String> = query
        .credentials()
        .iter()
        .flat_map(|credential| match credential.meta() {
            crate::domain::dcql::Meta::VctValues(values) => values.clone(),
            _ => Vec::new(),
        })
        .collect();
    let trust = config.trust(&types)?;
    let policy = config.policy()?;
    let now = config.now()?;
    let cx = Context { trust: &trust, policy: &policy, chains, now };
    let keys = match stored.text("response_mode")? {
        Some("direct_post.jwt") => Some(private_key(config)?),
        Some("direct_post") => None,
        _ => return unsupported("response_mode"),
    };
    let encryption = match &keys {
        Some((key, kid)) => Encryption::Required { key, kid },
        None => Encryption::PlainAsConfigured,
    };
    let mut sent = Vec::new();
    for text in stored.texts("transaction_data")?.unwrap_or_default() {
        match Entry::parse(&text) {
            Ok(entry) => sent.push(entry),
            Err(_) => return unsupported("transaction_data that no verifier would send"),
        }
    }
    let asked = Asked {
        query: &query,
        binding: Binding {
            nonce: text(&request, "nonce")?,
            audience: text(&request, "client_id")?,
            requested_at: config.number("x-requested_at")?.map(UnixSeconds),
            transaction_data: &sent,
        },
        state: Some(text(&request, "state")?),
        encryption,
    };
    let form = read_form(member(input, "response")?)?;
    let mut pending = match response::open(&form, asked, cx).map_err(|refusal| refused(&refusal))? {
        Answer::Presented(pending) => pending,
        Answer::Error(error) => return Ok(json!({"wallet_error": error.error})),
    };
    let newest = config.number("x-newest_iat")?.map(UnixSeconds);
    let lists = Resources { config, trust: &trust, policy: &policy, now, newest };
    pending.supply_types(&config.type_documents());
    let (presented, _) = pending.conclude(&lists, cx).map_err(|refusal| refused(&refusal))?;
    let mut credentials = Map::new();
    for (id, list) in presented.into_inner().credentials {
        let list: Vec<Value> = list
            .into_iter()
            .map(|credential| {
                let mut shown =
                    json!({"format": credential.format, "type": credential.vct, "claims": credential.claims});
                let confirmed = credential.transaction_data.iter();
                let confirmed: Vec<Value> = confirmed
                    .map(|entry| json!({"index": entry.entry, "algorithm": entry.algorithm.name(), "hash": entry.hash}))
                    .collect();
                if let Some(members) = shown.as_object_mut().filter(|_| !confirmed.is_empty()) {
                    members.insert("transaction_data".to_owned(), Value::from(confirmed));
                }
                shown
            })
            .collect();
        credentials.insert(id, Value::from(list));
    }
    Ok(json!({"credentials": credentials}))
}

/// The parameters of a form body. Each may occur once; unknown ones are ignored.
fn read_form(response: &Value) -> Result<ResponseForm, Stop> {
    let Some(body) = response.get("form").and_then(Value::as_str) else {
        return unsupported("a response that is no form");
    };
    let mut form = ResponseForm::default();
    for (name, value) in form_urlencoded::parse(body.as_bytes()) {
        let place = match name.as_ref() {
            "response" => &mut form.response,
            "vp_token" => &mut form.vp_token,
            "state" => &mut form.state,
            "error" => &mut form.error,
            _ => continue,
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(Reason::new(Code::DuplicateParameter, "a parameter occurs twice").into());
        }
    }
    Ok(form)
}
