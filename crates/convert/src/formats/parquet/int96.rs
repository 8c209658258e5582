//! Times as older programs wrote them: a day and the nanoseconds of it, in 96 bits. They
//! reach further than any 64-bit count does, so that the unit is chosen by looking.

use arrow::datatypes::TimeUnit;
use parquet::basic::Type as Physical;
use parquet::column::reader::ColumnReader;
use parquet::data_type::Int96;
use parquet::file::reader::{FileReader, SerializedFileReader};

use super::file::Positioned;
use super::{parquet_error, unreadable};
use crate::error::Result;
use crate::table::Job;

/// Julian day of 1970-01-01.
const EPOCH: i64 = 2_440_588;
/// Days on either side of 1970 that a count of nanoseconds holds.
const NANO_DAYS: i64 = 106_750;
const VALUES: usize = 8_192;

/// The unit that holds each value of the leaf columns that are of this type, as (leaf,
/// unit). Microseconds where `look` is false.
pub(super) fn units(
    file: &Positioned,
    physical: &[Physical],
    look: bool,
    job: Job<'_>,
) -> Result<Vec<(usize, TimeUnit)>> {
    let leaves: Vec<usize> = (0..physical.len())
        .filter(|at| physical[*at] == Physical::INT96)
        .collect();
    if leaves.is_empty() || !look {
        return Ok(leaves
            .into_iter()
            .map(|leaf| (leaf, TimeUnit::Microsecond))
            .collect());
    }
    let reader = SerializedFileReader::new(file.clone()).map_err(parquet_error)?;
    leaves
        .into_iter()
        .map(|leaf| Ok((leaf, unit(&reader, leaf, job)?)))
        .collect()
}

fn unit(reader: &SerializedFileReader<Positioned>, leaf: usize, job: Job<'_>) -> Result<TimeUnit> {
    let (mut far, mut fine) = (false, false);
    let mut values: Vec<Int96> = Vec::with_capacity(VALUES);
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(parquet_error)?;
        let column = group.get_column_reader(leaf).map_err(parquet_error)?;
        let ColumnReader::Int96ColumnReader(mut column) = column else {
            continue;
        };
        loop {
            job.check()?;
            values.clear();
            let (mut definitions, mut repetitions) = (Vec::new(), Vec::new());
            let (records, _, levels) = column
                .read_records(
                    VALUES,
                    Some(&mut definitions),
                    Some(&mut repetitions),
                    &mut values,
                )
                .map_err(parquet_error)?;
            if records == 0 && levels == 0 {
                break;
            }
            for value in &values {
                let data = value.data();
                let nanos = u64::from(data[0]) | u64::from(data[1]) << 32;
                let day = i64::from(data[2] as i32) - EPOCH;
                far |= day.abs() > NANO_DAYS;
                fine |= !nanos.is_multiple_of(1_000);
            }
        }
    }
    match (far, fine) {
        (true, true) => Err(unreadable(
            "times of the 96-bit form that are both far from today and finer than a microsecond",
        )),
        (false, true) => Ok(TimeUnit::Nanosecond),
        _ => Ok(TimeUnit::Microsecond),
    }
}
