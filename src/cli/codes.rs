//! `pruefstein codes`: the table of codes.

use super::{Exit, Failure, Terminal};
use crate::domain::reason::Code;
use crate::http::problem::{error_codes_markdown, status};
use clap::Args;

/// What to show.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The code to explain, as in kb_nonce_mismatch; all if absent.
    name: Option<String>,
    /// Print docs/error-codes.md.
    #[arg(long, conflicts_with = "name")]
    markdown: bool,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] for a code that does not exist.
pub fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    if arguments.markdown {
        terminal.say(error_codes_markdown().trim_end());
        return Ok(Exit::Done);
    }
    match &arguments.name {
        None => {
            for code in Code::ALL {
                terminal.say(&format!("{:<32} {:<12} {}", code.as_str(), code.group(), code.meaning()));
            }
        }
        Some(name) => {
            let code = Code::from_name(name).ok_or_else(|| {
                let nearest = Code::ALL.iter().min_by_key(|code| strsim::damerau_levenshtein(name, code.as_str()));
                let nearest = nearest.map_or("", |code| code.as_str());
                Failure::wrong_use("there is no such code", format!("Did you mean {nearest}? `codes` lists them all."))
            })?;
            terminal.say(&format!("{code}\n\n{}\n", code.meaning()));
            terminal.say(&format!("group    {}", code.group()));
            terminal.say(&format!("HTTP     {}", status(code).as_u16()));
            terminal.say(&format!("to act   {}", code.actor().as_str()));
            terminal.say(&format!("hint     {}", code.hint()));
        }
    }
    Ok(Exit::Done)
}
