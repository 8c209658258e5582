//! Which rows stay, one bit for each: 100 million rows are 12 MB.

use arrow::array::Array;
use arrow::buffer::{BooleanBuffer, Buffer};

use super::table::ChangedTable;
use crate::engine::{self, Engine};
use crate::error::{ConvertError, Result};
use crate::query::query_names;
use crate::run::Meter;
use crate::sql;
use crate::table::{Job, Table};
use crate::text;

/// The name of the engine's column of row numbers.
pub(crate) const NUMBER: &str = "redline row number";

#[derive(Debug, Clone, Default)]
pub(crate) struct Rows {
    bits: Vec<u8>,
    len: u64,
    count: u64,
}

impl Rows {
    fn none(len: u64) -> Self {
        Rows {
            bits: vec![0; len.div_ceil(8) as usize],
            len,
            count: 0,
        }
    }

    fn set(&mut self, row: u64) {
        let (byte, bit) = ((row / 8) as usize, 1u8 << (row % 8));
        if row < self.len && self.bits[byte] & bit == 0 {
            self.bits[byte] |= bit;
            self.count += 1;
        }
    }

    /// As [`set`](Rows::set), before it is known how many rows there are.
    fn reach(&mut self, row: u64) {
        self.end(self.len.max(row + 1));
        self.set(row);
    }

    fn end(&mut self, len: u64) {
        self.len = len;
        self.bits.resize(len.div_ceil(8) as usize, 0);
    }

    fn push(&mut self, stays: bool) {
        if self.len.is_multiple_of(8) {
            self.bits.push(0);
        }
        self.len += 1;
        if stays {
            self.set(self.len - 1);
        }
    }

    fn get(&self, row: u64) -> bool {
        row < self.len && self.bits[(row / 8) as usize] & (1 << (row % 8)) != 0
    }

    /// Rows that were looked at.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Rows that stay.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Of the rows that stay, those that stay by `next`, which numbers only them.
    pub(crate) fn and(&self, next: &Rows) -> Rows {
        let mut both = Rows::none(self.len);
        let mut at = 0;
        for row in 0..self.len {
            if self.get(row) {
                if next.get(at) {
                    both.set(row);
                }
                at += 1;
            }
        }
        both
    }

    /// Where the row is that comes after `first` others that stay; the end for none.
    pub(crate) fn place(&self, first: u64) -> u64 {
        let mut left = first;
        for (at, byte) in self.bits.iter().enumerate() {
            let here = u64::from(byte.count_ones());
            if left >= here {
                left -= here;
                continue;
            }
            let begin = at as u64 * 8;
            for row in begin..begin + 8 {
                if self.get(row) {
                    if left == 0 {
                        return row;
                    }
                    left -= 1;
                }
            }
        }
        self.len
    }

    pub(crate) fn mask(&self) -> Mask {
        Mask {
            bits: Buffer::from_vec(self.bits.clone()),
            len: self.len as usize,
        }
    }
}

/// The same for cutting batches by.
pub(crate) struct Mask {
    bits: Buffer,
    len: usize,
}

impl Mask {
    pub(crate) fn part(&self, first: u64, rows: usize) -> BooleanBuffer {
        let first = (first as usize).min(self.len);
        BooleanBuffer::new(self.bits.clone(), first, rows.min(self.len - first))
    }
}

/// Rows for which a condition in SQL holds.
pub(super) fn filtered(table: &dyn Table, condition: &str, job: Job<'_>) -> Result<Rows> {
    // A bracket that closes ours would make another condition of the two halves; and what no query
    // may know, no condition may.
    let of_filter = |error| match error {
        ConvertError::Query { detail } => ConvertError::Filter { detail },
        other => other,
    };
    query_names(&format!("SELECT CASE WHEN\n{condition}\nTHEN 1 END")).map_err(of_filter)?;
    plain_names(table, condition).map_err(of_filter)?;
    let number = sql::name(NUMBER);
    // On lines of its own, should it end in a comment.
    let select = format!("SELECT {number} AS n FROM input WHERE (\n{condition}\n)");
    chosen(table, &select, job).map_err(of_filter)
}

/// To SQL `A` and `a` are one name. Where a file has both, one of them has another name here,
/// which a condition has to say.
fn plain_names(table: &dyn Table, condition: &str) -> Result<()> {
    let schema = table.schema();
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    let mentions = |name: &str| {
        condition.match_indices(name).any(|(at, _)| {
            let (before, after) = (
                &condition.as_bytes()[..at],
                &condition.as_bytes()[at + name.len()..],
            );
            !before.last().copied().is_some_and(word) && !after.first().copied().is_some_and(word)
        })
    };
    for field in schema.fields() {
        if let Some(said) = field.metadata().get(text::SAID)
            && !said.is_empty()
            && said != field.name()
            && schema.column_with_name(said).is_none()
            && mentions(said)
        {
            return Err(ConvertError::NoColumn {
                column: said.clone(),
                columns: schema.fields().iter().map(|f| f.name().clone()).collect(),
            });
        }
    }
    Ok(())
}

/// The first of rows that are equal in every column.
pub(super) fn first_of_each(table: &ChangedTable, job: Job<'_>) -> Result<Rows> {
    let schema = table.schema();
    let mut keys = Vec::new();
    for field in schema.fields() {
        let name = sql::name(field.name());
        if field.data_type().is_floating() {
            // To SQL -0.0 and 0.0 are one; to us they are not.
            keys.push(format!("signbit({name})"));
        }
        keys.push(name);
    }
    let select = format!(
        "SELECT min({}) AS n FROM input GROUP BY {}",
        sql::name(NUMBER),
        keys.join(", ")
    );
    chosen(table, &select, job)
}

fn chosen(table: &dyn Table, select: &str, job: Job<'_>) -> Result<Rows> {
    let engine = Engine::open(job.limits)?;
    let mut rows = Rows::default();
    let seen = engine
        .choose(table, select, job, &mut |row| rows.reach(row))
        .map_err(engine::as_query)?;
    rows.end(seen);
    Ok(rows)
}

/// Rows without a null.
pub(super) fn complete(table: &ChangedTable, job: Job<'_>) -> Result<Rows> {
    let total = table.rows().unwrap_or(0);
    job.phase("choose", total);
    let mut meter = Meter::new(job, total);
    let mut rows = Rows::default();
    let mut reader = table.read(None, 0, job)?;
    while let Some(batch) = reader.next_batch()? {
        job.check()?;
        let nulls: Vec<_> = batch
            .columns()
            .iter()
            .filter_map(|c| c.logical_nulls())
            .collect();
        for row in 0..batch.num_rows() {
            rows.push(nulls.iter().all(|n| n.is_valid(row)));
        }
        meter.at(rows.len());
    }
    meter.finish();
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_their_number_among_those_that_stay() {
        let mut rows = Rows::default();
        (0..100).for_each(|row| rows.push(row % 3 == 0));
        assert_eq!((rows.len(), rows.count()), (100, 34));
        assert_eq!(
            (rows.place(0), rows.place(1), rows.place(33), rows.place(34)),
            (0, 3, 99, 100)
        );
        let mut next = Rows::default();
        (0..34).for_each(|row| next.push(row == 1 || row == 33));
        let both = rows.and(&next);
        assert_eq!((both.count(), both.place(0), both.place(1)), (2, 3, 99));
        let mask = both.mask();
        assert_eq!(
            mask.part(2, 5).iter().collect::<Vec<_>>(),
            [false, true, false, false, false]
        );
    }
}
