//! What restore points have under one path, newest first. Of a point only its head is
//! read, and the one list of files that the path belongs to; a list that several points
//! share is read once.

use std::collections::HashMap;

use futures::stream::{self, StreamExt};

use crate::layout::PointName;
use crate::manifest::{FileEntry, ManifestHead, ShardRef, check_entry, shard_of};
use crate::points::{self, FETCHES, SkippedPoint};
use crate::{BackupError, Bucket, ManifestKey, Result};

/// Restore points of one answer: a person sees what was found, and can stop, in between.
const POINTS_AT_ONCE: usize = 16;

/// A file as one restore point has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileVersion {
    /// The restore point's id.
    pub point: String,
    /// When that was made; RFC 3339, UTC.
    pub created_at: String,
    pub device: String,
    pub size: u64,
    pub sha256: String,
}

/// Some restore points' versions of a file.
#[derive(Debug)]
pub struct FileVersions {
    /// One for each point that has the path, newest first, same bytes or not.
    pub found: Vec<FileVersion>,
    /// Points looked at for this answer.
    pub looked_at: u64,
    /// Points that are older than those.
    pub remaining: u64,
    /// The oldest of those looked at, from which to go on; `None` once none is older.
    pub next: Option<String>,
    /// Points of which it cannot be said what they have.
    pub skipped: Vec<SkippedPoint>,
}

/// What the newest restore points have under `path`, or those older than `older_than`. As
/// a rule two requests for each, and one to list them.
///
/// # Errors
/// [`BackupError::NotFound`] where `older_than` names no restore point; whatever concerns
/// the bucket and not a single point.
pub async fn file_versions(
    bucket: &Bucket,
    key: &ManifestKey,
    path: &str,
    older_than: Option<&str>,
) -> Result<FileVersions> {
    let mut names = points::point_names(bucket).await?;
    if let Some(id) = older_than {
        let Some(mark) = PointName::parse(id) else {
            return Err(BackupError::NotFound {
                what: format!("The restore point \"{id}\""),
            });
        };
        // It need not be there any more: keep rules may have dropped it since.
        names.retain(|name| name.order() < mark.order());
    }
    let rest = names.split_off(names.len().min(POINTS_AT_ONCE));
    let mut versions = FileVersions {
        found: Vec::new(),
        looked_at: names.len() as u64,
        remaining: rest.len() as u64,
        next: names.last().filter(|_| !rest.is_empty()).map(PointName::id),
        skipped: Vec::new(),
    };
    let heads = read_heads(bucket, key, names, &mut versions.skipped).await?;
    let lists = read_lists(bucket, path, &heads).await?;
    for head in &heads {
        let of_path: Vec<&List> = shards(head, path)
            .filter_map(|shard| lists.get(&list_id(head, shard)))
            .collect();
        if of_path.contains(&&List::Unreadable) {
            versions.skipped.push(SkippedPoint {
                id: head.id.clone(),
                reason: BackupError::Damaged {
                    what: format!("The restore point {}", head.id),
                },
            });
            continue;
        }
        let entry = of_path.into_iter().find_map(|list| match list {
            List::Has(entry) => Some(entry),
            _ => None,
        });
        if let Some(entry) = entry {
            versions.found.push(FileVersion {
                point: head.id.clone(),
                created_at: head.created_at.clone(),
                device: head.device.clone(),
                size: entry.size,
                sha256: entry.sha256.clone(),
            });
        }
    }
    Ok(versions)
}

async fn read_heads(
    bucket: &Bucket,
    key: &ManifestKey,
    names: Vec<PointName>,
    skipped: &mut Vec<SkippedPoint>,
) -> Result<Vec<ManifestHead>> {
    let read: Vec<(String, Result<ManifestHead>)> = stream::iter(names)
        .map(|name| async move {
            let id = name.id();
            let head = points::read_head(bucket, key, &id).await;
            (id, head)
        })
        .buffered(FETCHES)
        .collect()
        .await;
    let mut heads = Vec::with_capacity(read.len());
    for (id, head) in read {
        match head {
            Ok(head) => heads.push(head),
            // Removed between the list and the read.
            Err(BackupError::NotFound { .. }) => {}
            Err(
                reason @ (BackupError::Forged { .. }
                | BackupError::Damaged { .. }
                | BackupError::TooNew { .. }
                | BackupError::Locked { .. }),
            ) => skipped.push(SkippedPoint { id, reason }),
            Err(error) => return Err(error),
        }
    }
    Ok(heads)
}

/// What a list of files says of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum List {
    Has(FileEntry),
    HasNot,
    /// Gone from the bucket, or not what it was.
    Unreadable,
}

/// The same bytes sealed with another key are another object.
type ListId = (String, Option<String>);

fn list_id(head: &ManifestHead, shard: &ShardRef) -> ListId {
    (shard.sha256.clone(), head.encryption.clone())
}

/// The lists that may have the path: one, unless nobody can say which.
fn shards<'a>(head: &'a ManifestHead, path: &str) -> impl Iterator<Item = &'a ShardRef> + use<'a> {
    let one = shard_of(head, path);
    head.shards
        .iter()
        .enumerate()
        .filter(move |(n, _)| one.is_none_or(|one| *n == one))
        .map(|(_, shard)| shard)
}

async fn read_lists(
    bucket: &Bucket,
    path: &str,
    heads: &[ManifestHead],
) -> Result<HashMap<ListId, List>> {
    let mut wanted: HashMap<ListId, (usize, ShardRef)> = HashMap::new();
    for (at, head) in heads.iter().enumerate() {
        for shard in shards(head, path) {
            let place = wanted.entry(list_id(head, shard));
            place.or_insert_with(|| (at, shard.clone()));
        }
    }
    let read: Vec<(ListId, Result<List>)> = stream::iter(wanted)
        .map(|(id, (at, shard))| async move {
            let list = points::read_shard(bucket, &heads[at], &shard).await;
            (id, list.map(|entries| looked_up(entries, path)))
        })
        .buffered(FETCHES)
        .collect()
        .await;
    let mut lists = HashMap::with_capacity(read.len());
    for (id, list) in read {
        let list = match list {
            Ok(list) => list,
            Err(BackupError::NotFound { .. } | BackupError::Damaged { .. }) => List::Unreadable,
            Err(error) => return Err(error),
        };
        lists.insert(id, list);
    }
    Ok(lists)
}

fn looked_up(entries: Vec<FileEntry>, path: &str) -> List {
    let entry = entries.into_iter().find(|entry| entry.path == path);
    match entry {
        // As a restore would refuse it.
        Some(entry) if check_entry(&entry).is_ok() => List::Has(entry),
        _ => List::HasNot,
    }
}
