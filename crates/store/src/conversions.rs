//! The history of conversions: rows of `converted_files`. What a conversion
//! proved is core's to say; here it is JSON.

use crate::catalog::{catalog_error, json_text, micros_value};
use crate::journal::{Journal, Line};
use crate::open::Store;
use crate::record::FileId;
use crate::{Result, StoreError};
use duckdb::{Connection, params};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq)]
pub struct NewConversion {
    pub source: Option<FileId>,
    pub output: Option<FileId>,
    pub output_format: String,
    pub output_filename: String,
    pub size_bytes: u64,
    pub duration_ms: u64,
    /// Options, counts, certificate.
    pub details: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConversionRecord {
    pub id: i64,
    pub uid: String,
    pub source: Option<FileId>,
    /// The source's name now, or as it was when it is gone.
    pub source_name: String,
    pub output: Option<FileId>,
    pub output_format: String,
    pub output_filename: String,
    pub size_bytes: u64,
    pub duration_ms: u64,
    pub converted_at: Timestamp,
    pub details: serde_json::Value,
}

impl Store {
    /// Adds a row to the history; durable when this returns.
    pub fn record_conversion(&self, new: &NewConversion) -> Result<ConversionRecord> {
        let source_name = match new.source {
            Some(id) => self.get(id)?.filename,
            None => String::new(),
        };
        let uid = ulid::Ulid::new().to_string();
        let mut journal = Journal::create(&self.inner.layout, &uid)?;
        let record = self.inner.catalog.write(|conn| {
            let id = conn
                .query_row("SELECT nextval('converted_files_id')", [], |r| r.get(0))
                .map_err(|e| catalog_error("keep the history", &e))?;
            let record = ConversionRecord {
                id,
                uid,
                source: new.source,
                source_name,
                output: new.output,
                output_format: new.output_format.clone(),
                output_filename: new.output_filename.clone(),
                size_bytes: new.size_bytes,
                duration_ms: new.duration_ms,
                converted_at: Timestamp::from_microsecond(Timestamp::now().as_microsecond())
                    .unwrap_or_default(),
                details: new.details.clone(),
            };
            journal.append(&Line::Conversion {
                row: Box::new(record.clone()),
            })?;
            insert(conn, &record)?;
            Ok(record)
        });
        if record.is_err() {
            journal.truncate(0);
        }
        self.inner
            .catalog
            .journal_is_committed(journal.path().to_owned());
        record
    }

    /// The history, newest first.
    pub fn conversions(&self, limit: u64, offset: u64) -> Result<Vec<ConversionRecord>> {
        // The engine counts in signed numbers, and no history is longer.
        let [limit, offset] = [limit, offset].map(|n| n.min(i64::MAX as u64));
        let rows = format!("ORDER BY converted_at DESC, id DESC LIMIT {limit} OFFSET {offset}");
        self.inner.catalog.read(|conn| select(conn, &rows))
    }

    /// One row of the history.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]
    pub fn conversion(&self, id: i64) -> Result<ConversionRecord> {
        let row = format!("WHERE id = {id}");
        self.inner
            .catalog
            .read(|conn| select(conn, &row))?
            .into_iter()
            .next()
            .ok_or(StoreError::NotFound)
    }
}

/// `rows` says which, and is made of numbers alone.
fn select(conn: &Connection, rows: &str) -> Result<Vec<ConversionRecord>> {
    let run = || -> duckdb::Result<Vec<ConversionRecord>> {
        conn.prepare(&format!(
            "SELECT c.id, c.uid, c.original_file_id, \
                    coalesce(f.filename, (c.metadata ->> 'source_name'), ''), \
                    c.output_file_id, c.output_format, c.output_filename, \
                    coalesce(c.size_bytes, 0), coalesce(c.duration_ms, 0), \
                    epoch_us(c.converted_at), c.metadata::VARCHAR \
             FROM (SELECT * FROM converted_files {rows}) c \
             LEFT JOIN user_files f ON f.id = c.original_file_id \
             ORDER BY c.converted_at DESC, c.id DESC"
        ))?
        .query_map([], |r| {
            Ok(ConversionRecord {
                id: r.get(0)?,
                uid: r.get(1)?,
                source: r.get::<_, Option<i64>>(2)?.map(FileId),
                source_name: r.get(3)?,
                output: r.get::<_, Option<i64>>(4)?.map(FileId),
                output_format: r.get(5)?,
                output_filename: r.get(6)?,
                size_bytes: r.get::<_, i64>(7)?.max(0) as u64,
                duration_ms: r.get::<_, i64>(8)?.max(0) as u64,
                converted_at: Timestamp::from_microsecond(r.get::<_, Option<i64>>(9)?.unwrap_or(0))
                    .unwrap_or_default(),
                details: r
                    .get::<_, Option<String>>(10)?
                    .and_then(|t| serde_json::from_str(&t).ok())
                    .unwrap_or_default(),
            })
        })?
        .collect()
    };
    run().map_err(|e| catalog_error("read the history", &e))
}

fn insert(conn: &Connection, row: &ConversionRecord) -> Result<()> {
    let mut details = row.details.clone();
    if let Some(map) = details.as_object_mut() {
        map.entry("source_name")
            .or_insert_with(|| row.source_name.clone().into());
    }
    conn.execute(
        "INSERT INTO converted_files (id, original_file_id, output_format, output_filename, \
         size_bytes, converted_at, metadata, uid, output_file_id, duration_ms) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            row.id,
            row.source.map(|f| f.0),
            row.output_format,
            row.output_filename,
            row.size_bytes as i64,
            micros_value(row.converted_at),
            json_text(&details),
            row.uid,
            row.output.map(|f| f.0),
            row.duration_ms as i64,
        ],
    )
    .map(|_| ())
    .map_err(|e| catalog_error("keep the history", &e))
}

/// Inserts a journaled row that the catalog lost; returns how many were missing.
pub(crate) fn bring_back(conn: &Connection, row: &ConversionRecord) -> Result<u64> {
    let known: i64 = conn
        .query_row(
            "SELECT count(*) FROM converted_files WHERE uid = ?",
            [&row.uid],
            |r| r.get(0),
        )
        .map_err(|e| catalog_error("read the history", &e))?;
    if known > 0 {
        return Ok(0);
    }
    insert(conn, row)?;
    crate::migrate::advance(conn, "converted_files_id", row.id)
        .map_err(|e| catalog_error("read the history", &e))?;
    Ok(1)
}
