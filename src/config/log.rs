//! `[log]`: what is written to standard error.

use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::reader::Section;

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "log",
    occurs: Occurs::Once,
    about: "What is written to standard error: one line per event, never a claim, a token, a key or a nonce.",
    fields: &[
        field(
            "level",
            Kind::OneOf(&["error", "warn", "info", "debug"]),
            Default::Is("\"info\""),
            "The least level that is written.",
        ),
        field(
            "format",
            Kind::OneOf(&["json", "text"]),
            Default::Is("\"json\""),
            "`json` for collectors, `text` for people. Control characters are written as escapes in both.",
        ),
    ],
};

/// `[log]`, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSettings {
    /// `error`, `warn`, `info` or `debug`.
    pub level: &'static str,
    /// Whether lines are JSON.
    pub json: bool,
}

/// Reads the section. `None` if something is wrong; what, has been noted.
pub(super) fn read(section: Section<'_>) -> Option<LogSettings> {
    let (level, format) = (section.choice("level"), section.choice("format"));
    Some(LogSettings { level: level?, json: format? == "json" })
}
