//! PostgreSQL for the tests: started by them as an ordinary user, on a free port, in a folder that goes with them.
//!
//! One server is shared by most tests, each with a database of its own; tests that kill or stop a server have one for
//! themselves. Where Debian's `postgresql` is not installed these tests say that they are skipped, and fail with
//! `CHECK_STRICT=1`.

use pruefstein::adapters::store::conformance::KEEP;
use pruefstein::adapters::store::postgres::{Host, Options, PostgresStore, Tls};
use pruefstein::domain::jose::at_rest::SealingKey;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio_postgres::NoTls;
use zeroize::Zeroizing;

const ROLE: &str = "pruefstein";
pub(crate) const PASSWORD: &str = "only for tests";

/// A database server. It ends when this value is dropped, and also when this process dies.
pub(crate) struct Cluster {
    folder: PathBuf,
    pub(crate) port: u16,
    server: Option<Child>,
    settings: Vec<String>,
    databases: AtomicUsize,
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "what is installed here is a matter of the machine")]
    std::env::var(name).ok()
}

/// The folder of the server's programs.
fn programs() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || {
        let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
        let mut folders: Vec<(u32, PathBuf)> = versions
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
            .filter(|(_, folder)| folder.join("initdb").exists() && folder.join("postgres").exists())
            .collect();
        folders.sort();
        let debian = folders.pop().map(|(_, folder)| folder);
        let path = variable("PATH").unwrap_or_default();
        let mut on_path = path.split(':').map(PathBuf::from);
        debian.or_else(|| on_path.find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists()))
    };
    FOUND.get_or_init(find).as_deref()
}

/// A command that does not run as root, which the server refuses.
fn ordinary(program: &Path) -> Command {
    if !rustix::process::getuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", ordinary_user(), "--regid", "65534", "--clear-groups", "--"]).arg(program);
    command
}

/// `nobody` where there is one: the server needs a user with a name.
fn ordinary_user() -> &'static str {
    "65534"
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A folder for the ordinary user; its path is short, as sockets need. It goes with this process, if not before.
fn folder() -> PathBuf {
    let folder = tempfile::Builder::new().prefix("pruefstein-pg-").tempdir().unwrap().keep();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    if rustix::process::getuid().is_root() {
        std::os::unix::fs::chown(&folder, Some(65_534), Some(65_534)).unwrap();
    }
    let mut remove = Command::new("/bin/sh");
    remove.args(["-c", "cat >/dev/null; for _ in 1 2 3; do sleep 1; rm -rf \"$1\"; done", "sh"]).arg(&folder);
    // The pipe stays open until this process ends.
    std::mem::forget(remove.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    folder
}

/// The files of a fresh server, made once and copied.
fn template() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let place = folder();
        let data = place.join("data");
        let password = place.join("password");
        fs::write(&password, PASSWORD).unwrap();
        fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
        let initdb = programs().unwrap().join("initdb");
        run(ordinary(&initdb)
            .args(["--no-sync", "--data-checksums", "--no-locale", "--encoding=UTF8", "--auth-local=trust"])
            .args(["--auth-host=scram-sha-256", "-U", ROLE])
            .arg("--pwfile")
            .arg(&password)
            .arg("-D")
            .arg(&data));
        data
    })
}

impl Cluster {
    /// The server of most tests; `None` where there is none to be had.
    pub(crate) fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[])).as_ref()
    }

    /// A server of one's own; `None` where there is none to be had.
    pub(crate) fn start(settings: &[&str]) -> Option<Self> {
        Self::prepare(settings).map(|mut cluster| {
            cluster.launch();
            cluster
        })
    }

    /// A server of one's own that speaks TLS, and knows the role `certified` by a certificate.
    pub(crate) fn start_with_tls(certificate: &str, key: &str, root: &str) -> Option<Self> {
        let mut cluster = Self::prepare(&["ssl=on", "ssl_ca_file=root.crt"])?;
        let access =
            "local all all trust\nhostssl all certified,stranger all cert\nhostssl all all all scram-sha-256\n";
        for (name, text) in
            [("server.crt", certificate), ("server.key", key), ("root.crt", root), ("pg_hba.conf", access)]
        {
            let path = cluster.data().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            if rustix::process::getuid().is_root() {
                std::os::unix::fs::chown(&path, Some(65_534), Some(65_534)).unwrap();
            }
        }
        cluster.launch();
        Some(cluster)
    }

    fn prepare(settings: &[&str]) -> Option<Self> {
        if programs().is_none() {
            eprintln!("postgresql: skipped: it is not installed (Debian: apt-get install postgresql)");
            assert_ne!(variable("CHECK_STRICT").as_deref(), Some("1"), "postgresql is not installed");
            return None;
        }
        let folder = folder();
        run(Command::new("cp").arg("-a").arg(template()).arg(&folder));
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        Some(Self { folder, port: 0, server: None, settings, databases: AtomicUsize::new(0) })
    }

    /// Starts the server on these files, after a stop or a kill.
    pub(crate) fn launch(&mut self) {
        // Ends with the server, and ends the server when this process closes the pipe or dies.
        const SCRIPT: &str = "exec 3<&0; \"$@\" 3<&- & server=$!; \
            (cat <&3 >/dev/null; kill -QUIT $server) 2>/dev/null & watch=$!; wait $server; kill $watch 2>/dev/null";
        for _ in 0..40 {
            if self.port == 0 {
                self.port = free_port();
            }
            let log = fs::File::options().append(true).create(true).open(self.folder.join("log")).unwrap();
            let mut command = ordinary(Path::new("/bin/sh"));
            command.args(["-c", SCRIPT, "sh"]).arg(programs().unwrap().join("postgres"));
            command.arg("-D").arg(self.data()).arg("-k").arg(&self.folder).args(["-p", &self.port.to_string()]);
            let usual = [
                "listen_addresses=127.0.0.1",
                // A killed server loses nothing by this; only a loss of power would.
                "fsync=off",
                "max_connections=400",
                "shared_buffers=32MB",
                "autovacuum_naptime=5",
            ];
            for setting in usual.into_iter().chain(self.settings.iter().map(String::as_str)) {
                command.args(["-c", setting]);
            }
            command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
            self.server = Some(command.spawn().unwrap());
            if self.answers() {
                return;
            }
            // The port was taken meanwhile, or the server before still holds its memory.
            self.end();
            let text = fs::read_to_string(self.folder.join("log")).unwrap();
            if text.contains("Address already in use") {
                self.port = 0;
                fs::remove_file(self.folder.join("log")).unwrap();
            }
            std::thread::sleep(Duration::from_millis(250));
        }
        panic!("the server does not start: {}", fs::read_to_string(self.folder.join("log")).unwrap());
    }

    /// Waits until it takes connections; not if it has ended.
    fn answers(&mut self) -> bool {
        for _ in 0..1_200 {
            let ready = ["-q", "-h", self.folder.to_str().unwrap(), "-p", &self.port.to_string()];
            if Command::new(programs().unwrap().join("pg_isready")).args(ready).status().unwrap().success() {
                return true;
            }
            if !self.is_running() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    }

    /// The pid of the server as it says itself, if it runs.
    fn pid(&self) -> Option<rustix::process::Pid> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        rustix::process::Pid::from_raw(text.lines().next()?.parse().ok()?)
    }

    /// Whether the server has not ended yet.
    fn is_running(&mut self) -> bool {
        self.server.as_mut().is_some_and(|server| server.try_wait().unwrap().is_none())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// All files of the server.
    pub(crate) fn files(&self) -> &Path {
        &self.folder
    }

    /// Kills the server without a word; its processes notice and go.
    pub(crate) fn kill(&mut self) {
        let pid = self.pid().expect("a server runs");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        self.end();
    }

    /// Stops the server in order, cutting connections off.
    pub(crate) fn stop(&mut self) {
        let pid = self.pid().expect("a server runs");
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        for _ in 0..600 {
            if !self.is_running() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.end();
    }

    fn end(&mut self) {
        if let Some(mut server) = self.server.take() {
            drop(server.stdin.take());
            server.wait().ok();
        }
    }

    /// A fresh database.
    pub(crate) async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::SeqCst));
        self.run("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        name
    }

    /// A connection beside the stores.
    pub(crate) async fn connect(&self, database: &str) -> tokio_postgres::Client {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.folder).port(self.port).user(ROLE).dbname(database);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// Runs statements as the owner of everything.
    pub(crate) async fn run(&self, database: &str, sql: &str) {
        self.connect(database).await.batch_execute(sql).await.unwrap();
    }

    /// How a store reaches a database here, by TCP and with the password.
    pub(crate) fn options(&self, database: &str) -> Options {
        options_at(self.port, database)
    }

    /// A store on a database of its own.
    pub(crate) async fn store(&self, database: &str) -> Arc<PostgresStore> {
        Arc::new(PostgresStore::open(self.options(database)).await.unwrap())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// How a store reaches a database through a port of this machine.
pub(crate) fn options_at(port: u16, database: &str) -> Options {
    Options {
        hosts: vec![Host::Tcp { host: "127.0.0.1".to_owned(), port }],
        database: database.to_owned(),
        user: ROLE.to_owned(),
        password: Some(Zeroizing::new(PASSWORD.to_owned())),
        tls: Tls::Off,
        pool_size: 8,
        // The machine of the tests may be busy; what is tested is never that it is fast.
        connect_timeout: Duration::from_secs(20),
        acquire_timeout: Duration::from_secs(20),
        statement_timeout: Duration::from_secs(20),
        encryption_keys: vec![key(1)],
        keep_ended_seconds: KEEP,
    }
}

/// The n-th key.
pub(crate) fn key(number: u8) -> SealingKey {
    SealingKey::from_hex(&format!("{number:02x}{}", "5a".repeat(31))).unwrap()
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
