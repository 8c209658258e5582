//! Cuts a stream of JSON into chunks that hold whole records, so that each can be worked
//! on by itself. Knows strings and brackets, no more: what is inside a record is for
//! whoever takes it. Memory is bounded by the longest record, and that has a limit.

use super::input::{Input, Place, Stream};
use super::token::{MAX_DEPTH, plain_run};
use crate::error::{ConvertError, Result};

/// How much is cut at a time.
pub(crate) const CHUNK: usize = 2 << 20;

/// How records stand in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One on each line.
    Lines,
    /// Elements of an array, the brackets not among the bytes that are read.
    Elements,
    /// One value after another, over as many lines as they like.
    Values,
}

/// Where the records are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub layout: Layout,
    pub begin: u64,
    /// Bytes of the text; none where only reading to the end tells.
    pub end: Option<u64>,
}

/// Whole records.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub bytes: Vec<u8>,
    /// Of the first byte.
    pub at: u64,
    pub place: Place,
    /// From 0.
    pub number: u64,
    pub layout: Layout,
    /// The first element of this chunk stands behind a comma.
    pub after_comma: bool,
    /// The text ends with it, so that a broken last record may be one cut short.
    pub last: bool,
    /// Why it is the last where the text goes on: no record can be told from there on.
    pub stopped: Option<&'static str>,
}

/// Something that is no record, at a place of the text.
#[derive(Debug)]
pub(crate) struct Broken {
    pub at: u64,
    pub detail: String,
}

pub(crate) struct Splitter {
    stream: Stream,
    layout: Layout,
    /// Bytes that may still be read; none for all there are.
    left: Option<u64>,
    cap: usize,
    carry: Vec<u8>,
    at: u64,
    place: Place,
    number: u64,
    scan: Scan,
    after_comma: bool,
    ended: bool,
    broken: Option<Broken>,
}

/// The state of the brackets at a place.
#[derive(Debug, Default)]
struct Scan {
    depth: usize,
    in_string: bool,
    escaped: bool,
    /// A bare word or number is under way.
    in_word: bool,
}

enum Stop {
    /// The bytes are gone through; the last place where a record ended, if any.
    Bytes(Option<usize>),
    /// The array's own bracket.
    Closed(usize),
    Broken(usize, &'static str),
}

impl Splitter {
    pub(crate) fn new(input: &Input, range: &Range, place: Place, memory: u64) -> Result<Self> {
        Ok(Splitter {
            stream: input.stream(range.begin)?,
            layout: range.layout,
            left: range.end.map(|end| end.saturating_sub(range.begin)),
            cap: record_cap(memory),
            carry: Vec::new(),
            at: range.begin,
            place,
            number: 0,
            scan: Scan::default(),
            after_comma: false,
            ended: false,
            broken: None,
        })
    }

    /// Goes on as if `number` chunks had been cut before, the last at a comma.
    pub(crate) fn resume(&mut self, number: u64, after_comma: bool) {
        self.number = number;
        self.after_comma = after_comma;
    }

    /// Bytes of the file gone through.
    pub(crate) fn passed(&self) -> u64 {
        self.stream.passed()
    }

    /// What ended the stream before its end, once all chunks are out.
    pub(crate) fn broken(&mut self) -> Option<Broken> {
        self.broken.take()
    }

    /// The next chunk; none at the end, or where the text is broken.
    pub(crate) fn next(&mut self, input: &Input) -> Result<Option<Chunk>> {
        if self.ended {
            return Ok(None);
        }
        let mut bytes = std::mem::take(&mut self.carry);
        bytes.reserve(CHUNK);
        let mut cut = None;
        loop {
            let from = bytes.len();
            let want = self
                .left
                .map_or(CHUNK, |left| left.min(CHUNK as u64) as usize);
            let got = self
                .stream
                .fill(&mut bytes, want)
                .map_err(|e| input.broken(e))?;
            if let Some(left) = &mut self.left {
                *left -= got as u64;
            }
            let at_end = got < CHUNK;
            let stop = match self.layout {
                Layout::Lines => {
                    Stop::Bytes(memchr::memrchr(b'\n', &bytes[from..]).map(|i| from + i))
                }
                layout => self.scan.run(&bytes, from, layout),
            };
            match stop {
                Stop::Bytes(found) => cut = found.or(cut),
                Stop::Closed(end) => return self.closed(bytes, end, input),
                Stop::Broken(end, detail) => {
                    self.broken = Some(Broken {
                        at: self.at + end as u64,
                        detail: detail.to_owned(),
                    });
                    bytes.truncate(end);
                    let mut chunk = self.out(bytes, 0, true);
                    chunk.stopped = Some(detail);
                    return Ok(Some(chunk));
                }
            }
            if at_end {
                return Ok(self.end(bytes));
            }
            if let Some(cut) = cut {
                let comma = usize::from(self.layout == Layout::Elements);
                let begin = if self.layout == Layout::Values {
                    cut
                } else {
                    cut + 1
                };
                self.carry = bytes[begin..].to_vec();
                bytes.truncate(begin);
                return Ok(Some(self.out(bytes, comma, false)));
            }
            if bytes.len() > self.cap {
                return Err(too_long(self.cap, self.place));
            }
        }
    }

    /// The last chunk: the text is at its end.
    fn end(&mut self, bytes: Vec<u8>) -> Option<Chunk> {
        let all = self.at + bytes.len() as u64;
        let bounded = self.left.is_some();
        let detail = match self.layout {
            Layout::Lines => None,
            Layout::Elements if !bounded => Some("the file ends within an array"),
            _ if self.scan.in_string => Some("the file ends within a string"),
            _ if self.scan.depth > 0 => Some("the file ends within a value"),
            _ => None,
        };
        self.broken = detail.map(|detail| Broken {
            at: all,
            detail: detail.to_owned(),
        });
        if bytes.is_empty() && !self.after_comma {
            self.ended = true;
            return None;
        }
        Some(self.out(bytes, 0, true))
    }

    /// The array's bracket is at `end`: only whitespace may follow.
    fn closed(&mut self, mut bytes: Vec<u8>, end: usize, input: &Input) -> Result<Option<Chunk>> {
        let mut rest = bytes.split_off(end + 1);
        bytes.truncate(end);
        let mut at = self.at + end as u64 + 1;
        loop {
            if let Some(i) = rest.iter().position(|b| !b.is_ascii_whitespace()) {
                self.broken = Some(Broken {
                    at: at + i as u64,
                    detail: "something behind the end of the array".to_owned(),
                });
                break;
            }
            at += rest.len() as u64;
            rest.clear();
            if self
                .stream
                .fill(&mut rest, CHUNK)
                .map_err(|e| input.broken(e))?
                == 0
            {
                break;
            }
        }
        if bytes.is_empty() && !self.after_comma {
            self.ended = true;
            return Ok(None);
        }
        Ok(Some(self.out(bytes, 0, true)))
    }

    /// Hands out `bytes`, of which the last `drop` are not part of a record.
    fn out(&mut self, mut bytes: Vec<u8>, drop: usize, last: bool) -> Chunk {
        let (at, place) = (self.at, self.place);
        self.at += bytes.len() as u64;
        self.place = place.after(&bytes);
        bytes.truncate(bytes.len() - drop);
        let chunk = Chunk {
            bytes,
            at,
            place,
            number: self.number,
            layout: self.layout,
            after_comma: self.after_comma,
            last,
            stopped: None,
        };
        self.number += 1;
        self.after_comma = drop > 0;
        self.ended = last;
        chunk
    }
}

/// Longest record that is taken: an eighth of what the job may use, since a few are in
/// flight at a time, unpacked into values too.
pub(crate) fn record_cap(memory: u64) -> usize {
    (memory / 8).clamp(8 << 20, 1 << 30) as usize
}

pub(crate) fn too_long(cap: usize, place: Place) -> ConvertError {
    ConvertError::OutOfMemory {
        limit: cap as u64 * 8,
        detail: format!(
            "the record in line {}, column {} is longer than {} MiB; memory=… allows longer ones",
            place.line,
            place.column,
            cap >> 20
        ),
    }
}

impl Scan {
    fn run(&mut self, bytes: &[u8], from: usize, layout: Layout) -> Stop {
        let mut at = from;
        let mut cut = None;
        while at < bytes.len() {
            if self.in_string {
                if self.escaped {
                    self.escaped = false;
                    at += 1;
                    continue;
                }
                at += plain_run(&bytes[at..]);
                match bytes.get(at) {
                    Some(b'"') => {
                        self.in_string = false;
                        if self.depth == 0 && layout == Layout::Values {
                            cut = Some(at + 1);
                        }
                    }
                    Some(b'\\') => self.escaped = true,
                    _ => {}
                }
                at += 1;
                continue;
            }
            match bytes[at] {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.depth += 1;
                    if self.depth > MAX_DEPTH {
                        return Stop::Broken(at, "nested deeper than 1000 levels");
                    }
                }
                b @ (b'}' | b']') => {
                    if self.depth == 0 {
                        return match (layout, b) {
                            (Layout::Elements, b']') => Stop::Closed(at),
                            _ => Stop::Broken(at, "a closing bracket that nothing opened"),
                        };
                    }
                    self.depth -= 1;
                    if self.depth == 0 && layout == Layout::Values {
                        cut = Some(at + 1);
                    }
                }
                b',' if self.depth == 0 && layout == Layout::Elements => cut = Some(at),
                b' ' | b'\n' | b'\r' | b'\t' => {
                    if self.in_word && self.depth == 0 && layout == Layout::Values {
                        cut = Some(at);
                    }
                    self.in_word = false;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            self.in_word = true;
            at += 1;
        }
        Stop::Bytes(cut)
    }
}
