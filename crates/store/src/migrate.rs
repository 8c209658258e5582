//! The predecessor's catalog, carried over into ours.
//!
//! Written into a new file beside the old one, which is copied to quarantine
//! first and replaced by one rename: a crash at any point leaves either the old
//! catalog or the whole new one.

use crate::catalog::{catalog_error, connect};
use crate::layout::{Layout, name_of};
use crate::{Result, StoreError, StoreOptions, catalog, durable, names};
use duckdb::{Connection, params};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::fs;
use std::path::Path;

/// What came over.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Migrated {
    pub files: u64,
    pub conversions: u64,
    pub tables: u64,
}

pub(crate) fn from_predecessor(
    layout: &Layout,
    owner_hex: &str,
    options: &StoreOptions,
) -> Result<Migrated> {
    let old = layout.catalog();
    let keep = layout
        .quarantine()
        .join(format!("predecessor-{}.duckdb", ulid::Ulid::new()));
    copy_durably(&old, &keep)?;

    let new = layout.home.join(".user_data.duckdb.migrating");
    for leftover in [
        new.clone(),
        layout.home.join(".user_data.duckdb.migrating.wal"),
    ] {
        if leftover.exists() {
            fs::remove_file(&leftover).map_err(|e| StoreError::io(name_of(&leftover), e))?;
        }
    }
    let conn = connect(&new, options).map_err(|e| catalog_error("migrate", &e))?;
    catalog::create_tables(&conn, owner_hex)?;
    let result = carry_over(&conn, &keep);
    let migrated = match result {
        Ok(migrated) => migrated,
        Err(e) => {
            drop(conn);
            let _ = fs::remove_file(&new);
            return Err(e);
        }
    };
    conn.execute_batch("CHECKPOINT")
        .map_err(|e| catalog_error("migrate", &e))?;
    conn.close()
        .map_err(|(_, e)| catalog_error("migrate", &e))?;
    fs::File::open(&new)
        .and_then(|f| f.sync_all())
        .and_then(|()| fs::rename(&new, &old))
        .and_then(|()| durable::sync_dir(&layout.home))
        .map_err(|e| StoreError::io("the migrated catalog", e))?;
    Ok(migrated)
}

fn copy_durably(from: &Path, to: &Path) -> Result<()> {
    let run = || -> std::io::Result<()> {
        let mut source = fs::File::open(from)?;
        let mut dest = durable::private_new().open(to)?;
        std::io::copy(&mut source, &mut dest)?;
        dest.sync_all()?;
        durable::sync_dir(to.parent().unwrap_or(to))
    };
    run().map_err(|e| StoreError::io("a copy of the old catalog", e))
}

fn carry_over(conn: &Connection, old: &Path) -> Result<Migrated> {
    let run = || -> duckdb::Result<Migrated> {
        let path = old.to_string_lossy().replace('\'', "''");
        conn.execute_batch(&format!("ATTACH '{path}' AS old (READ_ONLY)"))?;
        conn.execute_batch("BEGIN")?;
        let migrated = Migrated {
            files: files(conn)?,
            conversions: conversions(conn)?,
            tables: tables(conn)?,
        };
        conn.execute_batch("COMMIT")?;
        conn.execute_batch("DETACH old")?;
        Ok(migrated)
    };
    run().map_err(|e| catalog_error("carry over the old catalog", &e))
}

/// Whether the old catalog has a table, and which columns of it: predecessors
/// differed.
fn columns(conn: &Connection, table: &str) -> duckdb::Result<Vec<String>> {
    conn.prepare(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = 'old' AND table_name = ?",
    )?
    .query_map([table], |r| r.get(0))?
    .collect()
}

/// `column` if the table has it, else NULL, as text.
fn pick(have: &[String], column: &str) -> String {
    if have.iter().any(|c| c == column) {
        format!("CAST({column} AS VARCHAR)")
    } else {
        format!("NULL AS {column}")
    }
}

/// The predecessor stored this machine's local time without saying so.
fn utc_micros(local: Option<String>) -> Option<i64> {
    let text = local?;
    let civil: DateTime = text.replace(' ', "T").parse().ok()?;
    Some(
        civil
            .to_zoned(TimeZone::system())
            .ok()?
            .timestamp()
            .as_microsecond(),
    )
}

fn timestamp(micros: Option<i64>) -> duckdb::types::Value {
    match micros {
        Some(us) => duckdb::types::Value::Timestamp(duckdb::types::TimeUnit::Microsecond, us),
        None => duckdb::types::Value::Null,
    }
}

fn files(conn: &Connection) -> duckdb::Result<u64> {
    let have = columns(conn, "user_files")?;
    if have.is_empty() {
        return Ok(0);
    }
    let list: Vec<String> = [
        "id",
        "filename",
        "original_filename",
        "file_type",
        "format",
        "size_bytes",
        "uploaded_at",
        "converted_from",
        "metadata",
    ]
    .iter()
    .map(|c| pick(&have, c))
    .collect();
    let mut select = conn.prepare(&format!(
        "SELECT {} FROM old.user_files ORDER BY id",
        list.join(", ")
    ))?;
    let mut rows = select.query([])?;
    let (mut n, mut top) = (0, 0);
    while let Some(row) = rows.next()? {
        let text = |i: usize| row.get::<_, Option<String>>(i);
        let id: i64 = text(0)?.and_then(|t| t.parse().ok()).unwrap_or(0);
        let Some(filename) = text(1)? else { continue };
        // A name that could lead out of `files/` never becomes a path.
        let relative = names::tame_relative(Path::new(&filename.replace('\\', "/")));
        conn.execute(
            "INSERT INTO user_files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 'stored', 0)",
            params![
                id,
                names::filename_of(&relative),
                text(2)?.unwrap_or_else(|| filename.clone()),
                text(3)?.unwrap_or_else(|| "other".into()),
                text(4)?.unwrap_or_else(|| "other".into()),
                text(5)?.and_then(|t| t.parse::<i64>().ok()),
                timestamp(utc_micros(text(6)?)),
                text(7)?,
                text(8)?.unwrap_or_else(|| "{}".into()),
                ulid::Ulid::new().to_string(),
                relative,
                names::name_key(&relative),
            ],
        )?;
        n += 1;
        top = top.max(id);
    }
    advance(conn, "user_files_id", top)?;
    Ok(n)
}

fn conversions(conn: &Connection) -> duckdb::Result<u64> {
    let have = columns(conn, "converted_files")?;
    if have.is_empty() {
        return Ok(0);
    }
    let list: Vec<String> = [
        "id",
        "original_file_id",
        "output_format",
        "output_filename",
        "size_bytes",
        "converted_at",
        "metadata",
    ]
    .iter()
    .map(|c| pick(&have, c))
    .collect();
    let mut select = conn.prepare(&format!(
        "SELECT {} FROM old.converted_files ORDER BY id",
        list.join(", ")
    ))?;
    let mut rows = select.query([])?;
    let (mut n, mut top) = (0, 0);
    while let Some(row) = rows.next()? {
        let text = |i: usize| row.get::<_, Option<String>>(i);
        let number = |t: Option<String>| t.and_then(|t| t.parse::<i64>().ok());
        let id = number(text(0)?).unwrap_or(0);
        conn.execute(
            "INSERT INTO converted_files VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
            params![
                id,
                number(text(1)?),
                text(2)?.unwrap_or_else(|| "other".into()),
                text(3)?.unwrap_or_else(|| "unnamed".into()),
                number(text(4)?),
                timestamp(utc_micros(text(5)?)),
                text(6)?.unwrap_or_else(|| "{}".into()),
                ulid::Ulid::new().to_string(),
            ],
        )?;
        n += 1;
        top = top.max(id);
    }
    advance(conn, "converted_files_id", top)?;
    Ok(n)
}

fn tables(conn: &Connection) -> duckdb::Result<u64> {
    let have = columns(conn, "user_data_tables")?;
    if have.is_empty() {
        return Ok(0);
    }
    let pick = |c: &str, otherwise: &str| {
        if have.iter().any(|h| h == c) {
            c.to_owned()
        } else {
            otherwise.to_owned()
        }
    };
    // Times first as they are; each is then turned into UTC.
    let n = conn.execute(
        &format!(
            "INSERT INTO user_data_tables
             SELECT id, table_name, {}, {}, {}, {}, {}, {}, {}, uuid()::VARCHAR
             FROM old.user_data_tables",
            pick("ticker", "NULL"),
            pick("format", "NULL"),
            pick("row_count", "NULL"),
            pick("columns", "NULL"),
            pick("created_at", "NULL"),
            pick("last_accessed", "NULL"),
            pick("metadata", "NULL"),
        ),
        [],
    )?;
    let stamps = conn
        .prepare("SELECT id, created_at::VARCHAR, last_accessed::VARCHAR FROM user_data_tables")?
        .query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<duckdb::Result<Vec<(i64, Option<String>, Option<String>)>>>()?;
    let mut top = 0;
    for (id, created, accessed) in stamps {
        conn.execute(
            "UPDATE user_data_tables SET created_at = ?, last_accessed = ?, uid = ? WHERE id = ?",
            params![
                timestamp(utc_micros(created)),
                timestamp(utc_micros(accessed)),
                ulid::Ulid::new().to_string(),
                id
            ],
        )?;
        top = top.max(id);
    }
    advance(conn, "user_data_tables_id", top)?;
    Ok(n as u64)
}

/// Moves a sequence past the ids that were taken over.
pub(crate) fn advance(conn: &Connection, sequence: &str, past: i64) -> duckdb::Result<()> {
    if past <= 0 {
        return Ok(());
    }
    let take = |sql: &str, count: i64| -> duckdb::Result<Option<i64>> {
        conn.query_row(sql, [count], |r| r.get(0))
    };
    let several = format!("SELECT max(nextval('{sequence}')) FROM range(?)");
    // Asked by taking one: what the engine lists as the last value is one too many after
    // the database was opened again.
    let reached = take(&several, 1)?.unwrap_or(0);
    if reached < past {
        take(&several, past - reached)?;
    }
    Ok(())
}
