//! What a backup is made of: plain data that core takes from a store.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::manifest::FileEntry;

/// One stored file as the catalog knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The local row id.
    pub id: i64,
    /// The ULID that means the same file on every device.
    pub uid: String,
    /// Below the store's `files/`, parts separated by `/`.
    pub relative_path: String,
    pub size: u64,
    /// Hex, lower case.
    pub sha256: String,
    /// Absolute. Stays inside this process: no manifest, no message has it.
    pub path: PathBuf,
    pub mtime_ns: i64,
}

/// What tells without reading whether a file is still the one that was looked at.
/// Zero where the platform does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileIdentity {
    pub(crate) size: u64,
    pub(crate) mtime_ns: i64,
    pub(crate) ctime_ns: i64,
    pub(crate) inode: u64,
}

impl FileIdentity {
    pub(crate) fn of(meta: &std::fs::Metadata) -> Self {
        let mtime_ns = meta
            .modified()
            .ok()
            .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
            .map_or(0, |since| {
                i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
            });
        #[cfg(unix)]
        let (ctime_ns, inode) = {
            use std::os::unix::fs::MetadataExt;
            let ctime = meta
                .ctime()
                .saturating_mul(1_000_000_000)
                .saturating_add(meta.ctime_nsec());
            (ctime, meta.ino())
        };
        #[cfg(not(unix))]
        let (ctime_ns, inode) = (0, 0);
        Self {
            size: meta.len(),
            mtime_ns,
            ctime_ns,
            inode,
        }
    }
}

impl SourceFile {
    /// `seal` is the id of the data key that its bytes are sealed with in the bucket.
    pub(crate) fn entry(&self, seal: Option<String>) -> FileEntry {
        FileEntry {
            path: self.relative_path.clone(),
            uid: self.uid.clone(),
            id: self.id,
            size: self.size,
            sha256: self.sha256.clone(),
            mtime_ns: self.mtime_ns,
            seal,
        }
    }
}

/// A copy of the catalog that nobody writes to any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogSnapshot {
    pub path: PathBuf,
    /// Hex, lower case.
    pub sha256: String,
    pub size: u64,
}

/// Why a file is not in the new restore point with its present bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SkipReason {
    /// Its bytes are not (or no longer) the ones the catalog knows.
    Changed,
    /// It is not there.
    Missing,
    /// It could not be read.
    Unreadable { detail: String },
}
