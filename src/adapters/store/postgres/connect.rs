//! Connections: where to, how protected, how long to wait, and the pool of them.

use super::fault::{self, Effect, Failed};
use super::{Host, Options, Tls};
use crate::adapters::fetch::install_crypto_provider;
use crate::app::ports::StoreError;
use deadpool_postgres::{Connect, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use deadpool_postgres::{TimeoutType, Timeouts};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

/// After so many seconds of silence the system asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// How long a transaction may hold locks without saying anything: the program between two statements has died.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(10);

/// Opens connections as the options say.
#[derive(Clone)]
pub(super) struct Dial {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    /// What every connection is told first.
    greeting: String,
    patience: Duration,
}

impl Dial {
    /// # Errors
    /// Why the options cannot be used, in words.
    pub(super) fn new(options: &Options) -> Result<Self, String> {
        let mut config = Config::new();
        for host in &options.hosts {
            match host {
                Host::Tcp { host, port } => config.host(host.as_str()).port(*port),
                Host::Socket { folder, port } => config.host_path(folder).port(*port),
            };
        }
        let answer = options.statement_timeout;
        config
            .dbname(options.database.as_str())
            .user(options.user.as_str())
            .application_name("pruefstein")
            // Only a server that takes writes is the primary (with several hosts: the first such one).
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(options.connect_timeout)
            .keepalives_idle(KEEPALIVE)
            .keepalives_interval(KEEPALIVE)
            .keepalives_retries(2)
            .tcp_user_timeout(answer.saturating_mul(2));
        if let Some(password) = &options.password {
            config.password(password.as_bytes());
        }
        let tls = match &options.tls {
            Tls::Off => {
                config.ssl_mode(SslMode::Disable);
                None
            }
            Tls::VerifyFull { roots, identity } => {
                config.ssl_mode(SslMode::Require);
                Some(MakeRustlsConnect::new(client_config(roots.as_deref(), identity.as_ref())?))
            }
        };
        // What was answered must be durable, whatever the server's default says (STO-012); stronger settings stay.
        let greeting = format!(
            "SET statement_timeout = {answer}; SET lock_timeout = {answer}; \
             SET idle_in_transaction_session_timeout = {idle}; SET client_min_messages = error; \
             SELECT set_config('synchronous_commit', 'on', false) \
             WHERE current_setting('synchronous_commit') IN ('off', 'local')",
            answer = answer.as_millis(),
            idle = IDLE_IN_TRANSACTION.as_millis(),
        );
        Ok(Self { config, tls, greeting, patience: options.connect_timeout })
    }

    /// Opens one connection. Whatever the server notifies of goes to `notifications`.
    ///
    /// # Errors
    /// Why it could not be opened, in time.
    pub(super) async fn open(
        &self,
        notifications: Option<mpsc::Sender<String>>,
    ) -> Result<(Client, JoinHandle<()>), StoreError> {
        let dialled = tokio::time::timeout(self.patience, self.dial(notifications)).await;
        match dialled {
            Ok(opened) => opened.map_err(|error| fault::of_opening(&error)),
            Err(_) => Err(StoreError::Unavailable("no connection to the database in time".to_owned())),
        }
    }

    async fn dial(
        &self,
        notifications: Option<mpsc::Sender<String>>,
    ) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let (client, task) = match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                (client, tokio::spawn(drive(connection, notifications)))
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                (client, tokio::spawn(drive(connection, notifications)))
            }
        };
        client.batch_execute(&self.greeting).await?;
        Ok((client, task))
    }

    /// A pool of at most `size` connections. None is opened yet.
    ///
    /// # Errors
    /// Why there can be none, in words.
    pub(super) fn pool(&self, size: usize, options: &Options) -> Result<Pool, String> {
        let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(self.config.clone(), self.clone(), how);
        let timeouts = Timeouts {
            wait: Some(options.acquire_timeout),
            create: Some(options.connect_timeout),
            recycle: Some(options.connect_timeout),
        };
        let pool = Pool::builder(manager).max_size(size).timeouts(timeouts).runtime(Runtime::Tokio1).build();
        pool.map_err(|error| error.to_string())
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dial").finish_non_exhaustive()
    }
}

type Opening<'a> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), tokio_postgres::Error>> + Send + 'a>>;

impl Connect for Dial {
    fn connect(&self, _: &Config) -> Opening<'_> {
        Box::pin(self.dial(None))
    }
}

/// Carries the messages of one connection until it ends.
async fn drive<S, T>(mut connection: Connection<S, T>, notifications: Option<mpsc::Sender<String>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        match (message, &notifications) {
            (Ok(AsyncMessage::Notification(bell)), Some(listener)) => {
                if listener.send(bell.payload().to_owned()).await.is_err() {
                    return;
                }
            }
            (Ok(_), _) => {}
            // Whoever waits for an answer is told; nobody else needs to know.
            (Err(_), _) => return,
        }
    }
}

/// TLS with the server's certificate checked against its name, always.
fn client_config(
    roots: Option<&[Vec<u8>]>,
    identity: Option<&(Vec<Vec<u8>>, PrivateKeyDer<'static>)>,
) -> Result<rustls::ClientConfig, String> {
    install_crypto_provider();
    let mut store = RootCertStore::empty();
    match roots {
        Some(roots) => {
            for root in roots {
                store.add(CertificateDer::from_slice(root)).map_err(|error| error.to_string())?;
            }
        }
        None => drop(store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if store.is_empty() {
        return Err("there is no certification authority for the database's certificate".to_owned());
    }
    let builder = rustls::ClientConfig::builder().with_root_certificates(store);
    match identity {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key)) => {
            let chain = chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
            builder.with_client_auth_cert(chain, key.clone_key()).map_err(|error| error.to_string())
        }
    }
}

/// A connection of the pool.
///
/// # Errors
/// Busy if all are in use for too long (STO-016); unavailable if none can be opened. Nothing was sent in either case.
pub(super) async fn acquire(pool: &Pool) -> Result<Object, Failed> {
    pool.get().await.map_err(|error| match error {
        PoolError::Timeout(TimeoutType::Wait) => Failed::before(StoreError::Busy, Effect::None),
        PoolError::Timeout(_) => {
            Failed::before(StoreError::Unavailable("no connection to the database in time".to_owned()), Effect::None)
        }
        PoolError::Backend(error) => Failed::before(fault::of_opening(&error), Effect::NoneYet),
        PoolError::Closed => Failed::before(super::closed(), Effect::None),
        PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            Failed::before(StoreError::Misuse("the pool of connections"), Effect::None)
        }
    })
}
