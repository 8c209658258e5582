//! The bytes of a text file as UTF-8, however they are stored: gzip (of any number of
//! members) and Zstandard are unpacked, other encodings decoded, on the way. Never keeps
//! more than a few buffers, whatever a file claims of itself.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Encoding, UTF_8};

use super::encoding::Decode;
use super::index;
use crate::error::{ConvertError, Result};
use crate::table::Job;

/// How a text file is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Gzip,
    Zstd,
}

impl Packing {
    /// By the first bytes of a file.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(b"\x1F\x8B\x08") {
            Some(Packing::Gzip)
        } else if head.starts_with(b"\x28\xB5\x2F\xFD") {
            Some(Packing::Zstd)
        } else {
            None
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Packing::Gzip => "gzip",
            Packing::Zstd => "zstd",
        }
    }

    fn unpack<'a>(self, inner: impl Read + Send + 'a) -> io::Result<Box<dyn Read + Send + 'a>> {
        Ok(match self {
            Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(inner)),
            Packing::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(inner)?;
                // 128 MiB, which is what the command line tool unpacks without being asked.
                decoder.window_log_max(27)?;
                Box::new(decoder)
            }
        })
    }
}

/// Where a text comes from, and what lies between its bytes and UTF-8.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub path: PathBuf,
    pub packing: Option<Packing>,
    pub encoding: &'static Encoding,
    /// UTF-8 that has to be decoded all the same.
    pub mixed: bool,
    /// Bytes of the byte order mark.
    pub bom: u64,
}

impl Origin {
    /// Bytes of the text are bytes of the file.
    pub(crate) fn is_plain(&self) -> bool {
        self.packing.is_none() && !self.is_decoded()
    }

    pub(crate) fn is_decoded(&self) -> bool {
        self.encoding != UTF_8 || self.mixed
    }

    /// The text from its byte `skip` on, the mark not counted.
    pub(crate) fn stream(&self, skip: u64) -> Result<Stream> {
        let mut file = File::open(&self.path)?;
        let taken = Arc::new(AtomicU64::new(0));
        if self.is_plain() {
            file.seek(SeekFrom::Start(self.bom + skip))?;
            taken.store(self.bom + skip, Ordering::Relaxed);
            let inner = Box::new(Counted {
                inner: file,
                taken: Arc::clone(&taken),
            });
            return Ok(Stream {
                inner,
                taken,
                packing: None,
            });
        }
        let counted = Counted {
            inner: file,
            taken: Arc::clone(&taken),
        };
        let mut inner = unpacked(counted, self.packing)?;
        let what = |e| unreadable(e, self.packing);
        discard(&mut inner, self.bom).map_err(what)?;
        let mut inner: Box<dyn Read + Send> = if self.is_decoded() {
            Box::new(Decode::new(inner, self.encoding))
        } else {
            inner
        };
        discard(&mut inner, skip).map_err(what)?;
        Ok(Stream {
            inner,
            taken,
            packing: self.packing,
        })
    }
}

fn unpacked(file: Counted<File>, packing: Option<Packing>) -> Result<Box<dyn Read + Send>> {
    let buffered = BufReader::with_capacity(256 << 10, file);
    Ok(match packing {
        None => Box::new(buffered),
        Some(packing) => packing.unpack(buffered)?,
    })
}

/// UTF-8, from the begin to the end.
pub(crate) struct Stream {
    inner: Box<dyn Read + Send>,
    /// Bytes of the file that were read.
    taken: Arc<AtomicU64>,
    packing: Option<Packing>,
}

impl Stream {
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Puts up to `most` bytes behind `out`; fewer only at the text's end.
    pub(crate) fn fill(&mut self, most: usize, out: &mut Vec<u8>) -> Result<usize> {
        out.try_reserve(most)
            .map_err(|_| ConvertError::OutOfMemory {
                limit: most as u64,
                detail: "no room for the next part of the text".to_owned(),
            })?;
        let mut limited = (&mut self.inner).take(most as u64);
        limited
            .read_to_end(out)
            .map_err(|e| unreadable(e, self.packing))
    }

    pub(crate) fn skip(&mut self, bytes: u64) -> Result<()> {
        discard(&mut self.inner, bytes).map_err(|e| unreadable(e, self.packing))
    }
}

struct Counted<R> {
    inner: R,
    taken: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(out)?;
        self.taken.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

fn discard(stream: &mut impl Read, bytes: u64) -> io::Result<()> {
    if bytes > 0 {
        io::copy(&mut stream.take(bytes), &mut io::sink())?;
    }
    Ok(())
}

/// What an unpacker says of a damaged file is about the file, not about the disk.
fn unreadable(error: io::Error, packing: Option<Packing>) -> ConvertError {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    match packing {
        Some(packing)
            if matches!(
                error.kind(),
                InvalidData | InvalidInput | Other | UnexpectedEof
            ) =>
        {
            ConvertError::Unreadable {
                what: format!("the {} data", packing.name()),
                seen: error.to_string(),
            }
        }
        _ => error.into(),
    }
}

/// Begin and end of a file's text, unpacked but not decoded.
pub(crate) struct Ends {
    pub packing: Option<Packing>,
    pub head: Vec<u8>,
    pub tail: Vec<u8>,
    /// `head` is all of it.
    pub whole: bool,
    /// Bytes of the text; of the file where the text was not gone through.
    pub size: u64,
}

const HEAD: usize = 16 << 20;
const TAIL: usize = 256 << 10;

/// Looks at both ends of a file. The end of a packed text costs going through all of it,
/// so that is done only where `to_the_end`, which asks `job` between whiles whether it goes on,
/// and ends early where a line alone is longer than a record may be.
pub(crate) fn ends(path: &Path, most: usize, to_the_end: Option<Job<'_>>) -> Result<Ends> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    let mut magic = Vec::new();
    (&mut file).take(4).read_to_end(&mut magic)?;
    let packing = Packing::of(&magic);
    file.seek(SeekFrom::Start(0))?;
    let most = most.min(HEAD);
    let mut head = Vec::new();
    let Some(packing) = packing else {
        (&mut file).take(most as u64).read_to_end(&mut head)?;
        let whole = head.len() as u64 >= size;
        let mut tail = Vec::new();
        if !whole {
            file.seek(SeekFrom::Start(size - size.min(TAIL as u64)))?;
            file.take(TAIL as u64).read_to_end(&mut tail)?;
        }
        return Ok(Ends {
            packing: None,
            head,
            tail,
            whole,
            size,
        });
    };
    let taken = Arc::new(AtomicU64::new(0));
    let mut inner = unpacked(Counted { inner: file, taken }, Some(packing))?;
    let what = |e| unreadable(e, Some(packing));
    (&mut inner)
        .take(most as u64)
        .read_to_end(&mut head)
        .map_err(what)?;
    let mut whole = head.len() < most;
    let mut tail = Vec::new();
    let mut length = head.len() as u64;
    if let Some(job) = to_the_end.filter(|_| !whole) {
        let memory = job.limits.memory_bytes;
        let mut line_at = memchr::memrchr2(b'\n', b'\r', &head).map_or(0, |end| end as u64 + 1);
        loop {
            job.check()?;
            if length - line_at > index::longest_record(memory) as u64 {
                return Err(index::too_long(line_at, memory));
            }
            let mut piece = Vec::with_capacity(TAIL);
            let n = (&mut inner)
                .take(TAIL as u64)
                .read_to_end(&mut piece)
                .map_err(what)?;
            if let Some(end) = memchr::memrchr2(b'\n', b'\r', &piece) {
                line_at = length + end as u64 + 1;
            }
            length += n as u64;
            tail.extend_from_slice(&piece);
            let surplus = tail.len().saturating_sub(TAIL);
            tail.drain(..surplus);
            if n < TAIL {
                break;
            }
        }
        whole = length == head.len() as u64;
    }
    Ok(Ends {
        packing: Some(packing),
        head,
        tail,
        whole,
        size: length.max(size),
    })
}
