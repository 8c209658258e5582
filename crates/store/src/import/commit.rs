//! A batch becomes part of the store. The order is the promise: data durable,
//! journal durable, renames, folders durable, rows durable, and then told.

use super::stage::Staged;
use super::{OnDuplicate, Origin, make_durable};
use crate::catalog::{FILE_COLUMNS, append_files, catalog_error, file_from_row};
use crate::journal::{Journal, Line};
use crate::layout::Layout;
use crate::open::Store;
use crate::partial::ScratchDir;
use crate::record::{FileId, FileRecord, Status};
use crate::{Result, StoreError, durable, names};
use duckdb::Connection;
use jiff::Timestamp;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

pub(crate) enum Outcome {
    Stored(Box<FileRecord>),
    Already(Origin, Box<FileRecord>),
    Failed(Origin, StoreError),
}

pub(crate) struct Committer<'a> {
    store: &'a Store,
    dir: PathBuf,
    journal: Option<Journal>,
    name: String,
    on_duplicate: OnDuplicate,
    /// Ids this import gave out, as ranges: what it brought in itself is no
    /// reason to skip.
    own: Vec<(i64, i64)>,
}

impl<'a> Committer<'a> {
    pub fn new(store: &'a Store, scratch: &ScratchDir, on_duplicate: OnDuplicate) -> Result<Self> {
        Ok(Self {
            store,
            dir: scratch.path().to_owned(),
            journal: None,
            name: scratch.name().to_owned(),
            on_duplicate,
            own: Vec::new(),
        })
    }

    /// Commits all or, if the catalog or the disk refuses, nothing of the batch.
    pub fn commit(&mut self, batch: Vec<Staged>) -> Result<Vec<Outcome>> {
        let layout = &self.store.inner.layout;
        // Outside the lease: others need not wait while data goes to the disk.
        let partials: Vec<PathBuf> = batch.iter().map(|s| s.partial.clone()).collect();
        if let Err(e) = make_durable(&self.dir, &partials) {
            return Ok(fail_all(batch, &e));
        }
        if self.journal.is_none() {
            self.journal = Some(Journal::create(layout, &self.name)?);
        }
        let Some(journal) = &mut self.journal else {
            return Err(StoreError::NotFound);
        };
        let journaled = journal.len();
        let mut placed: Vec<PathBuf> = Vec::new();
        let (own, on_duplicate) = (&self.own, self.on_duplicate);
        let mut origins: Vec<Origin> = batch.iter().map(|s| s.origin.clone()).collect();
        let result = self.store.inner.catalog.write(|conn| {
            let already = match on_duplicate {
                OnDuplicate::Skip => stored_before(conn, &batch, own)?,
                OnDuplicate::Keep => HashMap::new(),
            };
            let mut outcomes = Vec::new();
            let mut rows = Vec::new();
            let mut partials = Vec::new();
            for staged in batch {
                match already.get(&staged.sha256) {
                    Some(record) => {
                        outcomes.push(Outcome::Already(staged.origin, Box::new(record.clone())));
                    }
                    None => {
                        partials.push(staged.partial.clone());
                        rows.push(new_row(staged));
                    }
                }
            }
            choose_names(conn, &mut rows)?;
            if !rows.is_empty() {
                journal.append(&Line::Files { rows: rows.clone() })?;
                place(layout, journal, &mut rows, &partials, &mut placed)?;
                append_files(conn, &mut rows)?;
            }
            Ok((outcomes, rows))
        });
        match result {
            Ok((mut outcomes, rows)) => {
                if let (Some(first), Some(last)) = (rows.first(), rows.last()) {
                    note_range(&mut self.own, first.id.0, last.id.0);
                }
                outcomes.extend(rows.into_iter().map(|r| Outcome::Stored(Box::new(r))));
                Ok(outcomes)
            }
            Err(e) => {
                // Not promised to anyone yet: take it all back.
                for path in placed {
                    let _ = fs::remove_file(path);
                }
                if let Some(journal) = &mut self.journal {
                    journal.truncate(journaled);
                }
                if matches!(e, StoreError::Busy { .. }) {
                    return Err(e);
                }
                let first = origins.drain(..1).next();
                let mut outcomes: Vec<Outcome> = origins
                    .into_iter()
                    .map(|o| {
                        let again = same_failure(&e, &o.shown);
                        Outcome::Failed(o, again)
                    })
                    .collect();
                if let Some(first) = first {
                    outcomes.insert(0, Outcome::Failed(first, e));
                }
                Ok(outcomes)
            }
        }
    }

    /// The journal may go once a checkpoint holds its rows.
    pub fn finish(&mut self) {
        if let Some(journal) = self.journal.take() {
            self.store
                .inner
                .catalog
                .journal_is_committed(journal.path().to_owned());
        }
    }
}

impl Drop for Committer<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}

fn fail_all(batch: Vec<Staged>, e: &io::Error) -> Vec<Outcome> {
    batch
        .into_iter()
        .map(|staged| {
            let again = io::Error::new(e.kind(), e.to_string());
            let error = StoreError::writing(&staged.origin.shown, staged.size, 0, again);
            Outcome::Failed(staged.origin, error)
        })
        .collect()
}

/// The same failure said of another file of the batch.
fn same_failure(e: &StoreError, name: &str) -> StoreError {
    match e {
        StoreError::DiskFull { needed, free, .. } => StoreError::DiskFull {
            name: name.to_owned(),
            needed: *needed,
            free: *free,
        },
        StoreError::ReadOnly { what } => StoreError::ReadOnly { what: what.clone() },
        StoreError::Damaged { what, detail } => StoreError::Damaged {
            what: what.clone(),
            detail: detail.clone(),
        },
        StoreError::Gone => StoreError::Gone,
        StoreError::LinkInStore { name } => StoreError::LinkInStore { name: name.clone() },
        other => StoreError::Io {
            what: format!("could not store \"{name}\" with its batch"),
            source: io::Error::other(other.to_string()),
        },
    }
}

fn new_row(staged: Staged) -> FileRecord {
    FileRecord {
        id: FileId(0),
        uid: ulid::Ulid::new().to_string(),
        filename: names::filename_of(&staged.origin.wanted).to_owned(),
        relative_path: staged.origin.wanted,
        original_filename: staged.origin.original,
        file_type: staged.classified.file_type.to_owned(),
        format: staged.classified.format.to_owned(),
        size_bytes: staged.size,
        sha256: staged.sha256,
        // The catalog keeps microseconds.
        uploaded_at: Timestamp::from_microsecond(Timestamp::now().as_microsecond())
            .unwrap_or_default(),
        status: Status::Stored,
        metadata: staged.metadata,
        mtime_ns: staged.mtime_ns,
    }
}

/// Files with the same bytes as some of the batch, stored before this import.
fn stored_before(
    conn: &Connection,
    batch: &[Staged],
    own: &[(i64, i64)],
) -> Result<HashMap<String, FileRecord>> {
    let run = || -> duckdb::Result<HashMap<String, FileRecord>> {
        fill_temp(
            conn,
            "batch_hashes",
            batch.iter().map(|s| s.sha256.as_str()),
        )?;
        let own: Vec<String> = own
            .iter()
            .map(|(a, b)| format!("AND NOT (id BETWEEN {a} AND {b})"))
            .collect();
        let sql = format!(
            "SELECT {FILE_COLUMNS} FROM user_files WHERE status = 'stored' {} \
             AND sha256 IN (SELECT text FROM batch_hashes) ORDER BY id DESC",
            own.join(" ")
        );
        let mut statement = conn.prepare(&sql)?;
        let mut found = HashMap::new();
        for record in statement.query_map([], file_from_row)? {
            let record = record?;
            // Descending ids: the oldest copy is the one that stays.
            found.insert(record.sha256.clone(), record);
        }
        Ok(found)
    };
    run().map_err(|e| catalog_error("look for duplicates", &e))
}

/// Gives each row a name that no other file has, by case or otherwise.
pub(crate) fn choose_names(conn: &Connection, rows: &mut [FileRecord]) -> Result<()> {
    /// Rounds of trying the next number for all at once, before asking the
    /// catalog for every name that begins alike.
    const ROUNDS: u32 = 4;
    let mut used: HashSet<String> = HashSet::new();
    let mut undecided: Vec<usize> = (0..rows.len()).collect();
    let wanted: Vec<String> = rows.iter().map(|r| r.relative_path.clone()).collect();
    let mut number: Vec<u32> = vec![1; rows.len()];
    let mut round = 0;
    while !undecided.is_empty() {
        let keys: Vec<String> = undecided
            .iter()
            .map(|&i| names::name_key(&rows[i].relative_path))
            .collect();
        let taken = taken_keys(conn, &keys)?;
        let mut next = Vec::new();
        for (&i, key) in undecided.iter().zip(keys) {
            if !taken.contains(&key) && used.insert(key) {
                continue;
            }
            number[i] += 1;
            if round >= ROUNDS {
                number[i] = number[i].max(first_free(conn, &wanted[i], &used)?);
            }
            rows[i].relative_path = names::numbered(&wanted[i], number[i]);
            next.push(i);
        }
        undecided = next;
        round += 1;
    }
    for row in rows {
        row.filename = names::filename_of(&row.relative_path).to_owned();
    }
    Ok(())
}

/// Which of these keys belong to a file that is listed.
fn taken_keys(conn: &Connection, keys: &[String]) -> Result<HashSet<String>> {
    let run = || -> duckdb::Result<HashSet<String>> {
        fill_temp(conn, "batch_keys", keys.iter().map(String::as_str))?;
        conn.prepare(
            "SELECT name_key FROM user_files WHERE status <> 'trashed' \
             AND name_key IN (SELECT text FROM batch_keys)",
        )?
        .query_map([], |r| r.get(0))?
        .collect()
    };
    run().map_err(|e| catalog_error("choose a name", &e))
}

/// The lowest number above every `name (n)` there is.
fn first_free(conn: &Connection, wanted: &str, used: &HashSet<String>) -> Result<u32> {
    let pattern = names::name_key(&names::numbered(wanted, 0));
    let (before, after) = pattern.split_once(" (0)").unwrap_or((&pattern, ""));
    let prefix = format!("{before} (");
    let suffix = format!("){after}");
    let number = |key: &str| -> Option<u32> {
        key.strip_prefix(&prefix)?
            .strip_suffix(&suffix)?
            .parse()
            .ok()
    };
    let mut top = used.iter().filter_map(|k| number(k)).max().unwrap_or(1);
    let run = || -> duckdb::Result<Vec<String>> {
        conn.prepare("SELECT name_key FROM user_files WHERE status <> 'trashed' AND starts_with(name_key, ?)")?
            .query_map([&prefix], |r| r.get(0))?
            .collect()
    };
    for key in run().map_err(|e| catalog_error("choose a name", &e))? {
        top = top.max(number(&key).unwrap_or(0));
    }
    Ok(top + 1)
}

/// A temporary one-column table to join with: a list of thousands of literals
/// would take longer to parse than to look up.
pub(crate) fn fill_temp<'a>(
    conn: &Connection,
    table: &str,
    texts: impl Iterator<Item = &'a str>,
) -> duckdb::Result<()> {
    conn.execute_batch(&format!(
        "CREATE OR REPLACE TEMP TABLE {table} (text VARCHAR)"
    ))?;
    let mut appender = conn.appender_to_catalog_and_db(table, "temp", "main")?;
    for text in texts {
        appender.append_row([text])?;
    }
    appender.flush()
}

/// Gives every file its final name and makes the folders durable.
fn place(
    layout: &Layout,
    journal: &mut Journal,
    rows: &mut [FileRecord],
    partials: &[PathBuf],
    placed: &mut Vec<PathBuf>,
) -> Result<()> {
    let mut touched: BTreeSet<PathBuf> = BTreeSet::new();
    for (row, partial) in rows.iter_mut().zip(partials) {
        for made in layout.make_folders(&row.relative_path)? {
            if let Some(parent) = made.parent() {
                touched.insert(parent.to_owned());
            }
        }
        let wanted = row.relative_path.clone();
        let mut number = 1;
        loop {
            let path = layout.file(&row.relative_path)?;
            match durable::rename_no_replace(partial, &path) {
                Ok(()) => {
                    if let Some(parent) = path.parent() {
                        touched.insert(parent.to_owned());
                    }
                    placed.push(path);
                    break;
                }
                // A file that the catalog does not know yet has the name.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    number += 1;
                    row.relative_path = names::numbered(&wanted, number);
                    row.filename = names::filename_of(&row.relative_path).to_owned();
                    journal.append(&Line::Files {
                        rows: vec![row.clone()],
                    })?;
                }
                Err(e) => {
                    let free = durable::free_space(&layout.home);
                    return Err(StoreError::writing(&row.filename, row.size_bytes, free, e));
                }
            }
        }
    }
    sync_folders(layout, touched).map_err(|e| StoreError::writing("a folder of the store", 0, 0, e))
}

fn sync_folders(layout: &Layout, folders: BTreeSet<PathBuf>) -> io::Result<()> {
    /// Beyond this, one sync of the file system is quicker than one a folder.
    const FEW: usize = 32;
    if folders.len() > FEW && durable::sync_file_system(&File::open(layout.files())?)? {
        return Ok(());
    }
    folders.iter().try_for_each(|f| durable::sync_dir(f))
}

fn note_range(own: &mut Vec<(i64, i64)>, first: i64, last: i64) {
    match own.last_mut() {
        Some((_, end)) if *end + 1 == first => *end = last,
        _ => own.push((first, last)),
    }
}
