//! What remains of a job when its process is gone: one record a job, and the lock
//! that tells whether its runner lives.
//!
//! `{ulid}.json` is the record, `{ulid}.lock` is held by the runner for as long as
//! it runs (a process id would not do: they are used again), `{ulid}.cancel` is how
//! another process asks it to stop. Records are for reading; nothing here decides
//! what a job left in the store, which is the store's own journal's business.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::PathBuf;

use ulid::Ulid;

use crate::contract::{FailedFile, JobResult, JobState, JobView};
use crate::fsx::{self, Durability};

/// Finished jobs that stay listed.
pub(crate) const KEPT: usize = 50;
/// A record keeps exact counts, and this much of a long list.
const RECORDED_IMPORTS: usize = 20;
const RECORDED_SKIPS: usize = 100;

/// Held while a job runs; the file goes with it.
pub(crate) struct RunLock {
    path: PathBuf,
    file: Option<File>,
}

impl Drop for RunLock {
    fn drop(&mut self) {
        // Closed first: elsewhere than on Unix, an open file cannot be removed.
        self.file.take();
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
impl RunLock {
    /// What the end of a process does: the file closes and stays.
    pub(crate) fn close_for_test(&mut self) {
        self.file.take();
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Records {
    dir: PathBuf,
}

impl Records {
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    fn path(&self, id: &str, kind: &str) -> PathBuf {
        self.dir.join(format!("{id}.{kind}"))
    }

    /// Locks and writes a new job's record, in that order: a record without a lock
    /// is one whose runner died.
    pub(crate) fn begin(&self, job: &JobView) -> io::Result<RunLock> {
        fsx::private_dir(&self.dir)?;
        let path = self.path(&job.id, "lock");
        let file = fsx::open_private_file(&path)?;
        let lock = RunLock {
            path,
            file: Some(file),
        };
        if let Some(file) = &lock.file {
            file.try_lock().map_err(|error| match error {
                TryLockError::Error(error) => error,
                TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
            })?;
        }
        self.write(job)?;
        Ok(lock)
    }

    pub(crate) fn write(&self, job: &JobView) -> io::Result<()> {
        let text = serde_json::to_vec(&for_record(job))?;
        fsx::replace(&self.path(&job.id, "json"), &text, Durability::Whole)
    }

    pub(crate) fn is_running(&self, id: &str) -> bool {
        match File::open(self.path(id, "lock")) {
            // Shared, so that two who ask at once do not take each other for the runner.
            Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
            Err(_) => false,
        }
    }

    /// One record, as another process or an earlier one left it.
    pub(crate) fn read(&self, id: &str) -> Option<JobView> {
        let id = Ulid::from_string(id).ok()?.to_string();
        // Asked before the record is read: a runner that ends in between has
        // written its end by then.
        let running = self.is_running(&id);
        let mut job: JobView =
            serde_json::from_slice(&fs::read(self.path(&id, "json")).ok()?).ok()?;
        if job.id != id {
            return None;
        }
        if job.state == JobState::Running {
            if running {
                job.elsewhere = true;
            } else {
                self.interrupt(&mut job);
            }
        }
        Some(job)
    }

    /// Writes down that the runner is gone, so that it is found out once.
    fn interrupt(&self, job: &mut JobView) {
        job.state = JobState::Interrupted;
        job.can_cancel = false;
        job.rate = None;
        job.left = None;
        job.finished_at = fs::metadata(self.path(&job.id, "json"))
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|time| jiff::Timestamp::try_from(time).ok())
            .map(crate::text::instant);
        let _ = self.write(job);
        let _ = fs::remove_file(self.path(&job.id, "lock"));
        let _ = fs::remove_file(self.path(&job.id, "cancel"));
    }

    /// Ids of every record, the newest first.
    pub(crate) fn ids(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.dir) else {
            return Vec::new();
        };
        let mut ids: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| {
                Some(
                    Ulid::from_string(name.strip_suffix(".json")?)
                        .ok()?
                        .to_string(),
                )
            })
            .collect();
        ids.sort_by(|a, b| b.cmp(a));
        ids
    }

    pub(crate) fn ask_to_cancel(&self, id: &str) -> io::Result<()> {
        fsx::open_private_file(&self.path(id, "cancel")).map(drop)
    }

    pub(crate) fn cancel_asked(&self, id: &str) -> bool {
        self.path(id, "cancel").exists()
    }

    pub(crate) fn answered_cancel(&self, id: &str) {
        let _ = fs::remove_file(self.path(id, "cancel"));
    }

    pub(crate) fn forget(&self, id: &str) {
        for kind in ["json", "lock", "cancel"] {
            let _ = fs::remove_file(self.path(id, kind));
        }
    }

    /// Drops the oldest records beyond those kept, except of jobs that run.
    pub(crate) fn prune(&self) {
        for id in self.ids().into_iter().skip(KEPT) {
            if !self.is_running(&id) {
                self.forget(&id);
            }
        }
    }
}

/// A job as its record holds it: long lists cut, and no tokens, which mean nothing
/// to another process.
fn for_record(job: &JobView) -> JobView {
    let mut job = job.clone();
    job.elsewhere = false;
    let forget =
        |failed: &mut Vec<FailedFile>| failed.iter_mut().for_each(|file| file.token = None);
    match &mut job.result {
        Some(JobResult::Import(report)) => {
            report.imported.truncate(RECORDED_IMPORTS);
            report.skipped.truncate(RECORDED_SKIPS);
            report.skipped.iter_mut().for_each(|file| file.token = None);
            forget(&mut report.failed);
        }
        Some(JobResult::Export(report)) => forget(&mut report.failed),
        Some(JobResult::Backup(report)) => forget(&mut report.left_out),
        Some(JobResult::Restore(report)) => forget(&mut report.failed),
        Some(JobResult::Verify(report)) => forget(&mut report.unreadable),
        Some(JobResult::UndoRestore(report)) => forget(&mut report.failed),
        Some(JobResult::Free(report)) => forget(&mut report.failed),
        Some(JobResult::Fetch(report)) => forget(&mut report.failed),
        Some(
            JobResult::Reconcile(_)
            | JobResult::Convert(_)
            | JobResult::ConvertEach(_)
            | JobResult::CheckBackup(_)
            | JobResult::Drill(_)
            | JobResult::Retention(_),
        )
        | None => {}
    }
    job
}
