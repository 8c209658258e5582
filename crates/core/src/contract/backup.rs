//! Backups and restores: what waits, what was sent, which restore points there are,
//! what one would bring back.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::*;

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
    /// The newest check of each kind, whether it went well or not; the newest first.
    pub checks: Vec<CheckNote>,
    pub schedule: CheckSchedule,
    /// The newest restore, while it can be undone.
    pub undo: Option<UndoView>,
    /// The keep rules that are on; null keeps every restore point.
    pub retention: Option<KeepRules>,
    pub encryption: EncryptionState,
}

/// What the last restore point has of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FileBackup {
    BackedUp,
    /// Other bytes, which were here before.
    Changed,
    /// Other bytes, which another device backed up since.
    NewerElsewhere,
    NotYet,
}

/// Which file is asked about: its place, and the bytes it has there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FileContent {
    pub relative_path: String,
    pub sha256: String,
}

/// What the last restore point has of some files, as far as this machine knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FileBackupsView {
    /// Its id; null where this machine knows of none.
    pub point: Option<String>,
    pub created_at: Option<String>,
    /// In the order of the question.
    pub files: Vec<FileBackup>,
}

/// Other bytes that a file had, as the newest restore point has them that does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FileVersionView {
    /// The restore point's id.
    pub point: String,
    pub created_at: String,
    pub device: String,
    #[ts(type = "number")]
    pub size_bytes: u64,
    pub sha256: String,
}

/// Versions of a file in some restore points; asked again with `next` for those before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FileVersionsView {
    /// The newest first, each content once.
    pub versions: Vec<FileVersionView>,
    /// Restore points looked at for this answer, and those that are older.
    #[ts(type = "number")]
    pub looked_at: u64,
    #[ts(type = "number")]
    pub remaining: u64,
    /// The oldest restore point looked at; null once none is older.
    pub next: Option<String>,
    /// Restore points of which it cannot be said what they have, each with why.
    pub skipped_points: Vec<SkippedPointView>,
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
    /// Deleted here since the last restore point: not in the next one. Their bytes and
    /// the restore points that have them stay.
    #[ts(type = "number")]
    pub removed_files: u64,
    /// Not in the store's folder, but nobody deleted them: they stay in the backup.
    #[ts(type = "number")]
    pub absent_files: u64,
    /// So much was deleted that a backup asks first: run it with `confirm_removals`.
    pub mass_delete: Option<MassDeleteView>,
    /// Other devices whose restore points this backup would take in.
    pub other_devices: Vec<String>,
}

/// More was deleted since the last restore point than a person usually deletes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct MassDeleteView {
    #[ts(type = "number")]
    pub removed_files: u64,
    #[ts(type = "number")]
    pub of_files: u64,
    /// The first few of them.
    pub examples: Vec<String>,
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
    #[ts(type = "number")]
    pub removed_files: u64,
    /// Other devices whose restore points were taken in.
    pub merged_devices: Vec<String>,
    /// Files that another device changed too: both are kept, side by side.
    pub conflicts: Vec<ConflictView>,
    /// Newer restore points that could not be read and were passed over, each with why.
    pub skipped_points: Vec<SkippedPointView>,
    /// What this backup found in the bucket that is not encrypted and stays there, in a
    /// sentence; null where nothing does, or encryption is off.
    pub in_the_clear: Option<String>,
    /// Files that this backup sent and that have no copy under their own name; null where
    /// all have one.
    pub without_copy: Option<WithoutCopyView>,
}

/// Files that other programs do not find in the bucket under their own names. Their bytes
/// are there, and a restore brings them back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct WithoutCopyView {
    #[ts(type = "number")]
    pub files: u64,
    /// The first 500 of them.
    pub paths: Vec<String>,
    /// In whole sentences.
    pub note: String,
}

/// The same file, changed on two devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConflictView {
    pub path: String,
    /// The other device's bytes have this name now.
    pub kept_as: String,
    pub device: String,
}

/// A restore point that was passed over for an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct SkippedPointView {
    pub id: String,
    pub why: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum PointState {
    Ready,
    /// Not signed by this key, or changed since.
    Forged,
    /// Its manifest cannot be read any more.
    Damaged,
    /// Written by a newer Redline.
    TooNew,
    /// Encrypted, and its data key is not on this machine: the recovery passphrase opens it.
    Locked,
}

/// A file that a restore point made larger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct GrownFile {
    pub path: String,
    #[ts(type = "number")]
    pub by_bytes: u64,
    #[ts(type = "number")]
    pub size_bytes: u64,
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
    #[ts(type = "number")]
    pub removed_files: u64,
    /// Bytes that crossed the network for it.
    #[ts(type = "number")]
    pub uploaded_bytes: u64,
    pub state: PointState,
    /// What is wrong with it; null when it is ready.
    pub problem: Option<String>,
    /// No other restore point builds on it. More than one: devices that have not met yet.
    pub head: bool,
    /// Which files grew most against the point before, the most first; at most five.
    pub grew: Vec<GrownFile>,
    /// Its files were encrypted before they were sent.
    pub encrypted: bool,
}

/// One file of a restore point against the point before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PointChange {
    pub path: String,
    /// Null where it was not there.
    #[ts(type = "number | null")]
    pub bytes_before: Option<u64>,
    /// Null where it is not there any more.
    #[ts(type = "number | null")]
    pub bytes_after: Option<u64>,
}

/// What changed from one restore point to the next: exact counts and the first 500 of
/// each list, in order of path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PointChangesView {
    pub point: RestorePointView,
    /// The point it is compared with; null for the first.
    pub against: Option<String>,
    #[ts(type = "number")]
    pub new_count: u64,
    #[ts(type = "number")]
    pub changed_count: u64,
    #[ts(type = "number")]
    pub removed_count: u64,
    pub new: Vec<PointChange>,
    pub changed: Vec<PointChange>,
    pub removed: Vec<PointChange>,
}

/// What to restore. The default is everything of the newest restore point.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub struct RestoreRequest {
    /// A restore point's id; null for the newest that can be read.
    pub at: Option<String>,
    /// Globs over paths (`*` within a folder, `**` across folders); a file is restored
    /// when one fits. Empty: all.
    pub only: Vec<String>,
    /// These very paths, beside what the globs choose.
    pub paths: Vec<String>,
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
    /// Same path, other bytes here: the restored one takes its place, and the local one
    /// goes to the trash.
    #[ts(type = "number")]
    pub differing_files: u64,
    /// Only here; untouched.
    #[ts(type = "number")]
    pub kept_files: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    #[ts(type = "number")]
    pub free_bytes: u64,
    /// Files of the point that are chosen; all of them without a choice.
    #[ts(type = "number")]
    pub chosen_files: u64,
    /// The first 500 of what would be written, in order of path.
    pub items: Vec<RestorePlanItem>,
    /// Names in the point that cannot be accepted; never written.
    pub refused: Vec<String>,
    /// Newer points that cannot be restored and were passed over, each with why.
    pub skipped_points: Vec<SkippedPointView>,
    /// Other devices' restore points that are restored together with this one.
    pub with_devices: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RestorePlanItem {
    pub path: String,
    #[ts(type = "number")]
    pub size_bytes: u64,
    /// There is a local file of this name with other bytes.
    pub replaces: bool,
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
    /// Of these, the ones whose local bytes went to the trash.
    #[ts(type = "number")]
    pub replaced_files: u64,
    /// Until then `undo_restore` takes it back; null where nothing changed.
    pub undo_until: Option<String>,
    pub skipped_points: Vec<SkippedPointView>,
}

/// A restore that can be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct UndoView {
    pub point: String,
    pub restored_at: String,
    pub until: String,
    #[ts(type = "number")]
    pub new_files: u64,
    #[ts(type = "number")]
    pub replaced_files: u64,
}

/// What taking back a restore did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct UndoReport {
    pub point: String,
    /// Restored files that went to the trash.
    #[ts(type = "number")]
    pub removed_files: u64,
    /// Files that are back as they were before the restore.
    #[ts(type = "number")]
    pub returned_files: u64,
    /// Rows of history and tables that the restore had brought.
    #[ts(type = "number")]
    pub removed_rows: u64,
    /// What could not be taken back, and why; a file that was changed since is left as it is.
    pub failed: Vec<FailedFile>,
}
