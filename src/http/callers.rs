//! Who may call the API: keys by their hashes, and the tenant each belongs to.

use super::Front;
use super::problem::Problem;
use crate::domain::ids::TenantId;
use crate::domain::jose::constant_time_eq;
use crate::domain::jose::hash::sha256;
use crate::domain::reason::Code;
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

/// One key of a caller.
#[derive(Debug, Clone)]
pub struct CallerKey {
    /// The caller's name, for logs.
    pub name: String,
    /// The tenant that the key opens.
    pub tenant: TenantId,
    /// SHA-256 of the key; the key itself is nowhere.
    pub sha256: [u8; 32],
}

/// The callers of a service.
#[derive(Debug, Clone)]
pub enum Callers {
    /// Only who has a key.
    Keys(Vec<CallerKey>),
    /// Everybody who reaches the listener, which is then bound to this machine.
    AnyoneOnThisMachine(TenantId),
}

/// A caller whose identity is established. The credential decides the tenant.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant.
    pub tenant: TenantId,
    /// The caller's number among those of the service.
    pub number: usize,
}

impl Callers {
    /// How many there are.
    pub fn count(&self) -> usize {
        match self {
            Self::Keys(keys) => keys.len(),
            Self::AnyoneOnThisMachine(_) => 1,
        }
    }

    /// The caller with this key, compared in constant time with every key (API-003).
    fn find(&self, key: Option<&str>) -> Option<Caller> {
        match self {
            Self::AnyoneOnThisMachine(tenant) => Some(Caller { tenant: tenant.clone(), number: 0 }),
            Self::Keys(keys) => {
                let hash = sha256(key?.as_bytes());
                let mut found = None;
                for (number, known) in keys.iter().enumerate() {
                    if constant_time_eq(&known.sha256, &hash) {
                        found = Some(Caller { tenant: known.tenant.clone(), number });
                    }
                }
                found
            }
        }
    }
}

impl FromRequestParts<Front> for Caller {
    type Rejection = Problem;

    /// One answer for no key, a malformed one, an unknown one and two of them (API-001); keys in addresses are not read
    /// (API-009).
    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(AUTHORIZATION).iter();
        let only = values.next().filter(|_| values.next().is_none());
        let key = only.and_then(|value| value.to_str().ok()).and_then(|text| {
            let (scheme, key) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
        });
        front.callers.find(key).ok_or_else(|| Code::Unauthenticated.into())
    }
}
