//! Where things are in a store's folder, and the check that nothing on the way
//! to a file is a link that somebody planted.

use crate::{Result, StoreError, durable};
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) const CATALOG: &str = "user_data.duckdb";

/// Absolute paths of one store. Never shown, never sent.
#[derive(Clone)]
pub(crate) struct Layout {
    pub home: PathBuf,
}

impl Layout {
    pub fn new(root: &Path, folder: &str) -> Self {
        Self {
            home: root.join("users").join(folder),
        }
    }

    pub fn catalog(&self) -> PathBuf {
        self.home.join(CATALOG)
    }
    pub fn catalog_wal(&self) -> PathBuf {
        self.home.join(format!("{CATALOG}.wal"))
    }
    pub fn files(&self) -> PathBuf {
        self.home.join("files")
    }
    pub fn private(&self) -> PathBuf {
        self.home.join(".redline")
    }
    pub fn partial(&self) -> PathBuf {
        self.private().join("partial")
    }
    pub fn trash(&self) -> PathBuf {
        self.private().join("trash")
    }
    pub fn journal(&self) -> PathBuf {
        self.private().join("journal")
    }
    pub fn quarantine(&self) -> PathBuf {
        self.private().join("quarantine")
    }
    pub fn jobs(&self) -> PathBuf {
        self.private().join("jobs")
    }
    /// All of it can be made again.
    pub fn cache(&self) -> PathBuf {
        self.private().join("cache")
    }

    /// Makes what is missing of the folders, owner only. What was made is
    /// durable: a file synced in a folder that is not is as good as lost.
    pub fn create(&self) -> std::io::Result<()> {
        let users = self.home.parent().unwrap_or(&self.home);
        let mut touched = std::collections::BTreeSet::new();
        if !users.exists() {
            for made in users.ancestors().take_while(|p| !p.exists()) {
                touched.extend(
                    made.parent()
                        .filter(|p| !p.as_os_str().is_empty())
                        .map(Path::to_owned),
                );
            }
            if let Some(root) = users.parent() {
                fs::create_dir_all(root)?;
            }
            durable::create_private_dir(users)?;
        }
        for dir in [
            self.home.clone(),
            self.files(),
            self.private(),
            self.partial(),
            self.trash(),
            self.journal(),
            self.quarantine(),
            self.jobs(),
            self.cache(),
        ] {
            if !dir.exists() {
                durable::create_private_dir(&dir)?;
                touched.extend(dir.parent().map(Path::to_owned));
            }
        }
        touched.iter().try_for_each(|dir| durable::sync_dir(dir))
    }

    /// Finishes deletions of whole stores that a crash cut short: what has lost
    /// its name is nobody's.
    pub fn remove_deleted(&self) {
        let Some(Ok(entries)) = self.home.parent().map(fs::read_dir) else {
            return;
        };
        for entry in entries.flatten() {
            let ours = entry.file_name().to_string_lossy().starts_with(".deleted-");
            if ours && entry.file_type().is_ok_and(|t| t.is_dir()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Refuses a store whose own folders are links: everything below would land
    /// somewhere else.
    pub fn refuse_links(&self) -> Result<()> {
        for dir in [
            &self.home,
            &self.files(),
            &self.private(),
            &self.partial(),
            &self.trash(),
            &self.journal(),
            &self.catalog(),
        ] {
            if fs::symlink_metadata(dir).is_ok_and(|m| m.file_type().is_symlink()) {
                return Err(StoreError::LinkInStore { name: name_of(dir) });
            }
        }
        Ok(())
    }

    /// Whether a path leads into this store or one beside it: none of that is
    /// anybody's to import from or export to by path.
    pub fn is_in_a_store(&self, path: &Path) -> bool {
        let users = self.home.parent().unwrap_or(&self.home);
        match (path.canonicalize(), users.canonicalize()) {
            (Ok(path), Ok(users)) => path.starts_with(users),
            _ => false,
        }
    }

    /// Device and inode of every catalog and log below the root. Whoever opens and
    /// closes one of them under another name (a hard link) drops DuckDB's lock on it.
    #[cfg(unix)]
    pub fn catalogs(&self) -> std::collections::HashSet<(u64, u64)> {
        use std::os::unix::fs::MetadataExt;
        let users = self.home.parent().unwrap_or(&self.home);
        let stores = fs::read_dir(users).into_iter().flatten().flatten();
        stores
            .flat_map(|store| {
                let store = Layout { home: store.path() };
                [store.catalog(), store.catalog_wal()]
            })
            .filter_map(|path| fs::symlink_metadata(path).ok())
            .map(|about| (about.dev(), about.ino()))
            .collect()
    }

    /// The path of a stored file, after checking that no folder on the way is a
    /// link. The last component is left to whoever opens it without following.
    pub fn file(&self, relative: &str) -> Result<PathBuf> {
        let mut path = self.files();
        let mut parts = relative.split('/').peekable();
        while let Some(part) = parts.next() {
            // Rows are ours, but a restored or copied catalog is not trusted.
            if part.is_empty() || part == "." || part == ".." || part.contains(['\\', '\0']) {
                return Err(StoreError::NotFound);
            }
            path.push(part);
            if parts.peek().is_some()
                && fs::symlink_metadata(&path).is_ok_and(|m| m.file_type().is_symlink())
            {
                return Err(StoreError::LinkInStore { name: part.into() });
            }
        }
        Ok(path)
    }

    /// Makes the folders that `relative` needs below `files/`; returns those it
    /// made, parents first, so that the caller can make them durable.
    pub fn make_folders(&self, relative: &str) -> Result<Vec<PathBuf>> {
        let mut made = Vec::new();
        let Some((folders, _)) = relative.rsplit_once('/') else {
            return Ok(made);
        };
        let mut path = self.files();
        for part in folders.split('/') {
            path.push(part);
            match fs::symlink_metadata(&path) {
                Ok(m) if m.is_dir() => {}
                Ok(m) if m.file_type().is_symlink() => {
                    return Err(StoreError::LinkInStore { name: part.into() });
                }
                Ok(_) => return Err(StoreError::DestExists { name: part.into() }),
                Err(_) => {
                    durable::create_private_dir(&path)
                        .map_err(|e| StoreError::writing(part, 0, 0, e))?;
                    made.push(path.clone());
                }
            }
        }
        Ok(made)
    }
}

/// The last component of a path, for messages: never the whole path.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
