//! One value as one cell of XML: a number where Excel has it whole, else its exact text.

use arrow::array::cast::AsArray;
use arrow::array::types::*;
use arrow::array::{Array, BooleanArray, PrimitiveArray, StringArray};
use arrow::datatypes::{DataType, TimeUnit};

use super::super::cells::{clock, push_float};
use super::parts::Style;
use super::{MAX_DIGITS, MAX_TEXT, serial};
use crate::error::{ConvertError, Result};

/// The text of a cell is longer than a cell may be: its UTF-16 units.
pub(super) type TooLong = usize;

/// The cells of one column of a batch.
pub(super) enum Cells<'a> {
    Bool(&'a BooleanArray),
    Int(Box<dyn Fn(usize) -> i64 + 'a>, &'a dyn Array),
    UInt64(&'a PrimitiveArray<UInt64Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Decimal(&'a PrimitiveArray<Decimal128Type>, i8),
    Date(&'a PrimitiveArray<Date32Type>),
    /// A count of units, so many to the second.
    Time(Box<dyn Fn(usize) -> i64 + 'a>, &'a dyn Array, i64),
    Timestamp(Box<dyn Fn(usize) -> i64 + 'a>, &'a dyn Array, i64, bool),
    Text(&'a StringArray),
}

impl<'a> Cells<'a> {
    pub(super) fn of(array: &'a dyn Array) -> Result<Self> {
        fn ints<T: arrow::array::ArrowPrimitiveType>(
            array: &dyn Array,
        ) -> Box<dyn Fn(usize) -> i64 + '_>
        where
            T::Native: Into<i64>,
        {
            let array = array.as_primitive::<T>();
            Box::new(|row| array.value(row).into())
        }
        Ok(match array.data_type() {
            DataType::Boolean => Cells::Bool(array.as_boolean()),
            DataType::Int8 => Cells::Int(ints::<Int8Type>(array), array),
            DataType::Int16 => Cells::Int(ints::<Int16Type>(array), array),
            DataType::Int32 => Cells::Int(ints::<Int32Type>(array), array),
            DataType::Int64 => Cells::Int(ints::<Int64Type>(array), array),
            DataType::UInt8 => Cells::Int(ints::<UInt8Type>(array), array),
            DataType::UInt16 => Cells::Int(ints::<UInt16Type>(array), array),
            DataType::UInt32 => Cells::Int(ints::<UInt32Type>(array), array),
            DataType::UInt64 => Cells::UInt64(array.as_primitive()),
            DataType::Float64 => Cells::Float64(array.as_primitive()),
            DataType::Float32 => Cells::Float32(array.as_primitive()),
            DataType::Decimal128(_, scale) => Cells::Decimal(array.as_primitive(), *scale),
            DataType::Date32 => Cells::Date(array.as_primitive()),
            DataType::Time32(TimeUnit::Second) => {
                Cells::Time(ints::<Time32SecondType>(array), array, 1)
            }
            DataType::Time32(_) => Cells::Time(ints::<Time32MillisecondType>(array), array, 1_000),
            DataType::Time64(TimeUnit::Nanosecond) => {
                Cells::Time(ints::<Time64NanosecondType>(array), array, 1_000_000_000)
            }
            DataType::Time64(_) => {
                Cells::Time(ints::<Time64MicrosecondType>(array), array, 1_000_000)
            }
            DataType::Timestamp(unit, zone) => {
                let (value, per_second) = match unit {
                    TimeUnit::Second => (ints::<TimestampSecondType>(array), 1),
                    TimeUnit::Millisecond => (ints::<TimestampMillisecondType>(array), 1_000),
                    TimeUnit::Microsecond => (ints::<TimestampMicrosecondType>(array), 1_000_000),
                    TimeUnit::Nanosecond => (ints::<TimestampNanosecondType>(array), 1_000_000_000),
                };
                Cells::Timestamp(value, array, per_second, zone.is_some())
            }
            DataType::Utf8 => Cells::Text(array.as_string()),
            other => {
                return Err(ConvertError::Engine {
                    detail: format!("no cell holds {other}"),
                });
            }
        })
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Cells::Bool(a) => a.is_null(row),
            Cells::Int(_, a) | Cells::Time(_, a, _) | Cells::Timestamp(_, a, ..) => a.is_null(row),
            Cells::UInt64(a) => a.is_null(row),
            Cells::Float64(a) => a.is_null(row),
            Cells::Float32(a) => a.is_null(row),
            Cells::Decimal(a, _) => a.is_null(row),
            Cells::Date(a) => a.is_null(row),
            Cells::Text(a) => a.is_null(row),
        }
    }

    /// One cell; nothing for null.
    #[inline]
    pub(super) fn push(
        &self,
        out: &mut Vec<u8>,
        opening: &[u8],
        number: &[u8],
        row: usize,
    ) -> Result<(), TooLong> {
        if self.is_null(row) {
            return Ok(());
        }
        let mut plain = |style: Style, value: &[u8]| {
            out.extend_from_slice(opening);
            out.extend_from_slice(number);
            out.extend_from_slice(style.attribute());
            out.extend_from_slice(b"><v>");
            out.extend_from_slice(value);
            out.extend_from_slice(b"</v></c>");
        };
        // What has no number of its own, as text.
        let mut text_out = Vec::new();
        match self {
            Cells::Text(a) => return push_text(out, opening, number, Style::Text, a.value(row)),
            Cells::Bool(a) => {
                out.extend_from_slice(opening);
                out.extend_from_slice(number);
                let value: &[u8] = if a.value(row) {
                    b"\" t=\"b\"><v>1</v></c>"
                } else {
                    b"\" t=\"b\"><v>0</v></c>"
                };
                out.extend_from_slice(value);
                return Ok(());
            }
            Cells::Int(value, _) => {
                let n = value(row);
                let mut buffer = itoa::Buffer::new();
                let digits = buffer.format(n).as_bytes();
                if few_digits(n.unsigned_abs()) {
                    plain(Style::Whole, digits);
                    return Ok(());
                }
                text_out.extend_from_slice(digits);
            }
            Cells::UInt64(a) => {
                let n = a.value(row);
                let mut buffer = itoa::Buffer::new();
                let digits = buffer.format(n).as_bytes();
                if few_digits(n) {
                    plain(Style::Whole, digits);
                    return Ok(());
                }
                text_out.extend_from_slice(digits);
            }
            Cells::Float64(a) => {
                let n = a.value(row);
                if fits_float(n) {
                    plain(
                        Style::General,
                        ryu::Buffer::new().format_finite(n).as_bytes(),
                    );
                    return Ok(());
                }
                push_float(&mut text_out, n);
            }
            Cells::Float32(a) => {
                let n = a.value(row);
                if n.is_finite() {
                    plain(
                        Style::General,
                        ryu::Buffer::new().format_finite(n).as_bytes(),
                    );
                    return Ok(());
                }
                push_float(&mut text_out, f64::from(n));
            }
            Cells::Decimal(a, scale) => {
                let n = a.value(row);
                clock::push_decimal(&mut text_out, n, *scale);
                if n.unsigned_abs() < 10u128.pow(MAX_DIGITS) {
                    plain(Style::decimal(*scale), &text_out);
                    return Ok(());
                }
            }
            Cells::Date(a) => {
                let days = i64::from(a.value(row));
                if let Some(serial) = serial::from_days(days) {
                    plain(Style::Date, itoa::Buffer::new().format(serial).as_bytes());
                    return Ok(());
                }
                clock::push_date(&mut text_out, days);
            }
            Cells::Time(value, _, per_second) => {
                let n = value(row);
                if let Some(serial) = in_micros(n, *per_second).and_then(serial::from_time) {
                    let whole = n % per_second == 0;
                    plain(
                        if whole {
                            Style::Time
                        } else {
                            Style::TimeMillis
                        },
                        ryu::Buffer::new().format_finite(serial).as_bytes(),
                    );
                    return Ok(());
                }
                clock::push_clock(
                    &mut text_out,
                    n.div_euclid(*per_second),
                    n.rem_euclid(*per_second),
                    *per_second,
                );
            }
            Cells::Timestamp(value, _, per_second, zoned) => {
                let n = value(row);
                if let Some(serial) = in_micros(n, *per_second).and_then(serial::from_micros) {
                    let whole = n % per_second == 0;
                    let mut buffer = ryu::Buffer::new();
                    let style = if whole {
                        Style::DateTime
                    } else {
                        Style::DateTimeMillis
                    };
                    plain(style, buffer.format_finite(serial).as_bytes());
                    return Ok(());
                }
                clock::push_timestamp(&mut text_out, n, *per_second);
                if *zoned {
                    text_out.extend_from_slice(b"+00");
                }
            }
        }
        push_text(
            out,
            opening,
            number,
            Style::Text,
            &String::from_utf8_lossy(&text_out),
        )
    }
}

/// Microseconds, where that is a whole number of them in milliseconds: finer ones are not
/// Excel's to show.
fn in_micros(value: i64, per_second: i64) -> Option<i64> {
    let micros = if per_second >= 1_000_000 {
        let unit = per_second / 1_000_000;
        if value % unit != 0 {
            return None;
        }
        value / unit
    } else {
        value.checked_mul(1_000_000 / per_second)?
    };
    (micros % 1000 == 0).then_some(micros)
}

/// Excel keeps so many digits, and turns the others to zeros.
fn few_digits(n: u64) -> bool {
    n < 10u64.pow(MAX_DIGITS)
}

/// A double that Excel has too: no infinity, nothing subnormal, at most 9.99…E+307.
fn fits_float(n: f64) -> bool {
    n == 0.0 || (n.is_normal() && n.abs() <= 9.999_999_999_999_99e307)
}

pub(super) fn push_text(
    out: &mut Vec<u8>,
    opening: &[u8],
    number: &[u8],
    style: Style,
    text: &str,
) -> Result<(), TooLong> {
    if text.len() > MAX_TEXT {
        let units = text.encode_utf16().count();
        if units > MAX_TEXT {
            return Err(units);
        }
    }
    out.extend_from_slice(opening);
    out.extend_from_slice(number);
    out.extend_from_slice(style.attribute());
    // White space at the ends, and line breaks, are kept only where that is asked for.
    let bytes = text.as_bytes();
    let odd = |b: Option<&u8>| b.is_some_and(u8::is_ascii_whitespace);
    let spaced = odd(bytes.first()) || odd(bytes.last()) || bytes.contains(&b'\n');
    out.extend_from_slice(if spaced {
        b" t=\"inlineStr\"><is><t xml:space=\"preserve\">"
    } else {
        b" t=\"inlineStr\"><is><t>".as_slice()
    });
    escape_into(text, out);
    out.extend_from_slice(b"</t></is></c>");
    Ok(())
}

/// For XML, and for Excel: what XML cannot hold as `_xHHHH_`, and what looks so, too.
fn escape_into(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (i, byte) in bytes.iter().enumerate() {
        let replaced: &[u8] = match byte {
            b'&' => b"&amp;",
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'\t' | b'\n' => continue,
            0..=0x1F => {
                out.extend_from_slice(&bytes[from..i]);
                out.extend_from_slice(format!("_x{byte:04X}_").as_bytes());
                from = i + 1;
                continue;
            }
            b'_' if looks_escaped(&bytes[i..]) => b"_x005F_",
            // U+FFFE and U+FFFF, which no XML may hold.
            0xEF if matches!(bytes.get(i..i + 3), Some([_, 0xBF, 0xBE | 0xBF])) => {
                out.extend_from_slice(&bytes[from..i]);
                out.extend_from_slice(if bytes[i + 2] == 0xBE {
                    b"_xFFFE_"
                } else {
                    b"_xFFFF_"
                });
                from = i + 3;
                continue;
            }
            _ => continue,
        };
        out.extend_from_slice(&bytes[from..i]);
        out.extend_from_slice(replaced);
        from = i + 1;
    }
    out.extend_from_slice(&bytes[from..]);
}

fn looks_escaped(text: &[u8]) -> bool {
    text.len() >= 7
        && text[1] == b'x'
        && text[6] == b'_'
        && text[2..6].iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_reads_back() {
        for text in [
            "a&b<c>",
            "_x000D_",
            "__x0041_",
            "\r\n\u{1}",
            "\u{FFFE}\u{FFFF}é\u{1F600}",
            "_x00",
            "_",
        ] {
            let mut out = Vec::new();
            escape_into(text, &mut out);
            let mut back = super::super::xml::unescape(&out).into_owned();
            super::super::xml::unescape_controls(&mut back, 0);
            assert_eq!(String::from_utf8(back).unwrap(), text);
        }
    }
}
