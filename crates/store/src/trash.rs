//! Deleting with a way back.
//!
//! A deleted file moves to `.redline/trash/{uid}` with its row beside it in
//! `{uid}.json`, so that the trash can be read without the catalog.

use crate::catalog::catalog_error;
use crate::import::make_durable;
use crate::list::rows_of;
use crate::open::Store;
use crate::record::{FileId, FileRecord, Status};
use crate::{Result, StoreError, durable, names};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Metadata of a file in the trash whose bytes were in the bucket only.
const WAS_CLOUD_ONLY: &str = "was_cloud_only";

/// What emptying the trash removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Emptied {
    pub files: u64,
    pub bytes: u64,
}

impl Store {
    /// Moves files to the trash: all of them, or none if an id is not this store's.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if any id is unknown or in the trash already.
    pub fn trash(&self, ids: &[FileId]) -> Result<Vec<FileRecord>> {
        let layout = &self.inner.layout;
        let mut moved = Vec::new();
        let result = self.inner.catalog.write(|conn| {
            let mut records = all_of(conn, ids, |s| s != Status::Trashed)?;
            let mut sidecars = Vec::new();
            let here: HashSet<i64> = records
                .iter()
                .filter(|record| record.status == Status::Stored)
                .map(|record| record.id.0)
                .collect();
            for record in &mut records {
                note_place(record);
                record.status = Status::Trashed;
                sidecars.push(self.write_sidecar(record)?);
            }
            make_durable(&layout.trash(), &sidecars)
                .and_then(|()| durable::sync_dir(&layout.trash()))
                .map_err(|e| StoreError::io("the trash", e))?;
            let mut touched = BTreeSet::from([layout.trash()]);
            for record in &records {
                // What lies there is another's, where a disk takes two names for one.
                if !here.contains(&record.id.0) {
                    continue;
                }
                let from = layout.file(&record.relative_path)?;
                let to = layout.trash().join(&record.uid);
                match durable::rename_no_replace(&from, &to) {
                    Ok(()) => {
                        touched.extend(from.parent().map(PathBuf::from));
                        moved.push((from, to));
                    }
                    // A missing file's row can be deleted too.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    Err(e) => return Err(StoreError::io(record.filename.clone(), e)),
                }
            }
            sync_all(touched)?;
            let now = jiff::Timestamp::now().to_string();
            conn.execute(
                &format!(
                    "UPDATE user_files SET status = 'trashed', metadata = \
                     json_merge_patch(coalesce(metadata, '{{}}'), json_object('deleted_at', ?, \
                         '{WAS_CLOUD_ONLY}', CASE WHEN status = 'cloud_only' THEN true END)) \
                     WHERE id IN ({})",
                    id_list(&records)
                ),
                [now],
            )
            .map_err(|e| catalog_error("move to the trash", &e))?;
            rows_of(conn, &raw_ids(&records))
        });
        if result.is_err() {
            // What is said to have failed must not have happened: left there,
            // the next open would take the files for deleted.
            for (from, to) in moved {
                if durable::rename_no_replace(&to, &from).is_ok() {
                    let _ = fs::remove_file(to.with_extension("json"));
                }
            }
        }
        result
    }

    /// Brings files back from the trash, under a free name if theirs is taken.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if any id is not in this store's trash.
    pub fn untrash(&self, ids: &[FileId]) -> Result<Vec<FileRecord>> {
        let layout = &self.inner.layout;
        let mut moved = Vec::new();
        let back = self.inner.catalog.write(|conn| {
            let mut records = all_of(conn, ids, |s| s == Status::Trashed)?;
            let deleted_as: HashMap<i64, String> = records
                .iter()
                .map(|r| (r.id.0, r.relative_path.clone()))
                .collect();
            crate::import::choose_names(conn, &mut records)?;
            let mut touched = BTreeSet::from([layout.trash()]);
            for record in &mut records {
                layout.make_folders(&record.relative_path)?;
                let from = layout.trash().join(&record.uid);
                let wanted = record.relative_path.clone();
                let mut number = 1;
                let mut noted = deleted_as.get(&record.id.0).cloned();
                record.status = loop {
                    let to = layout.file(&record.relative_path)?;
                    // Cut short after the rename, the row still has the name that the
                    // file was deleted under; only this tells where its bytes are.
                    if noted.as_ref() != Some(&record.relative_path) {
                        self.note_way_back(record)?;
                        noted = Some(record.relative_path.clone());
                    }
                    match durable::rename_no_replace(&from, &to) {
                        Ok(()) => {
                            touched.extend(to.parent().map(PathBuf::from));
                            moved.push((from.clone(), to));
                            break Status::Stored;
                        }
                        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                            number += 1;
                            record.relative_path = names::numbered(&wanted, number);
                        }
                        // It was not here when it was deleted, and still is not.
                        Err(e) if e.kind() == io::ErrorKind::NotFound => break not_here(record),
                        Err(e) => return Err(StoreError::io(record.filename.clone(), e)),
                    }
                };
                record.filename = names::filename_of(&record.relative_path).to_owned();
                conn.execute(
                    &format!(
                        "UPDATE user_files SET status = ?, relative_path = ?, filename = ?, name_key = ?, \
                         metadata = json_merge_patch(coalesce(metadata, '{{}}'), \
                             '{{\"deleted_at\":null,\"{WAS_CLOUD_ONLY}\":null}}') WHERE id = ?"
                    ),
                    duckdb::params![
                        record.status.as_str(),
                        record.relative_path,
                        record.filename,
                        names::name_key(&record.relative_path),
                        record.id.0
                    ],
                )
                .map_err(|e| catalog_error("bring back from the trash", &e))?;
            }
            sync_all(touched)?;
            rows_of(conn, &raw_ids(&records))
        });
        if back.is_err() {
            for (from, to) in moved {
                let _ = durable::rename_no_replace(&to, &from);
            }
        }
        let back = back?;
        for record in &back {
            let _ = fs::remove_file(layout.trash().join(format!("{}.json", record.uid)));
        }
        Ok(back)
    }

    /// Removes what is in the trash for good. The rows go first: a crash
    /// between leaves files that the next look brings back into the trash.
    pub fn empty_trash(&self) -> Result<Emptied> {
        let trash = self.inner.layout.trash();
        let gone = self.inner.catalog.write(|conn| {
            let run = || -> duckdb::Result<Vec<(String, u64)>> {
                let gone = conn
                    .prepare("SELECT uid, coalesce(size_bytes, 0) FROM user_files WHERE status = 'trashed'")?
                    .query_map([], |r| Ok((r.get(0)?, r.get::<_, i64>(1)? as u64)))?
                    .collect::<duckdb::Result<Vec<_>>>()?;
                // A backup has to know that this was deleted, and not lost.
                conn.execute_batch(
                    "CREATE TABLE IF NOT EXISTS redline_deleted ( \
                         uid VARCHAR NOT NULL, relative_path VARCHAR, deleted_at TIMESTAMP); \
                     INSERT INTO redline_deleted \
                         SELECT uid, relative_path, make_timestamp(epoch_us(now())) \
                         FROM user_files WHERE status = 'trashed'; \
                     DELETE FROM user_files WHERE status = 'trashed'",
                )?;
                Ok(gone)
            };
            run().map_err(|e| catalog_error("empty the trash", &e))
        })?;
        let mut emptied = Emptied::default();
        for (uid, bytes) in gone {
            for path in [trash.join(&uid), trash.join(format!("{uid}.json"))] {
                match fs::remove_file(&path) {
                    Err(e) if e.kind() != io::ErrorKind::NotFound => {
                        return Err(StoreError::io("a file in the trash", e));
                    }
                    _ => {}
                }
            }
            emptied.files += 1;
            emptied.bytes += bytes;
        }
        durable::sync_dir(&trash).map_err(|e| StoreError::io("the trash", e))?;
        Ok(emptied)
    }

    /// Writes beside a file in the trash under which name it is about to come back.
    fn note_way_back(&self, record: &FileRecord) -> Result<()> {
        let trash = self.inner.layout.trash();
        let failed = |e: io::Error| StoreError::io("the trash", e);
        let new = trash.join(format!("{}.json.new", record.uid));
        self.write_row(record, &new)?;
        make_durable(&trash, std::slice::from_ref(&new)).map_err(failed)?;
        // In one step: without the catalog it is all that knows the file's name.
        fs::rename(&new, sidecar(&trash, &record.uid))
            .and_then(|()| durable::sync_dir(&trash))
            .map_err(failed)
    }

    pub(crate) fn write_sidecar(&self, record: &FileRecord) -> Result<PathBuf> {
        let path = sidecar(&self.inner.layout.trash(), &record.uid);
        self.write_row(record, &path)?;
        Ok(path)
    }

    fn write_row(&self, record: &FileRecord, path: &Path) -> Result<()> {
        let text = serde_json::to_vec(record).map_err(|e| StoreError::Damaged {
            what: record.filename.clone(),
            detail: e.to_string(),
        })?;
        // One may be there from work that did not get to its row.
        let _ = fs::remove_file(path);
        durable::private_new()
            .open(path)
            .and_then(|mut f| f.write_all(&text))
            .map_err(|e| {
                StoreError::writing(&record.filename, text.len() as u64, self.free_space(), e)
            })
    }
}

fn note_place(record: &mut FileRecord) {
    if record.status == Status::CloudOnly
        && let Some(map) = record.metadata.as_object_mut()
    {
        map.insert(WAS_CLOUD_ONLY.into(), true.into());
    }
}

/// What a file without bytes in the trash is again.
fn not_here(record: &FileRecord) -> Status {
    match record.metadata.get(WAS_CLOUD_ONLY) {
        // Unless the bucket has lost it since, which the next backup finds.
        Some(serde_json::Value::Bool(true)) => Status::CloudOnly,
        _ => Status::Missing,
    }
}

fn sidecar(trash: &Path, uid: &str) -> PathBuf {
    trash.join(format!("{uid}.json"))
}

/// All the rows asked for, each in a wanted state, or `NotFound`.
fn all_of(
    conn: &duckdb::Connection,
    ids: &[FileId],
    wanted: fn(Status) -> bool,
) -> Result<Vec<FileRecord>> {
    let unique: HashSet<i64> = ids.iter().map(|id| id.0).collect();
    let ids: Vec<i64> = unique.into_iter().collect();
    let records = rows_of(conn, &ids)?;
    if records.len() != ids.len() || records.iter().any(|r| !wanted(r.status)) {
        return Err(StoreError::NotFound);
    }
    Ok(records)
}

fn raw_ids(records: &[FileRecord]) -> Vec<i64> {
    records.iter().map(|r| r.id.0).collect()
}

fn id_list(records: &[FileRecord]) -> String {
    let ids: Vec<String> = records.iter().map(|r| r.id.0.to_string()).collect();
    if ids.is_empty() {
        "NULL".into()
    } else {
        ids.join(",")
    }
}

fn sync_all(folders: BTreeSet<PathBuf>) -> Result<()> {
    folders
        .iter()
        .try_for_each(|f| durable::sync_dir(f))
        .map_err(|e| StoreError::io("a folder of the store", e))
}
