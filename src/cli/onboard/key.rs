//! `onboard key`.

use super::{Readers, write_new};
use crate::adapters::entropy::OsEntropy;
use crate::app::ports::Entropy as _;
use crate::cli::{Exit, Failure, Terminal};
use crate::domain::jose::keys::SigningKey;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Where the key goes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The file to make (PKCS#8 in PEM, for its owner only). An existing file is left alone.
    #[arg(long, value_name = "FILE", default_value = "access.key")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure {
        exit: Exit::OutOfReach,
        code: None,
        message: error.to_string(),
        hint: "Try again; without randomness no key is made.".to_owned(),
    };
    let key = loop {
        let mut scalar = Zeroizing::new([0; 32]);
        OsEntropy.fill(scalar.as_mut_slice()).map_err(|error| failed(&error))?;
        // Hardly any 32 bytes are no key; those are drawn again.
        if let Ok(key) = SigningKey::from_scalar(&scalar) {
            break key;
        }
    };
    let pem = key.to_pem().map_err(|fault| failed(&fault))?;
    write_new(&arguments.out, pem.as_bytes(), Readers::OwnerOnly)?;
    terminal.say(&format!(
        "The key is in {}. It never leaves this machine: the registrar gets the request only.",
        arguments.out.display()
    ));
    terminal.say("Keep a copy where nobody else can read it. Next: pruefstein onboard csr");
    Ok(Exit::Done)
}
