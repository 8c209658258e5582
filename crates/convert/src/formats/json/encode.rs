//! Rows of a batch as JSON objects, one behind the other. Every digit of a number is
//! written; what JSON has no number for is a string, in the one form in which values are
//! printed. Refuses what would not come back.

use arrow::array::cast::AsArray;
use arrow::array::types::*;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, RecordBatch, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Schema};

use super::RAW_KEY;
use super::raw::is_minified;
use super::token::plain_run;
use crate::error::{ConvertError, Result};
use crate::types::{Text, plain, to_plain, write_f32, write_f64};

/// What stands between two rows.
pub(crate) const LINES: &[u8] = b"\n";
pub(crate) const ELEMENTS: &[u8] = b",\n";

/// The keys as they are written, made once.
pub(crate) struct Keys(Vec<Vec<u8>>);

impl Keys {
    pub(crate) fn new(schema: &Schema) -> Self {
        let key = |(i, field): (usize, &std::sync::Arc<Field>)| {
            let mut key = vec![if i == 0 { b'{' } else { b',' }];
            string(field.name().as_bytes(), &mut key);
            key.push(b':');
            key
        };
        Keys(schema.fields().iter().enumerate().map(key).collect())
    }
}

/// Appends the rows, `between` after each but the last.
pub(crate) fn encode(
    batch: &RecordBatch,
    keys: &Keys,
    between: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    let mut plains = Vec::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        let field = plain(field)?;
        let array = to_plain(array, &field)?;
        plains.push((field, array));
    }
    let values = plains
        .iter()
        .map(|(f, a)| Values::new(f, a))
        .collect::<Result<Vec<_>>>()?;
    for row in 0..batch.num_rows() {
        if row > 0 {
            out.extend_from_slice(between);
        }
        if values.is_empty() {
            out.push(b'{');
        }
        for (key, values) in keys.0.iter().zip(&values) {
            out.extend_from_slice(key);
            values.write(row, out)?;
        }
        out.push(b'}');
    }
    Ok(())
}

/// The values of one array, ready to be written row by row.
struct Values<'a> {
    name: &'a str,
    nulls: Option<&'a NullBuffer>,
    kind: Kind<'a>,
}

/// Writes the value in a row.
type Bare<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + Send + Sync + 'a>;

enum Kind<'a> {
    Bool(&'a BooleanArray),
    Int64(&'a [i64]),
    Double(&'a [f64]),
    Single(&'a [f32]),
    Decimal(&'a [i128], u8),
    Text(&'a StringArray),
    Json(&'a StringArray),
    /// Integers of other widths, and wide decimals: digits.
    Bare(Bare<'a>),
    /// Dates and times: their text needs no escape.
    Quoted(Text<'a>),
    List(&'a [i32], Box<Values<'a>>),
    Struct(Vec<(Vec<u8>, Values<'a>)>),
    Map(&'a [i32], Box<Values<'a>>, Box<Values<'a>>),
}

impl<'a> Values<'a> {
    fn new(field: &'a Field, array: &'a ArrayRef) -> Result<Self> {
        let kind = match array.data_type() {
            DataType::Boolean => Kind::Bool(array.as_boolean()),
            DataType::Int8 => integers::<Int8Type>(array),
            DataType::Int16 => integers::<Int16Type>(array),
            DataType::Int32 => integers::<Int32Type>(array),
            DataType::Int64 => Kind::Int64(array.as_primitive::<Int64Type>().values()),
            DataType::UInt8 => integers::<UInt8Type>(array),
            DataType::UInt16 => integers::<UInt16Type>(array),
            DataType::UInt32 => integers::<UInt32Type>(array),
            DataType::UInt64 => integers::<UInt64Type>(array),
            DataType::Float64 => Kind::Double(array.as_primitive::<Float64Type>().values()),
            DataType::Float32 => Kind::Single(array.as_primitive::<Float32Type>().values()),
            DataType::Decimal128(_, s) if *s >= 0 => {
                Kind::Decimal(array.as_primitive::<Decimal128Type>().values(), *s as u8)
            }
            DataType::Decimal128(..) | DataType::Decimal256(..) => {
                let text = Text::new(array.as_ref())?;
                Kind::Bare(Box::new(move |row, out| text.write(row, out)))
            }
            DataType::Utf8 if field.metadata().contains_key(RAW_KEY) => {
                Kind::Json(array.as_string::<i32>())
            }
            DataType::Utf8 => Kind::Text(array.as_string::<i32>()),
            DataType::Date32
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Timestamp(..) => Kind::Quoted(Text::new(array.as_ref())?),
            DataType::List(item) => {
                let list = array.as_list::<i32>();
                let values = Values::new(item, list.values())?;
                Kind::List(list.value_offsets(), Box::new(values))
            }
            DataType::Struct(fields) => {
                let mut members = Vec::new();
                for (i, (field, array)) in
                    fields.iter().zip(array.as_struct().columns()).enumerate()
                {
                    let mut key = vec![if i == 0 { b'{' } else { b',' }];
                    string(field.name().as_bytes(), &mut key);
                    key.push(b':');
                    members.push((key, Values::new(field, array)?));
                }
                Kind::Struct(members)
            }
            DataType::Map(entries, _) => {
                let map = array.as_map();
                let DataType::Struct(pair) = entries.data_type() else {
                    return Err(no_form(field));
                };
                let keys = Values::new(&pair[0], map.keys())?;
                let values = Values::new(&pair[1], map.values())?;
                Kind::Map(map.value_offsets(), Box::new(keys), Box::new(values))
            }
            _ => return Err(no_form(field)),
        };
        Ok(Values {
            name: field.name(),
            nulls: array.nulls(),
            kind,
        })
    }

    #[inline]
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            out.extend_from_slice(b"null");
            return Ok(());
        }
        match &self.kind {
            Kind::Int64(values) => {
                out.extend_from_slice(itoa::Buffer::new().format(values[row]).as_bytes());
            }
            Kind::Text(array) => string(array.value(row).as_bytes(), out),
            Kind::Double(values) if values[row].is_finite() => write_f64(values[row], out),
            Kind::Decimal(values, scale) => decimal(values[row], usize::from(*scale), out),
            Kind::Bool(array) => {
                out.extend_from_slice(if array.value(row) { b"true" } else { b"false" });
            }
            _ => return self.write_other(row, out),
        }
        Ok(())
    }

    fn write_other(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        match &self.kind {
            Kind::Single(values) if values[row].is_finite() => write_f32(values[row], out),
            Kind::Bare(write) => write(row, out),
            Kind::Quoted(text) => {
                out.push(b'"');
                text.write(row, out);
                out.push(b'"');
            }
            Kind::Json(array) => {
                let text = array.value(row);
                if !is_minified(text) {
                    return Err(self.refused("JSON text that would not come back as it is"));
                }
                out.extend_from_slice(text.as_bytes());
            }
            Kind::List(offsets, items) => {
                out.push(b'[');
                let (begin, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                for i in begin..end {
                    if i > begin {
                        out.push(b',');
                    }
                    items.write(i, out)?;
                }
                out.push(b']');
            }
            Kind::Struct(members) => {
                for (key, values) in members {
                    out.extend_from_slice(key);
                    values.write(row, out)?;
                }
                if members.is_empty() {
                    out.push(b'{');
                }
                out.push(b'}');
            }
            Kind::Map(offsets, keys, values) => {
                out.push(b'{');
                let (begin, end) = (offsets[row] as usize, offsets[row + 1] as usize);
                for i in begin..end {
                    if i > begin {
                        out.push(b',');
                    }
                    let at = out.len();
                    keys.write(i, out)?;
                    if out.get(at) != Some(&b'"') {
                        out.insert(at, b'"');
                        out.push(b'"');
                    }
                    out.push(b':');
                    values.write(i, out)?;
                }
                out.push(b'}');
            }
            _ => return Err(self.refused("a number that is not finite")),
        }
        Ok(())
    }

    #[cold]
    fn refused(&self, what: &str) -> ConvertError {
        ConvertError::Engine {
            detail: format!("the column {:?} holds {what}", self.name),
        }
    }
}

fn no_form(field: &Field) -> ConvertError {
    ConvertError::Engine {
        detail: format!(
            "JSON has no form for the type {} of {:?}",
            field.data_type(),
            field.name()
        ),
    }
}

fn integers<T: ArrowPrimitiveType>(array: &ArrayRef) -> Kind<'_>
where
    T::Native: itoa::Integer,
{
    let values = array.as_primitive::<T>().values();
    Kind::Bare(Box::new(move |row, out| {
        out.extend_from_slice(itoa::Buffer::new().format(values[row]).as_bytes());
    }))
}

/// Appends a string in quotes.
#[inline]
pub(crate) fn string(value: &[u8], out: &mut Vec<u8>) {
    out.reserve(value.len() + 2);
    out.push(b'"');
    let mut rest = value;
    loop {
        let run = plain_run(rest);
        out.extend_from_slice(&rest[..run]);
        let Some(byte) = rest.get(run) else { break };
        escape(*byte, out);
        rest = &rest[run + 1..];
    }
    out.push(b'"');
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' | b'\\' => byte,
        8 => b'b',
        12 => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        _ => {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(b"\\u00");
            out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend([b'\\', short]);
}

fn decimal(value: i128, scale: usize, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = match u64::try_from(value.unsigned_abs()) {
        Ok(narrow) => buffer.format(narrow),
        Err(_) => buffer.format(value.unsigned_abs()),
    };
    if value < 0 {
        out.push(b'-');
    }
    match digits.len().checked_sub(scale) {
        _ if scale == 0 => out.extend_from_slice(digits.as_bytes()),
        None | Some(0) => {
            out.extend_from_slice(b"0.");
            out.extend(std::iter::repeat_n(b'0', scale - digits.len()));
            out.extend_from_slice(digits.as_bytes());
        }
        Some(whole) => {
            out.extend_from_slice(&digits.as_bytes()[..whole]);
            out.push(b'.');
            out.extend_from_slice(&digits.as_bytes()[whole..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_where_json_asks_for_it() {
        let mut out = Vec::new();
        string(
            "a\"\\/\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}é😀\u{2028}".as_bytes(),
            &mut out,
        );
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}é😀\u{2028}\""
        );
    }

    #[test]
    fn decimals_keep_their_places() {
        for (value, scale, text) in [
            (0, 0, "0"),
            (0, 2, "0.00"),
            (-5, 2, "-0.05"),
            (150, 2, "1.50"),
            (99, 2, "0.99"),
            (-123_456, 0, "-123456"),
            (
                10i128.pow(37) * 9,
                37,
                "9.0000000000000000000000000000000000000",
            ),
            (
                -(10i128.pow(38) - 1),
                38,
                "-0.99999999999999999999999999999999999999",
            ),
        ] {
            let mut out = Vec::new();
            decimal(value, scale, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
