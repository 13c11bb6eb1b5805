//! `pruefstein serve`: runs the service.

use super::config::DEFAULT_FILE;
use super::{Exit, Failure};
use crate::config::Environment;
use crate::domain::reason::Code;
use crate::serve::{self, ServeFault};
use clap::Args;
use std::path::PathBuf;

/// What to run.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
}

/// Runs the service until it is told to stop (SIGTERM, SIGINT).
///
/// # Errors
/// [`Failure`] with exit code 2 for a refused configuration, 3 for a store, an address or something else that is out of
/// reach.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    serve::run(&arguments.config, &Environment::of_process()).map(|()| Exit::Done).map_err(|fault| match fault {
        ServeFault::Configuration(faults) => Failure::refused_configuration(&faults),
        other => {
            let code = other.code();
            let exit = if code == Code::ConfigRefused { Exit::WrongUse } else { Exit::OutOfReach };
            Failure { exit, code: Some(code), message: other.to_string(), hint: other.hint().to_owned() }
        }
    })
}
