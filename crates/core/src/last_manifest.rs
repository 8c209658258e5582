//! What this device last knew of its backup, kept in the store's private folder: tells
//! what waits without asking the bucket, and its own changes from other devices'.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;

use redline_backup::{FileEntry, Manifest, ManifestHead};
use serde::{Deserialize, Serialize};

use crate::bucket::BucketSettings;
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

impl Session {
    pub(crate) fn manifest_path(&self) -> PathBuf {
        self.0.store.private_dir().join("last-manifest.json")
    }

    pub(crate) fn last_manifest(&self, settings: &BucketSettings) -> Option<LastManifest> {
        let bytes = fs::read(self.manifest_path()).ok()?;
        let last: LastManifest = serde_json::from_slice(&bytes).ok()?;
        (last.place == settings.place()).then_some(last)
    }

    pub(crate) fn keep_manifest(
        &self,
        settings: &BucketSettings,
        manifest: Manifest,
        stale: HashMap<String, String>,
    ) {
        let last = LastManifest {
            place: settings.place(),
            head: manifest.head,
            files: manifest.files,
            stale,
        };
        self.write_last_manifest(&last);
    }

    /// These files were just restored: whatever they are now, a person chose it.
    pub(crate) fn no_longer_stale(&self, settings: &BucketSettings, paths: &[String]) {
        let Some(mut last) = self.last_manifest(settings) else {
            return;
        };
        let before = last.stale.len();
        for path in paths {
            last.stale.remove(path);
        }
        if last.stale.len() < before {
            self.write_last_manifest(&last);
        }
    }

    fn write_last_manifest(&self, last: &LastManifest) {
        let written = serde_json::to_vec(last)
            .map_err(std::io::Error::from)
            .and_then(|text| fsx::replace(&self.manifest_path(), &text, Durability::Whole));
        if let Err(error) = written {
            tracing::warn!(error = %error.kind(), "what waits for the next backup will be counted from nothing");
        }
    }
}
