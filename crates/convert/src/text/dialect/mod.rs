//! How a delimited text is to be read, with nothing given: encoding, delimiter, quotes,
//! where the table begins and ends, and what its columns are called. Decides from a
//! file's head and tail; never reads a file, never hands out a row.
//!
//! What the bytes leave open is decided as a careful person would, and said: each such
//! decision is a [`Choice`] with the option that makes it otherwise.

mod candidates;
mod cells;
mod frame;
mod header;
mod layout;
mod rows;
mod say;
mod settle;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trial;

use encoding_rs::Encoding;

use crate::error::Result;
use crate::format::Format;
use crate::options::Options;
use crate::profile::{Choice, TableEntry};
use crate::text::encoding;

pub(crate) use cells::{ColumnShape, Kind, kind};
pub(crate) use frame::begins_note;

/// How fields and records are told apart, without regard to what they mean. The fast
/// splitter takes a record for itself where [`Syntax::is_plain`] and the record is regular;
/// [`crate::text::repair`] takes any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// In UTF-8; empty: a table of one column, each line a value (quotes are still taken off).
    pub delimiter: Vec<u8>,
    pub quote: Option<u8>,
    pub escape: Escape,
    /// Spaces around a value belong to no value (`a, "b"`): neither before nor behind it.
    pub trims: bool,
    /// A run of delimiters counts as one, and those at the ends of a line as none: columns
    /// that are lined up with spaces.
    pub collapses: bool,
    /// Each line as a whole stands in quotes, its own quotes doubled: `"a,""b,c"",d"`.
    pub wrapped: bool,
    /// A CR without an LF behind it ends a record. Otherwise it is text.
    pub cr_ends: bool,
    /// Fields in a regular record; 0 while nobody knows. Quotes that do not add up are
    /// judged by it.
    pub width: usize,
}

impl Syntax {
    /// Delimiter of one byte, nothing trimmed, joined or wrapped.
    pub(crate) fn is_plain(&self) -> bool {
        self.delimiter.len() == 1 && !self.trims && !self.collapses && !self.wrapped
    }
}

impl Default for Syntax {
    fn default() -> Self {
        Syntax {
            delimiter: vec![b','],
            quote: Some(b'"'),
            escape: Escape::Doubled,
            trims: false,
            collapses: false,
            wrapped: false,
            cr_ends: false,
            width: 0,
        }
    }
}

/// How a quote inside quotes is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// As two.
    Doubled,
    /// With a backslash before it; two backslashes are one.
    Backslash,
    /// As it is: only a quote with a delimiter or the line's end behind it closes.
    None,
}

/// Price tables as Stooq hands them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>`
    Stooq,
    /// `<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>` and the like: fewer of the same names.
    StooqShort,
}

/// Everything that is decided about a text before its rows are read.
#[derive(Debug, Clone)]
pub(crate) struct Dialect {
    pub syntax: Syntax,
    /// UTF_8 for plain text.
    pub encoding: &'static Encoding,
    /// Bytes of the byte order mark.
    pub bom: u64,
    /// UTF-8 with single bytes that are not of it: the text has to go through
    /// [`crate::text::encoding::Decode`] all the same.
    pub mixed: bool,
    /// Byte of the decoded text (UTF-8, mark excluded) where the first record after the
    /// header begins.
    pub start: u64,
    /// Its line in the file, from 1.
    pub start_line: u64,
    /// Byte of the decoded text where footnotes or the next table begin; none: the text's end.
    pub end: Option<u64>,
    /// 0 where nothing names the columns: `names` are made up then, and a text made from
    /// this table should not begin with them.
    pub header_rows: u32,
    /// Unique without regard to case, none empty, without NUL. Empty for a file without a row.
    pub names: Vec<String>,
    /// What the header said, where that differs from `names`: (position, said). Another text
    /// made from this table says it again, and is read back to the same `names`.
    pub said: Vec<(usize, String)>,
    /// Records in the body that repeat the header (a new page) and are not rows; the text
    /// of such a record without its line end.
    pub page_header: Option<Vec<u8>>,
    pub preamble: Vec<String>,
    pub footnotes: Vec<String>,
    /// The byte by which DOS programs end a text stands behind this one, and is not of it.
    pub end_mark: Option<EndMark>,
    /// As seen: `LF`, `CRLF`, `CR`, `mixed`.
    pub line_end: &'static str,
    pub layout: Option<Layout>,
    /// All tables of the file, this one among them; empty where there is only one.
    pub tables: Vec<TableEntry>,
    pub choices: Vec<Choice>,
    pub warnings: Vec<String>,
    /// What the values of each column look like, for [`crate::text::repair::fit`].
    pub columns: Vec<ColumnShape>,
}

/// An end-of-file mark that was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndMark {
    /// Byte of the decoded text where it begins.
    pub at: u64,
    /// Its line in the file, from 1; none where nobody counted.
    pub line: Option<u64>,
}

/// A text without the mark that DOS programs put behind it, once or up to a block's end, and
/// without the line end behind that; none where it has no such mark.
fn before_end_mark(text: &[u8]) -> Option<&[u8]> {
    const MARK: u8 = 0x1A;
    let last = text.iter().rposition(|b| !b"\r\n".contains(b))?;
    if text[last] != MARK {
        return None;
    }
    let end = text
        .iter()
        .rposition(|b| *b != MARK && !b"\r\n".contains(b));
    let rest = &text[end.map_or(0, |end| end + 1)..];
    // The line end of the last row is its own.
    let mark = rest.iter().position(|b| *b == MARK)?;
    Some(&text[..text.len() - rest.len() + mark])
}

/// What is known of a file before it is read as a whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look<'a> {
    /// Raw bytes from the file's begin, up to 16 MiB.
    pub head: &'a [u8],
    /// Raw bytes, the last 256 KiB; not used where `whole`.
    pub tail: &'a [u8],
    /// `head` is all there is.
    pub whole: bool,
    /// Of the file, in bytes.
    pub size: u64,
    pub format: Format,
}

/// Decides. An empty file is a table without columns. Errors: an option that does not fit
/// (`BadOption`, `NoTable`), bytes that are not text (`Unreadable`).
pub(crate) fn settle(look: &Look<'_>, options: &Options) -> Result<Dialect> {
    settle::settle(look, options)
}

/// Whether a head is delimited text, for telling formats apart: TSV under tabs, CSV under
/// commas and semicolons, TXT under anything else. None for prose, for a single column, and
/// for what is not text.
pub(crate) fn guess(head: &[u8], name: &str, whole: bool) -> Option<Format> {
    let encoded = encoding::detect(head, whole, None).ok()?;
    let text = encoding::decoded(&head[encoded.bom as usize..], &encoded, whole);
    let text = before_end_mark(&text).unwrap_or(&text);
    let given = candidates::Given {
        tabs: name.to_ascii_lowercase().ends_with(".tsv"),
        ..candidates::Given::default()
    };
    let cr_ends = !text.contains(&b'\n') && text.contains(&b'\r');
    let found = candidates::choose(text, cr_ends, &given);
    if found.width < 2 || found.score < GUESSED {
        return None;
    }
    Some(match found.syntax.delimiter.first()? {
        b'\t' => Format::Tsv,
        b',' | b';' => Format::Csv,
        _ => Format::Txt,
    })
}

/// Least score of a delimiter for a text to be called delimited: two thirds of what two
/// regular columns of words have.
const GUESSED: f32 = 0.42;
