//! A caller reads how a presentation stands, waits for it, calls it off, or has its result erased.

use super::create_request::{Created, session_hash};
use super::ports::{Changes, Replaced};
use super::tries::RefusedTry;
use super::{App, Failure};
use crate::domain::ids::{TenantId, TransactionId};
use crate::domain::jose::hash::sha256;
use crate::domain::reason::{Code, Reason};
use crate::domain::transaction::{Reading, ResponseCodeHash, Returned, Transaction};

/// A presentation as its caller sees it.
#[derive(Debug, Clone)]
pub struct Read {
    /// The transaction after reading.
    pub transaction: Transaction,
    /// What may be seen of it.
    pub reading: Reading,
    /// Why the last answer to an open one was not accepted.
    pub refused: Option<RefusedTry>,
}

/// How often a reading is tried again when somebody else wrote in between.
const RETRIES: usize = 8;

fn unknown() -> Failure {
    Reason::new(Code::UnknownTransaction, "no such transaction").into()
}

impl App {
    /// Reads a transaction of this tenant. With a response code, and the session if one began it, the result of a
    /// same-device transaction opens.
    ///
    /// # Errors
    /// [`Code::UnknownTransaction`], [`Code::ResponseCodeRequired`], [`Code::ResponseCodeInvalid`],
    /// [`Code::SessionMismatch`], [`Code::ResultPurged`], and failures of the store.
    pub async fn read_result(
        &self,
        tenant: &TenantId,
        id: &str,
        response_code: Option<&str>,
        session: Option<&str>,
    ) -> Result<Read, Failure> {
        let id = TransactionId::parse(id).ok_or_else(unknown)?;
        let code = response_code.map(|code| ResponseCodeHash::new(sha256(code.as_bytes())));
        let session = session.map(session_hash);
        let returned = Returned { code: code.as_ref(), session: session.as_ref() };
        let shown = self.ports.store.by_id(tenant, &id).await?.ok_or_else(unknown)?;
        let (next, reading) = self.change(shown, |it| Ok(it.read(self.now(), returned))).await?.ok_or_else(unknown)?;
        let refused = self.tries.last(&id).filter(|_| !next.status().is_end());
        Ok(Read { transaction: next, reading: reading?, refused })
    }

    /// Takes a step from the state that was shown and writes what comes of it over that very state, if it is another.
    /// Where somebody else was faster the step is taken again from what they left. `None` once the transaction is gone.
    ///
    /// # Errors
    /// Whatever the step says, [`Code::Overloaded`] if others are faster again and again, and failures of the store.
    pub(super) async fn change<T>(
        &self,
        mut shown: Transaction,
        step: impl Fn(Transaction) -> Result<(Transaction, T), Reason>,
    ) -> Result<Option<(Transaction, T)>, Failure> {
        for _ in 0..RETRIES {
            let (next, outcome) = step(shown.clone())?;
            if next.version() == shown.version() {
                return Ok(Some((next, outcome)));
            }
            match self.ports.store.replace(&shown, next.clone()).await? {
                Replaced::Done => return Ok(Some((next, outcome))),
                Replaced::Lost(Some(current)) => shown = *current,
                Replaced::Lost(None) => return Ok(None),
            }
        }
        Err(Reason::new(Code::Overloaded, "the transaction is written by too many at once").into())
    }

    /// Watches a transaction of this tenant: what it is now, and a bell for changes.
    ///
    /// # Errors
    /// [`Code::UnknownTransaction`], and failures of the store.
    pub async fn watch(&self, tenant: &TenantId, id: &str) -> Result<(Transaction, Changes), Failure> {
        let id = TransactionId::parse(id).ok_or_else(unknown)?;
        let changes = self.ports.store.watch(&id);
        let transaction = self.ports.store.by_id(tenant, &id).await?.ok_or_else(unknown)?;
        Ok((transaction.expire(self.now()), changes))
    }

    /// The current state for somebody who watches.
    ///
    /// # Errors
    /// As [`App::watch`].
    pub async fn current(&self, tenant: &TenantId, id: &TransactionId) -> Result<Transaction, Failure> {
        let transaction = self.ports.store.by_id(tenant, id).await?.ok_or_else(unknown)?;
        Ok(transaction.expire(self.now()))
    }

    /// The links of a transaction of this tenant, for its QR code.
    ///
    /// # Errors
    /// [`Code::UnknownTransaction`]; [`Code::RequestExpired`] once it has ended; [`Code::NotFound`] where a browser carries
    /// the request, which has no link then.
    pub async fn links(&self, tenant: &TenantId, id: &str) -> Result<Created, Failure> {
        let id = TransactionId::parse(id).ok_or_else(unknown)?;
        let transaction = self.current(tenant, &id).await?;
        self.links_while_open(transaction)
    }

    fn links_while_open(&self, transaction: Transaction) -> Result<Created, Failure> {
        if transaction.status().is_end() || transaction.is_answered() {
            return Err(Reason::new(Code::RequestExpired, "the request has ended").into());
        }
        if transaction.offer().is_some() {
            return Err(Reason::new(Code::NotFound, "a request for the browser has no link").into());
        }
        let tenant = self.tenant(transaction.tenant())?;
        Ok(self.created(tenant, transaction))
    }

    /// Calls an open transaction off, or erases the result of an ended one. Doing it twice changes nothing more.
    ///
    /// # Errors
    /// [`Code::UnknownTransaction`], and failures of the store.
    pub async fn cancel_or_erase(&self, tenant: &TenantId, id: &str) -> Result<Transaction, Failure> {
        let id = TransactionId::parse(id).ok_or_else(unknown)?;
        let shown = self.ports.store.by_id(tenant, &id).await?.ok_or_else(unknown)?;
        let step = |it: Transaction| {
            let current = it.expire(self.now());
            let next = if current.status().is_end() { current.erase() } else { current.cancel(self.now())? };
            Ok((next, ()))
        };
        self.change(shown, step).await?.map(|(next, ())| next).ok_or_else(unknown)
    }
}
