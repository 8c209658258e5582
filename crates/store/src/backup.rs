//! What a backup takes from a store: plain data and a copy of the catalog.

use crate::catalog::{Stamp, catalog_error};
use crate::layout::Layout;
use crate::open::Store;
use crate::record::{FileId, Status};
use crate::{Result, StoreError, durable, layout};
use duckdb::Connection;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
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
        self.snapshot_with(into, &[])
    }

    /// As [`Store::snapshot`]; it carries small files of ours too, name and text.
    pub fn snapshot_with(&self, into: &Path, kept: &[(&str, String)]) -> Result<Snapshot> {
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
                    .and_then(|()| carry(conn, kept))
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

    /// Tells this state of the catalog from every other, in later processes too: equal
    /// marks mean equal rows. `None` where the catalog cannot be looked at.
    pub fn mark(&self) -> Option<String> {
        let catalog = &self.inner.catalog;
        let stamp = || catalog.settled(|_, stamp| stamp);
        if stamp()?.wal > 0 {
            // Folded in sooner or later, which would give the same rows another mark.
            catalog.close();
        }
        let Stamp { len, mtime, wal } = stamp()?;
        Some(format!("{len}-{mtime}-{wal}"))
    }

    /// Every file whose bytes are known, here or not, in id order.
    pub fn files_for_backup(&self) -> Result<Vec<BackupFile>> {
        let mut files = Vec::new();
        let mut folders = CheckedFolders::new(&self.inner.layout);
        // By key, a piece at a time: a result lives in memory as a whole.
        loop {
            let last = files.last().map_or(i64::MIN, |file: &BackupFile| file.id.0);
            let rows = self.inner.catalog.read(|conn| rows_behind(conn, last))?;
            if rows.is_empty() {
                return Ok(files);
            }
            for mut file in rows {
                file.path = folders.path_of(&file.relative_path)?;
                files.push(file);
            }
        }
    }
}

const PIECE: usize = 50_000;

/// Without their paths.
fn rows_behind(conn: &Connection, last: i64) -> Result<Vec<BackupFile>> {
    let run = || -> duckdb::Result<Vec<BackupFile>> {
        conn.prepare(&format!(
            "SELECT id, uid, relative_path, coalesce(size_bytes, 0), sha256, mtime_ns, status \
             FROM user_files WHERE status <> 'trashed' AND sha256 <> '' AND id > ? \
             ORDER BY id LIMIT {PIECE}"
        ))?
        .query_map([last], |r| {
            Ok(BackupFile {
                id: FileId(r.get(0)?),
                uid: r.get(1)?,
                relative_path: r.get(2)?,
                size_bytes: r.get::<_, i64>(3)?.max(0) as u64,
                sha256: r.get(4)?,
                path: PathBuf::new(),
                mtime_ns: r.get(5)?,
                status: Status::parse(&r.get::<_, String>(6)?),
            })
        })?
        .collect()
    };
    run().map_err(|e| catalog_error("read the catalog", &e))
}

/// Where files lie, with one look for links at each of their folders.
struct CheckedFolders<'a> {
    layout: &'a Layout,
    checked: HashMap<String, PathBuf>,
}

impl<'a> CheckedFolders<'a> {
    fn new(layout: &'a Layout) -> Self {
        Self {
            layout,
            checked: HashMap::new(),
        }
    }

    fn path_of(&mut self, relative: &str) -> Result<PathBuf> {
        let Some((folder, name)) = relative.rsplit_once('/') else {
            return self.layout.file(relative);
        };
        if let Some(folder) = self.checked.get(folder)
            && !["", ".", ".."].contains(&name)
            && !name.contains(['\\', '\0'])
        {
            return Ok(folder.join(name));
        }
        let path = self.layout.file(relative)?;
        if let Some(above) = path.parent() {
            self.checked.insert(folder.to_owned(), above.to_owned());
        }
        Ok(path)
    }
}

fn carry(conn: &Connection, kept: &[(&str, String)]) -> duckdb::Result<()> {
    if kept.is_empty() {
        return Ok(());
    }
    conn.execute_batch("CREATE TABLE snap.redline_kept (name VARCHAR NOT NULL, value VARCHAR)")?;
    for (name, value) in kept {
        conn.execute(
            "INSERT INTO snap.redline_kept VALUES (?, ?)",
            [*name, value.as_str()],
        )?;
    }
    Ok(())
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
