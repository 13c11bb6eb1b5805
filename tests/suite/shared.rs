//! Where the vectors of others lie. They are read in place; without them the tests say so and pass.

use serde_json::Value;
use std::path::PathBuf;

/// The folder, if it is there.
pub(crate) fn folder() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "where the vectors of others lie is a matter of the machine")]
    let folder = std::env::var("PRUEFSTEIN_VECTORS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors").to_owned());
    let folder = PathBuf::from(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("vectors of others: {} is no folder, all skipped; set PRUEFSTEIN_VECTORS", folder.display());
    None
}

/// A JSON file below the folder, if it is there.
pub(crate) fn json(name: &str) -> Option<Value> {
    let path = folder()?.join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("vectors of others: {name} is not there, skipped");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}
