//! Answers to stdout, remarks and failures to stderr; JSON when asked.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::SystemTime;

use backend_core::{Error, Report};
use serde_json::Value;
use tracing_subscriber::EnvFilter;

use crate::exit::Exit;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What the manager answered.
    Error(Error),
    /// stdout is closed: whoever read it has had enough.
    Closed,
    /// The user stopped it.
    Interrupted,
}

impl From<Error> for Failure {
    fn from(err: Error) -> Self {
        Failure::Error(err)
    }
}

impl From<io::Error> for Failure {
    fn from(err: io::Error) -> Self {
        match err.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::Error(
                Error::new(backend_core::ErrorKind::Internal, "cannot write the answer").with_source(err),
            ),
        }
    }
}

/// How the user wants to be answered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

impl Output {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet }
    }

    /// One line of the answer.
    pub(crate) fn line(&self, text: impl Display) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        Ok(writeln!(stdout, "{text}")?)
    }

    /// The answer, or a part of it, as one line of JSON.
    pub(crate) fn json(&self, value: &Value) -> Result<(), Failure> {
        self.line(value)
    }

    /// A remark for a person.
    pub(crate) fn remark(&self, text: impl Display) {
        if !self.quiet && !self.json {
            // A stderr that is closed has nobody to complain to.
            let _ = writeln!(io::stderr().lock(), "{text}");
        }
    }

    /// Bars are for terminals.
    pub(crate) fn shows_progress(&self) -> bool {
        !self.quiet && !self.json && io::stderr().is_terminal()
    }

    pub(crate) fn failure(&self, failure: &Failure) -> Exit {
        match failure {
            Failure::Closed => Exit::Ok,
            Failure::Interrupted => {
                self.remark("interrupted");
                Exit::Interrupted
            }
            Failure::Error(err) => {
                self.error(err);
                Exit::of(err.kind())
            }
        }
    }

    fn error(&self, err: &Error) {
        let mut stderr = io::stderr().lock();
        let _ = match self.json {
            true => {
                let report = serde_json::to_string(&Report::new(err, SystemTime::now())).unwrap_or_default();
                writeln!(stderr, "{report}")
            }
            false => {
                let causes: String =
                    err.causes().iter().map(|cause| format!("\n  because: {}", escape(cause))).collect();
                writeln!(stderr, "error: {}{causes}", escape(&err.to_string()))
            }
        };
    }
}

/// Text from outside as it may stand on a terminal: control characters, which could move the cursor or worse, are written as escapes.
pub(crate) fn escape(text: &str) -> String {
    let harmless = |it: char| {
        !it.is_control() && !matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
    };
    text.chars().flat_map(|it| if harmless(it) { vec![it] } else { it.escape_default().collect() }).collect()
}

/// Names need not be text: for a terminal.
pub(crate) fn name(bytes: &[u8]) -> String {
    escape(&String::from_utf8_lossy(bytes))
}

/// A size for people: binary units.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

pub(crate) fn start_log(filter: Option<&str>, json: bool) {
    let filter = EnvFilter::try_new(filter.unwrap_or("warn")).unwrap_or_else(|_| EnvFilter::new("warn"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    // Started twice only in tests: the first one stays.
    let _ = match json {
        true => builder.json().try_init(),
        false => builder.with_ansi(colour).compact().try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_comes_through() {
        assert_eq!(escape("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
        assert_eq!(name(b"caf\xc3\xa9 \xff"), "caf\u{e9} \u{fffd}");
    }
}
