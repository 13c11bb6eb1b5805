//! Trust lists between runs: one file for each list in a folder of the service.
//!
//! ```text
//! one line of JSON: {"confirmed_at": …, "etag": …, "last_modified": …}  newline  the document as it came
//! ```
//!
//! A file is replaced whole, by a rename. It is public data and proves nothing: the signature does, each time it is read.

use crate::app::ports::{KeepFailed, Kept, KeptLists, Pending, Validators};
use crate::domain::limits;
use crate::domain::time::UnixSeconds;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Room for the line before the document, in bytes.
const HEAD_BYTES: usize = 4_096;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    confirmed_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
}

/// Lists in a folder.
#[derive(Debug, Clone)]
pub struct KeptFolder {
    folder: PathBuf,
}

impl KeptFolder {
    /// In this folder, which must exist.
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file of a list. Names are those of the configuration; a slash is written as a plus.
    fn path(&self, name: &str) -> Result<PathBuf, KeepFailed> {
        let sound = !name.is_empty()
            && !name.starts_with(['.', '/'])
            && name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '/'));
        if !sound {
            return Err(KeepFailed("the name of the list cannot be the name of a file".to_owned()));
        }
        Ok(self.folder.join(format!("{}.kept", name.replace('/', "+"))))
    }

    /// The list of this name, if one is kept. Blocks.
    ///
    /// # Errors
    /// [`KeepFailed`]
    pub fn load_now(&self, name: &str) -> Result<Option<Kept>, KeepFailed> {
        let path = self.path(name)?;
        let most = limits::TRUST_LIST_BYTES.saturating_add(HEAD_BYTES);
        let bytes = match read_bounded(&path, most) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&path, &error)),
        };
        let damaged = || KeepFailed(format!("the file {} is damaged; remove it", path.display()));
        let end = bytes.iter().take(HEAD_BYTES).position(|byte| *byte == b'\n').ok_or_else(damaged)?;
        let (head, rest) = bytes.split_at_checked(end).ok_or_else(damaged)?;
        let head: Head = serde_json::from_slice(head).map_err(|_| damaged())?;
        Ok(Some(Kept {
            document: rest.get(1..).unwrap_or_default().to_vec(),
            confirmed_at: UnixSeconds(head.confirmed_at),
            validators: Validators { etag: head.etag, last_modified: head.last_modified },
        }))
    }

    /// Keeps a list. Blocks.
    ///
    /// # Errors
    /// [`KeepFailed`]
    pub fn save_now(&self, name: &str, kept: &Kept) -> Result<(), KeepFailed> {
        let path = self.path(name)?;
        let short = |text: &Option<String>| text.clone().filter(|text| text.len() <= 512);
        let head = Head {
            confirmed_at: kept.confirmed_at.0,
            etag: short(&kept.validators.etag),
            last_modified: short(&kept.validators.last_modified),
        };
        let write = || -> std::io::Result<()> {
            let (beside, mut file) = tempfile_beside(&path)?;
            let mut write = || {
                file.write_all(&serde_json::to_vec(&head)?)?;
                file.write_all(b"\n")?;
                file.write_all(&kept.document)?;
                file.sync_all()?;
                std::fs::rename(&beside, &path)
            };
            // Names are never used again, so what was not finished is taken away here.
            write().inspect_err(|_| drop(std::fs::remove_file(&beside)))
        };
        write().map_err(|error| failed(&path, &error))
    }
}

/// A new file that a rename puts in the place of `path`. Nobody else writes to it, in this process or another.
fn tempfile_beside(path: &Path) -> std::io::Result<(PathBuf, std::fs::File)> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("new-{}-{number}", std::process::id()));
    let file = std::fs::File::create(&beside)?;
    Ok((beside, file))
}

/// The beginning of a file: at most one byte more than `most`, so that whoever reads it can tell that it is too large.
///
/// # Errors
/// As opening and reading a file.
pub fn read_up_to(path: &Path, most: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX);
    std::fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_bounded(path: &Path, most: usize) -> std::io::Result<Vec<u8>> {
    let bytes = read_up_to(path, most)?;
    if bytes.len() > most {
        return Err(std::io::Error::new(ErrorKind::FileTooLarge, "larger than the limit"));
    }
    Ok(bytes)
}

fn failed(path: &Path, error: &std::io::Error) -> KeepFailed {
    KeepFailed(format!("{}: {error}", path.display()))
}

/// Runs work on files where waiting holds up nobody.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeepFailed> + Send + 'static,
) -> Result<T, KeepFailed> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(KeepFailed("the work on files has ended".to_owned())))
}

fn read_file(path: String) -> Pending<'static, Vec<u8>, KeepFailed> {
    Box::pin(apart(move || {
        read_bounded(Path::new(&path), limits::TRUST_LIST_BYTES).map_err(|error| failed(Path::new(&path), &error))
    }))
}

impl KeptLists for KeptFolder {
    fn load(&self, name: String) -> Pending<'_, Option<Kept>, KeepFailed> {
        let folder = self.clone();
        Box::pin(apart(move || folder.load_now(&name)))
    }

    fn save(&self, name: String, kept: Kept) -> Pending<'_, (), KeepFailed> {
        let folder = self.clone();
        Box::pin(apart(move || folder.save_now(&name, &kept)))
    }

    fn read_file(&self, path: String) -> Pending<'_, Vec<u8>, KeepFailed> {
        read_file(path)
    }
}

/// Lists that a restart forgets: for demonstrations and tests.
#[derive(Debug, Default)]
pub struct KeptInMemory(Mutex<BTreeMap<String, Kept>>);

impl KeptInMemory {
    fn lists(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptLists for KeptInMemory {
    fn load(&self, name: String) -> Pending<'_, Option<Kept>, KeepFailed> {
        let kept = self.lists().get(&name).cloned();
        Box::pin(async move { Ok(kept) })
    }

    fn save(&self, name: String, kept: Kept) -> Pending<'_, (), KeepFailed> {
        self.lists().insert(name, kept);
        Box::pin(async { Ok(()) })
    }

    fn read_file(&self, path: String) -> Pending<'_, Vec<u8>, KeepFailed> {
        read_file(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(document: &[u8]) -> Kept {
        Kept {
            document: document.to_vec(),
            confirmed_at: UnixSeconds(7),
            validators: Validators { etag: Some("\"a\nb\"".to_owned()), last_modified: None },
        }
    }

    #[test]
    fn what_is_kept_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let lists = KeptFolder::new(folder.path().to_owned());
        assert_eq!(lists.load_now("pids").unwrap(), None);
        for document in [&b"line one\nline two"[..], b"", b"\n"] {
            lists.save_now("lotl/DE", &kept(document)).unwrap();
            assert_eq!(lists.load_now("lotl/DE").unwrap(), Some(kept(document)));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn two_who_write_at_once_leave_one_whole_list() {
        let folder = tempfile::tempdir().unwrap();
        let lists = KeptFolder::new(folder.path().to_owned());
        let of = |number: u8| kept(&vec![number; 100_000]);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let lists = &lists;
                scope.spawn(move || (0..20).for_each(|_| lists.save_now("pids", &of(number)).unwrap()));
            }
        });
        let document = lists.load_now("pids").unwrap().unwrap().document;
        assert!(document.len() == 100_000 && document.iter().all(|byte| *byte == document[0]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn damage_and_foreign_names_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let lists = KeptFolder::new(folder.path().to_owned());
        for text in ["", "{}\nx", "{\"confirmed_at\": 1", "{\"confirmed_at\": 1, \"x\": 1}\n"] {
            std::fs::write(folder.path().join("pids.kept"), text).unwrap();
            assert!(lists.load_now("pids").unwrap_err().0.contains("damaged"), "{text}");
        }
        for name in ["", "../x", "/etc/passwd", ".x", "a b", "a\0"] {
            assert!(lists.load_now(name).is_err(), "{name}");
        }
    }

    #[tokio::test]
    async fn what_is_saved_later_takes_the_place_of_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let both: [&dyn KeptLists; 2] = [&KeptFolder::new(folder.path().to_owned()), &KeptInMemory::default()];
        for lists in both {
            assert_eq!(lists.load("pids".to_owned()).await.unwrap(), None);
            lists.save("pids".to_owned(), kept(b"w")).await.unwrap();
            let later = Kept { confirmed_at: UnixSeconds(9), ..kept(b"x") };
            lists.save("pids".to_owned(), later).await.unwrap();
            let kept = lists.load("pids".to_owned()).await.unwrap().unwrap();
            assert_eq!((kept.document.as_slice(), kept.confirmed_at), (&b"x"[..], UnixSeconds(9)));
        }
    }
}
