//! A file that several threads read at once, each at places of its own.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// The library's own way for a file moves one shared position about, which two threads
/// would take from each other. This one has none.
#[derive(Clone)]
pub(super) struct Positioned {
    file: Arc<File>,
    length: u64,
}

impl Positioned {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Positioned {
            file: Arc::new(file),
            length,
        })
    }

    /// A few bytes from a place.
    pub(super) fn bytes(&self, start: u64, length: usize) -> crate::error::Result<Vec<u8>> {
        let bytes = self
            .get_bytes(start, length)
            .map_err(super::parquet_error)?;
        Ok(bytes.to_vec())
    }
}

pub(crate) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_at(file, buffer, at);
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_read(file, buffer, at);
}

impl Length for Positioned {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Positioned {
    type T = BufReader<Stretch>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::with_capacity(
            64 << 10,
            Stretch {
                of: self.clone(),
                at: start,
            },
        ))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // The file states the length: it must be there before room is made for it.
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at {start} are not there"
            )));
        }
        let mut buffer = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match read_at(&self.file, &mut buffer[filled..], start + filled as u64)? {
                0 => return Err(ParquetError::EOF("the file got shorter".to_owned())),
                n => filled += n,
            }
        }
        Ok(buffer.into())
    }
}

/// Stretch a place of the file on.
pub(super) struct Stretch {
    of: Positioned,
    at: u64,
}

impl Read for Stretch {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = read_at(&self.of.file, buffer, self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}
