//! Files back from a backup, and such a restore taken back again. Nothing local is
//! lost by either: what has to make room goes to the trash.

mod intention;
mod together;
mod unfinished;

use crate::catalog::{FILE_COLUMNS, append_files, catalog_error, file_from_row, json_text};
use crate::import::{choose_names, hash_stored, make_durable};
use crate::open::Store;
use crate::record::{FileId, FileRecord, Status};
use crate::{Progress, Result, StoreError, durable, names};
use duckdb::Connection;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

pub use intention::Intend;
use intention::{Intention, not_noted};

/// What a restore does with a local file of the same name and other bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Differing {
    /// The restored file gets a name beside it.
    KeepBeside,
    /// It goes to the trash.
    MoveToTrash,
}

/// A restored file that lies whole in a scratch folder.
#[derive(Debug, Clone, Copy)]
pub struct RestoreFile<'a> {
    pub temp: &'a Path,
    pub relative_path: &'a str,
    /// The file's name across devices, as the restore point has it.
    pub uid: &'a str,
    pub sha256: &'a str,
    pub size: u64,
    pub differing: Differing,
    /// Names the restore in the metadata of what goes to the trash.
    pub mark: &'a str,
}

/// Where a restored file went, and all that is needed to take it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restored {
    pub relative_path: String,
    /// Of its row.
    pub uid: String,
    pub sha256: String,
    /// The same bytes were there already.
    pub same: bool,
    /// Its row as it was; none where this made the row.
    pub was: Option<FileRecord>,
    /// The uid in the trash of the local bytes that made room.
    pub replaced: Option<String>,
}

/// Metadata of a file in the trash: the restore that it made room for.
const REPLACED_BY: &str = "replaced_by_restore";

impl Store {
    /// Puts a restored file in its place. The bytes are checked again here.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the bytes are not those of `sha256`.
    pub fn restore_file(
        &self,
        file: &RestoreFile<'_>,
        intend: Intend<'_>,
        progress: &dyn Progress,
    ) -> Result<Restored> {
        let name = names::filename_of(file.relative_path).to_owned();
        let (copied, mtime_ns) = hash_stored(file.temp, &name, progress)?;
        if copied.sha256 != file.sha256 || copied.size != file.size {
            return Err(StoreError::Damaged {
                what: format!("the restored \"{name}\""),
                detail: "its bytes are not the ones that were backed up".into(),
            });
        }
        File::options()
            .write(true)
            .open(file.temp)
            .and_then(|f| f.sync_all())
            .map_err(|e| StoreError::writing(&name, file.size, self.free_space(), e))?;
        let layout = &self.inner.layout;
        let safe = names::tame_relative(Path::new(file.relative_path));
        self.changing_files(|conn, moved| {
            let row = expected_row(conn, &safe, file)?;
            if let Some(row) = &row
                && row.status == Status::Stored
                && self.lies_there(row)
            {
                return Ok(Restored {
                    relative_path: row.relative_path.clone(),
                    uid: row.uid.clone(),
                    sha256: file.sha256.to_owned(),
                    same: true,
                    was: None,
                    replaced: None,
                });
            }
            let holder = row_at(conn, &safe)?.filter(|holder| {
                holder.sha256 != file.sha256 && file.differing == Differing::MoveToTrash
            });
            let is_it = holder.as_ref().is_some_and(|h| h.uid == file.uid);
            let (was, mut record) = if is_it {
                (holder.clone(), holder.clone())
            } else {
                (row.clone(), row)
            };
            if holder.is_some()
                && let Some(record) = &mut record
            {
                record.relative_path = safe.clone();
            }
            let mut record = match record {
                Some(record) => record,
                None => {
                    let kind = (self.inner.options.classify)(&copied.head, &name);
                    FileRecord {
                        id: FileId(0),
                        uid: ulid::Ulid::new().to_string(),
                        filename: names::filename_of(&safe).to_owned(),
                        relative_path: safe.clone(),
                        original_filename: name.clone(),
                        file_type: kind.file_type.into(),
                        format: kind.format.into(),
                        size_bytes: file.size,
                        sha256: file.sha256.to_owned(),
                        uploaded_at: jiff::Timestamp::now(),
                        status: Status::Stored,
                        metadata: serde_json::json!({}),
                        mtime_ns,
                    }
                }
            };
            let mut intention = Intention {
                meant: Restored {
                    relative_path: record.relative_path.clone(),
                    uid: record.uid.clone(),
                    sha256: file.sha256.to_owned(),
                    same: false,
                    was,
                    replaced: None,
                },
                told: None,
                intend,
            };
            if let Some(holder) = &holder {
                // Its row goes with it, or stays and gets the restored bytes.
                let aside = match is_it {
                    true => ulid::Ulid::new().to_string(),
                    false => holder.uid.clone(),
                };
                if is_there(&layout.file(&holder.relative_path)?) {
                    intention.meant.replaced = Some(aside.clone());
                    intention.tell(&record.relative_path)?;
                }
                if !self.set_aside(conn, holder, &aside, file.mark, moved)? {
                    intention.meant.replaced = None;
                }
            }
            let made = record.id.0 == 0;
            if made {
                choose_names(conn, std::slice::from_mut(&mut record))?;
            }
            self.place(&mut record, file, &name, &mut intention, moved)?;
            let here = layout.file(&record.relative_path)?;
            record.mtime_ns =
                fs::symlink_metadata(&here).map_or(mtime_ns, |m| durable::mtime_ns(&m));
            record.status = Status::Stored;
            record.sha256 = file.sha256.to_owned();
            record.size_bytes = file.size;
            if made {
                append_files(conn, std::slice::from_mut(&mut record))?;
            } else {
                write_row(conn, &record)?;
            }
            Ok(Restored {
                relative_path: record.relative_path,
                ..intention.meant
            })
        })
    }

    /// Renames the file to where its record says, or beside it.
    fn place(
        &self,
        record: &mut FileRecord,
        file: &RestoreFile<'_>,
        name: &str,
        intention: &mut Intention<'_>,
        moved: &mut Moves,
    ) -> Result<()> {
        let layout = &self.inner.layout;
        layout.make_folders(&record.relative_path)?;
        let wanted = record.relative_path.clone();
        let mut number = 1;
        loop {
            let to = layout.file(&record.relative_path)?;
            intention.tell(&record.relative_path)?;
            match durable::rename_no_replace(file.temp, &to) {
                Ok(()) => {
                    moved.push((file.temp.to_owned(), to.clone(), None));
                    return durable::sync_dir(to.parent().unwrap_or(&layout.home))
                        .map_err(|e| StoreError::io("a folder of the store", e));
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    if same_bytes(&to, name, file.sha256) {
                        return Ok(());
                    }
                    number += 1;
                    record.relative_path = names::numbered(&wanted, number);
                    record.filename = names::filename_of(&record.relative_path).to_owned();
                }
                Err(e) => {
                    return Err(StoreError::writing(name, file.size, self.free_space(), e));
                }
            }
        }
    }

    /// Takes back what [`Store::restore_file`] did, if the file is still as it was
    /// restored: its bytes go to the trash, and those that made room come back.
    ///
    /// # Errors
    /// [`StoreError::SourceChanged`] if it was edited, replaced or deleted since, or if the
    /// trash was emptied meanwhile; nothing is changed then.
    pub fn take_back(&self, restored: &Restored, mark: &str) -> Result<()> {
        let layout = &self.inner.layout;
        let changed = || StoreError::SourceChanged {
            name: names::filename_of(&restored.relative_path).to_owned(),
        };
        self.changing_files(|conn, moved| {
            let row = row_of_uid(conn, &restored.uid)?.ok_or_else(changed)?;
            if row.status != Status::Stored
                || row.sha256 != restored.sha256
                || !self.lies_there(&row)
            {
                return Err(changed());
            }
            let replaced = match &restored.replaced {
                Some(uid) => Some(
                    row_of_uid(conn, uid)?
                        .filter(|r| r.status == Status::Trashed)
                        .filter(|_| layout.trash().join(uid).is_file())
                        .ok_or_else(changed)?,
                ),
                None => None,
            };
            let was = restored.was.as_ref();
            // Where the row was there before it stays; only its bytes change places.
            let aside = match was {
                Some(_) => ulid::Ulid::new().to_string(),
                None => row.uid.clone(),
            };
            self.set_aside(conn, &row, &aside, mark, moved)?;
            if let Some(was) = was {
                write_row(conn, was)?;
            }
            match replaced {
                Some(replaced) => self.bring_back(conn, was, replaced, moved),
                None => Ok(()),
            }
        })?;
        if let Some(uid) = &restored.replaced {
            let _ = fs::remove_file(layout.trash().join(format!("{uid}.json")));
        }
        Ok(())
    }

    /// Moves bytes that made room from the trash to where they were; their sidecar is for
    /// the caller to remove once this stands in the catalog.
    fn bring_back(
        &self,
        conn: &Connection,
        was: Option<&FileRecord>,
        replaced: FileRecord,
        moved: &mut Moves,
    ) -> Result<()> {
        let layout = &self.inner.layout;
        let owner = match was {
            Some(was) if was.status == Status::Stored => was.clone(),
            _ => replaced.clone(),
        };
        let (from, to) = (
            layout.trash().join(&replaced.uid),
            layout.file(&owner.relative_path)?,
        );
        layout.make_folders(&owner.relative_path)?;
        durable::rename_no_replace(&from, &to)
            .map_err(|e| StoreError::io(owner.filename.clone(), e))?;
        moved.push((from, to.clone(), None));
        durable::sync_dir(to.parent().unwrap_or(&layout.home))
            .and_then(|()| durable::sync_dir(&layout.trash()))
            .map_err(|e| StoreError::io("a folder of the store", e))?;
        if owner.uid == replaced.uid {
            let mut back = replaced;
            back.status = Status::Stored;
            if let Some(map) = back.metadata.as_object_mut() {
                map.remove("deleted_at");
                map.remove(REPLACED_BY);
            }
            write_row(conn, &back)
        } else {
            conn.execute("DELETE FROM user_files WHERE uid = ?", [&replaced.uid])
                .map(|_| ())
                .map_err(|e| catalog_error("take a restore back", &e))
        }
    }

    /// Removes rows that a merge had brought: history and tables by uid, and files
    /// whose bytes never came. Answers how many.
    pub fn remove_merged(
        &self,
        files: &[String],
        conversions: &[String],
        tables: &[String],
    ) -> Result<u64> {
        self.inner.catalog.write(|conn| {
            let mut removed = 0;
            for (table, uids, and) in [
                ("user_files", files, " AND status IN ('missing', 'cloud_only')"),
                ("converted_files", conversions, ""),
                ("user_data_tables", tables, ""),
            ] {
                if uids.is_empty() {
                    continue;
                }
                crate::import::fill_temp(conn, "merged_uids", uids.iter().map(String::as_str))
                    .and_then(|()| {
                        conn.execute(
                            &format!(
                                "DELETE FROM {table} WHERE uid IN (SELECT text FROM merged_uids){and}"
                            ),
                            [],
                        )
                    })
                    .map(|n| removed += n as u64)
                    .map_err(|e| catalog_error("take a restore back", &e))?;
            }
            Ok(removed)
        })
    }

    /// Moves a stored file's bytes to the trash, under the uid `as_uid`. If that is not the
    /// row's own they get a row there, and the file's row is for the caller to write; else
    /// the row goes with them. Answers whether there were bytes.
    fn set_aside(
        &self,
        conn: &Connection,
        row: &FileRecord,
        as_uid: &str,
        mark: &str,
        moved: &mut Moves,
    ) -> Result<bool> {
        let layout = &self.inner.layout;
        let row_stays = as_uid != row.uid;
        let mut aside = row.clone();
        as_uid.clone_into(&mut aside.uid);
        aside.status = Status::Trashed;
        if !aside.metadata.is_object() {
            aside.metadata = serde_json::json!({});
        }
        aside.metadata["deleted_at"] = jiff::Timestamp::now().to_string().into();
        aside.metadata[REPLACED_BY] = mark.into();
        let from = layout.file(&row.relative_path)?;
        let there = is_there(&from);
        if there {
            // Beside the bytes before they are: the trash can be read without the catalog.
            let sidecar = self.write_sidecar(&aside)?;
            make_durable(&layout.trash(), std::slice::from_ref(&sidecar))
                .and_then(|()| durable::sync_dir(&layout.trash()))
                .map_err(|e| StoreError::io("the trash", e))?;
            let to = layout.trash().join(&aside.uid);
            durable::rename_no_replace(&from, &to)
                .map_err(|e| StoreError::io(row.filename.clone(), e))?;
            moved.push((from.clone(), to, Some(aside.uid.clone())));
            durable::sync_dir(&layout.trash())
                .and_then(|()| durable::sync_dir(from.parent().unwrap_or(&layout.home)))
                .map_err(|e| StoreError::io("the trash", e))?;
        }
        if !row_stays {
            write_row(conn, &aside)?;
        } else if there {
            append_files(conn, std::slice::from_mut(&mut aside))?;
        }
        Ok(there)
    }

    /// As a write of the catalog; if it fails, what was renamed goes back.
    fn changing_files<T>(
        &self,
        work: impl FnOnce(&Connection, &mut Moves) -> Result<T>,
    ) -> Result<T> {
        let mut moved = Vec::new();
        let result = self.inner.catalog.write(|conn| work(conn, &mut moved));
        if result.is_err() {
            for (from, to, aside) in moved.into_iter().rev() {
                if durable::rename_no_replace(&to, &from).is_ok() && aside.is_some() {
                    let _ = fs::remove_file(to.with_extension("json"));
                }
            }
        }
        result
    }

    /// Whether the file is on disk as its row says.
    fn lies_there(&self, row: &FileRecord) -> bool {
        let Ok(path) = self.inner.layout.file(&row.relative_path) else {
            return false;
        };
        fs::symlink_metadata(&path).is_ok_and(|m| {
            m.is_file()
                && m.len() == row.size_bytes
                && (durable::mtime_ns(&m) == row.mtime_ns
                    || same_bytes(&path, &row.filename, &row.sha256))
        })
    }
}

/// Renames that were made: from, to, and the uid of what went to the trash.
type Moves = Vec<(PathBuf, PathBuf, Option<String>)>;

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|m| m.is_file())
}

fn write_row(conn: &Connection, row: &FileRecord) -> Result<()> {
    conn.execute(
        "UPDATE user_files SET status = ?, mtime_ns = ?, relative_path = ?, filename = ?, \
         name_key = ?, sha256 = ?, size_bytes = ?, metadata = ? WHERE id = ?",
        duckdb::params![
            row.status.as_str(),
            row.mtime_ns,
            row.relative_path,
            names::filename_of(&row.relative_path),
            names::name_key(&row.relative_path),
            row.sha256,
            row.size_bytes as i64,
            json_text(&row.metadata),
            row.id.0
        ],
    )
    .map(|_| ())
    .map_err(|e| catalog_error("restore a file", &e))
}

fn one(
    conn: &Connection,
    condition: &str,
    arguments: &[&dyn duckdb::ToSql],
) -> Result<Option<FileRecord>> {
    let sql = format!("SELECT {FILE_COLUMNS} FROM user_files WHERE {condition} LIMIT 1");
    match conn.query_row(&sql, arguments, file_from_row) {
        Ok(record) => Ok(Some(record)),
        Err(duckdb::Error::QueryReturnedNoRows) => Ok(None),
        Err(e) => Err(catalog_error("restore a file", &e)),
    }
}

/// The row that waits for these bytes under this name.
fn expected_row(
    conn: &Connection,
    safe: &str,
    file: &RestoreFile<'_>,
) -> Result<Option<FileRecord>> {
    one(
        conn,
        "status <> 'trashed' AND sha256 = ? \
         AND (name_key = ? OR (metadata ->> 'restored_from') = ?) \
         ORDER BY uid = ? DESC, status <> 'stored' DESC, id",
        &[
            &file.sha256,
            &names::name_key(safe),
            &file.relative_path,
            &file.uid,
        ],
    )
}

/// The row whose name this is, to the letter: one that differs in case or form alone is
/// another file, which may have come with this very restore.
fn row_at(conn: &Connection, safe: &str) -> Result<Option<FileRecord>> {
    one(
        conn,
        "status <> 'trashed' AND relative_path = ? ORDER BY id",
        &[&safe],
    )
}

fn row_of_uid(conn: &Connection, uid: &str) -> Result<Option<FileRecord>> {
    one(conn, "uid = ?", &[&uid])
}

fn same_bytes(path: &Path, name: &str, sha256: &str) -> bool {
    hash_stored(path, name, &()).is_ok_and(|(copied, _)| copied.sha256 == sha256)
}
