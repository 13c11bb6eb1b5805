//! One round of refreshing trust data: lists, lists of revoked certificates and keys of issuers side by side, so that a
//! host that is slow delays nobody else. What comes is put in force as it comes; what is in force at the end, and what is
//! told of it, does not depend on who came first.

use super::App;
use super::refresh_issuers::plans;
use super::refresh_revocation::places;
use super::refresh_trust::Refreshed;
use crate::domain::trust::listed::{Held, TrustPlan, compose};
use crate::domain::trust_list::plan::ListPlan;
use futures_util::future::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use std::pin::Pin;

/// How often the sources are put together anew without news, in seconds.
const COMPOSE_SECONDS: i64 = 600;

/// Where something stands in what is told: its kind, its place in the configuration, its place below that.
type Order = (usize, usize, usize);
type Job<'a> = Pin<Box<dyn Future<Output = Done> + Send + 'a>>;

/// What became of one thing.
struct Done {
    order: Order,
    refreshed: Option<(String, Refreshed)>,
    /// The plan, if it is a configured list: others may follow from it.
    leads: Option<ListPlan>,
}

impl App {
    /// Asks for everything that is due, and puts in force what came. Returns what became of what was due, in the order of
    /// the configuration.
    pub async fn refresh_trust(&self) -> Vec<(String, Refreshed)> {
        let mut jobs: FuturesUnordered<Job<'_>> = FuturesUnordered::new();
        for (place, plan) in self.lists.plans().iter().enumerate() {
            jobs.push(self.list_job((0, place, 0), plan.clone(), true));
        }
        for (place, from) in places(self.trust_plans()).into_iter().enumerate() {
            jobs.push(Box::pin(async move {
                Done { order: (1, place, 0), refreshed: self.refresh_revocation(&from).await, leads: None }
            }));
        }
        for (place, plan) in plans(self.trust_plans()).into_iter().enumerate() {
            jobs.push(Box::pin(async move {
                Done { order: (2, place, 0), refreshed: self.refresh_issuer(plan).await, leads: None }
            }));
        }
        let (mut told, mut pending) = (Vec::new(), false);
        while let Some(first) = jobs.next().await {
            // Whatever else is there by now is put in force together with it.
            let mut news = vec![first];
            while let Some(Some(more)) = jobs.next().now_or_never() {
                news.push(more);
            }
            let mut changed = false;
            for Done { order, refreshed, leads } in news {
                changed |= matches!(refreshed, Some((_, Refreshed::Changed { .. })));
                pending |= refreshed.is_some();
                told.extend(refreshed.map(|refreshed| (order, refreshed)));
                let Some(plan) = leads else { continue };
                let children = self.lists.children(&plan, self.now());
                let names: Vec<String> = children.iter().map(|child| child.name.clone()).collect();
                self.lists.keep_only(&plan.name, &names);
                for (below, child) in (1..).zip(children) {
                    jobs.push(self.list_job((order.0, order.1, below), child, false));
                }
            }
            // What was withdrawn does not wait for what is still to come.
            if changed {
                self.put_in_force();
                pending = false;
            }
        }
        // Without news only now and then: services change their status with time. What is too old is seen when it is used.
        let now = self.now();
        let lately = self.lists.composed_at().is_some_and(|at| (0..COMPOSE_SECONDS).contains(&now.since(at)));
        if pending || (!lately && !self.lists.plans().is_empty()) {
            self.put_in_force();
        }
        told.sort_by_key(|(order, _)| *order);
        told.into_iter().map(|(_, refreshed)| refreshed).collect()
    }

    fn list_job(&self, order: Order, plan: ListPlan, leads: bool) -> Job<'_> {
        Box::pin(async move {
            let refreshed = self.refresh_if_due(&plan).await;
            Done { order, refreshed, leads: leads.then_some(plan) }
        })
    }

    /// The sources of all tenants, as configured.
    pub(super) fn trust_plans(&self) -> impl Iterator<Item = &TrustPlan> {
        self.tenants.values().flat_map(|tenant| &tenant.trust_plans)
    }

    /// Puts together the sources of all tenants from what is held, and puts them in force.
    pub(super) fn put_in_force(&self) {
        self.lists.note_composed(self.now());
        let (lists, revocations, issuers) = (self.lists.held(), self.revocations.held(), self.issuers.held());
        let held = Held { lists: &lists, revocations: &revocations, issuers: &issuers };
        for tenant in self.tenants.values().filter(|tenant| !tenant.trust_plans.is_empty()) {
            tenant.trust.replace(compose(&tenant.trust_plans, held, self.now()));
        }
    }
}
