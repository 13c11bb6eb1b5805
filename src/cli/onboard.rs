//! `pruefstein onboard`: the way to a registered relying party. Makes key and certificate request, prints the texts for the
//! registrar's form, and sorts out what the registrar sends.

mod claim_names;
mod csr;
mod import;
mod key;
mod propose;
mod recognise;
mod texts;

use super::{Exit, Failure, Terminal};
use clap::{Args, Subcommand};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

/// What to do.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    step: Step,
}

#[derive(Debug, Subcommand)]
enum Step {
    /// Make the private key of the access certificate (P-256).
    Key(key::Arguments),
    /// Make the certificate request (PKCS#10) for the access certificate.
    Csr(csr::Arguments),
    /// Print the texts for the registrar's form: use case, claims and reason in German and English.
    Texts(texts::Arguments),
    /// Sort out a folder with whatever the registrar sent, and propose the part of the configuration that follows from it.
    Import(import::Arguments),
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with exit code 2 for wrong use and files that cannot be read or written, 3 without randomness. `import` ends
/// with exit code 1 if something is missing.
pub fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    match &arguments.step {
        Step::Key(arguments) => key::run(arguments, terminal),
        Step::Csr(arguments) => csr::run(arguments, terminal),
        Step::Texts(arguments) => texts::run(arguments, terminal),
        Step::Import(arguments) => import::run(arguments, terminal),
    }
}

/// Who may read a file that is made here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Readers {
    Everybody,
    OwnerOnly,
}

/// Writes a file that does not exist yet. Nothing is ever overwritten: it might be the only copy of a key.
fn write_new(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "Nothing is overwritten. Name another file, or move this one away.",
            _ => "Name a place that can be written.",
        };
        Failure::wrong_use(format!("{}: {error}", path.display()), hint)
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if readers == Readers::OwnerOnly { 0o600 } else { 0o644 });
    }
    let mut file = options.open(path).map_err(unwritable)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // Half a key is worse than none.
        fs::remove_file(path).ok();
        unwritable(error)
    })
}
