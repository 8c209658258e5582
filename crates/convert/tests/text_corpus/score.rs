//! How near a loaded table is to the table that a careful person made of the same file:
//! names, records and cells as multisets, each by precision, recall and F1; and a point for
//! loading at all. Ten points is the same table.

use std::collections::HashMap;
use std::hash::Hash;

/// A table as rows of texts, the first being the names where there are any.
pub type Rows = Vec<Vec<String>>;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Score {
    pub loaded: f64,
    pub header: f64,
    pub records: f64,
    pub cells: f64,
}

impl Score {
    /// Of ten.
    pub fn total(&self) -> f64 {
        self.loaded + self.header + self.records + self.cells
    }
}

/// Precision, recall and F1 together: of three.
fn measures<T: Hash + Eq>(wanted: &[T], got: &[T]) -> f64 {
    if wanted.is_empty() {
        return 3.0;
    }
    let mut counts: HashMap<&T, i64> = HashMap::new();
    for item in wanted {
        *counts.entry(item).or_default() += 1;
    }
    let mut both = 0.0;
    for item in got {
        if let Some(n) = counts.get_mut(item)
            && *n > 0
        {
            *n -= 1;
            both += 1.0;
        }
    }
    if both == 0.0 {
        return 0.0;
    }
    let precision = both / wanted.len() as f64;
    let recall = both / got.len() as f64;
    precision + recall + 2.0 * precision * recall / (precision + recall)
}

pub fn score(wanted: &Rows, got: &Rows) -> Score {
    if wanted.is_empty() {
        return Score {
            loaded: 1.0,
            header: 3.0,
            records: 3.0,
            cells: 3.0,
        };
    }
    let lower =
        |row: &Vec<String>| -> Vec<String> { row.iter().map(|c| c.to_lowercase()).collect() };
    let header = |rows: &Rows| rows.first().map(lower).unwrap_or_default();
    // A record is its text: where its fields begin is for the cells to tell.
    let records =
        |rows: &Rows| -> Vec<String> { rows.iter().skip(1).map(|r| lower(r).concat()).collect() };
    let cells = |rows: &Rows| -> Vec<String> { rows.iter().flatten().cloned().collect() };
    Score {
        loaded: 1.0,
        header: measures(&header(wanted), &header(got)),
        records: measures(&records(wanted), &records(got)),
        cells: measures(&cells(wanted), &cells(got)),
    }
}

/// A text under commas, quotes doubled: how the tables made by hand are kept.
pub fn plain(text: &str) -> Rows {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut cell = String::new();
    let mut chars = text.chars().peekable();
    let mut inside = false;
    while let Some(c) = chars.next() {
        match c {
            '"' if inside && chars.peek() == Some(&'"') => {
                chars.next();
                cell.push('"');
            }
            '"' => inside = !inside,
            ',' if !inside => row.push(std::mem::take(&mut cell)),
            '\n' if !inside => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !inside && chars.peek() == Some(&'\n') => {}
            c => cell.push(c),
        }
    }
    if !row.is_empty() || !cell.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}
