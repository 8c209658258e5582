//! The formats that say themselves what they hold, and the one place that knows which
//! module reads and writes which format. Text has a house of its own ([`crate::text`]),
//! since most of the work there is finding out what it says.

mod archive_file;
pub(crate) mod arrow_ipc;
pub(crate) mod cells;
pub(crate) mod duckdb;
pub(crate) mod json;
pub(crate) mod npz;
pub(crate) mod parquet;
pub(crate) mod pump;
pub(crate) mod sqlite;
pub(crate) mod xlsx;

use std::path::Path;

use arrow::datatypes::SchemaRef;

use crate::error::{ConvertError, Result};
use crate::format::{Format, detect_as};
use crate::options::Options;
use crate::source::Source;
use crate::table::{Depth, Job, Table, TableWriter};
use crate::text;

/// The format to read a source as: the one stated, else what its bytes say.
pub(crate) fn resolve(source: &Source) -> Result<Format> {
    if let Some(format) = source.format.filter(|f| *f != Format::Other) {
        return Ok(format);
    }
    let seen = detect_as(&source.path, &source.file_name())?;
    if seen.format == Format::Other {
        let plain = || ConvertError::Unreadable {
            what: "a table".to_owned(),
            seen: seen.detail,
        };
        return Err(xlsx::older(&source.path).unwrap_or_else(plain));
    }
    Ok(seen.format)
}

/// Opens the table of `source` that the options pick.
pub(crate) fn open(
    source: &Source,
    options: &Options,
    depth: Depth,
    job: Job<'_>,
) -> Result<Box<dyn Table>> {
    let format = resolve(source)?;
    match format {
        Format::Csv | Format::Tsv | Format::Txt => text::open(format, source, options, depth, job),
        Format::Json | Format::Ndjson => json::open(format, source, options, depth, job),
        Format::Parquet => parquet::open(source, options, depth, job),
        Format::Feather => arrow_ipc::open(source, options, depth, job),
        Format::Xlsx => xlsx::open(source, options, depth, job),
        Format::Duckdb => duckdb::open(source, options, depth, job),
        Format::Sqlite => sqlite::open(source, options, depth, job),
        Format::Npz => npz::open(source, options, depth, job),
        Format::Other => Err(unknown()),
    }
}

/// Begins a file of this format at `path`, which exists and is empty. The schema is one
/// that [`crate::shape`] made for the format.
pub(crate) fn create<'a>(
    to: Format,
    path: &Path,
    schema: SchemaRef,
    options: &Options,
    job: Job<'a>,
) -> Result<Box<dyn TableWriter + 'a>> {
    match to {
        Format::Csv | Format::Tsv | Format::Txt => text::create(to, path, schema, options, job),
        Format::Json | Format::Ndjson => json::create(to, path, schema, options, job),
        Format::Parquet => parquet::create(path, schema, options, job),
        Format::Feather => arrow_ipc::create(path, schema, options, job),
        Format::Xlsx => xlsx::create(path, schema, options, job),
        Format::Duckdb => duckdb::create(path, schema, options, job),
        Format::Sqlite => sqlite::create(path, schema, options, job),
        Format::Npz => npz::create(path, schema, options, job),
        Format::Other => Err(unknown()),
    }
}

/// Where the sheet or table of the output cannot be called as it should be, in a sentence.
pub(crate) fn renamed_table(to: Format, options: &Options) -> Option<String> {
    let wanted = options.get("sheet")?;
    let (what, made, whose) = match to {
        Format::Xlsx => ("sheet", xlsx::sheet_name(wanted), "Excel"),
        Format::Sqlite => ("table", sqlite::table_name(wanted), "SQLite"),
        _ => return None,
    };
    (made != wanted)
        .then(|| format!("The {what} is called {made:?}: {whose} takes no name like {wanted:?}."))
}

/// Opens what [`create`] made with the same schema and options, for its proof: nothing is
/// guessed that the schema states. A column may still come back in another type, where a
/// format has no way to be told; [`crate::types::conform`] bridges that.
pub(crate) fn reopen(
    to: Format,
    path: &Path,
    schema: SchemaRef,
    options: &Options,
    job: Job<'_>,
) -> Result<Box<dyn Table>> {
    match to {
        Format::Csv | Format::Tsv | Format::Txt => text::reopen(to, path, schema, options, job),
        Format::Json | Format::Ndjson => json::reopen(to, path, schema, options, job),
        // These state their types themselves. The options are of another file.
        _ => open(
            &Source::new(path).as_format(to),
            &Options::default(),
            Depth::Whole,
            job,
        ),
    }
}

/// Which of a file's tables `--set table=` means: by name, then by name without regard to
/// case, then by number from 1. None where nothing was asked: the first with rows is meant.
pub(crate) fn pick(names: &[&str], options: &Options) -> Result<Option<usize>> {
    let Some(asked) = options.get("table") else {
        return Ok(None);
    };
    let lower = asked.to_lowercase();
    let by_number = || {
        let number: usize = asked.parse().ok()?;
        number.checked_sub(1).filter(|at| *at < names.len())
    };
    names
        .iter()
        .position(|name| *name == asked)
        .or_else(|| names.iter().position(|name| name.to_lowercase() == lower))
        .or_else(by_number)
        .map(Some)
        .ok_or_else(|| ConvertError::NoTable {
            table: asked.to_owned(),
            tables: names.iter().map(|name| (*name).to_owned()).collect(),
        })
}

fn unknown() -> ConvertError {
    ConvertError::Unreadable {
        what: "a table".to_owned(),
        seen: "a file of another kind".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_picked_by_name_before_number() {
        let asked = |value: &str| {
            let options = Options::parse([("table", value)]).unwrap();
            pick(&["2", "Sheet1", "other"], &options)
        };
        assert_eq!(asked("2").unwrap(), Some(0));
        assert_eq!(asked("3").unwrap(), Some(2));
        assert_eq!(asked("sheet1").unwrap(), Some(1));
        assert!(matches!(asked("4"), Err(ConvertError::NoTable { .. })));
        assert_eq!(pick(&["a"], &Options::default()).unwrap(), None);
    }
}
