//! What the catalog says of a file.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The number people and scripts use for a file of this store. It means nothing
/// in another store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileId(pub i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The bytes lie under `files/`.
    Stored,
    /// The row is known, its bytes are not where they should be.
    Missing,
    /// The bytes lie in the trash.
    Trashed,
    /// The bytes are in the bucket only.
    CloudOnly,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::Stored => "stored",
            Status::Missing => "missing",
            Status::Trashed => "trashed",
            Status::CloudOnly => "cloud_only",
        }
    }

    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "missing" => Status::Missing,
            "trashed" => Status::Trashed,
            "cloud_only" => Status::CloudOnly,
            _ => Status::Stored,
        }
    }
}

/// A row of `user_files`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileRecord {
    pub id: FileId,
    /// A ULID: the file's name across devices.
    pub uid: String,
    /// Last component of `relative_path`.
    pub filename: String,
    /// Below `files/`, `/` between folders, NFC.
    pub relative_path: String,
    /// The name exactly as it came in.
    pub original_filename: String,
    pub file_type: String,
    pub format: String,
    pub size_bytes: u64,
    /// 64 hex digits; empty until a predecessor's file is first read.
    pub sha256: String,
    pub uploaded_at: Timestamp,
    pub status: Status,
    pub metadata: serde_json::Value,
    /// Modification time of the stored file in ns since 1970, as last seen; with
    /// the size it tells an edit in place without reading the bytes.
    #[serde(default)]
    pub mtime_ns: i64,
}
