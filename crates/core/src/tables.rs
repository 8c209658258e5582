//! The data tables of a store, as front ends show them.

use serde::Serialize;

use crate::error::CoreError;
use crate::session::Session;
use crate::text;

/// A row of `user_data_tables`; times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableView {
    pub id: i64,
    pub uid: String,
    pub table_name: String,
    pub ticker: Option<String>,
    pub format: Option<String>,
    pub row_count: Option<u64>,
    pub columns: Vec<String>,
    pub created_at: Option<String>,
    pub last_accessed: Option<String>,
    pub metadata: serde_json::Value,
}

impl Session {
    /// All of them, by name.
    pub fn tables(&self) -> Result<Vec<TableView>, CoreError> {
        let tables = self.0.store.tables()?;
        Ok(tables
            .into_iter()
            .map(|table| TableView {
                id: table.id,
                uid: table.uid,
                table_name: table.table_name,
                ticker: table.ticker,
                format: table.format,
                row_count: table.row_count,
                columns: table.columns,
                created_at: table.created_at.map(text::instant),
                last_accessed: table.last_accessed.map(text::instant),
                metadata: table.metadata,
            })
            .collect())
    }
}
