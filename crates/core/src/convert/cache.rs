//! Profiles that were made once: a file's bytes and the choices decide them, so they are
//! kept by both, in the store's cache. Any of them may go at any time.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use redline_store::FileRecord;
use sha2::{Digest, Sha256};

use crate::contract::ProfileReport;
use crate::error::CoreError;
use crate::fsx::{self, Durability};
use crate::session::Session;

/// Profiles that are kept; the ones longest unused go first.
const MOST: usize = 500;
/// A change of what a profile says makes all that are kept worthless.
const FORM: &str = "profile 1";

pub(crate) struct ProfileCache {
    dir: PathBuf,
}

impl ProfileCache {
    pub(crate) fn get(&self, key: &str) -> Option<ProfileReport> {
        let path = self.dir.join(format!("{key}.json"));
        let profile = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        // Used now; without this it only goes earlier.
        let _ = fs::File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_modified(std::time::SystemTime::now()));
        Some(profile)
    }

    /// A profile that cannot be kept is made again the next time.
    pub(crate) fn put(&self, key: &str, profile: &ProfileReport) {
        let Ok(text) = serde_json::to_vec(profile) else {
            return;
        };
        let path = self.dir.join(format!("{key}.json"));
        if let Err(error) = fsx::replace(&path, &text, Durability::Whole) {
            tracing::debug!(error = %error.kind(), "a profile was not kept");
        }
        self.prune();
    }

    fn prune(&self) {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return;
        };
        let mut all: Vec<_> = entries
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        if all.len() <= MOST {
            return;
        }
        all.sort();
        for (_, path) in all.iter().take(all.len() - MOST) {
            let _ = fs::remove_file(path);
        }
    }
}

impl Session {
    pub(super) fn profile_cache(&self) -> ProfileCache {
        ProfileCache {
            dir: self.0.store.private_dir().join("cache").join("profiles"),
        }
    }

    /// None where the bytes are not known to be the ones that were hashed.
    pub(crate) fn profile_key(
        &self,
        record: &FileRecord,
        options: &BTreeMap<String, String>,
    ) -> Result<Option<String>, CoreError> {
        let (file, _) = self.0.store.open_file(record.id)?;
        let about = file.metadata().ok();
        let as_hashed = about.is_some_and(|about| {
            let modified = about
                .modified()
                .ok()
                .and_then(|at| at.duration_since(UNIX_EPOCH).ok())
                .map_or(0, |since| since.as_nanos() as i64);
            about.len() == record.size_bytes && modified == record.mtime_ns
        });
        if record.sha256.is_empty() || !as_hashed {
            return Ok(None);
        }
        let mut hasher = Sha256::new();
        // The name breaks ties between formats.
        for part in [FORM, crate::version(), &record.sha256, &record.filename] {
            hasher.update(part.as_bytes());
            hasher.update([0]);
        }
        for (key, value) in options {
            for part in [key, value] {
                hasher.update((part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        let key: String = hasher
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Some(key))
    }
}
