//! What can go wrong with a bucket, with the data a good message needs. Never a
//! secret, never a file's content, never a signed URL.

use std::io;

use thiserror::Error;

use crate::aws_profile::ProfileProblem;
use crate::names::NameProblem;

/// Why a backup, restore or check stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    #[error("The bucket \"{bucket}\" does not exist at {endpoint}.")]
    NoSuchBucket { bucket: String, endpoint: String },
    /// `operation` is the permission's name, such as `s3:PutObject`.
    #[error("The bucket refused {operation}: these credentials are not allowed to do it.")]
    AccessDenied { operation: String },
    #[error("The bucket does not accept the access key or the secret key.")]
    WrongCredentials,
    #[error("The credentials for the bucket have expired.")]
    CredentialsExpired,
    #[error("The AWS profile \"{profile}\" gives no keys.")]
    AwsProfile {
        profile: String,
        problem: ProfileProblem,
    },
    /// `file` as a person knows it, without its folders.
    #[error("Could not read \"{file}\" of the AWS configuration: {why}.")]
    AwsFile { file: String, why: String },
    #[error("The bucket is in another region{}.", .expected.as_ref().map(|r| format!(", {r}")).unwrap_or_default())]
    WrongRegion { expected: Option<String> },
    #[error("Could not reach {endpoint}: {detail}.")]
    Unreachable { endpoint: String, detail: String },
    /// Seconds that this machine's clock is ahead of the server's; negative when behind.
    #[error("This machine's clock {}.", off_by(*.seconds))]
    ClockSkew { seconds: Option<i64> },
    #[error("The bucket kept asking to slow down ({operation}).")]
    Throttled { operation: String },
    #[error("{what} is not in the bucket.")]
    NotFound { what: String },
    #[error("{what} is damaged in the bucket: its bytes are not the ones that were stored.")]
    Damaged { what: String },
    #[error("{what} was not written with this license key, or was changed since.")]
    Forged { what: String },
    #[error("{what} was written by a newer Redline (format {version}).")]
    TooNew { what: String, version: u32 },
    /// `key` is the id of the data key that is not held.
    #[error("{what} is encrypted, and its key is not on this machine.")]
    Locked { what: String, key: String },
    #[error("That passphrase does not open this backup.")]
    WrongPassphrase,
    #[error("The bucket does not have the backup's key, so that no other machine could open it.")]
    NoWrappedKey,
    #[error(
        "The bucket has {files} files where the keys of this backup are: too many to look through."
    )]
    CrowdedKeys { files: usize },
    #[error("\"{path}\" changed while it was being read.")]
    SourceChanged { path: String },
    #[error("{what} has a name that cannot be accepted: {problem}.")]
    BadName { what: String, problem: NameProblem },
    #[error("The bucket's settings are not usable: {what}.")]
    BadConfig { what: String },
    #[error("This server does not offer {operation}.")]
    Unsupported { operation: String },
    #[error("The bucket answered {operation} with an error: {message}.")]
    Service {
        operation: String,
        status: u16,
        message: String,
    },
    /// `contents` (SHA-256) were there when this run looked first, and are not any more.
    #[error(
        "Something that the new restore point needs was removed from the bucket meanwhile, so none was made."
    )]
    TidiedAway {
        contents: std::collections::BTreeSet<String>,
    },
    #[error("Cancelled.")]
    Cancelled,
    #[error("Could not {what}: {source}.")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },
}

/// `seconds` ahead of the server, in the words after "This machine's clock".
fn off_by(seconds: Option<i64>) -> String {
    let Some(seconds) = seconds.filter(|s| *s != 0) else {
        return "differs from the server's".to_owned();
    };
    let by = match seconds.unsigned_abs() {
        s @ 0..60 => format!("{s} s"),
        s @ 60..7200 => format!("{} min", s / 60),
        s @ 7200..172_800 => format!("{} h", s / 3600),
        s => format!("{} days", s / 86_400),
    };
    let side = if seconds > 0 { "ahead of" } else { "behind" };
    format!("is {by} {side} the server's")
}

impl BackupError {
    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }

    /// What the person can do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoSuchBucket { .. } => {
                "check the bucket's name and the endpoint, or create the bucket."
            }
            Self::AccessDenied { .. } => {
                "add that permission to the access key's policy; `redline backup probe` tests each one."
            }
            Self::WrongCredentials => {
                "copy both keys again; the secret key is shown only when it is made."
            }
            Self::CredentialsExpired => {
                "enter new credentials under Backup; where an AWS profile gives them, sign in to it again."
            }
            Self::AwsProfile { .. } => "choose another profile under Backup, or enter keys.",
            Self::AwsFile { .. } => "correct that file, or enter keys under Backup.",
            Self::WrongRegion { .. } => "set the bucket's own region under Backup.",
            Self::Unreachable { .. } => {
                "check the network and the endpoint, then try again; nothing was lost."
            }
            Self::ClockSkew { .. } => "set this machine's date and time, then try again.",
            Self::Throttled { .. } => "try again later; what was sent already is kept.",
            Self::NotFound { .. } => {
                "choose another restore point, or check that this is the right bucket and license key."
            }
            Self::Damaged { .. } => "choose an earlier restore point.",
            Self::Forged { .. } => {
                "choose a restore point that is marked authentic, and find out who can write to this bucket."
            }
            Self::TooNew { .. } => "update Redline on this machine.",
            Self::Locked { .. } => {
                "enter the recovery passphrase under Backup, or run `redline backup unlock`."
            }
            Self::WrongPassphrase => {
                "type it again; capitals and spaces count. There is no limit of tries."
            }
            Self::NoWrappedKey => {
                "choose the recovery passphrase anew (`redline backup passphrase`), then back up."
            }
            Self::CrowdedKeys { .. } => {
                "find out who can write to this bucket, and remove what is not Redline's from `.redline/keys`."
            }
            Self::SourceChanged { .. } => "run the backup again once the file is at rest.",
            Self::BadName { .. } => {
                "the other files can be restored; rename this one where it was backed up, then back up there again."
            }
            Self::BadConfig { .. } => "correct it under Backup.",
            Self::Unsupported { .. } => "`redline backup probe` shows what this server can do.",
            Self::Service { .. } => "try again; if it stays, look at the server's own log.",
            Self::TidiedAway { .. } => "run the backup again: it sends what is missing.",
            Self::Cancelled => "run it again to go on; what was sent already is kept.",
            Self::Io { .. } => "check the free space and the permissions of the folder.",
        }
    }

    /// Whether the same call may work a little later with nothing else changed.
    pub fn retryable(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Throttled { .. }
                | Self::Service { .. }
                | Self::TidiedAway { .. }
                | Self::SourceChanged { .. }
                | Self::Cancelled
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a person reads, whole: a change here is a change of the product.
    #[test]
    fn messages_say_what_happened_and_what_to_do() {
        let said = [
            BackupError::NoSuchBucket {
                bucket: "b".into(),
                endpoint: "https://e".into(),
            },
            BackupError::AccessDenied {
                operation: "s3:PutObject".into(),
            },
            BackupError::WrongCredentials,
            BackupError::CredentialsExpired,
            BackupError::WrongRegion {
                expected: Some("eu-central-1".into()),
            },
            BackupError::Unreachable {
                endpoint: "https://e".into(),
                detail: "nothing came or went for a while".into(),
            },
            BackupError::ClockSkew {
                seconds: Some(-1200),
            },
            BackupError::ClockSkew {
                seconds: Some(86_400),
            },
            BackupError::Throttled {
                operation: "s3:PutObject".into(),
            },
            BackupError::Damaged {
                what: "\"q3.csv\"".into(),
            },
            BackupError::Cancelled,
            BackupError::io(
                "write a restored file",
                io::Error::from(io::ErrorKind::StorageFull),
            ),
        ]
        .map(|error| format!("{error} hint: {}", error.hint()));
        assert_eq!(
            said.join("\n"),
            "The bucket \"b\" does not exist at https://e. hint: check the bucket's name and the endpoint, or create the bucket.\n\
             The bucket refused s3:PutObject: these credentials are not allowed to do it. hint: add that permission to the access key's policy; `redline backup probe` tests each one.\n\
             The bucket does not accept the access key or the secret key. hint: copy both keys again; the secret key is shown only when it is made.\n\
             The credentials for the bucket have expired. hint: enter new credentials under Backup; where an AWS profile gives them, sign in to it again.\n\
             The bucket is in another region, eu-central-1. hint: set the bucket's own region under Backup.\n\
             Could not reach https://e: nothing came or went for a while. hint: check the network and the endpoint, then try again; nothing was lost.\n\
             This machine's clock is 20 min behind the server's. hint: set this machine's date and time, then try again.\n\
             This machine's clock is 24 h ahead of the server's. hint: set this machine's date and time, then try again.\n\
             The bucket kept asking to slow down (s3:PutObject). hint: try again later; what was sent already is kept.\n\
             \"q3.csv\" is damaged in the bucket: its bytes are not the ones that were stored. hint: choose an earlier restore point.\n\
             Cancelled. hint: run it again to go on; what was sent already is kept.\n\
             Could not write a restored file: no storage space. hint: check the free space and the permissions of the folder."
        );
    }
}
