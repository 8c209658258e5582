//! Whether the last restore point has a file as it is now, for lists: answered from what
//! this machine remembers of that point, asking neither the bucket nor the catalog.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;

use crate::bucket::BucketSettings;
use crate::contract::{FileBackup, FileBackupsView, FileContent};
use crate::error::CoreError;
use crate::session::Session;

/// As many as a list asks for at once.
const MOST: usize = 1000;

/// A restore point by the hashes of its paths and of their contents, eight bytes each: a
/// million files are kept in 16 MB. It says what a list shows; nothing is decided by it.
pub(crate) struct PointIndex {
    of: Stamp,
    place: String,
    id: String,
    created_at: String,
    /// In order of path's hash.
    entries: Vec<(u64, u64)>,
    /// Files of which the point has another device's newer bytes, with those that are here.
    stale: HashMap<String, String>,
}

/// What is remembered is replaced whole, so that its size and time tell it apart.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

/// [`crate::last_manifest::LastManifest`], without what no list shows.
#[derive(Deserialize)]
struct Remembered<'a> {
    place: String,
    head: Head,
    #[serde(borrow)]
    files: Vec<Entry<'a>>,
    #[serde(default)]
    stale: HashMap<String, String>,
}

#[derive(Deserialize)]
struct Head {
    id: String,
    created_at: String,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(borrow)]
    sha256: Cow<'a, str>,
}

impl PointIndex {
    fn read(text: &[u8], of: Stamp) -> Option<Self> {
        let last: Remembered<'_> = serde_json::from_slice(text).ok()?;
        let mut entries: Vec<(u64, u64)> = last
            .files
            .iter()
            .map(|file| (hash(&file.path), hash(&file.sha256)))
            .collect();
        entries.sort_unstable();
        Some(Self {
            of,
            place: last.place,
            id: last.head.id,
            created_at: last.head.created_at,
            entries,
            stale: last.stale,
        })
    }

    fn state(&self, file: &FileContent) -> FileBackup {
        let path = hash(&file.relative_path);
        // What nobody has read yet is not sent either.
        if file.sha256.is_empty() {
            return FileBackup::NotYet;
        }
        match self.entries.binary_search_by_key(&path, |entry| entry.0) {
            Err(_) => FileBackup::NotYet,
            Ok(at) if self.entries[at].1 == hash(&file.sha256) => FileBackup::BackedUp,
            Ok(_) if self.stale.get(&file.relative_path) == Some(&file.sha256) => {
                FileBackup::NewerElsewhere
            }
            Ok(_) => FileBackup::Changed,
        }
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    Some(Stamp {
        len: meta.len(),
        modified: meta.modified().ok(),
    })
}

impl Session {
    /// What the last restore point has of each of these files; `None` without a bucket.
    ///
    /// # Errors
    /// [`Code::BadRequest`](crate::Code::BadRequest) for more than 1,000 at once.
    pub fn file_backups(
        &self,
        files: &[FileContent],
    ) -> Result<Option<FileBackupsView>, CoreError> {
        if files.len() > MOST {
            return Err(CoreError::bad_request(
                "More files were asked about at once than a list shows.",
                "Ask about at most 1,000 at a time.",
            ));
        }
        let Some(settings) = self.bucket_settings()? else {
            return Ok(None);
        };
        let index = self.point_index(&settings);
        let state = |file| {
            index
                .as_ref()
                .map_or(FileBackup::NotYet, |index| index.state(file))
        };
        Ok(Some(FileBackupsView {
            point: index.as_ref().map(|index| index.id.clone()),
            created_at: index.as_ref().map(|index| index.created_at.clone()),
            files: files.iter().map(state).collect(),
        }))
    }

    /// Read once for each restore point. A list that waits for it shows its rows meanwhile.
    fn point_index(&self, settings: &BucketSettings) -> Option<Arc<PointIndex>> {
        let path = self.manifest_path();
        let mut kept = self.0.backup.index.lock();
        // The stamp first: what is replaced in between is read again the next time.
        let of = stamp(&path);
        if kept.as_ref().map(|index| index.of) != of {
            let read = of.and_then(|of| PointIndex::read(&fs::read(&path).ok()?, of));
            *kept = read.map(Arc::new);
        }
        kept.clone().filter(|index| index.place == settings.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(text: &str) -> PointIndex {
        let of = Stamp {
            len: 0,
            modified: None,
        };
        PointIndex::read(text.as_bytes(), of).unwrap()
    }

    fn asked(path: &str, sha256: &str) -> FileContent {
        FileContent {
            relative_path: path.into(),
            sha256: sha256.into(),
        }
    }

    #[test]
    fn each_file_is_told_by_its_path_and_its_bytes() {
        let index = index(
            r#"{"place":"|b","head":{"id":"7-desk","created_at":"2026-11-21T09:00:00Z","files":3},
                "files":[{"path":"b/ä \"1\".csv","uid":"U","id":1,"size":1,"sha256":"aa","mtime_ns":1},
                         {"path":"a.csv","uid":"V","id":2,"size":1,"sha256":"bb","mtime_ns":1},
                         {"path":"theirs.csv","uid":"W","id":3,"size":1,"sha256":"dd","mtime_ns":1}],
                "stale":{"theirs.csv":"cc"}}"#,
        );
        for (path, sha256, state) in [
            ("b/ä \"1\".csv", "aa", FileBackup::BackedUp),
            ("a.csv", "bb", FileBackup::BackedUp),
            ("a.csv", "aa", FileBackup::Changed),
            ("A.csv", "bb", FileBackup::NotYet),
            ("theirs.csv", "cc", FileBackup::NewerElsewhere),
            ("theirs.csv", "ee", FileBackup::Changed),
            ("theirs.csv", "dd", FileBackup::BackedUp),
            ("a.csv", "", FileBackup::NotYet),
        ] {
            assert_eq!(index.state(&asked(path, sha256)), state, "{path} {sha256}");
        }
        assert_eq!(index.id, "7-desk");
    }

    #[test]
    fn what_cannot_be_read_is_no_point() {
        let of = Stamp {
            len: 0,
            modified: None,
        };
        assert!(PointIndex::read(b"{\"place\":", of).is_none());
    }
}
