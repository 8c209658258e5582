//! From bytes to UTF-8: which encoding a file is in, where bytes are not of it, and a
//! reader that turns it into UTF-8 as it goes. Never drops a byte in silence.

use std::borrow::Cow;
use std::io::{self, Read};

use encoding_rs::{
    Decoder, DecoderResult, Encoding, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252,
};

use crate::error::{ConvertError, Result};

const CHUNK: usize = 256 << 10;

/// Bytes that are looked at for the pattern of UTF-16.
const PATTERN: usize = 4096;

/// Lines with malformed bytes that are remembered.
const PLACES: usize = 20;

/// What a head is encoded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    pub encoding: &'static Encoding,
    /// Bytes of the byte order mark.
    pub bom: u64,
    /// Neither a mark nor the bytes leave no doubt: another encoding could be meant.
    pub guessed: bool,
    /// UTF-8, but for single bytes, each of which is read as windows-1252. The text has to
    /// go through [`Decode`].
    pub mixed: bool,
    /// The line, from 1, of the first byte that is not UTF-8, where that was what decided.
    pub first_broken: Option<u64>,
}

/// Finds out what `head` is encoded in, or takes `told`, a name of the Encoding Standard.
pub(crate) fn detect(head: &[u8], whole: bool, told: Option<&str>) -> Result<Found> {
    let marked = [
        (b"\xEF\xBB\xBF".as_slice(), UTF_8),
        (b"\xFF\xFE", UTF_16LE),
        (b"\xFE\xFF", UTF_16BE),
    ];
    let mark = marked.iter().find(|(mark, _)| head.starts_with(mark));
    let mut found = Found {
        encoding: UTF_8,
        bom: mark.map_or(0, |(mark, _)| mark.len() as u64),
        guessed: false,
        mixed: false,
        first_broken: None,
    };
    if let Some(told) = told {
        let Some(encoding) = Encoding::for_label(told.trim().as_bytes()) else {
            return Err(ConvertError::BadOption {
                key: "encoding".to_owned(),
                value: told.to_owned(),
                expected: "a name of the Encoding Standard, as UTF-8 or windows-1252".to_owned(),
            });
        };
        if mark.is_some_and(|(_, of)| *of != encoding) {
            found.bom = 0;
        }
        found.encoding = encoding;
        let text = &head[found.bom as usize..];
        found.mixed = encoding == UTF_8 && invalid(text, whole).0 > 0;
        found.first_broken = found.mixed.then(|| first_broken(text));
        return Ok(found);
    }
    if head.starts_with(b"\xFF\xFE\0\0") || head.starts_with(b"\0\0\xFE\xFF") {
        return Err(ConvertError::Unreadable {
            what: "a table of text".to_owned(),
            seen: "UTF-32 text, which nothing here reads".to_owned(),
        });
    }
    if let Some((_, encoding)) = mark {
        found.encoding = encoding;
        found.mixed = found.encoding == UTF_8 && invalid(&head[3..], whole).0 > 0;
        found.first_broken = found.mixed.then(|| first_broken(&head[3..]));
        return Ok(found);
    }
    if let Some(encoding) = wide(head) {
        found.encoding = encoding;
        return Ok(found);
    }
    let (broken, sound) = invalid(head, whole);
    if broken == 0 {
        return Ok(found);
    }
    found.first_broken = Some(first_broken(head));
    if sound >= broken.saturating_mul(3) && sound >= 3 {
        found.mixed = true;
        return Ok(found);
    }
    found.guessed = true;
    found.encoding = if looks_macintosh(head) {
        MACINTOSH
    } else {
        WINDOWS_1252
    };
    Ok(found)
}

/// UTF-16 without a mark: every other byte NUL, over a stretch too long to be chance.
fn wide(head: &[u8]) -> Option<&'static Encoding> {
    let sample = &head[..head.len().min(PATTERN) & !1];
    let nuls = |odd: usize| {
        sample
            .iter()
            .skip(odd)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let (even, odd) = (nuls(0), nuls(1));
    if sample.len() < 8 || even.max(odd) * 10 < sample.len() * 2 {
        return None;
    }
    if odd > even * 4 {
        Some(UTF_16LE)
    } else if even > odd * 4 {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Bytes that are not UTF-8, and sound characters of more than one byte.
fn invalid(text: &[u8], whole: bool) -> (usize, usize) {
    let (mut broken, mut sound) = (0, 0);
    let mut rest = text;
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                sound += beyond_ascii(valid.as_bytes());
                return (broken, sound);
            }
            Err(e) => {
                sound += beyond_ascii(&rest[..e.valid_up_to()]);
                match e.error_len() {
                    // Cut off by the head's end.
                    None if !whole => return (broken, sound),
                    None => return (broken + 1, sound),
                    Some(n) => {
                        broken += n;
                        rest = &rest[e.valid_up_to() + n..];
                    }
                }
            }
        }
    }
}

/// The line, from 1, of the first byte that is not UTF-8.
fn first_broken(text: &[u8]) -> u64 {
    let sound = std::str::from_utf8(text).map_or_else(|e| e.valid_up_to(), str::len);
    memchr::memchr_iter(b'\n', &text[..sound]).count() as u64 + 1
}

fn beyond_ascii(text: &[u8]) -> usize {
    text.iter().filter(|b| **b >= 0xC0).count()
}

/// Whether the high bytes are letters and quotes of the older Macintosh rather than of
/// Windows, by the company they keep.
fn looks_macintosh(head: &[u8]) -> bool {
    let (mut mac, mut windows) = (0, 0);
    for w in head.windows(3) {
        let letter = |b: u8| b.is_ascii_alphabetic();
        let inside = letter(w[0]) && w[2].is_ascii_lowercase();
        match w[1] {
            // An apostrophe or a dash on the one, a capital or a control on the other.
            0xD5 if letter(w[0]) && (letter(w[2]) || w[2] == b' ') => mac += 1,
            0x8E | 0x8F | 0x8D | 0x9D | 0x90 if inside => mac += 1,
            0x92 if letter(w[0]) => windows += 1,
            0xE0..=0xFC if inside => windows += 1,
            0xA3 if w[2].is_ascii_digit() => windows += 1,
            _ => {}
        }
    }
    mac > windows
}

/// A head, or a tail, as UTF-8; the mark must be off. A character that the end cuts in two
/// is left away unless the text is `whole`.
pub(crate) fn decoded<'a>(raw: &'a [u8], found: &Found, whole: bool) -> Cow<'a, [u8]> {
    if found.encoding == UTF_8 && !found.mixed {
        let cut = match std::str::from_utf8(raw) {
            Err(e) if e.error_len().is_none() && !whole => e.valid_up_to(),
            _ => raw.len(),
        };
        return Cow::Borrowed(&raw[..cut]);
    }
    let mut out = Vec::new();
    let mut decode = Decode::new(raw, found.encoding);
    // A slice gives no errors.
    let _ = decode.read_to_end(&mut out);
    if !whole && found.encoding != UTF_8 && out.ends_with("\u{FFFD}".as_bytes()) {
        out.truncate(out.len() - 3);
    }
    Cow::Owned(out)
}

/// Turns `inner` into UTF-8, chunk by chunk. The byte order mark, where there is one, must
/// have been read past. What is not of the encoding is counted: single bytes in UTF-8 are
/// read as windows-1252, anything else becomes U+FFFD.
pub(crate) struct Decode<R> {
    inner: R,
    /// None for UTF-8, which is checked, not decoded.
    decoder: Option<Decoder>,
    raw: Vec<u8>,
    raw_at: usize,
    ready: Vec<u8>,
    ready_at: usize,
    /// `inner` has no more.
    ended: bool,
    /// All is out; a decoder must not be asked again.
    done: bool,
    line: u64,
    /// Malformed sequences so far.
    pub malformed: u64,
    /// The lines of the first few, from 1.
    pub places: Vec<u64>,
    /// Bytes taken from `inner`.
    pub consumed: u64,
}

impl<R: Read> Decode<R> {
    pub(crate) fn new(inner: R, encoding: &'static Encoding) -> Self {
        Decode {
            inner,
            decoder: (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling()),
            raw: Vec::new(),
            raw_at: 0,
            ready: Vec::new(),
            ready_at: 0,
            ended: false,
            done: false,
            line: 1,
            malformed: 0,
            places: Vec::new(),
            consumed: 0,
        }
    }

    /// Decodes the next stretch into `ready`; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.ready_at = 0;
        self.ready.clear();
        while self.ready.is_empty() && !self.done {
            if !self.ended {
                self.more()?;
            }
            if self.decoder.is_some() {
                self.decode();
            } else {
                self.check();
            }
        }
        Ok(!self.ready.is_empty())
    }

    /// Reads behind what is left of `raw`.
    fn more(&mut self) -> io::Result<()> {
        self.raw.drain(..self.raw_at);
        self.raw_at = 0;
        let kept = self.raw.len();
        self.raw.resize(kept + CHUNK, 0);
        let read = loop {
            match self.inner.read(&mut self.raw[kept..]) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let read = read.inspect_err(|_| self.raw.truncate(kept))?;
        self.raw.truncate(kept + read);
        self.consumed += read as u64;
        self.ended = read == 0;
        Ok(())
    }

    fn malformed_at(&mut self, written: usize, counted: &mut usize) {
        self.line += memchr::memchr_iter(b'\n', &self.ready[*counted..written]).count() as u64;
        *counted = written;
        self.malformed += 1;
        if self.places.len() < PLACES && self.places.last() != Some(&self.line) {
            self.places.push(self.line);
        }
    }

    /// Runs the decoder over what is there, its errors made U+FFFD.
    fn decode(&mut self) {
        self.ready
            .resize((self.raw.len() - self.raw_at) * 3 + 64, 0);
        let (mut written, mut counted) = (0, 0);
        while let Some(decoder) = &mut self.decoder {
            let (result, read, out) = decoder.decode_to_utf8_without_replacement(
                &self.raw[self.raw_at..],
                &mut self.ready[written..],
                self.ended,
            );
            self.raw_at += read;
            written += out;
            match result {
                DecoderResult::InputEmpty => {
                    self.done = self.ended;
                    break;
                }
                DecoderResult::OutputFull => self.ready.resize(self.ready.len() + CHUNK, 0),
                DecoderResult::Malformed(..) => {
                    self.malformed_at(written, &mut counted);
                    self.ready.resize(self.ready.len().max(written + 64), 0);
                    self.ready[written..written + 3].copy_from_slice("\u{FFFD}".as_bytes());
                    written += 3;
                }
            }
        }
        self.line += memchr::memchr_iter(b'\n', &self.ready[counted..written]).count() as u64;
        self.ready.truncate(written);
    }

    /// Copies UTF-8, single bytes that are not of it read as windows-1252.
    fn check(&mut self) {
        let mut counted = 0;
        loop {
            let rest = &self.raw[self.raw_at..];
            match std::str::from_utf8(rest) {
                Ok(_) => {
                    self.ready.extend_from_slice(rest);
                    self.raw_at = self.raw.len();
                    self.done = self.ended;
                    break;
                }
                Err(e) => {
                    let sound = e.valid_up_to();
                    self.ready.extend_from_slice(&rest[..sound]);
                    self.raw_at += sound;
                    let bad = match e.error_len() {
                        Some(n) => n,
                        // The rest of the character is still to come.
                        None if !self.ended => break,
                        None => rest.len() - sound,
                    };
                    let written = self.ready.len();
                    self.malformed_at(written, &mut counted);
                    let bytes = &self.raw[self.raw_at..self.raw_at + bad];
                    let (text, _) = WINDOWS_1252.decode_without_bom_handling(bytes);
                    self.ready.extend_from_slice(text.as_bytes());
                    self.raw_at += bad;
                }
            }
        }
        self.line += memchr::memchr_iter(b'\n', &self.ready[counted..]).count() as u64;
    }
}

impl<R: Read> Read for Decode<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() || (self.ready_at == self.ready.len() && !self.fill()?) {
            return Ok(0);
        }
        let n = out.len().min(self.ready.len() - self.ready_at);
        out[..n].copy_from_slice(&self.ready[self.ready_at..self.ready_at + n]);
        self.ready_at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(head: &[u8]) -> (&'static str, u64, bool) {
        let found = detect(head, true, None).unwrap();
        (found.encoding.name(), found.bom, found.mixed)
    }

    fn utf16(text: &str, little: bool) -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|u| {
                if little {
                    u.to_le_bytes()
                } else {
                    u.to_be_bytes()
                }
            })
            .collect()
    }

    #[test]
    fn encodings_are_told_from_bytes() {
        assert_eq!(found(b"a,b\n1,2\n"), ("UTF-8", 0, false));
        assert_eq!(found("é,b\n1,2\n".as_bytes()), ("UTF-8", 0, false));
        assert_eq!(found(b"\xEF\xBB\xBFa,b\n"), ("UTF-8", 3, false));
        assert_eq!(
            found(&utf16("\u{FEFF}a,b\n1,2\n", true)),
            ("UTF-16LE", 2, false)
        );
        assert_eq!(
            found(&utf16("\u{FEFF}a,b\n1,2\n", false)),
            ("UTF-16BE", 2, false)
        );
        assert_eq!(found(&utf16("a,b\n1,2\n", true)), ("UTF-16LE", 0, false));
        assert_eq!(found(&utf16("a,b\n1,2\n", false)), ("UTF-16BE", 0, false));
        assert_eq!(found(b"caf\xE9,b\n\xA31,2\n"), ("windows-1252", 0, false));
        assert_eq!(
            found(b"the children\xD5s caf\x8E,b\n"),
            ("macintosh", 0, false)
        );
        assert_eq!(
            found(b"\xC3\xA9\xC3\xA8\xC3\xA0,\xE9\n"),
            ("UTF-8", 0, true)
        );
        let late = detect(b"a\nb\nc\xE9\nd\n", true, None).unwrap();
        assert_eq!((late.guessed, late.first_broken), (true, Some(3)));
        assert!(detect(b"a", true, Some("latin-9000")).is_err());
        assert_eq!(
            detect(b"a", true, Some("latin1")).unwrap().encoding,
            WINDOWS_1252
        );
        assert!(detect(b"\xFF\xFE\0\0a\0\0\0", true, None).is_err());
    }

    /// Gives a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(out.len());
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn a_stream_decodes_as_the_whole_does() {
        let text = "naïve,\u{1F600}\r\nœuf,€ 5\n".repeat(50);
        for step in [1, 2, 3, 7, 1000] {
            for (bytes, encoding) in [
                (utf16(&text, true), UTF_16LE),
                (utf16(&text, false), UTF_16BE),
                (text.clone().into_bytes(), UTF_8),
            ] {
                let mut out = String::new();
                let mut decode = Decode::new(Drip(&bytes, step), encoding);
                decode.read_to_string(&mut out).unwrap();
                assert_eq!(out, text);
                assert_eq!((decode.malformed, decode.consumed), (0, bytes.len() as u64));
            }
        }
    }

    #[test]
    fn bytes_that_are_not_of_the_encoding_are_located_and_kept() {
        let mut decode = Decode::new(Drip(b"\xC3\xA9\n\xE9a\nb\n\xE2\x82", 1), UTF_8);
        let mut out = String::new();
        decode.read_to_string(&mut out).unwrap();
        assert_eq!(out, "é\néa\nb\nâ‚");
        assert_eq!(
            (decode.malformed, decode.places.as_slice()),
            (2, [2, 4].as_slice())
        );
        let mut decode = Decode::new(Drip(b"a\0\n\0\x00\xD8b\0", 3), UTF_16LE);
        out.clear();
        decode.read_to_string(&mut out).unwrap();
        assert_eq!(out, "a\n\u{FFFD}b");
        assert_eq!(decode.places, [2]);
    }
}
