//! The catalog and the disk, brought to agree again.
//!
//! The disk is right about bytes, the catalog about history. A file without a
//! row is adopted, a row without a file is shown as missing, an edit in place
//! becomes a revision, and the trash is read from its own sidecars. Nothing is
//! ever deleted here.

#[cfg(test)]
mod tests;
mod trash;

use crate::catalog::{append_files, catalog_error};
use crate::import::{fill_temp, hash_stored};
use crate::list::rows_of;
use crate::open::Store;
use crate::record::{FileId, FileRecord, Status};
use crate::seen::{FileState, Seen};
use crate::{Progress, Result, StoreError, names};
use duckdb::Connection;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::ops::ControlFlow;
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

/// A file to be read: not as its row says, or not as the last look saw it.
struct Differing {
    id: i64,
    key: u128,
    was: Option<FileState>,
    now: FileState,
    /// Its row agrees with it.
    in_line: bool,
}

impl Store {
    /// Looks through all of `files/` and the trash. What differs in size, in the time of
    /// its modification or of its last change, or in its inode, is read.
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
        progress.phase("looking through the files");
        let seen = Seen::read(&self.inner.layout);
        if let Some(report) = self.all_as_seen(&seen, progress)? {
            return Ok(report);
        }
        let mut report = ReconcileReport {
            trash_recovered: self.read_trash()?,
            ..ReconcileReport::default()
        };
        // After the trash, whose look counts as a write wherever it is not empty.
        let version = self.inner.catalog.settled(|version, _| version);
        let mut known = self.inner.catalog.read(known_rows)?;
        progress.set_total(None, Some(known.len() as u64));

        let mut orphans = Vec::new();
        let mut differing: Vec<Differing> = Vec::new();
        let mut now_seen = Seen::default();
        let mut keeps_inodes = false;
        self.walk(&mut report, progress, &mut |relative, meta| {
            progress.advance(0, 1);
            let (key, now) = (path_key(&relative), FileState::of(meta));
            let Some(row) = known.get_mut(&key) else {
                orphans.push((relative, now.size));
                return ControlFlow::Continue(());
            };
            row.seen = true;
            let same = row.size == now.size && row.mtime_ns == now.mtime;
            let was = seen.get(key);
            keeps_inodes |= was.is_some_and(|was| was.inode == now.inode);
            let in_line = same && row.hashed && row.status == Status::Stored;
            if !in_line || was.is_some_and(|was| now.was_touched(&was)) {
                differing.push(Differing {
                    id: row.id,
                    key,
                    was,
                    now,
                    in_line,
                });
            } else {
                now_seen.add(key, &now);
            }
            ControlFlow::Continue(())
        })?;
        let gone: Vec<i64> = known
            .values()
            .filter(|row| !row.seen && row.status == Status::Stored)
            .map(|row| row.id)
            .collect();
        drop(known);

        report.missing = self.mark_missing(&gone)?;
        // What the catalog tells wrong comes first where not all can be read.
        differing.sort_by_key(|file| file.in_line);
        for file in differing {
            let (was, now) = (file.was, file.now);
            // Some file systems number their files anew each time they are mounted.
            let renumbered =
                file.in_line && !keeps_inodes && was.is_some_and(|was| now.was_renumbered(&was));
            let is_known = if renumbered {
                true
            } else if spend(&mut budget, now.size) {
                self.settle(FileId(file.id), &mut report, progress)?
            } else {
                report.postponed += 1;
                false
            };
            // Of what was not read, the next look finds the same difference.
            if let Some(state) = Some(now).filter(|_| is_known).or(was) {
                now_seen.add(file.key, &state);
            }
        }
        self.adopt_all(orphans, &mut budget, &mut report, progress)?;

        now_seen.sort();
        now_seen.stamp = self.inner.catalog.settled(|now, stamp| {
            let at_rest = now == version && report.postponed == 0;
            stamp.filter(|_| at_rest)
        });
        if now_seen != seen {
            now_seen.keep(&self.inner.layout);
        }
        Ok(report)
    }

    /// What there is to report where neither the catalog nor a single file differs from
    /// what the last look saw: costs one look at each file, and none into the catalog.
    fn all_as_seen(&self, seen: &Seen, progress: &dyn Progress) -> Result<Option<ReconcileReport>> {
        let stamp = self.inner.catalog.settled(|_, stamp| stamp);
        if stamp.is_none() || stamp != seen.stamp {
            return Ok(None);
        }
        let mut report = ReconcileReport::default();
        let (mut as_seen, mut other) = (0, false);
        self.walk(&mut report, progress, &mut |relative, meta| {
            other = seen.get(path_key(&relative)) != Some(FileState::of(meta));
            if other {
                return ControlFlow::Break(());
            }
            as_seen += 1;
            ControlFlow::Continue(())
        })?;
        let all = !other && as_seen == seen.len() && report.is_quiet();
        Ok(all.then_some(report))
    }

    /// Every file below `files/` with its name there. What is none, or has no name that
    /// can be listed, is counted.
    fn walk(
        &self,
        report: &mut ReconcileReport,
        progress: &dyn Progress,
        each: &mut dyn FnMut(String, &Metadata) -> ControlFlow<()>,
    ) -> Result<()> {
        let files = self.inner.layout.files();
        for entry in WalkDir::new(&files) {
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
            match entry.metadata() {
                Ok(meta) if each(relative, &meta).is_break() => break,
                Ok(_) => {}
                Err(_) => report.unreadable += 1,
            }
        }
        Ok(())
    }

    fn mark_missing(&self, ids: &[i64]) -> Result<u64> {
        let mut missing = 0;
        for chunk in ids.chunks(BATCH) {
            missing += self.inner.catalog.write(|conn| {
                // It may have been moved to the trash since the walk.
                let is_gone = |record: &FileRecord| {
                    let path = self.inner.layout.file(&record.relative_path);
                    record.status == Status::Stored && path.map_or(true, |p| is_absent(&p))
                };
                let gone: Vec<i64> = rows_of(conn, chunk)?
                    .iter()
                    .filter(|record| is_gone(record))
                    .map(|record| record.id.0)
                    .collect();
                set_missing(conn, &gone)?;
                Ok(gone.len() as u64)
            })?;
        }
        Ok(missing)
    }

    /// Reads one file that differs and brings its row in line. Answers whether it was read.
    fn settle(
        &self,
        id: FileId,
        report: &mut ReconcileReport,
        progress: &dyn Progress,
    ) -> Result<bool> {
        use crate::verify::Look;
        let record = match self.get(id) {
            Ok(record) => record,
            Err(StoreError::NotFound) => return Ok(false),
            Err(e) => return Err(e),
        };
        if matches!(record.status, Status::Trashed) {
            return Ok(false);
        }
        match self.look_at(&record, progress) {
            Ok(Look::Same) if record.status == Status::Missing => report.returned += 1,
            Ok(Look::Same) => {}
            Ok(Look::Changed(_)) => {
                report.edited += 1;
                self.inner.edits_seen.lock().insert(id);
            }
            Ok(Look::Missing(_)) => {
                report.missing += 1;
                return Ok(false);
            }
            Err(e @ (StoreError::Cancelled | StoreError::Busy { .. })) => return Err(e),
            Err(_) => {
                report.unreadable += 1;
                return Ok(false);
            }
        }
        Ok(true)
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

fn set_status(conn: &Connection, id: i64, status: Status) -> Result<()> {
    conn.execute(
        "UPDATE user_files SET status = ? WHERE id = ?",
        duckdb::params![status.as_str(), id],
    )
    .map(|_| ())
    .map_err(|e| catalog_error("update a file", &e))
}

/// All at once: one by one, each would go through the whole table.
fn set_missing(conn: &Connection, ids: &[i64]) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    conn.execute(
        "UPDATE user_files SET status = ? \
         WHERE id IN (SELECT unnest(string_split(?, ',')::BIGINT[])) AND status = 'stored'",
        [Status::Missing.as_str(), &ids.join(",")],
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

/// What cannot be looked at, as in a folder without permission, is not gone.
fn is_absent(path: &std::path::Path) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    fs::symlink_metadata(path).is_err_and(|e| matches!(e.kind(), NotFound | NotADirectory))
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
