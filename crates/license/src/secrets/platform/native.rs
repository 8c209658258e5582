//! macOS Keychain and Windows Credential Manager. Both unlock by themselves, at login or at
//! the first read, so that there is nothing to unlock ahead of a call.

use std::sync::Arc;
use std::time::Duration;

use keyring_core::api::{CredentialStore, CredentialStoreApi};
use keyring_core::error::PlatformError;
use keyring_core::{Error as StoreError, Result as StoreResult};

use super::super::{KeyringState, KeyringStatus, SecretError};
use super::Purpose;

pub(in super::super) const HAS_LABELS: bool = false;

pub(in super::super) fn open() -> StoreResult<Arc<CredentialStore>> {
    #[cfg(target_os = "macos")]
    let store = apple_native_keyring_store::keychain::Store::new()?;
    #[cfg(windows)]
    let store = windows_native_keyring_store::Store::new()?;
    Ok(store)
}

pub(in super::super) fn unlock(_: Purpose, _: &dyn Fn(bool)) -> Result<(), SecretError> {
    Ok(())
}

/// Asks for an entry that never exists: that reaches the keyring and cannot prompt, since
/// neither system asks about an item it does not have.
pub(in super::super) fn probe(service: &str, _: Duration) -> Result<KeyringStatus, SecretError> {
    let entry = open()
        .and_then(|store| store.build(service, "redline/probe", None))
        .map_err(explain)?;
    match entry.get_secret() {
        Ok(_) | Err(StoreError::NoEntry) => Ok(KeyringStatus::new(
            KeyringState::Ready,
            "the system keyring is ready",
        )),
        Err(error) => Err(explain(error)),
    }
}

pub(in super::super) fn explain(error: StoreError) -> SecretError {
    match error {
        StoreError::PlatformFailure(inner) | StoreError::NoStorageAccess(inner)
            if refused(&inner) =>
        {
            SecretError::Denied {
                detail: inner.to_string(),
            }
        }
        StoreError::NoStorageAccess(inner) => SecretError::Locked {
            detail: inner.to_string(),
        },
        StoreError::PlatformFailure(inner) => SecretError::Other {
            detail: inner.to_string(),
        },
        StoreError::BadEncoding(_) | StoreError::BadDataFormat(..) => SecretError::Damaged {
            detail: "the keyring's entry is not text".to_owned(),
        },
        // None of these carries what was stored.
        other => SecretError::Other {
            detail: other.to_string(),
        },
    }
}

/// The Keychain's "user cancelled" (-128) and "authorisation failed" (-25293). Its error type
/// belongs to a crate that is not ours to name, but its `Debug` form states the code.
fn refused(error: &PlatformError) -> bool {
    let form = format!("{error:?}");
    cfg!(target_os = "macos") && (form.contains("code: -128,") || form.contains("code: -25293,"))
}
