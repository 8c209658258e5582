//! Columns into an archive, one array for each. An array states its length, and the width
//! of its text, before its first value, and both are known only at the end: values wait in
//! one unnamed file in the job's temporary folder.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use arrow::array::cast::AsArray;
use arrow::array::types::*;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit, ToByteSlice};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::MASK;
use crate::error::{ConvertError, Result};
use crate::format::Format;
use crate::formats::archive_file::ArchiveFile;
use crate::sql::grouped;
use crate::table::{Job, TableWriter};

/// Text may take this many times the room that its characters need, and no more than this
/// many bytes, whichever is more.
const WASTE: u64 = 64;
const ALWAYS: u64 = 1 << 30;

pub(crate) struct NpzWriter<'a> {
    file: File,
    spool: BufWriter<File>,
    spooled: u64,
    columns: Vec<Column>,
    rows: u64,
    job: Job<'a>,
}

struct Column {
    name: String,
    kind: Kind,
    values: Vec<Block>,
    /// None as long as nothing is null.
    mask: Option<Vec<Block>>,
    /// Of text: characters of the longest, and bytes of all.
    widest: u64,
    text_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// So many bytes each, under this word of NumPy's.
    Plain(&'static str),
    Text,
}

/// A part of a column.
enum Block {
    /// In the spool: the first byte, and how many.
    Spooled(u64, u64),
    /// So many bytes of zero.
    Zeros(u64),
}

impl<'a> NpzWriter<'a> {
    pub(crate) fn new(path: &Path, schema: SchemaRef, job: Job<'a>) -> Result<Self> {
        let mut columns = Vec::new();
        let names: HashSet<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        for field in schema.fields() {
            if names.contains(format!("{}{MASK}", field.name()).as_str()) {
                return Err(no_room(
                    "names that do not end in .null",
                    format!("the columns {0:?} and \"{0}{MASK}\"", field.name()),
                ));
            }
            columns.push(Column {
                name: field.name().clone(),
                kind: kind(field.data_type())?,
                values: Vec::new(),
                mask: None,
                widest: 1,
                text_bytes: 0,
            });
        }
        let spool = tempfile::tempfile_in(&job.limits.temp_dir)?;
        Ok(NpzWriter {
            file: OpenOptions::new()
                .write(true)
                .read(true)
                .truncate(true)
                .open(path)?,
            spool: BufWriter::with_capacity(1 << 20, spool),
            spooled: 0,
            columns,
            rows: 0,
            job,
        })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<Block> {
        let block = Block::Spooled(self.spooled, bytes.len() as u64);
        self.spool.write_all(bytes)?;
        self.spooled += bytes.len() as u64;
        Ok(block)
    }

    fn values(&mut self, index: usize, array: &ArrayRef) -> Result<()> {
        let bytes = match self.columns[index].kind {
            Kind::Plain(_) => plain_bytes(array),
            Kind::Text => {
                let mut bytes = Vec::new();
                for (row, value) in array.as_string::<i32>().iter().enumerate() {
                    let value = value.unwrap_or_default();
                    if value.ends_with('\0') {
                        return Err(no_room(
                            "text that does not end in a zero character",
                            format!(
                                "one in row {} of {:?}",
                                self.rows + row as u64 + 1,
                                self.columns[index].name
                            ),
                        ));
                    }
                    let column = &mut self.columns[index];
                    column.widest = column.widest.max(value.chars().count() as u64);
                    column.text_bytes += value.len() as u64;
                    // A batch is far from 4 GiB.
                    bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
                    bytes.extend_from_slice(value.as_bytes());
                }
                bytes
            }
        };
        let block = self.put(&bytes)?;
        self.columns[index].values.push(block);
        Ok(())
    }

    fn nulls(&mut self, index: usize, array: &ArrayRef) -> Result<()> {
        let own = matches!(self.columns[index].kind, Kind::Plain(word) if word.starts_with("<M8"));
        if own {
            return Ok(());
        }
        let rows = array.len() as u64;
        let block = match array.nulls().filter(|n| n.null_count() > 0) {
            None => Block::Zeros(rows),
            Some(nulls) => {
                let bytes: Vec<u8> = nulls.iter().map(|valid| u8::from(!valid)).collect();
                self.put(&bytes)?
            }
        };
        let column = &mut self.columns[index];
        match (&mut column.mask, &block) {
            (Some(mask), _) => mask.push(block),
            (None, Block::Zeros(_)) => {}
            (None, _) => column.mask = Some(vec![Block::Zeros(self.rows), block]),
        }
        Ok(())
    }

    /// The values of a column, to where the archive wants them.
    fn copy(&self, spool: &mut File, blocks: &[Block], out: &mut impl Write) -> Result<()> {
        for block in blocks {
            self.job.check()?;
            match block {
                Block::Zeros(n) => io::copy(&mut io::repeat(0).take(*n), out)?,
                Block::Spooled(at, n) => {
                    spool.seek(SeekFrom::Start(*at))?;
                    io::copy(&mut (&mut *spool).take(*n), out)?
                }
            };
        }
        Ok(())
    }

    /// Text as wide as the widest, four bytes to a character.
    fn copy_text(&self, spool: &mut File, column: &Column, out: &mut impl Write) -> Result<()> {
        let width = column.widest as usize * 4;
        let mut item = Vec::with_capacity(width);
        let mut value = Vec::new();
        for block in &column.values {
            let Block::Spooled(at, n) = block else {
                continue;
            };
            spool.seek(SeekFrom::Start(*at))?;
            let mut from = BufReader::with_capacity(256 << 10, (&mut *spool).take(*n));
            let mut left = *n;
            while left > 0 {
                self.job.check()?;
                let mut length = [0; 4];
                from.read_exact(&mut length)?;
                let length = u32::from_le_bytes(length) as usize;
                value.resize(length, 0);
                from.read_exact(&mut value)?;
                left -= 4 + length as u64;
                item.clear();
                for c in String::from_utf8_lossy(&value).chars() {
                    item.extend_from_slice(&u32::from(c).to_le_bytes());
                }
                item.resize(width, 0);
                out.write_all(&item)?;
            }
        }
        Ok(())
    }
}

impl TableWriter for NpzWriter<'_> {
    fn write(&mut self, batch: RecordBatch) -> Result<()> {
        self.job.check()?;
        for (index, array) in batch.columns().iter().enumerate() {
            self.values(index, array)?;
            self.nulls(index, array)?;
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<()> {
        let rows = self.rows;
        for column in self.columns.iter().filter(|c| c.kind == Kind::Text) {
            let needed = column.widest * 4 * rows;
            if needed > ALWAYS.max(column.text_bytes.saturating_mul(WASTE)) {
                return Err(no_room(
                    "text of about the same length: every value takes as much room as the longest",
                    format!(
                        "{:?}, whose longest has {} characters, in {} rows",
                        column.name,
                        grouped(column.widest),
                        grouped(rows)
                    ),
                ));
            }
        }
        self.spool.flush()?;
        let mut spool = self.spool.get_ref().try_clone()?;
        let file = ArchiveFile::new(self.file.try_clone()?);
        let mut zip = ZipWriter::new(BufWriter::with_capacity(1 << 20, file));
        for column in &self.columns {
            let (word, width) = match column.kind {
                Kind::Plain(word) => (word.to_owned(), width(word)),
                Kind::Text => (format!("<U{}", column.widest), column.widest * 4),
            };
            start(&mut zip, &column.name, &word, width, rows)?;
            match column.kind {
                Kind::Plain(_) => self.copy(&mut spool, &column.values, &mut zip)?,
                Kind::Text => self.copy_text(&mut spool, column, &mut zip)?,
            }
            if let Some(mask) = &column.mask {
                start(&mut zip, &format!("{}{MASK}", column.name), "|b1", 1, rows)?;
                self.copy(&mut spool, mask, &mut zip)?;
            }
        }
        zip.finish().map_err(failed)?.flush()?;
        Ok(())
    }
}

/// Begins an array: its entry, and its header.
fn start<W: Write + Seek>(
    zip: &mut ZipWriter<W>,
    name: &str,
    word: &str,
    width: u64,
    rows: u64,
) -> Result<()> {
    let mut header = format!("{{'descr': '{word}', 'fortran_order': False, 'shape': ({rows},), }}");
    // Values begin at a multiple of 64, the header's last character being a line end.
    let pad = 63 - (10 + header.len()) % 64;
    header.extend(std::iter::repeat_n(' ', pad));
    header.push('\n');
    let size = 10 + header.len() as u64 + rows * width;
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(size >= u64::from(u32::MAX));
    zip.start_file(format!("{name}.npy"), options)
        .map_err(failed)?;
    zip.write_all(b"\x93NUMPY\x01\x00")?;
    zip.write_all(&(header.len() as u16).to_le_bytes())?;
    zip.write_all(header.as_bytes())?;
    Ok(())
}

fn failed(error: zip::result::ZipError) -> ConvertError {
    match error {
        zip::result::ZipError::Io(error) => error.into(),
        other => ConvertError::Engine {
            detail: other.to_string(),
        },
    }
}

fn no_room(limit: &str, seen: String) -> ConvertError {
    ConvertError::NoRoom {
        to: Format::Npz.id().to_owned(),
        limit: limit.to_owned(),
        seen,
    }
}

fn kind(data_type: &DataType) -> Result<Kind> {
    Ok(Kind::Plain(match data_type {
        DataType::Utf8 => return Ok(Kind::Text),
        DataType::Boolean => "|b1",
        DataType::Int8 => "|i1",
        DataType::Int16 => "<i2",
        DataType::Int32 => "<i4",
        DataType::Int64 => "<i8",
        DataType::UInt8 => "|u1",
        DataType::UInt16 => "<u2",
        DataType::UInt32 => "<u4",
        DataType::UInt64 => "<u8",
        DataType::Float32 => "<f4",
        DataType::Float64 => "<f8",
        DataType::Date32 => "<M8[D]",
        DataType::Timestamp(TimeUnit::Second, None) => "<M8[s]",
        DataType::Timestamp(TimeUnit::Millisecond, None) => "<M8[ms]",
        DataType::Timestamp(TimeUnit::Microsecond, None) => "<M8[us]",
        DataType::Timestamp(TimeUnit::Nanosecond, None) => "<M8[ns]",
        other => {
            return Err(no_room(
                "the types that NumPy has",
                format!("a column of {other}"),
            ));
        }
    }))
}

/// Bytes of an item.
fn width(word: &str) -> u64 {
    u64::from(word.as_bytes()[2] - b'0')
}

/// The values as they lie in an array; what is null is zero, or NaN, or NaT.
fn plain_bytes(array: &ArrayRef) -> Vec<u8> {
    match array.data_type() {
        DataType::Boolean => {
            let array = array.as_boolean();
            array.iter().map(|v| u8::from(v == Some(true))).collect()
        }
        DataType::Int8 => items::<Int8Type>(array, 0),
        DataType::Int16 => items::<Int16Type>(array, 0),
        DataType::Int32 => items::<Int32Type>(array, 0),
        DataType::Int64 => items::<Int64Type>(array, 0),
        DataType::UInt8 => items::<UInt8Type>(array, 0),
        DataType::UInt16 => items::<UInt16Type>(array, 0),
        DataType::UInt32 => items::<UInt32Type>(array, 0),
        DataType::UInt64 => items::<UInt64Type>(array, 0),
        DataType::Float32 => items::<Float32Type>(array, f32::NAN),
        DataType::Float64 => items::<Float64Type>(array, f64::NAN),
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().iter();
            days.flat_map(|day| day.map_or(i64::MIN, i64::from).to_le_bytes())
                .collect()
        }
        DataType::Timestamp(TimeUnit::Second, _) => items::<TimestampSecondType>(array, i64::MIN),
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            items::<TimestampMillisecondType>(array, i64::MIN)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            items::<TimestampMicrosecondType>(array, i64::MIN)
        }
        _ => items::<TimestampNanosecondType>(array, i64::MIN),
    }
}

fn items<T: ArrowPrimitiveType>(array: &ArrayRef, null: T::Native) -> Vec<u8> {
    let array = array.as_primitive::<T>();
    let mut values: Vec<T::Native> = array.values().to_vec();
    if array.null_count() > 0 {
        for (row, value) in values.iter_mut().enumerate() {
            if array.is_null(row) {
                *value = null;
            }
        }
    }
    little_endian(&values)
}

#[cfg(target_endian = "little")]
fn little_endian<T: arrow::datatypes::ArrowNativeType>(values: &[T]) -> Vec<u8> {
    values.to_byte_slice().to_vec()
}

#[cfg(target_endian = "big")]
fn little_endian<T: arrow::datatypes::ArrowNativeType>(values: &[T]) -> Vec<u8> {
    let turned = |v: &T| v.to_byte_slice().iter().rev().copied().collect::<Vec<u8>>();
    values.iter().flat_map(turned).collect()
}
