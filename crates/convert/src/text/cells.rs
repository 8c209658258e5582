//! Takes the records of a chunk apart at speed: regular ones by their special bytes, 64 at
//! a time, every other by [`repair`]. Fields stay where they are in the chunk; what had to
//! be mended stands behind its text. Never looks at what a value means.

use std::collections::BTreeMap;

use super::cut::{Close, Odd, close, is_fast, plain_end};
use super::dialect::{Dialect, Escape};
use super::repair::{self, Field, Fitted, RecordEnd};

/// Whole records of a file, in one piece.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Its place among the file's chunks, from 0.
    pub number: u32,
    /// The records; mended fields behind them, once it is being split.
    pub text: Vec<u8>,
    /// How much of `text` is records.
    pub len: usize,
    pub odd: Vec<Odd>,
}

/// A field: where its text is, and whether it stood in quotes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cell {
    start: u32,
    /// The top bit says that it was quoted.
    end: u32,
}

const QUOTED: u32 = 1 << 31;
/// Text and what is mended in it must fit below [`QUOTED`].
pub(crate) const MOST_TEXT: usize = (QUOTED - 1) as usize;

impl Cell {
    #[inline(always)]
    fn new(start: usize, end: usize, quoted: bool) -> Self {
        Cell {
            start: start as u32,
            end: end as u32 | if quoted { QUOTED } else { 0 },
        }
    }

    #[inline(always)]
    pub(crate) fn start(self) -> usize {
        self.start as usize
    }

    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        ((self.end & !QUOTED) - self.start) as usize
    }

    #[inline(always)]
    pub(crate) fn quoted(self) -> bool {
        self.end & QUOTED != 0
    }

    #[inline(always)]
    pub(crate) fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..(self.end & !QUOTED) as usize]
    }
}

/// Some records of a chunk, each with as many cells as the table is wide.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub width: usize,
    /// Row by row.
    pub cells: Vec<Cell>,
    /// Line of each row in the chunk, from 0.
    pub lines: Vec<u32>,
    /// Where each row's record stands in the chunk.
    pub spans: Vec<(u32, u32)>,
}

impl Block {
    pub(crate) fn rows(&self) -> usize {
        self.lines.len()
    }

    fn clear(&mut self) {
        self.cells.clear();
        self.lines.clear();
        self.spans.clear();
    }

    /// Takes the rows out that are marked.
    pub(crate) fn remove(&mut self, out: &[bool]) {
        let width = self.width;
        let mut kept = 0;
        for (row, out) in out.iter().enumerate().take(self.lines.len()) {
            if *out {
                continue;
            }
            if kept != row {
                self.cells
                    .copy_within(row * width..(row + 1) * width, kept * width);
                self.lines[kept] = self.lines[row];
                self.spans[kept] = self.spans[row];
            }
            kept += 1;
        }
        self.cells.truncate(kept * width);
        self.lines.truncate(kept);
        self.spans.truncate(kept);
    }
}

/// How often something was mended, and where first: chunk and line in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mended {
    pub count: u64,
    pub first: Vec<(u32, u32)>,
}

/// What can be mended, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Mend {
    Fitted(Fitted),
    StrayQuote,
    EmptyLine,
    PageHeader,
}

pub(crate) type Mends = BTreeMap<Mend, Mended>;

const FIRST: usize = 5;

pub(crate) fn merge_mends(into: &mut Mends, from: Mends) {
    for (kind, mended) in from {
        let all = into.entry(kind).or_default();
        all.count += mended.count;
        all.first.extend(mended.first);
        all.first.sort_unstable();
        all.first.truncate(FIRST);
    }
}

/// Goes through chunks, block by block.
pub(crate) struct Splitter<'d> {
    dialect: &'d Dialect,
    width: usize,
    /// The delimiter where it is one byte and nothing is special about the text.
    plain: Option<u8>,
    quote: u8,
    at: usize,
    line: u32,
    odd: usize,
    pub mends: Mends,
    mended: Vec<u8>,
}

/// Cells in a block: with their text they stay in a core's own cache.
const CELLS: usize = 24 << 10;

impl<'d> Splitter<'d> {
    pub(crate) fn new(dialect: &'d Dialect) -> Self {
        let syntax = &dialect.syntax;
        Splitter {
            dialect,
            width: dialect.names.len(),
            plain: is_fast(syntax).then(|| syntax.delimiter.first().copied().unwrap_or(b'\n')),
            quote: syntax.quote.unwrap_or(b'\n'),
            at: 0,
            line: 0,
            odd: 0,
            mends: Mends::new(),
            mended: Vec::new(),
        }
    }

    /// Begins a chunk.
    pub(crate) fn begin(&mut self) {
        self.at = 0;
        self.line = 0;
        self.odd = 0;
    }

    /// Line ends gone through in this chunk.
    pub(crate) fn lines(&self) -> u32 {
        self.line
    }

    /// Fills `block` with the next rows; false once the chunk has no more.
    pub(crate) fn block(&mut self, chunk: &mut Chunk, block: &mut Block) -> bool {
        block.width = self.width;
        block.clear();
        let most = (CELLS / self.width.max(1)).max(16);
        while self.at < chunk.len && block.rows() < most {
            match self.plain {
                Some(delimiter) => self.regular(chunk, block, most, delimiter),
                None => self.careful(chunk, block),
            }
        }
        block.rows() > 0
    }

    fn mend(&mut self, kind: Mend, chunk: &Chunk, line: u32) {
        let entry = self.mends.entry(kind).or_default();
        entry.count += 1;
        if entry.first.len() < FIRST {
            entry.first.push((chunk.number, line));
        }
    }

    /// Position of the next record that does not end as the plain rule says.
    fn next_odd(&self, chunk: &Chunk) -> usize {
        chunk
            .odd
            .get(self.odd)
            .map_or(usize::MAX, |o| o.start as usize)
    }

    /// Regular records, until the block is full, the chunk ends, or one is not regular.
    fn regular(&mut self, chunk: &mut Chunk, block: &mut Block, most: usize, delimiter: u8) {
        let dialect = self.dialect;
        let syntax = &dialect.syntax;
        let (quote, has_quote, cr_ends) = (self.quote, syntax.quote.is_some(), syntax.cr_ends);
        let special = Special::new(delimiter, quote, cr_ends);
        let (end, width) = (chunk.len, self.width);
        let odd = self.next_odd(chunk);
        let looks_closer = self.dialect.page_header.is_some();
        // Of the record: where it begins, its line, its first cell. `start` is the field's.
        let (mut record, mut record_line, mut first) = (self.at, self.line, block.cells.len());
        let (mut start, mut line) = (record, record_line);
        let mut base = record;
        let mut mask = special.mask(&chunk.text[..end], base);
        while record < end && record != odd && block.lines.len() < most {
            while mask == 0 && base + 64 < end {
                base += 64;
                mask = special.mask(&chunk.text[..end], base);
            }
            // The end of the last chunk ends its record, too.
            let (at, byte) = if mask == 0 {
                base = end;
                (end, b'\n')
            } else {
                let at = base + mask.trailing_zeros() as usize;
                mask &= mask - 1;
                (at, chunk.text[at])
            };
            if at < start {
                continue; // Behind a quoted field's opening, or the LF of a CRLF.
            }
            let cell;
            let mut next = at + 1;
            if byte == delimiter && byte != b'\n' {
                block.cells.push(Cell::new(start, at, false));
                start = next;
                continue;
            } else if byte == b'\n' {
                let mut stop = at;
                while stop > start && !cr_ends && chunk.text[stop - 1] == b'\r' {
                    stop -= 1;
                }
                cell = Cell::new(start, stop, false);
            } else if byte == b'\r' && cr_ends {
                cell = Cell::new(start, at, false);
                next += usize::from(chunk.text[..end].get(next) == Some(&b'\n'));
            } else if !has_quote {
                continue;
            } else if at != start {
                if chunk.text[start..at].iter().all(|b| *b == b' ') {
                    break; // Whether the spaces belong to the value is not for here.
                }
                continue; // Inside an unquoted field it is text.
            } else {
                let Close::Regular(closing) = close(&chunk.text[..end], at, quote, syntax) else {
                    break;
                };
                let inner = &chunk.text[at + 1..closing];
                line += breaks(inner, cr_ends);
                if syntax.escape == Escape::Doubled && memchr::memchr(quote, inner).is_some() {
                    let from = chunk.text.len();
                    undouble(&mut chunk.text, at + 1, closing, quote);
                    cell = Cell::new(from, chunk.text.len(), true);
                } else if syntax.escape == Escape::Backslash
                    && memchr::memchr(b'\\', inner).is_some()
                {
                    break;
                } else {
                    cell = Cell::new(at + 1, closing, true);
                }
                next = closing + 2;
                if next > base + 64 {
                    base = (next - 1).min(end);
                    mask = special.mask(&chunk.text[..end], base);
                }
                match chunk.text[..end].get(closing + 1) {
                    Some(&byte) if byte == delimiter && byte != b'\n' => {
                        block.cells.push(cell);
                        start = next;
                        continue;
                    }
                    Some(b'\r') => {
                        next += usize::from(chunk.text[..end].get(next) == Some(&b'\n'));
                    }
                    _ => {}
                }
            }
            block.cells.push(cell);
            let next = next.min(end);
            if block.cells.len() - first == width
                && !(looks_closer && self.is_page_header(chunk, record, next))
            {
                block.lines.push(record_line);
                block.spans.push((record as u32, next as u32));
            } else if block.cells.len() - first == 1 && cell.len() == 0 && !cell.quoted() {
                // A blank line is no row of a table of several columns.
                block.cells.truncate(first);
                self.mend(Mend::EmptyLine, chunk, record_line);
            } else {
                break;
            }
            line += 1;
            (record, record_line, first) = (next, line, block.cells.len());
            start = next;
        }
        block.cells.truncate(first);
        self.at = record;
        self.line = record_line;
        if record < end && block.lines.len() < most {
            self.careful(chunk, block);
        }
    }

    /// Whether the header stands here once more.
    fn is_page_header(&self, chunk: &Chunk, record: usize, next: usize) -> bool {
        let text = &chunk.text[record..next];
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        self.dialect.page_header.as_deref() == Some(text)
    }

    /// One record, whatever it is like.
    fn careful(&mut self, chunk: &mut Chunk, block: &mut Block) {
        let dialect = self.dialect;
        let syntax = &dialect.syntax;
        let start = self.at;
        let found = if self.next_odd(chunk) == start {
            let odd = chunk.odd[self.odd];
            self.odd += 1;
            RecordEnd {
                end: odd.end as usize,
                next: odd.next as usize,
            }
        } else {
            plain_end(&chunk.text[..chunk.len], start, syntax)
        };
        let RecordEnd { end, next } = found;
        let line = self.line;
        self.line += breaks(&chunk.text[start..end], syntax.cr_ends) + 1;
        self.at = next.max(start + 1);
        let record = &chunk.text[start..end];
        if self.dialect.page_header.as_deref() == Some(record) {
            return self.mend(Mend::PageHeader, chunk, line);
        }
        let blank = |b: &u8| matches!(b, b' ' | b'\t') && syntax.delimiter.first() != Some(b);
        if self.width > 1 && record.iter().all(blank) {
            return self.mend(Mend::EmptyLine, chunk, line);
        }
        let mut fields: Vec<Field<'_>> = Vec::with_capacity(self.width);
        let seen = repair::split(record, syntax, &mut fields);
        let fitted = if fields.len() == self.width {
            Fitted::Regular
        } else {
            repair::fit(record, dialect, &mut fields)
        };
        fields.resize(self.width, Field::NULL);
        self.mended.clear();
        let from = chunk.text.len();
        for field in &fields {
            let at = from + self.mended.len();
            self.mended.extend_from_slice(&field.text);
            block
                .cells
                .push(Cell::new(at, from + self.mended.len(), field.quoted));
        }
        chunk.text.extend_from_slice(&self.mended);
        block.lines.push(line);
        block.spans.push((start as u32, end as u32));
        if fitted != Fitted::Regular {
            self.mend(Mend::Fitted(fitted), chunk, line);
        }
        if seen.stray_quotes > 0 {
            self.mend(Mend::StrayQuote, chunk, line);
        }
    }
}

/// Lines that end inside a text.
fn breaks(text: &[u8], cr_ends: bool) -> u32 {
    let mut count = memchr::memchr_iter(b'\n', text).count();
    if cr_ends {
        count = 0;
        let mut from = 0;
        while let Some(i) = memchr::memchr2(b'\n', b'\r', &text[from..]) {
            count += 1;
            let at = from + i;
            from = at + 1 + usize::from(text[at] == b'\r' && text.get(at + 1) == Some(&b'\n'));
        }
    }
    count as u32
}

/// Puts `text[from..to]` behind the text, each pair of quotes as one.
fn undouble(text: &mut Vec<u8>, from: usize, to: usize, quote: u8) {
    let mut at = from;
    while let Some(i) = memchr::memchr(quote, &text[at..to]) {
        text.extend_from_within(at..at + i + 1);
        at += i + 2;
    }
    if at < to {
        text.extend_from_within(at..to);
    }
}

/// Finds the bytes that end fields and records.
#[derive(Clone, Copy)]
struct Special {
    needles: [u8; 4],
}

impl Special {
    fn new(delimiter: u8, quote: u8, cr_ends: bool) -> Self {
        let last = if cr_ends { b'\r' } else { b'\n' };
        Special {
            needles: [delimiter, quote, b'\n', last],
        }
    }

    /// A bit for each of the 64 bytes from `at` on; past the end there is none.
    #[inline(always)]
    fn mask(self, text: &[u8], at: usize) -> u64 {
        match text.get(at..).and_then(|t| t.first_chunk::<64>()) {
            Some(bytes) => self.of(bytes),
            None => self.end(&text[at.min(text.len())..]),
        }
    }

    #[cold]
    fn end(self, rest: &[u8]) -> u64 {
        let mut mask = 0;
        for (i, byte) in rest.iter().enumerate() {
            if self.needles.contains(byte) {
                mask |= 1 << i;
            }
        }
        mask
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn of(self, bytes: &[u8; 64]) -> u64 {
        use std::arch::x86_64::{
            _mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8,
        };
        let word = |at: usize| match bytes[at..].first_chunk::<8>() {
            Some(word) => i64::from_le_bytes(*word),
            None => 0,
        };
        let mut mask = 0u64;
        // SAFETY: every x86_64 has SSE2, and none of these touches memory.
        unsafe {
            let needles = self.needles.map(|n| _mm_set1_epi8(n as i8));
            for lane in 0..4 {
                let v = _mm_set_epi64x(word(lane * 16 + 8), word(lane * 16));
                let hit = _mm_or_si128(
                    _mm_or_si128(_mm_cmpeq_epi8(v, needles[0]), _mm_cmpeq_epi8(v, needles[1])),
                    _mm_or_si128(_mm_cmpeq_epi8(v, needles[2]), _mm_cmpeq_epi8(v, needles[3])),
                );
                mask |= u64::from(_mm_movemask_epi8(hit) as u16) << (lane * 16);
            }
        }
        mask
    }

    #[cfg(not(target_arch = "x86_64"))]
    #[inline(always)]
    fn of(self, bytes: &[u8; 64]) -> u64 {
        // The compiler turns the comparison of each lane into vector instructions.
        let mut mask = 0u64;
        for (i, byte) in bytes.iter().enumerate() {
            let hit = self.needles[0] == *byte
                || self.needles[1] == *byte
                || self.needles[2] == *byte
                || self.needles[3] == *byte;
            mask |= u64::from(hit) << i;
        }
        mask
    }
}
