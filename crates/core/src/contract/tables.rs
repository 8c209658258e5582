//! Rows as a person looks at them: grids, previews, data tables, and the SQL console.
//! A value is its one exact text; null stays apart from "".

use serde::{Deserialize, Serialize};
use ts_rs::TS;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct GridColumn {
    pub name: String,
    /// In SQL's words.
    pub type_name: String,
    /// Lines up on the right.
    pub numeric: bool,
}

/// What a grid shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum GridTarget {
    /// A stored file, by id.
    File(#[ts(type = "number")] i64),
    /// A data table, by name.
    Table(String),
}

/// A grid that is open. Its handle means nothing to another session, and stands until
/// it is closed or crowded out by newer ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct GridOpen {
    pub grid: String,
    pub columns: Vec<GridColumn>,
    /// Rows in all, where that is known exactly.
    #[ts(type = "number | null")]
    pub rows: Option<u64>,
    /// There are this many at least.
    #[ts(type = "number")]
    pub at_least: u64,
    pub sorted_by: Option<String>,
    pub filtered: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct GridRows {
    #[ts(type = "number")]
    pub first: u64,
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows in all, where that is known by now.
    #[ts(type = "number | null")]
    pub total: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[ts(export)]
pub enum FilterOp {
    Is,
    IsNot,
    Contains,
    Starts,
    Less,
    More,
    /// Both ends belong to it.
    Between,
    Null,
    NotNull,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct GridFilter {
    pub column: String,
    /// A [`FilterOp`].
    #[ts(type = "string")]
    pub op: FilterOp,
    /// As it stands in a cell.
    pub value: Option<String>,
    /// The other end, for `between`.
    #[serde(default)]
    pub value2: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct GridSort {
    pub column: String,
    pub descending: bool,
}

/// Rows for which all filters hold, in this order; nulls come last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(default)]
#[ts(export)]
pub struct GridQuery {
    pub filters: Vec<GridFilter>,
    pub sort: Option<GridSort>,
}

/// Some rows of a table, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct PreviewView {
    pub columns: Vec<GridColumn>,
    pub rows: Vec<Vec<Option<String>>>,
    /// Rows in all, where the file says so.
    #[ts(type = "number | null")]
    pub total: Option<u64>,
}

/// A data table: a name for a stored file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct DataTableView {
    #[ts(type = "number")]
    pub id: i64,
    pub uid: String,
    pub table_name: String,
    #[ts(type = "number | null")]
    pub file_id: Option<i64>,
    pub file_name: Option<String>,
    pub ticker: Option<String>,
    pub format: Option<String>,
    #[ts(type = "number | null")]
    pub row_count: Option<u64>,
    pub columns: Vec<GridColumn>,
    pub created_at: Option<String>,
    pub last_accessed: Option<String>,
    /// Its file is deleted, or was never there.
    pub missing: bool,
    #[ts(type = "Record<string, unknown>")]
    pub metadata: serde_json::Value,
}

/// A query that was run. The grid holds its first rows, at most 10,000; exporting runs
/// it again in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct QueryView {
    pub grid: GridOpen,
    #[ts(type = "number")]
    pub millis: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct QueryRecord {
    pub sql: String,
    pub ran_at: String,
    /// Rows that were shown.
    #[ts(type = "number | null")]
    pub rows: Option<u64>,
    #[ts(type = "number")]
    pub millis: u64,
    pub error: Option<String>,
}

/// A name that may stand in SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct QueryRelation {
    pub name: String,
    #[ts(type = "number | null")]
    pub file_id: Option<i64>,
    /// A data table; otherwise a file by its own name.
    pub table: bool,
}
