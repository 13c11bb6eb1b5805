//! `pruefstein openapi`: the description of the API, generated from the handlers.

use super::{Exit, Failure, Terminal};
use crate::domain::reason::{Code, Reason};

/// Runs the command.
///
/// # Errors
/// None in practice: it can be written.
pub fn run(terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let text = crate::http::openapi::text()
        .map_err(|_| Reason::new(Code::InternalError, "the description cannot be written"))?;
    terminal.say(text.trim_end());
    Ok(Exit::Done)
}
