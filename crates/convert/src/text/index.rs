//! Where the chunks of a table are in its file, with the rows and lines before each: made
//! by the first pass over a file, or by reading on, and used to begin a reading anywhere.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::cells::{Chunk, MOST_TEXT};
use super::cut::{Odd, cut};
use super::dialect::Syntax;
use super::unpack::{Origin, Stream};
use crate::error::{ConvertError, Result};

/// Bytes of text in a chunk, where records are no longer than that.
pub(crate) const CHUNK: usize = 2 << 20;

/// The longest record that a job takes: each core may hold one, with all that is made of it.
pub(crate) fn longest_record(memory: u64) -> usize {
    (memory / 8).clamp(8 << 20, 1 << 30) as usize
}

/// What is said of one that is longer.
pub(crate) fn too_long(at: u64, memory: u64) -> ConvertError {
    ConvertError::OutOfMemory {
        limit: memory,
        detail: format!(
            "the record at byte {at} of the text is longer than {} MiB; a delimiter, a quote or an encoding may be another one",
            longest_record(memory) >> 20
        ),
    }
}

/// A chunk's place. Offsets are bytes of the decoded text.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub offset: u64,
    pub len: usize,
    /// Rows in it, rejects left out.
    pub rows: u32,
    pub lines: u32,
    pub odd: Box<[Odd]>,
}

/// Chunks from the first on, without a gap.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    pub spans: Vec<Span>,
    /// Rows before each, and in all.
    first_rows: Vec<u64>,
    /// Lines before each, of the file.
    first_lines: Vec<u64>,
}

impl Index {
    /// From chunks in any order of coming; `line` is where the first begins.
    pub(crate) fn new(mut spans: Vec<(u32, Span)>, line: u64) -> Self {
        spans.sort_by_key(|(number, _)| *number);
        let mut index = Index {
            first_rows: vec![0],
            first_lines: vec![line],
            ..Index::default()
        };
        for (_, span) in spans {
            index.push(span);
        }
        index
    }

    pub(crate) fn push(&mut self, span: Span) {
        let last = |all: &[u64]| all.last().copied().unwrap_or(0);
        self.first_rows
            .push(last(&self.first_rows) + u64::from(span.rows));
        self.first_lines
            .push(last(&self.first_lines) + u64::from(span.lines));
        self.spans.push(span);
    }

    pub(crate) fn rows(&self) -> u64 {
        self.first_rows.last().copied().unwrap_or(0)
    }

    /// The line of the file for a line of a chunk.
    pub(crate) fn line(&self, chunk: u32, line: u32) -> u64 {
        let first = self.first_lines.get(chunk as usize);
        first.copied().unwrap_or(1) + u64::from(line)
    }

    /// The chunk that holds a row, or the first that is not known, and the rows before it.
    pub(crate) fn find(&self, row: u64) -> (usize, u64) {
        let after = self.first_rows.partition_point(|first| *first <= row);
        let at = after.saturating_sub(1).min(self.spans.len());
        (at, self.first_rows.get(at).copied().unwrap_or(0))
    }

    /// The end of what is known, in bytes of the text.
    pub(crate) fn end(&self) -> Option<u64> {
        self.spans.last().map(|s| s.offset + s.len as u64)
    }
}

/// Hands out a text's chunks in order, cutting it where nobody has before.
pub(crate) struct Feed {
    stream: Stream,
    carry: Vec<u8>,
    offset: u64,
    end: Option<u64>,
    number: u32,
    finished: bool,
    /// Bytes in a chunk.
    size: usize,
    /// What the job may use.
    memory: u64,
}

impl Feed {
    /// From `offset` on, where chunk `number` begins.
    pub(crate) fn new(
        origin: &Origin,
        offset: u64,
        end: Option<u64>,
        number: u32,
        memory: u64,
    ) -> Result<Self> {
        let stream = origin.stream(offset)?;
        Ok(Feed {
            stream,
            carry: Vec::new(),
            offset,
            end,
            number,
            finished: false,
            size: CHUNK,
            memory,
        })
    }

    /// With chunks of another size, so that seams fall anywhere.
    #[cfg(test)]
    pub(crate) fn sized(self, size: usize) -> Self {
        Feed { size, ..self }
    }

    /// Of the next chunk.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Bytes of the file gone through.
    pub(crate) fn taken(&self) -> u64 {
        self.stream.taken()
    }

    /// The next records, and the byte where they begin; none at the end.
    pub(crate) fn next(&mut self, chunk: &mut Chunk, syntax: &Syntax) -> Result<Option<u64>> {
        if self.finished {
            return Ok(None);
        }
        chunk.text.clear();
        chunk.text.append(&mut self.carry);
        let mut want = self.size.max(chunk.text.len() + self.size.div_ceil(4));
        let len = loop {
            let missing = want.saturating_sub(chunk.text.len());
            let left = self.end.map_or(u64::MAX, |e| {
                e.saturating_sub(self.offset + chunk.text.len() as u64)
            });
            let ask = missing.min(usize::try_from(left).unwrap_or(missing));
            let got = self.stream.fill(ask, &mut chunk.text)?;
            let last = got < missing;
            let len = cut(&chunk.text, last, syntax, &mut chunk.odd);
            if last {
                self.finished = true;
            }
            if len > 0 || last {
                break len;
            }
            let longest = longest_record(self.memory);
            if chunk.text.len() >= longest {
                return Err(too_long(self.offset, self.memory));
            }
            want = (chunk.text.len() * 2).min(longest);
        };
        self.carry.extend_from_slice(&chunk.text[len..]);
        chunk.text.truncate(len);
        chunk.len = len;
        chunk.number = self.number;
        if len == 0 {
            return Ok(None);
        }
        let at = self.offset;
        self.offset += len as u64;
        self.number += 1;
        Ok(Some(at))
    }
}

/// Hands out chunks whose places are known.
pub(crate) struct Known {
    index: Arc<Index>,
    next: usize,
    /// None where bytes of the text are bytes of the file: each core reads for itself then.
    stream: Option<(Stream, u64)>,
}

impl Known {
    pub(crate) fn new(origin: &Origin, index: Arc<Index>, from: usize) -> Result<Self> {
        let offset = index.spans.get(from).map_or(0, |s| s.offset);
        let stream = if origin.is_plain() || from >= index.spans.len() {
            None
        } else {
            Some((origin.stream(offset)?, offset))
        };
        Ok(Known {
            index,
            next: from,
            stream,
        })
    }

    /// The number of the next chunk, its bytes in `chunk` where they come one after another.
    fn take(&mut self, chunk: &mut Chunk) -> Result<Option<usize>> {
        let at = self.next;
        let Some(span) = self.index.spans.get(at) else {
            return Ok(None);
        };
        self.next += 1;
        // An error from here on is told in the place of this chunk.
        chunk.number = at as u32;
        if let Some((stream, offset)) = &mut self.stream {
            stream.skip(span.offset - *offset)?;
            chunk.text.clear();
            if stream.fill(span.len, &mut chunk.text)? < span.len {
                return Err(ConvertError::SourceChanged);
            }
            *offset = span.offset + span.len as u64;
        }
        Ok(Some(at))
    }
}

/// Reads a known chunk of a plain file.
pub(crate) fn read_span(
    file: &File,
    origin: &Origin,
    span: &Span,
    chunk: &mut Chunk,
) -> Result<()> {
    chunk.text.clear();
    if span.len > MOST_TEXT {
        return Err(ConvertError::SourceChanged);
    }
    chunk.text.resize(span.len, 0);
    match read_at(file, &mut chunk.text, origin.bom + span.offset) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Err(ConvertError::SourceChanged),
        other => Ok(other?),
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        let n = std::os::windows::fs::FileExt::seek_read(file, buffer, offset)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = &mut buffer[n..];
        offset += n as u64;
    }
    Ok(())
}

/// The next chunk of those that are known, read outside of the lock where that is possible.
pub(crate) fn next_known(
    known: &Mutex<Known>,
    file: &File,
    origin: &Origin,
    chunk: &mut Chunk,
) -> Result<Option<usize>> {
    let (at, index, streamed) = {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = known.take(chunk)? else {
            return Ok(None);
        };
        (at, Arc::clone(&known.index), known.stream.is_some())
    };
    let span = &index.spans[at];
    if !streamed {
        read_span(file, origin, span, chunk)?;
    }
    chunk.len = chunk.text.len();
    chunk.odd.clear();
    chunk.odd.extend_from_slice(&span.odd);
    Ok(Some(at))
}
