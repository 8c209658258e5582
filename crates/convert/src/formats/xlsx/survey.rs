//! One pass over a sheet before its rows are handed out: where the table is, and for each
//! column the type that every one of its cells has.

use std::collections::VecDeque;

use arrow::datatypes::{DataType, TimeUnit};

use super::super::cells::{exact_float, push_float};
use super::header::{self, Header, LOOKED_AT, LOOKED_AT_BYTES, Seen, SeenRow};
use super::notes::Notes;
use super::package::Ahead;
use super::serial::Moment;
use super::sheet::{Context, Row, Rows, Value};
use crate::error::{ConvertError, Result};
use crate::options::Options;
use crate::profile::{Choice, ColumnProfile};
use crate::sql::grouped;
use crate::table::{Depth, Job};

/// How the evidence begins of a column whose cells are of several kinds.
const MIXED: &str = "mixed: ";

/// Rows that a preview goes by.
const HEAD_ROWS: u64 = 1_000;
/// Different values of a column that its profile shows, from among its first.
const EXAMPLES: usize = 5;
/// A table with more cells than memory has room for at so many bytes each is taken only where at
/// least one in so many holds a value: a single one in the last corner of a sheet would make a
/// table of 17 billion nulls.
const BYTES_PER_CELL: u64 = 8;
const CELLS_PER_VALUE: u64 = 1_000;
/// Rows between two looks at cancel.
const CHECK_EVERY: u64 = 4_096;

/// What the pass found.
pub(super) struct Survey {
    pub header: Header,
    /// Rows of the sheet that hold data, as it counts; the first after the last where there are none.
    pub first_row: u32,
    pub last_row: u32,
    /// The last row of the sheet that holds anything, a note below the table too.
    pub sheet_end: u32,
    /// The whole sheet was seen.
    pub whole: bool,
    /// Per column of the sheet, from A on.
    pub columns: Vec<Evidence>,
    pub formulas: u64,
    pub unresolved: u64,
    pub hidden_rows: u64,
    pub merged: u64,
    /// Rows between others that hold nothing.
    pub empty_rows: u64,
}

/// What the cells of a column hold, counted.
#[derive(Default, Clone)]
pub(super) struct Evidence {
    ints: u64,
    /// Integers that no double has.
    wide_ints: u64,
    floats: u64,
    bools: u64,
    texts: u64,
    errors: u64,
    dates: u64,
    datetimes: u64,
    times: u64,
    durations: u64,
    odd_days: u64,
    empties: u64,
    longest: u64,
    least: Option<Extreme>,
    most: Option<Extreme>,
    examples: Vec<String>,
}

#[derive(Clone)]
enum Extreme {
    Number(f64),
    Moment(Moment),
    Text(String),
}

/// The rows above the data, remembered until the header is settled, and then the rest.
pub(super) fn survey(
    mut rows: Rows<Ahead>,
    context: Context<'_>,
    options: &Options,
    depth: Depth,
    job: Job<'_>,
) -> Result<Survey> {
    let mut ahead: VecDeque<Row> = VecDeque::new();
    let mut seen = Vec::new();
    let skip = options.number("skip").unwrap_or(0);
    let (mut passed, mut bytes) = (0u32, 0);
    while seen.len() < LOOKED_AT && bytes < LOOKED_AT_BYTES {
        let mut row = Row::default();
        if !rows.next(&mut row)? {
            break;
        }
        if u64::from(row.number) <= skip {
            passed += 1;
            if passed.is_multiple_of(4_096) {
                job.check()?;
            }
            continue;
        }
        let mut cells = Vec::with_capacity(row.cells.len());
        for cell in &row.cells {
            let value = row.value(cell, context)?;
            let cell = Seen::of(cell.column, &value);
            bytes += cell.text.len() + 64;
            cells.push(cell);
        }
        seen.push(SeenRow {
            number: row.number,
            cells,
        });
        ahead.push_back(row);
    }
    let mut header = header::settle(&seen, options)?;
    let data = header.before + header.rows;
    let above = seen.get(data.wrapping_sub(1)).map(|r| r.number);
    let first_row = match (above, seen.get(data)) {
        // Empty rows below a header are the table's; those above a table without one are not.
        (Some(above), _) if header.rows > 0 => above + 1,
        (_, Some(row)) => row.number,
        (Some(above), None) => above + 1,
        (None, None) => 1,
    };
    let mut notes = Notes::new(&seen, &header, options)?;
    drop(seen);
    ahead.drain(..data);

    let mut columns = vec![Evidence::default(); header.names.len()];
    let mut last_row = first_row - 1;
    let (mut held, mut in_table, mut whole) = (0u64, 0u64, true);
    let mut reported = 0;
    let mut row = Row::default();
    let mut add = |row: &Row, notes: &mut Notes, columns: &mut Vec<Evidence>| -> Result<()> {
        in_table += 1;
        last_row = row.number;
        notes.saw(row);
        for cell in &row.cells {
            let value = row.value(cell, context)?;
            let i = cell.column as usize;
            if i >= columns.len() {
                columns.resize(i + 1, Evidence::default());
            }
            columns[i].add(&value);
        }
        Ok(())
    };
    loop {
        match ahead.pop_front() {
            Some(next) => row = next,
            None => {
                if depth == Depth::Head && held >= HEAD_ROWS {
                    whole = false;
                    break;
                }
                if !rows.next(&mut row)? {
                    break;
                }
            }
        }
        if notes.hold(&mut row, context)? {
            while let Some(row) = notes.passed() {
                add(&row, &mut notes, &mut columns)?;
            }
        } else {
            for row in notes.release() {
                add(&row, &mut notes, &mut columns)?;
            }
            add(&row, &mut notes, &mut columns)?;
        }
        held += 1;
        if held.is_multiple_of(CHECK_EVERY) {
            job.check()?;
            let place = rows.source().place();
            job.progress.advance(place - reported);
            reported = place;
        }
    }
    if !whole {
        // What stands further down is not known.
        for row in notes.release() {
            add(&row, &mut notes, &mut columns)?;
        }
    }
    let sheet_end = notes.end().unwrap_or(last_row);
    let said = notes.said(context)?;
    if !said.is_empty() {
        let why = header::outside("below", &said);
        header.choices.push(Choice {
            what: "rows below".to_owned(),
            chosen: "left out".to_owned(),
            why: why.clone(),
            otherwise: Some("footnotes=0".to_owned()),
            told: Some(format!("{why}.")),
        });
        header.warnings.push(why);
    }
    let place = rows.source().place();
    job.progress.advance(place - reported);
    let spanned = u64::from(last_row + 1 - first_row) * columns.len() as u64;
    let values: u64 = columns.iter().map(Evidence::values).sum();
    if spanned > job.limits.memory_bytes / BYTES_PER_CELL && spanned / CELLS_PER_VALUE > values {
        return Err(ConvertError::OutOfMemory {
            limit: job.limits.memory_bytes,
            detail: format!(
                "the sheet spans {} rows and {} columns, of whose cells {} hold a value",
                grouped(u64::from(last_row + 1 - first_row)),
                grouped(columns.len() as u64),
                grouped(values)
            ),
        });
    }
    header.names.resize(columns.len(), String::new());
    Ok(Survey {
        empty_rows: u64::from(last_row + 1 - first_row) - in_table,
        header,
        first_row,
        last_row,
        sheet_end,
        whole,
        columns,
        formulas: rows.formulas,
        unresolved: rows.unresolved,
        hidden_rows: rows.hidden_rows,
        merged: rows.merged,
    })
}

impl Evidence {
    #[inline]
    fn add(&mut self, value: &Value<'_>) {
        match *value {
            Value::Int(n) => {
                self.ints += 1;
                match exact_float(n) {
                    Some(float) => self.number(float),
                    None => {
                        self.wide_ints += 1;
                        self.number(n as f64);
                    }
                }
            }
            Value::Float(n) => {
                self.floats += 1;
                self.number(n);
            }
            Value::Bool(_) => self.bools += 1,
            Value::Text(text) => {
                self.texts += 1;
                self.empties += u64::from(text.is_empty());
                self.text(text);
            }
            Value::Error(text) => {
                self.errors += 1;
                self.text(text);
            }
            Value::Moment(moment) => {
                match moment {
                    Moment::Date(_) => self.dates += 1,
                    Moment::DateTime(_) => self.datetimes += 1,
                    Moment::Time(_) => self.times += 1,
                    Moment::Duration(_) => self.durations += 1,
                    Moment::NoSuchDay(..) | Moment::None => self.odd_days += 1,
                }
                self.moment(moment);
            }
        }
        if self.examples.len() < EXAMPLES && self.values() <= 64 {
            let mut text = Vec::new();
            value.push_text(&mut text);
            let text: String = String::from_utf8_lossy(&text).chars().take(200).collect();
            if !self.examples.contains(&text) {
                self.examples.push(text);
            }
        }
    }

    fn number(&mut self, n: f64) {
        match self.least {
            Some(Extreme::Number(least)) if least <= n => {}
            None | Some(Extreme::Number(_)) => self.least = Some(Extreme::Number(n)),
            _ => {}
        }
        match self.most {
            Some(Extreme::Number(most)) if most >= n => {}
            None | Some(Extreme::Number(_)) => self.most = Some(Extreme::Number(n)),
            _ => {}
        }
    }

    fn moment(&mut self, moment: Moment) {
        let at = |m: &Moment| match *m {
            Moment::Date(days) => i64::from(days) * 86_400_000_000,
            Moment::DateTime(n) | Moment::Time(n) | Moment::Duration(n) => n,
            _ => 0,
        };
        match &self.least {
            Some(Extreme::Moment(least)) if at(least) <= at(&moment) => {}
            None | Some(Extreme::Moment(_)) => self.least = Some(Extreme::Moment(moment)),
            _ => {}
        }
        match &self.most {
            Some(Extreme::Moment(most)) if at(most) >= at(&moment) => {}
            None | Some(Extreme::Moment(_)) => self.most = Some(Extreme::Moment(moment)),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        self.longest = self.longest.max(text.len() as u64);
        let cut = || Extreme::Text(text.chars().take(200).collect());
        match &self.least {
            Some(Extreme::Text(least)) if least.as_str() <= text => {}
            None | Some(Extreme::Text(_)) => self.least = Some(cut()),
            _ => {}
        }
        match &self.most {
            Some(Extreme::Text(most)) if most.as_str() >= text => {}
            None | Some(Extreme::Text(_)) => self.most = Some(cut()),
            _ => {}
        }
    }

    pub(super) fn values(&self) -> u64 {
        self.kinds().iter().map(|(n, _)| n).sum()
    }

    fn kinds(&self) -> [(u64, &'static str); 10] {
        [
            (self.ints, "whole numbers"),
            (self.floats, "numbers"),
            (self.bools, "booleans"),
            (self.dates, "dates"),
            (self.datetimes, "dates with a time"),
            (self.times, "times"),
            (self.durations, "durations"),
            (self.odd_days, "days that only Excel has"),
            (self.errors, "errors"),
            (self.texts, "texts"),
        ]
    }

    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    pub(super) fn has_odd_days(&self) -> bool {
        self.odd_days > 0
    }

    /// The narrowest type that every cell has, the source's word where Arrow has none, and why.
    pub(super) fn settle(&self, as_text: bool) -> (DataType, Option<&'static str>, String) {
        let values = self.values();
        let text = |why: String| (DataType::Utf8, None, why);
        if as_text {
            return text("text, as asked".to_owned());
        }
        if values == 0 {
            return text("no values".to_owned());
        }
        let all = |n: u64| n == values;
        let proved = format!("0 of {} values altered", grouped(values));
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
        let data_type = if all(self.ints) {
            DataType::Int64
        } else if all(self.ints + self.floats) && self.wide_ints == 0 {
            DataType::Float64
        } else if all(self.bools) {
            DataType::Boolean
        } else if all(self.dates) {
            DataType::Date32
        } else if all(self.dates + self.datetimes) {
            timestamp
        } else if all(self.times) {
            DataType::Time64(TimeUnit::Microsecond)
        } else if all(self.durations) {
            return (DataType::Utf8, Some("INTERVAL"), proved);
        } else if all(self.texts) {
            return text("text".to_owned());
        } else if all(self.ints + self.floats) {
            return text(format!(
                "numbers, of which {} have more digits than a double keeps",
                grouped(self.wide_ints)
            ));
        } else {
            let mixed: Vec<String> = self
                .kinds()
                .iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, what)| format!("{} {what}", grouped(*n)))
                .collect();
            return text(format!("{MIXED}{}", mixed.join(", ")));
        };
        (data_type, None, proved)
    }

    pub(super) fn profile(
        &self,
        name: String,
        said: Option<String>,
        type_name: String,
        why: String,
        rows: u64,
    ) -> ColumnProfile {
        let shown = |extreme: &Option<Extreme>| {
            let mut out = Vec::new();
            // Of a column of several kinds, no value is the least.
            match extreme.as_ref()? {
                Extreme::Number(n) if self.texts + self.errors + self.bools == 0 => {
                    push_float(&mut out, *n)
                }
                Extreme::Moment(m) if self.texts + self.errors + self.ints + self.floats == 0 => {
                    Value::Moment(*m).push_text(&mut out);
                }
                Extreme::Text(t) if self.texts + self.errors == self.values() => {
                    out.extend_from_slice(t.as_bytes())
                }
                _ => return None,
            }
            String::from_utf8(out).ok()
        };
        ColumnProfile {
            name,
            said,
            type_name,
            mixed: why.starts_with(MIXED),
            evidence: why,
            nulls: rows - self.values().min(rows),
            empties: self.empties,
            distinct: None,
            min: shown(&self.least),
            max: shown(&self.most),
            longest: (self.texts + self.errors > 0).then_some(self.longest),
            examples: self.examples.clone(),
            histogram: Vec::new(),
        }
    }
}
