//! The records of a text under one syntax: where each begins, and how full it is. Cells are
//! taken apart again when someone wants to see them.

use memchr::memchr;

use super::Syntax;
use super::cells::{ColumnShape, Kind, kind, trim};
use crate::text::repair::{Field, Records, split};

/// One record. 20 bytes, since there may be millions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    /// Byte of the text where it begins, and its length without the line end.
    pub start: u32,
    pub length: u32,
    /// From 0, of the text.
    pub line: u32,
    pub fields: u16,
    /// Fields that are not blank.
    pub filled: u16,
    /// Up to and with the last of them: how wide the record is if the empty end is not counted.
    pub last: u16,
    /// A quote stands in it: an empty text in quotes is a value that somebody meant.
    pub quoted: bool,
}

impl Row {
    pub(crate) fn is_blank(&self) -> bool {
        self.filled == 0 && !self.quoted
    }
}

/// A text and its records.
pub(crate) struct Grid<'t> {
    pub text: &'t [u8],
    pub syntax: Syntax,
    pub rows: Vec<Row>,
}

impl<'t> Grid<'t> {
    /// All records of `text`, or the first `most`. `whole`: nothing follows, so that the
    /// last record is one even without a line end.
    pub(crate) fn new(text: &'t [u8], whole: bool, syntax: Syntax, most: usize) -> Self {
        let mut rows = Vec::new();
        let mut fields = Vec::new();
        let mut at = 0;
        let mut line = 0;
        let mut records = Records::of(text);
        while at < text.len() && rows.len() < most {
            let Some(end) = records.end(at, true, &syntax) else {
                break;
            };
            if !whole && at + end.next >= text.len() && !text.ends_with(b"\n") {
                break;
            }
            let record = &text[at..at + end.end];
            let quoted = syntax.quote.is_some_and(|q| memchr(q, record).is_some());
            let (count, filled, last) = measure(record, quoted, &syntax, &mut fields);
            rows.push(Row {
                start: at as u32,
                length: end.end as u32,
                line,
                fields: count,
                filled,
                last,
                quoted,
            });
            line += lines(&text[at..at + end.next], &syntax);
            at += end.next;
        }
        Grid { text, syntax, rows }
    }

    pub(crate) fn record(&self, row: usize) -> &'t [u8] {
        let Row { start, length, .. } = self.rows[row];
        &self.text[start as usize..(start + length) as usize]
    }

    pub(crate) fn cells(&self, row: usize) -> Vec<Field<'t>> {
        let mut out = Vec::new();
        split(self.record(row), &self.syntax, &mut out);
        out
    }

    /// What the columns look like in up to `most` of these rows, evenly spread; rows of
    /// another length than `width` are passed over.
    pub(crate) fn shapes(
        &self,
        rows: std::ops::Range<usize>,
        width: usize,
        most: usize,
    ) -> Vec<ColumnShape> {
        let mut shapes = vec![ColumnShape::default(); width];
        let fit: Vec<usize> = rows
            .filter(|r| usize::from(self.rows[*r].fields) == width && !self.rows[*r].is_blank())
            .collect();
        let step = (fit.len() / most.max(1)).max(1);
        for row in fit.into_iter().step_by(step) {
            for (shape, cell) in shapes.iter_mut().zip(self.cells(row)) {
                shape.add(kind(&cell.text), cell.text.len());
                if cell.quoted && memchr::memmem::find(&cell.text, &self.syntax.delimiter).is_some()
                {
                    shape.parted += 1;
                }
            }
        }
        shapes
    }
}

/// Line ends in a record and behind it.
fn lines(record: &[u8], syntax: &Syntax) -> u32 {
    let feeds = memchr::memchr_iter(b'\n', record).count();
    let returns = if syntax.cr_ends {
        memchr::memchr_iter(b'\r', record)
            .filter(|i| record.get(i + 1) != Some(&b'\n'))
            .count()
    } else {
        0
    };
    (feeds + returns) as u32
}

/// Fields, filled ones, and the place of the last filled one.
fn measure<'t>(
    record: &'t [u8],
    quoted: bool,
    syntax: &Syntax,
    fields: &mut Vec<Field<'t>>,
) -> (u16, u16, u16) {
    let short = |n: usize| n.min(usize::from(u16::MAX)) as u16;
    let (mut count, mut filled, mut last) = (0usize, 0usize, 0usize);
    let mut see = |value: &[u8]| {
        count += 1;
        if !trim(value).is_empty() {
            filled += 1;
            last = count;
        }
    };
    let [delimiter] = syntax.delimiter.as_slice() else {
        split(record, syntax, fields);
        fields.iter().for_each(|f| see(&f.text));
        return (short(count), short(filled), short(last));
    };
    if !syntax.is_plain() || quoted && !regular(record, *delimiter, syntax, &mut see) {
        (count, filled, last) = (0, 0, 0);
        split(record, syntax, fields);
        for field in fields.iter() {
            count += 1;
            if !trim(&field.text).is_empty() {
                filled += 1;
                last = count;
            }
        }
    } else if !quoted {
        let mut from = 0;
        for at in memchr::memchr_iter(*delimiter, record) {
            see(&record[from..at]);
            from = at + 1;
        }
        see(&record[from..]);
    }
    (short(count), short(filled), short(last))
}

/// Shows the fields of a record whose quotes are all in order, escapes still in them; false
/// where they are not.
fn regular(record: &[u8], delimiter: u8, syntax: &Syntax, see: &mut impl FnMut(&[u8])) -> bool {
    let Some(quote) = syntax.quote else {
        return false;
    };
    let mut at = 0;
    loop {
        if record.get(at) == Some(&quote) {
            let mut close = at + 1;
            loop {
                match memchr::memchr(quote, &record[close..]) {
                    None => return false,
                    Some(i) if record.get(close + i + 1) == Some(&quote) => close += i + 2,
                    Some(i) => {
                        close += i;
                        break;
                    }
                }
            }
            see(&record[at + 1..close]);
            at = close + 1;
        } else {
            let end =
                memchr::memchr2(delimiter, quote, &record[at..]).map_or(record.len(), |i| at + i);
            if record.get(end) == Some(&quote) {
                return false;
            }
            see(&record[at..end]);
            at = end;
        }
        match record.get(at) {
            None => return true,
            Some(b) if *b == delimiter => at += 1,
            Some(_) => return false,
        }
        if at == record.len() {
            see(b"");
            return true;
        }
    }
}

/// The kinds of a record's cells.
pub(crate) fn kinds(cells: &[Field<'_>]) -> Vec<Kind> {
    cells.iter().map(|c| kind(&c.text)).collect()
}
