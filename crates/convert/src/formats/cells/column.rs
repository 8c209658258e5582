//! Values into Arrow columns of a settled type. A value that is not of its column's type is
//! refused, never bent.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, BooleanBuilder, Decimal128Builder, Float32Builder, Float64Builder,
    Int64Array, Int64Builder, StringBuilder, UInt64Builder,
};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Int32Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};

use super::clock;
use super::value::Value;
use crate::error::{ConvertError, Result};

/// One column on its way.
pub(crate) struct Column {
    data_type: DataType,
    build: Build,
    scratch: Vec<u8>,
}

enum Build {
    Bool(BooleanBuilder),
    /// Integers up to 64 bits with a sign, within these bounds.
    Int(Int64Builder, i64, i64),
    UInt64(UInt64Builder),
    Float64(Float64Builder),
    Float32(Float32Builder),
    Decimal(Decimal128Builder, u8, i8),
    Date(Int64Builder),
    /// So many units in a second.
    Time(Int64Builder, i64),
    Timestamp(Int64Builder, i64),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
}

/// Types that a column can have here: all that are not nested, nor wider than 128 bits.
pub(crate) fn holds(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(_, zone) => matches!(zone.as_deref(), None | Some("UTC" | "+00:00")),
        DataType::Decimal128(precision, scale) => *scale >= 0 && *precision <= 38,
        other => {
            other.is_integer()
                || matches!(
                    other,
                    DataType::Boolean
                        | DataType::Float32
                        | DataType::Float64
                        | DataType::Date32
                        | DataType::Time32(TimeUnit::Second | TimeUnit::Millisecond)
                        | DataType::Time64(TimeUnit::Microsecond | TimeUnit::Nanosecond)
                        | DataType::Utf8
                        | DataType::Binary
                )
        }
    }
}

fn per_second(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

impl Column {
    /// For a type that [`holds`] names; text for any other.
    pub(crate) fn new(data_type: &DataType, rows: usize) -> Self {
        let ints = || Int64Builder::with_capacity(rows);
        let build = match data_type {
            DataType::Boolean => Build::Bool(BooleanBuilder::with_capacity(rows)),
            DataType::Int8 => Build::Int(ints(), i8::MIN.into(), i8::MAX.into()),
            DataType::Int16 => Build::Int(ints(), i16::MIN.into(), i16::MAX.into()),
            DataType::Int32 => Build::Int(ints(), i32::MIN.into(), i32::MAX.into()),
            DataType::Int64 => Build::Int(ints(), i64::MIN, i64::MAX),
            DataType::UInt8 => Build::Int(ints(), 0, u8::MAX.into()),
            DataType::UInt16 => Build::Int(ints(), 0, u16::MAX.into()),
            DataType::UInt32 => Build::Int(ints(), 0, u32::MAX.into()),
            DataType::UInt64 => Build::UInt64(UInt64Builder::with_capacity(rows)),
            DataType::Float64 => Build::Float64(Float64Builder::with_capacity(rows)),
            DataType::Float32 => Build::Float32(Float32Builder::with_capacity(rows)),
            DataType::Decimal128(p, s) => Build::Decimal(
                Decimal128Builder::with_capacity(rows).with_data_type(data_type.clone()),
                *p,
                *s,
            ),
            DataType::Date32 => Build::Date(ints()),
            DataType::Time32(unit) | DataType::Time64(unit) => {
                Build::Time(ints(), per_second(unit))
            }
            DataType::Timestamp(unit, _) => Build::Timestamp(ints(), per_second(unit)),
            DataType::Binary => Build::Bytes(BinaryBuilder::with_capacity(rows, rows * 8)),
            _ => Build::Text(StringBuilder::with_capacity(rows, rows * 8)),
        };
        Column {
            data_type: data_type.clone(),
            build,
            scratch: Vec::new(),
        }
    }

    pub(crate) fn null(&mut self) {
        match &mut self.build {
            Build::Bool(b) => b.append_null(),
            Build::Int(b, ..) | Build::Date(b) | Build::Time(b, _) | Build::Timestamp(b, _) => {
                b.append_null()
            }
            Build::UInt64(b) => b.append_null(),
            Build::Float64(b) => b.append_null(),
            Build::Float32(b) => b.append_null(),
            Build::Decimal(b, ..) => b.append_null(),
            Build::Text(b) => b.append_null(),
            Build::Bytes(b) => b.append_null(),
        }
    }

    /// Bytes of text held, for the size of a batch.
    pub(crate) fn bytes(&self) -> usize {
        match &self.build {
            Build::Text(b) => b.values_slice().len(),
            Build::Bytes(b) => b.values_slice().len(),
            _ => 0,
        }
    }

    /// Takes a value. False, and nothing taken, where it is not of the column's type.
    #[inline]
    pub(crate) fn push(&mut self, value: &Value<'_>) -> bool {
        match &mut self.build {
            Build::Text(b) => match value {
                Value::Text(text) => b.append_value(text),
                Value::Bytes(_) => return false,
                other => {
                    self.scratch.clear();
                    other.push_text(&mut self.scratch);
                    match std::str::from_utf8(&self.scratch) {
                        Ok(text) => b.append_value(text),
                        Err(_) => return false,
                    }
                }
            },
            Build::Int(b, least, most) => match int(value) {
                Some(n) if (*least..=*most).contains(&n) => b.append_value(n),
                _ => return false,
            },
            Build::Float64(b) => match float(value) {
                Some(n) => b.append_value(n),
                None => return false,
            },
            Build::Float32(b) => match value {
                Value::Text(text) => match text.parse::<f32>() {
                    Ok(n) => b.append_value(n),
                    Err(_) => return false,
                },
                other => match float(other) {
                    Some(n) => b.append_value(n as f32),
                    None => return false,
                },
            },
            Build::Bytes(b) => match value {
                Value::Bytes(bytes) => b.append_value(bytes),
                Value::Text(text) => b.append_value(text),
                other => {
                    self.scratch.clear();
                    other.push_text(&mut self.scratch);
                    b.append_value(&self.scratch);
                }
            },
            Build::Bool(b) => match value {
                Value::Bool(v) => b.append_value(*v),
                Value::Int(n @ (0 | 1)) => b.append_value(*n == 1),
                _ => return false,
            },
            Build::UInt64(b) => {
                let n = match value {
                    Value::Text(text) => text.parse().ok(),
                    other => int(other).and_then(|n| u64::try_from(n).ok()),
                };
                match n {
                    Some(n) => b.append_value(n),
                    None => return false,
                }
            }
            Build::Decimal(b, precision, scale) => match decimal(value, *precision, *scale) {
                Some(n) => b.append_value(n),
                None => return false,
            },
            Build::Date(b) => match value {
                Value::Date(days) => b.append_value((*days).into()),
                Value::Text(text) => {
                    match clock::date(text).filter(|d| i32::try_from(*d).is_ok()) {
                        Some(days) => b.append_value(days),
                        None => return false,
                    }
                }
                _ => return false,
            },
            Build::Time(b, per_second) => match moment_in(value, *per_second, false) {
                Some(n) => b.append_value(n),
                None => return false,
            },
            Build::Timestamp(b, per_second) => match moment_in(value, *per_second, true) {
                Some(n) => b.append_value(n),
                None => return false,
            },
        }
        true
    }

    /// What was taken since the last time.
    pub(crate) fn finish(&mut self) -> Result<ArrayRef> {
        let wrong = |e: arrow::error::ArrowError| ConvertError::Engine {
            detail: e.to_string(),
        };
        Ok(match &mut self.build {
            Build::Bool(b) => Arc::new(b.finish()),
            Build::Int(b, ..) => {
                let array = b.finish();
                match self.data_type {
                    DataType::Int64 => Arc::new(array),
                    _ => cast(&array, &self.data_type).map_err(wrong)?,
                }
            }
            Build::UInt64(b) => Arc::new(b.finish()),
            Build::Float64(b) => Arc::new(b.finish()),
            Build::Float32(b) => Arc::new(b.finish()),
            Build::Decimal(b, ..) => Arc::new(b.finish()),
            Build::Text(b) => Arc::new(b.finish()),
            Build::Bytes(b) => Arc::new(b.finish()),
            Build::Date(b) => {
                let days = narrow(&b.finish())?;
                Arc::new(days.reinterpret_cast::<Date32Type>())
            }
            Build::Time(b, per_second) => {
                let array = b.finish();
                match *per_second {
                    1 => Arc::new(narrow(&array)?.reinterpret_cast::<Time32SecondType>()),
                    1_000 => Arc::new(narrow(&array)?.reinterpret_cast::<Time32MillisecondType>()),
                    1_000_000 => Arc::new(array.reinterpret_cast::<Time64MicrosecondType>()),
                    _ => Arc::new(array.reinterpret_cast::<Time64NanosecondType>()),
                }
            }
            Build::Timestamp(b, per_second) => {
                let array = b.finish();
                let zone = match &self.data_type {
                    DataType::Timestamp(_, zone) => zone.clone(),
                    _ => None,
                };
                match *per_second {
                    1 => Arc::new(
                        array
                            .reinterpret_cast::<TimestampSecondType>()
                            .with_timezone_opt(zone),
                    ),
                    1_000 => Arc::new(
                        array
                            .reinterpret_cast::<TimestampMillisecondType>()
                            .with_timezone_opt(zone),
                    ),
                    1_000_000 => Arc::new(
                        array
                            .reinterpret_cast::<TimestampMicrosecondType>()
                            .with_timezone_opt(zone),
                    ),
                    _ => Arc::new(
                        array
                            .reinterpret_cast::<TimestampNanosecondType>()
                            .with_timezone_opt(zone),
                    ),
                }
            }
        })
    }
}

fn narrow(array: &Int64Array) -> Result<arrow::array::PrimitiveArray<Int32Type>> {
    array
        .try_unary(i32::try_from)
        .map_err(|e| ConvertError::Engine {
            detail: e.to_string(),
        })
}

#[inline]
fn int(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

#[inline]
fn float(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Float(n) => Some(*n),
        Value::Int(n) => exact_float(*n),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// An integer as a double, where it is the same number.
#[inline]
pub(crate) fn exact_float(n: i64) -> Option<f64> {
    let float = n as f64;
    (n.unsigned_abs() <= 1 << 53 || (float as i128) == i128::from(n)).then_some(float)
}

/// The unscaled number of a value that a decimal of this shape holds exactly.
pub(crate) fn decimal(value: &Value<'_>, precision: u8, scale: i8) -> Option<i128> {
    let power = 10i128.checked_pow(u32::try_from(scale).ok()?)?;
    let unscaled = match value {
        Value::Int(n) => i128::from(*n).checked_mul(power)?,
        // Exact: the quotient of two integers below 2^53 is rounded once, as text is.
        Value::Float(n) if scale <= 15 => {
            let unscaled = (n * power as f64).round();
            if unscaled.abs() >= 9e15 || unscaled / power as f64 != *n {
                return None;
            }
            unscaled as i128
        }
        Value::Text(text) => clock::decimal(text, scale)?,
        _ => return None,
    };
    let most = 10i128
        .checked_pow(u32::from(precision))
        .unwrap_or(i128::MAX);
    (unscaled.unsigned_abs() < most.unsigned_abs()).then_some(unscaled)
}

fn moment_in(value: &Value<'_>, per_second: i64, date: bool) -> Option<i64> {
    let micros = match value {
        Value::DateTime(micros) if date => *micros,
        Value::Date(days) if date => i64::from(*days) * 86_400_000_000,
        Value::Time(micros) if !date => *micros,
        Value::Text(text) if date => return clock::timestamp(text, per_second),
        Value::Text(text) => return clock::time(text, per_second),
        _ => return None,
    };
    if per_second >= 1_000_000 {
        micros.checked_mul(per_second / 1_000_000)
    } else {
        let unit = 1_000_000 / per_second;
        (micros % unit == 0).then_some(micros / unit)
    }
}
