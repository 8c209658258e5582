//! Small files of ours in a store, beside the catalog: saved choices, past queries.
//! Each is one JSON value, replaced whole; two processes that change one wait for each
//! other. One that cannot be read is set aside, never overwritten.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Code, CoreError};
use crate::fsx::{self, Durability};

/// One such file.
pub(crate) struct Kept {
    path: PathBuf,
    durability: Durability,
    /// For messages: `the presets`.
    what: &'static str,
}

impl Kept {
    pub(crate) fn new(dir: &Path, name: &str, durability: Durability, what: &'static str) -> Self {
        Self {
            path: dir.join(name),
            durability,
            what,
        }
    }

    /// What is in it; the default where there is none yet, or none that can be read.
    pub(crate) fn read<T: DeserializeOwned + Default>(&self) -> T {
        let Ok(bytes) = fs::read(&self.path) else {
            return T::default();
        };
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            tracing::warn!(what = self.what, %error, "a file of ours is damaged and was set aside");
            let aside = format!("damaged-{}.json", ulid::Ulid::new());
            let _ = fs::rename(&self.path, self.path.with_extension(aside));
            T::default()
        })
    }

    /// Changes it in one step; answers what `change` does.
    pub(crate) fn update<T, R>(
        &self,
        change: impl FnOnce(&mut T) -> Result<R, CoreError>,
    ) -> Result<R, CoreError>
    where
        T: DeserializeOwned + Serialize + Default,
    {
        let failed = |error: std::io::Error| {
            CoreError::new(
                match error.kind() {
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                        Code::DiskFull
                    }
                    _ => Code::ReadOnly,
                },
                format!("Could not save {}: {}.", self.what, error.kind()),
                "Check the free space and the permissions of the data folder.",
            )
        };
        if let Some(dir) = self.path.parent() {
            fsx::private_dir(dir).map_err(failed)?;
        }
        let lock = fsx::open_private_file(&self.path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut value = self.read::<T>();
        let answer = change(&mut value)?;
        let mut text = serde_json::to_vec_pretty(&value).unwrap_or_default();
        text.push(b'\n');
        fsx::replace(&self.path, &text, self.durability).map_err(failed)?;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Kept {
        Kept::new(dir, "names.json", Durability::Synced, "the names")
    }

    #[test]
    fn changes_of_two_at_once_are_both_kept() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for n in 0..2 {
                let kept = names(dir.path());
                scope.spawn(move || {
                    for i in 0..20 {
                        kept.update(|all: &mut Vec<String>| {
                            all.push(format!("{n}-{i}"));
                            Ok(())
                        })
                        .unwrap();
                    }
                });
            }
        });
        assert_eq!(names(dir.path()).read::<Vec<String>>().len(), 40);
    }

    #[test]
    fn a_change_that_is_refused_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let refused = names(dir.path()).update(|all: &mut Vec<String>| {
            all.push("x".into());
            Err::<(), _>(CoreError::bad_request("No.", ""))
        });
        assert!(refused.is_err());
        assert!(names(dir.path()).read::<Vec<String>>().is_empty());
    }

    #[test]
    fn what_is_damaged_is_set_aside() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("names.json"), b"[\"a\"").unwrap();
        assert!(names(dir.path()).read::<Vec<String>>().is_empty());
        let left: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().path())
            .collect();
        assert_eq!(left.len(), 1);
        assert_eq!(fs::read(&left[0]).unwrap(), b"[\"a\"");
        assert!(left[0].to_string_lossy().contains("damaged"));
    }
}
