//! The catalog and the disk, brought to agree again.
//!
//! The disk is right about bytes, the catalog about history. A file without a
//! row is adopted, a row without a file is shown as missing, an edit in place
//! becomes a revision, and the trash is read from its own sidecars. Nothing is
//! ever deleted here.

use crate::catalog::{append_files, catalog_error};
use crate::import::{fill_temp, hash_stored};
use crate::layout::Layout;
use crate::list::rows_of;
use crate::open::Store;
use crate::record::{FileId, FileRecord, Status};
use crate::{Progress, Result, StoreError, durable, names};
use duckdb::Connection;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::fs;
use walkdir::WalkDir;

/// Rows added in one transaction.
const BATCH: usize = 10_000;

/// What a look through `files/` found and mended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReconcileReport {
    /// Files without a row, now listed.
    pub adopted: u64,
    /// Rows whose file is gone; shown as missing.
    pub missing: u64,
    /// Missing files that are back.
    pub returned: u64,
    /// Edited in place by another program; recorded as new revisions.
    pub edited: u64,
    /// Trashed files whose rows were brought back from their sidecars.
    pub trash_recovered: u64,
    /// Links in the store, left alone and not followed.
    pub links: u64,
    /// Names that are not Unicode, left alone.
    pub unnamable: u64,
    /// Could not be read now; they are looked at again next time.
    pub unreadable: u64,
    /// Left for the background, to keep opening quick.
    pub postponed: u64,
}

impl ReconcileReport {
    /// Whether nothing had to be mended.
    pub fn is_quiet(&self) -> bool {
        *self
            == ReconcileReport {
                links: self.links,
                unnamable: self.unnamable,
                ..Default::default()
            }
    }
}

/// A row as the walk needs it: 48 bytes, so that a million fit.
struct Known {
    id: i64,
    size: u64,
    mtime_ns: i64,
    status: Status,
    hashed: bool,
    seen: bool,
}

impl Store {
    /// Looks through all of `files/` and the trash.
    ///
    /// # Errors
    /// [`StoreError::Cancelled`], [`StoreError::Busy`].
    pub fn reconcile(&self, progress: &dyn Progress) -> Result<ReconcileReport> {
        self.sweep(None, progress)
    }

    /// As [`Store::reconcile`]; with a budget, files beyond it that need to be
    /// read are postponed.
    pub(crate) fn sweep(
        &self,
        mut budget: Option<u64>,
        progress: &dyn Progress,
    ) -> Result<ReconcileReport> {
        let mut report = ReconcileReport::default();
        progress.phase("looking through the files");
        report.trash_recovered = self.read_trash()?;
        let mut known = self.inner.catalog.read(known_rows)?;
        progress.set_total(None, Some(known.len() as u64));

        let files = self.inner.layout.files();
        let mut orphans = Vec::new();
        let mut suspects = Vec::new();
        for entry in WalkDir::new(&files).into_iter() {
            if progress.is_cancelled() {
                return Err(StoreError::Cancelled);
            }
            let Ok(entry) = entry else {
                report.unreadable += 1;
                continue;
            };
            let kind = entry.file_type();
            if kind.is_symlink() {
                report.links += 1;
                continue;
            }
            if !kind.is_file() {
                continue;
            }
            let Some(relative) = relative_name(&files, entry.path()) else {
                report.unnamable += 1;
                continue;
            };
            progress.advance(0, 1);
            match (known.get_mut(&path_key(&relative)), entry.metadata()) {
                (Some(row), Ok(meta)) => {
                    row.seen = true;
                    let same = row.size == meta.len() && row.mtime_ns == durable::mtime_ns(&meta);
                    if !same || !row.hashed || row.status != Status::Stored {
                        suspects.push((row.id, meta.len()));
                    }
                }
                (None, Ok(meta)) => orphans.push((relative, meta.len())),
                (_, Err(_)) => report.unreadable += 1,
            }
        }
        let gone: Vec<i64> = known
            .values()
            .filter(|row| !row.seen && row.status == Status::Stored)
            .map(|row| row.id)
            .collect();
        drop(known);

        report.missing = self.mark_missing(&gone)?;
        for (id, size) in suspects {
            if !spend(&mut budget, size) {
                report.postponed += 1;
                continue;
            }
            self.settle(FileId(id), &mut report, progress)?;
        }
        self.adopt_all(orphans, &mut budget, &mut report, progress)?;
        Ok(report)
    }

    /// Rows of the trash that the catalog lost, and rows that were on their way
    /// into or out of it when the process died.
    fn read_trash(&self) -> Result<u64> {
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

    fn mark_missing(&self, ids: &[i64]) -> Result<u64> {
        let mut missing = 0;
        for chunk in ids.chunks(BATCH) {
            missing += self.inner.catalog.write(|conn| {
                let mut n = 0;
                for record in rows_of(conn, chunk)? {
                    // It may have been moved to the trash since the walk.
                    let gone = record.status == Status::Stored
                        && self
                            .inner
                            .layout
                            .file(&record.relative_path)
                            .map_or(true, |p| fs::symlink_metadata(p).is_err());
                    if gone {
                        set_status(conn, record.id.0, Status::Missing)?;
                        n += 1;
                    }
                }
                Ok(n)
            })?;
        }
        Ok(missing)
    }

    /// Reads one file that differs from its row and brings the row in line.
    fn settle(
        &self,
        id: FileId,
        report: &mut ReconcileReport,
        progress: &dyn Progress,
    ) -> Result<()> {
        use crate::verify::Look;
        let record = match self.get(id) {
            Ok(record) => record,
            Err(StoreError::NotFound) => return Ok(()),
            Err(e) => return Err(e),
        };
        if matches!(record.status, Status::Trashed) {
            return Ok(());
        }
        match self.look_at(&record, progress) {
            Ok(Look::Same) if record.status == Status::Missing => report.returned += 1,
            Ok(Look::Same) => {}
            Ok(Look::Changed(_)) => {
                report.edited += 1;
                self.inner.edits_seen.lock().insert(id);
            }
            Ok(Look::Missing(_)) => report.missing += 1,
            Err(e @ (StoreError::Cancelled | StoreError::Busy { .. })) => return Err(e),
            Err(_) => report.unreadable += 1,
        }
        Ok(())
    }

    fn adopt_all(
        &self,
        orphans: Vec<(String, u64)>,
        budget: &mut Option<u64>,
        report: &mut ReconcileReport,
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut batch = Vec::new();
        for (relative, size) in orphans {
            if !spend(budget, size) {
                report.postponed += 1;
                continue;
            }
            let path = self.inner.layout.file(&relative)?;
            let filename = names::filename_of(&relative).to_owned();
            match hash_stored(&path, &filename, progress) {
                Ok((copied, mtime_ns)) => {
                    let kind = (self.inner.options.classify)(&copied.head, &filename);
                    batch.push(FileRecord {
                        id: FileId(0),
                        uid: ulid::Ulid::new().to_string(),
                        original_filename: filename.clone(),
                        filename,
                        relative_path: relative,
                        file_type: kind.file_type.into(),
                        format: kind.format.into(),
                        size_bytes: copied.size,
                        sha256: copied.sha256,
                        uploaded_at: added_at(mtime_ns),
                        status: Status::Stored,
                        metadata: serde_json::json!({ "adopted": true }),
                        mtime_ns,
                    });
                }
                Err(StoreError::Cancelled) => return Err(StoreError::Cancelled),
                Err(StoreError::SourceVanished { .. }) => {}
                Err(_) => report.unreadable += 1,
            }
            if batch.len() >= BATCH {
                report.adopted += self.adopt(std::mem::take(&mut batch))?;
            }
        }
        report.adopted += self.adopt(batch)?;
        Ok(())
    }

    /// Adds rows for files that still lie there and that nobody else added in
    /// the meantime: while we hold the lease, no import is half way.
    fn adopt(&self, batch: Vec<FileRecord>) -> Result<u64> {
        if batch.is_empty() {
            return Ok(0);
        }
        self.inner.catalog.write(|conn| {
            let run = || -> duckdb::Result<HashSet<String>> {
                let paths = batch.iter().map(|r| r.relative_path.as_str());
                fill_temp(conn, "found_paths", paths)?;
                conn.prepare(
                    "SELECT relative_path FROM user_files WHERE status <> 'trashed'
                     AND relative_path IN (SELECT text FROM found_paths)",
                )?
                .query_map([], |r| r.get(0))?
                .collect()
            };
            let known = run().map_err(|e| catalog_error("adopt files", &e))?;
            let mut rows: Vec<FileRecord> = batch
                .into_iter()
                .filter(|record| {
                    !known.contains(&record.relative_path)
                        && self
                            .inner
                            .layout
                            .file(&record.relative_path)
                            .is_ok_and(|p| fs::symlink_metadata(p).is_ok_and(|m| m.is_file()))
                })
                .collect();
            append_files(conn, &mut rows)?;
            Ok(rows.len() as u64)
        })
    }
}

fn known_rows(conn: &Connection) -> Result<HashMap<u128, Known>> {
    let run = || -> duckdb::Result<HashMap<u128, Known>> {
        let mut known = HashMap::new();
        let mut last = i64::MIN;
        loop {
            // By key, a piece at a time: a result lives in memory as a whole.
            let mut statement = conn.prepare(
                "SELECT id, relative_path, coalesce(size_bytes, 0), mtime_ns, status, sha256 <> ''
                 FROM user_files WHERE status <> 'trashed' AND id > ? ORDER BY id LIMIT 50000",
            )?;
            let mut rows = statement.query([last])?;
            let before = last;
            while let Some(row) = rows.next()? {
                last = row.get(0)?;
                known.insert(
                    path_key(&row.get::<_, String>(1)?),
                    Known {
                        id: last,
                        size: row.get::<_, i64>(2)?.max(0) as u64,
                        mtime_ns: row.get(3)?,
                        status: Status::parse(&row.get::<_, String>(4)?),
                        hashed: row.get(5)?,
                        seen: false,
                    },
                );
            }
            if last == before {
                return Ok(known);
            }
        }
    };
    run().map_err(|e| catalog_error("read the catalog", &e))
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

fn set_status(conn: &Connection, id: i64, status: Status) -> Result<()> {
    conn.execute(
        "UPDATE user_files SET status = ? WHERE id = ?",
        duckdb::params![status.as_str(), id],
    )
    .map(|_| ())
    .map_err(|e| catalog_error("update a file", &e))
}

/// 128 bits of the path's digest: a million paths in 16 MB, and no two alike.
fn path_key(relative: &str) -> u128 {
    let digest = Sha256::digest(relative.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    u128::from_le_bytes(bytes)
}

fn relative_name(files: &std::path::Path, path: &std::path::Path) -> Option<String> {
    let below = path.strip_prefix(files).ok()?;
    let parts: Option<Vec<&str>> = below.iter().map(|p| p.to_str()).collect();
    let relative = parts?.join("/");
    // A backslash would be a separator elsewhere.
    (!relative.contains('\\')).then_some(relative)
}

fn spend(budget: &mut Option<u64>, bytes: u64) -> bool {
    match budget {
        None => true,
        Some(left) if *left >= bytes => {
            *left -= bytes;
            true
        }
        Some(_) => false,
    }
}

/// A file that came by itself is as old as its last change.
fn added_at(mtime_ns: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_microsecond(mtime_ns / 1000).unwrap_or_default()
}
