//! The file beside the store: it keeps a second process out, and remembers how much was acknowledged.
//!
//! SQLite ends its recovery at the first damaged frame of the log and takes what comes before for the whole. So a
//! flipped bit in the log could quietly take back commits that were acknowledged. The mark notices: it holds a lower
//! bound of the commits that must be there. It is written after each commit and not synced, so that it costs nothing;
//! when the power fails it may be behind, which is harmless.

use super::OpenError;
use crate::app::ports::StoreError;
use crate::domain::transaction::record::checksum;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

const MAGIC: &[u8; 4] = b"PTXL";
const LENGTH: usize = 16;

/// Held as long as the store is open; the operating system lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    acknowledged: u64,
}

impl Lock {
    /// Takes the lock, at once or not at all (STO-008).
    pub(super) fn take(path: &Path) -> Result<Self, OpenError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        private(&mut options);
        let unusable = |error: io::Error| OpenError::Store(StoreError::Unavailable(format!("lock file: {error}")));
        let file = options.open(path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked),
            Err(TryLockError::Error(error)) => return Err(unusable(error)),
        }
        let mut bytes = Vec::with_capacity(LENGTH);
        (&file).take(64).read_to_end(&mut bytes).map_err(unusable)?;
        let acknowledged = read_mark(&bytes).ok_or_else(|| {
            OpenError::Store(StoreError::Corrupt("the lock file is damaged; remove it after a restore only".to_owned()))
        })?;
        Ok(Self { file, acknowledged })
    }

    /// How many commits the store must have.
    pub(super) const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Notes that so many commits are durable.
    pub(super) fn acknowledge(&mut self, commits: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&mark(commits))?;
        self.acknowledged = commits;
        Ok(())
    }
}

/// New files are for their owner only.
pub(super) fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

fn mark(commits: u64) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    let sum = checksum(&commits.to_be_bytes()).to_be_bytes();
    let parts = MAGIC.iter().chain(&sum).copied().chain(commits.to_be_bytes());
    for (byte, part) in bytes.iter_mut().zip(parts) {
        *byte = part;
    }
    bytes
}

/// An empty file, or one that was allocated and never reached the disk, says nothing.
fn read_mark(bytes: &[u8]) -> Option<u64> {
    if bytes.iter().all(|byte| *byte == 0) {
        return Some(0);
    }
    let commits = u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
    (bytes == mark(commits)).then_some(commits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back_and_damage_is_seen() {
        assert_eq!(read_mark(&mark(77)), Some(77));
        assert_eq!(read_mark(&[]), Some(0));
        assert_eq!(read_mark(&[0; LENGTH]), Some(0));
        for at in 0..LENGTH {
            let mut damaged = mark(77);
            damaged[at] ^= 4;
            assert_eq!(read_mark(&damaged), None, "byte {at}");
        }
        assert_eq!(read_mark(&mark(77)[..12]), None);
    }
}
