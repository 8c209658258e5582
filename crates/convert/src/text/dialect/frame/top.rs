//! The upper end of a table: the first row that holds values, the lines of names above it.

use std::collections::HashSet;
use std::ops::Range;

use super::{HEADER_MOST, TOP, Table, Told, Why, is_sentence};
use crate::text::dialect::Syntax;
use crate::text::dialect::cells::{Kind, kind, trim};
use crate::text::dialect::rows::kinds;
use crate::text::repair::{Field, fit_names};

impl Table<'_, '_> {
    /// The header, the first row of the body, and why.
    pub(super) fn header(
        &self,
        from: usize,
        core: &Range<usize>,
        told: Told,
    ) -> (Range<usize>, usize, Why) {
        if let Some(lines) = told.header {
            let start = if lines == 0 {
                core.start
            } else {
                self.first_strong(core)
            };
            let end = (start + lines).min(self.grid.rows.len());
            return (start..end, end, Why::Told);
        }
        let (header, first, why) = self.found_header(from, core);
        if told.some_header && header.is_empty() && first < self.grid.rows.len() {
            return (first..first + 1, first + 1, Why::Told);
        }
        (header, first, why)
    }

    /// The same where the first record is known to be of the table.
    pub(super) fn header_at_top(&self, told: Told) -> (Range<usize>, usize, Why) {
        let rows = &self.grid.rows;
        let top = (0..rows.len()).find(|r| rows[*r].filled > 0).unwrap_or(0);
        let lines = match told.header {
            Some(lines) => lines,
            None if told.some_header => 1,
            None => {
                let (header, first, why) = self.found_header(top, &(top..rows.len()));
                if header.start == top && (first == header.end || rows[header.end].filled == 0) {
                    return (header, first, why);
                }
                let kinds = kinds(&self.grid.cells(top));
                usize::from(self.has_types() && kinds.iter().all(|k| !k.is_typed()))
            }
        };
        let top = match lines {
            // Empty texts in quotes are a row, and no names.
            0 => (0..top).find(|r| !rows[*r].is_blank()).unwrap_or(top),
            _ => top,
        };
        let end = (top + lines).min(rows.len());
        let why = if told.header.is_some() || told.some_header {
            Why::Told
        } else if lines > 0 {
            Why::TextAboveValues
        } else {
            Why::LikeTheRest
        };
        (top..end, end, why)
    }

    /// Rows without a value above the first that has one are rows, too, and no names.
    fn up_over_nothing(&self, top: usize, first: usize) -> usize {
        let mut row = first;
        while row > top
            && self.grid.rows[row - 1].filled == 0
            && usize::from(self.grid.rows[row - 1].fields) == self.width
        {
            row -= 1;
        }
        // Nothing but such rows above it: there they may be anything.
        if row > top { row } else { first }
    }

    fn first_strong(&self, core: &Range<usize>) -> usize {
        core.clone()
            .take(TOP)
            .find(|r| {
                self.is_full(*r)
                    && (!self.is_hashed(*r) || usize::from(self.grid.rows[*r].fields) == self.width)
                    && !self.is_key_and_value(*r)
                    && (self.width <= 2 || self.grid.rows[*r].filled >= 2)
            })
            .unwrap_or(core.start)
    }

    fn found_header(&self, from: usize, core: &Range<usize>) -> (Range<usize>, usize, Why) {
        let rows = &self.grid.rows;
        if self.width == 1 {
            return self.header_of_one_column(core);
        }
        if self.has_types() {
            let found = core.clone().take(TOP).find(|r| {
                let mut below = (*r + 1..core.end).filter(|r| !rows[*r].is_blank());
                let (next, after) = (below.next(), below.next());
                self.is_like_data(*r)
                    && !self.names_years(*r)
                    && (next.is_none_or(|r| self.is_like_data(r))
                        || after.is_none_or(|r| self.is_like_data(r)))
            });
            if let Some(found) = found {
                let mut first = self.up_over_nothing(core.start, found);
                let mut above = first;
                // A label of a section, or a row with a flaw, stands between names and rows.
                while above > core.start
                    && first - above < 2
                    && above - 1 > core.start
                    && self.names_columns(above - 2)
                    && !self.is_remark(above - 2)
                    && (rows[above - 1].filled == 1
                        || (self.is_full(above - 2)
                            && (self.matches(above - 2).0 == 0 || self.names_years(above - 2))
                            && self.could_be_data(above - 1)
                            && self.overlap(above - 2, above - 1)
                            && !self.names_groups(above - 2, above - 1))
                        || (usize::from(rows[above - 1].fields) != self.width
                            && usize::from(rows[above - 2].fields) == self.width
                            && self.is_full(above - 2)))
                {
                    above -= 1;
                    first = above;
                }
                let mut header = self.climb(core.start, first);
                if header.len() > 1 && self.is_row_after_all(header.end - 1) {
                    header.end -= 1;
                    first = header.end;
                }
                if !header.is_empty() {
                    return (header, first, Why::TextAboveValues);
                }
                if let Some(line) = self.across_a_gap(from, core, first) {
                    return (line..line + 1, first, Why::TextAboveValues);
                }
                if self.is_series(first) {
                    return (first..first + 1, first + 1, Why::Series);
                }
                return (first..first, first, Why::LikeTheRest);
            }
        }
        let head = self.first_strong(core);
        if head + 1 >= core.end && self.grid.rows.len() == head + 1 {
            let kinds = kinds(&self.grid.cells(head));
            let typed = kinds.iter().filter(|k| k.is_typed()).count();
            let text = kinds.iter().filter(|k| k.is_text()).count();
            return if typed > text {
                (head..head, head, Why::LikeTheRest)
            } else {
                (head..head + 1, head + 1, Why::Alone)
            };
        }
        let mut end = head + 1;
        while end < core.end
            && end - head < HEADER_MOST
            && self.grid.record(end) == self.grid.record(head)
        {
            end += 1;
        }
        if head > core.start && self.is_names_otherwise(head - 1) {
            return (head - 1..head, head, Why::OnlyText);
        }
        let start = self.climb_groups(core.start, head);
        let only = kinds(&self.grid.cells(head));
        let values = only.iter().filter(|k| k.is_typed()).count();
        if values * 2 > only.iter().filter(|k| !k.is_blank()).count() {
            return (head..head, head, Why::LikeTheRest);
        }
        (start..end, end, Why::OnlyText)
    }

    fn header_of_one_column(&self, core: &Range<usize>) -> (Range<usize>, usize, Why) {
        let first = core.start;
        let kind = kinds(&self.grid.cells(first))
            .first()
            .copied()
            .unwrap_or(Kind::Empty);
        let typed = self.shapes.first().is_some_and(|s| s.is_typed());
        if typed && kind.is_text() {
            // Words above it all, and the last of them the name.
            let data = core
                .clone()
                .take(TOP)
                .find(|r| self.is_like_data(*r))
                .unwrap_or(first);
            let name = (first..data)
                .rev()
                .find(|r| self.grid.rows[*r].filled > 0)
                .unwrap_or(first);
            return (name..(name + 1).min(data), data, Why::TextAboveValues);
        }
        if kind.is_typed() {
            return (first..first, first, Why::LikeTheRest);
        }
        (
            first..first + 1,
            first + 1,
            if core.len() == 1 {
                Why::Alone
            } else {
                Why::OnlyText
            },
        )
    }

    /// Whether this row could be a line of names.
    pub(super) fn names_columns(&self, row: usize) -> bool {
        let r = &self.grid.rows[row];
        if r.filled < 2 && self.width > 2 {
            // A title over one group of columns, not over the first.
            let cells = self.grid.cells(row);
            return r.filled == 1
                && r.last > 1
                && self.has_width(row)
                && cells.first().is_some_and(|c| trim(&c.text).is_empty());
        }
        if self.is_key_and_value(row) {
            return false;
        }
        if self.width == 2 {
            return r.fields == 2;
        }
        (self.has_width(row) || self.names_more(row)) && !is_sentence(&self.grid.cells(row))
    }

    /// More names than most rows have fields: those leave their empty ends out.
    fn names_more(&self, row: usize) -> bool {
        let r = &self.grid.rows[row];
        let text = kinds(&self.grid.cells(row))
            .iter()
            .filter(|k| k.is_text())
            .count();
        usize::from(r.fields) > self.width
            && r.filled == r.fields
            && text * 10 >= usize::from(r.fields) * 8
    }

    /// Names for the first columns, under a line that names the others.
    fn names_the_rest(&self, top: usize, row: usize) -> bool {
        if row <= top || !self.is_key_and_value(row) || !self.names_columns(row - 1) {
            return false;
        }
        !self.overlap(row - 1, row)
    }

    /// Whether the upper row names groups of columns that the lower names each: words alone in
    /// the lower, and some of them where the upper has a gap behind a name.
    fn names_groups(&self, above: usize, below: usize) -> bool {
        let (above, below) = (self.grid.cells(above), self.grid.cells(below));
        let told = |c: &Field<'_>| !trim(&c.text).is_empty();
        let led = above.iter().position(told).unwrap_or(above.len());
        let fills = above
            .iter()
            .zip(&below)
            .skip(led)
            .any(|(a, b)| !told(a) && told(b));
        let words = below
            .iter()
            .filter(|c| told(c))
            .all(|c| kind(&c.text).is_text());
        fills && words
    }

    /// Whether any column has a value in both rows.
    fn overlap(&self, above: usize, below: usize) -> bool {
        let (above, below) = (self.grid.cells(above), self.grid.cells(below));
        let told = |c: &Field<'_>| !trim(&c.text).is_empty();
        above.iter().zip(&below).any(|(a, b)| told(a) && told(b))
    }

    /// Lines of names right above `first`.
    fn climb(&self, top: usize, first: usize) -> Range<usize> {
        let mut start = first;
        while start > top
            && first - start < HEADER_MOST
            && (start == first
                || self.grid.rows[start - 1].fields == self.grid.rows[first - 1].fields)
            && (self.names_columns(start - 1) || self.names_the_rest(top, start - 1))
            && (start == first || !self.is_remark_above(start - 1))
        {
            start -= 1;
        }
        if start == first && first > top && self.is_names_otherwise(first - 1) {
            start -= 1;
        }
        // Not a single full one: lines of a preamble.
        let full = (start..first)
            .any(|r| self.is_full(r) || usize::from(self.grid.rows[r].filled) * 2 >= self.width);
        if full || self.is_names_otherwise(start) {
            start..first
        } else {
            first..first
        }
    }

    /// Whether a line that begins with `#` is a sentence, or of another length than the rows: no
    /// line of names.
    fn is_remark(&self, row: usize) -> bool {
        self.is_hashed(row)
            && (usize::from(self.grid.rows[row].fields) != self.width
                || is_sentence(&self.grid.cells(row)))
    }

    /// The same above a line of names, which it is none of if only one of the two begins so.
    fn is_remark_above(&self, row: usize) -> bool {
        self.is_hashed(row) && (!self.is_hashed(row + 1) || self.is_remark(row))
    }

    /// Whether a line below a full line of names is a row with words where values should be
    /// (`Abbey,suppressed`), rather than a second line of names: it has a text of its own in a
    /// column of texts, where a line of units or types has none.
    fn is_row_after_all(&self, row: usize) -> bool {
        const TYPES: [&[u8]; 10] = [
            b"text",
            b"string",
            b"str",
            b"char",
            b"varchar",
            b"name",
            b"label",
            b"code",
            b"object",
            b"category",
        ];
        let names = self.grid.cells(row - 1);
        let mut seen = HashSet::new();
        let named = names.len() == self.width
            && names.iter().all(|c| {
                let name = trim(&c.text);
                kind(name).is_text() && seen.insert(name.to_ascii_lowercase())
            });
        if !named || usize::from(self.grid.rows[row].filled) != self.width {
            return false;
        }
        let cells = self.grid.cells(row);
        cells.len() == self.width
            && cells.iter().zip(&self.shapes).any(|(cell, shape)| {
                let text = trim(&cell.text).to_ascii_lowercase();
                let units = text.first().is_some_and(|b| b"([{%".contains(b));
                !shape.is_typed() && shape.total() > 0 && !units && !TYPES.contains(&&text[..])
            })
    }

    /// A line that gives as many names as there are columns under another delimiter.
    fn is_names_otherwise(&self, row: usize) -> bool {
        let record = self.grid.record(row);
        let mut cells = self.grid.cells(row);
        if cells.len() != 1 || self.width < 3 {
            return false;
        }
        let syntax = Syntax {
            width: self.width,
            ..self.grid.syntax.clone()
        };
        let mut seen = HashSet::new();
        fit_names(record, &syntax, &mut cells)
            && cells
                .iter()
                .all(|c| seen.insert(c.text.to_ascii_lowercase()))
    }

    /// Lines above a full one that name groups of its columns.
    fn climb_groups(&self, top: usize, head: usize) -> usize {
        let mut start = head;
        while start > top
            && head - start < HEADER_MOST - 1
            && self.names_columns(start - 1)
            && self.has_gaps(start - 1)
        {
            start -= 1;
        }
        start
    }

    fn has_gaps(&self, row: usize) -> bool {
        let r = &self.grid.rows[row];
        usize::from(r.filled) < self.width && r.last > 1
    }

    /// A full line of text, and a blank line between it and the rows.
    fn across_a_gap(&self, from: usize, core: &Range<usize>, first: usize) -> Option<usize> {
        if first != core.start {
            return None;
        }
        let above = (from..first)
            .rev()
            .find(|r| self.grid.rows[*r].filled > 0)?;
        let text = kinds(&self.grid.cells(above))
            .iter()
            .filter(|k| k.is_text())
            .count();
        let padded =
            (above + 1..first).all(|r| usize::from(self.grid.rows[r].fields) == self.width);
        let named = (first - above <= 3 || (padded && first - above <= 12))
            && self.has_width(above)
            && usize::from(self.grid.rows[above].filled) * 10 >= self.width * 7
            && text * 2 > self.width
            && !self.is_like_data(above);
        named.then_some(above)
    }

    /// Whether the row's numbers are years that name columns: those below are none.
    fn names_years(&self, row: usize) -> bool {
        if !self.counts_years(row) {
            return false;
        }
        let Some(below) = (row + 1..self.grid.rows.len()).find(|r| !self.grid.rows[*r].is_blank())
        else {
            return false;
        };
        let is_year = |text: &[u8]| {
            std::str::from_utf8(trim(text))
                .ok()
                .and_then(|t| t.parse::<i64>().ok())
                .is_some_and(|y| (1500..=2200).contains(&y))
        };
        let cells = self.grid.cells(below);
        let values = cells.iter().filter(|c| kind(&c.text).is_typed());
        !values.clone().all(|c| is_year(&c.text)) || values.count() == 0
    }

    /// Whether the row's numbers are years, each another one.
    pub(super) fn counts_years(&self, row: usize) -> bool {
        let mut years: Vec<i64> = Vec::new();
        for cell in self.grid.cells(row) {
            let text = trim(&cell.text);
            if kind(text) == Kind::Integer {
                let year = std::str::from_utf8(text).ok().and_then(|t| t.parse().ok());
                match year.filter(|y| (1500..=2200).contains(y)) {
                    Some(year) => years.push(year),
                    None => return false,
                }
            } else if kind(text) == Kind::Number {
                return false;
            }
        }
        let rises = years.windows(2).all(|w| w[0] < w[1]);
        let falls = years.windows(2).all(|w| w[0] > w[1]);
        years.len() >= 2 && (rises || falls)
    }

    /// `country,2019,2020`: numbers that count up evenly, unlike those below.
    fn is_series(&self, row: usize) -> bool {
        let steps = |row: usize| -> Option<(i64, i64, usize)> {
            let cells = self.grid.cells(row);
            let numbers: Vec<i64> = cells
                .iter()
                .skip_while(|c| !kind(&c.text).is_typed())
                .filter(|c| !trim(&c.text).is_empty())
                .map(|c| std::str::from_utf8(trim(&c.text)).ok()?.parse().ok())
                .collect::<Option<_>>()?;
            let step = numbers.get(1)?.checked_sub(numbers[0])?;
            let even = step != 0
                && numbers
                    .windows(2)
                    .all(|w| w[1].checked_sub(w[0]) == Some(step));
            even.then_some((numbers[0], step, numbers.len()))
        };
        let Some((first, step, count)) = steps(row) else {
            return false;
        };
        let below = row + 1 < self.grid.rows.len() && steps(row + 1).is_some();
        let years = (1500..=2200).contains(&first) && step.abs() <= 10;
        let cells = self.grid.cells(row);
        let led = cells.first().is_some_and(|c| !kind(&c.text).is_typed());
        !below && ((years && count >= 2 && led) || (count >= 4 && led))
    }
}
