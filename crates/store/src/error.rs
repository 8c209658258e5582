//! Everything that can go wrong in a store, with the facts a message needs.
//! Wording for people is core's; names here are file names, never full paths.

use std::io;

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the store is in use by {holder}{}", pid.map(|p| format!(" (process {p})")).unwrap_or_default())]
    Busy { pid: Option<u32>, holder: String },
    #[error("this key has no store here")]
    NoStore,
    #[error("the folder belongs to another key")]
    WrongOwner,
    #[error("the store was deleted")]
    Gone,
    #[error("not found")]
    NotFound,
    #[error("no space for \"{name}\": needs {needed} bytes, {free} free")]
    DiskFull {
        name: String,
        needed: u64,
        free: u64,
    },
    #[error("{what} cannot be written to")]
    ReadOnly { what: String },
    #[error("\"{name}\" is not there any more")]
    SourceVanished { name: String },
    #[error("\"{name}\" changed while it was read")]
    SourceChanged { name: String },
    #[error("\"{name}\" cannot be read: {detail}")]
    SourceUnreadable { name: String, detail: String },
    #[error("\"{name}\" is {kind}, not a file")]
    NotAFile { name: String, kind: &'static str },
    #[error("\"{name}\" cannot be a name: {why}")]
    BadName { name: String, why: &'static str },
    #[error("\"{name}\" is part of a store")]
    PartOfAStore { name: String },
    #[error("\"{name}\" exists already")]
    DestExists { name: String },
    #[error("there is no folder \"{name}\"")]
    NoFolder { name: String },
    #[error("{what} is damaged: {detail}")]
    Damaged { what: String, detail: String },
    #[error("\"{name}\" in the store is a link, which is not followed")]
    LinkInStore { name: String },
    #[error("cancelled")]
    Cancelled,
    #[error("the store was written by a newer version (schema {found}, this one knows {known})")]
    TooNew { found: i64, known: i64 },
    #[error("{what}: {source}")]
    Io {
        what: String,
        #[source]
        source: io::Error,
    },
    #[error("{what}: {detail}")]
    Catalog { what: &'static str, detail: String },
}

impl StoreError {
    /// An I/O failure while writing `name` into the store, told apart by cause.
    pub(crate) fn writing(name: &str, needed: u64, free: u64, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull {
                name: name.into(),
                needed,
                free,
            },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                StoreError::ReadOnly {
                    what: "the store's folder".into(),
                }
            }
            _ => StoreError::Io {
                what: format!("could not write \"{name}\""),
                source,
            },
        }
    }

    pub(crate) fn io(what: impl Into<String>, source: io::Error) -> Self {
        let what = what.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::DiskFull {
                name: what,
                needed: 0,
                free: 0,
            },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                StoreError::ReadOnly { what }
            }
            _ => StoreError::Io { what, source },
        }
    }

    /// Whether the same call can succeed later without anything being changed.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            StoreError::Busy { .. } | StoreError::SourceChanged { .. } | StoreError::Cancelled
        )
    }
}
