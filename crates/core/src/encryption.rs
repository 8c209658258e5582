//! Encryption before sending: whether it is on, switching it on, opening on this machine
//! what another encrypted, another passphrase. The data key rests with the profile's other
//! secrets; what it is called, and its wrapped form, with the notes of the backup.

use redline_backup::{BackupError, Bucket, DataKey, DataKeys, KeyFile, SecretText, SkippedPoint};
use redline_license::{Secret, SecretName};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::bucket::BucketSettings;
use crate::contract::{EncryptionState, EncryptionView, Event};
use crate::error::{Code, CoreError};
use crate::session::Session;

/// As few characters as a recovery passphrase may have.
const SHORTEST: usize = 12;

/// What is remembered of a store's encryption; no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Noted {
    /// The id of the data key.
    key: String,
    /// As the bucket has it: another bucket gets it before anything that it seals.
    #[serde(default)]
    wrapped: Option<KeyFile>,
    /// [`BucketSettings::place`] where it was met.
    place: String,
    /// This machine has had the key. Then nothing goes in the clear any more, to no bucket.
    #[serde(default)]
    held: bool,
}

impl Session {
    /// What encrypting before sending costs, whether it is on, and what lies in the bucket
    /// unencrypted. Asks the bucket, if there is one.
    pub fn encryption(&self) -> Result<EncryptionView, CoreError> {
        let Some(settings) = self.bucket_settings()? else {
            return Ok(EncryptionView {
                refused: Some("No bucket is set up.".to_owned()),
                ..self.view_of(self.backup_notes().last_backup_at.is_some())?
            });
        };
        let (bucket, _) = self.connect()?;
        self.learn_encryption(&bucket, &settings)?;
        let clear = self.look_in_the_clear(&bucket, &settings)?;
        let mut view = self.view_of(clear.is_begun())?;
        view.in_the_clear = match view.state {
            EncryptionState::Off => None,
            _ => clear.said(),
        };
        if view.state == EncryptionState::Locked {
            view.refused = Some("This backup is encrypted already.".to_owned());
        }
        Ok(view)
    }

    /// What it costs, without asking a bucket.
    pub fn encryption_costs(&self) -> Vec<String> {
        costs(self.backup_notes().last_backup_at.is_some())
    }

    fn view_of(&self, begun: bool) -> Result<EncryptionView, CoreError> {
        Ok(EncryptionView {
            state: self.encryption_state()?,
            costs: costs(begun),
            refused: None,
            in_the_clear: None,
        })
    }

    /// From the next backup on everything is encrypted before it is sent. `passphrase` opens
    /// the backup on other machines.
    ///
    /// # Errors
    /// [`Code::BadRequest`] for a short passphrase, or where it is on; [`Code::BackupLocked`]
    /// where the bucket has an encrypted backup of this store already.
    pub fn turn_on_encryption(&self, passphrase: String) -> Result<EncryptionView, CoreError> {
        let passphrase = checked(passphrase)?;
        let (bucket, settings) = self.begin_transfer()?;
        if self.encryption_state()? == EncryptionState::On {
            return Err(on_already());
        }
        self.begin_encryption(&bucket, &settings, &passphrase)?;
        self.tell_encryption();
        self.encryption()
    }

    /// Opens, on this machine, what another one encrypted.
    ///
    /// # Errors
    /// [`Code::WrongPassphrase`]; [`Code::NotFound`] where nothing is encrypted.
    pub fn unlock_encryption(&self, passphrase: String) -> Result<EncryptionView, CoreError> {
        let passphrase = SecretText::from(passphrase);
        let (bucket, settings) = self.connect()?;
        self.unlock(&bucket, &settings, &passphrase)?;
        self.tell_encryption();
        self.encryption()
    }

    /// Another recovery passphrase for the same data key. The earlier one is not asked for:
    /// who has forgotten it and still has a machine with the key is helped.
    ///
    /// # Errors
    /// [`Code::BackupLocked`] on a machine without the key.
    pub fn change_passphrase(&self, passphrase: String) -> Result<EncryptionView, CoreError> {
        let passphrase = checked(passphrase)?;
        let (bucket, settings) = self.begin_transfer()?;
        self.refuse_while_locked()?;
        let keys = self.data_keys()?.keys;
        let Some(current) = keys.first().map(|key| key.id().to_owned()) else {
            return Err(CoreError::bad_request(
                "Backups are not encrypted, so there is no passphrase to change.",
                "Switch encryption on under Backup, or with `redline backup encrypt`.",
            ));
        };
        let key = self.manifest_key();
        let (wrapped, removed) = self.0.core.block_on(async move {
            let (mut last, mut all_removed) = (None, true);
            // The current one last: what was wrapped last seals where it is unlocked.
            for of in keys.iter().rev() {
                let (wrapped, removed) =
                    redline_backup::change_passphrase(&bucket, &key, of, &passphrase).await?;
                all_removed &= removed;
                last = Some(wrapped);
            }
            Ok::<_, BackupError>((last, all_removed))
        })??;
        self.change_notes(|notes| {
            notes.encryption = Some(Noted {
                key: current,
                wrapped,
                place: settings.place(),
                held: true,
            });
        })?;
        self.0.store.audit(
            "passphrase_changed",
            serde_json::json!({ "removed": removed }),
        );
        self.tell_encryption();
        if removed {
            self.encryption()
        } else {
            Err(CoreError::new(
                Code::BucketDenied,
                "The new passphrase opens the backup, and the old one still does: the bucket does not let it be removed.",
                "Allow s3:DeleteObject and change the passphrase once more.",
            ))
        }
    }

    /// As last seen; asks the bucket nothing.
    pub(crate) fn encryption_state(&self) -> Result<EncryptionState, CoreError> {
        // A keyring that does not answer is told where it is needed; what is on stays on.
        let held = self.known_data_keys();
        let noted = self.noted_here()?;
        Ok(match (held, noted) {
            (Ok(held), Some(noted)) if held.iter().all(|key| key.id() != noted.key) => {
                EncryptionState::Locked
            }
            (Ok(held), None) if held.is_empty() => EncryptionState::Off,
            (Err(_), None) => EncryptionState::Off,
            _ => EncryptionState::On,
        })
    }

    /// On, or locked.
    pub(crate) fn encrypts(&self) -> bool {
        !matches!(self.encryption_state(), Ok(EncryptionState::Off))
    }

    /// What was met in another bucket says nothing here, unless this machine has encrypted.
    fn noted_here(&self) -> Result<Option<Noted>, CoreError> {
        let Some(noted) = self.backup_notes().encryption else {
            return Ok(None);
        };
        let place = self.bucket_settings()?.map(|settings| settings.place());
        Ok((noted.held || place.as_ref() == Some(&noted.place)).then_some(noted))
    }

    /// Before anything that would send in the clear, or miss what it cannot read.
    pub(crate) fn refuse_while_locked(&self) -> Result<(), CoreError> {
        match self.encryption_state()? {
            EncryptionState::Locked => Err(BackupError::Locked {
                what: "This backup".to_owned(),
                key: String::new(),
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// A point that was passed over for an earlier one may be all that still says that backups
    /// are encrypted: wrapped keys can be hidden from a device that never saw them.
    pub(crate) fn refuse_beside_sealed(
        &self,
        bucket: &Bucket,
        passed_over: &[SkippedPoint],
    ) -> Result<(), CoreError> {
        for point in passed_over {
            let id = &point.id;
            let sealed = self
                .0
                .core
                .block_on(async move { redline_backup::says_sealed(bucket, id).await })??;
            if sealed {
                return Err(crate::error::beside_sealed(id));
            }
        }
        Ok(())
    }

    /// What seals and opens, with the profile's other secrets.
    pub(crate) fn data_keys(&self) -> Result<DataKeys, CoreError> {
        let noted = self.backup_notes().encryption;
        let mut held = self.0.backup.data_keys.lock();
        // Another process may have added a key; it will have noted that.
        let asked = held.as_ref().is_some_and(|keys| {
            let has = |noted: &Noted| keys.iter().any(|key| key.id() == noted.key);
            noted.as_ref().is_none_or(has)
        });
        if !asked {
            let (place, name) = self.secrets()?;
            let text = self.0.core.vault.get(&*place, &name, SecretName::DataKey)?;
            let keys = text.iter().flat_map(|text| text.expose().lines());
            *held = Some(keys.filter_map(DataKey::from_text).collect());
        }
        let keys = held.clone().unwrap_or_default();
        let current = keys.first().map(DataKey::id);
        let wrapped = noted
            .and_then(|noted| noted.wrapped)
            .filter(|wrapped| current == Some(wrapped.key()));
        Ok(DataKeys { keys, wrapped })
    }

    /// The same, without asking the keyring where nothing says that there is something.
    pub(crate) fn known_data_keys(&self) -> Result<Vec<DataKey>, CoreError> {
        if self.backup_notes().encryption.is_none() {
            return Ok(self.0.backup.data_keys.lock().clone().unwrap_or_default());
        }
        Ok(self.data_keys()?.keys)
    }

    /// For a bucket that is being set up, before it is kept: no backup begins in between.
    pub(crate) fn encrypt_from_the_start(
        &self,
        settings: &BucketSettings,
        bucket: &Bucket,
        passphrase: Option<String>,
    ) -> Result<(), CoreError> {
        let Some(passphrase) = passphrase else {
            return self.learn_encryption(bucket, settings);
        };
        let passphrase = checked(passphrase)?;
        if self.encryption_state()? == EncryptionState::On {
            return Err(on_already());
        }
        match self.unlock(bucket, settings, &passphrase) {
            Err(error) if error.code() == Code::NotFound => {
                self.begin_encryption(bucket, settings, &passphrase)
            }
            outcome => outcome,
        }
    }

    fn begin_encryption(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
        passphrase: &SecretText,
    ) -> Result<(), CoreError> {
        let key = self.manifest_key();
        let made = self.0.core.block_on(async move {
            redline_backup::new_data_key(bucket, &key, passphrase).await
        })?;
        let keys = self.heed(settings, made)?;
        self.hold(settings, keys)?;
        self.0
            .store
            .audit("encryption_turned_on", serde_json::json!({}));
        Ok(())
    }

    fn unlock(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
        passphrase: &SecretText,
    ) -> Result<(), CoreError> {
        let key = self.manifest_key();
        let keys = self.0.core.block_on(async move {
            redline_backup::unlock_data_keys(bucket, &key, passphrase).await
        })??;
        self.hold(settings, keys)?;
        self.0.store.audit("backup_unlocked", serde_json::json!({}));
        Ok(())
    }

    /// The secret first: notes without it would say that the backup is locked.
    fn hold(&self, settings: &BucketSettings, keys: DataKeys) -> Result<(), CoreError> {
        let mut ring = keys.keys;
        for earlier in self.data_keys()?.keys {
            if !ring.contains(&earlier) {
                ring.push(earlier);
            }
        }
        let Some(first) = ring.first().map(|key| key.id().to_owned()) else {
            return Ok(());
        };
        let mut text = Zeroizing::new(String::with_capacity(ring.len() * 80));
        for key in &ring {
            text.push_str(key.to_text().expose());
            text.push('\n');
        }
        let (place, name) = self.secrets()?;
        let secret = Secret::from(text.as_str());
        self.0
            .core
            .vault
            .set(&*place, &name, SecretName::DataKey, &secret)?;
        *self.0.backup.data_keys.lock() = Some(ring);
        self.change_notes(|notes| {
            notes.encryption = Some(Noted {
                key: first,
                wrapped: keys.wrapped,
                place: settings.place(),
                held: true,
            });
        })
    }

    /// Notes that the bucket has an encrypted backup of this store, if it has one whose
    /// key is not here.
    pub(crate) fn learn_encryption(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
    ) -> Result<(), CoreError> {
        let key = self.manifest_key();
        let files = self
            .0
            .core
            .block_on(async move { redline_backup::key_files(bucket, &key).await })??;
        let held = self.data_keys()?.keys;
        // Another device may have chosen another passphrase since.
        if let Some(current) = held.first()
            && let Some(newest) = files.iter().find(|file| file.key() == current.id())
        {
            self.note(|notes| {
                if let Some(noted) = notes.encryption.as_mut().filter(|n| n.key == current.id()) {
                    noted.wrapped = Some(newest.clone());
                }
            });
        }
        let unknown = |file: &&KeyFile| held.iter().all(|key| key.id() != file.key());
        if held.is_empty()
            && let Some(file) = files.iter().find(unknown)
        {
            self.note_locked(settings, file.key());
        }
        Ok(())
    }

    fn note_locked(&self, settings: &BucketSettings, key: &str) {
        self.note(|notes| {
            notes.encryption = Some(Noted {
                key: key.to_owned(),
                wrapped: None,
                place: settings.place(),
                held: notes.encryption.as_ref().is_some_and(|noted| noted.held),
            });
        });
    }

    /// Remembers that a backup is locked, whoever ran into it.
    pub(crate) fn heed<T>(
        &self,
        settings: &BucketSettings,
        outcome: Result<T, BackupError>,
    ) -> Result<T, CoreError> {
        if let Err(BackupError::Locked { key, .. }) = &outcome {
            self.note_locked(settings, key);
        }
        Ok(outcome?)
    }

    fn tell_encryption(&self) {
        self.0.transfers.automatic.nudge();
        self.tell(Event::Backup);
    }
}

/// In whole sentences. `begun`: something was sent already.
fn costs(begun: bool) -> Vec<String> {
    let sent_again = "Everything is sent once more. Restore points from before, and the readable copies of their files, stay unencrypted until keep rules drop them.";
    [
        "No other program can read the files in the bucket, and there are no links to them.",
        "Who has lost the recovery passphrase and every machine with the key has lost the backup: nobody can open it, Redline’s makers included.",
        "It stays on: what was encrypted is not continued in the clear.",
    ]
    .into_iter()
    .chain(begun.then_some(sent_again))
    .chain(["Whoever has the bucket still sees how many objects there are, how large they are and when they came."])
    .map(str::to_owned)
    .collect()
}

fn on_already() -> CoreError {
    CoreError::bad_request(
        "Backups are encrypted already.",
        "Leave the passphrase out; another one is chosen under Backup, or with `redline backup passphrase`.",
    )
}

fn checked(passphrase: String) -> Result<SecretText, CoreError> {
    let passphrase = SecretText::from(passphrase);
    if passphrase.expose().chars().count() < SHORTEST {
        return Err(CoreError::bad_request(
            format!("A recovery passphrase has at least {SHORTEST} characters."),
            "Four or five plain words do well.",
        ));
    }
    Ok(passphrase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_passphrase_is_refused_without_being_told() {
        let error = checked("hunter2".to_owned()).unwrap_err();
        assert_eq!(error.code(), Code::BadRequest);
        assert!(!format!("{error:?}").contains("hunter2"));
        assert!(checked("é".repeat(12)).is_ok());
    }
}
