//! The places a secret of this process can rest, and the keyring as last seen.
//!
//! It picks the place that a profile names and nothing else: a keyring that does
//! not answer is told, never replaced by another place in silence.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use redline_license::{
    KeptIn, KeyringState, KeyringStatus, LicenseKey, OsKeyring, PassphraseFile, Secret,
    SecretError, SecretId, SecretName, SecretStore, SessionOnly,
};

use crate::error::{Code, CoreError};

/// All of our entries in the keyring share this name.
const SERVICE: &str = "redline";

pub(crate) struct Vault {
    config_dir: PathBuf,
    keyring: Arc<OsKeyring>,
    session: Arc<SessionOnly>,
    /// Passphrase files that were opened in this process, by profile.
    files: Mutex<HashMap<String, Arc<PassphraseFile>>>,
    seen: Mutex<Option<KeyringStatus>>,
}

impl Vault {
    /// Touches no keyring.
    pub(crate) fn new(config_dir: PathBuf) -> Self {
        Self {
            config_dir,
            keyring: Arc::new(OsKeyring::new(SERVICE)),
            session: Arc::new(SessionOnly::new()),
            files: Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// The keyring as last seen, or as it is if nobody looked yet.
    pub(crate) fn keyring(&self) -> KeyringStatus {
        let seen = self.seen.lock().clone();
        seen.unwrap_or_else(|| self.look())
    }

    /// Asks the keyring anew. May take the two seconds of its limit.
    pub(crate) fn look(&self) -> KeyringStatus {
        let status = self.keyring.status();
        *self.seen.lock() = Some(status.clone());
        status
    }

    /// In memory only: for keys from the environment.
    pub(crate) fn memory(&self) -> Arc<dyn SecretStore> {
        self.session.clone()
    }

    fn file_path(&self, profile: &str) -> PathBuf {
        self.config_dir
            .join("secrets")
            .join(format!("{profile}.age"))
    }

    /// Where `profile` keeps its secrets.
    ///
    /// # Errors
    /// [`Code::PassphraseNeeded`] while its passphrase file is not open yet.
    pub(crate) fn place(
        &self,
        profile: &str,
        kept_in: KeptIn,
    ) -> Result<Arc<dyn SecretStore>, CoreError> {
        Ok(match kept_in {
            KeptIn::Keyring => self.keyring.clone(),
            KeptIn::SessionOnly => self.session.clone(),
            KeptIn::PassphraseFile => self.files.lock().get(profile).cloned().ok_or_else(|| {
                CoreError::new(
                    Code::PassphraseNeeded,
                    "The secrets of this profile are protected by a passphrase.",
                    "Type the passphrase to open them.",
                )
            })?,
        })
    }

    /// Opens the passphrase file of `profile`, for the rest of this process.
    pub(crate) fn open_file(&self, profile: &str, passphrase: &str) -> Result<(), CoreError> {
        let file = PassphraseFile::open(self.file_path(profile), &Secret::from(passphrase))?;
        self.files.lock().insert(profile.to_owned(), Arc::new(file));
        Ok(())
    }

    /// Makes the passphrase file of `profile`. One that is there is opened, so that a
    /// second sign-in needs the passphrase of the first.
    pub(crate) fn make_file(
        &self,
        profile: &str,
        passphrase: Option<&str>,
    ) -> Result<(), CoreError> {
        let passphrase = passphrase.filter(|text| !text.is_empty()).ok_or_else(|| {
            CoreError::new(
                Code::PassphraseNeeded,
                "A passphrase file needs a passphrase.",
                "Choose one that you will remember: nobody can recover it.",
            )
        })?;
        let path = self.file_path(profile);
        if PassphraseFile::exists(&path) {
            return self.open_file(profile, passphrase);
        }
        let file = PassphraseFile::create(&path, &Secret::from(passphrase))?;
        self.files.lock().insert(profile.to_owned(), Arc::new(file));
        Ok(())
    }

    pub(crate) fn close_file(&self, profile: &str) {
        self.files.lock().remove(profile);
    }

    /// Reads one secret; what the keyring answered is remembered as its state.
    pub(crate) fn get(
        &self,
        store: &dyn SecretStore,
        profile: &str,
        name: SecretName,
    ) -> Result<Option<Secret>, CoreError> {
        let answer = store.get(&SecretId::new(profile, name));
        self.learn(store, answer.as_ref().err());
        Ok(answer?)
    }

    pub(crate) fn set(
        &self,
        store: &dyn SecretStore,
        profile: &str,
        name: SecretName,
        secret: &Secret,
    ) -> Result<(), CoreError> {
        let answer = store.set(&SecretId::new(profile, name), secret);
        self.learn(store, answer.as_ref().err());
        Ok(answer?)
    }

    /// The license key that a profile keeps.
    pub(crate) fn license_key(
        &self,
        store: &dyn SecretStore,
        profile: &str,
    ) -> Result<Option<LicenseKey>, CoreError> {
        match self.get(store, profile, SecretName::LicenseKey)? {
            Some(secret) => Ok(Some(LicenseKey::parse(secret.expose())?)),
            None => Ok(None),
        }
    }

    /// Removes all that `profile` keeps in `store`. Answers the first refusal, after
    /// trying all.
    pub(crate) fn forget(&self, store: &dyn SecretStore, profile: &str) -> Result<(), CoreError> {
        let mut refused = None;
        for name in SecretName::ALL {
            if let Err(error) = store.delete(&SecretId::new(profile, name)) {
                refused.get_or_insert(error);
            }
        }
        self.learn(store, refused.as_ref());
        refused.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Removes the passphrase file of `profile`: whoever holds no passphrase must be
    /// able to make this machine forget, too.
    pub(crate) fn remove_file(&self, profile: &str) -> Result<(), CoreError> {
        self.close_file(profile);
        match std::fs::remove_file(self.file_path(profile)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(CoreError::new(
                Code::ReadOnly,
                format!(
                    "The passphrase file of this profile could not be removed: {}.",
                    error.kind()
                ),
                "Check the permissions of the settings folder.",
            )),
            _ => Ok(()),
        }
    }

    /// A keyring that answered is ready; one that refused is in the state its refusal says.
    fn learn(&self, store: &dyn SecretStore, error: Option<&SecretError>) {
        if store.kind() != KeptIn::Keyring {
            return;
        }
        let (state, detail) = match error {
            None => (
                KeyringState::Ready,
                "The system keyring is open.".to_owned(),
            ),
            Some(SecretError::Locked { detail } | SecretError::TimedOut { detail }) => {
                (KeyringState::Locked, detail.clone())
            }
            Some(SecretError::Absent { detail }) => (KeyringState::Absent, detail.clone()),
            Some(SecretError::Denied { detail }) => (KeyringState::Denied, detail.clone()),
            Some(_) => return,
        };
        let mut seen = self.seen.lock();
        if seen.as_ref().map(|status| status.state) != Some(state) {
            *seen = Some(KeyringStatus { state, detail });
        }
    }
}
