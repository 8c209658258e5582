//! Stretches of a text, and how well its records and cells come out under one syntax.

use std::collections::HashSet;

use crate::text::dialect::Syntax;
use crate::text::dialect::cells::{Kind, kind};
use crate::text::repair::{Field, Records, line_end, split};

/// Bytes of a text that candidates are tried on, from its begin and from its middle.
const HEAD: usize = 96 << 10;
const MIDDLE: usize = 48 << 10;
pub(super) const RECORDS: usize = 1200;

/// Stretches of a text, each from a line's begin to a line's end.
pub(super) struct Sample<'t> {
    pub(super) parts: Vec<&'t [u8]>,
}

/// How the sample's records came out.
#[derive(Debug, Default)]
pub(super) struct Trial {
    pub records: usize,
    /// Neighbours of the same length, of two fields at least.
    pub pairs: usize,
    /// Records of the commonest length above 1, and that length.
    common: usize,
    pub width: usize,
    /// Sum and number of the cells' looks.
    quality: f32,
    pub cells: usize,
    /// Records of one cell that is a number or a time.
    typed_lines: usize,
    typed_cells: usize,
    /// Fields in quotes, all quotes in order; those of them with a delimiter inside.
    pub quoted: usize,
    pub enclosing: usize,
    pub strays: usize,
    /// Cells, empty ones too.
    pub fields: usize,
    /// Cells behind a delimiter, and those of them that begin with one space.
    behind: usize,
    spaced: usize,
    spaces: bool,
    /// The first record is of words alone, two or more and each another one.
    named: bool,
    /// Records of two fields or more, and those of them whose cells are short values: nothing
    /// with a space in it or before it.
    parted: usize,
    compact: usize,
}

impl Trial {
    /// Whether the fields are mostly values, under words or in several columns.
    pub(super) fn parts_values(&self) -> bool {
        self.typed_cells * 2 >= self.cells.saturating_sub(self.width)
            && self.typed_cells > 0
            && (self.named || self.width >= 3)
    }

    /// Rows of any length under a line of names: too uneven to stand out by it, and no prose
    /// all the same.
    pub(super) fn is_ragged_table(&self, syntax: &Syntax) -> bool {
        matches!(syntax.delimiter.as_slice(), b"," | b";" | b"\t" | b"|")
            && self.named
            && self.parted * 2 > self.records
            && self.compact == self.parted
    }

    pub(super) fn score(&self, prior: f32) -> f32 {
        if self.records == 0 {
            return 0.0;
        }
        let quality = if self.cells == 0 {
            0.5
        } else {
            self.quality / self.cells as f32
        };
        if self.width <= 1 {
            let typed = self.typed_lines as f32 / self.records as f32;
            return 0.4 * quality + if typed >= 0.8 { 0.2 } else { 0.0 };
        }
        let records = self.records as f32;
        let pairs = if self.records == 1 {
            1.0
        } else {
            self.pairs as f32 / (records - 1.0)
        };
        let consistency = pairs.max(0.8 * self.common as f32 / records);
        let breadth = 1.0 - 1.0 / (self.width as f32 + 1.0);
        // Words are parted by spaces in any text.
        let steady = self.width > 3 && pairs >= 0.9;
        let words = self.spaces && self.typed_cells * 4 < self.cells && !steady;
        // And commas by spaces, in prose, where they do not come in regular numbers.
        let prose =
            self.spaced * 10 > self.behind * 9 && self.typed_cells * 4 < self.cells && pairs < 0.9;
        let doubt = if words || prose { 0.5 } else { 1.0 };
        consistency * quality * breadth * prior * doubt
    }
}

impl<'t> Sample<'t> {
    pub(super) fn of(text: &'t [u8], cr_ends: bool) -> Self {
        let syntax = Syntax {
            cr_ends,
            ..Syntax::default()
        };
        let text = without_comments(text, &syntax);
        let upto = |from: usize, most: usize| -> &'t [u8] {
            let rest = &text[from..];
            if rest.len() <= most {
                return rest;
            }
            // To the end of the line that the limit falls in, if that is near.
            let end = line_end(rest, most, true, &syntax).map_or(most, |e| e.next);
            &rest[..if end > most * 4 { most } else { end }]
        };
        let mut parts = vec![upto(0, HEAD)];
        if text.len() > HEAD * 3 {
            let middle = text.len() / 2;
            if let Some(line) = line_end(text, middle, true, &syntax) {
                parts.push(upto(line.next, MIDDLE));
            }
        }
        Sample { parts }
    }

    pub(super) fn each(&self, syntax: &Syntax, mut see: impl FnMut(&[u8], &[Field<'_>], u32)) {
        let mut seen = 0;
        for (i, part) in self.parts.iter().enumerate() {
            let mut at = 0;
            let mut fields = Vec::new();
            let mut records = Records::of(part);
            while at < part.len() && seen < RECORDS * (i + 1) {
                let Some(end) = records.end(at, true, syntax) else {
                    break;
                };
                let record = &part[at..at + end.end];
                at += end.next;
                if record.trim_ascii().is_empty() {
                    continue;
                }
                let mended = split(record, syntax, &mut fields);
                see(record, &fields, mended.stray_quotes);
                seen += 1;
            }
        }
    }

    pub(super) fn trial(&self, syntax: &Syntax) -> Trial {
        let mut trial = Trial {
            spaces: syntax.delimiter == b" ",
            ..Trial::default()
        };
        let mut lengths: Vec<usize> = Vec::new();
        let mut before = 0;
        self.each(syntax, |_, fields, strays| {
            trial.records += 1;
            trial.strays += strays as usize;
            trial.fields += fields.len();
            let length = fields.len();
            trial.pairs += usize::from(length == before && length > 1);
            before = length;
            if lengths.len() <= length.min(4096) {
                lengths.resize(length.min(4096) + 1, 0);
            }
            lengths[length.min(4096)] += 1;
            let short = |f: &Field<'_>| {
                f.quoted || (!f.text.starts_with(b" ") && kind(&f.text) != Kind::Prose)
            };
            if length > 1 {
                trial.parted += 1;
                trial.compact += usize::from(fields.iter().all(short));
            }
            if trial.records == 1 {
                trial.named = length > 1 && are_names(fields);
            }
            for (i, field) in fields.iter().enumerate() {
                let kind = kind(&field.text);
                trial.behind += usize::from(i > 0);
                trial.spaced += usize::from(i > 0 && field.text.starts_with(b" "));
                trial.typed_lines += usize::from(length == 1 && kind.is_typed());
                trial.typed_cells += usize::from(kind.is_typed());
                if field.quoted {
                    trial.quoted += 1;
                    let inside = !syntax.delimiter.is_empty()
                        && memchr::memmem::find(&field.text, &syntax.delimiter).is_some();
                    trial.enclosing += usize::from(inside);
                }
                if kind != Kind::Empty {
                    trial.cells += 1;
                    trial.quality += quality(field, kind);
                }
            }
        });
        let common = lengths
            .iter()
            .enumerate()
            .skip(2)
            .max_by_key(|(i, n)| (**n, *i));
        (trial.width, trial.common) = common
            .filter(|(_, n)| **n > 0)
            .map_or((1, 0), |(width, n)| (width, *n));
        trial
    }
}

/// Words alone, each another one.
fn are_names(fields: &[Field<'_>]) -> bool {
    let mut seen = HashSet::new();
    fields
        .iter()
        .all(|f| kind(&f.text) == Kind::Word && seen.insert(f.text.to_ascii_lowercase()))
}

/// The text without the comments above and below: lines that begin with `#`. All of it where
/// such lines may be what it is made of.
fn without_comments<'t>(text: &'t [u8], syntax: &Syntax) -> &'t [u8] {
    // A comment, or nothing; and whether `#` stands by itself, as before a sentence.
    let comment = |line: &[u8]| -> Option<bool> {
        let line = line.trim_ascii();
        match line.strip_prefix(b"#") {
            Some(rest) => Some(rest.first().is_none_or(|b| b" #\t!".contains(b))),
            None => line.is_empty().then_some(true),
        }
    };
    let (mut apart, mut comments) = (true, 0);
    let mut see = |line: &[u8]| match comment(line) {
        Some(own) => {
            apart &= own;
            comments += 1;
            true
        }
        None => false,
    };
    let mut from = 0;
    while let Some(end) = line_end(text, from, false, syntax) {
        if !see(&text[from..end.end]) {
            break;
        }
        from = end.next;
    }
    let mut to = text.len();
    while to > from {
        let inner = text[from..to]
            .strip_suffix(b"\n")
            .unwrap_or(&text[from..to]);
        let inner = inner.strip_suffix(b"\r").unwrap_or(inner);
        let begin = memchr::memrchr2(b'\n', if syntax.cr_ends { b'\r' } else { b'\n' }, inner)
            .map_or(0, |i| i + 1);
        if !see(&inner[begin..]) {
            break;
        }
        to = from + begin;
    }
    let rest = &text[from..to];
    let rows = memchr::memchr2_iter(b'\n', if syntax.cr_ends { b'\r' } else { b'\n' }, rest)
        .take(comments + 2)
        .count();
    if rows >= 2 && (apart || rows >= comments) {
        rest
    } else {
        text
    }
}

/// How much a cell looks like a value, and like nothing that should have been parted.
fn quality(field: &Field<'_>, kind: Kind) -> f32 {
    if field.quoted {
        return 1.0;
    }
    let text = &field.text;
    match kind {
        Kind::Empty | Kind::Mark | Kind::Integer | Kind::Number | Kind::Date | Kind::Time => 1.0,
        Kind::Word | Kind::Code | Kind::Prose => {
            let (mut commas, mut parting, mut quotes) = (0, 0, 0);
            for b in text.iter() {
                match b {
                    b',' => commas += 1,
                    b';' | b'|' | b'\t' => parting += 1,
                    b'"' => quotes += 1,
                    _ => {}
                }
            }
            let dangling =
                quotes % 2 == 1 && (text.first() == Some(&b'"') || text.last() == Some(&b'"'));
            if dangling {
                0.25
            } else if parting > 0 {
                if parting > 2 { 0.3 } else { 0.45 }
            } else if commas > 0 {
                if commas > 2 { 0.4 } else { 0.65 }
            } else if kind == Kind::Prose {
                0.85
            } else {
                0.95
            }
        }
    }
}
