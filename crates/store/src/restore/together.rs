//! Many restored files at once: one sync of the disk, one transaction. The catalog's
//! price of a file is paid per batch; what is not plain is done one by one.

use super::{Intend, RestoreFile, Restored, not_noted};
use crate::catalog::{FILE_COLUMNS, catalog_error, file_from_row};
use crate::import::make_durable;
use crate::open::Store;
use crate::record::{FileId, FileRecord, Status};
use crate::{Result, StoreError, durable, names};
use duckdb::{Connection, params};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

impl Store {
    /// Puts those of these restored files in their places for which a row waits and whose
    /// name nothing else has; the answers are in the order of `files`. What has none is for
    /// [`Store::restore_file`]: a file that has to make room, or that was in the way of all.
    /// Their bytes were hashed by whoever wrote them, and are not read again here.
    pub fn restore_together(
        &self,
        files: &[RestoreFile<'_>],
        intend: Intend<'_>,
    ) -> Vec<Option<Restored>> {
        let mut placed = self.place_together(files, intend).unwrap_or_else(|error| {
            // Nothing was done then; whose fault it was is found one by one.
            tracing::info!(%error, "restored files are placed one by one");
            HashMap::new()
        });
        (0..files.len()).map(|n| placed.remove(&n)).collect()
    }

    /// By their place in `files`.
    fn place_together(
        &self,
        files: &[RestoreFile<'_>],
        intend: Intend<'_>,
    ) -> Result<HashMap<usize, Restored>> {
        let layout = &self.inner.layout;
        let whole = |file: &RestoreFile<'_>| {
            fs::symlink_metadata(file.temp).is_ok_and(|m| m.is_file() && m.len() == file.size)
        };
        let there: Vec<usize> = (0..files.len()).filter(|&n| whole(&files[n])).collect();
        let temps: Vec<PathBuf> = there.iter().map(|&n| files[n].temp.to_owned()).collect();
        let total = there.iter().map(|&n| files[n].size).sum();
        make_durable(&layout.home, &temps)
            .map_err(|e| StoreError::writing("the restored files", total, self.free_space(), e))?;
        self.changing_files(|conn, moved| {
            let mut done = HashMap::new();
            let mut placed: Vec<FileRecord> = Vec::new();
            let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
            let (same, waiting): (Vec<_>, Vec<_>) = waiting(conn, files, &there)?
                .into_iter()
                .partition(|(_, row)| row.status == Status::Stored && self.lies_there(row));
            let restored = |n: usize, row: &FileRecord, same| Restored {
                relative_path: row.relative_path.clone(),
                uid: row.uid.clone(),
                sha256: files[n].sha256.to_owned(),
                same,
                was: (!same).then(|| row.clone()),
                replaced: None,
            };
            done.extend(same.iter().map(|(n, row)| (*n, restored(*n, row, true))));
            let meant: Vec<Restored> = waiting
                .iter()
                .map(|(n, row)| restored(*n, row, false))
                .collect();
            if !meant.is_empty() {
                intend(&meant).map_err(not_noted)?;
            }
            for ((n, row), meant) in waiting.into_iter().zip(meant) {
                let file = &files[n];
                layout.make_folders(&row.relative_path)?;
                let to = layout.file(&row.relative_path)?;
                match durable::rename_no_replace(file.temp, &to) {
                    Ok(()) => {}
                    // Something that the catalog does not know has the name.
                    Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                    Err(e) => {
                        let name = names::filename_of(&row.relative_path);
                        return Err(StoreError::writing(name, file.size, self.free_space(), e));
                    }
                }
                moved.push((file.temp.to_owned(), to.clone(), None));
                folders.insert(to.parent().unwrap_or(&layout.home).to_owned());
                done.insert(n, meant);
                let mut record = row;
                record.mtime_ns = fs::symlink_metadata(&to)
                    .map_or(record.mtime_ns, |meta| durable::mtime_ns(&meta));
                record.size_bytes = file.size;
                placed.push(record);
            }
            for folder in folders {
                durable::sync_dir(&folder)
                    .map_err(|e| StoreError::io("a folder of the store", e))?;
            }
            write_stored(conn, &placed).map_err(|e| catalog_error("restore files", &e))?;
            Ok(done)
        })
    }
}

/// The rows that wait for these bytes, each for one file alone, where no row with other
/// bytes has the name.
fn waiting(
    conn: &Connection,
    files: &[RestoreFile<'_>],
    chosen: &[usize],
) -> Result<Vec<(usize, FileRecord)>> {
    let run = || -> duckdb::Result<Vec<(usize, FileRecord)>> {
        conn.execute_batch(
            "CREATE OR REPLACE TEMP TABLE restored_batch \
             (n BIGINT, of_sha VARCHAR, of_key VARCHAR, of_path VARCHAR, of_uid VARCHAR)",
        )?;
        let mut keys = HashSet::new();
        let mut appender = conn.appender_to_catalog_and_db("restored_batch", "temp", "main")?;
        for &n in chosen {
            let file = &files[n];
            let key = names::name_key(&names::tame_relative(Path::new(file.relative_path)));
            if keys.insert(key.clone()) {
                appender.append_row(params![
                    n as i64,
                    file.sha256,
                    key,
                    file.relative_path,
                    file.uid
                ])?;
            }
        }
        appender.flush()?;
        drop(appender);
        let taken: HashSet<usize> = conn
            .prepare(
                "SELECT DISTINCT n FROM restored_batch JOIN user_files ON name_key = of_key \
                 WHERE status <> 'trashed' AND sha256 <> of_sha",
            )?
            .query_map([], |r| r.get::<_, i64>(0).map(|n| n as usize))?
            .collect::<duckdb::Result<_>>()?;
        let mut statement = conn.prepare(&format!(
            "SELECT {FILE_COLUMNS}, n FROM restored_batch JOIN user_files ON sha256 = of_sha \
             WHERE status <> 'trashed' \
             AND (name_key = of_key OR (metadata ->> 'restored_from') = of_path) \
             ORDER BY n, uid = of_uid DESC, status <> 'stored' DESC, id"
        ))?;
        let rows = statement.query_map([], |row| {
            Ok((row.get::<_, i64>(12)? as usize, file_from_row(row)?))
        })?;
        let (mut seen, mut used) = (HashSet::<usize>::new(), HashSet::<FileId>::new());
        let mut waiting = Vec::new();
        for row in rows {
            let (n, row) = row?;
            if seen.insert(n) && !taken.contains(&n) && used.insert(row.id) {
                waiting.push((n, row));
            }
        }
        Ok(waiting)
    };
    run().map_err(|e| catalog_error("restore files", &e))
}

fn write_stored(conn: &Connection, rows: &[FileRecord]) -> duckdb::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    conn.execute_batch(
        "CREATE OR REPLACE TEMP TABLE restored_rows (of_id BIGINT, of_size BIGINT, of_mtime BIGINT)",
    )?;
    let mut appender = conn.appender_to_catalog_and_db("restored_rows", "temp", "main")?;
    for row in rows {
        appender.append_row(params![row.id.0, row.size_bytes as i64, row.mtime_ns])?;
    }
    appender.flush()?;
    drop(appender);
    conn.execute_batch(
        "UPDATE user_files SET status = 'stored', size_bytes = of_size, mtime_ns = of_mtime \
         FROM restored_rows WHERE id = of_id",
    )
}
