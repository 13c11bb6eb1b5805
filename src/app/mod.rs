//! The use cases, one file per thing that somebody can ask for. They name what they need from outside in [`ports`];
//! `adapters` brings it.

pub mod check_query;
pub mod create_request;
pub mod dc_api;
pub mod examine;
pub mod expire;
pub mod failure;
pub mod fetch_request;
pub mod hosted_dc_api;
mod in_turn;
pub mod live_trust;
pub mod page;
pub mod pivots;
pub mod ports;
pub mod read_result;
pub mod receive_response;
pub mod recognise;
mod refresh_all;
pub mod refresh_issuers;
pub mod refresh_revocation;
pub mod refresh_status;
pub mod refresh_trust;
mod registered;
pub mod render;
pub mod resolve_types;
pub mod sent_query;
pub mod source_standings;
pub mod status_lists;
pub mod time_text;
pub mod tries;
pub mod verify_once;

pub use crate::domain::verify::can_verify;
pub use failure::Failure;

use crate::domain::ids::TenantId;
use crate::domain::preset::Preset;
use crate::domain::reason::{Code, Reason};
use crate::domain::registration::Registrations;
use crate::domain::request::Profile;
use crate::domain::request::client_id::ClientId;
use crate::domain::request::link::WalletScheme;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction_data::TransactionDataTypes;
use crate::domain::trust::TrustAnchors;
use crate::domain::trust::cache::ChainCache;
use crate::domain::trust::listed::TrustPlan;
use crate::domain::trust_list::plan::ListPlan;
use crate::domain::verify::{Context, Policy};
use dc_api::DcApiRules;
use in_turn::Turns;
use live_trust::LiveTrust;
use ports::{Clock, Entropy, Fetch, KeptLists, RequestSigner, TransactionStore};
use recognise::Recognised;
use refresh_issuers::IssuerStates;
use refresh_revocation::RevocationStates;
use refresh_status::StatusCache;
use refresh_trust::TrustLists;
use resolve_types::TypeCache;
use sent_query::SentQueries;
use std::collections::BTreeMap;
use std::sync::Arc;
use tries::Tries;

/// One tenant: how it presents itself to wallets, whom it trusts, and what its callers may ask.
pub struct Tenant {
    /// Its name.
    pub id: TenantId,
    /// Signs its request objects.
    pub signer: Arc<dyn RequestSigner>,
    /// How wallets are told who asks.
    pub client_id: ClientId,
    /// What its requests must be.
    pub profile: &'static Profile,
    /// How its wallets are started.
    pub scheme: WalletScheme,
    /// The exact addresses to which a person may be sent back.
    pub return_urls: Vec<String>,
    /// Whether the cross-device flow is offered, with its known risk of relay.
    pub cross_device: bool,
    /// Whether plain answers (`direct_post`, `dc_api`) may be asked for: a deviation from HAIP.
    pub plain_direct_post: bool,
    /// Which pages may ask through the browser's Digital Credentials API, and how.
    pub dc_api: DcApiRules,
    /// Whether callers may send queries of their own beside the presets.
    pub own_queries: bool,
    /// The presets that may be used, by id.
    pub presets: BTreeMap<String, Preset>,
    /// What is registered, and may therefore be asked.
    pub registrations: Registrations,
    /// Who may issue what.
    pub trust: LiveTrust,
    /// The sources that trust lists fill; empty if none does.
    pub trust_plans: Vec<TrustPlan>,
    /// What is accepted.
    pub policy: Policy,
    /// The types of transaction data that callers may send along; none, none may be (TXD-11).
    pub transaction_data: TransactionDataTypes,
    /// How long transactions and results live.
    pub lifetimes: Lifetimes,
}

/// Lives of transactions and results, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Life of a transaction unless the caller says otherwise.
    pub transaction: u32,
    /// Longest life that a caller may ask for.
    pub transaction_most: u32,
    /// Time for which a result can be read unless preset or caller say otherwise.
    pub result: u32,
    /// Longest time for which a result may be kept.
    pub result_most: u32,
    /// Time from an accepted answer on within which the person must come back or confirm.
    pub to_return: u32,
    /// Longest life of a transaction in the cross-device flow.
    pub cross_device_most: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            transaction: 300,
            transaction_most: 900,
            result: 900,
            result_most: 86_400,
            to_return: 300,
            cross_device_most: 600,
        }
    }
}

/// Everything from outside that the use cases share.
pub struct Ports {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The transactions.
    pub store: Arc<dyn TransactionStore>,
    /// Documents from other hosts.
    pub fetch: Arc<dyn Fetch>,
}

/// The service as its surfaces see it.
pub struct App {
    ports: Ports,
    public_url: String,
    tenants: BTreeMap<TenantId, Arc<Tenant>>,
    queries: BTreeMap<TenantId, SentQueries>,
    lists: TrustLists,
    revocations: RevocationStates,
    issuers: IssuerStates,
    turns: Turns,
    chains: ChainCache,
    status: StatusCache,
    types: TypeCache,
    tries: Tries,
    recognised: Recognised,
}

impl App {
    /// Puts a service together. `public_url` has no slash at its end.
    pub fn new(ports: Ports, public_url: String, tenants: Vec<Tenant>) -> Self {
        let queries = tenants.iter().map(|tenant| (tenant.id.clone(), SentQueries::of(tenant))).collect();
        let tenants = tenants.into_iter().map(|tenant| (tenant.id.clone(), Arc::new(tenant))).collect();
        Self {
            ports,
            public_url,
            tenants,
            queries,
            lists: TrustLists::default(),
            revocations: RevocationStates::default(),
            issuers: IssuerStates::default(),
            turns: Turns::default(),
            chains: ChainCache::default(),
            status: StatusCache::default(),
            types: TypeCache::default(),
            tries: Tries::default(),
            recognised: Recognised::default(),
        }
    }

    /// The same service with trust lists, and where they are kept between runs.
    #[must_use]
    pub fn with_trust_lists(self, lists: Vec<ListPlan>, kept: Arc<dyn KeptLists>) -> Self {
        Self { lists: TrustLists::new(lists, kept), ..self }
    }

    /// The doors of this service.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The address under which the public reaches this service, without a slash at its end.
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The tenants.
    pub fn tenants(&self) -> impl Iterator<Item = &Arc<Tenant>> {
        self.tenants.values()
    }

    /// The tenant of this name. A name that is not configured is a defect of the front desk.
    ///
    /// # Errors
    /// [`Code::UnknownTransaction`]: nothing is told apart from what does not exist (API-006).
    pub fn tenant(&self, id: &TenantId) -> Result<&Arc<Tenant>, Failure> {
        self.tenants.get(id).ok_or_else(|| Reason::new(Code::UnknownTransaction, "no such tenant").into())
    }

    /// Now.
    pub fn now(&self) -> UnixSeconds {
        self.ports.clock.now()
    }

    fn context<'a>(&'a self, tenant: &'a Tenant, trust: &'a TrustAnchors, now: UnixSeconds) -> Context<'a> {
        Context { trust, policy: &tenant.policy, chains: &self.chains, now }
    }

    /// The queries of a tenant's presets.
    fn queries(&self, tenant: &TenantId) -> Result<&SentQueries, Failure> {
        self.queries.get(tenant).ok_or_else(|| Reason::new(Code::UnknownTransaction, "no such tenant").into())
    }
}
