//! Everything that can go wrong, as data. The words a person reads are made
//! from it in core; the `Display` here is for logs and never holds file content
//! beyond a short quotation of what was seen.

use std::io;

use crate::Certificate;
use crate::profile::Rejects;

/// Why a file could not be read, or an output not made. No output exists after an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// The file is not something this crate can read. `what` was wanted, `seen` was found.
    #[error("could not read {what}: {seen}")]
    Unreadable { what: String, seen: String },

    /// Known formats, but no way from one to the other. Both are [`crate::Format::id`]s.
    #[error("no conversion from {from} to {to}")]
    Unsupported { from: String, to: String },

    /// The target format has not the room for the table: `limit` is what it holds, `seen`
    /// what there is. `to` is a [`crate::Format::id`].
    #[error("{to} holds {limit}; there are {seen}")]
    NoRoom {
        to: String,
        limit: String,
        seen: String,
    },

    /// A place in a text file that has no single faithful reading. `line` is the
    /// line of the file, `column` the field in it; both count from 1.
    #[error("line {line}, field {column}: {detail}")]
    Malformed {
        line: u64,
        column: u64,
        detail: String,
    },

    /// A choice that [`crate::SPECS`] does not have, or a value that it does not take.
    #[error("{key}={value} is not a choice; expected {expected}")]
    BadOption {
        key: String,
        value: String,
        expected: String,
    },

    /// Rows that cannot be a row of the table, and leaving them out was not asked for.
    #[error("{} rows cannot be read; the first is in line {}", .rejects.count, .rejects.examples.first().map_or(0, |r| r.line))]
    Rejected { rejects: Box<Rejects> },

    /// No table of this name in the file; these are there.
    #[error("no table {table:?}")]
    NoTable { table: String, tables: Vec<String> },

    /// No column of this name in the table; these are there.
    #[error("no column {column:?}")]
    NoColumn {
        column: String,
        columns: Vec<String>,
    },

    /// SQL that is not one SELECT, or that the engine refused. `detail` is its reason.
    #[error("the query was refused: {detail}")]
    Query { detail: String },

    /// A filter's condition that is none, or that the engine refused. `detail` is its reason.
    #[error("the filter was refused: {detail}")]
    Filter { detail: String },

    #[error("cancelled")]
    Cancelled,

    /// `needed` is an estimate in bytes of the room that the whole output takes.
    #[error("the disk is full (about {needed} bytes are needed)")]
    DiskFull { needed: u64 },

    /// The source was written to, replaced or removed since it was profiled.
    #[error("the source changed while it was read")]
    SourceChanged,

    #[error("the destination already exists")]
    DestExists,

    /// The work does not fit in [`crate::Limits::memory_bytes`].
    #[error("the work does not fit in {limit} bytes of memory: {detail}")]
    OutOfMemory { limit: u64, detail: String },

    /// The output was written, read back, found to differ, and removed.
    #[error("the output differs from the source and was removed")]
    NotProved { certificate: Box<Certificate> },

    #[error(transparent)]
    Io(io::Error),

    /// The engine refused for a reason of its own.
    #[error("the engine failed: {detail}")]
    Engine { detail: String },
}

pub(crate) type Result<T, E = ConvertError> = std::result::Result<T, E>;

impl From<io::Error> for ConvertError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                ConvertError::DiskFull { needed: 0 }
            }
            _ => ConvertError::Io(error),
        }
    }
}

impl ConvertError {
    /// Adds the estimate that only the caller knows to a `DiskFull`.
    pub(crate) fn needing(self, bytes: u64) -> Self {
        match self {
            ConvertError::DiskFull { .. } => ConvertError::DiskFull { needed: bytes },
            other => other,
        }
    }
}
