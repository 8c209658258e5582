//! What a conversion could not do, in words.

use redline_convert::{ConvertError, Format, can_convert};

use super::from_store::bare;
use super::{Code, CoreError};
use crate::text;

/// `name` is the source, as its owner knows it.
pub(crate) fn convert_error(error: ConvertError, name: &str) -> CoreError {
    let could_not = |why: String| format!("Could not convert \"{name}\": {why}.");
    match error {
        ConvertError::Unreadable { what, seen } => CoreError::new(
            Code::Malformed,
            format!("Could not read \"{name}\" as {what}: {}.", bare(&seen)),
            "The file is kept as it is. If its format is another, give it the extension of that format.",
        ),
        ConvertError::Unsupported { from, to } => CoreError::new(
            Code::Unsupported,
            format!("There is no conversion from {from} to {to} in this version."),
            targets(&from),
        ),
        ConvertError::Malformed {
            line,
            column,
            detail,
        } => CoreError::new(
            Code::Malformed,
            could_not(format!(
                "line {}, field {column}: {}",
                text::grouped(line),
                bare(&detail)
            )),
            "Correct that line in the source and add the file again; nothing was written.",
        ),
        ConvertError::Cancelled => CoreError::new(
            Code::Cancelled,
            "Cancelled.",
            "Nothing was written; the source is as it was.",
        ),
        ConvertError::DiskFull { needed: 0 } => CoreError::new(
            Code::DiskFull,
            could_not("the disk is full".to_owned()),
            super::FREE_SPACE,
        ),
        ConvertError::DiskFull { needed } => CoreError::new(
            Code::DiskFull,
            could_not(format!(
                "the disk is full (needs about {})",
                text::bytes(needed)
            )),
            super::FREE_SPACE,
        ),
        ConvertError::SourceChanged => CoreError::new(
            Code::SourceChanged,
            could_not("it changed while it was read".to_owned()),
            "Try again once the program that writes it is done.",
        ),
        ConvertError::DestExists => CoreError::new(
            Code::AlreadyExists,
            could_not("a file with the name of the result exists already".to_owned()),
            "Choose another name.",
        ),
        ConvertError::OutOfMemory { limit, detail } => CoreError::new(
            Code::Unsupported,
            could_not(format!(
                "it does not fit in {} of memory ({})",
                text::bytes(limit),
                bare(&detail)
            )),
            "Split the file; very long rows need the most.",
        ),
        ConvertError::NotProved { certificate } => {
            let columns: Vec<String> = certificate
                .columns
                .iter()
                .filter(|column| {
                    column.hash_in != column.hash_out || column.nulls_in != column.nulls_out
                })
                .map(|column| format!("\"{}\"", column.name))
                .take(3)
                .collect();
            let which = match columns.len() {
                0 => String::new(),
                _ => format!(" in {}", columns.join(", ")),
            };
            CoreError::new(
                Code::NotProved,
                could_not(format!(
                    "the result differed from the source{which}, and was removed"
                )),
                "Nothing was kept. Report this with a sample of the file, if you can share one.",
            )
        }
        ConvertError::Io(source) => CoreError::new(
            match source.kind() {
                std::io::ErrorKind::NotFound => Code::SourceVanished,
                _ => super::from_license::io_code(&source),
            },
            could_not(bare(&source.to_string())),
            "Check the disk and the permissions of the data folder, then try again.",
        ),
        ConvertError::Engine { detail } => CoreError::new(
            Code::Internal,
            could_not(format!("the engine refused ({})", bare(&detail))),
            "Try again; if it stays, report it with a sample of the file, if you can share one.",
        ),
        other => CoreError::new(
            Code::Internal,
            could_not(bare(&other.to_string())),
            "Try again.",
        ),
    }
}

/// What a file of the format `from` can become.
fn targets(from: &str) -> String {
    let targets: Vec<&str> = Format::ALL
        .into_iter()
        .filter(|to| Format::from_id(from).is_some_and(|from| can_convert(from, *to)))
        .map(Format::id)
        .collect();
    match targets.as_slice() {
        [] => format!("Files of the format {from} can be kept, but not converted."),
        some => format!("Use one of: {}.", some.join(", ")),
    }
}
