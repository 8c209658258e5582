//! One job's DuckDB, for choosing rows by SQL: in memory, fenced in, cancellable. A table
//! of any format goes in, numbers of its rows come out. Never opens a file, never writes
//! one but its own spill.
//!
//! Statements run on a connection held through the C interface ([`raw`]), because the
//! safe crate offers no way to hand batches in.

mod raw;
mod stream;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arrow::array::cast::AsArray;
use arrow::array::types::UInt64Type;
use duckdb::Connection;
use tempfile::TempDir;

#[cfg(doc)]
use crate::changes::NUMBER;
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::limits::Limits;
use crate::shape::{self, Column};
use crate::sql;
use crate::table::{Job, Table};
use raw::Raw;
use stream::Feed;

/// How often a running statement is asked for progress, and cancel is looked at.
const POLL: Duration = Duration::from_millis(40);

pub(crate) struct Engine {
    // Field order is drop order: connections before the database, then the folder.
    reader: Connection,
    raw: Raw,
    memory_bytes: u64,
    dir: TempDir,
}

impl Engine {
    /// Opens a database that can read and write nothing on the machine but its own spill.
    /// It uses no more than three quarters of the job's memory, the rest being for batches
    /// on their way.
    pub(crate) fn open(limits: &Limits) -> Result<Self> {
        let dir = tempfile::Builder::new()
            .prefix("redline-convert-")
            .tempdir_in(&limits.temp_dir)?;
        let raw = Raw::open()?;
        let spill = utf8(dir.path().join("spill"))?;
        let memory_bytes = limits.memory_bytes.max(64 << 20) / 4 * 3;
        // The order matters: the fence is closed once the spill is named, and the lock
        // comes last.
        for statement in [
            "SET autoinstall_known_extensions = false".to_owned(),
            "SET autoload_known_extensions = false".to_owned(),
            // Filters and columns would be left to the stream, which knows nothing of them.
            "SET disabled_optimizers = 'filter_pushdown,unused_columns,column_lifetime'".to_owned(),
            "SET GLOBAL TimeZone = 'UTC'".to_owned(),
            format!("SET memory_limit = '{memory_bytes}B'"),
            format!("SET threads = {}", limits.threads.max(1)),
            format!("SET temp_directory = {}", sql::literal(&spill)),
            "SET enable_external_access = false".to_owned(),
            "SET lock_configuration = true".to_owned(),
        ] {
            raw.query(&statement).map_err(|detail| {
                tracing::error!(statement, "a session setting was refused");
                ConvertError::Engine { detail }
            })?;
        }
        let reader = raw.connection()?;
        Ok(Engine {
            reader,
            raw,
            memory_bytes,
            dir,
        })
    }

    /// Runs one statement, interrupting it once the caller cancels.
    fn run(&self, statement: &str, job: Job<'_>) -> Result<()> {
        job.check()?;
        let finished = AtomicBool::new(false);
        let cancelled = AtomicBool::new(false);
        let (raw, progress) = (&self.raw, job.progress);
        let outcome = std::thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                while !finished.load(Ordering::Acquire) {
                    std::thread::park_timeout(POLL);
                    if progress.is_cancelled() {
                        cancelled.store(true, Ordering::Release);
                        // Again on each turn: an interrupt that comes between two
                        // of the engine's steps is forgotten by the next.
                        raw.interrupt();
                    }
                }
            });
            let outcome = self.raw.query(statement);
            finished.store(true, Ordering::Release);
            watcher.thread().unpark();
            outcome
        });
        match outcome {
            Ok(()) => Ok(()),
            Err(_) if cancelled.load(Ordering::Acquire) => Err(ConvertError::Cancelled),
            Err(message) => Err(self.explain(&message)),
        }
    }

    /// Runs a SELECT that gives numbers of rows, in a column `n`, over the rows of a table,
    /// which it knows as `input` and may read once. Types that DuckDB lacks are text there,
    /// and a column [`NUMBER`] says the place of each row, from 0. Gives how many rows there
    /// were. A phase of its own.
    pub(crate) fn choose(
        &self,
        table: &dyn Table,
        select: &str,
        job: Job<'_>,
        each: &mut dyn FnMut(u64),
    ) -> Result<u64> {
        let rows = table.rows().unwrap_or(0);
        job.phase("choose", rows);
        let statement = format!("CREATE OR REPLACE TABLE chosen AS {select}");
        let seen = self.over(table, &statement, rows, job)?;
        let failed = |e: duckdb::Error| self.explain(&e.to_string());
        let mut numbers = self
            .reader
            .prepare("SELECT n FROM chosen")
            .map_err(failed)?;
        drop(numbers.stream_arrow([]).map_err(failed)?);
        while let Some(piece) = numbers.step().map_err(failed)? {
            job.check()?;
            let column = piece.column(0).as_primitive::<UInt64Type>();
            column.iter().flatten().for_each(&mut *each);
        }
        Ok(seen)
    }

    fn over(&self, table: &dyn Table, statement: &str, rows: u64, job: Job<'_>) -> Result<u64> {
        let schema = table.schema();
        let about: Vec<Column<'_>> = schema
            .fields()
            .iter()
            .map(|field| Column {
                field,
                profile: None,
                facts: None,
                rows: None,
            })
            .collect();
        let (shape, _) = shape::shape(
            &about,
            &HashMap::new(),
            table.profile(),
            Format::Duckdb,
            false,
        )?;
        std::thread::scope(|scope| {
            let mut feed = Feed::begin(scope, table, shape, rows, job)?;
            let outcome = self
                .raw
                .scan("input", feed.stream())
                .map_err(|message| self.explain(&message))
                .and_then(|()| self.run(statement, job));
            let _ = self.raw.query("DROP VIEW IF EXISTS input");
            // What stopped the rows says more than that they stopped.
            let seen = feed.end()?;
            outcome.map(|()| seen)
        })
    }

    /// The engine's message as one of ours. Only its first line, which names no
    /// value, and without the folder of the job.
    fn explain(&self, message: &str) -> ConvertError {
        let full = message.to_ascii_lowercase();
        let first = message.lines().next().unwrap_or_default();
        let folder = format!("{}/", self.dir.path().display());
        let detail = first.replace(&folder, "").trim().to_owned();
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
        ConvertError::Engine { detail }
    }
}

/// What the engine says of a person's own SQL is about that.
pub(crate) fn as_query(error: ConvertError) -> ConvertError {
    match error {
        ConvertError::Engine { detail } => ConvertError::Query { detail },
        other => other,
    }
}

fn utf8(path: PathBuf) -> Result<String> {
    path.into_os_string()
        .into_string()
        .map_err(|_| ConvertError::Unreadable {
            what: "the folder for temporary files".to_owned(),
            seen: "a path that is not UTF-8".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn nothing_on_the_machine_can_be_touched() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("other.csv");
        fs::write(&other, "a\n1\n").unwrap();
        let limits = Limits::default();
        let job = Job {
            limits: &limits,
            progress: &(),
        };
        let engine = Engine::open(&limits).unwrap();
        engine.run("CREATE TABLE t AS SELECT 1 AS a", job).unwrap();
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
            assert!(engine.run(&refused, job).is_err(), "{refused}");
        }
        assert!(!dir.path().join("new.csv").exists());
        assert!(!dir.path().join("new.db").exists());
    }

    #[test]
    fn the_folder_of_a_job_goes_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits {
            temp_dir: dir.path().to_owned(),
            ..Limits::default()
        };
        let engine = Engine::open(&limits).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        drop(engine);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
