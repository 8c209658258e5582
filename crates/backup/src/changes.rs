//! What changed from one restore point to the next, file by file.

use std::collections::HashMap;

use crate::layout::PointName;
use crate::manifest::{FileEntry, Manifest};
use crate::points::{load_manifest, point_names};
use crate::{BackupError, Bucket, ManifestHead, ManifestKey, Result};

/// A path and its size in both points; `None` where it is not in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedPath {
    pub path: String,
    pub before: Option<u64>,
    pub after: Option<u64>,
}

/// Each list in order of path.
#[derive(Clone, Debug)]
pub struct PointChanges {
    pub point: ManifestHead,
    /// The point it is compared with: the one it builds on or, where that cannot be
    /// read any more, the newest before it that can.
    pub against: Option<String>,
    pub new: Vec<ChangedPath>,
    pub changed: Vec<ChangedPath>,
    pub removed: Vec<ChangedPath>,
}

/// Compares a restore point with the one before it.
pub async fn point_changes(bucket: &Bucket, key: &ManifestKey, id: &str) -> Result<PointChanges> {
    let point = load_manifest(bucket, key, id).await?;
    let before = before(bucket, key, &point).await?;
    let (new, changed, removed) = compare(
        before.as_ref().map_or(&[], |m| m.files.as_slice()),
        &point.files,
    );
    Ok(PointChanges {
        point: point.head,
        against: before.map(|m| m.head.id),
        new,
        changed,
        removed,
    })
}

async fn before(bucket: &Bucket, key: &ManifestKey, point: &Manifest) -> Result<Option<Manifest>> {
    if point.head.parents.is_empty() {
        return Ok(None);
    }
    let own = PointName::parse(point.id()).map(|name| name.order());
    let mut candidates: Vec<String> = point.head.parents.clone();
    candidates.extend(
        point_names(bucket)
            .await?
            .into_iter()
            .filter(|name| Some(name.order()) < own)
            .map(|name| name.id()),
    );
    for id in candidates {
        match load_manifest(bucket, key, &id).await {
            Ok(manifest) => return Ok(Some(manifest)),
            Err(
                BackupError::NotFound { .. }
                | BackupError::Damaged { .. }
                | BackupError::Forged { .. }
                | BackupError::TooNew { .. }
                | BackupError::Locked { .. },
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

type Lists = (Vec<ChangedPath>, Vec<ChangedPath>, Vec<ChangedPath>);

fn compare(before: &[FileEntry], after: &[FileEntry]) -> Lists {
    let mut old: HashMap<&str, &FileEntry> = before.iter().map(|f| (f.path.as_str(), f)).collect();
    let (mut new, mut changed) = (Vec::new(), Vec::new());
    for file in after {
        let line = |before| ChangedPath {
            path: file.path.clone(),
            before,
            after: Some(file.size),
        };
        match old.remove(file.path.as_str()) {
            None => new.push(line(None)),
            Some(was) if was.sha256 != file.sha256 => changed.push(line(Some(was.size))),
            Some(_) => {}
        }
    }
    let mut removed: Vec<ChangedPath> = old
        .into_values()
        .map(|file| ChangedPath {
            path: file.path.clone(),
            before: Some(file.size),
            after: None,
        })
        .collect();
    removed.sort_by(|a, b| a.path.cmp(&b.path));
    (new, changed, removed)
}
