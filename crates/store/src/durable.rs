//! The few file-system calls that durability rests on, each with its fallback.
//!
//! The order they are used in is the store's promise against power loss: write,
//! fsync, rename without replacing, fsync of the folder, and only then a row.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a folder for its owner alone; its parents must exist.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    #[allow(unused_mut)]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Options that create a new file for its owner alone and never follow a link.
pub(crate) fn private_new() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens for reading, refusing a link in the last place, and never blocking on
/// a pipe that nobody writes to.
pub(crate) fn open_no_follow(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags as i32);
    }
    #[cfg(not(unix))]
    if fs::symlink_metadata(path)?.file_type().is_symlink() {
        return Err(io::Error::other("a link"));
    }
    options.open(path)
}

/// Whether opening failed because the last component is a link (`ELOOP`).
pub(crate) fn is_link_error(e: &io::Error) -> bool {
    #[cfg(unix)]
    return e.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    #[cfg(not(unix))]
    return e.to_string() == "a link";
}

/// Makes a folder's entries durable. Where folders cannot be opened (Windows),
/// the file system's own journal orders them.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return File::open(path)?.sync_all();
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(())
    }
}

/// Makes everything written so far on the file system of `dir` durable: one
/// call for a batch of small files instead of one for each. Returns whether the
/// platform has it; where not, the caller must fsync file by file.
pub(crate) fn sync_file_system(dir: &File) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        rustix::fs::syncfs(dir)?;
        Ok(true)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = dir;
        Ok(false)
    }
}

/// Asks the kernel to start writing a range back now, so that the fsync at the
/// end finds little left to do. A hint: failures do not matter.
pub(crate) fn start_write_back(file: &File, offset: u64, len: u64) {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        // SAFETY: sync_file_range takes a descriptor we own for the length of
        // the call and two integers; it touches no memory of ours.
        unsafe {
            libc::sync_file_range(
                file.as_raw_fd(),
                offset as i64,
                len as i64,
                libc::SYNC_FILE_RANGE_WRITE,
            );
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, offset, len);
}

/// Reserves the first `len` bytes of a new file. Where `sized`, it also has that length
/// from now on, as zeros; returns whether it does. Where the file system cannot, the file
/// grows as it is written: a length without space would not spare a write of taking it,
/// and where ext4 maps blocks as ext3 did, it sends each past the cache through it after
/// all. The only failure is a disk without room.
pub(crate) fn reserve(file: &File, len: u64, sized: bool) -> io::Result<bool> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{FallocateFlags, fallocate};
        use rustix::io::Errno;
        let flags = if sized {
            FallocateFlags::empty()
        } else {
            FallocateFlags::KEEP_SIZE
        };
        match fallocate(file, flags, 0, len) {
            Ok(()) => Ok(sized),
            Err(e @ (Errno::NOSPC | Errno::DQUOT)) => Err(e.into()),
            Err(_) => Ok(false),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, len, sized);
        Ok(false)
    }
}

/// Makes writes to `file` go past the page cache, or through it again. Returns whether
/// it is so now; the file system has a say in it.
pub(crate) fn set_direct(file: &File, on: bool) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
        fcntl_getfl(file)
            .map(|mut flags| {
                flags.set(OFlags::DIRECT, on);
                flags
            })
            .and_then(|flags| fcntl_setfl(file, flags))
            .is_ok()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = file;
        !on
    }
}

/// Renames without ever replacing what is there: `AlreadyExists` instead.
pub(crate) fn rename_no_replace(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(()),
            // Not every file system has the flag; a hard link has the same promise.
            Err(
                rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP,
            ) => {}
            Err(e) => return Err(e.into()),
        }
        fs::hard_link(from, to)?;
        fs::remove_file(from)
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    {
        // A hard link never replaces; the name in `partial/` then goes.
        fs::hard_link(from, to)?;
        fs::remove_file(from)
    }
}

/// Bytes free to this user on the file system of `path`; `u64::MAX` if unknown, as
/// where a file system has no size (`/proc`).
pub(crate) fn free_space(path: &Path) -> u64 {
    #[cfg(unix)]
    return match rustix::fs::statvfs(path) {
        Ok(about) if about.f_blocks > 0 => about.f_bavail.saturating_mul(about.f_frsize),
        _ => u64::MAX,
    };
    #[cfg(not(unix))]
    {
        let _ = path;
        u64::MAX
    }
}

/// Modification time in nanoseconds since 1970; 0 where there is none.
pub(crate) fn mtime_ns(meta: &fs::Metadata) -> i64 {
    meta.modified()
        .ok()
        .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok())
        .map_or(0, |d| d.as_nanos() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_system_without_a_size_is_not_full() {
        assert_eq!(free_space(Path::new("/proc")), u64::MAX);
        assert!(free_space(&std::env::temp_dir()) < u64::MAX);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn space_is_reserved_with_a_length_or_without() {
        for sized in [false, true] {
            let file = tempfile::tempfile().unwrap();
            let is = reserve(&file, 100_000, sized).unwrap();
            assert!(sized || !is);
            let about = file.metadata().unwrap();
            assert_eq!(about.len(), if is { 100_000 } else { 0 });
        }
        // A device has no space of its own to give.
        let device = File::options().write(true).open("/dev/null").unwrap();
        assert!(!reserve(&device, 100_000, true).unwrap());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_without_room_is_told_when_space_is_reserved() {
        const TMPFS: u64 = 0x0102_1994;
        // It knows at once; others take all the space there is before they know.
        let Ok(file) = tempfile::tempfile_in("/dev/shm") else {
            return;
        };
        let (about, size) = (
            rustix::fs::fstatfs(&file).unwrap(),
            rustix::fs::fstatvfs(&file).unwrap(),
        );
        if about.f_type as u64 != TMPFS || size.f_blocks == 0 {
            return;
        }
        for sized in [false, true] {
            let e = reserve(&file, (size.f_blocks + 1) * size.f_frsize, sized).unwrap_err();
            assert_eq!(e.kind(), io::ErrorKind::StorageFull);
            assert_eq!(file.metadata().unwrap().len(), 0);
        }
    }

    #[test]
    fn renaming_never_replaces() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, "new").unwrap();
        fs::write(&b, "old").unwrap();
        let e = rename_no_replace(&a, &b).unwrap_err();
        assert_eq!(e.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&b).unwrap(), b"old");
        assert_eq!(fs::read(&a).unwrap(), b"new");
        rename_no_replace(&a, &dir.path().join("c")).unwrap();
        assert!(!a.exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/hostname", &link).unwrap();
        assert!(is_link_error(&open_no_follow(&link).unwrap_err()));
    }
}
