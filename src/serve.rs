//! The composition: builds adapters, use cases and routes from the settings, and runs them. The only place that knows all
//! of them.

use crate::adapters::clock::SystemClock;
use crate::adapters::entropy::OsEntropy;
use crate::adapters::fetch::{FetchSetup, FetchSetupFault, HttpsFetch};
use crate::adapters::kept::{KeptFolder, KeptInMemory};
use crate::adapters::keys::KeySigner;
use crate::adapters::store::KEEP_ENDED_SECONDS;
use crate::adapters::store::memory::MemoryStore;
use crate::adapters::store::postgres::{self, PostgresStore};
use crate::adapters::store::sqlite::{OpenError, Options, SqliteStore};
use crate::app::dc_api::DcApiRules;
use crate::app::ports::{Clock as _, Entropy, KeptLists, TransactionStore};
use crate::app::refresh_status::{Prefetch, StatusRefreshed};
use crate::app::refresh_trust::Refreshed;
use crate::app::status_lists::StatusStanding;
use crate::app::{App, Lifetimes, Ports, Tenant};
use crate::config::outgoing::OutgoingSettings;
use crate::config::postgresql::{DatabaseHost, DatabaseSettings, DatabaseTls};
use crate::config::service::{ClientAddressHeader, HttpLimits, ServiceSettings};
use crate::config::store::StoreSettings;
use crate::config::tenant::{CrossDevice, TenantSettings};
use crate::config::{self, Environment, Fault, Settings};
use crate::domain::dc_api::Origin;
use crate::domain::reason::{Code, Reason};
use crate::http::callers::{CallerKey, Callers};
use crate::http::client_address::{AddressHeader, Gateways};
use crate::http::layers::{Guard, RequestLimits, guarded};
use crate::http::listener::{self, ConnectionLimits};
use crate::http::ops::{self, MetricsObserver, Operations};
use crate::http::pace::Patience;
use crate::http::{Front, router};
use crate::telemetry::{logging, metrics::Metrics};
use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

/// How often what is due expires and is erased.
const SWEEP: Duration = Duration::from_secs(5);
/// How often it is looked what is due to be asked for.
const REFRESH: Duration = Duration::from_secs(10);
/// How long a client may not take what is written to it.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// Connections that the system keeps until they are accepted: enough for a sudden crowd.
const BACKLOG: u32 = 4096;
/// File descriptors that are not for connections: the store, outgoing requests, the log.
const OTHER_FILES: usize = 64;

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeFault {
    /// The configuration is refused.
    #[error("the configuration is refused")]
    Configuration(Vec<Fault>),
    /// The store cannot be opened.
    #[error("{0}")]
    Store(#[from] OpenError),
    /// The database cannot be used.
    #[error("{0}")]
    Database(#[from] postgres::OpenError),
    /// Key and certificate do not fit each other.
    #[error("{0}")]
    Signer(#[from] Reason),
    /// Outgoing requests are not possible.
    #[error("{0}")]
    Outgoing(#[from] FetchSetupFault),
    /// An address cannot be listened on.
    #[error("{address} cannot be listened on: {cause}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        cause: io::Error,
    },
    /// The process cannot do what every process can.
    #[error("the process cannot start: {0}")]
    Process(io::Error),
}

impl ServeFault {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Configuration(_) | Self::Signer(_) => Code::ConfigRefused,
            Self::Store(error) => error.code(),
            Self::Database(error) => error.code(),
            Self::Outgoing(_) | Self::Listen { .. } | Self::Process(_) => Code::NotReady,
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Outgoing(_) => "Install the root certificates of the operating system, or set outgoing.extra_roots.",
            Self::Listen { .. } => "See whether another program listens there, or change service.listen.",
            Self::Process(_) => "Look at the limits of this process.",
            Self::Store(OpenError::Locked) => "Stop the other process, or give this one a store of its own.",
            other => other.code().hint(),
        }
    }
}

/// Reads the configuration and runs the service until the process is told to stop.
///
/// # Errors
/// [`ServeFault`] if it does not come to run.
pub fn run(file: &Path, environment: &Environment) -> Result<(), ServeFault> {
    let settings = config::load(file, environment, SystemClock.now()).map_err(ServeFault::Configuration)?;
    // Tests run several services in one process; the first log serves them all.
    logging::set_up(settings.log.level, settings.log.json).ok();
    for note in &settings.notes {
        tracing::warn!(key = note.key, "{}", note.text);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeFault::Process)?;
    runtime.block_on(async {
        let store = open_store(&settings.store).await?;
        let stop = stop_signal()?;
        run_until(&settings, store, stop).await
    })
}

/// Runs the service on its listeners until `stop` is done, then ends gracefully and closes the store.
///
/// # Errors
/// [`ServeFault`] if it does not come to run.
pub async fn run_until(
    settings: &Settings,
    store: Arc<dyn TransactionStore>,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeFault> {
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let metrics = Arc::new(Metrics::new());
    let app = Arc::new(build_app(settings, Arc::clone(&store), Arc::clone(&entropy))?);
    for (list, reason) in app.load_kept_lists().await {
        tracing::warn!(list, code = reason.code.as_str(), detail = %reason.detail, "a kept trust list is not used");
    }
    let front =
        Front::new(Arc::clone(&app), callers(&settings.tenant), Arc::new(MetricsObserver(Arc::clone(&metrics))))
            .with_creations(settings.service.limits.caller_creations_per_minute);
    let service = &settings.service;
    let guard = Guard::new(
        service.public_url.authority(),
        service.caller_hosts.clone(),
        request_limits(service.limits),
        gateways(service),
        entropy,
        Arc::clone(&metrics),
    );
    let routes = guarded(router(front), Arc::new(guard));
    let unnamed = service.has_unnamed_gateway().then(|| format!("service.trusted_proxies {}", config::UNNAMED_GATEWAY));
    let operations = Arc::new(Operations::new(Arc::clone(&app), Arc::clone(&metrics)).with_notes(unnamed));
    let limits = connection_limits(service.limits);
    let public = listen(service.listen)?;
    let inside = listen(service.operations_listen)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        public_url = service.public_url.origin(),
        listen = %service.listen,
        operations = %service.operations_listen,
        trust = crate::domain::encoding::base64::encode_url(settings.tenant.trust.digest()),
        "the service runs"
    );

    let (ending, ended) = watch::channel(false);
    let (over, is_over) = watch::channel(false);
    let told = |mut ended: watch::Receiver<bool>| async move {
        // An error says that the sender is gone, which is an end, too.
        ended.wait_for(|ended| *ended).await.ok();
    };
    let public = listener::serve(public, routes, limits, metrics, told(ended.clone()));
    // The operations listener ends last, so that operators see the service end.
    let few = ConnectionLimits { connections: 64, ..limits };
    let inside = tokio::spawn(listener::serve(
        inside,
        ops::router(Arc::clone(&operations)),
        few,
        Arc::new(Metrics::new()),
        told(is_over),
    ));
    let sweeper = tokio::spawn(sweep(Arc::clone(&app), told(ended.clone())));
    let refresher = tokio::spawn(refresh(Arc::clone(&app), told(ended.clone())));
    // On its own, so that many slow hosts of status lists never hold up a trust list.
    let warmer = tokio::spawn(keep_warm(Arc::clone(&app), told(ended)));
    let stopped = async {
        stop.await;
        tracing::info!("the service is told to stop");
        operations.begin_to_stop();
        ending.send_replace(true);
    };
    tokio::join!(public, stopped);
    over.send_replace(true);
    for task in [inside, sweeper, refresher, warmer] {
        if task.await.is_err() {
            tracing::error!("a task of the service ended by a panic");
        }
    }
    if let Err(error) = store.close().await {
        tracing::error!(%error, code = error.code().as_str(), "the store was not closed cleanly");
    }
    tracing::info!("the service has ended");
    Ok(())
}

/// How the outside is reached, as set.
pub(crate) fn fetch_setup(settings: &OutgoingSettings) -> FetchSetup {
    FetchSetup {
        proxy: settings.proxy.clone(),
        proxy_for: settings.proxy_for.clone(),
        extra_roots: settings.extra_roots.clone(),
    }
}

fn build_app(
    settings: &Settings,
    store: Arc<dyn TransactionStore>,
    entropy: Arc<dyn Entropy>,
) -> Result<App, ServeFault> {
    let setup = fetch_setup(&settings.outgoing);
    let kept: Arc<dyn KeptLists> = match &settings.trust_folder {
        Some(folder) => Arc::new(KeptFolder::new(folder.clone())),
        None => Arc::new(KeptInMemory::default()),
    };
    let ports = Ports { clock: Arc::new(SystemClock), entropy, store, fetch: Arc::new(HttpsFetch::new(&setup)?) };
    let public_url = &settings.service.public_url;
    let tenant = build_tenant(&settings.tenant, public_url.origin())?;
    let app = App::new(ports, public_url.origin().to_owned(), vec![tenant]);
    let prefetch = settings.tenant.trust_plans.iter().flat_map(|plan| {
        let of = |address: &String| Prefetch { source: plan.source.name.clone(), address: address.clone() };
        plan.status_prefetch.iter().map(of)
    });
    Ok(app.with_trust_lists(settings.trust_lists.clone(), kept).with_status_prefetch(prefetch.collect()))
}

fn build_tenant(settings: &TenantSettings, public_origin: &str) -> Result<Tenant, ServeFault> {
    let hosted = if settings.hosted_dc_api { Some(Origin::parse(public_origin)?) } else { None };
    let access = &settings.access;
    let signer = KeySigner::new(access.key.clone(), &access.chain)?;
    let presets = settings.presets.iter().map(|preset| (preset.id.clone(), preset.clone()));
    Ok(Tenant {
        id: settings.id.clone(),
        signer: Arc::new(signer),
        client_id: settings.client_id.clone(),
        profile: settings.profile,
        registrations: settings.registrations.clone(),
        scheme: settings.scheme.clone(),
        return_urls: settings.return_urls.clone(),
        cross_device: settings.cross_device == CrossDevice::OnRelayRiskAccepted,
        plain_direct_post: settings.plain_direct_post,
        dc_api: DcApiRules { origins: settings.origins.clone(), hosted, protocols: settings.dc_api_protocols.clone() },
        own_queries: settings.allow_dcql,
        presets: presets.collect(),
        trust: settings.trust.clone().into(),
        trust_plans: settings.trust_plans.clone(),
        policy: settings.policy.clone(),
        transaction_data: settings.transaction_data.clone(),
        lifetimes: Lifetimes {
            transaction: settings.transaction_seconds,
            transaction_most: settings.transaction_seconds_max,
            result: settings.result_seconds,
            result_most: settings.result_seconds_max,
            to_return: settings.return_seconds,
            cross_device_most: settings.cross_device_seconds_max,
        },
    })
}

/// Who may call: the keys, or everybody on this machine; the configuration sees to it that the listener is bound to it.
fn callers(tenant: &TenantSettings) -> Callers {
    if tenant.callers.is_empty() {
        return Callers::AnyoneOnThisMachine(tenant.id.clone());
    }
    let key = |caller: &config::tenant::Caller| CallerKey {
        name: caller.name.clone(),
        tenant: tenant.id.clone(),
        sha256: caller.key_sha256,
    };
    Callers::Keys(tenant.callers.iter().map(key).collect())
}

/// The limits of requests, as set.
pub(crate) fn request_limits(limits: HttpLimits) -> RequestLimits {
    RequestLimits {
        caller_body_bytes: limits.max_caller_body_bytes,
        wallet_body_bytes: limits.max_wallet_body_bytes,
        header_bytes: limits.max_header_bytes,
        uri_bytes: limits.max_uri_bytes,
        body_deadline: limits.body_deadline,
        request_deadline: limits.request_deadline,
        in_flight: limits.max_in_flight,
        client_requests_per_minute: limits.client_requests_per_minute,
        client_misses_per_minute: limits.client_misses_per_minute,
    }
}

fn gateways(service: &ServiceSettings) -> Gateways {
    if service.has_unnamed_gateway() {
        return Gateways::Unknown;
    }
    if service.trusted_proxies.is_empty() {
        return Gateways::None;
    }
    let header = match service.client_address_header {
        ClientAddressHeader::Forwarded => AddressHeader::Forwarded,
        ClientAddressHeader::XForwardedFor => AddressHeader::XForwardedFor,
    };
    Gateways::Known { networks: service.trusted_proxies.clone(), header }
}

/// The limits of connections, as set, and as far as this process may open files.
pub(crate) fn connection_limits(limits: HttpLimits) -> ConnectionLimits {
    let connections = match open_files(limits.max_connections.saturating_add(OTHER_FILES)) {
        Some(files) if files.saturating_sub(OTHER_FILES) < limits.max_connections => {
            let connections = files.saturating_sub(OTHER_FILES).max(1);
            tracing::warn!(connections, files, "fewer connections than configured: this process may open few files");
            connections
        }
        _ => limits.max_connections,
    };
    ConnectionLimits {
        connections,
        header_bytes: limits.max_header_bytes,
        patience: Patience { header: limits.header_deadline, idle: limits.idle, write: WRITE_PATIENCE },
        shutdown: limits.shutdown,
    }
}

/// How many files this process may have open, after asking for `wanted`. Usual limits are far below what the system would
/// allow, and slow clients alone could use them up (HTT-001). `None` for no limit.
#[cfg(unix)]
fn open_files(wanted: usize) -> Option<usize> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    let within = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let mut current = limit.current;
    if current.is_some_and(|current| current < within) {
        let raised = Rlimit { current: Some(within), maximum: limit.maximum };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => current = Some(within),
            Err(error) => tracing::warn!(%error, "the limit of open files could not be raised"),
        }
    }
    current.map(|current| usize::try_from(current).unwrap_or(usize::MAX))
}

/// How many files this process may have open; not known here.
#[cfg(not(unix))]
fn open_files(_: usize) -> Option<usize> {
    None
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeFault> {
    let listening = || -> io::Result<TcpListener> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A restart must not wait for connections of the process before.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listening().map_err(|cause| ServeFault::Listen { address, cause })
}

/// Opens the store, as set. Nothing else runs yet that reading a large file could hold up.
///
/// # Errors
/// [`ServeFault`]
pub async fn open_store(settings: &StoreSettings) -> Result<Arc<dyn TransactionStore>, ServeFault> {
    Ok(match settings {
        StoreSettings::MemoryOnlyLostAtRestart => Arc::new(MemoryStore::new(KEEP_ENDED_SECONDS)),
        StoreSettings::Sqlite { path } => Arc::new(SqliteStore::open(path, &Options::default())?),
        StoreSettings::Postgresql(database) => Arc::new(PostgresStore::open(database_options(database)).await?),
    })
}

/// How the database is reached, as set.
pub fn database_options(settings: &DatabaseSettings) -> postgres::Options {
    let host = |host: &DatabaseHost| match host.clone() {
        DatabaseHost::Tcp(host, port) => postgres::Host::Tcp { host, port },
        DatabaseHost::Socket(folder, port) => postgres::Host::Socket { folder, port },
    };
    postgres::Options {
        hosts: settings.hosts.iter().map(host).collect(),
        database: settings.database.clone(),
        user: settings.user.clone(),
        password: settings.password.clone(),
        tls: match settings.tls.clone() {
            DatabaseTls::Off => postgres::Tls::Off,
            DatabaseTls::VerifyFull { roots, identity } => postgres::Tls::VerifyFull { roots, identity },
        },
        pool_size: settings.pool_size,
        connect_timeout: settings.connect_timeout,
        acquire_timeout: settings.acquire_timeout,
        statement_timeout: settings.statement_timeout,
        encryption_keys: settings.encryption_keys.clone(),
        keep_ended_seconds: KEEP_ENDED_SECONDS,
    }
}

/// Background work until the end.
pub(crate) async fn sweep(app: Arc<App>, end: impl Future<Output = ()>) {
    let mut end = std::pin::pin!(end);
    let mut ticks = tokio::time::interval(SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut end => return,
            _ = ticks.tick() => {}
        }
        match app.expire().await {
            Ok(swept) if swept.total() > 0 => {
                tracing::info!(expired = swept.expired, erased = swept.erased, removed = swept.removed, "swept");
            }
            Ok(_) => {}
            Err(failure) => {
                let code = failure.code().as_str();
                tracing::warn!(code, cause = failure.cause.as_deref(), "what is due could not be erased; again soon");
            }
        }
    }
}

/// Asks for trust lists when they are due, until the end.
pub(crate) async fn refresh(app: Arc<App>, end: impl Future<Output = ()>) {
    let mut end = std::pin::pin!(end);
    let mut ticks = tokio::time::interval(REFRESH);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = &mut end => return,
            _ = ticks.tick() => {}
        }
        // A slow host must not hold up the end of the service.
        tokio::select! {
            () = &mut end => return,
            done = app.refresh_trust() => done.into_iter().for_each(|(list, refreshed)| tell(&list, refreshed)),
        }
    }
}

fn tell(list: &str, refreshed: Refreshed) {
    match refreshed {
        Refreshed::Changed { sequence } => tracing::info!(list, sequence, "new trust data is in force"),
        Refreshed::Confirmed => tracing::debug!(list, "trust data was confirmed"),
        Refreshed::Failed(reason) => tracing::warn!(
            list,
            code = reason.code.as_str(),
            detail = %reason.detail,
            "trust data could not be refreshed; what was held before stays in use until its time"
        ),
    }
}

/// Fetches status lists ahead of need, until the end. Neither addresses nor numbers of entries go to the log.
async fn keep_warm(app: Arc<App>, end: impl Future<Output = ()>) {
    let mut end = std::pin::pin!(end);
    let mut ticks = tokio::time::interval(REFRESH);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut suspected = BTreeSet::new();
    loop {
        tokio::select! {
            () = &mut end => return,
            _ = ticks.tick() => {}
        }
        let done = tokio::select! {
            () = &mut end => return,
            done = app.refresh_status() => done,
        };
        for StatusRefreshed { source, result } in done {
            match result {
                Ok(()) => tracing::debug!(source, "a status list was fetched ahead of need"),
                Err(reason) => tracing::warn!(
                    source,
                    code = reason.code.as_str(),
                    detail = %reason.detail,
                    "a status list could not be fetched ahead of need; what is held stays in use until its end"
                ),
            }
        }
        for standing in app.status_standings().into_iter().filter(StatusStanding::may_track) {
            if suspected.insert(standing.source.clone()) {
                tracing::warn!(
                    source = standing.source,
                    lists = standing.lists,
                    tiny = standing.tiny,
                    "this source has many status lists with few entries: their host can see who is verified"
                );
            }
        }
    }
}

/// Done when the process is told to stop.
#[cfg(unix)]
fn stop_signal() -> Result<impl Future<Output = ()>, ServeFault> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeFault::Process)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeFault::Process)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Done when the process is told to stop.
#[cfg(not(unix))]
fn stop_signal() -> Result<impl Future<Output = ()>, ServeFault> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
