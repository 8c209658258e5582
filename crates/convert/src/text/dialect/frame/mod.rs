//! Where the tables of a text stand: what comes before the first, which lines name its
//! columns, where its rows end, what follows. Works on rows and looks; never on bytes.

mod bottom;
mod top;

pub(crate) use bottom::begins_note;

use std::collections::HashSet;
use std::ops::Range;

use super::Syntax;
use super::cells::{ColumnShape, kind, trim};
use super::rows::Grid;
use crate::text::repair::{Field, fit_columns};

/// Rows looked at for a header, and the most lines one has.
const TOP: usize = 120;
const HEADER_MOST: usize = 5;
/// Rows that shapes are taken from.
const SHAPED: usize = 400;

/// The begin of `rows` that holds nothing but delimiters, up to the last such record that
/// could be a row: a line without a delimiter is none where a table has several columns.
pub(crate) fn empty_rows(grid: &Grid<'_>, rows: Range<usize>, width: usize) -> Range<usize> {
    let blank = rows
        .clone()
        .take_while(|r| grid.rows[*r].is_blank())
        .filter(|r| grid.rows[*r].fields > 1 || width == 1)
        .last();
    rows.start..blank.map_or(rows.start, |last| last + 1)
}

/// One table, as ranges of a grid's rows: preamble, header, body and footnotes follow each
/// other, blank rows between them belonging to none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub preamble: Range<usize>,
    pub header: Range<usize>,
    pub body: Range<usize>,
    pub footnotes: Range<usize>,
    /// Fields of the commonest row.
    pub width: usize,
    pub shapes: Vec<ColumnShape>,
    /// How often the header stands again in the body, where it is a page's.
    pub pages: usize,
    pub why: Why,
}

/// What spoke for the header, or against one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// Text above columns of numbers or times.
    TextAboveValues,
    /// Years or numbers that count up, above values that do not.
    Series,
    /// Only text everywhere: the first full row is taken for names.
    OnlyText,
    /// The first row is like those below it.
    LikeTheRest,
    /// There is no row below.
    Alone,
    Told,
}

/// What the options say of a frame.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    /// Lines that name the columns.
    pub header: Option<usize>,
    /// `yes`, without a number.
    pub some_header: bool,
    /// Somebody said how many lines stand above the table: there is nothing else above it.
    pub at_top: bool,
    /// Somebody said that nothing stands below it.
    pub at_end: bool,
}

impl Frame {
    /// Rows of delimiters alone right above the body and, where it `ends_here`, below it;
    /// with `keeps`, they are taken into it. How many they are.
    pub(crate) fn edges(&mut self, grid: &Grid<'_>, keeps: bool, ends_here: bool) -> usize {
        let is_row = |r: &usize| grid.rows[*r].fields > 1 || self.width == 1;
        let top = if self.header.is_empty() {
            let blank = |r: &usize| grid.rows[*r].is_blank();
            let above = self.preamble.clone().rev().take_while(blank).last();
            above.unwrap_or(self.body.start)
        } else {
            self.header.end
        };
        // Empty texts in quotes are values: the rows begin with them.
        let begin = (top..self.body.start).find(|r| !grid.rows[*r].is_blank());
        self.body.start = begin.unwrap_or(self.body.start);
        let above = top..self.body.start.max(top);
        let below_end = if self.footnotes.is_empty() {
            grid.rows.len()
        } else {
            self.footnotes.start
        };
        let end = if ends_here { below_end } else { 0 };
        let below = empty_rows(grid, self.body.end..end.max(self.body.end), self.width);
        let count = above.clone().filter(is_row).count() + below.clone().filter(is_row).count();
        if keeps {
            self.body = above.start..below.end;
            if self.header.is_empty() {
                self.header = above.start..above.start;
            }
        }
        count
    }
}

impl Frame {
    /// Rows of delimiters alone above all that has a value, where names stand below them.
    pub(crate) fn empty_above(&self, grid: &Grid<'_>) -> usize {
        if self.header.is_empty() {
            return 0;
        }
        empty_rows(grid, self.preamble.clone(), self.width)
            .filter(|r| grid.rows[*r].fields > 1)
            .count()
    }
}

/// All tables of the grid, in order.
pub(crate) fn frames(grid: &Grid<'_>, told: Told) -> Vec<Frame> {
    let mut out = Vec::new();
    let mut from = 0;
    while let Some(frame) = frame(grid, from, told) {
        from = frame.footnotes.end.max(frame.body.end).max(from + 1);
        out.push(frame);
    }
    out
}

/// Rows from the first that is not blank to the last before a blank one.
fn block(grid: &Grid<'_>, from: usize) -> Option<Range<usize>> {
    let rows = &grid.rows;
    let start = (from..rows.len()).find(|r| !rows[*r].is_blank())?;
    let end = (start..rows.len())
        .find(|r| rows[*r].is_blank())
        .unwrap_or(rows.len());
    Some(start..end)
}

/// The commonest of `values` above zero; the larger of two.
fn mode(values: impl Iterator<Item = u16>) -> usize {
    let mut counts: Vec<usize> = Vec::new();
    for value in values {
        let value = usize::from(value);
        if counts.len() <= value {
            counts.resize(value + 1, 0);
        }
        counts[value] += 1;
    }
    counts
        .iter()
        .enumerate()
        .skip(1)
        .max_by_key(|(value, n)| (**n, *value))
        .filter(|(_, n)| **n > 0)
        .map_or(0, |(value, _)| value)
}

/// The block that the next table's rows are in: the first with at least three rows of two
/// values or more, unless it is a list of keys and values above a wider table.
fn core(grid: &Grid<'_>, from: usize) -> Option<Range<usize>> {
    let first = block(grid, from)?;
    let whole = first.start..grid.rows.len();
    let strong = |rows: &Range<usize>| rows.clone().filter(|r| grid.rows[*r].filled >= 2).count();
    let mut at = first.start;
    let mut found: Option<Range<usize>> = None;
    while let Some(next) = block(grid, at) {
        at = next.end;
        let rows = strong(&next);
        if rows < 3 || rows * 3 < next.len() {
            // A table of one or two rows, where nothing larger comes at all.
            continue;
        }
        let width = mode(next.clone().map(|r| grid.rows[r].last));
        match &found {
            None => {
                let narrow = width <= 2 || !is_even(grid, &next);
                found = Some(next);
                if !narrow {
                    break;
                }
            }
            Some(keys) => {
                let lines =
                    !is_even(grid, keys) && is_even(grid, &next) && rows >= 2 * strong(keys);
                if lines || (width >= 2 && are_keys(grid, keys, rows >= strong(keys))) {
                    found = Some(next);
                }
                break;
            }
        }
    }
    Some(found.unwrap_or(whole))
}

/// Whether most of the rows are as wide as each other: a table's, not those of prose.
fn is_even(grid: &Grid<'_>, rows: &Range<usize>) -> bool {
    let usual = mode(rows.clone().map(|r| grid.rows[r].fields));
    let same = rows
        .clone()
        .filter(|r| usize::from(grid.rows[*r].fields) == usual)
        .count();
    same * 10 >= rows.len() * 6
}

/// Whether the rows are keys and values: each first cell ends in a colon, or, where it is
/// `likely` for what follows, is text beside values of no one kind.
fn are_keys(grid: &Grid<'_>, rows: &Range<usize>, likely: bool) -> bool {
    let first = |r: usize| {
        grid.cells(r)
            .first()
            .map_or(Vec::new(), |c| trim(&c.text).to_vec())
    };
    let keys = rows.clone().filter(|r| first(*r).ends_with(b":")).count();
    if keys * 10 >= rows.len() * 6 {
        return true;
    }
    let text = rows.clone().all(|r| kind(&first(r)).is_text());
    let beside = grid.shapes(rows.start + 1..rows.end, 2, SHAPED);
    likely && grid.rows[rows.end..].iter().any(|r| r.last >= 3) && text && !beside[1].is_typed()
}

/// The first table from row `from` on.
fn frame(grid: &Grid<'_>, from: usize, told: Told) -> Option<Frame> {
    let core = core(grid, from)?;
    let rows = &grid.rows;
    let width = mode(
        core.clone()
            .filter(|r| rows[*r].filled > 0)
            .map(|r| rows[r].fields),
    )
    .max(1);
    let mut table = Table::new(grid, width, core.clone());
    let core = table.with_rows_above(from, core);
    let (header, first, why) = if told.at_top && from == 0 {
        table.header_at_top(told)
    } else {
        table.header(from, &core, told)
    };
    let preamble = from..header.start.min(first);
    table.names_from(&header);
    let (mut stop, pages) = table.stop(first);
    let (mut body_end, mut footnotes) = table.footnotes(first, stop);
    if told.at_end {
        stop = rows.len();
        let last = (first..stop).rev().find(|r| !rows[*r].is_blank());
        body_end = last.map_or(first, |last| last + 1);
        footnotes = stop..stop;
    }
    let shapes = grid.shapes(first..body_end, width, SHAPED);
    Some(Frame {
        preamble,
        header,
        body: first..body_end,
        footnotes,
        width,
        shapes,
        pages,
        why,
    })
}

/// The end of the rows in a tail of the table that `frame` is the begin of, and the
/// footnotes behind them.
pub(crate) fn footnotes_of(
    grid: &Grid<'_>,
    frame: &Frame,
    columns: &[ColumnShape],
) -> (usize, Range<usize>) {
    let mut table = Table::new(grid, frame.width, 0..grid.rows.len());
    if columns.len() == frame.width {
        table.shapes = columns.to_vec();
    }
    table.footnotes(0, grid.rows.len())
}

/// A table while it is found.
struct Table<'g, 't> {
    grid: &'g Grid<'t>,
    width: usize,
    shapes: Vec<ColumnShape>,
    /// Text that stands in columns of values further down: `suppressed`, `c`.
    marks: HashSet<Vec<u8>>,
    /// Median of the filled fields of its rows.
    usual: usize,
    /// Lower case, blanks off.
    names: Vec<Vec<u8>>,
    /// The first and the whole record that names the columns.
    header_record: &'t [u8],
}

impl<'g, 't> Table<'g, 't> {
    fn new(grid: &'g Grid<'t>, width: usize, core: Range<usize>) -> Self {
        // The first rows may be a header; where there are enough others, those are asked.
        let skip = (core.len() / 2).min(6);
        let inner = core.start + skip..core.end;
        let shapes = grid.shapes(inner.clone(), width, SHAPED);
        let mut marks = HashSet::new();
        let step = (inner.len() / SHAPED).max(1);
        for row in inner.clone().step_by(step) {
            if usize::from(grid.rows[row].fields) != width {
                continue;
            }
            for (column, cell) in grid.cells(row).iter().enumerate() {
                if shapes[column].is_typed() && kind(&cell.text).is_text() && row >= core.start + 4
                {
                    marks.insert(trim(&cell.text).to_vec());
                }
            }
        }
        let mut filled: Vec<u16> = inner
            .map(|r| grid.rows[r].filled)
            .filter(|f| *f > 0)
            .collect();
        filled.sort_unstable();
        let usual = filled.get(filled.len() / 2).copied().unwrap_or(1);
        Table {
            grid,
            width,
            shapes,
            marks,
            usual: usize::from(usual),
            names: Vec::new(),
            header_record: b"",
        }
    }

    /// The rows with those taken in that stand above a gap and are of the table: as wide, full,
    /// and with values where its values are.
    fn with_rows_above(&self, from: usize, mut core: Range<usize>) -> Range<usize> {
        let rows = &self.grid.rows;
        if self.width < 2 || !self.has_types() {
            return core;
        }
        while let Some(last) = (from..core.start).rev().find(|r| !rows[*r].is_blank()) {
            let first = (from..=last)
                .rev()
                .take_while(|r| !rows[*r].is_blank())
                .last()
                .unwrap_or(last);
            let wide = (first..=last).all(|r| {
                usize::from(rows[r].fields) == self.width
                    && usize::from(rows[r].filled) * 10 >= self.width.min(self.usual.max(2)) * 6
            });
            if !wide || last == first || !self.is_like_data(last) {
                break;
            }
            core.start = first;
        }
        core
    }

    fn has_types(&self) -> bool {
        self.shapes.iter().any(|s| s.is_typed() && s.told() >= 2)
            || (self.shapes.iter().any(ColumnShape::is_typed)
                && self.shapes.iter().all(|s| s.total() <= 2))
    }

    /// Cells of a row in columns of values: those that fit, and those that do not. A row of
    /// another length is brought to the table's first.
    fn matches(&self, row: usize) -> (usize, usize) {
        let mut cells = self.grid.cells(row);
        self.mend(row, &mut cells);
        let (mut fit, mut unfit) = (0, 0);
        for (column, cell) in cells.iter().enumerate() {
            let Some(shape) = self.shapes.get(column).filter(|s| s.is_typed()) else {
                continue;
            };
            let text = trim(&cell.text);
            // A stray quote before a value.
            let text = match self.grid.syntax.quote {
                Some(quote) => text.strip_prefix(&[quote]).unwrap_or(text),
                None => text,
            };
            let kind = kind(text);
            let mark = text.len() == 1 || self.marks.contains(text);
            if kind.is_blank() || (kind.is_text() && mark) {
                continue;
            }
            if kind.is_typed() && shape.affinity(kind) >= 0.5 {
                fit += 1;
            } else {
                unfit += 1;
            }
        }
        (fit, unfit)
    }

    fn mend<'c>(&self, row: usize, cells: &mut Vec<Field<'c>>)
    where
        't: 'c,
    {
        if cells.len() != self.width && self.width > 1 {
            let syntax = Syntax {
                width: self.width,
                ..self.grid.syntax.clone()
            };
            fit_columns(self.grid.record(row), &syntax, &self.shapes, cells);
        }
    }

    fn is_like_data(&self, row: usize) -> bool {
        let (fit, unfit) = self.matches(row);
        let whole = usize::from(self.grid.rows[row].fields) == self.width;
        let typed = self.shapes.iter().filter(|s| s.is_typed()).count();
        if whole {
            fit > 0 && (unfit * 3 <= fit || (unfit <= fit && !self.counts_years(row)))
        } else {
            // Where it was mended, one value may be two.
            fit > 0 && unfit.saturating_sub(1) * 3 <= fit && fit * 2 >= typed
        }
    }

    /// Some values that fit, or none where values should be, and only marks or blanks there.
    fn could_be_data(&self, row: usize) -> bool {
        match self.matches(row) {
            (0, 0) => true,
            (0, _) => false,
            _ => !self.counts_years(row),
        }
    }

    /// Values in the first two columns only, of a wider table: `Date:,2019-01-01`.
    fn is_key_and_value(&self, row: usize) -> bool {
        let row = &self.grid.rows[row];
        self.width >= 4 && row.last <= 2 && self.usual >= 3
    }

    fn is_full(&self, row: usize) -> bool {
        let filled = usize::from(self.grid.rows[row].filled);
        filled * 10 >= self.width.min(self.usual.max(2)) * 6
    }

    /// A comment's mark at its begin; names may have one, too.
    fn is_hashed(&self, row: usize) -> bool {
        trim(self.grid.record(row)).starts_with(b"#")
    }

    fn has_width(&self, row: usize) -> bool {
        usize::from(self.grid.rows[row].fields).abs_diff(self.width) <= 1
    }
}

/// Text that was parted by the commas of a sentence.
fn is_sentence(cells: &[Field<'_>]) -> bool {
    cells.len() > 1
        && cells[1..]
            .iter()
            .filter(|c| c.text.starts_with(b" "))
            .count()
            * 2
            >= cells.len() - 1
}
