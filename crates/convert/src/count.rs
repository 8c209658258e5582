//! What people want to see of a typed column besides its type: how many different values,
//! the ends, the longest, a few examples, how they are spread. One pass, bounded memory;
//! for the formats whose opening does not look at values anyway.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::cast::AsArray;
use arrow::array::types::Float64Type;
use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch};
use arrow::compute::{SortOptions, cast, concat, sort_to_indices};
use arrow::datatypes::{DataType, Field};

use crate::error::Result;
use crate::fingerprint;
use crate::parallel::Pool;
use crate::profile::{Bucket, ColumnProfile, TableProfile, WIDE};
use crate::run::Meter;
use crate::sketch::Sketch;
use crate::sql::grouped;
use crate::table::{Job, Table};
use crate::types::{self, Text};

const EXAMPLES: usize = 5;
const BUCKETS: usize = 20;
/// Values of each batch that the spread is told from.
const SAMPLE: usize = 1_024;
/// Longest text that is shown, in bytes.
const SHOWN: usize = 200;

/// The table's profile, with what its values say. A phase of `bytes`.
pub(crate) fn counted(table: &dyn Table, bytes: u64, job: Job<'_>) -> Result<TableProfile> {
    let mut profile = table.profile().clone();
    let schema = table.schema();
    job.phase("scan", bytes);
    let mut meter = Meter::new(job, bytes);
    let width = schema.fields().len();
    let mut all: Vec<Count> = (0..width).map(|_| Count::new(width)).collect();
    let threads = job.limits.threads;
    let mut pool = Pool::new("count", threads, threads + 1, move |batch: RecordBatch| {
        let columns = batch.columns().iter();
        columns
            .map(|column| Count::of(column, width))
            .collect::<Result<Vec<_>>>()
    })?;
    let mut rows = 0;
    let mut reader = table.read(None, 0, job)?;
    loop {
        let batch = reader.next_batch()?;
        job.check()?;
        meter.at(reader.position());
        let ended = batch.is_none();
        if let Some(batch) = batch {
            rows += batch.num_rows() as u64;
            pool.submit(batch);
        }
        while ended || pool.is_full() {
            let Some(counts) = pool.next() else { break };
            for (all, next) in all.iter_mut().zip(counts?) {
                all.append(next)?;
            }
        }
        if ended {
            break;
        }
    }
    meter.finish();
    profile.rows = rows;
    let mut counts: HashMap<&str, _> = schema
        .fields()
        .iter()
        .zip(all)
        .map(|(field, count)| (field.name().as_str(), (field, count)))
        .collect();
    for column in &mut profile.columns {
        if let Some((field, count)) = counts.remove(column.name.as_str()) {
            count.show(field, rows, column)?;
        }
    }
    Ok(profile)
}

struct Count {
    nulls: u64,
    empties: u64,
    longest: Option<u64>,
    distinct: Sketch,
    /// One value each; none before there was any, and for types without an order.
    least: Option<ArrayRef>,
    greatest: Option<ArrayRef>,
    examples: Vec<String>,
    numbers: Vec<f64>,
    texts: HashMap<String, u64>,
    sampled: u64,
}

impl Count {
    /// For a column of a table of `width` columns.
    fn new(width: usize) -> Self {
        Count {
            nulls: 0,
            empties: 0,
            longest: None,
            distinct: Sketch::new(Sketch::precision(width)),
            least: None,
            greatest: None,
            examples: Vec::new(),
            numbers: Vec::new(),
            texts: HashMap::new(),
            sampled: 0,
        }
    }

    fn of(array: &ArrayRef, width: usize) -> Result<Self> {
        let nulls = array.logical_nulls();
        let mut count = Count {
            nulls: array.logical_null_count() as u64,
            ..Count::new(width)
        };
        let valid = |row: usize| nulls.as_ref().is_none_or(|n| n.is_valid(row));
        for (row, hash) in fingerprint::hashes(array.as_ref())?.into_iter().enumerate() {
            if valid(row) {
                count.distinct.add(spread_bits(hash));
            }
        }
        if *array.data_type() == DataType::Utf8 {
            let text = array.as_string::<i32>();
            count.empties = text.iter().flatten().filter(|v| v.is_empty()).count() as u64;
            count.longest = text.iter().flatten().map(|v| v.len() as u64).max();
        }
        let text = Text::new(array.as_ref())?;
        let shown = |row: usize| {
            let mut out = Vec::new();
            text.write(row, &mut out);
            cut(String::from_utf8_lossy(&out).into_owned())
        };
        for row in (0..array.len().min(SAMPLE)).filter(|row| valid(*row)) {
            if count.examples.len() == EXAMPLES {
                break;
            }
            let value = shown(row);
            if !count.examples.contains(&value) {
                count.examples.push(value);
            }
        }
        let step = array.len().div_ceil(SAMPLE).max(1);
        if width > WIDE {
            // No sample: there will be no histogram.
        } else if measurable(array.data_type()) {
            let numbers = as_numbers(array)?;
            let numbers = numbers.as_primitive::<Float64Type>();
            for row in (0..array.len()).step_by(step).filter(|row| valid(*row)) {
                let value = numbers.value(row);
                if value.is_finite() {
                    count.numbers.push(value);
                }
                count.sampled += 1;
            }
        } else if !array.data_type().is_nested() {
            for row in (0..array.len()).step_by(step).filter(|row| valid(*row)) {
                *count.texts.entry(shown(row)).or_default() += 1;
                count.sampled += 1;
            }
        }
        if !array.data_type().is_nested() && array.len() > array.logical_null_count() {
            count.least = Some(end(array, false)?);
            count.greatest = Some(end(array, true)?);
        }
        Ok(count)
    }

    fn append(&mut self, next: Count) -> Result<()> {
        self.nulls += next.nulls;
        self.empties += next.empties;
        self.longest = self.longest.max(next.longest);
        self.distinct.merge(&next.distinct);
        for value in next.examples {
            if self.examples.len() < EXAMPLES && !self.examples.contains(&value) {
                self.examples.push(value);
            }
        }
        self.numbers.extend(next.numbers);
        for (text, times) in next.texts {
            // Past this many different ones there is no commonest worth showing.
            if self.texts.len() < 4_096 || self.texts.contains_key(&text) {
                *self.texts.entry(text).or_default() += times;
            }
        }
        self.sampled += next.sampled;
        self.least = further(self.least.take(), next.least, false)?;
        self.greatest = further(self.greatest.take(), next.greatest, true)?;
        Ok(())
    }

    fn show(self, field: &Field, rows: u64, column: &mut ColumnProfile) -> Result<()> {
        let values = rows - self.nulls;
        column.nulls = self.nulls;
        column.empties = self.empties;
        column.longest = self.longest;
        column.distinct = Some(self.distinct.estimate().min(values));
        let shown =
            |value: &Option<ArrayRef>| value.as_ref().map(|v| cut(types::text_of(v.as_ref(), 0)));
        column.min = shown(&self.least);
        column.max = shown(&self.greatest);
        column.examples = self.examples;
        if column.evidence == "stated by the file" {
            column.evidence = format!("stated by the file; {} values", grouped(values));
        }
        column.histogram = if self.numbers.is_empty() {
            commonest(self.texts, values, self.sampled)
        } else {
            spread(&self.numbers, field.data_type(), values, self.sampled)?
        };
        Ok(())
    }
}

/// The hashes of a fingerprint are folded products; one more mixing spreads them.
fn spread_bits(hash: u64) -> u64 {
    (hash ^ (hash >> 32)).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn cut(mut text: String) -> String {
    let mut at = text.len().min(SHOWN);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.truncate(at);
    text
}

fn measurable(data_type: &DataType) -> bool {
    data_type.is_numeric()
        || matches!(
            data_type,
            DataType::Date32 | DataType::Time32(_) | DataType::Time64(_) | DataType::Timestamp(..)
        )
}

/// Times as what they count.
fn as_numbers(array: &ArrayRef) -> Result<ArrayRef> {
    let counts = match array.data_type() {
        DataType::Date32 | DataType::Time32(_) => cast(array, &DataType::Int32),
        DataType::Time64(_) | DataType::Timestamp(..) => cast(array, &DataType::Int64),
        _ => Ok(Arc::clone(array)),
    };
    let numbers = counts.and_then(|counts| cast(&counts, &DataType::Float64));
    numbers.map_err(types::arrow_error)
}

fn from_number(value: f64, data_type: &DataType) -> Result<String> {
    let number: ArrayRef = Arc::new(Float64Array::from(vec![value.round()]));
    let back = match data_type {
        DataType::Date32 | DataType::Time32(_) => {
            cast(&number, &DataType::Int32).and_then(|n| cast(&n, data_type))
        }
        DataType::Time64(_) | DataType::Timestamp(..) => {
            cast(&number, &DataType::Int64).and_then(|n| cast(&n, data_type))
        }
        t if t.is_integer() => cast(&number, &DataType::Int64),
        _ => Ok(Arc::new(Float64Array::from(vec![value])) as ArrayRef),
    };
    let back = back.map_err(types::arrow_error)?;
    Ok(types::text_of(back.as_ref(), 0))
}

/// Ranges of equal width, their counts put up from the sample to the whole.
fn spread(numbers: &[f64], data_type: &DataType, values: u64, sampled: u64) -> Result<Vec<Bucket>> {
    let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let whole = !matches!(
        data_type,
        DataType::Decimal128(..) | DataType::Decimal256(..)
    ) && !data_type.is_floating();
    let steps = if whole {
        (high - low + 1.0).clamp(1.0, BUCKETS as f64) as usize
    } else {
        BUCKETS
    };
    let steps = if high > low { steps } else { 1 };
    let width = (high - low) / steps as f64;
    let mut counts = vec![0u64; steps];
    for number in numbers {
        let at = if width > 0.0 {
            ((number - low) / width) as usize
        } else {
            0
        };
        counts[at.min(steps - 1)] += 1;
    }
    counts
        .into_iter()
        .enumerate()
        .map(|(at, count)| {
            Ok(Bucket {
                low: from_number(low + width * at as f64, data_type)?,
                high: from_number(low + width * (at + 1) as f64, data_type)?,
                count: put_up(count, values, sampled),
            })
        })
        .collect()
}

fn commonest(texts: HashMap<String, u64>, values: u64, sampled: u64) -> Vec<Bucket> {
    let mut texts: Vec<(String, u64)> = texts.into_iter().filter(|(_, times)| *times > 1).collect();
    texts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    texts.truncate(BUCKETS);
    texts
        .into_iter()
        .map(|(text, times)| Bucket {
            low: text.clone(),
            high: text,
            count: put_up(times, values, sampled),
        })
        .collect()
}

fn put_up(count: u64, values: u64, sampled: u64) -> u64 {
    (u128::from(count) * u128::from(values) / u128::from(sampled.max(1))) as u64
}

/// The least or the greatest value, as an array of it alone.
fn end(array: &ArrayRef, greatest: bool) -> Result<ArrayRef> {
    let order = SortOptions {
        descending: greatest,
        nulls_first: false,
    };
    let first = sort_to_indices(array, Some(order), Some(1)).map_err(types::arrow_error)?;
    // A copy, since a slice would hold on to the whole batch.
    let value = array.slice(first.value(0) as usize, 1);
    concat(&[value.as_ref()]).map_err(types::arrow_error)
}

fn further(a: Option<ArrayRef>, b: Option<ArrayRef>, greatest: bool) -> Result<Option<ArrayRef>> {
    match (a, b) {
        (Some(a), Some(b)) => {
            let both = concat(&[a.as_ref(), b.as_ref()]).map_err(types::arrow_error)?;
            end(&both, greatest).map(Some)
        }
        (a, b) => Ok(a.or(b)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types;
    use arrow::array::*;

    fn shown(arrays: Vec<ArrayRef>) -> ColumnProfile {
        let field = Field::new("c", arrays[0].data_type().clone(), true);
        let mut all = Count::new(1);
        let mut rows = 0;
        for array in &arrays {
            rows += array.len() as u64;
            all.append(Count::of(array, 1).unwrap()).unwrap();
        }
        let mut column = ColumnProfile::stated("c".to_owned(), types::name(&field));
        all.show(&field, rows, &mut column).unwrap();
        column
    }

    #[test]
    fn a_column_is_described_across_batches() {
        let part = |from: i64| -> ArrayRef {
            Arc::new(
                (from..from + 50_000)
                    .map(|n| (n % 10 != 0).then_some(n))
                    .collect::<Int64Array>(),
            )
        };
        let column = shown(vec![part(0), part(50_000)]);
        assert_eq!(
            (column.nulls, column.min.as_deref(), column.max.as_deref()),
            (10_000, Some("1"), Some("99999"))
        );
        assert_eq!(column.examples, ["1", "2", "3", "4", "5"]);
        let distinct = column.distinct.unwrap();
        assert!((86_000..94_000).contains(&distinct), "{distinct}");
        assert_eq!(column.histogram.len(), 20);
        let total: u64 = column.histogram.iter().map(|b| b.count).sum();
        assert!(total.abs_diff(90_000) < 100, "{total}");
    }

    #[test]
    fn text_has_its_commonest_values_and_its_longest() {
        let text = StringArray::from(vec![
            Some("a"),
            Some("bb"),
            Some("a"),
            None,
            Some(""),
            Some("a"),
            Some("bb"),
        ]);
        let column = shown(vec![Arc::new(text)]);
        assert_eq!(
            (column.empties, column.longest, column.distinct),
            (1, Some(2), Some(3))
        );
        assert_eq!(
            (column.histogram[0].low.as_str(), column.histogram[0].count),
            ("a", 3)
        );
        assert_eq!(
            (column.min.as_deref(), column.max.as_deref()),
            (Some(""), Some("bb"))
        );
    }

    #[test]
    fn floats_and_days_have_ends_that_are_values() {
        let floats = Float64Array::from(vec![0.5, f64::NAN, -1.0]);
        let column = shown(vec![Arc::new(floats)]);
        assert_eq!(
            (column.min.as_deref(), column.max.as_deref()),
            (Some("-1.0"), Some("nan"))
        );
        let days = shown(vec![Arc::new(Date32Array::from(vec![0, 19_782]))]);
        assert_eq!(days.max.as_deref(), Some("2024-02-29"));
        assert_eq!(days.histogram[0].low, "1970-01-01");
        let nested = ListArray::from_iter_primitive::<arrow::datatypes::Int32Type, _, _>(vec![
            Some(vec![Some(1)]),
        ]);
        assert_eq!(shown(vec![Arc::new(nested)]).min, None);
    }
}
