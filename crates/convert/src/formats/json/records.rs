//! Goes through the records of a chunk, and keeps apart what breaks the text from what
//! is one record's fault. The same for whoever profiles and whoever decodes, so that both
//! leave out the same records.

use std::collections::HashSet;

use super::raw::unescape;
use super::split::{Chunk, Layout};
use super::token::{Cursor, Fault, FaultKind, Parsed, fault};

/// What one record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    /// An object, its keys the columns.
    Object,
    /// An array, its elements the columns by their place.
    List,
    /// Any value: one column.
    Value,
}

pub(crate) trait Visit {
    /// Takes the record at the cursor, which is on its first byte.
    fn record(&mut self, cursor: &mut Cursor<'_>) -> Parsed<()>;

    /// The record that was taken is whole, and counts.
    fn keep(&mut self);

    /// The record from `begin` to `end` does not, nor what was taken of it.
    fn reject(&mut self, begin: usize, end: usize, fault: Fault);
}

/// What a chunk was besides its records.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    pub blank_lines: u64,
}

/// `careful` checks each record before it is taken: then what is rejected was never seen.
pub(crate) fn each(
    chunk: &Chunk,
    record: Record,
    careful: bool,
    visit: &mut impl Visit,
) -> Parsed<Passed> {
    let each = Each {
        bytes: &chunk.bytes,
        record,
        careful,
        utf8: std::str::from_utf8(&chunk.bytes).is_ok(),
        last: chunk.last,
    };
    match chunk.layout {
        Layout::Lines => each.lines(visit),
        Layout::Elements => each.elements(chunk.after_comma, visit),
        Layout::Values => each.values(visit),
    }
}

struct Each<'a> {
    bytes: &'a [u8],
    record: Record,
    careful: bool,
    utf8: bool,
    last: bool,
}

impl<'a> Each<'a> {
    fn lines(&self, visit: &mut impl Visit) -> Parsed<Passed> {
        let mut passed = Passed::default();
        let mut at = 0;
        while at < self.bytes.len() {
            let end = memchr::memchr(b'\n', &self.bytes[at..]).map_or(self.bytes.len(), |i| at + i);
            let mut cursor = Cursor {
                lax: false,
                bytes: &self.bytes[..end],
                at,
            };
            cursor.space();
            if cursor.at == end {
                passed.blank_lines += 1;
                at = end + 1;
                continue;
            }
            let begin = cursor.at;
            match self.line(begin, end, visit) {
                Ok(()) => visit.keep(),
                Err(fault) if fault.kind == FaultKind::Type => {
                    // Only if it would have been taken otherwise.
                    match self.check_line(begin, end) {
                        Ok(()) => return Err(fault),
                        Err(why) => visit.reject(begin, end, *why),
                    }
                }
                Err(mut fault) => {
                    if end == self.bytes.len() && self.last && fault.kind == FaultKind::Syntax {
                        fault.detail += "; the file may be cut short here";
                    }
                    visit.reject(begin, end, *fault);
                }
            }
            at = end + 1;
        }
        Ok(passed)
    }

    fn line(&self, begin: usize, end: usize, visit: &mut impl Visit) -> Parsed<()> {
        self.characters(begin, end)?;
        if self.careful {
            self.check_line(begin, end)?;
        }
        let mut cursor = Cursor {
            lax: false,
            bytes: &self.bytes[..end],
            at: begin,
        };
        visit.record(&mut cursor)?;
        at_end(&mut cursor)
    }

    fn check_line(&self, begin: usize, end: usize) -> Parsed<()> {
        let mut cursor = Cursor {
            lax: false,
            bytes: &self.bytes[..end],
            at: begin,
        };
        check(&mut cursor, self.record)?;
        at_end(&mut cursor)
    }

    fn elements(&self, after_comma: bool, visit: &mut impl Visit) -> Parsed<Passed> {
        let mut cursor = Cursor::new(self.bytes);
        cursor.space();
        if cursor.at == self.bytes.len() {
            return match after_comma {
                true => fault(
                    cursor.at,
                    FaultKind::Syntax,
                    "a comma with nothing after it",
                ),
                false => Ok(Passed::default()),
            };
        }
        loop {
            self.value(&mut cursor, visit)?;
            cursor.space();
            if cursor.at == self.bytes.len() {
                return Ok(Passed::default());
            }
            if !cursor.take(b',') {
                return cursor.unexpected("a comma");
            }
            cursor.space();
            if cursor.at == self.bytes.len() {
                return fault(
                    cursor.at,
                    FaultKind::Syntax,
                    "a comma with nothing after it",
                );
            }
        }
    }

    fn values(&self, visit: &mut impl Visit) -> Parsed<Passed> {
        let mut cursor = Cursor::new(self.bytes);
        loop {
            cursor.space();
            if cursor.at == self.bytes.len() {
                return Ok(Passed::default());
            }
            self.value(&mut cursor, visit)?;
        }
    }

    /// One value that the brackets delimit, so that the next is found even if this one
    /// is a reject.
    fn value(&self, cursor: &mut Cursor<'a>, visit: &mut impl Visit) -> Parsed<()> {
        let begin = cursor.at;
        if !self.utf8 {
            let end = end_of(cursor)?;
            if let Err(fault) = self.characters(begin, end) {
                visit.reject(begin, end, *fault);
                cursor.at = end;
                return Ok(());
            }
        }
        let outcome = match self.careful {
            true => check(&mut cursor.clone(), self.record),
            false => Ok(()),
        };
        let why = match outcome.and_then(|()| visit.record(cursor)) {
            Ok(()) => {
                visit.keep();
                return Ok(());
            }
            Err(fault) => match fault.kind {
                FaultKind::Syntax => return Err(fault),
                FaultKind::Value => fault,
                FaultKind::Type => {
                    let mut again = Cursor {
                        lax: false,
                        bytes: self.bytes,
                        at: begin,
                    };
                    match check(&mut again, self.record) {
                        Ok(()) => return Err(fault),
                        Err(why) if why.kind == FaultKind::Value => why,
                        Err(why) => return Err(why),
                    }
                }
            },
        };
        cursor.at = begin;
        let end = end_of(cursor)?;
        visit.reject(begin, end, *why);
        cursor.at = end;
        Ok(())
    }

    /// The bytes must be UTF-8.
    fn characters(&self, begin: usize, end: usize) -> Parsed<()> {
        if self.utf8 {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[begin..end]) {
            Ok(_) => Ok(()),
            Err(error) => {
                let at = begin + error.valid_up_to();
                let detail = format!("the byte 0x{:02X}, which is not UTF-8 here", self.bytes[at]);
                fault(at, FaultKind::Value, detail)
            }
        }
    }
}

fn at_end(cursor: &mut Cursor<'_>) -> Parsed<()> {
    cursor.space();
    if cursor.at == cursor.bytes.len() {
        return Ok(());
    }
    let mut detail = "something behind the value".to_owned();
    if cursor.peek() == Some(b',') {
        detail += ": a comma between lines is not NDJSON";
    }
    fault(cursor.at, FaultKind::Syntax, detail)
}

/// Where the value at the cursor ends, whatever is in its strings.
fn end_of(cursor: &Cursor<'_>) -> Parsed<usize> {
    let mut cursor = Cursor {
        lax: true,
        ..cursor.clone()
    };
    cursor.skip()?;
    Ok(cursor.at)
}

/// The fault for which a record is left out, whatever its types; none if it counts.
pub(crate) fn check(cursor: &mut Cursor<'_>, record: Record) -> Parsed<()> {
    let begin = cursor.at;
    match record {
        Record::Object => {
            if cursor.peek() != Some(b'{') {
                cursor.skip()?;
                return not_a(begin, cursor.bytes, record);
            }
            keys(cursor)
        }
        Record::List => {
            let list = cursor.peek() == Some(b'[');
            cursor.skip()?;
            if list {
                Ok(())
            } else {
                not_a(begin, cursor.bytes, record)
            }
        }
        Record::Value => cursor.skip().map(|_| ()),
    }
}

/// The fault for a record of another kind than the first.
#[cold]
pub(crate) fn not_a(at: usize, bytes: &[u8], record: Record) -> Parsed<()> {
    let seen = match bytes.get(at) {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b'n') => "null",
        Some(b't' | b'f') => "true or false",
        _ => "a number",
    };
    let wanted = match record {
        Record::Object => "objects",
        _ => "arrays",
    };
    fault(
        at,
        FaultKind::Value,
        format!("{seen}, where the other records are {wanted}"),
    )
}

fn keys(cursor: &mut Cursor<'_>) -> Parsed<()> {
    let mut seen = HashSet::new();
    cursor.at += 1;
    if cursor.take(b'}') {
        return Ok(());
    }
    let mut doubled = None;
    loop {
        cursor.space();
        let at = cursor.at;
        let key = cursor.key()?;
        let mut name = Vec::new();
        unescape(key.raw, &mut name);
        if !seen.insert(name) {
            doubled = doubled.or(Some((at, key.raw)));
        }
        cursor.skip()?;
        if cursor.take(b',') {
            continue;
        }
        if !cursor.take(b'}') {
            return cursor.unexpected("a comma or }");
        }
        return match doubled {
            Some((at, name)) => twice(at, name),
            None => Ok(()),
        };
    }
}

#[cold]
pub(crate) fn twice(at: usize, name: &[u8]) -> Parsed<()> {
    let name = String::from_utf8_lossy(&name[..name.len().min(60)]);
    fault(
        at,
        FaultKind::Value,
        format!("the key {name:?} occurs twice in one object"),
    )
}
