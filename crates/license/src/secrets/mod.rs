//! Where a secret can rest. One trait, three places: the OS keyring, and the two fallbacks
//! that a person may choose by name: a passphrase-protected file, or this session only.
//! Nothing here chooses for them, and nothing falls back in silence.

mod keyring;
mod passphrase;
mod platform;
mod session;

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Secret;

pub use keyring::{KeyringTimeouts, OsKeyring};
pub use passphrase::PassphraseFile;
pub use session::SessionOnly;

/// Which secret of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretName {
    LicenseKey,
    S3AccessKey,
    S3SecretKey,
    RecoveryKey,
    /// What backups are encrypted with before they are sent.
    DataKey,
}

impl SecretName {
    pub const ALL: [Self; 5] = [
        Self::LicenseKey,
        Self::S3AccessKey,
        Self::S3SecretKey,
        Self::RecoveryKey,
        Self::DataKey,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::LicenseKey => "license_key",
            Self::S3AccessKey => "s3_access_key",
            Self::S3SecretKey => "s3_secret_key",
            Self::RecoveryKey => "recovery_key",
            Self::DataKey => "data_key",
        }
    }

    /// As a person reads it in their keyring's own window.
    fn label(self) -> &'static str {
        match self {
            Self::LicenseKey => "license key",
            Self::S3AccessKey => "S3 access key",
            Self::S3SecretKey => "S3 secret key",
            Self::RecoveryKey => "recovery key",
            Self::DataKey => "data key of the backup",
        }
    }
}

/// One secret of one profile. Prints as `research-desk/license_key`, which is also the
/// account name it has in the OS keyring.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId {
    /// The profile's [name](crate::Profile::name).
    pub profile: String,
    pub name: SecretName,
}

impl SecretId {
    pub fn new(profile: impl Into<String>, name: SecretName) -> Self {
        Self {
            profile: profile.into(),
            name,
        }
    }
}

impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.profile, self.name.as_str())
    }
}

/// What a [`SecretStore`] is, and where a profile's secrets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretStoreKind {
    Keyring,
    PassphraseFile,
    SessionOnly,
}

impl SecretStoreKind {
    pub fn label(self) -> &'static str {
        match self {
            Self::Keyring => "System keyring",
            Self::PassphraseFile => "File protected by a passphrase",
            Self::SessionOnly => "This session only",
        }
    }
}

/// What can be expected of a store of secrets right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyringState {
    Ready,
    /// There, but it waits to be unlocked or does not answer: trying again can help.
    Locked,
    /// This computer or this session offers none.
    Absent,
    /// There, and it refuses this program.
    Denied,
}

/// A state, and a sentence for the person about it. `detail` never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyringStatus {
    pub state: KeyringState,
    pub detail: String,
}

impl KeyringStatus {
    fn new(state: KeyringState, detail: impl Into<String>) -> Self {
        Self {
            state,
            detail: detail.into(),
        }
    }
}

/// Why a secret could not be read, kept or removed. `detail` says more for a person, and never
/// holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    #[error("The system keyring is locked: {detail}.")]
    Locked { detail: String },
    #[error("There is no keyring: {detail}.")]
    Absent { detail: String },
    #[error("The system keyring refused: {detail}.")]
    Denied { detail: String },
    #[error("The passphrase does not open \"{}\".", path.display())]
    WrongPassphrase { path: PathBuf },
    /// The passphrase file of a profile was taken away. `name` is the file's own.
    #[error("The file of secrets \"{name}\" is not there.")]
    NoFile { name: String },
    #[error("The secrets cannot be read: {detail}.")]
    Damaged { detail: String },
    #[error("Could not {action} \"{}\": {source}.", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// Whether the change was made is not known: ask again.
    #[error("No answer in time: {detail}.")]
    TimedOut { detail: String },
    #[error("The secrets could not be reached: {detail}.")]
    Other { detail: String },
}

impl SecretError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Locked { .. } => {
                "unlock the keyring and retry, or keep the key in a passphrase file or for this session only."
            }
            Self::Absent { .. } => {
                "start a keyring (GNOME Keyring, KWallet or KeePassXC) and retry, or choose a passphrase file or this session only."
            }
            Self::Denied { .. } => {
                "allow Redline in the keyring's own settings and retry, or choose a passphrase file or this session only."
            }
            Self::WrongPassphrase { .. } => {
                "type the passphrase again; upper and lower case differ."
            }
            Self::NoFile { .. } => {
                "put it back from a copy, or sign in again with the license key."
            }
            Self::Damaged { .. } => {
                "the file was left as it is; restore it from a copy, or sign in again with the license key."
            }
            Self::Io { .. } => "check that the folder exists, is yours and has space, then retry.",
            Self::TimedOut { .. } => "retry; if a keyring window is open, answer it first.",
            Self::Other { .. } => "retry, or choose a passphrase file or this session only.",
        }
    }

    /// Whether the same call may succeed later without anything else changing in Redline.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::WrongPassphrase { .. } | Self::Damaged { .. })
    }
}

/// A place that keeps secrets. Calls may block for as long as the store's own limit says,
/// never longer: run them off the interface's thread.
pub trait SecretStore: Send + Sync {
    /// Looks without touching a secret, and without a prompt wherever the platform can tell.
    fn status(&self) -> KeyringStatus;

    /// `None` when there is no such secret. A locked store is an error, never `None`.
    fn get(&self, id: &SecretId) -> Result<Option<Secret>, SecretError>;

    /// Keeps the secret, in place of an earlier one.
    fn set(&self, id: &SecretId, secret: &Secret) -> Result<(), SecretError>;

    /// Removes the secret. Removing what is not there is no error.
    fn delete(&self, id: &SecretId) -> Result<(), SecretError>;

    fn kind(&self) -> SecretStoreKind;
}
