//! One job's DuckDB: in memory, fenced in to the job's own two files, cancellable,
//! and able to say how far it is. Owns the only `unsafe` of this crate.
//!
//! Heavy statements run on a connection held through the C interface, because the
//! safe crate offers no progress; their (small) results go into a table, which the
//! safe crate's connection to the same database reads. Never opens a file database.

use std::ffi::{CStr, CString};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use duckdb::{Connection, ffi};
use tempfile::TempDir;

use crate::error::{ConvertError, Result};
use crate::limits::{Limits, Progress};
use crate::sql;

/// How often a running statement is asked for progress, and cancel is looked at.
const POLL: Duration = Duration::from_millis(40);

pub(crate) struct Engine<'a> {
    // Field order is drop order: connections before the database, then the folder.
    reader: Connection,
    raw: Raw,
    progress: &'a dyn Progress,
    memory_bytes: u64,
    source: String,
    output: Option<String>,
    dir: TempDir,
}

impl<'a> Engine<'a> {
    /// Opens a database that can read `source` and, where given, write and read
    /// `output` (which must exist); nothing else on the machine.
    pub(crate) fn open(
        source: &Path,
        output: Option<&Path>,
        limits: &Limits,
        progress: &'a dyn Progress,
    ) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("redline-convert-")
            .tempdir_in(&limits.temp_dir)?;
        let source = alias(dir.path(), "source", source)?;
        let output = output.map(|p| alias(dir.path(), "output", p)).transpose()?;

        let raw = Raw::open()?;
        let spill = utf8(dir.path().join("spill"))?;
        let mut allowed = vec![sql::literal(&source)];
        allowed.extend(output.as_deref().map(sql::literal));
        // The order matters: what the fence lets through is named before it is closed,
        // and the lock comes last. Progress settings belong to the connection.
        for statement in [
            "SET autoinstall_known_extensions = false".to_owned(),
            "SET autoload_known_extensions = false".to_owned(),
            "SET enable_progress_bar = true".to_owned(),
            "SET enable_progress_bar_print = false".to_owned(),
            "SET progress_bar_time = 0".to_owned(),
            "SET GLOBAL TimeZone = 'UTC'".to_owned(),
            format!(
                "SET memory_limit = '{}B'",
                limits.memory_bytes.max(64 << 20)
            ),
            format!("SET threads = {}", limits.threads.max(1)),
            format!("SET temp_directory = {}", sql::literal(&spill)),
            format!("SET allowed_paths = [{}]", allowed.join(", ")),
            "SET enable_external_access = false".to_owned(),
            "SET lock_configuration = true".to_owned(),
        ] {
            raw.query(&statement).map_err(|detail| {
                tracing::error!(statement, "a session setting was refused");
                ConvertError::Engine { detail }
            })?;
        }
        // SAFETY: the database is open, and `raw` closes it only after `reader` is
        // dropped (field order). The connection made here does not close it.
        let reader =
            unsafe { Connection::open_from_raw(raw.db) }.map_err(|e| ConvertError::Engine {
                detail: e.to_string(),
            })?;
        Ok(Engine {
            reader,
            raw,
            progress,
            memory_bytes: limits.memory_bytes,
            source,
            output,
            dir,
        })
    }

    /// The source, as a quoted SQL literal.
    pub(crate) fn source(&self) -> String {
        sql::literal(&self.source)
    }

    /// The output, as a quoted SQL literal.
    pub(crate) fn output(&self) -> String {
        sql::literal(self.output.as_deref().unwrap_or_default())
    }

    /// Begins a phase of `bytes` for the statements that follow.
    pub(crate) fn phase(&self, name: &str, bytes: u64) {
        tracing::debug!(phase = name, bytes);
        self.progress.phase(name);
        self.progress.set_total(bytes);
    }

    /// Runs one statement that stands for `bytes` of the phase, reporting as the
    /// engine gets on, and interrupting it once the caller cancels.
    pub(crate) fn run(&self, statement: &str, bytes: u64) -> Result<()> {
        if self.progress.is_cancelled() {
            return Err(ConvertError::Cancelled);
        }
        let finished = AtomicBool::new(false);
        let cancelled = AtomicBool::new(false);
        let (raw, progress) = (&self.raw, self.progress);
        let (outcome, reported) = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut reported = 0u64;
                while !finished.load(Ordering::Acquire) {
                    std::thread::park_timeout(POLL);
                    if progress.is_cancelled() {
                        cancelled.store(true, Ordering::Release);
                        // Again on each turn: an interrupt that comes between two
                        // of the engine's steps is forgotten by the next.
                        raw.interrupt();
                    } else if let Some(share) = raw.progress() {
                        let done = ((bytes as f64) * share) as u64;
                        if done > reported && done <= bytes {
                            progress.advance(done - reported);
                            reported = done;
                        }
                    }
                }
                reported
            });
            let outcome = self.raw.query(statement);
            finished.store(true, Ordering::Release);
            watcher.thread().unpark();
            (outcome, watcher.join().unwrap_or(bytes))
        });
        match outcome {
            Ok(()) => {
                self.progress.advance(bytes.saturating_sub(reported));
                Ok(())
            }
            Err(_) if cancelled.load(Ordering::Acquire) => Err(ConvertError::Cancelled),
            Err(message) => Err(self.explain(&message)),
        }
    }

    /// All rows of a query whose columns are all VARCHAR. For small results.
    pub(crate) fn rows(&self, query: &str) -> Result<Vec<Vec<Option<String>>>> {
        let failed = |e: duckdb::Error| self.explain(&e.to_string());
        let mut statement = self.reader.prepare(query).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(failed)? {
            let width = row.as_ref().column_count();
            let fields = (0..width)
                .map(|i| row.get::<_, Option<String>>(i))
                .collect::<duckdb::Result<Vec<_>>>();
            out.push(fields.map_err(failed)?);
        }
        Ok(out)
    }

    /// Runs `query`, whose columns are all VARCHAR, as a phase's work; gives its one row.
    pub(crate) fn aggregate(&self, query: &str, bytes: u64) -> Result<Vec<Option<String>>> {
        self.run(&format!("CREATE OR REPLACE TABLE result AS {query}"), bytes)?;
        let row = self.rows("FROM result")?.pop();
        row.ok_or_else(|| ConvertError::Engine {
            detail: "an aggregate came back without a row".to_owned(),
        })
    }

    /// The engine's message as one of ours. Only its first line, which names no
    /// value, and without the folder of the job.
    fn explain(&self, message: &str) -> ConvertError {
        let full = message.to_ascii_lowercase();
        let first = message.lines().next().unwrap_or_default();
        let detail = first
            .replace(&format!("{}/", self.dir.path().display()), "")
            .trim()
            .to_owned();
        if full.contains("no space left") || full.contains("disk quota") {
            return ConvertError::DiskFull { needed: 0 };
        }
        if full.contains("out of memory") || full.contains("could not allocate") {
            return ConvertError::OutOfMemory {
                limit: self.memory_bytes,
                detail,
            };
        }
        if full.contains("interrupt error") {
            return ConvertError::Cancelled;
        }
        // "CSV Error on Line: 12", then "Original Line: …" (content, left out), then the reason.
        if let Some(rest) = first.split("CSV Error on Line: ").nth(1) {
            let reason = message
                .lines()
                .skip(1)
                .find(|l| {
                    l.starts_with("Expected Number")
                        || l.starts_with("Value with")
                        || l.starts_with("Invalid unicode")
                        || l.starts_with("Maximum line size")
                })
                .unwrap_or("the engine could not read this line");
            return ConvertError::Malformed {
                line: rest.trim().parse().unwrap_or(0),
                column: 1,
                detail: reason.trim().to_owned(),
            };
        }
        ConvertError::Engine { detail }
    }
}

/// A name in the job's folder for a file elsewhere, so that the engine never sees
/// a path with `*`, quotes or bytes that are not UTF-8, nor guesses from a name.
#[cfg(unix)]
fn alias(dir: &Path, name: &str, target: &Path) -> Result<String> {
    let link = dir.join(name);
    std::os::unix::fs::symlink(std::path::absolute(target)?, &link)?;
    utf8(link)
}

/// Links need a privilege on Windows, where names cannot hold `*` anyway.
#[cfg(not(unix))]
fn alias(_dir: &Path, _name: &str, target: &Path) -> Result<String> {
    utf8(std::path::absolute(target)?)
}

fn utf8(path: PathBuf) -> Result<String> {
    path.into_os_string()
        .into_string()
        .map_err(|_| ConvertError::Unreadable {
            what: "the folder for temporary files".to_owned(),
            seen: "a path that is not UTF-8".to_owned(),
        })
}

/// A file's size, for progress.
pub(crate) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |m| m.len())
}

/// A database and one connection to it.
struct Raw {
    db: ffi::duckdb_database,
    con: ffi::duckdb_connection,
}

// SAFETY: DuckDB guards a connection with its own lock; `duckdb_interrupt` and
// `duckdb_query_progress` are made to be called while another thread runs a
// statement on it. Nothing here closes either handle before `drop`.
unsafe impl Sync for Raw {}

impl Raw {
    fn open() -> Result<Self> {
        let mut raw = Raw {
            db: std::ptr::null_mut(),
            con: std::ptr::null_mut(),
        };
        // SAFETY: both out-pointers are valid; a null path means in memory; on
        // failure the handles are null or closed by `drop`, which takes both.
        let opened = unsafe {
            ffi::duckdb_open(std::ptr::null(), &mut raw.db) == ffi::DuckDBSuccess
                && ffi::duckdb_connect(raw.db, &mut raw.con) == ffi::DuckDBSuccess
        };
        if opened {
            Ok(raw)
        } else {
            Err(ConvertError::Engine {
                detail: "an in-memory database could not be opened".to_owned(),
            })
        }
    }

    /// Runs one statement and throws its result away.
    fn query(&self, statement: &str) -> std::result::Result<(), String> {
        let statement = CString::new(statement).map_err(|_| "a name holds a NUL".to_owned())?;
        // SAFETY: the connection is open, the text ends in NUL, and the result is
        // destroyed exactly once, after its message has been copied.
        unsafe {
            let mut result: ffi::duckdb_result = std::mem::zeroed();
            let state = ffi::duckdb_query(self.con, statement.as_ptr(), &mut result);
            let outcome = if state == ffi::DuckDBSuccess {
                Ok(())
            } else {
                let message = ffi::duckdb_result_error(&mut result);
                Err(if message.is_null() {
                    "no reason given".to_owned()
                } else {
                    CStr::from_ptr(message).to_string_lossy().into_owned()
                })
            };
            ffi::duckdb_destroy_result(&mut result);
            outcome
        }
    }

    fn interrupt(&self) {
        // SAFETY: the connection is open for as long as `self` is.
        unsafe { ffi::duckdb_interrupt(self.con) }
    }

    /// From 0 to 1, or nothing while the engine cannot tell.
    fn progress(&self) -> Option<f64> {
        // SAFETY: as for `interrupt`.
        let progress = unsafe { ffi::duckdb_query_progress(self.con) };
        (0.0..=100.0)
            .contains(&progress.percentage)
            .then_some(progress.percentage / 100.0)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // SAFETY: both calls accept null, and null the handle that they close.
        unsafe {
            ffi::duckdb_disconnect(&mut self.con);
            ffi::duckdb_close(&mut self.db);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(source: &Path) -> Engine<'static> {
        Engine::open(source, None, &Limits::default(), &()).unwrap()
    }

    #[test]
    fn only_the_jobs_own_files_can_be_touched() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("we*ird [1].csv");
        let other = dir.path().join("other.csv");
        fs::write(&source, "a\n1\n").unwrap();
        fs::write(&other, "a\n1\n").unwrap();
        let engine = engine(&source);
        let read = format!(
            "SELECT CAST(count(*) AS VARCHAR) FROM read_csv({})",
            engine.source()
        );
        assert_eq!(engine.rows(&read).unwrap(), [[Some("1".to_owned())]]);

        let at = |name: &str| sql::literal(dir.path().join(name).to_str().unwrap());
        for refused in [
            format!("FROM read_csv({})", at("other.csv")),
            format!("FROM read_text({})", at("other.csv")),
            format!("COPY (SELECT 1) TO {}", at("new.csv")),
            format!("ATTACH {}", at("new.db")),
            "SET enable_external_access = true".to_owned(),
            "SET allowed_directories = ['/']".to_owned(),
            "LOAD httpfs".to_owned(),
        ] {
            assert!(engine.run(&refused, 0).is_err(), "{refused}");
        }
        assert!(!dir.path().join("new.csv").exists());
        assert!(!dir.path().join("new.db").exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_device_without_room_is_a_full_disk() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("s");
        fs::write(&source, "").unwrap();
        let full = Path::new("/dev/full");
        let engine = Engine::open(&source, Some(full), &Limits::default(), &()).unwrap();
        for format in ["csv", "parquet", "json"] {
            let copy = format!(
                "COPY (SELECT range::VARCHAR AS a FROM range(3000000)) TO {} (FORMAT {format}, USE_TMP_FILE false)",
                engine.output()
            );
            let error = engine.run(&copy, 0).unwrap_err();
            assert!(
                matches!(error, ConvertError::DiskFull { .. }),
                "{format}: {error}"
            );
        }
    }

    #[test]
    fn the_folder_of_a_job_goes_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("s");
        fs::write(&source, "").unwrap();
        let limits = Limits {
            temp_dir: dir.path().to_owned(),
            ..Limits::default()
        };
        let engine = Engine::open(&source, None, &limits, &()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        drop(engine);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert!(source.exists());
    }
}
