//! How a command ends when it does not end well: the words, and the exit status.
//!
//! Core's errors keep their words; only what the command line itself refuses is
//! worded here. It never holds a secret.

use std::io;

use redline_core::CoreError;
use serde::Serialize;

/// Exit statuses, as INTERFACES fixes them.
pub mod status {
    pub const DONE: u8 = 0;
    pub const FAILED: u8 = 1;
    pub const USAGE: u8 = 2;
    pub const NO_KEY: u8 = 3;
    pub const NOT_FOUND: u8 = 4;
    pub const IN_PART: u8 = 6;
}

/// What stands in `{"error": …}` on stderr.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub code: String,
    pub message: String,
    pub hint: String,
    pub retryable: bool,
}

#[derive(Debug, Clone)]
pub struct Failure {
    pub report: Report,
    pub status: u8,
    /// The reader of our output went away (`| head`): end without a word.
    pub quiet: bool,
}

/// The exit status of a command that ended as it should.
pub type Outcome = Result<u8, Failure>;

impl Failure {
    pub fn new(
        status: u8,
        code: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            report: Report {
                code: code.to_owned(),
                message: message.into(),
                hint: hint.into(),
                retryable: false,
            },
            status,
            quiet: false,
        }
    }

    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(status::USAGE, "usage", message, hint)
    }

    /// What a job or one file of many reported.
    pub fn reported(report: redline_core::ErrorReport, status: u8) -> Self {
        Self {
            report: Report {
                code: code_text(&report.code),
                message: report.message,
                hint: report.hint,
                retryable: report.retryable,
            },
            status,
            quiet: false,
        }
    }

    /// A local file or stream that the command line itself reads or writes.
    pub fn io(what: &str, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            let mut quiet = Self::new(status::DONE, "pipe", "", "");
            quiet.quiet = true;
            return quiet;
        }
        Self::new(
            status::FAILED,
            "io",
            format!("{what}: {}.", plain(error)),
            "",
        )
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.report.hint = hint.into();
        self
    }
}

/// The system's words without its number: `No such file or directory`.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// The snake_case text that a code has everywhere.
pub fn code_text(code: &redline_core::Code) -> String {
    match serde_json::to_value(code) {
        Ok(serde_json::Value::String(text)) => text,
        _ => "failed".to_owned(),
    }
}

impl From<CoreError> for Failure {
    fn from(error: CoreError) -> Self {
        Self::reported(error.report(), error.exit_status())
    }
}

/// Only for writing to stdout.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::io("Could not write the output", &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(failure.quiet);
        assert_eq!(failure.status, 0);
    }

    #[test]
    fn system_errors_lose_their_numbers() {
        let failure = Failure::io("Could not read \"x\"", &io::Error::from_raw_os_error(2));
        assert!(
            !failure.report.message.contains("os error"),
            "{}",
            failure.report.message
        );
        assert!(failure.report.message.starts_with("Could not read \"x\": "));
    }
}
