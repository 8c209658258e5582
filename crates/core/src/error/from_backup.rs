//! What a bucket could not do, in words. The crate below writes its messages for
//! people; here they get a code.

use redline_backup::BackupError;

use super::{Code, CoreError};
use crate::text;

/// A restore point that cannot be read says that it is encrypted, and there is no key here.
pub(crate) fn beside_sealed(id: &str) -> CoreError {
    CoreError::new(
        Code::BackupLocked,
        format!(
            "Restore point {id} cannot be read and says that it is encrypted, and this machine has no key for it, so nothing was sent in the clear."
        ),
        "If backups are encrypted, open them with the recovery passphrase under Backup, or with `redline backup unlock`. If they never were, remove that restore point from the bucket.",
    )
}

impl From<BackupError> for CoreError {
    fn from(error: BackupError) -> Self {
        let code = match &error {
            BackupError::Cancelled => return super::cancelled(),
            BackupError::AwsProfile { profile, problem } => {
                return super::from_aws_profile::profile_error(profile, problem);
            }
            BackupError::AwsFile { .. } => Code::Unreadable,
            BackupError::Unreachable { .. } | BackupError::Throttled { .. } => Code::Network,
            BackupError::AccessDenied { .. }
            | BackupError::WrongCredentials
            | BackupError::CredentialsExpired => Code::BucketDenied,
            BackupError::NoSuchBucket { .. }
            | BackupError::WrongRegion { .. }
            | BackupError::ClockSkew { .. }
            | BackupError::Unsupported { .. }
            | BackupError::TidiedAway { .. }
            | BackupError::Service { .. } => Code::BucketUnusable,
            BackupError::BadConfig { .. } => Code::BadRequest,
            BackupError::NotFound { .. } => Code::NotFound,
            BackupError::Damaged { .. } => Code::Damaged,
            BackupError::Forged { .. } => Code::NotAuthentic,
            BackupError::TooNew { .. } => Code::TooNew,
            BackupError::Locked { .. } => Code::BackupLocked,
            BackupError::WrongPassphrase => Code::WrongPassphrase,
            BackupError::NoWrappedKey | BackupError::CrowdedKeys { .. } => Code::BucketUnusable,
            BackupError::SourceChanged { .. } => Code::SourceChanged,
            BackupError::BadName { .. } => Code::BadName,
            BackupError::Io { source, .. } => super::from_license::io_code(source),
            _ => Code::Internal,
        };
        let retryable = error.retryable();
        // Its sentences begin as they are to be shown, some with a name.
        Self::new(code, text::plain(&error.to_string()), error.hint()).with_retryable(retryable)
    }
}
