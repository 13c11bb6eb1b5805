//! `pruefstein vectors`: runs test vectors, makes our own, or answers for another runner.

use super::{Exit, Failure, Terminal, read_input, visible};
use crate::domain::trust::cache::ChainCache;
use crate::vectors::{self, VectorError};
use clap::{Args, Subcommand};
use std::io::BufRead as _;
use std::path::PathBuf;

/// What to do with vectors.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run a vector file, or every one of a folder; exit code 1 if a case ends differently or nothing was run.
    Run {
        /// The file or folder; - is one file on standard input.
        #[arg(default_value = "test_vectors")]
        place: PathBuf,
    },
    /// Make our own vectors; the same bytes each time.
    Make {
        /// The folder, which must exist.
        #[arg(default_value = "test_vectors")]
        directory: PathBuf,
    },
    /// Answer cases on standard input, one JSON object a line, as docs/vectors.md describes.
    Answer,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] if files cannot be read or written, or break the format.
pub fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    match &arguments.action {
        Action::Run { place } => {
            let summary = if place.as_os_str() == "-" {
                let text = String::from_utf8(read_input(None)?)
                    .map_err(|_| Failure::wrong_use("standard input is not UTF-8", "Send one vector file."))?;
                vectors::run_text("standard input", &text)
            } else {
                vectors::run(place)
            };
            let summary = summary.map_err(|error| refused(&error))?;
            terminal.say(&visible(&summary.to_string()));
            Ok(if summary.is_good() { Exit::Done } else { Exit::Refused })
        }
        Action::Make { directory } => {
            vectors::make(directory).map_err(|error| refused(&error))?;
            terminal.remark(&format!("vectors written to {}", directory.display()));
            Ok(Exit::Done)
        }
        Action::Answer => {
            let chains = ChainCache::default();
            for line in std::io::stdin().lock().lines() {
                let line = line.map_err(|error| {
                    Failure::wrong_use(format!("standard input: {error}"), "Send UTF-8, one case a line.")
                })?;
                terminal.say(&vectors::answer_line(&line, &chains));
            }
            Ok(Exit::Done)
        }
    }
}

fn refused(error: &VectorError) -> Failure {
    let hint = match error {
        VectorError::File { .. } => "Name a file or folder that exists.",
        VectorError::Format { .. } => "Mend the file; its members are in docs/vectors.md.",
        VectorError::Nothing(_) => "Name a folder with vector files.",
        VectorError::Simulator(_) | VectorError::Key(_) | VectorError::Made(_) => "Report this as a defect.",
    };
    let exit = if matches!(error, VectorError::Nothing(_)) { Exit::Refused } else { Exit::WrongUse };
    Failure { exit, code: None, message: error.to_string(), hint: hint.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_in(action: Action) -> (Result<Exit, Failure>, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let result = run(&Arguments { action }, &mut Terminal::new(&mut out, &mut err));
        (result, String::from_utf8(out).unwrap())
    }

    #[test]
    fn nothing_run_is_a_failure() {
        let empty = tempfile::tempdir().unwrap();
        let (result, _) = run_in(Action::Run { place: empty.path().to_owned() });
        assert_eq!(result.unwrap_err().exit, Exit::Refused);
        let (result, _) = run_in(Action::Run { place: empty.path().join("missing") });
        assert_eq!(result.unwrap_err().exit, Exit::WrongUse);
    }

    #[test]
    fn a_difference_ends_with_exit_code_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = r#"{"format":"verifier-vectors/1","type":"base64url-decode","title":"t","spec":["s"],
            "licence":"CC0-1.0","generator":{"name":"n","version":"1","seed":"00"},"case_count":1,
            "groups":[{"id":"g","cases":[{"id":"a","input":{"text":"AA"},"expected":{"result":"WORD"}}]}]}"#;
        for (word, exit) in [("accept", Exit::Done), ("reject", Exit::Refused)] {
            std::fs::write(folder.path().join("a.json"), file.replace("WORD", word)).unwrap();
            for place in [folder.path().to_owned(), folder.path().join("a.json")] {
                let (result, out) = run_in(Action::Run { place });
                assert_eq!(result.unwrap(), exit, "{out}");
                assert!(out.contains("1 run"), "{out}");
            }
        }
        std::fs::write(folder.path().join("a.json"), "{}").unwrap();
        let (result, _) = run_in(Action::Run { place: folder.path().to_owned() });
        assert_eq!(result.unwrap_err().exit, Exit::WrongUse);
    }
}
