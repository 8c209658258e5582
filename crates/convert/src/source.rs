//! What is to be read: one file, and which of its tables.

use std::path::{Path, PathBuf};

use crate::format::Format;

/// A file to read. Never written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub path: PathBuf,
    /// The name that people know it by, where it differs from the path's last part.
    /// Only its extension counts, and only where the bytes leave a choice.
    pub name: Option<String>,
    /// Overrides what the bytes say.
    pub format: Option<Format>,
}

impl Source {
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Source {
            path: path.into(),
            name: None,
            format: None,
        }
    }

    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    pub fn as_format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// The name that detection goes by.
    pub fn file_name(&self) -> String {
        self.name.clone().unwrap_or_else(|| {
            let name = self.path.file_name().unwrap_or_default();
            name.to_string_lossy().into_owned()
        })
    }
}

impl From<&Path> for Source {
    fn from(path: &Path) -> Self {
        Source::new(path)
    }
}
