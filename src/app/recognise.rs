//! `Idempotency-Key` on calls that may be made anew: those that change nothing, and the handing in of an answer, which ends a
//! presentation once however often it comes. With another body the key is refused (API-010). Kept in memory: what a
//! restart forgets is a refusal, and that a call came before; nothing is changed twice.

use super::create_request::{IDEMPOTENCY_SECONDS, IdempotentCall};
use super::{App, Failure};
use crate::domain::ids::TenantId;
use crate::domain::jose::hash::sha256;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Most calls of one tenant that are remembered; the oldest is forgotten for a new one. About 150 bytes each.
const MOST: usize = 10_000;

type Hash = [u8; 32];

/// The calls that are known, by tenant. Of a call only hashes are kept: the body may hold a presentation.
#[derive(Debug, Default)]
pub struct Recognised(Mutex<HashMap<TenantId, Calls>>);

#[derive(Debug, Default)]
struct Calls {
    bodies: HashMap<Hash, Hash>,
    /// The keys from the oldest to the newest, with the end of their time.
    order: VecDeque<(UnixSeconds, Hash)>,
}

impl Calls {
    fn forget_while(&mut self, due: impl Fn(&Self, UnixSeconds) -> bool) {
        while let Some((until, key)) = self.order.front().copied()
            && due(self, until)
        {
            self.bodies.remove(&key);
            self.order.pop_front();
        }
    }
}

impl Recognised {
    /// Takes note of a call, or compares it with the one before. Whether there was one.
    ///
    /// # Errors
    /// [`Code::IdempotencyConflict`] if the key came with another body within 24 hours.
    fn compare(
        &self,
        tenant: &TenantId,
        path: &'static str,
        call: IdempotentCall<'_>,
        now: UnixSeconds,
    ) -> Result<bool, Reason> {
        // Neither tenants nor paths have a zero byte.
        let key = sha256(format!("{tenant}\0{path}\0{}", call.key).as_bytes());
        let body = sha256(call.body);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = all.entry(tenant.clone()).or_default();
        calls.forget_while(|_, until| until <= now);
        match calls.bodies.get(&key) {
            Some(known) if *known == body => Ok(true),
            Some(_) => Err(Reason::new(Code::IdempotencyConflict, "the key was used with another body")),
            None => {
                calls.forget_while(|calls, _| calls.order.len() >= MOST);
                calls.bodies.insert(key, body);
                calls.order.push_back((now.plus(IDEMPOTENCY_SECONDS), key));
                Ok(false)
            }
        }
    }
}

impl App {
    /// Recognises a call by its key, for 24 hours, and says whether it came before. `path` tells calls of different kinds
    /// apart. The caller of this sees to it that a call may be made anew.
    ///
    /// # Errors
    /// [`Code::BadRequest`] for a malformed key, [`Code::IdempotencyConflict`] for a known key with another body.
    pub fn recognise(&self, tenant: &TenantId, path: &'static str, call: IdempotentCall<'_>) -> Result<bool, Failure> {
        call.check_key()?;
        Ok(self.recognised.compare(tenant, path, call, self.now())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>(key: &'a str, body: &'a str) -> IdempotentCall<'a> {
        IdempotentCall { key, body: body.as_bytes() }
    }

    #[test]
    fn another_body_conflicts_for_a_day() {
        // API-010.
        let recognised = Recognised::default();
        let (one, two) = (TenantId::parse("one").unwrap(), TenantId::parse("two").unwrap());
        let compare = |tenant: &TenantId, path, key, body, now| {
            recognised.compare(tenant, path, call(key, body), UnixSeconds(now)).map_err(|reason| reason.code)
        };
        assert_eq!(compare(&one, "a", "key", "{}", 0), Ok(false));
        assert_eq!(compare(&one, "a", "key", "{}", 86_399), Ok(true));
        assert_eq!(compare(&one, "a", "key", "{ }", 86_399), Err(Code::IdempotencyConflict));
        // Another key, path or tenant is another call.
        assert_eq!(compare(&one, "a", "key2", "{ }", 86_399), Ok(false));
        assert_eq!(compare(&one, "b", "key", "{ }", 86_399), Ok(false));
        assert_eq!(compare(&two, "a", "key", "{ }", 86_399), Ok(false));
        assert_eq!(compare(&one, "a", "key", "{ }", 86_400), Ok(false));
    }

    #[test]
    fn memory_has_a_bound_and_is_of_one_tenant() {
        let recognised = Recognised::default();
        let (one, two) = (TenantId::parse("one").unwrap(), TenantId::parse("two").unwrap());
        recognised.compare(&two, "a", call("0", "first"), UnixSeconds(0)).unwrap();
        for number in 0..=MOST {
            recognised.compare(&one, "a", call(&number.to_string(), "first"), UnixSeconds(0)).unwrap();
        }
        {
            let all = recognised.0.lock().unwrap();
            assert_eq!((all[&one].bodies.len(), all[&one].order.len()), (MOST, MOST));
        }
        // The oldest is forgotten, the others are not, nor is anything of others.
        for _ in 0..2 {
            assert!(recognised.compare(&one, "a", call("1", "second"), UnixSeconds(0)).is_err());
        }
        assert!(recognised.compare(&two, "a", call("0", "second"), UnixSeconds(0)).is_err());
        assert!(recognised.compare(&one, "a", call("0", "second"), UnixSeconds(0)).is_ok());
    }
}
