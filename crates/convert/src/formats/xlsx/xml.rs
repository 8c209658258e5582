//! XML as workbooks use it, taken apart as it streams by: tags, text and what is escaped
//! in it. Knows no schema, keeps no tree, follows no entity that a document declares.

use std::borrow::Cow;
use std::io::Read;

use memchr::{memchr, memchr2};

use crate::error::{ConvertError, Result};

/// Longest single tag or run of text. A cell holds 32,767 characters, which is less than
/// 1 MiB however they are escaped; other programs' are given room.
const LONGEST: usize = 16 << 20;
const BLOCK: usize = 256 << 10;

/// What comes next in a document. Names are without their prefix, text is still escaped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    Open {
        name: &'a [u8],
        attributes: &'a [u8],
        /// `<v/>`: no `Close` will follow.
        empty: bool,
    },
    Close(&'a [u8]),
    Text(&'a [u8]),
    /// Text that stands as it is.
    Raw(&'a [u8]),
    End,
}

/// A document that is read once, from front to back.
pub(super) struct Xml<R> {
    source: R,
    /// The part's name, for errors.
    what: String,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    dry: bool,
    begun: bool,
}

impl<R: Read> Xml<R> {
    pub(super) fn new(source: R, what: impl Into<String>) -> Self {
        Xml {
            source,
            what: what.into(),
            buffer: vec![0; BLOCK],
            at: 0,
            end: 0,
            dry: false,
            begun: false,
        }
    }

    pub(super) fn source(&self) -> &R {
        &self.source
    }

    pub(super) fn broken(&self, seen: impl Into<String>) -> ConvertError {
        ConvertError::Unreadable {
            what: format!("the workbook's {}", self.what),
            seen: seen.into(),
        }
    }

    /// Reads on, keeping what has not been handed out. False at the end.
    fn fill(&mut self) -> Result<bool> {
        if self.dry {
            return Ok(false);
        }
        if self.at > 0 {
            self.buffer.copy_within(self.at..self.end, 0);
            self.end -= self.at;
            self.at = 0;
        }
        if self.end == self.buffer.len() {
            if self.buffer.len() >= LONGEST {
                return Err(self.broken("a tag or a text of more than 16 MiB"));
            }
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.dry = true;
                    return Ok(false);
                }
                Ok(n) => {
                    self.end += n;
                    return Ok(true);
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(super::package::unpacking(&self.what, e)),
            }
        }
    }

    /// The place of `needle` at or after `from` bytes past the current place.
    fn find(&mut self, mut from: usize, needle: &[u8]) -> Result<Option<usize>> {
        loop {
            let rest = &self.buffer[self.at + from..self.end];
            let found = match needle {
                [one] => memchr(*one, rest),
                many => memchr::memmem::find(rest, many),
            };
            if let Some(i) = found {
                return Ok(Some(from + i));
            }
            from += rest.len().saturating_sub(needle.len() - 1);
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// The end of the tag that begins here: its `>`, those inside quotes left out.
    #[inline]
    fn tag_end(&mut self) -> Result<usize> {
        let mut from = 1;
        let mut quote = None;
        loop {
            let rest = &self.buffer[self.at + from..self.end];
            let found = match quote {
                Some(q) => memchr(q, rest),
                None => memchr::memchr3(b'>', b'"', b'\'', rest),
            };
            match found {
                None => {
                    from += rest.len();
                    if !self.fill()? {
                        return Err(self.broken("XML that ends inside a tag"));
                    }
                }
                Some(i) => {
                    let byte = rest[i];
                    from += i + 1;
                    match quote {
                        Some(_) => quote = None,
                        None if byte == b'>' => return Ok(from - 1),
                        None => quote = Some(byte),
                    }
                }
            }
        }
    }

    fn begin(&mut self) -> Result<()> {
        self.begun = true;
        while self.end < 4 && self.fill()? {}
        let head = &self.buffer[..self.end];
        if head.starts_with(b"\xEF\xBB\xBF") {
            self.at = 3;
        } else if head.starts_with(b"\xFF\xFE")
            || head.starts_with(b"\xFE\xFF")
            || head.contains(&0)
        {
            return Err(self.broken("XML that is not UTF-8"));
        }
        Ok(())
    }

    pub(super) fn next(&mut self) -> Result<Event<'_>> {
        if !self.begun {
            self.begin()?;
        }
        loop {
            if self.at == self.end && !self.fill()? {
                return Ok(Event::End);
            }
            if self.buffer[self.at] != b'<' {
                let length = self.find(0, b"<")?.unwrap_or(self.end - self.at);
                let text = self.at..self.at + length;
                self.at = text.end;
                return Ok(Event::Text(&self.buffer[text]));
            }
            while self.end - self.at < 2 {
                if !self.fill()? {
                    return Err(self.broken("XML that ends inside a tag"));
                }
            }
            match self.buffer[self.at + 1] {
                b'!' => {
                    while self.end - self.at < 9 && self.fill()? {}
                    let rest = &self.buffer[self.at..self.end];
                    let (skip, closing): (usize, &[u8]) = if rest.starts_with(b"<!--") {
                        (4, b"-->")
                    } else if rest.starts_with(b"<![CDATA[") {
                        (9, b"]]>")
                    } else {
                        // Declarations have no place here, and are how XML bombs are built.
                        return Err(self.broken("XML with a document type"));
                    };
                    let Some(length) = self.find(skip, closing)? else {
                        return Err(self.broken("XML that ends inside a comment"));
                    };
                    let inner = self.at + skip..self.at + length;
                    self.at += length + closing.len();
                    if skip == 9 {
                        return Ok(Event::Raw(&self.buffer[inner]));
                    }
                }
                b'?' => {
                    let Some(length) = self.find(2, b"?>")? else {
                        return Err(self.broken("XML that ends inside a declaration"));
                    };
                    let said = &self.buffer[self.at..self.at + length];
                    let encoding = attribute(said, b"encoding").map(<[u8]>::to_ascii_lowercase);
                    if encoding.is_some_and(|e| !matches!(&e[..], b"utf-8" | b"utf8" | b"us-ascii"))
                    {
                        return Err(self.broken("XML that is not UTF-8"));
                    }
                    self.at += length + 2;
                }
                b'/' => {
                    let length = self.tag_end()?;
                    let name = self.at + 2..self.at + length;
                    self.at += length + 1;
                    return Ok(Event::Close(local(self.buffer[name].trim_ascii_end())));
                }
                _ => {
                    let length = self.tag_end()?;
                    let tag = &self.buffer[self.at + 1..self.at + length];
                    self.at += length + 1;
                    let (tag, empty) = match tag.strip_suffix(b"/") {
                        Some(tag) => (tag, true),
                        None => (tag, false),
                    };
                    let split = tag
                        .iter()
                        .position(u8::is_ascii_whitespace)
                        .unwrap_or(tag.len());
                    return Ok(Event::Open {
                        name: local(&tag[..split]),
                        attributes: &tag[split..],
                        empty,
                    });
                }
            }
        }
    }

    /// Goes past the end of the element that was just opened.
    pub(super) fn skip(&mut self) -> Result<()> {
        let mut depth = 1u32;
        loop {
            match self.next()? {
                Event::Open { empty: false, .. } => depth += 1,
                Event::Close(_) if depth == 1 => return Ok(()),
                Event::Close(_) => depth -= 1,
                Event::End => return Err(self.broken("XML that ends inside an element")),
                _ => {}
            }
        }
    }

    /// Adds to `out`, unescaped, all text up to the end of the element just opened.
    pub(super) fn text_into(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let mut depth = 1u32;
        loop {
            match self.next()? {
                Event::Text(text) => unescape_into(text, out),
                Event::Raw(text) => out.extend_from_slice(text),
                Event::Open { empty: false, .. } => depth += 1,
                Event::Close(_) if depth == 1 => return Ok(()),
                Event::Close(_) => depth -= 1,
                Event::Open { .. } => {}
                Event::End => return Err(self.broken("XML that ends inside an element")),
            }
        }
    }
}

#[inline]
fn local(name: &[u8]) -> &[u8] {
    // Names are short: looking at each byte is quicker than setting out to search.
    match name.iter().position(|b| *b == b':') {
        Some(i) => &name[i + 1..],
        None => name,
    }
}

/// Each attribute of a tag: its name with prefix, its value still escaped.
pub(super) struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    pub(super) fn of(tag: &'a [u8]) -> Self {
        Attributes(tag)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.0.trim_ascii_start();
        let equals = rest.iter().position(|b| *b == b'=')?;
        let name = rest[..equals].trim_ascii_end();
        let value = rest[equals + 1..].trim_ascii_start();
        let quote = *value.first()?;
        if quote != b'"' && quote != b'\'' {
            return None;
        }
        let value = &value[1..];
        let end = value.iter().position(|b| *b == quote)?;
        self.0 = &value[end + 1..];
        Some((name, &value[..end]))
    }
}

/// One attribute, by its name without prefix.
pub(super) fn attribute<'a>(tag: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    Attributes::of(tag)
        .find(|(n, _)| local(n) == name)
        .map(|(_, v)| v)
}

/// One attribute as text.
pub(super) fn attribute_text(tag: &[u8], name: &[u8]) -> Option<String> {
    let value = attribute(tag, name)?;
    Some(String::from_utf8_lossy(&unescape(value)).into_owned())
}

pub(super) fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if memchr2(b'&', b'\r', text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    unescape_into(text, &mut out);
    Cow::Owned(out)
}

/// Entities become what they stand for; what is none stays. Line ends become LF, as XML
/// says: a carriage return that is meant is written `&#13;` or `_x000D_`.
pub(super) fn unescape_into(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some(i) = memchr2(b'&', b'\r', text) {
        out.extend_from_slice(&text[..i]);
        text = &text[i..];
        if text[0] == b'\r' {
            out.push(b'\n');
            text = text[1..].strip_prefix(b"\n").unwrap_or(&text[1..]);
            continue;
        }
        let end = text.iter().take(12).position(|b| *b == b';');
        match end.and_then(|end| Some((end, entity(&text[1..end])?))) {
            Some((end, c)) => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                text = &text[end + 1..];
            }
            None => {
                out.push(b'&');
                text = &text[1..];
            }
        }
    }
    out.extend_from_slice(text);
}

fn entity(name: &[u8]) -> Option<char> {
    Some(match name {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        _ => {
            let number = std::str::from_utf8(name.strip_prefix(b"#")?).ok()?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    })
}

/// `_x000D_` and the like, by which workbooks hold what XML cannot, taken back in place
/// from `from` on. Half a surrogate pair is no character, and stays as it is written.
pub(super) fn unescape_controls(text: &mut Vec<u8>, from: usize) {
    let Some(first) = memchr::memmem::find(&text[from..], b"_x") else {
        return;
    };
    let tail = text.split_off(from + first);
    let mut rest = &tail[..];
    while let Some(i) = memchr::memmem::find(rest, b"_x") {
        text.extend_from_slice(&rest[..i]);
        rest = &rest[i..];
        let (c, length) = match unit(rest) {
            Some(high @ 0xD800..=0xDBFF) => match unit(&rest[7..]) {
                Some(low @ 0xDC00..=0xDFFF) => {
                    let code =
                        0x10000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
                    (char::from_u32(code), 14)
                }
                _ => (None, 0),
            },
            Some(unit) => (char::from_u32(u32::from(unit)), 7),
            None => (None, 0),
        };
        match c {
            Some(c) => {
                text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[length..];
            }
            None => {
                text.push(b'_');
                rest = &rest[1..];
            }
        }
    }
    text.extend_from_slice(rest);
}

/// The UTF-16 unit that `_xHHHH_` at the start stands for.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.get(..7)?.strip_prefix(b"_x")?.strip_suffix(b"_")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(document: &[u8]) -> Result<Vec<String>> {
        // One byte at a time, so that every token is cut everywhere.
        struct Drip<'a>(&'a [u8]);
        impl Read for Drip<'_> {
            fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
                let n = self.0.len().min(1).min(out.len());
                out[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let mut xml = Xml::new(Drip(document), "test");
        let mut out = Vec::new();
        loop {
            let event = xml.next()?;
            let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
            out.push(match event {
                Event::Open {
                    name,
                    attributes,
                    empty,
                } => {
                    format!("<{}|{}|{empty}", text(name), text(attributes).trim())
                }
                Event::Close(name) => format!("/{}", text(name)),
                Event::Text(t) => format!("t{}", text(t)),
                Event::Raw(t) => format!("r{}", text(t)),
                Event::End => return Ok(out),
            });
        }
    }

    #[test]
    fn tokens_are_the_same_however_the_blocks_fall() {
        let document = b"\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"UTF-8\"?><!-- > --><x:a b='>' c=\"d\">t<e/><![CDATA[<&]]></x:a >";
        let expected = ["<a|b='>' c=\"d\"|false", "tt", "<e||true", "r<&", "/a"];
        assert_eq!(events(document).unwrap(), expected);
    }

    #[test]
    fn what_ends_too_early_or_declares_things_is_refused() {
        for document in [
            &b"<a"[..],
            b"<a b='",
            b"<!-- ",
            b"<![CDATA[ ]]",
            b"<?xml",
            b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            b"<?xml version='1.0' encoding='utf-16'?><a/>",
            b"\xFF\xFE<\0a\0",
        ] {
            assert!(
                events(document).is_err(),
                "{}",
                String::from_utf8_lossy(document)
            );
        }
    }

    #[test]
    fn escapes_are_taken_back_and_no_others() {
        assert_eq!(
            &*unescape(b"a&amp;b&lt;&#65;&#x1F600;&no;&"),
            "a&b<A\u{1F600}&no;&".as_bytes()
        );
        assert_eq!(&*unescape(b"a\r\nb\rc"), b"a\nb\nc");
        let mut text = b"_x000D_".to_vec();
        text.extend_from_slice(b"a_x000D_b_x005F_x000D__xD83D__xDE00__xD83D_c_x00g0__x");
        unescape_controls(&mut text, 7);
        assert_eq!(
            String::from_utf8_lossy(&text),
            "_x000D_a\rb_x000D_\u{1F600}_xD83D_c_x00g0__x"
        );
    }
}
