//! A file's bytes on their way to the disk: a big one's past the page cache where
//! the file system is known for that, else through it.
//!
//! Only ever writes, from front to back; reserving and syncing are the caller's.
//!
//! Why past the cache: the disk works from the first block on, the sync at the end
//! finds nothing left (at most 15 ms after 2 GiB, where writing back left it two
//! seconds), and no program's cached files make room. On two quiet cores 2 GiB were
//! durable in 1.7 to 3.3 s, our own way through the cache took 5.6 to 6.2 s, and `cp`
//! and `sync` 1.5 to 1.7 s; on busy ones 3.0 to 6.6, 20 to 25, and 4 to 24 s.
//! Why blocks of 1 MiB: of 4 MiB they were no quicker (2 GiB of writing alone: 1.6 and
//! 1.8 s). One thread writes, since a write that makes a file longer is alone in it; two
//! over a file whose size was set first took 2.0 and 2.2 s on the quiet cores.
//! What it costs: whoever reads the file next reads the disk: 64 MiB in 80 ms rather
//! than 30, 2 GiB on those busy cores in 18 s rather than 1.6.

use crate::blocks::ALIGN;
use crate::durable::{self, set_direct};
use std::fs::File;
use std::io::{self, Write};

/// Written bytes after which the kernel is asked to start writing them back.
const WRITE_BACK: u64 = 16 << 20;

/// A file that is written from front to back.
pub(crate) struct Output<'a> {
    file: &'a File,
    /// Whether the descriptor is in direct mode.
    direct: bool,
    written: u64,
    /// Where writing back was not asked for yet.
    not_started: u64,
}

impl<'a> Output<'a> {
    pub fn through_the_cache(file: &'a File) -> Self {
        Self {
            file,
            direct: false,
            written: 0,
            not_started: 0,
        }
    }

    pub fn past_the_cache(file: &'a File) -> Self {
        Self {
            direct: is_known(file) && set_direct(file, true),
            ..Self::through_the_cache(file)
        }
    }

    /// Appends. Past the cache go only blocks of a length that can; the first one that
    /// cannot, which is the end of a file, turns to the cache for good.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.direct && !rest.len().is_multiple_of(ALIGN) {
                self.turn_to_the_cache();
            }
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => rest = &rest[n..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // It took the flag and not the write.
                Err(e) if self.direct && e.kind() == io::ErrorKind::InvalidInput => {
                    self.turn_to_the_cache();
                }
                Err(e) => return Err(e),
            }
        }
        self.written += bytes.len() as u64;
        if self.direct {
            self.not_started = self.written;
        } else if self.written - self.not_started >= WRITE_BACK {
            let len = self.written - self.not_started;
            durable::start_write_back(self.file, self.not_started, len);
            self.not_started = self.written;
        }
        Ok(())
    }

    fn turn_to_the_cache(&mut self) {
        set_direct(self.file, false);
        self.direct = false;
    }
}

impl Drop for Output<'_> {
    /// The descriptor is handed back as it was.
    fn drop(&mut self) {
        if self.direct {
            self.turn_to_the_cache();
        }
    }
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
    use crate::blocks::Blocks;

    fn forced(file: &File) -> Output<'_> {
        Output {
            direct: true,
            ..Output::through_the_cache(file)
        }
    }

    #[cfg(target_os = "linux")]
    fn is_direct(file: &File) -> bool {
        rustix::fs::fcntl_getfl(file)
            .unwrap()
            .contains(rustix::fs::OFlags::DIRECT)
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn whole_pages_go_past_the_cache_and_the_end_goes_through_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let out = file.reopen().unwrap();
        let mut blocks = Blocks::new(3 * ALIGN, 1);
        let mut output = Output::past_the_cache(&out);
        assert_eq!(output.direct, is_known(&out));
        let mut all = Vec::new();
        for (len, still) in [(3 * ALIGN, true), (ALIGN, true), (ALIGN + 5, false)] {
            let mut block = blocks.take();
            block.room().fill(len as u8 | 1);
            block.filled(len);
            output.write(block.bytes()).unwrap();
            all.extend_from_slice(block.bytes());
            assert_eq!(output.direct, is_known(&out) && still, "{len}");
            assert_eq!(is_direct(&out), output.direct, "{len}");
        }
        drop(output);
        assert_eq!(std::fs::read(file.path()).unwrap(), all);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_descriptor_is_handed_back_as_it_was() {
        let out = tempfile::tempfile().unwrap();
        let output = Output::past_the_cache(&out);
        assert_eq!(is_direct(&out), output.direct);
        drop(output);
        assert!(!is_direct(&out));
    }

    #[test]
    fn a_write_that_is_refused_goes_through_the_cache() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let out = file.reopen().unwrap();
        set_direct(&out, true);
        let mut output = forced(&out);
        // From an address that no disk takes.
        let mut blocks = Blocks::new(3 * ALIGN, 1);
        let mut block = blocks.take();
        block.room().fill(9);
        block.filled(3 * ALIGN);
        output.write(&block.bytes()[1..][..2 * ALIGN]).unwrap();
        output.write(&block.bytes()[..7]).unwrap();
        drop(output);
        assert_eq!(std::fs::read(file.path()).unwrap(), vec![9; 2 * ALIGN + 7]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_system_that_is_not_known_is_written_through_the_cache() {
        // A device has no disk of its own, and memory none at all.
        let device = File::options().write(true).open("/dev/null").unwrap();
        assert!(!Output::past_the_cache(&device).direct);
        if let Ok(out) = tempfile::tempfile_in("/dev/shm") {
            let mut output = Output::past_the_cache(&out);
            assert_eq!(output.direct, is_known(&out));
            output.write(&[1; 2 * ALIGN]).unwrap();
            assert_eq!(out.metadata().unwrap().len(), 2 * ALIGN as u64);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_in_direct_mode_too() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let e = forced(&full).write(&[1; ALIGN]).unwrap_err();
        assert_eq!(e.kind(), io::ErrorKind::StorageFull);
    }
}
