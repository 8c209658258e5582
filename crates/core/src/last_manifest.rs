//! What this device last knew of its backup, kept in the store's private folder: tells
//! what waits without asking the bucket, and its own changes from other devices'.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use redline_backup::{Bucket, FileEntry, Manifest, ManifestHead};
use serde::{Deserialize, Serialize};

use crate::bucket::BucketSettings;
use crate::contract::JobKind;
use crate::error::CoreError;
use crate::fsx::{self, Durability};
use crate::session::Session;

/// The last restore point of this machine, kept in the store's private folder: tells
/// what waits without asking the bucket.
#[derive(Serialize, Deserialize)]
pub(crate) struct LastManifest {
    /// [`BucketSettings::place`]
    place: String,
    pub(crate) head: ManifestHead,
    pub(crate) files: Vec<FileEntry>,
    /// Files whose newer bytes, by another device, are in the bucket, while here they
    /// are as they were: path to SHA-256 of the local ones.
    #[serde(default)]
    stale: HashMap<String, String>,
}

impl LastManifest {
    fn new(settings: &BucketSettings, manifest: Manifest, stale: HashMap<String, String>) -> Self {
        Self {
            place: settings.place(),
            head: manifest.head,
            files: manifest.files,
            stale,
        }
    }

    /// What this device last knew of each path.
    pub(crate) fn base(&self) -> HashMap<String, String> {
        let mut base: HashMap<String, String> = self
            .files
            .iter()
            .map(|file| (file.path.clone(), file.sha256.clone()))
            .collect();
        base.extend(self.stale.clone());
        base
    }

    /// Of that, what lies in the bucket as it would be sent now: sealed with this key, or
    /// with none.
    pub(crate) fn sent_as(&self, seal: Option<&str>) -> HashMap<String, String> {
        let mut base = self.base();
        for file in &self.files {
            if file.seal.as_deref() != seal {
                base.remove(&file.path);
            }
        }
        base
    }

    pub(crate) fn manifest(&self) -> Manifest {
        Manifest {
            head: self.head.clone(),
            files: self.files.clone(),
            refused: Vec::new(),
            others: Vec::new(),
            conflicts: Vec::new(),
        }
    }
}

/// As [`LastManifest`], without the files.
#[derive(Deserialize)]
struct LastHead {
    place: String,
    head: ManifestHead,
}

impl Session {
    pub(crate) fn manifest_path(&self) -> PathBuf {
        self.0.store.private_dir().join("last-manifest.json")
    }

    fn pending_path(&self) -> PathBuf {
        self.0.store.private_dir().join("pending-manifest.json")
    }

    /// Whether a restore point was being sent, of which it is not known that it arrived.
    pub(crate) fn has_pending(&self) -> bool {
        self.pending_path().exists()
    }

    pub(crate) fn last_manifest(&self, settings: &BucketSettings) -> Option<LastManifest> {
        read(&self.manifest_path(), settings)
    }

    /// Whether this point is what this device last knew.
    pub(crate) fn goes_on_from(&self, settings: &BucketSettings, point: &ManifestHead) -> bool {
        let last = fs::read(self.manifest_path()).ok();
        last.and_then(|bytes| serde_json::from_slice::<LastHead>(&bytes).ok())
            .is_some_and(|last| last.place == settings.place() && last.head.id == point.id)
    }

    pub(crate) fn keep_manifest(
        &self,
        settings: &BucketSettings,
        manifest: Manifest,
        stale: HashMap<String, String>,
    ) {
        let last = LastManifest::new(settings, manifest, stale);
        keep(&self.manifest_path(), &last);
        self.drop_pending();
    }

    /// What [`Session::keep_manifest`] will keep once the manifest has arrived. Written
    /// before it is sent: a process that is killed in between would go on from the point
    /// before, and take what was put back as it was then for another device's change.
    /// Answers whether it is noted.
    pub(crate) fn note_pending(
        &self,
        settings: &BucketSettings,
        manifest: &Manifest,
        stale: &HashMap<String, String>,
    ) -> bool {
        let pending = LastManifest::new(settings, manifest.clone(), stale.clone());
        match write(&self.pending_path(), &pending, Durability::Synced) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(error = %error, "a restore point is made that was not noted before");
                false
            }
        }
    }

    /// A restore point that was being sent when the process ended, or whose answer was
    /// lost: whether it arrived is asked of the bucket.
    pub(crate) fn settle_pending(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
    ) -> Result<(), CoreError> {
        let Some(pending) = read(&self.pending_path(), settings) else {
            return Ok(());
        };
        let (key, id) = (self.manifest_key(), pending.head.id);
        let arrived = self
            .0
            .core
            .block_on(async move { redline_backup::was_made(bucket, &key, &id).await })?;
        let arrived = self.heed(settings, arrived)?;
        if arrived {
            self.take_pending();
        } else if self.0.jobs.running(&[JobKind::Backup]).is_none() {
            self.drop_pending();
        }
        Ok(())
    }

    /// The pending one has arrived. `false`: there is none any more.
    pub(crate) fn take_pending(&self) -> bool {
        let taken = fs::rename(self.pending_path(), self.manifest_path());
        if let Err(error) = &taken {
            tracing::warn!(error = %error.kind(), "the note of a restore point is gone before it was taken");
        }
        taken.is_ok()
    }

    fn drop_pending(&self) {
        // One that stays is settled by the bucket.
        let _ = fs::remove_file(self.pending_path());
    }

    /// These files were just restored: whatever they are now, a person chose it.
    pub(crate) fn no_longer_stale(&self, settings: &BucketSettings, paths: &[String]) {
        for path in [self.manifest_path(), self.pending_path()] {
            let Some(mut last) = read(&path, settings) else {
                continue;
            };
            let before = last.stale.len();
            for restored in paths {
                last.stale.remove(restored);
            }
            if last.stale.len() < before {
                keep(&path, &last);
            }
        }
    }
}

fn read(path: &Path, settings: &BucketSettings) -> Option<LastManifest> {
    let bytes = fs::read(path).ok()?;
    let last: LastManifest = serde_json::from_slice(&bytes).ok()?;
    (last.place == settings.place()).then_some(last)
}

fn keep(path: &Path, last: &LastManifest) {
    if let Err(error) = write(path, last, Durability::Whole) {
        tracing::warn!(error = %error, "what waits for the next backup will be counted from nothing");
    }
}

fn write(path: &Path, last: &LastManifest, durability: Durability) -> Result<(), ErrorKind> {
    serde_json::to_vec(last)
        .map_err(std::io::Error::from)
        .and_then(|text| fsx::replace(path, &text, durability))
        .map_err(|error| error.kind())
}
