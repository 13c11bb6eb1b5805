//! PostgreSQL: several instances on one database, and everything that a database can do to them.

mod faults;
mod opening;
mod proxy;
mod rest;
mod service;

use crate::database::Cluster;
use pruefstein::adapters::store::conformance::Store;
use pruefstein::adapters::store::postgres::PostgresStore;
use pruefstein::app::ports::{Changes, Idempotency, Inserted, Pending, Replaced, Swept, TransactionStore};
use pruefstein::domain::ids::{PageHandle, RequestHandle, TenantId, TransactionId};
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::transaction::Transaction;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Instances of the service, asked by turns, as a gateway does.
pub(crate) struct ByTurns {
    instances: Vec<Arc<PostgresStore>>,
    next: AtomicUsize,
}

/// Three instances on one database.
pub(crate) async fn by_turns(cluster: &Cluster, database: &str) -> Store {
    let mut instances = Vec::new();
    for _ in 0..3 {
        instances.push(cluster.store(database).await);
    }
    Arc::new(ByTurns { instances, next: AtomicUsize::new(0) })
}

impl ByTurns {
    fn one(&self) -> &PostgresStore {
        let turn = self.next.fetch_add(1, Ordering::SeqCst);
        &self.instances[turn % self.instances.len()]
    }
}

impl TransactionStore for ByTurns {
    fn insert(&self, transaction: Transaction, idempotency: Option<Idempotency>) -> Pending<'_, Inserted> {
        self.one().insert(transaction, idempotency)
    }

    fn by_id<'a>(&'a self, tenant: &'a TenantId, id: &'a TransactionId) -> Pending<'a, Option<Transaction>> {
        self.one().by_id(tenant, id)
    }

    fn by_handle<'a>(&'a self, handle: &'a RequestHandle) -> Pending<'a, Option<Transaction>> {
        self.one().by_handle(handle)
    }

    fn by_page<'a>(&'a self, page: &'a PageHandle) -> Pending<'a, Option<Transaction>> {
        self.one().by_page(page)
    }

    fn replace<'a>(&'a self, shown: &'a Transaction, next: Transaction) -> Pending<'a, Replaced> {
        self.one().replace(shown, next)
    }

    fn expire_and_erase(&self, now: UnixSeconds, limit: usize) -> Pending<'_, Swept> {
        self.one().expire_and_erase(now, limit)
    }

    fn watch(&self, id: &TransactionId) -> Changes {
        self.one().watch(id)
    }

    fn health(&self) -> Pending<'_, ()> {
        self.one().health()
    }

    fn close(&self) -> Pending<'_, ()> {
        Box::pin(async move {
            let mut result = Ok(());
            for instance in &self.instances {
                result = result.and(instance.close().await);
            }
            result
        })
    }
}
