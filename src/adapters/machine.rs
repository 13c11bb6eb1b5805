//! This machine, looked at without changing it.

use super::store::sqlite::{OpenError, Options, SqliteStore};
use crate::app::ports::{AddressState, Machine, StoreState};
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

/// The machine that this process runs on.
#[derive(Debug, Clone, Copy)]
pub struct ThisMachine;

impl Machine for ThisMachine {
    fn address(&self, address: SocketAddr) -> AddressState {
        // Where somebody listens already, this fails; else the address is given back at once, and nobody was accepted.
        match TcpListener::bind(address) {
            Ok(_) => AddressState::Free,
            Err(error) if error.kind() == ErrorKind::AddrInUse => AddressState::Taken,
            Err(error) => AddressState::Unusable(error.to_string()),
        }
    }

    fn can_write(&self, folder: &Path) -> Result<(), String> {
        let trial = folder.join(format!(".pruefstein-doctor-{}", std::process::id()));
        let made = std::fs::OpenOptions::new().write(true).create_new(true).open(&trial);
        made.map_err(|error| error.to_string())?;
        std::fs::remove_file(&trial).map_err(|error| error.to_string())
    }

    fn free_bytes(&self, folder: &Path) -> Option<u64> {
        free_bytes(folder)
    }

    /// Opens the store as the service does, and closes it again. One that belongs to another user is left alone: files
    /// beside it that this user made would keep the service out.
    fn store(&self, path: &Path) -> StoreState {
        match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return StoreState::Absent,
            Err(error) => return StoreState::Unusable(error.to_string()),
            Ok(file) if !is_ours(&file) => return StoreState::OfAnotherUser,
            Ok(_) => {}
        }
        match SqliteStore::open(path, &Options::default()) {
            Ok(_) => StoreState::Sound,
            Err(OpenError::Locked) => StoreState::Locked,
            Err(error) => StoreState::Unusable(error.to_string()),
        }
    }
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}

#[cfg(unix)]
fn is_ours(file: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(file) == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_ours(_: &std::fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_free_taken_or_none_of_ours() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(ThisMachine.address(address), AddressState::Taken);
        drop(listener);
        assert_eq!(ThisMachine.address(address), AddressState::Free);
        let elsewhere = ThisMachine.address("203.0.113.1:80".parse().unwrap());
        assert!(matches!(elsewhere, AddressState::Unusable(_)), "{elsewhere:?}");
    }

    #[test]
    fn folders_are_tried_and_left_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(ThisMachine.can_write(folder.path()), Ok(()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(ThisMachine.can_write(&folder.path().join("missing")).is_err());
        assert!(ThisMachine.free_bytes(folder.path()).is_some_and(|bytes| bytes > 0));
        assert_eq!(ThisMachine.free_bytes(&folder.path().join("missing")), None);
    }

    #[test]
    fn stores_are_opened_and_closed_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.sqlite3");
        assert_eq!(ThisMachine.store(&path), StoreState::Absent);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "looking makes nothing");
        let store = SqliteStore::open(&path, &Options::default()).unwrap();
        assert_eq!(ThisMachine.store(&path), StoreState::Locked);
        drop(store);
        assert_eq!(ThisMachine.store(&path), StoreState::Sound);
        assert_eq!(ThisMachine.store(&path), StoreState::Sound, "it was closed");
        std::fs::write(&path, b"something else").unwrap();
        assert!(matches!(ThisMachine.store(&path), StoreState::Unusable(_)));
    }
}
