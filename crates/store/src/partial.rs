//! Folders for work in progress. Each is locked by the process that works in
//! it, so that a sweep can tell an orphan from a neighbour's work.

use crate::layout::Layout;
use crate::lease::open_lock;
use crate::{Result, StoreError, aside, durable};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use ulid::Ulid;

/// Serialises making a folder against sweeping, so that a folder is never seen
/// without its lock.
fn gate(layout: &Layout) -> Result<File> {
    open_lock(&layout.partial().join(".gate"))
}

/// A private folder in the store, removed with all it holds when dropped, and
/// swept at the next open if this process dies first.
pub struct ScratchDir {
    path: PathBuf,
    name: String,
    layout: Layout,
    // Held until after the folder is removed.
    _lock: File,
}

impl ScratchDir {
    pub(crate) fn create(layout: &Layout) -> Result<Self> {
        let gate = gate(layout)?;
        gate.lock_shared()
            .map_err(|e| StoreError::io("the store's folder", e))?;
        let name = Ulid::new().to_string();
        let path = layout.partial().join(&name);
        durable::create_private_dir(&path)
            .map_err(|e| StoreError::writing("a new file", 0, 0, e))?;
        let lock = open_lock(&path.join(".lock"))?;
        lock.lock()
            .map_err(|e| StoreError::io("the store's folder", e))?;
        Ok(Self {
            path,
            name,
            layout: layout.clone(),
            _lock: lock,
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Nothing but the end of the whole store takes a locked folder away, so what
    /// failed then failed of that, and whatever else there is to do will, too.
    ///
    /// # Errors
    /// [`StoreError::Gone`]
    pub(crate) fn is_there(&self) -> Result<()> {
        if self.path.is_dir() {
            Ok(())
        } else {
            Err(StoreError::Gone)
        }
    }

    /// The ULID that names this work, in the folder and in its journal.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if let Err(e) = clear(&self.layout, &self.path) {
            tracing::warn!(error = %e, "a scratch folder could not be removed; the next open sweeps it");
        }
    }
}

/// Removes a folder of work that has ended. A stored file that it moved aside goes back
/// first; while that cannot be, the folder stays.
fn clear(layout: &Layout, folder: &Path) -> Result<()> {
    if aside::put_back(layout, folder)? {
        tracing::warn!("a file that had been moved aside is back in its place");
    }
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("the store's folder", e))
        }
        _ => Ok(()),
    }
}

/// The names of work whose process is still alive.
pub(crate) fn is_alive(layout: &Layout, name: &str) -> bool {
    let lock = layout.partial().join(name).join(".lock");
    if !lock.exists() {
        return false;
    }
    match open_lock(&lock) {
        Ok(file) => matches!(file.try_lock(), Err(TryLockError::WouldBlock)),
        Err(_) => false,
    }
}

/// Removes the folders of dead processes; returns how many files went. Their
/// journals must have been replayed before.
pub(crate) fn sweep(layout: &Layout) -> Result<u64> {
    let gate = gate(layout)?;
    match gate.try_lock() {
        Ok(()) => {}
        // Somebody is making a folder right now; the next open sweeps.
        Err(_) => return Ok(0),
    }
    let mut swept = 0;
    let entries =
        fs::read_dir(layout.partial()).map_err(|e| StoreError::io("the store's folder", e))?;
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || is_alive(layout, &name) {
            continue;
        }
        let path = entry.path();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            let files = count_files(&path);
            match clear(layout, &path) {
                Ok(()) => swept += files,
                Err(e) => tracing::warn!(error = %e, "an orphaned partial could not be swept"),
            }
        } else if fs::remove_file(&path).is_ok() {
            swept += 1;
        }
    }
    Ok(swept)
}

fn count_files(dir: &Path) -> u64 {
    walkdir::WalkDir::new(dir)
        .into_iter()
        .flatten()
        .filter(|e| e.file_type().is_file() && e.file_name() != ".lock")
        .count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_orphans_and_leaves_the_living() {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::new(root.path(), "0123456789abcdef");
        layout.create().unwrap();
        let alive = ScratchDir::create(&layout).unwrap();
        fs::write(alive.path().join("x"), "x").unwrap();
        let orphan = layout.partial().join(Ulid::new().to_string());
        fs::create_dir(&orphan).unwrap();
        fs::write(orphan.join(".lock"), "").unwrap();
        fs::write(orphan.join("y"), "y").unwrap();
        assert_eq!(sweep(&layout).unwrap(), 1);
        assert!(!orphan.exists());
        assert!(alive.path().join("x").exists());
        let path = alive.path().to_owned();
        drop(alive);
        assert!(!path.exists());
    }
}
