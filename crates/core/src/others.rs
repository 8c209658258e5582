//! Several devices with one store: what another device backed up is taken into the
//! catalog here before the next restore point builds on it. Its files are listed as
//! being in the bucket only; its history, tables and presets come row by row.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redline_backup::{
    Bucket, Conflict, Manifest, ManifestHead, RestoreItem, RestoreSink, SourceFile,
};
use redline_store::{CloudFile, MergeChoice, ScratchDir, Status};

use crate::bucket::SharedProgress;
use crate::contract::{ConflictView, Event, PresetView};
use crate::error::CoreError;
use crate::jobs::Job;
use crate::last_manifest::LastManifest;
use crate::progress::Transferring;
use crate::session::Session;

/// Digits of a device's id that its name carries.
const ID_DIGITS: usize = 6;
/// What the presets are called in a snapshot of the catalog.
pub(crate) const PRESETS: &str = "presets";

impl Session {
    /// This machine in the list of restore points, told apart from another one of the
    /// same name.
    pub(crate) fn device(&self) -> Result<String, CoreError> {
        let store = &self.0.store;
        let id = match store.meta_get("device")? {
            Some(id) if id.len() > ID_DIGITS && id.is_ascii() => id,
            _ => {
                let id = ulid::Ulid::new().to_string();
                store.meta_set("device", &id)?;
                id
            }
        };
        let digits = &id[id.len() - ID_DIGITS..];
        Ok(format!("{}-{digits}", crate::backup::machine_name()))
    }

    /// The newest points of other devices that this one has not seen.
    pub(crate) fn heads_of_others(
        &self,
        newest: &Manifest,
        last: Option<&LastManifest>,
    ) -> Result<Vec<ManifestHead>, CoreError> {
        let device = self.device()?;
        let known = last.map(|last| last.head.id.as_str());
        Ok([&newest.head]
            .into_iter()
            .chain(&newest.others)
            .filter(|head| head.device != device && Some(head.id.as_str()) != known)
            .cloned()
            .collect())
    }

    /// Brings in what these heads have and this store does not. Answers whose they are.
    pub(crate) fn take_in_others(
        &self,
        bucket: &Bucket,
        newest: &Manifest,
        heads: &[ManifestHead],
        job: &Arc<Job>,
    ) -> Result<Vec<String>, CoreError> {
        job.phase("taking in other devices");
        let sink: Arc<dyn RestoreSink> = Arc::new(Catalogs {
            session: self.clone(),
            scratch: self.0.store.scratch_dir()?,
            next: AtomicU64::new(0),
        });
        let progress: SharedProgress = Arc::new(Transferring(Arc::clone(job)));
        let failed = self.0.core.block_on(async move {
            redline_backup::fetch_catalogs(bucket, heads, sink, progress).await
        })??;
        for failure in &failed {
            // Its files are in its manifest all the same.
            tracing::warn!(error = %failure.error, "another device's catalog could not be taken in");
        }
        self.list_what_is_not_here(newest)?;
        self.tell(Event::Files);
        self.tell(Event::History);
        let mut names: Vec<String> = heads.iter().map(|head| label(&head.device)).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// Rows for files of the newest state that neither this store nor a catalog had.
    fn list_what_is_not_here(&self, newest: &Manifest) -> Result<(), CoreError> {
        let store = &self.0.store;
        let here = store.files_for_backup()?;
        let uids: HashSet<&str> = here.iter().map(|file| file.uid.as_str()).collect();
        let contents: HashSet<&str> = here.iter().map(|file| file.sha256.as_str()).collect();
        let paths: HashSet<&str> = here.iter().map(|f| f.relative_path.as_str()).collect();
        let deleted = store.deleted_uids()?;
        let missing: Vec<CloudFile> = newest
            .files
            .iter()
            .filter(|entry| {
                let known = uids.contains(entry.uid.as_str())
                    || paths.contains(entry.path.as_str())
                    || contents.contains(entry.sha256.as_str());
                !known && !deleted.contains(&entry.uid)
            })
            .map(|entry| CloudFile {
                uid: entry.uid.clone(),
                relative_path: entry.path.clone(),
                size_bytes: entry.size,
                sha256: entry.sha256.clone(),
            })
            .collect();
        store.list_cloud_files(&missing)?;
        Ok(())
    }

    /// Other files under a name that one here has, too: what was taken in just now (and
    /// is not among the contents of `before`) has a name beside it.
    pub(crate) fn namesakes(
        &self,
        newest: &Manifest,
        files: &[SourceFile],
        before: &HashSet<String>,
    ) -> Result<Vec<Conflict>, CoreError> {
        let own = self.device()?;
        let device = [&newest.head]
            .into_iter()
            .chain(&newest.others)
            .map(|head| &head.device)
            .find(|device| **device != own)
            .unwrap_or(&newest.head.device);
        let at: HashMap<&str, &SourceFile> = files
            .iter()
            .map(|f| (f.relative_path.as_str(), f))
            .collect();
        let named: HashMap<&str, &SourceFile> = files.iter().map(|f| (f.uid.as_str(), f)).collect();
        Ok(newest
            .files
            .iter()
            .filter(|entry| !before.contains(&entry.sha256))
            .filter_map(|entry| {
                let here = at.get(entry.path.as_str())?;
                let beside = named.get(entry.uid.as_str())?;
                let differs = here.uid != entry.uid && here.sha256 != entry.sha256;
                (differs && beside.sha256 == entry.sha256).then(|| Conflict {
                    path: entry.path.clone(),
                    kept_as: beside.relative_path.clone(),
                    sha256: entry.sha256.clone(),
                    device: device.clone(),
                })
            })
            .collect())
    }

    /// Lists the other device's bytes of files that both changed, beside the local ones.
    pub(crate) fn list_conflicts(
        &self,
        newest: &Manifest,
        conflicts: &[Conflict],
    ) -> Result<Vec<ConflictView>, CoreError> {
        let store = &self.0.store;
        let sizes: HashMap<&str, u64> = newest
            .files
            .iter()
            .map(|file| (file.sha256.as_str(), file.size))
            .collect();
        let here = store.files_for_backup()?;
        let contents: HashSet<&str> = here.iter().map(|file| file.sha256.as_str()).collect();
        let missing: Vec<CloudFile> = conflicts
            .iter()
            .filter(|conflict| !contents.contains(conflict.sha256.as_str()))
            .map(|conflict| CloudFile {
                uid: ulid::Ulid::new().to_string(),
                relative_path: conflict.kept_as.clone(),
                size_bytes: sizes.get(conflict.sha256.as_str()).copied().unwrap_or(0),
                sha256: conflict.sha256.clone(),
            })
            .collect();
        store.list_cloud_files(&missing)?;
        let now = store.files_for_backup()?;
        Ok(conflicts
            .iter()
            .map(|conflict| ConflictView {
                path: conflict.path.clone(),
                kept_as: now
                    .iter()
                    .find(|file| {
                        file.sha256 == conflict.sha256 && file.relative_path != conflict.path
                    })
                    .map_or_else(|| conflict.kept_as.clone(), |f| f.relative_path.clone()),
                device: label(&conflict.device),
            })
            .collect())
    }

    /// Presets of another catalog that have no namesake here.
    pub(crate) fn take_in_presets(&self, text: &str) {
        let Ok(presets) = serde_json::from_str::<Vec<PresetView>>(text) else {
            return;
        };
        for preset in presets {
            if self.preset(&preset.name).is_err()
                && let Err(error) = self.save_preset(preset)
            {
                tracing::info!(code = ?error.code(), "a preset was not taken in");
            }
        }
    }

    /// Rows and presets of another catalog of this key.
    pub(crate) fn merge_snapshot(
        &self,
        snapshot: &std::path::Path,
        choice: &MergeChoice,
    ) -> Result<redline_store::MergeReport, redline_store::StoreError> {
        let merged = self.0.store.merge_catalog(snapshot, choice)?;
        if choice.only.is_none() {
            for (name, text) in self.0.store.kept_in(snapshot)? {
                if name == PRESETS {
                    self.take_in_presets(&text);
                }
            }
        }
        Ok(merged)
    }
}

/// A device as a person knows it: without the digits that tell namesakes apart.
pub(crate) fn label(device: &str) -> String {
    match device.rsplit_once('-') {
        Some((name, digits))
            if !name.is_empty()
                && digits.len() == ID_DIGITS
                && digits
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) =>
        {
            name.to_owned()
        }
        _ => device.to_owned(),
    }
}

/// Takes catalogs and nothing else.
struct Catalogs {
    session: Session,
    scratch: ScratchDir,
    next: AtomicU64,
}

impl RestoreSink for Catalogs {
    fn begin(&self, _: &RestoreItem) -> io::Result<PathBuf> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn commit(&self, _: &RestoreItem, _: PathBuf) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn begin_catalog(&self) -> io::Result<PathBuf> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        Ok(self.scratch.path().join(format!("{n}.duckdb")))
    }

    fn catalog(&self, temp: PathBuf) -> io::Result<()> {
        let choice = MergeChoice {
            only: None,
            arrive_as: Status::CloudOnly,
        };
        self.session
            .merge_snapshot(&temp, &choice)
            .map(drop)
            .map_err(crate::restore::io_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_shown_by_its_name() {
        assert_eq!(label("desk-7F3K2A"), "desk");
        assert_eq!(label("my-desk"), "my-desk");
        assert_eq!(label("desk-laptop"), "desk-laptop");
    }
}
