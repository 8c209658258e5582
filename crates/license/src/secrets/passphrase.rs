//! Secrets in a file that a passphrase opens. One of the two labelled fallbacks.
//!
//! The file holds two [age](https://age-encryption.org/v1) files, one after the other, as text:
//! a key, encrypted to the passphrase (scrypt), and the secrets, encrypted to that key (X25519).
//! So the passphrase's second of work is spent once, at [`PassphraseFile::open`]; it need
//! not stay in memory to write again; and the `age` program can open the file without Redline.
//! Neither the passphrase nor a secret is ever in a file in clear, not even a temporary one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret, SecretString};
use age::x25519;
use age::{DecryptError, scrypt};
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::{KeyringState, KeyringStatus, SecretError, SecretId, SecretStore, SecretStoreKind};
use crate::Secret;
use crate::files::{self, Existing, FileLock};

/// scrypt with N = 2^17, r = 8, p = 1, 128 MiB: the least that OWASP's Password Storage
/// Cheat Sheet recommends, and about half a second.
const WORK_FACTOR: u8 = 17;
/// Refuses a planted file that would take minutes and gigabytes to try.
const MOST_WORK: u8 = 20;
/// No set of secrets comes near it.
const LARGEST_FILE: u64 = 1 << 20;

const HEADING: &str =
    "Redline secrets, version 1: a key for a passphrase, then secrets for that key.\n";
const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";

/// An opened passphrase file. Each call reads the file again, so that two processes (the
/// window and the command line) see each other's changes.
pub struct PassphraseFile {
    path: PathBuf,
    key: Mutex<x25519::Identity>,
    work_factor: u8,
}

type Secrets = BTreeMap<String, Secret>;

impl PassphraseFile {
    pub fn exists(path: impl AsRef<Path>) -> bool {
        path.as_ref().exists()
    }

    /// Makes a new, empty file. Never replaces one that is there.
    pub fn create(path: impl AsRef<Path>, passphrase: &Secret) -> Result<Self, SecretError> {
        Self::create_with_work(path.as_ref(), passphrase, WORK_FACTOR)
    }

    fn create_with_work(
        path: &Path,
        passphrase: &Secret,
        work_factor: u8,
    ) -> Result<Self, SecretError> {
        refuse_empty(passphrase)?;
        let key = x25519::Identity::generate();
        let text = seal(&key, passphrase, work_factor, &Secrets::new())?;
        files::create_private_folder(files::folder_of(path))
            .map_err(failed("make a folder for", path))?;
        files::write_atomically(path, text.as_bytes(), Existing::Keep)
            .map_err(failed("create", path))?;
        Ok(Self {
            path: path.to_owned(),
            key: Mutex::new(key),
            work_factor,
        })
    }

    /// Errors: [`WrongPassphrase`](SecretError::WrongPassphrase), [`NoFile`](SecretError::NoFile)
    /// without a file, [`Damaged`](SecretError::Damaged). A flipped bit within the few bytes that the
    /// passphrase itself opens cannot be told from a wrong passphrase.
    pub fn open(path: impl AsRef<Path>, passphrase: &Secret) -> Result<Self, SecretError> {
        let path = path.as_ref();
        let file = Sealed::read(path)?;
        let key = file.open_key(path, passphrase)?;
        file.open_secrets(path, &key)?;
        Ok(Self {
            path: path.to_owned(),
            key: Mutex::new(key),
            work_factor: WORK_FACTOR,
        })
    }

    /// Secrets written from now on are under a new key as well, so that someone with the old
    /// passphrase and an old copy of the file learns nothing of them.
    pub fn change_passphrase(&self, current: &Secret, new: &Secret) -> Result<(), SecretError> {
        refuse_empty(new)?;
        let mut key = self.key.lock();
        let _lock = self.lock()?;
        let file = Sealed::read(&self.path)?;
        let old = file.open_key(&self.path, current)?;
        let secrets = file.open_secrets(&self.path, &old)?;
        let fresh = x25519::Identity::generate();
        let text = seal(&fresh, new, self.work_factor, &secrets)?;
        files::write_atomically(&self.path, text.as_bytes(), Existing::Replace)
            .map_err(failed("write", &self.path))?;
        *key = fresh;
        Ok(())
    }

    fn lock(&self) -> Result<FileLock, SecretError> {
        FileLock::acquire(&self.path, files::LOCK_PATIENCE).map_err(|error| {
            if error.kind() == io::ErrorKind::WouldBlock {
                let detail = format!("another program holds \"{}\"", name_of(&self.path));
                return SecretError::TimedOut { detail };
            }
            failed("lock", &self.path)(error)
        })
    }

    fn change(&self, edit: impl FnOnce(&mut Secrets)) -> Result<(), SecretError> {
        let key = self.key.lock();
        let _lock = self.lock()?;
        let file = Sealed::read(&self.path)?;
        let mut secrets = file.open_secrets(&self.path, &key)?;
        edit(&mut secrets);
        let text = assemble(&file.key, &seal_secrets(&key, &secrets)?);
        files::write_atomically(&self.path, text.as_bytes(), Existing::Replace)
            .map_err(failed("write", &self.path))
    }
}

impl SecretStore for PassphraseFile {
    fn status(&self) -> KeyringStatus {
        if self.path.is_file() {
            KeyringStatus::new(
                KeyringState::Ready,
                "kept in a file protected by a passphrase",
            )
        } else {
            KeyringStatus::new(KeyringState::Absent, missing(&self.path))
        }
    }

    fn get(&self, id: &SecretId) -> Result<Option<Secret>, SecretError> {
        let key = self.key.lock();
        let mut secrets = Sealed::read(&self.path)?.open_secrets(&self.path, &key)?;
        Ok(secrets.remove(&id.to_string()))
    }

    fn set(&self, id: &SecretId, secret: &Secret) -> Result<(), SecretError> {
        self.change(|secrets| {
            secrets.insert(id.to_string(), secret.clone());
        })
    }

    fn delete(&self, id: &SecretId) -> Result<(), SecretError> {
        self.change(|secrets| {
            secrets.remove(&id.to_string());
        })
    }

    fn kind(&self) -> SecretStoreKind {
        SecretStoreKind::PassphraseFile
    }
}

/// The file's two parts, still encrypted.
struct Sealed {
    key: String,
    secrets: String,
}

impl Sealed {
    fn read(path: &Path) -> Result<Self, SecretError> {
        let size = match fs::metadata(path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(SecretError::NoFile {
                    name: name_of(path).to_string(),
                });
            }
            Err(error) => return Err(failed("read", path)(error)),
        };
        if size > LARGEST_FILE {
            return Err(damaged(path, "it is too large"));
        }
        let bytes = fs::read(path).map_err(failed("read", path))?;
        let text = String::from_utf8(bytes).map_err(|_| damaged(path, "it is not text"))?;
        let mut rest = text.as_str();
        let mut parts = Vec::new();
        while let Some(start) = rest.find(BEGIN) {
            let Some(end) = rest[start..].find(END) else {
                return Err(damaged(path, "it is cut short"));
            };
            let end = start + end + END.len();
            parts.push(format!("{}\n", &rest[start..end]));
            rest = &rest[end..];
        }
        match <[String; 2]>::try_from(parts) {
            Ok([key, secrets]) => Ok(Self { key, secrets }),
            Err(_) => Err(damaged(path, "it does not have its two parts")),
        }
    }

    fn open_key(&self, path: &Path, passphrase: &Secret) -> Result<x25519::Identity, SecretError> {
        let mut identity = scrypt::Identity::new(secret_string(passphrase));
        identity.set_max_work_factor(MOST_WORK);
        let plain = age::decrypt(&identity, self.key.as_bytes()).map(Zeroizing::new);
        let plain = plain.map_err(|error| match error {
            DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed => {
                SecretError::WrongPassphrase {
                    path: path.to_owned(),
                }
            }
            other => damaged(path, &other.to_string()),
        })?;
        std::str::from_utf8(&plain)
            .ok()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| damaged(path, "its first part holds no key"))
    }

    fn open_secrets(&self, path: &Path, key: &x25519::Identity) -> Result<Secrets, SecretError> {
        let plain = age::decrypt(key, self.secrets.as_bytes()).map(Zeroizing::new);
        let plain = plain.map_err(|error| match error {
            // Another process changed the passphrase, and the key with it.
            DecryptError::NoMatchingKeys => SecretError::WrongPassphrase {
                path: path.to_owned(),
            },
            other => damaged(path, &other.to_string()),
        })?;
        // serde_json's message could quote a value.
        let texts: BTreeMap<String, String> = serde_json::from_slice(&plain)
            .map_err(|_| damaged(path, "its second part is not a list of secrets"))?;
        Ok(texts
            .into_iter()
            .map(|(id, text)| (id, Secret::from(text)))
            .collect())
    }
}

fn seal(
    key: &x25519::Identity,
    passphrase: &Secret,
    work_factor: u8,
    secrets: &Secrets,
) -> Result<String, SecretError> {
    let mut recipient = scrypt::Recipient::new(secret_string(passphrase));
    recipient.set_work_factor(work_factor);
    let sealed = age::encrypt_and_armor(&recipient, key.to_string().expose_secret().as_bytes())
        .map_err(cannot_encrypt)?;
    Ok(assemble(&sealed, &seal_secrets(key, secrets)?))
}

fn seal_secrets(key: &x25519::Identity, secrets: &Secrets) -> Result<String, SecretError> {
    let texts: BTreeMap<&str, &str> = secrets
        .iter()
        .map(|(id, secret)| (id.as_str(), secret.expose()))
        .collect();
    // Six bytes are the most that JSON makes of one, and growing would leave copies behind.
    let room = texts
        .iter()
        .map(|(id, text)| 6 * (id.len() + text.len()) + 16)
        .sum::<usize>()
        + 16;
    let mut plain = Zeroizing::new(Vec::with_capacity(room));
    serde_json::to_writer(&mut *plain, &texts).map_err(cannot_encrypt)?;
    age::encrypt_and_armor(&key.to_public(), &plain).map_err(cannot_encrypt)
}

fn assemble(key: &str, secrets: &str) -> String {
    format!("{HEADING}{}\n{}\n", key.trim_end(), secrets.trim_end())
}

fn secret_string(secret: &Secret) -> SecretString {
    SecretString::from(secret.expose().to_owned())
}

fn refuse_empty(passphrase: &Secret) -> Result<(), SecretError> {
    if passphrase.is_empty() {
        return Err(SecretError::Other {
            detail: "an empty passphrase protects nothing".to_owned(),
        });
    }
    Ok(())
}

/// Details travel to every front end, and a whole path does not belong in all of them.
fn name_of(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
}

fn missing(path: &Path) -> String {
    format!("there is no file \"{}\"", name_of(path))
}

fn damaged(path: &Path, why: &str) -> SecretError {
    SecretError::Damaged {
        detail: format!(
            "\"{}\" is damaged: {}",
            name_of(path),
            why.trim_end_matches('.')
        ),
    }
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> SecretError {
    let path = path.to_owned();
    move |source| SecretError::Io {
        action,
        path: path.clone(),
        source,
    }
}

fn cannot_encrypt(error: impl std::fmt::Display) -> SecretError {
    SecretError::Other {
        detail: format!("could not encrypt the secrets: {error}"),
    }
}

#[cfg(test)]
mod tests;
