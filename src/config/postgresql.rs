//! `[postgresql]`: the database of a service on several machines.

use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::files::Files;
use super::reader::{Complaint, Section};
use crate::domain::jose::at_rest::SealingKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

const MILLISECONDS: Kind = Kind::Integer { min: 100, max: 60_000, unit: "milliseconds" };

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "postgresql",
    occurs: Occurs::Once,
    about: "The database, for `kind = \"postgresql\"` under `[store]`. Several instances may share one. Its primary is used and \
            nothing else. Tables are made and extended at the start; the role needs the right to create them in its schema.",
    fields: &[
        field(
            "host",
            Kind::Text("host, host:port or folder of a Unix socket; several with commas between"),
            Default::Absent("needed for `postgresql`"),
            "Where the database is. Of several, the first one that takes writes is used, so that after a failover the new \
             primary is found. The port is 5432 if none is given: `db1.intern:5432,db2.intern`, `/run/postgresql`.",
        ),
        field("database", Kind::Text("name"), Default::Is("\"pruefstein\""), "The database."),
        field("user", Kind::Text("name"), Default::Is("\"pruefstein\""), "The role."),
        field(
            "password_file",
            Kind::Text("file"),
            Default::Absent("no password: a client certificate, or the user of the socket"),
            "The password of the role, alone in a file that only its owner can read.",
        ),
        field(
            "tls",
            Kind::OneOf(&["verify_full", "unencrypted_on_this_machine_only"]),
            Default::Is("\"verify_full\""),
            "`verify_full`: TLS, and the certificate of the database must be valid for its host.
             `unencrypted_on_this_machine_only` is allowed for Unix sockets and loopback addresses.",
        ),
        field(
            "ca_file",
            Kind::Text("PEM file with CA certificates"),
            Default::Absent("the roots of the operating system"),
            "Who vouches for the certificate of the database.",
        ),
        field(
            "client_certificate",
            Kind::Text("PEM file"),
            Default::Absent("the service shows none"),
            "The certificate by which the database knows the service, with intermediates.",
        ),
        field(
            "client_key",
            Kind::Text("PEM file"),
            Default::Absent("needed with `client_certificate`"),
            "The key of `client_certificate`, in a file that only its owner can read.",
        ),
        field(
            "pool_size",
            Kind::Integer { min: 1, max: 500, unit: "connections" },
            Default::Is("16"),
            "Most connections for requests. Each instance has three more: for cleaning up, for health, for listening. \
             `max_connections` of the database must cover all instances. More connections than twice its cores help little.",
        ),
        field("connect_timeout_ms", MILLISECONDS, Default::Is("2000"), "How long opening a connection may take."),
        field(
            "acquire_timeout_ms",
            MILLISECONDS,
            Default::Is("2000"),
            "How long a request waits for a free connection. Then it is refused as `overloaded`.",
        ),
        field(
            "statement_timeout_ms",
            MILLISECONDS,
            Default::Is("4000"),
            "How long a statement may take, waiting for locks included. Then it is refused as `storage_unavailable`.",
        ),
        field(
            "encryption_key_file",
            Kind::Text("file"),
            Default::Absent("needed for `postgresql`"),
            "The key under which everything about a transaction is encrypted before it goes to the database: 64 hexadecimal \
             digits, as `openssl rand -hex 32` makes them, in a file that only its owner can read. All instances need the same. \
             Whoever has a copy of the database (a backup, a discarded disk) can read nothing without it.",
        ),
        field(
            "previous_encryption_key_files",
            Kind::Texts("file"),
            Default::Absent("none"),
            "Keys of before, which decrypt only. To change the key: give the new one to all instances here first, then put it \
             into `encryption_key_file` and the old one here, and take that away when the longest retention has passed.",
        ),
    ],
};

/// Where a database listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseHost {
    /// At a name or address, and a port.
    Tcp(String, u16),
    /// At a Unix socket in this folder, with this number.
    Socket(PathBuf, u16),
}

/// How the connection is protected.
#[derive(PartialEq, Eq)]
pub enum DatabaseTls {
    /// Not at all; it does not leave this machine.
    Off,
    /// TLS with the certificate checked against the host.
    VerifyFull {
        /// Certification authorities in DER; `None` for those of the operating system.
        roots: Option<Vec<Vec<u8>>>,
        /// Our own certificates in DER with their key.
        identity: Option<(Vec<Vec<u8>>, PrivateKeyDer<'static>)>,
    },
}

impl Clone for DatabaseTls {
    fn clone(&self) -> Self {
        match self {
            Self::Off => Self::Off,
            Self::VerifyFull { roots, identity } => Self::VerifyFull {
                roots: roots.clone(),
                identity: identity.as_ref().map(|(chain, key)| (chain.clone(), key.clone_key())),
            },
        }
    }
}

impl fmt::Debug for DatabaseTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Off { "Off" } else { "VerifyFull" })
    }
}

/// `[postgresql]`, read. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseSettings {
    /// Where it is.
    pub hosts: Vec<DatabaseHost>,
    /// The database.
    pub database: String,
    /// The role.
    pub user: String,
    /// Its password.
    pub password: Option<Zeroizing<String>>,
    /// How the connection is protected.
    pub tls: DatabaseTls,
    /// Most connections for requests.
    pub pool_size: usize,
    /// How long opening a connection may take.
    pub connect_timeout: Duration,
    /// How long a request waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// The first one encrypts, all of them decrypt.
    pub encryption_keys: Vec<SealingKey>,
}

impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseSettings")
            .field("hosts", &self.hosts)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("tls", &self.tls)
            .field("pool_size", &self.pool_size)
            .field("encryption_keys", &self.encryption_keys)
            .finish_non_exhaustive()
    }
}

/// Whether the section says where a database is.
pub(super) fn is_meant(section: Section<'_>) -> bool {
    section.has("host")
}

/// Reads the section. `None` if something is wrong; what, has been noted.
pub(super) fn read(section: Section<'_>, files: Files<'_>) -> Option<DatabaseSettings> {
    let hosts = hosts(section);
    let tls = tls(section, files, hosts.as_deref());
    let password = optional(section, "password_file", |text| password(files, text));
    let keys = encryption_keys(section, files);
    let milliseconds = |name| {
        let number = section.integer(name)?;
        Some(Duration::from_millis(u64::try_from(number).ok()?))
    };
    let (connect, acquire, statement) =
        (milliseconds("connect_timeout_ms"), milliseconds("acquire_timeout_ms"), milliseconds("statement_timeout_ms"));
    let (database, user) = (section.text("database"), section.text("user"));
    let pool_size = section.integer("pool_size").and_then(|size| usize::try_from(size).ok());
    Some(DatabaseSettings {
        hosts: hosts?,
        database: database?,
        user: user?,
        password: password.ok()?,
        tls: tls?,
        pool_size: pool_size?,
        connect_timeout: connect?,
        acquire_timeout: acquire?,
        statement_timeout: statement?,
        encryption_keys: keys?,
    })
}

/// Something is wrong; what, has been noted.
struct Noted;

/// A setting that may be absent.
fn optional<T>(
    section: Section<'_>,
    name: &str,
    read: impl FnOnce(&str) -> Result<T, Complaint>,
) -> Result<Option<T>, Noted> {
    if !section.has(name) {
        return Ok(None);
    }
    read(&section.text(name).ok_or(Noted)?).map(Some).map_err(|complaint| {
        section.complain(name, complaint);
        Noted
    })
}

fn hosts(section: Section<'_>) -> Option<Vec<DatabaseHost>> {
    const REMEDY: &str = "Write host = \"db.intern:5432\", or the folder of a Unix socket, as /run/postgresql.";
    if !section.has("host") {
        section.fault("host", "is missing, and postgresql needs it", REMEDY);
        return None;
    }
    let text = section.text("host")?;
    let hosts: Option<Vec<DatabaseHost>> = text.split(',').map(host).collect();
    if hosts.is_none() {
        section.fault("host", "names something that is no host: no scheme, user, path or blank belongs there", REMEDY);
    }
    hosts
}

/// `db.intern`, `db.intern:5433`, `[::1]:5433`, `/run/postgresql`, `/run/postgresql:5433`.
fn host(text: &str) -> Option<DatabaseHost> {
    const PORT: u16 = 5432;
    let (name, port) = match text.rsplit_once(':') {
        // The last colon of an address in brackets without a port is inside of it.
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().ok().filter(|port| *port > 0)?),
        _ => (text, PORT),
    };
    if name.starts_with('/') {
        return Some(DatabaseHost::Socket(PathBuf::from(name), port));
    }
    if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<IpAddr>().ok().map(|address| DatabaseHost::Tcp(address.to_string(), port));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (!name.is_empty() && name.bytes().all(fits)).then(|| DatabaseHost::Tcp(name.to_owned(), port))
}

fn stays_here(host: &DatabaseHost) -> bool {
    match host {
        DatabaseHost::Socket(..) => true,
        DatabaseHost::Tcp(name, _) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

fn tls(section: Section<'_>, files: Files<'_>, hosts: Option<&[DatabaseHost]>) -> Option<DatabaseTls> {
    let choice = section.choice("tls")?;
    let roots = optional(section, "ca_file", |text| Files::certificates(&files.resolve(text)));
    let chain = optional(section, "client_certificate", |text| Files::certificates(&files.resolve(text)));
    let key = optional(section, "client_key", |text| private_key(files, text));
    let identity = match (chain.ok()?, key.ok()?) {
        (Some(chain), Some(key)) => Some((ders(chain), key)),
        (None, None) => None,
        (Some(_), None) => {
            section.fault("client_key", "is missing, but there is a client_certificate", "Give both or none.");
            return None;
        }
        (None, Some(_)) => {
            section.fault("client_certificate", "is missing, but there is a client_key", "Give both or none.");
            return None;
        }
    };
    let roots = roots.ok()?.map(ders);
    if choice == "verify_full" {
        let socket = hosts.is_some_and(|hosts| hosts.iter().any(|host| matches!(host, DatabaseHost::Socket(..))));
        if socket {
            section.fault(
                "tls",
                "is verify_full, but a Unix socket has no TLS",
                "Set tls = \"unencrypted_on_this_machine_only\"; it is safe for a socket.",
            );
            return None;
        }
        return Some(DatabaseTls::VerifyFull { roots, identity });
    }
    if let Some(DatabaseHost::Tcp(far, _)) = hosts.and_then(|hosts| hosts.iter().find(|host| !stays_here(host))) {
        section.fault(
            "tls",
            format!("is off, but {far} is another machine: everything would cross the network in the open"),
            "Set tls = \"verify_full\" and ca_file.",
        );
        return None;
    }
    if roots.is_some() || identity.is_some() {
        section.fault("tls", "is off, but there are certificates for it", "Set tls = \"verify_full\", or remove them.");
        return None;
    }
    Some(DatabaseTls::Off)
}

fn ders(certificates: Vec<crate::domain::x509::Certificate>) -> Vec<Vec<u8>> {
    certificates.into_iter().map(|certificate| certificate.der.to_vec()).collect()
}

fn private_key(files: Files<'_>, text: &str) -> Result<PrivateKeyDer<'static>, Complaint> {
    let path = files.resolve(text);
    let pem = Files::read_secret(&path)?;
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        Complaint::new(format!("the file {} holds no private key", path.display()), "Give the key in PEM, unencrypted.")
    })
}

fn password(files: Files<'_>, text: &str) -> Result<Zeroizing<String>, Complaint> {
    let path = files.resolve(text);
    let password = Files::read_secret(&path)?;
    let line = password.strip_suffix('\n').unwrap_or(&password);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() || line.contains(['\n', '\r', '\0']) {
        let problem = format!("the file {} does not hold one line", path.display());
        return Err(Complaint::new(problem, "Put the password alone into it."));
    }
    Ok(Zeroizing::new(line.to_owned()))
}

fn encryption_keys(section: Section<'_>, files: Files<'_>) -> Option<Vec<SealingKey>> {
    const MAKE: &str = "Make one: (umask 077; openssl rand -hex 32 > store.key)";
    let key = |text: &str| {
        let path = files.resolve(text);
        let text = Files::read_secret(&path)?;
        SealingKey::from_hex(&text).ok_or_else(|| {
            Complaint::new(format!("the file {} does not hold 64 random hexadecimal digits", path.display()), MAKE)
        })
    };
    if !section.has("encryption_key_file") {
        section.fault("encryption_key_file", "is missing, and postgresql needs it", MAKE);
    }
    let present = optional(section, "encryption_key_file", key);
    let mut previous = Vec::new();
    let mut sound = true;
    for entry in section.texts("previous_encryption_key_files") {
        match key(&entry.text) {
            Ok(key) => previous.push(key),
            Err(fault) => {
                sound = false;
                section.faults().add(entry.key, fault.problem, fault.remedy);
            }
        }
    }
    let mut keys = vec![present.ok()??];
    for key in previous {
        if keys.contains(&key) {
            section.fault("previous_encryption_key_files", "holds one key twice, or the present one", "Remove it.");
            return None;
        }
        keys.push(key);
    }
    sound.then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read() {
        let tcp = |name: &str, port| Some(DatabaseHost::Tcp(name.to_owned(), port));
        assert_eq!(host("db.intern"), tcp("db.intern", 5432));
        assert_eq!(host("db.intern:5433"), tcp("db.intern", 5433));
        assert_eq!(host("10.0.0.7:1"), tcp("10.0.0.7", 1));
        assert_eq!(host("[::1]"), tcp("::1", 5432));
        assert_eq!(host("[::1]:5433"), tcp("::1", 5433));
        assert_eq!(host("/run/postgresql"), Some(DatabaseHost::Socket("/run/postgresql".into(), 5432)));
        assert_eq!(host("/run/postgresql:5433"), Some(DatabaseHost::Socket("/run/postgresql".into(), 5433)));
        for wrong in
            ["", ":5432", "db:0", "db:65536", "db:x", "user@db", "postgresql://db", "db/x", "a b", "[x]", "::1"]
        {
            assert_eq!(host(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_this_machine_stays_here() {
        for (text, here) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("[::1]", true),
            ("/run", true),
            ("db", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(stays_here(&host(text).unwrap()), here, "{text}");
        }
    }
}
