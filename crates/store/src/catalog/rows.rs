//! Rows of `user_files` in and out.

use crate::record::{FileId, FileRecord, Status};
use crate::{Result, names};
use duckdb::types::{TimeUnit, Value};
use duckdb::{Connection, Row, params};
use jiff::Timestamp;

/// The columns [`file_from_row`] expects, in its order. `filename` is not among
/// them, and `original_filename` is NULL where it says nothing new: each wide
/// column costs a page of a scattered order some 10 ms at a million rows.
pub(crate) const FILE_COLUMNS: &str = "id, uid, relative_path, original_filename, file_type, \
    format, size_bytes, sha256, epoch_us(uploaded_at), status, metadata::VARCHAR, mtime_ns";

pub(crate) fn file_from_row(row: &Row<'_>) -> duckdb::Result<FileRecord> {
    let text = |i: usize| {
        row.get::<_, Option<String>>(i)
            .map(Option::unwrap_or_default)
    };
    let relative_path = text(2)?;
    let filename = names::filename_of(&relative_path).to_owned();
    Ok(FileRecord {
        id: FileId(row.get(0)?),
        uid: text(1)?,
        relative_path,
        original_filename: row
            .get::<_, Option<String>>(3)?
            .unwrap_or_else(|| filename.clone()),
        filename,
        file_type: text(4)?,
        format: text(5)?,
        size_bytes: row.get::<_, Option<i64>>(6)?.unwrap_or(0).max(0) as u64,
        sha256: text(7)?,
        uploaded_at: Timestamp::from_microsecond(row.get::<_, Option<i64>>(8)?.unwrap_or(0))
            .unwrap_or_default(),
        status: Status::parse(&text(9)?),
        metadata: row
            .get::<_, Option<String>>(10)?
            .and_then(|t| serde_json::from_str(&t).ok())
            .unwrap_or(serde_json::Value::Object(Default::default())),
        mtime_ns: row.get::<_, Option<i64>>(11)?.unwrap_or(0),
    })
}

/// Appends rows, giving each the next id; `records` receive theirs. An appended
/// row costs microseconds where an INSERT costs a millisecond.
pub(crate) fn append_files(conn: &Connection, records: &mut [FileRecord]) -> Result<()> {
    let run = |records: &mut [FileRecord]| -> duckdb::Result<()> {
        let mut ids = conn.prepare("SELECT nextval('user_files_id') FROM range(?)")?;
        let ids = ids
            .query_map([records.len() as i64], |r| r.get::<_, i64>(0))?
            .collect::<duckdb::Result<Vec<_>>>()?;
        let mut appender = conn.appender("user_files")?;
        for (record, id) in records.iter_mut().zip(ids) {
            record.id = FileId(id);
            appender.append_row(params![
                id,
                record.filename,
                (record.original_filename != record.filename).then_some(&record.original_filename),
                record.file_type,
                record.format,
                record.size_bytes as i64,
                micros_value(record.uploaded_at),
                record
                    .metadata
                    .get("converted_from")
                    .and_then(|v| v.as_str())
                    .map(str::to_owned),
                json_text(&record.metadata),
                record.uid,
                record.relative_path,
                names::name_key(&record.relative_path),
                record.sha256,
                record.status.as_str(),
                record.mtime_ns,
            ])?;
        }
        appender.flush()
    };
    run(records).map_err(|e| super::catalog_error("add files", &e))
}

pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(crate) fn micros_value(at: Timestamp) -> Value {
    Value::Timestamp(TimeUnit::Microsecond, micros(at))
}

pub(crate) fn json_text(value: &serde_json::Value) -> String {
    value.to_string()
}
