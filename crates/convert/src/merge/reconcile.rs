//! The narrowest type that holds every value of two others exactly; text, where there is
//! none.

use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, TimeUnit};

use crate::error::Result;
use crate::profile::ColumnProfile;
use crate::types;

/// How a table's column comes to be the merged one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fit {
    Same,
    Cast,
    Text,
    /// It has no value.
    Nulls,
    /// The table does not have the column.
    Missing,
}

impl Fit {
    pub(crate) fn between(from: &Field, to: &Field) -> Fit {
        if from.data_type() == to.data_type() {
            Fit::Same
        } else if *to.data_type() == DataType::Utf8 {
            Fit::Text
        } else {
            Fit::Cast
        }
    }

    pub(crate) fn apply(&self, array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
        match self {
            Fit::Same => Ok(Arc::clone(array)),
            Fit::Text => types::to_text(array),
            Fit::Nulls | Fit::Missing => Ok(new_null_array(to, array.len())),
            Fit::Cast => {
                let options = CastOptions {
                    safe: false,
                    ..CastOptions::default()
                };
                cast_with_options(array, to, &options).map_err(types::arrow_error)
            }
        }
    }
}

/// (least digits that hold all its values, whether there are negative ones, bits)
fn integer(data_type: &DataType) -> Option<(u8, bool, u8)> {
    Some(match data_type {
        DataType::Int8 => (3, true, 8),
        DataType::Int16 => (5, true, 16),
        DataType::Int32 => (10, true, 32),
        DataType::Int64 => (19, true, 64),
        DataType::UInt8 => (3, false, 8),
        DataType::UInt16 => (5, false, 16),
        DataType::UInt32 => (10, false, 32),
        DataType::UInt64 => (20, false, 64),
        _ => return None,
    })
}

fn signed(bits: u8) -> DataType {
    match bits {
        0..=8 => DataType::Int8,
        9..=16 => DataType::Int16,
        17..=32 => DataType::Int32,
        33..=64 => DataType::Int64,
        _ => DataType::Decimal128(20, 0),
    }
}

/// `profile` is of `b`, whose values can show that a double holds them.
pub(crate) fn reconcile(a: &Field, b: &Field, profile: Option<&ColumnProfile>) -> Field {
    let as_text = || Field::new(a.name(), DataType::Utf8, true);
    if a.data_type() == b.data_type() {
        return if types::tag(a) == types::tag(b) {
            a.clone()
        } else {
            as_text()
        };
    }
    if types::tag(a).is_some() || types::tag(b).is_some() {
        return as_text();
    }
    let both = common(a.data_type(), b.data_type(), profile);
    both.map_or_else(as_text, |data_type| a.clone().with_data_type(data_type))
}

fn common(a: &DataType, b: &DataType, profile: Option<&ColumnProfile>) -> Option<DataType> {
    use DataType::{Date32, Decimal128, Float32, Float64, Timestamp};
    if let (Some(a), Some(b)) = (integer(a), integer(b)) {
        return Some(match (a.1, b.1) {
            (true, true) => signed(a.2.max(b.2)),
            (false, false) => match a.2.max(b.2) {
                8 => DataType::UInt8,
                16 => DataType::UInt16,
                32 => DataType::UInt32,
                _ => DataType::UInt64,
            },
            (true, false) => signed(a.2.max(b.2.saturating_mul(2))),
            (false, true) => signed(b.2.max(a.2.saturating_mul(2))),
        });
    }
    match (a, b) {
        (Decimal128(p, s), Decimal128(q, t)) => {
            let scale = *s.max(t);
            let whole = (*p as i8 - s).max(*q as i8 - t);
            decimal(whole, scale)
        }
        (Decimal128(p, s), int) | (int, Decimal128(p, s)) if integer(int).is_some() => {
            let digits = integer(int)?.0 as i8;
            decimal((*p as i8 - s).max(digits), *s)
        }
        (Float32, Float64) | (Float64, Float32) => Some(Float64),
        (Float32 | Float64, int) if exact_in_double(int, profile) => Some(Float64),
        (int, Float32 | Float64) if exact_in_double(int, None) => Some(Float64),
        (Date32, Timestamp(unit, None)) | (Timestamp(unit, None), Date32)
            if *unit != TimeUnit::Nanosecond =>
        {
            Some(Timestamp(*unit, None))
        }
        (Timestamp(u, z), Timestamp(v, y)) if z.is_some() == y.is_some() => {
            let coarse = |unit: &TimeUnit| *unit != TimeUnit::Nanosecond;
            (coarse(u) && coarse(v))
                .then(|| Timestamp(*u.max(v), z.clone()))
                .or_else(|| {
                    // Zones are only names where the moments are the same.
                    (u == v).then(|| Timestamp(*u, Some("UTC".into())))
                })
        }
        _ => None,
    }
}

fn decimal(whole: i8, scale: i8) -> Option<DataType> {
    let precision = whole.max(0).checked_add(scale)?;
    (scale >= 0 && (1..=38).contains(&precision))
        .then_some(DataType::Decimal128(precision as u8, scale))
}

fn exact_in_double(int: &DataType, profile: Option<&ColumnProfile>) -> bool {
    let small = |v: &Option<String>| {
        let v = v.as_ref().and_then(|v| v.parse::<i64>().ok());
        v.is_some_and(|v| v.unsigned_abs() <= 1 << 53)
    };
    match integer(int) {
        Some((_, _, bits)) if bits <= 32 => true,
        Some(_) => profile.is_some_and(|p| small(&p.min) && small(&p.max)),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(a: &str, b: &str) -> String {
        let field = |word| types::field_of("c", word).unwrap();
        types::name(&reconcile(&field(a), &field(b), None))
    }

    #[test]
    fn the_type_of_two_holds_every_value_of_both() {
        for (a, b, both) in [
            ("SMALLINT", "BIGINT", "BIGINT"),
            ("UTINYINT", "TINYINT", "SMALLINT"),
            ("UBIGINT", "BIGINT", "DECIMAL(20,0)"),
            ("UINTEGER", "UBIGINT", "UBIGINT"),
            ("BIGINT", "DECIMAL(9,2)", "DECIMAL(21,2)"),
            ("DECIMAL(5,4)", "DECIMAL(9,2)", "DECIMAL(11,4)"),
            ("DECIMAL(38,0)", "DECIMAL(38,10)", "VARCHAR"),
            ("INTEGER", "DOUBLE", "DOUBLE"),
            ("BIGINT", "DOUBLE", "VARCHAR"),
            ("DECIMAL(9,2)", "DOUBLE", "VARCHAR"),
            ("DATE", "TIMESTAMP", "TIMESTAMP"),
            ("TIMESTAMP_S", "TIMESTAMP", "TIMESTAMP"),
            ("TIMESTAMP_NS", "TIMESTAMP", "VARCHAR"),
            ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR"),
            ("BOOLEAN", "BIGINT", "VARCHAR"),
            ("UUID", "VARCHAR", "VARCHAR"),
            ("UUID", "UUID", "UUID"),
        ] {
            assert_eq!(of(a, b), both, "{a} and {b}");
            assert_eq!(of(b, a), both, "{b} and {a}");
        }
    }
}
