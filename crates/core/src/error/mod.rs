//! What can go wrong, in the words a person meets.
//!
//! Each of the four crates below has an error of its own; here, and nowhere else,
//! each becomes a code, a sentence on what happened to what, and a hint on what to
//! do next. Every text passes [`scrub`], so no absolute path and no secret leaves,
//! whatever a library below put in its message.

mod code;
mod from_aws_profile;
mod from_backup;
mod from_convert;
mod from_license;
mod from_store;
mod scrub;

#[cfg(test)]
mod tests;

pub use code::Code;
pub(crate) use from_backup::beside_sealed;
pub(crate) use from_convert::{THE_QUERY, convert_error};
pub(crate) use from_store::{Doing, cancelled, store_error};
pub(crate) use scrub::hide_root;
pub use scrub::scrub;

use crate::contract::ErrorReport;
use crate::text;

/// What to do about a full disk below the data folder.
pub(crate) const FREE_SPACE: &str =
    "Free some space, or move the data folder and point REDLINE_DATA_DIR at it.";

/// An error on its way to a front end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreError(Box<ErrorReport>);

impl std::fmt::Display for CoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for CoreError {}

impl CoreError {
    /// `message` says what happened, to what; `hint` what to do next, or nothing.
    pub fn new(code: Code, message: impl AsRef<str>, hint: impl AsRef<str>) -> Self {
        let retryable = matches!(
            code,
            Code::KeyringLocked
                | Code::KeyringAbsent
                | Code::PassphraseNeeded
                | Code::WrongPassphrase
                | Code::StoreBusy
                | Code::DiskFull
                | Code::ReadOnly
                | Code::SourceChanged
                | Code::Cancelled
                | Code::Network
        );
        Self(Box::new(ErrorReport {
            code,
            message: scrub(message.as_ref()),
            // The crates below write their hints for the end of a line.
            hint: text::sentence(&scrub(hint.as_ref())),
            retryable,
        }))
    }

    fn with_retryable(mut self, retryable: bool) -> Self {
        self.0.retryable = retryable;
        self
    }

    /// A request that cannot be right whatever the state: exit status 2, HTTP 400.
    pub fn bad_request(message: impl AsRef<str>, hint: impl AsRef<str>) -> Self {
        Self::new(Code::BadRequest, message, hint)
    }

    pub fn report(&self) -> ErrorReport {
        (*self.0).clone()
    }

    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The command line's exit status, as INTERFACES lists them.
    pub fn exit_status(&self) -> u8 {
        self.0.code.exit_status()
    }

    pub fn http_status(&self) -> u16 {
        self.0.code.http_status()
    }
}

impl From<ErrorReport> for CoreError {
    fn from(report: ErrorReport) -> Self {
        Self(Box::new(report))
    }
}
