//! Stored files: listed, brought in, checked, counted.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::*;

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
