//! Files whose bytes are in the bucket only: giving the local bytes up, once whoever
//! calls has proved that the bucket has them.

use crate::catalog::catalog_error;
use crate::import::hash_stored;
use crate::open::Store;
use crate::record::{FileId, Status};
use crate::{Result, StoreError, durable};
use std::fs;

impl Store {
    /// Removes a stored file's local bytes and lists it as cloud-only. They are hashed
    /// first: what an edit in place made of them may be the only copy.
    ///
    /// # Errors
    /// [`StoreError::SourceChanged`] if they are not (or do not stay) those of `sha256`;
    /// [`StoreError::NotFound`]. The bytes are there then.
    pub fn give_up_bytes(&self, id: FileId, sha256: &str) -> Result<()> {
        let record = self.get(id)?;
        let changed = || StoreError::SourceChanged {
            name: record.filename.clone(),
        };
        if record.status != Status::Stored || record.sha256 != sha256 {
            return Err(changed());
        }
        let path = self.inner.layout.file(&record.relative_path)?;
        let (hashed, mtime_ns) = hash_stored(&path, &record.filename, &())?;
        if hashed.sha256 != sha256 {
            return Err(changed());
        }
        let as_hashed = || {
            fs::symlink_metadata(&path).is_ok_and(|m| {
                m.is_file() && m.len() == hashed.size && durable::mtime_ns(&m) == mtime_ns
            })
        };
        // The row first: a crash in between leaves a file that the next look finds and
        // lists as stored again.
        self.inner.catalog.write(|conn| {
            if !as_hashed() {
                return Err(changed());
            }
            let rows = conn
                .execute(
                    "UPDATE user_files SET status = 'cloud_only' \
                     WHERE id = ? AND status = 'stored' AND sha256 = ?",
                    duckdb::params![id.0, sha256],
                )
                .map_err(|e| catalog_error("update a file", &e))?;
            if rows == 1 { Ok(()) } else { Err(changed()) }
        })?;
        if !as_hashed() {
            // Written to in this very moment: it stays, and is looked at as any edit is.
            self.look_at(&self.get(id)?, &())?;
            return Err(changed());
        }
        fs::remove_file(&path)
            .and_then(|()| durable::sync_dir(path.parent().unwrap_or(&self.inner.layout.home)))
            .map_err(|e| StoreError::io(record.filename.clone(), e))
    }

    /// Keeps one fact with a file.
    pub fn note_fact(&self, id: FileId, name: &str, value: &str) -> Result<()> {
        self.inner.catalog.write(|conn| {
            conn.execute(
                "UPDATE user_files SET metadata = \
                 json_merge_patch(coalesce(metadata, '{}'), json_object(?, ?)) WHERE id = ?",
                duckdb::params![name, value, id.0],
            )
            .map(drop)
            .map_err(|e| catalog_error("update a file", &e))
        })
    }
}
