//! What is signed: the scheme information and the entities, in either of two wrappings.

use super::value::{malformed, object};
use super::{entity, scheme};
use crate::domain::encoding::json::{self, Fault, Limits};
use crate::domain::jose::hash::sha256;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::trust_list::profile::profile_of;
use crate::domain::trust_list::{ListRules, Notation, TrustList};
use crate::domain::x509::Certificate;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;
use std::fmt;

/// The members of a list, not yet read. The standard wraps them into `LoTE`; many publishers leave that out.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "LoTE")]
    wrapped: Option<&'a RawValue>,
    #[serde(borrow, rename = "ListAndSchemeInformation")]
    scheme: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "TrustedEntitiesList")]
    entities: Entities<'a>,
}

/// Reads a verified payload.
pub(super) fn read(
    document: &[u8],
    payload: &[u8],
    signer: &Certificate,
    rules: &ListRules<'_>,
) -> Result<TrustList, Reason> {
    let limits = Limits { depth: limits::JSON_DEPTH, nodes: limits::TRUST_LIST_NODES };
    json::check(payload, limits, limits::TRUST_LIST_MEMBERS).map_err(|fault| match fault {
        Fault::Limit => Reason::new(Code::TrustListTooLarge, "JSON nested too deeply or with too many values"),
        _ => Reason::from(fault).recode(Code::TrustListMalformed),
    })?;
    let body = body(payload)?;
    let scheme = body.scheme.ok_or_else(|| malformed("the scheme information is missing"))?;
    let scheme = scheme::read(&object(scheme, "the scheme information is no object")?, signer, rules)?;
    if body.entities.more {
        return Err(Reason::new(Code::TrustListTooLarge, "more entities than the limit"));
    }
    let context = entity::Context { territory: scheme.territory.as_deref(), profile: profile_of(&scheme.list_type) };
    let (services, skipped) = entity::read_all(&body.entities.list, context)?;
    Ok(TrustList {
        notation: Notation::Lote,
        list_type: scheme.list_type,
        operator: scheme.operator,
        territory: scheme.territory,
        sequence: scheme.sequence,
        issued_at: scheme.issued_at,
        next_update: scheme.next_update,
        services,
        pointers: scheme.pointers,
        skipped,
        digest: sha256(document),
        signer: signer.fingerprint(),
    })
}

fn body(payload: &[u8]) -> Result<Body<'_>, Reason> {
    let read = |text| serde_json::from_slice::<Body<'_>>(text).map_err(|_| malformed("the payload is no list"));
    let outer = read(payload)?;
    match outer.wrapped {
        None => Ok(outer),
        // Two lists in one: nobody could say which of them is meant.
        Some(_) if outer.scheme.is_some() || !outer.entities.list.is_empty() => {
            Err(malformed("the payload has a list in LoTE and another beside it"))
        }
        Some(wrapped) => {
            let inner = read(wrapped.get().as_bytes())?;
            if inner.wrapped.is_some() {
                return Err(malformed("there is a LoTE in LoTE"));
            }
            Ok(inner)
        }
    }
}

/// The texts of the entities, up to the limit.
#[derive(Default)]
struct Entities<'a> {
    list: Vec<&'a RawValue>,
    more: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Entities<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Entities<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of entities")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Entities<'de>, E> {
        Ok(Entities::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Entities<'de>, A::Error> {
        let mut list = Vec::new();
        while list.len() < limits::TRUST_LIST_SERVICES {
            match access.next_element::<&'de RawValue>()? {
                Some(entity) => list.push(entity),
                None => return Ok(Entities { list, more: false }),
            }
        }
        let mut more = false;
        while access.next_element::<IgnoredAny>()?.is_some() {
            more = true;
        }
        Ok(Entities { list, more })
    }
}
