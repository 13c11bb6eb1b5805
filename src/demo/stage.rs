//! Everything of a demonstration on this machine: the verifier, the status host, the sample form, each on its own port.

use super::form::{self, Form};
use super::passport::{Passport, PassportError};
use super::world::{World, WorldError};
use crate::adapters::clock::SystemClock;
use crate::adapters::entropy::OsEntropy;
use crate::adapters::fetch::{FetchSetup, FetchSetupFault, HttpsFetch};
use crate::adapters::store::sqlite::{OpenError, Options, SqliteStore};
use crate::app::ports::{Clock as _, Entropy as _, EntropyFailed, TransactionStore};
use crate::app::{App, Failure, Ports};
use crate::config;
use crate::config::service::HttpLimits;
use crate::domain::dc_api::{Origin, Protocol};
use crate::domain::encoding::base64;
use crate::http::callers::Callers;
use crate::http::client_address::Gateways;
use crate::http::layers::{Guard, guarded};
use crate::http::{Front, NoObserver, Observer, listener, router};
use crate::serve::{connection_limits, open_store, refresh, request_limits, sweep};
use crate::telemetry::{logging, metrics::Metrics};
use axum::Router;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Presentations in a minute that nobody reaches on one machine.
const ANY_NUMBER: u32 = u32::MAX;

/// A running demonstration. It ends when it is dropped.
pub struct Stage {
    /// The address of the verifier.
    pub verifier: String,
    /// The address of the sample form.
    pub form: String,
    /// The world.
    pub world: World,
    /// The file that lets `wallet answer` take part.
    pub passport: PathBuf,
    servers: Vec<JoinHandle<()>>,
}

/// Why a demonstration does not start.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// No port.
    #[error("no port on this machine: {0}")]
    Port(#[from] std::io::Error),
    /// No world.
    #[error(transparent)]
    World(#[from] WorldError),
    /// No store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// No store as the file says.
    #[error("store.toml: {0}")]
    NamedStore(String),
    /// No client.
    #[error(transparent)]
    Fetch(#[from] FetchSetupFault),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
    /// No file.
    #[error(transparent)]
    Passport(#[from] PassportError),
    /// The service failed.
    #[error(transparent)]
    Service(#[from] Failure),
}

/// The ports that are tried first: verifier, form, status host.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// The verifier's port; 0: any.
    pub verifier: u16,
    /// The form's port; 0: any.
    pub form: u16,
    /// The status host's port; 0: any.
    pub status_host: u16,
}

impl Stage {
    /// Starts everything, with its files in `folder`, which must exist.
    ///
    /// # Errors
    /// [`StageError`]
    pub async fn start(folder: &Path, wanted: Wanted, observer: Arc<dyn Observer>) -> Result<Self, StageError> {
        let (verifier_port, verifier) = listen(wanted.verifier).await?;
        let (form_port, form) = listen(wanted.form).await?;
        let (status_port, status_base) = listen(wanted.status_host).await?;
        let now = SystemClock.now();
        let mut seed = [0; 32];
        OsEntropy.fill(&mut seed)?;
        let passport = Passport {
            seed: base64::encode_url(&seed),
            made_at: now,
            verifier_host: "127.0.0.1".to_owned(),
            status_base: status_base.clone(),
        };
        passport.write_to(folder)?;
        let world = World::new(seed, now, &passport.verifier_host, &status_base)?;
        let store = store(folder).await?;
        let ports = Ports {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            store,
            fetch: Arc::new(HttpsFetch::new(&FetchSetup::default())?),
        };
        let mut tenant = world.tenant(vec![form::return_url(&form)])?;
        // The page asks through the browser, too, where the browser can.
        tenant.dc_api.hosted = Some(Origin::parse(&verifier).map_err(WorldError::from)?);
        tenant.dc_api.protocols = vec![Protocol::Signed];
        tenant.registrations = world.registrations(&tenant.trust.current(), now)?;
        let callers = Callers::AnyoneOnThisMachine(tenant.id.clone());
        let app = Arc::new(App::new(ports, verifier.clone(), vec![tenant]));
        let limits = HttpLimits::default();
        let front = Front::new(Arc::clone(&app), callers, observer).with_creations(ANY_NUMBER);
        let guard = Guard::new(
            verifier.trim_start_matches("http://"),
            vec![verifier.replace("http://127.0.0.1", "localhost")],
            request_limits(limits),
            // Everybody here has the same address: whoever tries things out, and whoever measures.
            Gateways::Unknown,
            Arc::new(OsEntropy),
            Arc::new(Metrics::new()),
        );
        let sample = Form::new(&form, &verifier, Arc::clone(&world.authority), &status_base);
        let status_host = Arc::clone(&world.status_host).router(|| SystemClock.now());
        let servers = vec![
            serve(verifier_port, guarded(router(front), Arc::new(guard)), limits),
            serve(form_port, sample.router(), limits),
            serve(status_port, status_host, limits),
            tokio::spawn(sweep(Arc::clone(&app), std::future::pending())),
            tokio::spawn(refresh(app, std::future::pending())),
        ];
        let passport = folder.join(super::passport::FILE_NAME);
        Ok(Self { verifier, form, world, passport, servers })
    }

    /// Starts everything on any ports, without an observer.
    ///
    /// # Errors
    /// As [`Stage::start`].
    pub async fn anywhere(folder: &Path) -> Result<Self, StageError> {
        Self::start(folder, Wanted::default(), Arc::new(NoObserver)).await
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

/// The store of the demonstration: a file in its folder, or where a `store.toml` there says.
async fn store(folder: &Path) -> Result<Arc<dyn TransactionStore>, StageError> {
    let named = folder.join("store.toml");
    if !named.exists() {
        return Ok(Arc::new(SqliteStore::open(&folder.join("demo.sqlite"), &Options::default())?));
    }
    let settings = config::load_store(&named).map_err(|faults| {
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        StageError::NamedStore(texts.join("; "))
    })?;
    open_store(&settings).await.map_err(|fault| StageError::NamedStore(fault.to_string()))
}

/// Lets warnings and errors of the demonstration reach the terminal.
pub fn log_warnings() {
    // If there is a log already, it serves.
    logging::set_up("warn", false).ok();
}

/// A listener on this port, or on any if it is taken.
async fn listen(port: u16) -> Result<(TcpListener, String), std::io::Error> {
    let at = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = match TcpListener::bind(at(port)).await {
        Ok(listener) => listener,
        Err(_) if port != 0 => TcpListener::bind(at(0)).await?,
        Err(error) => return Err(error),
    };
    let address = format!("http://{}", listener.local_addr()?);
    Ok((listener, address))
}

/// Serves with the deadlines and limits of the service.
fn serve(listener: TcpListener, router: Router, limits: HttpLimits) -> JoinHandle<()> {
    let limits = connection_limits(limits);
    tokio::spawn(listener::serve(listener, router, limits, Arc::new(Metrics::new()), std::future::pending()))
}
