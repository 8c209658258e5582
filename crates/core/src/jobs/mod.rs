//! Work that can take over a second: counted, shown, cancelled, and remembered.
//!
//! A job runs on a thread of core's own or, for the command line, on the caller's.
//! A second thread watches it: it tells the front ends, ten times a second at most,
//! writes the record, and looks for a cancel asked by another process. Jobs know
//! nothing of what they do; the use cases hand in the work.

mod job;
mod meter;
mod record;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub(crate) use job::Job;
use record::{KEPT, Records};

use crate::contract::{Event, JobKind, JobResult, JobState, JobView};
use crate::error::{Code, CoreError};
use crate::events::StoreEvents;

/// How often a job is looked at, and so shown at most.
const TICK: Duration = Duration::from_millis(100);
const RECORD_EVERY: Duration = Duration::from_secs(1);
/// How often a job of another process is looked at by one who waits for it.
const POLL: Duration = Duration::from_millis(200);

/// How a job ended.
pub(crate) struct Finish {
    state: JobState,
    result: Option<JobResult>,
    error: Option<CoreError>,
}

impl Finish {
    pub(crate) fn done(result: JobResult) -> Self {
        Self {
            state: JobState::Done,
            result: Some(result),
            error: None,
        }
    }

    /// Done, but not for every item; the result says for which.
    pub(crate) fn partial(result: JobResult) -> Self {
        Self {
            state: JobState::Partial,
            result: Some(result),
            error: None,
        }
    }

    /// Stopped by an error (or cancelled, which is one), with what was done until then.
    pub(crate) fn stopped(error: CoreError, result: Option<JobResult>) -> Self {
        let state = if error.code() == Code::Cancelled {
            JobState::Cancelled
        } else {
            JobState::Failed
        };
        Self {
            state,
            result,
            error: Some(error),
        }
    }
}

impl<E: Into<CoreError>> From<Result<JobResult, E>> for Finish {
    fn from(outcome: Result<JobResult, E>) -> Self {
        match outcome {
            Ok(result) => Self::done(result),
            Err(error) => Self::stopped(error.into(), None),
        }
    }
}

/// The jobs of one store, as this process sees them.
#[derive(Clone)]
pub(crate) struct Jobs {
    records: Arc<Records>,
    events: StoreEvents,
    here: Arc<Mutex<HashMap<String, Arc<Job>>>>,
}

impl Jobs {
    pub(crate) fn new(dir: PathBuf, events: StoreEvents) -> Self {
        Self {
            records: Arc::new(Records::new(dir)),
            events,
            here: Arc::default(),
        }
    }

    /// Runs `work` on this thread; answers how the job ended.
    pub(crate) fn run(
        &self,
        kind: JobKind,
        title: String,
        work: impl FnOnce(&Arc<Job>) -> Finish,
    ) -> JobView {
        let (id, job) = self.admit(kind, title);
        self.drive(&id, &job, work)
    }

    /// Runs `work` on a thread of its own; answers the job's id at once.
    pub(crate) fn spawn(
        &self,
        kind: JobKind,
        title: String,
        work: impl FnOnce(&Arc<Job>) -> Finish + Send + 'static,
    ) -> Result<String, CoreError> {
        let (id, job) = self.admit(kind, title);
        let (jobs, name) = (self.clone(), id.clone());
        let started = thread::Builder::new().name(format!("job {kind:?}")).spawn({
            let job = Arc::clone(&job);
            move || jobs.drive(&name, &job, work)
        });
        if started.is_err() {
            self.here.lock().remove(&id);
            return Err(CoreError::new(
                Code::Internal,
                "Could not start the work: the system gave no thread for it.",
                "Close other programs and try again.",
            ));
        }
        Ok(id)
    }

    fn admit(&self, kind: JobKind, title: String) -> (String, Arc<Job>) {
        let job = Arc::new(Job::new(kind, title));
        let id = job.view().id;
        self.here.lock().insert(id.clone(), Arc::clone(&job));
        (id, job)
    }

    fn drive(&self, id: &str, job: &Arc<Job>, work: impl FnOnce(&Arc<Job>) -> Finish) -> JobView {
        let begun = job.view();
        // Without a record (a full disk, a read-only folder) the work itself goes on.
        let lock = self
            .records
            .begin(&begun)
            .inspect_err(|error| tracing::warn!(job = id, error = %error.kind(), "no record of this job can be kept"))
            .ok();
        self.events.send(Event::Job(begun));
        let watch = {
            let (jobs, job, recorded) = (self.clone(), Arc::clone(job), lock.is_some());
            thread::Builder::new()
                .name("job watch".into())
                .spawn(move || jobs.watch(&job, recorded))
        };
        let finish = catch_unwind(AssertUnwindSafe(|| work(job))).unwrap_or_else(|_| {
            Finish::stopped(
                CoreError::new(
                    Code::Internal,
                    "The work stopped at a mistake in Redline.",
                    "Nothing that was done is lost. Try again, and report it if it stays.",
                ),
                None,
            )
        });
        let over = job.finish(finish);
        // The watch writes records, too, and its last must not come after ours.
        if let Ok(watch) = watch {
            let _ = watch.join();
        }
        if lock.is_some() {
            let written = self.records.write(&over);
            if let Err(error) = written {
                tracing::warn!(job = id, error = %error.kind(), "the end of this job could not be recorded");
            }
        }
        drop(lock);
        self.records.answered_cancel(id);
        job.release(over.state);
        self.events.send(Event::Job(over.clone()));
        self.records.prune();
        self.forget_oldest();
        over
    }

    /// Shows a running job until it is over.
    fn watch(&self, job: &Job, recorded: bool) {
        let mut last_record = Instant::now();
        let mut unrecorded = false;
        while !job.tick(TICK) {
            let id = match job.refresh() {
                Some(view) => {
                    unrecorded = true;
                    self.events.send(Event::Job(view.clone()));
                    view.id
                }
                None => job.view().id,
            };
            if !recorded {
                continue;
            }
            if !job.is_cancelled() && self.records.cancel_asked(&id) {
                job.cancel();
            }
            if unrecorded && last_record.elapsed() >= RECORD_EVERY {
                let _ = self.records.write(&job.view());
                last_record = Instant::now();
                unrecorded = false;
            }
        }
    }

    /// Keeps the memory of finished jobs as short as the folder of their records.
    fn forget_oldest(&self) {
        let mut here = self.here.lock();
        let mut over: Vec<String> = here
            .iter()
            .filter(|(_, job)| job.is_over())
            .map(|(id, _)| id.clone())
            .collect();
        over.sort_by(|a, b| b.cmp(a));
        for id in over.into_iter().skip(KEPT) {
            here.remove(&id);
        }
    }

    /// Running, finished and interrupted jobs of this store, the newest first.
    pub(crate) fn list(&self) -> Vec<JobView> {
        let here = self.here.lock().clone();
        let mut jobs: Vec<JobView> = here.values().map(|job| job.view()).collect();
        jobs.extend(
            self.records
                .ids()
                .iter()
                .filter(|id| !here.contains_key(*id))
                .filter_map(|id| self.records.read(id)),
        );
        jobs.sort_by(|a, b| b.id.cmp(&a.id));
        jobs
    }

    pub(crate) fn get(&self, id: &str) -> Result<JobView, CoreError> {
        let here = self.here.lock().get(id).map(|job| job.view());
        here.or_else(|| self.records.read(id))
            .ok_or_else(no_such_job)
    }

    /// Asks a job to stop, wherever it runs. One that is over stays as it is.
    pub(crate) fn cancel(&self, id: &str) -> Result<(), CoreError> {
        let here = self.here.lock().get(id).cloned();
        if let Some(job) = here {
            job.cancel();
            return Ok(());
        }
        let job = self.get(id)?;
        if job.elsewhere {
            self.records.ask_to_cancel(&job.id).map_err(|error| {
                CoreError::new(
                    Code::ReadOnly,
                    format!(
                        "Could not ask the other Redline to cancel: {}.",
                        error.kind()
                    ),
                    "Cancel it where it runs.",
                )
            })?;
        }
        Ok(())
    }

    /// Takes a job that is over off the list.
    pub(crate) fn dismiss(&self, id: &str) -> Result<(), CoreError> {
        let job = self.get(id)?;
        if job.state == JobState::Running {
            return Err(CoreError::bad_request(
                format!("\"{}\" is still running.", job.title),
                "Cancel it, or wait until it is done.",
            ));
        }
        self.here.lock().remove(&job.id);
        self.records.forget(&job.id);
        Ok(())
    }

    /// Waits until the job is over, wherever it runs.
    pub(crate) fn wait(&self, id: &str) -> Result<JobView, CoreError> {
        let here = self.here.lock().get(id).cloned();
        if let Some(job) = here {
            job.wait();
            return Ok(job.view());
        }
        loop {
            let job = self.get(id)?;
            if job.state != JobState::Running {
                return Ok(job);
            }
            thread::sleep(POLL);
        }
    }

    /// Jobs of other processes that look different from `seen`, which is brought up to
    /// date. What was over when first met is no news.
    pub(crate) fn news_from_elsewhere(
        &self,
        seen: &mut HashMap<String, Option<JobView>>,
    ) -> Vec<JobView> {
        let here = self.here.lock().clone();
        let mut news = Vec::new();
        for id in self.records.ids() {
            // A job that was seen to end changes no more, and costs no reading.
            if here.contains_key(&id) || matches!(seen.get(&id), Some(None)) {
                continue;
            }
            let Some(job) = self.records.read(&id) else {
                continue;
            };
            let before = seen.get(&id);
            let running = job.state == JobState::Running;
            if before.is_some_and(|before| before.as_ref() != Some(&job))
                || (before.is_none() && running)
            {
                news.push(job.clone());
            }
            seen.insert(id, running.then_some(job));
        }
        news
    }

    /// A running job of one of `kinds`, here or in another process.
    pub(crate) fn running(&self, kinds: &[JobKind]) -> Option<JobView> {
        self.list()
            .into_iter()
            .find(|job| job.state == JobState::Running && kinds.contains(&job.kind))
    }
}

/// Why a job that was run on the caller's thread has no result.
pub(crate) fn error_of(job: JobView) -> CoreError {
    match job.error {
        Some(report) => report.into(),
        None => CoreError::new(
            Code::Internal,
            format!("\"{}\" ended without a result.", job.title),
            "Try again.",
        ),
    }
}

/// What waiting for an unknown job answers: failed, with the reason.
pub(crate) fn never_was(id: &str, error: &CoreError) -> JobView {
    let now = crate::text::now();
    JobView {
        id: id.to_owned(),
        state: JobState::Failed,
        can_cancel: false,
        started_at: now.clone(),
        finished_at: Some(now),
        error: Some(error.report()),
        ..Job::new(JobKind::Import, "Unknown job".to_owned()).view()
    }
}

fn no_such_job() -> CoreError {
    CoreError::new(
        Code::NotFound,
        "There is no such job.",
        "It may have been dismissed; the list of jobs shows what there is.",
    )
}
