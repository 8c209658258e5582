//! The restore points of a store: listed, authenticated, read.

use std::collections::HashMap;

use bytes::Bytes;
use futures::stream::{self, StreamExt};

use crate::heads;
use crate::layout::PointName;
use crate::manifest::{
    FileEntry, Grown, MAX_MANIFEST, Manifest, ManifestHead, ObjectRef, ShardRef, decode_head,
    decode_shard,
};
use crate::seal::{Kind, Place};
use crate::{BackupError, Bucket, ManifestKey, Result};

/// What a manifest turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PointState {
    /// Authentic and readable.
    Ready,
    /// Not written with this key, or changed since. Never restored.
    Forged,
    /// Not a manifest at all any more.
    Damaged,
    /// Authentic, in a format of a newer Redline.
    TooNew,
    /// Authentic, and sealed with a key that is not on this machine.
    Locked,
}

/// One line of the list of restore points.
#[derive(Clone, Debug)]
pub struct RestorePoint {
    pub id: String,
    pub generation: u64,
    pub device: String,
    /// RFC 3339, UTC. Where the manifest cannot be believed: from its name.
    pub created_at: String,
    pub files: u64,
    pub bytes: u64,
    pub new_files: u64,
    pub changed_files: u64,
    pub removed_files: u64,
    pub uploaded_bytes: u64,
    pub authentic: bool,
    pub state: PointState,
    /// Why it cannot be restored.
    pub problem: Option<String>,
    /// Ready, and no other ready point builds on it.
    pub head: bool,
    pub grew: Vec<Grown>,
    /// Sealed before it was sent.
    pub encrypted: bool,
}

/// A newer restore point that was passed over, and why.
#[derive(Debug)]
pub struct SkippedPoint {
    pub id: String,
    pub reason: BackupError,
}

/// Small objects that are read at once.
pub(crate) const FETCHES: usize = 8;

/// Newest first. One request for each list (manifests, shards, catalogs) and one for
/// each manifest. Those that fail authentication, or whose lists of files are gone, are
/// there and marked.
pub async fn list_restore_points(bucket: &Bucket, key: &ManifestKey) -> Result<Vec<RestorePoint>> {
    let names = point_names(bucket).await?;
    let read: Vec<(PointName, Result<ManifestHead>)> = stream::iter(names)
        .map(|name| async move {
            let head = read_head(bucket, key, &name.id()).await;
            (name, head)
        })
        .buffered(FETCHES)
        .collect()
        .await;
    let there = sizes_below(bucket, &bucket.layout().shards_prefix()).await?;
    let catalogs = sizes_below(bucket, &bucket.layout().catalogs_prefix()).await?;
    let mut points = Vec::with_capacity(read.len());
    // Newest first, so whatever builds on a point was there before it.
    let mut ready: Vec<ManifestHead> = Vec::new();
    for (name, head) in read {
        let state = match &head {
            Ok(head) if lists_are_there(bucket, head, &there)? => PointState::Ready,
            Ok(_) => PointState::Damaged,
            Err(BackupError::Forged { .. }) => PointState::Forged,
            Err(BackupError::Damaged { .. }) => PointState::Damaged,
            Err(BackupError::TooNew { .. }) => PointState::TooNew,
            Err(BackupError::Locked { .. }) => PointState::Locked,
            // Removed between the list and the read.
            Err(BackupError::NotFound { .. }) => continue,
            Err(_) => return head.map(|_| Vec::new()),
        };
        let mut point = describe(&name, &head, state);
        if let (PointState::Ready, Ok(head)) = (state, &head) {
            point.head = !ready.iter().any(|later| heads::covers(later, &name));
            ready.push(head.clone());
        }
        if let Ok(head) = &head {
            let catalog = catalog_place(bucket, &head.catalog)?;
            point.problem = match state {
                PointState::Damaged => Some("Its list of files is gone from the bucket.".into()),
                _ if catalogs.get(&catalog.key) != Some(&catalog.size) => Some(
                    "Its catalog is gone from the bucket: files come back without their history."
                        .into(),
                ),
                _ => None,
            };
        }
        points.push(point);
    }
    Ok(points)
}

async fn sizes_below(bucket: &Bucket, prefix: &str) -> Result<HashMap<String, u64>> {
    let listed = bucket.list(prefix).await?;
    Ok(listed.into_iter().map(|o| (o.key, o.size)).collect())
}

/// One request for a thousand lists, of whatever points.
pub(crate) async fn has_lists(bucket: &Bucket, head: &ManifestHead) -> Result<bool> {
    let there = sizes_below(bucket, &bucket.layout().shards_prefix()).await?;
    lists_are_there(bucket, head, &there)
}

fn lists_are_there(
    bucket: &Bucket,
    head: &ManifestHead,
    there: &HashMap<String, u64>,
) -> Result<bool> {
    for shard in &head.shards {
        let place = shard_place(bucket, head, shard)?;
        if there.get(&place.key) != Some(&place.size) {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(crate) fn shard_place(bucket: &Bucket, head: &ManifestHead, shard: &ShardRef) -> Result<Place> {
    bucket.place(
        Kind::Shard,
        &shard.sha256,
        shard.size,
        head.encryption.as_deref(),
    )
}

pub(crate) fn catalog_place(bucket: &Bucket, catalog: &ObjectRef) -> Result<Place> {
    bucket.place(
        Kind::Catalog,
        &catalog.sha256,
        catalog.size,
        catalog.seal.as_deref(),
    )
}

pub(crate) fn file_place(bucket: &Bucket, file: &FileEntry) -> Result<Place> {
    bucket.place(Kind::Object, &file.sha256, file.size, file.seal.as_deref())
}

fn describe(name: &PointName, head: &Result<ManifestHead>, state: PointState) -> RestorePoint {
    let problem = head.as_ref().err().map(ToString::to_string);
    let head = head.as_ref().ok();
    let named_time = || {
        let millis = i64::try_from(name.ulid.timestamp_ms()).unwrap_or(0);
        jiff::Timestamp::from_millisecond(millis)
            .map(|t| t.to_string())
            .unwrap_or_default()
    };
    RestorePoint {
        id: name.id(),
        generation: name.generation,
        device: name.device.clone(),
        created_at: head.map_or_else(named_time, |h| h.created_at.clone()),
        files: head.map_or(0, |h| h.files),
        bytes: head.map_or(0, |h| h.bytes),
        new_files: head.map_or(0, |h| h.changes.new_files),
        changed_files: head.map_or(0, |h| h.changes.changed_files),
        removed_files: head.map_or(0, |h| h.changes.removed_files),
        uploaded_bytes: head.map_or(0, |h| h.changes.uploaded_bytes),
        authentic: matches!(
            state,
            PointState::Ready | PointState::TooNew | PointState::Locked
        ),
        state,
        problem,
        head: false,
        grew: head.map_or_else(Vec::new, |h| h.grew.clone()),
        encrypted: state == PointState::Locked || head.is_some_and(|h| h.encryption.is_some()),
    }
}

/// The newest state that is authentic and whole, and the points passed over on the way
/// to it. Where several devices have not met yet it is their merged view. A newer
/// format is an error: an older Redline must not build on what it cannot read.
pub async fn latest_manifest(
    bucket: &Bucket,
    key: &ManifestKey,
) -> Result<(Option<Manifest>, Vec<SkippedPoint>)> {
    heads::newest(bucket, key, None).await
}

/// As [`latest_manifest`]; `held` is a point that was read before, whose lists are not
/// fetched again.
pub async fn latest_manifest_with(
    bucket: &Bucket,
    key: &ManifestKey,
    held: Manifest,
) -> Result<(Option<Manifest>, Vec<SkippedPoint>)> {
    heads::newest(bucket, key, Some(held)).await
}

/// Whether the manifest of this restore point has arrived: it is there, or a later one
/// was built on it.
pub async fn was_made(bucket: &Bucket, key: &ManifestKey, id: &str) -> Result<bool> {
    let Some(name) = PointName::parse(id) else {
        return Ok(false);
    };
    let names = point_names(bucket).await?;
    if names.contains(&name) {
        return Ok(true);
    }
    // Keep rules may have dropped it since.
    for later in names.iter().filter(|n| n.order() > name.order()) {
        match read_head(bucket, key, &later.id()).await {
            Ok(head) if heads::covers(&head, &name) => return Ok(true),
            Ok(_)
            | Err(
                BackupError::Forged { .. }
                | BackupError::Damaged { .. }
                | BackupError::NotFound { .. }
                | BackupError::TooNew { .. },
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Whether this restore point was made knowing every other that the bucket has: nothing is
/// newer, and no other device's is missing from it. Told by names, in one request.
pub async fn is_newest(bucket: &Bucket, point: &ManifestHead) -> Result<bool> {
    let names = point_names(bucket).await?;
    Ok(names.iter().all(|name| heads::covers(point, name)))
}

/// One restore point by its id, authenticated, with its files.
pub(crate) async fn load_manifest(
    bucket: &Bucket,
    key: &ManifestKey,
    id: &str,
) -> Result<Manifest> {
    if PointName::parse(id).is_none() {
        return Err(BackupError::NotFound {
            what: format!("The restore point \"{id}\""),
        });
    }
    let whole = read_head(bucket, key, id).await?;
    let head = &whole;
    let shards: Vec<Result<_>> = stream::iter(head.shards.clone())
        .map(|shard| async move { read_shard(bucket, head, &shard).await })
        .buffered(FETCHES)
        .collect()
        .await;
    let mut entries = Vec::new();
    for shard in shards {
        entries.extend(shard?);
    }
    Ok(Manifest::assemble(whole, entries))
}

/// One of the lists of files that a head names.
pub(crate) async fn read_shard(
    bucket: &Bucket,
    head: &ManifestHead,
    shard: &ShardRef,
) -> Result<Vec<FileEntry>> {
    let what = format!("The list of files {}", &shard.sha256[..12]);
    let place = shard_place(bucket, head, shard)?;
    let bytes = bucket
        .get_small(&place.key, &what, place.size)
        .await
        .map_err(|error| match error {
            // Larger than the manifest says: not the shard that was stored.
            BackupError::Service { .. } => BackupError::Damaged { what: what.clone() },
            other => other,
        })?;
    match &place.seal {
        None => decode_shard(shard, &bytes),
        Some(seal) => {
            let opened = seal.opening(0).open(&bytes);
            let opened = opened.map_err(|_| BackupError::Damaged { what })?;
            decode_shard(shard, &opened)
        }
    }
}

pub(crate) async fn read_head(
    bucket: &Bucket,
    key: &ManifestKey,
    id: &str,
) -> Result<ManifestHead> {
    let bytes = manifest_bytes(bucket, id).await?;
    decode_head(id, &bytes, key, bucket.store_hash(), bucket.data_keys())
}

/// What lies under this restore point's name, unless it is larger than one can be.
async fn manifest_bytes(bucket: &Bucket, id: &str) -> Result<Bytes> {
    let what = format!("The restore point {id}");
    bucket
        .get_small(&bucket.layout().manifest(id), &what, MAX_MANIFEST)
        .await
        .map_err(|error| match error {
            BackupError::Service { message, .. } if message.contains("larger than") => {
                BackupError::Damaged { what }
            }
            other => other,
        })
}

/// Whether what lies under this restore point's name says that it is sealed. Not to be
/// believed: somebody may have changed it. Enough for not sending in the clear.
pub async fn says_sealed(bucket: &Bucket, id: &str) -> Result<bool> {
    match manifest_bytes(bucket, id).await {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).contains("\"sealed\":\"")),
        Err(BackupError::NotFound { .. } | BackupError::Damaged { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Names only, newest first. What is not named as a restore point is not one.
pub(crate) async fn point_names(bucket: &Bucket) -> Result<Vec<PointName>> {
    let prefix = bucket.layout().manifests_prefix();
    let mut names: Vec<PointName> = bucket
        .list(&prefix)
        .await?
        .iter()
        .filter_map(|object| {
            PointName::parse(object.key.strip_prefix(&prefix)?.strip_suffix(".json")?)
        })
        .collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.order()));
    Ok(names)
}
