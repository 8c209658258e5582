//! A sheet's rows as they stream by, and the value in each cell. Decides nothing about
//! columns: what a cell holds, and no more.

use std::io::Read;

use super::super::cells;
use super::serial::{Class, Moment, moment, push_moment};
use super::workbook::{Strings, rich_text};
use super::xml::{Attributes, Event, Xml, attribute, unescape_controls};
use super::{MAX_COLUMNS, MAX_ROWS};
use crate::error::{ConvertError, Result};

/// Most text in one row, unescaped.
const LONGEST_ROW: usize = 64 << 20;

/// How a cell says its content is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Bool,
    Error,
    /// In the row's own text.
    Text,
    /// A number of a shared text.
    Shared,
    Iso,
}

/// A cell with something in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// From 0.
    pub column: u32,
    style: u32,
    kind: Kind,
    /// Where its text is in its row's.
    start: u32,
    end: u32,
}

/// A row, to be filled again and again.
#[derive(Debug, Default)]
pub(super) struct Row {
    /// As the sheet counts, from 1.
    pub number: u32,
    /// Those that hold something, from left to right.
    pub cells: Vec<Cell>,
    text: Vec<u8>,
}

/// What a cell holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(&'a str),
    /// `#N/A` and its kin.
    Error(&'a str),
    Moment(Moment),
}

/// All that is needed to tell a cell's value.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub strings: &'a Strings,
    pub classes: &'a [Class],
    pub is_1904: bool,
}

impl Row {
    /// The value of a cell of this row.
    #[inline]
    pub(super) fn value<'a>(&'a self, cell: &Cell, context: Context<'a>) -> Result<Value<'a>> {
        let bytes = &self.text[cell.start as usize..cell.end as usize];
        Ok(match cell.kind {
            Kind::Shared => {
                let index = whole(bytes).and_then(|i| usize::try_from(i).ok());
                match index.and_then(|i| context.strings.get(i)) {
                    Some(text) => Value::Text(text),
                    None => {
                        return Err(
                            self.malformed(cell, "a shared text that the workbook does not have")
                        );
                    }
                }
            }
            Kind::Text => Value::Text(self.utf8(cell, bytes)?),
            Kind::Number => {
                let class = match context.classes.get(cell.style as usize) {
                    Some(class) => *class,
                    None => Class::Number,
                };
                let number = match whole(bytes) {
                    Some(int) => Value::Int(int),
                    None => float(self.utf8(cell, bytes)?),
                };
                if class == Class::Number {
                    return Ok(number);
                }
                let serial = match number {
                    Value::Int(int) => int as f64,
                    Value::Float(float) => float,
                    other => return Ok(other),
                };
                match moment(serial, class, context.is_1904) {
                    Moment::None => number,
                    moment => Value::Moment(moment),
                }
            }
            Kind::Bool => match bytes {
                b"1" | b"true" => Value::Bool(true),
                b"0" | b"false" => Value::Bool(false),
                other => Value::Text(self.utf8(cell, other)?),
            },
            Kind::Error => Value::Error(self.utf8(cell, bytes)?),
            Kind::Iso => {
                let text = self.utf8(cell, bytes)?;
                iso(text).map_or(Value::Text(text), Value::Moment)
            }
        })
    }

    fn utf8<'a>(&self, cell: &Cell, bytes: &'a [u8]) -> Result<&'a str> {
        std::str::from_utf8(bytes).map_err(|_| self.malformed(cell, "text that is not UTF-8"))
    }

    fn malformed(&self, cell: &Cell, detail: &str) -> ConvertError {
        self.at(cell.column, detail)
    }

    fn at(&self, column: u32, detail: &str) -> ConvertError {
        ConvertError::Malformed {
            line: u64::from(self.number),
            column: u64::from(column) + 1,
            detail: detail.to_owned(),
        }
    }
}

impl Value<'_> {
    /// The value without what only Excel knows, which becomes text in `scratch`.
    #[inline]
    pub(super) fn cell<'b>(&'b self, scratch: &'b mut Vec<u8>) -> cells::Value<'b> {
        match self {
            Value::Int(n) => cells::Value::Int(*n),
            Value::Float(n) => cells::Value::Float(*n),
            Value::Bool(b) => cells::Value::Bool(*b),
            Value::Text(text) | Value::Error(text) => cells::Value::Text(text),
            Value::Moment(Moment::Date(days)) => cells::Value::Date(*days),
            Value::Moment(Moment::DateTime(micros)) => cells::Value::DateTime(*micros),
            Value::Moment(Moment::Time(micros)) => cells::Value::Time(*micros),
            Value::Moment(other) => {
                scratch.clear();
                push_moment(scratch, *other);
                cells::Value::Text(std::str::from_utf8(scratch).unwrap_or_default())
            }
        }
    }

    /// The text of a value where the column is text: what a person would call the raw value.
    pub(super) fn push_text(&self, out: &mut Vec<u8>) {
        match *self {
            Value::Moment(moment) => push_moment(out, moment),
            other => other.cell(&mut Vec::new()).push_text(out),
        }
    }
}

/// An integer that is written as one, and is exact as one.
#[inline]
fn whole(bytes: &[u8]) -> Option<i64> {
    let (negative, digits) = match bytes {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 19 {
        return None;
    }
    let mut n = 0u64;
    for b in digits {
        let d = b.wrapping_sub(b'0');
        if d > 9 {
            return None;
        }
        n = n * 10 + u64::from(d);
    }
    match (negative, n) {
        // Minus zero is a double of its own.
        (true, 0) => None,
        (true, n) => 0i64.checked_sub_unsigned(n),
        (false, n) => i64::try_from(n).ok(),
    }
}

/// Any other number. One without a fraction is an integer, as a spreadsheet has no way to
/// tell them apart; what is no number at all stays text.
fn float(text: &str) -> Value<'_> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let digits = text.trim_ascii();
    match digits.parse::<f64>() {
        // An integer with more digits than a double has: no spreadsheet wrote it, and none of
        // its digits is for us to drop.
        Ok(n) if is_integer(digits) && n.to_string() != digits => Value::Text(text),
        Ok(n) if n.is_finite() => {
            if n.fract() == 0.0 && n.abs() <= EXACT && (n != 0.0 || n.is_sign_positive()) {
                Value::Int(n as i64)
            } else {
                Value::Float(n)
            }
        }
        _ => Value::Text(text),
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() > 15 && digits.bytes().all(|b| b.is_ascii_digit())
}

/// `2026-01-31T12:00:00.5Z` as strict workbooks may hold it.
fn iso(text: &str) -> Option<Moment> {
    const UNIX: jiff::civil::Date = jiff::civil::date(1970, 1, 1);
    let days = |date: jiff::civil::Date| (date - UNIX).get_days();
    let micros = |time: jiff::civil::Time| {
        let whole = (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60
            + i64::from(time.second());
        let fraction = time.subsec_nanosecond();
        (fraction % 1000 == 0).then_some(whole * 1_000_000 + i64::from(fraction) / 1000)
    };
    let plain = text.strip_suffix('Z').unwrap_or(text);
    if plain.contains('T') {
        let at: jiff::civil::DateTime = plain.parse().ok()?;
        Some(Moment::DateTime(
            i64::from(days(at.date())) * 86_400_000_000 + micros(at.time())?,
        ))
    } else if plain.contains(':') {
        micros(plain.parse().ok()?).map(Moment::Time)
    } else {
        Some(Moment::Date(days(plain.parse().ok()?)))
    }
}

/// The rows of a sheet, in order. Rows that hold nothing are left out, and so missed in the numbers.
pub(super) struct Rows<R> {
    doc: Xml<R>,
    begun: bool,
    ended: bool,
    last: u32,
    /// Last row and column that the sheet says it has, from 1. Not to be relied on.
    pub dimension: Option<(u32, u32)>,
    pub formulas: u64,
    /// Formulas whose result the workbook does not hold.
    pub unresolved: u64,
    pub hidden_rows: u64,
    /// Known at the end.
    pub merged: u64,
}

impl<R: Read> Rows<R> {
    pub(super) fn new(source: R, sheet: &str) -> Self {
        Rows {
            doc: Xml::new(source, format!("sheet {sheet:?}")),
            begun: false,
            ended: false,
            last: 0,
            dimension: None,
            formulas: 0,
            unresolved: 0,
            hidden_rows: 0,
            merged: 0,
        }
    }

    pub(super) fn source(&self) -> &R {
        self.doc.source()
    }

    fn begin(&mut self) -> Result<()> {
        self.begun = true;
        loop {
            match self.doc.next()? {
                Event::Open {
                    name: b"dimension",
                    attributes,
                    ..
                } => {
                    let last = attribute(attributes, b"ref")
                        .and_then(|r| r.split(|b| *b == b':').next_back());
                    self.dimension = last.and_then(reference);
                }
                Event::Open {
                    name: b"sheetData",
                    empty,
                    ..
                } => {
                    self.ended = empty;
                    if empty {
                        self.tail()?;
                    }
                    return Ok(());
                }
                Event::End => {
                    self.ended = true;
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    /// What stands behind the cells.
    fn tail(&mut self) -> Result<()> {
        self.ended = true;
        loop {
            match self.doc.next()? {
                Event::Open {
                    name: b"mergeCell", ..
                } => self.merged += 1,
                Event::End => return Ok(()),
                _ => {}
            }
        }
    }

    /// Fills `row` with the next row that holds something. False at the end, which was
    /// then seen: a sheet that is cut off is an error before that.
    pub(super) fn next(&mut self, row: &mut Row) -> Result<bool> {
        if !self.begun {
            self.begin()?;
        }
        row.cells.clear();
        row.text.clear();
        while !self.ended {
            match self.doc.next()? {
                Event::Open {
                    name: b"row",
                    attributes,
                    empty,
                } => {
                    let mut number = self.last + 1;
                    for (name, value) in Attributes::of(attributes) {
                        match name {
                            b"r" => number = digits(value).unwrap_or(0),
                            b"hidden" if matches!(value, b"1" | b"true") => self.hidden_rows += 1,
                            _ => {}
                        }
                    }
                    let detail = if number <= self.last {
                        "a row that does not come after the one before it"
                    } else if number > MAX_ROWS {
                        "a row past the last that a sheet can have"
                    } else {
                        ""
                    };
                    if !detail.is_empty() {
                        return Err(ConvertError::Malformed {
                            line: u64::from(number),
                            column: 1,
                            detail: detail.to_owned(),
                        });
                    }
                    self.last = number;
                    row.number = number;
                    if !empty {
                        self.cells(row)?;
                        if !row.cells.is_empty() {
                            return Ok(true);
                        }
                    }
                }
                Event::Open { empty: false, .. } => self.doc.skip()?,
                Event::Close(b"sheetData") => self.tail()?,
                Event::End => return Err(self.doc.broken("a sheet that is cut off")),
                _ => {}
            }
        }
        Ok(false)
    }

    /// The cells of the row that was just opened.
    fn cells(&mut self, row: &mut Row) -> Result<()> {
        let mut next = 0u32;
        let mut ordered = true;
        loop {
            match self.doc.next()? {
                Event::Open {
                    name: b"c",
                    attributes,
                    empty,
                } => {
                    let mut column = next;
                    let (mut style, mut kind) = (0, Kind::Number);
                    for (name, value) in Attributes::of(attributes) {
                        match name {
                            b"r" => column = column_of(value).unwrap_or(u32::MAX),
                            b"s" => style = digits(value).unwrap_or(0),
                            b"t" => {
                                kind = match value {
                                    b"s" => Kind::Shared,
                                    b"b" => Kind::Bool,
                                    b"e" => Kind::Error,
                                    b"str" | b"inlineStr" => Kind::Text,
                                    b"d" => Kind::Iso,
                                    _ => Kind::Number,
                                }
                            }
                            _ => {}
                        }
                    }
                    if column >= MAX_COLUMNS {
                        return Err(
                            row.at(next, "a cell past the last column that a sheet can have")
                        );
                    }
                    ordered &= column >= next;
                    next = column + 1;
                    if !empty {
                        self.content(row, column, style, kind)?;
                    }
                }
                Event::Close(b"row") => break,
                Event::Open { empty: false, .. } => self.doc.skip()?,
                Event::End => return Err(self.doc.broken("a sheet that is cut off")),
                _ => {}
            }
        }
        if !ordered {
            row.cells.sort_by_key(|c| c.column);
            if let Some(twice) = row.cells.windows(2).find(|w| w[0].column == w[1].column) {
                return Err(row.malformed(&twice[1], "a cell that is there twice"));
            }
        }
        Ok(())
    }

    /// What is in the cell that was just opened.
    #[inline]
    fn content(&mut self, row: &mut Row, column: u32, style: u32, kind: Kind) -> Result<()> {
        let start = row.text.len();
        let (mut filled, mut formula) = (false, false);
        loop {
            match self.doc.next()? {
                Event::Open {
                    name: b"v", empty, ..
                } => {
                    filled = true;
                    if !empty {
                        self.doc.text_into(&mut row.text)?;
                        if kind == Kind::Text {
                            unescape_controls(&mut row.text, start);
                        }
                    }
                }
                Event::Open {
                    name: b"is", empty, ..
                } => {
                    filled = true;
                    if !empty {
                        rich_text(&mut self.doc, &mut row.text)?;
                    }
                }
                Event::Open {
                    name: b"f", empty, ..
                } => {
                    self.formulas += 1;
                    formula = true;
                    if !empty {
                        self.doc.skip()?;
                    }
                }
                Event::Open { empty: false, .. } => self.doc.skip()?,
                Event::Close(b"c") => break,
                Event::End => return Err(self.doc.broken("a sheet that is cut off")),
                _ => {}
            }
        }
        if row.text.len() > LONGEST_ROW {
            return Err(row.at(column, "a row of more than 64 MiB of text"));
        }
        // An empty text is a value; an empty number is none.
        if !filled || (kind != Kind::Text && row.text.len() == start) {
            self.unresolved += u64::from(formula);
            row.text.truncate(start);
            return Ok(());
        }
        row.cells.push(Cell {
            column,
            style,
            kind,
            start: start as u32,
            end: row.text.len() as u32,
        });
        Ok(())
    }
}

#[inline]
fn digits(value: &[u8]) -> Option<u32> {
    match whole(value) {
        Some(n) => u32::try_from(n).ok(),
        None => None,
    }
}

/// `AB` of `AB12`, from 0.
#[inline]
fn column_of(reference: &[u8]) -> Option<u32> {
    let mut n = 0u32;
    for b in reference {
        match b {
            b'A'..=b'Z' => n = n * 26 + u32::from(b - b'A') + 1,
            b'a'..=b'z' => n = n * 26 + u32::from(b - b'a') + 1,
            b'$' => {}
            _ => break,
        }
        if n > MAX_COLUMNS {
            return None;
        }
    }
    n.checked_sub(1)
}

/// `AB12` as (12, 28).
fn reference(text: &[u8]) -> Option<(u32, u32)> {
    let column = column_of(text)?;
    let first = text.iter().position(u8::is_ascii_digit)?;
    let row = digits(&text[first..])?;
    (1..=MAX_ROWS).contains(&row).then_some((row, column + 1))
}
