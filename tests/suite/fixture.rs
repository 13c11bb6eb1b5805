//! Throw-away certificates, keys and configuration folders for the tests of the outer rooms.

use pruefstein::config::{self, Environment, Fault, Settings};
use pruefstein::domain::time::UnixSeconds;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use std::path::{Path, PathBuf};

/// 2027-01-15T08:00:00Z: within the validity of everything made here.
pub(crate) const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

pub(crate) type Root = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.distinguished_name.push(DnType::CountryName, "DE");
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2030, 1, 1);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

pub(crate) fn root_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

pub(crate) fn root(name: &str) -> Root {
    CertifiedIssuer::self_signed(root_params(name), KeyPair::generate().unwrap()).unwrap()
}

/// A leaf and its key, for these DNS names.
pub(crate) fn leaf(root: &Root, name: &str, hosts: &[&str]) -> (rcgen::Certificate, KeyPair) {
    leaf_with(root, name, hosts, |_| ())
}

pub(crate) fn leaf_with(
    root: &Root,
    name: &str,
    hosts: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = params(name);
    params.subject_alt_names = hosts.iter().map(|host| rcgen::SanType::DnsName((*host).try_into().unwrap())).collect();
    change(&mut params);
    let certificate = params.signed_by(&key, root).unwrap();
    (certificate, key)
}

/// A folder with a sound configuration; tests break one thing each.
pub(crate) struct Folder {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) access_root: Root,
    pub(crate) issuer_root: Root,
}

/// A CA certificate with an RSA key of 1024 bits.
pub(crate) const WEAK_CA: &str = "\
-----BEGIN CERTIFICATE-----
MIICADCCAWmgAwIBAgIUWxUEu5V6VTUCGcbuk4UM7jpy7dQwDQYJKoZIhvcNAQEL
BQAwEjEQMA4GA1UEAwwHV2VhayBDQTAeFw0yNjExMjQxMjQ4MDRaFw0zNjExMjEx
MjQ4MDRaMBIxEDAOBgNVBAMMB1dlYWsgQ0EwgZ8wDQYJKoZIhvcNAQEBBQADgY0A
MIGJAoGBAOVL54d8rNHM8yDoJS/MSy4oURmW5iWhzNeSgD01q9FoAr8/tEY49tPW
fiNWiaPW3FtgDL2Whauh9aqYgUAcBEa1ZhKh2KjHZSa8YKkYzWrYiQXNP7y9PjaR
a9VFBwE+abci4XVbYNb0EztWQTa7Idcl1/DGspgQPnLUJWfcIrZRAgMBAAGjUzBR
MB0GA1UdDgQWBBRltQUBDOY/eiessnxcBAPWD/rM9jAfBgNVHSMEGDAWgBRltQUB
DOY/eiessnxcBAPWD/rM9jAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEBCwUA
A4GBABYR6WanLiuwhDA9t65tW6ulS+Q89IiRTrBc3Z0+r98+wUgzYl8aM6xpeinz
NbXbyJrSw+QhNgzQF4tvHKVC1I/O65YpDyuRGLc1HZdUZCL8wn59P4VAqRjOVwBh
J8Kk1tGv7JAv3i36LGs08VvC3Nhfz7g9CEFanB8My8snGlwN
-----END CERTIFICATE-----
";

/// The sound configuration.
pub(crate) const SOUND: &str = r#"
[service]
public_url = "https://verifier.example"
trusted_proxies = ["127.0.0.0/8"]

[store]
path = "store.sqlite3"

[tenant]
name = "Stadt Beispiel"
access_key = "access.key"
access_chain = "access.pem"
return_urls = ["https://antrag.example/weiter"]

[[tenant.caller]]
name = "antrag"
key_sha256 = "1f5a0c3f0b7d9c1e8a4b2d6e5f7081928374655647382910a1b2c3d4e5f60718"

[[trust]]
name = "pid-providers"
types = ["urn:eudi:pid:de:1"]
anchors = ["anchors"]
status_hosts = ["status.example"]
"#;

impl Folder {
    pub(crate) fn new() -> Self {
        let folder =
            Self { dir: tempfile::tempdir().unwrap(), access_root: root("Access CA"), issuer_root: root("PID CA") };
        let (certificate, key) = leaf(&folder.access_root, "Stadt Beispiel", &["verifier.example"]);
        folder.write("access.pem", &certificate.pem());
        folder.write_private("access.key", &key.serialize_pem());
        std::fs::create_dir(folder.path("anchors")).unwrap();
        folder.write("anchors/pid.pem", &folder.issuer_root.pem());
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn write_private(&self, name: &str, content: &str) {
        self.write(name, content);
        set_mode(&self.path(name), 0o600);
    }

    pub(crate) fn load(&self, text: &str) -> Result<Settings, Vec<Fault>> {
        self.load_with(text, &[])
    }

    pub(crate) fn load_with(&self, text: &str, environment: &[(&str, &str)]) -> Result<Settings, Vec<Fault>> {
        self.write("pruefstein.toml", text);
        config::load(&self.path("pruefstein.toml"), &Environment::of(environment), NOW)
    }
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
