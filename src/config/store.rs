//! `[store]`: where transactions are kept.

use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::files::Files;
use super::postgresql::DatabaseSettings;
use super::reader::Section;
use std::path::PathBuf;

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "store",
    occurs: Occurs::Once,
    about: "Where transactions are kept.",
    fields: &[
        field(
            "kind",
            Kind::OneOf(&["sqlite", "postgresql", "memory_only_lost_at_restart"]),
            Default::Is("\"sqlite\""),
            "`sqlite` keeps transactions in one file, for one machine. `postgresql` keeps them in the database that \
             `[postgresql]` names, for one or several instances. `memory_only_lost_at_restart` is for trying out: a restart loses \
             every open transaction and every result.",
        ),
        field(
            "path",
            Kind::Text("file"),
            Default::Absent("needed for `sqlite`"),
            "The file of the store. Its folder must exist; one process at a time may use it.",
        ),
    ],
};

/// `[store]`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreSettings {
    /// One file.
    Sqlite {
        /// The file.
        path: PathBuf,
    },
    /// A database.
    Postgresql(Box<DatabaseSettings>),
    /// Memory only.
    MemoryOnlyLostAtRestart,
}

/// Reads the section; `database` reads `[postgresql]`, and `database_there` says whether that is in the file. `None` if
/// something is wrong; what, has been noted.
pub(super) fn read(
    section: Section<'_>,
    files: Files<'_>,
    database_there: bool,
    database: impl FnOnce() -> Option<DatabaseSettings>,
) -> Option<StoreSettings> {
    let path = section.has("path").then(|| section.text("path"));
    let kind = section.choice("kind")?;
    if database_there && kind != "postgresql" {
        section.fault(
            "kind",
            format!("is {kind}, but there is a section [postgresql]"),
            "Set kind = \"postgresql\", or remove the section.",
        );
        return None;
    }
    match (kind, path) {
        ("sqlite", Some(path)) => {
            let path = files.resolve(&path?);
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if path.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
                section.fault(
                    "path",
                    format!("the folder of {} does not exist, or the path is a folder itself", path.display()),
                    "Create the folder, writable for the user that runs the service, and name a file in it.",
                );
                return None;
            }
            Some(StoreSettings::Sqlite { path })
        }
        ("sqlite", None) => {
            section.fault(
                "path",
                "is missing, and sqlite needs it",
                "Write path = \"/var/lib/pruefstein/store.sqlite3\"",
            );
            None
        }
        (kind, Some(_)) => {
            let elsewhere = if kind == "postgresql" { "in a database" } else { "in memory" };
            section.fault(
                "path",
                format!("is given, but the store is kept {elsewhere}"),
                "Remove path, or set kind = \"sqlite\".",
            );
            None
        }
        ("postgresql", None) => database().map(|database| StoreSettings::Postgresql(Box::new(database))),
        (_, None) => Some(StoreSettings::MemoryOnlyLostAtRestart),
    }
}
