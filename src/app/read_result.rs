//! A caller reads how a presentation stands, waits for it, calls it off, or has its result erased.

use super::create_request::{Created, session_hash};
use super::ports::{Changes, Replaced};
use super::tries::RefusedTry;
use super::{App, Failure};
use crate::domain::ids::{TenantId, TransactionId};
use crate::domain::jose::hash::sha256;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
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
pub(super) const RETRIES: usize = 8;

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
        for _ in 0..RETRIES {
            let shown = self.ports.store.by_id(tenant, &id).await?.ok_or_else(unknown)?;
            let (next, reading) = shown.clone().read(self.now(), returned);
            if next.version() != shown.version()
                && !matches!(self.ports.store.replace(&shown, next.clone()).await?, Replaced::Done)
            {
                continue;
            }
            let refused = self.tries.last(&id).filter(|_| !next.status().is_end());
            return Ok(Read { transaction: next, reading: reading?, refused });
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
        Ok((transaction.expire(self.now()).abandon(self.now()), changes))
    }

    /// The current state for somebody who watches.
    ///
    /// # Errors
    /// As [`App::watch`].
    pub async fn current(&self, tenant: &TenantId, id: &TransactionId) -> Result<Transaction, Failure> {
        let transaction = self.ports.store.by_id(tenant, id).await?.ok_or_else(unknown)?;
        Ok(transaction.expire(self.now()).abandon(self.now()))
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
        for _ in 0..RETRIES {
            let shown = self.ports.store.by_id(tenant, &id).await?.ok_or_else(unknown)?;
            let next = cancelled_or_erased(shown.clone(), self.now())?;
            if next.version() == shown.version()
                || matches!(self.ports.store.replace(&shown, next.clone()).await?, Replaced::Done)
            {
                return Ok(next);
            }
        }
        Err(Reason::new(Code::Overloaded, "the transaction is written by too many at once").into())
    }
}

fn cancelled_or_erased(shown: Transaction, now: UnixSeconds) -> Result<Transaction, Failure> {
    let current = shown.expire(now).abandon(now);
    if current.status().is_end() { Ok(current.erase()) } else { Ok(current.cancel(now)?) }
}
