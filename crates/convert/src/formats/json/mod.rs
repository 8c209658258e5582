//! JSON, as one array, one document, or a record on each line. Every value is read from
//! its own text and every type is proved over the whole file; what no type holds exactly
//! stays JSON text, under the word `JSON` in the field's metadata, and is written as it
//! stood.
//!
//! | file | what it owns |
//! |---|---|
//! | `input.rs` | the bytes as UTF-8: unpacking, byte order marks, places |
//! | `token.rs`, `nest.rs`, `raw.rs` | the grammar, and values as the text they stand in |
//! | `form.rs`, `outline.rs` | where the records are |
//! | `split.rs`, `records.rs` | chunks of whole records, and the records in them |
//! | `scan.rs`, `node.rs`, `walk.rs`, `number.rs`, `facts.rs` | the pass that sees every value |
//! | `infer.rs` | from what was seen to types |
//! | `decode.rs`, `column.rs`, `exact.rs`, `time.rs` | records into batches |
//! | `read.rs` | the table |
//! | `write.rs`, `encode.rs` | batches into JSON |

mod column;
mod decode;
mod encode;
mod exact;
mod facts;
mod form;
mod infer;
mod input;
mod nest;
mod node;
mod number;
mod outline;
mod raw;
mod read;
mod records;
mod scan;
mod split;
#[cfg(test)]
mod tests;
mod time;
mod token;
mod walk;
mod write;

use std::path::Path;

use arrow::datatypes::SchemaRef;

use crate::error::Result;
use crate::format::Format;
use crate::options::Options;
use crate::source::Source;
use crate::table::{Depth, Job, Table, TableWriter};

/// Of a text field under the word `JSON`: its texts are written into a file as they
/// stand, not as strings. Only a reader of JSON says so, since only its texts are known
/// to be values without whitespace around their tokens, and to come back the same.
pub(crate) const RAW_KEY: &str = "redline:raw";

/// Opens a file of either form; which one, its content says. Phase: `scan`.
pub(crate) fn open(
    format: Format,
    source: &Source,
    options: &Options,
    depth: Depth,
    job: Job<'_>,
) -> Result<Box<dyn Table>> {
    let input = input::Input::look(&source.path)?;
    let name = source.file_name().to_ascii_lowercase();
    // Detection calls a file of one record NDJSON as well; a name or a person means it.
    let lines = source.format == Some(Format::Ndjson)
        || (format == Format::Ndjson && [".ndjson", ".jsonl"].iter().any(|e| name.contains(e)));
    let table = read::JsonTable::open(input, options, depth, lines, job)?;
    Ok(Box::new(table))
}

/// Writes `to`, which is Json or Ndjson. Option: `codec`. Holds booleans, integers,
/// finite floats, decimals, text, dates, times, timestamps, and lists, structs and maps
/// of these; a value of another type, and a float that is not finite, is an error.
pub(crate) fn create<'a>(
    to: Format,
    path: &Path,
    schema: SchemaRef,
    options: &Options,
    job: Job<'a>,
) -> Result<Box<dyn TableWriter + 'a>> {
    let writer = write::JsonWriter::new(path, to, &schema, options, job)?;
    Ok(Box::new(writer))
}

/// Opens what [`create`] made: each column as the type that `schema` states, a value of
/// another being an error. Nothing is profiled, so that it costs one pass less.
pub(crate) fn reopen(
    _to: Format,
    path: &Path,
    schema: SchemaRef,
    _options: &Options,
    _job: Job<'_>,
) -> Result<Box<dyn Table>> {
    let input = input::Input::look(path)?;
    Ok(Box::new(read::JsonTable::stated(input, &schema)?))
}
