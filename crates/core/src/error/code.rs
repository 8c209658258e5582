//! The closed set of error codes, and what each means to a process and to a
//! client of the REST API. A variant exists only where a front end does
//! something of its own with it.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Code {
    /// No profile is signed in in this process.
    NotSignedIn,
    /// The key is well formed, but nobody signed in with it on this machine.
    NotSignedInHere,
    KeyMalformed,
    /// The key does not own the store that its hash names.
    KeyRefused,
    KeyringLocked,
    KeyringAbsent,
    KeyringDenied,
    /// The profile's key is kept in a passphrase file: ask for the passphrase.
    PassphraseNeeded,
    WrongPassphrase,
    StoreBusy,
    /// Unknown, or another key's: the two are told apart nowhere.
    NotFound,
    DiskFull,
    ReadOnly,
    SourceChanged,
    SourceVanished,
    Unreadable,
    BadName,
    AlreadyExists,
    Damaged,
    Cancelled,
    /// Not something that this version can do (a format, a kind of file).
    Unsupported,
    /// The data of a file is not what its format says.
    Malformed,
    /// A conversion would lose or reject values and was stopped.
    Lossy,
    /// A conversion's output did not prove equal to its source; nothing was kept.
    NotProved,
    /// Set up a bucket first.
    BucketMissing,
    /// The bucket's keys are refused, or a permission is missing.
    BucketDenied,
    /// The bucket answers, but not as a backup needs it to.
    BucketUnusable,
    /// A restore point is not signed by this key.
    NotAuthentic,
    /// Something that can destroy much was not confirmed: show it and ask.
    ConfirmationNeeded,
    /// The backup is encrypted and its data key is not here: ask for the recovery passphrase.
    BackupLocked,
    Network,
    /// Written by a newer Redline.
    TooNew,
    /// The request itself is wrong: an argument, a setting.
    BadRequest,
    Internal,
}

impl Code {
    /// Every code, for tables and tests.
    pub const ALL: [Code; 34] = [
        Code::NotSignedIn,
        Code::NotSignedInHere,
        Code::KeyMalformed,
        Code::KeyRefused,
        Code::KeyringLocked,
        Code::KeyringAbsent,
        Code::KeyringDenied,
        Code::PassphraseNeeded,
        Code::WrongPassphrase,
        Code::StoreBusy,
        Code::NotFound,
        Code::DiskFull,
        Code::ReadOnly,
        Code::SourceChanged,
        Code::SourceVanished,
        Code::Unreadable,
        Code::BadName,
        Code::AlreadyExists,
        Code::Damaged,
        Code::Cancelled,
        Code::Unsupported,
        Code::Malformed,
        Code::Lossy,
        Code::NotProved,
        Code::BucketMissing,
        Code::BucketDenied,
        Code::BucketUnusable,
        Code::NotAuthentic,
        Code::ConfirmationNeeded,
        Code::BackupLocked,
        Code::Network,
        Code::TooNew,
        Code::BadRequest,
        Code::Internal,
    ];

    /// The process exit status of the command line.
    pub fn exit_status(self) -> u8 {
        match self {
            Code::BadRequest => 2,
            Code::NotSignedIn
            | Code::NotSignedInHere
            | Code::KeyMalformed
            | Code::KeyRefused
            | Code::KeyringLocked
            | Code::KeyringAbsent
            | Code::KeyringDenied
            | Code::PassphraseNeeded
            | Code::WrongPassphrase => 3,
            Code::NotFound => 4,
            Code::StoreBusy => 5,
            _ => 1,
        }
    }

    /// The status of a REST answer.
    pub fn http_status(self) -> u16 {
        match self {
            Code::BadRequest | Code::BadName => 400,
            Code::NotSignedIn
            | Code::NotSignedInHere
            | Code::KeyMalformed
            | Code::KeyRefused
            | Code::KeyringLocked
            | Code::KeyringAbsent
            | Code::KeyringDenied
            | Code::PassphraseNeeded
            | Code::WrongPassphrase => 401,
            Code::NotFound => 404,
            Code::AlreadyExists | Code::SourceChanged | Code::SourceVanished | Code::Cancelled => {
                409
            }
            Code::Unsupported => 415,
            Code::Malformed | Code::Lossy | Code::NotProved | Code::Unreadable => 422,
            Code::BucketMissing | Code::ConfirmationNeeded | Code::BackupLocked => 409,
            Code::BucketDenied | Code::BucketUnusable | Code::NotAuthentic | Code::Network => 502,
            Code::StoreBusy => 503,
            Code::DiskFull => 507,
            Code::ReadOnly | Code::Damaged | Code::TooNew | Code::Internal => 500,
        }
    }
}
