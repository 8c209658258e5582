//! What a backup takes from a store: plain data and a copy of the catalog.

use crate::catalog::catalog_error;
use crate::list::ListQuery;
use crate::open::Store;
use crate::record::{FileId, Status};
use crate::{Result, StoreError, durable, layout};
use duckdb::Connection;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::File;
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
    pub status: Status,
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

    /// Files (by uid) that a person deleted: in the trash now, or gone with it. A row
    /// that is merely not there any more is not among them.
    pub fn deleted_uids(&self) -> Result<HashSet<String>> {
        self.inner.catalog.read(|conn| {
            let run = || -> duckdb::Result<HashSet<String>> {
                let mut sql = "SELECT uid FROM user_files WHERE status = 'trashed'".to_owned();
                if has_deleted(conn)? {
                    sql += " UNION SELECT uid FROM redline_deleted";
                }
                conn.prepare(&sql)?.query_map([], |r| r.get(0))?.collect()
            };
            run().map_err(|e| catalog_error("read what was deleted", &e))
        })
    }

    /// Every file whose bytes are known, here or not, in id order.
    pub fn files_for_backup(&self) -> Result<Vec<BackupFile>> {
        let mut files = Vec::new();
        let mut refused = None;
        self.for_each(
            &ListQuery {
                reverse: true,
                ..ListQuery::default()
            },
            &mut |f| {
                if f.status == Status::Trashed || f.sha256.is_empty() {
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
                        status: f.status,
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
}

/// Whether anything was ever deleted for good: the table comes with the first time.
pub(crate) fn has_deleted(conn: &Connection) -> duckdb::Result<bool> {
    conn.query_row(
        "SELECT count(*) > 0 FROM duckdb_tables() \
         WHERE table_name = 'redline_deleted' AND database_name = current_database()",
        [],
        |r| r.get(0),
    )
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
