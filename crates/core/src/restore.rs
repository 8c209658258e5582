//! The store back from its bucket: which restore points there are, what one would
//! bring, bringing it. Nothing local is replaced: what differs is kept beside.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redline_backup::{Bucket, RestoreItem, RestorePlan, RestorePoint, RestoreSink};
use redline_store::{ScratchDir, Store, StoreError};

use crate::backup::LAST_PROVEN;
use crate::bucket::SharedProgress;
use crate::contract::{
    Event, FailedFile, GrownFile, JobKind, JobResult, PointState, RestorePlanItem, RestorePlanView,
    RestorePointView, RestoreReport, SkippedPointView,
};
use crate::error::{Code, CoreError, Doing, FREE_SPACE, store_error};
use crate::jobs::{Finish, Job};
use crate::progress::Transferring;
use crate::session::{JobId, Session};
use crate::text;

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

    /// Exactly what restoring this point (or the newest) would do here.
    pub fn plan_restore(&self, at: Option<&str>) -> Result<RestorePlanView, CoreError> {
        let (bucket, _) = self.connect()?;
        let plan = self.plan_of(&bucket, at)?;
        Ok(RestorePlanView {
            point: head_view(&plan.point),
            new_files: plan.new,
            same_files: plan.same,
            differing_files: plan.replaced,
            kept_files: plan.kept,
            bytes: plan.bytes,
            free_bytes: self.0.store.free_space(),
            chosen_files: plan.new + plan.same + plan.replaced,
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
            with_devices: Vec::new(),
        })
    }

    /// Starts restoring; the job's result is [`JobResult::Restore`].
    pub fn restore(&self, at: Option<&str>) -> Result<JobId, CoreError> {
        let (bucket, settings) = self.begin_transfer()?;
        let (session, at) = (self.clone(), at.map(str::to_owned));
        self.0
            .jobs
            .spawn(JobKind::Restore, title(&settings.bucket), move |job| {
                session.run_restore(&bucket, at.as_deref(), job)
            })
    }

    /// The same on this thread.
    pub fn restore_now(&self, at: Option<&str>) -> Result<RestoreReport, CoreError> {
        let (bucket, settings) = self.begin_transfer()?;
        let job = self
            .0
            .jobs
            .run(JobKind::Restore, title(&settings.bucket), |job| {
                self.run_restore(&bucket, at, job)
            });
        match job.result {
            Some(JobResult::Restore(report)) if job.error.is_none() => Ok(report),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    fn plan_of(&self, bucket: &Bucket, at: Option<&str>) -> Result<RestorePlan, CoreError> {
        let files = self.source_files()?;
        let key = self.manifest_key();
        Ok(self.0.core.block_on(async move {
            redline_backup::plan_restore(bucket, &key, at, &files).await
        })??)
    }

    fn run_restore(&self, bucket: &Bucket, at: Option<&str>, job: &Arc<Job>) -> Finish {
        job.phase("comparing");
        match self.bring_back(bucket, at, job) {
            Ok((report, unread)) => {
                if unread == 0 {
                    let noted = self.0.store.meta_set(LAST_PROVEN, &text::now());
                    if let Err(error) = noted {
                        tracing::warn!(%error, "the time of this proof could not be kept");
                    }
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
        at: Option<&str>,
        job: &Arc<Job>,
    ) -> Result<(RestoreReport, u64), CoreError> {
        let plan = self.plan_of(bucket, at)?;
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
        let sink = Arc::new(Sink {
            store: self.0.store.clone(),
            scratch: self.0.store.scratch_dir()?,
            next: AtomicU64::new(0),
            same: AtomicU64::new(0),
        });
        let progress: SharedProgress = Arc::new(Transferring(Arc::clone(job)));
        let (plan, into) = (&plan, Arc::clone(&sink) as Arc<dyn RestoreSink>);
        let outcome = self.0.core.block_on(async move {
            redline_backup::run_restore(bucket, plan, into, progress).await
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
        let failed = outcome.failed.into_iter().map(|failure| FailedFile {
            path: failure.relative_path,
            error: CoreError::from(failure.error).report(),
            token: None,
        });
        let failed: Vec<FailedFile> = refused.chain(failed).take(LISTED).collect();
        let unread = unread(plan.point.files, outcome.restored, outcome.catalog);
        let same_here = sink.same.load(Ordering::Relaxed);
        let report = RestoreReport {
            point: plan.point.id.clone(),
            restored_files: outcome.restored - same_here.min(outcome.restored),
            restored_bytes: outcome.bytes,
            same_files: plan.same + same_here,
            failed,
            replaced_files: 0,
            undo_until: None,
            skipped_points: Vec::new(),
        };
        Ok((report, unread))
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
    store: Store,
    scratch: ScratchDir,
    next: AtomicU64,
    /// Files that turned out to be here already.
    same: AtomicU64,
}

impl Sink {
    fn place(&self) -> PathBuf {
        self.scratch
            .path()
            .join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl RestoreSink for Sink {
    fn begin(&self, _: &RestoreItem) -> io::Result<PathBuf> {
        Ok(self.place())
    }

    fn commit(&self, item: &RestoreItem, temp: PathBuf) -> io::Result<()> {
        let restored = self
            .store
            .restore_file(&temp, &item.relative_path, &item.sha256, item.size, &())
            .map_err(io_error)?;
        if restored.same {
            self.same.fetch_add(1, Ordering::Relaxed);
        }
        // Still there where the same bytes were in place already.
        let _ = fs::remove_file(&temp);
        Ok(())
    }

    fn begin_catalog(&self) -> io::Result<PathBuf> {
        Ok(self.scratch.path().join("catalog.duckdb"))
    }

    fn catalog(&self, temp: PathBuf) -> io::Result<()> {
        let merged = self.store.merge_catalog(&temp).map_err(io_error)?;
        tracing::info!(
            files = merged.files,
            conversions = merged.conversions,
            "the rows of the restored catalog are merged"
        );
        let _ = fs::remove_file(&temp);
        Ok(())
    }
}

/// The crate between speaks of I/O: the kind decides whether a restore goes on, the
/// words are for the person.
fn io_error(error: StoreError) -> io::Error {
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

fn point_view(point: RestorePoint) -> RestorePointView {
    RestorePointView {
        id: point.id,
        generation: point.generation,
        device: point.device,
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
            _ => PointState::Damaged,
        },
        problem: point.problem.map(|why| text::plain(&why)),
        head: point.head,
        grew: point.grew.into_iter().map(grown).collect(),
    }
}

fn head_view(head: &redline_backup::ManifestHead) -> RestorePointView {
    RestorePointView {
        id: head.id.clone(),
        generation: head.generation,
        device: head.device.clone(),
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
