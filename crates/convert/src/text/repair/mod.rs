//! The careful splitter: takes any record apart, whatever its quotes and its length, and
//! loses no text over it. Says what it mended; never decides what a column means.

mod fit;
mod fitted;
mod quotes;
mod record;

use std::borrow::Cow;

use memchr::memchr;

use super::dialect::Syntax;
use quotes::{
    Unclosed, behind, closing, delimiter_length, field_start, find_delimiter, trim_spaces,
    undoubled, unescaped,
};

pub(crate) use fit::{fit, fit_columns, fit_names};
pub(crate) use fitted::Fitted;
#[cfg(test)]
pub(crate) use record::record_end;
pub(crate) use record::{Records, line_end};

/// One value of a record. A field without text is null where it is not `quoted`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    pub text: Cow<'a, [u8]>,
    pub quoted: bool,
}

impl Field<'_> {
    pub(crate) const NULL: Field<'static> = Field {
        text: Cow::Borrowed(b""),
        quoted: false,
    };

    fn is_null(&self) -> bool {
        self.text.is_empty() && !self.quoted
    }
}

/// What was mended in a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Quotes that opened and never closed, or stood inside quotes undoubled; kept as text.
    pub stray_quotes: u32,
}

/// Where a record ends: the end of its text, and the begin of the next record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordEnd {
    pub end: usize,
    pub next: usize,
}

/// Longest value in quotes, in bytes.
pub(crate) const QUOTED_LIMIT: usize = 16 << 20;

/// Takes a record (without its line end) apart. `out` is emptied first.
pub(crate) fn split<'a>(record: &'a [u8], syntax: &Syntax, out: &mut Vec<Field<'a>>) -> Seen {
    out.clear();
    if syntax.wrapped
        && let Some(inner) = unwrapped(record, syntax)
    {
        let plain = Syntax {
            wrapped: false,
            ..syntax.clone()
        };
        let mut fields = Vec::new();
        let seen = split(&inner, &plain, &mut fields);
        out.extend(fields.into_iter().map(|f| Field {
            text: Cow::Owned(f.text.into_owned()),
            quoted: f.quoted,
        }));
        return seen;
    }
    let lenient = walk(record, syntax, Reading::Lenient, out);
    if lenient.strays == 0 {
        return Seen::default();
    }
    let width = syntax.width;
    let mut seen = Seen {
        stray_quotes: lenient.strays,
    };
    let mut off = out.len().abs_diff(width);
    // Unknown width: a delimiter inside quotes that do not add up parts fields.
    if width == 0 {
        off = usize::from(lenient.swallowed);
    }
    for reading in [Reading::Nested, Reading::Strict] {
        if off == 0 {
            break;
        }
        let mut other = Vec::new();
        let walk = walk(record, syntax, reading, &mut other);
        let apart = match width {
            0 => usize::from(walk.swallowed),
            width => other.len().abs_diff(width),
        };
        if apart < off {
            off = apart;
            *out = other;
            seen.stray_quotes = walk.strays;
        }
    }
    seen
}

/// What is inside the quotes around a whole line.
fn unwrapped(record: &[u8], syntax: &Syntax) -> Option<Vec<u8>> {
    let quote = syntax.quote?;
    let mut body = record.trim_ascii();
    // A spreadsheet may have put empty fields behind it.
    while let Some(rest) = body.strip_suffix(syntax.delimiter.as_slice())
        && !syntax.delimiter.is_empty()
        && rest.contains(&quote)
    {
        body = rest;
    }
    let inner = body.strip_prefix(&[quote])?.strip_suffix(&[quote])?;
    Some(undoubled(inner, quote))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// A quote at a field's begin opens wherever one closes in the record; a bare quote on
    /// the way is text.
    Lenient,
    /// The same, but bare quotes are pairs: one that opens inside closes inside.
    Nested,
    /// It opens only where no bare quote stands on the way, else it is text itself.
    Strict,
}

#[derive(Default)]
struct Walk {
    strays: u32,
    /// Quotes that end a field which did not begin with one.
    dangling: u32,
    /// A delimiter stands inside quotes that do not add up.
    swallowed: bool,
}

fn walk<'a>(record: &'a [u8], syntax: &Syntax, reading: Reading, out: &mut Vec<Field<'a>>) -> Walk {
    out.clear();
    let mut walk = Walk::default();
    let end = record.len();
    let quote = syntax.quote.filter(|q| memchr(*q, record).is_some());
    let mut unclosed = Unclosed::default();
    let mut at = 0;
    if syntax.collapses {
        at = delimiter_length(record, 0, syntax);
        if at >= end {
            out.push(Field::NULL);
            return walk;
        }
    }
    loop {
        let mut taken = None;
        if let Some(quote) = quote {
            let start = field_start(record, at, end, quote, syntax);
            if record.get(start) == Some(&quote) {
                let found = match reading {
                    Reading::Nested => closing(record, start, quote, true, syntax, &mut Vec::new()),
                    _ => unclosed.closing(record, 0, start, quote, syntax),
                };
                let whole = found
                    .quote
                    .filter(|_| found.clean || reading != Reading::Strict);
                if let Some(close) = whole {
                    let inner = &record[start + 1..close];
                    if !found.clean {
                        walk.strays += 1;
                        walk.swallowed |=
                            find_delimiter(inner, 0, inner.len(), syntax) < inner.len();
                    }
                    taken = Some((unescaped(inner, quote, found.doubled, syntax), close + 1));
                } else {
                    walk.strays += 1;
                    taken = found
                        .pair
                        .map(|close| (Cow::Borrowed(&record[start + 1..close]), close + 1));
                }
            }
        }
        match taken {
            Some((text, after)) => {
                out.push(Field { text, quoted: true });
                at = behind(record, after, end, syntax);
            }
            None => {
                let to = find_delimiter(record, at, end, syntax);
                let mut text = &record[at..to];
                if syntax.trims {
                    text = trim_spaces(text);
                }
                if let Some(quote) = quote
                    && text.last() == Some(&quote)
                    && text.len() > 1
                    && text[0] != quote
                {
                    walk.dangling += 1;
                }
                out.push(Field {
                    text: Cow::Borrowed(text),
                    quoted: false,
                });
                at = to;
            }
        }
        if at >= end {
            return walk;
        }
        at += delimiter_length(record, at, syntax);
        if at >= end {
            if !syntax.collapses {
                out.push(Field::NULL);
            }
            return walk;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::dialect::Escape;

    fn syntax(width: usize) -> Syntax {
        Syntax {
            width,
            ..Syntax::default()
        }
    }

    fn fields(record: &str, syntax: &Syntax) -> Vec<String> {
        let mut out = Vec::new();
        split(record.as_bytes(), syntax, &mut out);
        out.iter()
            .map(|f| String::from_utf8_lossy(&f.text).into_owned())
            .collect()
    }

    /// All records of a text, split.
    fn records(text: &str, syntax: &Syntax) -> Vec<Vec<String>> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let end = record_end(&text.as_bytes()[at..], true, syntax).unwrap();
            out.push(fields(&text[at..at + end.end], syntax));
            assert!(end.next > 0);
            at += end.next;
        }
        out
    }

    #[test]
    fn regular_quotes_come_off() {
        assert_eq!(fields(r#"a,"b,c","d""e",,"""#, &syntax(5)).len(), 5);
        assert_eq!(
            fields(r#""a","b,c","d""e","""#, &syntax(4))[1..3],
            ["b,c", "d\"e"]
        );
        let mut out = Vec::new();
        split(br#","""#, &syntax(2), &mut out);
        assert!(out[0].is_null());
    }

    #[test]
    fn a_stray_opening_quote_is_text() {
        let s = syntax(3);
        assert_eq!(fields(r#""abc,1,2"#, &s), ["\"abc", "1", "2"]);
        assert_eq!(fields(r#"1,",2"#, &s), ["1", "\"", "2"]);
        assert_eq!(fields(r#""abc,"x, y",2"#, &s), ["\"abc", "x, y", "2"]);
        // In quotes already, it opens them twice.
        assert_eq!(fields(r#"""abc",1,2"#, &s), ["\"abc", "1", "2"]);
        assert_eq!(fields(r#"""ab, c",1,2"#, &s), ["\"ab, c", "1", "2"]);
        assert_eq!(fields(r#"1,""","x""#, &s), ["1", "\"", "x"]);
    }

    #[test]
    fn bare_quotes_inside_quotes_are_text() {
        let s = syntax(2);
        assert_eq!(
            fields(r#""he said "hi", and left",2"#, &s),
            ["he said \"hi\", and left", "2"]
        );
        assert_eq!(fields(r#""he said "hi"",2"#, &s), ["he said \"hi\"", "2"]);
        assert_eq!(fields(r#"5" pipe,2"#, &s), ["5\" pipe", "2"]);
        assert_eq!(fields(r#""abc"def,2"#, &s), ["\"abc\"def", "2"]);
    }

    #[test]
    fn quotes_hold_lines_where_they_add_up() {
        let s = syntax(3);
        let text = "1,\"two\nlines\",3\n4,5,\"six\nseven\"\n8,9,10\n";
        assert_eq!(
            records(text, &s),
            [
                ["1", "two\nlines", "3"],
                ["4", "5", "six\nseven"],
                ["8", "9", "10"]
            ]
        );
    }

    #[test]
    fn a_stray_quote_does_not_swallow_the_lines_below() {
        let s = syntax(3);
        let text = "1,2,3\n\"4,5,6\n7,8,9\n10,\"x, y\",12\n13,14,15\n";
        let rows = records(text, &s);
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[1], ["\"4", "5", "6"]);
        assert_eq!(rows[3], ["10", "x, y", "12"]);
        // Two strays that would make a pair.
        let rows = records("1,2,\"3\n4,5,6\n7,8,9\n10,11,12\"\n", &s);
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[3][2], "12\"");
        // The last line's.
        assert_eq!(records("1,2,3\n4,5,\"6", &s)[1], ["4", "5", "\"6"]);
    }

    #[test]
    fn very_many_quotes_that_only_open_are_looked_at_once() {
        for (line, count) in [
            ("\"x,\n", 300_000),
            ("\"\"x,1\n", 200_000),
            ("\"a \"\"b\"\",\"c\n", 100_000),
        ] {
            let text = line.repeat(count);
            let begun = std::time::Instant::now();
            let mut all = Records::of(text.as_bytes());
            let (mut at, mut rows) = (0, 0);
            while at < text.len() {
                at += all.end(at, true, &syntax(2)).unwrap().next;
                rows += 1;
            }
            assert_eq!(rows, count, "{line:?}");
            // By looking at each for each it would be hours.
            assert!(begun.elapsed().as_secs() < 60, "{line:?}");
        }
        let one = "\"x,".repeat(60_000);
        assert_eq!(fields(&one, &syntax(60_001)).len(), 60_001);
        let pairs = "\"x\"\",".repeat(60_000) + "\"y";
        assert_eq!(fields(&pairs, &syntax(60_001)).len(), 60_001);
    }

    #[test]
    fn what_is_known_of_quotes_changes_nothing() {
        let pieces = ["\"", "\"\"", ",", "\n", "x", " ", "\"x", "y\","];
        let mut dice = 7u64;
        for _ in 0..3_000 {
            let mut text = String::new();
            for _ in 0..24 {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(pieces[(dice >> 33) as usize % pieces.len()]);
            }
            let bytes = text.as_bytes();
            for width in [0, 2] {
                let syntax = syntax(width);
                let mut all = Records::of(bytes);
                let mut at = 0;
                while at < bytes.len() {
                    let end = all.end(at, true, &syntax).unwrap();
                    assert_eq!(
                        Some(end),
                        record_end(&bytes[at..], true, &syntax),
                        "{text:?}"
                    );
                    at += end.next;
                }
                let mut unclosed = Unclosed::default();
                for open in memchr::memchr_iter(b'"', bytes) {
                    let known = unclosed.closing(bytes, 0, open, b'"', &syntax);
                    let anew = closing(bytes, open, b'"', false, &syntax, &mut Vec::new());
                    assert_eq!(
                        (known.quote, known.pair),
                        (anew.quote, anew.pair),
                        "{text:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn other_syntaxes() {
        let spaced = Syntax {
            delimiter: b", ".to_vec(),
            width: 3,
            ..Syntax::default()
        };
        assert_eq!(fields(r#"a, "b, c", "#, &spaced), ["a", "b, c", ""]);
        let lined = Syntax {
            delimiter: b" ".to_vec(),
            collapses: true,
            width: 3,
            ..Syntax::default()
        };
        assert_eq!(fields("  1.5   20  \"a b\" ", &lined), ["1.5", "20", "a b"]);
        let slashed = Syntax {
            escape: Escape::Backslash,
            width: 2,
            ..Syntax::default()
        };
        assert_eq!(
            fields(r#""say \"x\", \\",2"#, &slashed),
            ["say \"x\", \\", "2"]
        );
        let wrapped = Syntax {
            wrapped: true,
            width: 3,
            ..Syntax::default()
        };
        assert_eq!(fields(r#""a,""b, c"",d""#, &wrapped), ["a", "b, c", "d"]);
        let bare = Syntax {
            quote: None,
            width: 2,
            ..Syntax::default()
        };
        assert_eq!(fields(r#""a,b""#, &bare), ["\"a", "b\""]);
        let trims = Syntax {
            trims: true,
            width: 3,
            ..Syntax::default()
        };
        assert_eq!(fields(r#"a ,  b,  "c, d" "#, &trims), ["a", "b", "c, d"]);
        let single = Syntax {
            delimiter: Vec::new(),
            width: 1,
            ..Syntax::default()
        };
        assert_eq!(fields(r#""a, b""#, &single), ["a, b"]);
    }

    #[test]
    fn line_ends_of_all_kinds() {
        let cr = Syntax {
            cr_ends: true,
            width: 2,
            ..Syntax::default()
        };
        assert_eq!(records("a,b\r1,2\r\n3,4\n5,6", &cr).len(), 4);
        let lf = syntax(2);
        assert_eq!(
            records("a,b\r\r\n1,2\r\n3,\"x\ry\"\n", &lf),
            [["a", "b"], ["1", "2"], ["3", "x\ry"]]
        );
        assert!(record_end(b"a,b", false, &lf).is_none());
        assert!(record_end(b"a,\"b\n", false, &lf).is_none());
        assert!(record_end(b"a,b\r", false, &cr).is_none());
    }
}
