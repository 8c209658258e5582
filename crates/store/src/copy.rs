//! One pass over a file: read, hash and write at the same time.
//!
//! This thread reads, a second one hashes and a third one writes, or two write at once,
//! so that a big file takes as long as the slowest of the three, not their sum.

use crate::Progress;
use crate::blocks::{ALIGN, Block, Blocks};
use crate::direct::Output;
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};

/// Large enough that a system call costs nothing beside its copy, and a disk is not asked for
/// more often than it likes to be.
const BLOCK: usize = 2 << 20;
/// Blocks that are read, hashed and written at one time: with fewer, one of the three waits
/// whenever another stumbles.
const BLOCKS: usize = 12;
/// A small file gets no larger a buffer than it can fill: clearing it would cost more than the
/// file.
const LEAST: usize = 16 << 10;
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

/// A whole number of pages, one of which stays empty where the file is as long as it said:
/// so that the first look shows its end.
fn block_size(expected: Option<u64>) -> usize {
    let needed = expected
        .and_then(|n| usize::try_from(n).ok())
        .map_or(BLOCK, |n| n.min(BLOCK));
    (needed + 1).next_multiple_of(ALIGN).clamp(LEAST, BLOCK)
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

/// Copies and hashes all of `source`, which is about `expected` bytes long where that is
/// known. `dest` may be absent, to hash only. The caller makes the result durable.
pub(crate) fn copy_hashed(
    source: &mut dyn Read,
    expected: Option<u64>,
    dest: Option<Output<'_>>,
    progress: &dyn Progress,
) -> Result<Copied, CopyError> {
    let room = block_size(expected);
    let mut blocks = Blocks::new(room, BLOCKS);
    let mut first = blocks.take();
    let n = fill(source, first.room()).map_err(CopyError::Read)?;
    first.filled(n);
    let head = first.bytes()[..n.min(HEAD)].to_vec();
    if n < room {
        // The whole file: no thread is worth it.
        if let Some(dest) = dest {
            dest.write_at(first.bytes(), 0).map_err(CopyError::Write)?;
        }
        progress.advance(n as u64, 0);
        return Ok(Copied {
            size: n as u64,
            sha256: hex::encode(Sha256::digest(first.bytes())),
            head,
        });
    }
    let stop = AtomicBool::new(false);
    let dest = dest.as_ref();
    std::thread::scope(|scope| {
        let gone = || CopyError::Read(io::Error::other("a thread of the copy stopped"));
        let stop = &stop;
        // Neither queue ever holds more than there are blocks.
        let (to_hasher, chunks) = channel();
        let hasher = scope.spawn(move || hash_all(chunks));
        let writers = dest.map(|dest| {
            let (to_writers, chunks) = channel();
            // Theirs alone: the last of them that ends lets go of what was not taken,
            // for which the reading may wait.
            let chunks = Arc::new(Mutex::new(chunks));
            let handles: Vec<_> = (0..dest.writers())
                .map(|_| {
                    let chunks = Arc::clone(&chunks);
                    scope.spawn(move || write_all(dest, &chunks, stop, progress))
                })
                .collect();
            (to_writers, handles)
        });
        let mut size = 0;
        let mut block = first;
        let mut outcome = loop {
            if progress.is_cancelled() {
                break Err(CopyError::Cancelled);
            }
            if stop.load(Ordering::Relaxed) {
                // A writer says why.
                break Ok(());
            }
            let len = block.bytes().len() as u64;
            let read = Arc::new(block);
            if let Some((to_writers, _)) = &writers
                && to_writers.send((size, Arc::clone(&read))).is_err()
            {
                break Err(gone());
            }
            if to_hasher.send(read).is_err() {
                break Err(gone());
            }
            size += len;
            if writers.is_none() {
                progress.advance(len, 0);
            }
            let mut next = blocks.take();
            match fill(source, next.room()) {
                Ok(0) => break Ok(()),
                Ok(n) => {
                    next.filled(n);
                    block = next;
                }
                Err(e) => break Err(CopyError::Read(e)),
            }
        };
        if outcome.is_err() {
            // What is read but not written yet need not be.
            stop.store(true, Ordering::Relaxed);
        }
        drop(to_hasher);
        if let Some((to_writers, handles)) = writers {
            drop(to_writers);
            let mut written = Ok(());
            // All of them, whichever failed.
            for handle in handles {
                written = written.and(handle.join().map_err(|_| gone()).flatten());
            }
            // If it failed, that is why the reading ended.
            outcome = written.and(outcome);
        }
        let digest = hasher.join().map_err(|_| gone())?;
        outcome?;
        Ok(Copied {
            size,
            sha256: hex::encode(digest),
            head,
        })
    })
}

fn hash_all(chunks: Receiver<Arc<Block>>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for block in chunks {
        hasher.update(block.bytes());
    }
    hasher.finalize().into()
}

/// A block and where in the file it lies.
type Chunk = (u64, Arc<Block>);

/// Writes what it gets hold of, until it fails or is told to stop.
fn write_all(
    dest: &Output<'_>,
    chunks: &Mutex<Receiver<Chunk>>,
    stop: &AtomicBool,
    progress: &dyn Progress,
) -> Result<(), CopyError> {
    loop {
        // One waits for the next block, the other for its turn to.
        let Ok((offset, block)) = chunks.lock().recv() else {
            return Ok(());
        };
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        if let Err(e) = dest.write_at(block.bytes(), offset) {
            stop.store(true, Ordering::Relaxed);
            return Err(CopyError::Write(e));
        }
        progress.advance(block.bytes().len() as u64, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::sync::atomic::AtomicU64;

    fn past(file: &File) -> Output<'_> {
        Output::past_the_cache(file)
    }

    fn through(file: &File) -> Output<'_> {
        Output::through_the_cache(file)
    }

    /// By several threads, into a file that has no size yet.
    fn at_once(file: &File) -> Output<'_> {
        past(file).of_set_size()
    }

    const WAYS: [fn(&File) -> Output<'_>; 3] = [past, through, at_once];

    const LENGTHS: [usize; 16] = [
        0,
        1,
        ALIGN - 1,
        ALIGN,
        ALIGN + 1,
        BLOCK - ALIGN,
        BLOCK - 1,
        BLOCK,
        BLOCK + 1,
        BLOCK + ALIGN,
        BLOCK + ALIGN + 511,
        2 * BLOCK - 512,
        3 * BLOCK,
        BLOCKS * BLOCK,
        BLOCKS * BLOCK + 1,
        (BLOCKS + 3) * BLOCK + 7,
    ];

    /// Counts what is told, and is cancelled once this much was.
    struct Until(AtomicU64, u64);

    impl Progress for Until {
        fn phase(&self, _: &str) {}
        fn set_total(&self, _: Option<u64>, _: Option<u64>) {}
        fn advance(&self, bytes: u64, _: u64) {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
        fn is_cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) >= self.1
        }
    }

    /// Gives odd pieces, then fails where it is told to.
    struct Pieces<'a>(&'a [u8], bool);

    impl Read for Pieces<'_> {
        fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() && self.1 {
                return Err(io::Error::other("gone"));
            }
            let n = room.len().min(self.0.len()).min(77_777);
            room[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn noise(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 % 251) as u8).collect()
    }

    #[test]
    fn every_length_around_a_block_and_a_page_is_copied_and_hashed() {
        for len in LENGTHS {
            let bytes = noise(len);
            let sha256 = hex::encode(Sha256::digest(&bytes));
            let told = Until(AtomicU64::new(0), u64::MAX);
            for way in WAYS {
                let file = tempfile::NamedTempFile::new().unwrap();
                let out = file.reopen().unwrap();
                told.0.store(0, Ordering::Relaxed);
                let copied =
                    copy_hashed(&mut Pieces(&bytes, false), None, Some(way(&out)), &told).unwrap();
                assert_eq!(copied.size, len as u64);
                assert_eq!(copied.sha256, sha256);
                assert!(std::fs::read(file.path()).unwrap() == bytes, "{len}");
                assert_eq!(copied.head, bytes[..len.min(HEAD)]);
                assert_eq!(told.0.load(Ordering::Relaxed), len as u64);
            }
            told.0.store(0, Ordering::Relaxed);
            let hashed = copy_hashed(&mut &bytes[..], None, None, &told).unwrap();
            assert_eq!((hashed.size, hashed.sha256), (len as u64, sha256));
            assert_eq!(told.0.load(Ordering::Relaxed), len as u64);
        }
    }

    #[test]
    fn the_space_reserved_for_a_file_is_filled_and_no_more() {
        let bytes = noise(5 * BLOCK + 99);
        for way in WAYS {
            let file = tempfile::NamedTempFile::new().unwrap();
            let out = file.reopen().unwrap();
            #[cfg(target_os = "linux")]
            {
                use rustix::fs::{FallocateFlags, fallocate};
                let more = bytes.len() as u64 + 3 * BLOCK as u64;
                // Where it cannot, the copy has to do without.
                let _ = fallocate(&out, FallocateFlags::KEEP_SIZE, 0, more);
            }
            copy_hashed(&mut &bytes[..], None, Some(way(&out)), &()).unwrap();
            out.sync_all().unwrap();
            assert!(std::fs::read(file.path()).unwrap() == bytes);
        }
    }

    #[test]
    fn what_was_expected_changes_nothing() {
        for len in [
            0,
            1,
            LEAST - 1,
            LEAST,
            LEAST + 1,
            5 * LEAST,
            BLOCK,
            3 * BLOCK + 7,
        ] {
            let bytes = noise(len);
            let sha256 = hex::encode(Sha256::digest(&bytes));
            for expected in [0, 1, len / 2, len.saturating_sub(1), len, len + 1, 9 * len] {
                for way in WAYS {
                    let file = tempfile::NamedTempFile::new().unwrap();
                    let out = file.reopen().unwrap();
                    let source = &mut Pieces(&bytes, false);
                    let copied =
                        copy_hashed(source, Some(expected as u64), Some(way(&out)), &()).unwrap();
                    assert_eq!((copied.size, &copied.sha256), (len as u64, &sha256));
                    assert!(
                        std::fs::read(file.path()).unwrap() == bytes,
                        "{len} of {expected}"
                    );
                }
            }
        }
        assert_eq!(block_size(None), BLOCK);
        assert_eq!(block_size(Some(0)), LEAST);
        assert_eq!(block_size(Some(u64::MAX)), BLOCK);
        assert_eq!(block_size(Some(10 * LEAST as u64)), 10 * LEAST + ALIGN);
    }

    /// A file whose size was set first, to what its source was said to have.
    fn sized(said: usize) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        if !crate::durable::reserve(file.as_file(), said as u64, true).unwrap_or(false) {
            file.as_file().set_len(said as u64).unwrap();
        }
        file
    }

    #[test]
    fn writers_at_once_fill_a_file_whose_size_was_set_first() {
        for len in LENGTHS {
            let bytes = noise(len);
            let sha256 = hex::encode(Sha256::digest(&bytes));
            // As long as it is, shorter, and longer.
            for said in [len, len / 2 + 1, len + 2 * BLOCK + 99] {
                let file = sized(said);
                let out = file.reopen().unwrap();
                let told = Until(AtomicU64::new(0), u64::MAX);
                let copied =
                    copy_hashed(&mut Pieces(&bytes, false), None, Some(at_once(&out)), &told)
                        .unwrap();
                assert_eq!((copied.size, &copied.sha256), (len as u64, &sha256));
                assert_eq!(told.0.into_inner(), len as u64);
                let mut all = std::fs::read(file.path()).unwrap();
                assert_eq!(all.len(), len.max(said));
                assert!(all.drain(len..).all(|b| b == 0), "{len} of {said}");
                assert!(all == bytes, "{len} of {said}");
            }
        }
    }

    #[test]
    fn a_source_that_pauses_at_odd_places_is_copied_whole() {
        /// Ends for a moment this far before every other block's end, as a file that
        /// still grows may.
        struct Growing<'a>(&'a [u8], usize, usize);
        impl Read for Growing<'_> {
            fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
                self.1 += 1;
                let n = match self.1 % 4 {
                    0 => 0,
                    _ => room.len().min(self.0.len()).min(BLOCK - self.2),
                };
                room[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let bytes = noise(9 * BLOCK);
        for way in WAYS {
            for before in [5, ALIGN] {
                let file = tempfile::NamedTempFile::new().unwrap();
                let out = file.reopen().unwrap();
                let mut source = Growing(&bytes, 0, before);
                let copied = copy_hashed(&mut source, None, Some(way(&out)), &()).unwrap();
                assert_eq!(copied.size, bytes.len() as u64);
                assert_eq!(copied.sha256, hex::encode(Sha256::digest(&bytes)));
                assert!(std::fs::read(file.path()).unwrap() == bytes);
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_a_write_error_and_ends_the_copy() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        for way in WAYS {
            for _ in 0..10 {
                // A source without an end: only the failure can end it.
                assert!(matches!(
                    copy_hashed(&mut io::repeat(1), None, Some(way(&full)), &()),
                    Err(CopyError::Write(e)) if e.kind() == io::ErrorKind::StorageFull
                ));
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn one_writer_that_fails_ends_the_others() {
        use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
        for (way, room) in WAYS.into_iter().zip([3, 4, 5]).cycle().take(12) {
            // What lies in this much of it is written, and not a byte more.
            let out = memfd_create("full", MemfdFlags::ALLOW_SEALING).unwrap();
            let out = File::from(out);
            out.set_len(room * BLOCK as u64).unwrap();
            fcntl_add_seals(&out, SealFlags::GROW).unwrap();
            let told = Until(AtomicU64::new(0), u64::MAX);
            assert!(matches!(
                copy_hashed(&mut io::repeat(1), None, Some(way(&out)), &told),
                Err(CopyError::Write(e)) if e.kind() == io::ErrorKind::PermissionDenied
            ));
            assert!(told.0.into_inner() <= room * BLOCK as u64);
        }
    }

    #[test]
    fn writers_that_panic_end_the_copy() {
        struct Panics;
        impl Progress for Panics {
            fn phase(&self, _: &str) {}
            fn set_total(&self, _: Option<u64>, _: Option<u64>) {}
            fn advance(&self, _: u64, _: u64) {
                panic!("told to")
            }
            fn is_cancelled(&self) -> bool {
                false
            }
        }
        for way in WAYS {
            let out = tempfile::tempfile().unwrap();
            assert!(copy_hashed(&mut io::repeat(1), None, Some(way(&out)), &Panics).is_err());
        }
    }

    #[test]
    fn a_source_that_fails_is_a_read_error() {
        let bytes = noise(3 * BLOCK + 5);
        for way in WAYS {
            let out = tempfile::tempfile().unwrap();
            assert!(matches!(
                copy_hashed(&mut Pieces(&bytes, true), None, Some(way(&out)), &()),
                Err(CopyError::Read(e)) if e.to_string() == "gone"
            ));
        }
    }

    #[test]
    fn a_cancelled_copy_of_anything_ends() {
        for way in WAYS {
            let out = tempfile::tempfile().unwrap();
            let progress = Until(AtomicU64::new(0), 5 * BLOCK as u64);
            assert!(matches!(
                copy_hashed(&mut io::repeat(1), None, Some(way(&out)), &progress),
                Err(CopyError::Cancelled)
            ));
            let written = out.metadata().unwrap().len();
            assert!(written <= (6 + BLOCKS as u64) * BLOCK as u64, "{written}");
        }
        let out = sized(64 * BLOCK).reopen().unwrap();
        let progress = Until(AtomicU64::new(0), 5 * BLOCK as u64);
        assert!(matches!(
            copy_hashed(&mut io::repeat(1), None, Some(at_once(&out)), &progress),
            Err(CopyError::Cancelled)
        ));
        assert!(progress.0.into_inner() <= (6 + BLOCKS as u64) * BLOCK as u64);
    }
}
