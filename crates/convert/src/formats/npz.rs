//! NumPy archives (`.npz`), and a single array (`.npy`). One-dimensional arrays of the
//! same length are the columns of one table; otherwise each array is a table of its own.
//! Python objects are never unpickled: an array of them is refused by its name.
//!
//! NumPy has no null. Dates and timestamps have NaT, which is one; for any other column
//! with nulls the archive gets a second array, `NAME.null`, of truth values that say where
//! they are, the form of NumPy's masked arrays. Reading puts the two together again.

mod archive;
mod array;
mod decode;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::path::Path;

use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::options::Options;
use crate::source::Source;
use crate::table::{Depth, Job, Table, TableWriter};

/// Most columns of a table.
pub(crate) const COLUMNS: usize = 16_384;

/// Behind a column's name: the array that says where it is null.
const MASK: &str = ".null";

/// Opens an archive or a single array. Phase, where all of it is read: `scan`.
pub(crate) fn open(
    source: &Source,
    options: &Options,
    depth: Depth,
    job: Job<'_>,
) -> Result<Box<dyn Table>> {
    Ok(Box::new(read::NpzTable::open(source, options, depth, job)?))
}

/// Writes booleans, integers, floats, text, dates, and timestamps without a zone; nulls in
/// all of them. Text becomes as wide as the longest, so that one long value can be too
/// much; text that ends in a zero character cannot be written.
pub(crate) fn create<'a>(
    path: &Path,
    schema: SchemaRef,
    _options: &Options,
    job: Job<'a>,
) -> Result<Box<dyn TableWriter + 'a>> {
    Ok(Box::new(write::NpzWriter::new(path, schema, job)?))
}
