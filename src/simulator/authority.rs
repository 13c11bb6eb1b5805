//! The throw-away test authority: roots, issuers, status signers and an access certificate, all from one seed.

use super::SimulatorError;
use super::certificates::{Entity, Role, Template, start_of_day};
use super::seed::Seed;
use crate::domain::encoding::base64;
use crate::domain::jose::hash::sha256;
use crate::domain::jose::keys::{P384SigningKey, SigningKey};
use crate::domain::time::UnixSeconds;
use std::fs;
use std::io::Write as _;
use std::path::Path;

/// The credential type of the German PID.
pub const PID_DE_TYPE: &str = "urn:eudi:pid:de:1";
/// The credential type of the PID that all member states share.
pub const PID_EU_TYPE: &str = "urn:eudi:pid:1";
/// The credential type of the municipal pass, a placeholder until a real one is published.
pub const PASS_TYPE: &str = "urn:example:kommune:sozialpass:1";
/// The type of transaction data that holders of the pass confirm: the approval of a form.
pub const APPROVAL_TYPE: &str = "urn:example:kommune:freigabe:1";

/// The issuers of the test authority. Each has a root of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IssuerName {
    /// The PID provider of Germany.
    PidGermany,
    /// The PID provider of another member state (France).
    PidForeign,
    /// The town that issues social passes.
    Municipality,
}

impl IssuerName {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PidGermany, Self::PidForeign, Self::Municipality];

    /// The URI in the certificate of the issuer, and the `iss` of its credentials.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::PidGermany => "https://pid-issuer.pruefstein.example",
            Self::PidForeign => "https://pid-issuer.etranger.example",
            Self::Municipality => "https://sozialpass.pruefstein.example",
        }
    }

    pub(super) const fn country(self) -> &'static str {
        match self {
            Self::PidGermany | Self::Municipality => "DE",
            Self::PidForeign => "FR",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::PidGermany => "PID DE",
            Self::PidForeign => "PID FR",
            Self::Municipality => "Sozialpass",
        }
    }

    pub(super) fn host(self) -> String {
        self.uri().trim_start_matches("https://").to_owned()
    }
}

/// A key of a signer of tokens.
#[derive(Clone, Debug)]
pub enum SignerKey {
    /// For ES256.
    P256(SigningKey),
    /// For ES384; its signatures differ each time.
    P384(P384SigningKey),
}

impl SignerKey {
    /// The JOSE name of the algorithm that fits the key.
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::P256(_) => "ES256",
            Self::P384(_) => "ES384",
        }
    }

    /// Signs `message` as JOSE wants it: R, then S.
    ///
    /// # Errors
    /// [`SimulatorError::Key`] if the library has no randomness (P-384 only).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SimulatorError> {
        match self {
            Self::P256(key) => Ok(key.sign_deterministic(message)),
            Self::P384(key) => Ok(key.sign(message)?),
        }
    }
}

/// A signer of tokens: its key, and the chain that goes into `x5c`.
#[derive(Clone, Debug)]
pub struct SigningIdentity {
    /// The private key of the leaf.
    pub key: SignerKey,
    /// DER, leaf first, without the anchor, unless a fault puts it there.
    pub chain: Vec<Vec<u8>>,
}

impl SigningIdentity {
    /// The value of `x5c`: standard base64 of each certificate.
    pub fn x5c(&self) -> Vec<String> {
        self.chain.iter().map(|der| base64::encode_standard(der)).collect()
    }

    /// The `client_id` with the prefix `x509_hash` that belongs to the leaf (OVP-CID-02).
    pub fn x509_hash_client_id(&self) -> String {
        let leaf = self.chain.first().map(Vec::as_slice).unwrap_or_default();
        format!("x509_hash:{}", base64::encode_url(&sha256(leaf)))
    }
}

/// A root, an intermediate and the leaf below it.
#[derive(Clone)]
pub(super) struct Branch {
    pub(super) root: Entity,
    pub(super) intermediate: Entity,
    pub(super) leaf: Entity,
}

impl Branch {
    pub(super) fn identity(&self) -> SigningIdentity {
        SigningIdentity {
            key: SignerKey::P256(self.leaf.key.clone()),
            chain: vec![self.leaf.der.clone(), self.intermediate.der.clone()],
        }
    }
}

/// The whole authority. Same seed and same day: same bytes.
pub struct TestAuthority {
    pub(super) seed: Seed,
    pub(super) day: UnixSeconds,
    pub(super) issuers: [Branch; 3],
    pub(super) status: [Branch; 3],
    pub(super) access: Branch,
    pub(super) registrar: Branch,
}

impl TestAuthority {
    /// Makes everything for the day of `now`. The access certificate names the host `localhost`.
    ///
    /// # Errors
    /// [`SimulatorError::Key`] for the rare seed that gives no key.
    pub fn from_seed(seed: [u8; 32], now: UnixSeconds) -> Result<Self, SimulatorError> {
        Self::for_host(seed, now, "localhost")
    }

    /// Makes everything for the day of `now`, with an access certificate for `host`, a DNS name or an IP address.
    ///
    /// # Errors
    /// As [`Self::from_seed`], and [`SimulatorError::Certificate`] if `host` cannot stand in a certificate.
    pub fn for_host(seed: [u8; 32], now: UnixSeconds, host: &str) -> Result<Self, SimulatorError> {
        let seed = Seed::new(seed);
        let day = start_of_day(now);
        let maker = Maker { seed, day };
        Ok(Self {
            seed,
            day,
            issuers: [
                maker.issuer(IssuerName::PidGermany)?,
                maker.issuer(IssuerName::PidForeign)?,
                maker.issuer(IssuerName::Municipality)?,
            ],
            status: [
                maker.status(IssuerName::PidGermany)?,
                maker.status(IssuerName::PidForeign)?,
                maker.status(IssuerName::Municipality)?,
            ],
            access: maker.access(host)?,
            registrar: maker.registrar()?,
        })
    }

    /// The day for which the certificates were made: its start, UTC.
    pub const fn day(&self) -> UnixSeconds {
        self.day
    }

    /// The source of all further keys and salts.
    pub const fn seed(&self) -> &Seed {
        &self.seed
    }

    pub(super) const fn branch(&self, name: IssuerName) -> &Branch {
        let [germany, foreign, municipality] = &self.issuers;
        match name {
            IssuerName::PidGermany => germany,
            IssuerName::PidForeign => foreign,
            IssuerName::Municipality => municipality,
        }
    }

    pub(super) const fn status_branch(&self, name: IssuerName) -> &Branch {
        let [germany, foreign, municipality] = &self.status;
        match name {
            IssuerName::PidGermany => germany,
            IssuerName::PidForeign => foreign,
            IssuerName::Municipality => municipality,
        }
    }

    /// The signer of the credentials of this issuer.
    pub fn issuer(&self, name: IssuerName) -> SigningIdentity {
        self.branch(name).identity()
    }

    /// The signer of the status lists of this issuer: another CA than that of the credentials, as in Germany.
    pub fn status_signer(&self, name: IssuerName) -> SigningIdentity {
        self.status_branch(name).identity()
    }

    /// The verifier's access certificate and its key.
    pub fn access(&self) -> SigningIdentity {
        self.access.identity()
    }

    /// The key of the access certificate.
    pub const fn access_key(&self) -> &SigningKey {
        &self.access.leaf.key
    }

    /// The anchor (DER) for credentials of this issuer.
    pub fn issuer_root(&self, name: IssuerName) -> &[u8] {
        &self.branch(name).root.der
    }

    /// The anchor (DER) for status lists of this issuer.
    pub fn status_root(&self, name: IssuerName) -> &[u8] {
        &self.status_branch(name).root.der
    }

    /// The only anchor (DER) for access certificates that the simulated wallet knows.
    pub fn access_root(&self) -> &[u8] {
        &self.access.root.der
    }

    /// The files that a configuration names, and their contents in PEM.
    ///
    /// `pid-root.pem`, `pid-foreign-root.pem`, `sozialpass-root.pem`: anchors of the issuers. `status-root.pem`,
    /// `status-foreign-root.pem`, `status-sozialpass-root.pem`: anchors of their status lists. `access.pem`: leaf and
    /// intermediate for `x5c`, without anchor. `access.key`: its private key. `access-root.pem`: what the wallet trusts.
    /// `registrar-root.pem`: the anchor of registration certificates.
    ///
    /// # Errors
    /// [`SimulatorError::Key`] if the key cannot be encoded.
    pub fn files(&self) -> Result<Vec<(&'static str, String)>, SimulatorError> {
        let access = self.access();
        let key = self.access_key().to_pem()?;
        Ok(vec![
            ("pid-root.pem", pem(self.issuer_root(IssuerName::PidGermany))),
            ("pid-foreign-root.pem", pem(self.issuer_root(IssuerName::PidForeign))),
            ("sozialpass-root.pem", pem(self.issuer_root(IssuerName::Municipality))),
            ("status-root.pem", pem(self.status_root(IssuerName::PidGermany))),
            ("status-foreign-root.pem", pem(self.status_root(IssuerName::PidForeign))),
            ("status-sozialpass-root.pem", pem(self.status_root(IssuerName::Municipality))),
            ("access-root.pem", pem(self.access_root())),
            ("registrar-root.pem", pem(self.registrar_root())),
            ("access.pem", access.chain.iter().map(|der| pem(der)).collect()),
            ("access.key", key.to_string()),
        ])
    }

    /// Writes [`Self::files`] into `directory`, which must exist; the key is readable for its owner only.
    ///
    /// # Errors
    /// [`SimulatorError::File`] if a file cannot be written.
    pub fn write_to(&self, directory: &Path) -> Result<(), SimulatorError> {
        for (name, text) in self.files()? {
            let mut options = fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            {
                use std::os::unix::fs::OpenOptionsExt as _;
                options.mode(if name == "access.key" { 0o600 } else { 0o644 });
            }
            options.open(directory.join(name))?.write_all(text.as_bytes())?;
        }
        Ok(())
    }
}

/// A certificate in PEM.
pub fn pem(der: &[u8]) -> String {
    let text = base64::encode_standard(der);
    let mut lines = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        lines.push_str(line);
        lines.push('\n');
        rest = tail;
    }
    lines.push_str("-----END CERTIFICATE-----\n");
    lines
}

/// Makes the branches of one authority.
struct Maker {
    seed: Seed,
    day: UnixSeconds,
}

impl Maker {
    fn issuer(&self, name: IssuerName) -> Result<Branch, SimulatorError> {
        let mut leaf =
            Template::new(&format!("Test {} Prüfstein Aussteller", name.word()), name.country(), Role::Signer);
        leaf.hosts = vec![name.host()];
        leaf.uri = Some(name.uri().to_owned());
        self.branch(&format!("{} Prüfstein", name.word()), name.country(), &leaf)
    }

    fn status(&self, name: IssuerName) -> Result<Branch, SimulatorError> {
        let word = format!("Status {} Prüfstein", name.word());
        let leaf = Template::new(&format!("Test {word} Unterzeichner"), name.country(), Role::Signer);
        self.branch(&word, name.country(), &leaf)
    }

    fn access(&self, host: &str) -> Result<Branch, SimulatorError> {
        let mut leaf = Template::new("Test Stadt Prüfstein Zugangszertifikat", "DE", Role::Signer);
        leaf.hosts = vec![host.to_owned()];
        leaf.uri = Some("https://stadt.pruefstein.example/kontakt".to_owned());
        leaf.access_policy = true;
        self.branch("Zugang Prüfstein", "DE", &leaf)
    }

    fn registrar(&self) -> Result<Branch, SimulatorError> {
        let leaf = Template::new("Test Registrar Prüfstein Unterzeichner", "DE", Role::Signer);
        self.branch("Registrar Prüfstein", "DE", &leaf)
    }

    fn branch(&self, word: &str, country: &'static str, leaf: &Template) -> Result<Branch, SimulatorError> {
        let root = Template::new(&format!("Test {word} Wurzel"), country, Role::Authority { path_length: None });
        let intermediate =
            Template::new(&format!("Test {word} Zwischenstelle"), country, Role::Authority { path_length: Some(0) });
        let key = |template: &Template| self.seed.key(&template.common_name);
        let root = root.self_signed(&self.seed, self.day, &key(&root)?)?;
        let intermediate = intermediate.signed_by(&self.seed, self.day, &key(&intermediate)?, &root)?;
        let leaf = leaf.signed_by(&self.seed, self.day, &key(leaf)?, &intermediate)?;
        Ok(Branch { root, intermediate, leaf })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::jose::jwk::PublicKey;
    use x509_parser::extensions::GeneralName;
    use x509_parser::prelude::*;

    const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

    fn authority() -> TestAuthority {
        TestAuthority::for_host([7; 32], NOW, "verifier.example").unwrap()
    }

    fn read(der: &[u8]) -> X509Certificate<'_> {
        let (rest, certificate) = X509Certificate::from_der(der).unwrap();
        assert!(rest.is_empty());
        certificate
    }

    #[test]
    fn the_same_seed_and_day_give_the_same_bytes() {
        let files = |seed, now| TestAuthority::from_seed([seed; 32], now).unwrap().files().unwrap();
        assert_eq!(files(7, NOW), files(7, start_of_day(NOW).plus(86_399)));
        assert_ne!(files(7, NOW), files(8, NOW));
        assert_ne!(files(7, NOW), files(7, NOW.plus(86_400)));
    }

    #[test]
    fn good_certificates_are_what_they_say() {
        let authority = authority();
        let branches = authority.issuers.iter().chain(&authority.status).chain([&authority.access]);
        for Branch { root, intermediate, leaf } in branches {
            let (root, intermediate, leaf) = (read(&root.der), read(&intermediate.der), read(&leaf.der));
            for certificate in [&root, &intermediate, &leaf] {
                let subject = certificate.subject().to_string();
                assert!(subject.contains("Test") && subject.contains("Prüfstein"), "{subject}");
                assert!(certificate.validity().is_valid_at(ASN1Time::from_timestamp(NOW.0).unwrap()));
            }
            assert_eq!(root.subject(), root.issuer());
            assert_eq!(intermediate.issuer(), root.subject());
            assert_eq!(leaf.issuer(), intermediate.subject());
            let constraints = |certificate: &X509Certificate<'_>| {
                let found = certificate.basic_constraints().unwrap().unwrap();
                (found.critical, found.value.ca, found.value.path_len_constraint)
            };
            assert_eq!(constraints(&root), (true, true, None));
            assert_eq!(constraints(&intermediate), (true, true, Some(0)));
            assert!(!constraints(&leaf).1);
            let usage = |certificate: &X509Certificate<'_>| certificate.key_usage().unwrap().unwrap().value.flags;
            assert_eq!(usage(&leaf), 1, "digitalSignature alone");
            assert!(certificate_key_usage_is_ca(usage(&root)) && certificate_key_usage_is_ca(usage(&intermediate)));
        }
    }

    fn certificate_key_usage_is_ca(flags: u16) -> bool {
        KeyUsage { flags }.key_cert_sign() && !KeyUsage { flags }.digital_signature()
    }

    #[test]
    fn the_access_certificate_names_host_contact_and_policy() {
        let authority = authority();
        let access = authority.access();
        let leaf = read(&access.chain[0]);
        let names = leaf.subject_alternative_name().unwrap().unwrap().value.general_names.clone();
        assert!(names.contains(&GeneralName::DNSName("verifier.example")));
        assert!(names.contains(&GeneralName::URI("https://stadt.pruefstein.example/kontakt")));
        let policies = leaf.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::CertificatePolicies(policies) => Some(policies[0].policy_id.to_id_string()),
            _ => None,
        });
        assert_eq!(policies.as_deref(), Some("0.4.0.194118.1.2"));
        assert!(leaf.subject().to_string().contains("NTRDE-TEST.00001"));
        assert_eq!(access.x509_hash_client_id().len(), "x509_hash:".len() + 43);
        assert!(TestAuthority::for_host([7; 32], NOW, "127.0.0.1").is_ok());
    }

    #[test]
    fn leaf_keys_sign_what_their_certificates_verify() {
        let authority = authority();
        for name in IssuerName::ALL {
            for identity in [authority.issuer(name), authority.status_signer(name)] {
                let spki = read(&identity.chain[0]).public_key().raw.to_vec();
                let public = PublicKey::from_spki(&spki).unwrap();
                assert!(public.verify(b"text", &identity.key.sign(b"text").unwrap()));
            }
        }
    }

    #[test]
    fn files_hold_what_their_names_say() {
        let directory = tempfile::tempdir().unwrap();
        authority().write_to(directory.path()).unwrap();
        let text = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!(text("access.pem").matches("BEGIN CERTIFICATE").count(), 2);
        assert_eq!(text("pid-root.pem").matches("BEGIN CERTIFICATE").count(), 1);
        assert!(SigningKey::from_pem(&text("access.key")).is_ok());
        assert!(!text("access.pem").contains(&pem(authority().access_root())));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(directory.path().join("access.key")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
