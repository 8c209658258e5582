//! The trash against the catalog: rows that it lost, and rows that were on their way into
//! or out of the trash when the process died.

use super::set_status;
use crate::catalog::{append_files, catalog_error};
use crate::layout::Layout;
use crate::open::Store;
use crate::record::{FileRecord, Status};
use crate::{Result, StoreError, names};
use duckdb::Connection;
use std::collections::{HashMap, HashSet};
use std::fs;

impl Store {
    /// Rows of the trash that the catalog lost, and rows that were on their way
    /// into or out of it when the process died.
    pub(super) fn read_trash(&self) -> Result<u64> {
        let layout = &self.inner.layout;
        let entries = fs::read_dir(layout.trash()).map_err(|e| StoreError::io("the trash", e))?;
        let sidecars: Vec<FileRecord> = entries
            .flatten()
            .filter(|e| e.path().extension().is_some_and(|x| x == "json"))
            .filter_map(|e| serde_json::from_slice(&fs::read(e.path()).ok()?).ok())
            .collect();
        let strays = self
            .inner
            .catalog
            .read(|conn| in_place_yet_trashed(layout, conn))?;
        if sidecars.is_empty() && strays.is_empty() {
            return Ok(0);
        }
        self.inner.catalog.write(|conn| {
            let mut lost = Vec::new();
            let mut recovered = 0;
            // Brought back, but the row did not follow, or was lost with the log.
            for id in strays {
                conn.execute(
                    "UPDATE user_files SET status = 'stored', metadata = \
                     json_merge_patch(coalesce(metadata, '{}'), '{\"deleted_at\":null}') WHERE id = ?",
                    [id],
                )
                .map_err(|e| catalog_error("update a file", &e))?;
                recovered += 1;
            }
            let states = states_by_uid(conn)?;
            for mut record in sidecars {
                let in_trash = layout.trash().join(&record.uid).exists();
                match states.get(&record.uid) {
                    // Moved, but the row did not follow.
                    Some((id, Status::Stored | Status::Missing)) if in_trash => {
                        set_status(conn, *id, Status::Trashed)?;
                        recovered += 1;
                    }
                    // Brought back under another name, but the row did not follow.
                    Some((id, Status::Trashed)) if !in_trash => {
                        recovered += u64::from(follow(layout, conn, *id, &record)?);
                    }
                    Some(_) => {}
                    None if in_trash => {
                        record.status = Status::Trashed;
                        lost.push(record);
                    }
                    // Emptied: only the sidecar was left.
                    None => {}
                }
            }
            recovered += lost.len() as u64;
            append_files(conn, &mut lost)?;
            Ok(recovered)
        })
    }
}

/// Rows of the trash whose bytes are not there but under their own name, which no
/// other row has.
fn in_place_yet_trashed(layout: &Layout, conn: &Connection) -> Result<Vec<i64>> {
    let run = || -> duckdb::Result<Vec<(i64, String, String, i64)>> {
        conn.prepare(
            "SELECT id, uid, relative_path, coalesce(size_bytes, 0) FROM user_files t WHERE status = 'trashed' \
             AND NOT EXISTS (SELECT 1 FROM user_files o WHERE o.status <> 'trashed' AND o.name_key = t.name_key)",
        )?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?)))?
        .collect()
    };
    let rows = run().map_err(|e| catalog_error("read the trash", &e))?;
    let mut claimed = HashSet::new();
    Ok(rows
        .into_iter()
        .filter(|(_, uid, path, size)| {
            fs::symlink_metadata(layout.trash().join(uid)).is_err()
                && layout
                    .file(path)
                    .ok()
                    .and_then(|p| fs::symlink_metadata(p).ok())
                    .is_some_and(|m| m.is_file() && m.len() == *size as u64)
        })
        // Two of one name were deleted: the bytes are one's.
        .filter(|(_, _, path, _)| claimed.insert(names::name_key(path)))
        .map(|(id, ..)| id)
        .collect())
}

/// Brings a row of the trash to where its bytes lie under the name that was noted
/// for their way back; answers whether they do.
fn follow(layout: &Layout, conn: &Connection, id: i64, noted: &FileRecord) -> Result<bool> {
    let lies_there = layout
        .file(&noted.relative_path)
        .ok()
        .and_then(|path| fs::symlink_metadata(path).ok())
        .is_some_and(|about| about.is_file() && about.len() == noted.size_bytes);
    if !lies_there {
        return Ok(false);
    }
    // Another row may have the name since: then the bytes are that one's.
    conn.execute(
        "UPDATE user_files SET status = 'stored', relative_path = ?, filename = ?, name_key = ?, \
         metadata = json_merge_patch(coalesce(metadata, '{}'), '{\"deleted_at\":null}') \
         WHERE id = ? AND status = 'trashed' AND NOT EXISTS ( \
             SELECT 1 FROM user_files o WHERE o.status <> 'trashed' AND o.name_key = ?)",
        duckdb::params![
            noted.relative_path,
            names::filename_of(&noted.relative_path),
            names::name_key(&noted.relative_path),
            id,
            names::name_key(&noted.relative_path),
        ],
    )
    .map(|rows| rows > 0)
    .map_err(|e| catalog_error("update a file", &e))
}

fn states_by_uid(conn: &Connection) -> Result<HashMap<String, (i64, Status)>> {
    let run = || -> duckdb::Result<HashMap<String, (i64, Status)>> {
        conn.prepare("SELECT uid, id, status FROM user_files")?
            .query_map([], |r| {
                Ok((
                    r.get(0)?,
                    (r.get(1)?, Status::parse(&r.get::<_, String>(2)?)),
                ))
            })?
            .collect()
    };
    run().map_err(|e| catalog_error("read the trash", &e))
}
