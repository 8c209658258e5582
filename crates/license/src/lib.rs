//! Who someone is to Redline, and where that is kept: license keys, tiers, profiles, and the
//! places a secret can rest (the OS keyring, a passphrase file, memory).
//!
//! What it never does: touch a store's files, talk to a network, decide what an expired
//! or over-quota user may do, or hand a secret to anything that prints. A secret leaves
//! these types only through a method called `expose`.

mod files;
mod key;
mod profiles;
mod secret;
mod secrets;
mod tier;

pub use key::{KeyError, LicenseKey};
pub use profiles::{Profile, ProfileBook, ProfileError};
pub use secret::Secret;
pub use secrets::{
    KeyringState, KeyringStatus, KeyringTimeouts, OsKeyring, PassphraseFile, SecretError, SecretId,
    SecretName, SecretStore, SecretStoreKind, SessionOnly,
};
pub use tier::Tier;

/// Where a profile's secrets are kept. The same three places a [`SecretStore`] can be.
pub type KeptIn = SecretStoreKind;
