//! Parquet files. What the file states of its types is believed, and nothing that its
//! own numbers ask for is taken without a bound.

mod file;
pub(crate) use file::read_at;
mod int96;
mod open;
mod read;
mod write;

pub(crate) use open::open;
pub(crate) use write::create;

use parquet::errors::ParquetError;

use crate::error::ConvertError;

/// What the library says while it reads is about the file.
fn unreadable(seen: impl Into<String>) -> ConvertError {
    ConvertError::Unreadable {
        what: "the Parquet file".to_owned(),
        seen: seen.into(),
    }
}

fn parquet_error(error: ParquetError) -> ConvertError {
    match error {
        ParquetError::EOF(_) => unreadable("it ends too early; it may be cut off"),
        ParquetError::General(said) | ParquetError::ArrowError(said) => unreadable(said),
        ParquetError::NYI(said) => unreadable(said),
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            // Without a number it is not the disk that failed, but what was read from it.
            Ok(io) if io.raw_os_error().is_some() => (*io).into(),
            Ok(io) => unreadable(io.to_string()),
            Err(other) => unreadable(other.to_string()),
        },
        other => unreadable(other.to_string()),
    }
}
