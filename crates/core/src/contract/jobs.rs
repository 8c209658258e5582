//! Jobs, what they result in, and what core tells without being asked.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum JobKind {
    Import,
    Verify,
    Reconcile,
    Export,
    Convert,
    Backup,
    Restore,
    /// Taking a restore back.
    UndoRestore,
    /// A quick or deep check of the backup.
    CheckBackup,
    /// Restoring a sample to prove that it works.
    Drill,
    /// Keep rules: marking and collecting.
    Retention,
    /// Making files cloud-only.
    Free,
    /// Bringing cloud-only files back.
    Fetch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum JobState {
    Running,
    Done,
    /// Done, but not for every item.
    Partial,
    Failed,
    Cancelled,
    /// Its process ended before it did.
    Interrupted,
}

/// An honest range, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TimeLeft {
    pub low_s: u32,
    pub high_s: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct JobView {
    pub id: String,
    pub kind: JobKind,
    /// "Storing 3 files"
    pub title: String,
    pub state: JobState,
    /// "copying", "checking", "sending"…
    pub phase: String,
    #[ts(type = "number")]
    pub bytes_done: u64,
    /// Null while unknown.
    #[ts(type = "number | null")]
    pub bytes_total: Option<u64>,
    #[ts(type = "number")]
    pub items_done: u64,
    #[ts(type = "number | null")]
    pub items_total: Option<u64>,
    /// Bytes a second over the last few seconds.
    #[ts(type = "number | null")]
    pub rate: Option<u64>,
    pub left: Option<TimeLeft>,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub can_cancel: bool,
    /// True when another Redline process runs it.
    pub elsewhere: bool,
    pub error: Option<ErrorReport>,
    pub result: Option<JobResult>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
#[ts(export)]
pub enum JobResult {
    Import(ImportReport),
    Verify(VerifyReport),
    Reconcile(OpenNotice),
    Export(ExportReport),
    Convert(Box<ConversionView>),
    /// One file with several tables, each of which became a file of its own.
    ConvertEach(Vec<ConversionView>),
    Backup(BackupReport),
    Restore(RestoreReport),
    UndoRestore(UndoReport),
    CheckBackup(BackupCheckReport),
    Drill(DrillReport),
    Retention(RetentionReport),
    Free(FreeReport),
    Fetch(FetchReport),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ExportReport {
    #[ts(type = "number")]
    pub files: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    pub failed: Vec<FailedFile>,
}

/// What core tells a front end without being asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
#[ts(export)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every event is a job's; a box would cost each of them an allocation"
)]
pub enum Event {
    /// At most ten a second for each job.
    Job(JobView),
    /// The catalog changed; lists ask again.
    Files,
    /// Conversions or tables changed.
    History,
    Session(Option<SessionView>),
    Keyring(KeyringStatus),
    Backup,
    Settings(Settings),
    /// Something to tell once, for example what reconciling found.
    Notice(OpenNotice),
}
