//! Keys, secrets and profiles, in words.

use redline_license::{KeyError, ProfileError, SecretError};

use super::{Code, CoreError};
use crate::text;

impl From<KeyError> for CoreError {
    fn from(error: KeyError) -> Self {
        let code = match error {
            KeyError::NoRandomness => Code::Internal,
            _ => Code::KeyMalformed,
        };
        Self::new(code, error.to_string(), error.hint())
    }
}

impl From<SecretError> for CoreError {
    fn from(error: SecretError) -> Self {
        let hint = error.hint();
        match error {
            SecretError::Locked { .. } => Self::new(Code::KeyringLocked, error.to_string(), hint),
            SecretError::Absent { .. } => Self::new(Code::KeyringAbsent, error.to_string(), hint),
            SecretError::Denied { .. } => Self::new(Code::KeyringDenied, error.to_string(), hint),
            // No answer is what a keyring gives that waits for its password elsewhere.
            SecretError::TimedOut { detail } => Self::new(
                Code::KeyringLocked,
                format!("{}.", text::sentence(&super::scrub(&detail))),
                hint,
            ),
            // The key is out of reach, as without a keyring.
            SecretError::NoFile { .. } => Self::new(Code::KeyringAbsent, error.to_string(), hint),
            SecretError::WrongPassphrase { .. } => Self::new(
                Code::WrongPassphrase,
                "The passphrase does not open this profile.",
                hint,
            ),
            SecretError::Damaged { .. } => Self::new(Code::Damaged, error.to_string(), hint),
            SecretError::Io { action, source, .. } => Self::new(
                io_code(&source),
                format!("Could not {action} the file of secrets: {}.", source.kind()),
                hint,
            ),
            other => Self::new(Code::Internal, other.to_string(), hint),
        }
    }
}

impl From<ProfileError> for CoreError {
    fn from(error: ProfileError) -> Self {
        let hint = error.hint();
        match error {
            ProfileError::NotFound { .. } => Self::new(Code::NotFound, error.to_string(), hint),
            ProfileError::BadName { .. } => Self::new(Code::BadName, error.to_string(), hint),
            ProfileError::SameKey { .. } => Self::new(Code::AlreadyExists, error.to_string(), hint),
            ProfileError::Incomplete { .. } => Self::new(Code::Damaged, error.to_string(), hint),
            ProfileError::Busy { .. } => Self::new(
                Code::StoreBusy,
                "Another Redline is changing the profiles of this machine.",
                hint,
            ),
            ProfileError::Newer { found, .. } => Self::new(
                Code::TooNew,
                format!(
                    "The profiles of this machine were written by a newer Redline (format {found})."
                ),
                hint,
            ),
            ProfileError::Io { action, source, .. } => Self::new(
                io_code(&source),
                format!(
                    "Could not {action} the profiles of this machine: {}.",
                    source.kind()
                ),
                hint,
            ),
            other => Self::new(Code::Internal, other.to_string(), hint),
        }
    }
}

pub(super) fn io_code(error: &std::io::Error) -> Code {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Code::DiskFull,
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Code::ReadOnly,
        ErrorKind::AlreadyExists => Code::AlreadyExists,
        _ => Code::Internal,
    }
}
