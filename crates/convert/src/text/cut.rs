//! Where a stretch of text can be cut between two records. Looks at quotes and line ends
//! only, so that it keeps ahead of any number of splitters; never takes a record apart.
//!
//! A plain rule finds a record's end from its own bytes. Where quotes leave doubt,
//! [`repair::Records`] decides, and what it decides otherwise than the plain rule is
//! noted as [`Odd`], so that every later reading of the same bytes finds the same records.

use memchr::{memchr, memchr2, memrchr, memrchr2};

use super::dialect::{Escape, Syntax};
use super::repair::{self, QUOTED_LIMIT, RecordEnd};

/// A record that ends elsewhere than the plain rule says. Positions are of the chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Odd {
    pub start: u32,
    pub end: u32,
    pub next: u32,
}

/// Whether the fast splitter is made for this syntax: one byte or none between fields, and
/// nothing trimmed, joined or wrapped.
pub(crate) fn is_fast(syntax: &Syntax) -> bool {
    syntax.is_plain()
        || (syntax.delimiter.is_empty() && !syntax.trims && !syntax.collapses && !syntax.wrapped)
}

/// The end of the line that holds `from`; the text's end, where no line ends.
fn line_end(text: &[u8], from: usize, syntax: &Syntax) -> RecordEnd {
    let all = RecordEnd {
        end: text.len(),
        next: text.len(),
    };
    repair::line_end(text, from, true, syntax).unwrap_or(all)
}

/// The begin of the line that holds `at`, not before `from`.
fn line_begin(text: &[u8], from: usize, at: usize, syntax: &Syntax) -> usize {
    let before = &text[from..at];
    let found = if syntax.cr_ends {
        memrchr2(b'\n', b'\r', before)
    } else {
        memrchr(b'\n', before)
    };
    found.map_or(from, |i| from + i + 1)
}

/// Where the spaces before `at` begin, not before `from`.
fn past_spaces(text: &[u8], from: usize, mut at: usize, syntax: &Syntax) -> usize {
    while at > from && text[at - 1] == b' ' && syntax.delimiter.first() != Some(&b' ') {
        at -= 1;
    }
    at
}

/// How a quoted field ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Close {
    /// At this quote, and a delimiter or a line end follows.
    Regular(usize),
    /// At this quote, but text follows.
    Behind(usize),
    /// Not in this text.
    Open,
}

/// The end of the quoted field that opens at `open`.
#[inline]
pub(crate) fn close(text: &[u8], open: usize, quote: u8, syntax: &Syntax) -> Close {
    let mut from = open + 1;
    loop {
        let Some(found) = memchr(quote, &text[from..]) else {
            return Close::Open;
        };
        let at = from + found;
        let next = text.get(at + 1).copied();
        let ends = match next {
            None | Some(b'\n') => true,
            Some(b'\r') => syntax.cr_ends || text.get(at + 2) == Some(&b'\n'),
            Some(byte) => syntax.delimiter.first() == Some(&byte),
        };
        match syntax.escape {
            Escape::Doubled if next == Some(quote) => from = at + 2,
            // Spaces, or a CR, and then the field's end: not for a plain rule to say.
            Escape::None if matches!(next, Some(b' ' | b'\r')) && !ends => {
                return Close::Behind(at);
            }
            Escape::None if !ends => from = at + 1,
            Escape::Backslash => {
                let slashes = text[open + 1..at]
                    .iter()
                    .rev()
                    .take_while(|b| **b == b'\\')
                    .count();
                if slashes % 2 == 1 {
                    from = at + 1;
                } else if ends {
                    return Close::Regular(at);
                } else {
                    return Close::Behind(at);
                }
            }
            _ if ends => return Close::Regular(at),
            _ => return Close::Behind(at),
        }
    }
}

/// The end of the record at `start` by the plain rule: quotes that open a field are
/// followed to their end, and whatever is odd about one ends with its line.
pub(crate) fn plain_end(text: &[u8], start: usize, syntax: &Syntax) -> RecordEnd {
    let Some(quote) = syntax.quote else {
        return line_end(text, start, syntax);
    };
    if !is_fast(syntax) {
        return even_end(text, start, quote, syntax);
    }
    let mut from = start;
    loop {
        let line = line_end(text, from, syntax);
        // Only the first quote of a field opens it.
        let mut opened = None;
        let mut look = from;
        while let Some(found) = memchr(quote, &text[look..line.end]) {
            let at = look + found;
            let before = past_spaces(text, start, at, syntax);
            if before == start || syntax.delimiter.first() == Some(&text[before - 1]) {
                opened = Some(at);
                break;
            }
            look = at + 1;
        }
        let Some(open) = opened else { return line };
        match close(text, open, quote, syntax) {
            Close::Regular(at) => from = at + 1,
            Close::Behind(at) => return line_end(text, at, syntax),
            Close::Open => return line,
        }
    }
}

/// The first line end with an even number of quotes before it.
fn even_end(text: &[u8], start: usize, quote: u8, syntax: &Syntax) -> RecordEnd {
    let mut odd = false;
    let mut from = start;
    loop {
        let line = line_end(text, from, syntax);
        let quotes = memchr::memchr_iter(quote, &text[from..line.end]).count();
        odd ^= quotes % 2 == 1;
        if !odd || line.next >= text.len() {
            return line;
        }
        from = line.next;
    }
}

/// Bytes behind a record with odd quotes that are looked at before it is believed to end.
const LOOKAHEAD: usize = 64 << 10;

/// How much of `text`, which begins with a record, is whole records: all of it with `last`,
/// 0 where more is needed to tell even one. What is odd in them goes to `odd`.
pub(crate) fn cut(text: &[u8], last: bool, syntax: &Syntax, odd: &mut Vec<Odd>) -> usize {
    odd.clear();
    let mut whole = 0;
    let mut from = 0;
    let mut records = repair::Records::of(text);
    if let Some(quote) = syntax.quote {
        while let Some(found) = memchr(quote, &text[from..]) {
            let at = from + found;
            if is_fast(syntax) {
                let begin = past_spaces(text, whole, at, syntax);
                let opens = begin == whole
                    || syntax.delimiter.first() == Some(&text[begin - 1])
                    || text[begin - 1] == b'\n'
                    || (syntax.cr_ends && text[begin - 1] == b'\r');
                if !opens {
                    from = at + 1;
                    continue;
                }
                if begin == at
                    && let Close::Regular(end) = close(text, at, quote, syntax)
                    && memchr2(b'\n', b'\r', &text[at + 1..end]).is_none()
                    && (end + 1 < text.len() || last)
                {
                    from = end + 1;
                    continue;
                }
            }
            let start = line_begin(text, whole, at, syntax);
            let Some(end) = records.end(start, last, syntax) else {
                return start;
            };
            let (end, next) = (start + end.end, start + end.next);
            // What was decided near the end of an unfinished text might be decided
            // otherwise with more of it.
            if text.len() - next < LOOKAHEAD && !last && text.len() < QUOTED_LIMIT {
                return start;
            }
            if plain_end(text, start, syntax) != (RecordEnd { end, next }) {
                odd.push(Odd {
                    start: start as u32,
                    end: end as u32,
                    next: next as u32,
                });
            }
            whole = next;
            from = next;
        }
    }
    if last {
        return text.len();
    }
    // The CR at the very end may be half of a CRLF.
    let sure = text.len() - usize::from(syntax.cr_ends && text.ends_with(b"\r"));
    if sure <= whole {
        return whole;
    }
    line_begin(text, whole, sure, syntax)
}
