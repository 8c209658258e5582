//! Tells a file that was touched from one that was not, without reading it.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::error::{ConvertError, Result};

/// Size, time of the last change, and which file it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub size: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let meta = fs::metadata(path)?;
        if !meta.is_file() {
            return Err(ConvertError::Unreadable {
                what: "a table".to_owned(),
                seen: "something that is not a regular file".to_owned(),
            });
        }
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Ok(Stamp {
            size: meta.len(),
            modified: meta.modified().ok(),
            #[cfg(unix)]
            inode: (meta.dev(), meta.ino()),
        })
    }

    /// The file at `path` must still be this one. A vanished file has changed, too.
    pub(crate) fn holds(&self, path: &Path) -> Result<()> {
        match Stamp::of(path) {
            Ok(now) if now == *self => Ok(()),
            _ => Err(ConvertError::SourceChanged),
        }
    }
}
