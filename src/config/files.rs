//! The files that settings name: keys, certificates, documents. Faults are told in words an operator can act on.

use super::reader::Complaint;
use crate::domain::x509::Certificate;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Largest file that is read, in bytes. Keys, chains and type metadata are far smaller.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads files by the paths that stand in a configuration file: relative ones start at its folder.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    base: &'a Path,
}

impl<'a> Files<'a> {
    /// For a configuration file in this folder.
    pub const fn new(base: &'a Path) -> Self {
        Self { base }
    }

    /// The path that a setting means.
    pub fn resolve(&self, text: &str) -> PathBuf {
        self.base.join(text)
    }

    /// Reads a file that holds no secret.
    ///
    /// # Errors
    /// [`Complaint`] if it is missing, may not be read, is no file, or is too large.
    pub fn read(path: &Path) -> Result<Vec<u8>, Complaint> {
        let name = path.display();
        let explain = |error: std::io::Error| match error.kind() {
            ErrorKind::NotFound => Complaint::new(
                format!("there is no file {name}"),
                "Create it or correct the path; relative paths start at the folder of the configuration file.",
            ),
            ErrorKind::PermissionDenied => Complaint::new(
                format!("the file {name} may not be read by this user"),
                "Give the user that runs the service the right to read it.",
            ),
            _ => Complaint::new(format!("the file {name} cannot be read: {error}"), "Look at the file and its disk."),
        };
        let file = std::fs::File::open(path).map_err(explain)?;
        let metadata = file.metadata().map_err(explain)?;
        if !metadata.is_file() {
            return Err(Complaint::new(format!("{name} is not a file"), "Name a file."));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes).map_err(explain)?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
            return Err(Complaint::new(format!("the file {name} is larger than 1 MiB"), "Name the right file."));
        }
        Ok(bytes)
    }

    /// Reads a file with a secret: only its owner may have any right to it (API-027).
    ///
    /// # Errors
    /// [`Complaint`] as for [`Files::read`], and if group or others may read or write it.
    pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, Complaint> {
        let name = path.display();
        let bytes = Zeroizing::new(Self::read(path)?);
        check_private(path)?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Complaint::new(format!("the file {name} is not text"), "Give a PEM file."))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// The certificates of a file, in PEM or DER.
    ///
    /// # Errors
    /// [`Complaint`] if it cannot be read, holds a private key (TRU-014), no certificate, or a broken one.
    pub fn certificates(path: &Path) -> Result<Vec<Certificate>, Complaint> {
        let name = path.display();
        let bytes = Self::read(path)?;
        certificates_in(&bytes).map_err(|problem| match problem {
            NoCertificates::PrivateKey => Complaint::new(
                format!("the file {name} holds a private key"),
                "Move the key away; only certificates belong here.",
            ),
            NoCertificates::None => Complaint::new(
                format!("the file {name} holds no certificate"),
                "Give certificates in PEM or DER, or take the file away.",
            ),
            NoCertificates::Broken(detail) => {
                Complaint::new(format!("the file {name} holds a broken certificate: {detail}"), "Get a sound copy.")
            }
        })
    }

    /// The files of a folder in the order of their names, or the file itself. Hidden files and notes (`.md`, `.txt`)
    /// are left out.
    ///
    /// # Errors
    /// [`Complaint`] if the folder cannot be read or has no such file.
    pub fn list(path: &Path) -> Result<Vec<PathBuf>, Complaint> {
        if !path.is_dir() {
            return Ok(vec![path.to_owned()]);
        }
        let name = path.display();
        let unreadable = |error| Complaint::new(format!("the folder {name} cannot be read: {error}"), "Look at it.");
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(unreadable)? {
            let file = entry.map_err(unreadable)?.path();
            let hidden = file.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            let note = file.extension().is_some_and(|extension| extension == "md" || extension == "txt");
            if file.is_file() && !hidden && !note {
                files.push(file);
            }
        }
        files.sort();
        if files.is_empty() {
            return Err(Complaint::new(format!("the folder {name} holds no file"), "Put certificates into it."));
        }
        Ok(files)
    }
}

/// Why bytes are not a list of certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoCertificates {
    /// There is a private key among them.
    PrivateKey,
    /// There is none.
    None,
    /// One cannot be read.
    Broken(String),
}

/// The certificates in PEM or DER bytes.
///
/// # Errors
/// [`NoCertificates`]
pub fn certificates_in(bytes: &[u8]) -> Result<Vec<Certificate>, NoCertificates> {
    let broken = |detail: String| NoCertificates::Broken(detail);
    if contains(bytes, b"PRIVATE KEY-----") {
        return Err(NoCertificates::PrivateKey);
    }
    let ders: Vec<Vec<u8>> = if contains(bytes, b"-----BEGIN") {
        CertificateDer::pem_slice_iter(bytes)
            .map(|der| der.map(|der| der.to_vec()).map_err(|_| broken("not PEM".to_owned())))
            .collect::<Result<_, _>>()?
    } else if bytes.first() == Some(&0x30) {
        vec![bytes.to_vec()]
    } else {
        Vec::new()
    };
    if ders.is_empty() {
        return Err(NoCertificates::None);
    }
    ders.iter().map(|der| Certificate::read(der).map_err(|reason| broken(reason.detail.into_owned()))).collect()
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

#[cfg(unix)]
fn check_private(path: &Path) -> Result<(), Complaint> {
    use std::os::unix::fs::PermissionsExt as _;
    let name = path.display();
    let mode = std::fs::metadata(path)
        .map_err(|error| Complaint::new(format!("the file {name} cannot be looked at: {error}"), "Look at it."))?
        .permissions()
        .mode();
    if mode.trailing_zeros() >= 6 {
        return Ok(());
    }
    Err(Complaint::new(
        format!("the key file {name} may be used by others than its owner (mode {:04o})", mode & 0o7777),
        format!("Let only the owner read it: chmod 600 {name}"),
    ))
}

#[cfg(not(unix))]
fn check_private(_: &Path) -> Result<(), Complaint> {
    Ok(())
}
