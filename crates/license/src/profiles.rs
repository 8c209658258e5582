//! The profiles of this machine: which keys were signed in here, under which name, and where
//! the secrets of each are kept. One file, `profiles.json`, shared by the window and the
//! command line. It never holds a key or any other secret.

mod profile;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::files::{self, Existing, FileLock};

pub use profile::Profile;
use profile::{check, slug};

const FILE_NAME: &str = "profiles.json";
const VERSION: u32 = 1;

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    #[error("There is no profile \"{name}\" on this machine.")]
    NotFound { name: String },
    #[error("\"{name}\" cannot be a profile's name.")]
    BadName { name: String },
    #[error("This key is already signed in here as \"{existing}\".")]
    SameKey { existing: String },
    #[error("The profile \"{name}\" is not complete: {what}.")]
    Incomplete { name: String, what: &'static str },
    #[error("Another program is writing \"{}\".", path.display())]
    Busy { path: PathBuf },
    #[error("\"{}\" was written by a newer Redline (version {found} of the format).", path.display())]
    Newer { path: PathBuf, found: u32 },
    #[error("Could not {action} \"{}\": {source}.", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl ProfileError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "`redline profiles` lists them; `redline login` adds one.",
            Self::BadName { .. } => "use a to z, 0 to 9 and single dashes, at most 48.",
            Self::SameKey { .. } => "use that profile, or log it out first.",
            Self::Incomplete { .. } => "sign in again with the license key.",
            Self::Busy { .. } => "retry in a moment.",
            Self::Newer { .. } => {
                "update Redline, or choose another folder with REDLINE_CONFIG_DIR."
            }
            Self::Io { .. } => "check that the folder is yours and has space, then retry.",
        }
    }
}

/// `profiles.json`, read anew at each call and changed under a lock between processes.
pub struct ProfileBook {
    path: PathBuf,
    set_aside: Mutex<Option<PathBuf>>,
    patience: Duration,
}

#[derive(Clone, Default, Serialize, Deserialize)]
struct Content {
    version: u32,
    current: Option<String>,
    profiles: Vec<Profile>,
}

/// What a file turned out to be.
enum Found {
    Sound(Content),
    /// With whatever single profiles could still be read.
    Damaged(Content),
}

impl ProfileBook {
    /// Opens the book in `config_dir`, which is made by the first change. A damaged file is renamed
    /// (see [`set_aside`](Self::set_aside)), and the profiles in it that can still be read are kept.
    pub fn open(config_dir: impl AsRef<Path>) -> Result<Self, ProfileError> {
        let path = config_dir.as_ref().join(FILE_NAME);
        let book = Self {
            path,
            set_aside: Mutex::default(),
            patience: files::LOCK_PATIENCE,
        };
        book.read()?;
        Ok(book)
    }

    /// Where a damaged `profiles.json` was moved to since this book was opened.
    pub fn set_aside(&self) -> Option<PathBuf> {
        self.set_aside.lock().clone()
    }

    /// All profiles, by name.
    pub fn list(&self) -> Result<Vec<Profile>, ProfileError> {
        Ok(self.read()?.profiles)
    }

    pub fn get(&self, name: &str) -> Result<Option<Profile>, ProfileError> {
        Ok(self
            .list()?
            .into_iter()
            .find(|profile| profile.name == name))
    }

    pub fn find_by_store(&self, store_hash: &str) -> Result<Option<Profile>, ProfileError> {
        Ok(self
            .list()?
            .into_iter()
            .find(|profile| profile.store_hash == store_hash))
    }

    /// Adds the profile, or replaces the one of that name. One key has one profile.
    pub fn upsert(&self, profile: Profile) -> Result<(), ProfileError> {
        check(&profile)?;
        self.change(|content| {
            let same_key = |other: &&Profile| {
                other.store_hash == profile.store_hash && other.name != profile.name
            };
            if let Some(other) = content.profiles.iter().find(same_key) {
                return Err(ProfileError::SameKey {
                    existing: other.name.clone(),
                });
            }
            content.put(profile);
            Ok(())
        })
    }

    /// Changes one profile as it stands now, whoever wrote it last. Its name stays.
    pub fn update(
        &self,
        name: &str,
        edit: impl FnOnce(&mut Profile),
    ) -> Result<Profile, ProfileError> {
        self.change(|content| {
            let mut profile = content.find(name)?.clone();
            edit(&mut profile);
            name.clone_into(&mut profile.name);
            check(&profile)?;
            content.put(profile.clone());
            Ok(profile)
        })
    }

    /// Forgets a profile, and that it was the current one. Its secrets and its store are
    /// not touched.
    pub fn remove(&self, name: &str) -> Result<Profile, ProfileError> {
        self.change(|content| {
            let profile = content.find(name)?.clone();
            content.profiles.retain(|other| other.name != name);
            if content.current.as_deref() == Some(name) {
                content.current = None;
            }
            Ok(profile)
        })
    }

    /// The profile that is used where none is named.
    pub fn current(&self) -> Result<Option<Profile>, ProfileError> {
        let content = self.read()?;
        let Some(name) = content.current else {
            return Ok(None);
        };
        Ok(content
            .profiles
            .into_iter()
            .find(|profile| profile.name == name))
    }

    /// `None` leaves no profile current.
    pub fn set_current(&self, name: Option<&str>) -> Result<(), ProfileError> {
        self.change(|content| {
            if let Some(name) = name {
                content.find(name)?;
            }
            content.current = name.map(str::to_owned);
            Ok(())
        })
    }

    /// A name for a new profile, made from its label: `Research desk` becomes `research-desk`,
    /// or `research-desk-2` where that is taken.
    pub fn free_name(&self, label: &str) -> Result<String, ProfileError> {
        let taken = self.list()?;
        let base = slug(label);
        let mut name = base.clone();
        let mut number = 2;
        while taken.iter().any(|profile| profile.name == name) {
            name = format!("{base}-{number}");
            number += 1;
        }
        Ok(name)
    }

    fn read(&self) -> Result<Content, ProfileError> {
        match self.look()? {
            Found::Sound(content) => Ok(content),
            Found::Damaged(_) => {
                let _lock = self.lock()?;
                self.read_locked()
            }
        }
    }

    fn change<T>(
        &self,
        edit: impl FnOnce(&mut Content) -> Result<T, ProfileError>,
    ) -> Result<T, ProfileError> {
        let _lock = self.lock()?;
        let mut content = self.read_locked()?;
        let done = edit(&mut content)?;
        self.write(&content)?;
        Ok(done)
    }

    /// Under the lock a damaged file can be replaced: nobody else is about to mend it.
    fn read_locked(&self) -> Result<Content, ProfileError> {
        let saved = match self.look()? {
            Found::Sound(content) => return Ok(content),
            Found::Damaged(saved) => saved,
        };
        let aside = self.name_for_damaged();
        fs::rename(&self.path, &aside).map_err(failed("set aside", &self.path))?;
        tracing::warn!(path = %aside.display(), saved = saved.profiles.len(), "profiles.json was damaged and is set aside");
        *self.set_aside.lock() = Some(aside);
        self.write(&saved)?;
        Ok(saved)
    }

    fn look(&self) -> Result<Found, ProfileError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Found::Sound(Content::default()));
            }
            Err(error) => return Err(failed("read", &self.path)(error)),
        };
        let Ok(value) = serde_json::from_slice::<serde_json::Value>(&bytes) else {
            return Ok(Found::Damaged(Content::default()));
        };
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if let Some(found) = version
            .and_then(|v| u32::try_from(v).ok())
            .filter(|&v| v > VERSION)
        {
            return Err(ProfileError::Newer {
                path: self.path.clone(),
                found,
            });
        }
        if let Ok(mut content) = Content::deserialize(&value)
            && content.version == VERSION
            && content.is_consistent()
        {
            content.sort();
            return Ok(Found::Sound(content));
        }
        Ok(Found::Damaged(Content::save_from(&value)))
    }

    fn write(&self, content: &Content) -> Result<(), ProfileError> {
        let content = Content {
            version: VERSION,
            ..content.clone()
        };
        let write = || {
            let mut text = serde_json::to_vec_pretty(&content)?;
            text.push(b'\n');
            files::write_atomically(&self.path, &text, Existing::Replace)
        };
        write().map_err(failed("write", &self.path))
    }

    fn lock(&self) -> Result<FileLock, ProfileError> {
        if let Some(folder) = self.path.parent() {
            files::create_private_folder(folder).map_err(failed("make the folder", folder))?;
        }
        FileLock::acquire(&self.path, self.patience).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => ProfileError::Busy {
                path: self.path.clone(),
            },
            _ => failed("lock", &self.path)(error),
        })
    }

    fn name_for_damaged(&self) -> PathBuf {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let name = |tail: String| {
            self.path
                .with_file_name(format!("{FILE_NAME}.damaged-{now}{tail}"))
        };
        let mut aside = name(String::new());
        let mut number = 2;
        while aside.exists() {
            aside = name(format!("-{number}"));
            number += 1;
        }
        aside
    }
}

impl Content {
    fn find(&self, name: &str) -> Result<&Profile, ProfileError> {
        self.profiles
            .iter()
            .find(|profile| profile.name == name)
            .ok_or_else(|| ProfileError::NotFound {
                name: name.to_owned(),
            })
    }

    fn put(&mut self, profile: Profile) {
        match self
            .profiles
            .iter_mut()
            .find(|other| other.name == profile.name)
        {
            Some(place) => *place = profile,
            None => self.profiles.push(profile),
        }
        self.sort();
    }

    fn sort(&mut self) {
        self.profiles.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn is_consistent(&self) -> bool {
        let twin = |(at, profile): (usize, &Profile)| {
            let later = &self.profiles[at + 1..];
            later
                .iter()
                .any(|o| o.name == profile.name || o.store_hash == profile.store_hash)
        };
        self.profiles.iter().all(|profile| check(profile).is_ok())
            && !self.profiles.iter().enumerate().any(twin)
    }

    /// The single profiles that a damaged file still holds whole.
    fn save_from(value: &serde_json::Value) -> Self {
        let entries = value.get("profiles").and_then(serde_json::Value::as_array);
        let mut saved = Self::default();
        for entry in entries.into_iter().flatten() {
            if let Ok(profile) = Profile::deserialize(entry)
                && check(&profile).is_ok()
                && !saved
                    .profiles
                    .iter()
                    .any(|o| o.store_hash == profile.store_hash)
            {
                saved.put(profile);
            }
        }
        let current = value.get("current").and_then(serde_json::Value::as_str);
        saved.current = current
            .filter(|&name| saved.find(name).is_ok())
            .map(str::to_owned);
        saved
    }
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> ProfileError {
    let path = path.to_owned();
    move |source| ProfileError::Io {
        action,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests;
