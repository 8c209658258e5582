//! SQL: one SELECT over tables by name. It runs in a database of its own that can open
//! nothing but what it was given, and write nothing but its result; what else SQL could
//! do is refused before it runs, by what the statement was parsed to be.
//!
//! The engine reads Parquet itself. Every other format is read by our own readers, once,
//! into a Parquet file that stands for it ([`stage`]).

mod names;
mod run;

use std::path::{Path, PathBuf};

pub use names::QueryNames;

use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::formats;
use crate::limits::{Limits, Progress};
use crate::options::Options;
use crate::source::Source;
use crate::stamp::Stamp;
use crate::table::{Depth, Job};
use crate::types;

/// The format of what a query results in.
pub const QUERY_FORMAT: Format = Format::Parquet;

/// A table as the engine can read it. Stands until its file goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    pub(crate) path: PathBuf,
    /// What is selected of it: types that Parquet lacks come back here.
    pub(crate) select: String,
}

/// A table under the name that SQL knows it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    pub name: String,
    pub table: Staged,
}

/// What a query gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryDone {
    pub rows: u64,
    /// There would have been more than were asked for.
    pub more: bool,
}

/// The tables that `sql` names.
///
/// # Errors
/// [`ConvertError::Query`] where it is not one SELECT, or reaches for what no query may.
pub fn query_names(sql: &str) -> Result<QueryNames> {
    crate::guarded(|| names::of(sql))
}

/// Makes a source readable for the engine, in `dest` where that takes a file of its own;
/// `dest` must not exist then. Phases as of reading.
pub fn stage(
    source: &Source,
    options: &Options,
    dest: &Path,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Staged> {
    crate::guarded(|| {
        let limits = limits.with(options);
        let job = Job {
            limits: &limits,
            progress,
        };
        if formats::resolve(source)? == Format::Parquet && options.is_empty() {
            return Ok(Staged {
                path: source.path.clone(),
                select: "*".to_owned(),
            });
        }
        let made = write(source, options, dest, job);
        if made.is_err() {
            let _ = std::fs::remove_file(dest);
        }
        made
    })
}

fn write(source: &Source, options: &Options, dest: &Path, job: Job<'_>) -> Result<Staged> {
    let stamp = Stamp::of(&source.path)?;
    let table = formats::open(source, options, Depth::Whole, job)?;
    stamp.holds(&source.path)?;
    std::fs::File::options()
        .write(true)
        .create_new(true)
        .open(dest)?;
    let schema = table.schema();
    let fast = Options::parse([("codec", "lz4")])?;
    let mut writer = formats::create(
        Format::Parquet,
        dest,
        std::sync::Arc::clone(&schema),
        &fast,
        job,
    )?;
    let size = std::fs::metadata(&source.path)?.len();
    job.phase("read", size);
    let mut reader = table.read(None, 0, job)?;
    let mut before = 0;
    while let Some(batch) = reader.next_batch()? {
        job.check()?;
        let now = reader.position().min(size);
        job.progress.advance(now.saturating_sub(before));
        before = before.max(now);
        writer.write(batch)?;
    }
    drop(reader);
    writer.finish()?;
    stamp.holds(&source.path)?;
    Ok(Staged {
        path: dest.to_owned(),
        select: select(&schema),
    })
}

/// Text that stands for a number of the engine's is that number again.
fn select(schema: &arrow::datatypes::Schema) -> String {
    let columns: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            let name = crate::sql::name(field.name());
            match types::tag(field) {
                Some(word @ ("HUGEINT" | "UHUGEINT" | "UUID")) => {
                    format!("CAST({name} AS {word}) AS {name}")
                }
                _ => name,
            }
        })
        .collect();
    columns.join(", ")
}

/// Runs one SELECT over `relations` and writes its rows, at most `most` of them, into a
/// file of [`QUERY_FORMAT`]. `dest` must not exist; after an error it does not. Phase:
/// `query`.
pub fn query(
    sql: &str,
    relations: &[Relation],
    most: Option<u64>,
    dest: &Path,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<QueryDone> {
    crate::guarded(|| {
        names::of(sql)?;
        if dest.symlink_metadata().is_ok() {
            return Err(ConvertError::DestExists);
        }
        let job = Job { limits, progress };
        let done = run::run(sql, relations, most, dest, job);
        if done.is_err() {
            let _ = std::fs::remove_file(dest);
        }
        done
    })
}
