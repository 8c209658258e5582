//! The choices that were made, in sentences, each with how to make it otherwise.

use std::borrow::Cow;

use super::candidates::{self, Given};
use super::frame::{Frame, Told, Why};
use super::header::{self, Names};
use super::rows::Grid;
use super::{Dialect, Escape};
use crate::profile::{Choice, TableEntry};
use crate::text::encoding;

/// A next-best delimiter this close to the best is worth saying.
const CLOSE: f32 = 0.8;

pub(super) fn choice(what: &str, chosen: &str, why: &str, otherwise: Option<&str>) -> Choice {
    Choice {
        what: what.to_owned(),
        chosen: chosen.to_owned(),
        why: why.to_owned(),
        otherwise: otherwise.map(str::to_owned),
        told: None,
    }
}

/// One of which whoever converts the text is told: `Spaces belong to no value: …`
fn told(what: &str, chosen: &str, why: &str, otherwise: Option<&str>) -> Choice {
    let sentence = format!("{} {chosen}: {why}.", capital(what));
    choice(what, chosen, why, otherwise).telling(sentence)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

pub(super) fn say_encoding(dialect: &mut Dialect, encoded: &encoding::Found) {
    let line = encoded.first_broken.unwrap_or_default();
    if encoded.guessed {
        let found = choice(
            "encoding",
            encoded.encoding.name(),
            &format!(
                "from line {line} on there are bytes that are not UTF-8, and this reading makes the likeliest letters of them"
            ),
            Some("encoding=NAME"),
        );
        dialect.choices.push(encoding_told(found));
    }
    if encoded.mixed {
        let found = choice(
            "encoding",
            "UTF-8",
            &format!(
                "most of it is; single bytes that are not, the first in line {line}, are read as windows-1252"
            ),
            Some("encoding=windows-1252"),
        );
        dialect.choices.push(encoding_told(found));
    }
}

fn encoding_told(found: Choice) -> Choice {
    let sentence = format!("Encoding taken as {}: {}.", found.chosen, found.why);
    found.telling(sentence)
}

/// A delimiter as a person would write it in an option.
fn delimiter_name(delimiter: &[u8]) -> Cow<'_, str> {
    match delimiter {
        b"" => "none".into(),
        b"\t" => "tab".into(),
        b" " => "space".into(),
        other => String::from_utf8_lossy(other),
    }
}

pub(super) fn say_delimiter(dialect: &mut Dialect, found: &candidates::Found, given: &Given) {
    if given.delimiter.is_some() {
        return;
    }
    if let Some((next, score)) = &found.next
        && *score >= found.score * CLOSE
    {
        dialect.choices.push(choice(
            "delimiter",
            &delimiter_name(&found.syntax.delimiter),
            "the rows agree best in length and their values look most like values",
            Some(&format!("delimiter={}", delimiter_name(next))),
        ));
    }
    if found.syntax.delimiter.is_empty() {
        dialect.choices.push(choice(
            "delimiter",
            "none",
            "no character parts the lines into columns",
            Some("delimiter=,"),
        ));
    }
    if found.syntax.wrapped {
        dialect.choices.push(choice(
            "quote",
            "around whole lines",
            "each line stands in quotes, with a row inside",
            Some("delimiter=none"),
        ));
    }
    if found.syntax.trims {
        dialect.choices.push(told(
            "spaces",
            "belong to no value",
            "values are lined up with spaces",
            None,
        ));
    }
    if found.syntax.quote == Some(b'\'') {
        dialect.choices.push(choice(
            "quote",
            "'",
            "values with the delimiter inside stand in apostrophes",
            Some("quote=none"),
        ));
    }
    if found.syntax.escape == Escape::Backslash {
        dialect.choices.push(choice(
            "escape",
            "\\",
            "quotes inside values have a backslash before them",
            Some("escape=none"),
        ));
    }
}

pub(super) fn say_tables(dialect: &mut Dialect, grid: &Grid<'_>, frames: &[Frame]) {
    if frames.len() < 2 {
        return;
    }
    for (i, frame) in frames.iter().enumerate() {
        // A line above the header is its title.
        let title = frame
            .preamble
            .clone()
            .rev()
            .find(|r| grid.rows[*r].filled == 1)
            .and_then(|r| {
                grid.cells(r)
                    .into_iter()
                    .find(|c| !c.text.trim_ascii().is_empty())
            })
            .map(|c| {
                String::from_utf8_lossy(c.text.trim_ascii())
                    .chars()
                    .take(80)
                    .collect::<String>()
            });
        let numbered = format!("table{}", i + 1);
        let name = title
            .filter(|t| dialect.tables.iter().all(|e| e.name != *t))
            .unwrap_or(numbered);
        let rows = frame
            .body
            .clone()
            .filter(|r| !grid.rows[*r].is_blank())
            .count()
            - frame.pages.min(frame.body.len());
        dialect.tables.push(TableEntry {
            name,
            rows: Some(rows as u64),
            columns: Some(header::width(grid, frame) as u64),
        });
    }
    dialect.choices.push(choice(
        "table",
        "the first",
        &format!(
            "the file holds {} tables, one below the other",
            frames.len()
        ),
        Some("table=2"),
    ));
}

/// Rows of delimiters alone around the table that were left out.
pub(super) fn say_edges(dialect: &mut Dialect, count: usize) {
    if count == 0 {
        return;
    }
    dialect.choices.push(told(
        "empty rows",
        "left out",
        &format!(
            "above the first value or below the last, {count} {} nothing but delimiters",
            if count == 1 { "row holds" } else { "rows hold" }
        ),
        Some("blank_rows=keep"),
    ));
}

/// Rows of delimiters alone above the names, where such rows were to be kept.
pub(super) fn say_above(dialect: &mut Dialect, count: usize) {
    if count == 0 {
        return;
    }
    dialect.choices.push(told(
        "empty rows",
        "left out",
        &format!(
            "above the names of the columns, where no row can stand, {count} {} nothing but delimiters",
            if count == 1 { "row holds" } else { "rows hold" }
        ),
        Some("header=no"),
    ));
}

pub(super) fn say_frame(dialect: &mut Dialect, frame: &Frame, names: &Names, told: Told) {
    if told.header.is_none() && !told.some_header {
        match frame.why {
            Why::OnlyText => dialect.choices.push(choice(
                "header",
                "the first row",
                "nothing in the rows below tells names from values",
                Some("header=no"),
            )),
            Why::Alone => dialect.choices.push(choice("header", "the only row", "it is text, and no row is below it", Some("header=no"))),
            Why::LikeTheRest => dialect.choices.push(choice(
                "header",
                "none",
                "the first row looks like those below it, so the columns are called column1, column2, …",
                Some("header=yes"),
            )),
            Why::Series => dialect.choices.push(choice("header", "the first row", "its numbers count up, those below do not", Some("header=no"))),
            Why::TextAboveValues if frame.header.len() > 1 => dialect.choices.push(choice(
                "header",
                &format!("{} lines", frame.header.len()),
                "they stand above the values and are none",
                Some("header=1"),
            )),
            Why::TextAboveValues | Why::Told => {}
        }
    }
    if names.shifted {
        dialect.choices.push(choice(
            "header",
            "one name less than columns",
            "the first column holds the names of rows",
            None,
        ));
    }
    if frame.pages > 0 {
        dialect.choices.push(choice(
            "repeated header",
            "left out",
            &format!(
                "the line of names stands {} more times among the rows, as on printed pages",
                frame.pages
            ),
            None,
        ));
    }
    if !dialect.preamble.is_empty() {
        dialect.choices.push(choice(
            "preamble",
            &format!("{} lines", dialect.preamble.len()),
            "they stand above the table and are not like its rows",
            Some("skip=0"),
        ));
    }
    if !dialect.footnotes.is_empty() {
        dialect.choices.push(choice(
            "footnotes",
            &format!("{} lines", dialect.footnotes.len()),
            "they stand below the table and are not like its rows",
            Some("footnotes=0"),
        ));
    }
}
