//! Another catalog of the same key, row by row: from a restore point, or from another
//! device's backup. A row that is here already is never changed by one that comes,
//! but for a file that was found on disk before its row came back.

use crate::backup::has_deleted;
use crate::catalog::{FILE_COLUMNS, append_files, catalog_error, file_from_row};
use crate::import::{choose_names, fill_temp};
use crate::open::Store;
use crate::record::{FileId, FileRecord, Status};
use crate::{Result, StoreError, catalog, migrate, names};
use duckdb::Connection;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::Path;

/// Which rows come, and as what.
#[derive(Debug, Clone)]
pub struct MergeChoice {
    /// Files by uid, and nothing else; `None` for every row there is.
    pub only: Option<HashSet<String>>,
    /// What a file is until its bytes are here: [`Status::Missing`], or
    /// [`Status::CloudOnly`] where they may stay in the bucket.
    pub arrive_as: Status,
}

impl Default for MergeChoice {
    fn default() -> Self {
        Self {
            only: None,
            arrive_as: Status::Missing,
        }
    }
}

/// What merging a snapshot brought, by uid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeReport {
    pub files: Vec<String>,
    pub conversions: Vec<String>,
    pub tables: Vec<String>,
}

impl MergeReport {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Store {
    /// Takes over the rows of another catalog of the same key: files, history
    /// and tables that this one does not know, by uid; ids are kept where they are free.
    ///
    /// # Errors
    /// [`StoreError::WrongOwner`] if the snapshot is another key's, [`StoreError::TooNew`]
    /// if a newer Redline wrote it; nothing is changed then.
    pub fn merge_catalog(&self, snapshot: &Path, choice: &MergeChoice) -> Result<MergeReport> {
        let report = self.with_attached(snapshot, |conn| self.merge_attached(conn, choice));
        self.inner.catalog.bump();
        report
    }

    /// Lists files that are in the bucket and have no row here: of another device whose
    /// catalog could not be read, or kept beside one that both had changed. Names that
    /// are taken get a number. Answers the uids.
    pub fn list_cloud_files(&self, files: &[CloudFile]) -> Result<Vec<String>> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        self.inner.catalog.write(|conn| {
            let mut rows: Vec<FileRecord> = files
                .iter()
                .map(|file| {
                    let relative_path = names::tame_relative(Path::new(&file.relative_path));
                    let filename = names::filename_of(&relative_path).to_owned();
                    let kind = (self.inner.options.classify)(&[], &filename);
                    FileRecord {
                        id: FileId(0),
                        uid: file.uid.clone(),
                        original_filename: filename.clone(),
                        filename,
                        relative_path,
                        file_type: kind.file_type.into(),
                        format: kind.format.into(),
                        size_bytes: file.size_bytes,
                        sha256: file.sha256.clone(),
                        uploaded_at: jiff::Timestamp::now(),
                        status: Status::CloudOnly,
                        metadata: serde_json::json!({}),
                        mtime_ns: 0,
                    }
                })
                .collect();
            choose_names(conn, &mut rows)?;
            append_files(conn, &mut rows)?;
            Ok(rows.into_iter().map(|row| row.uid).collect())
        })
    }

    /// Small files of ours that a snapshot carries, name and text.
    pub fn kept_in(&self, snapshot: &Path) -> Result<Vec<(String, String)>> {
        self.with_attached(snapshot, |conn| {
            let read = || -> duckdb::Result<Vec<(String, String)>> {
                let there: bool = conn.query_row(
                    "SELECT count(*) > 0 FROM duckdb_tables() \
                     WHERE table_name = 'redline_kept' AND database_name = 'restored'",
                    [],
                    |r| r.get(0),
                )?;
                if !there {
                    return Ok(Vec::new());
                }
                conn.prepare("SELECT name, value FROM restored.redline_kept ORDER BY name")?
                    .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?
                    .collect()
            };
            read().map_err(|e| catalog_error("read the restored catalog", &e))
        })
    }

    /// Opens another catalog of this key and counts what is in it.
    ///
    /// # Errors
    /// As [`Store::merge_catalog`].
    pub fn look_at_snapshot(&self, snapshot: &Path) -> Result<SnapshotFacts> {
        self.with_attached(snapshot, |conn| {
            facts(conn).map_err(|e| catalog_error("read the restored catalog", &e))
        })
    }

    fn with_attached<T>(
        &self,
        snapshot: &Path,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        let path = snapshot.to_string_lossy().replace('\'', "''");
        self.inner.catalog.read(|conn| {
            conn.execute_batch(&format!("ATTACH '{path}' AS restored (READ_ONLY)"))
                .map_err(|e| StoreError::Damaged {
                    what: "the restored catalog".into(),
                    detail: e.to_string(),
                })?;
            let result = check_owner(conn).and_then(|()| work(conn));
            conn.execute_batch("DETACH restored")
                .map_err(|e| catalog_error("close the restored catalog", &e))?;
            result
        })
    }

    fn merge_attached(&self, conn: &Connection, choice: &MergeChoice) -> Result<MergeReport> {
        let failed = |e: duckdb::Error| catalog_error("merge the catalogs", &e);
        conn.execute_batch("BEGIN").map_err(failed)?;
        let result = (|| {
            let files = self.merge_files(conn, choice)?;
            let others = match &choice.only {
                None => merge_others(conn).map_err(failed)?,
                Some(_) => MergeReport::default(),
            };
            conn.execute_batch("COMMIT").map_err(failed)?;
            Ok(MergeReport { files, ..others })
        })();
        if result.is_err() {
            let _ = conn.execute_batch("ROLLBACK");
        }
        result
    }

    fn merge_files(&self, conn: &Connection, choice: &MergeChoice) -> Result<Vec<String>> {
        let failed = |e: duckdb::Error| catalog_error("merge the catalogs", &e);
        let chosen = match &choice.only {
            None => "",
            Some(uids) => {
                fill_temp(conn, "chosen_uids", uids.iter().map(String::as_str)).map_err(failed)?;
                "AND uid IN (SELECT text FROM chosen_uids)"
            }
        };
        // Another device still has it; here it was deleted for good.
        let gone = if choice.arrive_as == Status::CloudOnly && has_deleted(conn).map_err(failed)? {
            "AND uid NOT IN (SELECT uid FROM redline_deleted)"
        } else {
            ""
        };
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
                     WHERE status <> 'trashed' AND uid NOT IN (SELECT uid FROM user_files) \
                     {chosen} {gone} ORDER BY id"
                ))
                .map_err(failed)?;
            statement
                .query_map([], file_from_row)
                .and_then(|rows| rows.collect::<duckdb::Result<Vec<FileRecord>>>())
                .map_err(failed)?
        };
        for record in &mut incoming {
            // Names in a bucket are hostile until proven otherwise.
            let safe = names::tame_relative(Path::new(&record.relative_path));
            let restored_from = std::mem::replace(&mut record.relative_path, safe);
            if record.status == Status::Stored {
                record.status = choice.arrive_as;
            }
            if let Some(map) = record.metadata.as_object_mut() {
                map.insert("restored_from".into(), restored_from.into());
            }
        }
        let (mut incoming, mut others) = by_name(conn, incoming)?;
        let ids: Vec<i64> = incoming.iter().chain(&others).map(|r| r.id.0).collect();
        let free = self.free_ids(conn, &ids)?;
        let top = ids.iter().copied().max().unwrap_or(0);
        // One that cannot keep its id gets one that no other that comes along has.
        if free.len() < ids.len() {
            migrate::advance(conn, "user_files_id", top).map_err(failed)?;
        }
        drop_same_origin(&mut incoming);
        append_files(conn, &mut incoming)?;
        // Names that arrive now are taken, too.
        choose_names(conn, &mut others)?;
        drop_same_origin(&mut others);
        append_files(conn, &mut others)?;
        incoming.append(&mut others);
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
        migrate::advance(conn, "user_files_id", top).map_err(failed)?;
        Ok(incoming.into_iter().map(|record| record.uid).collect())
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
}

/// A file that is in the bucket, as a restore point has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudFile {
    pub uid: String,
    pub relative_path: String,
    pub size_bytes: u64,
    pub sha256: String,
}

/// What another catalog of this key holds, without taking any of it over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SnapshotFacts {
    pub files: u64,
    pub conversions: u64,
    pub tables: Vec<SnapshotTable>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotTable {
    pub name: String,
    /// Of the file that it is a name for.
    pub file_uid: Option<String>,
    pub rows: Option<u64>,
}

fn facts(conn: &Connection) -> duckdb::Result<SnapshotFacts> {
    let count = |table: &str| -> duckdb::Result<u64> {
        conn.query_row(&format!("SELECT count(*) FROM restored.{table}"), [], |r| {
            r.get::<_, i64>(0).map(|n| n.max(0) as u64)
        })
    };
    let tables = conn
        .prepare(
            "SELECT table_name, metadata ->> 'file_uid', row_count \
             FROM restored.user_data_tables ORDER BY id",
        )?
        .query_map([], |r| {
            Ok(SnapshotTable {
                name: r.get(0)?,
                file_uid: r.get(1)?,
                rows: r.get::<_, Option<i64>>(2)?.and_then(|n| n.try_into().ok()),
            })
        })?
        .collect::<duckdb::Result<_>>()?;
    Ok(SnapshotFacts {
        files: count("user_files")?,
        conversions: count("converted_files")?,
        tables,
    })
}

/// Rows that keep their names, since nobody has them to the letter, and the others. A
/// name that differs in case or form alone is no hindrance: they lay side by side where
/// they come from. A file system that cannot tell them apart numbers the second when its
/// bytes come.
fn by_name(
    conn: &Connection,
    incoming: Vec<FileRecord>,
) -> Result<(Vec<FileRecord>, Vec<FileRecord>)> {
    let run = || -> duckdb::Result<HashSet<String>> {
        let paths = incoming.iter().map(|r| r.relative_path.as_str());
        fill_temp(conn, "arriving_paths", paths)?;
        conn.prepare(
            "SELECT relative_path FROM user_files WHERE status <> 'trashed' \
             AND relative_path IN (SELECT text FROM arriving_paths)",
        )?
        .query_map([], |r| r.get(0))?
        .collect()
    };
    let mut taken = run().map_err(|e| catalog_error("choose a name", &e))?;
    Ok(incoming
        .into_iter()
        .partition(|record| taken.insert(record.relative_path.clone())))
}

/// Under the name that they have in the bucket they need no note of it.
fn drop_same_origin(records: &mut [FileRecord]) {
    for record in records {
        record.filename = names::filename_of(&record.relative_path).to_owned();
        let origin = record.metadata.get("restored_from");
        let same = origin.and_then(|v| v.as_str()) == Some(record.relative_path.as_str());
        if let (true, Some(map)) = (same, record.metadata.as_object_mut()) {
            map.remove("restored_from");
        }
    }
}

/// Nothing of the catalog is believed before its owner and its version are.
fn check_owner(conn: &Connection) -> Result<()> {
    let meta = |table: &str, key: &str| -> duckdb::Result<String> {
        conn.query_row(
            &format!("SELECT value FROM {table} WHERE key = ?"),
            [key],
            |r| r.get(0),
        )
    };
    let read = || -> duckdb::Result<(String, String, String)> {
        Ok((
            meta("restored.redline_meta", "owner_sha256")?,
            meta("redline_meta", "owner_sha256")?,
            meta("restored.redline_meta", "schema_version")?,
        ))
    };
    let (theirs, ours, version) = read().map_err(|e| StoreError::Damaged {
        what: "the restored catalog".into(),
        detail: e.to_string(),
    })?;
    catalog::check(version.parse().unwrap_or(i64::MAX), &theirs, &ours)
}

const SEQUENCES: [(&str, &str); 2] = [
    ("converted_files_id", "converted_files"),
    ("user_data_tables_id", "user_data_tables"),
];

/// History and tables by uid; ids are kept where free, and a conversion points
/// at its files by what they are called here.
fn merge_others(conn: &Connection) -> duckdb::Result<MergeReport> {
    let uids = |sql: &str| -> duckdb::Result<Vec<String>> {
        conn.prepare(sql)?.query_map([], |r| r.get(0))?.collect()
    };
    // As with files: a new id is none that another row comes with.
    for (sequence, table) in SEQUENCES {
        let top: i64 = conn.query_row(
            &format!(
                "SELECT coalesce(max(id), 0) FROM restored.{table} \
                 WHERE EXISTS (SELECT 1 FROM {table})"
            ),
            [],
            |r| r.get(0),
        )?;
        migrate::advance(conn, sequence, top)?;
    }
    let conversions = uids(
        "SELECT uid FROM restored.converted_files \
         WHERE uid NOT IN (SELECT uid FROM converted_files) ORDER BY id",
    )?;
    conn.execute(
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
    let tables = uids(
        "SELECT uid FROM restored.user_data_tables \
         WHERE uid NOT IN (SELECT uid FROM user_data_tables) \
           AND lower(table_name) NOT IN (SELECT lower(table_name) FROM user_data_tables) ORDER BY id",
    )?;
    conn.execute(
        "INSERT INTO user_data_tables (id, table_name, ticker, format, row_count, columns, \
                created_at, last_accessed, metadata, uid) \
         SELECT CASE WHEN t.id IN (SELECT id FROM user_data_tables) \
                     THEN nextval('user_data_tables_id') ELSE t.id END, \
                t.table_name, t.ticker, t.format, t.row_count, t.columns, t.created_at, \
                t.last_accessed, t.metadata, t.uid \
         FROM restored.user_data_tables t \
         WHERE t.uid NOT IN (SELECT uid FROM user_data_tables) \
           AND lower(t.table_name) NOT IN (SELECT lower(table_name) FROM user_data_tables)",
        [],
    )?;
    for (sequence, table) in SEQUENCES {
        let top: i64 = conn.query_row(
            &format!("SELECT coalesce(max(id), 0) FROM {table}"),
            [],
            |r| r.get(0),
        )?;
        migrate::advance(conn, sequence, top)?;
    }
    Ok(MergeReport {
        files: Vec::new(),
        conversions,
        tables,
    })
}
