//! The words that cross a boundary: what the window, the command line and the
//! REST API are told, and nothing else.
//!
//! Every type here is plain data, serialised in snake_case, and generated into
//! TypeScript (`ui/src/lib/contract/`) by `cargo test`; CI fails if the committed
//! files differ. Nothing here ever holds a secret or an absolute path. Times are
//! RFC 3339 in UTC, sizes are bytes, and whole numbers stay below 2^53; a value
//! of the user's data that might not is text.

mod backup;
mod bucket;
mod convert;
mod files;
mod jobs;
mod machine;
mod proof;
mod session;
mod tables;
mod transfer;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use backup::*;
pub use bucket::*;
pub use convert::*;
pub use files::*;
pub use jobs::*;
pub use machine::*;
pub use proof::*;
pub use session::*;
pub use tables::*;
pub use transfer::*;

/// An error as a person meets it: the same words in window, CLI and API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ErrorReport {
    pub code: crate::error::Code,
    /// What happened, to what.
    pub message: String,
    /// What to do next; empty when there is nothing to do.
    pub hint: String,
    /// Whether doing the same again later can succeed.
    pub retryable: bool,
}

/// Whether a secret is given, and nothing else of it.
fn masked(secret: &Option<String>) -> Option<&'static str> {
    secret.as_ref().map(|_| "••••")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_in_is_not_printed() {
        let request = SignInRequest {
            key: Some("RL-HUNTER22-HUNTER22-HUNTER22".into()),
            label: Some("desk".into()),
            keep: KeptIn::PassphraseFile,
            passphrase: Some("hunter2".into()),
        };
        let setup = BucketSetup {
            bucket: "desk".into(),
            region: String::new(),
            endpoint_url: None,
            access_key: Some("hunter2".into()),
            secret_key: Some("hunter2".into()),
            aws_profile: None,
            server_encryption: None,
            recovery_passphrase: Some("hunter2".into()),
        };
        let said = format!("{request:?} {setup:#?}");
        assert!(!said.to_lowercase().contains("hunter2"), "{said}");
        assert!(said.contains("••••") && said.contains("desk"), "{said}");
    }
}
