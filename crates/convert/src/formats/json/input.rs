//! The bytes of a JSON file as UTF-8: unpacked, without byte order mark, from any place.
//! Places count bytes of this text, whatever the file itself holds. Never judges JSON.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{ConvertError, Result};

/// A zstd frame that asks for a larger window than this is refused.
const ZSTD_WINDOW_LOG: u32 = 27;

#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub path: PathBuf,
    /// `gzip` or `zstd`.
    pub packed: Option<&'static str>,
    pub encoding: &'static encoding_rs::Encoding,
    /// Bytes of the byte order mark.
    pub mark: u64,
    /// Bytes of the file.
    pub size: u64,
}

/// A line and a column in it, in characters; both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub line: u64,
    pub column: u64,
}

impl Place {
    pub(crate) const START: Place = Place { line: 1, column: 1 };

    /// The place behind `text`, which begins here.
    pub(crate) fn after(self, text: &[u8]) -> Place {
        let lines = memchr::memchr_iter(b'\n', text).count() as u64;
        let last = memchr::memrchr(b'\n', text).map_or(0, |i| i + 1);
        let characters = text[last..].iter().filter(|b| **b & 0xC0 != 0x80).count() as u64;
        Place {
            line: self.line + lines,
            column: characters + if lines == 0 { self.column } else { 1 },
        }
    }
}

impl Input {
    pub(crate) fn look(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(ConvertError::Unreadable {
                what: "JSON".to_owned(),
                seen: "something that is not a file".to_owned(),
            });
        }
        let mut input = Input {
            path: path.to_owned(),
            packed: None,
            encoding: encoding_rs::UTF_8,
            mark: 0,
            size: meta.len(),
        };
        let mut head = Vec::new();
        file.take(4).read_to_end(&mut head)?;
        input.packed = match head.as_slice() {
            [0x1F, 0x8B, ..] => Some("gzip"),
            [0x28, 0xB5, 0x2F, 0xFD] => Some("zstd"),
            _ => None,
        };
        if input.packed.is_some() {
            head.clear();
            let read = input
                .unpacked(&Arc::default())?
                .take(4)
                .read_to_end(&mut head);
            read.map_err(|e| input.broken(e))?;
        }
        if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(&head) {
            (input.encoding, input.mark) = (encoding, mark as u64);
        } else {
            // JSON begins with an ASCII character; in UTF-16 a zero byte stands beside it.
            input.encoding = match head.as_slice() {
                [1..=255, 0, ..] => encoding_rs::UTF_16LE,
                [0, 1..=255, ..] => encoding_rs::UTF_16BE,
                _ => encoding_rs::UTF_8,
            };
        }
        Ok(input)
    }

    /// Whether a place can be gone to without reading up to it.
    pub(crate) fn seeks(&self) -> bool {
        self.packed.is_none() && self.encoding == encoding_rs::UTF_8
    }

    /// The text from `at` on.
    pub(crate) fn stream(&self, at: u64) -> Result<Stream> {
        let passed = Arc::new(AtomicU64::new(0));
        if self.seeks() {
            let mut file = File::open(&self.path)?;
            let begin = self.mark + at;
            file.seek(SeekFrom::Start(begin))?;
            passed.store(begin.min(self.size), Ordering::Relaxed);
            let inner = Box::new(Counted {
                inner: file,
                passed: Arc::clone(&passed),
            });
            return Ok(Stream { inner, passed });
        }
        let mut bytes = self.unpacked(&passed)?;
        discard(&mut bytes, self.mark)?;
        let mut inner: Box<dyn Read + Send> = if self.encoding == encoding_rs::UTF_8 {
            bytes
        } else {
            Box::new(Transcode {
                inner: bytes,
                decoder: self.encoding.new_decoder_without_bom_handling(),
                raw: vec![0; 64 << 10],
                filled: 0..0,
                text: Vec::new(),
                given: 0,
                ended: false,
            })
        };
        discard(&mut inner, at)?;
        Ok(Stream { inner, passed })
    }

    fn unpacked(&self, passed: &Arc<AtomicU64>) -> Result<Box<dyn Read + Send>> {
        let inner = Counted {
            inner: File::open(&self.path)?,
            passed: Arc::clone(passed),
        };
        Ok(match self.packed {
            Some("gzip") => Box::new(flate2::read::MultiGzDecoder::new(
                io::BufReader::with_capacity(256 << 10, inner),
            )),
            Some(_) => {
                let mut decoder = zstd::stream::read::Decoder::new(inner)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
            None => Box::new(inner),
        })
    }

    /// Where in the file, for people, a byte of the text is.
    pub(crate) fn place(&self, at: u64) -> Result<Place> {
        let mut stream = self.stream(0)?.inner.take(at);
        let mut buffer = vec![0; 256 << 10];
        let mut place = Place::START;
        loop {
            let n = stream.read(&mut buffer)?;
            if n == 0 {
                return Ok(place);
            }
            place = place.after(&buffer[..n]);
        }
    }

    pub(crate) fn malformed(&self, at: u64, detail: impl Into<String>) -> ConvertError {
        match self.place(at) {
            Ok(Place { line, column }) => ConvertError::Malformed {
                line,
                column,
                detail: detail.into(),
            },
            Err(error) => error,
        }
    }

    /// What an error while reading means: damage in the packing is the file's, not the
    /// disk's.
    pub(crate) fn broken(&self, error: io::Error) -> ConvertError {
        let damage = matches!(
            error.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
        );
        if !damage && (self.packed != Some("zstd") || error.kind() != io::ErrorKind::Other) {
            return error.into();
        }
        let what = self.packed.unwrap_or(self.encoding.name());
        ConvertError::Unreadable {
            what: format!("JSON in {what}"),
            seen: match error.kind() {
                io::ErrorKind::UnexpectedEof => "the file ends early".to_owned(),
                _ => error.to_string(),
            },
        }
    }
}

fn discard(from: &mut impl Read, bytes: u64) -> io::Result<()> {
    io::copy(&mut from.take(bytes), &mut io::sink()).map(|_| ())
}

pub(crate) struct Stream {
    pub inner: Box<dyn Read + Send>,
    passed: Arc<AtomicU64>,
}

impl Stream {
    /// Bytes of the file gone through.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Appends up to `most` bytes; fewer only at the end.
    pub(crate) fn fill(&mut self, buffer: &mut Vec<u8>, most: usize) -> io::Result<usize> {
        (&mut self.inner).take(most as u64).read_to_end(buffer)
    }
}

struct Counted<R> {
    inner: R,
    passed: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.passed.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// Another encoding as UTF-8. Bytes that are no character are an error, not a `?`.
struct Transcode<R> {
    inner: R,
    decoder: encoding_rs::Decoder,
    raw: Vec<u8>,
    filled: std::ops::Range<usize>,
    text: Vec<u8>,
    given: usize,
    ended: bool,
}

impl<R: Read> Read for Transcode<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            if self.ended {
                return Ok(0);
            }
            if self.filled.is_empty() {
                let n = self.inner.read(&mut self.raw)?;
                self.filled = 0..n;
                self.ended = n == 0;
            }
            self.text.resize(self.raw.len() * 3, 0);
            let raw = &self.raw[self.filled.clone()];
            let (result, read, written) =
                self.decoder
                    .decode_to_utf8_without_replacement(raw, &mut self.text, self.ended);
            self.filled.start += read;
            self.text.truncate(written);
            self.given = 0;
            if let encoding_rs::DecoderResult::Malformed(..) = result {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "bytes that are no character of it",
                ));
            }
        }
        let n = buffer.len().min(self.text.len() - self.given);
        buffer[..n].copy_from_slice(&self.text[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn input(bytes: &[u8]) -> (tempfile::NamedTempFile, Input) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let input = Input::look(file.path()).unwrap();
        (file, input)
    }

    fn text(input: &Input, at: u64) -> Result<String> {
        let mut out = Vec::new();
        input
            .stream(at)?
            .fill(&mut out, usize::MAX)
            .map_err(|e| input.broken(e))?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_packing_and_encoding_gives_the_same_text() {
        let said = "[\n{\"a\":\"é😀\"}]";
        let wide = |be: bool| -> Vec<u8> {
            said.encode_utf16()
                .flat_map(|u| if be { u.to_be_bytes() } else { u.to_le_bytes() })
                .collect()
        };
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(said.as_bytes()).unwrap();
        let gz = gz.finish().unwrap();
        let cases: Vec<Vec<u8>> = vec![
            said.into(),
            [b"\xEF\xBB\xBF", said.as_bytes()].concat(),
            wide(false),
            wide(true),
            [b"\xFF\xFE".to_vec(), wide(false)].concat(),
            [b"\xFE\xFF".to_vec(), wide(true)].concat(),
            gz.clone(),
            [gz, Vec::new()].concat(),
            zstd::encode_all(said.as_bytes(), 1).unwrap(),
            zstd::encode_all(wide(false).as_slice(), 1).unwrap(),
        ];
        for (i, bytes) in cases.iter().enumerate() {
            let (_file, input) = input(bytes);
            assert_eq!(text(&input, 0).unwrap(), said, "{i}");
            assert_eq!(text(&input, 2).unwrap(), said[2..], "{i}");
            let place = input.place(said.find('}').unwrap() as u64).unwrap();
            assert_eq!(
                place,
                Place {
                    line: 2,
                    column: 10
                },
                "{i}"
            );
        }
    }

    #[test]
    fn damage_is_told_from_a_bad_disk() {
        let packed = zstd::encode_all(vec![b'x'; 100_000].as_slice(), 1).unwrap();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&[b'x'; 100_000]).unwrap();
        let gz = gz.finish().unwrap();
        for bytes in [
            &packed[..packed.len() - 3],
            &gz[..gz.len() - 3],
            b"\xFF\xFE[\0\x00\xD8]\0",
        ] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(bytes).unwrap();
            let outcome = Input::look(file.path()).and_then(|input| text(&input, 0));
            assert!(
                matches!(outcome, Err(ConvertError::Unreadable { .. })),
                "{outcome:?}"
            );
        }
    }
}
