//! What the last restore did here, written down while it did it, and taking it back
//! for seven days. The store does the moving; this knows the order.

mod steps;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{Timestamp, ToSpan};
use parking_lot::Mutex;
use redline_store::{MergeReport, Restored, StoreError};
use serde::{Deserialize, Serialize};
use steps::{Step, Steps};

use crate::contract::{
    Event, FailedFile, JobKind, JobResult, RestoreRequest, UndoReport, UndoView,
};
use crate::error::{Code, CoreError, Doing, store_error};
use crate::fsx::{self, Durability};
use crate::jobs::{Finish, Job};
use crate::session::{JobId, Session};

/// Long enough for a person to notice; the local bytes that made room stay in the trash beyond it.
const DAYS: i64 = 7;
const LOG: &str = "log.jsonl";
const SNAPSHOT: &str = "catalog.duckdb";
/// What this device knew of the bucket before; empty where it knew nothing.
const KNOWN: &str = "known.json";

/// One line of a restore's log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Begun {
        at: Timestamp,
        point: String,
        request: RestoreRequest,
    },
    Merged(MergeReport),
    /// What is about to be done, as it will be if nothing comes between.
    Intended(Box<Restored>),
    Done(Box<Restored>),
    /// All of the request was gone through.
    Ended,
}

/// A restore that is written down as it goes. A process that dies leaves a log that
/// ends early: what it says was done was, and what it was about to do may have been.
pub(crate) struct RestoreLog {
    id: String,
    file: Mutex<File>,
}

impl RestoreLog {
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn merged(&self, report: &MergeReport) -> std::io::Result<()> {
        if report.is_empty() {
            return Ok(());
        }
        self.append(&Line::Merged(report.clone()))
    }

    /// On disk when this returns: it must be known before the first rename is.
    pub(crate) fn intend(&self, meant: &[Restored]) -> std::io::Result<()> {
        let mut text = Vec::new();
        for restored in meant {
            serde_json::to_writer(&mut text, &Line::Intended(Box::new(restored.clone())))?;
            text.push(b'\n');
        }
        let mut file = self.file.lock();
        file.write_all(&text)?;
        file.sync_data()
    }

    pub(crate) fn done(&self, restored: Restored) -> std::io::Result<()> {
        self.append(&Line::Done(Box::new(restored)))
    }

    pub(crate) fn end(&self) -> std::io::Result<()> {
        self.append(&Line::Ended)?;
        self.file.lock().sync_all()
    }

    fn append(&self, line: &Line) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.lock().write_all(&text)
    }
}

/// A log as read back.
struct Past {
    dir: PathBuf,
    id: String,
    at: Timestamp,
    point: String,
    request: RestoreRequest,
    merged: MergeReport,
    steps: Vec<Step>,
    ended: bool,
}

impl Past {
    fn read(dir: PathBuf) -> Option<Self> {
        let id = dir.file_name()?.to_str()?.to_owned();
        let lines = BufReader::new(File::open(dir.join(LOG)).ok()?).lines();
        // A line that was cut short by a crash is the last one.
        let mut lines = lines
            .map_while(Result::ok)
            .map_while(|line| serde_json::from_str::<Line>(&line).ok());
        let Some(Line::Begun { at, point, request }) = lines.next() else {
            return None;
        };
        let mut past = Self {
            dir,
            id,
            at,
            point,
            request,
            merged: MergeReport::default(),
            steps: Vec::new(),
            ended: false,
        };
        let mut steps = Steps::default();
        for line in lines {
            match line {
                Line::Merged(report) => {
                    past.merged.files.extend(report.files);
                    past.merged.conversions.extend(report.conversions);
                    past.merged.tables.extend(report.tables);
                }
                Line::Intended(restored) => steps.intended(*restored),
                Line::Done(restored) => steps.done(*restored),
                Line::Ended => past.ended = true,
                Line::Begun { .. } => {}
            }
        }
        past.steps = steps.into_steps();
        Some(past)
    }

    fn until(&self) -> Timestamp {
        self.at.checked_add((24 * DAYS).hours()).unwrap_or(self.at)
    }

    fn did_something(&self) -> bool {
        !self.steps.is_empty() || !self.merged.is_empty()
    }
}

impl Session {
    fn restores_dir(&self) -> PathBuf {
        self.0.store.private_dir().join("restores")
    }

    /// Newest first. What is older than it can be taken back goes, its safety copy
    /// with it; bytes that made room are in the trash and stay there.
    fn past_restores(&self) -> Vec<Past> {
        let Ok(entries) = fs::read_dir(self.restores_dir()) else {
            return Vec::new();
        };
        let now = Timestamp::now();
        let mut all: Vec<Past> = entries
            .flatten()
            .filter_map(|entry| Past::read(entry.path()))
            .filter(|past| {
                let keep = past.until() > now;
                if !keep {
                    let _ = fs::remove_dir_all(&past.dir);
                }
                keep
            })
            .collect();
        // ULIDs sort by time.
        all.sort_by(|a, b| b.id.cmp(&a.id));
        all
    }

    /// Begins to write a restore down, with a copy of the catalog as it is now. The
    /// same request again after one that did not get to its end goes on with its log,
    /// so that both are taken back together.
    pub(crate) fn begin_restore_log(
        &self,
        point: &str,
        request: &RestoreRequest,
    ) -> Result<RestoreLog, CoreError> {
        let failed = |e: std::io::Error| {
            CoreError::from(StoreError::Io {
                what: "the notes of the restore".into(),
                source: e,
            })
        };
        let unfinished = self
            .past_restores()
            .into_iter()
            .next()
            .filter(|past| !past.ended && past.point == point && past.request == *request);
        if let Some(past) = unfinished {
            let file = open_log(&past.dir).map_err(failed)?;
            return Ok(RestoreLog {
                id: past.id,
                file: Mutex::new(file),
            });
        }
        let id = ulid::Ulid::new().to_string();
        let dir = self.restores_dir().join(&id);
        fsx::private_dir(&self.restores_dir())
            .and_then(|()| fsx::private_dir(&dir))
            .map_err(failed)?;
        self.0.store.snapshot(&dir.join(SNAPSHOT))?;
        let log = RestoreLog {
            id,
            file: Mutex::new(open_log(&dir).map_err(failed)?),
        };
        log.append(&Line::Begun {
            at: Timestamp::now(),
            point: point.to_owned(),
            request: request.clone(),
        })
        .and_then(|()| log.file.lock().sync_all())
        .map_err(failed)?;
        Ok(log)
    }

    /// The newest restore that changed something, while it can be taken back.
    pub fn undoable_restore(&self) -> Option<UndoView> {
        let past = self.newest_undoable()?;
        let done = || past.steps.iter().filter(|step| step.done);
        let replaced = done().filter(|s| s.restored.replaced.is_some()).count() as u64;
        Some(UndoView {
            point: past.point.clone(),
            restored_at: past.at.to_string(),
            until: past.until().to_string(),
            new_files: done().count() as u64 - replaced,
            replaced_files: replaced,
        })
    }

    fn newest_undoable(&self) -> Option<Past> {
        self.past_restores()
            .into_iter()
            .find(|past| past.did_something())
    }

    /// Starts taking the newest restore back; the job's result is [`JobResult::UndoRestore`].
    ///
    /// # Errors
    /// [`Code::NotFound`] where there is none, or it is more than seven days old.
    pub fn undo_restore(&self) -> Result<JobId, CoreError> {
        let past = self.begin_undo()?;
        let session = self.clone();
        self.0
            .jobs
            .spawn(JobKind::UndoRestore, title(), move |job| {
                session.run_undo(&past, job)
            })
    }

    /// The same on this thread.
    pub fn undo_restore_now(&self) -> Result<UndoReport, CoreError> {
        let past = self.begin_undo()?;
        let job = self.0.jobs.run(JobKind::UndoRestore, title(), |job| {
            self.run_undo(&past, job)
        });
        match job.result {
            Some(JobResult::UndoRestore(report)) if job.error.is_none() => Ok(report),
            _ => Err(crate::jobs::error_of(job)),
        }
    }

    fn begin_undo(&self) -> Result<Past, CoreError> {
        self.refuse_while_transferring()?;
        self.newest_undoable().ok_or_else(|| {
            CoreError::new(
                Code::NotFound,
                "There is no restore to take back.",
                format!("A restore can be taken back for {DAYS} days."),
            )
        })
    }

    fn run_undo(&self, past: &Past, job: &Arc<Job>) -> Finish {
        job.phase("taking back");
        job.set_total(None, Some(past.steps.len() as u64));
        let mark = format!("undo of {}", past.id);
        let mut report = UndoReport {
            point: past.point.clone(),
            ..UndoReport::default()
        };
        // What is on disk tells how far a restore came that was cut off.
        if past.steps.iter().any(|step| !step.done)
            && let Err(error) = self.0.store.reconcile(&())
        {
            return Finish::stopped(error.into(), None);
        }
        // Before anything goes: what a run that is stopped half way has taken back must not
        // look deleted either.
        self.know_again(past);
        // The last first: a file that two runs of one restore touched goes back step by step.
        for Step { restored, done } in past.steps.iter().rev() {
            if job.is_cancelled() {
                return Finish::stopped(crate::error::cancelled(), None);
            }
            let store = &self.0.store;
            let taken_back = match done {
                true => store.take_back(restored, &mark).map(|()| true),
                false => store.take_back_unfinished(restored, &past.id, &mark),
            };
            match taken_back {
                // It never came to be.
                Ok(false) => {}
                Ok(true) => {
                    if restored.replaced.is_some() {
                        report.returned_files += 1;
                    } else {
                        report.removed_files += 1;
                    }
                }
                Err(error) => report.failed.push(FailedFile {
                    path: restored.relative_path.clone(),
                    error: not_taken_back(&restored.relative_path, error).report(),
                    token: None,
                }),
            }
            job.advance(0, 1);
        }
        let merged = &past.merged;
        match self
            .0
            .store
            .remove_merged(&merged.files, &merged.conversions, &merged.tables)
        {
            Ok(rows) => report.removed_rows = rows,
            Err(error) => return Finish::stopped(error.into(), None),
        }
        // What failed would fail again: it was changed since, and that stands.
        if let Err(error) = fs::remove_dir_all(&past.dir) {
            tracing::warn!(error = %error.kind(), "the notes of a restore that was taken back are still there");
        }
        self.0.store.audit(
            "restore_undone",
            serde_json::json!({ "point": past.point, "failed": report.failed.len() }),
        );
        self.tell(Event::Files);
        self.tell(Event::History);
        self.tell(Event::Backup);
        let whole = report.failed.is_empty();
        let result = JobResult::UndoRestore(report);
        if whole {
            Finish::done(result)
        } else {
            Finish::partial(result)
        }
    }

    /// Keeps what this device knows of the bucket, before a restore replaces it.
    pub(crate) fn note_known(&self, log: &RestoreLog) {
        let place = self.restores_dir().join(log.id()).join(KNOWN);
        // There already where a restore goes on with its log.
        if place.exists() {
            return;
        }
        let known = fs::read(self.manifest_path()).unwrap_or_default();
        if let Err(error) = fsx::replace(&place, &known, Durability::Whole) {
            tracing::warn!(error = %error.kind(), "what was known before a restore is not kept");
        }
    }

    /// As it was before a restore that was taken back. Else what came and went again would
    /// look as if it had been deleted here. Not where a backup was made since: from that one
    /// on, whatever changes here is a change.
    fn know_again(&self, past: &Past) {
        let Ok(Some(settings)) = self.bucket_settings() else {
            return;
        };
        let last = self.last_manifest(&settings);
        if last.is_none_or(|last| last.head.id != past.point) {
            return;
        }
        let Ok(known) = fs::read(past.dir.join(KNOWN)) else {
            return;
        };
        let path = self.manifest_path();
        let again = if known.is_empty() {
            fs::remove_file(&path)
        } else {
            fsx::replace(&path, &known, Durability::Whole)
        };
        if let Err(error) = again {
            tracing::warn!(error = %error.kind(), "a restore that was taken back is still gone on from");
        }
    }

    /// Until when the restore of this log can be taken back; `None` if it did nothing.
    pub(crate) fn undo_until(&self, log: &RestoreLog) -> Option<String> {
        let past = Past::read(self.restores_dir().join(log.id()))?;
        past.did_something().then(|| past.until().to_string())
    }
}

fn open_log(dir: &Path) -> std::io::Result<File> {
    let path = dir.join(LOG);
    let mut file = fsx::open_private_file(&path)?;
    // Behind what is there: one that was cut off goes on. Half a line would spoil the next.
    let text = fs::read(&path)?;
    let whole = text.iter().rposition(|&b| b == b'\n').map_or(0, |n| n + 1);
    file.set_len(whole as u64)?;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(0))?;
    Ok(file)
}

fn not_taken_back(path: &str, error: StoreError) -> CoreError {
    match error {
        StoreError::SourceChanged { .. } => CoreError::new(
            Code::SourceChanged,
            format!(
                "\"{path}\" was left as it is: it was changed since the restore, or the trash was emptied."
            ),
            "What the restore had put aside is in the trash, unless it was emptied.",
        ),
        other => store_error(other, Doing::Restoring),
    }
}

fn title() -> String {
    "Taking back a restore".to_owned()
}
