//! A filled column as an array of its field's type.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Decimal256Array, ListArray, MapArray, NullArray,
    PrimitiveArray, StringArray, StructArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::*;

use super::{Column, Data, unknown};
use crate::error::Result;
use crate::types::arrow_error;

impl Column {
    pub(crate) fn finish(self) -> Result<ArrayRef> {
        let rows = self.valid.len();
        let nulls = match self.valid.iter().all(|v| *v) {
            true => None,
            false => Some(NullBuffer::from(self.valid)),
        };
        let wanted = self.field.data_type();
        let array: ArrayRef = match self.data {
            Data::Null => Arc::new(NullArray::new(rows)),
            Data::Bool(v) => Arc::new(BooleanArray::new(BooleanBuffer::from(v), nulls)),
            Data::Int(v, ..) => primitive::<Int64Type>(v, nulls),
            Data::UInt(v, ..) => primitive::<UInt64Type>(v, nulls),
            Data::Double(v) => primitive::<Float64Type>(v, nulls),
            Data::Single(v) => primitive::<Float32Type>(v, nulls),
            Data::Decimal(v, p, s) => {
                let array = Decimal128Array::new(v.into(), nulls);
                Arc::new(
                    array
                        .with_precision_and_scale(p, s as i8)
                        .map_err(arrow_error)?,
                )
            }
            Data::Wide(v, p, s) => {
                let array = Decimal256Array::new(v.into(), nulls);
                Arc::new(
                    array
                        .with_precision_and_scale(p, s as i8)
                        .map_err(arrow_error)?,
                )
            }
            Data::Text(texts, _) => {
                let offsets = OffsetBuffer::new(texts.ends.into());
                let array = StringArray::try_new(offsets, texts.bytes.into(), nulls);
                Arc::new(array.map_err(arrow_error)?)
            }
            Data::Date(v) => primitive::<Date32Type>(v, nulls),
            Data::Stamp(v, ..) | Data::Time(v, ..) => return moments(v, nulls, wanted),
            Data::Struct(members) => {
                let DataType::Struct(fields) = wanted else {
                    return unknown(&self.field);
                };
                let columns = members
                    .columns
                    .into_iter()
                    .map(Column::finish)
                    .collect::<Result<_>>()?;
                Arc::new(StructArray::try_new(fields.clone(), columns, nulls).map_err(arrow_error)?)
            }
            Data::List(ends, item) => {
                let field = Arc::clone(&item.field);
                let list = ListArray::try_new(
                    field,
                    OffsetBuffer::new(ends.into()),
                    item.finish()?,
                    nulls,
                );
                Arc::new(list.map_err(arrow_error)?)
            }
            Data::Map(ends, keys, values) => {
                let DataType::Map(entries, sorted) = wanted else {
                    return unknown(&self.field);
                };
                let DataType::Struct(pair) = entries.data_type() else {
                    return unknown(&self.field);
                };
                let columns = vec![keys.finish()?, values.finish()?];
                let pairs =
                    StructArray::try_new(pair.clone(), columns, None).map_err(arrow_error)?;
                let offsets = OffsetBuffer::new(ends.into());
                let map = MapArray::try_new(Arc::clone(entries), offsets, pairs, nulls, *sorted);
                Arc::new(map.map_err(arrow_error)?)
            }
        };
        if array.data_type() == wanted {
            return Ok(array);
        }
        // Narrower integers, whose range was checked, and other kinds of text.
        cast(&array, wanted).map_err(arrow_error)
    }
}

fn primitive<T: ArrowPrimitiveType>(values: Vec<T::Native>, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(values.into(), nulls))
}

fn moments(values: Vec<i64>, nulls: Option<NullBuffer>, wanted: &DataType) -> Result<ArrayRef> {
    let narrow = |v: Vec<i64>| -> Vec<i32> { v.into_iter().map(|v| v as i32).collect() };
    let zone = match wanted {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    };
    macro_rules! stamps {
        ($unit:ty) => {
            Arc::new(PrimitiveArray::<$unit>::new(values.into(), nulls).with_timezone_opt(zone))
        };
    }
    Ok(match wanted {
        DataType::Timestamp(TimeUnit::Second, _) => stamps!(TimestampSecondType),
        DataType::Timestamp(TimeUnit::Millisecond, _) => stamps!(TimestampMillisecondType),
        DataType::Timestamp(TimeUnit::Microsecond, _) => stamps!(TimestampMicrosecondType),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => stamps!(TimestampNanosecondType),
        // A day has fewer milliseconds than an i32 holds.
        DataType::Time32(TimeUnit::Second) => primitive::<Time32SecondType>(narrow(values), nulls),
        DataType::Time32(_) => primitive::<Time32MillisecondType>(narrow(values), nulls),
        DataType::Time64(TimeUnit::Nanosecond) => primitive::<Time64NanosecondType>(values, nulls),
        _ => primitive::<Time64MicrosecondType>(values, nulls),
    })
}
