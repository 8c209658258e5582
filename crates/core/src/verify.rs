//! Every file against the hash it was stored with, and the store against its folder.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redline_store::{FileId, OpenReport};

use crate::contract::{Event, FailedFile, JobKind, JobResult, OpenNotice, VerifyReport};
use crate::error::{CoreError, Doing, store_error};
use crate::files::{file_ids, file_view};
use crate::jobs::{Finish, Job};
use crate::notice;
use crate::session::{JobId, Session};
use crate::text;

/// How long a look through the folder leaves the machine to the window that just opened.
const SETTLING: Duration = Duration::from_secs(3);

impl Session {
    /// Starts reading these files, or all, against their hashes. The job's result is
    /// [`JobResult::Verify`].
    pub fn verify(&self, ids: Option<Vec<i64>>) -> Result<JobId, CoreError> {
        let session = self.clone();
        let ids = ids.as_deref().map(file_ids);
        self.0
            .jobs
            .spawn(JobKind::Verify, title(ids.as_deref()), move |job| {
                session.run_verify(ids.as_deref(), job)
            })
    }

    /// The same on this thread.
    pub fn verify_now(&self, ids: Option<Vec<i64>>) -> Result<VerifyReport, CoreError> {
        let ids = ids.as_deref().map(file_ids);
        let job = self
            .0
            .jobs
            .run(JobKind::Verify, title(ids.as_deref()), |job| {
                self.run_verify(ids.as_deref(), job)
            });
        match job.result {
            Some(JobResult::Verify(report)) => Ok(report),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    fn run_verify(&self, ids: Option<&[FileId]>, job: &Arc<Job>) -> Finish {
        let outcome = match self.0.store.verify(ids, &**job) {
            Ok(outcome) => outcome,
            Err(error) => return Finish::stopped(store_error(error, Doing::Checking), None),
        };
        let report = VerifyReport {
            ok: outcome.ok,
            changed: outcome.changed.into_iter().map(file_view).collect(),
            missing: outcome.missing.into_iter().map(file_view).collect(),
            unreadable: outcome
                .unreadable
                .into_iter()
                .map(|(record, error)| FailedFile {
                    path: record.relative_path,
                    error: store_error(error, Doing::Checking).report(),
                    token: None,
                })
                .collect(),
        };
        if !report.changed.is_empty() || !report.missing.is_empty() {
            self.tell(Event::Files);
        }
        let all_well = report.missing.is_empty() && report.unreadable.is_empty();
        let result = JobResult::Verify(report);
        if all_well {
            Finish::done(result)
        } else {
            Finish::partial(result)
        }
    }

    /// Looks through a big store's folder in the background, where opening it did not.
    pub(crate) fn sweep_if_due(&self, report: &OpenReport) {
        if !report.sweep_due || !self.0.core.front_end.stays() {
            return;
        }
        let session = self.clone();
        let started = self.0.jobs.spawn(
            JobKind::Reconcile,
            "Looking through the store's folder".to_owned(),
            move |job| session.run_reconcile(job),
        );
        if let Err(error) = started {
            tracing::warn!(%error, "the store's folder was not looked through");
        }
    }

    fn run_reconcile(&self, job: &Arc<Job>) -> Finish {
        // Nobody waits for this look, but somebody waits for the window it would slow down.
        let begin = Instant::now() + SETTLING;
        while Instant::now() < begin && !job.is_cancelled() {
            std::thread::sleep(Duration::from_millis(50));
        }
        match self.0.store.reconcile(&**job) {
            Ok(report) => {
                let found = OpenNotice {
                    lines: notice::of_reconciling(&report),
                };
                if !found.lines.is_empty() {
                    self.tell(Event::Files);
                    self.tell(Event::Notice(found.clone()));
                }
                Finish::done(JobResult::Reconcile(found))
            }
            Err(error) => Finish::stopped(error.into(), None),
        }
    }
}

fn title(ids: Option<&[FileId]>) -> String {
    match ids {
        None => "Checking every file".to_owned(),
        Some(ids) => format!("Checking {}", text::counted(ids.len() as u64, "file")),
    }
}
