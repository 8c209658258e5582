//! Where a record ends: at its line's end, unless quotes that add up hold the line break.

use memchr::{memchr, memchr2};

use super::quotes::{Unclosed, behind, delimiter_length, field_start, find_delimiter};
use super::{QUOTED_LIMIT, Reading, RecordEnd, walk};
use crate::text::dialect::Syntax;

/// Lines between an opening quote and its closing one that are looked at for whether they
/// are records of their own.
const LINES_JUDGED: usize = 16;

/// The end of the line that begins at `from`. None: `text` ends before it does.
pub(crate) fn line_end(text: &[u8], from: usize, last: bool, syntax: &Syntax) -> Option<RecordEnd> {
    let rest = &text[from..];
    let found = if syntax.cr_ends {
        memchr2(b'\n', b'\r', rest)
    } else {
        memchr(b'\n', rest)
    };
    let Some(at) = found else {
        return last.then(|| RecordEnd {
            end: from + without_cr(rest).len(),
            next: text.len(),
        });
    };
    if rest[at] == b'\n' {
        return Some(RecordEnd {
            end: from + without_cr(&rest[..at]).len(),
            next: from + at + 1,
        });
    }
    let next = match rest.get(at + 1) {
        Some(b'\n') => at + 2,
        Some(_) => at + 1,
        None if last => at + 1,
        None => return None,
    };
    Some(RecordEnd {
        end: from + at,
        next: from + next,
    })
}

/// The CR of a CRLF off, and the doubled one that some programs write.
fn without_cr(mut line: &[u8]) -> &[u8] {
    while let Some(rest) = line.strip_suffix(b"\r") {
        line = rest;
    }
    line
}

/// As [`Records::end`], of a text's first record.
#[cfg(test)]
pub(crate) fn record_end(text: &[u8], last: bool, syntax: &Syntax) -> Option<RecordEnd> {
    Records::of(text).end(0, last, syntax)
}

/// The records of one text, one after another, under one syntax.
pub(crate) struct Records<'t> {
    text: &'t [u8],
    unclosed: Unclosed,
}

impl<'t> Records<'t> {
    pub(crate) fn of(text: &'t [u8]) -> Self {
        Records {
            text,
            unclosed: Unclosed::default(),
        }
    }

    /// The end of the record that begins at `at`, counted from there. `last` says that nothing
    /// follows the text; none: more of it is needed (never with `last`, never once there are
    /// [`QUOTED_LIMIT`] bytes from `at` on with a line end among them).
    ///
    /// A quoted field may hold line breaks. A quote that opens and is not closed within
    /// [`QUOTED_LIMIT`] is text, and so is one whose own line and the lines up to the closing
    /// one are complete records by themselves: the record ends at its line then.
    pub(crate) fn end(&mut self, at: usize, last: bool, syntax: &Syntax) -> Option<RecordEnd> {
        end_of(&self.text[at..], at, last, syntax, &mut self.unclosed)
    }
}

fn end_of(
    text: &[u8],
    base: usize,
    last: bool,
    syntax: &Syntax,
    unclosed: &mut Unclosed,
) -> Option<RecordEnd> {
    let first = line_end(text, 0, last, syntax)?;
    let Some(quote) = syntax.quote else {
        return Some(first);
    };
    if syntax.wrapped || memchr(quote, &text[..first.end]).is_none() {
        return Some(first);
    }
    let last = last || text.len() >= QUOTED_LIMIT;
    let mut line = first;
    let mut line_start = 0;
    let mut at = 0;
    loop {
        let start = field_start(text, at, line.end, quote, syntax);
        if text.get(start) == Some(&quote) && start < line.end {
            let found = unclosed.closing(text, base, start, quote, syntax);
            let Some(close) = found.quote else {
                return last.then_some(first);
            };
            if close >= line.end {
                if line_start == 0 && is_stray(text, first, close, found.clean, last, syntax) {
                    return Some(first);
                }
                line_start = line_of(text, close, syntax);
                line = line_end(text, close, last, syntax)?;
            }
            at = behind(text, close + 1, line.end, syntax);
        } else {
            at = find_delimiter(text, at, line.end, syntax);
        }
        if at >= line.end {
            return Some(line);
        }
        at += delimiter_length(text, at, syntax);
        if at >= line.end {
            return Some(line);
        }
    }
}

/// Where the line of `at` begins.
fn line_of(text: &[u8], at: usize, syntax: &Syntax) -> usize {
    let head = &text[..at];
    let found = if syntax.cr_ends {
        memchr::memrchr2(b'\n', b'\r', head)
    } else {
        memchr::memrchr(b'\n', head)
    };
    found.map_or(0, |i| i + 1)
}

/// Whether a quote that opens in the first line, and would close at `close` in a later one,
/// is a stray one. `clean`: no bare quote stands between.
fn is_stray(
    text: &[u8],
    first: RecordEnd,
    close: usize,
    clean: bool,
    last: bool,
    syntax: &Syntax,
) -> bool {
    let opener = alone(&text[..first.end], syntax);
    let width = match syntax.width {
        // Nobody knows yet: the next line tells how long a record is.
        0 => match line_end(text, first.next, last, syntax) {
            Some(next) if first.next < text.len() => alone(&text[first.next..next.end], syntax).0,
            _ => opener.0,
        },
        width => width,
    };
    let complete = opener.0 == width && width >= 2;
    let closer_start = line_of(text, close, syntax);
    let closer_end = line_end(text, close, true, syntax).map_or(text.len(), |e| e.end);
    let closer = alone(&text[closer_start..closer_end], syntax);
    // The quote that seemed to close has an opening one of its own, in its own line.
    if closer.1 && (complete || (closer.0 == width && width >= 2) || (!clean && width <= 1)) {
        return true;
    }
    if !complete {
        return false;
    }
    let mut at = first.next;
    let mut between = 0;
    while at < closer_start && between < LINES_JUDGED {
        let Some(line) = line_end(text, at, last, syntax) else {
            break;
        };
        let (fields, regular) = alone(&text[at..line.end], syntax);
        if fields != width || !regular {
            return false;
        }
        between += 1;
        at = line.next;
    }
    between >= 2 || (between == 1 && width >= 3)
}

/// Fields of a line taken by itself, a quote that does not close in it being text; and
/// whether all of its quotes are in order.
fn alone(line: &[u8], syntax: &Syntax) -> (usize, bool) {
    let mut out = Vec::new();
    let walk = walk(line, syntax, Reading::Strict, &mut out);
    (out.len(), walk.strays == 0 && walk.dangling == 0)
}
