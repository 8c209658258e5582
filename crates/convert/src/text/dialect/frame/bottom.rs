//! The lower end of a table: where another one begins, and what is only a note.

use std::ops::Range;

use super::{Table, block, is_sentence, mode};
use crate::text::dialect::cells::{Kind, kind, trim};
use crate::text::dialect::rows::kinds;
use crate::text::repair::Field;

/// Lines that are looked back at for remarks among the rows.
const LINES_BACK: usize = 200;

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
            if text_head && self.repeats_years(head) {
                return true;
            }
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

    /// Whether a row names the columns by the years that the header names them by, and its rows
    /// by another word: `Income,2014,2015` below `Budget,2014,2015`.
    fn repeats_years(&self, row: usize) -> bool {
        if !self.counts_years(row) {
            return false;
        }
        let cells = self.grid.cells(row);
        let same = |i: usize| {
            let text = trim(&cells[i].text).to_ascii_lowercase();
            self.names.get(i).is_some_and(|name| *name == text)
        };
        (1..cells.len()).all(same)
            && cells.len() == self.names.len()
            && !same(0)
            && kind(&cells[0].text).is_text()
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

    /// Whether a row has a value in its first column alone, and one as that column has: a code
    /// or a word, of which nothing more is known.
    fn is_key_alone(&self, cells: &[Field<'_>]) -> bool {
        let (Some(cell), Some(shape)) = (cells.first(), self.shapes.first()) else {
            return false;
        };
        let kind = kind(&cell.text);
        matches!(kind, Kind::Code | Kind::Word | Kind::Integer)
            && shape.affinity(kind) >= 0.8
            && cell.text.len() as f32 <= shape.mean_length() * 2.0 + 4.0
    }

    /// Whether a row at the end begins with `#`, as no row of the table does, and is no row.
    fn is_remark_below(&self, row: usize, first: usize, cells: &[Field<'_>]) -> bool {
        let r = &self.grid.rows[row];
        if !self.is_hashed(row) {
            return false;
        }
        // Past the remarks above it.
        let last = (first..row)
            .rev()
            .take(LINES_BACK)
            .find(|r| !self.grid.rows[*r].is_blank() && !self.is_hashed(*r));
        let hashed = |r: usize| self.is_hashed(r);
        if last.is_none_or(|last| (first..last).take(LINES_BACK).any(hashed)) {
            return false;
        }
        let above = (0..first).rev().take(LINES_BACK).any(hashed);
        let unlike = self.has_types() && matches!(self.matches(row), (0, 1..));
        let short = usize::from(r.fields) < self.width || r.filled == 1;
        short || above || unlike || is_sentence(cells)
    }

    /// Whether a note's words hold delimiters and make a row by that: a sentence, in a table
    /// whose values do not begin with spaces, and below a gap or with a colon behind its first
    /// word.
    fn is_sentence_below(
        &self,
        row: usize,
        first: usize,
        apart: bool,
        cells: &[Field<'_>],
    ) -> bool {
        let led = |c: &Field<'_>| {
            let word = c.text.trim_ascii().split(|b| *b == b' ').next();
            word.is_some_and(|w| w.ends_with(b":"))
        };
        is_sentence(cells)
            && (apart || cells.first().is_some_and(led))
            && row > first
            && !is_sentence(&self.grid.cells(first))
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
        if self.is_remark_below(row, first, &cells)
            || (noted && self.is_sentence_below(row, first, apart, &cells))
        {
            return true;
        }
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
            if !noted && !apart && !short && self.is_key_alone(&cells) {
                return false;
            }
            return self.usual >= 3 && (r.last == 1 || noted || apart);
        }
        let scarce = usize::from(r.filled) * 3 <= self.usual;
        ((noted || apart) && (short || scarce))
            || (short && self.has_types() && self.matches(row).1 > 0 && is_sentence(&cells))
    }
}

/// The words and marks that notes begin with.
pub(crate) fn begins_note(text: &[u8]) -> bool {
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
    // (Of the word itself, or of several of it: a notebook is none.)
    let ends = |rest: &[u8]| {
        let rest = rest
            .strip_prefix(b"es")
            .or(rest.strip_prefix(b"s"))
            .or(rest.strip_prefix(b"n"))
            .unwrap_or(rest);
        !rest.first().is_some_and(u8::is_ascii_alphabetic)
    };
    bracketed
        || WORDS.iter().any(|w| {
            let word = w[0].is_ascii_alphabetic();
            text.len() >= w.len()
                && text[..w.len()].eq_ignore_ascii_case(w)
                && (!word || ends(&text[w.len()..]))
        })
}
