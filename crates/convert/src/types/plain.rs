//! The few types that everything past a reader has to know. What other encodings of the
//! same values there are (dictionaries, views, wide offsets, halves) is undone here, by
//! the reader, without touching a value.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::{
    Date64Type, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType,
};
use arrow::array::{
    Array, ArrayRef, ListArray, MapArray, StringBuilder, StructArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, IntervalUnit,
};
use arrow::error::ArrowError;

use super::{tag, tagged, to_text};
use crate::error::{ConvertError, Result};

/// The name under which Arrow itself files a type that it lacks.
const EXTENSION: &str = "ARROW:extension:name";

/// The field as it is handed on: one of each kind of text, bytes, list and decimal; no
/// dictionaries; intervals and UUIDs as text under their own word. Fails for a union.
pub(crate) fn plain(field: &Field) -> Result<Field> {
    let with = |data_type: DataType| Ok(field.clone().with_data_type(data_type));
    match field.data_type() {
        DataType::Dictionary(_, values) => {
            let inner = Field::new(field.name(), values.as_ref().clone(), true)
                .with_metadata(field.metadata().clone());
            plain(&inner)
        }
        DataType::RunEndEncoded(_, values) => {
            let inner = values.as_ref().clone().with_name(field.name());
            plain(&inner.with_nullable(true))
        }
        DataType::LargeUtf8 | DataType::Utf8View => with(DataType::Utf8),
        DataType::FixedSizeBinary(16) if is_uuid(field) => {
            let mut metadata = field.metadata().clone();
            metadata.retain(|key, _| !key.starts_with("ARROW:extension:"));
            let text = Field::new(field.name(), DataType::Utf8, field.is_nullable());
            Ok(tagged(text.with_metadata(metadata), "UUID"))
        }
        DataType::FixedSizeBinary(12) if tag(field) == Some("INTERVAL") => with(DataType::Utf8),
        DataType::Binary if tag(field).is_some_and(|t| t.starts_with("ENUM")) => {
            with(DataType::Utf8)
        }
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            with(DataType::Binary)
        }
        DataType::Float16 => with(DataType::Float32),
        DataType::Date64 => with(DataType::Date32),
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) if *s >= 0 => {
            with(DataType::Decimal128(*p, *s))
        }
        // Tens and hundreds as whole numbers of ones: most formats know no negative scale.
        DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s)
            if *s < 0 =>
        {
            match p.saturating_add(s.unsigned_abs()) {
                digits @ 0..=DECIMAL128_MAX_PRECISION => with(DataType::Decimal128(digits, 0)),
                digits @ ..=DECIMAL256_MAX_PRECISION => with(DataType::Decimal256(digits, 0)),
                digits => Err(ConvertError::Unreadable {
                    what: format!("the column {:?}", field.name()),
                    seen: format!("decimals of {digits} digits, which no other format has"),
                }),
            }
        }
        DataType::Null => Ok(tagged(
            Field::new(field.name(), DataType::Utf8, true),
            "NULL",
        )),
        DataType::Interval(_) => Ok(tagged(
            field.clone().with_data_type(DataType::Utf8),
            "INTERVAL",
        )),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => with(DataType::List(Arc::new(plain(item)?))),
        // An object without members is a value that hardly any format has a type for.
        DataType::Struct(fields) if fields.is_empty() => {
            Ok(tagged(field.clone().with_data_type(DataType::Utf8), "JSON"))
        }
        DataType::Struct(fields) => {
            let fields: Vec<FieldRef> = fields
                .iter()
                .map(|f| plain(f).map(Arc::new))
                .collect::<Result<_>>()?;
            with(DataType::Struct(fields.into()))
        }
        DataType::Map(entries, sorted) => with(DataType::Map(Arc::new(plain(entries)?), *sorted)),
        DataType::Union(_, _) => Err(ConvertError::Unreadable {
            what: format!("the column {:?}", field.name()),
            seen: "a union of types, which no other format has".to_owned(),
        }),
        _ => Ok(field.clone()),
    }
}

fn is_uuid(field: &Field) -> bool {
    tag(field) == Some("UUID")
        || field
            .metadata()
            .get(EXTENSION)
            .is_some_and(|name| name == "arrow.uuid")
}

/// The array in the type of a field that [`plain`] made of its own.
pub(crate) fn to_plain(array: &ArrayRef, field: &Field) -> Result<ArrayRef> {
    let target = field.data_type();
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    Ok(match (array.data_type(), target) {
        (DataType::Dictionary(_, values), _) => to_plain(&exact(array, values)?, field)?,
        (DataType::RunEndEncoded(_, values), _) => {
            to_plain(&exact(array, values.data_type())?, field)?
        }
        (DataType::Null, _) => new_null_array(target, array.len()),
        (DataType::Interval(unit), DataType::Utf8) => intervals(array, *unit),
        (DataType::FixedSizeBinary(16), DataType::Utf8) => uuids(array),
        (DataType::FixedSizeBinary(12), DataType::Utf8) => parquet_intervals(array),
        (DataType::Date64, DataType::Date32) => days(array)?,
        (DataType::Struct(_), DataType::Utf8) => to_text(array)?,
        (DataType::List(_), DataType::List(item)) => {
            let list = array.as_list::<i32>();
            Arc::new(
                ListArray::try_new(
                    Arc::clone(item),
                    list.offsets().clone(),
                    to_plain(list.values(), item)?,
                    list.nulls().cloned(),
                )
                .map_err(arrow_error)?,
            )
        }
        (
            DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _),
            DataType::List(_),
        ) => to_plain(&exact(array, &DataType::List(Arc::clone(item)))?, field)?,
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let array = array.as_struct();
            let columns = array
                .columns()
                .iter()
                .zip(fields)
                .map(|(c, f)| to_plain(c, f))
                .collect::<Result<_>>()?;
            let built = StructArray::try_new_with_length(
                fields.clone(),
                columns,
                array.nulls().cloned(),
                array.len(),
            );
            Arc::new(built.map_err(arrow_error)?)
        }
        (DataType::Map(_, _), DataType::Map(entries, sorted)) => {
            let map = array.as_map();
            let pairs: ArrayRef = Arc::new(map.entries().clone());
            let pairs = to_plain(&pairs, entries)?;
            let built = MapArray::try_new(
                Arc::clone(entries),
                map.offsets().clone(),
                pairs.as_struct().clone(),
                map.nulls().cloned(),
                *sorted,
            );
            Arc::new(built.map_err(arrow_error)?)
        }
        _ => exact(array, target)?,
    })
}

/// Milliseconds that are said to be whole days.
fn days(array: &ArrayRef) -> Result<ArrayRef> {
    let millis = array.as_primitive::<Date64Type>();
    if millis.iter().flatten().any(|v| v % 86_400_000 != 0) {
        return Err(ConvertError::Unreadable {
            what: "a column of dates".to_owned(),
            seen: "a date with a time of day".to_owned(),
        });
    }
    exact(array, &DataType::Date32)
}

fn exact(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(array, target, &options).map_err(arrow_error)
}

/// For comparing an output that was read back in a type of its format's own: the values
/// as the type they were written from. What does not come back becomes null, or another
/// value, so that a comparison sees it.
pub(crate) fn conform(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    // The names inside a nested type are a format's own; its values are what is compared.
    let both_nested = array.data_type().is_nested() && target.is_nested();
    if array.data_type() == target || both_nested {
        return Ok(Arc::clone(array));
    }
    let text = to_text(array)?;
    if *target == DataType::Utf8 {
        return Ok(text);
    }
    if target.is_nested() {
        return Err(ConvertError::Engine {
            detail: format!("{} was read back as {}", target, array.data_type()),
        });
    }
    let options = CastOptions {
        safe: true,
        ..CastOptions::default()
    };
    cast_with_options(&text, target, &options).map_err(arrow_error)
}

pub(crate) fn arrow_error(error: ArrowError) -> ConvertError {
    match error {
        ArrowError::IoError(_, error) => error.into(),
        ArrowError::ExternalError(inner) => match inner.downcast::<ConvertError>() {
            Ok(ours) => *ours,
            Err(other) => ConvertError::Engine {
                detail: other.to_string(),
            },
        },
        other => ConvertError::Engine {
            detail: other.to_string(),
        },
    }
}

fn uuids(array: &ArrayRef) -> ArrayRef {
    let array = array.as_fixed_size_binary();
    let mut out = StringBuilder::with_capacity(array.len(), array.len() * 36);
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
            continue;
        }
        let h = hex::encode(array.value(row));
        let parts = [&h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..]];
        out.append_value(parts.join("-"));
    }
    Arc::new(out.finish())
}

/// Months, days and milliseconds, each in four bytes.
fn parquet_intervals(array: &ArrayRef) -> ArrayRef {
    let array = array.as_fixed_size_binary();
    let mut out = StringBuilder::new();
    for row in 0..array.len() {
        let part = |at: usize| {
            let bytes = array
                .value(row)
                .get(at..at + 4)
                .and_then(|b| b.try_into().ok());
            u32::from_le_bytes(bytes.unwrap_or_default())
        };
        if array.is_null(row) {
            out.append_null();
        } else {
            let nanos = i64::from(part(8)) * 1_000_000;
            out.append_value(interval_text(
                part(0).cast_signed(),
                part(4).cast_signed(),
                nanos,
            ));
        }
    }
    Arc::new(out.finish())
}

fn intervals(array: &ArrayRef, unit: IntervalUnit) -> ArrayRef {
    let mut out = StringBuilder::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            out.append_null();
            continue;
        }
        out.append_value(match unit {
            IntervalUnit::YearMonth => interval_text(
                array.as_primitive::<IntervalYearMonthType>().value(row),
                0,
                0,
            ),
            IntervalUnit::DayTime => {
                let v = array.as_primitive::<IntervalDayTimeType>().value(row);
                interval_text(0, v.days, i64::from(v.milliseconds) * 1_000_000)
            }
            IntervalUnit::MonthDayNano => {
                let v = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
                interval_text(v.months, v.days, v.nanoseconds)
            }
        });
    }
    Arc::new(out.finish())
}

/// `1 year 2 months 3 days 04:05:06.5`: the parts that are not 0, or `00:00:00`.
fn interval_text(months: i32, days: i32, nanos: i64) -> String {
    let mut out = String::new();
    let mut part = |n: i32, unit: &str| {
        if n != 0 {
            let many = if n == 1 || n == -1 { "" } else { "s" };
            let _ = write!(out, "{n} {unit}{many} ");
        }
    };
    part(months / 12, "year");
    part(months % 12, "month");
    part(days, "day");
    if nanos != 0 || out.is_empty() {
        let mut time = Vec::new();
        super::text::write_time(nanos, 1_000_000_000, &mut time);
        out.push_str(&String::from_utf8_lossy(&time));
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::text_of;
    use arrow::array::*;
    use arrow::datatypes::Int8Type;

    fn plainly(array: ArrayRef) -> (Field, ArrayRef) {
        let field = plain(&Field::new("c", array.data_type().clone(), true)).unwrap();
        let array = to_plain(&array, &field).unwrap();
        assert_eq!(array.data_type(), field.data_type());
        (field, array)
    }

    #[test]
    fn other_encodings_of_the_same_values_are_undone() {
        let dictionary: DictionaryArray<Int8Type> =
            vec![Some("a"), None, Some("a")].into_iter().collect();
        let (_, array) = plainly(Arc::new(dictionary));
        assert_eq!(
            (text_of(&array, 2), array.is_null(1)),
            ("a".to_owned(), true)
        );
        let (_, array) = plainly(Arc::new(LargeStringArray::from(vec!["x"])));
        assert_eq!(array.data_type(), &DataType::Utf8);
        let (_, array) = plainly(Arc::new(StringViewArray::from(vec![
            "a view of more than twelve",
        ])));
        assert_eq!(text_of(&array, 0), "a view of more than twelve");
        let runs = RunArray::<arrow::datatypes::Int32Type>::try_new(
            &Int32Array::from(vec![2, 3]),
            &Int64Array::from(vec![7, 9]),
        );
        let (_, array) = plainly(Arc::new(runs.unwrap()));
        assert_eq!(
            (array.len(), text_of(&array, 1), text_of(&array, 2)),
            (3, "7".into(), "9".into())
        );
        let tens = Decimal128Array::from(vec![Some(123), Some(-4), None]);
        let tens = tens.with_precision_and_scale(5, -2).unwrap();
        let (field, array) = plainly(Arc::new(tens));
        assert_eq!(field.data_type(), &DataType::Decimal128(7, 0));
        assert_eq!(
            (text_of(&array, 0), text_of(&array, 1), array.is_null(2)),
            ("12300".into(), "-400".into(), true)
        );
        let nothing = StructArray::new_empty_fields(2, Some(vec![true, false].into()));
        let (field, array) = plainly(Arc::new(nothing));
        assert_eq!(
            (tag(&field), text_of(&array, 0), array.is_null(1)),
            (Some("JSON"), "{}".into(), true)
        );
        let mut large = LargeListBuilder::new(LargeStringBuilder::new());
        large.append_value([Some("a"), None]);
        let (_, array) = plainly(Arc::new(large.finish()));
        assert_eq!(text_of(&array, 0), "[\"a\",null]");
    }

    #[test]
    fn what_arrow_has_no_type_for_has_a_word() {
        let (field, array) = plainly(Arc::new(IntervalMonthDayNanoArray::from(vec![
            arrow::datatypes::IntervalMonthDayNano::new(14, -3, 3_600_000_000_001),
        ])));
        assert_eq!(tag(&field), Some("INTERVAL"));
        assert_eq!(
            text_of(&array, 0),
            "1 year 2 months -3 days 01:00:00.000000001"
        );
        assert_eq!(interval_text(0, 0, 0), "00:00:00");
        let uuid = tagged(Field::new("u", DataType::FixedSizeBinary(16), true), "UUID");
        let field = plain(&uuid).unwrap();
        let bytes: ArrayRef =
            Arc::new(FixedSizeBinaryArray::try_from_iter([[0x11u8; 16]].into_iter()).unwrap());
        let array = to_plain(&bytes, &field).unwrap();
        assert_eq!(text_of(&array, 0), "11111111-1111-1111-1111-111111111111");
    }

    #[test]
    fn a_value_that_does_not_come_back_shows() {
        let text: ArrayRef = Arc::new(StringArray::from(vec![Some("1.50"), Some("x"), None]));
        let back = conform(&text, &DataType::Decimal128(9, 2)).unwrap();
        assert_eq!(
            (text_of(&back, 0), back.null_count()),
            ("1.50".to_owned(), 2)
        );
    }
}
