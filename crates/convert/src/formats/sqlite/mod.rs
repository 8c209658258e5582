//! SQLite databases: any table or view as a table, and a table as a database of one. Never
//! writes to a database that exists, nor beside it: no journal, no `-wal`, no `-shm`.

mod database;
mod hint;
mod survey;
mod table;
mod write;

pub(crate) use write::table_name;

use std::path::Path;

use arrow::datatypes::{DataType, SchemaRef};

use super::cells;
use crate::error::Result;
use crate::options::Options;
use crate::source::Source;
use crate::table::{Depth, Job, Table, TableWriter};

/// Opens the table or view that the options pick.
pub(crate) fn open(
    source: &Source,
    options: &Options,
    depth: Depth,
    job: Job<'_>,
) -> Result<Box<dyn Table>> {
    Ok(Box::new(table::SqliteTable::open(
        &source.path,
        options,
        depth,
        job,
    )?))
}

/// Begins a database of one table at `path`, which exists and is empty.
pub(crate) fn create<'a>(
    path: &Path,
    schema: SchemaRef,
    options: &Options,
    job: Job<'a>,
) -> Result<Box<dyn TableWriter + 'a>> {
    Ok(Box::new(write::SqliteWriter::create(
        path, schema, options, job,
    )?))
}

/// Types that a column comes back as. Others are to be text or bytes before they get here.
pub(crate) fn holds(data_type: &DataType) -> bool {
    cells::holds(data_type)
}

#[cfg(test)]
mod tests;
