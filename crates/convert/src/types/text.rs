//! The exact text of a value: what a person sees, what text formats write, and what a
//! value that has no other common form is compared by. It reads back to the same value.

use std::io::Write as _;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::*;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray, StringArray};
use arrow::datatypes::{DataType, TimeUnit, i256};

use crate::error::{ConvertError, Result};

type Write<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + Send + Sync + 'a>;

/// Writes the values of one array; made once, used for each row. A null is written as
/// nothing: whether it is one is for the caller to ask the array.
pub(crate) struct Text<'a> {
    array: &'a dyn Array,
    write: Write<'a>,
    /// In JSON a bare literal, not a string.
    literal: bool,
}

impl<'a> Text<'a> {
    /// Fails for a type that [`super::to_plain`] would have taken away.
    pub(crate) fn new(array: &'a dyn Array) -> Result<Self> {
        let write = writer(array)?;
        let literal = matches!(
            array.data_type(),
            DataType::Boolean | DataType::Decimal128(..) | DataType::Decimal256(..)
        ) || array.data_type().is_integer()
            || array.data_type().is_nested();
        Ok(Text {
            array,
            write,
            literal,
        })
    }

    pub(crate) fn write(&self, row: usize, out: &mut Vec<u8>) {
        if self.array.is_valid(row) {
            (self.write)(row, out);
        }
    }

    /// The value as JSON: `null`, a literal, or a string.
    pub(crate) fn write_json(&self, row: usize, out: &mut Vec<u8>) {
        if self.array.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        let begin = out.len();
        (self.write)(row, out);
        let bare = self.literal
            || (self.array.data_type().is_floating()
                && !out.ends_with(b"n")
                && !out.ends_with(b"f"));
        if !bare {
            let text = String::from_utf8_lossy(&out[begin..]).into_owned();
            out.truncate(begin);
            json_string(&text, out);
        }
    }
}

/// The text of one value; empty for null. For a few values: [`Text`] is for many.
pub(crate) fn text_of(array: &dyn Array, row: usize) -> String {
    let mut out = Vec::new();
    if let Ok(text) = Text::new(array) {
        text.write(row, &mut out);
    }
    into_string(out)
}

/// All values as text, nulls kept.
pub(crate) fn to_text(array: &ArrayRef) -> Result<ArrayRef> {
    if matches!(array.data_type(), DataType::Utf8) {
        return Ok(Arc::clone(array));
    }
    let text = Text::new(array.as_ref())?;
    let mut bytes = Vec::with_capacity(array.len() * 12);
    let mut offsets = Vec::with_capacity(array.len() + 1);
    offsets.push(0i32);
    for row in 0..array.len() {
        text.write(row, &mut bytes);
        let end = i32::try_from(bytes.len()).map_err(|_| ConvertError::OutOfMemory {
            limit: i32::MAX as u64,
            detail: "the text of one batch of values".to_owned(),
        })?;
        offsets.push(end);
    }
    // What `Text` writes is UTF-8; the check says so again for less than it costs to doubt it.
    let built = StringArray::try_new(
        arrow::buffer::OffsetBuffer::new(offsets.into()),
        bytes.into(),
        array.logical_nulls(),
    );
    Ok(Arc::new(built.map_err(super::plain::arrow_error)?))
}

fn into_string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

fn json_string(text: &str, out: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _ = serde_json::to_writer(out, text);
}

fn values<'a, T: ArrowPrimitiveType>(
    array: &'a dyn Array,
    write: impl Fn(T::Native, &mut Vec<u8>) + Send + Sync + 'a,
) -> Write<'a> {
    let array: &PrimitiveArray<T> = array.as_primitive::<T>();
    Box::new(move |row, out| write(array.value(row), out))
}

fn integers<'a, T: ArrowPrimitiveType>(array: &'a dyn Array) -> Write<'a>
where
    T::Native: itoa::Integer,
{
    values::<T>(array, |v, out| {
        out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes());
    })
}

fn writer<'a>(array: &'a dyn Array) -> Result<Write<'a>> {
    Ok(match array.data_type() {
        DataType::Null => Box::new(|_, _| {}),
        DataType::Boolean => {
            let array = array.as_boolean();
            Box::new(move |row, out| {
                out.extend_from_slice(if array.value(row) { b"true" } else { b"false" });
            })
        }
        DataType::Int8 => integers::<Int8Type>(array),
        DataType::Int16 => integers::<Int16Type>(array),
        DataType::Int32 => integers::<Int32Type>(array),
        DataType::Int64 => integers::<Int64Type>(array),
        DataType::UInt8 => integers::<UInt8Type>(array),
        DataType::UInt16 => integers::<UInt16Type>(array),
        DataType::UInt32 => integers::<UInt32Type>(array),
        DataType::UInt64 => integers::<UInt64Type>(array),
        DataType::Float32 => values::<Float32Type>(array, write_f32),
        DataType::Float64 => values::<Float64Type>(array, write_f64),
        DataType::Decimal128(_, scale) => {
            let scale = *scale;
            values::<Decimal128Type>(array, move |v, out| write_decimal(v, scale, out))
        }
        DataType::Decimal256(_, scale) => {
            let scale = *scale;
            values::<Decimal256Type>(array, move |v: i256, out| match v.to_i128() {
                Some(narrow) => write_decimal(narrow, scale, out),
                None => point(&v.to_string(), scale, out),
            })
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            Box::new(move |row, out| out.extend_from_slice(array.value(row).as_bytes()))
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            Box::new(move |row, out| write_bytes(array.value(row), out))
        }
        DataType::Date32 => values::<Date32Type>(array, |v, out| write_date(i64::from(v), out)),
        DataType::Date64 => values::<Date64Type>(array, |v, out| {
            if v % 86_400_000 == 0 {
                write_date(v / 86_400_000, out);
            } else {
                write_timestamp(v, 1_000, out);
            }
        }),
        DataType::Time32(TimeUnit::Second) => {
            values::<Time32SecondType>(array, |v, out| write_time(i64::from(v), 1, out))
        }
        DataType::Time32(_) => {
            values::<Time32MillisecondType>(array, |v, out| write_time(i64::from(v), 1_000, out))
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            values::<Time64NanosecondType>(array, |v, out| write_time(v, 1_000_000_000, out))
        }
        DataType::Time64(_) => {
            values::<Time64MicrosecondType>(array, |v, out| write_time(v, 1_000_000, out))
        }
        DataType::Timestamp(unit, zone) => timestamps(array, *unit, zone.is_some()),
        DataType::Duration(unit) => durations(array, *unit),
        DataType::List(_) => {
            let array = array.as_list::<i32>();
            let items = Text::new(array.values().as_ref())?;
            Box::new(move |row, out| {
                let offsets = array.value_offsets();
                let range = offsets[row] as usize..offsets[row + 1] as usize;
                joined(range, b"[]", out, |i, out| items.write_json(i, out));
            })
        }
        DataType::Struct(fields) => {
            let array = array.as_struct();
            let members: Vec<Text<'a>> = array
                .columns()
                .iter()
                .map(|c| Text::new(c.as_ref()))
                .collect::<Result<_>>()?;
            let names: Vec<String> = fields.iter().map(|f| f.name().clone()).collect();
            Box::new(move |row, out| {
                joined(0..members.len(), b"{}", out, |i, out| {
                    json_string(&names[i], out);
                    out.push(b':');
                    members[i].write_json(row, out);
                });
            })
        }
        DataType::Map(_, _) => {
            let array = array.as_map();
            let keys = Text::new(array.keys().as_ref())?;
            let items = Text::new(array.values().as_ref())?;
            Box::new(move |row, out| {
                let offsets = array.value_offsets();
                let range = offsets[row] as usize..offsets[row + 1] as usize;
                joined(range, b"{}", out, |i, out| {
                    let mut key = Vec::new();
                    keys.write(i, &mut key);
                    json_string(&into_string(key), out);
                    out.push(b':');
                    items.write_json(i, out);
                });
            })
        }
        other => {
            return Err(ConvertError::Unreadable {
                what: "a column".to_owned(),
                seen: format!("the type {other}, which has no exact text here"),
            });
        }
    })
}

fn joined(
    range: std::ops::Range<usize>,
    around: &[u8; 2],
    out: &mut Vec<u8>,
    item: impl Fn(usize, &mut Vec<u8>),
) {
    out.push(around[0]);
    let begin = range.start;
    for i in range {
        if i > begin {
            out.push(b',');
        }
        item(i, out);
    }
    out.push(around[1]);
}

fn timestamps<'a>(array: &'a dyn Array, unit: TimeUnit, zoned: bool) -> Write<'a> {
    let write = move |v: i64, per_second: i64, out: &mut Vec<u8>| {
        write_timestamp(v, per_second, out);
        if zoned {
            out.extend_from_slice(b"+00");
        }
    };
    match unit {
        TimeUnit::Second => values::<TimestampSecondType>(array, move |v, out| write(v, 1, out)),
        TimeUnit::Millisecond => {
            values::<TimestampMillisecondType>(array, move |v, out| write(v, 1_000, out))
        }
        TimeUnit::Microsecond => {
            values::<TimestampMicrosecondType>(array, move |v, out| write(v, 1_000_000, out))
        }
        TimeUnit::Nanosecond => {
            values::<TimestampNanosecondType>(array, move |v, out| write(v, 1_000_000_000, out))
        }
    }
}

fn durations<'a>(array: &'a dyn Array, unit: TimeUnit) -> Write<'a> {
    match unit {
        TimeUnit::Second => values::<DurationSecondType>(array, |v, out| write_time(v, 1, out)),
        TimeUnit::Millisecond => {
            values::<DurationMillisecondType>(array, |v, out| write_time(v, 1_000, out))
        }
        TimeUnit::Microsecond => {
            values::<DurationMicrosecondType>(array, |v, out| write_time(v, 1_000_000, out))
        }
        TimeUnit::Nanosecond => {
            values::<DurationNanosecondType>(array, |v, out| write_time(v, 1_000_000_000, out))
        }
    }
}

/// Two digits of each number below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0u8; 2]; 100];
    let mut i = 0;
    while i < 100 {
        pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
        i += 1;
    }
    pairs
};

fn pair(n: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(&PAIRS[(n % 100) as usize]);
}

/// Days since 1970-01-01 as `YYYY-MM-DD`, in the calendar that has no beginning; a year
/// before 0 has a minus, one past 9999 more digits.
fn write_date(days: i64, out: &mut Vec<u8>) {
    // Eras of 400 years that begin in March: the leap day is the last of its year.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    if (0..10_000).contains(&year) {
        pair(year / 100, out);
        pair(year, out);
    } else if year < 0 {
        let _ = write!(out, "-{:04}", -year);
    } else {
        let _ = write!(out, "{year}");
    }
    out.push(b'-');
    pair(month, out);
    out.push(b'-');
    pair(day, out);
}

/// A count of fractions of a second as `HH:MM:SS[.fff]`; hours past 24 are only counted on.
pub(super) fn write_time(value: i64, per_second: i64, out: &mut Vec<u8>) {
    let magnitude = value.unsigned_abs();
    if value < 0 {
        out.push(b'-');
    }
    let per = per_second as u64;
    let (seconds, fraction) = (magnitude / per, magnitude % per);
    let hours = seconds / 3_600;
    if hours < 100 {
        pair(hours as i64, out);
    } else {
        let _ = write!(out, "{hours}");
    }
    out.push(b':');
    pair((seconds / 60 % 60) as i64, out);
    out.push(b':');
    pair((seconds % 60) as i64, out);
    if fraction > 0 {
        let mut digits = [0u8; 9];
        let width = per.ilog10() as usize;
        let mut rest = fraction;
        for digit in digits[..width].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let end = digits[..width]
            .iter()
            .rposition(|d| *d != b'0')
            .map_or(0, |i| i + 1);
        out.push(b'.');
        out.extend_from_slice(&digits[..end]);
    }
}

pub(super) fn write_timestamp(value: i64, per_second: i64, out: &mut Vec<u8>) {
    let day = 86_400 * per_second;
    write_date(value.div_euclid(day), out);
    out.push(b' ');
    write_time(value.rem_euclid(day), per_second, out);
}

fn write_decimal(value: i128, scale: i8, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = match i64::try_from(value) {
        Ok(narrow) => buffer.format(narrow),
        Err(_) => buffer.format(value),
    };
    point(digits, scale, out);
}

/// Puts the point into digits that may begin with a minus.
fn point(digits: &str, scale: i8, out: &mut Vec<u8>) {
    let (minus, digits) = digits
        .strip_prefix('-')
        .map_or((false, digits), |d| (true, d));
    if minus {
        out.push(b'-');
    }
    let Ok(scale) = usize::try_from(scale) else {
        // Below 0 a scale counts zeros that are not stored.
        out.extend_from_slice(digits.as_bytes());
        if digits != "0" {
            out.extend(std::iter::repeat_n(b'0', usize::from(scale.unsigned_abs())));
        }
        return;
    };
    if scale == 0 {
        out.extend_from_slice(digits.as_bytes());
    } else if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.extend_from_slice(whole.as_bytes());
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    } else {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', scale - digits.len()));
        out.extend_from_slice(digits.as_bytes());
    }
}

/// The fewest digits that read back to the same number, laid out as most programs do:
/// `0.1`, `1.0`, `1e-05`, `1.5e+16`, `inf`, `-inf`, `nan`, `-0.0`.
pub(crate) fn write_f64(value: f64, out: &mut Vec<u8>) {
    if value.is_finite() {
        layout(ryu::Buffer::new().format_finite(value), out);
    } else {
        not_finite(value, out);
    }
}

/// As [`write_f64`], with the digits that a single needs.
pub(crate) fn write_f32(value: f32, out: &mut Vec<u8>) {
    if value.is_finite() {
        layout(ryu::Buffer::new().format_finite(value), out);
    } else {
        not_finite(f64::from(value), out);
    }
}

fn not_finite(value: f64, out: &mut Vec<u8>) {
    let text: &[u8] = match value {
        v if v.is_nan() => b"nan",
        v if v > 0.0 => b"inf",
        _ => b"-inf",
    };
    out.extend_from_slice(text);
}

fn layout(text: &str, out: &mut Vec<u8>) {
    let (minus, text) = text.strip_prefix('-').map_or((false, text), |t| (true, t));
    if minus {
        out.push(b'-');
    }
    if let Some((mantissa, exponent)) = text.split_once('e') {
        let (sign, digits) = exponent
            .strip_prefix('-')
            .map_or((b'+', exponent), |d| (b'-', d));
        scientific(mantissa, sign, digits, out);
    } else if let Some(small) = text.strip_prefix("0.0000") {
        // 0.0000123: past four zeros the exponent is the usual form.
        let (first, rest) = small.split_at(1);
        let mantissa = if rest.is_empty() {
            first.to_owned()
        } else {
            format!("{first}.{rest}")
        };
        scientific(&mantissa, b'-', "5", out);
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn scientific(mantissa: &str, sign: u8, digits: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(mantissa.strip_suffix(".0").unwrap_or(mantissa).as_bytes());
    out.extend_from_slice(&[b'e', sign]);
    if digits.len() < 2 {
        out.push(b'0');
    }
    out.extend_from_slice(digits.as_bytes());
}

/// Printable ASCII as it is, a backslash and everything else as `\xNN`.
fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    for &b in bytes {
        if (0x20..0x7F).contains(&b) && b != b'\\' {
            out.push(b);
        } else {
            let _ = write!(out, "\\x{b:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::*;

    fn f64s(value: f64) -> String {
        let mut out = Vec::new();
        write_f64(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_are_laid_out_as_most_programs_do() {
        for (value, text) in [
            (0.1, "0.1"),
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.0000123, "-1.23e-05"),
            (1e-7, "1e-07"),
            (5e-324, "5e-324"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(f64s(value), text);
        }
        let mut out = Vec::new();
        write_f32(0.1, &mut out);
        assert_eq!(out, b"0.1");
    }

    #[test]
    fn times_have_only_the_digits_they_need() {
        let at = |v: i64, unit| {
            let array: ArrayRef = match unit {
                9 => Arc::new(TimestampNanosecondArray::from(vec![v])),
                6 => Arc::new(TimestampMicrosecondArray::from(vec![v]).with_timezone("UTC")),
                _ => Arc::new(TimestampSecondArray::from(vec![v])),
            };
            text_of(&array, 0)
        };
        assert_eq!(
            at(1_700_000_000_123_456_789, 9),
            "2023-11-14 22:13:20.123456789"
        );
        assert_eq!(at(-1, 6), "1969-12-31 23:59:59.999999+00");
        assert_eq!(at(253_402_300_799, 0), "9999-12-31 23:59:59");
        assert_eq!(at(253_402_300_800, 0), "10000-01-01 00:00:00");
        assert_eq!(at(-62_167_219_201, 0), "-0001-12-31 23:59:59");
        assert_eq!(text_of(&Date32Array::from(vec![19_782]), 0), "2024-02-29");
        assert_eq!(
            text_of(&Time64MicrosecondArray::from(vec![86_400_000_000]), 0),
            "24:00:00"
        );
    }

    #[test]
    fn decimals_keep_all_their_places() {
        let d = |v: i128, p, s| {
            let array = Decimal128Array::from(vec![v])
                .with_precision_and_scale(p, s)
                .unwrap();
            text_of(&array, 0)
        };
        assert_eq!(d(150, 9, 2), "1.50");
        assert_eq!(d(-5, 9, 2), "-0.05");
        assert_eq!(d(0, 9, 2), "0.00");
        assert_eq!(d(12, 9, 0), "12");
        assert_eq!(d(12, 9, -3), "12000");
        assert_eq!(d(i128::from(i64::MAX) * 10, 38, 3), "92233720368547758.070");
    }

    #[test]
    fn nested_values_are_json() {
        let mut list = ListBuilder::new(Float64Builder::new());
        list.append_value([Some(1.5), None, Some(f64::NAN)]);
        let list = list.finish();
        assert_eq!(text_of(&list, 0), "[1.5,null,\"nan\"]");
        let names: ArrayRef = Arc::new(StringArray::from(vec!["a\"b"]));
        let fields = vec![(
            Arc::new(arrow::datatypes::Field::new("n", DataType::Utf8, true)),
            names,
        )];
        assert_eq!(text_of(&StructArray::from(fields), 0), r#"{"n":"a\"b"}"#);
        assert_eq!(
            text_of(&BinaryArray::from_vec(vec![b"a\\\x00\xFF"]), 0),
            "a\\x5C\\x00\\xFF"
        );
    }
}
