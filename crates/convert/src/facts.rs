//! What a target format's limits ask about a column's values, counted in one pass over
//! those columns alone.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::*;
use arrow::array::{Array, ArrayRef, MapArray};
use arrow::datatypes::DataType;

use crate::error::Result;
use crate::parallel::Pool;
use crate::table::{Job, Table};
use crate::types;

/// Counts of values, nulls apart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub nulls: u64,
    pub values: u64,
    /// Infinite, or not a number; in nested values too.
    pub not_finite: u64,
    pub not_a_number: u64,
    /// Numbers of more than 15 digits, which a double does not hold.
    pub wide: u64,
    /// Integers past 2^63 - 1.
    pub past_i64: u64,
    /// Times with a part of a millisecond.
    pub fine: u64,
    /// Days before 1900-03-01 or after 9999-12-31.
    pub outside: u64,
    /// Texts of more than 32,767 UTF-16 units.
    pub long: u64,
    /// Bytes of the longest text.
    pub longest: u64,
    /// Characters of the text with the most of them.
    pub widest: u64,
    /// Maps, nested ones among them, that have a key twice.
    pub twin_keys: u64,
}

/// Days since 1970 of the first and the last date on which spreadsheets agree.
const FIRST_DAY: i64 = -25_508;
const LAST_DAY: i64 = 2_932_896;

impl Facts {
    pub(crate) fn append(&mut self, next: &Facts) {
        self.nulls += next.nulls;
        self.values += next.values;
        self.not_finite += next.not_finite;
        self.not_a_number += next.not_a_number;
        self.wide += next.wide;
        self.past_i64 += next.past_i64;
        self.fine += next.fine;
        self.outside += next.outside;
        self.long += next.long;
        self.longest = self.longest.max(next.longest);
        self.widest = self.widest.max(next.widest);
        self.twin_keys += next.twin_keys;
    }

    pub(crate) fn of(array: &ArrayRef) -> Self {
        let mut facts = Facts {
            nulls: array.logical_null_count() as u64,
            ..Facts::default()
        };
        facts.values = array.len() as u64 - facts.nulls;
        facts.look(array);
        facts
    }

    fn look(&mut self, array: &ArrayRef) {
        let wide = |v: u128| v >= 10u128.pow(15);
        match array.data_type() {
            DataType::Int64 => {
                for v in array.as_primitive::<Int64Type>().iter().flatten() {
                    self.wide += u64::from(wide(v.unsigned_abs().into()));
                }
            }
            DataType::UInt64 => {
                for v in array.as_primitive::<UInt64Type>().iter().flatten() {
                    self.wide += u64::from(wide(v.into()));
                    self.past_i64 += u64::from(i64::try_from(v).is_err());
                }
            }
            DataType::Decimal128(_, _) => {
                for v in array.as_primitive::<Decimal128Type>().iter().flatten() {
                    self.wide += u64::from(wide(v.unsigned_abs()));
                }
            }
            DataType::Decimal256(_, _) => {
                for v in array.as_primitive::<Decimal256Type>().iter().flatten() {
                    self.wide += u64::from(v.to_i128().is_none_or(|v| wide(v.unsigned_abs())));
                }
            }
            DataType::Float32 => {
                for v in array.as_primitive::<Float32Type>().iter().flatten() {
                    self.not_finite += u64::from(!v.is_finite());
                    self.not_a_number += u64::from(v.is_nan());
                }
            }
            DataType::Float64 => {
                for v in array.as_primitive::<Float64Type>().iter().flatten() {
                    self.not_finite += u64::from(!v.is_finite());
                    self.not_a_number += u64::from(v.is_nan());
                }
            }
            DataType::Utf8 => {
                for v in array.as_string::<i32>().iter().flatten() {
                    let bytes = v.len() as u64;
                    self.longest = self.longest.max(bytes);
                    if bytes > self.widest {
                        self.widest = self.widest.max(v.chars().count() as u64);
                    }
                    if bytes > 32_767 {
                        self.long += u64::from(v.encode_utf16().count() > 32_767);
                    }
                }
            }
            DataType::Date32 => {
                for v in array.as_primitive::<Date32Type>().iter().flatten() {
                    self.outside += u64::from(!(FIRST_DAY..=LAST_DAY).contains(&i64::from(v)));
                }
            }
            DataType::Timestamp(_, _) | DataType::Time64(_) | DataType::Time32(_) => {
                self.look_at_times(array);
            }
            DataType::List(_) => self.look(array.as_list::<i32>().values()),
            DataType::Map(_, _) => {
                self.twin_keys += twin_keys(array.as_map());
                self.look(array.as_map().keys());
                self.look(array.as_map().values());
            }
            DataType::Struct(_) => array
                .as_struct()
                .columns()
                .iter()
                .for_each(|c| self.look(c)),
            _ => {}
        }
    }

    fn look_at_times(&mut self, array: &ArrayRef) {
        let (per_second, dated) = match array.data_type() {
            DataType::Timestamp(unit, _) => (per_second(*unit), true),
            DataType::Time64(unit) | DataType::Time32(unit) => (per_second(*unit), false),
            _ => return,
        };
        // Every unit is a 64-bit count underneath, or a 32-bit one for coarse times.
        let Ok(counts) = arrow::compute::cast(array, &DataType::Int64) else {
            return;
        };
        let step = (per_second / 1_000).max(1);
        for v in counts.as_primitive::<Int64Type>().iter().flatten() {
            self.fine += u64::from(v % step != 0);
            let day = v.div_euclid(per_second * 86_400);
            self.outside += u64::from(dated && !(FIRST_DAY..=LAST_DAY).contains(&day));
        }
    }
}

fn twin_keys(maps: &MapArray) -> u64 {
    let mut seen = HashSet::new();
    let mut count = 0;
    for (row, ends) in maps.offsets().windows(2).enumerate() {
        if maps.is_null(row) {
            continue;
        }
        seen.clear();
        let keys = ends[0] as usize..ends[1] as usize;
        let all_differ = keys
            .into_iter()
            .all(|at| seen.insert(types::text_of(maps.keys().as_ref(), at)));
        count += u64::from(!all_differ);
    }
    count
}

fn per_second(unit: arrow::datatypes::TimeUnit) -> i64 {
    match unit {
        arrow::datatypes::TimeUnit::Second => 1,
        arrow::datatypes::TimeUnit::Millisecond => 1_000,
        arrow::datatypes::TimeUnit::Microsecond => 1_000_000,
        arrow::datatypes::TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// The facts of these columns, by a reading of them alone. A phase of `bytes`.
pub(crate) fn gather(
    table: &dyn Table,
    columns: &[usize],
    bytes: u64,
    job: Job<'_>,
) -> Result<Vec<Facts>> {
    let mut all = vec![Facts::default(); columns.len()];
    job.phase("check", bytes);
    let mut meter = crate::run::Meter::new(job, bytes);
    let mut reader = table.read(Some(columns), 0, job)?;
    let mut pool = Pool::new(
        "facts",
        job.limits.threads,
        job.limits.threads * 2,
        |arrays: Vec<ArrayRef>| Ok(arrays.iter().map(Facts::of).collect::<Vec<_>>()),
    )?;
    let mut take = |facts: Vec<Facts>| {
        all.iter_mut()
            .zip(&facts)
            .for_each(|(all, more)| all.append(more));
    };
    while let Some(batch) = reader.next_batch()? {
        job.check()?;
        meter.at(reader.position());
        if pool.is_full()
            && let Some(facts) = pool.next()
        {
            take(facts?);
        }
        pool.submit(batch.columns().iter().map(Arc::clone).collect());
    }
    while let Some(facts) = pool.next() {
        take(facts?);
    }
    meter.finish();
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::*;

    fn of(array: impl Array + 'static) -> Facts {
        Facts::of(&(Arc::new(array) as ArrayRef))
    }

    #[test]
    fn limits_are_counted_value_by_value() {
        let wide = of(Int64Array::from(vec![
            Some(999_999_999_999_999),
            Some(1_000_000_000_000_000),
            None,
        ]));
        assert_eq!((wide.wide, wide.values, wide.nulls), (1, 2, 1));
        assert_eq!(of(UInt64Array::from(vec![u64::MAX, 1])).past_i64, 1);
        let floats = of(Float64Array::from(vec![f64::NAN, f64::INFINITY, 0.5]));
        assert_eq!((floats.not_finite, floats.not_a_number), (2, 1));
        let times = of(TimestampMicrosecondArray::from(vec![
            1,
            1_000,
            -3_000_000_000_000_000,
        ]));
        assert_eq!((times.fine, times.outside), (1, 1));
        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
        for keys in [["a", "b"], ["a", "a"]] {
            for key in keys {
                maps.keys().append_value(key);
                maps.values().append_value(1);
            }
            maps.append(true).unwrap();
        }
        assert_eq!(of(maps.finish()).twin_keys, 1);
        let text = of(StringArray::from(vec![
            "é".repeat(32_767),
            "é".repeat(32_768),
        ]));
        assert_eq!((text.long, text.widest), (1, 32_768));
    }
}
