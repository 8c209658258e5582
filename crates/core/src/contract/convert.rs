//! Conversions: what is asked, what is planned, what was proved; profiles and presets.
//!
//! Every choice is a pair of texts, `key` and `value`, in the words of
//! `redline convert --set key=value`. A key that core does not know is an error.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What to convert to, and the choices that were made. [`OptionView`] is the list of those.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConversionRequest {
    /// A [`FormatView::id`].
    pub to: String,
    #[serde(default)]
    #[ts(type = "{ [key: string]: string }")]
    pub options: BTreeMap<String, String>,
}

impl ConversionRequest {
    /// To this format, with no choices made.
    pub fn to(format: impl Into<String>) -> Self {
        Self {
            to: format.into(),
            options: BTreeMap::new(),
        }
    }
}

/// How columns of several tables belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum MergeBy {
    #[default]
    Name,
    Position,
}

/// A format that tables are read from or written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct FormatView {
    /// `csv`, `parquet`…
    pub id: String,
    /// `CSV`, `Parquet`…
    pub label: String,
    /// Without the dot.
    pub extension: String,
    pub reads: bool,
    pub writes: bool,
}

/// One choice that a form can offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct OptionView {
    pub key: String,
    /// `reading`, `table`, `writing` or `job`.
    pub group: String,
    /// `choice`, `text`, `number`, `columns` or `condition`.
    pub kind: String,
    /// For `choice` alone.
    pub choices: Vec<String>,
    pub label: String,
    pub help: String,
    /// The key ends in a dot, and a column's name goes behind it.
    pub per_column: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct LossView {
    pub column: Option<String>,
    pub kind: String,
    pub detail: String,
    #[ts(type = "number")]
    pub rows: u64,
}

/// How a text file is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TextFormView {
    pub encoding: String,
    pub byte_order_mark: bool,
    pub delimiter: Option<String>,
    pub quote: Option<String>,
    pub escape: Option<String>,
    /// `LF`, `CRLF`, `CR` or `mixed`.
    pub line_end: String,
    pub header_rows: u32,
    /// Lines before the header, and after the last row, that are not of the table.
    pub preamble: Vec<String>,
    pub footnotes: Vec<String>,
    /// `stooq`, `stooq short`: a layout that is known.
    pub layout: Option<String>,
}

/// So many values from `low` to `high`; the same text twice for a single value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct BucketCount {
    pub low: String,
    pub high: String,
    #[ts(type = "number")]
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ColumnProfileView {
    pub name: String,
    /// The name in the file, where it had to change.
    pub said: Option<String>,
    /// In SQL's words.
    pub type_name: String,
    /// `0 of 1,204,331 values altered`, or why it stays text.
    pub evidence: String,
    #[ts(type = "number")]
    pub nulls: u64,
    /// Empty texts, which are not null.
    #[ts(type = "number")]
    pub empties: u64,
    /// Different values, estimated.
    #[ts(type = "number | null")]
    pub distinct: Option<u64>,
    pub min: Option<String>,
    pub max: Option<String>,
    /// Bytes of the longest text.
    #[ts(type = "number | null")]
    pub longest: Option<u64>,
    pub examples: Vec<String>,
    pub histogram: Vec<BucketCount>,
}

/// A choice that the content did not force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ChoiceView {
    pub what: String,
    pub chosen: String,
    pub why: String,
    /// `header=no`: what to set for the other way.
    pub otherwise: Option<String>,
}

/// Something mended in `count` places, all of its text kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RepairView {
    pub kind: String,
    pub detail: String,
    #[ts(type = "number")]
    pub count: u64,
    /// The first of them, from 1.
    #[ts(type = "number[]")]
    pub lines: Vec<u64>,
}

/// A row that cannot be one of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RejectView {
    #[ts(type = "number")]
    pub line: u64,
    #[ts(type = "number | null")]
    pub column: Option<u64>,
    pub reason: String,
    pub text: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct RejectsView {
    #[ts(type = "number")]
    pub count: u64,
    /// The first of them.
    pub examples: Vec<RejectView>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct TableEntryView {
    /// To be said as `table=NAME`.
    pub name: String,
    #[ts(type = "number | null")]
    pub rows: Option<u64>,
    #[ts(type = "number | null")]
    pub columns: Option<u64>,
}

/// What a whole reading of a file found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ProfileReport {
    pub format: String,
    /// `gzip`, `zstd`.
    pub compression: Option<String>,
    /// Of the tables in the file, the one that is described.
    pub table: Option<String>,
    pub tables: Vec<TableEntryView>,
    /// Of text alone.
    pub text: Option<TextFormView>,
    #[ts(type = "number")]
    pub rows: u64,
    pub columns: Vec<ColumnProfileView>,
    pub choices: Vec<ChoiceView>,
    pub repairs: Vec<RepairView>,
    pub rejects: RejectsView,
    pub warnings: Vec<String>,
}

/// What a conversion would do. Converting the same file with the same choices next
/// carries out this very plan, unless the file changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConversionPlanView {
    /// Null where no single stored file is converted.
    #[ts(type = "number | null")]
    pub file_id: Option<i64>,
    pub from: String,
    pub to: String,
    pub output_name: String,
    #[ts(type = "{ [key: string]: string }")]
    pub options: BTreeMap<String, String>,
    pub profile: ProfileReport,
    pub losses: Vec<LossView>,
    /// How the target writes what it has no form of its own for; nothing in them is lost.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct CertificateColumn {
    pub name: String,
    pub type_in: String,
    pub type_out: String,
    #[ts(type = "number")]
    pub nulls_in: u64,
    #[ts(type = "number")]
    pub nulls_out: u64,
    pub hash_in: String,
    pub hash_out: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub struct CertificateView {
    /// `proved`, `lossy` or `failed`; `unproved` where no proof was asked for; `unknown`
    /// for a conversion of the predecessor.
    pub verdict: String,
    pub losses: Vec<LossView>,
    pub columns: Vec<CertificateColumn>,
    #[ts(type = "number")]
    pub rows_in: u64,
    #[ts(type = "number")]
    pub rows_out: u64,
    pub row_hash_in: String,
    pub row_hash_out: String,
    /// What was asked to change before writing, in sentences.
    pub changes: Vec<String>,
}

/// What a conversion was made from. The name is as it was then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConversionSource {
    #[ts(type = "number | null")]
    pub id: Option<i64>,
    pub name: String,
}

/// A row of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct ConversionView {
    #[ts(type = "number")]
    pub id: i64,
    /// `convert`, `merge` or `query`.
    pub kind: String,
    /// Null where there are several, or none.
    #[ts(type = "number | null")]
    pub source_id: Option<i64>,
    pub source_name: String,
    pub sources: Vec<ConversionSource>,
    #[ts(type = "number | null")]
    pub output_id: Option<i64>,
    pub output_name: String,
    pub from: String,
    pub to: String,
    #[ts(type = "{ [key: string]: string }")]
    pub options: BTreeMap<String, String>,
    #[ts(type = "number")]
    pub size_bytes: u64,
    #[ts(type = "number")]
    pub rows_in: u64,
    #[ts(type = "number")]
    pub rows_out: u64,
    /// Rows that could not be one of the table.
    #[ts(type = "number")]
    pub rows_rejected: u64,
    /// Rows that a filter or the like was asked to leave out. `rows_in` is the sum of
    /// all three.
    #[ts(type = "number")]
    pub rows_left_out: u64,
    pub repairs: Vec<RepairView>,
    pub rejects: RejectsView,
    #[ts(type = "number")]
    pub duration_ms: u64,
    pub converted_at: String,
    pub certificate: CertificateView,
    /// The equivalent line for a shell; empty where there is none.
    pub command: String,
}

/// Saved choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PresetView {
    pub name: String,
    /// The format to convert to; null leaves that open.
    #[serde(default)]
    pub to: Option<String>,
    #[serde(default)]
    #[ts(type = "{ [key: string]: string }")]
    pub options: BTreeMap<String, String>,
}
