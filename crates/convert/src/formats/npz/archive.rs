//! The files in an archive, each read on its own from any number of places at once. Bounds
//! what a damaged or hostile archive can ask for: nothing is unpacked ahead of its use.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use zip::{CompressionMethod, ZipArchive};

use crate::error::{ConvertError, Result};

/// More files than this are no table: a column can have two.
const MOST: usize = 2 * super::COLUMNS;

/// Longest header of an array, about.
const NEAR: u64 = 1 << 20;

/// One file in the archive.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub name: String,
    pub packed: bool,
    begin: u64,
    packed_size: u64,
    /// Unpacked, as the archive says.
    pub size: u64,
    crc: Option<u32>,
}

#[derive(Debug, Clone)]
pub(crate) struct Archive {
    file: Arc<File>,
    pub size: u64,
    pub entries: Vec<Entry>,
}

impl Archive {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut magic = Vec::new();
        (&file).take(6).read_to_end(&mut magic)?;
        if magic == b"\x93NUMPY" {
            let entry = Entry {
                name: "array.npy".to_owned(),
                packed: false,
                begin: 0,
                packed_size: size,
                size,
                crc: None,
            };
            return Ok(Archive {
                file: Arc::new(file),
                size,
                entries: vec![entry],
            });
        }
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
        if zip.len() > MOST {
            return Err(unreadable(format!("{} files in one archive", zip.len())));
        }
        let mut entries = Vec::new();
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(broken)?;
            let name = entry.name().map_err(broken)?.into_owned();
            if !name.ends_with(".npy") {
                continue;
            }
            if entry.encrypted() {
                return Err(unreadable(format!("the encrypted array {name:?}")));
            }
            let packed = match entry.compression() {
                CompressionMethod::Stored => false,
                CompressionMethod::Deflated => true,
                other => {
                    return Err(unreadable(format!("{name:?}, packed by {other}")));
                }
            };
            let begin = entry.data_start().unwrap_or(0);
            let packed_size = entry.compressed_size();
            if begin.checked_add(packed_size).is_none_or(|end| end > size) {
                return Err(unreadable(format!(
                    "{name:?}, which goes past the end of the file"
                )));
            }
            if !packed && packed_size != entry.size() {
                return Err(unreadable(format!("{name:?}, whose two sizes differ")));
            }
            entries.push(Entry {
                packed,
                begin,
                packed_size,
                size: entry.size(),
                crc: Some(entry.crc32()),
                name,
            });
        }
        let file = Arc::new(File::open(path)?);
        Ok(Archive {
            file,
            size,
            entries,
        })
    }

    /// The bytes of an entry from `at` on. The checksum is compared where all of it is
    /// gone through.
    pub(crate) fn stream(&self, index: usize, at: u64) -> io::Result<Stream> {
        let entry = &self.entries[index];
        // From a place near the beginning all of it is read, so that the checksum counts.
        let skip = if entry.packed || at <= NEAR {
            0
        } else {
            at.min(entry.size)
        };
        let raw = At {
            file: Arc::clone(&self.file),
            at: entry.begin + skip,
            left: entry.packed_size - skip,
        };
        let inner: Box<dyn Read + Send> = match entry.packed {
            true => Box::new(flate2::read::DeflateDecoder::new(BufReader::with_capacity(
                16 << 10,
                raw,
            ))),
            false => Box::new(BufReader::with_capacity(16 << 10, raw)),
        };
        let mut stream = Stream {
            inner,
            crc: flate2::Crc::new(),
            wanted: entry.crc.filter(|_| skip == 0),
            left: entry.size - skip,
        };
        io::copy(&mut (&mut stream).take(at - skip), &mut io::sink())?;
        Ok(stream)
    }
}

fn broken(error: zip::result::ZipError) -> ConvertError {
    match error {
        zip::result::ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            error.into()
        }
        other => unreadable(format!("a broken archive: {other}")),
    }
}

pub(crate) fn unreadable(seen: String) -> ConvertError {
    ConvertError::Unreadable {
        what: "a NumPy archive".to_owned(),
        seen,
    }
}

/// A part of a file, read without moving a position that others share.
struct At {
    file: Arc<File>,
    at: u64,
    left: u64,
}

impl Read for At {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let n = read_at(&self.file, &mut buffer[..most], self.at)?;
        self.at += n as u64;
        self.left -= n as u64;
        Ok(n)
    }
}

#[cfg(unix)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, buffer, at)
}

#[cfg(windows)]
fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, buffer, at)
}

pub(crate) struct Stream {
    inner: Box<dyn Read + Send>,
    crc: flate2::Crc,
    wanted: Option<u32>,
    left: u64,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let n = self.inner.read(&mut buffer[..most])?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= n as u64;
        if let Some(wanted) = self.wanted {
            self.crc.update(&buffer[..n]);
            if self.left == 0 && self.crc.sum() != wanted {
                let detail = "the checksum does not match";
                return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
            }
        }
        Ok(n)
    }
}
