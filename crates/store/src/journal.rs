//! What was about to become a row, written before it did.
//!
//! One append-only file of JSON lines for each piece of work. A line is durable
//! before the bytes it speaks of get their final name, and the file stays until
//! a checkpoint has folded the rows into the catalog itself: should the
//! catalog's own log be lost, the rows are here.

use crate::catalog::Catalog;
use crate::conversions::{self, ConversionRecord};
use crate::layout::Layout;
use crate::record::FileRecord;
use crate::tables::{self, TableRecord};
use crate::{Result, StoreError, catalog, durable, names, partial};
use duckdb::Connection;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(crate) enum Line {
    Files { rows: Vec<FileRecord> },
    Conversion { row: Box<ConversionRecord> },
    Table { row: Box<TableRecord> },
    TableDropped { uid: String },
}

pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    len: u64,
}

impl Journal {
    pub fn create(layout: &Layout, name: &str) -> Result<Self> {
        let path = layout.journal().join(format!("{name}.jsonl"));
        let file = durable::private_new()
            .open(&path)
            .and_then(|f| durable::sync_dir(&layout.journal()).map(|()| f))
            .map_err(|e| StoreError::writing("the journal", 0, 0, e))?;
        Ok(Self { file, path, len: 0 })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Durable when this returns.
    pub fn append(&mut self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_vec(line).map_err(|e| StoreError::Damaged {
            what: "the journal".into(),
            detail: e.to_string(),
        })?;
        text.push(b'\n');
        self.file
            .write_all(&text)
            .and_then(|()| self.file.sync_data())
            .map_err(|e| StoreError::writing("the journal", text.len() as u64, 0, e))?;
        self.len += text.len() as u64;
        Ok(())
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    /// Takes back the lines after `len`: what they announced was undone.
    pub fn truncate(&mut self, len: u64) {
        let undone = self
            .file
            .set_len(len)
            .and_then(|()| self.file.seek(SeekFrom::Start(len)))
            .and_then(|_| self.file.sync_data());
        if let Err(e) = undone {
            // Harmless: replaying looks at the disk before it believes a line.
            tracing::warn!(error = %e, "a journal line could not be taken back");
        }
        self.len = len;
    }
}

/// Reads a journal up to the first line that is torn.
fn read(path: &Path) -> Vec<Line> {
    let Ok(file) = durable::open_no_follow(path) else {
        return Vec::new();
    };
    BufReader::new(file)
        .split(b'\n')
        .map_while(|line| serde_json::from_slice(&line.ok()?).ok())
        .collect()
}

/// What [`replay`] found.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// Journals whose process is gone.
    pub journals: u64,
    /// Their rows that were missing from the catalog.
    pub rows: u64,
}

/// Brings back the rows of journals whose process is gone. The journals go when
/// the catalog is closed next.
pub(crate) fn replay(layout: &Layout, catalog: &Catalog) -> Result<Replayed> {
    let entries = fs::read_dir(layout.journal()).map_err(|e| StoreError::io("the journal", e))?;
    let mut dead = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.extension().is_some_and(|e| e == "jsonl") && !partial::is_alive(layout, &name) {
            dead.push(path);
        }
    }
    dead.sort();
    let mut replayed = Replayed::default();
    // Journals of one moment are in no order: what any of them dropped stays dropped, and
    // makes room for a new table of its name.
    let dropped: HashSet<String> = dead
        .iter()
        .flat_map(|path| read(path))
        .filter_map(|line| match line {
            Line::TableDropped { uid } => Some(uid),
            _ => None,
        })
        .collect();
    if !dropped.is_empty() {
        catalog.write(|conn| dropped.iter().try_for_each(|uid| tables::delete(conn, uid)))?;
    }
    for path in dead {
        replayed.journals += 1;
        replayed.rows += catalog.write(|conn| {
            let mut n = 0;
            for line in read(&path) {
                n += match line {
                    Line::Files { rows } => bring_back_files(layout, conn, rows)?,
                    Line::Conversion { row } => conversions::bring_back(conn, &row)?,
                    Line::Table { row } if dropped.contains(&row.uid) => 0,
                    Line::Table { row } => tables::bring_back(conn, &row)?,
                    Line::TableDropped { .. } => 0,
                };
            }
            Ok(n)
        })?;
        catalog.journal_is_committed(path);
    }
    Ok(replayed)
}

/// Inserts the rows that the catalog lacks and whose bytes lie where the row says.
fn bring_back_files(layout: &Layout, conn: &Connection, rows: Vec<FileRecord>) -> Result<u64> {
    let known = column(conn, "SELECT uid FROM user_files")?;
    let taken = column(
        conn,
        "SELECT name_key FROM user_files WHERE status <> 'trashed'",
    )?;
    let mut missing: Vec<FileRecord> = rows
        .into_iter()
        .filter(|row| {
            !known.contains(&row.uid)
                && !taken.contains(&names::name_key(&row.relative_path))
                && layout
                    .file(&row.relative_path)
                    .ok()
                    .and_then(|path| fs::symlink_metadata(path).ok())
                    .is_some_and(|m| {
                        m.is_file()
                            && m.len() == row.size_bytes
                            && durable::mtime_ns(&m) == row.mtime_ns
                    })
        })
        .collect();
    if !missing.is_empty() {
        catalog::append_files(conn, &mut missing)?;
    }
    Ok(missing.len() as u64)
}

fn column(conn: &Connection, sql: &str) -> Result<HashSet<String>> {
    let run = || -> duckdb::Result<HashSet<String>> {
        conn.prepare(sql)?.query_map([], |r| r.get(0))?.collect()
    };
    run().map_err(|e| catalog::catalog_error("read the catalog", &e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_last_line_does_not_hide_the_ones_before() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path(), "0123456789abcdef");
        layout.create().unwrap();
        let mut journal = Journal::create(&layout, "x").unwrap();
        journal.append(&Line::Files { rows: vec![] }).unwrap();
        let kept = journal.len();
        journal.append(&Line::Files { rows: vec![] }).unwrap();
        let path = journal.path().to_owned();
        let text = fs::read(&path).unwrap();
        fs::write(&path, &text[..text.len() - 5]).unwrap();
        assert_eq!(read(&path).len(), 1);
        journal.truncate(kept);
        journal.append(&Line::Files { rows: vec![] }).unwrap();
        assert_eq!(read(&path).len(), 2);
    }
}
