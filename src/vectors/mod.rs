//! Test vectors: the file format, the runner that judges files, and the maker of our own set in `test_vectors/`.
//!
//! A vector is data: an id, a source, a complete configuration, an input from outside and one expected answer. The
//! runner hands configuration and input to the same public functions of `domain` that the service calls, and compares
//! afterwards; the functions never see what is expected. See `docs/vectors.md`.
//!
//! | I am looking for | It is in |
//! | --- | --- |
//! | members of a file, and the rules that a schema cannot say | [`mod@format`] |
//! | what a member of `config` means here | [`config`] |
//! | which function a type calls | [`subject`] |
//! | running, comparing, counting | [`runner`] |
//! | how our own cases are made | [`mod@make`] |

pub mod config;
pub mod format;
pub mod make;
pub mod runner;
pub mod subject;

pub use format::File;
pub use make::make;
pub use runner::{Summary, answer_line, run, run_text};

use std::path::PathBuf;

/// Why vectors could not be read, run or made.
#[derive(Debug, thiserror::Error)]
pub enum VectorError {
    /// A file or folder cannot be read or written.
    #[error("{}: {cause}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// A file is not in the format.
    #[error("{name}: {detail}")]
    Format {
        /// The file.
        name: String,
        /// Every rule it breaks.
        detail: String,
    },
    /// No file in the format was found: nothing was tested.
    #[error("{}: no vectors", .0.display())]
    Nothing(PathBuf),
    /// The simulator could not make a part of a vector.
    #[error("making vectors: {0}")]
    Simulator(#[from] crate::simulator::SimulatorError),
    /// A key of the vectors could not be made.
    #[error("making vectors: {0}")]
    Key(#[from] crate::domain::jose::jwk::KeyFault),
    /// Something that the maker builds on is not there.
    #[error("making vectors: {0}")]
    Made(&'static str),
}
