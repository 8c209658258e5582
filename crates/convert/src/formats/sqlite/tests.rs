//! SQLite databases made by SQLite itself, read back value by value; damage; what is written.

use std::path::{Path, PathBuf};

use arrow::array::cast::AsArray;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use rusqlite::Connection;

use super::super::cells::samples::{self, comes_back, every_type, many, micros, read, with_job};
use super::{create, holds, open};
use crate::error::ConvertError;
use crate::options::Options;
use crate::source::Source;
use crate::table::Depth;
use crate::types;

fn made(dir: &Path, sql: &str) -> PathBuf {
    let path = dir.join("it's a \"db\" ?#%.db");
    let _ = std::fs::remove_file(&path);
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    path
}

fn texts(batch: &RecordBatch, column: usize) -> Vec<String> {
    (0..batch.num_rows())
        .map(|row| types::text_of(batch.column(column).as_ref(), row))
        .collect()
}

fn profile(path: &Path, options: &[(&str, &str)]) -> crate::profile::TableProfile {
    let options = Options::parse(options.iter().copied()).unwrap();
    with_job(|job| {
        open(&Source::new(path), &options, Depth::Whole, job)
            .unwrap()
            .profile()
            .clone()
    })
}

#[test]
fn every_type_comes_back_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    comes_back(open, create, &dir.path().join("x.db"), &every_type(holds));
}

#[test]
fn rows_can_be_read_from_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    comes_back(open, create, &path, &many(35_000));
    samples::reads_from_anywhere(open, &path);
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    samples::write(create, &path, &[many(2_000)]).unwrap();
    samples::survives_damage(open, &path);
}

#[test]
fn each_value_has_a_type_and_the_column_the_one_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = made(
        dir.path(),
        "CREATE TABLE t (a INTEGER, b REAL, c TEXT, d BLOB, e, f NUMERIC, g INTEGER, h, i, j TEXT);
         INSERT INTO t VALUES (1, 1.5, 'x', x'00ff', NULL, 1, 9007199254740993, 'x', x'61', '');
         INSERT INTO t VALUES (9223372036854775807, 2, '', x'', NULL, 2.5, 0.5, 3, 'b', NULL);",
    );
    let batch = read(open, &path, &[]).unwrap();
    let schema = batch.schema();
    let types: Vec<&DataType> = schema.fields().iter().map(|f| f.data_type()).collect();
    assert_eq!(
        types,
        [
            &DataType::Int64,
            &DataType::Float64,
            &DataType::Utf8,
            &DataType::Binary,
            &DataType::Utf8,
            &DataType::Float64,
            &DataType::Utf8,
            &DataType::Utf8,
            &DataType::Binary,
            &DataType::Utf8,
        ]
    );
    assert_eq!(
        batch.column(0).as_primitive::<Int64Type>().value(1),
        i64::MAX
    );
    assert_eq!(
        batch.column(5).as_primitive::<Float64Type>().values(),
        &[1.0, 2.5]
    );
    assert_eq!(texts(&batch, 6), ["9007199254740993", "0.5"]);
    assert_eq!(texts(&batch, 7), ["x", "3"]);
    assert_eq!(batch.column(8).as_binary::<i32>().value(1), b"b");
    assert!(batch.column(9).is_null(1) && !batch.column(9).is_null(0));
    let found = profile(&path, &[]);
    assert!(
        found.columns[6].evidence.contains("mixed"),
        "{}",
        found.columns[6].evidence
    );
}

#[test]
fn declared_types_hold_where_every_value_proves_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = made(
        dir.path(),
        "CREATE TABLE t (d DATE, d2 DATE, ts DATETIME, b BOOLEAN, b2 BOOLEAN, m DECIMAL(9,2), m2 DECIMAL(3,1));
         INSERT INTO t VALUES ('2026-01-31', '2026-01-31', '2026-01-31 10:00:00.5', 1, 1, 12.5, 12.55);
         INSERT INTO t VALUES ('1066-10-14', '31/01/2026', '2026-01-31 10:00:00', 0, 2, 3, 1);",
    );
    let batch = read(open, &path, &[]).unwrap();
    let schema = batch.schema();
    let types: Vec<&DataType> = schema.fields().iter().map(|f| f.data_type()).collect();
    assert_eq!(
        types,
        [
            &DataType::Date32,
            &DataType::Utf8,
            &micros(),
            &DataType::Boolean,
            &DataType::Int64,
            &DataType::Decimal128(9, 2),
            &DataType::Float64,
        ]
    );
    assert_eq!(texts(&batch, 5), ["12.50", "3.00"]);
    assert_eq!(
        texts(&batch, 2),
        ["2026-01-31 10:00:00.5", "2026-01-31 10:00:00"]
    );
}

#[test]
fn all_tables_and_views_are_listed_and_can_be_picked() {
    let dir = tempfile::tempdir().unwrap();
    let path = made(
        dir.path(),
        "CREATE TABLE empty (a); CREATE TABLE \"we\"\"ird [x]\" (\"sel ect\" INTEGER PRIMARY KEY, g AS (\"sel ect\" * 2), rowid TEXT) ;
         INSERT INTO \"we\"\"ird [x]\" VALUES (5, 'r');
         CREATE TABLE pairs (k TEXT PRIMARY KEY, v INTEGER) WITHOUT ROWID; INSERT INTO pairs VALUES ('b', 1), ('a', 2);
         CREATE TABLE strict (a INTEGER, b ANY) STRICT; INSERT INTO strict VALUES (1, 'x');
         CREATE VIEW v AS SELECT k, v FROM pairs; CREATE INDEX i ON pairs (v);",
    );
    let found = profile(&path, &[]);
    let names: Vec<&str> = found.tables.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["empty", "we\"ird [x]", "pairs", "strict", "v"]);
    assert_eq!(found.table.as_deref(), Some("we\"ird [x]"));
    assert_eq!(found.choices[0].what, "table");
    let batch = read(open, &path, &[]).unwrap();
    assert_eq!(
        (texts(&batch, 1), texts(&batch, 2)),
        (vec!["10".to_owned()], vec!["r".to_owned()])
    );
    let mut keys = texts(&read(open, &path, &[("table", "v")]).unwrap(), 0);
    keys.sort();
    assert_eq!(keys, ["a", "b"]);
    assert_eq!(
        texts(&read(open, &path, &[("table", "pairs")]).unwrap(), 1),
        ["2", "1"]
    );
    assert_eq!(
        read(open, &path, &[("table", "empty")]).unwrap().num_rows(),
        0
    );
    assert!(matches!(
        read(open, &path, &[("table", "none")]),
        Err(ConvertError::NoTable { .. })
    ));
}

#[test]
fn text_that_is_not_utf8_is_kept_as_bytes_and_located() {
    let dir = tempfile::tempdir().unwrap();
    let path = made(
        dir.path(),
        "CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('x'), (CAST(x'e9' AS TEXT));",
    );
    let batch = read(open, &path, &[]).unwrap();
    assert_eq!(batch.column(0).as_binary::<i32>().value(1), b"\xE9");
    assert!(profile(&path, &[]).warnings[0].contains("row 2"));
}

#[test]
fn nothing_is_written_beside_a_database_and_a_log_is_read_from_a_copy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("w.db");
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a); PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (1), (2);")
        .unwrap();
    let listing = || {
        let mut names: Vec<_> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap())
            .map(|e| (e.file_name(), e.metadata().unwrap().len()))
            .collect();
        names.sort();
        names
    };
    let before = listing();
    assert!(before.iter().any(|(name, _)| name == "w.db-wal"));
    assert_eq!(read(open, &path, &[]).unwrap().num_rows(), 2);
    assert!(profile(&path, &[]).warnings[0].contains("w.db-wal"));
    assert_eq!(listing(), before);
    // Alone, as a file that was stored away from its log: what is in it is read as it is.
    let alone = dir.path().join("alone.db");
    std::fs::copy(&path, &alone).unwrap();
    let before = listing();
    assert_eq!(read(open, &alone, &[]).unwrap().num_rows(), 0);
    assert_eq!(listing(), before);
}

#[test]
fn what_is_no_plain_database_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.db");
    for (bytes, seen) in [
        (&b""[..], "empty"),
        (&[7u8; 4096][..], "encrypted"),
        (b"SQLite format 3\0", "cut off"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        match read(open, &path, &[]) {
            Err(ConvertError::Unreadable { seen: said, .. }) => {
                assert!(said.contains(seen), "{said}")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_value_past_the_memory_setting_is_refused_before_it_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let path = made(
        dir.path(),
        "CREATE VIEW bomb AS SELECT zeroblob(900000000) AS z;",
    );
    match read(open, &path, &[("memory", "64")]) {
        Err(ConvertError::OutOfMemory { detail, .. }) => assert!(detail.contains("memory")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_order_is_the_tables_own_whatever_indexes_there_are() {
    let dir = tempfile::tempdir().unwrap();
    let path = made(
        dir.path(),
        "CREATE TABLE t (a INTEGER, b INTEGER); CREATE INDEX i ON t (a);
         INSERT INTO t VALUES (3, 1), (1, 2), (2, 3);",
    );
    with_job(|job| {
        let table = open(&Source::new(&path), &Options::default(), Depth::Whole, job).unwrap();
        let batch = samples::collect(table.as_ref(), Some(&[0]), 0).unwrap();
        assert_eq!(
            batch.column(0).as_primitive::<Int64Type>().values(),
            &[3, 1, 2]
        );
    });
}
