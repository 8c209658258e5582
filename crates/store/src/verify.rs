//! Every file against its SHA-256.

use crate::catalog::catalog_error;
use crate::import::hash_stored;
use crate::list::ListQuery;
use crate::open::Store;
use crate::record::{FileId, FileRecord, Status};
use crate::{Progress, Result, StoreError};
use std::ops::ControlFlow;

#[derive(Debug, Default)]
pub struct VerifyOutcome {
    /// Files whose bytes are what they were.
    pub ok: u64,
    /// Edited in place by another program: recorded as a new revision.
    pub changed: Vec<FileRecord>,
    pub missing: Vec<FileRecord>,
    pub unreadable: Vec<(FileRecord, StoreError)>,
}

impl Store {
    /// Reads every file (or these) and compares. An edit by another program is
    /// a new revision, not damage; its old hash stays in the metadata.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a foreign id; [`StoreError::Cancelled`].
    pub fn verify(&self, ids: Option<&[FileId]>, progress: &dyn Progress) -> Result<VerifyOutcome> {
        progress.phase("checking");
        let mut outcome = VerifyOutcome::default();
        match ids {
            Some(ids) => {
                let records = ids
                    .iter()
                    .map(|&id| self.get(id))
                    .collect::<Result<Vec<_>>>()?;
                let bytes = records.iter().map(|r| r.size_bytes).sum();
                progress.set_total(Some(bytes), Some(records.len() as u64));
                for record in records {
                    self.verify_one(record, &mut outcome, progress)?;
                }
            }
            None => {
                let counts = self.counts_by_type()?;
                progress.set_total(
                    Some(counts.iter().map(|c| c.bytes).sum()),
                    Some(counts.iter().map(|c| c.files).sum()),
                );
                let mut result = Ok(());
                self.for_each(&ListQuery::default(), &mut |record| {
                    result = self.verify_one(record, &mut outcome, progress);
                    if result.is_ok() {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    }
                })?;
                result?;
            }
        }
        Ok(outcome)
    }

    fn verify_one(
        &self,
        record: FileRecord,
        outcome: &mut VerifyOutcome,
        progress: &dyn Progress,
    ) -> Result<()> {
        if progress.is_cancelled() {
            return Err(StoreError::Cancelled);
        }
        if matches!(record.status, Status::Trashed | Status::CloudOnly) {
            return Ok(());
        }
        match self.look_at(&record, progress) {
            // Opening may have come first and recorded the edit; it is told here
            // all the same, once.
            Ok(Look::Same) if self.inner.edits_seen.lock().remove(&record.id) => {
                outcome.changed.push(record);
            }
            Ok(Look::Same) => outcome.ok += 1,
            Ok(Look::Changed(now)) => outcome.changed.push(*now),
            Ok(Look::Missing(now)) => outcome.missing.push(*now),
            Err(StoreError::Cancelled) => return Err(StoreError::Cancelled),
            Err(e) => outcome.unreadable.push((record, e)),
        }
        progress.advance(0, 1);
        Ok(())
    }

    /// Reads one file and brings its row in line with what is there.
    pub(crate) fn look_at(&self, record: &FileRecord, progress: &dyn Progress) -> Result<Look> {
        let path = self.inner.layout.file(&record.relative_path)?;
        match hash_stored(&path, &record.filename, progress) {
            Ok((copied, mtime_ns)) => {
                let mut now = record.clone();
                now.status = Status::Stored;
                now.mtime_ns = mtime_ns;
                let same = copied.sha256 == record.sha256 && copied.size == record.size_bytes;
                if !same {
                    now.revise(&copied.sha256, copied.size);
                    let kind = (self.inner.options.classify)(&copied.head, &now.filename);
                    now.file_type = kind.file_type.into();
                    now.format = kind.format.into();
                }
                if now != *record {
                    self.update_row(record, &now)?;
                }
                // A first hash is no change.
                Ok(if same || record.sha256.is_empty() {
                    Look::Same
                } else {
                    Look::Changed(Box::new(now))
                })
            }
            Err(StoreError::SourceVanished { .. }) => {
                let mut now = record.clone();
                now.status = Status::Missing;
                if now != *record {
                    self.update_row(record, &now)?;
                }
                Ok(Look::Missing(Box::new(now)))
            }
            Err(e) => Err(e),
        }
    }

    /// Writes what a look at the disk told, unless the row moved on meanwhile: it has other
    /// bytes since, or was given up here.
    fn update_row(&self, was: &FileRecord, now: &FileRecord) -> Result<()> {
        self.inner.catalog.write(|conn| {
            conn.execute(
                "UPDATE user_files SET status = ?, size_bytes = ?, sha256 = ?, mtime_ns = ?, \
                 metadata = ?, file_type = ?, format = ? \
                 WHERE id = ? AND uid = ? AND relative_path = ? \
                 AND sha256 = ? AND status = ? AND status <> 'trashed'",
                duckdb::params![
                    now.status.as_str(),
                    now.size_bytes as i64,
                    now.sha256,
                    now.mtime_ns,
                    crate::catalog::json_text(&now.metadata),
                    now.file_type,
                    now.format,
                    now.id.0,
                    now.uid,
                    now.relative_path,
                    was.sha256,
                    was.status.as_str(),
                ],
            )
            .map(|_| ())
            .map_err(|e| catalog_error("update a file", &e))
        })
    }
}

pub(crate) enum Look {
    Same,
    Changed(Box<FileRecord>),
    Missing(Box<FileRecord>),
}

impl FileRecord {
    /// Makes the bytes of `sha256` this file's current revision; the one before
    /// stays in the metadata.
    fn revise(&mut self, sha256: &str, size: u64) {
        if !self.sha256.is_empty()
            && let Some(map) = self.metadata.as_object_mut()
        {
            let old = serde_json::json!({
                "sha256": self.sha256,
                "size_bytes": self.size_bytes,
                "until": jiff::Timestamp::now().to_string(),
            });
            match map.get_mut("revisions").and_then(|r| r.as_array_mut()) {
                Some(revisions) => revisions.push(old),
                None => {
                    map.insert("revisions".into(), serde_json::json!([old]));
                }
            }
        }
        self.sha256 = sha256.to_owned();
        self.size_bytes = size;
    }
}
