//! Whether a backup can be restored, how often that is tried, and how long restore points stay.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum CheckKind {
    /// Every object is asked for: there, of the right size.
    Quick,
    /// Every byte is read back and hashed.
    Deep,
    /// A sample is restored into a fresh folder and compared.
    Drill,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CheckNote {
    pub kind: CheckKind,
    pub at: String,
    pub point: String,
    pub ok: bool,
    /// Things that a restore would stumble over.
    #[ts(type = "number")]
    pub findings: u64,
    /// When the next one of this kind is due; null where it is not scheduled.
    pub due: Option<String>,
}

/// Days between checks while the window is open or `serve` runs; 0 switches one off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub struct CheckSchedule {
    pub quick_days: u32,
    pub deep_days: u32,
    pub drill_days: u32,
}

impl Default for CheckSchedule {
    fn default() -> Self {
        Self {
            quick_days: 1,
            // It reads all there is, which many providers charge for.
            deep_days: 0,
            drill_days: 7,
        }
    }
}

/// Something that a restore would stumble over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CheckFinding {
    /// A path, or "catalog".
    pub path: String,
    /// Not in the bucket at all; otherwise there with other bytes.
    pub missing: bool,
    /// What to do about it.
    pub advice: String,
}

/// What a quick or deep check of a restore point found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BackupCheckReport {
    pub kind: CheckKind,
    pub point: String,
    pub created_at: String,
    pub ok: bool,
    #[ts(type = "number")]
    pub files: u64,
    #[ts(type = "number")]
    pub objects: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    /// The first 500.
    pub findings: Vec<CheckFinding>,
    pub skipped_points: Vec<SkippedPointView>,
}

/// What a drill restored, and whether it was the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DrillReport {
    pub point: String,
    pub created_at: String,
    pub ok: bool,
    /// Files restored from the bucket alone and compared.
    #[ts(type = "number")]
    pub files: u64,
    #[ts(type = "number")]
    pub bytes: u64,
    pub sampled: Vec<String>,
    /// The table that was opened and read from the restored copy; null where the point has none.
    pub table: Option<DrillTable>,
    /// Rows of the restored catalog.
    #[ts(type = "number")]
    pub catalog_files: u64,
    pub findings: Vec<CheckFinding>,
    pub seconds: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DrillTable {
    pub path: String,
    #[ts(type = "number")]
    pub rows: u64,
    #[ts(type = "number")]
    pub columns: u64,
}

/// Which restore points stay. A point stays when one of the rules keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct KeepRules {
    /// The newest so many; at least one always stays.
    pub last: u32,
    /// The newest of each of the last so many days (UTC) that have one.
    pub daily: u32,
    pub weekly: u32,
    pub monthly: u32,
}

/// Exactly what keep rules would drop, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RetentionPlanView {
    pub rules: KeepRules,
    #[ts(type = "number")]
    pub kept_points: u64,
    /// What the rules would drop, newest first.
    pub dropped: Vec<RestorePointView>,
    /// Bytes that no kept point needs.
    #[ts(type = "number")]
    pub bytes: u64,
    #[ts(type = "number")]
    pub objects: u64,
    /// What was marked earlier and can be deleted now: marked a day ago and still unreferenced.
    #[ts(type = "number")]
    pub collectable_objects: u64,
    /// When the present mark can be collected; null without one.
    pub collectable_at: Option<String>,
    /// Why nothing can be dropped now (a point that cannot be read, say); null when it can.
    pub refused: Option<String>,
}

/// What one run of retention did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RetentionReport {
    #[ts(type = "number")]
    pub marked_points: u64,
    #[ts(type = "number")]
    pub marked_objects: u64,
    #[ts(type = "number")]
    pub deleted_points: u64,
    #[ts(type = "number")]
    pub deleted_objects: u64,
    #[ts(type = "number")]
    pub deleted_bytes: u64,
    /// Unfinished uploads of ours that were ended.
    #[ts(type = "number")]
    pub ended_uploads: u64,
    /// When what is marked now can be deleted.
    pub collectable_at: Option<String>,
}
