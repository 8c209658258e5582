//! A table's content in a few numbers: per column and per row, 64-bit hashes of typed
//! values, *summed* in 128 bits. A doubled row, a swapped pair of rows, or one column
//! shifted against another changes a sum, where XOR would cancel out. They say nothing
//! to an attacker.
//!
//! Values hash by what they are, not by how they are stored: an integer alike in every
//! width, a decimal without the zeros at its end, a time alike in every unit, text and
//! bytes by their bytes, a float by its bits with one NaN, null apart from empty.

use arrow::array::cast::AsArray;
use arrow::array::types::*;
use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, RecordBatch};
use arrow::datatypes::{DataType, TimeUnit, i256};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{ConvertError, Result};

// Digits of pi, as far as they are odd: numbers that nobody chose.
const INTEGER: u64 = 0x243F_6A88_85A3_08D3;
const WIDE: u64 = 0x1319_8A2E_0370_7345;
const SCALE: u64 = 0xA409_3822_299F_31D1;
const FLOAT: u64 = 0x082E_FA98_EC4E_6C89;
const DAY: u64 = 0x4528_21E6_38D0_1377;
const CLOCK: u64 = 0xBE54_66CF_34E9_0C6D;
const MOMENT: u64 = 0xC0AC_29B7_C97C_50DD;
const ZONED: u64 = 0x3F84_D5B5_B547_0917;
const SPAN: u64 = 0x9216_D5D9_8979_FB1B;
const LIST: u64 = 0xD131_0BA6_98DF_B5AD;
const STRUCT: u64 = 0x2FFD_72DB_D01A_DFB7;
const NULL: u64 = 0xB8E1_AFED_6A26_7E97;
const TRUE: u64 = 0xBA7C_9045_F12C_7F99;
const FALSE: u64 = 0x24A1_9947_B391_6CF7;
const ROW: u64 = 0x0801_F2E2_858E_FC17;
const STIR: u64 = 0x6369_20D8_7157_4E69;

/// Both halves of a product, folded: no sum of such hashes is a sum of the values.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ColumnPrint {
    pub nulls: u64,
    pub hash: u128,
}

/// Of rows in order. Two that are equal are of tables with the same values in the same
/// places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub rows: u64,
    /// Of each row's hash times its number, from 1.
    pub row_hash: u128,
    /// Of each row's hash; needed to put fingerprints together.
    sum: u128,
    pub columns: Vec<ColumnPrint>,
}

impl Fingerprint {
    /// Of no rows.
    pub(crate) fn empty(width: usize) -> Self {
        Fingerprint {
            rows: 0,
            row_hash: 0,
            sum: 0,
            columns: vec![ColumnPrint::default(); width],
        }
    }

    /// Of so many rows that nobody looks at.
    pub(crate) fn counted(rows: usize) -> Self {
        Fingerprint {
            rows: rows as u64,
            ..Fingerprint::empty(0)
        }
    }

    pub(crate) fn of(batch: &RecordBatch) -> Result<Self> {
        Self::of_columns(batch.columns(), batch.num_rows())
    }

    pub(crate) fn of_columns(columns: &[ArrayRef], rows: usize) -> Result<Self> {
        let mut row_hashes = vec![ROW; rows];
        let mut hashes = Vec::new();
        let mut prints = Vec::with_capacity(columns.len());
        for array in columns {
            hash_into(array.as_ref(), &mut hashes)?;
            for (row, hash) in row_hashes.iter_mut().zip(&hashes) {
                *row = (row.rotate_left(23) ^ hash).wrapping_mul(STIR);
            }
            prints.push(ColumnPrint {
                nulls: array.logical_null_count() as u64,
                hash: sum(&hashes),
            });
        }
        let mut row_hash = 0u128;
        for (row, number) in row_hashes.iter_mut().zip(1u64..) {
            *row = fold(*row, ROW);
            row_hash = row_hash.wrapping_add(u128::from(*row) * u128::from(number));
        }
        Ok(Fingerprint {
            rows: rows as u64,
            row_hash,
            sum: sum(&row_hashes),
            columns: prints,
        })
    }

    /// Takes in the rows that come after these.
    pub(crate) fn append(&mut self, next: &Fingerprint) {
        let shift = u128::from(self.rows).wrapping_mul(next.sum);
        self.row_hash = self
            .row_hash
            .wrapping_add(next.row_hash)
            .wrapping_add(shift);
        self.sum = self.sum.wrapping_add(next.sum);
        self.rows += next.rows;
        for (column, more) in self.columns.iter_mut().zip(&next.columns) {
            column.nulls += more.nulls;
            column.hash = column.hash.wrapping_add(more.hash);
        }
    }
}

fn sum(hashes: &[u64]) -> u128 {
    // Halves in two sums, which a processor adds several of at once; a batch has far
    // fewer than 2^32 rows.
    let (mut low, mut high) = (0u64, 0u64);
    for hash in hashes {
        low += hash & 0xFFFF_FFFF;
        high += hash >> 32;
    }
    u128::from(low) + (u128::from(high) << 32)
}

#[inline(always)]
fn integer(v: i128) -> u64 {
    let low = v as u64;
    let hash = fold(low ^ INTEGER, WIDE);
    if i128::from(low as i64) == v {
        hash
    } else {
        fold(hash ^ (v >> 64) as u64, WIDE ^ INTEGER)
    }
}

#[inline(always)]
fn narrow(v: i64) -> u64 {
    fold(v as u64 ^ INTEGER, WIDE)
}

#[inline(always)]
fn float(v: f64) -> u64 {
    let bits = if v.is_nan() {
        f64::NAN.to_bits()
    } else {
        v.to_bits()
    };
    fold(bits ^ FLOAT, STIR)
}

#[inline(always)]
fn scaled(hash: u64, scale: i8) -> u64 {
    if scale == 0 {
        hash
    } else {
        fold(hash ^ scale as u64, SCALE)
    }
}

#[inline(always)]
fn decimal(v: i128, scale: i8) -> u64 {
    if scale <= 0 {
        let factor = 10i128.checked_pow(u32::from(scale.unsigned_abs()));
        return match factor.and_then(|f| v.checked_mul(f)) {
            Some(whole) => integer(whole),
            None => scaled(integer(v), scale),
        };
    }
    let mut scale = scale;
    if let Ok(mut short) = i64::try_from(v) {
        while scale > 0 && short % 10 == 0 {
            short /= 10;
            scale -= 1;
        }
        return scaled(narrow(short), scale);
    }
    let mut v = v;
    while scale > 0 && v % 10 == 0 {
        v /= 10;
        scale -= 1;
    }
    scaled(integer(v), scale)
}

fn wide_decimal(v: i256, scale: i8) -> u64 {
    let (mut v, mut scale) = (v, scale);
    let ten = i256::from_i128(10);
    while scale > 0 && v.to_i128().is_none() && v % ten == i256::ZERO {
        v /= ten;
        scale -= 1;
    }
    match v.to_i128() {
        Some(fits) => decimal(fits, scale),
        None => scaled(xxh3_64(&v.to_le_bytes()), scale),
    }
}

/// A count of a unit, as nanoseconds.
#[inline(always)]
fn moment(v: i64, unit: TimeUnit, seed: u64) -> u64 {
    let factor: i128 = match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    };
    integer(i128::from(v) * factor) ^ seed
}

#[inline(always)]
fn each<T: ArrowPrimitiveType>(
    array: &dyn Array,
    out: &mut Vec<u64>,
    hash: impl Fn(T::Native) -> u64,
) {
    out.extend(array.as_primitive::<T>().values().iter().map(|v| hash(*v)));
}

/// The hash of each value.
pub(crate) fn hashes(array: &dyn Array) -> Result<Vec<u64>> {
    let mut out = Vec::new();
    hash_into(array, &mut out)?;
    Ok(out)
}

/// The hash of each value, in place of what `out` held.
fn hash_into(array: &dyn Array, out: &mut Vec<u64>) -> Result<()> {
    out.clear();
    out.reserve(array.len());
    match array.data_type() {
        DataType::Null => out.resize(array.len(), NULL),
        DataType::Boolean => {
            let values = array.as_boolean().values();
            out.extend(values.iter().map(|v| if v { TRUE } else { FALSE }));
        }
        DataType::Int8 => each::<Int8Type>(array, out, |v| narrow(i64::from(v))),
        DataType::Int16 => each::<Int16Type>(array, out, |v| narrow(i64::from(v))),
        DataType::Int32 => each::<Int32Type>(array, out, |v| narrow(i64::from(v))),
        DataType::Int64 => each::<Int64Type>(array, out, narrow),
        DataType::UInt8 => each::<UInt8Type>(array, out, |v| narrow(i64::from(v))),
        DataType::UInt16 => each::<UInt16Type>(array, out, |v| narrow(i64::from(v))),
        DataType::UInt32 => each::<UInt32Type>(array, out, |v| narrow(i64::from(v))),
        DataType::UInt64 => each::<UInt64Type>(array, out, |v| integer(i128::from(v))),
        DataType::Float32 => each::<Float32Type>(array, out, |v| float(f64::from(v))),
        DataType::Float64 => each::<Float64Type>(array, out, float),
        DataType::Decimal128(_, scale) => {
            let scale = *scale;
            each::<Decimal128Type>(array, out, |v| decimal(v, scale));
        }
        DataType::Decimal256(_, scale) => {
            let scale = *scale;
            each::<Decimal256Type>(array, out, |v| wide_decimal(v, scale));
        }
        DataType::Utf8 => {
            let array = array.as_string::<i32>();
            bytes(array.value_offsets(), array.value_data(), out);
        }
        DataType::Binary => {
            let array = array.as_binary::<i32>();
            bytes(array.value_offsets(), array.value_data(), out);
        }
        DataType::Date32 => each::<Date32Type>(array, out, |v| narrow(i64::from(v)) ^ DAY),
        DataType::Time32(TimeUnit::Second) => {
            each::<Time32SecondType>(array, out, |v| moment(v.into(), TimeUnit::Second, CLOCK));
        }
        DataType::Time32(_) => each::<Time32MillisecondType>(array, out, |v| {
            moment(v.into(), TimeUnit::Millisecond, CLOCK)
        }),
        DataType::Time64(TimeUnit::Nanosecond) => {
            each::<Time64NanosecondType>(array, out, |v| moment(v, TimeUnit::Nanosecond, CLOCK));
        }
        DataType::Time64(_) => {
            each::<Time64MicrosecondType>(array, out, |v| moment(v, TimeUnit::Microsecond, CLOCK));
        }
        DataType::Timestamp(unit, zone) => {
            let unit = *unit;
            let seed = if zone.is_some() { ZONED } else { MOMENT };
            match unit {
                TimeUnit::Second => {
                    each::<TimestampSecondType>(array, out, |v| moment(v, unit, seed));
                }
                TimeUnit::Millisecond => {
                    each::<TimestampMillisecondType>(array, out, |v| moment(v, unit, seed));
                }
                TimeUnit::Microsecond => {
                    each::<TimestampMicrosecondType>(array, out, |v| moment(v, unit, seed));
                }
                TimeUnit::Nanosecond => {
                    each::<TimestampNanosecondType>(array, out, |v| moment(v, unit, seed));
                }
            }
        }
        DataType::Duration(unit) => {
            let unit = *unit;
            match unit {
                TimeUnit::Second => {
                    each::<DurationSecondType>(array, out, |v| moment(v, unit, SPAN));
                }
                TimeUnit::Millisecond => {
                    each::<DurationMillisecondType>(array, out, |v| moment(v, unit, SPAN));
                }
                TimeUnit::Microsecond => {
                    each::<DurationMicrosecondType>(array, out, |v| moment(v, unit, SPAN));
                }
                TimeUnit::Nanosecond => {
                    each::<DurationNanosecondType>(array, out, |v| moment(v, unit, SPAN));
                }
            }
        }
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            let mut items = Vec::new();
            let (items_from, used) = window(list.value_offsets());
            hash_into(list.values().slice(items_from, used).as_ref(), &mut items)?;
            lists(list.value_offsets(), &items, out);
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            let (from, used) = window(map.value_offsets());
            let (mut pairs, mut values) = (Vec::new(), Vec::new());
            hash_into(map.keys().slice(from, used).as_ref(), &mut pairs)?;
            hash_into(map.values().slice(from, used).as_ref(), &mut values)?;
            for (pair, value) in pairs.iter_mut().zip(&values) {
                *pair = fold(*pair ^ STRUCT, STIR) ^ value;
            }
            lists(map.value_offsets(), &pairs, out);
        }
        DataType::Struct(_) => {
            let array = array.as_struct();
            out.resize(array.len(), STRUCT);
            let mut member = Vec::new();
            for column in array.columns() {
                hash_into(column.as_ref(), &mut member)?;
                for (hash, value) in out.iter_mut().zip(&member) {
                    *hash = fold(*hash ^ value, STIR);
                }
            }
        }
        other => {
            return Err(ConvertError::Engine {
                detail: format!("the type {other} has no hash"),
            });
        }
    }
    if let Some(nulls) = array.nulls().filter(|n| n.null_count() > 0) {
        for (row, hash) in out.iter_mut().enumerate() {
            if nulls.is_null(row) {
                *hash = NULL;
            }
        }
    }
    Ok(())
}

fn bytes(offsets: &[i32], data: &[u8], out: &mut Vec<u64>) {
    out.extend(
        offsets
            .windows(2)
            .map(|w| xxh3_64(&data[w[0] as usize..w[1] as usize])),
    );
}

/// Where the items of these lists begin, and how many there are.
fn window(offsets: &[i32]) -> (usize, usize) {
    let first = offsets.first().copied().unwrap_or(0) as usize;
    let last = offsets.last().copied().unwrap_or(0) as usize;
    (first, last - first)
}

fn lists(offsets: &[i32], items: &[u64], out: &mut Vec<u64>) {
    let first = window(offsets).0;
    out.extend(offsets.windows(2).map(|w| {
        let items = &items[w[0] as usize - first..w[1] as usize - first];
        let seed = LIST ^ items.len() as u64;
        items
            .iter()
            .fold(seed, |hash, item| fold(hash ^ item, STIR))
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::*;
    use std::sync::Arc;

    fn of(columns: Vec<ArrayRef>) -> Fingerprint {
        let named = columns
            .into_iter()
            .enumerate()
            .map(|(i, c)| (format!("c{i}"), c, true));
        Fingerprint::of(&RecordBatch::try_from_iter_with_nullable(named).unwrap()).unwrap()
    }

    fn one(array: impl Array + 'static) -> u128 {
        of(vec![Arc::new(array)]).columns[0].hash
    }

    fn decimals(v: Vec<i128>, p: u8, s: i8) -> Decimal128Array {
        Decimal128Array::from(v)
            .with_precision_and_scale(p, s)
            .unwrap()
    }

    #[test]
    fn a_value_hashes_by_what_it_is() {
        assert_eq!(
            one(Int8Array::from(vec![-7])),
            one(Int64Array::from(vec![-7]))
        );
        assert_eq!(
            one(UInt64Array::from(vec![u64::MAX])),
            one(decimals(vec![u64::MAX.into()], 38, 0))
        );
        assert_ne!(
            one(UInt64Array::from(vec![u64::MAX])),
            one(Int64Array::from(vec![-1]))
        );
        assert_eq!(
            one(decimals(vec![1500], 9, 3)),
            one(decimals(vec![15], 9, 1))
        );
        assert_eq!(
            one(decimals(vec![700], 9, 2)),
            one(Int32Array::from(vec![7]))
        );
        assert_ne!(one(decimals(vec![7], 9, 2)), one(Int32Array::from(vec![7])));
        assert_eq!(
            one(TimestampSecondArray::from(vec![5])),
            one(TimestampNanosecondArray::from(vec![5_000_000_000]))
        );
        assert_ne!(
            one(TimestampSecondArray::from(vec![5])),
            one(TimestampSecondArray::from(vec![5]).with_timezone("UTC"))
        );
        assert_eq!(
            one(Float32Array::from(vec![1.5])),
            one(Float64Array::from(vec![1.5]))
        );
        assert_eq!(
            one(Float64Array::from(vec![f64::NAN])),
            one(Float64Array::from(vec![-f64::NAN]))
        );
        assert_ne!(
            one(Float64Array::from(vec![0.0])),
            one(Float64Array::from(vec![-0.0]))
        );
        assert_ne!(
            one(StringArray::from(vec![Some("")])),
            one(StringArray::from(vec![None::<&str>]))
        );
        assert_ne!(
            one(StringArray::from(vec!["7"])),
            one(Int32Array::from(vec![7]))
        );
    }

    #[test]
    fn what_other_sums_do_not_see_is_seen() {
        let n = |v: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(v)) };
        let straight = of(vec![n(vec![1, 2, 3]), n(vec![4, 5, 6])]);
        assert_ne!(
            straight,
            of(vec![n(vec![2, 1, 3]), n(vec![4, 5, 6])]),
            "shifted columns"
        );
        assert_ne!(
            straight,
            of(vec![n(vec![2, 1, 3]), n(vec![5, 4, 6])]),
            "swapped rows"
        );
        assert_ne!(
            straight,
            of(vec![n(vec![4, 5, 6]), n(vec![1, 2, 3])]),
            "swapped columns"
        );
        assert_ne!(
            of(vec![n(vec![1, 4])]),
            of(vec![n(vec![2, 3])]),
            "the same total"
        );
        assert_ne!(
            of(vec![n(vec![1, 1])]),
            of(vec![n(vec![])]),
            "a doubled row"
        );
    }

    #[test]
    fn parts_put_together_are_the_whole() {
        let values: Vec<Option<i64>> = (0..100).map(|i| (i % 7 != 0).then_some(i * i)).collect();
        let text: Vec<Option<String>> = (0..100)
            .map(|i| (i % 5 != 0).then(|| format!("v{i}")))
            .collect();
        let batch = RecordBatch::try_from_iter_with_nullable([
            ("n", Arc::new(Int64Array::from(values)) as ArrayRef, true),
            ("t", Arc::new(StringArray::from(text)) as ArrayRef, true),
        ])
        .unwrap();
        let whole = Fingerprint::of(&batch).unwrap();
        for cut in [0, 1, 33, 99, 100] {
            let mut parts = Fingerprint::empty(2);
            parts.append(&Fingerprint::of(&batch.slice(0, cut)).unwrap());
            parts.append(&Fingerprint::of(&batch.slice(cut, 100 - cut)).unwrap());
            assert_eq!(parts, whole, "{cut}");
        }
        assert_eq!(whole.columns[0].nulls, 15);
    }

    #[test]
    fn nested_values_hash_by_their_shape() {
        let lists = |of: &[&[Option<i32>]]| {
            let mut list = ListBuilder::new(Int32Builder::new());
            of.iter()
                .for_each(|items| list.append_value(items.iter().copied()));
            list.finish()
        };
        let a = lists(&[&[Some(1), Some(2)], &[]]);
        assert_ne!(one(a.clone()), one(lists(&[&[Some(1)], &[Some(2)]])));
        assert_ne!(one(a.clone()), one(lists(&[&[Some(2), Some(1)], &[]])));
        assert_eq!(one(a.slice(1, 1)), one(lists(&[&[]])));
        let later = lists(&[&[Some(9)], &[Some(1), None]]);
        assert_eq!(one(later.slice(1, 1)), one(lists(&[&[Some(1), None]])));
    }
}
