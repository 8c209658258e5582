//! Data tables: rows of `user_data_tables`, each a name for a stored file (the
//! predecessor's rows come without one). What is in the file is never read here.

use crate::catalog::{catalog_error, json_text, micros_value};
use crate::journal::{Journal, Line};
use crate::list::get_file;
use crate::open::Store;
use crate::record::{FileId, Status};
use crate::{Result, StoreError};
use duckdb::{Connection, Row, params};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq)]
pub struct NewTable {
    pub table_name: String,
    pub ticker: Option<String>,
    pub format: String,
    pub row_count: u64,
    /// Names of the columns, in their order.
    pub columns: Vec<String>,
    pub file: FileId,
    /// An object; the uid of the file is put in.
    pub metadata: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The file that it is a name for, as the catalog has it now; none where it never
    /// had one, or where the file is gone for good.
    pub file: Option<TableFile>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableFile {
    pub id: FileId,
    pub filename: String,
    pub status: Status,
}

impl Store {
    /// All data tables, by name.
    pub fn tables(&self) -> Result<Vec<TableRecord>> {
        self.inner.catalog.read(|conn| select(conn, "true", ""))
    }

    /// The table of this name, in any case.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]
    pub fn table(&self, name: &str) -> Result<TableRecord> {
        self.inner.catalog.read(|conn| find(conn, name))
    }

    /// Gives a stored file a name as a table; durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the file, [`StoreError::DestExists`] where a table
    /// has this name in any case.
    pub fn add_table(&self, new: &NewTable) -> Result<TableRecord> {
        let uid = ulid::Ulid::new().to_string();
        let mut journal = Journal::create(&self.inner.layout, &uid)?;
        let record = self.inner.catalog.write(|conn| {
            let file = get_file(conn, new.file)?;
            match find(conn, &new.table_name) {
                Err(StoreError::NotFound) => {}
                Ok(there) => {
                    return Err(StoreError::DestExists {
                        name: there.table_name,
                    });
                }
                Err(e) => return Err(e),
            }
            let id = conn
                .query_row("SELECT nextval('user_data_tables_id')", [], |r| r.get(0))
                .map_err(|e| catalog_error("keep a data table", &e))?;
            let mut metadata = new.metadata.clone();
            if !metadata.is_object() {
                metadata = serde_json::json!({});
            }
            metadata["file_uid"] = file.uid.clone().into();
            let record = TableRecord {
                id,
                uid,
                table_name: new.table_name.clone(),
                ticker: new.ticker.clone(),
                format: Some(new.format.clone()),
                row_count: Some(new.row_count),
                columns: new.columns.clone(),
                created_at: Timestamp::from_microsecond(Timestamp::now().as_microsecond()).ok(),
                last_accessed: None,
                metadata,
                file: Some(TableFile {
                    id: file.id,
                    filename: file.filename,
                    status: file.status,
                }),
            };
            journal.append(&Line::Table {
                row: Box::new(record.clone()),
            })?;
            insert(conn, &record)?;
            Ok(record)
        });
        self.end_journal(journal, record.is_ok());
        record
    }

    /// Takes a table's name away; its file stays. Durable when this returns.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]
    pub fn drop_table(&self, name: &str) -> Result<TableRecord> {
        let mut journal = Journal::create(&self.inner.layout, &ulid::Ulid::new().to_string())?;
        let dropped = self.inner.catalog.write(|conn| {
            let record = find(conn, name)?;
            journal.append(&Line::TableDropped {
                uid: record.uid.clone(),
            })?;
            delete(conn, &record.uid)?;
            Ok(record)
        });
        self.end_journal(journal, dropped.is_ok());
        dropped
    }

    fn end_journal(&self, mut journal: Journal, committed: bool) {
        if !committed {
            journal.truncate(0);
        }
        self.inner
            .catalog
            .journal_is_committed(journal.path().to_owned());
    }
}

fn select(conn: &Connection, condition: &str, argument: &str) -> Result<Vec<TableRecord>> {
    let run = || -> duckdb::Result<Vec<TableRecord>> {
        let mut statement = conn.prepare(&format!(
            "SELECT t.id, t.uid, t.table_name, t.ticker, t.format, t.row_count, \
                    to_json(t.columns)::VARCHAR, epoch_us(t.created_at), epoch_us(t.last_accessed), \
                    t.metadata::VARCHAR, f.id, f.filename, f.status \
             FROM user_data_tables t LEFT JOIN user_files f ON f.uid = (t.metadata ->> 'file_uid') \
             WHERE {condition} ORDER BY lower(t.table_name), t.id"
        ))?;
        if argument.is_empty() {
            statement.query_map([], from_row)?.collect()
        } else {
            statement.query_map([argument], from_row)?.collect()
        }
    };
    run().map_err(|e| catalog_error("list the data tables", &e))
}

fn find(conn: &Connection, name: &str) -> Result<TableRecord> {
    if name.is_empty() {
        return Err(StoreError::NotFound);
    }
    select(conn, "lower(t.table_name) = lower(?)", name)?
        .into_iter()
        .next()
        .ok_or(StoreError::NotFound)
}

fn from_row(r: &Row<'_>) -> duckdb::Result<TableRecord> {
    let time = |micros: Option<i64>| Timestamp::from_microsecond(micros?).ok();
    let file = match r.get::<_, Option<i64>>(10)? {
        None => None,
        Some(id) => Some(TableFile {
            id: FileId(id),
            filename: r.get::<_, Option<String>>(11)?.unwrap_or_default(),
            status: Status::parse(&r.get::<_, Option<String>>(12)?.unwrap_or_default()),
        }),
    };
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
        file,
    })
}

fn insert(conn: &Connection, row: &TableRecord) -> Result<()> {
    conn.execute(
        "INSERT INTO user_data_tables (id, table_name, ticker, format, row_count, columns, \
                created_at, last_accessed, metadata, uid) \
         VALUES (?, ?, ?, ?, ?, from_json(?, '[\"VARCHAR\"]'), ?, NULL, ?, ?)",
        params![
            row.id,
            row.table_name,
            row.ticker,
            row.format,
            row.row_count.map(|n| n.min(i64::MAX as u64) as i64),
            serde_json::Value::from(row.columns.clone()).to_string(),
            row.created_at.map(micros_value),
            json_text(&row.metadata),
            row.uid,
        ],
    )
    .map(|_| ())
    .map_err(|e| catalog_error("keep a data table", &e))
}

pub(crate) fn delete(conn: &Connection, uid: &str) -> Result<()> {
    conn.execute("DELETE FROM user_data_tables WHERE uid = ?", [uid])
        .map(drop)
        .map_err(|e| catalog_error("drop a data table", &e))
}

/// Inserts a journaled row that the catalog lost; returns how many were missing.
pub(crate) fn bring_back(conn: &Connection, row: &TableRecord) -> Result<u64> {
    let known: i64 = conn
        .query_row(
            "SELECT count(*) FROM user_data_tables WHERE uid = ? OR lower(table_name) = lower(?)",
            [&row.uid, &row.table_name],
            |r| r.get(0),
        )
        .map_err(|e| catalog_error("list the data tables", &e))?;
    if known > 0 {
        return Ok(0);
    }
    insert(conn, row)?;
    crate::migrate::advance(conn, "user_data_tables_id", row.id)
        .map_err(|e| catalog_error("list the data tables", &e))?;
    Ok(1)
}
