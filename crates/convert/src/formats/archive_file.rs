//! The file that an archive is packed into. The packing library finishes an archive that
//! is dropped, and where that fails it writes so to stderr by itself: a conversion that
//! failed has said so already, and `--json` promises one object there.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// A file that tells its first failure, and after that only pretends to be written.
pub(super) struct ArchiveFile {
    file: File,
    failed: bool,
}

impl ArchiveFile {
    pub(super) fn new(file: File) -> Self {
        ArchiveFile {
            file,
            failed: false,
        }
    }
}

impl Write for ArchiveFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            // Positions stay what whoever finishes the archive counts on.
            self.file.seek(SeekFrom::Current(bytes.len() as i64))?;
            return Ok(bytes.len());
        }
        let written = self.file.write(bytes);
        self.failed = written
            .as_ref()
            .is_err_and(|e| e.kind() != io::ErrorKind::Interrupted);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for ArchiveFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_once_and_the_archive_is_then_left_in_peace() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut zip = zip::ZipWriter::new(ArchiveFile::new(full));
        zip.start_file("a", zip::write::SimpleFileOptions::default())
            .and_then(|()| Ok(zip.write_all(&[1; 1 << 20])?))
            .unwrap_err();
        let mut file = ArchiveFile::new(File::options().write(true).open("/dev/full").unwrap());
        assert!(file.write(b"x").is_err());
        assert_eq!(file.write(b"xy").unwrap(), 2);
    }
}
