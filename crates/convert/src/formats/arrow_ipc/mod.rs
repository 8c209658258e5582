//! Arrow's own form on disk, as a file with an index (Feather) and as a stream without
//! one. Values are as they are in memory, so that little happens here but finding them.

mod index;
mod open;
mod read;
mod write;

pub(crate) use open::open;
pub(crate) use write::create;

use arrow::error::ArrowError;

use crate::error::ConvertError;

fn unreadable(seen: impl Into<String>) -> ConvertError {
    ConvertError::Unreadable {
        what: "the Arrow file".to_owned(),
        seen: seen.into(),
    }
}

/// What the library says while it reads is about the file.
fn arrow_unreadable(error: ArrowError) -> ConvertError {
    match error {
        // Without a number it is not the disk that failed, but what was read from it.
        ArrowError::IoError(_, error) if error.raw_os_error().is_some() => error.into(),
        other => unreadable(other.to_string()),
    }
}
