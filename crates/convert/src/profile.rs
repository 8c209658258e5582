//! What a whole reading of a table found: how the file is built, what was mended, and
//! for each column the type with its evidence. Plain data, for people and for plans.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::format::Format;

/// With more columns than this, what is noted about each is kept small: nobody looks at all
/// of them, and together they would take more memory than the table.
pub(crate) const WIDE: usize = 2_000;

/// A table as the whole file shows it, not a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableProfile {
    pub format: Format,
    /// `gzip`, `zstd`: the text was unpacked on the way in.
    pub compression: Option<String>,
    /// Of the tables in the file, the one that is described here.
    pub table: Option<String>,
    /// All tables in the file, where it can hold several.
    pub tables: Vec<TableEntry>,
    /// How text is built; none for formats that say so themselves.
    pub text: Option<TextForm>,
    /// Rows that are handed on. `rejects` are not among them.
    pub rows: u64,
    pub columns: Vec<ColumnProfile>,
    /// Choices that the content did not force, each with how to make it otherwise.
    pub choices: Vec<Choice>,
    /// What was mended, all of its text kept.
    pub repairs: Vec<Repair>,
    /// Rows that cannot be a row of this table.
    pub rejects: Rejects,
    /// Other sentences a careful person would want to read.
    pub warnings: Vec<String>,
}

impl TableProfile {
    /// Its columns by their names, for looking up each of very many.
    pub(crate) fn by_name(&self) -> HashMap<&str, &ColumnProfile> {
        let named = self.columns.iter().map(|c| (c.name.as_str(), c));
        named.collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableEntry {
    /// To be said as `--set table=NAME`.
    pub name: String,
    pub rows: Option<u64>,
    pub columns: Option<u64>,
}

/// The dialect of a text file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextForm {
    /// `UTF-8`, `UTF-16LE`, `windows-1252`, …
    pub encoding: String,
    pub byte_order_mark: bool,
    /// Of one or more characters; none in a file of one column.
    pub delimiter: Option<String>,
    pub quote: Option<char>,
    /// What a quote inside quotes is written with: the quote itself, or a backslash.
    pub escape: Option<char>,
    /// `LF`, `CRLF`, `CR`, or `mixed`.
    pub line_end: String,
    /// Lines that name the columns: 0, 1 or more.
    pub header_rows: u32,
    /// Lines before the header that are not part of the table.
    pub preamble: Vec<String>,
    /// Lines after the last row that are not.
    pub footnotes: Vec<String>,
    /// `stooq`, `stooq short`: a known layout.
    pub layout: Option<String>,
}

/// One column, and why it has the type it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnProfile {
    pub name: String,
    /// The name in the file, where it had to change.
    pub said: Option<String>,
    /// In SQL's words: `BIGINT`, `DECIMAL(9,2)`, `VARCHAR`, …
    pub type_name: String,
    /// `0 of 1,204,331 values altered`, or why it stays text.
    pub evidence: String,
    /// Its values were of several kinds, and the evidence says which.
    pub mixed: bool,
    pub nulls: u64,
    /// Empty texts, which are not null.
    pub empties: u64,
    /// Different values, estimated; none where nobody counted.
    pub distinct: Option<u64>,
    /// As text; in the order of the column's type.
    pub min: Option<String>,
    pub max: Option<String>,
    /// Bytes of the longest text.
    pub longest: Option<u64>,
    /// Up to five different values, as they stand in the file.
    pub examples: Vec<String>,
    /// Up to 20 ranges of equal width for numbers and times, the commonest values for
    /// text; empty where nobody counted, and of tables of over 2,000 columns.
    pub histogram: Vec<Bucket>,
}

impl ColumnProfile {
    /// Nothing known but what the file states of itself.
    pub(crate) fn stated(name: String, type_name: String) -> Self {
        ColumnProfile {
            name,
            said: None,
            type_name,
            evidence: "stated by the file".to_owned(),
            mixed: false,
            nulls: 0,
            empties: 0,
            distinct: None,
            min: None,
            max: None,
            longest: None,
            examples: Vec::new(),
            histogram: Vec::new(),
        }
    }
}

/// So many values from `low` to `high`; the same text twice for a single value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    pub low: String,
    pub high: String,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// `delimiter`, `header`, `date order`, …
    pub what: String,
    pub chosen: String,
    pub why: String,
    /// `header=no`: what to set for the other way.
    pub otherwise: Option<String>,
    /// Where something of the file is not in the table because of it, or is there otherwise
    /// than it stands: that, in a sentence, for whoever converts it.
    pub told: Option<String>,
}

impl Choice {
    /// Has it told with what was chosen and why.
    pub(crate) fn telling(mut self, sentence: String) -> Self {
        self.told = Some(sentence);
        self
    }
}

/// Something mended in `count` places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// `short row`, `long row`, `stray quote`, `trailing delimiter`, `mixed line ends`, …
    pub kind: String,
    /// What was done, in a sentence.
    pub detail: String,
    pub count: u64,
    /// Lines of the file where the first few are, counted from 1.
    pub lines: Vec<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejects {
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Reject>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// Of the file, from 1.
    pub line: u64,
    /// The field in it, from 1; none for the row as a whole.
    pub column: Option<u64>,
    pub reason: String,
    /// The row as it stands there, cut to 1 KiB.
    pub text: String,
}
