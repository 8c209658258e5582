//! The tables, as this version writes them.
//!
//! Each rule was measured on DuckDB: ids come from sequences, sizes are 64-bit,
//! there are no foreign keys (an update of a parent would fail) and no indexes
//! (a million rows would be loaded at every open). The three tables of the
//! predecessor keep their names and columns; ours are added behind them.

use super::catalog_error;
use crate::{Result, StoreError};
use duckdb::Connection;

pub(crate) const SCHEMA_VERSION: i64 = 1;

const TABLES: &str = "
CREATE SEQUENCE IF NOT EXISTS user_files_id;
CREATE SEQUENCE IF NOT EXISTS converted_files_id;
CREATE SEQUENCE IF NOT EXISTS user_data_tables_id;

CREATE TABLE IF NOT EXISTS user_files (
    id                BIGINT NOT NULL DEFAULT nextval('user_files_id'),
    filename          VARCHAR NOT NULL,
    original_filename VARCHAR,
    file_type         VARCHAR,
    format            VARCHAR,
    size_bytes        BIGINT,
    uploaded_at       TIMESTAMP DEFAULT make_timestamp(epoch_us(now())),
    converted_from    VARCHAR,
    metadata          JSON,
    uid               VARCHAR NOT NULL,
    relative_path     VARCHAR NOT NULL,
    name_key          VARCHAR NOT NULL,
    sha256            VARCHAR NOT NULL,
    status            VARCHAR NOT NULL,
    mtime_ns          BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS converted_files (
    id               BIGINT NOT NULL DEFAULT nextval('converted_files_id'),
    original_file_id BIGINT,
    output_format    VARCHAR NOT NULL,
    output_filename  VARCHAR NOT NULL,
    size_bytes       BIGINT,
    converted_at     TIMESTAMP DEFAULT make_timestamp(epoch_us(now())),
    metadata         JSON,
    uid              VARCHAR NOT NULL,
    output_file_id   BIGINT,
    duration_ms      BIGINT
);

CREATE TABLE IF NOT EXISTS user_data_tables (
    id            BIGINT NOT NULL DEFAULT nextval('user_data_tables_id'),
    table_name    VARCHAR NOT NULL,
    ticker        VARCHAR,
    format        VARCHAR,
    row_count     BIGINT,
    columns       VARCHAR[],
    created_at    TIMESTAMP DEFAULT make_timestamp(epoch_us(now())),
    last_accessed TIMESTAMP,
    metadata      JSON,
    uid           VARCHAR NOT NULL
);

CREATE TABLE IF NOT EXISTS redline_meta (key VARCHAR NOT NULL, value VARCHAR NOT NULL);
";

/// What a catalog file turns out to hold.
pub(crate) enum Found {
    Empty,
    Predecessor,
    Ours { version: i64, owner_hex: String },
}

pub(crate) fn inspect(conn: &Connection) -> duckdb::Result<Found> {
    let has = |table: &str| -> duckdb::Result<bool> {
        conn.query_row(
            "SELECT count(*) FROM duckdb_tables() WHERE NOT internal AND table_name = ?",
            [table],
            |r| r.get::<_, i64>(0),
        )
        .map(|n| n > 0)
    };
    if has("redline_meta")? {
        let get = |key: &str| -> duckdb::Result<Option<String>> {
            match conn.query_row("SELECT value FROM redline_meta WHERE key = ?", [key], |r| {
                r.get(0)
            }) {
                Ok(value) => Ok(Some(value)),
                Err(duckdb::Error::QueryReturnedNoRows) => Ok(None),
                Err(e) => Err(e),
            }
        };
        if let Some(version) = get("schema_version")? {
            return Ok(Found::Ours {
                version: version.parse().unwrap_or(i64::MAX),
                owner_hex: get("owner_sha256")?.unwrap_or_default(),
            });
        }
    }
    if has("user_files")? || has("converted_files")? || has("user_data_tables")? {
        return Ok(Found::Predecessor);
    }
    Ok(Found::Empty)
}

/// Makes all tables and signs the catalog with its owner, in one transaction.
pub(crate) fn create(conn: &Connection, owner_hex: &str) -> Result<()> {
    let run = || -> duckdb::Result<()> {
        conn.execute_batch("BEGIN")?;
        conn.execute_batch(TABLES)?;
        conn.execute(
            "INSERT INTO redline_meta VALUES ('schema_version', ?), ('owner_sha256', ?), ('device', ?)",
            [SCHEMA_VERSION.to_string(), owner_hex.to_owned(), ulid::Ulid::new().to_string()],
        )?;
        conn.execute_batch("COMMIT")
    };
    run().map_err(|e| {
        let _ = conn.execute_batch("ROLLBACK");
        catalog_error("make the tables", &e)
    })
}

/// Refuses another key's catalog, and one from the future.
pub(crate) fn check(version: i64, owner_hex: &str, expected_owner: &str) -> Result<()> {
    if owner_hex != expected_owner {
        return Err(StoreError::WrongOwner);
    }
    if version > SCHEMA_VERSION {
        return Err(StoreError::TooNew {
            found: version,
            known: SCHEMA_VERSION,
        });
    }
    Ok(())
}
