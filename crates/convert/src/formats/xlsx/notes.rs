//! The rows below a table that are none of it: `Source: …` in the first column alone, below
//! rows that fill several. What text files have as footnotes is told here by the same words.

use std::collections::VecDeque;

use super::header::{Header, SeenRow};
use super::sheet::{Context, Row, Value};
use crate::error::{ConvertError, Result};
use crate::options::Options;
use crate::text::begins_note;

/// Rows that are held back at most until it is known what they are.
const HELD_MOST: usize = 100;
/// Rows that may be asked for.
const ASKED_MOST: u64 = 1_000;

/// Holds rows back that may be notes, until a row of the table or the sheet's end tells.
pub(super) struct Notes {
    /// Cells of a usual row that hold something; 0 where no row tells.
    usual: usize,
    /// The first column of the table.
    first: u32,
    /// So many rows, as somebody said.
    asked: Option<usize>,
    held: VecDeque<Row>,
    /// The last row of the table, as the sheet counts.
    last: u32,
    /// Rows of the table, and those of them that are only a text in the first column.
    rows: u64,
    labels: u64,
}

impl Notes {
    /// `rows` are the first of the sheet that hold something.
    pub(super) fn new(rows: &[SeenRow], header: &Header, options: &Options) -> Result<Self> {
        let asked = options.number("footnotes");
        if asked.is_some_and(|n| n > ASKED_MOST) {
            return Err(ConvertError::BadOption {
                key: "footnotes".to_owned(),
                value: options.get("footnotes").unwrap_or_default().to_owned(),
                expected: format!("no more than {ASKED_MOST} rows of a sheet"),
            });
        }
        let table = &rows[header.before.min(rows.len())..];
        let mut filled: Vec<usize> = table
            .iter()
            .skip(header.rows)
            .map(|r| r.cells.len())
            .filter(|n| *n >= 2)
            .collect();
        filled.sort_unstable();
        Ok(Notes {
            usual: filled.get(filled.len() / 2).copied().unwrap_or(0),
            first: table
                .iter()
                .filter_map(|r| Some(r.cells.first()?.column))
                .min()
                .unwrap_or(0),
            asked: asked.map(|n| n as usize),
            held: VecDeque::new(),
            last: 0,
            rows: 0,
            labels: 0,
        })
    }

    /// Takes a row that may be a note, and gives true; `row` is another one then.
    pub(super) fn hold(&mut self, row: &mut Row, context: Context<'_>) -> Result<bool> {
        let holds = match self.asked {
            Some(count) => count > 0,
            None => self.held.len() < HELD_MOST && self.may_be_note(row, context)?,
        };
        if holds {
            self.held.push_back(std::mem::take(row));
        }
        Ok(holds)
    }

    /// A row that was held back and is one of the table, now that another one is held behind it.
    pub(super) fn passed(&mut self) -> Option<Row> {
        let most = self.asked.unwrap_or(HELD_MOST);
        if self.held.len() > most {
            self.held.pop_front()
        } else {
            None
        }
    }

    /// All rows that were held back, since a row of the table stands below them.
    pub(super) fn release(&mut self) -> VecDeque<Row> {
        std::mem::take(&mut self.held)
    }

    /// A row of the table.
    pub(super) fn saw(&mut self, row: &Row) {
        self.rows += 1;
        self.last = row.number;
        self.labels += u64::from(matches!(row.cells.as_slice(), [one] if one.column == self.first));
    }

    fn may_be_note(&self, row: &Row, context: Context<'_>) -> Result<bool> {
        let count = row.cells.len();
        let scarce = count == 1 || count * 3 <= self.usual;
        if self.usual < 2 || !scarce || self.labels * 3 > self.rows {
            return Ok(false);
        }
        let mut noted = false;
        let mut prose = false;
        for (i, cell) in row.cells.iter().enumerate() {
            let Value::Text(text) = row.value(cell, context)? else {
                return Ok(false);
            };
            let text = text.trim();
            if i == 0 {
                noted = begins_note(text.as_bytes());
                prose = text.contains(' ');
            }
        }
        let apart = row.number as usize > self.last as usize + self.held.len() + 1;
        let leads = row.cells.first().is_some_and(|c| c.column == self.first);
        Ok(match count {
            1 => noted || (self.usual >= 3 && leads && (apart || prose)),
            _ => noted || apart,
        })
    }

    /// What the held rows say, each in a line.
    pub(super) fn said(&self, context: Context<'_>) -> Result<Vec<String>> {
        let line = |row: &Row| {
            let mut line = Vec::new();
            for (i, cell) in row.cells.iter().enumerate() {
                if i > 0 {
                    line.push(b' ');
                }
                row.value(cell, context)?.push_text(&mut line);
            }
            Ok(String::from_utf8_lossy(&line).into_owned())
        };
        self.held.iter().map(line).collect()
    }

    /// The last row that is held back, as the sheet counts.
    pub(super) fn end(&self) -> Option<u32> {
        self.held.back().map(|row| row.number)
    }
}
