//! The bytes of rows into arrays. Every value is checked: what has no place in the type
//! is an error with its row.

use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, BinaryBuilder, BooleanArray, PrimitiveArray, StringBuilder, make_array,
};
use arrow::buffer::NullBuffer;
use arrow::datatypes::*;

use super::array::{Kind, Leaf, Steps};
use crate::error::Result;
use crate::types::arrow_error;

/// What could not be read, and in which of the rows.
pub(crate) type Bad = (usize, String);

/// NumPy's "not a time".
const NOT_A_TIME: i64 = i64::MIN;

pub(crate) fn decode(
    leaf: &Leaf,
    bytes: &[u8],
    stride: usize,
    rows: usize,
) -> Result<ArrayRef, Bad> {
    let item = |row: usize| {
        let at = row * stride + leaf.offset;
        &bytes[at..at + leaf.width]
    };
    macro_rules! numbers {
        ($arrow:ty, $rust:ty) => {{
            let values = (0..rows).map(|row| {
                let mut raw = [0; size_of::<$rust>()];
                raw.copy_from_slice(item(row));
                match leaf.big_endian {
                    true => <$rust>::from_be_bytes(raw),
                    false => <$rust>::from_le_bytes(raw),
                }
            });
            Arc::new(PrimitiveArray::<$arrow>::from_iter_values(values)) as ArrayRef
        }};
    }
    let counts = || {
        (0..rows).map(|row| {
            let mut raw = [0; 8];
            raw.copy_from_slice(item(row));
            let value = if leaf.big_endian {
                i64::from_be_bytes(raw)
            } else {
                i64::from_le_bytes(raw)
            };
            (row, (value != NOT_A_TIME).then_some(value))
        })
    };
    Ok(match (leaf.kind, leaf.width) {
        (Kind::Bool, _) => Arc::new(
            (0..rows)
                .map(|row| Some(item(row)[0] != 0))
                .collect::<BooleanArray>(),
        ),
        (Kind::Int, 1) => numbers!(Int8Type, i8),
        (Kind::Int, 2) => numbers!(Int16Type, i16),
        (Kind::Int, 4) => numbers!(Int32Type, i32),
        (Kind::Int, _) => numbers!(Int64Type, i64),
        (Kind::UInt, 1) => numbers!(UInt8Type, u8),
        (Kind::UInt, 2) => numbers!(UInt16Type, u16),
        (Kind::UInt, 4) => numbers!(UInt32Type, u32),
        (Kind::UInt, _) => numbers!(UInt64Type, u64),
        (Kind::Float, 8) => numbers!(Float64Type, f64),
        (Kind::Float, 4) => numbers!(Float32Type, f32),
        (Kind::Float, _) => {
            let values = (0..rows).map(|row| {
                let raw = [item(row)[0], item(row)[1]];
                half(if leaf.big_endian {
                    u16::from_be_bytes(raw)
                } else {
                    u16::from_le_bytes(raw)
                })
            });
            Arc::new(PrimitiveArray::<Float32Type>::from_iter_values(values))
        }
        (Kind::Bytes | Kind::Raw, _) => {
            let mut out = BinaryBuilder::with_capacity(rows, rows * leaf.width);
            for row in 0..rows {
                out.append_value(match leaf.kind {
                    Kind::Raw => item(row),
                    _ => trimmed(item(row)),
                });
            }
            Arc::new(out.finish())
        }
        (Kind::Unicode, _) => {
            let mut out = StringBuilder::with_capacity(rows, rows * leaf.width / 4);
            let mut text = String::new();
            for row in 0..rows {
                text.clear();
                characters(item(row), leaf.big_endian, &mut text).map_err(|what| (row, what))?;
                out.append_value(text.trim_end_matches('\0'));
            }
            Arc::new(out.finish())
        }
        (Kind::Date(steps), _) => {
            let days = counts().map(|(row, value)| match value {
                None => Ok(None),
                Some(value) => match day(value, steps) {
                    Some(day) => Ok(Some(day)),
                    None => Err((row, format!("the date {value}, which is out of range"))),
                },
            });
            Arc::new(days.collect::<Result<PrimitiveArray<Date32Type>, Bad>>()?)
        }
        (Kind::Stamp(unit, each), _) => {
            let values = scaled(counts(), each)?;
            match unit {
                TimeUnit::Second => primitive::<TimestampSecondType>(values),
                TimeUnit::Millisecond => primitive::<TimestampMillisecondType>(values),
                TimeUnit::Microsecond => primitive::<TimestampMicrosecondType>(values),
                TimeUnit::Nanosecond => primitive::<TimestampNanosecondType>(values),
            }
        }
        (Kind::Span(unit, each), _) => {
            let values = scaled(counts(), each)?;
            match unit {
                TimeUnit::Second => primitive::<DurationSecondType>(values),
                TimeUnit::Millisecond => primitive::<DurationMillisecondType>(values),
                TimeUnit::Microsecond => primitive::<DurationMicrosecondType>(values),
                TimeUnit::Nanosecond => primitive::<DurationNanosecondType>(values),
            }
        }
    })
}

/// The array with null where `mask` is true.
pub(crate) fn masked(array: &ArrayRef, mask: &BooleanArray) -> Result<ArrayRef> {
    let valid = NullBuffer::new(!mask.values());
    let nulls = NullBuffer::union(Some(&valid), array.nulls());
    let data = array.to_data().into_builder().nulls(nulls).build();
    Ok(make_array(data.map_err(arrow_error)?))
}

fn primitive<T: ArrowPrimitiveType<Native = i64>>(values: Vec<Option<i64>>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::from_iter(values))
}

fn scaled(
    counts: impl Iterator<Item = (usize, Option<i64>)>,
    each: i64,
) -> Result<Vec<Option<i64>>, Bad> {
    counts
        .map(|(row, value)| match value {
            None => Ok(None),
            Some(value) => match value.checked_mul(each) {
                Some(scaled) => Ok(Some(scaled)),
                None => Err((row, format!("the time {value}, which is out of range"))),
            },
        })
        .collect()
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
    &bytes[..end]
}

fn characters(bytes: &[u8], big_endian: bool, out: &mut String) -> Result<(), String> {
    for four in bytes.chunks_exact(4) {
        let mut raw = [0; 4];
        raw.copy_from_slice(four);
        let code = if big_endian {
            u32::from_be_bytes(raw)
        } else {
            u32::from_le_bytes(raw)
        };
        match char::from_u32(code) {
            Some(c) => out.push(c),
            None => return Err(format!("the code 0x{code:X}, which is no character")),
        }
    }
    Ok(())
}

/// Days since 1970.
fn day(count: i64, steps: Steps) -> Option<i32> {
    let months = match steps {
        Steps::Days => return i32::try_from(count).ok(),
        Steps::Weeks => return i32::try_from(count.checked_mul(7)?).ok(),
        Steps::Months => count,
        Steps::Years => count.checked_mul(12)?,
    };
    // From March of a year on, the leap day is the last of it; 1970-03 is month 2.
    let months = months.checked_sub(2)?;
    let year = months.div_euclid(12).checked_add(1970)?;
    let month = months.rem_euclid(12);
    let era = year.div_euclid(400);
    let in_era = year.rem_euclid(400);
    let day = in_era * 365 + in_era / 4 - in_era / 100 + (153 * month + 2) / 5;
    i32::try_from(
        era.checked_mul(146_097)?
            .checked_add(day)?
            .checked_sub(719_468)?,
    )
    .ok()
}

/// A half as a single, which holds each of them.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10 & 0x1F);
    let mantissa = u32::from(bits & 0x3FF);
    match (exponent, mantissa) {
        (0, 0) => f32::from_bits(sign),
        // Below the normal range: so many times 2^-24.
        (0, m) => {
            let value = m as f32 / 16_777_216.0;
            if sign == 0 { value } else { -value }
        }
        (0x1F, m) => f32::from_bits(sign | 0x7F80_0000 | m << 13),
        (e, m) => f32::from_bits(sign | (e + 112) << 23 | m << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_exact() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x7BFF, 65_504.0),
            (0x0001, 5.960_464_5e-8),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x7C00, f32::INFINITY),
            (0xFC00, f32::NEG_INFINITY),
        ] {
            assert_eq!(half(bits).to_bits(), f32::to_bits(value), "{bits:04x}");
        }
        assert!(half(0x7E00).is_nan());
    }

    #[test]
    fn months_begin_where_the_calendar_says() {
        for (count, steps, day_) in [
            (0, Steps::Months, 0),
            (1, Steps::Months, 31),
            (2, Steps::Months, 59),
            (-1, Steps::Months, -31),
            (30, Steps::Years, 10_957),
            (361, Steps::Months, 10_988),
            (1, Steps::Weeks, 7),
        ] {
            assert_eq!(day(count, steps), Some(day_), "{count} {steps:?}");
        }
        assert_eq!(day(i64::MAX, Steps::Years), None);
        assert_eq!(day(i64::MIN + 1, Steps::Months), None);
    }
}
