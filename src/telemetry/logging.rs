//! The log: one line per event on standard error, as JSON or as text.
//!
//! Rules kept here: PRV-04.

use std::fmt::Write as _;
use std::io::{self, Write};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The log was set up before in this process.
#[derive(Debug, thiserror::Error)]
#[error("the log was set up before")]
pub struct AlreadySetUp;

/// Sets up the log of this process, and lets panics leave a line in it.
///
/// `level` is `error`, `warn`, `info` or `debug`; other words count as `info`. It holds for this program; of the libraries
/// it uses, warnings and errors are written only, for what they say below that is not under our rules.
///
/// # Errors
/// [`AlreadySetUp`]
pub fn set_up(level: &str, json: bool) -> Result<(), AlreadySetUp> {
    let registry = tracing_subscriber::registry().with(filter(level));
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_target(true);
    let result = if json {
        let layer = layer.json().flatten_event(true).with_writer(OneLine { json, to: io::stderr });
        registry.with(layer).try_init()
    } else {
        registry.with(layer.with_writer(OneLine { json, to: io::stderr })).try_init()
    };
    result.map_err(|_| AlreadySetUp)?;
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic may hold anything, so it is not written; the place is what helps.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a panic: a defect of this program");
    }));
    Ok(())
}

fn filter(level: &str) -> Targets {
    let level = level.parse().unwrap_or(LevelFilter::INFO);
    Targets::new().with_default(LevelFilter::WARN).with_target("pruefstein", level)
}

/// Keeps every event on one line: control characters inside it become escapes (HTT-029).
#[derive(Debug, Clone, Copy)]
struct OneLine<W> {
    json: bool,
    to: fn() -> W,
}

impl<'a, W: Write + 'a> MakeWriter<'a> for OneLine<W> {
    type Writer = Escaping<W>;

    fn make_writer(&'a self) -> Escaping<W> {
        Escaping { json: self.json, to: (self.to)() }
    }
}

/// Writes one event, which comes in one piece and ends with a line break.
struct Escaping<W> {
    json: bool,
    to: W,
}

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.to.write_all(escape(&String::from_utf8_lossy(event), self.json).as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn escape(event: &str, json: bool) -> String {
    let (event, end) = event.strip_suffix('\n').map_or((event, ""), |event| (event, "\n"));
    let mut line = String::with_capacity(event.len().saturating_add(1));
    for character in event.chars() {
        let steers = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match u32::from(character) {
            code if (character.is_control() || steers) && json => write!(line, "\\u{code:04x}").ok(),
            code if character.is_control() || steers => write!(line, "\\u{{{code:x}}}").ok(),
            _ => {
                line.push(character);
                None
            }
        };
    }
    line.push_str(end);
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, PoisonError};

    static WRITTEN: Mutex<Vec<u8>> = Mutex::new(Vec::new());

    struct Sink;

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What one event looks like.
    fn logged(json: bool, event: impl FnOnce()) -> String {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let writer = OneLine { json, to: || Sink };
        let layer = tracing_subscriber::fmt::layer().with_ansi(false);
        let registry = tracing_subscriber::registry().with(filter("info"));
        WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if json {
            tracing::subscriber::with_default(
                registry.with(layer.json().flatten_event(true).with_writer(writer)),
                event,
            );
        } else {
            tracing::subscriber::with_default(registry.with(layer.with_writer(writer)), event);
        }
        String::from_utf8(WRITTEN.lock().unwrap_or_else(PoisonError::into_inner).clone()).unwrap()
    }

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        // HTT-029: line breaks, escape sequences and changes of direction become visible.
        let evil = "a\nlevel=ERROR\u{1b}[2J\u{7f}\u{9b}\u{202e}b";
        for json in [false, true] {
            let line = logged(json, || tracing::info!(field = evil, other = %evil, "{evil}"));
            assert_eq!(line.matches('\n').count(), 1, "{line:?}");
            assert!(line.ends_with('\n'));
            assert!(!line.trim_end().contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
            if json {
                let value: serde_json::Value = serde_json::from_str(&line).unwrap();
                assert_eq!(value["field"], evil);
            }
        }
    }

    #[test]
    fn libraries_are_heard_from_warnings_up() {
        assert_eq!(logged(true, || tracing::info!(target: "hyper", "headers of somebody")), "");
        assert!(logged(true, || tracing::warn!(target: "hyper", "x")).contains("hyper"));
        assert_eq!(logged(true, || tracing::debug!(target: "pruefstein::x", "x")), "");
        assert!(logged(true, || tracing::info!(target: "pruefstein::x", "x")).contains("pruefstein::x"));
    }
}
