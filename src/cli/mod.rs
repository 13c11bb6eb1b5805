//! The command line: one file per command. Results go to standard output, everything about them to standard error.
//!
//! Exit codes: 0 done, 1 refused or differences found, 2 wrong use or configuration, 3 could not reach what it needs.

pub mod codes;
pub mod config;
pub mod demo;
pub mod doctor;
pub mod inspect;
pub mod onboard;
pub mod openapi;
mod registrations;
pub mod serve;
pub mod trust;
mod trust_data;
pub mod vectors;
pub mod verify;
pub mod wallet;

use crate::config::Fault;
use crate::domain::reason::{Code, Reason};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{Read as _, Write};
use std::path::Path;
use std::process::ExitCode;

/// What every command line begins with.
#[derive(Debug, Parser)]
#[command(name = "pruefstein", version, about = "Verifies credentials of EUDI Wallets for online services.")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve(serve::Arguments),
    /// Show the whole story on this machine: verifier, issuer, wallet and a sample form.
    Demo(demo::Arguments),
    /// Verify a presentation without the service, with all its checks.
    Verify(verify::Arguments),
    /// Show what a credential, token, request, list or certificate contains, without trusting it.
    Inspect(inspect::Arguments),
    /// Look at the whole installation: what is wrong, what it means, what to do.
    Doctor(doctor::Arguments),
    /// Check, show or document the configuration.
    Config(config::Arguments),
    /// Show, import, export and snapshot trust data; list the hosts that are asked.
    Trust(trust::Arguments),
    /// Become a registered relying party: key, certificate request, texts for the registrar, and what comes back.
    Onboard(onboard::Arguments),
    /// List the codes of errors and refusals, or explain one.
    Codes(codes::Arguments),
    /// The simulated wallet, which misbehaves on command.
    Wallet(wallet::Arguments),
    /// Print the description of the API.
    Openapi,
    /// Run test vectors, make our own, or answer for another runner.
    Vectors(vectors::Arguments),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, accepted, equal.
    Done,
    /// Refused, or differences found.
    Refused,
    /// Wrong use, or a refused configuration.
    WrongUse,
    /// Something that was needed could not be reached.
    OutOfReach,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::from(0),
            Exit::Refused => Self::from(1),
            Exit::WrongUse => Self::from(2),
            Exit::OutOfReach => Self::from(3),
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// The stable code, if there is one.
    pub code: Option<Code>,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Failure {
    /// The command was used wrongly.
    pub fn wrong_use(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit: Exit::WrongUse, code: None, message: message.into(), hint: hint.into() }
    }

    /// A refused configuration with all its faults.
    pub fn refused_configuration(faults: &[Fault]) -> Self {
        let mut message = match faults.len() {
            1 => "the configuration has one fault".to_owned(),
            count => format!("the configuration has {count} faults"),
        };
        for fault in faults {
            write!(message, "\n  {fault}").ok();
        }
        let code = Code::ConfigRefused;
        Self { exit: Exit::WrongUse, code: Some(code), message, hint: code.hint().to_owned() }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self {
            exit: Exit::Refused,
            code: Some(reason.code),
            message: reason.detail.into_owned(),
            hint: reason.code.hint().to_owned(),
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => writeln!(f, "{code}: {}", visible(&self.message))?,
            None => writeln!(f, "{}", visible(&self.message))?,
        }
        write!(f, "→ {}", visible(&self.hint))
    }
}

/// Where a command writes to.
pub struct Terminal<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl<'a> Terminal<'a> {
    /// Results go to `out`, everything else to `err`.
    pub fn new(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { out, err }
    }

    /// Writes a result. A reader that has gone away ends nothing: there is nobody left to tell.
    pub fn say(&mut self, text: &str) {
        writeln!(self.out, "{text}").ok();
    }

    /// Writes a document as it is, byte for byte.
    pub fn write(&mut self, document: &[u8]) {
        self.out.write_all(document).ok();
    }

    /// Brings what was said to its reader, before a long wait.
    pub fn flush(&mut self) {
        self.out.flush().ok();
    }

    /// Writes a remark.
    pub fn remark(&mut self, text: &str) {
        writeln!(self.err, "{text}").ok();
    }
}

/// Runs the command line, and says how the program should end.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    let command = match CommandLine::try_parse_from(arguments) {
        Ok(line) => line.command,
        Err(error) => {
            error.print().ok();
            return if error.use_stderr() { Exit::WrongUse.into() } else { Exit::Done.into() };
        }
    };
    if let Command::Serve(arguments) = command {
        // The service writes its log itself, from several threads.
        drop((out, err));
        return match serve::run(&arguments) {
            Ok(exit) => exit.into(),
            Err(failure) => {
                Terminal::new(&mut std::io::stdout(), &mut std::io::stderr()).remark(&failure.to_string());
                failure.exit.into()
            }
        };
    }
    let mut terminal = Terminal::new(&mut out, &mut err);
    match dispatch(command, &mut terminal) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            terminal.remark(&failure.to_string());
            failure.exit.into()
        }
    }
}

fn dispatch(command: Command, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    match command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments, terminal),
        Command::Verify(arguments) => verify::run(&arguments, terminal),
        Command::Inspect(arguments) => inspect::run(&arguments, terminal),
        Command::Doctor(arguments) => doctor::run(&arguments, terminal),
        Command::Config(arguments) => config::run(&arguments, terminal),
        Command::Trust(arguments) => trust::run(&arguments, terminal),
        Command::Onboard(arguments) => onboard::run(&arguments, terminal),
        Command::Codes(arguments) => codes::run(&arguments, terminal),
        Command::Wallet(arguments) => wallet::run(&arguments, terminal),
        Command::Openapi => openapi::run(terminal),
        Command::Vectors(arguments) => vectors::run(&arguments, terminal),
    }
}

/// Largest input of a command, in bytes.
const MAX_INPUT: u64 = 8 * 1024 * 1024;

/// Reads a file, or standard input for `-` and for no name.
///
/// # Errors
/// [`Failure`] with exit code 2 if it cannot be read or is too large.
pub(crate) fn read_input(file: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let named = file.filter(|file| *file != Path::new("-"));
    let name = named.map_or_else(|| "standard input".to_owned(), |file| file.display().to_string());
    let unreadable =
        |error: std::io::Error| Failure::wrong_use(format!("{name} cannot be read: {error}"), "Name a readable file.");
    let mut bytes = Vec::new();
    let limit = MAX_INPUT.saturating_add(1);
    match named {
        Some(file) => {
            std::fs::File::open(file).map_err(unreadable)?.take(limit).read_to_end(&mut bytes).map_err(unreadable)?
        }
        None => std::io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(unreadable)?,
    };
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_INPUT {
        return Err(Failure::wrong_use(format!("{name} is larger than 8 MiB"), "Name the right file."));
    }
    Ok(bytes)
}

/// Text that a terminal shows and does not obey: control characters and those that change the direction of writing
/// become escapes. Line breaks stay.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let steers = character.is_control() && character != '\n'
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if steers {
            write!(shown, "\\u{{{:x}}}", u32::from(character)).ok();
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn terminals_are_not_steered() {
        // HTT-029.
        assert_eq!(visible("a\u{1b}[31mb\u{202e}c\r\nä"), "a\\u{1b}[31mb\\u{202e}c\\u{d}\nä");
    }
}
