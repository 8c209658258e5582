//! One batch as delimited text: how each column's values are printed, and where a field
//! needs quotes. Never touches a file.

use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::{Array, ArrayRef, BooleanArray, PrimitiveArray, RecordBatch, StringArray};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, SchemaRef, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::kind::FORM;
use super::times::{self, DateForm, StampForm, TimeForm, Zone};
use super::values;
use super::writer::Style;
use crate::error::{ConvertError, Result};

/// How a column's values become text.
enum Print {
    Text(StringArray),
    Bool(BooleanArray),
    I8(PrimitiveArray<Int8Type>),
    I16(PrimitiveArray<Int16Type>),
    I32(PrimitiveArray<Int32Type>),
    I64(PrimitiveArray<Int64Type>),
    U8(PrimitiveArray<UInt8Type>),
    U16(PrimitiveArray<UInt16Type>),
    U32(PrimitiveArray<UInt32Type>),
    U64(PrimitiveArray<UInt64Type>),
    F32(PrimitiveArray<Float32Type>, bool, u8),
    F64(PrimitiveArray<Float64Type>, bool, u8),
    Decimal(PrimitiveArray<Decimal128Type>, usize, u8),
    Date(PrimitiveArray<Date32Type>, DateForm),
    /// Counts from midnight, and nanoseconds in each.
    Time(PrimitiveArray<Int64Type>, i64, TimeForm),
    /// Counts from 1970, and how many make a second.
    Stamp(PrimitiveArray<Int64Type>, i64, StampForm),
}

struct Column {
    print: Print,
    nulls: Option<arrow::buffer::NullBuffer>,
    /// No value of this column can look like a delimiter, a quote or null.
    bare: bool,
}

pub(crate) struct Encoder<'s> {
    columns: Vec<Column>,
    rows: usize,
    style: &'s Style,
}

/// The counts under any type that has 64 bits.
fn counts<T: ArrowPrimitiveType<Native = i64>>(array: &ArrayRef) -> PrimitiveArray<Int64Type> {
    let array = array.as_primitive::<T>();
    PrimitiveArray::new(array.values().clone(), array.nulls().cloned())
}

fn print_of(array: &ArrayRef, field: &Field) -> Result<Print> {
    let form = field.metadata().get(FORM).map(String::as_str);
    let number = || {
        (
            form.is_some_and(|f| f.starts_with("short")),
            if form.is_some_and(|f| f.ends_with(',')) {
                b','
            } else {
                b'.'
            },
        )
    };
    Ok(match array.data_type() {
        DataType::Utf8 => Print::Text(array.as_string::<i32>().clone()),
        DataType::Boolean => Print::Bool(array.as_boolean().clone()),
        DataType::Int8 => Print::I8(array.as_primitive().clone()),
        DataType::Int16 => Print::I16(array.as_primitive().clone()),
        DataType::Int32 => Print::I32(array.as_primitive().clone()),
        DataType::Int64 => Print::I64(array.as_primitive().clone()),
        DataType::UInt8 => Print::U8(array.as_primitive().clone()),
        DataType::UInt16 => Print::U16(array.as_primitive().clone()),
        DataType::UInt32 => Print::U32(array.as_primitive().clone()),
        DataType::UInt64 => Print::U64(array.as_primitive().clone()),
        DataType::Float32 => Print::F32(array.as_primitive().clone(), number().0, number().1),
        DataType::Float64 => Print::F64(array.as_primitive().clone(), number().0, number().1),
        DataType::Decimal128(_, scale @ 0..) => {
            Print::Decimal(array.as_primitive().clone(), *scale as usize, number().1)
        }
        DataType::Date32 => {
            let form = form
                .and_then(DateForm::from_pattern)
                .unwrap_or(DateForm::Iso);
            Print::Date(array.as_primitive().clone(), form)
        }
        DataType::Time64(unit) => {
            let form = form
                .and_then(TimeForm::from_pattern)
                .unwrap_or(TimeForm::PLAIN);
            match unit {
                TimeUnit::Nanosecond => Print::Time(counts::<Time64NanosecondType>(array), 1, form),
                _ => Print::Time(counts::<Time64MicrosecondType>(array), 1000, form),
            }
        }
        DataType::Timestamp(unit, zone) => {
            let plain = StampForm {
                zone: if zone.is_some() {
                    Zone::Hours(0)
                } else {
                    Zone::None
                },
                ..StampForm::PLAIN
            };
            let form = form.and_then(StampForm::from_pattern).unwrap_or(plain);
            match unit {
                TimeUnit::Second => Print::Stamp(counts::<TimestampSecondType>(array), 1, form),
                TimeUnit::Millisecond => {
                    Print::Stamp(counts::<TimestampMillisecondType>(array), 1_000, form)
                }
                TimeUnit::Microsecond => {
                    Print::Stamp(counts::<TimestampMicrosecondType>(array), 1_000_000, form)
                }
                TimeUnit::Nanosecond => Print::Stamp(
                    counts::<TimestampNanosecondType>(array),
                    1_000_000_000,
                    form,
                ),
            }
        }
        _ => Print::Text(crate::types::to_text(array)?.as_string::<i32>().clone()),
    })
}

impl<'s> Encoder<'s> {
    pub(crate) fn new(batch: &RecordBatch, schema: &SchemaRef, style: &'s Style) -> Result<Self> {
        let columns = batch
            .columns()
            .iter()
            .zip(schema.fields())
            .map(|(array, field)| {
                let print = print_of(array, field)?;
                Ok(Column {
                    bare: is_bare(&print, style),
                    nulls: array.logical_nulls(),
                    print,
                })
            });
        Ok(Encoder {
            columns: columns.collect::<Result<_>>()?,
            rows: batch.num_rows(),
            style,
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<()> {
        let style = self.style;
        let null = style.null.as_deref().unwrap_or_default();
        let mut scratch = Vec::new();
        for row in 0..self.rows {
            for (i, column) in self.columns.iter().enumerate() {
                if i > 0 {
                    out.push(style.delimiter);
                }
                if column.nulls.as_ref().is_some_and(|n| n.is_null(row)) {
                    out.extend_from_slice(null);
                } else if column.bare {
                    print(&column.print, row, out);
                } else if let Print::Text(array) = &column.print {
                    text(array.value(row).as_bytes(), style, out);
                } else {
                    scratch.clear();
                    print(&column.print, row, &mut scratch);
                    text(&scratch, style, out);
                }
            }
            out.extend_from_slice(style.line_end);
        }
        Ok(())
    }
}

fn is_bare(print: &Print, style: &Style) -> bool {
    if style.quotes_all || style.null.is_some() || matches!(print, Print::Text(_)) {
        return false;
    }
    let delimiter = style.delimiter;
    if delimiter.is_ascii_alphanumeric()
        || matches!(delimiter, b'+' | b'-' | b'.' | b':' | b' ' | b'/')
    {
        return false;
    }
    !matches!(
        print,
        Print::F32(_, _, b',') | Print::F64(_, _, b',') | Print::Decimal(_, _, b',')
    ) || delimiter != b','
}

macro_rules! whole {
    ($array:expr, $row:expr, $out:expr) => {
        $out.extend_from_slice(itoa::Buffer::new().format($array.value($row)).as_bytes())
    };
}

#[inline(always)]
fn print(print: &Print, row: usize, out: &mut Vec<u8>) {
    match print {
        Print::Text(array) => out.extend_from_slice(array.value(row).as_bytes()),
        Print::Bool(array) => {
            out.extend_from_slice(if array.value(row) { b"true" } else { b"false" });
        }
        Print::I8(array) => whole!(array, row, out),
        Print::I16(array) => whole!(array, row, out),
        Print::I32(array) => whole!(array, row, out),
        Print::I64(array) => whole!(array, row, out),
        Print::U8(array) => whole!(array, row, out),
        Print::U16(array) => whole!(array, row, out),
        Print::U32(array) => whole!(array, row, out),
        Print::U64(array) => whole!(array, row, out),
        Print::F32(array, short, point) => {
            values::print_single(array.value(row), *short, *point, out);
        }
        Print::F64(array, short, point) => {
            values::print_double(array.value(row), *short, *point, out);
        }
        Print::Decimal(array, scale, point) => {
            values::print_decimal(array.value(row), *scale, *point, out);
        }
        Print::Date(array, form) => times::print_date(array.value(row), *form, out),
        Print::Time(array, unit, form) => {
            times::print_time(array.value(row).saturating_mul(*unit), *form, out);
        }
        Print::Stamp(array, per_second, form) => {
            let value = array.value(row);
            let nanos = value.rem_euclid(*per_second) * (1_000_000_000 / per_second);
            times::print_stamp(value.div_euclid(*per_second), nanos as u32, *form, out);
        }
    }
}

/// A field, in quotes where it needs them.
#[inline(always)]
pub(crate) fn text(value: &[u8], style: &Style, out: &mut Vec<u8>) {
    if !style.quotes_all && !needs_quotes(value, style) {
        out.extend_from_slice(value);
        return;
    }
    out.push(b'"');
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[inline(always)]
fn needs_quotes(value: &[u8], style: &Style) -> bool {
    let (Some(first), Some(last)) = (value.first(), value.last()) else {
        return true;
    };
    let space = |b: u8| matches!(b, b' ' | b'\t');
    if space(*first) || space(*last) || *first == 0xEF || style.null.as_deref() == Some(value) {
        return true;
    }
    if value.len() < 32 {
        return value
            .iter()
            .any(|b| *b == style.delimiter || matches!(b, b'"' | b'\r' | b'\n'));
    }
    memchr::memchr3(style.delimiter, b'"', b'\n', value).is_some()
        || memchr::memchr(b'\r', value).is_some()
}

/// The text of every value in its field's own form, nulls kept.
pub(crate) fn formed(array: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    let print_of = print_of(array, field)?;
    let mut bytes = Vec::with_capacity(array.len() * 12);
    let mut offsets = Vec::with_capacity(array.len() + 1);
    offsets.push(0i32);
    for row in 0..array.len() {
        if array.is_valid(row) {
            print(&print_of, row, &mut bytes);
        }
        let end = i32::try_from(bytes.len()).map_err(|_| ConvertError::OutOfMemory {
            limit: i32::MAX as u64,
            detail: "the text of one batch of values".to_owned(),
        })?;
        offsets.push(end);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let built = StringArray::try_new(offsets, Buffer::from_vec(bytes), array.logical_nulls());
    Ok(Arc::new(built.map_err(crate::types::arrow_error)?))
}
