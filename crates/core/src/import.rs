//! Files brought in: as a job for the window, on the caller's thread for the
//! command line. Every outcome is told as soon as it is durable; what a window
//! keeps of them is bounded, what it counts is exact.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redline_store::{
    FailedSource, FileRecord, ImportOptions, ImportSink, ImportSource, SkipReason, SkippedSource,
};

use crate::contract::{
    Event, FailedFile, FileView, ImportReport, JobKind, JobResult, OnDuplicate, SkippedFile,
};
use crate::error::{CoreError, Doing, cancelled, store_error};
use crate::files::file_view;
use crate::jobs::{Finish, Job};
use crate::session::{JobId, Session, SourcePath};
use crate::text;

/// Entries of each list that a report keeps.
const LISTED: usize = 500;
/// Sources inside dropped folders that can be handed in again.
const OFFERED: usize = 4 * LISTED;

/// Told of each file of an import once its outcome is durable.
pub trait ImportEvents {
    fn imported(&mut self, file: FileView);
    fn skipped(&mut self, file: SkippedFile);
    fn failed(&mut self, file: FailedFile);
    /// All that became durable together was told.
    fn batch_told(&mut self) {}
}

/// For whom the report is enough.
impl ImportEvents for () {
    fn imported(&mut self, _: FileView) {}
    fn skipped(&mut self, _: SkippedFile) {}
    fn failed(&mut self, _: FailedFile) {}
}

/// Paths that core itself put on offer, the oldest first.
#[derive(Default)]
pub(crate) struct Offers(pub(crate) VecDeque<(String, PathBuf)>);

impl Session {
    /// Starts storing files and folders; the job's result is [`JobResult::Import`].
    /// Without `on_duplicate` the settings decide.
    pub fn import(
        &self,
        sources: Vec<SourcePath>,
        on_duplicate: Option<OnDuplicate>,
    ) -> Result<JobId, CoreError> {
        refuse_nothing(&sources)?;
        let session = self.clone();
        let title = title(sources.iter().map(|source| source.path.as_path()));
        self.0.jobs.spawn(JobKind::Import, title, move |job| {
            let (report, outcome) = session.run_import(sources, on_duplicate, &mut (), job);
            finish(report, outcome)
        })
    }

    /// The same job on this thread, with each file told to `sink`.
    ///
    /// # Errors
    /// Only what stopped the whole; [`Code::Cancelled`](crate::Code::Cancelled) too.
    pub fn import_now(
        &self,
        paths: Vec<PathBuf>,
        on_duplicate: Option<OnDuplicate>,
        sink: &mut dyn ImportEvents,
    ) -> Result<ImportReport, CoreError> {
        let sources: Vec<SourcePath> = paths
            .into_iter()
            .map(|path| SourcePath { path, token: None })
            .collect();
        refuse_nothing(&sources)?;
        let title = title(sources.iter().map(|source| source.path.as_path()));
        let mut answer = None;
        let job = self.0.jobs.run(JobKind::Import, title, |job| {
            let (report, outcome) = self.run_import(sources, on_duplicate, sink, job);
            answer = Some((report.clone(), outcome.clone()));
            finish(report, outcome)
        });
        match answer {
            Some((report, outcome)) => outcome.map(|()| report),
            None => Err(crate::jobs::error_of(job)),
        }
    }

    /// The path behind a token that core gave to a skipped or failed file, so that a
    /// window can hand it in again.
    pub fn source_of(&self, token: &str) -> Option<SourcePath> {
        let offers = self.0.offers.lock();
        let (token, path) = offers.0.iter().find(|(offered, _)| offered == token)?;
        Some(SourcePath {
            path: path.clone(),
            token: Some(token.clone()),
        })
    }

    fn offer(&self, path: &Path) -> String {
        let token = format!("again-{}", ulid::Ulid::new());
        let mut offers = self.0.offers.lock();
        offers.0.push_back((token.clone(), path.to_owned()));
        while offers.0.len() > OFFERED {
            offers.0.pop_front();
        }
        token
    }

    fn run_import(
        &self,
        sources: Vec<SourcePath>,
        on_duplicate: Option<OnDuplicate>,
        events: &mut dyn ImportEvents,
        job: &Arc<Job>,
    ) -> (ImportReport, Result<(), CoreError>) {
        let on_duplicate = match on_duplicate.unwrap_or_else(|| self.0.core.settings().on_duplicate)
        {
            OnDuplicate::Skip => redline_store::OnDuplicate::Skip,
            OnDuplicate::Keep => redline_store::OnDuplicate::Keep,
        };
        // The catalog knows files by absolute sources only while it reads them.
        let named: Vec<(PathBuf, String)> = sources
            .iter()
            .filter_map(|source| Some((source.path.clone(), source.token.clone()?)))
            .collect();
        let sources = sources
            .into_iter()
            .map(|source| ImportSource {
                path: source.path,
                token: source.token,
            })
            .collect();
        let mut sink = Sink {
            session: self,
            events,
            named,
            report: ImportReport::default(),
        };
        let outcome =
            self.0
                .store
                .import(sources, &ImportOptions { on_duplicate }, &mut sink, &**job);
        let report = sink.report;
        self.tell(Event::Files);
        let outcome = match outcome {
            Ok(summary) if summary.cancelled => Err(cancelled()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.into()),
        };
        (report, outcome)
    }
}

fn refuse_nothing(sources: &[SourcePath]) -> Result<(), CoreError> {
    if sources.is_empty() {
        return Err(CoreError::bad_request(
            "There is nothing to store.",
            "Name at least one file or folder.",
        ));
    }
    Ok(())
}

fn title<'a>(mut paths: impl ExactSizeIterator<Item = &'a Path>) -> String {
    match (paths.len(), paths.next()) {
        (1, Some(path)) => {
            let name = path
                .file_name()
                .map_or_else(|| "a folder".into(), |name| name.to_string_lossy());
            format!("Storing \"{name}\"")
        }
        (count, _) => format!("Storing {}", text::counted(count as u64, "item")),
    }
}

fn finish(report: ImportReport, outcome: Result<(), CoreError>) -> Finish {
    let nothing_stored = report.imported_count + report.skipped_count == 0;
    let first = report
        .failed
        .first()
        .map(|failed| CoreError::from(failed.error.clone()));
    let failed = report.failed_count;
    let result = JobResult::Import(report);
    match (outcome, first) {
        (Err(error), _) => Finish::stopped(error, Some(result)),
        (Ok(()), Some(first)) if nothing_stored => Finish::stopped(first, Some(result)),
        (Ok(()), _) if failed > 0 => Finish::partial(result),
        (Ok(()), _) => Finish::done(result),
    }
}

/// Turns the store's records into words, counts them, and passes them on.
struct Sink<'a> {
    session: &'a Session,
    events: &'a mut dyn ImportEvents,
    /// Paths that came with a token of their own.
    named: Vec<(PathBuf, String)>,
    report: ImportReport,
}

impl Sink<'_> {
    /// The token that stands for exactly this source: the one it came with, or a new
    /// one for a file inside a folder. None where no window asked.
    fn token(&self, source: &Path, listed: usize) -> Option<String> {
        if self.named.is_empty() || listed >= LISTED {
            return None;
        }
        let own = self
            .named
            .iter()
            .find(|(path, _)| path == source)
            .map(|(_, token)| token.clone());
        own.or_else(|| Some(self.session.offer(source)))
    }
}

impl ImportSink for Sink<'_> {
    fn imported(&mut self, record: FileRecord) {
        let file = file_view(record);
        self.report.imported_count += 1;
        self.report.imported_bytes += file.size_bytes;
        if self.report.imported.len() < LISTED {
            self.report.imported.push(file.clone());
        }
        self.events.imported(file);
    }

    fn skipped(&mut self, skipped: SkippedSource) {
        let reason = match (skipped.reason, &skipped.already) {
            (SkipReason::AlreadyStored, Some(already)) => {
                format!("Already stored as \"{}\".", already.filename)
            }
            (SkipReason::AlreadyStored, None) => "Already stored.".to_owned(),
            (SkipReason::Link, _) => "A link; what it points to was not added.".to_owned(),
        };
        let can_store = skipped.reason == SkipReason::AlreadyStored;
        let file = SkippedFile {
            path: skipped.path_shown,
            already: skipped.already.map(file_view),
            reason,
            token: can_store
                .then(|| self.token(&skipped.source, self.report.skipped.len()))
                .flatten(),
        };
        self.report.skipped_count += 1;
        if self.report.skipped.len() < LISTED {
            self.report.skipped.push(file.clone());
        }
        self.events.skipped(file);
    }

    fn failed(&mut self, failed: FailedSource) {
        let file = FailedFile {
            path: failed.path_shown,
            error: store_error(failed.error, Doing::Storing).report(),
            token: self.token(&failed.source, self.report.failed.len()),
        };
        self.report.failed_count += 1;
        if self.report.failed.len() < LISTED {
            self.report.failed.push(file.clone());
        }
        self.events.failed(file);
    }

    fn batch_told(&mut self) {
        self.events.batch_told();
    }
}
