//! Whose turn it is to hold the catalog.
//!
//! DuckDB allows one process at a time and says so only by failing, so a lock
//! file of ours stands beside the catalog. Who holds it writes its pid there;
//! who wants it holds a shared lock on a second file, which the holder looks at
//! after each operation and lets go. Both locks vanish with their process.

use crate::{Result, StoreError, durable};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The lock files of one store.
pub(crate) struct LeaseFiles {
    held: PathBuf,
    wanted: PathBuf,
    holder: String,
}

/// Proof that this process may open the catalog; dropping it lets go.
pub(crate) struct Lease {
    // Closing the file releases the lock.
    _file: File,
}

impl LeaseFiles {
    pub fn new(private: &Path, holder: &str) -> Self {
        Self {
            held: private.join("lease"),
            wanted: private.join("lease-wanted"),
            holder: holder.to_owned(),
        }
    }

    /// Waits with growing pauses until the catalog is free or `patience` is over.
    pub fn acquire(&self, patience: Duration) -> Result<Lease> {
        let mut file = open_lock(&self.held)?;
        if self.try_hold(&mut file)? {
            return Ok(Lease { _file: file });
        }
        let wanted = open_lock(&self.wanted)?;
        // A shared lock cannot wait long: a holder tries for it only for an instant.
        wanted
            .lock_shared()
            .map_err(|e| StoreError::io("the store's lock", e))?;
        let deadline = Instant::now() + patience;
        let mut pause = Duration::from_millis(5);
        loop {
            if self.try_hold(&mut file)? {
                return Ok(Lease { _file: file });
            }
            if Instant::now() >= deadline {
                return Err(self.busy(&mut file));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// Whether another process waits for the lease.
    pub fn is_wanted(&self) -> bool {
        let Ok(wanted) = open_lock(&self.wanted) else {
            return false;
        };
        matches!(wanted.try_lock(), Err(TryLockError::WouldBlock))
    }

    fn try_hold(&self, file: &mut File) -> Result<bool> {
        match file.try_lock() {
            Ok(()) => {
                let line = format!("{} {}\n", std::process::id(), self.holder);
                // For messages only; a failure to write it must not stop the work.
                let _ = file
                    .set_len(0)
                    .and_then(|()| file.seek(SeekFrom::Start(0)))
                    .and_then(|_| file.write_all(line.as_bytes()));
                Ok(true)
            }
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(e)) => Err(StoreError::io("the store's lock", e)),
        }
    }

    fn busy(&self, file: &mut File) -> StoreError {
        let mut text = String::new();
        let _ = file.seek(SeekFrom::Start(0));
        let _ = file.take(200).read_to_string(&mut text);
        let mut words = text.trim().splitn(2, ' ');
        StoreError::Busy {
            pid: words.next().and_then(|w| w.parse().ok()),
            holder: words.next().unwrap_or("another program").to_owned(),
        }
    }
}

/// Opens a lock file, making it if it is new. Its content is never trusted.
pub(crate) fn open_lock(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32);
    }
    options.open(path).map_err(|e| {
        if durable::is_link_error(&e) {
            StoreError::LinkInStore {
                name: crate::layout::name_of(path),
            }
        } else if e.kind() == std::io::ErrorKind::NotFound {
            // The lock is made where it is missing; its folder goes with the store.
            StoreError::Gone
        } else {
            StoreError::io("the store's folder", e)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_the_other_waits_and_is_told_who() {
        let dir = tempfile::tempdir().unwrap();
        let a = LeaseFiles::new(dir.path(), "window");
        let b = LeaseFiles::new(dir.path(), "command line");
        let held = a.acquire(Duration::ZERO).unwrap();
        assert!(!a.is_wanted());
        match b.acquire(Duration::from_millis(30)) {
            Err(StoreError::Busy { pid, holder }) => {
                assert_eq!(pid, Some(std::process::id()));
                assert_eq!(holder, "window");
            }
            other => panic!("{:?}", other.err()),
        }
        std::thread::scope(|s| {
            let waiter = s.spawn(|| b.acquire(Duration::from_secs(10)).is_ok());
            while !a.is_wanted() {
                std::thread::sleep(Duration::from_millis(1));
            }
            drop(held);
            assert!(waiter.join().unwrap());
        });
        assert!(!a.is_wanted());
    }
}
