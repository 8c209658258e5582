//! The words that cross a boundary: what the window, the command line and the
//! REST API are told, and nothing else.
//!
//! Every type here is plain data, serialised in snake_case, and generated into
//! TypeScript (`ui/src/lib/contract/`) by `cargo test`; CI fails if the committed
//! files differ. Nothing here ever holds a secret or an absolute path. Times are
//! RFC 3339 in UTC, sizes are bytes, and whole numbers stay below 2^53; a value
//! of the user's data that might not is text.

use std::fmt;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// An error as a person meets it: the same words in window, CLI and API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ErrorReport {
    pub code: crate::error::Code,
    /// What happened, to what.
    pub message: String,
    /// What to do next; empty when there is nothing to do.
    pub hint: String,
    /// Whether doing the same again later can succeed.
    pub retryable: bool,
}

// --- signing in ---------------------------------------------------------------

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum KeyringState {
    Ready,
    Locked,
    Absent,
    Denied,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct KeyringStatus {
    pub state: KeyringState,
    /// One sentence on what the keyring is doing.
    pub detail: String,
}

/// Where a profile's key and secrets are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum KeptIn {
    Keyring,
    PassphraseFile,
    SessionOnly,
    /// Given by REDLINE_LICENSE_KEY; kept nowhere by us.
    Environment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Tier {
    Free,
    Standard,
    Pro,
    Enterprise,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProfileView {
    /// Stable short name, unique on this machine: `research-desk`.
    pub name: String,
    /// What the person calls it.
    pub label: String,
    /// `RL-0566····-····CC32`; never the key.
    pub masked_key: String,
    pub tier: Tier,
    pub kept_in: KeptIn,
    /// The storage line of the tier in bytes; null without one.
    #[ts(type = "number | null")]
    pub quota_bytes: Option<u64>,
    pub last_used_at: Option<String>,
    /// Whether this is the one signed in now.
    pub current: bool,
}

/// How a key is handed in. The key itself goes one way only: in.
#[derive(Clone, Deserialize, TS)]
#[ts(export)]
pub struct SignInRequest {
    /// The pasted key; null makes a new free one.
    pub key: Option<String>,
    pub label: Option<String>,
    pub keep: KeptIn,
    /// For `passphrase_file` only.
    pub passphrase: Option<String>,
}

impl fmt::Debug for SignInRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInRequest")
            .field("key", &masked(&self.key))
            .field("label", &self.label)
            .field("keep", &self.keep)
            .field("passphrase", &masked(&self.passphrase))
            .finish()
    }
}

/// Whether a secret is given, and nothing else of it.
fn masked(secret: &Option<String>) -> Option<&'static str> {
    secret.as_ref().map(|_| "••••")
}

/// What opening a store found and mended; shown once, never silent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct OpenNotice {
    /// One sentence each; empty when there is nothing to say.
    pub lines: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SessionView {
    pub profile: ProfileView,
    pub notice: OpenNotice,
    /// True right after a free key was made: offer to save the recovery kit.
    pub new_key: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct AppState {
    pub version: String,
    pub keyring: KeyringStatus,
    pub profiles: Vec<ProfileView>,
    pub session: Option<SessionView>,
    pub settings: Settings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum Theme {
    #[default]
    System,
    Light,
    Dark,
}

/// Settings of this machine; unknown fields in the file are kept as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub struct Settings {
    pub theme: Theme,
    /// What to do with bytes that are stored already.
    pub on_duplicate: OnDuplicate,
    /// Open the last profile at start when its key can be had without asking.
    pub sign_in_at_start: bool,
    pub api_port: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Theme::System,
            on_duplicate: OnDuplicate::Skip,
            sign_in_at_start: true,
            api_port: 8080,
        }
    }
}

// --- files ----------------------------------------------------------------------

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FileStatus {
    /// The bytes are here.
    Stored,
    /// The row is known, the bytes are gone from the folder.
    Missing,
    Trashed,
    /// Kept in the bucket only.
    CloudOnly,
}

/// A stored file, as INTERFACES gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FileView {
    #[ts(type = "number")]
    pub id: i64,
    pub uid: String,
    pub filename: String,
    /// Below `files/`, with `/` between folders.
    pub relative_path: String,
    pub original_filename: String,
    /// The coarse kind that chips filter by: `csv`, `parquet`, `excel`, `feather`, `json`, `text`, `duckdb`, `image`, `pdf`, `other`…
    pub file_type: String,
    /// The recognised format: `csv`, `xlsx`, `parquet`…; `other` when none.
    pub format: String,
    #[ts(type = "number")]
    pub size_bytes: u64,
    /// 64 hex digits; empty while unknown (a row of a predecessor's store before its first check).
    pub sha256: String,
    pub uploaded_at: String,
    pub status: FileStatus,
    #[ts(type = "Record<string, unknown>")]
    pub metadata: serde_json::Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum SortKey {
    Name,
    Type,
    Size,
    #[default]
    Added,
}

/// What the list shows. The default is all files, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub struct FileQuery {
    /// `file_type` to keep; null for all.
    pub file_type: Option<String>,
    /// Part of the name or folder, any case; every word must occur.
    pub search: Option<String>,
    pub sort: SortKey,
    /// Turns the sort key's natural direction around (natural: names and types A to Z, sizes large first, newest first).
    pub reverse: bool,
    #[ts(type = "number")]
    pub offset: u64,
    /// At most 1,000; null means 100.
    #[ts(type = "number | null")]
    pub limit: Option<u64>,
    /// List the trash instead of the files.
    pub trash: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FilePage {
    pub files: Vec<FileView>,
    /// Rows that match the query in all.
    #[ts(type = "number")]
    pub total: u64,
    /// Changes with every change of the catalog; a page of another version is stale.
    #[ts(type = "number")]
    pub version: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TypeCount {
    pub file_type: String,
    #[ts(type = "number")]
    pub files: u64,
    #[ts(type = "number")]
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum OnDuplicate {
    /// Bytes stored before this import are not stored again; they are reported.
    #[default]
    Skip,
    Keep,
}

/// Something dropped or picked, by token: the path stays in Rust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct OfferedPath {
    pub token: String,
    pub name: String,
    pub is_folder: bool,
    /// Null for a folder.
    #[ts(type = "number | null")]
    pub size_bytes: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SkippedFile {
    /// The name as it was offered, relative to what was dropped.
    pub path: String,
    /// The stored file with the same bytes, if that is why.
    pub already: Option<FileView>,
    pub reason: String,
    /// Hands the same source in again, to store it after all; only in the window.
    pub token: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FailedFile {
    pub path: String,
    pub error: ErrorReport,
    /// To try again; only in the window.
    pub token: Option<String>,
}

/// The outcome of an import: exact counts, and the first entries of each list
/// (the window keeps up to 500 of each; the CLI streams all of them).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ImportReport {
    #[ts(type = "number")]
    pub imported_count: u64,
    #[ts(type = "number")]
    pub imported_bytes: u64,
    #[ts(type = "number")]
    pub skipped_count: u64,
    #[ts(type = "number")]
    pub failed_count: u64,
    pub imported: Vec<FileView>,
    pub skipped: Vec<SkippedFile>,
    pub failed: Vec<FailedFile>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct VerifyReport {
    /// Files whose bytes still have the hash they were stored with.
    #[ts(type = "number")]
    pub ok: u64,
    /// Edited in place by another program: kept as a new revision.
    pub changed: Vec<FileView>,
    pub missing: Vec<FileView>,
    /// Could not be read; with why.
    pub unreadable: Vec<FailedFile>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct StoreStats {
    #[ts(type = "number")]
    pub total_files: u64,
    #[ts(type = "number")]
    pub total_size_bytes: u64,
    /// total_size_bytes / 1,048,576, to two places, as the predecessor gave it.
    pub total_size_mb: f64,
    #[ts(type = "number")]
    pub total_tables: u64,
    #[ts(type = "number")]
    pub trash_files: u64,
    #[ts(type = "number")]
    pub trash_bytes: u64,
    #[ts(type = "number")]
    pub missing_files: u64,
    /// Files whose bytes another stored file has too, and the bytes they add.
    #[ts(type = "number")]
    pub duplicate_files: u64,
    #[ts(type = "number")]
    pub duplicate_bytes: u64,
    #[ts(type = "number | null")]
    pub quota_bytes: Option<u64>,
    pub by_type: Vec<TypeCount>,
    pub largest: Vec<FileView>,
    /// Stored bytes at the end of each day (UTC) that had a change, by type, for the chart.
    pub growth: Vec<GrowthPoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct GrowthPoint {
    /// `2026-11-21`
    pub day: String,
    pub by_type: Vec<TypeCount>,
}

// --- jobs and events ------------------------------------------------------------

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
    Convert(ConversionView),
    Backup(BackupReport),
    Restore(RestoreReport),
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

// --- conversion -------------------------------------------------------------------

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LossView {
    pub column: Option<String>,
    pub kind: String,
    pub detail: String,
    #[ts(type = "number")]
    pub rows: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ColumnProfileView {
    pub name: String,
    pub type_name: String,
    pub evidence: String,
    #[ts(type = "number")]
    pub nulls: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProfileReport {
    pub format: String,
    pub encoding: String,
    pub delimiter: Option<String>,
    #[ts(type = "number")]
    pub rows: u64,
    pub columns: Vec<ColumnProfileView>,
    pub warnings: Vec<String>,
}

/// What a conversion would do. Converting the same file to the same format next
/// carries out this very plan, unless the file changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConversionPlanView {
    #[ts(type = "number")]
    pub file_id: i64,
    pub from: String,
    pub to: String,
    pub output_name: String,
    pub profile: ProfileReport,
    pub losses: Vec<LossView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CertificateColumn {
    pub name: String,
    pub type_in: String,
    pub type_out: String,
    #[ts(type = "number")]
    pub nulls_in: u64,
    #[ts(type = "number")]
    pub nulls_out: u64,
    pub hash_in: String,
    pub hash_out: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CertificateView {
    /// `proved`, `lossy` or `failed`; `unknown` for a conversion of the predecessor.
    pub verdict: String,
    pub losses: Vec<LossView>,
    pub columns: Vec<CertificateColumn>,
}

/// A row of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConversionView {
    #[ts(type = "number")]
    pub id: i64,
    #[ts(type = "number | null")]
    pub source_id: Option<i64>,
    pub source_name: String,
    #[ts(type = "number | null")]
    pub output_id: Option<i64>,
    pub output_name: String,
    pub from: String,
    pub to: String,
    #[ts(type = "number")]
    pub size_bytes: u64,
    #[ts(type = "number")]
    pub rows_in: u64,
    #[ts(type = "number")]
    pub rows_out: u64,
    #[ts(type = "number")]
    pub rows_rejected: u64,
    #[ts(type = "number")]
    pub duration_ms: u64,
    pub converted_at: String,
    pub certificate: CertificateView,
    /// The equivalent `redline convert …` line.
    pub command: String,
}

// --- backup -----------------------------------------------------------------------

/// Where to back up to. Secrets are `null` to keep the ones already held; they only ever travel in.
#[derive(Clone, Deserialize, TS)]
#[ts(export)]
pub struct BucketSetup {
    pub bucket: String,
    pub region: String,
    pub endpoint_url: Option<String>,
    pub access_key: Option<String>,
    pub secret_key: Option<String>,
}

impl fmt::Debug for BucketSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BucketSetup")
            .field("bucket", &self.bucket)
            .field("region", &self.region)
            .field("endpoint_url", &self.endpoint_url)
            .field("access_key", &masked(&self.access_key))
            .field("secret_key", &masked(&self.secret_key))
            .finish()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProbeCheckView {
    pub name: String,
    pub ok: bool,
    /// Informational checks do not fail a bucket.
    pub required: bool,
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BucketView {
    pub bucket: String,
    pub region: String,
    pub endpoint_url: Option<String>,
    /// Whether both secrets are held; never the secrets.
    pub has_secrets: bool,
    pub checks: Vec<ProbeCheckView>,
    pub checked_at: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BackupStatus {
    /// Null until a bucket is set up.
    pub bucket: Option<BucketView>,
    pub last_backup_at: Option<String>,
    /// When a restore or a check from the bucket last succeeded; the headline.
    pub last_proven_at: Option<String>,
    #[ts(type = "number")]
    pub waiting_files: u64,
    #[ts(type = "number")]
    pub waiting_bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BackupPlanView {
    #[ts(type = "number")]
    pub upload_files: u64,
    #[ts(type = "number")]
    pub upload_bytes: u64,
    #[ts(type = "number")]
    pub unchanged_files: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BackupReport {
    pub manifest: String,
    #[ts(type = "number")]
    pub generation: u64,
    #[ts(type = "number")]
    pub uploaded_files: u64,
    #[ts(type = "number")]
    pub uploaded_bytes: u64,
    #[ts(type = "number")]
    pub requests: u64,
    pub seconds: f64,
    /// Files that changed or vanished while they were read; not part of the restore point.
    pub left_out: Vec<FailedFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RestorePointView {
    pub id: String,
    #[ts(type = "number")]
    pub generation: u64,
    pub device: String,
    pub created_at: String,
    #[ts(type = "number")]
    pub files: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    #[ts(type = "number")]
    pub new_files: u64,
    #[ts(type = "number")]
    pub changed_files: u64,
    /// False when its signature is not this key's: shown, never restored.
    pub authentic: bool,
}

/// Exactly what a restore would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RestorePlanView {
    pub point: RestorePointView,
    #[ts(type = "number")]
    pub new_files: u64,
    #[ts(type = "number")]
    pub same_files: u64,
    /// Same path, other bytes here: the restored one is kept beside the local one.
    #[ts(type = "number")]
    pub differing_files: u64,
    /// Only here; untouched.
    #[ts(type = "number")]
    pub kept_files: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    #[ts(type = "number")]
    pub free_bytes: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RestoreReport {
    pub point: String,
    #[ts(type = "number")]
    pub restored_files: u64,
    #[ts(type = "number")]
    pub restored_bytes: u64,
    #[ts(type = "number")]
    pub same_files: u64,
    pub failed: Vec<FailedFile>,
}

// --- this machine -------------------------------------------------------------------

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DoctorCheck {
    pub name: String,
    pub ok: bool,
    pub detail: String,
    pub hint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ServerStatus {
    pub running: bool,
    /// `http://127.0.0.1:8080`
    pub address: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_in_is_not_printed() {
        let request = SignInRequest {
            key: Some("RL-HUNTER22-HUNTER22-HUNTER22".into()),
            label: Some("desk".into()),
            keep: KeptIn::PassphraseFile,
            passphrase: Some("hunter2".into()),
        };
        let setup = BucketSetup {
            bucket: "desk".into(),
            region: String::new(),
            endpoint_url: None,
            access_key: Some("hunter2".into()),
            secret_key: Some("hunter2".into()),
        };
        let said = format!("{request:?} {setup:#?}");
        assert!(!said.to_lowercase().contains("hunter2"), "{said}");
        assert!(said.contains("••••") && said.contains("desk"), "{said}");
    }
}
