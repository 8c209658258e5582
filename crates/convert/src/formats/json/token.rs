//! The tokens of JSON, over bytes that hold whole values. Owns the grammar and the words
//! for what breaks it. Never recurses: depth is counted, not lived through. Never copies
//! a value, and never decides what type it is.
//!
//! Two things that strict JSON forbids are let through, since real files hold them and
//! nothing is lost by it: control characters inside strings, and the words `NaN`,
//! `Infinity` and `-Infinity` as numbers. Who profiles a file counts both.

use super::nest::Nest;

/// Deepest nesting that is read at all.
pub(crate) const MAX_DEPTH: usize = 1_000;

/// Longest key.
const KEY_BYTES: usize = 64 << 10;

/// What a value cannot be read for. `at` counts from the start of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub at: usize,
    pub kind: FaultKind,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultKind {
    /// Not JSON: where the next record begins can only be told where lines say so.
    Syntax,
    /// JSON, but without one faithful reading: the record is a reject.
    Value,
    /// Another type than was stated.
    Type,
}

pub(crate) type Parsed<T> = Result<T, Box<Fault>>;

#[cold]
pub(crate) fn fault<T>(at: usize, kind: FaultKind, detail: impl Into<String>) -> Parsed<T> {
    Err(Box::new(Fault {
        at,
        kind,
        detail: detail.into(),
    }))
}

/// A string between its quotes, as it stands in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    pub raw: &'a [u8],
    /// Holds a backslash: `raw` is not yet the value.
    pub escaped: bool,
    /// Holds a control character that should have been escaped.
    pub control: bool,
}

/// A number as it is spelled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Number<'a> {
    pub raw: &'a [u8],
    pub negative: bool,
    /// Digits before the point, and behind it.
    pub whole: usize,
    pub fraction: usize,
    pub exponent: bool,
    /// False for the words `NaN`, `Infinity` and `-Infinity`.
    pub finite: bool,
}

impl<'a> Number<'a> {
    pub(crate) fn text(&self) -> &'a str {
        // Only ASCII bytes are taken into a number.
        std::str::from_utf8(self.raw).unwrap_or_default()
    }

    pub(crate) fn is_integer(&self) -> bool {
        self.fraction == 0 && !self.exponent && self.finite
    }

    /// As a double. A word is infinite or no number; so is what is too large.
    pub(crate) fn double(&self) -> f64 {
        if self.finite {
            return self.text().parse().unwrap_or(f64::NAN);
        }
        match self.raw {
            b"Infinity" => f64::INFINITY,
            b"-Infinity" => f64::NEG_INFINITY,
            _ => f64::NAN,
        }
    }
}

/// How many bytes at the front need no escape: no quote, no backslash, no control
/// character. Eight bytes at a time: the lowest mark of the three tests is exact, and
/// only the lowest is used.
#[inline]
pub(crate) fn plain_run(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = 0;
    while let Some(eight) = bytes.get(at..at + 8) {
        let mut word = [0; 8];
        word.copy_from_slice(eight);
        let v = u64::from_le_bytes(word);
        let quote = v ^ (ONES * b'"' as u64);
        let slash = v ^ (ONES * b'\\' as u64);
        let marks = (v.wrapping_sub(ONES * 0x20) & !v)
            | (quote.wrapping_sub(ONES) & !quote)
            | (slash.wrapping_sub(ONES) & !slash);
        let marks = marks & HIGH;
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(b) = bytes.get(at) {
        if *b < 0x20 || *b == b'"' || *b == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
    /// Lets halves of characters pass: for finding where a reject ends.
    pub lax: bool,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor {
            bytes,
            at: 0,
            lax: false,
        }
    }

    #[inline]
    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(crate) fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    /// Takes `byte` if it comes next, whitespace before it apart.
    #[inline]
    pub(crate) fn take(&mut self, byte: u8) -> bool {
        if self.peek() != Some(byte) {
            self.space();
            if self.peek() != Some(byte) {
                return false;
            }
        }
        self.at += 1;
        true
    }

    /// The fault for what stands here where something else was wanted.
    #[cold]
    pub(crate) fn unexpected<T>(&self, wanted: &str) -> Parsed<T> {
        let rest = &self.bytes[self.at.min(self.bytes.len())..];
        let detail = match rest.first() {
            None => format!("the text ends where {wanted} was expected"),
            Some(b'/') if matches!(rest.get(1), Some(b'/' | b'*')) => {
                "a comment, which JSON does not have".to_owned()
            }
            Some(b'#') => "a comment, which JSON does not have".to_owned(),
            Some(b'\'') => "a single quote; JSON has double quotes only".to_owned(),
            Some(b']' | b'}') if self.after_comma() => "a comma with nothing after it".to_owned(),
            Some(b',') if self.after_comma() => "two commas without a value between".to_owned(),
            Some(_) => {
                let word: String = String::from_utf8_lossy(&rest[..rest.len().min(24)])
                    .chars()
                    .take_while(|c| !c.is_control())
                    .take(12)
                    .collect();
                match word.as_str() {
                    w if w.starts_with("None")
                        || w.starts_with("True")
                        || w.starts_with("False")
                        || w.starts_with("undefined") =>
                    {
                        format!("{w:?} is not JSON; it has null, true and false only")
                    }
                    w => format!("{w:?} where {wanted} was expected"),
                }
            }
        };
        fault(self.at, FaultKind::Syntax, detail)
    }

    fn after_comma(&self) -> bool {
        let before = self.bytes[..self.at].trim_ascii_end();
        before.last() == Some(&b',')
    }

    /// The string that begins here, checked to its end.
    #[inline]
    pub(crate) fn string(&mut self) -> Parsed<Text<'a>> {
        if self.peek() != Some(b'"') {
            return self.unexpected("a string");
        }
        let begin = self.at + 1;
        let mut text = Text {
            raw: &[],
            escaped: false,
            control: false,
        };
        let mut at = begin;
        loop {
            at += plain_run(&self.bytes[at..]);
            match self.bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    text.escaped = true;
                    at = self.escape(at)?;
                }
                Some(_) => {
                    text.control = true;
                    at += 1;
                }
                None => {
                    return fault(self.at, FaultKind::Syntax, "a string that is never closed");
                }
            }
        }
        text.raw = &self.bytes[begin..at];
        self.at = at + 1;
        Ok(text)
    }

    /// The end of the escape at `at`.
    fn escape(&self, at: usize) -> Parsed<usize> {
        match self.bytes.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
            Some(b'u') => {
                let unit = self.unit(at)?;
                match unit {
                    0xD800..=0xDBFF => {
                        let pair = self.bytes.get(at + 6..at + 8) == Some(br"\u");
                        match pair.then(|| self.unit(at + 6)) {
                            Some(Ok(0xDC00..=0xDFFF)) => Ok(at + 12),
                            _ if self.lax => Ok(at + 6),
                            _ => lone(at, unit),
                        }
                    }
                    0xDC00..=0xDFFF if !self.lax => lone(at, unit),
                    _ => Ok(at + 6),
                }
            }
            Some(b) => fault(
                at,
                FaultKind::Syntax,
                format!("\\{} is no escape of JSON", char::from(*b).escape_default()),
            ),
            None => fault(at, FaultKind::Syntax, "the text ends within an escape"),
        }
    }

    /// The four hexadecimal digits of the `\u` at `at`.
    fn unit(&self, at: usize) -> Parsed<u16> {
        match self.bytes.get(at + 2..at + 6).and_then(hex4) {
            Some(unit) => Ok(unit),
            None => fault(
                at,
                FaultKind::Syntax,
                "\\u without four hexadecimal digits after it",
            ),
        }
    }

    /// The number that begins here.
    #[inline]
    pub(crate) fn number(&mut self) -> Parsed<Number<'a>> {
        let begin = self.at;
        let mut at = begin;
        let negative = self.bytes.get(at) == Some(&b'-');
        at += usize::from(negative);
        let whole = digits(self.bytes, at);
        if whole == 0 {
            return self.word(negative);
        }
        if whole > 1 && self.bytes[at] == b'0' {
            return fault(begin, FaultKind::Syntax, "a number that begins with 0");
        }
        at += whole;
        let mut fraction = 0;
        if self.bytes.get(at) == Some(&b'.') {
            fraction = digits(self.bytes, at + 1);
            if fraction == 0 {
                return fault(begin, FaultKind::Syntax, "a number that ends in its point");
            }
            at += 1 + fraction;
        }
        let mut exponent = false;
        if let Some(b'e' | b'E') = self.bytes.get(at) {
            exponent = true;
            at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(at) {
                at += 1;
            }
            let power = digits(self.bytes, at);
            if power == 0 {
                return fault(begin, FaultKind::Syntax, "a number without its exponent");
            }
            at += power;
        }
        if let Some(b) = self.bytes.get(at)
            && (b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'_'))
        {
            return fault(
                begin,
                FaultKind::Syntax,
                "a number with something behind it",
            );
        }
        self.at = at;
        let raw = &self.bytes[begin..at];
        Ok(Number {
            raw,
            negative,
            whole,
            fraction,
            exponent,
            finite: true,
        })
    }

    #[cold]
    fn word(&mut self, negative: bool) -> Parsed<Number<'a>> {
        let rest = &self.bytes[self.at..];
        let words: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
        for word in words {
            if rest.starts_with(word) {
                self.at += word.len();
                let raw = &rest[..word.len()];
                return Ok(Number {
                    raw,
                    negative,
                    whole: 0,
                    fraction: 0,
                    exponent: false,
                    finite: false,
                });
            }
        }
        self.unexpected("a value")
    }

    /// Takes `word`, of which the first byte is known to be here.
    #[inline]
    pub(crate) fn literal(&mut self, word: &[u8]) -> Parsed<()> {
        if self.bytes[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        self.unexpected("a value")
    }

    /// Passes over the value that begins here, checking all of it; its bytes.
    pub(crate) fn skip(&mut self) -> Parsed<&'a [u8]> {
        let begin = self.at;
        let mut nest = Nest::default();
        loop {
            // A value begins here.
            self.space();
            match self.peek() {
                Some(b'{') => {
                    nest.push(true, self.at)?;
                    self.at += 1;
                    if !self.take(b'}') {
                        self.key()?;
                        continue;
                    }
                    nest.pop();
                }
                Some(b'[') => {
                    nest.push(false, self.at)?;
                    self.at += 1;
                    if !self.take(b']') {
                        continue;
                    }
                    nest.pop();
                }
                Some(b'"') => {
                    self.string()?;
                }
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => {
                    self.number()?;
                }
            }
            // And ends here.
            loop {
                let Some(object) = nest.top() else {
                    return Ok(&self.bytes[begin..self.at]);
                };
                if self.take(b',') {
                    if object {
                        self.space();
                        self.key()?;
                    }
                    break;
                }
                if !self.take(if object { b'}' } else { b']' }) {
                    return self.unexpected(if object {
                        "a comma or }"
                    } else {
                        "a comma or ]"
                    });
                }
                nest.pop();
            }
        }
    }

    /// A key and its colon; the cursor is on the value, or on whitespace before it.
    #[inline]
    pub(crate) fn key(&mut self) -> Parsed<Text<'a>> {
        if self.peek() != Some(b'"') {
            self.space();
            if self.peek() != Some(b'"') {
                return self.unexpected("a key in quotes");
            }
        }
        let begin = self.at;
        let key = self.string()?;
        if key.raw.len() > KEY_BYTES && !self.lax {
            return fault(begin, FaultKind::Value, "a key of more than 64 KiB");
        }
        if !self.take(b':') {
            return self.unexpected("a colon after the key");
        }
        Ok(key)
    }
}

#[cold]
fn lone<T>(at: usize, unit: u16) -> Parsed<T> {
    fault(
        at,
        FaultKind::Value,
        format!("\\u{unit:04X} is half of a character; its other half is missing"),
    )
}

pub(super) fn hex4(four: &[u8]) -> Option<u16> {
    four.iter().try_fold(0u16, |unit, b| {
        let digit = char::from(*b).to_digit(16)?;
        Some(unit << 4 | digit as u16)
    })
}

#[inline]
fn digits(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at - from
}

#[cfg(test)]
mod tests;
