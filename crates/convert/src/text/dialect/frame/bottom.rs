//! The lower end of a table: where another one begins, and what is only a note.

use std::ops::Range;

use super::{Table, block, is_sentence, mode};
use crate::text::dialect::cells::trim;
use crate::text::dialect::rows::kinds;

impl Table<'_, '_> {
    pub(super) fn names_from(&mut self, header: &Range<usize>) {
        if let Some(row) = header.clone().next_back() {
            self.header_record = self.grid.record(row);
            self.names = self
                .grid
                .cells(row)
                .iter()
                .map(|c| trim(&c.text).to_ascii_lowercase())
                .collect();
        }
    }

    /// Names that stand again, in this row, where they stood in the header.
    fn repeats_header(&self, row: usize) -> bool {
        let told = self.names.iter().filter(|n| !n.is_empty()).count();
        if told < 2 {
            return false;
        }
        let record = self.grid.record(row);
        // Most rows begin otherwise, and are not taken apart.
        let first = |record: &[u8]| {
            record
                .iter()
                .copied()
                .find(|b| !b" \"'".contains(b))
                .map(|b| b.to_ascii_lowercase())
        };
        if first(record) != first(self.header_record) {
            return false;
        }
        let cells = self.grid.cells(row);
        let same = cells
            .iter()
            .zip(&self.names)
            .filter(|(c, n)| !n.is_empty() && trim(&c.text).eq_ignore_ascii_case(n))
            .count();
        let most = told.min(cells.iter().filter(|c| !trim(&c.text).is_empty()).count());
        same >= 2 && same * 10 >= most * 7
    }

    /// Where the rows of this table can be at most up to: the next table, or the end. And how
    /// often the header is repeated before that.
    pub(super) fn stop(&self, first: usize) -> (usize, usize) {
        let rows = &self.grid.rows;
        let mut repeats = Vec::new();
        let mut row = first;
        let mut after_blank = false;
        let mut stop = rows.len();
        while row < rows.len() {
            if rows[row].is_blank() {
                after_blank = true;
                row += 1;
                continue;
            }
            if self.repeats_header(row) {
                repeats.push(row);
            } else if (after_blank && row > first && self.begins_other(row))
                || (row > first && self.turns_other(row))
            {
                stop = row;
                break;
            }
            after_blank = false;
            row += 1;
        }
        // Once more, below a gap, may be another table of the same kind; again and again is a new
        // page, and with no gap at all two files became one.
        let joined = |row: usize| row > first && self.is_full(row - 1) && !rows[row - 1].is_blank();
        let exact = repeats
            .iter()
            .filter(|r| self.grid.record(**r) == self.header_record)
            .count();
        let again = exact >= 2 || repeats.iter().all(|row| joined(*row));
        if exact > 0 && exact == repeats.len() && again {
            return (stop, exact);
        }
        match repeats.first() {
            Some(row) if *row > first => (self.with_title(first, *row), 0),
            _ => (stop, 0),
        }
    }

    /// Up over title lines and blanks that stand above the next table.
    fn with_title(&self, first: usize, mut row: usize) -> usize {
        let rows = &self.grid.rows;
        let blank_above = |row: usize| row > first && rows[row - 1].is_blank();
        while row > first + 1 && !blank_above(row) && rows[row - 1].filled == 1 && self.width > 2 {
            row -= 1;
        }
        row
    }

    /// Whether the block that begins at `row`, after a blank, is a table of another kind.
    fn begins_other(&self, row: usize) -> bool {
        let Some(here) = block(self.grid, row) else {
            return false;
        };
        let rows = &self.grid.rows;
        let strong: Vec<usize> = here
            .clone()
            .filter(|r| rows[*r].filled >= 2)
            .take(24)
            .collect();
        if strong.is_empty() {
            // A title, if a table stands below it.
            let weak_only = here.len() <= 3;
            return weak_only
                && block(self.grid, here.end).is_some_and(|next| {
                    next.clone().filter(|r| rows[*r].filled >= 2).count() >= 2
                        && self.begins_other(next.start)
                });
        }
        if strong.len() < 2 {
            return false;
        }
        let head = strong[0];
        let last = mode(strong.iter().map(|r| rows[*r].last));
        let usual_last = self.usual_last();
        let fits = strong
            .iter()
            .skip(1)
            .filter(|r| self.is_like_data(**r))
            .count();
        let head_kinds = kinds(&self.grid.cells(head));
        let text_head = head_kinds.iter().any(|k| k.is_text())
            && (!head_kinds.iter().any(|k| k.is_typed()) || self.counts_years(head));
        if self.has_types() {
            let named = text_head
                && self.matches(head).0 == 0
                && usize::from(rows[head].filled) * 10 >= last * 6;
            let alike = fits * 2 >= strong.len() - 1;
            // Rows that go on need no names; names make it another table.
            return if alike {
                named && self.matches(head).1 > 0
            } else {
                named || last != usual_last
            };
        }
        text_head && last != usual_last && strong.len() >= 3
    }

    fn usual_last(&self) -> usize {
        self.shapes
            .iter()
            .rposition(|s| s.told() * 4 >= s.total())
            .map_or(self.width, |i| i + 1)
    }

    /// Whether, with no blank between, rows of another length begin here and go on.
    fn turns_other(&self, row: usize) -> bool {
        let rows = &self.grid.rows;
        let fields = rows[row].fields;
        if usize::from(fields) == self.width || fields < 2 || rows[row - 1].fields == fields {
            return false;
        }
        let ahead: Vec<usize> = (row + 1..rows.len())
            .filter(|r| !rows[*r].is_blank())
            .take(4)
            .collect();
        if ahead.len() < 3 || ahead.iter().any(|r| rows[*r].fields != fields) {
            return false;
        }
        let head = kinds(&self.grid.cells(row));
        let text = head.iter().filter(|k| k.is_text()).count();
        let named = text * 10 >= head.len() * 8 && self.matches(row).0 == 0;
        let below = kinds(&self.grid.cells(ahead[0]));
        named && below.iter().any(|k| k.is_typed())
    }

    /// The end of the rows, and the footnotes behind them.
    pub(super) fn footnotes(&self, first: usize, stop: usize) -> (usize, Range<usize>) {
        let rows = &self.grid.rows;
        let mut end = stop;
        while end > first {
            let row = end - 1;
            if self.width == 1 {
                if !rows[row].is_blank() {
                    break;
                }
            } else if !rows[row].is_blank() && !self.is_footnote(row, first) {
                break;
            }
            end -= 1;
        }
        let from = (end..stop).find(|r| !rows[*r].is_blank()).unwrap_or(stop);
        (end, from..stop)
    }

    fn is_footnote(&self, row: usize, first: usize) -> bool {
        let r = &self.grid.rows[row];
        if r.filled == 0 {
            // Empty texts that somebody put in quotes: a row.
            return false;
        }
        let apart = row > first
            && (first..row)
                .rev()
                .take(12)
                .any(|above| self.grid.rows[above].is_blank());
        let cells = self.grid.cells(row);
        let noted = cells
            .iter()
            .find(|c| !trim(&c.text).is_empty())
            .is_some_and(|c| begins_note(trim(&c.text)));
        let short = usize::from(r.fields) < self.width;
        if self.width == 2 {
            return (r.fields == 1 || r.filled == 1) && (noted || (apart && cells.len() == 1));
        }
        if noted && (short || r.filled == 1) {
            return true;
        }
        if self.is_like_data(row) {
            return false;
        }
        if r.filled == 1 {
            return self.usual >= 3 && (r.last == 1 || noted || apart);
        }
        let scarce = usize::from(r.filled) * 3 <= self.usual;
        ((noted || apart) && (short || scarce))
            || (short && self.has_types() && self.matches(row).1 > 0 && is_sentence(&cells))
    }
}

/// The words and marks that notes begin with.
pub(super) fn begins_note(text: &[u8]) -> bool {
    const WORDS: [&[u8]; 16] = [
        b"source",
        b"note",
        b"footnote",
        b"quelle",
        b"fuente",
        b"fonte",
        b"*",
        b"\xC2\xA9",
        b"contact",
        b"copyright",
        b"disclaimer",
        b"last updated",
        b"data extracted",
        b"end of",
        b"remark",
        b"legend",
    ];
    // (A remark in brackets, of several words.)
    let bracketed = text.starts_with(b"(") && text.ends_with(b")") && text.contains(&b' ');
    bracketed
        || WORDS
            .iter()
            .any(|w| text.len() >= w.len() && text[..w.len()].eq_ignore_ascii_case(w))
}
