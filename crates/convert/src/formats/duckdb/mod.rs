//! DuckDB files: any table or view as a table, and a table as a file of one. Reads in an
//! engine that can touch that file and nothing else, never writes to one that exists, and
//! has every type handed on exactly or as its text.

mod database;
mod raw;
mod shapes;
mod survey;
mod table;
mod write;

use std::path::Path;

use arrow::datatypes::{DataType, SchemaRef, TimeUnit};

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
    Ok(Box::new(table::DuckTable::open(
        &source.path,
        options,
        depth,
        job,
    )?))
}

/// Begins a file of one table at `path`, which exists and is empty. DuckDB makes files,
/// and takes no empty one: what stands at `path` afterwards is a new file.
pub(crate) fn create<'a>(
    path: &Path,
    schema: SchemaRef,
    options: &Options,
    job: Job<'a>,
) -> Result<Box<dyn TableWriter + 'a>> {
    Ok(Box::new(write::DuckWriter::create(
        path, schema, options, job,
    )?))
}

/// Types that a column comes back as. Others are to be text or bytes before they get here.
pub(crate) fn holds(data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean
        | DataType::Float32
        | DataType::Float64
        | DataType::Utf8
        | DataType::Binary
        | DataType::Date32
        | DataType::Time64(TimeUnit::Microsecond)
        | DataType::Timestamp(_, None) => true,
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) => {
            matches!(&**zone, "UTC" | "+00:00")
        }
        DataType::Decimal128(precision, scale) => {
            (1..=38).contains(precision) && *scale >= 0 && *scale as u8 <= *precision
        }
        DataType::List(item) => holds(item.data_type()),
        DataType::Struct(fields) => {
            !fields.is_empty() && fields.iter().all(|f| holds(f.data_type()))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) => pair.iter().all(|f| holds(f.data_type())),
            _ => false,
        },
        other => other.is_integer(),
    }
}

#[cfg(test)]
mod tests;
