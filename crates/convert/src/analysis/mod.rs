//! One whole reading of a source: what it holds, of which types, and its fingerprint.
//! A plan and a profile both come from it. Never writes.

mod delimited;
mod expressions;
mod parquet;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::certificate::Fingerprint;
use crate::engine::Engine;
use crate::error::{ConvertError, Result};
use crate::format::{Format, detect};
use crate::limits::{Limits, Progress};
use crate::text::{self, Dialect};
pub(crate) use expressions::{
    is_nested, named, parquet_relation, positional, select_over_text, text_of,
};

/// One column, and why it has the type it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnProfile {
    pub name: String,
    /// In the engine's words: `BIGINT`, `DECIMAL(9,2)`, `VARCHAR`, …
    pub type_name: String,
    /// `0 of 1,204,331 values altered`, or why it stays text.
    pub evidence: String,
    pub nulls: u64,
}

/// A table as the whole file shows it, not a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableProfile {
    pub format: Format,
    /// `UTF-8` for text; none where the format has no say in it.
    pub encoding: Option<String>,
    pub delimiter: Option<String>,
    /// `LF`, `CRLF` or `CR`.
    pub line_end: Option<String>,
    pub header: bool,
    pub rows: u64,
    pub columns: Vec<ColumnProfile>,
    /// Sentences about what was ambiguous or odd, with the choice that was made.
    pub warnings: Vec<String>,
}

/// Tells a file that was touched from one that was not.
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

/// How the engine reads the source.
#[derive(Debug, Clone)]
pub(crate) enum Reader {
    Text {
        dialect: Dialect,
        longest: u64,
        quoted_breaks: bool,
    },
    Parquet,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub name: String,
    /// The name in the source, where the engine needs another.
    pub said: Option<String>,
    pub sql_type: String,
    pub empties: u64,
    pub non_finite: u64,
    pub trailing_zeros: u64,
    /// Values that do not come back from their own text.
    pub altered: u64,
}

impl Column {
    pub(crate) fn is_nested(&self) -> bool {
        is_nested(&self.sql_type)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Analysis {
    pub source: PathBuf,
    pub stamp: Stamp,
    pub format: Format,
    pub reader: Reader,
    pub columns: Vec<Column>,
    pub fingerprint: Fingerprint,
    /// At most this many bytes of text in any row.
    pub longest_row: u64,
    pub profile: TableProfile,
}

impl Analysis {
    /// The source as a relation with columns `c0`, `c1`, ….
    pub(crate) fn relation(&self, engine: &Engine<'_>) -> String {
        match &self.reader {
            Reader::Text {
                dialect,
                longest,
                quoted_breaks,
            } => text::relation(&engine.source(), dialect, *longest, *quoted_breaks),
            Reader::Parquet => {
                format!(
                    "{} {}",
                    parquet_relation(&engine.source()),
                    positional(self.columns.len())
                )
            }
        }
    }
}

/// The format to read `path` as: the one stated, else what its bytes say.
pub(crate) fn resolve(path: &Path, stated: Option<Format>) -> Result<Format> {
    let seen = match stated {
        Some(format) => return Ok(format),
        None => detect(path)?,
    };
    if seen.format == Format::Other {
        return Err(ConvertError::Unreadable {
            what: "a table".to_owned(),
            seen: seen.detail,
        });
    }
    Ok(seen.format)
}

pub(crate) fn analyse(
    path: &Path,
    stated: Option<Format>,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Analysis> {
    let stamp = Stamp::of(path)?;
    let format = resolve(path, stated)?;
    let analysis = if format.is_delimited() {
        delimited::analyse(path, format, stamp, limits, progress)
    } else if format == Format::Parquet {
        parquet::analyse(path, stamp, limits, progress)
    } else {
        return Err(ConvertError::Unreadable {
            what: "a table".to_owned(),
            seen: format!("{}, which cannot be read yet", format.label()),
        });
    }?;
    analysis.stamp.holds(path)?;
    Ok(analysis)
}

/// One sentence for a name that had to change.
pub(crate) fn renamed(position: usize, said: &str, name: &str) -> String {
    if said.is_empty() {
        format!(
            "Column {} has no name and is called {name:?}.",
            position + 1
        )
    } else {
        format!(
            "Column {} is called {name:?}, since {said:?} is taken or not allowed.",
            position + 1
        )
    }
}
