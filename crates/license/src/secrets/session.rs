//! Secrets in memory, gone when the program ends. One of the two labelled fallbacks.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::{KeyringState, KeyringStatus, SecretError, SecretId, SecretStore, SecretStoreKind};
use crate::Secret;

/// Keeps secrets until it is dropped, then wipes them. Nothing is written anywhere.
#[derive(Default)]
pub struct SessionOnly {
    secrets: Mutex<HashMap<SecretId, Secret>>,
}

impl SessionOnly {
    pub fn new() -> Self {
        Self::default()
    }
}

impl SecretStore for SessionOnly {
    fn status(&self) -> KeyringStatus {
        KeyringStatus::new(KeyringState::Ready, "kept in memory until Redline closes")
    }

    fn get(&self, id: &SecretId) -> Result<Option<Secret>, SecretError> {
        Ok(self.secrets.lock().get(id).cloned())
    }

    fn set(&self, id: &SecretId, secret: &Secret) -> Result<(), SecretError> {
        self.secrets.lock().insert(id.clone(), secret.clone());
        Ok(())
    }

    fn delete(&self, id: &SecretId) -> Result<(), SecretError> {
        self.secrets.lock().remove(id);
        Ok(())
    }

    fn kind(&self) -> SecretStoreKind {
        SecretStoreKind::SessionOnly
    }
}
