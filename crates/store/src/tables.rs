//! Data tables: rows of `user_data_tables`, which the predecessor wrote and a
//! migration or a restore brings along. Read here, never their data.

use crate::Result;
use crate::catalog::catalog_error;
use crate::open::Store;
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq)]
pub struct TableRecord {
    pub id: i64,
    pub uid: String,
    pub table_name: String,
    pub ticker: Option<String>,
    pub format: Option<String>,
    pub row_count: Option<u64>,
    pub columns: Vec<String>,
    pub created_at: Option<Timestamp>,
    pub last_accessed: Option<Timestamp>,
    pub metadata: serde_json::Value,
}

impl Store {
    /// All data tables, by name.
    pub fn tables(&self) -> Result<Vec<TableRecord>> {
        self.inner.catalog.read(|conn| {
            let time = |micros: Option<i64>| Timestamp::from_microsecond(micros?).ok();
            let run = || -> duckdb::Result<Vec<TableRecord>> {
                conn.prepare(
                    "SELECT id, uid, table_name, ticker, format, row_count, to_json(columns)::VARCHAR, \
                            epoch_us(created_at), epoch_us(last_accessed), metadata::VARCHAR \
                     FROM user_data_tables ORDER BY lower(table_name), id",
                )?
                .query_map([], |r| {
                    Ok(TableRecord {
                        id: r.get(0)?,
                        uid: r.get(1)?,
                        table_name: r.get(2)?,
                        ticker: r.get(3)?,
                        format: r.get(4)?,
                        row_count: r.get::<_, Option<i64>>(5)?.and_then(|n| n.try_into().ok()),
                        columns: r
                            .get::<_, Option<String>>(6)?
                            .and_then(|text| serde_json::from_str::<Vec<Option<String>>>(&text).ok())
                            .map(|names| names.into_iter().flatten().collect())
                            .unwrap_or_default(),
                        created_at: time(r.get(7)?),
                        last_accessed: time(r.get(8)?),
                        metadata: r
                            .get::<_, Option<String>>(9)?
                            .and_then(|text| serde_json::from_str(&text).ok())
                            .unwrap_or(serde_json::Value::Object(Default::default())),
                    })
                })?
                .collect()
            };
            run().map_err(|e| catalog_error("list the data tables", &e))
        })
    }
}
