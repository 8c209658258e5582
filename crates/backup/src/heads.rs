//! The present of a store that several devices back up: the restore points that no
//! other builds on, and one view of them.
//!
//! Which point is an ancestor is told by names alone: each point says the newest of
//! every device that it builds on. Naming only its parents would not do, since a
//! point between two others may have been dropped by keep rules.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::layout::PointName;
use crate::manifest::{FileEntry, Manifest, ManifestHead};
use crate::names;
use crate::points::{self, SkippedPoint};
use crate::{BackupError, Bucket, ManifestKey, Result};

/// The same path, changed on two devices: both are in the merged view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub path: String,
    /// Where the other device's bytes are.
    pub kept_as: String,
    pub sha256: String,
    pub device: String,
}

/// Whether `head` was made knowing `point`.
pub(crate) fn covers(head: &ManifestHead, point: &PointName) -> bool {
    let later = |other: &PointName| other.device == point.device && other.order() >= point.order();
    head.parents
        .iter()
        .chain(&head.seen)
        .chain([&head.id])
        .filter_map(|id| PointName::parse(id))
        .any(|other| later(&other))
}

/// What a point built on these heads says it has seen: the newest of each device.
pub(crate) fn seen_by(heads: &[&ManifestHead]) -> Vec<String> {
    let mut newest: BTreeMap<String, PointName> = BTreeMap::new();
    let names = heads
        .iter()
        .flat_map(|head| head.seen.iter().chain(&head.parents).chain([&head.id]))
        .filter_map(|id| PointName::parse(id));
    for name in names {
        match newest.get(&name.device) {
            Some(known) if known.order() >= name.order() => {}
            _ => {
                newest.insert(name.device.clone(), name);
            }
        }
    }
    newest.into_values().map(|name| name.id()).collect()
}

/// The newest state: one point, or several merged. Points that cannot be trusted or
/// read are passed over, and what they built on stands for them.
///
/// `held` is a point that was authenticated and read before: if it is still a head,
/// its lists are not fetched again.
pub(crate) async fn newest(
    bucket: &Bucket,
    key: &ManifestKey,
    held: Option<Manifest>,
) -> Result<(Option<Manifest>, Vec<SkippedPoint>)> {
    let names = points::point_names(bucket).await?;
    let (mut heads, mut skipped): (Vec<Manifest>, Vec<SkippedPoint>) = Default::default();
    for name in &names {
        if heads.iter().any(|head| covers(&head.head, name)) {
            continue;
        }
        match load(bucket, key, &name.id(), held.as_ref()).await {
            Ok(manifest) => heads.push(manifest),
            Err(
                reason @ (BackupError::Forged { .. }
                | BackupError::Damaged { .. }
                | BackupError::NotFound { .. }),
            ) => {
                tracing::warn!(id = name.id(), %reason, "a restore point is passed over");
                skipped.push(SkippedPoint {
                    id: name.id(),
                    reason,
                });
            }
            Err(error) => return Err(error),
        }
    }
    if heads.len() < 2 {
        return Ok((heads.pop(), skipped));
    }
    let base = common(bucket, key, &heads).await?;
    Ok((Some(merge(heads, base.as_ref())), skipped))
}

/// Whether `head`, which was made or read before, is still all there is to know of the
/// store: it is in the bucket as it was, with its lists and with the encryption that is in
/// use, and no other restore point is beside or behind it. Three requests; more where
/// there are over a thousand points or lists.
pub async fn stands(bucket: &Bucket, key: &ManifestKey, head: &ManifestHead) -> Result<bool> {
    if head.encryption.as_deref() != bucket.sealing() {
        return Ok(false);
    }
    if !points::is_newest(bucket, head).await? {
        return Ok(false);
    }
    match points::read_head(bucket, key, &head.id).await {
        Ok(there) => Ok(there == *head && points::has_lists(bucket, head).await?),
        Err(
            BackupError::Forged { .. }
            | BackupError::Damaged { .. }
            | BackupError::NotFound { .. }
            | BackupError::TooNew { .. }
            | BackupError::Locked { .. },
        ) => Ok(false),
        Err(error) => Err(error),
    }
}

async fn load(
    bucket: &Bucket,
    key: &ManifestKey,
    id: &str,
    held: Option<&Manifest>,
) -> Result<Manifest> {
    match held {
        Some(held) if held.id() == id => {
            // The bucket's own copy is still read, and its lists looked for: a point that is
            // gone, changed or without them is no head.
            let head = points::read_head(bucket, key, id).await?;
            if head == held.head && points::has_lists(bucket, &head).await? {
                return Ok(held.clone());
            }
            points::load_manifest(bucket, key, id).await
        }
        _ => points::load_manifest(bucket, key, id).await,
    }
}

/// The newest point that all heads build on, for telling an edit from a delete. Named by
/// the heads themselves: of those that are still listed, the newest may be an older one.
async fn common(
    bucket: &Bucket,
    key: &ManifestKey,
    heads: &[Manifest],
) -> Result<Option<Manifest>> {
    let named = heads
        .iter()
        .flat_map(|head| head.head.parents.iter().chain(&head.head.seen))
        .filter_map(|id| PointName::parse(id))
        .filter(|name| heads.iter().all(|head| covers(&head.head, name)))
        .max_by_key(PointName::order);
    let Some(name) = named else {
        return Ok(None);
    };
    match points::load_manifest(bucket, key, &name.id()).await {
        Ok(manifest) => Ok(Some(manifest)),
        // An older one would take what was undone since for unchanged. Without any, both
        // sides are kept, and nothing is taken for deleted.
        Err(
            BackupError::Forged { .. }
            | BackupError::Damaged { .. }
            | BackupError::NotFound { .. }
            | BackupError::TooNew { .. }
            | BackupError::Locked { .. },
        ) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Path by path against what all had in common: an edit on one side wins over nothing
/// done on the other, an edit over a delete, and two edits are both kept.
fn merge(mut heads: Vec<Manifest>, base: Option<&Manifest>) -> Manifest {
    let before: HashMap<&str, &str> = base
        .map(|m| {
            m.files
                .iter()
                .map(|f| (f.path.as_str(), f.sha256.as_str()))
                .collect()
        })
        .unwrap_or_default();
    let others = heads.split_off(1);
    let Some(mut merged) = heads.pop() else {
        unreachable!("only several heads are merged");
    };
    let mut files: BTreeMap<String, FileEntry> = merged
        .files
        .drain(..)
        .map(|f| (f.path.clone(), f))
        .collect();
    for other in others {
        let unchanged = |f: &FileEntry| before.get(f.path.as_str()) == Some(&f.sha256.as_str());
        let theirs: HashSet<String> = other.files.iter().map(|f| f.path.clone()).collect();
        // Deleted there, and as it was here.
        files.retain(|path, file| theirs.contains(path) || !unchanged(file));
        for file in other.files {
            match files.get(&file.path) {
                Some(mine) if mine.sha256 == file.sha256 || unchanged(&file) => {}
                Some(mine) if unchanged(mine) => {
                    files.insert(file.path.clone(), file);
                }
                Some(_) => {
                    let device = other.head.device.clone();
                    let kept_as = beside(&file.path, &device, |path| {
                        files.contains_key(path) || theirs.contains(path)
                    });
                    merged.conflicts.push(Conflict {
                        path: file.path.clone(),
                        kept_as: kept_as.clone(),
                        sha256: file.sha256.clone(),
                        device,
                    });
                    files.insert(
                        kept_as.clone(),
                        FileEntry {
                            path: kept_as,
                            uid: ulid::Ulid::new().to_string(),
                            ..file
                        },
                    );
                }
                // Deleted here, and as it was there.
                None if unchanged(&file) => {}
                None => {
                    files.insert(file.path.clone(), file);
                }
            }
        }
        merged.refused.extend(other.refused);
        merged.others.push(other.head);
    }
    merged.files = files.into_values().collect();
    merged
}

/// `dir/q3.csv` of a laptop: `dir/q3 (laptop).csv`, with a number where that is taken.
pub(crate) fn beside(path: &str, device: &str, taken: impl Fn(&str) -> bool) -> String {
    /// A name may have 255 bytes.
    const STEM: usize = 160;
    let (folder, name) = match path.rsplit_once('/') {
        Some((folder, name)) => (format!("{folder}/"), name),
        None => (String::new(), path),
    };
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 40 => {
            (stem, format!(".{extension}"))
        }
        _ => (name, String::new()),
    };
    let mut end = stem.len().min(STEM);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    let stem = &stem[..end];
    (1u32..)
        .map(|n| match n {
            1 => format!("{folder}{stem} ({device}){extension}"),
            n => format!("{folder}{stem} ({device} {n}){extension}"),
        })
        .find(|candidate| !taken(candidate) && names::check_path(candidate).is_ok())
        .unwrap_or_else(|| format!("{folder}{}", ulid::Ulid::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Changes, ObjectRef};

    fn point(generation: u64, device: &str, files: &[(&str, &str)]) -> Manifest {
        let name = PointName::new(generation, device);
        Manifest {
            head: ManifestHead {
                version: 1,
                store: "0123456789abcdef".into(),
                id: name.id(),
                generation,
                device: name.device,
                created_at: String::new(),
                parents: vec![],
                seen: vec![],
                catalog: ObjectRef {
                    sha256: String::new(),
                    size: 0,
                    seal: None,
                },
                shards: vec![],
                files: files.len() as u64,
                bytes: 0,
                changes: Changes::default(),
                grew: vec![],
                encryption: None,
            },
            files: files
                .iter()
                .map(|(path, sha256)| FileEntry {
                    path: (*path).into(),
                    uid: (*path).into(),
                    id: 1,
                    size: 1,
                    sha256: (*sha256).into(),
                    mtime_ns: 0,
                    seal: None,
                })
                .collect(),
            refused: vec![],
            others: vec![],
            conflicts: vec![],
        }
    }

    fn merged(
        base: &[(&str, &str)],
        a: &[(&str, &str)],
        b: &[(&str, &str)],
    ) -> Vec<(String, String)> {
        let base = point(1, "a", base);
        let view = merge(vec![point(3, "a", a), point(2, "b", b)], Some(&base));
        view.files.into_iter().map(|f| (f.path, f.sha256)).collect()
    }

    fn is(found: Vec<(String, String)>, expected: &[(&str, &str)]) {
        let found: Vec<(&str, &str)> = found
            .iter()
            .map(|(p, s)| (p.as_str(), s.as_str()))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn each_path_is_merged_by_itself() {
        let base = [("x", "0")];
        is(merged(&base, &[("x", "0")], &[("x", "1")]), &[("x", "1")]);
        is(merged(&base, &[("x", "1")], &[("x", "0")]), &[("x", "1")]);
        is(merged(&base, &[], &[("x", "0")]), &[]);
        is(merged(&base, &[("x", "0")], &[]), &[]);
        is(merged(&base, &[], &[("x", "1")]), &[("x", "1")]);
        is(merged(&base, &[("x", "1")], &[]), &[("x", "1")]);
        is(merged(&base, &[("x", "1")], &[("x", "1")]), &[("x", "1")]);
        is(
            merged(&base, &[("x", "1")], &[("x", "2")]),
            &[("x", "1"), ("x (b)", "2")],
        );
        is(
            merged(
                &[],
                &[("d/x.csv", "1"), ("d/x (b).csv", "9")],
                &[("d/x.csv", "2"), ("y", "3")],
            ),
            &[
                ("d/x (b 2).csv", "2"),
                ("d/x (b).csv", "9"),
                ("d/x.csv", "1"),
                ("y", "3"),
            ],
        );
    }

    #[test]
    fn a_dropped_point_between_does_not_make_its_parent_a_head() {
        let first = point(1, "a", &[]);
        let mut second = point(2, "b", &[]);
        second.head.parents = vec![first.head.id.clone()];
        second.head.seen = seen_by(&[&first.head]);
        let mut third = point(3, "b", &[]);
        third.head.parents = vec![second.head.id.clone()];
        third.head.seen = seen_by(&[&second.head]);
        let first = PointName::parse(&first.head.id).unwrap();
        assert!(covers(&third.head, &first));
        assert!(!covers(&third.head, &PointName::new(2, "a")));
        assert!(!covers(&third.head, &PointName::new(1, "c")));
    }
}
