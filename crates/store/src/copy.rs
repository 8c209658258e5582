//! One pass over a file: read, hash and write at the same time.
//!
//! This thread reads and writes while a second one hashes, so that a big file
//! takes as long as the slower of the two, not their sum.

use crate::{Progress, durable};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};

/// Large enough that a system call costs nothing beside its copy.
const BUFFER: usize = 1 << 20;
/// Buffers the hasher may lag behind.
const LAG: usize = 4;
/// Written bytes after which the kernel is asked to start writing them back.
const WRITE_BACK: u64 = 16 << 20;
/// First bytes kept for recognising the format.
const HEAD: usize = 4096;

pub(crate) struct Copied {
    pub size: u64,
    /// 64 hex digits.
    pub sha256: String,
    /// The first bytes, for recognising the format.
    pub head: Vec<u8>,
}

/// Why a copy ended early, told apart by side.
#[derive(Debug)]
pub(crate) enum CopyError {
    Read(io::Error),
    Write(io::Error),
    Cancelled,
}

/// Reads until one buffer is full or the source ends.
fn fill(source: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// Copies and hashes all of `source`. `dest` may be absent, to hash only. The
/// caller makes the result durable.
pub(crate) fn copy_hashed(
    source: &mut dyn Read,
    dest: Option<&File>,
    progress: &dyn Progress,
) -> Result<Copied, CopyError> {
    let mut first = vec![0; BUFFER];
    let n = fill(source, &mut first).map_err(CopyError::Read)?;
    let head = first[..n.min(HEAD)].to_vec();
    if n < BUFFER {
        // The whole file: no thread is worth it.
        write(dest, &first[..n])?;
        progress.advance(n as u64, 0);
        return Ok(Copied {
            size: n as u64,
            sha256: hex::encode(Sha256::digest(&first[..n])),
            head,
        });
    }
    first.truncate(n);
    std::thread::scope(|scope| {
        let (to_hasher, chunks) = sync_channel::<Arc<Vec<u8>>>(LAG);
        let (give_back, spare) = channel::<Vec<u8>>();
        let spare_again = give_back.clone();
        let hasher = scope.spawn(move || hash_all(chunks, give_back));
        let mut size = 0u64;
        let mut written_back = 0u64;
        let mut buffer = first;
        let outcome = loop {
            if progress.is_cancelled() {
                break Err(CopyError::Cancelled);
            }
            let len = buffer.len() as u64;
            let chunk = Arc::new(buffer);
            if to_hasher.send(Arc::clone(&chunk)).is_err() {
                break Err(CopyError::Read(io::Error::other("the hasher stopped")));
            }
            if let Err(e) = write(dest, &chunk) {
                break Err(e);
            }
            size += len;
            if let Some(dest) = dest
                && size - written_back >= WRITE_BACK
            {
                durable::start_write_back(dest, written_back, size - written_back);
                written_back = size;
            }
            progress.advance(len, 0);
            if let Ok(used) = Arc::try_unwrap(chunk) {
                let _ = spare_again.send(used);
            }
            let mut next = spare.try_recv().unwrap_or_default();
            next.resize(BUFFER, 0);
            match fill(source, &mut next) {
                Ok(0) => break Ok(()),
                Ok(n) => {
                    next.truncate(n);
                    buffer = next;
                }
                Err(e) => break Err(CopyError::Read(e)),
            }
        };
        drop(to_hasher);
        let digest = hasher
            .join()
            .map_err(|_| CopyError::Read(io::Error::other("the hasher stopped")))?;
        outcome?;
        Ok(Copied {
            size,
            sha256: hex::encode(digest),
            head,
        })
    })
}

fn hash_all(chunks: Receiver<Arc<Vec<u8>>>, give_back: Sender<Vec<u8>>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for chunk in chunks {
        hasher.update(&*chunk);
        if let Ok(used) = Arc::try_unwrap(chunk) {
            let _ = give_back.send(used);
        }
    }
    hasher.finalize().into()
}

fn write(dest: Option<&File>, bytes: &[u8]) -> Result<(), CopyError> {
    match dest {
        Some(mut dest) => dest.write_all(bytes).map_err(CopyError::Write),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_around_a_buffer_is_copied_and_hashed() {
        for len in [
            0,
            1,
            BUFFER - 1,
            BUFFER,
            BUFFER + 1,
            3 * BUFFER,
            9 * BUFFER + 7,
        ] {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 31 % 251) as u8).collect();
            let file = tempfile::NamedTempFile::new().unwrap();
            let out = file.reopen().unwrap();
            let copied = copy_hashed(&mut &bytes[..], Some(&out), &()).unwrap();
            assert_eq!(copied.size, len as u64);
            assert_eq!(copied.sha256, hex::encode(Sha256::digest(&bytes)));
            assert_eq!(std::fs::read(file.path()).unwrap(), bytes);
            assert_eq!(copied.head, bytes[..len.min(HEAD)]);
        }
    }

    #[test]
    fn a_full_disk_is_a_write_error() {
        #[cfg(target_os = "linux")]
        {
            let full = std::fs::OpenOptions::new()
                .write(true)
                .open("/dev/full")
                .unwrap();
            let bytes = vec![1; 3 * BUFFER];
            assert!(matches!(
                copy_hashed(&mut &bytes[..], Some(&full), &()),
                Err(CopyError::Write(e)) if e.kind() == io::ErrorKind::StorageFull
            ));
        }
    }
}
