//! A file's bytes on their way to the disk: a big one's past the page cache where
//! the file system is known for that, else through it.
//!
//! Only ever writes, at offsets; reserving, setting the size and syncing are the caller's.
//!
//! Why past the cache: the disk works from the first block on, the sync at the end
//! finds nothing left (at most 15 ms after 2 GiB, where writing back left it two
//! seconds), and no program's cached files make room. Written by one thread on two quiet
//! cores, 2 GiB were durable in 1.7 to 3.3 s, our own way through the cache took 5.6 to
//! 6.2 s, and `cp` and `sync` 1.5 to 1.7 s; on busy ones 3.0 to 6.6, 20 to 25, and 4 to 24 s.
//! Why blocks of 1 MiB: of 4 MiB they were no quicker (2 GiB of writing alone: 1.6 and
//! 1.8 s).
//! Why two threads write: while one waits for the disk, the other has already given it the
//! next block. ext4 lets a write that makes a file longer, or takes new space, be alone in
//! it, so both are done first. Measured on the copy alone, on quiet cores: 2 GiB in 2.0 to
//! 2.2 s, where one thread that made the file longer took 1.7 to 3.3 s, `openssl dgst`
//! 1.86 s, and `cp` and `sync` 1.62 s.
//! Through the cache one writes: there a write is alone in its file whatever its size.
//! What it costs: whoever reads the file next reads the disk: 64 MiB in 80 ms rather
//! than 30, 2 GiB on those busy cores in 18 s rather than 1.6.

use crate::blocks::ALIGN;
use crate::durable::{self, set_direct};
use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

/// Written bytes after which the kernel is asked to start writing them back.
const WRITE_BACK: u64 = 16 << 20;
/// Threads that write at once into a file whose size was set first.
const WRITERS: usize = 2;

/// A file that is written at offsets, by several threads at once where they like.
pub(crate) struct Output<'a> {
    file: &'a File,
    /// Whether the descriptor is in direct mode. It is `false` only once the descriptor
    /// left it, for good.
    direct: AtomicBool,
    writers: usize,
}

impl<'a> Output<'a> {
    pub fn through_the_cache(file: &'a File) -> Self {
        Self {
            file,
            direct: AtomicBool::new(false),
            writers: 1,
        }
    }

    pub fn past_the_cache(file: &'a File) -> Self {
        Self {
            direct: AtomicBool::new(is_known(file) && set_direct(file, true)),
            ..Self::through_the_cache(file)
        }
    }

    /// Says that the file has its size and its space already, so that its writes need not
    /// wait for one another.
    pub fn of_set_size(mut self) -> Self {
        self.writers = WRITERS;
        self
    }

    /// How many threads it pays to write with.
    pub fn writers(&self) -> usize {
        self.writers
    }

    pub fn is_direct(&self) -> bool {
        self.direct.load(Ordering::Acquire)
    }

    /// Past the cache go only blocks of a length and at an offset that can; the first one
    /// that cannot, which is the end of a file, turns to the cache for good.
    pub fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut rest, mut at) = (bytes, offset);
        while !rest.is_empty() {
            let mut direct = self.is_direct();
            if direct && !(at | rest.len() as u64).is_multiple_of(ALIGN as u64) {
                self.turn_to_the_cache();
                direct = false;
            }
            match write_some_at(self.file, rest, at) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    rest = &rest[n..];
                    at += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // It took the flag and not the write. Another thread may have turned since.
                Err(e) if direct && e.kind() == io::ErrorKind::InvalidInput => {
                    self.turn_to_the_cache();
                }
                Err(e) => return Err(e),
            }
        }
        let (from, to) = (offset / WRITE_BACK, at / WRITE_BACK);
        if from < to && !self.is_direct() {
            let len = (to - from) * WRITE_BACK;
            durable::start_write_back(self.file, from * WRITE_BACK, len);
        }
        Ok(())
    }

    /// While others write, too: a write keeps the mode that the descriptor had when it
    /// began. One that begins later goes through the cache, to pages of its own.
    fn turn_to_the_cache(&self) {
        // In this order: who sees the new mode here must find it in the descriptor.
        set_direct(self.file, false);
        self.direct.store(false, Ordering::Release);
    }
}

impl Drop for Output<'_> {
    /// The descriptor is handed back as it was.
    fn drop(&mut self) {
        if self.is_direct() {
            self.turn_to_the_cache();
        }
    }
}

/// Writes some of `bytes` without regard to where the descriptor stands.
fn write_some_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::write_at(file, bytes, offset);
    // It moves the descriptor's place as well, which nobody here goes by.
    #[cfg(windows)]
    return std::os::windows::fs::FileExt::seek_write(file, bytes, offset);
}

/// File systems of local disks on which direct writes were tried. Others take the flag too,
/// and then wait for a server with each write, or copy into the cache all the same.
fn is_known(file: &File) -> bool {
    #[cfg(target_os = "linux")]
    {
        // ext2 to ext4 share theirs.
        const EXT: u64 = 0xef53;
        rustix::fs::fstatfs(file).is_ok_and(|about| about.f_type as u64 == EXT)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = file;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blocks::{Block, Blocks};

    fn forced(file: &File) -> Output<'_> {
        Output {
            direct: AtomicBool::new(true),
            ..Output::through_the_cache(file)
        }
    }

    #[cfg(target_os = "linux")]
    fn is_direct(file: &File) -> bool {
        rustix::fs::fcntl_getfl(file)
            .unwrap()
            .contains(rustix::fs::OFlags::DIRECT)
    }

    fn filled(blocks: &mut Blocks, len: usize, with: u8) -> Block {
        let mut block = blocks.take();
        block.room()[..len].fill(with);
        block.filled(len);
        block
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn whole_pages_go_past_the_cache_and_the_end_goes_through_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let out = file.reopen().unwrap();
        let mut blocks = Blocks::new(3 * ALIGN, 1);
        let output = Output::past_the_cache(&out);
        assert_eq!(output.is_direct(), is_known(&out));
        let mut all = Vec::new();
        for (len, still) in [(3 * ALIGN, true), (ALIGN, true), (ALIGN + 5, false)] {
            let block = filled(&mut blocks, len, len as u8 | 1);
            output.write_at(block.bytes(), all.len() as u64).unwrap();
            all.extend_from_slice(block.bytes());
            assert_eq!(output.is_direct(), is_known(&out) && still, "{len}");
            assert_eq!(is_direct(&out), output.is_direct(), "{len}");
        }
        drop(output);
        assert_eq!(std::fs::read(file.path()).unwrap(), all);
    }

    #[test]
    fn a_whole_page_at_an_odd_offset_goes_through_the_cache() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let out = file.reopen().unwrap();
        let output = Output::past_the_cache(&out);
        let block = filled(&mut Blocks::new(ALIGN, 1), ALIGN, 3);
        output.write_at(block.bytes(), 7).unwrap();
        assert!(!output.is_direct());
        drop(output);
        let all = std::fs::read(file.path()).unwrap();
        assert_eq!(all, [vec![0; 7], vec![3; ALIGN]].concat());
    }

    #[test]
    fn the_end_turns_to_the_cache_while_others_write() {
        const THREADS: usize = 4;
        const EACH: usize = 6;
        for round in 0..2 * EACH {
            let file = tempfile::NamedTempFile::new().unwrap();
            let out = file.reopen().unwrap();
            let len = THREADS * EACH * ALIGN;
            out.set_len(len as u64 + 5).unwrap();
            let output = &Output::past_the_cache(&out);
            let start = &std::sync::Barrier::new(THREADS);
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    scope.spawn(move || {
                        let mut blocks = Blocks::new(ALIGN, 1);
                        start.wait();
                        for i in 0..EACH {
                            if thread == 0 && i == round / 2 {
                                output.write_at(&[255; 5], len as u64).unwrap();
                            }
                            let n = i * THREADS + thread;
                            let block = filled(&mut blocks, ALIGN, n as u8);
                            output.write_at(block.bytes(), (n * ALIGN) as u64).unwrap();
                        }
                    });
                }
            });
            assert!(!output.is_direct());
            let all = std::fs::read(file.path()).unwrap();
            assert_eq!(all.len(), len + 5);
            for (n, page) in all.chunks(ALIGN).enumerate() {
                let with = if page.len() < ALIGN { 255 } else { n as u8 };
                assert!(page.iter().all(|b| *b == with), "page {n}, round {round}");
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_descriptor_is_handed_back_as_it_was() {
        let out = tempfile::tempfile().unwrap();
        let output = Output::past_the_cache(&out).of_set_size();
        assert_eq!(is_direct(&out), output.is_direct());
        drop(output);
        assert!(!is_direct(&out));
    }

    #[test]
    fn a_write_that_is_refused_goes_through_the_cache() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let out = file.reopen().unwrap();
        set_direct(&out, true);
        let output = forced(&out);
        // From an address that no disk takes.
        let block = filled(&mut Blocks::new(3 * ALIGN, 1), 3 * ALIGN, 9);
        output
            .write_at(&block.bytes()[1..][..2 * ALIGN], 0)
            .unwrap();
        output
            .write_at(&block.bytes()[..7], 2 * ALIGN as u64)
            .unwrap();
        drop(output);
        assert_eq!(std::fs::read(file.path()).unwrap(), vec![9; 2 * ALIGN + 7]);
    }

    #[test]
    fn writes_that_are_refused_at_once_all_go_through_the_cache() {
        const THREADS: usize = 4;
        for _ in 0..20 {
            let file = tempfile::NamedTempFile::new().unwrap();
            let out = file.reopen().unwrap();
            set_direct(&out, true);
            let output = &forced(&out);
            let start = &std::sync::Barrier::new(THREADS);
            std::thread::scope(|scope| {
                for thread in 0..THREADS {
                    scope.spawn(move || {
                        let block = filled(&mut Blocks::new(2 * ALIGN, 1), 2 * ALIGN, 9);
                        start.wait();
                        let page = &block.bytes()[1..][..ALIGN];
                        output.write_at(page, (thread * ALIGN) as u64).unwrap();
                    });
                }
            });
            let all = std::fs::read(file.path()).unwrap();
            assert_eq!(all, vec![9; THREADS * ALIGN]);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_system_that_is_not_known_is_written_through_the_cache() {
        // A device has no disk of its own, and memory none at all.
        let device = File::options().write(true).open("/dev/null").unwrap();
        assert!(!Output::past_the_cache(&device).is_direct());
        if let Ok(out) = tempfile::tempfile_in("/dev/shm") {
            let output = Output::past_the_cache(&out);
            assert_eq!(output.is_direct(), is_known(&out));
            output.write_at(&[1; 2 * ALIGN], 0).unwrap();
            assert_eq!(out.metadata().unwrap().len(), 2 * ALIGN as u64);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_in_direct_mode_too() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let e = forced(&full).write_at(&[1; ALIGN], 0).unwrap_err();
        assert_eq!(e.kind(), io::ErrorKind::StorageFull);
    }
}
