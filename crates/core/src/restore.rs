//! The store back from its bucket: which restore points there are, what one would
//! bring, bringing it. A local file that differs goes to the trash, never away.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redline_backup::{
    Bucket, Manifest, RestoreItem, RestorePlan, RestorePoint, RestoreSink, Selection, SourceFile,
};
use redline_store::{Differing, MergeChoice, RestoreFile, Restored, ScratchDir, Store, StoreError};

use crate::bucket::{BucketSettings, SharedProgress};
use crate::contract::{
    Event, FailedFile, GrownFile, JobKind, JobResult, PointChange, PointChangesView, PointState,
    RestorePlanItem, RestorePlanView, RestorePointView, RestoreReport, RestoreRequest,
    SkippedPointView,
};
use crate::error::{Code, CoreError, Doing, FREE_SPACE, store_error};
use crate::jobs::{Finish, Job};
use crate::others::label;
use crate::progress::{Transferring, tell_outages};
use crate::session::{JobId, Session};
use crate::text;
use crate::transfer::Halves;
use crate::undo::RestoreLog;

/// Entries of the list of failures that a report keeps.
const LISTED: usize = 500;

impl Session {
    /// The newest first; those that this key did not sign are listed and marked.
    pub fn restore_points(&self) -> Result<Vec<RestorePointView>, CoreError> {
        let (bucket, _) = self.connect()?;
        let key = self.manifest_key();
        let points = self
            .0
            .core
            .block_on(async move { redline_backup::list_restore_points(&bucket, &key).await })??;
        Ok(points.into_iter().map(point_view).collect())
    }

    /// What changed from the point before to this one.
    ///
    /// # Errors
    /// [`Code::NotFound`], and those of a point that cannot be read.
    pub fn point_changes(&self, id: &str) -> Result<PointChangesView, CoreError> {
        let (bucket, _) = self.connect()?;
        let key = self.manifest_key();
        let changes = self
            .0
            .core
            .block_on(async move { redline_backup::point_changes(&bucket, &key, id).await })??;
        let list = |paths: Vec<redline_backup::ChangedPath>| -> (u64, Vec<PointChange>) {
            let count = paths.len() as u64;
            let first = paths.into_iter().take(LISTED).map(|changed| PointChange {
                path: changed.path,
                bytes_before: changed.before,
                bytes_after: changed.after,
            });
            (count, first.collect())
        };
        let (new_count, new) = list(changes.new);
        let (changed_count, changed) = list(changes.changed);
        let (removed_count, removed) = list(changes.removed);
        Ok(PointChangesView {
            point: head_view(&changes.point),
            against: changes.against,
            new_count,
            changed_count,
            removed_count,
            new,
            changed,
            removed,
        })
    }

    /// Exactly what restoring this would do here.
    pub fn plan_restore(&self, request: &RestoreRequest) -> Result<RestorePlanView, CoreError> {
        let (bucket, _) = self.connect()?;
        let plan = self.plan_of(&bucket, request)?;
        Ok(RestorePlanView {
            point: head_view(&plan.point),
            new_files: plan.new,
            same_files: plan.same,
            differing_files: plan.replaced,
            kept_files: plan.kept,
            bytes: plan.bytes,
            free_bytes: self.0.store.free_space(),
            chosen_files: plan.chosen,
            items: plan
                .items
                .iter()
                .take(LISTED)
                .map(|item| RestorePlanItem {
                    path: item.relative_path.clone(),
                    size_bytes: item.size,
                    replaces: item.replaces,
                })
                .collect(),
            refused: plan
                .refused
                .iter()
                .take(LISTED)
                .map(|(path, _)| path.clone())
                .collect(),
            skipped_points: skipped_points(plan.skipped_points),
            with_devices: plan.others.iter().map(|head| label(&head.device)).collect(),
        })
    }

    /// Starts restoring; the job's result is [`JobResult::Restore`].
    pub fn restore(&self, request: RestoreRequest) -> Result<JobId, CoreError> {
        let (bucket, settings) = self.begin_transfer()?;
        let session = self.clone();
        self.0
            .jobs
            .spawn(JobKind::Restore, title(&settings.bucket), move |job| {
                session.run_restore(&bucket, &settings, &request, job)
            })
    }

    /// The same on this thread.
    pub fn restore_now(&self, request: &RestoreRequest) -> Result<RestoreReport, CoreError> {
        let (bucket, settings) = self.begin_transfer()?;
        let job = self
            .0
            .jobs
            .run(JobKind::Restore, title(&settings.bucket), |job| {
                self.run_restore(&bucket, &settings, request, job)
            });
        match job.result {
            Some(JobResult::Restore(report)) if job.error.is_none() => Ok(report),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    fn plan_of(&self, bucket: &Bucket, request: &RestoreRequest) -> Result<RestorePlan, CoreError> {
        self.plan_against(bucket, request, self.local_files()?)
    }

    /// As on a machine that has nothing yet.
    pub(crate) fn plan_on_empty(
        &self,
        bucket: &Bucket,
        request: &RestoreRequest,
    ) -> Result<RestorePlan, CoreError> {
        self.plan_against(bucket, request, Vec::new())
    }

    fn plan_against(
        &self,
        bucket: &Bucket,
        request: &RestoreRequest,
        files: Vec<SourceFile>,
    ) -> Result<RestorePlan, CoreError> {
        let key = self.manifest_key();
        let selection = Selection::new(&request.only, &request.paths)?;
        let at = request.at.as_deref();
        let plan = self.0.core.block_on(async move {
            redline_backup::plan_restore_of(bucket, &key, at, &files, &selection).await
        })?;
        match self.bucket_settings()? {
            Some(settings) => self.heed(&settings, plan),
            None => Ok(plan?),
        }
    }

    fn run_restore(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
        request: &RestoreRequest,
        job: &Arc<Job>,
    ) -> Finish {
        tell_outages(job, bucket);
        job.phase("comparing");
        match self.bring_back(bucket, settings, request, job) {
            Ok((report, unread)) => {
                if unread == 0 {
                    self.note(|notes| notes.last_proven_at = Some(text::now()));
                }
                self.0.store.audit(
                    "restore",
                    serde_json::json!({ "point": report.point, "unread": unread }),
                );
                self.tell_restored();
                let whole = report.failed.is_empty();
                let result = JobResult::Restore(report);
                if whole {
                    Finish::done(result)
                } else {
                    Finish::partial(result)
                }
            }
            Err(error) => {
                // Files that came through before it stopped are there.
                self.tell_restored();
                Finish::stopped(error, None)
            }
        }
    }

    fn tell_restored(&self) {
        self.tell(Event::Files);
        self.tell(Event::History);
        self.tell(Event::Backup);
    }

    /// Also answers how much of the restore point was not read from the bucket: with
    /// nothing left out, this proved that the point can be restored.
    fn bring_back(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
        request: &RestoreRequest,
        job: &Arc<Job>,
    ) -> Result<(RestoreReport, u64), CoreError> {
        let mut plan = self.plan_of(bucket, request)?;
        let free = self.0.store.free_space();
        if plan.bytes > free {
            return Err(CoreError::new(
                Code::DiskFull,
                format!(
                    "Could not restore: the disk is full (needs {}, {} free).",
                    text::bytes(plan.bytes),
                    text::bytes(free)
                ),
                FREE_SPACE,
            ));
        }
        let skipped_points = skipped_points(std::mem::take(&mut plan.skipped_points));
        job.phase("keeping a safety copy of the catalog");
        let log = self.begin_restore_log(&plan.point.id, request)?;
        let partial = !(request.only.is_empty() && request.paths.is_empty());
        let sink = Arc::new(Sink {
            session: self.clone(),
            store: self.0.store.clone(),
            scratch: self.0.store.scratch_dir()?,
            // Of a catalog that is taken in part only these rows are wanted.
            only: partial.then(|| plan.items.iter().map(|item| item.uid.clone()).collect()),
            log,
            next: AtomicU64::new(0),
            halves: Halves::open(&self.transfer_dir()),
            same: AtomicU64::new(0),
            replaced: AtomicU64::new(0),
        });
        let progress: SharedProgress = Arc::new(Transferring(Arc::clone(job)));
        let (of, into) = (&plan, Arc::clone(&sink) as Arc<dyn RestoreSink>);
        let outcome = self.0.core.block_on(async move {
            redline_backup::run_restore(bucket, of, into, progress).await
        })??;

        let refused = plan.refused.iter().map(|(path, problem)| FailedFile {
            path: path.clone(),
            error: CoreError::new(
                Code::BadName,
                format!("\"{path}\" was not restored: {problem}."),
                "Its bytes are still in the bucket, under its name.",
            )
            .report(),
            token: None,
        });
        let not_here: HashSet<String> = outcome
            .failed
            .iter()
            .map(|failure| failure.relative_path.clone())
            .collect();
        let failed = outcome.failed.into_iter().map(|failure| FailedFile {
            path: failure.relative_path,
            error: CoreError::from(failure.error).report(),
            token: None,
        });
        let unread = unread(plan.point.files, outcome.restored, outcome.catalog);
        let failed: Vec<FailedFile> = refused.chain(failed).take(LISTED).collect();
        let same_here = sink.same.load(Ordering::Relaxed);
        let report = RestoreReport {
            point: plan.point.id.clone(),
            restored_files: outcome.restored - same_here.min(outcome.restored),
            restored_bytes: outcome.bytes,
            same_files: plan.same + same_here,
            failed,
            replaced_files: sink.replaced.load(Ordering::Relaxed),
            undo_until: self.undo_until(&sink.log),
            skipped_points,
        };
        self.remember_restored(bucket, settings, request, &plan, &not_here, &sink.log);
        if let Err(error) = sink.log.end() {
            tracing::warn!(error = %error.kind(), "the end of the restore could not be noted");
        }
        Ok((report, unread))
    }
}

impl Session {
    /// What this device knows of the bucket from here on, for telling its own changes
    /// from other devices'. What did not come through is still as it was.
    fn remember_restored(
        &self,
        bucket: &Bucket,
        settings: &BucketSettings,
        request: &RestoreRequest,
        plan: &RestorePlan,
        not_here: &HashSet<String>,
        log: &RestoreLog,
    ) {
        let came = |item: &&RestoreItem| !not_here.contains(&item.relative_path);
        let whole = request.only.is_empty()
            && request.paths.is_empty()
            && plan.items.iter().all(|item| came(&item));
        if whole && self.is_newest(bucket, request, plan) {
            let manifest = Manifest {
                head: plan.point.clone(),
                files: plan.files.clone(),
                refused: Vec::new(),
                others: Vec::new(),
                conflicts: Vec::new(),
            };
            self.note_known(log);
            self.keep_manifest(settings, manifest, HashMap::new());
        } else {
            let paths: Vec<String> = plan
                .items
                .iter()
                .filter(came)
                .map(|item| item.relative_path.clone())
                .collect();
            self.no_longer_stale(settings, &paths);
        }
    }

    /// Whether the point of a plan is the newest state, asked for as such or by its name. An
    /// older one must not be gone on from: what was put back as it was then would look unchanged.
    fn is_newest(&self, bucket: &Bucket, request: &RestoreRequest, plan: &RestorePlan) -> bool {
        if request.at.is_none() {
            return true;
        }
        let point = &plan.point;
        let answer = self
            .0
            .core
            .block_on(async move { redline_backup::is_newest(bucket, point).await });
        // Where that cannot be asked, less is known, and nothing is lost.
        matches!(answer, Ok(Ok(true)))
    }
}

/// What of a point's files and its catalog this run did not fetch and verify: what
/// failed, what was refused, and what counts as the same because the catalog here
/// says so. `fetched` are the files that came through.
fn unread(files: u64, fetched: u64, catalog: bool) -> u64 {
    files.saturating_sub(fetched) + u64::from(!catalog)
}

/// Puts verified bytes into the store: the catalog's rows first, then file by file.
struct Sink {
    session: Session,
    store: Store,
    scratch: ScratchDir,
    /// `None`: all rows of the catalog.
    only: Option<HashSet<String>>,
    log: RestoreLog,
    next: AtomicU64,
    halves: Halves,
    /// Files that turned out to be here already.
    same: AtomicU64,
    /// Files whose local bytes went to the trash.
    replaced: AtomicU64,
}

impl Sink {
    fn place(&self) -> PathBuf {
        self.scratch
            .path()
            .join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }

    fn count(&self, restored: Restored) -> io::Result<()> {
        if restored.same {
            self.same.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let replaced = u64::from(restored.replaced.is_some());
        self.replaced.fetch_add(replaced, Ordering::Relaxed);
        self.log.done(restored)
    }
}

impl RestoreSink for Sink {
    fn begin(&self, item: &RestoreItem) -> io::Result<PathBuf> {
        match self.halves.begin(&item.sha256, item.size) {
            Some(place) => Ok(place),
            None => Ok(self.place()),
        }
    }

    fn interrupted(&self, item: &RestoreItem, temp: PathBuf) {
        if !self.halves.keeps(&temp) {
            self.discard(item, temp);
        }
    }

    fn commit(&self, item: &RestoreItem, temp: PathBuf) -> io::Result<()> {
        self.commit_all(vec![(item.clone(), temp)])
            .pop()
            .unwrap_or(Ok(()))
    }

    fn commit_all(&self, done: Vec<(RestoreItem, PathBuf)>) -> Vec<io::Result<()>> {
        let files: Vec<RestoreFile<'_>> = done
            .iter()
            .map(|(item, temp)| RestoreFile {
                temp,
                relative_path: &item.relative_path,
                uid: &item.uid,
                sha256: &item.sha256,
                size: item.size,
                differing: Differing::MoveToTrash,
                mark: self.log.id(),
            })
            .collect();
        // In the log before it is done, and again as soon as it is: it can be taken back,
        // wherever this ends.
        let intend = |meant: &[Restored]| self.log.intend(meant);
        let together: Vec<Option<io::Result<()>>> = self
            .store
            .restore_together(&files, &intend)
            .into_iter()
            .map(|placed| placed.map(|restored| self.count(restored)))
            .collect();
        let alone = |file: &RestoreFile<'_>| {
            let restored = self
                .store
                .restore_file(file, &intend, &())
                .map_err(io_error)?;
            self.count(restored)
        };
        together
            .into_iter()
            .zip(&files)
            .map(|(answer, file)| {
                answer.unwrap_or_else(|| alone(file))?;
                // Still there where the same bytes were in place already.
                let _ = fs::remove_file(file.temp);
                Ok(())
            })
            .collect()
    }

    fn begin_catalog(&self) -> io::Result<PathBuf> {
        // Several, where devices had not met: each is merged and gone before the next.
        Ok(self.place())
    }

    fn catalog(&self, temp: PathBuf) -> io::Result<()> {
        let choice = MergeChoice {
            only: self.only.clone(),
            ..MergeChoice::default()
        };
        let merged = self
            .session
            .merge_snapshot(&temp, &choice)
            .map_err(io_error)?;
        self.log.merged(&merged)?;
        tracing::info!(
            files = merged.files.len(),
            conversions = merged.conversions.len(),
            "the rows of the restored catalog are merged"
        );
        let _ = fs::remove_file(&temp);
        Ok(())
    }
}

/// The crate between speaks of I/O: the kind decides whether a restore goes on, the
/// words are for the person.
pub(crate) fn io_error(error: StoreError) -> io::Error {
    let kind = match &error {
        StoreError::DiskFull { .. } => io::ErrorKind::StorageFull,
        StoreError::ReadOnly { .. } => io::ErrorKind::ReadOnlyFilesystem,
        StoreError::Io { source, .. } => source.kind(),
        _ => io::ErrorKind::Other,
    };
    let message = store_error(error, Doing::Restoring).report().message;
    io::Error::new(kind, message.trim_end_matches('.').to_owned())
}

fn title(bucket: &str) -> String {
    format!("Restoring from \"{bucket}\"")
}

pub(crate) fn point_view(point: RestorePoint) -> RestorePointView {
    RestorePointView {
        id: point.id,
        generation: point.generation,
        device: label(&point.device),
        created_at: point.created_at,
        files: point.files,
        bytes: point.bytes,
        new_files: point.new_files,
        changed_files: point.changed_files,
        authentic: point.authentic,
        removed_files: point.removed_files,
        uploaded_bytes: point.uploaded_bytes,
        state: match point.state {
            redline_backup::PointState::Ready => PointState::Ready,
            redline_backup::PointState::Forged => PointState::Forged,
            redline_backup::PointState::TooNew => PointState::TooNew,
            redline_backup::PointState::Locked => PointState::Locked,
            _ => PointState::Damaged,
        },
        problem: point.problem.map(|why| text::plain(&why)),
        head: point.head,
        grew: point.grew.into_iter().map(grown).collect(),
        encrypted: point.encrypted,
    }
}

fn head_view(head: &redline_backup::ManifestHead) -> RestorePointView {
    RestorePointView {
        id: head.id.clone(),
        generation: head.generation,
        device: label(&head.device),
        created_at: head.created_at.clone(),
        files: head.files,
        bytes: head.bytes,
        new_files: head.changes.new_files,
        changed_files: head.changes.changed_files,
        authentic: true,
        removed_files: head.changes.removed_files,
        uploaded_bytes: head.changes.uploaded_bytes,
        state: PointState::Ready,
        problem: None,
        head: true,
        grew: head.grew.iter().cloned().map(grown).collect(),
        encrypted: head.encryption.is_some(),
    }
}

fn grown(file: redline_backup::Grown) -> GrownFile {
    GrownFile {
        path: file.path,
        by_bytes: file.by,
        size_bytes: file.size,
    }
}

pub(crate) fn skipped_points(points: Vec<redline_backup::SkippedPoint>) -> Vec<SkippedPointView> {
    points
        .into_iter()
        .map(|point| SkippedPointView {
            id: point.id,
            why: text::plain(&point.reason.to_string()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_point_that_was_read_whole_is_proven() {
        assert_eq!(unread(4, 4, true), 0);
        assert_eq!(unread(0, 0, true), 0, "a store without files");
        assert_eq!(unread(4, 0, true), 4, "all of them the same here");
        assert_eq!(unread(4, 3, true), 1);
        assert_eq!(unread(4, 4, false), 1, "not without the catalog");
    }
}
