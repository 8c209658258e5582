//! What a backup would send: the store's files against the last restore point.

use std::collections::{BTreeSet, HashMap, HashSet};

use futures::FutureExt;

use crate::heads::{Conflict, beside};
use crate::layout::PointName;
use crate::manifest::{FileEntry, ManifestHead};
use crate::names::{self, NameProblem};
use crate::seal::Kind;
use crate::{Bucket, Manifest, Result, SourceFile};

/// Why a file is in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its name is not in the last restore point.
    New,
    /// Its name is, with other bytes.
    Changed,
    /// It is there with the same bytes, which are to be sealed now, or with another key.
    Sealed,
}

/// One file to bring into the bucket.
#[derive(Clone, Debug)]
pub struct PlannedUpload {
    pub file: SourceFile,
    pub change: Change,
    /// The bytes are there already under their hash: nothing to send but the name.
    pub in_bucket: bool,
    /// What is there under their hash is damaged: no look spares the sending.
    pub(crate) again: bool,
    /// What the last restore point has under this name.
    pub(crate) was: Option<FileEntry>,
}

/// A file that cannot be backed up, with the reason.
#[derive(Clone, Debug)]
pub struct RefusedFile {
    pub relative_path: String,
    pub uid: String,
    pub problem: NameProblem,
}

/// Exactly what [`crate::run_backup`] would do.
#[derive(Clone, Debug)]
pub struct BackupPlan {
    pub upload: Vec<PlannedUpload>,
    /// Files that cost no request.
    pub unchanged: u64,
    /// Bytes to send, each content once. The catalog comes on top.
    pub bytes: u64,
    /// In the last restore point, and deleted since. Their bytes stay in the bucket.
    pub removed: Vec<String>,
    /// In the last restore point and not in the store, though nobody deleted them: they
    /// stay in the new one.
    pub absent: u64,
    pub refused: Vec<RefusedFile>,
    /// Of the restore point to be made.
    pub generation: u64,
    pub(crate) carried: Vec<FileEntry>,
    /// The head of the last restore point.
    pub(crate) previous: Option<ManifestHead>,
    /// The heads of other devices that are taken in.
    pub(crate) others: Vec<ManifestHead>,
    /// Files that only another device changed: the new point has its bytes, and the
    /// local ones stay as they are here.
    pub theirs: Vec<String>,
    /// Files that were deleted here and edited on another device: the edit stays.
    pub kept_edits: Vec<String>,
    /// Files that both changed.
    pub conflicts: Vec<Conflict>,
}

impl BackupPlan {
    pub(crate) fn heads(&self) -> impl Iterator<Item = &ManifestHead> {
        self.previous.iter().chain(&self.others)
    }

    /// Other devices whose points the new one builds on.
    pub fn other_devices(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(|head| head.device.as_str())
    }
}

/// What the caller knows beside the files themselves.
#[derive(Clone, Debug, Default)]
pub struct PlanHints {
    /// Files (by uid) whose deleting is recorded. Of what is in the last restore point
    /// and no longer in the store only these are removed: a disk that is not mounted
    /// deletes nothing. `None`: whatever is not there was deleted.
    pub deleted: Option<HashSet<String>>,
    /// Contents (SHA-256) known to be missing or damaged in the bucket: sent again.
    pub damaged: BTreeSet<String>,
    /// What this device last knew in the bucket, path to SHA-256: tells its own changes
    /// from another's. `None`: everything that differs is its own.
    pub base: Option<HashMap<String, String>>,
}

/// [`plan_backup_with`] nothing known.
pub async fn plan_backup(
    bucket: &Bucket,
    files: &[SourceFile],
    previous: Option<&Manifest>,
) -> Result<BackupPlan> {
    plan_backup_with(bucket, files, previous, &PlanHints::default()).await
}

/// Compares `files` with `previous` (see [`crate::latest_manifest`]).
///
/// One request to see which restore points there are; without a previous one, a
/// request per thousand objects more, so that a first backup that was cut off
/// does not send its bytes twice. A file whose local bytes are gone but whose
/// hash is known to the bucket counts as unchanged: missing is not deleted.
pub async fn plan_backup_with(
    bucket: &Bucket,
    files: &[SourceFile],
    previous: Option<&Manifest>,
    hints: &PlanHints,
) -> Result<BackupPlan> {
    let sealing = bucket.sealing();
    // The first with this key, or the first of all: perhaps one was cut off before.
    let first = previous.is_none_or(|m| m.head.encryption.as_deref() != sealing);
    let left = async {
        if first {
            contents_there(bucket, files).await
        } else {
            Ok(HashMap::new())
        }
    };
    let names = crate::points::point_names(bucket);
    let (names, left) = tokio::try_join!(names.boxed(), left.boxed())?;
    let highest = names.iter().map(|name| name.generation).max().unwrap_or(0);
    let mut known: HashMap<String, u64> = match previous {
        Some(manifest) => manifest
            .files
            .iter()
            .filter(|f| f.seal.as_deref() == sealing)
            .map(|f| (f.sha256.clone(), f.size))
            .collect(),
        None => HashMap::new(),
    };
    known.extend(left);
    known.retain(|sha256, _| !hints.damaged.contains(sha256));
    let before: HashMap<&str, &FileEntry> = previous
        .map(|m| m.files.iter().map(|f| (f.path.as_str(), f)).collect())
        .unwrap_or_default();

    let mut plan = BackupPlan {
        upload: Vec::new(),
        unchanged: 0,
        bytes: 0,
        removed: Vec::new(),
        absent: 0,
        refused: Vec::new(),
        generation: next_generation(highest, previous),
        carried: Vec::new(),
        previous: previous.map(|m| m.head.clone()),
        others: previous.map(|m| m.others.clone()).unwrap_or_default(),
        theirs: Vec::new(),
        kept_edits: Vec::new(),
        conflicts: Vec::new(),
    };
    let contents: HashSet<&str> = files.iter().map(|f| f.sha256.as_str()).collect();
    let names: HashSet<&str> = files.iter().map(|f| f.relative_path.as_str()).collect();
    let mut seen: HashSet<&str> = HashSet::with_capacity(files.len());
    for file in files {
        if let Err(problem) = check(file, &mut seen) {
            plan.refused.push(RefusedFile {
                relative_path: file.relative_path.clone(),
                uid: file.uid.clone(),
                problem,
            });
            continue;
        }
        let was = before.get(file.relative_path.as_str()).copied();
        let same = was.filter(|w| w.sha256 == file.sha256 && w.size == file.size);
        if let Some(same) = same
            && same.seal.as_deref() == sealing
            && !hints.damaged.contains(&file.sha256)
        {
            plan.unchanged += 1;
            plan.carried.push(file.entry(same.seal.clone()));
            continue;
        }
        match (was, &hints.base) {
            (Some(was), Some(base)) if was.sha256 != file.sha256 => {
                match base.get(&file.relative_path) {
                    Some(base) if *base == was.sha256 => {}
                    // The same file, that is: of two files that share a name none is newer.
                    Some(base) if *base == file.sha256 && was.uid == file.uid => {
                        plan.theirs.push(file.relative_path.clone());
                        plan.carried.push(was.clone());
                        continue;
                    }
                    // Both. Here under another name already: from an earlier meeting.
                    _ if contents.contains(was.sha256.as_str()) => {}
                    _ => plan.keep_beside(was, previous, |path| {
                        names.contains(path) || before.contains_key(path)
                    }),
                }
            }
            _ => {}
        }
        let in_bucket = known.get(&file.sha256) == Some(&file.size);
        if !in_bucket {
            plan.bytes += file.size;
        }
        let change = match (was, same) {
            (_, Some(same)) if same.seal.as_deref() != sealing => Change::Sealed,
            (Some(_), _) => Change::Changed,
            (None, _) => Change::New,
        };
        plan.upload.push(PlannedUpload {
            file: file.clone(),
            change,
            in_bucket,
            again: hints.damaged.contains(&file.sha256),
            was: was.cloned(),
        });
        // The same bytes again in this plan travel with the first.
        known.insert(file.sha256.clone(), file.size);
    }
    let here: HashSet<&str> = files.iter().map(|f| f.uid.as_str()).collect();
    for entry in before.values().filter(|e| !seen.contains(e.path.as_str())) {
        let deleted = match &hints.deleted {
            None => true,
            // One that is here under another name was renamed.
            Some(deleted) => {
                let as_it_was = match &hints.base {
                    None => true,
                    Some(base) => base.get(&entry.path) == Some(&entry.sha256),
                };
                let recorded = deleted.contains(&entry.uid);
                if recorded && !as_it_was {
                    // Edited elsewhere since: the edit stays.
                    plan.kept_edits.push(entry.path.clone());
                }
                recorded && as_it_was || here.contains(entry.uid.as_str())
            }
        };
        if deleted {
            plan.removed.push(entry.path.clone());
        } else {
            plan.absent += 1;
            plan.carried.push((*entry).clone());
        }
    }
    plan.removed.sort();
    Ok(plan)
}

impl BackupPlan {
    /// The other device's bytes of a file that this one changed too.
    fn keep_beside(
        &mut self,
        was: &FileEntry,
        previous: Option<&Manifest>,
        taken: impl Fn(&str) -> bool,
    ) {
        let device = previous.map_or("", |m| m.head.device.as_str()).to_owned();
        let kept_as = beside(&was.path, &device, |path| {
            taken(path) || self.carried.iter().any(|c| c.path == path)
        });
        self.conflicts.push(Conflict {
            path: was.path.clone(),
            kept_as: kept_as.clone(),
            sha256: was.sha256.clone(),
            device,
        });
        self.carried.push(FileEntry {
            path: kept_as,
            uid: ulid::Ulid::new().to_string(),
            ..was.clone()
        });
    }
}

fn check<'a>(file: &'a SourceFile, seen: &mut HashSet<&'a str>) -> Result<(), NameProblem> {
    names::check_path(&file.relative_path)?;
    if !names::is_sha256(&file.sha256) {
        return Err(NameProblem::Malformed);
    }
    if seen.insert(&file.relative_path) {
        Ok(())
    } else {
        Err(NameProblem::Repeated)
    }
}

/// One more than any there is. A stranger's absurd number is not followed.
fn next_generation(highest: u64, previous: Option<&Manifest>) -> u64 {
    let trusted = previous.map_or(0, |m| m.head.generation);
    let highest = if highest.saturating_sub(trusted) > PointName::PLAUSIBLE_GAP {
        trusted
    } else {
        highest.max(trusted)
    };
    highest + 1
}

/// Of these files' contents, those that the bucket has in the form in which they would be
/// sent, by SHA-256, with their own sizes.
async fn contents_there(bucket: &Bucket, files: &[SourceFile]) -> Result<HashMap<String, u64>> {
    let there = objects_there(bucket).await?;
    let mut contents = HashMap::new();
    if there.is_empty() {
        return Ok(contents);
    }
    for file in files.iter().filter(|f| names::is_sha256(&f.sha256)) {
        let place = bucket.place(Kind::Object, &file.sha256, file.size, bucket.sealing())?;
        if there.get(&place.key) == Some(&place.size) {
            contents.insert(file.sha256.clone(), file.size);
        }
    }
    Ok(contents)
}

/// Immutable objects by key, with the sizes that they have there.
pub(crate) async fn objects_there(bucket: &Bucket) -> Result<HashMap<String, u64>> {
    let listed = bucket.list(&bucket.layout().objects_prefix()).await?;
    Ok(listed.into_iter().map(|o| (o.key, o.size)).collect())
}
