//! What a conversion could not do, in words.

use redline_convert::{ConvertError, Format, Rejects, can_convert};

use super::from_store::bare;
use super::{Code, CoreError};
use crate::text;

/// What a message calls a query instead of a file's name.
pub(crate) const THE_QUERY: &str = "the query";

/// `name` is the source, as its owner knows it.
pub(crate) fn convert_error(error: ConvertError, name: &str) -> CoreError {
    let subject = match name {
        THE_QUERY => name.to_owned(),
        file => format!("\"{file}\""),
    };
    let could_not = |why: String| format!("Could not convert {subject}: {why}.");
    match error {
        ConvertError::Unreadable { what, seen } => CoreError::new(
            Code::Malformed,
            format!("Could not read {subject} as {what}: {}.", bare(&seen)),
            "The file is kept as it is. If its format is another, give it the extension of that format.",
        ),
        ConvertError::Unsupported { from, to } => CoreError::new(
            Code::Unsupported,
            format!("There is no conversion from {from} to {to} in this version."),
            targets(&from),
        ),
        ConvertError::BadOption {
            key,
            value,
            expected,
        } => CoreError::bad_request(
            format!(
                "\"{}={}\" is not a choice of a conversion.",
                one_line(&key),
                one_line(&value)
            ),
            format!("Expected {}.", bare(&expected)),
        ),
        ConvertError::Rejected { rejects } => rejected(&subject, &rejects),
        ConvertError::NoTable { table, tables } => CoreError::bad_request(
            format!("There is no table \"{}\" in {subject}.", one_line(&table)),
            listed(
                "It has no table at all",
                "--set table=NAME, or Table in the window, takes one of",
                &tables,
            ),
        ),
        ConvertError::NoColumn { column, columns } => CoreError::bad_request(
            format!("There is no column \"{}\" in {subject}.", one_line(&column)),
            listed("It has no column at all", "Its columns are", &columns),
        ),
        ConvertError::Query { detail } => CoreError::bad_request(
            format!("The query was refused: {}.", calm(&detail)),
            "One SELECT at a time, over data tables and stored files by their names; nothing else can be read, and nothing written.",
        ),
        ConvertError::Filter { detail } => CoreError::bad_request(
            format!("The filter was refused: {}.", calm(&detail)),
            "Write what stands behind WHERE in SQL, with columns by their names, such as price > 10 AND symbol = 'A'.",
        ),
        ConvertError::NoRoom { to, limit, seen } => CoreError::new(
            Code::Unsupported,
            could_not(format!(
                "{to} holds {}, and there are {}",
                bare(&limit),
                bare(&seen)
            )),
            "Choose fewer with --set select=… or --set filter=…, or Columns and Rows in the window; or another format.",
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
                "it does not fit in {} MiB of memory ({})",
                text::grouped(limit >> 20),
                bare(&detail)
            )),
            "Give it more with --set memory=MIB, or Memory in the window; very long rows need the most.",
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

fn rejected(subject: &str, rejects: &Rejects) -> CoreError {
    let rows = match rejects.count {
        1 => "1 row does not fit the table".to_owned(),
        n => format!("{} rows do not fit the table", text::grouped(n)),
    };
    let first = rejects.examples.first().map(|reject| {
        let field = match reject.column {
            Some(column) => format!(", field {column}"),
            None => String::new(),
        };
        let line = text::grouped(reject.line);
        let at = if rejects.count == 1 {
            "it is"
        } else {
            "the first is"
        };
        format!("; {at} in line {line}{field}: {}", calm(&reject.reason))
    });
    CoreError::new(
        Code::Lossy,
        format!(
            "Could not convert {subject}: {rows}{}.",
            first.unwrap_or_default()
        ),
        "Nothing was written. Correct them in the source; or leave them out, counted and listed, with --on-reject report, or \"Report and go on\" in the window.",
    )
}

/// A few names at the end of a hint.
fn listed(none: &str, some: &str, names: &[String]) -> String {
    const SHOWN: usize = 20;
    if names.is_empty() {
        return format!("{none}.");
    }
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("\"{}\"", one_line(name)))
        .collect();
    let more = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        n => format!(" and {} more", text::grouped(n as u64)),
    };
    format!("{some}: {}{more}.", shown.join(", "))
}

/// A text from outside, in the middle of a sentence.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect();
    if text.chars().count() > LONGEST {
        line.push('…');
    }
    line
}

/// Another program's words as the end of a sentence of ours.
fn calm(detail: &str) -> String {
    one_line(&bare(detail).replace('!', ""))
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
