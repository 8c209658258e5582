//! What one array is: its shape, and for each column in it the type and the place in an
//! item. Reads headers only.

use std::io::Read;

use arrow::datatypes::{DataType, TimeUnit};
use npyz::{DType, Endianness, NpyHeader, Order, TimeUnits, TypeChar, TypeStr};

use super::COLUMNS;
use super::archive::{Archive, unreadable};
use crate::error::{ConvertError, Result};

/// Longest header; NumPy itself stops at 10,000 characters unless told otherwise.
const HEADER: usize = 1 << 20;

/// Deepest nesting of brackets in a header.
const NESTING: usize = 32;

#[derive(Debug, Clone)]
pub(crate) struct Array {
    pub name: String,
    pub entry: usize,
    /// Bytes of the header.
    pub begin: u64,
    pub rows: u64,
    /// Bytes of one row, or of one item where columns lie one after the other.
    pub stride: usize,
    /// Column after column (Fortran order), not row after row.
    pub by_column: bool,
    pub leaves: Vec<Leaf>,
    pub notes: Vec<String>,
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Leaf {
    pub name: String,
    pub kind: Kind,
    pub big_endian: bool,
    /// In a row, in bytes.
    pub offset: usize,
    pub width: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Bool,
    Int,
    UInt,
    Float,
    /// Bytes without the zeros at the end.
    Bytes,
    /// Bytes with them.
    Raw,
    Unicode,
    /// Counts, each so many of the unit; dates are days.
    Date(Steps),
    Stamp(TimeUnit, i64),
    Span(TimeUnit, i64),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Steps {
    Years,
    Months,
    Weeks,
    Days,
}

impl Leaf {
    pub(crate) fn data_type(&self) -> DataType {
        match (self.kind, self.width) {
            (Kind::Bool, _) => DataType::Boolean,
            (Kind::Int, 1) => DataType::Int8,
            (Kind::Int, 2) => DataType::Int16,
            (Kind::Int, 4) => DataType::Int32,
            (Kind::Int, _) => DataType::Int64,
            (Kind::UInt, 1) => DataType::UInt8,
            (Kind::UInt, 2) => DataType::UInt16,
            (Kind::UInt, 4) => DataType::UInt32,
            (Kind::UInt, _) => DataType::UInt64,
            (Kind::Float, 8) => DataType::Float64,
            (Kind::Float, _) => DataType::Float32,
            (Kind::Bytes | Kind::Raw, _) => DataType::Binary,
            (Kind::Unicode, _) => DataType::Utf8,
            (Kind::Date(_), _) => DataType::Date32,
            (Kind::Stamp(unit, _), _) => DataType::Timestamp(unit, None),
            (Kind::Span(unit, _), _) => DataType::Duration(unit),
        }
    }
}

/// Reads the header of an entry.
pub(crate) fn array(archive: &Archive, entry: usize) -> Result<Array> {
    let file = &archive.entries[entry];
    let name = file
        .name
        .strip_suffix(".npy")
        .unwrap_or(&file.name)
        .to_owned();
    let bad = |seen: &str| unreadable(format!("{name:?}: {seen}"));
    let head = head(archive, entry).map_err(|e| bad(&e.to_string()))?;
    let begin = head.len() as u64;
    if nesting(&head) > NESTING {
        return Err(bad("a header with brackets within brackets"));
    }
    if !countable(&head) {
        return Err(bad("a shape that asks for more values than can be counted"));
    }
    let header = NpyHeader::from_reader(head.as_slice()).map_err(|e| bad(&e.to_string()))?;
    let dtype = header.dtype();
    if dtype.uses_pickled_array() {
        return Err(bad(
            "Python objects, which only unpickling would read, and that could run any program",
        ));
    }
    let item = dtype
        .num_bytes()
        .ok_or_else(|| bad("items of a size that no memory holds"))?;
    let shape = header.shape();
    let (rows, columns) = match shape {
        [] => (1, 1),
        [rows] => (*rows, 1),
        [rows, columns] => (*rows, *columns),
        more => return Err(bad(&format!("{} dimensions; a table has two", more.len()))),
    };
    let two = shape.len() == 2;
    let data = rows
        .checked_mul(columns)
        .and_then(|n| n.checked_mul(item as u64));
    if data.is_none_or(|data| Some(data) != file.size.checked_sub(begin)) {
        return Err(bad(&format!(
            "{} bytes of values, where its header asks for {}",
            file.size.saturating_sub(begin),
            data.map_or("more than there can be".to_owned(), |d| d.to_string())
        )));
    }
    let mut walk = Walk {
        leaves: Vec::new(),
        notes: Vec::new(),
    };
    let columns = usize::try_from(columns).unwrap_or(usize::MAX);
    if columns > COLUMNS {
        return Err(bad(&format!("{columns} columns")));
    }
    let by_column = two && header.order() == Order::Fortran && columns > 1;
    let mut offset = 0;
    for column in 0..columns {
        let path = if two {
            format!("{name}_{column}")
        } else {
            name.clone()
        };
        // The names of a structure's fields stand alone in an array of its own.
        walk.dtype(&path, &dtype, offset, !two)
            .map_err(|e| bad(&e))?;
        if by_column && walk.leaves.len() != column + 1 {
            return Err(bad("structures in two dimensions, column after column"));
        }
        if !by_column {
            offset += item;
        }
    }
    Ok(Array {
        entry,
        begin,
        rows,
        stride: if by_column { item } else { item * columns },
        by_column,
        leaves: walk.leaves,
        notes: walk
            .notes
            .into_iter()
            .map(|n| format!("{name:?}: {n}"))
            .collect(),
        name,
    })
}

/// The header's bytes, up to the first value.
fn head(archive: &Archive, entry: usize) -> std::io::Result<Vec<u8>> {
    let invalid =
        |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what.to_owned());
    let mut stream = archive.stream(entry, 0)?;
    let mut head = vec![0; 10];
    stream.read_exact(&mut head)?;
    if !head.starts_with(b"\x93NUMPY") {
        return Err(invalid("not a NumPy array"));
    }
    let mut length = usize::from(u16::from_le_bytes([head[8], head[9]]));
    if head[6] > 1 {
        head.resize(12, 0);
        stream.read_exact(&mut head[10..])?;
        length = u32::from_le_bytes([head[8], head[9], head[10], head[11]]) as usize;
    }
    if length > HEADER {
        return Err(invalid("a header of more than 1 MiB"));
    }
    let from = head.len();
    head.resize(from + length, 0);
    stream.read_exact(&mut head[from..])?;
    Ok(head)
}

/// Whether the product of the dimensions can be counted: the header's reader multiplies
/// them without a look.
fn countable(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head);
    let Some((_, shape)) = text.rsplit_once("shape") else {
        return true;
    };
    let shape = shape.split(')').next().unwrap_or_default();
    let mut dimensions = shape
        .split(|c: char| !c.is_ascii_digit())
        .filter(|d| !d.is_empty());
    dimensions
        .try_fold(1u64, |n, d| n.checked_mul(d.parse::<u64>().ok()?.max(1)))
        .is_some()
}

fn nesting(head: &[u8]) -> usize {
    let (mut depth, mut most) = (0usize, 0);
    for byte in head {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

struct Walk {
    leaves: Vec<Leaf>,
    notes: Vec<String>,
}

impl Walk {
    fn dtype(&mut self, path: &str, dtype: &DType, offset: usize, top: bool) -> Result<(), String> {
        if self.leaves.len() > COLUMNS {
            return Err(format!("more than {COLUMNS} columns"));
        }
        match dtype {
            DType::Plain(plain) => {
                let (kind, note) = kind(plain)?;
                let width = plain.num_bytes().unwrap_or(0);
                if let Some(note) = note {
                    self.notes.push(note);
                }
                self.leaves.push(Leaf {
                    name: path.to_owned(),
                    kind,
                    big_endian: plain.endianness() == Endianness::Big,
                    offset,
                    width,
                });
                Ok(())
            }
            DType::Array(n, inner) => {
                let width = inner.num_bytes().unwrap_or(0);
                let n = usize::try_from(*n).unwrap_or(usize::MAX);
                if n > COLUMNS {
                    return Err(format!("a field of {n} values"));
                }
                (0..n).try_for_each(|i| {
                    self.dtype(&format!("{path}_{i}"), inner, offset + i * width, false)
                })
            }
            DType::Record(fields) => {
                let mut at = offset;
                for field in fields {
                    // A nameless field is padding.
                    if !field.name.is_empty() {
                        let path = if top {
                            field.name.clone()
                        } else {
                            format!("{path}.{}", field.name)
                        };
                        self.dtype(&path, &field.dtype, at, false)?;
                    }
                    at += field.dtype.num_bytes().unwrap_or(0);
                }
                Ok(())
            }
        }
    }
}

/// How values of a type are read, and what a person would want to know about it.
fn kind(plain: &TypeStr) -> Result<(Kind, Option<String>), String> {
    let refuse = |what: &str| Err(format!("{what} ({plain}), which no column can be"));
    let size = plain.size_field();
    let kind = match plain.type_char() {
        TypeChar::Bool if size == 1 => Kind::Bool,
        TypeChar::Int if matches!(size, 1 | 2 | 4 | 8) => Kind::Int,
        TypeChar::Uint if matches!(size, 1 | 2 | 4 | 8) => Kind::UInt,
        TypeChar::Float if matches!(size, 2 | 4 | 8) => Kind::Float,
        TypeChar::Float => return refuse("long doubles"),
        TypeChar::Complex => return refuse("complex numbers"),
        TypeChar::ByteStr => Kind::Bytes,
        TypeChar::RawData => Kind::Raw,
        TypeChar::UnicodeStr => Kind::Unicode,
        TypeChar::DateTime => return moment(plain),
        TypeChar::TimeDelta => {
            return match plain.time_units() {
                Some(TimeUnits::Year | TimeUnits::Month) => {
                    refuse("spans of months, whose length is open")
                }
                _ => match seconds(plain) {
                    Some((unit, each)) => Ok((Kind::Span(unit, each), None)),
                    None => refuse("spans finer than a nanosecond"),
                },
            };
        }
        _ => return refuse("values of a kind"),
    };
    Ok((kind, None))
}

fn moment(plain: &TypeStr) -> Result<(Kind, Option<String>), String> {
    let first = |of: &str| Some(format!("{of} are the first day of each."));
    Ok(match plain.time_units() {
        Some(TimeUnits::Year) => (Kind::Date(Steps::Years), first("years")),
        Some(TimeUnits::Month) => (Kind::Date(Steps::Months), first("months")),
        Some(TimeUnits::Week) => (Kind::Date(Steps::Weeks), first("weeks")),
        Some(TimeUnits::Day) => (Kind::Date(Steps::Days), None),
        _ => match seconds(plain) {
            Some((unit, each)) => (Kind::Stamp(unit, each), None),
            None => return Err(format!("times finer than a nanosecond ({plain})")),
        },
    })
}

/// The unit of Arrow, and how many of it are one.
fn seconds(plain: &TypeStr) -> Option<(TimeUnit, i64)> {
    Some(match plain.time_units()? {
        TimeUnits::Week => (TimeUnit::Second, 7 * 86_400),
        TimeUnits::Day => (TimeUnit::Second, 86_400),
        TimeUnits::Hour => (TimeUnit::Second, 3_600),
        TimeUnits::Minute => (TimeUnit::Second, 60),
        TimeUnits::Second => (TimeUnit::Second, 1),
        TimeUnits::Millisecond => (TimeUnit::Millisecond, 1),
        TimeUnits::Microsecond => (TimeUnit::Microsecond, 1),
        TimeUnits::Nanosecond => (TimeUnit::Nanosecond, 1),
        _ => return None,
    })
}

/// Whether an error is of the file's making: then another of its arrays may still be read.
pub(crate) fn is_refusal(error: &ConvertError) -> bool {
    matches!(error, ConvertError::Unreadable { .. })
}
