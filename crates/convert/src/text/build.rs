//! Arrow arrays from the cells of a chunk: one builder for each column, filled column by
//! column. Every value was proved to be of its type before; one that is not any more means
//! that the file changed.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, NullBufferBuilder, PrimitiveArray, StringArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, Time64MicrosecondType, Time64NanosecondType, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::cells::{Block, Cell};
use super::kind::Kind;
use super::lenient::{Asked, Value};
use super::times::{self, DateForm, Zone};
use super::{stooq, values};
use crate::error::{ConvertError, Result};

enum Values {
    Text { offsets: Vec<i32>, bytes: Vec<u8> },
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Wide(Vec<i128>),
    Days(Vec<i32>),
    Double(Vec<f64>),
}

pub(crate) struct Builder {
    kind: Kind,
    values: Values,
    nulls: NullBufferBuilder,
    /// Text that is no UTF-8 is shown with U+FFFD; an error otherwise.
    lossy: bool,
}

/// What text a value must have had.
fn changed() -> ConvertError {
    ConvertError::SourceChanged
}

impl Builder {
    pub(crate) fn new(kind: Kind, lossy: bool) -> Self {
        let values = match kind {
            Kind::Text => Values::Text {
                offsets: vec![0],
                bytes: Vec::new(),
            },
            Kind::Bool => Values::Bool(Vec::new()),
            Kind::Whole | Kind::Time { .. } | Kind::Stamp { .. } => Values::Int(Vec::new()),
            Kind::Decimal { .. } => Values::Wide(Vec::new()),
            Kind::Double { .. } => Values::Double(Vec::new()),
            Kind::Date(_) => Values::Days(Vec::new()),
            Kind::Asked(asked) => match asked.data_type() {
                DataType::Utf8 => Values::Text {
                    offsets: vec![0],
                    bytes: Vec::new(),
                },
                DataType::Boolean => Values::Bool(Vec::new()),
                DataType::Float32 | DataType::Float64 => Values::Double(Vec::new()),
                _ => Values::Wide(Vec::new()),
            },
        };
        Builder {
            kind,
            values,
            nulls: NullBufferBuilder::new(0),
            lossy,
        }
    }

    /// Takes column `col` of every row in.
    pub(crate) fn take(
        &mut self,
        text: &[u8],
        block: &Block,
        col: usize,
        null: Option<&[u8]>,
    ) -> Result<()> {
        let cells = block.cells.iter().skip(col).step_by(block.width);
        let is_null = |cell: &Cell| {
            !cell.quoted() && (cell.len() == 0 || (null.is_some() && null == Some(cell.of(text))))
        };
        // Each kind has a loop of its own, so that nothing is asked twice in it.
        macro_rules! each {
            ($into:expr, $zero:expr, |$cell:ident| $read:expr) => {{
                let into = $into;
                into.reserve(block.rows());
                for $cell in cells {
                    if is_null($cell) {
                        self.nulls.append_null();
                        into.push($zero);
                    } else {
                        let value = $read;
                        self.nulls.append_non_null();
                        into.push(value.ok_or_else(changed)?);
                    }
                }
            }};
        }
        match (&mut self.values, self.kind) {
            (Values::Text { offsets, bytes }, _) => {
                offsets.reserve(block.rows());
                for cell in cells {
                    if is_null(cell) {
                        self.nulls.append_null();
                    } else {
                        bytes.extend_from_slice(cell.of(text));
                        self.nulls.append_non_null();
                    }
                    let end =
                        i32::try_from(bytes.len()).map_err(|_| ConvertError::OutOfMemory {
                            limit: i32::MAX as u64,
                            detail: "the values of one batch are longer than 2 GiB".to_owned(),
                        })?;
                    offsets.push(end);
                }
            }
            (Values::Bool(into), Kind::Bool) => each!(into, false, |cell| match cell.of(text) {
                b"true" => Some(true),
                b"false" => Some(false),
                _ => None,
            }),
            (Values::Int(into), Kind::Whole) => each!(into, 0, |cell| {
                values::whole(text, cell.start(), cell.len())
                    .or_else(|| values::whole_wide(cell.of(text))?.try_into().ok())
            }),
            (Values::Int(into), Kind::Time { form, nanos }) => each!(into, 0, |cell| {
                let time = if form.compact {
                    stooq::compact_time(cell.of(text))
                } else {
                    times::time_prefix(cell.of(text)).map(|(time, _)| time.nanos)
                };
                time.map(|n| if nanos { n } else { n / 1000 })
            }),
            (Values::Int(into), Kind::Stamp { nanos: true, .. }) => each!(into, 0, |cell| {
                times::stamp(cell.of(text)).and_then(|s| i64::try_from(s.nanos()).ok())
            }),
            (Values::Int(into), Kind::Stamp { .. }) => {
                each!(into, 0, |cell| times::stamp(cell.of(text))
                    .map(|s| s.micros()));
            }
            (Values::Wide(into), Kind::Decimal { scale: 0, .. }) => {
                each!(into, 0, |cell| values::whole_wide(cell.of(text)));
            }
            (Values::Wide(into), Kind::Decimal { scale, point, .. }) => each!(into, 0, |cell| {
                let quick = values::decimal(text, cell.start(), cell.len(), point);
                let read = match quick {
                    Some((digits, found)) => Some((i128::from(digits), found)),
                    None => values::decimal_wide(cell.of(text), point),
                };
                read.filter(|(_, found)| *found == usize::from(scale))
                    .map(|(digits, _)| digits)
            }),
            (Values::Double(into), Kind::Double { point, .. }) => each!(into, 0.0, |cell| {
                values::decimal(text, cell.start(), cell.len(), point)
                    .and_then(|(digits, scale)| values::to_double(digits, scale))
                    .or_else(|| values::double(cell.of(text), point))
            }),
            (Values::Days(into), Kind::Date(DateForm::Iso)) => {
                each!(into, 0, |cell| times::iso_date(cell.of(text)));
            }
            (Values::Days(into), Kind::Date(form)) => {
                each!(into, 0, |cell| times::read_date(cell.of(text), form));
            }
            (Values::Bool(into), Kind::Asked(asked)) => {
                each!(into, false, |cell| match asked.read(cell.of(text)) {
                    Some(Value::Bool(b)) => Some(b),
                    _ => None,
                });
            }
            (Values::Double(into), Kind::Asked(asked)) => {
                each!(into, 0.0, |cell| match asked.read(cell.of(text)) {
                    Some(Value::Double(d)) => Some(d),
                    _ => None,
                });
            }
            (Values::Wide(into), Kind::Asked(asked)) => {
                each!(into, 0, |cell| match asked.read(cell.of(text)) {
                    Some(Value::Int(i)) => Some(i),
                    _ => None,
                });
            }
            _ => return Err(changed()),
        }
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Result<ArrayRef> {
        let nulls = self.nulls.finish();
        Ok(match self.values {
            Values::Text { offsets, bytes } => {
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                if self.lossy && std::str::from_utf8(&bytes).is_err() {
                    let values = offsets.windows(2).enumerate().map(|(i, pair)| {
                        let valid = nulls.as_ref().is_none_or(|n| n.is_valid(i));
                        valid.then(|| {
                            String::from_utf8_lossy(&bytes[pair[0] as usize..pair[1] as usize])
                        })
                    });
                    return Ok(Arc::new(values.collect::<StringArray>()));
                }
                let array = StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls);
                Arc::new(array.map_err(|_| changed())?)
            }
            Values::Bool(values) => Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls)),
            Values::Days(values) => Arc::new(PrimitiveArray::<Date32Type>::new(
                ScalarBuffer::from(values),
                nulls,
            )),
            Values::Double(values) if self.kind.data_type() == DataType::Float32 => {
                let values: Vec<f32> = values.into_iter().map(|d| d as f32).collect();
                Arc::new(PrimitiveArray::<Float32Type>::new(
                    ScalarBuffer::from(values),
                    nulls,
                ))
            }
            Values::Double(values) => Arc::new(PrimitiveArray::<Float64Type>::new(
                ScalarBuffer::from(values),
                nulls,
            )),
            Values::Int(values) => {
                let values = ScalarBuffer::from(values);
                match self.kind {
                    Kind::Time { nanos: true, .. } => {
                        Arc::new(PrimitiveArray::<Time64NanosecondType>::new(values, nulls))
                    }
                    Kind::Time { .. } => {
                        Arc::new(PrimitiveArray::<Time64MicrosecondType>::new(values, nulls))
                    }
                    Kind::Stamp { form, nanos } => {
                        let zoned = (form.zone != Zone::None)
                            .then(|| zone_name(self.kind))
                            .flatten();
                        if nanos {
                            let array =
                                PrimitiveArray::<TimestampNanosecondType>::new(values, nulls);
                            Arc::new(array.with_timezone_opt(zoned))
                        } else {
                            let array =
                                PrimitiveArray::<TimestampMicrosecondType>::new(values, nulls);
                            Arc::new(array.with_timezone_opt(zoned))
                        }
                    }
                    _ => Arc::new(PrimitiveArray::<Int64Type>::new(values, nulls)),
                }
            }
            Values::Wide(values) => match self.kind {
                Kind::Decimal {
                    precision, scale, ..
                } => Arc::new(
                    Decimal128Array::new(ScalarBuffer::from(values), nulls)
                        .with_precision_and_scale(precision, scale as i8)
                        .map_err(|_| changed())?,
                ),
                Kind::Asked(asked) => asked_array(asked, values, nulls)?,
                _ => return Err(changed()),
            },
        })
    }
}

fn zone_name(kind: Kind) -> Option<Arc<str>> {
    match kind.data_type() {
        DataType::Timestamp(_, zone) => zone,
        _ => None,
    }
}

fn asked_array(
    asked: Asked,
    values: Vec<i128>,
    nulls: Option<arrow::buffer::NullBuffer>,
) -> Result<ArrayRef> {
    fn narrow<T: ArrowPrimitiveType>(
        values: Vec<i128>,
        nulls: Option<arrow::buffer::NullBuffer>,
    ) -> Result<PrimitiveArray<T>>
    where
        T::Native: TryFrom<i128>,
    {
        let narrow: Result<Vec<T::Native>> = values
            .into_iter()
            .map(|v| T::Native::try_from(v).map_err(|_| changed()))
            .collect();
        Ok(PrimitiveArray::<T>::new(ScalarBuffer::from(narrow?), nulls))
    }
    Ok(match asked.data_type() {
        DataType::Int8 => Arc::new(narrow::<Int8Type>(values, nulls)?),
        DataType::Int16 => Arc::new(narrow::<Int16Type>(values, nulls)?),
        DataType::Int32 => Arc::new(narrow::<Int32Type>(values, nulls)?),
        DataType::Int64 => Arc::new(narrow::<Int64Type>(values, nulls)?),
        DataType::UInt8 => Arc::new(narrow::<UInt8Type>(values, nulls)?),
        DataType::UInt16 => Arc::new(narrow::<UInt16Type>(values, nulls)?),
        DataType::UInt32 => Arc::new(narrow::<UInt32Type>(values, nulls)?),
        DataType::UInt64 => Arc::new(narrow::<UInt64Type>(values, nulls)?),
        DataType::Date32 => Arc::new(narrow::<Date32Type>(values, nulls)?),
        DataType::Time64(_) => Arc::new(narrow::<Time64MicrosecondType>(values, nulls)?),
        DataType::Timestamp(TimeUnit::Second, _) => {
            Arc::new(narrow::<TimestampSecondType>(values, nulls)?)
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            Arc::new(narrow::<TimestampMillisecondType>(values, nulls)?)
        }
        DataType::Timestamp(TimeUnit::Nanosecond, _) => {
            Arc::new(narrow::<TimestampNanosecondType>(values, nulls)?)
        }
        DataType::Timestamp(_, zone) => {
            Arc::new(narrow::<TimestampMicrosecondType>(values, nulls)?.with_timezone_opt(zone))
        }
        DataType::Decimal128(precision, scale) => Arc::new(
            Decimal128Array::new(ScalarBuffer::from(values), nulls)
                .with_precision_and_scale(precision, scale)
                .map_err(|_| changed())?,
        ),
        _ => return Err(changed()),
    })
}
