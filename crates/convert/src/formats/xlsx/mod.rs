//! Excel workbooks: any sheet as a table, and a table as a sheet. Reads and writes the
//! XML itself, as a stream, because what a cell says has to be known to the last digit
//! and the last format, and no sheet may have to fit in memory. Never calculates, never
//! repairs a workbook, never writes to one that exists.
//!
//! A reader of its own, since calamine 0.38 hands every number on as a double, by which an
//! integer past 2^53 is lost, and does not tell a date from a time of day.

mod encode;
mod header;
mod hint;
mod notes;
mod package;
mod parts;
mod serial;
mod sheet;
mod survey;
mod table;
mod workbook;
mod write;
mod xml;

pub(crate) use write::sheet_name;

use std::path::Path;

use arrow::datatypes::{DataType, SchemaRef};

use super::cells;
use crate::error::{ConvertError, Result};
use crate::options::Options;
use crate::source::Source;
use crate::table::{Depth, Job, Table, TableWriter};

/// Rows of a sheet, the header's among them.
pub(crate) const MAX_ROWS: u32 = 1_048_576;
pub(crate) const MAX_COLUMNS: u32 = 16_384;
/// UTF-16 units in a cell.
pub(crate) const MAX_TEXT: usize = 32_767;
/// Digits of a number that Excel shows and keeps.
pub(crate) const MAX_DIGITS: u32 = 15;

/// Opens the sheet that the options pick.
pub(crate) fn open(
    source: &Source,
    options: &Options,
    depth: Depth,
    job: Job<'_>,
) -> Result<Box<dyn Table>> {
    let package = package::Package::open(&source.path, memory(options, job))?;
    let workbook = workbook::Workbook::read(package)?;
    Ok(Box::new(table::SheetTable::open(
        workbook, options, depth, job,
    )?))
}

/// Begins a workbook of one sheet at `path`, which exists and is empty.
pub(crate) fn create<'a>(
    path: &Path,
    schema: SchemaRef,
    options: &Options,
    job: Job<'a>,
) -> Result<Box<dyn TableWriter + 'a>> {
    Ok(Box::new(write::SheetWriter::create(
        path, schema, options, job,
    )?))
}

/// What a file is that has the form of older Office files, as encrypted workbooks have.
pub(crate) fn older(path: &Path) -> Option<ConvertError> {
    package::older(path)
}

/// What the setting says, or else the job's own limit.
fn memory(options: &Options, job: Job<'_>) -> u64 {
    match options.number("memory") {
        Some(mib) => mib.saturating_mul(1 << 20),
        None => job.limits.memory_bytes,
    }
}

/// Types that a column of a sheet comes back as. Others are to be text before they get here.
pub(crate) fn holds(data_type: &DataType) -> bool {
    cells::holds(data_type) && *data_type != DataType::Binary
}

#[cfg(test)]
mod tests;
