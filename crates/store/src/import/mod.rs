//! Bringing files in: staged in parallel, committed in batches.
//!
//! Two workers read, hash and write into a locked folder under `partial/`; this
//! thread gathers what they finish and commits it: one sync of the file system,
//! the journal, the renames, a sync of the folders, and then the rows. A file is
//! reported only when all of that is done, so what was reported is never lost,
//! and nothing has its final name before it is whole.

mod commit;
mod sources;
mod stage;

use crate::open::Store;
use crate::partial::ScratchDir;
use crate::record::{FileId, FileRecord};
use crate::{Progress, Result, StoreError, durable};
use commit::{Committer, Outcome};
use parking_lot::Mutex;
use sources::{Found, Sources};
use stage::{Staged, Stager};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

pub(crate) use commit::{choose_names, fill_temp};
pub(crate) use stage::hash_stored;

/// A batch is committed when it has this many files…
const BATCH_FILES: usize = 4096;
/// …or this many bytes…
const BATCH_BYTES: u64 = 1 << 30;
/// …or its first file has waited this long.
const BATCH_AGE: Duration = Duration::from_millis(1500);
/// Staging is bound by system calls and hashing; two keep two cores busy.
const WORKERS: usize = 2;

/// What a file is, by its first bytes and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classified {
    pub file_type: &'static str,
    pub format: &'static str,
}

impl Default for Classified {
    fn default() -> Self {
        Self {
            file_type: "other",
            format: "other",
        }
    }
}

/// A file or folder to bring in.
#[derive(Debug, Clone)]
pub struct ImportSource {
    pub path: PathBuf,
    /// Opaque to the store, handed back with results.
    pub token: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDuplicate {
    /// Bytes that were stored before this import are not stored again.
    #[default]
    Skip,
    Keep,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct ImportOptions {
    pub on_duplicate: OnDuplicate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    AlreadyStored,
    /// A link inside an imported folder; links are not followed out of it.
    Link,
}

#[derive(Debug)]
pub struct SkippedSource {
    /// The name as it was offered, relative to what was given.
    pub path_shown: String,
    pub source: PathBuf,
    pub token: Option<String>,
    pub already: Option<FileRecord>,
    pub reason: SkipReason,
}

#[derive(Debug)]
pub struct FailedSource {
    pub path_shown: String,
    pub source: PathBuf,
    pub token: Option<String>,
    pub error: StoreError,
}

/// Hears of each file once its fate is durable; ids follow the order in which
/// the files were found, as far as one batch reaches.
pub trait ImportSink {
    fn imported(&mut self, record: FileRecord);
    fn skipped(&mut self, skipped: SkippedSource);
    fn failed(&mut self, failed: FailedSource);
    /// Everything that became durable together was told.
    fn batch_told(&mut self) {}
}

/// Counts of one import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ImportSummary {
    pub imported: u64,
    pub imported_bytes: u64,
    pub skipped: u64,
    pub failed: u64,
    /// Stopped on request; what was imported until then stays.
    pub cancelled: bool,
}

/// The outcome of bringing in one stream.
#[derive(Debug)]
pub struct Imported {
    pub record: FileRecord,
    /// The bytes were stored already; `record` is the file that has them.
    pub already: bool,
}

/// A finished file of ours, about to be stored.
#[derive(Debug, Clone)]
pub struct NewOutput {
    /// What it was made from.
    pub source: Option<FileId>,
    pub metadata: serde_json::Value,
}

/// A source on its way in.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub path: PathBuf,
    pub token: Option<String>,
    /// Sanitised, below `files/`.
    pub wanted: String,
    pub shown: String,
    /// The last component as it came.
    pub original: String,
    /// Whether a link may be followed: only what a person named.
    pub follow: bool,
    /// Place in the order the sources were found in, which ids follow within a batch.
    pub place: u64,
}

enum Arrived {
    Staged(Staged),
    Skipped(Origin, SkipReason),
    Failed(Origin, StoreError),
}

impl Store {
    /// Brings files and folders in. Each file's fate is told to `sink`; only a
    /// failure of the whole is an error.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if the catalog cannot be had, or an I/O error of the
    /// store's own folders.
    pub fn import(
        &self,
        sources: Vec<ImportSource>,
        options: &ImportOptions,
        sink: &mut dyn ImportSink,
        progress: &dyn Progress,
    ) -> Result<ImportSummary> {
        let layout = &self.inner.layout;
        progress.phase("counting");
        let totals = sources::count(&sources, layout, progress);
        progress.set_total(Some(totals.bytes), Some(totals.files));
        progress.phase("copying");

        let scratch = ScratchDir::create(&self.inner.layout)?;
        let mut committer = Committer::new(self, &scratch, options.on_duplicate)?;
        let stager = Stager::new(
            &self.inner.layout,
            scratch.path(),
            self.inner.options.classify,
        );
        let queue = Mutex::new(Sources::new(sources, layout));
        let mut summary = ImportSummary::default();
        let (arrive, arrivals) = sync_channel::<Arrived>(BATCH_FILES);
        let stop = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| -> Result<()> {
            for _ in 0..WORKERS {
                let (arrive, queue, stager, stop) = (arrive.clone(), &queue, &stager, &stop);
                scope.spawn(move || {
                    while !progress.is_cancelled()
                        && !stop.load(std::sync::atomic::Ordering::Relaxed)
                    {
                        let Some(found) = queue.lock().next() else {
                            return;
                        };
                        let arrived = match found {
                            Found::File(origin) => match stager.stage(&origin, progress) {
                                Ok(staged) => Arrived::Staged(staged),
                                Err(StoreError::Cancelled) => return,
                                Err(e) => Arrived::Failed(origin, e),
                            },
                            Found::Link(origin) => Arrived::Skipped(origin, SkipReason::Link),
                            Found::Unreadable(origin, e) => Arrived::Failed(origin, e),
                        };
                        if arrive.send(arrived).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(arrive);
            let result = gather(
                &arrivals,
                &mut committer,
                &scratch,
                sink,
                progress,
                &mut summary,
            );
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            // Unblocks workers that wait to hand something over.
            drop(arrivals);
            result
        })?;
        summary.cancelled = progress.is_cancelled();
        committer.finish();
        Ok(summary)
    }

    /// Brings in one stream under a name from outside.
    ///
    /// # Errors
    /// As for a file of [`Store::import`].
    pub fn import_stream(
        &self,
        name: &str,
        reader: &mut dyn Read,
        options: &ImportOptions,
        progress: &dyn Progress,
    ) -> Result<Imported> {
        let scratch = ScratchDir::create(&self.inner.layout)?;
        let stager = Stager::new(
            &self.inner.layout,
            scratch.path(),
            self.inner.options.classify,
        );
        let stored = stager
            .stage_stream(name, reader, progress)
            .and_then(|staged| {
                let mut committer = Committer::new(self, &scratch, options.on_duplicate)?;
                self.commit_one(&mut committer, staged)
            });
        if stored.is_err() {
            scratch.is_there()?;
        }
        stored
    }

    /// Gives a file the type that whoever brought it in says it has; its format stays
    /// what its bytes say. What may be a type is the caller's to decide.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]
    pub fn set_file_type(&self, id: FileId, file_type: &str) -> Result<FileRecord> {
        self.inner.catalog.write(|conn| {
            conn.execute(
                "UPDATE user_files SET file_type = ? WHERE id = ?",
                duckdb::params![file_type, id.0],
            )
            .map_err(|e| crate::catalog::catalog_error("set the type of a file", &e))?;
            crate::list::get_file(conn, id)
        })
    }

    /// Stores a file that lies finished in a scratch folder, always as a new one.
    pub fn add_output(&self, temp: &Path, name: &str, output: NewOutput) -> Result<FileRecord> {
        let scratch = ScratchDir::create(&self.inner.layout)?;
        let stager = Stager::new(
            &self.inner.layout,
            scratch.path(),
            self.inner.options.classify,
        );
        let mut staged = stager.adopt(temp, name)?;
        staged.metadata = output.metadata;
        if let (Some(source), Some(map)) = (output.source, staged.metadata.as_object_mut()) {
            map.insert("converted_from".into(), source.0.to_string().into());
        }
        let mut committer = Committer::new(self, &scratch, OnDuplicate::Keep)?;
        Ok(self.commit_one(&mut committer, staged)?.record)
    }

    pub(crate) fn commit_one(&self, committer: &mut Committer, staged: Staged) -> Result<Imported> {
        let outcome = committer.commit(vec![staged])?.pop();
        committer.finish();
        match outcome {
            Some(Outcome::Stored(record)) => Ok(Imported {
                record: *record,
                already: false,
            }),
            Some(Outcome::Already(_, record)) => Ok(Imported {
                record: *record,
                already: true,
            }),
            Some(Outcome::Failed(_, e)) => Err(e),
            None => Err(StoreError::NotFound),
        }
    }
}

/// Collects what the workers hand over and commits it batch by batch.
fn gather(
    arrivals: &std::sync::mpsc::Receiver<Arrived>,
    committer: &mut Committer,
    scratch: &ScratchDir,
    sink: &mut dyn ImportSink,
    progress: &dyn Progress,
    summary: &mut ImportSummary,
) -> Result<()> {
    let mut batch: Vec<Staged> = Vec::new();
    let mut bytes = 0;
    let mut since = Instant::now();
    loop {
        let (mut more, mut flush) = (true, false);
        match arrivals.recv_timeout(Duration::from_millis(100)) {
            Ok(Arrived::Staged(staged)) => {
                if batch.is_empty() {
                    since = Instant::now();
                }
                bytes += staged.size;
                batch.push(staged);
                flush = batch.len() >= BATCH_FILES || bytes >= BATCH_BYTES;
            }
            Ok(Arrived::Skipped(origin, reason)) => {
                summary.skipped += 1;
                progress.advance(0, 1);
                sink.skipped(origin.skipped(reason, None));
            }
            Ok(Arrived::Failed(origin, error)) => {
                scratch.is_there()?;
                summary.failed += 1;
                progress.advance(0, 1);
                sink.failed(origin.failed(error));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => more = false,
        }
        if progress.is_cancelled() {
            // What is staged but not committed was never promised.
            return Ok(());
        }
        if !batch.is_empty() && (flush || !more || since.elapsed() >= BATCH_AGE) {
            let files = batch.len() as u64;
            batch.sort_by_key(|staged| staged.origin.place);
            for outcome in committer.commit(std::mem::take(&mut batch))? {
                match outcome {
                    Outcome::Stored(record) => {
                        summary.imported += 1;
                        summary.imported_bytes += record.size_bytes;
                        sink.imported(*record);
                    }
                    Outcome::Already(origin, record) => {
                        summary.skipped += 1;
                        sink.skipped(origin.skipped(SkipReason::AlreadyStored, Some(*record)));
                    }
                    Outcome::Failed(origin, error) => {
                        scratch.is_there()?;
                        summary.failed += 1;
                        sink.failed(origin.failed(error));
                    }
                }
            }
            sink.batch_told();
            progress.advance(0, files);
            bytes = 0;
        }
        if !more {
            return Ok(());
        }
    }
}

impl Origin {
    fn skipped(self, reason: SkipReason, already: Option<FileRecord>) -> SkippedSource {
        SkippedSource {
            path_shown: self.shown,
            source: self.path,
            token: self.token,
            already,
            reason,
        }
    }

    fn failed(self, error: StoreError) -> FailedSource {
        FailedSource {
            path_shown: self.shown,
            source: self.path,
            token: self.token,
            error,
        }
    }
}

/// Makes staged data durable: one call for many files where the platform has
/// it, else one for each. A few files do not flush everybody else's writes.
pub(crate) fn make_durable(dir: &Path, files: &[PathBuf]) -> std::io::Result<()> {
    const FEW: usize = 8;
    if files.len() > FEW && durable::sync_file_system(&File::open(dir)?)? {
        return Ok(());
    }
    for path in files {
        File::options().write(true).open(path)?.sync_all()?;
    }
    Ok(())
}
