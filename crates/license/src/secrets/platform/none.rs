//! Systems whose keyring Redline does not know: always absent, so that the two labelled
//! fallbacks are offered.

use std::sync::Arc;
use std::time::Duration;

use keyring_core::api::CredentialStore;
use keyring_core::{Error as StoreError, Result as StoreResult};

use super::super::{KeyringStatus, SecretError};
use super::Purpose;

pub(in super::super) const HAS_LABELS: bool = false;

pub(in super::super) fn open() -> StoreResult<Arc<CredentialStore>> {
    Err(StoreError::NoDefaultStore)
}

pub(in super::super) fn unlock(_: Purpose, _: &dyn Fn(bool)) -> Result<(), SecretError> {
    Err(absent())
}

pub(in super::super) fn probe(_: &str, _: Duration) -> Result<KeyringStatus, SecretError> {
    Err(absent())
}

pub(in super::super) fn explain(_: StoreError) -> SecretError {
    absent()
}

fn absent() -> SecretError {
    SecretError::Absent {
        detail: "Redline knows no keyring on this system".to_owned(),
    }
}
