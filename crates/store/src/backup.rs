//! What a backup takes from a store, and what a restore brings back. No network
//! here: plain data and local files.

use crate::catalog::{FILE_COLUMNS, append_files, catalog_error, file_from_row};
use crate::import::{choose_names, hash_stored};
use crate::list::ListQuery;
use crate::open::Store;
use crate::record::{FileId, FileRecord, Status};
use crate::{Progress, Result, StoreError, durable, layout, migrate, names};
use duckdb::Connection;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A consistent copy of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub path: PathBuf,
    pub sha256: String,
    pub size_bytes: u64,
}

/// A stored file as a backup sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupFile {
    pub id: FileId,
    pub uid: String,
    pub relative_path: String,
    pub size_bytes: u64,
    pub sha256: String,
    pub path: PathBuf,
    pub mtime_ns: i64,
}

/// Where a restored file went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    pub relative_path: String,
    /// The same bytes were there already.
    pub same: bool,
}

/// What merging a snapshot brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MergeReport {
    pub files: u64,
    pub conversions: u64,
    pub tables: u64,
}

impl Store {
    /// Writes a consistent copy of the catalog to a new file while the store is
    /// in use, and proves that it opens and holds as many rows.
    pub fn snapshot(&self, into: &Path) -> Result<Snapshot> {
        if into.exists() {
            return Err(StoreError::DestExists {
                name: layout::name_of(into),
            });
        }
        let (mine, copied) = self.inner.catalog.read(|conn| {
            let run = || -> duckdb::Result<(RowCounts, RowCounts)> {
                let main: String = conn.query_row("SELECT current_database()", [], |r| r.get(0))?;
                let path = into.to_string_lossy().replace('\'', "''");
                conn.execute_batch(&format!(
                    "ATTACH '{path}' AS snap (STORAGE_VERSION 'v1.2.0')"
                ))?;
                // One transaction sees one state, however long it takes.
                let result = conn
                    .execute_batch(&format!("COPY FROM DATABASE \"{main}\" TO snap"))
                    .and_then(|()| Ok((counts(conn, &main)?, counts(conn, "snap")?)));
                conn.execute_batch("DETACH snap")?;
                result
            };
            run().map_err(|e| catalog_error("copy the catalog", &e))
        })?;
        // Rows may have been added between the copy and the counts, never lost.
        if copied.files > mine.files || copied.files == 0 && mine.files > 0 {
            return Err(StoreError::Damaged {
                what: "the copy of the catalog".into(),
                detail: format!("it has {} of {} files", copied.files, mine.files),
            });
        }
        let mut file = durable::open_no_follow(into)
            .map_err(|e| StoreError::io("the copy of the catalog", e))?;
        let mut hasher = Sha256::new();
        let size_bytes = io::copy(&mut file, &mut hasher)
            .and_then(|n| {
                File::options()
                    .write(true)
                    .open(into)?
                    .sync_all()
                    .map(|()| n)
            })
            .map_err(|e| StoreError::io("the copy of the catalog", e))?;
        Ok(Snapshot {
            path: into.to_owned(),
            sha256: hex::encode(hasher.finalize()),
            size_bytes,
        })
    }

    /// Every file whose bytes are here and known, in id order.
    pub fn files_for_backup(&self) -> Result<Vec<BackupFile>> {
        let mut files = Vec::new();
        let mut refused = None;
        self.for_each(
            &ListQuery {
                reverse: true,
                ..ListQuery::default()
            },
            &mut |f| {
                if f.status != Status::Stored || f.sha256.is_empty() {
                    return ControlFlow::Continue(());
                }
                match self.inner.layout.file(&f.relative_path) {
                    Ok(path) => files.push(BackupFile {
                        id: f.id,
                        uid: f.uid,
                        relative_path: f.relative_path,
                        size_bytes: f.size_bytes,
                        sha256: f.sha256,
                        path,
                        mtime_ns: f.mtime_ns,
                    }),
                    Err(e) => refused = Some(e),
                }
                ControlFlow::Continue(())
            },
        )?;
        match refused {
            Some(e) => Err(e),
            None => Ok(files),
        }
    }

    /// Takes over the rows of another catalog of the same key: files, history
    /// and tables that this one does not know, by uid. Files arrive as missing
    /// until their bytes do; ids are kept where they are free.
    ///
    /// # Errors
    /// [`StoreError::WrongOwner`] if the snapshot is another key's.
    pub fn merge_catalog(&self, snapshot: &Path) -> Result<MergeReport> {
        let path = snapshot.to_string_lossy().replace('\'', "''");
        let report = self.inner.catalog.read(|conn| {
            conn.execute_batch(&format!("ATTACH '{path}' AS restored (READ_ONLY)"))
                .map_err(|e| StoreError::Damaged {
                    what: "the restored catalog".into(),
                    detail: e.to_string(),
                })?;
            let result = self
                .check_owner(conn)
                .and_then(|()| self.merge_attached(conn));
            conn.execute_batch("DETACH restored")
                .map_err(|e| catalog_error("close the restored catalog", &e))?;
            result
        });
        self.inner.catalog.bump();
        report
    }

    fn check_owner(&self, conn: &Connection) -> Result<()> {
        let meta = |table: &str| -> duckdb::Result<String> {
            conn.query_row(
                &format!("SELECT value FROM {table} WHERE key = 'owner_sha256'"),
                [],
                |r| r.get(0),
            )
        };
        match (meta("restored.redline_meta"), meta("redline_meta")) {
            (Ok(theirs), Ok(ours)) if theirs == ours => Ok(()),
            (Ok(_), Ok(_)) => Err(StoreError::WrongOwner),
            (Err(e), _) | (_, Err(e)) => Err(catalog_error("read the restored catalog", &e)),
        }
    }

    fn merge_attached(&self, conn: &Connection) -> Result<MergeReport> {
        let failed = |e: duckdb::Error| catalog_error("merge the catalogs", &e);
        conn.execute_batch("BEGIN").map_err(failed)?;
        let result = (|| {
            let files = self.merge_files(conn)?;
            let others = merge_others(conn).map_err(failed)?;
            conn.execute_batch("COMMIT").map_err(failed)?;
            Ok(MergeReport { files, ..others })
        })();
        if result.is_err() {
            let _ = conn.execute_batch("ROLLBACK");
        }
        result
    }

    fn merge_files(&self, conn: &Connection) -> Result<u64> {
        let failed = |e: duckdb::Error| catalog_error("merge the catalogs", &e);
        // A file that is here already, found on disk before its row came back:
        // the row that comes gives it its identity.
        conn.execute_batch(
            "UPDATE user_files SET uid = r.uid, original_filename = r.original_filename, \
                    uploaded_at = r.uploaded_at, metadata = r.metadata \
             FROM restored.user_files r \
             WHERE user_files.name_key = r.name_key AND user_files.sha256 = r.sha256 \
               AND r.status <> 'trashed' AND user_files.status <> 'trashed' \
               AND r.uid NOT IN (SELECT uid FROM user_files)",
        )
        .map_err(failed)?;
        let mut incoming = {
            let mut statement = conn
                .prepare(&format!(
                    "SELECT {FILE_COLUMNS} FROM restored.user_files \
                     WHERE status <> 'trashed' AND uid NOT IN (SELECT uid FROM user_files) ORDER BY id"
                ))
                .map_err(failed)?;
            statement
                .query_map([], file_from_row)
                .and_then(|rows| rows.collect::<duckdb::Result<Vec<FileRecord>>>())
                .map_err(failed)?
        };
        let ids: Vec<i64> = incoming.iter().map(|r| r.id.0).collect();
        for record in &mut incoming {
            // Names in a bucket are hostile until proven otherwise.
            let safe = names::tame_relative(Path::new(&record.relative_path));
            let restored_from = std::mem::replace(&mut record.relative_path, safe);
            if record.status == Status::Stored {
                record.status = Status::Missing;
            }
            if let Some(map) = record.metadata.as_object_mut() {
                map.insert("restored_from".into(), restored_from.into());
            }
        }
        choose_names(conn, &mut incoming)?;
        for record in &mut incoming {
            let same = record
                .metadata
                .get("restored_from")
                .and_then(|v| v.as_str())
                == Some(record.relative_path.as_str());
            if let (true, Some(map)) = (same, record.metadata.as_object_mut()) {
                map.remove("restored_from");
            }
        }
        let free = self.free_ids(conn, &ids)?;
        append_files(conn, &mut incoming)?;
        // Appending gave out new ids; those of the snapshot are taken where free.
        for (record, old) in incoming.iter().zip(&ids) {
            if record.id.0 != *old && free.contains(old) {
                conn.execute(
                    "UPDATE user_files SET id = ? WHERE uid = ?",
                    duckdb::params![old, record.uid],
                )
                .map_err(failed)?;
            }
        }
        migrate::advance(
            conn,
            "user_files_id",
            ids.iter().copied().max().unwrap_or(0),
        )
        .map_err(failed)?;
        Ok(incoming.len() as u64)
    }

    /// Which of these ids nobody has, nor will be given.
    fn free_ids(&self, conn: &Connection, ids: &[i64]) -> Result<HashSet<i64>> {
        let run = || -> duckdb::Result<HashSet<i64>> {
            let taken: HashSet<i64> = conn
                .prepare("SELECT id FROM user_files")?
                .query_map([], |r| r.get(0))?
                .collect::<duckdb::Result<_>>()?;
            Ok(ids
                .iter()
                .copied()
                .filter(|id| !taken.contains(id))
                .collect())
        };
        run().map_err(|e| catalog_error("merge the catalogs", &e))
    }

    /// Puts a restored file, lying whole in a scratch folder, in its place. The
    /// bytes are checked again here; a local file with other bytes is kept, and
    /// the restored one gets a name beside it.
    pub fn restore_file(
        &self,
        temp: &Path,
        relative_path: &str,
        sha256: &str,
        size: u64,
        progress: &dyn Progress,
    ) -> Result<Restored> {
        let name = names::filename_of(relative_path).to_owned();
        let (copied, mtime_ns) = hash_stored(temp, &name, progress)?;
        if copied.sha256 != sha256 || copied.size != size {
            return Err(StoreError::Damaged {
                what: format!("the restored \"{name}\""),
                detail: "its bytes are not the ones that were backed up".into(),
            });
        }
        File::options()
            .write(true)
            .open(temp)
            .and_then(|f| f.sync_all())
            .map_err(|e| StoreError::writing(&name, size, self.free_space(), e))?;
        let layout = &self.inner.layout;
        let safe = names::tame_relative(Path::new(relative_path));
        self.inner.catalog.write(|conn| {
            let row = expected_row(conn, &safe, relative_path, sha256)?;
            let mut record = match row {
                Some(record) if record.status == Status::Stored => {
                    let here = layout.file(&record.relative_path)?;
                    if fs::symlink_metadata(&here).is_ok_and(|m| m.is_file() && m.len() == size) {
                        return Ok(Restored {
                            relative_path: record.relative_path,
                            same: true,
                        });
                    }
                    record
                }
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
                        size_bytes: size,
                        sha256: sha256.to_owned(),
                        uploaded_at: jiff::Timestamp::now(),
                        status: Status::Stored,
                        metadata: serde_json::json!({}),
                        mtime_ns,
                    }
                }
            };
            if record.id.0 == 0 {
                choose_names(conn, std::slice::from_mut(&mut record))?;
            }
            layout.make_folders(&record.relative_path)?;
            let wanted = record.relative_path.clone();
            let mut number = 1;
            loop {
                let to = layout.file(&record.relative_path)?;
                match durable::rename_no_replace(temp, &to) {
                    Ok(()) => {
                        durable::sync_dir(to.parent().unwrap_or(&layout.home))
                            .map_err(|e| StoreError::io("a folder of the store", e))?;
                        break;
                    }
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                        if same_bytes(&to, &name, sha256) {
                            break;
                        }
                        number += 1;
                        record.relative_path = names::numbered(&wanted, number);
                        record.filename = names::filename_of(&record.relative_path).to_owned();
                    }
                    Err(e) => return Err(StoreError::writing(&name, size, self.free_space(), e)),
                }
            }
            let here = layout.file(&record.relative_path)?;
            record.mtime_ns =
                fs::symlink_metadata(&here).map_or(mtime_ns, |m| durable::mtime_ns(&m));
            let relative_path = record.relative_path.clone();
            if record.id.0 == 0 {
                append_files(conn, std::slice::from_mut(&mut record))?;
            } else {
                conn.execute(
                    "UPDATE user_files SET status = 'stored', mtime_ns = ?, relative_path = ?, \
                     filename = ?, name_key = ? WHERE id = ?",
                    duckdb::params![
                        record.mtime_ns,
                        record.relative_path,
                        record.filename,
                        names::name_key(&record.relative_path),
                        record.id.0
                    ],
                )
                .map_err(|e| catalog_error("restore a file", &e))?;
            }
            Ok(Restored {
                relative_path,
                same: false,
            })
        })
    }
}

/// The row that waits for these bytes under this name.
fn expected_row(
    conn: &Connection,
    safe: &str,
    relative_path: &str,
    sha256: &str,
) -> Result<Option<FileRecord>> {
    let sql = format!(
        "SELECT {FILE_COLUMNS} FROM user_files WHERE status <> 'trashed' AND sha256 = ? \
         AND (name_key = ? OR (metadata ->> 'restored_from') = ?) \
         ORDER BY status = 'missing' DESC, id LIMIT 1"
    );
    match conn.query_row(&sql, [sha256, &names::name_key(safe), relative_path], |r| {
        file_from_row(r)
    }) {
        Ok(record) => Ok(Some(record)),
        Err(duckdb::Error::QueryReturnedNoRows) => Ok(None),
        Err(e) => Err(catalog_error("restore a file", &e)),
    }
}

fn same_bytes(path: &Path, name: &str, sha256: &str) -> bool {
    hash_stored(path, name, &()).is_ok_and(|(copied, _)| copied.sha256 == sha256)
}

struct RowCounts {
    files: i64,
}

fn counts(conn: &Connection, database: &str) -> duckdb::Result<RowCounts> {
    conn.query_row(
        &format!("SELECT count(*) FROM \"{database}\".user_files"),
        [],
        |r| Ok(RowCounts { files: r.get(0)? }),
    )
}

/// History and tables by uid; ids are kept where free, and a conversion points
/// at its files by what they are called here.
fn merge_others(conn: &Connection) -> duckdb::Result<MergeReport> {
    let conversions = conn.execute(
        "INSERT INTO converted_files (id, original_file_id, output_format, output_filename, \
                size_bytes, converted_at, metadata, uid, output_file_id, duration_ms) \
         SELECT CASE WHEN c.id IN (SELECT id FROM converted_files) \
                     THEN nextval('converted_files_id') ELSE c.id END, \
                l1.id, c.output_format, c.output_filename, c.size_bytes, c.converted_at, \
                c.metadata, c.uid, l2.id, c.duration_ms \
         FROM restored.converted_files c \
         LEFT JOIN restored.user_files r1 ON r1.id = c.original_file_id \
         LEFT JOIN user_files l1 ON l1.uid = r1.uid \
         LEFT JOIN restored.user_files r2 ON r2.id = c.output_file_id \
         LEFT JOIN user_files l2 ON l2.uid = r2.uid \
         WHERE c.uid NOT IN (SELECT uid FROM converted_files)",
        [],
    )?;
    let tables = conn.execute(
        "INSERT INTO user_data_tables (id, table_name, ticker, format, row_count, columns, \
                created_at, last_accessed, metadata, uid) \
         SELECT CASE WHEN t.id IN (SELECT id FROM user_data_tables) \
                     THEN nextval('user_data_tables_id') ELSE t.id END, \
                t.table_name, t.ticker, t.format, t.row_count, t.columns, t.created_at, \
                t.last_accessed, t.metadata, t.uid \
         FROM restored.user_data_tables t \
         WHERE t.uid NOT IN (SELECT uid FROM user_data_tables) \
           AND t.table_name NOT IN (SELECT table_name FROM user_data_tables)",
        [],
    )?;
    for (sequence, table) in [
        ("converted_files_id", "converted_files"),
        ("user_data_tables_id", "user_data_tables"),
    ] {
        let top: i64 = conn.query_row(
            &format!("SELECT coalesce(max(id), 0) FROM {table}"),
            [],
            |r| r.get(0),
        )?;
        migrate::advance(conn, sequence, top)?;
    }
    Ok(MergeReport {
        files: 0,
        conversions: conversions as u64,
        tables: tables as u64,
    })
}
